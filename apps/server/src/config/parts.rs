//! What the HTTP toolkit and the REST surface get of the configuration, as plain values.

use super::Config;
use rustok_api::imports::ImportSettings;
use rustok_http::middleware::tenant_cache::TenantCacheSettings;
use rustok_http::settings::HttpSettings;
use rustok_storage::DatabaseUrl;
use std::time::Duration;

impl Config {
    /// The settings of the HTTP toolkit.
    #[must_use]
    pub fn http(&self) -> HttpSettings {
        let (max_requests_in_flight, max_uploads_in_flight) = self.places();
        HttpSettings {
            trusted_proxies: self.trusted_proxies.clone(),
            base_url: self.base_url.clone(),
            compression: self.compression,
            max_header_bytes: self.max_header_bytes,
            max_url_bytes: self.max_url_bytes,
            max_body_bytes: self.max_body_bytes,
            request_timeout: Duration::from_millis(self.request_timeout_ms),
            body_timeout: Duration::from_millis(self.body_timeout_ms),
            upload_timeout: Duration::from_millis(self.import_upload_timeout_ms),
            keep_alive: Duration::from_millis(self.keep_alive_ms),
            shutdown_timeout: Duration::from_millis(self.shutdown_timeout_ms),
            max_connections: self.max_connections,
            max_connections_per_address: self.max_connections_per_address,
            max_answer_bytes: self.max_answer_bytes,
            max_received_bytes: self.max_received_bytes,
            max_requests_in_flight,
            max_uploads_in_flight,
            max_files_in_flight: self.max_import_uploads_in_flight,
            max_requests_waiting: self.max_requests_waiting,
            rate_limit_address_per_minute: self.rate_limit_address_per_minute,
            rate_limit_token_per_minute: self.rate_limit_token_per_minute,
            rate_limit_tenant_per_minute: self.rate_limit_tenant_per_minute,
            tenant_cache: self.tenant_cache(),
        }
    }

    /// The settings of imports over HTTP.
    #[must_use]
    pub fn imports(&self) -> ImportSettings {
        ImportSettings {
            folder: self.import_folder(),
            max_folder_bytes: self.max_import_folder_bytes,
            max_bytes: self.max_import_bytes,
            max_per_tenant: self.max_imports_per_tenant,
            lease: self.import_lease(),
        }
    }

    /// How tenants are cached.
    fn tenant_cache(&self) -> TenantCacheSettings {
        TenantCacheSettings {
            stale_if_error: Duration::from_millis(self.tenant_stale_if_error_ms),
            unknown_per_second: self.tenant_unknown_per_second,
            concurrent_loads: self.tenant_concurrent_loads,
            ..TenantCacheSettings::default()
        }
    }

    /// How many requests without and with a body are worked on at once. On PostgreSQL that is never more than find a
    /// connection or a place to wait for one, less what this process' own work may take: what is too much waits, or is
    /// refused, before anything is spent on it.
    fn places(&self) -> (usize, usize) {
        let url = self.database_url.as_deref();
        let is_postgres = url.is_some_and(DatabaseUrl::names_postgres);
        let all = if is_postgres {
            self.postgres_waiting.max(1)
        } else {
            usize::MAX
        };
        let for_uploads = (all / 4).max(1);
        (
            self.max_requests_in_flight.min((all - for_uploads).max(1)),
            self.max_uploads_in_flight.min(for_uploads),
        )
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_toolkit_has_the_same_defaults() {
        assert_eq!(Config::default().http(), HttpSettings::default());
    }
}
