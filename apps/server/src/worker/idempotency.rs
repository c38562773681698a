//! Deletes stored replies that can no longer be requested: the platform's, then those of each tenant.

use super::{FORGOTTEN_AT_ONCE, Round, round_deadline};
use crate::state::AppState;
use rustok_app::REPLY_KEPT;
use rustok_core::clock::Timestamp;
use rustok_core::error::RichError;
use rustok_core::ids::TenantId;
use rustok_core::page::{Cursor, Limit};
use rustok_storage::{Store, StoreError, idempotency, tenants};
use rustok_tenancy::TenantHandle;

pub(super) async fn round(state: &AppState) -> Result<Round, RichError> {
    let services = state.services();
    let store = &services.store;
    let Ok(before) = services.clock.now().checked_sub(REPLY_KEPT) else {
        return Ok(Round::Done);
    };
    unless_outage(None, forget_platform(store, before).await)?;
    let mut after: Option<TenantId> = None;
    loop {
        let mut tx = store.platform_read(round_deadline()).await?;
        let page = tenants::list_tenants(&mut tx, after, Limit::default()).await?;
        drop(tx);
        for tenant in &page.items {
            unless_outage(Some(tenant.id), forget(store, tenant.handle(), before).await)?;
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

/// A failure for one tenant does not stop the others, unless the database is unavailable.
fn unless_outage(tenant: Option<TenantId>, forgotten: Result<(), StoreError>) -> Result<(), StoreError> {
    match forgotten {
        Err(error) if !error.is_outage() => {
            let tenant_id = tenant.map(tracing::field::display);
            tracing::warn!(tenant_id, %error, "old answers could not be forgotten");
            Ok(())
        }
        other => other,
    }
}

/// Opens no write transaction for a tenant without old replies: most have none, and SQLite has only one writer.
async fn forget(store: &Store, tenant: TenantHandle, before: Timestamp) -> Result<(), StoreError> {
    loop {
        let mut tx = store.read(tenant, round_deadline()).await?;
        let count = idempotency::count_records_before(tx.last(), before, FORGOTTEN_AT_ONCE).await?;
        drop(tx);
        if count == 0 {
            return Ok(());
        }
        let mut tx = store.write(tenant, round_deadline()).await?;
        idempotency::delete_records_before(&mut tx, before, count).await?;
        tx.commit().await?;
    }
}

async fn forget_platform(store: &Store, before: Timestamp) -> Result<(), StoreError> {
    loop {
        let mut tx = store.platform_read(round_deadline()).await?;
        let count = idempotency::count_platform_records_before(&mut tx, before, FORGOTTEN_AT_ONCE).await?;
        drop(tx);
        if count == 0 {
            return Ok(());
        }
        let mut tx = store.platform_write(round_deadline()).await?;
        idempotency::delete_platform_records_before(&mut tx, before, count).await?;
        tx.commit().await?;
    }
}
