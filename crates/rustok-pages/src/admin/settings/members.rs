//! `/admin/settings/members`: who works here, and in which role; invitations, whose link is shown once.

use super::{Place, places, refused, save};
use crate::form::{Fields, Form};
use crate::format::Moment;
use crate::respond::{PageResult, done, page_with};
use crate::seen;
use crate::view::{Section, View};
use crate::visit::{Asked, Posted, Visit};
use askama::Template;
use axum::extract::State;
use axum::{Router, routing};
use http::StatusCode;
use rustok_app::people::{self, Invitation, Invite, IssuedInvitation, SetRole};
use rustok_app::{Ctx, IdempotencyKey, Saved, Target, tenants};
use rustok_auth::ids::{InvitationId, UserId};
use rustok_auth::{Action, Actor, Member, Role};
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use rustok_http::extract::PathParams;
use rustok_http::session::Origin;
use rustok_http::state::HttpState;

const PATH: &str = "/admin/settings/members";

/// A role that can be given.
struct RoleChoice {
    name: &'static str,
    key: &'static str,
    text_key: &'static str,
    is_chosen: bool,
}

/// One member.
struct Row {
    id: String,
    name: String,
    email: String,
    role_key: &'static str,
    is_self: bool,
    is_disabled: bool,
    has_second: bool,
    since: Moment,
    may_change: bool,
}

/// An invitation that is not accepted yet.
struct Open {
    id: String,
    email: String,
    role_key: &'static str,
    expires: Moment,
    may_revoke: bool,
}

/// What the page asks before it is done: a change of a role, or a removal.
struct Question {
    id: String,
    seen: String,
    name: String,
    is_removal: bool,
    is_self: bool,
    roles: Vec<RoleChoice>,
}

/// A new invitation, shown once.
struct Issued {
    email: String,
    link: String,
    expires: Moment,
}

#[derive(Template)]
#[template(path = "admin/settings/members.html")]
struct Members<'a> {
    v: &'a View,
    places: Vec<Place>,
    form: Form,
    members: Vec<Row>,
    invitations: Vec<Open>,
    question: Option<Question>,
    issued: Option<Issued>,
    roles: Vec<RoleChoice>,
    may_invite: bool,
    /// Whether a second factor is asked for, and the version of the shop that says so; `None` for who may not change it.
    second: Option<(bool, String)>,
    conflict: Option<String>,
}

/// The key of the name of a role.
pub(super) const fn role_key(role: Role) -> &'static str {
    match role {
        Role::Owner => "role-owner",
        Role::Admin => "role-admin",
        Role::Manager => "role-manager",
        Role::Editor => "role-editor",
        Role::Author => "role-author",
        Role::Support => "role-support",
        Role::Viewer => "role-viewer",
    }
}

/// The key of what a role may do.
const fn role_text(role: Role) -> &'static str {
    match role {
        Role::Owner => "role-owner-text",
        Role::Admin => "role-admin-text",
        Role::Manager => "role-manager-text",
        Role::Editor => "role-editor-text",
        Role::Author => "role-author-text",
        Role::Support => "role-support-text",
        Role::Viewer => "role-viewer-text",
    }
}

/// The roles that the member may give, the least first.
fn roles(view: &View, chosen: &str) -> Vec<RoleChoice> {
    let given = Role::ALL.into_iter().rev().filter(|role| view.may_give(*role));
    given
        .map(|role| RoleChoice {
            name: role.as_str(),
            key: role_key(role),
            text_key: role_text(role),
            is_chosen: role.as_str() == chosen,
        })
        .collect()
}

/// What a request adds to the page.
#[derive(Default)]
struct Said {
    form: Form,
    question: Option<(UserId, bool)>,
    issued: Option<Issued>,
    conflict: Option<String>,
}

fn is_self(ctx: &Ctx, member: &Member) -> bool {
    matches!(ctx.actor, Actor::User { id, .. } if id == member.user_id)
}

fn row(view: &View, ctx: &Ctx, member: &Member) -> Row {
    Row {
        id: member.user_id.to_string(),
        name: member.name.clone(),
        email: member.email.clone(),
        role_key: role_key(member.role),
        is_self: is_self(ctx, member),
        is_disabled: member.disabled_at.is_some(),
        has_second: member.second_factor_at.is_some(),
        since: view.formats.short(member.created_at),
        may_change: view.may(Action::ManageMembers) && view.may_give(member.role),
    }
}

fn open_invitation(view: &View, invitation: &Invitation) -> Open {
    Open {
        id: invitation.id.to_string(),
        email: invitation.email.clone(),
        role_key: role_key(invitation.role),
        expires: view.formats.short(invitation.expires_at),
        may_revoke: view.may(Action::ManageMembers) && view.may_give(invitation.role),
    }
}

async fn render(Visit { ctx, view, .. }: Visit, status: StatusCode, said: Said) -> PageResult {
    let view = view.at(Section::Settings);
    let members = people::list_members(&ctx).await?;
    let invitations = people::list_invitations(&ctx).await?;
    let question = said.question.and_then(|(id, is_removal)| {
        let member = members.iter().find(|member| member.user_id == id)?;
        Some(Question {
            id: id.to_string(),
            seen: seen::text(Saved::from(member)),
            name: member.name.clone(),
            is_removal,
            is_self: is_self(&ctx, member),
            roles: roles(&view, member.role.as_str()),
        })
    });
    let second = match view.may(Action::ManageSettings) {
        true => {
            let tenant = tenants::read_own(&ctx).await?;
            Some((
                tenant.settings.require_second_factor,
                seen::text(Saved::from(&tenant)),
            ))
        }
        false => None,
    };
    let template = Members {
        second,
        places: places(&view, PATH),
        members: members.iter().map(|member| row(&view, &ctx, member)).collect(),
        invitations: invitations
            .iter()
            .map(|invitation| open_invitation(&view, invitation))
            .collect(),
        roles: roles(&view, said.form.fields.filled("role").unwrap_or("editor")),
        may_invite: view.may(Action::ManageMembers),
        form: said.form,
        question,
        issued: said.issued,
        conflict: said.conflict,
        v: &view,
    };
    page_with(status, &view, &template)
}

async fn show(visit: Visit, Asked(query): Asked) -> PageResult {
    let asked = |name: &str| query.filled(name).and_then(|id| id.parse().ok());
    let question = match (asked("role"), asked("remove")) {
        (Some(id), _) => Some((id, false)),
        (None, Some(id)) => Some((id, true)),
        (None, None) => None,
    };
    let said = Said {
        question,
        ..Said::default()
    };
    render(visit, StatusCode::OK, said).await
}

/// The page as it is now, with a note why a change was not made.
async fn refused_change(visit: Visit, refusal: RichError) -> PageResult {
    let status = match refusal.status() {
        status @ (403 | 404 | 409 | 412) => StatusCode::from_u16(status).ok(),
        _ => None,
    };
    let Some(status) = status else {
        return Err(refusal);
    };
    let said = Said {
        conflict: Some(visit.view.words.problem(&refusal.to_response()).into_owned()),
        ..Said::default()
    };
    render(visit, status, said).await
}

fn typed_role(text: &str) -> Result<Role, RichError> {
    text.parse::<Role>().map_err(|unknown| {
        let violation = FieldViolation::new("#/role", "invalid", unknown.to_string());
        RichError::new(ErrorKind::Validation, "no such role").with_violations([violation])
    })
}

fn target(id: UserId, fields: &Fields) -> Target<UserId> {
    Target {
        id,
        if_match: seen::condition(fields),
    }
}

async fn set_role(PathParams(id): PathParams<UserId>, posted: Posted) -> PageResult {
    let Posted { visit, fields } = posted;
    visit.ctx.authorize(Action::ManageMembers)?;
    let set = SetRole {
        member: target(id, &fields),
        role: typed_role(fields.text("role"))?,
    };
    match people::set_role(&visit.ctx, set).await {
        Ok(_) => done(PATH, "flash-role-changed"),
        Err(refusal) => refused_change(visit, refusal).await,
    }
}

async fn remove(PathParams(id): PathParams<UserId>, posted: Posted) -> PageResult {
    let Posted { visit, fields } = posted;
    let leaves = matches!(visit.ctx.actor, Actor::User { id: own, .. } if own == id);
    match people::remove_member(&visit.ctx, target(id, &fields)).await {
        Ok(()) if leaves => done("/admin/sign-in", "flash-left"),
        Ok(()) => done(PATH, "flash-member-removed"),
        Err(refusal) => refused_change(visit, refusal).await,
    }
}

async fn invite(Origin(origin): Origin, posted: Posted) -> PageResult {
    let Posted { mut visit, fields } = posted;
    let start = origin.clone().unwrap_or_default();
    visit.ctx.origin = origin;
    visit.ctx.authorize(Action::ManageMembers)?;
    match try_invite(&visit.ctx, &fields).await {
        Ok(IssuedInvitation { invitation, secret }) => {
            let issued = Issued {
                link: format!("{start}/admin/invitation?invitation={}", secret.expose()),
                expires: visit.view.formats.short(invitation.expires_at),
                email: invitation.email,
            };
            let said = Said {
                issued: Some(issued),
                ..Said::default()
            };
            // The link is in this response alone: it is not kept, and loading the page again sends the form again.
            render(visit, StatusCode::OK, said).await
        }
        Err(refusal) => {
            let (status, form) = refused(&visit.view, fields, refusal)?;
            let said = Said {
                form,
                ..Said::default()
            };
            render(visit, status, said).await
        }
    }
}

async fn try_invite(ctx: &Ctx, fields: &Fields) -> Result<IssuedInvitation, RichError> {
    let invite = Invite {
        email: fields.text("email").trim().to_owned(),
        role: typed_role(fields.text("role"))?,
    };
    people::invite(ctx, invite, IdempotencyKey::none()).await?.made()
}

async fn revoke(PathParams(id): PathParams<InvitationId>, posted: Posted) -> PageResult {
    match people::revoke_invitation(&posted.visit.ctx, id).await {
        Ok(()) => done(PATH, "flash-invitation-revoked"),
        Err(refusal) => refused_change(posted.visit, refusal).await,
    }
}

/// Whether every member needs a second factor.
async fn require_second(State(http): State<HttpState>, posted: Posted) -> PageResult {
    let Posted { visit, fields } = posted;
    let is_required = fields.text("require_second_factor") == "true";
    let saved = save(&http, &visit.ctx, &fields, |edit| {
        edit.settings.require_second_factor = is_required;
        Ok(())
    });
    match saved.await {
        Ok(_) => done(PATH, "flash-saved"),
        Err(refusal) => refused_change(visit, refusal).await,
    }
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route(PATH, routing::get(show).post(invite))
        .route("/admin/settings/second-factor", routing::post(require_second))
        .route("/admin/settings/members/{id}/role", routing::post(set_role))
        .route("/admin/settings/members/{id}/remove", routing::post(remove))
        .route("/admin/settings/invitations/{id}/revoke", routing::post(revoke))
}
