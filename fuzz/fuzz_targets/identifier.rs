//! Any text as the name of a tenant: no panic, and the laws that `cargo test -p rustok-tenancy` checks on its seeds.
//!
//! Two texts may come in one input, apart by a line feed: they must be one key exactly when they are one name.
#![no_main]

#[path = "../../crates/rustok-tenancy/tests/it/laws.rs"]
mod laws;

use libfuzzer_sys::fuzz_target;

fuzz_target!(|raw: &str| {
    laws::check(raw);
    if let Some((one, other)) = raw.split_once('\n') {
        laws::check(one);
        laws::check(other);
        laws::check_pair(one, other);
    }
});
