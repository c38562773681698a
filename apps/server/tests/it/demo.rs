//! The first look: the default database with its sample data, and the README pasted into a shell.

use crate::platform::rustok;
use reqwest::Client;
use rustok_test_support::{ServerCommand, TestServer};
use serde_json::Value;
use std::process::Stdio;
use tokio::io::AsyncWriteExt;

/// A server as `cargo run` starts it: without a database URL, in an empty folder.
fn without_database() -> ServerCommand {
    rustok("sqlite://unused").env_remove("RUSTOK_DATABASE_URL")
}

fn printed_token(server: &TestServer, prefix: &str) -> Option<String> {
    server
        .stdout()
        .split_whitespace()
        .find(|word| word.starts_with(prefix))
        .map(str::to_owned)
}

async fn items(server: &TestServer, path: &str) -> Vec<Value> {
    let url = format!("{}/api/store/v1/{path}", server.url());
    let list: Value = Client::new().get(url).send().await.unwrap().json().await.unwrap();
    list["items"].as_array().unwrap().clone()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_second_start_changes_nothing_and_prints_no_secret() {
    let server = without_database().start().await;
    // What names no shop is the demo shop; the tokens come out with the addresses.
    let first = (items(&server, "products").await, items(&server, "nodes").await);
    assert_eq!((first.0.len(), first.1.len()), (4, 3));
    let command = server.command().clone();
    assert!(printed_token(&server, "rtk_").is_some() && printed_token(&server, "rtp_").is_some());
    assert_eq!(server.terminate().await.code, Some(0));

    let server = command.start().await;
    assert_eq!(
        (items(&server, "products").await, items(&server, "nodes").await),
        first
    );
    let finished = server.terminate().await;
    assert!(finished.stdout.contains("demo mode"), "{finished:?}");
    for secret in ["rtk_", "rtp_"] {
        assert!(
            !finished.stdout.contains(secret) && !finished.stderr.contains(secret),
            "{finished:?}"
        );
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_sample_speaks_russian() {
    let server = without_database().start().await;
    let russian = items(&server, "nodes?locale=ru&kind=page").await;
    assert_eq!(russian[0]["title"], "Об этом магазине");
    assert_eq!(russian[0]["locale"], "ru");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_demo_starts_empty() {
    let server = without_database().arg("--no-demo").start().await;
    let response = Client::new()
        .get(format!("{}/api/store/v1/products", server.url()))
        .send()
        .await
        .unwrap();
    assert_eq!(response.status(), 404);
    assert_eq!(printed_token(&server, "rtp_"), None);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn the_readme_works_when_it_is_pasted() {
    let server = without_database().start().await;
    // The tokens are printed after the addresses: wait until a request is answered.
    items(&server, "products").await;
    let readme = include_str!("../../../../README.md");
    let block = readme
        .split("```sh\n")
        .find(|block| block.starts_with("export TOKEN"))
        .unwrap();
    let block = block.split("```").next().unwrap();
    let address = server.url().trim_start_matches("http://127.0.0.1");
    let script = block
        .replace("rtk_...", &printed_token(&server, "rtk_").unwrap())
        .replace("demo.localhost:8080", &format!("demo.localhost{address}"));
    let mut shell = tokio::process::Command::new("bash")
        .args(["-s"])
        .current_dir(server.command().folder())
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    shell
        .stdin
        .take()
        .unwrap()
        .write_all(script.as_bytes())
        .await
        .unwrap();
    let output = shell.wait_with_output().await.unwrap();
    let reported = String::from_utf8(output.stdout).unwrap();
    let errors = String::from_utf8(output.stderr).unwrap();
    assert_eq!(errors, "", "is curl installed?\n{reported}");
    let answers: Vec<Value> = reported
        .lines()
        .map(|line| serde_json::from_str(line).unwrap())
        .collect();
    let brief: Vec<_> = answers
        .iter()
        .map(|a| a["code"].as_str().or(a["status"].as_str()).unwrap_or("list"))
        .collect();
    assert_eq!(
        brief,
        [
            "list",
            "list",
            "pending",
            "illegal_transition",
            "confirmed",
            "paid",
            "shipped",
            "delivered",
            "list",
            "node_not_found",
            "published",
            "published"
        ]
    );
    let refused = &answers[3];
    assert_eq!(
        (refused["status"].as_u64(), refused["current_state"].as_str()),
        (Some(409), Some("pending"))
    );
    assert_eq!(
        refused["allowed_transitions"],
        serde_json::json!(["confirm", "cancel"])
    );
    assert!(
        answers[11]["body_html"]
            .as_str()
            .unwrap()
            .contains("<em>works</em>")
    );
}
