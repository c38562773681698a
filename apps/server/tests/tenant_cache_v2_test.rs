//! The tenant cache: one load for all who ask at once, whatever becomes of it, and no lie afterwards.

use rustok_core::clock::{Clock, SystemClock};
use rustok_core::deadline::Deadline;
use rustok_core::ids::Ids;
use rustok_server::middleware::tenant_cache::{TenantCache, TenantLoader};
use rustok_server::middleware::tenant_cache_v2::TenantCacheV2;
use rustok_server::middleware::tenant_cache_v3::TenantCacheV3;
use rustok_storage::{DatabaseUrl, Opener, Store, StoreConfig, tenants};
use rustok_tenancy::{
    NewTenantInput, Tenant, TenantError, TenantIdentifier, TenantIdentifierValidator, TenantSettings,
    TenantStatus,
};
use rustok_test_support::both_databases;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::sync::Semaphore;

fn validator() -> TenantIdentifierValidator {
    TenantIdentifierValidator::new("localhost").unwrap()
}

fn new_tenant(slug: &str) -> rustok_tenancy::NewTenant {
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
enum Behaviour {
    Find,
    FindNothing,
    Fail,
    Panic,
}

struct Counting {
    loads: AtomicUsize,
    gate: Semaphore,
    behaviour: Behaviour,
}

/// The loader that the cache gets; the test keeps the counter.
struct Loader(Arc<Counting>);

impl TenantLoader for Loader {
    async fn load(&self, _: &TenantIdentifier) -> Result<Option<Tenant>, TenantError> {
        let nth = self.0.loads.fetch_add(1, Ordering::SeqCst);
        // A load too many fails its test here instead of waiting for ever.
        tokio::time::timeout(Duration::from_secs(10), self.0.gate.acquire())
            .await
            .unwrap()
            .unwrap()
            .forget();
        match self.0.behaviour {
            Behaviour::Find => {
                let mut tenant = Tenant::from(new_tenant("shop1"));
                tenant.version = i64::try_from(nth).unwrap();
                Ok(Some(tenant))
            }
            Behaviour::FindNothing => Ok(None),
            Behaviour::Fail => Err(TenantError::Unavailable {
                retry_after: Duration::from_secs(1),
            }),
            Behaviour::Panic => panic!("the loader panics"),
        }
    }
}

fn counting(behaviour: Behaviour) -> (Arc<Counting>, TenantCache<Loader>, TenantIdentifier) {
    let loader = Arc::new(Counting {
        loads: AtomicUsize::new(0),
        gate: Semaphore::new(0),
        behaviour,
    });
    (
        Arc::clone(&loader),
        TenantCache::with_loader(Loader(loader)),
        validator().slug("shop1").unwrap(),
    )
}

/// Lets every other task of this thread run until it waits for something: with one thread, no sleep is needed.
async fn everybody_waits() {
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
                Behaviour::Fail | Behaviour::Panic => {
                    assert!(matches!(answer.unwrap_err(), TenantError::Unavailable { .. }));
                }
            }
        }
        assert_eq!(loader.loads.load(Ordering::SeqCst), 1);
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
    assert_eq!(loader.loads.load(Ordering::SeqCst), 1);
    let waiting: Vec<_> = (0..20).map(|_| start(&cache)).collect();
    leader.abort();
    assert!(leader.await.unwrap_err().is_cancelled());
    everybody_waits().await;
    loader.gate.add_permits(1);
    for request in waiting {
        assert!(request.await.unwrap().is_ok());
    }
    assert_eq!(loader.loads.load(Ordering::SeqCst), 1);
}

#[tokio::test]
async fn an_invalidation_wins_over_a_load_that_is_under_way() {
    for all in [false, true] {
        let (loader, cache, shop) = counting(Behaviour::Find);
        let early = tokio::spawn({
            let (cache, shop) = (cache.clone(), shop.clone());
            async move { cache.get_or_fetch(&shop).await }
        });
        everybody_waits().await;
        assert_eq!(loader.loads.load(Ordering::SeqCst), 1);
        if all {
            cache.invalidate_all()
        } else {
            cache.invalidate(&shop).await
        }
        loader.gate.add_permits(10);
        // Load 0 began before the invalidation: what it found is given to nobody.
        assert_eq!(early.await.unwrap().unwrap().version, 1);
        assert_eq!(cache.get_or_fetch(&shop).await.unwrap().version, 1);
        assert_eq!(loader.loads.load(Ordering::SeqCst), 2);
    }
}

#[tokio::test]
async fn a_failure_is_not_kept_and_an_absence_is_until_it_is_invalidated() {
    let (loader, cache, shop) = counting(Behaviour::Fail);
    loader.gate.add_permits(10);
    for loads in 1..=3 {
        assert!(cache.get_or_fetch(&shop).await.is_err());
        assert_eq!(loader.loads.load(Ordering::SeqCst), loads);
    }
    let (loader, cache, shop) = counting(Behaviour::FindNothing);
    loader.gate.add_permits(10);
    for _ in 0..3 {
        assert_eq!(
            cache.get_or_fetch(&shop).await.unwrap_err(),
            TenantError::NotFound
        );
    }
    assert_eq!(loader.loads.load(Ordering::SeqCst), 1);
    cache.invalidate(&shop).await;
    assert_eq!(
        cache.get_or_fetch(&shop).await.unwrap_err(),
        TenantError::NotFound
    );
    assert_eq!(loader.loads.load(Ordering::SeqCst), 2);
}

both_databases! {
    async fn v2_and_v3_serve_what_the_directory_has(database) {
        let config = StoreConfig::new(DatabaseUrl::parse(database.url()).unwrap());
        let db = Store::open(config, Opener::Server).await.unwrap();
        let new = new_tenant("shop1");
        let mut tx = db.platform_write(Deadline::never()).await.unwrap();
        tenants::insert_tenant(&mut tx, &new).await.unwrap();
        tx.commit().await.unwrap();

        let v2 = TenantCacheV2::new(db.clone());
        let v3 = TenantCacheV3::new(db.clone());
        let names = validator().aliases(&Tenant::from(new.clone()));
        assert_eq!(names.len(), 3, "id, slug and host");
        for identifier in &names {
            let tenant = v2.get_or_fetch(identifier).await.unwrap();
            assert_eq!(tenant.id, new.id());
            assert_eq!(v3.get_or_fetch(identifier).await.unwrap(), tenant);
        }
        let unknown = validator().slug("shop9").unwrap();
        assert_eq!(v3.get_or_fetch(&unknown).await.unwrap_err(), TenantError::NotFound);

        let mut tx = db.platform_write(Deadline::never()).await.unwrap();
        tenants::set_status(&mut tx, new.id(), TenantStatus::Suspended, SystemClock.now()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(v3.get_or_fetch(&names[0]).await.unwrap().status, TenantStatus::Active, "still cached");
        v3.invalidate_all();
        for identifier in &names {
            assert_eq!(v3.get_or_fetch(identifier).await.unwrap().status, TenantStatus::Suspended);
        }
    }
}
