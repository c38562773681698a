//! `/admin/content/preview`: what readers would see of a body, and what publishing would take out of it.

use super::fields;
use crate::respond::{PageResult, page};
use crate::view::View;
use crate::visit::Posted;
use askama::Template;
use axum::{Router, routing};
use rustok_app::Ctx;
use rustok_app::content;
use rustok_http::state::HttpState;
use rustok_text::body::{BodyFormat, Removal, What};

/// What readers would see of a body.
#[derive(Template, Default)]
#[template(path = "parts/preview.html")]
pub(super) struct Preview {
    html: String,
    problem: Option<String>,
    removed_title: String,
    removed: Vec<String>,
}

/// What readers would see, and what would be taken out.
pub(super) fn preview(ctx: &Ctx, view: &View, format: BodyFormat, body: &str) -> Preview {
    match content::preview(ctx, format, body) {
        Ok(safe) => Preview {
            html: safe.html,
            problem: None,
            removed_title: view.t("content-removed").into_owned(),
            removed: safe
                .removed
                .entries()
                .iter()
                .map(|removal| removed_text(view, removal))
                .collect(),
        },
        Err(error) => {
            let violation = error.violations().first();
            let text = violation.map(|violation| view.words.violation(violation).into_owned());
            Preview {
                problem: Some(text.unwrap_or_else(|| view.words.problem(&error.to_response()).into_owned())),
                ..Preview::default()
            }
        }
    }
}

fn removed_text(view: &View, removal: &Removal) -> String {
    let key = match removal.what {
        What::Element => "removed-element",
        What::ElementWithContent => "removed-element-with-content",
        What::Attribute => "removed-attribute",
        What::Url => "removed-url",
        What::Style => "removed-style",
        What::Class => "removed-class",
        What::Rel => "removed-rel",
        What::Id => "removed-id",
        What::Other => "removed-other",
    };
    let mut text = view.with(key, "name", &removal.name).into_owned();
    if let Some(on) = &removal.on {
        text.push_str(&format!(" ({on})"));
    }
    if removal.count > 1 {
        text.push_str(&format!(" ×{}", removal.count));
    }
    text
}

/// The preview while one types: only the part of the page that shows it.
async fn live(posted: Posted) -> PageResult {
    let Posted { visit, fields } = posted;
    let part = preview(
        &visit.ctx,
        &visit.view,
        fields::format(&fields),
        fields.text("body"),
    );
    page(&visit.view, &part)
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/admin/content/preview", routing::post(live))
}
