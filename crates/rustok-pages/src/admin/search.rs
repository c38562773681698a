//! `/admin/search`: finds orders, products and articles by what is typed, and goes to any screen. With JavaScript it opens
//! over the page that is shown (Ctrl K) and shows what it finds while one types.

use crate::parts::{Icon, Pill};
use crate::respond::{PageResult, page};
use crate::view::View;
use crate::visit::{Asked, Visit};
use askama::Template;
use axum::{Router, routing};
use http::HeaderMap;
use rustok_app::Ctx;
use rustok_app::catalog::{self, ProductFilter};
use rustok_app::content::{self, NodeFilter, Part};
use rustok_app::orders;
use rustok_auth::Action;
use rustok_commerce::OrderColumns;
use rustok_core::error::RichError;
use rustok_core::page::Limit;
use rustok_http::state::HttpState;
use rustok_text::words::Query;

/// Things of one kind that are shown at most.
const SHOWN: Limit = Limit::nearest(5);
/// The longest text that is searched for, in characters, as in the API.
const MAX_QUERY: usize = 200;

/// One thing that was found, or a screen.
struct Found {
    icon: Icon,
    path: String,
    name: String,
    note: String,
}

/// Things of one kind.
struct Group {
    key: &'static str,
    found: Vec<Found>,
}

#[derive(Template)]
#[template(path = "admin/search.html")]
struct SearchPage<'a> {
    v: &'a View,
    query: &'a str,
    groups: Vec<Group>,
}

#[derive(Template)]
#[template(path = "parts/found.html")]
struct FoundPart<'a> {
    v: &'a View,
    groups: Vec<Group>,
}

async fn show(Visit { ctx, view }: Visit, headers: HeaderMap, Asked(query): Asked) -> PageResult {
    let wanted: String = query.text("q").trim().chars().take(MAX_QUERY).collect();
    let mut groups = Vec::new();
    if !wanted.is_empty() {
        if view.may(Action::ReadOrders) {
            let found = found_orders(&ctx, &view, &wanted).await?;
            groups.push(Group {
                key: "menu-orders",
                found,
            });
        }
        if view.may(Action::ReadCatalog) {
            let found = found_products(&ctx, &wanted).await?;
            groups.push(Group {
                key: "menu-products",
                found,
            });
        }
        if view.may(Action::ReadContent) {
            let found = found_nodes(&ctx, &wanted).await?;
            groups.push(Group {
                key: "menu-content",
                found,
            });
        }
    }
    groups.push(Group {
        key: "search-screens",
        found: screens(&view, &wanted),
    });
    groups.retain(|group| !group.found.is_empty());
    match headers.contains_key("hx-request") {
        true => page(&view, &FoundPart { v: &view, groups }),
        false => {
            let template = SearchPage {
                v: &view,
                query: &wanted,
                groups,
            };
            page(&view, &template)
        }
    }
}

/// The screens whose name contains the text.
fn screens(view: &View, wanted: &str) -> Vec<Found> {
    let wanted = wanted.to_lowercase();
    let items = [view.menu(), view.content_menu(), view.tools_menu()];
    items
        .into_iter()
        .flatten()
        .map(|item| Found {
            icon: item.icon,
            path: item.path.to_owned(),
            name: view.t(item.key).into_owned(),
            note: String::new(),
        })
        .filter(|found| found.name.to_lowercase().contains(&wanted))
        .collect()
}

async fn found_orders(ctx: &Ctx, view: &View, wanted: &str) -> Result<Vec<Found>, RichError> {
    let orders = orders::search(ctx, wanted, SHOWN).await?;
    let found = orders.iter().map(|order| {
        let columns = OrderColumns::from(order);
        let number = super::orders::number_of(columns.number);
        let state = view.t(Pill::of_order(columns.status).key);
        Found {
            icon: Icon("orders"),
            path: format!("/admin/orders/{}", columns.id),
            name: view.with("order-heading", "number", &number).into_owned(),
            note: format!("{}, {state}", columns.email),
        }
    });
    Ok(found.collect())
}

async fn found_products(ctx: &Ctx, wanted: &str) -> Result<Vec<Found>, RichError> {
    let filter = ProductFilter {
        query: Some(Query::of(wanted)),
        ..ProductFilter::default()
    };
    let products = catalog::list(ctx, &filter, None, SHOWN).await?;
    let found = products.items.into_iter().map(|product| Found {
        icon: Icon("products"),
        path: format!("/admin/products/{}", product.id),
        name: product.title,
        note: product.vendor.unwrap_or_default(),
    });
    Ok(found.collect())
}

async fn found_nodes(ctx: &Ctx, wanted: &str) -> Result<Vec<Found>, RichError> {
    let filter = NodeFilter {
        query: Some(Query::of(wanted)),
        ..NodeFilter::default()
    };
    let nodes = content::list(ctx, &filter, None, Part::Summary, None, SHOWN).await?;
    let found = nodes.items.into_iter().map(|node| Found {
        icon: Icon("content"),
        path: format!("/admin/content/{}", node.node.any().id()),
        name: node.shown.title,
        note: String::new(),
    });
    Ok(found.collect())
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/admin/search", routing::get(show))
}
