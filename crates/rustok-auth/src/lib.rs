//! Who acts, and what they may do: actors, roles, bearer tokens and the one policy table.
//!
//! Pure rules only: nothing here looks a token up, reads a clock or knows HTTP; randomness comes as a parameter.

pub mod actor;
pub mod error;
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
