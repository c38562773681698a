//! Breaker, retry and timeout as layers of tower. Needs the feature `tower`.
//!
//! The order that works is retry, then timeout, then breaker, from the outside to the inside; a `ServiceBuilder` lists
//! its layers in this order:
//!
//! ```
//! use rustok_core::resilience::tower::{BreakerLayer, RetryLayer, TimeoutError, TimeoutLayer};
//! use rustok_core::resilience::{CircuitBreaker, CircuitBreakerConfig, RetryDecision, RetryPolicy};
//! use std::time::Duration;
//! use tower::{Service as _, ServiceBuilder, ServiceExt as _};
//!
//! # tokio::runtime::Builder::new_current_thread().enable_time().build().unwrap().block_on(async {
//! let breaker = CircuitBreaker::new("search", CircuitBreakerConfig::default());
//! let retry = RetryPolicy::exponential(Duration::from_millis(20));
//! let mut search = ServiceBuilder::new()
//!     .layer(RetryLayer::new(retry, |error: &TimeoutError<_>| match error {
//!         TimeoutError::Elapsed(_) => RetryDecision::Transient(None),
//!         TimeoutError::Inner(_) => RetryDecision::Stop,
//!     }))
//!     .layer(TimeoutLayer::new(Duration::from_secs(2)))
//!     .layer(BreakerLayer::new(breaker))
//!     .service_fn(|query: &'static str| async move { Ok::<_, std::io::Error>(query.len()) });
//! assert_eq!(search.ready().await.unwrap().call("tea").await.unwrap(), 3);
//! # });
//! ```
//!
//! Each call boxes its future once. The inner service is cloned for each call, as is usual in tower.

use super::circuit_breaker::{CircuitBreaker, CircuitBreakerError};
use super::retry::{RetryDecision, RetryError, RetryPolicy};
use super::timeout::with_timeout;
use crate::deadline::Deadline;
use crate::outcome::BreakerOutcome;
use std::future::poll_fn;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use thiserror::Error;
use tower_layer::Layer;
use tower_service::Service;

/// The future of a call through one of these layers.
pub type ResponseFuture<T, E> = Pin<Box<dyn Future<Output = Result<T, E>> + Send>>;

/// The ready service, and in its place a clone that is not.
fn take_ready<S: Clone>(service: &mut S) -> S {
    let clone = service.clone();
    std::mem::replace(service, clone)
}

/// Calls a service through a circuit breaker.
#[derive(Debug, Clone)]
pub struct BreakerLayer<C> {
    breaker: CircuitBreaker,
    classify: C,
}

impl<E> BreakerLayer<fn(&E) -> BreakerOutcome> {
    /// Every error is a failure.
    #[must_use]
    pub fn new(breaker: CircuitBreaker) -> Self {
        Self::classified(breaker, |_| BreakerOutcome::Failure)
    }
}

impl<C> BreakerLayer<C> {
    /// `classify` decides what an error is; see [`CircuitBreaker::classify`].
    #[must_use]
    pub const fn classified(breaker: CircuitBreaker, classify: C) -> Self {
        Self { breaker, classify }
    }
}

impl<S, C: Clone> Layer<S> for BreakerLayer<C> {
    type Service = BreakerService<S, C>;

    fn layer(&self, inner: S) -> Self::Service {
        BreakerService {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service of a [`BreakerLayer`]. An error of readiness is passed on and not counted.
#[derive(Debug, Clone)]
pub struct BreakerService<S, C> {
    inner: S,
    layer: BreakerLayer<C>,
}

impl<S, C, Request> Service<Request> for BreakerService<S, C>
where
    S: Service<Request> + Clone + Send + 'static,
    S::Future: Send,
    S::Response: Send,
    S::Error: Send,
    C: Fn(&S::Error) -> BreakerOutcome + Clone + Send + 'static,
    Request: Send + 'static,
{
    type Response = S::Response;
    type Error = CircuitBreakerError<S::Error>;
    type Future = ResponseFuture<S::Response, Self::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(CircuitBreakerError::Inner)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let mut inner = take_ready(&mut self.inner);
        let BreakerLayer { breaker, classify } = self.layer.clone();
        Box::pin(async move { breaker.classify(classify).call(|| inner.call(request)).await })
    }
}

/// Bounds each call; see [`with_timeout`].
#[derive(Debug, Clone, Copy)]
pub struct TimeoutLayer {
    limit: Duration,
}

impl TimeoutLayer {
    /// At most `limit` for each call.
    #[must_use]
    pub const fn new(limit: Duration) -> Self {
        Self { limit }
    }
}

impl<S> Layer<S> for TimeoutLayer {
    type Service = TimeoutService<S>;

    fn layer(&self, inner: S) -> Self::Service {
        TimeoutService {
            inner,
            limit: self.limit,
        }
    }
}

/// The service of a [`TimeoutLayer`]. Readiness is not bounded.
#[derive(Debug, Clone)]
pub struct TimeoutService<S> {
    inner: S,
    limit: Duration,
}

/// The error of a call with a time limit.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum TimeoutError<E> {
    /// No answer in time; the call was dropped.
    #[error(transparent)]
    Elapsed(super::TimeoutError),
    /// The call failed in time.
    #[error(transparent)]
    Inner(E),
}

impl<S, Request> Service<Request> for TimeoutService<S>
where
    S: Service<Request> + Clone + Send + 'static,
    S::Future: Send,
    S::Response: Send,
    S::Error: Send,
    Request: Send + 'static,
{
    type Response = S::Response;
    type Error = TimeoutError<S::Error>;
    type Future = ResponseFuture<S::Response, Self::Error>;

    fn poll_ready(&mut self, cx: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        self.inner.poll_ready(cx).map_err(TimeoutError::Inner)
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let mut inner = take_ready(&mut self.inner);
        let limit = self.limit;
        Box::pin(async move {
            match with_timeout(limit, || inner.call(request)).await {
                Ok(result) => result.map_err(TimeoutError::Inner),
                Err(elapsed) => Err(TimeoutError::Elapsed(elapsed)),
            }
        })
    }
}

/// Repeats calls that fail; see [`RetryPolicy`]. Only for requests that may take effect twice.
#[derive(Debug, Clone)]
pub struct RetryLayer<D> {
    policy: RetryPolicy,
    decide: D,
}

impl<D> RetryLayer<D> {
    /// `decide` says of an error whether the call is repeated. All attempts and pauses end by the deadline of an
    /// enclosing timeout.
    #[must_use]
    pub const fn new(policy: RetryPolicy, decide: D) -> Self {
        Self { policy, decide }
    }
}

impl<S, D: Clone> Layer<S> for RetryLayer<D> {
    type Service = RetryService<S, D>;

    fn layer(&self, inner: S) -> Self::Service {
        RetryService {
            inner,
            layer: self.clone(),
        }
    }
}

/// The service of a [`RetryLayer`]. It waits before each attempt until the inner service is ready.
#[derive(Debug, Clone)]
pub struct RetryService<S, D> {
    inner: S,
    layer: RetryLayer<D>,
}

impl<S, D, Request> Service<Request> for RetryService<S, D>
where
    S: Service<Request> + Clone + Send + Sync + 'static,
    S::Future: Send,
    S::Response: Send,
    S::Error: Send,
    D: Fn(&S::Error) -> RetryDecision + Clone + Send + Sync + 'static,
    Request: Clone + Send + Sync + 'static,
{
    type Response = S::Response;
    type Error = RetryError<S::Error>;
    type Future = ResponseFuture<S::Response, Self::Error>;

    /// Always ready: what an attempt waits for belongs to it.
    fn poll_ready(&mut self, _: &mut Context<'_>) -> Poll<Result<(), Self::Error>> {
        Poll::Ready(Ok(()))
    }

    fn call(&mut self, request: Request) -> Self::Future {
        let inner = self.inner.clone();
        let RetryLayer { policy, decide } = self.layer.clone();
        Box::pin(async move {
            let attempt = |_| {
                let (mut inner, request) = (inner.clone(), request.clone());
                async move {
                    poll_fn(|cx| inner.poll_ready(cx)).await?;
                    inner.call(request).await
                }
            };
            policy.run(Deadline::never(), decide, attempt).await
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::resilience::{CircuitBreakerConfig, CircuitState};
    use std::sync::Arc;
    use std::sync::atomic::{AtomicU32, Ordering};
    use tower::{ServiceBuilder, ServiceExt as _, service_fn};

    const SECOND: Duration = Duration::from_secs(1);

    fn breaker() -> CircuitBreaker {
        let config = CircuitBreakerConfig {
            failure_threshold: 2,
            ..CircuitBreakerConfig::default()
        };
        CircuitBreaker::new("x", config)
    }

    #[tokio::test(start_paused = true)]
    async fn an_open_breaker_does_not_call_the_service() {
        let calls = Arc::new(AtomicU32::new(0));
        let counted = calls.clone();
        let mut service = ServiceBuilder::new()
            .layer(BreakerLayer::new(breaker()))
            .service(service_fn(move |()| {
                counted.fetch_add(1, Ordering::Relaxed);
                async { Err::<(), _>("down") }
            }));
        for _ in 0..2 {
            let failed = service.ready().await.unwrap().call(()).await;
            assert_eq!(failed, Err(CircuitBreakerError::Inner("down")));
        }
        assert!(
            service
                .ready()
                .await
                .unwrap()
                .call(())
                .await
                .unwrap_err()
                .is_rejected()
        );
        assert_eq!(calls.load(Ordering::Relaxed), 2);
    }

    #[tokio::test(start_paused = true)]
    async fn the_classifier_of_the_layer_decides() {
        let breaker = breaker();
        let layer = BreakerLayer::classified(breaker.clone(), |_: &&str| BreakerOutcome::Success);
        let mut service = layer.layer(service_fn(|()| async { Err::<(), _>("not found") }));
        for _ in 0..9 {
            assert!(service.ready().await.unwrap().call(()).await.is_err());
        }
        assert_eq!(breaker.state(), CircuitState::Closed);
    }

    #[tokio::test(start_paused = true)]
    async fn a_timeout_inside_a_retry_is_a_failure_of_the_breaker_each_time() {
        let breaker = breaker();
        let policy = RetryPolicy::fixed(SECOND).max_attempts(2).without_jitter();
        let mut service = ServiceBuilder::new()
            .layer(RetryLayer::new(policy, |error: &TimeoutError<_>| match error {
                TimeoutError::Elapsed(_) => RetryDecision::Transient(None),
                TimeoutError::Inner(_) => RetryDecision::Stop,
            }))
            .layer(TimeoutLayer::new(SECOND))
            .layer(BreakerLayer::new(breaker.clone()))
            .service(service_fn(|()| std::future::pending::<Result<(), &str>>()));
        let error = service.ready().await.unwrap().call(()).await.unwrap_err();
        assert_eq!(error.attempts(), 2);
        assert_eq!(
            (breaker.metrics().timeouts, breaker.state()),
            (2, CircuitState::Open)
        );
    }
}
