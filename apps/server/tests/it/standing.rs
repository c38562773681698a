//! Writes that were under way when their token was revoked or their tenant suspended: the door let them in, their commit
//! does not.

use crate::platform::program;
use reqwest::{Method, RequestBuilder, Response};
use rustok_test_app::{
    Directory, Operator, Shop, available, id, ok, order_of, place, platform_token, problem, product, tenant,
};
use rustok_test_support::{TestDatabase, both_databases};
use serde_json::{Value, json};
use std::time::Duration;

/// How long a request gets to come to the lock that holds it up.
const ON_ITS_WAY: Duration = Duration::from_millis(700);

const REVOKE: &str = "UPDATE api_tokens SET revoked_at = created_at";
const SUSPEND: &str = "UPDATE tenants SET status = 'suspended' WHERE slug = 'shop1'";

/// Sends a request that meets a lock, and lets it go on once `change` is made. Its answer.
async fn overtaken(db: &TestDatabase, lock: &str, change: &str, request: RequestBuilder) -> Response {
    let other = db.open_transaction(lock, change).await;
    let answer = tokio::spawn(request.send());
    tokio::time::sleep(ON_ITS_WAY).await;
    assert!(!answer.is_finished(), "nothing held it up");
    other.commit().await;
    answer.await.unwrap().unwrap()
}

async fn confirmable(shop: &Shop) -> (Value, Value) {
    let tea = product(shop, json!([{ "available": 5 }])).await.remove(0);
    let order = ok(place(shop, &order_of(&tea, 1)), 201).await;
    (tea, order)
}

fn confirm(shop: &Shop, order: &Value) -> RequestBuilder {
    shop.admin(Method::POST, &format!("/orders/{}/confirm", id(order)))
}

both_databases! {
    async fn a_token_that_is_revoked_ends_the_write_that_is_under_way(db) {
        let shop = program(db.url(), &[]).await;
        let (_, order) = confirmable(&shop).await;
        for key in [None, Some("again")] {
            let request = confirm(&shop, &order);
            let request = key.into_iter().fold(request, |request, key| request.header("idempotency-key", key));
            let answer = overtaken(&db, "SELECT id FROM orders FOR UPDATE", REVOKE, request).await;
            problem(answer, 401, "unauthenticated").await;
            // Let in again by hand: nothing was kept, neither the change nor an answer.
            db.open_transaction("SELECT 1", "UPDATE api_tokens SET revoked_at = NULL").await.commit().await;
            let seen = ok(shop.admin(Method::GET, &format!("/orders/{}", id(&order))), 200).await;
            assert_eq!((&seen["status"], &seen["version"]), (&json!("pending"), &json!(1)));
        }
        ok(confirm(&shop, &order).header("idempotency-key", "again"), 200).await;
    }

    async fn a_session_that_ends_ends_the_write_that_is_under_way(db) {
        let shop = program(db.url(), &[]).await;
        let (_, order) = confirmable(&shop).await;
        let session = shop.server.open_session("shop1", "manager").await;
        let path = format!("/orders/{}/confirm", id(&order));
        let confirm = || shop.in_session(&session, Method::POST, &path);
        let end = "DELETE FROM sessions";
        let answer = overtaken(&db, "SELECT id FROM orders FOR UPDATE", end, confirm()).await;
        problem(answer, 401, "unauthenticated").await;
        let seen = ok(shop.admin(Method::GET, &format!("/orders/{}", id(&order))), 200).await;
        assert_eq!((&seen["status"], &seen["version"]), (&json!("pending"), &json!(1)));
        let session = shop.server.open_session("shop1", "manager").await;
        ok(shop.in_session(&session, Method::POST, &path), 200).await;
    }

    async fn a_tenant_that_is_suspended_ends_the_writes_that_are_under_way(db) {
        let shop = program(db.url(), &[]).await;
        let (tea, order) = confirmable(&shop).await;
        let lock = "SELECT id FROM orders FOR UPDATE; SELECT variant_id FROM stock_levels FOR UPDATE";
        for request in [confirm(&shop, &order), place(&shop, &order_of(&tea, 1))] {
            problem(overtaken(&db, lock, SUSPEND, request).await, 403, "tenant_suspended").await;
            let resume = "UPDATE tenants SET status = 'active', directory_version = directory_version + 1 WHERE slug = 'shop1'; \
                          UPDATE directory_version SET version = version + 1";
            db.open_transaction("SELECT 1", resume).await.commit().await;
        }
        assert_eq!(available(&shop, &tea).await, 4);
        let seen = ok(shop.admin(Method::GET, &format!("/orders/{}", id(&order))), 200).await;
        assert_eq!(seen["version"], 1);
    }

    async fn a_platform_token_that_is_revoked_ends_the_change_that_is_under_way(db) {
        let shop = program(db.url(), &[]).await;
        let directory = Directory::of(&shop).await;
        let lock = "SELECT id FROM tenants FOR UPDATE; SELECT version FROM directory_version FOR UPDATE";
        let revoke = "UPDATE platform_tokens SET revoked_at = created_at";
        let suspend = directory.ask(Method::POST, "/suspend");
        problem(overtaken(&db, lock, revoke, suspend).await, 401, "unauthenticated").await;
        ok(shop.admin(Method::GET, "/orders"), 200).await;
        let platform = platform_token(&shop).await;
        let list = shop.client.get(format!("{}/api/platform/v1/tenants", shop.server.url())).bearer_auth(platform);
        assert_eq!(ok(list, 200).await["items"][0]["status"], "active");
    }

    /// The other's token and the other's tenant are nothing to it.
    async fn what_happens_to_others_ends_no_write(db) {
        let shop = program(db.url(), &[]).await;
        tenant(&shop.server, "shop2", "admin").await;
        let (_, order) = confirmable(&shop).await;
        let change = "UPDATE api_tokens SET revoked_at = created_at WHERE tenant_id IN (SELECT id FROM tenants WHERE slug = 'shop2'); \
                      UPDATE tenants SET status = 'suspended' WHERE slug = 'shop2'";
        let answer = overtaken(&db, "SELECT id FROM orders FOR UPDATE", change, confirm(&shop, &order)).await;
        assert_eq!(answer.status(), 200);
    }
}
