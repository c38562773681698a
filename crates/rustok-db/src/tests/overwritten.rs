//! A SQLite file that is overwritten in place under a server: the same inode with other content.

use super::*;
use crate::DatabaseState;
use crate::files::beside;
use std::fs;
use std::path::Path;

async fn note(store: &Store, shop: TenantHandle, number: u128) -> Result<(), StoreError> {
    let mut tx = store.write(shop, soon()).await?;
    let params = params![tx.tenant, id(number), number.to_string(), now()];
    tx.db.execute("notes", INSERT_NOTE, params).await?;
    tx.commit().await
}

/// Overwrites the content and keeps the inode, as `cp` does.
fn overwrite(path: &Path, content: &[u8]) {
    fs::write(path, content).unwrap();
}

/// A server's file as it is on disk, without its log.
async fn copy_of_a_stopped_server(db: &TestDatabase) -> Vec<u8> {
    let store = open(db).await;
    let shop = tenant(&store, 1, "shop1").await;
    note(&store, shop, 1).await.unwrap();
    drop(store);
    let log = beside(db.path(), "-wal");
    rustok_test_support::eventually(rustok_test_support::TIMEOUT, async || {
        if log.exists() {
            Err("the log is there")
        } else {
            Ok(())
        }
    })
    .await;
    fs::read(db.path()).unwrap()
}

#[tokio::test]
async fn another_content_is_neither_written_nor_read_and_keeps_its_bytes() {
    let (db, other) = (TestDatabase::sqlite(), TestDatabase::sqlite());
    let backup = copy_of_a_stopped_server(&db).await;
    let foreign = copy_of_a_stopped_server(&other).await;
    let nothing = Vec::new();
    let a_part = backup[..8_192].to_vec();
    let no_database = vec![7; backup.len()];
    for (what, content) in [
        ("an older copy", &backup),
        ("another database", &foreign),
        ("nothing", &nothing),
        ("a part of it", &a_part),
        ("no database", &no_database),
    ] {
        let original = fs::read(db.path()).unwrap();
        let store = open(&db).await;
        let shop = TenantHandle::for_due_work(TenantId::from_uuid(id(1)));
        for number in 0..20 {
            let number = number + 100 * u128::try_from(original.len()).unwrap();
            note(&store, shop, number).await.unwrap();
        }
        overwrite(db.path(), content);
        let refused = note(&store, shop, 5_000).await.unwrap_err();
        assert!(refused.is_outage(), "{what}: {refused:?}");
        assert_eq!(store.state(), DatabaseState::Replaced, "{what}");
        assert!(store.read(shop, soon()).await.is_err(), "{what}");
        // Even the original is not written on: what is in memory belongs to a later state of it.
        store.look_at_file();
        assert!(note(&store, shop, 5_001).await.is_err(), "{what}");
        drop(store);
        tokio::time::sleep(Duration::from_millis(100)).await;
        assert_eq!(
            &fs::read(db.path()).unwrap(),
            content,
            "{what}: written at the end"
        );

        // The log of the former content is not moved into it by the next start either.
        if ["an older copy", "another database"].contains(&what) {
            let error = open_with(config(&db), Opener::Server).await.unwrap_err();
            assert!(error.to_string().contains("was overwritten"), "{what}: {error}");
            assert_eq!(&fs::read(db.path()).unwrap(), content, "{what}");
        }
        for suffix in ["-wal", "-shm"] {
            let _ = fs::remove_file(beside(db.path(), suffix));
        }
        overwrite(db.path(), &backup);
        drop(open(&db).await);
    }
}

#[tokio::test]
async fn a_truncated_file_is_noticed_whatever_its_mark_is() {
    let db = TestDatabase::sqlite();
    for bytes in [8_192, 4_096, 100, 1, 0] {
        let backup = copy_of_a_stopped_server(&db).await;
        let store = open(&db).await;
        let shop = TenantHandle::for_due_work(TenantId::from_uuid(id(1)));
        note(&store, shop, 2).await.unwrap();
        store.look_at_file();
        let file = fs::OpenOptions::new().write(true).open(db.path()).unwrap();
        file.set_len(bytes).unwrap();
        assert!(note(&store, shop, 3).await.is_err(), "{bytes}");
        assert_eq!(store.state(), DatabaseState::Replaced, "{bytes}");
        drop(store);
        tokio::time::sleep(Duration::from_millis(100)).await;
        for path in ["", "-wal", "-shm", ".lock", ".migrate.lock"] {
            let _ = fs::remove_file(beside(db.path(), path));
        }
        drop(backup);
    }
}

#[tokio::test]
async fn a_copy_of_this_run_is_told_from_the_file_after_a_checkpoint() {
    let db = TestDatabase::sqlite();
    let store = open(&db).await;
    let shop = tenant(&store, 1, "shop1").await;
    let write = async |number: u128| {
        let mut tx = store.write(shop, soon()).await.unwrap();
        let text = "x".repeat(400_000);
        let sql = "INSERT INTO notes (tenant_id, id, word, text, created_at) VALUES ($1, $2, $3, $4, $5)";
        let params = params![tx.tenant, id(number), number.to_string(), &text, now()];
        tx.db.execute_one("notes", sql, params).await.unwrap();
        tx.commit().await.unwrap();
    };
    let copy = fs::read(db.path()).unwrap();
    let size = || fs::metadata(db.path()).unwrap().len();
    let begun = size();
    // Three checkpoints, of 4 MB each.
    for number in 0..60 {
        write(number).await;
    }
    rustok_test_support::eventually(rustok_test_support::TIMEOUT, async || {
        if size() > begun + 12_000_000 {
            Ok(())
        } else {
            Err(size())
        }
    })
    .await;
    assert_eq!(store.state(), DatabaseState::Ok);
    write(1_000).await;
    overwrite(db.path(), &copy);
    assert!(note(&store, shop, 5_000).await.is_err());
    assert_eq!(store.state(), DatabaseState::Replaced);
}

#[tokio::test]
async fn a_start_waits_for_another_writer_and_does_without_a_mark() {
    let db = TestDatabase::sqlite();
    let shop = TenantHandle::for_due_work(TenantId::from_uuid(id(1)));
    let store = open(&db).await;
    tenant(&store, 1, "shop1").await;
    drop(store);
    let other = rusqlite::Connection::open(db.path()).unwrap();
    other.execute_batch("BEGIN IMMEDIATE").unwrap();
    let store = open(&db).await;
    assert!(store.read(shop, soon()).await.is_ok());
    other.execute_batch("COMMIT").unwrap();
    note(&store, shop, 1).await.unwrap();
    assert_eq!(store.state(), DatabaseState::Ok);
}

#[tokio::test]
async fn a_server_that_was_killed_or_stopped_starts_with_its_log() {
    let db = TestDatabase::sqlite();
    for round in 0..3 {
        let store = open(&db).await;
        let shop = TenantHandle::for_due_work(TenantId::from_uuid(id(1)));
        if round == 0 {
            tenant(&store, 1, "shop1").await;
        }
        note(&store, shop, 10 + round).await.unwrap();
        // What a kill leaves: the file, its log, and the record of its mark.
        let left: Vec<_> = ["", "-wal", ".lock"]
            .map(|suffix| {
                (
                    beside(db.path(), suffix),
                    fs::read(beside(db.path(), suffix)).unwrap(),
                )
            })
            .into();
        drop(store);
        tokio::time::sleep(Duration::from_millis(100)).await;
        let _ = fs::remove_file(beside(db.path(), "-shm"));
        for (path, bytes) in left {
            fs::write(path, bytes).unwrap();
        }
        let store = open(&db).await;
        assert_eq!(
            words(&store, shop).await.len(),
            usize::try_from(round).unwrap() + 1
        );
    }
}
