//! A unit of work: one transaction, which also stores the response if the request has an `Idempotency-Key`.
//!
//! ```text
//! let mut work = match ctx.begin().await? { Begun::Fresh(work) => work, Begun::Replay(reply) => return Ok(reply) };
//! ...                                      // change things through work.tx
//! work.finish(render(&outcome)).await      // keeps the answer, commits, and only then tells it
//! ```

use crate::context::{Ctx, PlatformCtx, Services};
use crate::idempotency::Idempotency;
use rand::Rng;
use rustok_core::clock::Timestamp;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::ids::TenantId;
use rustok_storage::idempotency::{self, IdempotencyRecord, IdempotencyScope, StoredReply};
use rustok_storage::{PlatformTx, StoreError, TenantTx};
use std::collections::HashSet;
use std::future::Future;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long a response is stored.
pub const REPLY_KEPT: Duration = Duration::from_secs(24 * 3_600);

/// How often, and at which interval, to ask for a scope's lock that no request of this process holds. PostgreSQL
/// rolls a failed request's transaction back while its response is already on the way, so a client that retries at
/// once may find the lock still held for a moment.
const LOCK_TRIES: u32 = 20;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// The response of a use case: new, or replayed from an earlier request.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The response.
    pub stored: StoredReply,
    /// Whether it is a replay.
    pub replayed: bool,
}

impl From<StoredReply> for Reply {
    /// A new response.
    fn from(stored: StoredReply) -> Self {
        Self {
            stored,
            replayed: false,
        }
    }
}

/// The start of a unit of work.
#[expect(
    clippy::large_enum_variant,
    reason = "it is matched where it is made; a box would only be an allocation"
)]
pub enum Begun<T = TenantTx> {
    /// A new request.
    Fresh(Work<T>),
    /// A repeated request, with the stored response.
    Replay(Reply),
}

/// A transaction that can store responses: a tenant's, or the platform's.
pub trait KeepsReplies: Sized + Send {
    /// The tenant; `None` for the platform.
    fn owner(&self) -> Option<TenantId>;

    /// As [`idempotency::claim`].
    fn claim(
        &mut self,
        scope: &IdempotencyScope,
        lock_key: i64,
        not_before: Timestamp,
    ) -> impl Future<Output = Result<Option<Option<IdempotencyRecord>>, StoreError>> + Send;

    /// As [`idempotency::insert_record`].
    fn keep(
        &mut self,
        scope: &IdempotencyScope,
        record: &IdempotencyRecord,
        now: Timestamp,
    ) -> impl Future<Output = Result<(), StoreError>> + Send;

    /// As [`TenantTx::commit`].
    fn commit(self) -> impl Future<Output = Result<(), StoreError>> + Send;
}

impl KeepsReplies for TenantTx {
    fn owner(&self) -> Option<TenantId> {
        Some(self.tenant())
    }

    async fn claim(
        &mut self,
        scope: &IdempotencyScope,
        lock_key: i64,
        not_before: Timestamp,
    ) -> Result<Option<Option<IdempotencyRecord>>, StoreError> {
        idempotency::claim(self, scope, lock_key, not_before).await
    }

    async fn keep(
        &mut self,
        scope: &IdempotencyScope,
        record: &IdempotencyRecord,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        idempotency::insert_record(self, scope, record, now).await
    }

    async fn commit(self) -> Result<(), StoreError> {
        Self::commit(self).await
    }
}

impl KeepsReplies for PlatformTx {
    fn owner(&self) -> Option<TenantId> {
        None
    }

    async fn claim(
        &mut self,
        scope: &IdempotencyScope,
        lock_key: i64,
        not_before: Timestamp,
    ) -> Result<Option<Option<IdempotencyRecord>>, StoreError> {
        idempotency::claim_platform(self, scope, lock_key, not_before).await
    }

    async fn keep(
        &mut self,
        scope: &IdempotencyScope,
        record: &IdempotencyRecord,
        now: Timestamp,
    ) -> Result<(), StoreError> {
        idempotency::insert_platform_record(self, scope, record, now).await
    }

    async fn commit(self) -> Result<(), StoreError> {
        Self::commit(self).await
    }
}

/// A tenant (`None` for the platform) and a scope.
type InFlightScope = (Option<TenantId>, IdempotencyScope);

/// The scopes with a first request that is still running in this process.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashSet<InFlightScope>>>);

/// Releases its scope on drop.
struct Claim {
    set: Arc<Mutex<HashSet<InFlightScope>>>,
    scope: InFlightScope,
}

impl InFlight {
    fn claim(&self, owner: Option<TenantId>, scope: &IdempotencyScope) -> Result<Claim, RichError> {
        let scope = (owner, scope.clone());
        let free = self
            .0
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(scope.clone());
        if free {
            Ok(Claim {
                set: Arc::clone(&self.0),
                scope,
            })
        } else {
            Err(still_running())
        }
    }
}

impl Drop for Claim {
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

/// A running transaction with its idempotency state.
pub struct Work<T = TenantTx> {
    /// The transaction.
    pub tx: T,
    idempotency: Option<Kept>,
    now: Timestamp,
}

/// Where to store the response.
struct Kept {
    request: Idempotency,
    _claim: Claim,
    nonce: [u8; 24],
}

impl Ctx {
    /// Starts a unit of work, or returns the response of an earlier request with the same `Idempotency-Key`.
    ///
    /// # Errors
    /// `idempotency_in_flight` while the first request runs, `idempotency_key_reused` for another body, and database
    /// errors.
    pub async fn begin(&self) -> Result<Begun, RichError> {
        let owner = Some(self.tenant.id);
        let claim = claimed(&self.services, owner, self.idempotency.as_ref())?;
        begun(&self.services, self.write().await?, claim).await
    }
}

impl PlatformCtx {
    /// As [`Ctx::begin`], for the tenant directory.
    ///
    /// # Errors
    /// Those of [`Ctx::begin`].
    pub(crate) async fn begin(&self) -> Result<Begun<PlatformTx>, RichError> {
        let claim = claimed(&self.services, None, self.idempotency.as_ref())?;
        begun(&self.services, self.write().await?, claim).await
    }
}

/// Claims the scope within this process, before the request waits for the database.
fn claimed<'a>(
    services: &Services,
    owner: Option<TenantId>,
    request: Option<&'a Idempotency>,
) -> Result<Option<(&'a Idempotency, Claim)>, RichError> {
    let claim = |request: &'a Idempotency| Ok((request, services.in_flight.claim(owner, &request.scope)?));
    request.map(claim).transpose()
}

async fn begun<T: KeepsReplies>(
    services: &Services,
    mut tx: T,
    claim: Option<(&Idempotency, Claim)>,
) -> Result<Begun<T>, RichError> {
    let now = services.clock.now();
    let Some((request, claim)) = claim else {
        return Ok(Begun::Fresh(Work {
            tx,
            idempotency: None,
            now,
        }));
    };
    let not_before = now.checked_sub(REPLY_KEPT).unwrap_or(Timestamp::MIN);
    let Some(record) = locked(&mut tx, request, not_before).await? else {
        let mut nonce = [0; 24];
        services.with_rng(|rng| rng.fill_bytes(&mut nonce));
        return Ok(Begun::Fresh(Work {
            tx,
            idempotency: Some(Kept {
                request: request.clone(),
                _claim: claim,
                nonce,
            }),
            now,
        }));
    };
    // The replay is returned only after this commit: on SQLite it waits until the first request's commit is durable,
    // and it frees the scope's lock, which the client's next request with this key would meet otherwise.
    tx.commit().await?;
    Ok(Begun::Replay(Reply {
        stored: request.open(record)?,
        replayed: true,
    }))
}

/// The stored response of a scope, read under the scope's lock.
async fn locked<T: KeepsReplies>(
    tx: &mut T,
    request: &Idempotency,
    not_before: Timestamp,
) -> Result<Option<IdempotencyRecord>, RichError> {
    let lock_key = request.lock_key(tx.owner());
    for _ in 1..LOCK_TRIES {
        if let Some(kept) = tx.claim(&request.scope, lock_key, not_before).await? {
            return Ok(kept);
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    let kept = tx.claim(&request.scope, lock_key, not_before).await?;
    kept.ok_or_else(still_running)
}

impl<T: KeepsReplies> Work<T> {
    /// Stores the response if the request has an `Idempotency-Key`, commits, and only then returns the response.
    ///
    /// # Errors
    /// Database errors; nothing was changed then (after a timeout this is unknown).
    pub async fn finish(mut self, reply: StoredReply) -> Result<Reply, RichError> {
        if let Some(Kept { request, nonce, .. }) = &self.idempotency {
            let record = request.seal(&reply, *nonce)?;
            self.tx.keep(&request.scope, &record, self.now).await?;
        }
        self.tx.commit().await?;
        Ok(reply.into())
    }

    /// Ends a unit of work that was refused before it changed anything, and returns the refusal.
    ///
    /// On SQLite the data that it read may belong to other transactions whose group commit is still pending and must
    /// not become visible outside before that. Committing a transaction without changes waits for it.
    pub(crate) async fn refuse(self, refusal: RichError) -> RichError {
        match refusal.kind() {
            ErrorKind::Validation | ErrorKind::NotFound | ErrorKind::BusinessRule | ErrorKind::Conflict => {
                self.tx.commit().await.map_or_else(RichError::from, |()| refusal)
            }
            // After a database error no data was read.
            _ => refusal,
        }
    }
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
        let claim = in_flight.claim(tenant(1), &scope("k")).unwrap();
        assert!(in_flight.claim(tenant(1), &scope("k")).is_err());
        assert!(in_flight.claim(tenant(1), &scope("other")).is_ok());
        for other in [tenant(2), None] {
            assert!(in_flight.claim(other, &scope("k")).is_ok());
        }
        drop(claim);
        assert!(in_flight.claim(tenant(1), &scope("k")).is_ok());
    }
}
