//! Values in, rows out, several writes in one flight, and what a failed statement leaves.

use super::*;
use crate::params;
use crate::row::Json;
use crate::statement::{Expect, Statement};

const RENAME: &str = "UPDATE notes SET word = $3 WHERE tenant_id = $1 AND word = $2";

fn rename(tenant: TenantHandle, from: &str, to: &str, expected: u64) -> Statement<'static> {
    let params = vec![
        tenant.tenant_id().into(),
        from.to_owned().into(),
        to.to_owned().into(),
    ];
    Statement {
        table: "notes",
        sql: RENAME.into(),
        params,
        expect: Expect::Exactly(expected),
    }
}

/// Holding a transaction over an await must not keep a future from moving between threads. This only has to compile.
fn assert_send<T: Send>(future: T) -> T {
    future
}

both_databases! {
    async fn values_come_back_as_they_were_given(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        let early: Timestamp = "1901-02-03T04:05:06.000001Z".parse().unwrap();
        for (int, text, time, flag) in [
            (i64::MIN, "", early, false),
            (i64::MAX, "Привет, 世界 \u{1f980} '\"\\", now(), true),
            (-1, "$1 ?1 :a", Timestamp::UNIX_EPOCH, true),
        ] {
            let bytes = [0_u8, 255, 39].as_slice();
            let json = serde_json::json!({"a": [text, int, null]});
            let mut tx = store.read(shop, soon()).await.unwrap();
            let sql = "SELECT $1::bigint AS n, $2::text AS t, $3::bytea AS b, $4::uuid AS id, \
                       $5::timestamptz AS at, $6::boolean AS f, $7::jsonb AS j, $8::text AS absent";
            let params = params![int, text, bytes, id(5), time, flag, &json, None::<&str>];
            let row = tx.db.fetch_optional("x", sql, params, |row| {
                assert_eq!(row.get::<i64>("n")?, int);
                assert_eq!(row.get::<String>("t")?, text);
                assert_eq!(row.get::<Vec<u8>>("b")?, bytes);
                assert_eq!(row.get::<Uuid>("id")?, id(5));
                assert_eq!(row.get::<Timestamp>("at")?, time);
                assert_eq!(row.get::<bool>("f")?, flag);
                assert_eq!(row.get::<Json<serde_json::Value>>("j")?.0, json);
                assert_eq!(row.get::<Option<i64>>("n")?, Some(int));
                row.get::<Option<String>>("absent")
            });
            assert_eq!(row.await.unwrap(), Some(None));
        }
    }

    async fn parameters_are_bound_by_number_not_by_place(db) {
        let store = open(&db).await;
        let mut tx = store.platform_read(soon()).await.unwrap();
        let sql = "SELECT $2::bigint AS b, $1::bigint AS a, $2::bigint + $1::bigint AS c, $3::bigint - $1 AS d";
        let values = params![1, 20, 300];
        let row = tx.db.fetch("x", sql, values, |row| {
            Ok((row.get::<i64>("a")?, row.get::<i64>("b")?, row.get::<i64>("c")?, row.get::<i64>("d")?))
        });
        assert_eq!(row.await.unwrap(), [(1, 20, 21, 299)]);
        // A parameter without a value is refused, not NULL.
        let sql = "SELECT $2::bigint AS a, $1::bigint AS b";
        assert!(tx.db.fetch("x", sql, params![1], |_| Ok(())).await.is_err());
    }

    async fn a_row_that_cannot_be_is_refused_by_name(db) {
        let store = open(&db).await;
        let mut tx = store.platform_read(soon()).await.unwrap();
        let sql = "SELECT 'x' AS word, NULL AS absent";
        for column in ["word", "absent", "missing"] {
            let error = tx.db.fetch("notes", sql, &[], |row| row.get::<i64>(column)).await.unwrap_err();
            match error {
                StoreError::InconsistentRow { table: "notes", column: named, .. } => assert_eq!(named, column),
                other => panic!("{other:?}"),
            }
        }
        // Such a row ends nothing: the next statement runs.
        assert!(counter(&mut tx).await.is_ok());
    }

    async fn writes_in_one_flight_run_in_their_order(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        add_notes(&store, shop, &["0"]).await;
        let mut tx = store.write(shop, soon()).await.unwrap();
        // Each needs the one before; more than go into one flight.
        let chain: Vec<_> =
            (0..100).map(|n| rename(shop, &n.to_string(), &(n + 1).to_string(), 1)).collect();
        tx.db.execute_all(&chain).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(words(&store, shop).await, ["100"]);
    }

    async fn a_write_that_changes_other_rows_than_expected_fails_all(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        add_notes(&store, shop, &["a", "b"]).await;
        for (position, statement) in [
            rename(shop, "nobody", "x", 1),
            rename(shop, "b", "x", 0),
            rename(shop, "b", "x", 2),
        ].into_iter().enumerate() {
            let expected = statement.expect;
            let mut statements = vec![rename(shop, "a", "c", 1), rename(shop, "c", "a", 1)];
            statements.insert(position, statement);
            let mut tx = store.write(shop, soon()).await.unwrap();
            match tx.db.execute_all(&statements).await.unwrap_err() {
                StoreError::Stale { table: "notes", expected: wanted, changed } => {
                    assert_eq!((Expect::Exactly(wanted), changed), (expected, u64::from(position > 0)));
                }
                other => panic!("{other:?}"),
            }
            let error = tx.commit().await.unwrap_err();
            assert!(matches!(error, StoreError::Refused { .. }), "a failed transaction commits nothing: {error:?}");
            assert_eq!(words(&store, shop).await, ["a", "b"]);
        }
        let mut tx = store.write(shop, soon()).await.unwrap();
        let any = Statement { expect: Expect::Any, ..rename(shop, "nobody", "x", 0) };
        tx.db.execute_all(&[any, rename(shop, "a", "x", 1)]).await.unwrap();
        tx.commit().await.unwrap();
        assert_eq!(words(&store, shop).await, ["b", "x"]);
    }

    async fn after_a_failed_statement_nothing_runs_and_nothing_commits(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        add_notes(&store, shop, &["a"]).await;
        let clash = params![shop.tenant_id(), id(77), "a", now()];
        let fine = params![shop.tenant_id(), id(78), "b", now()];

        let mut tx = store.write(shop, soon()).await.unwrap();
        tx.db.execute_one("notes", INSERT_NOTE, fine).await.unwrap();
        let error = tx.db.execute_one("notes", INSERT_NOTE, clash).await.unwrap_err();
        assert!(error.is_taken("notes(word)"), "{error:?}");
        // The first failure is the one to look at; what follows is told to be no outage.
        let error = tx.db.execute_one("notes", INSERT_NOTE, fine).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        let error = tx.db.fetch("notes", "SELECT 1 AS n", &[], |_| Ok(())).await.unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        let error = tx.commit().await.unwrap_err();
        assert!(matches!(error, StoreError::Refused { .. }), "{error:?}");
        assert_eq!(words(&store, shop).await, ["a"]);
    }

    async fn after_the_last_query_a_transaction_is_over(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        add_notes(&store, shop, &["a"]).await;
        let sql = "SELECT word FROM notes WHERE tenant_id = $1";
        let asked = params![shop.tenant_id()];
        for writes in [false, true] {
            let mut tx = if writes {
                store.write(shop, soon()).await.unwrap()
            } else {
                store.read(shop, soon()).await.unwrap()
            };
            if writes {
                tx.db.execute_all(&[rename(shop, "a", "b", 1)]).await.unwrap();
            }
            let found = tx.last().db.fetch("notes", sql, asked, |row| row.get::<String>("word")).await;
            assert_eq!(found.unwrap(), [if writes { "b" } else { "a" }]);
            let again = tx.db.fetch("notes", sql, asked, |_| Ok(())).await.unwrap_err();
            assert!(matches!(again, StoreError::Refused { .. }), "{again:?}");
            let committed = tx.commit().await.unwrap_err();
            assert!(matches!(committed, StoreError::Refused { .. }), "{committed:?}");
            assert_eq!(words(&store, shop).await, ["a"], "nothing of it is kept");
        }
    }

    async fn a_read_sees_one_snapshot_and_writes_nothing(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        let mut reader = store.read(shop, soon()).await.unwrap();
        let count = "SELECT count(*) AS n FROM notes";
        assert_eq!(reader.db.fetch("notes", count, &[], |row| row.get::<i64>("n")).await.unwrap(), [0]);
        add_notes(&store, shop, &["a"]).await;
        assert_eq!(reader.db.fetch("notes", count, &[], |row| row.get::<i64>("n")).await.unwrap(), [0]);
        reader.commit().await.unwrap();
        assert_eq!(words(&store, shop).await, ["a"]);

        let mut reader = store.read(shop, soon()).await.unwrap();
        let params = params![shop.tenant_id(), id(1), "b", now()];
        assert!(reader.db.execute("notes", INSERT_NOTE, params).await.is_err());
    }

    async fn what_is_not_committed_is_not_there(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        let mut tx = store.write(shop, soon()).await.unwrap();
        let params = params![shop.tenant_id(), id(1), "a", now()];
        tx.db.execute_one("notes", INSERT_NOTE, params).await.unwrap();
        assert_eq!(words(&store, shop).await, [""; 0], "nobody else sees it");
        drop(tx);
        assert_eq!(words(&store, shop).await, [""; 0]);
        // A transaction that did nothing may end either way.
        store.write(shop, soon()).await.unwrap().commit().await.unwrap();
        store.read(shop, soon()).await.unwrap().commit().await.unwrap();
        drop(store.write(shop, soon()).await.unwrap());
    }

    async fn a_refused_write_is_a_defect_not_an_outage(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        for (sql, params) in [
            ("INSERT INTO notes (tenant_id, id) VALUES ($1, $2)", params![shop.tenant_id(), id(1)]),
            ("UPDATE notes SET", params![]),
            (
                "INSERT INTO marks (tenant_id, note_id, number) VALUES ($1, $2, 1)",
                params![shop.tenant_id(), id(404)],
            ),
        ] {
            let mut tx = store.write(shop, soon()).await.unwrap();
            let error = tx.db.execute("notes", sql, params).await.unwrap_err();
            assert!(matches!(error, StoreError::Refused { .. }) && !error.is_outage(), "{sql}: {error:?}");
        }
    }

    async fn transactions_may_be_held_by_spawned_tasks(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        add_notes(&store, shop, &["a"]).await;
        let task = async move {
            let mut tx = store.write(shop, soon()).await?;
            let words = tx.db.fetch("notes", "SELECT word FROM notes", &[], |row| row.get::<String>("word"));
            let words = words.await?;
            tx.db.execute_all(&[rename(shop, &words[0], "b", 1)]).await?;
            tx.db.fetch_optional("notes", "SELECT 1 AS n", &[], |row| row.get::<i64>("n")).await?;
            tx.db.execute_one("notes", RENAME, params![tx.tenant, "b", "c"]).await?;
            tx.commit().await?;
            let tx = store.platform_write(soon()).await?;
            tx.commit().await?;
            Ok::<_, StoreError>(super::words(&store, shop).await)
        };
        assert_eq!(tokio::spawn(assert_send(task)).await.unwrap().unwrap(), ["c"]);
    }
}
