//! A process that is stopped while it holds what the server needs.

use super::*;
use std::os::unix::fs::MetadataExt as _;
use std::process::{Child, Command, Stdio};

struct Import(Child);

impl Import {
    fn signal(&self, name: &str) {
        let done = Command::new("kill")
            .args([name, &self.0.id().to_string()])
            .status();
        assert!(done.unwrap().success(), "{name}");
    }

    /// Whether it holds the lock of those who write.
    fn writes(&self, db: &TestDatabase) -> bool {
        let inode = fs::metadata(beside(db, "-shm")).unwrap().ino();
        let (pid, place) = (format!(" {} ", self.0.id()), format!(":{inode} 120 120"));
        let locks = fs::read_to_string("/proc/locks").unwrap();
        locks
            .lines()
            .any(|line| line.contains(&pid) && line.contains(&place))
    }
}

impl Drop for Import {
    fn drop(&mut self) {
        self.0.kill().ok();
        self.0.wait().ok();
    }
}

fn products(count: usize) -> String {
    let mut csv = "Handle,Title,Variant SKU,Variant Price\n".to_owned();
    for number in 0..count {
        csv.push_str(&format!(
            "item-{number},Item {number},S{number},{}.50\n",
            number % 90 + 1
        ));
    }
    csv
}

#[tokio::test]
async fn an_import_that_is_stopped_in_the_middle_of_a_write_keeps_nobody_away() {
    let db = TestDatabase::sqlite();
    let shop = Shop::start(rustok(db.url())).await;
    let tea = product(&shop, json!([{}])).await.remove(0);
    let file = db.path().with_extension("csv");
    fs::write(&file, products(5_000)).unwrap();
    let child = Command::new(env!("CARGO_BIN_EXE_rustok"))
        .args(["import", "shopify", file.to_str().unwrap(), "--tenant", "shop1"])
        .env("RUSTOK_DATABASE_URL", db.url())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn();
    let mut import = Import(child.unwrap());
    eventually(TIMEOUT, async || {
        import.signal("-STOP");
        if import.writes(&db) {
            return Ok(());
        }
        import.signal("-CONT");
        tokio::time::sleep(Duration::from_millis(7)).await;
        Err("it holds no lock")
    })
    .await;
    let (took, order) = until_ordered(&shop, &tea).await;
    assert!(took < AWAY, "{took:?}");
    // It was told to go on, and lost nothing.
    let ended = tokio::task::spawn_blocking(move || import.0.wait());
    assert!(ended.await.unwrap().unwrap().success());
    let kept: Vec<String> = all_orders(&shop)
        .await
        .iter()
        .map(|kept| id(kept).to_owned())
        .collect();
    assert!(kept.contains(&id(&order).to_owned()));
}

#[tokio::test]
async fn a_process_that_holds_the_lock_and_is_not_stopped_is_waited_for_a_while() {
    let db = TestDatabase::sqlite();
    let shop = Shop::start(rustok(db.url())).await;
    let tea = product(&shop, json!([{}])).await.remove(0);
    let (reported, done) = std::sync::mpsc::channel::<()>();
    let url = db.path().to_owned();
    let holding = rustok_test_support::hold_sqlite_writer(&url, done);
    let begun = Instant::now();
    let answer = place(&shop, &order_of(&tea, 1)).send().await.unwrap();
    assert!(answer.headers().contains_key("retry-after"), "{answer:?}");
    problem(answer, 503, "unavailable").await;
    assert!(begun.elapsed() < AWAY, "{:?}", begun.elapsed());
    // Who comes while it goes on is told at once.
    let begun = Instant::now();
    let answer = place(&shop, &order_of(&tea, 1)).send().await.unwrap();
    problem(answer, 503, "unavailable").await;
    assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    let holder = format!("process {}", std::process::id());
    assert!(shop.server.stderr().contains(&holder), "{}", shop.server.stderr());
    drop(reported);
    holding.join().unwrap();
    assert!(until_ordered(&shop, &tea).await.0 < AWAY);
}
