//! `/products`: list, create, read, change, delete, bring back.

use crate::product::{ProductFields, ProductPage, ProductView, WrittenProductView};
use crate::removed::removed_from;
use crate::state::ApiState;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use rustok_app::StoredReply;
use rustok_app::catalog::{self, ProductFilter, ShownPrice, UpdateProduct, WrittenProduct};
use rustok_auth::Action;
use rustok_commerce::ids::ProductId;
use rustok_commerce::product::Product;
use rustok_core::error::RichError;
use rustok_core::money::Currency;
use rustok_http::extract::{
    AdminCtx, Command, Empty, IfMatch, MergePatch, PathParams, QueryParams, QueryReader,
};
use rustok_http::reply::{self, Repeatable};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The longest text that is searched for, in characters.
const MAX_SEARCH_CHARS: usize = 200;
/// The maximum length of a vendor, in characters.
const MAX_VENDOR_CHARS: usize = 255;

/// Which products.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListProducts {
    /// 1 to 100, 20 unless said otherwise.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    after: Option<String>,
    /// `draft`, `active` or `archived`.
    status: Option<String>,
    /// Words in the title or the vendor, each by its beginning and in whatever case; at most 200 characters. A page may be
    /// shorter than `limit` and have a next one.
    q: Option<String>,
    /// This vendor, in whatever case: 1 to 255 characters.
    vendor: Option<String>,
    /// Changed then or later: RFC 3339, or a date in UTC. The last changed come first, unless words are searched for.
    updated_after: Option<String>,
    /// Changed before: RFC 3339, or a date in UTC.
    updated_before: Option<String>,
    /// `true`: those that were deleted, instead of those in use.
    #[serde(default)]
    deleted: bool,
}

impl ListProducts {
    fn filter(&self, query: &mut QueryReader) -> ProductFilter {
        ProductFilter {
            status: query.parse(
                "status",
                self.status.as_deref(),
                "must be draft, active or archived",
            ),
            query: query.words("q", self.q.as_deref(), MAX_SEARCH_CHARS),
            vendor: query.name("vendor", self.vendor.as_deref(), MAX_VENDOR_CHARS),
            updated_after: query.time("updated_after", self.updated_after.as_deref()),
            updated_before: query.time("updated_before", self.updated_before.as_deref()),
            deleted: self.deleted,
        }
    }
}

/// List products in every status, newest first. With several filters a page may be shorter than `limit` and have a next
/// one.
#[utoipa::path(
    get,
    path = "/products",
    operation_id = "list_products",
    tag = "catalogue",
    security(("tenant_token" = [])),
    params(ListProducts),
    responses((status = 200, body = ProductPage<'_>))
)]
async fn list(
    AdminCtx(ctx): AdminCtx,
    QueryParams(query): QueryParams<ListProducts>,
) -> Result<Response, RichError> {
    let mut reader = QueryReader::default();
    let (limit, after) = reader.page(query.limit, query.after.as_deref());
    let filter = query.filter(&mut reader);
    let after = reader.check_order(after, filter.by_change());
    reader.finish()?;
    let found = catalog::list(&ctx, &filter, after, limit).await?;
    Ok(reply::list(&ProductPage::new(
        &found,
        ShownPrice::of_tenant(&ctx)?,
    )))
}

/// Create a product, a draft unless it says otherwise.
#[utoipa::path(
    post,
    path = "/products",
    operation_id = "create_product",
    tag = "catalogue",
    security(("tenant_token" = [])),
    request_body = ProductFields,
    responses((status = 201, body = WrittenProductView<'_>)),
    extensions(("x-problems" = json!(["handle_taken"])))
)]
async fn create(command: Command<AdminCtx, ProductFields>) -> Result<Response, RichError> {
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let currency = catalog::currency(&ctx.0)?;
    let input = body.into_input(currency.code())?;
    let created = |written_product: &WrittenProduct| {
        let location = format!("/api/admin/v1/products/{}", written_product.product.id);
        written(StatusCode::CREATED, written_product, currency, Some(location))
    };
    let reply = Repeatable::new(idempotency, created);
    let done = catalog::create(&ctx.0, input, reply.key()).await?;
    Ok(reply.response(done))
}

/// Read a product in any status.
#[utoipa::path(
    get,
    path = "/products/{id}",
    operation_id = "read_product",
    tag = "catalogue",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = ProductView<'_>),
        (status = 304, description = "`If-None-Match` names what is shown now, the stock included.")
    ),
    extensions(("x-problems" = json!(["product_not_found"])))
)]
async fn read(
    AdminCtx(ctx): AdminCtx,
    PathParams(id): PathParams<ProductId>,
    headers: HeaderMap,
) -> Result<Response, RichError> {
    let product = catalog::get(&ctx, id).await?;
    let view = ProductView::new(&product, ShownPrice::of_tenant(&ctx)?);
    Ok(reply::resource(&headers, &view, (&product).into()))
}

/// The answer of a write.
fn as_it_is_now(product: &Product, currency: Currency) -> StoredReply {
    let view = ProductView::new(product, ShownPrice::Preferably(currency));
    reply::stored(StatusCode::OK, &view, product.into(), None)
}

/// The answer of a write of the product's own fields: also what was taken out of its description.
fn written(
    status: StatusCode,
    WrittenProduct { product, removed }: &WrittenProduct,
    currency: Currency,
    location: Option<String>,
) -> StoredReply {
    let view = ProductView::new(product, ShownPrice::Preferably(currency));
    let removed = removed_from("#/description_html", removed);
    let answer = (!removed.is_empty()).then_some(WrittenProductView {
        product: &view,
        removed,
    });
    reply::stored_with_more(status, &view, answer.as_ref(), product.into(), location)
}

/// Change a product by a JSON merge patch.
#[utoipa::path(
    patch,
    path = "/products/{id}",
    operation_id = "update_product",
    tag = "catalogue",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    request_body(content = ProductFields, content_type = "application/merge-patch+json"),
    responses((status = 200, body = WrittenProductView<'_>)),
    extensions(("x-problems" = json!(["product_not_found", "handle_taken", "version_conflict", "variant_in_use"])))
)]
async fn update(
    if_match: IfMatch,
    PathParams(id): PathParams<ProductId>,
    command: Command<AdminCtx, MergePatch>,
) -> Result<Response, RichError> {
    let (ctx, patch) = (command.ctx.0, command.body);
    // A missing permission is reported before anything else.
    ctx.authorize(Action::UpdateProduct)?;
    let product = if_match.target(id);
    product.if_match.required()?;
    let currency = catalog::currency(&ctx)?;
    let update = UpdateProduct {
        product,
        edit: &|product, input| {
            ProductFields::from(input)
                .patched(&patch, &product.variants)?
                .into_input(currency.code())
        },
    };
    let product = catalog::update(&ctx, update).await?;
    Ok(reply::send(written(StatusCode::OK, &product, currency, None)))
}

/// Delete a product with its variants. Orders keep what they say of it.
#[utoipa::path(
    delete,
    path = "/products/{id}",
    operation_id = "delete_product",
    tag = "catalogue",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 204)),
    extensions(("x-problems" = json!(["product_not_found", "version_conflict"])))
)]
async fn delete(
    PathParams(id): PathParams<ProductId>,
    if_match: IfMatch,
    command: Command<AdminCtx, Empty>,
) -> Result<Response, RichError> {
    catalog::delete(&command.ctx.0, if_match.target(id)).await?;
    Ok(reply::no_content())
}

/// Bring a deleted product back as what it was, with its variants. A handle that was taken meanwhile is numbered.
#[utoipa::path(
    post,
    path = "/products/{id}/undelete",
    operation_id = "undelete_product",
    tag = "catalogue",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = ProductView<'_>)),
    extensions(("x-problems" = json!(["product_not_found", "version_conflict", "handle_taken"])))
)]
async fn undelete(
    PathParams(id): PathParams<ProductId>,
    if_match: IfMatch,
    command: Command<AdminCtx, Empty>,
) -> Result<Response, RichError> {
    let Command { ctx, idempotency, .. } = command;
    let currency = catalog::currency(&ctx.0)?;
    let render = |product: &Product| as_it_is_now(product, currency);
    let reply = Repeatable::new(idempotency, render);
    let done = catalog::undelete(&ctx.0, if_match.target(id), reply.key()).await?;
    Ok(reply.response(done))
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, update, delete))
        .routes(routes!(undelete))
}
