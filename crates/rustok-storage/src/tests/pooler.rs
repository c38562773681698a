//! PgBouncer between the store and PostgreSQL: in transaction mode it is refused, in session mode nobody notices it.

use super::*;
use crate::inspect::{FoundSchema, find_isolation_faults, find_schema};
use rustok_test_support::PgBouncer;
use tokio::task::JoinSet;
use tokio_postgres::NoTls;

const OPENERS: [Opener; 2] = [Opener::Server, Opener::Command];

fn config_at(url: &str) -> StoreConfig {
    StoreConfig::new(DatabaseUrl::parse(url).unwrap())
}

async fn assert_refused(url: &str, how: &str) {
    let found = find_schema(&config_at(url).url).await;
    let mut message = vec![found.unwrap_err()];
    for opener in OPENERS {
        message.push(crate::open(config_at(url), opener).await.unwrap_err());
    }
    for message in message {
        let message = match message {
            StoreError::Setup(message) => message,
            other => panic!("{how}: {other:?}"),
        };
        assert!(
            message.contains("PgBouncer") && message.contains("set pool_mode=session"),
            "{how}: {message}"
        );
    }
}

/// A connection through the pooler with its driver.
async fn client(url: &str) -> tokio_postgres::Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    drop(tokio::spawn(connection));
    client
}

/// However many sessions it has and whichever it gives out.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_shares_sessions_is_refused() {
    let db = TestDatabase::postgres_empty().await;
    for mode in ["transaction", "statement"] {
        for (sessions, round_robin) in [(1, 0), (2, 0), (2, 1), (3, 1), (20, 0), (20, 1)] {
            let mode = format!("pool_mode = {mode}");
            let size = format!("default_pool_size = {sessions}");
            let turn = format!("server_round_robin = {round_robin}");
            let how = format!("{mode}, {size}, {turn}");
            let Some(pooler) = PgBouncer::start(db.direct_url(), &[&mode, &size, &turn]).await else {
                return;
            };
            let url = pooler.database_url(db.direct_url());
            assert_refused(&url, &format!("{how}, no session is there yet")).await;
            // All of its sessions at once, so that they lie idle then.
            let mut busy = JoinSet::new();
            for _ in 0..sessions {
                let client = client(&url).await;
                busy.spawn(async move { client.simple_query("SELECT pg_sleep(0.05)").await });
            }
            while let Some(slept) = busy.join_next().await {
                slept.unwrap().unwrap();
            }
            assert_refused(&url, &format!("{how}, all sessions are idle")).await;
        }
    }
    let made = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(db.superuser_count(made).await, 0, "something was done before");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_that_others_keep_busy_is_refused() {
    let db = TestDatabase::postgres_empty().await;
    for sessions in ["default_pool_size = 2", "default_pool_size = 8"] {
        let Some(pooler) = PgBouncer::start(db.direct_url(), &["pool_mode = transaction", sessions]).await
        else {
            return;
        };
        let url = pooler.database_url(db.direct_url());
        let mut busy = JoinSet::new();
        for _ in 0..6 {
            let client = client(&url).await;
            busy.spawn(async move {
                loop {
                    client.simple_query("SELECT pg_sleep(0.001)").await.unwrap();
                }
            });
        }
        for _ in 0..5 {
            assert_refused(&url, sessions).await;
        }
        busy.shutdown().await;
    }
}

/// As if nothing stood in between: the schema, tenants, many transactions at once, one that is given up, and the next
/// server on the sessions of the last.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_in_session_mode_is_not_noticed() {
    let db = TestDatabase::postgres_empty().await;
    let Some(pooler) = PgBouncer::start(
        db.direct_url(),
        &["pool_mode = session", "default_pool_size = 40"],
    )
    .await
    else {
        return;
    };
    let url = pooler.database_url(db.direct_url());
    for round in 0..3_u128 {
        let found = find_schema(&config_at(&url).url).await.unwrap();
        assert_eq!(found == FoundSchema::Empty, round == 0);
        let store = crate::open(config_at(&url), Opener::Server).await.unwrap();
        let shop = tenant(&store, round + 1, &format!("shop{round}")).await;
        let other = tenant(&store, round + 100, &format!("other{round}")).await;
        let mut writers = JoinSet::new();
        for number in 0..40 {
            let store = store.clone();
            writers.spawn(async move {
                add_authors(&store, shop, &[&format!("a{number}")]).await;
                let mut given_up = store.write(shop, soon()).await.unwrap();
                let sql = "DELETE FROM authors WHERE tenant_id = $1";
                let params = rustok_db::params![shop.tenant_id()];
                given_up.db.execute("authors", sql, params).await.unwrap();
            });
        }
        while let Some(written) = writers.join_next().await {
            written.unwrap();
        }
        assert_eq!(logins(&store, shop).await.len(), 40);
        assert_eq!(logins(&store, other).await, [""; 0]);
        let nobody = TenantHandle::for_due_work(TenantId::from_uuid(id(999)));
        let faults = find_isolation_faults(&store, nobody, soon()).await.unwrap();
        assert_eq!(faults, [""; 0]);
        crate::open(config_at(&url), Opener::Command).await.unwrap();
    }
}

/// One session for all: whoever has it keeps it, and the second connection never gets one.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_pooler_without_a_second_session_is_not_taken_for_one_that_shares() {
    let db = TestDatabase::postgres().await;
    let Some(pooler) =
        PgBouncer::start(db.direct_url(), &["pool_mode = session", "default_pool_size = 1"]).await
    else {
        return;
    };
    let found = find_schema(&config_at(&pooler.database_url(db.direct_url())).url).await;
    assert_eq!(found.unwrap(), FoundSchema::Number(crate::latest_schema()));
}
