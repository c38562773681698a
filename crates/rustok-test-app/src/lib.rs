//! The server in the test's own process: the real router with all its layers on a real socket, over a database of the
//! test; and what tests over HTTP share: a shop, requests to it, and checks of its responses.
//!
//! For dev-dependencies only. It must never depend on the program: the tests of a surface link nothing above that
//! surface. What only a process has (signals, log, command line, memory, threads) is tested with
//! `rustok_test_support::ServerCommand`.
#![expect(
    clippy::panic,
    clippy::unwrap_used,
    reason = "a test that cannot be set up has failed"
)]

mod app;
mod checks;
mod directory;
mod server;
mod shop;
mod things;

pub use app::{Setup, TestApp, services};
pub use checks::{errors, header, is_marked, keyed_answer, ok, persist, printed, problem};
pub use directory::{beside, beside_at};
pub use server::{Operator, Server, tenant, token};
pub use shop::{Directory, Shop, platform_token};
pub use things::{all_orders, available, id, node, order_of, place, product, product_with};
