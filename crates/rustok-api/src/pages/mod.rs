//! HTML pages: the API documentation and the problem types. All assets are in the binary; nothing is loaded from
//! other hosts.

pub mod problems;

use axum::Extension;
use axum::extract::{Path, State};
use axum::response::{Html, IntoResponse, Response};
use http::header;
use rustok_core::error::ErrorResponse;
use rustok_http::middleware::external_url::ExternalUrl;
use rustok_http::state::HttpState;

/// Swagger UI, from the npm package swagger-ui-dist (Apache-2.0), compressed; see `scripts/vendor-docs`.
const SCRIPT: &[u8] = include_bytes!("../../vendor/swagger-ui/swagger-ui-bundle.js.gz");
const STYLE: &[u8] = include_bytes!("../../vendor/swagger-ui/swagger-ui.css.gz");
const START: &str = include_str!("docs.js");
const PAGE: &str = include_str!("docs.html");

/// The `servers` member of the document, which occurs there once.
pub const SERVER: &str = r#""servers":[{"url":"/"}]"#;

/// Serves the OpenAPI document; behind a path prefix, `servers` contains that prefix.
pub async fn openapi(
    State(http): State<HttpState>,
    external_url: Option<Extension<ExternalUrl>>,
) -> Response {
    let json = [(header::CONTENT_TYPE, "application/json")];
    let Some(prefix) = external_url
        .as_ref()
        .and_then(|external_url| external_url.prefix())
    else {
        return (json, http.document().json()).into_response();
    };
    let document = http.document().json();
    let server = format!(r#""servers":[{{"url":"{prefix}"}}]"#);
    let document = String::from_utf8_lossy(&document).replacen(SERVER, &server, 1);
    (json, document).into_response()
}

/// Serves the documentation page. It refers to its assets by relative URLs, so that it works below any path prefix.
pub async fn docs() -> Response {
    let policy = "default-src 'none'; script-src 'self'; style-src 'self' 'unsafe-inline'; img-src 'self' data:; \
                  connect-src 'self'; base-uri 'none'; frame-ancestors 'none'";
    ([(header::CONTENT_SECURITY_POLICY, policy)], Html(PAGE)).into_response()
}

/// Serves the assets of the documentation page.
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
