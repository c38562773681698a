//! The settings of the HTTP toolkit: plain values, which the program makes from its configuration. Nothing here reads
//! a file or the environment.

mod base_url;

pub(crate) use base_url::is_prefix;
pub use base_url::{BaseUrl, BaseUrlError};

use crate::middleware::tenant_cache::TenantCacheSettings;
use ipnet::IpNet;
use std::time::Duration;

/// All settings. The defaults are those of the server.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct HttpSettings {
    /// Proxies whose reports about their clients are trusted.
    pub trusted_proxies: Vec<IpNet>,
    /// The URL by which clients reach this server; `None` when each request says it.
    pub base_url: Option<BaseUrl>,
    /// Whether responses are coded (`zstd`, `br`, `gzip`).
    pub compression: bool,
    /// The largest request head, in bytes.
    pub max_header_bytes: usize,
    /// The longest path and query, in bytes.
    pub max_url_bytes: usize,
    /// The largest request body that is not a file, in bytes.
    pub max_body_bytes: usize,
    /// How long a request may take.
    pub request_timeout: Duration,
    /// How long a body may take to arrive; for a file, how long nothing of it may arrive.
    pub body_timeout: Duration,
    /// How long a file may take to arrive, in addition to [`Self::request_timeout`].
    pub upload_timeout: Duration,
    /// How long a connection may be open without a request.
    pub keep_alive: Duration,
    /// How long requests in flight may take to finish once the server is closing.
    pub shutdown_timeout: Duration,
    /// The maximum number of connections; a quarter of it for one address.
    pub max_connections: usize,
    /// The maximum number of connections of one address; 0 means no limit.
    pub max_connections_per_address: usize,
    /// Memory for responses that their clients have not read yet, in bytes.
    pub max_answer_bytes: usize,
    /// Memory for request bodies, in bytes.
    pub max_received_bytes: usize,
    /// Concurrent requests without a body.
    pub max_requests_in_flight: usize,
    /// Concurrent requests with a body that is not a file.
    pub max_uploads_in_flight: usize,
    /// Concurrent requests with a file.
    pub max_files_in_flight: usize,
    /// Requests of each of these three kinds that may wait for a permit.
    pub max_requests_waiting: usize,
    /// Requests per minute of one client address; 0 means no limit.
    pub rate_limit_address_per_minute: u32,
    /// Requests per minute with one token or in one session; 0 means no limit.
    pub rate_limit_token_per_minute: u32,
    /// Requests per minute for one tenant; 0 means no limit.
    pub rate_limit_tenant_per_minute: u32,
    /// Attempts per minute to sign in to one account from one address; 0 means no limit.
    pub rate_limit_sign_in_per_minute: u32,
    /// How tenants are cached.
    pub tenant_cache: TenantCacheSettings,
}

impl Default for HttpSettings {
    fn default() -> Self {
        Self {
            trusted_proxies: Vec::new(),
            base_url: None,
            compression: true,
            max_header_bytes: 32 << 10,
            max_url_bytes: 8 << 10,
            max_body_bytes: 2 << 20,
            request_timeout: Duration::from_secs(10),
            body_timeout: Duration::from_secs(8),
            upload_timeout: Duration::from_secs(3_600),
            keep_alive: Duration::from_secs(75),
            shutdown_timeout: Duration::from_secs(10),
            max_connections: 10_000,
            max_connections_per_address: 1_000,
            max_answer_bytes: 64 << 20,
            max_received_bytes: 64 << 20,
            max_requests_in_flight: 512,
            max_uploads_in_flight: 128,
            max_files_in_flight: 16,
            max_requests_waiting: 1_024,
            rate_limit_address_per_minute: 60_000,
            rate_limit_token_per_minute: 300_000,
            rate_limit_tenant_per_minute: 1_200_000,
            rate_limit_sign_in_per_minute: 10,
            tenant_cache: TenantCacheSettings::default(),
        }
    }
}

impl HttpSettings {
    /// Lowers the numbers of concurrent requests, so that each of them finds a database connection or a place to wait
    /// for one: of these `places` a quarter is for requests with a body, the rest for those without. A request too many
    /// waits, or is refused, before anything is spent on it.
    #[must_use]
    pub fn within_places(mut self, places: usize) -> Self {
        let for_uploads = (places / 4).max(1);
        let for_others = places.saturating_sub(for_uploads).max(1);
        self.max_uploads_in_flight = self.max_uploads_in_flight.min(for_uploads);
        self.max_requests_in_flight = self.max_requests_in_flight.min(for_others);
        self
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_small_database_has_few_requests_and_at_least_one_of_each_kind() {
        for (places, in_flight) in [
            (usize::MAX, (512, 128)),
            (256, (192, 64)),
            (4, (3, 1)),
            (1, (1, 1)),
        ] {
            let settings = HttpSettings::default().within_places(places);
            let seen = (settings.max_requests_in_flight, settings.max_uploads_in_flight);
            assert_eq!(seen, in_flight, "{places}");
        }
    }
}
