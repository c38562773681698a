//! What a request about the catalogue says is obeyed or refused: currencies, handles, names.

use super::*;
use rustok_test_app::errors;
use rustok_test_support::both_databases;

both_databases! {
    async fn the_currency_that_is_asked_for_is_shown(db) {
        let shop = Shop::open(db.url()).await;
        let made = create(&shop, &tea()).await;
        let euros = json!({ "price": { "amount": "18.00", "currency": "EUR" }, "compare_at_price": null });
        patched(&shop, &path("variants", &made["variants"][0]), &euros).await;
        let prices = async |query: &str| {
            let one = ok(store(&shop, &format!("/products/green-tea{query}")).await, StatusCode::OK).await;
            let list = ok(store(&shop, &format!("/products{query}")).await, StatusCode::OK).await;
            assert_eq!(list["items"][0]["variants"], one["variants"]);
            let variants = one["variants"].as_array().unwrap().iter();
            variants.map(|variant| variant["price"]["amount"].clone()).collect::<Vec<_>>()
        };
        assert_eq!(prices("").await, [json!("19.90"), json!("150.00")]);
        assert_eq!(prices("?currency=USD").await, [json!("19.90"), json!("150.00")]);
        assert_eq!(prices("?currency=EUR").await, [json!("18.00"), Value::Null]);
        assert_eq!(prices("?currency=JPY").await, [Value::Null, Value::Null]);
        let euros = ok(store(&shop, "/products/green-tea?currency=EUR").await, StatusCode::OK).await;
        assert_eq!((&euros["variants"][0]["compare_at_price"], &euros["variants"][1]["price"]), (&Value::Null, &Value::Null));
        for path in ["/products?currency=XYZ", "/products/green-tea?currency=eur", "/products/green-tea?currency="] {
            let found = errors(&problem(store(&shop, path).await, 422, "validation_failed").await);
            assert_eq!(found, ["?currency invalid"], "{path}");
        }
    }

    async fn a_query_that_is_not_known_is_refused_everywhere(db) {
        let shop = Shop::open(db.url()).await;
        let made = create(&shop, &tea()).await;
        let (product, variant) = (path("products", &made), path("variants", &made["variants"][0]));
        for (method, path) in [
            (Method::GET, "/api/store/v1/products/green-tea?locale=de".to_owned()),
            (Method::GET, "/api/store/v1/products?colour=red".to_owned()),
            (Method::GET, format!("/api/admin/v1{product}?currency=EUR")),
            (Method::GET, format!("/api/admin/v1{variant}?x")),
            (Method::PATCH, format!("/api/admin/v1{product}?dry_run=true")),
            (Method::PUT, format!("/api/admin/v1{variant}/stock?quantity=3")),
            (Method::DELETE, format!("/api/admin/v1{product}?force=true")),
            (Method::POST, "/api/admin/v1/products?status=active".to_owned()),
            (Method::POST, "/api/store/v1/orders?test=1".to_owned()),
            (Method::GET, "/api/admin/v1/orders/018f3b1c-0000-7000-8000-000000000001?expand=lines".to_owned()),
        ] {
            let request = shop.request(method, &path).bearer_auth(&shop.token);
            let name = path.split_once('?').unwrap().1.split('=').next().unwrap();
            let found = errors(&problem(request.send().await.unwrap(), 400, "invalid_query").await);
            assert_eq!(found, [format!("?{name} unknown_parameter")], "{path}");
        }
        assert_eq!(ok(get(&shop, &product).await, StatusCode::OK).await["version"], 1);
        // No parameters at all are none.
        ok(get(&shop, &format!("{product}?")).await, StatusCode::OK).await;
    }

    async fn handles_keep_the_marks_of_their_script(db) {
        let shop = Shop::open(db.url()).await;
        for (title, handle) in [
            ("ผ้าไหม", "ผ้าไหม"),
            ("साड़ी", "साड़ी"),
            ("Чаи\u{306}ник", "чайник"),
            ("Cafe\u{301} crème", "café-crème"),
            ("İstanbul", "istanbul"),
            ("Soft\u{ad}ware\u{200b}", "software"),
        ] {
            let mut product = tea();
            product["title"] = json!(title);
            let made = create(&shop, &product).await;
            assert_eq!(made["handle"], handle);
            ok(store(&shop, &format!("/products/{handle}")).await, StatusCode::OK).await;
        }
        for written in ["чаи\u{306}ник", "cafe\u{301}-cre\u{300}me", "i\u{307}stanbul", "soft\u{ad}ware"] {
            ok(store(&shop, &format!("/products/{written}")).await, StatusCode::OK).await;
        }
        let mut product = tea();
        product["handle"] = json!("cafe\u{301}-cre\u{300}me");
        let taken = shop.admin(Method::POST, "/products").json(&product).send().await.unwrap();
        problem(taken, 409, "handle_taken").await;
    }

    async fn invisible_characters_vanish_from_names(db) {
        let shop = Shop::open(db.url()).await;
        let mut product = tea();
        product["vendor"] = json!("\u{202e}Tea\u{200b} House\u{feff}");
        product["tags"] = json!(["gr\u{ad}een", "green"]);
        product["options"] = json!(["Si\u{200d}ze"]);
        product["variants"][0]["sku"] = json!("GT\u{200b}-S");
        product["variants"][0]["options"] = json!(["100\u{2060} g"]);
        let made = create(&shop, &product).await;
        assert_eq!((&made["vendor"], &made["tags"]), (&json!("Tea House"), &json!(["green"])));
        assert_eq!(made["options"][0]["name"], "Size");
        assert_eq!((&made["variants"][0]["sku"], &made["variants"][0]["title"]), (&json!("GT-S"), &json!("100 g")));
        product["options"] = json!(["Size", "S\u{200b}ize"]);
        let twice = shop.admin(Method::POST, "/products").json(&product).send().await.unwrap();
        let found = errors(&problem(twice, 422, "validation_failed").await);
        assert!(found.contains(&"#/options/1 duplicate".to_owned()), "{found:?}");
    }
}
