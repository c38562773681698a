//! Converts authors, terms, posts and pages of a WordPress export to the input of `content`.

use super::engine::{Fault, Key, Source, Written};
use super::paragraphs::with_paragraphs;
use crate::content::import::{ImportedNode, ImportedTerm, Publication, upsert};
use crate::content::{authors, terms};
use crate::context::Ctx;
use rustok_content::{NodeKind, Taxonomy, TranslationInput};
use rustok_core::error::RichError;
use rustok_core::ids::NodeId;
use rustok_import::{self as source, AuthorItem, NodeItem, NodeStatus, TermItem, WordpressItem};
use rustok_storage::TenantTx;
use rustok_storage::import_references::Imported;
use rustok_text::{BodyFormat, Locale};
use uuid::Uuid;

pub(super) struct Nodes {
    pub(super) locale: Locale,
}

/// An item to write.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Author(AuthorItem),
    Term(Taxonomy, TermItem),
    Node(Box<ImportedNode>),
}

impl Source for Nodes {
    type Item = WordpressItem;
    type Checked = Part;
    const IMPORTED: Imported = Imported::WordpressNode;

    fn key(&self, item: &WordpressItem) -> Option<Key> {
        match item {
            WordpressItem::Node(node) => Some(Key::new(
                &node.external_id,
                node.source_hash,
                self.locale.as_str(),
            )),
            WordpressItem::Author(_) | WordpressItem::Category(_) | WordpressItem::Tag(_) => None,
        }
    }

    fn place(&self, item: &WordpressItem) -> (u64, u64) {
        match item {
            WordpressItem::Author(author) => (author.line, author.column),
            WordpressItem::Category(term) | WordpressItem::Tag(term) => (term.line, term.column),
            WordpressItem::Node(node) => (node.line, node.column),
        }
    }

    fn check(&self, item: WordpressItem) -> Result<Part, Vec<Fault>> {
        Ok(match item {
            WordpressItem::Author(author) => Part::Author(author),
            WordpressItem::Category(term) => Part::Term(Taxonomy::Category, term),
            WordpressItem::Tag(term) => Part::Term(Taxonomy::Tag, term),
            WordpressItem::Node(node) => Part::Node(Box::new(self.node(*node)?)),
        })
    }

    async fn write(
        &self,
        tx: &mut TenantTx,
        ctx: &Ctx,
        known: Option<Uuid>,
        part: Part,
    ) -> Result<Written, RichError> {
        match part {
            Part::Author(author) => {
                authors::upsert(tx, ctx, &author.login, Some(&author.display_name)).await?;
                Ok(Written::Aside)
            }
            Part::Term(taxonomy, term) => {
                let parent = term.parent_slug.as_deref();
                terms::upsert(tx, ctx, taxonomy, &term.slug, &term.name, parent).await?;
                Ok(Written::Aside)
            }
            Part::Node(node) => {
                let id = upsert(tx, ctx, known.map(NodeId::from_uuid), *node)
                    .await?
                    .as_uuid();
                Ok(if known.is_some() {
                    Written::Updated(id)
                } else {
                    Written::Created(id)
                })
            }
        }
    }
}

impl Nodes {
    fn node(&self, item: NodeItem) -> Result<ImportedNode, Vec<Fault>> {
        let kind = match item.kind {
            source::NodeKind::Post => "post",
            source::NodeKind::Page => "page",
        };
        let (line, column) = (item.line, item.column);
        let kind = NodeKind::parse(kind).map_err(|error| {
            vec![Fault {
                line,
                column,
                reason: error.to_string(),
            }]
        })?;
        let publication = match item.status {
            NodeStatus::Draft => Publication::Draft,
            NodeStatus::Published => Publication::Published(item.published_at),
        };
        let term = |term: source::TermRef| {
            let taxonomy = match term.taxonomy {
                source::Taxonomy::Category => Taxonomy::Category,
                source::Taxonomy::Tag => Taxonomy::Tag,
                // Post formats and taxonomies of plug-ins are not imported.
                source::Taxonomy::Other(_) => return None,
            };
            Some(ImportedTerm {
                taxonomy,
                slug: term.slug,
                name: term.name,
            })
        };
        Ok(ImportedNode {
            kind,
            locale: self.locale,
            text: TranslationInput {
                title: item.title,
                slug: item.slug,
                excerpt: item.excerpt,
                body: with_paragraphs(&item.body).into_owned(),
                format: BodyFormat::Html,
            },
            publication,
            created_at: item.created_at,
            author_login: item.author_login,
            terms: item.terms.into_iter().filter_map(term).collect(),
        })
    }
}
