//! Watches the version of the tenant directory, so that a change made by another process is seen here within a second.
//!
//! It must never trust a silence: after a gap, in which a change may have been made and seen by nobody, all that is
//! cached is thrown away too.

use crate::state::AppState;
use rustok_core::deadline::Deadline;
use rustok_core::error::RichError;
use rustok_storage::tenants;
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A poll that comes later than so many intervals after the one before leaves a gap.
const GAP_INTERVALS: u32 = 4;
/// How long one poll may take.
const POLL_LIMIT: Duration = Duration::from_secs(1);

pub(super) async fn watch(state: AppState, stop: CancellationToken) {
    let every = Duration::from_millis(state.config().directory_poll_ms.max(1));
    let mut watcher = Watcher::new(every);
    let mut failing = false;
    while !stop.is_cancelled() {
        let asked = Instant::now();
        let version = version(&state).await;
        if let Err(error) = &version
            && !failing
        {
            tracing::warn!(?error, "the tenant directory does not answer; asking on");
        }
        failing = version.is_err();
        if watcher.is_stale_after(asked, version.ok()) {
            tracing::debug!("the tenant directory changed");
            state.tenants().invalidate_all();
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep_until(asked + every) => {}
        }
    }
}

async fn version(state: &AppState) -> Result<i64, RichError> {
    let mut tx = state
        .services()
        .store
        .platform_read(Deadline::after(POLL_LIMIT))
        .await?;
    Ok(tenants::directory_version(&mut tx).await?)
}

/// Decides from the polls whether what is cached may be out of date.
#[derive(Debug)]
struct Watcher {
    gap: Duration,
    /// When the last poll that answered was sent, and what it answered.
    last: Option<(Instant, i64)>,
}

impl Watcher {
    fn new(every: Duration) -> Self {
        Self {
            gap: every.saturating_mul(GAP_INTERVALS),
            last: None,
        }
    }

    /// `asked` is when the poll was sent, not when it was answered: a change in between may be missing from it.
    fn is_stale_after(&mut self, asked: Instant, version: Option<i64>) -> bool {
        // While nothing answers, what is cached is kept: an old answer is better than none.
        let Some(version) = version else {
            if let Some((_, known)) = &mut self.last {
                *known = UNKNOWN;
            }
            return false;
        };
        let before = self.last.replace((asked, version));
        before.is_none_or(|(at, known)| known != version || asked.saturating_duration_since(at) > self.gap)
    }
}

/// No version that the directory ever has: the next one that is read is another.
const UNKNOWN: i64 = -1;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_may_be_out_of_date_is_thrown_away_and_nothing_else() {
        let start = Instant::now();
        let at = |millis| start + Duration::from_millis(millis);
        let mut watcher = Watcher::new(Duration::from_millis(250));
        for (millis, version, stale) in [
            (0, Some(7), true), // filled before anything was known
            (250, Some(7), false),
            (500, Some(8), true),
            (750, Some(8), false),
            (1_750, Some(8), false), // four intervals: late, but no gap
            (2_751, Some(8), true),  // a gap
            (3_000, None, false),    // away
            (3_250, Some(8), true),  // a change may have come and gone unseen
            (3_500, Some(8), false),
        ] {
            assert_eq!(watcher.is_stale_after(at(millis), version), stale, "{millis}");
        }
    }
}
