//! When tokens were last used. A request only notes it in memory; a worker stores it.

use crate::context::Services;
use rustok_auth::ids::TokenId;
use rustok_core::clock::Timestamp;
use rustok_core::deadline::Deadline;
use rustok_core::error::RichError;
use rustok_core::ids::TenantId;
use rustok_storage::tokens::{self, FoundToken};
use rustok_tenancy::TenantHandle;
use std::collections::BTreeMap;
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The last use of a token is stored at most this often.
const USED_EVERY: Duration = Duration::from_secs(3_600);
/// The maximum number of tokens whose use is noted and not stored yet; of others it is noted later.
const MAX_NOTED: usize = 10_000;

/// The tokens whose last use has to be stored.
#[derive(Debug, Default)]
pub(crate) struct TokenUse(Mutex<BTreeMap<(TenantId, TokenId), Timestamp>>);

impl TokenUse {
    /// Notes that the token is used, unless this was stored a short time ago.
    pub(crate) fn note(&self, tenant: TenantId, token: &FoundToken, now: Timestamp) {
        let due = token.used_at.map(|used| used.saturating_add(USED_EVERY));
        if due.is_some_and(|due| due.is_ok_and(|due| now < due)) {
            return;
        }
        let mut noted = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let key = (tenant, token.id);
        if noted.len() < MAX_NOTED || noted.contains_key(&key) {
            noted.insert(key, now);
        }
    }

    fn take(&self) -> BTreeMap<(TenantId, TokenId), Timestamp> {
        std::mem::take(&mut *self.0.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Stores when tokens were last used, as far as it was noted since the last time; returns how many there were. What is not
/// stored because of an error is noted again with the next use.
///
/// # Errors
/// Database errors.
pub async fn store_token_use(services: &Services, deadline: Deadline) -> Result<usize, RichError> {
    let noted = services.used_tokens.take();
    for ((tenant, token), used_at) in &noted {
        let handle = TenantHandle::for_due_work(*tenant);
        let mut tx = services.store.write(handle, deadline).await?;
        tokens::touch_token(&mut tx, *token, *used_at).await?;
        tx.commit().await?;
    }
    Ok(noted.len())
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_auth::{Role, Scopes};
    use uuid::Uuid;

    #[test]
    fn a_use_is_noted_once_an_hour() {
        let at = |minutes: i64| Timestamp::from_second(minutes * 60).unwrap();
        let tenant = TenantId::from_uuid(Uuid::from_u128(1));
        let token = |used_at| FoundToken {
            id: TokenId::from_uuid(Uuid::from_u128(2)),
            role: Role::Viewer,
            scopes: Scopes::ALL,
            used_at,
        };
        for (used_at, now, noted) in [
            (None, at(0), true),
            (Some(at(0)), at(59), false),
            (Some(at(0)), at(60), true),
        ] {
            let uses = TokenUse::default();
            uses.note(tenant, &token(used_at), now);
            assert_eq!(
                uses.take().into_values().collect::<Vec<_>>(),
                if noted { vec![now] } else { vec![] }
            );
            assert!(uses.take().is_empty());
        }
    }
}
