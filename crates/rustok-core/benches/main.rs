//! Benchmarks of `rustok-core`: `cargo bench -p rustok-core [-- breaker|errors]`.
//!
//! They print tables of CPU time per call, with the crates failsafe and recloser measured beside our breaker in the
//! same run, and the ratios that the guides quote.
#![expect(
    clippy::float_arithmetic,
    clippy::expect_used,
    clippy::print_stdout,
    reason = "a program that measures and prints"
)]

mod breaker;
mod errors;
mod measure;

type Section = (&'static str, fn());

const SECTIONS: [Section; 2] = [("breaker", breaker::run), ("errors", errors::run)];

fn main() {
    // Cargo passes `--bench`; the remaining arguments name the sections to run. Without any, all run.
    let wanted: Vec<String> = std::env::args()
        .skip(1)
        .filter(|arg| !arg.starts_with('-'))
        .collect();
    for (name, run) in SECTIONS {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            run();
        }
    }
}
