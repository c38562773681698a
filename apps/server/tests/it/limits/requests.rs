//! One request that is too large, too deep or too slow.

use super::{Raw, open};
use crate::platform::{problem, program};
use reqwest::{Method, RequestBuilder};
use rustok_test_app::Shop;
use rustok_test_support::{Lateness, TestDatabase, both_databases};
use serde_json::json;
use std::time::{Duration, Instant};

fn product(shop: &Shop, body: String) -> RequestBuilder {
    let request = shop.admin(Method::POST, "/products");
    request.header("content-type", "application/json").body(body)
}

both_databases! {
    async fn what_is_too_large_is_named(db) {
        let shop = program(db.url(), &[]).await;
        let send = async |request: RequestBuilder| request.send().await.unwrap();
        let store = |query: &str| shop.request(Method::GET, &format!("/api/store/v1/products?after={query}"));

        problem(send(store(&"a".repeat(9 << 10))).await, 414, "url_too_long").await;
        let headers = store("").header("x-large", "a".repeat(40 << 10));
        problem(send(headers).await, 431, "header_too_large").await;
        let fields = (0..70).fold(store(""), |request, n| request.header(format!("x-{n}"), "a"));
        problem(send(fields).await, 431, "header_too_large").await;
        // Far beyond, the HTTP library does not even read it; the end of the connection may overtake its answer.
        let mut huge = Raw::connect(&shop).await;
        huge.send(&format!("GET / HTTP/1.1\r\nhost: a\r\nx-large: {}\r\n\r\n", "a".repeat(90 << 10))).await;
        assert!(huge.answer().await.is_none_or(|answer| answer.status == 431));

        let nested = |depth: usize| format!("{}{}", "[".repeat(depth), "]".repeat(depth));
        for body in [nested(10_000), format!("{{\"title\":\"a\",\"tags\":{}}}", nested(128))] {
            problem(send(product(&shop, body)).await, 400, "body_too_deep").await;
        }
        let many: serde_json::Map<_, _> = (0..100_000).map(|n| (format!("k{n}"), json!(n))).collect();
        problem(send(product(&shop, json!(many).to_string())).await, 400, "too_many_values").await;
        for query in ["limit=101", "limit=0", "after=x"] {
            let list = shop.request(Method::GET, &format!("/api/store/v1/products?{query}"));
            problem(send(list).await, 422, "validation_failed").await;
        }
        assert_eq!(send(shop.admin(Method::GET, "/products")).await.json::<serde_json::Value>().await.unwrap()["items"], json!([]));
    }

    async fn a_body_that_dribbles_in_is_given_up(db) {
        let shop = open(db.url(), &[("RUSTOK_BODY_TIMEOUT_MS", "400")]).await;
        let lateness = Lateness::watch_process(shop.server.pid());
        let start = Instant::now();
        let mut slow = Raw::order(&shop, 1_000).await;
        let dribbled = async {
            loop {
                slow.try_send(" ").await;
                tokio::time::sleep(Duration::from_millis(20)).await;
                if start.elapsed() > Duration::from_millis(600) {
                    break;
                }
            }
        };
        dribbled.await;
        let answer = slow.answer().await.unwrap();
        assert_eq!((answer.status, &answer.body["code"]), (408, &json!("body_too_slow")));
        assert!(answer.head.contains("connection: close"), "{}", answer.head);
        assert!(slow.answer().await.is_none());
        assert!(start.elapsed() < Duration::from_secs(5) + lateness.since(start));
    }

    async fn a_body_is_waited_for_no_longer_than_the_whole_request(db) {
        let settings = [("RUSTOK_BODY_TIMEOUT_MS", "60000"), ("RUSTOK_REQUEST_TIMEOUT_MS", "300")];
        let shop = program(db.url(), &settings).await;
        let answer = Raw::order(&shop, 2).await.answer().await.unwrap();
        assert_eq!((answer.status, &answer.body["code"]), (408, &json!("body_too_slow")));
    }
}

/// A head that does not come, or not all of it.
#[tokio::test]
async fn a_connection_without_a_request_ends() {
    let db = TestDatabase::sqlite();
    let shop = open(db.url(), &[]).await;
    let lateness = Lateness::watch_process(shop.server.pid());
    let start = Instant::now();
    let silent = async |sent: &str| {
        let mut raw = Raw::connect(&shop).await;
        raw.send(sent).await;
        assert!(raw.answer().await.is_none(), "{sent:?}");
        start.elapsed()
    };
    let ended = tokio::join!(silent(""), silent("PRI"), silent("GET / HTTP/1.1\r\nhost: a\r\n"));
    for ended in [ended.0, ended.1, ended.2] {
        let latest = Duration::from_secs(20) + lateness.since(start);
        assert!((Duration::from_secs(9)..latest).contains(&ended), "{ended:?}");
    }
}
