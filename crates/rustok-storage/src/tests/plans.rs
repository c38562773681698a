//! Test helper: SQLite query plans, to check that no frequent statement scans all data of a tenant.

use crate::schema::SCHEMA;
use rusqlite::Connection;

/// The steps of the plan that touch tables, outermost first.
pub(crate) fn plan(sql: &str) -> Vec<String> {
    let db = Connection::open_in_memory().unwrap();
    for migration in SCHEMA.migrations {
        db.execute_batch(migration.sqlite).unwrap();
    }
    let mut explained = db.prepare(&format!("EXPLAIN QUERY PLAN {sql}")).unwrap();
    let (mut rows, mut steps) = (explained.raw_query(), Vec::new());
    while let Some(row) = rows.next().unwrap() {
        steps.push(row.get::<_, String>("detail").unwrap());
    }
    steps.retain(|step| step.starts_with("SEARCH") || step.starts_with("SCAN"));
    steps
}
