//! What every client may rely on, whatever the resource: problem pages, preconditions, CORS, the document, the form of
//! bodies, and repeated requests.

mod cors;
mod document;
mod forms;
mod guarded;
mod methods;
mod obeyed;
mod preconditions;
mod problems;
mod repeats;

use crate::orders::{id, ok, order_of, place, product};
use crate::platform::{Directory, Shop, platform_token, printed, problem};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

/// A draft that can be published.
async fn node(shop: &Shop) -> Value {
    let body = json!({ "kind": "post", "locale": "en", "title": "Hello", "body": "<p>Hello</p>" });
    ok(shop.admin(Method::POST, "/nodes").json(&body), 201).await
}

async fn send(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

pub(crate) fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}
