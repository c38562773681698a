//! Pages of nodes: bodies only for who asks for them, and never more than about 2 MB.

use super::*;
use rustok_test_support::all_pages;

/// About how large a page may be, with what is around the bodies.
const MOST: usize = 3 << 20;

/// A published node with a body of so many bytes.
async fn large(shop: &Shop, title: &str, bytes: usize) -> Value {
    let paragraph = format!("<p>{}</p>", "x".repeat(1_000));
    let node = json!({
        "kind": "post", "locale": "en", "title": title, "excerpt": "in short", "format": "html",
        "body": paragraph.repeat(bytes / paragraph.len()),
    });
    let made = shop.create(&node).await;
    shop.pass(&made, "publish").await
}

async fn list(shop: &Shop, path: &str, after: Option<&String>) -> (usize, Value) {
    let after = after.map(|after| format!("&after={after}")).unwrap_or_default();
    let answer = admin_or_store(shop, &format!("{path}{after}")).await;
    assert_eq!(answer.status(), 200);
    let bytes = answer.bytes().await.unwrap();
    (bytes.len(), serde_json::from_slice(&bytes).unwrap())
}

async fn admin_or_store(shop: &Shop, path: &str) -> Response {
    let request = shop.request(Method::GET, path).bearer_auth(&shop.token);
    request.send().await.unwrap()
}

both_databases! {
    async fn a_list_has_bodies_only_if_it_is_asked_for_them(db) {
        let shop = Shop::open(db.url()).await;
        large(&shop, "One", 10_000).await;
        for path in ["/api/store/v1/nodes", "/api/admin/v1/nodes"] {
            let (_, plain) = list(&shop, &format!("{path}?limit=100"), None).await;
            let item = &plain["items"][0];
            assert_eq!((&item["title"], &item["excerpt"]), (&json!("One"), &json!("in short")), "{path}");
            for member in ["body", "body_html", "format"] {
                assert_eq!(item.get(member), None, "{path} {member}");
            }
            let (_, whole) = list(&shop, &format!("{path}?include=body"), None).await;
            let item = &whole["items"][0];
            assert!(item["body"].as_str().unwrap().len() > 9_000 && item["format"] == "html", "{path}");
            assert_eq!(item["body"], item["body_html"], "{path}");
            let refused = admin_or_store(&shop, &format!("{path}?include=everything")).await;
            problem(refused, 422, "validation_failed").await;
        }
    }

    /// What is asked for with 60 bytes is not answered with 60 MB.
    async fn a_page_ends_before_it_is_too_heavy(db) {
        let shop = Shop::open(db.url()).await;
        let mut titles: Vec<String> = Vec::new();
        for (n, bytes) in [900_000, 10_000, 900_000, 900_000, 500_000, 500_000, 20_000].into_iter().enumerate() {
            titles.insert(0, format!("{n}"));
            large(&shop, &titles[0], bytes).await;
        }
        for path in ["/api/store/v1/nodes", "/api/admin/v1/nodes"] {
            // A second time, when the texts are known already.
            for _ in 0..2 {
                let mut pages = 0;
                let whole = format!("{path}?limit=100&include=body");
                let shown = all_pages(async |after: Option<&String>| {
                    let (bytes, page) = list(&shop, &whole, after).await;
                    assert!(bytes < MOST, "{path}: {bytes}");
                    pages += 1;
                    (texts(&page, "title"), page["next_cursor"].as_str().map(str::to_owned))
                })
                .await;
                assert_eq!(shown, titles, "{path}");
                assert!(pages > 2, "{path}: {pages}");
            }
            let (bytes, page) = list(&shop, &format!("{path}?limit=100"), None).await;
            assert_eq!((texts(&page, "title").len(), &page["next_cursor"]), (7, &Value::Null), "{path}");
            assert!(bytes < 10_000, "{path}: {bytes}");
        }
    }

    /// A hundred are asked for, but only those that fit are read, and once the one that does not fit any more.
    async fn texts_behind_a_full_page_are_not_read(db) {
        let shop = Shop::open(db.url()).await;
        for n in 0..4 {
            large(&shop, &n.to_string(), 900_000).await;
        }
        let reads = || {
            let operations = shop.server.services().store.times().operations.into_iter();
            let of_texts = operations.filter(|of| (of.operation, of.table) == ("SELECT", "node_revisions"));
            of_texts.map(|of| of.durations.count()).sum::<u64>()
        };
        let path = "/api/store/v1/nodes?limit=100&include=body";
        let (_, first) = list(&shop, path, None).await;
        list(&shop, path, None).await;
        let before = reads();
        assert!(before > 0, "the reads are not counted under these names");
        let (_, again) = list(&shop, path, None).await;
        assert_eq!((first, reads()), (again, before));
    }
}
