//! `/variants/{id}/stock/movements`: the ledger of a variant's stock.

use crate::state::ApiState;
use axum::response::Response;
use rustok_app::catalog::{self, StockMovement};
use rustok_commerce::ids::{MovementId, VariantId};
use rustok_core::error::RichError;
use rustok_core::page::Page;
use rustok_http::extract::{AdminCtx, PathParams, QueryParams, QueryReader};
use rustok_http::reply;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;
use uuid::Uuid;

/// A change of a variant's stock.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = StockMovement)]
pub(super) struct MovementView {
    id: Uuid,
    /// The order that took or gave back the pieces.
    #[schema(required)]
    order_id: Option<Uuid>,
    /// Change in pieces.
    delta: i64,
    /// `set`, `adjusted`, `imported`, `reserved` or `released`.
    reason: String,
    /// The reason of an adjustment in words.
    #[schema(required)]
    note: Option<String>,
    /// `anonymous`, `token:<id>`, `user:<id>` or `system:<name>`.
    actor: String,
    /// RFC 3339, UTC.
    at: String,
}

impl From<&StockMovement> for MovementView {
    fn from(movement: &StockMovement) -> Self {
        Self {
            id: movement.id.as_uuid(),
            order_id: movement.order_id.map(|id| id.as_uuid()),
            delta: movement.delta,
            reason: movement.reason.clone(),
            note: movement.note.clone(),
            actor: movement.actor.clone(),
            at: movement.at.to_string(),
        }
    }
}

/// A page of a ledger.
#[derive(Debug, Serialize, ToSchema)]
pub(super) struct MovementPage {
    items: Vec<MovementView>,
    #[schema(required)]
    next_cursor: Option<String>,
}

/// Which page.
#[derive(Debug, Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub(super) struct ListMovements {
    /// 1 to 100, 20 unless said otherwise.
    #[param(minimum = 1, maximum = 100)]
    limit: Option<i64>,
    /// `next_cursor` of the page before.
    after: Option<String>,
}

/// List the changes of a variant's stock, newest first: who, how many and why. Empty for a variant that is not counted.
#[utoipa::path(
    get,
    path = "/variants/{id}/stock/movements",
    operation_id = "list_stock_movements",
    tag = "catalogue",
    security(("tenant_token" = [])),
    params(("id" = Uuid, Path), ListMovements),
    responses((status = 200, body = MovementPage))
)]
async fn list(
    AdminCtx(ctx): AdminCtx,
    PathParams(id): PathParams<VariantId>,
    QueryParams(query): QueryParams<ListMovements>,
) -> Result<Response, RichError> {
    let mut reader = QueryReader::default();
    let (limit, after) = reader.page::<MovementId>(query.limit, query.after.as_deref());
    reader.finish()?;
    let Page { items, next_cursor } = catalog::list_movements(&ctx, id, after, limit).await?;
    let items = items.iter().map(MovementView::from).collect();
    Ok(reply::list(&MovementPage { items, next_cursor }))
}

/// All routes of this file.
pub(super) fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().routes(routes!(list))
}
