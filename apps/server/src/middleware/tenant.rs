//! Which tenant a request is for: its authority decides, and a header only behind a trusted proxy. No silent default.

use crate::state::AppState;
use axum::extract::{ConnectInfo, Request, State};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use http::request::Parts;
use http::{HeaderMap, HeaderName, header};
use rustok_core::error::{ErrorKind, RichError};
use rustok_tenancy::{Tenant, TenantError, TenantIdentifier, TenantIdentifierValidator};
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;

const X_FORWARDED_HOST: HeaderName = HeaderName::from_static("x-forwarded-host");
const X_TENANT_ID: HeaderName = HeaderName::from_static("x-tenant-id");

/// Puts the tenant into the request, or answers why there is none.
pub async fn resolve_tenant(State(state): State<AppState>, request: Request, next: Next) -> Response {
    let (mut parts, body) = request.into_parts();
    match resolve(&state, &parts).await {
        Ok(tenant) => {
            parts.extensions.insert(tenant);
            next.run(Request::from_parts(parts, body)).await
        }
        Err(error) => error.into_response(),
    }
}

async fn resolve(state: &AppState, parts: &Parts) -> Result<Arc<Tenant>, RichError> {
    let peer = parts
        .extensions
        .get::<ConnectInfo<SocketAddr>>()
        .map(|info| info.0.ip());
    let trusted = peer.is_some_and(|peer| is_trusted(state, peer));
    let named = identify(&state.services().validator, parts, trusted)?;
    let tenant = state.tenants().get_or_fetch(&named.by_host).await;
    let tenant = match named.by_header {
        None => tenant?,
        Some(header) => {
            let by_header = state.tenants().get_or_fetch(&header).await?;
            match tenant {
                Ok(tenant) if tenant.id != by_header.id => return Err(TenantError::IdentifierMismatch.into()),
                Ok(_) | Err(TenantError::NotFound) => by_header,
                Err(error) => return Err(error.into()),
            }
        }
    };
    tenant.ensure_active()?;
    Ok(tenant)
}

fn is_trusted(state: &AppState, peer: IpAddr) -> bool {
    let peer = peer.to_canonical();
    state
        .config()
        .trusted_proxies
        .iter()
        .any(|network| network.contains(&peer))
}

struct Named {
    by_host: TenantIdentifier,
    by_header: Option<TenantIdentifier>,
}

fn identify(validator: &TenantIdentifierValidator, parts: &Parts, trusted: bool) -> Result<Named, RichError> {
    let host = match parts.uri.authority() {
        // An absolute-form target, or HTTP/2: its authority decides, not Host (RFC 9112, 3.2.2).
        Some(authority) => authority.as_str(),
        None => single(&parts.headers, &header::HOST)?.ok_or_else(|| bad_host("the request has no Host"))?,
    };
    let forwarded = if trusted {
        single(&parts.headers, &X_FORWARDED_HOST)?
    } else {
        None
    };
    let named = if trusted {
        single(&parts.headers, &X_TENANT_ID)?
    } else {
        None
    };
    let by_host = validator
        .from_host_header(forwarded.unwrap_or(host))
        .map_err(TenantError::from)?;
    let by_header = named
        .map(|name| validator.slug_or_id(name))
        .transpose()
        .map_err(TenantError::from)?;
    Ok(Named { by_host, by_header })
}

/// The value of a header that may stand once only.
fn single<'a>(headers: &'a HeaderMap, name: &HeaderName) -> Result<Option<&'a str>, RichError> {
    let mut values = headers.get_all(name).iter();
    let first = values.next();
    if values.next().is_some() {
        return Err(bad_host("a header that names the host stands twice"));
    }
    first
        .map(|value| {
            value
                .to_str()
                .map_err(|_| bad_host("a header that names the host is not ASCII"))
        })
        .transpose()
}

fn bad_host(what: &'static str) -> RichError {
    RichError::new(ErrorKind::Validation, what)
        .with_status(400)
        .with_code("invalid_tenant_identifier")
        .with_public("The request must name its host exactly once.")
}

#[cfg(test)]
mod tests {
    use super::*;
    use http::Request as HttpRequest;

    fn named(request: http::request::Builder, trusted: bool) -> Result<Named, u16> {
        let validator = TenantIdentifierValidator::new("shops.example").unwrap();
        let (parts, ()) = request.body(()).unwrap().into_parts();
        identify(&validator, &parts, trusted).map_err(|error| error.status())
    }

    #[test]
    fn headers_of_strangers_are_not_believed() {
        let request = || {
            HttpRequest::get("/")
                .header("host", "one.shops.example")
                .header("x-forwarded-host", "two.shops.example")
                .header("x-tenant-id", "three")
        };
        let stranger = named(request(), false).unwrap();
        assert_eq!(
            (stranger.by_host.to_string(), stranger.by_header),
            ("slug:one".to_owned(), None)
        );
        let proxy = named(request(), true).unwrap();
        assert_eq!(proxy.by_host.to_string(), "slug:two");
        assert_eq!(proxy.by_header.unwrap().to_string(), "slug:three");
    }

    #[test]
    fn the_authority_of_an_absolute_target_decides() {
        let request = HttpRequest::get("http://two.shops.example/").header("host", "one.shops.example");
        assert_eq!(named(request, false).unwrap().by_host.to_string(), "slug:two");
    }

    #[test]
    fn a_host_must_stand_exactly_once() {
        assert_eq!(named(HttpRequest::get("/"), false).err(), Some(400));
        let twice = HttpRequest::get("/")
            .header("host", "a.example")
            .header("host", "b.example");
        assert_eq!(named(twice, false).err(), Some(400));
    }
}
