//! Markup of editors: it survives, and the answer of a write names what was taken out of it.

use super::{Nodes, etag, post, shown};
use reqwest::Method;
use rustok_test_app::Shop;
use rustok_test_support::both_databases;
use serde_json::{Value, json};

fn removed(what: &str, name: &str, on: Option<&str>, count: u32) -> Value {
    let mut entry = json!({ "pointer": "#/body", "what": what, "name": name, "count": count });
    if let Some(on) = on {
        entry["on"] = json!(on);
    }
    entry
}

both_databases! {
    async fn a_write_names_what_was_taken_out_and_a_read_does_not(db) {
        let shop = Shop::open(db.url()).await;
        let mut new = post("Markup");
        new["body"] = json!("<p onclick=\"a()\" style=\"color:red;position:fixed\">Hi</p><script>b()</script><script>c()</script>\
                             <a href=\"javascript:d()\">x</a>");
        let create = || shop.admin(Method::POST, "/nodes").header("idempotency-key", "markup").json(&new);
        let response = create().send().await.unwrap();
        let tag = etag(&response);
        let mut made = shown(response, 201).await;
        assert_eq!(made["body_html"], "<p style=\"color: red\">Hi</p><a>x</a>");
        let named = json!([
            removed("attribute", "onclick", Some("p"), 1),
            removed("style", "position", Some("p"), 1),
            removed("element_with_content", "script", None, 2),
            removed("url", "javascript:", Some("a[href]"), 1),
        ]);
        assert_eq!(made["removed"], named);
        let replayed = create().send().await.unwrap();
        assert_eq!(replayed.headers()["idempotent-replayed"], "true");
        assert_eq!(shown(replayed, 201).await, made);

        // A read shows the rest under the same tag.
        let read = shop.node(Method::GET, &made).send().await.unwrap();
        assert_eq!(etag(&read), tag);
        made.as_object_mut().unwrap().remove("removed");
        assert_eq!(shown(read, 200).await, made);
        let published = shop.pass(&made, "publish").await;
        assert_eq!(published.get("removed"), None);
        let seen = shown(shop.store("/nodes/markup").send().await.unwrap(), 200).await;
        assert_eq!((&seen["body_html"], seen.get("removed")), (&made["body_html"], None));

        // A change of the text names it again, since the body still has it; one of the node alone does not.
        assert_eq!(shop.patch(&made, json!({ "title": "Other" })).await["removed"], named);
        assert_eq!(shop.patch(&made, json!({ "kind": "page" })).await.get("removed"), None);
        // What was made safe may be sent back, and loses nothing more.
        let again = shop.patch(&made, json!({ "body": made["body_html"] })).await;
        assert_eq!((&again["body_html"], again.get("removed")), (&made["body_html"], None));

        let path = format!("/nodes/{}/translations/ru", made["id"].as_str().unwrap());
        for status in [201, 200] {
            let russian = json!({ "title": "Привет", "body": "# <iframe></iframe>", "format": "markdown" });
            let put = shop.admin(Method::PUT, &path).header("if-match", "*").json(&russian);
            let put = shown(put.send().await.unwrap(), status).await;
            assert_eq!(put["removed"], json!([removed("element_with_content", "iframe", None, 1)]));
        }
    }

    async fn footnotes_paid_links_and_anchors_reach_the_reader(db) {
        let shop = Shop::open(db.url()).await;
        let mut new = post("Notes");
        new["format"] = json!("markdown");
        new["body"] = json!("## Team {#team}\n\nBy <a href=\"https://example.com\" rel=\"nofollow sponsored\">us</a>[^1].\n\n\
                             - [x] done\n\n[^1]: See www.example.com.\n");
        let made = shop.published(&new).await;
        assert_eq!(made.get("removed"), None);
        let seen = shown(shop.store("/nodes/notes").send().await.unwrap(), 200).await;
        let html = seen["body_html"].as_str().unwrap();
        for part in [
            "<h2 id=\"team\">", "rel=\"nofollow sponsored\"", "href=\"#fn-1\" id=\"fnref-1\"", "<li id=\"fn-1\">",
            "href=\"#fnref-1\"", "<input type=\"checkbox\" disabled=\"\" checked=\"\">",
            "<a href=\"http://www.example.com\">www.example.com</a>.",
        ] {
            assert!(html.contains(part), "{part} is missing in {html}");
        }
    }
}
