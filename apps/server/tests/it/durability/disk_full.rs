//! SQLite on a disk that is full: writes are refused with a problem, reads go on, nothing breaks, and it works again as
//! soon as there is room, without a restart.
//!
//! Everywhere a limit on the size of files makes it full. Who may mount (as root) also has a disk that really is.

use super::{kept, marked};
use crate::orders;
use crate::platform::{Shop, rustok};
use reqwest::Method;
use rustok_test_support::{ServerCommand, TIMEOUT, TestDatabase, eventually};
use serde_json::{Value, json};
use std::fs;
use std::os::unix::fs::PermissionsExt as _;
use std::path::{Path, PathBuf};
use std::process::Command;

fn sh(script: &str) -> bool {
    Command::new("sh")
        .args(["-c", script])
        .status()
        .unwrap()
        .success()
}

fn folder(db: &TestDatabase) -> &Path {
    db.path().parent().unwrap()
}

/// A server in which a file that may not grow is an error, as a full disk is, and not a signal that ends it.
fn with_file_limits(db: &TestDatabase) -> ServerCommand {
    let script = folder(db).join("rustok");
    let binary = env!("CARGO_BIN_EXE_rustok");
    fs::write(
        &script,
        format!("#!/bin/sh\ntrap '' XFSZ\nexec '{binary}' \"$@\"\n"),
    )
    .unwrap();
    fs::set_permissions(&script, fs::Permissions::from_mode(0o755)).unwrap();
    ServerCommand::new(script, db.url())
}

/// A small disk; dropped, it is gone.
struct SmallDisk(PathBuf);

impl SmallDisk {
    /// `None` when we may not mount.
    fn mount(at: &Path) -> Option<Self> {
        let mounted = sh(&format!(
            "mount -t tmpfs -o size=8m none '{}' 2>/dev/null",
            at.display()
        ));
        mounted.then(|| Self(at.to_owned()))
    }
}

impl Drop for SmallDisk {
    fn drop(&mut self) {
        sh(&format!("umount -l '{}'", self.0.display()));
    }
}

/// Orders one; the id, or why not.
async fn order(shop: &Shop, tea: &Value, mark: &str) -> Result<String, u16> {
    let response = marked(shop, tea, mark).send().await.unwrap();
    let status = response.status().as_u16();
    let reported = response.headers().contains_key("retry-after");
    let body: Value = response.json().await.unwrap();
    if status == 201 {
        return Ok(orders::id(&body).to_owned());
    }
    assert!(matches!(status, 503 | 507) && reported, "{body:#}");
    assert!(
        body["code"].is_string() && !body.to_string().contains("disk"),
        "{body:#}"
    );
    Err(status)
}

async fn survives(shop: Shop, fill: impl Fn(&Shop), free: impl Fn(&Shop)) {
    let tea = orders::product(&shop, json!([{}])).await.remove(0);
    let mut answered = Vec::new();
    let mut refused = Vec::new();
    for n in 0..10 {
        answered.push((
            format!("before-{n}"),
            order(&shop, &tea, &format!("before-{n}")).await.unwrap(),
        ));
    }
    fill(&shop);
    for n in 0.. {
        let mark = format!("full-{n}");
        match order(&shop, &tea, &mark).await {
            Ok(id) => answered.push((mark, id)),
            Err(_) => refused.push(mark),
        }
        for path in ["/products", "/orders"] {
            let reading = shop.admin(Method::GET, path).send().await.unwrap();
            assert_eq!(reading.status(), 200, "{path}");
        }
        if refused.len() == 5 {
            break;
        }
        assert!(n < 5_000, "the disk does not become full");
    }
    free(&shop);
    let id = eventually(TIMEOUT, async || order(&shop, &tea, "after").await).await;
    answered.push(("after".to_owned(), id));

    let kept = kept(&shop).await;
    for (mark, id) in &answered {
        assert_eq!(kept.get(mark), Some(&vec![id.clone()]), "{mark}");
    }
    for mark in &refused {
        assert!(!kept.contains_key(mark), "{mark} was refused");
    }
    let command = shop.server.command().clone();
    assert_eq!(shop.server.terminate().await.code, Some(0));
    // It checks every page and every index.
    let _ = command.run(&["doctor"]).await.success();
}

#[tokio::test]
async fn files_that_may_not_grow_are_survived() {
    let db = TestDatabase::sqlite();
    let shop = Shop::start(with_file_limits(&db)).await;
    let limit = |shop: &Shop, bytes: &str| {
        // The hard limit stays, so that the soft one can be lifted again.
        let set = format!("prlimit --pid {} --fsize={bytes}:unlimited", shop.server.pid());
        assert!(sh(&set), "{set}");
    };
    let log = db.path().with_extension("db-wal");
    survives(
        shop,
        |shop| limit(shop, &fs::metadata(&log).unwrap().len().to_string()),
        |shop| limit(shop, "unlimited"),
    )
    .await;
}

#[tokio::test]
async fn a_full_disk_is_survived() {
    let db = TestDatabase::sqlite();
    let Some(_disk) = SmallDisk::mount(folder(&db)) else {
        eprintln!("not tested: a full disk of its own needs the right to mount");
        return;
    };
    let shop = Shop::start(rustok(db.url())).await;
    let ballast = folder(&db).join("ballast");
    let fill = |_: &Shop| {
        // Larger than what is left: it ends with the disk full.
        sh(&format!(
            "head -c 8m /dev/zero > '{}' 2>/dev/null",
            ballast.display()
        ));
    };
    survives(shop, fill, |_| fs::remove_file(&ballast).unwrap()).await;
}
