//! Exposition of metrics: OpenMetrics 1.0.0 with exemplars, or Prometheus' text format 0.0.4 without.
//!
//! A family that is not in the catalogue, or whose labels differ from the catalogue's, is an error: undocumented
//! metrics cannot be exposed.

use super::catalogue::{Kind, Metric, metric};
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{
    DescriptorEncoder, EncodeLabelSet, EncodeMetric as _, MetricEncoder, NoLabelSet, text,
};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::exemplar::{Exemplar, HistogramWithExemplars};
use prometheus_client::registry::Registry;
use std::collections::HashMap;
use std::fmt;

/// The exposition format.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Form {
    /// OpenMetrics 1.0.0 (<https://prometheus.io/docs/specs/om/open_metrics_spec/>), with exemplars.
    OpenMetrics,
    /// Prometheus' text format 0.0.4 (<https://prometheus.io/docs/instrumenting/exposition_formats/>).
    Plain,
}

impl Form {
    /// The `Content-Type` of this format.
    #[must_use]
    pub const fn content_type(self) -> &'static str {
        match self {
            Self::OpenMetrics => "application/openmetrics-text; version=1.0.0; charset=utf-8",
            Self::Plain => "text/plain; version=0.0.4; charset=utf-8",
        }
    }
}

/// Writes the samples that `fill` adds.
///
/// # Errors
/// When it adds something that is not in the catalogue.
pub fn expose(
    form: Form,
    fill: impl Fn(&mut Samples<'_>) -> fmt::Result + Send + Sync + 'static,
) -> Result<String, fmt::Error> {
    let mut registry = Registry::default();
    registry.register_collector(Box::new(Filled(fill)));
    let mut text = String::new();
    text::encode(&mut text, &registry)?;
    Ok(match form {
        Form::OpenMetrics => text,
        Form::Plain => plain(&text),
    })
}

struct Filled<F>(F);

impl<F> fmt::Debug for Filled<F> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Filled")
    }
}

impl<F: Fn(&mut Samples<'_>) -> fmt::Result + Send + Sync + 'static> Collector for Filled<F> {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        (self.0)(&mut Samples { encoder })
    }
}

/// The output of an exposition: families, one after the other.
#[derive(Debug)]
pub struct Samples<'a> {
    encoder: DescriptorEncoder<'a>,
}

impl Samples<'_> {
    /// Begins the family with this name of the catalogue. All of its samples must be added before the next family
    /// begins, and no family may begin twice.
    ///
    /// # Errors
    /// When the catalogue does not contain it.
    pub fn family(&mut self, name: &str) -> Result<Family<'_>, fmt::Error> {
        let metric = metric(name).ok_or(fmt::Error)?;
        let kind = match metric.kind {
            Kind::Counter => MetricType::Counter,
            Kind::Gauge => MetricType::Gauge,
            Kind::Histogram => MetricType::Histogram,
        };
        let encoder =
            self.encoder
                .encode_descriptor(&metric.stem, &metric.help, metric.unit.as_ref(), kind)?;
        Ok(Family { encoder, metric })
    }

    /// Adds a family of one sample without labels.
    ///
    /// # Errors
    /// Those of [`Samples::family`] and [`Family::value`].
    pub fn value(&mut self, name: &str, value: impl Into<Number>) -> fmt::Result {
        self.family(name)?.value(&[], value)
    }
}

/// A sample's value.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Number {
    /// An integer.
    Whole(u64),
    /// A floating-point number.
    Real(f64),
}

impl From<u64> for Number {
    fn from(value: u64) -> Self {
        Self::Whole(value)
    }
}

impl From<usize> for Number {
    fn from(value: usize) -> Self {
        Self::Whole(u64::try_from(value).unwrap_or(u64::MAX))
    }
}

impl From<f64> for Number {
    fn from(value: f64) -> Self {
        Self::Real(value)
    }
}

/// The counts of a histogram.
#[derive(Debug, Clone, Copy)]
pub struct Bucketed<'a> {
    /// Counts per bucket, not cumulative; the last one is the +Inf bucket.
    pub counts: &'a [u64],
    /// The sum of all values, in the histogram's unit.
    pub sum: f64,
}

/// One family of samples.
#[derive(Debug)]
pub struct Family<'a> {
    encoder: MetricEncoder<'a>,
    metric: &'static Metric,
}

impl Family<'_> {
    /// Adds one sample of a counter or a gauge.
    ///
    /// # Errors
    /// When the family is a histogram, or the labels do not match the family.
    pub fn value(&mut self, labels: &[(&str, &str)], value: impl Into<Number>) -> fmt::Result {
        let (kind, value) = (self.metric.kind, value.into());
        self.sample(labels, |encoder| match (kind, value) {
            (Kind::Counter, Number::Whole(value)) => {
                encoder.encode_counter::<NoLabelSet, _, f64>(&value, None)
            }
            (Kind::Counter, Number::Real(value)) => {
                encoder.encode_counter::<NoLabelSet, _, f64>(&value, None)
            }
            (Kind::Gauge, Number::Whole(value)) => encoder.encode_gauge(&value),
            (Kind::Gauge, Number::Real(value)) => encoder.encode_gauge(&value),
            (Kind::Histogram, _) => Err(fmt::Error),
        })
    }

    /// Adds a histogram that was counted elsewhere, with the bounds of the catalogue.
    ///
    /// # Errors
    /// When its number of buckets differs from the catalogue's, or the labels do not match the family.
    pub fn histogram(&mut self, labels: &[(&str, &str)], counted: Bucketed<'_>) -> fmt::Result {
        let metric = self.metric;
        if metric.kind != Kind::Histogram || counted.counts.len() != metric.buckets.len() + 1 {
            return Err(fmt::Error);
        }
        let bounds = metric.buckets.iter().copied().chain([f64::INFINITY]);
        let buckets: Vec<_> = bounds.zip(counted.counts.iter().copied()).collect();
        let count = counted.counts.iter().sum();
        let none: Option<&HashMap<usize, Exemplar<NoLabelSet, f64>>> = None;
        self.sample(labels, |encoder| {
            encoder.encode_histogram(counted.sum, count, &buckets, none)
        })
    }

    /// Adds a histogram of the `prometheus_client` crate.
    pub(super) fn traced<S: EncodeLabelSet>(
        &mut self,
        labels: &[(&str, &str)],
        histogram: &HistogramWithExemplars<S>,
    ) -> fmt::Result {
        self.check(labels)?;
        histogram.encode(self.encoder.encode_family(&labels)?)
    }

    fn sample(
        &mut self,
        labels: &[(&str, &str)],
        encode: impl FnOnce(&mut MetricEncoder<'_>) -> fmt::Result,
    ) -> fmt::Result {
        self.check(labels)?;
        if labels.is_empty() {
            return encode(&mut self.encoder);
        }
        encode(&mut self.encoder.encode_family(&labels)?)
    }

    fn check(&self, labels: &[(&str, &str)]) -> fmt::Result {
        let own = &self.metric.labels;
        let known = |(name, _): &(&str, &str)| own.iter().any(|label| label == name);
        if labels.len() == own.len() && labels.iter().all(known) {
            Ok(())
        } else {
            Err(fmt::Error)
        }
    }
}

/// Converts OpenMetrics to the older format: a counter's family has the name of its samples; exemplars and units do
/// not exist.
fn plain(open_metrics: &str) -> String {
    let mut plain = String::with_capacity(open_metrics.len());
    let mut help = "";
    for line in open_metrics.lines() {
        if line.starts_with("# HELP ") {
            help = line;
        } else if let Some(described) = line.strip_prefix("# TYPE ") {
            let (name, kind) = described.split_once(' ').unwrap_or((described, ""));
            let end = if kind == "counter" { "_total" } else { "" };
            let text = help
                .strip_prefix("# HELP ")
                .and_then(|help| help.strip_prefix(name))
                .unwrap_or_default();
            for part in [
                "# HELP ",
                name,
                end,
                text,
                "\n# TYPE ",
                name,
                end,
                " ",
                kind,
                "\n",
            ] {
                plain.push_str(part);
            }
        } else if !line.starts_with('#') {
            // No label value contains this separator: all of them are our own.
            plain.push_str(line.split_once(" # {").map_or(line, |(sample, _)| sample));
            plain.push('\n');
        }
    }
    plain
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_form_as_its_specification_has_it() {
        let fill = |samples: &mut Samples<'_>| {
            samples.value("process_cpu_seconds_total", 1.5)?;
            samples.value("rustok_outbox_depth", 3_u64)?;
            let mut breakers = samples.family("rustok_circuit_breaker_rejected_total")?;
            breakers.value(&[("breaker", "database")], 2_u64)?;
            let mut waits = samples.family("db_client_connection_wait_time_seconds")?;
            let labels = [("db_system_name", "sqlite"), ("mode", "read")];
            let counted = Bucketed {
                counts: &[1, 2, 0, 0, 0, 0, 0, 0, 4],
                sum: 8.25,
            };
            waits.histogram(&labels, counted)
        };
        let open = expose(Form::OpenMetrics, fill).unwrap();
        for part in [
            "# TYPE process_cpu_seconds counter\n# UNIT process_cpu_seconds seconds\nprocess_cpu_seconds_total 1.5\n",
            "# TYPE rustok_outbox_depth gauge\nrustok_outbox_depth 3\n",
            "rustok_circuit_breaker_rejected_total{breaker=\"database\"} 2\n",
            "db_client_connection_wait_time_seconds_sum{db_system_name=\"sqlite\",mode=\"read\"} 8.25\n",
            "_bucket{le=\"0.0001\",db_system_name=\"sqlite\",mode=\"read\"} 3\n",
            "_bucket{le=\"+Inf\",db_system_name=\"sqlite\",mode=\"read\"} 7\n# EOF\n",
        ] {
            assert!(open.contains(part), "{part}\nis not in\n{open}");
        }
        let plain = expose(Form::Plain, fill).unwrap();
        for part in [
            "# HELP process_cpu_seconds_total Processor time",
            "# TYPE process_cpu_seconds_total counter\nprocess_cpu_seconds_total 1.5\n",
            "# TYPE db_client_connection_wait_time_seconds histogram\n",
        ] {
            assert!(plain.contains(part), "{part}\nis not in\n{plain}");
        }
        assert!(!plain.contains("# UNIT") && !plain.contains("# EOF"), "{plain}");
    }

    #[test]
    fn what_the_catalogue_does_not_have_does_not_get_out() {
        let refused = |fill: fn(&mut Samples<'_>) -> fmt::Result| {
            assert!(expose(Form::Plain, fill).is_err());
        };
        refused(|samples| samples.value("rustok_unheard_of", 1_u64));
        refused(|samples| samples.value("rustok_circuit_breaker_rejected_total", 1_u64));
        refused(|samples| samples.value("db_client_connection_wait_time_seconds", 1_u64));
        refused(|samples| {
            samples
                .family("rustok_outbox_depth")?
                .value(&[("tenant", "a")], 1_u64)
        });
        refused(|samples| {
            let mut waits = samples.family("db_client_connection_wait_time_seconds")?;
            let labels = [("db_system_name", "sqlite"), ("mode", "read")];
            waits.histogram(
                &labels,
                Bucketed {
                    counts: &[1, 2],
                    sum: 3.0,
                },
            )
        });
    }
}
