//! What happens to a file that is right, or has something wrong in it.

use super::*;

both_databases! {
    async fn a_file_is_sent_imported_and_reported(db) {
        let shop = apart(&db, &[]).await;
        let sent = sent(&shop, "shopify", products(25), &[("currency", b"EUR")]).await;
        let reported = ["status", "source", "currency", "locale", "dry_run", "file", "failure", "report"].map(|name| &sent[name]);
        let expected = json!(["queued", "shopify", "EUR", null, false, "shop.csv", null, null]);
        assert_eq!(json!(reported), expected);
        assert!(sent["actor"].as_str().unwrap().starts_with("token:"));
        let import = until(&shop, &sent["id"], has_ended).await;
        assert_eq!((&import["status"], counts(&import)), (&json!("succeeded"), [25, 0, 0, 0]), "{import:#}");
        assert_eq!(import["report"]["errors"], json!([]));
        assert_eq!(import["progress"]["bytes_read"], import["progress"]["bytes_total"]);
        assert_eq!(import["progress"]["bytes_total"], products(25).len());
        let product = listed(&shop, "/products?limit=1").await.remove(0);
        assert_eq!(product["variants"][0]["price"], json!({ "amount": "1.50", "currency": "EUR" }));
        has_files(&shop, 0).await;

        // The same file again changes nothing: that is why it needs no key.
        let again = imported(&shop, "shopify", products(25), &[("currency", b"EUR")]).await;
        assert_eq!((&again["status"], counts(&again)), (&json!("succeeded"), [0, 0, 25, 0]));
        assert_ne!(again["id"], import["id"]);
        let other = imported(&shop, "shopify", products(25).replace("Item 3,", "Thing 3,"), &[("currency", b"EUR")]).await;
        assert_eq!(counts(&other), [0, 1, 24, 0]);

        let wordpress = imported(&shop, "wordpress", posts(30), &[("locale", b"de"), ("dry_run", b"false")]).await;
        assert_eq!((&wordpress["locale"], counts(&wordpress)), (&json!("de"), [30, 0, 0, 0]), "{wordpress:#}");
        assert_eq!(listed(&shop, "/nodes?limit=100").await.len(), 30);

        let list = shop.admin(Method::GET, "/imports?limit=3").send().await.unwrap();
        let list: Value = list.json().await.unwrap();
        let ids: Vec<_> = list["items"].as_array().unwrap().iter().map(|import| &import["id"]).collect();
        assert_eq!(ids, [&wordpress["id"], &other["id"], &again["id"]]);
        assert_eq!(list["items"][0]["report"].get("errors"), None);
        let next = format!("/imports?after={}", list["next_cursor"].as_str().unwrap());
        assert_eq!(listed(&shop, &next).await[0]["id"], import["id"]);
    }

    async fn a_rehearsal_tells_all_and_keeps_nothing(db) {
        let shop = apart(&db, &[]).await;
        for _ in 0..2 {
            let rehearsed = imported(&shop, "shopify", products(5), &[("dry_run", b"true")]).await;
            assert_eq!((counts(&rehearsed), &rehearsed["dry_run"]), ([5, 0, 0, 0], &json!(true)));
        }
        assert!(listed(&shop, "/products").await.is_empty());
    }

    async fn what_is_broken_is_told_with_its_place(db) {
        let shop = apart(&db, &[]).await;
        let csv = "Handle,Title,Variant Price\ncup,Cup,1.50\njug,Jug,\"1,500\"\nlid,Lid,x\n,Lost,1\n";
        let import = imported(&shop, "shopify", csv, &[]).await;
        // A price that has two meanings or none costs only itself.
        assert_eq!((&import["status"], counts(&import)), (&json!("succeeded"), [3, 0, 0, 0]));
        let errors = import["report"]["errors"].as_array().unwrap();
        let places: Vec<_> = errors.iter().map(|e| (&e["file"], &e["line"], &e["column"])).collect();
        let file = json!("shop.csv");
        let expected = [(3, 9), (4, 9), (5, 1)].map(|(line, column)| (json!(line), json!(column)));
        assert_eq!(places, expected.each_ref().map(|(line, column)| (&file, line, column)));
        assert_eq!(import["report"]["error_count"], 3);

        // Cut off inside a row: what was before it is in.
        let cut = imported(&shop, "shopify", "Handle,Title,Variant Price\ntub,Tub,1\nvat,\"Va", &[]).await;
        assert_eq!((&cut["status"], counts(&cut)), (&json!("incomplete"), [1, 0, 0, 0]), "{cut:#}");
        assert!(cut["failure"].as_str().unwrap().contains("line 3"), "{cut:#}");

        // Many: so many are kept, all are counted.
        let bad: String = (0..1_200).map(|n| format!("p{n},P,x\n")).collect();
        let many = format!("Handle,Title,Variant Price\nok,Ok,1\n{bad}");
        let import = imported(&shop, "shopify", many, &[]).await;
        assert_eq!((import["report"]["errors"].as_array().unwrap().len(), &import["report"]["error_count"]), (1_000, &json!(1_200)));

        // Nothing of it can be read: it has failed, and says why.
        let import = imported(&shop, "shopify", "%PDF-1.7 this is no CSV", &[]).await;
        assert_eq!(import["status"], "failed", "{import:#}");
        assert!(import["failure"].as_str().unwrap().contains("nothing of the file"), "{import:#}");
        assert_eq!(import["report"]["error_count"], 1);
    }

    /// The files of `attacks/files.rs`, over HTTP.
    async fn files_that_are_made_to_hurt_are_text_or_refused(db) {
        let shop = apart(&db, &[]).await;
        let csv = "Handle,Title,Variant Price\nf-1,=cmd|'/C calc'!A0,1.00\nf-2,@SUM(1+1),=1+1\n";
        let import = imported(&shop, "shopify", csv, &[]).await;
        assert_eq!((counts(&import), &import["report"]["error_count"]), ([2, 0, 0, 0], &json!(1)));
        let titles: Vec<_> = listed(&shop, "/products").await.iter().map(|product| product["title"].clone()).collect();
        assert!(titles.contains(&json!("=cmd|'/C calc'!A0")) && titles.contains(&json!("@SUM(1+1)")), "{titles:?}");

        let secret = shop.server.command().folder().join("secret.txt");
        std::fs::write(&secret, "canary-of-a-file").unwrap();
        let laughs: String = (1..10)
            .map(|n| format!("<!ENTITY l{n} \"{}\">", format!("&l{};", n - 1).repeat(10)))
            .collect();
        let before = peak_bytes(&shop);
        for declared in [
            format!("<!ENTITY x SYSTEM \"file://{}\">", secret.display()),
            format!("<!ENTITY l0 \"lol\">{laughs}<!ENTITY x \"&l9;\">"),
        ] {
            let export = posts(1).replace("<rss ", &format!("<!DOCTYPE rss [{declared}]><rss "));
            let import = imported(&shop, "wordpress", export.replace("Post 1", "&x;"), &[]).await;
            assert_eq!(import["status"], "failed", "{import:#}");
            assert!(!import.to_string().contains("canary-of-a-file"));
            let reason = import["report"]["errors"][0]["reason"].as_str().unwrap();
            assert!(reason.contains("DOCTYPE") || reason.contains("entit"), "{reason}");
        }
        let grown = peak_bytes(&shop).saturating_sub(before);
        assert!(grown < 32 << 20, "{grown} bytes more");
        assert!(listed(&shop, "/nodes").await.is_empty());
    }

    async fn a_large_file_is_never_in_memory(db) {
        let shop = apart(&db, &[]).await;
        imported(&shop, "shopify", products(1), &[]).await;
        let before = peak_bytes(&shop);
        // No header: its import ends with the first line, and all the time goes into receiving it.
        let import = imported(&shop, "shopify", vec![b'x'; 64 << 20], &[]).await;
        assert_eq!((&import["status"], &import["progress"]["bytes_total"]), (&json!("failed"), &json!(64 << 20)));
        let grown = peak_bytes(&shop) - before;
        assert!(grown < 24 << 20, "{grown} bytes more");
    }
}

/// What the database will not take is not tried for ever: the import fails, and what it brought stays.
#[tokio::test]
async fn an_import_whose_report_cannot_be_stored_has_failed() {
    let db = TestDatabase::postgres().await;
    let shop = apart(&db, &[]).await;
    db.superuser_run("ALTER TABLE imports ADD CHECK (report IS NULL)")
        .await;
    let import = imported(&shop, "shopify", products(3), &[]).await;
    assert_eq!(
        (&import["status"], &import["report"]),
        (&json!("failed"), &json!(null))
    );
    let why = "it was read to its end, but its report could not be stored";
    assert_eq!(import["failure"], why);
    assert_eq!(listed(&shop, "/products").await.len(), 3);
    has_files(&shop, 0).await;
}
