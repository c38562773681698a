//! Limits the requests per minute of each key, and reports the limit to the client.
//!
//! The fields are those of draft-ietf-httpapi-ratelimit-headers (10): `RateLimit-Policy: "token";q=300000;w=60` and
//! `RateLimit: "token";r=17;t=4`. A refusal always has them. Any other response has them only when less than half of
//! the quota is left: far from the limit they would cost client and server work for nothing.

use super::buckets::Buckets;
use super::refusals::Refusals;
use axum::response::{IntoResponse, Response};
use governor::clock::Clock;
use governor::middleware::StateInformationMiddleware;
use governor::nanos::Nanos;
use governor::{Quota, RateLimiter};
use http::{HeaderName, HeaderValue};
use rustok_core::error::ErrorResponse;
use std::hash::{BuildHasher, Hash, RandomState};
use std::num::NonZeroU32;
use std::time::Duration;
use tokio::time::Instant;

const RATE_LIMIT: HeaderName = HeaderName::from_static("ratelimit");
const RATE_LIMIT_POLICY: HeaderName = HeaderName::from_static("ratelimit-policy");
const MINUTE: Duration = Duration::from_secs(60);

/// A limit that counts each key separately.
#[derive(Debug)]
pub struct Rate(Option<Counting>);

struct Counting {
    limiter: RateLimiter<u64, Buckets, Monotonic, StateInformationMiddleware>,
    keys: RandomState,
    name: &'static str,
    quota: NonZeroU32,
    refusals: Refusals,
}

impl std::fmt::Debug for Counting {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{} {}/min", self.name, self.quota)
    }
}

/// Time since the limiter was created.
#[derive(Debug, Clone)]
struct Monotonic(Instant);

impl Clock for Monotonic {
    type Instant = Nanos;

    fn now(&self) -> Nanos {
        self.0.elapsed().into()
    }
}

impl Rate {
    /// `quota` requests per minute for each key, all of which may come at once; 0 means no limit. `name` is the
    /// policy's.
    #[must_use]
    pub(super) fn per_minute(name: &'static str, quota: u32) -> Self {
        let counting = NonZeroU32::new(quota).and_then(|quota| {
            let limit = Quota::with_period(MINUTE / quota.get())?.allow_burst(quota);
            Some(Counting {
                limiter: RateLimiter::new(limit, Buckets::new(), Monotonic(Instant::now())),
                keys: RandomState::new(),
                name,
                quota,
                refusals: Refusals::of(name),
            })
        });
        Self(counting)
    }

    /// Number of requests refused so far.
    pub(super) fn refused(&self) -> u64 {
        self.0.as_ref().map_or(0, |counting| counting.refusals.total())
    }

    /// Counts one request for `key`.
    ///
    /// # Errors
    /// When the key's quota is used up.
    pub(super) fn admit(&self, key: impl Hash) -> Result<Admission, Refusal> {
        match &self.0 {
            Some(counting) => counting.admit(counting.keys.hash_one(key)),
            None => Ok(Admission::default()),
        }
    }
}

impl Counting {
    fn admit(&self, key: u64) -> Result<Admission, Refusal> {
        match self.limiter.check_key(&key) {
            Ok(state) => {
                let left = state.remaining_burst_capacity();
                let scarce = u64::from(left) * 2 < u64::from(self.quota.get());
                Ok(Admission(scarce.then(|| QuotaState {
                    name: self.name,
                    quota: self.quota,
                    left,
                    seconds: self.seconds_until_full(left),
                })))
            }
            Err(not_until) => {
                self.refusals.count();
                Err(self.refused(not_until.wait_time_from(self.limiter.clock().now())))
            }
        }
    }

    fn seconds_until_full(&self, left: u32) -> u64 {
        let used = u64::from(self.quota.get().saturating_sub(left));
        (used * MINUTE.as_secs()).div_ceil(u64::from(self.quota.get()))
    }

    fn refused(&self, wait: Duration) -> Refusal {
        let whose = match self.name {
            "address" => "from one address",
            "token" => "with one token",
            "session" => "in one session",
            "sign_in" => "to sign in to one account",
            "sign_in_address" => "to sign in from one address",
            _ => "for one tenant",
        };
        let problem = ErrorResponse::rate_limited(wait).with_detail(format!(
            "There were more than {} requests a minute {whose}. Nothing was changed.",
            self.quota
        ));
        let quota = QuotaState {
            name: self.name,
            quota: self.quota,
            left: 0,
            // The same value as in `Retry-After`.
            seconds: problem.retry_after_seconds().unwrap_or(1),
        };
        Refusal { problem, quota }
    }
}

/// How much of a limit a client has left.
#[derive(Debug, Clone, Copy)]
struct QuotaState {
    name: &'static str,
    quota: NonZeroU32,
    left: u32,
    seconds: u64,
}

impl QuotaState {
    fn write_headers(self, response: &mut Response) {
        let Self {
            name,
            quota,
            left,
            seconds,
        } = self;
        let policy = format!("\"{name}\";q={quota};w={}", MINUTE.as_secs());
        let quota = format!("\"{name}\";r={left};t={seconds}");
        for (header, value) in [(RATE_LIMIT_POLICY, policy), (RATE_LIMIT, quota)] {
            if let Ok(value) = HeaderValue::try_from(value) {
                // Appended, since these fields are lists: another limit may have added its entry already.
                response.headers_mut().append(header, value);
            }
        }
    }
}

/// A request within the limit.
#[derive(Debug, Default)]
#[must_use = "the answer tells how much is left"]
pub struct Admission(Option<QuotaState>);

impl Admission {
    /// Adds the fields to the response when less than half of the quota is left.
    pub fn write_headers(&self, response: &mut Response) {
        if let Some(quota) = self.0 {
            quota.write_headers(response);
        }
    }
}

/// A request over a limit: the problem `rate_limited`.
#[derive(Debug)]
pub struct Refusal {
    problem: ErrorResponse,
    quota: QuotaState,
}

impl IntoResponse for Refusal {
    fn into_response(self) -> Response {
        let mut response = self.problem.into_response();
        self.quota.write_headers(&mut response);
        response
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn reported(answer: &Response) -> (Option<&str>, Option<&str>) {
        let reported = |name| answer.headers().get(name).map(|value| value.to_str().unwrap());
        (reported(RATE_LIMIT_POLICY), reported(RATE_LIMIT))
    }

    fn answered(admission: &Admission) -> Response {
        let mut response = Response::default();
        admission.write_headers(&mut response);
        response
    }

    #[tokio::test(start_paused = true)]
    async fn a_quota_can_be_used_at_once_and_comes_back_evenly() {
        let rate = Rate::per_minute("token", 6);
        for left in (0..6).rev() {
            let answer = answered(&rate.admit("one").unwrap());
            let expected = format!("\"token\";r={left};t={}", (6 - left) * 10);
            let policy = "\"token\";q=6;w=60";
            let scarce = left < 3;
            assert_eq!(
                reported(&answer),
                (scarce.then_some(policy), scarce.then_some(&*expected))
            );
        }
        let refused = rate.admit("one").unwrap_err().into_response();
        assert_eq!(
            (refused.status().as_u16(), &refused.headers()["retry-after"]),
            (429, &HeaderValue::from(10))
        );
        assert_eq!(
            reported(&refused),
            (Some("\"token\";q=6;w=60"), Some("\"token\";r=0;t=10"))
        );
        let _ = rate.admit("two").unwrap();

        tokio::time::advance(Duration::from_secs(9)).await;
        let refused = rate.admit("one").unwrap_err().into_response();
        assert_eq!(refused.headers()["retry-after"], "1");
        tokio::time::advance(Duration::from_secs(1)).await;
        let _ = rate.admit("one").unwrap();
        assert!(rate.admit("one").is_err());
        tokio::time::advance(MINUTE).await;
        assert_eq!((0..9).filter(|_| rate.admit("one").is_ok()).count(), 6);
    }

    #[tokio::test(start_paused = true)]
    async fn zero_is_no_limit_and_the_largest_number_is_one() {
        let rate = Rate::per_minute("token", 0);
        assert!((0..1_000).all(|_| rate.admit("one").is_ok()));
        let rate = Rate::per_minute("token", u32::MAX);
        assert!(rate.0.is_some() && rate.admit("one").is_ok());
    }

    #[test]
    fn two_standings_stand_side_by_side() {
        let rate = |name| Rate::per_minute(name, 1).admit(1).unwrap();
        let mut response = answered(&rate("address"));
        rate("tenant").write_headers(&mut response);
        let reported: Vec<_> = response.headers().get_all(RATE_LIMIT).iter().collect();
        assert_eq!(reported, ["\"address\";r=0;t=60", "\"tenant\";r=0;t=60"]);
    }

    #[test]
    fn a_request_far_from_its_limit_costs_no_allocation() {
        let rate = Rate::per_minute("address", 1_000);
        let _ = rate.admit(7);
        let counted = allocation_counter::measure(|| {
            for _ in 0..100 {
                let _ = rate.admit(7);
            }
        });
        assert_eq!(counted.count_total, 0);
    }
}
