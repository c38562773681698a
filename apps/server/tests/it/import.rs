//! Imports by the command line beside a running server: two whole exports, broken ones, repeated ones, rehearsals.

mod real_files;

use crate::platform::{Shop, printed, rustok, tenant};
use reqwest::{Method, Response, StatusCode};
use rustok_core::clock::{Clock, SystemClock, Timestamp};
use rustok_test_app::Directory;
use rustok_test_support::{Finished, Lateness, ServerCommand, all_pages, both_databases};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tokio::time::Instant;

/// An export of the importer's own tests; the README.md beside it says what is in it.
fn export(name: &str) -> PathBuf {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../crates/rustok-import/tests/data");
    folder.join(name).canonicalize().unwrap()
}

/// 24 products.
fn shop_csv() -> PathBuf {
    export("shop.csv")
}

/// 35 posts and pages, and 12 items that are left out.
fn site_xml() -> PathBuf {
    export("site.wxr.xml")
}

async fn import(command: &ServerCommand, kind: &str, file: &Path, slug: &str, more: &[&str]) -> Finished {
    let file = file.to_str().unwrap();
    command
        .run(&[&["import", kind, file, "--tenant", slug, "--json"], more].concat())
        .await
}

/// An import without errors.
async fn imported(command: &ServerCommand, kind: &str, file: &Path, slug: &str) -> Value {
    printed(import(command, kind, file, slug, &[]).await)
}

/// The report of an import with errors, which ends with 1.
async fn refused(command: &ServerCommand, kind: &str, file: &Path, slug: &str) -> Value {
    let finished = import(command, kind, file, slug, &[]).await;
    assert_eq!(finished.code, Some(1), "{finished:#?}");
    assert!(finished.stderr.contains("could not be imported"), "{finished:#?}");
    serde_json::from_str(&finished.stdout).unwrap()
}

fn counts(report: &Value) -> [u64; 4] {
    ["created", "updated", "unchanged", "skipped"].map(|name| report[name].as_u64().unwrap())
}

fn places(report: &Value) -> Vec<(u64, u64)> {
    let errors = report["errors"].as_array().unwrap().iter();
    errors
        .map(|error| (error["line"].as_u64().unwrap(), error["column"].as_u64().unwrap()))
        .collect()
}

async fn body(response: Response, status: StatusCode) -> Value {
    let seen = response.status();
    let text = response.text().await.unwrap();
    assert_eq!(seen, status, "{text}");
    serde_json::from_str(&text).unwrap()
}

/// All items of a list of a tenant, over all its pages.
async fn all(shop: &Shop, slug: &str, path: &str) -> Vec<Value> {
    all_pages(async |cursor: Option<&String>| {
        let join = if path.contains('?') { '&' } else { '?' };
        let after = cursor.map_or(String::new(), |cursor| format!("&after={cursor}"));
        let page = format!("{path}{join}limit=100{after}");
        let request = shop.request_to(slug, Method::GET, &page).bearer_auth(&shop.token);
        let mut page = body(request.send().await.unwrap(), StatusCode::OK).await;
        let items = std::mem::take(page["items"].as_array_mut().unwrap());
        (items, page["next_cursor"].as_str().map(str::to_owned))
    })
    .await
}

async fn store(shop: &Shop, path: &str) -> Vec<Value> {
    all(shop, shop.slug, &format!("/api/store/v1{path}")).await
}

async fn admin(shop: &Shop, path: &str) -> Vec<Value> {
    all(shop, shop.slug, &format!("/api/admin/v1{path}")).await
}

/// A product as the public sees it.
async fn product(shop: &Shop, handle: &str) -> Value {
    let found = shop.request(Method::GET, &format!("/api/store/v1/products/{handle}"));
    body(found.send().await.unwrap(), StatusCode::OK).await
}

/// A product as the administration sees it.
async fn in_admin(shop: &Shop, handle: &str) -> Value {
    let mut products = admin(shop, "/products").await;
    let at = products
        .iter()
        .position(|product| product["handle"] == handle)
        .unwrap();
    products.swap_remove(at)
}

async fn status_of(shop: &Shop, path: &str) -> StatusCode {
    shop.request(Method::GET, &format!("/api/store/v1{path}"))
        .send()
        .await
        .unwrap()
        .status()
}

/// Changes one member of what is at `path`.
async fn patch(shop: &Shop, path: &str, change: Value) {
    let request = shop
        .admin(Method::PATCH, path)
        .header("if-match", "*")
        .json(&change);
    body(request.send().await.unwrap(), StatusCode::OK).await;
}

/// Titles of the posts and pages of an export that anybody may see now, read without any of our own readers.
fn public_ids(export: &str, now: Timestamp) -> BTreeSet<String> {
    let text = |item: &str, tag: &str| {
        let inside = item
            .split_once(&format!("<{tag}>"))
            .and_then(|(_, rest)| rest.split_once(&format!("</{tag}>")));
        let inside = inside.map_or("", |(inside, _)| inside);
        inside
            .trim_start_matches("<![CDATA[")
            .trim_end_matches("]]>")
            .to_owned()
    };
    let items = export.split("<item>").skip(1);
    let public = items.filter(|item| {
        let date = format!("{}Z", text(item, "wp:post_date_gmt").replace(' ', "T"));
        matches!(&*text(item, "wp:post_type"), "post" | "page")
            && matches!(&*text(item, "wp:status"), "publish" | "future")
            && text(item, "wp:post_password").is_empty()
            && date.parse::<Timestamp>().unwrap() <= now
    });
    public.map(|item| text(item, "wp:post_id")).collect()
}

/// A file beside the server's own.
fn file(command: &ServerCommand, name: &str, content: impl AsRef<[u8]>) -> PathBuf {
    let path = command.folder().join(name);
    std::fs::write(&path, content).unwrap();
    path
}

/// A CSV of as many products, each with a track of stock.
fn products(count: usize) -> String {
    let mut csv =
        "Handle,Title,Variant SKU,Variant Price,Variant Inventory Tracker,Variant Inventory Qty\n".to_owned();
    for number in 0..count {
        csv.push_str(&format!(
            "item-{number},Item {number},S{number},{}.50,shopify,3\n",
            number % 90 + 1
        ));
    }
    csv
}

both_databases! {
    async fn a_shop_comes_in_beside_the_server(db) {
        let shop = Shop::start(rustok(db.url())).await;
        let command = shop.server.command();
        let first = imported(command, "shopify", &shop_csv(), "shop1").await;
        assert_eq!(counts(&first), [24, 0, 0, 0], "{first}");
        assert_eq!((&first["errors"], &first["error_count"]), (&json!([]), &json!(0)));

        // A draft, one that is not on the web and an archived one are not for the public.
        assert_eq!(admin(&shop, "/products").await.len(), 24);
        assert_eq!(admin(&shop, "/products?status=draft").await.len(), 2);
        assert_eq!(admin(&shop, "/products?status=archived").await.len(), 1);
        let shown = store(&shop, "/products").await;
        assert_eq!(shown.len(), 21);
        assert_eq!(shown.iter().map(|product| product["variants"].as_array().unwrap().len()).sum::<usize>(), 31);
        let sweater = product(&shop, "harbour-sweater").await;
        assert_eq!((&sweater["vendor"], &sweater["tags"]), (&json!("North Pier"), &json!(["women"])));
        assert_eq!(sweater["images"].as_array().unwrap().len(), 1);
        let variants = sweater["variants"].as_array().unwrap();
        let reported: Vec<_> = variants.iter().map(|v| (&v["title"], &v["price"], &v["available"], &v["sku"])).collect();
        let price = json!({ "amount": "60.00", "currency": "USD" });
        assert_eq!(reported.len(), 3);
        for (variant, title) in reported.iter().zip(["Small", "Medium", "Large"]) {
            assert_eq!(*variant, (&json!(title), &price, &Value::Null, &Value::Null));
        }
        // What is counted: some, none, fewer than none where that may be sold and where it may not, no number.
        for (handle, available) in
            [("ceramic-bowl", 12), ("walnut-spoon", 0), ("storm-lantern", -3), ("oversold-candle", 0)]
        {
            assert_eq!(in_admin(&shop, handle).await["variants"][0]["available"], available, "{handle}");
        }
        // Without a number it is not sold out.
        assert_eq!(in_admin(&shop, "brass-compass").await["variants"][0]["available"], Value::Null);
        let bowl = product(&shop, "ceramic-bowl").await;
        assert_eq!(bowl["variants"][0]["compare_at_price"], json!({ "amount": "24.00", "currency": "USD" }));
        let flags = product(&shop, "signal-flags").await;
        assert_eq!(flags["description_html"], "<table><tbody><tr><td>A</td><td>Alfa</td></tr></tbody></table>");
        assert_eq!(product(&shop, "пиала-синяя").await["title"], "Пиала «Синяя»");

        // The source did not change, so an edit made here stays.
        let id = sweater["id"].as_str().unwrap();
        patch(&shop, &format!("/products/{id}"), json!({ "title": "Our Sweater" })).await;
        let again = imported(command, "shopify", &shop_csv(), "shop1").await;
        assert_eq!(counts(&again), [0, 0, 24, 0], "{again}");
        let titles: Vec<_> = store(&shop, "/products").await.iter().map(|p| p["title"].clone()).collect();
        assert!(titles.len() == 21 && titles.contains(&json!("Our Sweater")), "{titles:?}");

        // Now it does, and the edit stays unless it is said to be overwritten; in one product only.
        let changed = std::fs::read_to_string(shop_csv()).unwrap().replace("Harbour Sweater", "Harbour Sweater II");
        let path = file(command, "changed.csv", changed);
        let kept = imported(command, "shopify", &path, "shop1").await;
        assert_eq!(counts(&kept), [0, 0, 24, 0], "{kept}");
        assert!(kept["notes"][0]["reason"].as_str().unwrap().contains("title"), "{kept}");
        assert_eq!(product(&shop, "harbour-sweater").await["title"], "Our Sweater");
        let changed = printed(import(command, "shopify", &path, "shop1", &["--overwrite"]).await);
        assert_eq!(counts(&changed), [0, 1, 23, 0], "{changed}");
        let sweater = product(&shop, "harbour-sweater").await;
        assert_eq!((&sweater["title"], &sweater["id"]), (&json!("Harbour Sweater II"), &json!(id)));
    }

    async fn a_site_comes_in_beside_the_server(db) {
        let shop = Shop::start(rustok(db.url())).await;
        let command = shop.server.command();
        let first = imported(command, "wordpress", &site_xml(), "shop1").await;
        assert_eq!(counts(&first), [35, 0, 0, 12], "{first}");
        let left_out = json!({
            "attachment": 4, "comment": 6, "custom_css": 1, "nav_menu term": 2, "nav_menu_item": 5, "status trash": 1, "wp_block": 1,
        });
        for (reason, count) in left_out.as_object().unwrap() {
            assert_eq!(&first["skipped_by_reason"][reason], count, "{first}");
        }

        let export = std::fs::read_to_string(site_xml()).unwrap();
        let expected = public_ids(&export, SystemClock.now());
        let shown = store(&shop, "/nodes").await;
        assert_eq!(shown.len(), expected.len());
        assert!(expected.len() >= 29 && !expected.contains("104"), "all but four drafts, one with a password, one of 2030");
        assert_eq!(store(&shop, "/nodes?kind=page").await.len(), 6);
        assert_eq!(admin(&shop, "/nodes").await.len(), 35);
        assert_eq!(admin(&shop, "/nodes?status=draft").await.len(), 5, "two drafts, one pending, one private, one with a password");
        // Published, but only from 2030 on.
        let scheduled = admin(&shop, "/nodes?q=Regatta&include=body").await.remove(0);
        assert_eq!((&scheduled["status"], &scheduled["published_at"]), (&json!("published"), &json!("2030-01-01T19:00:18Z")));
        assert_eq!(status_of(&shop, "/nodes/regatta").await, StatusCode::NOT_FOUND);
        let html = scheduled["body_html"].as_str().unwrap();
        assert!(html.contains("ahead.</p>\n<p>Nobody"), "blank lines part paragraphs: {html}");
        // Slugs: percent-encoded, doubled, made from the title.
        assert_eq!(status_of(&shop, "/nodes/λιμάνι-2").await, StatusCode::OK);
        let slugs: BTreeSet<_> = admin(&shop, "/nodes").await.iter().map(|n| n["slug"].to_string()).collect();
        assert_eq!(slugs.len(), 35, "every node has a slug of its own");
        for slug in ["twice", "twice-2", "a-letter-without-an-address", "יומן-הים"] {
            assert!(slugs.contains(&json!(slug).to_string()), "{slug}: {slugs:?}");
        }

        // Terms, also by the categories above them.
        let nested = store(&shop, "/nodes?category=harbour").await;
        let below = store(&shop, "/nodes?category=rowing-boats").await;
        assert_eq!((nested.len(), below.len()), (7, 2));
        assert!(below.iter().all(|node| nested.iter().any(|other| other["id"] == node["id"])));
        let filed: usize = admin(&shop, "/nodes").await.iter().map(|n| n["terms"].as_array().unwrap().len()).sum();
        assert_eq!(filed, 29 + 7, "categories and tags of all nodes");

        let sticky = admin(&shop, "/nodes?q=Pinned").await.remove(0);
        let path = format!("/nodes/{}", sticky["id"].as_str().unwrap());
        patch(&shop, &path, json!({ "title": "Edited here" })).await;
        let again = imported(command, "wordpress", &site_xml(), "shop1").await;
        assert_eq!(counts(&again), [0, 0, 35, 12], "{again}");
        assert_eq!(admin(&shop, "/nodes?q=Edited%20here").await.len(), 1);

        let changed = export.replace("[Regatta]", "[Planned]");
        let changed = imported(command, "wordpress", &file(command, "changed.xml", changed), "shop1").await;
        assert_eq!(counts(&changed), [0, 1, 34, 12], "{changed}");
        assert_eq!(admin(&shop, "/nodes?q=Planned").await[0]["id"], scheduled["id"]);
        assert_eq!(store(&shop, "/nodes").await.len(), expected.len());
    }

    async fn a_rehearsal_tells_all_and_does_nothing(db) {
        let shop = Shop::start(rustok(db.url())).await;
        let command = shop.server.command();
        for (kind, file, reported) in [("shopify", shop_csv(), [24, 0, 0, 0]), ("wordpress", site_xml(), [35, 0, 0, 12])] {
            for _ in 0..2 {
                let rehearsed = printed(import(command, kind, &file, "shop1", &["--dry-run"]).await);
                assert_eq!((counts(&rehearsed), &rehearsed["dry_run"]), (reported, &json!(true)), "{rehearsed}");
            }
        }
        assert!(admin(&shop, "/products").await.is_empty() && admin(&shop, "/nodes").await.is_empty());
        imported(command, "shopify", &shop_csv(), "shop1").await;
        let changed = std::fs::read_to_string(shop_csv()).unwrap().replace("Linen Apron", "Apron");
        let changed = file(command, "changed.csv", changed + &format!("new-one,New One{}5{}\n", ",".repeat(20), ",".repeat(16)));
        let rehearsed = printed(import(command, "shopify", &changed, "shop1", &["--dry-run"]).await);
        assert_eq!(counts(&rehearsed), [1, 1, 23, 0], "{rehearsed}");
        assert_eq!(counts(&imported(command, "shopify", &changed, "shop1").await), [1, 1, 23, 0]);
    }

    async fn what_is_broken_is_told_and_the_rest_comes_in(db) {
        let shop = Shop::start(rustok(db.url())).await;
        let command = shop.server.command();
        let csv = "Handle,Title,Variant Price,Option1 Name,Option1 Value,Variant SKU\n\
                   cup,Cup,1.50,Title,Default Title,\n\
                   jug,Jug,\"1,50\",Title,Default Title,\n\
                   pot,Pot,3,Size,S,\n\
                   pot,,x,,M,\n\
                   pan,Pan,4,Title,Default Title,".to_owned() + &"9".repeat(300) + "\nlid,Lid,5,Title,Default Title,\nbox,Box,\"6";
        let path = file(command, "broken.csv", csv);
        let report = refused(command, "shopify", &path, "shop1").await;
        assert_eq!((counts(&report), &report["status"]), ([4, 0, 0, 0], &json!("incomplete")), "{report:#}");
        assert_eq!(places(&report), [(5, 6), (6, 9), (8, 9)], "{report:#}");
        assert_eq!((&report["errors"][0]["file"], &report["error_count"]), (&json!(path.to_str().unwrap()), &json!(3)));
        let handles: BTreeSet<_> =
            store(&shop, "/products").await.iter().map(|p| p["handle"].as_str().unwrap().to_owned()).collect();
        assert_eq!(handles.iter().collect::<Vec<_>>(), ["cup", "jug", "lid", "pot"]);

        // Cut off in the middle of an item: everything before it is in, and the place is told.
        let export = std::fs::read(site_xml()).unwrap();
        let cut = &export[..export.len() / 2];
        let report = refused(command, "wordpress", &file(command, "cut.xml", cut), "shop1").await;
        let [created, _, _, _] = counts(&report);
        assert!(created > 5 && created < 35, "{report:#}");
        let lines = u64::try_from(cut.split(|byte| *byte == b'\n').count()).unwrap();
        let [(line, column)] = places(&report)[..] else { panic!("{report:#}") };
        assert!(line <= lines && column > 0, "{line}:{column} of {lines} lines");
        // The whole file goes on from there.
        let [more, _, unchanged, _] = counts(&imported(command, "wordpress", &site_xml(), "shop1").await);
        assert_eq!((more + unchanged, unchanged), (35, created));
        let finished = command.run(&["import", "shopify", path.to_str().unwrap(), "--tenant", "shop1"]).await;
        assert!(finished.stdout.contains("0 created, 0 updated, 4 unchanged, 0 skipped, 3 errors"), "{finished:#?}");
        assert!(finished.stdout.contains("broken.csv:5:6: "), "{finished:#?}");
    }

    async fn tenants_stand_side_by_side(db) {
        let shop = Shop::start(rustok(db.url())).await;
        let command = shop.server.command();
        tenant(command, "shop2", "admin").await;
        for slug in ["shop1", "shop2"] {
            assert_eq!(counts(&imported(command, "shopify", &shop_csv(), slug).await), [24, 0, 0, 0]);
            assert_eq!(counts(&imported(command, "wordpress", &site_xml(), slug).await), [35, 0, 0, 12]);
        }
        let mut ids = BTreeSet::new();
        for path in ["/api/store/v1/products", "/api/store/v1/nodes"] {
            let (mine, theirs) = (all(&shop, "shop1", path).await, all(&shop, "shop2", path).await);
            let names = |items: &[Value], name: &str| -> BTreeSet<String> {
                items.iter().map(|item| item[name].to_string()).collect()
            };
            let name = if path.ends_with("products") { "handle" } else { "slug" };
            assert_eq!(names(&mine, name), names(&theirs, name));
            ids.extend(names(&mine, "id").into_iter().chain(names(&theirs, "id")));
            assert_eq!(mine.len(), theirs.len());
        }
        assert_eq!(ids.len(), 2 * (21 + public_ids(&std::fs::read_to_string(site_xml()).unwrap(), SystemClock.now()).len()));
    }

    async fn currency_and_locale_are_settings_of_the_import(db) {
        let shop = Shop::start(rustok(db.url())).await;
        let command = shop.server.command();
        let csv = file(command, "yen.csv", "Handle,Title,Variant Price\ncup,Cup,150\njug,Jug,1.5\n");
        let finished = import(command, "shopify", &csv, "shop1", &["--currency", "JPY"]).await;
        let report: Value = serde_json::from_str(&finished.stdout).unwrap();
        assert_eq!((counts(&report), places(&report)), ([2, 0, 0, 0], vec![(3, 9)]), "yen have no decimals");
        assert_eq!(in_admin(&shop, "jug").await["status"], "draft", "without a price it cannot be ordered");
        let cup = in_admin(&shop, "cup").await;
        assert_eq!(cup["variants"][0]["price"], json!({ "amount": "150", "currency": "JPY" }));

        let german = printed(import(command, "wordpress", &site_xml(), "shop1", &["--locale", "DE"]).await);
        assert_eq!(counts(&german), [35, 0, 0, 12]);
        assert!(store(&shop, "/nodes").await.iter().all(|node| node["locale"] == "de"));
    }

    async fn a_locale_that_the_tenant_does_not_list_is_refused(db) {
        let shop = Shop::start(rustok(db.url())).await;
        Directory::of(&shop).await.set(json!({ "locales": ["ru"] })).await;
        let import = ["import", "wordpress", "/dev/null", "--tenant", "shop1", "--locale", "fr"];
        assert!(shop.server.run(&import).await.stderr.contains("en, ru"));
    }

    async fn a_server_goes_on_writing_during_an_import(db) {
        let shop = Shop::start(rustok(db.url())).await;
        let command = shop.server.command().clone();
        let csv = file(&command, "many.csv", products(1_500));
        let mut running = tokio::spawn(async move { imported(&command, "shopify", &csv, "shop1").await });
        let lateness = Lateness::watch_process(shop.server.pid());
        let (mut answered, mut slowest) = (0, Duration::ZERO);
        let report = loop {
            let start = Instant::now();
            let body = json!({ "title": format!("Own {answered}"), "variants": [{ "price": { "amount": "1" } }] });
            let created = shop.admin(Method::POST, "/products").json(&body).send().await.unwrap();
            assert_eq!(created.status(), StatusCode::CREATED);
            slowest = slowest.max(start.elapsed().saturating_sub(lateness.since(start)));
            answered += 1;
            if let Ok(report) = tokio::time::timeout(Duration::ZERO, &mut running).await {
                break report.unwrap();
            }
        };
        assert_eq!(counts(&report), [1_500, 0, 0, 0]);
        assert!(answered > 5, "only {answered} writes were answered while the import ran");
        assert!(slowest < Duration::from_secs(3), "a write took {slowest:?} more than the machine did");
    }

    async fn wrong_use_and_failure_have_their_own_ends(db) {
        let command = rustok(db.url());
        tenant(&command, "shop1", "viewer").await;
        let csv = shop_csv();
        let csv = csv.to_str().unwrap();
        for (code, args) in [
            (2, &["import"] as &[&str]),
            (2, &["import", "magento", csv, "--tenant", "shop1"]),
            (2, &["import", "shopify", csv]),
            (2, &["import", "shopify", "--tenant", "shop1"]),
            (2, &["import", "shopify", csv, "--tenant", "shop1", "--currency", "BITCOIN"]),
            (2, &["import", "wordpress", csv, "--tenant", "shop1", "--locale", "english"]),
            (1, &["import", "shopify", csv, "--tenant", "nobody"]),
            (1, &["import", "shopify", "no-such-file.csv", "--tenant", "shop1"]),
            (1, &["import", "wordpress", csv, "--tenant", "shop1"]),
        ] {
            let finished = command.run(args).await;
            assert_eq!(finished.code, Some(code), "{args:?}: {finished:#?}");
            assert!(!finished.stderr.is_empty(), "{args:?}");
        }
        let unknown = command.run(&["import", "shopify", csv, "--tenant", "nobody"]).await;
        assert!(unknown.stdout.is_empty() && unknown.stderr.contains("no tenant `nobody`"), "{unknown:#?}");
    }
}
