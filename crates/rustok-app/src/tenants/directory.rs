//! Operations on tenants and their hosts.

use crate::context::PlatformCtx;
use crate::precondition::Target;
use crate::work::{Begun, Done, IdempotencyKey};
use rustok_auth::Action;
use rustok_core::clock::Timestamp;
use rustok_core::deadline::Deadline;
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use rustok_core::ids::TenantId;
use rustok_core::page::{Limit, Page};
use rustok_storage::{PlatformTx, Store, StoreError, tenants};
use rustok_tenancy::tenant::MAX_HOSTS;
use rustok_tenancy::{
    NewTenant, NewTenantInput, Tenant, TenantEdit, TenantError, TenantIdentifier, TenantStatus,
};
use std::time::Duration;

/// Changes a tenant's name and settings.
pub struct UpdateTenant<'a> {
    /// The tenant.
    pub tenant: Target<TenantIdentifier>,
    /// Turns the current state into the wanted one.
    pub edit: &'a (dyn Fn(&Tenant) -> Result<TenantEdit, RichError> + Sync),
}

/// The key of a change of a tenant, whose outcome is the tenant after it.
type Key<'a> = IdempotencyKey<'a, Tenant>;

/// Creates a tenant.
///
/// # Errors
/// `validation_failed` with all fields at once, `slug_taken`, `host_taken`.
pub async fn create(
    ctx: &PlatformCtx,
    input: NewTenantInput,
    key: Key<'_>,
) -> Result<Done<Tenant>, RichError> {
    ctx.authorize(Action::ManageTenants)?;
    let new = checked(ctx, input)?;
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
    };
    tenants::insert_tenant(&mut work.tx, &new).await.map_err(taken)?;
    work.finish(new.into()).await
}

fn checked(ctx: &PlatformCtx, input: NewTenantInput) -> Result<NewTenant, RichError> {
    let (id, now) = (ctx.services.ids.next(), ctx.services.clock.now());
    let new = input.check(&ctx.services.validator, id, now);
    new.map_err(|violations| {
        RichError::new(ErrorKind::Validation, "tenant refused").with_violations(violations)
    })
}

fn taken(error: StoreError) -> RichError {
    if error.is_taken("tenants(slug)") {
        TenantError::SlugTaken.into()
    } else if error.is_taken("tenant_hosts(host)") {
        TenantError::HostTaken.into()
    } else {
        error.into()
    }
}

pub(super) async fn get_tenant(
    tx: &mut PlatformTx,
    identifier: &TenantIdentifier,
) -> Result<Tenant, RichError> {
    let found = tenants::find_tenant(tx, identifier).await?;
    Ok(found.ok_or(TenantError::NotFound)?)
}

/// The tenant with this identifier.
///
/// # Errors
/// `tenant_not_found`.
pub async fn find(ctx: &PlatformCtx, identifier: &TenantIdentifier) -> Result<Tenant, RichError> {
    ctx.authorize(Action::ManageTenants)?;
    let mut tx = ctx.read().await?;
    get_tenant(&mut tx, identifier).await
}

/// When a directory that did not respond may be asked again.
const DIRECTORY_RETRY: Duration = Duration::from_secs(1);

/// The tenant with this identifier, whatever its status, for a caller that has no context yet: a request gets its
/// context from the tenant. Nothing is authorised here.
///
/// # Errors
/// [`TenantError::Unavailable`] when the directory does not respond, [`TenantError::Inconsistent`] when the tenant's
/// row cannot be read.
pub async fn look_up(
    store: &Store,
    identifier: &TenantIdentifier,
    deadline: Deadline,
) -> Result<Option<Tenant>, TenantError> {
    let mut tx = store.platform_read(deadline).await.map_err(directory_error)?;
    tenants::find_tenant(&mut tx, identifier)
        .await
        .map_err(directory_error)
}

fn directory_error(error: StoreError) -> TenantError {
    tracing::debug!(%error, "tenant directory");
    if error.is_outage() {
        TenantError::Unavailable {
            retry_after: DIRECTORY_RETRY,
        }
    } else {
        TenantError::Inconsistent(error.to_string())
    }
}

/// A page of tenants, oldest first.
///
/// # Errors
/// Database errors.
pub async fn list(
    ctx: &PlatformCtx,
    after: Option<TenantId>,
    limit: Limit,
) -> Result<Page<Tenant>, RichError> {
    ctx.authorize(Action::ManageTenants)?;
    let mut tx = ctx.read().await?;
    Ok(tenants::list_tenants(&mut tx, after, limit).await?)
}

/// Changes a tenant's name and settings. An edit without changes makes no new version.
///
/// # Errors
/// `tenant_not_found`, `validation_failed` with all fields at once, `version_conflict`, and the error of the edit.
pub async fn update(ctx: &PlatformCtx, update: UpdateTenant<'_>) -> Result<Tenant, RichError> {
    ctx.authorize(Action::ManageTenants)?;
    let mut tx = ctx.write().await?;
    let tenant = get_seen(&mut tx, &update.tenant).await?;
    let edit = (update.edit)(&tenant)?;
    save(tx, tenant, edit, ctx.services.clock.now()).await
}

/// Saves an edit of the tenant, and commits.
pub(super) async fn save(
    mut tx: PlatformTx,
    tenant: Tenant,
    edit: TenantEdit,
    now: Timestamp,
) -> Result<Tenant, RichError> {
    let edit = edit.checked().map_err(TenantError::Invalid)?;
    if edit.name == tenant.name && edit.settings == tenant.settings {
        return Ok(tenant);
    }
    tenants::update_tenant(&mut tx, tenant.id, tenant.version, &edit, now).await?;
    tx.commit().await?;
    Ok(Tenant {
        name: edit.name,
        settings: edit.settings,
        updated_at: now,
        version: tenant.version + 1,
        ..tenant
    })
}

/// The tenant, in a version that the caller has seen.
async fn get_seen(tx: &mut PlatformTx, target: &Target<TenantIdentifier>) -> Result<Tenant, RichError> {
    let tenant = get_tenant(tx, &target.id).await?;
    target.if_match.check(&tenant)?;
    Ok(tenant)
}

/// As [`get_seen`], with the directory locked until the commit.
async fn lock_seen(tx: &mut PlatformTx, target: &Target<TenantIdentifier>) -> Result<Tenant, RichError> {
    tenants::hold_directory(tx).await?;
    get_seen(tx, target).await
}

/// Suspends or resumes a tenant. Idempotent.
///
/// # Errors
/// `tenant_not_found`, `version_conflict`.
pub async fn set_status(
    ctx: &PlatformCtx,
    target: Target<TenantIdentifier>,
    status: TenantStatus,
    key: Key<'_>,
) -> Result<Done<Tenant>, RichError> {
    ctx.authorize(Action::ManageTenants)?;
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
    };
    let mut tenant = lock_seen(&mut work.tx, &target).await?;
    if tenant.status != status {
        let now = ctx.services.clock.now();
        tenants::set_status(&mut work.tx, tenant.id, status, now).await?;
        tenant.status = status;
        tenant.updated_at = now;
        tenant.version += 1;
    }
    work.finish(tenant).await
}

/// Adds a custom host to a tenant.
///
/// # Errors
/// `tenant_not_found`, `version_conflict`, `host_taken`, `validation_failed` at `#/host`.
pub async fn add_host(
    ctx: &PlatformCtx,
    target: Target<TenantIdentifier>,
    host: &str,
    key: Key<'_>,
) -> Result<Done<Tenant>, RichError> {
    ctx.authorize(Action::ManageTenants)?;
    let host = checked_host(ctx, host)?;
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
    };
    let mut tenant = lock_seen(&mut work.tx, &target).await?;
    if tenant.hosts.len() >= MAX_HOSTS {
        let violation = FieldViolation::new("#/host", "too_many_items", format!("at most {MAX_HOSTS} hosts"));
        return Err(TenantError::Invalid(vec![violation]).into());
    }
    let now = ctx.services.clock.now();
    tenants::add_host(&mut work.tx, tenant.id, &host, now)
        .await
        .map_err(taken)?;
    tenant.hosts.push(host);
    tenant.updated_at = now;
    tenant.version += 1;
    work.finish(tenant).await
}

/// Removes a custom host from a tenant; it then resolves to no tenant. The last one may be removed too, since the
/// slug below the base domain and the id still identify the tenant.
///
/// # Errors
/// `tenant_not_found`, `version_conflict`, `host_not_found`.
pub async fn remove_host(
    ctx: &PlatformCtx,
    target: Target<TenantIdentifier>,
    host: &str,
) -> Result<Tenant, RichError> {
    ctx.authorize(Action::ManageTenants)?;
    let mut tx = ctx.write().await?;
    let (tenant, host) = host_of(ctx, &mut tx, &target, host).await?;
    let now = ctx.services.clock.now();
    tenants::remove_host(&mut tx, tenant.id, &host, now).await?;
    tx.commit().await?;
    Ok(without(tenant, &host, now))
}

/// Both tenants after a host was moved.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct MovedHost {
    /// The tenant that had it.
    pub from: Tenant,
    /// The tenant that has it.
    pub to: Tenant,
}

/// Moves a host from one tenant to another atomically: it always resolves to exactly one of them. The condition is on
/// the tenant that has it.
///
/// # Errors
/// `tenant_not_found`, `version_conflict`, `host_not_found`, `validation_failed` at `#/to`.
pub async fn move_host(
    ctx: &PlatformCtx,
    target: Target<TenantIdentifier>,
    host: &str,
    to: &TenantIdentifier,
    key: IdempotencyKey<'_, MovedHost>,
) -> Result<Done<MovedHost>, RichError> {
    ctx.authorize(Action::ManageTenants)?;
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
    };
    let (from, host) = host_of(ctx, &mut work.tx, &target, host).await?;
    let refused = |code, why: String| TenantError::Invalid(vec![FieldViolation::new("#/to", code, why)]);
    let Some(mut to) = tenants::find_tenant(&mut work.tx, to).await? else {
        return Err(refused("unknown_tenant", "there is no such tenant".to_owned()).into());
    };
    if to.id == from.id {
        return Err(refused("same_tenant", "has the host already".to_owned()).into());
    }
    if to.hosts.len() >= MAX_HOSTS {
        return Err(refused(
            "too_many_items",
            format!("has {MAX_HOSTS} hosts, which is the most"),
        )
        .into());
    }
    let now = ctx.services.clock.now();
    tenants::move_host(&mut work.tx, from.id, to.id, &host, now).await?;
    to.hosts.push(host.clone());
    to.hosts.sort_unstable();
    to.updated_at = now;
    to.version += 1;
    let from = without(from, &host, now);
    work.finish(MovedHost { from, to }).await
}

/// The tenant, and its host in canonical form.
async fn host_of(
    ctx: &PlatformCtx,
    tx: &mut PlatformTx,
    target: &Target<TenantIdentifier>,
    host: &str,
) -> Result<(Tenant, String), RichError> {
    let tenant = lock_seen(tx, target).await?;
    // Not validated as a new custom host: the name may have become reserved for a slug since it was added.
    let canonical = ctx.services.validator.hostname(host);
    let is_it = |has: &&String| canonical.as_ref().is_ok_and(|host| host.as_str() == has.as_str());
    let host = tenant.hosts.iter().find(is_it);
    let host = host.cloned().ok_or(TenantError::HostNotFound)?;
    Ok((tenant, host))
}

/// The tenant without `host`, in the version that was saved `now`.
fn without(mut tenant: Tenant, host: &str, now: Timestamp) -> Tenant {
    tenant.hosts.retain(|has| has != host);
    tenant.updated_at = now;
    tenant.version += 1;
    tenant
}

/// Validates a custom host; returns its canonical form.
fn checked_host(ctx: &PlatformCtx, host: &str) -> Result<String, RichError> {
    let host = ctx.services.validator.custom_host(host).map_err(|error| {
        let violation = FieldViolation::new("#/host", error.code(), error.to_string());
        TenantError::Invalid(vec![violation])
    })?;
    Ok(host.as_str().to_owned())
}
