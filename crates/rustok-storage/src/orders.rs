//! Orders with their lines, adjustments, payments, refunds, fulfilments and history.
//!
//! This module returns an `OrderRow`; only `AnyOrder`'s fallible conversion turns it into an order. Each save is one
//! pipelined batch of writes: the order by compare-and-swap, its history, event, stock and due job.

mod change;
mod history;
mod list;
mod place;
mod row;
pub mod sales;

pub use change::{OrderChange, PAYMENT_REFERENCE, REFUND_REFERENCE, save_change};
pub use history::{OrderHistory, list_history};
pub use list::{OrderFilter, OrderPlace, list_orders, list_orders_of};
pub use place::{NewOrder, PendingLimit, insert_order};
pub use row::StoredOrder;

use rustok_commerce::ids::OrderId;
use rustok_db::{StoreError, TenantTx, params};

/// The table whose [`StoreError::Stale`] means, for a new order, that concurrent orders used up a limit.
pub const ORDERS: &str = "orders";

/// Reads an order with everything that belongs to it, in one statement.
///
/// # Errors
/// Database errors.
pub async fn find_order(tx: &mut TenantTx, id: OrderId) -> Result<Option<StoredOrder>, StoreError> {
    let sql = format!(
        "SELECT {}, l.part, l.position, l.variant_id, l.product_id, l.title, l.variant_title, l.sku, l.quantity, \
         l.amount_minor, l.stock_taken, l.kind FROM orders o {} LEFT JOIN ({}) l ON l.order_id = o.id \
         WHERE o.tenant_id = $1 AND o.id = $2 ORDER BY l.part, l.position",
        row::HEAD,
        row::JOINS,
        row::parts("tenant_id = $1 AND order_id = $2")
    );
    let params = params![tx.tenant(), id];
    let rows = tx.db.fetch(ORDERS, &sql, params, |row| {
        // Each row repeats the head; it is read from the first line and the first adjustment only.
        let is_first = row.get::<Option<i64>>("position")?.unwrap_or(0) == 0;
        let head = is_first.then(|| row::head(row)).transpose()?;
        Ok((head, row::part(row, row::currency(row)?)?))
    });
    let mut order: Option<StoredOrder> = None;
    for (head, part) in rows.await? {
        order = order.or(head);
        if let (Some(order), Some(part)) = (&mut order, part) {
            part.add_to(&mut order.row);
        }
    }
    Ok(order)
}

#[cfg(test)]
mod tests;
