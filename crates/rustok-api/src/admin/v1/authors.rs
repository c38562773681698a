//! `/authors`: the names under which nodes are written, to put them in order.

use crate::counted::CountedView;
use crate::state::ApiState;
use axum::response::Response;
use http::StatusCode;
use rustok_app::Saved;
use rustok_app::content::{self, AuthorNames, ListedAuthor, MergedAuthor};
use rustok_content::ids::AuthorId;
use rustok_core::error::RichError;
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

/// An author.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AuthorDetail)]
pub(super) struct AuthorDetailView {
    id: Uuid,
    /// The short name, unique in the shop or site.
    login: String,
    /// What readers see.
    name: String,
    /// The nodes of this author, deleted ones included: exact up to 200.
    nodes: CountedView,
}

impl From<&ListedAuthor> for AuthorDetailView {
    fn from(listed: &ListedAuthor) -> Self {
        Self {
            id: listed.author.id.as_uuid(),
            login: listed.author.login.clone(),
            name: listed.author.display_name.clone(),
            nodes: listed.nodes.into(),
        }
    }
}

/// A page of authors.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct AuthorPage {
    items: Vec<AuthorDetailView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

/// An author that another one was merged into.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = MergedAuthor)]
pub(super) struct MergedAuthorView {
    #[serde(flatten)]
    author: AuthorDetailView,
    /// Whether nodes of the merged author are still given over to this one, which takes a moment with many of them.
    is_pending: bool,
}

/// Which authors.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListAuthors {
    /// 1 to 100, 20 unless said otherwise.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    after: Option<String>,
    /// The beginning of the login or of the name, in whatever case: 1 to 200 characters.
    prefix: Option<String>,
}

/// The names of an author.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AuthorNames)]
pub(super) struct AuthorFields {
    /// The short name, unique in the shop or site: 1 to 200 characters.
    #[schema(example = "jane")]
    login: String,
    /// What readers see: 1 to 200 characters. Without one it is the login.
    #[schema(example = "Jane Roe")]
    name: Option<String>,
}

impl From<AuthorFields> for AuthorNames {
    fn from(AuthorFields { login, name }: AuthorFields) -> Self {
        let name = name.unwrap_or_default();
        Self { login, name }
    }
}

/// The author to merge into.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = MergeAuthor)]
pub(super) struct MergeAuthorFields {
    /// Another author.
    into: Uuid,
}

/// List authors, the newest first. With a prefix a page may be shorter than `limit` and have a next one.
#[utoipa::path(
    get,
    path = "/authors",
    operation_id = "list_authors",
    tag = "content",
    security(("tenant_token" = [])),
    params(ListAuthors),
    responses((status = 200, body = AuthorPage))
)]
async fn list(
    AdminCtx(ctx): AdminCtx,
    QueryParams(query): QueryParams<ListAuthors>,
) -> Result<Response, RichError> {
    let mut reader = QueryReader::default();
    let (limit, after) = reader.page::<AuthorId>(query.limit, query.after.as_deref());
    let prefix = reader.name("prefix", query.prefix.as_deref(), MAX_PREFIX_CHARS);
    reader.finish()?;
    let Page { items, next_cursor } = content::list_authors(&ctx, prefix.as_deref(), after, limit).await?;
    let items = items.iter().map(AuthorDetailView::from).collect();
    Ok(reply::list(&AuthorPage { items, next_cursor }))
}

/// Create an author.
#[utoipa::path(
    post,
    path = "/authors",
    operation_id = "create_author",
    tag = "content",
    security(("tenant_token" = [])),
    request_body = AuthorFields,
    responses((status = 201, body = AuthorDetailView)),
    extensions(("x-problems" = json!(["author_exists"])))
)]
async fn create(command: Command<AdminCtx, AuthorFields>) -> Result<Response, RichError> {
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let ctx = ctx.0;
    let now = ctx.now();
    let render = |listed: &ListedAuthor| {
        let location = format!("/api/admin/v1/authors/{}", listed.author.id);
        let view = AuthorDetailView::from(listed);
        reply::stored(StatusCode::CREATED, &view, Saved::of(1, now), Some(location))
    };
    let reply = Repeatable::new(idempotency, render);
    let done = content::create_author(&ctx, body.into(), reply.key()).await?;
    Ok(reply.response(done))
}

/// Read an author.
#[utoipa::path(
    get,
    path = "/authors/{id}",
    operation_id = "read_author",
    tag = "content",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = AuthorDetailView)),
    extensions(("x-problems" = json!(["author_not_found"])))
)]
async fn read(AdminCtx(ctx): AdminCtx, PathParams(id): PathParams<AuthorId>) -> Result<Response, RichError> {
    let listed = content::get_author(&ctx, id).await?;
    Ok(reply::list(&AuthorDetailView::from(&listed)))
}

/// Change the names of an author. Nodes keep it.
#[utoipa::path(
    put,
    path = "/authors/{id}",
    operation_id = "change_author",
    tag = "content",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = AuthorFields,
    responses((status = 200, body = AuthorDetailView)),
    extensions(("x-problems" = json!(["author_not_found", "author_exists"])))
)]
async fn change(
    PathParams(id): PathParams<AuthorId>,
    command: Command<AdminCtx, AuthorFields>,
) -> Result<Response, RichError> {
    let listed = content::change_author(&command.ctx.0, id, command.body.into()).await?;
    Ok(reply::list(&AuthorDetailView::from(&listed)))
}

/// Merge an author into another one, which gets its nodes.
#[utoipa::path(
    post,
    path = "/authors/{id}/merge",
    operation_id = "merge_author",
    tag = "content",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = MergeAuthorFields,
    responses((status = 200, body = MergedAuthorView)),
    extensions(("x-problems" = json!(["author_not_found"])))
)]
async fn merge(
    PathParams(id): PathParams<AuthorId>,
    command: Command<AdminCtx, MergeAuthorFields>,
) -> Result<Response, RichError> {
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let ctx = ctx.0;
    let now = ctx.now();
    let render = |merged: &MergedAuthor| {
        let view = MergedAuthorView {
            author: AuthorDetailView::from(&merged.author),
            is_pending: merged.is_pending,
        };
        reply::stored(StatusCode::OK, &view, Saved::of(1, now), None)
    };
    let reply = Repeatable::new(idempotency, render);
    let done = content::merge_author(&ctx, id, AuthorId::from_uuid(body.into), reply.key()).await?;
    Ok(reply.response(done))
}

/// Delete an author without nodes.
#[utoipa::path(
    delete,
    path = "/authors/{id}",
    operation_id = "delete_author",
    tag = "content",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 204)),
    extensions(("x-problems" = json!(["author_not_found", "author_in_use"])))
)]
async fn delete(
    PathParams(id): PathParams<AuthorId>,
    command: Command<AdminCtx, Empty>,
) -> Result<Response, RichError> {
    content::delete_author(&command.ctx.0, id).await?;
    Ok(reply::no_content())
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, change, delete))
        .routes(routes!(merge))
}
