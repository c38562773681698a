//! What each error code of PostgreSQL leads to: the error, the circuit breaker's view, and the state that health checks
//! report. And a schema that is gone under a running server.

use super::*;
use crate::DatabaseState;
use rustok_core::error::BreakerOutcome::{self, Failure, Ignored, Success};
use rustok_core::resilience::CircuitState;

/// One code at least of every class of PostgreSQL's appendix of error codes that an error can have: the code, the
/// variant, whether it is an outage to the caller, what the breaker counts, and what is known of the database then.
const CODES: &[(&str, &str, bool, BreakerOutcome, DatabaseState)] = {
    use DatabaseState::{Corrupt, DiskFull, Ok, ReadOnly, SchemaMissing};
    &[
        ("03000", "Refused", false, Success, Ok),
        ("08006", "Unavailable", true, Failure, Ok),
        ("08P01", "Unfit", true, Success, Ok),
        ("09000", "Refused", false, Success, Ok),
        ("0A000", "Unfit", true, Success, Ok),
        ("0B000", "Refused", false, Success, Ok),
        ("0F001", "Refused", false, Success, Ok),
        ("0L000", "Refused", false, Success, Ok),
        ("0P000", "Refused", false, Success, Ok),
        ("0Z002", "Refused", false, Success, Ok),
        ("10608", "Refused", false, Success, Ok),
        ("20000", "Refused", false, Success, Ok),
        ("21000", "Refused", false, Success, Ok),
        ("22023", "Refused", false, Success, Ok),
        ("23514", "Refused", false, Success, Ok),
        ("23505", "Taken", false, Success, Ok),
        ("24000", "Refused", false, Success, Ok),
        ("25001", "Refused", false, Success, Ok),
        ("25006", "ReadOnly", true, Success, ReadOnly),
        ("25P01", "Unfit", true, Success, Ok),
        ("25P02", "Unfit", true, Success, Ok),
        ("25P03", "Serialization", false, Success, Ok),
        ("25P04", "Serialization", false, Success, Ok),
        ("26000", "Unfit", true, Success, Ok),
        ("27000", "Refused", false, Success, Ok),
        ("28000", "Unavailable", true, Failure, Ok),
        ("28P01", "Unavailable", true, Failure, Ok),
        ("2B000", "Refused", false, Success, Ok),
        ("2D000", "Refused", false, Success, Ok),
        ("2F000", "Refused", false, Success, Ok),
        ("34000", "Refused", false, Success, Ok),
        ("38000", "Refused", false, Success, Ok),
        ("39000", "Refused", false, Success, Ok),
        ("3B000", "Refused", false, Success, Ok),
        ("3D000", "Unavailable", true, Failure, Ok),
        ("3F000", "SchemaMissing", true, Success, SchemaMissing),
        ("40001", "Serialization", false, Success, Ok),
        ("40002", "Refused", false, Success, Ok),
        ("40P01", "Serialization", false, Success, Ok),
        ("42501", "Refused", false, Success, Ok),
        ("42601", "Refused", false, Success, Ok),
        ("42703", "SchemaMissing", true, Success, SchemaMissing),
        ("42704", "SchemaMissing", true, Success, SchemaMissing),
        ("42883", "SchemaMissing", true, Success, SchemaMissing),
        ("42P01", "SchemaMissing", true, Success, SchemaMissing),
        ("42P05", "Unfit", true, Success, Ok),
        ("42P10", "SchemaMissing", true, Success, SchemaMissing),
        ("44000", "Refused", false, Success, Ok),
        ("53000", "Trouble", true, Success, Ok),
        ("53100", "DiskFull", true, Success, DiskFull),
        ("53200", "Trouble", true, Success, Ok),
        ("53300", "Overloaded", true, Ignored, Ok),
        ("53400", "Trouble", true, Success, Ok),
        ("54000", "Refused", false, Success, Ok),
        ("55000", "Refused", false, Success, Ok),
        ("55P03", "Locked", true, Success, Ok),
        ("57014", "Timeout", true, Failure, Ok),
        ("57P01", "Unavailable", true, Failure, Ok),
        ("57P03", "Unavailable", true, Failure, Ok),
        ("57P05", "Unavailable", true, Failure, Ok),
        ("58030", "Trouble", true, Success, Ok),
        ("58P01", "Trouble", true, Success, Ok),
        ("F0000", "Trouble", true, Success, Ok),
        ("HV000", "Refused", false, Success, Ok),
        ("P0001", "Refused", false, Success, Ok),
        ("XX000", "Trouble", true, Success, Ok),
        ("XX001", "Damaged", true, Success, Corrupt),
        ("XX002", "Damaged", true, Success, Corrupt),
    ]
};

#[tokio::test]
async fn each_class_of_codes_leads_to_its_error_the_breakers_view_and_the_state() {
    let db = TestDatabase::postgres_empty().await;
    for (code, variant, outage, outcome, state) in CODES {
        let store = open_small(&db, 1).await;
        let mut tx = store.platform_write(soon()).await.unwrap();
        // In the middle of a transaction: nothing is tried on another connection.
        tx.db.fetch("x", "SELECT 1 AS n", &[], |_| Ok(())).await.unwrap();
        let raised = format!("DO $$ BEGIN RAISE EXCEPTION USING ERRCODE = '{code}'; END $$");
        let error = tx.db.execute("x", &raised, &[]).await.unwrap_err();
        drop(tx);
        let shown = format!("{error:?}");
        assert!(shown.starts_with(variant), "{code}: {shown}");
        assert_eq!(error.is_outage(), *outage, "{code}");
        assert_eq!(error.breaker_outcome(), *outcome, "{code}");
        assert_eq!(store.state(), *state, "{code}");
        let failures = store.breaker().unwrap().metrics().failures;
        // A statement that was cancelled at once says nothing about the database (`guard::FAIR_WAIT`).
        let counted = u64::from(*outcome == Failure && *code != "57014");
        assert_eq!(failures, counted, "{code}");
    }
}

async fn note_all(store: &Store, shop: TenantHandle) -> Result<(), StoreError> {
    let mut tx = store.write(shop, soon()).await?;
    let sql = "UPDATE notes SET text = 'x' WHERE tenant_id = $1";
    tx.db.execute("notes", sql, params![tx.tenant]).await?;
    tx.commit().await
}

#[tokio::test]
async fn a_schema_that_is_gone_under_the_server_is_an_outage_and_back_by_itself() {
    let db = TestDatabase::postgres_empty().await;
    let store = open_small(&db, 2).await;
    let shop = tenant(&store, 1, "shop1").await;
    add_notes(&store, shop, &["a"]).await;
    for (gone, back) in [
        (
            "ALTER TABLE notes RENAME TO lost",
            "ALTER TABLE lost RENAME TO notes",
        ),
        (
            "ALTER SCHEMA public RENAME TO lost",
            "ALTER SCHEMA lost RENAME TO public",
        ),
        (
            "ALTER TABLE notes RENAME COLUMN text TO lost",
            "ALTER TABLE notes RENAME COLUMN lost TO text",
        ),
    ] {
        note_all(&store, shop).await.unwrap();
        db.superuser_run(gone).await;
        for _ in 0..10 {
            let error = note_all(&store, shop).await.unwrap_err();
            assert!(
                matches!(error, StoreError::SchemaMissing(_)) && error.is_outage(),
                "{gone}: {error:?}"
            );
        }
        assert_eq!(store.state(), DatabaseState::SchemaMissing, "{gone}");
        assert_eq!(store.breaker().unwrap().state(), CircuitState::Closed);
        db.superuser_run(back).await;
        note_all(&store, shop).await.unwrap();
    }
}

both_databases! {
    async fn what_the_schema_lacks_is_an_outage_that_is_known(db) {
        for sql in [
            "SELECT 1 AS n FROM nowhere",
            "SELECT nonsense AS n FROM notes",
            "INSERT INTO notes (nonsense) VALUES (1) RETURNING 1 AS n",
        ] {
            let store = open(&db).await;
            let mut tx = store.platform_write(soon()).await.unwrap();
            let error = tx.db.fetch("notes", sql, &[], |_| Ok(())).await.unwrap_err();
            assert!(matches!(error, StoreError::SchemaMissing(_)), "{sql}: {error:?}");
            assert_eq!(store.state(), DatabaseState::SchemaMissing);
            drop(tx);
            drop(store);
        }
    }
}

/// A login role that lost the roles of the transactions, or roles that are gone: no statement runs.
#[tokio::test]
async fn a_role_that_cannot_be_taken_is_a_part_of_the_schema() {
    let db = TestDatabase::postgres_empty().await;
    let store = open_small(&db, 1).await;
    let mut tx = store.platform_write(soon()).await.unwrap();
    let missing = tx.db.execute("x", "SET LOCAL ROLE rustok_nowhere", &[]).await;
    let error = missing.unwrap_err();
    assert!(matches!(error, StoreError::SchemaMissing(_)), "{error:?}");
    assert_eq!(store.state(), DatabaseState::SchemaMissing);
}
