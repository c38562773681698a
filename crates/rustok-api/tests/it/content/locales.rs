//! Languages: translations, the chain from what is wanted to what there is, and titles in any script.

use super::{Nodes, etag, post, shown, texts};
use reqwest::{Method, Response, StatusCode};
use rustok_test_app::{Shop, problem};
use rustok_test_support::{all_pages, both_databases};
use serde_json::{Value, json};

fn language(response: &Response) -> String {
    response.headers()["content-language"]
        .to_str()
        .unwrap()
        .to_owned()
}

/// The query that searches for `q`.
fn searched(q: &str) -> String {
    let url = reqwest::Url::parse_with_params("http://localhost/", [("q", q)]).unwrap();
    url.query().unwrap().to_owned()
}

both_databases! {
    async fn a_reader_gets_the_language_that_is_wanted_or_the_next_best(db) {
        let shop = Shop::open(db.url()).await;
        let node = shop.create(&post("Hello")).await;
        let path = format!("/nodes/{}/translations/ru", node["id"].as_str().unwrap());
        let russian = json!({ "title": "Привет", "body": "<p>мир</p>" });
        let made = shop.admin(Method::PUT, &path).json(&russian).send().await.unwrap();
        let made = shown(made, 201).await;
        assert_eq!((&made["locale"], &made["slug"]), (&json!("ru"), &json!("привет")));
        let locales: Vec<_> = made["locales"].as_array().unwrap().iter().map(|state| state["locale"].clone()).collect();
        assert_eq!(locales, ["en", "ru"]);
        shop.pass(&node, "publish").await;

        for (path, accepted, expected) in [
            ("/nodes/hello", None, "en"),
            ("/nodes/hello", Some("ru"), "ru"),
            ("/nodes/hello", Some("ru-RU, en;q=0.5"), "ru"),
            ("/nodes/hello", Some("de, ru;q=0.1"), "ru"),
            ("/nodes/hello", Some("de, *;q=0.5"), "en"),
            ("/nodes/hello?locale=ru", Some("en"), "ru"),
            ("/nodes/hello?locale=de", Some("ru"), "en"),
            ("/nodes/привет", None, "en"),
            ("/nodes/привет?locale=ru", None, "ru"),
        ] {
            let request = shop.store(path);
            let request = accepted.iter().fold(request, |request, field| request.header("accept-language", *field));
            let response = request.send().await.unwrap();
            assert_eq!(language(&response), expected, "{path} {accepted:?}");
            let seen = shown(response, 200).await;
            let title = if expected == "ru" { "Привет" } else { "Hello" };
            assert_eq!((&seen["locale"], &seen["title"]), (&json!(expected), &json!(title)));
        }
        assert_eq!(texts(&shop.store_list("locale=ru").await, "title"), ["Привет"]);
        assert_eq!(texts(&shop.store_list("").await, "title"), ["Hello"]);
        problem(shop.store("/nodes/hello?locale=english").send().await.unwrap(), 422, "validation_failed").await;

        // What there is in one language only is shown in that one.
        let mut only = post("Только");
        only["locale"] = json!("ru");
        shop.published(&only).await;
        let seen = shop.store("/nodes/только").send().await.unwrap();
        assert_eq!(language(&seen), "ru");
    }

    async fn one_address_may_name_two_nodes_in_two_languages(db) {
        let shop = Shop::open(db.url()).await;
        let mut russian = post("Taxi");
        russian["locale"] = json!("ru");
        let (english, russian) = (shop.published(&post("Taxi")).await, shop.published(&russian).await);
        for (query, expected) in [("", &english), ("?locale=ru", &russian), ("?locale=de", &english)] {
            let seen = shown(shop.store(&format!("/nodes/taxi{query}")).send().await.unwrap(), 200).await;
            assert_eq!(seen["id"], expected["id"], "{query}");
        }
    }

    async fn each_language_is_edited_by_itself(db) {
        let shop = Shop::open(db.url()).await;
        let node = shop.create(&post("Hello")).await;
        let id = node["id"].as_str().unwrap();
        let put = |locale: &str, tag: Option<String>, body: Value| {
            let request = shop.admin(Method::PUT, &format!("/nodes/{id}/translations/{locale}")).json(&body);
            tag.into_iter().fold(request, |request, tag| request.header("if-match", tag)).send()
        };
        let made = put("ru", None, json!({ "title": "Привет" })).await.unwrap();
        assert!(made.headers()["location"].to_str().unwrap().ends_with("?locale=ru"));
        let tag = etag(&made);
        assert_eq!(shown(made, 201).await["working_revision"], 2);
        // Once it is there it is not written over by accident.
        problem(put("ru", None, json!({ "title": "Пока" })).await.unwrap(), 428, "precondition_required").await;
        let stale = put("ru", Some("\"1.0\"".to_owned()), json!({ "title": "Пока" })).await.unwrap();
        problem(stale, 412, "version_conflict").await;
        let written = shown(put("ru", Some(tag), json!({ "title": "Пока" })).await.unwrap(), 200).await;
        // It keeps its address unless another one is asked for.
        assert_eq!((&written["title"], &written["slug"]), (&json!("Пока"), &json!("привет")));
        problem(put("english", None, json!({ "title": "x" })).await.unwrap(), 422, "validation_failed").await;
        problem(put("de", None, json!({ "title": "" })).await.unwrap(), 422, "validation_failed").await;

        let get = |query: &str| shop.admin(Method::GET, &format!("/nodes/{id}{query}")).send();
        assert_eq!(shown(get("").await.unwrap(), 200).await["title"], "Hello");
        assert_eq!(shown(get("?locale=ru").await.unwrap(), 200).await["title"], "Пока");
        problem(get("?locale=de").await.unwrap(), 404, "translation_not_found").await;

        let patch = |query: &str, patch: Value| {
            let path = format!("/nodes/{id}{query}");
            shop.admin(Method::PATCH, &path).header("if-match", "*").json(&patch).send()
        };
        assert_eq!(shown(patch("?locale=ru", json!({ "title": "Раз" })).await.unwrap(), 200).await["title"], "Раз");
        let by_member = patch("", json!({ "locale": "ru", "title": "Два" })).await.unwrap();
        assert_eq!(shown(by_member, 200).await["title"], "Два");
        problem(patch("?locale=en", json!({ "locale": "ru", "title": "x" })).await.unwrap(), 422, "validation_failed").await;
        problem(patch("?locale=de", json!({ "title": "x" })).await.unwrap(), 404, "translation_not_found").await;
        assert_eq!(shown(get("").await.unwrap(), 200).await["title"], "Hello");
        // Each save is counted, whatever its language.
        assert_eq!(shown(get("").await.unwrap(), 200).await["working_revision"], 5);
    }

    async fn titles_are_found_in_any_script_and_case(db) {
        let shop = Shop::open(db.url()).await;
        for title in ["ПРИВЕТ, мир", "Café au lait", "100% wool_sock", "Plain"] {
            shop.create(&post(title)).await;
        }
        let page = json!({ "kind": "page", "title": "привет ещё раз", "locale": "ru" });
        shop.published(&page).await;
        for (q, expected) in [
            ("привет", vec!["привет ещё раз", "ПРИВЕТ, мир"]),
            ("ПРИВЕТ", vec!["привет ещё раз", "ПРИВЕТ, мир"]),
            ("CAFE\u{301}", vec!["Café au lait"]),
            ("100%", vec!["100% wool_sock"]),
            ("sock WO", vec!["100% wool_sock"]),
            ("ock", vec![]),
            ("%", vec![]),
            ("\\", vec![]),
            ("nothing", vec![]),
            ("  plain ", vec!["Plain"]),
        ] {
            assert_eq!(texts(&shop.list(&searched(q)).await, "title"), expected, "{q}");
        }
        assert_eq!(texts(&shop.list("q=привет&kind=page").await, "title"), ["привет ещё раз"]);
        assert_eq!(texts(&shop.list("status=published").await, "title"), ["привет ещё раз"]);
        assert_eq!(shop.list("status=archived").await["items"], json!([]));
        let long = "ж".repeat(201);
        let refused = shop.admin(Method::GET, &format!("/nodes?{}", searched(&long))).send().await.unwrap();
        problem(refused, 422, "validation_failed").await;
    }

    async fn lists_are_cut_into_pages_and_by_time(db) {
        let shop = Shop::open(db.url()).await;
        let mut made = Vec::new();
        for n in 0..5 {
            made.push(shop.create(&post(&format!("Node {n}"))).await);
        }
        let seen = all_pages(async |cursor: Option<&String>| {
            let after = cursor.map_or(String::new(), |cursor| format!("&after={cursor}"));
            let page = shop.list(&format!("limit=2{after}")).await;
            assert!(page["items"].as_array().unwrap().len() <= 2);
            (texts(&page, "title"), page["next_cursor"].as_str().map(str::to_owned))
        });
        let seen = seen.await;
        assert_eq!(seen, ["Node 4", "Node 3", "Node 2", "Node 1", "Node 0"]);
        let third = made[2]["updated_at"].as_str().unwrap();
        assert_eq!(texts(&shop.list(&format!("updated_after={third}")).await, "title"), ["Node 4", "Node 3", "Node 2"]);
        assert_eq!(texts(&shop.list(&format!("updated_before={third}")).await, "title"), ["Node 1", "Node 0"]);
        let too_many = shop.admin(Method::GET, "/nodes?limit=101").send().await.unwrap();
        assert_eq!(too_many.status(), StatusCode::UNPROCESSABLE_ENTITY);
    }
}
