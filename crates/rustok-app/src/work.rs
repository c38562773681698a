//! A unit of work: one transaction, and with an `Idempotency-Key` the answer kept in it.
//!
//! ```text
//! let mut work = match ctx.begin().await? { Begun::Fresh(work) => work, Begun::Replay(reply) => return Ok(reply) };
//! ...                                      // change things through work.tx
//! work.finish(render(&outcome)).await      // keeps the answer, commits, and only then tells it
//! ```

use crate::context::{Ctx, Idempotency};
use rustok_core::clock::Timestamp;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::ids::TenantId;
use rustok_storage::TenantTx;
use rustok_storage::idempotency::{self, IdempotencyRecord, IdempotencyScope, StoredReply};
use sha2::{Digest, Sha256};
use std::collections::HashSet;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// How long an answer is kept.
pub const REPLY_KEPT: Duration = Duration::from_secs(24 * 3_600);

/// How often a scope's lock is asked for that no request of this process has, and how long is waited in between. A
/// request that failed lets PostgreSQL roll its transaction back while its answer is on its way already, so a client that
/// tries again at once may find the lock still taken for a moment.
const LOCK_TRIES: u32 = 6;
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// What a use case answers: made now, or repeated from the first time.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Reply {
    /// The answer.
    pub stored: StoredReply,
    /// Whether it is a repetition.
    pub replayed: bool,
}

/// How a unit of work starts.
#[expect(
    clippy::large_enum_variant,
    reason = "it is matched where it is made; a box would only be an allocation"
)]
pub enum Begun {
    /// It has to be done.
    Fresh(Work),
    /// It was done before; this was the answer.
    Replay(Reply),
}

/// The scopes whose first request is still running in this process.
#[derive(Debug, Default)]
pub(crate) struct InFlight(Arc<Mutex<HashSet<(TenantId, IdempotencyScope)>>>);

/// Frees its scope when the request is over, however it ended.
struct Claim {
    set: Arc<Mutex<HashSet<(TenantId, IdempotencyScope)>>>,
    scope: (TenantId, IdempotencyScope),
}

impl InFlight {
    fn claim(&self, tenant: TenantId, scope: &IdempotencyScope) -> Result<Claim, RichError> {
        let scope = (tenant, scope.clone());
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

/// A transaction that is under way.
pub struct Work {
    /// The transaction.
    pub tx: TenantTx,
    idempotency: Option<(Idempotency, Claim)>,
    now: Timestamp,
}

impl Ctx {
    /// Starts a unit of work, or finds the answer that an earlier request with the same `Idempotency-Key` got.
    ///
    /// # Errors
    /// `idempotency_in_flight` while the first request runs, `idempotency_key_reused` for another body, and those of
    /// the database.
    pub async fn begin(&self) -> Result<Begun, RichError> {
        let now = self.now();
        let Some(request) = &self.idempotency else {
            return Ok(Begun::Fresh(Work {
                tx: self.write().await?,
                idempotency: None,
                now,
            }));
        };
        let claim = self.services.in_flight.claim(self.tenant.id, &request.scope)?;
        let mut tx = self.write().await?;
        let not_before = now.checked_sub(REPLY_KEPT).unwrap_or(Timestamp::MIN);
        let Some(record) = locked(&mut tx, self.tenant.id, &request.scope, not_before).await? else {
            return Ok(Begun::Fresh(Work {
                tx,
                idempotency: Some((request.clone(), claim)),
                now,
            }));
        };
        // Told only when the first one's commit is sure (on SQLite this commit waits for it), and when the scope's lock
        // is free again: the client's next request with this key must not meet it.
        tx.commit().await?;
        if record.body_hash == request.body_hash {
            return Ok(Begun::Replay(Reply {
                stored: record.reply,
                replayed: true,
            }));
        }
        Err(
            RichError::new(ErrorKind::Validation, "idempotency key with another body")
                .with_code("idempotency_key_reused")
                .with_public(
                    "This Idempotency-Key was used for a request with another body. Take a new key.",
                ),
        )
    }
}

/// The answer that is kept for a scope, read under the scope's lock.
async fn locked(
    tx: &mut TenantTx,
    tenant: TenantId,
    scope: &IdempotencyScope,
    not_before: Timestamp,
) -> Result<Option<IdempotencyRecord>, RichError> {
    let lock_key = lock_key(tenant, scope);
    for _ in 1..LOCK_TRIES {
        if let Some(kept) = idempotency::claim(tx, scope, lock_key, not_before).await? {
            return Ok(kept);
        }
        tokio::time::sleep(LOCK_PAUSE).await;
    }
    let kept = idempotency::claim(tx, scope, lock_key, not_before).await?;
    kept.ok_or_else(still_running)
}

/// The number of the scope's advisory lock.
fn lock_key(tenant: TenantId, scope: &IdempotencyScope) -> i64 {
    let mut hash = Sha256::new();
    hash.update(tenant.as_uuid().as_bytes());
    for part in [&scope.actor, &scope.route, &scope.key] {
        hash.update(part.len().to_be_bytes());
        hash.update(part.as_bytes());
    }
    let digest: [u8; 32] = hash.finalize().into();
    let [a, b, c, d, e, f, g, h, ..] = digest;
    i64::from_be_bytes([a, b, c, d, e, f, g, h])
}

impl Work {
    /// Keeps the answer if it may be asked for again, commits, and only then hands the answer out.
    ///
    /// # Errors
    /// Those of the database; nothing was changed then (after a time-out that is not known).
    pub async fn finish(mut self, reply: StoredReply) -> Result<Reply, RichError> {
        if let Some((request, _)) = &self.idempotency {
            idempotency::insert_record(&mut self.tx, &request.scope, &request.body_hash, &reply, self.now)
                .await?;
        }
        self.tx.commit().await?;
        Ok(Reply {
            stored: reply,
            replayed: false,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn scope(actor: &str, route: &str, key: &str) -> IdempotencyScope {
        IdempotencyScope {
            actor: actor.to_owned(),
            route: route.to_owned(),
            key: key.to_owned(),
        }
    }

    #[test]
    fn a_scope_is_claimed_once_and_freed_by_its_drop() {
        let in_flight = InFlight::default();
        let tenant = TenantId::from_uuid(Uuid::from_u128(1));
        let claim = in_flight.claim(tenant, &scope("a", "r", "k")).unwrap();
        assert!(in_flight.claim(tenant, &scope("a", "r", "k")).is_err());
        assert!(in_flight.claim(tenant, &scope("a", "r", "other")).is_ok());
        assert!(
            in_flight
                .claim(TenantId::from_uuid(Uuid::from_u128(2)), &scope("a", "r", "k"))
                .is_ok()
        );
        drop(claim);
        assert!(in_flight.claim(tenant, &scope("a", "r", "k")).is_ok());
    }

    #[test]
    fn lock_keys_do_not_mix_parts() {
        let tenant = TenantId::from_uuid(Uuid::nil());
        assert_ne!(
            lock_key(tenant, &scope("ab", "c", "k")),
            lock_key(tenant, &scope("a", "bc", "k"))
        );
    }
}
