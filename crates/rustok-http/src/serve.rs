//! The listeners: accepting connections, limits on HTTP heads, and a graceful shutdown that never cuts off a request.
//!
//! A shutdown has two phases. While the server is *draining*, it works as before, but every HTTP/1 response asks its
//! client to close the connection. When it is *closing*, it accepts the connections in the backlog and then no more;
//! a connection without further requests ends a moment later. So a client that complies never has a connection closed
//! during a request.

mod answer;
mod connection;
pub mod descriptors;
mod own_thread;

pub use own_thread::serve_on_own_thread;

use crate::limits::Shares;
use crate::settings::HttpSettings;
use crate::state::HttpState;
use answer::CountedBody;
use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use connection::{Activity, End, Patience, Places};
use http::{HeaderValue, Request, Response, Version, header};
use hyper::body::Incoming;
use hyper_util::rt::{TokioExecutor, TokioIo, TokioTimer};
use hyper_util::server::conn::auto::Builder;
use hyper_util::service::TowerToHyperService;
use std::convert::Infallible;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::sync::atomic::Ordering;
use std::time::Duration;
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore};
use tokio_util::sync::CancellationToken;
use tower::ServiceExt as _;

/// How long a client may take to send the head of its first request. A later head may take as long as the connection
/// may be idle.
const HEADER_TIMEOUT: Duration = Duration::from_secs(10);
/// Pause after a failed accept, such as when the system has no more file descriptors.
const ACCEPT_PAUSE: Duration = Duration::from_millis(50);
/// How long a connection may be silent once the server is closing: a request may be in transit.
const LAST_SILENCE: Duration = Duration::from_millis(500);
/// How long an idle connection may take to close after it was asked to.
const LAST_WORD: Duration = Duration::from_secs(5);
/// Concurrent requests on one HTTP/2 connection.
const STREAMS: u32 = 32;
/// Interval of HTTP/2 pings to the client, and how long its answer may take.
const PING: Duration = Duration::from_secs(20);
const PONG: Duration = Duration::from_secs(10);

/// The two phases of a shutdown.
#[derive(Debug, Clone, Default)]
pub struct Shutdown {
    /// Once cancelled, clients are asked to close their connections.
    pub draining: CancellationToken,
    /// Once cancelled, no more connections are accepted.
    pub closing: CancellationToken,
}

/// Serves `router` on `listener`, with at most `most` concurrent connections, until the server is closing; then
/// finishes what is in flight within the configured time. Returns whether everything could be finished.
pub async fn serve(
    listener: TcpListener,
    router: Router,
    state: &HttpState,
    most: usize,
    shutdown: &Shutdown,
) -> bool {
    let server = Server::new(router, state, most, shutdown);
    let accepting = accept(&listener, &server);
    let _ = shutdown.closing.run_until_cancelled(accepting).await;
    accept_waiting(listener, &server);
    let ended = server
        .places
        .free
        .acquire_many(u32::try_from(server.places.all).unwrap_or(u32::MAX));
    let longest = state.settings().shutdown_timeout;
    tokio::time::timeout(longest, ended).await.is_ok()
}

/// Maximum number of permits: shutdown acquires all of them in one call.
const MOST_CONNECTIONS: usize = 1 << 20;

/// Accepts connections for ever, whenever a permit is free.
async fn accept(listener: &TcpListener, server: &Server) {
    while let Ok(place) = Arc::clone(&server.places.free).acquire_owned().await {
        match listener.accept().await {
            Ok((stream, peer)) => server.spawn(stream, peer, place),
            Err(error) => {
                tracing::warn!(%error, "cannot accept a connection");
                tokio::time::sleep(ACCEPT_PAUSE).await;
            }
        }
    }
}

/// Accepts the backlog: closing the listener would reset those connections.
fn accept_waiting(listener: TcpListener, server: &Server) {
    let Ok(listener) = listener.into_std() else { return };
    while let Ok(place) = Arc::clone(&server.places.free).try_acquire_owned()
        && let Ok((stream, peer)) = listener.accept()
    {
        let stream = stream
            .set_nonblocking(true)
            .and_then(|()| TcpStream::from_std(stream));
        if let Ok(stream) = stream {
            server.spawn(stream, peer, place);
        }
    }
}

/// What a connection needs to be served.
#[derive(Clone)]
struct Server {
    http: Builder<TokioExecutor>,
    router: Router,
    state: HttpState,
    places: Places,
    patience: Patience,
    shutdown: Shutdown,
}

impl Server {
    fn new(router: Router, state: &HttpState, most: usize, shutdown: &Shutdown) -> Self {
        let all = most.clamp(1, MOST_CONNECTIONS);
        let free = Arc::new(Semaphore::new(all));
        Self {
            http: http_server(state.settings()),
            router,
            state: state.clone(),
            places: Places { all, free },
            patience: Patience {
                first_request: HEADER_TIMEOUT,
                idle: state.settings().keep_alive,
            },
            shutdown: shutdown.clone(),
        }
    }

    /// Serves a connection, or closes it unserved when its address has too many.
    fn spawn(&self, stream: TcpStream, peer: SocketAddr, place: OwnedSemaphorePermit) {
        let limits = self.state.limits();
        let Some(counted) = limits.admit_connection(self.state.settings(), peer.ip()) else {
            return;
        };
        let shares = limits.shares();
        let server = self.clone();
        tokio::spawn(async move {
            // Small responses must not wait for an acknowledgement. If this fails they are only slower.
            let _ = stream.set_nodelay(true);
            server.connection(stream, peer, shares).await;
            drop((place, counted));
        });
    }

    async fn connection<S>(self, stream: S, peer: SocketAddr, shares: Shares)
    where
        S: AsyncRead + AsyncWrite + Unpin + Send + 'static,
    {
        let Self {
            http,
            router,
            places,
            patience,
            shutdown,
            ..
        } = self;
        let activity = Activity::new(Arc::clone(&shares.answers));
        let service = tower::service_fn({
            let (activity, draining) = (activity.clone(), shutdown.draining);
            move |mut request: Request<Incoming>| {
                activity.asked.store(true, Ordering::Relaxed);
                request.extensions_mut().insert(ConnectInfo(peer));
                request.extensions_mut().insert(shares.clone());
                answer(router.clone(), request, activity.clone(), draining.clone())
            }
        });
        let stream = TokioIo::new(stream);
        let mut connection = pin!(http.serve_connection(stream, TowerToHyperService::new(service)));
        tokio::select! {
            ended = connection.as_mut() => return log_end(peer, ended),
            end = activity.watch(&places, patience) => {
                if end == End::Idle {
                    connection.as_mut().graceful_shutdown();
                    let _ = tokio::time::timeout(LAST_WORD, connection).await;
                }
                return;
            }
            () = shutdown.closing.cancelled() => {}
        }
        tokio::select! {
            ended = connection.as_mut() => return log_end(peer, ended),
            () = tokio::time::sleep(LAST_SILENCE) => {}
        }
        connection.as_mut().graceful_shutdown();
        log_end(peer, connection.await);
    }
}

async fn answer(
    router: Router,
    request: Request<Incoming>,
    activity: Activity,
    draining: CancellationToken,
) -> Result<Response<CountedBody>, Infallible> {
    let in_flight = activity.in_flight.begin();
    // HTTP/2 has its own signal for this.
    let http1 = request.version() < Version::HTTP_2;
    let mut response = router.oneshot(request.map(Body::new)).await?;
    if http1 && draining.is_cancelled() {
        let close = HeaderValue::from_static("close");
        response.headers_mut().insert(header::CONNECTION, close);
    }
    Ok(response.map(|body| CountedBody::new(body, &activity.answers, in_flight)))
}

fn log_end<E: std::fmt::Display>(peer: SocketAddr, ended: Result<(), E>) {
    if let Err(error) = ended {
        tracing::debug!(%error, %peer, "connection ended");
    }
}

fn http_server(settings: &HttpSettings) -> Builder<TokioExecutor> {
    let mut server = Builder::new(TokioExecutor::new());
    // A head of less than twice the limit is read, so that it can be refused with a problem.
    let header_bytes = settings.max_header_bytes.saturating_mul(2).max(8 << 10);
    server
        .http1()
        .timer(TokioTimer::new())
        // The timer runs from the end of the previous response, so a shorter one would end idle connections too.
        .header_read_timeout(HEADER_TIMEOUT.max(settings.keep_alive + LAST_WORD))
        .max_buf_size(header_bytes);
    let http2_bytes = u32::try_from(header_bytes).unwrap_or(u32::MAX);
    server
        .http2()
        .timer(TokioTimer::new())
        .max_concurrent_streams(STREAMS)
        .keep_alive_interval(PING)
        .keep_alive_timeout(PONG)
        .max_header_list_size(http2_bytes);
    server
}

#[cfg(test)]
mod tests;
