//! A transition is a move: it allocates nothing, and a state adds its own data to the node and nothing else.

use crate::lives::{archived, at, draft, published};
use rustok_content::{Archived, ContentNode, Draft, Published};

/// How often `transition` allocates.
fn allocations<T, U>(input: T, transition: impl FnOnce(T) -> U) -> u64 {
    allocation_counter::measure(|| drop(transition(input))).count_total
}

#[test]
fn no_transition_allocates() {
    let reason = || (published(), "outdated".to_owned());
    assert_eq!(allocations(draft(), |node| node.publish_at(at(1))), 0);
    assert_eq!(allocations(draft(), |node| node.schedule_at(at(9), at(1))), 0);
    assert_eq!(allocations(draft(), |node| node.revise_at(at(1))), 0);
    assert_eq!(
        allocations(draft(), |node| node.delete_at(at(1)).undelete_at(at(2))),
        0
    );
    assert_eq!(
        allocations(published().revise_at(at(1)), |node| node.publish_at(at(2))),
        0
    );
    assert_eq!(
        allocations(published(), |node| node.publish_at(at(2))),
        0,
        "refused"
    );
    assert_eq!(allocations(published(), |node| node.unpublish_at(at(2))), 0);
    assert_eq!(allocations(published(), |node| node.revise_at(at(2))), 0);
    assert_eq!(
        allocations(reason(), |(node, reason)| node.archive_at(reason, at(2))),
        0
    );
    assert_eq!(allocations(archived(), |node| node.restore_at(at(3))), 0);
    assert_eq!(allocations(archived(), |node| node.delete_at(at(3))), 0);
    assert!(
        allocations(draft(), |node| node.clone()) > 0,
        "the counter counts"
    );
}

#[test]
fn a_state_adds_its_own_data_and_nothing_else() {
    let core = size_of::<ContentNode<Draft>>() - size_of::<Draft>();
    assert_eq!(size_of::<ContentNode<Published>>(), core + size_of::<Published>());
    assert_eq!(size_of::<ContentNode<Archived>>(), core + size_of::<Archived>());
}
