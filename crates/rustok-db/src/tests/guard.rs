//! What the breaker before PostgreSQL counts: what the database is to blame for, once for each transaction.

use super::*;
use crate::params;
use crate::statement::Statement;
use rustok_core::resilience::{CircuitBreakerMetrics, CircuitState, with_timeout};
use rustok_test_support::PgBouncer;
use tokio::sync::Barrier;
use tokio::time::{sleep_until, timeout};

/// Longer than what is fair, shorter than what is slow.
const SHORT: Duration = Duration::from_millis(200);

async fn shop_on(db: &TestDatabase, connections: usize) -> (Store, TenantHandle) {
    let store = open_small(db, connections).await;
    let shop = tenant(&store, 1, "shop1").await;
    store.breaker().unwrap().reset();
    (store, shop)
}

fn metrics(store: &Store) -> CircuitBreakerMetrics {
    store.breaker().unwrap().metrics()
}

/// Successes, failures, ignored.
fn counted(store: &Store) -> (u64, u64, u64) {
    let metrics = metrics(store);
    assert_eq!((metrics.cancelled, metrics.panics), (0, 0), "left to the permit");
    (metrics.successes, metrics.failures, metrics.ignored)
}

/// How the counts change by `work`.
async fn counts(store: &Store, work: impl Future<Output = ()>) -> (u64, u64, u64) {
    let before = counted(store);
    work.await;
    let after = counted(store);
    (after.0 - before.0, after.1 - before.1, after.2 - before.2)
}

async fn select(tx: &mut crate::TenantTx, sql: &str) -> Result<(), StoreError> {
    tx.db.fetch("x", sql, &[], |_| Ok(())).await.map(drop)
}

#[tokio::test]
async fn what_the_database_answers_is_never_a_failure() {
    let db = TestDatabase::postgres_empty().await;
    let (store, shop) = shop_on(&db, 2).await;
    let insert =
        |number: u128, word: &'static str| params![shop.tenant_id(), id(number), word, now()].to_vec();
    add_notes(&store, shop, &["a"]).await;
    // More than would open the breaker, of each.
    for _ in 0..6 {
        let answered = counts(&store, async {
            let mut tx = store.write(shop, soon()).await.unwrap();
            let taken = tx.db.execute("notes", INSERT_NOTE, &insert(7, "a")).await;
            assert!(taken.unwrap_err().is_taken("notes(word)"));
        });
        assert_eq!(answered.await, (1, 0, 0), "a unique key");
        let answered = counts(&store, async {
            let mut tx = store.write(shop, soon()).await.unwrap();
            let rename = "UPDATE notes SET word = 'z' WHERE tenant_id = $1 AND word = 'nobody'";
            let stale = tx
                .db
                .execute_one("notes", rename, params![shop.tenant_id()])
                .await;
            assert!(matches!(stale, Err(StoreError::Stale { .. })));
        });
        assert_eq!(answered.await, (1, 0, 0), "a version");
        let answered = counts(&store, async {
            let mut tx = store.write(shop, soon()).await.unwrap();
            let params = insert(8, "a");
            let flight = [Statement::one("notes", INSERT_NOTE, &params)];
            assert!(tx.db.execute_all(&flight).await.is_err());
        });
        assert_eq!(answered.await, (1, 0, 0), "a flight");
        let answered = counts(&store, async {
            let mut tx = store.read(shop, soon()).await.unwrap();
            assert!(matches!(
                select(&mut tx, "nonsense").await,
                Err(StoreError::Refused { .. })
            ));
        });
        assert_eq!(answered.await, (1, 0, 0), "a statement that is wrong");
        let answered = counts(&store, async {
            let mut tx = store.read(shop, soon()).await.unwrap();
            let row = tx
                .db
                .fetch("x", "SELECT 'x'::text AS n", &[], |row| row.get::<i64>("n"))
                .await;
            assert!(matches!(row, Err(StoreError::InconsistentRow { .. })), "{row:?}");
        });
        assert_eq!(answered.await, (1, 0, 0), "a row that does not decode");
        let answered = counts(&store, async {
            let mut tx = store.read(shop, soon()).await.unwrap();
            tx.db
                .fetch("notes", "SELECT 1 AS n WHERE false", &[], |_| Ok(()))
                .await
                .unwrap();
        });
        assert_eq!(answered.await, (1, 0, 0), "nothing found");
        let answered = counts(&store, async {
            let mut tx = store.write(shop, soon()).await.unwrap();
            let full = "DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '53100'; END $$";
            let error = tx.db.execute("x", full, &[]).await.unwrap_err();
            assert!(
                matches!(error, StoreError::Trouble(_) | StoreError::DiskFull(_)),
                "{error:?}"
            );
        });
        assert_eq!(answered.await, (1, 0, 0), "a full disk: reads still work");
    }
    assert_eq!(store.breaker().unwrap().state(), CircuitState::Closed);
}

#[tokio::test]
async fn two_that_lose_against_each_other_are_no_failure() {
    let db = TestDatabase::postgres_empty().await;
    let (store, shop) = shop_on(&db, 2).await;
    add_notes(&store, shop, &["a", "b"]).await;
    let rename = "UPDATE notes SET text = 'x' WHERE tenant_id = $1 AND word = $2";
    let before = counted(&store);
    let both = Barrier::new(2);
    let one = async |first: &'static str, second: &'static str| {
        let mut tx = store.write(shop, soon()).await?;
        let first = params![shop.tenant_id(), first];
        tx.db.execute_one("notes", rename, first).await?;
        both.wait().await;
        let second = params![shop.tenant_id(), second];
        tx.db.execute_one("notes", rename, second).await?;
        tx.commit().await
    };
    let (one, other) = tokio::join!(one("a", "b"), one("b", "a"));
    let lost = one.and(other).unwrap_err();
    assert!(matches!(lost, StoreError::Serialization(_)), "{lost:?}");
    let after = counted(&store);
    assert_eq!((after.0 - before.0, after.1), (2, 0));
}

#[tokio::test]
async fn a_deadline_counts_when_the_database_had_time_and_else_not() {
    let db = TestDatabase::postgres_empty().await;
    let (store, shop) = shop_on(&db, 1).await;
    let hangs = "SELECT pg_sleep(30)::text AS n";
    let late = counts(&store, async {
        let ask = async || select(&mut store.read(shop, Deadline::after(SHORT)).await?, hangs).await;
        let error = ask().await.unwrap_err();
        assert!(matches!(error, StoreError::Timeout(_)), "{error:?}");
    });
    assert_eq!(late.await, (0, 1, 0), "slow");

    // Cut off after 20 ms; on a busy machine that may be later, and then it is a failure.
    let cut_off = async |slept: &str| {
        store.breaker().unwrap().reset();
        assert_eq!(words(&store, shop).await, [""; 0], "a connection that is there");
        let mut tx = store.read(shop, soon()).await.unwrap();
        select(&mut tx, slept).await.unwrap();
        let before = counted(&store);
        let asked = with_timeout(Duration::from_millis(20), async || select(&mut tx, hangs).await);
        assert!(asked.await.is_err());
        drop(tx);
        (before, counted(&store))
    };
    let mut ignored = 0;
    for _ in 0..20 {
        let (before, after) = cut_off("SELECT 1::text AS n").await;
        ignored += after.2 - before.2;
    }
    assert!(ignored > 0, "it had no time");
    let (before, after) = cut_off("SELECT pg_sleep(0.1)::text AS n").await;
    assert_eq!(
        (after.1 - before.1, after.2 - before.2),
        (1, 0),
        "it had time in all"
    );
    assert_eq!(words(&store, shop).await, [""; 0]);
    let held = store.read(shop, soon()).await.unwrap();
    let waiting = counts(&store, async {
        assert!(store.read(shop, Deadline::after(SHORT)).await.is_err());
    });
    assert_eq!(waiting.await, (0, 0, 1), "no place in time: too many were there");
    drop(held);
}

#[tokio::test]
async fn who_is_dropped_at_a_deadline_counts_and_who_leaves_does_not() {
    let db = TestDatabase::postgres_empty().await;
    let (store, shop) = shop_on(&db, 1).await;
    let sleep = async |deadline| {
        let mut tx = store.read(shop, deadline).await.unwrap();
        select(&mut tx, "SELECT pg_sleep(30)::text AS n").await.unwrap();
    };
    let cut_off = counts(&store, async {
        assert!(with_timeout(SHORT, || sleep(soon())).await.is_err());
    });
    assert_eq!(cut_off.await, (0, 1, 0), "dropped by a timeout around it");
    let gone = counts(&store, async {
        assert!(timeout(SHORT, sleep(soon())).await.is_err());
    });
    assert_eq!(gone.await, (0, 0, 1), "its caller went away");
    let panicked = counts(&store, async {
        let store = store.clone();
        let unwound = tokio::spawn(async move {
            let mut tx = store.read(shop, soon()).await.unwrap();
            select(&mut tx, "SELECT 1 AS n").await.unwrap();
            panic!("on purpose");
        });
        assert!(unwound.await.is_err());
    });
    assert_eq!(panicked.await, (1, 0, 0), "the panic was not the database's");
    let unused = counts(&store, async { drop(store.read(shop, soon()).await.unwrap()) });
    assert_eq!(unused.await, (0, 0, 1), "nothing was asked");
    let late = counts(&store, async {
        let deadline = Deadline::after(Duration::from_secs(1));
        let mut tx = store.read(shop, deadline).await.unwrap();
        select(&mut tx, "SELECT 1 AS n").await.unwrap();
        sleep_until(deadline.instant().unwrap()).await;
    });
    assert_eq!(late.await, (1, 0, 0), "answered in time, dropped after it");
}

#[tokio::test]
async fn an_open_breaker_asks_nobody_and_its_probes_are_counted_exactly() {
    let db = TestDatabase::postgres_empty().await;
    let (store, shop) = shop_on(&db, 4).await;
    let breaker = store.breaker().unwrap();
    breaker.open();
    let before = store.postgres_connections();
    let error = store.read(shop, soon()).await.err().unwrap();
    assert!(matches!(error, StoreError::Rejected { retry_after } if retry_after == Duration::from_secs(1)));
    assert_eq!(
        before,
        Some((0, 0)),
        "what lies in the pool is thrown away when it opens"
    );
    assert_eq!(store.postgres_connections(), before);

    // By hand it goes on half-open.
    breaker.release();
    let (mut one, mut two) = (
        store.read(shop, soon()).await.unwrap(),
        store.read(shop, soon()).await.unwrap(),
    );
    assert!(matches!(
        store.read(shop, soon()).await,
        Err(StoreError::Rejected { .. })
    ));
    // Whoever stands behind the breaker himself is not asked twice.
    let own = store.behind_own_breaker();
    assert!(own.read(shop, soon()).await.is_ok());
    for tx in [&mut one, &mut two] {
        select(tx, "SELECT 1 AS n").await.unwrap();
    }
    assert_eq!(
        breaker.state(),
        CircuitState::HalfOpen,
        "nothing is reported before the end"
    );
    drop(one);
    assert_eq!(breaker.state(), CircuitState::HalfOpen);
    drop(two);
    assert_eq!(breaker.state(), CircuitState::Closed);
}

#[tokio::test]
async fn whoever_waits_for_a_connection_is_sent_away_when_the_breaker_opens() {
    let db = TestDatabase::postgres_empty().await;
    let (store, shop) = shop_on(&db, 1).await;
    let held = store.read(shop, soon()).await.unwrap();
    let waiting = tokio::spawn({
        let store = store.clone();
        async move { store.read(shop, soon()).await.err() }
    });
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    store.breaker().unwrap().open();
    let error = waiting.await.unwrap();
    assert!(matches!(error, Some(StoreError::Rejected { .. })), "{error:?}");
    drop(held);
}

#[tokio::test]
async fn no_more_wait_for_a_connection_than_may() {
    let db = TestDatabase::postgres_empty().await;
    let config = StoreConfig {
        postgres_connections: 1,
        postgres_waiting: 3,
        ..config(&db)
    };
    let store = open_with(config, Opener::Server).await.unwrap();
    let shop = tenant(&store, 1, "shop1").await;
    let held = store.read(shop, soon()).await.unwrap();
    let mut waiting: Vec<_> = (0..3).map(|_| Box::pin(store.read(shop, soon()))).collect();
    for one in &mut waiting {
        assert!(!poll(one.as_mut()));
    }
    let refused = counts(&store, async {
        assert!(matches!(
            store.read(shop, soon()).await,
            Err(StoreError::Overloaded)
        ));
    });
    assert_eq!(refused.await, (0, 0, 1), "our own refusal");
    // Places come back however the wait ends.
    waiting.clear();
    drop(held);
    assert!(store.read(shop, soon()).await.is_ok());
    assert!(store.read(shop, soon()).await.is_ok());
}

#[tokio::test]
async fn no_single_answer_may_take_longer_than_the_server_grants() {
    let db = TestDatabase::postgres_empty().await;
    let config = StoreConfig {
        postgres_answer_timeout: Duration::from_secs(1),
        ..config(&db)
    };
    let store = open_with(config.clone(), Opener::Server).await.unwrap();
    let shop = tenant(&store, 1, "shop1").await;
    let mut tx = store.read(shop, soon()).await.unwrap();
    let lateness = rustok_test_support::Lateness::watch();
    let begun = tokio::time::Instant::now();
    let error = select(&mut tx, "SELECT pg_sleep(20)::text AS n")
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Timeout(_)), "{error:?}");
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(10) + lateness.since(begun), "{took:?}");
    let store = open_with(config, Opener::Command).await.unwrap();
    let mut tx = store.read(shop, Deadline::never()).await.unwrap();
    select(&mut tx, "SELECT pg_sleep(1.2)::text AS n").await.unwrap();
}

#[test]
fn what_the_url_says_about_time_outs_stands() {
    let parsed = |url: &str| match DatabaseUrl::parse(url).unwrap() {
        DatabaseUrl::Postgres(url) => url.config,
        DatabaseUrl::Sqlite(_) => panic!("not SQLite"),
    };
    let plain = parsed("postgres://a@b/c");
    assert_eq!(plain.get_connect_timeout(), Some(&Duration::from_secs(5)));
    assert_eq!(plain.get_tcp_user_timeout(), Some(&Duration::from_secs(10)));
    assert_eq!(plain.get_keepalives_idle(), Duration::from_secs(30));
    let said = parsed("postgres://a@b/c?connect_timeout=7&tcp_user_timeout=8&keepalives_idle=9");
    assert_eq!(said.get_connect_timeout(), Some(&Duration::from_secs(7)));
    assert_eq!(said.get_tcp_user_timeout(), Some(&Duration::from_secs(8)));
    assert_eq!(said.get_keepalives_idle(), Duration::from_secs(9));
}

#[test]
fn sqlite_has_no_breaker_and_no_failure_of_its_own_is_one() {
    let outage = StoreError::Trouble("disk is full".to_owned());
    assert!(outage.is_outage());
    assert_eq!(
        outage.breaker_outcome(),
        rustok_core::error::BreakerOutcome::Success
    );
}

/// The same of a pooler that takes no more clients, or has no session for one that it took.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_full_pooler_is_not_sick() {
    for full in [
        &["max_client_conn = 4"][..],
        &["default_pool_size = 4", "query_wait_timeout = 1"],
    ] {
        let db = empty_as_owner().await;
        let settings: Vec<&str> = full.iter().copied().chain(["pool_mode = session"]).collect();
        let Some(pooler) = PgBouncer::start(db.direct_url(), &settings).await else {
            return;
        };
        let url = DatabaseUrl::parse(&pooler.database_url(db.direct_url())).unwrap();
        let config = StoreConfig {
            postgres_connections: 9,
            ..StoreConfig::new(url)
        };
        let store = open_with(config, Opener::Server).await.unwrap();
        let shop = tenant(&store, 1, "shop1").await;
        let mut held = Vec::new();
        let mut refused = 0;
        while refused < 9 {
            match store.read(shop, soon()).await {
                Ok(tx) if refused == 0 => held.push(tx),
                Ok(_) => panic!("{full:?}: there was room again"),
                Err(StoreError::Overloaded) => refused += 1,
                Err(error) => panic!("{full:?}: {error:?}"),
            }
        }
        assert!((1..=4).contains(&held.len()), "{full:?}: {}", held.len());
        assert_eq!(store.breaker().unwrap().state(), CircuitState::Closed, "{full:?}");
    }
}

/// Others have all connections that the server gives: that is no failure of it, and no reason to let nobody in.
#[tokio::test]
async fn a_server_without_a_connection_left_is_not_sick() {
    let db = empty_as_owner().await;
    let (store, shop) = shop_on(&db, 4).await;
    let held = store.read(shop, soon()).await.unwrap();
    let limit =
        "DO $$ BEGIN EXECUTE format('ALTER DATABASE %I CONNECTION LIMIT 1', current_database()); END $$";
    db.superuser_run(limit).await;
    for _ in 0..50 {
        let refused = store.read(shop, soon()).await;
        assert!(
            matches!(refused, Err(StoreError::Overloaded)),
            "{:?}",
            refused.err()
        );
    }
    assert_eq!(store.breaker().unwrap().state(), CircuitState::Closed);
    drop(held);
}
