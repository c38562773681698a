//! The form of bodies: all faults at once, each at its place, and nothing written.

use super::*;
use rustok_test_app::errors;
use rustok_test_support::both_databases;

/// `pointer code` of each violation of a refused request.
async fn faults(request: RequestBuilder) -> Vec<String> {
    errors(&problem(send(request).await, 422, "validation_failed").await)
}

fn raw(request: RequestBuilder, body: impl Into<String>) -> RequestBuilder {
    request
        .header("content-type", "application/json")
        .body(body.into())
}

both_databases! {
    async fn all_faults_are_told_at_once(db) {
        let shop = Shop::open(db.url()).await;
        let order = json!({ "email": 1, "lines": [{ "quantity": "2" }, { "sku": "A", "quantity": 1, "price": 0 }] });
        assert_eq!(faults(place(&shop, &order)).await,
            ["#/currency required", "#/email invalid", "#/lines/0/quantity invalid", "#/lines/1/price unknown_member"]);
        let product = json!({ "title": 1, "tags": "x", "options": [{ "nam": 1 }, 3],
            "variants": [{ "price": { "amount": 5, "x": 1 }, "available": 1e3, "id": "7" }], "version": 2 });
        let expected = ["#/options/0/name required", "#/options/0/nam unknown_member", "#/options/1 invalid",
            "#/tags invalid", "#/title invalid", "#/variants/0/available invalid", "#/variants/0/id invalid",
            "#/variants/0/price/amount invalid", "#/variants/0/price/x unknown_member", "#/version unknown_member"];
        assert_eq!(faults(shop.admin(Method::POST, "/products").json(&product)).await, expected);
        let node = json!({ "kind": "post", "title": null, "format": "pdf", "terms": [{ "taxonomy": "colour" }] });
        assert_eq!(faults(shop.admin(Method::POST, "/nodes").json(&node)).await,
            ["#/format invalid", "#/terms/0/taxonomy invalid", "#/title invalid"]);
        let made = super::node(&shop).await;
        let patch = || shop.admin(Method::PATCH, &format!("/nodes/{}", id(&made))).header("if-match", "*");
        assert_eq!(faults(patch().json(&json!({ "title": 7, "tenant_id": "x", "author": { "login": 3 } }))).await,
            ["#/author/login invalid", "#/tenant_id unknown_member", "#/title invalid"]);
        assert_eq!(faults(patch().json(&json!([]))).await, ["# invalid"]);
        let when = shop.admin(Method::POST, &format!("/nodes/{}/publish", id(&made)));
        assert_eq!(faults(when.json(&json!({ "published_at": "today", "x": 1 }))).await,
            ["#/published_at invalid", "#/x unknown_member"]);
        let nothing = shop.admin(Method::POST, &format!("/nodes/{}/publish", id(&made)));
        assert_eq!(faults(raw(nothing, "null")).await, ["# invalid"]);
        assert_eq!(ok(shop.admin(Method::GET, &format!("/nodes/{}", id(&made))), 200).await, made);
    }

    async fn all_faults_of_a_query_are_told_at_once(db) {
        let shop = Shop::open(db.url()).await;
        let form = "limit=x&colour=red&status=draft&status=paid";
        for path in ["/orders", "/products", "/nodes"] {
            let refused = problem(send(shop.admin(Method::GET, &format!("{path}?{form}"))).await, 400, "invalid_query").await;
            assert_eq!(errors(&refused), ["?limit invalid", "?colour unknown_parameter", "?status duplicate_parameter"]);
        }
        let refused = send(shop.request(Method::GET, "/api/store/v1/nodes?limit=1.5&x&y=1")).await;
        let refused = problem(refused, 400, "invalid_query").await;
        assert_eq!(errors(&refused), ["?limit invalid", "?x unknown_parameter", "?y unknown_parameter"]);

        // And of its values, once it has the form.
        let values = format!("limit=0&after=zzz&status=lost&updated_after=soon&updated_before=late&q={}", "a".repeat(201));
        assert_eq!(faults(shop.admin(Method::GET, &format!("/products?{values}"))).await, ["?limit invalid", "?after invalid",
            "?status invalid", "?q too_long", "?updated_after invalid", "?updated_before invalid"]);
        assert_eq!(faults(shop.admin(Method::GET, &format!("/nodes?{values}&kind=%20&locale=x_"))).await, ["?limit invalid",
            "?after invalid", "?status invalid", "?kind invalid", "?q too_long", "?updated_after invalid",
            "?updated_before invalid", "?locale invalid"]);
        let values = "limit=101&after=zzz&status=lost&email=x&created_after=soon&created_before=late";
        assert_eq!(faults(shop.admin(Method::GET, &format!("/orders?{values}"))).await, ["?limit invalid", "?after invalid",
            "?status invalid", "?email invalid", "?created_after invalid", "?created_before invalid"]);
        let values = "limit=-1&after=zzz&kind=%20&category=%20&tag=%20&locale=x_";
        assert_eq!(faults(shop.request(Method::GET, &format!("/api/store/v1/nodes?{values}"))).await, ["?limit invalid",
            "?after invalid", "?kind invalid", "?category invalid", "?tag invalid", "?locale invalid"]);
    }

    async fn a_member_that_stands_twice_is_refused(db) {
        let shop = Shop::open(db.url()).await;
        let twice = r#"{ "email": "a@b.c", "currency": "USD", "lines": [{ "sku": "A", "quantity": 1, "quantity": 5 }] }"#;
        let place = || shop.request(Method::POST, "/api/store/v1/orders");
        assert_eq!(faults(raw(place(), twice)).await, ["#/lines/0/quantity duplicate_member"]);
        // A patch has no form of its own, and is read as strictly.
        let path = format!("/nodes/{}", id(&node(&shop).await));
        let patch = shop.admin(Method::PATCH, &path).header("if-match", "*");
        assert_eq!(faults(raw(patch, r#"{ "title": "a", "author": { "login": "x", "login": "y" }, "title": "b" }"#)).await,
            ["#/author/login duplicate_member", "#/title duplicate_member"]);
        // The same with the name written in two ways.
        let patch = shop.admin(Method::PATCH, &path).header("if-match", "*");
        assert_eq!(faults(raw(patch, "{ \"title\": \"a\", \"t\\u0069tle\": \"b\" }")).await, ["#/title duplicate_member"]);
    }

    async fn nesting_size_and_numbers_have_limits(db) {
        let shop = Shop::open(db.url()).await;
        let place = || shop.request(Method::POST, "/api/store/v1/orders");
        for body in ["[".repeat(10_000), format!("{}1{}", "{\"a\":".repeat(5_000), "}".repeat(5_000))] {
            problem(send(raw(place(), body)).await, 400, "body_too_deep").await;
        }
        let path = format!("/nodes/{}", id(&node(&shop).await));
        let deep = format!("{}1{}", "{\"a\":".repeat(33), "}".repeat(33));
        problem(send(raw(shop.admin(Method::PATCH, &path).header("if-match", "*"), deep)).await, 400, "body_too_deep").await;
        let many: Vec<_> = (0..9_000).map(|n| format!("\"{n}\":1")).collect();
        assert_eq!(faults(raw(place(), format!("{{{}}}", many.join(",")))).await.len(), 100);
        for quantity in ["1e3", "1.0", "9223372036854775808", "-9223372036854775809", "\"1\"", "true", "null"] {
            let body = format!(r#"{{"email":"a@b.c","currency":"USD","lines":[{{"sku":"A","quantity":{quantity}}}]}}"#);
            assert_eq!(faults(raw(place(), body)).await, ["#/lines/0/quantity invalid"], "{quantity}");
        }
        for quantity in ["NaN", "Infinity", "01", "+1", "0x1", "1_000"] {
            let body = format!(r#"{{"email":"a@b.c","currency":"USD","lines":[{{"sku":"A","quantity":{quantity}}}]}}"#);
            problem(send(raw(place(), body)).await, 400, "malformed_json").await;
        }
    }
}
