//! What nodes look like from outside: the views of the administration and of the store, and what may be sent.
//!
//! The store's view has nothing of a working revision in it, and no login: names of accounts are nobody's business there.

use super::merge_patch;
use crate::extract::MergePatch;
use jiff::Timestamp;
use rustok_app::content::{AuthorRef, FiledTerm, NewContent, NodeDetail, NodeEdit, NodeHistoryEntry, PublicNode, TermRef};
use rustok_content::{BodyFormat, Locale, Taxonomy, TranslationInput};
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use serde::{Deserialize, Serialize};
use std::borrow::Cow;
use std::str::FromStr;
use utoipa::ToSchema;
use uuid::Uuid;

/// A node, in one locale.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeView<'a> {
    id: Uuid,
    #[schema(example = "post")]
    kind: &'a str,
    #[schema(example = "draft")]
    status: &'a str,
    /// The locale of title, slug, excerpt and body.
    #[schema(example = "en")]
    locale: &'a str,
    /// Plain text.
    title: &'a str,
    slug: &'a str,
    /// Plain text.
    excerpt: &'a str,
    /// As it was written.
    body: &'a str,
    /// `html` or `markdown`.
    format: &'a str,
    /// The body as safe HTML.
    body_html: &'a str,
    terms: Vec<TermView<'a>>,
    author: AuthorView<'a>,
    /// From when on it is public, if it ever was or will be.
    #[schema(value_type = Option<String>, format = DateTime)]
    published_at: Option<Timestamp>,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    #[schema(value_type = Option<String>, format = DateTime)]
    archived_at: Option<Timestamp>,
    archive_reason: Option<&'a str>,
    #[schema(value_type = Option<String>, format = DateTime)]
    deleted_at: Option<Timestamp>,
    /// The number of its newest save, in any locale.
    working_revision: i64,
    /// The number of the save that is public.
    published_revision: Option<i64>,
    /// The locales that it has.
    locales: Vec<TranslationView<'a>>,
    /// The POSTs that would not be refused now.
    allowed_transitions: Vec<&'static str>,
    /// Counts its changes, from 1.
    version: i64,
}

/// One locale of a node.
#[derive(Debug, Serialize, ToSchema)]
pub struct TranslationView<'a> {
    locale: &'a str,
    /// The address of the working revision; none while the node is deleted.
    slug: Option<&'a str>,
    working_revision: i64,
    published_slug: Option<&'a str>,
    published_revision: Option<i64>,
}

/// A category or tag.
#[derive(Debug, Serialize, ToSchema)]
pub struct TermView<'a> {
    /// `category` or `tag`.
    taxonomy: &'a str,
    slug: &'a str,
    name: &'a str,
    /// The slug of the category above it.
    parent: Option<&'a str>,
}

/// Who wrote a node.
#[derive(Debug, Serialize, ToSchema)]
pub struct AuthorView<'a> {
    login: &'a str,
    name: &'a str,
}

/// A page of nodes.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodePage<'a> {
    pub(super) items: Vec<NodeView<'a>>,
    pub(super) next_cursor: Option<String>,
}

impl<'a> From<&'a NodeDetail> for NodeView<'a> {
    fn from(detail: &'a NodeDetail) -> Self {
        let node = detail.node.any();
        let text = &detail.shown.translation;
        let archived = match node {
            rustok_content::AnyContentNode::Archived(archived) => Some(archived),
            _ => None,
        };
        let deleted_at = detail.node.deleted_at();
        Self {
            id: node.id().as_uuid(),
            kind: node.kind().as_str(),
            status: node.status().as_str(),
            locale: detail.shown.locale.as_str(),
            title: &text.title,
            slug: detail.slug().as_str(),
            excerpt: &text.excerpt,
            body: &text.body,
            format: text.format.as_str(),
            body_html: &text.body_html,
            terms: detail.terms.iter().map(TermView::from).collect(),
            author: AuthorView { login: &detail.author.login, name: &detail.author.display_name },
            published_at: node.published_at(),
            created_at: node.created_at(),
            updated_at: node.updated_at(),
            archived_at: archived.map(|node| node.archived_at()),
            archive_reason: archived.map(|node| node.reason()),
            deleted_at,
            working_revision: node.working_revision(),
            published_revision: node.published_revision(),
            locales: detail.translations.iter().map(TranslationView::from).collect(),
            allowed_transitions: if deleted_at.is_some() { vec!["undelete"] } else { node.allowed_transitions() },
            version: node.version(),
        }
    }
}

impl<'a> From<&'a rustok_app::content::TranslationState> for TranslationView<'a> {
    fn from(state: &'a rustok_app::content::TranslationState) -> Self {
        Self {
            locale: state.locale.as_str(),
            slug: state.slug.as_ref().map(AsRef::as_ref),
            working_revision: state.working_revision,
            published_slug: state.published_slug.as_ref().map(AsRef::as_ref),
            published_revision: state.published_revision,
        }
    }
}

impl<'a> From<&'a FiledTerm> for TermView<'a> {
    fn from(filed: &'a FiledTerm) -> Self {
        Self {
            taxonomy: filed.term.taxonomy.as_str(),
            slug: filed.term.slug.as_str(),
            name: &filed.term.name,
            parent: filed.parent_slug.as_ref().map(AsRef::as_ref),
        }
    }
}

/// A published node as readers see it, in one locale.
#[derive(Debug, Serialize, ToSchema)]
pub struct StoreNodeView<'a> {
    id: Uuid,
    #[schema(example = "post")]
    kind: &'a str,
    /// Always `published`.
    status: &'static str,
    /// The locale of title, slug, excerpt and body.
    #[schema(example = "en")]
    locale: &'a str,
    /// Plain text.
    title: &'a str,
    slug: &'a str,
    /// Plain text.
    excerpt: &'a str,
    /// As it was written.
    body: &'a str,
    /// `html` or `markdown`.
    format: &'a str,
    /// The body as safe HTML.
    body_html: &'a str,
    terms: Vec<TermView<'a>>,
    author: StoreAuthorView<'a>,
    #[schema(value_type = String, format = DateTime)]
    published_at: Timestamp,
    #[schema(value_type = String, format = DateTime)]
    created_at: Timestamp,
    /// When the text that is shown was saved.
    #[schema(value_type = String, format = DateTime)]
    updated_at: Timestamp,
    /// The number of the save that is public.
    version: i64,
}

/// Who wrote a node.
#[derive(Debug, Serialize, ToSchema)]
pub struct StoreAuthorView<'a> {
    name: &'a str,
}

/// A page of published nodes.
#[derive(Debug, Serialize, ToSchema)]
pub struct StoreNodePage<'a> {
    pub(super) items: Vec<StoreNodeView<'a>>,
    pub(super) next_cursor: Option<String>,
}

impl<'a> From<&'a PublicNode> for StoreNodeView<'a> {
    fn from(node: &'a PublicNode) -> Self {
        let term = |term: &'a rustok_app::content::PublicTerm| TermView {
            taxonomy: &term.taxonomy,
            slug: &term.slug,
            name: &term.name,
            parent: term.parent.as_deref(),
        };
        Self {
            id: node.id.as_uuid(),
            kind: &node.kind,
            status: "published",
            locale: node.locale.as_str(),
            title: &node.title,
            slug: &node.slug,
            excerpt: &node.excerpt,
            body: &node.body,
            format: node.format.as_str(),
            body_html: &node.body_html,
            terms: node.terms.iter().map(term).collect(),
            author: StoreAuthorView { name: &node.author_name },
            published_at: node.published_at,
            created_at: node.created_at,
            updated_at: node.saved_at,
            version: node.revision,
        }
    }
}

/// What happened to a node, oldest first.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeHistory<'a> {
    items: Vec<NodeHistoryView<'a>>,
}

/// One change of a node.
#[derive(Debug, Serialize, ToSchema)]
pub struct NodeHistoryView<'a> {
    /// The version that it made.
    version: i64,
    #[schema(example = "publish")]
    transition: &'a str,
    /// None at the creation.
    from_status: Option<&'a str>,
    to_status: &'a str,
    /// Who did it.
    actor: &'a str,
    reason: Option<&'a str>,
    #[schema(value_type = String, format = DateTime)]
    at: Timestamp,
}

impl<'a> From<&'a [NodeHistoryEntry]> for NodeHistory<'a> {
    fn from(entries: &'a [NodeHistoryEntry]) -> Self {
        let view = |entry: &'a NodeHistoryEntry| NodeHistoryView {
            version: entry.version,
            transition: &entry.transition,
            from_status: entry.from_status.as_deref(),
            to_status: &entry.to_status,
            actor: &entry.actor,
            reason: entry.reason.as_deref(),
            at: entry.at,
        };
        Self { items: entries.iter().map(view).collect() }
    }
}

const fn html() -> BodyFormat {
    BodyFormat::Html
}

/// A term to file a node under.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TermInput {
    /// `category` or `tag`.
    #[schema(value_type = String, example = "category")]
    taxonomy: Taxonomy,
    /// Its slug; without one it is made from the name.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slug: Option<String>,
    /// Makes the term if it does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// For a category that does not exist: the slug of the category above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
}

impl From<TermInput> for TermRef {
    fn from(term: TermInput) -> Self {
        Self { taxonomy: term.taxonomy, slug: term.slug, name: term.name, parent: term.parent }
    }
}

/// Who wrote a node.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct AuthorInput {
    login: String,
    /// Makes the author if there is none with this login.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
}

impl From<AuthorInput> for AuthorRef {
    fn from(author: AuthorInput) -> Self {
        Self { login: author.login, name: author.name }
    }
}

/// A new node.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct CreateNode {
    /// 1 to 64 of `a-z`, `0-9`, `_` and `-`.
    #[serde(default)]
    #[schema(example = "post", required)]
    kind: String,
    /// The tenant's default locale if it is not given.
    #[schema(example = "en")]
    locale: Option<String>,
    /// Plain text of one line.
    #[serde(default)]
    #[schema(example = "Hello", required)]
    title: String,
    /// Made from the title, and numbered if need be, when it is not given.
    slug: Option<String>,
    /// Plain text.
    #[serde(default)]
    excerpt: String,
    #[serde(default)]
    #[schema(example = "<p>Hello, world.</p>")]
    body: String,
    /// `html` (the default) or `markdown`.
    #[serde(default = "html")]
    #[schema(value_type = String, required = false, example = "html")]
    format: BodyFormat,
    #[serde(default)]
    terms: Vec<TermInput>,
    /// The site's own author if it is not given.
    author: Option<AuthorInput>,
}

impl From<CreateNode> for NewContent {
    fn from(new: CreateNode) -> Self {
        Self {
            kind: new.kind,
            locale: new.locale,
            text: TranslationInput {
                title: new.title,
                slug: new.slug,
                excerpt: new.excerpt,
                body: new.body,
                format: new.format,
            },
            author: new.author.map(AuthorRef::from),
            terms: new.terms.into_iter().map(TermRef::from).collect(),
        }
    }
}

/// The whole text of a node in one locale.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PutTranslation {
    /// Plain text of one line.
    #[serde(default)]
    #[schema(example = "Привет", required)]
    title: String,
    /// Without one a text that is there keeps its own, and a new one gets one from the title.
    slug: Option<String>,
    /// Plain text.
    #[serde(default)]
    excerpt: String,
    #[serde(default)]
    body: String,
    /// `html` (the default) or `markdown`.
    #[serde(default = "html")]
    #[schema(value_type = String, required = false, example = "html")]
    format: BodyFormat,
}

impl From<PutTranslation> for TranslationInput {
    fn from(text: PutTranslation) -> Self {
        let PutTranslation { title, slug, excerpt, body, format } = text;
        Self { title, slug, excerpt, body, format }
    }
}

/// What may be changed of a node: a JSON merge patch (RFC 7396). `null` takes a member away.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = PatchNode)]
pub struct EditableNode {
    #[serde(default)]
    kind: String,
    /// Plain text of one line.
    #[serde(default)]
    title: String,
    /// `null` makes a new one from the title.
    slug: Option<String>,
    /// Plain text.
    #[serde(default)]
    excerpt: String,
    #[serde(default)]
    body: String,
    #[serde(default = "html")]
    #[schema(value_type = String, required = false)]
    format: BodyFormat,
    #[serde(default)]
    terms: Vec<TermInput>,
    /// `null` makes it the site's own author.
    author: Option<AuthorInput>,
}

impl EditableNode {
    fn of(detail: &NodeDetail) -> Self {
        let text = &detail.shown.translation;
        let term = |filed: &FiledTerm| TermInput {
            taxonomy: filed.term.taxonomy,
            slug: Some(filed.term.slug.as_str().to_owned()),
            name: None,
            parent: None,
        };
        Self {
            kind: detail.node.any().kind().as_str().to_owned(),
            title: text.title.clone(),
            slug: Some(detail.slug().as_str().to_owned()),
            excerpt: text.excerpt.clone(),
            body: text.body.clone(),
            format: text.format,
            terms: detail.terms.iter().map(term).collect(),
            // Without the name: a patch of the login alone must not carry the old name over to another author.
            author: Some(AuthorInput { login: detail.author.login.clone(), name: None }),
        }
    }

    /// What the node shall be after the patch.
    ///
    /// # Errors
    /// `validation_failed` when the result has not the documented form.
    pub fn patched(detail: &NodeDetail, patch: &MergePatch) -> Result<NodeEdit, RichError> {
        let edited = merge_patch::apply(&Self::of(detail), patch)?;
        Ok(NodeEdit {
            kind: edited.kind,
            author: edited.author.map(AuthorRef::from),
            terms: edited.terms.into_iter().map(TermRef::from).collect(),
            text: TranslationInput {
                title: edited.title,
                slug: edited.slug,
                excerpt: edited.excerpt,
                body: edited.body,
                format: edited.format,
            },
        })
    }
}

/// Takes the member `locale` out of a patch: it says which text is edited, and is not changed itself.
///
/// # Errors
/// `validation_failed` when it is no locale, or another one than the query names.
pub fn addressed_locale(patch: &mut MergePatch, query: Option<Locale>) -> Result<Option<Locale>, RichError> {
    let Some(named) = patch.0.remove("locale") else { return Ok(query) };
    let refused = |code: &'static str, detail: &'static str| {
        RichError::new(ErrorKind::Validation, "locale of a patch refused").with_violation("locale", code, detail)
    };
    let locale = named.as_str().and_then(|tag| Locale::parse(tag).ok());
    let locale = locale.ok_or_else(|| refused("invalid_locale", LOCALE_RULE))?;
    if query.is_some_and(|query| query != locale) {
        return Err(refused("mismatch", "must be the locale that the query names"));
    }
    Ok(Some(locale))
}

/// Reads query parameters and collects what is wrong with them, so that all of it is told at once.
#[derive(Debug, Default)]
pub struct QueryReader(Vec<FieldViolation>);

impl QueryReader {
    /// The parameter as `T`, if it was sent and has its form.
    pub fn read<T: FromStr>(&mut self, name: &str, text: Option<&str>, rule: &'static str) -> Option<T> {
        let value = text?.parse().ok();
        if value.is_none() {
            self.refuse(name, "invalid", rule);
        }
        value
    }

    /// The locale that was asked for.
    pub fn locale(&mut self, text: Option<&str>) -> Option<Locale> {
        self.read("locale", text, LOCALE_RULE)
    }

    /// Notes that a parameter breaks a rule.
    pub fn refuse(&mut self, name: &str, code: &'static str, rule: impl Into<Cow<'static, str>>) {
        self.0.push(FieldViolation::new(format!("?{name}"), code, rule));
    }

    /// # Errors
    /// `validation_failed` when anything was refused.
    pub fn finish(self) -> Result<(), RichError> {
        if self.0.is_empty() {
            return Ok(());
        }
        Err(RichError::new(ErrorKind::Validation, "query refused").with_violations(self.0))
    }
}

/// The rule of a kind.
pub const KIND_RULE: &str = "must be 1 to 64 of a-z, 0-9, _ and -, with a letter or digit at both ends";

/// The rule of a locale.
const LOCALE_RULE: &str = "must be a language tag such as en, pt-BR or zh-Hans";

/// When a node goes public.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishNode {
    /// From when on a draft is public, if it never was; now if it is not given.
    #[schema(value_type = Option<String>, format = DateTime)]
    pub(super) published_at: Option<Timestamp>,
}

/// Why a node is taken out of sight.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveNode {
    #[serde(default)]
    #[schema(example = "outdated", required)]
    pub(super) reason: String,
}
