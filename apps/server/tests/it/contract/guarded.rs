//! What answers that are no operation's tell browsers and caches.

use super::*;
use crate::limits::{Raw, open};
use crate::platform::{Shop, rustok};
use rustok_test_app::is_marked;
use rustok_test_support::both_databases;

both_databases! {
    async fn what_is_no_operation_is_marked_too(db) {
        let shop = Shop::start(rustok(db.url())).await;
        for (method, path, status, is_public) in [
            (Method::GET, "/livez", 200, false),
            (Method::GET, "/nothing", 404, false),
            (Method::DELETE, "/api/store/v1/orders", 405, false),
            (Method::OPTIONS, "/api/admin/v1/orders", 204, false),
            (Method::GET, "/api/docs", 200, true),
            (Method::GET, "/api/docs/swagger-ui.css", 200, true),
            (Method::GET, "/api/openapi.json", 200, true),
            (Method::GET, "/problems/forbidden", 200, true),
        ] {
            let answer = send(shop.request(method, path)).await;
            assert_eq!(answer.status().as_u16(), status, "{path}");
            is_marked(&answer, path, is_public);
        }
        let nobody = send(shop.request_to("nobody", Method::GET, "/api/admin/v1/orders")).await;
        assert_eq!(nobody.status(), 404);
        is_marked(&nobody, "no tenant", false);
        for path in ["/livez", "/readyz", "/metrics", "/version", "/nothing"] {
            let answer = send(shop.client.get(format!("{}{path}", shop.server.management_url()))).await;
            is_marked(&answer, path, false);
        }
        // Refused before there is a request to speak of.
        let mut raw = Raw::connect(&shop).await;
        raw.send("GET /api/admin/v1/orders HTTP/1.1\r\n\r\n").await;
        let head = raw.answer().await.unwrap().head.to_ascii_lowercase();
        assert!(head.contains("nosniff") && head.contains("no-store"), "{head}");
    }

    async fn who_came_by_tls_is_told_to_stay_with_it(db) {
        let shop = open(db.url(), &[("RUSTOK_TRUSTED_PROXIES", "[\"127.0.0.1/32\"]")]).await;
        for (proto, expected) in [("https", "max-age=31536000"), ("http", ""), ("https, http", "")] {
            for path in ["/api/store/v1/products", "/api/admin/v1/nothing", "/livez"] {
                let answer = send(shop.request(Method::GET, path).header("x-forwarded-proto", proto)).await;
                assert_eq!(header(&answer, "strict-transport-security"), expected, "{path} {proto}");
            }
        }
        let server = shop.server.kill().await.env("RUSTOK_BASE_URL", "https://shops.example").start().await;
        let shop = Shop { server, ..shop };
        let answer = send(shop.request(Method::GET, "/api/store/v1/products")).await;
        assert_eq!(header(&answer, "strict-transport-security"), "max-age=31536000");
    }
}
