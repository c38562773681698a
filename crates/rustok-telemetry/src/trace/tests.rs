//! What becomes of spans on their way to a collector: one that takes them, one that refuses, one that is silent, none.

use super::*;
use crate::propagation::Incoming;
use http::HeaderMap;
use rustok_test_support::otlp::Answer;
use rustok_test_support::{Lateness, OtlpReceiver, TIMEOUT, eventually_is};
use std::time::{Duration, Instant};

const TRACEPARENT: &str = "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01";

fn settings(endpoint: &str, protocol: OtlpProtocol, ratio: f64) -> TraceSettings {
    TraceSettings {
        endpoint: endpoint.to_owned(),
        protocol,
        headers: HeaderMap::new(),
        service_name: "test".to_owned(),
        service_version: "1",
        sample_ratio: ratio,
        slow: Duration::from_secs(1),
    }
}

fn tracer(endpoint: &str) -> Tracer {
    Tracer::start(&settings(endpoint, OtlpProtocol::Grpc, 1.0)).unwrap()
}

fn end(name: &'static str) -> SpanEnd {
    SpanEnd {
        name: name.into(),
        kind: SpanKind::Server,
        attributes: vec![Attribute::int("n", -1), Attribute::text("t", "ä")],
        failed: true,
    }
}

fn finish(tracer: &Tracer) {
    tracer.finish(&tracer.root(Incoming::default(), None), end("x"));
}

fn incoming(trusted: bool, sampled: bool) -> Incoming {
    let text = if sampled {
        TRACEPARENT.to_owned()
    } else {
        TRACEPARENT.replace("-01", "-00")
    };
    Incoming {
        trusted,
        ..Incoming::of_ours(Some(&text))
    }
}

#[tokio::test]
async fn what_is_told_arrives_as_it_is_over_both_protocols() {
    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::HttpProtobuf] {
        let receiver = OtlpReceiver::start().await;
        let tracer = Tracer::start(&settings(receiver.url(), protocol, 1.0)).unwrap();
        let root = tracer.root(incoming(true, true), None);
        let outer = root.open("outer", |_| {}).unwrap();
        let call = root
            .open("call", |child| {
                child.set("otel.kind", Value::Text("client".into()))
            })
            .unwrap();
        let beside = root
            .open("beside", |child| child.set("ok", Value::Flag(true)))
            .unwrap();
        root.change_innermost(|child| child.set("error.type", Value::Text("taken".into())));
        for place in [beside, call] {
            root.close(place);
        }
        let open = root.open("open", |_| {}).unwrap();
        root.close(outer);
        tracer.finish(&root, end("GET /x"));
        let spans = receiver.wait_until(|spans| spans.len() >= 5).await;
        let [server, outer, call, beside, left] = &spans[..] else {
            panic!("{spans:#?}")
        };
        assert_eq!(server.trace_id, "4bf92f3577b34da6a3ce929d0e0e4736");
        assert_eq!(server.parent_id, "00f067aa0ba902b7");
        assert!(server.parent_is_remote && !outer.parent_is_remote);
        assert_eq!(
            (server.name.as_str(), server.kind, server.failed),
            ("GET /x", "server", true)
        );
        assert_eq!((server.attribute("n"), server.attribute("t")), ("-1", "ä"));
        assert_eq!(server.resource["service.name"], "test");
        assert_eq!(
            (&outer.parent_id, &call.parent_id),
            (&server.span_id, &outer.span_id)
        );
        // A call to somebody else holds nothing, even while it is open.
        assert_eq!(
            (&beside.parent_id, beside.attribute("ok")),
            (&outer.span_id, "true")
        );
        assert!(beside.failed && beside.attribute("error.type") == "taken" && !call.failed);
        assert_eq!(
            (call.kind, left.end),
            ("client", server.end),
            "what was left open ends with its request"
        );
        assert!(open == 3 && left.parent_id == outer.span_id);
        tracer.shut_down(Duration::from_secs(10)).await;
        let counts = tracer.counts().unwrap();
        assert_eq!((counts.exported, counts.dropped, counts.lost), (5, 0, 0));
    }
}

#[tokio::test]
async fn who_decides_what_is_recorded() {
    let endpoint = "http://127.0.0.1:9";
    let recorded = |ratio, incoming| {
        let tracer = Tracer::start(&settings(endpoint, OtlpProtocol::Grpc, ratio)).unwrap();
        let root = tracer.root(incoming, None);
        let text = root.context().to_string();
        assert_eq!(text.ends_with("-01"), root.is_recorded());
        root.is_recorded()
    };
    assert!(recorded(0.0, incoming(true, true)) && !recorded(1.0, incoming(true, false)));
    assert!(!recorded(0.0, incoming(false, true)) && recorded(1.0, incoming(false, false)));
    assert!(!recorded(0.0, Incoming::default()) && recorded(1.0, Incoming::default()));
    let half = Tracer::start(&settings(endpoint, OtlpProtocol::Grpc, 0.5)).unwrap();
    // One trace id: what a stranger chose does not decide it.
    let roots = (0..1_000).filter(|_| half.root(incoming(false, true), None).is_recorded());
    assert!((400..600).contains(&roots.count()));
    let off = Tracer::off().root(incoming(true, true), None);
    assert!(
        !off.is_recorded()
            && off
                .context()
                .to_string()
                .contains("4bf92f3577b34da6a3ce929d0e0e4736")
    );
    for wrong in [-0.1, 1.1, f64::NAN] {
        assert!(Tracer::start(&settings(endpoint, OtlpProtocol::Grpc, wrong)).is_err());
    }
}

#[tokio::test]
async fn a_failed_or_slow_request_is_wanted_and_others_are_not() {
    let with_slow = |slow| {
        let settings = TraceSettings {
            slow,
            ..settings("http://127.0.0.1:9", OtlpProtocol::Grpc, 0.0)
        };
        Tracer::start(&settings).unwrap()
    };
    let (patient, hasty) = (with_slow(Duration::from_secs(60)), with_slow(Duration::ZERO));
    let root = patient.root(Incoming::default(), None);
    assert!(!patient.wants(&root, false) && patient.wants(&root, true) && hasty.wants(&root, false));
    assert!(!Tracer::off().wants(&root, true));
}

#[tokio::test]
async fn while_the_collector_is_away_memory_stays_flat_and_nobody_waits() {
    let silent = OtlpReceiver::start().await;
    silent.answer(Answer::Never);
    for endpoint in ["http://127.0.0.1:9", silent.url()] {
        let tracer = tracer(endpoint);
        let lateness = Lateness::watch_process(std::process::id());
        let begun = Instant::now();
        for number in 0..50_000 {
            finish(&tracer);
            if number % 1_000 == 0 {
                tokio::task::yield_now().await;
            }
        }
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(5) + lateness.since(begun), "{took:?}");
        let counts = tracer.counts().unwrap();
        assert!(counts.waiting <= 8_192, "{counts:?}");
        assert!(counts.dropped > 40_000 && counts.exported == 0, "{counts:?}");
        tracer.shut_down(Duration::from_millis(50)).await;
    }
}

#[tokio::test]
async fn one_request_has_no_more_spans_than_it_may() {
    let receiver = OtlpReceiver::start().await;
    let tracer = tracer(receiver.url());
    let root = tracer.root(Incoming::default(), None);
    let opened = (0..1_000).filter(|_| root.open("x", |_| {}).is_some()).count();
    assert_eq!(opened, 256);
    tracer.finish(&root, end("y"));
    assert_eq!(tracer.counts().unwrap().dropped, 744);
    receiver.wait_until(|spans| spans.len() == 257).await;
}

#[tokio::test]
async fn a_collector_that_comes_back_gets_what_waited() {
    let receiver = OtlpReceiver::start().await;
    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::HttpProtobuf] {
        receiver.answer(Answer::Status(503));
        let before = receiver.heads().len();
        let tracer = Tracer::start(&settings(receiver.url(), protocol, 1.0)).unwrap();
        finish(&tracer);
        eventually_is(TIMEOUT, "a call to the collector", async || {
            receiver.heads().len() > before
        })
        .await;
        receiver.answer(Answer::Taken);
        tracer.shut_down(Duration::from_secs(10)).await;
        let counts = tracer.counts().unwrap();
        assert_eq!((counts.exported, counts.lost), (1, 0), "{protocol:?}");
    }
    assert_eq!(receiver.spans().len(), 2);
}

#[tokio::test]
async fn what_is_refused_is_lost_at_once_and_counted() {
    let receiver = OtlpReceiver::start().await;
    for protocol in [OtlpProtocol::Grpc, OtlpProtocol::HttpProtobuf] {
        let tracer = Tracer::start(&settings(receiver.url(), protocol, 1.0)).unwrap();
        receiver.answer(Answer::Status(400));
        let before = receiver.heads().len();
        finish(&tracer);
        eventually_is(TIMEOUT, "a lost span", async || tracer.counts().unwrap().lost > 0).await;
        assert_eq!(receiver.heads().len(), before + 1, "it is not tried again");
        receiver.answer(Answer::Partly);
        finish(&tracer);
        finish(&tracer);
        tracer.shut_down(Duration::from_secs(10)).await;
        let counts = tracer.counts().unwrap();
        assert_eq!((counts.exported, counts.lost), (1, 2), "{protocol:?}");
        // After the end everything is dropped.
        finish(&tracer);
        assert_eq!(tracer.counts().unwrap().dropped, 1);
    }
}

#[tokio::test]
async fn a_span_carried_into_another_request_changes_nothing_there() {
    let tracer = tracer("http://127.0.0.1:9");
    let (one, other) = (
        tracer.root(Incoming::default(), None),
        tracer.root(Incoming::default(), None),
    );
    let open = || tracing::info_span!(target: "rustok.trace", "x", a = tracing::field::Empty);
    tracing::subscriber::with_default(crate::log::lines_for_tests(|_| {}), || {
        let span = one.run_now(open);
        let _own = other.run_now(open);
        other.run_now(|| {
            span.record("a", "foreign");
            drop(span);
        });
        assert!(open().is_disabled(), "outside of any root");
        let unrecorded = Tracer::off().root(Incoming::default(), None);
        assert!(unrecorded.run_now(open).is_disabled());
    });
    for root in [one, other] {
        let child = root.take_children().spans.remove(0);
        assert!(child.end.is_none() == (child.attributes.is_empty()), "{child:?}");
        assert_eq!(child.attributes, []);
    }
}
