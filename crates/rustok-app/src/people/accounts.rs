//! Accounts: created, disabled and given passwords by the operator; a password is changed by its owner.

use super::{invalid, own_account, sign_in_failed};
use crate::context::{Ctx, PlatformCtx};
use rustok_auth::account::{LINK_LIFE, MAX_MEMBERS, parse_email};
use rustok_auth::ids::UserId;
use rustok_auth::{Action, AuthError, Member, Password, Person, Role, SecretKind, TokenSecret};
use rustok_core::clock::Timestamp;
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use rustok_core::page::{Limit, Page};
use rustok_storage::people::accounts::{self, Account};
use rustok_storage::people::{members, sessions};
use rustok_storage::{StoreError, TenantTx};
use std::fmt;

/// The two passwords of a change.
#[derive(Clone)]
pub struct ChangePassword<'a> {
    /// The current one, as typed.
    pub current: &'a str,
    /// The new one.
    pub new: &'a str,
}

/// Without what is secret.
impl fmt::Debug for ChangePassword<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ChangePassword").finish_non_exhaustive()
    }
}

/// Changes the password of the member's own account. All other sessions of the account end, in every tenant.
///
/// # Errors
/// `validation_failed` at `#/new_password` and `#/current_password`, `forbidden` for a token, `overloaded`, database errors.
pub async fn change_password(ctx: &Ctx, change: ChangePassword<'_>) -> Result<(), RichError> {
    let (user, session) = own_account(ctx)?;
    let mut tx = ctx.services.store.platform_read(ctx.deadline).await?;
    let account = accounts::find_account_by_id(tx.last(), user).await?;
    drop(tx);
    let account = account.ok_or(AuthError::UnknownSession)?;
    let new = new_password("#/new_password", change.new, &account.email)?;
    check_current(ctx, &account, change.current).await?;
    let hash = ctx.services.hash_password(new).await?;
    let mut tx = ctx.services.store.platform_write(ctx.deadline).await?;
    accounts::set_password(&mut tx, user, &hash, Some(account.version), Some(session)).await?;
    Ok(tx.commit().await?)
}

/// Refuses who does not know the present password.
pub(super) async fn check_current(ctx: &Ctx, account: &Account, typed: &str) -> Result<(), RichError> {
    // Who came by a link may have no password yet, and says so by an empty one.
    let has_none = account.password_hash.is_none() && typed.is_empty();
    let hash = account.password_hash.clone();
    if !ctx.services.is_password(hash, typed).await? && !has_none {
        return Err(invalid(FieldViolation::new(
            "#/current_password",
            "wrong_password",
            "is not the current password",
        )));
    }
    Ok(())
}

/// A new password by the rules.
pub(super) fn new_password(field: &str, text: &str, email: &str) -> Result<Password, RichError> {
    Password::new(text, email)
        .map_err(|error| invalid(FieldViolation::new(field, error.code(), error.to_string())))
}

/// Creates an account, with or without a password.
///
/// # Errors
/// `validation_failed`, `email_taken`, database errors.
pub async fn create_account(
    ctx: &PlatformCtx,
    email: &str,
    name: &str,
    password: Option<&str>,
) -> Result<Account, RichError> {
    ctx.authorize(Action::ManageAccounts)?;
    let person = Person::check(email, name).map_err(|found| {
        RichError::new(ErrorKind::Validation, "a rule of accounts is broken").with_violations(found)
    })?;
    let hash = match password {
        Some(text) => {
            let password = new_password("#/password", text, person.email.as_str())?;
            Some(ctx.services.hash_password(password).await?)
        }
        None => None,
    };
    let (id, now): (UserId, Timestamp) = (ctx.services.ids.next(), ctx.services.clock.now());
    let mut tx = ctx.write().await?;
    accounts::insert_account(&mut tx, id, &person, hash.as_ref(), now, Some(now))
        .await
        .map_err(taken)?;
    tx.commit().await?;
    Ok(Account {
        id,
        email: person.email.into_string(),
        name: person.name,
        password_hash: hash,
        created_at: now,
        disabled_at: None,
        vouched_at: Some(now),
        second_factor_at: None,
        version: 1,
    })
}

/// A unique key of accounts, in words.
pub(super) fn taken(error: StoreError) -> RichError {
    if error.is_taken("users(email)") {
        RichError::new(ErrorKind::Conflict, "the address has an account")
            .with_code("email_taken")
            .with_public("There is an account with this address already.")
    } else if error.is_taken("memberships(user_id)") {
        RichError::new(ErrorKind::Conflict, "a member already")
            .with_code("already_member")
            .with_public("This account is a member already.")
    } else {
        error.into()
    }
}

/// The account with this address.
///
/// # Errors
/// `user_not_found`, database errors.
pub async fn find_account(ctx: &PlatformCtx, email: &str) -> Result<Account, RichError> {
    ctx.authorize(Action::ManageAccounts)?;
    let email = parse_email(email).map_err(invalid)?;
    let mut tx = ctx.read().await?;
    let found = accounts::find_account(tx.last(), &email).await?;
    found.ok_or_else(|| {
        RichError::new(ErrorKind::NotFound, "no such account")
            .with_code("user_not_found")
            .with_public("There is no account with this address.")
    })
}

/// A page of accounts, oldest first.
///
/// # Errors
/// Database errors.
pub async fn list_accounts(
    ctx: &PlatformCtx,
    after: Option<UserId>,
    limit: Limit,
) -> Result<Page<Account>, RichError> {
    ctx.authorize(Action::ManageAccounts)?;
    let mut tx = ctx.read().await?;
    Ok(accounts::list_accounts(tx.last(), after, limit).await?)
}

/// Gives an account another password, and vouches for it. All its sessions end.
///
/// # Errors
/// `user_not_found`, `validation_failed` at `#/password`, `account_disabled`, database errors.
pub async fn set_password(ctx: &PlatformCtx, email: &str, password: &str) -> Result<Account, RichError> {
    let account = find_account(ctx, email).await?;
    let password = new_password("#/password", password, &account.email)?;
    let hash = ctx.services.hash_password(password).await?;
    let mut tx = ctx.write().await?;
    let set = accounts::set_password(&mut tx, account.id, &hash, None, None).await;
    set.map_err(|error| match error {
        StoreError::Stale { .. } => disabled(),
        other => other.into(),
    })?;
    let now = ctx.services.clock.now();
    accounts::vouch(&mut tx, account.id, now).await?;
    tx.commit().await?;
    Ok(Account {
        password_hash: Some(hash),
        vouched_at: Some(now),
        version: account.version + 1,
        ..account
    })
}

/// Refuses an account that the operator did not make: its password was chosen by the holder of an invitation, who may not
/// be the owner of the address.
fn check_vouched(account: &Account) -> Result<(), RichError> {
    if account.vouched_at.is_some() {
        return Ok(());
    }
    Err(RichError::new(ErrorKind::Conflict, "nobody vouched for the account")
        .with_code("account_not_vouched")
        .with_public(
            "This account was made by accepting an invitation, and its password may be another person's. Run \
             `rustok user set-password` first, which ends its sessions.",
        ))
}

fn disabled() -> RichError {
    RichError::new(ErrorKind::Conflict, "the account is disabled")
        .with_code("account_disabled")
        .with_public("The account is disabled.")
}

/// Disables an account: its sessions end, and it cannot sign in.
///
/// # Errors
/// `user_not_found`, database errors.
pub async fn disable(ctx: &PlatformCtx, email: &str) -> Result<Account, RichError> {
    set_disabled(ctx, email, Some(ctx.services.clock.now())).await
}

/// Enables an account that was disabled.
///
/// # Errors
/// `user_not_found`, database errors.
pub async fn enable(ctx: &PlatformCtx, email: &str) -> Result<Account, RichError> {
    set_disabled(ctx, email, None).await
}

async fn set_disabled(
    ctx: &PlatformCtx,
    email: &str,
    disabled_at: Option<Timestamp>,
) -> Result<Account, RichError> {
    let account = find_account(ctx, email).await?;
    let mut tx = ctx.write().await?;
    accounts::set_disabled(&mut tx, account.id, disabled_at).await?;
    tx.commit().await?;
    Ok(Account {
        disabled_at,
        version: account.version + 1,
        ..account
    })
}

/// Makes an account a member of the tenant of `ctx`. The operator must have vouched that the account is that person's.
///
/// # Errors
/// `already_member`, `account_disabled`, `account_not_vouched`, `too_many_members`, database errors.
pub async fn grant(ctx: &Ctx, account: &Account, role: Role) -> Result<Member, RichError> {
    ctx.authorize(Action::ManageAccounts)?;
    if account.disabled_at.is_some() {
        return Err(disabled());
    }
    check_vouched(account)?;
    let now = ctx.now();
    let mut tx = ctx.write().await?;
    add_member(&mut tx, account, role, now).await?;
    tx.commit().await?;
    copy_account(ctx, account.id).await?;
    Ok(Member {
        user_id: account.id,
        email: account.email.clone(),
        name: account.name.clone(),
        role,
        created_at: now,
        updated_at: now,
        disabled_at: None,
        second_factor_at: account.second_factor_at,
        version: 1,
    })
}

/// Makes an account a member, if there is room for one more.
pub(super) async fn add_member(
    tx: &mut TenantTx,
    account: &Account,
    role: Role,
    now: Timestamp,
) -> Result<(), RichError> {
    let most = i64::try_from(MAX_MEMBERS).unwrap_or(i64::MAX);
    if members::count_members(tx).await? >= most {
        return Err(too_many());
    }
    let added = members::insert_member(tx, account, role, now).await;
    added.map_err(taken)
}

pub(super) fn too_many() -> RichError {
    RichError::new(ErrorKind::Conflict, "too many members")
        .with_code("too_many_members")
        .with_public(format!(
            "There are {MAX_MEMBERS} members and invitations, which is the most."
        ))
}

/// Repeats the account in its memberships: it may have changed between its reading and the commit of a new membership.
pub(super) async fn copy_account(ctx: &Ctx, user: UserId) -> Result<(), RichError> {
    let mut tx = ctx.services.store.platform_write(ctx.deadline).await?;
    accounts::copy_to_memberships(&mut tx, user).await?;
    Ok(tx.commit().await?)
}

/// A link that opens a session of a member of the tenant of `ctx`, once, within [`LINK_LIFE`].
///
/// # Errors
/// `sign_in_failed` when the account is no member or is disabled, `account_not_vouched`, database errors.
pub async fn issue_link(ctx: &Ctx, user: UserId) -> Result<TokenSecret, RichError> {
    ctx.authorize(Action::ManageAccounts)?;
    let secret = ctx
        .services
        .with_rng(|rng| TokenSecret::generate(SecretKind::Link, rng));
    let expires_at = ctx.now().checked_add(LINK_LIFE).unwrap_or(Timestamp::MAX);
    let mut tx = ctx.services.store.platform_read(ctx.deadline).await?;
    let account = accounts::find_account_by_id(tx.last(), user).await?;
    drop(tx);
    check_vouched(&account.ok_or_else(|| sign_in_failed("no such account"))?)?;
    let mut tx = ctx.write().await?;
    let member = members::find_member(&mut tx, user).await?;
    if member.is_none_or(|member| member.disabled_at.is_some()) {
        return Err(sign_in_failed("no member, or disabled"));
    }
    sessions::insert_link(&mut tx, user, &secret.hash(), expires_at).await?;
    tx.commit().await?;
    Ok(secret)
}
