//! Orders: placing, reading, transitions, and expiry of orders that were not confirmed or paid in time.
//!
//! No status is written directly: a row becomes an `AnyOrder`, a typed transition makes the next state, and storage
//! saves it by compare-and-swap.

mod basket;
mod change;
mod expire;
mod place;
mod read;

pub use change::{CancelOrder, DeliverOrder, PayOrder, ShipOrder, cancel, confirm, deliver, pay, ship};
pub(crate) use expire::{Shops, expire};
pub use place::{PlacedOrder, place};
pub use read::{get, get_by_secret, history, list, search};
pub use rustok_storage::orders::{OrderFilter, OrderHistory, OrderPlace};

use crate::context::Ctx;
use rustok_commerce::ids::OrderId;
use rustok_commerce::inventory::stock_moves;
use rustok_commerce::{AnyOrder, CommerceError, OrderLine};
use rustok_core::clock::Timestamp;
use rustok_core::error::RichError;
use rustok_events::{Event, Topic};
use rustok_storage::TenantTx;
use rustok_storage::orders::find_order;
use rustok_storage::reservations::Movement;
use std::time::Duration;

/// Reads the order with this id as a typed order.
async fn load(tx: &mut TenantTx, id: OrderId) -> Result<AnyOrder, RichError> {
    let stored = find_order(tx, id)
        .await?
        .ok_or(CommerceError::OrderNotFound(id.as_uuid()))?;
    Ok(stored.row.try_into()?)
}

/// The stock movements of `lines`, each with a new ledger id.
fn movements(ctx: &Ctx, lines: &[OrderLine]) -> Vec<Movement> {
    stock_moves(lines)
        .into_iter()
        .map(|stock| Movement { id: ctx.id(), stock })
        .collect()
}

/// The event for the order's new state; contains neither email address nor secret.
fn order_event(ctx: &Ctx, topic: Topic, order: &AnyOrder) -> Event {
    tracing::event!(target: "rustok.trace", tracing::Level::INFO, rustok.order.id = %order.id());
    let payload = serde_json::json!({ "status": order.status().as_str(), "version": order.version() });
    ctx.event(topic, order.id().as_uuid(), payload)
}

/// `now` plus `minutes`.
fn after_minutes(now: Timestamp, minutes: u32) -> Timestamp {
    now.checked_add(Duration::from_secs(u64::from(minutes) * 60))
        .unwrap_or(Timestamp::MAX)
}
