//! More than the server can take: it says so at once, keeps its memory, and is itself again afterwards.

use super::{Raw, open};
use crate::platform::{Shop, problem};
use futures_util::future::join_all;
use reqwest::{Method, RequestBuilder};
use rustok_test_support::both_databases;
use serde_json::json;
use std::time::Duration;

const PLACES: usize = 4;
const SETTINGS: [(&str, &str); 4] = [
    ("RUSTOK_MAX_UPLOADS_IN_FLIGHT", "4"),
    ("RUSTOK_MAX_REQUESTS_WAITING", "4"),
    // Longer than the test, so that the slow ones stay.
    ("RUSTOK_BODY_TIMEOUT_MS", "50000"),
    ("RUSTOK_REQUEST_TIMEOUT_MS", "60000"),
];

fn order(shop: &Shop) -> RequestBuilder {
    shop.request(Method::POST, "/api/store/v1/orders")
        .json(&json!({}))
}

/// Senders of bodies that do not come, as many as there are places, each with one.
async fn take_all_places(shop: &Shop) -> Vec<Raw> {
    let slow = join_all((0..PLACES).map(|_| Raw::order(shop, 2))).await;
    // As long as one of them is still on its way to its place, an order finds one.
    for _ in 0..1_000 {
        if order(shop).send().await.unwrap().status() == 503 {
            return slow;
        }
    }
    panic!("there are places for more than {PLACES}");
}

/// Resident memory in kilobytes.
fn memory(shop: &Shop) -> u64 {
    let status = std::fs::read_to_string(format!("/proc/{}/status", shop.server.pid())).unwrap();
    let line = status
        .lines()
        .find_map(|line| line.strip_prefix("VmRSS:"))
        .unwrap();
    line.trim().trim_end_matches(" kB").parse().unwrap()
}

both_databases! {
    async fn who_finds_no_place_is_told_to_come_back(db) {
        let shop = open(db.url(), &SETTINGS).await;
        let slow = take_all_places(&shop).await;

        let refused = order(&shop).send().await.unwrap();
        assert_eq!(refused.headers()["retry-after"], "1");
        problem(refused, 503, "overloaded").await;
        // Who only wants to read does not wait for slow senders.
        let reading = shop.request(Method::GET, "/api/store/v1/products").send().await.unwrap();
        assert_eq!(reading.status(), 200);

        // A flood of large bodies is refused unread; some clients see only that the connection ended.
        let before = memory(&shop);
        let large = vec![b' '; 1 << 20];
        let flood = join_all((0..200).map(|_| {
            let request = shop.request(Method::POST, "/api/store/v1/orders").body(large.clone());
            tokio::spawn(request.header("content-type", "application/json").send())
        }))
        .await;
        for answer in flood.into_iter().filter_map(|sent| sent.unwrap().ok()) {
            assert_eq!(answer.status(), 503);
        }
        let grown = memory(&shop).saturating_sub(before);
        assert!(grown < 48 << 10, "{grown} kB for 200 MB that were refused");

        for mut slow in slow {
            slow.send("{}").await;
            let answer = slow.answer().await.unwrap();
            assert_eq!((answer.status, &answer.body["code"]), (422, &json!("validation_failed")));
        }
        problem(order(&shop).send().await.unwrap(), 422, "validation_failed").await;
    }
}

#[tokio::test]
async fn who_waits_gets_the_place_that_becomes_free() {
    let db = rustok_test_support::TestDatabase::sqlite();
    let shop = open(db.url(), &SETTINGS).await;
    let mut slow = take_all_places(&shop).await;
    let waiting: Vec<_> = (0..PLACES).map(|_| tokio::spawn(order(&shop).send())).collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    for slow in &mut slow {
        slow.send("{}").await;
    }
    for answer in waiting {
        assert_eq!(answer.await.unwrap().unwrap().status(), 422);
    }
}
