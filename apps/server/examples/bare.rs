//! One static route on axum and nothing else: what `bench/measure.sh` puts beside the server's own static route, in the
//! same minute, so that the difference is what our layers cost. For `bench/telemetry.sh` it is a collector besides, which
//! takes traces and forgets them.
//!
//!   cargo run --release -p rustok-server --example bare -- 127.0.0.1:18082
#![expect(clippy::print_stderr, reason = "a program that says how it is called")]

use axum::Router;
use axum::body::Bytes;
use axum::routing::{get, post};
use std::error::Error;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some(address) = std::env::args().nth(1) else {
        eprintln!("bare ADDRESS");
        std::process::exit(2);
    };
    let router = Router::new()
        .route("/livez", get(async || "ok\n"))
        .route("/v1/traces", post(async |_: Bytes| {}));
    axum::serve(TcpListener::bind(address).await?, router).await?;
    Ok(())
}
