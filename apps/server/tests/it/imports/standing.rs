//! A file whose sender may not import any more: it is not received to its end, not begun, and not gone on with.

use super::refusals::begun;
use super::*;
use crate::platform::printed;
use rustok_test_support::eventually_is;

const COUNT: usize = 3_000;

/// Another admin of the shop, who can look when the first one cannot, and the first one's token by its id.
async fn watched(shop: Shop) -> (Shop, String) {
    let listed = printed(
        shop.server
            .run(&["token", "list", "--tenant", "shop1", "--json"])
            .await,
    );
    let tokens = listed.as_array().or_else(|| listed["items"].as_array()).unwrap();
    let first = tokens[0]["id"].as_str().unwrap().to_owned();
    (shop, first)
}

async fn revoke(shop: &Shop, id: &str) {
    drop(
        shop.server
            .run(&["token", "revoke", id, "--tenant", "shop1"])
            .await
            .success(),
    );
}

/// The shop with a token that was made just now.
async fn with_new_token(shop: Shop) -> Shop {
    let token = token(shop.server.command(), "shop1", "admin").await;
    Shop { token, ..shop }
}

async fn suspend(shop: &Shop) {
    drop(shop.server.run(&["tenant", "suspend", "shop1"]).await.success());
}

async fn resume(shop: &Shop) {
    drop(shop.server.run(&["tenant", "resume", "shop1"]).await.success());
    eventually_is(TIMEOUT, "it is served again", async || {
        shop.admin(Method::GET, "/imports").send().await.unwrap().status() == StatusCode::OK
    })
    .await;
}

/// Waits until the import runs and has brought something.
async fn is_in_the_middle(shop: &Shop) {
    eventually_is(TIMEOUT, "a product", async || {
        !listed(shop, "/products?limit=1").await.is_empty()
    })
    .await;
}

both_databases! {
    async fn imports_of_a_token_that_is_revoked_end(db) {
        let (shop, first) = watched(apart(&db, &[]).await).await;
        let runs = sent(&shop, "shopify", products(COUNT), &[]).await;
        let waits = sent(&shop, "shopify", "Handle,Title,Variant Price\nlast,Last,1\n", &[]).await;
        is_in_the_middle(&shop).await;
        revoke(&shop, &first).await;
        let shop = with_new_token(shop).await;
        let ended = until(&shop, &runs["id"], has_ended).await;
        assert_eq!(ended["status"], "failed", "{ended:#}");
        assert!(ended["failure"].as_str().unwrap().contains("was revoked"), "{ended:#}");
        let [created, ..] = counts(&ended);
        assert!(created > 0 && created < u64::try_from(COUNT).unwrap(), "{ended:#}");
        let never = until(&shop, &waits["id"], has_ended).await;
        assert_eq!((&never["status"], &never["report"]), (&json!("failed"), &Value::Null), "{never:#}");
        assert!(never["failure"].as_str().unwrap().contains("revoked before its turn"), "{never:#}");
        assert!(listed(&shop, "/products?limit=100").await.iter().all(|product| product["handle"] != "last"));
        has_files(&shop, 0).await;
    }

    async fn a_rehearsal_of_a_token_that_is_revoked_ends(db) {
        let (shop, first) = watched(apart(&db, &[]).await).await;
        let runs = sent(&shop, "shopify", products(COUNT * 12), &[("dry_run", b"true")]).await;
        until(&shop, &runs["id"], |import| import["progress"]["bytes_read"] != 0).await;
        revoke(&shop, &first).await;
        let shop = with_new_token(shop).await;
        let ended = until(&shop, &runs["id"], has_ended).await;
        assert_eq!(ended["status"], "failed", "{ended:#}");
        assert!(ended["failure"].as_str().unwrap().contains("was revoked"), "{ended:#}");
    }

    async fn imports_of_a_tenant_that_is_suspended_end(db) {
        let shop = apart(&db, &[]).await;
        let runs = sent(&shop, "shopify", products(COUNT), &[]).await;
        let waits = sent(&shop, "shopify", "Handle,Title,Variant Price\nlast,Last,1\n", &[]).await;
        is_in_the_middle(&shop).await;
        suspend(&shop).await;
        has_files(&shop, 0).await;
        resume(&shop).await;
        for import in [&runs, &waits] {
            let ended = read(&shop, &import["id"]).await;
            assert_eq!(ended["status"], "failed", "{ended:#}");
            assert!(ended["failure"].as_str().unwrap().contains("was suspended"), "{ended:#}");
        }
    }

    async fn an_upload_ends_when_its_token_is_revoked_or_its_tenant_suspended(db) {
        let (shop, first) = watched(apart(&db, &[]).await).await;
        let mut open = begun(&shop, 1 << 20).await;
        open.send("Handle,Title,Variant Price\n").await;
        has_files(&shop, 1).await;
        revoke(&shop, &first).await;
        let answer = open.answer().await.unwrap();
        assert_eq!((answer.status, &answer.body["code"]), (401, &json!("unauthenticated")), "{}", answer.body);
        has_files(&shop, 0).await;

        let shop = with_new_token(shop).await;
        let mut open = begun(&shop, 1 << 20).await;
        open.send("Handle,Title,Variant Price\n").await;
        has_files(&shop, 1).await;
        suspend(&shop).await;
        let answer = open.answer().await.unwrap();
        assert_eq!((answer.status, &answer.body["code"]), (403, &json!("tenant_suspended")), "{}", answer.body);
        has_files(&shop, 0).await;
    }
}
