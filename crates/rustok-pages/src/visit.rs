//! What asks for a page: a member with a session, and the form that came with the request.

use crate::form::Fields;
use crate::view::{Reader, View};
use axum::body::Bytes;
use axum::extract::{FromRef, FromRequest, FromRequestParts, Request};
use axum::response::{IntoResponse, Redirect, Response};
use http::request::Parts;
use http::{HeaderMap, header};
use percent_encoding::{AsciiSet, CONTROLS, utf8_percent_encode};
use rustok_app::{Ctx, people};
use rustok_core::error::{ErrorKind, RichError};
use rustok_http::imports::upload::{ImportUpload, PageUpload};
use rustok_http::session::{MemberCtx, form_expired};
use rustok_http::state::HttpState;
use std::convert::Infallible;

/// The pages of the own account.
const ACCOUNT_PATH: &str = "/admin/account";
/// The page that turns the second factor on and off.
pub(crate) const SECOND_FACTOR_PATH: &str = "/admin/account/second-factor";

/// What may not stand in the value of a query parameter.
const QUERY_VALUE: &AsciiSet = &CONTROLS
    .add(b' ')
    .add(b'"')
    .add(b'#')
    .add(b'%')
    .add(b'&')
    .add(b'+')
    .add(b'<')
    .add(b'>')
    .add(b'=')
    .add(b'?');

/// A text as the value of a query parameter.
pub(crate) fn query_value(text: &str) -> String {
    utf8_percent_encode(text, QUERY_VALUE).to_string()
}

/// The address of a page of a list: those of the parameters that have a value.
pub(crate) fn parameters(of: &[(&str, &str)]) -> String {
    let filled = of.iter().filter(|(_, value)| !value.is_empty());
    let pairs: Vec<_> = filled
        .map(|(name, value)| format!("{name}={}", query_value(value)))
        .collect();
    pairs.join("&")
}

/// The parameters of a query, as typed. What is no query has none.
pub(crate) struct Asked(pub(crate) Fields);

impl<S: Send + Sync> FromRequestParts<S> for Asked {
    type Rejection = Infallible;

    async fn from_request_parts(parts: &mut Parts, _: &S) -> Result<Self, Infallible> {
        let query = parts.uri.query().unwrap_or_default();
        Ok(Self(Fields::parse(query.as_bytes()).unwrap_or_default()))
    }
}

/// A request of a member for a page.
pub(crate) struct Visit {
    /// The context of its use cases.
    pub(crate) ctx: Ctx,
    /// What is around the content of the page.
    pub(crate) view: View,
}

/// Why a page is not shown: the way to the sign-in, or a problem.
pub(crate) enum Refusal {
    SignIn(Response),
    Problem(RichError),
}

impl From<RichError> for Refusal {
    fn from(error: RichError) -> Self {
        Self::Problem(error)
    }
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        match self {
            Self::SignIn(response) => response,
            Self::Problem(error) => error.into_response(),
        }
    }
}

impl<S> FromRequestParts<S> for Visit
where
    HttpState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, Refusal> {
        visit(parts, state).await.map(|(visit, _)| visit)
    }
}

async fn visit<S>(parts: &mut Parts, state: &S) -> Result<(Visit, rustok_auth::FormToken), Refusal>
where
    HttpState: FromRef<S>,
    S: Send + Sync,
{
    let MemberCtx { ctx, form_token } = match MemberCtx::from_request_parts(parts, state).await {
        Ok(member) => member,
        Err(error) if error.kind() == ErrorKind::Unauthenticated && parts.method.is_safe() => {
            let path = parts.uri.path_and_query().map_or("/admin", |path| path.as_str());
            let to = format!("/admin/sign-in?next={}", query_value(path));
            return Err(Refusal::SignIn(see_other(&to)));
        }
        Err(error) => return Err(error.into()),
    };
    // Nothing but the own account is open to a member who lacks the second factor that the shop asks for.
    if ctx.lacks_second_factor && parts.method.is_safe() && !parts.uri.path().starts_with(ACCOUNT_PATH) {
        return Err(Refusal::SignIn(see_other(SECOND_FACTOR_PATH)));
    }
    let member = people::read_member(&ctx).await?;
    let reader = Reader::of(&parts.headers);
    let view = View::of_member(&ctx, reader, member, form_token.clone());
    Ok((Visit { ctx, view }, form_token))
}

/// The answer to a form that was accepted: where to look next.
pub(crate) fn see_other(path: &str) -> Response {
    Redirect::to(path).into_response()
}

/// A form that a member sent from a page of this session.
pub(crate) struct Posted {
    /// Who sent it.
    pub(crate) visit: Visit,
    /// What was typed.
    pub(crate) fields: Fields,
}

impl<S> FromRequest<S> for Posted
where
    HttpState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = Refusal;

    async fn from_request(request: Request, state: &S) -> Result<Self, Refusal> {
        let (mut parts, body) = request.into_parts();
        let (visit, form_token) = visit(&mut parts, state).await?;
        let fields = read(&parts.headers, Request::new(body)).await?;
        if !form_token.matches(fields.text("form_token")) {
            return Err(form_expired().into());
        }
        Ok(Self { visit, fields })
    }
}

/// A form with a file that a member sent from a page of this session.
pub(crate) struct PostedUpload {
    /// Who sent it.
    pub(crate) visit: Visit,
    /// What was typed.
    pub(crate) fields: Fields,
    /// The file, or why it was refused.
    pub(crate) received: Result<ImportUpload, RichError>,
}

impl<S> FromRequest<S> for PostedUpload
where
    HttpState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = RichError;

    async fn from_request(request: Request, state: &S) -> Result<Self, RichError> {
        let reader = Reader::of(request.headers());
        let PageUpload {
            member: MemberCtx { ctx, form_token },
            fields,
            received,
        } = PageUpload::from_request(request, state).await?;
        let member = people::read_member(&ctx).await?;
        let view = View::of_member(&ctx, reader, member, form_token);
        Ok(Self {
            visit: Visit { ctx, view },
            fields: Fields::read(fields),
            received,
        })
    }
}

/// The fields of a form of the sign-in pages, where there is no session yet.
pub(crate) struct OpenForm(pub(crate) Fields);

impl<S: Send + Sync> FromRequest<S> for OpenForm {
    type Rejection = RichError;

    async fn from_request(request: Request, _: &S) -> Result<Self, RichError> {
        let headers = request.headers().clone();
        read(&headers, request).await.map(Self)
    }
}

async fn read(headers: &HeaderMap, request: Request) -> Result<Fields, RichError> {
    let kind = headers
        .get(header::CONTENT_TYPE)
        .and_then(|kind| kind.to_str().ok())
        .and_then(|kind| kind.split(';').next());
    if kind.map(str::trim) != Some("application/x-www-form-urlencoded") {
        return Err(RichError::new(ErrorKind::Validation, "not a form")
            .with_status(415)
            .with_code("unsupported_media_type")
            .with_public("This address takes forms of its own pages only."));
    }
    // The layers have received the body already, within the limit.
    let body = Bytes::from_request(request, &()).await;
    let body = body.map_err(|error| RichError::new(ErrorKind::Validation, error.to_string()))?;
    Fields::parse(&body).ok_or_else(|| {
        RichError::new(ErrorKind::Validation, "too many fields")
            .with_status(400)
            .with_code("too_many_values")
            .with_public("The form has more fields than the server takes. Save it in smaller parts.")
    })
}
