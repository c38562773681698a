//! Tokens are made by people and by other tokens, and replaced with an overlap. Nobody gives a token a right that they do
//! not have, and a token ends when the member on whose behalf it was made may not make it any more.

use super::tokens::{IssuedToken, check_role, checked_name, fresh, no_such_token};
use crate::context::Ctx;
use crate::work::{Begun, Done, IdempotencyKey, TenantWork};
use rustok_auth::ids::{TokenId, UserId};
use rustok_auth::{Action, Actor, Role, Scopes, SecretKind, covers_token, role_allows};
use rustok_core::clock::Timestamp;
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use rustok_storage::TenantTx;
use rustok_storage::people::members;
use rustok_storage::tokens::{self, ApiToken, MAX_TOKENS};
use std::time::Duration;

/// The longest time for which a replaced token can be used beside the new one.
pub const MAX_OVERLAP: Duration = Duration::from_secs(30 * 24 * 3_600);

/// The fields of a new token.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewToken {
    /// What people call it.
    pub name: String,
    /// Its role.
    pub role: Role,
    /// The names of the actions to which its role is limited; `None` for all.
    pub scopes: Option<Vec<String>>,
    /// When it ends by itself, if it does.
    pub expires_at: Option<Timestamp>,
}

/// The replacement of a token by a new one with the same name and rights.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct RotateToken {
    /// The token.
    pub id: TokenId,
    /// How long it can be used beside the new one; zero ends it at once.
    pub overlap: Duration,
}

type Issued = (ApiToken, IssuedToken);

/// Issues a token for a tenant on behalf of one of its people.
///
/// # Errors
/// `validation_failed` at `#/name`, `#/role`, `#/scopes` and `#/expires_at`, `role_above_own` for a right that the actor does
/// not have, `too_many_tokens`, authorization and database errors.
pub async fn create_token(
    ctx: &Ctx,
    new: NewToken,
    key: IdempotencyKey<'_, Issued>,
) -> Result<Done<Issued>, RichError> {
    ctx.authorize(Action::ManageTokens)?;
    check_role(new.role)?;
    let scopes = checked_scopes(new.role, new.scopes.as_deref())?;
    check_end(ctx, new.expires_at)?;
    may_make(ctx, new.role, scopes)?;
    let name = checked_name(&new.name)?;
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
    };
    let issued = fresh(&ctx.services, SecretKind::Tenant);
    let token = ApiToken {
        scopes,
        expires_at: new.expires_at,
        ..ApiToken::new(issued.id, &name, new.role, ctx.now())
    };
    let token = insert(ctx, &mut work, token, &issued).await?;
    work.finish((token, issued)).await
}

/// Replaces a token by a new one, which lives as long as the old one was to live. The old one ends after the overlap.
///
/// # Errors
/// `validation_failed` at `#/overlap_seconds`, `token_not_found`, `role_above_own`, `too_many_tokens`, authorization and
/// database errors.
pub async fn rotate_token(
    ctx: &Ctx,
    rotate: RotateToken,
    key: IdempotencyKey<'_, Issued>,
) -> Result<Done<Issued>, RichError> {
    ctx.authorize(Action::ManageTokens)?;
    if rotate.overlap > MAX_OVERLAP {
        let most = MAX_OVERLAP.as_secs();
        return Err(invalid(FieldViolation::new(
            "#/overlap_seconds",
            "out_of_range",
            format!("must be 0 to {most}"),
        )));
    }
    let mut work = match ctx.begin(key).await? {
        Begun::Fresh(work) => work,
        Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
    };
    let now = ctx.now();
    let found = tokens::find_token_by_id(&mut work.tx, rotate.id).await?;
    let is_used =
        |token: &ApiToken| token.revoked_at.is_none() && token.expires_at.is_none_or(|end| now < end);
    let Some(old) = found.filter(is_used) else {
        return Err(work.refuse(no_such_token()).await);
    };
    if let Err(refusal) = may_make(ctx, old.role, old.scopes) {
        return Err(work.refuse(refusal).await);
    }
    let ends_at = now.saturating_add(rotate.overlap).unwrap_or(Timestamp::MAX);
    if rotate.overlap.is_zero() {
        tokens::revoke_token(&mut work.tx, old.id, now).await?;
    } else if old.expires_at.is_none_or(|end| ends_at < end) {
        tokens::expire_token(&mut work.tx, old.id, ends_at).await?;
    }
    let issued = fresh(&ctx.services, SecretKind::Tenant);
    let life = old.expires_at.map(|end| end.duration_since(old.created_at));
    let token = ApiToken {
        scopes: old.scopes,
        expires_at: life.map(|life| now.saturating_add(life).unwrap_or(Timestamp::MAX)),
        ..ApiToken::new(issued.id, &old.name, old.role, now)
    };
    let token = insert(ctx, &mut work, token, &issued).await?;
    work.finish((token, issued)).await
}

/// Adds a token, if there is room, on behalf of the member who makes it or for whom the token works that makes it.
async fn insert(
    ctx: &Ctx,
    work: &mut TenantWork<'_, Issued>,
    mut token: ApiToken,
    issued: &IssuedToken,
) -> Result<ApiToken, RichError> {
    tokens::revoke_expired_tokens(&mut work.tx, token.created_at).await?;
    if tokens::list_valid_tokens(&mut work.tx).await?.len() >= MAX_TOKENS {
        return Err(RichError::new(ErrorKind::Conflict, "too many tokens")
            .with_code("too_many_tokens")
            .with_public(format!(
                "There are {MAX_TOKENS} tokens, which is the most. Revoke some."
            )));
    }
    token.actor = Some(ctx.actor.to_string());
    token.member = find_member_of(ctx, &mut work.tx).await?;
    if let Some(member) = token.member {
        members::hold_member(&mut work.tx, member).await?;
    }
    tokens::insert_token(&mut work.tx, &token, &issued.secret.hash()).await?;
    Ok(token)
}

/// On whose behalf the actor works.
async fn find_member_of(ctx: &Ctx, tx: &mut TenantTx) -> Result<Option<UserId>, RichError> {
    match ctx.actor {
        Actor::User { id, .. } => Ok(Some(id)),
        Actor::Token { id, .. } => {
            let own = tokens::find_token_by_id(tx, id).await?;
            Ok(own.and_then(|own| own.member))
        }
        Actor::Anonymous | Actor::Platform { .. } | Actor::System(_) => Ok(None),
    }
}

fn checked_scopes(role: Role, names: Option<&[String]>) -> Result<Scopes, RichError> {
    let Some(names) = names else {
        return Ok(Scopes::ALL);
    };
    if names.is_empty() || names.len() > Action::ALL.len() {
        let most = Action::ALL.len();
        return Err(invalid(FieldViolation::new(
            "#/scopes",
            "out_of_range",
            format!("must have 1 to {most} items"),
        )));
    }
    let refused = |place, code, why| FieldViolation::new(format!("#/scopes/{place}"), code, why);
    let (mut actions, mut violations) = (Vec::new(), Vec::new());
    for (place, name) in names.iter().enumerate() {
        match Action::find(name) {
            None => violations.push(refused(place, "unknown_scope", "is not a scope")),
            Some(action) if !role_allows(role, action) => {
                violations.push(refused(place, "not_in_role", "is not allowed to the role"));
            }
            Some(action) => actions.push(action),
        }
    }
    if violations.is_empty() {
        Ok(Scopes::of(actions))
    } else {
        Err(RichError::new(ErrorKind::Validation, "scopes of a token refused").with_violations(violations))
    }
}

fn check_end(ctx: &Ctx, expires_at: Option<Timestamp>) -> Result<(), RichError> {
    if expires_at.is_some_and(|end| end <= ctx.now()) {
        return Err(invalid(FieldViolation::new(
            "#/expires_at",
            "in_past",
            "must be in the future",
        )));
    }
    Ok(())
}

fn invalid(violation: FieldViolation) -> RichError {
    RichError::new(ErrorKind::Validation, "a rule of tokens is broken").with_violations([violation])
}

/// Refuses a token that could do more than the actor.
fn may_make(ctx: &Ctx, role: Role, scopes: Scopes) -> Result<(), RichError> {
    if covers_token(&ctx.actor, role, scopes) {
        return Ok(());
    }
    Err(
        RichError::new(ErrorKind::Forbidden, "a token above the actor's own rights")
            .with_code("role_above_own")
            .with_public("Nobody gives a token a right that they do not have."),
    )
}
