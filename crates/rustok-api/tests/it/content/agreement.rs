//! The response of a write is computed and not read from the database again: whatever was done to a node before, it must
//! be what a read then shows, with the same entity tag.

use super::{Nodes, post};
use reqwest::{Method, Response, StatusCode};
use rustok_test_app::Shop;
use rustok_test_support::both_databases;
use serde_json::{Value, json};
use std::collections::BTreeSet;

const STEPS: usize = 80;
const LOCALES: [&str; 3] = ["en", "de", "ru"];
const WRITES: [&str; 12] = [
    "put",
    "put with a slug",
    "delete translation",
    "patch the text",
    "patch kind and terms",
    "publish",
    "publish again",
    "unpublish",
    "archive",
    "restore",
    "delete",
    UNDELETE,
];
const UNDELETE: &str = "undelete";

/// The next of a sequence of numbers below `end` that is the same in every run (a linear congruential generator).
fn next(state: &mut u64, end: usize) -> usize {
    *state = state
        .wrapping_mul(6_364_136_223_846_793_005)
        .wrapping_add(1_442_695_040_888_963_407);
    usize::try_from(*state >> 33).unwrap() % end
}

/// Sends one of [`WRITES`].
async fn send(shop: &Shop, path: &str, write: &str, step: usize) -> Response {
    let locale = LOCALES[step % LOCALES.len()];
    let text = json!({ "title": format!("Title {step}"), "body": "x", "format": "markdown" });
    let own_slug =
        json!({ "title": "Title", "slug": format!("slug-{step}"), "body": "x", "format": "markdown" });
    let translation = format!("{path}/translations/{locale}");
    let post = |verb: &str, body: Value| shop.admin(Method::POST, &format!("{path}/{verb}")).json(&body);
    let patch = |patch: Value| {
        shop.admin(Method::PATCH, &format!("{path}?locale={locale}"))
            .header("if-match", "*")
            .json(&patch)
    };
    let request = match write {
        "put" => shop
            .admin(Method::PUT, &translation)
            .header("if-match", "*")
            .json(&text),
        "put with a slug" => shop
            .admin(Method::PUT, &translation)
            .header("if-match", "*")
            .json(&own_slug),
        "delete translation" => shop.admin(Method::DELETE, &translation),
        "patch the text" => patch(json!({ "title": format!("Other {step}") })),
        "patch kind and terms" => patch(
            json!({ "kind": "page", "terms": [{ "taxonomy": "tag", "name": format!("tag {}", step % 3) }] }),
        ),
        "publish" | "publish again" => post("publish", json!({})),
        "unpublish" => post("unpublish", json!({})),
        "archive" => post("archive", json!({ "reason": "outdated" })),
        "restore" => post("restore", json!({})),
        "delete" => shop.admin(Method::DELETE, path),
        _ => post("undelete", json!({})),
    };
    request.send().await.unwrap()
}

both_databases! {
    async fn what_a_write_answers_is_what_a_read_shows(db) {
        let shop = Shop::open(db.url()).await;
        // Another node that wants the same slugs.
        shop.create(&post("Title")).await;
        let mut state = 7;
        let mut done = BTreeSet::new();
        for _ in 0..4 {
            let node = shop.create(&post("Title")).await;
            let path = format!("/nodes/{}", node["id"].as_str().unwrap());
            for step in 0..STEPS {
                let mut write = WRITES[next(&mut state, WRITES.len())];
                let mut answer = send(&shop, &path, write, step).await;
                if answer.status() == StatusCode::NO_CONTENT {
                    done.insert(write);
                    // Most writes are refused for a deleted node: it comes back at once.
                    write = UNDELETE;
                    answer = send(&shop, &path, write, step).await;
                    assert_eq!(answer.status(), StatusCode::OK);
                }
                let status = answer.status().as_u16();
                if status >= 400 {
                    assert!(status < 500, "{write}: {status}");
                    continue;
                }
                let tag = answer.headers()["etag"].clone();
                let written: Value = answer.json().await.unwrap();
                let locale = written["locale"].as_str().unwrap();
                let read = shop.admin(Method::GET, &format!("{path}?locale={locale}")).send().await.unwrap();
                let read_tag = read.headers()["etag"].clone();
                let read: Value = read.json().await.unwrap();
                assert_eq!(written, read, "step {step}: {write}");
                assert_eq!(tag, read_tag, "step {step}: {write}");
                done.insert(write);
            }
        }
        assert_eq!(done, BTreeSet::from(WRITES));
    }
}
