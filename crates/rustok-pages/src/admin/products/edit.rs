//! `/admin/products/new` and `/admin/products/{id}`: the form of a product.
//!
//! Its buttons besides "Save" change the form only: it is shown again with what was typed, and nothing is stored. So the
//! matrix and the pictures work without JavaScript.

mod differ;
mod errors;
mod joined;
mod options;
mod page;
mod typed;

use self::errors::Faults;
use self::options::{Expanded, Refused};
use self::page::Shown;
use self::typed::{Typed, TypedVariant};
use super::change::path_of;
use crate::form::Fields;
use crate::respond::{PageResult, done, refused_status};
use crate::seen;
use crate::view::{Section, View};
use crate::visit::{Posted, Visit, see_other};
use axum::response::Response;
use axum::{Router, routing};
use http::StatusCode;
use rustok_app::catalog::{self, UpdateProduct, WrittenProduct};
use rustok_app::{Ctx, Done, Idempotency, IdempotencyKey, Saved, StoredReply, Target};
use rustok_auth::Action;
use rustok_commerce::ids::ProductId;
use rustok_commerce::product::Product;
use rustok_core::error::{FieldViolation, RichError};
use rustok_core::money::Currency;
use rustok_http::extract::PathParams;
use rustok_http::state::HttpState;
use uuid::Uuid;

/// A form that is being worked on.
struct Draft<'a> {
    ctx: &'a Ctx,
    view: &'a View,
    currency: Currency,
    product: Option<Product>,
    typed: Typed,
    seen: String,
    once: String,
}

impl Draft<'_> {
    fn shown<'b>(&'b self, faults: &'b Faults) -> Shown<'b> {
        Shown {
            view: self.view,
            product: self.product.as_ref(),
            typed: &self.typed,
            faults,
            currency: self.currency.code(),
            seen: self.seen.clone(),
            once: self.once.clone(),
            is_dirty: true,
            said: None,
            conflict: None,
        }
    }

    /// The form again, with what is wrong.
    fn refuse(&self, status: StatusCode, faults: &Faults) -> PageResult {
        page::render(status, self.shown(faults))
    }

    /// The form again, with what a step did to it.
    fn say(&self, said: Option<String>) -> PageResult {
        let faults = Faults::default();
        let shown = Shown {
            said,
            ..self.shown(&faults)
        };
        page::render(StatusCode::OK, shown)
    }

    /// Applies the values of the options; the faults if that is not possible.
    fn expand(&mut self) -> Result<Expanded, Faults> {
        options::expand(&mut self.typed).map_err(|refused| {
            let (at, message) = match refused {
                Refused::NoValues(at) => (at, self.view.t("options-no-values")),
                Refused::TooMany(count) => {
                    let first = self.typed.options.iter().position(|option| option.is_changed());
                    (first.unwrap_or_default(), self.view.n("options-too-many", count))
                }
            };
            Faults::one(self.view, &self.typed, format!("#/options/{at}/values"), message)
        })
    }

    /// What the form means, or all that is wrong with it if one field cannot be read.
    fn violations(&self) -> Vec<FieldViolation> {
        let mut found = Vec::new();
        let input = self.typed.input(self.product.as_ref(), self.currency, &mut found);
        if !found.is_empty()
            && let Err(others) = catalog::check(input)
        {
            let is_new = |other: &FieldViolation| found.iter().all(|known| known.pointer != other.pointer);
            let others: Vec<_> = others.into_iter().filter(is_new).collect();
            found.extend(others);
        }
        found
    }
}

/// What a step did, in words.
fn step_words(view: &View, expanded: Expanded) -> Option<String> {
    match (expanded.added, expanded.marked) {
        (0, 0) => None,
        (added, 0) => Some(view.n("options-added", added).into_owned()),
        (0, marked) => Some(view.n("options-marked", marked).into_owned()),
        (added, marked) => {
            let (added, marked) = (view.n("options-added", added), view.n("options-marked", marked));
            Some(format!("{added} {marked}"))
        }
    }
}

async fn blank(Visit { ctx, view, .. }: Visit) -> PageResult {
    ctx.authorize(Action::CreateProduct)?;
    let view = view.at(Section::Products);
    let currency = catalog::currency(&ctx)?;
    let draft = Draft {
        ctx: &ctx,
        view: &view,
        currency,
        product: None,
        typed: Typed::new(currency),
        seen: String::new(),
        once: ctx.id::<Uuid>().to_string(),
    };
    let faults = Faults::default();
    let shown = Shown {
        is_dirty: false,
        ..draft.shown(&faults)
    };
    page::render(StatusCode::OK, shown)
}

async fn show(Visit { ctx, view, .. }: Visit, PathParams(id): PathParams<ProductId>) -> PageResult {
    let view = view.at(Section::Products);
    let currency = catalog::currency(&ctx)?;
    let product = catalog::get(&ctx, id).await?;
    let draft = Draft {
        ctx: &ctx,
        view: &view,
        currency,
        typed: Typed::of_product(&product, currency),
        seen: seen::text(Saved::from(&product)),
        product: Some(product),
        once: String::new(),
    };
    let faults = Faults::default();
    let shown = Shown {
        is_dirty: false,
        ..draft.shown(&faults)
    };
    page::render(StatusCode::OK, shown)
}

/// A step of the form that stores nothing. `None` if it is to be saved.
fn step(draft: &mut Draft<'_>, wanted: &str) -> Option<PageResult> {
    let (name, at) = wanted.split_once(':').unwrap_or((wanted, ""));
    let at: usize = at.parse().unwrap_or_default();
    let images = &mut draft.typed.images;
    match name {
        "options" => {
            return Some(match draft.expand() {
                Ok(expanded) => {
                    let said = step_words(draft.view, expanded);
                    draft.say(said.or_else(|| Some(draft.view.t("options-unchanged").into_owned())))
                }
                Err(faults) => draft.refuse(StatusCode::UNPROCESSABLE_ENTITY, &faults),
            });
        }
        "row" => {
            let like = draft.typed.variants.first().cloned().unwrap_or_default();
            draft.typed.variants.push(TypedVariant {
                is_free: true,
                price: like.price,
                currency: like.currency,
                weight: like.weight,
                hs_code: like.hs_code,
                ..TypedVariant::default()
            });
        }
        "image-add" => draft.typed.add_image(),
        "image-up" if (1..images.len()).contains(&at) => images.swap(at, at - 1),
        "image-down" if at + 1 < images.len() => images.swap(at, at + 1),
        "image-remove" if at < images.len() => {
            images.remove(at);
        }
        "image-up" | "image-down" | "image-remove" => {}
        _ => return None,
    }
    Some(draft.say(None))
}

/// Applies what has to be applied before a save. `Some` is the form that has to be looked at first.
fn prepare(draft: &mut Draft<'_>) -> Option<PageResult> {
    draft.typed.add_image();
    match draft.expand() {
        Err(faults) => return Some(draft.refuse(StatusCode::UNPROCESSABLE_ENTITY, &faults)),
        // Nobody has seen yet which variants go: the next save does it.
        Ok(expanded) if expanded.marked > 0 => {
            let faults = Faults {
                problem: Some(draft.view.n("options-marked", expanded.marked).into_owned()),
                ..Faults::default()
            };
            return Some(draft.refuse(StatusCode::UNPROCESSABLE_ENTITY, &faults));
        }
        Ok(_) => {}
    }
    draft.typed.variants.retain(|row| !(row.is_new() && row.deleted));
    let found = draft.violations();
    (!found.is_empty()).then(|| {
        let faults = Faults::of_violations(draft.view, &draft.typed, &found);
        draft.refuse(StatusCode::UNPROCESSABLE_ENTITY, &faults)
    })
}

/// Where to go after a product was written.
fn written(WrittenProduct { product, removed }: &WrittenProduct, flash: &'static str) -> PageResult {
    let flash = match removed.is_empty() {
        true => flash,
        false => "flash-product-cleaned",
    };
    done(&path_of(product), flash)
}

async fn create(posted: Posted) -> PageResult {
    let Posted { visit, fields } = posted;
    let (ctx, view) = (visit.ctx, visit.view.at(Section::Products));
    ctx.authorize(Action::CreateProduct)?;
    let mut draft = Draft {
        currency: catalog::currency(&ctx)?,
        ctx: &ctx,
        view: &view,
        product: None,
        typed: Typed::of_fields(&fields),
        seen: String::new(),
        // The same key again: a form that is still being saved is not saved once more.
        once: fields.text("once").to_owned(),
    };
    if let Some(shown) = step(&mut draft, fields.text("do")) {
        return shown;
    }
    if let Some(shown) = prepare(&mut draft) {
        return shown;
    }
    let input = draft.typed.input(None, draft.currency, &mut Vec::new());
    // The same form sent twice makes one product.
    let route = "POST /admin/products/new".to_owned();
    let sent = Idempotency::new(ctx.actor.to_string(), route, &fields.once(), b"");
    let render = |written: &WrittenProduct| StoredReply {
        status: StatusCode::SEE_OTHER.as_u16(),
        headers: Vec::new(),
        body: path_of(&written.product).into_bytes(),
    };
    match catalog::create(draft.ctx, input, IdempotencyKey::new(Some(&sent), &render)).await {
        Ok(Done::Made(product)) => written(&product, "flash-created"),
        Ok(Done::Repeated(reply)) => Ok(see_other(&String::from_utf8_lossy(&reply.body))),
        Err(refusal) => refused(&draft, refusal),
    }
}

fn refused(draft: &Draft<'_>, refusal: RichError) -> PageResult {
    let (status, refusal) = refused_status(refusal)?;
    draft.refuse(status, &Faults::of_refusal(draft.view, &draft.typed, &refusal))
}

async fn save(PathParams(id): PathParams<ProductId>, posted: Posted) -> PageResult {
    let Posted { visit, fields } = posted;
    let (ctx, view) = (visit.ctx, visit.view.at(Section::Products));
    ctx.authorize(Action::UpdateProduct)?;
    let currency = catalog::currency(&ctx)?;
    let product = match catalog::get(&ctx, id).await {
        Ok(product) => Some(product),
        Err(refusal) if refusal.status() == 404 => None,
        Err(refusal) => return Err(refusal),
    };
    let mut draft = Draft {
        currency,
        ctx: &ctx,
        view: &view,
        product,
        typed: Typed::of_fields(&fields),
        seen: fields.text("seen").to_owned(),
        once: ctx.id::<Uuid>().to_string(),
    };
    if draft.product.is_none() {
        return gone(&mut draft);
    }
    if let Some(shown) = step(&mut draft, fields.text("do")) {
        return shown;
    }
    if let Some(shown) = conflict(&mut draft, &fields) {
        return shown;
    }
    if let Some(shown) = prepare(&mut draft) {
        return shown;
    }
    let typed = &draft.typed;
    let update = UpdateProduct {
        product: Target {
            id,
            if_match: seen::condition(&fields),
        },
        edit: &|product, _| Ok(typed.input(Some(product), currency, &mut Vec::new())),
    };
    match catalog::update(&ctx, update).await {
        Ok(product) => written(&product, "flash-saved"),
        Err(refusal) if refusal.status() == 412 => {
            // It was changed between the look above and the save.
            draft.product = Some(catalog::get(&ctx, id).await?);
            let shown = conflict(&mut draft, &fields);
            shown.unwrap_or_else(|| refused(&draft, refusal))
        }
        Err(refusal) => refused(&draft, refusal),
    }
}

/// The form of a product that was deleted meanwhile: what was typed can be saved as a new one.
fn gone(draft: &mut Draft<'_>) -> PageResult {
    for row in &mut draft.typed.variants {
        row.id.clear();
    }
    for image in &mut draft.typed.images {
        image.id.clear();
    }
    draft.typed.handle.clear();
    let faults = Faults {
        problem: Some(draft.view.t("product-is-gone").into_owned()),
        ..Faults::default()
    };
    draft.refuse(StatusCode::NOT_FOUND, &faults)
}

/// The form beside the version that another member saved meanwhile; `None` if the form was made for the current one. The
/// form goes on from there: saved once more, it is stored over the other version.
fn conflict(draft: &mut Draft<'_>, fields: &Fields) -> Option<Result<Response, RichError>> {
    let product = draft.product.as_ref()?;
    let refusal = seen::condition(fields).check(product).err()?;
    let status = StatusCode::from_u16(refusal.status()).unwrap_or(StatusCode::PRECONDITION_FAILED);
    let theirs = Typed::of_product(product, draft.currency);
    let differences = differ::differences(draft.view, &theirs, &draft.typed);
    differ::rebase(&mut draft.typed, &theirs);
    draft.seen = seen::text(Saved::from(product));
    let faults = Faults::default();
    let shown = Shown {
        conflict: Some(differences),
        ..draft.shown(&faults)
    };
    Some(page::render(status, shown))
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/admin/products/new", routing::get(blank).post(create))
        .route("/admin/products/{id}", routing::get(show).post(save))
}
