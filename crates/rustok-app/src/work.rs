//! A unit of work: one transaction, which also stores the response if the request has an `Idempotency-Key`.
//!
//! ```text
//! let mut work = match ctx.begin(key).await? {
//!     Begun::Fresh(work) => work,
//!     Begun::Repeated(reply) => return Ok(Done::Repeated(reply)),
//! };
//! ...                                      // change things through work.tx
//! work.finish(outcome).await               // stores the response, commits, and only then returns the outcome
//! ```

use crate::context::{Ctx, PlatformCtx, Services};
use crate::idempotency::Idempotency;
use rand::Rng;
use rustok_core::clock::Timestamp;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::ids::TenantId;
pub use rustok_storage::idempotency::StoredReply;
use rustok_storage::idempotency::{self, IdempotencyScope, KeyState};
use rustok_storage::{Owner, Platform, Tx};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a response is stored.
pub const REPLY_KEPT: Duration = Duration::from_secs(24 * 3_600);

/// The outcome of a use case that can be repeated with an `Idempotency-Key`.
#[derive(Debug, Clone, PartialEq, Eq)]
#[must_use]
pub enum Done<T> {
    /// It was done now.
    Made(T),
    /// An earlier request with the same key did it; this is its stored response.
    Repeated(StoredReply),
}

impl<T> Done<T> {
    /// The outcome, for callers that sent no key.
    ///
    /// # Errors
    /// `internal` for a repetition, which there is none without a key.
    pub fn made(self) -> Result<T, RichError> {
        match self {
            Self::Made(outcome) => Ok(outcome),
            Self::Repeated(_) => Err(RichError::new(
                ErrorKind::Internal,
                "a repetition of a request without a key",
            )),
        }
    }

    /// Whether it was done now.
    pub(crate) const fn is_made(&self) -> bool {
        matches!(self, Self::Made(_))
    }
}

/// The `Idempotency-Key` of a request whose outcome is `T`, with the rendering of its response by the surface that
/// received it. The unit of work stores that response in its transaction.
pub struct IdempotencyKey<'a, T> {
    sent: Option<(&'a Idempotency, &'a Render<'a, T>)>,
}

/// Renders the response to a request with the outcome `T`.
pub type Render<'a, T> = dyn Fn(&T) -> StoredReply + Send + Sync + 'a;

impl<'a, T> IdempotencyKey<'a, T> {
    /// The key, if the request has one. `render` must give the same response for the same outcome.
    #[must_use]
    pub fn new(sent: Option<&'a Idempotency>, render: &'a Render<'a, T>) -> Self {
        Self {
            sent: sent.map(|key| (key, render)),
        }
    }

    /// A caller without a key.
    #[must_use]
    pub const fn none() -> Self {
        Self { sent: None }
    }
}

impl<T> Clone for IdempotencyKey<'_, T> {
    fn clone(&self) -> Self {
        *self
    }
}

impl<T> Copy for IdempotencyKey<'_, T> {}

/// The start of a unit of work.
#[expect(
    clippy::large_enum_variant,
    reason = "it is matched where it is made; a box would only be an allocation"
)]
pub(crate) enum Begun<'a, T, O> {
    /// A new request.
    Fresh(Work<'a, T, O>),
    /// A repeated request, with the stored response.
    Repeated(StoredReply),
}

/// A tenant (`None` for the platform) and a scope.
type InFlightScope = (Option<TenantId>, IdempotencyScope);

/// The scopes with a first request that is still running in this process.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashSet<InFlightScope>>>);

/// Releases its scope on drop.
struct ScopeGuard {
    set: Arc<Mutex<HashSet<InFlightScope>>>,
    scope: InFlightScope,
}

impl InFlight {
    fn claim(&self, owner: Option<TenantId>, scope: &IdempotencyScope) -> Result<ScopeGuard, RichError> {
        let scope = (owner, scope.clone());
        let free = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(scope.clone());
        if free {
            Ok(ScopeGuard {
                set: Arc::clone(&self.0),
                scope,
            })
        } else {
            Err(still_running())
        }
    }
}

impl Drop for ScopeGuard {
    fn drop(&mut self) {
        self.set
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .remove(&self.scope);
    }
}

fn still_running() -> RichError {
    RichError::new(ErrorKind::Conflict, "idempotency key in flight")
        .with_code("idempotency_in_flight")
        .with_public("The first request with this Idempotency-Key is still running. Try again in a moment.")
        .with_retry_after(Duration::from_secs(1))
}

/// A running transaction for the outcome `T`, with its idempotency state.
pub(crate) struct Work<'a, T, O> {
    /// The transaction.
    pub(crate) tx: Tx<O>,
    stores: Option<StoredKey<'a, T>>,
    now: Timestamp,
}

/// A unit of work on one tenant's data.
pub(crate) type TenantWork<'a, T> = Work<'a, T, TenantId>;

/// A claimed key, under which the response is stored.
struct StoredKey<'a, T> {
    key: &'a Idempotency,
    render: &'a Render<'a, T>,
    _guard: ScopeGuard,
    nonce: [u8; 24],
}

impl Ctx {
    /// Starts a unit of work, or returns the response of an earlier request with the same `Idempotency-Key`.
    ///
    /// # Errors
    /// `idempotency_in_flight` while the first request runs, `idempotency_key_reused` for another body, and database
    /// errors.
    pub(crate) async fn begin<'a, T>(
        &self,
        key: IdempotencyKey<'a, T>,
    ) -> Result<Begun<'a, T, TenantId>, RichError> {
        let claimed = claim(&self.services, Some(self.tenant.id), key)?;
        begin(&self.services, self.write().await?, claimed).await
    }
}

impl PlatformCtx {
    /// As [`Ctx::begin`], for the tenant directory.
    ///
    /// # Errors
    /// Those of [`Ctx::begin`].
    pub(crate) async fn begin<'a, T>(
        &self,
        key: IdempotencyKey<'a, T>,
    ) -> Result<Begun<'a, T, Platform>, RichError> {
        let claimed = claim(&self.services, None, key)?;
        begin(&self.services, self.write().await?, claimed).await
    }
}

/// Claims the key's scope within this process, before the request waits for the database.
fn claim<'a, T>(
    services: &Services,
    owner: Option<TenantId>,
    key: IdempotencyKey<'a, T>,
) -> Result<Option<StoredKey<'a, T>>, RichError> {
    let Some((key, render)) = key.sent else {
        return Ok(None);
    };
    let guard = services.in_flight.claim(owner, &key.scope)?;
    let mut nonce = [0; 24];
    services.with_rng(|rng| rng.fill_bytes(&mut nonce));
    Ok(Some(StoredKey {
        key,
        render,
        _guard: guard,
        nonce,
    }))
}

async fn begin<'a, T, O: Owner>(
    services: &Services,
    mut tx: Tx<O>,
    claimed: Option<StoredKey<'a, T>>,
) -> Result<Begun<'a, T, O>, RichError> {
    let now = services.clock.now();
    if let Some(StoredKey { key, .. }) = &claimed {
        let not_before = now.checked_sub(REPLY_KEPT).unwrap_or(Timestamp::MIN);
        match idempotency::claim(&mut tx, &key.scope, not_before, now).await? {
            KeyState::New => {}
            KeyState::Running => return Err(still_running()),
            KeyState::Answered(record) => {
                // The replay is returned only after this commit: on SQLite it waits until the first request's commit
                // is durable, and it frees the row, which the client's next request with this key would meet otherwise.
                tx.commit().await?;
                return Ok(Begun::Repeated(key.open(record)?));
            }
        }
    }
    Ok(Begun::Fresh(Work {
        tx,
        stores: claimed,
        now,
    }))
}

impl<T, O: Owner> Work<'_, T, O> {
    /// Stores the response if the request has an `Idempotency-Key`, commits, and only then returns the outcome.
    ///
    /// # Errors
    /// Database errors; nothing was changed then (after a timeout this is unknown).
    pub(crate) async fn finish(mut self, outcome: T) -> Result<Done<T>, RichError> {
        if let Some(StoredKey {
            key, render, nonce, ..
        }) = &self.stores
        {
            let record = key.seal(&render(&outcome), *nonce)?;
            idempotency::insert_record(&mut self.tx, &key.scope, &record, self.now).await?;
        }
        self.tx.commit().await?;
        Ok(Done::Made(outcome))
    }

    /// As [`refuse`]. The key is free again.
    pub(crate) async fn refuse(mut self, refusal: RichError) -> RichError {
        if is_decided(&refusal)
            && let Some(StoredKey { key, .. }) = &self.stores
            && let Err(error) = idempotency::unclaim(&mut self.tx, &key.scope).await
        {
            return error.into();
        }
        refuse(self.tx, refusal).await
    }
}

/// Ends a transaction that was refused before it changed anything, and returns the refusal.
///
/// On SQLite the data that it read may belong to other transactions whose group commit is still pending and must not
/// become visible outside before that. Committing a transaction without changes waits for it.
pub(crate) async fn refuse<O: Owner>(tx: Tx<O>, refusal: RichError) -> RichError {
    if is_decided(&refusal) {
        return tx.commit().await.map_or_else(RichError::from, |()| refusal);
    }
    // After a database error no data was read, and the transaction is rolled back.
    refusal
}

/// Whether a refusal comes from what was read, not from an error of the database.
fn is_decided(refusal: &RichError) -> bool {
    use ErrorKind::{BusinessRule, Conflict, NotFound, Validation};
    matches!(refusal.kind(), Validation | NotFound | BusinessRule | Conflict)
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    #[test]
    fn a_scope_is_claimed_once_and_freed_by_its_drop() {
        let scope = |key: &str| Idempotency::new("a".to_owned(), "r".to_owned(), key, b"").scope;
        let in_flight = InFlight::default();
        let tenant = |n| Some(TenantId::from_uuid(Uuid::from_u128(n)));
        let guard = in_flight.claim(tenant(1), &scope("k")).unwrap();
        assert!(in_flight.claim(tenant(1), &scope("k")).is_err());
        assert!(in_flight.claim(tenant(1), &scope("other")).is_ok());
        for other in [tenant(2), None] {
            assert!(in_flight.claim(other, &scope("k")).is_ok());
        }
        drop(guard);
        assert!(in_flight.claim(tenant(1), &scope("k")).is_ok());
    }
}
