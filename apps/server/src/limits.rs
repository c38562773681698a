//! How much is taken on: of everybody together ([`Gate`]) and of each client, token and tenant ([`Rate`]).
//!
//! Whatever a stranger does, the memory that is spent here has a bound, a refusal costs less than an answer, and no
//! refusal is a line of the log of its own.

mod buckets;
mod gate;
mod rate;
mod refusals;

pub use gate::{Gate, GateNumbers};
pub use rate::{Admission, Rate, Refusal};
pub(crate) use refusals::Untold;

use crate::config::Config;
use crate::imports;
use crate::middleware::tenant::client;
use axum::body::HttpBody as _;
use axum::extract::Request;
use http::header;
use rustok_tenancy::Tenant;

/// All limits of the running server.
#[derive(Debug)]
pub struct Limits {
    address: Rate,
    token: Rate,
    tenant: Rate,
    requests: Gate,
    uploads: Gate,
    imports: Gate,
}

impl Limits {
    /// The limits as they are set.
    #[must_use]
    pub fn new(config: &Config) -> Self {
        let waiting = config.max_requests_waiting;
        Self {
            address: Rate::per_minute("address", config.rate_limit_address_per_minute),
            token: Rate::per_minute("token", config.rate_limit_token_per_minute),
            tenant: Rate::per_minute("tenant", config.rate_limit_tenant_per_minute),
            requests: Gate::new("requests", config.max_requests_in_flight, waiting),
            uploads: Gate::new("uploads", config.max_uploads_in_flight, waiting),
            imports: Gate::new("imports", config.max_import_uploads_in_flight, waiting),
        }
    }

    /// Counts a request for the address it comes from. The loopback address is not limited: there is the operator, or a
    /// proxy that says nothing of its clients.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn admit_address(&self, config: &Config, request: &Request) -> Result<Admission, Refusal> {
        match client::address(&config.trusted_proxies, request.extensions(), request.headers()) {
            Some(address) if !address.is_loopback() => self.address.admit(client::network(address)),
            _ => Ok(Admission::default()),
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
    pub fn refusals(&self) -> [(&'static str, u64); 6] {
        let [requests, uploads, imports] = self.gates();
        [
            ("address", self.address.refused()),
            ("token", self.token.refused()),
            ("tenant", self.tenant.refused()),
            (requests.gate, requests.refused),
            (uploads.gate, uploads.refused),
            (imports.gate, imports.refused),
        ]
    }

    /// Where a request has to find a place. Requests that still have to be received have places of their own, so that
    /// slow senders do not keep out who only wants to read; and so have files to import, which may take an hour.
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
