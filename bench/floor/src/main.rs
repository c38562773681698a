//! The floor that `bench/measure.sh` compares the server with, in the same minute: axum and rusqlite, and nothing of a
//! product between them. What the server costs more is the price of tenants, rights, limits and problems.
//!
//! - `GET /livez`: a static route.
//! - `GET /documents/{key}`: JSON that is ready in a row, found by its key.
//! - `GET /pages/{prefix}`: the JSON of 20 rows with keys from this prefix on, as a list.
//! - `POST /orders`: the statements that placing an order takes, with the commits of concurrent orders grouped.
//! - `PUT /documents/{key}` fills; `POST /v1/traces` takes traces and forgets them (for `bench/telemetry.sh`).
//!
//! Without a file only the routes without a database work. The file is a copy of a database that the server made, so both
//! programs write the same tables.
//!
//! ```text
//! cargo run --release -p rustok-floor -- 127.0.0.1:18082 [FILE]
//! ```
#![expect(clippy::print_stderr, reason = "a program that says how it is called")]

mod documents;
mod orders;

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use std::error::Error;
use std::path::Path;
use tokio::net::TcpListener;

// The server's allocator.
#[global_allocator]
static ALLOCATOR: mimalloc::MiMalloc = mimalloc::MiMalloc;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let mut args = std::env::args().skip(1);
    let Some(address) = args.next() else {
        eprintln!("rustok-floor ADDRESS [FILE]");
        std::process::exit(2);
    };
    let mut router = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/v1/traces", post(async |_: Bytes| {}));
    if let Some(file) = args.next() {
        let file = Path::new(&file);
        router = router
            .merge(documents::routes(file)?)
            .merge(orders::routes(file)?);
    }
    axum::serve(TcpListener::bind(address).await?, router).await?;
    Ok(())
}
