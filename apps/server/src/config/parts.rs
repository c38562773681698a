//! What the HTTP toolkit and the REST surface get of the configuration, as plain values.

use super::Config;
use rustok_http::imports::ImportSettings;
use rustok_http::middleware::tenant_cache::TenantCacheSettings;
use rustok_http::settings::HttpSettings;
use rustok_storage::DatabaseUrl;
use std::time::Duration;

impl Config {
    /// The settings of the HTTP toolkit.
    #[must_use]
    pub fn http(&self) -> HttpSettings {
        let settings = HttpSettings {
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
            max_requests_in_flight: self.max_requests_in_flight,
            max_uploads_in_flight: self.max_uploads_in_flight,
            max_files_in_flight: self.max_import_uploads_in_flight,
            max_requests_waiting: self.max_requests_waiting,
            rate_limit_address_per_minute: self.rate_limit_address_per_minute,
            rate_limit_token_per_minute: self.rate_limit_token_per_minute,
            rate_limit_tenant_per_minute: self.rate_limit_tenant_per_minute,
            rate_limit_sign_in_per_minute: self.rate_limit_sign_in_per_minute,
            tenant_cache: self.tenant_cache(),
        };
        // The connections come on top of those that may wait: they are left to what this process does itself.
        let url = self.database_url.as_deref();
        if url.is_some_and(DatabaseUrl::names_postgres) {
            settings.within_places(self.postgres_waiting.max(1))
        } else {
            settings
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
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_api::state::RENDERED_BYTES;

    #[test]
    fn the_toolkit_has_the_same_defaults() {
        assert_eq!(Config::default().http(), HttpSettings::default());
    }

    #[test]
    fn the_rest_surface_has_the_same_defaults() {
        let config = Config::default();
        assert_eq!(
            config.imports(),
            ImportSettings::in_folder(config.import_folder())
        );
        assert_eq!(config.rendered_bytes, RENDERED_BYTES);
    }
}
