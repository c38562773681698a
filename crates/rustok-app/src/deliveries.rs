//! Delivers committed events to their consumers, at least once.
//!
//! Each consumer gets a new event at once. For one that does not take it a delivery is stored and tried again later, until
//! it is dead; other events and consumers do not wait for it. While a consumer is called, no transaction is open and no
//! row locked: what is being delivered is claimed by lease.

use crate::context::PlatformCtx;
use rustok_auth::Action;
use rustok_core::deadline::Deadline;
use rustok_core::error::RichError;
use rustok_core::resilience::with_timeout;
use rustok_events::lease::LEASE;
use rustok_events::{Consumer, Event, Lease};
use rustok_storage::outbox::{self, Outcome};
use rustok_storage::{StoreError, deliveries};
use std::time::Duration;
use uuid::Uuid;

/// Time limit for one consumer and one event.
const DELIVERY_LIMIT: Duration = Duration::from_secs(5);

/// The result of one round.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct DeliveryRound {
    /// Events or deliveries claimed; if it equals the limit, there may be more.
    pub claimed: usize,
    /// Successful deliveries.
    pub delivered: usize,
    /// Failed deliveries.
    pub failed: usize,
}

/// Delivers up to `limit` new events, oldest first. Those that are not begun before `is_stopping`, or before half of the
/// lease is over, are given back.
///
/// # Errors
/// If the database is unavailable: the events are delivered again.
pub async fn deliver_new<F: Future<Output = Result<(), RichError>>>(
    ctx: &PlatformCtx,
    limit: i64,
    is_stopping: impl Fn() -> bool,
    deliver: impl Fn(Consumer, &Event) -> F,
) -> Result<DeliveryRound, RichError> {
    ctx.authorize(Action::DeliverEvents)?;
    let until = Deadline::after(LEASE / 2);
    let (lease, mut events) = claim(ctx, limit).await?;
    let mut round = DeliveryRound {
        claimed: events.len(),
        ..DeliveryRound::default()
    };
    if events.is_empty() {
        return Ok(round);
    }
    let (mut outcomes, mut begun) = (Vec::with_capacity(events.len()), 0);
    for event in &events {
        if is_stopping() || until.is_expired() {
            break;
        }
        begun += 1;
        let mut failed = Vec::new();
        for consumer in Consumer::ALL {
            match attempt(&deliver, *consumer, event).await {
                Ok(()) => round.delivered += 1,
                Err(error) => failed.push((*consumer, error)),
            }
        }
        round.failed += failed.len();
        outcomes.push(failed);
    }
    let left = events.split_off(begun);
    let events = events.into_iter().zip(outcomes);
    let outcomes: Vec<_> = events.map(|(event, failed)| Outcome { event, failed }).collect();
    let mut tx = ctx.write().await?;
    match outbox::distribute(&mut tx, lease, &outcomes, ctx.services.clock.now()).await {
        // The events were delivered, and another worker delivers them again.
        Err(StoreError::Stale { .. }) => {
            tracing::warn!(
                events = outcomes.len(),
                "the lease of events ended before they were delivered"
            );
            return Ok(round);
        }
        distributed => distributed?,
    }
    if let Some(lease) = lease {
        outbox::give_back(&mut tx, lease, &left).await?;
    }
    tx.commit().await?;
    Ok(round)
}

/// An SQLite file has one server, and that one worker: it needs no claim, which would be a second write of each event by
/// the one writer. On PostgreSQL a claim keeps the workers of other servers off.
async fn claim(ctx: &PlatformCtx, limit: i64) -> Result<(Option<Uuid>, Vec<Event>), RichError> {
    if ctx.services.store.sqlite_path().is_some() {
        let events = outbox::list_waiting(ctx.read().await?.last(), limit).await?;
        return Ok((None, events));
    }
    let now = ctx.services.clock.now();
    let lease = Lease::new(ctx.services.ids.next(), now);
    let mut tx = ctx.write().await?;
    let events = outbox::claim(&mut tx, lease, now, limit).await?;
    if !events.is_empty() {
        tx.commit().await?;
    }
    Ok((Some(lease.id), events))
}

async fn attempt<F: Future<Output = Result<(), RichError>>>(
    deliver: &impl Fn(Consumer, &Event) -> F,
    consumer: Consumer,
    event: &Event,
) -> Result<(), String> {
    let delivered = with_timeout(DELIVERY_LIMIT, || deliver(consumer, event)).await;
    let error = match delivered {
        Ok(Ok(())) => return Ok(()),
        Ok(Err(error)) => error,
        Err(timeout) => timeout.into(),
    };
    tracing::warn!(%consumer, event_id = %event.id, tenant_id = %event.tenant_id, ?error, "an event was not delivered");
    Err(error.to_string())
}

/// Tries up to `limit` deliveries again that are due, the longest due first; gives back as [`deliver_new`] does.
///
/// # Errors
/// If the database is unavailable: they are due again at the end of their lease.
pub async fn retry_due<F: Future<Output = Result<(), RichError>>>(
    ctx: &PlatformCtx,
    limit: i64,
    is_stopping: impl Fn() -> bool,
    deliver: impl Fn(Consumer, &Event) -> F,
) -> Result<DeliveryRound, RichError> {
    ctx.authorize(Action::DeliverEvents)?;
    let until = Deadline::after(LEASE / 2);
    let now = ctx.services.clock.now();
    let lease = Lease::new(ctx.services.ids.next(), now);
    let mut tx = ctx.write().await?;
    let claimed = deliveries::claim(&mut tx, lease, now, limit).await?;
    let mut round = DeliveryRound {
        claimed: claimed.len(),
        ..DeliveryRound::default()
    };
    if claimed.is_empty() {
        return Ok(round);
    }
    tx.commit().await?;
    let mut outcomes = deliveries::Outcomes::default();
    for delivery in claimed {
        if is_stopping() || until.is_expired() {
            outcomes.given_back.push(delivery);
            continue;
        }
        match attempt(&deliver, delivery.consumer, &delivery.event).await {
            Ok(()) => outcomes.delivered.push(delivery),
            Err(error) => outcomes.failed.push((delivery, error)),
        }
    }
    (round.delivered, round.failed) = (outcomes.delivered.len(), outcomes.failed.len());
    let mut tx = ctx.write().await?;
    let dead = deliveries::settle(&mut tx, &outcomes, ctx.services.clock.now()).await?;
    tx.commit().await?;
    if dead > 0 {
        tracing::error!(dead, "deliveries are dead: their consumer failed too often");
    }
    Ok(round)
}
