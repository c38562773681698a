//! Customers of a tenant, one per canonical e-mail address.
//!
//! This module must never look at another form of an address: the caller canonicalizes it.

use jiff::Timestamp;
use rustok_commerce::ids::CustomerId;
use rustok_db::{StoreError, TenantTx, params};
use rustok_text::CanonicalEmail;

const CUSTOMERS: &str = "customers";

/// Finds the customer with this address, or creates one with `id`. Returns the id of the address.
///
/// # Errors
/// Those of the database.
pub async fn upsert_customer(
    tx: &mut TenantTx,
    id: CustomerId,
    email: &CanonicalEmail,
    now: Timestamp,
) -> Result<CustomerId, StoreError> {
    // The update changes nothing: without it an existing row would not be returned. It writes a column of no key:
    // PostgreSQL then lets concurrent orders refer to the row, which otherwise could deadlock.
    let sql = "INSERT INTO customers (tenant_id, id, email, created_at) VALUES ($1, $2, $3, $4) \
               ON CONFLICT (tenant_id, email) DO UPDATE SET created_at = customers.created_at RETURNING id";
    let found = tx
        .db
        .fetch_optional(
            CUSTOMERS,
            sql,
            params![tx.tenant(), id, email.as_str(), now],
            |row| row.get("id"),
        )
        .await?;
    found.ok_or_else(|| StoreError::inconsistent(CUSTOMERS, "id", "an upsert answered no row"))
}
