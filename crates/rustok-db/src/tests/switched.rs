//! PostgreSQL that answers, but is not what it was: BEGIN is refused, it takes no writes any more, another one does.

use super::between::{Between, Rules, through};
use super::*;
use crate::params;
use rustok_core::resilience::CircuitState;
use rustok_test_support::{Fault, FaultProxy, TIMEOUT, eventually};
use tokio::time::{Instant, sleep};

const RENAME: &str = "UPDATE notes SET text = 'x' WHERE tenant_id = $1";
/// How long writes may be away once there is a server that takes them.
const AWAY: Duration = Duration::from_secs(5);

async fn open_at(url: &str) -> Store {
    let config = StoreConfig {
        postgres_connections: 2,
        ..StoreConfig::new(DatabaseUrl::parse(url).unwrap())
    };
    open_with(config, Opener::Server).await.unwrap()
}

async fn write(store: &Store, shop: TenantHandle) -> Result<(), StoreError> {
    let mut tx = store.write(shop, Deadline::after(TIMEOUT)).await?;
    tx.db.execute("notes", RENAME, params![tx.tenant]).await?;
    tx.commit().await
}

async fn read(store: &Store, shop: TenantHandle) -> Result<(), StoreError> {
    let mut tx = store.read(shop, Deadline::after(TIMEOUT)).await?;
    let sql = "SELECT word FROM notes WHERE tenant_id = $1";
    tx.db
        .fetch("notes", sql, params![tx.tenant], |_| Ok(()))
        .await
        .map(drop)
}

/// How long it takes until a write is made.
async fn until_written(store: &Store, shop: TenantHandle) -> Duration {
    let begun = Instant::now();
    eventually(TIMEOUT, async || {
        let written = write(store, shop).await;
        sleep(Duration::from_millis(20)).await;
        written
    })
    .await;
    begun.elapsed()
}

#[tokio::test]
async fn what_follows_a_begin_that_was_refused_does_not_run() {
    for db in [TestDatabase::postgres_empty().await, empty_as_owner().await] {
        let between = Between::of(db.url()).await;
        let store = open_at(&through(db.url(), &[&between])).await;
        let shop = tenant(&store, 1, "shop1").await;
        add_notes(&store, shop, &["a"]).await;
        // Prepared before: what is tried then is one flight.
        write(&store, shop).await.unwrap();
        for (said, heard) in [
            ("BEGIN ISOLATION", "BEGIX ISOLATION"),
            ("SET LOCAL ROLE", "SET LOCAL XOLE"),
            ("rustok.tenant_id =", "rustok tenant_id ="),
        ] {
            between.set(Rules {
                words: vec![(said, heard)],
                read_only: false,
            });
            let insert = params![shop.tenant_id(), id(2), "b", now()];
            for _ in 0..3 {
                let mut tx = store.write(shop, soon()).await.unwrap();
                let wrote = tx.db.execute("notes", INSERT_NOTE, insert).await;
                assert!(wrote.is_err(), "{said}");
                drop(tx);
                let mut tx = store.write(shop, soon()).await.unwrap();
                let gone = "DELETE FROM notes WHERE tenant_id = $1";
                assert!(
                    tx.db
                        .execute("notes", gone, params![shop.tenant_id()])
                        .await
                        .is_err()
                );
                drop(tx);
            }
            if said != "rustok.tenant_id =" {
                let mut tx = store.platform_write(soon()).await.unwrap();
                let sql = "UPDATE accounts SET name = 'lost' WHERE name = $1";
                assert!(tx.db.execute("accounts", sql, params!["shop1"]).await.is_err());
                drop(tx);
            }
            between.set(Rules::default());
            assert_eq!(words(&store, shop).await, ["a"], "{said}");
            let lost = "SELECT count(*) FROM accounts WHERE name = 'lost'";
            assert_eq!(db.superuser_count(lost).await, 0, "{said}");
        }
        write(&store, shop).await.unwrap();
    }
}

#[tokio::test]
async fn what_follows_a_transaction_that_somebody_ended_does_not_run() {
    let db = TestDatabase::postgres_empty().await;
    let store = open_small(&db, 1).await;
    let shop = tenant(&store, 1, "shop1").await;
    for end in ["COMMIT", "ROLLBACK"] {
        let mut tx = store.write(shop, soon()).await.unwrap();
        tx.db.fetch("x", "SELECT 1 AS n", &[], |_| Ok(())).await.unwrap();
        tx.db.execute("x", end, &[]).await.unwrap();
        let insert = params![shop.tenant_id(), id(2), "b", now()];
        let wrote = tx.db.execute("notes", INSERT_NOTE, insert).await;
        assert!(wrote.is_err(), "{end}");
        drop(tx);
        assert_eq!(words(&store, shop).await, [""; 0], "{end}");
    }
}

#[tokio::test]
async fn a_session_that_was_exchanged_is_nobodys_again() {
    let db = TestDatabase::postgres_empty().await;
    let store = open_small(&db, 1).await;
    let shop = tenant(&store, 1, "shop1").await;
    write(&store, shop).await.unwrap();
    store
        .pooled_client()
        .await
        .batch_execute("DEALLOCATE ALL")
        .await
        .unwrap();
    // The first flight of a transaction is made again on another connection.
    write(&store, shop).await.unwrap();
    write(&store, shop).await.unwrap();
}

#[tokio::test]
async fn a_server_that_takes_no_writes_is_told_of_and_left_for_one_that_does() {
    let db = TestDatabase::postgres_empty().await;
    let (one, two) = (Between::of(db.url()).await, Between::of(db.url()).await);
    let store = open_at(&through(db.url(), &[&one, &two])).await;
    let shop = tenant(&store, 1, "shop1").await;
    let standby = || Rules {
        words: Vec::new(),
        read_only: true,
    };
    write(&store, shop).await.unwrap();

    // The other one takes over.
    one.set(standby());
    one.cut();
    let took = until_written(&store, shop).await;
    assert!(took < AWAY, "{took:?}");
    assert!(store.state() != crate::DatabaseState::ReadOnly);

    // None is left: reads go on, writes are told at once, and the breaker has nothing to do with it.
    two.set(standby());
    two.cut();
    eventually(TIMEOUT, async || match write(&store, shop).await {
        Err(StoreError::ReadOnly(_)) => Ok(()),
        other => Err(format!("{other:?}")),
    })
    .await;
    assert!(store.state() == crate::DatabaseState::ReadOnly);
    for _ in 0..20 {
        read(&store, shop).await.unwrap();
        let refused = write(&store, shop).await.unwrap_err();
        assert!(
            refused.is_outage() && matches!(refused, StoreError::ReadOnly(_)),
            "{refused:?}"
        );
    }
    assert_eq!(store.breaker().unwrap().state(), CircuitState::Closed);

    // Promoted: no connection breaks.
    two.set(Rules::default());
    let took = until_written(&store, shop).await;
    assert!(took < AWAY, "{took:?}");
    assert!(store.state() != crate::DatabaseState::ReadOnly);
}

#[tokio::test]
async fn a_session_that_becomes_read_only_is_thrown_away() {
    let db = TestDatabase::postgres_empty().await;
    let store = open_small(&db, 1).await;
    let shop = tenant(&store, 1, "shop1").await;
    let off = "SET default_transaction_read_only = on";
    store.pooled_client().await.batch_execute(off).await.unwrap();
    // Met by the first exchange: another connection has it.
    write(&store, shop).await.unwrap();

    store.pooled_client().await.batch_execute(off).await.unwrap();
    // Met later: the caller is told, and nobody else.
    let mut tx = store.write(shop, soon()).await.unwrap();
    tx.db.fetch("x", "SELECT 1 AS n", &[], |_| Ok(())).await.unwrap();
    let refused = tx
        .db
        .execute("notes", RENAME, params![shop.tenant_id()])
        .await
        .unwrap_err();
    assert!(matches!(refused, StoreError::ReadOnly(_)), "{refused:?}");
    drop(tx);
    write(&store, shop).await.unwrap();

    // A transaction that only reads is a mistake of ours when it writes, whatever the server is.
    let mut tx = store.read(shop, soon()).await.unwrap();
    let refused = tx
        .db
        .execute("notes", RENAME, params![shop.tenant_id()])
        .await
        .unwrap_err();
    assert!(matches!(refused, StoreError::Refused { .. }), "{refused:?}");
}

#[tokio::test]
async fn a_first_host_that_says_nothing_does_not_hide_the_second() {
    let db = TestDatabase::postgres_empty().await;
    let silent = FaultProxy::of_database(db.url());
    let between = Between::of(db.url()).await;
    let url = through(db.url(), &[&between]);
    let url = url.replace(
        &between.address(),
        &format!("{},{}", silent.address(), between.address()),
    );
    silent.set(Fault::BlackHole);
    let begun = Instant::now();
    let store = open_at(&with_query(&url, "connect_timeout=1")).await;
    let shop = tenant(&store, 1, "shop1").await;
    write(&store, shop).await.unwrap();
    assert!(begun.elapsed() < AWAY, "{:?}", begun.elapsed());
}
