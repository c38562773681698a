//! Writes migrations in the SQL of each database.

use crate::Migration;
use crate::model::{Action, Column, Constraint, Statement, Table};
use std::collections::BTreeMap;

const OWN_TENANT: &str = "nullif(current_setting('rustok.tenant_id', true), '')::uuid";

/// Knows the schema that the migrations so far have made.
#[derive(Debug, Default)]
pub(crate) struct Renderer {
    tables: BTreeMap<String, Table>,
    /// Foreign keys whose target is still to come: PostgreSQL adds them afterwards.
    forward: Vec<(String, Constraint)>,
    /// The table whose changed constraints SQLite has not applied yet.
    changed: Option<String>,
}

impl Renderer {
    pub(crate) fn migration(&mut self, name: &str, statements: &[Statement]) -> Result<Migration, String> {
        let head =
            format!("-- Made from schema/{name}.sql by `cargo run -p xtask -- schema`: change that file.\n");
        let mut migration = Migration {
            name: name.to_owned(),
            sqlite: head.clone(),
            postgres: head,
        };
        for statement in statements {
            self.statement(statement, &mut migration)?;
        }
        self.rebuild(&mut migration.sqlite)?;
        match self.forward.first() {
            None => Ok(migration),
            Some((table, Constraint { target, .. })) => {
                let target = target.as_deref().unwrap_or_default();
                Err(format!("{table} refers to {target}, which is nowhere"))
            }
        }
    }

    fn statement(&mut self, statement: &Statement, to: &mut Migration) -> Result<(), String> {
        let goes_on = matches!(&statement.action, Action::AddConstraint { table, .. } | Action::DropConstraint { table, .. }
            if self.changed.as_ref() == Some(table));
        // An index stands next to its table.
        let is_near = matches!(statement.action, Action::CreateIndex(_)) && statement.comment.is_empty();
        if !goes_on {
            self.rebuild(&mut to.sqlite)?;
            to.sqlite.push_str(if is_near { "" } else { "\n" });
        }
        to.postgres.push_str(if is_near { "" } else { "\n" });
        to.sqlite.push_str(&statement.comment);
        to.postgres.push_str(&statement.comment);
        match &statement.action {
            Action::CreateTable(table) => self.create(table, to),
            Action::CreateView { name, columns, table } => {
                self.table(table)?;
                let columns = columns.join(", ");
                to.sqlite
                    .push_str(&format!("CREATE VIEW {name} AS SELECT {columns} FROM {table};\n"));
                to.postgres.push_str(&format!(
                    "CREATE VIEW {name} WITH (security_barrier) AS\n    SELECT {columns} FROM {table} WHERE id = {OWN_TENANT};\n\
                     GRANT SELECT ON {name} TO rustok_app;\n"
                ));
            }
            Action::CreateIndex(index) => {
                self.table(&index.table)?.indexes.push(index.clone());
                to.sqlite.push_str(&index.sql);
                to.postgres.push_str(&index.sql);
            }
            Action::DropIndex(name) => {
                let of = |table: &&mut Table| table.indexes.iter().any(|index| index.name == *name);
                let table = self.tables.values_mut().find(of);
                let table = table.ok_or_else(|| format!("there is no index {name}"))?;
                table.indexes.retain(|index| index.name != *name);
                let sql = format!("DROP INDEX {name};\n");
                to.sqlite.push_str(&sql);
                to.postgres.push_str(&sql);
            }
            Action::DropTable(name) => {
                self.drop_table(name)?;
                let sql = format!("DROP TABLE {name};\n");
                to.sqlite.push_str(&sql);
                to.postgres.push_str(&sql);
            }
            Action::RenameColumn {
                table,
                from,
                to: name,
            } => {
                self.rename_column(table, from, name)?;
                let sql = format!("ALTER TABLE {table} RENAME COLUMN {from} TO {name};\n");
                to.sqlite.push_str(&sql);
                to.postgres.push_str(&sql);
            }
            Action::AddColumn { table, column } => {
                self.table(table)?.columns.push(column.clone());
                let add = |column: String| format!("ALTER TABLE {table} ADD COLUMN {column};\n");
                to.sqlite.push_str(&add(sqlite_column(table, column)));
                let sql = add(postgres_column(table, column));
                // A foreign key of a new column is checked by a query over both tables.
                match &column.references {
                    Some(target) => self.unforced(
                        |name| name == table || target.split(' ').next() == Some(name),
                        &sql,
                        &mut to.postgres,
                    ),
                    None => to.postgres.push_str(&sql),
                }
            }
            Action::AddConstraint { table, constraint } => {
                self.table(table)?.constraints.push(constraint.clone());
                self.changed = Some(table.clone());
                self.add(table, constraint, &mut to.postgres);
            }
            Action::DropConstraint { table, name } => {
                if !self.table(table)?.drop_constraint(name) {
                    return Err(format!("{table} has no constraint {name}"));
                }
                self.changed = Some(table.clone());
                to.postgres
                    .push_str(&format!("ALTER TABLE {table} DROP CONSTRAINT {name};\n"));
            }
            Action::ChangeRows(sql) => {
                to.sqlite.push_str(&format!("{sql};\n"));
                self.change_rows(sql, &mut to.postgres);
            }
        }
        Ok(())
    }

    fn table(&mut self, name: &str) -> Result<&mut Table, String> {
        let found = self.tables.get_mut(name);
        found.ok_or_else(|| format!("there is no table {name}"))
    }

    fn drop_table(&mut self, name: &str) -> Result<(), String> {
        self.table(name)?;
        let refers = |table: &&Table| {
            let keys = table.constraints.iter().filter_map(|key| key.target.as_deref());
            let columns = table
                .columns
                .iter()
                .filter_map(|column| column.references.as_deref());
            keys.chain(columns)
                .any(|target| target.split(' ').next() == Some(name))
        };
        match self.tables.values().find(refers) {
            Some(table) => Err(format!("{} refers to {name}", table.name)),
            None => {
                self.tables.remove(name);
                Ok(())
            }
        }
    }

    /// Only of a column that stands nowhere else: an index or a constraint is dropped before, and made anew after.
    fn rename_column(&mut self, table: &str, from: &str, to: &str) -> Result<(), String> {
        let found = self.table(table)?;
        let names = |text: &str| words(text).any(|word| word == from);
        let rules = found.constraints.iter().map(|constraint| &*constraint.rule);
        let checks = found.columns.iter().flat_map(|column| &column.checks);
        let indexes = found.indexes.iter().map(|index| &*index.sql);
        if rules.chain(indexes).any(names) || checks.clone().any(|check| names(&check.condition)) {
            return Err(format!(
                "a constraint or an index of {table} has the column {from}"
            ));
        }
        let column = found.columns.iter_mut().find(|column| column.name == from);
        let column = column.ok_or_else(|| format!("{table} has no column {from}"))?;
        to.clone_into(&mut column.name);
        Ok(())
    }

    fn create(&mut self, table: &Table, to: &mut Migration) {
        to.sqlite.push_str(&sqlite_table(&table.name, table));
        self.tables.insert(table.name.clone(), table.clone());
        let is_known = |constraint: &&Constraint| match &constraint.target {
            Some(target) => self.tables.contains_key(target),
            None => true,
        };
        let (now, later): (Vec<_>, Vec<_>) = table.constraints.iter().partition(is_known);
        let columns = table.columns.iter();
        let columns = columns.map(|column| postgres_column(&table.name, column));
        let items = columns.chain(now.into_iter().map(written));
        to.postgres
            .push_str(&format!("CREATE TABLE {} (\n{}\n);\n", table.name, lines(items)));
        to.postgres.push_str(&rights(table));
        let later = later
            .into_iter()
            .map(|constraint| (table.name.clone(), constraint.clone()));
        self.forward.extend(later);
        let is_ready = |(_, key): &mut (String, Constraint)| {
            let target = key.target.as_ref();
            target.is_some_and(|target| self.tables.contains_key(target))
        };
        let ready: Vec<_> = self.forward.extract_if(.., is_ready).collect();
        for (table, key) in ready {
            self.add(&table, &key, &mut to.postgres);
        }
    }

    /// Adds a constraint on PostgreSQL. A foreign key is checked by a query over both tables.
    fn add(&self, table: &str, constraint: &Constraint, to: &mut String) {
        let sql = format!("ALTER TABLE {table} ADD {};\n", written(constraint));
        match &constraint.target {
            Some(target) => self.unforced(|name| name == table || name == target, &sql, to),
            None => to.push_str(&sql),
        }
    }

    fn change_rows(&self, sql: &str, to: &mut String) {
        let words: Vec<&str> = words(sql).collect();
        self.unforced(|table| words.contains(&table), &format!("{sql};\n"), to);
    }

    /// PostgreSQL forces row security on the owner too: for a statement that reads rows it is lifted from the tables that
    /// are named, within the transaction of the migration, which no other session sees half of.
    fn unforced(&self, is_named: impl Fn(&str) -> bool, sql: &str, to: &mut String) {
        let tables = self.tables.values();
        let named = tables.filter(|table| table.rights.is_some() && is_named(&table.name));
        let force = |word: &str| -> String {
            let alter = |table: &Table| format!("ALTER TABLE {} {word} ROW LEVEL SECURITY;\n", table.name);
            named.clone().map(alter).collect()
        };
        to.push_str(&force("NO FORCE"));
        to.push_str(sql);
        to.push_str(&force("FORCE"));
    }

    /// SQLite cannot change a constraint: the table is built anew. Foreign keys of other tables refer to it by name, and
    /// are checked by the migration's runner before the commit.
    fn rebuild(&mut self, to: &mut String) -> Result<(), String> {
        let Some(name) = self.changed.take() else {
            return Ok(());
        };
        let table = self.table(&name)?;
        let columns: Vec<&str> = table.columns.iter().map(|column| &*column.name).collect();
        let columns = columns.join(", ");
        to.push_str(&sqlite_table(&format!("{name}_rebuilt"), table));
        to.push_str(&format!(
            "INSERT INTO {name}_rebuilt ({columns}) SELECT {columns} FROM {name};\nDROP TABLE {name};\n\
             ALTER TABLE {name}_rebuilt RENAME TO {name};\n"
        ));
        for index in &table.indexes {
            to.push_str(&index.sql);
        }
        Ok(())
    }
}

fn words(sql: &str) -> impl Iterator<Item = &str> {
    sql.split(|c: char| !c.is_ascii_alphanumeric() && c != '_')
}

fn lines(items: impl Iterator<Item = String>) -> String {
    let items: Vec<String> = items.map(|item| format!("    {item}")).collect();
    items.join(",\n")
}

/// The table's definition under the name `name`.
fn sqlite_table(name: &str, table: &Table) -> String {
    let columns = table.columns.iter();
    let columns = columns.map(|column| sqlite_column(&table.name, column));
    let items = columns.chain(table.constraints.iter().map(written));
    let options = if table.is_key_only {
        "STRICT, WITHOUT ROWID"
    } else {
        "STRICT"
    };
    format!("CREATE TABLE {name} (\n{}\n) {options};\n", lines(items))
}

fn sqlite_column(table: &str, column: &Column) -> String {
    let mut sql = bare_column(table, column, column.kind.sqlite());
    if column.kind == crate::model::Type::Bool {
        let name = &column.name;
        sql.push_str(&format!(
            " CONSTRAINT {table}_{name}_is_bool CHECK ({name} IN (0, 1))"
        ));
    }
    sql
}

fn postgres_column(table: &str, column: &Column) -> String {
    bare_column(table, column, column.kind.postgres())
}

fn bare_column(table: &str, column: &Column, kind: &str) -> String {
    let name = &column.name;
    let mut sql = format!("{name} {kind}");
    if column.is_required {
        sql.push_str(" NOT NULL");
    }
    if let Some(default) = &column.default {
        sql.push_str(&format!(" DEFAULT {default}"));
    }
    if let Some(target) = &column.references {
        sql.push_str(&format!(" CONSTRAINT {table}_{name}_fkey REFERENCES {target}"));
    }
    for check in &column.checks {
        sql.push_str(&format!(" CONSTRAINT {} CHECK {}", check.name, check.condition));
    }
    sql
}

fn written(constraint: &Constraint) -> String {
    format!("CONSTRAINT {} {}", constraint.name, constraint.rule)
}

/// Who may do what on PostgreSQL. The rows of a tenant table are seen by their tenant only, and by a backup.
fn rights(table: &Table) -> String {
    let name = &table.name;
    let backup = format!("GRANT SELECT ON {name} TO rustok_backup;\n");
    let Some(rights) = &table.rights else {
        return format!("GRANT SELECT, INSERT, UPDATE, DELETE ON {name} TO rustok_platform;\n{backup}");
    };
    let mut sql = format!(
        "GRANT {rights} ON {name} TO rustok_app;\n{backup}\
         ALTER TABLE {name} ENABLE ROW LEVEL SECURITY;\n\
         ALTER TABLE {name} FORCE ROW LEVEL SECURITY;\n\
         CREATE POLICY tenant ON {name} TO rustok_app\n    USING (tenant_id = {OWN_TENANT})\n    \
         WITH CHECK (tenant_id = {OWN_TENANT});\n\
         CREATE POLICY backup ON {name} FOR SELECT TO rustok_backup USING (current_user = 'rustok_backup');\n"
    );
    if let Some(claimed) = &table.claimed {
        let changes = if claimed.contains("UPDATE") {
            " WITH CHECK (true)"
        } else {
            ""
        };
        sql.push_str(&format!(
            "GRANT {claimed} ON {name} TO rustok_platform;\n\
             CREATE POLICY platform ON {name} TO rustok_platform USING (true){changes};\n"
        ));
    }
    sql
}
