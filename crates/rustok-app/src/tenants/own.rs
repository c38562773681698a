//! A shop or site as its own admins change it: its name and its settings. Its hosts and its status belong to the platform.

use super::directory::{get_tenant, save};
use super::tokens::check_standing;
use crate::context::{Ctx, writer};
use crate::precondition::Precondition;
use rustok_auth::{Action, Actor};
use rustok_core::error::RichError;
use rustok_storage::standing::on_behalf_of_tenant;
use rustok_tenancy::{Tenant, TenantEdit};

/// Changes the name and the settings of the caller's own tenant.
pub struct UpdateOwnSettings<'a> {
    /// The condition on its version.
    pub if_match: Precondition,
    /// Turns the current state into the wanted one.
    pub edit: &'a (dyn Fn(&Tenant) -> Result<TenantEdit, RichError> + Sync),
}

/// The tenant as the directory has it now; the one of the context may be a second old.
///
/// # Errors
/// Authorization and database errors.
pub async fn read_own(ctx: &Ctx) -> Result<Tenant, RichError> {
    ctx.authorize(Action::ManageSettings)?;
    let mut tx = ctx.services.store.platform_read(ctx.deadline).await?;
    get_tenant(&mut tx, &ctx.services.validator.known_id(ctx.tenant.id)).await
}

/// Changes the name and the settings of the tenant. An edit without changes makes no new version.
///
/// The commit asks whether the session is still valid. Tokens of tenants are not part of the directory, whose transaction
/// this is: whether one is still valid is asked right before.
///
/// # Errors
/// `validation_failed` with all fields at once, `version_conflict`, the error of the edit, authorization and database
/// errors.
pub async fn update_own_settings(ctx: &Ctx, update: UpdateOwnSettings<'_>) -> Result<Tenant, RichError> {
    ctx.authorize(Action::ManageSettings)?;
    if matches!(ctx.actor, Actor::Token { .. }) {
        check_standing(ctx, Action::ManageSettings).await?;
    }
    let tx = ctx.services.store.platform_write(ctx.deadline).await?;
    let mut tx = on_behalf_of_tenant(tx, ctx.tenant.id, writer(&ctx.actor));
    let tenant = get_tenant(&mut tx, &ctx.services.validator.known_id(ctx.tenant.id)).await?;
    update.if_match.check(&tenant)?;
    let edit = (update.edit)(&tenant)?;
    save(tx, tenant, edit, ctx.now()).await
}
