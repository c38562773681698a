//! `/tokens`: the bearer tokens of programs, made and revoked by people or by other tokens.

use crate::state::ApiState;
use axum::response::Response;
use http::StatusCode;
use rustok_app::tenants::{self, ApiToken, IssuedToken, NewToken, RotateToken};
use rustok_app::{Saved, StoredReply};
use rustok_auth::ids::TokenId;
use rustok_auth::{Action, Role};
use rustok_core::clock::Timestamp;
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use rustok_http::extract::{AdminCtx, Command, Empty, PathParams};
use rustok_http::reply::{self, Repeatable};
use serde::{Deserialize, Serialize};
use std::time::Duration;
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// A new token.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = NewToken)]
pub(super) struct TokenFields {
    /// What people call it.
    #[schema(example = "stock system")]
    name: String,
    /// `admin`, `editor` or `viewer`; not above the own.
    #[schema(example = "editor")]
    role: String,
    /// The actions to which the role is limited; without, all that the role may do.
    #[serde(default)]
    #[schema(example = json!(["read_orders", "ship_order"]), max_items = 128)]
    scopes: Option<Vec<String>>,
    /// When it ends by itself, RFC 3339; without, it ends when it is revoked.
    #[serde(default)]
    #[schema(value_type = Option<String>, format = DateTime)]
    expires_at: Option<Timestamp>,
}

/// How a token is replaced.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = RotateToken)]
pub(super) struct RotateFields {
    /// How long the old token can be used beside the new one: at most 2592000, 0 ends it at once; a day if it is not stated.
    #[serde(default = "a_day")]
    #[schema(maximum = 2_592_000, minimum = 0)]
    overlap_seconds: u32,
}

const fn a_day() -> u32 {
    86_400
}

/// A token that can be used, without its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Token)]
pub(super) struct TokenView {
    id: Uuid,
    name: String,
    /// `admin`, `editor` or `viewer`.
    role: &'static str,
    /// The actions to which the role is limited; `null` for all that the role may do.
    #[schema(required)]
    scopes: Option<Vec<&'static str>>,
    /// RFC 3339, UTC.
    created_at: String,
    /// When it ends by itself.
    #[schema(required)]
    expires_at: Option<String>,
    /// When it was last used, to within some hours.
    #[schema(required)]
    used_at: Option<String>,
    /// Who made it, such as `user:` and an id; `null` if it is not known.
    #[schema(required)]
    created_by: Option<String>,
}

impl From<&ApiToken> for TokenView {
    fn from(token: &ApiToken) -> Self {
        Self {
            id: token.id.as_uuid(),
            name: token.name.clone(),
            role: token.role.as_str(),
            scopes: token
                .scopes
                .actions()
                .map(|actions| actions.into_iter().map(Action::as_str).collect()),
            created_at: token.created_at.to_string(),
            expires_at: token.expires_at.map(|at| at.to_string()),
            used_at: token.used_at.map(|at| at.to_string()),
            created_by: token.actor.clone(),
        }
    }
}

/// A new token with its secret.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IssuedToken)]
pub(super) struct IssuedTokenView {
    #[serde(flatten)]
    token: TokenView,
    /// The token itself; it is shown this once.
    secret: String,
}

/// The tokens: a page is all there are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct TokenList {
    items: Vec<TokenView>,
}

/// List the tokens that can be used.
#[utoipa::path(
    get,
    path = "/tokens",
    operation_id = "list_tokens",
    tag = "people",
    security(("tenant_token" = [])),
    responses((status = 200, body = TokenList))
)]
async fn list(AdminCtx(ctx): AdminCtx) -> Result<Response, RichError> {
    let tokens = tenants::list_valid_tokens(&ctx).await?;
    let items = tokens.iter().map(TokenView::from).collect();
    Ok(reply::list(&TokenList { items }))
}

fn issued((token, issued): &(ApiToken, IssuedToken)) -> StoredReply {
    let view = IssuedTokenView {
        token: TokenView::from(token),
        secret: issued.secret.expose(),
    };
    reply::stored(StatusCode::OK, &view, Saved::of(1, token.created_at), None)
}

/// Create a token. Its secret is in the answer, this once.
#[utoipa::path(
    post,
    path = "/tokens",
    operation_id = "create_token",
    tag = "people",
    security(("tenant_token" = [])),
    request_body = TokenFields,
    responses((status = 200, body = IssuedTokenView)),
    extensions(("x-problems" = json!(["role_above_own", "too_many_tokens"])))
)]
async fn create(command: Command<AdminCtx, TokenFields>) -> Result<Response, RichError> {
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let ctx = ctx.0;
    // A missing permission is reported before anything else.
    ctx.authorize(Action::ManageTokens)?;
    let role = body
        .role
        .parse()
        .ok()
        .filter(|role| Role::OF_TOKENS.contains(role));
    let role = role.ok_or_else(|| {
        let violation = FieldViolation::new("#/role", "invalid", "must be one of admin, editor, viewer");
        RichError::new(ErrorKind::Validation, "no role of tokens").with_violations([violation])
    })?;
    let new = NewToken {
        name: body.name,
        role,
        scopes: body.scopes,
        expires_at: body.expires_at,
    };
    let reply = Repeatable::new(idempotency, issued);
    let done = tenants::create_token(&ctx, new, reply.key()).await?;
    Ok(reply.response(done))
}

/// Replace a token by a new one with the same name and rights, whose secret is in the answer, this once. The old one can be
/// used for some time.
#[utoipa::path(
    post,
    path = "/tokens/{id}/rotate",
    operation_id = "rotate_token",
    tag = "people",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = Option<RotateFields>,
    responses((status = 200, body = IssuedTokenView)),
    extensions(("x-problems" = json!(["token_not_found", "role_above_own", "too_many_tokens"])))
)]
async fn rotate(
    PathParams(id): PathParams<TokenId>,
    command: Command<AdminCtx, RotateFields>,
) -> Result<Response, RichError> {
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let overlap = Duration::from_secs(body.overlap_seconds.into());
    let reply = Repeatable::new(idempotency, issued);
    let done = tenants::rotate_token(&ctx.0, RotateToken { id, overlap }, reply.key()).await?;
    Ok(reply.response(done))
}

/// Revoke a token. What it is doing at this moment is not committed any more.
#[utoipa::path(
    delete,
    path = "/tokens/{id}",
    operation_id = "revoke_token",
    tag = "people",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 204)),
    extensions(("x-problems" = json!(["token_not_found"])))
)]
async fn revoke(
    PathParams(id): PathParams<TokenId>,
    command: Command<AdminCtx, Empty>,
) -> Result<Response, RichError> {
    tenants::revoke_token(&command.ctx.0, id).await?;
    Ok(reply::no_content())
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list, create))
        .routes(routes!(revoke))
        .routes(routes!(rotate))
}
