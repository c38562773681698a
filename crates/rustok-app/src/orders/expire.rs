//! Expiry: cancels orders that were not confirmed, or confirmed but not paid, in time. Otherwise anyone could tie up
//! the whole stock with orders.
//!
//! Each order is changed by compare-and-swap: the loser of a race finds it done.

use super::change::{CANCEL, save};
use crate::context::{Ctx, PlatformCtx};
use crate::jobs::JOB_LIMIT;
use rustok_auth::Action;
use rustok_commerce::AnyOrder;
use rustok_commerce::ids::OrderId;
use rustok_core::deadline::Deadline;
use rustok_core::error::RichError;
use rustok_core::ids::TenantId;
use rustok_events::ClaimedJob;
use rustok_storage::orders::find_order;
use rustok_storage::{StoreError, jobs, tenants};
use rustok_tenancy::{Tenant, TenantError};
use std::collections::HashMap;
use std::sync::Arc;

/// The cancellation reason in the order and its history.
const REASON: &str = "expired";
/// The actor in history and events.
const ACTOR: &str = "order-expiry";

/// The tenants of one round's orders.
pub(crate) type Shops = HashMap<TenantId, Arc<Tenant>>;

/// Cancels an order if it is still waiting and due. Returns whether it did.
pub(crate) async fn expire(
    ctx: &PlatformCtx,
    shops: &mut Shops,
    job: &ClaimedJob,
) -> Result<bool, RichError> {
    ctx.authorize(Action::ExpireOrder)?;
    let tenant = job.job.tenant_id;
    let shop = match shops.get(&tenant) {
        Some(shop) => Arc::clone(shop),
        None => {
            let name = ctx.services.validator.known_id(tenant);
            let found = tenants::find_tenant(&mut ctx.read().await?, &name).await?;
            let shop = Arc::new(found.ok_or(TenantError::NotFound)?);
            shops.insert(tenant, Arc::clone(&shop));
            shop
        }
    };
    let deadline = Deadline::after(JOB_LIMIT).min(ctx.deadline);
    expire_one(
        &Ctx::system(Arc::clone(&ctx.services), shop, ACTOR, deadline),
        job,
    )
    .await
}

async fn expire_one(ctx: &Ctx, job: &ClaimedJob) -> Result<bool, RichError> {
    let now = ctx.now();
    let mut tx = ctx.write().await?;
    let order = find_order(&mut tx, OrderId::from_uuid(job.job.subject_id))
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
                Some(later) => jobs::reschedule(&mut tx, job, later).await?,
                None => jobs::finish(&mut tx, job).await?,
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
