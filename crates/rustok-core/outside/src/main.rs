//! The circuit breaker as another team uses it: without errors, ids and money of a shop.

use rustok_core::resilience::tower::{BreakerLayer, TimeoutLayer};
use rustok_core::resilience::{CircuitBreaker, CircuitBreakerConfig, CircuitBreakerError};
use std::time::Duration;
use tower::{Service as _, ServiceBuilder, ServiceExt as _};

fn main() {
    let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build();
    runtime.expect("a runtime").block_on(async {
        let breaker = CircuitBreaker::new("database", CircuitBreakerConfig {
            failure_threshold: 2,
            success_threshold: 1,
            timeout: Duration::from_secs(60),
        });
        let mut service = ServiceBuilder::new()
            .layer(TimeoutLayer::new(Duration::from_secs(1)))
            .layer(BreakerLayer::new(breaker.clone()))
            .service_fn(|()| std::future::pending::<Result<(), std::io::Error>>());
        for _ in 0..2 {
            service.ready().await.expect("ready").call(()).await.expect_err("no answer in time");
        }
        assert_eq!(breaker.metrics().timeouts, 2);

        // tokio's clock is paused, and moved past the open time. The breaker has a clock of its own.
        tokio::time::advance(Duration::from_secs(3600)).await;
        let rejected = breaker.call(|| async { Ok::<(), ()>(()) }).await;
        assert!(matches!(rejected, Err(CircuitBreakerError::Rejected { .. })), "it followed tokio's clock");
    });
    println!("the packaged files of rustok-core work outside of their workspace");
}
