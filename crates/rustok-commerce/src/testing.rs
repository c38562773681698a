//! What tests of other crates need of the inside (feature `testing`): how often the lines of orders were copied. A
//! released binary has none of it; there `Clone` of a line is derived.
//!
//! Every placed order has lines, and only they grow with it: whatever copies a whole order, as a typed order, as a row or
//! as its contents, copies its lines.

use crate::ids::VariantId;
use crate::order::OrderLine;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};

/// By variant, so that tests which run at the same time do not count each other's copies.
static COPIES: Mutex<BTreeMap<VariantId, u64>> = Mutex::new(BTreeMap::new());

/// How many lines of this variant were copied in this process.
#[must_use]
pub fn copied_lines(variant: VariantId) -> u64 {
    let copies = COPIES.lock().unwrap_or_else(PoisonError::into_inner);
    copies.get(&variant).copied().unwrap_or_default()
}

impl Clone for OrderLine {
    fn clone(&self) -> Self {
        let Self {
            variant_id,
            product_id,
            title,
            variant_title,
            sku,
            quantity,
            unit_price,
            stock_taken,
        } = self;
        let mut copies = COPIES.lock().unwrap_or_else(PoisonError::into_inner);
        *copies.entry(*variant_id).or_default() += 1;
        Self {
            variant_id: *variant_id,
            product_id: *product_id,
            title: title.clone(),
            variant_title: variant_title.clone(),
            sku: sku.clone(),
            quantity: *quantity,
            unit_price: *unit_price,
            stock_taken: *stock_taken,
        }
    }
}
