//! A server with a shop, and what people do there.

use reqwest::{Client, Method, RequestBuilder, Response};
use rustok_test_support::{ServerCommand, TestServer};
use serde_json::{Value, json};
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;
use tokio::task::JoinHandle;
use tokio::time::interval;

const SKU: &str = "TEA-1";

pub(crate) struct Shop {
    pub(crate) server: TestServer,
    client: Client,
    token: String,
}

/// The server that was built beside this, on a database.
pub(crate) fn rustok(database_url: &str) -> ServerCommand {
    let binary = Path::new(env!("CARGO_BIN_EXE_xtask")).with_file_name("rustok");
    assert!(binary.exists(), "cargo build -p rustok-server");
    ServerCommand::new(binary, database_url)
}

impl Shop {
    /// `direct` makes the tenant, `command` the server, on the same database.
    pub(crate) async fn open(direct: &ServerCommand, command: &ServerCommand) -> Arc<Self> {
        let _ = direct
            .run(&["tenant", "create", "shop1", "--name", "Shop 1", "--json"])
            .await
            .success();
        let reported = direct
            .run(&[
                "token", "create", "--tenant", "shop1", "--role", "admin", "--json",
            ])
            .await
            .success();
        let reported: Value = serde_json::from_str(&reported).unwrap();
        let token = reported["token"].as_str().unwrap().to_owned();
        Arc::new(Self {
            server: command.start().await,
            client: Client::new(),
            token,
        })
    }

    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.server.url());
        self.client.request(method, url).header("host", "shop1.localhost")
    }

    pub(crate) fn admin(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, &format!("/api/admin/v1{path}"))
            .bearer_auth(&self.token)
    }

    pub(crate) async fn read(&self) -> Option<Response> {
        self.request(Method::GET, "/api/store/v1/products")
            .send()
            .await
            .ok()
    }

    /// A product with so much of its one variant: the id of the variant.
    pub(crate) async fn sell_tea(&self, available: u32) -> String {
        let variants = json!([{ "sku": SKU, "price": { "amount": "5.50" }, "available": available }]);
        let tea = json!({ "title": "Tea", "status": "active", "variants": variants });
        let made = body(self.admin(Method::POST, "/products").json(&tea)).await;
        made["variants"][0]["id"].as_str().unwrap().to_owned()
    }

    pub(crate) async fn stock(&self, variant: &str, quantity: u32) {
        let set = self
            .admin(Method::PUT, &format!("/variants/{variant}/stock"))
            .header("if-match", "*");
        body(set.json(&json!({ "quantity": quantity }))).await;
    }

    pub(crate) fn order(&self) -> RequestBuilder {
        let order = json!({ "email": "jane@example.com", "currency": "USD", "lines": [{ "sku": SKU, "quantity": 1 }] });
        self.request(Method::POST, "/api/store/v1/orders").json(&order)
    }

    /// An order through its whole life, and another that is cancelled.
    pub(crate) async fn sell(&self) {
        for transitions in [&["confirm", "pay", "ship", "deliver"][..], &["cancel"]] {
            let order = body(self.order()).await;
            for transition in transitions {
                let path = format!("/orders/{}/{transition}", order["id"].as_str().unwrap());
                let reason = json!({ "reason": "a test", "carrier": "post", "tracking_number": "1" });
                self.admin(Method::POST, &path)
                    .json(&reason)
                    .send()
                    .await
                    .unwrap();
            }
        }
    }

    /// A post that is written, published, read and archived.
    pub(crate) async fn publish(&self, number: u32) {
        let slug = format!("post-{number}");
        let post = json!({ "kind": "post", "locale": "en", "title": slug, "slug": slug, "body": "<p>x</p>", "format": "html" });
        let node = body(self.admin(Method::POST, "/nodes").json(&post)).await;
        let id = node["id"].as_str().unwrap();
        let pass = |transition: &str, body: Value| {
            self.admin(Method::POST, &format!("/nodes/{id}/{transition}"))
                .json(&body)
                .send()
        };
        pass("publish", json!({})).await.unwrap();
        self.request(Method::GET, &format!("/api/store/v1/nodes/{slug}"))
            .send()
            .await
            .unwrap();
        pass("archive", json!({ "reason": "outdated" })).await.unwrap();
    }

    /// Something again and again, one after the other, until it is aborted.
    pub(crate) fn again_and_again<F, W>(self: &Arc<Self>, every: Duration, what: W) -> JoinHandle<()>
    where
        W: Fn(Arc<Self>) -> F + Send + 'static,
        F: Future<Output = ()> + Send,
    {
        let shop = Arc::clone(self);
        tokio::spawn(async move {
            let mut pace = interval(every);
            loop {
                pace.tick().await;
                what(Arc::clone(&shop)).await;
            }
        })
    }
}

/// The answer to a request that must succeed.
pub(crate) async fn body(request: RequestBuilder) -> Value {
    let response = request.send().await.unwrap();
    let status = response.status();
    let text = response.text().await.unwrap();
    assert!(status.is_success(), "{status}: {text}");
    serde_json::from_str(&text).unwrap_or_default()
}
