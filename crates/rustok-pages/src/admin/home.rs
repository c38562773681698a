//! `/admin`: the first page.

use crate::respond::{PageResult, page};
use crate::view::{Section, View};
use crate::visit::Visit;
use askama::Template;
use axum::{Router, routing};
use rustok_http::state::HttpState;

#[derive(Template)]
#[template(path = "admin/home.html")]
struct Home<'a> {
    v: &'a View,
}

async fn show(Visit { view, .. }: Visit) -> PageResult {
    let view = view.at(Section::Home);
    page(&view, &Home { v: &view })
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/admin", routing::get(show))
}
