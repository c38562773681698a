//! PostgreSQL's statistics of tables that grow.

use super::*;
use crate::params;

const FILL: &str = "INSERT INTO notes (tenant_id, id, word, text, created_at) \
                    SELECT $1, gen_random_uuid(), gen_random_uuid()::text, '', $2 FROM generate_series(1, $3::bigint) n";

async fn rows_that_the_planner_expects(store: &Store) -> f32 {
    let sql = "SELECT reltuples FROM pg_class WHERE oid = 'notes'::regclass";
    let mut client = store.pooled_client().await;
    client.query_one(sql).await.unwrap().get(0)
}

#[tokio::test]
async fn a_table_that_grew_is_analysed() {
    for db in [TestDatabase::postgres_empty().await, empty_as_owner().await] {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop").await;
        // Rows that are added, and how many tables are large enough to be looked at then.
        let (mut rows, mut known) = (0, -1.0);
        for (added, looked_at) in [(1, 0), (999, 1), (1_000, 0), (2_000, 1)] {
            let mut tx = store.write(shop, soon()).await.unwrap();
            let values = params![shop.tenant_id(), now(), added];
            tx.db.execute("notes", FILL, values).await.unwrap();
            tx.commit().await.unwrap();
            rows += added;
            assert_eq!(
                store.analyse_grown_tables(soon()).await.unwrap(),
                looked_at,
                "{rows} rows"
            );
            if looked_at > 0 {
                known = f64::from(i32::try_from(rows).unwrap());
            }
            let expected = rows_that_the_planner_expects(&store).await;
            assert!(
                (f64::from(expected) - known).abs() < 1.0,
                "{rows} rows: {expected}"
            );
        }
    }
}

#[tokio::test]
async fn sqlite_has_nothing_to_analyse() {
    let db = TestDatabase::sqlite();
    assert_eq!(open(&db).await.analyse_grown_tables(soon()).await.unwrap(), 0);
}
