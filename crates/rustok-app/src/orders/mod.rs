//! Orders: placing, reading, the transitions, and calling off what nobody confirmed or paid.
//!
//! No status is ever written here: a row becomes an `AnyOrder`, the typed transition makes the next one, and storage
//! saves that by compare-and-swap.

mod basket;
mod change;
mod expire;
mod place;
mod read;

pub use change::{cancel, confirm, deliver, pay, ship};
pub use expire::{ExpiryRound, expire_due};
pub use place::{PlacedOrder, place};
pub use read::{get, get_by_secret, history, list};
pub use rustok_storage::orders::{OrderFilter, OrderHistory, OrderPlace};

use crate::context::Ctx;
use rustok_commerce::inventory::stock_moves;
use rustok_commerce::{AnyOrder, CommerceError, OrderLine};
use rustok_core::clock::Timestamp;
use rustok_core::error::RichError;
use rustok_core::ids::OrderId;
use rustok_events::{Event, Job, JobKind, Topic};
use rustok_storage::TenantTx;
use rustok_storage::orders::find_order;
use rustok_storage::reservations::Movement;
use std::time::Duration;

/// The order with this id, typed.
async fn load(tx: &mut TenantTx, id: OrderId) -> Result<AnyOrder, RichError> {
    let stored = find_order(tx, id)
        .await?
        .ok_or(CommerceError::OrderNotFound(id.as_uuid()))?;
    Ok(stored.row.try_into()?)
}

/// The stock that `lines` move, each with the id of its ledger line.
fn movements(ctx: &Ctx, lines: &[OrderLine]) -> Vec<Movement> {
    stock_moves(lines)
        .into_iter()
        .map(|stock| Movement { id: ctx.id(), stock })
        .collect()
}

/// The event of an order that came into its state; neither address nor secret is in it.
fn order_event(ctx: &Ctx, topic: Topic, order: &AnyOrder) -> Event {
    tracing::event!(target: "rustok.trace", tracing::Level::INFO, rustok.order.id = %order.id());
    let payload = serde_json::json!({ "status": order.status().as_str(), "version": order.version() });
    ctx.event(topic, order.id().as_uuid(), payload)
}

/// When a time of so many minutes is over.
fn after_minutes(now: Timestamp, minutes: u32) -> Timestamp {
    now.checked_add(Duration::from_secs(u64::from(minutes) * 60))
        .unwrap_or(Timestamp::MAX)
}

/// The work that calls an order off.
fn expiry_of(ctx: &Ctx, order: OrderId, due_at: Timestamp) -> Job {
    Job {
        id: ctx.id(),
        tenant_id: ctx.tenant.id,
        kind: JobKind::ExpireOrder,
        subject_id: order.as_uuid(),
        due_at,
    }
}
