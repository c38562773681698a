//! The guards of the order's transitions, shared by the typed methods and the row decoder.
//!
//! A guard checks the data of the target state; it must never change it.

use super::{Cancelled, PreviousState, Shipment, UncheckedTotal};
use crate::error::CommerceError;
use crate::payment::Payment;
use rustok_core::error::FieldViolation;
use rustok_core::money::{Money, MoneyError};
use rustok_core::state_machine::{Condition, GuardRefusal, TransitionGuard};
use rustok_text::plain::{has_control, has_forbidden_control};

/// The maximum length of an id, method, tracking number, carrier or signature, in bytes.
pub(super) const MAX_TEXT_BYTES: usize = 255;
/// The maximum length of a cancellation's reason, in bytes.
const MAX_REASON_BYTES: usize = 1_000;

/// Expands to `not (blank or too long or with control characters)`, refused as `{field}_invalid`.
macro_rules! fit_text {
    ($field:literal of $subject:ty, $limit:ident, $control:ident, $read:expr) => {
        Condition::new(concat!($field, " is blank"), "not_blank", |subject: &$subject| {
            let read: fn(&$subject) -> &str = $read;
            read(subject).trim().is_empty()
        })
        .or(Condition::new(
            "too long",
            "not_too_long",
            |subject: &$subject| {
                let read: fn(&$subject) -> &str = $read;
                read(subject).len() > $limit
            },
        ))
        .or(Condition::new(
            "has control characters",
            "no_control_characters",
            |subject: &$subject| {
                let read: fn(&$subject) -> &str = $read;
                $control(read(subject))
            },
        ))
        .not(concat!($field, "_invalid"))
    };
}

/// The amount is valid in its currency and not negative.
pub(super) fn confirmable() -> impl TransitionGuard<UncheckedTotal> {
    let known = Condition::new(
        "currency is known",
        "currency_unknown",
        |unchecked_total: &UncheckedTotal| {
            !matches!(unchecked_total.money(), Err(MoneyError::UnknownCurrency(_)))
        },
    );
    let decimals = Condition::new(
        "amount fits the currency",
        "too_many_decimals",
        |unchecked_total: &UncheckedTotal| {
            !matches!(unchecked_total.money(), Err(MoneyError::TooManyDecimals { .. }))
        },
    );
    let range = Condition::new(
        "amount fits 64 bits",
        "amount_too_large",
        |unchecked_total: &UncheckedTotal| unchecked_total.money().is_ok(),
    );
    let negative = Condition::new(
        "amount is negative",
        "amount_not_negative",
        |unchecked_total: &UncheckedTotal| {
            unchecked_total.amount.is_sign_negative() && !unchecked_total.amount.is_zero()
        },
    );
    known
        .and(decimals)
        .and(range)
        .and(negative.not("amount_negative"))
}

/// The validated total of an order on confirmation.
pub(super) fn confirmed_total(unchecked_total: &UncheckedTotal) -> Result<Money, CommerceError> {
    let refused = |refusal: GuardRefusal| CommerceError::TransitionRefused {
        transition: "confirm",
        refusal,
    };
    confirmable().check(unchecked_total).map_err(refused)?;
    unchecked_total.money().map_err(|error| {
        CommerceError::invalid("amount", crate::price::money_code(&error), error.to_string())
    })
}

fn payment_id() -> impl TransitionGuard<Payment> {
    fit_text!("payment_id" of Payment, MAX_TEXT_BYTES, has_control, |payment| &payment.payment_id)
}

fn method() -> impl TransitionGuard<Payment> {
    fit_text!("method" of Payment, MAX_TEXT_BYTES, has_control, |payment| &payment.method)
}

/// Both texts of the payment are valid.
pub(super) fn payable() -> impl TransitionGuard<Payment> {
    payment_id().and(method())
}

/// All violations of the payment, not only the guard's first reason.
pub(super) fn invalid_payment(payment: &Payment) -> CommerceError {
    invalid([payment_id().check(payment), method().check(payment)])
}

fn tracking() -> impl TransitionGuard<Shipment> {
    fit_text!("tracking" of Shipment, MAX_TEXT_BYTES, has_control, |shipment| &shipment.tracking)
}

fn carrier() -> impl TransitionGuard<Shipment> {
    fit_text!("carrier" of Shipment, MAX_TEXT_BYTES, has_control, |shipment| &shipment.carrier)
}

/// Both texts of the shipment are valid.
pub(super) fn shippable() -> impl TransitionGuard<Shipment> {
    tracking().and(carrier())
}

/// All violations of the shipment.
pub(super) fn invalid_shipment(shipment: &Shipment) -> CommerceError {
    invalid([tracking().check(shipment), carrier().check(shipment)])
}

fn reason() -> impl TransitionGuard<Cancelled> {
    fit_text!("reason" of Cancelled, MAX_REASON_BYTES, has_forbidden_control, |cancelled| &cancelled.reason)
}

fn refund() -> impl TransitionGuard<Cancelled> {
    let unpaid = Condition::new("order is not paid", "paid", |cancelled: &Cancelled| {
        !matches!(cancelled.before, PreviousState::Paid(..))
    });
    unpaid.or(
        fit_text!("refund_id" of Cancelled, MAX_TEXT_BYTES, has_control, |cancelled| {
            match &cancelled.before {
                PreviousState::Paid(_, refund) => &refund.refund_id,
                PreviousState::Pending | PreviousState::Confirmed(_) => "",
            }
        }),
    )
}

/// The reason is valid, and so is the refund's id if the order was paid.
pub(super) fn cancellable() -> impl TransitionGuard<Cancelled> {
    reason().and(refund())
}

/// All violations of the cancellation.
pub(super) fn invalid_cancellation(cancelled: &Cancelled) -> CommerceError {
    invalid([reason().check(cancelled), refund().check(cancelled)])
}

/// A signature is absent or valid. The typed `deliver` is infallible; this guard is for external input.
pub(super) fn signable() -> impl TransitionGuard<Option<String>> {
    Condition::new("no signature", "signature", |signature: &Option<String>| {
        signature.is_none()
    })
    .or(
        fit_text!("signature" of Option<String>, MAX_TEXT_BYTES, has_control, |signature| {
            signature.as_deref().unwrap_or_default()
        }),
    )
}

/// Converts refusals of text guards into violations of the fields that they name.
pub(super) fn invalid<const N: usize>(checks: [Result<(), GuardRefusal>; N]) -> CommerceError {
    let violation = |refusal: GuardRefusal| {
        let reason = refusal.reason();
        let field = reason.strip_suffix("_invalid").unwrap_or(reason);
        let max = if field == "reason" {
            MAX_REASON_BYTES
        } else {
            MAX_TEXT_BYTES
        };
        FieldViolation::new(
            field,
            "invalid_text",
            format!("must be 1 to {max} bytes of plain text, not blank"),
        )
    };
    CommerceError::ValidationFailed(
        checks
            .into_iter()
            .filter_map(Result::err)
            .map(violation)
            .collect(),
    )
}
