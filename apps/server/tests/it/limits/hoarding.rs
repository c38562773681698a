//! Connections that take what others need and give nothing back: answers that are not read, bodies that do not come,
//! connections that ask for nothing.

use super::{Raw, memory, open};
use crate::platform::{problem, program};
use bytes::Bytes;
use futures_util::future::join_all;
use http_body_util::Empty;
use hyper::body::Incoming;
use hyper::client::conn::http2::{self, SendRequest};
use hyper_util::rt::{TokioExecutor, TokioIo};
use reqwest::Method;
use rustok_test_app::{Server, Shop};
use rustok_test_support::{Lateness, TestDatabase};
use serde_json::json;
use std::time::{Duration, Instant};
use tokio::net::TcpStream;
use tokio::task::JoinHandle;
use tokio::time::timeout;

/// A client of HTTP/2 that lets the server send `window` bytes of each answer.
pub(super) struct Hoarder {
    client: SendRequest<Empty<Bytes>>,
    connection: JoinHandle<hyper::Result<()>>,
}

impl Hoarder {
    pub(super) async fn connect(shop: &Shop<impl Server>, window: u32) -> Self {
        let address = shop.server.url().strip_prefix("http://").unwrap();
        let stream = TokioIo::new(TcpStream::connect(address).await.unwrap());
        let (client, connection) = http2::Builder::new(TokioExecutor::new())
            .initial_stream_window_size(window)
            .handshake(stream)
            .await
            .unwrap();
        Self {
            client,
            connection: tokio::spawn(connection),
        }
    }

    /// Asks for the products; the answer keeps the request alive.
    pub(super) async fn ask(&mut self) -> Option<http::Response<Incoming>> {
        let request = http::Request::get("http://shop1.localhost/api/store/v1/products?limit=100")
            .body(Empty::new())
            .unwrap();
        self.client.ready().await.ok()?;
        self.client.send_request(request).await.ok()
    }

    pub(super) async fn ended(&mut self) {
        (&mut self.connection).await.unwrap().ok();
    }
}

/// A page of products of some 120 kB.
pub(super) async fn fill(shop: &Shop<impl Server>) {
    for n in 0..10 {
        let product = json!({
            "title": format!("Tea {n}"), "status": "active", "description_html": "x".repeat(12_000),
            "variants": [{ "price": { "amount": "1" } }],
        });
        let made = shop
            .admin(Method::POST, "/products")
            .json(&product)
            .send()
            .await
            .unwrap();
        assert_eq!(made.status(), 201);
    }
}

async fn products(shop: &Shop<impl Server>, limit: usize) -> reqwest::Response {
    let path = format!("/api/store/v1/products?limit={limit}");
    shop.request(Method::GET, &path).send().await.unwrap()
}

/// 100 connections ask for 320 MB and read nothing of it.
#[tokio::test(flavor = "multi_thread")]
async fn answers_that_nobody_reads_take_a_bounded_memory_and_end() {
    let db = TestDatabase::sqlite();
    let shop = open(db.url(), &[("RUSTOK_MAX_ANSWER_BYTES", "8388608")]).await;
    fill(&shop).await;
    let before = memory(&shop);
    let lateness = Lateness::watch_process(shop.server.pid());
    let begun = Instant::now();
    let mut hoarders = join_all((0..100).map(|_| Hoarder::connect(&shop, 0))).await;
    let mut kept = Vec::new();
    for hoarder in &mut hoarders {
        for _ in 0..30 {
            kept.extend(hoarder.ask().await);
        }
    }
    let statuses = |status| kept.iter().filter(|answer| answer.status() == status).count();
    let (given, refused) = (statuses(200), statuses(503));
    assert!(given >= 8 && refused > given, "{given} given, {refused} refused");
    let grown = memory(&shop).saturating_sub(before);
    assert!(grown < 48 << 10, "{grown} kB");
    // Others are served meanwhile: small answers always, large ones when the hoarders are gone.
    assert_eq!(products(&shop, 1).await.status(), 200);
    let ended = join_all(hoarders.iter_mut().map(Hoarder::ended));
    timeout(Duration::from_secs(60), ended)
        .await
        .expect("they are kept for ever");
    let latest = Duration::from_secs(20) + lateness.since(begun);
    assert!(begun.elapsed() < latest, "{:?}", begun.elapsed());
    assert_eq!(products(&shop, 100).await.status(), 200);
}

/// A client that reads slowly, but reads, gets the whole answer.
#[tokio::test]
async fn who_reads_slowly_is_served() {
    use http_body_util::BodyExt as _;
    let db = TestDatabase::sqlite_migrated().await;
    let shop = program(db.url(), &[]).await;
    fill(&shop).await;
    let mut slow = Hoarder::connect(&shop, 8_000).await;
    let mut body = slow.ask().await.unwrap().into_body();
    let mut bytes = 0;
    while let Some(frame) = body.frame().await {
        bytes += frame.unwrap().into_data().unwrap().len();
        tokio::time::sleep(Duration::from_millis(200)).await;
    }
    assert!(bytes > 120_000, "{bytes}");
}

#[tokio::test]
async fn slow_bodies_take_no_places() {
    let db = TestDatabase::sqlite();
    let settings = [
        ("RUSTOK_MAX_UPLOADS_IN_FLIGHT", "2"),
        ("RUSTOK_MAX_REQUESTS_WAITING", "1"),
    ];
    let shop = open(db.url(), &settings).await;
    let lateness = Lateness::watch_process(shop.server.pid());
    let begun = Instant::now();
    let slow = join_all((0..200).map(|_| Raw::order(&shop, 2))).await;
    for _ in 0..20 {
        let order = shop
            .request(Method::POST, "/api/store/v1/orders")
            .json(&json!({}));
        problem(order.send().await.unwrap(), 422, "validation_failed").await;
    }
    for mut slow in slow {
        assert_eq!(slow.answer().await.unwrap().body["code"], "body_too_slow");
    }
    let ended = begun.elapsed();
    let latest = Duration::from_secs(12) + lateness.since(begun);
    assert!((Duration::from_secs(5)..latest).contains(&ended), "{ended:?}");
}

/// Connections over which nothing comes give their places to others.
#[tokio::test]
async fn idle_connections_end_when_places_are_scarce() {
    let db = TestDatabase::sqlite_migrated().await;
    let shop = program(db.url(), &[("RUSTOK_MAX_CONNECTIONS", "16")]).await;
    let mut idle = join_all((0..16).map(|_| Hoarder::connect(&shop, 65_535))).await;
    for idle in &mut idle {
        assert_eq!(idle.ask().await.unwrap().status(), 200);
    }
    let answer = timeout(Duration::from_secs(30), products(&shop, 1)).await;
    assert_eq!(answer.expect("no place became free").status(), 200);
    let gone = idle.iter().filter(|idle| idle.connection.is_finished()).count();
    assert!(gone > 0, "all are still open");
}
