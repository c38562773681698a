//! Converts authors, terms, posts and pages of a WordPress export to the input of `content`.

use super::code::keep_code;
use super::embeds::with_links;
use super::engine::{Fault, Key, Name, Notes, Outcome, Source, Written};
use super::paragraphs::with_paragraphs;
use super::{ImportOptions, note_removed};
use crate::content::authors::{self, IfNamed};
use crate::content::import::{Existing, ImportedNode, ImportedTerm, NodeField, Publication, upsert};
use crate::content::terms;
use crate::context::Ctx;
use rustok_content::ids::NodeId;
use rustok_content::{NodeKind, Taxonomy, TranslationInput};
use rustok_core::clock::Timestamp;
use rustok_core::error::RichError;
use rustok_import::{self as source, AuthorItem, NodeItem, NodeStatus, TermItem, WordpressItem};
use rustok_storage::TenantTx;
use rustok_storage::import_references::{ImportReference, Imported};
use rustok_storage::nodes::slugs;
use rustok_text::{BodyFormat, Locale, Slug};
use uuid::Uuid;

pub(super) struct Nodes {
    pub(super) locale: Locale,
    pub(super) options: ImportOptions,
}

/// A node with what is reported and remembered of it.
#[derive(Debug, Clone)]
pub(super) struct Post {
    node: ImportedNode,
    changed_at: Option<Timestamp>,
    address: Option<String>,
    notes: Notes,
}

/// An item to write.
#[derive(Debug, Clone)]
pub(super) enum Part {
    Author(AuthorItem),
    Term(Taxonomy, TermItem),
    Node(Box<Post>),
}

impl Source for Nodes {
    type Item = WordpressItem;
    type Checked = Part;
    const IMPORTED: Imported = Imported::WordpressNode;

    fn key(&self, item: &WordpressItem) -> Option<Key> {
        match item {
            WordpressItem::Node(node) => Some(Key::new(
                &self.named(&node.external_id),
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
        known: Option<&ImportReference>,
        part: Part,
    ) -> Result<Outcome, RichError> {
        match part {
            Part::Author(author) => {
                let name = as_html(&author.display_name);
                let stored = authors::upsert(tx, ctx, &author.login, Some(&name), self.if_named()).await?;
                Ok(aside(
                    "author",
                    &stored.login,
                    &stored.display_name,
                    &author.display_name,
                ))
            }
            Part::Term(taxonomy, term) => {
                let parent = term.parent_slug.as_deref();
                let name = as_html(&term.name);
                let stored =
                    terms::upsert(tx, ctx, taxonomy, &term.slug, &name, parent, self.if_named()).await?;
                Ok(aside(
                    taxonomy.as_str(),
                    stored.slug.as_str(),
                    &stored.name,
                    &term.name,
                ))
            }
            Part::Node(post) => self.write_node(tx, ctx, known, *post).await,
        }
    }

    fn note_of_name(&self, name: &Name) -> Option<(&'static str, String)> {
        let Name { wanted, got } = name;
        let text = || format!("the slug {wanted} is taken; it became {got}");
        (got != wanted).then(|| ("slug that was taken", text()))
    }

    async fn numbered_name(
        &self,
        tx: &mut TenantTx,
        name: &Name,
        is_given: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<String, RichError> {
        const LAST: u32 = 10_000;
        let Ok(base) = Slug::parse(&name.wanted) else {
            return Ok(name.got.clone());
        };
        let node = NodeId::from_uuid(Uuid::nil());
        let numbers = (2..=LAST).map(|number| base.numbered(number));
        for slug in numbers.filter(|slug| !is_given(slug.as_str())) {
            if !slugs::is_taken(tx, self.locale, node, &slug).await? {
                return Ok(slug.as_str().to_owned());
            }
        }
        Ok(name.got.clone())
    }
}

/// Plain text in the form of names and titles that other systems keep, which is decoded once where it is stored.
fn as_html(text: &str) -> String {
    text.replace('&', "&amp;").replace('<', "&lt;")
}

/// The outcome for an author or term, with a note if it kept the name that it has here.
fn aside(what: &str, id: &str, stored: &str, stated: &str) -> Outcome {
    let mut notes = Notes::default();
    // White space is all that storing changes of a name.
    if !stored.split_whitespace().eq(stated.split_whitespace()) {
        notes.tell(
            format!("name of a {what} that is here under another, kept"),
            format!("the {what} {id} is {stored:?} here and {stated:?} in the file; it stays (--overwrite takes the file's)"),
        );
    }
    Outcome {
        notes,
        ..Written::Aside.into()
    }
}

impl Nodes {
    /// The author or term may be that of another site.
    const fn if_named(&self) -> IfNamed {
        match self.options.overwrite {
            true => IfNamed::Overwrite,
            false => IfNamed::Keep,
        }
    }

    /// The identifier with the name of the source, if one was given: it takes the place of the site's address.
    fn named(&self, external_id: &str) -> String {
        match &self.options.source_name {
            Some(name) => {
                let id = external_id.rsplit_once('#').map_or(external_id, |(_, id)| id);
                format!("{name}#{id}")
            }
            None => external_id.to_owned(),
        }
    }

    async fn write_node(
        &self,
        tx: &mut TenantTx,
        ctx: &Ctx,
        known: Option<&ImportReference>,
        post: Post,
    ) -> Result<Outcome, RichError> {
        let Post {
            node,
            changed_at,
            address,
            mut notes,
        } = post;
        let is_older = known.is_some_and(
            |known| matches!((known.changed_at, changed_at), (Some(known), Some(now)) if now < known),
        );
        if is_older && !self.options.overwrite {
            let mut notes = Notes::default();
            notes.tell(
                "older than what was imported, kept",
                "the file has an older state of this item than an earlier import; it stays as it is (--overwrite takes it)",
            );
            return Ok(Outcome {
                notes,
                ..Written::Kept.into()
            });
        }
        let existing = known.map(|known| Existing {
            id: NodeId::from_uuid(known.subject_id),
            version: known.fields.as_slice().try_into().ok().map(i64::from_be_bytes),
            overwrite: self.options.overwrite,
        });
        let done = upsert(tx, ctx, existing, node).await?;
        if done.changed_here && !self.options.overwrite {
            let mut notes = Notes::default();
            notes.tell(
                "changed here, kept",
                "this item was changed here since the last import; it stays as it is (--overwrite takes the file's)",
            );
            return Ok(Outcome {
                notes,
                ..Written::Kept.into()
            });
        }
        if done.changed_here {
            notes.tell(
                "changed here, overwritten",
                "this item was changed here since the last import; the file's was taken",
            );
        }
        let wanted = done.wanted.as_ref().unwrap_or(&done.slug);
        let name = Name {
            wanted: wanted.as_str().to_owned(),
            got: done.slug.as_str().to_owned(),
        };
        note_removed(&mut notes, &done.removed);
        let id = done.id.as_uuid();
        Ok(Outcome {
            written: if known.is_some() {
                Written::Updated(id)
            } else {
                Written::Created(id)
            },
            fields: done.version.to_be_bytes().to_vec(),
            changed_at,
            address,
            name: Some(name),
            notes,
        })
    }

    fn node(&self, item: NodeItem) -> Result<Post, Vec<Fault>> {
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
            _ if !item.stated.has(NodeField::Status) => Publication::Kept,
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
        let mut notes = Notes::default();
        let code = keep_code(&item.body);
        let (linked, embeds) = with_links(&code);
        notes.count("embed that became a link", embeds);
        let body = with_paragraphs(&linked).into_owned();
        for name in dynamic_blocks(&item.body) {
            notes.count(format!("block {name} that its site fills in"), 1);
        }
        notes.count("image that stays at its address", body.matches("<img").count());
        let node = ImportedNode {
            kind,
            stated: item.stated,
            locale: self.locale,
            text: TranslationInput {
                title: as_html(&item.title),
                slug: item.slug,
                excerpt: item.excerpt,
                body,
                format: BodyFormat::Html,
            },
            publication,
            created_at: item.created_at,
            author_login: item.author_login,
            terms: item.terms.into_iter().filter_map(term).collect(),
        };
        Ok(Post {
            node,
            changed_at: item.changed_at,
            address: item.address,
            notes,
        })
    }
}

/// The names of blocks without content: `<!-- wp:latest-posts {"postsToShow":5} /-->`.
fn dynamic_blocks(body: &str) -> impl Iterator<Item = &str> {
    let mut rest = body;
    let comments = std::iter::from_fn(move || {
        let (_, after) = rest.split_once("<!-- wp:")?;
        let (comment, behind) = after.split_once("-->")?;
        rest = behind;
        Some(comment)
    });
    comments.filter_map(|comment| {
        let name = comment.split(|c: char| c.is_whitespace()).next()?;
        let has_end = comment.trim_end().ends_with('/');
        (has_end && name != "more").then_some(name)
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hostile_texts_take_linear_time() {
        for piece in ["<!-- wp:", "<!-- wp:a -->", "-->"] {
            crate::import::paragraphs::assert_linear(piece, |body| dynamic_blocks(body).count());
        }
    }

    #[test]
    fn blocks_that_their_site_fills_in_are_found() {
        let body = "<!-- wp:latest-posts {\"postsToShow\":5} /-->\n<!-- wp:paragraph --><p>a</p><!-- /wp:paragraph -->\
                    <!-- wp:core/search /--><!-- wp:";
        assert_eq!(
            dynamic_blocks(body).collect::<Vec<_>>(),
            ["latest-posts", "core/search"]
        );
    }
}
