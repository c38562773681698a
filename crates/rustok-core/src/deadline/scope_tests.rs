//! The current deadline: what code reads inside a timeout, while it runs and while it is dropped.

use super::*;
use crate::resilience::{RetryDecision, RetryPolicy, with_deadline, with_timeout};
use std::future::{pending, poll_fn, ready};
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::{Arc, Mutex};
use tokio::time::{advance, sleep, timeout};

const SECOND: Duration = Duration::from_secs(1);

/// Records the current deadline, and whether it has passed, when it is dropped.
#[derive(Clone, Default)]
struct Seen(Arc<Mutex<Vec<(Deadline, bool)>>>);

struct NoteOnDrop(Seen);

impl Drop for NoteOnDrop {
    fn drop(&mut self) {
        let current = Deadline::current();
        self.0.0.lock().unwrap().push((current, current.is_expired()));
    }
}

impl Seen {
    fn note(&self) -> NoteOnDrop {
        NoteOnDrop(self.clone())
    }

    fn take(&self) -> Vec<(Deadline, bool)> {
        std::mem::take(&mut self.0.lock().unwrap())
    }

    async fn hang(self) {
        let _note = self.note();
        pending::<()>().await;
    }
}

#[tokio::test(start_paused = true)]
async fn it_is_the_earliest_of_all_that_enclose() {
    let (short, long) = (Deadline::after(SECOND), Deadline::after(9 * SECOND));
    assert_eq!(Deadline::current(), Deadline::never());
    let seen = with_timeout(9 * SECOND, || async {
        let before = Deadline::current();
        let inside = with_timeout(SECOND, || async { Deadline::current() }).await;
        let wider = with_deadline(Deadline::after(60 * SECOND), || async { Deadline::current() }).await;
        let never = with_deadline(Deadline::never(), || async { Deadline::current() }).await;
        (before, inside, wider, never, Deadline::current())
    })
    .await;
    assert_eq!(seen, Ok((long, Ok(short), Ok(long), Ok(long), long)));
    assert_eq!(Deadline::current(), Deadline::never());
    let closure = with_timeout(SECOND, || ready(Deadline::current())).await;
    assert_eq!(closure, Ok(short), "the closure is inside too");
}

#[tokio::test(start_paused = true)]
async fn it_is_the_deadline_of_a_retried_call() {
    let deadline = Deadline::after(SECOND);
    let policy = RetryPolicy::fixed(SECOND);
    let seen = policy
        .run(
            deadline,
            |_: &()| RetryDecision::Stop,
            |_| async { Ok(Deadline::current()) },
        )
        .await;
    assert_eq!(seen, Ok(deadline));
}

#[tokio::test(start_paused = true)]
async fn what_the_timeout_cuts_off_sees_that_its_time_is_up() {
    let (seen, at) = (Seen::default(), Deadline::after(SECOND));
    let result = with_timeout(SECOND, || seen.clone().hang()).await;
    assert!(result.is_err());
    assert_eq!(seen.take(), [(at, true)]);

    let at = Deadline::after(SECOND);
    let result = with_deadline(at, || seen.clone().hang()).await;
    assert!(result.is_err());
    assert_eq!(seen.take(), [(at, true)]);

    // Two timers with the same expiry, and a limit with a fraction of a millisecond.
    let limit = Duration::from_nanos(1_500_000_001);
    let at = Deadline::after(limit);
    let result = with_timeout(limit, || with_timeout(9 * SECOND, || seen.clone().hang())).await;
    assert!(!matches!(result, Ok(Ok(()))));
    assert_eq!(seen.take(), [(at, true)]);
}

#[tokio::test(start_paused = true)]
async fn what_is_dropped_from_outside_sees_that_there_was_time_left() {
    let (seen, at) = (Seen::default(), Deadline::after(9 * SECOND));
    let gone = timeout(SECOND, with_timeout(9 * SECOND, || seen.clone().hang())).await;
    assert!(gone.is_err());
    assert_eq!(seen.take(), [(at, false)]);
    // Without a deadline nothing is visible, whatever dropped the future.
    let gone = timeout(SECOND, with_deadline(Deadline::never(), || seen.clone().hang())).await;
    assert!(gone.is_err());
    assert_eq!(seen.take(), [(Deadline::never(), false)]);
    // An inner timeout that ends in time leaves the outer deadline unchanged.
    let at = Deadline::after(9 * SECOND);
    let done = with_timeout(9 * SECOND, || async {
        let note = seen.note();
        let inner = with_timeout(SECOND, || sleep(2 * SECOND)).await;
        drop(note);
        inner
    })
    .await;
    assert!(done.unwrap().is_err());
    assert_eq!(seen.take(), [(at, false)]);
}

#[tokio::test(start_paused = true)]
async fn a_panic_leaves_no_deadline_behind() {
    let (seen, at) = (Seen::default(), Deadline::after(SECOND));
    let mut call = Box::pin(with_timeout(SECOND, || async {
        let _note = seen.note();
        ready(()).await;
        assert!(Deadline::current().is_expired(), "there is time left");
    }));
    let mut poll =
        async || poll_fn(|cx| Poll::Ready(catch_unwind(AssertUnwindSafe(|| call.as_mut().poll(cx))))).await;
    assert!(poll().await.is_err());
    assert_eq!(Deadline::current(), Deadline::never());
    assert_eq!(seen.take(), [(at, false)], "unwinding is inside");

    let in_the_closure = catch_unwind(|| {
        let call =
            Deadline::after(SECOND).scope(|| -> std::future::Ready<()> { unreachable!("as it should") });
        let mut call = pin!(call);
        let _ = call
            .as_mut()
            .poll(&mut Context::from_waker(std::task::Waker::noop()));
    });
    assert!(in_the_closure.is_err());
    assert_eq!(Deadline::current(), Deadline::never());
}

#[tokio::test(start_paused = true)]
async fn a_future_that_moves_to_another_task_takes_it_along_and_leaves_nothing() {
    let (seen, at) = (Seen::default(), Deadline::after(SECOND));
    let inner = seen.clone();
    let mut call = Box::pin(with_timeout(SECOND, || inner.hang()));
    let first = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending())).await;
    assert!(first);
    let elsewhere = tokio::spawn(async move {
        let result = call.await;
        (result.is_err(), Deadline::current())
    });
    assert_eq!(elsewhere.await.unwrap(), (true, Deadline::never()));
    assert_eq!(seen.take(), [(at, true)]);
}

#[tokio::test(start_paused = true)]
async fn a_future_that_moves_under_a_narrower_timeout_sees_that_one() {
    let mut call = Box::pin(with_timeout(9 * SECOND, || async {
        let at = Deadline::current();
        sleep(Duration::from_millis(1)).await;
        (at, Deadline::current())
    }));
    let first = poll_fn(|cx| Poll::Ready(call.as_mut().poll(cx).is_pending())).await;
    assert!(first);
    let (wide, narrow) = (Deadline::after(9 * SECOND), Deadline::after(SECOND));
    let seen = with_timeout(SECOND, || call).await;
    assert_eq!(seen, Ok(Ok((wide, narrow))));
}

#[tokio::test(start_paused = true)]
async fn a_spawned_task_inherits_nothing() {
    let seen = with_timeout(SECOND, || async {
        let task = tokio::spawn(async { Deadline::current() });
        task.await.unwrap()
    });
    assert_eq!(seen.await, Ok(Deadline::never()));
}

#[tokio::test(start_paused = true)]
async fn tasks_of_one_thread_do_not_see_each_other() {
    let look = |limit| async move {
        with_timeout(limit, || async {
            let at = Deadline::current();
            for _ in 0..3 {
                sleep(SECOND).await;
                assert_eq!(Deadline::current(), at);
            }
            at
        })
        .await
    };
    let (a, b) = (tokio::spawn(look(8 * SECOND)), tokio::spawn(look(9 * SECOND)));
    for _ in 0..3 {
        assert_eq!(Deadline::current(), Deadline::never());
        advance(SECOND).await;
    }
    assert_ne!(a.await.unwrap().unwrap(), b.await.unwrap().unwrap());
}

#[test]
fn a_call_under_a_deadline_can_be_sent() {
    fn is_send<T: Send>(_: &T) {}
    is_send(&with_timeout(SECOND, || async { sleep(SECOND).await }));
    is_send(&with_deadline(Deadline::never(), || async {
        sleep(SECOND).await
    }));
}
