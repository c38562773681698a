//! Rate limits: whoever is over one is told so, and nobody else notices.

use super::open;
use crate::platform::{problem, program, tenant, token};
use reqwest::{Method, RequestBuilder, Response};
use rustok_test_app::{Server, Shop};
use rustok_test_support::{TestDatabase, both_databases};

/// A quota that no test gets one request back of while it runs: that takes ten seconds.
const QUOTA: usize = 6;

/// Uses a quota up; the answers must be of this status.
async fn use_up(request: impl Fn() -> RequestBuilder, status: u16) {
    for n in 0..QUOTA {
        let answer = request().send().await.unwrap();
        assert_eq!(answer.status().as_u16(), status);
        let reported = answer.headers().contains_key("ratelimit");
        assert_eq!(reported, n >= QUOTA / 2, "request {n}");
    }
}

async fn refused(answer: Response, limit: &str) {
    let headers = answer.headers().clone();
    let text = |name: &str| headers[name].to_str().unwrap();
    assert_eq!(text("ratelimit-policy"), format!("\"{limit}\";q={QUOTA};w=60"));
    let seconds: u64 = text("retry-after").parse().unwrap();
    assert!((1..=10).contains(&seconds), "{seconds}");
    assert_eq!(text("ratelimit"), format!("\"{limit}\";r=0;t={seconds}"));
    let problem = problem(answer, 429, "rate_limited").await;
    assert_eq!(problem["retryable"], true);
}

async fn status(request: RequestBuilder) -> u16 {
    request.send().await.unwrap().status().as_u16()
}

fn products(shop: &Shop<impl Server>) -> RequestBuilder {
    shop.request(Method::GET, "/api/store/v1/products")
}

both_databases! {
    async fn a_token_over_its_limit_is_refused_and_another_one_is_not(db) {
        let shop = program(db.url(), &[("RUSTOK_RATE_LIMIT_TOKEN_PER_MINUTE", "6")]).await;
        let other = token(&shop.server, "shop1", "admin").await;
        let mine = || shop.admin(Method::GET, "/products");
        use_up(mine, 200).await;
        refused(mine().send().await.unwrap(), "token").await;
        let theirs = shop.request(Method::GET, "/api/admin/v1/products").bearer_auth(other);
        assert_eq!(status(theirs).await, 200);
        assert_eq!(status(products(&shop)).await, 200);
        // A wrong token has a limit too, before anybody looks it up.
        let wrong = || shop.request(Method::GET, "/api/platform/v1/tenants").bearer_auth("wrong");
        use_up(wrong, 401).await;
        refused(wrong().send().await.unwrap(), "token").await;
    }

    async fn a_tenant_over_its_limit_leaves_its_neighbour_alone(db) {
        let shop = program(db.url(), &[("RUSTOK_RATE_LIMIT_TENANT_PER_MINUTE", "6")]).await;
        tenant(&shop.server, "shop2", "admin").await;
        use_up(|| products(&shop), 200).await;
        refused(products(&shop).send().await.unwrap(), "tenant").await;
        refused(shop.admin(Method::GET, "/products").send().await.unwrap(), "tenant").await;
        let neighbour = || shop.request_to("shop2", Method::GET, "/api/store/v1/products");
        use_up(neighbour, 200).await;
    }
}

#[tokio::test]
async fn an_address_over_its_limit_is_refused_wherever_it_says_it_comes_from() {
    let db = TestDatabase::sqlite_migrated().await;
    let settings = [
        ("RUSTOK_RATE_LIMIT_ADDRESS_PER_MINUTE", "6"),
        ("RUSTOK_TRUSTED_PROXIES", "[\"127.0.0.0/8\"]"),
    ];
    let shop = program(db.url(), &settings).await;
    let from = |forwarded: &str, path: &str| {
        let request = shop.request(Method::GET, path);
        request.header("x-forwarded-for", forwarded)
    };
    use_up(|| from("203.0.113.7", "/nothing"), 404).await;
    for forwarded in [
        "203.0.113.7",
        "198.51.100.1, 203.0.113.7",
        "203.0.113.7, 127.0.0.5",
    ] {
        refused(from(forwarded, "/nothing").send().await.unwrap(), "address").await;
    }
    assert_eq!(status(from("203.0.113.8", "/nothing")).await, 404);
    for path in ["/livez", "/readyz"] {
        assert_eq!(status(from("203.0.113.7", path)).await, 200, "{path}");
    }
    // Without a word of the proxy it is the proxy itself, on this machine.
    for _ in 0..3 * QUOTA {
        assert_eq!(status(shop.request(Method::GET, "/nothing")).await, 404);
    }
}

#[tokio::test]
async fn a_flood_is_no_flood_of_the_log() {
    let db = TestDatabase::sqlite();
    let shop = open(db.url(), &[("RUSTOK_RATE_LIMIT_TENANT_PER_MINUTE", "1")]).await;
    let before = shop.server.stderr().lines().count();
    for _ in 0..200 {
        status(products(&shop)).await;
    }
    let finished = shop.server.terminate().await;
    let lines: Vec<_> = finished.stderr.lines().skip(before).collect();
    let reported = lines.iter().filter(|line| line.contains("over a limit")).count();
    assert!((1..=5).contains(&reported) && lines.len() < 20, "{lines:#?}");
}
