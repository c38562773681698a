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

    async fn a_price_is_compared_in_its_own_currency(db) {
        let shop = Shop::open(db.url()).await;
        let money = |amount: &str, currency: &str| json!({ "amount": amount, "currency": currency });
        let made = create(&shop, &json!({ "title": "Tea", "status": "active", "variants": [
            { "price": { "amount": "5" }, "compare_at_price": { "amount": "6" } },
        ] })).await;
        let (product, variant) = (path("products", &made), path("variants", &made["variants"][0]));
        // Each currency has its own pair; another price of it keeps what that is compared with.
        let both = |shown: &Value| shown["prices"].as_array().unwrap().iter()
            .map(|price| (price["price"].clone(), price["compare_at_price"].clone())).collect::<Vec<_>>();
        let dollars = (money("5.00", "USD"), money("6.00", "USD"));
        let after = patched(&shop, &variant, &json!({ "price": money("4", "EUR") })).await;
        assert_eq!(both(&after), [(money("4.00", "EUR"), Value::Null), dollars.clone()]);
        let euros = json!({ "price": money("4", "EUR"), "compare_at_price": money("4.50", "EUR") });
        patched(&shop, &variant, &euros).await;
        let after = patched(&shop, &variant, &json!({ "price": money("3", "EUR") })).await;
        assert_eq!(both(&after), [(money("3.00", "EUR"), money("4.50", "EUR")), dollars.clone()]);
        let entry = json!({ "variants": [{ "id": made["variants"][0]["id"], "price": money("2", "EUR") }] });
        patched(&shop, &product, &entry).await;
        let after = ok(get(&shop, &variant).await, StatusCode::OK).await;
        assert_eq!(both(&after), [(money("2.00", "EUR"), money("4.50", "EUR")), dollars]);
        // It may be below the price, is taken away by null, and goes with its price.
        let after = patched(&shop, &variant, &json!({ "compare_at_price": { "amount": "1" } })).await;
        assert_eq!(after["compare_at_price"], money("1.00", "USD"));
        let after = patched(&shop, &variant, &json!({ "compare_at_price": null })).await;
        assert_eq!((&after["price"]["amount"], &after["compare_at_price"]), (&json!("5.00"), &Value::Null));
        patched(&shop, &variant, &json!({ "compare_at_price": { "amount": "6" } })).await;
        for (body, expected) in [
            (json!({ "price": null, "compare_at_price": money("9", "USD") }), "#/compare_at_price without_price"),
            (json!({ "compare_at_price": money("9", "EUR") }), "#/compare_at_price currency_mismatch"),
            (json!({ "price": money("9", "EUR"), "compare_at_price": money("9", "USD") }), "#/compare_at_price currency_mismatch"),
            (json!({ "compare_at_price": money("-1", "USD") }), "#/compare_at_price/amount negative"),
            (json!({ "compare_at_price": {} , "sku": "x" }), ""),
            (json!({ "price": { "amount": "5", "cents": null } }), "#/price/cents unknown_member"),
        ] {
            let response = patch(&shop, &variant, &body).await;
            if expected.is_empty() {
                ok(response, StatusCode::OK).await;
                continue;
            }
            assert_eq!(errors(&problem(response, 422, "validation_failed").await), [expected], "{body}");
            let mut entry = body.clone();
            entry["id"] = made["variants"][0]["id"].clone();
            let response = patch(&shop, &product, &json!({ "variants": [entry] })).await;
            let at = expected.replace("#/", "#/variants/0/");
            assert_eq!(errors(&problem(response, 422, "validation_failed").await), [at], "{body}");
        }
        let after = patched(&shop, &variant, &json!({ "price": null })).await;
        assert_eq!(both(&after), [(money("2.00", "EUR"), money("4.50", "EUR"))]);
        // A currency that is not named is that of the price.
        let after = patched(&shop, &variant, &json!({ "compare_at_price": null })).await;
        assert_eq!(after["compare_at_price"], Value::Null);
        let after = patched(&shop, &variant, &json!({ "compare_at_price": { "amount": "7" } })).await;
        assert_eq!(after["compare_at_price"], money("7.00", "EUR"));
    }

    async fn a_vendor_is_found_however_it_is_written(db) {
        let shop = Shop::open(db.url()).await;
        for (title, vendor) in [("One", "Éco \u{a0} ÖL"), ("Two", "İstanbul"), ("Three", "Eco Ol"), ("None", " ")] {
            create(&shop, &json!({ "title": title, "vendor": vendor })).await;
        }
        let found = async |vendor: &str| {
            let list = shop.admin(Method::GET, "/products").query(&[("vendor", vendor)]);
            let list = ok(list.send().await.unwrap(), StatusCode::OK).await;
            list["items"].as_array().unwrap().iter().map(|item| item["title"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        for vendor in ["Éco ÖL", "éco öl", "e\u{301}CO  o\u{308}l", " É\u{200b}co \u{3000}Öl "] {
            assert_eq!(found(vendor).await, ["One"], "{vendor:?}");
        }
        assert_eq!(found("istanbul").await, ["Two"]);
        assert_eq!(found("ECO OL").await, ["Three"]);
        assert_eq!(found("Eco").await, [""; 0]);
        // It is found under its new name as soon as it has one.
        let list = ok(shop.admin(Method::GET, "/products?vendor=istanbul").send().await.unwrap(), StatusCode::OK).await;
        patched(&shop, &path("products", &list["items"][0]), &json!({ "vendor": "ANKARA" })).await;
        assert_eq!((found("istanbul").await, found("ankara").await), (vec![], vec!["Two".to_owned()]));
        for (vendor, code) in [("", "required"), (" \u{200b}", "required"), ("a\u{b}b", "control_character"), (&"x".repeat(256), "too_long")] {
            let list = shop.admin(Method::GET, "/products").query(&[("vendor", vendor)]);
            let refused = problem(list.send().await.unwrap(), 422, "validation_failed").await;
            assert_eq!(errors(&refused), [format!("?vendor {code}")], "{vendor:?}");
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
