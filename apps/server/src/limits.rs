//! How much is taken on: of everybody together ([`Gate`]) and of each client, token and tenant ([`Rate`]).
//!
//! Whatever a stranger does, the memory that is spent here has a bound, a refusal costs less than an answer, and no
//! refusal is a line of the log of its own.

mod buckets;
pub mod bytes;
pub mod connections;
mod gate;
mod rate;
mod refusals;

pub(crate) use gate::overloaded;
pub use gate::{Gate, GateNumbers};
pub use rate::{Admission, Rate, Refusal};
pub(crate) use refusals::Untold;

use crate::config::Config;
use crate::imports;
use crate::middleware::forwarded::FORWARDED;
use crate::middleware::tenant::client;
use axum::body::HttpBody as _;
use axum::extract::Request;
use bytes::{Budget, Share};
use connections::{Connections, Counted};
use http::header;
use rustok_tenancy::Tenant;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// All limits of the running server.
#[derive(Debug)]
pub struct Limits {
    address: Rate,
    token: Rate,
    tenant: Rate,
    requests: Gate,
    uploads: Gate,
    imports: Gate,
    /// Answers that their clients have not taken yet.
    pub answers: Arc<Budget>,
    /// Bodies that are received, until their requests are answered.
    pub bodies: Arc<Budget>,
    connections: Arc<Connections>,
    /// Whether a proxy that is not trusted was seen.
    untrusted_proxy: AtomicBool,
}

/// What one connection holds of the budgets; every request that comes over it has this.
#[derive(Debug, Clone)]
pub struct Shares {
    /// Of answers.
    pub answers: Arc<Share>,
    /// Of bodies.
    pub bodies: Arc<Share>,
}

/// The part of all connections that one address may have at most, whatever is set.
const ADDRESS_PART: usize = 4;

impl Limits {
    /// The limits as they are set.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let waiting = config.max_requests_waiting;
        let (requests, uploads) = config.places();
        Self {
            address: Rate::per_minute("address", config.rate_limit_address_per_minute),
            token: Rate::per_minute("token", config.rate_limit_token_per_minute),
            tenant: Rate::per_minute("tenant", config.rate_limit_tenant_per_minute),
            requests: Gate::new("requests", requests, waiting),
            uploads: Gate::new("uploads", uploads, waiting),
            imports: Gate::new("imports", config.max_import_uploads_in_flight, waiting),
            answers: Budget::new("answers", config.max_answer_bytes),
            bodies: Budget::new("bodies", config.max_received_bytes),
            connections: Connections::new(
                config
                    .max_connections_per_address
                    .min(config.max_connections / ADDRESS_PART),
            ),
            untrusted_proxy: AtomicBool::new(false),
        }
    }

    /// The shares of a new connection.
    #[must_use]
    pub fn shares(&self) -> Shares {
        Shares {
            answers: self.answers.share(),
            bodies: self.bodies.share(),
        }
    }

    /// Counts a connection for the address it comes from. Neither the loopback address nor proxies are limited: behind
    /// each of them may be many clients.
    #[must_use]
    pub fn admit_connection(&self, config: &Config, peer: IpAddr) -> Option<Counted> {
        if peer.to_canonical().is_loopback() || client::contains(&config.trusted_proxies, peer) {
            return Some(Counted::free());
        }
        self.connections.admit(peer)
    }

    /// Counts a request for the address it comes from. The loopback address is not limited: there is the operator, or a
    /// proxy that says nothing of its clients.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn admit_address(&self, config: &Config, request: &Request) -> Result<Admission, Refusal> {
        match client::address(&config.trusted_proxies, request.extensions(), request.headers()) {
            Some(address) if !address.is_loopback() => self.address.admit(client::network(address)),
            Some(_) => {
                self.look_for_proxy(request);
                Ok(Admission::default())
            }
            None => Ok(Admission::default()),
        }
    }

    /// Tells once when somebody on this machine passes on the requests of others and is not trusted to say whose.
    fn look_for_proxy(&self, request: &Request) {
        let names = [client::X_FORWARDED_FOR, FORWARDED];
        if names.iter().any(|name| request.headers().contains_key(name))
            && !self.untrusted_proxy.swap(true, Ordering::Relaxed)
        {
            tracing::warn!(
                "a proxy on this machine sends X-Forwarded-For or Forwarded but is not trusted, so all its clients count as one and no \
                 limit of addresses holds; set RUSTOK_TRUSTED_PROXIES=[127.0.0.1/32,::1/128] if it is yours"
            );
        }
    }

    /// Counts a request for the token it brings, whether or not it is a good one.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn admit_token(&self, request: &Request) -> Result<Admission, Refusal> {
        match request.headers().get(header::AUTHORIZATION) {
            Some(token) => self.token.admit(token.as_bytes()),
            None => Ok(Admission::default()),
        }
    }

    /// Counts a request for the tenant it is for.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn admit_tenant(&self, tenant: &Tenant) -> Result<Admission, Refusal> {
        self.tenant.admit(tenant.id)
    }

    /// The gates as they are now.
    #[must_use]
    pub fn gates(&self) -> [GateNumbers; 3] {
        [&self.requests, &self.uploads, &self.imports].map(Gate::numbers)
    }

    /// How many requests each limit has refused.
    #[must_use]
    pub fn refusals(&self) -> [(&'static str, u64); 9] {
        let [requests, uploads, imports] = self.gates();
        [
            ("address", self.address.refused()),
            ("token", self.token.refused()),
            ("tenant", self.tenant.refused()),
            (requests.gate, requests.refused),
            (uploads.gate, uploads.refused),
            (imports.gate, imports.refused),
            ("answers", self.answers.refused()),
            ("bodies", self.bodies.refused()),
            ("connections", self.connections.refused()),
        ]
    }

    /// Where a request has to find a place. Requests with a body have places of their own, so that many writes, which
    /// wait for each other, do not keep out who only wants to read; and so have files to import, which may take an hour.
    #[must_use]
    pub fn gate(&self, request: &Request) -> &Gate {
        if request.body().is_end_stream() {
            &self.requests
        } else if imports::is_upload(request) {
            &self.imports
        } else {
            &self.uploads
        }
    }
}
