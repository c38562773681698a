//! A backup of SQLite under writers: whole, and with everything that was answered before it began.

use super::{kept, marked};
use crate::orders;
use crate::platform::{Shop, printed, rustok};
use rustok_test_support::{PATIENCE, TestDatabase, eventually};
use serde_json::json;
use std::sync::atomic::{AtomicBool, Ordering};

const WRITERS: usize = 4;

#[tokio::test]
async fn a_backup_under_writers_holds_all_that_was_answered_before_it() {
    let db = TestDatabase::sqlite();
    let shop = Shop::open(db.url()).await;
    let tea = &orders::product(&shop, json!([{}])).await.remove(0);
    let stop = AtomicBool::new(false);
    let write = async |writer: usize| {
        let mut answered = 0;
        while !stop.load(Ordering::Relaxed) {
            let made = marked(&shop, tea, &format!("w{writer}-{answered}"));
            assert_eq!(made.send().await.unwrap().status(), 201);
            answered += 1;
        }
        answered
    };
    let copy = db.path().with_file_name("copy.db");
    let back_up = async {
        let before = eventually(PATIENCE, async || {
            let before = kept(&shop).await;
            if before.len() > 20 {
                Ok(before)
            } else {
                Err(before.len())
            }
        })
        .await;
        printed(
            shop.server
                .run(&["backup", copy.to_str().unwrap(), "--json"])
                .await,
        );
        // The writers went on all the time.
        let after = kept(&shop).await;
        stop.store(true, Ordering::Relaxed);
        (before, after)
    };
    let (_, _, _, _, (before, after)) = tokio::join!(write(0), write(1), write(2), write(3), back_up);
    assert!(
        after.len() > before.len() + WRITERS,
        "{} and {}",
        before.len(),
        after.len()
    );

    let restored = rustok(&format!("sqlite://{}", copy.display()));
    let _ = restored.run(&["doctor"]).await.success();
    let server = restored.start().await;
    let copied = kept(&Shop { server, ..shop }).await;
    for (mark, ids) in &before {
        assert_eq!(
            copied.get(mark),
            Some(ids),
            "{mark} was answered before the backup"
        );
    }
    for (mark, ids) in &copied {
        assert_eq!(after.get(mark), Some(ids), "{mark} is not of the shop");
    }
}
