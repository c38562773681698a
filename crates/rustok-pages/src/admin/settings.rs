//! `/admin/settings`: what the admins of a shop decide for all of it. This file has the general settings and what all of
//! these pages share.

mod cors;
mod domains;
mod locales;
mod members;
mod tokens;

use crate::form::{Fields, Form};
use crate::respond::{PageResult, done, page_with, refused_status};
use crate::seen;
use crate::view::{Section, View};
use crate::visit::{Posted, Visit};
use askama::Template;
use axum::extract::State;
use axum::{Router, routing};
use http::StatusCode;
use rustok_app::tenants::{self, UpdateOwnSettings};
use rustok_app::{Ctx, Saved};
use rustok_auth::Action;
use rustok_core::error::{ErrorKind, FieldViolation, RichError};
use rustok_http::state::HttpState;
use rustok_tenancy::{Tenant, TenantEdit, TenantSettings};

/// A page of the settings.
struct Place {
    path: &'static str,
    key: &'static str,
    is_current: bool,
}

/// The pages of the settings that the member may see.
fn places(view: &View, current: &str) -> Vec<Place> {
    let all = [
        ("/admin/settings", "settings-general", Action::ManageSettings),
        (
            "/admin/settings/domains",
            "settings-domains",
            Action::ManageSettings,
        ),
        (
            "/admin/settings/locales",
            "settings-locales",
            Action::ManageSettings,
        ),
        ("/admin/settings/cors", "settings-cors", Action::ManageSettings),
        ("/admin/settings/members", "settings-members", Action::ReadMembers),
        ("/admin/settings/tokens", "settings-tokens", Action::ManageTokens),
    ];
    all.into_iter()
        .filter(|(.., action)| view.may(*action))
        .map(|(path, key, _)| Place {
            path,
            key,
            is_current: path == current,
        })
        .collect()
}

/// Saves what a form changes of the shop. What this process knew of it is forgotten before the next page.
async fn save(
    http: &HttpState,
    ctx: &Ctx,
    fields: &Fields,
    change: impl Fn(&mut TenantEdit) -> Result<(), RichError> + Sync,
) -> Result<Tenant, RichError> {
    let edit = |tenant: &Tenant| {
        let mut edit = TenantEdit {
            name: tenant.name.clone(),
            settings: tenant.settings.clone(),
        };
        change(&mut edit)?;
        Ok(edit)
    };
    let update = UpdateOwnSettings {
        if_match: seen::condition(fields),
        edit: &edit,
    };
    let tenant = tenants::update_own_settings(ctx, update).await?;
    http.tenants().invalidate_tenant(tenant.id);
    Ok(tenant)
}

/// A form that was refused, to be shown with what was typed. After a change by another member it may be sent again, and then
/// counts.
///
/// # Errors
/// The refusal, if it is not about the form.
fn refused(view: &View, fields: Fields, refusal: RichError) -> Result<(StatusCode, Form), RichError> {
    let (status, refusal) = refused_status(refusal)?;
    let mut form = Form::refused(view.words, fields, &refusal);
    if status == StatusCode::PRECONDITION_FAILED {
        form.problem = Some(view.t("settings-changed-meanwhile").into_owned());
    }
    Ok((status, form))
}

#[derive(Template)]
#[template(path = "admin/settings/general.html")]
struct General<'a> {
    v: &'a View,
    places: Vec<Place>,
    seen: String,
    form: Form,
}

/// A number of the settings.
type Number = fn(&mut TenantSettings) -> &mut u32;

/// The numbers of the form, by the name of the field.
const NUMBERS: [(&str, Number); 4] = [
    ("settings-pending_order_ttl_minutes", |settings| {
        &mut settings.pending_order_ttl_minutes
    }),
    ("settings-confirmed_order_ttl_minutes", |settings| {
        &mut settings.confirmed_order_ttl_minutes
    }),
    ("settings-max_pending_pieces", |settings| {
        &mut settings.max_pending_pieces
    }),
    ("settings-low_stock_threshold", |settings| {
        &mut settings.low_stock_threshold
    }),
];

fn shown(tenant: &Tenant) -> Fields {
    let settings = &tenant.settings;
    Fields::of([
        ("name", tenant.name.clone()),
        ("settings-default_currency", settings.default_currency.clone()),
        (
            "settings-pending_order_ttl_minutes",
            settings.pending_order_ttl_minutes.to_string(),
        ),
        (
            "settings-confirmed_order_ttl_minutes",
            settings.confirmed_order_ttl_minutes.to_string(),
        ),
        (
            "settings-max_pending_pieces",
            settings.max_pending_pieces.to_string(),
        ),
        ("settings-time_zone", settings.time_zone.clone()),
        (
            "settings-low_stock_threshold",
            settings.low_stock_threshold.to_string(),
        ),
    ])
}

/// The shop as the form wants it.
fn typed(fields: &Fields, edit: &mut TenantEdit) -> Result<(), RichError> {
    let mut found = Vec::new();
    for (name, number) in NUMBERS {
        match fields.text(name).trim().parse() {
            Ok(typed) => *number(&mut edit.settings) = typed,
            Err(_) => {
                let pointer = format!("#/{}", name.replacen('-', "/", 1));
                found.push(FieldViolation::new(
                    pointer,
                    "not_a_whole_number",
                    "must be a whole number",
                ));
            }
        }
    }
    fields.text("name").clone_into(&mut edit.name);
    let currency = fields.text("settings-default_currency").trim();
    currency.clone_into(&mut edit.settings.default_currency);
    let zone = fields.text("settings-time_zone").trim();
    zone.clone_into(&mut edit.settings.time_zone);
    if found.is_empty() {
        return Ok(());
    }
    // All that is wrong at once: the rules of the shop too.
    if let Err(more) = edit.clone().checked() {
        found.extend(more);
    }
    Err(RichError::new(ErrorKind::Validation, "not a whole number").with_violations(found))
}

fn render(view: View, tenant: &Tenant, status: StatusCode, form: Form) -> PageResult {
    let view = view.at(Section::Settings);
    let template = General {
        places: places(&view, "/admin/settings"),
        seen: seen::text(Saved::from(tenant)),
        form,
        v: &view,
    };
    page_with(status, &view, &template)
}

async fn show(Visit { ctx, view, .. }: Visit) -> PageResult {
    let tenant = tenants::read_own(&ctx).await?;
    let form = Form::new(shown(&tenant));
    render(view, &tenant, StatusCode::OK, form)
}

async fn change(State(http): State<HttpState>, posted: Posted) -> PageResult {
    let Posted { visit, fields } = posted;
    let saved = save(&http, &visit.ctx, &fields, |edit| typed(&fields, edit)).await;
    match saved {
        Ok(_) => done("/admin/settings", "flash-saved"),
        Err(refusal) => {
            let (status, form) = refused(&visit.view, fields, refusal)?;
            let tenant = tenants::read_own(&visit.ctx).await?;
            render(visit.view, &tenant, status, form)
        }
    }
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/admin/settings", routing::get(show).post(change))
        .merge(cors::routes())
        .merge(domains::routes())
        .merge(locales::routes())
        .merge(members::routes())
        .merge(tokens::routes())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_no_number_is_named_with_all_else_that_is_wrong() {
        let fields = Fields::of([
            ("name", "  ".to_owned()),
            ("settings-default_currency", "usd".to_owned()),
            ("settings-pending_order_ttl_minutes", "soon".to_owned()),
            ("settings-confirmed_order_ttl_minutes", " 60 ".to_owned()),
            ("settings-max_pending_pieces", "-1".to_owned()),
            ("settings-low_stock_threshold", " 7 ".to_owned()),
            ("settings-time_zone", "Europe/Nowhere".to_owned()),
        ]);
        let mut edit = TenantEdit {
            name: "Shop".to_owned(),
            settings: TenantSettings::default(),
        };
        let refused = typed(&fields, &mut edit).unwrap_err();
        let found: Vec<_> = refused.violations().iter().map(|v| v.pointer.as_str()).collect();
        assert_eq!(
            found,
            [
                "#/settings/pending_order_ttl_minutes",
                "#/settings/max_pending_pieces",
                "#/name",
                "#/settings/default_currency",
                "#/settings/time_zone"
            ]
        );
        assert_eq!(edit.settings.low_stock_threshold, 7);
        assert_eq!(edit.settings.confirmed_order_ttl_minutes, 60);
    }
}
