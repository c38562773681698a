//! A database that is there and is not what it was: it takes no writes any more, its file is gone, another one lies in its
//! place, or it is damaged. Writes are refused with a problem in time, `/readyz` tells, and all is well again by itself.

mod clock;
mod stopped;

use crate::metrics::{metrics, when};
use crate::orders::{all_orders, id, ok, order_of, place, product};
use crate::platform::{Shop, problem, rustok};
use reqwest::Method;
use rustok_test_support::{TIMEOUT, TestDatabase, eventually};
use serde_json::{Value, json};
use std::fs::{self, OpenOptions};
use std::os::unix::fs::FileExt as _;
use std::path::PathBuf;
use std::time::Duration;
use tokio::time::Instant;

/// How long writes may be away once the fault is over.
const AWAY: Duration = Duration::from_secs(5);
const PRODUCTS: &str = "/api/store/v1/products";

async fn readyz(shop: &Shop) -> (u16, Value) {
    let url = format!("{}/readyz", shop.server.management_url());
    let answer = shop.client.get(url).send().await.unwrap();
    (answer.status().as_u16(), answer.json().await.unwrap())
}

/// Waits until `/readyz` says this of the database.
async fn until_told(shop: &Shop, system: &str, database: &str, status: u16) {
    eventually(TIMEOUT, async || {
        let reported = readyz(shop).await;
        // Both are about the same moment only while the state does not change between them.
        let labels = [("db_system_name", system), ("state", database)];
        let gauge = metrics(shop).await.value("rustok_database_state", &labels);
        if reported.0 == status && reported.1["database"] == database && gauge == 1.0 {
            return Ok(());
        }
        Err(format!("{reported:?}, gauge {gauge}"))
    })
    .await;
}

/// How long it takes until an order is taken again, and the order.
async fn until_ordered(shop: &Shop, tea: &Value) -> (Duration, Value) {
    let begun = Instant::now();
    let order = eventually(TIMEOUT, async || {
        let answer = place(shop, &order_of(tea, 1)).send().await.unwrap();
        let (status, body): (_, Value) = (answer.status(), answer.json().await.unwrap());
        if status == 201 { Ok(body) } else { Err(body) }
    })
    .await;
    (begun.elapsed(), order)
}

async fn assert_refused(shop: &Shop, tea: &Value) {
    let answer = place(shop, &order_of(tea, 1)).send().await.unwrap();
    assert!(answer.headers().contains_key("retry-after"), "{answer:?}");
    problem(answer, 503, "database_unavailable").await;
}

#[tokio::test]
async fn a_database_that_takes_no_writes_is_told_of_and_writes_are_back_with_it() {
    let db = TestDatabase::postgres().await;
    let shop = Shop::start(rustok(db.url()).env("RUSTOK_POSTGRES_CONNECTIONS", "4")).await;
    let tea = product(&shop, json!([{}])).await.remove(0);
    let order = ok(place(&shop, &order_of(&tea, 1)), 201).await;
    // Every new session, as after a takeover that left a standby; a session of the superuser is one too.
    let name = "current_database()";
    let ended = format!(
        "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE datname = {name} AND pid <> pg_backend_pid()"
    );
    let set = |value: &str| {
        format!(
            "SET default_transaction_read_only = off; DO $$ BEGIN EXECUTE format('ALTER DATABASE %I SET \
             default_transaction_read_only = {value}', {name}); END $$"
        )
    };
    // Apart: what comes after in the same message would still be read-only.
    let on = set("on");
    db.superuser_run(&on).await;
    db.superuser_run(&ended).await;
    eventually(TIMEOUT, async || {
        let answer = place(&shop, &order_of(&tea, 1)).send().await.unwrap();
        let status = answer.status().as_u16();
        if status == 503 { Ok(()) } else { Err(status) }
    })
    .await;
    until_told(&shop, "postgresql", "read_only", 200).await;
    for _ in 0..20 {
        assert_refused(&shop, &tea).await;
        ok(shop.request(Method::GET, PRODUCTS), 200).await;
    }
    assert_eq!(readyz(&shop).await.1["status"], "degraded");

    let off = format!(
        "BEGIN READ WRITE; {}; COMMIT",
        set("off").split_once("; ").unwrap().1
    );
    db.superuser_run(&off).await;
    let (took, second) = until_ordered(&shop, &tea).await;
    assert!(took < AWAY, "{took:?}");
    until_told(&shop, "postgresql", "ok", 200).await;
    let kept: Vec<String> = all_orders(&shop)
        .await
        .iter()
        .map(|kept| id(kept).to_owned())
        .collect();
    assert!(kept.contains(&id(&order).to_owned()) && kept.contains(&id(&second).to_owned()));
}

#[tokio::test]
async fn a_schema_that_is_missing_is_told_of_and_served_again_when_it_is_back() {
    let db = TestDatabase::postgres().await;
    let shop = Shop::start(rustok(db.url())).await;
    let tea = product(&shop, json!([{}])).await.remove(0);
    ok(place(&shop, &order_of(&tea, 1)), 201).await;
    db.superuser_run("ALTER TABLE orders RENAME TO lost").await;
    for _ in 0..20 {
        assert_refused(&shop, &tea).await;
    }
    until_told(&shop, "postgresql", "schema_missing", 200).await;
    assert_eq!(readyz(&shop).await.1["status"], "degraded");
    ok(shop.request(Method::GET, PRODUCTS), 200).await;

    db.superuser_run("ALTER TABLE lost RENAME TO orders").await;
    let (took, _) = until_ordered(&shop, &tea).await;
    assert!(took < AWAY, "{took:?}");
    until_told(&shop, "postgresql", "ok", 200).await;
}

fn beside(db: &TestDatabase, suffix: &str) -> PathBuf {
    let mut path = db.path().as_os_str().to_owned();
    path.push(suffix);
    path.into()
}

#[tokio::test]
async fn a_file_that_was_taken_away_is_not_written_on_and_serves_when_it_is_back() {
    let db = TestDatabase::sqlite();
    let shop = Shop::start(rustok(db.url())).await;
    let tea = product(&shop, json!([{}])).await.remove(0);
    let mut orders = vec![ok(place(&shop, &order_of(&tea, 1)), 201).await];
    for suffix in ["", "-wal", "-shm"] {
        let (here, there) = (beside(&db, suffix), beside(&db, ".aside"));
        fs::rename(&here, &there).unwrap();
        assert_refused(&shop, &tea).await;
        until_told(&shop, "sqlite", "missing", 503).await;
        fs::rename(&there, &here).unwrap();
        let (took, order) = until_ordered(&shop, &tea).await;
        assert!(took < AWAY, "{took:?}");
        until_told(&shop, "sqlite", "ok", 200).await;
        orders.push(order);

        fs::rename(&here, &there).unwrap();
        fs::copy(&there, &here).unwrap();
        assert_refused(&shop, &tea).await;
        until_told(&shop, "sqlite", "replaced", 503).await;
        fs::rename(&there, &here).unwrap();
        orders.push(until_ordered(&shop, &tea).await.1);
    }
    let kept: Vec<String> = all_orders(&shop)
        .await
        .iter()
        .map(|kept| id(kept).to_owned())
        .collect();
    assert!(
        orders.iter().all(|order| kept.contains(&id(order).to_owned())),
        "{kept:?}"
    );

    // Gone for good: nobody finds an empty shop in its place.
    let command = shop.server.kill().await;
    for suffix in ["-wal", "-shm", ""] {
        fs::remove_file(beside(&db, suffix)).unwrap();
    }
    for bytes in [None, Some("")] {
        if let Some(bytes) = bytes {
            fs::write(db.path(), bytes).unwrap();
        }
        let refused = command.try_start().await.err().unwrap();
        assert_ne!(refused.code, Some(0));
        assert!(refused.stderr.contains("there was a database"), "{refused:#?}");
        let refused = command.run(&["tenant", "list"]).await;
        assert_ne!(refused.code, Some(0), "{refused:#?}");
    }
    fs::remove_file(beside(&db, ".migrate.lock")).unwrap();
    fs::remove_file(db.path()).unwrap();
    command.start().await.terminate().await;
}

#[tokio::test]
async fn a_file_that_is_truncated_or_overwritten_ends_no_server_and_is_told_of() {
    let db = TestDatabase::sqlite();
    let mut shop = Shop::start(rustok(db.url())).await;
    let tea = product(&shop, json!([{}])).await.remove(0);
    let file = beside(&db, ".backup");
    let command = shop.server.command().clone();
    let _ = command.run(&["backup", file.to_str().unwrap()]).await.success();
    drop(shop.server.kill().await);
    let backup = fs::read(file).unwrap();
    for suffix in ["-wal", "-shm"] {
        fs::remove_file(beside(&db, suffix)).unwrap();
    }
    fs::write(db.path(), &backup).unwrap();
    for content in [&backup[..0], &backup[..8_192], &backup[..]] {
        let server = rustok(db.url()).start().await;
        shop = Shop { server, ..shop };
        ok(place(&shop, &order_of(&tea, 1)), 201).await;
        ok(shop.request(Method::GET, PRODUCTS), 200).await;
        fs::write(db.path(), content).unwrap();
        for _ in 0..20 {
            // A read may be answered until the file was looked at.
            let answer = shop.request(Method::GET, PRODUCTS).send().await.unwrap();
            assert!([200, 503].contains(&answer.status().as_u16()), "{answer:?}");
        }
        assert_refused(&shop, &tea).await;
        until_told(&shop, "sqlite", "replaced", 503).await;
        drop(shop.server.kill().await);
        assert_eq!(fs::read(db.path()).unwrap(), content, "written on");
        for suffix in ["-wal", "-shm"] {
            fs::remove_file(beside(&db, suffix)).unwrap();
        }
        fs::write(db.path(), &backup).unwrap();
    }
}

#[tokio::test]
async fn a_damaged_file_is_told_of_without_a_question_of_anybody() {
    let db = TestDatabase::sqlite();
    let shop = Shop::start(rustok(db.url())).await;
    product(&shop, json!([{}])).await;
    // All is in the file, and nothing in the log.
    let command = shop.server.terminate().await;
    assert_eq!(command.code, Some(0));
    let server = rustok(db.url()).start().await;
    let shop = Shop { server, ..shop };
    until_told(&shop, "sqlite", "ok", 200).await;
    let whole = fs::read(db.path()).unwrap();
    let file = OpenOptions::new().write(true).open(db.path()).unwrap();
    // From the third page on: what is read while it opens stays as it was.
    file.write_all_at(&vec![0xA5; whole.len() - 8_192], 8_192)
        .unwrap();
    until_told(&shop, "sqlite", "corrupt", 503).await;
    file.write_all_at(&whole, 0).unwrap();
    until_told(&shop, "sqlite", "ok", 200).await;
}
