//! Finding a handle that is free, for products whose handle nobody asked for.

use super::handle_taken;
use crate::numbers;
use rustok_commerce::product::Handle;
use rustok_core::error::RichError;
use rustok_core::ids::ProductId;
use rustok_storage::{TenantTx, products};

/// `wanted`, or with the first number from 2 on that is free. `own` is the product that may have it already.
///
/// # Errors
/// `handle_taken` when more than a thousand products have it with a number.
pub(super) async fn free_handle(
    tx: &mut TenantTx,
    wanted: &Handle,
    own: Option<ProductId>,
) -> Result<Handle, RichError> {
    for candidates in numbers::batches(wanted, Handle::numbered) {
        let taken = products::find_taken_handles(tx, &candidates, own).await?;
        let free = candidates
            .into_iter()
            .find(|handle| !taken.iter().any(|taken| taken == handle.as_str()));
        if let Some(free) = free {
            return Ok(free);
        }
    }
    Err(handle_taken())
}
