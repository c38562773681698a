//! Tenant resolution: reads the tenant's identifiers in a request, looks the tenant up, and adds it to the request.
//! There is no default tenant.
//!
//! It must never look anything up for a request with a malformed identifier: garbage costs no query.

mod named;

pub use named::check_host_lines;

use crate::middleware::client;
use crate::middleware::cors::allow_origin;
use crate::state::HttpState;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use named::Named;
use rustok_core::error::RichError;
use rustok_telemetry::RootSpan;
use rustok_tenancy::{Tenant, TenantError};
use std::sync::Arc;

/// Adds the tenant to the request, or responds with the reason why there is none.
pub async fn resolve_tenant(State(state): State<HttpState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match resolve(&state, &parts).await {
        Ok(tenant) => {
            if let Some(root) = RootSpan::current() {
                root.set_tenant(tenant.id.as_uuid());
            }
            parts.extensions.insert(tenant);
            allow_origin(Request::from_parts(parts, body), next).await
        }
        Err(error) => error.into_response(),
    }
}

async fn resolve(state: &HttpState, parts: &Parts) -> Result<Arc<Tenant>, RichError> {
    let trusted = client::is_proxy(&state.settings().trusted_proxies, &parts.extensions);
    let named = Named::read(&state.services().validator, parts, trusted)?;
    let client = client::address(
        &state.settings().trusted_proxies,
        &parts.extensions,
        &parts.headers,
    );
    let by_host = match &named.by_host {
        Some(host) => state.tenants().get_or_fetch_for(client, host).await,
        None => Err(TenantError::NotFound),
    };
    let mut others = Vec::new();
    if let Some(header) = &named.by_header {
        others.push((
            Voice::Header,
            state.tenants().get_or_fetch_for(client, header).await,
        ));
    }
    if let Some(target) = &named.by_target {
        others.push((
            Voice::Target,
            state.tenants().get_or_fetch_for(client, target).await,
        ));
    }
    Ok(agreed(by_host, others)?)
}

/// What identifies a tenant in addition to the effective host.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Voice {
    /// `X-Tenant-ID`: it must resolve to a tenant.
    Header,
    /// `Host`, overridden by `X-Forwarded-Host`: it may resolve to none, since a proxy may use its own name for this
    /// server.
    Target,
}

type Found = Result<Arc<Tenant>, TenantError>;

/// The one tenant that all identifiers of a request resolve to, if it is active.
fn agreed(by_host: Found, others: Vec<(Voice, Found)>) -> Found {
    let by_header = others.iter().any(|(voice, _)| *voice == Voice::Header);
    let mut tenant = match by_host {
        // A proxy may use its own name for this server, which resolves to no tenant.
        Err(TenantError::NotFound) if by_header => None,
        found => Some(found?),
    };
    for (voice, found) in others {
        match (found, &tenant) {
            (Ok(other), Some(tenant)) if tenant.id != other.id => {
                return Err(TenantError::IdentifierMismatch);
            }
            (Ok(other), _) => tenant = Some(other),
            (Err(TenantError::NotFound), _) if voice == Voice::Target => {}
            (Err(error), _) => return Err(error),
        }
    }
    let tenant = tenant.ok_or(TenantError::NotFound)?;
    tenant.ensure_active()?;
    Ok(tenant)
}

#[cfg(test)]
mod tests;
