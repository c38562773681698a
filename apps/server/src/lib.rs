//! The program: configuration, the wiring of the surfaces, the background workers, metrics, and the command line.

pub mod cli;
pub mod config;
pub mod demo;
pub mod health;
pub mod metrics;
pub mod middleware;
pub mod router;
pub mod state;
pub mod worker;
