//! Finding a handle that is free, for products whose handle nobody asked for.

use super::handle_taken;
use rustok_commerce::product::Handle;
use rustok_core::error::RichError;
use rustok_core::ids::ProductId;
use rustok_storage::{TenantTx, products};

/// Numbers that are looked at in one statement.
const BATCH: u32 = 32;
/// The last number that is tried: a thousand products of one title should have been given handles by hand.
const LAST_NUMBER: u32 = 1_024;
/// Most bytes of a handle, as the domain has it.
const MAX_BYTES: usize = 255;

/// `wanted`, or with the first number from 2 on that is free. `own` is the product that may have it already.
///
/// # Errors
/// `handle_taken` when more than a thousand products have it with a number.
pub(super) async fn free_handle(
    tx: &mut TenantTx,
    wanted: &Handle,
    own: Option<ProductId>,
) -> Result<Handle, RichError> {
    let mut candidates = vec![wanted.clone()];
    let mut next = 2;
    while next <= LAST_NUMBER {
        let taken = products::find_taken_handles(tx, &candidates, own).await?;
        let free = candidates
            .into_iter()
            .find(|handle| !taken.iter().any(|taken| taken == handle.as_str()));
        if let Some(free) = free {
            return Ok(free);
        }
        candidates = (next..next + BATCH)
            .map(|number| numbered(wanted, number))
            .collect();
        next += BATCH;
    }
    Err(handle_taken())
}

/// `handle-number`, with as much of the handle as there is room for.
fn numbered(handle: &Handle, number: u32) -> Handle {
    let suffix = format!("-{number}");
    let text = handle.as_str();
    let cut = text.floor_char_boundary(MAX_BYTES - suffix.len());
    let text = format!("{}{suffix}", text[..cut].trim_end_matches('-'));
    Handle::parse(&text).unwrap_or_else(|| handle.clone())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_numbered_handle_is_still_one() {
        let handle = |text: &str| Handle::parse(text).unwrap();
        assert_eq!(numbered(&handle("tea"), 2), handle("tea-2"));
        let long = numbered(&handle(&"я".repeat(127)), 33);
        assert!(
            long.as_str().ends_with("я-33") && long.as_str().len() <= 255,
            "{long}"
        );
        let edge = format!("{}-bc", "a".repeat(252));
        assert_eq!(
            numbered(&handle(&edge), 7).as_str(),
            format!("{}-7", "a".repeat(252))
        );
    }
}
