//! What every client may rely on, whatever the resource: repeated requests.

mod repeats;

use crate::orders::{id, ok, order_of, place, product};
use crate::platform::{Shop, problem};
use reqwest::{Method, RequestBuilder, Response};
use serde_json::{Value, json};

async fn send(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}

fn header<'a>(response: &'a Response, name: &str) -> &'a str {
    response
        .headers()
        .get(name)
        .map_or("", |value| value.to_str().unwrap())
}
