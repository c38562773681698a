//! Addresses: the one that was asked for, or the first free number behind one that was made up.

use rustok_content::{ContentError, Locale, Slug, TranslationDraft};
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::ids::NodeId;
use rustok_storage::nodes::slugs;
use rustok_storage::{StoreError, TenantTx};

/// Tried at once: this many numbers, and then powers of two up to [`LAST`].
const FIRST: u32 = 8;
/// No more nodes than this share a title.
const LAST: u32 = 1 << 20;
/// Numbers tried at once between one that is taken and one that is free.
const GRID: u32 = 30;

/// What happens when somebody else has the address.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum IfTaken {
    /// Whoever asked for it is told. One that was made up is numbered in any case.
    Refuse,
    /// It is numbered.
    Number,
}

/// The draft with an address that no other node has in this locale.
///
/// # Errors
/// `slug_taken`, and those of the database.
pub(super) async fn settle(
    tx: &mut TenantTx,
    locale: Locale,
    node: NodeId,
    draft: TranslationDraft,
    if_taken: IfTaken,
) -> Result<TranslationDraft, RichError> {
    let slug = draft.translation().slug.clone();
    if !draft.slug_is_given() || if_taken == IfTaken::Number {
        let free = free_slug(tx, locale, node, slug).await?;
        return Ok(draft.with_slug(free));
    }
    let taken = slugs::list_taken(tx, locale, Some(node), std::slice::from_ref(&slug)).await?;
    if taken.is_empty() {
        Ok(draft)
    } else {
        Err(ContentError::SlugTaken { slug, locale }.into())
    }
}

/// `base`, or the first of `base-2`, `base-3`, ... that no node but `node` has in this locale (the first as far as the
/// taken ones have no gaps).
///
/// # Errors
/// `slug_taken` when a million are taken, and those of the database.
pub(super) async fn free_slug(
    tx: &mut TenantTx,
    locale: Locale,
    node: NodeId,
    base: Slug,
) -> Result<Slug, RichError> {
    slugs::lock(tx, locale, &base).await?;
    let (mut taken_up_to, mut free) = (0, None);
    loop {
        let numbers = probes(taken_up_to, free);
        if numbers.is_empty() {
            return free
                .map(|number| numbered(&base, number))
                .ok_or_else(|| ContentError::SlugTaken { slug: base, locale }.into());
        }
        let candidates: Vec<Slug> = numbers.iter().map(|number| numbered(&base, *number)).collect();
        let taken = slugs::list_taken(tx, locale, Some(node), &candidates).await?;
        let is_free = |at: usize| candidates.get(at).is_some_and(|slug| !taken.contains(slug));
        let first_free = (0..numbers.len()).find(|at| is_free(*at));
        let before = first_free.unwrap_or(numbers.len()).checked_sub(1);
        taken_up_to = before
            .and_then(|at| numbers.get(at).copied())
            .unwrap_or(taken_up_to);
        free = first_free.and_then(|at| numbers.get(at).copied()).or(free);
        if free.is_none() {
            return Err(ContentError::SlugTaken { slug: base, locale }.into());
        }
    }
}

fn numbered(base: &Slug, number: u32) -> Slug {
    if number <= 1 {
        base.clone()
    } else {
        base.numbered(number)
    }
}

/// Which numbers to try next, when `taken` is the last one known to be taken and `free` one known to be free. Empty when
/// `free` is the answer.
fn probes(taken: u32, free: Option<u32>) -> Vec<u32> {
    let Some(free) = free else {
        let doubled = std::iter::successors(Some(FIRST * 2), |n| n.checked_mul(2)).take_while(|n| *n <= LAST);
        return (1..=FIRST).chain(doubled).collect();
    };
    let between = free.saturating_sub(taken).saturating_sub(1);
    let step = between.div_ceil(GRID).max(1);
    (1..=between / step)
        .map(|n| taken + n * step)
        .filter(|n| *n < free)
        .collect()
}

/// The problem that a race for an address ends with.
pub(super) fn taken(error: StoreError) -> RichError {
    let keys = [
        "node_translations(slug,locale)",
        "node_translations(published_slug,locale)",
    ];
    if keys.iter().any(|key| error.is_taken(key)) {
        return RichError::new(ErrorKind::Conflict, "lost a race for a slug")
            .with_code("slug_taken")
            .with_public("Another node has this slug in this locale.")
            .with_violation("slug", "taken", "is taken")
            .with_source(error);
    }
    error.into()
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    /// The answer and the number of rounds, when the numbers in `taken` are.
    fn search(taken: &HashSet<u32>) -> (Option<u32>, u32) {
        let (mut low, mut free, mut rounds) = (0, None, 0);
        loop {
            let numbers = probes(low, free);
            assert!(numbers.len() <= 32, "{} probes at once", numbers.len());
            if numbers.is_empty() {
                return (free, rounds);
            }
            rounds += 1;
            let first = numbers.iter().position(|n| !taken.contains(n));
            low = first
                .unwrap_or(numbers.len())
                .checked_sub(1)
                .map_or(low, |at| numbers[at]);
            free = first.map(|at| numbers[at]).or(free);
            if free.is_none() {
                return (None, rounds);
            }
        }
    }

    #[test]
    fn the_first_free_number_is_found_in_a_few_rounds() {
        for count in [0, 1, 2, 7, 8, 9, 15, 16, 17, 100, 1_000, 12_345, 1 << 20] {
            let (answer, rounds) = search(&(1..=count).collect());
            let expected = (count < 1 << 20).then_some(count + 1);
            assert_eq!(answer, expected, "{count} taken");
            assert!(rounds <= 6, "{rounds} rounds for {count}");
        }
    }

    #[test]
    fn gaps_are_no_trouble() {
        let taken: HashSet<u32> = (1..=500).filter(|n| n % 7 != 0).collect();
        let (answer, _) = search(&taken);
        assert!(!taken.contains(&answer.unwrap()));
    }
}
