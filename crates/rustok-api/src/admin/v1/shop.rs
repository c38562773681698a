//! `/shop` of the administration: the name and the settings of the tenant itself.

use crate::platform::v1::tenants::{EditableTenant, TenantView, current, patched};
use crate::state::ApiState;
use axum::extract::State;
use axum::response::Response;
use http::HeaderMap;
use rustok_app::tenants::{self, UpdateOwnSettings};
use rustok_core::error::RichError;
use rustok_http::extract::{AdminCtx, Command, IfMatch, MergePatch};
use rustok_http::reply;
use rustok_tenancy::Tenant;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

/// Read the shop or site itself.
#[utoipa::path(
    get,
    path = "/shop",
    operation_id = "read_shop",
    tag = "settings",
    security(("tenant_token" = [])),
    responses(
        (status = 200, body = TenantView),
        (status = 304, description = "`If-None-Match` names what is shown now.")
    )
)]
async fn read(AdminCtx(ctx): AdminCtx, headers: HeaderMap) -> Result<Response, RichError> {
    let tenant = tenants::read_own(&ctx).await?;
    Ok(reply::resource(
        &headers,
        &TenantView::from(&tenant),
        (&tenant).into(),
    ))
}

/// Change the name or the settings of the shop or site itself by a JSON merge patch. Its hosts and its status belong to the
/// platform.
#[utoipa::path(
    patch,
    path = "/shop",
    operation_id = "update_shop",
    tag = "settings",
    security(("tenant_token" = [])),
    request_body(content = EditableTenant, content_type = "application/merge-patch+json"),
    responses((status = 200, body = TenantView)),
    extensions(("x-problems" = json!(["version_conflict"])))
)]
async fn update(
    State(state): State<ApiState>,
    if_match: IfMatch,
    command: Command<AdminCtx, MergePatch>,
) -> Result<Response, RichError> {
    let (ctx, patch) = (command.ctx.0, command.body);
    let if_match = if_match.target(()).if_match;
    if_match.required()?;
    let edit = |tenant: &Tenant| patched(tenant, &patch);
    let update = UpdateOwnSettings {
        if_match,
        edit: &edit,
    };
    let tenant = tenants::update_own_settings(&ctx, update).await?;
    state.tenants().invalidate_tenant(tenant.id);
    Ok(reply::send(current(&tenant)))
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(read, update))
}
