//! Categories, tags and authors: lists, new names, merging and deleting.

use super::{Nodes, post, shown, texts};
use reqwest::Method;
use rustok_test_app::{Shop, ok, problem};
use rustok_test_support::both_databases;
use serde_json::{Value, json};

async fn term(shop: &Shop, taxonomy: &str, name: &str, parent: Option<&str>) -> String {
    let body = json!({ "taxonomy": taxonomy, "name": name, "parent": parent });
    let made = ok(shop.admin(Method::POST, "/terms").json(&body), 201).await;
    made["id"].as_str().unwrap().to_owned()
}

async fn list(shop: &Shop, path: &str) -> Value {
    ok(shop.admin(Method::GET, path), 200).await
}

fn filed(title: &str, terms: Value) -> Value {
    let mut node = post(title);
    node["terms"] = terms;
    node
}

both_databases! {
    async fn terms_are_listed_by_name_with_the_number_of_their_nodes(db) {
        let shop = Shop::open(db.url()).await;
        for name in ["Ärger", "beta", "Alpha", "Ähre"] {
            term(&shop, "tag", name, None).await;
        }
        term(&shop, "category", "Shoes", None).await;
        term(&shop, "category", "Boots", Some("shoes")).await;
        shop.published(&filed("One", json!([{ "taxonomy": "tag", "name": "alpha" }]))).await;
        for (query, expected) in [
            ("", vec!["Boots", "Shoes", "Alpha", "beta", "Ähre", "Ärger"]),
            ("?taxonomy=tag&prefix=%C3%84", vec!["Ähre", "Ärger"]),
            ("?prefix=B", vec!["Boots", "beta"]),
            ("?taxonomy=category&prefix=al", vec![]),
        ] {
            let found = list(&shop, &format!("/terms{query}")).await;
            assert_eq!(texts(&found, "name"), expected, "{query}");
        }
        let all = list(&shop, "/terms").await;
        assert_eq!(all["items"][0]["parent"], "shoes");
        assert_eq!(all["items"][2]["nodes"], json!({ "count": 1, "more": false }));
        let (mut names, mut after) = (Vec::new(), String::new());
        loop {
            let page = list(&shop, &format!("/terms?limit=1{after}")).await;
            names.extend(texts(&page, "name").iter().map(ToString::to_string));
            match page["next_cursor"].as_str() {
                Some(next) => after = format!("&after={next}"),
                None => break,
            }
        }
        assert_eq!(names, ["Boots", "Shoes", "Alpha", "beta", "Ähre", "Ärger"]);
        // A name that is too long for a position.
        let long = "ж".repeat(199);
        for last in ["я", "ю"] {
            term(&shop, "tag", &format!("{long}{last}"), None).await;
        }
        let first = list(&shop, "/terms?taxonomy=tag&prefix=%D0%B6&limit=1").await;
        let after = first["next_cursor"].as_str().unwrap();
        let second = list(&shop, &format!("/terms?taxonomy=tag&prefix=%D0%B6&limit=1&after={after}")).await;
        assert_eq!((&second["items"][0]["name"], &second["next_cursor"]), (&json!(format!("{long}я")), &Value::Null));
    }

    async fn a_new_name_keeps_the_nodes_and_the_slug(db) {
        let shop = Shop::open(db.url()).await;
        let id = term(&shop, "tag", "Tea", None).await;
        let other = term(&shop, "tag", "Coffee", None).await;
        shop.published(&filed("Leaves", json!([{ "taxonomy": "tag", "slug": "tea" }]))).await;
        let path = format!("/terms/{id}");
        let renamed = ok(shop.admin(Method::PUT, &path).json(&json!({ "name": "Teas" })), 200).await;
        assert_eq!((&renamed["name"], &renamed["slug"], &renamed["nodes"]["count"]), (&json!("Teas"), &json!("tea"), &json!(1)));
        let seen = shown(shop.store("/nodes/leaves").send().await.unwrap(), 200).await;
        assert_eq!(seen["terms"][0]["name"], "Teas");
        let moved = json!({ "name": "Teas", "slug": "teas" });
        ok(shop.admin(Method::PUT, &path).json(&moved), 200).await;
        assert_eq!(texts(&shop.store_list("tag=teas").await, "title"), ["Leaves"]);
        for taken in [json!({ "name": "COFFEE" }), json!({ "name": "Teas", "slug": "coffee" })] {
            let response = shop.admin(Method::PUT, &path).json(&taken).send().await.unwrap();
            let refused = problem(response, 409, "term_exists").await;
            assert_eq!(refused["term_id"], json!(other), "{taken}");
        }
        for taken in [json!({ "taxonomy": "tag", "name": "coffee" }), json!({ "taxonomy": "tag", "name": "x", "slug": "coffee" })] {
            let response = shop.admin(Method::POST, "/terms").json(&taken).send().await.unwrap();
            problem(response, 409, "term_exists").await;
        }
        let unknown = shop.admin(Method::PUT, &format!("/terms/{}", uuid::Uuid::nil())).json(&moved);
        problem(unknown.send().await.unwrap(), 404, "term_not_found").await;
    }

    async fn a_category_does_not_come_below_itself(db) {
        let shop = Shop::open(db.url()).await;
        let top = term(&shop, "category", "Top", None).await;
        let below = term(&shop, "category", "Below", Some("top")).await;
        for (body, pointer) in [
            (json!({ "name": "Top", "parent": "below" }), "#/parent"),
            (json!({ "name": "Top", "parent": "top" }), "#/parent"),
            (json!({ "name": "Top", "parent": "none" }), "#/parent"),
            (json!({ "name": " " }), "#/name"),
        ] {
            let response = shop.admin(Method::PUT, &format!("/terms/{top}")).json(&body).send().await.unwrap();
            let refused = problem(response, 422, "validation_failed").await;
            assert_eq!(refused["errors"][0]["pointer"], pointer, "{body}");
        }
        let tag = term(&shop, "tag", "Tag", None).await;
        for into in [&below, &tag, &top] {
            let merge = shop.admin(Method::POST, &format!("/terms/{top}/merge")).json(&json!({ "into": into }));
            let refused = problem(merge.send().await.unwrap(), 422, "validation_failed").await;
            assert_eq!(refused["errors"][0]["pointer"], "#/into");
        }
    }

    async fn a_merged_or_deleted_term_leaves_its_nodes_and_categories_to_others(db) {
        let shop = Shop::open(db.url()).await;
        let [tea, teas] = [term(&shop, "category", "Tea", None).await, term(&shop, "category", "Teas", None).await];
        term(&shop, "category", "Green", Some("tea")).await;
        let terms = json!([{ "taxonomy": "category", "slug": "tea" }, { "taxonomy": "category", "slug": "teas" }]);
        shop.published(&filed("Both", terms)).await;
        shop.published(&filed("One", json!([{ "taxonomy": "category", "slug": "tea" }]))).await;
        let merge = shop.admin(Method::POST, &format!("/terms/{tea}/merge")).json(&json!({ "into": teas }));
        let merged = ok(merge, 200).await;
        assert_eq!((&merged["slug"], &merged["nodes"]["count"], &merged["is_pending"]), (&json!("teas"), &json!(2), &json!(false)));
        assert_eq!(texts(&shop.store_list("category=teas").await, "title"), ["One", "Both"]);
        assert_eq!(texts(&shop.store_list("category=tea").await, "title"), [""; 0]);
        let left = list(&shop, "/terms").await;
        assert_eq!(texts(&left, "name"), ["Green", "Teas"]);
        assert_eq!(&left["items"][0]["parent"], &json!("teas"));
        // Its name and slug are free again.
        term(&shop, "category", "Tea", Some("green")).await;
        let deleted = shop.admin(Method::DELETE, &format!("/terms/{teas}")).send().await.unwrap();
        assert_eq!(deleted.status(), 204);
        let left = list(&shop, "/terms").await;
        assert_eq!(texts(&left, "name"), ["Green", "Tea"]);
        assert_eq!(&left["items"][0]["parent"], &Value::Null);
        let seen = shown(shop.store("/nodes/both").send().await.unwrap(), 200).await;
        assert_eq!(seen["terms"], json!([]));
        problem(shop.admin(Method::DELETE, &format!("/terms/{teas}")).send().await.unwrap(), 404, "term_not_found").await;
    }

    async fn authors_are_put_in_order(db) {
        let shop = Shop::open(db.url()).await;
        let made = ok(shop.admin(Method::POST, "/authors").json(&json!({ "login": "jane", "name": "Jane Roe" })), 201).await;
        let other = ok(shop.admin(Method::POST, "/authors").json(&json!({ "login": "joe" })), 201).await;
        assert_eq!(other["name"], "joe");
        let mut node = post("By Jane");
        node["author"] = json!({ "login": "jane" });
        shop.published(&node).await;
        let (jane, joe) = (made["id"].as_str().unwrap(), other["id"].as_str().unwrap());
        assert_eq!(texts(&list(&shop, "/authors?prefix=JAN").await, "login"), ["jane"]);
        let listed = list(&shop, "/authors?prefix=j").await;
        assert_eq!(texts(&listed, "login"), ["joe", "jane"]);
        assert_eq!(&listed["items"][1]["nodes"]["count"], &json!(1));
        let taken = shop.admin(Method::PUT, &format!("/authors/{jane}")).json(&json!({ "login": "joe" }));
        problem(taken.send().await.unwrap(), 409, "author_exists").await;
        let renamed = json!({ "login": "jane.roe", "name": "Jane R." });
        ok(shop.admin(Method::PUT, &format!("/authors/{jane}")).json(&renamed), 200).await;
        let seen = shown(shop.store("/nodes/by-jane").send().await.unwrap(), 200).await;
        assert_eq!(seen["author"]["name"], "Jane R.");
        let delete = shop.admin(Method::DELETE, &format!("/authors/{jane}"));
        problem(delete.send().await.unwrap(), 409, "author_in_use").await;
        let merge = shop.admin(Method::POST, &format!("/authors/{jane}/merge")).json(&json!({ "into": joe }));
        let merged = ok(merge, 200).await;
        assert_eq!((&merged["login"], &merged["nodes"]["count"]), (&json!("joe"), &json!(1)));
        let seen = shown(shop.store("/nodes/by-jane").send().await.unwrap(), 200).await;
        assert_eq!(seen["author"]["name"], "joe");
        problem(shop.admin(Method::GET, &format!("/authors/{jane}")).send().await.unwrap(), 404, "author_not_found").await;
        ok(shop.admin(Method::POST, "/authors").json(&json!({ "login": "jane.roe" })), 201).await;
    }
}
