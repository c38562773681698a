//! Pages of orders, newest first: two statements, however many orders and lines.

use super::ORDERS;
use super::row::{self, StoredOrder};
use crate::error::StoreError;
use crate::tx::TenantTx;
use crate::value::{Value, pad, params, placeholders};
use jiff::Timestamp;
use rustok_commerce::{OrderLine, OrderRow, OrderStatus};
use rustok_core::ids::OrderId;
use rustok_core::page::{Limit, Page, fitting};
use rustok_text::CanonicalEmail;
use std::collections::HashMap;

/// Which orders a list shows; what is `None` does not matter.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// Those in this status.
    pub status: Option<OrderStatus>,
    /// Those of this buyer.
    pub email: Option<CanonicalEmail>,
    /// Those placed then or later.
    pub created_after: Option<Timestamp>,
    /// Those placed before.
    pub created_before: Option<Timestamp>,
}

/// A page of orders, newest first.
///
/// # Errors
/// Those of the database.
pub async fn list_orders(
    tx: &mut TenantTx,
    filter: &OrderFilter,
    after: Option<OrderId>,
    limit: Limit,
) -> Result<Page<OrderRow>, StoreError> {
    let mut sql = format!(
        "SELECT {} FROM orders o {} WHERE o.tenant_id = $1",
        row::HEAD,
        row::JOINS
    );
    let mut params = params![tx.tenant].to_vec();
    // Only what is asked for becomes part of the statement, so that each has an index to itself.
    let email = filter.email.as_ref().map(|email| Value::from(email.as_str()));
    for (before, value, after) in [
        (
            "o.status = ",
            filter.status.map(|status| Value::from(status.as_str())),
            "",
        ),
        (
            "o.customer_id = (SELECT c.id FROM customers c WHERE c.tenant_id = $1 AND c.email = ",
            email,
            ")",
        ),
        ("o.created_at >= ", filter.created_after.map(Value::from), ""),
        ("o.created_at < ", filter.created_before.map(Value::from), ""),
        ("o.id < ", after.map(Value::from), ""),
    ] {
        if let Some(value) = value {
            params.push(value);
            sql.push_str(&format!(" AND {before}${}{after}", params.len()));
        }
    }
    params.push(limit.plus_one().into());
    sql.push_str(&format!(" ORDER BY o.id DESC LIMIT ${}", params.len()));
    let found = tx.db.fetch(ORDERS, &sql, &params, row::head).await?;
    let mut page = Page::cut(found, limit, |order| order.row.id).map(|StoredOrder { row, .. }| row);
    add_lines(tx, &mut page.items).await?;
    page.shorten(fitting(page.items.iter().map(bytes)), |order| order.id);
    Ok(page)
}

/// What an order and a line take on a page beside their texts, for most of them.
const ORDER_BYTES: usize = 1_024;
const LINE_BYTES: usize = 384;

/// About how many bytes an order takes on a page.
fn bytes(order: &OrderRow) -> usize {
    let line = |line: &OrderLine| {
        let sku = line.sku.as_ref().map_or(0, String::len);
        LINE_BYTES + line.title.len() + line.variant_title.len() + sku
    };
    ORDER_BYTES + order.lines.iter().map(line).sum::<usize>()
}

async fn add_lines(tx: &mut TenantTx, orders: &mut [OrderRow]) -> Result<(), StoreError> {
    if orders.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<Value<'_>> = orders.iter().map(|order| order.id.into()).collect();
    pad(&mut ids);
    let sql = format!(
        "SELECT l.order_id, {} FROM order_lines l WHERE l.tenant_id = $1 AND l.order_id IN ({}) \
         ORDER BY l.order_id, l.position",
        row::LINE,
        placeholders(2, ids.len())
    );
    let mut params = params![tx.tenant].to_vec();
    params.extend(ids);
    let lines = tx
        .db
        .fetch("order_lines", &sql, &params, |row| {
            Ok((row.get::<OrderId>("order_id")?, row::line(row)?))
        })
        .await?;
    let places: HashMap<_, _> = orders
        .iter()
        .enumerate()
        .map(|(place, order)| (order.id, place))
        .collect();
    for (id, line) in lines {
        if let (Some(order), Some((_, line))) =
            (places.get(&id).and_then(|place| orders.get_mut(*place)), line)
        {
            order.lines.push(line);
        }
    }
    Ok(())
}
