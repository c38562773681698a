//! Admission limits: for all clients together ([`Gate`]), and for each client, token and tenant ([`Rate`]).
//!
//! Whatever an untrusted client does, memory use here is bounded, a refusal costs less than a response, and no
//! refusal gets its own log line.

mod buckets;
pub mod bytes;
pub mod connections;
mod gate;
pub mod networks;
mod rate;
mod refusals;

pub(crate) use gate::overloaded;
pub use gate::{Gate, GateNumbers};
pub use rate::{Admission, Rate, Refusal};
pub(crate) use refusals::UnloggedCount;

use crate::middleware::client;
use crate::middleware::forwarded::FORWARDED;
use crate::session;
use crate::settings::HttpSettings;
use crate::surface::Surface;
use axum::body::HttpBody as _;
use axum::extract::Request;
use bytes::{Budget, Share};
use connections::{Connections, Counted};
use http::header;
use networks::{NetworkBytes, Networks};
use rustok_tenancy::Tenant;
use rustok_text::CanonicalEmail;
use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

/// All limits of the running server.
#[derive(Debug)]
pub struct Limits {
    address: Rate,
    token: Rate,
    session: Rate,
    tenant: Rate,
    sign_in: Rate,
    sign_in_address: Rate,
    requests: Gate,
    uploads: Gate,
    files: Gate,
    /// Responses that their clients have not read yet.
    pub answers: Arc<Budget>,
    /// Request bodies, until their requests are answered.
    pub bodies: Arc<Budget>,
    /// The parts of [`Limits::bodies`] that client networks hold.
    networks: Arc<Networks>,
    connections: Arc<Connections>,
    /// Whether an untrusted proxy was seen.
    untrusted_proxy: AtomicBool,
}

/// One connection's shares of the budgets; an extension of every request on the connection.
#[derive(Debug, Clone)]
pub struct Shares {
    /// Share of [`Limits::answers`].
    pub answers: Arc<Share>,
    /// Share of [`Limits::bodies`].
    pub bodies: Arc<Share>,
}

/// One address may have at most `max_connections` divided by this, whatever `max_connections_per_address` is.
const ADDRESS_PART: usize = 4;
/// Attempts to sign in from one address, as a multiple of those for one account from there: an office is one address.
const ACCOUNTS_PER_ADDRESS: u32 = 6;

impl Limits {
    /// The limits of the settings.
    #[must_use]
    pub fn new(settings: &HttpSettings) -> Self {
        let waiting = settings.max_requests_waiting;
        Self {
            address: Rate::per_minute("address", settings.rate_limit_address_per_minute),
            token: Rate::per_minute("token", settings.rate_limit_token_per_minute),
            session: Rate::per_minute("session", settings.rate_limit_token_per_minute),
            tenant: Rate::per_minute("tenant", settings.rate_limit_tenant_per_minute),
            sign_in: Rate::per_minute("sign_in", settings.rate_limit_sign_in_per_minute),
            sign_in_address: Rate::per_minute(
                "sign_in_address",
                settings
                    .rate_limit_sign_in_per_minute
                    .saturating_mul(ACCOUNTS_PER_ADDRESS),
            ),
            requests: Gate::new("requests", settings.max_requests_in_flight, waiting),
            uploads: Gate::new("uploads", settings.max_uploads_in_flight, waiting),
            files: Gate::new("imports", settings.max_files_in_flight, waiting),
            answers: Budget::new("answers", settings.max_answer_bytes),
            bodies: Budget::new("bodies", settings.max_received_bytes),
            networks: Networks::new(settings.max_received_bytes, settings.max_body_bytes),
            connections: Connections::new(
                settings
                    .max_connections_per_address
                    .min(settings.max_connections / ADDRESS_PART),
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

    /// Counts a connection for the address of its peer; `None` when it has too many. Neither the loopback address nor
    /// proxies are limited: many clients may be behind each of them.
    #[must_use]
    pub fn admit_connection(&self, settings: &HttpSettings, peer: IpAddr) -> Option<Counted> {
        if peer.to_canonical().is_loopback() || client::contains(&settings.trusted_proxies, peer) {
            return Some(Counted::free());
        }
        self.connections.admit(peer)
    }

    /// Counts a request for the address of its client. The loopback address is not limited: it is the operator's, or
    /// that of a proxy that does not report its clients.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn admit_address(&self, settings: &HttpSettings, request: &Request) -> Result<Admission, Refusal> {
        self.look_for_proxy(settings, request);
        match client::address(&settings.trusted_proxies, request.extensions(), request.headers()) {
            Some(address) if !address.is_loopback() => self.address.admit(client::network(address)),
            _ => Ok(Admission::default()),
        }
    }

    /// Counts the bytes of a request's body for the network of its client; `None` if it has no limit, as in
    /// [`Self::admit_address`].
    #[must_use]
    pub fn count_body(&self, settings: &HttpSettings, request: &Request) -> Option<NetworkBytes> {
        let address = client::address(&settings.trusted_proxies, request.extensions(), request.headers())?;
        (!address.is_loopback()).then(|| self.networks.count(client::network(address)))
    }

    /// Warns once when a proxy on this machine or in its private network forwards requests but is not trusted to report
    /// their clients.
    fn look_for_proxy(&self, settings: &HttpSettings, request: &Request) {
        let names = [client::X_FORWARDED_FOR, FORWARDED];
        if !names.iter().any(|name| request.headers().contains_key(name)) {
            return;
        }
        let Some(peer) = client::untrusted_neighbour(&settings.trusted_proxies, request.extensions()) else {
            return;
        };
        if self.untrusted_proxy.swap(true, Ordering::Relaxed) {
            return;
        }
        if peer.is_loopback() {
            tracing::warn!(
                "a proxy on this machine sends X-Forwarded-For or Forwarded but is not trusted, so all its clients count as one and no \
                 limit of addresses holds; set RUSTOK_TRUSTED_PROXIES=[127.0.0.1/32,::1/128] if it is yours"
            );
        } else {
            tracing::warn!(
                %peer,
                "a proxy in a private network sends X-Forwarded-For or Forwarded but is not trusted, so all its clients count as one \
                 address and share its limits; add its network to RUSTOK_TRUSTED_PROXIES if it is yours"
            );
        }
    }

    /// Counts a request for its token or, without one, for its session, whether or not either is valid.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn admit_token(&self, request: &Request) -> Result<Admission, Refusal> {
        match request.headers().get(header::AUTHORIZATION) {
            Some(token) => self.token.admit(token.as_bytes()),
            None => match session::sent(request.headers()) {
                Some(secret) => self.session.admit(secret),
                None => Ok(Admission::default()),
            },
        }
    }

    /// Counts a request for its tenant.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn admit_tenant(&self, tenant: &Tenant) -> Result<Admission, Refusal> {
        self.tenant.admit(tenant.id)
    }

    /// Counts an attempt to prove to be `account` (an address as typed, or what else names one) from `address`. An attempt
    /// counts for both together, so that nobody locks a person out who signs in from elsewhere; and, off the loopback
    /// address, for the address alone.
    ///
    /// # Errors
    /// `rate_limited`.
    pub fn admit_sign_in(&self, account: &str, address: Option<&str>) -> Result<Admission, Refusal> {
        let network = address
            .and_then(|address| address.parse().ok())
            .map(client::network);
        if let Some(network) = network.filter(|network| !network.is_loopback()) {
            let _ = self.sign_in_address.admit(network)?;
        }
        // All spellings of an address are one account.
        let account = CanonicalEmail::parse(account)
            .map_or_else(|| account.trim().to_lowercase(), CanonicalEmail::into_string);
        self.sign_in.admit((account, network))
    }

    /// The current numbers of all gates.
    #[must_use]
    pub fn gates(&self) -> [GateNumbers; 3] {
        [&self.requests, &self.uploads, &self.files].map(Gate::numbers)
    }

    /// How many requests each limit has refused.
    #[must_use]
    pub fn refusals(&self) -> [(&'static str, u64); 12] {
        let [requests, uploads, files] = self.gates();
        [
            ("address", self.address.refused()),
            ("token", self.token.refused()),
            ("session", self.session.refused()),
            ("tenant", self.tenant.refused()),
            ("sign_in", self.sign_in.refused()),
            ("sign_in_address", self.sign_in_address.refused()),
            (requests.gate, requests.refused),
            (uploads.gate, uploads.refused),
            (files.gate, files.refused),
            ("answers", self.answers.refused()),
            ("bodies", self.bodies.refused()),
            ("connections", self.connections.refused()),
        ]
    }

    /// The gate that a request has to enter. Requests with a body have a gate of their own, so that many writes,
    /// which wait for each other, do not block reads; so have files, which may take an hour.
    #[must_use]
    pub fn gate(&self, request: &Request) -> &Gate {
        if request.body().is_end_stream() {
            &self.requests
        } else if Surface::of(request).takes_file() {
            &self.files
        } else {
            &self.uploads
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn a_session_has_as_many_requests_as_a_token() {
        let limits = Limits::new(&HttpSettings {
            rate_limit_token_per_minute: 3,
            ..HttpSettings::default()
        });
        let admitted = |fields: &[(&'static str, &str)], tries: u32| {
            (0..tries)
                .filter(|_| {
                    let mut request = Request::default();
                    for (name, value) in fields {
                        request.headers_mut().append(*name, value.parse().unwrap());
                    }
                    limits.admit_token(&request).is_ok()
                })
                .count()
        };
        assert_eq!(admitted(&[("cookie", "a=b; session=one")], 5), 3);
        assert_eq!(
            admitted(&[("cookie", "__Host-session=one")], 1),
            0,
            "the same secret"
        );
        assert_eq!(admitted(&[("cookie", "session=two")], 5), 3);
        assert_eq!(admitted(&[("cookie", "a=b")], 9), 9);
        // A token comes first, as it does for the actor.
        assert_eq!(
            admitted(&[("cookie", "session=one"), ("authorization", "Bearer x")], 5),
            3
        );
        assert_eq!(limits.refusals()[1..3], [("token", 2), ("session", 5)]);
    }

    #[tokio::test(start_paused = true)]
    async fn attempts_on_an_account_lock_out_nobody_elsewhere() {
        let limits = Limits::new(&HttpSettings {
            rate_limit_sign_in_per_minute: 3,
            ..HttpSettings::default()
        });
        let admitted = |account: &str, address: Option<&str>, tries: u32| {
            (0..tries)
                .filter(|_| limits.admit_sign_in(account, address).is_ok())
                .count()
        };
        let (attacker, person) = (Some("198.51.100.1"), Some("192.0.2.1"));
        assert_eq!(admitted("jane@example.com", attacker, 10), 3);
        assert_eq!(admitted(" JANE@example.com", attacker, 1), 0, "the same account");
        assert_eq!(admitted("jane@example.com", person, 3), 3);
        // Of many accounts one address tries so many.
        let others = (0..30).map(|n| admitted(&format!("a{n}@example.com"), attacker, 1));
        assert_eq!(others.sum::<usize>(), 18 - 11);
        // On this machine, or where the address is unknown, the accounts alone count.
        for address in [Some("127.0.0.1"), Some("::1"), None] {
            assert_eq!(admitted("joe@example.com", address, 10), 3, "{address:?}");
        }
        assert_eq!(admitted("joe@münchen.example", None, 2), 2);
        assert_eq!(
            admitted("joe@xn--mnchen-3ya.example", None, 10),
            1,
            "the same account"
        );
        tokio::time::advance(std::time::Duration::from_secs(20)).await;
        assert_eq!(
            admitted("jane@example.com", attacker, 10),
            1,
            "slowed down, not shut out"
        );
    }
}
