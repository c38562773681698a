//! HTTP metrics by operation: durations and response statuses.
//!
//! An operation is a method and a route template of the router, all known at startup; all other requests are counted
//! as one further operation. So the number of series is bounded, whatever clients send. Recording finds its series
//! without a lock that is shared with readers, and allocates nothing.

use super::Samples;
use super::catalogue::metric;
use crate::TraceId;
use prometheus_client::encoding::{EncodeLabelKey as _, EncodeLabelSet, LabelSetEncoder};
use prometheus_client::metrics::exemplar::HistogramWithExemplars;
use std::collections::HashMap;
use std::fmt::{self, Write as _};
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;

const DURATIONS: &str = "http_server_request_duration_seconds";
const REQUESTS: &str = "http_server_requests_total";

/// The route label of requests that match no operation.
pub const UNMATCHED: &str = "unmatched";
/// Their method label.
const OTHER: &str = "_OTHER";

/// Statuses of responses to requests that match no operation: HEAD, preflights, not found, and overload.
const UNMATCHED_STATUSES: [u16; 7] = [200, 204, 400, 404, 405, 429, 503];

/// Status classes of durations: server failures and all others. Rejections share a class with successes: with five
/// classes, these series would be the majority of all.
const CLASSES: [&str; 2] = ["below_5xx", "5xx"];
const FAILED: usize = 1;
const LOWEST_STATUS: u16 = 100;
const STATUSES: usize = 500;
const FIRST_FAILURE: u16 = 500;

/// A method and a route template, and the statuses that it may respond with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Operation {
    /// `GET`.
    pub method: &'static str,
    /// `/api/store/v1/products/{handle}`.
    pub route: String,
    /// Exposed with 0 from the start, so that the first response is an increase from 0 to 1, visible to `rate`.
    pub statuses: Vec<u16>,
}

/// All operations of a server.
pub struct HttpMetrics {
    routes: HashMap<String, Vec<Series>>,
    unmatched: Series,
}

/// The metrics of one operation.
struct Series {
    operation: Operation,
    /// By class.
    durations: [HistogramWithExemplars<TraceLabel>; CLASSES.len()],
    /// By status, starting at 100.
    answers: Box<[AtomicU64]>,
}

impl HttpMetrics {
    /// Counters for these operations.
    #[must_use]
    pub fn new(operations: impl IntoIterator<Item = Operation>) -> Self {
        let mut routes: HashMap<String, Vec<Series>> = HashMap::new();
        for operation in operations {
            routes
                .entry(operation.route.clone())
                .or_default()
                .push(Series::new(operation));
        }
        let unmatched = Operation {
            method: OTHER,
            route: UNMATCHED.to_owned(),
            statuses: UNMATCHED_STATUSES.to_vec(),
        };
        Self {
            routes,
            unmatched: Series::new(unmatched),
        }
    }

    /// Counts a finished request. `route` is the template that the router matched, never the path. The exemplar is
    /// the last `trace` passed, which the caller passes only if it can be looked up.
    pub fn record(
        &self,
        method: &str,
        route: Option<&str>,
        status: u16,
        took: Duration,
        trace: Option<TraceId>,
    ) {
        // Every GET route also serves HEAD.
        let method = if method == "HEAD" { "GET" } else { method };
        let series = route
            .and_then(|route| self.routes.get(route))
            .and_then(|methods| methods.iter().find(|series| series.operation.method == method))
            .unwrap_or(&self.unmatched);
        series.record(status, took, trace);
    }

    /// Writes the samples.
    ///
    /// # Errors
    /// Those of [`Samples::family`].
    pub fn collect(&self, samples: &mut Samples<'_>) -> fmt::Result {
        // Counters are read before the durations, so that a first response in between is not missing from a class.
        let mut all: Vec<_> = self.routes.values().flatten().chain([&self.unmatched]).collect();
        all.sort_by_key(|series| (&series.operation.route, series.operation.method));
        let mut requests = samples.family(REQUESTS)?;
        for series in &all {
            series.collect_answers(|labels, answers| requests.value(labels, answers))?;
        }
        let mut durations = samples.family(DURATIONS)?;
        for series in &all {
            series.tell_durations(|labels, histogram| durations.traced(labels, histogram))?;
        }
        Ok(())
    }
}

impl fmt::Debug for HttpMetrics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("HttpMetrics")
            .field("routes", &self.routes.len())
            .finish_non_exhaustive()
    }
}

impl Series {
    fn new(operation: Operation) -> Self {
        let buckets = metric(DURATIONS).map_or(&[][..], |metric| &metric.buckets);
        let bounds = || buckets.iter().copied().chain([f64::INFINITY]);
        Self {
            operation,
            durations: std::array::from_fn(|_| HistogramWithExemplars::new(bounds())),
            answers: (0..STATUSES).map(|_| AtomicU64::new(0)).collect(),
        }
    }

    fn record(&self, status: u16, took: Duration, trace: Option<TraceId>) {
        let index = usize::from(status.saturating_sub(LOWEST_STATUS)).min(STATUSES - 1);
        if let Some(answers) = self.answers.get(index) {
            answers.fetch_add(1, Ordering::Relaxed);
        }
        if let Some(durations) = self.durations.get(class_of(status)) {
            durations.observe(took.as_secs_f64(), trace.map(TraceLabel), None);
        }
    }

    fn collect_answers(&self, mut collect: impl FnMut(&[(&str, &str)], u64) -> fmt::Result) -> fmt::Result {
        let mut text = String::new();
        for (status, answers) in (LOWEST_STATUS..).zip(&self.answers) {
            let answers = answers.load(Ordering::Relaxed);
            if answers > 0 || self.operation.statuses.contains(&status) {
                text.clear();
                write!(text, "{status}")?;
                collect(&self.labels(("status", &text)), answers)?;
            }
        }
        Ok(())
    }

    /// The series of failures appear with the first failure, all others are exposed from the start: a client that
    /// provokes the first rejection of every operation creates no new series.
    fn tell_durations(
        &self,
        mut collect: impl FnMut(&[(&str, &str)], &HistogramWithExemplars<TraceLabel>) -> fmt::Result,
    ) -> fmt::Result {
        for (class, (name, durations)) in CLASSES.iter().zip(&self.durations).enumerate() {
            let failed = || {
                let failures = self
                    .answers
                    .iter()
                    .skip(usize::from(FIRST_FAILURE - LOWEST_STATUS));
                failures
                    .map(|answers| answers.load(Ordering::Relaxed))
                    .any(|answers| answers > 0)
            };
            if class != FAILED || failed() {
                collect(&self.labels(("status_class", name)), durations)?;
            }
        }
        Ok(())
    }

    fn labels<'a>(&'a self, status: (&'a str, &'a str)) -> [(&'a str, &'a str); 3] {
        [
            ("route", &self.operation.route),
            ("method", self.operation.method),
            status,
        ]
    }
}

/// The index of a status in [`CLASSES`].
fn class_of(status: u16) -> usize {
    usize::from(status >= FIRST_FAILURE)
}

/// The label of an exemplar.
#[derive(Debug, Clone, Copy)]
struct TraceLabel(TraceId);

impl EncodeLabelSet for TraceLabel {
    fn encode(&self, encoder: &mut LabelSetEncoder<'_>) -> fmt::Result {
        let mut label = encoder.encode_label();
        let mut key = label.encode_label_key()?;
        "trace_id".encode(&mut key)?;
        let mut value = key.encode_label_value()?;
        write!(value, "{}", self.0)?;
        value.finish()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::TraceContext;
    use crate::metrics::{Form, expose};
    use std::sync::Arc;

    fn operation(method: &'static str, route: &str, statuses: &[u16]) -> Operation {
        Operation {
            method,
            route: route.to_owned(),
            statuses: statuses.to_vec(),
        }
    }

    fn metrics() -> Arc<HttpMetrics> {
        Arc::new(HttpMetrics::new([
            operation("GET", "/things/{id}", &[200, 404, 503]),
            operation("POST", "/things", &[201, 422]),
        ]))
    }

    fn reported(metrics: &Arc<HttpMetrics>, form: Form) -> String {
        let metrics = Arc::clone(metrics);
        expose(form, move |samples| metrics.collect(samples)).unwrap()
    }

    fn series(text: &str) -> usize {
        text.lines().filter(|line| !line.starts_with('#')).count()
    }

    fn trace() -> TraceId {
        TraceContext::parse("00-4bf92f3577b34da6a3ce929d0e0e4736-00f067aa0ba902b7-01")
            .unwrap()
            .trace_id()
    }

    #[test]
    fn a_request_is_counted_where_it_belongs_and_carries_its_trace() {
        let metrics = metrics();
        let took = Duration::from_millis(500);
        metrics.record("GET", Some("/things/{id}"), 200, took, Some(trace()));
        metrics.record("GET", Some("/things/{id}"), 200, 4 * took, Some(trace()));
        metrics.record("GET", Some("/things/{id}"), 503, took, Some(trace()));
        let text = reported(&metrics, Form::OpenMetrics);
        let labels = "route=\"/things/{id}\",method=\"GET\",status_class=\"below_5xx\"";
        for part in [
            "requests_total{route=\"/things/{id}\",method=\"GET\",status=\"200\"} 2\n".to_owned(),
            "requests_total{route=\"/things/{id}\",method=\"GET\",status=\"404\"} 0\n".to_owned(),
            "requests_total{route=\"/things/{id}\",method=\"GET\",status=\"503\"} 1\n".to_owned(),
            format!("_bucket{{le=\"0.25\",{labels}}} 0\n"),
            format!(
                "_bucket{{le=\"0.5\",{labels}}} 1 # {{trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"}} 0.5\n"
            ),
            format!(
                "_bucket{{le=\"2.5\",{labels}}} 2 # {{trace_id=\"4bf92f3577b34da6a3ce929d0e0e4736\"}} 2.0\n"
            ),
            format!("_count{{{labels}}} 2\n"),
            format!("_sum{{{labels}}} 2.5\n"),
        ] {
            assert!(text.contains(&part), "{part} is not in\n{text}");
        }
        let plain = reported(&metrics, Form::Plain);
        assert!(
            plain.contains(&format!("_bucket{{le=\"0.5\",{labels}}} 1\n")),
            "{plain}"
        );
        assert_eq!(series(&plain), series(&text));
    }

    #[test]
    fn whatever_no_operation_takes_is_one_operation() {
        let metrics = metrics();
        let before = series(&reported(&metrics, Form::Plain));
        for number in 0..1_000_u32 {
            let (method, path) = (format!("M{number}"), format!("/{number}"));
            metrics.record(&method, Some(&path), 404, Duration::ZERO, Some(trace()));
            metrics.record(&method, Some("/things"), 405, Duration::ZERO, Some(trace()));
            metrics.record("HEAD", Some("/things/{id}"), 200, Duration::ZERO, Some(trace()));
            metrics.record(
                "OPTIONS",
                Some("/things/{id}"),
                204,
                Duration::ZERO,
                Some(trace()),
            );
            metrics.record("GET", None, 404, Duration::ZERO, Some(trace()));
        }
        let text = reported(&metrics, Form::Plain);
        assert_eq!(series(&text), before);
        assert!(
            text.contains("{route=\"unmatched\",method=\"_OTHER\",status=\"404\"} 2000\n"),
            "{text}"
        );
    }

    #[test]
    fn a_status_that_there_is_not_is_no_reason_to_lose_a_request() {
        let metrics = metrics();
        for status in [0, 99, 600, u16::MAX] {
            metrics.record("POST", Some("/things"), status, Duration::ZERO, Some(trace()));
        }
        let text = reported(&metrics, Form::Plain);
        assert!(text.contains("method=\"POST\",status=\"100\"} 2\n"), "{text}");
        assert!(text.contains("method=\"POST\",status=\"599\"} 2\n"), "{text}");
        assert!(
            text.contains("_count{route=\"/things\",method=\"POST\",status_class=\"5xx\"} 2\n"),
            "{text}"
        );
    }

    #[test]
    fn recording_allocates_nothing() {
        let metrics = metrics();
        let record = || metrics.record("GET", Some("/things/{id}"), 200, Duration::ZERO, Some(trace()));
        // The first exemplar of a bucket allocates its storage.
        record();
        assert_eq!(allocation_counter::measure(record).count_total, 0);
    }
}
