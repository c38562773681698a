//! How long a connection is kept that is used and then is not, in either version of HTTP.

use super::*;
use axum::routing::get;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Empty};
use hyper::client::conn::http2;
use rustok_test_support::TestDatabase;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _, DuplexStream};
use tokio::time::{Instant, sleep};

/// A server whose connections are made without a network, so that time need not pass.
struct Small {
    server: Server,
    _database: TestDatabase,
}

impl Small {
    async fn new(keep_alive_ms: u64) -> Self {
        let settings = HttpSettings {
            keep_alive: Duration::from_millis(keep_alive_ms),
            ..HttpSettings::default()
        };
        let (state, database) = HttpState::for_test(settings).await;
        let router = Router::new().route("/", get(async || "here"));
        let server = Server::new(router, &state, 80, &Shutdown::default());
        tokio::time::pause();
        Self {
            server,
            _database: database,
        }
    }

    fn connect(&self) -> DuplexStream {
        let (near, far) = tokio::io::duplex(64 << 10);
        let shares = self.server.state.limits().shares();
        let peer = SocketAddr::from(([203, 0, 113, 7], 1));
        tokio::spawn(self.server.clone().connection(far, peer, shares));
        near
    }
}

async fn ask(stream: &mut DuplexStream) {
    let request = b"GET / HTTP/1.1\r\nhost: shop1.localhost\r\n\r\n";
    stream.write_all(request).await.unwrap();
    let mut read = Vec::new();
    while !read.ends_with(b"here") {
        let bytes = stream.read_buf(&mut read).await.unwrap();
        assert!(bytes > 0, "{}", String::from_utf8_lossy(&read));
    }
}

/// Settings, and how often it is looked at.
const KEPT: [(u64, u64); 3] = [(1_000, 250), (20_000, 2_000), (75_000, 2_000)];

#[tokio::test]
async fn a_connection_of_http_1_is_kept_as_long_as_is_set() {
    for (ms, look) in KEPT {
        let small = Small::new(ms).await;
        let mut stream = small.connect();
        for _ in 0..4 {
            ask(&mut stream).await;
            sleep(Duration::from_millis(ms - look)).await;
        }
        ask(&mut stream).await;
        let idle = Instant::now();
        assert_eq!(stream.read(&mut [0; 64]).await.unwrap(), 0, "something came");
        let kept = Duration::from_millis(ms)..=Duration::from_millis(ms + 2 * look);
        assert!(kept.contains(&idle.elapsed()), "{ms}: {:?}", idle.elapsed());
        tokio::time::resume();
    }
}

#[tokio::test]
async fn a_connection_of_http_2_is_kept_as_long_as_is_set() {
    for (ms, look) in KEPT {
        let small = Small::new(ms).await;
        let (mut client, connection) = http2::handshake(TokioExecutor::new(), TokioIo::new(small.connect()))
            .await
            .unwrap();
        let connection = tokio::spawn(connection);
        let mut idle = Instant::now();
        for n in 0..5 {
            let request = Request::get("http://shop1.localhost/")
                .body(Empty::<Bytes>::new())
                .unwrap();
            let answer = client.send_request(request).await.unwrap();
            assert_eq!(answer.into_body().collect().await.unwrap().to_bytes(), "here");
            idle = Instant::now();
            if n < 4 {
                sleep(Duration::from_millis(ms - look)).await;
            }
        }
        connection.await.unwrap().unwrap();
        let kept = Duration::from_millis(ms)..=Duration::from_millis(ms + 2 * look);
        assert!(kept.contains(&idle.elapsed()), "{ms}: {:?}", idle.elapsed());
        tokio::time::resume();
    }
}

/// Who has sent half a head is no better than who has sent none.
#[tokio::test]
async fn half_a_head_keeps_no_connection() {
    let small = Small::new(20_000).await;
    let (first, mut later) = (small.connect(), small.connect());
    ask(&mut later).await;
    let begun = Instant::now();
    for (mut stream, least, most) in [(first, 10, 12), (later, 20, 24)] {
        stream.write_all(b"GET / HTTP/1.1\r\nho").await.unwrap();
        let mut read = Vec::new();
        let _ = stream.read_to_end(&mut read).await;
        let seconds = begun.elapsed().as_secs();
        assert!((least..=most).contains(&seconds), "{seconds}");
    }
}
