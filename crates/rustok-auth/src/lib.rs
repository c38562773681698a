//! Authentication and authorisation: actors, roles, bearer tokens and the policy table.
//!
//! This crate is pure: no token lookup, no clock, no HTTP; randomness is a parameter.

pub mod actor;
pub mod error;
pub mod ids;
pub mod permission;
pub mod policy;
pub mod role;
pub mod token;

pub use actor::Actor;
pub use error::AuthError;
pub use permission::Action;
pub use policy::{allows, authorize};
pub use role::Role;
pub use token::{SecretKind, TokenHash, TokenParseError, TokenSecret};
