//! Events reach every consumer at least once, whoever crashes, is slow or never takes one.

use super::*;
use crate::deliveries::{self, Outcomes};
use crate::outbox::{self, Backlog, Outcome};
use rustok_events::lease::{LEASE, MAX_ATTEMPTS};
use rustok_events::{Consumer, Delivery, Event, Lease, Topic};
use rustok_test_support::both_databases;
use std::collections::BTreeSet;
use std::sync::Arc;
use uuid::Uuid;

/// Events with these numbers, which are also the order in which they occurred.
async fn add(store: &Store, shop: TenantHandle, numbers: impl IntoIterator<Item = u64>) {
    let mut tx = store.write(shop, soon()).await.unwrap();
    let event = |number: u64| Event {
        id: id(number.into()).into(),
        tenant_id: shop.tenant_id(),
        topic: Topic::OrderPlaced,
        subject_id: id(9),
        payload: serde_json::json!({}),
        occurred_at: now() + Duration::from_micros(number),
        traceparent: None,
    };
    let writes: Vec<_> = numbers
        .into_iter()
        .map(|number| outbox::insert_event(shop.tenant_id(), &event(number)))
        .collect();
    tx.db.execute_all(&writes).await.unwrap();
    tx.commit().await.unwrap();
}

async fn claim(store: &Store, lease: u128, at: Timestamp, limit: i64) -> Vec<Event> {
    let mut tx = store.platform_write(soon()).await.unwrap();
    let claimed = outbox::claim(&mut tx, Lease::new(id(lease), at), at, limit).await;
    tx.commit().await.unwrap();
    claimed.unwrap()
}

/// Marks events as distributed; those in `failed` were not taken.
async fn distribute(
    store: &Store,
    lease: Option<u128>,
    events: Vec<Event>,
    failed: &[u128],
    at: Timestamp,
) -> Result<(), StoreError> {
    let outcome = |event: Event| {
        let fails = failed.iter().any(|number| id(*number) == event.id.as_uuid());
        let failed = fails.then(|| (Consumer::Log, "x".repeat(10_000)));
        Outcome {
            event,
            failed: failed.into_iter().collect(),
        }
    };
    let outcomes: Vec<_> = events.into_iter().map(outcome).collect();
    let mut tx = store.platform_write(soon()).await.unwrap();
    outbox::distribute(&mut tx, lease.map(id), &outcomes, at).await?;
    tx.commit().await
}

async fn due(store: &Store, lease: u128, at: Timestamp) -> Vec<Delivery> {
    let mut tx = store.platform_write(soon()).await.unwrap();
    let claimed = deliveries::claim(&mut tx, Lease::new(id(lease), at), at, 1_000).await;
    tx.commit().await.unwrap();
    claimed.unwrap()
}

async fn settle(store: &Store, outcomes: Outcomes, at: Timestamp) -> usize {
    let mut tx = store.platform_write(soon()).await.unwrap();
    let dead = deliveries::settle(&mut tx, &outcomes, at).await.unwrap();
    tx.commit().await.unwrap();
    dead
}

fn delivered(deliveries: Vec<Delivery>) -> Outcomes {
    Outcomes {
        delivered: deliveries,
        ..Outcomes::default()
    }
}

fn failed(deliveries: Vec<Delivery>) -> Outcomes {
    let failed = deliveries
        .into_iter()
        .map(|delivery| (delivery, "why".to_owned()));
    Outcomes {
        failed: failed.collect(),
        ..Outcomes::default()
    }
}

async fn backlog(store: &Store) -> Backlog {
    let mut tx = store.platform_read(soon()).await.unwrap();
    outbox::backlog(&mut tx, 10).await.unwrap()
}

async fn purge(store: &Store, at: Timestamp, most: i64) -> (u64, bool) {
    let mut tx = store.platform_write(soon()).await.unwrap();
    let purged = outbox::purge(&mut tx, at, at, most).await.unwrap();
    tx.commit().await.unwrap();
    purged
}

fn numbers(events: &[Event]) -> Vec<Uuid> {
    events.iter().map(|event| event.id.as_uuid()).collect()
}

fn later(seconds: u64) -> Timestamp {
    now() + Duration::from_secs(seconds)
}

both_databases! {
    async fn eight_workers_deliver_each_event_and_mark_it_once(db) {
        let store = Arc::new(open(&db).await);
        let shop = tenant(&store, 1, "shop1").await;
        add(&store, shop, 1_000..1_200).await;
        let workers = (0..8).map(|worker| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut marked = Vec::new();
                for round in 0.. {
                    let lease = 100 * (worker + 1) + round;
                    let events = claim(&store, lease, now(), 7).await;
                    if events.is_empty() {
                        return marked;
                    }
                    marked.extend(numbers(&events));
                    distribute(&store, Some(lease), events, &[], now()).await.unwrap();
                }
                marked
            })
        });
        let mut marked = Vec::new();
        for worker in workers.collect::<Vec<_>>() {
            marked.extend(worker.await.unwrap());
        }
        assert_eq!((marked.len(), marked.iter().collect::<BTreeSet<_>>().len()), (200, 200));
        assert_eq!(backlog(&store).await, Backlog::default());
    }

    async fn a_crashed_workers_events_are_claimed_after_its_lease_and_a_slow_one_marks_none(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        add(&store, shop, [11, 12]).await;
        let slow = claim(&store, 1, now(), 10).await;
        assert_eq!(numbers(&slow), [id(11), id(12)]);
        assert!(claim(&store, 2, now() + LEASE - Duration::from_secs(1), 10).await.is_empty());
        let next = claim(&store, 2, now() + LEASE, 1).await;
        assert_eq!(numbers(&next), [id(11)]);
        let lost = distribute(&store, Some(1), slow, &[11, 12], now()).await.unwrap_err();
        assert!(matches!(lost, StoreError::Stale { table: "outbox", .. }), "{lost:?}");
        assert_eq!(backlog(&store).await.depth, 2, "neither event is marked, no delivery is made");
        distribute(&store, Some(2), next, &[], now()).await.unwrap();
        assert_eq!(numbers(&claim(&store, 3, now() + LEASE, 10).await), [id(12)]);
    }

    async fn events_that_are_given_back_are_claimed_at_once(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        add(&store, shop, [11, 12]).await;
        let events = claim(&store, 1, now(), 10).await;
        let mut tx = store.platform_write(soon()).await.unwrap();
        outbox::give_back(&mut tx, id(2), &events).await.unwrap();
        outbox::give_back(&mut tx, id(1), &events[1..]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(numbers(&claim(&store, 3, now(), 10).await), [id(12)]);
    }

    async fn what_a_consumer_never_takes_is_dead_in_the_end_and_counted(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        add(&store, shop, [11, 12]).await;
        let events = claim(&store, 1, now(), 10).await;
        distribute(&store, Some(1), events, &[12], now()).await.unwrap();
        let occurred = now() + Duration::from_micros(12);
        for attempt in 2..=MAX_ATTEMPTS {
            let at = later(u64::from(attempt) * 3_600);
            let waits = Backlog { depth: 1, oldest: Some(occurred), ..Backlog::default() };
            assert_eq!(backlog(&store).await, waits);
            let deliveries = due(&store, attempt.into(), at).await;
            assert_eq!(numbers(&[deliveries[0].event.clone()]), [id(12)]);
            assert_eq!((deliveries.len(), deliveries[0].attempts), (1, attempt));
            let dead = settle(&store, failed(deliveries), at).await;
            assert_eq!(dead, usize::from(attempt == MAX_ATTEMPTS));
            assert!(due(&store, 99, at).await.is_empty(), "first there is a pause");
        }
        assert_eq!(backlog(&store).await, Backlog { dead_deliveries: 1, ..Backlog::default() });
        assert!(due(&store, 99, later(10_000_000)).await.is_empty());
    }

    async fn a_slow_worker_cannot_end_a_delivery_that_another_has(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        add(&store, shop, [11]).await;
        distribute(&store, None, claim_none(&store).await, &[11], now()).await.unwrap();
        let slow = due(&store, 1, later(60)).await;
        assert!(due(&store, 2, later(61)).await.is_empty());
        let next = due(&store, 2, later(60) + LEASE).await;
        assert_eq!((slow[0].attempts, next[0].attempts), (2, 3));
        settle(&store, failed(slow.clone()), later(61)).await;
        settle(&store, Outcomes { given_back: slow.clone(), ..Outcomes::default() }, later(61)).await;
        settle(&store, delivered(slow), later(61)).await;
        assert_eq!(backlog(&store).await.depth, 1);
        assert!(due(&store, 3, later(62)).await.is_empty(), "the second claim holds");
        let back = Outcomes { given_back: next, ..Outcomes::default() };
        settle(&store, back, later(63)).await;
        let last = due(&store, 3, later(63)).await;
        assert_eq!(last[0].attempts, 3, "what was given back is no attempt");
        settle(&store, delivered(last), later(64)).await;
        assert_eq!(backlog(&store).await, Backlog::default());
    }

    /// An event stays as long as a consumer may still get it, and stands in no other's way.
    async fn old_events_are_deleted_behind_those_of_a_stuck_consumer(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        add(&store, shop, 1_000..1_020).await;
        let stuck: Vec<u128> = (1_000..1_010).collect();
        let events = claim_none(&store).await;
        let (first, second) = events.split_at(10);
        distribute(&store, None, first.to_vec(), &stuck, now()).await.unwrap();
        distribute(&store, None, second.to_vec(), &stuck, later(1)).await.unwrap();
        assert_eq!(purge(&store, now(), 5).await, (0, false), "they are too young");
        // The first round meets nothing but events that must stay.
        assert_eq!(purge(&store, later(10), 5).await, (0, true));
        assert_eq!(purge(&store, later(10), 5).await, (5, true));
        assert_eq!(purge(&store, later(10), 5).await, (5, true));
        assert_eq!(purge(&store, later(10), 5).await, (0, false));
        let deliveries = due(&store, 1, later(60)).await;
        assert_eq!(deliveries.len(), 10);
        settle(&store, delivered(deliveries), later(60)).await;
        assert_eq!(purge(&store, later(70), 100).await, (10, false));
    }
}

/// What waits, without a claim.
async fn claim_none(store: &Store) -> Vec<Event> {
    let mut tx = store.platform_read(soon()).await.unwrap();
    outbox::list_waiting(&mut tx, 1_000).await.unwrap()
}
