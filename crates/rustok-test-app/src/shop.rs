//! A tenant of a running server with its admin token, and the requests of its staff and visitors.

use crate::app::{Setup, TestApp};
use crate::checks::ok;
use crate::server::{Server, tenant};
use crate::things::id;
use reqwest::{Client, Method, RequestBuilder};
use rustok_test_support::{ServerCommand, TestServer};
use serde_json::{Value, json};

/// A server with a tenant and its admin token.
pub struct Shop<S = TestApp> {
    /// The server.
    pub server: S,
    /// The client of all requests.
    pub client: Client,
    /// The tenant.
    pub slug: &'static str,
    /// Its admin token.
    pub token: String,
}

/// The slug of the tenant that every shop begins with.
const FIRST: &str = "shop1";

impl Shop {
    /// The REST surface in this process, with the tenant `shop1`.
    ///
    /// # Panics
    /// When the database cannot be opened.
    pub async fn open(database_url: &str) -> Self {
        Self::open_with(database_url, Setup::default()).await
    }

    /// As [`Self::open`], with other settings.
    ///
    /// # Panics
    /// As [`Self::open`].
    pub async fn open_with(database_url: &str, setup: Setup) -> Self {
        Self::on(TestApp::open_with(database_url, setup).await).await
    }

    /// The tenant `shop1` on a server in this process.
    ///
    /// # Panics
    /// When it exists.
    pub async fn on(app: TestApp) -> Self {
        let token = tenant(&app, FIRST, "admin").await;
        Self::with(app, token)
    }
}

impl Shop<TestServer> {
    /// The server that `command` starts, with the tenant `shop1`.
    ///
    /// # Panics
    /// When it does not start.
    pub async fn start(command: ServerCommand) -> Self {
        let token = tenant(&command, FIRST, "admin").await;
        Self::with(command.start().await, token)
    }
}

impl<S> Shop<S> {
    fn with(server: S, token: String) -> Self {
        Self {
            server,
            client: Client::new(),
            slug: FIRST,
            token,
        }
    }
}

impl<S: Server> Shop<S> {
    /// A request to this tenant without a token.
    pub fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_to(self.slug, method, path)
    }

    /// A request to another tenant of the same server, without a token.
    pub fn request_to(&self, slug: &str, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.server.url());
        self.client
            .request(method, url)
            .header("host", format!("{slug}.localhost"))
    }

    /// A request with the admin token.
    pub fn admin(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, &format!("/api/admin/v1{path}"))
            .bearer_auth(&self.token)
    }
}

impl<S: Server> Shop<S> {
    /// A request of a member with this session, as a browser on a page of this tenant's host sends it.
    pub fn in_session(&self, session: &str, method: Method, path: &str) -> RequestBuilder {
        self.request(method, &format!("/api/admin/v1{path}"))
            .header("cookie", format!("session={session}"))
            .header("sec-fetch-site", "same-origin")
    }
}

/// A new platform token.
///
/// # Panics
/// When the server issues none.
pub async fn platform_token(shop: &Shop<impl Server>) -> String {
    shop.server.issue_platform_token().await
}

/// A shop's own row of the directory, as the platform reaches it.
#[derive(Debug)]
pub struct Directory {
    client: Client,
    token: String,
    url: String,
}

impl Directory {
    /// That of a shop, with a new platform token.
    ///
    /// # Panics
    /// When the shop is not on the first page of the directory.
    pub async fn of(shop: &Shop<impl Server>) -> Self {
        let token = platform_token(shop).await;
        let url = format!("{}/api/platform/v1/tenants", shop.server.url());
        let list = ok(shop.client.get(&url).bearer_auth(&token), 200).await;
        let tenants = list["items"].as_array().unwrap();
        let own = tenants.iter().find(|tenant| tenant["slug"] == shop.slug);
        let url = format!("{url}/{}", id(own.unwrap()));
        Self {
            client: shop.client.clone(),
            token,
            url,
        }
    }

    /// A request with the platform token to a path below the shop's row.
    pub fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.url);
        self.client.request(method, url).bearer_auth(&self.token)
    }

    /// Changes settings of the shop.
    ///
    /// # Panics
    /// When they are refused.
    pub async fn set(&self, settings: Value) {
        let change = self.ask(Method::PATCH, "").header("if-match", "*");
        ok(change.json(&json!({ "settings": settings })), 200).await;
    }
}
