//! What the public sees, and above all what it never sees.

use super::{Nodes, etag, post, shown, texts};
use reqwest::{Method, StatusCode};
use rustok_core::clock::ManualClock;
use rustok_test_app::{Setup, Shop, problem};
use rustok_test_support::{all_pages, both_databases};
use serde_json::json;
use std::sync::Arc;
use std::time::Duration;

/// In every text that nobody may read.
const CANARY: &str = "canary";

both_databases! {
    async fn nothing_that_is_not_public_is_ever_shown(db) {
        let shop = Shop::open(db.url()).await;
        let secret = |slug: &str| {
            let mut node = post(CANARY);
            node["slug"] = json!(slug);
            node["terms"] = json!([{ "taxonomy": "tag", "name": "All" }, { "taxonomy": "category", "name": "All" }]);
            node
        };
        shop.create(&secret("draft")).await;
        let future = shop.create(&secret("future")).await;
        let date = json!({ "published_at": "2999-01-01T00:00:00Z" });
        let future = shown(shop.node_post(&future, "publish", date).await, 200).await;
        assert_eq!((&future["status"], &future["published_at"]), (&json!("published"), &json!("2999-01-01T00:00:00Z")));
        let archived = shop.published(&secret("archived")).await;
        shop.pass(&archived, "archive").await;
        let unpublished = shop.published(&secret("unpublished")).await;
        shop.pass(&unpublished, "unpublish").await;
        let deleted = shop.published(&secret("deleted")).await;
        shop.pass(&deleted, "unpublish").await;
        shop.delete(&deleted).await;
        let mut live = secret("live");
        live["title"] = json!("Public");
        live["body"] = json!("<p>Public</p>");
        let live = shop.published(&live).await;
        let newer = json!({ "title": CANARY, "slug": "newer", "body": CANARY, "excerpt": CANARY });
        shop.patch(&live, newer).await;
        let translated = format!("/nodes/{}/translations/ru", live["id"].as_str().unwrap());
        let translated = shop.admin(Method::PUT, &translated).json(&json!({ "title": CANARY, "slug": "translated" }));
        assert_eq!(translated.send().await.unwrap().status(), StatusCode::CREATED);

        for slug in ["draft", "future", "archived", "unpublished", "deleted", "newer", "translated"] {
            for query in ["", "?locale=ru"] {
                let hidden = shop.store(&format!("/nodes/{slug}{query}")).send().await.unwrap();
                problem(hidden, 404, "node_not_found").await;
            }
        }
        for path in ["/nodes", "/nodes?kind=post", "/nodes?tag=all", "/nodes?category=all", "/nodes?locale=ru",
            "/nodes/live", "/nodes/live?locale=ru"] {
            let text = shop.store(path).send().await.unwrap().text().await.unwrap();
            assert!(text.contains("Public") && !text.contains(CANARY), "{path}: {text}");
            assert!(!text.contains("token:"), "{path} tells who wrote it: {text}");
        }
        assert_eq!(texts(&shop.store_list("").await, "slug"), ["live"]);
        // A draft that was given a date in the past is public at once.
        let past = shop.create(&post("Past")).await;
        let date = json!({ "published_at": "2001-02-03T04:05:06Z" });
        shown(shop.node_post(&past, "publish", date).await, 200).await;
        assert_eq!(shown(shop.store("/nodes/past").send().await.unwrap(), 200).await["published_at"], "2001-02-03T04:05:06Z");
    }

    /// Pages and texts that were shown are kept; what the database says of a node is shown all the same.
    async fn a_list_shows_what_has_changed_since_it_was_shown(db) {
        let shop = Shop::open(db.url()).await;
        let first = shop.published(&post("First")).await;
        let second = shop.published(&post("Second")).await;
        let now = async || {
            let list = shop.store_list("include=body").await;
            assert_eq!(shop.store_list("include=body").await, list, "the same once more");
            for item in list["items"].as_array().unwrap() {
                let one = format!("/nodes/{}", item["slug"].as_str().unwrap());
                assert_eq!(shown(shop.store(&one).send().await.unwrap(), 200).await, *item, "a node by itself");
            }
            list
        };
        assert_eq!(texts(&now().await, "title"), ["Second", "First"]);
        shop.patch(&first, json!({ "title": "Changed" })).await;
        assert_eq!(texts(&now().await, "title"), ["Second", "First"], "not before it is published");
        shop.pass(&first, "publish").await;
        assert_eq!(texts(&now().await, "title"), ["Second", "Changed"]);
        shop.patch(&second, json!({ "terms": [{ "taxonomy": "tag", "name": "New" }] })).await;
        assert_eq!(now().await["items"][0]["terms"][0]["name"], "New");
        shop.pass(&second, "unpublish").await;
        assert_eq!(texts(&now().await, "title"), ["Changed"]);
        shop.pass(&second, "publish").await;
        assert_eq!(texts(&now().await, "slug"), ["second", "first"]);
    }

    async fn a_node_is_public_from_its_date_on(db) {
        let clock = Arc::new(ManualClock::new("2030-01-01T00:00:00Z".parse().unwrap()));
        let setup = Setup { clock: Some(Arc::clone(&clock)), ..Setup::default() };
        let shop = Shop::open_with(db.url(), setup).await;
        let node = shop.create(&post("Planned")).await;
        let date = json!({ "published_at": "2030-01-01T01:00:00Z" });
        shown(shop.node_post(&node, "publish", date).await, 200).await;
        clock.advance(Duration::from_secs(3_599));
        problem(shop.store("/nodes/planned").send().await.unwrap(), 404, "node_not_found").await;
        assert_eq!(shop.store_list("").await["items"], json!([]));
        clock.advance(Duration::from_secs(1));
        let seen = shown(shop.store("/nodes/planned").send().await.unwrap(), 200).await;
        assert_eq!(seen["published_at"], "2030-01-01T01:00:00Z");
        assert_eq!(texts(&shop.store_list("").await, "slug"), ["planned"]);
    }

    async fn the_newest_come_first_page_by_page(db) {
        let shop = Shop::open(db.url()).await;
        for day in [3, 1, 5, 2, 4] {
            let node = shop.create(&post(&format!("Day {day}"))).await;
            let date = json!({ "published_at": format!("2020-01-0{day}T00:00:00Z") });
            shown(shop.node_post(&node, "publish", date).await, 200).await;
        }
        // Two of one moment are told apart by their ids.
        let node = shop.create(&post("Day 5 too")).await;
        shown(shop.node_post(&node, "publish", json!({ "published_at": "2020-01-05T00:00:00Z" })).await, 200).await;
        let seen = all_pages(async |cursor: Option<&String>| {
            let after = cursor.map_or(String::new(), |cursor| format!("&after={cursor}"));
            let page = shop.store_list(&format!("limit=2{after}")).await;
            assert!(page["items"].as_array().unwrap().len() <= 2);
            (texts(&page, "slug"), page["next_cursor"].as_str().map(str::to_owned))
        });
        let seen = seen.await;
        assert_eq!(seen, ["day-5-too", "day-5", "day-4", "day-3", "day-2", "day-1"]);
        assert_eq!(shop.store_list("kind=page").await["items"], json!([]));
        problem(shop.store("/nodes?status=draft").send().await.unwrap(), 400, "invalid_query").await;
        problem(shop.store("/nodes?category=No%20Slug").send().await.unwrap(), 422, "validation_failed").await;
        problem(shop.store("/nodes/No%20Slug").send().await.unwrap(), 404, "node_not_found").await;
    }

    async fn a_tag_covers_the_live_revision_only(db) {
        let shop = Shop::open(db.url()).await;
        let node = shop.published(&post("One")).await;
        let first = shop.store("/nodes/one").send().await.unwrap();
        assert_eq!(first.headers()["content-language"], "en");
        assert!(first.headers()["vary"].to_str().unwrap().contains("accept-language"));
        let tag = etag(&first);
        shop.patch(&node, json!({ "title": "Two", "slug": "one" })).await;
        let unchanged = shop.store("/nodes/one").header("if-none-match", &tag).send().await.unwrap();
        assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
        assert!(unchanged.headers()["vary"].to_str().unwrap().contains("accept-language"));
        shop.pass(&node, "publish").await;
        let changed = shop.store("/nodes/one").header("if-none-match", &tag).send().await.unwrap();
        assert_ne!(etag(&changed), tag);
        assert_eq!(shown(changed, 200).await["title"], "Two");
    }

    async fn a_list_shows_what_reading_one_shows(db) {
        let shop = Shop::open(db.url()).await;
        let mut tagged = post("One \"quoted\" 😀 \\");
        tagged["slug"] = json!("one");
        tagged["terms"] = json!([{ "taxonomy": "tag", "name": "All" }]);
        let node = shop.published(&tagged).await;
        shop.published(&post("Two")).await;
        let same = async |query: &str| {
            let items = shop.store_list(&format!("include=body&{query}")).await["items"].clone();
            for item in items.as_array().unwrap() {
                let path = format!("/nodes/{}?{query}", item["slug"].as_str().unwrap());
                assert_eq!(&shown(shop.store(&path).send().await.unwrap(), 200).await, item);
            }
            texts(&json!({ "items": items }), "title")
        };
        let first = same("").await;
        assert_eq!(first.len(), 2);
        // From what the first list left behind.
        assert_eq!(same("").await, first);
        shop.patch(&node, json!({ "title": "New", "body": "<p>New</p>" })).await;
        assert_eq!(same("").await, first, "it is not live yet");
        shop.pass(&node, "publish").await;
        assert_eq!(same("").await, ["Two", "New"]);
        let russian = format!("/nodes/{}/translations/ru", node["id"].as_str().unwrap());
        let russian = shop.admin(Method::PUT, &russian).json(&json!({ "title": "Новое", "slug": "novoe" }));
        assert_eq!(russian.send().await.unwrap().status(), StatusCode::CREATED);
        shop.pass(&node, "publish").await;
        assert_eq!(same("locale=ru").await, ["Two", "Новое"]);
        assert_eq!(same("locale=en").await, ["Two", "New"]);
        assert_eq!(same("locale=de").await, ["Two", "New"]);
    }
}
