//! `/variants/{id}`: read, change, set and adjust the stock.

use crate::product::{AdjustmentFields, ProductView, StockFields, VariantDetailView, VariantPatch};
use crate::state::ApiState;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use rustok_app::StoredReply;
use rustok_app::catalog::{self, AdjustStock, SetStock, ShownPrice, UpdateVariant, VariantOfProduct};
use rustok_auth::Action;
use rustok_commerce::ids::VariantId;
use rustok_commerce::inventory::Adjustment;
use rustok_commerce::product::Product;
use rustok_commerce::variant::Variant;
use rustok_core::error::RichError;
use rustok_core::money::Currency;
use rustok_http::extract::{AdminCtx, Command, IfMatch, MergePatch, PathParams};
use rustok_http::reply::{self, Repeatable};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Read a variant.
#[utoipa::path(
    get,
    path = "/variants/{id}",
    operation_id = "read_variant",
    tag = "catalogue",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = VariantDetailView<'_>),
        (status = 304, description = "`If-None-Match` names what is shown now, the stock included.")
    ),
    extensions(("x-problems" = json!(["variant_not_found"])))
)]
async fn read(
    AdminCtx(ctx): AdminCtx,
    PathParams(id): PathParams<VariantId>,
    headers: HeaderMap,
) -> Result<Response, RichError> {
    let (product, variant) = catalog::get_variant(&ctx, id).await?;
    let view = VariantDetailView::new(&product, &variant, ShownPrice::of_tenant(&ctx)?);
    Ok(reply::resource(&headers, &view, (&product).into()))
}

/// Change a variant by a JSON merge patch. Its options are changed with its product.
#[utoipa::path(
    patch,
    path = "/variants/{id}",
    operation_id = "update_variant",
    tag = "catalogue",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    request_body(content = VariantPatch, content_type = "application/merge-patch+json"),
    responses((status = 200, body = VariantDetailView<'_>)),
    extensions(("x-problems" = json!(["variant_not_found", "version_conflict"])))
)]
async fn update(
    if_match: IfMatch,
    PathParams(id): PathParams<VariantId>,
    command: Command<AdminCtx, MergePatch>,
) -> Result<Response, RichError> {
    let (ctx, patch) = (command.ctx.0, command.body);
    // A missing permission is reported before anything else.
    ctx.authorize(Action::UpdateProduct)?;
    let variant = if_match.target(id);
    variant.if_match.required()?;
    let currency = catalog::currency(&ctx)?;
    let update = UpdateVariant {
        variant,
        edit: &|product, input| VariantPatch::patched(product, input, &patch, currency.code()),
    };
    let changed = catalog::update_variant(&ctx, update).await?;
    Ok(reply::send(as_it_is_now(&changed, currency)))
}

/// The answer of a write.
fn as_it_is_now(VariantOfProduct { product, variant }: &VariantOfProduct, currency: Currency) -> StoredReply {
    let view = VariantDetailView::new(product, variant, ShownPrice::Preferably(currency));
    reply::stored(StatusCode::OK, &view, product.into(), None)
}

/// Refuses a write of stock that is based on another stock than what the variant, or its product, shows now.
fn check_stock(
    if_match: &IfMatch,
    product: &Product,
    variant: &Variant,
    currency: Currency,
) -> Result<(), RichError> {
    let saved = product.into();
    if_match.check_shown(product.version, || {
        [
            reply::tag_of(
                saved,
                &VariantDetailView::new(product, variant, ShownPrice::Preferably(currency)),
            ),
            reply::tag_of(
                saved,
                &ProductView::new(product, ShownPrice::Preferably(currency)),
            ),
        ]
    })
}

/// Set the stock of a variant as it was counted; from then on its pieces are counted.
///
/// `If-Match` is optional and takes the `ETag` of the variant or of its product. Unlike elsewhere the whole tag is
/// compared, so a sale or a count since the resource was read is refused with 412; the problem's `current_etag` is the
/// variant's tag of now. For deliveries and losses use `adjust`, which needs no tag.
#[utoipa::path(
    put,
    path = "/variants/{id}/stock",
    operation_id = "set_stock",
    tag = "catalogue",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = StockFields,
    responses((status = 200, body = VariantDetailView<'_>)),
    extensions(("x-problems" = json!(["variant_not_found", "version_conflict"])))
)]
async fn set_stock(
    PathParams(id): PathParams<VariantId>,
    if_match: IfMatch,
    command: Command<AdminCtx, StockFields>,
) -> Result<Response, RichError> {
    let ctx = command.ctx.0;
    let StockFields {
        quantity,
        allow_backorder,
    } = command.body;
    let currency = catalog::currency(&ctx)?;
    let set = SetStock {
        id,
        condition: &|product, variant| check_stock(&if_match, product, variant, currency),
        quantity,
        allow_backorder,
    };
    let changed = catalog::set_stock(&ctx, set).await?;
    Ok(reply::send(as_it_is_now(&changed, currency)))
}

/// Change the stock of a variant by a number of pieces, with the reason. Changes that are made at once add up.
///
/// Only counted stock can be adjusted. `If-Match` is optional and compared as by `PUT .../stock`.
#[utoipa::path(
    post,
    path = "/variants/{id}/stock/adjust",
    operation_id = "adjust_stock",
    tag = "catalogue",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = AdjustmentFields,
    responses((status = 200, body = VariantDetailView<'_>)),
    extensions(("x-problems" = json!([
        "variant_not_found", "version_conflict", "stock_not_tracked", "insufficient_stock"
    ])))
)]
async fn adjust_stock(
    PathParams(id): PathParams<VariantId>,
    if_match: IfMatch,
    command: Command<AdminCtx, AdjustmentFields>,
) -> Result<Response, RichError> {
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let ctx = ctx.0;
    // A missing permission is reported before anything else.
    ctx.authorize(Action::AdjustStock)?;
    let AdjustmentFields { delta, reason } = body;
    let adjustment = Adjustment::checked(delta, &reason)?;
    let currency = catalog::currency(&ctx)?;
    let adjust = AdjustStock {
        id,
        condition: &|product, variant| check_stock(&if_match, product, variant, currency),
        adjustment,
    };
    let render = |changed: &VariantOfProduct| as_it_is_now(changed, currency);
    let reply = Repeatable::new(idempotency, render);
    let done = catalog::adjust_stock(&ctx, adjust, reply.key()).await?;
    Ok(reply.response(done))
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(read, update))
        .routes(routes!(set_stock))
        .routes(routes!(adjust_stock))
}
