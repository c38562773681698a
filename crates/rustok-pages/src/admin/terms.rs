//! `/admin/terms` and `/admin/authors`: the categories, tags and authors of articles, with what can be done to each.

mod author;
mod term;

use crate::form::{Fields, Form};
use crate::respond::{PageResult, page};
use crate::view::{Section, View};
use crate::visit::{Asked, Visit, parameters};
use askama::Template;
use axum::{Router, routing};
use rustok_app::content::{self, Counted, ListedTerm, TermFilter, TermPlace};
use rustok_auth::Action;
use rustok_content::Taxonomy;
use rustok_content::ids::AuthorId;
use rustok_core::error::RichError;
use rustok_core::page::{Cursor, Limit};
use rustok_http::state::HttpState;
use rustok_text::plain::folded;
use std::borrow::Cow;

/// Rows on one page.
const PAGE: Limit = Limit::nearest(50);
/// The most things that a field offers to choose from.
const OFFERED: Limit = Limit::nearest(Limit::MAX);
/// The longest beginning of a name that is searched for, in characters, as in the API.
const MAX_PREFIX: usize = 200;

struct Tab {
    path: &'static str,
    key: &'static str,
    is_current: bool,
}

/// A category, tag or author in the list.
struct Row {
    path: String,
    name: String,
    code: String,
    parent: String,
    count: String,
}

#[derive(Template)]
#[template(path = "admin/terms.html")]
struct Terms<'a> {
    v: &'a View,
    tabs: [Tab; 3],
    path: &'static str,
    taxonomy: &'static str,
    new_path: &'static str,
    new_key: &'static str,
    code_key: &'static str,
    has_parents: bool,
    query: &'a str,
    is_filtered: bool,
    may_manage: bool,
    rows: Vec<Row>,
    is_later_page: bool,
    first_page: String,
    next_page: Option<String>,
}

/// What the pages of one kind of thing have in common.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Kind {
    Category,
    Tag,
    Author,
}

impl Kind {
    const fn of(taxonomy: Taxonomy) -> Self {
        match taxonomy {
            Taxonomy::Category => Self::Category,
            Taxonomy::Tag => Self::Tag,
        }
    }

    const fn list_path(self) -> &'static str {
        match self {
            Self::Category => "/admin/terms",
            Self::Tag => "/admin/terms?taxonomy=tag",
            Self::Author => "/admin/authors",
        }
    }

    const fn new_path(self) -> &'static str {
        match self {
            Self::Category => "/admin/terms/new?taxonomy=category",
            Self::Tag => "/admin/terms/new?taxonomy=tag",
            Self::Author => "/admin/authors/new",
        }
    }

    const fn list_key(self) -> &'static str {
        match self {
            Self::Category => "terms-categories",
            Self::Tag => "terms-tags",
            Self::Author => "terms-authors",
        }
    }

    const fn new_key(self) -> &'static str {
        match self {
            Self::Category => "terms-new-category",
            Self::Tag => "terms-new-tag",
            Self::Author => "terms-new-author",
        }
    }
}

/// A thing that another one can become one with.
struct Target {
    id: String,
    name: String,
}

#[derive(Template)]
#[template(path = "admin/term.html")]
struct One<'a> {
    v: &'a View,
    kind_key: &'static str,
    list_path: &'static str,
    path: String,
    heading: Cow<'static, str>,
    is_new: bool,
    is_author: bool,
    is_category: bool,
    taxonomy: &'static str,
    may_manage: bool,
    count: String,
    form: Form,
    blocked: Option<String>,
    open: &'a str,
    query: &'a str,
    into_error: Option<String>,
    targets: Vec<Target>,
    parents: Vec<(String, String)>,
}

/// What a page of one thing says besides the thing.
#[derive(Default)]
struct Said {
    form: Option<Form>,
    blocked: Option<String>,
    open: String,
    query: String,
    into_error: Option<String>,
}

impl Said {
    /// What the address says.
    fn of(query: &Fields) -> Self {
        Self {
            open: query.text("do").to_owned(),
            query: prefix_of(query),
            ..Self::default()
        }
    }
}

impl Said {
    /// Why the names were refused, with what was typed.
    fn refused(view: &View, fields: Fields, refusal: &RichError) -> Self {
        Self {
            form: Some(Form::refused(view.words, fields, refusal)),
            ..Self::default()
        }
    }

    /// Why a merge was refused; `None` if nothing was chosen to merge into.
    fn unmerged(view: &View, refusal: Option<&RichError>) -> Self {
        let error = match refusal {
            None => Some(view.t("terms-into-missing").into_owned()),
            Some(refusal) => {
                let form = Form::refused(view.words, Fields::default(), refusal);
                form.error("into").map(str::to_owned).or(form.problem)
            }
        };
        Self {
            into_error: error,
            ..Self::default()
        }
    }
}

/// The message after a merge.
const fn merged_flash(is_pending: bool) -> &'static str {
    match is_pending {
        true => "flash-terms-merging",
        false => "flash-terms-merged",
    }
}

fn prefix_of(query: &Fields) -> String {
    query.text("q").trim().chars().take(MAX_PREFIX).collect()
}

/// A number of articles, as far as it is counted.
fn count_of(nodes: Counted) -> String {
    match nodes.more {
        true => format!("{}+", nodes.count),
        false => nodes.count.to_string(),
    }
}

fn tabs(current: Kind) -> [Tab; 3] {
    [Kind::Category, Kind::Tag, Kind::Author].map(|kind| Tab {
        path: kind.list_path(),
        key: kind.list_key(),
        is_current: kind == current,
    })
}

fn row(listed: ListedTerm) -> Row {
    Row {
        path: format!("/admin/terms/{}", listed.term.id),
        name: listed.term.name,
        code: listed.term.slug.to_string(),
        parent: listed
            .parent_slug
            .map(|slug| slug.to_string())
            .unwrap_or_default(),
        count: count_of(listed.nodes),
    }
}

/// Rows of a list, and where the next page starts.
struct Found {
    rows: Vec<Row>,
    next: Option<String>,
    is_later_page: bool,
}

fn show(view: &View, kind: Kind, query: &str, found: Found) -> PageResult {
    let taxonomy = if kind == Kind::Tag { "tag" } else { "" };
    let path = match kind {
        Kind::Author => "/admin/authors",
        Kind::Category | Kind::Tag => "/admin/terms",
    };
    let address = |after: Option<&str>| {
        let after = after.unwrap_or_default();
        let parts = parameters(&[("taxonomy", taxonomy), ("q", query), ("after", after)]);
        format!("{path}?{parts}")
    };
    let template = Terms {
        tabs: tabs(kind),
        path,
        taxonomy,
        new_path: kind.new_path(),
        new_key: kind.new_key(),
        code_key: if kind == Kind::Author {
            "terms-login"
        } else {
            "content-slug"
        },
        has_parents: kind == Kind::Category,
        query,
        is_filtered: !query.is_empty() || found.is_later_page,
        may_manage: view.may(Action::ManageTerms),
        rows: found.rows,
        is_later_page: found.is_later_page,
        first_page: address(None),
        next_page: found.next.as_deref().map(|next| address(Some(next))),
        v: view,
    };
    page(view, &template)
}

async fn list_terms(Visit { ctx, view }: Visit, Asked(query): Asked) -> PageResult {
    let view = view.at(Section::Terms);
    let taxonomy = Taxonomy::find(query.text("taxonomy")).unwrap_or(Taxonomy::Category);
    let prefix = prefix_of(&query);
    let after = query
        .filled("after")
        .and_then(|after| Cursor::decode::<TermPlace>(after).ok());
    let filter = TermFilter {
        taxonomy: Some(taxonomy),
        prefix: (!prefix.is_empty()).then(|| folded(&prefix)),
    };
    let found = content::list_terms(&ctx, &filter, after.as_ref(), PAGE).await?;
    let found = Found {
        rows: found.items.into_iter().map(row).collect(),
        next: found.next_cursor,
        is_later_page: after.is_some(),
    };
    show(&view, Kind::of(taxonomy), &prefix, found)
}

async fn list_authors(Visit { ctx, view }: Visit, Asked(query): Asked) -> PageResult {
    let view = view.at(Section::Terms);
    let prefix = prefix_of(&query);
    let after = query
        .filled("after")
        .and_then(|after| Cursor::decode::<AuthorId>(after).ok());
    let wanted = Some(prefix.as_str()).filter(|prefix| !prefix.is_empty());
    let found = content::list_authors(&ctx, wanted, after, PAGE).await?;
    let rows = found.items.into_iter().map(|listed| Row {
        path: format!("/admin/authors/{}", listed.author.id),
        name: listed.author.display_name,
        code: listed.author.login,
        parent: String::new(),
        count: count_of(listed.nodes),
    });
    let found = Found {
        rows: rows.collect(),
        next: found.next_cursor,
        is_later_page: after.is_some(),
    };
    show(&view, Kind::Author, &prefix, found)
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/admin/terms", routing::get(list_terms))
        .route("/admin/authors", routing::get(list_authors))
        .merge(term::routes())
        .merge(author::routes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_says_where_counting_ended() {
        for (count, more, shown) in [(0, false, "0"), (200, false, "200"), (200, true, "200+")] {
            assert_eq!(count_of(Counted { count, more }), shown);
        }
    }
}
