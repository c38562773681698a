//! A shop's own admins over HTTP: they read and change its name and its settings, and nothing else of the directory.

use reqwest::{Method, RequestBuilder, Response};
use rustok_test_app::{Operator, Shop, errors, header, ok, problem};
use rustok_test_support::both_databases;
use serde_json::{Value, json};

/// A change on the condition that the shop is as `seen` showed it.
fn patch(request: RequestBuilder, seen: &Response, patch: &Value) -> RequestBuilder {
    request
        .header("content-type", "application/merge-patch+json")
        .header("if-match", header(seen, "etag"))
        .body(patch.to_string())
}

/// A request for the shop itself with this token.
fn in_shop(shop: &Shop, slug: &str, token: &str, method: Method) -> RequestBuilder {
    shop.request_to(slug, method, "/api/admin/v1/shop")
        .bearer_auth(token)
}

both_databases! {
    async fn an_admin_changes_the_own_shop(db) {
        let shop = Shop::open(db.url()).await;
        shop.server.create_tenant("shop2").await;
        let read = || shop.admin(Method::GET, "/shop");
        let seen = read().send().await.unwrap();
        let wanted = json!({ "name": " Tea & Co ", "settings": { "default_currency": "EUR", "locales": ["en", "de"] } });
        let changed = ok(patch(shop.admin(Method::PATCH, "/shop"), &seen, &wanted), 200).await;
        assert_eq!((&changed["name"], &changed["settings"]["default_currency"]), (&json!("Tea & Co"), &json!("EUR")));
        assert_eq!((&changed["slug"], &changed["version"]), (&json!("shop1"), &json!(2)));
        assert_eq!(ok(read(), 200).await, changed);
        // It holds at once: a text in another language is refused.
        let node = json!({ "kind": "post", "locale": "fr", "title": "Thé", "body": "x", "format": "markdown" });
        problem(shop.admin(Method::POST, "/nodes").json(&node).send().await.unwrap(), 422, "validation_failed").await;
        // The version that was seen is old now.
        let late = patch(shop.admin(Method::PATCH, "/shop"), &seen, &json!({ "name": "Late" }));
        problem(late.send().await.unwrap(), 412, "version_conflict").await;
        let unseen = shop.admin(Method::PATCH, "/shop").header("content-type", "application/merge-patch+json");
        problem(unseen.body(r#"{"name":"x"}"#).send().await.unwrap(), 428, "precondition_required").await;
        // The other shop is as it was.
        let other = shop.server.issue_token("shop2", "admin").await;
        let other = ok(in_shop(&shop, "shop2", &other, Method::GET), 200).await;
        assert_eq!((&other["slug"], &other["version"]), (&json!("shop2"), &json!(1)));
    }

    async fn what_belongs_to_the_platform_or_breaks_a_rule_is_refused(db) {
        let shop = Shop::open(db.url()).await;
        let seen = shop.admin(Method::GET, "/shop").send().await.unwrap();
        for member in ["hosts", "status", "slug"] {
            let wanted = json!({ member: "x" });
            let refused = patch(shop.admin(Method::PATCH, "/shop"), &seen, &wanted).send().await.unwrap();
            let refused = problem(refused, 422, "validation_failed").await;
            assert_eq!(errors(&refused), [format!("#/{member} unknown_member")]);
        }
        let wanted = json!({ "name": "", "settings": { "default_currency": "usd", "cors_origins": ["shop"] } });
        let refused = patch(shop.admin(Method::PATCH, "/shop"), &seen, &wanted).send().await.unwrap();
        let refused = problem(refused, 422, "validation_failed").await;
        assert_eq!(errors(&refused), ["#/name required", "#/settings/default_currency invalid_currency", "#/settings/cors_origins/0 invalid_origin"]);
        let editor = shop.server.issue_token("shop1", "editor").await;
        for request in [
            in_shop(&shop, "shop1", &editor, Method::GET),
            patch(in_shop(&shop, "shop1", &editor, Method::PATCH), &seen, &json!({ "name": "x" })),
        ] {
            problem(request.send().await.unwrap(), 403, "forbidden").await;
        }
    }

    async fn a_member_changes_it_in_a_session(db) {
        let shop = Shop::open(db.url()).await;
        let session = shop.server.open_session("shop1", "admin").await;
        let seen = shop.in_session(&session, Method::GET, "/shop").send().await.unwrap();
        let change = patch(shop.in_session(&session, Method::PATCH, "/shop"), &seen, &json!({ "name": "New" }));
        assert_eq!(ok(change, 200).await["name"], "New");
    }
}
