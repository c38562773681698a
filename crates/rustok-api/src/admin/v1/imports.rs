//! `/imports` of the administration: send a file, see how far it is, fetch its report.

use crate::router;
use crate::state::ApiState;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use rustok_app::Saved;
use rustok_app::import::ImportSource;
use rustok_app::import::jobs::{self, Import, ImportError};
use rustok_core::error::RichError;
use rustok_core::page::Page;
use rustok_events::ids::ImportId;
use rustok_http::extract::{AdminCtx, PathParams, QueryParams, QueryReader};
use rustok_http::imports::upload::ImportUpload;
use rustok_http::reply;
use serde::{Deserialize, Serialize};
use std::collections::BTreeMap;
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// A file to import. Its parts come in this order: `file` is the last.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewImport)]
#[expect(
    dead_code,
    reason = "only its schema is used: the form is read while it arrives"
)]
pub(super) struct ImportForm {
    /// `shopify` for Shopify's product CSV, `wordpress` for a WordPress export (WXR).
    #[schema(example = "shopify")]
    source: String,
    /// The currency of the prices, which a CSV does not tell; the tenant's unless said otherwise.
    #[schema(example = "USD")]
    currency: Option<String>,
    /// The language of the texts of an export; the tenant's unless said otherwise.
    #[schema(example = "en")]
    locale: Option<String>,
    /// `true` does everything and keeps nothing: the report says what would happen.
    dry_run: Option<bool>,
    /// `true` takes the file's state of what was changed here since the last import, and of what an earlier import had in a
    /// newer state. Otherwise both stay, and the report says so.
    overwrite: Option<bool>,
    /// `true` starts a tracked variant without a number of pieces with none. Otherwise it is not tracked.
    zero_when_missing: Option<bool>,
    /// The name of the shop or site, up to 100 characters: it separates its items from those of others. An export of
    /// WordPress has the address of its site.
    #[schema(example = "old shop")]
    source_name: Option<String>,
    /// The file.
    #[schema(value_type = String, format = Binary)]
    file: Vec<u8>,
}

/// A file that was sent to be imported.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Import)]
pub(super) struct ImportView {
    id: Uuid,
    /// `queued`, `running`, `succeeded` (the file was read to its end), `incomplete` (a part of the file could not be read;
    /// the rest was imported) or `failed`.
    status: &'static str,
    /// `shopify` or `wordpress`.
    source: &'static str,
    /// Of the prices of a CSV.
    #[schema(required)]
    currency: Option<String>,
    /// Of the texts of an export.
    #[schema(required)]
    locale: Option<String>,
    dry_run: bool,
    overwrite: bool,
    zero_when_missing: bool,
    #[schema(required)]
    source_name: Option<String>,
    /// The file's name.
    file: String,
    /// Who sent it: `token:<id>` or `user:<id>`.
    actor: String,
    progress: ProgressView,
    /// There once it has ended. An import that was stopped by its server begins again; what it did before is `unchanged`
    /// then.
    #[schema(required)]
    report: Option<ReportView>,
    /// Why it failed or is incomplete, and what to do.
    #[schema(required)]
    failure: Option<String>,
    /// When the file had arrived: RFC 3339, UTC.
    created_at: String,
    #[schema(required)]
    started_at: Option<String>,
    #[schema(required)]
    finished_at: Option<String>,
}

/// How much of the file was read.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImportProgress)]
pub(super) struct ProgressView {
    bytes_read: u64,
    bytes_total: u64,
}

/// What an import did, counted in products or nodes.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImportReport)]
pub(super) struct ReportView {
    /// They were not there.
    created: u64,
    /// Their source changed.
    updated: u64,
    /// They are as their source is.
    unchanged: u64,
    /// Left out on purpose.
    skipped: u64,
    /// All that is in the file and was left out or changed, by what it is: columns, elements, markup, statuses.
    skipped_by_reason: BTreeMap<String, u64>,
    /// How many errors there are.
    error_count: u64,
    /// The first 1,000 of them, in the order of the file. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    errors: Option<Vec<ErrorView>>,
    /// What was kept as it is here, or changed, of single items: the first 1,000, in the order of the file. Not in lists.
    #[serde(skip_serializing_if = "Option::is_none")]
    notes: Option<Vec<ErrorView>>,
}

/// What could not be imported, and where it stands.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImportError)]
pub(super) struct ErrorView {
    file: String,
    /// From 1.
    line: u64,
    /// In characters, from 1.
    column: u64,
    /// For people.
    reason: String,
}

/// A page of imports.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = ImportPage)]
pub(super) struct ImportPage {
    items: Vec<ImportView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Which page of imports.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListImports {
    /// 1 to 100, 20 unless said otherwise.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    after: Option<String>,
}

impl ImportView {
    /// As a list shows it.
    fn of(import: Import) -> Self {
        let (currency, locale) = match import.source {
            ImportSource::Shopify(currency) => (Some(currency.code().to_owned()), None),
            ImportSource::Wordpress(locale) => (None, Some(locale.to_string())),
        };
        let report = import.counts.map(|counts| ReportView {
            created: counts.created,
            updated: counts.updated,
            unchanged: counts.unchanged,
            skipped: counts.skipped,
            skipped_by_reason: counts.skipped_by_reason,
            error_count: counts.error_count,
            errors: None,
            notes: None,
        });
        Self {
            id: import.id.as_uuid(),
            status: import.status.as_str(),
            source: import.source.as_str(),
            currency,
            locale,
            dry_run: import.dry_run,
            overwrite: import.options.overwrite,
            zero_when_missing: import.options.zero_when_missing,
            source_name: import.options.source_name,
            file: import.file,
            actor: import.actor,
            progress: ProgressView {
                bytes_read: import.bytes_read,
                bytes_total: import.bytes_total,
            },
            report,
            failure: import.failure,
            created_at: import.created_at.to_string(),
            started_at: import.started_at.map(|at| at.to_string()),
            finished_at: import.finished_at.map(|at| at.to_string()),
        }
    }

    /// As it is shown by itself.
    fn with_errors(mut import: Import) -> Self {
        let errors = std::mem::take(&mut import.errors);
        let notes = import
            .counts
            .as_mut()
            .map(|counts| std::mem::take(&mut counts.notes));
        let file = import.file.clone();
        let mut view = Self::of(import);
        let shown = |list: Vec<ImportError>| {
            let each = list.into_iter().map(|error| ErrorView {
                file: file.clone(),
                line: error.line,
                column: error.column,
                reason: error.reason,
            });
            Some(each.collect())
        };
        if let Some(report) = &mut view.report {
            report.errors = shown(errors);
            report.notes = shown(notes.unwrap_or_default());
        }
        view
    }
}

/// Send a file to import.
///
/// It is imported in the background; `Location` says where to see how far it is. The same file again changes nothing,
/// so no `Idempotency-Key` is needed.
#[utoipa::path(
    post,
    path = "/imports",
    operation_id = "create_import",
    tag = "imports",
    security(("tenant_token" = [])),
    request_body(content = ImportForm, content_type = "multipart/form-data"),
    responses((status = 202, body = ImportView)),
    extensions(("x-problems" = json!(["too_many_imports"])))
)]
async fn create(State(api): State<ApiState>, received: ImportUpload) -> Result<Response, RichError> {
    let import = received.enqueue(api.http().clone()).await?;
    let location = format!("{}/{}", router::IMPORTS, import.id);
    Ok(reply::accepted(&ImportView::with_errors(import), &location))
}

/// List imports, newest first.
#[utoipa::path(
    get,
    path = "/imports",
    operation_id = "list_imports",
    tag = "imports",
    security(("tenant_token" = [])),
    params(ListImports),
    responses((status = 200, body = ImportPage))
)]
async fn list(
    AdminCtx(ctx): AdminCtx,
    QueryParams(query): QueryParams<ListImports>,
) -> Result<Response, RichError> {
    let mut reader = QueryReader::default();
    let (limit, after) = reader.page::<ImportId>(query.limit, query.after.as_deref());
    reader.finish()?;
    let Page { items, next_cursor } = jobs::list(&ctx, after, limit).await?;
    Ok(reply::list(&ImportPage {
        items: items.into_iter().map(ImportView::of).collect(),
        next_cursor,
    }))
}

/// See how far an import is, and its report.
#[utoipa::path(
    get,
    path = "/imports/{id}",
    operation_id = "read_import",
    tag = "imports",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = ImportView), (status = 304, description = "`If-None-Match` names what is shown now.")),
    extensions(("x-problems" = json!(["import_not_found"])))
)]
async fn read_one(
    AdminCtx(ctx): AdminCtx,
    PathParams(id): PathParams<ImportId>,
    headers: HeaderMap,
) -> Result<Response, RichError> {
    let import = jobs::get(&ctx, id).await?;
    // Nobody writes on the base of a version: the tag is for who asks again and again.
    let saved = Saved::of(1, import.created_at);
    Ok(reply::resource(&headers, &ImportView::with_errors(import), saved))
}

/// The routes.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read_one))
}
