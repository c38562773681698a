//! `/admin/content/{id}/history`: what happened to a node, deleted or not.

use crate::format::Moment;
use crate::parts::Icon;
use crate::respond::{PageResult, page};
use crate::view::{Section, View};
use crate::visit::{Asked, Visit};
use askama::Template;
use axum::{Router, routing};
use rustok_app::content::{self, NodeHistoryEntry};
use rustok_content::ids::NodeId;
use rustok_core::page::Limit;
use rustok_http::extract::PathParams;
use rustok_http::state::HttpState;

/// Steps on one page.
const PAGE: i64 = 50;

struct PastStep {
    icon: Icon,
    key: &'static str,
    reason: Option<String>,
    at: Moment,
    actor: String,
    version: String,
}

#[derive(Template)]
#[template(path = "admin/article_history.html")]
struct History<'a> {
    v: &'a View,
    id: String,
    title: Option<String>,
    steps: Vec<PastStep>,
    older: Option<String>,
    newer: Option<String>,
}

/// The icon of a step, and the key of its words.
pub(in crate::admin) fn step_words(transition: &str) -> (&'static str, &'static str) {
    match transition {
        "create" => ("plus", "node-step-create"),
        "update" => ("edit", "node-step-update"),
        "remove_translation" => ("globe", "node-step-remove-translation"),
        "publish" => ("check", "node-step-publish"),
        "unpublish" => ("undo", "node-step-unpublish"),
        "archive" => ("x", "node-step-archive"),
        "restore" => ("undo", "node-step-restore"),
        "delete" => ("trash", "node-step-delete"),
        "undelete" => ("undo", "node-step-undelete"),
        _ => ("info", "node-step-import"),
    }
}

fn past_step(view: &View, step: NodeHistoryEntry) -> PastStep {
    let (icon, key) = step_words(&step.transition);
    PastStep {
        icon: Icon(icon),
        key,
        reason: step.reason,
        at: view.formats.short(step.at),
        actor: view.actor_name(&step.actor),
        version: step.version.to_string(),
    }
}

/// The version after which a page of the history starts: the last page, if none is named.
fn start(named: Option<i64>, version: Option<i64>) -> i64 {
    named
        .or(version.map(|version| version - PAGE))
        .unwrap_or(0)
        .max(0)
}

async fn show(visit: Visit, PathParams(id): PathParams<NodeId>, Asked(query): Asked) -> PageResult {
    let Visit { ctx, view } = visit;
    let view = view.at(Section::Content);
    // A deleted node has a history and no page of its own.
    let detail = match content::get(&ctx, id, None).await {
        Ok(detail) => Some(detail),
        Err(error) if error.code() == "node_not_found" => None,
        Err(error) => return Err(error),
    };
    let version = detail.as_ref().map(|detail| detail.node.any().version());
    let after = start(
        query.filled("after").and_then(|after| after.parse().ok()),
        version,
    );
    let limit = Limit::new(PAGE).unwrap_or_default();
    let found = content::history(&ctx, id, Some(after).filter(|after| *after > 0), limit).await?;
    let address = |after: i64| format!("/admin/content/{id}/history?after={after}");
    let last = found.items.last().map(|step| step.version);
    let template = History {
        id: id.to_string(),
        title: detail.map(|detail| detail.shown.translation.title),
        older: (after > 0).then(|| address((after - PAGE).max(0))),
        newer: last.filter(|_| found.next_cursor.is_some()).map(address),
        steps: found
            .items
            .into_iter()
            .rev()
            .map(|step| past_step(&view, step))
            .collect(),
        v: &view,
    };
    page(&view, &template)
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/admin/content/{id}/history", routing::get(show))
}

#[cfg(test)]
mod tests {
    use super::start;

    #[test]
    fn the_last_steps_are_shown_first() {
        for (named, version, expected) in [
            (None, Some(120), 70),
            (None, Some(3), 0),
            (None, None, 0),
            (Some(20), Some(120), 20),
            (Some(-5), Some(120), 0),
        ] {
            assert_eq!(start(named, version), expected);
        }
    }
}
