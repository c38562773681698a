//! Every function on tenant data, asked by a tenant about what only its neighbour has, with each wall standing alone; and
//! row security by itself on every table.
//!
//! The neighbour's rows are made from the schema, not by our own functions, so that a new table has one too. No function
//! may be left out: the sources are read for their names.

mod functions;
mod rows;

use super::*;
use rustok_test_support::FilterProxy;
use std::collections::BTreeSet;
use std::path::Path;

/// What writes a whole aggregate of the caller's, or only locks: the walk over the API document tries these, with each
/// wall alone too (`apps/server/tests/it/isolation`).
const OVER_HTTP: [&str; 9] = [
    "idempotency::insert_record",
    "idempotency::unclaim",
    "nodes/save::save",
    "nodes/slugs::lock",
    "orders/change::save_change",
    "orders/place::insert_order",
    "people/members::hold_member",
    "products/write::insert_product",
    "products/write::update_product",
];

/// The functions on tenant data that a folder of sources has, as `file::function`.
fn functions_below(folder: &Path, path: &str, found: &mut BTreeSet<String>) {
    for entry in std::fs::read_dir(folder).unwrap() {
        let entry = entry.unwrap();
        let name = entry.file_name().into_string().unwrap();
        if entry.file_type().unwrap().is_dir() {
            if name != "tests" {
                functions_below(&entry.path(), &format!("{path}{name}/"), found);
            }
            continue;
        }
        let source = std::fs::read_to_string(entry.path()).unwrap();
        let file = name.trim_end_matches(".rs");
        for function in source.split("pub async fn ").skip(1) {
            let (name, rest) = function.split_once('(').unwrap();
            let rest = rest.trim_start();
            // Also those on the transaction of any owner.
            if rest.starts_with("tx: &mut TenantTx") || rest.starts_with("tx: &mut Tx<") {
                let name = name.split('<').next().unwrap();
                found.insert(format!("{path}{file}::{name}"));
            }
        }
    }
}

/// What must hold: a tenant is told the same of its neighbour's things as before there was a neighbour.
async fn holds(db: &TestDatabase, url: &str) {
    let config = StoreConfig::new(DatabaseUrl::parse(url).unwrap());
    let store = crate::open(config, Opener::Server).await.unwrap();
    let (one, two) = (tenant(&store, 1, "shop1").await, tenant(&store, 2, "shop2").await);
    let before = functions::ask(&store, one).await;
    rows::fill(db, two).await;
    for (alone, reported) in before.iter().zip(functions::ask(&store, one).await) {
        assert_eq!(
            *alone, reported,
            "alone on the left, with a neighbour on the right"
        );
    }
    // And each of these calls would have found it.
    for (alone, reported) in before.iter().zip(functions::ask(&store, two).await) {
        assert_ne!(alone.1, reported.1, "{}: tells nobody anything", reported.0);
    }
}

#[tokio::test]
async fn no_function_tells_of_a_neighbour_on_sqlite() {
    let db = TestDatabase::sqlite();
    holds(&db, db.url()).await;
}

#[tokio::test]
async fn no_function_tells_of_a_neighbour_with_row_security_off() {
    let db = TestDatabase::postgres().await;
    db.disable_row_security().await;
    holds(&db, db.url()).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn no_function_tells_of_a_neighbour_with_its_own_filter_off() {
    let db = TestDatabase::postgres().await;
    let proxy = FilterProxy::of_database(db.direct_url()).await;
    holds(&db, &proxy.database_url(db.direct_url())).await;
    assert!(proxy.taken_out() > 30, "{}", proxy.taken_out());
}

#[tokio::test]
async fn every_function_on_tenant_data_is_tried() {
    let mut functions = BTreeSet::new();
    let sources = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    functions_below(&sources, "", &mut functions);
    let db = TestDatabase::sqlite();
    let store = open(&db).await;
    let one = tenant(&store, 1, "shop1").await;
    let tried = functions::ask(&store, one)
        .await
        .into_iter()
        .map(|(name, _)| name);
    let tried: BTreeSet<String> = tried.chain(OVER_HTTP).map(str::to_owned).collect();
    assert!(functions.len() > 40, "{functions:?}");
    let untried: Vec<_> = functions.difference(&tried).collect();
    let gone: Vec<_> = tried.difference(&functions).collect();
    assert!(
        untried.is_empty() && gone.is_empty(),
        "in src/tests/neighbours/functions.rs, add {untried:?} and take away {gone:?}"
    );
}

/// Row security with no filter at all, on every table there is.
#[tokio::test]
async fn row_security_alone_holds_on_every_table() {
    for db in [
        TestDatabase::postgres().await,
        TestDatabase::postgres_as_owner().await,
    ] {
        let store = open(&db).await;
        let (one, two) = (tenant(&store, 1, "shop1").await, tenant(&store, 2, "shop2").await);
        let tables = rows::fill(&db, one).await;
        assert_eq!(rows::fill(&db, two).await, tables);
        assert!(tables.len() > 20, "{tables:?}");
        for table in &tables {
            let mut tx = store.read(one, soon()).await.unwrap();
            let sql = format!("SELECT tenant_id FROM {table}");
            let seen = tx
                .db
                .fetch("x", &sql, &[], |row| row.get::<TenantId>("tenant_id"));
            assert_eq!(seen.await.unwrap(), [one.tenant_id()], "{table}");
            for sql in [
                format!("UPDATE {table} SET tenant_id = tenant_id"),
                format!("DELETE FROM {table}"),
            ] {
                // Its own row, or not even that where rows are for ever.
                let mut tx = store.write(one, soon()).await.unwrap();
                let changed = tx.db.execute("x", &sql, &[]).await;
                assert!(
                    matches!(changed, Ok(1) | Err(StoreError::Refused { .. })),
                    "{sql}: {changed:?}"
                );
            }
        }
    }
}
