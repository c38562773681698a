//! Conversion between an order and its columns: the only way from a stored row to a typed order.
//!
//! A row that no order can have produced is refused, with the rule that it violates; it is never repaired. CHECK
//! constraints in both databases enforce the same rules.

use super::guards::{cancellable, confirmable, payable, shippable};
use super::{
    AnyOrder, Cancelled, Confirmed, Delivered, Head, Order, Paid, Pending, PreviousState, Shipment, Shipped,
    UncheckedTotal,
};
use crate::error::CommerceError;
use crate::ids::{CustomerId, OrderId};
use crate::order::{MAX_QUANTITY, OrderAdjustment, OrderLine, OrderNumber, OrderSource, OrderStatus, total};
use crate::payment::{Payment, Refund};
use rustok_core::clock::Timestamp;
use rustok_core::ids::TenantId;
use rustok_core::money::Money;
use rustok_core::state_machine::TransitionGuard;
use rustok_text::CanonicalEmail;

/// The columns of an order and of its payment, fulfilment, refund and lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderRow {
    /// Primary key.
    pub id: OrderId,
    /// The shop, first in every key.
    pub tenant_id: TenantId,
    /// [`OrderNumber`], above 0.
    pub number: i64,
    /// [`OrderSource`] as text.
    pub source: String,
    /// The buyer.
    pub customer_id: CustomerId,
    /// The buyer's e-mail address in canonical form.
    pub email: String,
    /// [`OrderStatus`] as text.
    pub status: String,
    /// The sum of lines and adjustments.
    pub total: Money,
    /// When it was placed.
    pub created_at: Timestamp,
    /// When it entered its current state.
    pub updated_at: Timestamp,
    /// When it is cancelled automatically; set for a pending order, and for a confirmed one with a payment deadline.
    pub expires_at: Option<Timestamp>,
    /// When it was confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// The payment.
    pub payment: Option<Payment>,
    /// The fulfilment.
    pub fulfilment: Option<Fulfilment>,
    /// The refund, for a cancelled order that was paid.
    pub refund: Option<Refund>,
    /// Why it was cancelled.
    pub cancel_reason: Option<String>,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// The version for compare-and-swap.
    pub version: i64,
    /// The lines, in the order's sequence.
    pub lines: Vec<OrderLine>,
    /// The adjustments, in the order's sequence.
    pub adjustments: Vec<OrderAdjustment>,
}

/// The shipment and delivery of an order.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Fulfilment {
    /// The tracking number.
    pub tracking: String,
    /// The carrier.
    pub carrier: String,
    /// When it was shipped.
    pub shipped_at: Timestamp,
    /// The recipient's name, if recorded.
    pub signature: Option<String>,
    /// When it was delivered.
    pub delivered_at: Option<Timestamp>,
}

/// The rule that a row violates.
type Broken = &'static str;

fn demand(rule: bool, broken: Broken) -> Result<(), Broken> {
    if rule { Ok(()) } else { Err(broken) }
}

impl TryFrom<OrderRow> for AnyOrder {
    type Error = CommerceError;

    fn try_from(row: OrderRow) -> Result<Self, CommerceError> {
        let id = row.id.as_uuid();
        decode(row).map_err(|reason| CommerceError::InconsistentRow {
            table: "orders",
            id,
            reason,
        })
    }
}

fn decode(row: OrderRow) -> Result<AnyOrder, Broken> {
    let status: OrderStatus = row.status.parse().map_err(|_| "unknown status")?;
    let total = decode_total(&row)?;
    let head = Head {
        id: row.id,
        tenant_id: row.tenant_id,
        number: Some(OrderNumber::new(row.number).ok_or("number below 1")?),
        source: row.source.parse().map_err(|_| "unknown source")?,
        customer_id: row.customer_id,
        email: Some(CanonicalEmail::parse(&row.email).ok_or("email is no address")?),
        lines: row.lines,
        adjustments: row.adjustments,
        created_at: row.created_at,
        updated_at: row.updated_at,
        version: row.version,
    };
    demand(head.version >= 1, "version below 1")?;
    demand(
        row.expires_at.is_none() || matches!(status, OrderStatus::Pending | OrderStatus::Confirmed),
        "expires_at in an order that is neither pending nor confirmed",
    )?;
    let mut data = StateData {
        confirmed_at: row.confirmed_at,
        payment: row.payment,
        fulfilment: row.fulfilment,
        refund: row.refund,
        cancel_reason: row.cancel_reason,
        cancelled_at: row.cancelled_at,
    };
    let order = match status {
        OrderStatus::Pending => AnyOrder::from(Order {
            head,
            total: total.into(),
            state: Pending {
                expires_at: row.expires_at,
            },
        }),
        OrderStatus::Confirmed => Order {
            head,
            total,
            state: Confirmed {
                confirmed_at: data.confirmed_at()?,
                expires_at: row.expires_at,
            },
        }
        .into(),
        OrderStatus::Paid => Order {
            head,
            total,
            state: data.paid()?,
        }
        .into(),
        OrderStatus::Shipped => {
            let (state, arrival) = data.shipped()?;
            demand(
                arrival == Arrival::default(),
                "delivery data in an order that is not delivered",
            )?;
            Order { head, total, state }.into()
        }
        OrderStatus::Delivered => {
            let (shipped, arrival) = data.shipped()?;
            let delivered_at = arrival.delivered_at.ok_or("delivered without delivered_at")?;
            let state = Delivered {
                shipped,
                signature: arrival.signature,
                delivered_at,
            };
            Order { head, total, state }.into()
        }
        OrderStatus::Cancelled => Order {
            head,
            total: total.into(),
            state: data.cancelled()?,
        }
        .into(),
    };
    data.demand_empty()?;
    Ok(order)
}

fn decode_total(row: &OrderRow) -> Result<Money, Broken> {
    demand(
        confirmable().check(&UncheckedTotal::from(row.total)).is_ok(),
        "negative total",
    )?;
    demand(!row.lines.is_empty(), "no lines")?;
    let fit = |line: &OrderLine| (1..=MAX_QUANTITY).contains(&line.quantity) && line.unit_price.minor() >= 0;
    demand(
        row.lines.iter().all(fit),
        "a line with a quantity or price out of range",
    )?;
    demand(
        row.adjustments.iter().all(OrderAdjustment::has_right_sign),
        "an adjustment of the wrong sign",
    )?;
    demand(
        total(row.total.currency(), &row.lines, &row.adjustments) == Ok(row.total),
        "total is not the sum of the lines and adjustments",
    )?;
    Ok(row.total)
}

/// The columns that belong to particular states. Decoding a state takes its own columns; any that remain set are an
/// error.
struct StateData {
    confirmed_at: Option<Timestamp>,
    payment: Option<Payment>,
    fulfilment: Option<Fulfilment>,
    refund: Option<Refund>,
    cancel_reason: Option<String>,
    cancelled_at: Option<Timestamp>,
}

#[derive(Debug, Default, PartialEq)]
struct Arrival {
    signature: Option<String>,
    delivered_at: Option<Timestamp>,
}

impl StateData {
    fn confirmed_at(&mut self) -> Result<Timestamp, Broken> {
        self.confirmed_at
            .take()
            .ok_or("confirmed or later without confirmed_at")
    }

    fn paid(&mut self) -> Result<Paid, Broken> {
        let confirmed_at = self.confirmed_at()?;
        let payment = self.payment.take().ok_or("paid or later without payment")?;
        demand(payable().check(&payment).is_ok(), "payment with unfit text")?;
        Ok(Paid {
            confirmed_at,
            payment,
        })
    }

    fn shipped(&mut self) -> Result<(Shipped, Arrival), Broken> {
        let paid = self.paid()?;
        let Fulfilment {
            tracking,
            carrier,
            shipped_at,
            signature,
            delivered_at,
        } = self
            .fulfilment
            .take()
            .ok_or("shipped or later without fulfilment")?;
        let shipment = Shipment {
            tracking,
            carrier,
            shipped_at,
        };
        demand(shippable().check(&shipment).is_ok(), "fulfilment with unfit text")?;
        Ok((
            Shipped { paid, shipment },
            Arrival {
                signature,
                delivered_at,
            },
        ))
    }

    fn cancelled(&mut self) -> Result<Cancelled, Broken> {
        let before = match (self.confirmed_at, &self.payment) {
            (_, Some(_)) => {
                let refund = self
                    .refund
                    .take()
                    .ok_or("cancelled after payment without refund")?;
                PreviousState::Paid(self.paid()?, refund)
            }
            (Some(_), None) => PreviousState::Confirmed(self.confirmed_at()?),
            (None, None) => PreviousState::Pending,
        };
        let reason = self.cancel_reason.take().ok_or("cancelled without reason")?;
        let cancelled_at = self.cancelled_at.take().ok_or("cancelled without cancelled_at")?;
        let cancelled = Cancelled {
            reason,
            cancelled_at,
            before,
        };
        demand(
            cancellable().check(&cancelled).is_ok(),
            "cancellation with unfit text",
        )?;
        Ok(cancelled)
    }

    fn demand_empty(&self) -> Result<(), Broken> {
        demand(
            self.refund.is_none(),
            "refund in an order that is not cancelled after payment",
        )?;
        demand(self.payment.is_none(), "payment in an order that is not paid")?;
        demand(
            self.fulfilment.is_none(),
            "fulfilment in an order that is not shipped",
        )?;
        demand(
            self.confirmed_at.is_none(),
            "confirmed_at in an order that is not confirmed",
        )?;
        demand(
            self.cancel_reason.is_none() && self.cancelled_at.is_none(),
            "cancellation data in an order that is not cancelled",
        )
    }
}

/// The columns of an order in any state, borrowed from it.
#[derive(Debug, Clone, Copy)]
pub struct OrderColumns<'a> {
    /// See [`OrderRow`], also for the other fields.
    pub id: OrderId,
    /// The shop.
    pub tenant_id: TenantId,
    /// `None` until it is stored.
    pub number: Option<OrderNumber>,
    /// Where it came from.
    pub source: OrderSource,
    /// The buyer.
    pub customer_id: CustomerId,
    /// Empty for an order that was not placed, which no row can hold.
    pub email: &'a str,
    /// The status.
    pub status: OrderStatus,
    /// ISO 4217 code.
    pub currency: &'a str,
    /// `None` for a total that is not valid money, which no row can hold.
    pub total: Option<Money>,
    /// When it was placed.
    pub created_at: Timestamp,
    /// When it entered its current state.
    pub updated_at: Timestamp,
    /// When it is cancelled automatically.
    pub expires_at: Option<Timestamp>,
    /// When it was confirmed.
    pub confirmed_at: Option<Timestamp>,
    /// The payment.
    pub payment: Option<&'a Payment>,
    /// The fulfilment.
    pub fulfilment: Option<FulfilmentColumns<'a>>,
    /// The refund.
    pub refund: Option<&'a Refund>,
    /// Why it was cancelled.
    pub cancel_reason: Option<&'a str>,
    /// When it was cancelled.
    pub cancelled_at: Option<Timestamp>,
    /// The version.
    pub version: i64,
    /// The lines.
    pub lines: &'a [OrderLine],
    /// The adjustments.
    pub adjustments: &'a [OrderAdjustment],
}

/// The columns of a [`Fulfilment`], borrowed from its order.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct FulfilmentColumns<'a> {
    /// The tracking number.
    pub tracking: &'a str,
    /// The carrier.
    pub carrier: &'a str,
    /// When it was shipped.
    pub shipped_at: Timestamp,
    /// The recipient's name, if recorded.
    pub signature: Option<&'a str>,
    /// When it was delivered.
    pub delivered_at: Option<Timestamp>,
}

impl<'a> From<&'a AnyOrder> for OrderColumns<'a> {
    fn from(order: &'a AnyOrder) -> Self {
        let status = order.status();
        match order {
            AnyOrder::Pending(Order { head, total, state }) => Self {
                expires_at: state.expires_at,
                ..Self::bare(status, head, unchecked(total))
            },
            AnyOrder::Confirmed(Order { head, total, state }) => Self {
                expires_at: state.expires_at,
                ..Self::bare(status, head, checked(*total)).confirmed(state.confirmed_at)
            },
            AnyOrder::Paid(Order { head, total, state }) => {
                Self::bare(status, head, checked(*total)).paid(state)
            }
            AnyOrder::Shipped(Order { head, total, state }) => {
                Self::bare(status, head, checked(*total)).shipped(state, None, None)
            }
            AnyOrder::Delivered(Order { head, total, state }) => {
                let (signature, delivered_at) = (state.signature.as_deref(), Some(state.delivered_at));
                Self::bare(status, head, checked(*total)).shipped(&state.shipped, signature, delivered_at)
            }
            AnyOrder::Cancelled(Order { head, total, state }) => {
                let columns = Self::bare(status, head, unchecked(total));
                let columns = match &state.before {
                    PreviousState::Pending => columns,
                    PreviousState::Confirmed(confirmed_at) => columns.confirmed(*confirmed_at),
                    PreviousState::Paid(paid, refund) => Self {
                        refund: Some(refund),
                        ..columns.paid(paid)
                    },
                };
                Self {
                    cancel_reason: Some(&state.reason),
                    cancelled_at: Some(state.cancelled_at),
                    ..columns
                }
            }
        }
    }
}

/// A total and the code of its currency.
fn unchecked(total: &UncheckedTotal) -> (Option<Money>, &str) {
    (total.money().ok(), &total.currency)
}

fn checked(total: Money) -> (Option<Money>, &'static str) {
    (Some(total), total.currency().code())
}

impl<'a> OrderColumns<'a> {
    /// The columns without the data of a particular state.
    fn bare(status: OrderStatus, head: &'a Head, (total, currency): (Option<Money>, &'a str)) -> Self {
        Self {
            id: head.id,
            tenant_id: head.tenant_id,
            number: head.number,
            source: head.source,
            customer_id: head.customer_id,
            email: head.email.as_ref().map_or("", CanonicalEmail::as_str),
            status,
            currency,
            total,
            created_at: head.created_at,
            updated_at: head.updated_at,
            expires_at: None,
            confirmed_at: None,
            payment: None,
            fulfilment: None,
            refund: None,
            cancel_reason: None,
            cancelled_at: None,
            version: head.version,
            lines: &head.lines,
            adjustments: &head.adjustments,
        }
    }

    fn confirmed(self, confirmed_at: Timestamp) -> Self {
        Self {
            confirmed_at: Some(confirmed_at),
            ..self
        }
    }

    fn paid(self, state: &'a Paid) -> Self {
        Self {
            payment: Some(&state.payment),
            ..self.confirmed(state.confirmed_at)
        }
    }

    fn shipped(
        self,
        state: &'a Shipped,
        signature: Option<&'a str>,
        delivered_at: Option<Timestamp>,
    ) -> Self {
        let fulfilment = FulfilmentColumns {
            tracking: &state.shipment.tracking,
            carrier: &state.shipment.carrier,
            shipped_at: state.shipment.shipped_at,
            signature,
            delivered_at,
        };
        Self {
            fulfilment: Some(fulfilment),
            ..self.paid(&state.paid)
        }
    }
}

/// Of an order with a number and a valid total, as if it were read from the database.
#[cfg(test)]
impl From<OrderColumns<'_>> for OrderRow {
    fn from(columns: OrderColumns<'_>) -> Self {
        let fulfilment = |columns: FulfilmentColumns<'_>| Fulfilment {
            tracking: columns.tracking.to_owned(),
            carrier: columns.carrier.to_owned(),
            shipped_at: columns.shipped_at,
            signature: columns.signature.map(str::to_owned),
            delivered_at: columns.delivered_at,
        };
        Self {
            id: columns.id,
            tenant_id: columns.tenant_id,
            number: columns.number.map_or(0, OrderNumber::get),
            source: columns.source.as_str().to_owned(),
            customer_id: columns.customer_id,
            email: columns.email.to_owned(),
            status: columns.status.as_str().to_owned(),
            total: columns.total.unwrap(),
            created_at: columns.created_at,
            updated_at: columns.updated_at,
            expires_at: columns.expires_at,
            confirmed_at: columns.confirmed_at,
            payment: columns.payment.cloned(),
            fulfilment: columns.fulfilment.map(fulfilment),
            refund: columns.refund.cloned(),
            cancel_reason: columns.cancel_reason.map(str::to_owned),
            cancelled_at: columns.cancelled_at,
            version: columns.version,
            lines: columns.lines.to_vec(),
            adjustments: columns.adjustments.to_vec(),
        }
    }
}

#[cfg(test)]
impl From<&AnyOrder> for OrderRow {
    fn from(order: &AnyOrder) -> Self {
        OrderColumns::from(order).into()
    }
}
