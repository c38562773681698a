//! Nothing from inside gets outside: canaries in panics, errors, tokens and database addresses, looked for in
//! everything that a client gets. The log has them, on one line each, but for secrets.

use crate::platform::{Shop, problem, program, rustok};
use axum::body::Body;
use axum::{Router, routing};
use http::Request;
use http_body_util::BodyExt as _;
use reqwest::{Method, RequestBuilder};
use rustok_app::Services;
use rustok_commerce::CommerceError;
use rustok_content::ContentError;
use rustok_core::clock::SystemClock;
use rustok_core::error::{ErrorContext, ErrorKind, RichError};
use rustok_http::layers;
use rustok_http::surface::Surfaces;
use rustok_server::config::Config;
use rustok_server::state::AppState;
use rustok_storage::{DatabaseUrl, Opener, StoreConfig, StoreError};
use rustok_tenancy::TenantIdentifierValidator;
use rustok_test_support::{TestDatabase, both_databases};
use serde_json::{Value, json};
use std::io::{Read as _, Write};
use std::sync::{Arc, Mutex};
use tower::ServiceExt as _;
use tracing::instrument::WithSubscriber as _;

const CANARY: &str = "canary-postgres://root:hunter2@db/SELECT * FROM orders";

/// What no client may read, in lower case.
const INSIDE: [&str; 5] = ["canary", "hunter2", "select", "0ca11a2b", ".rs:"];

fn assert_outside(what: &str, text: &str) {
    let lower = text.to_lowercase();
    for part in INSIDE {
        assert!(!lower.contains(part), "{what} lets `{part}` out: {text}");
    }
}

/// Handlers that fail in every way, each with the canary in it.
fn failing() -> [(&'static str, routing::MethodRouter); 9] {
    fn fails<E: Into<RichError> + 'static>(make: fn() -> E) -> routing::MethodRouter {
        routing::get(async move || Err::<(), RichError>(make().into()))
    }
    fn panics(payload: fn()) -> routing::MethodRouter {
        routing::get(async move || payload())
    }
    [
        (
            "/panic/constant",
            panics(|| panic!("canary-postgres://root:hunter2@db")),
        ),
        ("/panic/text", panics(|| panic!("{CANARY}\nwith a second line"))),
        (
            "/store/refused",
            fails(|| StoreError::Refused {
                table: "orders",
                reason: CANARY.to_owned(),
            }),
        ),
        (
            "/store/unavailable",
            fails(|| StoreError::Unavailable(CANARY.to_owned())),
        ),
        (
            "/store/setup",
            fails(|| StoreError::Setup(CANARY.to_owned()).context(CANARY)),
        ),
        ("/content", fails(|| ContentError::NotFound(CANARY.to_owned()))),
        (
            "/commerce",
            fails(|| CommerceError::PaymentFailed(CANARY.to_owned())),
        ),
        (
            "/response",
            routing::get(async || RichError::new(ErrorKind::Forbidden, CANARY)),
        ),
        ("/everything", fails(everything)),
    ]
}

fn everything() -> RichError {
    RichError::new(ErrorKind::ExternalService, format!("{CANARY}\nsecond line"))
        .with_source(std::io::Error::other(CANARY))
        .with_trace(CANARY)
        .with_tenant(uuid::Uuid::from_u128(0x0CA1_1A2B << 96))
        .with_field("dsn", CANARY)
        .context(CANARY)
}

/// A log in memory.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl Write for Log {
    fn write(&mut self, bytes: &[u8]) -> std::io::Result<usize> {
        self.0.lock().unwrap().extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> std::io::Result<()> {
        Ok(())
    }
}

impl Log {
    fn take(&self) -> String {
        String::from_utf8(std::mem::take(&mut *self.0.lock().unwrap())).unwrap()
    }
}

async fn state(database_url: &str) -> AppState {
    let url = DatabaseUrl::parse(database_url).unwrap();
    let store = rustok_storage::open(StoreConfig::new(url), Opener::Command)
        .await
        .unwrap();
    let validator = TenantIdentifierValidator::new("localhost").unwrap();
    let services = Services::new(store, Arc::new(SystemClock), validator);
    AppState::new(Config::default(), Arc::new(services))
}

/// A DSN with a password in it, as `RUSTOK_DATABASE_URL` has it in production. The test's server asks for none.
pub(crate) fn with_password(url: &str) -> String {
    url.replacen("@", ":hunter2@", 1)
}

/// Takes the database away under a running server; what is left of it goes with the answer.
fn destroy(db: TestDatabase) -> Option<TestDatabase> {
    if db.is_postgres() {
        drop(db);
        return None;
    }
    // In place and as long as before: the server goes on with the same file.
    let length = std::fs::metadata(db.path()).unwrap().len();
    let mut file = std::fs::OpenOptions::new().write(true).open(db.path()).unwrap();
    std::io::copy(&mut std::io::repeat(b'?').take(length), &mut file).unwrap();
    Some(db)
}

both_databases! {
    async fn what_a_handler_fails_with_is_in_the_log_and_not_in_the_answer(db) {
        let state = state(db.url()).await;
        let router = failing().into_iter().fold(Router::new(), |router, (path, handler)| router.route(path, handler));
        let router = layers::wrap(router, state.http(), Surfaces::default());
        for (path, _) in failing() {
            let log = Log::default();
            let sink = log.clone();
            let lines = tracing_subscriber::fmt()
                .with_max_level(tracing::Level::DEBUG)
                .with_ansi(false)
                .with_writer(move || sink.clone())
                .finish();
            let request = Request::get(path).header("host", "shop1.localhost").body(Body::empty()).unwrap();
            let answer = router.clone().oneshot(request).with_subscriber(lines).await.unwrap();
            let (head, body) = answer.into_parts();
            assert_outside(path, &format!("{:?}", head.headers));
            assert!(head.extensions.get::<Arc<RichError>>().is_none(), "{path}: the error goes on with the answer");
            let body = body.collect().await.unwrap().to_bytes();
            assert_outside(path, std::str::from_utf8(&body).unwrap());
            let body: Value = serde_json::from_slice(&body).unwrap();
            assert_eq!(body["status"], head.status.as_u16());
            assert_eq!(body["instance"], path);

            let log = log.take();
            assert_eq!(log.lines().count(), 1, "logged once, on one line: {log}");
            assert!(log.contains("canary-postgres://root:hunter2@db"), "{log}");
        }
    }

    async fn what_a_request_carries_is_neither_sent_back_nor_logged(db) {
        let command = rustok(db.url()).env("RUSTOK_LOG", "debug");
        let shop = Shop::start(command).await;
        let secret = |request: RequestBuilder| request.header("cookie", "session=canary").header("x-canary", "canary");
        let path = "/api/admin/v1/products";

        for bearer in ["canary", "rtk_canary", &format!("rtk_{}", "canary".repeat(12))] {
            let asked = secret(shop.request(Method::GET, path)).bearer_auth(bearer).send().await.unwrap();
            assert_outside("headers", &format!("{:?}", asked.headers()));
            let refused = problem(asked, 401, "unauthenticated").await;
            assert_outside("a bad token", &refused.to_string());
        }
        for body in ["{\"title\": canary", "canary", "[\"canary\"", "{\"title\": \"canary"] {
            let sent = secret(shop.admin(Method::POST, "/products")).header("content-type", "application/json");
            let refused = problem(sent.body(body).send().await.unwrap(), 400, "malformed_json").await;
            assert_outside(body, &refused.to_string());
        }
        let post = || secret(shop.admin(Method::POST, "/products"));
        let other = post().header("content-type", "text/canary").body("canary");
        let other = problem(other.send().await.unwrap(), 415, "unsupported_media_type").await;
        assert_outside("a body that is no JSON", &other.to_string());
        let key = post().header("idempotency-key", "canary".repeat(100)).json(&json!({}));
        let key = problem(key.send().await.unwrap(), 400, "invalid_idempotency_key").await;
        assert_outside("a key", &key.to_string());
        let tag = secret(shop.admin(Method::PATCH, "/products/nothing")).header("if-match", "canary").json(&json!({}));
        let tag = problem(tag.send().await.unwrap(), 404, "not_found").await;
        assert_outside("an entity tag", &tag.to_string());

        let log = shop.server.terminate().await.stderr;
        assert!(log.contains("malformed_json"), "{log}");
        for secret in ["canary", shop.token.as_str()] {
            assert!(!log.contains(secret), "`{secret}` is in the log: {log}");
        }
    }

    async fn an_echo_of_what_was_sent_has_a_limit(db) {
        let shop = program(db.url(), &[]).await;
        let long = "x".repeat(1 << 19);
        let shape = shop.admin(Method::POST, "/products").json(&json!({ long.as_str(): 1 }));
        let query = shop.admin(Method::GET, &format!("/products?{}=1", &long[..7_000]));
        for (request, code, status) in [(shape, "validation_failed", 422), (query, "invalid_query", 400)] {
            let refused = problem(request.send().await.unwrap(), status, code).await;
            assert!(refused.to_string().len() < 4096, "{} bytes", refused.to_string().len());
        }
    }

    async fn a_database_that_is_gone_is_in_the_log_and_not_in_the_answer(db) {
        let url = with_password(db.url());
        let name = db.url().rsplit('/').next().unwrap().to_owned();
        let command = rustok(&url)
            .env("RUSTOK_LOG", "debug")
            .env("RUSTOK_SQLITE_MMAP_BYTES", "0")
            .env("RUSTOK_DIRECTORY_POLL_MS", "3600000");
        let shop = Shop::start(command).await;
        // The tenant is in the cache, and nobody looks whether it changed: what follows fails in the use cases.
        assert!(shop.admin(Method::GET, "/products").send().await.unwrap().status().is_success());
        let _rest = destroy(db);

        let paths = ["/api/store/v1/products", "/api/admin/v1/orders", "/api/admin/v1/products"];
        for path in paths {
            let answer = shop.request(Method::GET, path).bearer_auth(&shop.token).send().await.unwrap();
            let status = answer.status().as_u16();
            assert!((500..=504).contains(&status), "{path}: {status}");
            let headers = format!("{:?}", answer.headers());
            let body = answer.text().await.unwrap();
            for outside in [&headers, &body] {
                for part in [&*name, "hunter2", "postgres", "sqlite", "exist", "malformed", "SELECT", "relation"] {
                    assert!(!outside.contains(part), "{path} lets `{part}` out: {outside}");
                }
            }
            let body: Value = serde_json::from_str(&body).unwrap();
            let kinds = [ErrorKind::Unavailable, ErrorKind::Internal, ErrorKind::Timeout];
            let kind = kinds.into_iter().find(|kind| body["kind"] == kind.as_str()).unwrap();
            assert_eq!(body["detail"], kind.public_sentence(), "{path}");
        }
        let log = shop.server.terminate().await.stderr;
        let reported = log.lines().filter(|line| line.contains("request refused") || line.contains("request failed"));
        assert!(reported.filter(|line| line.contains("caused by: database")).count() >= paths.len(), "{log}");
        assert!(!log.contains("hunter2"), "the password is in the log: {log}");
    }
}
