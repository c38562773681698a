//! `/admin/imports`: the list, a new import, and one import with its report.

mod new;
mod one;

use crate::format::Moment;
use crate::parts::Pill;
use crate::respond::{PageResult, page};
use crate::view::{Section, View};
use crate::visit::{Asked, Visit, query_value};
use askama::Template;
use axum::{Router, routing};
use rustok_app::import::jobs::{self, Import, ImportStatus};
use rustok_app::import::{ImportCounts, ImportSource};
use rustok_core::page::{Cursor, Limit};
use rustok_events::ids::ImportId;
use rustok_http::state::HttpState;

/// Imports on one page.
const PAGE: Limit = Limit::nearest(50);

/// One row.
struct Row {
    id: String,
    file: String,
    pill: Pill,
    progress: Option<Progress>,
    source: &'static str,
    at: Moment,
    created: String,
    errors: String,
}

/// How much of a file was read.
struct Progress {
    percent: u64,
    read: String,
    total: String,
}

#[derive(Template)]
#[template(path = "admin/imports.html")]
struct Imports<'a> {
    v: &'a View,
    imports: Vec<Row>,
    is_open: bool,
    here: String,
    is_later_page: bool,
    next_page: Option<String>,
}

/// The state of an import in one word.
const fn pill(import: &Import) -> Pill {
    match (import.status, import.dry_run) {
        (ImportStatus::Queued, _) => Pill::new("", "clock", "import-queued"),
        (ImportStatus::Running, _) => Pill::new("info", "s3", "import-running"),
        (ImportStatus::Failed, _) => Pill::new("bad", "alert", "import-failed"),
        (ImportStatus::Incomplete, _) => Pill::new("warn", "alert", "import-incomplete"),
        (ImportStatus::Succeeded, true) => Pill::new("", "eye", "import-dry-run"),
        (ImportStatus::Succeeded, false) => Pill::new("ok", "s5", "import-succeeded"),
    }
}

/// The key of the name of a source.
const fn source_key(source: ImportSource) -> &'static str {
    match source {
        ImportSource::Shopify(_) => "import-shopify",
        ImportSource::Wordpress(_) => "import-wordpress",
    }
}

fn progress(view: &View, import: &Import) -> Option<Progress> {
    (import.status == ImportStatus::Running).then(|| Progress {
        percent: (import.bytes_read * 100)
            .checked_div(import.bytes_total)
            .unwrap_or(0)
            .min(100),
        read: view.formats.megabytes(import.bytes_read),
        total: view.formats.megabytes(import.bytes_total),
    })
}

fn row(view: &View, import: &Import) -> Row {
    let count = |of: fn(&ImportCounts) -> u64| {
        let counts = import.counts.as_ref();
        counts.map_or_else(|| String::from("—"), |counts| view.formats.number(of(counts)))
    };
    Row {
        id: import.id.to_string(),
        file: import.file.clone(),
        pill: pill(import),
        progress: progress(view, import),
        source: source_key(import.source),
        at: view.formats.short(import.created_at),
        created: count(|counts| counts.created),
        errors: count(|counts| counts.error_count),
    }
}

async fn list(Visit { ctx, view, .. }: Visit, Asked(query): Asked) -> PageResult {
    let view = view.at(Section::Imports);
    let after = query
        .filled("after")
        .and_then(|after| Cursor::decode::<ImportId>(after).ok());
    let found = jobs::list(&ctx, after, PAGE).await?;
    let address = |after: &str| format!("/admin/imports?after={}", query_value(after));
    let template = Imports {
        is_open: found.items.iter().any(|import| !import.status.is_final()),
        here: match query.filled("after") {
            Some(after) => address(after),
            None => String::from("/admin/imports"),
        },
        imports: found.items.iter().map(|import| row(&view, import)).collect(),
        is_later_page: after.is_some(),
        next_page: found.next_cursor.as_deref().map(address),
        v: &view,
    };
    page(&view, &template)
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/admin/imports", routing::get(list))
        .merge(new::routes())
        .merge(one::routes())
}
