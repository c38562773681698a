//! Rules for a source file: its size and first line, leftovers, and words that only certain rooms may use.
//!
//! Must never read a file: it checks the text that it is given. Test code may contain SQL (to break the database on
//! purpose); nothing else is exempt.

use super::Breach;
use super::rooms::{DOMAIN, HTTP};
use super::strip::{self, Views};

const MAX_LINES: usize = 800;
const VAGUE_NAMES: [&str; 6] = ["util", "utils", "helper", "helpers", "common", "manager"];
const SQL: [&str; 7] = [
    "SELECT ",
    "INSERT INTO ",
    "UPDATE ",
    "DELETE FROM ",
    "CREATE TABLE ",
    "ALTER TABLE ",
    "ON CONFLICT ",
];
/// The rooms that may contain SQL: the storage; the seam, about itself and the system's catalogs ([`check_seam`]); the
/// generator of migrations; test support, which creates databases; this file, which contains the words themselves.
const SQL_ROOMS: [&str; 5] = [
    "rustok-db",
    "rustok-schema",
    "rustok-storage",
    "rustok-test-support",
    "xtask",
];
/// Crates and fields whose names may appear only in the listed rooms.
const OWNED: &[(&str, &[&str])] = &[
    ("rusqlite::", &["rustok-db", "rustok-test-support"]),
    ("deadpool::", &["rustok-db"]),
    ("tokio_postgres::", &["rustok-db", "rustok-test-support"]),
    ("rustls::", &["rustok-db"]),
    // What sends the statements of a transaction.
    (".db", &["rustok-db", "rustok-storage"]),
    ("{ db", &["rustok-db", "rustok-storage"]),
    // It replaces the checks that every commit makes (docs/adr/0021).
    (".with_commit_checks", &["rustok-db", "rustok-storage"]),
    // Which surface a path belongs to is decided in one place (docs/adr/0028).
    (".uri().path()", &["rustok-http"]),
    ("axum::", &HTTP),
    ("axum_core::", &["rustok-core"]),
    ("tower_http::", &["rustok-http"]),
];
/// Words that comments and names must not use: say who or what does it (docs/GLOSSARY.md).
const REFUSED: [&str; 6] = ["told", "tells", "whoever", "somebody", "anybody", "asker"];
const IMPURE: [&str; 5] = [
    "std::fs",
    "std::env::",
    "std::process",
    "TcpStream",
    "SystemTime::now",
];

/// Checks one file; `path` is relative to the workspace, with `/`.
pub(crate) fn check(path: &str, source: &str) -> Vec<Breach> {
    let mut breaches = Vec::new();
    let lines = source.lines().count();
    if lines > MAX_LINES {
        breaches.push(Breach::new(
            path,
            format!("{lines} lines; {MAX_LINES} is the limit: split it by concept"),
        ));
    }
    if path.split(['/', '.']).any(|part| VAGUE_NAMES.contains(&part)) {
        breaches.push(Breach::new(
            path,
            "says nothing by its name: call it after what it holds",
        ));
    }
    if path.contains("/tests/") && path.contains("/ui/") {
        return breaches; // a compile-fail example, exempt from the other rules
    }
    if !source.starts_with("//!") && !source.starts_with("#![doc = include_str!(") {
        breaches.push(Breach::new(
            path,
            "must open with `//!`: what it is for and what it must never do",
        ));
    }
    check_leftovers(path, &strip::views(source), &mut breaches);
    if !is_test(path) {
        check_words(path, &strip::without_tests(source), &mut breaches);
    }
    breaches
}

/// Whether a file holds nothing but tests or benchmarks.
fn is_test(path: &str) -> bool {
    ["/tests/", "/benches/"].iter().any(|part| path.contains(part)) || path.ends_with("/tests.rs")
}

/// Refuses the names of tables in the strings of the seam: the statements about them belong to the storage.
pub(crate) fn check_seam(path: &str, source: &str, tables: &[String]) -> Vec<Breach> {
    let mut breaches = Vec::new();
    if room(path) == "rustok-db" && !is_test(path) {
        let strings = strip::without_tests(source).strings;
        for table in tables {
            let why = "rustok-db names no table; its statements belong to rustok-storage";
            find(path, &strings, table, why, &mut breaches);
        }
    }
    breaches
}

/// The names of the tables and views that a source of the schema makes.
pub(crate) fn tables_in(schema: &str) -> Vec<String> {
    let name = |line: &str| {
        let made = line.strip_prefix("CREATE ")?;
        let (_, name) = made.split_once("TABLE ").or_else(|| made.split_once("VIEW "))?;
        name.split([' ', '(']).next().map(str::to_owned)
    };
    schema.lines().filter_map(name).collect()
}

/// Leftovers that are forbidden everywhere, also in tests.
fn check_leftovers(path: &str, views: &Views, breaches: &mut Vec<Breach>) {
    for word in ["todo!", "unimplemented!"] {
        find(path, &views.code, word, "finish it or open an issue", breaches);
    }
    for word in ["FIXME", "XXX"] {
        find(
            path,
            &views.comments,
            word,
            "finish it or open an issue",
            breaches,
        );
    }
    for word in ["#[allow(", "#![allow("] {
        find(
            path,
            &views.code,
            word,
            "use `#[expect(lint, reason = \"..\")]`",
            breaches,
        );
    }
}

/// Words that only some rooms may use.
fn check_words(path: &str, views: &Views, breaches: &mut Vec<Breach>) {
    let room = room(path);
    for (word, rooms) in OWNED {
        if !rooms.contains(&room) {
            find(
                path,
                &views.code,
                word,
                &format!("belongs to {}", rooms.join(", ")),
                breaches,
            );
        }
    }
    if !SQL_ROOMS.contains(&room) {
        for word in SQL {
            find(
                path,
                &views.strings,
                word,
                "SQL belongs to rustok-storage",
                breaches,
            );
        }
    }
    check_language(path, views, breaches);
    if DOMAIN.contains(&room) {
        for word in IMPURE {
            find(path, &views.code, word, "domain crates are pure", breaches);
        }
    }
    if HTTP.contains(&room) {
        for (number, line) in views.strings.lines().enumerate() {
            let after = line
                .split("/:")
                .skip(1)
                .any(|rest| rest.starts_with(|c: char| c.is_ascii_lowercase()));
            if after {
                let place = format!("{path}:{}", number + 1);
                breaches.push(Breach::new(
                    place,
                    "a route's parameter is written `/{id}`, not `/:id`",
                ));
            }
        }
    }
}

/// Refuses [`REFUSED`] in comments and names.
fn check_language(path: &str, views: &Views, breaches: &mut Vec<Breach>) {
    for view in [&views.code, &views.comments] {
        for (number, line) in view.lines().enumerate() {
            for word in line.split(|c: char| !c.is_ascii_alphabetic()) {
                if REFUSED.iter().any(|refused| word.eq_ignore_ascii_case(refused)) {
                    let place = format!("{path}:{}", number + 1);
                    let rule =
                        format!("`{word}`: write plain technical English, which names who or what does it");
                    breaches.push(Breach::new(place, rule));
                }
            }
        }
    }
}

/// The crate that a path belongs to.
fn room(path: &str) -> &str {
    match path.split('/').collect::<Vec<_>>().as_slice() {
        ["apps", "server", ..] => "rustok-server",
        ["crates", name, ..] | [name, ..] => name,
        [] => "",
    }
}

/// Adds a breach for each line of `view` that holds `word` by itself.
fn find(path: &str, view: &str, word: &str, why: &str, breaches: &mut Vec<Breach>) {
    let part_of_name = |c: char| c.is_alphanumeric() || c == '_';
    for (number, line) in view.lines().enumerate() {
        let alone = line.match_indices(word).any(|(at, _)| {
            let whole_start = !word.starts_with(part_of_name) || !line[..at].ends_with(part_of_name);
            let whole_end =
                !word.ends_with(part_of_name) || !line[at + word.len()..].starts_with(part_of_name);
            whole_start && whole_end
        });
        if alone {
            breaches.push(Breach::new(
                format!("{path}:{}", number + 1),
                format!("`{}`: {why}", word.trim()),
            ));
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const SERVER: &str = "apps/server/src/router.rs";
    const DOMAIN_FILE: &str = "crates/rustok-commerce/src/order.rs";
    const STORAGE: &str = "crates/rustok-storage/src/orders.rs";
    const SEAM: &str = "crates/rustok-db/src/postgres.rs";

    /// The violations in a file with a valid first line, one per line.
    fn message(path: &str, body: &str) -> String {
        check(path, &format!("//! Doc.\n{body}\n"))
            .iter()
            .map(|b| format!("{b}\n"))
            .collect()
    }

    #[test]
    fn clean_code_passes_whatever_its_comments_say() {
        assert_eq!(
            message(
                SERVER,
                "// axum::Router answers SELECT ; see rusqlite::Row\nuse axum::Router;"
            ),
            ""
        );
        assert_eq!(
            message(
                DOMAIN_FILE,
                "/// `todo!()` and `#[allow(x)]` are refused.\nfn my_todo() {}"
            ),
            ""
        );
    }

    #[test]
    fn size_opening_and_name_are_checked() {
        assert!(message(SERVER, &"\n".repeat(800)).contains("800 is the limit"));
        assert_eq!(message(SERVER, &"\n".repeat(798)), "");
        assert!(check(SERVER, "use x;\n")[0].message.contains("must open with"));
        assert_eq!(check(SERVER, "#![doc = include_str!(\"README.md\")]\n"), []);
        assert_eq!(
            check("crates/rustok-commerce/tests/ui/ship.rs", "fn main() {}\n"),
            []
        );
        assert!(message("crates/rustok-app/src/utils.rs", "").contains("says nothing"));
        assert!(message("crates/rustok-app/src/common/orders.rs", "").contains("says nothing"));
    }

    #[test]
    fn leftovers_are_told_with_their_line_in_tests_too() {
        let source = "#[cfg(test)]\nmod tests {\n    fn a() { todo!() }\n}";
        assert!(message(SERVER, source).starts_with("apps/server/src/router.rs:4: `todo!`"));
        assert!(message(SERVER, "fn a() { unimplemented!(\"x\") }").contains("unimplemented!"));
        assert!(message(SERVER, "// FIXME later").contains("FIXME"));
        assert!(message(SERVER, "/* XXX */").contains("XXX"));
        assert!(message(SERVER, "#[allow(dead_code)]\nfn a() {}").contains("#[expect("));
        assert!(message(SERVER, "#![allow(dead_code)]").contains("#[expect("));
        assert_eq!(message(SERVER, "let code = \"XXX\"; // template.XXXXXX"), "");
    }

    #[test]
    fn refused_words_are_found_in_comments_and_names() {
        assert!(message(SERVER, "/// Whoever asks.").contains(":2: `Whoever`"));
        assert!(message(SERVER, "fn is_told() {}").contains("`told`"));
        assert!(message(SERVER, "struct Told;").contains("`Told`"));
        assert_eq!(message(SERVER, "f(\"changed by somebody else\"); // untold"), "");
        assert_eq!(message("apps/server/tests/it/leaks.rs", "fn is_told() {}"), "");
    }

    #[test]
    fn sql_lives_in_storage_and_tests_only() {
        let query = "const Q: &str = r\"SELECT 1\";";
        assert!(message(SERVER, query).contains(":2: `SELECT`: SQL belongs to rustok-storage"));
        assert!(
            message(
                "crates/rustok-app/src/orders/ship.rs",
                "f(\"x\\\n  INSERT INTO y\")"
            )
            .contains(":3: `INSERT INTO`")
        );
        assert_eq!(message(STORAGE, query), "");
        assert_eq!(
            message(SERVER, &format!("#[cfg(test)]\nmod tests {{\n{query}\n}}")),
            ""
        );
        assert_eq!(message("apps/server/tests/it/leaks.rs", query), "");
    }

    #[test]
    fn the_seam_names_no_table() {
        let tables = tables_in(
            "-- x\nCREATE PLATFORM TABLE tenants (\n    id uuid,\nCREATE TENANT VIEW own_tenant (id) OF tenants;\nCREATE INDEX a ON b (c);\n",
        );
        assert_eq!(tables, ["tenants", "own_tenant"]);
        let check = |path, body: &str| check_seam(path, &format!("//! Doc.\n{body}\n"), &tables);
        let query = "f(\"SELECT 1 \\\n FROM tenants t\"); // of tenants";
        assert_eq!(check(SEAM, query)[0].place, format!("{SEAM}:3"));
        assert_eq!(
            check(
                SEAM,
                "f(\"SELECT 1 FROM tenants_of\"); let tenants = 1; // tenants"
            ),
            []
        );
        assert_eq!(check(STORAGE, query), []);
        assert_eq!(check("crates/rustok-db/src/tests/seam.rs", query), []);
        let in_tests = format!("#[cfg(test)]\nmod tests {{\n{query}\n}}");
        assert_eq!(check(SEAM, &in_tests), []);
        assert_eq!(message(SEAM, "f(\"SELECT 1 FROM pg_class\")"), "");
    }

    #[test]
    fn only_the_storage_sends_statements() {
        let sent = "tx\n    .db\n    .fetch(a)";
        assert!(message("crates/rustok-app/src/orders/ship.rs", sent).contains(":3: `.db`"));
        assert_eq!(message(STORAGE, sent), "");
        assert_eq!(message(SERVER, "self.dbs.len(); f(\"x.db\")"), "");
    }

    #[test]
    fn drivers_and_http_are_named_in_their_rooms_only() {
        assert!(message(SERVER, "use rusqlite::Connection;").contains("belongs to rustok-db"));
        assert!(message(STORAGE, "use tokio_postgres::Row;").contains("belongs to rustok-db"));
        assert!(
            message("crates/rustok-app/src/context.rs", "fn a(x: axum::Router) {}")
                .contains("belongs to rustok-http, rustok-api, rustok-pages, rustok-server")
        );
        assert!(
            message("crates/rustok-telemetry/src/http.rs", "use tower_http::trace;").contains("rustok-http")
        );
        assert_eq!(
            message(SEAM, "use rusqlite::Connection; use tokio_postgres::Row;"),
            ""
        );
    }

    #[test]
    fn domain_crates_touch_nothing_outside() {
        assert!(message(DOMAIN_FILE, "let x = std::fs::read(y);").contains("pure"));
        assert!(
            message(
                DOMAIN_FILE,
                "use std::time::{Duration};\nlet n = SystemTime::now();"
            )
            .contains("pure")
        );
        assert_eq!(
            message("crates/rustok-storage/src/lock.rs", "let x = std::fs::read(y);"),
            ""
        );
    }

    #[test]
    fn routes_use_braces() {
        assert!(message(SERVER, "r.route(\"/orders/:id\", get(f))").contains("/{id}"));
        assert_eq!(
            message(
                SERVER,
                "r.route(\"/orders/{id}\", get(f)); let u = \"http://x/\";"
            ),
            ""
        );
    }
}
