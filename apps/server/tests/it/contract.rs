//! What every client may rely on, whatever the resource, where that needs the program: health checks, the management
//! listener, a server that is killed, and imports. The rest is in `crates/rustok-api/tests/it/contract`.

mod guarded;
mod methods;
mod obeyed;
mod repeats;
mod texts;

use reqwest::{Method, RequestBuilder, Response};
use rustok_test_app::header;
use serde_json::{Value, json};

async fn send(request: RequestBuilder) -> Response {
    request.send().await.unwrap()
}
