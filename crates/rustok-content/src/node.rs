//! The data around a node: its kind, status, terms and author, and the command that creates it.
//!
//! Transitions are in [`crate::state_machine`]; nothing here changes a status.

use crate::error::{ContentError, FieldError};
use crate::ids::{AuthorId, NodeId, TermId};
use crate::translation::{Source, TranslationDraft, refuse, slug_violation};
use rustok_text::Locale;
use rustok_text::Slug;
use rustok_text::plain::checked_line;
use serde::{Deserialize, Serialize};
use std::fmt;
use std::str::FromStr;

/// The kind of content: `post`, `page`, `article`, ... 1 to 64 of `[a-z0-9_-]`, with a letter or digit at both ends.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct NodeKind(Box<str>);

impl NodeKind {
    /// The maximum length, in characters.
    pub const MAX_LEN: usize = 64;

    /// Parses a kind.
    ///
    /// # Errors
    /// [`ContentError::ValidationFailed`] at `#/kind`.
    pub fn parse(kind: &str) -> Result<Self, ContentError> {
        let edge = |byte: Option<&u8>| byte.is_some_and(|b| b.is_ascii_lowercase() || b.is_ascii_digit());
        let bytes = kind.as_bytes();
        let inner = |b: &u8| b.is_ascii_lowercase() || b.is_ascii_digit() || matches!(b, b'_' | b'-');
        if bytes.len() <= Self::MAX_LEN
            && edge(bytes.first())
            && edge(bytes.last())
            && bytes.iter().all(inner)
        {
            return Ok(Self(kind.into()));
        }
        let rule = "must be 1 to 64 of a-z, 0-9, _ and -, with a letter or digit at both ends";
        Err(ContentError::ValidationFailed(vec![FieldError::new(
            "kind",
            "invalid_kind",
            rule,
        )]))
    }

    /// The nearest valid kind to any text, `node` if there is none: for infallible callers.
    #[must_use]
    pub fn from_lossy(text: &str) -> Self {
        if let Ok(kind) = Self::parse(text) {
            return kind;
        }
        let keep = |c: char| {
            if c.is_ascii_alphanumeric() || c == '_' {
                c.to_ascii_lowercase()
            } else {
                '-'
            }
        };
        let kind: String = text.trim().chars().map(keep).collect();
        let kind = kind.trim_matches(['-', '_']);
        let kind = kind
            .get(..Self::MAX_LEN)
            .unwrap_or(kind)
            .trim_end_matches(['-', '_']);
        Self(if kind.is_empty() {
            "node".into()
        } else {
            kind.into()
        })
    }

    /// The text.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The kind as a slug: the fallback for a node whose title has no usable character.
    #[must_use]
    pub fn as_slug(&self) -> Slug {
        Slug::of_kind(&self.0)
    }
}

impl fmt::Display for NodeKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl FromStr for NodeKind {
    type Err = ContentError;

    fn from_str(kind: &str) -> Result<Self, Self::Err> {
        Self::parse(kind)
    }
}

impl TryFrom<String> for NodeKind {
    type Error = ContentError;

    fn try_from(kind: String) -> Result<Self, Self::Error> {
        Self::parse(&kind)
    }
}

impl From<NodeKind> for String {
    fn from(kind: NodeKind) -> Self {
        kind.0.into_string()
    }
}

/// The state of a node as a plain value, without its data.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum NodeStatus {
    /// Being written; not public.
    Draft,
    /// Its published revision is public from `published_at` on.
    Published,
    /// Withdrawn from the public, with a reason.
    Archived,
}

impl NodeStatus {
    /// All statuses, in the sequence of a node's life cycle.
    pub const ALL: [Self; 3] = [Self::Draft, Self::Published, Self::Archived];

    /// The name in the database and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Draft => "draft",
            Self::Published => "published",
            Self::Archived => "archived",
        }
    }

    /// The status with this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|status| status.as_str() == name)
    }
}

impl fmt::Display for NodeStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

/// The validated command to create a node.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewNode {
    /// The id of the new node.
    pub id: NodeId,
    /// The kind of content.
    pub kind: NodeKind,
    /// The author.
    pub author_id: AuthorId,
    /// The locale of its first translation.
    pub locale: Locale,
    /// Its first translation.
    pub translation: TranslationDraft,
    /// Its terms, at most [`NewNode::MAX_TERMS`].
    pub terms: Vec<TermId>,
}

impl NewNode {
    /// The maximum number of terms of a node.
    pub const MAX_TERMS: usize = 200;

    /// Checks the number of terms and drops duplicates.
    ///
    /// # Errors
    /// [`ContentError::ValidationFailed`] at `#/terms`.
    pub fn check_terms(mut terms: Vec<TermId>) -> Result<Vec<TermId>, ContentError> {
        terms.sort_unstable();
        terms.dedup();
        if terms.len() <= Self::MAX_TERMS {
            return Ok(terms);
        }
        let rule = format!("must have at most {} terms", Self::MAX_TERMS);
        Err(ContentError::ValidationFailed(vec![FieldError::new(
            "terms", "too_many", rule,
        )]))
    }
}

/// A classification of nodes.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Taxonomy {
    /// Categories, which can be nested.
    Category,
    /// Tags, which cannot be nested.
    Tag,
}

impl Taxonomy {
    /// The name in the database and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Category => "category",
            Self::Tag => "tag",
        }
    }

    /// The taxonomy with this name.
    #[must_use]
    pub fn find(name: &str) -> Option<Self> {
        [Self::Category, Self::Tag]
            .into_iter()
            .find(|taxonomy| taxonomy.as_str() == name)
    }
}

/// A category or tag.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Term {
    /// Its id.
    pub id: TermId,
    /// Category or tag.
    pub taxonomy: Taxonomy,
    /// Its name in URLs, unique in the tenant for its taxonomy.
    pub slug: Slug,
    /// Its name, plain text in a single line.
    pub name: String,
    /// The parent category; tags have none.
    pub parent_id: Option<TermId>,
}

impl Term {
    /// The maximum length of the name, in characters.
    pub const MAX_NAME_CHARS: usize = 200;

    /// Validates a term. Markup in the name is reduced to its text. A missing or invalid slug is derived from the
    /// other fields, in the last resort from the taxonomy.
    ///
    /// # Errors
    /// [`ContentError::ValidationFailed`]: a blank or too long name, a tag with a parent, a term that is its own
    /// parent.
    pub fn new(
        id: impl Into<TermId>,
        taxonomy: Taxonomy,
        name: &str,
        slug: Option<&str>,
        parent_id: Option<TermId>,
    ) -> Result<Self, ContentError> {
        Self::checked(id.into(), taxonomy, name, slug, parent_id, Source::Import)
    }

    fn checked(
        id: TermId,
        taxonomy: Taxonomy,
        name: &str,
        slug: Option<&str>,
        parent_id: Option<TermId>,
        source: Source,
    ) -> Result<Self, ContentError> {
        let mut errors = Vec::new();
        let name = checked_name("name", &source.line(name), Self::MAX_NAME_CHARS, &mut errors);
        if parent_id.is_some() && taxonomy == Taxonomy::Tag {
            errors.push(FieldError::new(
                "parent_id",
                "not_allowed",
                "tags do not stand below one another",
            ));
        }
        if parent_id == Some(id) {
            errors.push(FieldError::new("parent_id", "invalid", "must be another term"));
        }
        let given = slug.map(str::trim).filter(|slug| !slug.is_empty());
        let slug = given
            .and_then(|given| Slug::parse(given).ok().or_else(|| Slug::from_title(given)))
            .or_else(|| Slug::from_title(&name))
            .unwrap_or_else(|| Slug::of_kind(taxonomy.as_str()));
        if errors.is_empty() {
            Ok(Self {
                id,
                taxonomy,
                slug,
                name,
                parent_id,
            })
        } else {
            Err(ContentError::ValidationFailed(errors))
        }
    }

    /// As [`Term::new`], for input by an editor: an invalid slug is an error and is not replaced, and the name is
    /// taken as plain text.
    ///
    /// # Errors
    /// As [`Term::new`], and an invalid slug at `#/slug`.
    pub fn new_strict(
        id: impl Into<TermId>,
        taxonomy: Taxonomy,
        name: &str,
        slug: Option<&str>,
        parent_id: Option<TermId>,
    ) -> Result<Self, ContentError> {
        match slug.filter(|slug| !slug.trim().is_empty()).map(Slug::parse) {
            Some(Err(error)) => Err(ContentError::ValidationFailed(vec![slug_violation(
                "slug", error,
            )])),
            _ => Self::checked(id.into(), taxonomy, name, slug, parent_id, Source::Editor),
        }
    }
}

/// An author of nodes. Not an account: permissions come from the token of a request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Author {
    /// Its id.
    pub id: AuthorId,
    /// The short name, unique in the tenant.
    pub login: String,
    /// The name shown to readers.
    pub display_name: String,
}

impl Author {
    /// The maximum length of the login and of the display name, in characters.
    pub const MAX_NAME_CHARS: usize = 200;

    /// Validates an author; a blank display name is replaced by the login.
    ///
    /// # Errors
    /// [`ContentError::ValidationFailed`]: a blank login, a name that is too long.
    pub fn new(
        id: impl Into<AuthorId>,
        login: &str,
        display_name: &str,
        source: Source,
    ) -> Result<Self, ContentError> {
        let mut errors = Vec::new();
        let mut check = |field, name: &str| checked_name(field, name, Self::MAX_NAME_CHARS, &mut errors);
        let login = check("login", &source.line(login));
        let shown = Some(source.line(display_name)).filter(|name| !name.is_empty());
        let display_name = match shown.unwrap_or_else(|| login.clone()) {
            // A blank login is reported once.
            nothing if nothing.is_empty() => nothing,
            shown => check("display_name", &shown),
        };
        if errors.is_empty() {
            Ok(Self {
                id: id.into(),
                login,
                display_name,
            })
        } else {
            Err(ContentError::ValidationFailed(errors))
        }
    }
}

/// The name in its stored form; adds the rules that it breaks.
fn checked_name(field: &str, name: &str, max: usize, errors: &mut Vec<FieldError>) -> String {
    let (name, faults) = checked_line(name, max);
    refuse(field, faults, errors);
    name
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn codes<T: fmt::Debug>(result: Result<T, ContentError>) -> Vec<String> {
        match result.unwrap_err() {
            ContentError::ValidationFailed(errors) => errors
                .into_iter()
                .map(|e| format!("{} {}", e.pointer, e.code))
                .collect(),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn kinds_are_short_plain_words() {
        let longest = "a".repeat(64);
        for good in ["post", "a", "0", "wp_block", "news-item", longest.as_str()] {
            assert_eq!(NodeKind::parse(good).unwrap().as_str(), good);
        }
        let too_long = "a".repeat(65);
        for bad in ["", "Post", "a b", "-a", "a-", "_a", "é", "a/b", too_long.as_str()] {
            assert_eq!(codes(NodeKind::parse(bad)), ["#/kind invalid_kind"], "{bad}");
        }
    }

    #[test]
    fn any_text_has_a_nearest_kind() {
        let long = format!("{}-x", "a".repeat(63));
        for (text, kind) in [
            ("article", "article"),
            (" News Item! ", "news-item"),
            ("", "node"),
            ("日本", "node"),
            (&long, &long[..63]),
        ] {
            let lossy = NodeKind::from_lossy(text);
            assert_eq!(lossy.as_str(), kind);
            assert_eq!(NodeKind::parse(lossy.as_str()), Ok(lossy.clone()));
            assert_eq!(Slug::parse(lossy.as_str()), Ok(lossy.as_slug()));
        }
    }

    #[test]
    fn statuses_and_taxonomies_have_names() {
        for status in NodeStatus::ALL {
            assert_eq!(NodeStatus::find(status.as_str()), Some(status));
            assert_eq!(serde_json::to_value(status).unwrap(), status.as_str());
        }
        assert_eq!(NodeStatus::find("Draft"), None);
        assert_eq!(Taxonomy::find("tag"), Some(Taxonomy::Tag));
        assert_eq!(Taxonomy::find("tags"), None);
    }

    #[test]
    fn terms_get_a_slug_in_any_case() {
        let term = |name, slug| Term::new(Uuid::nil(), Taxonomy::Tag, name, slug, None).unwrap();
        assert_eq!(term("News &amp; Views", None).name, "News & Views");
        assert_eq!(term("News", Some("my-news")).slug.as_str(), "my-news");
        assert_eq!(term("News", Some("My News")).slug.as_str(), "my-news");
        assert_eq!(term("🎉", Some("")).slug.as_str(), "tag");
        let strict = Term::new_strict(Uuid::nil(), Taxonomy::Tag, "News", Some("My News"), None);
        assert_eq!(codes(strict), ["#/slug invalid_slug"]);
    }

    #[test]
    fn only_categories_have_parents_and_never_themselves() {
        let parent = Some(TermId::from_uuid(Uuid::max()));
        assert!(Term::new(Uuid::nil(), Taxonomy::Category, "a", None, parent).is_ok());
        assert_eq!(
            codes(Term::new(Uuid::nil(), Taxonomy::Tag, " ", None, parent)),
            ["#/name required", "#/parent_id not_allowed"]
        );
        assert_eq!(
            codes(Term::new(Uuid::max(), Taxonomy::Category, "a", None, parent)),
            ["#/parent_id invalid"]
        );
    }

    #[test]
    fn authors_have_a_name_to_show() {
        let author = Author::new(Uuid::nil(), "jane", " ", Source::Editor).unwrap();
        assert_eq!(author.display_name, "jane");
        assert_eq!(
            codes(Author::new(Uuid::nil(), "", "Jane", Source::Editor)),
            ["#/login required"]
        );
        assert_eq!(
            codes(Author::new(Uuid::nil(), "", "", Source::Editor)),
            ["#/login required"]
        );
        let long = "a".repeat(201);
        assert_eq!(
            codes(Author::new(Uuid::nil(), "jane", &long, Source::Editor)),
            ["#/display_name too_long"]
        );
    }

    #[test]
    fn terms_of_a_node_are_distinct_and_bounded() {
        let id = |n| TermId::from_uuid(Uuid::from_u128(n));
        assert_eq!(
            NewNode::check_terms(vec![id(2), id(1), id(2)]).unwrap(),
            [id(1), id(2)]
        );
        assert!(NewNode::check_terms((0..200).map(id).collect()).is_ok());
        assert_eq!(
            codes(NewNode::check_terms((0..201).map(id).collect())),
            ["#/terms too_many"]
        );
    }
}
