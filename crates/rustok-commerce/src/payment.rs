//! Payments and refunds, as recorded.
//!
//! Never contains a card number or a secret of a payment provider: `payment_id` and `refund_id` are the provider's
//! ids of the payment and the refund.

use rustok_core::clock::Timestamp;

/// A received payment.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payment {
    /// The provider's id: not blank, at most 255 bytes.
    pub payment_id: String,
    /// The payment method, for example `card`: not blank, at most 255 bytes.
    pub method: String,
    /// When it was recorded.
    pub paid_at: Timestamp,
}

impl Payment {
    /// The key that makes a payment unique among the tenant's orders: the method, case-insensitive, and the
    /// provider's id.
    #[must_use]
    pub fn reference(&self) -> String {
        self.named(&self.payment_id)
    }

    /// The key that makes a refund unique among the tenant's orders. A refund uses the method of its payment.
    #[must_use]
    pub fn reference_of(&self, refund: &Refund) -> String {
        self.named(&refund.refund_id)
    }

    /// Joins method and id by a line break, which neither contains.
    fn named(&self, id: &str) -> String {
        format!("{}\n{}", self.method.trim().to_ascii_lowercase(), id.trim())
    }
}

/// A refund of the full payment.
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
