//! Orders over HTTP: their life, who may do what, placing, and what happens when many want the same.

mod contention;
mod hoarding;
mod life;
mod placing;
mod races;
mod secrets;

use reqwest::{Method, RequestBuilder, Response};
use rustok_test_app::{Shop, all_orders, available, id, ok, order_of, place, product, product_with};
use serde_json::{Value, json};

/// A POST to one of an order's transitions, with the admin token.
fn transition(shop: &Shop, order: &Value, name: &str, body: &Value) -> RequestBuilder {
    shop.admin(Method::POST, &format!("/orders/{}/{name}", id(order)))
        .json(body)
}

/// The steps of an order as `transition from→to`.
async fn steps(shop: &Shop, order: &Value) -> Vec<String> {
    let history = ok(
        shop.admin(Method::GET, &format!("/orders/{}/history", id(order))),
        200,
    )
    .await;
    let step = |step: &Value| {
        let from = step["from"].as_str().unwrap_or("-");
        format!(
            "{} {from}→{}",
            step["transition"].as_str().unwrap(),
            step["to"].as_str().unwrap()
        )
    };
    history["items"].as_array().unwrap().iter().map(step).collect()
}

/// Status and body of an answer.
async fn reported(response: Response) -> (u16, Value) {
    (response.status().as_u16(), response.json().await.unwrap())
}
