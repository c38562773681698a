//! `/admin/products/bulk`: the same step for several products of a page.
//!
//! First the page says what will happen to each; what comes after says what happened to each.

use super::{Offers, PAGE};
use crate::form::{Fields, Form};
use crate::parts::Pill;
use crate::respond::{PageResult, page, page_with};
use crate::view::{Section, View};
use crate::visit::{Posted, see_other};
use askama::Template;
use axum::response::Response;
use axum::{Router, routing};
use http::StatusCode;
use rustok_app::catalog::{self, UpdateProduct};
use rustok_app::{Ctx, IdempotencyKey};
use rustok_auth::Action;
use rustok_commerce::ids::ProductId;
use rustok_commerce::product::{Product, ProductStatus};
use rustok_core::error::{ErrorKind, RichError};
use rustok_http::state::HttpState;
use rustok_text::plain::clean_name;

/// What can be done with several products.
#[derive(Debug, Clone, PartialEq, Eq)]
enum Step {
    Activate,
    Archive,
    Tag(String),
    Delete,
    Undelete,
}

impl Step {
    fn of(fields: &Fields) -> Option<Self> {
        Some(match fields.text("do") {
            "activate" => Self::Activate,
            "archive" => Self::Archive,
            "tag" => Self::Tag(clean_name(fields.text("tag"))),
            "delete" => Self::Delete,
            "undelete" => Self::Undelete,
            _ => return None,
        })
    }

    const fn name(&self) -> &'static str {
        match self {
            Self::Activate => "activate",
            Self::Archive => "archive",
            Self::Tag(_) => "tag",
            Self::Delete => "delete",
            Self::Undelete => "undelete",
        }
    }

    const fn action(&self) -> Action {
        match self {
            Self::Activate | Self::Archive | Self::Tag(_) => Action::UpdateProduct,
            Self::Delete => Action::DeleteProduct,
            Self::Undelete => Action::UndeleteProduct,
        }
    }

    /// The key of the heading.
    const fn heading(&self) -> &'static str {
        match self {
            Self::Activate => "bulk-heading-activate",
            Self::Archive => "bulk-heading-archive",
            Self::Tag(_) => "bulk-heading-tag",
            Self::Delete => "bulk-heading-delete",
            Self::Undelete => "bulk-heading-undelete",
        }
    }

    /// The key of the button, which names how many it is about.
    const fn submit(&self) -> &'static str {
        match self {
            Self::Activate => "bulk-submit-activate",
            Self::Archive => "bulk-submit-archive",
            Self::Tag(_) => "bulk-submit-tag",
            Self::Delete => "bulk-submit-delete",
            Self::Undelete => "bulk-submit-undelete",
        }
    }

    /// The key of what will happen to a product.
    fn will(&self, product: &Product) -> &'static str {
        match self {
            Self::Activate if product.status == ProductStatus::Active => "bulk-is-active",
            Self::Activate => "bulk-will-activate",
            Self::Archive if product.status == ProductStatus::Archived => "bulk-is-archived",
            Self::Archive => "bulk-will-archive",
            Self::Tag(_) => "bulk-will-tag",
            Self::Delete => "bulk-will-delete",
            Self::Undelete => "bulk-will-undelete",
        }
    }
}

/// A product and what will happen, or has happened, to it.
struct Line {
    id: String,
    title: String,
    pill: Option<Pill>,
    says: String,
    /// `ok`, `bad`, or nothing.
    tone: &'static str,
    is_there: bool,
}

#[derive(Template)]
#[template(path = "admin/bulk.html")]
struct BulkPage<'a> {
    v: &'a View,
    heading: String,
    step: &'static str,
    submit: String,
    text: Option<String>,
    form: Form,
    lines: Vec<Line>,
    /// Whether this is what happened, not what will.
    is_done: bool,
    /// How many were refused.
    refused: usize,
    /// Those that can be brought back, or tried again.
    undo: Vec<String>,
}

/// The products that were chosen, each once.
fn chosen(fields: &Fields) -> Option<Vec<ProductId>> {
    let mut ids: Vec<ProductId> = Vec::new();
    for id in fields.all("id").filter_map(|id| id.parse().ok()) {
        if !ids.contains(&id) {
            ids.push(id);
        }
        if ids.len() > PAGE.get() {
            return None;
        }
    }
    Some(ids)
}

/// Those of the products that are in use, in this order. A page of them has a size limit, so the rest is read by itself.
async fn read(ctx: &Ctx, ids: &[ProductId]) -> Result<Vec<Product>, RichError> {
    let mut found = catalog::get_many(ctx, ids).await?;
    for id in ids {
        if found.iter().any(|product| product.id == *id) {
            continue;
        }
        match catalog::get(ctx, *id).await {
            Ok(product) => found.push(product),
            Err(refusal) if refusal.status() == 404 => {}
            Err(refusal) => return Err(refusal),
        }
    }
    Ok(found)
}

async fn bulk(posted: Posted) -> PageResult {
    let Posted { visit, fields } = posted;
    let (ctx, view) = (visit.ctx, visit.view.at(Section::Products));
    let (Some(step), Some(ids)) = (Step::of(&fields), chosen(&fields)) else {
        return Err(
            RichError::new(ErrorKind::Validation, "no such step, or too many products")
                .with_status(400)
                .with_code("too_many_products")
                .with_public("At most 50 products are changed at once."),
        );
    };
    ctx.authorize(step.action())?;
    if ids.is_empty() {
        return Ok(see_other("/admin/products"));
    }
    let is_confirmed = fields.text("confirmed") == "yes";
    if is_confirmed && step == Step::Tag(String::new()) {
        let form = Form {
            errors: vec![crate::form::FieldError {
                id: "f-tag".to_owned(),
                message: view.t("bulk-no-tag").into_owned(),
            }],
            ..Form::new(fields)
        };
        return preview(&ctx, &view, &step, &ids, StatusCode::UNPROCESSABLE_ENTITY, form).await;
    }
    match is_confirmed {
        true => run(&ctx, &view, &step, &ids).await,
        false => preview(&ctx, &view, &step, &ids, StatusCode::OK, Form::new(fields)).await,
    }
}

/// What will happen.
async fn preview(
    ctx: &Ctx,
    view: &View,
    step: &Step,
    ids: &[ProductId],
    status: StatusCode,
    form: Form,
) -> PageResult {
    let products = read(ctx, ids).await?;
    let line = |product: &Product| Line {
        id: product.id.to_string(),
        title: product.title.clone(),
        pill: Some(Pill::of_product(product.status)),
        says: view.t(step.will(product)).into_owned(),
        tone: "",
        is_there: true,
    };
    let lines: Vec<Line> = products.iter().map(line).collect();
    let template = BulkPage {
        heading: view.t(step.heading()).into_owned(),
        step: step.name(),
        submit: view.n(step.submit(), lines.len()).into_owned(),
        text: (*step == Step::Delete).then(|| view.t("bulk-delete-text").into_owned()),
        form,
        lines,
        is_done: false,
        refused: 0,
        undo: Vec::new(),
        v: view,
    };
    page_with(status, view, &template)
}

/// Does it, one product after the other: what cannot be done with one does not keep the others from it.
async fn run(ctx: &Ctx, view: &View, step: &Step, ids: &[ProductId]) -> PageResult {
    let before = match step {
        Step::Undelete => Vec::new(),
        _ => read(ctx, ids).await?,
    };
    let (mut lines, mut undo, mut refused) = (Vec::new(), Vec::new(), 0);
    for id in ids {
        let known = before.iter().find(|product| product.id == *id);
        let done = match step {
            Step::Activate => set_status(ctx, *id, ProductStatus::Active).await,
            Step::Archive => set_status(ctx, *id, ProductStatus::Archived).await,
            Step::Tag(tag) => add_tag(ctx, *id, tag).await,
            Step::Delete => catalog::delete(ctx, (*id).into()).await.map(|()| None),
            Step::Undelete => undelete(ctx, *id).await,
        };
        let is_deleted = *step == Step::Delete && done.is_ok();
        if is_deleted {
            undo.push(id.to_string());
        }
        let (says, tone, after) = match done {
            Ok(after) => {
                let is_changed = match (&after, known) {
                    (Some(after), Some(known)) => after.version != known.version,
                    _ => true,
                };
                let key = if is_changed {
                    done_key(step)
                } else {
                    "bulk-unchanged"
                };
                (
                    view.t(key).into_owned(),
                    if is_changed { "ok" } else { "" },
                    after,
                )
            }
            Err(refusal) if refusal.status() < 500 => {
                refused += 1;
                (
                    view.words.problem(&refusal.to_response()).into_owned(),
                    "bad",
                    None,
                )
            }
            Err(refusal) => return Err(refusal),
        };
        let title = after.as_ref().or(known).map(|product| product.title.clone());
        let pill = match is_deleted {
            true => Some(Pill::DELETED_PRODUCT),
            false => after
                .as_ref()
                .or(known)
                .map(|product| Pill::of_product(product.status)),
        };
        lines.push(Line {
            id: id.to_string(),
            title: title.unwrap_or_else(|| id.to_string()),
            pill,
            says,
            tone,
            is_there: !is_deleted && (after.is_some() || known.is_some()),
        });
    }
    let template = BulkPage {
        heading: view.t(step.heading()).into_owned(),
        step: step.name(),
        submit: String::new(),
        text: None,
        form: Form::default(),
        is_done: true,
        refused,
        undo: match Offers::of(view).undelete {
            true => undo,
            false => Vec::new(),
        },
        lines,
        v: view,
    };
    page(view, &template)
}

/// The key of what has happened.
const fn done_key(step: &Step) -> &'static str {
    match step {
        Step::Activate => "bulk-did-activate",
        Step::Archive => "bulk-did-archive",
        Step::Tag(_) => "bulk-did-tag",
        Step::Delete => "bulk-did-delete",
        Step::Undelete => "bulk-did-undelete",
    }
}

async fn set_status(ctx: &Ctx, id: ProductId, status: ProductStatus) -> Result<Option<Product>, RichError> {
    let update = UpdateProduct {
        product: id.into(),
        edit: &|_, mut input| {
            input.status = Some(status.as_str().to_owned());
            Ok(input)
        },
    };
    catalog::update(ctx, update)
        .await
        .map(|written| Some(written.product))
}

async fn add_tag(ctx: &Ctx, id: ProductId, tag: &str) -> Result<Option<Product>, RichError> {
    let update = UpdateProduct {
        product: id.into(),
        edit: &|_, mut input| {
            if !input.tags.iter().any(|known| known == tag) {
                input.tags.push(tag.to_owned());
            }
            Ok(input)
        },
    };
    catalog::update(ctx, update)
        .await
        .map(|written| Some(written.product))
}

async fn undelete(ctx: &Ctx, id: ProductId) -> Result<Option<Product>, RichError> {
    let done = catalog::undelete(ctx, id.into(), IdempotencyKey::none()).await?;
    done.made().map(Some)
}

/// The page of what happened has no address of its own: loaded again, it is the list.
async fn list() -> Response {
    see_other("/admin/products")
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/admin/products/bulk", routing::get(list).post(bulk))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_product_is_chosen_once_and_not_more_than_a_page() {
        let id = |n: u8| format!("id=018f4e6a-7b1c-7def-8abc-0123456789{n:02x}");
        let form = |count: u8| (0..count).map(id).collect::<Vec<_>>().join("&");
        let fields = Fields::parse(format!("{}&{}&id=x", form(50), id(3)).as_bytes()).unwrap();
        assert_eq!(chosen(&fields).unwrap().len(), 50);
        assert_eq!(chosen(&Fields::parse(form(51).as_bytes()).unwrap()), None);
    }

    #[test]
    fn a_step_is_known_by_its_name() {
        let step = |form: &str| Step::of(&Fields::parse(form.as_bytes()).unwrap());
        for name in ["activate", "archive", "tag", "delete", "undelete"] {
            assert_eq!(step(&format!("do={name}")).unwrap().name(), name);
        }
        assert_eq!(
            step("do=tag&tag=+new+one+"),
            Some(Step::Tag("new one".to_owned()))
        );
        assert_eq!(step("do=price"), None);
    }
}
