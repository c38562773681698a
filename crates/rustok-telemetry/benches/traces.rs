//! What traces cost a request, in nanoseconds of CPU: `cargo bench -p rustok-telemetry --bench traces`. No collector is
//! there: what it costs to send is not in it.
#![expect(
    clippy::print_stdout,
    clippy::unwrap_used,
    reason = "it prints, and ends when it cannot measure"
)]

use http::HeaderMap;
use rustok_telemetry::{
    Attribute, Incoming, LogFormat, OtlpProtocol, RootSpan, SpanEnd, SpanKind, TraceSettings, Tracer,
    init_log,
};
use std::hint::black_box;
use std::time::{Duration, Instant};
use tracing::field::Empty;

/// Calls to the database in a request.
const CALLS: usize = 5;
const REQUESTS: u32 = 200_000;

fn call() {
    let span = tracing::info_span!(
        target: "rustok.trace",
        "database",
        otel.name = "SELECT products",
        otel.kind = "client",
        error.type = Empty,
        db.system.name = "sqlite",
        db.operation.name = "SELECT",
        db.collection.name = "products",
        db.query.summary = "SELECT products"
    );
    black_box(&span);
}

async fn request(tracer: &Tracer, headers: &HeaderMap) {
    let root = tracer.root(Incoming::of(headers, false), None);
    root.run(async {
        for _ in 0..CALLS {
            call();
        }
        black_box(RootSpan::current());
    })
    .await;
    if tracer.wants(&root, false) {
        let attributes = [
            "http.request.method",
            "url.scheme",
            "url.path",
            "http.route",
            "server.address",
        ];
        let end = SpanEnd {
            name: "GET /api/store/v1/products".into(),
            kind: SpanKind::Server,
            attributes: attributes
                .iter()
                .map(|key| Attribute::text(key, "/api/store/v1"))
                .collect(),
            failed: false,
        };
        tracer.finish(&root, end);
    }
}

/// CPU time of this process.
fn cpu() -> Duration {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    Duration::new(
        u64::try_from(time.tv_sec).unwrap(),
        u32::try_from(time.tv_nsec).unwrap(),
    )
}

async fn measure(name: &str, tracer: Tracer) {
    let headers = HeaderMap::new();
    let (begun, cpu_begun) = (Instant::now(), cpu());
    for number in 0..REQUESTS {
        request(&tracer, &headers).await;
        if number % 500 == 0 {
            tokio::task::yield_now().await;
        }
    }
    let (wall, cpu) = (begun.elapsed() / REQUESTS, (cpu() - cpu_begun) / REQUESTS);
    println!(
        "{name:<28} {:>6} ns CPU {:>6} ns {:?}",
        cpu.as_nanos(),
        wall.as_nanos(),
        tracer.counts()
    );
}

#[tokio::main]
async fn main() {
    init_log("info", LogFormat::Json).unwrap();
    for (name, ratio) in [
        ("off", None),
        ("recorded: none", Some(0.0)),
        ("recorded: 10 %", Some(0.1)),
        ("recorded: all", Some(1.0)),
    ] {
        let tracer = match ratio {
            None => Tracer::off(),
            Some(sample_ratio) => Tracer::start(&TraceSettings {
                endpoint: "http://127.0.0.1:9".to_owned(),
                protocol: OtlpProtocol::Grpc,
                headers: HeaderMap::new(),
                service_name: "bench".to_owned(),
                service_version: "1",
                sample_ratio,
                slow: Duration::from_secs(1),
            })
            .unwrap(),
        };
        measure(name, tracer).await;
    }
}
