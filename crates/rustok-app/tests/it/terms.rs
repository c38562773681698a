//! Terms and authors with more nodes than one transaction moves.

use crate::shop::Shop;
use rustok_app::content::{self, AuthorRef, NewContent, TermFilter, TermRef};
use rustok_app::jobs::run_due;
use rustok_app::{Ctx, IdempotencyKey};
use rustok_content::{Taxonomy, TranslationInput};
use rustok_core::page::Limit;
use rustok_events::JobKind;
use rustok_storage::terms::retire;
use rustok_test_support::both_databases;
use rustok_text::BodyFormat;

fn tag(name: &str) -> TermRef {
    TermRef {
        taxonomy: Taxonomy::Tag,
        slug: None,
        name: Some(name.to_owned()),
        parent: None,
    }
}

async fn write(ctx: &Ctx, number: i64, terms: Vec<TermRef>) {
    let text = TranslationInput {
        title: format!("Post {number}"),
        slug: Some(format!("post-{number}")),
        excerpt: String::new(),
        body: "x".to_owned(),
        format: BodyFormat::Markdown,
    };
    let author = AuthorRef {
        login: "jane".to_owned(),
        name: Some("Jane".to_owned()),
    };
    let new = NewContent {
        kind: "post".to_owned(),
        locale: Some("en".to_owned()),
        text,
        author: Some(author),
        terms,
    };
    let _ = content::create(ctx, new, IdempotencyKey::none()).await.unwrap();
}

both_databases! {
    async fn a_merge_with_many_nodes_is_finished_by_a_job(db) {
        let shop = Shop::open(db.url()).await;
        let ctx = shop.ctx();
        for number in 0..=retire::MOVED {
            write(&ctx, number, vec![tag("Tea")]).await;
        }
        write(&ctx, retire::MOVED + 1, vec![tag("Tea"), tag("Teas")]).await;
        let listed = content::list_terms(&ctx, &TermFilter::default(), None, Limit::default()).await.unwrap().items;
        let [tea, teas] = [listed[0].term.id, listed[1].term.id];
        let merged = content::merge_term(&ctx, tea, teas, IdempotencyKey::none()).await.unwrap().made().unwrap();
        assert!(merged.is_pending);
        // The merged one is gone for everyone at once.
        assert_eq!(content::get_term(&ctx, tea).await.unwrap_err().code(), "term_not_found");
        let jane = content::list_authors(&ctx, None, None, Limit::default()).await.unwrap().items.remove(0);
        let names = content::AuthorNames { login: "joe".to_owned(), name: String::new() };
        let joe = content::create_author(&ctx, names, IdempotencyKey::none()).await.unwrap().made().unwrap();
        let (jane, joe) = (jane.author.id, joe.author.id);
        let merged = content::merge_author(&ctx, jane, joe, IdempotencyKey::none()).await.unwrap().made().unwrap();
        assert!(merged.is_pending);
        // Merged on, to a third one, before the rest was moved.
        let third = content::create_term(&ctx, tag("Leaves"), IdempotencyKey::none()).await.unwrap().made().unwrap();
        let merged = content::merge_term(&ctx, teas, third.term.id, IdempotencyKey::none()).await.unwrap().made().unwrap();
        assert!(merged.is_pending);
        let round = run_due(&shop.platform(), JobKind::ALL, 10, || false).await.unwrap();
        assert_eq!((round.due, round.done, round.failed), (3, 3, 0));
        let sql_count = async |term| content::get_term(&ctx, term).await.unwrap().nodes;
        assert!(sql_count(third.term.id).await.more);
        let mut tx = ctx.read().await.unwrap();
        for gone in [tea, teas] {
            assert_eq!(rustok_storage::terms::list_terms(&mut tx, &[gone]).await.unwrap(), []);
        }
        let left = content::list_authors(&ctx, None, None, Limit::default()).await.unwrap().items;
        assert_eq!(left.iter().map(|author| author.author.id).collect::<Vec<_>>(), [joe]);
        assert_eq!(run_due(&shop.platform(), JobKind::ALL, 10, || false).await.unwrap().due, 0);
    }
}
