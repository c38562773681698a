//! Places orders: prices and stock from the database, all or nothing.

use super::{after_minutes, basket, movements, order_event};
use crate::context::Ctx;
use crate::work::{Begun, Done, IdempotencyKey, StoredReply, TenantWork};
use rustok_auth::{Action, SecretKind, TokenSecret};
use rustok_commerce::ids::CustomerId;
use rustok_commerce::order::{OrderInput, OrderRequest};
use rustok_commerce::{
    AnyOrder, CommerceError, Order, OrderColumns, OrderLine, OrderNumber, OrderSource, Placement,
};
use rustok_core::clock::{day_in, day_number};
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use rustok_core::money::Money;
use rustok_events::{JobKind, Topic};
use rustok_storage::customers::upsert_customer;
use rustok_storage::orders::{NewOrder, ORDERS, PendingLimit, insert_order};
use rustok_storage::reservations::{Buyer, STOCK_LEVELS, Shelf, read_shelf};
use rustok_storage::{StoreError, TenantTx};
use std::time::Duration;

/// Attempts per order, if stock or the limit of pending pieces changes between reading and taking. A further attempt
/// is needed only if stock or room was given back meanwhile: otherwise the fresh read refuses the order.
const TRIES: usize = 5;

/// A new order and the only copy of its secret.
#[derive(Debug)]
pub struct PlacedOrder {
    /// The order, in status pending.
    pub order: AnyOrder,
    /// The buyer's secret for reading the order; only its hash is stored.
    pub secret: TokenSecret,
}

/// The key of a request that places an order.
type Key<'a> = IdempotencyKey<'a, PlacedOrder>;

enum Attempt<'a> {
    /// Saved, not committed yet.
    Saved(Box<(TenantWork<'a, PlacedOrder>, PlacedOrder)>),
    Repeated(StoredReply),
    /// A concurrent order took the stock or used up the limit of pending pieces, or the database aborted this
    /// transaction to resolve a conflict.
    Raced,
}

/// Places an order: the buyer's customer record, and the order with its lines, stock, history, event and expiry job.
/// All or nothing.
///
/// # Errors
/// `validation_failed` with all lines at once, `insufficient_stock` with `available`, `requested`, `product_id` and
/// `variant_id`, `too_many_pending_pieces`, `total_changed` with `total`, those of the key.
pub async fn place(ctx: &Ctx, input: OrderInput, key: Key<'_>) -> Result<Done<PlacedOrder>, RichError> {
    let placement = ctx.services.counts.begin_placement();
    let done = place_within_tries(ctx, input, key).await;
    placement.end(done.as_ref().map(Done::is_made));
    done
}

async fn place_within_tries(
    ctx: &Ctx,
    input: OrderInput,
    key: Key<'_>,
) -> Result<Done<PlacedOrder>, RichError> {
    ctx.authorize(Action::PlaceOrder)?;
    // Before the transaction, which on SQLite occupies the only writer.
    let request = input.validate().map_err(CommerceError::ValidationFailed)?;
    for _ in 0..TRIES {
        match attempt(ctx, &request, key).await? {
            Attempt::Saved(saved) => {
                let (work, placed) = *saved;
                return work.finish(placed).await;
            }
            Attempt::Repeated(reply) => return Ok(Done::Repeated(reply)),
            Attempt::Raced => ctx.services.counts.retry_order(),
        }
    }
    Err(RichError::new(
        ErrorKind::Unavailable,
        "stock or the limit of pending pieces kept changing while an order was placed",
    )
    .with_retry_after(Duration::from_secs(1)))
}

async fn attempt<'a>(ctx: &Ctx, request: &OrderRequest, key: Key<'a>) -> Result<Attempt<'a>, RichError> {
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Attempt::Repeated(reply)),
    };
    let built = match build_order(ctx, &mut work.tx, request).await {
        Ok(built) => built,
        Err(refusal) => return Err(work.refuse(refusal).await),
    };
    let secret = ctx
        .services
        .with_rng(|rng| TokenSecret::generate(SecretKind::Order, rng));
    match save(ctx, &mut work.tx, &built, &secret).await {
        Ok(number) => {
            let order = built.order.with_number(number);
            Ok(Attempt::Saved(Box::new((work, PlacedOrder { order, secret }))))
        }
        Err(
            StoreError::Stale {
                table: STOCK_LEVELS | ORDERS,
                ..
            }
            | StoreError::Serialization(_),
        ) => Ok(Attempt::Raced),
        Err(error) => Err(error.into()),
    }
}

/// An order to save, and what saving it depends on.
struct BuiltOrder {
    order: AnyOrder,
    limit: Option<PendingLimit>,
    is_first: bool,
    is_new_customer: bool,
}

/// The order to save: priced, with its stock checked and its buyer known. All checks come before the buyer's record
/// is written.
async fn build_order(ctx: &Ctx, tx: &mut TenantTx, request: &OrderRequest) -> Result<BuiltOrder, RichError> {
    let (ids, skus) = basket::requested_ids(request);
    let buyer = Buyer {
        email: &request.email,
        network: ctx.network.as_ref(),
    };
    let shelf = read_shelf(tx, &ids, &skus, request.currency, buyer).await?;
    let contents = basket::build_contents(request, &shelf.variants)?;
    let limit = check_pieces(ctx.tenant.settings.max_pending_pieces, contents.lines(), &shelf)?;
    check_total(request, contents.total())?;
    let now = ctx.now();
    let customer_id: CustomerId = match shelf.customer {
        Some(known) => known,
        None => upsert_customer(tx, ctx.id(), &request.email, now).await?,
    };
    let placement = Placement {
        id: ctx.id(),
        tenant_id: ctx.tenant.id,
        source: OrderSource::Storefront,
        customer_id,
        email: request.email.clone(),
        contents,
        expires_at: after_minutes(now, ctx.tenant.settings.pending_order_ttl_minutes),
    };
    Ok(BuiltOrder {
        order: Order::place(placement, now).into(),
        limit,
        is_first: shelf.is_first_order,
        is_new_customer: shelf.customer.is_none(),
    })
}

/// Limits the pieces that a buyer may hold in unconfirmed orders. Concurrent orders are not seen here: the returned
/// limit is checked again when the order is inserted.
fn check_pieces(
    max_pending: u32,
    lines: &[OrderLine],
    shelf: &Shelf,
) -> Result<Option<PendingLimit>, RichError> {
    let counted = lines.iter().filter(|line| line.stock_taken);
    let pieces = counted.map(|line| line.quantity).fold(0, i64::saturating_add);
    let most = i64::from(max_pending);
    if most == 0 || pieces == 0 {
        return Ok(None);
    }
    if shelf.pending.saturating_add(pieces) <= most {
        return Ok(Some(PendingLimit { pieces, most }));
    }
    if pieces > most {
        let detail = format!("have more than {most} pieces together; ask the shop for so many");
        let violation = FieldViolation::new("#/lines", "too_many_pieces", detail);
        return Err(CommerceError::ValidationFailed(vec![violation]).into());
    }
    Err(RichError::new(
        ErrorKind::BusinessRule,
        "too many pieces are held by pending orders",
    )
    .with_code("too_many_pending_pieces")
    .with_public(
        "Your orders that are not confirmed hold as many pieces as they may. Confirm or cancel them first.",
    ))
}

/// Fails if the total differs from the one that the buyer saw.
fn check_total(request: &OrderRequest, total: Money) -> Result<(), RichError> {
    if request.expected_total.is_none_or(|expected| expected == total) {
        return Ok(());
    }
    let internal = "the total is not the one that was expected";
    let rule = "is not the total of these lines now";
    Err(RichError::new(ErrorKind::BusinessRule, internal)
        .with_code("total_changed")
        .with_public("The total is another one now. Show it to the buyer and order again with it.")
        .with_violation("#/expected_total", "total_changed", rule)
        .with_extension("total", total))
}

async fn save(
    ctx: &Ctx,
    tx: &mut TenantTx,
    built: &BuiltOrder,
    secret: &TokenSecret,
) -> Result<OrderNumber, StoreError> {
    let BuiltOrder {
        order,
        limit,
        is_first,
        is_new_customer,
    } = built;
    let columns = OrderColumns::from(order);
    let due_at = columns.expires_at.unwrap_or(columns.created_at);
    let expiry = ctx.job(JobKind::ExpireOrder, columns.id.as_uuid(), due_at);
    let new = NewOrder {
        order: columns,
        secret_hash: &secret.hash(),
        placed_from: ctx.network.as_ref(),
        placed_on: day_number(day_in(&ctx.tenant.settings.time_zone, columns.created_at)),
        actor: &ctx.actor.to_string(),
        taken: &movements(ctx, order.lines()),
        event: &order_event(ctx, Topic::OrderPlaced, order),
        expiry: &expiry,
        limit: *limit,
        is_first: *is_first,
        is_new_customer: *is_new_customer,
    };
    insert_order(tx, &new).await
}
