//! Products and their stock, as the databases keep them.

use super::*;
use crate::inventory::{LevelChange, MovementReason, NewLevel, StockLevel, lock_level, set_level};
use crate::tests::{id, now, open, soon, tenant};
use crate::{Store, StoreError};
use rustok_commerce::ids::MovementId;
use rustok_commerce::variant::VariantFacts;
use rustok_core::page::{Limit, ListKey};
use rustok_db::params;
use rustok_db::walk::key_values;
use rustok_events::ids::EventId;
use rustok_events::{Event, Topic};
use rustok_tenancy::TenantHandle;
use rustok_test_support::both_databases;
use uuid::Uuid;

fn usd(minor: i64) -> Price {
    Price {
        amount: Money::from_minor(minor, Currency::parse("USD").unwrap()),
        compare_at: None,
    }
}

fn variant(number: u128, available: Option<i64>) -> Variant {
    Variant {
        id: id(number).into(),
        sku: None,
        title: "Default Title".to_owned(),
        options: vec![number.to_string()],
        prices: [usd(100)].into_iter().collect(),
        facts: VariantFacts::default(),
        available,
        allow_backorder: false,
        position: 0,
    }
}

fn product(number: u128, handle: &str, variants: Vec<Variant>) -> Product {
    Product {
        id: id(number).into(),
        handle: Handle::parse(handle).unwrap(),
        status: ProductStatus::Active,
        title: handle.to_owned(),
        description_html: String::new(),
        vendor: None,
        product_type: None,
        tags: vec!["a".to_owned()],
        options: vec!["Number".to_owned()],
        images: Vec::new(),
        variants,
        version: 1,
        created_at: now(),
        updated_at: now(),
        deleted_at: None,
    }
}

/// Ids that never repeat within one test: each shop counts its own events and movements.
fn fresh(tenant: TenantHandle, number: u64) -> Uuid {
    Uuid::from_u64_pair(tenant.tenant_id().as_uuid().as_u64_pair().1, number)
}

fn event(tenant: TenantHandle, topic: Topic, number: u64) -> Event {
    Event {
        id: EventId::from_uuid(fresh(tenant, number)),
        tenant_id: tenant.tenant_id(),
        topic,
        subject_id: id(1),
        payload: serde_json::json!({}),
        occurred_at: now(),
        traceparent: None,
    }
}

fn line(tenant: TenantHandle, variant: u128, delta: i64, number: u64) -> LevelChange {
    LevelChange {
        id: MovementId::from_uuid(fresh(tenant, number)),
        variant_id: id(variant).into(),
        delta,
        reason: MovementReason::Set,
        note: None,
        actor: "system:test".to_owned(),
        at: now(),
    }
}

async fn add(store: &Store, shop: TenantHandle, new: &Product, number: u64) -> bool {
    let mut tx = store.write(shop, soon()).await.unwrap();
    let tracked = new
        .variants
        .iter()
        .filter_map(|variant| Some((variant, variant.available?)));
    let movements: Vec<_> = (100..)
        .zip(tracked)
        .map(|(n, (variant, delta))| line(shop, variant.id.as_uuid().as_u128(), delta, number + n))
        .collect();
    let created = event(shop, Topic::ProductCreated, number);
    let added = insert_product(&mut tx, new, &movements, &created).await.unwrap();
    tx.commit().await.unwrap();
    added
}

async fn set(store: &Store, shop: TenantHandle, available: i64, number: u64) -> Result<(), StoreError> {
    let mut tx = store.write(shop, soon()).await?;
    let level = NewLevel {
        available,
        allow_backorder: None,
    };
    lock_product_of_variant(&mut tx, id(11).into()).await?;
    let before = lock_level(&mut tx, id(11).into()).await?;
    set_level(
        &mut tx,
        before,
        &level,
        line(shop, 11, 0, number),
        &event(shop, Topic::StockChanged, number),
    )
    .await?;
    tx.commit().await
}

/// The ledger of variant 11, as it was written.
async fn ledger(store: &Store, shop: TenantHandle) -> Vec<(i64, String)> {
    let mut tx = store.read(shop, soon()).await.unwrap();
    let sql =
        "SELECT delta, reason FROM stock_movements WHERE tenant_id = $1 AND variant_id = $2 ORDER BY id";
    tx.db
        .fetch("stock_movements", sql, params![tx.tenant(), id(11)], |row| {
            Ok((row.get("delta")?, row.get("reason")?))
        })
        .await
        .unwrap()
}

async fn level(store: &Store, shop: TenantHandle) -> Option<StockLevel> {
    let mut tx = store.write(shop, soon()).await.unwrap();
    crate::inventory::lock_level(&mut tx, id(11).into())
        .await
        .unwrap()
}

async fn read(store: &Store, shop: TenantHandle) -> Product {
    let mut tx = store.read(shop, soon()).await.unwrap();
    find_product(&mut tx, id(1).into()).await.unwrap().unwrap()
}

async fn save(
    store: &Store,
    shop: TenantHandle,
    before: &Product,
    after: &Product,
    number: u64,
) -> Result<(), StoreError> {
    let mut tx = store.write(shop, soon()).await?;
    update_product(
        &mut tx,
        before,
        after,
        &[],
        &event(shop, Topic::ProductUpdated, number),
    )
    .await?;
    tx.commit().await
}

both_databases! {
    async fn a_product_is_read_as_it_was_written(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        let mut new = product(1, "tea", vec![variant(11, Some(5)), variant(12, None)]);
        new.vendor = Some("Чайная".to_owned());
        new.variants[0].prices.set(Price {
            amount: Money::from_minor(7, Currency::parse("JPY").unwrap()),
            compare_at: Some(Money::from_minor(9, Currency::parse("JPY").unwrap())),
        });
        new.variants[1].position = 1;
        new.images.push(Image {
            id: id(21).into(),
            url: "https://x.example/1".to_owned(),
            alt: None,
            position: 0,
        });
        assert!(add(&store, shop, &new, 1).await);
        assert_eq!(read(&store, shop).await, new);
    }

    async fn the_ledger_adds_up_whatever_happens(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        add(&store, shop, &product(1, "tea", vec![variant(11, None)]), 1).await;
        assert_eq!(level(&store, shop).await, None);
        for (number, available) in [(2, 5), (3, 5), (4, 3)] {
            set(&store, shop, available, number).await.unwrap();
        }
        let lines = |lines: &[i64]| lines.iter().map(|delta| (*delta, "set".to_owned())).collect::<Vec<_>>();
        assert_eq!(ledger(&store, shop).await, lines(&[5, -2]));
    }

    async fn two_who_count_at_once_leave_a_ledger_that_adds_up(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        add(&store, shop, &product(1, "tea", vec![variant(11, None)]), 1).await;
        let counts = (2..10).map(|number| {
            let store = store.clone();
            tokio::spawn(async move { set(&store, shop, i64::try_from(number).unwrap(), number).await })
        });
        for count in counts.collect::<Vec<_>>() {
            count.await.unwrap().unwrap();
        }
        let sum: i64 = ledger(&store, shop).await.iter().map(|(delta, _)| delta).sum();
        assert_eq!(level(&store, shop).await.unwrap().available, sum);
    }

    async fn a_handle_has_one_product_until_that_is_deleted(db) {
        let store = open(&db).await;
        let (shop, other) = (tenant(&store, 1, "shop1").await, tenant(&store, 2, "shop2").await);
        let first = product(1, "tea", vec![variant(11, None)]);
        let second = product(2, "tea", vec![variant(12, None)]);
        assert!(add(&store, shop, &first, 1).await);
        assert!(!add(&store, shop, &second, 2).await);
        assert!(add(&store, other, &second, 3).await);
        let mut tx = store.write(shop, soon()).await.unwrap();
        let wanted = [first.handle.clone()];
        assert_eq!(find_taken_handles(&mut tx, &wanted, None).await.unwrap(), ["tea"]);
        assert!(find_taken_handles(&mut tx, &wanted, Some(first.id)).await.unwrap().is_empty());
        delete_product(&mut tx, first.id, 1, now(), &event(shop, Topic::ProductDeleted, 4)).await.unwrap();
        assert!(find_taken_handles(&mut tx, &wanted, None).await.unwrap().is_empty());
        assert!(find_product_of_variant(&mut tx, id(11).into()).await.unwrap().is_none());
        tx.commit().await.unwrap();
        assert!(add(&store, shop, &second, 5).await);
    }

    async fn a_change_compares_the_version(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        let before = product(1, "tea", vec![variant(11, None), variant(12, None)]);
        add(&store, shop, &before, 1).await;
        let mut after = Product { version: 2, ..before.clone() };
        after.variants.remove(1);
        after.variants[0].prices = [usd(250)].into_iter().collect();
        after.variants.push(variant(13, None));
        after.variants[1].position = 1;
        save(&store, shop, &before, &after, 2).await.unwrap();
        assert_eq!(read(&store, shop).await, after);
        let late = save(&store, shop, &before, &after, 3).await;
        assert!(matches!(late, Err(StoreError::Stale { table: "products", .. })), "{late:?}");
        assert_eq!(read(&store, shop).await, after);
    }

    async fn backorders_do_not_end_while_pieces_are_owed(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        let mut owing = variant(11, Some(-2));
        owing.allow_backorder = true;
        let before = product(1, "tea", vec![owing]);
        add(&store, shop, &before, 1).await;
        let mut after = before.clone();
        after.variants[0].allow_backorder = false;
        let refused = save(&store, shop, &before, &after, 2).await;
        assert!(matches!(refused, Err(StoreError::Stale { table: "stock_levels", .. })), "{refused:?}");
        assert_eq!(read(&store, shop).await, before);
    }

    async fn a_search_takes_its_text_literally_and_in_any_case(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        for (number, title, vendor) in [
            (1, "Зелёный ЧАЙ", "Ёлка"),
            (2, "100% Wool_Sock!", "İstanbul"),
            (3, "100 grams", "Wool"),
        ] {
            let mut new = product(number, &format!("p{number}"), Vec::new());
            new.title = title.to_owned();
            new.vendor = Some(vendor.to_owned());
            assert!(add(&store, shop, &new, u64::try_from(number).unwrap()).await);
        }
        let mut tx = store.read(shop, soon()).await.unwrap();
        for (text, expected) in [
            ("зелёный ч", vec![1]),
            ("ЁЛКА", vec![1]),
            ("чайё", vec![]),
            ("wool", vec![3, 2]),
            ("100%", vec![3, 2]),
            ("100% w", vec![3, 2]),
            ("sock!", vec![2]),
            ("ocks", vec![]),
            ("İSTANBUL", vec![2]),
            ("зеле\u{308}ныи\u{306}", vec![1]),
        ] {
            let filter = ProductFilter {
                query: Some(Query::of(text)),
                ..ProductFilter::default()
            };
            let page = list_products(&mut tx, &filter, None, Limit::default()).await.unwrap();
            let found: Vec<_> = page.items.iter().map(|product| product.id.as_uuid().as_u128()).collect();
            assert_eq!(found, expected, "{text}");
        }
    }
}

/// How SQLite goes about a statement.
async fn plan(store: &Store, shop: TenantHandle, sql: &str, values: &[Value<'_>]) -> Vec<String> {
    let mut tx = store.read(shop, soon()).await.unwrap();
    let sql = format!("EXPLAIN QUERY PLAN {sql}");
    tx.db
        .fetch("plan", &sql, values, |row| row.get("detail"))
        .await
        .unwrap()
}

#[tokio::test]
async fn no_list_walks_through_more_than_its_page() {
    let db = rustok_test_support::TestDatabase::sqlite();
    let store = open(&db).await;
    let shop = tenant(&store, 1, "shop1").await;
    let active = ProductFilter {
        status: Some(ProductStatus::Active),
        ..ProductFilter::default()
    };
    for (filter, index) in [
        (
            active,
            "SEARCH p USING INDEX products_status_idx (tenant_id=? AND status=? AND id<?)",
        ),
        (
            ProductFilter::default(),
            "SEARCH p USING INDEX products_in_use_idx (tenant_id=? AND id<?)",
        ),
    ] {
        let mut values = vec![Value::from(shop.tenant_id())];
        let after = key_values(ListKey::<ProductId>::Id(id(1).into()));
        let sql = page::reader("p.id", |_| Ok(())).along_sql(
            &page::walk(&filter),
            Some(after),
            Limit::default(),
            &mut values,
            db.is_postgres(),
        );
        assert_eq!(plan(&store, shop, &sql, &values).await, [index]);
    }
    let values = [Value::from(shop.tenant_id()), id(1).into(), id(2).into()];
    let steps = plan(&store, shop, &variants_statement(2, Lifecycle::InUse), &values).await;
    assert_eq!(
        steps,
        [
            "SEARCH v USING INDEX variants_product_idx (tenant_id=? AND product_id=?)",
            "SEARCH s USING INDEX sqlite_autoindex_stock_levels_1 (tenant_id=? AND variant_id=?) LEFT-JOIN",
            "SEARCH r USING INDEX sqlite_autoindex_prices_1 (tenant_id=? AND variant_id=?) LEFT-JOIN",
        ]
    );
}
