//! The only crate that knows HTTP: the server, its background workers, and the command line.

pub mod api;
pub mod cli;
pub mod config;
pub mod demo;
pub mod extract;
pub mod health;
pub mod imports;
pub mod layers;
pub mod limits;
pub mod metrics;
pub mod middleware;
pub mod openapi;
pub mod pages;
pub mod problem;
pub mod reply;
pub mod router;
pub mod serve;
pub mod state;
pub mod worker;
