//! `/orders` of the storefront: place one, and read it with its own secret.

use crate::money::MoneyFields;
use crate::order::{OrderView, PlacedOrderView};
use crate::state::ApiState;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use rustok_app::StoredReply;
use rustok_app::orders::{self, PlacedOrder};
use rustok_auth::{SecretKind, TokenSecret};
use rustok_commerce::ids::OrderId;
use rustok_commerce::order::{LineInput, OrderInput};
use rustok_core::error::RichError;
use rustok_http::extract::{Command, PathParams, StoreCtx};
use rustok_http::reply::{self, Repeatable};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// A new order. There is no price in it: prices are the shop's.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlaceOrder {
    #[schema(example = "jane@example.com")]
    email: String,
    /// ISO 4217. Every variant must have a price in it.
    #[schema(example = "USD")]
    currency: String,
    /// 1 to 100. Lines of the same variant become one.
    #[schema(min_items = 1, max_items = 100)]
    lines: Vec<PlaceOrderLine>,
    /// The total that the buyer saw. When it is another one now, nothing is ordered: 409 `total_changed`, with the new
    /// `total`.
    expected_total: Option<MoneyFields>,
}

/// One wanted thing: `variant_id` or `sku`, not both.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct PlaceOrderLine {
    #[schema(format = Uuid)]
    variant_id: Option<String>,
    /// Must name exactly one variant.
    #[schema(example = "TEA-1")]
    sku: Option<String>,
    /// 1 to 10,000.
    #[schema(example = 1, minimum = 1, maximum = 10_000)]
    quantity: i64,
}

impl From<PlaceOrder> for OrderInput {
    fn from(order: PlaceOrder) -> Self {
        let line = |PlaceOrderLine {
                        variant_id,
                        sku,
                        quantity,
                    }| LineInput {
            variant_id,
            sku,
            quantity,
        };
        Self {
            email: order.email,
            expected_total: order
                .expected_total
                .map(|total| total.into_input(&order.currency)),
            currency: order.currency,
            lines: order.lines.into_iter().map(line).collect(),
        }
    }
}

/// Place an order. Its stock is taken at once; an order that the shop does not confirm in time is called off.
#[utoipa::path(
    post,
    path = "/orders",
    operation_id = "place_order",
    tag = "store",
    request_body = PlaceOrder,
    responses((status = 201, body = PlacedOrderView<'_>)),
    extensions(("x-problems" = json!(["insufficient_stock", "too_many_pending_pieces", "total_changed"])))
)]
async fn place(command: Command<StoreCtx, PlaceOrder>) -> Result<Response, RichError> {
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let reply = Repeatable::new(idempotency, placed);
    let done = orders::place(&ctx.0, body.into(), reply.key()).await?;
    Ok(reply.response(done))
}

/// The reply with a new order and its secret.
fn placed(placed: &PlacedOrder) -> StoredReply {
    let location = format!("/api/store/v1/orders/{}", placed.order.id());
    let view = PlacedOrderView {
        order: (&placed.order).into(),
        secret: placed.secret.expose(),
    };
    reply::stored(StatusCode::CREATED, &view, (&placed.order).into(), Some(location))
}

/// Read an order with its own secret.
#[utoipa::path(
    get,
    path = "/orders/{id}",
    operation_id = "read_own_order",
    tag = "store",
    params(
        ("id" = Uuid, Path),
        ("X-Order-Secret" = String, Header, description = "`secret` of the answer that placed the order")
    ),
    responses((status = 200, body = OrderView<'_>), (status = 304, description = "`If-None-Match` names what is shown now.")),
    extensions(("x-problems" = json!(["order_not_found"])))
)]
async fn read(
    StoreCtx(ctx): StoreCtx,
    PathParams(id): PathParams<OrderId>,
    headers: HeaderMap,
) -> Result<Response, RichError> {
    let order = orders::get_by_secret(&ctx, id, order_secret(&headers).as_ref()).await?;
    Ok(reply::resource(
        &headers,
        &OrderView::from(&order),
        (&order).into(),
    ))
}

/// The one secret that was sent. What is no order's secret opens nothing, like none.
fn order_secret(headers: &HeaderMap) -> Option<TokenSecret> {
    let mut values = headers.get_all("x-order-secret").iter();
    let (Some(value), None) = (values.next(), values.next()) else {
        return None;
    };
    TokenSecret::parse(value.as_bytes())
        .ok()
        .filter(|secret| secret.kind() == SecretKind::Order)
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(place)).routes(routes!(read))
}
