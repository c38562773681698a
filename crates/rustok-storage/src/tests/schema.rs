//! The two schemas are one schema, and the rules that every table keeps.

use super::*;
use rusqlite::Connection;
use std::collections::{BTreeMap, BTreeSet};
use tokio_postgres::{Client, NoTls};

/// Tables without tenant data: the whole list.
const PLATFORM: [&str; 8] = [
    "directory_version",
    "platform_idempotency_records",
    "platform_tokens",
    "schema_migrations",
    "second_factors",
    "tenant_hosts",
    "tenants",
    "users",
];
/// Tables of tenant data that workers claim across tenants, or that an account has rows in.
const CLAIMED: [&str; 10] = [
    "deliveries",
    "invitations",
    "jobs",
    "known_devices",
    "mail_proofs",
    "mails",
    "memberships",
    "outbox",
    "sessions",
    "sign_in_links",
];

type Columns = Vec<String>;

#[derive(Debug, Default, PartialEq, Eq)]
pub(super) struct Table {
    /// In order: name, type (SQLite's), whether it may be NULL.
    columns: Vec<(String, String, bool)>,
    primary: Columns,
    /// Unique keys and indexes beside the primary key: columns, and whether only for some rows.
    unique: BTreeSet<(Columns, bool)>,
    foreign: BTreeSet<(Columns, String, Columns)>,
    /// Other indexes, with their names.
    indexes: BTreeSet<(String, Columns, bool)>,
}

pub(super) type Schema = BTreeMap<String, Table>;

pub(super) fn sqlite_schema(conn: &Connection) -> Schema {
    fn rows<T>(
        conn: &Connection,
        sql: &str,
        of: &str,
        map: impl Fn(&rusqlite::Row<'_>) -> rusqlite::Result<T>,
    ) -> Vec<T> {
        let mut statement = conn.prepare(sql).unwrap();
        statement
            .query_map([of], |row| map(row))
            .unwrap()
            .map(Result::unwrap)
            .collect()
    }
    let tables =
        "SELECT name FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> ?1";
    let mut schema = Schema::new();
    for name in rows(conn, tables, "", |row| row.get::<_, String>(0)) {
        let mut table = Table::default();
        let columns = "SELECT name, type, \"notnull\" FROM pragma_table_info(?1) ORDER BY cid";
        table.columns = rows(conn, columns, &name, |row| {
            Ok((row.get(0)?, row.get(1)?, !row.get::<_, bool>(2)?))
        });
        let primary = "SELECT name FROM pragma_table_info(?1) WHERE pk > 0 ORDER BY pk";
        table.primary = rows(conn, primary, &name, |row| row.get(0));
        let indexes = "SELECT name, \"unique\", origin, partial FROM pragma_index_list(?1)";
        let indexes = rows(conn, indexes, &name, |row| {
            Ok((
                row.get::<_, String>(0)?,
                row.get::<_, bool>(1)?,
                row.get::<_, String>(2)?,
                row.get::<_, bool>(3)?,
            ))
        });
        for (index, unique, origin, partial) in indexes {
            let columns = rows(
                conn,
                "SELECT name FROM pragma_index_info(?1) ORDER BY seqno",
                &index,
                |row| row.get(0),
            );
            match (unique, &*origin) {
                (true, "pk") => assert_eq!(columns, table.primary),
                (true, _) => drop(table.unique.insert((columns, partial))),
                (false, _) => drop(table.indexes.insert((index, columns, partial))),
            }
        }
        let foreign = "SELECT id, \"table\", group_concat(\"from\"), group_concat(coalesce(\"to\", '')) FROM \
                       (SELECT * FROM pragma_foreign_key_list(?1) ORDER BY id, seq) GROUP BY id";
        let split = |text: String| text.split(',').map(str::to_owned).collect();
        table.foreign = rows(conn, foreign, &name, |row| {
            Ok((split(row.get(2)?), row.get(1)?, split(row.get(3)?)))
        })
        .into_iter()
        .collect();
        schema.insert(name, table);
    }
    schema
}

/// A type of PostgreSQL as SQLite keeps it.
fn sqlite_type(name: &str) -> &'static str {
    match name {
        "uuid" | "bytea" => "BLOB",
        "text" | "jsonb" => "TEXT",
        "bigint" | "timestamp with time zone" | "boolean" => "INTEGER",
        other => panic!("no column has the type {other}"),
    }
}

pub(super) async fn postgres_schema(client: &Client) -> Schema {
    let mut schema = Schema::new();
    let columns = "SELECT c.relname::text, a.attname::text, format_type(a.atttypid, a.atttypmod), NOT a.attnotnull \
                   FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid AND a.attnum > 0 AND NOT a.attisdropped \
                   WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace ORDER BY c.relname, a.attnum";
    for row in client.query(columns, &[]).await.unwrap() {
        let table = schema.entry(row.get(0)).or_default();
        table
            .columns
            .push((row.get(1), sqlite_type(row.get(2)).to_owned(), row.get(3)));
    }
    let indexes = "SELECT t.relname::text, i.relname::text, x.indisprimary, x.indisunique, x.indpred IS NOT NULL, \
                   (SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(x.indkey) WITH ORDINALITY k (n, place) \
                   JOIN pg_attribute a ON a.attrelid = t.oid AND a.attnum = k.n) \
                   FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid \
                   WHERE t.relnamespace = 'public'::regnamespace";
    for row in client.query(indexes, &[]).await.unwrap() {
        let table = schema.get_mut(row.get::<_, &str>(0)).unwrap();
        let (index, primary, unique, partial, columns) =
            (row.get(1), row.get(2), row.get(3), row.get(4), row.get(5));
        match (primary, unique) {
            (true, _) => table.primary = columns,
            (_, true) => drop(table.unique.insert((columns, partial))),
            _ => drop(table.indexes.insert((index, columns, partial))),
        }
    }
    let names = |array: &str, of: &str| {
        format!(
            "(SELECT array_agg(a.attname::text ORDER BY k.place) FROM unnest(f.{array}) WITH ORDINALITY k (n, place) \
             JOIN pg_attribute a ON a.attrelid = f.{of} AND a.attnum = k.n)"
        )
    };
    let foreign = format!(
        "SELECT f.conrelid::regclass::text, {}, f.confrelid::regclass::text, {} FROM pg_constraint f \
         WHERE f.contype = 'f' AND f.connamespace = 'public'::regnamespace",
        names("conkey", "conrelid"),
        names("confkey", "confrelid")
    );
    for row in client.query(&foreign, &[]).await.unwrap() {
        let table = schema.get_mut(row.get::<_, &str>(0)).unwrap();
        table.foreign.insert((row.get(1), row.get(2), row.get(3)));
    }
    schema
}

async fn client(url: &str) -> Client {
    let (client, connection) = tokio_postgres::connect(url, NoTls).await.unwrap();
    drop(tokio::spawn(connection));
    client
}

async fn sqlite() -> (TestDatabase, Connection) {
    let db = TestDatabase::sqlite();
    drop(open(&db).await);
    let conn = Connection::open(db.path()).unwrap();
    (db, conn)
}

#[tokio::test]
async fn both_schemas_are_the_same() {
    let (_db, conn) = sqlite().await;
    let mut sqlite = sqlite_schema(&conn);
    let db = TestDatabase::postgres().await;
    let mut postgres = postgres_schema(&client(db.direct_url()).await).await;
    // The runner's own table comes from one text for both, which names PostgreSQL's types.
    let history = sqlite.remove("schema_migrations").unwrap();
    assert_eq!(
        history.primary,
        postgres.remove("schema_migrations").unwrap().primary
    );
    let names = |schema: &Schema| schema.keys().cloned().collect::<Vec<_>>();
    assert_eq!(names(&sqlite), names(&postgres));
    for (name, table) in &sqlite {
        assert_eq!(*table, postgres[name], "{name} (SQLite left, PostgreSQL right)");
    }
    assert!(sqlite.len() > 25 && sqlite["orders"].foreign.len() > 4 && sqlite["orders"].indexes.len() > 1);
    assert_eq!(
        crate::schema::SCHEMA.tables,
        names(&sqlite),
        "times are counted by table"
    );
}

#[tokio::test]
async fn every_key_of_tenant_data_starts_with_the_tenant() {
    let (_db, conn) = sqlite().await;
    let schema = sqlite_schema(&conn);
    let without = |tenant: &str| {
        let columns = |table: &Table| {
            table
                .columns
                .iter()
                .any(|(column, _, null)| column == tenant && !null)
        };
        schema
            .iter()
            .filter(|(_, table)| !columns(table))
            .map(|(name, _)| &**name)
            .collect::<Vec<_>>()
    };
    let mut platform = PLATFORM.to_vec();
    platform.retain(|name| *name != "tenant_hosts");
    assert_eq!(without("tenant_id"), platform);
    for (name, table) in schema.iter().filter(|(name, _)| !PLATFORM.contains(&&***name)) {
        let first = |columns: &Columns| assert_eq!(columns[0], "tenant_id", "{name}: {columns:?}");
        assert!(table.primary.len() > 1, "{name}");
        first(&table.primary);
        table.unique.iter().for_each(|(columns, _)| first(columns));
        assert!(!table.foreign.is_empty(), "{name} hangs on no tenant");
        // Accounts belong to no tenant.
        for (columns, target, targets) in table.foreign.iter().filter(|(_, target, _)| target != "users") {
            first(columns);
            let tenant = if target == "tenants" { "id" } else { "tenant_id" };
            assert_eq!(targets[0], tenant, "{name}: {columns:?}");
        }
    }
}

#[tokio::test]
async fn sqlite_tables_are_strict_with_row_ids() {
    let (_db, conn) = sqlite().await;
    // Of the terms of searches the key is all there is.
    let sql = "SELECT count(*), sum(strict), sum(wr AND name <> 'search_terms') FROM pragma_table_list WHERE schema = 'main' AND type = 'table' \
               AND name NOT LIKE 'sqlite_%' AND name <> 'schema_migrations'";
    let counts: (i64, i64, i64) = conn
        .query_row(sql, [], |row| Ok((row.get(0)?, row.get(1)?, row.get(2)?)))
        .unwrap();
    assert!(counts.0 > 25);
    assert_eq!(counts, (counts.0, counts.0, 0));
}

/// So that a later migration can name it on both databases. Names that PostgreSQL makes end in `_check`, `_key`, `_pkey`.
#[tokio::test]
async fn every_constraint_has_a_name_of_its_own() {
    let db = TestDatabase::postgres().await;
    let client = client(db.direct_url()).await;
    let sql = "SELECT conrelid::regclass || ' ' || conname FROM pg_constraint WHERE connamespace = 'public'::regnamespace \
               AND conrelid <> 0 AND contype <> 'n' AND (conname ~ '_check[0-9]*$' OR conname ~ '_fkey[0-9]+$' \
               OR conname ~ '_(pkey|key)[0-9]*$') AND conrelid <> 'schema_migrations'::regclass";
    let unnamed: Vec<String> = client
        .query(sql, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(unnamed, [""; 0]);
    let (_db, conn) = sqlite().await;
    let sql = "SELECT name, sql FROM sqlite_schema WHERE type = 'table' AND name NOT LIKE 'sqlite_%' AND name <> 'schema_migrations'";
    let mut statement = conn.prepare(sql).unwrap();
    let tables = statement
        .query_map([], |row| Ok((row.get::<_, String>(0)?, row.get::<_, String>(1)?)))
        .unwrap();
    let mut checked = 0;
    for table in tables {
        let (name, sql) = table.unwrap();
        for rule in [
            " CHECK ",
            " REFERENCES ",
            " UNIQUE ",
            " PRIMARY KEY ",
            " FOREIGN KEY ",
        ] {
            for (place, _) in sql.match_indices(rule) {
                let before: Vec<&str> = sql[..place].split_whitespace().rev().take(2).collect();
                // The target of a table's foreign key stands behind its columns.
                let is_named =
                    before[1] == "CONSTRAINT" || (rule == " REFERENCES " && before[0].ends_with(')'));
                assert!(is_named, "{name}: {}", &sql[place..]);
                checked += 1;
            }
        }
    }
    assert!(checked > 150, "{checked}");
}

/// A unique key bears the name that its error gives, since PostgreSQL hides the columns where row security is on.
#[tokio::test]
async fn unique_keys_of_postgres_are_named_after_their_columns() {
    let db = TestDatabase::postgres().await;
    let client = client(db.direct_url()).await;
    let sql = "SELECT i.relname::text, t.relname || '(' || (SELECT string_agg(a.attname, ',' ORDER BY k.place) \
               FROM unnest(x.indkey) WITH ORDINALITY k (n, place) JOIN pg_attribute a \
               ON a.attrelid = t.oid AND a.attnum = k.n AND (a.attname <> 'tenant_id' OR x.indnatts = 1)) || ')' \
               FROM pg_index x JOIN pg_class i ON i.oid = x.indexrelid JOIN pg_class t ON t.oid = x.indrelid \
               WHERE x.indisunique AND t.relnamespace = 'public'::regnamespace AND t.relname <> 'schema_migrations'";
    let keys = client.query(sql, &[]).await.unwrap();
    assert!(keys.len() > 40);
    for key in keys {
        assert_eq!(key.get::<_, String>(0), key.get::<_, String>(1));
    }
}

/// Every table of tenant data has the wall, word for word, and nothing but the claimed ones has a second door.
#[tokio::test]
async fn row_security_is_on_and_forced_on_every_table_of_tenant_data() {
    let db = TestDatabase::postgres().await;
    let client = client(db.direct_url()).await;
    let tables = "SELECT relname::text, relrowsecurity, relforcerowsecurity FROM pg_class \
                  WHERE relkind IN ('r', 'p', 'v', 'm', 'f') AND relnamespace = 'public'::regnamespace ORDER BY 1";
    let (mut platform, mut tenant) = (Vec::new(), Vec::new());
    for row in client.query(tables, &[]).await.unwrap() {
        match (row.get::<_, bool>(1), row.get::<_, bool>(2)) {
            (true, true) => tenant.push(row.get::<_, String>(0)),
            (false, false) => platform.push(row.get::<_, String>(0)),
            half => panic!("{}: {half:?}", row.get::<_, &str>(0)),
        }
    }
    // The view shows its reader's own row, by its definition: a test of its own looks at that.
    platform.retain(|table| table != "own_tenant");
    assert_eq!(platform, PLATFORM);
    let wall = "(tenant_id = (NULLIF(current_setting('rustok.tenant_id'::text, true), ''::text))::uuid)";
    let policies = "SELECT tablename::text, policyname::text, permissive, array_to_string(roles, ','), cmd, qual, with_check \
                    FROM pg_policies WHERE schemaname = 'public' ORDER BY 1, 2";
    let (mut walls, mut doors, mut copied) = (Vec::new(), Vec::new(), Vec::new());
    for row in client.query(policies, &[]).await.unwrap() {
        let text = |column: usize| row.get::<_, Option<String>>(column).unwrap_or_default();
        if text(1) == "tenant" {
            assert_eq!(
                [text(2), text(3), text(4)],
                ["PERMISSIVE", "rustok_app", "ALL"],
                "{}",
                text(0)
            );
            assert_eq!([text(5), text(6)], [wall, wall], "{}", text(0));
            walls.push(text(0));
        } else if text(1) == "backup" {
            assert_eq!(
                [text(2), text(3), text(4)],
                ["PERMISSIVE", "rustok_backup", "SELECT"],
                "{}",
                text(0)
            );
            assert_eq!(text(5), "(CURRENT_USER = 'rustok_backup'::name)", "{}", text(0));
            copied.push(text(0));
        } else {
            assert_eq!(text(3), "rustok_platform", "{}", text(0));
            doors.push(text(0));
        }
    }
    assert_eq!(walls, tenant);
    assert_eq!(copied, tenant);
    assert_eq!(doors, CLAIMED);
}

#[tokio::test]
async fn run_time_roles_own_nothing_and_may_little() {
    let db = TestDatabase::postgres().await;
    let client = client(db.direct_url()).await;
    let roles = "SELECT rolname::text FROM pg_roles WHERE rolname IN ('rustok_app', 'rustok_backup', 'rustok_platform') AND NOT \
                 (rolcanlogin OR rolsuper OR rolbypassrls OR rolcreaterole OR rolcreatedb OR rolreplication) \
                 AND NOT EXISTS (SELECT FROM pg_auth_members m WHERE m.member = pg_roles.oid) ORDER BY 1";
    let roles: Vec<String> = client
        .query(roles, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(roles, ["rustok_app", "rustok_backup", "rustok_platform"]);
    let owned = "SELECT count(*) FROM pg_shdepend d JOIN pg_roles r ON r.oid = d.refobjid \
                 WHERE d.deptype = 'o' AND r.rolname IN ('rustok_app', 'rustok_backup', 'rustok_platform')";
    assert_eq!(client.query_one(owned, &[]).await.unwrap().get::<_, i64>(0), 0);
    let rights = "SELECT r.rolname || ' ' || t.relname || ' ' || p FROM pg_roles r, pg_class t, \
                  unnest(ARRAY['TRUNCATE', 'REFERENCES', 'TRIGGER']) p WHERE r.rolname LIKE 'rustok\\_%' \
                  AND r.rolname IN ('rustok_app', 'rustok_backup', 'rustok_platform') AND t.relkind = 'r' \
                  AND t.relnamespace = 'public'::regnamespace AND has_table_privilege(r.oid, t.oid, p)";
    let rights: Vec<String> = client
        .query(rights, &[])
        .await
        .unwrap()
        .iter()
        .map(|row| row.get(0))
        .collect();
    assert_eq!(rights, [""; 0], "TRUNCATE knows no row security");
    let changes = "SELECT count(*) FROM pg_class t WHERE t.relnamespace = 'public'::regnamespace AND t.relkind IN ('r', 'S') \
                   AND has_table_privilege('rustok_backup', t.oid, 'INSERT, UPDATE, DELETE')";
    assert_eq!(client.query_one(changes, &[]).await.unwrap().get::<_, i64>(0), 0);
    // All of it is copied; of a sequence a backup would have to know the next number.
    let left_out = "SELECT count(*) FROM pg_class t WHERE t.relnamespace = 'public'::regnamespace AND (t.relkind = 'S' \
                    OR t.relkind IN ('r', 'p', 'm', 'f') AND NOT has_table_privilege('rustok_backup', t.oid, 'SELECT'))";
    assert_eq!(client.query_one(left_out, &[]).await.unwrap().get::<_, i64>(0), 0);
    let create = "SELECT has_schema_privilege('rustok_app', 'public', 'CREATE')";
    assert!(!client.query_one(create, &[]).await.unwrap().get::<_, bool>(0));
}
