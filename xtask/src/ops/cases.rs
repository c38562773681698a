//! Generates cases for `promtool test rules` from `ops/prometheus/cases.toml`. It must never read the numbers of the
//! rules: the cases would then pass with any numbers.

use super::GENERATED;
use super::model::{Model, quoted};
use super::rules;
use super::span::Span;
use serde::Deserialize;
use std::collections::{BTreeMap, BTreeSet};
use std::fmt::Write as _;

const MILLION: u64 = 1_000_000;
const STEP: &str = "30s";
/// Name of the long window, severity, and in minutes: long window, short window, sampling interval.
const BURNS: [(&str, &str, u64, u64, u64); 4] = [
    ("1h", "page", 60, 5, 1),
    ("6h", "page", 6 * 60, 30, 5),
    ("1d", "ticket", 24 * 60, 2 * 60, 10),
    ("3d", "ticket", 3 * 24 * 60, 6 * 60, 30),
];

/// `prometheus/cases.toml`.
#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
pub(crate) struct Cases {
    burning: Vec<Burning>,
    symptom: Vec<OfSymptom>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Burning {
    alert: String,
    part_per_million: BTreeMap<String, u64>,
    series: BTreeMap<String, Counts>,
}

impl Burning {
    fn is_age(&self) -> bool {
        self.series.values().any(|counts| matches!(counts, Counts::Age))
    }
}

/// What a series counts.
#[derive(Debug, Clone, Copy, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Counts {
    Good,
    Bad,
    All,
    None,
    /// A gauge instead of a counter: 40 in a step with failures, else 20.
    Age,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct OfSymptom {
    alert: String,
    case: Vec<Case>,
}

#[derive(Debug, Deserialize)]
#[serde(deny_unknown_fields)]
struct Case {
    shows: Shows,
    name: String,
    step: Option<Span>,
    series: BTreeMap<String, String>,
    #[serde(default)]
    firing: Vec<String>,
    #[serde(default)]
    silent: Vec<String>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Shows {
    Fires,
    Silent,
    Boundary,
}

impl Cases {
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        toml::from_str(text).map_err(|error| format!("cases.toml: {error}"))
    }

    /// Alerts of the model that lack one of the three types of cases, and cases of alerts that do not exist.
    pub(crate) fn missing(&self, model: &Model) -> Vec<String> {
        let mut missing = Vec::new();
        for alert in model.alerts() {
            let burning = self.burning.iter().find(|burning| burning.alert == alert);
            let complete = burning.is_some_and(|of| {
                BURNS
                    .iter()
                    .all(|(name, ..)| of.part_per_million.contains_key(*name))
            });
            let symptom = self.symptom.iter().find(|symptom| symptom.alert == alert);
            let shown: BTreeSet<_> = symptom
                .iter()
                .flat_map(|of| &of.case)
                .map(|case| case.shows)
                .collect();
            if !complete && shown.len() < 3 {
                missing.push(format!(
                    "{alert} has no case each that fires, stays silent, and shows the boundary"
                ));
            }
        }
        let of_cases = self
            .burning
            .iter()
            .map(|of| &of.alert)
            .chain(self.symptom.iter().map(|of| &of.alert));
        for alert in of_cases {
            if !model.alerts().any(|known| known == alert) {
                missing.push(format!("cases.toml: there is no alert {alert}"));
            }
        }
        missing
    }

    /// Files for promtool: name and text. An objective has one file per window.
    pub(crate) fn files(&self, model: &Model) -> Vec<(String, String)> {
        let mut files = Vec::new();
        for slo in &model.objectives.slo {
            let of_slo = self.burning.iter().filter(|burning| burning.alert == slo.alert);
            for (burning, (window, severity, long, short, step)) in
                of_slo.flat_map(|of| BURNS.map(|burn| (of, burn)))
            {
                // Half a per cent of three days must be more than one sample.
                let step = if burning.is_age() { step.min(10) } else { step };
                let Some(part) = burning.part_per_million.get(window) else {
                    continue;
                };
                let mut text = opening(&rules::file_of(slo), &rules::groups_of(slo), &format!("{step}m"));
                let expected = format!("{{alertname=\"{}\", severity=\"{severity}\"}}", slo.alert);
                let file = BurnFile {
                    burning,
                    window,
                    expected,
                    long,
                    short,
                    step,
                };
                file.tell(&mut text, *part);
                files.push((format!("{}-{window}.yaml", slo.alert), text));
            }
        }
        for symptom in &self.symptom {
            let mut text = opening("symptoms.yaml", &[], STEP);
            for case in &symptom.case {
                case.tell(&mut text, &symptom.alert);
            }
            files.push((format!("{}.yaml", symptom.alert), text));
        }
        files
    }
}

fn opening(rules: &str, groups: &[String], interval: &str) -> String {
    let mut text =
        format!("# {GENERATED}\nrule_files:\n  - ../rules/{rules}\nevaluation_interval: {interval}\n");
    if !groups.is_empty() {
        // Otherwise promtool evaluates the groups in any order, and one needs what the other recorded.
        let _ = writeln!(text, "group_eval_order: [{}]", groups.join(", "));
    }
    text.push_str("tests:\n");
    text
}

impl Case {
    fn tell(&self, text: &mut String, alert: &str) {
        let step = self.step.as_ref().map_or(STEP.to_owned(), Span::to_string);
        let shows = match self.shows {
            Shows::Fires => "fires",
            Shows::Silent => "silent",
            Shows::Boundary => "boundary",
        };
        let _ = writeln!(text, "  - name: {}", quoted(&format!("{shows}: {}", self.name)));
        let _ = writeln!(text, "    interval: {step}\n    input_series:");
        // Without this series every case would describe a server that is down.
        let up = ("up{job=\"rustok\"}".to_owned(), "1x500".to_owned());
        let is_given = self.series.keys().any(|series| series.starts_with("up{"));
        for (series, values) in self.series.iter().chain((!is_given).then_some((&up.0, &up.1))) {
            input(text, series, values);
        }
        let _ = writeln!(text, "    promql_expr_test:");
        let expected = format!("{{alertname=\"{alert}\"}}");
        for at in &self.silent {
            expect(
                text,
                "count by (alertname) (ALERTS{alertstate=\"firing\"})",
                at,
                None,
            );
        }
        for at in &self.firing {
            expect(
                text,
                "count by (alertname) (ALERTS{alertstate=\"firing\"})",
                at,
                Some(&expected),
            );
        }
    }
}

fn input(text: &mut String, series: &str, values: &str) {
    let _ = writeln!(
        text,
        "      - series: {}\n        values: '{values}'",
        quoted(series)
    );
}

fn expect(text: &mut String, expr: &str, at: &str, expected: Option<&str>) {
    let _ = writeln!(text, "      - expr: {}\n        eval_time: {at}", quoted(expr));
    let _ = match expected {
        Some(labels) => writeln!(
            text,
            "        exp_samples:\n          - labels: {}\n            value: 1",
            quoted(labels)
        ),
        None => writeln!(text, "        exp_samples: []"),
    };
}

/// Cases of one alert in one window. Times are in minutes.
struct BurnFile<'a> {
    burning: &'a Burning,
    window: &'a str,
    expected: String,
    long: u64,
    short: u64,
    step: u64,
}

/// A number of steps, and how many of a million requests fail in each.
type Phase = (u64, u64);

/// A scenario: its job name, its phases of failures, and at which steps the alert fires or does not.
type Course = (&'static str, Vec<Phase>, Vec<(u64, bool)>);

impl BurnFile<'_> {
    /// All scenarios in one test, each as its own job: for promtool a test costs more than its series.
    fn tell(&self, text: &mut String, part: u64) {
        let courses = self.courses(part);
        let names: Vec<_> = courses.iter().map(|(job, ..)| *job).collect();
        let _ = writeln!(text, "  - name: {}", quoted(&names.join(", ")));
        let _ = writeln!(text, "    interval: {}m\n    input_series:", self.step);
        for (job, phases, _) in &courses {
            for (series, counts) in &self.burning.series {
                let series = series.replace("job=\"rustok\"", &format!("job=\"{job}\""));
                input(text, &series, &values(*counts, phases));
            }
        }
        let _ = writeln!(text, "    promql_expr_test:");
        for (job, _, times) in &courses {
            let expr = format!(
                "count by (alertname, severity) (ALERTS{{alertstate=\"firing\", window=\"{}\", job=\"{job}\"}})",
                self.window
            );
            for (step, fires) in times {
                let at = format!("{}m", step * self.step);
                expect(text, &expr, &at, fires.then_some(self.expected.as_str()));
            }
        }
    }

    fn courses(&self, part: u64) -> Vec<Course> {
        let (long, short) = (self.long / self.step, self.short / self.step);
        let end = long * 2;
        let is_age = self.burning.is_age();
        let (above, below) = if is_age {
            // An average over both ends of the window.
            let samples = part * (long + 1) / MILLION;
            let last = |samples| vec![(end - samples, 0), (samples, MILLION)];
            (last(samples + 1), last(samples))
        } else {
            // Above or below by a twentieth.
            let all_along = |part| vec![(long, 0), (long, part)];
            (all_along(part + part / 20), all_along(part - part / 20))
        };
        let heavy = (part * 20).min(MILLION);
        let ends = [
            (end, true),
            (end + short * 2 / 3, true),
            (end + short + short * 2 / 3, false),
        ];
        let mut courses = vec![
            ("boundary: just above", above, vec![(end, true)]),
            ("boundary: just below", below, vec![(end, false)]),
            (
                "fires: until its end is seen",
                vec![(long, 0), (long, heavy), (short * 3, 0)],
                ends.to_vec(),
            ),
        ];
        if !is_age {
            let burst = long * 11 / 20;
            let burst = vec![(end - burst, 0), (burst, part + part / 2)];
            courses.push(("silent: a burst of half the window", burst, vec![(end, false)]));
        }
        courses
    }
}

/// A series in promtool's notation, starting at 0.
fn values(counts: Counts, phases: &[Phase]) -> String {
    if let Counts::Age = counts {
        let ages = phases.iter().filter(|(steps, _)| *steps > 0);
        let ages: Vec<_> = ages
            .map(|(steps, bad)| format!("{}x{}", if *bad > 0 { 40 } else { 20 }, steps - 1))
            .collect();
        return format!("20 {}", ages.join(" "));
    }
    let (mut total, mut parts) = (0, vec!["0".to_owned()]);
    for (steps, bad) in phases.iter().filter(|(steps, _)| *steps > 0) {
        let each = match counts {
            Counts::Good => MILLION - bad,
            Counts::Bad => *bad,
            Counts::All => MILLION,
            Counts::None | Counts::Age => 0,
        };
        parts.push(format!("{}+{each}x{}", total + each, steps - 1));
        total += each * steps;
    }
    parts.join(" ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn counters_never_go_back() {
        assert_eq!(values(Counts::Bad, &[(2, 0), (3, 5)]), "0 0+0x1 5+5x2");
        assert_eq!(
            values(Counts::Good, &[(2, 0), (3, 5)]),
            "0 1000000+1000000x1 2999995+999995x2"
        );
        assert_eq!(values(Counts::Age, &[(2, 0), (0, 7), (3, 5)]), "20 20x1 40x2");
    }

    #[test]
    fn an_alert_without_its_cases_is_found() {
        let cases = Cases::read("burning = []\nsymptom = []").unwrap();
        let model = Model::read(
            "runbooks = 'x'\nburn = []\nslo = []",
            "[[alert]]\nname = 'A'\nseverity = 'page'\nsummary = ''\ndescription = ''\nexpr = 'x'\nfor = '1m'",
        );
        assert_eq!(cases.missing(&model.unwrap()).len(), 1);
    }
}
