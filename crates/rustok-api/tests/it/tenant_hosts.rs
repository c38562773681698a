//! A host of a tenant is taken away or moved to another one: whom it names then, what is refused, and that nobody who asks
//! meanwhile finds it missing.

use reqwest::{Method, RequestBuilder};
use rustok_test_app::{Directory, Shop, errors, header, id, ok, platform_token, problem, tenant};
use rustok_test_support::{TestDatabase, both_databases};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

const HOST: &str = "tea.example";

/// `shop1` with a host, and `shop2`, whose id and token these are.
async fn street(database_url: &str) -> (Shop, Value, String) {
    let shop = Shop::open(database_url).await;
    let theirs = tenant(&shop.server, "shop2", "admin").await;
    shop.server.add_host("shop1", HOST).await;
    let tenants = format!("{}/api/platform/v1/tenants", shop.server.url());
    let listed = shop.client.get(tenants).bearer_auth(platform_token(&shop).await);
    let listed = ok(listed, 200).await;
    let shop2 = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .find(|tenant| tenant["slug"] == "shop2");
    (shop, shop2.unwrap()["id"].clone(), theirs)
}

/// What the host answers to an administrator of `shop1`: 200 there, 401 at another tenant, 404 where it names nobody.
async fn named(shop: &Shop) -> u16 {
    let request = shop
        .client
        .get(format!("{}/api/admin/v1/products", shop.server.url()));
    let request = request.header("host", HOST).bearer_auth(&shop.token);
    request.send().await.unwrap().status().as_u16()
}

both_databases! {
    async fn a_host_is_moved_and_taken_away(db) {
        let (shop, shop2, theirs) = street(db.url()).await;
        let directory = Directory::of(&shop).await;
        let before = directory.ask(Method::GET, "").send().await.unwrap();
        let tag = header(&before, "etag").to_owned();
        assert_eq!(named(&shop).await, 200);

        let path = format!("/hosts/{HOST}/move");
        let hand_over = |host: &str, to: &Value| directory.ask(Method::POST, &format!("/hosts/{host}/move")).json(&json!({ "to": to }));
        let send = async |request: RequestBuilder| request.send().await.unwrap();
        problem(send(hand_over("other.example", &shop2)).await, 404, "host_not_found").await;
        problem(send(hand_over("a_b", &shop2)).await, 404, "host_not_found").await;
        for (to, code) in [(&json!("018f3b1c-0000-7000-8000-000000000001"), "unknown_tenant"), (&ok(directory.ask(Method::GET, ""), 200).await["id"], "same_tenant")] {
            let refused = problem(send(hand_over(HOST, to)).await, 422, "validation_failed").await;
            assert_eq!(errors(&refused), [format!("#/to {code}")]);
        }
        let more = directory.ask(Method::POST, &path).json(&json!({ "to": shop2, "host": "x" }));
        problem(send(more).await, 422, "validation_failed").await;
        problem(send(hand_over(HOST, &shop2).header("if-match", "\"99.0\"")).await, 412, "version_conflict").await;
        assert_eq!(named(&shop).await, 200, "what was refused changed nothing");

        // Once with a key is once, and the answer is about who had it.
        let moved = || hand_over("TEA.Example.", &shop2).header("if-match", &tag).header("idempotency-key", "k");
        let first = send(moved()).await;
        assert_eq!(named(&shop).await, 401, "the node that was told knows at once");
        let (seen, first) = (header(&first, "etag").to_owned(), first.json::<Value>().await.unwrap());
        assert_eq!((&first["slug"], &first["hosts"]), (&json!("shop1"), &json!([])));
        let again = send(moved()).await;
        assert_eq!((again.status().as_u16(), header(&again, "idempotent-replayed")), (200, "true"));
        assert_eq!(again.json::<Value>().await.unwrap(), first);
        let now = send(directory.ask(Method::GET, "")).await;
        assert_eq!(header(&now, "etag"), seen);
        let products = shop.client.get(format!("{}/api/admin/v1/products", shop.server.url())).header("host", HOST);
        assert_eq!(send(products.bearer_auth(&theirs)).await.status(), 200);

        // It is not this tenant's to take away any more.
        problem(send(directory.ask(Method::DELETE, &format!("/hosts/{HOST}"))).await, 404, "host_not_found").await;
        let tenants = format!("{}/api/platform/v1/tenants/{}", shop.server.url(), shop2.as_str().unwrap());
        let token = directory.ask(Method::GET, "").build().unwrap().headers()["authorization"].clone();
        let theirs_now = ok(shop.client.get(&tenants).header("authorization", &token), 200).await;
        assert_eq!((&theirs_now["hosts"], &theirs_now["version"]), (&json!([HOST]), &json!(2)));
        let remove = || shop.client.delete(format!("{tenants}/hosts/{HOST}")).header("authorization", &token);
        problem(send(remove().header("if-match", "\"1.0\"")).await, 412, "version_conflict").await;
        let removed = ok(remove(), 200).await;
        assert_eq!((id(&removed), &removed["hosts"], &removed["version"]), (shop2.as_str().unwrap(), &json!([]), &json!(3)));
        assert_eq!(named(&shop).await, 404);
        problem(send(remove()).await, 404, "host_not_found").await;
        // The last one is gone: the slug still names both, and whoever wants the host may have it.
        for slug in ["shop1", "shop2"] {
            assert_eq!(send(shop.request_to(slug, Method::GET, "/api/store/v1/products")).await.status(), 200);
        }
        ok(directory.ask(Method::POST, "/hosts").json(&json!({ "host": HOST })), 200).await;
        assert_eq!(named(&shop).await, 200);
    }

    async fn of_many_who_move_it_at_once_one_does(db) {
        let (shop, shop2, _) = street(db.url()).await;
        let directory = Directory::of(&shop).await;
        let moved = async |_| {
            let request = directory.ask(Method::POST, &format!("/hosts/{HOST}/move")).json(&json!({ "to": shop2 }));
            request.send().await.unwrap().status().as_u16()
        };
        let mut reported = futures_util::future::join_all((0..8).map(moved)).await;
        reported.sort_unstable();
        assert_eq!(reported, [200, 404, 404, 404, 404, 404, 404, 404]);
    }
}

/// The host goes back and forth under those who ask: each answer is one of the two tenants'.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn at_no_moment_it_names_nobody() {
    for db in [
        TestDatabase::sqlite_migrated().await,
        TestDatabase::postgres().await,
    ] {
        let (shop, shop2, _) = street(db.url()).await;
        let directory = Directory::of(&shop).await;
        let shop1 = ok(directory.ask(Method::GET, ""), 200).await["id"].clone();
        let token = directory.ask(Method::GET, "").build().unwrap().headers()["authorization"].clone();
        let tenants = format!("{}/api/platform/v1/tenants", shop.server.url());
        let (shop, ended) = (Arc::new(shop), Arc::new(AtomicBool::new(false)));
        let asking: Vec<_> = (0..4)
            .map(|_| {
                let (shop, ended) = (Arc::clone(&shop), Arc::clone(&ended));
                tokio::spawn(async move {
                    let mut seen = [0, 0];
                    while !ended.load(Ordering::Relaxed) {
                        match named(&shop).await {
                            200 => seen[0] += 1,
                            401 => seen[1] += 1,
                            other => panic!("{other}"),
                        }
                    }
                    seen
                })
            })
            .collect();
        for round in 0..40 {
            let (from, to) = if round % 2 == 0 {
                (&shop1, &shop2)
            } else {
                (&shop2, &shop1)
            };
            let url = format!("{tenants}/{}/hosts/{HOST}/move", from.as_str().unwrap());
            let moved = shop
                .client
                .post(url)
                .header("authorization", &token)
                .json(&json!({ "to": to }));
            ok(moved, 200).await;
        }
        ended.store(true, Ordering::Relaxed);
        let seen = futures_util::future::join_all(asking).await;
        let seen: Vec<[u32; 2]> = seen.into_iter().map(Result::unwrap).collect();
        assert!(seen.iter().any(|[one, two]| *one > 0 && *two > 0), "{seen:?}");
    }
}
