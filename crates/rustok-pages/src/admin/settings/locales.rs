//! `/admin/settings/locales`: the languages that the shop publishes in. Each button saves.

use super::{Place, places, refused, save};
use crate::form::{Fields, Form};
use crate::respond::{PageResult, done, page_with};
use crate::seen;
use crate::view::{Section, View};
use crate::visit::{Posted, Visit};
use crate::words::Language;
use askama::Template;
use axum::extract::State;
use axum::{Router, routing};
use http::StatusCode;
use rustok_app::{Saved, tenants};
use rustok_http::state::HttpState;
use rustok_tenancy::Tenant;

/// A language of the shop.
struct Listed {
    tag: String,
    /// Its own name, where it is one of those of the pages.
    name: Option<&'static str>,
    is_default: bool,
}

#[derive(Template)]
#[template(path = "admin/settings/locales.html")]
struct Locales<'a> {
    v: &'a View,
    places: Vec<Place>,
    seen: String,
    form: Form,
    listed: Vec<Listed>,
    /// Whether texts in all languages are published.
    is_open: bool,
}

fn listed(tenant: &Tenant) -> Vec<Listed> {
    let settings = &tenant.settings;
    let mut tags = settings.locales.clone();
    if tags.is_empty() {
        tags.push(settings.default_locale.clone());
    }
    tags.into_iter()
        .map(|tag| Listed {
            name: Language::ALL
                .into_iter()
                .find(|language| language.tag() == tag)
                .map(Language::name),
            is_default: tag == settings.default_locale,
            tag,
        })
        .collect()
}

/// The languages and the main one, as a button of the page wants them.
fn wanted(fields: &Fields, tenant_locales: &[String], default: &str) -> (Vec<String>, String) {
    let mut locales = tenant_locales.to_vec();
    let mut default = default.to_owned();
    if let Some(main) = fields.filled("main") {
        main.clone_into(&mut default);
    }
    if let Some(removed) = fields.filled("remove") {
        locales.retain(|locale| locale != removed);
    }
    if let Some(added) = fields.filled("new") {
        if locales.is_empty() {
            locales.push(default.clone());
        }
        locales.push(added.to_owned());
    }
    (locales, default)
}

fn render(view: View, tenant: &Tenant, status: StatusCode, form: Form) -> PageResult {
    let view = view.at(Section::Settings);
    let template = Locales {
        places: places(&view, "/admin/settings/locales"),
        seen: seen::text(Saved::from(tenant)),
        form,
        listed: listed(tenant),
        is_open: tenant.settings.locales.is_empty(),
        v: &view,
    };
    page_with(status, &view, &template)
}

async fn show(Visit { ctx, view, .. }: Visit) -> PageResult {
    let tenant = tenants::read_own(&ctx).await?;
    render(view, &tenant, StatusCode::OK, Form::default())
}

async fn change(State(http): State<HttpState>, posted: Posted) -> PageResult {
    let Posted { visit, fields } = posted;
    let saved = save(&http, &visit.ctx, &fields, |edit| {
        let settings = &mut edit.settings;
        let (locales, default) = wanted(&fields, &settings.locales, &settings.default_locale);
        settings.locales = locales;
        settings.default_locale = default;
        Ok(())
    });
    match saved.await {
        Ok(_) => done("/admin/settings/locales", "flash-saved"),
        Err(refusal) => {
            let (status, mut form) = refused(&visit.view, fields, refusal)?;
            // Only the new one can be wrong: the others are stored.
            for error in &mut form.errors {
                "f-new".clone_into(&mut error.id);
            }
            let tenant = tenants::read_own(&visit.ctx).await?;
            render(visit.view, &tenant, status, form)
        }
    }
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/admin/settings/locales", routing::get(show).post(change))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_button_adds_removes_or_chooses_a_language() {
        let list = |tags: &[&str]| tags.iter().map(|tag| (*tag).to_owned()).collect::<Vec<_>>();
        for (name, value, before, after) in [
            ("new", "de", &[][..], (&["en", "de"][..], "en")),
            ("new", " de ", &["en"], (&["en", "de"], "en")),
            ("remove", "de", &["en", "de"], (&["en"], "en")),
            ("main", "de", &["en", "de"], (&["en", "de"], "de")),
            ("other", "x", &["en"], (&["en"], "en")),
        ] {
            let fields = Fields::of([(name, value.to_owned())]);
            let (locales, default) = wanted(&fields, &list(before), "en");
            assert_eq!((locales, default.as_str()), (list(after.0), after.1), "{name}");
        }
    }
}
