//! The parts of an order: the command that places it, its number and its source.
//!
//! Prices and stock never come from the request: an input line has a variant and a quantity, nothing else. The
//! transitions are in [`crate::state_machine`].

mod contents;

pub(crate) use contents::total;
pub use contents::{
    AdjustmentKind, MAX_ADJUSTMENTS, OrderAdjustment, OrderContents, OrderLine, UnknownAdjustment,
};

use crate::ids::{CustomerId, OrderId, VariantId};
use crate::price::MoneyInput;
use crate::price::money_code;
use contents::count_lines;
use rustok_core::clock::Timestamp;
use rustok_core::error::FieldViolation;
use rustok_core::ids::TenantId;
use rustok_core::money::{Currency, Money};
use rustok_core::state_machine::State;
use rustok_text::CanonicalEmail;
use rustok_text::plain::clean_name;
use std::fmt;
use std::str::FromStr;

/// The maximum number of lines in one order.
pub const MAX_LINES: usize = 100;
/// The maximum quantity of one line, in pieces.
pub const MAX_QUANTITY: i64 = 10_000;

/// The state of an order as a plain value, for filters and rows.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderStatus {
    /// Placed; its stock is taken.
    Pending,
    /// Accepted by the shop.
    Confirmed,
    /// The payment is recorded.
    Paid,
    /// Handed to a carrier.
    Shipped,
    /// Arrived.
    Delivered,
    /// Cancelled; its stock has been given back.
    Cancelled,
}

impl OrderStatus {
    /// All statuses, in the sequence of an order's life cycle.
    pub const ALL: [Self; 6] = [
        Self::Pending,
        Self::Confirmed,
        Self::Paid,
        Self::Shipped,
        Self::Delivered,
        Self::Cancelled,
    ];

    /// The text in the database and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Pending => crate::Pending::NAME,
            Self::Confirmed => crate::Confirmed::NAME,
            Self::Paid => crate::Paid::NAME,
            Self::Shipped => crate::Shipped::NAME,
            Self::Delivered => crate::Delivered::NAME,
            Self::Cancelled => crate::Cancelled::NAME,
        }
    }
}

impl fmt::Display for OrderStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.pad(self.as_str())
    }
}

/// The text is not a status.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a known status")]
pub struct UnknownStatus;

impl FromStr for OrderStatus {
    type Err = UnknownStatus;

    fn from_str(text: &str) -> Result<Self, UnknownStatus> {
        Self::ALL
            .into_iter()
            .find(|status| status.as_str() == text)
            .ok_or(UnknownStatus)
    }
}

/// The number of an order that people read: unique within its tenant, from [`OrderNumber::FIRST`] on.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct OrderNumber(i64);

impl OrderNumber {
    /// The number of a tenant's first order.
    pub const FIRST: Self = Self(1_001);

    /// A number above 0.
    #[must_use]
    pub const fn new(number: i64) -> Option<Self> {
        if number > 0 { Some(Self(number)) } else { None }
    }

    /// The number.
    #[must_use]
    pub const fn get(self) -> i64 {
        self.0
    }
}

/// `#1001`, as people write it.
impl fmt::Display for OrderNumber {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "#{}", self.0)
    }
}

/// The text is not an order number.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not an order number such as 1001 or #1001")]
pub struct InvalidOrderNumber;

impl FromStr for OrderNumber {
    type Err = InvalidOrderNumber;

    fn from_str(text: &str) -> Result<Self, InvalidOrderNumber> {
        let digits = text.strip_prefix('#').unwrap_or(text);
        let is_plain = digits.bytes().all(|byte| byte.is_ascii_digit());
        let number = digits.parse().ok().filter(|_| is_plain);
        number.and_then(Self::new).ok_or(InvalidOrderNumber)
    }
}

/// Where an order came from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum OrderSource {
    /// A buyer placed it in the storefront.
    Storefront,
}

impl OrderSource {
    /// All sources.
    pub const ALL: [Self; 1] = [Self::Storefront];

    /// The text in the database and in the API.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Storefront => "storefront",
        }
    }
}

/// The text is not a source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("is not a known source of orders")]
pub struct UnknownSource;

impl FromStr for OrderSource {
    type Err = UnknownSource;

    fn from_str(text: &str) -> Result<Self, UnknownSource> {
        let mut all = Self::ALL.into_iter();
        all.find(|source| source.as_str() == text).ok_or(UnknownSource)
    }
}

/// The data of a new order; see [`crate::Order::place`].
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Placement {
    /// The new order's id.
    pub id: OrderId,
    /// The shop.
    pub tenant_id: TenantId,
    /// Where the order comes from.
    pub source: OrderSource,
    /// The buyer.
    pub customer_id: CustomerId,
    /// The buyer's e-mail address.
    pub email: CanonicalEmail,
    /// Lines, adjustments and total.
    pub contents: OrderContents,
    /// When the order is cancelled automatically unless it is confirmed before.
    pub expires_at: Timestamp,
}

fn check_quantity(at: usize, quantity: i64, violations: &mut Vec<FieldViolation>) {
    if !(1..=MAX_QUANTITY).contains(&quantity) {
        let detail = format!("must be 1 to {MAX_QUANTITY}");
        violations.push(FieldViolation::new(
            format!("#/lines/{at}/quantity"),
            "out_of_range",
            detail,
        ));
    }
}

/// An order as a buyer sends it, not yet validated.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct OrderInput {
    /// An e-mail address.
    pub email: String,
    /// An ISO 4217 code.
    pub currency: String,
    /// The wanted lines.
    pub lines: Vec<LineInput>,
    /// The total that the buyer saw; if present, the order is refused for any other total.
    pub expected_total: Option<MoneyInput>,
}

/// One wanted line, with exactly one of `variant_id` and `sku`.
#[derive(Debug, Clone, PartialEq, Eq, Default)]
pub struct LineInput {
    /// The variant's UUID.
    pub variant_id: Option<String>,
    /// The variant's SKU.
    pub sku: Option<String>,
    /// Pieces.
    pub quantity: i64,
}

/// How an order refers to a variant.
#[derive(Debug, Clone, PartialEq, Eq, Hash)]
pub enum VariantRef {
    /// By id.
    Id(VariantId),
    /// By SKU.
    Sku(String),
}

/// A validated line of an [`OrderRequest`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct LineRequest {
    /// The variant.
    pub variant: VariantRef,
    /// Pieces, 1 to [`MAX_QUANTITY`].
    pub quantity: i64,
}

/// A validated order, not yet priced. Created only by [`OrderInput::validate`].
#[derive(Debug, Clone, PartialEq, Eq)]
#[non_exhaustive]
pub struct OrderRequest {
    /// The buyer's e-mail address.
    pub email: CanonicalEmail,
    /// The currency of payment.
    pub currency: Currency,
    /// 1 to [`MAX_LINES`] lines; several may refer to the same variant.
    pub lines: Vec<LineRequest>,
    /// The total that the buyer saw: the order is refused for any other total.
    pub expected_total: Option<Money>,
}

impl OrderInput {
    /// Validates all fields.
    ///
    /// # Errors
    /// All violations at once.
    pub fn validate(self) -> Result<OrderRequest, Vec<FieldViolation>> {
        let mut violations = Vec::new();
        let email = CanonicalEmail::parse(&self.email);
        if email.is_none() {
            violations.push(FieldViolation::new(
                "email",
                "invalid_email",
                "must be an e-mail address",
            ));
        }
        let currency = Currency::parse(&self.currency)
            .map_err(|error| {
                violations.push(FieldViolation::new(
                    "currency",
                    money_code(&error),
                    error.to_string(),
                ));
            })
            .ok();
        let expected_total = self
            .expected_total
            .and_then(|total| total.validate("#/expected_total", &mut violations));
        if expected_total.is_some_and(|total| currency.is_some_and(|currency| total.currency() != currency)) {
            violations.push(FieldViolation::new(
                "#/expected_total/currency",
                "currency_mismatch",
                "must be the currency of the order",
            ));
        }
        count_lines(self.lines.len(), &mut violations);
        // Reads no more lines than the limit, so that a long list gives a short error.
        let lines: Vec<LineRequest> = self
            .lines
            .into_iter()
            .take(MAX_LINES)
            .enumerate()
            .filter_map(|(at, line)| line.validate(at, &mut violations))
            .collect();
        match (email, currency) {
            (Some(email), Some(currency)) if violations.is_empty() => Ok(OrderRequest {
                email,
                currency,
                lines,
                expected_total,
            }),
            _ => Err(violations),
        }
    }
}

impl LineInput {
    fn validate(self, at: usize, violations: &mut Vec<FieldViolation>) -> Option<LineRequest> {
        let pointer = |member: &str| format!("#/lines/{at}{member}");
        check_quantity(at, self.quantity, violations);
        let violation = match (self.variant_id, self.sku) {
            (Some(id), None) => match id.parse() {
                Ok(id) => {
                    return Some(LineRequest {
                        variant: VariantRef::Id(id),
                        quantity: self.quantity,
                    });
                }
                Err(_) => FieldViolation::new(pointer("/variant_id"), "invalid_uuid", "must be a UUID"),
            },
            (None, Some(sku)) if crate::variant::is_sku(&clean_name(&sku)) => {
                return Some(LineRequest {
                    variant: VariantRef::Sku(clean_name(&sku)),
                    quantity: self.quantity,
                });
            }
            (None, Some(_)) => FieldViolation::new(pointer("/sku"), "invalid_sku", crate::variant::SKU_RULE),
            (None, None) => FieldViolation::new(pointer(""), "required", "needs variant_id or sku"),
            (Some(_), Some(_)) => {
                FieldViolation::new(pointer(""), "ambiguous", "must have variant_id or sku, not both")
            }
        };
        violations.push(violation);
        None
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn input(lines: Vec<LineInput>) -> OrderInput {
        OrderInput {
            expected_total: None,
            email: "Jane@Example.com".into(),
            currency: "USD".into(),
            lines,
        }
    }

    fn by_sku(sku: &str, quantity: i64) -> LineInput {
        LineInput {
            variant_id: None,
            sku: Some(sku.into()),
            quantity,
        }
    }

    fn codes(input: OrderInput) -> Vec<String> {
        input
            .validate()
            .unwrap_err()
            .iter()
            .map(|v| format!("{} {}", v.pointer, v.code))
            .collect()
    }

    #[test]
    fn a_good_order_is_canonical() {
        let id = "018f3b1c-0000-7000-8000-000000000001";
        let by_id = LineInput {
            variant_id: Some(id.into()),
            sku: None,
            quantity: 10_000,
        };
        let request = input(vec![by_id, by_sku("TEA-1", 1)]).validate().unwrap();
        assert_eq!(request.email.as_str(), "jane@example.com");
        assert_eq!(request.lines[0].variant, VariantRef::Id(id.parse().unwrap()));
        assert_eq!(request.lines[1].variant, VariantRef::Sku("TEA-1".into()));
    }

    #[test]
    fn everything_wrong_is_told_at_once() {
        let bad_id = LineInput {
            variant_id: Some("7".into()),
            sku: None,
            quantity: 0,
        };
        let both = LineInput {
            variant_id: Some("7".into()),
            sku: Some("x".into()),
            quantity: 10_001,
        };
        let input = OrderInput {
            expected_total: None,
            email: "nobody".into(),
            currency: "usd".into(),
            lines: vec![
                bad_id,
                both,
                by_sku(" ", 1),
                LineInput {
                    quantity: 1,
                    ..LineInput::default()
                },
            ],
        };
        assert_eq!(
            codes(input),
            [
                "#/email invalid_email",
                "#/currency unknown_currency",
                "#/lines/0/quantity out_of_range",
                "#/lines/0/variant_id invalid_uuid",
                "#/lines/1/quantity out_of_range",
                "#/lines/1 ambiguous",
                "#/lines/2/sku invalid_sku",
                "#/lines/3 required",
            ]
        );
    }

    #[test]
    fn an_order_has_1_to_100_lines() {
        assert_eq!(codes(input(vec![])), ["#/lines required"]);
        assert!(input(vec![by_sku("a", 1); 100]).validate().is_ok());
        assert_eq!(codes(input(vec![by_sku("a", 1); 101])), ["#/lines too_many"]);
    }

    #[test]
    fn an_order_number_is_read_as_people_write_it() {
        for text in ["1001", "#1001", "0001001"] {
            assert_eq!(text.parse(), Ok(OrderNumber::FIRST), "{text}");
        }
        assert_eq!(OrderNumber::FIRST.to_string(), "#1001");
        for text in ["", "#", "0", "-1", "+1", "##1", "1.0", "a", "9223372036854775808"] {
            assert_eq!(text.parse::<OrderNumber>(), Err(InvalidOrderNumber), "{text}");
        }
    }

    #[test]
    fn statuses_are_their_text() {
        for source in OrderSource::ALL {
            assert_eq!(source.as_str().parse(), Ok(source));
        }
        for status in OrderStatus::ALL {
            assert_eq!(status.as_str().parse(), Ok(status));
        }
        assert_eq!("Pending".parse::<OrderStatus>(), Err(UnknownStatus));
    }
}
