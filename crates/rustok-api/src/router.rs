//! The routes of the REST surface below their paths, and which paths belong to which surface.
//!
//! This is the only place of the crate that connects paths and surfaces: the layers and the API document read the table
//! made here. It must never build the layers around all routes: the program adds routes of its own first, and then
//! wraps all of them (`rustok_http::layers::wrap`).

use crate::state::ApiState;
use crate::{admin, pages, platform, store};
use axum::middleware::from_fn_with_state;
use axum::{Router, routing};
use http::Method;
use rustok_http::extract::obeyed::{Obeyed, refuse_not_obeyed};
use rustok_http::surface::{Surface, Surfaces};
use rustok_http::{layers, openapi};
use utoipa::openapi::OpenApi;
use utoipa_axum::router::OpenApiRouter;

/// The path of the OpenAPI document.
pub const OPENAPI_PATH: &str = "/api/openapi.json";

const STORE: &str = "/api/store/v1";
const ADMIN: &str = "/api/admin/v1";
/// The path that files to import are sent to.
pub(crate) const IMPORTS: &str = "/api/admin/v1/imports";
const PLATFORM: &str = "/api/platform/v1";

/// Which paths belong to which surface. The first row that covers a request counts, so the more special rows come
/// first.
#[must_use]
pub fn surfaces() -> Surfaces {
    Surfaces::default()
        .below("/api/store/v1/nodes", Surface::Store)
        .below("/api/store/v1/products", Surface::Store)
        // Orders, and any route added later.
        .below(STORE, Surface::StorePrivate)
        .at_method(Method::POST, IMPORTS, Surface::AdminUpload)
        .below(ADMIN, Surface::Admin)
        .below(PLATFORM, Surface::Platform)
        .below(OPENAPI_PATH, Surface::Documents)
        .below("/api/docs", Surface::Documents)
        .below("/problems", Surface::Documents)
}

/// The routes of a tenant: its storefront and its administration.
fn tenant_routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .nest(STORE, store::v1::routes())
        .nest(ADMIN, admin::v1::routes())
}

/// The routes without a tenant.
fn platform_routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().nest(PLATFORM, platform::v1::routes())
}

/// The OpenAPI document.
#[must_use]
pub fn document() -> OpenApi {
    openapi::complete(bare_document(), &surfaces())
}

/// The OpenAPI document without the parts that all operations have in common, such as their problems: all that is
/// needed at startup.
#[must_use]
pub fn bare_document() -> OpenApi {
    tenant_routes().merge(platform_routes()).into_openapi()
}

/// All routes, with the layers that only some of them have.
pub fn routes(api: &ApiState) -> Router {
    let (tenant, of_tenant) = tenant_routes().split_for_parts();
    let (platform, of_platform) = platform_routes().split_for_parts();
    let obeyed = Obeyed::of([&of_tenant, &of_platform]);
    let only_obeyed = from_fn_with_state(obeyed, refuse_not_obeyed);
    let http = api.http();
    Router::new()
        .merge(layers::with_tenant(tenant.route_layer(only_obeyed.clone()), http))
        .merge(layers::without_tenant(platform.route_layer(only_obeyed), http))
        .route(OPENAPI_PATH, routing::get(pages::openapi))
        .route("/api/docs", routing::get(pages::docs))
        .route("/api/docs/{asset}", routing::get(pages::docs_asset))
        .route("/problems", routing::get(pages::problems::index))
        .route("/problems/{code}", routing::get(pages::problems::one))
        .with_state(api.clone())
}

#[cfg(test)]
mod tests;
