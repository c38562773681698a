//! The life cycle of an order as types: an illegal transition does not compile.
//!
//! ```text
//! Pending → Confirmed → Paid → Shipped → Delivered
//!    └───────────┴────────┴──→ Cancelled (a paid one with its refund)
//! ```
//!
//! Each transition consumes the order and returns it in the next state. It exists as `confirm_at(now)` and as the
//! short `confirm()`, which reads the system clock and which the server never calls. The data of a state can be read
//! only in the states that have it. Where the state is known only at run time (a row, a request), use [`AnyOrder`];
//! rows are [`OrderRow`].
//!
//! Nothing here saves, charges or moves stock: the caller does that, in one transaction with a compare-and-swap on
//! status and version.

mod any;
mod guards;
mod read;
mod row;
mod states;

pub use any::AnyOrder;
pub use row::{Fulfilment, FulfilmentColumns, OrderColumns, OrderRow};
pub use states::{Cancelled, Confirmed, Delivered, OrderState, Paid, Pending, Shipped, UncheckedTotal};

use crate::error::CommerceError;
use crate::ids::{CustomerId, OrderId};
use crate::order::{OrderAdjustment, OrderLine, OrderNumber, OrderSource, Placement};
use crate::payment::{Payment, Refund};
use guards::{cancellable, confirmable, payable, shippable};
use rust_decimal::Decimal;
use rustok_core::clock::{Clock, SystemClock, Timestamp};
use rustok_core::ids::TenantId;
use rustok_core::state_machine::{StateMachineBuilder, TransitionGuard, TransitionTable};
use rustok_text::CanonicalEmail;
use rustok_text::plain::{into_clean_name, into_clean_text};
use states::{PreviousState, Shipment};

/// The data that an order has in every state.
#[derive(Debug, Clone, PartialEq, Eq)]
struct Head {
    id: OrderId,
    tenant_id: TenantId,
    number: Option<OrderNumber>,
    source: OrderSource,
    customer_id: CustomerId,
    email: Option<CanonicalEmail>,
    lines: Vec<OrderLine>,
    adjustments: Vec<OrderAdjustment>,
    created_at: Timestamp,
    updated_at: Timestamp,
    version: i64,
}

impl Head {
    fn step(self, now: Timestamp) -> Self {
        Self {
            updated_at: now,
            version: self.version.saturating_add(1),
            ..self
        }
    }
}

/// An order in the state `S`.
///
/// ```
/// use rust_decimal::Decimal;
/// use rustok_commerce::{CommerceError, Order};
/// use uuid::Uuid;
///
/// let order = Order::new_pending(Uuid::nil(), Uuid::nil(), Uuid::nil(), Decimal::new(1999, 2), "USD".into());
/// let delivered = order
///     .confirm()?
///     .pay("pay_123".into(), "card".into())?
///     .ship("TRACK123".into(), "FedEx".into())?
///     .deliver(Some("Jane Roe".into()));
/// assert_eq!(delivered.total().to_string(), "19.99 USD");
/// assert_eq!(delivered.signature(), Some("Jane Roe"));
/// assert_eq!(delivered.version(), 5);
/// # Ok::<(), CommerceError>(())
/// ```
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Order<S: OrderState> {
    head: Head,
    total: S::Total,
    state: S,
}

impl Order<Pending> {
    /// Creates an order over an amount, without lines. The amount is validated on confirmation. The server creates
    /// orders with [`Order::place`].
    #[must_use]
    pub fn new_pending(
        id: impl Into<OrderId>,
        tenant_id: impl Into<TenantId>,
        customer_id: impl Into<CustomerId>,
        amount: Decimal,
        currency: String,
    ) -> Self {
        Self::new_pending_at(id, tenant_id, customer_id, amount, currency, SystemClock.now())
    }

    /// [`Order::new_pending`] at a given time.
    #[must_use]
    pub fn new_pending_at(
        id: impl Into<OrderId>,
        tenant_id: impl Into<TenantId>,
        customer_id: impl Into<CustomerId>,
        amount: Decimal,
        currency: String,
        now: Timestamp,
    ) -> Self {
        let head = Head {
            id: id.into(),
            tenant_id: tenant_id.into(),
            number: None,
            source: OrderSource::Storefront,
            customer_id: customer_id.into(),
            email: None,
            lines: Vec::new(),
            adjustments: Vec::new(),
            created_at: now,
            updated_at: now,
            version: 1,
        };
        Self {
            head,
            total: UncheckedTotal {
                amount,
                currency: currency.into(),
            },
            state: Pending { expires_at: None },
        }
    }

    /// Places an order. It gets its number when it is stored.
    #[must_use]
    pub fn place(placement: Placement, now: Timestamp) -> Self {
        let (lines, adjustments, total) = placement.contents.into_parts();
        let head = Head {
            id: placement.id,
            tenant_id: placement.tenant_id,
            number: None,
            source: placement.source,
            customer_id: placement.customer_id,
            email: Some(placement.email),
            lines,
            adjustments,
            created_at: now,
            updated_at: now,
            version: 1,
        };
        Self {
            head,
            total: total.into(),
            state: Pending {
                expires_at: Some(placement.expires_at),
            },
        }
    }

    /// Calls [`Order::confirm_at`] with the current time.
    ///
    /// # Errors
    /// See [`Order::confirm_at`].
    pub fn confirm(self) -> Result<Order<Confirmed>, CommerceError> {
        self.confirm_at(SystemClock.now())
    }

    /// Accepts the order, without a payment deadline.
    ///
    /// # Errors
    /// See [`Order::confirm_until_at`].
    pub fn confirm_at(self, now: Timestamp) -> Result<Order<Confirmed>, CommerceError> {
        self.confirm_until_at(None, now)
    }

    /// Accepts the order; it is cancelled automatically at `expires_at` unless it is paid before. `None` means no
    /// deadline.
    ///
    /// # Errors
    /// [`CommerceError::TransitionRefused`] if the amount is negative or too large, the currency unknown, or the
    /// amount has more decimals than the currency.
    pub fn confirm_until_at(
        self,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Order<Confirmed>, CommerceError> {
        let total = guards::confirmed_total(&self.total)?;
        Ok(Order {
            head: self.head.step(now),
            total,
            state: Confirmed {
                confirmed_at: now,
                expires_at,
            },
        })
    }

    /// Calls [`Order::cancel_at`](Order::<Pending>::cancel_at) with the current time.
    ///
    /// # Errors
    /// See there.
    pub fn cancel(self, reason: String) -> Result<Order<Cancelled>, CommerceError> {
        self.cancel_at(reason, SystemClock.now())
    }

    /// Cancels the order. The caller gives back [`crate::inventory::stock_moves`] in the same transaction.
    ///
    /// # Errors
    /// [`CommerceError::ValidationFailed`] if the reason is blank or longer than 1,000 bytes.
    pub fn cancel_at(self, reason: String, now: Timestamp) -> Result<Order<Cancelled>, CommerceError> {
        cancel(self.head, self.total, reason, PreviousState::Pending, now)
    }
}

impl Order<Confirmed> {
    /// Calls [`Order::pay_at`] with the current time.
    ///
    /// # Errors
    /// See [`Order::pay_at`].
    pub fn pay(self, payment_id: String, method: String) -> Result<Order<Paid>, CommerceError> {
        self.pay_at(payment_id, method, SystemClock.now())
    }

    /// Records the payment.
    ///
    /// # Errors
    /// [`CommerceError::ValidationFailed`] if one of the texts is blank, longer than 255 bytes or contains control
    /// characters.
    pub fn pay_at(
        self,
        payment_id: String,
        method: String,
        now: Timestamp,
    ) -> Result<Order<Paid>, CommerceError> {
        let payment = Payment {
            payment_id: into_clean_name(payment_id),
            method: into_clean_name(method),
            paid_at: now,
        };
        if payable().check(&payment).is_err() {
            return Err(guards::invalid_payment(&payment));
        }
        let state = Paid {
            confirmed_at: self.state.confirmed_at,
            payment,
        };
        Ok(Order {
            head: self.head.step(now),
            total: self.total,
            state,
        })
    }

    /// Calls [`Order::cancel_at`](Order::<Confirmed>::cancel_at) with the current time.
    ///
    /// # Errors
    /// See there.
    pub fn cancel(self, reason: String) -> Result<Order<Cancelled>, CommerceError> {
        self.cancel_at(reason, SystemClock.now())
    }

    /// Cancels the order. The caller gives back [`crate::inventory::stock_moves`] in the same transaction.
    ///
    /// # Errors
    /// [`CommerceError::ValidationFailed`] if the reason is blank or longer than 1,000 bytes.
    pub fn cancel_at(self, reason: String, now: Timestamp) -> Result<Order<Cancelled>, CommerceError> {
        cancel(
            self.head,
            self.total.into(),
            reason,
            PreviousState::Confirmed(self.state.confirmed_at),
            now,
        )
    }
}

impl Order<Paid> {
    /// Calls [`Order::ship_at`] with the current time.
    ///
    /// # Errors
    /// See [`Order::ship_at`].
    pub fn ship(self, tracking: String, carrier: String) -> Result<Order<Shipped>, CommerceError> {
        self.ship_at(tracking, carrier, SystemClock.now())
    }

    /// Records the shipment.
    ///
    /// # Errors
    /// [`CommerceError::ValidationFailed`] if one of the texts is blank, longer than 255 bytes or contains control
    /// characters.
    pub fn ship_at(
        self,
        tracking: String,
        carrier: String,
        now: Timestamp,
    ) -> Result<Order<Shipped>, CommerceError> {
        let shipment = Shipment {
            tracking: into_clean_name(tracking),
            carrier: into_clean_name(carrier),
            shipped_at: now,
        };
        if shippable().check(&shipment).is_err() {
            return Err(guards::invalid_shipment(&shipment));
        }
        let state = Shipped {
            paid: self.state,
            shipment,
        };
        Ok(Order {
            head: self.head.step(now),
            total: self.total,
            state,
        })
    }

    /// Calls [`Order::cancel_with_refund_at`] with the current time.
    ///
    /// # Errors
    /// See [`Order::cancel_with_refund_at`].
    pub fn cancel_with_refund(
        self,
        reason: String,
        refund_id: String,
    ) -> Result<Order<Cancelled>, CommerceError> {
        self.cancel_with_refund_at(reason, refund_id, SystemClock.now())
    }

    /// Cancels the order and records the refund. The caller gives back [`crate::inventory::stock_moves`] in the same
    /// transaction.
    ///
    /// # Errors
    /// [`CommerceError::ValidationFailed`] if the reason is blank or longer than 1,000 bytes, or the refund's id is
    /// blank or longer than 255 bytes.
    pub fn cancel_with_refund_at(
        self,
        reason: String,
        refund_id: String,
        now: Timestamp,
    ) -> Result<Order<Cancelled>, CommerceError> {
        let before = PreviousState::Paid(
            self.state,
            Refund {
                refund_id: into_clean_name(refund_id),
                refunded_at: now,
            },
        );
        cancel(self.head, self.total.into(), reason, before, now)
    }
}

impl Order<Shipped> {
    /// Calls [`Order::deliver_at`] with the current time.
    #[must_use]
    pub fn deliver(self, signature: Option<String>) -> Order<Delivered> {
        self.deliver_at(signature, SystemClock.now())
    }

    /// Records the delivery; `signature` is the name of the recipient.
    #[must_use]
    pub fn deliver_at(self, signature: Option<String>, now: Timestamp) -> Order<Delivered> {
        let state = Delivered {
            shipped: self.state,
            signature: signature.map(into_clean_name),
            delivered_at: now,
        };
        Order {
            head: self.head.step(now),
            total: self.total,
            state,
        }
    }
}

fn cancel(
    head: Head,
    total: UncheckedTotal,
    reason: String,
    before: PreviousState,
    now: Timestamp,
) -> Result<Order<Cancelled>, CommerceError> {
    let state = Cancelled {
        reason: into_clean_text(reason),
        cancelled_at: now,
        before,
    };
    if cancellable().check(&state).is_err() {
        return Err(guards::invalid_cancellation(&state));
    }
    Ok(Order {
        head: head.step(now),
        total,
        state,
    })
}

static ORDER: TransitionTable = match StateMachineBuilder::new::<Pending>("order")
    .guarded_edge::<Pending, Confirmed>("confirm", || confirmable().label())
    .guarded_edge::<Pending, Cancelled>("cancel", || cancellable().label())
    .guarded_edge::<Confirmed, Paid>("pay", || payable().label())
    .guarded_edge::<Confirmed, Cancelled>("cancel", || cancellable().label())
    .guarded_edge::<Paid, Shipped>("ship", || shippable().label())
    .guarded_edge::<Paid, Cancelled>("cancel", || cancellable().label())
    .edge::<Shipped, Delivered>("deliver")
    .build()
{
    Ok(table) => table,
    Err(fault) => panic!("{}", fault.message()),
};

/// The table of an order's transitions. The names are those of the API's `POST` routes: `cancel` of a paid order is
/// [`Order::cancel_with_refund`].
#[must_use]
pub const fn order_machine() -> &'static TransitionTable {
    &ORDER
}

#[cfg(test)]
mod tests;
