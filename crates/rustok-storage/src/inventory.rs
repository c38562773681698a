//! Stock levels and their ledger: every change of a level has a movement in the same transaction.
//!
//! Callers change a level here: they set it (a count, an import) or adjust it by a number of pieces. Stock that
//! orders take and give back is written by the orders' own statements; nothing here may decide whether an order gets
//! a piece.
//!
//! Locks are always taken in the same order: the product's row, then levels by the ids of their variants.

use jiff::Timestamp;
use rustok_commerce::ids::{MovementId, OrderId, VariantId};
use rustok_core::ids::TenantId;
use rustok_core::page::{Limit, Page};
use rustok_db::{Row, Statement, StoreError, TenantTx, Value, params};
use rustok_events::Event;
use std::ops::RangeInclusive;

const LEVELS: &str = "stock_levels";
const MOVEMENTS: &str = "stock_movements";

/// Why a level was changed. The names are stored: they never change.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MovementReason {
    /// A count by hand.
    Set,
    /// An import.
    Imported,
    /// Pieces came or went; the ledger line's note says why.
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

/// A ledger line that no order wrote. Lines are never changed; a level is the sum of all its lines.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct LevelChange {
    /// Its id.
    pub id: MovementId,
    /// The variant whose level changed.
    pub variant_id: VariantId,
    /// Change in pieces; negative when there are fewer now.
    pub delta: i64,
    /// The kind of change.
    pub reason: MovementReason,
    /// The reason in words: one line of 1 to 255 characters for an adjustment, otherwise `None`.
    pub note: Option<String>,
    /// The actor, as its stable text.
    pub actor: String,
    /// When it happened.
    pub at: Timestamp,
}

/// The stock of a variant that is tracked.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StockLevel {
    /// Pieces left; below zero only with backorders.
    pub available: i64,
    /// Whether it may be sold below zero.
    pub allow_backorder: bool,
}

/// The new values of a level.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct NewLevel {
    /// Pieces left.
    pub available: i64,
    /// Whether it may be sold below zero; `None` keeps the current setting, which is "no" for a variant that was not
    /// tracked.
    pub allow_backorder: Option<bool>,
}

/// A line of the ledger of a variant's stock.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct StockMovement {
    /// Its id.
    pub id: MovementId,
    /// The order that took or gave back the pieces.
    pub order_id: Option<OrderId>,
    /// Change in pieces; negative when there were fewer afterwards.
    pub delta: i64,
    /// `set`, `adjusted`, `imported`, `reserved` or `released`.
    pub reason: String,
    /// The reason in words, of an adjustment.
    pub note: Option<String>,
    /// The actor, as its stable text.
    pub actor: String,
    /// When it happened.
    pub at: Timestamp,
}

/// A page of the ledger of a variant's stock, newest first. Empty if there is no such variant.
///
/// # Errors
/// Those of the database.
pub async fn list_movements(
    tx: &mut TenantTx,
    variant: VariantId,
    after: Option<MovementId>,
    limit: Limit,
) -> Result<Page<StockMovement>, StoreError> {
    let before = if after.is_some() { " AND id < $4" } else { "" };
    let sql = format!(
        "SELECT id, order_id, delta, reason, note, actor, at FROM stock_movements \
         WHERE tenant_id = $1 AND variant_id = $2{before} ORDER BY id DESC LIMIT $3"
    );
    let mut values = params![tx.tenant(), variant, limit.plus_one()].to_vec();
    values.extend(after.map(Value::from));
    let movement = |row: &Row<'_>| {
        Ok(StockMovement {
            id: row.get("id")?,
            order_id: row.get("order_id")?,
            delta: row.get("delta")?,
            reason: row.get("reason")?,
            note: row.get("note")?,
            actor: row.get("actor")?,
            at: row.get("at")?,
        })
    };
    let lines = tx.db.fetch(MOVEMENTS, &sql, &values, movement).await?;
    Ok(Page::cut(lines, limit, |line| line.id))
}

/// The write of one ledger line.
pub(crate) fn insert_movement<'a>(tenant: TenantId, movement: &'a LevelChange) -> Statement<'a> {
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

/// The write that starts tracking a new variant; the caller writes its ledger line.
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

/// The write that allows or forbids selling below zero. Forbidding fails while the level is below zero.
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

/// The level of a variant, locked until the transaction ends, so that no order changes it meanwhile. `None` means
/// "not tracked".
///
/// # Errors
/// Those of the database.
pub async fn lock_level(tx: &mut TenantTx, variant: VariantId) -> Result<Option<StockLevel>, StoreError> {
    // SQLite has a single writer: no lock is needed.
    let lock = if tx.db.is_postgres() { "FOR UPDATE" } else { "" };
    let sql = format!(
        "SELECT available, allow_backorder FROM stock_levels WHERE tenant_id = $1 AND variant_id = $2 {lock}"
    );
    tx.db
        .fetch_optional(LEVELS, &sql, params![tx.tenant(), variant], |row| {
            Ok(StockLevel {
                available: row.get("available")?,
                allow_backorder: row.get("allow_backorder")?,
            })
        })
        .await
}

/// Sets a level; a variant that was not tracked becomes tracked. `before` is the result of [`lock_level`] in this
/// transaction. `movement` is the ledger line without its delta, which is computed here; `event` is stored as given:
/// the caller puts the delta into it. Returns the new level; an unchanged one is not written.
///
/// # Errors
/// [`StoreError::Stale`] when another transaction started tracking at the same moment, which a lock on the product
/// rules out; [`StoreError::Refused`] when there is no such variant; those of the database.
pub async fn set_level(
    tx: &mut TenantTx,
    before: Option<StockLevel>,
    level: &NewLevel,
    movement: LevelChange,
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
    let movement = LevelChange {
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
        tx.tenant(),
        movement.variant_id,
        after.available,
        after.allow_backorder,
        movement.at
    ];
    let statements = [
        Statement::one(LEVELS, sql, params),
        insert_movement(tx.tenant(), &movement),
        crate::outbox::insert_event(tx.tenant(), event),
    ];
    tx.db.execute_all(&statements).await?;
    Ok(after)
}

/// Changes a level by the movement's delta; the result must lie within `range`, and below zero only where backorders
/// are allowed.
///
/// # Errors
/// [`StoreError::Stale`] when the variant is not tracked, or its level would leave the range: then nothing is
/// changed.
pub async fn adjust_level(
    tx: &mut TenantTx,
    movement: &LevelChange,
    range: RangeInclusive<i64>,
    event: &Event,
) -> Result<(), StoreError> {
    let update = Statement::one(
        LEVELS,
        "UPDATE stock_levels SET available = available + $3, updated_at = $4 \
         WHERE tenant_id = $1 AND variant_id = $2 AND available + $3 >= $5 AND available + $3 <= $6 \
         AND (available + $3 >= 0 OR allow_backorder)",
        params![
            tx.tenant(),
            movement.variant_id,
            movement.delta,
            movement.at,
            *range.start(),
            *range.end()
        ],
    );
    let statements = [
        update,
        insert_movement(tx.tenant(), movement),
        crate::outbox::insert_event(tx.tenant(), event),
    ];
    tx.db.execute_all(&statements).await
}
