//! The second factor of an account: turned on and off by its owner, and shown at each sign-in. See docs/adr/0045.
//!
//! After a right password, link or code of a mail an account with a second factor gets no session, but a sealed proof of it
//! that works for five minutes, in the same tenant and at the same host. A wrong code must never tell why it is wrong.

use super::accounts::check_current;
use super::sessions::{Browser, OpenedSession, Proven, count, open};
use super::{find_account, invalid, own_account, sign_in_failed};
use crate::context::{Ctx, PlatformCtx, Services, writer};
use crate::mail::{Letter, SecondFactorChange, post};
use crate::secrets::Place;
use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use rustok_auth::account::SignInCode;
use rustok_auth::ids::UserId;
use rustok_auth::second_factor::{
    ENROLMENT_LIFE, HASH_BYTES, PENDING_LIFE, RECOVERY_CODES, RecoveryCode, SecondCode, Seed, TRIES_PER_HOUR,
};
use rustok_auth::{Action, AuthError};
use rustok_core::clock::Timestamp;
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use rustok_storage::people::accounts::{self, Account};
use rustok_storage::people::members;
use rustok_storage::people::second_factors::{self as stored, SecondFactor};
use rustok_storage::standing::on_behalf_of_tenant;
use rustok_storage::{PlatformTx, TenantTx};
use serde::{Deserialize, Serialize};
use std::fmt;
use std::time::Duration;
use uuid::Uuid;

const HOUR: Duration = Duration::from_secs(3_600);
/// The longest text of a proof that is looked at, in bytes.
const MAX_PROOF_BYTES: usize = 1_000;

/// What a person gets for a right password, link or code of a mail.
#[derive(Debug)]
pub enum SignedIn {
    /// A session.
    Opened(Box<OpenedSession>),
    /// A proof of it, for [`finish_sign_in`]: the account has a second factor.
    Pending(PendingSignIn),
}

impl SignedIn {
    /// The session.
    ///
    /// # Errors
    /// `second_factor_required`.
    pub fn opened(self) -> Result<OpenedSession, RichError> {
        match self {
            Self::Opened(opened) => Ok(*opened),
            Self::Pending(_) => Err(RichError::new(
                ErrorKind::Unauthenticated,
                "the second factor is to be shown",
            )
            .with_code("second_factor_required")
            .with_public("This account has a second factor: a code of it is needed too.")),
        }
    }
}

/// A sign-in that waits for the second factor.
#[derive(Clone)]
pub struct PendingSignIn {
    /// The account.
    pub user: UserId,
    account_version: i64,
    sealed: String,
}

/// Without the proof.
impl fmt::Debug for PendingSignIn {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("PendingSignIn")
            .field("user", &self.user)
            .finish_non_exhaustive()
    }
}

/// What is sealed in a proof.
#[derive(Serialize, Deserialize)]
struct Proof {
    user: Uuid,
    /// Another password, or another second factor, ends it.
    version: i64,
    host: String,
    until: i64,
}

fn proof_place(ctx: &Ctx) -> Place {
    Place {
        table: "pending sign-ins",
        owner: ctx.tenant.id.as_uuid(),
        id: Uuid::nil(),
    }
}

impl PendingSignIn {
    /// The text for the browser.
    #[must_use]
    pub fn expose(&self) -> &str {
        &self.sealed
    }

    /// Opens a proof that a browser sends to `host`.
    ///
    /// # Errors
    /// `sign_in_failed` if it is none, or too old, or of another host or tenant.
    pub fn open(ctx: &Ctx, text: &str, host: &str) -> Result<Self, RichError> {
        let is_short = text.len() <= MAX_PROOF_BYTES;
        let sealed = is_short.then(|| URL_SAFE_NO_PAD.decode(text).ok()).flatten();
        let opened = sealed.and_then(|sealed| ctx.services.secrets.open(&proof_place(ctx), &sealed).ok());
        let proof = opened.and_then(|opened| serde_json::from_slice::<Proof>(&opened).ok());
        let proof = proof.filter(|proof| proof.host == host && ctx.now().as_second() < proof.until);
        let proof = proof.ok_or_else(|| sign_in_failed("no proof, or an old one"))?;
        Ok(Self {
            user: UserId::from_uuid(proof.user),
            account_version: proof.version,
            sealed: text.to_owned(),
        })
    }
}

/// Makes the proof of a right password, link or code.
pub(super) fn pend(ctx: &Ctx, user: UserId, version: i64, host: &str) -> Result<SignedIn, RichError> {
    let until = ctx.now().checked_add(PENDING_LIFE).unwrap_or(Timestamp::MAX);
    let proof = Proof {
        user: user.as_uuid(),
        version,
        host: host.to_owned(),
        until: until.as_second(),
    };
    let proof = serde_json::to_vec(&proof)
        .map_err(|error| RichError::new(ErrorKind::Internal, "a proof").with_source(error))?;
    let sealed = ctx.services.seal(&proof_place(ctx), &proof)?;
    Ok(SignedIn::Pending(PendingSignIn {
        user,
        account_version: version,
        sealed: URL_SAFE_NO_PAD.encode(sealed),
    }))
}

/// Opens the session of a sign-in that waited for the second factor.
///
/// # Errors
/// `sign_in_failed`, whatever is wrong; `secret_key_missing`, database errors.
pub async fn finish_sign_in(
    ctx: &Ctx,
    pending: &PendingSignIn,
    code: &str,
    browser: Browser,
) -> Result<OpenedSession, RichError> {
    ctx.authorize(Action::SignIn)?;
    let signed_in = try_finish(ctx, pending, code, browser).await;
    count(ctx, &signed_in);
    signed_in?.opened()
}

async fn try_finish(
    ctx: &Ctx,
    pending: &PendingSignIn,
    code: &str,
    browser: Browser,
) -> Result<SignedIn, RichError> {
    let taken = take(ctx, pending.user, code).await?;
    let taken = taken.ok_or_else(|| sign_in_failed("another second factor"))?;
    let proven = Proven {
        user: pending.user,
        account_version: Some(pending.account_version),
        second: Some(taken),
    };
    open(ctx, ctx.write().await?, proven, browser).await
}

/// A code that was right.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Taken {
    /// Of the app.
    App,
    /// A recovery code; so many are left.
    Recovery {
        /// The number.
        left: usize,
    },
}

/// Uses a code of a confirmed second factor up; `None` when it is wrong, was used before, or comes after too many wrong ones.
async fn take(ctx: &Ctx, user: UserId, typed: &str) -> Result<Option<Taken>, RichError> {
    match SecondCode::parse(typed) {
        Some(SecondCode::App(code)) => take_app(ctx, user, &code).await,
        Some(SecondCode::Recovery(code)) => take_recovery(ctx, user, &code).await,
        None => Ok(None),
    }
}

async fn take_app(ctx: &Ctx, user: UserId, code: &SignInCode) -> Result<Option<Taken>, RichError> {
    let now = ctx.now();
    let since = now.checked_sub(HOUR).unwrap_or(Timestamp::MIN);
    // The attempt counts before it is compared: many at once are as many attempts.
    let mut tx = ctx.services.store.platform_write(ctx.deadline).await?;
    let is_counted = stored::count_second_try(&mut tx, user, since, TRIES_PER_HOUR, now).await?;
    let found = stored::find_second_factor(&mut tx, user).await?;
    tx.commit().await?;
    let found = found.filter(|found| is_counted && found.confirmed_at.is_some());
    let Some(found) = found else {
        return Ok(None);
    };
    let Some(step) = seed(&ctx.services, &found)?.find_step(code, now, found.last_step) else {
        return Ok(None);
    };
    let mut tx = ctx.services.store.platform_write(ctx.deadline).await?;
    let is_taken = stored::take_step(&mut tx, user, step).await?;
    tx.commit().await?;
    Ok(is_taken.then_some(Taken::App))
}

async fn take_recovery(ctx: &Ctx, user: UserId, code: &RecoveryCode) -> Result<Option<Taken>, RichError> {
    let mut tx = ctx.services.store.platform_write(ctx.deadline).await?;
    let found = stored::find_second_factor(&mut tx, user).await?;
    let hashes = found.map(|found| found.recovery_hashes).unwrap_or_default();
    let Some(left) = code.take_from(user, &hashes) else {
        return Ok(None);
    };
    if !stored::replace_recovery(&mut tx, user, &hashes, &left).await? {
        return Ok(None);
    }
    tx.commit().await?;
    Ok(Some(Taken::Recovery {
        left: left.len() / HASH_BYTES,
    }))
}

fn place(user: UserId) -> Place {
    Place {
        table: "second_factors",
        owner: user.as_uuid(),
        id: user.as_uuid(),
    }
}

fn seed(services: &Services, found: &SecondFactor) -> Result<Seed, RichError> {
    let opened = services.secrets.open(&place(found.user), &found.sealed_seed)?;
    Seed::stored(&opened).ok_or_else(|| RichError::new(ErrorKind::Internal, "a seed of another length"))
}

/// What a person takes over into an app.
#[derive(Clone)]
pub struct Enrolment {
    /// The key, to be typed.
    pub key: String,
    /// The same as an address, to be shown as a picture.
    pub address: String,
}

/// Without what is secret.
impl fmt::Debug for Enrolment {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Enrolment").finish_non_exhaustive()
    }
}

fn enrolment(ctx: &Ctx, seed: &Seed, account: &Account) -> Enrolment {
    Enrolment {
        key: seed.key(),
        address: seed.address(&ctx.tenant.name, &account.email),
    }
}

async fn account(ctx: &Ctx, user: UserId) -> Result<Account, RichError> {
    let mut tx = ctx.services.store.platform_read(ctx.deadline).await?;
    let account = accounts::find_account_by_id(tx.last(), user).await?;
    Ok(account.ok_or(AuthError::UnknownSession)?)
}

/// A transaction on accounts whose commit asks for the session of the request.
async fn own_write(ctx: &Ctx) -> Result<PlatformTx, RichError> {
    let tx = ctx.services.store.platform_write(ctx.deadline).await?;
    Ok(on_behalf_of_tenant(tx, ctx.tenant.id, writer(&ctx.actor)))
}

/// Begins to turn on the second factor of the own account: makes a seed, in place of one that was not confirmed.
///
/// # Errors
/// `validation_failed` at `#/current_password`, `second_factor_on`, `secret_key_missing`, `forbidden` for a token, `overloaded`,
/// database errors.
pub async fn begin_second_factor(ctx: &Ctx, current_password: &str) -> Result<Enrolment, RichError> {
    let (user, _) = own_account(ctx)?;
    ctx.services.secrets.check()?;
    let account = account(ctx, user).await?;
    check_current(ctx, &account, current_password).await?;
    let seed = ctx.services.with_rng(Seed::generate);
    let sealed = ctx.services.seal(&place(user), seed.as_bytes())?;
    let mut tx = own_write(ctx).await?;
    if !stored::begin_second_factor(&mut tx, user, &sealed, ctx.now()).await? {
        return Err(RichError::new(ErrorKind::Conflict, "the second factor is on")
            .with_code("second_factor_on")
            .with_public("Your account has a second factor already."));
    }
    tx.commit().await?;
    Ok(enrolment(ctx, &seed, &account))
}

/// What a first code came to.
#[derive(Debug)]
pub enum Confirmation {
    /// The second factor is on; these are the recovery codes, which cannot be shown again.
    On(Vec<String>),
    /// The code is another one; the app may try again.
    Wrong(Enrolment),
}

/// Turns the second factor of the own account on by a first code of the app.
///
/// # Errors
/// `second_factor_off` when none was begun, or half an hour ago; `secret_key_missing`, `forbidden` for a token, database
/// errors.
pub async fn confirm_second_factor(ctx: &Ctx, code: &str) -> Result<Confirmation, RichError> {
    let (user, _) = own_account(ctx)?;
    let account = account(ctx, user).await?;
    let mut tx = ctx.services.store.platform_read(ctx.deadline).await?;
    let found = stored::find_second_factor(tx.last(), user).await?;
    drop(tx);
    let now = ctx.now();
    let found = found.filter(|found| {
        let until = found.created_at.checked_add(ENROLMENT_LIFE);
        found.confirmed_at.is_none() && until.is_ok_and(|until| now < until)
    });
    let found = found.ok_or_else(is_off)?;
    let seed = seed(&ctx.services, &found)?;
    let code = SignInCode::parse(code);
    let step = code.and_then(|code| seed.find_step(&code, now, found.last_step));
    let Some(step) = step else {
        return Ok(Confirmation::Wrong(enrolment(ctx, &seed, &account)));
    };
    let (shown, hashes) = recovery_codes(ctx, user);
    let mut tx = own_write(ctx).await?;
    if !stored::confirm_second_factor(&mut tx, &found, step, &hashes, now).await? {
        return Err(is_off());
    }
    tx.commit().await?;
    report_own(ctx, user, SecondFactorChange::On).await;
    Ok(Confirmation::On(shown))
}

fn is_off() -> RichError {
    RichError::new(ErrorKind::Conflict, "no second factor")
        .with_code("second_factor_off")
        .with_public("Your account has no second factor, or turning it on was begun too long ago.")
}

fn recovery_codes(ctx: &Ctx, user: UserId) -> (Vec<String>, Vec<u8>) {
    let codes = ctx.services.with_rng(|rng| {
        let codes = (0..RECOVERY_CODES).map(|_| RecoveryCode::generate(rng));
        codes.collect::<Vec<_>>()
    });
    let shown = codes.iter().map(RecoveryCode::shown).collect();
    (shown, codes.iter().flat_map(|code| code.hash(user)).collect())
}

/// Takes a code for a change of the own second factor.
async fn take_own(ctx: &Ctx, user: UserId, code: &str) -> Result<(), RichError> {
    if account(ctx, user).await?.second_factor_at.is_none() {
        return Err(is_off());
    }
    match take(ctx, user, code).await? {
        Some(_) => Ok(()),
        None => Err(invalid(FieldViolation::new(
            "#/code",
            "wrong_code",
            "is not a code that is taken now",
        ))),
    }
}

/// Turns the second factor of the own account off, by a code of it. All sessions stay.
///
/// # Errors
/// `validation_failed` at `#/code`, `second_factor_off`, `secret_key_missing`, `forbidden` for a token, database errors.
pub async fn turn_off_second_factor(ctx: &Ctx, code: &str) -> Result<(), RichError> {
    let (user, _) = own_account(ctx)?;
    take_own(ctx, user, code).await?;
    let mut tx = own_write(ctx).await?;
    if !stored::remove_second_factor(&mut tx, user).await? {
        return Err(is_off());
    }
    tx.commit().await?;
    report_own(ctx, user, SecondFactorChange::Off).await;
    Ok(())
}

/// New recovery codes in place of all earlier ones, by a code. They cannot be shown again.
///
/// # Errors
/// As for [`turn_off_second_factor`].
pub async fn new_recovery_codes(ctx: &Ctx, code: &str) -> Result<Vec<String>, RichError> {
    let (user, _) = own_account(ctx)?;
    take_own(ctx, user, code).await?;
    let (shown, hashes) = recovery_codes(ctx, user);
    let mut tx = own_write(ctx).await?;
    let found = stored::find_second_factor(&mut tx, user).await?;
    let found = found.ok_or_else(is_off)?;
    if !stored::replace_recovery(&mut tx, user, &found.recovery_hashes, &hashes).await? {
        return Err(is_off());
    }
    tx.commit().await?;
    Ok(shown)
}

/// Turns the second factor of an account off whose owner lost everything. The operator has made sure that it is the owner who
/// asks.
///
/// # Errors
/// `user_not_found`, `second_factor_off`, database errors.
pub async fn reset_second_factor(ctx: &PlatformCtx, email: &str) -> Result<Account, RichError> {
    let account = find_account(ctx, email).await?;
    let mut tx = ctx.write().await?;
    if !stored::remove_second_factor(&mut tx, account.id).await? {
        return Err(is_off());
    }
    tx.commit().await?;
    Ok(Account {
        second_factor_at: None,
        version: account.version + 1,
        ..account
    })
}

/// Writes the mail that reports a change.
pub(super) async fn report(
    ctx: &Ctx,
    tx: &mut TenantTx,
    recipient: &str,
    change: SecondFactorChange,
) -> Result<(), RichError> {
    let letter = Letter::SecondFactor {
        shop: &ctx.tenant.name,
        change,
        at: &ctx.now().strftime("%Y-%m-%d %H:%M UTC").to_string(),
    };
    post(ctx, tx, recipient, &letter).await
}

/// Reports a change of the own account, which is made. Accounts and mails are not in one transaction: a mail that cannot be
/// written is no reason to hide the recovery codes.
async fn report_own(ctx: &Ctx, user: UserId, change: SecondFactorChange) {
    let reported = async {
        if ctx.services.mail.is_on() {
            let mut tx = ctx.write().await?;
            if let Some(member) = members::find_member(&mut tx, user).await? {
                report(ctx, &mut tx, &member.email, change).await?;
            }
            tx.commit().await?;
        }
        Ok::<_, RichError>(())
    };
    if let Err(error) = reported.await {
        tracing::warn!(?error, "a change of a second factor was not reported by mail");
    }
}

/// Seeds that are read in one transaction when they are sealed anew.
const AT_ONCE: i64 = 100;

/// Seals every seed that an older key sealed under the key that seals now; returns how many. Servers may work meanwhile.
///
/// # Errors
/// `secret_key_missing`, database errors.
pub async fn seal_seeds_again(ctx: &PlatformCtx) -> Result<u64, RichError> {
    ctx.authorize(Action::ManageAccounts)?;
    let services = &ctx.services;
    services.secrets.check()?;
    let (mut after, mut count) = (None, 0);
    loop {
        let mut tx = ctx.read().await?;
        let found = stored::list_seeds(tx.last(), after, AT_ONCE).await?;
        drop(tx);
        let Some((last, _)) = found.last() else {
            return Ok(count);
        };
        after = Some(*last);
        let mut tx = ctx.write().await?;
        for (user, sealed) in &found {
            if !services.secrets.is_current(sealed) {
                let seed = services.secrets.open(&place(*user), sealed)?;
                let again = services.seal(&place(*user), &seed)?;
                count += u64::from(stored::replace_seed(&mut tx, *user, sealed, &again).await?);
            }
        }
        tx.commit().await?;
    }
}
