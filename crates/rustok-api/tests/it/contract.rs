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

use reqwest::{Method, RequestBuilder, Response};
use rustok_test_app::{
    Directory, Shop, header, id, node, ok, order_of, place, platform_token, problem, product,
};
use serde_json::{Value, json};

async fn send(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}
