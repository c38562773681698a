//! The background task that exports queued spans, without delaying requests.

use super::otlp;
use super::queue::{BATCH, Queue, spans_of};
use super::sink::{Sink, Undelivered};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long the first span of a batch waits for more.
const GATHER: Duration = Duration::from_millis(500);
/// How often a batch is retried before it is dropped.
const RETRIES: u32 = 4;
/// The pause before the first retry, doubled each time.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause, even if the collector asks for more.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Exports until the queue is closed and empty.
pub(super) async fn run(queue: Arc<Queue>, mut sink: Sink, resource: Vec<u8>) {
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
        match deliver(&queue, &mut sink, &message).await {
            Ok(rejected) => {
                let rejected = rejected.min(spans);
                queue.count_exported(spans - rejected);
                queue.count_lost(rejected);
                if std::mem::take(&mut away) {
                    tracing::info!("the collector of traces takes spans again");
                }
            }
            Err(reason) => {
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

async fn deliver(queue: &Queue, sink: &mut Sink, message: &[u8]) -> Result<u64, String> {
    let (mut tried, mut last) = (0, false);
    loop {
        let (reason, asked) = match sink.send(message).await {
            Ok(rejected) => return Ok(rejected),
            Err(Undelivered::Refused(reason)) => return Err(reason),
            Err(Undelivered::Later(reason, asked)) => (reason, asked),
        };
        if last || tried >= RETRIES {
            return Err(reason);
        }
        // During shutdown there is no time to wait for an unreachable collector: one more attempt, at once.
        last = queue.is_closing();
        if !last {
            let pause = PAUSE.saturating_mul(1 << tried).max(asked.unwrap_or_default());
            let _ = timeout(pause.min(MAX_PAUSE), queue.closed()).await;
        }
        tried += 1;
    }
}
