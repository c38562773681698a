//! Events on their way to consumers that fail, hang, or take too long.

use crate::shop::Shop;
use rustok_app::deliveries::{DeliveryRound, deliver_new, retry_due};
use rustok_core::error::{ErrorKind, RichError};
use rustok_events::ids::EventId;
use rustok_events::lease::{LEASE, MAX_ATTEMPTS};
use rustok_events::{Consumer, Event, Lease};
use rustok_storage::outbox::{self, Backlog};
use rustok_test_support::both_databases;
use std::cell::RefCell;
use std::future::{pending, ready};
use std::time::Duration;

const HOUR: Duration = Duration::from_secs(3_600);

/// A shop with this many events that wait.
async fn shop_with(url: &str, events: usize) -> (Shop, Vec<EventId>) {
    let shop = Shop::open(url).await;
    while waiting(&shop).await.len() < events {
        shop.product(&[("A", None)]).await;
        // Each occurs at a time of its own.
        shop.clock.advance(Duration::from_micros(1));
    }
    let ids = waiting(&shop).await.iter().map(|event| event.id).collect();
    (shop, ids)
}

async fn waiting(shop: &Shop) -> Vec<Event> {
    let mut tx = shop
        .services
        .store
        .platform_read(crate::shop::soon())
        .await
        .unwrap();
    outbox::list_waiting(&mut tx, 100).await.unwrap()
}

async fn backlog(shop: &Shop) -> Backlog {
    let mut tx = shop
        .services
        .store
        .platform_read(crate::shop::soon())
        .await
        .unwrap();
    outbox::backlog(&mut tx, 100).await.unwrap()
}

fn away() -> RichError {
    RichError::new(ErrorKind::Unavailable, "away")
}

fn round(claimed: usize, delivered: usize, failed: usize) -> DeliveryRound {
    DeliveryRound {
        claimed,
        delivered,
        failed,
    }
}

both_databases! {
    async fn one_event_that_is_never_taken_holds_up_no_other_and_is_dead_in_the_end(db) {
        let (shop, ids) = shop_with(db.url(), 4).await;
        let (poison, count) = (ids[0], ids.len());
        let seen = RefCell::new(Vec::new());
        let consume = |_: Consumer, event: &Event| {
            seen.borrow_mut().push(event.id);
            ready(if event.id == poison { Err(away()) } else { Ok(()) })
        };
        let platform = shop.platform();
        assert_eq!(deliver_new(&platform, 100, || false, consume).await.unwrap(), round(count, count - 1, 1));
        assert_eq!(seen.take(), ids, "in the order in which they occurred");
        assert_eq!(deliver_new(&platform, 100, || false, consume).await.unwrap(), round(0, 0, 0));
        assert_eq!(retry_due(&platform, 100, || false, consume).await.unwrap(), round(0, 0, 0), "first there is a pause");
        for _ in 2..=MAX_ATTEMPTS {
            assert_eq!((backlog(&shop).await.depth, backlog(&shop).await.dead_deliveries), (1, 0));
            shop.clock.advance(HOUR);
            assert_eq!(retry_due(&platform, 100, || false, consume).await.unwrap(), round(1, 0, 1));
        }
        assert_eq!(backlog(&shop).await, Backlog { dead_deliveries: 1, ..Backlog::default() });
        shop.clock.advance(100 * HOUR);
        assert_eq!(retry_due(&platform, 100, || false, consume).await.unwrap(), round(0, 0, 0));
    }

    async fn a_consumer_that_is_back_gets_what_it_missed_once(db) {
        let (shop, ids) = shop_with(db.url(), 3).await;
        let platform = shop.platform();
        let missed = deliver_new(&platform, 100, || false, |_, _: &Event| ready(Err(away()))).await.unwrap();
        assert_eq!(missed, round(ids.len(), 0, ids.len()));
        shop.clock.advance(HOUR);
        let seen = RefCell::new(Vec::new());
        let consume = |_: Consumer, event: &Event| {
            seen.borrow_mut().push(event.id);
            ready(Ok(()))
        };
        assert_eq!(retry_due(&platform, 2, || false, consume).await.unwrap(), round(2, 2, 0));
        retry_due(&platform, 100, || false, consume).await.unwrap();
        assert_eq!(retry_due(&platform, 100, || false, consume).await.unwrap(), round(0, 0, 0));
        let (mut seen, mut ids) = (seen.take(), ids);
        seen.sort();
        ids.sort();
        assert_eq!(seen, ids);
        assert_eq!(backlog(&shop).await, Backlog::default());
    }

    /// While the consumer is called another worker changes the same rows: neither waits, and who lost its lease marks
    /// nothing.
    async fn nothing_is_locked_while_a_consumer_is_called(db) {
        let (shop, ids) = shop_with(db.url(), 1).await;
        let platform = shop.platform();
        let consume = |_: Consumer, _: &Event| {
            let (store, now) = (shop.services.store.clone(), shop.services.clock.now() + LEASE);
            let lease = Lease::new(shop.services.ids.next(), now);
            async move {
                let mut tx = store.platform_write(crate::shop::soon()).await.unwrap();
                assert!(!outbox::claim(&mut tx, lease, now, 100).await.unwrap().is_empty());
                tx.commit().await.unwrap();
                Ok(())
            }
        };
        let delivered = deliver_new(&platform, 1, || false, consume).await.unwrap();
        assert_eq!(delivered, round(1, 1, 0));
        assert_eq!(waiting(&shop).await.len(), ids.len(), "none is marked");
    }

    async fn what_is_not_begun_at_shutdown_is_given_back(db) {
        let (shop, ids) = shop_with(db.url(), 4).await;
        let platform = shop.platform();
        let seen = RefCell::new(Vec::new());
        let consume = |_: Consumer, event: &Event| {
            seen.borrow_mut().push(event.id);
            ready(Err(away()))
        };
        let first = deliver_new(&platform, 100, || seen.borrow().len() == 2, consume).await.unwrap();
        assert_eq!(first, round(ids.len(), 0, 2));
        let rest = deliver_new(&platform, 100, || false, consume).await.unwrap();
        assert_eq!((rest.claimed, seen.take()), (ids.len() - 2, ids.clone()), "at once, and each once");
        shop.clock.advance(HOUR);
        let retried = retry_due(&platform, 100, || seen.borrow().len() == 1, consume).await.unwrap();
        assert_eq!(retried, round(ids.len(), 0, 1));
        assert_eq!(retry_due(&platform, 100, || false, consume).await.unwrap().claimed, ids.len() - 1);
    }

    async fn events_of_a_worker_that_died_are_delivered_after_its_lease(db) {
        let (shop, ids) = shop_with(db.url(), 2).await;
        let platform = shop.platform();
        let hanging = deliver_new(&platform, 100, || false, |_, _: &Event| pending());
        let died = tokio::time::timeout(Duration::from_secs(1), hanging).await;
        assert!(died.is_err(), "{died:?}");
        let take = |_: Consumer, _: &Event| ready(Ok(()));
        if db.is_postgres() {
            assert_eq!(deliver_new(&platform, 100, || false, take).await.unwrap(), round(0, 0, 0));
            shop.clock.advance(LEASE);
        }
        let count = ids.len();
        assert_eq!(deliver_new(&platform, 100, || false, take).await.unwrap(), round(count, count, 0));
    }
}
