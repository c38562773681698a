//! Pages for people: the API documentation and the types of problems. Everything is in the binary; nothing is fetched from elsewhere.

pub mod problems;

use axum::extract::Path;
use axum::response::{Html, IntoResponse, Response};
use http::header;
use rustok_core::error::ErrorResponse;
use std::sync::LazyLock;

/// Swagger UI, from the npm package swagger-ui-dist (Apache-2.0), compressed; see `scripts/vendor-docs`.
const SCRIPT: &[u8] = include_bytes!("../../vendor/swagger-ui/swagger-ui-bundle.js.gz");
const STYLE: &[u8] = include_bytes!("../../vendor/swagger-ui/swagger-ui.css.gz");
const START: &str = include_str!("docs.js");
const PAGE: &str = include_str!("docs.html");

static OPENAPI: LazyLock<Vec<u8>> =
    LazyLock::new(|| serde_json::to_vec(&crate::router::document()).unwrap_or_default());

/// The OpenAPI document.
pub async fn openapi() -> Response {
    ([(header::CONTENT_TYPE, "application/json")], OPENAPI.as_slice()).into_response()
}

/// The documentation page.
pub async fn docs() -> Response {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                  connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(PAGE)).into_response()
}

/// What the documentation page is made of.
pub async fn docs_asset(Path(asset): Path<String>) -> Response {
    const JS: &str = "text/javascript; charset=utf-8";
    const CSS: &str = "text/css; charset=utf-8";
    let compressed = |kind: &'static str, bytes: &'static [u8]| {
        let headers = [
            (header::CONTENT_TYPE, kind),
            (header::CONTENT_ENCODING, "gzip"),
            (header::CACHE_CONTROL, "public, max-age=86400"),
        ];
        (headers, bytes).into_response()
    };
    match asset.as_str() {
        "swagger-ui-bundle.js" => compressed(JS, SCRIPT),
        "swagger-ui.css" => compressed(CSS, STYLE),
        "start.js" => ([(header::CONTENT_TYPE, JS)], START).into_response(),
        _ => ErrorResponse::not_found("Page").into_response(),
    }
}
