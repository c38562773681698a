//! What tests of other crates need of the inside (feature `testing`). A released binary has none of it.

use crate::config::{DatabaseUrl, Opener};
use crate::error::StoreError;
use crate::migrate;
use crate::schema::Migration;
use std::cell::Cell;

thread_local! {
    static STEPS: Cell<i64> = const { Cell::new(0) };
}

/// Called for each query on SQLite with the steps that it took.
pub(crate) fn count_steps(steps: i32) {
    STEPS.set(STEPS.get() + i64::from(steps));
}

/// How many steps of SQLite's virtual machine the queries on this thread have taken.
#[must_use]
pub fn sqlite_steps() -> i64 {
    STEPS.get()
}

/// Applies the missing ones of `migrations` without opening a store, as opening does.
///
/// # Errors
/// Those of `Store::open`.
pub async fn migrate(url: &DatabaseUrl, opener: Opener, migrations: &[Migration]) -> Result<(), StoreError> {
    match url {
        DatabaseUrl::Sqlite(path) => migrate::sqlite(path, opener, migrations),
        DatabaseUrl::Postgres(url) => migrate::postgres(url, opener, migrations).await,
    }
}
