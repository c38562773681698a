//! Finds free handles for products whose handle was generated.

use super::handle_taken;
use crate::numbers;
use rustok_commerce::ids::ProductId;
use rustok_commerce::product::Handle;
use rustok_core::error::RichError;
use rustok_storage::{TenantTx, products};

/// `wanted` if it is free, else with the first free number from 2 on. The product `own` does not count.
///
/// # Errors
/// `handle_taken` if more than a thousand numbers are taken.
pub(super) async fn free_handle(
    tx: &mut TenantTx,
    wanted: &Handle,
    own: Option<ProductId>,
) -> Result<Handle, RichError> {
    free_handle_but(tx, wanted, own, &|_| false).await
}

/// As [`free_handle`], without the handles of which `is_given` holds.
///
/// # Errors
/// As [`free_handle`].
pub(crate) async fn free_handle_but(
    tx: &mut TenantTx,
    wanted: &Handle,
    own: Option<ProductId>,
    is_given: &(dyn Fn(&Handle) -> bool + Sync),
) -> Result<Handle, RichError> {
    for candidates in numbers::batches(wanted, Handle::numbered) {
        let taken = products::find_taken_handles(tx, &candidates, own).await?;
        let free = candidates
            .into_iter()
            .find(|handle| !is_given(handle) && !taken.iter().any(|taken| taken == handle.as_str()));
        if let Some(free) = free {
            return Ok(free);
        }
    }
    Err(handle_taken())
}
