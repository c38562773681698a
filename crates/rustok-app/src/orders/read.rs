//! Reads orders: for the shop's staff, and for a buyer with the order's secret.

use super::load;
use crate::context::Ctx;
use rustok_auth::{Action, TokenSecret};
use rustok_commerce::ids::OrderId;
use rustok_commerce::{AnyOrder, CommerceError};
use rustok_core::error::RichError;
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
