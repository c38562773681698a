//! Tokens: the secret is shown once and stored as a hash; a token is looked up within its tenant only.

use crate::context::{Ctx, PlatformCtx, Services};
use rustok_auth::ids::TokenId;
use rustok_auth::{Action, Actor, AuthError, Principal, Role, SecretKind, TokenSecret};
use rustok_core::deadline::Deadline;
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use rustok_storage::StoreError;
use rustok_storage::standing;
use rustok_storage::tenants::{self, PlatformToken};
use rustok_storage::tokens::{self, ApiToken};
use rustok_tenancy::Tenant;
use rustok_text::plain::{TextFault, checked_line};

/// A new token with its secret, which cannot be retrieved again.
#[derive(Debug)]
pub struct IssuedToken {
    /// Its id.
    pub id: TokenId,
    /// The secret (redacted in `Debug`).
    pub secret: TokenSecret,
}

/// The maximum length of a token's name, in characters.
const MAX_NAME_CHARS: usize = 200;

/// The name of a token in its stored form.
pub(super) fn checked_name(name: &str) -> Result<String, RichError> {
    let (name, faults) = checked_line(name, MAX_NAME_CHARS);
    if faults.is_empty() {
        return Ok(name);
    }
    let violation = |fault: TextFault| FieldViolation::new("#/name", fault.code(), fault.to_string());
    Err(RichError::new(ErrorKind::Validation, "name of a token refused")
        .with_public("The name of the token is not valid.")
        .with_violations(faults.into_iter().map(violation)))
}

pub(super) fn fresh(services: &Services, kind: SecretKind) -> IssuedToken {
    let secret = services.with_rng(|rng| TokenSecret::generate(kind, rng));
    IssuedToken {
        id: services.ids.next(),
        secret,
    }
}

/// Issues a token for a tenant.
///
/// # Errors
/// `validation_failed` for a name that is no line of 1 to 200 characters; authorization and database errors.
pub async fn issue_token(ctx: &Ctx, name: &str, role: Role) -> Result<IssuedToken, RichError> {
    ctx.authorize(Action::ManageTokens)?;
    let name = checked_name(name)?;
    check_role(role)?;
    let issued = fresh(&ctx.services, SecretKind::Tenant);
    let mut tx = ctx.write().await?;
    let token = ApiToken {
        actor: Some(ctx.actor.to_string()),
        ..ApiToken::new(issued.id, &name, role, ctx.now())
    };
    tokens::insert_token(&mut tx, &token, &issued.secret.hash()).await?;
    tx.commit().await?;
    Ok(issued)
}

/// The tokens of a tenant that can be used, without their secrets.
///
/// # Errors
/// Authorization and database errors.
pub async fn list_valid_tokens(ctx: &Ctx) -> Result<Vec<ApiToken>, RichError> {
    ctx.authorize(Action::ManageTokens)?;
    let mut tx = ctx.read().await?;
    let (mut listed, now) = (tokens::list_valid_tokens(tx.last()).await?, ctx.now());
    listed.retain(|token| token.expires_at.is_none_or(|end| now < end));
    Ok(listed)
}

/// Refuses a role that tokens do not have.
pub(super) fn check_role(role: Role) -> Result<(), RichError> {
    if Role::OF_TOKENS.contains(&role) {
        return Ok(());
    }
    let violation = FieldViolation::new("#/role", "invalid", "must be one of admin, editor, viewer");
    Err(RichError::new(ErrorKind::Validation, "a role of members").with_violations([violation]))
}

/// All tokens of a tenant, without their secrets.
///
/// # Errors
/// Authorization and database errors.
pub async fn list_tokens(ctx: &Ctx) -> Result<Vec<ApiToken>, RichError> {
    ctx.authorize(Action::ManageTokens)?;
    let mut tx = ctx.read().await?;
    Ok(tokens::list_tokens(&mut tx).await?)
}

/// Revokes a token of the tenant.
///
/// # Errors
/// `token_not_found`.
pub async fn revoke_token(ctx: &Ctx, id: TokenId) -> Result<(), RichError> {
    ctx.authorize(Action::ManageTokens)?;
    let mut tx = ctx.write().await?;
    tokens::revoke_token(&mut tx, id, ctx.now())
        .await
        .map_err(unknown_token)?;
    Ok(tx.commit().await?)
}

fn unknown_token(error: StoreError) -> RichError {
    match error {
        StoreError::Stale { .. } => no_such_token(),
        other => other.into(),
    }
}

pub(super) fn no_such_token() -> RichError {
    RichError::new(ErrorKind::NotFound, "no such token")
        .with_code("token_not_found")
        .with_public("There is no such token, or it was revoked before.")
}

/// Issues a platform token.
///
/// # Errors
/// `validation_failed` for a name that is no line of 1 to 200 characters; authorization and database errors.
pub async fn issue_platform_token(ctx: &PlatformCtx, name: &str) -> Result<IssuedToken, RichError> {
    ctx.authorize(Action::ManagePlatformTokens)?;
    let name = checked_name(name)?;
    let issued = fresh(&ctx.services, SecretKind::Platform);
    let mut tx = ctx.write().await?;
    let now = ctx.services.clock.now();
    tenants::insert_platform_token(&mut tx, issued.id, &name, &issued.secret.hash(), now).await?;
    tx.commit().await?;
    Ok(issued)
}

/// All platform tokens, without their secrets.
///
/// # Errors
/// Authorization and database errors.
pub async fn list_platform_tokens(ctx: &PlatformCtx) -> Result<Vec<PlatformToken>, RichError> {
    ctx.authorize(Action::ManagePlatformTokens)?;
    let mut tx = ctx.read().await?;
    Ok(tenants::list_platform_tokens(&mut tx).await?)
}

/// Revokes a platform token.
///
/// # Errors
/// `token_not_found`.
pub async fn revoke_platform_token(ctx: &PlatformCtx, id: TokenId) -> Result<(), RichError> {
    ctx.authorize(Action::ManagePlatformTokens)?;
    let mut tx = ctx.write().await?;
    tenants::revoke_platform_token(&mut tx, id, ctx.services.clock.now())
        .await
        .map_err(unknown_token)?;
    Ok(tx.commit().await?)
}

/// Authenticates a bearer token within one tenant. A token of another tenant is unknown here.
///
/// # Errors
/// [`AuthError::Unauthenticated`] for an unknown token, and database errors.
pub async fn authenticate(
    services: &Services,
    tenant: &Tenant,
    secret: &TokenSecret,
    deadline: Deadline,
) -> Result<Actor, RichError> {
    if secret.kind() != SecretKind::Tenant {
        return Err(AuthError::Unauthenticated.into());
    }
    let mut tx = services.store.read(tenant.handle(), deadline).await?;
    let now = services.clock.now();
    let found = tokens::find_token(tx.last(), &secret.hash(), now).await?;
    let token = found.ok_or(AuthError::UnknownToken)?;
    services.used_tokens.note(tenant.id, &token, now);
    Ok(Actor::Token {
        id: token.id,
        role: token.role,
        scopes: token.scopes,
    })
}

/// Checks again, during a long operation, that the sender may still do `action`: since the request arrived, the token may
/// have been revoked, the member removed or given another role, or the tenant suspended. Always passes for the process
/// itself.
///
/// # Errors
/// [`AuthError::UnknownToken`], [`AuthError::UnknownSession`], `forbidden`, `tenant_suspended`, and database errors.
pub async fn check_standing(ctx: &Ctx, action: Action) -> Result<(), RichError> {
    let sender = match (ctx.sender, &ctx.actor) {
        (Some(sender), _) => sender,
        (None, Actor::Token { id, .. }) => Principal::Token(*id),
        (None, Actor::User { id, .. }) => Principal::User(*id),
        _ => return Ok(()),
    };
    let standing = standing::find_standing(ctx.read().await?.last(), sender, ctx.now()).await?;
    if !standing.allows(action) {
        return Err(AuthError::Forbidden { action }.into());
    }
    Ok(())
}

/// Authenticates a platform token.
///
/// # Errors
/// [`AuthError::Unauthenticated`] for an unknown token, and database errors.
pub async fn authenticate_platform(
    services: &Services,
    secret: &TokenSecret,
    deadline: Deadline,
) -> Result<Actor, RichError> {
    if secret.kind() != SecretKind::Platform {
        return Err(AuthError::Unauthenticated.into());
    }
    let mut tx = services.store.platform_read(deadline).await?;
    let found = tenants::find_platform_token(tx.last(), &secret.hash()).await?;
    found
        .map(|id| Actor::Platform { id })
        .ok_or_else(|| AuthError::UnknownToken.into())
}
