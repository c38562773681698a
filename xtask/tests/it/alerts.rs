//! A fault, and exactly the alerts that it should make; and none when it is over.
//!
//! The objectives of latency take no part: on a busy machine a request is slow for no fault of the server's. What they
//! do is shown by promtool.

use crate::prometheus::Prometheus;
use crate::shop::{Shop, rustok};
use rustok_test_support::{Fault, FaultProxy, OtlpReceiver, TestDatabase};
use std::time::Duration;
use tokio::time::sleep;

const BUSY: &[&str] = &["latency"];
/// For an alert to come. The longest `for` is 10 minutes, which are 5 seconds here.
const SOON: Duration = Duration::from_secs(30);
/// For tickets to go: their short window is 6 hours, which are 3 minutes here.
const LATER: Duration = Duration::from_secs(300);
const QUIET: Duration = Duration::from_secs(5);

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs prometheus: scripts/prometheus live"]
async fn a_database_that_falls_silent() {
    let db = TestDatabase::postgres().await;
    let proxy = FaultProxy::of_database(db.url());
    let behind = rustok(&proxy.database_url(db.url())).env("RUSTOK_REQUEST_TIMEOUT_MS", "500");
    let shop = Shop::open(&rustok(db.url()), &behind).await;
    let load = shop.again_and_again(Duration::from_millis(50), |shop| async move {
        shop.read().await;
    });
    sleep(QUIET).await;
    let prometheus = Prometheus::start(&shop.server, BUSY).await;
    sleep(QUIET).await;
    prometheus.until(&[], Duration::ZERO).await;

    proxy.set(Fault::BlackHole);
    // The tenant directory is in the same database, and asked again and again whether it is back.
    let expected = [
        "CircuitBreakerOpen page",
        "ReadsAvailabilityBurning page",
        "ReadsAvailabilityBurning ticket",
        "TenantCacheLoadsFailing page",
    ];
    let fired = prometheus.until(&expected, SOON).await;
    sleep(QUIET).await;
    // No other has come. One may be away for a moment: a load of a tenant takes up to 2 s, and the window over which
    // they are counted is 2.5 s here.
    prometheus.until(&expected, QUIET).await;
    proxy.heal();
    let cleared = prometheus.until(&[], LATER).await;
    println!("fired after {fired:?}, cleared after {cleared:?}");
    load.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs prometheus: scripts/prometheus live"]
async fn a_stock_that_ends() {
    let db = TestDatabase::postgres().await;
    let command = rustok(db.url());
    let shop = Shop::open(&command, &command).await;
    let tea = shop.sell_tea(1_000_000).await;
    let load = shop.again_and_again(Duration::from_millis(100), |shop| async move {
        shop.order().send().await.unwrap();
    });
    sleep(QUIET).await;
    let prometheus = Prometheus::start(&shop.server, BUSY).await;
    sleep(QUIET).await;
    prometheus.until(&[], Duration::ZERO).await;

    shop.stock(&tea, 0).await;
    let fired = prometheus.until(&["StockExhausted ticket"], SOON).await;
    sleep(QUIET).await;
    prometheus.until(&["StockExhausted ticket"], Duration::ZERO).await;
    shop.stock(&tea, 1_000_000).await;
    let cleared = prometheus.until(&[], SOON).await;
    println!("fired after {fired:?}, cleared after {cleared:?}");
    load.abort();
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs prometheus: scripts/prometheus live"]
async fn a_server_that_is_gone() {
    let db = TestDatabase::sqlite();
    let management = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    let command = rustok(db.url()).env("RUSTOK_MANAGEMENT_LISTEN", management.to_string());
    let server = command.start().await;
    let prometheus = Prometheus::start(&server, BUSY).await;
    sleep(QUIET).await;
    prometheus.until(&[], Duration::ZERO).await;

    let command = server.kill().await;
    let fired = prometheus.until(&["MetricsAbsent page"], SOON).await;
    let _server = command.start().await;
    let cleared = prometheus.until(&[], SOON).await;
    println!("fired after {fired:?}, cleared after {cleared:?}");
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs prometheus: scripts/prometheus live"]
async fn a_collector_that_is_gone() {
    let db = TestDatabase::sqlite();
    let collector = OtlpReceiver::start().await;
    let proxy = FaultProxy::start(collector.url().trim_start_matches("http://"));
    let direct = rustok(db.url());
    let command = direct
        .clone()
        .env("RUSTOK_OTLP_ENDPOINT", format!("http://{}", proxy.address()))
        .env("RUSTOK_TRACE_SAMPLE_RATIO", "1");
    let shop = Shop::open(&direct, &command).await;
    let load = shop.again_and_again(Duration::from_millis(50), |shop| async move {
        assert_eq!(shop.read().await.unwrap().status(), 200);
    });
    let prometheus = Prometheus::start(&shop.server, BUSY).await;
    sleep(QUIET).await;
    prometheus.until(&[], Duration::ZERO).await;
    assert!(!collector.spans().is_empty());

    proxy.set(Fault::Refuse);
    let fired = prometheus.until(&["TelemetryExportFailing ticket"], SOON).await;
    sleep(QUIET).await;
    prometheus
        .until(&["TelemetryExportFailing ticket"], Duration::ZERO)
        .await;
    proxy.heal();
    let cleared = prometheus.until(&[], 2 * SOON).await;
    println!("fired after {fired:?}, cleared after {cleared:?}");
    // No request noticed.
    assert!(!load.is_finished());
    load.abort();
}
