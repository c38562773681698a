//! `/admin`: the first page: the sales, the orders that wait for a person, the stock that runs low, and what was done lately.

use super::content::history::step_words;
use super::orders::number_of;
use crate::chart::Chart;
use crate::format::Moment;
use crate::parts::{Icon, Pill};
use crate::respond::{PageResult, page};
use crate::view::{Section, View};
use crate::visit::Visit;
use askama::Template;
use axum::{Router, routing};
use rustok_app::Ctx;
use rustok_app::home::{self, Activity, Counted, LowStock, Sales, ToHandle};
use rustok_app::orders::{self, OrderFilter};
use rustok_auth::Action;
use rustok_commerce::{AnyOrder, OrderColumns, OrderStatus};
use rustok_core::error::RichError;
use rustok_core::money::Money;
use rustok_core::page::Limit;
use rustok_http::state::HttpState;
use std::borrow::Cow;

/// Orders that are shown at most.
const SHOWN: Limit = Limit::nearest(5);
/// Days from one name under the chart to the next.
const NAMED_DAYS: usize = 7;

/// A number of the last days, and how it compares with the days before.
struct Figure {
    key: &'static str,
    value: String,
    tone: &'static str,
    change: Option<Cow<'static, str>>,
}

/// One day of the table that says what the chart shows.
struct Day {
    name: String,
    orders: String,
    total: String,
    before: String,
}

/// The sales of the last days.
struct SalesCard {
    figures: [Figure; 4],
    chart: Chart,
    title: Cow<'static, str>,
    axis: Vec<String>,
    days: Vec<Day>,
}

/// An order that waits for a person.
struct Waiting {
    id: String,
    number: String,
    email: String,
    pill: Pill,
    total: String,
}

/// A variant of which few pieces are left.
struct Low {
    path: String,
    title: String,
    variant: String,
    pill: Pill,
    left: Cow<'static, str>,
}

/// Something that was done lately.
struct Done {
    icon: Icon,
    path: String,
    name: String,
    note: String,
    at: Moment,
}

/// What those who may read orders see.
struct Board {
    summary: String,
    sales: SalesCard,
    orders: Vec<Waiting>,
    low: Vec<Low>,
    lately: Vec<Done>,
}

#[derive(Template)]
#[template(path = "admin/home.html")]
struct Home<'a> {
    v: &'a View,
    greeting: Cow<'static, str>,
    creates_content: bool,
    creates_products: bool,
    board: Option<Board>,
}

/// How many per cent more or less there is than before; `None` if there was nothing before.
fn change_of(now: i64, before: i64) -> Option<i64> {
    let (now, before) = (i128::from(now), i128::from(before));
    if before <= 0 {
        return None;
    }
    let (more, half) = ((now - before) * 100, before / 2);
    let rounded = match more < 0 {
        true => (more - half) / before,
        false => (more + half) / before,
    };
    Some(i64::try_from(rounded).unwrap_or(i64::MAX))
}

fn figure(view: &View, key: &'static str, value: String, now: i64, before: i64) -> Figure {
    let change = change_of(now, before);
    let percent = view.formats.number(change.unwrap_or(0).unsigned_abs());
    let (tone, said) = match change {
        Some(1..) => ("up", Some("home-more")),
        Some(0) => ("", Some("home-same")),
        Some(_) => ("dn", Some("home-less")),
        None => ("", None),
    };
    Figure {
        key,
        value,
        tone,
        change: said.map(|key| view.with(key, "percent", &percent)),
    }
}

/// The sum of one order on the average, in the smallest unit.
fn average(total: Money, orders: i64) -> Money {
    Money::from_minor(total.minor().checked_div(orders).unwrap_or(0), total.currency())
}

fn count_of(view: &View, count: i64) -> String {
    view.formats.number(count.unsigned_abs())
}

fn sales_card(view: &View, sales: &Sales) -> SalesCard {
    let money = |money| view.formats.money(money);
    let totals = || sales.days.iter().map(|day| day.total);
    let ends = [
        totals().min_by_key(|total| total.minor()),
        totals().max_by_key(|total| total.minor()),
    ];
    let [least, most] = ends.map(|end| end.map(money).unwrap_or_default());
    let (now, before) = (
        average(sales.total, sales.orders),
        average(sales.total_before, sales.orders_before),
    );
    let bar = |day: &home::DaySales| {
        let title = format!("{}: {}", view.formats.day(day.day), money(day.total));
        (day.total.minor(), title)
    };
    let line: Vec<_> = sales.days_before.iter().map(|day| day.total.minor()).collect();
    let last = sales.days.len().saturating_sub(1);
    // The last name would touch that of the day before it.
    let is_named = |index: usize| index == last || (index.is_multiple_of(NAMED_DAYS) && index + 3 < last);
    let named = sales
        .days
        .iter()
        .enumerate()
        .filter(|(index, _)| is_named(*index));
    let pairs = sales.days.iter().zip(&sales.days_before);
    SalesCard {
        figures: [
            figure(
                view,
                "home-sales",
                money(sales.total),
                sales.total.minor(),
                sales.total_before.minor(),
            ),
            figure(
                view,
                "menu-orders",
                count_of(view, sales.orders),
                sales.orders,
                sales.orders_before,
            ),
            figure(view, "home-average", money(now), now.minor(), before.minor()),
            Figure {
                key: "home-today",
                value: sales.days.last().map(|day| money(day.total)).unwrap_or_default(),
                tone: "",
                change: None,
            },
        ],
        chart: Chart::of(sales.days.iter().map(bar).collect(), &line),
        title: view
            .words
            .with("home-chart", &[("least", &least), ("most", &most)]),
        axis: named.map(|(_, day)| view.formats.day(day.day)).collect(),
        days: pairs
            .rev()
            .map(|(day, before)| Day {
                name: view.formats.day(day.day),
                orders: count_of(view, day.orders),
                total: money(day.total),
                before: money(before.total),
            })
            .collect(),
    }
}

/// What waits for a person, in one sentence.
fn summary(view: &View, waiting: ToHandle, low: usize) -> String {
    let counts = [waiting.pending, waiting.confirmed, waiting.paid];
    let count: i64 = counts.iter().map(|counted| counted.count).sum();
    let orders = match counts.iter().any(|Counted { more, .. }| *more) {
        true => view.with("home-orders-many", "count", &count_of(view, count)),
        false => view.words.n("home-orders-wait", count),
    };
    let mut text = format!("{}. {orders}", view.formats.today());
    if low > 0 {
        text.push(' ');
        text.push_str(&view.t("home-stock-low"));
    }
    text
}

fn waiting(view: &View, order: &AnyOrder) -> Waiting {
    let columns = OrderColumns::from(order);
    let total = columns.total.map(|total| view.formats.money(total));
    Waiting {
        id: columns.id.to_string(),
        number: number_of(columns.number),
        email: columns.email.to_owned(),
        pill: Pill::of_order(columns.status),
        total: total.unwrap_or_default(),
    }
}

/// The newest orders that wait for a person.
async fn orders_to_handle(ctx: &Ctx, found: ToHandle) -> Result<Vec<AnyOrder>, RichError> {
    let mut all = Vec::new();
    for (status, counted) in [
        (OrderStatus::Pending, found.pending),
        (OrderStatus::Confirmed, found.confirmed),
        (OrderStatus::Paid, found.paid),
    ] {
        if counted.count > 0 {
            let filter = OrderFilter {
                status: Some(status),
                ..OrderFilter::default()
            };
            let orders = orders::list(ctx, &filter, None, SHOWN).await?;
            all.extend(orders.items);
        }
    }
    all.sort_by_key(|order| std::cmp::Reverse(OrderColumns::from(order).created_at));
    all.truncate(SHOWN.get());
    Ok(all)
}

fn low(view: &View, low: LowStock) -> Low {
    let left = usize::try_from(low.available).unwrap_or(0);
    let (pill, text) = match left {
        0 => (Pill::new("bad", "sx", "home-sold-out"), view.t("home-sold-out")),
        _ => (Pill::new("warn", "alert", "home-left"), view.n("home-left", left)),
    };
    Low {
        path: format!("/admin/products/{}/stock", low.product_id),
        title: low.title,
        variant: match low.sku {
            Some(sku) if low.variant_title.is_empty() => sku,
            _ => low.variant_title,
        },
        pill,
        left: text,
    }
}

fn done(view: &View, activity: &Activity) -> Option<Done> {
    let Activity { id, title, .. } = activity;
    let (icon, section, said) = match activity.kind.as_str() {
        "order" if view.may(Action::ReadOrders) => ("orders", "orders", "step-placed"),
        "product" if view.may(Action::ReadCatalog) => ("products", "products", "home-saved"),
        "node" if view.may(Action::ReadContent) => {
            let (icon, said) = step_words(&activity.transition);
            (icon, "content", said)
        }
        _ => return None,
    };
    let actor = activity.actor.as_deref().map(|actor| view.actor_name(actor));
    Some(Done {
        icon: Icon(icon),
        path: format!("/admin/{section}/{id}"),
        name: match section {
            "orders" => view
                .with("order-heading", "number", &format!("#{title}"))
                .into_owned(),
            _ => title.clone(),
        },
        note: match actor {
            Some(actor) => format!("{} · {actor}", view.t(said)),
            None => view.t(said).into_owned(),
        },
        at: view.formats.short(activity.at),
    })
}

async fn board(ctx: &Ctx, view: &View) -> Result<Board, RichError> {
    let overview = home::overview(ctx).await?;
    let orders = orders_to_handle(ctx, overview.to_handle).await?;
    Ok(Board {
        summary: summary(view, overview.to_handle, overview.low_stock.len()),
        sales: sales_card(view, &overview.sales),
        orders: orders.iter().map(|order| waiting(view, order)).collect(),
        low: overview
            .low_stock
            .into_iter()
            .map(|found| low(view, found))
            .collect(),
        lately: overview
            .activity
            .iter()
            .filter_map(|activity| done(view, activity))
            .collect(),
    })
}

/// The key of the greeting at this hour.
const fn greeting_at(hour: i8) -> &'static str {
    match hour {
        5..=11 => "home-morning",
        12..=17 => "home-afternoon",
        _ => "home-evening",
    }
}

async fn show(Visit { ctx, view, .. }: Visit) -> PageResult {
    let view = view.at(Section::Home);
    let name = view.member.as_ref().map_or("", |member| member.name.as_str());
    let board = match view.may(Action::ReadOrders) {
        true => Some(board(&ctx, &view).await?),
        false => None,
    };
    let template = Home {
        greeting: view.with(greeting_at(view.formats.hour()), "name", name),
        creates_content: view.may(Action::CreateNode),
        creates_products: view.may(Action::CreateProduct),
        board,
        v: &view,
    };
    page(&view, &template)
}

pub(super) fn routes() -> Router<HttpState> {
    Router::new().route("/admin", routing::get(show))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_change_is_rounded_and_nothing_before_is_no_change() {
        for (now, before, change) in [
            (118, 100, Some(18)),
            (2, 3, Some(-33)),
            (1, 3, Some(-67)),
            (1_004, 1_000, Some(0)),
            (0, 7, Some(-100)),
            (7, 0, None),
            (i64::MAX, 1, Some(i64::MAX)),
        ] {
            assert_eq!(change_of(now, before), change, "{now} after {before}");
        }
    }

    #[test]
    fn each_hour_has_its_greeting() {
        let said = [4, 5, 11, 12, 17, 18, 23].map(greeting_at);
        assert_eq!(
            said.map(|key| key.trim_start_matches("home-")),
            [
                "evening",
                "morning",
                "morning",
                "afternoon",
                "afternoon",
                "evening",
                "evening"
            ]
        );
    }
}
