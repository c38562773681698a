//! Which tenant a request is for: what it names is read, looked up and put into the request. No silent default.
//!
//! It must never look anything up for a request that names its tenant wrongly: rubbish costs no query.

pub(crate) mod client;
mod named;
mod proxies;

pub use named::check_host_lines;

use crate::middleware::cors::allow_origin;
use crate::state::AppState;
use axum::extract::{Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use named::Named;
use rustok_core::error::RichError;
use rustok_telemetry::RootSpan;
use rustok_tenancy::{Tenant, TenantError};
use std::sync::Arc;

/// Puts the tenant into the request, or answers why there is none.
pub async fn resolve_tenant(State(state): State<AppState>, request: Request, next: Next) -> Response {
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

async fn resolve(state: &AppState, parts: &Parts) -> Result<Arc<Tenant>, RichError> {
    let trusted = client::is_proxy(&state.config().trusted_proxies, &parts.extensions);
    let named = Named::read(&state.services().validator, parts, trusted)?;
    let client = client::address(&state.config().trusted_proxies, &parts.extensions, &parts.headers);
    let by_host = match &named.by_host {
        Some(host) => state.tenants().get_or_fetch_for(client, host).await,
        None => Err(TenantError::NotFound),
    };
    let by_header = match &named.by_header {
        Some(header) => Some(state.tenants().get_or_fetch_for(client, header).await),
        None => None,
    };
    Ok(agreed(by_host, by_header)?)
}

type Found = Result<Arc<Tenant>, TenantError>;

/// The one tenant that all names of a request lead to, if it is served.
fn agreed(by_host: Found, by_header: Option<Found>) -> Found {
    let tenant = match by_header {
        None => by_host?,
        Some(by_header) => {
            let by_header = by_header?;
            match by_host {
                Ok(tenant) if tenant.id != by_header.id => return Err(TenantError::IdentifierMismatch),
                // A proxy may call this server by a name of its own, which is no tenant's.
                Ok(_) | Err(TenantError::NotFound) => by_header,
                Err(error) => return Err(error),
            }
        }
    };
    tenant.ensure_active()?;
    Ok(tenant)
}

#[cfg(test)]
mod tests;
