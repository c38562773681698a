//! Changes of the directory with an `Idempotency-Key`: done once, then replayed.
//!
//! `render` makes the response from the changed tenant; `precondition` gets its version.

use super::directory::{checked, checked_host, hand_over, insert_host, save_status, taken};
use crate::context::PlatformCtx;
use crate::work::{Begun, Reply};
use rustok_auth::Action;
use rustok_core::error::RichError;
use rustok_storage::idempotency::StoredReply;
use rustok_storage::tenants;
use rustok_tenancy::{NewTenantInput, Tenant, TenantIdentifier, TenantStatus};

/// As [`create`](super::create).
///
/// # Errors
/// Those of [`create`](super::create) and of [`Ctx::begin`](crate::Ctx::begin).
pub async fn create_once(
    ctx: &PlatformCtx,
    input: NewTenantInput,
    render: impl FnOnce(&Tenant) -> StoredReply,
) -> Result<Reply, RichError> {
    ctx.authorize(Action::ManageTenants)?;
    let new = checked(ctx, input)?;
    let mut work = match ctx.begin().await? {
        Begun::Fresh(work) => work,
        Begun::Replay(reply) => return Ok(reply),
    };
    tenants::insert_tenant(&mut work.tx, &new).await.map_err(taken)?;
    work.finish(render(&new.into())).await
}

/// As [`set_status`](super::set_status).
///
/// # Errors
/// Those of [`set_status`](super::set_status) and of [`Ctx::begin`](crate::Ctx::begin), and the error of
/// `precondition`.
pub async fn set_status_once(
    ctx: &PlatformCtx,
    identifier: &TenantIdentifier,
    status: TenantStatus,
    precondition: impl FnOnce(i64) -> Result<(), RichError>,
    render: impl FnOnce(&Tenant) -> StoredReply,
) -> Result<Reply, RichError> {
    ctx.authorize(Action::ManageTenants)?;
    let mut work = match ctx.begin().await? {
        Begun::Fresh(work) => work,
        Begun::Replay(reply) => return Ok(reply),
    };
    let tenant = save_status(ctx, &mut work.tx, identifier, status, precondition).await?;
    work.finish(render(&tenant)).await
}

/// As [`add_host`](super::add_host).
///
/// # Errors
/// Those of [`add_host`](super::add_host) and of [`Ctx::begin`](crate::Ctx::begin), and the error of `precondition`.
pub async fn add_host_once(
    ctx: &PlatformCtx,
    identifier: &TenantIdentifier,
    host: &str,
    precondition: impl FnOnce(i64) -> Result<(), RichError>,
    render: impl FnOnce(&Tenant) -> StoredReply,
) -> Result<Reply, RichError> {
    ctx.authorize(Action::ManageTenants)?;
    let host = checked_host(ctx, host)?;
    let mut work = match ctx.begin().await? {
        Begun::Fresh(work) => work,
        Begun::Replay(reply) => return Ok(reply),
    };
    let tenant = insert_host(ctx, &mut work.tx, identifier, &host, precondition).await?;
    work.finish(render(&tenant)).await
}

/// As [`move_host`](super::move_host); `render` gets the former owner. `precondition` gets the version of the tenant
/// that has the host.
///
/// # Errors
/// Those of [`move_host`](super::move_host) and of [`Ctx::begin`](crate::Ctx::begin), and the error of
/// `precondition`.
pub async fn move_host_once(
    ctx: &PlatformCtx,
    identifier: &TenantIdentifier,
    host: &str,
    to: &TenantIdentifier,
    precondition: impl FnOnce(i64) -> Result<(), RichError>,
    render: impl FnOnce(&Tenant) -> StoredReply,
) -> Result<Reply, RichError> {
    ctx.authorize(Action::ManageTenants)?;
    let mut work = match ctx.begin().await? {
        Begun::Fresh(work) => work,
        Begun::Replay(reply) => return Ok(reply),
    };
    let [from, _to] = hand_over(ctx, &mut work.tx, identifier, host, to, precondition).await?;
    work.finish(render(&from)).await
}
