//! Stock as it was counted, and what it means for tags.

use super::*;
use rustok_test_support::both_databases;

both_databases! {
    async fn a_count_starts_tracking_and_changes_the_tag(db) {
        let shop = Shop::open(db.url()).await;
        let made = create(&shop, &tea()).await;
        let large = &made["variants"][1];
        let (admin, shown) = (path("products", &made), "/products/green-tea");
        let (admin_tag, store_tag) = (etag(&get(&shop, &admin).await), etag(&store(&shop, shown).await));
        let unless = |tag: &str| {
            shop.request(Method::GET, &format!("/api/store/v1{shown}")).header("if-none-match", tag).send()
        };
        let same = unless(&store_tag).await.unwrap();
        assert_eq!((same.status(), etag(&same)), (StatusCode::NOT_MODIFIED, store_tag.clone()));
        assert_eq!(same.bytes().await.unwrap().len(), 0);

        let set = ok(set_stock(&shop, large, json!({ "quantity": 12 })).await, StatusCode::OK).await;
        assert_eq!((&set["available"], &set["allow_backorder"], &set["version"]), (&json!(12), &json!(false), &json!(1)));
        assert_eq!(unless(&store_tag).await.unwrap().status(), StatusCode::OK);
        let read = get(&shop, &admin).await;
        assert_ne!(etag(&read), admin_tag);
        assert_eq!(ok(read, StatusCode::OK).await["variants"][1]["available"], 12);
        // Stock is no part of the version: whoever read before may still change the rest.
        let edit = shop.admin(Method::PATCH, &admin).header("if-match", admin_tag).json(&json!({ "title": "Sencha" }));
        let edited = ok(edit.send().await.unwrap(), StatusCode::OK).await;
        assert_eq!((&edited["version"], &edited["variants"][1]["available"]), (&json!(2), &json!(12)));

        let zero = ok(set_stock(&shop, large, json!({ "quantity": 0 })).await, StatusCode::OK).await;
        assert_eq!(zero["available"], 0);
        assert_eq!(ok(store(&shop, shown).await, StatusCode::OK).await["variants"][1]["available"], 0);
    }

    async fn a_count_has_limits(db) {
        let shop = Shop::open(db.url()).await;
        let made = create(&shop, &tea()).await;
        let variant = &made["variants"][0];
        for quantity in [-1_i64, 1_000_000_001, i64::MAX] {
            let response = set_stock(&shop, variant, json!({ "quantity": quantity })).await;
            let found = violations(&problem(response, 422, "validation_failed").await);
            assert_eq!(found, [refused("#/quantity", "out_of_range")]);
        }
        for body in [json!({}), json!({ "quantity": 1.5 }), json!({ "quantity": "1" }), json!({ "quantity": 1, "x": 1 })] {
            problem(set_stock(&shop, variant, body).await, 422, "validation_failed").await;
        }
        let most = ok(set_stock(&shop, variant, json!({ "quantity": 1_000_000_000 })).await, StatusCode::OK).await;
        assert_eq!(most["available"], 1_000_000_000);
        let nobody = json!({ "id": "0190a1b2-0000-7000-8000-000000000000" });
        problem(set_stock(&shop, &nobody, json!({ "quantity": 1 })).await, 404, "variant_not_found").await;
        problem(set_stock(&shop, &json!({ "id": "x" }), json!({ "quantity": 1 })).await, 404, "not_found").await;
    }

    async fn backorders_go_with_counted_stock(db) {
        let shop = Shop::open(db.url()).await;
        let made = create(&shop, &tea()).await;
        let large = &made["variants"][1];
        let set = set_stock(&shop, large, json!({ "quantity": 1, "allow_backorder": true })).await;
        assert_eq!(ok(set, StatusCode::OK).await["allow_backorder"], true);
        // A later count leaves it as it is.
        let again = ok(set_stock(&shop, large, json!({ "quantity": 2 })).await, StatusCode::OK).await;
        assert_eq!((&again["allow_backorder"], &again["available"]), (&json!(true), &json!(2)));
        let off = patched(&shop, &path("variants", large), &json!({ "allow_backorder": false })).await;
        assert_eq!((&off["allow_backorder"], &off["available"]), (&json!(false), &json!(2)));
    }
}
