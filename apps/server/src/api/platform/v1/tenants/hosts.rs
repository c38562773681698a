//! `/tenants/{id}/hosts`: give, take away, move. What names a tenant besides is its slug below the base domain, so it may
//! lose its last host.

use super::{TenantView, changed, named, shown};
use crate::extract::{Command, Empty, IfMatch, PathParams, PlatformAccess};
use crate::state::AppState;
use axum::extract::State;
use axum::response::Response;
use http::StatusCode;
use rustok_app::tenants;
use rustok_core::error::RichError;
use rustok_core::ids::TenantId;
use rustok_tenancy::Tenant;
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
    State(state): State<AppState>,
    PathParams(id): PathParams<Uuid>,
    if_match: IfMatch,
    command: Command<PlatformAccess, AddHost>,
) -> Result<Response, RichError> {
    let ctx = command.ctx.0;
    let check = |version| if_match.check(version);
    let render = |tenant: &Tenant| shown(StatusCode::OK, tenant, None);
    let host = &command.body.host;
    let reply = tenants::add_host_once(&ctx, &named(&ctx, id), host, check, render).await?;
    Ok(changed(&state, Some(TenantId::from_uuid(id)), reply))
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
    State(state): State<AppState>,
    PathParams((id, host)): PathParams<(Uuid, String)>,
    if_match: IfMatch,
    command: Command<PlatformAccess, Empty>,
) -> Result<Response, RichError> {
    let ctx = command.ctx.0;
    let check = |version| if_match.check(version);
    let tenant = tenants::remove_host(&ctx, &named(&ctx, id), &host, check).await?;
    let reply = shown(StatusCode::OK, &tenant, None).into();
    Ok(changed(&state, Some(tenant.id), reply))
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
    State(state): State<AppState>,
    PathParams((id, host)): PathParams<(Uuid, String)>,
    if_match: IfMatch,
    command: Command<PlatformAccess, MoveHost>,
) -> Result<Response, RichError> {
    let (ctx, to) = (command.ctx.0, command.body.to);
    let check = |version| if_match.check(version);
    let render = |tenant: &Tenant| shown(StatusCode::OK, tenant, None);
    let (from, target) = (named(&ctx, id), named(&ctx, to));
    let reply = tenants::move_host_once(&ctx, &from, &host, &target, check, render).await?;
    state.tenants().invalidate_tenant(TenantId::from_uuid(to));
    Ok(changed(&state, Some(TenantId::from_uuid(id)), reply))
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(add))
        .routes(routes!(remove))
        .routes(routes!(hand_over))
}
