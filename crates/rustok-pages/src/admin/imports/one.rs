//! `/admin/imports/{id}`: how far an import is, and what became of each line.

use super::{Progress, pill, progress, source_key};
use crate::format::Moment;
use crate::parts::Pill;
use crate::respond::{PageResult, page};
use crate::view::{Section, View};
use crate::visit::{Visit, query_value};
use askama::Template;
use axum::response::{IntoResponse as _, Response};
use axum::{Router, routing};
use http::{HeaderValue, header};
use rustok_app::import::jobs::{self, Import, ImportError, ImportStatus};
use rustok_app::import::{self, ImportSource};
use rustok_core::error::RichError;
use rustok_events::ids::ImportId;
use rustok_http::extract::PathParams;
use rustok_http::state::HttpState;
use std::borrow::Cow;

/// A number of things.
struct Figure {
    key: &'static str,
    n: String,
    is_bad: bool,
}

/// What happened at one place of the file.
struct Place {
    line: String,
    column: String,
    reason: String,
}

/// What was left out or changed, and how often.
struct LeftOut {
    what: Cow<'static, str>,
    /// Whether the text is in English, as it came from the import.
    is_english: bool,
    n: String,
}

#[derive(Template)]
#[template(path = "admin/import.html")]
struct ImportPage<'a> {
    v: &'a View,
    id: String,
    file: &'a str,
    pill: Pill,
    is_dry_run: bool,
    source: &'static str,
    by: String,
    sent: Moment,
    ended: Option<Moment>,
    is_open: bool,
    progress: Option<Progress>,
    figures: Vec<Figure>,
    error_count: usize,
    is_failed: bool,
    is_incomplete: bool,
    failure: Option<&'a str>,
    /// The address of the form for the same kind of file with the same options.
    again: String,
    errors: Vec<Place>,
    more_errors: bool,
    notes: Vec<Place>,
    left_out: Vec<LeftOut>,
}

fn figures(view: &View, import: &Import) -> Vec<Figure> {
    let Some(counts) = &import.counts else {
        return Vec::new();
    };
    let all = [
        ("import-created", counts.created),
        ("import-updated", counts.updated),
        ("import-unchanged", counts.unchanged),
        ("import-skipped", counts.skipped),
        ("import-errors", counts.error_count),
    ];
    all.into_iter()
        .map(|(key, n)| Figure {
            key,
            n: view.formats.number(n),
            is_bad: key == "import-errors" && n > 0,
        })
        .collect()
}

fn places(view: &View, rows: &[ImportError]) -> Vec<Place> {
    rows.iter()
        .map(|row| Place {
            line: view.formats.number(row.line),
            column: view.formats.number(row.column),
            reason: row.reason.clone(),
        })
        .collect()
}

/// What was left out, in the words of the page where the import names a kind with a name in it.
fn left_out(view: &View, what: &str, n: u64) -> LeftOut {
    let quoted = |text: &str| Some(text.strip_prefix('"')?.strip_suffix('"')?.to_owned());
    let known = if let Some(name) = what.strip_prefix("column ").and_then(quoted) {
        Some(view.with("import-left-column", "name", &name))
    } else if let Some(name) = what.strip_prefix("markup taken out: ") {
        Some(view.with("import-left-markup", "name", name))
    } else if let Some(name) = what.strip_prefix("element ") {
        Some(view.with("import-left-element", "name", name))
    } else if let Some(name) = what.strip_prefix("meta ") {
        Some(view.with("import-left-meta", "name", name))
    } else {
        match what {
            "variant without a price, which cannot be ordered" => Some(view.t("import-left-price")),
            "slug that was taken" => Some(view.t("import-left-slug")),
            "nav_menu_item" => Some(view.t("import-left-menus")),
            "comment" => Some(view.t("import-left-comments")),
            "attachment" => Some(view.t("import-left-attachments")),
            "blank row" => Some(view.t("import-left-blank")),
            _ => None,
        }
    };
    LeftOut {
        is_english: known.is_none(),
        what: known.unwrap_or_else(|| what.to_owned().into()),
        n: view.formats.number(n),
    }
}

/// The address of the form with what this import was asked for.
fn again(import: &Import) -> String {
    let (source, name, value) = match import.source {
        ImportSource::Shopify(currency) => ("shopify", "currency", currency.code().to_owned()),
        ImportSource::Wordpress(locale) => ("wordpress", "locale", locale.to_string()),
    };
    let options = &import.options;
    let dry_run = import.dry_run && import.status != ImportStatus::Succeeded;
    let mut address = format!(
        "/admin/imports/new?source={source}&{name}={}&dry_run={dry_run}&overwrite={}&zero_when_missing={}",
        query_value(&value),
        options.overwrite,
        options.zero_when_missing
    );
    if let Some(name) = &options.source_name {
        address.push_str("&source_name=");
        address.push_str(&query_value(name));
    }
    address
}

async fn show(Visit { ctx, view, .. }: Visit, PathParams(id): PathParams<ImportId>) -> PageResult {
    let view = view.at(Section::Imports);
    let import = jobs::get(&ctx, id).await?;
    let counts = import.counts.as_ref();
    let error_count = counts.map_or(0, |counts| counts.error_count);
    let template = ImportPage {
        id: id.to_string(),
        file: &import.file,
        pill: pill(&import),
        is_dry_run: import.dry_run,
        source: source_key(import.source),
        by: view.actor_name(&import.actor),
        sent: view.formats.short(import.created_at),
        ended: import.finished_at.map(|at| view.formats.short(at)),
        is_open: !import.status.is_final(),
        progress: progress(&view, &import),
        figures: figures(&view, &import),
        error_count: usize::try_from(error_count).unwrap_or(usize::MAX),
        is_failed: import.status == ImportStatus::Failed,
        is_incomplete: import.status == ImportStatus::Incomplete,
        failure: import.failure.as_deref(),
        again: again(&import),
        errors: places(&view, &import.errors),
        more_errors: u64::try_from(import.errors.len()).is_ok_and(|shown| shown < error_count),
        notes: counts.map_or_else(Vec::new, |counts| places(&view, &counts.notes)),
        left_out: counts
            .into_iter()
            .flat_map(|counts| &counts.skipped_by_reason)
            .map(|(what, n)| left_out(&view, what, *n))
            .collect(),
        v: &view,
    };
    page(&view, &template)
}

/// The report as a file for spreadsheets.
async fn report(
    Visit { ctx, .. }: Visit,
    PathParams(id): PathParams<ImportId>,
) -> Result<Response, RichError> {
    let import = jobs::get(&ctx, id).await?;
    // Spreadsheets read UTF-8 only with this mark.
    let mut response = format!("\u{feff}{}", import::report_csv(&import)).into_response();
    let headers = response.headers_mut();
    headers.insert(
        header::CONTENT_TYPE,
        HeaderValue::from_static("text/csv; charset=utf-8"),
    );
    headers.insert(
        header::CONTENT_DISPOSITION,
        HeaderValue::from_static("attachment; filename=\"report.csv\""),
    );
    Ok(response)
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/admin/imports/{id}", routing::get(show))
        .route("/admin/imports/{id}/report.csv", routing::get(report))
}
