//! Who comes second is told so, with numbers, and changes nothing.

use crate::shop::Shop;
use futures_util::future::join_all;
use rustok_app::orders::{self, CancelOrder};
use rustok_app::{IdempotencyKey, Precondition};
use rustok_core::error::RichError;
use rustok_test_support::both_databases;
use serde_json::Value;

fn wire(error: &RichError) -> Value {
    serde_json::from_slice(&error.to_response().to_json()).unwrap()
}

both_databases! {
    async fn the_last_pieces_go_to_whom_they_were_promised(db) {
        let shop = Shop::open(db.url()).await;
        let [scarce, plenty] = shop.product(&[("A", Some(9)), ("B", Some(1_000))]).await.try_into().unwrap();
        // Half of them ask in the other sequence: locks taken as they ask would deadlock.
        let lines = [[(scarce, 2), (plenty, 1)], [(plenty, 1), (scarce, 2)]];
        let tries = join_all((0..32).map(|n| shop.place(&lines[n % 2]))).await;
        let refused: Vec<_> = tries.iter().filter_map(|tried| tried.as_ref().err()).map(wire).collect();
        assert_eq!(refused.len(), 28, "{refused:#?}");
        for problem in refused {
            assert_eq!((&problem["code"], &problem["status"]), (&"insufficient_stock".into(), &409.into()), "{problem}");
            assert_eq!((&problem["available"], &problem["requested"]), (&1.into(), &2.into()), "{problem}");
            assert_eq!(problem["variant_id"], scarce.to_string());
        }
        assert_eq!(shop.available(scarce).await, Some(1));
        assert_eq!(shop.available(plenty).await, Some(996), "who was refused one thing gets nothing");
    }

    async fn an_overtaken_change_is_told_the_version_that_won(db) {
        let shop = Shop::open(db.url()).await;
        let [variant] = shop.product(&[("A", Some(9))]).await.try_into().unwrap();
        for _ in 0..10 {
            let id = shop.place(&[(variant, 1)]).await.unwrap();
            let ctx = shop.ctx();
            let cancel = |n| CancelOrder { id, if_match: Precondition::None, reason: format!("no {n}"), refund_id: None };
            let cancelling = (0..8).map(|n| orders::cancel(&ctx, cancel(n), IdempotencyKey::none()));
            let results = join_all(cancelling).await;
            assert_eq!(results.iter().filter(|result| result.is_ok()).count(), 1);
            for problem in results.iter().filter_map(|result| result.as_ref().err()).map(wire) {
                match problem["code"].as_str() {
                    Some("version_conflict") => assert_eq!(problem["current_version"], 2),
                    Some("illegal_transition") => assert_eq!(problem["current_state"], "cancelled"),
                    _ => panic!("{problem:#}"),
                }
            }
            assert_eq!(orders::history(&ctx, id).await.unwrap().len(), 2);
            assert_eq!(shop.available(variant).await, Some(9));
        }
    }
}
