//! Orders that nobody confirms, or that nobody pays, give their stock back, once, whoever looks.

use crate::shop::{Shop, add_tenant, services, soon};
use futures_util::future::join_all;
use rustok_app::jobs::{JobRound, run_due};
use rustok_app::{Ctx, PlatformCtx, orders};
use rustok_auth::{SecretKind, TokenSecret};
use rustok_commerce::{AnyOrder, OrderColumns, OrderStatus};
use rustok_core::error::RichError;
use rustok_core::money::{Currency, Money};
use rustok_events::{Job, JobKind, Topic};
use rustok_storage::Opener;
use rustok_storage::orders::{NewOrder, insert_order};
use rustok_test_support::both_databases;
use std::sync::Arc;
use std::time::Duration;

const MINUTE: Duration = Duration::from_secs(60);

fn round(due: usize, done: usize, failed: usize) -> JobRound {
    JobRound { due, done, failed }
}

pub(super) async fn expire_due(ctx: &PlatformCtx, limit: i64) -> Result<JobRound, RichError> {
    run_due(ctx, &[JobKind::ExpireOrder], limit, || false).await
}

/// Saves a copy of an order that no order can be: its total is not the sum of its lines. It is due as the order is.
async fn poison(ctx: &Ctx, order: &AnyOrder) {
    let poisoned = OrderColumns {
        id: ctx.id(),
        total: Some(Money::from_minor(1, Currency::parse("USD").unwrap())),
        ..order.into()
    };
    let expiry = Job {
        id: ctx.id(),
        tenant_id: poisoned.tenant_id,
        kind: JobKind::ExpireOrder,
        subject_id: poisoned.id.as_uuid(),
        due_at: poisoned.expires_at.unwrap(),
    };
    let new = NewOrder {
        order: poisoned,
        placed_from: None,
        placed_on: 20_000,
        secret_hash: &TokenSecret::from_random_bytes(SecretKind::Order, [7; 32]).hash(),
        actor: "test",
        taken: &[],
        event: &ctx.event(Topic::OrderPlaced, poisoned.id.as_uuid(), serde_json::json!({})),
        expiry: &expiry,
        limit: None,
        is_first: false,
        is_new_customer: false,
    };
    let mut tx = ctx.write().await.unwrap();
    insert_order(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
}

both_databases! {
    async fn an_order_expires_at_its_time_and_gives_its_stock_back(db) {
        let shop = Shop::open(db.url()).await;
        let [counted, free] = shop.product(&[("A", Some(5)), ("B", None)]).await.try_into().unwrap();
        let pending = shop.place(&[(counted, 2), (free, 3)]).await.unwrap();
        let confirmed = shop.place(&[(counted, 1)]).await.unwrap();
        shop.confirm(confirmed).await.unwrap();
        assert_eq!(shop.available(counted).await, Some(2));

        shop.clock.advance(30 * MINUTE - Duration::from_micros(1));
        assert_eq!(expire_due(&shop.platform(), 10).await.unwrap(), round(0, 0, 0));
        shop.clock.advance(Duration::from_micros(1));
        assert_eq!(expire_due(&shop.platform(), 10).await.unwrap(), round(1, 1, 0));

        let AnyOrder::Cancelled(order) = shop.order(pending).await else { panic!("not cancelled") };
        assert_eq!((order.reason(), order.version()), ("expired", 2));
        assert_eq!((shop.available(counted).await, shop.available(free).await), (Some(4), None));
        assert_eq!(shop.order(confirmed).await.status(), OrderStatus::Confirmed);
        let history = orders::history(&shop.ctx(), pending).await.unwrap();
        assert_eq!((history[0].actor.as_str(), history[1].actor.as_str()), ("anonymous", "system:order-expiry"));

        shop.clock.advance(24 * 60 * MINUTE);
        assert_eq!(expire_due(&shop.platform(), 10).await.unwrap(), round(0, 0, 0), "work is done once");
        assert_eq!(shop.available(counted).await, Some(4));
    }

    async fn processes_that_expire_at_once_give_back_once(db) {
        let shop = Shop::open(db.url()).await;
        let [variant] = shop.product(&[("A", Some(40))]).await.try_into().unwrap();
        for _ in 0..20 {
            shop.place(&[(variant, 2)]).await.unwrap();
        }
        shop.clock.advance(61 * MINUTE);
        let other = services(db.url(), Opener::Command, &shop.clock).await;
        let processes: Vec<_> =
            [&shop.services, &other, &shop.services, &other].map(|services| {
                PlatformCtx::system(Arc::clone(services), "order-expiry", soon())
            }).into();
        let rounds = join_all(processes.iter().map(|ctx| expire_due(ctx, 100))).await;
        let rounds: Vec<_> = rounds.into_iter().map(Result::unwrap).collect();
        assert_eq!(rounds.iter().map(|round| round.done).sum::<usize>(), 20, "{rounds:?}");
        assert_eq!(rounds.iter().map(|round| round.failed).sum::<usize>(), 0, "{rounds:?}");
        assert_eq!(shop.available(variant).await, Some(40));
    }

    async fn work_that_fails_is_put_off_and_does_not_block_the_rest(db) {
        let shop = Shop::open(db.url()).await;
        let [variant] = shop.product(&[("A", Some(10))]).await.try_into().unwrap();
        let model = shop.place(&[(variant, 1)]).await.unwrap();
        let model = shop.order(model).await;
        for _ in 0..3 {
            poison(&shop.ctx(), &model).await;
        }
        shop.clock.advance(MINUTE);
        let good = shop.place(&[(variant, 4)]).await.unwrap();
        shop.clock.advance(60 * MINUTE);
        // Rounds of two, fewer than there is poison, which is older.
        let mut cancelled = 0;
        for _ in 0..3 {
            cancelled += expire_due(&shop.platform(), 2).await.unwrap().done;
        }
        assert_eq!(cancelled, 2);
        assert_eq!(shop.order(good).await.status(), OrderStatus::Cancelled);
        assert_eq!(shop.available(variant).await, Some(10));
        assert_eq!(expire_due(&shop.platform(), 10).await.unwrap(), round(0, 0, 0));
        shop.clock.advance(6 * MINUTE);
        assert_eq!(expire_due(&shop.platform(), 10).await.unwrap(), round(3, 0, 3), "it is tried again later");
    }

    async fn orders_of_all_tenants_expire(db) {
        let shop = Shop::open(db.url()).await;
        let other = add_tenant(&shop.services, "shop2").await;
        let other = Shop { services: shop.services.clone(), clock: shop.clock.clone(), tenant: other };
        for shop in [&shop, &other] {
            let [variant] = shop.product(&[("A", Some(1))]).await.try_into().unwrap();
            shop.place(&[(variant, 1)]).await.unwrap();
        }
        shop.clock.advance(60 * MINUTE);
        assert_eq!(expire_due(&shop.platform(), 10).await.unwrap(), round(2, 2, 0));
    }

    async fn confirming_and_expiring_at_once_has_one_winner(db) {
        let shop = Shop::open(db.url()).await;
        let [variant] = shop.product(&[("A", Some(30))]).await.try_into().unwrap();
        let mut placed = Vec::new();
        for _ in 0..10 {
            placed.push(shop.place(&[(variant, 3)]).await.unwrap());
        }
        shop.clock.advance(60 * MINUTE);
        let platform = shop.platform();
        let confirming = join_all(placed.iter().map(|id| shop.confirm(*id)));
        let (confirmed, expired) = tokio::join!(confirming, expire_due(&platform, 100));
        let confirmed = confirmed.iter().filter(|confirmed| confirmed.is_ok()).count();
        let expired = expired.unwrap();
        assert_eq!((confirmed + expired.done, expired.failed), (10, 0));
        let sold = i64::try_from(confirmed).unwrap() * 3;
        assert_eq!(shop.available(variant).await, Some(30 - sold));
    }

    async fn a_confirmed_order_that_nobody_pays_gives_its_stock_back(db) {
        let shop = Shop::open(db.url()).await;
        let [variant] = shop.product(&[("A", Some(5))]).await.try_into().unwrap();
        let unpaid = shop.place_and_confirm(variant, 2).await;
        let paid = shop.place_and_confirm(variant, 1).await;
        let due = shop.order(unpaid).await.expires_at().unwrap();
        assert_eq!(due.duration_since(shop.ctx().now()).as_secs(), 7 * 24 * 3_600);
        shop.pay(paid).await.unwrap();
        assert_eq!(shop.order(paid).await.expires_at(), None);

        shop.clock.advance(7 * 24 * 60 * MINUTE - Duration::from_micros(1));
        assert_eq!(expire_due(&shop.platform(), 10).await.unwrap(), round(0, 0, 0));
        shop.clock.advance(Duration::from_micros(1));
        assert_eq!(expire_due(&shop.platform(), 10).await.unwrap(), round(1, 1, 0));
        let AnyOrder::Cancelled(order) = shop.order(unpaid).await else { panic!("not cancelled") };
        assert_eq!((order.reason(), order.version()), ("expired", 3));
        assert_eq!(shop.available(variant).await, Some(4));
        let history = orders::history(&shop.ctx(), unpaid).await.unwrap();
        let last = &history[2];
        assert_eq!((last.actor.as_str(), last.reason.as_deref()), ("system:order-expiry", Some("expired")));
        // Too late, and too early: each finds that the other was first.
        assert_eq!(shop.pay(unpaid).await.unwrap_err().code(), "illegal_transition");
        shop.clock.advance(30 * 24 * 60 * MINUTE);
        assert_eq!(expire_due(&shop.platform(), 10).await.unwrap(), round(0, 0, 0), "work is done once");
        assert_eq!((shop.available(variant).await, shop.order(paid).await.status()), (Some(4), OrderStatus::Paid));
    }

    async fn how_long_a_confirmed_order_waits_is_the_tenants_to_say(db) {
        let shop = Shop::open(db.url()).await;
        let [variant] = shop.product(&[("A", Some(9))]).await.try_into().unwrap();
        let first = shop.place_and_confirm(variant, 1).await;
        let waits = |minutes: u32| {
            let mut tenant = (*shop.tenant).clone();
            tenant.settings.confirmed_order_ttl_minutes = minutes;
            Shop { services: shop.services.clone(), clock: shop.clock.clone(), tenant: Arc::new(tenant) }
        };
        let (never, short) = (waits(0), waits(90));
        let shop = never;
        let endless = shop.place_and_confirm(variant, 1).await;
        let hurried = short.place_and_confirm(variant, 1).await;
        assert_eq!(shop.order(endless).await.expires_at(), None);
        shop.clock.advance(90 * MINUTE);
        assert_eq!(expire_due(&shop.platform(), 10).await.unwrap(), round(1, 1, 0));
        assert_eq!(shop.order(hurried).await.status(), OrderStatus::Cancelled);
        // What was confirmed before the setting changed keeps its time.
        shop.clock.advance(400 * 24 * 60 * MINUTE);
        assert_eq!(expire_due(&shop.platform(), 10).await.unwrap(), round(1, 1, 0));
        assert_eq!(shop.order(first).await.status(), OrderStatus::Cancelled);
        assert_eq!(shop.order(endless).await.status(), OrderStatus::Confirmed);
        shop.pay(endless).await.unwrap();
    }

    async fn paying_and_expiring_at_once_has_one_winner(db) {
        let shop = Shop::open(db.url()).await;
        let [variant] = shop.product(&[("A", Some(30))]).await.try_into().unwrap();
        let mut confirmed = Vec::new();
        for _ in 0..10 {
            confirmed.push(shop.place_and_confirm(variant, 3).await);
        }
        shop.clock.advance(7 * 24 * 60 * MINUTE);
        let platform = shop.platform();
        let paying = join_all(confirmed.iter().map(|id| shop.pay(*id)));
        let (paid, expired) = tokio::join!(paying, expire_due(&platform, 100));
        let paid = paid.iter().filter(|paid| paid.is_ok()).count();
        let expired = expired.unwrap();
        assert_eq!((paid + expired.done, expired.failed), (10, 0));
        let sold = i64::try_from(paid).unwrap() * 3;
        assert_eq!(shop.available(variant).await, Some(30 - sold));
        let mut statuses = Vec::new();
        for id in confirmed {
            statuses.push(shop.order(id).await.status());
        }
        assert_eq!(statuses.iter().filter(|status| **status == OrderStatus::Paid).count(), paid);
        assert_eq!(statuses.iter().filter(|status| **status == OrderStatus::Cancelled).count(), expired.done);
        assert_eq!(expire_due(&platform, 100).await.unwrap(), round(0, 0, 0));
    }
}
