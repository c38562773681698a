//! What can be read of an order: some things always, the data of a state only in the states that have it.
//!
//! Reads only; transitions are in the parent module.

use super::{Before, Cancelled, Claim, Confirmed, Delivered, Order, OrderState, Paid, Pending, Shipped};
use crate::order::OrderLine;
use crate::payment::{Payment, Refund};
use rustok_core::clock::Timestamp;
use rustok_core::ids::{CustomerId, OrderId, TenantId};
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

    /// The buyer.
    #[must_use]
    pub fn customer_id(&self) -> CustomerId {
        self.head.customer_id
    }

    /// Where to write to the buyer; every placed order has it.
    #[must_use]
    pub fn email(&self) -> Option<&CanonicalEmail> {
        self.head.email.as_ref()
    }

    /// What was bought; every placed order has at least one line.
    #[must_use]
    pub fn lines(&self) -> &[OrderLine] {
        &self.head.lines
    }

    /// When it was placed.
    #[must_use]
    pub fn created_at(&self) -> Timestamp {
        self.head.created_at
    }

    /// When it came into its state.
    #[must_use]
    pub fn updated_at(&self) -> Timestamp {
        self.head.updated_at
    }

    /// 1 for a new order, one more after each transition.
    #[must_use]
    pub fn version(&self) -> i64 {
        self.head.version
    }
}

impl<S: OrderState<Total = Claim>> Order<S> {
    /// What it costs, as it was given.
    #[must_use]
    pub fn claim(&self) -> &Claim {
        &self.total
    }
}

impl<S: OrderState<Total = Money>> Order<S> {
    /// What it costs.
    #[must_use]
    pub fn total(&self) -> Money {
        self.total
    }
}

impl Order<Pending> {
    /// When it is called off unless it is confirmed before.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.state.expires_at
    }
}

impl Order<Confirmed> {
    /// When it is called off unless it is paid before; `None` is never.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        self.state.expires_at
    }

    /// When it was accepted.
    #[must_use]
    pub fn confirmed_at(&self) -> Timestamp {
        self.state.confirmed_at
    }
}

impl Order<Paid> {
    /// When it was accepted.
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

    /// The carrier's number for it.
    #[must_use]
    pub fn tracking(&self) -> &str {
        &self.state.shipment.tracking
    }

    /// Who carries it.
    #[must_use]
    pub fn carrier(&self) -> &str {
        &self.state.shipment.carrier
    }

    /// When it was sent off.
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

    /// The carrier's number for it.
    #[must_use]
    pub fn tracking(&self) -> &str {
        &self.state.shipped.shipment.tracking
    }

    /// Who carried it.
    #[must_use]
    pub fn carrier(&self) -> &str {
        &self.state.shipped.shipment.carrier
    }

    /// Who took it.
    #[must_use]
    pub fn signature(&self) -> Option<&str> {
        self.state.signature.as_deref()
    }

    /// When it arrived.
    #[must_use]
    pub fn delivered_at(&self) -> Timestamp {
        self.state.delivered_at
    }
}

impl Order<Cancelled> {
    /// Why it was called off.
    #[must_use]
    pub fn reason(&self) -> &str {
        &self.state.reason
    }

    /// When it was called off.
    #[must_use]
    pub fn cancelled_at(&self) -> Timestamp {
        self.state.cancelled_at
    }

    /// The refund and the payment it gives back; `None` if it was not paid.
    #[must_use]
    pub fn refund(&self) -> Option<(&Refund, &Payment)> {
        match &self.state.before {
            Before::Paid(paid, refund) => Some((refund, &paid.payment)),
            Before::Pending | Before::Confirmed(_) => None,
        }
    }
}
