//! The storefront: no login, published and active things only.

use crate::state::AppState;
use utoipa_axum::router::OpenApiRouter;

/// All routes below `/api/store/v1`.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
}
