//! The tenant cache: one load for all who ask at once, whatever becomes of it, and no lie afterwards.

use rustok_core::clock::{Clock, SystemClock};
use rustok_core::deadline::Deadline;
use rustok_core::ids::Ids;
use rustok_server::middleware::tenant_cache::{TenantCache, TenantCacheSettings, TenantLoader};
use rustok_server::middleware::tenant_cache_v2::TenantCacheV2;
use rustok_server::middleware::tenant_cache_v3::TenantCacheV3;
use rustok_storage::{DatabaseUrl, Opener, Store, StoreConfig, tenants};
use rustok_tenancy::{
    NewTenantInput, Tenant, TenantError, TenantIdentifier, TenantIdentifierValidator, TenantSettings,
    TenantStatus,
};
use rustok_test_support::{TestDatabase, both_databases};
use std::future::Future;
use std::pin::pin;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Waker};
use std::time::Duration;
use tokio::sync::Semaphore;

pub(crate) fn validator() -> TenantIdentifierValidator {
    TenantIdentifierValidator::new("localhost").unwrap()
}

pub(crate) fn new_tenant(slug: &str) -> rustok_tenancy::NewTenant {
    let input = NewTenantInput {
        slug: slug.to_owned(),
        name: slug.to_owned(),
        hosts: vec![format!("{slug}.example")],
        settings: TenantSettings::default(),
    };
    input
        .check(
            &validator(),
            Ids::new(Arc::new(SystemClock)).next(),
            SystemClock.now(),
        )
        .unwrap()
}

/// What a load does, once it is let through.
#[derive(Clone, Copy)]
pub(crate) enum Behaviour {
    Find,
    FindNothing,
    Fail,
    /// Its row does not decode.
    Break,
    Panic,
}

pub(crate) struct Counting {
    loads: AtomicUsize,
    pub(crate) gate: Semaphore,
    behaviour: Mutex<Behaviour>,
    tenant: Tenant,
}

impl Counting {
    pub(crate) fn loads(&self) -> usize {
        self.loads.load(Ordering::SeqCst)
    }

    pub(crate) fn will(&self, behaviour: Behaviour) {
        *self.behaviour.lock().unwrap() = behaviour;
    }
}

/// The loader that the cache gets; the test keeps the counter. Every name is the same tenant, and its version is the
/// number of the load that found it.
pub(crate) struct Loader(Arc<Counting>);

impl TenantLoader for Loader {
    async fn load(&self, _: &TenantIdentifier) -> Result<Option<Tenant>, TenantError> {
        let nth = self.0.loads.fetch_add(1, Ordering::SeqCst);
        // A load too many fails its test here instead of waiting for ever.
        tokio::time::timeout(Duration::from_secs(10), self.0.gate.acquire())
            .await
            .unwrap()
            .unwrap()
            .forget();
        let behaviour = *self.0.behaviour.lock().unwrap();
        match behaviour {
            Behaviour::Find => {
                let version = i64::try_from(nth).unwrap();
                Ok(Some(Tenant {
                    version,
                    ..self.0.tenant.clone()
                }))
            }
            Behaviour::FindNothing => Ok(None),
            Behaviour::Fail => Err(TenantError::Unavailable {
                retry_after: Duration::from_secs(1),
            }),
            Behaviour::Break => Err(TenantError::Inconsistent("a row".to_owned())),
            Behaviour::Panic => panic!("the loader panics"),
        }
    }
}

/// Loads wait for a permit of the gate.
pub(crate) fn counting_with(
    behaviour: Behaviour,
    settings: TenantCacheSettings,
) -> (Arc<Counting>, TenantCache<Loader>, TenantIdentifier) {
    let loader = Arc::new(Counting {
        loads: AtomicUsize::new(0),
        gate: Semaphore::new(0),
        behaviour: Mutex::new(behaviour),
        tenant: Tenant::from(new_tenant("shop1")),
    });
    (
        Arc::clone(&loader),
        TenantCache::over(Loader(loader), settings),
        validator().slug("shop1").unwrap(),
    )
}

fn counting(behaviour: Behaviour) -> (Arc<Counting>, TenantCache<Loader>, TenantIdentifier) {
    counting_with(behaviour, TenantCacheSettings::default())
}

/// Lets every other task of this thread run until it waits for something: with one thread, no sleep is needed.
pub(crate) async fn everybody_waits() {
    for _ in 0..100 {
        tokio::task::yield_now().await;
    }
}

#[tokio::test]
async fn a_thousand_first_requests_are_one_load_whatever_becomes_of_it() {
    for behaviour in [
        Behaviour::Find,
        Behaviour::FindNothing,
        Behaviour::Fail,
        Behaviour::Break,
        Behaviour::Panic,
    ] {
        let (loader, cache, shop) = counting(behaviour);
        let requests: Vec<_> = (0..1_000)
            .map(|_| {
                let (cache, shop) = (cache.clone(), shop.clone());
                tokio::spawn(async move { cache.get_or_fetch(&shop).await })
            })
            .collect();
        everybody_waits().await;
        loader.gate.add_permits(1);
        for request in requests {
            let answer = request.await.unwrap();
            match behaviour {
                Behaviour::Find => assert_eq!(answer.unwrap().slug, "shop1"),
                Behaviour::FindNothing => assert_eq!(answer.unwrap_err(), TenantError::NotFound),
                Behaviour::Break => assert!(matches!(answer.unwrap_err(), TenantError::Inconsistent(_))),
                Behaviour::Fail | Behaviour::Panic => {
                    assert!(matches!(answer.unwrap_err(), TenantError::Unavailable { .. }));
                }
            }
        }
        assert_eq!(loader.loads(), 1);
    }
}

#[tokio::test]
async fn a_leader_that_goes_away_does_not_start_a_second_load() {
    let (loader, cache, shop) = counting(Behaviour::Find);
    let start = |cache: &TenantCache<_>| {
        let (cache, shop) = (cache.clone(), shop.clone());
        tokio::spawn(async move { cache.get_or_fetch(&shop).await })
    };
    let leader = start(&cache);
    everybody_waits().await;
    assert_eq!(loader.loads(), 1);
    let waiting: Vec<_> = (0..20).map(|_| start(&cache)).collect();
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    everybody_waits().await;
    loader.gate.add_permits(1);
    for request in waiting {
        assert!(request.await.unwrap().is_ok());
    }
    assert_eq!(loader.loads(), 1);
}

#[tokio::test]
async fn an_invalidation_wins_over_a_load_that_is_under_way() {
    for how in 0..4 {
        let (loader, cache, shop) = counting(Behaviour::Find);
        let early = tokio::spawn({
            let (cache, shop) = (cache.clone(), shop.clone());
            async move { cache.get_or_fetch(&shop).await }
        });
        everybody_waits().await;
        assert_eq!(loader.loads(), 1);
        match how {
            0 => cache.invalidate(&shop).await,
            1 => cache.invalidate(&validator().known_id(loader.tenant.id)).await,
            2 => cache.invalidate_tenant(loader.tenant.id),
            _ => cache.invalidate_all(),
        }
        loader.gate.add_permits(10);
        // Load 0 began before the invalidation: what it found is given to nobody.
        assert_eq!(early.await.unwrap().unwrap().version, 1, "{how}");
        assert_eq!(cache.get_or_fetch(&shop).await.unwrap().version, 1, "{how}");
        assert_eq!(loader.loads(), 2, "{how}");
    }
}

#[tokio::test]
async fn a_directory_that_changes_all_the_time_keeps_nobody_waiting() {
    for behaviour in [Behaviour::Find, Behaviour::FindNothing] {
        let (loader, cache, shop) = counting(behaviour);
        let request = tokio::spawn({
            let (cache, shop) = (cache.clone(), shop.clone());
            async move { cache.get_or_fetch(&shop).await }
        });
        while !request.is_finished() {
            assert!(loader.loads() < 10, "it loads on and on");
            everybody_waits().await;
            cache.invalidate_tenant(loader.tenant.id);
            loader.gate.add_permits(1);
            everybody_waits().await;
        }
        match behaviour {
            Behaviour::Find => assert!(request.await.unwrap().unwrap().version > 0),
            _ => assert_eq!(request.await.unwrap().unwrap_err(), TenantError::NotFound),
        }
    }
}

#[tokio::test]
async fn all_names_of_a_tenant_are_forgotten_together() {
    let (loader, cache, _) = counting(Behaviour::Find);
    loader.gate.add_permits(100);
    let names = validator().aliases(&loader.tenant);
    assert_eq!(names.len(), 3, "id, slug and host");
    let mut newest = -1;
    for how in 0..3 {
        for name in &names {
            assert!(cache.get_or_fetch(name).await.unwrap().version > newest, "{how}");
        }
        newest = i64::try_from(loader.loads()).unwrap() - 1;
        match how {
            0 => cache.invalidate(&names[0]).await,
            _ => cache.invalidate_tenant(loader.tenant.id),
        }
    }
    assert_eq!(cache.metrics().loads, 9);
}

#[tokio::test]
async fn a_failure_is_not_kept_and_an_absence_is_until_a_tenant_changes() {
    let (loader, cache, shop) = counting(Behaviour::Fail);
    loader.gate.add_permits(20);
    for loads in 1..=3 {
        assert!(cache.get_or_fetch(&shop).await.is_err());
        assert_eq!(loader.loads(), loads);
    }
    let missing = async || {
        assert_eq!(
            cache.get_or_fetch(&shop).await.unwrap_err(),
            TenantError::NotFound
        )
    };
    loader.will(Behaviour::FindNothing);
    for how in 0..4 {
        for _ in 0..3 {
            missing().await;
        }
        assert_eq!(loader.loads(), 4 + how);
        match how {
            0 => cache.invalidate(&shop).await,
            1 => cache.doubt_all(),
            2 => cache.invalidate_all(),
            // Created by anybody, under whatever name: what was missing is looked for again.
            _ => cache.invalidate_tenant(loader.tenant.id),
        }
    }
    loader.will(Behaviour::Find);
    assert_eq!(cache.get_or_fetch(&shop).await.unwrap().slug, "shop1");
    let metrics = cache.metrics();
    assert_eq!((metrics.negative_hits, metrics.misses, metrics.loads), (8, 8, 8));
}

/// Of 1,000 hits: how many allocated, and how often in all.
fn allocations(hit: impl Fn()) -> (usize, u64) {
    hit();
    let counts: Vec<_> = (0..1_000)
        .map(|_| allocation_counter::measure(&hit).count_total)
        .collect();
    (
        counts.iter().filter(|count| **count > 0).count(),
        counts.iter().sum(),
    )
}

fn now<T>(future: impl Future<Output = T>) -> T {
    match pin!(future).poll(&mut Context::from_waker(Waker::noop())) {
        Poll::Ready(value) => value,
        Poll::Pending => panic!("a hit waits for nothing"),
    }
}

#[test]
fn a_hit_allocates_nothing_of_its_own() {
    let (loader, cache, shop) = counting(Behaviour::Find);
    loader.gate.add_permits(1);
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_time()
        .build()
        .unwrap();
    let tenant = runtime.block_on(cache.get_or_fetch(&shop)).unwrap();
    let plain = moka::future::Cache::builder()
        .max_capacity(20_000)
        .time_to_live(Duration::from_secs(300))
        .time_to_idle(Duration::from_secs(180))
        .build();
    runtime.block_on(plain.insert(shop.clone(), tenant));

    let (ours, ours_in_all) = allocations(|| drop(now(cache.get_or_fetch(&shop)).unwrap()));
    let (theirs, theirs_in_all) = allocations(|| drop(now(plain.get(&shop)).unwrap()));
    // moka keeps house at every 64th read, and more than three times a second: that allocates, with us as without us.
    assert!(ours <= 1_000 / 64 + 5, "{ours} of 1,000 hits allocate");
    assert!(
        ours_in_all <= theirs_in_all + 30,
        "{ours_in_all} allocations in {ours}, moka's own: {theirs_in_all} in {theirs}"
    );
    assert_eq!((cache.metrics().hits, loader.loads()), (1_001, 1));
}

/// An empty directory.
pub(crate) async fn open(database: &TestDatabase) -> Store {
    let config = StoreConfig::new(DatabaseUrl::parse(database.url()).unwrap());
    rustok_storage::open(config, Opener::Server).await.unwrap()
}

pub(crate) async fn add(db: &Store, slug: &str) -> Tenant {
    let new = new_tenant(slug);
    let mut tx = db.platform_write(Deadline::never()).await.unwrap();
    tenants::insert_tenant(&mut tx, &new).await.unwrap();
    tx.commit().await.unwrap();
    Tenant::from(new)
}

both_databases! {
    async fn v2_and_v3_serve_what_the_directory_has(database) {
        let db = open(&database).await;
        let shop = add(&db, "shop1").await;
        let v2 = TenantCacheV2::new(db.clone());
        let v3 = TenantCacheV3::new(db.clone());
        let names = validator().aliases(&shop);
        assert_eq!(names.len(), 3, "id, slug and host");
        for identifier in &names {
            let tenant = v2.get_or_fetch(identifier).await.unwrap();
            assert_eq!(tenant.id, shop.id);
            assert_eq!(v3.get_or_fetch(identifier).await.unwrap(), tenant);
        }
        let unknown = validator().slug("shop9").unwrap();
        assert_eq!(v3.get_or_fetch(&unknown).await.unwrap_err(), TenantError::NotFound);

        let mut tx = db.platform_write(Deadline::never()).await.unwrap();
        tenants::set_status(&mut tx, shop.id, TenantStatus::Suspended, SystemClock.now()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(v3.get_or_fetch(&names[0]).await.unwrap().status, TenantStatus::Active, "still cached");
        v3.invalidate_tenant(shop.id);
        for identifier in &names {
            assert_eq!(v3.get_or_fetch(identifier).await.unwrap().status, TenantStatus::Suspended);
        }
        assert_eq!(v3.get_or_fetch(&unknown).await.unwrap_err(), TenantError::NotFound);
        add(&db, "shop9").await;
        assert_eq!(v3.get_or_fetch(&unknown).await.unwrap_err(), TenantError::NotFound, "still cached");
        v3.invalidate_tenant(shop.id);
        assert_eq!(v3.get_or_fetch(&unknown).await.unwrap().slug, "shop9");
    }

    async fn a_thousand_first_requests_are_one_query(database) {
        let db = open(&database).await;
        add(&db, "shop1").await;
        let cache = TenantCacheV3::new(db);
        for (slug, found) in [("shop1", true), ("shop9", false)] {
            let before = cache.metrics();
            let name = validator().slug(slug).unwrap();
            let requests: Vec<_> = (0..1_000).map(|_| {
                let (cache, name) = (cache.clone(), name.clone());
                tokio::spawn(async move { cache.get_or_fetch(&name).await.is_ok() })
            }).collect();
            for request in requests {
                assert_eq!(request.await.unwrap(), found);
            }
            let after = cache.metrics();
            assert_eq!(after.loads - before.loads, 1, "{after:?}");
            let answered = [after.hits, after.misses, after.negative_hits].iter().sum::<u64>();
            assert_eq!(answered, 1_000 * if found { 1 } else { 2 });
        }
    }
}
