//! `/admin/imports/new`: a file to import, with what the file does not tell.

use crate::form::{Fields, Form};
use crate::respond::{PageResult, page_with};
use crate::view::{Section, View};
use crate::visit::{Asked, PostedUpload, Visit, see_other};
use askama::Template;
use axum::extract::State;
use axum::{Router, routing};
use http::StatusCode;
use rustok_app::Ctx;
use rustok_auth::Action;
use rustok_core::error::RichError;
use rustok_http::state::HttpState;

#[derive(Template)]
#[template(path = "admin/import_new.html")]
struct NewImport<'a> {
    v: &'a View,
    form: Form,
    is_shopify: bool,
    locales: &'a [String],
    most: String,
}

/// The form as it is opened: for the source of the address, with the shop's own currency and locale, and as a trial.
fn fresh(ctx: &Ctx, query: &Fields) -> Fields {
    let settings = &ctx.tenant.settings;
    let source = match query.text("source") {
        "wordpress" => "wordpress",
        _ => "shopify",
    };
    let or = |name: &str, other: &str| query.filled(name).unwrap_or(other).to_owned();
    Fields::of([
        ("source", source.to_owned()),
        ("currency", or("currency", &settings.default_currency)),
        ("locale", or("locale", &settings.default_locale)),
        ("source_name", or("source_name", "")),
        ("dry_run", or("dry_run", "true")),
        ("overwrite", or("overwrite", "")),
        ("zero_when_missing", or("zero_when_missing", "")),
    ])
}

fn render(http: &HttpState, ctx: &Ctx, view: View, status: StatusCode, form: Form) -> PageResult {
    let view = view.at(Section::Imports);
    let template = NewImport {
        is_shopify: form.value("source") != "wordpress",
        locales: &ctx.tenant.settings.locales,
        most: view.formats.megabytes(http.imports().settings.max_bytes),
        form,
        v: &view,
    };
    page_with(status, &view, &template)
}

async fn show(
    State(http): State<HttpState>,
    Visit { ctx, view, .. }: Visit,
    Asked(query): Asked,
) -> PageResult {
    ctx.authorize(Action::ImportData)?;
    let form = Form::new(fresh(&ctx, &query));
    render(&http, &ctx, view, StatusCode::OK, form)
}

async fn receive(State(http): State<HttpState>, posted: PostedUpload) -> PageResult {
    let PostedUpload {
        visit: Visit { ctx, view, .. },
        fields,
        received,
    } = posted;
    let taken = match received {
        Ok(received) => received.enqueue(http.clone()).await,
        Err(refused) => Err(refused),
    };
    match taken {
        Ok(import) => Ok(see_other(&format!("/admin/imports/{}", import.id))),
        Err(refusal) => {
            let Some(status) = status_of(&refusal) else {
                return Err(refusal);
            };
            let form = Form::refused(view.words, fields, &refusal);
            render(&http, &ctx, view, status, form)
        }
    }
}

/// The status of the form that is shown again; `None` if the refusal is not about the form or the file.
fn status_of(refusal: &RichError) -> Option<StatusCode> {
    match refusal.status() {
        status @ (400 | 408 | 409 | 413 | 422 | 429 | 503) => StatusCode::from_u16(status).ok(),
        _ => None,
    }
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/admin/imports/new", routing::get(show).post(receive))
}
