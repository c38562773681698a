//! Receives the body of a request before the request takes a permit.
//!
//! All connections share the memory for bodies, and a client must keep a minimum rate: neither many slow senders nor
//! a few greedy ones block other clients.

use crate::extract::body::{body_too_large, not_received, too_slow};
use crate::limits::bytes::Held;
use crate::limits::networks::NetworkBytes;
use crate::limits::{Limits, Shares, overloaded};
use crate::settings::HttpSettings;
use crate::surface::Surface;
use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use rustok_core::error::RichError;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// How long a body may arrive at any rate.
const GRACE: Duration = Duration::from_secs(5);
/// Minimum average rate after that, in bytes per second.
const LEAST_RATE: usize = 1_000;

/// The body's share of the budget; released on drop.
#[derive(Debug)]
pub(super) struct HeldBody {
    _of_connection: Option<Held>,
    _of_network: Option<NetworkBytes>,
}

/// Returns the request with its whole body in memory, and the body's share of the budget. A file stays unread, to be
/// received in chunks; so does a body whose announced length is too large, to be refused without reading it.
///
/// # Errors
/// `body_too_slow`, `body_too_large`, `body_not_received`, and `overloaded` when the budget has no room.
pub(super) async fn receive(
    settings: &HttpSettings,
    limits: &Limits,
    shares: Option<&Shares>,
    request: Request,
) -> Result<(Request, Option<HeldBody>), RichError> {
    let announced = request.body().size_hint().lower();
    let most = settings.max_body_bytes;
    let too_large = usize::try_from(announced).is_ok_and(|bytes| bytes > most);
    if request.body().is_end_stream() || too_large || Surface::of(&request).takes_file() {
        return Ok((request, None));
    }
    let mut of_network = limits.count_body(settings, &request);
    let (parts, mut body) = request.into_parts();
    let begun = Instant::now();
    let longest = settings.body_timeout.min(settings.request_timeout);
    let mut held = shares.map(|shares| shares.bodies.hold(0));
    let mut received = Received::default();
    loop {
        let frame = timeout_at(begun + patience(received.bytes).min(longest), body.frame());
        let Some(frame) = frame.await.map_err(|_| too_slow())? else {
            break;
        };
        // Trailers are ignored.
        let Ok(data) = frame.map_err(|error| not_received(&error))?.into_data() else {
            continue;
        };
        if received.bytes + data.len() > most {
            return Err(body_too_large(most));
        }
        let network_is_full = |bytes: &mut NetworkBytes| !bytes.add(data.len(), &limits.bodies);
        if shares.is_some_and(|shares| !shares.bodies.has_room(data.len()))
            || of_network.as_mut().is_some_and(network_is_full)
        {
            return Err(overloaded(
                "no room for a body",
                "The server is receiving as much as it can take. Nothing was changed; come back later.",
            ));
        }
        if let Some(held) = &mut held {
            held.add(data.len());
        }
        received.add(data);
    }
    let held = HeldBody {
        _of_connection: held,
        _of_network: of_network,
    };
    Ok((
        Request::from_parts(parts, Body::from(received.whole())),
        Some(held),
    ))
}

/// How long it may take to receive this many bytes.
fn patience(received: usize) -> Duration {
    let millis = received.saturating_mul(1_000) / LEAST_RATE;
    GRACE + Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// The data received so far. Nearly always it is one chunk, which is not copied. Several chunks are copied into
/// segments, so that none of them keeps its read buffer alive, and kept data is not moved while the body grows.
#[derive(Default)]
struct Received {
    first: Bytes,
    segments: Vec<Vec<u8>>,
    bytes: usize,
}

/// Size of a segment, in bytes.
const SEGMENT: usize = 16 << 10;

impl Received {
    fn add(&mut self, data: Bytes) {
        self.bytes += data.len();
        if self.bytes == data.len() {
            self.first = data;
            return;
        }
        let first = std::mem::take(&mut self.first);
        self.copy(&first);
        self.copy(&data);
    }

    fn copy(&mut self, mut data: &[u8]) {
        while !data.is_empty() {
            match self.segments.last_mut().filter(|segment| segment.len() < SEGMENT) {
                Some(segment) => {
                    let (now, later) = data.split_at(data.len().min(SEGMENT - segment.len()));
                    segment.extend_from_slice(now);
                    data = later;
                }
                None => self.segments.push(Vec::with_capacity(SEGMENT)),
            }
        }
    }

    fn whole(self) -> Bytes {
        if self.segments.is_empty() {
            return self.first;
        }
        let mut whole = Vec::with_capacity(self.bytes);
        // Each segment is freed once it is copied.
        for segment in self.segments {
            whole.extend_from_slice(&segment);
        }
        Bytes::from(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use axum::extract::ConnectInfo;
    use futures_util::stream::{self, StreamExt as _};
    use std::io;

    async fn received(body: Body) -> Result<(usize, usize), (u16, String)> {
        received_within(16 << 20, body).await
    }

    async fn received_within(max_received_bytes: usize, body: Body) -> Result<(usize, usize), (u16, String)> {
        let settings = HttpSettings {
            body_timeout: Duration::from_secs(60),
            request_timeout: Duration::from_secs(60),
            max_body_bytes: 100_000,
            max_received_bytes,
            ..HttpSettings::default()
        };
        let limits = Limits::new(&settings);
        let shares = limits.shares();
        let request = receive(&settings, &limits, Some(&shares), Request::new(body)).await;
        let (request, held) = request.map_err(|error| (error.status(), error.code().to_owned()))?;
        let bytes = request.into_body().collect().await.unwrap().to_bytes().len();
        let counted = shares.bodies.held();
        drop(held);
        assert_eq!(limits.bodies.held(), 0);
        Ok((bytes, counted))
    }

    /// `pieces` chunks of `bytes` bytes, one per interval `every`.
    fn dribbling(pieces: usize, bytes: usize, every: Duration) -> Body {
        let pieces = stream::iter(0..pieces).then(move |_| async move {
            tokio::time::sleep(every).await;
            Ok::<_, io::Error>(Bytes::from(vec![b'x'; bytes]))
        });
        Body::from_stream(pieces)
    }

    #[tokio::test(start_paused = true)]
    async fn a_body_is_counted_until_its_request_ends() {
        assert_eq!(received(Body::empty()).await, Ok((0, 0)));
        assert_eq!(received(Body::from("abc")).await, Ok((3, 3)));
        let pieces = dribbling(20, 1_000, Duration::from_millis(1));
        assert_eq!(received(pieces).await, Ok((20_000, 20_000)));
    }

    #[tokio::test(start_paused = true)]
    async fn what_is_too_much_is_refused() {
        let too_large = Err((413, "body_too_large".to_owned()));
        assert_eq!(received(dribbling(101, 1_000, Duration::ZERO)).await, too_large);
        // One connection may hold an eighth of the memory.
        let overloaded = Err((503, "overloaded".to_owned()));
        let body = dribbling(60, 1_000, Duration::ZERO);
        assert_eq!(received_within(400_000, body).await, overloaded);
        // With an announced length it is left unread, and refused where it would be read.
        assert_eq!(received(Body::from(vec![0; 100_001])).await, Ok((100_001, 0)));
    }

    #[tokio::test(start_paused = true)]
    async fn the_connections_of_one_network_share_a_part() {
        let settings = HttpSettings {
            max_body_bytes: 30_000,
            max_received_bytes: 240_000,
            ..HttpSettings::default()
        };
        let limits = Limits::new(&settings);
        let ask = async |peer: &str| {
            let mut request = Request::new(Body::from(vec![0; 20_000]));
            let peer: std::net::SocketAddr = peer.parse().unwrap();
            request.extensions_mut().insert(ConnectInfo(peer));
            let answer = receive(&settings, &limits, Some(&limits.shares()), request).await;
            answer.map_err(|error| error.code().to_owned())
        };
        let held: Vec<_> = [
            ask("203.0.113.7:1").await,
            ask("203.0.113.7:2").await,
            ask("203.0.113.7:3").await,
        ]
        .into_iter()
        .collect::<Result<_, _>>()
        .unwrap();
        assert_eq!(ask("203.0.113.7:4").await.err().unwrap(), "overloaded");
        assert!(ask("203.0.113.8:1").await.is_ok());
        // Of an IPv6 subscriber all addresses are one network; this machine has no limit.
        let v6 = [
            ask("[2001:db8::1]:1").await,
            ask("[2001:db8::2]:1").await,
            ask("[2001:db8::3]:1").await,
        ];
        assert!(v6.iter().all(Result::is_ok));
        assert_eq!(ask("[2001:db8::4]:1").await.err().unwrap(), "overloaded");
        assert!(ask("[2001:db8:0:1::4]:1").await.is_ok());
        for _ in 0..4 {
            assert!(ask("127.0.0.1:1").await.is_ok());
        }
        drop((held, v6));
        assert!(ask("203.0.113.7:5").await.is_ok());
    }

    #[tokio::test(start_paused = true)]
    async fn who_sends_too_slowly_is_not_waited_for() {
        let too_slow = Err((408, "body_too_slow".to_owned()));
        let slow = Instant::now();
        assert_eq!(
            received(dribbling(1_000, 1, Duration::from_millis(100))).await,
            too_slow
        );
        assert!(slow.elapsed() < Duration::from_secs(6), "{:?}", slow.elapsed());
        let steady = dribbling(40, 1_100, Duration::from_secs(1));
        assert_eq!(received(steady).await, Ok((44_000, 44_000)));
        let all = dribbling(80, 1_100, Duration::from_secs(1));
        assert_eq!(received(all).await, too_slow, "a minute is the longest");
    }
}
