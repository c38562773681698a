//! The pages as browsers get them: over HTTP, on both databases, served by the test's own process.
//!
//! Each test but those of `forms` walks all routes of `../routes.txt`, which holds every route of the program: none can be forgotten. What needs
//! a browser is in `tests/browser` of the repository.
#![expect(
    clippy::unwrap_used,
    clippy::panic,
    reason = "a test that cannot go on has failed"
)]

mod attacks;
mod forms;
mod html;
mod roles;
mod routes;
mod second_factor;
mod site;
mod words;
