//! Use cases: authorise, open a transaction, apply the domain logic, store the response, commit.
//!
//! Every function takes a [`Ctx`] (or a [`PlatformCtx`] for the tenant directory) first, then values, and returns
//! values. This crate contains neither SQL nor HTTP.

pub mod catalog;
pub mod content;
mod context;
pub mod counts;
pub mod customers;
pub mod deliveries;
mod heavy;
pub mod home;
mod idempotency;
pub mod import;
pub mod jobs;
pub mod mail;
mod numbers;
pub mod orders;
pub mod people;
pub mod precondition;
pub mod secrets;
pub mod tenants;
mod work;

pub use context::{Ctx, PlatformCtx, Services, UseCase};
pub use idempotency::Idempotency;
pub use precondition::{Precondition, Saved, Target};
/// The database in [`Services`], under a name for crates that may not depend on the storage crate.
pub use rustok_storage::Store;
pub use work::{Done, IdempotencyKey, REPLY_KEPT, Render, StoredReply};
