//! `/admin/sign-in` and `/admin/sign-out`: by a password, or by a link that works once, and then by the second factor of an
//! account that has one.

use super::preferences::own_path;
use super::recovery::with_next;
use crate::form::{Fields, Form};
use crate::respond::{PageResult, done, page, page_with};
use crate::view::{Reader, View};
use crate::visit::{Asked, OpenForm, Posted, see_other};
use crate::words::Language;
use askama::Template;
use axum::extract::State;
use axum::response::{IntoResponse as _, Response};
use axum::{Router, routing};
use http::{HeaderMap, StatusCode};
use rustok_app::people::{self, PendingSignIn, SignIn, SignedIn};
use rustok_core::error::{ErrorKind, RichError};
use rustok_http::session::{EndedSession, SignInCtx};
use rustok_http::state::HttpState;

#[derive(Template)]
#[template(path = "admin/sign_in.html")]
struct SignInPage<'a> {
    v: &'a View,
    form: Form,
    languages: [Language; 2],
    code_path: Option<String>,
}

#[derive(Template)]
#[template(path = "admin/sign_in_link.html")]
struct LinkPage<'a> {
    v: &'a View,
    form: Form,
}

#[derive(Template)]
#[template(path = "admin/sign_in_second.html")]
struct SecondPage<'a> {
    v: &'a View,
    form: Form,
}

/// The page that sends a code, if mails are sent.
fn code_path(asked: &SignInCtx, next: &str) -> Option<String> {
    let has_mail = asked.ctx.services.mail.is_on();
    has_mail.then(|| with_next("/admin/sign-in/code", next))
}

async fn show(asked: SignInCtx, Asked(query): Asked, headers: HeaderMap) -> PageResult {
    let view = View::of_stranger(&asked.ctx, Reader::of(&headers));
    let next = own_path(query.text("next")).to_owned();
    let template = SignInPage {
        v: &view,
        form: Form::new(Fields::of([("next", next.clone())])),
        languages: Language::ALL,
        code_path: code_path(&asked, &next),
    };
    page(&view, &template)
}

async fn sign_in(
    State(http): State<HttpState>,
    asked: SignInCtx,
    headers: HeaderMap,
    OpenForm(fields): OpenForm,
) -> PageResult {
    let limits = http.limits();
    if let Err(refused) = limits.admit_sign_in(fields.text("email"), asked.browser.address.as_deref()) {
        return Ok(refused.into_response());
    }
    let sign_in = SignIn {
        email: fields.text("email"),
        password: fields.text("password"),
        browser: asked.browser.clone(),
    };
    match people::sign_in(&asked.ctx, sign_in).await {
        Ok(signed_in) => Ok(next_step(&asked, signed_in, fields.text("next"))),
        Err(refusal) => {
            let (status, refusal) = shown_again(refusal)?;
            let view = View::of_stranger(&asked.ctx, Reader::of(&headers));
            let shown = Fields::of([
                ("email", fields.text("email").to_owned()),
                ("next", own_path(fields.text("next")).to_owned()),
            ]);
            let template = SignInPage {
                form: Form::refused(view.words, shown, &refusal),
                v: &view,
                languages: Language::ALL,
                code_path: code_path(&asked, fields.text("next")),
            };
            page_with(status, &view, &template)
        }
    }
}

/// After a right password, link or code of a mail: the page that was asked for, or that of the second factor.
pub(super) fn next_step(asked: &SignInCtx, signed_in: SignedIn, next: &str) -> Response {
    match signed_in {
        SignedIn::Opened(opened) => asked.give(see_other(own_path(next)), &opened),
        SignedIn::Pending(pending) => {
            let to = see_other(&with_next("/admin/sign-in/second", next));
            asked.give_pending(to, &pending)
        }
    }
}

async fn show_second(asked: SignInCtx, Asked(query): Asked, headers: HeaderMap) -> PageResult {
    let view = View::of_stranger(&asked.ctx, Reader::of(&headers));
    let next = own_path(query.text("next")).to_owned();
    let form = Form::new(Fields::of([("next", next)]));
    page(&view, &SecondPage { v: &view, form })
}

async fn enter_second(
    State(http): State<HttpState>,
    asked: SignInCtx,
    headers: HeaderMap,
    OpenForm(fields): OpenForm,
) -> PageResult {
    let sent = asked.pending.as_deref().unwrap_or_default();
    let refusal = match PendingSignIn::open(&asked.ctx, sent, &asked.browser.host) {
        Ok(pending) => {
            let account = format!("second factor of {}", pending.user);
            let address = asked.browser.address.as_deref();
            if let Err(refused) = http.limits().admit_sign_in(&account, address) {
                return Ok(refused.into_response());
            }
            let (code, browser) = (fields.text("code"), asked.browser.clone());
            match people::finish_sign_in(&asked.ctx, &pending, code, browser).await {
                Ok(opened) => return Ok(asked.give(see_other(own_path(fields.text("next"))), &opened)),
                Err(refusal) => refusal,
            }
        }
        Err(refusal) => refusal,
    };
    let (status, refusal) = shown_again(refusal)?;
    let view = View::of_stranger(&asked.ctx, Reader::of(&headers));
    let kept = Fields::of([("next", own_path(fields.text("next")).to_owned())]);
    let mut form = Form::refused(view.words, kept, &refusal);
    form.problem = Some(view.t("second-wrong").into_owned());
    page_with(status, &view, &SecondPage { v: &view, form })
}

/// The status of the page that is shown again, with what is wrong.
///
/// # Errors
/// The refusal, if it is not about what was typed.
pub(super) fn shown_again(refusal: RichError) -> Result<(StatusCode, RichError), RichError> {
    match refusal.kind() {
        ErrorKind::Unauthenticated => Ok((StatusCode::UNAUTHORIZED, refusal)),
        ErrorKind::Validation => Ok((StatusCode::UNPROCESSABLE_ENTITY, refusal)),
        _ => Err(refusal),
    }
}

/// Shows a button: what only follows a link, such as a scanner of mails, does not use it up.
async fn show_link(asked: SignInCtx, Asked(query): Asked, headers: HeaderMap) -> PageResult {
    let view = View::of_stranger(&asked.ctx, Reader::of(&headers));
    let link = query.text("link").to_owned();
    let template = LinkPage {
        v: &view,
        form: Form::new(Fields::of([("link", link)])),
    };
    page(&view, &template)
}

async fn use_link(
    State(http): State<HttpState>,
    asked: SignInCtx,
    headers: HeaderMap,
    OpenForm(fields): OpenForm,
) -> PageResult {
    let limits = http.limits();
    if let Err(refused) = limits.admit_sign_in(fields.text("link"), asked.browser.address.as_deref()) {
        return Ok(refused.into_response());
    }
    match people::exchange_link(&asked.ctx, fields.text("link"), asked.browser.clone()).await {
        Ok(signed_in) => Ok(next_step(&asked, signed_in, "/admin")),
        Err(refusal) => {
            let (status, refusal) = shown_again(refusal)?;
            let view = View::of_stranger(&asked.ctx, Reader::of(&headers));
            let mut form = Form::refused(view.words, Fields::default(), &refusal);
            form.problem = Some(view.t("sign-in-link-used").into_owned());
            page_with(status, &view, &LinkPage { v: &view, form })
        }
    }
}

async fn sign_out(ended: EndedSession, posted: Posted) -> Result<Response, crate::visit::Refusal> {
    people::sign_out(&posted.visit.ctx).await?;
    Ok(ended.take(done("/admin/sign-in", "flash-signed-out")?))
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/admin/sign-in", routing::get(show).post(sign_in))
        .route(
            "/admin/sign-in/second",
            routing::get(show_second).post(enter_second),
        )
        .route("/admin/sign-in/link", routing::get(show_link).post(use_link))
        .route("/admin/sign-out", routing::post(sign_out))
}
