//! Receiving the body of a request, before a place is taken for it.
//!
//! A body is held in memory that all connections share, and its sender must be as fast as the limits want: so neither
//! many slow senders nor a few greedy ones keep anybody else from being served.

use crate::config::Config;
use crate::extract::command::{body_too_large, not_received, too_slow};
use crate::imports;
use crate::limits::bytes::Held;
use crate::limits::{Shares, overloaded};
use axum::body::{Body, HttpBody as _};
use axum::extract::Request;
use bytes::Bytes;
use http_body_util::BodyExt as _;
use rustok_core::error::RichError;
use std::time::Duration;
use tokio::time::{Instant, timeout_at};

/// For how long a body may come as slowly as it likes.
const GRACE: Duration = Duration::from_secs(5);
/// How many bytes a second must have come on average after that.
const LEAST_RATE: usize = 1_000;

/// The request with its whole body, and what that takes of the memory for bodies. A file to import stays as it is, to be
/// received piece by piece; and so does what is too large by its own account, to be refused unread.
///
/// # Errors
/// `body_too_slow`, `body_too_large`, `body_not_received`, and `overloaded` when there is no room for it.
pub(super) async fn receive(
    config: &Config,
    shares: Option<&Shares>,
    request: Request,
) -> Result<(Request, Option<Held>), RichError> {
    let announced = request.body().size_hint().lower();
    let most = config.max_body_bytes;
    let too_large = usize::try_from(announced).is_ok_and(|bytes| bytes > most);
    if request.body().is_end_stream() || too_large || imports::is_upload(&request) {
        return Ok((request, None));
    }
    let (parts, mut body) = request.into_parts();
    let begun = Instant::now();
    let longest = config.body_timeout().min(config.request_timeout());
    let mut held = shares.map(|shares| shares.bodies.hold(0));
    let mut received = Received::default();
    loop {
        let frame = timeout_at(begun + patience(received.bytes).min(longest), body.frame());
        let Some(frame) = frame.await.map_err(|_| too_slow())? else {
            break;
        };
        // Trailers say nothing here.
        let Ok(data) = frame.map_err(|error| not_received(&error))?.into_data() else {
            continue;
        };
        if received.bytes + data.len() > most {
            return Err(body_too_large(most));
        }
        if shares.is_some_and(|shares| !shares.bodies.has_room(data.len())) {
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
    Ok((Request::from_parts(parts, Body::from(received.whole())), held))
}

/// How long may have passed when so much has come.
fn patience(received: usize) -> Duration {
    let millis = received.saturating_mul(1_000) / LEAST_RATE;
    GRACE + Duration::from_millis(u64::try_from(millis).unwrap_or(u64::MAX))
}

/// What has come. Nearly always it is one piece, which is not copied; more are copied into segments, so that no piece
/// keeps the buffer alive that it was read into, and none of what is kept is moved while it grows.
#[derive(Default)]
struct Received {
    first: Bytes,
    segments: Vec<Vec<u8>>,
    bytes: usize,
}

/// How large a segment is.
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
        // Each segment is freed when it has been copied.
        for segment in self.segments {
            whole.extend_from_slice(&segment);
        }
        Bytes::from(whole)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use futures_util::stream::{self, StreamExt as _};
    use std::io;

    async fn received(body: Body) -> Result<(usize, usize), (u16, String)> {
        received_within(16 << 20, body).await
    }

    async fn received_within(max_received_bytes: usize, body: Body) -> Result<(usize, usize), (u16, String)> {
        let config = Config {
            body_timeout_ms: 60_000,
            request_timeout_ms: 60_000,
            max_body_bytes: 100_000,
            max_received_bytes,
            ..Config::default()
        };
        let limits = Limits::new(&config);
        let shares = limits.shares();
        let request = receive(&config, Some(&shares), Request::new(body)).await;
        let (request, held) = request.map_err(|error| (error.status(), error.code().to_owned()))?;
        let bytes = request.into_body().collect().await.unwrap().to_bytes().len();
        let counted = shares.bodies.held();
        drop(held);
        assert_eq!(limits.bodies.held(), 0);
        Ok((bytes, counted))
    }

    /// `pieces` pieces of `bytes` bytes, one every so often.
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
        // An eighth of the memory is one connection's.
        let overloaded = Err((503, "overloaded".to_owned()));
        let body = dribbling(60, 1_000, Duration::ZERO);
        assert_eq!(received_within(400_000, body).await, overloaded);
        // Said so by itself, it is refused where it would be read.
        assert_eq!(received(Body::from(vec![0; 100_001])).await, Ok((100_001, 0)));
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
