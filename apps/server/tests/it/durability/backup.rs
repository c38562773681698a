//! A backup under writers, on both databases: whole, with everything that was answered before it began, and restored where
//! there was nothing.

use super::{kept, marked};
use crate::orders::{self, id, ok};
use crate::platform::{Shop, printed, rustok, status, tenant};
use reqwest::Method;
use rustok_test_support::{ServerCommand, TIMEOUT, TestDatabase, both_databases, eventually};
use serde_json::{Value, json};
use std::path::Path;
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, Ordering};

const WRITERS: usize = 4;

/// A database of the same kind with nothing in it; on PostgreSQL a plain owner's.
async fn empty_like(db: &TestDatabase) -> TestDatabase {
    if db.is_postgres() {
        TestDatabase::postgres_empty_as_owner().await
    } else {
        TestDatabase::sqlite()
    }
}

/// Backs up to `copy`, and answers the command of a server on what was restored from it.
async fn restored(shop: &Shop, copy: &Path, target: &TestDatabase) -> ServerCommand {
    let named = copy.to_str().unwrap();
    let made = printed(shop.server.run(&["backup", named, "--json"]).await);
    assert_eq!(made["bytes"], std::fs::metadata(copy).unwrap().len());
    let command = rustok(target.url());
    let read = printed(command.run(&["restore", named, "--json"]).await);
    assert_eq!(read, made);
    let _ = command.run(&["doctor"]).await.success();
    let again = command.run(&["restore", named]).await;
    assert_eq!(again.code, Some(1), "{again:#?}");
    command
}

both_databases! {
    async fn a_backup_under_writers_holds_all_that_was_answered_before_it(db) {
        let shop = Shop::start(rustok(db.url())).await;
        let tea = &orders::product(&shop, json!([{}])).await.remove(0);
        let stop = AtomicBool::new(false);
        let write = async |writer: usize| {
            let mut answered = 0;
            while !stop.load(Ordering::Relaxed) {
                let made = marked(&shop, tea, &format!("w{writer}-{answered}"));
                assert_eq!(made.send().await.unwrap().status(), 201);
                answered += 1;
            }
        };
        let target = empty_like(&db).await;
        let folder = tempfile::tempdir().unwrap();
        let back_up = async {
            let before = eventually(TIMEOUT, async || {
                let before = kept(&shop).await;
                if before.len() > 20 { Ok(before) } else { Err(before.len()) }
            })
            .await;
            let command = restored(&shop, &folder.path().join("copy"), &target).await;
            // The writers went on all the time.
            let after = kept(&shop).await;
            stop.store(true, Ordering::Relaxed);
            (command, before, after)
        };
        let (_, _, _, _, (command, before, after)) = tokio::join!(write(0), write(1), write(2), write(3), back_up);
        assert!(after.len() > before.len() + WRITERS, "{} and {}", before.len(), after.len());
        let server = command.start().await;
        let copied = kept(&Shop { server, ..shop }).await;
        for (mark, ids) in &before {
            assert_eq!(copied.get(mark), Some(ids), "{mark} was answered before the backup");
        }
        for (mark, ids) in &copied {
            assert_eq!(after.get(mark), Some(ids), "{mark} is not of the shop");
        }
    }

    /// Orders and what pays, ships and refunds them point to each other; two shops, each of which sees its own afterwards.
    async fn what_shops_have_comes_back_and_goes_on(db) {
        let shop = Shop::start(rustok(db.url())).await;
        let token = tenant(shop.server.command(), "shop2", "admin").await;
        let first = (shop.slug, shop.token.clone());
        let first_orders = fill(&shop).await;
        let shop = Shop { slug: "shop2", token: token.clone(), ..shop };
        let second_orders = fill(&shop).await;
        let Shop { server, client, .. } = shop;
        let command = server.command().clone();
        assert_eq!(server.terminate().await.code, Some(0));

        let folder = tempfile::tempdir().unwrap();
        let copy = folder.path().join("copy");
        let named = copy.to_str().unwrap();
        let _ = command.run(&["backup", named]).await.success();
        let target = empty_like(&db).await;
        let restored = rustok(target.url());
        let reported = restored.run(&["restore", named]).await.success();
        assert!(reported.starts_with(&format!("all of {named} is in the database")), "{reported}");
        if db.is_postgres() {
            assert_eq!(db.contents().await, target.contents().await);
        }
        let mut shop = Shop { server: restored.start().await, client, slug: first.0, token: first.1 };
        for (slug, token, orders) in [("shop1", shop.token.clone(), first_orders), ("shop2", token, second_orders)] {
            shop = Shop { slug, token, ..shop };
            assert_eq!(orders::all_orders(&shop).await, orders);
            let more = fill(&shop).await;
            assert_eq!(more.len(), 2 * orders.len());
        }
        // The token of one shop is nobody's in the other.
        let shop = Shop { slug: "shop1", ..shop };
        assert_eq!(shop.admin(Method::GET, "/orders").send().await.unwrap().status(), 401);
    }
}

/// The most memory that a command took, in kilobytes.
async fn most_memory(url: &str, args: &[&str]) -> u64 {
    let folder = tempfile::tempdir().unwrap();
    let mut command = std::process::Command::new(env!("CARGO_BIN_EXE_rustok"));
    command.args(args).env_clear().env("RUSTOK_DATABASE_URL", url);
    let mut child = command
        .current_dir(folder.path())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut most = 0;
    let ended = eventually(TIMEOUT, async || {
        let reported = status(child.id(), "VmHWM");
        if let Some(kib) = reported.and_then(|reported| reported.trim_end_matches(" kB").parse().ok()) {
            most = kib;
        }
        child.try_wait().unwrap().ok_or("it runs")
    })
    .await;
    assert!(ended.success(), "{args:?}");
    most
}

#[tokio::test]
async fn a_backup_and_its_restore_take_no_more_memory_for_more_data() {
    let db = TestDatabase::postgres_as_owner().await;
    let _ = tenant(&rustok(db.url()), "shop1", "admin").await;
    let folder = tempfile::tempdir().unwrap();
    let copy = folder.path().join("copy");
    let named = copy.to_str().unwrap();
    let little = most_memory(db.url(), &["backup", named]).await;
    std::fs::remove_file(&copy).unwrap();
    // 64 MB, in rows of 100 kB.
    db.superuser_run(
        "INSERT INTO authors (tenant_id, id, login, display_name, created_at) \
         SELECT t.id, gen_random_uuid(), n::text, repeat(md5(n::text), 3125), now() FROM tenants t, generate_series(1, 640) n",
    )
    .await;
    let much = most_memory(db.url(), &["backup", named]).await;
    assert!(std::fs::metadata(&copy).unwrap().len() > 64_000_000);
    let target = TestDatabase::postgres_empty_as_owner().await;
    let back = most_memory(target.url(), &["restore", named]).await;
    assert_eq!(target.superuser_count("SELECT count(*) FROM authors").await, 640);
    for took in [much, back] {
        assert!(
            took < little + 24_000,
            "{took} kB, with next to no data {little} kB"
        );
    }
}

/// Products, an article and orders in several states; answers all orders of the shop.
async fn fill(shop: &Shop) -> Vec<Value> {
    let tea = orders::product(shop, json!([{ "available": 50 }]))
        .await
        .remove(0);
    let steps: [&[(&str, Value)]; 4] = [
        &[],
        &[("confirm", json!({}))],
        &[
            ("confirm", json!({})),
            ("pay", json!({ "payment_id": "PAY", "method": "card" })),
            ("ship", json!({ "tracking": "T1", "carrier": "FedEx" })),
            ("deliver", json!({ "signature": "Jane Roe" })),
        ],
        &[
            ("confirm", json!({})),
            ("pay", json!({ "payment_id": "PAY", "method": "card" })),
            ("cancel", json!({ "reason": "broken", "refund_id": "REFUND" })),
        ],
    ];
    for steps in steps {
        let order = ok(orders::place(shop, &orders::order_of(&tea, 2)), 201).await;
        for (step, body) in steps {
            // An id of a payment belongs to one order.
            let body: Value = body
                .to_string()
                .replace("PAY", &format!("p-{}", id(&order)))
                .replace("REFUND", &format!("r-{}", id(&order)))
                .parse()
                .unwrap();
            let step = shop.admin(Method::POST, &format!("/orders/{}/{step}", id(&order)));
            ok(step.json(&body), 200).await;
        }
    }
    let slug = format!("hello-{}", orders::all_orders(shop).await.len());
    let node = json!({ "kind": "post", "locale": "en", "title": "Hello", "slug": slug, "body": "It *works*.", "format": "markdown" });
    let node = ok(shop.admin(Method::POST, "/nodes").json(&node), 201).await;
    let publish = shop.admin(Method::POST, &format!("/nodes/{}/publish", id(&node)));
    ok(publish, 200).await;
    orders::all_orders(shop).await
}
