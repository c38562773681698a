//! All routes of the server.

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

/// The path of the OpenAPI document.
pub const OPENAPI_PATH: &str = "/api/openapi.json";

/// The routes of a tenant: its storefront and its administration.
fn tenant_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .nest("/api/store/v1", api::store::v1::routes())
        .nest("/api/admin/v1", api::admin::v1::routes())
}

/// The routes without a tenant.
fn platform_routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new().nest("/api/platform/v1", api::platform::v1::routes())
}

/// The OpenAPI document.
#[must_use]
pub fn document() -> OpenApi {
    openapi::complete(bare_document())
}

/// The OpenAPI document without the parts that all operations have in common, such as their problems: all that is
/// needed at startup.
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

/// Routes with the layers that resolve the tenant and apply its limits.
pub(crate) fn of_a_tenant(routes: Router<AppState>, state: &AppState) -> Router<AppState> {
    routes
        // Before the layers, so that they wrap it: the tenant's settings answer a preflight.
        .method_not_allowed_fallback(problem::method_not_allowed)
        .route_layer(from_fn_with_state(state.clone(), layers::limit_tenant_and_token))
        .route_layer(from_fn_with_state(state.clone(), resolve_tenant))
}

/// The management router: health, version, metrics. Do not expose its listener to the internet.
pub fn management(state: &AppState) -> Router {
    health::management(state.clone()).layer(map_response(layers::of_management))
}
