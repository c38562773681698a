//! `/admin/customers`: the buyers of the shop's orders, and one of them.

use super::orders::number_of;
use crate::format::Moment;
use crate::parts::Pill;
use crate::respond::{PageResult, page};
use crate::view::{Section, View};
use crate::visit::{Asked, Visit, parameters, query_value};
use askama::Template;
use axum::{Router, routing};
use rustok_app::customers::{self, Counted, Customer};
use rustok_app::orders::{self, OrderFilter};
use rustok_commerce::ids::CustomerId;
use rustok_commerce::{AnyOrder, OrderColumns};
use rustok_core::page::{Cursor, Limit, Page};
use rustok_http::extract::PathParams;
use rustok_http::state::HttpState;
use rustok_text::CanonicalEmail;
use rustok_text::words::Query;

/// Customers, or orders of one of them, on one page.
const PAGE: Limit = Limit::nearest(50);
/// The longest text that is searched for, in characters, as in the API.
const MAX_QUERY: usize = 200;

/// One row.
struct Row {
    id: String,
    email: String,
    last: Option<Moment>,
    orders: String,
    spent: Vec<String>,
}

#[derive(Template)]
#[template(path = "admin/customers.html")]
struct Customers<'a> {
    v: &'a View,
    query: &'a str,
    customers: Vec<Row>,
    has_more: bool,
    is_later_page: bool,
    first_page: String,
    next_page: Option<String>,
}

/// One order of a customer.
struct Order {
    id: String,
    number: String,
    pill: Pill,
    placed: Moment,
    total: String,
}

#[derive(Template)]
#[template(path = "admin/customer.html")]
struct OneCustomer<'a> {
    v: &'a View,
    customer: Row,
    since: Moment,
    orders: Vec<Order>,
    all_orders: Option<String>,
}

/// A number that may have been counted no further than to its limit.
fn counted(view: &View, counted: Counted) -> String {
    let number = view.formats.number(counted.count.unsigned_abs());
    match counted.more {
        true => format!("{number}+"),
        false => number,
    }
}

fn row(view: &View, customer: &Customer) -> Row {
    Row {
        id: customer.id.to_string(),
        email: customer.email.clone(),
        last: customer.last_order_at.map(|at| view.formats.short(at)),
        orders: counted(view, customer.orders),
        spent: customer
            .spent
            .iter()
            .map(|money| view.formats.money(*money))
            .collect(),
    }
}

fn order(view: &View, order: &AnyOrder) -> Order {
    let columns = OrderColumns::from(order);
    let total = columns.total.map(|total| view.formats.money(total));
    Order {
        id: columns.id.to_string(),
        number: number_of(columns.number),
        pill: Pill::of_order(columns.status),
        placed: view.formats.short(columns.created_at),
        total: total.unwrap_or_default(),
    }
}

/// The address of a page of the list.
fn address(wanted: &str, after: Option<&str>) -> String {
    let parts = parameters(&[("q", wanted), ("after", after.unwrap_or_default())]);
    match parts.is_empty() {
        true => "/admin/customers".to_owned(),
        false => format!("/admin/customers?{parts}"),
    }
}

async fn list(Visit { ctx, view }: Visit, Asked(query): Asked) -> PageResult {
    let view = view.at(Section::Customers);
    let wanted: String = query.text("q").trim().chars().take(MAX_QUERY).collect();
    let after = query
        .filled("after")
        .and_then(|after| Cursor::decode::<CustomerId>(after).ok());
    let words = (!wanted.is_empty()).then(|| Query::of(&wanted));
    let found = customers::list(&ctx, words.as_ref(), after, PAGE).await?;
    let template = Customers {
        customers: found.items.iter().map(|customer| row(&view, customer)).collect(),
        has_more: found.next_cursor.is_some(),
        is_later_page: after.is_some(),
        first_page: address(&wanted, None),
        next_page: found
            .next_cursor
            .as_deref()
            .map(|next| address(&wanted, Some(next))),
        query: &wanted,
        v: &view,
    };
    page(&view, &template)
}

async fn show(visit: Visit, PathParams(id): PathParams<CustomerId>) -> PageResult {
    let Visit { ctx, view } = visit;
    let view = view.at(Section::Customers);
    let customer = customers::get(&ctx, id).await?;
    let filter = OrderFilter {
        email: CanonicalEmail::parse(&customer.email),
        ..OrderFilter::default()
    };
    let orders = match filter.email {
        Some(_) => orders::list(&ctx, &filter, None, PAGE).await?,
        None => Page {
            items: Vec::new(),
            next_cursor: None,
        },
    };
    let all_orders = || format!("/admin/orders?q={}", query_value(&customer.email));
    let template = OneCustomer {
        since: view.formats.long(customer.created_at),
        orders: orders.items.iter().map(|found| order(&view, found)).collect(),
        all_orders: orders.next_cursor.is_some().then(all_orders),
        customer: row(&view, &customer),
        v: &view,
    };
    page(&view, &template)
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/admin/customers", routing::get(list))
        .route("/admin/customers/{id}", routing::get(show))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_address_of_a_page_keeps_what_was_searched_for() {
        assert_eq!(address("", None), "/admin/customers");
        assert_eq!(address("", Some("c&1")), "/admin/customers?after=c%261");
        assert_eq!(address("a b", None), "/admin/customers?q=a%20b");
        assert_eq!(address("a+b", Some("c")), "/admin/customers?q=a%2Bb&after=c");
    }
}
