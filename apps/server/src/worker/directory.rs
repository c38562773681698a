//! Watches the tenant directory, so that a change by another process takes effect here within a second.
//!
//! Each poll returns the tenants that changed since the previous one, and only those leave the cache. A missing poll
//! must never count as "no change": while polls fail, and after a gap between them, all cached tenants are in doubt.

use crate::state::AppState;
use rustok_core::deadline::Deadline;
use rustok_core::error::RichError;
use rustok_core::ids::TenantId;
use rustok_http::middleware::tenant_cache::{TenantCache, TenantLoader};
use rustok_storage::Store;
use rustok_storage::tenants::{self, DirectoryChanges};
use std::time::Duration;
use tokio::time::Instant;
use tokio_util::sync::CancellationToken;

/// A poll later than this many intervals after the previous one leaves a gap.
const GAP_INTERVALS: u32 = 4;
/// Deadline of one poll.
const POLL_LIMIT: Duration = Duration::from_secs(1);

pub(super) async fn run(state: AppState, stop: CancellationToken) {
    let every = Duration::from_millis(state.config().directory_poll_ms.max(1));
    let store = state.services().store.clone();
    let counting = state.clone();
    let ask = async move |since| {
        let asked = changes_since(&store, since).await;
        counting.metrics().count_round("directory", asked.is_ok());
        asked
    };
    watch(state.tenants().clone(), every, ask, stop).await;
}

async fn changes_since(store: &Store, since: i64) -> Result<DirectoryChanges, RichError> {
    let mut tx = store.platform_read(Deadline::after(POLL_LIMIT)).await?;
    Ok(tenants::directory_changes(&mut tx, since).await?)
}

async fn watch<L: TenantLoader>(
    cache: TenantCache<L>,
    every: Duration,
    mut ask: impl AsyncFnMut(i64) -> Result<DirectoryChanges, RichError>,
    stop: CancellationToken,
) {
    let mut watcher = Watcher::new(every);
    let mut failing = false;
    while !stop.is_cancelled() {
        let asked = Instant::now();
        let changes = ask(watcher.since()).await;
        if let Err(error) = &changes
            && !failing
        {
            tracing::warn!(?error, "the tenant directory does not answer; asking on");
        }
        failing = changes.is_err();
        let seen = watcher.see(asked, changes.ok());
        match &seen.changed {
            Changed::Tenants(tenants) => tenants.iter().for_each(|&tenant| cache.invalidate_tenant(tenant)),
            Changed::Everything => {
                tracing::info!(
                    "the tenant directory changed in more than can be named; the cache starts over"
                );
                cache.invalidate_all();
            }
        }
        if seen.in_doubt {
            cache.doubt_all();
        }
        tokio::select! {
            () = stop.cancelled() => {}
            () = tokio::time::sleep_until(asked + every) => {}
        }
    }
}

/// What a poll means for the cache.
#[derive(Debug, PartialEq, Eq)]
struct Seen {
    /// Entries that are certainly out of date.
    changed: Changed,
    /// Whether all other entries may be out of date.
    in_doubt: bool,
}

#[derive(Debug, PartialEq, Eq)]
enum Changed {
    Tenants(Vec<TenantId>),
    Everything,
}

/// Derives from the polls which entries of the cache may be out of date.
#[derive(Debug)]
struct Watcher {
    gap: Duration,
    /// The number of the last change seen.
    version: Option<i64>,
    /// When the last poll was sent, if it was answered.
    answered: Option<Instant>,
}

impl Watcher {
    fn new(every: Duration) -> Self {
        Self {
            gap: every.saturating_mul(GAP_INTERVALS),
            version: None,
            answered: None,
        }
    }

    /// The number to poll from. The first poll only gets the current number: earlier changes concern no cached
    /// tenant.
    fn since(&self) -> i64 {
        self.version.unwrap_or(i64::MAX)
    }

    /// `asked` is when the poll was sent, not when it was answered: its answer may miss a change in between.
    fn see(&mut self, asked: Instant, changes: Option<DirectoryChanges>) -> Seen {
        let Some(DirectoryChanges { version, tenants }) = changes else {
            self.answered = None;
            return Seen {
                changed: Changed::Tenants(Vec::new()),
                in_doubt: true,
            };
        };
        let before = self.answered.replace(asked);
        let in_doubt = before.is_none_or(|at| asked.saturating_duration_since(at) > self.gap);
        let changed = match (self.version.replace(version), tenants) {
            // A lower number means a restored backup; a higher one without tenants was set by hand.
            (Some(known), Some(tenants)) if version < known || (version > known && tenants.is_empty()) => {
                Changed::Everything
            }
            (_, Some(tenants)) => Changed::Tenants(tenants),
            (_, None) => Changed::Everything,
        };
        Seen { changed, in_doubt }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_core::clock::{Clock as _, SystemClock};
    use rustok_core::error::ErrorKind;
    use rustok_tenancy::{
        NewTenantInput, Tenant, TenantError, TenantIdentifier, TenantIdentifierValidator, TenantSettings,
        TenantStatus,
    };
    use std::sync::atomic::{AtomicBool, Ordering};
    use std::sync::{Arc, Mutex};
    use uuid::Uuid;

    const EVERY: Duration = Duration::from_millis(250);

    fn id(number: u128) -> TenantId {
        TenantId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn a_poll_names_what_changed_and_doubts_the_rest_only_after_a_gap() {
        let start = Instant::now();
        let mut watcher = Watcher::new(EVERY);
        assert_eq!(watcher.since(), i64::MAX);
        let nobody: &[u128] = &[];
        // Time in ms and answer: version and changed tenants. Then: outdated tenants (None: all), and whether the
        // rest is in doubt.
        for (millis, answer, changed, in_doubt) in [
            (0, Some((7, Some(nobody))), Some(nobody), true), // filled before anything was known
            (250, Some((7, Some(nobody))), Some(nobody), false),
            (500, Some((9, Some(&[1, 2]))), Some(&[1, 2]), false),
            (750, Some((9, Some(nobody))), Some(nobody), false),
            (1_750, Some((9, Some(nobody))), Some(nobody), false), // four intervals: late, but no gap
            (2_751, Some((10, Some(&[3]))), Some(&[3]), true),     // a gap
            (3_000, None, Some(nobody), true),                     // away
            (3_250, None, Some(nobody), true),
            (3_500, Some((11, Some(&[4]))), Some(&[4]), true), // what happened meanwhile is named
            (3_750, Some((5_000, None)), None, false),         // too many to name
            (4_000, Some((5_001, Some(nobody))), None, false), // set by hand
            (4_250, Some((40, Some(nobody))), None, false),    // restored
            (4_500, Some((40, Some(nobody))), Some(nobody), false),
        ] {
            let ids = |numbers: &[u128]| numbers.iter().copied().map(id).collect::<Vec<_>>();
            let answer = answer.map(|(version, tenants)| DirectoryChanges {
                version,
                tenants: tenants.map(ids),
            });
            let changed = changed.map_or(Changed::Everything, |who| Changed::Tenants(ids(who)));
            let seen = watcher.see(start + Duration::from_millis(millis), answer);
            assert_eq!(seen, Seen { changed, in_doubt }, "{millis}");
        }
        assert_eq!(watcher.since(), 40);
    }

    /// A directory with one tenant.
    #[derive(Clone)]
    struct World {
        tenant: Arc<Mutex<Tenant>>,
        polls_fail: Arc<AtomicBool>,
        /// How long a load takes.
        slow: Duration,
    }

    impl TenantLoader for World {
        async fn load(&self, _: &TenantIdentifier) -> Result<Option<Tenant>, TenantError> {
            let tenant = self.tenant.lock().unwrap().clone();
            tokio::time::sleep(self.slow).await;
            Ok(Some(tenant))
        }
    }

    fn world(slow: Duration) -> (World, TenantIdentifier) {
        let names = TenantIdentifierValidator::new("localhost").unwrap();
        let input = NewTenantInput {
            slug: "shop1".to_owned(),
            name: "Shop 1".to_owned(),
            hosts: Vec::new(),
            settings: TenantSettings::default(),
        };
        let new = input.check(&names, id(1), SystemClock.now()).unwrap();
        let world = World {
            tenant: Arc::new(Mutex::new(Tenant::from(new))),
            slow,
            polls_fail: Arc::new(AtomicBool::new(false)),
        };
        (world, names.slug("shop1").unwrap())
    }

    /// The worst case: polls fail, so that none reports the suspension, but a load would return it.
    #[tokio::test(start_paused = true)]
    async fn a_suspension_is_never_hidden_for_five_seconds_while_the_directory_answers_loads() {
        for (slow_ms, poll_ms) in [(0, 0), (20, 1_000), (600, 1_000), (1_900, 1_000), (1_900, 10)] {
            let (world, shop) = world(Duration::from_millis(slow_ms));
            let cache = TenantCache::with_loader(world.clone());
            let stop = CancellationToken::new();
            let ask = async |_| {
                if world.polls_fail.load(Ordering::SeqCst) {
                    tokio::time::sleep(Duration::from_millis(poll_ms)).await;
                    return Err(RichError::new(ErrorKind::Timeout, "away"));
                }
                Ok(DirectoryChanges {
                    version: 1,
                    tenants: Some(Vec::new()),
                })
            };
            let asking = async {
                let status = async || cache.get_or_fetch(&shop).await.unwrap().status;
                tokio::time::sleep(Duration::from_secs(2)).await;
                assert_eq!(status().await, TenantStatus::Active);
                tokio::time::sleep(Duration::from_secs(2)).await;
                world.polls_fail.store(true, Ordering::SeqCst);
                world.tenant.lock().unwrap().status = TenantStatus::Suspended;
                let suspended = Instant::now();
                while status().await == TenantStatus::Active {
                    assert!(
                        suspended.elapsed() < Duration::from_secs(5),
                        "{slow_ms} {poll_ms}"
                    );
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                for _ in 0..500 {
                    assert_eq!(
                        status().await,
                        TenantStatus::Suspended,
                        "once seen, it stays seen"
                    );
                    tokio::time::sleep(Duration::from_millis(10)).await;
                }
                stop.cancel();
            };
            tokio::join!(watch(cache.clone(), EVERY, ask, stop.clone()), asking);
        }
    }

    /// While polls are answered, unchanged tenants are not loaded again.
    #[tokio::test(start_paused = true)]
    async fn a_change_of_one_tenant_costs_the_others_nothing() {
        let (world, shop) = world(Duration::ZERO);
        let cache = TenantCache::with_loader(world);
        let stop = CancellationToken::new();
        let mut version = 0_i64;
        let ask = async |_| {
            version += 1;
            Ok(DirectoryChanges {
                version,
                tenants: Some(vec![id(u128::from(version.unsigned_abs()) + 1_000)]),
            })
        };
        let asking = async {
            tokio::time::sleep(Duration::from_secs(1)).await;
            for _ in 0..100 {
                cache.get_or_fetch(&shop).await.unwrap();
                tokio::time::sleep(Duration::from_millis(100)).await;
            }
            stop.cancel();
        };
        tokio::join!(watch(cache.clone(), EVERY, ask, stop.clone()), asking);
        assert!(version > 40);
        // A few tenants share a number by chance.
        assert!(cache.metrics().loads <= 4, "{:?}", cache.metrics());
    }
}
