//! Placing an order: prices and stock are the shop's, and everything that is wrong is told at its place.

use super::*;
use rustok_test_app::{errors, problem, tenant};
use rustok_test_support::both_databases;

async fn refused(request: RequestBuilder) -> Vec<String> {
    errors(&problem(request.send().await.unwrap(), 422, "validation_failed").await)
}

both_databases! {
    async fn a_request_cannot_name_a_price(db) {
        let shop = Shop::open(db.url()).await;
        let tea = &product(&shop, json!([{ "available": 5 }])).await[0];
        let mut order = order_of(tea, 1);
        order["lines"][0]["unit_price"] = json!({ "amount": "0.01", "currency": "USD" });
        assert_eq!(refused(place(&shop, &order)).await, ["#/lines/0/unit_price unknown_member"]);
        let mut order = order_of(tea, 1);
        order["total"] = json!({ "amount": "0.01", "currency": "USD" });
        assert_eq!(refused(place(&shop, &order)).await, ["#/total unknown_member"]);
        assert_eq!(available(&shop, tea).await, 5);
    }

    async fn a_total_that_nobody_saw_is_not_ordered(db) {
        let shop = Shop::open(db.url()).await;
        let tea = &product(&shop, json!([{ "sku": "TEA", "available": 9 }])).await[0];
        let with = |total: Value| {
            let mut order = order_of(tea, 2);
            order["expected_total"] = total;
            order
        };
        let dollars = |amount: &str| json!({ "amount": amount, "currency": "USD" });
        let refused_now = problem(place(&shop, &with(dollars("10.99"))).send().await.unwrap(), 409, "total_changed").await;
        assert_eq!(refused_now["total"], json!({ "amount": "11.00", "currency": "USD" }));
        assert_eq!(errors(&refused_now), ["#/expected_total total_changed"]);
        assert_eq!((available(&shop, tea).await, all_orders(&shop).await.len()), (json!(9), 0));
        // The price goes up between the look and the order.
        let path = format!("/variants/{}", id(tea));
        let dearer = json!({ "price": { "amount": "6.00" } });
        ok(shop.admin(Method::PATCH, &path).header("if-match", "*").json(&dearer), 200).await;
        let refused_now = problem(place(&shop, &with(dollars("11.00"))).send().await.unwrap(), 409, "total_changed").await;
        assert_eq!(refused_now["total"]["amount"], "12.00");
        for (total, pointer) in [
            (json!({ "amount": "12.00", "currency": "EUR" }), "#/expected_total/currency currency_mismatch"),
            (json!({ "amount": "twelve" }), "#/expected_total/amount not_a_number"),
            (json!({ "amount": "12.001" }), "#/expected_total/amount too_many_decimals"),
        ] {
            assert_eq!(refused(place(&shop, &with(total))).await, [pointer]);
        }
        for total in [dollars("12.00"), json!({ "amount": "12" }), Value::Null] {
            assert_eq!(ok(place(&shop, &with(total)), 201).await["total"]["amount"], "12.00");
        }
    }

    async fn one_address_is_one_customer(db) {
        let shop = Shop::open(db.url()).await;
        let tea = &product(&shop, json!([{ "sku": "TEA" }])).await[0];
        for (written, stored) in [
            ("Jane@MÜNCHEN.de", "jane@münchen.de"),
            ("jane@xn--mnchen-3ya.de", "jane@münchen.de"),
            ("jane@mu\u{308}nchen.de", "jane@münchen.de"),
        ] {
            let mut order = order_of(tea, 1);
            order["email"] = json!(written);
            assert_eq!(ok(place(&shop, &order), 201).await["email"], stored);
        }
        let url = reqwest::Url::parse_with_params("http://localhost/", [("email", "JANE@xn--mnchen-3ya.de")]).unwrap();
        let found = ok(shop.admin(Method::GET, &format!("/orders?{}", url.query().unwrap())), 200).await;
        assert_eq!(found["items"].as_array().unwrap().len(), 3);
        for wrong in ["ja\u{200b}ne@example.com", "jane@exam\u{ad}ple.com", "\u{202e}jane@example.com", "jane@exa_mple.com",
            "jane@-a.com", "jane@xn--a.com"] {
            let mut order = order_of(tea, 1);
            order["email"] = json!(wrong);
            assert_eq!(refused(place(&shop, &order)).await, ["#/email invalid_email"], "{wrong:?}");
        }
    }

    async fn every_line_names_one_variant_that_can_be_bought(db) {
        let shop = Shop::open(db.url()).await;
        let twin = json!([{ "sku": "TWIN" }, { "sku": "TWIN" }, { "sku": "ONE" },
            { "sku": "EUR", "price": { "amount": "1.00", "currency": "EUR" } }]);
        let variants = product(&shop, twin).await;
        let draft = product_with(&shop, json!([{ "sku": "DRAFT" }]), json!({ "status": "draft" })).await;
        let archived = product_with(&shop, json!([{ "sku": "OLD" }]), json!({ "status": "archived" })).await;
        let lines = json!([
            { "sku": "TWIN", "quantity": 1 },
            { "sku": "ONE", "quantity": 1 },
            { "variant_id": draft[0]["id"], "quantity": 1 },
            { "sku": "OLD", "quantity": 1 },
            { "variant_id": "018f3b1c-0000-7000-8000-000000000001", "quantity": 1 },
            { "sku": "EUR", "quantity": 1 },
            { "variant_id": archived[0]["id"], "quantity": 1 },
        ]);
        let order = json!({ "email": "a@b.c", "currency": "USD", "lines": lines });
        let expected = ["#/lines/0/sku ambiguous", "#/lines/2/variant_id variant_not_found",
            "#/lines/3/sku variant_not_found", "#/lines/4/variant_id variant_not_found", "#/lines/5/sku not_priced",
            "#/lines/6/variant_id variant_not_found"];
        assert_eq!(refused(place(&shop, &order)).await, expected);

        let bad = json!({ "email": "nobody", "currency": "usd", "lines": [
            { "variant_id": "7", "quantity": 0 }, { "quantity": 1 },
            { "sku": "ONE", "variant_id": variants[2]["id"], "quantity": 10_001 }] });
        let expected = ["#/email invalid_email", "#/currency unknown_currency", "#/lines/0/quantity out_of_range",
            "#/lines/0/variant_id invalid_uuid", "#/lines/1 required", "#/lines/2/quantity out_of_range",
            "#/lines/2 ambiguous"];
        assert_eq!(refused(place(&shop, &bad)).await, expected);
        let none = json!({ "email": "a@b.c", "currency": "USD", "lines": [] });
        assert_eq!(refused(place(&shop, &none)).await, ["#/lines required"]);
        assert_eq!(all_orders(&shop).await.len(), 0);
    }

    async fn lines_of_one_variant_become_one(db) {
        let shop = Shop::open(db.url()).await;
        let tea = &product(&shop, json!([{ "sku": "TEA", "available": 9 }])).await[0];
        let lines = json!([{ "sku": "TEA", "quantity": 2 }, { "variant_id": tea["id"], "quantity": 3 }]);
        let placed = ok(place(&shop, &json!({ "email": "a@b.c", "currency": "USD", "lines": lines })), 201).await;
        assert_eq!(placed["lines"].as_array().unwrap().len(), 1);
        assert_eq!((&placed["lines"][0]["quantity"], &placed["total"]["amount"]), (&json!(5), &json!("27.50")));
        assert_eq!(available(&shop, tea).await, 4);
        let lines = json!([{ "sku": "TEA", "quantity": 2 }, { "variant_id": tea["id"], "quantity": 3 }]);
        let short = place(&shop, &json!({ "email": "a@b.c", "currency": "USD", "lines": lines }));
        let short = problem(short.send().await.unwrap(), 409, "insufficient_stock").await;
        assert_eq!((&short["available"], &short["requested"]), (&json!(4), &json!(5)));
        assert_eq!(short["variant_id"], tea["id"]);
    }

    async fn uncounted_stock_never_ends_and_backorders_go_below_zero(db) {
        let shop = Shop::open(db.url()).await;
        let variants = product(&shop, json!([{}, { "available": 1, "allow_backorder": true }])).await;
        ok(place(&shop, &order_of(&variants[0], 10_000)), 201).await;
        let placed = ok(place(&shop, &order_of(&variants[1], 4)), 201).await;
        assert_eq!(available(&shop, &variants[0]).await, Value::Null);
        assert_eq!(available(&shop, &variants[1]).await, -3);
        ok(transition(&shop, &placed, "cancel", &json!({ "reason": "r" })), 200).await;
        assert_eq!(available(&shop, &variants[1]).await, 1);
    }

    async fn an_order_of_a_hundred_variants_is_placed_and_cancelled(db) {
        let shop = Shop::open(db.url()).await;
        let many: Vec<_> = (0..100).map(|_| json!({ "available": 3 })).collect();
        let variants = product(&shop, json!(many)).await;
        let lines: Vec<_> = variants.iter().map(|v| json!({ "variant_id": v["id"], "quantity": 2 })).collect();
        let order = json!({ "email": "a@b.c", "currency": "USD", "lines": lines });
        let placed = ok(place(&shop, &order), 201).await;
        assert_eq!((placed["lines"].as_array().unwrap().len(), &placed["total"]["amount"]), (100, &json!("1100.00")));
        let short = problem(place(&shop, &order).send().await.unwrap(), 409, "insufficient_stock").await;
        assert_eq!((&short["available"], &short["requested"]), (&json!(1), &json!(2)));
        ok(transition(&shop, &placed, "cancel", &json!({ "reason": "r" })), 200).await;
        for variant in &variants {
            assert_eq!(available(&shop, variant).await, 3);
        }
    }

    async fn another_tenants_things_are_unknown(db) {
        let shop = Shop::open(db.url()).await;
        let other_token = tenant(&shop.server, "shop2", "admin").await;
        let tea = &product(&shop, json!([{ "sku": "TEA", "available": 5 }])).await[0];
        let placed = ok(place(&shop, &order_of(tea, 1)), 201).await;

        let theirs = |order: &Value| shop.request_to("shop2", Method::POST, "/api/store/v1/orders").json(order);
        assert_eq!(refused(theirs(&order_of(tea, 1))).await, ["#/lines/0/variant_id variant_not_found"]);
        let by_sku = json!({ "email": "a@b.c", "currency": "USD", "lines": [{ "sku": "TEA", "quantity": 1 }] });
        assert_eq!(refused(theirs(&by_sku)).await, ["#/lines/0/sku variant_not_found"]);
        assert_eq!(available(&shop, tea).await, 4);

        let path = format!("/api/admin/v1/orders/{}", id(&placed));
        for (method, path) in [(Method::GET, path.clone()), (Method::GET, format!("{path}/history")),
            (Method::POST, format!("{path}/confirm"))]
        {
            let from_there = shop.request_to("shop2", method.clone(), &path).bearer_auth(&other_token);
            problem(from_there.send().await.unwrap(), 404, "order_not_found").await;
            let with_ours = shop.request_to("shop2", method, &path).bearer_auth(&shop.token);
            problem(with_ours.send().await.unwrap(), 401, "unauthenticated").await;
        }
        let list = shop.request_to("shop2", Method::GET, "/api/admin/v1/orders").bearer_auth(&other_token);
        assert_eq!(ok(list, 200).await["items"], json!([]));
        let secret = shop.request_to("shop2", Method::GET, &format!("/api/store/v1/orders/{}", id(&placed)));
        let secret = secret.header("x-order-secret", placed["secret"].as_str().unwrap());
        problem(secret.send().await.unwrap(), 404, "order_not_found").await;
        let gone = shop.admin(Method::GET, "/orders/not-an-id").send().await.unwrap();
        problem(gone, 404, "not_found").await;
    }
}
