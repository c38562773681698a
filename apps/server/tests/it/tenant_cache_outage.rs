//! The tenant cache while the directory is away, slow or asked too much: what was known is served, for a time.

use crate::tenant_cache_v2_test::{Behaviour, add, counting_with, everybody_waits, open, validator};
use rustok_core::resilience::CircuitState;
use rustok_server::middleware::tenant_cache::{TenantCache, TenantCacheSettings, TenantLoader};
use rustok_server::middleware::tenant_cache_v3::{Guarded, TenantCacheV3};
use rustok_storage::Store;
use rustok_tenancy::{Tenant, TenantError, TenantIdentifier, TenantStatus};
use rustok_test_support::{Lateness, TIMEOUT, TestDatabase, both_databases, eventually};
use std::net::{IpAddr, Ipv4Addr};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::time::{Instant, advance};

const CLIENT: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 1));
/// Five minutes as usual and five more.
const STALE_LIMIT: Duration = Duration::from_secs(600);
const MORE_THAN_A_RECHECK: Duration = Duration::from_millis(1_001);

fn settings() -> TenantCacheSettings {
    TenantCacheSettings::default()
}

#[tokio::test(start_paused = true)]
async fn a_known_tenant_is_served_for_a_bounded_time_while_the_directory_is_away() {
    for behaviour in [Behaviour::Fail, Behaviour::Panic] {
        let (loader, cache, shop) = counting_with(Behaviour::Find, settings());
        loader.gate.add_permits(1_000);
        let begun = Instant::now();
        cache.get_or_fetch(&shop).await.unwrap();
        loader.will(behaviour);
        for _ in 0..50 {
            cache.get_or_fetch(&shop).await.unwrap();
        }
        assert_eq!(
            (loader.loads(), cache.metrics().stale),
            (1, 0),
            "not asked while it is fresh"
        );

        cache.doubt_all();
        for _ in 0..50 {
            assert_eq!(cache.get_or_fetch(&shop).await.unwrap().version, 0);
        }
        assert_eq!((loader.loads(), cache.metrics().stale), (2, 50), "asked once");
        advance(MORE_THAN_A_RECHECK).await;
        cache.get_or_fetch(&shop).await.unwrap();
        assert_eq!(loader.loads(), 3, "asked again");

        advance(STALE_LIMIT - begun.elapsed() - Duration::from_millis(1)).await;
        assert!(cache.get_or_fetch(&shop).await.is_ok());
        advance(Duration::from_millis(1)).await;
        let ended = cache.get_or_fetch(&shop).await.unwrap_err();
        assert!(matches!(ended, TenantError::Unavailable { .. }), "{ended:?}");
        loader.will(Behaviour::Find);
        assert!(cache.get_or_fetch(&shop).await.unwrap().version > 0);
    }
}

#[tokio::test(start_paused = true)]
async fn what_is_known_to_be_wrong_or_gone_is_not_served_even_then() {
    let (loader, cache, shop) = counting_with(Behaviour::Find, settings());
    loader.gate.add_permits(1_000);
    for how in 0..5 {
        loader.will(Behaviour::Find);
        let tenant = cache.get_or_fetch(&shop).await.unwrap();
        loader.will(Behaviour::Fail);
        cache.doubt_all();
        cache.get_or_fetch(&shop).await.unwrap();
        // A mark that says "ask again later" must not outlive any of these.
        match how {
            0 => cache.invalidate(&shop).await,
            1 => cache.invalidate_tenant(tenant.id),
            2 => cache.invalidate_all(),
            3 => {
                advance(MORE_THAN_A_RECHECK).await;
                loader.will(Behaviour::FindNothing);
                assert_eq!(
                    cache.get_or_fetch(&shop).await.unwrap_err(),
                    TenantError::NotFound
                );
                loader.will(Behaviour::Fail);
                cache.doubt_all();
            }
            _ => {
                advance(MORE_THAN_A_RECHECK).await;
                loader.will(Behaviour::Break);
                let error = cache.get_or_fetch(&shop).await.unwrap_err();
                assert!(matches!(error, TenantError::Inconsistent(_)), "{error:?}");
                continue;
            }
        }
        let error = cache.get_or_fetch(&shop).await.unwrap_err();
        assert!(
            matches!(error, TenantError::Unavailable { .. }),
            "{how}: {error:?}"
        );
    }
}

#[tokio::test(start_paused = true)]
async fn without_the_setting_nothing_stale_is_served() {
    let off = TenantCacheSettings {
        stale_if_error: Duration::ZERO,
        ..settings()
    };
    let (loader, cache, shop) = counting_with(Behaviour::Find, off);
    loader.gate.add_permits(1_000);
    cache.get_or_fetch(&shop).await.unwrap();
    loader.will(Behaviour::Fail);
    cache.doubt_all();
    assert!(cache.get_or_fetch(&shop).await.is_err());
    assert_eq!(cache.metrics().stale, 0);
}

#[tokio::test(start_paused = true)]
async fn a_directory_that_hangs_does_not_hang_who_asks_for_a_known_tenant() {
    let (loader, cache, shop) = counting_with(Behaviour::Find, settings());
    loader.gate.add_permits(1);
    cache.get_or_fetch(&shop).await.unwrap();
    cache.doubt_all();
    let begun = Instant::now();
    assert_eq!(cache.get_or_fetch(&shop).await.unwrap().version, 0);
    assert!(
        begun.elapsed() <= Duration::from_millis(101),
        "{:?}",
        begun.elapsed()
    );
    assert_eq!((loader.loads(), cache.metrics().stale), (2, 1));
    // The load went on, and what it finds is served to all from then on.
    loader.gate.add_permits(1);
    everybody_waits().await;
    assert_eq!(cache.get_or_fetch(&shop).await.unwrap().version, 1);
    assert_eq!((loader.loads(), cache.metrics().stale), (2, 1));

    // An invalidation while one waits ends the patience: what was known is wrong.
    cache.doubt_all();
    let asking = cache.get_or_fetch(&shop);
    let (answer, ()) = tokio::join!(asking, async {
        everybody_waits().await;
        cache.invalidate_all();
    });
    assert!(
        matches!(answer, Err(TenantError::Unavailable { .. })),
        "{answer:?}"
    );
}

#[tokio::test(start_paused = true)]
async fn a_client_may_ask_for_so_many_unknown_names_and_for_known_ones_always() {
    let (loader, cache, shop) = counting_with(Behaviour::Find, settings());
    loader.gate.add_permits(10_000);
    cache.get_or_fetch_for(CLIENT, &shop).await.unwrap();
    loader.will(Behaviour::FindNothing);
    let mut answers = [0, 0];
    for number in 0..1_000 {
        let name = validator().slug(&format!("shop-{number}")).unwrap();
        match cache.get_or_fetch_for(CLIENT, &name).await.unwrap_err() {
            TenantError::NotFound => answers[0] += 1,
            TenantError::TooManyUnknown { retry_after } => {
                assert!(!retry_after.is_zero() && retry_after <= Duration::from_secs(1));
                answers[1] += 1;
            }
            other => panic!("{other:?}"),
        }
    }
    assert_eq!(answers, [100, 900]);
    assert_eq!((loader.loads(), cache.metrics().refused), (1_001, 900));
    let first = validator().slug("shop-0").unwrap();
    assert_eq!(
        cache.get_or_fetch_for(CLIENT, &first).await.unwrap_err(),
        TenantError::NotFound
    );
    cache.get_or_fetch_for(CLIENT, &shop).await.unwrap();
    // In doubt it is asked for again, for whomever.
    loader.will(Behaviour::Find);
    cache.doubt_all();
    assert_eq!(
        cache.get_or_fetch_for(CLIENT, &shop).await.unwrap().version,
        1_001
    );
    // A real tenant is found however many names the client has made up.
    let real = validator().slug("real").unwrap();
    cache.get_or_fetch_for(CLIENT, &real).await.unwrap();
    let neighbour = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2));
    cache.get_or_fetch_for(neighbour, &real).await.unwrap();
    // Finding costs nothing.
    advance(Duration::from_millis(100)).await;
    for number in 2_000..2_500 {
        let name = validator().slug(&format!("shop-{number}")).unwrap();
        cache.get_or_fetch_for(CLIENT, &name).await.unwrap();
    }
}

#[tokio::test(start_paused = true)]
async fn loads_beyond_the_bound_fail_at_once_and_known_tenants_do_not() {
    let narrow = TenantCacheSettings {
        concurrent_loads: 2,
        waiting_loads: 3,
        ..settings()
    };
    let (loader, cache, shop) = counting_with(Behaviour::Find, narrow);
    loader.gate.add_permits(1);
    cache.get_or_fetch(&shop).await.unwrap();
    let ask = |number: i32| {
        let (cache, name) = (
            cache.clone(),
            validator().slug(&format!("shop-{number}")).unwrap(),
        );
        tokio::spawn(async move { cache.get_or_fetch(&name).await.map(drop) })
    };
    let first: Vec<_> = (0..5).map(ask).collect();
    everybody_waits().await;
    assert_eq!(loader.loads(), 3, "two of five run");
    let begun = Instant::now();
    for refused in (5..50).map(ask).collect::<Vec<_>>() {
        let error = refused.await.unwrap().unwrap_err();
        assert!(matches!(error, TenantError::Unavailable { .. }), "{error:?}");
    }
    cache.doubt_all();
    assert_eq!(cache.get_or_fetch(&shop).await.unwrap().version, 0);
    assert_eq!(begun.elapsed(), Duration::ZERO);
    assert_eq!(cache.metrics().overloaded, 46);
    loader.gate.add_permits(5);
    for request in first {
        request.await.unwrap().unwrap();
    }
}

/// A directory that can be taken away.
#[derive(Clone)]
struct Switched {
    db: Store,
    away: Arc<AtomicBool>,
}

impl TenantLoader for Switched {
    async fn load(&self, identifier: &TenantIdentifier) -> Result<Option<Tenant>, TenantError> {
        let away = TenantError::Unavailable {
            retry_after: Duration::from_secs(1),
        };
        if self.away.load(Ordering::SeqCst) {
            return Err(away);
        }
        let soon = rustok_core::deadline::Deadline::after(Duration::from_secs(10));
        let mut tx = self.db.platform_read(soon).await.map_err(|_| away.clone())?;
        let found = rustok_storage::tenants::find_tenant(&mut tx, identifier).await;
        found.map_err(|_| away)
    }
}

both_databases! {
    async fn known_tenants_outlive_an_outage_and_an_open_breaker(database) {
        let db = open(&database).await;
        let shop = add(&db, "shop1").await;
        add(&db, "shop2").await;
        let away = Arc::new(AtomicBool::new(false));
        let cache = TenantCache::over(Guarded::new(Switched { db, away: away.clone() }), settings());
        let names = validator().aliases(&shop);
        for name in &names {
            cache.get_or_fetch(name).await.unwrap();
        }
        away.store(true, Ordering::SeqCst);
        let unknown = validator().slug("shop2").unwrap();
        for _ in 0..20 {
            cache.doubt_all();
            for name in &names {
                assert_eq!(cache.get_or_fetch(name).await.unwrap().id, shop.id);
            }
            let error = cache.get_or_fetch(&unknown).await.unwrap_err();
            assert!(matches!(error, TenantError::Unavailable { .. }), "{error:?}");
        }
        assert_eq!(cache.metrics().stale, 60);
        away.store(false, Ordering::SeqCst);
        // The breaker lets a probe through after a second at most.
        let (lateness, begun) = (Lateness::watch(), Instant::now());
        eventually(TIMEOUT, async || cache.get_or_fetch(&unknown).await).await;
        assert!(begun.elapsed() < Duration::from_secs(5) + lateness.since(begun));
    }
}

/// A real database that goes away: PostgreSQL ends the connections when it is dropped.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn known_tenants_outlive_their_database() {
    let database = TestDatabase::postgres().await;
    let db = open(&database).await;
    add(&db, "shop1").await;
    let cache = TenantCacheV3::new(db);
    let (known, unknown) = (
        validator().slug("shop1").unwrap(),
        validator().slug("shop2").unwrap(),
    );
    cache.get_or_fetch(&known).await.unwrap();
    drop(database);
    for _ in 0..10 {
        cache.doubt_all();
        let tenant = cache.get_or_fetch(&known).await.unwrap();
        assert_eq!(tenant.status, TenantStatus::Active);
        let error = cache.get_or_fetch(&unknown).await.unwrap_err();
        assert!(matches!(error, TenantError::Unavailable { .. }), "{error:?}");
    }
    assert_eq!(cache.breaker().state(), CircuitState::Open);
    assert_eq!(cache.breaker().metrics().failures, 5);
    assert_eq!(cache.metrics().stale, 10);
}
