//! What was ordered per day and currency: written with each order that is placed or cancelled, so that it is their sum to
//! the cent (docs/adr/0042).
//!
//! Each row has a slot, that of the order's number. An order that is being placed has the slot of its number to itself, so
//! that it waits for no other one here.

use super::place::SLOTS;
use rustok_commerce::ids::OrderId;
use rustok_core::ids::TenantId;
use rustok_core::money::Currency;
use rustok_db::{Row, Statement, StoreError, TenantTx, params};

const TABLE: &str = "sales_days";

/// The orders of one day.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct SalesDay {
    /// The day, in days since 1970-01-01.
    pub day: i64,
    /// The number of orders placed, without those that were cancelled.
    pub orders: i64,
    /// Their sum, in minor units.
    pub total_minor: i64,
}

/// The write that counts a new order.
pub(super) fn add<'a>(tenant: TenantId, order: OrderId) -> Statement<'a> {
    Statement::one(
        TABLE,
        "INSERT INTO sales_days (tenant_id, currency, day, slot, orders, total_minor) \
         SELECT o.tenant_id, o.currency, o.placed_on, o.number % $3::bigint, 1, o.total_minor FROM orders o \
         WHERE o.tenant_id = $1 AND o.id = $2 ON CONFLICT (tenant_id, currency, day, slot) DO UPDATE SET \
         orders = sales_days.orders + 1, total_minor = sales_days.total_minor + excluded.total_minor",
        params![tenant, order, SLOTS],
    )
}

/// The write that takes a cancelled order off, if it was counted.
pub(super) fn take_off<'a>(tenant: TenantId, order: OrderId) -> Statement<'a> {
    Statement::any(
        TABLE,
        "INSERT INTO sales_days (tenant_id, currency, day, slot, orders, total_minor) \
         SELECT o.tenant_id, o.currency, o.placed_on, o.number % $3::bigint, -1, -o.total_minor FROM orders o \
         WHERE o.tenant_id = $1 AND o.id = $2 AND o.placed_on IS NOT NULL \
         ON CONFLICT (tenant_id, currency, day, slot) DO UPDATE SET \
         orders = sales_days.orders - 1, total_minor = sales_days.total_minor + excluded.total_minor",
        params![tenant, order, SLOTS],
    )
}

/// The days from `first` to `last` with orders in this currency, in their order.
///
/// # Errors
/// Database errors.
pub async fn list_sales(
    tx: &mut TenantTx,
    currency: Currency,
    first: i64,
    last: i64,
) -> Result<Vec<SalesDay>, StoreError> {
    let sql = "SELECT s.day, CAST(sum(s.orders) AS bigint) AS orders, CAST(sum(s.total_minor) AS bigint) AS total_minor \
               FROM sales_days s WHERE s.tenant_id = $1 AND s.currency = $2 AND s.day >= $3 AND s.day <= $4 \
               GROUP BY s.day ORDER BY s.day";
    let day = |row: &Row<'_>| {
        Ok(SalesDay {
            day: row.get("day")?,
            orders: row.get("orders")?,
            total_minor: row.get("total_minor")?,
        })
    };
    tx.db
        .fetch(
            TABLE,
            sql,
            params![tx.tenant(), currency.code(), first, last],
            day,
        )
        .await
}
