//! The states of an order: each has the data of that state and nothing else.
//!
//! Fields are private to the state machine, so no other module can construct a state.

use crate::payment::{Payment, Refund};
use rust_decimal::Decimal;
use rustok_core::clock::Timestamp;
use rustok_core::money::{Currency, Money, MoneyError};
use rustok_core::state_machine::State;
use std::borrow::Cow;

mod sealed {
    pub trait Sealed {}
}

/// A state of an order. Sealed: only this module implements it.
pub trait OrderState: State + sealed::Sealed {
    /// The order's total: a [`UncheckedTotal`] until it is confirmed, [`Money`] from then on.
    type Total;
}

macro_rules! states {
    ($($state:ident = $name:literal, $total:ty;)+) => {$(
        impl sealed::Sealed for $state {}

        impl State for $state {
            const NAME: &'static str = $name;
        }

        impl OrderState for $state {
            type Total = $total;
        }
    )+};
}

states! {
    Pending = "pending", UncheckedTotal;
    Confirmed = "confirmed", Money;
    Paid = "paid", Money;
    Shipped = "shipped", Money;
    Delivered = "delivered", Money;
    Cancelled = "cancelled", UncheckedTotal;
}

/// Placed; its stock is taken; not yet confirmed by the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Pending {
    pub(super) expires_at: Option<Timestamp>,
}

/// Accepted by the shop.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Confirmed {
    pub(super) confirmed_at: Timestamp,
    pub(super) expires_at: Option<Timestamp>,
}

/// The payment is recorded.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Paid {
    pub(super) confirmed_at: Timestamp,
    pub(super) payment: Payment,
}

/// Handed to a carrier.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Shipped {
    pub(super) paid: Paid,
    pub(super) shipment: Shipment,
}

/// Delivered.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Delivered {
    pub(super) shipped: Shipped,
    pub(super) signature: Option<String>,
    pub(super) delivered_at: Timestamp,
}

/// Cancelled. A paid order has its refund.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Cancelled {
    pub(super) reason: String,
    pub(super) cancelled_at: Timestamp,
    pub(super) before: PreviousState,
}

#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Shipment {
    pub(super) tracking: String,
    pub(super) carrier: String,
    pub(super) shipped_at: Timestamp,
}

/// The state before the cancellation.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) enum PreviousState {
    Pending,
    /// With the time of confirmation.
    Confirmed(Timestamp),
    Paid(Paid, Refund),
}

/// An amount and a currency as given, not validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct UncheckedTotal {
    pub(super) amount: Decimal,
    pub(super) currency: Cow<'static, str>,
}

impl UncheckedTotal {
    /// The amount as given.
    #[must_use]
    pub const fn amount(&self) -> Decimal {
        self.amount
    }

    /// The currency as given.
    #[must_use]
    pub fn currency(&self) -> &str {
        &self.currency
    }

    /// The amount as money; it may be negative.
    ///
    /// # Errors
    /// [`MoneyError`] if the currency is unknown or has fewer decimals than the amount, or the amount is too large.
    pub fn money(&self) -> Result<Money, MoneyError> {
        Money::from_decimal(self.amount, Currency::parse(&self.currency)?)
    }
}

impl From<Money> for UncheckedTotal {
    fn from(money: Money) -> Self {
        Self {
            amount: money.amount(),
            currency: Cow::Borrowed(money.currency().code()),
        }
    }
}
