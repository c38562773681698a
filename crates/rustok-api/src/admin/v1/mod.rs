//! The administration of one tenant, with one of its tokens.

mod imports;
mod nodes;
mod products;
mod variants;

mod orders;

use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;

/// All routes below `/api/admin/v1`.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(imports::routes())
        .merge(nodes::routes())
        .merge(orders::routes())
        .merge(products::routes())
        .merge(variants::routes())
}
