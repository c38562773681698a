//! An order whose state is known only at run time, for rows and requests.
//!
//! It must never have rules of its own: each method matches the state and calls the typed transition.

use super::guards::{invalid, signable};
use super::{Cancelled, Confirmed, Delivered, Order, OrderState, Paid, Pending, Shipped, order_machine};
use crate::error::CommerceError;
use crate::ids::{CustomerId, OrderId};
use crate::order::{OrderLine, OrderNumber, OrderSource, OrderStatus};
use rustok_core::clock::Timestamp;
use rustok_core::ids::TenantId;
use rustok_core::state_machine::{State, TransitionGuard};
use rustok_text::CanonicalEmail;
use rustok_text::plain::into_clean_name;

/// An order in any state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum AnyOrder {
    /// See [`Pending`].
    Pending(Order<Pending>),
    /// See [`Confirmed`].
    Confirmed(Order<Confirmed>),
    /// See [`Paid`].
    Paid(Order<Paid>),
    /// See [`Shipped`].
    Shipped(Order<Shipped>),
    /// See [`Delivered`].
    Delivered(Order<Delivered>),
    /// See [`Cancelled`].
    Cancelled(Order<Cancelled>),
}

macro_rules! from_typed {
    ($($state:ident),+) => {$(
        impl From<Order<$state>> for AnyOrder {
            fn from(order: Order<$state>) -> Self {
                Self::$state(order)
            }
        }
    )+};
}

from_typed!(Pending, Confirmed, Paid, Shipped, Delivered, Cancelled);

/// Calls the same accessor in every state.
macro_rules! each {
    ($any:expr, $order:ident => $read:expr) => {
        match $any {
            AnyOrder::Pending($order) => $read,
            AnyOrder::Confirmed($order) => $read,
            AnyOrder::Paid($order) => $read,
            AnyOrder::Shipped($order) => $read,
            AnyOrder::Delivered($order) => $read,
            AnyOrder::Cancelled($order) => $read,
        }
    };
}

fn name_of<S: OrderState>(_: &Order<S>) -> &'static str {
    <S as State>::NAME
}

impl AnyOrder {
    /// Its state.
    #[must_use]
    pub const fn status(&self) -> OrderStatus {
        match self {
            Self::Pending(_) => OrderStatus::Pending,
            Self::Confirmed(_) => OrderStatus::Confirmed,
            Self::Paid(_) => OrderStatus::Paid,
            Self::Shipped(_) => OrderStatus::Shipped,
            Self::Delivered(_) => OrderStatus::Delivered,
            Self::Cancelled(_) => OrderStatus::Cancelled,
        }
    }

    /// The transitions of its state, named as the API's `POST` routes.
    pub fn allowed_transitions(&self) -> impl Iterator<Item = &'static str> {
        order_machine().allowed(self.status().as_str())
    }

    /// The order's id.
    #[must_use]
    pub fn id(&self) -> OrderId {
        each!(self, order => order.id())
    }

    /// The shop.
    #[must_use]
    pub fn tenant_id(&self) -> TenantId {
        each!(self, order => order.tenant_id())
    }

    /// The number that people read; every stored order has one.
    #[must_use]
    pub fn number(&self) -> Option<OrderNumber> {
        each!(self, order => order.number())
    }

    /// The order with the number that it got when it was stored.
    #[must_use]
    pub fn with_number(self, number: OrderNumber) -> Self {
        each!(self, order => order.with_number(number).into())
    }

    /// Where it came from.
    #[must_use]
    pub fn source(&self) -> OrderSource {
        each!(self, order => order.source())
    }

    /// The buyer.
    #[must_use]
    pub fn customer_id(&self) -> CustomerId {
        each!(self, order => order.customer_id())
    }

    /// The buyer's e-mail address; every placed order has one.
    #[must_use]
    pub fn email(&self) -> Option<&CanonicalEmail> {
        each!(self, order => order.email())
    }

    /// The lines.
    #[must_use]
    pub fn lines(&self) -> &[OrderLine] {
        each!(self, order => order.lines())
    }

    /// 1 for a new order, incremented by each transition.
    #[must_use]
    pub fn version(&self) -> i64 {
        each!(self, order => order.version())
    }

    /// When this version was made.
    #[must_use]
    pub fn updated_at(&self) -> Timestamp {
        each!(self, order => order.updated_at())
    }

    /// When it is cancelled automatically: a pending order unless it is confirmed before, a confirmed one unless it
    /// is paid.
    #[must_use]
    pub fn expires_at(&self) -> Option<Timestamp> {
        match self {
            Self::Pending(order) => order.expires_at(),
            Self::Confirmed(order) => order.expires_at(),
            Self::Paid(_) | Self::Shipped(_) | Self::Delivered(_) | Self::Cancelled(_) => None,
        }
    }

    /// Whether its deadline for automatic cancellation has passed.
    #[must_use]
    pub fn is_expired_at(&self, now: Timestamp) -> bool {
        self.expires_at().is_some_and(|expires_at| expires_at <= now)
    }

    /// The error for a transition that the state does not have.
    fn refuse(&self, attempted: &'static str) -> CommerceError {
        let state = each!(self, order => name_of(order));
        order_machine().refuse(state, attempted).into()
    }

    /// `confirm`.
    ///
    /// # Errors
    /// [`CommerceError::IllegalTransition`] unless pending; those of [`Order::confirm_at`].
    pub fn confirm_at(self, now: Timestamp) -> Result<Self, CommerceError> {
        self.confirm_until_at(None, now)
    }

    /// `confirm`, with automatic cancellation at `expires_at` unless it is paid before.
    ///
    /// # Errors
    /// Those of [`AnyOrder::confirm_at`].
    pub fn confirm_until_at(
        self,
        expires_at: Option<Timestamp>,
        now: Timestamp,
    ) -> Result<Self, CommerceError> {
        match self {
            Self::Pending(order) => Ok(order.confirm_until_at(expires_at, now)?.into()),
            other => Err(other.refuse("confirm")),
        }
    }

    /// `pay`.
    ///
    /// # Errors
    /// [`CommerceError::IllegalTransition`] unless confirmed; those of [`Order::pay_at`].
    pub fn pay_at(self, payment_id: String, method: String, now: Timestamp) -> Result<Self, CommerceError> {
        match self {
            Self::Confirmed(order) => Ok(order.pay_at(payment_id, method, now)?.into()),
            other => Err(other.refuse("pay")),
        }
    }

    /// `ship`.
    ///
    /// # Errors
    /// [`CommerceError::IllegalTransition`] unless paid; those of [`Order::ship_at`].
    pub fn ship_at(self, tracking: String, carrier: String, now: Timestamp) -> Result<Self, CommerceError> {
        match self {
            Self::Paid(order) => Ok(order.ship_at(tracking, carrier, now)?.into()),
            other => Err(other.refuse("ship")),
        }
    }

    /// `deliver`.
    ///
    /// # Errors
    /// [`CommerceError::IllegalTransition`] unless shipped; [`CommerceError::ValidationFailed`] for a signature that
    /// is blank, longer than 255 bytes or contains control characters.
    pub fn deliver_at(self, signature: Option<String>, now: Timestamp) -> Result<Self, CommerceError> {
        match self {
            Self::Shipped(order) => {
                let signature = signature.map(into_clean_name);
                signable()
                    .check(&signature)
                    .map_err(|refusal| invalid([Err(refusal)]))?;
                Ok(order.deliver_at(signature, now).into())
            }
            other => Err(other.refuse("deliver")),
        }
    }

    /// `cancel`; for a paid order, with its refund.
    ///
    /// # Errors
    /// [`CommerceError::IllegalTransition`] if shipped, delivered or cancelled; [`CommerceError::ValidationFailed`]
    /// for a refund that is missing (paid) or not applicable (not paid); those of the typed transitions.
    pub fn cancel_at(
        self,
        reason: String,
        refund_id: Option<String>,
        now: Timestamp,
    ) -> Result<Self, CommerceError> {
        match (self, refund_id) {
            (Self::Pending(order), None) => Ok(order.cancel_at(reason, now)?.into()),
            (Self::Confirmed(order), None) => Ok(order.cancel_at(reason, now)?.into()),
            (Self::Pending(_) | Self::Confirmed(_), Some(_)) => Err(CommerceError::invalid(
                "refund_id",
                "not_paid",
                "must be left out: the order is not paid",
            )),
            // A missing refund is treated as a blank one, so that it is reported together with other violations.
            (Self::Paid(order), refund_id) => Ok(order
                .cancel_with_refund_at(reason, refund_id.unwrap_or_default(), now)?
                .into()),
            (other, _) => Err(other.refuse("cancel")),
        }
    }
}
