//! Reading OpenMetrics and the catalogue, strictly: what is not as it should be is a failed test.

use std::collections::{BTreeMap, BTreeSet};

/// One sample.
#[derive(Debug, Clone, Default)]
pub(super) struct Sample {
    pub(super) name: String,
    pub(super) labels: BTreeMap<String, String>,
    pub(super) value: f64,
    /// Trace id and value.
    pub(super) exemplar: Option<(String, f64)>,
}

#[derive(Debug, Default)]
pub(super) struct Family {
    pub(super) kind: String,
    pub(super) unit: Option<String>,
    pub(super) help: String,
    pub(super) samples: Vec<Sample>,
}

/// All families by the names of the catalogue, where a counter has its `_total`.
#[derive(Debug, Default)]
pub(crate) struct Exposition {
    pub(super) families: BTreeMap<String, Family>,
}

impl Exposition {
    pub(super) fn parse(text: &str) -> Self {
        let body = text.strip_suffix("# EOF\n").unwrap();
        let mut families: Vec<(String, Family)> = Vec::new();
        for line in body.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                let help = help.to_owned();
                families.push((
                    name.to_owned(),
                    Family {
                        help,
                        ..Family::default()
                    },
                ));
                continue;
            }
            let (name, family) = families.last_mut().unwrap();
            if let Some(rest) = line.strip_prefix("# TYPE ") {
                family.kind = rest.strip_prefix(&**name).unwrap().trim().to_owned();
            } else if let Some(rest) = line.strip_prefix("# UNIT ") {
                let unit = rest.strip_prefix(&**name).unwrap().trim();
                assert!(name.ends_with(&format!("_{unit}")), "{line}");
                family.unit = Some(unit.to_owned());
            } else {
                let sample = Sample::parse(line);
                let suffixes: &[&str] = match &*family.kind {
                    "counter" => &["_total"],
                    "histogram" => &["_bucket", "_sum", "_count"],
                    _ => &[""],
                };
                let suffix = sample.name.strip_prefix(&**name).unwrap_or("?");
                assert!(suffixes.contains(&suffix), "{line} in {name}");
                family.samples.push(sample);
            }
        }
        let count = families.len();
        let named = families.into_iter().map(|(name, family)| {
            let end = if family.kind == "counter" { "_total" } else { "" };
            (format!("{name}{end}"), family)
        });
        let families: BTreeMap<_, _> = named.collect();
        assert_eq!(families.len(), count, "a family comes twice");
        Self { families }
    }

    pub(super) fn has(&self, family: &str) -> bool {
        self.families.contains_key(family)
    }

    /// The one sample with this name and exactly these labels.
    pub(crate) fn value(&self, name: &str, labels: &[(&str, &str)]) -> f64 {
        let samples = self.families.values().flat_map(|family| &family.samples);
        let matches = |sample: &&Sample| {
            sample.name == name
                && sample.labels.len() == labels.len()
                && labels
                    .iter()
                    .all(|(label, value)| sample.labels.get(*label).is_some_and(|own| own == value))
        };
        let found: Vec<_> = samples.filter(matches).collect();
        assert_eq!(found.len(), 1, "{name} {labels:?}: {found:?}");
        found[0].value
    }

    /// Names with their labels.
    pub(super) fn series(&self) -> BTreeSet<(String, BTreeMap<String, String>)> {
        let samples = self.families.values().flat_map(|family| &family.samples);
        samples
            .map(|sample| (sample.name.clone(), sample.labels.clone()))
            .collect()
    }
}

impl Sample {
    fn parse(line: &str) -> Self {
        let (sample, exemplar) = match line.split_once(" # {trace_id=\"") {
            Some((sample, exemplar)) => {
                let (trace, value) = exemplar.split_once("\"} ").unwrap();
                (sample, Some((trace.to_owned(), value.parse().unwrap())))
            }
            None => (line, None),
        };
        let (series, value) = sample.rsplit_once(' ').unwrap();
        let (name, labels) = series.split_once('{').map_or((series, ""), |(name, labels)| {
            (name, labels.strip_suffix("\"}").unwrap())
        });
        let labels = labels
            .split("\",")
            .filter(|label| !label.is_empty())
            .map(|label| {
                let (name, value) = label.split_once("=\"").unwrap();
                (name.to_owned(), value.to_owned())
            });
        Self {
            name: name.to_owned(),
            labels: labels.collect(),
            value: value.parse().unwrap_or_else(|_| panic!("{line}")),
            exemplar,
        }
    }
}

/// One entry of the catalogue.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) kind: String,
    pub(super) unit: Option<String>,
    pub(super) help: String,
    labels: BTreeMap<String, Vec<String>>,
    buckets: Vec<f64>,
}

/// `ops/prometheus/metrics.toml`.
pub(super) fn catalogue() -> BTreeMap<String, Metric> {
    let table: toml::Table = include_str!("../../../../../ops/prometheus/metrics.toml")
        .parse()
        .unwrap();
    let text = |value: &toml::Value| value.as_str().unwrap().to_owned();
    let metric = |(name, entry): (String, toml::Value)| {
        let labels = entry
            .get("labels")
            .and_then(toml::Value::as_table)
            .cloned()
            .unwrap_or_default();
        let labels = labels
            .into_iter()
            .map(|(label, values)| (label, values.as_array().unwrap().iter().map(text).collect()));
        let buckets = entry
            .get("buckets")
            .and_then(toml::Value::as_array)
            .cloned()
            .unwrap_or_default();
        let metric = Metric {
            kind: text(&entry["type"]),
            unit: entry.get("unit").map(text),
            help: text(&entry["help"]),
            labels: labels.collect(),
            buckets: buckets.iter().map(|bound| bound.as_float().unwrap()).collect(),
        };
        (name, metric)
    };
    table.into_iter().map(metric).collect()
}

impl Metric {
    /// Whether a sample has exactly the labels of the catalogue, each with one of its values.
    pub(super) fn check(&self, name: &str, sample: &Sample) {
        let mut labels = sample.labels.clone();
        if sample.name.ends_with("_bucket") {
            let bound = labels.remove("le").unwrap();
            let known = |known: &f64| bound.parse() == Ok(*known);
            assert!(
                bound == "+Inf" || self.buckets.iter().any(known),
                "{name}: {bound}"
            );
        }
        assert!(labels.keys().eq(self.labels.keys()), "{name}: {labels:?}");
        for (label, value) in &labels {
            let closed = &self.labels[label];
            let known = match closed.first().map(String::as_str) {
                Some("@routes") => value == "unmatched" || value.starts_with('/'),
                Some("@methods") => ["GET", "POST", "PUT", "PATCH", "DELETE", "_OTHER"].contains(&&**value),
                Some("@statuses") => value
                    .parse::<u16>()
                    .is_ok_and(|status| (100..600).contains(&status)),
                Some("@tables") => {
                    value.is_empty()
                        || value
                            .bytes()
                            .all(|byte| byte.is_ascii_lowercase() || byte == b'_')
                }
                Some("@version") => value == env!("CARGO_PKG_VERSION"),
                _ => closed.contains(value),
            };
            assert!(known, "{name}: {label}={value}");
        }
    }
}
