//! `/admin/keys`: the keys that save steps.

use crate::respond::{PageResult, page};
use crate::view::View;
use crate::visit::Visit;
use askama::Template;
use axum::{Router, routing};
use rustok_http::state::HttpState;

#[derive(Template)]
#[template(path = "admin/keys.html")]
struct Keys<'a> {
    v: &'a View,
    keys: [(&'static str, &'static str); 14],
}

/// The key of the name of each act, and what to press.
const KEYS: [(&str, &str); 14] = [
    ("search", "Ctrl K"),
    ("keys-search-list", "/"),
    ("keys-rows", "j k"),
    ("keys-open", "Enter"),
    ("keys-select", "x"),
    ("save", "Ctrl S"),
    ("close", "Esc"),
    ("menu-home", "g h"),
    ("menu-orders", "g o"),
    ("menu-products", "g p"),
    ("menu-customers", "g c"),
    ("menu-content", "g a"),
    ("menu-settings", "g s"),
    ("keys-this-page", "?"),
];

async fn show(Visit { view, .. }: Visit) -> PageResult {
    page(&view, &Keys { v: &view, keys: KEYS })
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/admin/keys", routing::get(show))
}
