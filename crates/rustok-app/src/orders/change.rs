//! Transitions: load the order, apply the typed transition, save by compare-and-swap.

use super::{after_minutes, load, movements, order_event};
use crate::context::Ctx;
use crate::precondition::Target;
use crate::work::{Begun, Done, IdempotencyKey};
use rustok_auth::Action;
use rustok_commerce::ids::OrderId;
use rustok_commerce::{AnyOrder, CommerceError, OrderStatus, order_machine};
use rustok_core::clock::Timestamp;
use rustok_core::error::RichError;
use rustok_events::{JobKind, Topic};
use rustok_storage::orders::{OrderChange, PAYMENT_REFERENCE, REFUND_REFERENCE, save_change};
use rustok_storage::{StoreError, TenantTx};

/// A transition of an order, with its name in the state machine and the history.
#[derive(Debug, Clone, Copy)]
pub(super) struct OrderTransition {
    name: &'static str,
    topic: Topic,
}

pub(super) const CANCEL: OrderTransition = OrderTransition {
    name: "cancel",
    topic: Topic::OrderCancelled,
};

/// Records the payment of a confirmed order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PayOrder {
    /// The order.
    pub order: Target<OrderId>,
    /// The payment provider's name for the payment.
    pub payment_id: String,
    /// How it was paid.
    pub method: String,
}

/// Records the shipment of a paid order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ShipOrder {
    /// The order.
    pub order: Target<OrderId>,
    /// The tracking number.
    pub tracking: String,
    /// The carrier.
    pub carrier: String,
}

/// Records the delivery of a shipped order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct DeliverOrder {
    /// The order.
    pub order: Target<OrderId>,
    /// The name of the recipient.
    pub signature: Option<String>,
}

/// Cancels an order and returns its stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CancelOrder {
    /// The order.
    pub order: Target<OrderId>,
    /// Why.
    pub reason: String,
    /// The payment provider's name for the refund: required for a paid order, refused for others.
    pub refund_id: Option<String>,
}

/// The key of a transition, whose outcome is the order after it.
type Key<'a> = IdempotencyKey<'a, AnyOrder>;

/// Accepts a pending order, which then waits for its payment for the time in the tenant's settings.
///
/// # Errors
/// `order_not_found`, `version_conflict`, `illegal_transition` with `current_state` and `allowed_transitions`.
pub async fn confirm(ctx: &Ctx, order: Target<OrderId>, key: Key<'_>) -> Result<Done<AnyOrder>, RichError> {
    ctx.authorize(Action::ConfirmOrder)?;
    let transition = OrderTransition {
        name: "confirm",
        topic: Topic::OrderConfirmed,
    };
    let minutes = ctx.tenant.settings.confirmed_order_ttl_minutes;
    let apply = |order: AnyOrder, now| {
        let expires_at = (minutes > 0).then(|| after_minutes(now, minutes));
        order.confirm_until_at(expires_at, now)
    };
    change(ctx, order, transition, apply, key).await
}

/// Records the payment of a confirmed order.
///
/// # Errors
/// Those of [`confirm`]; `validation_failed` for a blank or too long text; `used_for_another_order` if the payment is
/// recorded for another order.
pub async fn pay(ctx: &Ctx, pay: PayOrder, key: Key<'_>) -> Result<Done<AnyOrder>, RichError> {
    ctx.authorize(Action::PayOrder)?;
    let transition = OrderTransition {
        name: "pay",
        topic: Topic::OrderPaid,
    };
    let PayOrder {
        order,
        payment_id,
        method,
    } = pay;
    let apply = |order: AnyOrder, now| order.pay_at(payment_id, method, now);
    change(ctx, order, transition, apply, key).await
}

/// Records the shipment of a paid order.
///
/// # Errors
/// Those of [`pay`].
pub async fn ship(ctx: &Ctx, ship: ShipOrder, key: Key<'_>) -> Result<Done<AnyOrder>, RichError> {
    ctx.authorize(Action::ShipOrder)?;
    let transition = OrderTransition {
        name: "ship",
        topic: Topic::OrderShipped,
    };
    let ShipOrder {
        order,
        tracking,
        carrier,
    } = ship;
    let apply = |order: AnyOrder, now| order.ship_at(tracking, carrier, now);
    change(ctx, order, transition, apply, key).await
}

/// Records the delivery of a shipped order.
///
/// # Errors
/// Those of [`pay`].
pub async fn deliver(ctx: &Ctx, deliver: DeliverOrder, key: Key<'_>) -> Result<Done<AnyOrder>, RichError> {
    ctx.authorize(Action::DeliverOrder)?;
    let transition = OrderTransition {
        name: "deliver",
        topic: Topic::OrderDelivered,
    };
    let DeliverOrder { order, signature } = deliver;
    let apply = |order: AnyOrder, now| order.deliver_at(signature, now);
    change(ctx, order, transition, apply, key).await
}

/// Cancels an order and returns its stock, once.
///
/// # Errors
/// Those of [`pay`].
pub async fn cancel(ctx: &Ctx, cancel: CancelOrder, key: Key<'_>) -> Result<Done<AnyOrder>, RichError> {
    ctx.authorize(Action::CancelOrder)?;
    let CancelOrder {
        order,
        reason,
        refund_id,
    } = cancel;
    let apply = |order: AnyOrder, now| order.cancel_at(reason, refund_id, now);
    change(ctx, order, CANCEL, apply, key).await
}

async fn change(
    ctx: &Ctx,
    Target { id, if_match }: Target<OrderId>,
    transition: OrderTransition,
    apply: impl FnOnce(AnyOrder, Timestamp) -> Result<AnyOrder, CommerceError>,
    key: Key<'_>,
) -> Result<Done<AnyOrder>, RichError> {
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
    };
    let apply = |order: AnyOrder| {
        if_match.check(&order)?;
        // The history stores this name permanently, so it must be in the state machine's table.
        order_machine().check(order.status().as_str(), transition.name)?;
        Ok(apply(order, ctx.now())?)
    };
    let (from, after) = match apply_to(&mut work.tx, id, apply).await {
        Ok(changed) => changed,
        Err(refusal) => return Err(work.refuse(refusal).await),
    };
    match save(ctx, &mut work.tx, transition, from, &after).await {
        Ok(()) => {
            let done = work.finish(after).await?;
            ctx.services.counts.order_transitions.count(transition.name);
            Ok(done)
        }
        Err(StoreError::Stale { .. }) => {
            drop(work);
            Err(overtaken(ctx, id).await)
        }
        Err(error) => match used_field(&error) {
            Some(field) => {
                drop(work);
                Err(used(ctx, id, field, after.version()).await)
            }
            None => Err(error.into()),
        },
    }
}

/// The request field whose value another order has.
fn used_field(error: &StoreError) -> Option<&'static str> {
    [(PAYMENT_REFERENCE, "payment_id"), (REFUND_REFERENCE, "refund_id")]
        .into_iter()
        .find_map(|(key, field)| error.is_taken(key).then_some(field))
}

/// The error for a payment or refund that is already recorded: for another order, unless a concurrent request made
/// the same change of this one.
async fn used(ctx: &Ctx, id: OrderId, field: &'static str, wanted: i64) -> RichError {
    let current = async { load(&mut ctx.read().await?, id).await };
    match current.await {
        Ok(order) if order.version() >= wanted => overtaken_by(&order),
        Ok(_) => CommerceError::UsedForAnotherOrder { field }.into(),
        Err(error) => error,
    }
}

/// The order's status before the transition, and the order after it.
async fn apply_to(
    tx: &mut TenantTx,
    id: OrderId,
    apply: impl FnOnce(AnyOrder) -> Result<AnyOrder, RichError>,
) -> Result<(OrderStatus, AnyOrder), RichError> {
    let order = load(tx, id).await?;
    Ok((order.status(), apply(order)?))
}

/// Saves the result of a transition. A cancelled order returns its stock.
pub(super) async fn save(
    ctx: &Ctx,
    tx: &mut TenantTx,
    transition: OrderTransition,
    from: OrderStatus,
    after: &AnyOrder,
) -> Result<(), StoreError> {
    let returned = match after {
        AnyOrder::Cancelled(order) => movements(ctx, order.lines()),
        _ => Vec::new(),
    };
    let expiry = after
        .expires_at()
        .map(|due_at| ctx.job(JobKind::ExpireOrder, after.id().as_uuid(), due_at));
    let change = OrderChange {
        from,
        transition: transition.name,
        after: after.into(),
        record: ctx.id(),
        actor: &ctx.actor.to_string(),
        returned: &returned,
        expiry: expiry.as_ref(),
        event: &order_event(ctx, transition.topic, after),
    };
    save_change(tx, &change).await
}

/// The `version_conflict` error, with the current version.
async fn overtaken(ctx: &Ctx, id: OrderId) -> RichError {
    let current = async { load(&mut ctx.read().await?, id).await };
    match current.await {
        Ok(order) => overtaken_by(&order),
        Err(error) => error,
    }
}

fn overtaken_by(order: &AnyOrder) -> RichError {
    RichError::from(CommerceError::VersionConflict {
        current_version: order.version(),
    })
    .with_public("The order was changed by somebody else meanwhile. Read it again and repeat the request.")
}
