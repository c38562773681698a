//! The background task that exports queued spans, without delaying requests.

use super::otlp;
use super::queue::{BATCH, Queue, spans_of};
use super::sink::{Sink, Undelivered};
use rustok_core::deadline::Deadline;
use rustok_core::resilience::{RetryDecision, RetryPolicy};
use std::sync::Arc;
use std::time::Duration;
use tokio::sync::Mutex;
use tokio::time::timeout;

/// How long the first span of a batch waits for more.
const GATHER: Duration = Duration::from_millis(500);
/// How often a batch is sent before it is dropped.
const ATTEMPTS: u32 = 5;
/// The longest pause before the second attempt, doubled each time. Full jitter halves it on average.
const PAUSE: Duration = Duration::from_secs(1);
/// The longest pause, even if the collector asks for more.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Exports until the queue is closed and empty.
pub(super) async fn run(queue: Arc<Queue>, sink: Sink, resource: Vec<u8>) {
    let retry = RetryPolicy::exponential(PAUSE)
        .cap(MAX_PAUSE)
        .max_attempts(ATTEMPTS);
    let sink = Mutex::new(sink);
    let mut away = false;
    loop {
        // Read before the length: spans queued before the close are then seen by the length check below.
        let closing = queue.is_closing();
        if queue.len() == 0 {
            if closing {
                return;
            }
            queue.woken().await;
        }
        if queue.len() < BATCH && !queue.is_closing() {
            // Woken again by a full batch or by the close.
            let _ = timeout(GATHER, queue.woken()).await;
        }
        let batch = queue.take();
        if batch.is_empty() {
            continue;
        }
        let spans = spans_of(&batch);
        let message = otlp::request(&resource, &batch);
        drop(batch);
        match deliver(&queue, &sink, &retry, &message).await {
            Ok(rejected) => {
                let rejected = rejected.min(spans);
                queue.count_exported(spans - rejected);
                queue.count_lost(rejected);
                if std::mem::take(&mut away) {
                    tracing::info!("the collector of traces takes spans again");
                }
            }
            Err(Undelivered::Later(reason, _) | Undelivered::Refused(reason)) => {
                queue.count_lost(spans);
                if !std::mem::replace(&mut away, true) {
                    tracing::warn!(
                        reason,
                        "the collector of traces does not take spans; they are lost"
                    );
                }
            }
        }
    }
}

/// Sends a message, again after a pause if the collector may take it later. During shutdown there is no time to wait for
/// an unreachable collector: a pause ends, and there is one more attempt.
async fn deliver(
    queue: &Queue,
    sink: &Mutex<Sink>,
    retry: &RetryPolicy,
    message: &[u8],
) -> Result<u64, Undelivered> {
    let attempt = async || sink.lock().await.send(message).await;
    tokio::select! {
        biased;
        sent = retry.run(Deadline::never(), decide, |_| attempt()) => sent.map_err(|error| {
            error.into_inner().unwrap_or_else(|| Undelivered::Refused("no attempt was made".to_owned()))
        }),
        // An attempt that has begun is not cut off: it holds the sink.
        mut sink = async { queue.closed().await; sink.lock().await } => sink.send(message).await,
    }
}

fn decide(error: &Undelivered) -> RetryDecision {
    match error {
        Undelivered::Later(_, asked) => RetryDecision::Transient(asked.map(|asked| asked.min(MAX_PAUSE))),
        Undelivered::Refused(_) => RetryDecision::Stop,
    }
}
