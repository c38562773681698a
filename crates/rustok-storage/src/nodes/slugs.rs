//! Addresses: which are taken, and a turn for whoever wants one that is made up.
//!
//! An address is taken by a working revision and by a live one alike, so that publishing never runs into somebody else.

use super::{TRANSLATIONS, parsed};
use crate::error::StoreError;
use crate::tx::TenantTx;
use crate::value::{Value, pad, params, placeholders};
use rustok_content::{Locale, Slug};
use rustok_core::ids::NodeId;
use std::collections::HashSet;

/// Those of `candidates` that a node other than `except` has in `locale`. At most 64 candidates, else the statement grows
/// long.
///
/// # Errors
/// Those of the database.
pub async fn list_taken(
    tx: &mut TenantTx,
    locale: Locale,
    except: Option<NodeId>,
    candidates: &[Slug],
) -> Result<HashSet<Slug>, StoreError> {
    let mut slugs: Vec<Value<'_>> = candidates.iter().map(|slug| slug.as_str().into()).collect();
    pad(&mut slugs);
    let list = placeholders(4, slugs.len());
    let half = |column: &str| {
        format!(
            "SELECT {column} AS slug FROM node_translations WHERE tenant_id = $1 AND locale = $2 \
             AND ($3::uuid IS NULL OR node_id <> $3::uuid) AND {column} IN ({list})"
        )
    };
    let sql = format!("{} UNION {}", half("slug"), half("published_slug"));
    let mut values = params![tx.tenant, locale.as_str(), except].to_vec();
    values.append(&mut slugs);
    let taken = tx
        .db
        .fetch(TRANSLATIONS, &sql, &values, |row| parsed(row, "slug"))
        .await?;
    Ok(taken.into_iter().collect())
}

/// Makes everybody else who wants to make up an address from `base` wait until this transaction is over. SQLite has one
/// writer: there it is so already.
///
/// # Errors
/// Those of the database.
pub async fn lock(tx: &mut TenantTx, locale: Locale, base: &Slug) -> Result<(), StoreError> {
    if tx.db.is_postgres() {
        let name = format!("slug {} {locale} {base}", tx.tenant);
        let sql = "SELECT pg_advisory_xact_lock(hashtextextended($1, 0))";
        tx.db.fetch(TRANSLATIONS, sql, params![name], |_| Ok(())).await?;
    }
    Ok(())
}

/// The addresses that the working revisions of a node were saved with: what a deleted node gets back.
///
/// # Errors
/// Those of the database.
pub async fn list_saved(tx: &mut TenantTx, node: NodeId) -> Result<Vec<(Locale, Slug)>, StoreError> {
    let sql = "SELECT t.locale, r.slug FROM node_translations t JOIN node_revisions r ON r.tenant_id = t.tenant_id \
               AND r.node_id = t.node_id AND r.locale = t.locale AND r.revision = t.working_revision \
               WHERE t.tenant_id = $1 AND t.node_id = $2 ORDER BY t.locale";
    tx.db
        .fetch(TRANSLATIONS, sql, params![tx.tenant, node], |row| {
            Ok((parsed(row, "locale")?, parsed(row, "slug")?))
        })
        .await
}
