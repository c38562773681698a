//! The tenant directory and the tokens.

use super::*;
use crate::tokens::{self, ApiToken};
use rustok_auth::ids::TokenId;
use rustok_auth::{Role, TokenHash};
use rustok_core::page::Limit;
use rustok_db::TenantTx;
use rustok_tenancy::{Tenant, TenantIdentifier, TenantStatus};
use rustok_test_support::{all_pages, both_databases};

async fn find(store: &Store, identifier: &TenantIdentifier) -> Option<Tenant> {
    let mut tx = store.platform_read(soon()).await.unwrap();
    tenants::find_tenant(&mut tx, identifier).await.unwrap()
}

async fn version(store: &Store) -> i64 {
    let mut tx = store.platform_read(soon()).await.unwrap();
    tenants::directory_version(&mut tx).await.unwrap()
}

/// The number of the last change and who changed since, in the order of their ids.
async fn changes(store: &Store, since: i64) -> (i64, Option<Vec<TenantId>>) {
    let mut tx = store.platform_read(soon()).await.unwrap();
    let mut changes = tenants::directory_changes(&mut tx, since).await.unwrap();
    if let Some(tenants) = &mut changes.tenants {
        tenants.sort_unstable();
    }
    (changes.version, changes.tenants)
}

fn token_id(number: u128) -> TokenId {
    TokenId::from_uuid(id(number))
}

/// Which token a secret is, and its role.
async fn found(tx: &mut TenantTx, hash: &TokenHash) -> Option<(TokenId, Role)> {
    let found = tokens::find_token(tx, hash, now()).await.unwrap();
    found.map(|token| (token.id, token.role))
}

both_databases! {
    async fn a_tenant_is_found_by_host_slug_and_id(db) {
        let store = open(&db).await;
        let wanted = new_tenant(1, "shop1", &["b.example", "a.example"]);
        add_tenant(&store, &wanted).await.unwrap();
        add_tenant(&store, &new_tenant(2, "shop2", &["c.example"])).await.unwrap();
        let names = validator();
        for identifier in [
            names.host("a.example").unwrap(),
            names.host("b.example").unwrap(),
            names.slug("shop1").unwrap(),
            names.known_id(wanted.id()),
        ] {
            let found = find(&store, &identifier).await.unwrap();
            assert_eq!((found.id, &*found.slug, &*found.name), (wanted.id(), "shop1", "Shop shop1"));
            assert_eq!(found.hosts, ["a.example", "b.example"]);
            assert_eq!((found.status, found.version), (TenantStatus::Active, 1));
            assert_eq!((found.created_at, found.settings), (now(), TenantSettings::default()));
        }
        for identifier in [
            names.host("shop1").unwrap(),
            names.slug("a-example").unwrap(),
            names.known_id(TenantId::from_uuid(id(3))),
        ] {
            assert_eq!(find(&store, &identifier).await, None);
        }
    }

    async fn taken_names_are_told_alike_and_leave_nothing(db) {
        let store = open(&db).await;
        add_tenant(&store, &new_tenant(1, "shop1", &["a.example"])).await.unwrap();
        let before = version(&store).await;
        for (tenant, key) in [
            (new_tenant(2, "shop1", &[]), "tenants(slug)"),
            (new_tenant(2, "shop2", &["b.example", "a.example"]), "tenant_hosts(host)"),
            (new_tenant(1, "shop2", &[]), "tenants(id)"),
        ] {
            let error = add_tenant(&store, &tenant).await.unwrap_err();
            assert!(error.is_taken(key), "{error:?} is not {key}");
            assert_eq!(find(&store, &validator().slug("shop2").unwrap()).await, None);
            assert_eq!(find(&store, &validator().host("b.example").unwrap()).await, None);
        }
        assert_eq!(version(&store).await, before);
    }

    async fn every_change_raises_the_version(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await.tenant_id();
        let start = version(&store).await;
        let later = now() + Duration::from_secs(1);

        let mut tx = store.platform_write(soon()).await.unwrap();
        tenants::add_host(&mut tx, shop, "a.example", later).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(version(&store).await, start + 1);

        let mut tx = store.platform_write(soon()).await.unwrap();
        tenants::set_status(&mut tx, shop, TenantStatus::Suspended, later).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(version(&store).await, start + 2);
        let found = find(&store, &validator().host("a.example").unwrap()).await.unwrap();
        assert_eq!((found.status, found.version), (TenantStatus::Suspended, 3));

        let mut tx = store.platform_write(soon()).await.unwrap();
        let stranger = TenantId::from_uuid(id(9));
        let error = tenants::set_status(&mut tx, stranger, TenantStatus::Active, later).await.unwrap_err();
        assert!(matches!(error, StoreError::Stale { table: "tenants", expected: 1, changed: 0 }), "{error:?}");
        drop(tx);
        assert_eq!(version(&store).await, start + 2);
    }

    async fn changes_name_the_tenants_that_changed_since(db) {
        let store = open(&db).await;
        let one = tenant(&store, 1, "shop1").await.tenant_id();
        let two = tenant(&store, 2, "shop2").await.tenant_id();
        let start = version(&store).await;
        assert_eq!(changes(&store, start).await, (start, Some(vec![])));
        assert_eq!(changes(&store, start - 1).await, (start, Some(vec![two])));
        assert_eq!(changes(&store, i64::MAX).await, (start, Some(vec![])), "only the number");

        let mut tx = store.platform_write(soon()).await.unwrap();
        tenants::add_host(&mut tx, one, "a.example", now()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(changes(&store, start).await, (start + 1, Some(vec![one])));
        let mut tx = store.platform_write(soon()).await.unwrap();
        tenants::set_status(&mut tx, two, TenantStatus::Suspended, now()).await.unwrap();
        tenants::set_status(&mut tx, one, TenantStatus::Suspended, now()).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(changes(&store, start).await, (start + 3, Some(vec![one, two])));
        assert_eq!(changes(&store, start + 2).await, (start + 3, Some(vec![one])));
    }

    async fn a_host_is_moved_by_one_change_and_taken_away_by_another(db) {
        let store = open(&db).await;
        add_tenant(&store, &new_tenant(1, "shop1", &["a.example", "b.example"])).await.unwrap();
        let (one, two) = (TenantId::from_uuid(id(1)), tenant(&store, 2, "shop2").await.tenant_id());
        let start = version(&store).await;
        let later = now() + Duration::from_secs(1);
        let host = validator().host("a.example").unwrap();

        let mut tx = store.platform_write(soon()).await.unwrap();
        tenants::move_host(&mut tx, one, two, "a.example", later).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(changes(&store, start).await, (start + 1, Some(vec![one, two])));
        let found = find(&store, &host).await.unwrap();
        assert_eq!((found.id, found.version, found.hosts), (two, 2, vec!["a.example".to_owned()]));
        let left = find(&store, &validator().known_id(one)).await.unwrap();
        assert_eq!((left.version, left.hosts), (2, vec!["b.example".to_owned()]));

        // Only from whom it belongs to, and only to somebody; what fails leaves nothing.
        for (from, to) in [(one, two), (two, TenantId::from_uuid(id(9)))] {
            let mut tx = store.platform_write(soon()).await.unwrap();
            let refused = tenants::move_host(&mut tx, from, to, "a.example", later).await;
            assert!(refused.is_err(), "{refused:?}");
        }
        let mut tx = store.platform_write(soon()).await.unwrap();
        let error = tenants::remove_host(&mut tx, one, "a.example", later).await.unwrap_err();
        assert!(matches!(error, StoreError::Stale { table: "tenant_hosts", .. }), "{error:?}");
        drop(tx);
        assert_eq!(version(&store).await, start + 1);

        let mut tx = store.platform_write(soon()).await.unwrap();
        tenants::remove_host(&mut tx, two, "a.example", later).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(changes(&store, start + 1).await, (start + 2, Some(vec![two])));
        assert_eq!(find(&store, &host).await, None);
    }

    /// What is not yet committed must not be jumped over: its number would never be asked for again.
    async fn whoever_reads_a_number_finds_every_change_up_to_it(db) {
        let store = open(&db).await;
        let mut shops = Vec::new();
        for number in 1..=8 {
            shops.push(tenant(&store, number, &format!("shop{number}")).await.tenant_id());
        }
        let mut seen = version(&store).await;
        let writers: Vec<_> = shops.iter().map(|&shop| tokio::spawn({
            let store = store.clone();
            async move {
                for nth in 0..5 {
                    let mut tx = store.platform_write(soon()).await.unwrap();
                    tenants::add_host(&mut tx, shop, &format!("{nth}.{shop}.example"), now()).await.unwrap();
                    tx.commit().await.unwrap();
                }
            }
        })).collect();
        let mut named = Vec::new();
        let (last, begun) = (seen + 40, std::time::Instant::now());
        while seen < last {
            assert!(begun.elapsed() < Duration::from_secs(60), "{seen} of {last}");
            let (version, tenants) = changes(&store, seen).await;
            let tenants = tenants.unwrap();
            let changed = usize::try_from(version - seen).unwrap();
            assert!(tenants.len() <= changed, "{tenants:?} in {changed} changes");
            assert_eq!(tenants.is_empty(), changed == 0);
            seen = version;
            named.extend(tenants);
        }
        for writer in writers {
            writer.await.unwrap();
        }
        named.sort_unstable();
        named.dedup();
        assert_eq!(named, shops);
    }

    async fn too_many_changes_are_not_named(db) {
        let store = open(&db).await;
        let start = version(&store).await;
        let mut tx = store.platform_write(soon()).await.unwrap();
        for number in 1..=1_001 {
            tenants::insert_tenant(&mut tx, &new_tenant(number, &format!("shop{number}"), &[])).await.unwrap();
        }
        tx.commit().await.unwrap();
        assert_eq!(changes(&store, start).await, (start + 1_001, None));
        assert_eq!(changes(&store, start + 1).await.1.unwrap().len(), 1_000);
    }

    async fn tenants_are_listed_in_pages_with_their_hosts(db) {
        let store = open(&db).await;
        for number in 1..=5 {
            let host = format!("{number}.example.org");
            add_tenant(&store, &new_tenant(number, &format!("shop{number}"), &[&host])).await.unwrap();
        }
        let limit = Limit::new(2).unwrap();
        let seen = all_pages(async |after| {
            let mut tx = store.platform_read(soon()).await.unwrap();
            let page = tenants::list_tenants(&mut tx, after.copied(), limit).await.unwrap();
            let next = page.next_cursor.and(page.items.last().map(|tenant| tenant.id));
            let items = page.items.into_iter().map(|tenant| (tenant.slug, tenant.hosts.concat()));
            (items.collect(), next)
        });
        let seen = seen.await;
        let expected: Vec<_> = (1..=5).map(|n| (format!("shop{n}"), format!("{n}.example.org"))).collect();
        assert_eq!(seen, expected);
    }

    async fn a_token_of_another_tenant_is_unknown(db) {
        let store = open(&db).await;
        let (one, two) = (tenant(&store, 1, "shop1").await, tenant(&store, 2, "shop2").await);
        let (hash, shared) = (TokenHash::from_bytes([1; 32]), TokenHash::from_bytes([2; 32]));
        let mut tx = store.write(one, soon()).await.unwrap();
        tokens::insert_token(&mut tx, &ApiToken::new(token_id(1), "ci", Role::Editor, now()), &hash).await.unwrap();
        tokens::insert_token(&mut tx, &ApiToken::new(token_id(2), "", Role::Viewer, now()), &shared).await.unwrap();
        tx.commit().await.unwrap();
        // The same secret and the same id in another tenant are no clash: it would tell about a neighbour.
        let mut tx = store.write(two, soon()).await.unwrap();
        tokens::insert_token(&mut tx, &ApiToken::new(token_id(2), "", Role::Admin, now()), &shared).await.unwrap();
        tx.commit().await.unwrap();

        let mut tx = store.read(one, soon()).await.unwrap();
        assert_eq!(found(&mut tx, &hash).await, Some((token_id(1), Role::Editor)));
        assert_eq!(found(&mut tx, &shared).await, Some((token_id(2), Role::Viewer)));
        drop(tx);
        let mut tx = store.read(two, soon()).await.unwrap();
        assert_eq!(found(&mut tx, &hash).await, None);
        assert_eq!(found(&mut tx, &shared).await, Some((token_id(2), Role::Admin)));
        let listed = tokens::list_tokens(&mut tx).await.unwrap();
        assert_eq!(listed.iter().map(|token| token.id).collect::<Vec<_>>(), [token_id(2)]);
        drop(tx);
        // Nor can it be revoked from there.
        let mut tx = store.write(two, soon()).await.unwrap();
        let error = tokens::revoke_token(&mut tx, token_id(1), now()).await.unwrap_err();
        assert!(matches!(error, StoreError::Stale { changed: 0, .. }), "{error:?}");
    }

    async fn a_revoked_token_opens_nothing(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        let hash = TokenHash::from_bytes([1; 32]);
        let mut tx = store.write(shop, soon()).await.unwrap();
        tokens::insert_token(&mut tx, &ApiToken::new(token_id(1), "ci", Role::Admin, now()), &hash).await.unwrap();
        tokens::revoke_token(&mut tx, token_id(1), now()).await.unwrap();
        assert_eq!(found(&mut tx, &hash).await, None);
        assert_eq!(tokens::list_tokens(&mut tx).await.unwrap()[0].revoked_at, Some(now()));
        tx.commit().await.unwrap();

        let mut tx = store.write(shop, soon()).await.unwrap();
        assert!(tokens::revoke_token(&mut tx, token_id(1), now()).await.is_err());
        drop(tx);
        let mut tx = store.write(shop, soon()).await.unwrap();
        let error = tokens::insert_token(&mut tx, &ApiToken::new(token_id(2), "", Role::Admin, now()), &hash).await.unwrap_err();
        assert!(error.is_taken("api_tokens(hash)"), "{error:?}");
    }

    async fn a_platform_token_opens_the_platform_until_it_is_revoked(db) {
        let store = open(&db).await;
        let hash = TokenHash::from_bytes([3; 32]);
        let mut tx = store.platform_write(soon()).await.unwrap();
        tenants::insert_platform_token(&mut tx, token_id(1), "ops", &hash, now()).await.unwrap();
        tx.commit().await.unwrap();
        let mut tx = store.platform_write(soon()).await.unwrap();
        assert_eq!(tenants::find_platform_token(&mut tx, &hash).await.unwrap(), Some(token_id(1)));
        assert_eq!(
            tenants::find_platform_token(&mut tx, &TokenHash::from_bytes([4; 32])).await.unwrap(),
            None
        );
        tenants::revoke_platform_token(&mut tx, token_id(1), now()).await.unwrap();
        assert_eq!(tenants::find_platform_token(&mut tx, &hash).await.unwrap(), None);
        assert_eq!(tenants::list_platform_tokens(&mut tx).await.unwrap()[0].revoked_at, Some(now()));
        assert!(tenants::revoke_platform_token(&mut tx, token_id(1), now()).await.is_err());
    }
}
