//! Creating, changing and deleting products.

use super::*;
use rustok_test_support::both_databases;

both_databases! {
    async fn a_product_is_created_shown_and_deleted(db) {
        let shop = Shop::open(db.url()).await;
        let made = shop.admin(Method::POST, "/products").json(&tea()).send().await.unwrap();
        let location = made.headers()["location"].to_str().unwrap().to_owned();
        let mut made = ok(made, StatusCode::CREATED).await;
        assert_eq!(made.as_object_mut().unwrap().remove("removed"), Some(json!([
            { "pointer": "#/description_html", "what": "attribute", "name": "onclick", "on": "p", "count": 1 },
            { "pointer": "#/description_html", "what": "element_with_content", "name": "script", "count": 1 },
        ])));
        assert_eq!(location, format!("/api/admin/v1/products/{}", made["id"].as_str().unwrap()));
        assert_eq!((&made["handle"], &made["status"], &made["version"]), (&json!("green-tea"), &json!("active"), &json!(1)));
        assert_eq!(made["description_html"], "<p>Fresh</p>");
        assert_eq!((&made["vendor"], &made["type"], &made["tags"]), (&json!("Чайная"), &json!("Tea"), &json!(["green", "tea"])));
        assert_eq!(made["options"], json!([{ "name": "Size", "values": ["100 g", "1 kg"] }]));
        assert_eq!(made["images"][0]["url"], "https://x.example/tea.jpg");
        let [small, large] = [&made["variants"][0], &made["variants"][1]];
        assert_eq!((&small["title"], &small["sku"], &small["available"]), (&json!("100 g"), &json!("GT-S"), &json!(7)));
        assert_eq!(small["price"], json!({ "amount": "19.90", "currency": "USD" }));
        assert_eq!(small["compare_at_price"], json!({ "amount": "25.00", "currency": "USD" }));
        assert_eq!((&large["available"], &large["weight_grams"]), (&Value::Null, &json!(1000)));

        let path = path("products", &made);
        assert_eq!(ok(get(&shop, &path).await, StatusCode::OK).await, made);
        let shown = ok(store(&shop, "/products/green-tea").await, StatusCode::OK).await;
        assert_eq!((&shown["id"], &shown["variants"][0]["price"]), (&made["id"], &small["price"]));
        assert_eq!((shown.get("created_at"), shown["variants"][0].get("barcode")), (None, None));

        let gone = shop.admin(Method::DELETE, &path).send().await.unwrap();
        assert_eq!(gone.status(), StatusCode::NO_CONTENT);
        problem(get(&shop, &path).await, 404, "product_not_found").await;
        let variant = format!("/variants/{}", small["id"].as_str().unwrap());
        problem(get(&shop, &variant).await, 404, "variant_not_found").await;
        problem(store(&shop, "/products/green-tea").await, 404, "product_not_found").await;
        problem(shop.admin(Method::DELETE, &path).send().await.unwrap(), 404, "product_not_found").await;
        // The handle is free again.
        assert_eq!(create(&shop, &tea()).await["handle"], "green-tea");
    }

    async fn a_deleted_product_comes_back_as_it_was(db) {
        let shop = Shop::open(db.url()).await;
        let made = create(&shop, &tea()).await;
        let path = path("products", &made);
        // A variant that was taken away before stays away.
        let mut fewer = made.clone();
        fewer["variants"].as_array_mut().unwrap().remove(1);
        let before = patched(&shop, &path, &json!({ "variants": fewer["variants"] })).await;
        let undelete = format!("{path}/undelete");
        let again = async || shop.admin(Method::POST, &undelete).send().await.unwrap();
        problem(again().await, 404, "product_not_found").await;
        let gone = shop.admin(Method::DELETE, &path).send().await.unwrap();
        assert_eq!(gone.status(), StatusCode::NO_CONTENT);
        assert_eq!(ok(get(&shop, "/products").await, StatusCode::OK).await["items"], json!([]));
        let deleted = ok(get(&shop, "/products?deleted=true").await, StatusCode::OK).await;
        assert_eq!(deleted["items"][0]["id"], made["id"]);
        assert!(deleted["items"][0]["deleted_at"].is_string(), "{deleted}");
        assert_eq!(deleted["items"][0]["variants"], before["variants"]);
        let late = shop.admin(Method::POST, &undelete).header("if-match", "\"1\"").send().await.unwrap();
        problem(late, 412, "version_conflict").await;

        let back = ok(again().await, StatusCode::OK).await;
        assert_eq!(back["version"], json!(before["version"].as_i64().unwrap() + 2));
        for member in ["handle", "status", "title", "variants", "options", "images", "created_at", "deleted_at"] {
            assert_eq!(back[member], before[member], "{member}");
        }
        assert_eq!(ok(get(&shop, &path).await, StatusCode::OK).await, back);
        assert_eq!(ok(store(&shop, "/products/green-tea").await, StatusCode::OK).await["id"], made["id"]);
        assert_eq!(ok(get(&shop, "/products?deleted=true").await, StatusCode::OK).await["items"], json!([]));
        problem(again().await, 404, "product_not_found").await;

        let gone = shop.admin(Method::DELETE, &path).send().await.unwrap();
        assert_eq!(gone.status(), StatusCode::NO_CONTENT);
        assert_eq!(create(&shop, &tea()).await["handle"], "green-tea");
        assert_eq!(ok(again().await, StatusCode::OK).await["handle"], "green-tea-2");
    }

    async fn all_that_is_wrong_is_told_at_once(db) {
        let shop = Shop::open(db.url()).await;
        let bad = json!({
            "title": " ",
            "handle": "Not A Handle",
            "status": "sold",
            "images": [{ "url": "javascript:alert(1)" }],
            "options": ["Size"],
            "variants": [
                { "options": [], "price": { "amount": "1.999" } },
                { "options": ["S"], "price": { "amount": "-1", "currency": "USD" }, "weight_grams": -1 },
                { "options": ["S"], "price": { "amount": "1", "currency": "usd" }, "allow_backorder": true },
                { "options": ["M"] },
                { "id": "0190a1b2-0000-7000-8000-000000000000", "options": ["L"], "price": { "amount": "1" } },
            ],
        });
        let response = shop.admin(Method::POST, "/products").json(&bad).send().await.unwrap();
        let mut found = violations(&problem(response, 422, "validation_failed").await);
        found.sort();
        assert_eq!(found, [
            refused("#/handle", "invalid_handle"),
            refused("#/images/0/url", "invalid_url"),
            refused("#/status", "unknown_status"),
            refused("#/title", "invalid_text"),
            refused("#/variants/0/options", "wrong_count"),
            refused("#/variants/0/price/amount", "too_many_decimals"),
            refused("#/variants/1/price/amount", "negative"),
            refused("#/variants/1/weight_grams", "out_of_range"),
            refused("#/variants/2/allow_backorder", "not_tracked"),
            refused("#/variants/2/options", "duplicate"),
            refused("#/variants/2/price/currency", "unknown_currency"),
            refused("#/variants/3/price", "required"),
            refused("#/variants/4/id", "unknown_id"),
        ]);
        assert_eq!(ok(get(&shop, "/products").await, StatusCode::OK).await["items"], json!([]));
    }

    async fn money_is_text_and_exact(db) {
        let shop = Shop::open(db.url()).await;
        let one = |price: Value| json!({ "title": "Tea", "variants": [{ "price": price }] });
        for float in [json!({ "amount": 19.99, "currency": "USD" }), json!(19.99), json!("19.99")] {
            let response = shop.admin(Method::POST, "/products").json(&one(float)).send().await.unwrap();
            problem(response, 422, "validation_failed").await;
        }
        for (amount, currency, code) in [
            ("0.5", "JPY", "too_many_decimals"),
            ("1e3", "USD", "not_a_number"),
            ("1,50", "USD", "not_a_number"),
            ("99999999999999999999", "USD", "out_of_range"),
        ] {
            let price = json!({ "amount": amount, "currency": currency });
            let response = shop.admin(Method::POST, "/products").json(&one(price)).send().await.unwrap();
            let found = violations(&problem(response, 422, "validation_failed").await);
            assert_eq!(found, [refused("#/variants/0/price/amount", code)]);
        }
        let price = json!({ "amount": "92233720368547758.07", "currency": "USD" });
        assert_eq!(create(&shop, &one(price.clone())).await["variants"][0]["price"], price);
    }

    async fn handles_are_unique_in_one_tenant_only(db) {
        let shop = Shop::open(db.url()).await;
        create(&shop, &json!({ "title": "Tea" })).await;
        // A generated handle gives way, one that was asked for does not.
        for expected in ["tea-2", "tea-3"] {
            assert_eq!(create(&shop, &json!({ "title": "Tea" })).await["handle"], expected);
        }
        let taken = json!({ "title": "Other", "handle": "tea-2" });
        let response = shop.admin(Method::POST, "/products").json(&taken).send().await.unwrap();
        problem(response, 409, "handle_taken").await;
        let other = create(&shop, &json!({ "title": "Other" })).await;
        let path = path("products", &other);
        problem(patch(&shop, &path, &json!({ "handle": "tea" })).await, 409, "handle_taken").await;
        assert_eq!(patched(&shop, &path, &json!({ "handle": "other-2" })).await["handle"], "other-2");

        let theirs = tenant(&shop.server, "shop2", "admin").await;
        let theirs = |method, path: &str| shop.request_to("shop2", method, path).bearer_auth(&theirs);
        let body = json!({ "title": "Tea", "status": "active", "vendor": "theirs" });
        let made = theirs(Method::POST, "/api/admin/v1/products").json(&body).send().await.unwrap();
        let made = ok(made, StatusCode::CREATED).await;
        assert_eq!(made["handle"], "tea");
        let shown = shop.request_to("shop2", Method::GET, "/api/store/v1/products/tea").send().await.unwrap();
        assert_eq!(ok(shown, StatusCode::OK).await["vendor"], "theirs");
        problem(store(&shop, "/products/tea").await, 404, "product_not_found").await;
        // Nothing of a neighbour can be read or changed by its id.
        problem(get(&shop, &super::path("products", &made)).await, 404, "product_not_found").await;
        let theirs = super::path("variants", &made["variants"][0]);
        problem(get(&shop, &theirs).await, 404, "variant_not_found").await;
        problem(patch(&shop, &theirs, &json!({ "sku": "x" })).await, 404, "variant_not_found").await;
        problem(set_stock(&shop, &made["variants"][0], json!({ "quantity": 1 })).await, 404, "variant_not_found").await;
    }

    async fn a_patch_changes_what_it_names_and_nothing_else(db) {
        let shop = Shop::open(db.url()).await;
        let made = create(&shop, &tea()).await;
        let path = path("products", &made);
        let after = patched(&shop, &path, &json!({ "title": "Sencha", "vendor": null, "status": "archived" })).await;
        let mut expected = made.clone();
        for (member, value) in [("title", json!("Sencha")), ("vendor", Value::Null), ("status", json!("archived"))] {
            expected[member] = value;
        }
        expected["version"] = json!(2);
        expected["updated_at"] = after["updated_at"].clone();
        assert_eq!(after, expected);
        // What changes nothing makes no version.
        assert_eq!(patched(&shop, &path, &json!({ "title": "Sencha" })).await["version"], 2);
        for (bad, code) in [
            (json!({ "title": null }), "#/title"),
            (json!({ "titel": "x" }), "#/titel"),
            (json!({ "variants": [{ "id": made["id"] }] }), "#/variants/0/id"),
        ] {
            let found = violations(&problem(patch(&shop, &path, &bad).await, 422, "validation_failed").await);
            assert!(found.iter().any(|(pointer, _)| pointer == code), "{bad}: {found:?}");
        }
        let html = json!({ "description_html": "<a href=\"javascript:x()\">a</a><img src=x onerror=y()>" });
        let changed = patched(&shop, &path, &html).await;
        assert_eq!(changed["description_html"], "<a>a</a><img src=\"x\">");
        assert_eq!(changed["removed"], json!([
            { "pointer": "#/description_html", "what": "url", "name": "javascript:", "on": "a[href]", "count": 1 },
            { "pointer": "#/description_html", "what": "attribute", "name": "onerror", "on": "img", "count": 1 },
        ]));
        // What is shown may be sent back, and loses nothing more.
        let same = json!({ "title": "Bancha", "description_html": changed["description_html"] });
        let again = patched(&shop, &path, &same).await;
        assert_eq!((&again["description_html"], again.get("removed")), (&changed["description_html"], None));
    }

    async fn variants_of_a_patch_stay_come_and_go(db) {
        let shop = Shop::open(db.url()).await;
        let made = create(&shop, &tea()).await;
        let [small, large] = [&made["variants"][0], &made["variants"][1]];
        let path = path("products", &made);
        let after = patched(&shop, &path, &json!({ "variants": [
            { "options": ["10 g"], "price": { "amount": "2" }, "available": 3 },
            { "id": small["id"], "sku": "GT-100" },
            { "id": large["id"], "deleted": true },
        ] })).await;
        assert_eq!(after["options"][0]["values"], json!(["10 g", "100 g"]));
        let [tiny, kept] = [&after["variants"][0], &after["variants"][1]];
        assert_eq!((&tiny["available"], &tiny["price"]["amount"]), (&json!(3), &json!("2.00")));
        let mut expected = small.clone();
        expected["sku"] = json!("GT-100");
        assert_eq!(kept, &expected);
        problem(get(&shop, &super::path("variants", large)).await, 404, "variant_not_found").await;

        // The list as it was read can be sent back; stock in it is not for this door.
        let mut echo = after["variants"].clone();
        assert_eq!(patched(&shop, &path, &json!({ "variants": echo })).await["version"], after["version"]);
        echo[0]["available"] = json!(99);
        let found = patch(&shop, &path, &json!({ "variants": echo })).await;
        let found = violations(&problem(found, 422, "validation_failed").await);
        assert_eq!(found, [refused("#/variants/0/available", "read_only")]);
    }

    async fn a_variant_is_changed_by_itself(db) {
        let shop = Shop::open(db.url()).await;
        let made = create(&shop, &tea()).await;
        let variant = path("variants", &made["variants"][1]);
        let changed = patched(&shop, &variant, &json!({
            "sku": "KG", "price": { "amount": "140.50" }, "compare_at_price": { "amount": "150", "currency": "USD" },
            "barcode": null, "weight_grams": 1100,
        })).await;
        assert_eq!((&changed["sku"], &changed["barcode"], &changed["weight_grams"]), (&json!("KG"), &Value::Null, &json!(1100)));
        assert_eq!((&changed["price"]["amount"], &changed["version"]), (&json!("140.50"), &json!(2)));
        assert_eq!((&changed["title"], &changed["product_id"]), (&json!("1 kg"), &made["id"]));
        let read = get(&shop, &variant).await;
        let tag = etag(&read);
        assert_eq!(ok(read, StatusCode::OK).await, changed);

        let euros = json!({ "price": { "amount": "130", "currency": "EUR" }, "compare_at_price": null });
        let changed = patched(&shop, &variant, &euros).await;
        let prices: Vec<_> = changed["prices"].as_array().unwrap().iter().map(|p| p["price"]["amount"].clone()).collect();
        assert_eq!((prices, &changed["price"]["amount"]), (vec![json!("130.00"), json!("140.50")], &json!("140.50")));
        let changed = patched(&shop, &variant, &json!({ "price": null, "compare_at_price": null })).await;
        assert_eq!(changed["price"], json!({ "amount": "130.00", "currency": "EUR" }));

        let bad = json!({ "price": { "amount": "1.234", "currency": "USD" }, "weight_grams": -5, "hs_code": "0902.10", "allow_backorder": true });
        let mut found = violations(&problem(patch(&shop, &variant, &bad).await, 422, "validation_failed").await);
        found.sort();
        assert_eq!(found, [
            refused("#/allow_backorder", "not_tracked"),
            refused("#/hs_code", "invalid_hs_code"),
            refused("#/price/amount", "too_many_decimals"),
            refused("#/weight_grams", "out_of_range"),
        ]);
        let stale = shop.admin(Method::PATCH, &variant).header("if-match", tag).json(&json!({ "sku": "late" }));
        assert_eq!(problem(stale.send().await.unwrap(), 412, "version_conflict").await["current_version"], 4);
        let bare = shop.admin(Method::PATCH, &variant).json(&json!({ "sku": "late" }));
        problem(bare.send().await.unwrap(), 428, "precondition_required").await;
    }

    async fn an_update_says_what_it_is_based_on(db) {
        let shop = Shop::open(db.url()).await;
        let made = create(&shop, &tea()).await;
        let path = path("products", &made);
        let bare = shop.admin(Method::PATCH, &path).json(&json!({ "title": "x" })).send().await.unwrap();
        problem(bare, 428, "precondition_required").await;
        let tag = etag(&get(&shop, &path).await);
        let with = |title: &str| shop.admin(Method::PATCH, &path).header("if-match", &tag).json(&json!({ "title": title }));
        // Of several who read the same version one wins.
        let all = (0..8).map(|n| tokio::spawn(with(&format!("title {n}")).send()));
        let mut won = 0;
        for one in all.collect::<Vec<_>>() {
            let response = one.await.unwrap().unwrap();
            if response.status() == StatusCode::OK {
                won += 1;
            } else {
                assert_eq!(problem(response, 412, "version_conflict").await["current_version"], 2);
            }
        }
        assert_eq!(won, 1);
        let other = shop.admin(Method::PATCH, &path).header("if-match", "\"something\"").json(&json!({ "title": "x" }));
        problem(other.send().await.unwrap(), 412, "version_conflict").await;
    }

    async fn a_repeated_creation_is_one_product(db) {
        let shop = Shop::open(db.url()).await;
        let send = |key: &str, body: Value| {
            shop.admin(Method::POST, "/products").header("idempotency-key", key).json(&body).send()
        };
        let body = json!({ "title": "Tea", "variants": [{ "price": { "amount": "1" }, "available": 2 }] });
        let first = send("k1", body.clone()).await.unwrap();
        let second = send("k1", body.clone()).await.unwrap();
        assert_eq!((first.status(), second.status()), (StatusCode::CREATED, StatusCode::CREATED));
        assert_eq!(second.headers()["idempotent-replayed"], "true");
        assert_eq!((etag(&first), &first.headers()["location"]), (etag(&second), &second.headers()["location"]));
        assert_eq!(first.bytes().await.unwrap(), second.bytes().await.unwrap());
        problem(send("k1", json!({ "title": "Coffee" })).await.unwrap(), 422, "idempotency_key_reused").await;
        // What failed is not kept.
        problem(send("k2", json!({ "title": "" })).await.unwrap(), 422, "validation_failed").await;
        ok(send("k2", json!({ "title": "Coffee" })).await.unwrap(), StatusCode::CREATED).await;
        let list = ok(get(&shop, "/products").await, StatusCode::OK).await;
        assert_eq!(each(&list, "title"), ["Coffee", "Tea"]);
    }

    async fn roles_may_what_the_policy_says(db) {
        let shop = Shop::open(db.url()).await;
        let made = create(&shop, &tea()).await;
        let (product, variant) = (path("products", &made), path("variants", &made["variants"][0]));
        let viewer = token(&shop.server, "shop1", "viewer").await;
        let editor = token(&shop.server, "shop1", "editor").await;
        let as_role = |token: &str, method, path: &str| {
            shop.request(method, &format!("/api/admin/v1{path}")).bearer_auth(token)
        };
        for path in ["/products", &product, &variant] {
            assert_eq!(as_role(&viewer, Method::GET, path).send().await.unwrap().status(), StatusCode::OK);
            let bare = shop.request(Method::GET, &format!("/api/admin/v1{path}")).send().await.unwrap();
            problem(bare, 401, "unauthenticated").await;
        }
        let stock = format!("{variant}/stock");
        let writes = [
            (Method::POST, "/products", json!({ "title": "x" })),
            (Method::PATCH, &product, json!({ "title": "x" })),
            (Method::PATCH, &variant, json!({ "sku": "x" })),
            (Method::PUT, &stock, json!({ "quantity": 1 })),
            (Method::DELETE, &product, json!({})),
        ];
        for (method, path, body) in &writes {
            let refused = as_role(&viewer, method.clone(), path).json(body).send().await.unwrap();
            problem(refused, 403, "forbidden").await;
        }
        assert_eq!(ok(get(&shop, &product).await, StatusCode::OK).await, made);
        for (method, path, body) in &writes {
            let done = as_role(&editor, method.clone(), path).header("if-match", "*").json(body).send().await.unwrap();
            assert!(done.status().is_success(), "{method} {path}");
        }
    }
}
