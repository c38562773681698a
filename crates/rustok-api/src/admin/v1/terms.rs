//! `/terms`: categories and tags, to put them in order.

use crate::counted::CountedView;
use crate::state::ApiState;
use axum::response::Response;
use http::StatusCode;
use rustok_app::content::{self, ChangeTerm, ListedTerm, MergedTerm, TermFilter, TermPlace, TermRef};
use rustok_app::{Saved, StoredReply};
use rustok_auth::Action;
use rustok_content::Taxonomy;
use rustok_content::ids::TermId;
use rustok_core::clock::Timestamp;
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use rustok_core::page::Page;
use rustok_http::extract::{AdminCtx, Command, Empty, PathParams, QueryParams, QueryReader};
use rustok_http::reply::{self, Repeatable};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The longest beginning of a name that is looked for, in characters.
const MAX_PREFIX_CHARS: usize = 200;

/// A category or tag.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = TermDetail)]
pub(super) struct TermDetailView {
    id: Uuid,
    /// `category` or `tag`.
    taxonomy: &'static str,
    slug: String,
    name: String,
    /// The slug of the category above it.
    #[schema(required)]
    parent: Option<String>,
    /// The nodes that have it, deleted ones included: exact up to 200.
    nodes: CountedView,
}

impl From<&ListedTerm> for TermDetailView {
    fn from(listed: &ListedTerm) -> Self {
        let term = &listed.term;
        Self {
            id: term.id.as_uuid(),
            taxonomy: term.taxonomy.as_str(),
            slug: term.slug.as_str().to_owned(),
            name: term.name.clone(),
            parent: listed.parent_slug.as_ref().map(|slug| slug.as_str().to_owned()),
            nodes: listed.nodes.into(),
        }
    }
}

/// A page of terms.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TermPage {
    items: Vec<TermDetailView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

/// A term that another one was merged into.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MergedTerm)]
pub(super) struct MergedTermView {
    #[serde(flatten)]
    term: TermDetailView,
    /// Whether nodes of the merged term are still to get this one, which takes a moment with many of them.
    is_pending: bool,
}

/// Which terms.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListTerms {
    /// 1 to 100, 20 unless said otherwise.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    after: Option<String>,
    /// `category` or `tag`.
    taxonomy: Option<String>,
    /// The beginning of the name, in whatever case: 1 to 200 characters.
    prefix: Option<String>,
}

impl ListTerms {
    fn filter(&self, query: &mut QueryReader) -> TermFilter {
        let taxonomy = self.taxonomy.as_deref();
        TermFilter {
            taxonomy: query.read("taxonomy", taxonomy, "must be category or tag", Taxonomy::find),
            prefix: query.name("prefix", self.prefix.as_deref(), MAX_PREFIX_CHARS),
        }
    }
}

/// A new term.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewTerm)]
pub(super) struct NewTermFields {
    /// `category` or `tag`.
    #[schema(example = "category")]
    taxonomy: String,
    /// 1 to 200 characters.
    #[schema(example = "Shoes")]
    name: String,
    /// Made from the name unless it is given.
    #[schema(example = "shoes")]
    slug: Option<String>,
    /// The slug of the category above it; a tag has none.
    parent: Option<String>,
}

/// The next name and place of a term.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangeTerm)]
pub(super) struct TermFields {
    /// 1 to 200 characters.
    #[schema(example = "Boots")]
    name: String,
    /// Without one it stays, with all links.
    slug: Option<String>,
    /// The slug of the category above it; without one it stands at the top.
    parent: Option<String>,
}

/// The term to merge into.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MergeTerm)]
pub(super) struct MergeTermFields {
    /// A term of the same taxonomy.
    into: Uuid,
}

/// List categories and tags, by their names.
#[utoipa::path(
    get,
    path = "/terms",
    operation_id = "list_terms",
    tag = "content",
    security(("tenant_token" = [])),
    params(ListTerms),
    responses((status = 200, body = TermPage))
)]
async fn list(
    AdminCtx(ctx): AdminCtx,
    QueryParams(query): QueryParams<ListTerms>,
) -> Result<Response, RichError> {
    let mut reader = QueryReader::default();
    let (limit, after) = reader.page::<TermPlace>(query.limit, query.after.as_deref());
    let filter = query.filter(&mut reader);
    reader.finish()?;
    let Page { items, next_cursor } = content::list_terms(&ctx, &filter, after.as_ref(), limit).await?;
    let items = items.iter().map(TermDetailView::from).collect();
    Ok(reply::list(&TermPage { items, next_cursor }))
}

/// Create a category or tag.
#[utoipa::path(
    post,
    path = "/terms",
    operation_id = "create_term",
    tag = "content",
    security(("tenant_token" = [])),
    request_body = NewTermFields,
    responses((status = 201, body = TermDetailView)),
    extensions(("x-problems" = json!(["term_exists"])))
)]
async fn create(command: Command<AdminCtx, NewTermFields>) -> Result<Response, RichError> {
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let ctx = ctx.0;
    // A missing permission is reported before anything else.
    ctx.authorize(Action::ManageTerms)?;
    let taxonomy = Taxonomy::find(&body.taxonomy).ok_or_else(|| {
        let violation = FieldViolation::new("#/taxonomy", "invalid", "must be category or tag");
        RichError::new(ErrorKind::Validation, "no such taxonomy").with_violations([violation])
    })?;
    let new = TermRef {
        taxonomy,
        slug: body.slug,
        name: Some(body.name),
        parent: body.parent,
    };
    let now = ctx.now();
    let render = |listed: &ListedTerm| {
        let location = format!("/api/admin/v1/terms/{}", listed.term.id);
        stored(
            StatusCode::CREATED,
            &TermDetailView::from(listed),
            now,
            Some(location),
        )
    };
    let reply = Repeatable::new(idempotency, render);
    let done = content::create_term(&ctx, new, reply.key()).await?;
    Ok(reply.response(done))
}

fn stored<T: Serialize>(
    status: StatusCode,
    view: &T,
    now: Timestamp,
    location: Option<String>,
) -> StoredReply {
    reply::stored(status, view, Saved::of(1, now), location)
}

/// Read a category or tag.
#[utoipa::path(
    get,
    path = "/terms/{id}",
    operation_id = "read_term",
    tag = "content",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = TermDetailView)),
    extensions(("x-problems" = json!(["term_not_found"])))
)]
async fn read(AdminCtx(ctx): AdminCtx, PathParams(id): PathParams<TermId>) -> Result<Response, RichError> {
    let listed = content::get_term(&ctx, id).await?;
    Ok(reply::list(&TermDetailView::from(&listed)))
}

/// Give a category or tag another name, slug or place. Nodes keep it.
#[utoipa::path(
    put,
    path = "/terms/{id}",
    operation_id = "change_term",
    tag = "content",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = TermFields,
    responses((status = 200, body = TermDetailView)),
    extensions(("x-problems" = json!(["term_not_found", "term_exists"])))
)]
async fn change(
    PathParams(id): PathParams<TermId>,
    command: Command<AdminCtx, TermFields>,
) -> Result<Response, RichError> {
    let TermFields { name, slug, parent } = command.body;
    let change = ChangeTerm {
        id,
        name,
        slug,
        parent,
    };
    let listed = content::change_term(&command.ctx.0, change).await?;
    Ok(reply::list(&TermDetailView::from(&listed)))
}

/// Merge a category or tag into another one: its nodes get that one, and the categories below it stand below that one.
#[utoipa::path(
    post,
    path = "/terms/{id}/merge",
    operation_id = "merge_term",
    tag = "content",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = MergeTermFields,
    responses((status = 200, body = MergedTermView)),
    extensions(("x-problems" = json!(["term_not_found"])))
)]
async fn merge(
    PathParams(id): PathParams<TermId>,
    command: Command<AdminCtx, MergeTermFields>,
) -> Result<Response, RichError> {
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let ctx = ctx.0;
    let now = ctx.now();
    let render = |merged: &MergedTerm| {
        let view = MergedTermView {
            term: TermDetailView::from(&merged.term),
            is_pending: merged.is_pending,
        };
        stored(StatusCode::OK, &view, now, None)
    };
    let reply = Repeatable::new(idempotency, render);
    let done = content::merge_term(&ctx, id, TermId::from_uuid(body.into), reply.key()).await?;
    Ok(reply.response(done))
}

/// Delete a category or tag: nodes lose it, and the categories below it stand below its own parent.
#[utoipa::path(
    delete,
    path = "/terms/{id}",
    operation_id = "delete_term",
    tag = "content",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 204)),
    extensions(("x-problems" = json!(["term_not_found"])))
)]
async fn delete(
    PathParams(id): PathParams<TermId>,
    command: Command<AdminCtx, Empty>,
) -> Result<Response, RichError> {
    content::delete_term(&command.ctx.0, id).await?;
    Ok(reply::no_content())
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, change, delete))
        .routes(routes!(merge))
}
