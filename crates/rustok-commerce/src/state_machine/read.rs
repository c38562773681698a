//! The accessors of an order: some in every state, the data of a state only in the states that have it.
//!
//! Transitions are in the parent module.

use super::{
    Cancelled, Confirmed, Delivered, Order, OrderState, Paid, Pending, PreviousState, Shipped, UncheckedTotal,
};
use crate::ids::{CustomerId, OrderId};
use crate::order::{OrderAdjustment, OrderLine, OrderNumber, OrderSource};
use crate::payment::{Payment, Refund};
use rustok_core::clock::Timestamp;
use rustok_core::ids::TenantId;
use rustok_core::money::Money;
use rustok_text::CanonicalEmail;

impl<S: OrderState> Order<S> {
    /// The order's id.
    #[must_use]
    pub fn id(&self) -> OrderId {
        self.head.id
    }

    /// The shop.
    #[must_use]
    pub fn tenant_id(&self) -> TenantId {
        self.head.tenant_id
    }

    /// The number that people read; every stored order has one.
    #[must_use]
    pub fn number(&self) -> Option<OrderNumber> {
        self.head.number
    }

    /// The order with the number that it got when it was stored.
    #[must_use]
    pub fn with_number(mut self, number: OrderNumber) -> Self {
        self.head.number = Some(number);
        self
    }

    /// Where it came from.
    #[must_use]
    pub fn source(&self) -> OrderSource {
        self.head.source
    }

    /// The buyer.
    #[must_use]
    pub fn customer_id(&self) -> CustomerId {
        self.head.customer_id
    }

    /// The buyer's e-mail address; every placed order has one.
    #[must_use]
    pub fn email(&self) -> Option<&CanonicalEmail> {
        self.head.email.as_ref()
    }

    /// The lines; every placed order has at least one.
    #[must_use]
    pub fn lines(&self) -> &[OrderLine] {
        &self.head.lines
    }

    /// What changes the total besides the lines.
    #[must_use]
    pub fn adjustments(&self) -> &[OrderAdjustment] {
        &self.head.adjustments
    }

    /// When it was placed.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.head.created_at
    }

    /// When it entered its current state.
    #[must_use]
    pub fn updated_at(&self) -> Timestamp {
        self.head.updated_at
    }

    /// 1 for a new order, incremented by each transition.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.head.version
    }
}

impl<S: OrderState<Total = UncheckedTotal>> Order<S> {
    /// The total as given, not validated.
    #[must_use]
    pub fn unchecked_total(&self) -> &UncheckedTotal {
        &self.total
    }
}

impl<S: OrderState<Total = Money>> Order<S> {
    /// The total.
    #[must_use]
    pub fn total(&self) -> Money {
        self.total
    }
}

impl Order<Pending> {
    /// When it is cancelled automatically unless it is confirmed before.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.state.expires_at
    }
}

impl Order<Confirmed> {
    /// When it is cancelled automatically unless it is paid before; `None` means never.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.state.expires_at
    }

    /// When it was confirmed.
    #[must_use]
    pub fn confirmed_at(&self) -> Timestamp {
        self.state.confirmed_at
    }
}

impl Order<Paid> {
    /// When it was confirmed.
    #[must_use]
    pub fn confirmed_at(&self) -> Timestamp {
        self.state.confirmed_at
    }

    /// The payment.
    #[must_use]
    pub fn payment(&self) -> &Payment {
        &self.state.payment
    }
}

impl Order<Shipped> {
    /// The payment.
    #[must_use]
    pub fn payment(&self) -> &Payment {
        &self.state.paid.payment
    }

    /// The tracking number.
    #[must_use]
    pub fn tracking(&self) -> &str {
        &self.state.shipment.tracking
    }

    /// The carrier.
    #[must_use]
    pub fn carrier(&self) -> &str {
        &self.state.shipment.carrier
    }

    /// When it was shipped.
    #[must_use]
    pub fn shipped_at(&self) -> Timestamp {
        self.state.shipment.shipped_at
    }
}

impl Order<Delivered> {
    /// The payment.
    #[must_use]
    pub fn payment(&self) -> &Payment {
        &self.state.shipped.paid.payment
    }

    /// The tracking number.
    #[must_use]
    pub fn tracking(&self) -> &str {
        &self.state.shipped.shipment.tracking
    }

    /// The carrier.
    #[must_use]
    pub fn carrier(&self) -> &str {
        &self.state.shipped.shipment.carrier
    }

    /// The recipient's name, if recorded.
    #[must_use]
    pub fn signature(&self) -> Option<&str> {
        self.state.signature.as_deref()
    }

    /// When it was delivered.
    #[must_use]
    pub fn delivered_at(&self) -> Timestamp {
        self.state.delivered_at
    }
}

impl Order<Cancelled> {
    /// Why it was cancelled.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.state.reason
    }

    /// When it was cancelled.
    #[must_use]
    pub fn cancelled_at(&self) -> Timestamp {
        self.state.cancelled_at
    }

    /// The refund and the refunded payment; `None` if the order was not paid.
    #[must_use]
    pub fn refund(&self) -> Option<(&Refund, &Payment)> {
        match &self.state.before {
            PreviousState::Paid(paid, refund) => Some((refund, &paid.payment)),
            PreviousState::Pending | PreviousState::Confirmed(_) => None,
        }
    }
}
