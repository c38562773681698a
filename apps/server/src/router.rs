//! Every route of the server, on one page.

use crate::api;
use crate::extract::query::{WithoutQuery, refuse_query};
use crate::health;
use crate::layers;
use crate::middleware::tenant::resolve_tenant;
use crate::openapi;
use crate::pages;
use crate::problem;
use crate::state::AppState;
use axum::middleware::{from_fn_with_state, map_response};
use axum::{Router, routing};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// Where the document is served.
pub const OPENAPI_PATH: &str = "/api/openapi.json";

/// The routes of one tenant: its storefront and its administration.
fn tenant_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .nest("/api/store/v1", api::store::v1::routes())
        .nest("/api/admin/v1", api::admin::v1::routes())
}

/// The routes that are for no tenant.
fn platform_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().nest("/api/platform/v1", api::platform::v1::routes())
}

/// The OpenAPI document.
#[must_use]
pub fn document() -> OpenApi {
    openapi::complete(bare_document())
}

/// The same without what all operations have in common, such as their problems: what starting needs of it.
pub(crate) fn bare_document() -> OpenApi {
    tenant_routes().merge(platform_routes()).into_openapi()
}

/// The public router, with all its layers.
pub fn public(state: &AppState) -> Router {
    let (tenant, of_tenant) = tenant_routes().split_for_parts();
    let (platform, of_platform) = platform_routes().split_for_parts();
    let without = WithoutQuery::of([&of_tenant, &of_platform]);
    let no_query = from_fn_with_state(without, refuse_query);
    let limited = from_fn_with_state(state.clone(), layers::limit_tenant_and_token);
    let router = Router::new()
        .merge(of_a_tenant(tenant.route_layer(no_query.clone()), state))
        .merge(platform.route_layer(no_query).route_layer(limited))
        .route(OPENAPI_PATH, routing::get(pages::openapi))
        .route("/api/docs", routing::get(pages::docs))
        .route("/api/docs/{asset}", routing::get(pages::docs_asset))
        .route("/problems", routing::get(pages::problems::index))
        .route("/problems/{code}", routing::get(pages::problems::one))
        .with_state(state.clone())
        .merge(health::router(state.clone()))
        .fallback(problem::route_not_found)
        .method_not_allowed_fallback(problem::method_not_allowed);
    layers::wrap(router, state)
}

/// Routes with the layers that find the tenant and what it allows.
pub(crate) fn of_a_tenant(routes: Router<AppState>, state: &AppState) -> Router<AppState> {
    routes
        // Before the layers: a preflight is answered by the tenant's settings.
        .method_not_allowed_fallback(problem::method_not_allowed)
        .route_layer(from_fn_with_state(state.clone(), layers::limit_tenant_and_token))
        .route_layer(from_fn_with_state(state.clone(), resolve_tenant))
}

/// The management router: health, version, metrics. Keep its listener off the internet.
pub fn management(state: &AppState) -> Router {
    health::management(state.clone()).layer(map_response(layers::of_management))
}
