//! Stock levels and their ledger: every change of a level has a movement beside it, in the same transaction.
//!
//! A level is changed here from outside: set (a count, an import) or adjusted by a number of pieces. What orders take
//! and give back is written by the orders' own statements; nothing here may decide whether an order can have a piece.
//!
//! Locks are taken in one sequence everywhere: the product's row, then levels by the ids of their variants.

use crate::error::StoreError;
use crate::tx::{Statement, TenantTx};
use crate::value::params;
use jiff::Timestamp;
use rustok_core::ids::{MovementId, TenantId, VariantId};
use rustok_events::Event;
use std::ops::RangeInclusive;

const LEVELS: &str = "stock_levels";
const MOVEMENTS: &str = "stock_movements";

/// Why a level was set. The names are stored: they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovementReason {
    /// Somebody counted.
    Set,
    /// A file said so.
    Imported,
    /// Pieces came or went; the line's note says why.
    Adjusted,
}

impl MovementReason {
    /// The stable name.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Set => "set",
            Self::Imported => "imported",
            Self::Adjusted => "adjusted",
        }
    }
}

/// One line of the ledger that no order wrote. Lines are never changed; the level is the sum of all its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Movement {
    /// Its id.
    pub id: MovementId,
    /// Whose level.
    pub variant_id: VariantId,
    /// By how many pieces; below zero when there are fewer now.
    pub delta: i64,
    /// Why.
    pub reason: MovementReason,
    /// The reason in words: one line of 1 to 255 characters of an adjustment, nothing otherwise.
    pub note: Option<String>,
    /// Who, as the actor's stable text.
    pub actor: String,
    /// When.
    pub at: Timestamp,
}

/// The stock of one variant whose pieces are counted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockLevel {
    /// Pieces left; below zero only with backorders.
    pub available: i64,
    /// Whether it is sold beyond zero.
    pub allow_backorder: bool,
}

/// A level as it is to be from now on.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLevel {
    /// Pieces left.
    pub available: i64,
    /// Whether it is sold beyond zero; `None` leaves that as it is, which is "no" where nothing was counted before.
    pub allow_backorder: Option<bool>,
}

/// The write of one line of the ledger.
pub(crate) fn insert_movement<'a>(tenant: TenantId, movement: &'a Movement) -> Statement<'a> {
    Statement::one(
        MOVEMENTS,
        "INSERT INTO stock_movements (tenant_id, id, variant_id, delta, reason, actor, at, note) \
         VALUES ($1, $2, $3, $4, $5, $6, $7, $8)",
        params![
            tenant,
            movement.id,
            movement.variant_id,
            movement.delta,
            movement.reason.as_str(),
            &movement.actor,
            movement.at,
            movement.note.as_deref()
        ],
    )
}

/// The write that starts to count a new variant; its ledger line is the caller's to write.
pub(crate) fn insert_level(
    tenant: TenantId,
    variant: VariantId,
    level: StockLevel,
    now: Timestamp,
) -> Statement<'static> {
    Statement::one(
        LEVELS,
        "INSERT INTO stock_levels (tenant_id, variant_id, available, allow_backorder, updated_at) \
         VALUES ($1, $2, $3, $4, $5)",
        params![tenant, variant, level.available, level.allow_backorder, now],
    )
}

/// The write that allows or ends selling beyond zero. Ending it fails while pieces are owed.
pub(crate) fn update_backorder(
    tenant: TenantId,
    variant: VariantId,
    allow: bool,
    now: Timestamp,
) -> Statement<'static> {
    Statement::one(
        LEVELS,
        "UPDATE stock_levels SET allow_backorder = $3, updated_at = $4 \
         WHERE tenant_id = $1 AND variant_id = $2 AND (available >= 0 OR $3)",
        params![tenant, variant, allow, now],
    )
}

/// The level of a variant, held until the transaction ends, so that no order moves it meanwhile. `None` is "not
/// tracked".
///
/// # Errors
/// Those of the database.
pub async fn lock_level(tx: &mut TenantTx, variant: VariantId) -> Result<Option<StockLevel>, StoreError> {
    // SQLite has one writer at a time: there is nothing to lock.
    let lock = if tx.db.is_postgres() { "FOR UPDATE" } else { "" };
    let sql = format!(
        "SELECT available, allow_backorder FROM stock_levels WHERE tenant_id = $1 AND variant_id = $2 {lock}"
    );
    tx.db
        .fetch_optional(LEVELS, &sql, params![tx.tenant, variant], |row| {
            Ok(StockLevel {
                available: row.get("available")?,
                allow_backorder: row.get("allow_backorder")?,
            })
        })
        .await
}

/// Sets a level, and starts to count a variant that was not tracked. `before` is what [`lock_level`] answered in this
/// transaction. `movement` is its ledger line but for the delta, which is found here; `event` gets the delta's facts
/// from its caller. Answers what the level is now; one that is so already is left alone.
///
/// # Errors
/// [`StoreError::Stale`] when somebody else started to count in this very moment, which holding the product rules out;
/// [`StoreError::Refused`] when there is no such variant; those of the database.
pub async fn set_level(
    tx: &mut TenantTx,
    before: Option<StockLevel>,
    level: &NewLevel,
    movement: Movement,
    event: &Event,
) -> Result<StockLevel, StoreError> {
    let allow_backorder = level
        .allow_backorder
        .or(before.map(|before| before.allow_backorder));
    let after = StockLevel {
        available: level.available,
        allow_backorder: allow_backorder.unwrap_or(false),
    };
    if before == Some(after) {
        return Ok(after);
    }
    let movement = Movement {
        delta: after.available - before.map_or(0, |before| before.available),
        ..movement
    };
    let sql = match before {
        Some(_) => {
            "UPDATE stock_levels SET available = $3, allow_backorder = $4, updated_at = $5 \
             WHERE tenant_id = $1 AND variant_id = $2"
        }
        None => {
            "INSERT INTO stock_levels (tenant_id, variant_id, available, allow_backorder, updated_at) \
             VALUES ($1, $2, $3, $4, $5) ON CONFLICT (tenant_id, variant_id) DO NOTHING"
        }
    };
    let params = params![
        tx.tenant,
        movement.variant_id,
        after.available,
        after.allow_backorder,
        movement.at
    ];
    let statements = [
        Statement::one(LEVELS, sql, params),
        insert_movement(tx.tenant, &movement),
        crate::outbox::insert_event(tx.tenant, event),
    ];
    tx.db.execute_all(&statements).await?;
    Ok(after)
}

/// Changes a level by the movement's delta, within `range`, and below zero only where backorders are allowed.
///
/// # Errors
/// [`StoreError::Stale`] when the variant is not tracked, or its level would leave the range: nothing is changed then.
pub async fn adjust_level(
    tx: &mut TenantTx,
    movement: &Movement,
    range: RangeInclusive<i64>,
    event: &Event,
) -> Result<(), StoreError> {
    let update = Statement::one(
        LEVELS,
        "UPDATE stock_levels SET available = available + $3, updated_at = $4 \
         WHERE tenant_id = $1 AND variant_id = $2 AND available + $3 >= $5 AND available + $3 <= $6 \
         AND (available + $3 >= 0 OR allow_backorder)",
        params![
            tx.tenant,
            movement.variant_id,
            movement.delta,
            movement.at,
            *range.start(),
            *range.end()
        ],
    );
    let statements = [
        update,
        insert_movement(tx.tenant, movement),
        crate::outbox::insert_event(tx.tenant, event),
    ];
    tx.db.execute_all(&statements).await
}
