//! Strangers who order to empty the shelves, and never pay.

use super::*;
use rustok_http::settings::HttpSettings;
use rustok_test_app::{Setup, errors, problem};
use rustok_test_support::both_databases;

/// An order of somebody, from somewhere.
async fn ordered(shop: &Shop, email: &str, from: &str, variant: &Value, quantity: i64) -> Response {
    let mut order = order_of(variant, quantity);
    order["email"] = json!(email);
    let request = place(shop, &order).header("x-forwarded-for", from);
    request.send().await.unwrap()
}

both_databases! {
    async fn nobody_holds_more_pieces_than_he_may(db) {
        let http = HttpSettings { trusted_proxies: vec!["127.0.0.0/8".parse().unwrap()], ..HttpSettings::default() };
        let shop = Shop::open_with(db.url(), Setup { http, ..Setup::default() }).await;
        let variants = json!([{ "available": 100_000 }, {}]);
        let made = product(&shop, variants).await;
        let (counted, endless) = (&made[0], &made[1]);
        let too_many = ordered(&shop, "a@example.com", "203.0.113.1", counted, 1_001).await;
        let refused = problem(too_many, 422, "validation_failed").await;
        assert_eq!(errors(&refused), ["#/lines too_many_pieces"]);
        // Nobody waits for pieces that are not counted.
        assert_eq!(ordered(&shop, "a@example.com", "203.0.113.1", endless, 9_000).await.status(), 201);
        let first = ordered(&shop, "a@example.com", "203.0.113.1", counted, 600).await;
        let first: Value = first.json().await.unwrap();
        // The same address of e-mail, from anywhere; the same network, under any address of e-mail.
        for (email, from) in [("a@example.com", "203.0.113.2"), ("A@Example.com", "203.0.113.3"), ("b@example.com", "203.0.113.1")] {
            let answer = ordered(&shop, email, from, counted, 401).await;
            problem(answer, 409, "too_many_pending_pieces").await;
        }
        assert_eq!(ordered(&shop, "b@example.com", "203.0.113.1", counted, 400).await.status(), 201);
        problem(ordered(&shop, "c@example.com", "203.0.113.1", counted, 1).await, 409, "too_many_pending_pieces").await;
        assert_eq!(ordered(&shop, "c@example.com", "203.0.113.9", counted, 1_000).await.status(), 201);
        // All hosts of a subscriber are one network.
        assert_eq!(ordered(&shop, "d@example.com", "2001:db8::1", counted, 1_000).await.status(), 201);
        problem(ordered(&shop, "e@example.com", "2001:db8::2", counted, 1).await, 409, "too_many_pending_pieces").await;
        // What is confirmed is the shop's to wait for.
        ok(transition(&shop, &first, "confirm", &json!({})), 200).await;
        assert_eq!(ordered(&shop, "a@example.com", "203.0.113.1", counted, 600).await.status(), 201);
        assert_eq!(available(&shop, counted).await, json!(100_000 - 600 - 400 - 1_000 - 1_000 - 600));
    }
}
