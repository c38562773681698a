//! Requests byte by byte, since clients refuse to send what strangers send; and HTTP/2 without TLS.

use http_body_util::{BodyExt as _, Empty};
use hyper_util::rt::{TokioExecutor, TokioIo};
use rustok_test_support::{TIMEOUT, TestServer};
use serde_json::Value;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// What came back.
#[derive(Debug)]
pub(super) struct Answer {
    pub(super) status: u16,
    /// Lower-case, with the status line.
    pub(super) head: String,
    pub(super) body: String,
}

impl Answer {
    /// The body as a problem, after checking that it is one.
    #[track_caller]
    pub(super) fn problem(&self) -> Value {
        assert!(
            self.head.contains("content-type: application/problem+json"),
            "{self:?}"
        );
        let problem: Value = serde_json::from_str(&self.body).unwrap();
        assert_eq!(problem["status"], self.status, "{self:?}");
        assert_eq!(problem["trace_id"].as_str().map(str::len), Some(32), "{self:?}");
        problem
    }

    /// The problem's code; empty for the bare refusals of the HTTP library.
    #[track_caller]
    pub(super) fn problem_code(&self) -> String {
        if self.body.is_empty() {
            return String::new();
        }
        self.problem()["code"].as_str().unwrap().to_owned()
    }
}

async fn connect(server: &TestServer) -> TcpStream {
    let address = server.url().strip_prefix("http://").unwrap();
    TcpStream::connect(address).await.unwrap()
}

/// Sends these bytes and reads until the server closes; the head must make it do that.
pub(super) async fn send(server: &TestServer, head: &[u8]) -> Answer {
    let mut stream = connect(server).await;
    let mut read = Vec::new();
    let talk = async {
        // A head that is refused half-way may end the connection before all of it was sent.
        let _ = stream.write_all(head).await;
        let _ = stream.read_to_end(&mut read).await;
    };
    let shown = || String::from_utf8_lossy(&head[..head.len().min(200)]).into_owned();
    if timeout(TIMEOUT, talk).await.is_err() {
        panic!("no answer to {:?}", shown());
    }
    let text = String::from_utf8_lossy(&read);
    let Some((head, body)) = text.split_once("\r\n\r\n") else {
        panic!("{text:?} answers {:?}", shown())
    };
    Answer {
        status: head[9..12].parse().unwrap(),
        head: head.to_lowercase(),
        body: body.to_owned(),
    }
}

/// A plain GET with these header lines.
pub(super) async fn get(server: &TestServer, path: &str, headers: &[&str]) -> Answer {
    let headers = headers.join("\r\n");
    let head = format!("GET {path} HTTP/1.1\r\n{headers}\r\nConnection: close\r\n\r\n");
    send(server, head.as_bytes()).await
}

/// A GET over HTTP/2 with this `:authority`, and `Host` lines beside it.
pub(super) async fn http2(
    server: &TestServer,
    authority: &str,
    path: &str,
    token: &str,
    hosts: &[&str],
) -> Answer {
    let io = TokioIo::new(connect(server).await);
    let (mut client, connection) = hyper::client::conn::http2::handshake(TokioExecutor::new(), io)
        .await
        .unwrap();
    let connection = tokio::spawn(connection);
    let mut request = http::Request::get(format!("http://{authority}{path}"))
        .header("authorization", format!("Bearer {token}"));
    for host in hosts {
        request = request.header("host", *host);
    }
    let request = request.body(Empty::<bytes::Bytes>::new()).unwrap();
    let response = timeout(TIMEOUT, client.send_request(request))
        .await
        .unwrap()
        .unwrap();
    let (parts, body) = response.into_parts();
    let body = timeout(TIMEOUT, body.collect())
        .await
        .unwrap()
        .unwrap()
        .to_bytes();
    connection.abort();
    let mut head = String::new();
    for (name, value) in &parts.headers {
        head.push_str(&format!("{name}: {}\r\n", value.to_str().unwrap()));
    }
    Answer {
        status: parts.status.as_u16(),
        head,
        body: String::from_utf8_lossy(&body).into_owned(),
    }
}
