//! The table of a machine's transitions and the builder that assembles it, once.
//!
//! It must never be the only place where a rule stands: the typed methods are the rule, the table repeats them for
//! the edge, the API and the diagram, and the machine's hand-typed test compares the two.

use super::transition::{IllegalTransition, State, TransitionGuard};

/// One arrow.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Edge {
    /// The state it leaves.
    pub from: &'static str,
    /// The state it leads to.
    pub to: &'static str,
    /// The transition's name, which is also the name of its `POST` in the API.
    pub name: &'static str,
    /// What its guard asks for; `None` where it cannot fail.
    pub guard: Option<String>,
}

/// Assembles a [`TransitionTable`].
#[derive(Debug)]
pub struct StateMachineBuilder {
    machine: &'static str,
    initial: &'static str,
    edges: Vec<Edge>,
}

impl StateMachineBuilder {
    /// A machine that starts in the state `Initial`. `machine` is a noun, as it stands in sentences: `order`.
    #[must_use]
    pub const fn new<Initial: State>(machine: &'static str) -> Self {
        Self {
            machine,
            initial: Initial::NAME,
            edges: Vec::new(),
        }
    }

    /// Adds an arrow that cannot fail.
    #[must_use]
    pub fn edge<From: State, To: State>(self, name: &'static str) -> Self {
        self.push(Edge {
            from: From::NAME,
            to: To::NAME,
            name,
            guard: None,
        })
    }

    /// Adds an arrow with the guard that the typed method calls.
    #[must_use]
    pub fn guarded_edge<From: State, To: State, T: ?Sized>(
        self,
        name: &'static str,
        guard: &impl TransitionGuard<T>,
    ) -> Self {
        self.push(Edge {
            from: From::NAME,
            to: To::NAME,
            name,
            guard: Some(guard.label()),
        })
    }

    fn push(mut self, edge: Edge) -> Self {
        let twice = self
            .edges
            .iter()
            .any(|known| known.from == edge.from && known.name == edge.name);
        debug_assert!(!twice, "two transitions named {} leave {}", edge.name, edge.from);
        if !twice {
            self.edges.push(edge);
        }
        self
    }

    /// The table.
    #[must_use]
    pub fn build(self) -> TransitionTable {
        TransitionTable {
            machine: self.machine,
            initial: self.initial,
            edges: self.edges,
        }
    }
}

/// All transitions of one machine, in the order in which they were added.
#[derive(Debug)]
pub struct TransitionTable {
    machine: &'static str,
    initial: &'static str,
    edges: Vec<Edge>,
}

impl TransitionTable {
    /// All arrows.
    #[must_use]
    pub fn edges(&self) -> &[Edge] {
        &self.edges
    }

    /// The names of the transitions that leave `from`; none for a final or an unknown state.
    pub fn allowed(&self, from: &str) -> impl Iterator<Item = &'static str> {
        self.edges
            .iter()
            .filter(move |edge| edge.from == from)
            .map(|edge| edge.name)
    }

    /// Where `name` leads from `from`.
    #[must_use]
    pub fn target(&self, from: &str, name: &str) -> Option<&'static str> {
        self.edges
            .iter()
            .find(|edge| edge.from == from && edge.name == name)
            .map(|edge| edge.to)
    }

    /// The refusal of the transition `attempted` in the state `from`.
    #[must_use]
    pub fn refuse(&self, from: &'static str, attempted: &'static str) -> IllegalTransition {
        IllegalTransition {
            machine: self.machine,
            current_state: from,
            attempted,
            allowed_transitions: self.allowed(from).collect(),
        }
    }

    /// Where `name` leads from `from`.
    ///
    /// # Errors
    /// [`IllegalTransition`], if it leads nowhere.
    pub fn check(&self, from: &'static str, name: &'static str) -> Result<&'static str, IllegalTransition> {
        self.target(from, name).ok_or_else(|| self.refuse(from, name))
    }

    /// The diagram, as the text of a Mermaid `stateDiagram-v2`, with a line feed at the end.
    #[must_use]
    pub fn to_mermaid(&self) -> String {
        let mut text = format!("stateDiagram-v2\n    [*] --> {}\n", self.initial);
        let mut finals: Vec<&str> = Vec::new();
        for edge in &self.edges {
            text.push_str(&format!("    {} --> {}: {}", edge.from, edge.to, edge.name));
            if let Some(guard) = &edge.guard {
                text.push_str(&format!(" [{guard}]"));
            }
            text.push('\n');
            if self.allowed(edge.to).next().is_none() && !finals.contains(&edge.to) {
                finals.push(edge.to);
            }
        }
        for state in finals {
            text.push_str(&format!("    {state} --> [*]\n"));
        }
        text
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::state_machine::Condition;

    struct Raw;
    struct Baked;
    struct Eaten;

    impl State for Raw {
        const NAME: &'static str = "raw";
    }

    impl State for Baked {
        const NAME: &'static str = "baked";
    }

    impl State for Eaten {
        const NAME: &'static str = "eaten";
    }

    fn bread() -> TransitionTable {
        let warm = Condition::new("oven is warm", "oven_cold", |degrees: &i64| *degrees > 180);
        StateMachineBuilder::new::<Raw>("bread")
            .guarded_edge::<Raw, Baked, _>("bake", &warm)
            .edge::<Baked, Eaten>("eat")
            .edge::<Raw, Eaten>("eat")
            .build()
    }

    #[test]
    fn the_table_answers_for_every_state() {
        let table = bread();
        assert_eq!(table.allowed("raw").collect::<Vec<_>>(), ["bake", "eat"]);
        assert_eq!(table.allowed("eaten").count(), 0);
        assert_eq!(table.target("raw", "bake"), Some("baked"));
        assert_eq!(table.target("baked", "bake"), None);
        assert_eq!(table.check("baked", "eat"), Ok("eaten"));
        let refusal = table.check("eaten", "bake").unwrap_err();
        assert_eq!(
            (refusal.machine, refusal.current_state, refusal.attempted),
            ("bread", "eaten", "bake")
        );
        assert!(refusal.allowed_transitions.is_empty());
    }

    #[test]
    fn the_diagram_has_every_arrow_and_each_final_state_once() {
        let expected = "stateDiagram-v2
    [*] --> raw
    raw --> baked: bake [oven is warm]
    baked --> eaten: eat
    raw --> eaten: eat
    eaten --> [*]
";
        assert_eq!(bread().to_mermaid(), expected);
    }

    #[test]
    #[should_panic(expected = "two transitions named eat leave raw")]
    fn a_transition_leads_to_one_state() {
        let _ = StateMachineBuilder::new::<Raw>("bread")
            .edge::<Raw, Eaten>("eat")
            .edge::<Raw, Baked>("eat");
    }
}
