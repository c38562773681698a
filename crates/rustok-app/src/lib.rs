//! Use cases: authorise, open a transaction, apply the domain logic, store the response, commit.
//!
//! Every function takes a [`Ctx`] (or a [`PlatformCtx`] for the tenant directory) first. This crate contains neither
//! SQL nor HTTP.

pub mod catalog;
pub mod content;
mod context;
pub mod counts;
mod heavy;
mod idempotency;
pub mod import;
mod numbers;
pub mod orders;
pub mod tenants;
pub mod work;

pub use context::{Ctx, PlatformCtx, Services, UseCase};
pub use idempotency::Idempotency;
pub use work::{Begun, Reply, Work};
