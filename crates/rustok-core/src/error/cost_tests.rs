//! Counts the allocations of errors. Print the table:
//! `cargo test -p rustok-core what_errors_allocate -- --nocapture`.

use super::*;
use crate::ids::TenantId;
use allocation_counter::measure;
use std::hint::black_box;
use std::io;
use uuid::Uuid;

fn not_found() -> RichError {
    RichError::new(ErrorKind::NotFound, "no row")
}

fn layered() -> RichError {
    not_found().context("load").context("ship order")
}

fn passed() -> Result<u64, RichError> {
    black_box(Ok(7))
}

/// Name, constructor, and the maximum number of allocations.
type Row = (&'static str, fn(), u64);

const TABLE: [Row; 12] = [
    ("new", || drop(black_box(not_found())), 1),
    (
        "new, formatted text",
        || {
            drop(black_box(RichError::new(
                ErrorKind::NotFound,
                format!("no row {}", black_box(7)),
            )));
        },
        2,
    ),
    (
        "new, code, public text, retry after",
        || {
            drop(black_box(
                not_found()
                    .with_code("order_not_found")
                    .with_public("There is no such order.")
                    .with_retry_after(std::time::Duration::from_secs(1)),
            ));
        },
        1,
    ),
    ("new, two layers of context", || drop(black_box(layered())), 2),
    (
        "new, four layers of context",
        || drop(black_box(layered().context("work").context("request"))),
        2,
    ),
    (
        "new, two layers, a source without a text of its own",
        || {
            drop(black_box(
                layered().with_source(io::Error::from(io::ErrorKind::TimedOut)),
            ));
        },
        3,
    ),
    (
        "new, a layer, a formatted layer",
        || {
            drop(black_box(
                not_found()
                    .context("load")
                    .with_context(|| format!("ship {}", black_box(7))),
            ));
        },
        3,
    ),
    (
        "new, a field of two digits",
        || drop(black_box(not_found().with_field("id", 42.to_string()))),
        4,
    ),
    (
        "new, a tenant",
        || {
            drop(black_box(
                not_found().with_tenant(TenantId::from_uuid(Uuid::nil())),
            ))
        },
        2,
    ),
    (
        "Ok through context, with_context, with_field, with_tenant, with_trace",
        || {
            let kept = passed()
                .context("load")
                .with_context(|| format!("ship {}", black_box(7)))
                .with_field("id", "")
                .with_tenant(TenantId::from_uuid(Uuid::nil()))
                .with_trace("");
            assert_eq!(kept.ok(), Some(7));
        },
        0,
    ),
    (
        "new, two layers, to_response",
        || drop(black_box(layered().to_response())),
        3,
    ),
    (
        "new, two layers, into a response",
        || drop(black_box(ErrorResponse::from(layered()))),
        3,
    ),
];

#[test]
fn what_errors_allocate() {
    for (what, make, most) in TABLE {
        make();
        let count = measure(make).count_total;
        println!("| {what} | {count} |");
        assert!(count <= most, "{what}: {count} allocations, {most} are allowed");
    }
}

/// The limit: created and given two layers of context, not formatted.
#[test]
fn two_layers_of_context_take_at_most_three_allocations() {
    let counted = measure(|| drop(black_box(layered())));
    assert!(counted.count_total <= 3, "{counted:?}");
    assert!(counted.bytes_total <= 512, "{counted:?}");
}
