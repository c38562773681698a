//! Cost of errors: creation, context, conversion to a response, formatting; and the cost of the path without an
//! error.
//!
//! `error::cost_tests` counts the allocations of the same calls, because a counting allocator would distort the
//! timings here.

use crate::measure::{Calls, Subject, table};
use rustok_core::error::{ErrorContext, ErrorKind, RichError};
use std::hint::black_box;
use std::io;

const CALLS: u64 = 200_000;

/// Upper limit for creation with two layers of context, in nanoseconds.
const BAR_NS: f64 = 1000.0;

/// Runs the measurements and prints the table.
pub(crate) fn run() {
    let subjects = [
        subject("new", not_found),
        subject("new, 2 layers of context", layered),
        subject("new, 2 layers of a Result", layered_result),
        subject("new, 1 layer, 1 formatted layer", || {
            let id = black_box(7_u64);
            not_found()
                .context("load")
                .with_context(|| format!("ship order {id}"))
        }),
        subject("new, 2 layers, a source", || {
            layered().with_source(io::Error::from(io::ErrorKind::TimedOut))
        }),
        subject("new, 2 layers, a field", || layered().with_field("order_id", "7")),
        subject("new, code, public text", public),
        subject("new, code, public text, to_response", || public().to_response()),
        subject("new, code, public text, to_response, to_json", || {
            public().to_response().to_json()
        }),
        subject("new, 2 layers, Display", || layered().to_string()),
        subject("new, 2 layers, Debug", || format!("{:?}", layered())),
        subject("Ok, no context", || passed(7)),
        subject("Ok, context", || passed(7).context("load")),
        subject("Ok, context, with_context, with_field", || {
            passed(7)
                .context("load")
                .with_context(|| format!("ship order {}", black_box(7)))
                .with_field("order_id", "")
        }),
    ];
    let costs = table("Errors: made and dropped", &subjects);
    println!(
        "new, 2 layers of context: {:.0} ns (minimum), {:.0} ns (median); bar {BAR_NS:.0} ns",
        costs[1].minimum, costs[1].median
    );
}

/// A table row: calls that each create one value and drop it.
fn subject<T: 'static>(name: &'static str, make: fn() -> T) -> Subject<'static> {
    Subject::new(name, 1, CALLS, move || -> Calls {
        Box::new(move |calls| {
            for _ in 0..calls {
                drop(black_box(make()));
            }
        })
    })
}

fn not_found() -> RichError {
    RichError::new(ErrorKind::NotFound, "no row")
}

fn layered() -> RichError {
    not_found().context("load").context("ship order")
}

fn layered_result() -> Result<u64, RichError> {
    failed().context("load").context("ship order")
}

fn public() -> RichError {
    not_found()
        .with_code("order_not_found")
        .with_public("There is no such order.")
}

#[inline(never)]
fn failed() -> Result<u64, RichError> {
    Err(not_found())
}

#[inline(never)]
fn passed(value: u64) -> Result<u64, RichError> {
    Ok(black_box(value))
}
