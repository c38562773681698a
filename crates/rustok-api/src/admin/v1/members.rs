//! `/members` and `/invitations`: who works in a shop or site, and in which role.

use crate::state::ApiState;
use axum::response::Response;
use http::StatusCode;
use rustok_app::people::{self, Invitation, Invite, IssuedInvitation, SetRole};
use rustok_app::{Ctx, Saved, StoredReply};
use rustok_auth::ids::{InvitationId, UserId};
use rustok_auth::{Action, Member, Role};
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use rustok_http::extract::{AdminCtx, Command, Empty, IfMatch, PathParams};
use rustok_http::reply::{self, Repeatable};
use rustok_http::session::Origin;
use serde::{Deserialize, Serialize};
use utoipa::ToSchema;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// A person of this shop or site.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Member)]
pub(super) struct MemberView {
    /// The account.
    id: Uuid,
    email: String,
    name: String,
    /// `owner`, `admin`, `manager`, `editor`, `author`, `support` or `viewer`.
    role: &'static str,
    /// Since when: RFC 3339, UTC.
    created_at: String,
    /// Since when the account cannot be used.
    #[schema(required)]
    disabled_at: Option<String>,
    version: i64,
}

impl From<&Member> for MemberView {
    fn from(member: &Member) -> Self {
        Self {
            id: member.user_id.as_uuid(),
            email: member.email.clone(),
            name: member.name.clone(),
            role: member.role.as_str(),
            created_at: member.created_at.to_string(),
            disabled_at: member.disabled_at.map(|at| at.to_string()),
            version: member.version,
        }
    }
}

/// The members: a page is all there are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MemberList {
    items: Vec<MemberView>,
}

/// Who is invited, and to what.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = Invite)]
pub(super) struct InviteFields {
    #[schema(example = "joe@example.com")]
    email: String,
    /// `owner`, `admin`, `manager`, `editor`, `author`, `support` or `viewer`; not above the own.
    #[schema(example = "editor")]
    role: String,
}

/// A member's next role.
#[derive(Debug, Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = SetRole)]
pub(super) struct RoleFields {
    /// `owner`, `admin`, `manager`, `editor`, `author`, `support` or `viewer`; not above the own.
    #[schema(example = "editor")]
    role: String,
}

/// An invitation that can be accepted.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Invitation)]
pub(super) struct InvitationView {
    id: Uuid,
    email: String,
    role: &'static str,
    /// RFC 3339, UTC.
    created_at: String,
    expires_at: String,
}

impl From<&Invitation> for InvitationView {
    fn from(invitation: &Invitation) -> Self {
        Self {
            id: invitation.id.as_uuid(),
            email: invitation.email.clone(),
            role: invitation.role.as_str(),
            created_at: invitation.created_at.to_string(),
            expires_at: invitation.expires_at.to_string(),
        }
    }
}

/// A new invitation.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = IssuedInvitation)]
pub(super) struct IssuedView {
    #[serde(flatten)]
    invitation: InvitationView,
    /// Hand it to the person who is invited; it is shown this once.
    secret: String,
}

/// The invitations: a page is all there are.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct InvitationList {
    items: Vec<InvitationView>,
}

fn role(text: &str) -> Result<Role, RichError> {
    text.parse::<Role>().map_err(|unknown| {
        let violation = FieldViolation::new("#/role", "invalid", unknown.to_string());
        RichError::new(ErrorKind::Validation, "no such role").with_violations([violation])
    })
}

/// List the members.
#[utoipa::path(
    get,
    path = "/members",
    operation_id = "list_members",
    tag = "people",
    security(("tenant_token" = [])),
    responses((status = 200, body = MemberList))
)]
async fn list(AdminCtx(ctx): AdminCtx) -> Result<Response, RichError> {
    let members = people::list_members(&ctx).await?;
    let items = members.iter().map(MemberView::from).collect();
    Ok(reply::list(&MemberList { items }))
}

/// Give a member another role. Their sessions end. Nobody gives or takes a role that may do more than their own.
#[utoipa::path(
    put,
    path = "/members/{id}/role",
    operation_id = "set_member_role",
    tag = "people",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    request_body = RoleFields,
    responses((status = 200, body = MemberView)),
    extensions(("x-problems" = json!(["member_not_found", "role_above_own", "last_owner", "version_conflict"])))
)]
async fn set_role(
    PathParams(id): PathParams<UserId>,
    if_match: IfMatch,
    command: Command<AdminCtx, RoleFields>,
) -> Result<Response, RichError> {
    let ctx = command.ctx.0;
    // A missing permission is reported before anything else.
    ctx.authorize(Action::ManageMembers)?;
    let set = SetRole {
        member: if_match.target(id),
        role: role(&command.body.role)?,
    };
    let member = people::set_role(&ctx, set).await?;
    let view = MemberView::from(&member);
    Ok(reply::send(reply::stored(
        StatusCode::OK,
        &view,
        (&member).into(),
        None,
    )))
}

/// Remove a member, or leave. The account remains.
#[utoipa::path(
    delete,
    path = "/members/{id}",
    operation_id = "remove_member",
    tag = "people",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 204)),
    extensions(("x-problems" = json!(["member_not_found", "role_above_own", "last_owner", "version_conflict"])))
)]
async fn remove(
    PathParams(id): PathParams<UserId>,
    if_match: IfMatch,
    command: Command<AdminCtx, Empty>,
) -> Result<Response, RichError> {
    people::remove_member(&command.ctx.0, if_match.target(id)).await?;
    Ok(reply::no_content())
}

/// List the invitations that can be accepted.
#[utoipa::path(
    get,
    path = "/invitations",
    operation_id = "list_invitations",
    tag = "people",
    security(("tenant_token" = [])),
    responses((status = 200, body = InvitationList))
)]
async fn list_invitations(AdminCtx(ctx): AdminCtx) -> Result<Response, RichError> {
    let invitations = people::list_invitations(&ctx).await?;
    let items = invitations.iter().map(InvitationView::from).collect();
    Ok(reply::list(&InvitationList { items }))
}

fn issued(issued: &IssuedInvitation) -> StoredReply {
    let view = IssuedView {
        invitation: InvitationView::from(&issued.invitation),
        secret: issued.secret.expose(),
    };
    reply::stored(
        StatusCode::OK,
        &view,
        Saved::of(1, issued.invitation.created_at),
        None,
    )
}

/// Invite a person. Hand them the secret of the answer: within seven days they become a member by it, once. An earlier
/// invitation of the same address ends.
#[utoipa::path(
    post,
    path = "/invitations",
    operation_id = "create_invitation",
    tag = "people",
    security(("tenant_token" = [])),
    request_body = InviteFields,
    responses((status = 200, body = IssuedView)),
    extensions(("x-problems" = json!(["role_above_own", "already_member", "too_many_members"])))
)]
async fn invite(
    Origin(origin): Origin,
    command: Command<AdminCtx, InviteFields>,
) -> Result<Response, RichError> {
    let Command {
        ctx,
        body,
        idempotency,
    } = command;
    let ctx = Ctx { origin, ..ctx.0 };
    // A missing permission is reported before anything else.
    ctx.authorize(Action::ManageMembers)?;
    let invite = Invite {
        email: body.email,
        role: role(&body.role)?,
    };
    let reply = Repeatable::new(idempotency, issued);
    let done = people::invite(&ctx, invite, reply.key()).await?;
    Ok(reply.response(done))
}

/// Take an invitation back.
#[utoipa::path(
    delete,
    path = "/invitations/{id}",
    operation_id = "revoke_invitation",
    tag = "people",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 204)),
    extensions(("x-problems" = json!(["invitation_not_found", "role_above_own"])))
)]
async fn revoke(
    PathParams(id): PathParams<InvitationId>,
    command: Command<AdminCtx, Empty>,
) -> Result<Response, RichError> {
    people::revoke_invitation(&command.ctx.0, id).await?;
    Ok(reply::no_content())
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(list))
        .routes(routes!(set_role))
        .routes(routes!(remove))
        .routes(routes!(list_invitations, invite))
        .routes(routes!(revoke))
}
