//! Products, variants and stock over HTTP, for those who manage them and for the store.

mod lists;
mod members;
mod promises;
mod stock;
mod variants;
mod writes;

use reqwest::{Method, Response, StatusCode};
use rustok_test_app::{Shop, problem, tenant, token};
use serde_json::{Value, json};

/// A product that the store shows: green tea in two sizes.
fn tea() -> Value {
    json!({
        "title": "Green Tea",
        "status": "active",
        "description_html": "<p onclick=\"x()\">Fresh<script>alert(1)</script></p>",
        "vendor": "Чайная",
        "type": "Tea",
        "tags": ["green", "tea", "green"],
        "options": ["Size"],
        "images": [{ "url": "https://x.example/tea.jpg", "alt": "A cup" }],
        "variants": [
            {
                "sku": "GT-S",
                "options": ["100 g"],
                "price": { "amount": "19.9", "currency": "USD" },
                "compare_at_price": { "amount": "25" },
                "available": 7,
            },
            { "options": ["1 kg"], "price": { "amount": "150" }, "barcode": "400638133393", "weight_grams": 1000 },
        ],
    })
}

/// The body of a good answer.
async fn ok(response: Response, status: StatusCode) -> Value {
    let seen = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(seen, status, "{text}");
    serde_json::from_str(&text).unwrap()
}

async fn create(shop: &Shop, body: &Value) -> Value {
    let response = shop
        .admin(Method::POST, "/products")
        .json(body)
        .send()
        .await
        .unwrap();
    let mut made = ok(response, StatusCode::CREATED).await;
    // Only the answer of a write has it.
    made.as_object_mut().unwrap().remove("removed");
    made
}

async fn get(shop: &Shop, path: &str) -> Response {
    shop.admin(Method::GET, path).send().await.unwrap()
}

async fn store(shop: &Shop, path: &str) -> Response {
    let path = format!("/api/store/v1{path}");
    shop.request(Method::GET, &path).send().await.unwrap()
}

async fn order(shop: &Shop, variant: &Value, quantity: i64) -> Response {
    let line = json!({ "variant_id": variant["id"], "quantity": quantity });
    let body = json!({ "email": "jane@example.org", "currency": "USD", "lines": [line] });
    let post = shop.request(Method::POST, "/api/store/v1/orders").json(&body);
    post.send().await.unwrap()
}

/// The path of a product or variant below the administration.
fn path(kind: &str, resource: &Value) -> String {
    format!("/{kind}/{}", resource["id"].as_str().unwrap())
}

fn etag(response: &Response) -> String {
    response.headers()["etag"].to_str().unwrap().to_owned()
}

/// Patches whatever version is there.
async fn patch(shop: &Shop, path: &str, body: &Value) -> Response {
    shop.admin(Method::PATCH, path)
        .header("if-match", "*")
        .json(body)
        .send()
        .await
        .unwrap()
}

async fn patched(shop: &Shop, path: &str, body: &Value) -> Value {
    ok(patch(shop, path, body).await, StatusCode::OK).await
}

async fn set_stock(shop: &Shop, variant: &Value, body: Value) -> Response {
    let path = format!("{}/stock", path("variants", variant));
    shop.admin(Method::PUT, &path).json(&body).send().await.unwrap()
}

/// Pointer and code of each violation.
fn violations(problem: &Value) -> Vec<(String, String)> {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let errors = problem["errors"].as_array().unwrap();
    errors
        .iter()
        .map(|error| (text(&error["pointer"]), text(&error["code"])))
        .collect()
}

fn refused(pointer: &str, code: &str) -> (String, String) {
    (pointer.to_owned(), code.to_owned())
}

/// The values of a member, one per item of a page.
fn each(page: &Value, member: &str) -> Vec<String> {
    let items = page["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item[member].as_str().unwrap().to_owned())
        .collect()
}
