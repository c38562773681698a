//! Lists of products: what is in them, in which sequence, and who may see it.

use super::*;
use rustok_test_support::{all_pages, both_databases};

async fn titled(shop: &Shop, title: &str, status: &str) -> Value {
    create(shop, &json!({ "title": title, "status": status })).await
}

both_databases! {
    async fn the_store_shows_active_products_only(db) {
        let shop = Shop::open(db.url()).await;
        // A draft unless it says otherwise.
        let draft = create(&shop, &json!({ "title": "Draft" })).await;
        assert_eq!(draft["status"], "draft");
        titled(&shop, "Archived", "archived").await;
        titled(&shop, "Active", "active").await;
        let list = ok(store(&shop, "/products").await, StatusCode::OK).await;
        assert_eq!((each(&list, "title"), &list["next_cursor"]), (vec!["Active".to_owned()], &Value::Null));
        for hidden in ["draft", "archived", "nothing"] {
            problem(store(&shop, &format!("/products/{hidden}")).await, 404, "product_not_found").await;
        }
        assert_eq!(each(&ok(get(&shop, "/products").await, StatusCode::OK).await, "title"), ["Active", "Archived", "Draft"]);
        for (status, title) in [("draft", "Draft"), ("active", "Active"), ("archived", "Archived")] {
            let list = ok(get(&shop, &format!("/products?status={status}")).await, StatusCode::OK).await;
            assert_eq!(each(&list, "title"), [title]);
        }
        patched(&shop, &path("products", &draft), &json!({ "status": "active" })).await;
        ok(store(&shop, "/products/draft").await, StatusCode::OK).await;
    }

    async fn a_search_knows_every_alphabet(db) {
        let shop = Shop::open(db.url()).await;
        create(&shop, &json!({ "title": "ЗЕЛЁНЫЙ Чай", "vendor": "Ёлка" })).await;
        create(&shop, &json!({ "title": "Green Tea 100%", "vendor": "Acme" })).await;
        let [tea, green] = ["Green Tea 100%", "ЗЕЛЁНЫЙ Чай"];
        for (query, expected) in [
            ("q=зелёный", vec![green]),
            ("q=ЧАЙ", vec![green]),
            ("q=ёлк", vec![green]),
            ("q=TEA", vec![tea]),
            ("q=100%25", vec![tea]),
            ("q=ea", vec![]),
            ("q=чай+ёлка", vec![green]),
            ("q=_", vec![]),
            ("q=%20", vec![tea, green]),
            ("vendor=Acme", vec![tea]),
            ("vendor=ACME", vec![tea]),
            ("vendor=Acm", vec![]),
            ("vendor=Acme&q=чай", vec![]),
            ("updated_after=2001-01-01T00:00:00Z", vec![tea, green]),
            ("updated_before=2001-01-01T00:00:00%2B03:00", vec![]),
        ] {
            let list = get(&shop, &format!("/products?{query}")).await;
            assert_eq!(each(&ok(list, StatusCode::OK).await, "title"), expected, "{query}");
        }
    }

    async fn what_cannot_be_asked_is_refused(db) {
        let shop = Shop::open(db.url()).await;
        for (query, pointer) in [
            ("status=sold", "?status"),
            ("updated_after=yesterday", "?updated_after"),
            ("limit=0", "?limit"),
            ("limit=101", "?limit"),
            ("after=nonsense", "?after"),
        ] {
            let refused = get(&shop, &format!("/products?{query}")).await;
            let found = violations(&problem(refused, 422, "validation_failed").await);
            assert!(found[0].0.ends_with(pointer), "{found:?}");
        }
        let long = format!("/products?q={}", "x".repeat(201));
        problem(get(&shop, &long).await, 422, "validation_failed").await;
        problem(get(&shop, "/products?colour=red").await, 400, "invalid_query").await;
        problem(store(&shop, "/products?status=draft").await, 400, "invalid_query").await;
    }

    async fn pages_stand_still_while_products_come_and_go(db) {
        let shop = Shop::open(db.url()).await;
        let mut made = Vec::new();
        for n in 0..7 {
            made.push(titled(&shop, &format!("p{n}"), "active").await);
        }
        let seen = all_pages(async |cursor: Option<&String>| {
            let after = cursor.map_or(String::new(), |cursor| format!("&after={cursor}"));
            let page = ok(store(&shop, &format!("/products?limit=3{after}")).await, StatusCode::OK).await;
            if cursor.is_none() {
                // A new one would stand before the cursor; one that is gone was on the next page.
                titled(&shop, "new", "active").await;
                let gone = shop.admin(Method::DELETE, &path("products", &made[2])).send().await.unwrap();
                assert_eq!(gone.status(), StatusCode::NO_CONTENT);
            }
            (each(&page, "title"), page["next_cursor"].as_str().map(str::to_owned))
        });
        let seen = seen.await;
        assert_eq!(seen, ["p6", "p5", "p4", "p3", "p1", "p0"]);
        let full = ok(store(&shop, "/products?limit=7").await, StatusCode::OK).await;
        assert_eq!((each(&full, "title").len(), &full["next_cursor"]), (7, &Value::Null));
    }

    async fn a_list_has_each_product_whole(db) {
        let shop = Shop::open(db.url()).await;
        let made = create(&shop, &tea()).await;
        let plain = titled(&shop, "Plain", "active").await;
        let list = ok(get(&shop, "/products").await, StatusCode::OK).await;
        assert_eq!(list["items"], json!([plain, made]));
        assert_eq!((&plain["variants"][0]["title"], &plain["variants"][0]["price"]), (&json!("Default Title"), &Value::Null));
    }

    /// However many are asked for, a page ends before it is too heavy; and what is on it is whole.
    async fn a_page_of_large_products_is_short(db) {
        let shop = Shop::open(db.url()).await;
        let variants: Vec<Value> = (0..100)
            .map(|n| json!({ "options": [format!("{n} {}", "o".repeat(200))], "sku": "s".repeat(200), "price": { "amount": "1" } }))
            .collect();
        let mut made = Vec::new();
        for n in 0..30 {
            // Large by their descriptions, by their variants, and not at all.
            let product = match n % 3 {
                0 => json!({ "title": format!("p{n}"), "description_html": "d".repeat(400_000), "status": "active", "tags": ["a"] }),
                1 => json!({ "title": format!("p{n}"), "options": ["Size"], "variants": variants, "status": "active" }),
                _ => json!({ "title": format!("p{n}"), "status": "active" }),
            };
            let made_now = create(&shop, &product).await;
            made.insert(0, made_now["title"].as_str().unwrap().to_owned());
        }
        for list in ["/api/store/v1/products", "/api/admin/v1/products"] {
            let mut pages = 0;
            let seen = all_pages(async |cursor: Option<&String>| {
                let after = cursor.map_or(String::new(), |cursor| format!("&after={cursor}"));
                let request = shop.request(Method::GET, &format!("{list}?limit=100{after}")).bearer_auth(&shop.token);
                let bytes = request.send().await.unwrap().bytes().await.unwrap();
                assert!(bytes.len() < 3 << 20, "{list}: {}", bytes.len());
                let page: Value = serde_json::from_slice(&bytes).unwrap();
                for item in page["items"].as_array().unwrap() {
                    let n: usize = item["title"].as_str().unwrap()[1..].parse().unwrap();
                    let (description, variants) = (item["description_html"].as_str().unwrap(), item["variants"].as_array().unwrap());
                    let expected = [(400_000, 1), (0, 100), (0, 1)][n % 3];
                    assert_eq!((description.len(), variants.len()), expected, "{list} {n}");
                    assert_eq!(item["tags"] == json!(["a"]), n.is_multiple_of(3), "{list} {n}");
                }
                pages += 1;
                (each(&page, "title"), page["next_cursor"].as_str().map(str::to_owned))
            });
            assert_eq!(seen.await, made, "{list}");
            assert!(pages > 2, "{list}: {pages}");
        }
    }
}
