//! The administration of one tenant, with one of its tokens or as one of its members.

mod authors;
mod customers;
mod home;
mod imports;
mod members;
mod movements;
mod nodes;
mod products;
mod session;
mod shop;
mod terms;
mod tokens;
mod variants;

mod orders;

use crate::state::ApiState;
use utoipa_axum::router::OpenApiRouter;

/// All routes below `/api/admin/v1`.
pub fn routes() -> OpenApiRouter<ApiState> {
    OpenApiRouter::new()
        .merge(authors::routes())
        .merge(customers::routes())
        .merge(home::routes())
        .merge(imports::routes())
        .merge(members::routes())
        .merge(movements::routes())
        .merge(nodes::routes())
        .merge(orders::routes())
        .merge(products::routes())
        .merge(session::routes())
        .merge(terms::routes())
        .merge(shop::routes())
        .merge(tokens::routes())
        .merge(variants::routes())
}
