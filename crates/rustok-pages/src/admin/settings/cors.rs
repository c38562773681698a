//! `/admin/settings/cors`: the web pages elsewhere whose scripts may use the API.

use super::{Place, places, refused, save};
use crate::form::{Fields, Form};
use crate::respond::{PageResult, done, page_with};
use crate::seen;
use crate::view::{Section, View};
use crate::visit::{Posted, Visit};
use askama::Template;
use axum::extract::State;
use axum::{Router, routing};
use http::StatusCode;
use rustok_app::{Saved, tenants};
use rustok_http::state::HttpState;
use rustok_tenancy::Tenant;

/// The field, whose id is the pointer of the list.
const FIELD: &str = "settings-cors_origins";

#[derive(Template)]
#[template(path = "admin/settings/cors.html")]
struct Cors<'a> {
    v: &'a View,
    places: Vec<Place>,
    seen: String,
    form: Form,
}

/// The origins as typed, one on each line.
fn origins(fields: &Fields) -> Vec<String> {
    let lines = fields.text(FIELD).lines().map(str::trim);
    lines.filter(|line| !line.is_empty()).map(str::to_owned).collect()
}

fn render(view: View, tenant: &Tenant, status: StatusCode, form: Form) -> PageResult {
    let view = view.at(Section::Settings);
    let template = Cors {
        places: places(&view, "/admin/settings/cors"),
        seen: seen::text(Saved::from(tenant)),
        form,
        v: &view,
    };
    page_with(status, &view, &template)
}

async fn show(Visit { ctx, view, .. }: Visit) -> PageResult {
    let tenant = tenants::read_own(&ctx).await?;
    let listed = tenant.settings.cors_origins.join("\n");
    let form = Form::new(Fields::of([(FIELD, listed)]));
    render(view, &tenant, StatusCode::OK, form)
}

async fn change(State(http): State<HttpState>, posted: Posted) -> PageResult {
    let Posted { visit, fields } = posted;
    let typed = origins(&fields);
    let saved = save(&http, &visit.ctx, &fields, |edit| {
        edit.settings.cors_origins.clone_from(&typed);
        Ok(())
    });
    match saved.await {
        Ok(_) => done("/admin/settings/cors", "flash-saved"),
        Err(refusal) => {
            let (status, mut form) = refused(&visit.view, fields, refusal)?;
            form.name_items(FIELD, &typed);
            let tenant = tenants::read_own(&visit.ctx).await?;
            render(visit.view, &tenant, status, form)
        }
    }
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/admin/settings/cors", routing::get(show).post(change))
}
