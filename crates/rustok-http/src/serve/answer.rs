//! A response body on its way to the socket: it is counted until its last byte is written.
//!
//! The HTTP library takes chunks of a body and keeps them until the system accepts them; over HTTP/2 the client
//! controls that. So each chunk carries its part of the budget, and releases it on drop.

use crate::limits::bytes::{Held, Share};
use axum::body::Body;
use bytes::Bytes;
use hyper::body::{Body as HttpBody, Frame, SizeHint};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::task::{Context, Poll, ready};

/// Size of the chunks handed on, in bytes: the least that a client must read within [`super::connection::STALL`].
const PIECE: usize = 16 << 10;

/// Counts the requests of a connection: those in flight, and all so far.
#[derive(Debug, Clone, Default)]
pub(super) struct ResponsesInFlight(Arc<Counts>);

#[derive(Debug, Default)]
struct Counts {
    in_flight: AtomicUsize,
    begun: AtomicUsize,
}

/// A request in flight: its response is not completely sent.
#[derive(Debug)]
pub(super) struct Request(Arc<Counts>);

impl ResponsesInFlight {
    pub(super) fn begin(&self) -> Request {
        self.0.in_flight.fetch_add(1, Ordering::Relaxed);
        self.0.begun.fetch_add(1, Ordering::Relaxed);
        Request(Arc::clone(&self.0))
    }

    pub(super) fn is_none(&self) -> bool {
        self.0.in_flight.load(Ordering::Relaxed) == 0
    }

    /// Number of requests so far. It reveals a request that came and went between two checks.
    pub(super) fn begun(&self) -> usize {
        self.0.begun.load(Ordering::Relaxed)
    }
}

impl Drop for Request {
    fn drop(&mut self) {
        self.0.in_flight.fetch_sub(1, Ordering::Relaxed);
    }
}

/// The body of a response.
pub(super) struct CountedBody {
    inner: Body,
    /// Data that was read from `inner` and not handed on yet.
    rest: Bytes,
    held: Held,
    _request: Request,
}

impl CountedBody {
    pub(super) fn new(inner: Body, share: &Arc<Share>, request: Request) -> Self {
        // A body of unknown length is counted as it arrives.
        let bytes = inner.size_hint().exact().unwrap_or_default();
        Self {
            inner,
            rest: Bytes::new(),
            held: share.hold(usize::try_from(bytes).unwrap_or(usize::MAX)),
            _request: request,
        }
    }
}

impl HttpBody for CountedBody {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        let this = &mut *self;
        if this.rest.is_empty() {
            let sized = this.inner.size_hint().exact().is_some();
            match ready!(Pin::new(&mut this.inner).poll_frame(cx)).transpose()? {
                None => return Poll::Ready(None),
                Some(frame) => match frame.into_data() {
                    Ok(data) => {
                        if !sized {
                            this.held.add(data.len());
                        }
                        this.rest = data;
                    }
                    Err(trailers) => return Poll::Ready(Some(Ok(trailers))),
                },
            }
        }
        let bytes = this.rest.split_to(PIECE.min(this.rest.len()));
        let held = this.held.split(bytes.len());
        let piece = Bytes::from_owner(Piece { bytes, _held: held });
        Poll::Ready(Some(Ok(Frame::data(piece))))
    }

    fn is_end_stream(&self) -> bool {
        self.rest.is_empty() && self.inner.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        let mut hint = self.inner.size_hint();
        let rest = u64::try_from(self.rest.len()).unwrap_or(u64::MAX);
        match hint.exact() {
            Some(inner) => hint.set_exact(inner + rest),
            None => hint.set_lower(hint.lower() + rest),
        }
        hint
    }
}

struct Piece {
    bytes: Bytes,
    _held: Held,
}

impl AsRef<[u8]> for Piece {
    fn as_ref(&self) -> &[u8] {
        &self.bytes
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::settings::HttpSettings;
    use futures_util::FutureExt as _;
    use http_body_util::BodyExt as _;

    #[test]
    fn a_body_is_counted_until_its_last_piece_is_dropped() {
        let limits = Limits::new(&HttpSettings::default());
        let share = limits.answers.share();
        let in_flight = ResponsesInFlight::default();
        let whole: Vec<u8> = (0..=255).cycle().take(3 * PIECE + 7).collect();
        let mut body = CountedBody::new(Body::from(whole.clone()), &share, in_flight.begin());
        assert_eq!(body.size_hint().exact(), Some(whole.len() as u64));
        let mut pieces = Vec::new();
        while let Some(frame) = body.frame().now_or_never().unwrap() {
            pieces.push(frame.unwrap().into_data().unwrap());
        }
        assert!(body.is_end_stream());
        assert_eq!(
            pieces.iter().map(Bytes::len).collect::<Vec<_>>(),
            [PIECE, PIECE, PIECE, 7]
        );
        assert_eq!(pieces.concat(), whole);
        drop(body);
        assert_eq!(share.held(), whole.len());
        pieces.truncate(1);
        assert_eq!(share.held(), PIECE);
        assert!(in_flight.is_none());
        pieces.clear();
        assert_eq!((share.held(), share.released()), (0, whole.len() as u64));
    }

    #[test]
    fn an_answer_that_nobody_takes_is_released_with_its_connection() {
        let limits = Limits::new(&HttpSettings::default());
        let share = limits.answers.share();
        let in_flight = ResponsesInFlight::default();
        let body = CountedBody::new(Body::from("never read"), &share, in_flight.begin());
        assert!(!in_flight.is_none() && share.held() == 10);
        drop(body);
        assert!(in_flight.is_none() && share.held() == 0);
        assert!(CountedBody::new(Body::empty(), &share, in_flight.begin()).is_end_stream());
    }
}
