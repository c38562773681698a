//! The budget: costs and refunds of each call, compared with a simple model, and from many threads.

use super::*;
use crate::deadline::Deadline;
use proptest::prelude::*;
use std::cell::Cell;
use std::future::{pending, poll_fn, ready};
use std::pin::Pin;
use std::rc::Rc;
use std::sync::Barrier;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::task::Poll;

const PAUSE: Duration = Duration::from_millis(10);
const TRANSIENT: RetryDecision = RetryDecision::Transient(None);
const THROTTLED: RetryDecision = RetryDecision::Throttled(None);

fn policy(budget: &RetryBudget) -> RetryPolicy {
    RetryPolicy::fixed(PAUSE)
        .throttled_backoff(Backoff::Fixed(PAUSE))
        .without_jitter()
        .budget(budget.clone())
}

#[test]
fn a_retry_costs_what_the_decision_says() {
    let budget = RetryBudget::default();
    assert_eq!((budget.balance(), budget.capacity()), (500, 500));
    assert_eq!((budget.withdraw(TRANSIENT), budget.balance()), (Some(14), 486));
    assert_eq!(
        (budget.clone().withdraw(THROTTLED), budget.balance()),
        (Some(5), 481)
    );
    assert_eq!(
        (budget.withdraw(RetryDecision::Stop), budget.balance()),
        (None, 481)
    );
    budget.deposit(u32::MAX);
    assert_eq!(budget.balance(), 500);
}

#[test]
fn it_ends_at_zero_and_cheaper_retries_end_later() {
    let budget = RetryBudget::new(20, 14, 5);
    assert_eq!(budget.withdraw(TRANSIENT), Some(14));
    assert_eq!(budget.withdraw(TRANSIENT), None);
    assert_eq!(budget.withdraw(THROTTLED), Some(5));
    assert_eq!((budget.withdraw(THROTTLED), budget.balance()), (None, 1));
}

#[test]
fn extreme_numbers_are_taken_as_they_are() {
    let nothing = RetryBudget::new(0, 14, 0);
    assert_eq!(nothing.withdraw(TRANSIENT), None);
    assert_eq!(nothing.withdraw(THROTTLED), Some(0), "a retry that costs nothing");
    nothing.deposit(u32::MAX);
    assert_eq!(nothing.balance(), 0);
    let huge = RetryBudget::new(u32::MAX, u32::MAX, 1);
    assert_eq!((huge.withdraw(TRANSIENT), huge.balance()), (Some(u32::MAX), 0));
    huge.deposit(u32::MAX - 1);
    huge.deposit(u32::MAX);
    assert_eq!(huge.balance(), u32::MAX);
}

#[tokio::test(start_paused = true)]
async fn successes_pay_one_or_what_the_last_retry_cost() {
    let budget = RetryBudget::default();
    while budget.balance() > 100 {
        let _ = budget.withdraw(THROTTLED);
    }
    let policy = policy(&budget).max_attempts(4);
    let succeeds_at = |attempt| {
        policy.run(
            Deadline::never(),
            // The first failure is throttled, the following ones are transient.
            |n: &u32| if *n == 1 { THROTTLED } else { TRANSIENT },
            move |n| ready(if n == attempt { Ok(()) } else { Err(n) }),
        )
    };
    succeeds_at(1).await.unwrap();
    assert_eq!(budget.balance(), 101);
    succeeds_at(2).await.unwrap();
    assert_eq!(budget.balance(), 101, "5 out, 5 in");
    succeeds_at(3).await.unwrap();
    assert_eq!(budget.balance(), 96, "5 and 14 out, 14 in");
    assert_eq!(succeeds_at(9).await.unwrap_err().attempts(), 4);
    assert_eq!(budget.balance(), 96 - 5 - 14 - 14, "a failure gets nothing back");
}

#[tokio::test(start_paused = true)]
async fn an_empty_budget_stops_retries_of_all_callers_but_no_first_attempt() {
    let budget = RetryBudget::new(4 * 14, 14, 5);
    let policy = policy(&budget).max_attempts(10);
    let run = || policy.run(Deadline::never(), |_: &()| TRANSIENT, |_| ready(Err::<(), _>(())));
    let gave_up = |attempts| {
        Err(RetryError::GaveUp {
            error: (),
            attempts,
            reason: StopReason::Budget,
        })
    };
    assert_eq!((run().await, run().await), (gave_up(5), gave_up(1)));
    for _ in 0..14 {
        let works = policy.run(Deadline::never(), |_: &()| TRANSIENT, |_| ready(Ok::<_, ()>(())));
        works.await.unwrap();
    }
    assert_eq!(run().await, gave_up(2), "14 good calls pay for one retry");
}

#[tokio::test(start_paused = true)]
async fn an_attempt_that_is_not_made_costs_nothing() {
    let budget = RetryBudget::default();
    let policy = policy(&budget);
    let fails = |_| ready(Err::<(), _>(()));
    let soon = Deadline::after(PAUSE);
    let asks = |after| move |_: &()| RetryDecision::Transient(Some(after));
    let late = policy.run(soon, asks(PAUSE), fails).await;
    let too_long = policy.run(Deadline::never(), asks(Duration::MAX), fails).await;
    let once = policy
        .clone()
        .max_attempts(1)
        .run(Deadline::never(), |_| TRANSIENT, fails)
        .await;
    let stop = policy
        .run(Deadline::never(), |_| RetryDecision::Stop, fails)
        .await;
    let reasons = [late, too_long, once, stop].map(|result| match result {
        Err(RetryError::GaveUp { reason, .. }) => reason,
        other => unreachable!("{other:?}"),
    });
    use StopReason::{Attempts, Deadline as Late, NotRetryable, RetryAfterTooLong};
    assert_eq!(reasons, [Late, RetryAfterTooLong, Attempts, NotRetryable]);
    assert_eq!(budget.balance(), 500);
    // A retry that the deadline cuts off was made, so it is charged.
    let deadline = Deadline::after(3 * PAUSE);
    let cut_off = policy.run(
        deadline,
        |_| TRANSIENT,
        |n| async move {
            if n > 1 {
                pending::<()>().await
            }
            Err::<(), _>(())
        },
    );
    assert!(matches!(
        cut_off.await,
        Err(RetryError::DeadlineExceeded { attempts: 2, .. })
    ));
    assert_eq!(budget.balance(), 486);
}

/// The next event of one of the callers.
#[derive(Debug, Clone, Copy)]
enum Event {
    /// Its attempt succeeds; starts a call first if none is running.
    Succeeds,
    /// Its attempt fails with this decision.
    Fails(RetryDecision),
    /// It cancels the call.
    Leaves,
}

fn any_event() -> impl Strategy<Value = Event> {
    prop_oneof![
        3 => Just(Event::Succeeds),
        4 => Just(Event::Fails(TRANSIENT)),
        4 => Just(Event::Fails(THROTTLED)),
        1 => Just(Event::Fails(RetryDecision::Stop)),
        1 => Just(Event::Leaves),
    ]
}

/// The result of a finished call: number of attempts, and why no further one was made.
type Ended = (u32, Option<StopReason>);

type Returned = Result<(), RetryError<RetryDecision>>;

/// A caller of the real policy. Its attempt waits for a result in the cell.
struct Caller {
    result: Rc<Cell<Option<Result<(), RetryDecision>>>>,
    attempts: Rc<Cell<u32>>,
    call: Option<Pin<Box<dyn Future<Output = Returned>>>>,
}

impl Caller {
    fn idle() -> Self {
        Self {
            result: Rc::default(),
            attempts: Rc::default(),
            call: None,
        }
    }

    fn begin(&mut self, policy: &RetryPolicy) {
        let (policy, result, attempts) = (policy.clone(), self.result.clone(), self.attempts.clone());
        attempts.set(0);
        self.call = Some(Box::pin(async move {
            let attempt = |n| {
                attempts.set(n);
                let result = result.clone();
                poll_fn(move |_| result.take().map_or(Poll::Pending, Poll::Ready))
            };
            policy.run(Deadline::never(), |decision| *decision, attempt).await
        }));
    }

    /// Ends one attempt with this event and waits until the following pause is over.
    async fn step(&mut self, policy: &RetryPolicy, event: Event) -> Option<Ended> {
        let result = match event {
            Event::Leaves => {
                self.call = None;
                return None;
            }
            Event::Succeeds => Ok(()),
            Event::Fails(decision) => Err(decision),
        };
        if self.call.is_none() {
            self.begin(policy);
        }
        self.result.set(Some(result));
        let mut poll = self.poll().await;
        if poll.is_pending() {
            tokio::time::advance(2 * PAUSE).await;
            poll = self.poll().await;
        }
        let Poll::Ready(result) = poll else { return None };
        self.call = None;
        let reason = match result {
            Ok(()) => None,
            Err(RetryError::GaveUp { reason, .. }) => Some(reason),
            Err(other) => unreachable!("{other:?}"),
        };
        Some((self.attempts.get(), reason))
    }

    async fn poll(&mut self) -> Poll<Returned> {
        let call = self.call.as_mut().unwrap();
        poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx))).await
    }
}

/// The same in plain signed numbers without bounds, so that a violated bound becomes visible.
struct Model {
    tokens: i64,
    capacity: i64,
    costs: [i64; 2],
    max_attempts: u32,
    /// Attempts made and the cost of the last retry, per caller.
    callers: Vec<(u32, i64)>,
}

impl Model {
    fn step(&mut self, caller: usize, event: Event) -> Option<Ended> {
        let (attempts, paid) = self.callers[caller];
        let attempts = attempts.max(1);
        self.callers[caller] = (0, 0);
        let decision = match event {
            Event::Leaves => return None,
            Event::Succeeds => {
                let reward = if attempts == 1 { 1 } else { paid };
                self.tokens = (self.tokens + reward).min(self.capacity);
                return Some((attempts, None));
            }
            Event::Fails(decision) => decision,
        };
        let cost = match decision {
            RetryDecision::Stop => return Some((attempts, Some(StopReason::NotRetryable))),
            RetryDecision::Transient(_) => self.costs[0],
            RetryDecision::Throttled(_) => self.costs[1],
        };
        if attempts == self.max_attempts {
            return Some((attempts, Some(StopReason::Attempts)));
        }
        if self.tokens < cost {
            return Some((attempts, Some(StopReason::Budget)));
        }
        self.tokens -= cost;
        self.callers[caller] = (attempts + 1, cost);
        None
    }
}

proptest! {
    #[test]
    fn it_holds_what_a_plain_model_holds(
        capacity in 0_u32..80,
        costs in [0_u32..20, 0_u32..20],
        max_attempts in 1_u32..5,
        events in prop::collection::vec((0_usize..4, any_event()), 1..120),
    ) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_time().start_paused(true).build().unwrap();
        runtime.block_on(async {
            let budget = RetryBudget::new(capacity, costs[0], costs[1]);
            let policy = policy(&budget).max_attempts(max_attempts);
            let mut callers: Vec<_> = (0..4).map(|_| Caller::idle()).collect();
            let mut model = Model {
                tokens: capacity.into(),
                capacity: capacity.into(),
                costs: costs.map(i64::from),
                max_attempts,
                callers: vec![(0, 0); 4],
            };
            for (caller, event) in events {
                let ended = callers[caller].step(&policy, event).await;
                prop_assert_eq!(ended, model.step(caller, event));
                prop_assert_eq!(i64::from(budget.balance()), model.tokens);
            }
            Ok(())
        })?;
    }
}

/// A cheap pseudo-random sequence that differs per thread; its quality does not matter.
fn next(state: &mut u32) -> u32 {
    *state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
    *state >> 16
}

#[test]
fn no_token_is_lost_or_made_between_threads() {
    const CAPACITY: u32 = 300;
    let budget = RetryBudget::new(CAPACITY, 14, 5);
    let (kept, start) = (AtomicU32::new(0), Barrier::new(8));
    std::thread::scope(|threads| {
        for thread in 0..8_u32 {
            let (budget, kept, start) = (&budget, &kept, &start);
            threads.spawn(move || {
                let (mut state, mut held) = (thread, Vec::new());
                start.wait();
                for _ in 0..200_000 {
                    let roll = next(&mut state);
                    let decision = if roll & 1 == 0 { TRANSIENT } else { THROTTLED };
                    // Withdraws half of the time and deposits half of the time: the total stays within the capacity.
                    match (roll & 2 == 0, held.pop()) {
                        (true, before) => held.extend(before.into_iter().chain(budget.withdraw(decision))),
                        (false, Some(cost)) => budget.deposit(cost),
                        (false, None) => {}
                    }
                    assert!(budget.balance() <= CAPACITY);
                }
                kept.fetch_add(held.iter().sum(), Ordering::Relaxed);
            });
        }
    });
    assert_eq!(budget.balance() + kept.into_inner(), CAPACITY);
}

#[test]
fn more_than_the_capacity_is_never_held_or_given_out() {
    const CAPACITY: u32 = 50;
    let (budget, stop) = (RetryBudget::new(CAPACITY, 14, 5), AtomicBool::new(false));
    std::thread::scope(|threads| {
        for _ in 0..3 {
            threads.spawn(|| {
                while !stop.load(Ordering::Relaxed) {
                    budget.deposit(u32::MAX);
                    budget.deposit(1);
                }
            });
        }
        for _ in 0..20_000 {
            let _ = budget.withdraw(TRANSIENT);
            assert!(budget.balance() <= CAPACITY);
        }
        stop.store(true, Ordering::Relaxed);
    });
    budget.deposit(CAPACITY);
    assert_eq!(budget.balance(), CAPACITY);
}
