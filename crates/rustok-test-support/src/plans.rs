//! Query plans: whether a statement would scan a whole table.
//!
//! The answer must never depend on the amount of data: SQLite has no statistics here, and PostgreSQL is configured to
//! avoid sequential scans wherever another plan exists.

use crate::TestDatabase;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use serde_json::Value;
use tokio_postgres::SimpleQueryMessage;
use tokio_postgres::error::SqlState;

/// Columns with few values: an index that is searched by nothing else gives a large part of a tenant's rows.
const COARSE: [&str; 3] = ["tenant_id", "status", "kind"];

/// The roles that run statements on PostgreSQL.
const ROLES: [&str; 2] = ["rustok_app", "rustok_platform"];

impl TestDatabase {
    /// The steps of a statement's plan that scan a whole table or a whole index, each with its table's name or alias;
    /// empty for a plan that scales with any amount of data. On SQLite also the steps that scan all rows of a tenant, or all
    /// of one status or kind, unless they follow an index and stop after a page. On PostgreSQL the plan is checked under each of the
    /// server's roles that may run the statement, with row security on.
    ///
    /// # Panics
    /// When the database rejects the statement, or no role may run it.
    pub async fn full_scans(&self, sql: &str) -> Vec<String> {
        if self.is_postgres() {
            self.postgres_walks(sql).await
        } else {
            let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
            sqlite_walks(&Connection::open_with_flags(self.path(), flags).unwrap(), sql)
        }
    }

    async fn postgres_walks(&self, sql: &str) -> Vec<String> {
        let client = self.superuser().await;
        let (mut found, mut allowed) = (Vec::new(), 0);
        for role in ROLES {
            let begin = format!(
                "BEGIN; SET LOCAL ROLE {role}; SET LOCAL rustok.tenant_id = '00000000-0000-0000-0000-000000000001'; \
                 SET LOCAL enable_seqscan = off; SET LOCAL plan_cache_mode = force_generic_plan; \
                 PREPARE looked_at AS {sql}"
            );
            client
                .batch_execute(&begin)
                .await
                .unwrap_or_else(|error| panic!("{sql}: {error:?}"));
            let values = vec!["NULL"; parameters(sql)].join(", ");
            let values = if values.is_empty() {
                values
            } else {
                format!("({values})")
            };
            let explain = format!("EXPLAIN (FORMAT JSON) EXECUTE looked_at{values}");
            match client.simple_query(&explain).await {
                Ok(reported) => {
                    allowed += 1;
                    let rows = reported.iter().filter_map(|message| match message {
                        SimpleQueryMessage::Row(row) => row.get(0),
                        _ => None,
                    });
                    let plan: Value = serde_json::from_str(&rows.collect::<String>()).unwrap();
                    walk(&plan[0]["Plan"], &mut found);
                }
                Err(error) if error.code() == Some(&SqlState::INSUFFICIENT_PRIVILEGE) => {}
                Err(error) => panic!("{sql}: {error:?}"),
            }
            client
                .batch_execute("ROLLBACK; DEALLOCATE looked_at")
                .await
                .unwrap();
        }
        assert!(allowed > 0, "none of {ROLES:?} may run {sql}");
        found.sort();
        found.dedup();
        found
    }
}

/// The highest parameter number in `$1`, `$2`, ...
fn parameters(sql: &str) -> usize {
    let numbers = sql.split('$').skip(1).map(|rest| {
        let end = rest.find(|c: char| !c.is_ascii_digit()).unwrap_or(rest.len());
        rest[..end].parse().unwrap_or(0)
    });
    numbers.max().unwrap_or(0)
}

/// Collects the scans of a PostgreSQL plan.
fn walk(node: &Value, found: &mut Vec<String>) {
    let text = |name: &str| node[name].as_str().unwrap_or_default();
    let kind = text("Node Type");
    let whole_index = matches!(kind, "Index Scan" | "Index Only Scan" | "Bitmap Index Scan")
        && node["Index Cond"].is_null();
    if kind == "Seq Scan" || whole_index {
        found.push(format!("{kind} on {}", text("Relation Name")));
    }
    for inner in node["Plans"].as_array().into_iter().flatten() {
        walk(inner, found);
    }
}

fn sqlite_walks(conn: &Connection, sql: &str) -> Vec<String> {
    conn.set_db_config(DbConfig::SQLITE_DBCONFIG_ENABLE_QPSG, true)
        .unwrap();
    let column = |sql: &str, name: &str| -> Vec<String> {
        let mut statement = conn.prepare(sql).unwrap_or_else(|error| panic!("{sql}: {error}"));
        let mut rows = statement.raw_query();
        let mut values = Vec::new();
        while let Some(row) = rows.next().unwrap() {
            values.push(row.get(name).unwrap());
        }
        values
    };
    let tables = column("SELECT name FROM sqlite_schema WHERE type = 'table'", "name");
    let mut steps = column(&format!("EXPLAIN QUERY PLAN {sql}"), "detail");
    // A scan along the index of the sort order that stops after a page is fine.
    let paged = sql.contains(" LIMIT ") && !steps.iter().any(|step| step.starts_with("USE TEMP B-TREE"));
    steps.retain(|step| {
        if step.starts_with("SEARCH ") {
            return !paged && is_coarse(step);
        }
        // Subqueries and value lists are scanned too; the tables that they read have their own steps.
        let scanned = step.strip_prefix("SCAN ").and_then(|rest| rest.split(' ').next());
        scanned.is_some_and(|name| is_table(name, sql, &tables))
    });
    steps
}

/// Whether a step searches an index by nothing but [`COARSE`] columns.
fn is_coarse(step: &str) -> bool {
    let conditions = step.rsplit_once('(').and_then(|(_, rest)| rest.strip_suffix(')'));
    conditions.is_some_and(|conditions| {
        conditions.split(" AND ").all(|condition| {
            COARSE
                .iter()
                .any(|column| condition.strip_suffix("=?") == Some(column))
        })
    })
}

/// Whether a name in a statement is a table or an alias of one.
fn is_table(name: &str, sql: &str, tables: &[String]) -> bool {
    let known = |word: &str| tables.iter().any(|table| table == word);
    let words: Vec<_> = sql
        .split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
        .filter(|word| !word.is_empty() && *word != "AS")
        .collect();
    known(name) || words.windows(2).any(|pair| known(pair[0]) && pair[1] == name)
}

#[cfg(test)]
mod tests {
    use super::*;

    const BY_KEY: &str = "SELECT login FROM authors a WHERE a.tenant_id = $1 AND a.id = $2";

    #[test]
    fn sqlite_tells_walks_of_tables_from_those_of_subqueries() {
        let conn = Connection::open_in_memory().unwrap();
        let schema = "CREATE TABLE authors (tenant_id, id, login, status, PRIMARY KEY (tenant_id, id)); \
                      CREATE INDEX by_status ON authors (tenant_id, status, id)";
        conn.execute_batch(schema).unwrap();
        let walks = |sql: &str| sqlite_walks(&conn, sql);
        assert_eq!(walks(BY_KEY), [""; 0]);
        assert_eq!(
            walks("SELECT c.id FROM (SELECT id FROM authors WHERE tenant_id = $1 LIMIT 1) c"),
            [""; 0]
        );
        assert_eq!(
            walks("WITH c (id) AS (VALUES ($1), ($2)) SELECT id FROM c"),
            [""; 0]
        );
        assert_eq!(
            walks("SELECT login FROM authors WHERE login = $1"),
            ["SCAN authors"]
        );
        assert_eq!(
            walks("SELECT login FROM authors AS a WHERE login = $1"),
            ["SCAN a"]
        );
        assert_eq!(walks("DELETE FROM authors WHERE login < $1"), ["SCAN authors"]);
        let along = "SELECT tenant_id FROM authors ORDER BY tenant_id";
        assert_eq!(walks(along).len(), 1, "a whole index is no better");
        let of_tenant = "SELECT login FROM authors WHERE tenant_id = $1";
        assert_eq!(walks(of_tenant).len(), 1, "nor is a whole tenant");
        assert_eq!(walks(&format!("{of_tenant} ORDER BY id LIMIT 9")), [""; 0]);
        assert_eq!(walks(&format!("{of_tenant} ORDER BY login LIMIT 9")).len(), 1);
        let of_status = format!("{of_tenant} AND status = $2");
        assert_eq!(walks(&of_status).len(), 1, "nor are all of a status");
        assert_eq!(walks(&format!("{of_status} AND id = $3")), [""; 0]);
    }

    #[tokio::test]
    async fn postgres_shows_what_reads_a_table_from_end_to_end() {
        let db = TestDatabase::postgres().await;
        assert_eq!(db.full_scans(BY_KEY).await, [""; 0]);
        let by_name = "SELECT slug FROM tenants WHERE name = $1";
        assert_eq!(db.full_scans(by_name).await, ["Seq Scan on tenants"]);
        let along = "SELECT id FROM tenants ORDER BY id";
        assert_eq!(db.full_scans(along).await, ["Index Only Scan on tenants"]);
        // Row security adds the tenant as a condition to every plan.
        assert_eq!(
            db.full_scans("SELECT login FROM authors WHERE display_name = $1")
                .await,
            [""; 0]
        );
    }
}
