//! The forms of the editor: create, save, save and publish.

use super::edit::{Said, Subject, render, subject};
use super::fields;
use crate::form::{Fields, Form};
use crate::respond::{PageResult, done};
use crate::seen;
use crate::visit::{Posted, Visit};
use axum::{Router, routing};
use http::StatusCode;
use rustok_app::content::{self, NewContent, NodeDetail, PublishNode, PutTranslation, UpdateNode};
use rustok_app::{Ctx, IdempotencyKey, Precondition, Saved, Target};
use rustok_content::ids::NodeId;
use rustok_core::clock::Timestamp;
use rustok_core::error::RichError;
use rustok_http::extract::PathParams;
use rustok_http::state::HttpState;
use rustok_text::Locale;

/// The status with which a form is shown again. The text of a member who may not save it is shown again as well.
fn status_of(refusal: &RichError) -> Option<StatusCode> {
    let status = refusal.status();
    matches!(status, 400 | 403 | 409 | 412 | 422 | 428)
        .then(|| StatusCode::from_u16(status).unwrap_or(StatusCode::UNPROCESSABLE_ENTITY))
}

fn locale_of(ctx: &Ctx, fields: &Fields) -> Result<Locale, RichError> {
    match Locale::parse(fields.text("locale")) {
        Ok(locale) => Ok(locale),
        Err(_) => content::locales::default_locale(ctx),
    }
}

/// What was asked for besides the text.
struct Wish {
    publishes: bool,
    at: Option<Timestamp>,
}

/// Reads the button that was pressed; the form again if the time of publication cannot be read.
fn wish(visit: &Visit, fields: &Fields) -> Result<Wish, Form> {
    let publishes = fields.text("do") == "publish";
    let at = match publishes {
        true => fields::publish_at(&visit.view, fields),
        false => Ok(None),
    };
    at.map(|at| Wish { publishes, at }).map_err(|error| {
        let mut form = Form::new(fields.clone());
        form.errors.push(error);
        form
    })
}

/// The editor with the form as it was sent, and nothing saved.
fn again(visit: Visit, subject: &Subject, fields: Fields, form: Form, status: StatusCode) -> PageResult {
    let locale = locale_of(&visit.ctx, &fields)?;
    let said = Said {
        seen: Some(fields.text("seen").to_owned()),
        form: Some(form),
        ..Said::default()
    };
    render(visit, status, subject, locale, said)
}

async fn create(posted: Posted) -> PageResult {
    let Posted { visit, fields } = posted;
    if fields.text("do") == "preview" {
        let form = Form::new(fields.clone());
        return again(visit, &Subject::New, fields, form, StatusCode::OK);
    }
    let wish = match wish(&visit, &fields) {
        Ok(wish) => wish,
        Err(form) => {
            return again(
                visit,
                &Subject::New,
                fields,
                form,
                StatusCode::UNPROCESSABLE_ENTITY,
            );
        }
    };
    let new = NewContent {
        kind: fields.text("kind").to_owned(),
        locale: fields.filled("locale").map(str::to_owned),
        text: fields::text(&fields, None),
        author: fields::author(&fields),
        terms: fields::terms(&fields, &[]),
    };
    let created = content::create(&visit.ctx, new, IdempotencyKey::none()).await;
    match created.and_then(rustok_app::Done::made) {
        Ok(written) => finish(visit, fields, written.detail, &wish, "flash-content-created").await,
        Err(refusal) => {
            let Some(status) = status_of(&refusal) else {
                return Err(refusal);
            };
            let form = fields::refused(&visit.view, fields.clone(), &refusal);
            again(visit, &Subject::New, fields, form, status)
        }
    }
}

async fn save(PathParams(id): PathParams<NodeId>, posted: Posted) -> PageResult {
    let Posted { visit, fields } = posted;
    let locale = locale_of(&visit.ctx, &fields)?;
    if fields.text("do") == "preview" {
        let subject = subject(&visit.ctx, id, Some(locale)).await?;
        let form = Form::new(fields.clone());
        return again(visit, &subject, fields, form, StatusCode::OK);
    }
    let wish = match wish(&visit, &fields) {
        Ok(wish) => wish,
        Err(form) => {
            let subject = subject(&visit.ctx, id, Some(locale)).await?;
            return again(visit, &subject, fields, form, StatusCode::UNPROCESSABLE_ENTITY);
        }
    };
    let refusal = match write(&visit.ctx, id, locale, &fields).await {
        Ok(detail) => return finish(visit, fields, detail, &wish, "flash-content-saved").await,
        Err(refusal) => refusal,
    };
    let Some(status) = status_of(&refusal) else {
        return Err(refusal);
    };
    let subject = subject(&visit.ctx, id, Some(locale)).await?;
    let is_conflict = refusal.code() == "version_conflict";
    let form = match is_conflict {
        true => Form::new(fields.clone()),
        false => fields::refused(&visit.view, fields.clone(), &refusal),
    };
    let said = Said {
        seen: Some(fields.text("seen").to_owned()),
        form: Some(form),
        is_conflict,
        ..Said::default()
    };
    render(visit, status, &subject, locale, said)
}

/// Saves the text and, where the form has them, the fields of the node.
async fn write(ctx: &Ctx, id: NodeId, locale: Locale, fields: &Fields) -> Result<NodeDetail, RichError> {
    let node = Target {
        id,
        if_match: seen::condition(fields),
    };
    if fields.filled("fresh").is_some() {
        let text = fields::text(fields, None);
        let put = PutTranslation { node, locale, text };
        let (written, _) = content::put_translation(ctx, put).await?;
        return Ok(written.detail);
    }
    let update = UpdateNode {
        node,
        locale: Some(locale),
        edit: &|detail| Ok(fields::edit(fields, detail)),
    };
    content::update(ctx, update).await.map(|written| written.detail)
}

/// After the text was saved: publishes it, if that was asked for, and shows it.
async fn finish(
    visit: Visit,
    fields: Fields,
    detail: NodeDetail,
    wish: &Wish,
    saved: &'static str,
) -> PageResult {
    let node = detail.node.any();
    let (id, locale) = (node.id(), locale_of(&visit.ctx, &fields)?);
    let path = format!("/admin/content/{id}?locale={locale}");
    if !wish.publishes {
        return done(&path, saved);
    }
    if !node.allowed_transitions().contains(&"publish") {
        return done(&path, "flash-content-same");
    }
    let publish = PublishNode {
        node: Target {
            id,
            if_match: Precondition::OneOf(vec![Saved::from(node)]),
        },
        published_at: wish.at,
    };
    let refusal = match content::publish(&visit.ctx, publish, IdempotencyKey::none()).await {
        Ok(_) if wish.at.is_some_and(|at| at > visit.ctx.now()) => {
            return done(&path, "flash-content-scheduled");
        }
        Ok(_) => return done(&path, "flash-content-published"),
        Err(refusal) => refusal,
    };
    let Some(status) = status_of(&refusal) else {
        return Err(refusal);
    };
    // The text is saved by now, so the form counts for the version that the save made.
    let form = fields::refused(&visit.view, fields, &refusal);
    let said = Said {
        seen: Some(seen::text(node.into())),
        form: Some(form),
        ..Said::default()
    };
    render(visit, status, &Subject::Text(detail), locale, said)
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/admin/content/new", routing::post(create))
        .route("/admin/content/{id}", routing::post(save))
}
