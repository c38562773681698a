//! Tenants: their identifiers in requests, their data, and the errors of resolving them.
//!
//! This crate is pure: no database, no clock, no HTTP; ids and times are parameters. Every key of the tenant cache
//! and of the directory is created by [`TenantIdentifierValidator`].

pub mod error;
pub mod host;
pub mod identifier;
pub mod settings;
pub mod slug;
pub mod tenant;

pub use error::{IdentifierError, TenantError};
pub use host::Hostname;
pub use identifier::{IdentifierView, TenantIdentifier, TenantIdentifierValidator};
pub use settings::TenantSettings;
pub use slug::TenantSlug;
pub use tenant::{NewTenant, NewTenantInput, Tenant, TenantEdit, TenantHandle, TenantStatus};
