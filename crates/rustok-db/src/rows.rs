//! Merges consecutive one-row INSERTs into one table into a single statement: PostgreSQL parses, plans and answers it
//! once.

use crate::statement::{Expect, Statement};
use crate::value::placeholders;
use std::borrow::Cow;

/// Maximum number of rows per statement. Rows are grouped by powers of two, so that few different statements are
/// prepared.
const MOST_ROWS: usize = 64;

/// The same writes in the same order, in fewer statements where rows of one table follow each other.
pub(crate) fn together<'s, 'a>(statements: &'s [Statement<'a>]) -> Vec<Cow<'s, Statement<'a>>> {
    let mut all = Vec::with_capacity(statements.len());
    for same in statements.chunk_by(|one, next| one.sql == next.sql && one.expect == next.expect) {
        let mut rest = same;
        while let Some(insert) = rest
            .first()
            .filter(|_| rest.len() > 1)
            .and_then(insert_of_one_row)
        {
            let (rows, others) = rest.split_at(MOST_ROWS.min(1 << rest.len().ilog2()));
            all.push(Cow::Owned(one_statement(insert, rows)));
            rest = others;
        }
        all.extend(rest.iter().map(Cow::Borrowed));
    }
    all
}

/// The text before the values of an INSERT of exactly one row that consists only of parameters.
fn insert_of_one_row<'s>(statement: &'s Statement<'_>) -> Option<&'s str> {
    let values = format!("({})", placeholders(1, statement.params.len()));
    let insert = statement.sql.strip_suffix(&values)?;
    let is_plain = insert.starts_with("INSERT INTO") && insert.ends_with(" VALUES ");
    (is_plain && statement.expect == Expect::Exactly(1)).then_some(insert)
}

fn one_statement<'a>(insert: &str, rows: &[Statement<'a>]) -> Statement<'a> {
    let mut sql = insert.to_owned();
    let mut params = Vec::new();
    for (place, row) in rows.iter().enumerate() {
        sql.push_str(if place == 0 { "(" } else { ", (" });
        sql.push_str(&placeholders(params.len() + 1, row.params.len()));
        sql.push(')');
        params.extend_from_slice(&row.params);
    }
    Statement {
        table: rows.first().map_or("", |row| row.table),
        sql: sql.into(),
        params,
        expect: Expect::Exactly(u64::try_from(rows.len()).unwrap_or(u64::MAX)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::params;
    use crate::value::Value;

    const INSERT: &str = "INSERT INTO t (a, b) VALUES ($1, $2)";

    fn row(number: i64) -> Statement<'static> {
        Statement::one("t", INSERT, params![number, -number])
    }

    fn reported(statements: &[Statement<'_>]) -> Vec<(String, usize, Expect)> {
        together(statements)
            .iter()
            .map(|statement| {
                (
                    statement.sql.to_string(),
                    statement.params.len(),
                    statement.expect,
                )
            })
            .collect()
    }

    #[test]
    fn rows_that_follow_each_other_are_one_statement() {
        let both = "INSERT INTO t (a, b) VALUES ($1, $2), ($3, $4)";
        let other = || Statement::one("t", "UPDATE t SET a = $1", params![1]);
        let rows = [row(1), row(2), row(3), other(), row(4), other(), other()];
        let update = ("UPDATE t SET a = $1".to_owned(), 1, Expect::Exactly(1));
        let one = (INSERT.to_owned(), 2, Expect::Exactly(1));
        assert_eq!(
            reported(&rows),
            [
                (both.to_owned(), 4, Expect::Exactly(2)),
                one.clone(),
                update.clone(),
                one,
                update.clone(),
                update
            ]
        );
        let values: Vec<Value<'_>> = together(&rows)
            .iter()
            .flat_map(|all| all.params.clone())
            .collect();
        let one_by_one: Vec<Value<'_>> = rows.iter().flat_map(|row| row.params.clone()).collect();
        assert_eq!(values, one_by_one);
    }

    #[test]
    fn few_different_statements_are_prepared() {
        let mut different = std::collections::BTreeSet::new();
        for count in 0..300 {
            let rows: Vec<_> = (0..count).map(row).collect();
            let reported = reported(&rows);
            let expected: u64 = reported
                .iter()
                .map(|(_, _, expect)| match expect {
                    Expect::Exactly(rows) => *rows,
                    Expect::Any => 0,
                })
                .sum();
            assert_eq!(expected, u64::try_from(count).unwrap());
            different.extend(reported.into_iter().map(|(sql, ..)| sql));
        }
        assert_eq!(different.len(), 7);
    }

    #[test]
    fn what_is_more_than_rows_stays_as_it_is() {
        for sql in [
            "INSERT INTO t (a, b) VALUES ($1, $2) ON CONFLICT DO NOTHING",
            "INSERT INTO t (a, b, c) VALUES ($1, $2, $2)",
            "INSERT INTO t (a, b) VALUES ($1, 1, $2)",
            "INSERT INTO t (a, b) SELECT a, b FROM u WHERE c IN ($1, $2)",
        ] {
            let rows = || Statement::one("t", sql, params![1, 2]);
            assert_eq!(reported(&[rows(), rows()]).len(), 2, "{sql}");
        }
        let any = || Statement {
            expect: Expect::Any,
            ..row(1)
        };
        assert_eq!(reported(&[any(), any()]).len(), 2);
    }
}
