//! The administration of one tenant, with one of its tokens.

use crate::state::AppState;
use utoipa_axum::router::OpenApiRouter;

/// All routes below `/api/admin/v1`.
pub fn routes() -> OpenApiRouter<AppState> {
    OpenApiRouter::new()
}
