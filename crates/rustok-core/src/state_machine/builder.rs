//! The transition table of a machine and its builder, evaluated at compile time.
//!
//! The table must not be the only place of a rule: the typed methods are the rule, the table repeats them for request
//! validation, the API and the diagram, and the machine's hand-written test compares the two.

use super::transition::{IllegalTransition, State};
use std::fmt::Write as _;
use thiserror::Error;

/// Maximum number of transitions of one machine.
pub const MAX_EDGES: usize = 32;

/// One transition.
#[derive(Debug, Clone, Copy)]
pub struct Edge {
    /// The source state.
    pub from: &'static str,
    /// The target state.
    pub to: &'static str,
    /// The transition's name, which is also the name of its `POST` in the API.
    pub name: &'static str,
    /// Returns the label of its guard; `None` if the transition cannot fail.
    pub guard: Option<fn() -> String>,
}

/// Why a table is invalid. In a `static` this is a compile error.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
#[error("{}", self.message())]
pub enum TableFault {
    /// Two transitions from one state have the same name, so the target is ambiguous.
    AmbiguousName,
    /// No transition leaves the initial state.
    StuckAtInitial,
    /// A transition leaves a state that is not reachable from the initial one.
    Unreachable,
    /// The name of a state or of a transition is not in `snake_case`, the form used in rows and the API.
    NotSnakeCase,
    /// More than [`MAX_EDGES`] transitions.
    TooManyEdges,
}

impl TableFault {
    /// The message of the compile error: in a `const` context `panic!` takes only a string.
    #[must_use]
    pub const fn message(self) -> &'static str {
        match self {
            Self::AmbiguousName => "two transitions of one name leave one state",
            Self::StuckAtInitial => "no transition leaves the initial state",
            Self::Unreachable => "a transition leaves a state that cannot be reached",
            Self::NotSnakeCase => "the name of a state or a transition is not in snake_case",
            Self::TooManyEdges => "there are too many transitions",
        }
    }
}

/// Builds a [`TransitionTable`] in the initialiser of a `static`.
#[derive(Debug, Clone, Copy)]
pub struct StateMachineBuilder {
    machine: &'static str,
    initial: &'static str,
    edges: [Edge; MAX_EDGES],
    count: usize,
}

impl StateMachineBuilder {
    /// A machine with the initial state `Initial`. `machine` is a noun for use in sentences: `order`.
    #[must_use]
    pub const fn new<Initial: State>(machine: &'static str) -> Self {
        let none = Edge {
            from: "",
            to: "",
            name: "",
            guard: None,
        };
        Self {
            machine,
            initial: Initial::NAME,
            edges: [none; MAX_EDGES],
            count: 0,
        }
    }

    /// Adds a transition that cannot fail.
    #[must_use]
    pub const fn edge<From: State, To: State>(self, name: &'static str) -> Self {
        self.push(Edge {
            from: From::NAME,
            to: To::NAME,
            name,
            guard: None,
        })
    }

    /// Adds a transition with a guard. `guard` returns the label of the same guard that the typed method checks:
    /// `|| payable().label()`.
    #[must_use]
    pub const fn guarded_edge<From: State, To: State>(
        self,
        name: &'static str,
        guard: fn() -> String,
    ) -> Self {
        self.push(Edge {
            from: From::NAME,
            to: To::NAME,
            name,
            guard: Some(guard),
        })
    }

    /// Also counts transitions that exceed the capacity, so that [`Self::build`] can report it.
    const fn push(mut self, edge: Edge) -> Self {
        if self.count < MAX_EDGES {
            self.edges[self.count] = edge;
        }
        self.count = self.count.saturating_add(1);
        self
    }

    /// Builds the table.
    ///
    /// # Errors
    /// The first [`TableFault`]. In a `static` it becomes a compile error.
    pub const fn build(self) -> Result<TransitionTable, TableFault> {
        if self.count > MAX_EDGES {
            return Err(TableFault::TooManyEdges);
        }
        if !is_snake_case(self.initial) {
            return Err(TableFault::NotSnakeCase);
        }
        // `for` and iterators are not available in `const fn` yet.
        let mut at = 0;
        while at < self.count {
            let edge = self.edges[at];
            if !(is_snake_case(edge.name) && is_snake_case(edge.from) && is_snake_case(edge.to)) {
                return Err(TableFault::NotSnakeCase);
            }
            let mut before = 0;
            while before < at {
                let known = self.edges[before];
                if same(known.from, edge.from) && same(known.name, edge.name) {
                    return Err(TableFault::AmbiguousName);
                }
                before += 1;
            }
            at += 1;
        }
        match self.reachable() {
            0 => Err(TableFault::StuckAtInitial),
            reachable if reachable < self.count => Err(TableFault::Unreachable),
            _ => Ok(TransitionTable {
                machine: self.machine,
                initial: self.initial,
                edges: self.edges,
                count: self.count,
            }),
        }
    }

    /// How many transitions leave a reachable state.
    const fn reachable(&self) -> usize {
        let mut reached = [false; MAX_EDGES];
        let mut found = 0;
        loop {
            let before = found;
            let mut at = 0;
            while at < self.count {
                if !reached[at] && self.leads_to(self.edges[at].from, &reached) {
                    reached[at] = true;
                    found += 1;
                }
                at += 1;
            }
            if found == before {
                return found;
            }
        }
    }

    /// Whether `state` is the initial one or the target of a reachable transition.
    const fn leads_to(&self, state: &str, reached: &[bool; MAX_EDGES]) -> bool {
        let mut at = 0;
        while at < self.count {
            if reached[at] && same(self.edges[at].to, state) {
                return true;
            }
            at += 1;
        }
        same(self.initial, state)
    }
}

/// String comparison; `==` is not available in `const fn` yet.
const fn same(one: &str, other: &str) -> bool {
    let (one, other) = (one.as_bytes(), other.as_bytes());
    if one.len() != other.len() {
        return false;
    }
    let mut at = 0;
    while at < one.len() {
        if one[at] != other[at] {
            return false;
        }
        at += 1;
    }
    true
}

const fn is_snake_case(name: &str) -> bool {
    let bytes = name.as_bytes();
    let mut at = 0;
    while at < bytes.len() {
        let fits = match bytes[at] {
            b'a'..=b'z' => true,
            b'0'..=b'9' | b'_' => at > 0,
            _ => false,
        };
        if !fits {
            return false;
        }
        at += 1;
    }
    at > 0
}

/// All transitions of one machine, in the order in which they were added. It is static data: reading it builds, locks
/// and allocates nothing.
#[derive(Debug)]
pub struct TransitionTable {
    machine: &'static str,
    initial: &'static str,
    edges: [Edge; MAX_EDGES],
    count: usize,
}

impl TransitionTable {
    /// All transitions.
    #[must_use]
    pub fn edges(&self) -> &[Edge] {
        self.edges.get(..self.count).unwrap_or_default()
    }

    /// The names of the transitions that leave `from`; none for a final or an unknown state.
    pub fn allowed(&self, from: &str) -> impl Iterator<Item = &'static str> {
        self.edges()
            .iter()
            .filter(move |edge| edge.from == from)
            .map(|edge| edge.name)
    }

    /// Validates a requested transition: the target of `name` from `from`. Allocates only on refusal.
    ///
    /// # Errors
    /// [`IllegalTransition`] if there is none.
    pub fn check(&self, from: &'static str, name: &'static str) -> Result<&'static str, IllegalTransition> {
        let mut edges = self.edges().iter();
        edges
            .find(|edge| edge.from == from && edge.name == name)
            .map(|edge| edge.to)
            .ok_or_else(|| self.refuse(from, name))
    }

    /// The refusal of the transition `attempted` in the state `from`: the last arm of a `match` over the states.
    #[must_use]
    pub fn refuse(&self, from: &'static str, attempted: &'static str) -> IllegalTransition {
        IllegalTransition {
            machine: self.machine,
            current_state: from,
            attempted,
            allowed_transitions: self.allowed(from).collect(),
        }
    }

    /// The diagram as a Mermaid `stateDiagram-v2`, with a trailing line feed.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let mut text = format!("stateDiagram-v2\n    [*] --> {}\n", self.initial);
        let mut finals: Vec<&str> = Vec::new();
        for edge in self.edges() {
            // Writing into a `String` cannot fail.
            let _ = write!(text, "    {} --> {}: {}", edge.from, edge.to, edge.name);
            if let Some(guard) = edge.guard {
                // These characters would end the label; one line per part keeps the diagram narrow.
                let label = guard().replace([':', ';', '#', '\n'], " ");
                let _ = write!(text, " [{}]", label.replace(" and ", "<br/>and "));
            }
            text.push('\n');
            if self.allowed(edge.to).next().is_none() && !finals.contains(&edge.to) {
                finals.push(edge.to);
            }
        }
        for state in finals {
            let _ = writeln!(text, "    {state} --> [*]");
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_machine::{Condition, TransitionGuard};

    struct Raw;
    struct Baked;
    struct Eaten;
    struct Fancy;

    impl State for Raw {
        const NAME: &'static str = "raw";
    }

    impl State for Baked {
        const NAME: &'static str = "baked";
    }

    impl State for Eaten {
        const NAME: &'static str = "eaten";
    }

    impl State for Fancy {
        const NAME: &'static str = "Fancy";
    }

    fn warm() -> impl TransitionGuard<i64> {
        let hot = Condition::new("too hot", "not_hot", |degrees: &i64| *degrees > 250);
        Condition::new("oven: warm; #1", "oven_cold", |degrees: &i64| *degrees > 180).and(hot.not("oven_hot"))
    }

    static BREAD: TransitionTable = match StateMachineBuilder::new::<Raw>("bread")
        .guarded_edge::<Raw, Baked>("bake", || warm().label())
        .edge::<Baked, Eaten>("eat")
        .edge::<Raw, Eaten>("eat")
        .build()
    {
        Ok(table) => table,
        Err(fault) => panic!("{}", fault.message()),
    };

    #[test]
    fn the_table_answers_for_every_state() {
        assert_eq!(BREAD.edges().len(), 3);
        assert_eq!(BREAD.allowed("raw").collect::<Vec<_>>(), ["bake", "eat"]);
        assert_eq!(BREAD.allowed("eaten").count(), 0);
        assert_eq!(BREAD.allowed("burnt").count(), 0);
        assert_eq!(BREAD.check("raw", "bake"), Ok("baked"));
        assert_eq!(BREAD.check("baked", "eat"), Ok("eaten"));
        let refusal = BREAD.check("baked", "bake").unwrap_err();
        assert_eq!(
            (refusal.machine, refusal.current_state, refusal.attempted),
            ("bread", "baked", "bake")
        );
        assert_eq!(refusal.allowed_transitions, ["eat"]);
        assert_eq!(BREAD.check("eaten", ""), Err(BREAD.refuse("eaten", "")));
    }

    #[test]
    fn the_diagram_has_every_arrow_and_each_final_state_once() {
        let expected = "stateDiagram-v2
    [*] --> raw
    raw --> baked: bake [oven  warm   1<br/>and not (too hot)]
    baked --> eaten: eat
    raw --> eaten: eat
    eaten --> [*]
";
        assert_eq!(BREAD.to_mermaid(), expected);
    }

    fn fault(builder: StateMachineBuilder) -> Option<TableFault> {
        builder.build().err()
    }

    #[test]
    fn a_name_leads_to_one_state() {
        let bread = StateMachineBuilder::new::<Raw>("bread").edge::<Raw, Eaten>("eat");
        assert_eq!(fault(bread), None);
        assert_eq!(
            fault(bread.edge::<Raw, Baked>("bake").edge::<Baked, Eaten>("eat")),
            None
        );
        assert_eq!(
            fault(bread.edge::<Raw, Baked>("eat")),
            Some(TableFault::AmbiguousName)
        );
        assert_eq!(
            fault(bread.edge::<Raw, Eaten>("eat")),
            Some(TableFault::AmbiguousName)
        );
    }

    #[test]
    fn every_state_can_be_reached() {
        let from_baked = StateMachineBuilder::new::<Baked>("bread");
        assert_eq!(fault(from_baked), Some(TableFault::StuckAtInitial));
        let unknown_initial = from_baked.edge::<Raw, Eaten>("eat");
        assert_eq!(fault(unknown_initial), Some(TableFault::StuckAtInitial));
        let raw_is_an_island = from_baked.edge::<Baked, Eaten>("eat").edge::<Raw, Baked>("bake");
        assert_eq!(fault(raw_is_an_island), Some(TableFault::Unreachable));
        let two_islands = from_baked
            .edge::<Baked, Baked>("warm")
            .edge::<Raw, Eaten>("a")
            .edge::<Eaten, Raw>("b");
        assert_eq!(fault(two_islands), Some(TableFault::Unreachable));
        // Transitions may be added in any order, also before those that lead to their state.
        let backwards = StateMachineBuilder::new::<Raw>("bread")
            .edge::<Baked, Eaten>("eat")
            .edge::<Raw, Baked>("bake");
        assert_eq!(fault(backwards), None);
    }

    #[test]
    fn names_are_snake_case() {
        let raw = StateMachineBuilder::new::<Raw>("bread");
        for name in ["", "Eat", "eat up", "_eat", "2nd", "eat-up", "\u{435}at", "a:b"] {
            assert_eq!(
                fault(raw.edge::<Raw, Eaten>(name)),
                Some(TableFault::NotSnakeCase),
                "{name}"
            );
        }
        assert_eq!(fault(raw.edge::<Raw, Eaten>("eat_2nd")), None);
        assert_eq!(
            fault(raw.edge::<Raw, Fancy>("eat")),
            Some(TableFault::NotSnakeCase)
        );
        let fancy = StateMachineBuilder::new::<Fancy>("bread").edge::<Fancy, Raw>("eat");
        assert_eq!(fault(fancy), Some(TableFault::NotSnakeCase));
    }

    #[test]
    fn there_is_room_for_32_transitions() {
        const NAMES: [&str; 33] = [
            "a", "b", "c", "d", "e", "f", "g", "h", "i", "j", "k", "l", "m", "n", "o", "p", "q", "r", "s",
            "t", "u", "v", "w", "x", "y", "z", "a1", "a2", "a3", "a4", "a5", "a6", "a7",
        ];
        let full = |count: usize| {
            let raw = StateMachineBuilder::new::<Raw>("bread");
            NAMES
                .iter()
                .take(count)
                .fold(raw, |builder, name| builder.edge::<Raw, Raw>(name))
        };
        assert_eq!(full(32).build().map(|table| table.edges().len()).ok(), Some(32));
        assert_eq!(fault(full(33)), Some(TableFault::TooManyEdges));
    }

    #[test]
    fn a_check_that_passes_allocates_nothing() {
        let counted = allocation_counter::measure(|| {
            assert_eq!(BREAD.check("raw", "bake"), Ok("baked"));
            assert_eq!(BREAD.allowed("raw").count(), 2);
        });
        assert_eq!(counted.count_total, 0);
        let refused = allocation_counter::measure(|| drop(BREAD.check("baked", "bake")));
        assert_eq!(refused.count_total, 1, "the list of what is allowed");
    }
}
