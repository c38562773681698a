//! `/admin/products`: the list, one product, its stock, and what is done with several at once.

mod bulk;
mod change;
mod edit;
mod stock;

use crate::parts::Pill;
use crate::respond::{PageResult, page};
use crate::view::{Section, View};
use crate::visit::{Asked, Visit, parameters};
use askama::Template;
use axum::{Router, routing};
use rustok_app::catalog::{self, ProductFilter};
use rustok_auth::Action;
use rustok_commerce::ids::ProductId;
use rustok_commerce::product::Product;
use rustok_commerce::variant::Variant;
use rustok_core::page::{Cursor, Limit, ListKey};
use rustok_http::state::HttpState;
use rustok_text::plain::folded;
use rustok_text::words::Query;

/// Products on one page, and the most that are changed at once.
const PAGE: Limit = Limit::nearest(50);
/// The longest text that is searched for, in characters.
const MAX_SEARCH_CHARS: usize = 200;
/// The view of products that were deleted.
const DELETED: &str = "deleted";

/// A view that is always there.
struct Tab {
    path: String,
    key: &'static str,
    is_current: bool,
}

/// A picture in a row or a tile.
struct Thumb {
    url: String,
}

/// One row.
struct Row {
    id: String,
    title: String,
    thumb: Option<Thumb>,
    pill: Pill,
    kind: String,
    vendor: String,
    variants: usize,
    stock: StockSum,
}

/// The pieces of a product.
struct StockSum {
    /// `None` if no variant is counted.
    pieces: Option<i64>,
    /// Whether a counted variant has none left that may be sold.
    has_run_out: bool,
}

impl StockSum {
    fn of(variants: &[Variant]) -> Self {
        let counted = || variants.iter().filter_map(|variant| variant.available);
        Self {
            pieces: counted().reduce(i64::saturating_add),
            has_run_out: counted().next().is_some() && counted().all(|pieces| pieces <= 0),
        }
    }
}

/// What the address of the list says.
struct Wanted<'a> {
    /// The name of a status, `deleted`, or nothing.
    status: &'a str,
    query: &'a str,
    vendor: &'a str,
}

impl Wanted<'_> {
    /// The address of this list, without the page.
    fn address(&self, after: Option<&str>) -> String {
        let parts = parameters(&[
            ("status", self.status),
            ("q", self.query),
            ("vendor", self.vendor),
            ("after", after.unwrap_or_default()),
        ]);
        match parts.is_empty() {
            true => "/admin/products".to_owned(),
            false => format!("/admin/products?{parts}"),
        }
    }

    fn filter(&self) -> ProductFilter {
        let is_short = |text: &&str| !text.is_empty() && text.chars().count() <= MAX_SEARCH_CHARS;
        ProductFilter {
            status: self.status.parse().ok(),
            query: Some(self.query).filter(is_short).map(Query::of),
            vendor: Some(self.vendor).filter(is_short).map(folded),
            deleted: self.status == DELETED,
            ..ProductFilter::default()
        }
    }

    fn tabs(&self) -> Vec<Tab> {
        TABS.into_iter()
            .map(|(status, key)| Tab {
                path: Wanted { status, ..*self }.address(None),
                key,
                is_current: self.status == status,
            })
            .collect()
    }
}

/// The views, with the keys of their names.
const TABS: [(&str, &str); 5] = [
    ("", "all"),
    ("active", "products-active"),
    ("draft", "products-draft"),
    ("archived", "products-archived"),
    (DELETED, "products-deleted"),
];

/// A filter that is set, and the address without it.
struct Chip {
    text: String,
    without: String,
}

#[derive(Template)]
#[template(path = "admin/products.html")]
struct Products<'a> {
    v: &'a View,
    tabs: Vec<Tab>,
    wanted: Wanted<'a>,
    chips: Vec<Chip>,
    is_filtered: bool,
    is_deleted_view: bool,
    products: Vec<Row>,
    undo: Option<String>,
    offers: Offers,
    is_later_page: bool,
    first_page: String,
    next_page: Option<String>,
}

/// What the member may do.
#[derive(Debug, Clone, Copy)]
struct Offers {
    create: bool,
    update: bool,
    delete: bool,
    undelete: bool,
    stock: bool,
}

impl Offers {
    fn of(view: &View) -> Self {
        Self {
            create: view.may(Action::CreateProduct),
            update: view.may(Action::UpdateProduct),
            delete: view.may(Action::DeleteProduct),
            undelete: view.may(Action::UndeleteProduct),
            stock: view.may(Action::AdjustStock) && view.may(Action::SetStock),
        }
    }
}

fn thumb(product: &Product) -> Option<Thumb> {
    let image = product.images.first()?;
    Some(Thumb {
        url: image.url.clone(),
    })
}

fn row(product: &Product) -> Row {
    let pill = match product.deleted_at {
        Some(_) => Pill::DELETED_PRODUCT,
        None => Pill::of_product(product.status),
    };
    Row {
        id: product.id.to_string(),
        title: product.title.clone(),
        thumb: thumb(product),
        pill,
        kind: product.product_type.clone().unwrap_or_default(),
        vendor: product.vendor.clone().unwrap_or_default(),
        variants: product.variants.len(),
        stock: StockSum::of(&product.variants),
    }
}

fn chips(view: &View, wanted: &Wanted<'_>) -> Vec<Chip> {
    let chip = |key: &str, text: &str, without: &Wanted<'_>| Chip {
        text: view.with(key, "text", text).into_owned(),
        without: without.address(None),
    };
    let mut chips = Vec::new();
    if !wanted.query.is_empty() {
        chips.push(chip(
            "products-chip-query",
            wanted.query,
            &Wanted { query: "", ..*wanted },
        ));
    }
    if !wanted.vendor.is_empty() {
        chips.push(chip(
            "products-chip-vendor",
            wanted.vendor,
            &Wanted {
                vendor: "",
                ..*wanted
            },
        ));
    }
    chips
}

async fn list(Visit { ctx, view, .. }: Visit, Asked(query): Asked) -> PageResult {
    let view = view.at(Section::Products);
    let is_view = |status: &&str| TABS.iter().any(|(known, _)| known == status);
    let wanted = Wanted {
        status: query.filled("status").filter(is_view).unwrap_or_default(),
        query: query.filled("q").unwrap_or_default(),
        vendor: query.filled("vendor").unwrap_or_default(),
    };
    let after = query
        .filled("after")
        .and_then(|after| Cursor::decode::<ListKey<ProductId>>(after).ok());
    let undo: Option<ProductId> = query.filled("undo").and_then(|id| id.parse().ok());
    let found = catalog::list(&ctx, &wanted.filter(), after, PAGE).await?;
    let offers = Offers::of(&view);
    let template = Products {
        tabs: wanted.tabs(),
        chips: chips(&view, &wanted),
        is_filtered: !wanted.address(None).eq("/admin/products") || after.is_some(),
        is_deleted_view: wanted.status == DELETED,
        products: found.items.iter().map(row).collect(),
        undo: undo.filter(|_| offers.undelete).map(|id| id.to_string()),
        offers,
        is_later_page: after.is_some(),
        first_page: wanted.address(None),
        next_page: found
            .next_cursor
            .as_deref()
            .map(|next| wanted.address(Some(next))),
        wanted,
        v: &view,
    };
    page(&view, &template)
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new()
        .route("/admin/products", routing::get(list))
        .merge(bulk::routes())
        .merge(change::routes())
        .merge(edit::routes())
        .merge(stock::routes())
}
