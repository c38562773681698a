//! Jobs in rounds: what is not begun is given back.

use crate::shop::Shop;
use rustok_app::jobs::{JobRound, run_due};
use rustok_events::JobKind;
use rustok_test_support::both_databases;
use std::cell::Cell;
use std::time::Duration;

both_databases! {
    async fn what_is_not_begun_at_shutdown_is_given_back(db) {
        let shop = Shop::open(db.url()).await;
        let [variant] = shop.product(&[("A", Some(9))]).await.try_into().unwrap();
        for _ in 0..4 {
            shop.place(&[(variant, 1)]).await.unwrap();
        }
        shop.clock.advance(Duration::from_secs(3_600));
        let asked = Cell::new(0);
        let is_stopping = || asked.replace(asked.get() + 1) == 1;
        let round = run_due(&shop.platform(), JobKind::ALL, 10, is_stopping).await.unwrap();
        assert_eq!(round, JobRound { due: 4, done: 1, failed: 0 });
        let rest = run_due(&shop.platform(), JobKind::ALL, 10, || false).await.unwrap();
        assert_eq!(rest, JobRound { due: 3, done: 3, failed: 0 }, "at once");
        assert_eq!(shop.available(variant).await, Some(9));
    }
}
