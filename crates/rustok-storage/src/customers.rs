//! Customers of a tenant, one per canonical e-mail address.
//!
//! This module must never look at another form of an address: the caller canonicalizes it.

use crate::counted::Counted;
use crate::search::{self, Kind};
use jiff::Timestamp;
use rustok_commerce::ids::CustomerId;
use rustok_core::ids::TenantId;
use rustok_core::money::{Currency, Money};
use rustok_core::page::{Limit, ListKey, Page};
use rustok_db::walk::Walk;
use rustok_db::{Row, Statement, StoreError, TenantTx, Value, pad, params, placeholders};
use rustok_text::CanonicalEmail;
use rustok_text::plain::folded;
use rustok_text::words::Query;

const CUSTOMERS: &str = "customers";

/// Finds the customer with this address, or creates one with `id`. Returns the id of the address.
///
/// # Errors
/// Those of the database.
pub async fn upsert_customer(
    tx: &mut TenantTx,
    id: CustomerId,
    email: &CanonicalEmail,
    now: Timestamp,
) -> Result<CustomerId, StoreError> {
    // The update changes nothing: without it an existing row would not be returned. It writes a column of no key:
    // PostgreSQL then lets concurrent orders refer to the row, which otherwise could deadlock.
    let sql = "INSERT INTO customers (tenant_id, id, email, created_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (tenant_id, email) DO UPDATE SET created_at = customers.created_at RETURNING id";
    let found = tx
        .db
        .fetch_optional(
            CUSTOMERS,
            sql,
            params![tx.tenant(), id, email.as_str(), now],
            |row| row.get("id"),
        )
        .await?;
    found.ok_or_else(|| StoreError::inconsistent(CUSTOMERS, "id", "an upsert answered no row"))
}

/// The statements that let a new customer be found by the words of the address.
pub(crate) fn write_words<'a>(
    tenant: TenantId,
    id: CustomerId,
    email: &str,
    is_postgres: bool,
) -> Vec<Statement<'a>> {
    let words = folded(email);
    search::write(
        tenant,
        Kind::Customer,
        id.as_uuid(),
        "",
        ("", &words),
        is_postgres,
    )
}

/// A customer with what their newest orders say.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Customer {
    /// The id.
    pub id: CustomerId,
    /// The canonical address.
    pub email: String,
    /// The time of the first order.
    pub created_at: Timestamp,
    /// The orders, cancelled ones included.
    pub orders: Counted,
    /// What was paid and not given back, per currency, for the counted orders.
    pub spent: Vec<Money>,
    /// The time of the newest order.
    pub last_order_at: Option<Timestamp>,
}

/// A page of customers, newest first; with a query those whose address matches its words. With a query only a bounded
/// number of customers is examined: the page may be shorter than `limit` and still have a next one. Of each customer `most`
/// orders are counted.
///
/// # Errors
/// Those of the database.
pub async fn list_customers(
    tx: &mut TenantTx,
    query: Option<&Query>,
    after: Option<CustomerId>,
    limit: Limit,
    most: i64,
) -> Result<Page<Customer>, StoreError> {
    let page = match query {
        Some(query) => find_matching(tx, query, after, limit).await?,
        None => {
            let before = if after.is_some() { " AND c.id < $3" } else { "" };
            let sql = format!(
                "SELECT c.id FROM customers c WHERE c.tenant_id = $1{before} ORDER BY c.id DESC LIMIT $2"
            );
            let mut values = params![tx.tenant(), limit.plus_one()].to_vec();
            values.extend(after.map(Value::from));
            let ids = tx.db.fetch(CUSTOMERS, &sql, &values, |row| row.get("id")).await?;
            Page::cut(ids, limit, |id: &CustomerId| *id)
        }
    };
    let items = find_customers(tx, &page.items, most).await?;
    Ok(Page {
        items,
        next_cursor: page.next_cursor,
    })
}

/// The customers whose address matches the words of a query, newest first.
///
/// # Errors
/// Those of the database.
pub async fn find_matching(
    tx: &mut TenantTx,
    query: &Query,
    after: Option<CustomerId>,
    limit: Limit,
) -> Result<Page<CustomerId>, StoreError> {
    let walk = Walk {
        table: CUSTOMERS,
        index: "",
        standing: Some("email IS NOT NULL"),
        within: Vec::new(),
        rest: Vec::new(),
        time: None,
    };
    let after = after.map(ListKey::Id);
    let keys = search::list_keys(tx, Kind::Customer, Some(query), &walk, after, limit).await?;
    Ok(Page {
        items: keys.items.into_iter().filter_map(ListKey::only_id).collect(),
        next_cursor: keys.next_cursor,
    })
}

/// These customers, in this order; of each up to `most` orders are counted.
///
/// # Errors
/// Those of the database.
pub async fn find_customers(
    tx: &mut TenantTx,
    ids: &[CustomerId],
    most: i64,
) -> Result<Vec<Customer>, StoreError> {
    let mut list: Vec<Value<'_>> = ids.iter().map(|id| (*id).into()).collect();
    if list.is_empty() {
        list.push(Value::Null);
    }
    let distinct = list.len();
    pad(&mut list);
    // The last one is repeated: what is counted twice would be wrong.
    list.iter_mut()
        .skip(distinct)
        .for_each(|value| *value = Value::Null);
    let newest: Vec<String> = (0..list.len())
        .map(|place| {
            format!(
                "SELECT * FROM (SELECT o.customer_id, o.currency, o.status, o.total_minor, o.created_at FROM orders o \
                 WHERE o.tenant_id = $1 AND o.customer_id = ${} ORDER BY o.created_at DESC, o.id DESC LIMIT $2) AS newest",
                place + 3
            )
        })
        .collect();
    let sql = format!(
        "SELECT c.id, c.email, c.created_at, s.currency, s.placed, s.spent, s.last_at FROM customers c LEFT JOIN ( \
           SELECT n.customer_id, n.currency, count(*) AS placed, max(n.created_at) AS last_at, CAST(sum(CASE WHEN \
           n.status IN ('paid', 'shipped', 'delivered') THEN n.total_minor ELSE 0 END) AS bigint) AS spent \
           FROM ({}) n GROUP BY n.customer_id, n.currency) s ON s.customer_id = c.id \
         WHERE c.tenant_id = $1 AND c.id IN ({}) ORDER BY c.id, s.currency",
        newest.join(" UNION ALL "),
        placeholders(3, list.len())
    );
    let mut values = params![tx.tenant(), most + 1].to_vec();
    values.append(&mut list);
    let rows = tx.db.fetch(CUSTOMERS, &sql, &values, part).await?;
    let mut customers: Vec<Customer> = Vec::new();
    for (customer, orders, spent) in rows {
        match customers.last_mut().filter(|last| last.id == customer.id) {
            Some(last) => {
                last.orders.count += orders;
                last.last_order_at = last.last_order_at.max(customer.last_order_at);
                last.spent.extend(spent);
            }
            None => customers.push(Customer {
                orders: Counted {
                    count: orders,
                    more: false,
                },
                spent: spent.into_iter().collect(),
                ..customer
            }),
        }
    }
    for customer in &mut customers {
        customer.orders = Counted::up_to(most, customer.orders.count);
    }
    customers.sort_by_key(|customer| ids.iter().position(|id| *id == customer.id));
    Ok(customers)
}

/// A customer with the number of orders in one currency, and what was paid in it, if anything.
fn part(row: &Row<'_>) -> Result<(Customer, i64, Option<Money>), StoreError> {
    let spent = match row.get::<Option<String>>("currency")? {
        None => None,
        Some(code) => {
            let currency = Currency::parse(&code).map_err(|_| row.inconsistent("currency", &code))?;
            Some(Money::from_minor(row.get("spent")?, currency)).filter(|spent| spent.minor() > 0)
        }
    };
    let customer = Customer {
        id: row.get("id")?,
        email: row.get("email")?,
        created_at: row.get("created_at")?,
        orders: Counted::default(),
        spent: Vec::new(),
        last_order_at: row.get("last_at")?,
    };
    Ok((
        customer,
        row.get::<Option<i64>>("placed")?.unwrap_or_default(),
        spent,
    ))
}
