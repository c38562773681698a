//! Tenants, tokens and hosts over HTTP; problems of the router itself; shutdown.

use crate::orders::{id, ok};
use reqwest::{Client, Method, RequestBuilder, Response, StatusCode};
use rustok_test_support::{Finished, ServerCommand, TestServer, both_databases};
use serde_json::{Value, json};

/// A server with a tenant and its admin token.
pub(crate) struct Shop {
    pub(crate) server: TestServer,
    pub(crate) client: Client,
    pub(crate) slug: &'static str,
    pub(crate) token: String,
}

/// The binary under test, on the given database. Its log tells every event.
pub(crate) fn rustok(database_url: &str) -> ServerCommand {
    ServerCommand::new(env!("CARGO_BIN_EXE_rustok"), database_url)
        .env("RUSTOK_LOG", "info,rustok.events=debug")
}

/// What Linux tells of a process under a name.
pub(crate) fn status(pid: u32, member: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let mut lines = status.lines();
    let value = lines.find_map(|line| line.strip_prefix(member)?.strip_prefix(':'))?;
    Some(value.trim().to_owned())
}

/// What it tells of the memory of a process, in kilobytes: `VmRSS` is what it has, `VmHWM` the most it has had.
pub(crate) fn status_kib(pid: u32, member: &str) -> u64 {
    let value = status(pid, member).unwrap();
    value.trim_end_matches(" kB").parse().unwrap()
}

/// What a command printed with `--json`.
pub(crate) fn printed(finished: Finished) -> Value {
    serde_json::from_str(&finished.success()).unwrap()
}

/// Creates a tenant and a token of the given role; both through the command line.
pub(crate) async fn tenant(command: &ServerCommand, slug: &str, role: &str) -> String {
    printed(
        command
            .run(&["tenant", "create", slug, "--name", slug, "--json"])
            .await,
    );
    token(command, slug, role).await
}

/// Creates a token for a tenant.
pub(crate) async fn token(command: &ServerCommand, slug: &str, role: &str) -> String {
    let made = printed(
        command
            .run(&["token", "create", "--tenant", slug, "--role", role, "--json"])
            .await,
    );
    made["token"].as_str().unwrap().to_owned()
}

impl Shop {
    /// A server with the tenant `shop1`.
    pub(crate) async fn open(database_url: &str) -> Self {
        Self::start(rustok(database_url)).await
    }

    /// The server that `command` starts, with the tenant `shop1`.
    pub(crate) async fn start(command: ServerCommand) -> Self {
        let token = tenant(&command, "shop1", "admin").await;
        Self {
            server: command.start().await,
            client: Client::new(),
            slug: "shop1",
            token,
        }
    }

    /// A request to this tenant without a token.
    pub(crate) fn request(&self, method: Method, path: &str) -> RequestBuilder {
        self.request_to(self.slug, method, path)
    }

    /// A request to another tenant of the same server, without a token.
    pub(crate) fn request_to(&self, slug: &str, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.server.url());
        self.client
            .request(method, url)
            .header("host", format!("{slug}.localhost"))
    }

    /// A request with the admin token.
    pub(crate) fn admin(&self, method: Method, path: &str) -> RequestBuilder {
        self.request(method, &format!("/api/admin/v1{path}"))
            .bearer_auth(&self.token)
    }
}

/// A new platform token.
pub(crate) async fn platform_token(shop: &Shop) -> String {
    let made = printed(
        shop.server
            .run(&["token", "create", "--platform", "--json"])
            .await,
    );
    made["token"].as_str().unwrap().to_owned()
}

/// A shop's own row of the directory, as the platform reaches it.
pub(crate) struct Directory<'a> {
    shop: &'a Shop,
    token: String,
    url: String,
}

impl<'a> Directory<'a> {
    pub(crate) async fn of(shop: &'a Shop) -> Self {
        let token = platform_token(shop).await;
        let url = format!("{}/api/platform/v1/tenants", shop.server.url());
        let list = ok(shop.client.get(&url).bearer_auth(&token), 200).await;
        let tenants = list["items"].as_array().unwrap();
        let own = tenants.iter().find(|tenant| tenant["slug"] == shop.slug);
        let url = format!("{url}/{}", id(own.unwrap()));
        Self { shop, token, url }
    }

    pub(crate) fn ask(&self, method: Method, path: &str) -> RequestBuilder {
        let url = format!("{}{path}", self.url);
        self.shop.client.request(method, url).bearer_auth(&self.token)
    }

    /// Changes settings of the shop.
    pub(crate) async fn set(&self, settings: Value) {
        let change = self.ask(Method::PATCH, "").header("if-match", "*");
        ok(change.json(&json!({ "settings": settings })), 200).await;
    }
}

/// The errors of a problem as `pointer code`.
pub(crate) fn errors(problem: &Value) -> Vec<String> {
    let error = |e: &Value| {
        format!(
            "{} {}",
            e["pointer"].as_str().unwrap(),
            e["code"].as_str().unwrap()
        )
    };
    problem["errors"].as_array().unwrap().iter().map(error).collect()
}

/// The body of a problem, after checking that it is one.
pub(crate) async fn problem(response: Response, status: u16, code: &str) -> Value {
    let seen = response.status().as_u16();
    let kind = response
        .headers()
        .get("content-type")
        .map(|v| v.to_str().unwrap().to_owned());
    let body: Value = response.json().await.unwrap();
    assert_eq!((seen, body["code"].as_str()), (status, Some(code)), "{body:#}");
    assert_eq!(kind.as_deref(), Some("application/problem+json"));
    assert_eq!(body["status"], status);
    let documented = rustok_http::problem::types::find(code).unwrap();
    assert_eq!(
        body["kind"],
        documented.kind.as_str(),
        "/problems/{code} says otherwise"
    );
    assert!(
        documented.statuses.contains(&status),
        "/problems/{code} says otherwise"
    );
    assert_eq!(body["trace_id"].as_str().unwrap().len(), 32);
    assert!(
        body["type"]
            .as_str()
            .unwrap()
            .ends_with(&format!("/problems/{code}")),
        "{body:#}"
    );
    body
}

both_databases! {
    async fn tenants_are_managed_with_a_platform_token(db) {
        let command = rustok(db.url());
        let admin = tenant(&command, "shop1", "admin").await;
        let platform = printed(command.run(&["token", "create", "--platform", "--json"]).await);
        let platform = platform["token"].as_str().unwrap().to_owned();
        let server = command.start().await;
        let client = Client::new();
        let tenants = format!("{}/api/platform/v1/tenants", server.url());

        problem(client.get(&tenants).send().await.unwrap(), 401, "unauthenticated").await;
        problem(client.get(&tenants).bearer_auth(&admin).send().await.unwrap(), 401, "unauthenticated").await;

        let made = client.post(&tenants).bearer_auth(&platform)
            .json(&json!({ "slug": "shop2", "name": "Shop 2", "hosts": ["Shop-2.Example."] })).send().await.unwrap();
        assert_eq!(made.status(), StatusCode::CREATED);
        let made: Value = made.json().await.unwrap();
        assert_eq!(made["hosts"], json!(["shop-2.example"]));
        let one = format!("{tenants}/{}", made["id"].as_str().unwrap());

        let again = client.post(&tenants).bearer_auth(&platform).json(&json!({ "slug": "shop2", "name": "x" }));
        problem(again.send().await.unwrap(), 409, "slug_taken").await;
        let bad = client.post(&tenants).bearer_auth(&platform).json(&json!({ "slug": "www", "name": " " }));
        let bad = problem(bad.send().await.unwrap(), 422, "validation_failed").await;
        let pointers: Vec<_> = bad["errors"].as_array().unwrap().iter().map(|e| e["pointer"].clone()).collect();
        assert_eq!(pointers, ["#/slug", "#/name"]);

        let list: Value = client.get(&tenants).bearer_auth(&platform).send().await.unwrap().json().await.unwrap();
        assert_eq!(list["items"].as_array().unwrap().len(), 2);

        // A platform token never acts inside a tenant.
        let inside = client.get(format!("{}/api/admin/v1/products", server.url()))
            .header("host", "shop2.localhost").bearer_auth(&platform);
        problem(inside.send().await.unwrap(), 401, "unauthenticated").await;

        let store = || client.get(format!("{}/api/store/v1/products", server.url())).header("host", "SHOP-2.example:80");
        assert_eq!(store().send().await.unwrap().status(), StatusCode::OK);
        let suspended = client.post(format!("{one}/suspend")).bearer_auth(&platform).send().await.unwrap();
        assert_eq!(suspended.json::<Value>().await.unwrap()["status"], "suspended");
        problem(store().send().await.unwrap(), 403, "tenant_suspended").await;
        assert!(client.post(format!("{one}/resume")).bearer_auth(&platform).send().await.unwrap().status().is_success());
        assert_eq!(store().send().await.unwrap().status(), StatusCode::OK);
    }

    async fn a_request_without_a_known_tenant_is_refused(db) {
        let shop = Shop::open(db.url()).await;
        let path = "/api/store/v1/products";
        problem(shop.request_to("nobody", Method::GET, path).send().await.unwrap(), 404, "tenant_not_found").await;
        let ip = shop.client.get(format!("{}{path}", shop.server.url()));
        problem(ip.send().await.unwrap(), 400, "invalid_tenant_identifier").await;
        let other = || shop.request_to("nobody", Method::GET, path);
        let stranger = other().header("x-tenant-id", "shop1").header("x-forwarded-host", "shop1.localhost");
        problem(stranger.send().await.unwrap(), 404, "tenant_not_found").await;
    }

    async fn a_token_of_another_tenant_is_unknown(db) {
        let shop = Shop::open(db.url()).await;
        let other = tenant(shop.server.command(), "shop2", "admin").await;
        let theirs = shop.request(Method::GET, "/api/admin/v1/products").bearer_auth(other);
        problem(theirs.send().await.unwrap(), 401, "unauthenticated").await;
        assert_eq!(shop.admin(Method::GET, "/products").send().await.unwrap().status(), StatusCode::OK);
    }

    async fn the_router_answers_with_problems(db) {
        let shop = Shop::open(db.url()).await;
        problem(shop.request(Method::GET, "/nothing").send().await.unwrap(), 404, "route_not_found").await;
        let wrong = shop.request(Method::DELETE, "/api/store/v1/products").send().await.unwrap();
        assert!(wrong.headers().contains_key("allow"));
        problem(wrong, 405, "method_not_allowed").await;
        let text = shop.admin(Method::POST, "/products").body("x").header("content-type", "text/plain");
        problem(text.send().await.unwrap(), 415, "unsupported_media_type").await;
        let broken = shop.admin(Method::POST, "/products").body("{\"a\":").header("content-type", "application/json");
        problem(broken.send().await.unwrap(), 400, "malformed_json").await;
        // PostgreSQL has no NUL in text: it is refused at the edge, on both databases alike.
        let nul = shop.admin(Method::POST, "/products").json(&json!({ "title": "a\u{0}b" }));
        problem(nul.send().await.unwrap(), 422, "validation_failed").await;
        for path in ["/api/store/v1/products/%00", "/api/store/v1/nodes?tag=a%00"] {
            problem(shop.request(Method::GET, path).send().await.unwrap(), 400, "invalid_query").await;
        }
        let large = shop.admin(Method::POST, "/products").header("content-type", "application/json");
        problem(large.body(vec![b' '; 3 << 20]).send().await.unwrap(), 413, "body_too_large").await;
        let traced = shop.request(Method::GET, "/nothing")
            .header("traceparent", "00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01");
        let traced = problem(traced.send().await.unwrap(), 404, "route_not_found").await;
        assert_eq!(traced["trace_id"], "4bf92f3577b34da6a3ce929d0e0e4736");
    }

    async fn health_documents_and_shutdown(db) {
        let shop = Shop::open(db.url()).await;
        let get = |url: String| async move { Client::new().get(url).send().await.unwrap() };
        for path in ["/livez", "/readyz", "/api/docs", "/api/docs/swagger-ui.css"] {
            assert_eq!(get(format!("{}{path}", shop.server.url())).await.status(), StatusCode::OK, "{path}");
        }
        for path in ["/livez", "/readyz", "/metrics", "/version"] {
            assert_eq!(get(format!("{}{path}", shop.server.management_url())).await.status(), StatusCode::OK, "{path}");
        }
        assert_eq!(get(format!("{}/metrics", shop.server.url())).await.status(), StatusCode::NOT_FOUND);
        let document: Value = get(format!("{}/api/openapi.json", shop.server.url())).await.json().await.unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let command: Value = serde_json::from_str(&shop.server.run(&["openapi"]).await.success()).unwrap();
        assert_eq!(document, command);
        assert_eq!(shop.server.terminate().await.code, Some(0));
    }
}
