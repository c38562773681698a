//! The `rustok` binary: everything is in the library, this only starts it.

use mimalloc::MiMalloc;
use std::process::ExitCode;

#[global_allocator]
static ALLOCATOR: MiMalloc = MiMalloc;

fn main() -> ExitCode {
    rustok_server::cli::run()
}
