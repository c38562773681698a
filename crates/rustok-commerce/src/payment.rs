//! What is known of a payment and of its refund.
//!
//! Never a card number, never a secret of a payment provider: `payment_id` and `refund_id` are the provider's names
//! for what it did.

use rustok_core::clock::Timestamp;

/// A payment that was received.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The provider's id: not blank, at most 255 bytes.
    pub payment_id: String,
    /// How it was paid, for example `card`: not blank, at most 255 bytes.
    pub method: String,
    /// When it was recorded.
    pub paid_at: Timestamp,
}

/// A payment that was given back, in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The provider's id: not blank, at most 255 bytes.
    pub refund_id: String,
    /// When it was recorded.
    pub refunded_at: Timestamp,
}
