//! `/admin/password-reset` and `/admin/sign-in/code`: for a person who reads their mailbox and has no password at hand.
//!
//! What is said after an address was typed is the same for every address.

use super::preferences::own_path;
use super::sign_in::{next_step, shown_again};
use crate::form::{Fields, Form};
use crate::respond::{PageResult, done, page, page_with, refused_status};
use crate::view::{Reader, View};
use crate::visit::{Asked, OpenForm, query_value, see_other};
use askama::Template;
use axum::extract::State;
use axum::response::IntoResponse as _;
use axum::{Router, routing};
use http::{HeaderMap, StatusCode};
use rustok_app::people;
use rustok_core::error::{ErrorKind, RichError};
use rustok_http::session::SignInCtx;
use rustok_http::state::HttpState;

/// The form that asks for an address.
#[derive(Template)]
#[template(path = "admin/recovery.html")]
struct AskPage<'a> {
    v: &'a View,
    form: Form,
    title: &'static str,
    text: &'static str,
    submit: &'static str,
    action: &'static str,
    has_mail: bool,
}

#[derive(Template)]
#[template(path = "admin/new_password.html")]
struct NewPasswordPage<'a> {
    v: &'a View,
    form: Form,
}

#[derive(Template)]
#[template(path = "admin/sign_in_code.html")]
struct CodePage<'a> {
    v: &'a View,
    form: Form,
    again: String,
}

fn ask_reset(view: &View, has_mail: bool, form: Form) -> AskPage<'_> {
    AskPage {
        form,
        title: "reset-title",
        text: "reset-text",
        submit: "reset-send",
        action: "/admin/password-reset",
        has_mail,
        v: view,
    }
}

fn ask_code(view: &View, has_mail: bool, form: Form) -> AskPage<'_> {
    AskPage {
        form,
        title: "code-title",
        text: "code-text",
        submit: "code-send",
        action: "/admin/sign-in/code",
        has_mail,
        v: view,
    }
}

fn stranger(asked: &SignInCtx, headers: &HeaderMap) -> View {
    View::of_stranger(&asked.ctx, Reader::of(headers))
}

async fn show_reset(asked: SignInCtx, Asked(query): Asked, headers: HeaderMap) -> PageResult {
    let view = stranger(&asked, &headers);
    match query.filled("reset") {
        Some(reset) => {
            let form = Form::new(Fields::of([("reset", reset.to_owned())]));
            page(&view, &NewPasswordPage { v: &view, form })
        }
        None => {
            let has_mail = asked.ctx.services.mail.is_on();
            page(&view, &ask_reset(&view, has_mail, Form::default()))
        }
    }
}

async fn reset(
    State(http): State<HttpState>,
    asked: SignInCtx,
    headers: HeaderMap,
    OpenForm(fields): OpenForm,
) -> PageResult {
    let (secret, address) = (fields.text("reset"), asked.browser.address.as_deref());
    let guessed = match secret.is_empty() {
        true => fields.text("email"),
        false => secret,
    };
    if let Err(refused) = http.limits().admit_sign_in(guessed, address) {
        return Ok(refused.into_response());
    }
    if secret.is_empty() {
        people::request_password_reset(&asked.ctx, fields.text("email")).await?;
        return done("/admin/sign-in", "flash-reset-sent");
    }
    let refusal = match people::reset_password(&asked.ctx, secret, fields.text("new_password")).await {
        Ok(()) => return done("/admin/sign-in", "flash-password-reset"),
        Err(refusal) => refusal,
    };
    let view = stranger(&asked, &headers);
    if refusal.kind() == ErrorKind::NotFound {
        // What can be done is to ask for another link.
        let form = Form::refused(view.words, Fields::default(), &refusal);
        let has_mail = asked.ctx.services.mail.is_on();
        return page_with(StatusCode::NOT_FOUND, &view, &ask_reset(&view, has_mail, form));
    }
    let (status, refusal) = refused_status(refusal)?;
    let kept = Fields::of([("reset", secret.to_owned())]);
    let form = Form::refused(view.words, kept, &refusal);
    page_with(status, &view, &NewPasswordPage { v: &view, form })
}

async fn show_code(asked: SignInCtx, Asked(query): Asked, headers: HeaderMap) -> PageResult {
    let view = stranger(&asked, &headers);
    let next = own_path(query.text("next")).to_owned();
    let form = Form::new(Fields::of([("next", next)]));
    page(&view, &ask_code(&view, asked.ctx.services.mail.is_on(), form))
}

/// An address of these pages that leads to `next` afterwards.
pub(super) fn with_next(path: &str, next: &str) -> String {
    format!("{path}?next={}", query_value(own_path(next)))
}

async fn send_code(
    State(http): State<HttpState>,
    asked: SignInCtx,
    OpenForm(fields): OpenForm,
) -> PageResult {
    let email = fields.text("email");
    if let Err(refused) = http
        .limits()
        .admit_sign_in(email, asked.browser.address.as_deref())
    {
        return Ok(refused.into_response());
    }
    let secret = people::request_sign_in_code(&asked.ctx, email).await?;
    let to = with_next("/admin/sign-in/code/enter", fields.text("next"));
    Ok(asked.give_code_secret(see_other(&to), &secret))
}

fn code_page(view: &View, form: Form) -> CodePage<'_> {
    CodePage {
        again: with_next("/admin/sign-in/code", form.value("next")),
        form,
        v: view,
    }
}

async fn show_entry(asked: SignInCtx, Asked(query): Asked, headers: HeaderMap) -> PageResult {
    let view = stranger(&asked, &headers);
    let next = own_path(query.text("next")).to_owned();
    page(&view, &code_page(&view, Form::new(Fields::of([("next", next)]))))
}

async fn enter_code(
    State(http): State<HttpState>,
    asked: SignInCtx,
    headers: HeaderMap,
    OpenForm(fields): OpenForm,
) -> PageResult {
    let secret = asked.asked_for_code.as_ref();
    // Without the secret there is no code to guess.
    if let Some(secret) = secret {
        let address = asked.browser.address.as_deref();
        if let Err(refused) = http.limits().admit_sign_in(&secret.expose(), address) {
            return Ok(refused.into_response());
        }
    }
    let (code, browser) = (fields.text("code").trim(), asked.browser.clone());
    match people::sign_in_by_code(&asked.ctx, secret, code, browser).await {
        Ok(signed_in) => Ok(next_step(&asked, signed_in, fields.text("next"))),
        Err(refusal) => refused_code(&stranger(&asked, &headers), &fields, refusal),
    }
}

fn refused_code(view: &View, fields: &Fields, refusal: RichError) -> PageResult {
    let (status, refusal) = shown_again(refusal)?;
    let kept = Fields::of([
        ("code", fields.text("code").to_owned()),
        ("next", own_path(fields.text("next")).to_owned()),
    ]);
    let mut form = Form::refused(view.words, kept, &refusal);
    form.problem = Some(view.t("code-wrong").into_owned());
    page_with(status, view, &code_page(view, form))
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/admin/password-reset", routing::get(show_reset).post(reset))
        .route("/admin/sign-in/code", routing::get(show_code).post(send_code))
        .route(
            "/admin/sign-in/code/enter",
            routing::get(show_entry).post(enter_code),
        )
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_way_afterwards_never_leaves_this_host() {
        assert_eq!(
            with_next("/a", "/admin/orders?q=1"),
            "/a?next=/admin/orders%3Fq%3D1"
        );
        assert_eq!(with_next("/a", "https://evil.example/"), with_next("/a", ""));
    }
}
