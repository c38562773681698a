//! Operations on tenants and their hosts, without `Idempotency-Key`; those with one are in `repeatable.rs`.

use crate::context::PlatformCtx;
use rustok_auth::Action;
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use rustok_core::ids::TenantId;
use rustok_core::page::{Limit, Page};
use rustok_storage::{PlatformTx, StoreError, tenants};
use rustok_tenancy::tenant::MAX_HOSTS;
use rustok_tenancy::{
    NewTenant, NewTenantInput, Tenant, TenantEdit, TenantError, TenantIdentifier, TenantStatus,
};

/// Creates a tenant.
///
/// # Errors
/// `validation_failed` with all fields at once, `slug_taken`, `host_taken`.
pub async fn create(ctx: &PlatformCtx, input: NewTenantInput) -> Result<Tenant, RichError> {
    ctx.authorize(Action::ManageTenants)?;
    let new = checked(ctx, input)?;
    let mut tx = ctx.write().await?;
    tenants::insert_tenant(&mut tx, &new).await.map_err(taken)?;
    tx.commit().await?;
    Ok(new.into())
}

pub(super) fn checked(ctx: &PlatformCtx, input: NewTenantInput) -> Result<NewTenant, RichError> {
    let (id, now) = (ctx.services.ids.next(), ctx.services.clock.now());
    let new = input.check(&ctx.services.validator, id, now);
    new.map_err(|violations| {
        RichError::new(ErrorKind::Validation, "tenant refused").with_violations(violations)
    })
}

pub(super) fn taken(error: StoreError) -> RichError {
    if error.is_taken("tenants(slug)") {
        TenantError::SlugTaken.into()
    } else if error.is_taken("tenant_hosts(host)") {
        TenantError::HostTaken.into()
    } else {
        error.into()
    }
}

async fn get_tenant(tx: &mut PlatformTx, identifier: &TenantIdentifier) -> Result<Tenant, RichError> {
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

/// Changes a tenant's name and settings. `edit` gets the tenant and returns the wanted state; preconditions on the
/// version belong in it. An edit without changes makes no new version.
///
/// # Errors
/// `tenant_not_found`, `validation_failed` with all fields at once, `version_conflict`, and the error of `edit`.
pub async fn update(
    ctx: &PlatformCtx,
    identifier: &TenantIdentifier,
    edit: impl FnOnce(&Tenant) -> Result<TenantEdit, RichError>,
) -> Result<Tenant, RichError> {
    ctx.authorize(Action::ManageTenants)?;
    let mut tx = ctx.write().await?;
    let tenant = get_tenant(&mut tx, identifier).await?;
    let edit = edit(&tenant)?.checked().map_err(TenantError::Invalid)?;
    if edit.name == tenant.name && edit.settings == tenant.settings {
        return Ok(tenant);
    }
    let now = ctx.services.clock.now();
    tenants::update_tenant(&mut tx, tenant.id, tenant.version, &edit, now).await?;
    tx.commit().await?;
    Ok(Tenant {
        name: edit.name,
        settings: edit.settings,
        version: tenant.version + 1,
        ..tenant
    })
}

/// Suspends or resumes a tenant. Idempotent.
///
/// # Errors
/// `tenant_not_found`.
pub async fn set_status(
    ctx: &PlatformCtx,
    identifier: &TenantIdentifier,
    status: TenantStatus,
) -> Result<Tenant, RichError> {
    ctx.authorize(Action::ManageTenants)?;
    let mut tx = ctx.write().await?;
    let tenant = save_status(ctx, &mut tx, identifier, status, |_| Ok(())).await?;
    tx.commit().await?;
    Ok(tenant)
}

pub(super) async fn save_status(
    ctx: &PlatformCtx,
    tx: &mut PlatformTx,
    identifier: &TenantIdentifier,
    status: TenantStatus,
    precondition: impl FnOnce(i64) -> Result<(), RichError>,
) -> Result<Tenant, RichError> {
    tenants::hold_directory(tx).await?;
    let tenant = get_tenant(tx, identifier).await?;
    precondition(tenant.version)?;
    if tenant.status == status {
        return Ok(tenant);
    }
    tenants::set_status(tx, tenant.id, status, ctx.services.clock.now()).await?;
    Ok(Tenant {
        status,
        version: tenant.version + 1,
        ..tenant
    })
}

/// Adds a custom host to a tenant.
///
/// # Errors
/// `tenant_not_found`, `host_taken`, `validation_failed` at `#/host`.
pub async fn add_host(
    ctx: &PlatformCtx,
    identifier: &TenantIdentifier,
    host: &str,
) -> Result<Tenant, RichError> {
    ctx.authorize(Action::ManageTenants)?;
    let host = checked_host(ctx, host)?;
    let mut tx = ctx.write().await?;
    let tenant = insert_host(ctx, &mut tx, identifier, &host, |_| Ok(())).await?;
    tx.commit().await?;
    Ok(tenant)
}

/// Removes a custom host from a tenant; it then resolves to no tenant. The last one may be removed too, since the
/// slug below the base domain and the id still identify the tenant. `precondition` gets the tenant's current version.
///
/// # Errors
/// `tenant_not_found`, `host_not_found`, and the error of `precondition`.
pub async fn remove_host(
    ctx: &PlatformCtx,
    identifier: &TenantIdentifier,
    host: &str,
    precondition: impl FnOnce(i64) -> Result<(), RichError>,
) -> Result<Tenant, RichError> {
    ctx.authorize(Action::ManageTenants)?;
    let mut tx = ctx.write().await?;
    let (tenant, host) = host_of(ctx, &mut tx, identifier, host, precondition).await?;
    tenants::remove_host(&mut tx, tenant.id, &host, ctx.services.clock.now()).await?;
    tx.commit().await?;
    Ok(without(tenant, &host))
}

/// Moves a host from one tenant to another atomically: it always resolves to exactly one of them. Returns both, the
/// former owner first.
///
/// # Errors
/// `tenant_not_found`, `host_not_found`, `validation_failed` at `#/to`.
pub async fn move_host(
    ctx: &PlatformCtx,
    identifier: &TenantIdentifier,
    host: &str,
    to: &TenantIdentifier,
) -> Result<[Tenant; 2], RichError> {
    ctx.authorize(Action::ManageTenants)?;
    let mut tx = ctx.write().await?;
    let both = hand_over(ctx, &mut tx, identifier, host, to, |_| Ok(())).await?;
    tx.commit().await?;
    Ok(both)
}

pub(super) async fn hand_over(
    ctx: &PlatformCtx,
    tx: &mut PlatformTx,
    identifier: &TenantIdentifier,
    host: &str,
    to: &TenantIdentifier,
    precondition: impl FnOnce(i64) -> Result<(), RichError>,
) -> Result<[Tenant; 2], RichError> {
    let (from, host) = host_of(ctx, tx, identifier, host, precondition).await?;
    let refused = |code, why: String| TenantError::Invalid(vec![FieldViolation::new("#/to", code, why)]);
    let Some(mut to) = tenants::find_tenant(tx, to).await? else {
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
    tenants::move_host(tx, from.id, to.id, &host, ctx.services.clock.now()).await?;
    to.hosts.push(host.clone());
    to.hosts.sort_unstable();
    to.version += 1;
    Ok([without(from, &host), to])
}

/// The tenant, and its host in canonical form.
async fn host_of(
    ctx: &PlatformCtx,
    tx: &mut PlatformTx,
    identifier: &TenantIdentifier,
    host: &str,
    precondition: impl FnOnce(i64) -> Result<(), RichError>,
) -> Result<(Tenant, String), RichError> {
    tenants::hold_directory(tx).await?;
    let tenant = get_tenant(tx, identifier).await?;
    precondition(tenant.version)?;
    // Not validated as a new custom host: the name may have become reserved for a slug since it was added.
    let canonical = ctx.services.validator.hostname(host);
    let is_it = |has: &&String| canonical.as_ref().is_ok_and(|host| host.as_str() == has.as_str());
    let host = tenant.hosts.iter().find(is_it);
    let host = host.cloned().ok_or(TenantError::HostNotFound)?;
    Ok((tenant, host))
}

/// The tenant without `host`, in its next version.
fn without(mut tenant: Tenant, host: &str) -> Tenant {
    tenant.hosts.retain(|has| has != host);
    tenant.version += 1;
    tenant
}

/// Validates a custom host; returns its canonical form.
pub(super) fn checked_host(ctx: &PlatformCtx, host: &str) -> Result<String, RichError> {
    let host = ctx.services.validator.custom_host(host).map_err(|error| {
        let violation = FieldViolation::new("#/host", error.code(), error.to_string());
        TenantError::Invalid(vec![violation])
    })?;
    Ok(host.as_str().to_owned())
}

pub(super) async fn insert_host(
    ctx: &PlatformCtx,
    tx: &mut PlatformTx,
    identifier: &TenantIdentifier,
    host: &str,
    precondition: impl FnOnce(i64) -> Result<(), RichError>,
) -> Result<Tenant, RichError> {
    tenants::hold_directory(tx).await?;
    let mut tenant = get_tenant(tx, identifier).await?;
    precondition(tenant.version)?;
    if tenant.hosts.len() >= MAX_HOSTS {
        let violation = FieldViolation::new("#/host", "too_many_items", format!("at most {MAX_HOSTS} hosts"));
        return Err(TenantError::Invalid(vec![violation]).into());
    }
    tenants::add_host(tx, tenant.id, host, ctx.services.clock.now())
        .await
        .map_err(taken)?;
    tenant.hosts.push(host.to_owned());
    Ok(Tenant {
        version: tenant.version + 1,
        ..tenant
    })
}
