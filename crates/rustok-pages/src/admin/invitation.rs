//! `/admin/invitation`: an invited person becomes a member, and is signed in.

use super::sign_in::next_step;
use crate::form::{Fields, Form};
use crate::respond::{PageResult, done, page, page_with};
use crate::view::{Reader, View};
use crate::visit::{Asked, OpenForm};
use crate::words::Language;
use askama::Template;
use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::{Router, routing};
use http::{HeaderMap, StatusCode};
use rustok_app::people::{self, AcceptInvitation, SignIn};
use rustok_http::session::SignInCtx;
use rustok_http::state::HttpState;

#[derive(Template)]
#[template(path = "admin/invitation.html")]
struct InvitationPage<'a> {
    v: &'a View,
    form: Form,
    languages: [Language; 2],
    here: String,
}

fn template(view: &View, form: Form) -> InvitationPage<'_> {
    InvitationPage {
        here: format!("/admin/invitation?invitation={}", form.value("invitation")),
        form,
        languages: Language::ALL,
        v: view,
    }
}

async fn show(asked: SignInCtx, Asked(query): Asked, headers: HeaderMap) -> PageResult {
    let view = View::of_stranger(&asked.ctx, Reader::of(&headers));
    let invitation = query.text("invitation").to_owned();
    let form = Form::new(Fields::of([("invitation", invitation)]));
    page(&view, &template(&view, form))
}

async fn accept(
    State(http): State<HttpState>,
    asked: SignInCtx,
    headers: HeaderMap,
    OpenForm(fields): OpenForm,
) -> PageResult {
    let limits = http.limits();
    if let Err(refused) = limits.admit_sign_in(fields.text("invitation"), asked.browser.address.as_deref()) {
        return Ok(refused.into_response());
    }
    let accepted = AcceptInvitation {
        invitation: fields.text("invitation"),
        name: fields.text("name"),
        password: fields.text("password"),
    };
    let refusal = match people::accept(&asked.ctx, accepted).await {
        Ok(member) => {
            let sign_in = SignIn {
                email: &member.email,
                password: fields.text("password"),
                browser: asked.browser.clone(),
            };
            return match people::sign_in(&asked.ctx, sign_in).await {
                Ok(signed_in) => Ok(next_step(&asked, signed_in, "/admin")),
                // They are a member all the same, and can sign in by themselves.
                Err(_) => done("/admin/sign-in", "flash-joined"),
            };
        }
        Err(refusal) => refusal,
    };
    let status = match refusal.status() {
        status @ (401 | 404 | 409 | 422) => StatusCode::from_u16(status).ok(),
        _ => None,
    };
    let Some(status) = status else {
        return Err(refusal);
    };
    let view = View::of_stranger(&asked.ctx, Reader::of(&headers));
    let kept = ["invitation", "name"].map(|name| (name, fields.text(name).to_owned()));
    let mut form = Form::refused(view.words, Fields::of(kept), &refusal);
    if status == StatusCode::UNAUTHORIZED {
        form.problem = Some(view.t("invitation-other-password").into_owned());
    }
    page_with(status, &view, &template(&view, form))
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/admin/invitation", routing::get(show).post(accept))
}
