//! Makes the migrations of SQLite and PostgreSQL from one source, so that the two schemas cannot drift apart.
//!
//! The source is SQL with the types `uuid`, `text`, `word` (text that is compared by its bytes), `json`, `time` (with
//! microseconds), `bool`, `int` (64 bits) and `bytes`, and with these statements:
//!
//! ```text
//! CREATE TENANT TABLE t (...) [RIGHTS (SELECT, INSERT)] [CLAIMED (SELECT)] [KEY ONLY];
//! CREATE PLATFORM TABLE t (...);
//! CREATE TENANT VIEW v (id, name) OF t;
//! CREATE INDEX t_name_idx ON t (tenant_id, name) [WHERE ...];
//! CREATE UNIQUE INDEX ON t (tenant_id, name) WHERE ...;
//! ALTER TABLE t ADD COLUMN ...; ALTER TABLE t ADD CONSTRAINT ...; ALTER TABLE t DROP CONSTRAINT ...;
//! ALTER TABLE t RENAME COLUMN a TO b; DROP TABLE t; DROP INDEX i;
//! INSERT ...; UPDATE ...; DELETE ...;
//! ```
//!
//! A tenant table gets row security on PostgreSQL: `RIGHTS` are those of `rustok_app` (all four by default), `CLAIMED`
//! those of `rustok_platform`, which then sees the rows of all tenants. `KEY ONLY` is a table whose key is all there is:
//! SQLite keeps it without row ids.
//!
//! Every constraint has a name. Those of keys are made from their columns; a CHECK must be given one. SQLite cannot
//! change a constraint: the table is rebuilt, with its rows and indexes.
//!
//! This crate reads and writes text only; it never opens a database.

mod model;
mod parse;
mod render;

use std::fmt;

/// A migration in the SQL of both databases.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Migration {
    /// The file name without `.sql`.
    pub name: String,
    /// For SQLite.
    pub sqlite: String,
    /// For PostgreSQL.
    pub postgres: String,
}

/// A fault in a source file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SchemaError {
    file: String,
    message: String,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.sql: {}", self.file, self.message)
    }
}

impl std::error::Error for SchemaError {}

/// Translates all source files, in the order in which they are applied: each pair is a name and a text.
///
/// # Errors
/// [`SchemaError`] for the first statement that is not understood or breaks a rule.
pub fn render<'a>(
    sources: impl IntoIterator<Item = (&'a str, &'a str)>,
) -> Result<Vec<Migration>, SchemaError> {
    let mut renderer = render::Renderer::default();
    let translate = |(name, text): (&'a str, &'a str)| {
        parse::statements(text)
            .and_then(|statements| renderer.migration(name, &statements))
            .map_err(|message| SchemaError {
                file: name.to_owned(),
                message,
            })
    };
    sources.into_iter().map(translate).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn one(text: &str) -> Result<Migration, String> {
        render([("0001_x", text)])
            .map(|mut all| all.remove(0))
            .map_err(|error| error.message)
    }

    const SHOPS: &str = "CREATE PLATFORM TABLE tenants (id uuid NOT NULL, PRIMARY KEY (id));\n";
    const ITEMS: &str = "CREATE TENANT TABLE items (tenant_id uuid NOT NULL REFERENCES tenants (id), id uuid NOT NULL, \
         open bool NOT NULL, kind text CONSTRAINT items_kind_known CHECK (kind IN ('a', 'b')), PRIMARY KEY (tenant_id, id), \
         UNIQUE (tenant_id, kind));\n CREATE INDEX items_open_idx ON items (tenant_id, id) WHERE open;\n";

    #[test]
    fn each_database_gets_its_types_and_every_constraint_a_name() {
        let both = one(&format!("{SHOPS}{ITEMS}")).unwrap();
        for (text, parts) in [
            (
                &both.sqlite,
                [
                    "    tenant_id BLOB NOT NULL CONSTRAINT items_tenant_id_fkey REFERENCES tenants (id),\n",
                    "    open INTEGER NOT NULL CONSTRAINT items_open_is_bool CHECK (open IN (0, 1)),\n",
                    "    kind TEXT CONSTRAINT items_kind_known CHECK (kind IN ('a', 'b')),\n",
                    "    CONSTRAINT \"items(id)\" PRIMARY KEY (tenant_id, id),\n",
                    ") STRICT;\n",
                ],
            ),
            (
                &both.postgres,
                [
                    "    tenant_id uuid NOT NULL CONSTRAINT items_tenant_id_fkey REFERENCES tenants (id),\n",
                    "    open boolean NOT NULL,\n",
                    "    CONSTRAINT \"items(kind)\" UNIQUE (tenant_id, kind)\n",
                    "ALTER TABLE items FORCE ROW LEVEL SECURITY;\n",
                    "CREATE POLICY backup ON items FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');\n",
                ],
            ),
        ] {
            for part in parts {
                assert!(text.contains(part), "{part}\n{text}");
            }
        }
        assert!(!both.sqlite.contains("POLICY") && !both.postgres.contains("STRICT"));
    }

    #[test]
    fn keys_that_point_forward_come_after_their_table_on_postgres() {
        let orders = "CREATE TENANT TABLE o (tenant_id uuid NOT NULL, id uuid NOT NULL, paid uuid, PRIMARY KEY (tenant_id, id), \
                      FOREIGN KEY (tenant_id, paid) REFERENCES p (tenant_id, id));";
        let payments =
            "CREATE TENANT TABLE p (tenant_id uuid NOT NULL, id uuid NOT NULL, PRIMARY KEY (tenant_id, id));";
        let both = one(&format!("{orders}{payments}")).unwrap();
        let key = "CONSTRAINT o_paid_fkey FOREIGN KEY (tenant_id, paid) REFERENCES p (tenant_id, id)";
        let place = |text: &str, part: &str| text.find(part).unwrap_or_else(|| panic!("{part}\n{text}"));
        let added = format!("ALTER TABLE o ADD {key};");
        assert!(place(&both.postgres, &added) > place(&both.postgres, "CREATE TABLE p ("));
        assert!(place(&both.sqlite, key) < place(&both.sqlite, "CREATE TABLE p ("));
        assert_eq!(one(orders), Err("o refers to p, which is nowhere".to_owned()));
    }

    #[test]
    fn what_breaks_a_rule_is_refused() {
        for (text, message) in [
            (
                "CREATE TENANT TABLE t (tenant_id uuid, n int CHECK (n > 0));",
                "a CHECK needs a name: CONSTRAINT name CHECK (...)",
            ),
            (
                "CREATE TENANT TABLE t (tenant_id uuid, CHECK (n > 0));",
                "a CHECK needs a name: CONSTRAINT name CHECK (...)",
            ),
            (
                "CREATE TENANT TABLE t (tenant_id uuid, n integer);",
                "`integer` is not a type: uuid, text, word, json, time, bool, int, bytes",
            ),
            (
                "CREATE TENANT TABLE t (id uuid);",
                "the first column of the tenant table t must be tenant_id",
            ),
            (
                "CREATE TABLE t (id uuid);",
                "must be CREATE TENANT TABLE or CREATE PLATFORM TABLE",
            ),
            (
                "CREATE PLATFORM TABLE t (id uuid PRIMARY KEY);",
                "`PRIMARY` is not understood here",
            ),
            ("DROP TABLE t;", "there is no table t"),
            ("DROP VIEW t;", "`DROP VIEW` is not understood here"),
            (
                "CREATE PLATFORM TABLE t (id uuid, PRIMARY KEY (id)); CREATE PLATFORM TABLE u (t uuid REFERENCES t (id)); DROP TABLE t;",
                "u refers to t",
            ),
            (
                "CREATE PLATFORM TABLE t (id uuid, PRIMARY KEY (id)); ALTER TABLE t RENAME COLUMN id TO key;",
                "a constraint or an index of t has the column id",
            ),
            (
                "CREATE PLATFORM TABLE t (id uuid); ALTER TABLE t RENAME COLUMN n TO m;",
                "t has no column n",
            ),
            ("ALTER TABLE t DROP CONSTRAINT c;", "there is no table t"),
            (
                "CREATE PLATFORM TABLE t (id uuid); ALTER TABLE t DROP CONSTRAINT c;",
                "t has no constraint c",
            ),
            (
                "CREATE PLATFORM TABLE t (id uuid)",
                "the last statement does not end with `;`",
            ),
        ] {
            assert_eq!(one(text), Err(message.to_owned()), "{text}");
        }
    }

    #[test]
    fn a_changed_constraint_rebuilds_the_table_on_sqlite_once() {
        let change = "-- Why.\nALTER TABLE items DROP CONSTRAINT items_kind_known;\n\
             ALTER TABLE items ADD CONSTRAINT items_kind_known CHECK (kind IN ('a', 'b', 'c'));\n\
             UPDATE items SET kind = 'c' WHERE kind = 'b';";
        let first = format!("{SHOPS}{ITEMS}");
        let all = render([("0001_a", first.as_str()), ("0002_b", change)]).unwrap();
        assert_eq!(
            all[1].sqlite.lines().skip(1).collect::<Vec<_>>().join("\n"),
            "
-- Why.
CREATE TABLE items_rebuilt (
    tenant_id BLOB NOT NULL CONSTRAINT items_tenant_id_fkey REFERENCES tenants (id),
    id BLOB NOT NULL,
    open INTEGER NOT NULL CONSTRAINT items_open_is_bool CHECK (open IN (0, 1)),
    kind TEXT,
    CONSTRAINT \"items(id)\" PRIMARY KEY (tenant_id, id),
    CONSTRAINT \"items(kind)\" UNIQUE (tenant_id, kind),
    CONSTRAINT items_kind_known CHECK (kind IN ('a', 'b', 'c'))
) STRICT;
INSERT INTO items_rebuilt (tenant_id, id, open, kind) SELECT tenant_id, id, open, kind FROM items;
DROP TABLE items;
ALTER TABLE items_rebuilt RENAME TO items;
CREATE INDEX items_open_idx ON items (tenant_id, id) WHERE open;

UPDATE items SET kind = 'c' WHERE kind = 'b';"
        );
        assert_eq!(
            all[1].postgres.lines().skip(1).collect::<Vec<_>>().join("\n"),
            "
-- Why.
ALTER TABLE items DROP CONSTRAINT items_kind_known;

ALTER TABLE items ADD CONSTRAINT items_kind_known CHECK (kind IN ('a', 'b', 'c'));

ALTER TABLE items NO FORCE ROW LEVEL SECURITY;
UPDATE items SET kind = 'c' WHERE kind = 'b';
ALTER TABLE items FORCE ROW LEVEL SECURITY;"
        );
    }

    #[test]
    fn keys_are_dropped_by_their_names() {
        let first = format!("{SHOPS}{ITEMS}CREATE UNIQUE INDEX ON items (tenant_id, open) WHERE open;");
        let change = "ALTER TABLE items DROP CONSTRAINT \"items(kind)\"; ALTER TABLE items DROP CONSTRAINT items_tenant_id_fkey; \
                      DROP INDEX \"items(open)\";";
        let all = render([("0001_a", first.as_str()), ("0002_b", change)]).unwrap();
        for drop in [
            "ALTER TABLE items DROP CONSTRAINT \"items(kind)\";",
            "ALTER TABLE items DROP CONSTRAINT items_tenant_id_fkey;",
            "DROP INDEX \"items(open)\";",
        ] {
            assert!(all[1].postgres.contains(drop), "{drop}\n{}", all[1].postgres);
        }
        let rebuilt = &all[1].sqlite;
        assert!(
            !rebuilt.contains("UNIQUE (") && !rebuilt.contains("REFERENCES"),
            "{rebuilt}"
        );
        assert!(rebuilt.contains("DROP INDEX \"items(open)\";"), "{rebuilt}");
    }

    /// A later rebuild has the column under its new name.
    #[test]
    fn a_column_is_renamed_and_a_table_dropped() {
        let first = format!("{SHOPS}{ITEMS}");
        let change = "DROP INDEX items_open_idx; ALTER TABLE items RENAME COLUMN open TO is_open;";
        let rebuild = "ALTER TABLE items DROP CONSTRAINT items_kind_known;";
        let sources = [
            ("0001_a", first.as_str()),
            ("0002_b", change),
            ("0003_c", rebuild),
            ("0004_d", "DROP TABLE items;"),
        ];
        let all = render(sources).unwrap();
        for sql in [&all[1].sqlite, &all[1].postgres] {
            assert!(
                sql.contains("ALTER TABLE items RENAME COLUMN open TO is_open;"),
                "{sql}"
            );
        }
        assert!(
            all[2].sqlite.contains("    is_open INTEGER NOT NULL"),
            "{}",
            all[2].sqlite
        );
        assert!(all[3].sqlite.contains("DROP TABLE items;") && all[3].postgres.contains("DROP TABLE items;"));
    }

    #[test]
    fn a_new_column_is_added_in_place() {
        let first = format!("{SHOPS}{ITEMS}");
        let change = "ALTER TABLE items ADD COLUMN size int CONSTRAINT items_size_positive CHECK (size > 0);";
        let all = render([("0001_a", first.as_str()), ("0002_b", change)]).unwrap();
        let column = |kind: &str| {
            format!(
                "ALTER TABLE items ADD COLUMN size {kind} CONSTRAINT items_size_positive CHECK (size > 0);"
            )
        };
        assert!(all[1].sqlite.contains(&column("INTEGER")) && all[1].postgres.contains(&column("bigint")));
    }
}
