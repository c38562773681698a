//! Many at once: the last pieces, one order, one key.

use super::*;
use futures_util::future::join_all;
use rustok_test_app::problem;
use rustok_test_support::both_databases;
use std::collections::BTreeMap;

/// Sends all at once.
async fn at_once(requests: impl IntoIterator<Item = RequestBuilder>) -> Vec<Response> {
    let sent = requests.into_iter().map(|request| tokio::spawn(request.send()));
    join_all(sent)
        .await
        .into_iter()
        .map(|response| response.unwrap().unwrap())
        .collect()
}

both_databases! {
    async fn sixty_four_buyers_share_the_last_ten(db) {
        let shop = Shop::open(db.url()).await;
        let tea = &product(&shop, json!([{ "available": 10 }])).await[0];
        let order = order_of(tea, 1);
        let (mut sold, mut refused) = (0, 0);
        for response in at_once((0..64).map(|_| place(&shop, &order))).await {
            if response.status() == 201 {
                sold += 1;
                continue;
            }
            let short = problem(response, 409, "insufficient_stock").await;
            assert_eq!((&short["available"], &short["requested"]), (&json!(0), &json!(1)));
            refused += 1;
        }
        assert_eq!((sold, refused), (10, 54));
        assert_eq!(available(&shop, tea).await, 0);
        assert_eq!(all_orders(&shop).await.len(), 10);
    }

    async fn what_is_left_is_told_truly(db) {
        let shop = Shop::open(db.url()).await;
        let tea = &product(&shop, json!([{ "available": 10 }])).await[0];
        let order = order_of(tea, 3);
        let answers = at_once((0..20).map(|_| place(&shop, &order))).await;
        let mut sold = 0;
        for response in answers {
            if response.status() == 201 {
                sold += 1;
                continue;
            }
            let short = problem(response, 409, "insufficient_stock").await;
            // Refused only when fewer than three are left: after the third sale there is one.
            assert_eq!((&short["available"], &short["requested"]), (&json!(1), &json!(3)));
        }
        assert_eq!((sold, available(&shop, tea).await), (3, json!(1)));
    }

    async fn a_hundred_changes_of_one_order_are_one_path(db) {
        let shop = Shop::open(db.url()).await;
        for round in 0..3 {
            let tea = &product(&shop, json!([{ "available": 5 }])).await[0];
            let order = ok(place(&shop, &order_of(tea, 2)), 201).await;
            ok(transition(&shop, &order, "confirm", &json!({})), 200).await;
            let requests = (0..100).map(|n| match n % 3 {
                0 => transition(&shop, &order, "pay", &json!({ "payment_id": format!("pay_{round}_{n}"), "method": "card" })),
                1 => transition(&shop, &order, "cancel", &json!({ "reason": format!("reason {n}") })),
                _ => transition(&shop, &order, "ship", &json!({ "tracking": format!("t{n}"), "carrier": "c" })),
            });
            let mut won = Vec::new();
            for response in at_once(requests).await {
                let (status, body) = reported(response).await;
                match (status, body["code"].as_str()) {
                    (200, _) => won.push(body),
                    (409, Some("illegal_transition")) => assert!(body["allowed_transitions"].is_array()),
                    (409, Some("version_conflict")) => assert!(body["current_version"].as_i64().unwrap() > 2),
                    // Cancelling what was paid meanwhile needs the refund.
                    (422, Some("validation_failed")) => assert_eq!(body["errors"][0]["pointer"], "#/refund_id"),
                    _ => panic!("round {round}: {body:#}"),
                }
            }
            won.sort_by_key(|order| order["version"].as_i64());
            let states: Vec<_> = won.iter().map(|order| order["status"].as_str().unwrap()).collect();
            let steps = steps(&shop, &order).await;
            let path = match states.as_slice() {
                ["cancelled"] => vec!["cancel confirmed→cancelled"],
                ["paid"] => vec!["pay confirmed→paid"],
                ["paid", "shipped"] => vec!["pay confirmed→paid", "ship paid→shipped"],
                other => panic!("round {round}: {other:?}, {steps:?}"),
            };
            assert_eq!(steps[2..], path);
            let shown = ok(shop.admin(Method::GET, &format!("/orders/{}", id(&order))), 200).await;
            let last = won.last().unwrap();
            assert_eq!((&shown, &shown["version"]), (last, &json!(2 + states.len())));
            assert_eq!(available(&shop, tea).await, if states == ["cancelled"] { 5 } else { 3 });
        }
    }

    async fn one_key_is_one_order(db) {
        let shop = Shop::open(db.url()).await;
        let tea = &product(&shop, json!([{ "available": 100 }])).await[0];
        let keyed = |key: &str, order: &Value| place(&shop, order).header("idempotency-key", key);
        let order = order_of(tea, 1);
        let mut bodies: BTreeMap<String, usize> = BTreeMap::new();
        let mut fresh = 0;
        for response in at_once((0..50).map(|_| keyed("k1", &order))).await {
            if response.status() == 409 {
                problem(response, 409, "idempotency_in_flight").await;
                continue;
            }
            assert_eq!(response.status(), 201);
            fresh += usize::from(!response.headers().contains_key("idempotent-replayed"));
            *bodies.entry(response.text().await.unwrap()).or_default() += 1;
        }
        assert_eq!((fresh, bodies.len()), (1, 1), "{bodies:#?}");
        assert_eq!((all_orders(&shop).await.len(), available(&shop, tea).await), (1, json!(99)));

        let again = keyed("k1", &order).send().await.unwrap();
        assert_eq!(again.headers()["idempotent-replayed"], "true");
        assert_eq!(Some(&again.text().await.unwrap()), bodies.keys().next());
        problem(keyed("k1", &order_of(tea, 2)).send().await.unwrap(), 422, "idempotency_key_reused").await;
        ok(keyed("k2", &order), 201).await;

        // A refusal is not kept: with the same key it works once there is stock.
        let scarce = &product(&shop, json!([{ "available": 0 }])).await[0];
        let order = order_of(scarce, 1);
        problem(keyed("k3", &order).send().await.unwrap(), 409, "insufficient_stock").await;
        let path = format!("/variants/{}/stock", id(scarce));
        ok(shop.admin(Method::PUT, &path).json(&json!({ "quantity": 1 })), 200).await;
        ok(keyed("k3", &order), 201).await;
    }
}
