//! Tenants, tokens and hosts over HTTP; problems of the router itself.

use reqwest::{Method, StatusCode};
use rustok_test_app::{Shop, platform_token, problem, tenant};
use rustok_test_support::both_databases;
use serde_json::{Value, json};

both_databases! {
    async fn tenants_are_managed_with_a_platform_token(db) {
        let shop = Shop::open(db.url()).await;
        let platform = platform_token(&shop).await;
        let Shop { server, client, token: admin, .. } = &shop;
        let tenants = format!("{}/api/platform/v1/tenants", server.url());

        problem(client.get(&tenants).send().await.unwrap(), 401, "unauthenticated").await;
        problem(client.get(&tenants).bearer_auth(admin).send().await.unwrap(), 401, "unauthenticated").await;

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
        let other = tenant(&shop.server, "shop2", "admin").await;
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
        let none = shop.admin(Method::POST, "/products").header("content-type", "application/x-www-form-urlencoded");
        problem(none.send().await.unwrap(), 422, "validation_failed").await;
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
}
