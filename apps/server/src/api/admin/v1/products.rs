//! `/products`: list, create, read, change, delete.

use crate::api::product::{ProductFields, ProductPage, ProductView};
use crate::extract::params::page;
use crate::extract::{AdminCtx, Command, Empty, IfMatch, MergePatch, PathParams, QueryParams};
use crate::reply;
use crate::state::AppState;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use rustok_app::catalog::{self, ProductFilter};
use rustok_auth::Action;
use rustok_core::clock::Timestamp;
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use rustok_core::ids::ProductId;
use serde::Deserialize;
use std::str::FromStr;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The longest text that is searched for, in characters.
const MAX_SEARCH_CHARS: usize = 200;

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
    /// Text in the title or the vendor, in whatever case, at most 200 characters.
    q: Option<String>,
    /// Exactly this vendor.
    vendor: Option<String>,
    /// RFC 3339: changed then or later.
    updated_after: Option<String>,
    /// RFC 3339: changed before.
    updated_before: Option<String>,
}

impl ListProducts {
    fn filter(self) -> Result<ProductFilter, RichError> {
        let mut found = Vec::new();
        let time = "must be a time such as 2026-01-31T12:00:00Z";
        let filter = ProductFilter {
            status: parsed(
                "status",
                self.status,
                "must be draft, active or archived",
                &mut found,
            ),
            text: self
                .q
                .map(|text| text.trim().to_owned())
                .filter(|text| !text.is_empty()),
            vendor: self.vendor,
            updated_after: parsed::<Timestamp>("updated_after", self.updated_after, time, &mut found),
            updated_before: parsed::<Timestamp>("updated_before", self.updated_before, time, &mut found),
        };
        if filter
            .text
            .as_ref()
            .is_some_and(|text| text.chars().count() > MAX_SEARCH_CHARS)
        {
            let detail = format!("must be at most {MAX_SEARCH_CHARS} characters");
            found.push(FieldViolation::new("?q", "too_long", detail));
        }
        if found.is_empty() {
            return Ok(filter);
        }
        Err(RichError::new(ErrorKind::Validation, "filter refused").with_violations(found))
    }
}

fn parsed<T: FromStr>(
    name: &str,
    text: Option<String>,
    rule: &'static str,
    found: &mut Vec<FieldViolation>,
) -> Option<T> {
    let value = text?.parse().ok();
    if value.is_none() {
        found.push(FieldViolation::new(format!("?{name}"), "invalid", rule));
    }
    value
}

/// List products in every status, newest first.
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
    let (limit, after) = page::<ProductId>(query.limit, query.after.as_deref())?;
    let found = catalog::list(&ctx, &query.filter()?, after, limit).await?;
    Ok(reply::list(&ProductPage::new(&found, catalog::currency(&ctx)?)))
}

/// Create a product, a draft unless it says otherwise.
#[utoipa::path(
    post,
    path = "/products",
    operation_id = "create_product",
    tag = "catalogue",
    security(("tenant_token" = [])),
    request_body = ProductFields,
    responses((status = 201, body = ProductView<'_>)),
    extensions(("x-problems" = json!(["handle_taken"])))
)]
async fn create(command: Command<AdminCtx, ProductFields>) -> Result<Response, RichError> {
    let ctx = command.ctx.0;
    let currency = catalog::currency(&ctx)?;
    let input = command.body.into_input(currency.code());
    let reply = catalog::create(&ctx, input, |product| {
        let location = format!("/api/admin/v1/products/{}", product.id);
        reply::stored(
            StatusCode::CREATED,
            &ProductView::new(product, currency),
            product.version,
            Some(location),
        )
    });
    Ok(reply::send(reply.await?))
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
    let view = ProductView::new(&product, catalog::currency(&ctx)?);
    Ok(reply::resource(&headers, &view, product.version))
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
    responses((status = 200, body = ProductView<'_>)),
    extensions(("x-problems" = json!(["product_not_found", "handle_taken", "version_conflict"])))
)]
async fn update(
    if_match: IfMatch,
    PathParams(id): PathParams<ProductId>,
    command: Command<AdminCtx, MergePatch>,
) -> Result<Response, RichError> {
    let (ctx, patch) = (command.ctx.0, command.body);
    // Who may not change it is told so first.
    ctx.authorize(Action::UpdateProduct)?;
    if_match.required()?;
    let currency = catalog::currency(&ctx)?;
    let reply = catalog::update(
        &ctx,
        id,
        |product, input| {
            if_match.check(product.version)?;
            Ok(ProductFields::from(input)
                .patched(&patch)?
                .into_input(currency.code()))
        },
        |product| {
            reply::stored(
                StatusCode::OK,
                &ProductView::new(product, currency),
                product.version,
                None,
            )
        },
    );
    Ok(reply::send(reply.await?))
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
    let check = |version| if_match.check(version);
    let reply = catalog::delete(&command.ctx.0, id, check, reply::no_content).await?;
    Ok(reply::send(reply))
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, update, delete))
}
