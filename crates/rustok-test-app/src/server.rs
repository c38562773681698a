//! What tests speak to: the program in a process of its own, or its router in the test's process.

use crate::directory::{self, services_beside};
use rustok_app::Services;
use rustok_test_support::{ServerCommand, TestServer};
use std::sync::Arc;

/// Creates tenants and tokens beside the requests of a test.
pub trait Operator {
    /// Creates an active tenant whose name is its slug.
    fn create_tenant(&self, slug: &str) -> impl Future<Output = ()>;
    /// Issues a token of a tenant.
    fn issue_token(&self, slug: &str, role: &str) -> impl Future<Output = String>;
    /// Opens a session of a new member of a tenant; returns its secret.
    fn open_session(&self, slug: &str, role: &str) -> impl Future<Output = String>;
    /// Issues a platform token.
    fn issue_platform_token(&self) -> impl Future<Output = String>;
}

/// A running server.
pub trait Server: Operator {
    /// The URL of its public listener, without a trailing slash.
    fn url(&self) -> &str;
}

/// By the use cases of its command line, without a process for each.
impl Operator for ServerCommand {
    async fn create_tenant(&self, slug: &str) {
        directory::create_tenant(&services_of(self).await, slug).await;
    }

    async fn issue_token(&self, slug: &str, role: &str) -> String {
        directory::issue_token(&services_of(self).await, slug, role).await
    }

    async fn open_session(&self, slug: &str, role: &str) -> String {
        directory::open_session(&services_of(self).await, slug, role).await
    }

    async fn issue_platform_token(&self) -> String {
        directory::issue_platform_token(&services_of(self).await).await
    }
}

async fn services_of(command: &ServerCommand) -> Arc<Services> {
    services_beside(command.database_url().unwrap()).await
}

impl Operator for TestServer {
    async fn create_tenant(&self, slug: &str) {
        self.command().create_tenant(slug).await;
    }

    async fn issue_token(&self, slug: &str, role: &str) -> String {
        self.command().issue_token(slug, role).await
    }

    async fn open_session(&self, slug: &str, role: &str) -> String {
        self.command().open_session(slug, role).await
    }

    async fn issue_platform_token(&self) -> String {
        self.command().issue_platform_token().await
    }
}

impl Server for TestServer {
    fn url(&self) -> &str {
        Self::url(self)
    }
}

/// Creates a tenant and a token of the given role.
///
/// # Panics
/// When the tenant exists.
pub async fn tenant(operator: &impl Operator, slug: &str, role: &str) -> String {
    operator.create_tenant(slug).await;
    operator.issue_token(slug, role).await
}

/// Creates a token of the given role for a tenant.
///
/// # Panics
/// When there is no such tenant or role.
pub async fn token(operator: &impl Operator, slug: &str, role: &str) -> String {
    operator.issue_token(slug, role).await
}
