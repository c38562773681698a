//! `/session`, `/sessions` and `/password`: how a member signs in and out, and what belongs to their own account.
//!
//! The secret of a session is in its cookie only, never in a body.

use super::members::MemberView;
use crate::state::ApiState;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use http::{HeaderMap, StatusCode};
use rustok_app::StoredReply;
use rustok_app::people::{
    self, AcceptInvitation, ChangePassword, OpenedSession, OwnSession, SignIn, SignedIn,
};
use rustok_auth::Session;
use rustok_auth::ids::SessionId;
use rustok_auth::second_factor::SecondCode;
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use rustok_http::extract::{AdminCtx, Command, Empty, PathParams};
use rustok_http::reply;
use rustok_http::session::{EndedSession, SignInCtx};
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The address and the password of a member.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignIn)]
pub(super) struct SignInFields {
    #[schema(example = "jane@example.com")]
    email: String,
    /// As typed.
    #[schema(format = Password)]
    password: String,
    /// Of the account's second factor, if it has one: six digits of the app, or a recovery code.
    #[schema(example = "123456")]
    code: Option<String>,
}

/// A link that opens a session.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SignInLink)]
pub(super) struct LinkFields {
    /// `rsl_` and 43 characters; it works once.
    link: String,
    /// Of the account's second factor, if it has one: six digits of the app, or a recovery code. The link is used up even if it is
    /// missing or wrong.
    #[schema(example = "123456")]
    code: Option<String>,
}

/// What an invited person says of themselves.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = AcceptInvitation)]
pub(super) struct AcceptFields {
    /// `rti_` and 43 characters; it works once.
    invitation: String,
    /// The name of a new account. An account that has the address already keeps its own.
    #[schema(example = "Jane Roe")]
    name: String,
    /// That of the account that has the address already, or a new one of at least 10 characters.
    #[schema(format = Password)]
    password: String,
}

/// A change of the own password.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = ChangePassword)]
pub(super) struct PasswordFields {
    /// The current one; empty if there is none yet.
    #[schema(format = Password)]
    current_password: String,
    /// At least 10 characters.
    #[schema(format = Password)]
    new_password: String,
}

/// A session and its member.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OwnSession)]
pub(super) struct OwnSessionView {
    id: Uuid,
    member: MemberView,
    /// When it ends at the latest, or after 12 hours without a request: RFC 3339, UTC.
    expires_at: String,
}

impl From<&OwnSession> for OwnSessionView {
    fn from(session: &OwnSession) -> Self {
        Self {
            id: session.id.as_uuid(),
            member: MemberView::from(&session.member),
            expires_at: session.expires_at.to_string(),
        }
    }
}

/// One of the own sessions.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Session)]
pub(super) struct SessionView {
    id: Uuid,
    /// Where it was opened.
    host: String,
    /// What the browser called itself.
    device: String,
    /// The address that it was opened from.
    #[schema(required)]
    address: Option<String>,
    /// RFC 3339, UTC.
    created_at: String,
    /// The last request, to within ten minutes.
    seen_at: String,
    expires_at: String,
}

impl From<Session> for SessionView {
    fn from(session: Session) -> Self {
        Self {
            id: session.id.as_uuid(),
            host: session.host,
            device: session.device,
            address: session.address,
            created_at: session.created_at.to_string(),
            seen_at: session.seen_at.to_string(),
            expires_at: session.expires_at.to_string(),
        }
    }
}

/// The own sessions: a page is all there are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct SessionList {
    items: Vec<SessionView>,
}

fn shown(session: &OwnSession) -> StoredReply {
    let view = OwnSessionView::from(session);
    reply::stored(StatusCode::OK, &view, (&session.member).into(), None)
}

/// Refuses what can be no code, before anything is used up.
fn check_code(code: Option<&str>) -> Result<(), RichError> {
    if code.is_none_or(|code| SecondCode::parse(code).is_some()) {
        return Ok(());
    }
    let violation = FieldViolation::new("#/code", "invalid", "is neither six digits nor a recovery code");
    Err(RichError::new(ErrorKind::Validation, "not a code").with_violations([violation]))
}

/// The session, once the second factor of an account that has one was shown too.
async fn finished(
    asked: &SignInCtx,
    signed_in: SignedIn,
    code: Option<&str>,
) -> Result<OpenedSession, RichError> {
    match (signed_in, code) {
        (SignedIn::Pending(pending), Some(code)) => {
            people::finish_sign_in(&asked.ctx, &pending, code, asked.browser.clone()).await
        }
        (signed_in, _) => signed_in.opened(),
    }
}

fn opened(asked: &SignInCtx, opened: &OpenedSession) -> Response {
    asked.give(reply::send(shown(&opened.session)), opened)
}

/// Sign in with a password. The session is in a cookie of this host: `__Host-session`, or over plain HTTP on a loopback
/// name `session`. A session that the client had ends.
#[utoipa::path(
    put,
    path = "/session",
    operation_id = "sign_in",
    tag = "people",
    request_body = SignInFields,
    responses((status = 200, body = OwnSessionView)),
    extensions(("x-problems" = json!(["sign_in_failed", "second_factor_required", "tls_required"])))
)]
async fn sign_in(
    State(state): State<ApiState>,
    command: Command<SignInCtx, SignInFields>,
) -> Result<Response, RichError> {
    let (asked, fields) = (command.ctx, command.body);
    let limits = state.http().limits();
    let admission = match limits.admit_sign_in(&fields.email, asked.browser.address.as_deref()) {
        Ok(admission) => admission,
        Err(refused) => return Ok(refused.into_response()),
    };
    let sign_in = SignIn {
        email: &fields.email,
        password: &fields.password,
        browser: asked.browser.clone(),
    };
    check_code(fields.code.as_deref())?;
    let signed_in = people::sign_in(&asked.ctx, sign_in).await?;
    let session = finished(&asked, signed_in, fields.code.as_deref()).await?;
    let mut response = opened(&asked, &session);
    admission.write_headers(&mut response);
    Ok(response)
}

/// Sign in with a link, which the operator makes by `rustok user link`. It works once, within an hour.
#[utoipa::path(
    put,
    path = "/session/link",
    operation_id = "exchange_sign_in_link",
    tag = "people",
    request_body = LinkFields,
    responses((status = 200, body = OwnSessionView)),
    extensions(("x-problems" = json!(["sign_in_failed", "second_factor_required", "tls_required"])))
)]
async fn exchange_link(command: Command<SignInCtx, LinkFields>) -> Result<Response, RichError> {
    let asked = command.ctx;
    let fields = command.body;
    check_code(fields.code.as_deref())?;
    let signed_in = people::exchange_link(&asked.ctx, &fields.link, asked.browser.clone()).await?;
    let session = finished(&asked, signed_in, fields.code.as_deref()).await?;
    Ok(opened(&asked, &session))
}

/// Accept an invitation: become a member, with a new account or with the one that has the address. It opens no session.
#[utoipa::path(
    put,
    path = "/session/invitation",
    operation_id = "accept_invitation",
    tag = "people",
    request_body = AcceptFields,
    responses((status = 200, body = MemberView)),
    extensions(("x-problems" = json!([
        "sign_in_failed", "tls_required", "invitation_not_found", "already_member", "email_taken", "too_many_members"
    ])))
)]
async fn accept(
    State(state): State<ApiState>,
    command: Command<SignInCtx, AcceptFields>,
) -> Result<Response, RichError> {
    let (asked, fields) = (command.ctx, command.body);
    let limits = state.http().limits();
    if let Err(refused) = limits.admit_sign_in(&fields.invitation, asked.browser.address.as_deref()) {
        return Ok(refused.into_response());
    }
    let accept = AcceptInvitation {
        invitation: &fields.invitation,
        name: &fields.name,
        password: &fields.password,
    };
    let member = people::accept(&asked.ctx, accept).await?;
    let view = MemberView::from(&member);
    Ok(reply::send(reply::stored(
        StatusCode::OK,
        &view,
        (&member).into(),
        None,
    )))
}

/// Who is signed in.
#[utoipa::path(
    get,
    path = "/session",
    operation_id = "read_session",
    tag = "people",
    security(("session" = [])),
    responses(
        (status = 200, body = OwnSessionView),
        (status = 304, description = "`If-None-Match` names what is shown now.")
    )
)]
async fn read(AdminCtx(ctx): AdminCtx, headers: HeaderMap) -> Result<Response, RichError> {
    let session = people::read_session(&ctx).await?;
    let view = OwnSessionView::from(&session);
    Ok(reply::resource(&headers, &view, (&session.member).into()))
}

/// Sign out.
#[utoipa::path(
    delete,
    path = "/session",
    operation_id = "sign_out",
    tag = "people",
    security(("session" = [])),
    responses((status = 204)),
    extensions(("x-problems" = json!(["session_not_found"])))
)]
async fn sign_out(ended: EndedSession, command: Command<AdminCtx, Empty>) -> Result<Response, RichError> {
    people::sign_out(&command.ctx.0).await?;
    Ok(ended.take(reply::no_content()))
}

/// List the own sessions at this shop or site, the newest first.
#[utoipa::path(
    get,
    path = "/sessions",
    operation_id = "list_sessions",
    tag = "people",
    security(("session" = [])),
    responses((status = 200, body = SessionList))
)]
async fn list(AdminCtx(ctx): AdminCtx) -> Result<Response, RichError> {
    let items = people::list_sessions(&ctx).await?;
    let items = items.into_iter().map(SessionView::from).collect();
    Ok(reply::list(&SessionList { items }))
}

/// End one of the own sessions.
#[utoipa::path(
    delete,
    path = "/sessions/{id}",
    operation_id = "end_session",
    tag = "people",
    security(("session" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 204)),
    extensions(("x-problems" = json!(["session_not_found"])))
)]
async fn end(
    PathParams(id): PathParams<SessionId>,
    command: Command<AdminCtx, Empty>,
) -> Result<Response, RichError> {
    people::end_session(&command.ctx.0, id).await?;
    Ok(reply::no_content())
}

/// End all own sessions at this shop or site, this one included.
#[utoipa::path(
    delete,
    path = "/sessions",
    operation_id = "end_all_sessions",
    tag = "people",
    security(("session" = [])),
    responses((status = 204))
)]
async fn end_all(ended: EndedSession, command: Command<AdminCtx, Empty>) -> Result<Response, RichError> {
    people::end_all_sessions(&command.ctx.0).await?;
    Ok(ended.take(reply::no_content()))
}

/// Change the own password. All other sessions of the account end, at every shop and site.
#[utoipa::path(
    put,
    path = "/password",
    operation_id = "change_password",
    tag = "people",
    security(("session" = [])),
    request_body = PasswordFields,
    responses((status = 204))
)]
async fn change_password(
    State(state): State<ApiState>,
    command: Command<AdminCtx, PasswordFields>,
) -> Result<Response, RichError> {
    let (ctx, fields) = (command.ctx.0, command.body);
    if let Err(refused) = state.http().limits().admit_sign_in(&ctx.actor.to_string(), None) {
        return Ok(refused.into_response());
    }
    let change = ChangePassword {
        current: &fields.current_password,
        new: &fields.new_password,
    };
    people::change_password(&ctx, change).await?;
    Ok(reply::no_content())
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(read, sign_in, sign_out))
        .routes(routes!(exchange_link))
        .routes(routes!(accept))
        .routes(routes!(list, end_all))
        .routes(routes!(end))
        .routes(routes!(change_password))
}
