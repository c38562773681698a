//! Both databases have the same migrations: same numbers, same names, no gaps.
//!
//! Must never look inside a migration: tests of `rustok-storage`, where they run, check that the two schemas are
//! alike.

use super::{Breach, MIGRATIONS, RUNNER};

/// Checks the file names of the two migration folders.
pub(crate) fn check(sqlite: &[String], postgres: &[String]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    for (database, names, twin_database, twins) in [
        ("sqlite", sqlite, "postgres", postgres),
        ("postgres", postgres, "sqlite", sqlite),
    ] {
        let folder = format!("{MIGRATIONS}/{database}");
        if names.is_empty() {
            breaches.push(Breach::new(&folder, "holds no migration"));
        }
        let mut sorted: Vec<&String> = names.iter().collect();
        sorted.sort();
        for (index, name) in sorted.into_iter().enumerate() {
            let place = format!("{folder}/{name}");
            match number(name) {
                None => breaches.push(Breach::new(
                    place.as_str(),
                    "is not named like `0001_what_it_does.sql`",
                )),
                Some(number) if number != index + 1 => {
                    breaches.push(Breach::new(
                        place.as_str(),
                        format!("has number {number}, the next one is {}", index + 1),
                    ));
                }
                Some(_) => {}
            }
            if !twins.contains(name) {
                breaches.push(Breach::new(
                    place.as_str(),
                    format!("has no twin of that name in {twin_database}"),
                ));
            }
        }
    }
    breaches
}

/// Checks that the runner's list (its source) names every file: a missing one would never run.
pub(crate) fn check_listed(names: &[String], runner: &str) -> Vec<Breach> {
    let missing = |name: &&String| !runner.contains(&format!("\"{}\"", name.trim_end_matches(".sql")));
    let breach = |name: &String| Breach::new(RUNNER, format!("does not list the migration {name}"));
    names.iter().filter(missing).map(breach).collect()
}

/// The number of `0001_name.sql`; `None` when the name has another form.
fn number(name: &str) -> Option<usize> {
    let (digits, title) = name.strip_suffix(".sql")?.split_once('_')?;
    let plain = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
    let fits = digits.len() == 4 && !title.is_empty() && title.chars().all(plain);
    if fits { digits.parse().ok() } else { None }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn message(sqlite: &[&str], postgres: &[&str]) -> String {
        let own = |names: &[&str]| names.iter().map(ToString::to_string).collect::<Vec<_>>();
        check(&own(sqlite), &own(postgres))
            .iter()
            .map(|b| format!("{b}\n"))
            .collect()
    }

    #[test]
    fn twins_in_order_pass() {
        assert_eq!(
            message(
                &["0001_base.sql", "0002_stock.sql"],
                &["0001_base.sql", "0002_stock.sql"]
            ),
            ""
        );
    }

    #[test]
    fn a_missing_twin_is_told_for_either_side() {
        assert!(
            message(&["0001_base.sql", "0002_a.sql"], &["0001_base.sql"])
                .contains("sqlite/0002_a.sql: has no twin")
        );
        assert!(
            message(&["0001_base.sql"], &["0001_base.sql", "0002_a.sql"])
                .contains("postgres/0002_a.sql: has no twin")
        );
        assert!(message(&["0001_base.sql"], &["0001_other.sql"]).contains("has no twin"));
    }

    #[test]
    fn gaps_doubles_bad_names_and_empty_folders_are_told() {
        assert!(
            message(&["0001_a.sql", "0003_b.sql"], &["0001_a.sql", "0003_b.sql"])
                .contains("has number 3, the next one is 2")
        );
        assert!(
            message(&["0001_a.sql", "0001_b.sql"], &["0001_a.sql", "0001_b.sql"])
                .contains("has number 1, the next one is 2")
        );
        assert!(message(&["1_a.sql"], &["1_a.sql"]).contains("is not named like"));
        assert!(message(&[], &[]).contains("postgres: holds no migration"));
    }

    #[test]
    fn a_migration_that_the_runner_does_not_list_is_told() {
        let names = ["0001_base.sql".to_owned(), "0002_stock.sql".to_owned()];
        assert_eq!(
            check_listed(&names, "migrations![\"0001_base\", \"0002_stock\"]"),
            []
        );
        assert!(
            check_listed(&names, "migrations![\"0001_base\"]")[0]
                .message
                .contains("0002_stock.sql")
        );
    }
}
