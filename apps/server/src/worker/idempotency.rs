//! Forgets answers that nobody may ask for again, tenant by tenant.

use super::{Round, round_deadline};
use crate::state::AppState;
use rustok_app::work::REPLY_KEPT;
use rustok_core::clock::Timestamp;
use rustok_core::error::RichError;
use rustok_core::ids::TenantId;
use rustok_core::page::{Cursor, Limit};
use rustok_storage::{Store, StoreError, idempotency, tenants};
use rustok_tenancy::TenantHandle;

pub(super) async fn round(state: &AppState) -> Result<Round, RichError> {
    let services = state.services();
    let Ok(before) = services.clock.now().checked_sub(REPLY_KEPT) else {
        return Ok(Round::Done);
    };
    let mut after: Option<TenantId> = None;
    loop {
        let mut tx = services.store.platform_read(round_deadline()).await?;
        let page = tenants::list_tenants(&mut tx, after, Limit::default()).await?;
        drop(tx);
        for tenant in &page.items {
            if let Err(error) = forget(&services.store, tenant.handle(), before).await {
                // The others' answers are none of its business, unless nobody's can be reached.
                if error.is_outage() {
                    return Err(error.into());
                }
                tracing::warn!(tenant_id = %tenant.id, %error, "old answers could not be forgotten");
            }
        }
        let Some(next) = page.next_cursor else {
            return Ok(Round::Done);
        };
        after = Cursor::decode(&next).ok();
        if after.is_none() {
            return Ok(Round::Done);
        }
    }
}

async fn forget(store: &Store, tenant: TenantHandle, before: Timestamp) -> Result<(), StoreError> {
    let mut tx = store.write(tenant, round_deadline()).await?;
    let deleted = idempotency::delete_records_before(&mut tx, before).await?;
    if deleted > 0 { tx.commit().await } else { Ok(()) }
}
