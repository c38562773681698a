//! The scopes of a token: the actions to which it is limited. They take rights of its role away and never add one.

use crate::permission::Action;
use std::fmt;

/// A set of actions.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
pub struct Scopes(Option<u128>);

const fn bit(action: Action) -> u128 {
    1 << action as u32
}

const _: () = assert!(Action::ALL.len() <= 128, "a set has room for 128 actions");

impl Scopes {
    /// No limit: a token may do all that its role may.
    pub const ALL: Self = Self(None);

    /// These actions only.
    #[must_use]
    pub fn of(actions: impl IntoIterator<Item = Action>) -> Self {
        Self(Some(actions.into_iter().fold(0, |set, action| set | bit(action))))
    }

    /// Whether the action is among them.
    #[must_use]
    pub const fn contains(self, action: Action) -> bool {
        match self.0 {
            None => true,
            Some(set) => set & bit(action) != 0,
        }
    }

    /// The actions in the order of the policy; `None` without a limit.
    #[must_use]
    pub fn actions(self) -> Option<Vec<Action>> {
        let all = Action::ALL.iter().copied();
        self.0
            .map(|_| all.filter(|action| self.contains(*action)).collect())
    }

    /// The stored text: names and a space between them; `None` without a limit.
    #[must_use]
    pub fn to_text(self) -> Option<String> {
        let names: Option<Vec<_>> = self
            .actions()
            .map(|actions| actions.into_iter().map(Action::as_str).collect());
        names.map(|names| names.join(" "))
    }

    /// Reads what [`Self::to_text`] wrote. A name that no action has any more gives no right.
    #[must_use]
    pub fn from_text(text: Option<&str>) -> Self {
        match text {
            None => Self::ALL,
            Some(text) => Self::of(text.split(' ').filter_map(Action::find)),
        }
    }
}

impl fmt::Debug for Scopes {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.to_text().as_deref().unwrap_or("all"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn text_round_trips_and_an_unknown_name_gives_nothing() {
        let some = Scopes::of([Action::ReadOrders, Action::ListProducts]);
        assert_eq!(some.to_text().as_deref(), Some("list_products read_orders"));
        for scopes in [
            Scopes::ALL,
            Scopes::of([]),
            some,
            Scopes::of(Action::ALL.iter().copied()),
        ] {
            assert_eq!(Scopes::from_text(scopes.to_text().as_deref()), scopes);
        }
        assert_eq!(
            Scopes::from_text(Some("was_there_once read_orders")),
            Scopes::of([Action::ReadOrders])
        );
        assert_eq!(Scopes::from_text(Some("")), Scopes::of([]));
    }

    #[test]
    fn each_action_is_its_own_member() {
        for action in Action::ALL {
            let only = Scopes::of([*action]);
            let found: Vec<_> = Action::ALL
                .iter()
                .filter(|other| only.contains(**other))
                .collect();
            assert_eq!(found, [action]);
            assert!(Scopes::ALL.contains(*action) && !Scopes::of([]).contains(*action));
        }
    }
}
