//! Orders: placing, reading, the transitions, and calling off what nobody confirmed.
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
pub use rustok_storage::orders::{OrderFilter, OrderHistory};

use crate::context::Ctx;
use crate::work::Work;
use rustok_commerce::inventory::stock_moves;
use rustok_commerce::{AnyOrder, CommerceError, OrderLine};
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::ids::OrderId;
use rustok_events::{Event, Topic};
use rustok_storage::TenantTx;
use rustok_storage::orders::find_order;
use rustok_storage::reservations::Movement;

/// Ends a unit of work that was refused, and hands the refusal on.
///
/// On SQLite what was read may be the work of others whose common commit is still to come; it may not be told to the
/// outside before. The commit of a transaction that changed nothing waits for theirs.
async fn refuse(work: Work, refusal: RichError) -> RichError {
    match refusal.kind() {
        ErrorKind::Validation | ErrorKind::NotFound | ErrorKind::BusinessRule | ErrorKind::Conflict => {
            work.tx.commit().await.map_or_else(RichError::from, |()| refusal)
        }
        // The database failed: there is nothing that was read.
        _ => refusal,
    }
}

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
