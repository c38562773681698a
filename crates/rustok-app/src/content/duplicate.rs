//! Copies a node: a draft with the same texts, under slugs of its own.

use super::addresses::{IfTaken, settle};
use super::authors::AuthorRef;
use super::change::Verb;
use super::create::{Checked, insert, validated};
use super::read::load;
use super::terms::TermRef;
use super::update::{Found, apply};
use crate::context::Ctx;
use rustok_auth::Action;
use rustok_content::ids::NodeId;
use rustok_content::translation::Source;
use rustok_content::{Revision, TranslationInput};
use rustok_core::error::RichError;
use rustok_storage::nodes::NodeDetail;

/// Copies a node with all texts that are worked on: its kind, author and terms too. The copy is a draft of the actor,
/// and each slug is made from its title.
///
/// # Errors
/// `node_not_found`, `validation_failed` for a text that an editor may not write, authorization and database errors.
pub async fn duplicate(ctx: &Ctx, id: NodeId) -> Result<NodeDetail, RichError> {
    ctx.authorize(Action::CreateNode)?;
    ctx.authorize(Action::ReadContent)?;
    let (node, mut texts) = read(ctx, id).await?;
    // The original comes first: the copy is written in the same locale first.
    let is_original = |text: &Checked| {
        node.translation(text.locale)
            .is_some_and(|state| state.is_original)
    };
    texts.sort_by_key(|text| !is_original(text));
    let mut texts = texts.into_iter();
    let first = texts
        .next()
        .ok_or_else(|| rustok_content::ContentError::NotFound(id.to_string()))?;
    let author = AuthorRef {
        login: node.author.login.clone(),
        name: None,
    };
    let terms: Vec<TermRef> = node
        .terms
        .iter()
        .map(|filed| TermRef {
            taxonomy: filed.term.taxonomy,
            slug: Some(filed.term.slug.to_string()),
            name: None,
            parent: None,
        })
        .collect();
    let mut tx = ctx.write().await?;
    let mut copy = insert(ctx, &mut tx, first, Some(&author), &terms).await?;
    for Checked { locale, text, .. } in texts {
        let node = copy.node.any().clone();
        let text = settle(&mut tx, locale, node.id(), text, IfTaken::Number).await?;
        apply(ctx, &mut tx, &mut copy, node, Found::of_text(locale, text)).await?;
    }
    tx.commit().await?;
    ctx.services.counts.node_transitions.count(Verb::Create.name());
    Ok(copy)
}

/// The node, and its texts as they were written. They are rendered before the write transaction.
async fn read(ctx: &Ctx, id: NodeId) -> Result<(NodeDetail, Vec<Checked>), RichError> {
    let mut tx = ctx.read().await?;
    let (node, _) = load(ctx, &mut tx, id, None).await?;
    let mut texts = Vec::with_capacity(node.translations.len());
    for state in node.translations.iter().filter(|state| !state.is_removed) {
        let shown = load(ctx, &mut tx, id, Some(state.locale)).await?.0.shown;
        texts.push(shown);
    }
    drop(tx);
    let kind = node.node.any().kind().clone();
    let checked = texts.into_iter().map(|shown: Revision| {
        let text = shown.translation;
        let input = TranslationInput {
            title: text.title,
            slug: None,
            excerpt: text.excerpt,
            body: text.body,
            format: text.format,
        };
        Ok(Checked {
            kind: kind.clone(),
            locale: shown.locale,
            text: validated(input, &kind, Source::Editor)?,
        })
    });
    let checked: Result<Vec<_>, RichError> = checked.collect();
    Ok((node, checked?))
}
