//! Expiry: cancels orders that were not confirmed, or confirmed but not paid, in time. Otherwise anyone could tie up
//! the whole stock with orders.
//!
//! Any number of processes may run this at once: each order is changed by compare-and-swap, and the loser of a race
//! finds it done. A job that fails is postponed, so that it does not block the others.

use super::change::{CANCEL, save};
use crate::context::{Ctx, PlatformCtx};
use rustok_auth::Action;
use rustok_commerce::AnyOrder;
use rustok_core::clock::Timestamp;
use rustok_core::deadline::Deadline;
use rustok_core::error::RichError;
use rustok_core::ids::{OrderId, TenantId};
use rustok_events::{Job, JobKind};
use rustok_storage::orders::{delete_expiry, find_order, postpone_expiry};
use rustok_storage::{StoreError, outbox, tenants};
use rustok_tenancy::{Tenant, TenantError, TenantHandle};
use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

/// The cancellation reason in the order and its history.
const REASON: &str = "expired";
/// The actor in history and events.
const ACTOR: &str = "order-expiry";
/// Time limit per order.
const ORDER_LIMIT: Duration = Duration::from_secs(5);
/// How long a failed job is postponed.
const PUT_OFF: Duration = Duration::from_secs(300);

type Shops = HashMap<TenantId, Arc<Tenant>>;

/// The result of one round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct ExpiryRound {
    /// Due jobs found; if it equals the limit, there may be more.
    pub due: usize,
    /// Cancelled orders.
    pub cancelled: usize,
    /// Jobs that failed and were postponed.
    pub failed: usize,
}

/// Cancels up to `limit` due orders, oldest first.
///
/// # Errors
/// If the database is unavailable: the remaining jobs stay due. A failure of one order is logged, counted and its job
/// postponed.
pub async fn expire_due(ctx: &PlatformCtx, limit: i64) -> Result<ExpiryRound, RichError> {
    ctx.authorize(Action::ExpireOrder)?;
    let now = ctx.services.clock.now();
    let jobs = outbox::list_due(ctx.read().await?.last(), JobKind::ExpireOrder, now, limit).await?;
    let mut round = ExpiryRound {
        due: jobs.len(),
        ..ExpiryRound::default()
    };
    let mut shops = HashMap::new();
    for job in jobs {
        match run(ctx, &mut shops, &job).await {
            Ok(cancelled) => round.cancelled += usize::from(cancelled),
            // Not specific to this order: the next one would fail too.
            Err(error) if error.kind().is_outage() => return Err(error),
            Err(error) => {
                round.failed += 1;
                tracing::error!(tenant_id = %job.tenant_id, order_id = %job.subject_id, ?error, "cannot expire an order");
                if let Err(error) = postpone(ctx, &job).await {
                    tracing::warn!(order_id = %job.subject_id, ?error, "cannot put work off that failed");
                }
            }
        }
    }
    Ok(round)
}

fn order_deadline(ctx: &PlatformCtx) -> Deadline {
    Deadline::after(ORDER_LIMIT).min(ctx.deadline)
}

async fn run(ctx: &PlatformCtx, shops: &mut Shops, job: &Job) -> Result<bool, RichError> {
    let shop = match shops.get(&job.tenant_id) {
        Some(shop) => Arc::clone(shop),
        None => {
            let name = ctx.services.validator.known_id(job.tenant_id);
            let found = tenants::find_tenant(&mut ctx.read().await?, &name).await?;
            let shop = Arc::new(found.ok_or(TenantError::NotFound)?);
            shops.insert(job.tenant_id, Arc::clone(&shop));
            shop
        }
    };
    let ctx = Ctx::system(Arc::clone(&ctx.services), shop, ACTOR, order_deadline(ctx));
    expire(&ctx, OrderId::from_uuid(job.subject_id)).await
}

/// Cancels an order if it is still waiting and due. Returns whether it did.
async fn expire(ctx: &Ctx, id: OrderId) -> Result<bool, RichError> {
    ctx.authorize(Action::ExpireOrder)?;
    let now = ctx.now();
    let mut tx = ctx.write().await?;
    let order = find_order(&mut tx, id)
        .await?
        .map(|stored| AnyOrder::try_from(stored.row))
        .transpose()?;
    let cancelled = match order {
        Some(order) if order.is_expired_at(now) => {
            let from = order.status();
            let order = order.cancel_at(REASON.to_owned(), None, now)?;
            match save(ctx, &mut tx, CANCEL, from, &order).await {
                Ok(()) => true,
                // Confirmed, paid or cancelled concurrently: that transition has replaced or deleted the job too.
                Err(StoreError::Stale { .. }) => return Ok(false),
                Err(error) => return Err(error.into()),
            }
        }
        other => {
            match other.and_then(|order| order.expires_at()) {
                Some(later) => postpone_expiry(&mut tx, id, later).await?,
                None => delete_expiry(&mut tx, id).await?,
            };
            false
        }
    };
    tx.commit().await?;
    if cancelled {
        ctx.services.counts.order_transitions.count("expire");
    }
    Ok(cancelled)
}

/// Does not read the tenant, since its row may be the broken part.
async fn postpone(ctx: &PlatformCtx, job: &Job) -> Result<(), RichError> {
    let to = ctx
        .services
        .clock
        .now()
        .checked_add(PUT_OFF)
        .unwrap_or(Timestamp::MAX);
    let shop = TenantHandle::for_due_work(job.tenant_id);
    let mut tx = ctx.services.store.write(shop, order_deadline(ctx)).await?;
    postpone_expiry(&mut tx, OrderId::from_uuid(job.subject_id), to).await?;
    Ok(tx.commit().await?)
}
