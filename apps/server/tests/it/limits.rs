//! What a stranger may send, how much of it, and what everybody else notices of it.

mod hoarding;
mod hostile;
mod neighbour;
mod overload;
mod rates;
mod requests;

use crate::platform::{Shop, rustok, status_kib};
use rustok_test_app::Server;
use serde_json::Value;
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// A process with the tenant `shop1` and these settings.
pub(crate) async fn open(database_url: &str, settings: &[(&str, &str)]) -> Shop {
    let mut command = rustok(database_url);
    for (name, value) in settings {
        command = command.env(*name, *value);
    }
    Shop::start(command).await
}

/// Resident memory of the server in kilobytes.
fn memory(shop: &Shop) -> u64 {
    status_kib(shop.server.pid(), "VmRSS")
}

/// A connection on which a test writes what it likes.
pub(crate) struct Raw(TcpStream);

/// An answer as it came over the wire.
#[derive(Debug)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) head: String,
    pub(crate) body: Value,
}

impl Raw {
    pub(crate) async fn connect(shop: &rustok_test_app::Shop<impl Server>) -> Self {
        let address = shop.server.url().strip_prefix("http://").unwrap();
        Self(TcpStream::connect(address).await.unwrap())
    }

    /// The head of an order with a body of this length.
    pub(crate) async fn order(shop: &rustok_test_app::Shop<impl Server>, length: usize) -> Self {
        let mut raw = Self::connect(shop).await;
        raw.send(&format!(
            "POST /api/store/v1/orders HTTP/1.1\r\nhost: shop1.localhost\r\ncontent-type: application/json\r\n\
             content-length: {length}\r\n\r\n"
        ))
        .await;
        raw
    }

    /// The head of a file to import with a body of this length.
    pub(crate) async fn import(shop: &rustok_test_app::Shop<impl Server>, length: usize) -> Self {
        let mut raw = Self::connect(shop).await;
        raw.send(&format!(
            "POST /api/admin/v1/imports HTTP/1.1\r\nhost: shop1.localhost\r\nauthorization: Bearer {}\r\n\
             content-type: multipart/form-data; boundary=x\r\ncontent-length: {length}\r\n\r\n",
            shop.token
        ))
        .await;
        raw
    }

    pub(crate) async fn send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.unwrap();
    }

    /// As [`Self::send`] to a server that may be gone.
    pub(crate) async fn try_send(&mut self, text: &str) {
        self.0.write_all(text.as_bytes()).await.ok();
    }

    /// Reads one answer; `None` when the connection ended without one.
    pub(crate) async fn answer(&mut self) -> Option<Answer> {
        let mut read = Vec::new();
        loop {
            let text = String::from_utf8_lossy(&read).into_owned();
            if let Some((head, body)) = text.split_once("\r\n\r\n") {
                let head = head.to_ascii_lowercase();
                let length = head
                    .lines()
                    .find_map(|line| line.strip_prefix("content-length: "))
                    .map_or(0, |length| length.parse().unwrap());
                if body.len() >= length {
                    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
                    let body = serde_json::from_str(body).unwrap_or(Value::Null);
                    return Some(Answer { status, head, body });
                }
            }
            match tokio::time::timeout(Duration::from_secs(60), self.0.read_buf(&mut read)).await {
                Ok(Ok(0) | Err(_)) => return None,
                Ok(Ok(_)) => {}
                Err(_) => panic!("no answer: {text}"),
            }
        }
    }
}
