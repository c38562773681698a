//! Reading orders: by the shop's people, and by a buyer who has the order's secret.

use super::load;
use crate::context::Ctx;
use rustok_auth::{Action, TokenSecret};
use rustok_commerce::{AnyOrder, CommerceError};
use rustok_core::error::RichError;
use rustok_core::ids::OrderId;
use rustok_core::page::{Limit, Page};
use rustok_storage::orders::{OrderFilter, OrderHistory, OrderPlace, find_order, list_history, list_orders};

/// One order.
///
/// # Errors
/// `order_not_found`.
pub async fn get(ctx: &Ctx, id: OrderId) -> Result<AnyOrder, RichError> {
    ctx.authorize(Action::ReadOrders)?;
    load(ctx.read().await?.last(), id).await
}

/// One order, for whoever has its secret.
///
/// # Errors
/// `order_not_found`: there is no such order, or its secret is another one. Which of them is not told.
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

/// A page of orders, newest first. One row that cannot be an order fails the page: it must not be passed over unseen.
///
/// # Errors
/// Those of the database.
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

/// Who did what to an order, oldest first.
///
/// # Errors
/// `order_not_found`.
pub async fn history(ctx: &Ctx, id: OrderId) -> Result<Vec<OrderHistory>, RichError> {
    ctx.authorize(Action::ReadHistory)?;
    let steps = list_history(ctx.read().await?.last(), id).await?;
    // Every order has the step that placed it.
    if steps.is_empty() {
        Err(CommerceError::OrderNotFound(id.as_uuid()).into())
    } else {
        Ok(steps)
    }
}
