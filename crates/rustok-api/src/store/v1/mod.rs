//! The storefront: no login, published and active things only.

mod nodes;
mod products;

mod orders;

use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;

/// All routes below `/api/store/v1`.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(nodes::routes())
        .merge(orders::routes())
        .merge(products::routes())
}
