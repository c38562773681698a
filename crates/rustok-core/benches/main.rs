//! Benchmarks of `rustok-core`: `cargo bench -p rustok-core [-- breaker|errors]`; `bench/breaker.sh` adds instructions
//! and locked operations, for which `count NAME CALLS` makes the calls of one row and `count` lists the rows.
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
    if let [count, rest @ ..] = wanted.as_slice()
        && count == "count"
    {
        return count_calls(rest);
    }
    for (name, run) in SECTIONS {
        if wanted.is_empty() || wanted.iter().any(|wanted| wanted == name) {
            run();
        }
    }
}

/// Makes the calls of one row of the breaker's table, or lists their names.
fn count_calls(args: &[String]) {
    let subjects = breaker::subjects();
    match args {
        [name, calls] => {
            let calls = calls.parse().expect("a number of calls");
            let subject = subjects.iter().find(|subject| subject.is(name, 1));
            subject.expect("a row of that name").make_calls(calls);
        }
        _ => subjects
            .iter()
            .filter_map(measure::Subject::name_alone)
            .for_each(|name| println!("{name}")),
    }
}
