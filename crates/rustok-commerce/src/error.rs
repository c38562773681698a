//! The errors of commerce, and the kind of each.
//!
//! The public text of an error never contains text from a payment provider or from a row.

use rustok_core::error::{ErrorContext, ErrorKind, FieldViolation, RichError};
use rustok_core::state_machine::{GuardRefusal, IllegalTransition};
use thiserror::Error;
use uuid::Uuid;

/// An error of commerce.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
pub enum CommerceError {
    /// The tenant has no such product.
    #[error("product {0} not found")]
    ProductNotFound(Uuid),
    /// The tenant has no such variant, or it is not for sale. Contains the requested id or SKU.
    #[error("variant {0:?} not found")]
    VariantNotFound(String),
    /// The tenant has no such order, or the order's secret does not match.
    #[error("order {0} not found")]
    OrderNotFound(Uuid),
    /// Fields of the input are invalid; contains all violations.
    #[error("validation failed: {}", pointers(.0))]
    ValidationFailed(Vec<FieldViolation>),
    /// Fewer pieces are left than requested.
    #[error("insufficient stock of product {product_id}: {requested} requested, {available} available")]
    InsufficientStock {
        /// The product of the variant.
        product_id: Uuid,
        /// Pieces left.
        available: i64,
        /// Pieces requested.
        requested: i64,
    },
    /// A relative change of stock, for a variant whose stock is not tracked.
    #[error("stock is not tracked")]
    StockNotTracked,
    /// A list of variants omits these, which have tracked stock, without marking them as deleted.
    #[error("{} tracked variants are left out", .0.len())]
    VariantInUse(Vec<Uuid>),
    /// A payment was refused; the text is the provider's and internal.
    ///
    /// Reserved: payments are recorded, not made, until a payment provider is connected. An outage of the provider is
    /// not this error but an `ExternalService` or `Timeout` of its adapter.
    #[error("payment failed: {0}")]
    PaymentFailed(String),
    /// The order's state does not have this transition.
    #[error(transparent)]
    IllegalTransition(#[from] IllegalTransition),
    /// The order's state has this transition, but its guard refused it.
    #[error("transition `{transition}` refused: {}", .refusal.reason())]
    TransitionRefused {
        /// The transition's name.
        transition: &'static str,
        /// The guard's reason.
        refusal: GuardRefusal,
    },
    /// A stored row that no order can have produced.
    #[error("inconsistent row in {table}, id {id}: {reason}")]
    InconsistentRow {
        /// The table.
        table: &'static str,
        /// The row's id.
        id: Uuid,
        /// The rule that it violates.
        reason: &'static str,
    },
    /// Another product or variant of the tenant already has this value.
    #[error("{field} {value:?} is already taken")]
    AlreadyTaken {
        /// The field: `handle`, `sku`.
        field: &'static str,
        /// The value.
        value: String,
    },
    /// Another order of the tenant already has this payment or refund.
    #[error("{field} was used for another order")]
    UsedForAnotherOrder {
        /// The field: `payment_id`, `refund_id`.
        field: &'static str,
    },
    /// The resource was changed since the caller read it.
    #[error("version conflict: the current version is {current_version}")]
    VersionConflict {
        /// The stored version.
        current_version: i64,
    },
}

/// Only pointers and codes: a detail may repeat the caller's input.
fn pointers(violations: &[FieldViolation]) -> String {
    let all: Vec<String> = violations
        .iter()
        .map(|v| format!("{} {}", v.pointer, v.code))
        .collect();
    all.join(", ")
}

impl CommerceError {
    /// The kind of each error, decided only here.
    #[must_use]
    pub const fn kind(&self) -> ErrorKind {
        match self {
            Self::ProductNotFound(_) | Self::VariantNotFound(_) | Self::OrderNotFound(_) => {
                ErrorKind::NotFound
            }
            Self::ValidationFailed(_) => ErrorKind::Validation,
            Self::InsufficientStock { .. }
            | Self::StockNotTracked
            | Self::VariantInUse(_)
            | Self::PaymentFailed(_)
            | Self::IllegalTransition(_)
            | Self::TransitionRefused { .. } => ErrorKind::BusinessRule,
            Self::AlreadyTaken { .. } | Self::UsedForAnotherOrder { .. } | Self::VersionConflict { .. } => {
                ErrorKind::Conflict
            }
            Self::InconsistentRow { .. } => ErrorKind::Internal,
        }
    }

    /// A violation of one field.
    pub(crate) fn invalid(field: &str, code: &'static str, detail: impl Into<String>) -> Self {
        Self::ValidationFailed(vec![FieldViolation::new(field, code, detail.into())])
    }
}

impl From<CommerceError> for RichError {
    #[track_caller]
    fn from(error: CommerceError) -> Self {
        let rich = Self::new(error.kind(), error.to_string());
        match error {
            CommerceError::ProductNotFound(_) => rich
                .with_code("product_not_found")
                .with_public("There is no such product."),
            CommerceError::VariantNotFound(_) => rich
                .with_code("variant_not_found")
                .with_public("There is no such variant."),
            CommerceError::OrderNotFound(_) => rich
                .with_code("order_not_found")
                .with_public("There is no such order."),
            CommerceError::ValidationFailed(violations) => rich.with_violations(violations),
            CommerceError::InsufficientStock {
                product_id,
                available,
                requested,
            } => rich
                .with_code("insufficient_stock")
                .with_public("There is not enough stock.")
                .with_extension("product_id", product_id)
                .with_extension("available", available)
                .with_extension("requested", requested),
            CommerceError::StockNotTracked => rich
                .with_code("stock_not_tracked")
                .with_public("The pieces of this variant are not counted. Set its stock first."),
            CommerceError::VariantInUse(left_out) => rich
                .with_code("variant_in_use")
                .with_public(
                    "Variants whose stock is counted are left out. Send them too, with `deleted` if they are to go.",
                )
                .with_extension("variants", left_out),
            CommerceError::PaymentFailed(_) => rich
                .with_code("payment_failed")
                .with_public("The payment was refused."),
            CommerceError::IllegalTransition(refusal) => refusal.into(),
            CommerceError::TransitionRefused { transition, refusal } => rich
                .with_code("transition_refused")
                .with_public(format!("The order does not allow `{transition}`."))
                .with_extension("reason", refusal.reason()),
            CommerceError::InconsistentRow { .. } => rich.with_code("inconsistent_row"),
            CommerceError::AlreadyTaken { field, .. } => rich
                .with_code("already_taken")
                .with_public(format!("This {field} is already taken."))
                .with_violation(format!("#/{field}"), "already_taken", "is already taken"),
            CommerceError::UsedForAnotherOrder { field } => rich
                .with_code("used_for_another_order")
                .with_public(format!("This {field} was used for another order already."))
                .with_violation(
                    format!("#/{field}"),
                    "used_for_another_order",
                    "was used for another order already",
                ),
            CommerceError::VersionConflict { current_version } => rich
                .with_code("version_conflict")
                .with_extension("current_version", current_version),
        }
    }
}

impl ErrorContext for CommerceError {
    type Output = RichError;

    fn map_rich(self, add: impl FnOnce(RichError) -> RichError) -> RichError {
        add(self.into())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_machine::order_machine;
    use rustok_core::state_machine::{Condition, TransitionGuard};

    const CANARY: &str = "canary-4711";

    type Row = (CommerceError, ErrorKind, u16, &'static str, &'static str);

    /// Every variant with its expected kind, status, code and public text, written by hand.
    fn expected() -> [Row; 14] {
        use CommerceError as E;
        use ErrorKind as K;
        let id = Uuid::from_u128(7);
        let illegal = order_machine().check("shipped", "cancel").unwrap_err();
        let refusal =
            TransitionGuard::check(&Condition::new("never", "amount_negative", |_: &()| false), &());
        let refused = E::TransitionRefused {
            transition: "confirm",
            refusal: refusal.unwrap_err(),
        };
        let short = E::InsufficientStock {
            product_id: id,
            available: 1,
            requested: 2,
        };
        let row = E::InconsistentRow {
            table: CANARY,
            id,
            reason: CANARY,
        };
        let taken = E::AlreadyTaken {
            field: "handle",
            value: CANARY.into(),
        };
        let broken = E::invalid("email", "required", "is missing");
        let unfit = "The request is not valid.";
        let cannot = "the order is shipped: `cancel` is not possible from there";
        let stock = "There is not enough stock.";
        let condition = "The order does not allow `confirm`.";
        let ours = "Something went wrong on our side.";
        let changed = "The resource was changed by somebody else. Read it again and repeat.";
        [
            (
                E::ProductNotFound(id),
                K::NotFound,
                404,
                "product_not_found",
                "There is no such product.",
            ),
            (
                E::VariantNotFound(CANARY.into()),
                K::NotFound,
                404,
                "variant_not_found",
                "There is no such variant.",
            ),
            (
                E::OrderNotFound(id),
                K::NotFound,
                404,
                "order_not_found",
                "There is no such order.",
            ),
            (broken, K::Validation, 422, "validation_failed", unfit),
            (short, K::BusinessRule, 409, "insufficient_stock", stock),
            (
                E::StockNotTracked,
                K::BusinessRule,
                409,
                "stock_not_tracked",
                "The pieces of this variant are not counted. Set its stock first.",
            ),
            (
                E::VariantInUse(vec![id]),
                K::BusinessRule,
                409,
                "variant_in_use",
                "Variants whose stock is counted are left out. Send them too, with `deleted` if they are to go.",
            ),
            (
                E::PaymentFailed(CANARY.into()),
                K::BusinessRule,
                409,
                "payment_failed",
                "The payment was refused.",
            ),
            (illegal.into(), K::BusinessRule, 409, "illegal_transition", cannot),
            (refused, K::BusinessRule, 409, "transition_refused", condition),
            (row, K::Internal, 500, "inconsistent_row", ours),
            (
                taken,
                K::Conflict,
                409,
                "already_taken",
                "This handle is already taken.",
            ),
            (
                E::UsedForAnotherOrder { field: "payment_id" },
                K::Conflict,
                409,
                "used_for_another_order",
                "This payment_id was used for another order already.",
            ),
            (
                E::VersionConflict { current_version: 3 },
                K::Conflict,
                409,
                "version_conflict",
                changed,
            ),
        ]
    }

    #[test]
    fn each_variant_has_its_kind_status_code_and_public_text() {
        for (index, (error, kind, status, code, public)) in expected().into_iter().enumerate() {
            assert_eq!(place(&error), index);
            let rich = RichError::from(error);
            assert_eq!((rich.kind(), rich.status(), rich.code()), (kind, status, code));
            assert_eq!(rich.to_response().detail(), public, "{code}");
        }
    }

    #[test]
    fn nothing_from_inside_gets_out() {
        let mut inside = 0;
        for (error, ..) in expected() {
            let rich = RichError::from(error).context("shipping");
            inside += usize::from(format!("{rich:?}").contains(CANARY));
            let outside = String::from_utf8(rich.to_response().to_json()).unwrap();
            assert!(!outside.contains(CANARY), "{outside}");
        }
        assert_eq!(
            inside, 4,
            "a SKU, a provider's text, a row and a value are in the report"
        );
    }

    #[test]
    fn the_report_names_the_line_that_raised_it() {
        fn raised() -> Result<(), RichError> {
            Err(CommerceError::OrderNotFound(Uuid::nil()))?;
            Ok(())
        }
        let raised = raised().unwrap_err().location().line();
        assert!((line!() - 5..line!()).contains(&raised), "{raised}");
    }

    /// Fails to compile when a variant is added, so that the table above is kept complete.
    fn place(error: &CommerceError) -> usize {
        match error {
            CommerceError::ProductNotFound(_) => 0,
            CommerceError::VariantNotFound(_) => 1,
            CommerceError::OrderNotFound(_) => 2,
            CommerceError::ValidationFailed(_) => 3,
            CommerceError::InsufficientStock { .. } => 4,
            CommerceError::StockNotTracked => 5,
            CommerceError::VariantInUse(_) => 6,
            CommerceError::PaymentFailed(_) => 7,
            CommerceError::IllegalTransition(_) => 8,
            CommerceError::TransitionRefused { .. } => 9,
            CommerceError::InconsistentRow { .. } => 10,
            CommerceError::AlreadyTaken { .. } => 11,
            CommerceError::UsedForAnotherOrder { .. } => 12,
            CommerceError::VersionConflict { .. } => 13,
        }
    }

    #[test]
    fn the_outside_reads_what_it_can_act_on() {
        let short = CommerceError::InsufficientStock {
            product_id: Uuid::nil(),
            available: 1,
            requested: 2,
        };
        let body = RichError::from(short).to_response().to_json();
        let body: serde_json::Value = serde_json::from_slice(&body).unwrap();
        assert_eq!((&body["available"], &body["requested"]), (&1.into(), &2.into()));
        assert_eq!(body["product_id"], Uuid::nil().to_string());

        let stale = RichError::from(CommerceError::VersionConflict { current_version: 3 });
        let body: serde_json::Value = serde_json::from_slice(&stale.to_response().to_json()).unwrap();
        assert_eq!(body["current_version"], 3);
    }

    #[test]
    fn context_keeps_the_kind() {
        let lost: Result<(), _> = Err(CommerceError::OrderNotFound(Uuid::nil()));
        assert_eq!(lost.context("shipping").unwrap_err().kind(), ErrorKind::NotFound);
        let rich = CommerceError::OrderNotFound(Uuid::nil()).context("shipping");
        assert_eq!(rich.code(), "order_not_found");
    }
}
