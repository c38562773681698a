//! A flood of names that nobody has: memory stays bounded, the breaker closed, and hits of real tenants cheap.

use crate::tenant_cache_v2_test::{add, open, validator};
use rustix::time::{ClockId, clock_gettime};
use rustok_core::resilience::CircuitState;
use rustok_server::middleware::tenant_cache_v3::TenantCacheV3;
use rustok_tenancy::{TenantError, TenantIdentifier};
use rustok_test_support::TestDatabase;
use std::collections::HashMap;
use std::hint::black_box;
use std::process::Command;
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::timeout;

const NAMES: u64 = 50_000;
/// The flood comes in so many parts; hits are measured in each.
const CHUNKS: u64 = 10;
const MAX_GROWTH_KB: u64 = 32 * 1_024;
/// In percent of what a hit costs before the flood.
const MAX_HIT_PERCENT: u64 = 120;
/// The cache keeps so many names that nobody has, and about so many may wait to be dropped.
const MAX_ABSENT: u64 = 10_000 + 1_000;
/// Seconds on a machine that has nothing else to do; a flood that never ends is a failure nevertheless.
const LIMIT: Duration = Duration::from_secs(600);

/// Set in the process that a test starts for itself: memory is that of a whole process, and other tests run in this one.
const CHILD: &str = "RUSTOK_TEST_FLOOD_CHILD";

/// Runs this test once more, alone in a process of its own; `true` in that process.
fn alone(test: &str) -> bool {
    if std::env::var_os(CHILD).is_some() {
        return true;
    }
    let output = Command::new(std::env::current_exe().unwrap())
        .args([
            "--exact",
            &format!("tenant_cache_flood::{test}"),
            "--test-threads=1",
            "--nocapture",
        ])
        .env(CHILD, "1")
        .output()
        .unwrap();
    let reported = String::from_utf8_lossy(&output.stdout);
    let why = String::from_utf8_lossy(&output.stderr);
    assert!(
        output.status.success() && reported.contains("1 passed"),
        "{reported}{why}"
    );
    eprint!("{why}");
    false
}

/// As Linux has it.
fn resident_kb() -> u64 {
    let status = std::fs::read_to_string("/proc/self/status").unwrap();
    let line = status.lines().find(|line| line.starts_with("VmRSS:")).unwrap();
    line.split_whitespace().nth(1).unwrap().parse().unwrap()
}

fn thread_cpu_ns() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec * 1_000_000_000 + time.tv_nsec).unwrap()
}

/// What 1,000 hits cost: CPU time, in thousandths of what as many look-ups in a map of the standard library cost at the
/// same moment. Neighbours on the machine slow both down, and the least of many rounds is what is left without them.
async fn hits(cache: &TenantCacheV3, shop: &TenantIdentifier) -> u64 {
    let names: HashMap<String, u64> = (0..1_000).map(|n| (format!("shop-{n}.example.org"), n)).collect();
    let mut least = u64::MAX;
    for _ in 0..30 {
        let begun = thread_cpu_ns();
        for _ in 0..10 {
            for (name, number) in &names {
                assert_eq!(black_box(&names).get(black_box(name.as_str())), Some(number));
            }
        }
        let looked_up = thread_cpu_ns();
        for _ in 0..1_000 {
            cache.get_or_fetch(shop).await.unwrap();
        }
        let hit = thread_cpu_ns();
        least = least.min((hit - looked_up) * 1_000 / ((looked_up - begun) / 10).max(1));
    }
    least
}

/// Hostnames in an order that has no pattern, each valid and each another.
fn name(number: u64) -> TenantIdentifier {
    let scattered = (number + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15);
    validator()
        .host(&format!("{scattered:x}.shop-{number}.example"))
        .unwrap()
}

async fn flood(database: TestDatabase) {
    let db = open(&database).await;
    add(&db, "shop1").await;
    let cache = TenantCacheV3::new(db);
    let shop = validator().slug("shop1").unwrap();
    cache.get_or_fetch(&shop).await.unwrap();
    let (quiet, resident) = (hits(&cache, &shop).await, resident_kb());
    let mut during = u64::MAX;
    for chunk in 0..CHUNKS {
        let mut asking = JoinSet::new();
        for lane in 0..16 {
            let cache = cache.clone();
            asking.spawn(async move {
                let names = chunk * NAMES / CHUNKS..(chunk + 1) * NAMES / CHUNKS;
                for number in names.filter(|number| number % 16 == lane) {
                    assert_eq!(
                        cache.get_or_fetch(&name(number)).await.unwrap_err(),
                        TenantError::NotFound
                    );
                }
            });
        }
        // A fault of ours shows in each part of the flood, neighbours on the machine in some. At first the cache has room.
        let now = hits(&cache, &shop).await;
        if (chunk + 1) * NAMES / CHUNKS > 2 * MAX_ABSENT {
            during = during.min(now);
        }
        while let Some(asked) = asking.join_next().await {
            asked.unwrap();
        }
    }
    let (metrics, grown) = (cache.metrics(), resident_kb().saturating_sub(resident));
    eprintln!("hits {quiet} thousandths of a look-up, then {during}; memory + {grown} kB; {metrics:?}");
    assert!(grown < MAX_GROWTH_KB, "{grown} kB more");
    assert!(
        during * 100 <= quiet * MAX_HIT_PERCENT,
        "{during} thousandths of a look-up, undisturbed {quiet}"
    );
    assert!(metrics.absent_entries <= MAX_ABSENT, "{metrics:?}");
    assert_eq!(
        (metrics.loads, metrics.evictions),
        (NAMES + 1, 0),
        "the real tenant was never pushed out"
    );
    assert_eq!(cache.breaker().state(), CircuitState::Closed);
    assert_eq!(cache.breaker().metrics().failures, 0);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_thousand_unknown_hostnames_on_sqlite() {
    if alone("fifty_thousand_unknown_hostnames_on_sqlite") {
        timeout(LIMIT, flood(TestDatabase::sqlite())).await.unwrap();
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn fifty_thousand_unknown_hostnames_on_postgres() {
    if alone("fifty_thousand_unknown_hostnames_on_postgres") {
        timeout(LIMIT, flood(TestDatabase::postgres().await))
            .await
            .unwrap();
    }
}
