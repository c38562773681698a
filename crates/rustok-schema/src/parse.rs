//! Reads the source: comments and statements.

use crate::model::{Action, Check, Column, Constraint, Index, Statement, Table, Type};

const UNNAMED: &str = "a CHECK needs a name: CONSTRAINT name CHECK (...)";

/// The statements of a file. Comments before a statement belong to it.
pub(crate) fn statements(text: &str) -> Result<Vec<Statement>, String> {
    let mut all = Vec::new();
    let mut comment = String::new();
    let mut rest = text.trim_start();
    while !rest.is_empty() {
        if rest.starts_with("--") {
            let (line, after) = rest.split_once('\n').unwrap_or((rest, ""));
            comment.push_str(line.trim_end());
            comment.push('\n');
            // A blank line separates the introduction of a file from the comment of a statement.
            if after.trim_start_matches([' ', '\t']).starts_with('\n') {
                comment.push('\n');
            }
            rest = after.trim_start();
            continue;
        }
        let end = top_level(rest, ';')
            .next()
            .ok_or("the last statement does not end with `;`")?;
        let (statement, after) = rest.split_at(end);
        let action = action(Cursor(statement))?;
        all.push(Statement {
            comment: std::mem::take(&mut comment),
            action,
        });
        rest = after.get(1..).unwrap_or_default().trim_start();
    }
    Ok(all)
}

/// The places of `wanted` outside quotes and parentheses.
fn top_level(text: &str, wanted: char) -> impl Iterator<Item = usize> {
    let (mut depth, mut quote) = (0_usize, None);
    text.char_indices().filter_map(move |(place, c)| {
        match (quote, c) {
            (Some(open), _) if open == c => quote = None,
            (Some(_), _) => {}
            (None, '\'' | '"') => quote = Some(c),
            (None, '(') => depth += 1,
            (None, ')') => depth = depth.saturating_sub(1),
            (None, _) if depth == 0 && c == wanted => return Some(place),
            (None, _) => {}
        }
        None
    })
}

/// The rest of a statement.
#[derive(Debug, Clone, Copy)]
struct Cursor<'a>(&'a str);

impl<'a> Cursor<'a> {
    fn is_at_end(self) -> bool {
        self.0.trim_start().is_empty()
    }

    /// The next word: up to a space, a parenthesis or the end; or a name in double quotes, with them.
    fn word(&mut self) -> &'a str {
        let text = self.0.trim_start();
        let end = match text.strip_prefix('"') {
            Some(quoted) => quoted.find('"').map(|end| end + 2),
            None => text.find(|c: char| c.is_whitespace() || c == '(' || c == ')'),
        };
        let (word, rest) = text.split_at(end.unwrap_or(text.len()));
        self.0 = rest;
        word
    }

    /// Skips these words if they come next.
    fn skip(&mut self, words: &str) -> bool {
        let mut ahead = *self;
        let found = words.split(' ').all(|word| ahead.word() == word);
        if found {
            *self = ahead;
        }
        found
    }

    /// The text in parentheses that comes next, without them.
    fn parentheses(&mut self) -> Result<&'a str, String> {
        let text = self.0.trim_start();
        let inside = text
            .strip_prefix('(')
            .ok_or_else(|| format!("`(` is expected at `{text}`"))?;
        // Closed where the depth falls below that of the beginning.
        let (mut depth, mut quote) = (1_usize, None);
        for (place, c) in inside.char_indices() {
            match (quote, c) {
                (Some(open), _) if open == c => quote = None,
                (Some(_), _) => {}
                (None, '\'' | '"') => quote = Some(c),
                (None, '(') => depth += 1,
                (None, ')') => depth -= 1,
                (None, _) => {}
            }
            if depth == 0 {
                self.0 = inside.get(place + 1..).unwrap_or_default();
                return inside
                    .get(..place)
                    .ok_or_else(|| "a parenthesis is cut".to_owned());
            }
        }
        Err(format!("`)` is missing after `{text}`"))
    }

    /// The names in parentheses that come next.
    fn names(&mut self) -> Result<Vec<String>, String> {
        let inside = self.parentheses()?;
        Ok(inside.split(',').map(|name| name.trim().to_owned()).collect())
    }

    /// Refuses what stands behind the end of a statement: nothing is dropped in silence.
    fn end(self) -> Result<(), String> {
        if self.is_at_end() { Ok(()) } else { self.refuse() }
    }

    fn refuse<T>(mut self) -> Result<T, String> {
        Err(format!("`{}` is not understood here", self.word()))
    }
}

fn action(mut text: Cursor<'_>) -> Result<Action, String> {
    if text.skip("CREATE TENANT TABLE") {
        return table(text, true).map(Action::CreateTable);
    }
    if text.skip("CREATE PLATFORM TABLE") {
        return table(text, false).map(Action::CreateTable);
    }
    if text.skip("CREATE TABLE") {
        return Err("must be CREATE TENANT TABLE or CREATE PLATFORM TABLE".to_owned());
    }
    if text.skip("CREATE TENANT VIEW") {
        let name = text.word().to_owned();
        let columns = text.names()?;
        return match (text.skip("OF"), text.word()) {
            (true, table) if text.is_at_end() => Ok(Action::CreateView {
                name,
                columns,
                table: table.to_owned(),
            }),
            _ => Err(format!("the view {name} must be `(columns) OF table`")),
        };
    }
    if text.skip("CREATE UNIQUE INDEX ON") {
        return index(text, None);
    }
    if text.skip("CREATE INDEX") {
        let name = text.word();
        if !text.skip("ON") {
            return text.refuse();
        }
        return index(text, Some(name));
    }
    if text.skip("ALTER TABLE") {
        return alteration(text);
    }
    if text.skip("DROP INDEX") {
        let name = text.word().to_owned();
        text.end()?;
        return Ok(Action::DropIndex(name));
    }
    if text.skip("DROP TABLE") {
        let name = text.word().to_owned();
        text.end()?;
        return Ok(Action::DropTable(name));
    }
    let whole = text.0.trim();
    match text.word() {
        "INSERT" | "UPDATE" | "DELETE" => Ok(Action::ChangeRows(whole.to_owned())),
        first => Err(format!("`{first} {}` is not understood here", text.word())),
    }
}

fn table(mut text: Cursor<'_>, of_tenant: bool) -> Result<Table, String> {
    let mut table = Table {
        name: text.word().to_owned(),
        rights: of_tenant.then(|| "SELECT, INSERT, UPDATE, DELETE".to_owned()),
        ..Table::default()
    };
    let items = text.parentheses()?;
    for item in split(items) {
        let mut cursor = Cursor(item);
        match constraint(&mut cursor, &table.name)? {
            Some(constraint) => {
                cursor.end()?;
                table.constraints.push(constraint);
            }
            None => table.columns.push(column(cursor)?),
        }
    }
    while !text.is_at_end() {
        if of_tenant && text.skip("RIGHTS") {
            table.rights = Some(text.parentheses()?.to_owned());
        } else if of_tenant && text.skip("CLAIMED") {
            table.claimed = Some(text.parentheses()?.to_owned());
        } else if text.skip("KEY ONLY") {
            table.is_key_only = true;
        } else {
            return text.refuse();
        }
    }
    if of_tenant
        && table
            .columns
            .first()
            .is_none_or(|first| first.name != "tenant_id")
    {
        return Err(format!(
            "the first column of the tenant table {} must be tenant_id",
            table.name
        ));
    }
    Ok(table)
}

/// The parts between commas outside quotes and parentheses.
fn split(items: &str) -> Vec<&str> {
    let mut parts = Vec::new();
    let mut start = 0;
    for comma in top_level(items, ',') {
        parts.extend(items.get(start..comma));
        start = comma + 1;
    }
    parts.extend(items.get(start..));
    parts.into_iter().map(str::trim).collect()
}

/// A constraint of a table, if one begins here. Keys are named after their columns.
fn constraint(text: &mut Cursor<'_>, table: &str) -> Result<Option<Constraint>, String> {
    for kind in ["PRIMARY KEY", "UNIQUE"] {
        if text.skip(kind) {
            let columns = text.names()?;
            return Ok(Some(Constraint {
                name: key_name(table, &columns),
                rule: format!("{kind} ({})", columns.join(", ")),
                target: None,
            }));
        }
    }
    if text.skip("FOREIGN KEY") {
        let columns = text.names()?;
        if !text.skip("REFERENCES") {
            return text.refuse();
        }
        let target = text.word();
        let own: Vec<&str> = columns
            .iter()
            .map(String::as_str)
            .filter(|column| *column != "tenant_id")
            .collect();
        return Ok(Some(Constraint {
            name: format!("{table}_{}_fkey", own.join("_")),
            rule: format!(
                "FOREIGN KEY ({}) REFERENCES {target} ({})",
                columns.join(", "),
                text.names()?.join(", ")
            ),
            target: Some(target.to_owned()),
        }));
    }
    if text.skip("CONSTRAINT") {
        let Check { name, condition } = check(text)?;
        return Ok(Some(Constraint {
            name,
            rule: format!("CHECK {condition}"),
            target: None,
        }));
    }
    if text.skip("CHECK") {
        return Err(UNNAMED.to_owned());
    }
    Ok(None)
}

/// `name CHECK (...)`.
fn check(text: &mut Cursor<'_>) -> Result<Check, String> {
    let name = text.word().to_owned();
    if !text.skip("CHECK") {
        return text.refuse();
    }
    Ok(Check {
        name,
        condition: format!("({})", text.parentheses()?),
    })
}

/// The name of a unique key: PostgreSQL gives nothing else in its error where row security hides the columns.
fn key_name(table: &str, columns: &[String]) -> String {
    let mut named: Vec<&str> = columns.iter().map(String::as_str).collect();
    if named.len() > 1 {
        named.retain(|column| *column != "tenant_id");
    }
    format!("\"{table}({})\"", named.join(","))
}

fn column(mut text: Cursor<'_>) -> Result<Column, String> {
    let name = text.word().to_owned();
    let kind = Type::parse(text.word())?;
    let mut column = Column {
        name,
        kind,
        is_required: false,
        default: None,
        references: None,
        checks: Vec::new(),
    };
    while !text.is_at_end() {
        if text.skip("NOT NULL") {
            column.is_required = true;
        } else if text.skip("DEFAULT") {
            column.default = Some(text.word().to_owned());
        } else if text.skip("REFERENCES") {
            let target = text.word();
            column.references = Some(format!("{target} ({})", text.parentheses()?));
        } else if text.skip("CONSTRAINT") {
            column.checks.push(check(&mut text)?);
        } else if text.skip("CHECK") {
            return Err(UNNAMED.to_owned());
        } else {
            return text.refuse();
        }
    }
    Ok(column)
}

/// Of an index without a name, which is a unique one.
fn index(mut text: Cursor<'_>, name: Option<&str>) -> Result<Action, String> {
    let table = text.word().to_owned();
    let columns = text.names()?;
    let (unique, name) = match name {
        Some(name) => ("", name.to_owned()),
        None => ("UNIQUE ", key_name(&table, &columns)),
    };
    let rest = text.0.trim();
    if !rest.is_empty() && !rest.starts_with("WHERE ") {
        return text.refuse();
    }
    let condition = if rest.is_empty() {
        String::new()
    } else {
        format!(" {rest}")
    };
    let sql = format!(
        "CREATE {unique}INDEX {name} ON {table} ({}){condition};\n",
        columns.join(", ")
    );
    Ok(Action::CreateIndex(Index { name, table, sql }))
}

fn alteration(mut text: Cursor<'_>) -> Result<Action, String> {
    let table = text.word().to_owned();
    if text.skip("ADD COLUMN") {
        let column = column(text)?;
        return Ok(Action::AddColumn { table, column });
    }
    if text.skip("DROP CONSTRAINT") {
        let name = text.word().to_owned();
        text.end()?;
        return Ok(Action::DropConstraint { table, name });
    }
    if text.skip("RENAME COLUMN") {
        let from = text.word().to_owned();
        if !text.skip("TO") {
            return text.refuse();
        }
        let to = text.word().to_owned();
        text.end()?;
        return Ok(Action::RenameColumn { table, from, to });
    }
    if text.skip("ADD") {
        return match constraint(&mut text, &table)? {
            Some(constraint) => {
                text.end()?;
                Ok(Action::AddConstraint { table, constraint })
            }
            None => text.refuse(),
        };
    }
    text.refuse()
}
