//! `/admin/orders`: the list, one order, and its transitions.

mod one;

use crate::parts::Pill;
use crate::respond::{PageResult, page};
use crate::view::{Section, View};
use crate::visit::{Asked, Visit, parameters};
use askama::Template;
use axum::{Router, routing};
use rustok_app::orders::{self, OrderFilter, OrderPlace};
use rustok_commerce::{AnyOrder, OrderColumns, OrderNumber, OrderStatus};
use rustok_core::page::{Cursor, Limit, Page};
use rustok_http::state::HttpState;
use rustok_text::CanonicalEmail;
use std::borrow::Cow;

/// Orders on one page.
const PAGE: Limit = Limit::nearest(50);
/// The longest text that is searched for, in characters, as in the API.
const MAX_QUERY: usize = 200;

/// A view that is always there.
struct Tab {
    path: Cow<'static, str>,
    key: &'static str,
    is_current: bool,
}

/// One row.
struct Row {
    id: String,
    number: String,
    email: String,
    placed: crate::format::Moment,
    pill: Pill,
    pieces: usize,
    total: String,
}

#[derive(Template)]
#[template(path = "admin/orders.html")]
struct Orders<'a> {
    v: &'a View,
    tabs: Vec<Tab>,
    status: &'a str,
    query: &'a str,
    is_filtered: bool,
    orders: Vec<Row>,
    is_later_page: bool,
    first_page: String,
    next_page: Option<String>,
}

/// The statuses that have a view, with the key of its name.
const TABS: [(&str, &str); 6] = [
    ("pending", "orders-pending"),
    ("confirmed", "orders-confirmed"),
    ("paid", "orders-paid"),
    ("shipped", "orders-shipped"),
    ("delivered", "orders-delivered"),
    ("cancelled", "orders-cancelled"),
];

fn tabs(current: &str) -> Vec<Tab> {
    let all = Tab {
        path: "/admin/orders".into(),
        key: "all",
        is_current: current.is_empty(),
    };
    let of_status = |(status, key): (&str, &'static str)| Tab {
        path: format!("/admin/orders?status={status}").into(),
        key,
        is_current: current == status,
    };
    std::iter::once(all)
        .chain(TABS.into_iter().map(of_status))
        .collect()
}

/// The number of an order as people write it.
pub(super) fn number_of(number: Option<OrderNumber>) -> String {
    number.map_or_else(String::new, |number| format!("#{}", number.get()))
}

fn row(view: &View, order: &AnyOrder) -> Row {
    let columns = OrderColumns::from(order);
    Row {
        id: columns.id.to_string(),
        number: number_of(columns.number),
        email: columns.email.to_owned(),
        placed: view.formats.short(columns.created_at),
        pill: Pill::of_order(columns.status),
        pieces: pieces_of(columns),
        total: columns
            .total
            .map(|total| view.formats.money(total))
            .unwrap_or_default(),
    }
}

fn pieces_of(order: OrderColumns<'_>) -> usize {
    let pieces: i64 = order.lines.iter().map(|line| line.quantity).sum();
    usize::try_from(pieces).unwrap_or(0)
}

async fn list(Visit { ctx, view, .. }: Visit, Asked(query): Asked) -> PageResult {
    let view = view.at(Section::Orders);
    let status: Option<OrderStatus> = query.filled("status").and_then(|status| status.parse().ok());
    let wanted = query.filled("q");
    let wanted: Option<String> = wanted.map(|wanted| wanted.chars().take(MAX_QUERY).collect());
    let wanted = wanted.as_deref();
    let number: Option<OrderNumber> = wanted.and_then(|wanted| wanted.parse().ok());
    let email = wanted.and_then(CanonicalEmail::parse);
    let after = query
        .filled("after")
        .and_then(|after| Cursor::decode::<OrderPlace>(after).ok());
    // What is neither is looked for in the addresses of buyers, in all views.
    let words = wanted.filter(|_| number.is_none() && email.is_none());
    let status = status.filter(|_| words.is_none());
    let filter = OrderFilter {
        number,
        status,
        email,
        ..OrderFilter::default()
    };
    let found = match words {
        Some(words) => Page {
            items: orders::search(&ctx, words, PAGE).await?,
            next_cursor: None,
        },
        None => orders::list(&ctx, &filter, after, PAGE).await?,
    };
    let (status, wanted) = (status.map_or("", OrderStatus::as_str), wanted.unwrap_or_default());
    let address = |after: Option<&str>| {
        let after = after.unwrap_or_default();
        let parts = parameters(&[("status", status), ("q", wanted), ("after", after)]);
        format!("/admin/orders?{parts}")
    };
    let template = Orders {
        tabs: tabs(status),
        status,
        query: wanted,
        is_filtered: !status.is_empty() || !wanted.is_empty() || after.is_some(),
        orders: found.items.iter().map(|order| row(&view, order)).collect(),
        is_later_page: after.is_some(),
        first_page: address(None),
        next_page: found.next_cursor.as_deref().map(|next| address(Some(next))),
        v: &view,
    };
    page(&view, &template)
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/admin/orders", routing::get(list))
        .merge(one::routes())
}
