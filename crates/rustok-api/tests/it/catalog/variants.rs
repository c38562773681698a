//! Lists of variants in a patch: which variants they mean, and that counted stock is never lost by them.

use super::*;
use rustok_test_support::both_databases;

/// Patches the variants of a product.
async fn list(shop: &Shop, product: &Value, variants: Value) -> Response {
    patch(shop, &path("products", product), &json!({ "variants": variants })).await
}

async fn cancel(shop: &Shop, order: &Value) -> Value {
    let path = format!("{}/cancel", path("orders", order));
    let post = shop
        .admin(Method::POST, &path)
        .json(&json!({ "reason": "changed my mind" }));
    ok(post.send().await.unwrap(), StatusCode::OK).await
}

/// Two sizes, both counted, each with its SKU.
async fn counted(shop: &Shop) -> Value {
    let size = |sku: &str, size: &str, available: i64| {
        json!({ "sku": sku, "options": [size], "price": { "amount": "5" }, "compare_at_price": { "amount": "6" },
                "barcode": "4006381333931", "weight_grams": 100, "available": available, "allow_backorder": true })
    };
    let variants = [size("T-S", "S", 10), size("T-L", "L", 20)];
    create(
        shop,
        &json!({ "title": "Shirt", "status": "active", "options": ["Size"], "variants": variants }),
    )
    .await
}

both_databases! {
    async fn an_entry_without_an_id_is_the_variant_that_is_there(db) {
        let shop = Shop::open(db.url()).await;
        let only = json!({ "title": "Tea", "status": "active", "variants": [{ "price": { "amount": "1" }, "available": 10 }] });
        let made = create(&shop, &only).await;
        let variant = &made["variants"][0];
        let after = ok(list(&shop, &made, json!([{ "price": { "amount": "2" } }])).await, StatusCode::OK).await;
        assert_eq!((&after["variants"][0]["id"], &after["variants"][0]["available"]), (&variant["id"], &json!(10)));
        assert_eq!(after["variants"][0]["price"]["amount"], "2.00");
        problem(order(&shop, variant, 9_999).await, 409, "insufficient_stock").await;
        ok(order(&shop, variant, 10).await, StatusCode::CREATED).await;

        // By SKU with another option value, by options with another SKU, and each keeps what is not sent.
        let made = counted(&shop).await;
        let after = ok(list(&shop, &made, json!([
            { "sku": "T-L", "options": ["XL"] },
            { "id": null, "sku": "T-SMALL", "options": [" S "], "price": { "amount": "4" } },
        ])).await, StatusCode::OK).await;
        let (mut small, mut large) = (made["variants"][0].clone(), made["variants"][1].clone());
        (large["title"], large["options"]) = (json!("XL"), json!(["XL"]));
        (small["sku"], small["price"]["amount"]) = (json!("T-SMALL"), json!("4.00"));
        assert_eq!(after["variants"], json!([large, small]));
        // What is new beside them is new.
        let more = ok(list(&shop, &made, json!([
            { "sku": "T-L" }, { "sku": "T-SMALL" }, { "options": ["M"], "price": { "amount": "5" } },
        ])).await, StatusCode::OK).await;
        assert_eq!(more["variants"].as_array().unwrap().len(), 3);
        assert_eq!((&more["variants"][2]["available"], &more["variants"][1]["id"]), (&Value::Null, &small["id"]));
    }

    async fn what_is_ambiguous_is_refused(db) {
        let shop = Shop::open(db.url()).await;
        let made = counted(&shop).await;
        let small = &made["variants"][0]["id"];
        for (variants, expected) in [
            (json!([{ "sku": "T-S", "options": ["L"] }, { "sku": "T-L" }]), vec![refused("#/variants/0/options", "ambiguous")]),
            (json!([{ "id": small }, { "sku": "T-S" }, { "options": ["L"] }]), vec![refused("#/variants/1/sku", "duplicate")]),
            (json!([{ "sku": "T-L" }, { "options": ["L"] }, { "id": small }]), vec![refused("#/variants/1/options", "duplicate")]),
            (json!([{ "id": small }, { "id": small }]), vec![refused("#/variants/1/id", "duplicate")]),
            (json!([{ "sku": "T-S", "available": null }, { "sku": "T-L" }]), vec![refused("#/variants/0/available", "read_only")]),
            (json!([{ "sku": "T-S" }, { "sku": "T-L" }, { "options": ["M"], "deleted": true }]), vec![refused("#/variants/2/deleted", "unknown_variant")]),
            (json!([{ "sku": "T-S", "deleted": true }, { "sku": "T-L", "deleted": true }]), vec![refused("#/variants", "required")]),
        ] {
            let found = problem(list(&shop, &made, variants.clone()).await, 422, "validation_failed").await;
            assert_eq!(violations(&found), expected, "{variants}");
        }
        let unfit = problem(list(&shop, &made, json!([{ "id": "x", "sku": "T-S" }, { "sku": "T-L" }])).await, 422, "validation_failed").await;
        assert_eq!(unfit["errors"][0]["pointer"], "#/variants/0/id");
        let new = json!({ "title": "New", "variants": [{ "price": { "amount": "1" }, "deleted": true }] });
        let post = shop.admin(Method::POST, "/products").json(&new).send().await.unwrap();
        let found = violations(&problem(post, 422, "validation_failed").await);
        assert!(found.contains(&refused("#/variants/0/deleted", "unknown_variant")), "{found:?}");
        let twice = json!([{ "sku": "T", "options": ["S"] }, { "sku": "T", "options": ["L"] }]);
        ok(list(&shop, &made, json!([{ "id": small, "sku": "T" }, { "sku": "T-L" }])).await, StatusCode::OK).await;
        ok(list(&shop, &made, json!([{ "id": small }, { "sku": "T-L", "id": made["variants"][1]["id"] }])).await, StatusCode::OK).await;
        let path = path("variants", &made["variants"][1]);
        patched(&shop, &path, &json!({ "sku": "T" })).await;
        ok(list(&shop, &made, twice).await, StatusCode::OK).await;
        let found = problem(list(&shop, &made, json!([{ "sku": "T" }, { "id": small }])).await, 422, "validation_failed").await;
        assert_eq!(violations(&found), [refused("#/variants/0/sku", "ambiguous")]);
    }

    async fn a_counted_variant_goes_only_by_name(db) {
        let shop = Shop::open(db.url()).await;
        let made = counted(&shop).await;
        let [small, large] = [&made["variants"][0], &made["variants"][1]];
        for variants in [json!([{ "sku": "T-S" }]), json!([{ "sku": "T-S" }, { "options": ["M"], "price": { "amount": "1" } }])] {
            let refused = problem(list(&shop, &made, variants).await, 409, "variant_in_use").await;
            assert_eq!(refused["variants"], json!([large["id"]]));
        }
        let path = super::path("products", &made);
        let none = patch(&shop, &path, &json!({ "variants": null, "options": null })).await;
        assert_eq!(problem(none, 409, "variant_in_use").await["variants"], json!([small["id"], large["id"]]));
        assert_eq!(ok(get(&shop, &path).await, StatusCode::OK).await, made);

        let after = ok(list(&shop, &made, json!([
            { "sku": "T-L", "deleted": true },
            { "options": ["M"], "price": { "amount": "1" } },
            { "sku": "T-S" },
        ])).await, StatusCode::OK).await;
        assert_eq!(after["options"][0]["values"], json!(["M", "S"]));
        // One whose stock nobody counts may just be left out.
        let after = ok(list(&shop, &made, json!([{ "id": small["id"] }])).await, StatusCode::OK).await;
        assert_eq!(after["variants"], json!([small]));
        // A variant that is gone by now is no variant.
        let again = problem(list(&shop, &made, json!([{ "id": large["id"], "deleted": true }, { "id": small["id"] }])).await, 422, "validation_failed").await;
        assert_eq!(violations(&again), [refused("#/variants/0/id", "unknown_id")]);
    }

    async fn orders_of_what_was_deleted_are_cancelled_like_others(db) {
        let shop = Shop::open(db.url()).await;
        let made = counted(&shop).await;
        let [small, large] = [&made["variants"][0], &made["variants"][1]];
        let placed = ok(order(&shop, large, 3).await, StatusCode::CREATED).await;
        ok(list(&shop, &made, json!([{ "id": small["id"] }, { "id": large["id"], "deleted": true }])).await, StatusCode::OK).await;
        assert_eq!(cancel(&shop, &placed).await["status"], "cancelled");

        // A product that is deleted takes its stock along and brings it back, with what orders gave back meanwhile.
        let placed = ok(order(&shop, small, 4).await, StatusCode::CREATED).await;
        let path = super::path("products", &made);
        assert_eq!(shop.admin(Method::DELETE, &path).send().await.unwrap().status(), StatusCode::NO_CONTENT);
        cancel(&shop, &placed).await;
        let undelete = shop.admin(Method::POST, &format!("{path}/undelete")).send().await.unwrap();
        let back = ok(undelete, StatusCode::OK).await;
        assert_eq!((&back["variants"][0]["id"], &back["variants"][0]["available"]), (&small["id"], &json!(10)));
        assert_eq!(back["variants"].as_array().unwrap().len(), 1);
    }
}
