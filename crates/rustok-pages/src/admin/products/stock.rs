//! `/admin/products/{id}/stock`: what is left of each variant, what changed it, and the two ways to change it.
//!
//! A delivery or a loss is adjusted by a number of pieces, with a reason: such changes add up. A count replaces the number,
//! so it holds only for the stock that the form showed.

use super::Offers;
use crate::form::{Fields, Form};
use crate::format::Moment;
use crate::parts::Icon;
use crate::respond::{PageResult, done, page_with, refused_status};
use crate::typed;
use crate::view::{Section, View};
use crate::visit::{Asked, Posted, Visit, see_other};
use askama::Template;
use axum::{Router, routing};
use http::StatusCode;
use rustok_app::catalog::{self, AdjustStock, SetStock, StockMovement, VariantOfProduct};
use rustok_app::{Ctx, Done, Idempotency, IdempotencyKey, StoredReply};
use rustok_auth::Action;
use rustok_commerce::ids::{ProductId, VariantId};
use rustok_commerce::inventory::Adjustment;
use rustok_commerce::product::Product;
use rustok_commerce::variant::Variant;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::page::Limit;
use rustok_http::extract::PathParams;
use rustok_http::state::HttpState;
use uuid::Uuid;

/// The lines of the ledger that are shown.
const SHOWN: Limit = Limit::nearest(50);

/// A variant in the list.
struct Line {
    id: String,
    title: String,
    sku: Option<String>,
    available: Option<i64>,
    allow_backorder: bool,
    is_chosen: bool,
}

/// One change of the stock.
struct Change {
    icon: Icon,
    key: &'static str,
    note: Option<String>,
    order: Option<String>,
    delta: String,
    at: Moment,
    actor: String,
}

#[derive(Template)]
#[template(path = "admin/stock.html")]
struct StockPage<'a> {
    v: &'a View,
    id: String,
    product: &'a str,
    lines: Vec<Line>,
    chosen: String,
    chosen_title: String,
    available: Option<i64>,
    /// What the form of a count has seen.
    seen: String,
    once: String,
    offers: Offers,
    reads_orders: bool,
    form: Form,
    quantity_hint: String,
    changes: Option<Vec<Change>>,
}

fn title(view: &View, variant: &Variant) -> String {
    match variant.options.is_empty() {
        true => view.t("variant-only").into_owned(),
        false => variant.options.join(", "),
    }
}

/// A number of pieces with its sign.
fn signed(delta: i64) -> String {
    match delta {
        0.. => format!("+{delta}"),
        _ => format!("\u{2212}{}", delta.unsigned_abs()),
    }
}

fn change(view: &View, line: StockMovement) -> Change {
    let (icon, key) = match line.reason.as_str() {
        "set" => ("edit", "movement-set"),
        "imported" => ("upload", "movement-imported"),
        "reserved" => ("bag", "movement-reserved"),
        "released" => ("undo", "movement-released"),
        _ => ("sort", "movement-adjusted"),
    };
    Change {
        icon: Icon(icon),
        key,
        note: line.note,
        order: line.order_id.map(|id| id.to_string()),
        delta: signed(line.delta),
        at: view.formats.short(line.at),
        actor: view.actor_name(&line.actor),
    }
}

/// What a count has seen, as its hidden field carries it.
fn seen_of(variant: &Variant) -> String {
    variant
        .available
        .map(|pieces| pieces.to_string())
        .unwrap_or_default()
}

async fn render(
    ctx: &Ctx,
    view: View,
    product: Product,
    chosen: Option<VariantId>,
    said: Said,
) -> PageResult {
    let view = view.at(Section::Products);
    let found = product.variants.iter().find(|variant| Some(variant.id) == chosen);
    let Some(variant) = found.or_else(|| product.variants.first()) else {
        return Err(RichError::new(ErrorKind::Internal, "a product without variants"));
    };
    let changes = match view.may(Action::ReadHistory) {
        true => Some(catalog::list_movements(ctx, variant.id, None, SHOWN).await?.items),
        false => None,
    };
    let line = |of: &Variant| Line {
        id: of.id.to_string(),
        title: title(&view, of),
        sku: of.sku.clone(),
        available: of.available,
        allow_backorder: of.allow_backorder,
        is_chosen: of.id == variant.id,
    };
    let template = StockPage {
        id: product.id.to_string(),
        product: &product.title,
        lines: product.variants.iter().map(line).collect(),
        chosen: variant.id.to_string(),
        chosen_title: title(&view, variant),
        available: variant.available,
        seen: seen_of(variant),
        once: said.once.unwrap_or_else(|| ctx.id::<Uuid>().to_string()),
        offers: Offers::of(&view),
        reads_orders: view.may(Action::ReadOrders),
        form: said.form,
        quantity_hint: match variant.available {
            None => view.t("stock-quantity-hint").into_owned(),
            Some(_) => String::new(),
        },
        changes: changes.map(|lines| lines.into_iter().map(|line| change(&view, line)).collect()),
        v: &view,
    };
    page_with(said.status, &view, &template)
}

/// Why the last form was refused.
struct Said {
    status: StatusCode,
    form: Form,
    /// The key of the form, if it is still being saved.
    once: Option<String>,
}

async fn show(
    Visit { ctx, view, .. }: Visit,
    PathParams(id): PathParams<ProductId>,
    Asked(query): Asked,
) -> PageResult {
    let chosen = query.filled("variant").and_then(|id| id.parse().ok());
    let product = catalog::get(&ctx, id).await?;
    let said = Said {
        status: StatusCode::OK,
        form: Form::default(),
        once: None,
    };
    render(&ctx, view, product, chosen, said).await
}

/// A text that must be a whole number.
fn number(fields: &Fields, name: &str) -> Result<i64, RichError> {
    let number = typed::whole(fields.text(name));
    number.ok_or_else(|| unfit(name, "not_a_whole_number", "must be a whole number"))
}

fn unfit(name: &str, code: &'static str, rule: &'static str) -> RichError {
    RichError::new(
        ErrorKind::Validation,
        "a field of the form is not what it must be",
    )
    .with_code("validation_failed")
    .with_violation(format!("#/{name}"), code, rule)
}

/// Sets the stock, if it is what the form has seen.
async fn set(ctx: &Ctx, id: VariantId, fields: &Fields) -> Result<(), RichError> {
    let seen = fields.text("seen");
    let set = SetStock {
        id,
        condition: &|_, variant| match seen_of(variant) == seen {
            true => Ok(()),
            false => Err(stock_changed()),
        },
        quantity: number(fields, "quantity")?,
        allow_backorder: None,
    };
    catalog::set_stock(ctx, set).await.map(|_| ())
}

fn stock_changed() -> RichError {
    RichError::new(ErrorKind::Conflict, "the stock is not what the form showed")
        .with_status(412)
        .with_code("stock_changed")
        .with_public(
            "The stock was changed while the page was open. Compare it with your count, and save again.",
        )
}

/// The adjustment that was typed, or all that is wrong with it.
fn adjustment(fields: &Fields) -> Result<Adjustment, RichError> {
    let delta = number(fields, "delta").and_then(|delta| match delta {
        0 => Err(unfit("delta", "zero_pieces", "must not be 0")),
        delta => Ok(delta),
    });
    let reason = fields.text("reason");
    let has_reason = !reason.trim().is_empty();
    match delta {
        Ok(delta) if has_reason => Ok(Adjustment::checked(delta, reason)?),
        Ok(_) => Err(unfit("reason", "required", "is required")),
        Err(refusal) if has_reason => Err(refusal),
        Err(refusal) => Err(refusal.with_violation("#/reason", "required", "is required")),
    }
}

/// Adjusts the stock; the same form sent twice does it once.
async fn adjust(ctx: &Ctx, id: VariantId, fields: &Fields) -> Result<(), RichError> {
    ctx.authorize(Action::AdjustStock)?;
    let adjustment = adjustment(fields)?;
    let adjust = AdjustStock {
        id,
        condition: &|_, _| Ok(()),
        adjustment,
    };
    let route = format!("POST /admin/products/stock/{id}");
    let sent = Idempotency::new(ctx.actor.to_string(), route, &fields.once(), b"");
    let render = |_: &VariantOfProduct| StoredReply {
        status: StatusCode::SEE_OTHER.as_u16(),
        headers: Vec::new(),
        body: Vec::new(),
    };
    match catalog::adjust_stock(ctx, adjust, IdempotencyKey::new(Some(&sent), &render)).await? {
        Done::Made(_) | Done::Repeated(_) => Ok(()),
    }
}

async fn save(PathParams(id): PathParams<ProductId>, posted: Posted) -> PageResult {
    let Posted { visit, fields } = posted;
    let Visit { ctx, view, .. } = visit;
    let product = catalog::get(&ctx, id).await?;
    let chosen: Option<VariantId> = fields.filled("variant").and_then(|id| id.parse().ok());
    let variant = product.variants.iter().find(|variant| Some(variant.id) == chosen);
    let path = format!("/admin/products/{id}/stock");
    let Some(variant) = variant.map(|variant| variant.id) else {
        return Ok(see_other(&path));
    };
    let is_adjusting = fields.text("do") == "adjust";
    let changed = match is_adjusting {
        true => adjust(&ctx, variant, &fields).await,
        false => set(&ctx, variant, &fields).await,
    };
    let Err(refusal) = changed else {
        return done(&format!("{path}?variant={variant}"), "flash-stock-changed");
    };
    let (status, refusal) = refused_status(refusal)?;
    let is_running = refusal.code() == "idempotency_in_flight";
    let said = Said {
        status,
        once: is_running.then(|| fields.text("once").to_owned()),
        form: Form::refused(view.words, fields, &refusal),
    };
    // As it is now: a refusal may be about a change that was made meanwhile.
    let product = catalog::get(&ctx, id).await?;
    render(&ctx, view, product, Some(variant), said).await
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/admin/products/{id}/stock", routing::get(show).post(save))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_has_its_sign() {
        assert_eq!(
            (signed(3), signed(-4), signed(0)),
            ("+3".into(), "\u{2212}4".into(), "+0".into())
        );
    }

    #[test]
    fn a_number_and_a_reason_are_refused_together() {
        let refused = |form: &str| {
            let refused = adjustment(&Fields::parse(form.as_bytes()).unwrap()).unwrap_err();
            let found = refused.violations().iter();
            found
                .map(|found| format!("{} {}", found.pointer, found.code))
                .collect::<Vec<_>>()
        };
        assert_eq!(
            refused("delta=x&reason=+"),
            ["#/delta not_a_whole_number", "#/reason required"]
        );
        assert_eq!(refused("delta=0&reason=a"), ["#/delta zero_pieces"]);
        assert_eq!(refused("delta=1"), ["#/reason required"]);
        assert_eq!(refused("delta=1&reason=a%0Ab"), ["#/reason invalid_text"]);
        let typed = adjustment(&Fields::parse("delta=−3&reason=Broken".as_bytes()).unwrap()).unwrap();
        assert_eq!((typed.delta(), typed.reason()), (-3, "Broken"));
    }
}
