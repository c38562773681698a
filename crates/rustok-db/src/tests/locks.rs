//! Who holds what others want: he is found out, and the others lose no more than they must.

use super::*;
use crate::params;
use rustok_core::resilience::CircuitState;
use rustok_test_support::{TIMEOUT, eventually};
use tokio::task::JoinSet;
use tokio::time::{Instant, sleep};

const RENAME: &str = "UPDATE notes SET text = 'x' WHERE tenant_id = $1";
const AWAY: Duration = Duration::from_secs(5);

async fn write(store: &Store, shop: TenantHandle) -> Result<(), StoreError> {
    let mut tx = store
        .write(shop, Deadline::after(Duration::from_secs(10)))
        .await?;
    tx.db.execute("notes", RENAME, params![tx.tenant]).await?;
    tx.commit().await
}

async fn two_shops(db: &TestDatabase) -> (Store, TenantHandle, TenantHandle) {
    let store = open_small(db, 4).await;
    let (one, two) = (tenant(&store, 1, "shop1").await, tenant(&store, 2, "shop2").await);
    add_notes(&store, one, &["a"]).await;
    add_notes(&store, two, &["b"]).await;
    (store, one, two)
}

/// As a server that was stopped in the middle of a transaction: it says nothing more, and its connection stays.
#[tokio::test]
async fn a_transaction_in_which_nobody_speaks_loses_its_locks() {
    let db = TestDatabase::postgres_empty().await;
    let (store, one, _) = two_shops(&db).await;
    let stopped = open_small(&db, 1).await;
    let mut tx = stopped.write(one, soon()).await.unwrap();
    tx.db
        .execute("notes", RENAME, params![one.tenant_id()])
        .await
        .unwrap();
    let begun = Instant::now();
    eventually(TIMEOUT, async || {
        let written = write(&store, one).await;
        assert!(
            matches!(written, Ok(()) | Err(StoreError::Locked(_))),
            "{written:?}"
        );
        written
    })
    .await;
    assert!(begun.elapsed() < AWAY, "{:?}", begun.elapsed());
    assert_eq!(store.breaker().unwrap().state(), CircuitState::Closed);
    // Whoever was stopped and goes on is told the truth: nothing was committed, and the database is not to blame.
    let message = tx.commit().await.unwrap_err();
    assert!(matches!(message, StoreError::Serialization(_)), "{message:?}");
    assert_eq!(stopped.breaker().unwrap().state(), CircuitState::Closed);
    write(&stopped, one).await.unwrap();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn whoever_waits_for_a_lock_is_told_and_the_breaker_is_not() {
    for (lock, others_write) in [
        ("SELECT FROM notes WHERE word = 'a' FOR UPDATE", true),
        ("LOCK TABLE notes", false),
    ] {
        let db = TestDatabase::postgres_empty().await;
        let (store, one, two) = two_shops(&db).await;
        let holder = {
            let (client, connection) = tokio_postgres::connect(db.superuser_url(), tokio_postgres::NoTls)
                .await
                .unwrap();
            drop(tokio::spawn(connection));
            client
        };
        holder.batch_execute(&format!("BEGIN; {lock}")).await.unwrap();
        let mut waiting = JoinSet::new();
        for _ in 0..12 {
            let store = store.clone();
            waiting.spawn(async move { write(&store, one).await });
        }
        sleep(Duration::from_millis(200)).await;
        if others_write {
            write(&store, two).await.unwrap();
        }
        // What does not need it works all the while.
        let mut tx = store.platform_read(soon()).await.unwrap();
        counter(&mut tx).await.unwrap();
        for answer in waiting.join_all().await {
            // Those beyond the share of the tenant wait for its others.
            let expected = matches!(answer, Err(StoreError::Locked(_) | StoreError::Overloaded));
            assert!(expected, "{answer:?}");
        }
        let metrics = store.breaker().unwrap().metrics();
        assert_eq!((metrics.state, metrics.failures), (CircuitState::Closed, 0));
        holder.batch_execute("ROLLBACK").await.unwrap();
        write(&store, one).await.unwrap();
    }
}

/// Who finds all connections in use at his deadline has learned nothing about the database.
#[tokio::test]
async fn waiting_for_a_place_is_no_failure_of_the_database() {
    let db = TestDatabase::postgres_empty().await;
    let store = open_small(&db, 1).await;
    let shop = tenant(&store, 1, "shop1").await;
    let mut held = store.read(shop, soon()).await.unwrap();
    held.db
        .fetch("x", "SELECT 1 AS n", &[], |_| Ok(()))
        .await
        .unwrap();
    for _ in 0..6 {
        let refused = store
            .read(shop, Deadline::after(Duration::from_millis(150)))
            .await;
        assert!(matches!(refused.err(), Some(StoreError::Overloaded)));
    }
    let metrics = store.breaker().unwrap().metrics();
    assert_eq!((metrics.state, metrics.failures), (CircuitState::Closed, 0));
}
