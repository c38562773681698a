//! `/products` of the store: active ones, newest first.

use crate::api::product::{StoreProductPage, StoreProductView};
use crate::extract::{PathParams, QueryParams, QueryReader, StoreCtx};
use crate::reply;
use crate::state::AppState;
use axum::response::Response;
use http::HeaderMap;
use rustok_app::catalog;
use rustok_core::error::RichError;
use rustok_core::ids::ProductId;
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
    StoreCtx(ctx): StoreCtx,
    QueryParams(query): QueryParams<ListStoreProducts>,
) -> Result<Response, RichError> {
    let mut reader = QueryReader::default();
    let (limit, after) = reader.page::<ProductId>(query.limit, query.after.as_deref());
    reader.finish()?;
    let found = catalog::list_active(&ctx, after, limit).await?;
    Ok(reply::list(&StoreProductPage::new(
        &found,
        catalog::currency(&ctx)?,
    )))
}

/// Read an active product.
#[utoipa::path(
    get,
    path = "/products/{handle}",
    operation_id = "read_store_product",
    tag = "store",
    params(("handle" = String, Path)),
    responses(
        (status = 200, body = StoreProductView<'_>),
        (status = 304, description = "`If-None-Match` names what is shown now, the stock included.")
    ),
    extensions(("x-problems" = json!(["product_not_found"])))
)]
async fn read(
    StoreCtx(ctx): StoreCtx,
    PathParams(handle): PathParams<String>,
    headers: HeaderMap,
) -> Result<Response, RichError> {
    let product = catalog::get_active(&ctx, &handle).await?;
    let view = StoreProductView::new(&product, catalog::currency(&ctx)?);
    Ok(reply::resource(&headers, &view, product.version))
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read))
}
