//! `/tenants`: list, create, read, suspend, resume, add a host.

use crate::extract::params::page;
use crate::extract::{Command, Empty, PathParams, PlatformAccess, QueryParams};
use crate::problem::{AdminProblems, WriteProblems};
use crate::reply;
use crate::state::AppState;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use rustok_app::{Reply, tenants};
use rustok_core::error::RichError;
use rustok_core::ids::TenantId;
use rustok_core::page::Page;
use rustok_tenancy::{NewTenantInput, Tenant, TenantIdentifier, TenantSettings, TenantStatus};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// A shop or site.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TenantView {
    id: Uuid,
    /// Names the tenant below the base domain.
    slug: String,
    name: String,
    /// `active` or `suspended`.
    status: String,
    /// Hosts of its own.
    hosts: Vec<String>,
    settings: SettingsView,
    /// RFC 3339, UTC.
    created_at: String,
    version: i64,
}

/// What a tenant can set.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SettingsView {
    default_currency: String,
    default_locale: String,
    locales: Vec<String>,
    cors_origins: Vec<String>,
    pending_order_ttl_minutes: u32,
}

impl From<&Tenant> for TenantView {
    fn from(tenant: &Tenant) -> Self {
        let TenantSettings {
            default_currency,
            default_locale,
            locales,
            cors_origins,
            pending_order_ttl_minutes,
        } = tenant.settings.clone();
        Self {
            id: tenant.id.as_uuid(),
            slug: tenant.slug.clone(),
            name: tenant.name.clone(),
            status: tenant.status.as_str().to_owned(),
            hosts: tenant.hosts.clone(),
            settings: SettingsView {
                default_currency,
                default_locale,
                locales,
                cors_origins,
                pending_order_ttl_minutes,
            },
            created_at: tenant.created_at.to_string(),
            version: tenant.version,
        }
    }
}

/// A page of tenants.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TenantPage {
    items: Vec<TenantView>,
    next_cursor: Option<String>,
}

/// A new tenant.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct CreateTenant {
    /// 3 to 63 letters, digits and hyphens.
    #[schema(example = "shop1")]
    slug: String,
    #[schema(example = "Shop 1")]
    name: String,
    /// Hosts of its own.
    #[serde(default)]
    hosts: Vec<String>,
}

/// One more host.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub(super) struct AddHost {
    #[schema(example = "shop.example.com")]
    host: String,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListTenants {
    /// 1 to 100, 20 unless said otherwise.
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    after: Option<String>,
}

/// List tenants, oldest first.
#[utoipa::path(
    get,
    path = "/tenants",
    operation_id = "list_tenants",
    tag = "platform",
    security(("platform_token" = [])),
    params(ListTenants),
    responses((status = 200, body = TenantPage), AdminProblems)
)]
async fn list(
    PlatformAccess(ctx): PlatformAccess,
    QueryParams(query): QueryParams<ListTenants>,
) -> Result<Response, RichError> {
    let (limit, after) = page::<TenantId>(query.limit, query.after.as_deref())?;
    let Page { items, next_cursor } = tenants::list(&ctx, after, limit).await?;
    Ok(reply::list(&TenantPage {
        items: items.iter().map(TenantView::from).collect(),
        next_cursor,
    }))
}

/// Create a tenant.
#[utoipa::path(
    post,
    path = "/tenants",
    operation_id = "create_tenant",
    tag = "platform",
    security(("platform_token" = [])),
    request_body = CreateTenant,
    responses((status = 201, body = TenantView), AdminProblems, WriteProblems)
)]
async fn create(
    State(state): State<AppState>,
    command: Command<PlatformAccess, CreateTenant>,
) -> Result<Response, RichError> {
    let CreateTenant { slug, name, hosts } = command.body;
    let input = NewTenantInput {
        slug,
        name,
        hosts,
        settings: TenantSettings::default(),
    };
    let tenant = tenants::create(&command.ctx.0, input).await?;
    let location = format!("/api/platform/v1/tenants/{}", tenant.id);
    Ok(changed(&state, StatusCode::CREATED, &tenant, Some(location)))
}

/// Read a tenant.
#[utoipa::path(
    get,
    path = "/tenants/{id}",
    operation_id = "read_tenant",
    tag = "platform",
    security(("platform_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = TenantView), AdminProblems)
)]
async fn read(
    PlatformAccess(ctx): PlatformAccess,
    PathParams(id): PathParams<Uuid>,
    headers: HeaderMap,
) -> Result<Response, RichError> {
    let tenant = tenants::find(&ctx, &named(&ctx, id)).await?;
    Ok(reply::resource(
        &headers,
        &TenantView::from(&tenant),
        tenant.version,
    ))
}

fn named(ctx: &rustok_app::PlatformCtx, id: Uuid) -> TenantIdentifier {
    ctx.services.validator.known_id(TenantId::from_uuid(id))
}

/// The cache forgets what it knew before the answer goes out.
fn changed(state: &AppState, status: StatusCode, tenant: &Tenant, location: Option<String>) -> Response {
    state.tenants().invalidate_tenant(tenant.id);
    let stored = reply::stored(status, &TenantView::from(tenant), tenant.version, location);
    reply::send(Reply {
        stored,
        replayed: false,
    })
}

/// Suspend a tenant: every request for it is refused from now on.
#[utoipa::path(
    post,
    path = "/tenants/{id}/suspend",
    operation_id = "suspend_tenant",
    tag = "platform",
    security(("platform_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = TenantView), AdminProblems, WriteProblems)
)]
async fn suspend(
    State(state): State<AppState>,
    PathParams(id): PathParams<Uuid>,
    command: Command<PlatformAccess, Empty>,
) -> Result<Response, RichError> {
    let ctx = command.ctx.0;
    let tenant = tenants::set_status(&ctx, &named(&ctx, id), TenantStatus::Suspended).await?;
    Ok(changed(&state, StatusCode::OK, &tenant, None))
}

/// Resume a suspended tenant.
#[utoipa::path(
    post,
    path = "/tenants/{id}/resume",
    operation_id = "resume_tenant",
    tag = "platform",
    security(("platform_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = TenantView), AdminProblems, WriteProblems)
)]
async fn resume(
    State(state): State<AppState>,
    PathParams(id): PathParams<Uuid>,
    command: Command<PlatformAccess, Empty>,
) -> Result<Response, RichError> {
    let ctx = command.ctx.0;
    let tenant = tenants::set_status(&ctx, &named(&ctx, id), TenantStatus::Active).await?;
    Ok(changed(&state, StatusCode::OK, &tenant, None))
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
    responses((status = 200, body = TenantView), AdminProblems, WriteProblems)
)]
async fn add_host(
    State(state): State<AppState>,
    PathParams(id): PathParams<Uuid>,
    command: Command<PlatformAccess, AddHost>,
) -> Result<Response, RichError> {
    let ctx = command.ctx.0;
    let tenant = tenants::add_host(&ctx, &named(&ctx, id), &command.body.host).await?;
    Ok(changed(&state, StatusCode::OK, &tenant, None))
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read))
        .routes(routes!(suspend))
        .routes(routes!(resume))
        .routes(routes!(add_host))
}
