//! `If-Match` on everything that is one thing with a version: 412 and nothing written when it names another one.

use super::*;
use rustok_test_app::available;
use rustok_test_support::both_databases;

/// A write with an `If-Match` that is not the thing's, which must change nothing; then with the thing's own, which must
/// be answered with `status`. Answers the tag it has then.
async fn guarded(request: impl Fn() -> RequestBuilder, tag: &str, status: u16) -> String {
    for stale in [
        "\"999-1.0000000000000000\"",
        "\"another server's\"",
        &format!("W/{tag}"),
    ] {
        let refused = problem(
            send(request().header("if-match", stale)).await,
            412,
            "version_conflict",
        )
        .await;
        assert!(refused["current_version"].as_i64().unwrap() > 0, "{refused:#}");
    }
    let list = format!("\"999-1.0\", {tag}");
    let done = send(request().header("if-match", list)).await;
    let new = header(&done, "etag").to_owned();
    assert_eq!(done.status().as_u16(), status, "{}", done.text().await.unwrap());
    assert_ne!(new, tag);
    new
}

/// The tag of what is shown.
async fn tag(shop: &Shop, path: &str) -> String {
    header(&send(shop.admin(Method::GET, path)).await, "etag").to_owned()
}

both_databases! {
    async fn transitions_of_orders(db) {
        let shop = Shop::open(db.url()).await;
        let tea = &product(&shop, json!([{ "available": 9 }])).await[0];
        let order = ok(place(&shop, &order_of(tea, 2)), 201).await;
        let path = format!("/orders/{}", id(&order));
        let mut now = tag(&shop, &path).await;
        for (name, body) in [
            ("confirm", json!({})),
            ("pay", json!({ "payment_id": "p", "method": "card" })),
            ("ship", json!({ "tracking": "t", "carrier": "c" })),
            ("deliver", json!({})),
        ] {
            let move_on = || shop.admin(Method::POST, &format!("{path}/{name}")).json(&body);
            now = guarded(move_on, &now, 200).await;
            assert_eq!(now, tag(&shop, &path).await, "the tag of a transition's answer is the order's");
        }
        let history = ok(shop.admin(Method::GET, &format!("{path}/history")), 200).await;
        assert_eq!(history["items"].as_array().unwrap().len(), 5);

        let order = ok(place(&shop, &order_of(tea, 2)), 201).await;
        let path = format!("/orders/{}", id(&order));
        let cancel = || shop.admin(Method::POST, &format!("{path}/cancel")).json(&json!({ "reason": "r" }));
        guarded(cancel, &tag(&shop, &path).await, 200).await;
        assert_eq!(available(&shop, tea).await, 7, "the refused ones gave nothing back");
        // The same request again is a repetition only with a key; else the state refuses it, not the version.
        problem(send(cancel().header("if-match", tag(&shop, &path).await)).await, 409, "illegal_transition").await;
    }

    async fn a_repeated_request_is_not_measured_again(db) {
        let shop = Shop::open(db.url()).await;
        let tea = &product(&shop, json!([{}])).await[0];
        let order = ok(place(&shop, &order_of(tea, 1)), 201).await;
        let path = format!("/orders/{}", id(&order));
        let before = tag(&shop, &path).await;
        let confirm = || shop.admin(Method::POST, &format!("{path}/confirm"))
            .header("if-match", &before).header("idempotency-key", "k");
        let first = send(confirm()).await.text().await.unwrap();
        let again = send(confirm()).await;
        assert_eq!((again.status().as_u16(), header(&again, "idempotent-replayed")), (200, "true"));
        assert_eq!(again.text().await.unwrap(), first);
    }

    async fn products_and_stock(db) {
        let shop = Shop::open(db.url()).await;
        let tea = product(&shop, json!([{ "available": 5 }])).await.remove(0);
        let variant = format!("/variants/{}", id(&tea));
        let shown = ok(shop.admin(Method::GET, &variant), 200).await;
        let path = format!("/products/{}", shown["product_id"].as_str().unwrap());
        let stock = || shop.admin(Method::PUT, &format!("{variant}/stock")).json(&json!({ "quantity": 8 }));
        guarded(stock, &tag(&shop, &variant).await, 200).await;
        assert_eq!(available(&shop, &tea).await, 8);

        let rename = || shop.admin(Method::PATCH, &path).json(&json!({ "title": "Other tea" }));
        problem(send(rename()).await, 428, "precondition_required").await;
        let changed = guarded(rename, &tag(&shop, &path).await, 200).await;
        let delete = || shop.admin(Method::DELETE, &path);
        problem(send(delete().header("if-match", "\"1.0000000000000000\"")).await, 412, "version_conflict").await;
        assert_eq!(send(shop.admin(Method::GET, &path)).await.status(), 200);
        assert_eq!(send(delete().header("if-match", changed)).await.status(), 204);
        problem(send(shop.admin(Method::GET, &path)).await, 404, "product_not_found").await;
    }

    async fn the_life_of_a_node(db) {
        let shop = Shop::open(db.url()).await;
        let path = format!("/nodes/{}", id(&node(&shop).await));
        let mut now = tag(&shop, &path).await;
        for (name, body) in [
            ("publish", json!({})),
            ("archive", json!({ "reason": "old" })),
            ("restore", json!({})),
            ("publish", json!({})),
            ("unpublish", json!({})),
        ] {
            let move_on = || shop.admin(Method::POST, &format!("{path}/{name}")).json(&body);
            now = guarded(move_on, &now, 200).await;
        }
        let rename = || shop.admin(Method::PATCH, &path).json(&json!({ "title": "Other" }));
        problem(send(rename()).await, 428, "precondition_required").await;
        now = guarded(rename, &now, 200).await;
        let text = || shop.admin(Method::PUT, &format!("{path}/translations/en")).json(&json!({ "title": "Again" }));
        problem(send(text()).await, 428, "precondition_required").await;
        now = guarded(text, &now, 200).await;
        let delete = || shop.admin(Method::DELETE, &path);
        problem(send(delete().header("if-match", "\"1.0\"")).await, 412, "version_conflict").await;
        assert_eq!(send(delete().header("if-match", now)).await.status(), 204);
        let undelete = || shop.admin(Method::POST, &format!("{path}/undelete"));
        problem(send(undelete().header("if-match", "\"1.0\"")).await, 412, "version_conflict").await;
        assert_eq!(send(undelete()).await.status(), 200);
    }

    async fn of_many_changes_of_one_version_of_a_tenant_one_is_made(db) {
        let shop = Shop::open(db.url()).await;
        let tenant = Directory::of(&shop).await;
        for round in 0..10 {
            let now = header(&send(tenant.ask(Method::GET, "")).await, "etag").to_owned();
            let add = async |n: u32| {
                let body = json!({ "host": format!("tea-{round}-{n}.example") });
                let add = tenant.ask(Method::POST, "/hosts").header("if-match", &now).json(&body);
                send(add).await.status().as_u16()
            };
            let mut reported = futures_util::future::join_all((0..8).map(add)).await;
            reported.sort_unstable();
            assert_eq!(reported, [200, 412, 412, 412, 412, 412, 412, 412]);
            let hosts = ok(tenant.ask(Method::GET, ""), 200).await["hosts"].as_array().unwrap().len();
            assert_eq!(hosts, round + 1);
        }
    }

    async fn tenants(db) {
        let shop = Shop::open(db.url()).await;
        let tenant = Directory::of(&shop).await;
        let mut now = header(&send(tenant.ask(Method::GET, "")).await, "etag").to_owned();
        let rename = || tenant.ask(Method::PATCH, "").json(&json!({ "name": "Tea & more" }));
        problem(send(rename()).await, 428, "precondition_required").await;
        now = guarded(rename, &now, 200).await;
        let host = || tenant.ask(Method::POST, "/hosts").json(&json!({ "host": "tea.example" }));
        guarded(host, &now, 200).await;
        ok(tenant.ask(Method::POST, "/hosts").json(&json!({ "host": "more-tea.example" })), 200).await;
        now = header(&send(tenant.ask(Method::GET, "")).await, "etag").to_owned();
        now = guarded(|| tenant.ask(Method::DELETE, "/hosts/more-tea.example"), &now, 200).await;
        for name in ["suspend", "resume"] {
            now = guarded(|| tenant.ask(Method::POST, &format!("/{name}")), &now, 200).await;
        }
        let shown = ok(tenant.ask(Method::GET, ""), 200).await;
        assert_eq!((&shown["name"], &shown["hosts"]), (&json!("Tea & more"), &json!(["tea.example"])));
        let bad = tenant.ask(Method::PATCH, "").header("if-match", now)
            .json(&json!({ "name": " ", "settings": { "default_currency": "usd", "cors_origins": ["x"] } }));
        let bad = problem(send(bad).await, 422, "validation_failed").await;
        let pointers: Vec<_> = bad["errors"].as_array().unwrap().iter().map(|error| error["pointer"].clone()).collect();
        assert_eq!(pointers, ["#/name", "#/settings/default_currency", "#/settings/cors_origins/0"]);
        let bad = tenant.ask(Method::POST, "/hosts").json(&json!({ "host": "no host" }));
        let bad = problem(send(bad).await, 422, "validation_failed").await;
        assert_eq!(bad["errors"][0]["pointer"], "#/host");
    }

    async fn a_tag_of_a_save_that_was_lost_permits_no_change(db) {
        let shop = Shop::open(db.url()).await;
        let directory = Directory::of(&shop).await;
        let tea = product(&shop, json!([{ "available": 5 }])).await.remove(0);
        let order = ok(place(&shop, &order_of(&tea, 1)), 201).await;
        let shown = ok(shop.admin(Method::GET, &format!("/variants/{}", id(&tea))), 200).await;
        let product = format!("/products/{}", shown["product_id"].as_str().unwrap());
        let variant = format!("/variants/{}", id(&tea));
        let (order, node) = (format!("/orders/{}", id(&order)), format!("/nodes/{}", id(&node(&shop).await)));
        let title = json!({ "title": "Other" });
        let confirm = || shop.admin(Method::POST, &format!("{order}/confirm"));
        let rename = || shop.admin(Method::PATCH, &product).json(&title);
        let weigh = || shop.admin(Method::PATCH, &variant).json(&json!({ "sku": "other" }));
        let stock = || shop.admin(Method::PUT, &format!("{variant}/stock")).json(&json!({ "quantity": 8 }));
        let edit = || shop.admin(Method::PATCH, &node).json(&title);
        let call = || directory.ask(Method::PATCH, "").json(&json!({ "name": "Other" }));
        let read = async |path: &str| tag(&shop, path).await;
        let of_tenant = async || header(&send(directory.ask(Method::GET, "")).await, "etag").to_owned();
        // Stock is shown with its product's version.
        let cases: [(&dyn Fn() -> RequestBuilder, &str, String); 6] = [
            (&stock, "stock", read(&variant).await),
            (&confirm, "order", read(&order).await),
            (&rename, "product", read(&product).await),
            (&weigh, "variant", read(&variant).await),
            (&edit, "node", read(&node).await),
            (&call, "tenant", of_tenant().await),
        ];
        // What a restore and new saves leave: the same numbers, saved at another time.
        for table in ["orders", "products", "nodes", "tenants"] {
            let later = |by: &str| format!("UPDATE {table} SET updated_at = updated_at + {by}");
            db.run_behind(&later("1000"), &later("interval '1 millisecond'")).await;
        }
        for (change, what, seen) in &cases {
            let refused = send(change().header("if-match", seen)).await;
            assert_eq!(refused.status(), 412, "{what}");
            problem(refused, 412, "version_conflict").await;
        }
        for (change, path) in [(&confirm as &dyn Fn() -> RequestBuilder, &order), (&edit, &node), (&stock, &variant)] {
            assert_eq!(send(change().header("if-match", read(path).await)).await.status(), 200, "{path}");
        }
        assert_eq!(send(call().header("if-match", of_tenant().await)).await.status(), 200);
    }
}
