//! CORS by the tenant's list: preflights, simple requests, problems; and what must not change.

use super::*;
use rustok_test_app::Operator;
use rustok_test_support::{TIMEOUT, both_databases, eventually};

const SHOP: &str = "https://shop.example";

/// Sets the origins that the shop allows.
async fn allow(shop: &Shop, origins: &[&str]) {
    let settings = json!({ "cors_origins": origins });
    Directory::of(shop).await.set(settings).await;
}

fn preflight(shop: &Shop, path: &str, origin: &str) -> RequestBuilder {
    let request = shop.request(Method::OPTIONS, path).header("origin", origin);
    request
        .header("access-control-request-method", "POST")
        .header("access-control-request-headers", "idempotency-key")
}

/// The names of all CORS headers of an answer.
fn marks(response: &Response) -> Vec<String> {
    let names = response.headers().keys().map(|name| name.as_str().to_owned());
    names.filter(|name| name.starts_with("access-control-")).collect()
}

both_databases! {
    async fn a_listed_origin_may_and_another_may_not(db) {
        let shop = Shop::open(db.url()).await;
        let products = "/api/store/v1/products";

        // Without a list there is nothing of it.
        for origin in [SHOP, "null"] {
            let answer = send(shop.request(Method::GET, products).header("origin", origin)).await;
            assert_eq!((answer.status().as_u16(), marks(&answer), header(&answer, "vary")), (200, vec![], ""));
            let answer = send(preflight(&shop, products, origin)).await;
            assert_eq!((answer.status().as_u16(), marks(&answer)), (204, vec![]));
        }

        allow(&shop, &[SHOP]).await;
        for path in ["/api/store/v1/orders", "/api/store/v1/orders/018f3b1c-0000-7000-8000-000000000001", products,
            "/api/admin/v1/products"]
        {
            let answer = send(preflight(&shop, path, SHOP)).await;
            assert_eq!((answer.status().as_u16(), header(&answer, "access-control-allow-origin")), (204, SHOP), "{path}");
            assert_eq!(header(&answer, "vary"), "origin");
            assert!(header(&answer, "access-control-allow-methods").contains("PATCH"));
            let allowed = header(&answer, "access-control-allow-headers").to_ascii_lowercase();
            for name in ["authorization", "content-type", "idempotency-key", "if-match", "x-order-secret"] {
                assert!(allowed.contains(name), "{name}");
            }
            assert!(!answer.headers().contains_key("access-control-allow-credentials"));
            for stranger in ["https://evil.example", "https://shop.example.evil.example", "http://shop.example", "null", "*"] {
                let answer = send(preflight(&shop, path, stranger)).await;
                assert_eq!((answer.status().as_u16(), marks(&answer), header(&answer, "vary")), (204, vec![], "origin"));
            }
        }

        // Good answers, problems, and an answer to nobody in particular.
        let good = send(shop.request(Method::GET, products).header("origin", SHOP)).await;
        assert_eq!((good.status().as_u16(), header(&good, "access-control-allow-origin")), (200, SHOP));
        let exposed = header(&good, "access-control-expose-headers").to_ascii_lowercase();
        for name in ["etag", "retry-after", "idempotent-replayed", "ratelimit", "location"] {
            assert!(exposed.contains(name), "{name}");
        }
        let order = shop.request(Method::POST, "/api/store/v1/orders").header("origin", SHOP).json(&json!({}));
        let refused = send(order).await;
        assert_eq!((refused.status().as_u16(), header(&refused, "access-control-allow-origin")), (422, SHOP));
        let large = shop.request(Method::POST, "/api/store/v1/orders").header("origin", SHOP).body(vec![b' '; 3 << 20]);
        let large = send(large.header("content-type", "application/json")).await;
        assert_eq!((large.status().as_u16(), header(&large, "access-control-allow-origin")), (413, SHOP));
        let wrong = send(shop.request(Method::DELETE, products).header("origin", SHOP)).await;
        assert_eq!((wrong.status().as_u16(), header(&wrong, "access-control-allow-origin")), (405, SHOP));
        assert_eq!(header(&wrong, "allow"), "GET,HEAD");
        let plain = send(shop.request(Method::GET, products)).await;
        assert_eq!((marks(&plain), header(&plain, "vary")), (vec![], "origin"));
        let nodes = send(shop.request(Method::GET, "/api/store/v1/nodes").header("origin", SHOP)).await;
        let vary: Vec<_> = nodes.headers().get_all("vary").iter().map(|value| value.to_str().unwrap()).collect();
        assert_eq!(vary, ["accept-language", "origin"]);

        // The list is this tenant's only, and of a tenant that is served.
        shop.server.create_tenant("shop2").await;
        let other = send(shop.request_to("shop2", Method::GET, products).header("origin", SHOP)).await;
        assert_eq!((other.status().as_u16(), marks(&other)), (200, vec![]));
        for (slug, status) in [("nobody", 404), ("shop1", 403)] {
            if slug == "shop1" {
                ok(Directory::of(&shop).await.ask(Method::POST, "/suspend"), 200).await;
                eventually(TIMEOUT, async || match send(shop.request(Method::GET, products)).await.status().as_u16() {
                    403 => Ok(()),
                    seen => Err(seen),
                }).await;
            }
            let answer = send(shop.request_to(slug, Method::OPTIONS, products).header("origin", SHOP)
                .header("access-control-request-method", "GET")).await;
            assert_eq!((answer.status().as_u16(), marks(&answer)), (status, vec![]));
        }
    }

    async fn a_star_opens_the_store_and_nothing_else(db) {
        let shop = Shop::open(db.url()).await;
        allow(&shop, &["*"]).await;
        let any = "https://any.example";
        let store = send(shop.request(Method::GET, "/api/store/v1/products").header("origin", any)).await;
        assert_eq!(header(&store, "access-control-allow-origin"), "*");
        assert!(!store.headers().contains_key("access-control-allow-credentials"));
        let admin = send(shop.admin(Method::GET, "/products").header("origin", any)).await;
        assert_eq!((admin.status().as_u16(), marks(&admin)), (200, vec![]));
        assert_eq!(marks(&send(preflight(&shop, "/api/admin/v1/products", any)).await), [""; 0]);
    }
}
