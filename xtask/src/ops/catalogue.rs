//! The metric names in ops/prometheus/metrics.toml, and a check for unknown names in a text. It must never contain a
//! metric name itself.

use serde::Deserialize;
use std::collections::BTreeMap;

/// Prefixes of all family names.
const BEGINNINGS: [&str; 5] = ["rustok_", "http_server_", "db_client_", "process_", "tokio_"];

#[derive(Debug, Deserialize)]
struct Metric {
    #[serde(rename = "type")]
    kind: Kind,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Kind {
    Counter,
    Gauge,
    Histogram,
}

/// `prometheus/metrics.toml`.
#[derive(Debug)]
pub(crate) struct Catalogue(BTreeMap<String, Metric>);

impl Catalogue {
    pub(crate) fn read(text: &str) -> Result<Self, String> {
        let metrics: BTreeMap<String, Metric> =
            toml::from_str(text).map_err(|error| format!("metrics.toml: {error}"))?;
        let strange = metrics
            .keys()
            .find(|name| !BEGINNINGS.iter().any(|beginning| name.starts_with(beginning)));
        match strange {
            Some(name) => Err(format!(
                "metrics.toml: {name} begins like none before; add that to {}",
                file!()
            )),
            None => Ok(Self(metrics)),
        }
    }

    /// Names in a text that have the prefix of a metric but do not exist.
    pub(crate) fn unknown<'a>(&'a self, text: &'a str) -> impl Iterator<Item = &'a str> {
        let is_of_name = |c: char| c.is_ascii_alphanumeric() || c == '_' || c == ':';
        let words = text.split(move |c| !is_of_name(c));
        words.filter(|word| BEGINNINGS.iter().any(|beginning| word.starts_with(beginning)) && !self.has(word))
    }

    pub(crate) fn has_family(&self, name: &str) -> bool {
        self.0.contains_key(name)
    }

    fn has(&self, series: &str) -> bool {
        let of_histogram = ["_bucket", "_sum", "_count"]
            .iter()
            .filter_map(|end| series.strip_suffix(end));
        let mut of_histogram = of_histogram.filter_map(|name| self.0.get(name));
        self.0
            .get(series)
            .is_some_and(|metric| metric.kind != Kind::Histogram)
            || of_histogram.any(|metric| metric.kind == Kind::Histogram)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_that_no_server_tells_is_found() {
        let text = "[rustok_a_total]\ntype = 'counter'\n[http_server_b]\ntype = 'histogram'\n";
        let catalogue = Catalogue::read(text).unwrap();
        let unknown = |text| catalogue.unknown(text).collect::<Vec<_>>();
        assert!(unknown("rate(rustok_a_total{x=\"1\"}[5m]) / http_server_b_count").is_empty());
        assert_eq!(
            unknown("rustok_a + rustok_a_total_count + http_server_b"),
            ["rustok_a", "rustok_a_total_count", "http_server_b"]
        );
        assert!(Catalogue::read("[other]\ntype = 'gauge'").is_err());
    }
}
