//! The pages of the administration.

mod account;
mod content;
mod customers;
mod home;
mod imports;
mod invitation;
mod keys;
mod mailbox;
mod orders;
mod preferences;
mod products;
mod recovery;
mod search;
mod second_factor;
mod settings;
mod sign_in;
mod terms;

use axum::Router;
use rustok_http::state::HttpState;

/// All routes of the administration.
pub(crate) fn routes() -> Router<HttpState> {
    Router::new()
        .merge(home::routes())
        .merge(sign_in::routes())
        .merge(preferences::routes())
        .merge(orders::routes())
        .merge(customers::routes())
        .merge(content::routes())
        .merge(terms::routes())
        .merge(search::routes())
        .merge(keys::routes())
        .merge(products::routes())
        .merge(imports::routes())
        .merge(settings::routes())
        .merge(account::routes())
        .merge(second_factor::routes())
        .merge(invitation::routes())
        .merge(recovery::routes())
        .merge(mailbox::routes())
}
