//! `/tenants/{id}/hosts`: give, take away, move. What names a tenant besides is its slug below the base domain, so it may
//! lose its last host.

use super::{TenantView, current, named, seen};
use crate::state::ApiState;
use axum::extract::State;
use axum::response::Response;
use rustok_app::tenants::{self, MovedHost};
use rustok_core::error::RichError;
use rustok_core::ids::TenantId;
use rustok_http::extract::{Command, Empty, IfMatch, PathParams, PlatformAccess};
use rustok_http::reply::{self, Repeatable};
use serde::Deserialize;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// One more host.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddHost {
    #[schema(example = "shop.example.com")]
    host: String,
}

/// Where a host goes.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct MoveHost {
    /// The tenant that gets it.
    to: Uuid,
}

/// Give a tenant one more host.
#[utoipa::path(
    post,
    path = "/tenants/{id}/hosts",
    operation_id = "add_tenant_host",
    tag = "platform",
    security(("platform_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = AddHost,
    responses((status = 200, body = TenantView)),
    extensions(("x-problems" = json!(["tenant_not_found", "host_taken", "version_conflict"])))
)]
async fn add(
    State(state): State<ApiState>,
    PathParams(id): PathParams<Uuid>,
    if_match: IfMatch,
    command: Command<PlatformAccess, AddHost>,
) -> Result<Response, RichError> {
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let reply = Repeatable::new(idempotency, current);
    let done = tenants::add_host(&ctx.0, seen(&ctx.0, id, &if_match), &body.host, reply.key()).await?;
    state.tenants().invalidate_tenant(TenantId::from_uuid(id));
    Ok(reply.response(done))
}

/// Take a host from a tenant: it names nobody then. The tenant's slug below the base domain names it still.
#[utoipa::path(
    delete,
    path = "/tenants/{id}/hosts/{host}",
    operation_id = "remove_tenant_host",
    tag = "platform",
    security(("platform_token" = [])),
    params(("id" = Uuid, Path), ("host" = String, Path, example = "shop.example.com")),
    responses((status = 200, description = "The tenant as it is now", body = TenantView)),
    extensions(("x-problems" = json!(["tenant_not_found", "host_not_found", "version_conflict"])))
)]
async fn remove(
    State(state): State<ApiState>,
    PathParams((id, host)): PathParams<(Uuid, String)>,
    if_match: IfMatch,
    command: Command<PlatformAccess, Empty>,
) -> Result<Response, RichError> {
    let ctx = command.ctx.0;
    let tenant = tenants::remove_host(&ctx, seen(&ctx, id, &if_match), &host).await?;
    state.tenants().invalidate_tenant(tenant.id);
    Ok(reply::send(current(&tenant)))
}

/// Move a host to another tenant, in one step: at no moment it names both, or nobody. `If-Match` is about the tenant that
/// has it, and so is the answer.
#[utoipa::path(
    post,
    path = "/tenants/{id}/hosts/{host}/move",
    operation_id = "move_tenant_host",
    tag = "platform",
    security(("platform_token" = [])),
    params(("id" = Uuid, Path), ("host" = String, Path, example = "shop.example.com")),
    request_body = MoveHost,
    responses((status = 200, description = "The tenant that had it, as it is now", body = TenantView)),
    extensions(("x-problems" = json!(["tenant_not_found", "host_not_found", "version_conflict"])))
)]
async fn hand_over(
    State(state): State<ApiState>,
    PathParams((id, host)): PathParams<(Uuid, String)>,
    if_match: IfMatch,
    command: Command<PlatformAccess, MoveHost>,
) -> Result<Response, RichError> {
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let (ctx, to) = (ctx.0, body.to);
    let render = |moved: &MovedHost| current(&moved.from);
    let reply = Repeatable::new(idempotency, render);
    let done = tenants::move_host(
        &ctx,
        seen(&ctx, id, &if_match),
        &host,
        &named(&ctx, to),
        reply.key(),
    )
    .await?;
    for tenant in [id, to] {
        state.tenants().invalidate_tenant(TenantId::from_uuid(tenant));
    }
    Ok(reply.response(done))
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(add))
        .routes(routes!(remove))
        .routes(routes!(hand_over))
}
