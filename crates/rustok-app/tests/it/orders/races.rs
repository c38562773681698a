//! Who comes second is told so, with numbers, and changes nothing.

use crate::shop::{Shop, place};
use futures_util::future::join_all;
use rustok_app::{Ctx, orders};
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

    async fn orders_at_once_hold_no_more_pieces_than_one_after_the_other(db) {
        let shop = Shop::open(db.url()).await;
        let most = i64::from(shop.tenant.settings.max_pending_pieces);
        let piece = most / 4;
        // A variant for each order: nothing but the limit makes them meet.
        let stock: Vec<_> = (0..16).map(|n| format!("SKU-{n}")).collect();
        let stock: Vec<_> = stock.iter().map(|sku| (sku.as_str(), Some(most))).collect();
        let variants = shop.product(&stock).await;
        let known = "known@example.com";
        let first = place(&shop.visitor(), known, &[(variants[0], 1)]).await.unwrap();
        shop.cancel(first, "a test").await.unwrap();
        // Many networks and one buyer, who is new to the shop, or known to it; then many buyers of one network.
        for buyer in [Some("new@example.com"), Some(known), None] {
            let tries = join_all(variants.iter().zip(0_u8..).map(async |(variant, n)| {
                let round = u8::from(buyer == Some(known));
                let network = if buyer.is_some() { [[n; 8], [round; 8]].concat().try_into().unwrap() } else { [200; 16] };
                let email = buyer.map_or_else(|| format!("{n}@example.com"), str::to_owned);
                let ctx = Ctx { network: Some(network), ..shop.visitor() };
                place(&ctx, &email, &[(*variant, piece)]).await
            })).await;
            assert_eq!(tries.iter().filter(|tried| tried.is_ok()).count(), 4, "{buyer:?} {tries:#?}");
            for problem in tries.iter().filter_map(|tried| tried.as_ref().err()).map(wire) {
                assert_eq!(problem["code"], "too_many_pending_pieces", "{problem:#}");
            }
        }
    }

    async fn an_overtaken_change_is_told_the_version_that_won(db) {
        let shop = Shop::open(db.url()).await;
        let [variant] = shop.product(&[("A", Some(9))]).await.try_into().unwrap();
        for _ in 0..10 {
            let id = shop.place(&[(variant, 1)]).await.unwrap();
            let ctx = shop.ctx();
            let reasons: Vec<_> = (0..8).map(|n| format!("no {n}")).collect();
            let results = join_all(reasons.iter().map(|reason| shop.cancel(id, reason))).await;
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
