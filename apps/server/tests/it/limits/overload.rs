//! More than the server can take: it says so at once, keeps its memory, and is itself again afterwards.

use super::{Raw, memory, open};
use crate::platform::{problem, program};
use futures_util::future::join_all;
use reqwest::Method;
use rustok_test_app::Shop;
use rustok_test_support::{TestDatabase, both_databases};
use serde_json::json;
use std::time::Duration;

/// Files to import are the requests that keep their place as long as their senders like.
const PLACES: usize = 2;
const SETTINGS: [(&str, &str); 5] = [
    ("RUSTOK_MAX_IMPORT_UPLOADS_IN_FLIGHT", "2"),
    ("RUSTOK_MAX_REQUESTS_WAITING", "2"),
    ("RUSTOK_MAX_RECEIVED_BYTES", "4194304"),
    // Longer than the test, so that the slow ones stay.
    ("RUSTOK_BODY_TIMEOUT_MS", "50000"),
    ("RUSTOK_REQUEST_TIMEOUT_MS", "60000"),
];

/// The code of the answer to a file that is sent now, without a form in it: it is refused once it has a place.
async fn code_of_upload(shop: &Shop) -> String {
    let request = shop.admin(Method::POST, "/imports").body("x");
    let answer = request.send().await.unwrap();
    let body: serde_json::Value = answer.json().await.unwrap();
    body["code"].as_str().unwrap().to_owned()
}

/// Senders of files that do not come, as many as there are places, each with one.
async fn take_all_places(shop: &Shop) -> Vec<Raw> {
    let slow = join_all((0..PLACES).map(|_| Raw::import(shop, 2))).await;
    // As long as one of them is still on its way to its place, another finds one.
    for _ in 0..1_000 {
        if code_of_upload(shop).await == "overloaded" {
            return slow;
        }
    }
    panic!("there are places for more than {PLACES}");
}

both_databases! {
    async fn who_finds_no_place_is_told_to_come_back(db) {
        let shop = program(db.url(), &SETTINGS).await;
        let slow = take_all_places(&shop).await;
        let refused = shop.admin(Method::POST, "/imports").body("x").send().await.unwrap();
        let seconds = refused.headers()["retry-after"].to_str().unwrap();
        assert!(["1", "2", "3"].contains(&seconds), "{seconds}");
        problem(refused, 503, "overloaded").await;
        // Health checks pass all limits.
        assert_eq!(shop.client.get(format!("{}/readyz", shop.server.url())).send().await.unwrap().status(), 200);
        // Who wants something else does not wait for slow senders.
        let reading = shop.request(Method::GET, "/api/store/v1/products").send().await.unwrap();
        assert_eq!(reading.status(), 200);
        let order = shop.request(Method::POST, "/api/store/v1/orders").json(&json!({}));
        problem(order.send().await.unwrap(), 422, "validation_failed").await;
        for mut slow in slow {
            slow.send("{}").await;
            assert_eq!(slow.answer().await.unwrap().body["code"], "malformed_multipart");
        }
        assert_eq!(code_of_upload(&shop).await, "unsupported_media_type");
    }

    async fn a_flood_of_large_bodies_takes_no_more_memory_than_it_may(db) {
        let shop = open(db.url(), &SETTINGS).await;
        let before = memory(&shop);
        let large = vec![b' '; 1 << 20];
        let flood = join_all((0..200).map(|_| {
            let request = shop.request(Method::POST, "/api/store/v1/orders").body(large.clone());
            tokio::spawn(request.header("content-type", "application/json").send())
        }))
        .await;
        // Some clients see only that the connection ended.
        for answer in flood.into_iter().filter_map(|sent| sent.unwrap().ok()) {
            assert!([400, 503].contains(&answer.status().as_u16()), "{answer:?}");
        }
        let grown = memory(&shop).saturating_sub(before);
        assert!(grown < 48 << 10, "{grown} kB for 200 MB");
    }
}

#[tokio::test]
async fn who_waits_gets_the_place_that_becomes_free() {
    let db = TestDatabase::sqlite_migrated().await;
    let shop = program(db.url(), &SETTINGS).await;
    let mut slow = take_all_places(&shop).await;
    let waiting: Vec<_> = (0..PLACES)
        .map(|_| tokio::spawn(shop.admin(Method::POST, "/imports").body("x").send()))
        .collect();
    tokio::time::sleep(Duration::from_millis(200)).await;
    for slow in &mut slow {
        slow.send("{}").await;
    }
    for answer in waiting {
        assert_eq!(answer.await.unwrap().unwrap().status(), 415);
    }
}
