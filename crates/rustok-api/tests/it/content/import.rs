//! Nodes that come from another system, through the use case that the import command uses; and what the outbox is told.

use super::{Nodes, post, shown, texts};
use reqwest::StatusCode;
use rustok_app::content::authors::IfNamed;
use rustok_app::content::import::{Existing, ImportedNode, ImportedTerm, NodeFields, Publication, upsert};
use rustok_app::content::terms;
use rustok_app::content::{self, NewContent, PublishNode, PutTranslation, authors};
use rustok_app::import::{ImportFile, ImportOptions, ImportSource, Mode, run};
use rustok_app::{Ctx, IdempotencyKey};
use rustok_content::ids::NodeId;
use rustok_content::{NodeKind, Taxonomy, TranslationInput};
use rustok_core::clock::Timestamp;
use rustok_core::error::RichError;
use rustok_test_app::{Directory, Shop, beside, problem};
use rustok_test_support::both_databases;
use rustok_text::BodyFormat;
use serde_json::{Value, json};
use std::ops::ControlFlow;

async fn import(ctx: &Ctx, existing: Option<NodeId>, node: ImportedNode) -> Result<NodeId, RichError> {
    let mut tx = ctx.write().await?;
    let existing = existing.map(|id| Existing {
        id,
        version: None,
        overwrite: false,
    });
    let id = upsert(&mut tx, ctx, existing, node).await?.id;
    tx.commit().await?;
    Ok(id)
}

fn at(time: &str) -> Timestamp {
    time.parse().unwrap()
}

fn item(title: &str, slug: Option<&str>, publication: Publication) -> ImportedNode {
    ImportedNode {
        stated: NodeFields::ALL,
        kind: NodeKind::parse("post").unwrap(),
        locale: "en".parse().unwrap(),
        text: TranslationInput {
            title: title.to_owned(),
            slug: slug.map(str::to_owned),
            excerpt: String::new(),
            body: format!("<p>{title}</p><script>steal()</script>"),
            format: BodyFormat::Html,
        },
        publication,
        created_at: Some(at("2010-01-01T00:00:00Z")),
        author_login: None,
        terms: Vec::new(),
    }
}

const LIVE: Publication = Publication::Published(None);

/// The node as the administration sees it.
fn named(id: NodeId) -> Value {
    json!({ "id": id.to_string() })
}

both_databases! {
    async fn an_imported_node_comes_in_whole(db) {
        let shop = Shop::open(db.url()).await;
        let ctx = beside(db.url(), "shop1").await;
        let mut tx = ctx.write().await.unwrap();
        authors::upsert(&mut tx, &ctx, "jane", Some("Jane Roe"), IfNamed::Overwrite).await.unwrap();
        terms::upsert(&mut tx, &ctx, Taxonomy::Category, "below", "Below", Some("above"), IfNamed::Overwrite).await.unwrap();
        terms::upsert(&mut tx, &ctx, Taxonomy::Category, "above", "The one above", None, IfNamed::Overwrite).await.unwrap();
        tx.commit().await.unwrap();
        let date = Publication::Published(Some(at("2011-01-01T00:00:00Z")));
        let mut node = item("Tom &amp; <em>Jerry</em>", Some("Ünï 🎉 Slug"), date);
        node.author_login = Some("jane".to_owned());
        let term = |taxonomy, slug: &str, name: &str| ImportedTerm { taxonomy, slug: slug.to_owned(), name: name.to_owned() };
        node.terms = vec![term(Taxonomy::Category, "below", "ignored"), term(Taxonomy::Tag, "new", "New one")];
        let id = import(&ctx, None, node).await.unwrap();

        let seen = shown(shop.store("/nodes/ünï-slug").send().await.unwrap(), 200).await;
        assert_eq!((&seen["title"], &seen["body_html"]), (&json!("Tom & Jerry"), &json!("<p>Tom &amp; <em>Jerry</em></p>")));
        assert_eq!(seen["published_at"], "2011-01-01T00:00:00Z");
        assert_eq!(seen["created_at"], "2010-01-01T00:00:00Z");
        assert_eq!(seen["author"], json!({ "name": "Jane Roe" }));
        assert_eq!(seen["terms"], json!([
            { "taxonomy": "category", "slug": "below", "name": "Below", "parent": "above" },
            { "taxonomy": "tag", "slug": "new", "name": "New one", "parent": null },
        ]));
        assert_eq!(texts(&shop.store_list("category=above").await, "slug"), ["ünï-slug"]);
        let node = shown(shop.node(reqwest::Method::GET, &named(id)).send().await.unwrap(), 200).await;
        assert_eq!(node["author"]["login"], "jane");
        assert_eq!((&node["version"], &node["working_revision"]), (&json!(2), &json!(1)));
    }

    /// The file may have waited while the list was changed.
    async fn a_file_in_a_locale_that_the_tenant_no_longer_has_is_not_imported(db) {
        let shop = Shop::open(db.url()).await;
        let file = include_str!("../../../../rustok-import/tests/data/site.wxr.xml");
        let import = async |locale: &str| {
            let ctx = beside(db.url(), "shop1").await;
            let source = ImportSource::Wordpress(locale.parse().unwrap());
            let file = ImportFile { content: file.as_bytes(), name: "a.xml" };
            run(&ctx, source, &ImportOptions::default(), file, Mode::Commit, &mut |_| ControlFlow::Continue(())).await
        };
        Directory::of(&shop).await.set(json!({ "locales": ["en"] })).await;
        let refused = import("de").await;
        let why = refused.stopped.unwrap().to_response();
        assert_eq!((refused.created, why.violations()[0].code.as_ref()), (0, "locale_not_listed"));
        assert_eq!(shop.list("").await["items"], json!([]));
        Directory::of(&shop).await.set(json!({ "locales": ["en", "de"] })).await;
        let report = import("de").await;
        assert!(report.stopped.is_none() && report.created > 0, "{report:?}");
    }

    async fn what_comes_again_follows_its_source(db) {
        let shop = Shop::open(db.url()).await;
        let ctx = beside(db.url(), "shop1").await;
        let far = |year: i32| Publication::Published(Some(at(&format!("{year}-01-01T00:00:00Z"))));
        let hidden = |slug: &'static str| {
            let request = shop.store(&format!("/nodes/{slug}"));
            async move { problem(request.send().await.unwrap(), 404, "node_not_found").await }
        };
        let id = import(&ctx, None, item("One", Some("one"), Publication::Draft)).await.unwrap();
        hidden("one").await;
        // Scheduled, then scheduled otherwise, then public.
        for (year, expected) in [(2998, "2998-01-01T00:00:00Z"), (2999, "2999-01-01T00:00:00Z")] {
            assert_eq!(import(&ctx, Some(id), item("Two", Some("one"), far(year))).await.unwrap(), id);
            hidden("one").await;
            let node = shown(shop.node(reqwest::Method::GET, &named(id)).send().await.unwrap(), 200).await;
            assert_eq!((&node["status"], &node["published_at"]), (&json!("published"), &json!(expected)));
        }
        import(&ctx, Some(id), item("Three", Some("three"), far(2012))).await.unwrap();
        let seen = shown(shop.store("/nodes/three").send().await.unwrap(), 200).await;
        assert_eq!((&seen["title"], &seen["published_at"]), (&json!("Three"), &json!("2012-01-01T00:00:00Z")));
        hidden("one").await;
        // Public already: another date is refused with all of the item, without one the newer text goes live.
        for year in [2013, 2999] {
            let mut node = item("Moved", Some("three"), far(year));
            node.author_login = Some("nobody-yet".to_owned());
            let refused = import(&ctx, Some(id), node).await.unwrap_err().to_response();
            assert_eq!(refused.violations().iter().map(|v| &*v.code).collect::<Vec<_>>(), ["published_at_fixed"]);
        }
        assert_eq!(shown(shop.store("/nodes/three").send().await.unwrap(), 200).await["title"], "Three");
        import(&ctx, Some(id), item("Four", Some("three"), far(2012))).await.unwrap();
        let seen = shown(shop.store("/nodes/three").send().await.unwrap(), 200).await;
        assert_eq!((&seen["title"], &seen["published_at"]), (&json!("Four"), &json!("2012-01-01T00:00:00Z")));
        // Taken back at its source.
        import(&ctx, Some(id), item("Five", Some("three"), Publication::Draft)).await.unwrap();
        hidden("three").await;
        // Archived or deleted here, changed there: it comes back.
        import(&ctx, Some(id), item("Six", Some("three"), LIVE)).await.unwrap();
        shop.pass(&named(id), "archive").await;
        import(&ctx, Some(id), item("Seven", Some("three"), LIVE)).await.unwrap();
        assert_eq!(shown(shop.store("/nodes/three").send().await.unwrap(), 200).await["title"], "Seven");
        shop.pass(&named(id), "unpublish").await;
        shop.delete(&named(id)).await;
        assert_eq!(shop.create(&post("three")).await["slug"], "three");
        import(&ctx, Some(id), item("Eight", Some("three"), LIVE)).await.unwrap();
        assert_eq!(shown(shop.store("/nodes/three-2").send().await.unwrap(), 200).await["title"], "Eight");
        // It kept every translation, and each step stands in the history once.
        let history = format!("/nodes/{id}/history");
        let history = shown(shop.admin(reqwest::Method::GET, &history).send().await.unwrap(), 200).await;
        let versions: Vec<_> = history["items"].as_array().unwrap().iter().map(|entry| entry["version"].as_u64()).collect();
        assert_eq!(versions, (1..=versions.len() as u64).map(Some).collect::<Vec<_>>());
        // An earlier run's node that is gone for good is made anew.
        let lost = NodeId::from_uuid(uuid::Uuid::from_u128(1));
        assert_ne!(import(&ctx, Some(lost), item("Lost", None, LIVE)).await.unwrap(), lost);
    }

    async fn what_an_import_may_bring_is_taken(db) {
        let shop = Shop::open(db.url()).await;
        let ctx = beside(db.url(), "shop1").await;
        shop.create(&post("Taken")).await;
        for expected in ["taken-2", "taken-3"] {
            import(&ctx, None, item("x", Some("taken"), LIVE)).await.unwrap();
            assert_eq!(shown(shop.store(&format!("/nodes/{expected}")).send().await.unwrap(), 200).await["title"], "x");
        }
        // No title and no slug: the kind is the address. An editor may change the rest of such a node.
        let id = import(&ctx, None, item("", None, LIVE)).await.unwrap();
        let seen = shown(shop.store("/nodes/post").send().await.unwrap(), 200).await;
        assert_eq!(seen["title"], "");
        assert_eq!(shop.patch(&named(id), json!({ "kind": "page" })).await["kind"], "page");
        let untitled = shop.node(reqwest::Method::PATCH, &named(id)).header("if-match", "*").json(&json!({ "body": "x" }));
        assert_eq!(untitled.send().await.unwrap().status(), StatusCode::UNPROCESSABLE_ENTITY);
        // What cannot be taken at all is refused, and the transaction can go on.
        let mut tx = ctx.write().await.unwrap();
        let refused = upsert(&mut tx, &ctx, None, item(&"x".repeat(1_001), None, LIVE)).await.unwrap_err();
        assert_eq!(refused.code(), "validation_failed");
        upsert(&mut tx, &ctx, None, item("After", None, LIVE)).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(shown(shop.store("/nodes/after").send().await.unwrap(), 200).await["title"], "After");
    }

    async fn categories_never_stand_in_a_circle(db) {
        let shop = Shop::open(db.url()).await;
        let ctx = beside(db.url(), "shop1").await;
        let mut tx = ctx.write().await.unwrap();
        for (slug, parent) in [("a", Some("b")), ("b", Some("c")), ("c", Some("a")), ("d", Some("d"))] {
            terms::upsert(&mut tx, &ctx, Taxonomy::Category, slug, slug, parent, IfNamed::Overwrite).await.unwrap();
        }
        let again = terms::upsert(&mut tx, &ctx, Taxonomy::Category, "a", "New name", Some("b"), IfNamed::Overwrite).await.unwrap();
        assert_eq!(again.name, "New name");
        tx.commit().await.unwrap();
        let mut node = item("In a", None, LIVE);
        node.terms = vec![ImportedTerm { taxonomy: Taxonomy::Category, slug: "a".to_owned(), name: String::new() }];
        import(&ctx, None, node).await.unwrap();
        for (category, expected) in [("a", 1), ("b", 1), ("c", 1), ("d", 0)] {
            let list = shop.store_list(&format!("category={category}")).await;
            assert_eq!(list["items"].as_array().unwrap().len(), expected, "{category}");
        }
    }

    async fn every_change_is_told_to_the_outbox_once(db) {
        // No worker runs here, which would deliver the events.
        let shop = Shop::open(db.url()).await;
        let ctx = beside(db.url(), "shop1").await;
        let text = item("One", None, LIVE).text;
        let new = NewContent { kind: "post".to_owned(), locale: None, text, author: None, terms: Vec::new() };
        let created = content::create(&ctx, new, IdempotencyKey::none()).await.unwrap().made().unwrap();
        let id = created.detail.node.any().id();
        let publish = || PublishNode { node: id.into(), published_at: None };
        content::publish(&ctx, publish(), IdempotencyKey::none()).await.unwrap().made().unwrap();
        let text = TranslationInput { title: "Два".to_owned(), ..item("Two", None, LIVE).text };
        let put = PutTranslation { node: id.into(), locale: "ru".parse().unwrap(), text };
        content::put_translation(&ctx, put).await.unwrap();
        content::unpublish(&ctx, id.into(), IdempotencyKey::none()).await.unwrap().made().unwrap();
        content::delete(&ctx, id.into()).await.unwrap();
        // What is refused is not told.
        assert!(content::publish(&ctx, publish(), IdempotencyKey::none()).await.is_err());
        let events = shop.server.pending_events().await;
        let reported: Vec<_> = events.iter().map(|event| (event.topic.as_str(), event.payload["version"].as_i64())).collect();
        let expected = ["created", "published", "revised", "unpublished", "deleted"];
        let expected: Vec<_> = expected.iter().map(|what| format!("node.{what}")).collect();
        let expected: Vec<_> = expected.iter().zip(1..).map(|(topic, version)| (topic.as_str(), Some(version))).collect();
        assert_eq!(reported, expected);
        assert!(events.iter().all(|event| event.subject_id == id.as_uuid()));
    }
}
