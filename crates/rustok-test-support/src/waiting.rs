//! Polling for a state, and reading a list to its end, each with a bound: on timeout the test fails and shows the
//! last observed state, instead of running forever.

use std::fmt::Debug;
use std::panic::Location;
use std::time::Duration;
use tokio::time::{Instant, sleep};

/// The timeout for states that must be reached, however busy the machine is. It says nothing about how soon they are
/// reached.
pub const TIMEOUT: Duration = Duration::from_secs(300);
/// The pause between two polls.
const PAUSE: Duration = Duration::from_millis(5);
/// Minimum number of polls: after a stall of the machine the bound may be over before anything could happen.
const LEAST_LOOKS: u32 = 20;
/// Maximum number of pages, more than any list of a test has.
const MAX_PAGES: usize = 1_000;

/// Polls until `look` succeeds.
///
/// # Panics
/// When it does not succeed within `bound`, with the last observed state and the caller's location.
#[track_caller]
pub fn eventually<T, S: Debug>(
    bound: Duration,
    mut look: impl AsyncFnMut() -> Result<T, S>,
) -> impl Future<Output = T> {
    let caller = Location::caller();
    async move {
        let begun = Instant::now();
        let mut looks = 0;
        loop {
            looks += 1;
            match look().await {
                Ok(found) => return found,
                Err(seen) => assert!(
                    begun.elapsed() < bound || looks < LEAST_LOOKS,
                    "{caller}: not within {bound:?}, last seen: {seen:#?}"
                ),
            }
            sleep(PAUSE).await;
        }
    }
}

/// [`eventually`] for a boolean.
///
/// # Panics
/// As [`eventually`], naming `what`.
#[track_caller]
pub fn eventually_is(
    bound: Duration,
    what: &'static str,
    mut yes: impl AsyncFnMut() -> bool,
) -> impl Future<Output = ()> {
    eventually(bound, async move || if yes().await { Ok(()) } else { Err(what) })
}

/// All items of a list. `page` reads one page, after a cursor unless it is the first, and returns its items and the
/// next cursor.
///
/// # Panics
/// When a cursor is repeated, or the list does not end.
#[track_caller]
pub fn all_pages<T, C: PartialEq + Debug>(
    mut page: impl AsyncFnMut(Option<&C>) -> (Vec<T>, Option<C>),
) -> impl Future<Output = Vec<T>> {
    let caller = Location::caller();
    async move {
        let (mut items, mut cursors) = (Vec::new(), Vec::new());
        loop {
            let (more, next) = page(cursors.last()).await;
            items.extend(more);
            let Some(cursor) = next else { return items };
            assert!(
                !cursors.contains(&cursor),
                "{caller}: the cursor {cursor:?} came twice"
            );
            cursors.push(cursor);
            assert!(
                cursors.len() < MAX_PAGES,
                "{caller}: a list of {MAX_PAGES} pages and more"
            );
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test]
    async fn a_state_is_waited_for() {
        let mut looks = 0;
        let found = eventually(TIMEOUT, async || {
            looks += 1;
            if looks == 3 { Ok("there") } else { Err(looks) }
        });
        assert_eq!(found.await, "there");
    }

    #[tokio::test]
    #[should_panic(expected = "last seen: 20")]
    async fn what_never_comes_is_told_with_what_was_seen() {
        let mut looks = 0;
        let never = eventually(Duration::ZERO, async || {
            looks += 1;
            Err::<(), _>(looks)
        });
        never.await;
    }

    #[tokio::test]
    async fn a_list_is_read_to_its_end() {
        let pages = [(vec![1, 2], Some(7)), (vec![3], Some(8)), (vec![], None)];
        let all =
            all_pages(async |cursor: Option<&u32>| pages[cursor.map_or(0, |at| *at as usize - 6)].clone());
        assert_eq!(all.await, [1, 2, 3]);
    }

    #[tokio::test]
    #[should_panic(expected = "the cursor 8 came twice")]
    async fn a_cursor_that_leads_back_is_told() {
        let _ =
            all_pages(async |cursor: Option<&u32>| (vec![()], Some(if cursor == Some(&8) { 9 } else { 8 })))
                .await;
    }

    #[tokio::test]
    #[should_panic(expected = "1000 pages and more")]
    async fn a_list_without_an_end_is_told() {
        let _ = all_pages(async |cursor: Option<&u32>| (vec![()], Some(cursor.map_or(0, |at| at + 1)))).await;
    }
}
