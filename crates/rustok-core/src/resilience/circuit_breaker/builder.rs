//! The settings of a breaker: the three-field config for most uses, and the builder for everything else.
//!
//! Nothing here runs a call. Settings are fixed once a breaker is built.

use super::CircuitBreaker;
use super::circuit::MAX_STREAK;
use super::gate::Gate;
use super::metrics::Transition;
use crate::outcome::BreakerOutcome;
use crate::resilience::JitterSource;
use crate::resilience::jitter::nanos;
use std::borrow::Cow;
use std::fmt;
use std::sync::Arc;
use std::time::Duration;
use thiserror::Error;

/// The settings that every breaker has.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CircuitBreakerConfig {
    /// Consecutive failures that open the breaker. 1 to 1,048,575.
    pub failure_threshold: u32,
    /// Successful probes that close it again. At least 1.
    pub success_threshold: u32,
    /// How long it stays open before it admits a probe. At least 1 ms.
    pub timeout: Duration,
}

impl Default for CircuitBreakerConfig {
    /// 5 failures, 2 successes, 60 s.
    fn default() -> Self {
        Self {
            failure_threshold: 5,
            success_threshold: 2,
            timeout: Duration::from_secs(60),
        }
    }
}

impl CircuitBreakerConfig {
    pub(super) fn clamped(self) -> Self {
        Self {
            failure_threshold: self.failure_threshold.clamp(1, MAX_STREAK),
            success_threshold: self.success_threshold.max(1),
            timeout: self.timeout.max(MIN_OPEN_TIME),
        }
    }
}

const MIN_OPEN_TIME: Duration = Duration::from_millis(1);

/// How long the breaker stays open.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum OpenTime {
    /// Constant.
    Fixed(Duration),
    /// Grows each time the probes fail again, from `initial` by `factor` up to `cap`; starts over once the breaker
    /// has closed. Random jitter shortens the time by up to `jitter_percent` (0 to 100), so that many processes do
    /// not probe at once and the cap still holds.
    Exponential {
        /// The first open time.
        initial: Duration,
        /// The growth factor, at least 1.
        factor: u32,
        /// The longest open time.
        cap: Duration,
        /// Maximum jitter, in percent of the open time.
        jitter_percent: u8,
    },
}

impl OpenTime {
    /// The open time of the `nth` consecutive opening (from 1). Never overflows.
    pub(super) fn of(&self, nth: u32, jitter: &JitterSource) -> Duration {
        match *self {
            Self::Fixed(time) => time,
            Self::Exponential {
                initial,
                factor,
                cap,
                jitter_percent,
            } => {
                let growth = u64::from(factor).saturating_pow(nth.saturating_sub(1));
                let full = nanos(initial).saturating_mul(growth).min(nanos(cap));
                let off = full / 100 * u64::from(jitter_percent);
                jitter.between(
                    Duration::from_nanos(full.saturating_sub(off)),
                    Duration::from_nanos(full),
                )
            }
        }
    }

    /// The open time of the first opening without jitter: the `retry_after` of a manually opened breaker.
    pub(super) const fn initial(&self) -> Duration {
        match *self {
            Self::Fixed(time) | Self::Exponential { initial: time, .. } => time,
        }
    }
}

/// At least `percent` of at least `minimum_calls` calls in the window.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Rate {
    pub(super) percent: u8,
    pub(super) minimum_calls: u32,
}

impl Rate {
    pub(super) fn is_enough(self, calls: u64) -> bool {
        calls >= u64::from(self.minimum_calls)
    }

    pub(super) const fn is_share(self, part: u64, calls: u64) -> bool {
        part.saturating_mul(100) >= calls.saturating_mul(self.percent as u64)
    }

    fn is_valid(self) -> bool {
        (1..=100).contains(&self.percent) && self.minimum_calls > 0
    }
}

/// The rules that the state machine applies.
#[derive(Debug, Clone)]
pub(super) struct Rules {
    pub(super) consecutive: Option<u32>,
    pub(super) failure_rate: Option<Rate>,
    pub(super) slow: Option<(Duration, Rate)>,
    pub(super) window: (Duration, u16),
    pub(super) success_threshold: u32,
    pub(super) open_time: OpenTime,
    pub(super) probes: u32,
    pub(super) lease: Duration,
    pub(super) cancelled: BreakerOutcome,
    pub(super) jitter: JitterSource,
}

impl Rules {
    pub(super) fn new(config: CircuitBreakerConfig) -> Self {
        Self {
            consecutive: Some(config.failure_threshold),
            failure_rate: None,
            slow: None,
            window: (Duration::from_secs(10), 10),
            success_threshold: config.success_threshold,
            open_time: OpenTime::Fixed(config.timeout),
            probes: 1,
            lease: Duration::from_secs(30),
            cancelled: BreakerOutcome::Ignored,
            jitter: JitterSource::from_os(),
        }
    }
}

/// Called after each transition, in order, without any lock held.
pub(super) type Listener = Box<dyn Fn(&Transition) + Send + Sync>;

/// Builds a [`CircuitBreaker`]. Defaults: those of [`CircuitBreakerConfig`], one probe at a time with a lease of 30
/// s, and a window of 10 s in 10 buckets for the rate rules, none of which is set.
#[must_use]
pub struct CircuitBreakerBuilder {
    name: Cow<'static, str>,
    rules: Rules,
    listeners: Vec<Listener>,
}

impl CircuitBreakerBuilder {
    pub(super) fn new(name: Cow<'static, str>) -> Self {
        Self {
            name,
            rules: Rules::new(CircuitBreakerConfig::default()),
            listeners: Vec::new(),
        }
    }

    /// Applies the three settings of a config.
    pub fn config(mut self, config: CircuitBreakerConfig) -> Self {
        self.rules.consecutive = Some(config.failure_threshold);
        self.rules.success_threshold = config.success_threshold;
        self.rules.open_time = OpenTime::Fixed(config.timeout);
        self
    }

    /// Opens after this many consecutive failures (1 to 1,048,575).
    pub fn consecutive_failures(mut self, failures: u32) -> Self {
        self.rules.consecutive = Some(failures);
        self
    }

    /// Turns the rule on consecutive failures off.
    pub fn without_consecutive_failures(mut self) -> Self {
        self.rules.consecutive = None;
        self
    }

    /// Opens when at least `percent` (1 to 100) of the calls in the window failed, once it holds `minimum_calls` (at
    /// least 1). The rule is evaluated on a failure, and on the call that completes the minimum.
    pub fn failure_rate(mut self, percent: u8, minimum_calls: u32) -> Self {
        self.rules.failure_rate = Some(Rate {
            percent,
            minimum_calls,
        });
        self
    }

    /// Opens when at least `percent` (1 to 100) of the calls in the window took `slow` or longer, once it holds
    /// `minimum_calls`. A slow probe counts as a failed one.
    pub fn slow_call_rate(mut self, slow: Duration, percent: u8, minimum_calls: u32) -> Self {
        self.rules.slow = Some((
            slow,
            Rate {
                percent,
                minimum_calls,
            },
        ));
        self
    }

    /// The length of the window of the rate rules (at least 1 µs) and the number of buckets (1 to 1000) in which it
    /// slides. Each calling thread has its own buckets of 32 bytes each. The precision is limited to a kernel tick (1
    /// to 10 ms), even with shorter buckets.
    pub fn window(mut self, length: Duration, buckets: u16) -> Self {
        self.rules.window = (length, buckets);
        self
    }

    /// Successful probes that close it again (at least 1). May exceed the number of concurrent probes: they follow
    /// each other.
    pub fn success_threshold(mut self, successes: u32) -> Self {
        self.rules.success_threshold = successes;
        self
    }

    /// How long it stays open.
    pub fn open_time(mut self, time: OpenTime) -> Self {
        self.rules.open_time = time;
        self
    }

    /// How many probes (1 to 1000) may run concurrently while half-open.
    pub fn half_open_probes(mut self, probes: u32) -> Self {
        self.rules.probes = probes;
        self
    }

    /// The lease of a probe: one that has not ended after this time loses its slot to another, and its own result no
    /// longer counts.
    pub fn probe_lease(mut self, lease: Duration) -> Self {
        self.rules.lease = lease;
        self
    }

    /// How a future that is dropped before completion counts; default [`BreakerOutcome::Ignored`]. One that is
    /// dropped at or after its deadline (of a `with_timeout` around it) is always a failure.
    pub fn cancelled_as(mut self, outcome: BreakerOutcome) -> Self {
        self.rules.cancelled = outcome;
        self
    }

    /// The random source of the open time's jitter.
    pub fn jitter_source(mut self, source: JitterSource) -> Self {
        self.rules.jitter = source;
        self
    }

    /// Adds a listener. Listeners are called for each transition, one after the other, in order, without any lock
    /// held: they may use the breaker. A listener that blocks delays the call that caused the transition; a panic in
    /// one is logged.
    pub fn on_transition(mut self, listener: impl Fn(&Transition) + Send + Sync + 'static) -> Self {
        self.listeners.push(Box::new(listener));
        self
    }

    /// Builds the breaker, closed.
    ///
    /// # Errors
    /// [`CircuitBreakerConfigError`] for the first setting that is out of bounds.
    pub fn build(self) -> Result<CircuitBreaker, CircuitBreakerConfigError> {
        self.validate()?;
        Ok(self.build_unchecked())
    }

    pub(super) fn build_unchecked(self) -> CircuitBreaker {
        CircuitBreaker(Arc::new(Gate::new(self.name, self.rules, self.listeners)))
    }

    fn validate(&self) -> Result<(), CircuitBreakerConfigError> {
        use CircuitBreakerConfigError as E;
        let rules = &self.rules;
        let rates = [rules.failure_rate, rules.slow.map(|(_, rate)| rate)];
        let open_time_is_valid = match rules.open_time {
            OpenTime::Fixed(time) => time >= MIN_OPEN_TIME,
            OpenTime::Exponential {
                initial,
                factor,
                cap,
                jitter_percent,
            } => initial >= MIN_OPEN_TIME && factor >= 1 && cap >= initial && jitter_percent <= 100,
        };
        let checks = [
            (!self.name.is_empty(), E::Name),
            (
                rules.consecutive.is_some() || rates.iter().any(Option::is_some),
                E::NoRule,
            ),
            (
                rules
                    .consecutive
                    .is_none_or(|failures| (1..=MAX_STREAK).contains(&failures)),
                E::FailureThreshold,
            ),
            (rates.iter().flatten().all(|rate| rate.is_valid()), E::Rate),
            (rules.slow.is_none_or(|(slow, _)| !slow.is_zero()), E::SlowCall),
            (
                (1..=1000).contains(&rules.window.1) && nanos(rules.window.0) >= 1000,
                E::Window,
            ),
            (rules.success_threshold > 0, E::SuccessThreshold),
            (open_time_is_valid, E::OpenTime),
            ((1..=1000).contains(&rules.probes), E::Probes),
            (!rules.lease.is_zero(), E::Lease),
        ];
        checks
            .into_iter()
            .find(|(holds, _)| !holds)
            .map_or(Ok(()), |(_, error)| Err(error))
    }
}

impl fmt::Debug for CircuitBreakerBuilder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("CircuitBreakerBuilder")
            .field("name", &self.name)
            .field("rules", &self.rules)
            .finish_non_exhaustive()
    }
}

/// An invalid setting.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Error)]
pub enum CircuitBreakerConfigError {
    /// The name is empty.
    #[error("the breaker has no name")]
    Name,
    /// No rule could ever open it.
    #[error("the breaker has no rule that opens it")]
    NoRule,
    /// Outside 1 to 1,048,575 consecutive failures.
    #[error("the failure threshold must be 1 to 1048575")]
    FailureThreshold,
    /// A percentage outside 1 to 100, or a minimum of zero calls.
    #[error("a rate needs 1 to 100 percent and a minimum of at least 1 call")]
    Rate,
    /// A slow-call threshold that makes every call slow.
    #[error("the duration of a slow call must not be zero")]
    SlowCall,
    /// Outside 1 to 1000 buckets, or a window below 1 µs.
    #[error("the window needs 1 to 1000 buckets and at least 1 µs")]
    Window,
    /// Zero successes.
    #[error("the success threshold must be at least 1")]
    SuccessThreshold,
    /// Below 1 ms, a cap below the initial time, a factor of 0, or jitter over 100 percent.
    #[error(
        "the open time must be at least 1 ms, its cap not below it, its factor at least 1, its jitter at most 100 %"
    )]
    OpenTime,
    /// Outside 1 to 1000 probes.
    #[error("half-open needs 1 to 1000 probes")]
    Probes,
    /// A lease of zero.
    #[error("the lease of a probe must not be zero")]
    Lease,
}

#[cfg(test)]
mod tests {
    use super::*;

    const SECOND: Duration = Duration::from_secs(1);

    #[test]
    fn each_bad_setting_is_named() {
        use CircuitBreakerConfigError as E;
        let b = || CircuitBreaker::builder("db");
        let exponential = |factor, cap, jitter_percent| OpenTime::Exponential {
            initial: SECOND,
            factor,
            cap,
            jitter_percent,
        };
        for (builder, error) in [
            (CircuitBreaker::builder(""), E::Name),
            (b().without_consecutive_failures(), E::NoRule),
            (b().consecutive_failures(0), E::FailureThreshold),
            (b().failure_rate(0, 1), E::Rate),
            (b().failure_rate(101, 1), E::Rate),
            (b().failure_rate(50, 0), E::Rate),
            (b().slow_call_rate(SECOND, 0, 1), E::Rate),
            (b().slow_call_rate(Duration::ZERO, 50, 1), E::SlowCall),
            (b().window(SECOND, 0), E::Window),
            (b().window(SECOND, 1001), E::Window),
            (b().window(Duration::ZERO, 10), E::Window),
            (b().success_threshold(0), E::SuccessThreshold),
            (b().open_time(OpenTime::Fixed(Duration::ZERO)), E::OpenTime),
            (b().open_time(exponential(2, SECOND / 2, 0)), E::OpenTime),
            (b().open_time(exponential(0, SECOND, 0)), E::OpenTime),
            (b().open_time(exponential(2, SECOND, 101)), E::OpenTime),
            (b().half_open_probes(0), E::Probes),
            (b().half_open_probes(1001), E::Probes),
            (b().probe_lease(Duration::ZERO), E::Lease),
        ] {
            assert_eq!(builder.build().err(), Some(error));
        }
        assert!(b().build().is_ok());
    }

    #[test]
    fn exponential_open_time_grows_to_its_cap_at_any_number() {
        let jitter = JitterSource::seeded(1);
        let time = OpenTime::Exponential {
            initial: SECOND,
            factor: 2,
            cap: 60 * SECOND,
            jitter_percent: 0,
        };
        let times: Vec<_> = [1, 2, 3, 7, 8, u32::MAX]
            .map(|nth| time.of(nth, &jitter).as_secs())
            .to_vec();
        assert_eq!(times, [1, 2, 4, 60, 60, 60]);
        let huge = OpenTime::Exponential {
            initial: Duration::MAX,
            factor: u32::MAX,
            cap: Duration::MAX,
            jitter_percent: 100,
        };
        let _ = huge.of(u32::MAX, &jitter);
    }

    #[test]
    fn jitter_takes_off_at_most_its_share() {
        let jitter = JitterSource::seeded(1);
        let time = OpenTime::Exponential {
            initial: SECOND,
            factor: 2,
            cap: SECOND,
            jitter_percent: 20,
        };
        let drawn: Vec<_> = (0..100).map(|_| time.of(3, &jitter)).collect();
        assert!(drawn.iter().all(|time| (SECOND * 4 / 5..=SECOND).contains(time)));
        assert!(drawn.iter().any(|time| *time < SECOND * 9 / 10));
    }

    #[test]
    fn a_rate_needs_its_minimum() {
        let rate = Rate {
            percent: 50,
            minimum_calls: 10,
        };
        let reached = |part, calls| rate.is_share(part, calls) && rate.is_enough(calls);
        assert!(!reached(9, 9));
        assert!(reached(5, 10));
        assert!(!reached(4, 10));
        assert!(!reached(5, 11));
    }
}
