//! `cargo run -p xtask -- tidy`: checks the workspace against its own rules (ARCHITECTURE.md, CONTRIBUTING.md).
//! `cargo run -p xtask -- ops`: generates rules, cases and dashboards under ops/; `ops --check` compares them.
//! `cargo run -p xtask -- schema`: generates the migrations of both databases; `tidy` compares them.
//!
//! Must never change a file except those it generates: under ops/, the migrations, or in a folder given as an argument.

use std::io::Write as _;
use std::process::ExitCode;

mod ops;
mod schema;
mod tidy;

fn main() -> ExitCode {
    let mut out = std::io::stderr().lock();
    let args: Vec<_> = std::env::args().skip(1).collect();
    let args: Vec<_> = args.iter().map(String::as_str).collect();
    let root = tidy::workspace_root();
    let message = match args.as_slice() {
        ["tidy"] => match tidy::check_workspace(&root) {
            Ok(breaches) if breaches.is_empty() => return ExitCode::SUCCESS,
            Ok(breaches) => breaches
                .iter()
                .try_for_each(|b| writeln!(out, "{b}"))
                .and_then(|()| writeln!(out, "tidy: {} breaches", breaches.len())),
            Err(error) => writeln!(out, "tidy: {error}"),
        },
        ["ops", args @ ..] => match ops::run(&root, args, &mut out) {
            Ok(true) => return ExitCode::SUCCESS,
            Ok(false) => Ok(()),
            Err(error) => writeln!(out, "ops: {error}"),
        },
        ["schema"] | ["schema", "--land"] => match schema::run(&root, args.len() > 1, &mut out) {
            Ok(true) => return ExitCode::SUCCESS,
            Ok(false) => Ok(()),
            Err(error) => writeln!(out, "schema: {error}"),
        },
        _ => {
            let _ = writeln!(
                out,
                "usage: cargo run -p xtask -- tidy | schema [--land] | ops [--check | mutants | rules FOLDER SHRINK]"
            );
            return ExitCode::from(2);
        }
    };
    let _ = message; // a closed pipe does not change the result
    ExitCode::FAILURE
}
