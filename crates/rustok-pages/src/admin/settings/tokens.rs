//! `/admin/settings/tokens`: the tokens of programs. A secret is shown once, in the response that made it.

use super::members::role_key;
use super::{Place, places, refused};
use crate::form::{Fields, Form};
use crate::format::Moment;
use crate::respond::{PageResult, done, page_with, refused_status};
use crate::view::{Section, View};
use crate::visit::{Asked, Posted, Visit};
use askama::Template;
use axum::{Router, routing};
use http::StatusCode;
use rustok_app::tenants::{self, ApiToken, NewToken};
use rustok_app::{Ctx, IdempotencyKey};
use rustok_auth::Role;
use rustok_auth::ids::TokenId;
use rustok_core::clock::Timestamp;
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use rustok_http::extract::PathParams;
use rustok_http::state::HttpState;
use std::time::Duration;

const PATH: &str = "/admin/settings/tokens";

/// One token.
struct Row {
    id: String,
    name: String,
    role_key: &'static str,
    made: Moment,
    ends: Option<Moment>,
    used: Option<Moment>,
}

/// A role that a token can get here.
struct RoleChoice {
    name: &'static str,
    key: &'static str,
    is_chosen: bool,
}

/// A new token, shown once.
struct Issued {
    name: String,
    secret: String,
}

#[derive(Template)]
#[template(path = "admin/settings/tokens.html")]
struct Tokens<'a> {
    v: &'a View,
    places: Vec<Place>,
    form: Form,
    tokens: Vec<Row>,
    roles: Vec<RoleChoice>,
    lives: [(&'static str, &'static str); 4],
    /// The token that is about to be revoked.
    question: Option<usize>,
    issued: Option<Issued>,
    conflict: Option<String>,
}

/// The days that a token can live, with the key of the choice.
const LIVES: [(&str, &str); 4] = [
    ("", "token-life-open"),
    ("30", "token-life-30"),
    ("90", "token-life-90"),
    ("365", "token-life-365"),
];

/// What a request adds to the page.
#[derive(Default)]
struct Said {
    form: Form,
    question: Option<TokenId>,
    issued: Option<Issued>,
    conflict: Option<String>,
}

fn roles(view: &View, chosen: &str) -> Vec<RoleChoice> {
    let given = Role::OF_TOKENS.into_iter().rev();
    given
        .filter(|role| view.may_give(*role))
        .map(|role| RoleChoice {
            name: role.as_str(),
            key: role_key(role),
            is_chosen: role.as_str() == chosen,
        })
        .collect()
}

fn row(view: &View, token: &ApiToken) -> Row {
    Row {
        id: token.id.to_string(),
        name: token.name.clone(),
        role_key: role_key(token.role),
        made: view.formats.short(token.created_at),
        ends: token.expires_at.map(|at| view.formats.short(at)),
        used: token.used_at.map(|at| view.formats.short(at)),
    }
}

async fn render(Visit { ctx, view, .. }: Visit, status: StatusCode, said: Said) -> PageResult {
    let view = view.at(Section::Settings);
    let tokens = tenants::list_valid_tokens(&ctx).await?;
    let template = Tokens {
        places: places(&view, PATH),
        question: said
            .question
            .and_then(|id| tokens.iter().position(|token| token.id == id)),
        tokens: tokens.iter().map(|token| row(&view, token)).collect(),
        roles: roles(&view, said.form.fields.filled("role").unwrap_or("viewer")),
        lives: LIVES,
        form: said.form,
        issued: said.issued,
        conflict: said.conflict,
        v: &view,
    };
    page_with(status, &view, &template)
}

async fn show(visit: Visit, Asked(query): Asked) -> PageResult {
    let said = Said {
        question: query.filled("revoke").and_then(|id| id.parse().ok()),
        ..Said::default()
    };
    render(visit, StatusCode::OK, said).await
}

async fn create(posted: Posted) -> PageResult {
    let Posted { visit, fields } = posted;
    match try_create(&visit.ctx, &fields).await {
        Ok(issued) => {
            let said = Said {
                issued: Some(issued),
                ..Said::default()
            };
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

/// The end of a token that lives for one of the offered numbers of days; none for an empty choice.
fn end_of(ctx: &Ctx, days: &str) -> Result<Option<Timestamp>, RichError> {
    if days.is_empty() {
        return Ok(None);
    }
    let offered = LIVES.into_iter().find(|(offered, _)| *offered == days);
    let hours = offered
        .and_then(|(days, _)| days.parse::<u64>().ok())
        .map(|days| days * 24);
    let end = hours.and_then(|hours| ctx.now().checked_add(Duration::from_secs(hours * 3_600)).ok());
    end.map(Some).ok_or_else(|| {
        let violation = FieldViolation::new("#/expires_at", "invalid", "must be one of the choices");
        RichError::new(ErrorKind::Validation, "no such life").with_violations([violation])
    })
}

async fn try_create(ctx: &Ctx, fields: &Fields) -> Result<Issued, RichError> {
    let role = fields.text("role").parse::<Role>().map_err(|unknown| {
        let violation = FieldViolation::new("#/role", "invalid", unknown.to_string());
        RichError::new(ErrorKind::Validation, "no such role").with_violations([violation])
    })?;
    let new = NewToken {
        name: fields.text("name").to_owned(),
        role,
        scopes: None,
        expires_at: end_of(ctx, fields.text("expires_at"))?,
    };
    let (token, issued) = tenants::create_token(ctx, new, IdempotencyKey::none())
        .await?
        .made()?;
    Ok(Issued {
        name: token.name,
        secret: issued.secret.expose(),
    })
}

async fn revoke(PathParams(id): PathParams<TokenId>, posted: Posted) -> PageResult {
    let visit = posted.visit;
    let refusal = match tenants::revoke_token(&visit.ctx, id).await {
        Ok(()) => return done(PATH, "flash-token-revoked"),
        Err(refusal) if refusal.status() == 404 => refusal,
        Err(refusal) => refused_status(refusal)?.1,
    };
    let said = Said {
        conflict: Some(visit.view.words.problem(&refusal.to_response()).into_owned()),
        ..Said::default()
    };
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::CONFLICT);
    render(visit, status, said).await
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route(PATH, routing::get(show).post(create))
        .route("/admin/settings/tokens/{id}/revoke", routing::post(revoke))
}
