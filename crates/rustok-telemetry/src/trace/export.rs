//! The task that sends what waits, beside the requests and never in their way.

use super::otlp;
use super::queue::{BATCH, Queue, spans_of};
use super::sink::{Sink, Undelivered};
use std::sync::Arc;
use std::time::Duration;
use tokio::time::timeout;

/// How long the first span of a batch waits for others.
const GATHER: Duration = Duration::from_millis(500);
/// How often a batch is tried again before it is given up.
const RETRIES: u32 = 4;
/// The pause before it is tried again, doubled each time.
const PAUSE: Duration = Duration::from_millis(500);
/// The longest pause, whatever the collector asks for.
const MAX_PAUSE: Duration = Duration::from_secs(30);

/// Sends until the queue is closed and empty.
pub(super) async fn run(queue: Arc<Queue>, mut sink: Sink, resource: Vec<u8>) {
    let mut away = false;
    loop {
        // Asked first: what was put in before the end began is seen by the question after it.
        let closing = queue.is_closing();
        if queue.len() == 0 {
            if closing {
                return;
            }
            queue.woken().await;
        }
        if queue.len() < BATCH && !queue.is_closing() {
            // Woken again when the batch is full, or at the end.
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
        // At the end there is no time to wait for a collector that is away: one more try, at once.
        last = queue.is_closing();
        if !last {
            let pause = PAUSE.saturating_mul(1 << tried).max(asked.unwrap_or_default());
            let _ = timeout(pause.min(MAX_PAUSE), queue.closed()).await;
        }
        tried += 1;
    }
}
