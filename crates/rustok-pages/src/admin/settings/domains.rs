//! `/admin/settings/domains`: the addresses of the shop. Only the operator changes them.

use super::{Place, places};
use crate::respond::{PageResult, page};
use crate::view::{Section, View};
use crate::visit::Visit;
use askama::Template;
use axum::{Router, routing};
use rustok_app::tenants;
use rustok_http::state::HttpState;

#[derive(Template)]
#[template(path = "admin/settings/domains.html")]
struct Domains<'a> {
    v: &'a View,
    places: Vec<Place>,
    hosts: &'a [String],
    own: String,
}

async fn show(Visit { ctx, view, .. }: Visit) -> PageResult {
    let view = view.at(Section::Settings);
    let tenant = tenants::read_own(&ctx).await?;
    let template = Domains {
        places: places(&view, "/admin/settings/domains"),
        hosts: &tenant.hosts,
        own: format!("{}.{}", tenant.slug, ctx.services.validator.base_domain()),
        v: &view,
    };
    page(&view, &template)
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/admin/settings/domains", routing::get(show))
}
