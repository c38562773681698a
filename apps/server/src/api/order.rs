//! An order as the API shows it: to its buyer and, with what may happen next, to the shop's people.
//!
//! Must never show the hash of a secret, nor which inside id stands behind an address.

use rustok_commerce::{AnyOrder, OrderColumns, OrderLine};
use rustok_core::clock::Timestamp;
use rustok_core::money::{Currency, Money};
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

/// An amount of money.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = OrderMoney)]
pub struct MoneyView<'a> {
    /// A decimal with exactly as many digits as the currency has.
    #[schema(example = "19.99")]
    amount: String,
    /// ISO 4217.
    #[schema(example = "USD")]
    currency: &'a str,
}

impl<'a> MoneyView<'a> {
    fn new(minor: i64, currency: &'a str) -> Self {
        // The code was read from a row that is an order; an amount without a currency could not be shown at all.
        let amount =
            Currency::parse(currency).map(|currency| Money::from_minor(minor, currency).amount().to_string());
        Self {
            amount: amount.unwrap_or_default(),
            currency,
        }
    }
}

/// What was bought, at the price of that moment.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderLineView<'a> {
    variant_id: Uuid,
    product_id: Uuid,
    title: &'a str,
    variant_title: &'a str,
    #[schema(required)]
    sku: Option<&'a str>,
    quantity: i64,
    /// For one piece.
    unit_price: MoneyView<'a>,
    /// For all of them.
    total: MoneyView<'a>,
}

impl<'a> OrderLineView<'a> {
    fn new(line: &'a OrderLine, currency: &'a str) -> Self {
        let total = line.total_minor().unwrap_or(i64::MAX);
        Self {
            variant_id: line.variant_id.as_uuid(),
            product_id: line.product_id.as_uuid(),
            title: &line.title,
            variant_title: &line.variant_title,
            sku: line.sku.as_deref(),
            quantity: line.quantity,
            unit_price: MoneyView::new(line.unit_price_minor, currency),
            total: MoneyView::new(total, currency),
        }
    }
}

/// The payment that was recorded.
#[derive(Debug, Serialize, ToSchema)]
pub struct PaymentView<'a> {
    /// The payment provider's name for it.
    payment_id: &'a str,
    method: &'a str,
    /// RFC 3339, UTC.
    paid_at: String,
}

/// How it came to the buyer.
#[derive(Debug, Serialize, ToSchema)]
pub struct FulfilmentView<'a> {
    tracking: &'a str,
    carrier: &'a str,
    /// RFC 3339, UTC.
    shipped_at: String,
    /// RFC 3339, UTC.
    #[schema(required)]
    delivered_at: Option<String>,
    /// Who took it.
    #[schema(required)]
    signature: Option<&'a str>,
}

/// Why and when it was called off.
#[derive(Debug, Serialize, ToSchema)]
pub struct CancellationView<'a> {
    /// `expired`: nobody confirmed it in time, or it was confirmed and not paid in time.
    reason: &'a str,
    /// RFC 3339, UTC.
    cancelled_at: String,
    /// The payment provider's name for the refund of a paid order.
    #[schema(required)]
    refund_id: Option<&'a str>,
}

/// An order.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = Order)]
pub struct OrderView<'a> {
    id: Uuid,
    /// `pending`, `confirmed`, `paid`, `shipped`, `delivered` or `cancelled`.
    #[schema(example = "pending")]
    status: &'static str,
    email: &'a str,
    /// ISO 4217.
    currency: &'a str,
    total: MoneyView<'a>,
    lines: Vec<OrderLineView<'a>>,
    #[schema(required)]
    payment: Option<PaymentView<'a>>,
    #[schema(required)]
    fulfilment: Option<FulfilmentView<'a>>,
    #[schema(required)]
    cancellation: Option<CancellationView<'a>>,
    /// RFC 3339, UTC.
    created_at: String,
    /// When it came into its status; RFC 3339, UTC.
    updated_at: String,
    /// When it is called off by itself: a pending order unless it is confirmed before, a confirmed one unless it is paid
    /// before. Otherwise, or when it may wait without end, nothing.
    #[schema(required)]
    expires_at: Option<String>,
    /// 1 for a new order, one more after each transition.
    version: i64,
}

impl<'a> From<&'a AnyOrder> for OrderView<'a> {
    fn from(order: &'a AnyOrder) -> Self {
        let order = OrderColumns::from(order);
        let text = |time: Timestamp| time.to_string();
        let payment = order.payment.map(|payment| PaymentView {
            payment_id: &payment.payment_id,
            method: &payment.method,
            paid_at: text(payment.paid_at),
        });
        let fulfilment = order.fulfilment.map(|fulfilment| FulfilmentView {
            tracking: fulfilment.tracking,
            carrier: fulfilment.carrier,
            shipped_at: text(fulfilment.shipped_at),
            delivered_at: fulfilment.delivered_at.map(text),
            signature: fulfilment.signature,
        });
        let cancellation = order
            .cancel_reason
            .zip(order.cancelled_at)
            .map(|(reason, at)| CancellationView {
                reason,
                cancelled_at: text(at),
                refund_id: order.refund.map(|refund| refund.refund_id.as_str()),
            });
        let lines = order.lines.iter();
        Self {
            id: order.id.as_uuid(),
            status: order.status.as_str(),
            email: order.email,
            currency: order.currency,
            total: MoneyView::new(order.total_minor, order.currency),
            lines: lines
                .map(|line| OrderLineView::new(line, order.currency))
                .collect(),
            payment,
            fulfilment,
            cancellation,
            created_at: text(order.created_at),
            updated_at: text(order.updated_at),
            expires_at: order.expires_at.map(text),
            version: order.version,
        }
    }
}

/// A new order with the secret that opens it, which is shown this once.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = PlacedOrder)]
pub struct PlacedOrderView<'a> {
    #[serde(flatten)]
    pub(super) order: OrderView<'a>,
    /// Send it as `X-Order-Secret` to read the order; it cannot be shown again.
    #[schema(example = "ros_3q2-7wABAgMEBQYHCAkKCwwNDg8QERITFBUWFxgZGhs")]
    pub(super) secret: String,
}

/// An order as the shop's people see it.
#[derive(Debug, Serialize, ToSchema)]
#[schema(as = AdminOrder)]
pub struct AdminOrderView<'a> {
    #[serde(flatten)]
    order: OrderView<'a>,
    /// The names of the POSTs that its status allows.
    #[schema(example = json!(["confirm", "cancel"]))]
    allowed_transitions: Vec<&'static str>,
}

impl<'a> From<&'a AnyOrder> for AdminOrderView<'a> {
    fn from(order: &'a AnyOrder) -> Self {
        Self {
            order: order.into(),
            allowed_transitions: order.allowed_transitions().collect(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn amounts_have_the_digits_of_their_currency() {
        for (minor, currency, amount) in [
            (1_990, "USD", "19.90"),
            (5, "JPY", "5"),
            (1_500, "KWD", "1.500"),
            (0, "EUR", "0.00"),
        ] {
            assert_eq!(MoneyView::new(minor, currency).amount, amount);
        }
    }
}
