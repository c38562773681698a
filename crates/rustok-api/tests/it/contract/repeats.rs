//! One `Idempotency-Key` is one effect: many at once, and without a moment's pause.

use super::*;
use futures_util::future::join_all;
use rustok_test_app::persist;
use rustok_test_support::both_databases;
use std::collections::BTreeSet;

both_databases! {
    async fn every_post_of_the_administration_has_one_effect_too(db) {
        let shop = Shop::open(db.url()).await;
        let create = || shop.admin(Method::POST, "/products").json(&json!({ "title": "Tea" })).header("idempotency-key", "k");
        let reported: BTreeSet<String> = join_all((0..50).map(|_| persist(create))).await.into_iter().collect();
        assert_eq!(reported.len(), 1);
        let list = ok(shop.admin(Method::GET, "/products"), 200).await;
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
        let create = || shop.admin(Method::POST, "/nodes").header("idempotency-key", "k")
            .json(&json!({ "kind": "post", "title": "Tea" }));
        let reported: BTreeSet<String> = join_all((0..50).map(|_| persist(create))).await.into_iter().collect();
        assert_eq!(reported.len(), 1);
        let list = ok(shop.admin(Method::GET, "/nodes"), 200).await;
        assert_eq!(list["items"].as_array().unwrap().len(), 1);
    }

    async fn every_post_of_the_platform_has_one_effect_too(db) {
        let shop = Shop::open(db.url()).await;
        let (token, other_token) = (platform_token(&shop).await, platform_token(&shop).await);
        let url = format!("{}/api/platform/v1/tenants", shop.server.url());
        let post = |token: &str, path: &str, key: &str| shop.client.post(format!("{url}{path}")).bearer_auth(token)
            .header("idempotency-key", key);
        let new = json!({ "slug": "shop2", "name": "Shop 2", "hosts": ["shop-2.example"] });
        let create = || post(&token, "", "k").json(&new);
        let reported: BTreeSet<String> = join_all((0..50).map(|_| persist(create))).await.into_iter().collect();
        assert_eq!(reported.len(), 1, "{reported:#?}");
        let list = ok(shop.client.get(&url).bearer_auth(&token), 200).await;
        assert_eq!(list["items"].as_array().unwrap().len(), 2);
        let first: Value = serde_json::from_str(reported.first().unwrap()).unwrap();
        let one = format!("/{}", id(&first));

        // A replay is the same answer with a mark; another body, another actor and another route are other requests.
        let again = send(create()).await;
        assert_eq!((again.status().as_u16(), header(&again, "idempotent-replayed")), (201, "true"));
        assert!(header(&again, "location").ends_with(&one) && header(&again, "etag").starts_with("\"1-"));
        assert_eq!(&again.text().await.unwrap(), reported.first().unwrap());
        problem(send(post(&token, "", "k").json(&json!({ "slug": "shop3", "name": "3" }))).await, 422,
            "idempotency_key_reused").await;
        problem(send(post(&other_token, "", "k").json(&new)).await, 409, "slug_taken").await;
        for key in ["", "a b", "a\tb", &"k".repeat(256)] {
            problem(send(post(&token, "", key)).await, 400, "invalid_idempotency_key").await;
        }

        // What was done once is not done again, whatever happened since.
        let suspended = ok(post(&token, &format!("{one}/suspend"), "k"), 200).await;
        assert_eq!((&suspended["status"], &suspended["version"]), (&json!("suspended"), &json!(2)));
        assert_eq!(ok(post(&token, &format!("{one}/resume"), "k"), 200).await["status"], "active");
        assert_eq!(ok(post(&token, &format!("{one}/suspend"), "k"), 200).await, suspended);
        let host = || post(&token, &format!("{one}/hosts"), "k").json(&json!({ "host": "b.example" }));
        let added = ok(host(), 200).await;
        assert_eq!(ok(host(), 200).await, added);
        let now = ok(shop.client.get(format!("{url}{one}")).bearer_auth(&token), 200).await;
        assert_eq!((&now["status"], &now["hosts"]), (&json!("active"), &json!(["b.example", "shop-2.example"])));

        // A failure is not kept.
        let taken = || post(&token, &format!("{one}/hosts"), "f").json(&json!({ "host": "b.example" }));
        for _ in 0..10 {
            problem(send(taken()).await, 409, "host_taken").await;
        }
    }

    /// What was answered is over: a client's next request with the key must not meet the lock of the one before.
    async fn a_key_is_free_as_soon_as_its_answer_is_there(db) {
        let shop = Shop::open(db.url()).await;
        let tea = &product(&shop, json!([{ "available": 100 }])).await[0];
        let keyed = |quantity: i64| send(place(&shop, &order_of(tea, quantity)).header("idempotency-key", "k"));
        assert_eq!(keyed(1).await.status(), 201);
        for _ in 0..60 {
            let again = keyed(1).await;
            assert_eq!((again.status().as_u16(), header(&again, "idempotent-replayed")), (201, "true"));
            problem(keyed(2).await, 422, "idempotency_key_reused").await;
        }
        // A failure is not kept, and its key is free as well.
        let refused = |n: usize| send(shop.admin(Method::POST, "/products").header("idempotency-key", format!("p{}", n / 2))
            .json(&json!({ "title": "Tea", "handle": "tea" })));
        for n in 0..60 {
            problem(refused(n).await, 409, "handle_taken").await;
        }
    }
}
