//! Orders with their lines, payments, refunds, fulfilments and history.
//!
//! This module returns an `OrderRow`; only `AnyOrder`'s fallible conversion turns it into an order. Each save is one
//! pipelined batch of writes: the order by compare-and-swap, its history, event, stock and due job.

mod change;
mod expiry;
mod history;
mod list;
mod place;
mod row;

pub use change::{OrderChange, PAYMENT_REFERENCE, REFUND_REFERENCE, save_change};
pub use expiry::{delete_expiry, postpone_expiry};
pub use history::{OrderHistory, list_history};
pub use list::{OrderFilter, OrderPlace, list_orders};
pub use place::{NewOrder, PendingLimit, insert_order};
pub use row::StoredOrder;

use crate::error::StoreError;
use crate::tx::TenantTx;
use crate::value::params;
use rustok_core::ids::OrderId;

/// The table whose [`StoreError::Stale`] means, for a new order, that concurrent orders used up a limit.
pub const ORDERS: &str = "orders";

/// Reads an order with everything that belongs to it, in one statement.
///
/// # Errors
/// Database errors.
pub async fn find_order(tx: &mut TenantTx, id: OrderId) -> Result<Option<StoredOrder>, StoreError> {
    let sql = format!(
        "SELECT {}, {} FROM orders o {} \
         LEFT JOIN order_lines l ON l.tenant_id = o.tenant_id AND l.order_id = o.id \
         WHERE o.tenant_id = $1 AND o.id = $2 ORDER BY l.position",
        row::HEAD,
        row::LINE,
        row::JOINS
    );
    let params = params![tx.tenant, id];
    let rows = tx.db.fetch(ORDERS, &sql, params, |row| {
        let line = row::line(row)?;
        // Each row repeats the head; it is read from the first one only.
        let head = if line.as_ref().is_none_or(|(position, _)| *position == 0) {
            Some(row::head(row)?)
        } else {
            None
        };
        Ok((head, line))
    });
    let mut order = None;
    let mut lines = Vec::new();
    for (head, line) in rows.await? {
        order = order.or(head);
        lines.extend(line.map(|(_, line)| line));
    }
    Ok(order.map(|mut order: StoredOrder| {
        order.row.lines = lines;
        order
    }))
}

#[cfg(test)]
mod tests;
