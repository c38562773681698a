//! What a store tells of itself: times, connections, and what waits in the outbox.

use super::*;
use crate::outbox::{self, Backlog, Outcome};
use rustok_events::ids::EventId;
use rustok_events::{Event, Topic};
use rustok_test_support::both_databases;
use std::collections::BTreeMap;

both_databases! {
    async fn what_was_done_is_counted_by_operation_and_table(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop").await;
        let counts = || {
            let operations = store.times().operations.into_iter();
            let count = |durations: crate::Durations| durations.counts.iter().sum::<u64>();
            let counts = operations.map(|times| ((times.operation, times.table), count(times.durations)));
            counts.collect::<BTreeMap<_, _>>()
        };
        let before = counts();
        add_authors(&store, shop, &["a", "b", "c"]).await;
        logins(&store, shop).await;
        let mut tx = store.read(shop, soon()).await.unwrap();
        let broken = tx
            .db
            .fetch("authors", "SELECT nothing FROM nowhere", &[], |_| Ok(()))
            .await;
        broken.unwrap_err();
        drop(tx);
        let after = counts();
        let new = |key| after[&key] - before.get(&key).copied().unwrap_or_default();
        assert_eq!(new(("INSERT", "authors")), 3);
        assert_eq!(new(("SELECT", "authors")), 2, "a failure takes its time too");
        assert_eq!(new(("COMMIT", "")), 1);
        let times = store.times();
        assert_eq!(times.write_waits.counts.iter().sum::<u64>(), 2);
        assert_eq!(times.read_waits.counts.iter().sum::<u64>(), 3);
        assert_eq!((times.waiting, times.renewals), (0, 0));
        assert!(
            times
                .operations
                .iter()
                .all(|times| times.durations.sum > Duration::ZERO)
        );
    }

    async fn connections_are_used_and_then_idle(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop").await;
        let most = store.connections().max;
        let mut held = Vec::new();
        for _ in 0..3 {
            held.push(store.read(shop, soon()).await.unwrap());
        }
        assert_eq!((store.connections().used, store.connections().max), (3, most));
        drop(held);
        let connections = store.connections();
        assert_eq!(connections.used, 0);
        assert!((3..=most).contains(&connections.idle), "{connections:?}");
    }

    async fn the_backlog_is_what_was_not_delivered(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop").await;
        let backlog = async |limit| {
            let mut tx = store.platform_read(soon()).await.unwrap();
            outbox::backlog(&mut tx, limit).await.unwrap()
        };
        assert_eq!(
            backlog(10).await,
Backlog::default()
        );
        let at = |second: u64| now().checked_add(Duration::from_secs(second)).unwrap();
        let mut tx = store.write(shop, soon()).await.unwrap();
        for second in [3, 1, 2] {
            let event = Event {
                id: EventId::from_uuid(id(u128::from(second))),
                tenant_id: shop.tenant_id(),
                topic: Topic::OrderPlaced,
                subject_id: id(9),
                payload: serde_json::json!({}),
                occurred_at: at(second),
                traceparent: None,
            };
            let insert = outbox::insert_event(shop.tenant_id(), &event);
            tx.db.execute_all(&[insert]).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert_eq!(
            backlog(10).await,
            Backlog {
                depth: 3,
                oldest: Some(at(1)),
                ..Backlog::default()
            }
        );
        assert_eq!(
            backlog(2).await,
            Backlog {
                depth: 2,
                oldest: Some(at(1)),
                ..Backlog::default()
            }
        );
        let mut tx = store.platform_write(soon()).await.unwrap();
        let event = outbox::list_waiting(&mut tx, 1).await.unwrap().remove(0);
        let oldest = [Outcome { event, failed: Vec::new() }];
        outbox::distribute(&mut tx, None, &oldest, at(9)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(
            backlog(10).await,
            Backlog {
                depth: 2,
                oldest: Some(at(2)),
                ..Backlog::default()
            }
        );
    }
}
