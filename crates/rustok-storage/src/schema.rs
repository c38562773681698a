//! The schema: its migrations and the names of its tables, as `rustok-db` needs them to open, inspect and restore a
//! database.
//!
//! A new migration needs a line in [`SCHEMA`], and a new table another one: tests compare both lists with the files and
//! with the databases.

use rustok_db::{DatabaseUrl, Migration, Opener, Schema, Store, StoreConfig, StoreError};
use std::path::Path;

macro_rules! migrations {
    ($($name:literal),+ $(,)?) => {
        &[$(Migration {
            name: $name,
            sqlite: include_str!(concat!("../migrations/sqlite/", $name, ".sql")),
            postgres: include_str!(concat!("../migrations/postgres/", $name, ".sql")),
        }),+]
    };
}

/// The schema of this binary.
pub(crate) const SCHEMA: Schema = Schema {
    migrations: migrations![
        "0001_directory",
        "0002_access",
        "0003_content",
        "0004_catalog",
        "0005_sales",
        "0006_events",
        "0007_replies",
        "0008_imports",
        "0009_search",
        "0010_variant_hs_code",
        "0011_jobs",
        "0012_vendor_folded",
        "0013_imports_kept",
        "0014_people",
        "0015_mail",
        "0016_token_rights",
        "0017_terms_merge",
        "0018_home",
        "0019_second_factor",
    ],
    tables: &[
        "api_tokens",
        "authors",
        "customers",
        "deliveries",
        "directory_version",
        "fulfilments",
        "idempotency_records",
        "import_references",
        "imports",
        "invitations",
        "jobs",
        "known_devices",
        "mail_proofs",
        "mails",
        "memberships",
        "node_history",
        "node_revisions",
        "node_terms",
        "node_translations",
        "nodes",
        "number_series",
        "order_adjustments",
        "order_history",
        "order_lines",
        "orders",
        "outbox",
        "payments",
        "platform_idempotency_records",
        "platform_tokens",
        "prices",
        "products",
        "refunds",
        "sales_days",
        "search_terms",
        "second_factors",
        "sessions",
        "sign_in_links",
        "stock_levels",
        "stock_movements",
        "tenant_hosts",
        "tenants",
        "terms",
        "users",
        "variants",
    ],
    filled: &["directory_version"],
};

/// The number of the newest migration of this binary.
#[must_use]
pub fn latest_schema() -> i64 {
    SCHEMA.latest()
}

/// Opens a database: the server brings its schema up to date, a command checks it.
///
/// # Errors
/// [`StoreError::Setup`] when another server has the SQLite file, the schema is newer than this binary or (for a
/// command) older; [`StoreError::Unavailable`] when the database cannot be reached.
pub async fn open(config: StoreConfig, opener: Opener) -> Result<Store, StoreError> {
    Store::open(config, opener, SCHEMA).await
}

/// Restores a backup to a path without a SQLite file, or into a PostgreSQL database without rows. A backup with an
/// older schema is migrated. Returns the size of `file` in bytes; `progress` gets the amount read and the total.
///
/// # Errors
/// [`StoreError::Setup`] if there is a database or rows already, or if `file` is incomplete, of another kind of
/// database or newer than this binary; database errors. Then nothing was changed.
pub async fn restore(
    url: &DatabaseUrl,
    file: &Path,
    progress: impl FnMut(u64, u64) + Send + 'static,
) -> Result<u64, StoreError> {
    rustok_db::restore(url, file, &SCHEMA, progress).await
}
