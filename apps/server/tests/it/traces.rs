//! Traces and log lines tell one story: what happened in a request can be followed from its answer to the log and the
//! collector, and back.

mod layers;
mod secrets;

use crate::metrics::exemplars;
use crate::orders::{id, ok, order_of, place, product};
use crate::platform::{Shop, rustok};
use reqwest::Method;
use rustok_test_support::otlp::Answer;
use rustok_test_support::{Lateness, OtlpReceiver, ReceivedSpan, ServerCommand, both_databases};
use serde_json::{Value, json};
use std::collections::{BTreeMap, HashSet};
use std::time::{Duration, Instant};

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";
const CALLER: &str = "00f067aa0ba902b7";

/// The binary under test, which records this share of requests.
fn traced(database_url: &str, receiver: &OtlpReceiver, ratio: &str) -> ServerCommand {
    rustok(database_url)
        .env("RUSTOK_OTLP_ENDPOINT", receiver.url())
        .env("RUSTOK_TRACE_SAMPLE_RATIO", ratio)
}

/// The lines of a log that belong to a request or to an event.
fn lines_with_trace(log: &str) -> Vec<Value> {
    let lines = log
        .lines()
        .filter_map(|line| serde_json::from_str::<Value>(line).ok());
    lines.filter(|line| line["trace_id"].is_string()).collect()
}

/// Every span but those of `CALLER` has its parent among the others, and lies within it in time.
fn assert_whole(spans: &[ReceivedSpan]) {
    let by_id: BTreeMap<_, _> = spans.iter().map(|span| (span.span_id.as_str(), span)).collect();
    assert_eq!(by_id.len(), spans.len(), "span ids repeat: {spans:#?}");
    for span in spans.iter().filter(|span| span.parent_id != CALLER) {
        let Some(parent) = by_id.get(&*span.parent_id) else {
            panic!("an orphan: {span:#?}");
        };
        assert!(
            parent.start <= span.start && span.start <= span.end,
            "{parent:#?} {span:#?}"
        );
        assert!(
            span.kind == "consumer" || span.end <= parent.end,
            "{parent:#?} {span:#?}"
        );
    }
}

both_databases! {
    async fn an_order_is_one_trace_from_the_request_to_the_worker(db) {
        let receiver = OtlpReceiver::start().await;
        let (protocol, path) = if db.is_postgres() {
            ("grpc", "/opentelemetry.proto.collector.trace.v1.TraceService/Export")
        } else {
            ("http/protobuf", "/v1/traces")
        };
        // Only what a proxy of ours decides is recorded, by the standard variables.
        let command = rustok(db.url())
            .env("OTEL_EXPORTER_OTLP_ENDPOINT", receiver.url())
            .env("OTEL_EXPORTER_OTLP_PROTOCOL", protocol)
            .env("OTEL_EXPORTER_OTLP_HEADERS", "x-key=to-the-collector")
            .env("OTEL_SERVICE_NAME", "shop-server")
            .env("RUSTOK_TRACE_SAMPLE_RATIO", "0")
            .env("RUSTOK_TRUSTED_PROXIES", "[127.0.0.1/32]");
        let shop = Shop::start(command).await;
        let tea = product(&shop, json!([{ "available": 1 }])).await.remove(0);
        let by_proxy = |order: &Value| {
            place(&shop, order)
                .header("traceparent", format!("00-{TRACE}-{CALLER}-01"))
                .header("tracestate", "vendor=1")
                .header("x-request-id", "edge-1")
        };
        let placed = ok(by_proxy(&order_of(&tea, 1)), 201).await;
        let refused = ok(by_proxy(&order_of(&tea, 1)), 409).await;
        assert_eq!(refused["trace_id"], TRACE);

        let reported = |spans: &[ReceivedSpan]| spans.iter().any(|span| span.kind == "consumer");
        let spans = receiver.wait_until(reported).await;
        assert!(spans.iter().all(|span| span.trace_id == TRACE), "{spans:#?}");
        assert_whole(&spans);
        let servers: Vec<_> = spans.iter().filter(|span| span.kind == "server").collect();
        assert_eq!(servers.len(), 2, "{spans:#?}");
        let server = servers[0];
        assert_eq!((server.name.as_str(), server.state.as_str()), ("POST /api/store/v1/orders", "vendor=1"));
        assert_eq!(server.parent_id, CALLER);
        for (name, value) in [
            ("http.request.method", "POST"),
            ("http.route", "/api/store/v1/orders"),
            ("url.path", "/api/store/v1/orders"),
            ("url.scheme", "http"),
            ("server.address", "shop1.localhost"),
            ("http.response.status_code", "201"),
            ("error.type", ""),
        ] {
            assert_eq!(server.attribute(name), value, "{server:#?}");
        }
        assert_eq!(server.resource["service.name"], "shop-server");
        assert_eq!(servers[1].attribute("http.response.status_code"), "409");
        assert!(!servers[1].failed, "a refusal is no failure");

        let use_case = spans.iter().find(|span| span.name == "place_order").unwrap();
        assert_eq!((&use_case.parent_id, use_case.kind), (&server.span_id, "internal"));
        assert_eq!(use_case.attribute("rustok.order.id"), id(&placed));
        let calls: Vec<_> = spans.iter().filter(|span| span.parent_id == use_case.span_id && span.kind == "client").collect();
        let outbox = calls.iter().find(|call| call.attribute("db.query.summary").contains("INSERT outbox")).unwrap();
        assert_eq!(outbox.attribute("db.system.name"), if db.is_postgres() { "postgresql" } else { "sqlite" });
        assert!(calls.iter().any(|call| call.name == "COMMIT"), "{calls:#?}");
        assert!(calls.iter().all(|call| call.name == call.attribute("db.query.summary")), "{calls:#?}");
        assert!(calls.iter().any(|call| !call.attribute("db.collection.name").is_empty()), "{calls:#?}");

        let worker = spans.iter().find(|span| span.kind == "consumer").unwrap();
        assert_eq!((worker.name.as_str(), &worker.parent_id), ("process order.placed", &server.span_id));
        let tenant = server.attribute("rustok.tenant.id");
        assert!(tenant.len() == 36 && worker.attribute("rustok.tenant.id") == tenant, "{worker:#?}");
        let (to, head) = receiver.heads().remove(0);
        assert_eq!((&*to, head.get("x-key").unwrap().to_str().unwrap()), (path, "to-the-collector"));

        // What was not recorded leaves none: a dot on a panel leads to what the collector has.
        ok(place(&shop, &order_of(&tea, 1)), 409).await;
        let exemplars = exemplars(&shop, "/api/store/v1/orders").await;
        assert_eq!(exemplars.iter().collect::<Vec<_>>(), [TRACE]);

        let log = shop.server.terminate().await.stderr;
        let event = lines_with_trace(&log).into_iter().find(|line| line["topic"] == "order.placed").unwrap();
        assert_eq!((&event["trace_id"], &event["tenant_id"]), (&TRACE.into(), &tenant.into()));
    }

    async fn every_failure_is_found_in_the_log_and_at_the_collector(db) {
        let receiver = OtlpReceiver::start().await;
        // None is recorded from the start: all are told because they failed.
        let command = traced(db.url(), &receiver, "0")
            .env("RUSTOK_SQLITE_MMAP_BYTES", "0")
            .env("RUSTOK_DIRECTORY_POLL_MS", "3600000");
        let shop = Shop::start(command).await;
        assert!(shop.admin(Method::GET, "/products").send().await.unwrap().status().is_success());
        // Views that fail are defects, and no outage: of the answers with 503 only some have a line. SQLite misses the
        // indexes that the statements name.
        let tables = ["products", "orders", "nodes", "node_translations"];
        let view = |table: &str| format!(
            "ALTER TABLE {table} RENAME TO {table}_kept; CREATE VIEW {table} AS SELECT * FROM {table}_kept;"
        );
        let function = |table: &str| format!(
            "ALTER TABLE {table} RENAME TO {table}_kept; \
             CREATE FUNCTION {table}_fails() RETURNS SETOF {table}_kept LANGUAGE plpgsql \
             AS 'BEGIN RAISE division_by_zero; END'; \
             CREATE VIEW {table} AS SELECT * FROM {table}_fails(); GRANT SELECT ON {table} TO rustok_app;"
        );
        db.run_behind(&tables.map(view).concat(), &tables.map(function).concat()).await;

        let paths = ["/api/store/v1/products", "/api/admin/v1/orders", "/api/store/v1/nodes", "/api/admin/v1/products"];
        let mut failures = BTreeMap::new();
        for number in 0..200_usize {
            // A walk without a pattern, the same in every run.
            let path = paths[(number * number * 31 + number / 3) % paths.len()];
            let failed = shop.request(Method::GET, path).bearer_auth(&shop.token).send().await.unwrap();
            let problem: Value = failed.json().await.unwrap();
            let status = problem["status"].as_u64().unwrap();
            assert!((500..=504).contains(&status), "{path}: {problem}");
            failures.insert(problem["trace_id"].as_str().unwrap().to_owned(), (path, status));
        }
        assert_eq!(failures.len(), 200);
        let spans = receiver
            .wait_until(|spans| spans.iter().map(|span| &span.trace_id).collect::<HashSet<_>>().len() >= 200)
            .await;
        let servers: BTreeMap<_, _> = spans.iter().map(|span| (&span.trace_id, span)).collect();
        let log = shop.server.terminate().await.stderr;
        let lines = lines_with_trace(&log);
        let lines: BTreeMap<_, _> = lines.iter().map(|line| (line["trace_id"].as_str().unwrap(), line)).collect();
        for (trace, (path, status)) in &failures {
            let span = servers[trace];
            assert_eq!((span.name.as_str(), span.kind), (&*format!("GET {path}"), "server"));
            assert_eq!(span.attribute("http.response.status_code"), status.to_string());
            assert!(span.failed && !span.attribute("error.type").is_empty(), "{span:#?}");
            let line = lines[trace.as_str()];
            assert_eq!(line["span_id"], span.span_id, "{line}");
            assert_eq!((&line["route"], &line["status"]), (&(*path).into(), &(*status).into()));
            assert!(line["request_id"].is_string() && line["tenant_id"].is_string(), "{line}");
            assert_eq!(line["tenant_id"], span.attribute("rustok.tenant.id"));
        }
    }
}

#[tokio::test]
async fn no_span_is_lost_at_the_end() {
    let db = rustok_test_support::TestDatabase::sqlite();
    let receiver = OtlpReceiver::start().await;
    let shop = Shop::start(traced(db.url(), &receiver, "1").env("RUSTOK_SHUTDOWN_DELAY_MS", "0")).await;
    for _ in 0..100 {
        ok(shop.request(Method::GET, "/api/store/v1/products"), 200).await;
    }
    let finished = shop.server.terminate().await;
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    let servers = receiver.spans().into_iter().filter(|span| span.kind == "server");
    assert_eq!(servers.count(), 100);
}

#[tokio::test]
async fn a_collector_that_never_answers_keeps_nobody() {
    let db = rustok_test_support::TestDatabase::sqlite();
    let receiver = OtlpReceiver::start().await;
    receiver.answer(Answer::Never);
    let shop = Shop::start(traced(db.url(), &receiver, "1").env("RUSTOK_SHUTDOWN_DELAY_MS", "0")).await;
    for _ in 0..100 {
        ok(shop.request(Method::GET, "/api/store/v1/products"), 200).await;
    }
    let lateness = Lateness::watch_process(shop.server.pid());
    let begun = Instant::now();
    let finished = shop.server.terminate().await;
    assert_eq!(finished.code, Some(0), "{finished:#?}");
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(6) + lateness.since(begun), "{took:?}");
    assert!(finished.stderr.contains("spans were left"), "{finished:#?}");
}

#[tokio::test]
async fn settings_of_traces_are_checked_at_the_start() {
    let db = rustok_test_support::TestDatabase::sqlite();
    for (name, value) in [
        ("RUSTOK_OTLP_ENDPOINT", "https://collector:4317"),
        ("RUSTOK_OTLP_ENDPOINT", "collector"),
        ("RUSTOK_OTLP_ENDPOINT", "http://user:hunter2@collector:4317"),
        ("RUSTOK_OTLP_PROTOCOL", "http/json"),
        ("RUSTOK_OTLP_HEADERS", "hunter2"),
        ("RUSTOK_TRACE_SAMPLE_RATIO", "1.5"),
    ] {
        let command = rustok(db.url())
            .env("RUSTOK_OTLP_ENDPOINT", "http://127.0.0.1:4318")
            .env(name, value);
        let refused = command.try_start().await.unwrap_err();
        assert_eq!(refused.code, Some(2), "{name}={value}: {refused:#?}");
        assert!(!refused.stderr.contains("hunter2"), "{refused:#?}");
        let printed = command.run(&["serve", "--print-config"]).await;
        assert!(!printed.stdout.contains("hunter2"), "{printed:#?}");
    }
}
