//! Orders, stock and the ledger as the databases keep them: together or not at all.

use super::*;
use crate::customers::upsert_customer;
use crate::reservations::{Buyer, Movement, STOCK_LEVELS, read_shelf};
use crate::tests::{id, now, open, soon, tenant};
use crate::{Store, inventory, products};
use rustok_auth::{SecretKind, TokenHash, TokenSecret};
use rustok_commerce::ids::VariantId;
use rustok_commerce::inventory::stock_moves;
use rustok_commerce::order::AdjustmentKind;
use rustok_commerce::price::Price;
use rustok_commerce::product::{Handle, Product, ProductStatus};
use rustok_commerce::variant::{Variant, VariantFacts};
use rustok_commerce::{
    AnyOrder, Order, OrderAdjustment, OrderColumns, OrderContents, OrderLine, OrderNumber, OrderSource,
    OrderStatus, Placement,
};
use rustok_core::clock::Timestamp;
use rustok_core::money::{Currency, Money};
use rustok_core::page::Limit;
use rustok_events::{Event, Job, JobKind, Topic};
use rustok_tenancy::TenantHandle;
use rustok_test_support::both_databases;
use rustok_text::CanonicalEmail;
use std::time::Duration;

const COUNTED: u128 = 11;
const FREE: u128 = 12;

fn usd() -> Currency {
    Currency::parse("USD").unwrap()
}

fn buyer(email: &CanonicalEmail) -> Buyer<'_> {
    Buyer { email, network: None }
}

fn jane() -> CanonicalEmail {
    CanonicalEmail::parse("jane@example.com").unwrap()
}

fn secret() -> TokenHash {
    TokenSecret::from_random_bytes(SecretKind::Order, [1; 32]).hash()
}

/// A shop with one active product: a counted variant with `stock` pieces and one that is not tracked.
async fn shop(store: &Store, stock: i64) -> TenantHandle {
    let shop = tenant(store, 1, "shop1").await;
    let mut tx = store.write(shop, soon()).await.unwrap();
    let variant = |number: u128, position| Variant {
        id: id(number).into(),
        sku: None,
        title: "v".to_owned(),
        options: vec![number.to_string()],
        prices: std::iter::once(Price {
            amount: Money::from_minor(550, usd()),
            compare_at: None,
        })
        .collect(),
        facts: VariantFacts::default(),
        available: None,
        allow_backorder: false,
        position,
    };
    let product = Product {
        id: id(5).into(),
        handle: Handle::parse("tea").unwrap(),
        status: ProductStatus::Active,
        title: "Tea".to_owned(),
        description_html: String::new(),
        vendor: None,
        product_type: None,
        tags: Vec::new(),
        options: vec!["Number".to_owned()],
        images: Vec::new(),
        variants: vec![variant(COUNTED, 0), variant(FREE, 1)],
        version: 1,
        created_at: now(),
        updated_at: now(),
        deleted_at: None,
    };
    assert!(
        products::insert_product(&mut tx, &product, &[], &event(999))
            .await
            .unwrap()
    );
    let level = inventory::NewLevel {
        available: stock,
        allow_backorder: None,
    };
    inventory::set_level(&mut tx, None, &level, counted(1_000), &event(1_000))
        .await
        .unwrap();
    tx.commit().await.unwrap();
    shop
}

fn counted(number: u128) -> inventory::LevelChange {
    inventory::LevelChange {
        id: id(number).into(),
        variant_id: id(COUNTED).into(),
        delta: 0,
        reason: inventory::MovementReason::Set,
        note: None,
        actor: "test".to_owned(),
        at: now(),
    }
}

fn event(number: u128) -> Event {
    Event {
        id: id(number).into(),
        tenant_id: id(1).into(),
        topic: Topic::OrderPlaced,
        subject_id: id(number),
        payload: serde_json::json!({}),
        occurred_at: now(),
        traceparent: None,
    }
}

fn later(minutes: u64) -> Timestamp {
    now().checked_add(Duration::from_secs(minutes * 60)).unwrap()
}

/// A ledger line per variant that an order moves, from `number` on.
fn moves(lines: &[OrderLine], number: u128) -> Vec<Movement> {
    let ids = (number..).map(|number| id(number).into());
    stock_moves(lines)
        .into_iter()
        .zip(ids)
        .map(|(stock, id)| Movement { id, stock })
        .collect()
}

/// An order of so many pieces of both variants, priced from the shelf.
async fn build_order(tx: &mut TenantTx, number: u128, quantity: i64) -> AnyOrder {
    let variants: [VariantId; 2] = [id(COUNTED).into(), id(FREE).into()];
    let shelf = read_shelf(tx, &variants, &[], usd(), buyer(&jane()))
        .await
        .unwrap();
    let customer_id = match shelf.customer {
        Some(customer) => customer,
        None => upsert_customer(tx, id(number + 1).into(), &jane(), now())
            .await
            .unwrap(),
    };
    let lines = shelf.variants.into_iter().map(|variant| OrderLine {
        variant_id: variant.variant_id,
        product_id: variant.product_id,
        title: variant.title,
        variant_title: variant.variant_title,
        sku: variant.sku,
        quantity,
        unit_price: variant.unit_price.unwrap(),
        stock_taken: variant.stock.available.is_some(),
    });
    let adjustments = [(AdjustmentKind::Shipping, 490), (AdjustmentKind::Discount, -100)];
    let adjustments = adjustments.map(|(kind, minor)| OrderAdjustment {
        kind,
        title: kind.as_str().to_owned(),
        amount: Money::from_minor(minor, usd()),
    });
    let placement = Placement {
        id: id(number).into(),
        tenant_id: tx.tenant(),
        source: OrderSource::Storefront,
        customer_id,
        email: jane(),
        contents: OrderContents::new(usd(), lines.collect(), adjustments.to_vec()).unwrap(),
        expires_at: later(60),
    };
    Order::place(placement, now()).into()
}

async fn insert(tx: &mut TenantTx, order: OrderColumns<'_>) -> Result<OrderNumber, StoreError> {
    let number = order.id.as_uuid().as_u128();
    let expiry = Job {
        id: id(number + 2).into(),
        tenant_id: order.tenant_id,
        kind: JobKind::ExpireOrder,
        subject_id: order.id.as_uuid(),
        due_at: later(60),
    };
    let new = NewOrder {
        order,
        placed_from: None,
        placed_on: 20_000,
        secret_hash: &secret(),
        actor: "anonymous",
        taken: &moves(order.lines, number + 3),
        event: &event(number + 4),
        expiry: &expiry,
        limit: None,
        is_first: true,
        is_new_customer: true,
    };
    insert_order(tx, &new).await
}

/// Saves a transition in a transaction of its own.
async fn save(
    store: &Store,
    shop: TenantHandle,
    before: &AnyOrder,
    after: &AnyOrder,
    number: u128,
) -> Result<(), StoreError> {
    let mut tx = store.write(shop, soon()).await?;
    let returned = if after.status() == OrderStatus::Cancelled {
        moves(after.lines(), number)
    } else {
        Vec::new()
    };
    let change = OrderChange {
        from: before.status(),
        transition: "test",
        after: after.into(),
        record: id(number + 60).into(),
        actor: "test",
        returned: &returned,
        expiry: None,
        event: &event(number + 50),
    };
    save_change(&mut tx, &change).await?;
    tx.commit().await
}

async fn placed(store: &Store, shop: TenantHandle, number: u128, quantity: i64) -> AnyOrder {
    let mut tx = store.write(shop, soon()).await.unwrap();
    let order = build_order(&mut tx, number, quantity).await;
    let number = insert(&mut tx, (&order).into()).await.unwrap();
    tx.commit().await.unwrap();
    order.with_number(number)
}

async fn read(store: &Store, shop: TenantHandle, number: u128) -> Option<AnyOrder> {
    let mut tx = store.read(shop, soon()).await.unwrap();
    let stored = find_order(&mut tx, id(number).into()).await.unwrap()?;
    assert_eq!(stored.secret_hash, secret());
    Some(stored.row.try_into().unwrap())
}

async fn number(store: &Store, shop: TenantHandle, sql: &str) -> Option<i64> {
    let mut tx = store.read(shop, soon()).await.unwrap();
    let params = params![tx.tenant(), id(COUNTED)];
    let found = tx
        .db
        .fetch_optional("x", sql, params, |row| row.get("n"))
        .await
        .unwrap();
    found.flatten()
}

/// The level of the counted variant, which must be the sum of its ledger.
async fn level(store: &Store, shop: TenantHandle) -> Option<i64> {
    let sql = "SELECT available AS n FROM stock_levels WHERE tenant_id = $1 AND variant_id = $2";
    let level = number(store, shop, sql).await;
    let sql = "SELECT CAST(sum(delta) AS bigint) AS n FROM stock_movements WHERE tenant_id = $1 AND variant_id = $2";
    assert_eq!(
        level.unwrap_or(0),
        number(store, shop, sql).await.unwrap(),
        "the ledger does not add up"
    );
    level
}

async fn count(store: &Store, shop: TenantHandle, table: &str) -> i64 {
    let sql = format!("SELECT count(*) AS n FROM {table} WHERE tenant_id = $1 AND $2::uuid IS NOT NULL");
    number(store, shop, &sql).await.unwrap()
}

both_databases! {
    async fn an_order_comes_back_as_it_was_saved_through_its_whole_life(db) {
        let store = open(&db).await;
        let shop = shop(&store, 10).await;
        let mut order = placed(&store, shop, 100, 3).await;
        assert_eq!((read(&store, shop, 100).await.as_ref(), level(&store, shop).await), (Some(&order), Some(7)));
        assert_eq!(count(&store, shop, "jobs").await, 1);
        assert_eq!(count(&store, shop, "order_adjustments").await, 2);
        let steps: [fn(AnyOrder) -> AnyOrder; 4] = [
            |order| order.confirm_at(later(1)).unwrap(),
            |order| order.pay_at("pay_1".into(), "card".into(), later(2)).unwrap(),
            |order| order.ship_at("T1".into(), "Post".into(), later(3)).unwrap(),
            |order| order.deliver_at(Some("Jane".into()), later(4)).unwrap(),
        ];
        for (step, at) in steps.into_iter().zip((200..).step_by(100)) {
            let after = step(order.clone());
            save(&store, shop, &order, &after, at).await.unwrap();
            assert_eq!(read(&store, shop, 100).await.as_ref(), Some(&after));
            order = after;
        }
        assert_eq!(level(&store, shop).await, Some(7));
        let counts = [("jobs", 0), ("order_history", 5), ("outbox", 7), ("payments", 1), ("fulfilments", 1), ("refunds", 0)];
        for (table, rows) in counts {
            assert_eq!(count(&store, shop, table).await, rows, "{table}");
        }
    }

    async fn stock_goes_back_once_whoever_cancels(db) {
        let store = open(&db).await;
        let shop = shop(&store, 10).await;
        let order = placed(&store, shop, 100, 4).await;
        let confirmed = order.clone().confirm_at(later(1)).unwrap();
        save(&store, shop, &order, &confirmed, 200).await.unwrap();
        let paid = confirmed.clone().pay_at("pay_1".into(), "card".into(), later(2)).unwrap();
        save(&store, shop, &confirmed, &paid, 300).await.unwrap();
        let cancelled = paid.clone().cancel_at("no".into(), Some("re_1".into()), later(3)).unwrap();
        save(&store, shop, &paid, &cancelled, 400).await.unwrap();
        assert_eq!((read(&store, shop, 100).await.as_ref(), level(&store, shop).await), (Some(&cancelled), Some(10)));

        // Who read it before comes too late, with each of the rows that a transition brings.
        let too_late = [
            (&order, order.clone().cancel_at("late".into(), None, later(4)).unwrap()),
            (&confirmed, confirmed.clone().pay_at("pay_2".into(), "card".into(), later(4)).unwrap()),
            (&paid, paid.clone().ship_at("T1".into(), "Post".into(), later(4)).unwrap()),
            (&paid, paid.clone().cancel_at("late".into(), Some("re_2".into()), later(4)).unwrap()),
        ];
        for ((before, after), at) in too_late.iter().zip((500..).step_by(100)) {
            let lost = save(&store, shop, before, after, at).await.unwrap_err();
            assert!(matches!(lost, StoreError::Stale { .. }), "{lost:?}");
        }
        assert_eq!((read(&store, shop, 100).await.as_ref(), level(&store, shop).await), (Some(&cancelled), Some(10)));
        for (table, rows) in [("order_history", 4), ("payments", 1), ("refunds", 1), ("fulfilments", 0)] {
            assert_eq!(count(&store, shop, table).await, rows, "{table}");
        }
    }

    async fn stock_that_is_not_counted_any_more_takes_nothing_back(db) {
        let store = open(&db).await;
        let shop = shop(&store, 10).await;
        let order = placed(&store, shop, 100, 4).await;
        let mut tx = store.write(shop, soon()).await.unwrap();
        let stop = "DELETE FROM stock_levels WHERE tenant_id = $1 AND variant_id = $2";
        tx.db.execute_one(STOCK_LEVELS, stop, params![tx.tenant(), id(COUNTED)]).await.unwrap();
        let line = inventory::LevelChange { delta: -6, ..counted(900) };
        tx.db.execute_all(&[inventory::insert_movement(tx.tenant(), &line)]).await.unwrap();
        tx.commit().await.unwrap();
        let cancelled = order.clone().cancel_at("no".into(), None, later(1)).unwrap();
        save(&store, shop, &order, &cancelled, 200).await.unwrap();
        assert_eq!(level(&store, shop).await, None);
        assert_eq!(count(&store, shop, "jobs").await, 0);
    }

    async fn what_was_read_is_not_promised(db) {
        let store = open(&db).await;
        let shop = shop(&store, 5).await;
        let mut tx = store.write(shop, soon()).await.unwrap();
        let slow = build_order(&mut tx, 100, 3).await;
        drop(tx);
        placed(&store, shop, 200, 3).await;
        let mut tx = store.write(shop, soon()).await.unwrap();
        // The customer that was made beside the slow order went with its transaction.
        let known = read_shelf(&mut tx, &[id(FREE).into()], &[], usd(), buyer(&jane())).await.unwrap().customer;
        let slow = OrderColumns { customer_id: known.unwrap(), ..OrderColumns::from(&slow) };
        let refused = insert(&mut tx, slow).await.unwrap_err();
        assert!(matches!(refused, StoreError::Stale { table: STOCK_LEVELS, .. }), "{refused:?}");
        drop(tx);
        assert_eq!((read(&store, shop, 100).await, level(&store, shop).await), (None, Some(2)));
        for table in ["orders", "jobs", "customers"] {
            assert_eq!(count(&store, shop, table).await, 1, "{table}");
        }
    }

    async fn orders_of_a_tenant_are_numbered_and_found_by_their_number(db) {
        let store = open(&db).await;
        let shop = shop(&store, 10).await;
        let first = placed(&store, shop, 100, 1).await;
        // An order that is not committed leaves no gap.
        let mut tx = store.write(shop, soon()).await.unwrap();
        let lost = build_order(&mut tx, 200, 1).await;
        assert_eq!(insert(&mut tx, (&lost).into()).await.unwrap().get(), 1_002);
        drop(tx);
        let second = placed(&store, shop, 300, 1).await;
        assert_eq!([&first, &second].map(|order| order.number().unwrap().get()), [1_001, 1_002]);
        let mut tx = store.read(shop, soon()).await.unwrap();
        for (number, status, found) in [(1_001, None, 1), (1_001, Some(OrderStatus::Paid), 0), (1_003, None, 0)] {
            let filter = OrderFilter { number: OrderNumber::new(number), status, ..OrderFilter::default() };
            let page = list_orders(&mut tx, &filter, None, Limit::default()).await.unwrap();
            assert_eq!(page.items.len(), found, "{number} {status:?}");
            for order in page.items {
                assert_eq!(AnyOrder::try_from(order).unwrap(), first);
            }
        }
        let all = list_orders(&mut tx, &OrderFilter::default(), None, Limit::default()).await.unwrap();
        let all: Vec<_> = all.items.into_iter().map(|order| AnyOrder::try_from(order).unwrap()).collect();
        assert_eq!(all, [second, first]);
    }

    /// What is damaged is reported; it must not look like an order that does not exist.
    async fn an_order_without_lines_is_found(db) {
        let store = open(&db).await;
        let shop = shop(&store, 10).await;
        placed(&store, shop, 100, 1).await;
        if db.is_postgres() {
            db.superuser_run("DELETE FROM order_lines").await;
        } else {
            rusqlite::Connection::open(db.path()).unwrap().execute_batch("DELETE FROM order_lines").unwrap();
        }
        let mut tx = store.read(shop, soon()).await.unwrap();
        let found = find_order(&mut tx, id(100).into()).await.unwrap().unwrap();
        assert!(AnyOrder::try_from(found.row).unwrap_err().to_string().contains("no lines"));
    }

    async fn an_order_in_a_currency_that_is_none_is_not_read(db) {
        let store = open(&db).await;
        let shop = shop(&store, 10).await;
        placed(&store, shop, 100, 1).await;
        let mut tx = store.write(shop, soon()).await.unwrap();
        let sql = "UPDATE orders SET currency = 'usd' WHERE tenant_id = $1 AND id = $2";
        tx.db.execute_one(ORDERS, sql, params![tx.tenant(), id(100)]).await.unwrap();
        let read = find_order(&mut tx, id(100).into()).await;
        assert!(matches!(read, Err(StoreError::InconsistentRow { table: ORDERS, .. })), "{read:?}");
    }

    async fn an_address_is_one_customer(db) {
        let store = open(&db).await;
        let shop = shop(&store, 5).await;
        let mut tx = store.write(shop, soon()).await.unwrap();
        let first = upsert_customer(&mut tx, id(50).into(), &jane(), now()).await.unwrap();
        assert_eq!(first, id(50).into());
        assert_eq!(upsert_customer(&mut tx, id(51).into(), &jane(), later(1)).await.unwrap(), first);
        tx.commit().await.unwrap();
        let mut tx = store.read(shop, soon()).await.unwrap();
        let shelf = read_shelf(&mut tx, &[id(FREE).into()], &[], usd(), buyer(&jane())).await.unwrap();
        assert_eq!(shelf.customer, Some(first));
        assert_eq!(shelf.variants.len(), 1);
    }
}
