//! The platform: the directory of tenants, with a platform token.

pub(crate) mod tenants;

use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;

/// All routes below `/api/platform/v1`.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new().merge(tenants::routes())
}
