//! What nodes are filed under, and who wrote them.

use super::{Nodes, post, shown, texts};
use reqwest::{Method, Response};
use rustok_test_app::{Shop, problem};
use rustok_test_support::both_databases;
use serde_json::{Value, json};

async fn refused_at(response: Response) -> Vec<String> {
    let refused = problem(response, 422, "validation_failed").await;
    refused["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|error| error["pointer"].as_str().unwrap().to_owned())
        .collect()
}

fn filed(title: &str, terms: Value) -> Value {
    let mut node = post(title);
    node["terms"] = terms;
    node
}

both_databases! {
    async fn a_category_has_what_is_in_those_below_it(db) {
        let shop = Shop::open(db.url()).await;
        let news = filed("In news", json!([{ "taxonomy": "category", "name": "News" }]));
        shop.published(&news).await;
        let local = json!([{ "taxonomy": "category", "slug": "local", "name": "Local news", "parent": "news" }]);
        let made = shop.published(&filed("In local", local)).await;
        let expected = json!([{ "taxonomy": "category", "slug": "local", "name": "Local news", "parent": "news" }]);
        assert_eq!(made["terms"], expected);
        let street = json!([
            { "taxonomy": "category", "name": "Street", "parent": "local" },
            { "taxonomy": "tag", "name": "Hot stuff" }, { "taxonomy": "tag", "slug": "hot-stuff" },
        ]);
        let street = shop.published(&filed("In street", street)).await;
        shop.published(&post("Elsewhere")).await;

        for (query, expected) in [
            ("category=news", vec!["In street", "In local", "In news"]),
            ("category=local", vec!["In street", "In local"]),
            ("category=street", vec!["In street"]),
            ("category=unknown", vec![]),
            ("tag=hot-stuff", vec!["In street"]),
            ("tag=street", vec![]),
            ("category=news&tag=hot-stuff", vec!["In street"]),
            ("category=hot-stuff", vec![]),
            ("", vec!["Elsewhere", "In street", "In local", "In news"]),
        ] {
            assert_eq!(texts(&shop.store_list(query).await, "title"), expected, "{query}");
        }
        let seen = shown(shop.store("/nodes/in-street").send().await.unwrap(), 200).await;
        let terms = json!([
            { "taxonomy": "category", "slug": "street", "name": "Street", "parent": "local" },
            { "taxonomy": "tag", "slug": "hot-stuff", "name": "Hot stuff", "parent": null },
        ]);
        assert_eq!((&seen["terms"], &street["terms"]), (&terms, &terms));

        // Terms belong to the node: a change of them is seen at once.
        let patched = shop.patch(&street, json!({ "terms": [{ "taxonomy": "tag", "slug": "hot-stuff" }] })).await;
        assert_eq!((&patched["version"], &patched["working_revision"]), (&json!(3), &json!(1)));
        assert_eq!(texts(&shop.store_list("category=news").await, "title"), ["In local", "In news"]);
        assert_eq!(shop.patch(&street, json!({ "terms": null })).await["terms"], json!([]));
    }

    async fn terms_and_authors_that_are_not_there_are_refused_or_made(db) {
        let shop = Shop::open(db.url()).await;
        let create = |node: Value| shop.admin(Method::POST, "/nodes").json(&node).send();
        let terms = json!([
            { "taxonomy": "tag", "slug": "nowhere" }, { "taxonomy": "category", "name": "A", "parent": "nowhere" },
        ]);
        assert_eq!(refused_at(create(filed("x", terms)).await.unwrap()).await, ["#/terms/0", "#/terms/1/parent"]);
        let terms = json!([{ "taxonomy": "tag" }, { "taxonomy": "tag", "name": "a", "parent": "b" }]);
        assert_eq!(refused_at(create(filed("x", terms)).await.unwrap()).await, ["#/terms/0/name", "#/terms/1/parent"]);
        let by = |author: Value| {
            let mut node = post("x");
            node["author"] = author;
            node
        };
        assert_eq!(refused_at(create(by(json!({ "login": "jane" }))).await.unwrap()).await, ["#/author"]);
        assert_eq!(refused_at(create(by(json!({ "login": "" }))).await.unwrap()).await, ["#/author/login"]);
        // A refusal leaves nothing behind.
        assert_eq!(shop.list("").await["items"], json!([]));

        let jane = shop.create(&by(json!({ "login": "jane", "name": "Jane Roe" }))).await;
        assert_eq!(jane["author"], json!({ "login": "jane", "name": "Jane Roe" }));
        let again = shop.published(&by(json!({ "login": "jane" }))).await;
        assert_eq!(again["author"], jane["author"]);
        let seen = shown(shop.store("/nodes/x-2").send().await.unwrap(), 200).await;
        assert_eq!(seen["author"], json!({ "name": "Jane Roe" }));

        // Without a name it is the site that writes.
        let own = shop.create(&post("Own")).await;
        assert_eq!(own["author"]["name"], "shop1");
        let patched = shop.patch(&own, json!({ "author": { "login": "jane" }, "kind": "page" })).await;
        assert_eq!((&patched["author"], &patched["kind"]), (&jane["author"], &json!("page")));
        assert_eq!((&patched["version"], &patched["working_revision"]), (&json!(2), &json!(1)));
        assert_eq!(shop.patch(&own, json!({ "author": null })).await["author"], own["author"]);
    }
}
