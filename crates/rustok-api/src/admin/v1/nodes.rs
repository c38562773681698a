//! `/nodes`: list, create, read, change, delete, translate. The transitions stand beside, in [`life`].

mod life;

use crate::node::input::{
    CreateNode, EditableNode, INCLUDE_RULE, KIND_RULE, PutTranslation, addressed_locale, included,
};
use crate::node::{ListedNodeView, NodeHistory, NodePage, NodeView, WrittenNodeView};
use crate::removed::removed_from;
use crate::state::ApiState;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use rustok_app::StoredReply;
use rustok_app::content::{self, NodeDetail, NodeFilter, Part, UpdateNode, WrittenNode};
use rustok_auth::Action;
use rustok_content::ids::NodeId;
use rustok_content::{NodeKind, NodeStatus};
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::page::{Limit, Page};
use rustok_http::extract::{
    AdminCtx, Command, Empty, IfMatch, MergePatch, PathParams, QueryParams, QueryReader,
};
use rustok_http::reply::{self, Repeatable};
use rustok_text::Locale;
use serde::Deserialize;
use utoipa::IntoParams;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// The longest text that is searched for, in characters.
const MAX_Q_CHARS: usize = 200;

/// Which nodes, and which page of them.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListQuery {
    /// 1 to 100, 20 unless said otherwise.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    after: Option<String>,
    /// `draft`, `published` or `archived`.
    status: Option<String>,
    /// Exactly this kind.
    kind: Option<String>,
    /// Words in a title of any locale, each by its beginning and in whatever case; at most 200 characters. A page may be
    /// shorter than `limit` and have a next one.
    q: Option<String>,
    /// Changed then or later: RFC 3339, or a date in UTC. The last changed come first, unless words are searched for.
    updated_after: Option<String>,
    /// Changed before: RFC 3339, or a date in UTC.
    updated_before: Option<String>,
    /// `true`: those that were deleted, instead of those in use.
    #[serde(default)]
    deleted: bool,
    /// The locale to show, where there is one.
    locale: Option<String>,
    /// `body`: with the bodies, which are left out otherwise. A page ends early where it would be more than about 2 MB.
    include: Option<String>,
}

impl ListQuery {
    fn filter(&self, query: &mut QueryReader) -> NodeFilter {
        NodeFilter {
            status: query.read(
                "status",
                self.status.as_deref(),
                "must be draft, published or archived",
                NodeStatus::find,
            ),
            kind: query.parse::<NodeKind>("kind", self.kind.as_deref(), KIND_RULE),
            query: query.words("q", self.q.as_deref(), MAX_Q_CHARS),
            updated_after: query.time("updated_after", self.updated_after.as_deref()),
            updated_before: query.time("updated_before", self.updated_before.as_deref()),
            deleted: self.deleted,
        }
    }
}

/// Which locale of a node.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct LocaleQuery {
    /// The locale; the tenant's default one, or else the node's first, if it is not given.
    locale: Option<String>,
}

impl LocaleQuery {
    fn read(&self) -> Result<Option<Locale>, RichError> {
        let mut query = QueryReader::default();
        let locale = query.locale(self.locale.as_deref());
        query.finish().map(|()| locale)
    }
}

/// The answer of a write: the node as it is now.
fn shown(detail: &NodeDetail) -> StoredReply {
    reply::stored(
        StatusCode::OK,
        &NodeView::from(detail),
        detail.node.any().into(),
        None,
    )
}

/// The answer of a write of text: also what was taken out of it.
fn written(
    status: StatusCode,
    WrittenNode { detail, removed }: &WrittenNode,
    location: Option<String>,
) -> StoredReply {
    let view = NodeView::from(detail);
    let removed = removed_from("#/body", removed);
    let answer = (!removed.is_empty()).then_some(WrittenNodeView { node: &view, removed });
    reply::stored_with_more(status, &view, answer.as_ref(), detail.node.any().into(), location)
}

fn created(node: &WrittenNode) -> StoredReply {
    written(StatusCode::CREATED, node, Some(address(&node.detail)))
}

fn address(detail: &NodeDetail) -> String {
    format!("/api/admin/v1/nodes/{}", detail.node.any().id())
}

/// List nodes, newest first. With several filters a page may be shorter than `limit` and have a next one.
#[utoipa::path(
    get,
    path = "/nodes",
    operation_id = "list_nodes",
    tag = "content",
    security(("tenant_token" = [])),
    params(ListQuery),
    responses((status = 200, body = NodePage))
)]
async fn list(
    AdminCtx(ctx): AdminCtx,
    QueryParams(query): QueryParams<ListQuery>,
) -> Result<Response, RichError> {
    let mut reader = QueryReader::default();
    let (limit, after) = reader.page(query.limit, query.after.as_deref());
    let filter = query.filter(&mut reader);
    let locale = reader.locale(query.locale.as_deref());
    let after = reader.check_order(after, filter.by_change());
    let part = reader.read("include", query.include.as_deref(), INCLUDE_RULE, included);
    reader.finish()?;
    let part = part.unwrap_or(Part::Summary);
    let Page { items, next_cursor } = content::list(&ctx, &filter, locale, part, after, limit).await?;
    Ok(reply::list(&NodePage {
        items: items.iter().map(ListedNodeView::from).collect(),
        next_cursor,
    }))
}

/// Create a node: a draft with its first translation.
#[utoipa::path(
    post,
    path = "/nodes",
    operation_id = "create_node",
    tag = "content",
    security(("tenant_token" = [])),
    request_body = CreateNode,
    responses((status = 201, body = WrittenNodeView)),
    extensions(("x-problems" = json!(["slug_taken"])))
)]
async fn create(command: Command<AdminCtx, CreateNode>) -> Result<Response, RichError> {
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let reply = Repeatable::new(idempotency, created);
    let done = content::create(&ctx.0, body.into(), reply.key()).await?;
    Ok(reply.response(done))
}

/// Read a node.
#[utoipa::path(
    get,
    path = "/nodes/{id}",
    operation_id = "read_node",
    tag = "content",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path), LocaleQuery),
    responses(
        (status = 200, body = NodeView),
        (status = 304, description = "`If-None-Match` names what is shown now.")
    ),
    extensions(("x-problems" = json!(["node_not_found", "translation_not_found"])))
)]
async fn read(
    AdminCtx(ctx): AdminCtx,
    PathParams(id): PathParams<NodeId>,
    QueryParams(query): QueryParams<LocaleQuery>,
    headers: HeaderMap,
) -> Result<Response, RichError> {
    let detail = content::get(&ctx, id, query.read()?).await?;
    Ok(reply::resource(
        &headers,
        &NodeView::from(&detail),
        detail.node.any().into(),
    ))
}

/// Change a node, or its text in one locale. What is public stays as it is until the next publish, but for kind, author
/// and terms.
#[utoipa::path(
    patch,
    path = "/nodes/{id}",
    operation_id = "update_node",
    tag = "content",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path), LocaleQuery),
    request_body(content = EditableNode, content_type = "application/merge-patch+json"),
    responses((status = 200, body = WrittenNodeView)),
    extensions(("x-problems" = json!(["node_not_found", "node_not_editable", "slug_taken", "version_conflict"])))
)]
async fn update(
    PathParams(id): PathParams<NodeId>,
    QueryParams(query): QueryParams<LocaleQuery>,
    if_match: IfMatch,
    command: Command<AdminCtx, MergePatch>,
) -> Result<Response, RichError> {
    // A missing permission is reported before anything else.
    command.ctx.0.authorize(Action::UpdateNode)?;
    let node = if_match.target(id);
    node.if_match.required()?;
    let mut patch = command.body;
    let locale = addressed_locale(&mut patch, query.read()?)?;
    let update = UpdateNode {
        node,
        locale,
        edit: &|detail| EditableNode::patched(detail, &patch),
    };
    let node = content::update(&command.ctx.0, update).await?;
    Ok(reply::send(written(StatusCode::OK, &node, None)))
}

/// Delete a node that is not published, softly.
#[utoipa::path(
    delete,
    path = "/nodes/{id}",
    operation_id = "delete_node",
    tag = "content",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 204)),
    extensions(("x-problems" = json!(["node_not_found", "node_still_published", "version_conflict"])))
)]
async fn delete(
    PathParams(id): PathParams<NodeId>,
    if_match: IfMatch,
    command: Command<AdminCtx, Empty>,
) -> Result<Response, RichError> {
    content::delete(&command.ctx.0, if_match.target(id)).await?;
    Ok(reply::no_content())
}

/// Write the whole text of a node in one locale. `If-Match` is demanded when there is one already.
#[utoipa::path(
    put,
    path = "/nodes/{id}/translations/{locale}",
    operation_id = "put_node_translation",
    tag = "content",
    security(("tenant_token" = [])),
    params(
        ("id" = Uuid, Path),
        ("locale" = String, Path, example = "ru"),
    ),
    request_body = PutTranslation,
    responses(
        (status = 200, description = "Written again", body = WrittenNodeView),
        (status = 201, description = "Written for the first time", body = WrittenNodeView)
    ),
    extensions(("x-problems" = json!(["node_not_found", "node_not_editable", "slug_taken", "version_conflict", "precondition_required"])))
)]
async fn put_translation(
    PathParams((id, locale)): PathParams<(NodeId, String)>,
    if_match: IfMatch,
    command: Command<AdminCtx, PutTranslation>,
) -> Result<Response, RichError> {
    let locale = locale_in_path(&locale)?;
    let put = content::PutTranslation {
        node: if_match.target(id),
        locale,
        text: command.body.into(),
    };
    let (node, is_new) = content::put_translation(&command.ctx.0, put).await?;
    Ok(reply::send(if is_new {
        let location = format!("{}?locale={locale}", address(&node.detail));
        written(StatusCode::CREATED, &node, Some(location))
    } else {
        written(StatusCode::OK, &node, None)
    }))
}

/// Take the text of a node in one locale away. What is live stays until the next publish; the text in the locale that the
/// node was written in first stays with it.
#[utoipa::path(
    delete,
    path = "/nodes/{id}/translations/{locale}",
    operation_id = "delete_node_translation",
    tag = "content",
    security(("tenant_token" = [])),
    params(
        ("id" = Uuid, Path),
        ("locale" = String, Path, example = "ru"),
    ),
    responses((status = 200, description = "The node as it is now", body = NodeView)),
    extensions(("x-problems" = json!(["node_not_found", "translation_not_found", "original_translation", "node_not_editable", "version_conflict"])))
)]
async fn delete_translation(
    PathParams((id, locale)): PathParams<(NodeId, String)>,
    if_match: IfMatch,
    command: Command<AdminCtx, Empty>,
) -> Result<Response, RichError> {
    let locale = locale_in_path(&locale)?;
    let detail = content::delete_translation(&command.ctx.0, if_match.target(id), locale).await?;
    Ok(reply::send(shown(&detail)))
}

fn locale_in_path(locale: &str) -> Result<Locale, RichError> {
    content::locales::parse_locale("locale", locale).map_err(|violation| {
        RichError::new(ErrorKind::Validation, "locale in the path refused").with_violations(vec![violation])
    })
}

/// Which page of a history.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
struct HistoryQuery {
    /// 1 to 100, 100 unless said otherwise.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    after: Option<String>,
}

/// What happened to a node, oldest first.
#[utoipa::path(
    get,
    path = "/nodes/{id}/history",
    operation_id = "read_node_history",
    tag = "content",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path), HistoryQuery),
    responses((status = 200, body = NodeHistory)),
    extensions(("x-problems" = json!(["node_not_found"])))
)]
async fn history(
    AdminCtx(ctx): AdminCtx,
    PathParams(id): PathParams<NodeId>,
    QueryParams(query): QueryParams<HistoryQuery>,
) -> Result<Response, RichError> {
    let mut reader = QueryReader::default();
    let limit = query.limit.unwrap_or_else(|| Limit::MAX.into());
    let (limit, after) = reader.page(Some(limit), query.after.as_deref());
    reader.finish()?;
    let page = content::history(&ctx, id, after, limit).await?;
    Ok(reply::list(&NodeHistory::from(&page)))
}

/// All routes of nodes.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, update, delete))
        .routes(routes!(put_translation, delete_translation))
        .routes(routes!(history))
        .merge(life::routes())
}
