//! PostgreSQL: in what state a pooled connection comes back. It must never carry a tenant, a role or a transaction.

use super::*;
use crate::params;
use crate::postgres::{Connection, Object, poll_once};
use crate::statement::Statement;
use std::pin::pin;
use tokio_postgres::{Error, Row, SimpleQueryMessage};

/// What a client can do, for tests that look at a connection.
impl Connection {
    pub(super) async fn query_one(&mut self, sql: &str) -> Result<Row, Error> {
        self.exchange(async |client, _| client.query_one(sql, &[]).await)
            .await
    }

    pub(super) async fn simple_query(&mut self, sql: &str) -> Result<Vec<SimpleQueryMessage>, Error> {
        self.exchange(async |client, _| client.simple_query(sql).await)
            .await
    }

    pub(super) async fn batch_execute(&mut self, sql: &str) -> Result<(), Error> {
        self.exchange(async |client, _| client.batch_execute(sql).await)
            .await
    }
}

/// What the next user of a connection finds.
#[derive(Debug, PartialEq, Eq)]
pub(super) struct Found {
    tenant: String,
    role: String,
    no_transaction: bool,
    timeout: String,
}

pub(super) fn clean() -> Found {
    Found {
        tenant: String::new(),
        role: "rustok_app".to_owned(),
        no_transaction: true,
        timeout: "0".to_owned(),
    }
}

/// Takes a connection from the pool and looks at it, without a transaction of its own around the question: the time
/// at which the transaction began is then the statement's.
pub(super) async fn look(client: &mut Object) -> Found {
    let sql = "SELECT coalesce(current_setting('rustok.tenant_id', true), ''), current_user, \
               now() = statement_timestamp(), current_setting('statement_timeout')";
    let answer = client.simple_query(sql).await.unwrap();
    let row = answer.iter().find_map(|message| match message {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let text = |column| row.unwrap().get(column).unwrap();
    Found {
        tenant: text(0).to_owned(),
        role: text(1).to_owned(),
        no_transaction: text(2) == "t",
        timeout: text(3).to_owned(),
    }
}

async fn left_behind(store: &Store) -> Found {
    look(&mut store.pooled_client().await).await
}

async fn process_id(store: &Store) -> i32 {
    store
        .pooled_client()
        .await
        .query_one("SELECT pg_backend_pid()")
        .await
        .unwrap()
        .get(0)
}

/// One connection only: every look is at the one that was used before.
async fn one_connection() -> (TestDatabase, Store, TenantHandle) {
    let db = TestDatabase::postgres_empty().await;
    let store = open_small(&db, 1).await;
    let shop = tenant(&store, 1, "shop1").await;
    (db, store, shop)
}

/// The driver promises nothing of the kind, and everything that is sent without waiting rests on it (docs/adr/0015): its
/// version is pinned, and may change only if this test passes.
#[tokio::test]
async fn one_poll_of_a_query_enqueues_its_message() {
    let (_db, store, _) = one_connection().await;
    let mut client = store.pooled_client().await;
    let sql = "SELECT set_config('statement_timeout', '902', false)";
    let prepared = client
        .exchange(async |client, _| client.prepare(sql).await)
        .await
        .unwrap();
    let shown = |messages: Vec<SimpleQueryMessage>| {
        messages.iter().find_map(|message| match message {
            SimpleQueryMessage::Row(row) => row.get(0).map(str::to_owned),
            _ => None,
        })
    };
    // Simple queries, as BEGIN, ROLLBACK and COMMIT are.
    let answer = client.exchange(async |client, _| {
        poll_once(client.batch_execute("SET statement_timeout = 901"));
        client.simple_query("SHOW statement_timeout").await
    });
    assert_eq!(shown(answer.await.unwrap()).as_deref(), Some("901ms"));
    // Prepared ones, in the order in which they were polled, though nobody reads their answers.
    let answer = client.exchange(async |client, _| {
        poll_once(client.batch_execute("SET statement_timeout = 903"));
        poll_once(client.query(&prepared, &[]));
        client.simple_query("SHOW statement_timeout").await
    });
    assert_eq!(shown(answer.await.unwrap()).as_deref(), Some("902ms"));
    // Where nothing is awaited at all.
    client.post("SET statement_timeout = 904");
    drop(client);
    assert_eq!(left_behind(&store).await.timeout, "904ms");
}

#[tokio::test]
async fn a_dirty_connection_would_be_noticed() {
    let (_db, store, shop) = one_connection().await;
    let set =
        format!("SET rustok.tenant_id = '{shop}'; SET ROLE rustok_platform; SET statement_timeout = 900");
    store
        .pooled_client()
        .await
        .batch_execute(&format!("{set}; BEGIN"))
        .await
        .unwrap();
    let found = left_behind(&store).await;
    let dirty = Found {
        tenant: shop.to_string(),
        role: "rustok_platform".to_owned(),
        no_transaction: false,
        timeout: "900ms".to_owned(),
    };
    assert_eq!(found, dirty);
}

#[tokio::test]
async fn however_a_transaction_ends_its_connection_comes_back_clean() {
    let (db, store, shop) = one_connection().await;
    let before = process_id(&store).await;
    let params = params![shop.tenant_id(), id(1), "a", now()];
    let sees_its_tenant = async |tx: &mut crate::TenantTx| {
        let sql = "SELECT current_setting('rustok.tenant_id') AS tenant, current_user::text AS role";
        let seen = tx.db.fetch("x", sql, &[], |row| {
            Ok((row.get::<String>("tenant")?, row.get::<String>("role")?))
        });
        assert_eq!(seen.await.unwrap(), [(shop.to_string(), "rustok_app".to_owned())]);
    };

    let mut tx = store.write(shop, soon()).await.unwrap();
    sees_its_tenant(&mut tx).await;
    tx.commit().await.unwrap();
    assert_eq!(left_behind(&store).await, clean(), "committed");

    let mut tx = store.read(shop, soon()).await.unwrap();
    sees_its_tenant(&mut tx).await;
    drop(tx);
    assert_eq!(left_behind(&store).await, clean(), "dropped after a read");

    drop(store.write(shop, soon()).await.unwrap());
    assert_eq!(
        left_behind(&store).await,
        clean(),
        "dropped before its first statement"
    );

    store.write(shop, soon()).await.unwrap().commit().await.unwrap();
    assert_eq!(
        left_behind(&store).await,
        clean(),
        "committed without a statement"
    );

    let mut tx = store.write(shop, soon()).await.unwrap();
    tx.db.execute_one("notes", INSERT_NOTE, params).await.unwrap();
    drop(tx);
    assert_eq!(left_behind(&store).await, clean(), "dropped after a write");

    let mut tx = store.write(shop, soon()).await.unwrap();
    tx.db
        .execute(
            "notes",
            "INSERT INTO notes (tenant_id) VALUES ($1)",
            params![shop.tenant_id()],
        )
        .await
        .unwrap_err();
    drop(tx);
    assert_eq!(left_behind(&store).await, clean(), "dropped after a failure");

    let mut tx = store.write(shop, soon()).await.unwrap();
    tx.db.execute("notes", "nonsense", &[]).await.unwrap_err();
    tx.commit().await.unwrap_err();
    assert_eq!(left_behind(&store).await, clean(), "commit of a failure");

    let mut tx = store.platform_write(soon()).await.unwrap();
    counter(&mut tx).await.unwrap();
    drop(tx);
    assert_eq!(left_behind(&store).await, clean(), "the platform's");

    let mut tx = store.read(shop, soon()).await.unwrap();
    sees_its_tenant(tx.last()).await;
    // Before the transaction is dropped: its end came along.
    let sql =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
    let (watcher, patience) = (open_small(&db, 1).await, soon());
    let mut looking = watcher.pooled_client().await;
    while looking.query_one(sql).await.unwrap().get::<_, i64>(0) > 0 {
        assert!(
            !patience.is_expired(),
            "the transaction is open after its last query"
        );
    }
    drop(tx);
    assert_eq!(left_behind(&store).await, clean(), "after a last query");

    let mut tx = store.read(shop, soon()).await.unwrap();
    // With a transaction open, and before anything of the query itself is sent: it cannot be prepared.
    sees_its_tenant(&mut tx).await;
    tx.last()
        .db
        .fetch("x", "nonsense", &[], |_| Ok(()))
        .await
        .unwrap_err();
    drop(tx);
    assert_eq!(
        left_behind(&store).await,
        clean(),
        "after a last query that failed"
    );

    let mut tx = store.write(shop, soon()).await.unwrap();
    tx.db.execute_one("notes", INSERT_NOTE, params).await.unwrap();
    let unwound = tokio::spawn(async move {
        let _tx = tx;
        panic!("on purpose");
    });
    assert!(unwound.await.unwrap_err().is_panic());
    assert_eq!(left_behind(&store).await, clean(), "unwound by a panic");

    assert_eq!(
        process_id(&store).await,
        before,
        "it was one connection all the time"
    );
    assert_eq!(
        words(&store, shop).await,
        [""; 0],
        "nothing that was dropped was kept"
    );
}

#[tokio::test]
async fn a_statement_dropped_in_flight_leaves_a_clean_connection() {
    let (_db, store, shop) = one_connection().await;
    let slow = "SELECT pg_sleep(0.02)::text AS slept";
    for prepared in [false, true] {
        // Unprepared it is dropped while it is being prepared, before BEGIN is sent.
        let mut tx = store.read(shop, soon()).await.unwrap();
        if prepared {
            tx.db.fetch("x", slow, &[], |_| Ok(())).await.unwrap();
        }
        let mut query = Box::pin(tx.db.fetch("x", slow, &[], |_| Ok(())));
        assert!(!poll(query.as_mut()));
        drop(query);
        drop(tx);
        assert_eq!(left_behind(&store).await, clean(), "prepared: {prepared}");
    }
    // The first statement of a transaction, sent together with BEGIN, and one that is its last besides.
    for last in [false, true] {
        let mut tx = store.read(shop, soon()).await.unwrap();
        if last {
            tx.last();
        }
        let mut query = Box::pin(tx.db.fetch("x", slow, &[], |_| Ok(())));
        assert!(!poll(query.as_mut()));
        drop(query);
        drop(tx);
        assert_eq!(
            left_behind(&store).await,
            clean(),
            "dropped with BEGIN, last: {last}"
        );
    }
    // A write and a commit, dropped as they were sent.
    let mut tx = store.write(shop, soon()).await.unwrap();
    let params = params![shop.tenant_id(), id(1), "a", now()];
    tx.db
        .execute_all(&[Statement::one("notes", INSERT_NOTE, params)])
        .await
        .unwrap();
    let mut commit = Box::pin(tx.commit());
    assert!(!poll(commit.as_mut()));
    drop(commit);
    assert_eq!(left_behind(&store).await, clean(), "dropped commit");
    assert_eq!(
        words(&store, shop).await,
        ["a"],
        "COMMIT was on its way before the ROLLBACK"
    );
}

/// COMMIT of a failed transaction answers Ok: without an answer to every statement it must not even be asked.
#[tokio::test]
async fn a_transaction_with_a_statement_that_nobody_waited_for_is_not_committed() {
    let (_db, store, shop) = one_connection().await;
    add_notes(&store, shop, &["a"]).await;
    let (clash, fine) = (id(71), id(72));
    for (number, word) in [(clash, "a"), (fine, "b")] {
        let mut tx = store.write(shop, soon()).await.unwrap();
        let params = params![shop.tenant_id(), number, word, now()];
        let mut insert = Box::pin(tx.db.execute_one("notes", INSERT_NOTE, params));
        assert!(!poll(insert.as_mut()));
        drop(insert);
        let error = tx.commit().await.unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        assert_eq!(left_behind(&store).await, clean());
        assert_eq!(words(&store, shop).await, ["a"]);
    }
}

#[tokio::test]
async fn a_transaction_may_be_dropped_where_no_runtime_is() {
    let (_db, store, shop) = one_connection().await;
    let mut tx = store.read(shop, soon()).await.unwrap();
    tx.db.fetch("x", "SELECT 1 AS n", &[], |_| Ok(())).await.unwrap();
    {
        let mut query = pin!(
            tx.db
                .fetch("x", "SELECT pg_sleep(0.1)::text AS slept", &[], |_| Ok(()))
        );
        assert!(!poll(query.as_mut()));
    }
    let before = store.postgres_connections();
    std::thread::spawn(move || drop(tx)).join().unwrap();
    assert_eq!(before, Some((1, 0)));
    assert_eq!(
        store.postgres_connections(),
        Some((0, 0)),
        "nobody can clean it up, so it is given up"
    );
    assert_eq!(left_behind(&store).await, clean());
}

#[tokio::test]
async fn a_session_keeps_so_many_statements_and_no_more() {
    let db = TestDatabase::postgres_empty().await;
    let store = open_small(&db, 1).await;
    let shop = tenant(&store, 1, "shop1").await;
    let mut tx = store.read(shop, soon()).await.unwrap();
    let kept = "SELECT count(*) AS kept FROM pg_prepared_statements";
    for number in 0..400 {
        let sql = format!("SELECT {number} AS number");
        tx.db.fetch("x", &sql, &[], |_| Ok(())).await.unwrap();
        // What is used again and again stays.
        let kept = tx
            .db
            .fetch("x", kept, &[], |row| row.get::<i64>("kept"))
            .await
            .unwrap();
        assert!((2..=257).contains(&kept[0]), "{number}: {kept:?}");
    }
    let kept = tx
        .db
        .fetch("x", kept, &[], |row| row.get::<i64>("kept"))
        .await
        .unwrap();
    assert!(kept[0] >= 250, "{kept:?}");
}
