//! Reads orders: for the shop's staff, and for a buyer with the order's secret.

use super::load;
use crate::context::Ctx;
use rustok_auth::{Action, TokenSecret};
use rustok_commerce::ids::OrderId;
use rustok_commerce::{AnyOrder, CommerceError, OrderNumber};
use rustok_core::error::RichError;
use rustok_core::page::{Limit, Page};
use rustok_storage::customers::find_matching;
use rustok_storage::orders::{
    OrderFilter, OrderHistory, OrderPlace, find_order, list_history, list_orders, list_orders_of,
};
use rustok_text::CanonicalEmail;
use rustok_text::words::Query;

/// One order.
///
/// # Errors
/// `order_not_found`.
pub async fn get(ctx: &Ctx, id: OrderId) -> Result<AnyOrder, RichError> {
    ctx.authorize(Action::ReadOrders)?;
    load(ctx.read().await?.last(), id).await
}

/// One order, for a client with its secret.
///
/// # Errors
/// `order_not_found` if the order does not exist or the secret is wrong; the two cases are indistinguishable.
pub async fn get_by_secret(
    ctx: &Ctx,
    id: OrderId,
    secret: Option<&TokenSecret>,
) -> Result<AnyOrder, RichError> {
    ctx.authorize(Action::ReadOrderBySecret)?;
    let unknown = || CommerceError::OrderNotFound(id.as_uuid());
    let secret = secret.ok_or_else(unknown)?;
    let stored = find_order(ctx.read().await?.last(), id).await?;
    // Hashes are compared in constant time.
    let stored = stored
        .filter(|stored| stored.secret_hash == secret.hash())
        .ok_or_else(unknown)?;
    Ok(stored.row.try_into()?)
}

/// A page of orders, newest first. An inconsistent row fails the whole page: it must not be skipped silently.
///
/// # Errors
/// Database errors.
pub async fn list(
    ctx: &Ctx,
    filter: &OrderFilter,
    after: Option<OrderPlace>,
    limit: Limit,
) -> Result<Page<AnyOrder>, RichError> {
    ctx.authorize(Action::ReadOrders)?;
    let Page { items, next_cursor } = list_orders(&mut ctx.read().await?, filter, after, limit).await?;
    let items: Result<_, CommerceError> = items.into_iter().map(AnyOrder::try_from).collect();
    Ok(Page {
        items: items?,
        next_cursor,
    })
}

/// The most customers whose orders a search finds.
const MAX_CUSTOMERS: i64 = 20;

/// The newest orders that a text names: by its number, such as `1001` or `#1001`, or by the words of the buyer's address,
/// each by its beginning. At most `limit`, of the newest 20 buyers that match. A blank text names all orders.
///
/// # Errors
/// Authorization and database errors.
pub async fn search(ctx: &Ctx, text: &str, limit: Limit) -> Result<Vec<AnyOrder>, RichError> {
    ctx.authorize(Action::ReadOrders)?;
    let mut tx = ctx.read().await?;
    let number: Option<OrderNumber> = text.trim().parse().ok();
    let rows = match (number, CanonicalEmail::parse(text)) {
        (None, None) if !text.trim().is_empty() => {
            let few = Limit::new(MAX_CUSTOMERS).unwrap_or_default();
            let found = find_matching(&mut tx, &Query::of(text), None, few).await?;
            list_orders_of(&mut tx, &found.items, limit).await?
        }
        (number, email) => {
            let filter = OrderFilter {
                number,
                email,
                ..OrderFilter::default()
            };
            list_orders(&mut tx, &filter, None, limit).await?.items
        }
    };
    let orders: Result<_, CommerceError> = rows.into_iter().map(AnyOrder::try_from).collect();
    Ok(orders?)
}

/// The history of an order, oldest first.
///
/// # Errors
/// `order_not_found`.
pub async fn history(ctx: &Ctx, id: OrderId) -> Result<Vec<OrderHistory>, RichError> {
    ctx.authorize(Action::ReadHistory)?;
    let steps = list_history(ctx.read().await?.last(), id).await?;
    // Every order has at least the step that placed it.
    if steps.is_empty() {
        Err(CommerceError::OrderNotFound(id.as_uuid()).into())
    } else {
        Ok(steps)
    }
}
