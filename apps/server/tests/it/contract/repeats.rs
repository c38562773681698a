//! One `Idempotency-Key` is one effect, also after the server was killed.

use super::*;
use crate::orders::{available, ok, order_of, place, product};
use crate::platform::{Shop, rustok};
use futures_util::future::join_all;
use rustok_test_app::{keyed_answer, persist, platform_token};
use rustok_test_support::both_databases;
use std::collections::BTreeSet;

both_databases! {
    async fn fifty_at_once_and_ten_after_a_kill_are_one_effect(db) {
        let mut shop = Shop::start(rustok(db.url())).await;
        for round in 0..3 {
            let tea = product(&shop, json!([{ "available": 100 }])).await.remove(0);
            let order = order_of(&tea, 1);
            let key = format!("round-{round}");
            let keyed = |shop: &Shop| place(shop, &order).header("idempotency-key", &key);
            let running: Vec<_> = (0..50).map(|_| tokio::spawn(keyed_answer(keyed(&shop)))).collect();
            // Killed at once, in the middle of it, and after an answer.
            let mut reported: BTreeSet<String> = BTreeSet::new();
            match round {
                0 => {}
                1 => drop(send(shop.admin(Method::GET, "/products")).await),
                _ => drop(reported.insert(persist(|| keyed(&shop)).await)),
            }
            let Shop { server, client, slug, token } = shop;
            shop = Shop { server: server.kill_and_restart().await, client, slug, token };
            for answered in join_all(running).await {
                reported.extend(answered.unwrap());
            }
            reported.extend(join_all((0..10).map(|_| persist(|| keyed(&shop)))).await);
            assert_eq!(reported.len(), 1, "round {round}: {reported:#?}");
            let order: Value = serde_json::from_str(reported.first().unwrap()).unwrap();
            let orders = ok(shop.admin(Method::GET, "/orders?limit=100"), 200).await;
            let orders: Vec<_> = orders["items"].as_array().unwrap().iter()
                .filter(|order| order["lines"][0]["variant_id"] == tea["id"]).collect();
            assert_eq!((orders.len(), &orders[0]["id"]), (1, &order["id"]), "round {round}");
            assert_eq!(available(&shop, &tea).await, 99, "round {round}");
        }
    }

    async fn the_answer_of_a_change_of_the_directory_outlives_the_server(db) {
        let mut shop = Shop::start(rustok(db.url())).await;
        let token = platform_token(&shop).await;
        let create = |shop: &Shop| shop.client.post(format!("{}/api/platform/v1/tenants", shop.server.url()))
            .bearer_auth(&token).header("idempotency-key", "k").json(&json!({ "slug": "shop2", "name": "Shop 2" }));
        let running: Vec<_> = (0..20).map(|_| tokio::spawn(keyed_answer(create(&shop)))).collect();
        let mut reported = BTreeSet::from([persist(|| create(&shop)).await]);
        let Shop { server, client, slug, token: admin } = shop;
        shop = Shop { server: server.kill_and_restart().await, client, slug, token: admin };
        for answered in join_all(running).await {
            reported.extend(answered.unwrap());
        }
        reported.extend(join_all((0..10).map(|_| persist(|| create(&shop)))).await);
        assert_eq!(reported.len(), 1, "{reported:#?}");
    }
}
