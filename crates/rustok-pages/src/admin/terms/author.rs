//! `/admin/authors/{id}`: an author: login and name, the merge into another one, the end.

use super::{Kind, OFFERED, One, Said, Target, count_of, merged_flash};
use crate::form::{Fields, Form};
use crate::respond::{PageResult, done, page_with, refused_status};
use crate::view::Section;
use crate::visit::{Asked, Posted, Visit};
use axum::{Router, routing};
use http::StatusCode;
use rustok_app::IdempotencyKey;
use rustok_app::content::{self, AuthorNames, ListedAuthor};
use rustok_auth::Action;
use rustok_content::ids::AuthorId;
use rustok_http::extract::PathParams;
use rustok_http::problem::route_not_found;
use rustok_http::state::HttpState;

/// The page of an author, or of a new one.
async fn render(visit: Visit, status: StatusCode, listed: Option<ListedAuthor>, said: Said) -> PageResult {
    let Visit { ctx, view } = visit;
    let view = view.at(Section::Terms);
    let id = listed.as_ref().map(|listed| listed.author.id);
    let prefix = Some(said.query.as_str()).filter(|prefix| !prefix.is_empty());
    let targets = match listed {
        Some(_) => content::list_authors(&ctx, prefix, None, OFFERED).await?.items,
        None => Vec::new(),
    };
    let stored = listed.as_ref().map_or_else(Fields::default, |listed| {
        Fields::of([
            ("login", listed.author.login.clone()),
            ("name", listed.author.display_name.clone()),
        ])
    });
    let one = One {
        kind_key: Kind::Author.list_key(),
        list_path: Kind::Author.list_path(),
        path: id.map_or_else(
            || "/admin/authors/new".to_owned(),
            |id| format!("/admin/authors/{id}"),
        ),
        heading: match &listed {
            Some(listed) => listed.author.display_name.clone().into(),
            None => view.t(Kind::Author.new_key()),
        },
        is_new: listed.is_none(),
        is_author: true,
        is_category: false,
        taxonomy: "",
        may_manage: view.may(Action::ManageTerms),
        count: listed.map(|listed| count_of(listed.nodes)).unwrap_or_default(),
        form: said.form.unwrap_or_else(|| Form::new(stored)),
        blocked: said.blocked,
        open: &said.open,
        query: &said.query,
        into_error: said.into_error,
        targets: targets
            .into_iter()
            .filter(|other| Some(other.author.id) != id)
            .map(|other| Target {
                id: other.author.id.to_string(),
                name: format!("{} ({})", other.author.display_name, other.author.login),
            })
            .collect(),
        parents: Vec::new(),
        v: &view,
    };
    page_with(status, &view, &one)
}

fn names(fields: &Fields) -> AuthorNames {
    AuthorNames {
        login: fields.text("login").to_owned(),
        name: fields.text("name").to_owned(),
    }
}

async fn new(visit: Visit) -> PageResult {
    visit.ctx.authorize(Action::ManageTerms)?;
    render(visit, StatusCode::OK, None, Said::default()).await
}

async fn create(Posted { visit, fields }: Posted) -> PageResult {
    let created = content::create_author(&visit.ctx, names(&fields), IdempotencyKey::none()).await;
    match created.and_then(rustok_app::Done::made) {
        Ok(_) => done(Kind::Author.list_path(), "flash-created"),
        Err(refusal) => {
            let (status, refusal) = refused_status(refusal)?;
            let said = Said::refused(&visit.view, fields, &refusal);
            render(visit, status, None, said).await
        }
    }
}

async fn show(visit: Visit, PathParams(id): PathParams<AuthorId>, Asked(query): Asked) -> PageResult {
    again(visit, id, StatusCode::OK, Said::of(&query)).await
}

async fn change(PathParams(id): PathParams<AuthorId>, Posted { visit, fields }: Posted) -> PageResult {
    let refusal = match content::change_author(&visit.ctx, id, names(&fields)).await {
        Ok(_) => return done(&format!("/admin/authors/{id}"), "flash-saved"),
        Err(refusal) => refusal,
    };
    let (status, refusal) = refused_status(refusal)?;
    let said = Said::refused(&visit.view, fields, &refusal);
    again(visit, id, status, said).await
}

/// The author as it is now, and why nothing was done to it.
async fn again(visit: Visit, id: AuthorId, status: StatusCode, said: Said) -> PageResult {
    let listed = content::get_author(&visit.ctx, id).await?;
    render(visit, status, Some(listed), said).await
}

async fn step(
    PathParams((id, name)): PathParams<(AuthorId, String)>,
    Posted { visit, fields }: Posted,
) -> PageResult {
    match name.as_str() {
        "delete" => {
            let refusal = match content::delete_author(&visit.ctx, id).await {
                Ok(()) => return done(Kind::Author.list_path(), "flash-deleted"),
                Err(refusal) => refusal,
            };
            let (status, refusal) = refused_status(refusal)?;
            let said = Said {
                blocked: Some(visit.view.words.problem(&refusal.to_response()).into_owned()),
                ..Said::default()
            };
            again(visit, id, status, said).await
        }
        "merge" => merge(visit, id, &fields).await,
        _ => Err(route_not_found().await),
    }
}

async fn merge(visit: Visit, id: AuthorId, fields: &Fields) -> PageResult {
    let Ok(into) = fields.text("into").parse::<AuthorId>() else {
        let said = Said::unmerged(&visit.view, None);
        return again(visit, id, StatusCode::UNPROCESSABLE_ENTITY, said).await;
    };
    let merged = content::merge_author(&visit.ctx, id, into, IdempotencyKey::none()).await;
    let refusal = match merged.and_then(rustok_app::Done::made) {
        Ok(merged) => {
            let flash = merged_flash(merged.is_pending);
            return done(&format!("/admin/authors/{into}"), flash);
        }
        Err(refusal) => refusal,
    };
    let (status, refusal) = refused_status(refusal)?;
    let said = Said::unmerged(&visit.view, Some(&refusal));
    again(visit, id, status, said).await
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/admin/authors/new", routing::get(new).post(create))
        .route("/admin/authors/{id}", routing::get(show).post(change))
        .route("/admin/authors/{id}/{step}", routing::post(step))
}
