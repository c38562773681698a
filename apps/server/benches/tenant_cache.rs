//! What the tenant cache costs: `cargo bench -p rustok-server --bench tenant_cache`.
//!
//! CPU time per call beside a plain moka `get` of the same key, and how many queries a thousand concurrent first
//! requests make, here and in a cache that does get, then load, then insert.
#![expect(
    clippy::float_arithmetic,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program that measures and prints"
)]

#[path = "../../../crates/rustok-core/benches/measure.rs"]
#[expect(dead_code, reason = "only the bench of the breaker counts instructions")]
mod measure;

use measure::{Calls, Cost, Subject, ratio, runtime, table};
use moka::future::Cache;
use moka::policy::EvictionPolicy;
use rustok_core::clock::{Clock, SystemClock};
use rustok_core::ids::TenantId;
use rustok_server::middleware::tenant_cache::{TenantCache, TenantCacheSettings, TenantLoader};
use rustok_server::middleware::tenant_cache_v3::Guarded;
use rustok_tenancy::{
    NewTenantInput, Tenant, TenantError, TenantIdentifier, TenantIdentifierValidator, TenantSettings,
};
use std::hint::black_box;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::time::Duration;
use uuid::Uuid;

const HITS: u64 = 200_000;
const MISSES: u64 = 20_000;
/// The server's bar for a rejection through the whole cache.
const REJECTED_LIMIT_NS: f64 = 5_000.0;

fn names() -> TenantIdentifierValidator {
    TenantIdentifierValidator::new("localhost").expect("a domain")
}

fn shop() -> Tenant {
    let input = NewTenantInput {
        slug: "shop1".to_owned(),
        name: "Shop 1".to_owned(),
        hosts: vec!["shop1.example".to_owned()],
        settings: TenantSettings::default(),
    };
    let id = TenantId::from_uuid(Uuid::from_u128(1));
    let new = input.check(&names(), id, SystemClock.now());
    Tenant::from(new.expect("a valid tenant"))
}

/// A directory that has the one tenant, under its host, and can be taken away.
#[derive(Clone)]
struct Directory {
    tenant: Arc<Tenant>,
    away: Arc<AtomicBool>,
    queries: Arc<AtomicU64>,
    takes: Duration,
}

impl Directory {
    fn new(takes: Duration) -> Self {
        Self {
            tenant: Arc::new(shop()),
            away: Arc::default(),
            queries: Arc::default(),
            takes,
        }
    }

    fn take_away(&self) {
        self.away.store(true, Ordering::Release);
    }
}

impl TenantLoader for Directory {
    async fn load(&self, identifier: &TenantIdentifier) -> Result<Option<Tenant>, TenantError> {
        self.queries.fetch_add(1, Ordering::AcqRel);
        if !self.takes.is_zero() {
            tokio::time::sleep(self.takes).await;
        }
        if self.away.load(Ordering::Acquire) {
            let retry_after = Duration::from_secs(1);
            return Err(TenantError::Unavailable { retry_after });
        }
        let known = identifier.to_string() == "host:shop1.example";
        Ok(known.then(|| (*self.tenant).clone()))
    }
}

type Door = TenantCache<Guarded<Directory>>;

fn door(directory: &Directory) -> Door {
    TenantCache::over(Guarded::new(directory.clone()), TenantCacheSettings::default())
}

fn plain() -> Cache<TenantIdentifier, Arc<Tenant>> {
    Cache::builder()
        .max_capacity(20_000)
        .eviction_policy(EvictionPolicy::lru())
        .time_to_live(Duration::from_secs(300))
        .time_to_idle(Duration::from_secs(180))
        .build()
}

/// The body is driven by a runtime of its own on the measured thread, and clones nothing per call.
macro_rules! calls {
    ($cache:ident . $get:ident ( $of:ident )) => {{
        let ($cache, $of) = ($cache.clone(), $of.clone());
        move || -> Calls {
            let ($cache, $of) = ($cache.clone(), $of.clone());
            let runtime = runtime();
            Box::new(move |n| {
                runtime.block_on(async {
                    for _ in 0..n {
                        let _ = black_box($cache.$get(&$of).await);
                    }
                });
            })
        }
    }};
}

/// What the door does for each request: the Host header is read, made canonical and looked up.
fn named(cache: &Door) -> impl Fn() -> Calls + Sync + use<> {
    let cache = cache.clone();
    move || -> Calls {
        let (cache, names, runtime) = (cache.clone(), names(), runtime());
        Box::new(move |n| {
            runtime.block_on(async {
                for _ in 0..n {
                    let host = names.from_host_header(black_box("shop1.example:8080"));
                    let host = host.expect("a host");
                    let _ = black_box(cache.get_or_fetch(&host).await);
                }
            });
        })
    }
}

fn costs() {
    let (host, unknown) = (
        names().host("shop1.example").expect("a host"),
        names().host("shop2.example").expect("a host"),
    );
    let directory = Directory::new(Duration::ZERO);
    let (cache, plain) = (door(&directory), plain());
    let gone = Directory::new(Duration::ZERO);
    let (stale, open) = (door(&gone), door(&gone));
    runtime().block_on(async {
        plain.insert(host.clone(), directory.tenant.clone()).await;
        cache.get_or_fetch(&host).await.expect("it is there");
        stale.get_or_fetch(&host).await.expect("it is there");
        gone.take_away();
        for _ in 0..10 {
            open.get_or_fetch(&unknown).await.expect_err("it is away");
        }
        stale.doubt_all();
    });
    let subjects = [
        Subject::new("moka's get", 1, HITS, calls!(plain.get(host))),
        Subject::new("a hit", 1, HITS, calls!(cache.get_or_fetch(host))),
        Subject::new(
            "a name that nobody has",
            1,
            HITS,
            calls!(cache.get_or_fetch(unknown)),
        ),
        Subject::new(
            "stale, the directory is away",
            1,
            HITS,
            calls!(stale.get_or_fetch(host)),
        ),
        Subject::new(
            "rejected by the open breaker",
            1,
            MISSES,
            calls!(open.get_or_fetch(unknown)),
        ),
        Subject::new("moka's get", 2, HITS, calls!(plain.get(host))),
        Subject::new("a hit", 2, HITS, calls!(cache.get_or_fetch(host))),
        Subject::new("a Host header, then a hit", 1, HITS, named(&cache)),
    ];
    let cost = table("Tenant cache", &subjects);
    println!();
    ratio("a hit / moka's get", cost[1], cost[0], 1.5);
    ratio("a hit / moka's get, two threads", cost[6], cost[5], 1.5);
    ratio("a Host header, then a hit / moka's get", cost[7], cost[0], 1.5);
    let limit = Cost {
        minimum: REJECTED_LIMIT_NS,
        median: REJECTED_LIMIT_NS,
    };
    ratio("rejected / 5 microseconds", cost[4], limit, 1.0);
}

/// How many queries 1,000 requests at once make that `ask` is called for.
fn queries<F: Future + Send + 'static>(directory: &Directory, ask: impl Fn() -> F) -> u64
where
    F::Output: Send,
{
    let runtime = runtime();
    runtime.block_on(async {
        let requests: Vec<_> = (0..1_000).map(|_| tokio::spawn(ask())).collect();
        for request in requests {
            request.await.expect("a request");
        }
    });
    directory.queries.swap(0, Ordering::AcqRel)
}

/// The shape that looks natural: get, then load, then insert.
async fn get_load_insert(
    cache: Cache<TenantIdentifier, Arc<Tenant>>,
    directory: Directory,
    host: TenantIdentifier,
) -> Result<Arc<Tenant>, TenantError> {
    if let Some(tenant) = cache.get(&host).await {
        return Ok(tenant);
    }
    let tenant = directory.load(&host).await?.ok_or(TenantError::NotFound)?;
    let tenant = Arc::new(tenant);
    cache.insert(host, Arc::clone(&tenant)).await;
    Ok(tenant)
}

fn stampede() {
    let host = names().host("shop1.example").expect("a host");
    println!("\n| 1,000 first requests at once | queries | queries, the directory is away |\n|---|---|---|");
    let row = |name: &str, count: &dyn Fn(&Directory) -> u64| {
        let (there, gone) = (
            Directory::new(Duration::from_millis(5)),
            Directory::new(Duration::from_millis(5)),
        );
        gone.take_away();
        println!("| {name} | {} | {} |", count(&there), count(&gone));
    };
    row("get, load, insert", &|directory| {
        let cache = plain();
        queries(directory, || {
            get_load_insert(cache.clone(), directory.clone(), host.clone())
        })
    });
    row("V2", &|directory| {
        let cache = TenantCache::with_loader(directory.clone());
        queries(directory, || {
            let (cache, host) = (cache.clone(), host.clone());
            async move { cache.get_or_fetch(&host).await }
        })
    });
    row("V3", &|directory| {
        let cache = door(directory);
        queries(directory, || {
            let (cache, host) = (cache.clone(), host.clone());
            async move { cache.get_or_fetch(&host).await }
        })
    });
}

fn main() {
    costs();
    stampede();
}
