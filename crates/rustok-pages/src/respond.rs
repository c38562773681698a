//! Turns templates into responses.

use crate::view::{FLASH_COOKIE, View};
use crate::visit::see_other;
use askama::Template;
use axum::response::{Html, IntoResponse as _, Response};
use http::{HeaderValue, StatusCode, header};
use rustok_core::error::{ErrorKind, RichError};

/// A page, or why there is none.
pub(crate) type PageResult = Result<Response, RichError>;

/// The page of this template.
pub(crate) fn page(view: &View, template: &impl Template) -> PageResult {
    page_with(StatusCode::OK, view, template)
}

/// The page of this template, with a status: a form that was refused, a state that has changed.
pub(crate) fn page_with(status: StatusCode, view: &View, template: &impl Template) -> PageResult {
    let html = template
        .render()
        .map_err(|error| RichError::new(ErrorKind::Internal, format!("template: {error}")))?;
    let mut response = (status, Html(html)).into_response();
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_LANGUAGE, HeaderValue::from_static(view.lang()));
    headers.append(header::VARY, HeaderValue::from_static("hx-request"));
    if view.flash.is_some() {
        set_cookie(&mut response, FLASH_COOKIE, "", 0);
    }
    Ok(response)
}

/// After a change: the page at `path`, with a message that is shown there once.
pub(crate) fn done(path: &str, flash: &'static str) -> PageResult {
    let mut response = see_other(path);
    set_cookie(&mut response, FLASH_COOKIE, flash, 60);
    Ok(response)
}

/// The status of a form that is shown again: that of the refusal, if the person can do something about it.
///
/// # Errors
/// The refusal itself, if it is not about the form.
pub(crate) fn refused_status(refusal: RichError) -> Result<(StatusCode, RichError), RichError> {
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY);
    match refusal.status() {
        400 | 409 | 412 | 422 => Ok((status, refusal)),
        _ => Err(refusal),
    }
}

/// Sets a cookie that says nothing secret: a choice of the reader, or which message to show.
pub(crate) fn set_cookie(response: &mut Response, name: &str, value: &str, seconds: u32) {
    let cookie = format!("{name}={value}; Path=/; Max-Age={seconds}; HttpOnly; SameSite=Lax");
    if let Ok(cookie) = HeaderValue::try_from(cookie) {
        response.headers_mut().append(header::SET_COOKIE, cookie);
    }
}
