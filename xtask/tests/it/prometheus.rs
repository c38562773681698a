//! A Prometheus of a test's own, with the rules of ops/ in a hurry. It must never touch one that is there already.

use reqwest::Client;
use rustok_test_support::TestServer;
use serde_json::Value;
use std::collections::BTreeSet;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::{Duration, Instant};
use tempfile::TempDir;
use tokio::process::{Child, Command};
use tokio::time::sleep;

/// What the windows of the rules are divided by: an hour is half a minute.
pub(crate) const SHRINK: u32 = 120;
const SCRAPES: &str = "500ms";

/// Dropped, it is gone with its data.
pub(crate) struct Prometheus {
    url: String,
    client: Client,
    folder: TempDir,
    _child: Child,
}

impl Prometheus {
    /// Scrapes the server, with all rules but those of files whose names have one of these words.
    pub(crate) async fn start(server: &TestServer, without: &[&str]) -> Self {
        let folder = tempfile::Builder::new()
            .prefix("rustok-prometheus-")
            .tempdir()
            .unwrap();
        let shrink = SHRINK.to_string();
        let rules = Command::new(env!("CARGO_BIN_EXE_xtask"))
            .args(["ops", "rules", folder.path().to_str().unwrap(), &shrink])
            .status();
        assert!(rules.await.unwrap().success());
        let target = server.management_url().trim_start_matches("http://").to_owned();
        let config = folder.path().join("prometheus.yml");
        std::fs::write(&config, configuration(folder.path(), &target, without)).unwrap();
        let port = std::net::TcpListener::bind("127.0.0.1:0")
            .unwrap()
            .local_addr()
            .unwrap()
            .port();
        let url = format!("http://127.0.0.1:{port}");
        let child = Command::new("prometheus")
            .arg(format!("--config.file={}", config.display()))
            .arg(format!(
                "--storage.tsdb.path={}",
                folder.path().join("data").display()
            ))
            .arg(format!("--web.listen-address=127.0.0.1:{port}"))
            .args(["--enable-feature=exemplar-storage", "--log.level=warn"])
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .stderr(std::fs::File::create(folder.path().join("log")).unwrap())
            .kill_on_drop(true)
            .spawn()
            .unwrap();
        let prometheus = Self {
            url,
            client: Client::new(),
            folder,
            _child: child,
        };
        let begun = Instant::now();
        while !prometheus.has("up == 1").await {
            assert!(begun.elapsed() < Duration::from_secs(60), "{}", prometheus.log());
            sleep(Duration::from_millis(200)).await;
        }
        prometheus
    }

    pub(crate) fn log(&self) -> String {
        std::fs::read_to_string(self.folder.path().join("log")).unwrap_or_default()
    }

    /// The series that a query has now; an empty list also while Prometheus does not answer yet.
    pub(crate) async fn query(&self, expr: &str) -> Vec<Value> {
        let data = self.ask("query", &[("query", expr)]).await;
        data["result"].as_array().cloned().unwrap_or_default()
    }

    pub(crate) async fn has(&self, expr: &str) -> bool {
        !self.query(expr).await.is_empty()
    }

    /// The `data` of an answer. A query that Prometheus refuses ends the test.
    pub(crate) async fn ask(&self, what: &str, query: &[(&str, &str)]) -> Value {
        let request = self
            .client
            .get(format!("{}/api/v1/{what}", self.url))
            .query(query);
        let Ok(answer) = request.send().await else {
            return Value::Null;
        };
        let Ok(mut answer) = answer.json::<Value>().await else {
            return Value::Null;
        };
        assert_ne!(answer["errorType"], "bad_data", "{query:?}: {answer}");
        answer["data"].take()
    }

    /// The alerts that fire now: name and severity.
    pub(crate) async fn firing(&self) -> BTreeSet<String> {
        let data = self.ask("alerts", &[]).await;
        let alerts = data["alerts"].as_array().cloned().unwrap_or_default();
        let firing = alerts.iter().filter(|alert| alert["state"] == "firing");
        firing
            .map(|alert| {
                let label = |name: &str| alert["labels"][name].as_str().unwrap().to_owned();
                format!("{} {}", label("alertname"), label("severity"))
            })
            .collect()
    }

    /// Waits until exactly these fire, and tells how long that took.
    pub(crate) async fn until(&self, expected: &[&str], patience: Duration) -> Duration {
        let expected: BTreeSet<_> = expected.iter().map(|name| (*name).to_owned()).collect();
        let begun = Instant::now();
        loop {
            let firing = self.firing().await;
            if firing == expected {
                return begun.elapsed();
            }
            assert!(
                begun.elapsed() < patience,
                "expected {expected:?}, firing {firing:?}; {}",
                self.log()
            );
            sleep(Duration::from_millis(100)).await;
        }
    }
}

fn configuration(folder: &Path, target: &str, without: &[&str]) -> String {
    let mut rules: Vec<PathBuf> = std::fs::read_dir(folder)
        .unwrap()
        .map(|entry| entry.unwrap().path())
        .collect();
    rules.retain(|path| {
        let name = path.file_name().unwrap().to_string_lossy();
        name.ends_with(".yaml") && !without.iter().any(|word| name.contains(word))
    });
    rules.sort();
    let mut text = format!(
        "global: {{ scrape_interval: {SCRAPES}, scrape_timeout: {SCRAPES}, evaluation_interval: {SCRAPES} }}\n\
         scrape_configs: [{{ job_name: rustok, static_configs: [{{ targets: ['{target}'] }}] }}]\nrule_files:\n"
    );
    for path in rules {
        writeln!(text, "  - '{}'", path.display()).unwrap();
    }
    text
}
