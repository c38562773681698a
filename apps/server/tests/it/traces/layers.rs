//! The layers with a collector, in one process: what is told of many requests, and of headers that nobody should send.

use axum::body::{Body, to_bytes};
use axum::routing::get;
use axum::{Router, response::IntoResponse as _};
use http::Request;
use http::request::Builder;
use rustok_app::Services;
use rustok_core::clock::SystemClock;
use rustok_core::error::{ErrorKind, RichError};
use rustok_http::layers;
use rustok_http::surface::Surfaces;
use rustok_server::config::Config;
use rustok_server::state::AppState;
use rustok_storage::Opener;
use rustok_telemetry::Tracer;
use rustok_test_support::{OtlpReceiver, TestDatabase};
use serde_json::Value;
use std::sync::Arc;
use std::time::{Duration, SystemTime, UNIX_EPOCH};
use tower::ServiceExt as _;

const TRACE: &str = "4bf92f3577b34da6a3ce929d0e0e4736";

/// Routes behind the layers, and the collector.
struct Layers {
    receiver: OtlpReceiver,
    router: Router,
    tracer: Tracer,
    _database: TestDatabase,
}

impl Layers {
    async fn with_ratio(ratio: f64) -> Self {
        let database = TestDatabase::sqlite();
        let receiver = OtlpReceiver::start().await;
        let config = Config {
            database_url: Some(database.url().to_owned()),
            otlp_endpoint: Some(receiver.url().to_owned()),
            trace_sample_ratio: ratio,
            trace_slow_ms: 60_000,
            ..Config::default()
        };
        let store = rustok_storage::open(config.store().unwrap(), Opener::Server)
            .await
            .unwrap();
        let services = Services::new(store, Arc::new(SystemClock), config.validator().unwrap());
        let tracer = Tracer::start(&config.traces().unwrap().unwrap()).unwrap();
        let state = AppState::with_tracer(config, Arc::new(services), tracer.clone());
        let router = Router::new()
            .route("/fine/{slug}", get(async || "fine"))
            .route(
                "/missing",
                get(async || RichError::new(ErrorKind::NotFound, "x").into_response()),
            )
            .route(
                "/fails",
                get(async || RichError::new(ErrorKind::Internal, "x").into_response()),
            )
            .route("/panics", get(async || -> () { panic!("canary") }));
        Self {
            receiver,
            router: layers::wrap(router, state.http(), Surfaces::default()),
            tracer,
            _database: database,
        }
    }

    async fn ask(&self, request: Builder) -> (u16, Value) {
        let request = request.header("host", "localhost").body(Body::empty()).unwrap();
        let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (
            head.status.as_u16(),
            serde_json::from_slice(&body).unwrap_or_default(),
        )
    }
}

fn now() -> u64 {
    #[expect(clippy::disallowed_methods, reason = "compared with the time of a span")]
    let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap();
    u64::try_from(now.as_nanos()).unwrap()
}

#[tokio::test]
async fn of_ten_thousand_requests_at_one_percent_every_failure_is_told() {
    let layers = Layers::with_ratio(0.01).await;
    let begun = now();
    let mut failed = Vec::new();
    for number in 0..10_000 {
        let path = match number % 200 {
            57 if number % 400 == 57 => "/fails",
            57 => "/panics",
            _ => "/fine/tea",
        };
        let (status, problem) = layers.ask(Request::get(path)).await;
        if status == 500 {
            failed.push(problem["trace_id"].as_str().unwrap().to_owned());
        }
    }
    let ended = now();
    assert_eq!(failed.len(), 50);
    layers.tracer.shut_down(Duration::from_secs(20)).await;
    let spans = layers.receiver.spans();
    for trace in failed {
        let reported = layers.receiver.trace(&trace);
        let [span] = &reported[..] else {
            panic!("{trace}: {reported:#?}")
        };
        assert!(
            span.failed && span.kind == "server" && span.name.starts_with("GET /"),
            "{span:#?}"
        );
        assert_eq!(span.attribute("http.response.status_code"), "500");
        assert!(
            begun <= span.start && span.start < span.end && span.end <= ended,
            "{span:#?}"
        );
    }
    // One percent of the others, within six standard deviations.
    assert!((90..=210).contains(&spans.len()), "{}", spans.len());
}

#[tokio::test]
async fn headers_that_nobody_should_send_never_break_a_trace() {
    let layers = Layers::with_ratio(1.0).await;
    let good = format!("00-{TRACE}-00f067aa0ba902b7-01");
    let bad: Vec<Vec<u8>> = [
        "",
        "-",
        "---",
        "00",
        "00-",
        "00---",
        "junk",
        "\u{fffd}",
        "00-00000000000000000000000000000000-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-0000000000000000-01",
        "ff-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00-4BF92F3577B34DA6A3CE929D0E0E4736-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e473-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e47366-00f067aa0ba902b7-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b-01",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-1",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01-x",
        "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-zz",
        "0-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01",
        "00 4bf92f3577b34da6a3ce929d0e0e4736 00f067aa0ba902b7 01",
    ]
    .iter()
    .map(|text| text.as_bytes().to_vec())
    .chain([vec![0xff; 55], b"00-".repeat(500)])
    .collect();
    let mut begun = Vec::new();
    for value in &bad {
        let (status, problem) = layers
            .ask(Request::get("/missing").header("traceparent", &value[..]))
            .await;
        assert_eq!(status, 404, "{value:?}");
        begun.push(problem["trace_id"].as_str().unwrap().to_owned());
    }
    let mut continued = 0;
    for (name, value) in [
        ("tracestate", &b"="[..]),
        ("tracestate", b"a=b=c,,,,;"),
        ("tracestate", b"\xff\xfe"),
        ("tracestate", &b"a=1,".repeat(2_000)),
        ("baggage", b"\xff"),
        ("baggage", b"=;=;,"),
        ("baggage", &b"k=v,".repeat(2_000)),
        ("baggage", b"card=%34%31%31%31"),
    ] {
        let request = Request::get("/missing")
            .header("traceparent", &good)
            .header(name, value);
        let (status, problem) = layers.ask(request).await;
        assert_eq!(
            (status, &problem["trace_id"]),
            (404, &TRACE.into()),
            "{name}: {value:?}"
        );
        continued += 1;
    }
    let twice = Request::get("/missing")
        .header("traceparent", &good)
        .header("traceparent", &good);
    begun.push(layers.ask(twice).await.1["trace_id"].as_str().unwrap().to_owned());
    assert!(begun.len() + continued >= 30);

    let expected = begun.len() + continued;
    let spans = layers.receiver.wait_until(|spans| spans.len() >= expected).await;
    let own: Vec<_> = spans.iter().filter(|span| span.trace_id != TRACE).collect();
    assert_eq!((own.len(), spans.len()), (begun.len(), expected));
    for span in own {
        assert!(begun.contains(&span.trace_id), "{span:#?}");
        assert!(
            span.parent_id.is_empty() && span.trace_id.len() == 32,
            "{span:#?}"
        );
    }
    let theirs = spans.iter().filter(|span| span.trace_id == TRACE);
    for span in theirs {
        assert_eq!(
            (&*span.parent_id, &*span.state),
            ("00f067aa0ba902b7", ""),
            "a stranger's state is not kept"
        );
    }
}

#[tokio::test]
async fn a_stranger_neither_has_his_requests_recorded_nor_puts_his_text_into_spans() {
    let layers = Layers::with_ratio(0.0).await;
    let sampled = format!("00-{TRACE}-00f067aa0ba902b7-01");
    layers
        .ask(Request::get("/fine/tea").header("traceparent", sampled))
        .await;
    let odd = Request::builder()
        .method("CANARY")
        .uri("/fails?canary=canary")
        .header("x-request-id", "canary");
    layers.ask(odd).await;
    layers.ask(Request::get("/fails/canary?x=canary")).await;
    layers
        .ask(Request::get("/fails?canary").header("user-agent", "canary"))
        .await;
    let spans = layers.receiver.wait_until(|spans| !spans.is_empty()).await;
    assert_eq!(spans.len(), 1, "only the last one failed: {spans:#?}");
    assert!(!format!("{spans:?}").contains("canary"), "{spans:#?}");
    drop(layers);

    let layers = Layers::with_ratio(1.0).await;
    let id = "0190163d-8694-739b-aea5-966c26f8ad91";
    for path in ["/fine/canary", "/canary/canary", &format!("/fine/{id}")] {
        layers.ask(Request::get(path)).await;
    }
    layers
        .ask(Request::builder().method("CANARY").uri("/fine/x"))
        .await;
    let spans = layers.receiver.wait_until(|spans| spans.len() >= 4).await;
    assert!(
        !format!("{spans:?}").to_lowercase().contains("canary"),
        "{spans:#?}"
    );
    let paths: Vec<_> = spans
        .iter()
        .map(|span| (span.name.as_str(), span.attribute("url.path")))
        .collect();
    let shown = format!("/fine/{id}");
    assert_eq!(
        paths[..3],
        [
            ("GET /fine/{slug}", "/fine/{slug}"),
            ("GET", "/"),
            ("GET /fine/{slug}", &shown)
        ]
    );
    assert!(paths[3].0.starts_with("HTTP"), "{paths:?}");
}
