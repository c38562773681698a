//! One static route on axum and nothing else: what `bench/measure.sh` puts beside the server's own static route, in the
//! same minute, so that the difference is what our layers cost.
//!
//!   cargo run --release -p rustok-server --example bare -- 127.0.0.1:18082
#![expect(clippy::print_stderr, reason = "a program that says how it is called")]

use axum::Router;
use axum::routing::get;
use std::error::Error;
use tokio::net::TcpListener;

#[tokio::main]
async fn main() -> Result<(), Box<dyn Error>> {
    let Some(address) = std::env::args().nth(1) else {
        eprintln!("bare ADDRESS");
        std::process::exit(2);
    };
    let router = Router::new().route("/livez", get(async || "ok\n"));
    axum::serve(TcpListener::bind(address).await?, router).await?;
    Ok(())
}
