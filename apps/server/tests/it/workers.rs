//! The workers beside the requests: events told, orders expired, changes of the directory seen, all stopped in time.

use crate::orders::{available, id, ok, order_of, place, product};
use crate::platform::{Shop, program, program_at, rustok, tenant};
use reqwest::Method;
use rustok_app::{Ctx, IdempotencyKey, orders};
use rustok_auth::Actor;
use rustok_commerce::order::{LineInput, OrderInput};
use rustok_core::clock::{Clock, ManualClock, SystemClock, Timestamp};
use rustok_core::deadline::Deadline;
use rustok_core::page::Limit;
use rustok_storage::idempotency::{self, IdempotencyRecord, IdempotencyScope, KeyState, SealedReply};
use rustok_storage::tenants::list_tenants as tenants_of;
use rustok_storage::{DatabaseUrl, Opener, Store, StoreConfig};
use rustok_tenancy::TenantHandle;
use rustok_test_app::beside_at;
use rustok_test_support::{Lateness, TIMEOUT, both_databases, eventually, eventually_is};
use serde_json::{Value, json};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::Instant;

/// What was told under a topic, as the log has it.
fn events(shop: &Shop, topic: &str) -> Vec<Value> {
    let log = shop.server.stdout() + &shop.server.stderr();
    let lines = log
        .lines()
        .filter(|line| line.contains("rustok.events") && line.contains(topic));
    lines.filter_map(|line| serde_json::from_str(line).ok()).collect()
}

/// Places an order two hours ago, by a process that is not the server.
pub(crate) async fn place_two_hours_ago(database_url: &str, variant: &Value) {
    let clock = ManualClock::new(SystemClock.now());
    clock.set(clock.now().checked_sub(Duration::from_secs(7_200)).unwrap());
    let ctx = Ctx {
        actor: Actor::Anonymous,
        ..beside_at(database_url, "shop1", Arc::new(clock)).await
    };
    let line = LineInput {
        variant_id: Some(id(variant).to_owned()),
        sku: None,
        quantity: 2,
    };
    let input = OrderInput {
        expected_total: None,
        email: "late@example.com".into(),
        currency: "USD".into(),
        lines: vec![line],
    };
    let placed = orders::place(&ctx, input, IdempotencyKey::none()).await;
    placed.unwrap().made().unwrap();
}

/// Which of yesterday's and today's answers there are, of the tenant and of the platform.
async fn kept_answers(store: &Store, shop: TenantHandle) -> [bool; 4] {
    let deadline = Deadline::after(Duration::from_secs(30));
    let mut found = [false; 4];
    for (nth, key) in [1, 2].into_iter().enumerate() {
        let scope = scope(key);
        let mut tx = store.write(shop, deadline).await.unwrap();
        let claim = idempotency::claim(&mut tx, &scope, Timestamp::UNIX_EPOCH, SystemClock.now());
        found[nth] = matches!(claim.await.unwrap(), KeyState::Answered(_));
        drop(tx);
        let mut tx = store.platform_write(deadline).await.unwrap();
        let claim = idempotency::claim(&mut tx, &scope, Timestamp::UNIX_EPOCH, SystemClock.now());
        found[2 + nth] = matches!(claim.await.unwrap(), KeyState::Answered(_));
    }
    found
}

fn scope(key: u8) -> IdempotencyScope {
    IdempotencyScope {
        actor: "a".to_owned(),
        route: "r".to_owned(),
        key_hash: [key; 32],
    }
}

both_databases! {
    async fn answers_are_forgotten_after_a_day(db) {
        let command = rustok(db.url());
        tenant(&command, "shop1", "admin").await;
        let url = DatabaseUrl::parse(db.url()).unwrap();
        let store = rustok_storage::open(StoreConfig::new(url), Opener::Command).await.unwrap();
        let deadline = Deadline::after(Duration::from_secs(30));
        let mut tx = store.platform_read(deadline).await.unwrap();
        let shop = tenants_of(&mut tx, None, Limit::default()).await.unwrap().items.remove(0).handle();
        drop(tx);
        let reply = SealedReply { status: 200, headers: Vec::new(), sealed_body: Vec::new() };
        let record = IdempotencyRecord { body_hash: [0; 32], reply };
        for (key, hours) in [(1, 25), (2, 23)] {
            let at = SystemClock.now().checked_sub(Duration::from_secs(hours * 3_600)).unwrap();
            let mut tx = store.write(shop, deadline).await.unwrap();
            idempotency::insert_record(&mut tx, &scope(key), &record, at).await.unwrap();
            tx.commit().await.unwrap();
            let mut tx = store.platform_write(deadline).await.unwrap();
            idempotency::insert_record(&mut tx, &scope(key), &record, at).await.unwrap();
            tx.commit().await.unwrap();
        }
        assert_eq!(kept_answers(&store, shop).await, [true; 4]);
        let _server = command.start().await;
        let expected = [false, true, false, true];
        eventually_is(TIMEOUT, "it", async || kept_answers(&store, shop).await == expected).await;
    }

    async fn without_being_asked_the_log_tells_how_many_events_there_were(db) {
        let command = rustok(db.url()).env_remove("RUSTOK_LOG");
        let shop = Shop::start(command).await;
        for _ in 0..30 {
            product(&shop, json!([{ "available": 1 }])).await;
        }
        eventually_is(TIMEOUT, "a sum", async || shop.server.stderr().contains("events delivered")).await;
        let left = "SELECT count(*) FROM outbox WHERE distributed_at IS NULL";
        eventually_is(TIMEOUT, "all are delivered", async || db.count(left).await == 0).await;
        assert_eq!(events(&shop, "product"), [Value::Null; 0]);
        let log = shop.server.stderr();
        assert!(log.lines().count() < 15, "{log}");
    }

    async fn events_are_told_once_after_their_commit(db) {
        let shop = Shop::start(rustok(db.url())).await;
        let tea = product(&shop, json!([{ "available": 1 }])).await.remove(0);
        let placed = ok(place(&shop, &order_of(&tea, 1)), 201).await;
        ok(place(&shop, &order_of(&tea, 1)), 409).await;
        eventually_is(TIMEOUT, "it", async || !events(&shop, "order.placed").is_empty()).await;
        let command = shop.server.command().clone();
        let finished = shop.server.terminate().await;
        assert_eq!(finished.code, Some(0), "{finished:#?}");

        let shop = Shop { server: command.start().await, ..shop };
        ok(shop.admin(Method::POST, &format!("/orders/{}/confirm", id(&placed))), 200).await;
        eventually_is(TIMEOUT, "it", async || !events(&shop, "order.confirmed").is_empty()).await;
        let log = finished.stdout + &finished.stderr;
        let reported = log.lines().filter(|line| line.contains("order.placed")).count();
        assert_eq!((reported, events(&shop, "order.placed").len()), (1, 0), "{log}");
        let confirmed = events(&shop, "order.confirmed");
        assert!(confirmed[0].to_string().contains(id(&placed)), "{confirmed:#?}");
        assert!(!log.contains(placed["secret"].as_str().unwrap()), "a secret is in the log");
        assert!(!log.contains("jane@example.com"), "an address is in the log");
    }

    async fn an_order_that_nobody_confirmed_is_called_off(db) {
        let shop = program(db.url(), &[]).await;
        let tea = product(&shop, json!([{ "available": 5 }])).await.remove(0);
        place_two_hours_ago(db.url(), &tea).await;
        let fresh = ok(place(&shop, &order_of(&tea, 1)), 201).await;
        eventually_is(TIMEOUT, "it", async || available(&shop, &tea).await == 4).await;
        let orders = ok(shop.admin(Method::GET, "/orders?email=late@example.com"), 200).await;
        assert_eq!(orders["items"][0]["cancellation"]["reason"], "expired");
        let fresh = ok(shop.admin(Method::GET, &format!("/orders/{}", id(&fresh))), 200).await;
        assert_eq!(fresh["status"], "pending");
    }

    async fn an_order_is_called_off_once_its_time_is_over(db) {
        let clock = Arc::new(ManualClock::new(SystemClock.now()));
        let shop = program_at(Some(Arc::clone(&clock)), db.url(), &[]).await;
        let tea = product(&shop, json!([{ "available": 5 }])).await.remove(0);
        let early = ok(place(&shop, &order_of(&tea, 2)), 201).await;
        clock.advance(Duration::from_secs(900));
        let late = ok(place(&shop, &order_of(&tea, 1)), 201).await;
        // Half an hour after the first, a quarter after the second.
        clock.advance(Duration::from_secs(901));
        eventually_is(TIMEOUT, "it", async || available(&shop, &tea).await == 4).await;
        let early = ok(shop.admin(Method::GET, &format!("/orders/{}", id(&early))), 200).await;
        assert_eq!(early["cancellation"]["reason"], "expired");
        let late = ok(shop.admin(Method::GET, &format!("/orders/{}", id(&late))), 200).await;
        assert_eq!(late["status"], "pending");
    }

    async fn what_another_process_changes_in_the_directory_is_seen_within_a_second(db) {
        let shop = Shop::start(rustok(db.url())).await;
        let status = async |slug: &str| {
            let asked = shop.request_to(slug, Method::GET, "/api/store/v1/products").send().await.unwrap();
            asked.status().as_u16()
        };
        assert_eq!((status("shop1").await, status("shop2").await), (200, 404));
        tenant(shop.server.command(), "shop2", "admin").await;
        let lateness = Lateness::watch_process(shop.server.pid());
        let until = async |slug: &str, expected: u16| {
            let begun = Instant::now();
            eventually(TIMEOUT, async || match status(slug).await {
                seen if seen == expected => Ok(()),
                seen => Err(seen),
            })
            .await;
            begun.elapsed().saturating_sub(lateness.since(begun))
        };
        let mut took = vec![until("shop2", 200).await];
        for (command, expected) in [("suspend", 403), ("resume", 200)] {
            let changed = shop.server.run(&["tenant", command, "shop1"]).await;
            assert_eq!(changed.code, Some(0), "{changed:#?}");
            took.push(until("shop1", expected).await);
        }
        assert!(took.iter().all(|took| *took < Duration::from_secs(1)), "{took:?}");
    }
}
