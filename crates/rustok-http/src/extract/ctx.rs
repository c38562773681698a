//! The only way to a use case's context: a resolved tenant, and an actor *of this tenant*.

use crate::middleware::client;
use crate::session;
use crate::state::HttpState;
use axum::extract::{FromRef, FromRequestParts};
use http::header;
use http::request::Parts;
use rustok_app::{Ctx, PlatformCtx, UseCase, tenants};
use rustok_auth::{Actor, AuthError, TokenSecret};
use rustok_core::deadline::Deadline;
use rustok_core::error::{ErrorKind, RichError};
use rustok_telemetry::RootSpan;
use rustok_tenancy::Tenant;
use std::net::IpAddr;
use std::sync::Arc;

/// A storefront request: no token is required, and none is read.
#[derive(Debug)]
pub struct StoreCtx(pub Ctx);

/// A request authenticated by a token of this tenant, or by the session of one of its members.
#[derive(Debug)]
pub struct AdminCtx(pub Ctx);

/// A request authenticated by a platform token.
#[derive(Debug)]
pub struct PlatformAccess(pub PlatformCtx);

impl<S> FromRequestParts<S> for StoreCtx
where
    HttpState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = RichError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RichError> {
        let http = HttpState::from_ref(state);
        Ok(Self(context(parts, &http, Actor::Anonymous)?))
    }
}

impl<S> FromRequestParts<S> for AdminCtx
where
    HttpState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = RichError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RichError> {
        let http = HttpState::from_ref(state);
        let secret = find_bearer(parts)?;
        let mut ctx = context(parts, &http, Actor::Anonymous)?;
        match secret {
            Some(secret) => {
                ctx.actor =
                    tenants::authenticate(http.services(), &ctx.tenant, &secret, ctx.deadline).await?;
            }
            None => {
                let session = session::authenticate(parts, &http, &ctx).await?;
                ctx.actor = session.actor;
                ctx.lacks_second_factor = session.lacks_second_factor;
            }
        }
        Ok(Self(ctx))
    }
}

impl<S> FromRequestParts<S> for PlatformAccess
where
    HttpState: FromRef<S>,
    S: Send + Sync,
{
    type Rejection = RichError;

    async fn from_request_parts(parts: &mut Parts, state: &S) -> Result<Self, RichError> {
        let http = HttpState::from_ref(state);
        let secret = find_bearer(parts)?.ok_or(AuthError::Unauthenticated)?;
        let deadline = deadline(parts);
        let actor = tenants::authenticate_platform(http.services(), &secret, deadline).await?;
        Ok(Self(PlatformCtx {
            services: Arc::clone(http.services()),
            actor,
            deadline,
            use_case: UseCase::default(),
        }))
    }
}

pub(crate) fn context(parts: &Parts, http: &HttpState, actor: Actor) -> Result<Ctx, RichError> {
    let tenant = parts.extensions.get::<Arc<Tenant>>();
    let tenant =
        tenant.ok_or_else(|| RichError::new(ErrorKind::Internal, "a tenant route without a tenant"))?;
    Ok(Ctx {
        services: Arc::clone(http.services()),
        tenant: Arc::clone(tenant),
        actor,
        deadline: deadline(parts),
        // Recorded in events; safe methods create none.
        traceparent: (!parts.method.is_safe())
            .then(RootSpan::current)
            .flatten()
            .map(|root| root.context().to_string()),
        // Used by limits on orders; safe methods place none.
        network: (!parts.method.is_safe()).then(|| network(parts, http)).flatten(),
        use_case: UseCase::default(),
        origin: None,
        lacks_second_factor: false,
        sender: None,
    })
}

/// The network of the client's address; `None` if it is loopback or unknown.
fn network(parts: &Parts, http: &HttpState) -> Option<[u8; 16]> {
    let address = client::address(
        &http.settings().trusted_proxies,
        &parts.extensions,
        &parts.headers,
    )?;
    let network = match client::network(address) {
        IpAddr::V4(address) => address.to_ipv6_mapped(),
        IpAddr::V6(address) => address,
    };
    (!address.is_loopback()).then(|| network.octets())
}

fn deadline(parts: &Parts) -> Deadline {
    parts
        .extensions
        .get::<Deadline>()
        .copied()
        .unwrap_or(Deadline::never())
}

/// The bearer token; `None` if none is sent.
fn find_bearer(parts: &Parts) -> Result<Option<TokenSecret>, RichError> {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => TokenSecret::from_bearer(value.as_bytes())
            .map(Some)
            .map_err(|e| AuthError::Malformed(e).into()),
        (None, _) => Ok(None),
        _ => Err(AuthError::Unauthenticated.into()),
    }
}
