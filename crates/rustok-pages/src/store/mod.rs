//! The pages of a tenant's storefront: until it has its own, a page that says where to go.

use crate::respond::{PageResult, page};
use crate::view::{Reader, View};
use askama::Template;
use axum::{Router, routing};
use http::HeaderMap;
use rustok_http::extract::StoreCtx;
use rustok_http::state::HttpState;

#[derive(Template)]
#[template(path = "store/front.html")]
struct Front<'a> {
    v: &'a View,
}

/// `GET /`.
async fn front(StoreCtx(ctx): StoreCtx, headers: HeaderMap) -> PageResult {
    let view = View::of_stranger(&ctx, Reader::of(&headers));
    page(&view, &Front { v: &view })
}

/// All routes of the storefront.
pub(crate) fn routes() -> Router<HttpState> {
    Router::new().route("/", routing::get(front))
}
