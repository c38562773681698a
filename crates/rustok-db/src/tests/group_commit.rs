//! SQLite's writer: many members, one COMMIT, and nobody told before it.

use super::*;
use crate::params;
use crate::tx::TenantTx;
use futures_util::future::join_all;
use rusqlite::Connection;
use std::path::Path;
use std::pin::pin;

const WRITERS: u128 = 64;

async fn write_note(tx: &mut TenantTx, number: u128) -> Result<(), StoreError> {
    let word = format!("{number:03}");
    let params = params![tx.tenant, id(1_000 + number), &word, now()];
    tx.db.execute_one("notes", INSERT_NOTE, params).await
}

/// Another process' view of the file: committed rows only.
fn committed(path: &Path) -> Vec<String> {
    let conn = Connection::open(path).unwrap();
    let mut statement = conn.prepare("SELECT word FROM notes ORDER BY word").unwrap();
    statement
        .query_map([], |row| row.get(0))
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// How many commits the write-ahead log holds: each ends in a frame that tells the size of the database.
fn commits(path: &Path) -> usize {
    let log = std::fs::read(crate::files::beside(path, "-wal")).unwrap();
    let word = |at: usize| u32::from_be_bytes(log[at..at + 4].try_into().unwrap());
    let page = usize::try_from(word(8)).unwrap();
    let frames = (32..log.len())
        .step_by(24 + page)
        .filter(|at| at + 24 + page <= log.len());
    // Frames with other salts are left over from before the log was started anew.
    frames
        .filter(|at| log[at + 8..at + 16] == log[16..24] && word(at + 4) != 0)
        .count()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn writers_share_commits_and_every_answer_is_durable() {
    let db = TestDatabase::sqlite();
    let store = open(&db).await;
    let shop = tenant(&store, 1, "shop1").await;
    let before = commits(db.path());
    // All queue for the writer behind this turn; the committer comes after those who queued.
    let turn = store.write(shop, soon()).await.unwrap();
    let mut writers = Box::pin(join_all((0..WRITERS).map(|number| {
        let (store, path) = (&store, db.path());
        async move {
            let mut tx = store.write(shop, soon()).await?;
            write_note(&mut tx, number).await?;
            tx.commit().await?;
            let word = format!("{number:03}");
            assert!(
                committed(path).contains(&word),
                "{word} was told before its commit"
            );
            Ok::<_, StoreError>(())
        }
    })));
    assert!(!poll(writers.as_mut()), "somebody wrote out of turn");
    drop(turn);
    for answer in writers.as_mut().await {
        answer.unwrap();
    }
    drop(writers);
    let made = commits(db.path()) - before;
    assert!((1..=8).contains(&made), "{made} commits for {WRITERS} writers");

    drop(store);
    let store = open(&db).await;
    let expected: Vec<_> = (0..WRITERS).map(|number| format!("{number:03}")).collect();
    assert_eq!(words(&store, shop).await, expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_flood_of_one_tenant_delays_another_by_one_turn() {
    let db = TestDatabase::sqlite();
    let store = open(&db).await;
    let (flooding, other) = (tenant(&store, 1, "shop1").await, tenant(&store, 2, "shop2").await);
    let turn = store.write(flooding, soon()).await.unwrap();
    let order = std::sync::Mutex::new(Vec::new());
    let write = async |shop: TenantHandle, number: u128| {
        let mut tx = store.write(shop, soon()).await.unwrap();
        order.lock().unwrap().push(shop);
        write_note(&mut tx, number).await.unwrap();
        tx.commit().await.unwrap();
    };
    let mut flood = Box::pin(join_all((0..WRITERS).map(|number| write(flooding, number))));
    assert!(!poll(flood.as_mut()), "out of turn");
    let mut one = Box::pin(write(other, WRITERS));
    assert!(!poll(one.as_mut()), "out of turn");
    drop(turn);
    futures_util::future::join(flood, one).await;
    let order = order.into_inner().unwrap();
    assert_eq!(order.len(), usize::try_from(WRITERS).unwrap() + 1);
    assert_eq!(order.iter().position(|shop| *shop == other), Some(1));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn concurrent_tasks_lose_nothing() {
    let db = TestDatabase::sqlite();
    let store = open(&db).await;
    let shop = tenant(&store, 1, "shop1").await;
    let tasks = (0..WRITERS).map(|number| {
        let store = store.clone();
        tokio::spawn(async move {
            let mut tx = store.write(shop, soon()).await?;
            write_note(&mut tx, number).await?;
            // Every third changes its mind.
            if number % 3 == 0 {
                Ok(())
            } else {
                tx.commit().await
            }
        })
    });
    for task in join_all(tasks).await {
        task.unwrap().unwrap();
    }
    let expected: Vec<_> = (0..WRITERS)
        .filter(|number| number % 3 != 0)
        .map(|number| format!("{number:03}"))
        .collect();
    assert_eq!(committed(db.path()), expected);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_member_that_drops_or_fails_harms_no_other() {
    let db = TestDatabase::sqlite();
    let store = open(&db).await;
    let shop = tenant(&store, 1, "shop1").await;
    let member = |number: u128, end: &'static str| {
        let store = &store;
        async move {
            let mut tx = store.write(shop, soon()).await?;
            write_note(&mut tx, number).await?;
            match end {
                "commits" => tx.commit().await,
                "fails" => {
                    // A key that another member of this group took.
                    let error = write_note(&mut tx, 0).await.unwrap_err();
                    assert!(
                        error.is_taken("notes(id)") || error.is_taken("notes(word)"),
                        "{error:?}"
                    );
                    Err(error)
                }
                _ => {
                    drop(tx);
                    Ok(())
                }
            }
        }
    };
    let turn = store.write(shop, soon()).await.unwrap();
    let mut members = pin!(join_all([
        member(0, "commits"),
        member(1, "drops"),
        member(2, "commits"),
        member(3, "fails"),
        member(4, "commits"),
        member(5, "drops"),
    ]));
    assert!(!poll(members.as_mut()));
    let before = commits(db.path());
    drop(turn);
    let answers: Vec<_> = members.await.into_iter().map(|answer| answer.is_ok()).collect();
    assert_eq!(answers, [true, true, true, false, true, true]);
    assert_eq!(committed(db.path()), ["000", "002", "004"]);
    assert_eq!(commits(db.path()) - before, 1, "they were one group");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_caller_that_left_while_waiting_for_the_commit_loses_nothing() {
    let db = TestDatabase::sqlite();
    let store = open(&db).await;
    let shop = tenant(&store, 1, "shop1").await;
    let mut tx = store.write(shop, soon()).await.unwrap();
    write_note(&mut tx, 1).await.unwrap();
    // The committer needs the writer for its COMMIT: hold it, so that the caller has to wait.
    let mut next = Box::pin(store.write(shop, soon()));
    assert!(!poll(next.as_mut()));
    let mut commit = Box::pin(tx.commit());
    assert!(!poll(commit.as_mut()));
    drop(commit);
    let mut next = next.await.unwrap();
    write_note(&mut next, 2).await.unwrap();
    next.commit().await.unwrap();
    assert_eq!(committed(db.path()), ["001", "002"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn another_process_that_writes_delays_and_fails_nobody() {
    let db = TestDatabase::sqlite();
    let store = open(&db).await;
    let shop = tenant(&store, 1, "shop1").await;
    let other = Connection::open(db.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();

    let mut patient = Box::pin(store.write(shop, soon()));
    assert!(!poll(patient.as_mut()), "two processes write at once");
    // Reads go on meanwhile.
    assert_eq!(words(&store, shop).await, [""; 0]);
    drop(patient);
    let error = store
        .write(shop, Deadline::after(Duration::from_millis(50)))
        .await
        .err()
        .unwrap();
    assert!(matches!(error, StoreError::Timeout(_)), "{error:?}");

    let waiting = {
        let store = store.clone();
        tokio::spawn(async move {
            let mut tx = store.write(shop, soon()).await?;
            write_note(&mut tx, 1).await?;
            tx.commit().await
        })
    };
    tokio::task::yield_now().await;
    assert!(!waiting.is_finished());
    other
        .execute_batch("INSERT INTO counter VALUES (1, 1) ON CONFLICT DO NOTHING; COMMIT")
        .unwrap();
    waiting.await.unwrap().unwrap();
    assert_eq!(committed(db.path()), ["001"]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_error_that_ends_the_transaction_fails_every_member() {
    let db = TestDatabase::sqlite();
    let store = open(&db).await;
    let shop = tenant(&store, 1, "shop1").await;
    let mut first = store.write(shop, soon()).await.unwrap();
    write_note(&mut first, 1).await.unwrap();
    let mut second = Box::pin(store.write(shop, soon()));
    assert!(!poll(second.as_mut()));
    let first = tokio::spawn(first.commit());
    let mut second = second.await.unwrap();
    // What a full disk does: the whole transaction is gone, and with it the first member's writes.
    let full = "INSERT OR ROLLBACK INTO accounts SELECT * FROM accounts";
    second.db.execute("accounts", full, &[]).await.unwrap_err();
    let error = write_note(&mut second, 2).await.unwrap_err();
    assert!(
        matches!(error, StoreError::Refused { .. } | StoreError::Unavailable(_)),
        "{error:?}"
    );
    second.commit().await.unwrap_err();
    let error = first.await.unwrap().unwrap_err();
    assert!(matches!(error, StoreError::Trouble(_)), "{error:?}");
    assert_eq!(committed(db.path()), [""; 0]);
    // The next group starts clean.
    let mut tx = store.write(shop, soon()).await.unwrap();
    write_note(&mut tx, 3).await.unwrap();
    tx.commit().await.unwrap();
    assert_eq!(committed(db.path()), ["003"]);
}

#[tokio::test]
async fn settings_of_sqlite_are_those_that_durability_needs() {
    let db = TestDatabase::sqlite();
    drop(open(&db).await);
    let conn = crate::sqlite::open_writer(db.path()).unwrap();
    let text = |pragma: &str| {
        conn.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, String>(0))
            .unwrap()
    };
    let number = |pragma: &str| {
        conn.query_row(&format!("PRAGMA {pragma}"), [], |row| row.get::<_, i64>(0))
            .unwrap()
    };
    assert_eq!(text("journal_mode"), "wal");
    assert_eq!(
        (
            number("synchronous"),
            number("foreign_keys"),
            number("busy_timeout")
        ),
        (2, 1, 0)
    );
}
