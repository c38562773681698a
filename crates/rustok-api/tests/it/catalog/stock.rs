//! Stock as it was counted and as it changed since, and what it means for tags.

use super::*;
use futures_util::future::join_all;
use rustok_test_support::both_databases;

async fn set_if(shop: &Shop, variant: &Value, tag: &str, body: Value) -> Response {
    let path = format!("{}/stock", path("variants", variant));
    let put = shop.admin(Method::PUT, &path).header("if-match", tag);
    put.json(&body).send().await.unwrap()
}

async fn adjust(shop: &Shop, variant: &Value, body: Value) -> Response {
    let path = format!("{}/stock/adjust", path("variants", variant));
    shop.admin(Method::POST, &path).json(&body).send().await.unwrap()
}

async fn available(shop: &Shop, variant: &Value) -> Value {
    let read = get(shop, &path("variants", variant)).await;
    ok(read, StatusCode::OK).await["available"].clone()
}

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

    async fn a_count_on_a_stale_tag_is_refused_with_the_tag_of_now(db) {
        let shop = Shop::open(db.url()).await;
        let made = create(&shop, &tea()).await;
        let [small, large] = [&made["variants"][0], &made["variants"][1]];
        let read = path("variants", small);
        let before = etag(&get(&shop, &read).await);
        ok(order(&shop, small, 2).await, StatusCode::CREATED).await;
        let refused = problem(set_if(&shop, small, &before, json!({ "quantity": 7 })).await, 412, "version_conflict").await;
        let now = etag(&get(&shop, &read).await);
        assert_eq!((&refused["current_version"], &refused["current_etag"]), (&json!(1), &json!(now)));
        assert_eq!(available(&shop, small).await, 5);

        // The tag of now, that of the answer, that of the product, and any.
        let set = set_if(&shop, small, &now, json!({ "quantity": 8 })).await;
        let answered = etag(&set);
        assert_eq!(ok(set, StatusCode::OK).await["available"], 8);
        ok(set_if(&shop, small, &answered, json!({ "quantity": 9 })).await, StatusCode::OK).await;
        problem(set_if(&shop, small, &answered, json!({ "quantity": 1 })).await, 412, "version_conflict").await;
        let product = etag(&get(&shop, &path("products", &made)).await);
        ok(set_if(&shop, large, &product, json!({ "quantity": 3 })).await, StatusCode::OK).await;
        problem(set_if(&shop, large, &product, json!({ "quantity": 4 })).await, 412, "version_conflict").await;
        ok(set_if(&shop, large, "*", json!({ "quantity": 4 })).await, StatusCode::OK).await;
        problem(set_if(&shop, large, "\"1.x\"", json!({ "quantity": 4 })).await, 412, "version_conflict").await;
        let path = format!("{}/stock/adjust", super::path("variants", large));
        let body = json!({ "delta": 1, "reason": "found" });
        let stale = shop.admin(Method::POST, &path).header("if-match", product).json(&body).send().await.unwrap();
        problem(stale, 412, "version_conflict").await;
    }

    async fn of_counts_with_one_tag_one_wins(db) {
        let shop = Shop::open(db.url()).await;
        let made = create(&shop, &tea()).await;
        // One that is counted, and one that nobody counted yet.
        for variant in [&made["variants"][0], &made["variants"][1]] {
            let tag = etag(&get(&shop, &path("variants", variant)).await);
            let counts = (20..28).map(|quantity| set_if(&shop, variant, &tag, json!({ "quantity": quantity })));
            let mut won = Vec::new();
            for answer in join_all(counts).await {
                match answer.status() {
                    StatusCode::OK => won.push(ok(answer, StatusCode::OK).await["available"].clone()),
                    _ => drop(problem(answer, 412, "version_conflict").await),
                }
            }
            assert_eq!(won, [available(&shop, variant).await]);
        }
    }

    async fn counts_and_orders_at_once_lose_no_piece(db) {
        let shop = Shop::open(db.url()).await;
        let made = create(&shop, &tea()).await;
        let variant = &made["variants"][0];
        for quantity in [30, 40, 50] {
            let read = get(&shop, &path("variants", variant)).await;
            let tag = etag(&read);
            let before = ok(read, StatusCode::OK).await["available"].as_i64().unwrap();
            let orders = join_all((0..4).map(|_| order(&shop, variant, 1)));
            let (counted, placed) = tokio::join!(set_if(&shop, variant, &tag, json!({ "quantity": quantity })), orders);
            let sold = i64::try_from(placed.iter().filter(|placed| placed.status() == StatusCode::CREATED).count()).unwrap();
            // Who counted knew of no sale: it came before all of them, or it was refused.
            let from = if counted.status() == StatusCode::OK { quantity } else { before };
            assert_eq!(available(&shop, variant).await, from - sold);
        }
    }

    async fn whether_it_is_sold_beyond_zero_is_part_of_the_version(db) {
        let shop = Shop::open(db.url()).await;
        let made = create(&shop, &tea()).await;
        let variant = &made["variants"][0];
        let product = path("products", &made);
        let before = etag(&get(&shop, &product).await);
        let set = ok(set_stock(&shop, variant, json!({ "quantity": 7, "allow_backorder": true })).await, StatusCode::OK).await;
        assert_eq!((&set["version"], &set["allow_backorder"]), (&json!(2), &json!(true)));
        let stale = shop.admin(Method::PATCH, &path("variants", variant)).header("if-match", before);
        problem(stale.json(&json!({ "allow_backorder": false })).send().await.unwrap(), 412, "version_conflict").await;
        assert_eq!(ok(get(&shop, &product).await, StatusCode::OK).await["version"], 2);
    }

    async fn adjustments_add_up(db) {
        let shop = Shop::open(db.url()).await;
        let made = create(&shop, &tea()).await;
        let variant = &made["variants"][0];
        let adjusted = ok(adjust(&shop, variant, json!({ "delta": -3, "reason": "broken" })).await, StatusCode::OK).await;
        assert_eq!((&adjusted["available"], &adjusted["version"]), (&json!(4), &json!(1)));
        let deltas = (1..=100).map(|number| if number % 4 == 0 { 1 } else { 2 });
        let all: Vec<i64> = deltas.collect();
        // They wait for each other. What is refused because that takes too long on a busy machine was not done.
        join_all(all.iter().map(async |delta| {
            loop {
                let answer = adjust(&shop, variant, json!({ "delta": delta, "reason": "delivery" })).await;
                if answer.status() != StatusCode::SERVICE_UNAVAILABLE {
                    break ok(answer, StatusCode::OK).await;
                }
            }
        }))
        .await;
        assert_eq!(available(&shop, variant).await, 4 + all.iter().sum::<i64>());
        // The reason stands in the ledger; nothing else stores these words.
        let reason = "fell from the third shelf";
        ok(adjust(&shop, variant, json!({ "delta": -1, "reason": reason })).await, StatusCode::OK).await;
        if db.is_postgres() {
            let noted = format!("SELECT count(*) FROM stock_movements WHERE note = '{reason}' AND delta = -1");
            assert_eq!(db.superuser_count(&noted).await, 1);
        } else {
            let files = std::fs::read_dir(db.path().parent().unwrap()).unwrap();
            let holds = |file: std::fs::DirEntry| {
                let bytes = std::fs::read(file.path()).unwrap_or_default();
                bytes.windows(reason.len()).any(|window| window == reason.as_bytes())
            };
            assert!(files.map(Result::unwrap).any(holds));
        }
    }

    async fn a_repeated_adjustment_is_one(db) {
        let shop = Shop::open(db.url()).await;
        let made = create(&shop, &tea()).await;
        let variant = &made["variants"][0];
        let path = format!("{}/stock/adjust", path("variants", variant));
        let send = |delta: i64| {
            let post = shop.admin(Method::POST, &path).header("idempotency-key", "delivery-1");
            post.json(&json!({ "delta": delta, "reason": "delivery" })).send()
        };
        let (first, again) = (send(5).await.unwrap(), send(5).await.unwrap());
        assert_eq!(again.headers()["idempotent-replayed"], "true");
        assert_eq!(ok(first, StatusCode::OK).await, ok(again, StatusCode::OK).await);
        problem(send(6).await.unwrap(), 422, "idempotency_key_reused").await;
        assert_eq!(available(&shop, variant).await, 12);
    }

    async fn an_adjustment_has_limits(db) {
        let shop = Shop::open(db.url()).await;
        let made = create(&shop, &tea()).await;
        let [small, large] = [&made["variants"][0], &made["variants"][1]];
        let short = problem(adjust(&shop, small, json!({ "delta": -8, "reason": "lost" })).await, 409, "insufficient_stock").await;
        assert_eq!((&short["available"], &short["requested"], &short["variant_id"]), (&json!(7), &json!(8), &small["id"]));
        problem(adjust(&shop, large, json!({ "delta": 1, "reason": "found" })).await, 409, "stock_not_tracked").await;
        let most = problem(adjust(&shop, small, json!({ "delta": 999_999_994, "reason": "found" })).await, 422, "validation_failed").await;
        assert_eq!(violations(&most), [refused("#/delta", "out_of_range")]);
        for delta in [0, 1_000_000_001, i64::MIN, i64::MAX] {
            let found = problem(adjust(&shop, small, json!({ "delta": delta, "reason": " " })).await, 422, "validation_failed").await;
            assert_eq!(violations(&found), [refused("#/delta", "out_of_range"), refused("#/reason", "invalid_text")]);
        }
        for body in [json!({ "delta": 1 }), json!({ "reason": "x" }), json!({ "delta": 1.5, "reason": "x" }), json!({ "delta": 1, "reason": "x", "y": 1 })] {
            problem(adjust(&shop, small, body).await, 422, "validation_failed").await;
        }
        assert_eq!((available(&shop, small).await, available(&shop, large).await), (json!(7), Value::Null));
        let nobody = json!({ "id": "0190a1b2-0000-7000-8000-000000000000" });
        problem(adjust(&shop, &nobody, json!({ "delta": 1, "reason": "x" })).await, 404, "variant_not_found").await;

        ok(adjust(&shop, small, json!({ "delta": 999_999_993, "reason": "found" })).await, StatusCode::OK).await;
        assert_eq!(available(&shop, small).await, 1_000_000_000);
        patched(&shop, &path("variants", small), &json!({ "allow_backorder": true })).await;
        ok(adjust(&shop, small, json!({ "delta": -1_000_000_000, "reason": "lost" })).await, StatusCode::OK).await;
        let owing = ok(adjust(&shop, small, json!({ "delta": -2, "reason": "lost" })).await, StatusCode::OK).await;
        assert_eq!(owing["available"], -2);
    }
}
