//! `/admin/content/new` and `/admin/content/{id}`: the editor.

use super::preview::preview;
use super::{Choice, fields, kinds, locales};
use crate::assets;
use crate::form::{Fields, Form};
use crate::format::Moment;
use crate::parts::Pill;
use crate::respond::{PageResult, page_with};
use crate::seen;
use crate::view::{Section, View};
use crate::visit::{Asked, Visit};
use askama::Template;
use axum::{Router, routing};
use http::StatusCode;
use rustok_app::Ctx;
use rustok_app::content::{self, NodeDetail};
use rustok_auth::Action;
use rustok_content::ids::NodeId;
use rustok_content::{NodeStatus, Revision};
use rustok_core::error::RichError;
use rustok_http::extract::PathParams;
use rustok_http::state::HttpState;
use rustok_text::Locale;
use rustok_text::body::BodyFormat;
use std::borrow::Cow;

/// The text in one language, as a tab.
struct LocaleTab {
    tag: String,
    name: Cow<'static, str>,
    pill: Option<Pill>,
    is_current: bool,
}

/// A text that stands beside the one that is written: of a colleague, or of the language to translate from.
struct Beside {
    label: Cow<'static, str>,
    tag: String,
    title: String,
    body: String,
}

/// Another member's change since the form was opened.
struct Conflict {
    key: &'static str,
    by: String,
    at: Moment,
}

/// What the page says about a node that exists.
struct Facts {
    id: String,
    pill: Pill,
    is_edited: bool,
    public_since: Option<Moment>,
    planned_for: Option<Moment>,
    public_revision: Option<i64>,
    revision: i64,
    reason: Option<String>,
    author: String,
}

/// What may be done, by the state of the node and the role of the member.
#[derive(Default)]
struct Offers {
    edit: bool,
    publish: bool,
    unpublish: bool,
    archive: bool,
    restore: bool,
    delete: bool,
    delete_translation: bool,
    duplicate: bool,
    publish_key: &'static str,
    asks_when: bool,
}

#[derive(Template)]
#[template(path = "admin/article.html")]
struct Editor<'a> {
    v: &'a View,
    script: &'static str,
    heading: Cow<'static, str>,
    path: String,
    facts: Option<Facts>,
    offers: Offers,
    form: Form,
    seen: String,
    draft: String,
    is_unsaved: bool,
    is_fresh: bool,
    is_html: bool,
    open: &'a str,
    dialog: Form,
    conflict: Option<Conflict>,
    blocked: Option<String>,
    tag: String,
    locale_name: Cow<'static, str>,
    tabs: Vec<LocaleTab>,
    addable: Vec<LocaleTab>,
    is_any_locale: bool,
    kinds: Vec<Choice>,
    preview: String,
    beside: Option<Beside>,
    zone: String,
}

/// What the page says besides what is stored: the form as it was sent, and why it was refused.
#[derive(Default)]
pub(super) struct Said {
    /// The form as it was sent; `None` shows what is stored.
    pub(super) form: Option<Form>,
    /// The version that the form was made for, if it still counts.
    pub(super) seen: Option<String>,
    /// The dialog that is open.
    pub(super) open: Option<String>,
    /// The form of the dialog.
    pub(super) dialog: Form,
    /// Another member changed the node since the form was opened.
    pub(super) is_conflict: bool,
    /// Why a transition was refused.
    pub(super) blocked: Option<String>,
}

/// What the editor is opened for.
pub(super) enum Subject {
    /// A node to create.
    New,
    /// A node, and its text in the locale.
    Text(NodeDetail),
    /// A node without a text in the locale; the detail shows the nearest one.
    NoText(NodeDetail),
}

/// The node with its text in a locale, or with the nearest one.
pub(super) async fn subject(ctx: &Ctx, id: NodeId, locale: Option<Locale>) -> Result<Subject, RichError> {
    match content::get(ctx, id, locale).await {
        Ok(detail) => Ok(Subject::Text(detail)),
        Err(error) if error.code() == "translation_not_found" => {
            content::get(ctx, id, None).await.map(Subject::NoText)
        }
        Err(error) => Err(error),
    }
}

fn facts(ctx: &Ctx, view: &View, detail: &NodeDetail) -> Facts {
    use rustok_content::AnyContentNode as Any;
    let node = detail.node.any();
    let planned = matches!(node, Any::Published(published) if !published.is_public_at(ctx.now()));
    let date = node.published_at().map(|at| view.formats.long(at));
    Facts {
        id: node.id().to_string(),
        pill: Pill::of_node(node, ctx.now()),
        is_edited: node
            .published_revision()
            .is_some_and(|public| public < node.working_revision()),
        planned_for: date.clone().filter(|_| planned),
        public_since: date.filter(|_| !planned),
        public_revision: node.published_revision(),
        revision: node.working_revision(),
        reason: match node {
            Any::Archived(archived) => Some(archived.reason().to_owned()),
            Any::Draft(_) | Any::Published(_) => None,
        },
        author: detail.author.display_name.clone(),
    }
}

fn offers(ctx: &Ctx, view: &View, subject: &Subject) -> Offers {
    let detail = match subject {
        Subject::New => {
            return Offers {
                edit: view.may(Action::CreateNode),
                publish: view.may(Action::PublishNode),
                publish_key: "content-publish",
                asks_when: view.may(Action::PublishNode),
                ..Offers::default()
            };
        }
        Subject::Text(detail) | Subject::NoText(detail) => detail,
    };
    let node = detail.node.any();
    let allowed = node.allowed_transitions();
    let is_archived = node.status() == NodeStatus::Archived;
    let is_published = node.status() == NodeStatus::Published;
    let was_public = node.published_at().is_some() && (!is_published || node.is_public_at(ctx.now()));
    let edit = !is_archived && view.may(Action::UpdateNode);
    // The button saves first: a published node can have something to publish then.
    let publish = edit && view.may(Action::PublishNode);
    let own = detail.translation(detail.shown.locale);
    Offers {
        edit,
        publish,
        publish_key: match is_published {
            true => "content-publish-changes",
            false => "content-publish",
        },
        asks_when: publish && !was_public,
        unpublish: allowed.contains(&"unpublish") && view.may(Action::UnpublishNode),
        archive: allowed.contains(&"archive") && view.may(Action::ArchiveNode),
        restore: allowed.contains(&"restore") && view.may(Action::RestoreNode),
        delete: !is_published && view.may(Action::DeleteNode),
        delete_translation: edit
            && matches!(subject, Subject::Text(_))
            && own.is_some_and(|state| !state.is_original),
        duplicate: view.may(Action::CreateNode),
    }
}

/// The tabs of the languages that the node has, and the languages that can be added.
fn tabs(ctx: &Ctx, detail: Option<&NodeDetail>, current: Locale) -> (Vec<LocaleTab>, Vec<LocaleTab>) {
    let tab = |locale: Locale, pill| LocaleTab {
        tag: locale.to_string(),
        name: locales::name(locale),
        pill,
        is_current: locale == current,
    };
    let states = detail.map_or(&[][..], |detail| &detail.translations);
    let mut written: Vec<_> = states
        .iter()
        .map(|state| tab(state.locale, Some(Pill::of_translation(state))))
        .collect();
    if !states.iter().any(|state| state.locale == current) {
        written.push(tab(current, None));
    }
    let addable = content::locales::listed_locales(ctx)
        .into_iter()
        .filter(|locale| *locale != current && !states.iter().any(|state| state.locale == *locale))
        .map(|locale| tab(locale, None));
    (written, addable.collect())
}

/// The text of a colleague, or the one to translate from.
fn beside(view: &View, subject: &Subject, is_conflict: bool) -> Option<Beside> {
    let of = |label: Cow<'static, str>, shown: &Revision| Beside {
        label,
        tag: shown.locale.to_string(),
        title: shown.translation.title.clone(),
        body: shown.translation.body.clone(),
    };
    match subject {
        Subject::Text(detail) if is_conflict => Some(of(view.t("content-saved-text"), &detail.shown)),
        Subject::NoText(detail) => {
            let name = locales::name(detail.shown.locale);
            Some(of(
                view.with("content-source-text", "language", &name),
                &detail.shown,
            ))
        }
        Subject::New | Subject::Text(_) => None,
    }
}

/// The editor of `subject`, whose text is in `locale`.
pub(super) fn render(
    visit: Visit,
    status: StatusCode,
    subject: &Subject,
    locale: Locale,
    said: Said,
) -> PageResult {
    let Visit { ctx, view } = visit;
    let view = view.at(Section::Content);
    let detail = match subject {
        Subject::New => None,
        Subject::Text(detail) | Subject::NoText(detail) => Some(detail),
    };
    let is_unsaved = said.form.is_some();
    let form = said.form.unwrap_or_else(|| {
        Form::new(match subject {
            Subject::New => fields::of_new("post", locale),
            Subject::Text(detail) => fields::of_detail(&ctx, &view, detail),
            Subject::NoText(_) => fields::of_new_translation(locale),
        })
    });
    let conflict = detail.filter(|_| said.is_conflict).map(|detail| {
        let same_text =
            fields::text(&form.fields, Some(&detail.shown.translation)).body == detail.shown.translation.body;
        Conflict {
            key: match same_text {
                true => "content-conflict-else",
                false => "content-conflict-text",
            },
            by: view.actor_name(&detail.shown.actor),
            at: view.formats.short(detail.shown.created_at),
        }
    });
    let kind = form.value("kind").to_owned();
    let preview = preview(&ctx, &view, fields::format(&form.fields), form.value("body"));
    let (tabs, addable) = tabs(&ctx, detail, locale);
    let id = detail.map(|detail| detail.node.any().id().to_string());
    let member = view.member.as_ref().map(|member| member.user_id.to_string());
    let current_seen = detail.map(|detail| seen::text(detail.node.any().into()));
    let template = Editor {
        script: assets::EDITOR_JS,
        heading: match (&id, kind.as_str()) {
            (None, "page") => view.t("content-new-page"),
            (None, _) => view.t("content-new-post"),
            (Some(_), "page") => view.t("content-edit-page"),
            (Some(_), _) => view.t("content-edit-post"),
        },
        path: match &id {
            Some(id) => format!("/admin/content/{id}"),
            None => "/admin/content/new".to_owned(),
        },
        facts: detail.map(|detail| facts(&ctx, &view, detail)),
        offers: offers(&ctx, &view, subject),
        // After a conflict the form counts for what is beside it.
        seen: match said.is_conflict {
            true => current_seen.unwrap_or_default(),
            false => said.seen.or(current_seen).unwrap_or_default(),
        },
        draft: format!(
            "draft {} {} {locale}",
            member.unwrap_or_default(),
            id.unwrap_or_else(|| format!("new-{kind}"))
        ),
        is_unsaved,
        // A new text stays one while its form is shown again, even if the language has got one meanwhile: the form has no
        // fields of the node.
        is_fresh: matches!(subject, Subject::NoText(_)) || form.fields.filled("fresh").is_some(),
        is_html: fields::format(&form.fields) == BodyFormat::Html,
        open: said.open.as_deref().unwrap_or_default(),
        dialog: said.dialog,
        beside: beside(&view, subject, said.is_conflict),
        conflict,
        blocked: said.blocked,
        tag: locale.to_string(),
        locale_name: locales::name(locale),
        tabs,
        addable,
        is_any_locale: content::locales::listed_locales(&ctx).is_empty(),
        kinds: kinds(&view, &kind),
        preview: preview
            .render()
            .map_err(|error| RichError::new(rustok_core::error::ErrorKind::Internal, error.to_string()))?,
        zone: view.formats.zone_name().to_owned(),
        form,
        v: &view,
    };
    page_with(status, &view, &template)
}

/// The locale that a query names.
fn locale_of(query: &Fields) -> Option<Locale> {
    query.filled("locale").and_then(|tag| Locale::parse(tag).ok())
}

async fn new(visit: Visit, Asked(query): Asked) -> PageResult {
    visit.ctx.authorize(Action::CreateNode)?;
    let default = content::locales::default_locale(&visit.ctx)?;
    let locale = locale_of(&query).unwrap_or(default);
    let kind = query.filled("kind").unwrap_or("post");
    let said = Said {
        form: Some(Form::new(fields::of_new(kind, locale))),
        ..Said::default()
    };
    render(visit, StatusCode::OK, &Subject::New, locale, said)
}

async fn show(visit: Visit, PathParams(id): PathParams<NodeId>, Asked(query): Asked) -> PageResult {
    let wanted = locale_of(&query);
    let subject = subject(&visit.ctx, id, wanted).await?;
    let locale = match &subject {
        Subject::Text(detail) => Some(detail.shown.locale),
        Subject::New | Subject::NoText(_) => wanted,
    };
    let default = content::locales::default_locale(&visit.ctx)?;
    let said = Said {
        open: query.filled("do").map(str::to_owned),
        ..Said::default()
    };
    render(visit, StatusCode::OK, &subject, locale.unwrap_or(default), said)
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/admin/content/new", routing::get(new))
        .route("/admin/content/{id}", routing::get(show))
}
