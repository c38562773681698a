//! Imports by the command line beside a running server: the two real exports, broken ones, repeated ones, rehearsals.

use crate::platform::{Shop, printed, rustok, tenant};
use reqwest::{Method, Response, StatusCode};
use rustok_core::clock::{Clock, SystemClock, Timestamp};
use rustok_test_support::{Finished, ServerCommand, both_databases};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

/// A real export, where it lies. Its absence is a failure, never a skipped test.
fn real(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../../shared/data")
        .join(name);
    assert!(
        path.is_file(),
        "the real export {} is needed for this test",
        path.display()
    );
    path
}

fn apparel() -> PathBuf {
    real("apparel.csv")
}

fn unit_test() -> PathBuf {
    real("wordpress-theme-unit-test.wxr.xml")
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
    let mut items = Vec::new();
    let mut after = String::new();
    loop {
        let join = if path.contains('?') { '&' } else { '?' };
        let page = format!("{path}{join}limit=100{after}");
        let request = shop.request_to(slug, Method::GET, &page).bearer_auth(&shop.token);
        let mut page = body(request.send().await.unwrap(), StatusCode::OK).await;
        items.append(page["items"].as_array_mut().unwrap());
        match page["next_cursor"].as_str() {
            Some(cursor) => after = format!("&after={cursor}"),
            None => return items,
        }
    }
}

async fn store(shop: &Shop, path: &str) -> Vec<Value> {
    all(shop, shop.slug, &format!("/api/store/v1{path}")).await
}

async fn admin(shop: &Shop, path: &str) -> Vec<Value> {
    all(shop, shop.slug, &format!("/api/admin/v1{path}")).await
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
    async fn a_real_shop_comes_in_beside_the_server(db) {
        let shop = Shop::open(db.url()).await;
        let command = shop.server.command();
        let first = imported(command, "shopify", &apparel(), "shop1").await;
        assert_eq!(counts(&first), [20, 0, 0, 0], "{first}");
        assert_eq!((&first["errors"], &first["error_count"]), (&json!([]), &json!(0)));

        let shown = store(&shop, "/products").await;
        assert_eq!(shown.len(), 20);
        assert_eq!(shown.iter().map(|product| product["variants"].as_array().unwrap().len()).sum::<usize>(), 22);
        let top = shop.request(Method::GET, "/api/store/v1/products/classic-varsity-top").send().await.unwrap();
        let top = body(top, StatusCode::OK).await;
        assert_eq!((&top["vendor"], &top["tags"]), (&json!("partners-demo"), &json!(["women"])));
        assert_eq!(top["images"].as_array().unwrap().len(), 1);
        let variants = top["variants"].as_array().unwrap();
        let told: Vec<_> = variants.iter().map(|v| (&v["title"], &v["price"], &v["available"], &v["sku"])).collect();
        let price = json!({ "amount": "60.00", "currency": "USD" });
        for (variant, title) in told.iter().zip(["Small", "Medium", "Large"]) {
            assert_eq!(*variant, (&json!(title), &price, &Value::Null, &Value::Null));
        }

        // The source did not change, so an edit made here stays.
        let id = top["id"].as_str().unwrap();
        patch(&shop, &format!("/products/{id}"), json!({ "title": "Our Top" })).await;
        let again = imported(command, "shopify", &apparel(), "shop1").await;
        assert_eq!(counts(&again), [0, 0, 20, 0], "{again}");
        let titles: Vec<_> = store(&shop, "/products").await.iter().map(|p| p["title"].clone()).collect();
        assert!(titles.len() == 20 && titles.contains(&json!("Our Top")), "{titles:?}");

        // Now it does: what the file says counts again, in one product only.
        let changed = std::fs::read_to_string(apparel()).unwrap().replace("Classic Varsity Top", "Varsity Top II");
        let changed = imported(command, "shopify", &file(command, "changed.csv", changed), "shop1").await;
        assert_eq!(counts(&changed), [0, 1, 19, 0], "{changed}");
        let top = shop.request(Method::GET, "/api/store/v1/products/classic-varsity-top").send().await.unwrap();
        let top = body(top, StatusCode::OK).await;
        assert_eq!((&top["title"], &top["id"]), (&json!("Varsity Top II"), &json!(id)));
    }

    async fn a_real_site_comes_in_beside_the_server(db) {
        let shop = Shop::open(db.url()).await;
        let command = shop.server.command();
        let first = imported(command, "wordpress", &unit_test(), "shop1").await;
        assert_eq!(counts(&first), [79, 0, 0, 107], "{first}");
        let left_out = json!({ "attachment": 37, "comment": 33, "nav_menu term": 6, "nav_menu_item": 70 });
        assert_eq!(first["skipped_by_reason"], left_out);

        let export = std::fs::read_to_string(unit_test()).unwrap();
        let expected = public_ids(&export, SystemClock.now());
        let shown = store(&shop, "/nodes").await;
        assert_eq!(shown.len(), expected.len());
        assert!(expected.len() > 70 && !expected.contains("1164") && !expected.contains("1168"));
        assert_eq!(store(&shop, "/nodes?kind=page").await.len(), 21);
        assert_eq!(admin(&shop, "/nodes").await.len(), 79);
        assert_eq!(admin(&shop, "/nodes?status=draft").await.len(), 2, "the draft and the one with a password");
        // Published, but only from 2030 on.
        let scheduled = admin(&shop, "/nodes?q=Scheduled").await.remove(0);
        assert_eq!((&scheduled["status"], &scheduled["published_at"]), (&json!("published"), &json!("2030-01-01T19:00:18Z")));
        assert_eq!(status_of(&shop, "/nodes/scheduled").await, StatusCode::NOT_FOUND);
        let html = scheduled["body_html"].as_str().unwrap();
        assert!(html.contains("future.</p>\n<p>It should not"), "blank lines part paragraphs: {html}");
        // Slugs: percent-encoded, doubled, made from the title.
        assert_eq!(status_of(&shop, "/nodes/επίπεδο-2").await, StatusCode::OK);
        let slugs: BTreeSet<_> = admin(&shop, "/nodes").await.iter().map(|n| n["slug"].to_string()).collect();
        assert_eq!(slugs.len(), 79, "every node has a slug of its own");

        // Terms, also by the categories above them.
        let nested = store(&shop, "/nodes?category=parent-category").await;
        let below = store(&shop, "/nodes?category=grandchild-category").await;
        assert!(!below.is_empty() && below.iter().all(|node| nested.iter().any(|other| other["id"] == node["id"])));
        let filed: usize = admin(&shop, "/nodes").await.iter().map(|n| n["terms"].as_array().unwrap().len()).sum();
        assert_eq!(filed, 175 + 188, "categories and tags of all nodes");

        let sticky = admin(&shop, "/nodes?q=Sticky").await.remove(0);
        let path = format!("/nodes/{}", sticky["id"].as_str().unwrap());
        patch(&shop, &path, json!({ "title": "Edited here" })).await;
        let again = imported(command, "wordpress", &unit_test(), "shop1").await;
        assert_eq!(counts(&again), [0, 0, 79, 107], "{again}");
        assert_eq!(admin(&shop, "/nodes?q=Edited%20here").await.len(), 1);

        let changed = export.replace("<title>Scheduled</title>", "<title>Planned</title>");
        let changed = imported(command, "wordpress", &file(command, "changed.xml", changed), "shop1").await;
        assert_eq!(counts(&changed), [0, 1, 78, 107], "{changed}");
        assert_eq!(admin(&shop, "/nodes?q=Planned").await[0]["id"], scheduled["id"]);
        assert_eq!(store(&shop, "/nodes").await.len(), expected.len());
    }

    async fn a_rehearsal_tells_all_and_does_nothing(db) {
        let shop = Shop::open(db.url()).await;
        let command = shop.server.command();
        for (kind, file, told) in [("shopify", apparel(), [20, 0, 0, 0]), ("wordpress", unit_test(), [79, 0, 0, 107])] {
            for _ in 0..2 {
                let rehearsed = printed(import(command, kind, &file, "shop1", &["--dry-run"]).await);
                assert_eq!((counts(&rehearsed), &rehearsed["dry_run"]), (told, &json!(true)), "{rehearsed}");
            }
        }
        assert!(admin(&shop, "/products").await.is_empty() && admin(&shop, "/nodes").await.is_empty());
        imported(command, "shopify", &apparel(), "shop1").await;
        let changed = std::fs::read_to_string(apparel()).unwrap().replace("Ocean Blue Shirt", "Blue Shirt");
        let changed = file(command, "changed.csv", changed + "\nnew-one,New One,,,,,true,Title,Default Title,,,,,,0,,1,deny,manual,5\n");
        let rehearsed = printed(import(command, "shopify", &changed, "shop1", &["--dry-run"]).await);
        assert_eq!(counts(&rehearsed), [1, 1, 19, 0], "{rehearsed}");
        assert_eq!(counts(&imported(command, "shopify", &changed, "shop1").await), [1, 1, 19, 0]);
    }

    async fn what_is_broken_is_told_and_the_rest_comes_in(db) {
        let shop = Shop::open(db.url()).await;
        let command = shop.server.command();
        let csv = "Handle,Title,Variant Price,Option1 Name,Option1 Value,Variant SKU\n\
                   cup,Cup,1.50,Title,Default Title,\n\
                   jug,Jug,\"1,50\",Title,Default Title,\n\
                   pot,Pot,3,Size,S,\n\
                   pot,,x,,M,\n\
                   pan,Pan,4,Title,Default Title,".to_owned() + &"9".repeat(300) + "\nlid,Lid,5,Title,Default Title,\nbox,Box,\"6";
        let path = file(command, "broken.csv", csv);
        let report = refused(command, "shopify", &path, "shop1").await;
        assert_eq!(counts(&report), [3, 0, 0, 0], "{report:#}");
        assert_eq!(places(&report), [(3, 9), (5, 6), (6, 9), (8, 9)], "{report:#}");
        assert_eq!((&report["errors"][0]["file"], &report["error_count"]), (&json!(path.to_str().unwrap()), &json!(4)));
        let handles: BTreeSet<_> =
            store(&shop, "/products").await.iter().map(|p| p["handle"].as_str().unwrap().to_owned()).collect();
        assert_eq!(handles.iter().collect::<Vec<_>>(), ["cup", "lid", "pot"]);

        // Cut off in the middle of an item: everything before it is in, and the place is told.
        let export = std::fs::read(unit_test()).unwrap();
        let cut = &export[..export.len() / 2];
        let report = refused(command, "wordpress", &file(command, "cut.xml", cut), "shop1").await;
        let [created, _, _, _] = counts(&report);
        assert!(created > 5 && created < 79, "{report:#}");
        let lines = u64::try_from(cut.split(|byte| *byte == b'\n').count()).unwrap();
        let [(line, column)] = places(&report)[..] else { panic!("{report:#}") };
        assert!(line <= lines && column > 0, "{line}:{column} of {lines} lines");
        // The whole file goes on from there.
        let [more, _, unchanged, _] = counts(&imported(command, "wordpress", &unit_test(), "shop1").await);
        assert_eq!((more + unchanged, unchanged), (79, created));
        let finished = command.run(&["import", "shopify", path.to_str().unwrap(), "--tenant", "shop1"]).await;
        assert!(finished.stdout.contains("0 created, 0 updated, 3 unchanged, 0 skipped, 4 errors"), "{finished:#?}");
        assert!(finished.stdout.contains("broken.csv:3:9: "), "{finished:#?}");
    }

    async fn tenants_stand_side_by_side(db) {
        let shop = Shop::open(db.url()).await;
        let command = shop.server.command();
        tenant(command, "shop2", "admin").await;
        for slug in ["shop1", "shop2"] {
            assert_eq!(counts(&imported(command, "shopify", &apparel(), slug).await), [20, 0, 0, 0]);
            assert_eq!(counts(&imported(command, "wordpress", &unit_test(), slug).await), [79, 0, 0, 107]);
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
        assert_eq!(ids.len(), 2 * (20 + public_ids(&std::fs::read_to_string(unit_test()).unwrap(), SystemClock.now()).len()));
    }

    async fn currency_and_locale_are_settings_of_the_import(db) {
        let shop = Shop::open(db.url()).await;
        let command = shop.server.command();
        let csv = file(command, "yen.csv", "Handle,Title,Variant Price\ncup,Cup,150\njug,Jug,1.5\n");
        let finished = import(command, "shopify", &csv, "shop1", &["--currency", "JPY"]).await;
        let report: Value = serde_json::from_str(&finished.stdout).unwrap();
        assert_eq!((counts(&report), places(&report)), ([1, 0, 0, 0], vec![(3, 9)]), "yen have no decimals");
        let cup = admin(&shop, "/products").await.remove(0);
        assert_eq!(cup["variants"][0]["price"], json!({ "amount": "150", "currency": "JPY" }));

        let german = printed(import(command, "wordpress", &unit_test(), "shop1", &["--locale", "DE"]).await);
        assert_eq!(counts(&german), [79, 0, 0, 107]);
        assert!(store(&shop, "/nodes").await.iter().all(|node| node["locale"] == "de"));
    }

    async fn a_server_goes_on_writing_during_an_import(db) {
        let shop = Shop::open(db.url()).await;
        let command = shop.server.command().clone();
        let csv = file(&command, "many.csv", products(1_500));
        let mut running = tokio::spawn(async move { imported(&command, "shopify", &csv, "shop1").await });
        let (mut answered, mut slowest) = (0, Duration::ZERO);
        let report = loop {
            let start = Instant::now();
            let body = json!({ "title": format!("Own {answered}"), "variants": [{ "price": { "amount": "1" } }] });
            let created = shop.admin(Method::POST, "/products").json(&body).send().await.unwrap();
            assert_eq!(created.status(), StatusCode::CREATED);
            slowest = slowest.max(start.elapsed());
            answered += 1;
            if let Ok(report) = tokio::time::timeout(Duration::ZERO, &mut running).await {
                break report.unwrap();
            }
        };
        assert_eq!(counts(&report), [1_500, 0, 0, 0]);
        assert!(answered > 5, "only {answered} writes were answered while the import ran");
        assert!(slowest < Duration::from_secs(3), "a write took {slowest:?}");
    }

    async fn wrong_use_and_failure_have_their_own_ends(db) {
        let command = rustok(db.url());
        tenant(&command, "shop1", "viewer").await;
        let apparel = apparel();
        let apparel = apparel.to_str().unwrap();
        for (code, args) in [
            (2, &["import"] as &[&str]),
            (2, &["import", "magento", apparel, "--tenant", "shop1"]),
            (2, &["import", "shopify", apparel]),
            (2, &["import", "shopify", "--tenant", "shop1"]),
            (2, &["import", "shopify", apparel, "--tenant", "shop1", "--currency", "BITCOIN"]),
            (2, &["import", "wordpress", apparel, "--tenant", "shop1", "--locale", "english"]),
            (1, &["import", "shopify", apparel, "--tenant", "nobody"]),
            (1, &["import", "shopify", "no-such-file.csv", "--tenant", "shop1"]),
            (1, &["import", "wordpress", apparel, "--tenant", "shop1"]),
        ] {
            let finished = command.run(args).await;
            assert_eq!(finished.code, Some(code), "{args:?}: {finished:#?}");
            assert!(!finished.stderr.is_empty(), "{args:?}");
        }
        let unknown = command.run(&["import", "shopify", apparel, "--tenant", "nobody"]).await;
        assert!(unknown.stdout.is_empty() && unknown.stderr.contains("no tenant `nobody`"), "{unknown:#?}");
    }
}
