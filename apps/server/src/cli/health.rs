//! `rustok health`: asks the server beside it whether it is ready, for who can run a program but speaks no HTTP, such as the
//! health check of a container. It opens no database.

use super::output::{Failure, line};
use super::{Flags, load};
use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

/// How long the answer may take.
const LIMIT: Duration = Duration::from_secs(2);
/// The most that is read of it, in bytes.
const MAX_ANSWER: u64 = 4 << 10;
const ASK: &[u8] = b"GET /readyz HTTP/1.1\r\nhost: localhost\r\nconnection: close\r\n\r\n";

pub(super) async fn run(flags: &Flags) -> Result<(), Failure> {
    let config = load(flags)?;
    let address = here(config.management_listen.0.unwrap_or(config.listen));
    let answer = tokio::time::timeout(LIMIT, ask(address)).await;
    let answer = answer
        .map_err(|_| Failure::new(format!("http://{address}/readyz did not answer in time")))?
        .map_err(|error| Failure::new(format!("http://{address}/readyz cannot be asked: {error}")))?;
    let (head, body) = answer.split_once("\r\n\r\n").unwrap_or((&answer, ""));
    if head.starts_with("HTTP/1.1 200 ") {
        return line(body);
    }
    let status = head.lines().next().unwrap_or_default();
    Err(Failure::new(format!("not ready: {status} {body}")))
}

/// What listens everywhere is asked on this machine.
fn here(mut address: SocketAddr) -> SocketAddr {
    if address.ip().is_unspecified() {
        address.set_ip(match address {
            SocketAddr::V4(_) => Ipv4Addr::LOCALHOST.into(),
            SocketAddr::V6(_) => Ipv6Addr::LOCALHOST.into(),
        });
    }
    address
}

async fn ask(address: SocketAddr) -> std::io::Result<String> {
    let mut stream = TcpStream::connect(address).await?;
    stream.write_all(ASK).await?;
    let mut answer = Vec::new();
    stream.take(MAX_ANSWER).read_to_end(&mut answer).await?;
    Ok(String::from_utf8_lossy(&answer).into_owned())
}
