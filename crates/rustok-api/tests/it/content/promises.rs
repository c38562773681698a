//! What a request about content says is obeyed or refused: dates, terms, locales, names.

use super::{Nodes, etag, post, shown, texts};
use reqwest::{Method, Response};
use rustok_test_app::{Directory, Shop, errors, problem};
use rustok_test_support::both_databases;
use serde_json::{Value, json};

async fn refused(response: Response) -> Vec<String> {
    errors(&problem(response, 422, "validation_failed").await)
}

/// A new post filed under these terms; the slugs of the terms, in their order.
async fn filed(shop: &Shop, terms: Value) -> Vec<String> {
    let mut node = post("Filed");
    node["terms"] = terms;
    let made = shop.create(&node).await;
    let terms = made["terms"].as_array().unwrap();
    terms
        .iter()
        .map(|term| term["slug"].as_str().unwrap().to_owned())
        .collect()
}

async fn with_locales(shop: &Shop, locales: Value) {
    Directory::of(shop).await.set(json!({ "locales": locales })).await;
}

async fn translation(shop: &Shop, node: &Value, method: Method, locale: &str) -> Response {
    let path = format!("/nodes/{}/translations/{locale}", node["id"].as_str().unwrap());
    let request = shop.admin(method.clone(), &path);
    let request = match method {
        Method::PUT => request.json(&json!({ "title": format!("In {locale}") })),
        _ => request,
    };
    request.send().await.unwrap()
}

both_databases! {
    async fn an_embargo_is_never_broken(db) {
        let shop = Shop::open(db.url()).await;
        let node = shop.published(&post("Report")).await;
        let first = node["published_at"].clone();
        let draft = shop.pass(&node, "unpublish").await;
        for date in ["2999-01-01T00:00:00Z", "2001-01-01T00:00:00Z"] {
            let response = shop.node_post(&node, "publish", json!({ "published_at": date })).await;
            assert_eq!(refused(response).await, ["#/published_at published_at_fixed"]);
        }
        problem(shop.store("/nodes/report").send().await.unwrap(), 404, "node_not_found").await;
        let still = shown(shop.node(Method::GET, &node).send().await.unwrap(), 200).await;
        assert_eq!((&still["status"], &still["version"]), (&json!("draft"), &draft["version"]));
        // Its own date is no other one.
        let again = shown(shop.node_post(&node, "publish", json!({ "published_at": first })).await, 200).await;
        assert_eq!(again["published_at"], first);
        shown(shop.store("/nodes/report").send().await.unwrap(), 200).await;
        // The same holds after an archive, and for a published node with a newer text.
        shop.pass(&node, "archive").await;
        shop.pass(&node, "restore").await;
        let response = shop.node_post(&node, "publish", json!({ "published_at": "2999-01-01T00:00:00Z" })).await;
        assert_eq!(refused(response).await, ["#/published_at published_at_fixed"]);
        shop.pass(&node, "publish").await;
        shop.patch(&node, json!({ "title": "Newer" })).await;
        let response = shop.node_post(&node, "publish", json!({ "published_at": "2999-01-01T00:00:00Z" })).await;
        assert_eq!(refused(response).await, ["#/published_at published_at_fixed"]);
        let own = shown(shop.node_post(&node, "publish", json!({ "published_at": first })).await, 200).await;
        assert_eq!((&own["published_at"], &own["title"]), (&first, &json!("Newer")));
        // Nor does a deleted one forget when it was public; no other way in takes a date.
        shop.pass(&node, "unpublish").await;
        shop.delete(&node).await;
        let back = shown(shop.node_post(&node, "undelete", json!({})).await, 200).await;
        let response = shop.node_post(&node, "publish", json!({ "published_at": "2999-01-01T00:00:00Z" })).await;
        assert_eq!(refused(response).await, ["#/published_at published_at_fixed"]);
        let mut dated = post("Dated at once");
        dated["published_at"] = first.clone();
        let response = shop.admin(Method::POST, "/nodes").json(&dated).send().await.unwrap();
        assert_eq!(refused(response).await, ["#/published_at unknown_member"]);
        let patch = shop.node(Method::PATCH, &node).header("if-match", "*").json(&json!({ "published_at": first }));
        assert_eq!(refused(patch.send().await.unwrap()).await, ["#/published_at unknown_member"]);
        assert_eq!(back["status"], "draft");
        let again = shown(shop.node_post(&node, "publish", json!({})).await, 200).await;
        assert_eq!(again["published_at"], first);

        // A date that was never reached was no publication: it may be another one.
        let node = shop.create(&post("Planned")).await;
        let plan = |date: &str| json!({ "published_at": date });
        shown(shop.node_post(&node, "publish", plan("2999-01-01T00:00:00Z")).await, 200).await;
        shop.pass(&node, "unpublish").await;
        let moved = shown(shop.node_post(&node, "publish", plan("2998-01-01T00:00:00Z")).await, 200).await;
        assert_eq!(moved["published_at"], "2998-01-01T00:00:00Z");
        assert_eq!(texts(&shop.store_list("").await, "slug"), ["report"]);
    }

    async fn times_are_what_the_database_keeps(db) {
        let shop = Shop::open(db.url()).await;
        let node = shop.create(&post("Dated")).await;
        let date = json!({ "published_at": "2031-02-03T04:05:06.123456789+01:00" });
        let published = shop.node_post(&node, "publish", date).await;
        let tag = etag(&published);
        assert_eq!(shown(published, 200).await["published_at"], "2031-02-03T03:05:06.123456Z");
        let read = shop.node(Method::GET, &node).send().await.unwrap();
        assert_eq!(etag(&read), tag);
        for wrong in ["2031-02-03", "soon", "-009999-01-02T00:00:00Z", "+010000-01-01T00:00:00Z", "2031-02-30T00:00:00Z"] {
            let response = shop.node_post(&node, "publish", json!({ "published_at": wrong })).await;
            assert_eq!(response.status(), 422, "{wrong}");
        }
        let list = shop.list("updated_after=2001-01-01T00:00:00.0000009Z").await;
        assert_eq!(texts(&list, "slug"), ["dated"]);
        let far = shop.admin(Method::GET, "/nodes?updated_after=-009999-01-02T00:00:00Z").send().await.unwrap();
        assert_eq!(refused(far).await, ["?updated_after invalid"]);
    }

    async fn terms_are_what_they_are_called_below_their_category(db) {
        let shop = Shop::open(db.url()).await;
        let tag = |name: &str| json!({ "taxonomy": "tag", "name": name });
        assert_eq!(filed(&shop, json!([tag("C"), tag("C++"), tag("C#")])).await, ["c", "c-2", "c-3"]);
        // Each is found again by its name, in any case.
        assert_eq!(filed(&shop, json!([tag("c#")])).await, ["c-3"]);
        assert_eq!(filed(&shop, json!([tag(" C++\u{200b} "), tag("c++"), tag("C")])).await, ["c", "c-2"]);
        assert_eq!(filed(&shop, json!([tag("Vec<String>"), tag("Vec")])).await.len(), 2);

        let category = |name: &str, parent: Option<&str>| json!({ "taxonomy": "category", "name": name, "parent": parent });
        filed(&shop, json!([category("Men", None), category("Women", None)])).await;
        assert_eq!(filed(&shop, json!([category("Shoes", Some("men"))])).await, ["shoes"]);
        assert_eq!(filed(&shop, json!([category("Shoes", Some("women"))])).await, ["shoes-2"]);
        assert_eq!(filed(&shop, json!([category("SHOES", Some("men"))])).await, ["shoes"]);
        assert_eq!(filed(&shop, json!([category("Shoes", None)])).await, ["shoes-3"]);
        let mut women = post("For her");
        women["terms"] = json!([category("Shoes", Some("women"))]);
        shop.published(&women).await;
        assert_eq!(texts(&shop.store_list("category=women").await, "title"), ["For her"]);
        assert_eq!(shop.store_list("category=men").await["items"], json!([]));

        // What is said of a term that is there must be true of it.
        for (term, pointer) in [
            (json!({ "taxonomy": "tag", "slug": "c", "name": "C++" }), "#/terms/0/name mismatch"),
            (json!({ "taxonomy": "category", "slug": "shoes", "parent": "women" }), "#/terms/0/parent mismatch"),
        ] {
            let mut node = post("x");
            node["terms"] = json!([term]);
            let response = shop.admin(Method::POST, "/nodes").json(&node).send().await.unwrap();
            assert_eq!(refused(response).await, [pointer]);
        }
        let mut node = post("x");
        node["author"] = json!({ "login": "jane", "name": "Jane" });
        shop.create(&node).await;
        node["author"] = json!({ "login": "jane", "name": "June" });
        let response = shop.admin(Method::POST, "/nodes").json(&node).send().await.unwrap();
        assert_eq!(refused(response).await, ["#/author/name mismatch"]);
    }

    async fn many_terms_of_one_slug_are_made_at_once(db) {
        let shop = Shop::open(db.url()).await;
        let names = ["C", "C+", "C++", "C#", "C!", "C?"];
        let made = names.iter().cycle().take(24).map(|name| {
            let mut node = post("Filed");
            node["terms"] = json!([{ "taxonomy": "tag", "name": name }]);
            let request = shop.admin(Method::POST, "/nodes").json(&node);
            async move { (*name, shown(request.send().await.unwrap(), 201).await["terms"][0]["slug"].clone()) }
        });
        let mut made = futures_util::future::join_all(made).await;
        made.sort_by_key(|(name, slug)| (*name, slug.to_string()));
        made.dedup();
        assert_eq!(made.len(), names.len(), "each name has one slug: {made:?}");
    }

    async fn only_the_locales_of_the_tenant_are_written_and_shown(db) {
        let shop = Shop::open(db.url()).await;
        let node = shop.create(&post("Hello")).await;
        for locale in ["ru", "de"] {
            shown(translation(&shop, &node, Method::PUT, locale).await, 201).await;
        }
        shop.pass(&node, "publish").await;
        let mut only = post("Nur");
        only["locale"] = json!("de");
        shop.published(&only).await;
        let shown_in = async |query: &str| {
            let response = shop.store(&format!("/nodes/hello{query}")).send().await.unwrap();
            shown(response, 200).await["locale"].clone()
        };
        // No list is all.
        assert_eq!(shown_in("?locale=de").await, "de");

        with_locales(&shop, json!(["ru"])).await;
        assert_eq!((shown_in("").await, shown_in("?locale=ru").await), (json!("en"), json!("ru")));
        assert_eq!(shown_in("?locale=de").await, "en");
        for hidden in ["/nodes/nur", "/nodes/in-de"] {
            problem(shop.store(hidden).send().await.unwrap(), 404, "node_not_found").await;
        }
        assert_eq!(texts(&shop.store_list("locale=de").await, "title"), ["Hello"]);
        let put = translation(&shop, &node, Method::PUT, "fr").await;
        assert_eq!(refused(put).await, ["#/locale locale_not_listed"]);
        let create = shop.admin(Method::POST, "/nodes").json(&only).send().await.unwrap();
        assert_eq!(refused(create).await, ["#/locale locale_not_listed"]);
        // A text from before may be looked at and taken away, not written.
        let path = format!("/nodes/{}?locale=de", node["id"].as_str().unwrap());
        shown(shop.admin(Method::GET, &path).send().await.unwrap(), 200).await;
        let patch = shop.admin(Method::PATCH, &path).header("if-match", "*");
        let patch = patch.json(&json!({ "title": "Anders" })).send().await.unwrap();
        assert_eq!(refused(patch).await, ["#/locale locale_not_listed"]);

        with_locales(&shop, json!([])).await;
        assert_eq!(shown_in("?locale=de").await, "de");
        shown(translation(&shop, &node, Method::PUT, "fr").await, 201).await;
    }

    async fn a_translation_is_taken_away(db) {
        let shop = Shop::open(db.url()).await;
        let node = shop.create(&post("Hello")).await;
        let locales = |node: &Value| {
            let states = node["locales"].as_array().unwrap().iter();
            states.map(|state| state["locale"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
        };
        shown(translation(&shop, &node, Method::PUT, "ru").await, 201).await;
        problem(translation(&shop, &node, Method::DELETE, "en").await, 409, "original_translation").await;
        problem(translation(&shop, &node, Method::DELETE, "de").await, 404, "translation_not_found").await;
        problem(translation(&shop, &node, Method::DELETE, "german").await, 422, "validation_failed").await;
        // A draft loses it at once, and the address is free.
        let gone = shown(translation(&shop, &node, Method::DELETE, "ru").await, 200).await;
        assert_eq!((locales(&gone), &gone["locale"], &gone["version"]), (vec!["en".to_owned()], &json!("en"), &json!(3)));
        problem(translation(&shop, &node, Method::DELETE, "ru").await, 404, "translation_not_found").await;
        let mut other = post("In ru");
        other["locale"] = json!("ru");
        assert_eq!(shop.create(&other).await["slug"], "in-ru");
        shown(translation(&shop, &node, Method::PUT, "ru").await, 201).await;
        shop.pass(&node, "publish").await;

        // What is live stays until the next publish.
        let stale = shop.admin(Method::DELETE, &format!("/nodes/{}/translations/ru", node["id"].as_str().unwrap()));
        problem(stale.header("if-match", "\"1.0\"").send().await.unwrap(), 412, "version_conflict").await;
        let removed = shown(translation(&shop, &node, Method::DELETE, "ru").await, 200).await;
        assert_eq!((&removed["locales"][1]["is_removed"], &removed["locales"][1]["slug"]), (&json!(true), &Value::Null));
        assert!(removed["allowed_transitions"].as_array().unwrap().contains(&json!("publish")));
        let path = format!("/nodes/{}?locale=ru", node["id"].as_str().unwrap());
        problem(shop.admin(Method::GET, &path).send().await.unwrap(), 404, "translation_not_found").await;
        assert_eq!(shop.list("q=in ru&kind=post&status=published").await["items"], json!([]));
        let live = shown(shop.store("/nodes/hello?locale=ru").send().await.unwrap(), 200).await;
        assert_eq!(live["title"], "In ru");
        let published = shop.pass(&node, "publish").await;
        assert_eq!(locales(&published), ["en"]);
        let live = shown(shop.store("/nodes/hello?locale=ru").send().await.unwrap(), 200).await;
        assert_eq!(live["title"], "Hello");

        // Written again before the publish, it stays.
        shown(translation(&shop, &node, Method::PUT, "ru").await, 201).await;
        shop.pass(&node, "publish").await;
        shown(translation(&shop, &node, Method::DELETE, "ru").await, 200).await;
        let again = shown(translation(&shop, &node, Method::PUT, "ru").await, 201).await;
        assert_eq!(again["locales"][1]["is_removed"], false);
        shop.pass(&node, "publish").await;
        let live = shown(shop.store("/nodes/hello?locale=ru").send().await.unwrap(), 200).await;
        assert_eq!(live["title"], "In ru");
        // With the node taken back, nothing is live that could stay.
        shown(translation(&shop, &node, Method::DELETE, "ru").await, 200).await;
        assert_eq!(locales(&shop.pass(&node, "unpublish").await), ["en"]);
    }

    async fn readers_get_the_nearest_language(db) {
        let shop = Shop::open(db.url()).await;
        let mut node = post("原文");
        node["locale"] = json!("ja");
        node["slug"] = json!("text");
        let node = shop.create(&node).await;
        for locale in ["zh-Hans", "zh-Hant", "pt-BR", "de"] {
            shown(translation(&shop, &node, Method::PUT, locale).await, 201).await;
        }
        shop.pass(&node, "publish").await;
        for (wanted, expected) in [
            ("zh-TW", "zh-Hant"), ("zh-HK", "zh-Hant"), ("zh-CN", "zh-Hans"), ("zh", "zh-Hans"), ("pt", "pt-BR"),
            ("pt-PT", "pt-BR"), ("de-AT", "de"), ("fr", "ja"), ("en", "ja"), ("fr, zh-TW;q=0.5", "zh-Hant"),
        ] {
            let request = shop.store("/nodes/text").header("accept-language", wanted);
            assert_eq!(shown(request.send().await.unwrap(), 200).await["locale"], expected, "{wanted}");
            let list = shop.store("/nodes").header("accept-language", wanted).send().await.unwrap();
            assert_eq!(texts(&shown(list, 200).await, "locale"), [expected], "{wanted}");
        }
        // The administration too shows what the node was written in when the default is not there.
        assert_eq!(shown(shop.node(Method::GET, &node).send().await.unwrap(), 200).await["locale"], "ja");
        assert_eq!(texts(&shop.list("").await, "locale"), ["ja"]);
        assert_eq!(texts(&shop.list("locale=zh-TW").await, "locale"), ["zh-Hant"]);
    }

    async fn invisible_characters_vanish_from_titles_and_slugs(db) {
        let shop = Shop::open(db.url()).await;
        let made = shop.create(&post("Te\u{ad}a\u{200b} \u{202e}time\u{feff}")).await;
        assert_eq!((&made["title"], &made["slug"]), (&json!("Tea time"), &json!("tea-time")));
        assert_eq!(texts(&shop.list("q=tea time").await, "title"), ["Tea time"]);
        let only = shop.admin(Method::POST, "/nodes").json(&post("\u{200b}\u{3164}")).send().await.unwrap();
        assert_eq!(refused(only).await, ["#/title required"]);
        let istanbul = shop.create(&post("İstanbul")).await;
        assert_eq!(istanbul["slug"], "istanbul");
        assert_eq!(shop.create(&post("istanbul")).await["slug"], "istanbul-2");
        shop.pass(&made, "publish").await;
        for address in ["/nodes/tea-time", "/nodes/te\u{200b}a-time", "/nodes/t\u{ad}ea-time"] {
            shown(shop.store(address).send().await.unwrap(), 200).await;
        }
    }
}
