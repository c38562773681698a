//! States, guards and refusals.
//!
//! A guard only checks; it must never change its subject and never read the time.

#[cfg(feature = "error")]
use crate::error::{ErrorKind, RichError};
use std::fmt;
use std::marker::PhantomData;
use thiserror::Error;

/// One state of a machine: a unit struct, or a struct with the data of that state and nothing else.
pub trait State {
    /// The name in rows, in the API and in the diagram: `snake_case`, never changed once rows carry it.
    const NAME: &'static str;
}

/// Why a guard refused.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("refused by a guard: {reason}")]
pub struct GuardRefusal {
    reason: &'static str,
}

impl GuardRefusal {
    /// The machine-readable reason, for example `amount_negative`.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        self.reason
    }
}

/// A condition of a transition.
///
/// `T` is the checked subject: the machine, or the input of the transition.
pub trait TransitionGuard<T: ?Sized> {
    /// Checks `subject`.
    ///
    /// # Errors
    /// A [`GuardRefusal`] with the reason.
    fn check(&self, subject: &T) -> Result<(), GuardRefusal>;

    /// A description of the condition, for the diagram.
    fn label(&self) -> String;

    /// The label as part of a longer one, in parentheses where it would be ambiguous.
    fn label_in_and(&self) -> String {
        self.label()
    }

    /// Both conditions; `other` is not checked when this one refuses.
    fn and<G: TransitionGuard<T>>(self, other: G) -> And<Self, G>
    where
        Self: Sized,
    {
        And {
            first: self,
            second: other,
        }
    }

    /// At least one condition; when both refuse, the reason is the second one's.
    fn or<G: TransitionGuard<T>>(self, other: G) -> Or<Self, G>
    where
        Self: Sized,
    {
        Or {
            first: self,
            second: other,
        }
    }

    /// The negation, which needs its own reason.
    fn not(self, reason: &'static str) -> Not<Self>
    where
        Self: Sized,
    {
        Not { inner: self, reason }
    }
}

/// The simplest guard: a predicate with a name and a reason.
#[derive(Clone, Copy)]
pub struct Condition<T: ?Sized, F> {
    label: &'static str,
    reason: &'static str,
    holds: F,
    subject: PhantomData<fn(&T)>,
}

impl<T: ?Sized, F: Fn(&T) -> bool> Condition<T, F> {
    /// A guard that passes when `holds` returns true. `label` describes the condition, `reason` its violation.
    pub const fn new(label: &'static str, reason: &'static str, holds: F) -> Self {
        Self {
            label,
            reason,
            holds,
            subject: PhantomData,
        }
    }
}

impl<T: ?Sized, F> fmt::Debug for Condition<T, F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Condition")
            .field("label", &self.label)
            .field("reason", &self.reason)
            .finish()
    }
}

impl<T: ?Sized, F: Fn(&T) -> bool> TransitionGuard<T> for Condition<T, F> {
    fn check(&self, subject: &T) -> Result<(), GuardRefusal> {
        if (self.holds)(subject) {
            Ok(())
        } else {
            Err(GuardRefusal { reason: self.reason })
        }
    }

    fn label(&self) -> String {
        self.label.to_owned()
    }
}

/// Made by [`TransitionGuard::and`].
#[derive(Debug, Clone, Copy)]
pub struct And<A, B> {
    first: A,
    second: B,
}

impl<T: ?Sized, A: TransitionGuard<T>, B: TransitionGuard<T>> TransitionGuard<T> for And<A, B> {
    fn check(&self, subject: &T) -> Result<(), GuardRefusal> {
        self.first.check(subject)?;
        self.second.check(subject)
    }

    fn label(&self) -> String {
        format!("{} and {}", self.first.label_in_and(), self.second.label_in_and())
    }
}

/// Made by [`TransitionGuard::or`].
#[derive(Debug, Clone, Copy)]
pub struct Or<A, B> {
    first: A,
    second: B,
}

impl<T: ?Sized, A: TransitionGuard<T>, B: TransitionGuard<T>> TransitionGuard<T> for Or<A, B> {
    fn check(&self, subject: &T) -> Result<(), GuardRefusal> {
        self.first.check(subject).or_else(|_| self.second.check(subject))
    }

    fn label(&self) -> String {
        format!("{} or {}", self.first.label(), self.second.label())
    }

    fn label_in_and(&self) -> String {
        format!("({})", self.label())
    }
}

/// Made by [`TransitionGuard::not`].
#[derive(Debug, Clone, Copy)]
pub struct Not<A> {
    inner: A,
    reason: &'static str,
}

impl<T: ?Sized, A: TransitionGuard<T>> TransitionGuard<T> for Not<A> {
    fn check(&self, subject: &T) -> Result<(), GuardRefusal> {
        match self.inner.check(subject) {
            Ok(()) => Err(GuardRefusal { reason: self.reason }),
            Err(_) => Ok(()),
        }
    }

    fn label(&self) -> String {
        format!("not ({})", self.inner.label())
    }
}

/// A transition that the current state does not have: the runtime form of what typed code rejects at compile time.
///
/// As a problem document it is a 409 with the code `illegal_transition`; `current_state` and `allowed_transitions`
/// are public.
#[derive(Debug, Clone, PartialEq, Eq, Error)]
#[error("the {machine} is {current_state}: `{attempted}` is not possible from there")]
pub struct IllegalTransition {
    /// The machine, for example `order`.
    pub machine: &'static str,
    /// The name of the current state.
    pub current_state: &'static str,
    /// The attempted transition.
    pub attempted: &'static str,
    /// The transitions of this state, in the order of the table.
    pub allowed_transitions: Vec<&'static str>,
}

#[cfg(feature = "error")]
impl From<IllegalTransition> for RichError {
    #[track_caller]
    fn from(refusal: IllegalTransition) -> Self {
        let message = refusal.to_string();
        Self::new(ErrorKind::BusinessRule, message.clone())
            .with_code("illegal_transition")
            .with_public(message)
            .with_extension("current_state", refusal.current_state)
            .with_extension("allowed_transitions", &refusal.allowed_transitions)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn even() -> impl TransitionGuard<i64> {
        Condition::new("even", "odd", |n: &i64| n % 2 == 0)
    }

    fn large() -> impl TransitionGuard<i64> {
        Condition::new("over 9", "small", |n: &i64| *n > 9)
    }

    fn reason(guard: &impl TransitionGuard<i64>, n: i64) -> Option<&'static str> {
        guard.check(&n).err().map(GuardRefusal::reason)
    }

    #[test]
    fn and_gives_the_first_reason() {
        let guard = even().and(large());
        let reasons = [10, 11, 8, 7].map(|n| reason(&guard, n));
        assert_eq!(reasons, [None, Some("odd"), Some("small"), Some("odd")]);
        assert_eq!(guard.label(), "even and over 9");
    }

    #[test]
    fn or_gives_the_last_reason() {
        let guard = even().or(large());
        let reasons = [10, 11, 8, 7].map(|n| reason(&guard, n));
        assert_eq!(reasons, [None, None, None, Some("small")]);
        assert_eq!(guard.label(), "even or over 9");
    }

    #[test]
    fn not_has_its_own_reason() {
        let guard = even().or(large()).not("even_or_large");
        assert_eq!([7, 8].map(|n| reason(&guard, n)), [None, Some("even_or_large")]);
        assert_eq!(guard.label(), "not (even or over 9)");
    }

    #[test]
    fn a_label_can_be_read_one_way_only() {
        assert_eq!(
            even().or(large()).and(even()).label(),
            "(even or over 9) and even"
        );
        assert_eq!(even().and(large()).or(even()).label(), "even and over 9 or even");
        assert_eq!(even().or(large()).or(even()).label(), "even or over 9 or even");
        assert_eq!(
            even().and(large()).not("small_or_odd").label(),
            "not (even and over 9)"
        );
    }

    #[test]
    fn a_composed_guard_allocates_nothing() {
        let guard = even().and(large().or(even()).not("neither")).or(large());
        let counted = allocation_counter::measure(|| {
            let reasons = [10, 11, 8, 7].map(|n| reason(&guard, n));
            assert_eq!(reasons, [None, None, Some("small"), Some("small")]);
        });
        assert_eq!(counted.count_total, 0);
    }

    #[test]
    fn a_second_guard_is_not_asked_after_a_refusal() {
        let trap = Condition::new("never asked", "asked", |_: &i64| panic!("was asked"));
        assert_eq!(reason(&even().and(trap), 7), Some("odd"));
    }

    #[test]
    fn an_illegal_transition_is_a_conflict_that_says_what_is_possible() {
        let error = RichError::from(IllegalTransition {
            machine: "order",
            current_state: "pending",
            attempted: "ship",
            allowed_transitions: vec!["confirm", "cancel"],
        });
        assert_eq!(error.kind(), ErrorKind::BusinessRule);
        assert_eq!((error.status(), error.code()), (409, "illegal_transition"));
        let wire = serde_json::to_value(crate::error::ErrorResponse::from(error)).unwrap();
        assert_eq!(wire["current_state"], "pending");
        assert_eq!(
            wire["allowed_transitions"],
            serde_json::json!(["confirm", "cancel"])
        );
        assert_eq!(
            wire["detail"],
            "the order is pending: `ship` is not possible from there"
        );
    }
}
