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

impl Payment {
    /// What no other order of the tenant may have been paid with: the method, in whatever case it is written, and the
    /// provider's id.
    #[must_use]
    pub fn reference(&self) -> String {
        self.named(&self.payment_id)
    }

    /// What no other order of the tenant may have been refunded with. A refund goes back the way the payment came.
    #[must_use]
    pub fn reference_of(&self, refund: &Refund) -> String {
        self.named(&refund.refund_id)
    }

    /// Neither text has line breaks.
    fn named(&self, id: &str) -> String {
        format!("{}\n{}", self.method.trim().to_ascii_lowercase(), id.trim())
    }
}

/// A payment that was given back, in full.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Refund {
    /// The provider's id: not blank, at most 255 bytes.
    pub refund_id: String,
    /// When it was recorded.
    pub refunded_at: Timestamp,
}

#[cfg(test)]
mod tests {
    use super::*;

    fn payment(method: &str, payment_id: &str) -> Payment {
        Payment {
            payment_id: payment_id.to_owned(),
            method: method.to_owned(),
            paid_at: Timestamp::UNIX_EPOCH,
        }
    }

    #[test]
    fn a_reference_is_the_same_however_it_is_written_and_another_for_another_payment() {
        let one = payment("card", "pay_1");
        assert_eq!(one.reference(), payment(" Card ", "pay_1 ").reference());
        for other in [
            payment("card", "PAY_1"),
            payment("cash", "pay_1"),
            payment("card p", "ay_1"),
        ] {
            assert_ne!(one.reference(), other.reference());
        }
        let refund = Refund {
            refund_id: " re_1".to_owned(),
            refunded_at: Timestamp::UNIX_EPOCH,
        };
        assert_eq!(one.reference_of(&refund), "card\nre_1");
    }
}
