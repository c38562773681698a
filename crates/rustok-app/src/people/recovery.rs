//! What a person can do who reads their mailbox: set a new password, or sign in with a code.
//!
//! A response must never show whether an address has an account: it is the same, and comes after the same time, for every
//! address. Mails are limited by recipient, attempts by code; a person who signs in otherwise is never held up.

use super::accounts::new_password;
use super::second_factor::SignedIn;
use super::sessions::{Browser, Proven, count, open};
use super::sign_in_failed;
use crate::context::Ctx;
use crate::mail::{Letter, check_on, post};
use rand::RngExt as _;
use rustok_auth::account::{CODE_LIFE, CODE_TRIES, MAILS_PER_HOUR, RESET_LIFE, SignInCode, parse_email};
use rustok_auth::{Action, SecretKind, TokenSecret};
use rustok_core::clock::Timestamp;
use rustok_core::error::{ErrorKind, RichError};
use rustok_storage::people::accounts::{self, Account};
use rustok_storage::people::proofs::{self, NewProof};
use std::time::Duration;

/// The page that sets a new password.
pub const PASSWORD_RESET_PATH: &str = "/admin/password-reset";

/// Answers come in steps of this length: more than the work takes, so that the time does not tell what it was.
const STEP: Duration = Duration::from_millis(250);
const HOUR: Duration = Duration::from_secs(3_600);

/// Waits until a whole number of steps has passed since `started`.
async fn in_step(ctx: &Ctx, started: Timestamp) {
    let passed = ctx.now().duration_since(started).unsigned_abs();
    let rest = passed.as_millis() % STEP.as_millis();
    let rest = u64::try_from(rest).unwrap_or_default();
    tokio::time::sleep(STEP - Duration::from_millis(rest)).await;
}

/// The account with this address, as typed.
async fn account(ctx: &Ctx, email: &str) -> Result<Option<Account>, RichError> {
    let Ok(email) = parse_email(email) else {
        return Ok(None);
    };
    let mut tx = ctx.services.store.platform_read(ctx.deadline).await?;
    Ok(accounts::find_account(tx.last(), &email).await?)
}

/// Sends a link that sets a new password, if a member of the tenant has the address. The answer never says so.
///
/// # Errors
/// `mail_not_set_up`, `secret_key_missing`, database errors.
pub async fn request_password_reset(ctx: &Ctx, email: &str) -> Result<(), RichError> {
    ctx.authorize(Action::SignIn)?;
    check_on(&ctx.services)?;
    let started = ctx.now();
    let done = send_reset(ctx, email).await;
    in_step(ctx, started).await;
    done
}

async fn send_reset(ctx: &Ctx, email: &str) -> Result<(), RichError> {
    let (Some(account), Some(origin)) = (account(ctx, email).await?, &ctx.origin) else {
        return Ok(());
    };
    let secret = ctx
        .services
        .with_rng(|rng| TokenSecret::generate(SecretKind::Reset, rng));
    let now = ctx.now();
    let new = NewProof {
        id: ctx.id(),
        user: account.id,
        hash: secret.hash(),
        code_hash: None,
        now,
        expires_at: now.checked_add(RESET_LIFE).unwrap_or(Timestamp::MAX),
    };
    let link = format!("{origin}{PASSWORD_RESET_PATH}?reset={}", secret.expose());
    let letter = Letter::PasswordReset {
        shop: &ctx.tenant.name,
        link: &link,
    };
    send(ctx, &account, &new, &letter).await
}

/// Stores a proof and writes its mail, unless the member had too many of them.
async fn send(ctx: &Ctx, account: &Account, new: &NewProof, letter: &Letter<'_>) -> Result<(), RichError> {
    let since = new.now.checked_sub(HOUR).unwrap_or(Timestamp::MIN);
    let mut tx = ctx.write().await?;
    if proofs::insert_proof(&mut tx, new, since, MAILS_PER_HOUR).await? {
        post(ctx, &mut tx, &account.email, letter).await?;
        tx.commit().await?;
    }
    Ok(())
}

/// Sets a new password by the secret of a link. It works once, ends all sessions of the account, and opens none. Who reads
/// the mailbox is the owner of the address.
///
/// # Errors
/// `reset_not_found`, `validation_failed` at `#/new_password`, `overloaded`, database errors.
pub async fn reset_password(ctx: &Ctx, reset: &str, password: &str) -> Result<(), RichError> {
    ctx.authorize(Action::SignIn)?;
    let secret = TokenSecret::parse(reset).ok();
    let secret = secret.filter(|secret| secret.kind() == SecretKind::Reset);
    let hash = secret.ok_or_else(reset_not_found)?.hash();
    let mut tx = ctx.read().await?;
    let proof = proofs::find_proof(tx.last(), &hash, false, ctx.now()).await?;
    drop(tx);
    let proof = proof.ok_or_else(reset_not_found)?;
    let mut tx = ctx.services.store.platform_read(ctx.deadline).await?;
    let account = accounts::find_account_by_id(tx.last(), proof.user).await?;
    drop(tx);
    let account = account.filter(|account| account.disabled_at.is_none());
    let account = account.ok_or_else(reset_not_found)?;
    // Before the link is used up: a password that the rules refuse can be typed again.
    let password = new_password("#/new_password", password, &account.email)?;
    let hash = ctx.services.hash_password(password).await?;
    let mut tx = ctx.write().await?;
    if !proofs::take_proof(&mut tx, proof.id, ctx.now()).await? {
        return Err(reset_not_found());
    }
    tx.commit().await?;
    let mut tx = ctx.services.store.platform_write(ctx.deadline).await?;
    accounts::set_password(&mut tx, account.id, &hash, Some(account.version), None).await?;
    accounts::vouch(&mut tx, account.id, ctx.now()).await?;
    Ok(tx.commit().await?)
}

fn reset_not_found() -> RichError {
    RichError::new(ErrorKind::NotFound, "no such link")
        .with_code("reset_not_found")
        .with_public("There is no such link. It may have been used, or be too old.")
}

/// Sends a code that signs in, if a member of the tenant has the address. The secret is for the browser that asked, which
/// gets one whether or not a code was sent.
///
/// # Errors
/// `mail_not_set_up`, `secret_key_missing`, database errors.
pub async fn request_sign_in_code(ctx: &Ctx, email: &str) -> Result<TokenSecret, RichError> {
    ctx.authorize(Action::SignIn)?;
    check_on(&ctx.services)?;
    let started = ctx.now();
    let secret = ctx
        .services
        .with_rng(|rng| TokenSecret::generate(SecretKind::Code, rng));
    let done = send_code(ctx, email, &secret).await;
    in_step(ctx, started).await;
    done.map(|()| secret)
}

async fn send_code(ctx: &Ctx, email: &str, secret: &TokenSecret) -> Result<(), RichError> {
    let Some(account) = account(ctx, email).await? else {
        return Ok(());
    };
    let code = ctx
        .services
        .with_rng(|rng| SignInCode::new(rng.random_range(0..1_000_000)));
    let now = ctx.now();
    let new = NewProof {
        id: ctx.id(),
        user: account.id,
        hash: secret.hash(),
        code_hash: Some(code.hash(secret)),
        now,
        expires_at: now.checked_add(CODE_LIFE).unwrap_or(Timestamp::MAX),
    };
    let letter = Letter::SignInCode {
        shop: &ctx.tenant.name,
        code: code.as_str(),
    };
    send(ctx, &account, &new, &letter).await
}

/// Opens a session by a code, in the browser that asked for it and shows its secret. A code works once, and takes [`CODE_TRIES`] attempts.
///
/// # Errors
/// `sign_in_failed`, whatever is wrong; database errors.
pub async fn sign_in_by_code(
    ctx: &Ctx,
    secret: Option<&TokenSecret>,
    code: &str,
    browser: Browser,
) -> Result<SignedIn, RichError> {
    ctx.authorize(Action::SignIn)?;
    let started = ctx.now();
    let opened = try_code(ctx, secret, code, browser).await;
    if opened.is_err() {
        in_step(ctx, started).await;
    }
    count(ctx, &opened);
    opened
}

async fn try_code(
    ctx: &Ctx,
    secret: Option<&TokenSecret>,
    code: &str,
    browser: Browser,
) -> Result<SignedIn, RichError> {
    let secret = secret.filter(|secret| secret.kind() == SecretKind::Code);
    let secret = secret.ok_or_else(|| sign_in_failed("a browser that asked for no code"))?;
    let code = SignInCode::parse(code).ok_or_else(|| sign_in_failed("not a code"))?;
    let mut tx = ctx.write().await?;
    let proof = proofs::find_proof(&mut tx, &secret.hash(), true, ctx.now()).await?;
    let proof = proof.ok_or_else(|| sign_in_failed("no such code"))?;
    if !proofs::count_try(&mut tx, proof.id, CODE_TRIES).await? {
        return Err(sign_in_failed("too many attempts"));
    }
    if proof.code_hash != Some(code.hash(secret)) {
        tx.commit().await?;
        return Err(sign_in_failed("another code"));
    }
    if !proofs::take_proof(&mut tx, proof.id, ctx.now()).await? {
        return Err(sign_in_failed("a code that was used"));
    }
    open(ctx, tx, Proven::first(proof.user, None), browser).await
}
