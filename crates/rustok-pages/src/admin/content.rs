//! `/admin/content`: articles and pages, and the editor.

mod edit;
mod fields;
pub(super) mod history;
mod life;
mod locales;
mod preview;
mod save;

use crate::form::Fields;
use crate::parts::Pill;
use crate::respond::{PageResult, page};
use crate::view::{Section, View};
use crate::visit::{Asked, Visit, parameters};
use askama::Template;
use axum::{Router, routing};
use rustok_app::content::{self, ListedText, NodeDetail, NodeFilter, Part};
use rustok_auth::Action;
use rustok_content::ids::NodeId;
use rustok_content::{NodeKind, NodeStatus};
use rustok_core::clock::Timestamp;
use rustok_core::page::{Cursor, Limit, ListKey};
use rustok_http::state::HttpState;
use rustok_text::Locale;
use rustok_text::words::Query;
use std::borrow::Cow;
use std::time::Duration;

/// Rows on one page.
const PAGE: Limit = Limit::nearest(50);
/// The longest text that is searched for, in characters, as in the API.
const MAX_QUERY: usize = 200;
/// The kinds that the pages offer; a node of another one keeps it.
const KINDS: [&str; 2] = ["post", "page"];
/// The periods of change that can be chosen, in days.
const PERIODS: [(&str, u64); 3] = [("1", 1), ("7", 7), ("30", 30)];

/// A view that is always there.
struct Tab {
    path: &'static str,
    key: &'static str,
    is_current: bool,
}

/// A choice of a filter.
struct Choice {
    value: String,
    name: Cow<'static, str>,
    is_chosen: bool,
}

/// One row.
struct Row {
    id: String,
    title: String,
    pill: Pill,
    is_edited: bool,
    is_deleted: bool,
    kind: Cow<'static, str>,
    locales: String,
    missing: String,
    changed: crate::format::Moment,
    author: String,
}

#[derive(Template)]
#[template(path = "admin/content.html")]
struct Content<'a> {
    v: &'a View,
    tabs: Vec<Tab>,
    status: &'a str,
    query: &'a str,
    kinds: Vec<Choice>,
    locales: Vec<Choice>,
    periods: Vec<Choice>,
    is_filtered: bool,
    may_create: bool,
    may_undelete: bool,
    undo: Option<&'a str>,
    rows: Vec<Row>,
    is_later_page: bool,
    first_page: String,
    next_page: Option<String>,
}

/// What is looked for, as the address says it.
struct Wanted<'a> {
    status: &'a str,
    kind: Option<NodeKind>,
    locale: Option<Locale>,
    days: Option<(&'static str, u64)>,
    query: String,
}

impl<'a> Wanted<'a> {
    fn read(fields: &'a Fields) -> Self {
        let status = fields.text("status");
        let is_known = status == "deleted" || NodeStatus::find(status).is_some();
        Self {
            status: if is_known { status } else { "" },
            kind: fields.filled("kind").and_then(|kind| NodeKind::parse(kind).ok()),
            locale: fields.filled("locale").and_then(|tag| Locale::parse(tag).ok()),
            days: PERIODS
                .into_iter()
                .find(|(days, _)| Some(*days) == fields.filled("changed")),
            query: fields.text("q").trim().chars().take(MAX_QUERY).collect(),
        }
    }

    fn is_filtered(&self) -> bool {
        !self.status.is_empty() || self.kind.is_some() || self.days.is_some() || !self.query.is_empty()
    }

    fn filter(&self, now: Timestamp) -> NodeFilter {
        let since = self
            .days
            .and_then(|(_, days)| now.checked_sub(Duration::from_secs(days * 86_400)).ok());
        NodeFilter {
            status: NodeStatus::find(self.status),
            kind: self.kind.clone(),
            query: (!self.query.is_empty()).then(|| Query::of(&self.query)),
            updated_after: since,
            updated_before: None,
            deleted: self.status == "deleted",
        }
    }

    fn address(&self, after: Option<&str>) -> String {
        let kind = self.kind.as_ref().map_or("", NodeKind::as_str);
        let locale = self.locale.map(|locale| locale.to_string()).unwrap_or_default();
        let days = self.days.map_or("", |(days, _)| days);
        let parts = parameters(&[
            ("status", self.status),
            ("kind", kind),
            ("locale", &locale),
            ("changed", days),
            ("q", &self.query),
            ("after", after.unwrap_or_default()),
        ]);
        format!("/admin/content?{parts}")
    }
}

fn tabs(current: &str) -> Vec<Tab> {
    let all = [
        ("", "/admin/content", "all"),
        ("draft", "/admin/content?status=draft", "content-drafts"),
        (
            "published",
            "/admin/content?status=published",
            "content-published",
        ),
        ("archived", "/admin/content?status=archived", "content-archived"),
        ("deleted", "/admin/content?status=deleted", "content-deleted"),
    ];
    let tab = |(status, path, key)| Tab {
        path,
        key,
        is_current: current == status,
    };
    all.into_iter().map(tab).collect()
}

/// The name of a kind.
fn kind_name(view: &View, kind: &str) -> Cow<'static, str> {
    match kind {
        "post" => view.t("kind-post"),
        "page" => view.t("kind-page"),
        other => other.to_owned().into(),
    }
}

/// The kinds to choose from: those that the pages offer, and `current`, whatever it is.
fn kinds(view: &View, current: &str) -> Vec<Choice> {
    let own = (!current.is_empty() && !KINDS.contains(&current)).then_some(current);
    let choice = |kind: &str| Choice {
        value: kind.to_owned(),
        name: kind_name(view, kind),
        is_chosen: kind == current,
    };
    KINDS.into_iter().chain(own).map(choice).collect()
}

fn row(view: &View, listed: &[Locale], now: Timestamp, detail: NodeDetail<ListedText>) -> Row {
    let node = detail.node.any();
    let written = || detail.translations.iter().filter(|state| !state.is_removed);
    let tags: Vec<&str> = written().map(|state| state.locale.as_str()).collect();
    let missing: Vec<&str> = listed
        .iter()
        .map(Locale::as_str)
        .filter(|tag| !tags.contains(tag))
        .collect();
    let is_deleted = detail.node.deleted_at().is_some();
    Row {
        id: node.id().to_string(),
        pill: match is_deleted {
            true => Pill::deleted(),
            false => Pill::of_node(node, now),
        },
        is_edited: node
            .published_revision()
            .is_some_and(|public| public < node.working_revision()),
        is_deleted,
        kind: kind_name(view, node.kind().as_str()),
        locales: tags.join(", "),
        missing: missing.join(", "),
        changed: view.formats.short(node.updated_at()),
        author: detail.author.display_name,
        title: match detail.shown.title.is_empty() {
            true => view.t("content-untitled").into_owned(),
            false => detail.shown.title,
        },
    }
}

async fn list(Visit { ctx, view }: Visit, Asked(fields): Asked) -> PageResult {
    let view = view.at(Section::Content);
    let wanted = Wanted::read(&fields);
    let filter = wanted.filter(ctx.now());
    let after = fields
        .filled("after")
        .and_then(|after| Cursor::decode::<ListKey<NodeId>>(after).ok())
        .filter(|key| matches!(key, ListKey::Timed(..)) == filter.by_change());
    let found = content::list(&ctx, &filter, wanted.locale, Part::Summary, after, PAGE).await?;
    let listed = content::locales::listed_locales(&ctx);
    let undo = fields.filled("undo").filter(|id| id.parse::<NodeId>().is_ok());
    let locale_choice = |locale: &Locale| Choice {
        value: locale.to_string(),
        name: locales::name(*locale),
        is_chosen: wanted.locale == Some(*locale),
    };
    let period_choice = |(days, _)| Choice {
        value: str::to_owned(days),
        name: match days {
            "1" => view.t("content-changed-day"),
            "7" => view.t("content-changed-week"),
            _ => view.t("content-changed-month"),
        },
        is_chosen: wanted.days.is_some_and(|(chosen, _)| chosen == days),
    };
    let template = Content {
        tabs: tabs(wanted.status),
        status: wanted.status,
        query: &wanted.query,
        kinds: kinds(&view, wanted.kind.as_ref().map_or("", NodeKind::as_str)),
        locales: listed.iter().map(locale_choice).collect(),
        periods: PERIODS.into_iter().map(period_choice).collect(),
        is_filtered: wanted.is_filtered() || after.is_some(),
        may_create: view.may(Action::CreateNode),
        may_undelete: view.may(Action::UndeleteNode),
        undo,
        rows: found
            .items
            .into_iter()
            .map(|detail| row(&view, &listed, ctx.now(), detail))
            .collect(),
        is_later_page: after.is_some(),
        first_page: wanted.address(None),
        next_page: found
            .next_cursor
            .as_deref()
            .map(|next| wanted.address(Some(next))),
        v: &view,
    };
    page(&view, &template)
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/admin/content", routing::get(list))
        .merge(edit::routes())
        .merge(save::routes())
        .merge(preview::routes())
        .merge(life::routes())
        .merge(history::routes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_address_keeps_what_is_looked_for() {
        let fields = Fields::parse(b"status=draft&kind=post&locale=ru&changed=7&q=a+%26+b&after=x").unwrap();
        let wanted = Wanted::read(&fields);
        assert_eq!(
            wanted.address(Some("c+1")),
            "/admin/content?status=draft&kind=post&locale=ru&changed=7&q=a%20%26%20b&after=c%2B1"
        );
        let odd = Fields::parse(b"status=lost&kind=A+B&locale=!&changed=3").unwrap();
        assert_eq!(Wanted::read(&odd).address(None), "/admin/content?");
    }

    #[test]
    fn the_last_changed_come_first_when_a_period_is_chosen() {
        let now = "2026-12-01T00:00:00Z".parse().unwrap();
        let fields = Fields::parse(b"changed=7").unwrap();
        let filter = Wanted::read(&fields).filter(now);
        assert_eq!(
            filter.updated_after,
            Some("2026-11-24T00:00:00Z".parse().unwrap())
        );
        assert!(filter.by_change());
    }
}
