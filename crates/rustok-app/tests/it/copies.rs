//! A copy of an article: its texts, terms and author, as a draft under slugs of its own.

use crate::shop::Shop;
use rustok_app::IdempotencyKey;
use rustok_app::content::{self, NewContent, PublishNode, PutTranslation, TermRef};
use rustok_content::{NodeStatus, Taxonomy, TranslationInput};
use rustok_test_support::both_databases;
use rustok_text::{BodyFormat, Locale};

fn text(title: &str, body: &str) -> TranslationInput {
    TranslationInput {
        title: title.into(),
        slug: None,
        excerpt: "short".into(),
        body: body.into(),
        format: BodyFormat::Markdown,
    }
}

both_databases! {
    async fn a_copy_is_a_draft_with_all_texts_and_new_slugs(db) {
        let shop = Shop::open(db.url()).await;
        let ctx = shop.ctx();
        let news = TermRef {
            taxonomy: Taxonomy::Tag,
            slug: None,
            name: Some("News".into()),
            parent: None,
        };
        let new = NewContent {
            kind: "post".into(),
            locale: Some("ru".into()),
            text: text("Лён", "**ткань**"),
            author: None,
            terms: vec![news],
        };
        let first = content::create(&ctx, new, IdempotencyKey::none()).await.unwrap().made().unwrap();
        let id = first.detail.node.any().id();
        let english = Locale::parse("en").unwrap();
        let put = PutTranslation { node: id.into(), locale: english, text: text("Linen", "cloth") };
        content::put_translation(&ctx, put).await.unwrap();
        let publish = PublishNode { node: id.into(), published_at: None };
        let published = content::publish(&ctx, publish, IdempotencyKey::none()).await.unwrap().made().unwrap();

        let copy = content::duplicate(&ctx, id).await.unwrap();
        let copy_id = copy.node.any().id();
        assert_ne!(copy_id, id);
        assert_eq!(copy.node.any().status(), NodeStatus::Draft);
        for (tag, title, slug, body) in [("ru", "Лён", "лён-2", "**ткань**"), ("en", "Linen", "linen-2", "cloth")] {
            let locale = Locale::parse(tag).unwrap();
            let read = content::get(&ctx, copy_id, Some(locale)).await.unwrap();
            let shown = &read.shown.translation;
            assert_eq!((shown.title.as_str(), read.slug().as_str(), shown.body.as_str()), (title, slug, body));
            assert_eq!(read.translation(locale).map(|state| state.is_original), Some(tag == "ru"));
            assert_eq!((&read.terms, &read.author), (&first.detail.terms, &first.detail.author));
        }
        let steps = content::history(&ctx, copy_id, None, Default::default()).await.unwrap().items;
        let steps: Vec<_> = steps.iter().map(|step| step.transition.as_str()).collect();
        assert_eq!(steps, ["create", "update"]);
        // The original is as it was.
        let now = content::get(&ctx, id, None).await.unwrap();
        assert_eq!(now.node, published.node);
    }
}
