//! The layers around routes that do what no route of ours does: hang, panic, and tell what they see.

use super::*;
use crate::config::Config;
use axum::body::{Body, to_bytes};
use axum::routing::get;
use rustok_app::Services;
use rustok_core::clock::SystemClock;
use rustok_storage::{Opener, Store};
use rustok_test_support::TestDatabase;
use serde_json::Value;
use std::pin::pin;
use tower::ServiceExt as _;

/// Routes behind the layers, with one place for requests and nobody waiting.
struct Small {
    state: AppState,
    router: Router,
    _database: TestDatabase,
}

impl Small {
    async fn new() -> Self {
        let database = TestDatabase::sqlite();
        let config = Config {
            database_url: Some(database.url().to_owned()),
            max_requests_in_flight: 1,
            max_requests_waiting: 0,
            request_timeout_ms: 20,
            ..Config::default()
        };
        let store = Store::open(config.store().unwrap(), Opener::Server)
            .await
            .unwrap();
        let services = Services::new(store, Arc::new(SystemClock), config.validator().unwrap());
        let state = AppState::new(config, Arc::new(services));
        let router = Router::new()
            .route("/hangs", get(std::future::pending::<()>))
            .route("/panics", get(async || -> () { panic!("canary") }))
            .route("/sees", get(sees))
            .merge(health::router(state.clone()));
        let router = wrap(router, &state);
        Self {
            state,
            router,
            _database: database,
        }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let request = http::Request::get(path)
            .header("host", "localhost")
            .body(Body::empty())
            .unwrap();
        let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (head.status.as_u16(), serde_json::from_slice(&body).unwrap())
    }
}

/// Whether the deadline of the request is the current one.
async fn sees(axum::Extension(deadline): axum::Extension<Deadline>) -> axum::Json<bool> {
    axum::Json(deadline == Deadline::current() && deadline != Deadline::never())
}

#[tokio::test]
async fn what_hangs_is_given_up_and_what_panics_is_an_internal_error() {
    let small = Small::new().await;
    let (status, problem) = small.get("/hangs").await;
    assert_eq!((status, &problem["code"]), (504, &"request_timeout".into()));
    let (status, problem) = small.get("/panics").await;
    assert_eq!((status, &problem["code"]), (500, &"internal".into()));
    assert!(!problem.to_string().contains("canary"));
    // Both have left their place.
    assert_eq!(small.get("/sees").await, (200, true.into()));
}

#[tokio::test]
async fn a_full_server_tells_that_it_is_alive() {
    let small = Small::new().await;
    let mut hangs = pin!(small.get("/hangs"));
    assert!(hangs.as_mut().now_or_never().is_none());
    let (status, problem) = small.get("/sees").await;
    assert_eq!((status, &problem["code"]), (503, &"overloaded".into()));
    assert_eq!(
        (small.get("/livez").await.0, small.get("/readyz").await.0),
        (200, 200)
    );
    small.state.start_draining();
    assert_eq!(small.get("/readyz").await.0, 503);
}
