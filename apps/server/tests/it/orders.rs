//! Orders over HTTP: their life, who may do what, placing, and what happens when many want the same.

mod contention;
mod hoarding;
mod killed;
mod life;
mod placing;
mod races;
mod secrets;

use crate::platform::Shop;
use reqwest::{Method, RequestBuilder, Response};
use rustok_test_support::all_pages;
use serde_json::{Value, json};

/// A product with one variant per entry: `{"sku", "available", "price", ...}`; what is missing is filled in. Answers
/// the variants as they are shown.
pub(crate) async fn product(shop: &Shop, variants: Value) -> Vec<Value> {
    product_with(shop, variants, json!({})).await
}

async fn product_with(shop: &Shop, variants: Value, more: Value) -> Vec<Value> {
    let mut body =
        json!({ "title": "Tea", "status": "active", "options": [{ "name": "Kind" }], "variants": variants });
    for (at, variant) in body["variants"].as_array_mut().unwrap().iter_mut().enumerate() {
        variant["options"] = json!([format!("kind {at}")]);
        if variant.get("price").is_none() {
            variant["price"] = json!({ "amount": "5.50", "currency": "USD" });
        }
    }
    for (name, value) in more.as_object().unwrap() {
        body[name] = value.clone();
    }
    let made = ok(shop.admin(Method::POST, "/products").json(&body), 201).await;
    made["variants"].as_array().unwrap().clone()
}

/// Sends a request that must be answered with this status; its body.
pub(crate) async fn ok(request: RequestBuilder, status: u16) -> Value {
    let response = request.send().await.unwrap();
    let seen = response.status().as_u16();
    let body = response.text().await.unwrap();
    assert_eq!(seen, status, "{body}");
    serde_json::from_str(&body).unwrap()
}

/// One order of `quantity` of a variant.
pub(crate) fn order_of(variant: &Value, quantity: i64) -> Value {
    let lines = json!([{ "variant_id": variant["id"], "quantity": quantity }]);
    json!({ "email": "jane@example.com", "currency": "USD", "lines": lines })
}

pub(crate) fn place(shop: &Shop, order: &Value) -> RequestBuilder {
    shop.request(Method::POST, "/api/store/v1/orders").json(order)
}

/// A POST to one of an order's transitions, with the admin token.
fn transition(shop: &Shop, order: &Value, name: &str, body: &Value) -> RequestBuilder {
    shop.admin(Method::POST, &format!("/orders/{}/{name}", id(order)))
        .json(body)
}

pub(crate) fn id(order: &Value) -> &str {
    order["id"].as_str().unwrap()
}

/// What is left of a variant.
pub(crate) async fn available(shop: &Shop, variant: &Value) -> Value {
    let variant = ok(
        shop.admin(Method::GET, &format!("/variants/{}", id(variant))),
        200,
    )
    .await;
    variant["available"].clone()
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

/// All orders of the shop, over all pages.
pub(crate) async fn all_orders(shop: &Shop) -> Vec<Value> {
    all_pages(async |cursor: Option<&String>| {
        let after = cursor.map_or(String::new(), |cursor| format!("&after={cursor}"));
        let page = ok(shop.admin(Method::GET, &format!("/orders?limit=100{after}")), 200).await;
        let next = page["next_cursor"].as_str().map(str::to_owned);
        (page["items"].as_array().unwrap().clone(), next)
    })
    .await
}

/// Status and body of an answer.
async fn reported(response: Response) -> (u16, Value) {
    (response.status().as_u16(), response.json().await.unwrap())
}
