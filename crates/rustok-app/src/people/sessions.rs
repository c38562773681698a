//! Sessions: opened by a password or a link, used as the credential of a member, ended by themselves or on demand.
//!
//! A session is looked up by its hash in the tenant of the request, each time: what ends one takes effect at once in every
//! process. A response must never show whether an address has an account.

use super::second_factor::{SignedIn, Taken, pend, report};
use super::{own_account, sign_in_failed};
use crate::context::{Ctx, Services};
use crate::mail::{Letter, SecondFactorChange, post};
use rustok_auth::account::{SEEN_EVERY, SESSION_LIFE, device_hash, parse_email};
use rustok_auth::ids::{SessionId, UserId};
use rustok_auth::{Action, Actor, AuthError, Member, SecretKind, Session, TokenHash, TokenSecret};
use rustok_core::clock::Timestamp;
use rustok_core::deadline::Deadline;
use rustok_core::error::{ErrorKind, RichError};
use rustok_storage::people::proofs::note_device;
use rustok_storage::people::sessions::{FoundSession, NewSession};
use rustok_storage::people::{accounts, members, sessions};
use rustok_storage::standing::{Writer, on_behalf_of};
use rustok_storage::{StoreError, TenantTx};
use rustok_tenancy::Tenant;
use std::fmt;
use std::time::Duration;

/// What asks for a session.
#[derive(Debug, Clone, Default)]
pub struct Browser {
    /// The host of the request; the session is valid there only.
    pub host: String,
    /// What the browser calls itself.
    pub device: String,
    /// The address of the client, if known.
    pub address: Option<String>,
    /// The session that it sent along, which ends.
    pub session: Option<TokenHash>,
}

/// The address and the password of a member.
#[derive(Clone)]
pub struct SignIn<'a> {
    /// The e-mail address, as typed.
    pub email: &'a str,
    /// The password, as typed.
    pub password: &'a str,
    /// Where the session is opened.
    pub browser: Browser,
}

/// Without what is secret.
impl fmt::Debug for SignIn<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignIn")
            .field("email", &self.email)
            .field("browser", &self.browser)
            .finish_non_exhaustive()
    }
}

/// A new session with its secret, which cannot be retrieved again.
#[derive(Debug)]
pub struct OpenedSession {
    /// The secret (redacted in `Debug`).
    pub secret: TokenSecret,
    /// The session.
    pub session: OwnSession,
}

/// A session with its member.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OwnSession {
    /// Its id.
    pub id: SessionId,
    /// The member.
    pub member: Member,
    /// When it ends at the latest.
    pub expires_at: Timestamp,
}

/// Opens a session of a member with this address and password.
///
/// # Errors
/// `sign_in_failed`, whatever is wrong; `overloaded`; database errors.
pub async fn sign_in(ctx: &Ctx, sign_in: SignIn<'_>) -> Result<SignedIn, RichError> {
    ctx.authorize(Action::SignIn)?;
    let signed_in = try_sign_in(ctx, sign_in).await;
    count(ctx, &signed_in);
    signed_in
}

/// Counts an attempt that has ended; one that waits for the second factor has not.
pub(super) fn count(ctx: &Ctx, signed_in: &Result<SignedIn, RichError>) {
    if !matches!(signed_in, Ok(SignedIn::Pending(_))) {
        ctx.services.counts.sign_in(signed_in);
    }
}

async fn try_sign_in(ctx: &Ctx, sign_in: SignIn<'_>) -> Result<SignedIn, RichError> {
    let account = match parse_email(sign_in.email) {
        Ok(email) => {
            let mut tx = ctx.services.store.platform_read(ctx.deadline).await?;
            accounts::find_account(tx.last(), &email).await?
        }
        Err(_) => None,
    };
    // One comparison, whether or not there is an account with a password: the time does not tell.
    let hash = account.as_ref().and_then(|account| account.password_hash.clone());
    let is_password = ctx.services.is_password(hash, sign_in.password).await?;
    let account = account.filter(|account| is_password && account.disabled_at.is_none());
    let account = account.ok_or_else(|| sign_in_failed("no such account, or another password"))?;
    let tx = ctx.write().await?;
    let proven = Proven::first(account.id, Some(account.version));
    open(ctx, tx, proven, sign_in.browser).await
}

/// Opens a session of the member for whom the link was made. It works once.
///
/// # Errors
/// `sign_in_failed`, database errors.
pub async fn exchange_link(ctx: &Ctx, link: &str, browser: Browser) -> Result<SignedIn, RichError> {
    ctx.authorize(Action::SignIn)?;
    let signed_in = try_exchange(ctx, link, browser).await;
    count(ctx, &signed_in);
    signed_in
}

async fn try_exchange(ctx: &Ctx, link: &str, browser: Browser) -> Result<SignedIn, RichError> {
    let secret = TokenSecret::parse(link).ok();
    let secret = secret.filter(|secret| secret.kind() == SecretKind::Link);
    let secret = secret.ok_or_else(|| sign_in_failed("not a link"))?;
    let mut tx = ctx.write().await?;
    let user = sessions::take_link(&mut tx, &secret.hash(), ctx.now()).await?;
    let user = user.ok_or_else(|| sign_in_failed("no such link"))?;
    open(ctx, tx, Proven::first(user, None), browser).await
}

/// What a person has shown.
pub(super) struct Proven {
    pub(super) user: UserId,
    /// The version of the account then.
    pub(super) account_version: Option<i64>,
    /// The second factor, if it was shown.
    pub(super) second: Option<Taken>,
}

impl Proven {
    /// A password, a link or a code of a mail.
    pub(super) const fn first(user: UserId, account_version: Option<i64>) -> Self {
        Self {
            user,
            account_version,
            second: None,
        }
    }
}

/// Opens the session and commits; or commits what was used up, if the second factor is still to be shown. A sign-in with a
/// device that was not seen before, or with a recovery code, is reported to the member by mail.
pub(super) async fn open(
    ctx: &Ctx,
    mut tx: TenantTx,
    proven: Proven,
    browser: Browser,
) -> Result<SignedIn, RichError> {
    let Proven {
        user,
        account_version,
        second,
    } = proven;
    let secret = ctx
        .services
        .with_rng(|rng| TokenSecret::generate(SecretKind::Session, rng));
    let now = ctx.now();
    let device = device_hash(&browser.device);
    let new = NewSession {
        id: ctx.id(),
        user,
        hash: secret.hash(),
        host: browser.host,
        device: browser.device,
        address: browser.address,
        now,
        expires_at: now.checked_add(SESSION_LIFE).unwrap_or(Timestamp::MAX),
        account_version,
        second_factor: second.is_some(),
        replaces: browser.session,
    };
    if !sessions::open_session(&mut tx, &new).await? {
        let member = members::find_member(&mut tx, user).await?;
        let waits = member.filter(|member| {
            second.is_none() && member.disabled_at.is_none() && member.second_factor_at.is_some()
        });
        if waits.is_none() {
            return Err(sign_in_failed("not a member, or the account changed"));
        }
        tx.commit().await?;
        let version = match account_version {
            Some(version) => version,
            None => version(ctx, user).await?,
        };
        return pend(ctx, user, version, &new.host);
    }
    let member = members::find_member(&mut tx, user).await?;
    let member = member.ok_or_else(|| sign_in_failed("not a member"))?;
    if ctx.services.mail.is_on() && note_device(&mut tx, user, &device, now).await? {
        let letter = Letter::NewDevice {
            shop: &ctx.tenant.name,
            device: &new.device,
            address: new.address.as_deref(),
            at: &now.strftime("%Y-%m-%d %H:%M UTC").to_string(),
        };
        post(ctx, &mut tx, &member.email, &letter).await?;
    }
    if let Some(Taken::Recovery { left }) = second {
        report(ctx, &mut tx, &member.email, SecondFactorChange::Recovered(left)).await?;
    }
    tx.commit().await?;
    let session = OwnSession {
        id: new.id,
        member,
        expires_at: new.expires_at,
    };
    Ok(SignedIn::Opened(Box::new(OpenedSession { secret, session })))
}

/// The version of an account.
async fn version(ctx: &Ctx, user: UserId) -> Result<i64, RichError> {
    let mut tx = ctx.services.store.platform_read(ctx.deadline).await?;
    let account = accounts::find_account_by_id(tx.last(), user).await?;
    let account = account.ok_or_else(|| sign_in_failed("no such account"))?;
    Ok(account.version)
}

/// A session as it was authenticated.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct AuthenticatedSession {
    /// The member.
    pub actor: Actor,
    /// Whether the tenant asks for a second factor that the account does not have.
    pub lacks_second_factor: bool,
}

/// How long storing the last use of a session may hold up a request.
const TOUCH_LIMIT: Duration = Duration::from_secs(1);

/// Authenticates a session within one tenant, at the host where it was opened.
///
/// # Errors
/// [`AuthError::UnknownSession`], and database errors.
pub async fn authenticate_session(
    services: &Services,
    tenant: &Tenant,
    secret: &TokenSecret,
    host: &str,
    deadline: Deadline,
) -> Result<AuthenticatedSession, RichError> {
    if secret.kind() != SecretKind::Session {
        return Err(AuthError::UnknownSession.into());
    }
    let mut tx = services.store.read(tenant.handle(), deadline).await?;
    let found = sessions::find_session(tx.last(), &secret.hash()).await?;
    drop(tx);
    let now = services.clock.now();
    let found = found.filter(|found| found.session.is_valid(now) && found.session.host == host);
    let FoundSession {
        session,
        role,
        has_second_factor,
    } = found.ok_or(AuthError::UnknownSession)?;
    let is_due = session.seen_at.saturating_add(SEEN_EVERY);
    if is_due.is_ok_and(|due| due <= now)
        && let Err(error) = touch(services, tenant, session.id, now).await
    {
        // The session is valid all the same; a later request tries again.
        tracing::debug!(%error, "the last use of a session was not stored");
    }
    Ok(AuthenticatedSession {
        actor: Actor::User {
            id: session.user_id,
            session: session.id,
            role,
        },
        lacks_second_factor: tenant.settings.require_second_factor && !has_second_factor,
    })
}

async fn touch(
    services: &Services,
    tenant: &Tenant,
    id: SessionId,
    now: Timestamp,
) -> Result<(), StoreError> {
    let deadline = Deadline::after(TOUCH_LIMIT);
    let mut tx = services.store.write(tenant.handle(), deadline).await?;
    sessions::touch_session(&mut tx, id, now).await?;
    tx.commit().await
}

/// The member whose session the request has.
///
/// # Errors
/// `forbidden` for a token, database errors.
pub async fn read_member(ctx: &Ctx) -> Result<Member, RichError> {
    let (user, _) = own_account(ctx)?;
    let member = members::find_member(ctx.read().await?.last(), user).await?;
    Ok(member.ok_or(AuthError::UnknownSession)?)
}

/// The session of the request, and its member.
///
/// # Errors
/// `forbidden` for a token, database errors.
pub async fn read_session(ctx: &Ctx) -> Result<OwnSession, RichError> {
    let (user, id) = own_account(ctx)?;
    let mut tx = ctx.read().await?;
    let member = members::find_member(&mut tx, user).await?;
    let member = member.ok_or(AuthError::UnknownSession)?;
    let session = sessions::find_session_by_id(tx.last(), user, id).await?;
    let session = session.ok_or(AuthError::UnknownSession)?;
    Ok(OwnSession {
        id,
        member,
        expires_at: session.expires_at,
    })
}

/// The sessions of the member in this tenant, the newest first; at most `MAX_SESSIONS`.
///
/// # Errors
/// `forbidden` for a token, database errors.
pub async fn list_sessions(ctx: &Ctx) -> Result<Vec<Session>, RichError> {
    let (user, _) = own_account(ctx)?;
    let mut tx = ctx.read().await?;
    let now = ctx.now();
    let mut listed = sessions::list_sessions(tx.last(), user).await?;
    listed.retain(|session| session.is_valid(now));
    Ok(listed)
}

/// Ends the session of the request.
///
/// # Errors
/// `forbidden` for a token, database errors.
pub async fn sign_out(ctx: &Ctx) -> Result<(), RichError> {
    let (user, id) = own_account(ctx)?;
    end(ctx, user, id).await
}

/// Ends one session of the member, which may be that of the request.
///
/// # Errors
/// `session_not_found`, `forbidden` for a token, database errors.
pub async fn end_session(ctx: &Ctx, id: SessionId) -> Result<(), RichError> {
    let (user, _) = own_account(ctx)?;
    end(ctx, user, id).await
}

async fn end(ctx: &Ctx, user: UserId, id: SessionId) -> Result<(), RichError> {
    let mut tx = ending(ctx).await?;
    sessions::delete_session(&mut tx, user, id)
        .await
        .map_err(|error| match error {
            StoreError::Stale { .. } => RichError::new(ErrorKind::NotFound, "no such session")
                .with_code("session_not_found")
                .with_public("There is no such session, or it ended before."),
            other => other.into(),
        })?;
    Ok(tx.commit().await?)
}

/// Ends all sessions of the member in this tenant, that of the request included.
///
/// # Errors
/// `forbidden` for a token, database errors.
pub async fn end_all_sessions(ctx: &Ctx) -> Result<(), RichError> {
    let (user, _) = own_account(ctx)?;
    let mut tx = ending(ctx).await?;
    sessions::delete_sessions(&mut tx, user).await?;
    Ok(tx.commit().await?)
}

/// Ends all sessions of the member in this tenant but that of the request.
///
/// # Errors
/// `forbidden` for a token, database errors.
pub async fn end_other_sessions(ctx: &Ctx) -> Result<(), RichError> {
    let (user, own) = own_account(ctx)?;
    let mut tx = ctx.write().await?;
    sessions::delete_other_sessions(&mut tx, user, own).await?;
    Ok(tx.commit().await?)
}

/// A transaction that may end the session on whose behalf it writes: its commit does not ask for that session.
pub(super) async fn ending(ctx: &Ctx) -> Result<TenantTx, RichError> {
    let tx = ctx
        .services
        .store
        .write(ctx.tenant.handle(), ctx.deadline)
        .await?;
    Ok(on_behalf_of(tx, Writer::Anyone))
}
