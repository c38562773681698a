//! Invitations: a member gives a person a secret by which they become a member.
//!
//! Who invites gets the secret, so it must never be enough to act as an account that exists: such an account has to show
//! its password.

use super::accounts::{add_member, copy_account, new_password, taken, too_many};
use super::members::may_give;
use super::{invalid, sign_in_failed};
use crate::context::Ctx;
use crate::mail::{Letter, post};
use crate::work::{Begun, Done, IdempotencyKey};
use rustok_auth::account::{INVITATION_LIFE, MAX_MEMBERS, parse_email, parse_name};
use rustok_auth::ids::{InvitationId, UserId};
use rustok_auth::{Action, Member, Person, Principal, Role, SecretKind, TokenSecret};
use rustok_core::clock::Timestamp;
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use rustok_storage::people::accounts::{self, Account};
use rustok_storage::people::invitations::{self, Invitation};
use rustok_storage::people::members;
use rustok_storage::standing::find_standing;
use rustok_storage::{StoreError, TenantTx};
use rustok_text::CanonicalEmail;
use std::fmt;

/// The page that accepts an invitation.
pub const INVITATION_PATH: &str = "/admin/invitation";

/// Who is invited, and to what.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Invite {
    /// The address, as typed.
    pub email: String,
    /// The role.
    pub role: Role,
}

/// A new invitation with its secret, which cannot be retrieved again.
#[derive(Debug)]
pub struct IssuedInvitation {
    /// The invitation.
    pub invitation: Invitation,
    /// The secret (redacted in `Debug`).
    pub secret: TokenSecret,
}

/// What an invited person says of themselves.
#[derive(Clone)]
pub struct AcceptInvitation<'a> {
    /// The secret.
    pub invitation: &'a str,
    /// The name of a new account; one that exists keeps its own.
    pub name: &'a str,
    /// The password: that of the account, or a new one.
    pub password: &'a str,
}

/// Without what is secret.
impl fmt::Debug for AcceptInvitation<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("AcceptInvitation")
            .field("name", &self.name)
            .finish_non_exhaustive()
    }
}

/// Invites a person, by a mail too where there is mail. An earlier invitation of the same address is replaced.
///
/// # Errors
/// `validation_failed` at `#/email`, `role_above_own`, `already_member`, `too_many_members`, `secret_key_missing`,
/// authorization and database errors.
pub async fn invite(
    ctx: &Ctx,
    invite: Invite,
    key: IdempotencyKey<'_, IssuedInvitation>,
) -> Result<Done<IssuedInvitation>, RichError> {
    ctx.authorize(Action::ManageMembers)?;
    may_give(ctx, invite.role)?;
    let email = parse_email(&invite.email).map_err(invalid)?;
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
    };
    let now = ctx.now();
    let members = members::list_members(&mut work.tx).await?;
    if members.iter().any(|member| member.email == email.as_str()) {
        return Err(already_member());
    }
    let invited = invitations::list_invitations(&mut work.tx, now).await?;
    if let Some(replaced) = invited.iter().find(|old| old.email == email.as_str()) {
        may_give(ctx, replaced.role)?;
    }
    if members.len() + invited.len() >= MAX_MEMBERS {
        return Err(too_many());
    }
    let secret = ctx
        .services
        .with_rng(|rng| TokenSecret::generate(SecretKind::Invitation, rng));
    let invitation = Invitation {
        id: ctx.id(),
        email: email.into_string(),
        role: invite.role,
        actor: ctx.actor.to_string(),
        created_at: now,
        expires_at: now.checked_add(INVITATION_LIFE).unwrap_or(Timestamp::MAX),
    };
    invitations::insert_invitation(&mut work.tx, &invitation, &secret.hash()).await?;
    if let Some(origin) = &ctx.origin {
        let link = format!("{origin}{INVITATION_PATH}?invitation={}", secret.expose());
        let letter = Letter::Invitation {
            shop: &ctx.tenant.name,
            link: &link,
        };
        post(ctx, &mut work.tx, &invitation.email, &letter).await?;
    }
    work.finish(IssuedInvitation { invitation, secret }).await
}

fn already_member() -> RichError {
    RichError::new(ErrorKind::Conflict, "a member already")
        .with_code("already_member")
        .with_public("This account is a member already.")
}

/// The invitations that can be accepted, the oldest first.
///
/// # Errors
/// Authorization and database errors.
pub async fn list_invitations(ctx: &Ctx) -> Result<Vec<Invitation>, RichError> {
    ctx.authorize(Action::ReadMembers)?;
    let mut tx = ctx.read().await?;
    Ok(invitations::list_invitations(tx.last(), ctx.now()).await?)
}

/// Takes an invitation back.
///
/// # Errors
/// `invitation_not_found`, `role_above_own`, authorization and database errors.
pub async fn revoke_invitation(ctx: &Ctx, id: InvitationId) -> Result<(), RichError> {
    ctx.authorize(Action::ManageMembers)?;
    let mut tx = ctx.write().await?;
    let invitation = invitations::find_invitation_by_id(&mut tx, id).await?;
    may_give(ctx, invitation.ok_or_else(not_found)?.role)?;
    invitations::delete_invitation(&mut tx, id)
        .await
        .map_err(|error| match error {
            StoreError::Stale { .. } => not_found(),
            other => other.into(),
        })?;
    Ok(tx.commit().await?)
}

fn not_found() -> RichError {
    RichError::new(ErrorKind::NotFound, "no such invitation")
        .with_code("invitation_not_found")
        .with_public("There is no such invitation. It may have been accepted, taken back, or be too old.")
}

/// Refuses an invitation of a member or a token that could not make it any more. What the command line made stays valid
/// until it is taken back.
async fn check_inviter(tx: &mut TenantTx, invitation: &Invitation, now: Timestamp) -> Result<(), RichError> {
    if invitation.actor.starts_with("system:") {
        return Ok(());
    }
    let inviter = Principal::of(&invitation.actor).ok_or_else(not_found)?;
    let standing = match find_standing(tx, inviter, now).await {
        Err(StoreError::TokenRevoked | StoreError::SessionEnded) => return Err(not_found()),
        found => found?,
    };
    let may_invite = standing.allows(Action::ManageMembers) && standing.covers(invitation.role);
    may_invite.then_some(()).ok_or_else(not_found)
}

/// Makes the invited person a member: with a new account, or with the account that has the address and this password. It
/// opens no session.
///
/// # Errors
/// `invitation_not_found`, `sign_in_failed` when the account has another password, `validation_failed` at `#/name` and
/// `#/password`, `already_member`, `too_many_members`, `overloaded`, database errors.
pub async fn accept(ctx: &Ctx, accept: AcceptInvitation<'_>) -> Result<Member, RichError> {
    ctx.authorize(Action::SignIn)?;
    let secret = TokenSecret::parse(accept.invitation).ok();
    let secret = secret.filter(|secret| secret.kind() == SecretKind::Invitation);
    let hash = secret.ok_or_else(not_found)?.hash();
    let mut tx = ctx.read().await?;
    let invitation = invitations::find_invitation(&mut tx, &hash, ctx.now()).await?;
    let invitation = invitation.ok_or_else(not_found)?;
    check_inviter(tx.last(), &invitation, ctx.now()).await?;
    drop(tx);
    let email = CanonicalEmail::parse(&invitation.email);
    let email = email.ok_or_else(|| RichError::new(ErrorKind::Internal, "a stored address is none"))?;
    let account = account_of(ctx, email, &accept).await?;
    let (now, role) = (ctx.now(), invitation.role);
    let mut tx = ctx.write().await?;
    let taken_back = |error| match error {
        StoreError::Stale { .. } => not_found(),
        other => other.into(),
    };
    invitations::delete_invitation(&mut tx, invitation.id)
        .await
        .map_err(taken_back)?;
    check_inviter(&mut tx, &invitation, ctx.now()).await?;
    add_member(&mut tx, &account, role, now).await?;
    tx.commit().await?;
    copy_account(ctx, account.id).await?;
    Ok(Member {
        user_id: account.id,
        email: account.email,
        name: account.name,
        role,
        created_at: now,
        updated_at: now,
        disabled_at: account.disabled_at,
        second_factor_at: account.second_factor_at,
        version: 1,
    })
}

/// The account with the invited address, whose password was given, or a new one. An account that is created here and then
/// not made a member is found again with its password when the invitation is accepted once more.
async fn account_of(
    ctx: &Ctx,
    email: CanonicalEmail,
    accept: &AcceptInvitation<'_>,
) -> Result<Account, RichError> {
    // Before the look-up: a text that is refused by the rules does not tell whether there is an account.
    let (name, password) = (
        parse_name(accept.name),
        new_password("#/password", accept.password, email.as_str()),
    );
    let (name, password) = match (name, password) {
        (Ok(name), Ok(password)) => (name, password),
        (Err(name), Ok(_)) => return Err(invalid(name)),
        (Ok(_), Err(password)) => return Err(password),
        (Err(name), Err(password)) => {
            let found: Vec<FieldViolation> = password.violations().to_vec();
            return Err(invalid(name).with_violations(found));
        }
    };
    let mut tx = ctx.services.store.platform_read(ctx.deadline).await?;
    let found = accounts::find_account(tx.last(), &email).await?;
    drop(tx);
    if let Some(account) = found {
        let hash = account.password_hash.clone();
        let is_theirs = ctx.services.is_password(hash, accept.password).await?;
        let usable = is_theirs && account.disabled_at.is_none();
        return usable
            .then_some(account)
            .ok_or_else(|| sign_in_failed("the account has another password"));
    }
    let hash = ctx.services.hash_password(password).await?;
    let person = Person { email, name };
    let (id, now): (UserId, Timestamp) = (ctx.id(), ctx.now());
    let mut tx = ctx.services.store.platform_write(ctx.deadline).await?;
    accounts::insert_account(&mut tx, id, &person, Some(&hash), now, None)
        .await
        .map_err(taken)?;
    tx.commit().await?;
    Ok(Account {
        id,
        email: person.email.into_string(),
        name: person.name,
        password_hash: Some(hash),
        created_at: now,
        disabled_at: None,
        vouched_at: None,
        second_factor_at: None,
        version: 1,
    })
}
