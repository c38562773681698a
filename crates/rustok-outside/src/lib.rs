//! What the use cases ask of other services, in the protocols of those.
//!
//! Each service is called through a [`rustok_core::resilience::Dependency`]: a breaker, a time limit, and retries that have a
//! budget. Must never be called while a transaction is open, and never shows a credential.

pub mod smtp;

pub use smtp::{Smtp, SmtpError, SmtpSettings};
