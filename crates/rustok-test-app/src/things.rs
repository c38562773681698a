//! Products, orders and nodes that tests create and read over HTTP.

use crate::checks::ok;
use crate::server::Server;
use crate::shop::Shop;
use reqwest::{Method, RequestBuilder};
use rustok_test_support::all_pages;
use serde_json::{Value, json};

/// A product with one variant per entry: `{"sku", "available", "price", ...}`; what is missing is filled in. Returns
/// the variants as they are shown.
///
/// # Panics
/// When the product is refused.
pub async fn product(shop: &Shop<impl Server>, variants: Value) -> Vec<Value> {
    product_with(shop, variants, json!({})).await
}

/// As [`product`], with more members of the product.
///
/// # Panics
/// As [`product`].
pub async fn product_with(shop: &Shop<impl Server>, variants: Value, more: Value) -> Vec<Value> {
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

/// One order of `quantity` of a variant.
#[must_use]
pub fn order_of(variant: &Value, quantity: i64) -> Value {
    let lines = json!([{ "variant_id": variant["id"], "quantity": quantity }]);
    json!({ "email": "jane@example.com", "currency": "USD", "lines": lines })
}

/// The request of a visitor who places an order.
pub fn place(shop: &Shop<impl Server>, order: &Value) -> RequestBuilder {
    shop.request(Method::POST, "/api/store/v1/orders").json(order)
}

/// The id of what is shown.
///
/// # Panics
/// When it has none.
#[must_use]
pub fn id(shown: &Value) -> &str {
    shown["id"].as_str().unwrap()
}

/// What is left of a variant.
///
/// # Panics
/// When there is no such variant.
pub async fn available(shop: &Shop<impl Server>, variant: &Value) -> Value {
    let path = format!("/variants/{}", id(variant));
    let variant = ok(shop.admin(Method::GET, &path), 200).await;
    variant["available"].clone()
}

/// All orders of the shop, over all pages.
///
/// # Panics
/// When a page is refused.
pub async fn all_orders(shop: &Shop<impl Server>) -> Vec<Value> {
    all_pages(async |cursor: Option<&String>| {
        let after = cursor.map_or(String::new(), |cursor| format!("&after={cursor}"));
        let page = ok(shop.admin(Method::GET, &format!("/orders?limit=100{after}")), 200).await;
        let next = page["next_cursor"].as_str().map(str::to_owned);
        (page["items"].as_array().unwrap().clone(), next)
    })
    .await
}

/// A draft that can be published.
///
/// # Panics
/// When it is refused.
pub async fn node(shop: &Shop<impl Server>) -> Value {
    let body = json!({ "kind": "post", "locale": "en", "title": "Hello", "body": "<p>Hello</p>" });
    ok(shop.admin(Method::POST, "/nodes").json(&body), 201).await
}
