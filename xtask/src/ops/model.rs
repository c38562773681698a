//! The model of the hand-written files under ops/: objectives (slo/slo.toml) and alerts on symptoms
//! (prometheus/alerts.toml).
//!
//! Numbers are kept as text and go into PromQL unchanged; nothing here computes with fractions.

use super::span::Span;
use serde::Deserialize;
use std::fmt::Write as _;

/// `slo/slo.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Objectives {
    /// The prefix of every `runbook_url`.
    pub(crate) runbooks: String,
    pub(crate) burn: Vec<Burn>,
    pub(crate) slo: Vec<Slo>,
}

/// How fast a budget may burn.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Burn {
    pub(crate) factor: String,
    pub(crate) long: Span,
    pub(crate) short: Span,
    pub(crate) severity: Severity,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum Severity {
    /// Pages a person.
    Page,
    /// Waits until working hours.
    Ticket,
}

impl Severity {
    pub(crate) const fn name(self) -> &'static str {
        match self {
            Self::Page => "page",
            Self::Ticket => "ticket",
        }
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Slo {
    pub(crate) name: String,
    pub(crate) alert: String,
    pub(crate) objective: Objective,
    pub(crate) summary: String,
    pub(crate) indicator: Indicator,
}

/// The share that may fail: `99.9` per cent leave `0.001`.
#[derive(Debug, Clone, PartialEq, Eq, Deserialize)]
#[serde(try_from = "String")]
pub(crate) struct Objective {
    /// In per cent, as written in the file.
    pub(crate) percent: String,
    /// PromQL.
    pub(crate) budget: String,
}

impl TryFrom<String> for Objective {
    type Error = String;

    fn try_from(percent: String) -> Result<Self, Self::Error> {
        let wrong = || format!("`{percent}`: an objective is a decimal between 0 and 100");
        let (whole, fraction) = percent.split_once('.').unwrap_or((&percent, ""));
        let places = u32::try_from(fraction.len()).map_err(|_| wrong())?;
        let digits: u64 = format!("{whole}{fraction}").parse().map_err(|_| wrong())?;
        let all = 10_u64.checked_pow(places + 2).ok_or_else(wrong)?;
        let left = all
            .checked_sub(digits)
            .filter(|left| *left > 0)
            .ok_or_else(wrong)?;
        let width = fraction.len() + 2;
        Ok(Self {
            budget: format!("0.{left:0width$}").trim_end_matches('0').to_owned(),
            percent,
        })
    }
}

#[derive(Debug, Clone, Deserialize)]
#[serde(rename_all = "snake_case", deny_unknown_fields)]
pub(crate) enum Indicator {
    Failures { total: String, bad: String },
    Latency { requests: String, within: String },
    Freshness { age: String, within: String },
}

/// `prometheus/alerts.toml`.
#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Symptoms {
    pub(crate) alert: Vec<Symptom>,
}

#[derive(Debug, Clone, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Symptom {
    pub(crate) name: String,
    pub(crate) severity: Severity,
    pub(crate) summary: String,
    pub(crate) description: String,
    expr: String,
    pub(crate) threshold: Option<String>,
    pub(crate) window: Option<Span>,
    #[serde(rename = "for")]
    pub(crate) lasts: Span,
}

impl Symptom {
    /// PromQL with the numbers inserted.
    pub(crate) fn expr(&self) -> String {
        let mut expr = self.expr.trim().to_owned();
        if let Some(threshold) = &self.threshold {
            expr = expr.replace("{threshold}", threshold);
        }
        if let Some(window) = &self.window {
            expr = expr.replace("{window}", &window.to_string());
        }
        expr
    }
}

/// The input of all rules.
#[derive(Debug, Clone)]
pub(crate) struct Model {
    pub(crate) objectives: Objectives,
    pub(crate) symptoms: Symptoms,
    /// All durations are divided by it: 1, except for a trial run that cannot wait for days.
    pub(crate) shrink: u64,
}

impl Model {
    /// Reads both files' text.
    pub(crate) fn read(objectives: &str, symptoms: &str) -> Result<Self, String> {
        let model = Self {
            objectives: toml::from_str(objectives).map_err(|error| format!("slo.toml: {error}"))?,
            symptoms: toml::from_str(symptoms).map_err(|error| format!("alerts.toml: {error}"))?,
            shrink: 1,
        };
        for symptom in &model.symptoms.alert {
            let expr = symptom.expr();
            if expr.contains("{threshold}") || expr.contains("{window}") {
                return Err(format!("{}: a number of its expression is missing", symptom.name));
            }
        }
        Ok(model)
    }

    /// Every alert's name, once.
    pub(crate) fn alerts(&self) -> impl Iterator<Item = &str> {
        let of_objectives = self.objectives.slo.iter().map(|slo| slo.alert.as_str());
        of_objectives.chain(self.symptoms.alert.iter().map(|alert| alert.name.as_str()))
    }

    /// The windows of all burn rates, shortest first.
    pub(crate) fn windows(&self) -> Vec<&Span> {
        let mut windows: Vec<_> = (self.objectives.burn.iter())
            .flat_map(|burn| [&burn.long, &burn.short])
            .collect();
        windows.sort_by_key(|window| window.milliseconds());
        windows.dedup_by_key(|window| window.name());
        windows
    }

    /// A duration as used in this model's rules.
    pub(crate) fn length(&self, span: &Span) -> Result<String, String> {
        Ok(span.scaled(1, self.shrink)?.to_string())
    }
}

/// A YAML scalar that is safe for any text.
pub(crate) fn quoted(text: &str) -> String {
    let mut quoted = String::from("'");
    for line in text.lines() {
        // A line break in it would be folded.
        let _ = write!(
            quoted,
            "{}{}",
            if quoted.len() > 1 { " " } else { "" },
            line.replace('\'', "''")
        );
    }
    quoted.push('\'');
    quoted
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_budget_is_what_the_objective_leaves() {
        for (percent, budget) in [
            ("99.9", "0.001"),
            ("99.95", "0.0005"),
            ("99", "0.01"),
            ("99.5", "0.005"),
            ("90", "0.1"),
        ] {
            let objective = Objective::try_from(percent.to_owned()).unwrap();
            assert_eq!(objective.budget, budget, "{percent}");
        }
        for wrong in ["", "100", "101", "-1", "x", "99,9", "9.9.9"] {
            assert!(Objective::try_from(wrong.to_owned()).is_err(), "{wrong}");
        }
    }

    #[test]
    fn yaml_scalars_keep_their_text() {
        assert_eq!(quoted("it's"), "'it''s'");
        assert_eq!(quoted("a\nb"), "'a b'");
    }
}
