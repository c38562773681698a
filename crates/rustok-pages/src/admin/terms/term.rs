//! `/admin/terms/{id}`: a category or tag: its name and place, its merge into another one, its end.

use super::{Kind, OFFERED, One, Said, Target, count_of, merged_flash};
use crate::form::{Fields, Form};
use crate::respond::{PageResult, done, page_with, refused_status};
use crate::view::Section;
use crate::visit::{Asked, Posted, Visit};
use axum::{Router, routing};
use http::StatusCode;
use rustok_app::content::{self, ChangeTerm, ListedTerm, TermFilter, TermRef};
use rustok_app::{Ctx, IdempotencyKey};
use rustok_auth::Action;
use rustok_content::Taxonomy;
use rustok_content::ids::TermId;
use rustok_core::error::RichError;
use rustok_http::extract::PathParams;
use rustok_http::problem::route_not_found;
use rustok_http::state::HttpState;
use rustok_text::plain::folded;

/// Terms of a taxonomy whose name begins with `prefix`, as many as a field offers.
async fn offers(ctx: &Ctx, taxonomy: Taxonomy, prefix: &str) -> Result<Vec<ListedTerm>, RichError> {
    let filter = TermFilter {
        taxonomy: Some(taxonomy),
        prefix: (!prefix.is_empty()).then(|| folded(prefix)),
    };
    Ok(content::list_terms(ctx, &filter, None, OFFERED).await?.items)
}

/// The page of a term, or of a new one.
async fn render(
    visit: Visit,
    status: StatusCode,
    taxonomy: Taxonomy,
    listed: Option<ListedTerm>,
    said: Said,
) -> PageResult {
    let Visit { ctx, view } = visit;
    let view = view.at(Section::Terms);
    let kind = Kind::of(taxonomy);
    let id = listed.as_ref().map(|listed| listed.term.id);
    let targets = match listed {
        Some(_) => offers(&ctx, taxonomy, &said.query).await?,
        None => Vec::new(),
    };
    let parents = match taxonomy {
        Taxonomy::Category => offers(&ctx, taxonomy, "").await?,
        Taxonomy::Tag => Vec::new(),
    };
    let stored = listed.as_ref().map_or_else(Fields::default, |listed| {
        let parent = listed.parent_slug.as_ref().map(ToString::to_string);
        Fields::of([
            ("name", listed.term.name.clone()),
            ("slug", listed.term.slug.to_string()),
            ("parent", parent.unwrap_or_default()),
        ])
    });
    let others = |term: &ListedTerm| Some(term.term.id) != id;
    let one = One {
        kind_key: kind.list_key(),
        list_path: kind.list_path(),
        path: id.map_or_else(
            || "/admin/terms/new".to_owned(),
            |id| format!("/admin/terms/{id}"),
        ),
        heading: match &listed {
            Some(listed) => listed.term.name.clone().into(),
            None => view.t(kind.new_key()),
        },
        is_new: listed.is_none(),
        is_author: false,
        is_category: taxonomy == Taxonomy::Category,
        taxonomy: taxonomy.as_str(),
        may_manage: view.may(Action::ManageTerms),
        count: listed.map(|listed| count_of(listed.nodes)).unwrap_or_default(),
        form: said.form.unwrap_or_else(|| Form::new(stored)),
        blocked: said.blocked,
        open: &said.open,
        query: &said.query,
        into_error: said.into_error,
        targets: targets
            .iter()
            .filter(|term| others(term))
            .map(|term| Target {
                id: term.term.id.to_string(),
                name: format!("{} ({})", term.term.name, term.term.slug),
            })
            .collect(),
        parents: parents
            .iter()
            .filter(|term| others(term))
            .map(|term| (term.term.slug.to_string(), term.term.name.clone()))
            .collect(),
        v: &view,
    };
    page_with(status, &view, &one)
}

async fn new(visit: Visit, Asked(query): Asked) -> PageResult {
    visit.ctx.authorize(Action::ManageTerms)?;
    let taxonomy = Taxonomy::find(query.text("taxonomy")).unwrap_or(Taxonomy::Category);
    render(visit, StatusCode::OK, taxonomy, None, Said::default()).await
}

async fn create(Posted { visit, fields }: Posted) -> PageResult {
    let taxonomy = Taxonomy::find(fields.text("taxonomy")).unwrap_or(Taxonomy::Category);
    let new = TermRef {
        taxonomy,
        slug: fields.filled("slug").map(str::to_owned),
        name: Some(fields.text("name").to_owned()),
        parent: fields.filled("parent").map(str::to_owned),
    };
    let created = content::create_term(&visit.ctx, new, IdempotencyKey::none()).await;
    match created.and_then(rustok_app::Done::made) {
        Ok(_) => done(Kind::of(taxonomy).list_path(), "flash-created"),
        Err(refusal) => {
            let (status, refusal) = refused_status(refusal)?;
            let said = Said::refused(&visit.view, fields, &refusal);
            render(visit, status, taxonomy, None, said).await
        }
    }
}

async fn show(visit: Visit, PathParams(id): PathParams<TermId>, Asked(query): Asked) -> PageResult {
    let listed = content::get_term(&visit.ctx, id).await?;
    let taxonomy = listed.term.taxonomy;
    render(visit, StatusCode::OK, taxonomy, Some(listed), Said::of(&query)).await
}

async fn change(PathParams(id): PathParams<TermId>, Posted { visit, fields }: Posted) -> PageResult {
    let change = ChangeTerm {
        id,
        name: fields.text("name").to_owned(),
        slug: fields.filled("slug").map(str::to_owned),
        parent: fields.filled("parent").map(str::to_owned),
    };
    let refusal = match content::change_term(&visit.ctx, change).await {
        Ok(_) => return done(&format!("/admin/terms/{id}"), "flash-saved"),
        Err(refusal) => refusal,
    };
    let (status, refusal) = refused_status(refusal)?;
    let said = Said::refused(&visit.view, fields, &refusal);
    again(visit, id, status, said).await
}

/// The term as it is now, and why nothing was done to it.
async fn again(visit: Visit, id: TermId, status: StatusCode, said: Said) -> PageResult {
    let listed = content::get_term(&visit.ctx, id).await?;
    let taxonomy = listed.term.taxonomy;
    render(visit, status, taxonomy, Some(listed), said).await
}

async fn step(
    PathParams((id, name)): PathParams<(TermId, String)>,
    Posted { visit, fields }: Posted,
) -> PageResult {
    match name.as_str() {
        "delete" => {
            let taxonomy = content::get_term(&visit.ctx, id).await?.term.taxonomy;
            content::delete_term(&visit.ctx, id).await?;
            done(Kind::of(taxonomy).list_path(), "flash-deleted")
        }
        "merge" => merge(visit, id, &fields).await,
        _ => Err(route_not_found().await),
    }
}

async fn merge(visit: Visit, id: TermId, fields: &Fields) -> PageResult {
    let Ok(into) = fields.text("into").parse::<TermId>() else {
        let said = Said::unmerged(&visit.view, None);
        return again(visit, id, StatusCode::UNPROCESSABLE_ENTITY, said).await;
    };
    let merged = content::merge_term(&visit.ctx, id, into, IdempotencyKey::none()).await;
    let refusal = match merged.and_then(rustok_app::Done::made) {
        Ok(merged) => {
            let flash = merged_flash(merged.is_pending);
            return done(&format!("/admin/terms/{into}"), flash);
        }
        Err(refusal) => refusal,
    };
    let (status, refusal) = refused_status(refusal)?;
    let said = Said::unmerged(&visit.view, Some(&refusal));
    again(visit, id, status, said).await
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/admin/terms/new", routing::get(new).post(create))
        .route("/admin/terms/{id}", routing::get(show).post(change))
        .route("/admin/terms/{id}/{step}", routing::post(step))
}
