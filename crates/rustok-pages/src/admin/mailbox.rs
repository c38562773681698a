//! `/admin/mailbox`: the mails of a shop that no mail server takes.

use crate::format::Moment;
use crate::respond::{PageResult, page};
use crate::view::{Section, View};
use crate::visit::{Asked, Visit, query_value};
use askama::Template;
use axum::{Router, routing};
use rustok_app::people::mailbox;
use rustok_core::page::{Cursor, Limit};
use rustok_events::ids::MailId;
use rustok_http::extract::PathParams;
use rustok_http::state::HttpState;

/// Mails on one page.
const PAGE: Limit = Limit::nearest(50);

struct Row {
    id: String,
    subject: String,
    recipient: String,
    written: Moment,
}

#[derive(Template)]
#[template(path = "admin/mailbox.html")]
struct Mailbox<'a> {
    v: &'a View,
    mails: Vec<Row>,
    is_later_page: bool,
    next_page: Option<String>,
}

/// A line of a mail: a URL stands on a line of its own.
#[derive(Debug, PartialEq, Eq)]
struct Line<'a> {
    text: &'a str,
    is_link: bool,
}

#[derive(Template)]
#[template(path = "admin/mail.html")]
struct Mail<'a> {
    v: &'a View,
    subject: &'a str,
    recipient: &'a str,
    written: Moment,
    paragraphs: Vec<Vec<Line<'a>>>,
}

/// The paragraphs of a text, without empty lines.
fn paragraphs(text: &str) -> Vec<Vec<Line<'_>>> {
    let line = |text| Line {
        text,
        is_link: ["http://", "https://"]
            .iter()
            .any(|scheme| text.starts_with(scheme))
            && text.bytes().all(|byte| byte.is_ascii_graphic()),
    };
    let parts = text.split("\n\n").map(str::trim).filter(|part| !part.is_empty());
    parts.map(|part| part.lines().map(line).collect()).collect()
}

async fn list(Visit { ctx, view }: Visit, Asked(query): Asked) -> PageResult {
    let view = view.at(Section::Mailbox);
    let after = query
        .filled("after")
        .and_then(|after| Cursor::decode::<MailId>(after).ok());
    let found = mailbox::list(&ctx, after, PAGE).await?;
    let row = |mail: mailbox::KeptMail| Row {
        id: mail.id.to_string(),
        subject: mail.words.subject,
        recipient: mail.recipient,
        written: view.formats.short(mail.created_at),
    };
    let template = Mailbox {
        mails: found.items.into_iter().map(row).collect(),
        is_later_page: after.is_some(),
        next_page: found
            .next_cursor
            .map(|next| format!("/admin/mailbox?after={}", query_value(&next))),
        v: &view,
    };
    page(&view, &template)
}

async fn show(visit: Visit, PathParams(id): PathParams<MailId>) -> PageResult {
    let Visit { ctx, view } = visit;
    let view = view.at(Section::Mailbox);
    let mail = mailbox::get(&ctx, id).await?;
    let template = Mail {
        subject: &mail.words.subject,
        recipient: &mail.recipient,
        written: view.formats.long(mail.created_at),
        paragraphs: paragraphs(&mail.words.text),
        v: &view,
    };
    page(&view, &template)
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/admin/mailbox", routing::get(list))
        .route("/admin/mailbox/{id}", routing::get(show))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_line_that_is_an_address_is_a_link() {
        let text = "Hello.\n\nSet it:\nhttps://shop.example/a?b=c\n\n\nhttps://two words\n";
        let line = |text, is_link| Line { text, is_link };
        assert_eq!(
            paragraphs(text),
            [
                vec![line("Hello.", false)],
                vec![line("Set it:", false), line("https://shop.example/a?b=c", true)],
                vec![line("https://two words", false)],
            ]
        );
    }
}
