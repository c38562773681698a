//! The routes of the pages, and which paths belong to them.

use crate::{admin, assets, problem, store};
use axum::{Router, routing};
use http::Method;
use rustok_http::layers;
use rustok_http::state::HttpState;
use rustok_http::surface::{Surface, Surfaces};

/// Adds the paths of the pages to those of other surfaces.
#[must_use]
pub fn surfaces(others: Surfaces) -> Surfaces {
    others
        .at_method(Method::POST, "/admin/imports/new", Surface::AdminPagesUpload)
        .below("/admin", Surface::AdminPages)
        .at("/", Surface::StorePages)
        .below("/assets", Surface::Assets)
        .with_problem_page(problem::page)
}

/// All routes, with the layers that only some of them have.
pub fn routes(http: &HttpState) -> Router {
    Router::new()
        .merge(layers::with_tenant(admin::routes().merge(store::routes()), http))
        .route("/assets/{name}", routing::get(assets::serve))
        .with_state(http.clone())
}
