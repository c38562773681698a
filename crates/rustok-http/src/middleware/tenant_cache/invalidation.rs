//! Decides when a loaded entry may no longer be served.
//!
//! Every load reads the number of the last invalidation before it asks the directory, and stores it with the result.
//! Anything invalidated under a higher number is out of date, also when the load ends only after that. An
//! invalidation must never be lost: groups of keys share a number, so an invalidation may cause an extra load of a
//! neighbouring key, but never leaves a stale entry.

use rustok_core::ids::TenantId;
use rustok_tenancy::{IdentifierView, TenantIdentifier};
use std::hash::{BuildHasher, Hash, RandomState};
use std::sync::atomic::{AtomicU64, Ordering};

/// Number of groups of keys with a number each: memory is fixed (64 KiB), and with 20,000 names an invalidation
/// causes extra loads of two or three neighbours.
const GROUPS: u16 = 8_192;

/// The number of the last invalidation when a load began, and the groups that its result belongs to.
#[derive(Debug, Clone, Copy)]
pub(super) struct Mark {
    number: u64,
    key: u16,
    tenant: u16,
}

impl Mark {
    /// Whether the load began after `asked` was taken.
    pub(super) const fn is_since(self, asked: u64) -> bool {
        self.number >= asked
    }
}

#[derive(Debug)]
pub(super) struct Invalidations {
    /// Number of invalidations. Each field below holds the number of the last invalidation that concerned it.
    count: AtomicU64,
    groups: Box<[AtomicU64]>,
    everything: AtomicU64,
    doubt: AtomicU64,
    absences: AtomicU64,
    hasher: RandomState,
}

impl Invalidations {
    pub(super) fn new() -> Self {
        Self {
            count: AtomicU64::new(0),
            groups: (0..GROUPS).map(|_| AtomicU64::new(0)).collect(),
            everything: AtomicU64::new(0),
            doubt: AtomicU64::new(0),
            absences: AtomicU64::new(0),
            hasher: RandomState::new(),
        }
    }

    /// The current number, to be read before the directory is asked.
    pub(super) fn now(&self) -> u64 {
        self.count.load(Ordering::SeqCst)
    }

    /// The mark of a tenant found by a load that began at `number`.
    pub(super) fn found(&self, number: u64, identifier: &TenantIdentifier, tenant: TenantId) -> Mark {
        Mark {
            number,
            key: self.group(identifier),
            tenant: self.group(&tenant),
        }
    }

    /// The mark of a load that found no tenant.
    pub(super) fn absent(&self, number: u64, identifier: &TenantIdentifier) -> Mark {
        let key = self.group(identifier);
        Mark {
            number,
            key,
            tenant: key,
        }
    }

    /// Whether the entry is neither invalidated nor in doubt. No hash and no clock: every hit runs this.
    pub(super) fn is_fresh(&self, mark: Mark) -> bool {
        mark.number >= self.doubt.load(Ordering::Acquire) && self.groups_allow(mark)
    }

    /// Whether the entry is not invalidated. It may be in doubt.
    pub(super) fn stands(&self, mark: Mark) -> bool {
        mark.number >= self.everything.load(Ordering::Acquire) && self.groups_allow(mark)
    }

    /// As [`Self::is_fresh`] for a cached "not found".
    pub(super) fn is_still_absent(&self, mark: Mark) -> bool {
        mark.number >= self.absences.load(Ordering::Acquire) && self.is_fresh(mark)
    }

    /// As [`Self::stands`] for a cached "not found".
    pub(super) fn absence_stands(&self, mark: Mark) -> bool {
        mark.number >= self.absences.load(Ordering::Acquire) && self.stands(mark)
    }

    /// Invalidates one identifier; for an id, all identifiers of its tenant.
    pub(super) fn name(&self, identifier: &TenantIdentifier) {
        let number = self.next();
        raise(self.number_of(self.group(identifier)), number);
        if let IdentifierView::Id(tenant) = identifier.view() {
            raise(self.number_of(self.group(&tenant)), number);
        }
    }

    /// Invalidates all identifiers of a tenant, those it had when they were loaded and those it has now.
    pub(super) fn tenant(&self, tenant: TenantId) {
        let number = self.next();
        raise(self.number_of(self.group(&tenant)), number);
        // The identifiers that it has now are not known here; a cached "not found" is cheap to load again.
        raise(Some(&self.absences), number);
    }

    /// Invalidates everything.
    pub(super) fn everything(&self) {
        let number = self.next();
        for about in [&self.everything, &self.doubt, &self.absences] {
            raise(Some(about), number);
        }
    }

    /// Marks everything as in doubt.
    pub(super) fn doubt(&self) {
        let number = self.next();
        raise(Some(&self.doubt), number);
    }

    fn next(&self) -> u64 {
        self.count.fetch_add(1, Ordering::SeqCst).wrapping_add(1)
    }

    fn groups_allow(&self, mark: Mark) -> bool {
        let allows = |group| {
            self.number_of(group)
                .is_some_and(|number| mark.number >= number.load(Ordering::Acquire))
        };
        allows(mark.key) && allows(mark.tenant)
    }

    fn number_of(&self, group: u16) -> Option<&AtomicU64> {
        self.groups.get(usize::from(group))
    }

    fn group(&self, key: &impl Hash) -> u16 {
        let hash = self.hasher.hash_one(key) % u64::from(GROUPS);
        u16::try_from(hash).unwrap_or_default()
    }
}

/// Of two concurrent invalidations the later number wins.
fn raise(about: Option<&AtomicU64>, number: u64) {
    if let Some(about) = about {
        about.fetch_max(number, Ordering::AcqRel);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_tenancy::TenantIdentifierValidator;
    use uuid::Uuid;

    fn tenant(number: u128) -> TenantId {
        TenantId::from_uuid(Uuid::from_u128(number))
    }

    #[test]
    fn a_load_is_out_of_date_after_what_was_invalidated_since_it_began() {
        let names = TenantIdentifierValidator::new("localhost").unwrap();
        let all = Invalidations::new();
        let host = names.host("a.example").unwrap();
        let taken = [
            all.group(&host),
            all.group(&tenant(1)),
            all.group(&names.known_id(tenant(1))),
        ];
        // A key that shares its group with none of the others.
        let slug = (1..100)
            .map(|n| names.slug(&format!("shop{n}")).unwrap())
            .find(|slug| !taken.contains(&all.group(slug)))
            .unwrap();
        let begin = || {
            let number = all.now();
            (all.found(number, &host, tenant(1)), all.absent(number, &slug))
        };
        // The invalidation, then: is the tenant fresh, does it stand; is the absence fresh, does it stand.
        type Case<'a> = (&'a dyn Fn(), [bool; 4]);
        let cases: [Case<'_>; 6] = [
            (&|| all.name(&host), [false, false, true, true]),
            (&|| all.name(&slug), [true, true, false, false]),
            (
                &|| all.name(&names.known_id(tenant(1))),
                [false, false, true, true],
            ),
            (&|| all.tenant(tenant(1)), [false, false, false, false]),
            (&|| all.doubt(), [false, true, false, true]),
            (&|| all.everything(), [false, false, false, false]),
        ];
        for (nth, (invalidate, expected)) in cases.into_iter().enumerate() {
            let (found, absent) = begin();
            let state = || {
                [
                    all.is_fresh(found),
                    all.stands(found),
                    all.is_still_absent(absent),
                    all.absence_stands(absent),
                ]
            };
            assert_eq!(state(), [true; 4], "{nth}");
            invalidate();
            assert_eq!(state(), expected, "{nth}");
            assert!(all.is_fresh(begin().0), "{nth}: a later load is not concerned");
        }
    }

    #[test]
    fn an_earlier_invalidation_does_not_hide_a_later_one() {
        let number = AtomicU64::new(7);
        raise(Some(&number), 5);
        assert_eq!(number.into_inner(), 7);
    }
}
