//! The only way to a use case's context: a resolved tenant, and an actor *of this tenant*.

use crate::middleware::tenant::client;
use crate::state::AppState;
use axum::extract::FromRequestParts;
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

/// A request authenticated by a token of this tenant.
#[derive(Debug)]
pub struct AdminCtx(pub Ctx);

/// A request authenticated by a platform token.
#[derive(Debug)]
pub struct PlatformAccess(pub PlatformCtx);

impl FromRequestParts<AppState> for StoreCtx {
    type Rejection = RichError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, RichError> {
        Ok(Self(context(parts, state, Actor::Anonymous)?))
    }
}

impl FromRequestParts<AppState> for AdminCtx {
    type Rejection = RichError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, RichError> {
        let secret = bearer(parts)?;
        let mut ctx = context(parts, state, Actor::Anonymous)?;
        ctx.actor = tenants::authenticate(state.services(), &ctx.tenant, &secret, ctx.deadline).await?;
        Ok(Self(ctx))
    }
}

impl FromRequestParts<AppState> for PlatformAccess {
    type Rejection = RichError;

    async fn from_request_parts(parts: &mut Parts, state: &AppState) -> Result<Self, RichError> {
        let secret = bearer(parts)?;
        let deadline = deadline(parts);
        let actor = tenants::authenticate_platform(state.services(), &secret, deadline).await?;
        Ok(Self(PlatformCtx {
            services: Arc::clone(state.services()),
            actor,
            deadline,
            use_case: UseCase::default(),
        }))
    }
}

fn context(parts: &Parts, state: &AppState, actor: Actor) -> Result<Ctx, RichError> {
    let tenant = parts.extensions.get::<Arc<Tenant>>();
    let tenant =
        tenant.ok_or_else(|| RichError::new(ErrorKind::Internal, "a tenant route without a tenant"))?;
    Ok(Ctx {
        services: Arc::clone(state.services()),
        tenant: Arc::clone(tenant),
        actor,
        deadline: deadline(parts),
        // Recorded in events; safe methods create none.
        traceparent: (!parts.method.is_safe())
            .then(RootSpan::current)
            .flatten()
            .map(|root| root.context().to_string()),
        // Used by limits on orders; safe methods place none.
        network: (!parts.method.is_safe()).then(|| network(parts, state)).flatten(),
        use_case: UseCase::default(),
        sender: None,
    })
}

/// The network of the client's address; `None` if it is loopback or unknown.
fn network(parts: &Parts, state: &AppState) -> Option<[u8; 16]> {
    let address = client::address(&state.config().trusted_proxies, &parts.extensions, &parts.headers)?;
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

fn bearer(parts: &Parts) -> Result<TokenSecret, RichError> {
    let mut values = parts.headers.get_all(header::AUTHORIZATION).iter();
    match (values.next(), values.next()) {
        (Some(value), None) => {
            TokenSecret::from_bearer(value.as_bytes()).map_err(|e| AuthError::Malformed(e).into())
        }
        _ => Err(AuthError::Unauthenticated.into()),
    }
}
