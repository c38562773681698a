//! `/customers`: the buyers of a shop's orders.

use crate::counted::CountedView;
use crate::money::MoneyView;
use crate::state::ApiState;
use axum::response::Response;
use rustok_app::customers::{self, Customer};
use rustok_commerce::ids::CustomerId;
use rustok_core::error::RichError;
use rustok_core::money::Money;
use rustok_core::page::Page;
use rustok_http::extract::{AdminCtx, PathParams, QueryParams, QueryReader};
use rustok_http::reply;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// The longest text that is searched for, in characters.
const MAX_SEARCH_CHARS: usize = 200;

/// A buyer, known by an e-mail address.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Customer)]
pub(super) struct CustomerView {
    id: Uuid,
    email: String,
    /// The time of the first order: RFC 3339, UTC.
    created_at: String,
    /// The orders, cancelled ones included: in a list exact up to 200, for one customer up to 1,000.
    orders: CountedView,
    /// What was paid and not given back, per currency, for the orders that are counted.
    #[schema(value_type = Vec<MoneyView>)]
    spent: Vec<Money>,
    /// RFC 3339, UTC.
    #[schema(required)]
    last_order_at: Option<String>,
}

impl From<&Customer> for CustomerView {
    fn from(customer: &Customer) -> Self {
        Self {
            id: customer.id.as_uuid(),
            email: customer.email.clone(),
            created_at: customer.created_at.to_string(),
            orders: customer.orders.into(),
            spent: customer.spent.clone(),
            last_order_at: customer.last_order_at.map(|at| at.to_string()),
        }
    }
}

/// A page of customers.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct CustomerPage {
    items: Vec<CustomerView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Which customers.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListCustomers {
    /// 1 to 100, 20 unless said otherwise.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    after: Option<String>,
    /// Words of the address, each by its beginning and in whatever case; at most 200 characters. A page may be shorter than
    /// `limit` and have a next one.
    q: Option<String>,
}

/// List customers, newest first.
#[utoipa::path(
    get,
    path = "/customers",
    operation_id = "list_customers",
    tag = "orders",
    security(("tenant_token" = [])),
    params(ListCustomers),
    responses((status = 200, body = CustomerPage))
)]
async fn list(
    AdminCtx(ctx): AdminCtx,
    QueryParams(query): QueryParams<ListCustomers>,
) -> Result<Response, RichError> {
    let mut reader = QueryReader::default();
    let (limit, after) = reader.page::<CustomerId>(query.limit, query.after.as_deref());
    let words = reader.words("q", query.q.as_deref(), MAX_SEARCH_CHARS);
    reader.finish()?;
    let Page { items, next_cursor } = customers::list(&ctx, words.as_ref(), after, limit).await?;
    let items = items.iter().map(CustomerView::from).collect();
    Ok(reply::list(&CustomerPage { items, next_cursor }))
}

/// Read a customer. The orders are listed by `GET /orders?email=`.
#[utoipa::path(
    get,
    path = "/customers/{id}",
    operation_id = "read_customer",
    tag = "orders",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path)),
    responses((status = 200, body = CustomerView)),
    extensions(("x-problems" = json!(["customer_not_found"])))
)]
async fn read(
    AdminCtx(ctx): AdminCtx,
    PathParams(id): PathParams<CustomerId>,
) -> Result<Response, RichError> {
    let customer = customers::get(&ctx, id).await?;
    Ok(reply::list(&CustomerView::from(&customer)))
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list)).routes(routes!(read))
}
