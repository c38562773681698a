//! The metrics catalogue, parsed. It must never be changed at run time.

use prometheus_client::registry::Unit;
use serde::Deserialize;
use std::collections::BTreeMap;
use std::sync::LazyLock;

const TEXT: &str = include_str!("../../../../ops/prometheus/metrics.toml");

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// One metric.
#[derive(Debug)]
pub(super) struct Metric {
    pub(super) kind: Kind,
    /// The name without its unit and without `_total`, as the encoder expects it.
    pub(super) stem: String,
    pub(super) unit: Option<Unit>,
    pub(super) help: String,
    pub(super) labels: Vec<String>,
    /// The upper bounds of a histogram, in its unit, without +Inf.
    pub(super) buckets: Vec<f64>,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct Entry {
    r#type: Kind,
    unit: Option<String>,
    help: String,
    #[serde(default)]
    labels: BTreeMap<String, Vec<String>>,
    #[serde(default)]
    buckets: Vec<f64>,
}

type Catalogue = BTreeMap<String, Metric>;

/// The metric with this full name, if it exists.
pub(super) fn metric(name: &str) -> Option<&'static Metric> {
    // A test parses the embedded file, so parsing cannot fail here.
    static CATALOGUE: LazyLock<Catalogue> = LazyLock::new(|| parse(TEXT).unwrap_or_default());
    CATALOGUE.get(name)
}

fn parse(text: &str) -> Result<Catalogue, String> {
    let entries: BTreeMap<String, Entry> = toml::from_str(text).map_err(|error| error.to_string())?;
    entries
        .into_iter()
        .map(|(name, entry)| {
            let metric = metric_of(&name, entry)?;
            Ok((name, metric))
        })
        .collect()
}

fn metric_of(name: &str, entry: Entry) -> Result<Metric, String> {
    let counter = entry.r#type == Kind::Counter;
    let stem = match name.strip_suffix("_total") {
        Some(stem) if counter => stem,
        None if !counter => name,
        _ => {
            return Err(format!(
                "{name}: `_total` is the end of counters, and only of them"
            ));
        }
    };
    let unit = match entry.unit.as_deref() {
        None => None,
        Some("seconds") => Some(Unit::Seconds),
        Some("bytes") => Some(Unit::Bytes),
        Some(other) => return Err(format!("{name}: no such unit: {other}")),
    };
    let stem = match &unit {
        Some(unit) => stem
            .strip_suffix(unit.as_str())
            .and_then(|stem| stem.strip_suffix('_'))
            .ok_or_else(|| format!("{name}: the unit stands in the name"))?,
        None => stem,
    };
    if entry.help.is_empty() || entry.help.contains(['\n', '\\', '"']) {
        return Err(format!("{name}: its help is one plain line"));
    }
    let growing = entry.buckets.windows(2).all(|pair| pair[0] < pair[1]);
    if !growing || entry.buckets.is_empty() != (entry.r#type != Kind::Histogram) {
        return Err(format!(
            "{name}: histograms have growing buckets, nothing else has any"
        ));
    }
    Ok(Metric {
        kind: entry.r#type,
        stem: stem.to_owned(),
        unit,
        help: entry.help,
        labels: entry.labels.into_keys().collect(),
        buckets: entry.buckets,
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_reads() {
        let catalogue = parse(TEXT).unwrap();
        assert!(catalogue.len() > 40);
        let cpu = metric("process_cpu_seconds_total").unwrap();
        assert_eq!(cpu.stem, "process_cpu");
        assert!(matches!(cpu.unit, Some(Unit::Seconds)));
        assert!(metric("process_cpu").is_none());
    }

    #[test]
    fn a_name_that_does_not_say_what_it_is_is_refused() {
        for (wrong, why) in [
            ("[x]\ntype = 'counter'\nhelp = 'H.'", "_total"),
            ("[x_total]\ntype = 'gauge'\nhelp = 'H.'", "_total"),
            (
                "[x]\ntype = 'gauge'\nunit = 'seconds'\nhelp = 'H.'",
                "in the name",
            ),
            ("[x_ms]\ntype = 'gauge'\nunit = 'ms'\nhelp = 'H.'", "no such unit"),
            ("[x]\ntype = 'histogram'\nhelp = 'H.'", "growing buckets"),
            (
                "[x]\ntype = 'histogram'\nbuckets = [2.0, 1.0]\nhelp = 'H.'",
                "growing buckets",
            ),
            (
                "[x]\ntype = 'gauge'\nbuckets = [1.0]\nhelp = 'H.'",
                "growing buckets",
            ),
            ("[x]\ntype = 'gauge'\nhelp = 'two\\nlines'", "type"),
            ("[x]\ntype = 'gauge'\nhelp = \"two\\nlines\"", "one plain line"),
            ("[x]\ntype = 'gauge'\nhelp = ''", "one plain line"),
            ("[x]\ntype = 'sum'\nhelp = 'H.'", "unknown variant"),
            ("[x]\ntype = 'gauge'\nhelp = 'H.'\nother = 1", "unknown field"),
        ] {
            let error = parse(wrong).unwrap_err();
            let expected = if why == "type" { "one plain line" } else { why };
            assert!(error.contains(expected), "{wrong}: {error}");
        }
    }
}
