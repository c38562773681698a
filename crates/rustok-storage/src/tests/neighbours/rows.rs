//! One row in every table of tenant data, made from the schema.

use super::*;
use rusqlite::Connection;
use tokio_postgres::NoTls;

/// In every column of text. It ends as the first numbered form of a slug does.
pub(super) const WORD: &str = "kanarek-2";
/// In every column of an id.
pub(super) const ID: u128 = 7;

/// Columns that are filled although they may be empty: by them things are found.
const FILLED: [&str; 9] = [
    "expires_at",
    "member_id",
    "lease",
    "sealed_body",
    "finished_at",
    "sku",
    "published_at",
    "published_slug",
    "published_revision",
];

struct Column {
    table: String,
    name: String,
    kind: String,
    nullable: bool,
}

/// Gives a tenant its rows, past all checks and keys; answers the tables.
pub(super) async fn fill(db: &TestDatabase, owner: TenantHandle) -> Vec<String> {
    let columns = if db.is_postgres() {
        postgres_columns(db).await
    } else {
        sqlite_columns(db)
    };
    let mut tables: Vec<String> = columns
        .iter()
        .filter(|column| column.name == "tenant_id" && column.table != "tenant_hosts")
        .map(|column| column.table.clone())
        .collect();
    tables.sort();
    let mut inserts = String::new();
    for table in &tables {
        let row = columns.iter().filter(|column| column.table == *table);
        let (names, values): (Vec<_>, Vec<_>) = row
            .map(|column| (column.name.clone(), literal(column, owner, db.is_postgres())))
            .unzip();
        let (names, values) = (names.join(", "), values.join(", "));
        inserts.push_str(&format!("INSERT INTO {table} ({names}) VALUES ({values});\n"));
    }
    if db.is_postgres() {
        let (client, connection) = tokio_postgres::connect(db.superuser_url(), NoTls).await.unwrap();
        drop(tokio::spawn(connection));
        // Neither foreign keys nor checks look at what this session writes.
        let unchecked = "SET session_replication_role = replica; DO $$ DECLARE c record; BEGIN \
                         FOR c IN SELECT conname, conrelid::regclass AS of FROM pg_constraint WHERE contype = 'c' \
                         AND connamespace = 'public'::regnamespace AND conrelid <> 0 LOOP \
                         EXECUTE format('ALTER TABLE %s DROP CONSTRAINT %I', c.of, c.conname); END LOOP; END $$";
        client.batch_execute(unchecked).await.unwrap();
        client.batch_execute(&inserts).await.unwrap();
    } else {
        let conn = Connection::open(db.path()).unwrap();
        let unchecked = "PRAGMA foreign_keys = OFF; PRAGMA ignore_check_constraints = ON;";
        conn.execute_batch(&format!("{unchecked}\n{inserts}")).unwrap();
    }
    tables
}

async fn postgres_columns(db: &TestDatabase) -> Vec<Column> {
    let (client, connection) = tokio_postgres::connect(db.superuser_url(), NoTls).await.unwrap();
    drop(tokio::spawn(connection));
    let sql = "SELECT table_name::text, column_name::text, data_type::text, is_nullable = 'YES' \
               FROM information_schema.columns WHERE table_schema = 'public'";
    let rows = client.query(sql, &[]).await.unwrap();
    let column = |row: &tokio_postgres::Row| Column {
        table: row.get(0),
        name: row.get(1),
        kind: row.get(2),
        nullable: row.get(3),
    };
    rows.iter().map(column).collect()
}

fn sqlite_columns(db: &TestDatabase) -> Vec<Column> {
    let conn = Connection::open(db.path()).unwrap();
    let sql = "SELECT t.name, c.name, c.type, NOT c.\"notnull\" FROM sqlite_schema t, pragma_table_info(t.name) c \
               WHERE t.type = 'table'";
    let mut statement = conn.prepare(sql).unwrap();
    let column = |row: &rusqlite::Row<'_>| {
        Ok(Column {
            table: row.get(0)?,
            name: row.get(1)?,
            kind: row.get(2)?,
            nullable: row.get(3)?,
        })
    };
    statement
        .query_map([], column)
        .unwrap()
        .map(Result::unwrap)
        .collect()
}

/// What stands in a column, as SQL has it.
fn literal(column: &Column, owner: TenantHandle, postgres: bool) -> String {
    let name = column.name.as_str();
    if column.nullable && !FILLED.contains(&name) {
        return "NULL".to_owned();
    }
    let uuid = if name == "tenant_id" {
        owner.tenant_id().as_uuid()
    } else {
        id(ID)
    };
    match column.kind.as_str() {
        "text" | "jsonb" | "TEXT" => format!("'{}'", text(&column.table, name)),
        "boolean" => "false".to_owned(),
        "timestamp with time zone" => "'2020-01-01'".to_owned(),
        // Positions count from zero.
        // SQLite has no booleans: what was taken away is shown to nobody.
        "bigint" | "INTEGER" => if matches!(name, "position" | "is_removed") {
            "0"
        } else {
            "1"
        }
        .to_owned(),
        "uuid" => format!("'{uuid}'"),
        "bytea" => format!("'\\x{}'", "00".repeat(32)),
        "BLOB" if name.contains("hash") => format!("x'{}'", "00".repeat(32)),
        "BLOB" => format!("x'{}'", uuid.simple()),
        other => panic!(
            "no {} has the type {other} (PostgreSQL: {postgres})",
            column.table
        ),
    }
}

/// The word, or one that a function looks for or has to understand.
fn text(table: &str, column: &str) -> &'static str {
    match (table, column) {
        ("nodes", "status") => "published",
        ("products", "status") => "active",
        ("orders", "status") => "pending",
        ("import_references", "kind") => "product",
        ("imports", "setting") | ("sales_days", "currency") => "USD",
        ("imports", "status") => "running",
        ("jobs", "kind") => rustok_events::JobKind::ExpireOrder.as_str(),
        ("mails", "kind") => rustok_events::MailKind::Invitation.as_str(),
        ("mails", "state") => "kept",
        ("mail_proofs", "purpose") => "password_reset",
        ("memberships", "role") => "owner",
        (_, "taxonomy") => "category",
        (_, "role") => "admin",
        (_, "source") => "shopify",
        (_, "locale") => "en",
        (_, "currency") => "USD",
        (_, "email") => "kanarek@example.com",
        (_, "headers" | "payload" | "options" | "tags" | "images" | "option_values") => "[]",
        _ => WORD,
    }
}
