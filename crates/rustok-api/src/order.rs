//! An order as the API shows it: to its buyer and, with what may happen next, to the shop's people.
//!
//! Must never show the hash of a secret, nor which inside id stands behind an address.

use super::money::MoneyView;
use rustok_commerce::{AnyOrder, OrderAdjustment, OrderColumns, OrderLine, OrderNumber};
use rustok_core::clock::Timestamp;
use rustok_core::money::Money;
use serde::Serialize;
use utoipa::ToSchema;
use uuid::Uuid;

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
    #[schema(value_type = MoneyView)]
    unit_price: Money,
    /// For all of them.
    #[schema(value_type = MoneyView)]
    total: Option<Money>,
}

impl<'a> From<&'a OrderLine> for OrderLineView<'a> {
    fn from(line: &'a OrderLine) -> Self {
        Self {
            variant_id: line.variant_id.as_uuid(),
            product_id: line.product_id.as_uuid(),
            title: &line.title,
            variant_title: &line.variant_title,
            sku: line.sku.as_deref(),
            quantity: line.quantity,
            unit_price: line.unit_price,
            // Every order that is read has lines whose sum is its total.
            total: line.total().ok(),
        }
    }
}

/// What changes the total besides the lines.
#[derive(Debug, Serialize, ToSchema)]
pub struct OrderAdjustmentView<'a> {
    /// `discount`, `shipping` or `tax`.
    #[schema(example = "shipping")]
    kind: &'static str,
    title: &'a str,
    /// Negative for a discount.
    #[schema(value_type = MoneyView)]
    amount: Money,
}

impl<'a> From<&'a OrderAdjustment> for OrderAdjustmentView<'a> {
    fn from(adjustment: &'a OrderAdjustment) -> Self {
        Self {
            kind: adjustment.kind.as_str(),
            title: &adjustment.title,
            amount: adjustment.amount,
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
    /// The number that people read, as in `#1001`. A shop's first order has 1001; a number may be missing.
    #[schema(value_type = i64, example = 1001)]
    number: Option<i64>,
    /// `pending`, `confirmed`, `paid`, `shipped`, `delivered` or `cancelled`.
    #[schema(example = "pending")]
    status: &'static str,
    email: &'a str,
    /// ISO 4217.
    currency: &'a str,
    /// The sum of lines and adjustments.
    #[schema(value_type = MoneyView)]
    total: Option<Money>,
    lines: Vec<OrderLineView<'a>>,
    adjustments: Vec<OrderAdjustmentView<'a>>,
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
        Self {
            id: order.id.as_uuid(),
            number: order.number.map(OrderNumber::get),
            status: order.status.as_str(),
            email: order.email,
            currency: order.currency,
            total: order.total,
            lines: order.lines.iter().map(OrderLineView::from).collect(),
            adjustments: order.adjustments.iter().map(OrderAdjustmentView::from).collect(),
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
    /// Where it came from: `storefront`.
    #[schema(example = "storefront")]
    source: &'static str,
    /// The names of the POSTs that its status allows.
    #[schema(example = json!(["confirm", "cancel"]))]
    allowed_transitions: Vec<&'static str>,
}

impl<'a> From<&'a AnyOrder> for AdminOrderView<'a> {
    fn from(order: &'a AnyOrder) -> Self {
        Self {
            order: order.into(),
            source: order.source().as_str(),
            allowed_transitions: order.allowed_transitions().collect(),
        }
    }
}
