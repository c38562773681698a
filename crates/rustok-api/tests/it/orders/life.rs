//! From placed to delivered or cancelled: what is allowed, what is refused and how it is told, and by whom.

use super::*;
use rustok_core::clock::Timestamp;
use rustok_test_app::{problem, tenant, token};
use rustok_test_support::both_databases;

both_databases! {
    async fn an_order_lives_from_placed_to_delivered(db) {
        let shop = Shop::open(db.url()).await;
        let tea = &product(&shop, json!([{ "sku": "TEA-1", "available": 10 }])).await[0];
        let placed = place(&shop, &order_of(tea, 3)).send().await.unwrap();
        let location = placed.headers()["location"].to_str().unwrap().to_owned();
        let placed: Value = placed.json().await.unwrap();
        assert_eq!(location, format!("/api/store/v1/orders/{}", id(&placed)));
        assert_eq!(placed["status"], "pending");
        assert_eq!(placed["total"], json!({ "amount": "16.50", "currency": "USD" }));
        let line = &placed["lines"][0];
        assert_eq!((&line["sku"], &line["quantity"]), (&json!("TEA-1"), &json!(3)));
        assert_eq!(line["unit_price"], json!({ "amount": "5.50", "currency": "USD" }));
        assert_eq!(available(&shop, tea).await, 7);

        let shown = ok(shop.admin(Method::GET, &format!("/orders/{}", id(&placed))), 200).await;
        assert_eq!(shown["allowed_transitions"], json!(["confirm", "cancel"]));
        assert_eq!((&shown["payment"], &shown["fulfilment"]), (&Value::Null, &Value::Null));
        assert!(shown["expires_at"].is_string() && shown.get("secret").is_none(), "{shown:#}");

        let early = transition(&shop, &placed, "ship", &json!({ "tracking": "T", "carrier": "C" }));
        let early = problem(early.send().await.unwrap(), 409, "illegal_transition").await;
        assert_eq!((&early["current_state"], &early["kind"]), (&json!("pending"), &json!("business_rule")));
        assert_eq!(early["allowed_transitions"], json!(["confirm", "cancel"]));

        let confirmed = ok(transition(&shop, &placed, "confirm", &json!({})), 200).await;
        assert_eq!(confirmed["allowed_transitions"], json!(["pay", "cancel"]));
        assert_eq!(confirmed["version"], 2);
        // Seven days for the payment unless the tenant's settings say otherwise, then no end.
        let time = |text: &Value| text.as_str().unwrap().parse::<Timestamp>().unwrap();
        let waits = time(&confirmed["expires_at"]).duration_since(time(&confirmed["updated_at"]));
        assert_eq!(waits.as_secs(), 7 * 24 * 3_600);
        let paid = ok(transition(&shop, &placed, "pay", &json!({ "payment_id": "pay_123", "method": "card" })), 200).await;
        assert_eq!((&paid["payment"]["payment_id"], &paid["payment"]["method"]), (&json!("pay_123"), &json!("card")));
        assert_eq!(paid["expires_at"], Value::Null);
        let ship = transition(&shop, &placed, "ship", &json!({ "tracking": "TRACK123", "carrier": "FedEx" }));
        let shipped = ship.send().await.unwrap();
        let tag = shipped.headers()["etag"].clone();
        let shipped = reported(shipped).await.1;
        assert_eq!((&shipped["status"], &shipped["fulfilment"]["carrier"]), (&json!("shipped"), &json!("FedEx")));
        let again = shop.admin(Method::GET, &format!("/orders/{}", id(&placed))).header("if-none-match", tag);
        assert_eq!(again.send().await.unwrap().status(), 304, "a transition's tag is the order's");
        let late = transition(&shop, &placed, "cancel", &json!({ "reason": "too late", "refund_id": "re_1" }));
        let late = problem(late.send().await.unwrap(), 409, "illegal_transition").await;
        assert_eq!(late["allowed_transitions"], json!(["deliver"]));

        let delivered = ok(transition(&shop, &placed, "deliver", &json!({ "signature": "Jane Roe" })), 200).await;
        assert_eq!((&delivered["status"], &delivered["version"]), (&json!("delivered"), &json!(5)));
        assert_eq!(delivered["fulfilment"]["signature"], "Jane Roe");
        assert_eq!(delivered["allowed_transitions"], json!([]));
        let steps = steps(&shop, &placed).await;
        let expected = ["place -→pending", "confirm pending→confirmed", "pay confirmed→paid", "ship paid→shipped",
            "deliver shipped→delivered"];
        assert_eq!(steps, expected);
        assert_eq!(available(&shop, tea).await, 7);
    }

    async fn cancelling_gives_stock_back_once(db) {
        let shop = Shop::open(db.url()).await;
        let variants = product(&shop, json!([{ "available": 10 }, { "available": 5 }, {}])).await;
        let lines: Vec<_> = variants.iter().map(|v| json!({ "variant_id": v["id"], "quantity": 4 })).collect();
        let order = json!({ "email": "a@b.c", "currency": "USD", "lines": lines });
        let placed = ok(place(&shop, &order), 201).await;
        assert_eq!(available(&shop, &variants[0]).await, 6);

        let blank = transition(&shop, &placed, "cancel", &json!({ "reason": " " }));
        let blank = problem(blank.send().await.unwrap(), 422, "validation_failed").await;
        assert_eq!(blank["errors"][0]["pointer"], "#/reason");
        let refund = transition(&shop, &placed, "cancel", &json!({ "reason": "no", "refund_id": "re_1" }));
        let refund = problem(refund.send().await.unwrap(), 422, "validation_failed").await;
        assert_eq!(refund["errors"][0]["pointer"], "#/refund_id");

        let cancelled = ok(transition(&shop, &placed, "cancel", &json!({ "reason": "changed my mind" })), 200).await;
        assert_eq!(cancelled["cancellation"]["reason"], "changed my mind");
        for _ in 0..2 {
            let again = transition(&shop, &placed, "cancel", &json!({ "reason": "again" }));
            let again = problem(again.send().await.unwrap(), 409, "illegal_transition").await;
            assert_eq!((&again["current_state"], &again["allowed_transitions"]), (&json!("cancelled"), &json!([])));
        }
        for (variant, left) in variants.iter().zip([json!(10), json!(5), Value::Null]) {
            assert_eq!(available(&shop, variant).await, left);
        }
        let history = ok(shop.admin(Method::GET, &format!("/orders/{}/history", id(&placed))), 200).await;
        assert_eq!(history["items"][1]["reason"], "changed my mind");
        assert!(history["items"][1]["actor"].as_str().unwrap().starts_with("token:"));
    }

    async fn a_paid_order_is_cancelled_with_its_refund_only(db) {
        let shop = Shop::open(db.url()).await;
        let tea = &product(&shop, json!([{ "available": 2 }])).await[0];
        let placed = ok(place(&shop, &order_of(tea, 2)), 201).await;
        // A transition that needs nothing needs no body.
        ok(shop.admin(Method::POST, &format!("/orders/{}/confirm", id(&placed))), 200).await;
        let unfit = transition(&shop, &placed, "pay", &json!({ "payment_id": "", "method": "x".repeat(256) }));
        let unfit = problem(unfit.send().await.unwrap(), 422, "validation_failed").await;
        let pointers: Vec<_> = unfit["errors"].as_array().unwrap().iter().map(|e| e["pointer"].clone()).collect();
        assert_eq!(pointers, ["#/payment_id", "#/method"]);
        ok(transition(&shop, &placed, "pay", &json!({ "payment_id": "pay_1", "method": "card" })), 200).await;

        let bare = transition(&shop, &placed, "cancel", &json!({ "reason": "broken" }));
        let bare = problem(bare.send().await.unwrap(), 422, "validation_failed").await;
        assert_eq!(bare["errors"][0]["pointer"], "#/refund_id");
        assert_eq!(available(&shop, tea).await, 0);
        let whole = transition(&shop, &placed, "cancel", &json!({ "reason": "broken", "refund_id": "re_1" }));
        let cancelled = ok(whole, 200).await;
        assert_eq!(cancelled["cancellation"]["refund_id"], "re_1");
        assert_eq!(cancelled["payment"]["payment_id"], "pay_1");
        assert_eq!(available(&shop, tea).await, 2);
    }

    async fn a_payment_pays_one_order_and_a_refund_gives_one_back(db) {
        let shop = Shop::open(db.url()).await;
        let tea = &product(&shop, json!([{ "available": 9 }])).await[0];
        let mut orders = Vec::new();
        for _ in 0..4 {
            let placed = ok(place(&shop, &order_of(tea, 1)), 201).await;
            ok(transition(&shop, &placed, "confirm", &json!({})), 200).await;
            orders.push(placed);
        }
        let pay = |order, id: &str, method: &str| {
            transition(&shop, order, "pay", &json!({ "payment_id": id, "method": method }))
        };
        let cancel = |order, id: &str| transition(&shop, order, "cancel", &json!({ "reason": "r", "refund_id": id }));
        ok(pay(&orders[0], "pay_1", "card"), 200).await;
        // The same for the same order stays what it was: the order is paid.
        problem(pay(&orders[0], "pay_1", "card").send().await.unwrap(), 409, "illegal_transition").await;
        for (payment, method) in [("pay_1", "card"), ("pay_1", "CARD"), (" pay_1", "card "), ("pay_1 ", "Card")] {
            let used = pay(&orders[1], payment, method).send().await.unwrap();
            let used = problem(used, 409, "used_for_another_order").await;
            assert_eq!(used["errors"][0]["pointer"], "#/payment_id", "{used:#}");
        }
        let still = ok(shop.admin(Method::GET, &format!("/orders/{}", id(&orders[1]))), 200).await;
        assert_eq!((&still["status"], &still["version"]), (&json!("confirmed"), &json!(2)));
        // Another method is another payment, and another provider's id too.
        ok(pay(&orders[1], "pay_1", "cash"), 200).await;
        ok(pay(&orders[2], "PAY_1", "card"), 200).await;
        ok(pay(&orders[3], "pay_2", "card"), 200).await;

        ok(cancel(&orders[0], "re_1"), 200).await;
        ok(cancel(&orders[1], "re_1"), 200).await;
        let used = problem(cancel(&orders[2], "re_1 ").send().await.unwrap(), 409, "used_for_another_order").await;
        assert_eq!(used["errors"][0]["pointer"], "#/refund_id");
        assert_eq!(available(&shop, tea).await, 7, "a refused refund gives no stock back");
        ok(cancel(&orders[2], "re_2"), 200).await;

        // What was refunded was paid all the same, and another tenant knows nothing of it.
        let placed = ok(place(&shop, &order_of(tea, 1)), 201).await;
        ok(transition(&shop, &placed, "confirm", &json!({})), 200).await;
        problem(pay(&placed, "pay_1", "card").send().await.unwrap(), 409, "used_for_another_order").await;
        let token = tenant(&shop.server, "shop2", "admin").await;
        let Shop { server, client, .. } = shop;
        let other = Shop { server, client, slug: "shop2", token };
        let tea = &product(&other, json!([{ "available": 9 }])).await[0];
        let placed = ok(place(&other, &order_of(tea, 1)), 201).await;
        ok(transition(&other, &placed, "confirm", &json!({})), 200).await;
        ok(transition(&other, &placed, "pay", &json!({ "payment_id": "pay_1", "method": "card" })), 200).await;
        ok(transition(&other, &placed, "cancel", &json!({ "reason": "r", "refund_id": "re_1" })), 200).await;
    }

    async fn only_an_admin_changes_orders(db) {
        let shop = Shop::open(db.url()).await;
        let tea = &product(&shop, json!([{}])).await[0];
        let placed = ok(place(&shop, &order_of(tea, 1)), 201).await;
        let bodies = [
            ("confirm", json!({})),
            ("pay", json!({ "payment_id": "p", "method": "m" })),
            ("ship", json!({ "tracking": "t", "carrier": "c" })),
            ("deliver", json!({})),
            ("cancel", json!({ "reason": "r" })),
        ];
        let path = format!("/api/admin/v1/orders/{}", id(&placed));
        for role in ["viewer", "editor"] {
            let token = token(&shop.server, "shop1", role).await;
            for (name, body) in &bodies {
                let denied = shop.request(Method::POST, &format!("{path}/{name}")).bearer_auth(&token).json(body);
                problem(denied.send().await.unwrap(), 403, "forbidden").await;
            }
            for path in [path.clone(), format!("{path}/history"), "/api/admin/v1/orders".to_owned()] {
                ok(shop.request(Method::GET, &path).bearer_auth(&token), 200).await;
            }
        }
        for (name, body) in &bodies {
            let nobody = shop.request(Method::POST, &format!("{path}/{name}")).json(body);
            problem(nobody.send().await.unwrap(), 401, "unauthenticated").await;
        }
        assert_eq!(steps(&shop, &placed).await, ["place -→pending"]);
    }

    async fn lists_are_filtered_and_paged_newest_first(db) {
        let shop = Shop::open(db.url()).await;
        let tea = &product(&shop, json!([{}])).await[0];
        let mut placed = Vec::new();
        for n in 0..5 {
            let mut order = order_of(tea, 1);
            order["email"] = json!(format!("Buyer{}@Example.com", n % 2));
            placed.push(ok(place(&shop, &order), 201).await);
        }
        for n in [1, 3] {
            ok(transition(&shop, &placed[n], "confirm", &json!({})), 200).await;
        }
        let mut newest: Vec<_> = placed.iter().map(|order| order["id"].clone()).collect();
        newest.sort_by_key(|id| std::cmp::Reverse(id.as_str().unwrap().to_owned()));
        let ids = async |query: &str| -> Vec<Value> {
            let page = ok(shop.admin(Method::GET, &format!("/orders{query}")), 200).await;
            page["items"].as_array().unwrap().iter().map(|order| order["id"].clone()).collect()
        };
        assert_eq!(ids("").await, newest);
        let first = ok(shop.admin(Method::GET, "/orders?limit=3"), 200).await;
        assert_eq!(first["items"].as_array().unwrap().len(), 3);
        assert_eq!(first["items"][0]["lines"][0]["quantity"], 1);
        let after = format!("?limit=3&after={}", first["next_cursor"].as_str().unwrap());
        assert_eq!(ids(&after).await, newest[3..]);
        assert_eq!(ids("?status=confirmed").await.len(), 2);
        assert_eq!(ids("?email=buyer0@example.com").await.len(), 3);
        assert_eq!(ids("?status=confirmed&email=BUYER1@example.com&created_after=2020-01-01").await.len(), 2);
        assert_eq!(ids("?email=nobody@example.com").await.len(), 0);
        assert_eq!(ids("?created_before=2020-01-01T00:00:00Z").await.len(), 0);
        let numbers: Vec<_> = placed.iter().map(|order| order["number"].as_i64().unwrap()).collect();
        assert_eq!(numbers, [1001, 1002, 1003, 1004, 1005]);
        for number in ["1002", "%231002"] {
            assert_eq!(ids(&format!("?number={number}")).await, [placed[1]["id"].clone()]);
        }
        assert_eq!(ids("?number=1002&status=confirmed&email=buyer1@example.com&created_after=2020-01-01").await.len(), 1);
        for other in ["status=paid", "email=buyer1@example.com", "created_before=2020-01-01", "created_after=2999-01-01", &after[1..]] {
            assert_eq!(ids(&format!("?number=1005&{other}")).await.len(), 0, "{other}");
        }
        assert_eq!(first["items"][0]["source"], "storefront");
        assert_eq!(first["items"][0]["adjustments"], json!([]));
        for (query, pointer) in [("?status=lost", "?status"), ("?email=x", "?email"), ("?created_after=soon", "?created_after"),
            ("?limit=0", "?limit"), ("?after=zzz", "?after"), ("?number=0", "?number"), ("?number=one", "?number")]
        {
            let refused = shop.admin(Method::GET, &format!("/orders{query}")).send().await.unwrap();
            let refused = problem(refused, 422, "validation_failed").await;
            assert!(refused["errors"][0]["pointer"].as_str().unwrap().ends_with(pointer), "{refused:#}");
        }
        let unknown = shop.admin(Method::GET, "/orders?colour=red").send().await.unwrap();
        problem(unknown, 400, "invalid_query").await;
    }
}
