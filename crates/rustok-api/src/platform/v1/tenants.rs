//! `/tenants`: list, create, read, change, suspend, resume; their hosts.

mod hosts;

use crate::merge_patch;
use crate::state::ApiState;
use axum::extract::State;
use axum::response::Response;
use http::{HeaderMap, StatusCode};
use rustok_app::tenants::{self, UpdateTenant};
use rustok_app::{Done, PlatformCtx, StoredReply, Target};
use rustok_core::error::RichError;
use rustok_core::ids::TenantId;
use rustok_core::page::Page;
use rustok_http::extract::{
    Command, Empty, IfMatch, MergePatch, PathParams, PlatformAccess, QueryParams, QueryReader,
};
use rustok_http::reply::{self, Repeatable};
use rustok_tenancy::{NewTenantInput, Tenant, TenantEdit, TenantIdentifier, TenantSettings, TenantStatus};
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// A shop or site.
#[derive(Debug, Serialize, ToSchema)]
pub(crate) struct TenantView {
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

/// What a tenant can set. A member that is not sent has its default, in a patch its present value.
#[derive(Debug, Clone, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
#[schema(as = TenantSettings)]
pub(crate) struct SettingsView {
    /// ISO 4217: the currency where none is named.
    #[schema(example = "USD")]
    default_currency: String,
    /// The locale where none is asked for.
    #[schema(example = "en")]
    default_locale: String,
    /// The locales that are published in.
    #[schema(example = json!(["en", "de"]))]
    locales: Vec<String>,
    /// Origins whose scripts may use the API, such as `https://shop.example`. `https://*.preview.example.com` is every name
    /// below that domain, by this scheme and port, but not the domain itself: list only a domain below which all names are
    /// yours. `*` is every origin, for the store only.
    #[schema(example = json!(["https://shop.example"]))]
    cors_origins: Vec<String>,
    /// Minutes after which an order that nobody confirmed is cancelled, 1 to 43,200.
    #[schema(example = 60)]
    pending_order_ttl_minutes: u32,
    /// Minutes after which a confirmed order that nobody paid is cancelled, 0 to 525,600; 0 is never. It applies to
    /// orders that are confirmed from then on.
    #[schema(example = 10_080)]
    confirmed_order_ttl_minutes: u32,
    /// How many pieces of counted stock one buyer may hold in orders that are not confirmed, 0 to 1,000,000; 0 is no
    /// limit.
    #[schema(example = 1_000)]
    max_pending_pieces: u32,
    /// The time zone of the shop's days: a name of the IANA database. It applies to orders that are placed from then on.
    #[schema(example = "Europe/Stockholm")]
    time_zone: String,
    /// Stock of this many pieces or fewer is low, 0 to 99.
    #[schema(example = 5)]
    low_stock_threshold: u32,
    /// Whether every member needs a second factor. A session of a member without one may turn it on, and nothing else.
    #[schema(example = false)]
    require_second_factor: bool,
}

impl Default for SettingsView {
    fn default() -> Self {
        TenantSettings::default().into()
    }
}

impl From<TenantSettings> for SettingsView {
    fn from(settings: TenantSettings) -> Self {
        let TenantSettings {
            default_currency,
            default_locale,
            locales,
            cors_origins,
            pending_order_ttl_minutes,
            confirmed_order_ttl_minutes,
            max_pending_pieces,
            time_zone,
            low_stock_threshold,
            require_second_factor,
        } = settings;
        Self {
            default_currency,
            default_locale,
            locales,
            cors_origins,
            pending_order_ttl_minutes,
            confirmed_order_ttl_minutes,
            max_pending_pieces,
            time_zone,
            low_stock_threshold,
            require_second_factor,
        }
    }
}

impl From<SettingsView> for TenantSettings {
    fn from(settings: SettingsView) -> Self {
        let SettingsView {
            default_currency,
            default_locale,
            locales,
            cors_origins,
            pending_order_ttl_minutes,
            confirmed_order_ttl_minutes,
            max_pending_pieces,
            time_zone,
            low_stock_threshold,
            require_second_factor,
        } = settings;
        Self {
            default_currency,
            default_locale,
            locales,
            cors_origins,
            pending_order_ttl_minutes,
            confirmed_order_ttl_minutes,
            max_pending_pieces,
            time_zone,
            low_stock_threshold,
            require_second_factor,
        }
    }
}

impl From<&Tenant> for TenantView {
    fn from(tenant: &Tenant) -> Self {
        Self {
            id: tenant.id.as_uuid(),
            slug: tenant.slug.clone(),
            name: tenant.name.clone(),
            status: tenant.status.as_str().to_owned(),
            hosts: tenant.hosts.clone(),
            settings: tenant.settings.clone().into(),
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
    #[serde(default)]
    settings: SettingsView,
}

/// What can be changed of a tenant: a JSON merge patch (RFC 7396).
#[derive(Debug, Default, Serialize, Deserialize, ToSchema)]
#[serde(deny_unknown_fields, default)]
pub(crate) struct EditableTenant {
    #[schema(example = "Shop 1")]
    name: String,
    settings: SettingsView,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListTenants {
    /// 1 to 100, 20 unless said otherwise.
    #[param(minimum = 1, maximum = 100)]
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
    responses((status = 200, body = TenantPage))
)]
async fn list(
    PlatformAccess(ctx): PlatformAccess,
    QueryParams(query): QueryParams<ListTenants>,
) -> Result<Response, RichError> {
    let mut reader = QueryReader::default();
    let (limit, after) = reader.page::<TenantId>(query.limit, query.after.as_deref());
    reader.finish()?;
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
    responses((status = 201, body = TenantView)),
    extensions(("x-problems" = json!(["slug_taken", "host_taken"])))
)]
async fn create(
    State(state): State<ApiState>,
    command: Command<PlatformAccess, CreateTenant>,
) -> Result<Response, RichError> {
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let CreateTenant {
        slug,
        name,
        hosts,
        settings,
    } = body;
    let input = NewTenantInput {
        slug,
        name,
        hosts,
        settings: settings.into(),
    };
    let created = |tenant: &Tenant| {
        let location = format!("/api/platform/v1/tenants/{}", tenant.id);
        shown(StatusCode::CREATED, tenant, Some(location))
    };
    let reply = Repeatable::new(idempotency, created);
    let done = tenants::create(&ctx.0, input, reply.key()).await?;
    if let Done::Made(tenant) = &done {
        state.tenants().invalidate_tenant(tenant.id);
    }
    Ok(reply.response(done))
}

/// Read a tenant.
#[utoipa::path(
    get,
    path = "/tenants/{id}",
    operation_id = "read_tenant",
    tag = "platform",
    security(("platform_token" = [])),
    params(("id" = Uuid, Path)),
    responses(
        (status = 200, body = TenantView),
        (status = 304, description = "`If-None-Match` names what is shown now.")
    ),
    extensions(("x-problems" = json!(["tenant_not_found"])))
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
        (&tenant).into(),
    ))
}

/// Change a tenant's name or settings by a JSON merge patch.
#[utoipa::path(
    patch,
    path = "/tenants/{id}",
    operation_id = "update_tenant",
    tag = "platform",
    security(("platform_token" = [])),
    params(("id" = Uuid, Path)),
    request_body(content = EditableTenant, content_type = "application/merge-patch+json"),
    responses((status = 200, body = TenantView)),
    extensions(("x-problems" = json!(["tenant_not_found", "version_conflict"])))
)]
async fn update(
    State(state): State<ApiState>,
    PathParams(id): PathParams<Uuid>,
    if_match: IfMatch,
    command: Command<PlatformAccess, MergePatch>,
) -> Result<Response, RichError> {
    let (ctx, patch) = (command.ctx.0, command.body);
    let target = seen(&ctx, id, &if_match);
    target.if_match.required()?;
    let edit = |tenant: &Tenant| patched(tenant, &patch);
    let tenant = tenants::update(
        &ctx,
        UpdateTenant {
            tenant: target,
            edit: &edit,
        },
    )
    .await?;
    state.tenants().invalidate_tenant(tenant.id);
    Ok(reply::send(current(&tenant)))
}

/// The name and the settings as a patch wants them.
pub(crate) fn patched(tenant: &Tenant, patch: &MergePatch) -> Result<TenantEdit, RichError> {
    let shown = EditableTenant {
        name: tenant.name.clone(),
        settings: tenant.settings.clone().into(),
    };
    let EditableTenant { name, settings } = merge_patch::apply(&shown, patch)?;
    Ok(TenantEdit {
        name,
        settings: settings.into(),
    })
}

fn named(ctx: &PlatformCtx, id: Uuid) -> TenantIdentifier {
    ctx.services.validator.known_id(TenantId::from_uuid(id))
}

/// The tenant with this id, and the condition on its version.
fn seen(ctx: &PlatformCtx, id: Uuid, if_match: &IfMatch) -> Target<TenantIdentifier> {
    if_match.target(named(ctx, id))
}

fn shown(status: StatusCode, tenant: &Tenant, location: Option<String>) -> StoredReply {
    reply::stored(status, &TenantView::from(tenant), tenant.into(), location)
}

/// The reply with a tenant after a change.
pub(crate) fn current(tenant: &Tenant) -> StoredReply {
    shown(StatusCode::OK, tenant, None)
}

/// Suspend a tenant: every request for it is refused from now on.
#[utoipa::path(
    post,
    path = "/tenants/{id}/suspend",
    operation_id = "suspend_tenant",
    tag = "platform",
    security(("platform_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = TenantView)),
    extensions(("x-problems" = json!(["tenant_not_found", "version_conflict"])))
)]
async fn suspend(
    State(state): State<ApiState>,
    PathParams(id): PathParams<Uuid>,
    if_match: IfMatch,
    command: Command<PlatformAccess, Empty>,
) -> Result<Response, RichError> {
    set_status(&state, command, id, TenantStatus::Suspended, &if_match).await
}

async fn set_status(
    state: &ApiState,
    command: Command<PlatformAccess, Empty>,
    id: Uuid,
    status: TenantStatus,
    if_match: &IfMatch,
) -> Result<Response, RichError> {
    let Command { ctx, idempotency, .. } = command;
    let reply = Repeatable::new(idempotency, current);
    let done = tenants::set_status(&ctx.0, seen(&ctx.0, id, if_match), status, reply.key()).await?;
    // The cache forgets what it knew of the tenant before the answer goes out.
    state.tenants().invalidate_tenant(TenantId::from_uuid(id));
    Ok(reply.response(done))
}

/// Resume a suspended tenant.
#[utoipa::path(
    post,
    path = "/tenants/{id}/resume",
    operation_id = "resume_tenant",
    tag = "platform",
    security(("platform_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = TenantView)),
    extensions(("x-problems" = json!(["tenant_not_found", "version_conflict"])))
)]
async fn resume(
    State(state): State<ApiState>,
    PathParams(id): PathParams<Uuid>,
    if_match: IfMatch,
    command: Command<PlatformAccess, Empty>,
) -> Result<Response, RichError> {
    set_status(&state, command, id, TenantStatus::Active, &if_match).await
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(read, update))
        .routes(routes!(suspend))
        .routes(routes!(resume))
        .merge(hosts::routes())
}
