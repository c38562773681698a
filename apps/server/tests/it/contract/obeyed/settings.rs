//! Each setting of a tenant has a reader: what it changes is seen by somebody who did not set it.

use crate::isolation::world::World;
use reqwest::Method;
use rustok_test_app::{Directory, Operator, Shop, node, ok, order_of, place, product};
use rustok_test_support::both_databases;
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A live text in a second language for our published node.
pub(super) async fn translate(world: &World) {
    let side = &world.ours;
    let id = &world.thing(side, "published").await["id"];
    for (method, path, body) in [
        (
            Method::PUT,
            format!("/nodes/{id}/translations/ru"),
            json!({ "title": "Привет" }),
        ),
        (Method::POST, format!("/nodes/{id}/publish"), json!({})),
    ] {
        let request = world.request(side, Some(&side.admin), method, &format!("/api/admin/v1{path}"));
        let answer = request.json(&body).send().await.unwrap();
        assert!(answer.status().is_success(), "{path}");
    }
}

/// A shop whose tea has a price in two currencies and whose article is in two languages.
struct Furnished {
    shop: Shop,
    tea: Value,
}

impl Furnished {
    async fn open(database_url: &str) -> Self {
        let shop = Shop::open(database_url).await;
        let tea = product(&shop, json!([{ "sku": "TEA-1", "available": 100 }]))
            .await
            .remove(0);
        let variant = format!("/variants/{}", tea["id"].as_str().unwrap());
        let euros = json!({ "price": { "amount": "5.00", "currency": "EUR" } });
        ok(
            shop.admin(Method::PATCH, &variant)
                .header("if-match", "*")
                .json(&euros),
            200,
        )
        .await;
        let node = node(&shop).await;
        let path = format!("/nodes/{}", node["id"].as_str().unwrap());
        let russian = shop.admin(Method::PUT, &format!("{path}/translations/ru"));
        ok(russian.json(&json!({ "title": "Привет" })), 201).await;
        ok(
            shop.admin(Method::POST, &format!("{path}/publish"))
                .json(&json!({})),
            200,
        )
        .await;
        Self { shop, tea }
    }

    async fn store(&self, path: &str) -> Value {
        ok(
            self.shop.request(Method::GET, &format!("/api/store/v1{path}")),
            200,
        )
        .await
    }

    /// What is seen while the setting has this value.
    async fn seen(&self, directory: &Directory, setting: &str, value: &Value) -> Value {
        directory.set(json!({ setting: value })).await;
        match setting {
            "default_currency" => {
                self.store("/products/tea").await["variants"][0]["price"]["currency"].clone()
            }
            "default_locale" => self.store("/nodes/hello").await["locale"].clone(),
            "locales" => self.store("/nodes/hello?locale=ru").await["locale"].clone(),
            "cors_origins" => {
                let request = self.shop.request(Method::GET, "/api/store/v1/products");
                let response = request
                    .header("origin", "https://one.example")
                    .send()
                    .await
                    .unwrap();
                json!(response.headers().contains_key("access-control-allow-origin"))
            }
            "pending_order_ttl_minutes" => {
                let order = ok(place(&self.shop, &order_of(&self.tea, 1)), 201).await;
                json!(minutes_left(&order, "created_at"))
            }
            "confirmed_order_ttl_minutes" => {
                let order = ok(place(&self.shop, &order_of(&self.tea, 1)), 201).await;
                let confirm = format!("/orders/{}/confirm", order["id"].as_str().unwrap());
                let order = ok(self.shop.admin(Method::POST, &confirm).json(&json!({})), 200).await;
                json!(minutes_left(&order, "updated_at"))
            }
            "max_pending_pieces" => {
                let order = place(&self.shop, &order_of(&self.tea, 2)).send().await.unwrap();
                json!(order.status().as_u16())
            }
            "time_zone" => {
                let home = ok(self.shop.admin(Method::GET, "/home"), 200).await;
                let last = home["sales"]["days"][29]["date"].as_str().unwrap().to_owned();
                // The day that begins last everywhere.
                let zone = jiff::tz::TimeZone::get("Etc/GMT+12").unwrap();
                let now = rustok_core::clock::Clock::now(&rustok_core::clock::SystemClock);
                json!(last > now.to_zoned(zone).date().to_string())
            }
            "low_stock_threshold" => {
                let stock = format!("/variants/{}/stock", self.tea["id"].as_str().unwrap());
                ok(
                    self.shop
                        .admin(Method::PUT, &stock)
                        .json(&json!({ "quantity": 50 })),
                    200,
                )
                .await;
                let low = ok(self.shop.admin(Method::GET, "/stock/low"), 200).await;
                json!(low["items"].as_array().unwrap().len())
            }
            "require_second_factor" => {
                let session = self.shop.server.open_session("shop1", "owner").await;
                let request = self.shop.request(Method::GET, "/api/admin/v1/orders");
                let request = request.header("cookie", format!("session={session}"));
                json!(request.send().await.unwrap().status().as_u16())
            }
            _ => panic!("{setting}: write here how its effect is seen"),
        }
    }
}

/// The minutes from a time of an order to its expiry.
fn minutes_left(order: &Value, from: &str) -> Option<i64> {
    let time = |name: &str| order[name].as_str()?.parse::<jiff::Timestamp>().ok();
    Some((time("expires_at")?.as_second() - time(from)?.as_second()) / 60)
}

both_databases! {
    async fn each_setting_has_a_reader(db) {
        let furnished = Furnished::open(db.url()).await;
        let directory = Directory::of(&furnished.shop).await;
        let cases = [
            ("default_currency", [(json!("EUR"), json!("EUR")), (json!("USD"), json!("USD"))]),
            ("default_locale", [(json!("ru"), json!("ru")), (json!("en"), json!("en"))]),
            ("locales", [(json!(["en"]), json!("en")), (json!([]), json!("ru"))]),
            ("cors_origins", [(json!(["https://one.example"]), json!(true)), (json!([]), json!(false))]),
            ("pending_order_ttl_minutes", [(json!(7), json!(7)), (json!(60), json!(60))]),
            ("confirmed_order_ttl_minutes", [(json!(9), json!(9)), (json!(0), Value::Null)]),
            ("time_zone", [(json!("Pacific/Kiritimati"), json!(true)), (json!("Etc/GMT+12"), json!(false))]),
            ("low_stock_threshold", [(json!(50), json!(1)), (json!(0), json!(0))]),
            ("require_second_factor", [(json!(true), json!(403)), (json!(false), json!(200))]),
            ("max_pending_pieces", [(json!(1), json!(422)), (json!(0), json!(201))]),
        ];
        for (setting, values) in &cases {
            for (value, expected) in values {
                assert_eq!(&furnished.seen(&directory, setting, value).await, expected, "{setting} {value}");
            }
        }
        let tried: BTreeSet<&str> = cases.iter().map(|(setting, _)| *setting).collect();
        let document = ok(furnished.shop.request(Method::GET, "/api/openapi.json"), 200).await;
        let members = document["components"]["schemas"]["TenantSettings"]["properties"].as_object().unwrap();
        assert_eq!(members.keys().map(String::as_str).collect::<BTreeSet<_>>(), tried);
    }
}
