//! `/products` of the store: active ones, newest first.

use crate::product::{StoreProductPage, StoreProductView};
use crate::state::ApiState;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use rustok_app::Ctx;
use rustok_app::catalog::{self, ShownPrice};
use rustok_commerce::ids::ProductId;
use rustok_core::error::RichError;
use rustok_core::money::Currency;
use rustok_http::extract::{PathParams, QueryParams, QueryReader, StoreCtx};
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ListStoreProducts {
    /// 1 to 100, 20 unless said otherwise.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    after: Option<String>,
    /// ISO 4217 code: shows the prices in this currency, and `null` where there is none. Without it, the tenant's own
    /// currency, or else the first one that a variant has a price in.
    #[param(example = "EUR")]
    currency: Option<String>,
}

/// Which prices.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(crate) struct ReadStoreProduct {
    /// ISO 4217 code: shows the prices in this currency, and `null` where there is none. Without it, the tenant's own
    /// currency, or else the first one that a variant has a price in.
    #[param(example = "EUR")]
    currency: Option<String>,
}

/// Which prices are asked for.
fn shown_price(ctx: &Ctx, mut reader: QueryReader, currency: Option<&str>) -> Result<ShownPrice, RichError> {
    let named = reader.read(
        "currency",
        currency,
        "must be an ISO 4217 code such as EUR",
        |code| Currency::parse(code).ok(),
    );
    reader.finish()?;
    named.map_or_else(
        || ShownPrice::of_tenant(ctx),
        |currency| Ok(ShownPrice::Exactly(currency)),
    )
}

/// List the active products, newest first.
#[utoipa::path(
    get,
    path = "/products",
    operation_id = "list_store_products",
    tag = "store",
    params(ListStoreProducts),
    responses((status = 200, body = StoreProductPage<'_>))
)]
async fn list(
    State(state): State<ApiState>,
    StoreCtx(ctx): StoreCtx,
    QueryParams(query): QueryParams<ListStoreProducts>,
) -> Result<Response, RichError> {
    let mut reader = QueryReader::default();
    let (limit, after) = reader.page::<ProductId>(query.limit, query.after.as_deref());
    let shown = shown_price(&ctx, reader, query.currency.as_deref())?;
    let found = catalog::list_active(&ctx, after, limit).await?;
    state.products().page(&ctx, found, shown).await
}

/// Read an active product.
#[utoipa::path(
    get,
    path = "/products/{handle}",
    operation_id = "read_store_product",
    tag = "store",
    params(("handle" = String, Path), ReadStoreProduct),
    responses(
        (status = 200, body = StoreProductView<'_>),
        (status = 304, description = "`If-None-Match` names what is shown now, the stock included.")
    ),
    extensions(("x-problems" = json!(["product_not_found"])))
)]
async fn read(
    State(state): State<ApiState>,
    StoreCtx(ctx): StoreCtx,
    PathParams(handle): PathParams<String>,
    QueryParams(query): QueryParams<ReadStoreProduct>,
    headers: HeaderMap,
) -> Result<Response, RichError> {
    let shown = shown_price(&ctx, QueryReader::default(), query.currency.as_deref())?;
    let found = catalog::get_active(&ctx, &handle).await?;
    state.products().one(&ctx, &headers, found, shown).await
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read))
}
