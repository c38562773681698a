//! `/admin/account`: the member's own password, sessions, language and look.

use crate::form::{Fields, Form};
use crate::format::Moment;
use crate::respond::{PageResult, done, page_with, refused_status};
use crate::view::{SCHEMES, Section, View};
use crate::visit::{Posted, Visit};
use crate::words::Language;
use askama::Template;
use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::{Router, routing};
use http::StatusCode;
use rustok_app::people::{self, ChangePassword};
use rustok_auth::ids::SessionId;
use rustok_auth::{Actor, Session};
use rustok_http::extract::PathParams;
use rustok_http::state::HttpState;

const PATH: &str = "/admin/account";

/// One session of the member.
struct Row {
    id: String,
    device: String,
    place: String,
    host: String,
    opened: Moment,
    seen: Moment,
    is_own: bool,
}

#[derive(Template)]
#[template(path = "admin/account.html")]
struct Account<'a> {
    v: &'a View,
    name: String,
    email: String,
    has_second: bool,
    form: Form,
    sessions: Vec<Row>,
    has_others: bool,
    languages: [Language; 2],
    schemes: [(&'static str, &'static str); 2],
}

/// What a browser calls itself, as people call it; the text itself if it is unknown.
fn device(agent: &str) -> String {
    const BROWSERS: [(&str, &str); 6] = [
        ("Edg/", "Edge"),
        ("OPR/", "Opera"),
        ("Firefox/", "Firefox"),
        ("Chrome/", "Chrome"),
        ("Safari/", "Safari"),
        ("curl/", "curl"),
    ];
    const SYSTEMS: [(&str, &str); 6] = [
        ("iPhone", "iPhone"),
        ("iPad", "iPad"),
        ("Android", "Android"),
        ("Windows", "Windows"),
        ("Mac OS X", "macOS"),
        ("Linux", "Linux"),
    ];
    let known = |names: &[(&str, &'static str)]| {
        let found = names.iter().find(|(mark, _)| agent.contains(mark));
        found.map(|(_, name)| *name)
    };
    match (known(&BROWSERS), known(&SYSTEMS)) {
        (Some(browser), Some(system)) => format!("{browser}, {system}"),
        (Some(name), None) | (None, Some(name)) => name.to_owned(),
        (None, None) => agent.to_owned(),
    }
}

fn row(view: &View, own: Option<SessionId>, session: &Session) -> Row {
    let known = device(&session.device);
    Row {
        id: session.id.to_string(),
        device: match known.is_empty() {
            true => view.t("session-unknown-device").into_owned(),
            false => known,
        },
        place: session.address.clone().unwrap_or_default(),
        host: session.host.clone(),
        opened: view.formats.short(session.created_at),
        seen: view.formats.short(session.seen_at),
        is_own: own == Some(session.id),
    }
}

async fn render(Visit { ctx, view, .. }: Visit, status: StatusCode, form: Form) -> PageResult {
    let view = view.at(Section::Account);
    let own = match ctx.actor {
        Actor::User { session, .. } => Some(session),
        _ => None,
    };
    let member = view.member.clone();
    let has_second = member
        .as_ref()
        .is_some_and(|member| member.second_factor_at.is_some());
    let (name, email) = member
        .map(|member| (member.name, member.email))
        .unwrap_or_default();
    let sessions = people::list_sessions(&ctx).await?;
    let template = Account {
        name,
        email,
        has_second,
        form,
        has_others: sessions.len() > 1,
        sessions: sessions.iter().map(|session| row(&view, own, session)).collect(),
        languages: Language::ALL,
        schemes: [(SCHEMES[0], "scheme-light"), (SCHEMES[1], "scheme-dark")],
        v: &view,
    };
    page_with(status, &view, &template)
}

async fn show(visit: Visit) -> PageResult {
    render(visit, StatusCode::OK, Form::default()).await
}

async fn change_password(State(http): State<HttpState>, posted: Posted) -> PageResult {
    let Posted { visit, fields } = posted;
    // A guess of the present password, as one at the sign-in.
    let account = visit.ctx.actor.to_string();
    if let Err(refused) = http.limits().admit_sign_in(&account, None) {
        return Ok(refused.into_response());
    }
    let change = ChangePassword {
        current: fields.text("current_password"),
        new: fields.text("new_password"),
    };
    match people::change_password(&visit.ctx, change).await {
        Ok(()) => done(PATH, "flash-password-changed"),
        Err(refusal) => {
            let (status, refusal) = refused_status(refusal)?;
            // What was typed is secret: it is not shown again.
            let form = Form::refused(visit.view.words, Fields::default(), &refusal);
            render(visit, status, form).await
        }
    }
}

async fn end(PathParams(id): PathParams<SessionId>, posted: Posted) -> PageResult {
    match people::end_session(&posted.visit.ctx, id).await {
        Ok(()) => done(PATH, "flash-session-ended"),
        // It ended meanwhile, which is what was wanted.
        Err(refusal) if refusal.code() == "session_not_found" => done(PATH, "flash-session-ended"),
        Err(refusal) => Err(refusal),
    }
}

async fn end_others(posted: Posted) -> PageResult {
    people::end_other_sessions(&posted.visit.ctx).await?;
    done(PATH, "flash-sessions-ended")
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route(PATH, routing::get(show))
        .route("/admin/account/password", routing::post(change_password))
        .route("/admin/account/sessions/end", routing::post(end_others))
        .route("/admin/account/sessions/{id}/end", routing::post(end))
}

#[cfg(test)]
mod tests {
    use super::device;

    #[test]
    fn a_device_is_named_as_people_name_it() {
        for (agent, name) in [
            (
                "Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/141.0.0.0 Safari/537.36",
                "Chrome, Linux",
            ),
            (
                "Mozilla/5.0 (iPhone; CPU iPhone OS 18_0 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) \
                 Version/18.0 Mobile/15E148 Safari/604.1",
                "Safari, iPhone",
            ),
            (
                "Mozilla/5.0 (Windows NT 10.0; Win64; x64; rv:140.0) Gecko/20100101 Firefox/140.0",
                "Firefox, Windows",
            ),
            ("curl/8.5.0", "curl"),
            ("Lynx/2.9", "Lynx/2.9"),
            ("", ""),
        ] {
            assert_eq!(device(agent), name);
        }
    }
}
