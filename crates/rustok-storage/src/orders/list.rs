//! Pages of orders, newest first: two statements regardless of the number of orders and lines, three if several
//! filters are combined.

use super::ORDERS;
use super::row::{self, StoredOrder};
use jiff::Timestamp;
use rustok_commerce::ids::{CustomerId, OrderId};
use rustok_commerce::{OrderLine, OrderNumber, OrderRow, OrderStatus};
use rustok_core::page::{Limit, Page, fitting};
use rustok_db::walk::{RowReader, Walk, list_fitting, times};
use rustok_db::{Row, StoreError, TenantTx, Value, pad, params, placeholders};
use rustok_text::CanonicalEmail;
use std::collections::HashMap;

/// The filter of a list of orders; `None` means no condition.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub struct OrderFilter {
    /// The order with this number.
    pub number: Option<OrderNumber>,
    /// Orders in this status.
    pub status: Option<OrderStatus>,
    /// Orders of this buyer.
    pub email: Option<CanonicalEmail>,
    /// Orders placed at or after this time.
    pub created_after: Option<Timestamp>,
    /// Orders placed before this time.
    pub created_before: Option<Timestamp>,
}

/// The sort key of an order: placing time and id.
pub type OrderPlace = (Timestamp, OrderId);

/// A page of orders, newest first. Filtered by status and buyer together, only a bounded number of orders is
/// examined: the page may be shorter than `limit` and still have a next one.
///
/// # Errors
/// Database errors.
pub async fn list_orders(
    tx: &mut TenantTx,
    filter: &OrderFilter,
    after: Option<OrderPlace>,
    limit: Limit,
) -> Result<Page<OrderRow>, StoreError> {
    if let Some(number) = filter.number {
        return find_numbered(tx, number, filter, after).await;
    }
    let customer = match &filter.email {
        None => None,
        Some(email) => match find_customer(tx, email).await? {
            None => {
                return Ok(Page {
                    items: Vec::new(),
                    next_cursor: None,
                });
            }
            found => found,
        },
    };
    let walk = walk(filter, customer);
    let key = |order: &OrderRow| (order.created_at, order.id);
    let mut page = if walk.rest.is_empty() {
        let heads = READER.along(tx, &walk, after.map(place_values), limit).await?;
        Page::cut(heads, limit, key)
    } else {
        let place = |row: &Row<'_>| -> Result<OrderPlace, StoreError> {
            Ok((row.get("created_at")?, row.get("id")?))
        };
        let keys = list_fitting(tx, &walk, place, after.map(place_values), limit).await?;
        let ids: Vec<OrderId> = keys.items.iter().map(|(_, id)| *id).collect();
        Page {
            items: READER.with_ids(tx, &ids, |order| order.id).await?,
            next_cursor: keys.next_cursor,
        }
    };
    add_parts(tx, &mut page.items).await?;
    page.shorten(fitting(page.items.iter().map(bytes)), key);
    Ok(page)
}

/// The newest orders of these customers together, at most `limit`. At most 64 customers, to bound the length of the
/// statement.
///
/// # Errors
/// Database errors.
pub async fn list_orders_of(
    tx: &mut TenantTx,
    customers: &[CustomerId],
    limit: Limit,
) -> Result<Vec<OrderRow>, StoreError> {
    let mut list: Vec<Value<'_>> = customers.iter().map(|id| (*id).into()).collect();
    if list.is_empty() {
        return Ok(Vec::new());
    }
    let distinct = list.len();
    pad(&mut list);
    // The last one is repeated: what is found twice would be wrong.
    list.iter_mut()
        .skip(distinct)
        .for_each(|value| *value = Value::Null);
    let newest: Vec<String> = (0..list.len())
        .map(|place| {
            format!(
                "SELECT * FROM (SELECT o.id, o.created_at FROM orders o WHERE o.tenant_id = $1 AND o.customer_id = ${} \
                 ORDER BY o.created_at DESC, o.id DESC LIMIT $2) AS newest",
                place + 3
            )
        })
        .collect();
    let sql = format!(
        "SELECT n.id FROM ({}) n ORDER BY n.created_at DESC, n.id DESC LIMIT $2",
        newest.join(" UNION ALL ")
    );
    let most = i64::try_from(limit.get()).unwrap_or_default();
    let mut values = params![tx.tenant(), most].to_vec();
    values.append(&mut list);
    let ids: Vec<OrderId> = tx
        .db
        .fetch_first(ORDERS, &sql, &values, |row| row.get("id"))
        .await?;
    let mut orders = READER.with_ids(tx, &ids, |order| order.id).await?;
    add_parts(tx, &mut orders).await?;
    orders.truncate(fitting(orders.iter().map(bytes)));
    Ok(orders)
}

/// The page of the order with this number, if it meets the other conditions.
async fn find_numbered(
    tx: &mut TenantTx,
    number: OrderNumber,
    filter: &OrderFilter,
    after: Option<OrderPlace>,
) -> Result<Page<OrderRow>, StoreError> {
    let sql = format!(
        "SELECT {} FROM orders o {} WHERE o.tenant_id = $1 AND o.number = $2",
        row::HEAD,
        row::JOINS
    );
    let params = params![tx.tenant(), number.get()];
    let mut items = tx.db.fetch(ORDERS, &sql, params, head).await?;
    items.retain(|order| {
        let placed = order.created_at;
        filter.status.is_none_or(|status| order.status == status.as_str())
            && filter
                .email
                .as_ref()
                .is_none_or(|email| order.email == email.as_str())
            && filter.created_after.is_none_or(|from| placed >= from)
            && filter.created_before.is_none_or(|until| placed < until)
            && after.is_none_or(|place| (placed, order.id) < place)
    });
    add_parts(tx, &mut items).await?;
    Ok(Page {
        items,
        next_cursor: None,
    })
}

/// The index that a list walks along, and the conditions that are checked per entry.
fn walk(filter: &OrderFilter, customer: Option<CustomerId>) -> Walk<'static> {
    let status = filter
        .status
        .map(|status| ("status =", Value::from(status.as_str())));
    let (index, mut within, rest) = match (customer, status) {
        (Some(customer), status) => (
            "orders_customer_idx",
            vec![("customer_id =", customer.into())],
            Vec::from_iter(status),
        ),
        (None, Some(status)) => ("orders_status_idx", vec![status], Vec::new()),
        (None, None) => ("orders_placed_idx", Vec::new(), Vec::new()),
    };
    within.extend(times(
        ["created_at >=", "created_at <"],
        filter.created_after,
        filter.created_before,
    ));
    Walk {
        table: ORDERS,
        index,
        standing: None,
        within,
        rest,
        time: Some("created_at"),
    }
}

fn place_values((at, id): OrderPlace) -> Vec<Value<'static>> {
    vec![at.into(), id.into()]
}

async fn find_customer(tx: &mut TenantTx, email: &CanonicalEmail) -> Result<Option<CustomerId>, StoreError> {
    let sql = "SELECT c.id FROM customers c WHERE c.tenant_id = $1 AND c.email = $2";
    tx.db
        .fetch_optional("customers", sql, params![tx.tenant(), email.as_str()], |row| {
            row.get("id")
        })
        .await
}

/// Reads orders `o` without their parts.
const READER: RowReader<'static, OrderRow> = RowReader {
    table: ORDERS,
    alias: "o",
    columns: row::HEAD,
    joins: row::JOINS,
    read: head,
};

fn head(row: &Row<'_>) -> Result<OrderRow, StoreError> {
    row::head(row).map(|StoredOrder { row, .. }| row)
}

/// Approximate size of an order and of a line on a page besides their texts, in bytes.
const ORDER_BYTES: usize = 1_024;
const LINE_BYTES: usize = 384;

/// The approximate size of an order on a page, in bytes.
fn bytes(order: &OrderRow) -> usize {
    let line = |line: &OrderLine| {
        let sku = line.sku.as_ref().map_or(0, String::len);
        LINE_BYTES + line.title.len() + line.variant_title.len() + sku
    };
    let adjustments = order.adjustments.iter();
    let adjustments = adjustments.map(|adjustment| LINE_BYTES + adjustment.title.len());
    ORDER_BYTES + order.lines.iter().map(line).chain(adjustments).sum::<usize>()
}

async fn add_parts(tx: &mut TenantTx, orders: &mut [OrderRow]) -> Result<(), StoreError> {
    if orders.is_empty() {
        return Ok(());
    }
    let mut ids: Vec<Value<'_>> = orders.iter().map(|order| order.id.into()).collect();
    pad(&mut ids);
    let condition = format!("tenant_id = $1 AND order_id IN ({})", placeholders(2, ids.len()));
    let sql = format!("{} ORDER BY order_id, part, position", row::parts(&condition));
    let mut params = params![tx.tenant()].to_vec();
    params.extend(ids);
    let places: HashMap<_, _> = orders
        .iter()
        .enumerate()
        .map(|(place, order)| (order.id, (place, order.total.currency())))
        .collect();
    let parts = tx.db.fetch("order_lines", &sql, &params, |row| {
        let Some((place, currency)) = places.get(&row.get::<OrderId>("order_id")?) else {
            return Ok(None);
        };
        Ok(row::part(row, *currency)?.map(|part| (*place, part)))
    });
    for (place, part) in parts.await?.into_iter().flatten() {
        if let Some(order) = orders.get_mut(place) {
            part.add_to(order);
        }
    }
    Ok(())
}
