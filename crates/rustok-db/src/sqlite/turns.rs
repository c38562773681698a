//! Turns at the only writer. Tenants take turns: whatever the number of writes that one has waiting, another tenant's
//! write comes next but one.
//!
//! The committer comes last while writers wait, so that one COMMIT serves many, but after [`LONGEST_GROUP`] it goes
//! first: a write that is done must not wait for all that others go on sending.

use rustok_core::ids::TenantId;
use std::collections::{HashMap, VecDeque};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};
use tokio::sync::oneshot;

/// Whose turn it is: a tenant's, or the platform's.
type Owner = Option<TenantId>;

/// How long writers may go before a committer that waits: some times as long as a COMMIT takes on a usual disk.
const LONGEST_GROUP: Duration = Duration::from_millis(5);
/// Writes of one owner that may wait.
const MOST_WAITING: usize = 1_024;

#[derive(Debug, Default)]
pub(super) struct Turns(Mutex<State>);

#[derive(Debug, Default)]
struct State {
    /// A writer, or the committer, has the turn.
    taken: bool,
    /// The owners with waiting writes, in the order of their turns; each once.
    next: VecDeque<Owner>,
    waiting: HashMap<Owner, VecDeque<oneshot::Sender<Turn>>>,
    committer: Option<(Instant, oneshot::Sender<Turn>)>,
}

/// The turn; passed on when it is dropped.
#[derive(Debug)]
#[must_use]
pub(super) struct Turn(Option<Arc<Turns>>);

impl Turns {
    /// Waits for a turn of `owner`; `None` if too many of its writes wait already.
    pub(super) async fn take(self: &Arc<Self>, owner: Owner) -> Option<Turn> {
        let turn = {
            let mut state = self.state();
            if !state.taken {
                state.taken = true;
                return Some(Turn(Some(Arc::clone(self))));
            }
            state.join(owner)?
        };
        turn.await.ok()
    }

    /// Blocks until the committer's turn.
    pub(super) fn take_to_commit(self: &Arc<Self>) -> Option<Turn> {
        let turn = {
            let mut state = self.state();
            if !state.taken {
                state.taken = true;
                return Some(Turn(Some(Arc::clone(self))));
            }
            let (sender, turn) = oneshot::channel();
            state.committer = Some((Instant::now(), sender));
            turn
        };
        turn.blocking_recv().ok()
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn pass_on(self: Arc<Self>) {
        let mut state = self.state();
        while let Some(next) = state.next() {
            // Sent with the message, so that it is passed on if its receiver is dropped meanwhile.
            match next.send(Turn(Some(Arc::clone(&self)))) {
                Ok(()) => return,
                // Cancelled while it waited.
                Err(mut turn) => drop(turn.0.take()),
            }
        }
        state.taken = false;
    }
}

impl State {
    fn join(&mut self, owner: Owner) -> Option<oneshot::Receiver<Turn>> {
        let waiting = self.waiting.entry(owner).or_default();
        // Before some are taken out: an owner of whom all were cancelled still has its turn to come.
        let is_new = waiting.is_empty();
        // Those that were cancelled need no place.
        if waiting.len() >= MOST_WAITING {
            waiting.retain(|sender| !sender.is_closed());
        }
        if waiting.len() >= MOST_WAITING {
            return None;
        }
        if is_new {
            self.next.push_back(owner);
        }
        let (sender, turn) = oneshot::channel();
        waiting.push_back(sender);
        Some(turn)
    }

    fn next(&mut self) -> Option<oneshot::Sender<Turn>> {
        let is_due = |(since, _): &mut (Instant, _)| since.elapsed() >= LONGEST_GROUP;
        if let Some((_, committer)) = self.committer.take_if(is_due) {
            return Some(committer);
        }
        let Some(owner) = self.next.pop_front() else {
            return self.committer.take().map(|(_, committer)| committer);
        };
        let waiting = self.waiting.get_mut(&owner)?;
        let first = waiting.pop_front();
        if waiting.is_empty() {
            self.waiting.remove(&owner);
        } else {
            self.next.push_back(owner);
        }
        first
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        if let Some(turns) = self.0.take() {
            turns.pass_on();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::future::Future;
    use std::pin::Pin;
    use std::task::{Context, Poll, Waker};
    use uuid::Uuid;

    type Waiting = Pin<Box<dyn Future<Output = Option<Turn>>>>;

    fn owner(number: u128) -> Owner {
        (number > 0).then(|| TenantId::from_uuid(Uuid::from_u128(number)))
    }

    /// A write that has queued already, unless it has its turn.
    fn queue(turns: &Arc<Turns>, number: u128) -> Waiting {
        let turns = Arc::clone(turns);
        let mut waiting: Waiting = Box::pin(async move { turns.take(owner(number)).await });
        assert!(poll(&mut waiting).is_none());
        waiting
    }

    fn poll(waiting: &mut Waiting) -> Option<Option<Turn>> {
        match waiting.as_mut().poll(&mut Context::from_waker(Waker::noop())) {
            Poll::Ready(turn) => Some(turn),
            Poll::Pending => None,
        }
    }

    /// The owners in the order in which they get their turns, from `turn` on.
    fn order(turn: Turn, mut all: Vec<(u128, Waiting)>) -> Vec<u128> {
        let mut order = Vec::new();
        drop(turn);
        while let Some(at) = all.iter_mut().position(|(_, waiting)| match poll(waiting) {
            Some(turn) => {
                drop(turn);
                true
            }
            None => false,
        }) {
            order.push(all.remove(at).0);
        }
        assert!(all.is_empty(), "some wait for ever");
        order
    }

    #[tokio::test]
    async fn a_flood_of_one_owner_delays_another_by_one_turn() {
        let turns = Arc::new(Turns::default());
        let turn = turns.take(owner(1)).await.unwrap();
        let mut all: Vec<_> = (0..6).map(|_| (1, queue(&turns, 1))).collect();
        all.extend((0..2).map(|_| (2, queue(&turns, 2))));
        all.push((0, queue(&turns, 0)));
        assert_eq!(order(turn, all), [1, 2, 0, 1, 2, 1, 1, 1, 1]);
        let state = turns.state();
        assert!(!state.taken && state.waiting.is_empty() && state.next.is_empty());
    }

    #[tokio::test]
    async fn a_turn_that_nobody_takes_is_passed_on() {
        let turns = Arc::new(Turns::default());
        let turn = turns.take(owner(1)).await.unwrap();
        let cancelled: Vec<_> = (0..5).map(|number| queue(&turns, number)).collect();
        let given = queue(&turns, 1);
        let last = queue(&turns, 2);
        drop(cancelled);
        // Given, and cancelled before it was noticed.
        drop(turn);
        drop(given);
        assert!(last.await.is_some());
        assert!(!turns.state().taken);
    }

    #[tokio::test]
    async fn an_owner_may_have_so_many_waiting_and_no_more() {
        let turns = Arc::new(Turns::default());
        let turn = turns.take(owner(1)).await.unwrap();
        let mut all: Vec<_> = (0..MOST_WAITING).map(|_| queue(&turns, 1)).collect();
        assert!(turns.take(owner(1)).await.is_none());
        all.pop();
        all.push(queue(&turns, 1));
        // All are cancelled, and one more comes: the others still get their turns.
        drop(all);
        let all = vec![
            (1, queue(&turns, 1)),
            (2, queue(&turns, 2)),
            (1, queue(&turns, 1)),
        ];
        assert_eq!(order(turn, all), [1, 2, 1]);
        assert!(!turns.state().taken);
    }

    #[test]
    fn the_committer_waits_for_writers_but_not_for_long() {
        for late in [false, true] {
            let turns = Arc::new(Turns::default());
            turns.state().taken = true;
            let turn = Turn(Some(Arc::clone(&turns)));
            let all = vec![(1, queue(&turns, 1)), (2, queue(&turns, 2))];
            let (sender, mut committer) = oneshot::channel();
            let since = if late {
                Instant::now() - LONGEST_GROUP
            } else {
                Instant::now() + LONGEST_GROUP
            };
            turns.state().committer = Some((since, sender));
            if late {
                drop(turn);
                let turn = committer.try_recv().unwrap();
                assert_eq!(order(turn, all), [1, 2]);
            } else {
                assert_eq!(order(turn, all), [1, 2]);
                drop(committer.try_recv().unwrap());
            }
            assert!(!turns.state().taken);
        }
    }
}
