//! Deadlines: what is slow is given up in time, and what was given up does not stay in anybody's way.

use super::connections::{clean, look};
use super::*;
use crate::params;
use rustok_test_support::{Lateness, TIMEOUT};
use tokio::time::Instant;

const SHORT: Duration = Duration::from_millis(100);
/// Long after a deadline, long before the work would be done.
const QUICKLY: Duration = Duration::from_secs(3);

fn short() -> Deadline {
    Deadline::after(SHORT)
}

async fn slow_query(store: &Store, tenant: TenantHandle, deadline: Deadline) -> Result<(), StoreError> {
    let sql = if store.system() == "sqlite" {
        "WITH RECURSIVE n(i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n LIMIT 100000000) SELECT max(i) AS m FROM n"
    } else {
        "SELECT pg_sleep(30)::text AS m"
    };
    let mut tx = store.read(tenant, deadline).await?;
    tx.db.fetch("x", sql, &[], |_| Ok(())).await.map(drop)
}

both_databases! {
    async fn a_slow_statement_ends_at_its_deadline_and_the_next_one_runs(db) {
        let mut config = StoreConfig { postgres_connections: 1, ..config(&db) };
        config.sqlite_readers = 1;
        let store = open_with(config, Opener::Server).await.unwrap();
        let shop = tenant(&store, 1, "shop1").await;
        let lateness = Lateness::watch();
        for _ in 0..3 {
            let start = Instant::now();
            let error = slow_query(&store, shop, short()).await.unwrap_err();
            assert!(matches!(error, StoreError::Timeout(_)), "{error:?}");
            let took = start.elapsed();
            assert!(took >= SHORT / 2 && took < QUICKLY + lateness.since(start), "{took:?}");
            assert_eq!(words(&store, shop).await, [""; 0]);
            let took = start.elapsed();
            assert!(took < QUICKLY + lateness.since(start), "{took:?}");
        }
    }

    async fn waiting_for_a_connection_ends_at_the_deadline(db) {
        let mut config = StoreConfig { postgres_connections: 1, ..config(&db) };
        config.sqlite_readers = 1;
        let store = open_with(config, Opener::Server).await.unwrap();
        let shop = tenant(&store, 1, "shop1").await;
        let held = store.read(shop, soon()).await.unwrap();
        let error = store.read(shop, short()).await.err().unwrap();
        assert!(matches!(error, StoreError::Timeout(_) | StoreError::Overloaded), "{error:?}");
        drop(held);
        let held = store.write(shop, soon()).await.unwrap();
        let error = store.write(shop, short()).await.err().unwrap();
        assert!(matches!(error, StoreError::Timeout(_) | StoreError::Overloaded), "{error:?}");
        drop(held);
        assert!(store.write(shop, short()).await.is_ok());
    }

    async fn nothing_is_written_after_the_deadline(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        let insert = |number: u128| [shop.tenant_id().into(), id(number).into(), "a".into(), now().into()];
        let passed = Deadline::after(Duration::ZERO);
        // Nor is a commit begun.
        let mut tx = store.write(shop, soon()).await.unwrap();
        tx.db.execute_one("notes", INSERT_NOTE, &insert(1)).await.unwrap();
        tx.db.set_deadline(passed);
        let error = tx.commit().await.unwrap_err();
        assert!(matches!(error, StoreError::Timeout(_)), "{error:?}");

        if let Ok(mut tx) = store.write(shop, passed).await {
            let error = tx.db.execute_one("notes", INSERT_NOTE, &insert(2)).await.unwrap_err();
            assert!(matches!(error, StoreError::Timeout(_)), "{error:?}");
            tx.commit().await.unwrap_err();
        }
        // A turn at the writer, so that a commit that was under way would be over.
        store.write(shop, soon()).await.unwrap().commit().await.unwrap();
        assert_eq!(words(&store, shop).await, [""; 0]);
    }
}

#[tokio::test]
async fn a_wait_for_a_lock_ends_before_the_deadline_and_its_owner_goes_on() {
    let db = TestDatabase::postgres_empty().await;
    let store = open(&db).await;
    let shop = tenant(&store, 1, "shop1").await;
    add_notes(&store, shop, &["a"]).await;
    let rename = "UPDATE notes SET word = $2 WHERE tenant_id = $1";
    let mut owner = store.write(shop, soon()).await.unwrap();
    owner
        .db
        .execute_one("notes", rename, params![shop.tenant_id(), "b"])
        .await
        .unwrap();
    let mut waiting = store.write(shop, short()).await.unwrap();
    let error = waiting
        .db
        .execute_one("notes", rename, params![shop.tenant_id(), "c"])
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Locked(_)), "{error:?}");
    assert!(waiting.commit().await.is_err());
    owner.commit().await.unwrap();
    assert_eq!(words(&store, shop).await, ["b"]);
}

/// Without a deadline nobody but the drop itself ends a statement: its connection is given up, the statement cancelled.
#[tokio::test]
async fn a_dropped_statement_does_not_run_on() {
    let db = TestDatabase::postgres_empty().await;
    let store = open_small(&db, 1).await;
    let shop = tenant(&store, 1, "shop1").await;
    let start = Instant::now();
    let mut query = Box::pin(slow_query(&store, shop, Deadline::never()));
    // A connection, a prepared statement, BEGIN and the statement itself: dropped in the middle of the last.
    let watcher = tokio_postgres::connect(db.superuser_url(), tokio_postgres::NoTls)
        .await
        .unwrap();
    drop(tokio::spawn(watcher.1));
    let sleeping = async || -> i64 {
        let sql = "SELECT count(*) FROM pg_stat_activity WHERE state = 'active' AND query LIKE '%pg_sleep(30)%' \
                   AND datname = current_database() AND pid <> pg_backend_pid()";
        watcher.0.query_one(sql, &[]).await.unwrap().get(0)
    };
    while sleeping().await == 0 {
        assert!(!poll(query.as_mut()));
        assert!(start.elapsed() < TIMEOUT, "the statement never ran");
    }
    drop(query);
    let (lateness, start) = (Lateness::watch(), Instant::now());
    let mut client = store.pooled_client().await;
    assert_eq!(look(&mut client).await, clean());
    while sleeping().await > 0 {
        assert!(
            start.elapsed() < QUICKLY + lateness.since(start),
            "the statement runs on"
        );
    }
}
