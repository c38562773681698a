//! `POST /nodes/{id}/...`: one route for each transition, and for undeleting. `If-Match` is looked at when it is sent.

use super::shown;
use crate::node::NodeView;
use crate::node::input::{ArchiveNode, PublishNode};
use crate::state::ApiState;
use axum::response::Response;
use rustok_app::content;
use rustok_content::ids::NodeId;
use rustok_core::error::RichError;
use rustok_http::extract::{AdminCtx, Command, Empty, IfMatch, PathParams};
use rustok_http::reply::Repeatable;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

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
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let publish = content::PublishNode {
        node: if_match.target(id),
        published_at: body.published_at,
    };
    let reply = Repeatable::new(idempotency, shown);
    let done = content::publish(&ctx.0, publish, reply.key()).await?;
    Ok(reply.response(done))
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
    let Command { ctx, idempotency, .. } = command;
    let reply = Repeatable::new(idempotency, shown);
    let done = content::unpublish(&ctx.0, if_match.target(id), reply.key()).await?;
    Ok(reply.response(done))
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
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let archive = content::ArchiveNode {
        node: if_match.target(id),
        reason: body.reason,
    };
    let reply = Repeatable::new(idempotency, shown);
    let done = content::archive(&ctx.0, archive, reply.key()).await?;
    Ok(reply.response(done))
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
    let Command { ctx, idempotency, .. } = command;
    let reply = Repeatable::new(idempotency, shown);
    let done = content::restore(&ctx.0, if_match.target(id), reply.key()).await?;
    Ok(reply.response(done))
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
    let Command { ctx, idempotency, .. } = command;
    let reply = Repeatable::new(idempotency, shown);
    let done = content::undelete(&ctx.0, if_match.target(id), reply.key()).await?;
    Ok(reply.response(done))
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(publish))
        .routes(routes!(unpublish))
        .routes(routes!(archive))
        .routes(routes!(restore))
        .routes(routes!(undelete))
}
