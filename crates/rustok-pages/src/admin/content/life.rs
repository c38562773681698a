//! The steps of the life of a node, each by its form, and the copy of a node.

use super::edit::{Said, Subject, render, subject};
use crate::form::Form;
use crate::respond::{PageResult, done, refused_status};
use crate::seen;
use crate::visit::{Posted, see_other};
use axum::{Router, routing};
use rustok_app::content::{self, ArchiveNode};
use rustok_app::{IdempotencyKey, Target};
use rustok_content::ids::NodeId;
use rustok_http::extract::PathParams;
use rustok_http::problem::route_not_found;
use rustok_http::state::HttpState;
use rustok_text::Locale;

/// A step by its form. What is refused is shown on the node as it is now, with what was typed.
async fn step(PathParams((id, name)): PathParams<(NodeId, String)>, posted: Posted) -> PageResult {
    let Posted { visit, fields } = posted;
    let target = Target {
        id,
        if_match: seen::condition(&fields),
    };
    let ctx = &visit.ctx;
    let no_key = IdempotencyKey::none();
    let locale = Locale::parse(fields.text("locale")).ok();
    let path = match locale {
        Some(locale) if name != "delete-translation" => format!("/admin/content/{id}?locale={locale}"),
        _ => format!("/admin/content/{id}"),
    };
    let changed = match name.as_str() {
        "unpublish" => content::unpublish(ctx, target, no_key)
            .await
            .map(|_| done(&path, "flash-content-unpublished")),
        "archive" => {
            let archive = ArchiveNode {
                node: target,
                reason: fields.text("reason").to_owned(),
            };
            content::archive(ctx, archive, no_key)
                .await
                .map(|_| done(&path, "flash-content-archived"))
        }
        "restore" => content::restore(ctx, target, no_key)
            .await
            .map(|_| done(&path, "flash-content-restored")),
        "delete" => content::delete(ctx, target)
            .await
            .map(|()| Ok(see_other(&format!("/admin/content?undo={id}")))),
        // A deleted node has no page that could say what changed, and nothing of it can be lost by bringing it back.
        "undelete" => {
            content::undelete(ctx, id.into(), no_key).await?.made()?;
            return done(&path, "flash-content-undeleted");
        }
        "duplicate" => {
            let copy = content::duplicate(ctx, id).await?;
            let path = format!("/admin/content/{}", copy.node.any().id());
            return done(&path, "flash-content-duplicated");
        }
        "delete-translation" => match locale {
            Some(locale) => content::delete_translation(ctx, target, locale)
                .await
                .map(|_| done(&path, "flash-translation-deleted")),
            None => return Err(route_not_found().await),
        },
        _ => return Err(route_not_found().await),
    };
    let refusal = match changed {
        Ok(response) => return response,
        Err(refusal) => refusal,
    };
    let (status, refusal) = refused_status(refusal)?;
    let subject = subject(ctx, id, locale).await?;
    let shown = match &subject {
        Subject::Text(detail) | Subject::NoText(detail) => detail.shown.locale,
        Subject::New => content::locales::default_locale(ctx)?,
    };
    // Only the step that asks for something has a dialog with fields.
    let said = match refusal.violations().is_empty() || name != "archive" {
        true => Said {
            blocked: Some(visit.view.words.problem(&refusal.to_response()).into_owned()),
            dialog: Form::new(fields),
            ..Said::default()
        },
        false => Said {
            dialog: Form::refused(visit.view.words, fields, &refusal),
            open: Some(name),
            ..Said::default()
        },
    };
    render(visit, status, &subject, locale.unwrap_or(shown), said)
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/admin/content/{id}/{step}", routing::post(step))
}
