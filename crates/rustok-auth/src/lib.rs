//! Authentication and authorisation: accounts of people, passwords, actors, roles, bearer tokens and the policy table.
//!
//! This crate is pure: no token lookup, no clock, no HTTP; randomness is a parameter.

pub mod account;
pub mod actor;
pub mod error;
pub mod ids;
pub mod password;
pub mod permission;
pub mod policy;
pub mod role;
pub mod scopes;
pub mod second_factor;
pub mod token;

pub use account::{Member, Person, Session};
pub use actor::{Actor, Principal};
pub use error::AuthError;
pub use password::{Password, PasswordError, PasswordHash};
pub use permission::Action;
pub use policy::{
    Permission, allows, authorize, covers, covers_token, permission, role_allows, role_covers, token_covers,
};
pub use role::Role;
pub use scopes::Scopes;
pub use token::{FormToken, SecretKind, TokenHash, TokenParseError, TokenSecret};
