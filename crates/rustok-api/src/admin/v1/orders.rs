//! `/orders` of the administration: list, read, one POST per transition, history.

use crate::order::AdminOrderView;
use crate::state::ApiState;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use rustok_app::StoredReply;
use rustok_app::orders::{self, OrderFilter, OrderHistory, OrderPlace};
use rustok_commerce::AnyOrder;
use rustok_commerce::ids::OrderId;
use rustok_core::error::RichError;
use rustok_core::page::Page;
use rustok_http::extract::{AdminCtx, Command, Empty, IfMatch, PathParams, QueryParams, QueryReader};
use rustok_http::reply::{self, Repeatable};
use rustok_text::CanonicalEmail;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The longest text that is searched for, in characters.
const MAX_SEARCH_CHARS: usize = 200;

/// A page of orders.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderPage)]
pub(super) struct OrderPage<'a> {
    items: Vec<AdminOrderView<'a>>,
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Which orders, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListOrders {
    /// 1 to 100, 20 unless said otherwise.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    after: Option<String>,
    /// The order with this number, `1001` or `#1001`.
    #[param(example = "1001")]
    number: Option<String>,
    /// `pending`, `confirmed`, `paid`, `shipped`, `delivered` or `cancelled`.
    status: Option<String>,
    /// The buyer's address, in any case.
    email: Option<String>,
    /// Placed then or later: RFC 3339, or a date in UTC.
    created_after: Option<String>,
    /// Placed before: RFC 3339, or a date in UTC.
    created_before: Option<String>,
}

impl ListOrders {
    fn filter(&self, query: &mut QueryReader) -> OrderFilter {
        OrderFilter {
            number: query.parse(
                "number",
                self.number.as_deref(),
                "must be an order number such as 1001 or #1001",
            ),
            status: query.parse("status", self.status.as_deref(), "is not the status of an order"),
            email: query.read(
                "email",
                self.email.as_deref(),
                "must be an address such as jane@example.com",
                CanonicalEmail::parse,
            ),
            created_after: query.time("created_after", self.created_after.as_deref()),
            created_before: query.time("created_before", self.created_before.as_deref()),
        }
    }
}

/// A payment that was received.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PayOrder {
    /// The payment provider's name for it: 1 to 255 bytes. With the same method it pays one order only.
    #[schema(example = "pay_123")]
    payment_id: String,
    /// 1 to 255 bytes.
    #[schema(example = "card")]
    method: String,
}

/// A shipment.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct ShipOrder {
    /// 1 to 255 bytes.
    #[schema(example = "TRACK123")]
    tracking: String,
    /// 1 to 255 bytes.
    #[schema(example = "FedEx")]
    carrier: String,
}

/// A delivery.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct DeliverOrder {
    /// Who took it: 1 to 255 bytes.
    #[schema(example = "Jane Roe")]
    signature: Option<String>,
}

/// Why an order is called off.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CancelOrder {
    /// 1 to 1,000 bytes.
    #[schema(example = "the customer asked for it")]
    reason: String,
    /// The payment provider's name for the refund: needed when the order is paid, refused when it is not.
    /// It gives one order back only.
    #[schema(example = "re_123")]
    refund_id: Option<String>,
}

/// One step in an order's life.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrderHistoryView {
    /// The order's version after it.
    version: i64,
    /// `place`, `confirm`, `pay`, `ship`, `deliver` or `cancel`.
    transition: String,
    /// The status before; a new order had none.
    #[schema(required)]
    from: Option<String>,
    /// The status after.
    to: String,
    /// `anonymous`, `token:<id>` or `system:<name>`.
    actor: String,
    #[schema(required)]
    reason: Option<String>,
    /// RFC 3339, UTC.
    at: String,
}

impl From<OrderHistory> for OrderHistoryView {
    fn from(step: OrderHistory) -> Self {
        let OrderHistory {
            version,
            transition,
            from,
            to,
            actor,
            reason,
            at,
        } = step;
        Self {
            version,
            transition,
            from,
            to,
            actor,
            reason,
            at: at.to_string(),
        }
    }
}

/// An order's life, oldest step first.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct OrderHistoryList {
    items: Vec<OrderHistoryView>,
}

/// List orders, newest first. With a status and an address a page may be shorter than `limit` and have a next one.
#[utoipa::path(
    get,
    path = "/orders",
    operation_id = "list_orders",
    tag = "orders",
    security(("tenant_token" = [])),
    params(ListOrders),
    responses((status = 200, body = OrderPage<'_>))
)]
async fn list(
    AdminCtx(ctx): AdminCtx,
    QueryParams(query): QueryParams<ListOrders>,
) -> Result<Response, RichError> {
    let mut reader = QueryReader::default();
    let (limit, after) = reader.page::<OrderPlace>(query.limit, query.after.as_deref());
    let filter = query.filter(&mut reader);
    reader.finish()?;
    let Page { items, next_cursor } = orders::list(&ctx, &filter, after, limit).await?;
    Ok(reply::list(&OrderPage {
        items: items.iter().map(AdminOrderView::from).collect(),
        next_cursor,
    }))
}

/// The orders that a text names.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct FoundOrders<'a> {
    items: Vec<AdminOrderView<'a>>,
}

/// What to look for.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct SearchOrders {
    /// 1 to 100, 20 unless said otherwise.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// A number such as `1001` or `#1001`, or words of the buyer's address, each by its beginning and in whatever case; at
    /// most 200 characters. Without it all orders are meant.
    #[param(example = "jane")]
    q: Option<String>,
}

/// Find the newest orders by their number, or by the words of the address of one of the 20 newest buyers that match.
#[utoipa::path(
    get,
    path = "/orders/search",
    operation_id = "search_orders",
    tag = "orders",
    security(("tenant_token" = [])),
    params(SearchOrders),
    responses((status = 200, body = FoundOrders<'_>))
)]
async fn search(
    AdminCtx(ctx): AdminCtx,
    QueryParams(query): QueryParams<SearchOrders>,
) -> Result<Response, RichError> {
    let mut reader = QueryReader::default();
    let (limit, _) = reader.page::<OrderPlace>(query.limit, None);
    reader.words("q", query.q.as_deref(), MAX_SEARCH_CHARS);
    reader.finish()?;
    let orders = orders::search(&ctx, query.q.as_deref().unwrap_or_default(), limit).await?;
    Ok(reply::list(&FoundOrders {
        items: orders.iter().map(AdminOrderView::from).collect(),
    }))
}

/// Read an order.
#[utoipa::path(
    get,
    path = "/orders/{id}",
    operation_id = "read_order",
    tag = "orders",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = AdminOrderView<'_>), (status = 304, description = "`If-None-Match` names what is shown now.")),
    extensions(("x-problems" = json!(["order_not_found"])))
)]
async fn read_one(
    AdminCtx(ctx): AdminCtx,
    PathParams(id): PathParams<OrderId>,
    headers: HeaderMap,
) -> Result<Response, RichError> {
    let order = orders::get(&ctx, id).await?;
    Ok(reply::resource(
        &headers,
        &AdminOrderView::from(&order),
        (&order).into(),
    ))
}

/// Read who did what to an order.
#[utoipa::path(
    get,
    path = "/orders/{id}/history",
    operation_id = "read_order_history",
    tag = "orders",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = OrderHistoryList)),
    extensions(("x-problems" = json!(["order_not_found"])))
)]
async fn history(
    AdminCtx(ctx): AdminCtx,
    PathParams(id): PathParams<OrderId>,
) -> Result<Response, RichError> {
    let steps = orders::history(&ctx, id).await?;
    Ok(reply::list(&OrderHistoryList {
        items: steps.into_iter().map(Into::into).collect(),
    }))
}

/// The answer of a transition: the order as it is now.
fn changed(order: &AnyOrder) -> StoredReply {
    reply::stored(StatusCode::OK, &AdminOrderView::from(order), order.into(), None)
}

/// Confirm a pending order.
///
/// It then waits for its payment until `expires_at`, as the tenant's `confirmed_order_ttl_minutes` says, and is cancelled
/// unless it is paid before.
#[utoipa::path(
    post,
    path = "/orders/{id}/confirm",
    operation_id = "confirm_order",
    tag = "orders",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = AdminOrderView<'_>)),
    extensions(("x-problems" = json!(["order_not_found", "illegal_transition", "transition_refused", "version_conflict"])))
)]
async fn confirm(
    PathParams(id): PathParams<OrderId>,
    if_match: IfMatch,
    command: Command<AdminCtx, Empty>,
) -> Result<Response, RichError> {
    let Command { ctx, idempotency, .. } = command;
    let reply = Repeatable::new(idempotency, changed);
    let done = orders::confirm(&ctx.0, if_match.target(id), reply.key()).await?;
    Ok(reply.response(done))
}

/// Record the payment of a confirmed order.
#[utoipa::path(
    post,
    path = "/orders/{id}/pay",
    operation_id = "pay_order",
    tag = "orders",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = PayOrder,
    responses((status = 200, body = AdminOrderView<'_>)),
    extensions(("x-problems" = json!(["order_not_found", "illegal_transition", "transition_refused", "version_conflict", "used_for_another_order"])))
)]
async fn pay(
    PathParams(id): PathParams<OrderId>,
    if_match: IfMatch,
    command: Command<AdminCtx, PayOrder>,
) -> Result<Response, RichError> {
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let PayOrder { payment_id, method } = body;
    let pay = orders::PayOrder {
        order: if_match.target(id),
        payment_id,
        method,
    };
    let reply = Repeatable::new(idempotency, changed);
    let done = orders::pay(&ctx.0, pay, reply.key()).await?;
    Ok(reply.response(done))
}

/// Record that a paid order was shipped.
#[utoipa::path(
    post,
    path = "/orders/{id}/ship",
    operation_id = "ship_order",
    tag = "orders",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = ShipOrder,
    responses((status = 200, body = AdminOrderView<'_>)),
    extensions(("x-problems" = json!(["order_not_found", "illegal_transition", "transition_refused", "version_conflict"])))
)]
async fn ship(
    PathParams(id): PathParams<OrderId>,
    if_match: IfMatch,
    command: Command<AdminCtx, ShipOrder>,
) -> Result<Response, RichError> {
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let ShipOrder { tracking, carrier } = body;
    let ship = orders::ShipOrder {
        order: if_match.target(id),
        tracking,
        carrier,
    };
    let reply = Repeatable::new(idempotency, changed);
    let done = orders::ship(&ctx.0, ship, reply.key()).await?;
    Ok(reply.response(done))
}

/// Record that a shipped order was delivered.
#[utoipa::path(
    post,
    path = "/orders/{id}/deliver",
    operation_id = "deliver_order",
    tag = "orders",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = Option<DeliverOrder>,
    responses((status = 200, body = AdminOrderView<'_>)),
    extensions(("x-problems" = json!(["order_not_found", "illegal_transition", "transition_refused", "version_conflict"])))
)]
async fn deliver(
    PathParams(id): PathParams<OrderId>,
    if_match: IfMatch,
    command: Command<AdminCtx, DeliverOrder>,
) -> Result<Response, RichError> {
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let deliver = orders::DeliverOrder {
        order: if_match.target(id),
        signature: body.signature,
    };
    let reply = Repeatable::new(idempotency, changed);
    let done = orders::deliver(&ctx.0, deliver, reply.key()).await?;
    Ok(reply.response(done))
}

/// Cancel an order. Its stock goes back; a paid order needs the refund.
#[utoipa::path(
    post,
    path = "/orders/{id}/cancel",
    operation_id = "cancel_order",
    tag = "orders",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = CancelOrder,
    responses((status = 200, body = AdminOrderView<'_>)),
    extensions(("x-problems" = json!(["order_not_found", "illegal_transition", "transition_refused", "version_conflict", "used_for_another_order"])))
)]
async fn cancel(
    PathParams(id): PathParams<OrderId>,
    if_match: IfMatch,
    command: Command<AdminCtx, CancelOrder>,
) -> Result<Response, RichError> {
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let CancelOrder { reason, refund_id } = body;
    let cancel = orders::CancelOrder {
        order: if_match.target(id),
        reason,
        refund_id,
    };
    let reply = Repeatable::new(idempotency, changed);
    let done = orders::cancel(&ctx.0, cancel, reply.key()).await?;
    Ok(reply.response(done))
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(search))
        .routes(routes!(read_one))
        .routes(routes!(history))
        .routes(routes!(confirm))
        .routes(routes!(pay))
        .routes(routes!(ship))
        .routes(routes!(deliver))
        .routes(routes!(cancel))
}
