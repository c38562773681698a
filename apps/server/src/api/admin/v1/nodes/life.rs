//! `POST /nodes/{id}/...`: one route for each transition, and for undeleting. `If-Match` is looked at when it is sent.

use super::shown;
use crate::api::node::NodeView;
use crate::api::node::input::{ArchiveNode, PublishNode};
use crate::extract::{AdminCtx, Command, Empty, IfMatch, PathParams};
use crate::reply;
use crate::state::AppState;
use axum::response::Response;
use http::StatusCode;
use rustok_app::content::{self, NodeDetail};
use rustok_core::error::RichError;
use rustok_core::ids::NodeId;
use rustok_storage::idempotency::StoredReply;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

fn render(detail: &NodeDetail) -> StoredReply {
    shown(StatusCode::OK, detail, None)
}

/// Publish the working revision of every locale.
#[utoipa::path(
    post,
    path = "/nodes/{id}/publish",
    operation_id = "publish_node",
    tag = "content",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = Option<PublishNode>,
    responses((status = 200, body = NodeView)),
    extensions(("x-problems" = json!(["node_not_found", "illegal_transition", "version_conflict", "slug_taken"])))
)]
async fn publish(
    PathParams(id): PathParams<NodeId>,
    if_match: IfMatch,
    command: Command<AdminCtx, PublishNode>,
) -> Result<Response, RichError> {
    let check = |version| if_match.check(version);
    content::publish(&command.ctx.0, id, command.body.published_at, check, render)
        .await
        .map(reply::send)
}

/// Take a published node back to a draft.
#[utoipa::path(
    post,
    path = "/nodes/{id}/unpublish",
    operation_id = "unpublish_node",
    tag = "content",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = NodeView)),
    extensions(("x-problems" = json!(["node_not_found", "illegal_transition", "version_conflict"])))
)]
async fn unpublish(
    PathParams(id): PathParams<NodeId>,
    if_match: IfMatch,
    command: Command<AdminCtx, Empty>,
) -> Result<Response, RichError> {
    let check = |version| if_match.check(version);
    content::unpublish(&command.ctx.0, id, check, render)
        .await
        .map(reply::send)
}

/// Take a published node out of sight, for a reason.
#[utoipa::path(
    post,
    path = "/nodes/{id}/archive",
    operation_id = "archive_node",
    tag = "content",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = ArchiveNode,
    responses((status = 200, body = NodeView)),
    extensions(("x-problems" = json!(["node_not_found", "illegal_transition", "version_conflict"])))
)]
async fn archive(
    PathParams(id): PathParams<NodeId>,
    if_match: IfMatch,
    command: Command<AdminCtx, ArchiveNode>,
) -> Result<Response, RichError> {
    let check = |version| if_match.check(version);
    content::archive(&command.ctx.0, id, command.body.reason, check, render)
        .await
        .map(reply::send)
}

/// Bring an archived node back as a draft.
#[utoipa::path(
    post,
    path = "/nodes/{id}/restore",
    operation_id = "restore_node",
    tag = "content",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = NodeView)),
    extensions(("x-problems" = json!(["node_not_found", "illegal_transition", "version_conflict"])))
)]
async fn restore(
    PathParams(id): PathParams<NodeId>,
    if_match: IfMatch,
    command: Command<AdminCtx, Empty>,
) -> Result<Response, RichError> {
    let check = |version| if_match.check(version);
    content::restore(&command.ctx.0, id, check, render)
        .await
        .map(reply::send)
}

/// Bring a deleted node back as what it was. An address that was taken meanwhile is numbered.
#[utoipa::path(
    post,
    path = "/nodes/{id}/undelete",
    operation_id = "undelete_node",
    tag = "content",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = NodeView)),
    extensions(("x-problems" = json!(["node_not_found", "version_conflict", "slug_taken"])))
)]
async fn undelete(
    PathParams(id): PathParams<NodeId>,
    if_match: IfMatch,
    command: Command<AdminCtx, Empty>,
) -> Result<Response, RichError> {
    let check = |version| if_match.check(version);
    content::undelete(&command.ctx.0, id, check, render)
        .await
        .map(reply::send)
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(publish))
        .routes(routes!(unpublish))
        .routes(routes!(archive))
        .routes(routes!(restore))
        .routes(routes!(undelete))
}
