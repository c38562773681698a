//! Customers: the buyers of a shop's orders, one per canonical e-mail address.

use crate::context::Ctx;
use rustok_auth::Action;
use rustok_commerce::ids::CustomerId;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::page::{Limit, Page};
use rustok_storage::counted::{UP_TO, UP_TO_IN_LISTS};
use rustok_storage::customers;
use rustok_text::words::Query;

pub use rustok_storage::counted::Counted;
pub use rustok_storage::customers::Customer;

/// A page of customers, newest first; with a query those whose address has its words, each by its beginning. With a query a
/// page may be shorter than `limit` and have a next one. Of each customer the newest 200 orders are counted.
///
/// # Errors
/// Authorization and database errors.
pub async fn list(
    ctx: &Ctx,
    query: Option<&Query>,
    after: Option<CustomerId>,
    limit: Limit,
) -> Result<Page<Customer>, RichError> {
    ctx.authorize(Action::ReadOrders)?;
    let mut tx = ctx.read().await?;
    Ok(customers::list_customers(&mut tx, query, after, limit, UP_TO_IN_LISTS).await?)
}

/// One customer, whose newest 1,000 orders are counted.
///
/// # Errors
/// `customer_not_found`, authorization and database errors.
pub async fn get(ctx: &Ctx, id: CustomerId) -> Result<Customer, RichError> {
    ctx.authorize(Action::ReadOrders)?;
    let found = customers::find_customers(ctx.read().await?.last(), &[id], UP_TO).await?;
    found.into_iter().next().ok_or_else(|| {
        RichError::new(ErrorKind::NotFound, "no such customer")
            .with_code("customer_not_found")
            .with_public("There is no such customer.")
    })
}
