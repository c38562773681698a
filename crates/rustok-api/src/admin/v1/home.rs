//! `/home` and `/stock/low`: what a shop's people look at first.

use crate::counted::CountedView;
use crate::money::MoneyView;
use crate::state::ApiState;
use axum::response::Response;
use rustok_app::home::{self, Activity, DaySales, LowStock, LowStockPlace, Overview, Sales};
use rustok_core::error::RichError;
use rustok_core::money::Money;
use rustok_core::page::Page;
use rustok_http::extract::{AdminCtx, QueryParams, QueryReader};
use rustok_http::reply;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The orders that wait for a person: each number exact up to 1,000.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrdersToHandle)]
struct ToHandleView {
    /// To confirm.
    pending: CountedView,
    /// To be paid.
    confirmed: CountedView,
    /// To ship.
    paid: CountedView,
}

/// The sales of one day.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = DaySales)]
struct DaySalesView {
    /// The day, in the time zone of the shop.
    #[schema(example = "2026-01-31")]
    date: String,
    /// Orders placed on it, without cancelled ones.
    orders: i64,
    #[schema(value_type = MoneyView)]
    total: Money,
}

impl From<&DaySales> for DaySalesView {
    fn from(sales: &DaySales) -> Self {
        Self {
            date: sales.day.to_string(),
            orders: sales.orders,
            total: sales.total,
        }
    }
}

/// The sales of the last 30 days, in the shop's default currency: orders placed, without cancelled ones.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Sales)]
struct SalesView {
    /// The oldest first, today included.
    days: Vec<DaySalesView>,
    orders: i64,
    #[schema(value_type = MoneyView)]
    total: Money,
    /// Those of the 30 days before.
    orders_before: i64,
    #[schema(value_type = MoneyView)]
    total_before: Money,
}

impl From<&Sales> for SalesView {
    fn from(sales: &Sales) -> Self {
        Self {
            days: sales.days.iter().map(DaySalesView::from).collect(),
            orders: sales.orders,
            total: sales.total,
            orders_before: sales.orders_before,
            total_before: sales.total_before,
        }
    }
}

/// A variant of which few pieces are left.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = LowStock)]
struct LowStockView {
    variant_id: Uuid,
    product_id: Uuid,
    /// The title of the product.
    title: String,
    variant_title: String,
    #[schema(required)]
    sku: Option<String>,
    /// Below zero with backorders.
    available: i64,
}

impl From<&LowStock> for LowStockView {
    fn from(low: &LowStock) -> Self {
        Self {
            variant_id: low.variant_id.as_uuid(),
            product_id: low.product_id.as_uuid(),
            title: low.title.clone(),
            variant_title: low.variant_title.clone(),
            sku: low.sku.clone(),
            available: low.available,
        }
    }
}

/// Something that was done lately.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Activity)]
struct ActivityView {
    /// `order`, `node` or `product`.
    kind: String,
    /// The order, node or product.
    id: Uuid,
    /// The number of the order, or the title.
    title: String,
    /// `place` of an order, the last transition of a node, `save` of a product.
    transition: String,
    /// Who did it, if it is known.
    #[schema(required)]
    actor: Option<String>,
    /// RFC 3339, UTC.
    at: String,
}

impl From<&Activity> for ActivityView {
    fn from(activity: &Activity) -> Self {
        Self {
            kind: activity.kind.clone(),
            id: activity.id,
            title: activity.title.clone(),
            transition: activity.transition.clone(),
            actor: activity.actor.clone(),
            at: activity.at.to_string(),
        }
    }
}

/// What a shop's people look at first.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Home)]
pub(super) struct HomeView {
    to_handle: ToHandleView,
    sales: SalesView,
    /// The five variants of which the fewest pieces are left, by the shop's `low_stock_threshold`.
    low_stock: Vec<LowStockView>,
    /// The ten most recent of: orders placed, nodes and products saved.
    activity: Vec<ActivityView>,
}

impl From<&Overview> for HomeView {
    fn from(overview: &Overview) -> Self {
        let to_handle = overview.to_handle;
        Self {
            to_handle: ToHandleView {
                pending: to_handle.pending.into(),
                confirmed: to_handle.confirmed.into(),
                paid: to_handle.paid.into(),
            },
            sales: (&overview.sales).into(),
            low_stock: overview.low_stock.iter().map(LowStockView::from).collect(),
            activity: overview.activity.iter().map(ActivityView::from).collect(),
        }
    }
}

/// A page of variants of which few pieces are left.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct LowStockPage {
    items: Vec<LowStockView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListLowStock {
    /// 1 to 100, 20 unless said otherwise.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    after: Option<String>,
}

/// Read which orders wait for a person, what was sold, and what runs low.
#[utoipa::path(
    get,
    path = "/home",
    operation_id = "read_home",
    tag = "orders",
    security(("tenant_token" = [])),
    responses((status = 200, body = HomeView))
)]
async fn read(AdminCtx(ctx): AdminCtx) -> Result<Response, RichError> {
    let overview = home::overview(&ctx).await?;
    Ok(reply::list(&HomeView::from(&overview)))
}

/// List the variants whose stock is low by the shop's `low_stock_threshold`, the fewest pieces first. A page may be shorter
/// than `limit` and have a next one.
#[utoipa::path(
    get,
    path = "/stock/low",
    operation_id = "list_low_stock",
    tag = "catalogue",
    security(("tenant_token" = [])),
    params(ListLowStock),
    responses((status = 200, body = LowStockPage))
)]
async fn list_low_stock(
    AdminCtx(ctx): AdminCtx,
    QueryParams(query): QueryParams<ListLowStock>,
) -> Result<Response, RichError> {
    let mut reader = QueryReader::default();
    let (limit, after) = reader.page::<LowStockPlace>(query.limit, query.after.as_deref());
    reader.finish()?;
    let Page { items, next_cursor } = home::list_low_stock(&ctx, after, limit).await?;
    let items = items.iter().map(LowStockView::from).collect();
    Ok(reply::list(&LowStockPage { items, next_cursor }))
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .routes(routes!(read))
        .routes(routes!(list_low_stock))
}
