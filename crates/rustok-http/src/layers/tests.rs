//! The layers around routes that do what no route of ours does: hang, panic, and tell what they see.

use super::*;
use crate::settings::HttpSettings;
use axum::body::{Body, to_bytes};
use axum::routing::get;
use rustok_app::{Done, IdempotencyKey, PlatformCtx, tenants};
use rustok_tenancy::{NewTenantInput, TenantSettings};
use rustok_test_support::TestDatabase;
use serde_json::Value;
use std::time::Duration;
use tower::ServiceExt as _;

/// Routes behind the layers, with one place for requests and nobody waiting.
struct Small {
    state: HttpState,
    router: Router,
    _database: TestDatabase,
}

impl Small {
    async fn new() -> Self {
        let settings = HttpSettings {
            max_requests_in_flight: 1,
            max_requests_waiting: 0,
            request_timeout: Duration::from_millis(250),
            rate_limit_tenant_per_minute: 6,
            ..HttpSettings::default()
        };
        let (state, database) = HttpState::for_test(settings).await;
        let router = Router::new()
            .route("/hangs", get(std::future::pending::<()>))
            .route("/panics", get(async || -> () { panic!("canary") }))
            .route("/sees", get(sees))
            .route("/livez", get(sees))
            .merge(tenant_routes(&state));
        let surfaces = Surfaces::default()
            .at("/livez", Surface::Health)
            .below("/api/store", Surface::StorePrivate);
        let router = wrap(router, &state, surfaces);
        Self {
            state,
            router,
            _database: database,
        }
    }

    async fn get(&self, path: &str) -> (u16, Value) {
        let request = http::Request::get(path)
            .header("host", "shop1.localhost")
            .body(Body::empty())
            .unwrap();
        let (head, body) = self.router.clone().oneshot(request).await.unwrap().into_parts();
        let body = to_bytes(body, usize::MAX).await.unwrap();
        (head.status.as_u16(), serde_json::from_slice(&body).unwrap())
    }
}

const SHOP: &str = "https://shop.example";

/// Those of a shop that lets the scripts of one origin read.
fn tenant_routes(state: &HttpState) -> Router {
    let routes = Router::new()
        .route("/api/store/hangs", get(std::future::pending::<()>))
        .route("/api/store/panics", get(async || -> () { panic!("canary") }))
        .route("/api/store/sees", get(sees));
    with_tenant(routes, state)
}

async fn add_shop(state: &HttpState) {
    let ctx = PlatformCtx::system(Arc::clone(state.services()), "test", Deadline::never());
    let settings = TenantSettings {
        cors_origins: vec![SHOP.to_owned()],
        ..TenantSettings::default()
    };
    let input = NewTenantInput {
        slug: "shop1".to_owned(),
        name: "Shop 1".to_owned(),
        hosts: Vec::new(),
        settings,
    };
    let created = tenants::create(&ctx, input, IdempotencyKey::none()).await;
    assert!(matches!(created, Ok(Done::Made(_))), "{created:?}");
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
    add_shop(&small.state).await;
    assert_eq!(small.get("/api/store/sees").await.0, 200);
    let full = async {
        while small
            .state
            .limits()
            .gates()
            .first()
            .is_some_and(|gate| gate.in_flight == 0)
        {
            tokio::task::yield_now().await;
        }
        small.get("/api/store/sees").await
    };
    let (status, problem) = tokio::select! {
        biased;
        refused = full => refused,
        hung = small.get("/api/store/hangs") => hung,
    };
    assert_eq!((status, &problem["code"]), (503, &"overloaded".into()));
    assert_eq!(small.get("/livez").await, (200, true.into()));
}

#[tokio::test]
async fn scripts_of_listed_origins_may_read_what_the_layers_answer() {
    let small = Small::new().await;
    add_shop(&small.state).await;
    let ask = async |host: &str, path: &str, origin: Option<&str>| {
        let mut request = http::Request::get(path).header("host", host);
        if let Some(origin) = origin {
            request = request.header("origin", origin);
        }
        let request = request.body(Body::empty()).unwrap();
        let answer = small.router.clone().oneshot(request).await.unwrap();
        let mark = |name| {
            let all = answer.headers().get_all(name).iter();
            all.map(|value| value.to_str().unwrap().to_owned())
                .collect::<Vec<_>>()
        };
        let marks = (mark("access-control-allow-origin"), mark("vary"));
        (answer.status().as_u16(), marks)
    };
    let reported = (vec![SHOP.to_owned()], vec!["origin".to_owned()]);
    let refused = (Vec::new(), vec!["origin".to_owned()]);
    let nothing = (Vec::new(), Vec::new());
    let (hangs, panics, sees) = ("/api/store/hangs", "/api/store/panics", "/api/store/sees");
    assert_eq!(
        ask("shop1.localhost", sees, Some(SHOP)).await,
        (200, reported.clone())
    );
    assert_eq!(
        ask("shop1.localhost", hangs, Some(SHOP)).await,
        (504, reported.clone())
    );
    assert_eq!(
        ask("shop1.localhost", panics, Some(SHOP)).await,
        (500, reported.clone())
    );
    let other = Some("https://other.example");
    assert_eq!(
        ask("shop1.localhost", panics, other).await,
        (500, refused.clone())
    );
    assert_eq!(ask("shop1.localhost", sees, None).await, (200, refused));
    // The rest of what the tenant may do in a minute, and more.
    let mut last = ask("shop1.localhost", sees, Some(SHOP)).await;
    while last.0 == 200 {
        last = ask("shop1.localhost", sees, Some(SHOP)).await;
    }
    assert_eq!(last, (429, reported));
    // Nobody knows of a list before there is a tenant.
    for path in [hangs, "/hangs", "/panics"] {
        let (_, marks) = ask("shop2.localhost", path, Some(SHOP)).await;
        assert_eq!(marks, nothing, "{path}");
    }
}
