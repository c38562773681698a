//! The members of a tenant: list, change a role, remove.

use super::sessions::ending;
use crate::context::Ctx;
use crate::precondition::Target;
use rustok_auth::ids::UserId;
use rustok_auth::{Action, Actor, AuthError, Member, Role, covers, role_allows, role_covers};
use rustok_core::error::{ErrorKind, RichError};
use rustok_storage::TenantTx;
use rustok_storage::people::members;
use rustok_storage::tokens;

/// A member's next role.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SetRole {
    /// The member.
    pub member: Target<UserId>,
    /// The role.
    pub role: Role,
}

/// All members, the oldest account first.
///
/// # Errors
/// Authorization and database errors.
pub async fn list_members(ctx: &Ctx) -> Result<Vec<Member>, RichError> {
    ctx.authorize(Action::ReadMembers)?;
    let mut tx = ctx.read().await?;
    Ok(members::list_members(tx.last()).await?)
}

/// Changes a member's role. Their sessions end: the next one has the new rights. So do the tokens that were made on their
/// behalf, if the new role may do less.
///
/// # Errors
/// `member_not_found`, `version_conflict`, `role_above_own`, `last_owner`, authorization and database errors.
pub async fn set_role(ctx: &Ctx, set: SetRole) -> Result<Member, RichError> {
    ctx.authorize(Action::ManageMembers)?;
    let (id, role) = (set.member.id, set.role);
    let mut tx = begin(ctx, id).await?;
    let member = get_member(&mut tx, id).await?;
    has_own_role(ctx, &member)?;
    set.member.if_match.check(&member)?;
    may_give(ctx, member.role)?;
    may_give(ctx, role)?;
    if member.role == role {
        return Ok(member);
    }
    keep_an_owner(&mut tx, &member).await?;
    let now = ctx.now();
    members::set_role(&mut tx, id, member.version, role, now).await?;
    if !role_allows(role, Action::ManageTokens) || !role_covers(role, member.role) {
        tokens::revoke_tokens_of(&mut tx, id, now).await?;
    }
    tx.commit().await?;
    Ok(Member {
        role,
        updated_at: now,
        version: member.version + 1,
        ..member
    })
}

/// Removes a member; every member may leave. The account remains, the tokens that were made on their behalf end.
///
/// # Errors
/// `member_not_found`, `version_conflict`, `role_above_own`, `last_owner`, authorization and database errors.
pub async fn remove_member(ctx: &Ctx, member: Target<UserId>) -> Result<(), RichError> {
    let Target { id, if_match } = member;
    let leaves = is_self(ctx, id);
    ctx.authorize(if leaves {
        Action::ManageOwnAccount
    } else {
        Action::ManageMembers
    })?;
    let mut tx = begin(ctx, id).await?;
    let member = get_member(&mut tx, id).await?;
    has_own_role(ctx, &member)?;
    if_match.check(&member)?;
    if !leaves {
        may_give(ctx, member.role)?;
    }
    keep_an_owner(&mut tx, &member).await?;
    members::delete_member(&mut tx, id, member.version).await?;
    tokens::revoke_tokens_of(&mut tx, id, ctx.now()).await?;
    Ok(tx.commit().await?)
}

fn is_self(ctx: &Ctx, id: UserId) -> bool {
    matches!(ctx.actor, Actor::User { id: own, .. } if own == id)
}

/// A change of oneself ends the session on whose behalf it is made.
async fn begin(ctx: &Ctx, id: UserId) -> Result<TenantTx, RichError> {
    if is_self(ctx, id) {
        ending(ctx).await
    } else {
        ctx.write().await
    }
}

/// Refuses a change of oneself with the rights of a role that was taken meanwhile: its commit does not ask for the session,
/// which ended with the role.
fn has_own_role(ctx: &Ctx, member: &Member) -> Result<(), AuthError> {
    match ctx.actor {
        Actor::User { id, role, .. } if id == member.user_id && role != member.role => {
            Err(AuthError::UnknownSession)
        }
        _ => Ok(()),
    }
}

async fn get_member(tx: &mut TenantTx, id: UserId) -> Result<Member, RichError> {
    members::find_member(tx, id).await?.ok_or_else(|| {
        RichError::new(ErrorKind::NotFound, "no such member")
            .with_code("member_not_found")
            .with_public("There is no such member.")
    })
}

/// Refuses to give or take a role that may do more than the actor's own.
pub(super) fn may_give(ctx: &Ctx, role: Role) -> Result<(), RichError> {
    if covers(&ctx.actor, role) {
        return Ok(());
    }
    Err(
        RichError::new(ErrorKind::Forbidden, "a role above the actor's own")
            .with_code("role_above_own")
            .with_public("Nobody gives or takes a role that may do more than their own."),
    )
}

/// Refuses a change after which the tenant would have no owner who can sign in.
async fn keep_an_owner(tx: &mut TenantTx, member: &Member) -> Result<(), RichError> {
    if member.role != Role::Owner {
        return Ok(());
    }
    let owners = members::lock_owners(tx).await?;
    if owners.iter().any(|owner| *owner != member.user_id) {
        return Ok(());
    }
    Err(RichError::new(ErrorKind::Conflict, "the last owner")
        .with_code("last_owner")
        .with_public("The last owner cannot leave or take another role. Make another member an owner first."))
}
