//! A buyer reads an order with its own secret and nothing else; the secret is shown once and never stored.

use super::*;
use rustok_test_app::problem;
use rustok_test_support::both_databases;

both_databases! {
    async fn an_order_opens_with_its_own_secret_only(db) {
        let shop = Shop::open(db.url()).await;
        let tea = &product(&shop, json!([{}])).await[0];
        // The answer is kept for whoever sends the key again, and tells nobody else.
        let place_again = || place(&shop, &order_of(tea, 1)).header("idempotency-key", "canary-key");
        let answer = place_again().send().await.unwrap();
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let (_, placed) = reported(answer).await;
        assert_eq!(ok(place_again(), 201).await, placed);
        let other = ok(place(&shop, &order_of(tea, 1)), 201).await;
        let secret = placed["secret"].as_str().unwrap();
        assert!(secret.starts_with("ros_") && secret.len() == 47, "{secret}");
        let path = format!("/api/store/v1/orders/{}", id(&placed));
        let read = || shop.request(Method::GET, &path);

        let answer = read().header("x-order-secret", secret).send().await.unwrap();
        let tag = answer.headers()["etag"].clone();
        assert_eq!(answer.headers()["cache-control"], "no-store");
        let (status, mut shown) = reported(answer).await;
        assert_eq!((status, &shown["id"]), (200, &placed["id"]));
        shown["secret"] = json!(secret);
        assert_eq!(shown, placed, "what was answered is what is read");
        let again = read().header("x-order-secret", secret).header("if-none-match", tag);
        assert_eq!(again.send().await.unwrap().status(), 304);

        let mut altered = secret.to_owned();
        altered.replace_range(10..11, if &secret[10..11] == "A" { "B" } else { "A" });
        let wrong = [
            read(),
            read().header("x-order-secret", ""),
            read().header("x-order-secret", altered),
            read().header("x-order-secret", other["secret"].as_str().unwrap()),
            read().header("x-order-secret", &shop.token),
            read().header("x-order-secret", secret).header("x-order-secret", secret),
            read().bearer_auth(&shop.token),
            shop.request(Method::GET, "/api/store/v1/orders/018f3b1c-0000-7000-8000-000000000001")
                .header("x-order-secret", secret),
        ];
        // In an address it is refused, and not repeated.
        let in_address = shop.request(Method::GET, &format!("{path}?secret={secret}")).send().await.unwrap();
        let refused = problem(in_address, 400, "invalid_query").await;
        assert!(!refused.to_string().contains(secret), "{refused:#}");
        let mut bodies = Vec::new();
        for request in wrong {
            let mut body = problem(request.send().await.unwrap(), 404, "order_not_found").await;
            for alone in ["trace_id", "instance"] {
                body[alone] = Value::Null;
            }
            bodies.push(body);
        }
        bodies.dedup();
        assert_eq!(bodies.len(), 1, "whether there is such an order is not told: {bodies:#?}");

        let admin = ok(shop.admin(Method::GET, &format!("/orders/{}", id(&placed))), 200).await;
        assert!(!admin.to_string().contains("secret"), "{admin:#}");
        for needle in [&secret[4..], "canary-key"] {
            if db.is_postgres() {
                let sql = format!("SELECT count(*) FROM idempotency_records r WHERE r::text LIKE '%{needle}%' \
                    OR position('{needle}'::bytea IN sealed_body) > 0");
                assert_eq!(db.superuser_count(&sql).await, 0, "the answer is kept in clear");
                assert_eq!(db.superuser_count("SELECT count(*) FROM idempotency_records").await, 1);
                continue;
            }
            for file in std::fs::read_dir(db.path().parent().unwrap()).unwrap() {
                let bytes = std::fs::read(file.unwrap().path()).unwrap();
                let found = bytes.windows(needle.len()).any(|window| window == needle.as_bytes());
                assert!(!found, "it is on the disk");
            }
        }
    }
}
