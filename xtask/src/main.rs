//! `cargo run -p xtask -- tidy`: checks the workspace against its own rules (ARCHITECTURE.md, CONTRIBUTING.md).
//!
//! Must never change a file: it only reads and tells.

use std::io::Write as _;
use std::process::ExitCode;

mod tidy;

fn main() -> ExitCode {
    let mut out = std::io::stderr().lock();
    let told = match std::env::args().nth(1).as_deref() {
        Some("tidy") => match tidy::check_workspace(&tidy::workspace_root()) {
            Ok(breaches) if breaches.is_empty() => return ExitCode::SUCCESS,
            Ok(breaches) => breaches
                .iter()
                .try_for_each(|b| writeln!(out, "{b}"))
                .and_then(|()| writeln!(out, "tidy: {} breaches", breaches.len())),
            Err(error) => writeln!(out, "tidy: {error}"),
        },
        _ => {
            let _ = writeln!(out, "usage: cargo run -p xtask -- tidy");
            return ExitCode::from(2);
        }
    };
    let _ = told; // a closed pipe changes nothing about the verdict
    ExitCode::FAILURE
}
