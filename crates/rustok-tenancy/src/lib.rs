//! Tenants: what names one in a request, what one is, and what can go wrong on the way to it.
//!
//! Pure rules only. Nothing here asks a database, reads a clock or knows HTTP; ids and times come as parameters.
//! A key that reaches the tenant cache or the directory is built by [`TenantIdentifierValidator`] and by nothing else.

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
