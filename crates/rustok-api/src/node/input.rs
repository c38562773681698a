//! What may be sent about nodes: the body of each write, and the parameters of queries.
//!
//! Nothing here checks more than the form: the rules are `rustok-content`'s, so that they hold for imports too.

use crate::merge_patch;
use jiff::Timestamp;
use rustok_app::content::{AuthorRef, FiledTerm, NewContent, NodeDetail, NodeEdit, Part, TermRef};
use rustok_content::{Taxonomy, TranslationInput};
use rustok_core::clock::parse_time;
use rustok_core::error::{ErrorKind, RichError};
use rustok_http::extract::MergePatch;
use rustok_http::extract::query::LOCALE_RULE;
use rustok_text::{BodyFormat, Locale};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::borrow::Cow;
use utoipa::ToSchema;

const fn html() -> BodyFormat {
    BodyFormat::Html
}

// The form of `BodyFormat` in the OpenAPI document.
/// What a body is written in; `html` if it is not given.
#[derive(Debug, ToSchema)]
#[schema(as = BodyFormat, rename_all = "snake_case", example = "html")]
#[expect(dead_code, reason = "only its schema is of use")]
enum FormatName {
    Html,
    Markdown,
}

// The form of `Taxonomy` in the OpenAPI document.
/// What sort of term it is.
#[derive(Debug, ToSchema)]
#[schema(as = Taxonomy, rename_all = "snake_case", example = "category")]
#[expect(dead_code, reason = "only its schema is of use")]
enum TaxonomyName {
    Category,
    Tag,
}

/// A term to file a node under.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct TermInput {
    #[schema(value_type = TaxonomyName)]
    taxonomy: Taxonomy,
    /// Its slug; without one it is known by its name and the category above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    slug: Option<String>,
    /// Its name, in any case; makes the term if it does not exist.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    name: Option<String>,
    /// The slug of the category above it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    parent: Option<String>,
}

impl From<TermInput> for TermRef {
    fn from(term: TermInput) -> Self {
        Self {
            taxonomy: term.taxonomy,
            slug: term.slug,
            name: term.name,
            parent: term.parent,
        }
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
        Self {
            login: author.login,
            name: author.name,
        }
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
    #[serde(default = "html")]
    #[schema(value_type = FormatName, required = false)]
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
    #[serde(default = "html")]
    #[schema(value_type = FormatName, required = false)]
    format: BodyFormat,
}

impl From<PutTranslation> for TranslationInput {
    fn from(text: PutTranslation) -> Self {
        let PutTranslation {
            title,
            slug,
            excerpt,
            body,
            format,
        } = text;
        Self {
            title,
            slug,
            excerpt,
            body,
            format,
        }
    }
}

/// What may be changed of a node: a JSON merge patch (RFC 7396). `null` takes a member away.
#[derive(Debug, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
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
    #[schema(value_type = FormatName, required = false)]
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
            author: Some(AuthorInput {
                login: detail.author.login.clone(),
                name: None,
            }),
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
    let Some(named) = patch.members.remove("locale") else {
        return Ok(query);
    };
    let refused = |code: &'static str, detail: &'static str| {
        RichError::new(ErrorKind::Validation, "locale of a patch refused")
            .with_violation("locale", code, detail)
    };
    let locale = named.as_str().and_then(|tag| Locale::parse(tag).ok());
    let locale = locale.ok_or_else(|| refused("invalid_locale", LOCALE_RULE))?;
    if query.is_some_and(|query| query != locale) {
        return Err(refused("mismatch", "must be the locale that the query names"));
    }
    Ok(Some(locale))
}

/// The rule of `include`.
pub const INCLUDE_RULE: &str = "must be `body`";

/// What a list shows of the texts, by `include`.
#[must_use]
pub fn included(include: &str) -> Option<Part> {
    (include == "body").then_some(Part::Whole)
}

/// The rule of a kind.
pub const KIND_RULE: &str = "must be 1 to 64 of a-z, 0-9, _ and -, with a letter or digit at both ends";

/// When a node goes public.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct PublishNode {
    /// From when on a draft is public, cut to microseconds; now if it is not given. Once it was public, it keeps its first
    /// date: another one is refused.
    #[schema(value_type = Option<String>, format = DateTime)]
    #[serde(default, deserialize_with = "time")]
    pub(crate) published_at: Option<Timestamp>,
}

fn time<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Option<Timestamp>, D::Error> {
    let text = Option::<Cow<'de, str>>::deserialize(deserializer)?;
    let read = |text: Cow<'de, str>| {
        let rule = "must be a time such as 2026-01-31T12:00:00Z";
        parse_time(&text).ok_or_else(|| D::Error::custom(rule))
    };
    text.map(read).transpose()
}

/// Why a node is taken out of sight.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ArchiveNode {
    #[serde(default)]
    #[schema(example = "outdated", required)]
    pub(crate) reason: String,
}
