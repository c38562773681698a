//! `/admin/orders/{id}`: an order, with the transitions that its status allows.

use super::{number_of, pieces_of};
use crate::form::Form;
use crate::format::Moment;
use crate::parts::{Icon, Pill};
use crate::respond::{PageResult, done, page_with, refused_status};
use crate::seen;
use crate::view::{Section, View};
use crate::visit::{Asked, Posted, Visit};
use askama::Template;
use axum::{Router, routing};
use http::StatusCode;
use rustok_app::orders::{self, CancelOrder, DeliverOrder, OrderHistory, PayOrder, ShipOrder};
use rustok_app::{IdempotencyKey, Saved, Target};
use rustok_auth::Action;
use rustok_commerce::ids::OrderId;
use rustok_commerce::{AnyOrder, OrderColumns, OrderStatus};
use rustok_http::extract::PathParams;
use rustok_http::problem::route_not_found;
use rustok_http::state::HttpState;
use std::borrow::Cow;

/// A transition as the page offers it.
struct Offer {
    name: &'static str,
    label: Cow<'static, str>,
    has_dialog: bool,
    tone: &'static str,
}

/// The form of a transition that asks for something.
struct Dialog {
    name: &'static str,
    title: String,
    submit: Cow<'static, str>,
    keep_key: &'static str,
    tone: &'static str,
    is_open: bool,
}

struct Step {
    key: &'static str,
    at: Option<Moment>,
    is_current: bool,
}

struct Line {
    product_id: String,
    title: String,
    variant: String,
    sku: Option<String>,
    quantity: i64,
    unit_price: String,
    total: String,
}

struct Adjustment {
    title: String,
    amount: String,
}

struct Payment {
    method: String,
    id: String,
    at: Moment,
}

struct Fulfilment {
    carrier: String,
    tracking: String,
    signature: Option<String>,
}

struct PastStep {
    icon: Icon,
    key: &'static str,
    reason: Option<String>,
    at: Moment,
    actor: String,
    version: String,
}

#[derive(Template)]
#[template(path = "admin/order.html")]
struct OrderPage<'a> {
    v: &'a View,
    id: String,
    seen: String,
    heading: String,
    pill: Pill,
    expires: Option<Moment>,
    placed: Moment,
    version: &'a str,
    actions: Vec<Offer>,
    dialogs: Vec<Dialog>,
    needs_refund: bool,
    form: Form,
    conflict: Option<String>,
    steps: Vec<Step>,
    reads_products: bool,
    pieces: usize,
    lines: Vec<Line>,
    adjustments: Vec<Adjustment>,
    total: String,
    payment: Option<Payment>,
    refund: Option<&'a str>,
    fulfilment: Option<Fulfilment>,
    email: &'a str,
    customer: String,
    history: Vec<PastStep>,
}

/// What the page says besides the order: the dialog that is open, and why the last form was refused.
#[derive(Default)]
struct Said {
    open: Option<String>,
    form: Form,
    conflict: Option<String>,
}

/// The action behind a transition, the key of its button, whether it asks for something, and how it looks.
fn offer_of(name: &str, status: OrderStatus) -> Option<(Action, &'static str, bool, &'static str)> {
    Some(match name {
        "confirm" => (Action::ConfirmOrder, "order-do-confirm", false, "main"),
        "pay" => (Action::PayOrder, "order-do-pay", true, "main"),
        "ship" => (Action::ShipOrder, "order-do-ship", true, "main"),
        "deliver" => (Action::DeliverOrder, "order-do-deliver", true, "main"),
        "cancel" if status == OrderStatus::Paid => (Action::CancelOrder, "order-do-refund", true, ""),
        "cancel" => (Action::CancelOrder, "order-do-cancel", true, ""),
        _ => return None,
    })
}

/// The transitions that the order's status and the member's role allow. The main one comes last, at the end of the line.
fn offers(view: &View, order: &AnyOrder) -> Vec<Offer> {
    let mut offers: Vec<_> = order
        .allowed_transitions()
        .filter_map(|name| {
            let (action, key, has_dialog, tone) = offer_of(name, order.status())?;
            view.may(action).then(|| Offer {
                name,
                label: view.t(key),
                has_dialog,
                tone,
            })
        })
        .collect();
    offers.sort_by_key(|offer| offer.tone == "main");
    offers
}

fn dialogs(view: &View, offers: &[Offer], number: &str, open: Option<&str>) -> Vec<Dialog> {
    let dialog = |offer: &Offer| {
        let (title, submit, keep_key, tone) = match offer.name {
            "pay" => ("order-pay-title", "order-pay-submit", "not-yet", "main"),
            "ship" => ("order-ship-title", "order-ship-submit", "not-yet", "main"),
            "deliver" => ("order-deliver-title", "order-deliver-submit", "not-yet", "main"),
            _ => ("order-cancel-title", "order-cancel-submit", "order-keep", "bad"),
        };
        Dialog {
            name: offer.name,
            title: view.with(title, "number", number).into_owned(),
            submit: view.t(submit),
            keep_key,
            tone,
            is_open: open == Some(offer.name),
        }
    };
    offers
        .iter()
        .filter(|offer| offer.has_dialog)
        .map(dialog)
        .collect()
}

/// The life of an order: what was, what is, and what is to come.
fn steps(view: &View, order: OrderColumns<'_>) -> Vec<Step> {
    let fulfilment = order.fulfilment;
    let mut all = vec![
        (OrderStatus::Pending, Some(order.created_at)),
        (OrderStatus::Confirmed, order.confirmed_at),
        (OrderStatus::Paid, order.payment.map(|payment| payment.paid_at)),
        (
            OrderStatus::Shipped,
            fulfilment.map(|fulfilment| fulfilment.shipped_at),
        ),
        (
            OrderStatus::Delivered,
            fulfilment.and_then(|fulfilment| fulfilment.delivered_at),
        ),
    ];
    if let Some(at) = order.cancelled_at {
        all.retain(|(_, at)| at.is_some());
        all.push((OrderStatus::Cancelled, Some(at)));
    }
    all.into_iter()
        .map(|(status, at)| Step {
            key: Pill::of_order(status).key,
            at: at.map(|at| view.formats.short(at)),
            is_current: status == order.status,
        })
        .collect()
}

fn past_step(view: &View, step: OrderHistory) -> PastStep {
    let (icon, key) = match step.transition.as_str() {
        "place" => ("bag", "step-placed"),
        "confirm" => ("check", "step-confirmed"),
        "pay" => ("card", "step-paid"),
        "ship" => ("truck", "step-shipped"),
        "deliver" => ("check", "step-delivered"),
        _ => ("x", "step-cancelled"),
    };
    let reason = match step.reason.as_deref() {
        Some("expired") => Some(view.t("order-expired").into_owned()),
        _ => step.reason,
    };
    PastStep {
        icon: Icon(icon),
        key,
        reason,
        at: view.formats.short(step.at),
        actor: view.actor_name(&step.actor),
        version: step.version.to_string(),
    }
}

async fn render(visit: Visit, id: OrderId, status: StatusCode, said: Said) -> PageResult {
    let Visit { ctx, view, .. } = visit;
    let view = view.at(Section::Orders);
    let order = orders::get(&ctx, id).await?;
    let history = match view.may(Action::ReadHistory) {
        true => orders::history(&ctx, id).await?,
        false => Vec::new(),
    };
    let columns = OrderColumns::from(&order);
    let number = number_of(columns.number);
    let money = |money| view.formats.money(money);
    let offers = offers(&view, &order);
    let version = columns.version.to_string();
    let template = OrderPage {
        id: id.to_string(),
        seen: seen::text(Saved::from(&order)),
        heading: view.with("order-heading", "number", &number).into_owned(),
        pill: Pill::of_order(columns.status),
        expires: columns.expires_at.map(|at| view.formats.short(at)),
        placed: view.formats.long(columns.created_at),
        version: &version,
        dialogs: dialogs(&view, &offers, &number, said.open.as_deref()),
        actions: offers,
        needs_refund: columns.status == OrderStatus::Paid,
        form: said.form,
        conflict: said.conflict,
        steps: steps(&view, columns),
        reads_products: view.may(Action::ReadCatalog),
        pieces: pieces_of(columns),
        lines: columns
            .lines
            .iter()
            .map(|line| Line {
                product_id: line.product_id.to_string(),
                title: line.title.clone(),
                variant: line.variant_title.clone(),
                sku: line.sku.clone(),
                quantity: line.quantity,
                unit_price: money(line.unit_price),
                total: line.total().map(money).unwrap_or_default(),
            })
            .collect(),
        adjustments: columns
            .adjustments
            .iter()
            .map(|adjustment| Adjustment {
                title: adjustment.title.clone(),
                amount: money(adjustment.amount),
            })
            .collect(),
        total: columns.total.map(money).unwrap_or_default(),
        payment: columns.payment.map(|payment| Payment {
            method: payment.method.clone(),
            id: payment.payment_id.clone(),
            at: view.formats.short(payment.paid_at),
        }),
        refund: columns.refund.map(|refund| refund.refund_id.as_str()),
        fulfilment: columns.fulfilment.map(|fulfilment| Fulfilment {
            carrier: fulfilment.carrier.to_owned(),
            tracking: fulfilment.tracking.to_owned(),
            signature: fulfilment.signature.map(str::to_owned),
        }),
        email: columns.email,
        customer: columns.customer_id.to_string(),
        history: history
            .into_iter()
            .rev()
            .map(|step| past_step(&view, step))
            .collect(),
        v: &view,
    };
    page_with(status, &view, &template)
}

async fn show(visit: Visit, PathParams(id): PathParams<OrderId>, Asked(query): Asked) -> PageResult {
    let said = Said {
        open: query.filled("do").map(str::to_owned),
        ..Said::default()
    };
    render(visit, id, StatusCode::OK, said).await
}

/// A transition by its form. What is refused is shown on the order as it is now, with what was typed.
async fn change(PathParams((id, name)): PathParams<(OrderId, String)>, posted: Posted) -> PageResult {
    let Posted { visit, fields } = posted;
    let target = Target {
        id,
        if_match: seen::condition(&fields),
    };
    let ctx = &visit.ctx;
    let text = |name: &str| fields.text(name).trim().to_owned();
    let no_key = IdempotencyKey::none();
    let (changed, flash) = match name.as_str() {
        "confirm" => (
            orders::confirm(ctx, target, no_key).await,
            "flash-order-confirmed",
        ),
        "pay" => {
            let pay = PayOrder {
                order: target,
                payment_id: text("payment_id"),
                method: text("method"),
            };
            (orders::pay(ctx, pay, no_key).await, "flash-order-paid")
        }
        "ship" => {
            let ship = ShipOrder {
                order: target,
                tracking: text("tracking"),
                carrier: text("carrier"),
            };
            (orders::ship(ctx, ship, no_key).await, "flash-order-shipped")
        }
        "deliver" => {
            let deliver = DeliverOrder {
                order: target,
                signature: fields.filled("signature").map(str::to_owned),
            };
            (
                orders::deliver(ctx, deliver, no_key).await,
                "flash-order-delivered",
            )
        }
        "cancel" => {
            let cancel = CancelOrder {
                order: target,
                reason: text("reason"),
                refund_id: fields.filled("refund_id").map(str::to_owned),
            };
            (orders::cancel(ctx, cancel, no_key).await, "flash-order-cancelled")
        }
        _ => return Err(route_not_found().await),
    };
    let refusal = match changed {
        Ok(_) => return done(&format!("/admin/orders/{id}"), flash),
        Err(refusal) => refusal,
    };
    let (status, refusal) = refused_status(refusal)?;
    let words = visit.view.words;
    let is_about_the_order = matches!(refusal.status(), 409 | 412) && refusal.violations().is_empty();
    let said = match is_about_the_order {
        true => Said {
            conflict: Some(words.problem(&refusal.to_response()).into_owned()),
            form: Form::new(fields),
            open: None,
        },
        false => Said {
            form: Form::refused(words, fields, &refusal),
            open: Some(name),
            conflict: None,
        },
    };
    render(visit, id, status, said).await
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/admin/orders/{id}", routing::get(show))
        .route("/admin/orders/{id}/{transition}", routing::post(change))
}
