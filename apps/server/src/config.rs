//! Settings: flags over environment (`RUSTOK_*`) over OpenTelemetry's (`OTEL_*`) over `rustok.toml` over defaults.
//!
//! Nothing else reads the environment. Secrets never show in what this prints.

mod mail;
mod mask;
mod parts;
mod secret;
mod sources;

pub use sources::ConfigError;

use figment::providers::Env;
use ipnet::IpNet;
use mask::mask;
use rustok_http::settings::BaseUrl;
use rustok_storage::{DatabaseUrl, StoreConfig, StoreError};
use rustok_telemetry::{TraceSettings, TraceSettingsError};
use rustok_tenancy::{IdentifierError, TenantIdentifierValidator};
use serde::de::Error as _;
use serde::{Deserialize, Deserializer, Serialize};
use std::collections::BTreeMap;
use std::net::{AddrParseError, IpAddr, SocketAddr};
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::Duration;

/// Where the data lives when nothing else is said.
pub const DEFAULT_DATABASE: &str = "sqlite://rustok-data/rustok.db";

/// Everything that can be set. Durations carry their unit in the name.
#[derive(Debug, Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Config {
    /// `sqlite://path` or `postgres://...`; empty means the default file, with sample data on its first start.
    pub database_url: Option<String>,
    /// A file that holds `database_url` alone, so that a password stands neither in the environment nor in the list of
    /// processes. Whichever of the two is said nearer to the command line counts.
    pub database_url_file: Option<PathBuf>,
    /// 32 bytes in base64 that seal what must be read again, such as mails that wait (`openssl rand -base64 32`). Empty: a
    /// key in `secret.key` beside the SQLite file, made at the first start; with PostgreSQL what needs a key is refused.
    pub secret_key: Option<String>,
    /// A file that holds `secret_key` alone.
    pub secret_key_file: Option<PathBuf>,
    /// An older key, or more with commas between them, that opens what it sealed until `rustok secrets rotate` is done.
    pub secret_key_old: Option<String>,
    /// The mail server: `smtps://user:password@mail.example:465`, `smtp://user:password@mail.example:587?tls=required`
    /// (STARTTLS), or `smtp://localhost:25`. Empty: the default database keeps mails in a mailbox of its own, and any other
    /// server sends none.
    pub smtp_url: Option<String>,
    /// The sender of mails: `Shop <shop@example.com>`.
    pub mail_from: Option<String>,
    /// Where the API listens.
    pub listen: SocketAddr,
    /// Where metrics and health listen; keep it off the internet. Empty: nowhere, and requests and calls to the database
    /// are not timed.
    pub management_listen: ListenAddress,
    /// `{slug}.{base_domain}` names a tenant.
    pub base_domain: String,
    /// Where the outside reaches this server: `https://shops.example`, or `https://example.com/shops` where a proxy takes
    /// the path away. For absolute links such as a problem's `type`; the path stands before every other address too, unless
    /// a proxy says another one.
    #[serde(default, deserialize_with = "base_url")]
    pub base_url: Option<BaseUrl>,
    /// Proxies (CIDR) whose `Forwarded`, `X-Forwarded-For`, `X-Forwarded-Host`, `X-Forwarded-Proto`, `X-Forwarded-Prefix`
    /// and `X-Tenant-ID` are believed, and their `X-Request-ID`, `tracestate` and whether a trace is recorded.
    #[serde(deserialize_with = "networks")]
    pub trusted_proxies: Vec<IpNet>,
    /// Log filter, as of the `tracing` ecosystem: `info`, `rustok=debug,warn`.
    pub log: String,
    /// `json`, `text`, or `auto` (text on a terminal).
    pub log_format: String,
    /// Where traces go, as OTLP: `http://host:4318`; empty: nowhere. Without it `OTEL_EXPORTER_OTLP_ENDPOINT` counts.
    pub otlp_endpoint: Option<String>,
    /// `http/protobuf` or `grpc`; else `OTEL_EXPORTER_OTLP_PROTOCOL`.
    pub otlp_protocol: String,
    /// Header fields for the collector, `name=value,name=value`; else `OTEL_EXPORTER_OTLP_HEADERS`.
    pub otlp_headers: Option<String>,
    /// What this server is called in traces; else `OTEL_SERVICE_NAME`.
    pub service_name: String,
    /// The share of requests whose traces are recorded, from 0 to 1. A trusted proxy that has decided it decides it.
    pub trace_sample_ratio: f64,
    /// A request that takes so long is reported to the collector, sampled or not, in milliseconds.
    pub trace_slow_ms: u64,
    /// The largest request body, in bytes.
    pub max_body_bytes: usize,
    /// The largest request head, in bytes.
    pub max_header_bytes: usize,
    /// The longest path and query of a request, in bytes.
    pub max_url_bytes: usize,
    /// How long a request may take, in milliseconds.
    pub request_timeout_ms: u64,
    /// How long a request's body may take to arrive, in milliseconds; of use only below `request_timeout_ms`. After five
    /// seconds it must have come with 1,000 bytes a second, whatever is set.
    pub body_timeout_ms: u64,
    /// Connections at most; more wait in the system's queue. Fewer where the system lets the process open fewer files.
    pub max_connections: usize,
    /// Connections from one client address (of IPv6 its /64), a quarter of all at most; one more is closed at once. 0 is
    /// no limit. Neither the loopback address nor trusted proxies are limited.
    pub max_connections_per_address: usize,
    /// How long a connection may be open without a request, in milliseconds, 1,000 to 3,600,000; two seconds while nearly
    /// all places for connections are taken. Let it be longer than what stands in front keeps its connections idle (60
    /// seconds, usually), so that none ends under a request.
    #[serde(deserialize_with = "keep_alive")]
    pub keep_alive_ms: u64,
    /// How much memory answers take at most that their clients have not read yet, in bytes. Each connection
    /// may hold 32 KiB, or an eighth of what is free.
    pub max_answer_bytes: usize,
    /// Whether answers are coded (`zstd`, `br`, `gzip`) for who takes that; of no use where a proxy does it.
    pub compression: bool,
    /// How much memory bodies of requests take at most, in bytes. Each connection may hold 32 KiB, or an eighth of what is
    /// free.
    pub max_received_bytes: usize,
    /// Requests without a body that are worked on at once; on PostgreSQL three quarters of `postgres_waiting` at most.
    pub max_requests_in_flight: usize,
    /// Requests with a body that are worked on at once; they were received before. On PostgreSQL a quarter of
    /// `postgres_waiting` at most.
    pub max_uploads_in_flight: usize,
    /// Files to import that are received at once, of all tenants; they take none of the places above.
    pub max_import_uploads_in_flight: usize,
    /// Requests that may wait, for a second at most, until one of those has ended; one more gets a 503 at once. This
    /// counts for each of the three kinds.
    pub max_requests_waiting: usize,
    /// Requests a minute from one client address (of IPv6 its /64), saved up for a minute; 0 is no limit. Nothing limits
    /// the loopback address.
    pub rate_limit_address_per_minute: u32,
    /// Requests a minute with one token or in one session, saved up for a minute; 0 is no limit.
    pub rate_limit_token_per_minute: u32,
    /// Requests a minute for one tenant, from all clients together, saved up for a minute; 0 is no limit.
    pub rate_limit_tenant_per_minute: u32,
    /// Attempts a minute to sign in to one account from one address, saved up for a minute; six times as many from one
    /// address to all accounts; 0 is no limit.
    pub rate_limit_sign_in_per_minute: u32,
    /// Where files to import wait for their turn: a folder of the server's own, on its own disk. Empty means `imports`
    /// beside the SQLite file, or `rustok-imports` in the system's folder for temporary files.
    pub import_folder: Option<String>,
    /// What may lie there at once, in bytes.
    pub max_import_folder_bytes: u64,
    /// The largest file to import over HTTP, in bytes.
    pub max_import_bytes: u64,
    /// How long such a file may take to arrive, in milliseconds; nothing may come of it for `body_timeout_ms` at most.
    pub import_upload_timeout_ms: u64,
    /// Imports of one tenant that wait or run; one more is refused.
    pub max_imports_per_tenant: u64,
    /// Imports that run at once in this process, each of another tenant.
    pub max_imports_running: usize,
    /// After how long an import has failed whose server is not heard of any more, in milliseconds.
    pub import_lease_ms: u64,
    /// How long the server goes on accepting after SIGTERM while `/readyz` says no already, so that the proxy that spreads the
    /// load can see it, in milliseconds.
    pub shutdown_delay_ms: u64,
    /// How long requests in flight may take to finish after that, in milliseconds.
    pub shutdown_timeout_ms: u64,
    /// How often the tenant directory is asked for changes, in milliseconds.
    pub directory_poll_ms: u64,
    /// How much longer than usual (5 minutes) a tenant is served while the directory does not answer, in milliseconds;
    /// 0: not at all.
    pub tenant_stale_if_error_ms: u64,
    /// How many unknown tenants one client may ask for per second, ten seconds saved up; 0: no limit.
    pub tenant_unknown_per_second: u32,
    /// How many loads of tenants run at once.
    pub tenant_concurrent_loads: usize,
    /// PostgreSQL connections at most.
    pub postgres_connections: usize,
    /// Transactions that may wait for a PostgreSQL connection; one more is refused at once.
    pub postgres_waiting: usize,
    /// How long PostgreSQL may take for one answer, however long its caller would wait, in milliseconds.
    pub postgres_answer_timeout_ms: u64,
    /// SQLite readers at most.
    pub sqlite_readers: usize,
    /// How much of a SQLite file each reader maps into memory, in bytes.
    pub sqlite_mmap_bytes: i64,
    /// How much memory the products and the texts of nodes take at most that are kept as JSON, and pages of those, in
    /// bytes; 0: none is kept.
    pub rendered_bytes: u64,
    /// Warnings about the settings, to be logged once there is a log.
    #[serde(skip)]
    pub remarks: Vec<String>,
}

impl Default for Config {
    fn default() -> Self {
        Self {
            database_url: None,
            database_url_file: None,
            secret_key: None,
            secret_key_file: None,
            secret_key_old: None,
            smtp_url: None,
            mail_from: None,
            listen: SocketAddr::from(([127, 0, 0, 1], 8080)),
            management_listen: ListenAddress(Some(SocketAddr::from(([127, 0, 0, 1], 9464)))),
            base_domain: "localhost".to_owned(),
            base_url: None,
            trusted_proxies: Vec::new(),
            log: "info".to_owned(),
            log_format: "auto".to_owned(),
            otlp_endpoint: None,
            otlp_protocol: "http/protobuf".to_owned(),
            otlp_headers: None,
            service_name: "rustok".to_owned(),
            trace_sample_ratio: 0.1,
            trace_slow_ms: 1_000,
            max_body_bytes: 2 << 20,
            max_header_bytes: 32 << 10,
            max_url_bytes: 8 << 10,
            request_timeout_ms: 10_000,
            body_timeout_ms: 8_000,
            max_connections: 10_000,
            max_connections_per_address: 1_000,
            keep_alive_ms: 75_000,
            max_answer_bytes: 64 << 20,
            compression: true,
            max_received_bytes: 64 << 20,
            max_requests_in_flight: 512,
            max_uploads_in_flight: 128,
            max_import_uploads_in_flight: 16,
            max_requests_waiting: 1_024,
            rate_limit_address_per_minute: 60_000,
            rate_limit_token_per_minute: 300_000,
            rate_limit_tenant_per_minute: 1_200_000,
            rate_limit_sign_in_per_minute: 10,
            import_folder: None,
            max_import_folder_bytes: 4 << 30,
            max_import_bytes: 256 << 20,
            import_upload_timeout_ms: 3_600_000,
            max_imports_per_tenant: 10,
            max_imports_running: 2,
            import_lease_ms: 300_000,
            shutdown_delay_ms: 500,
            shutdown_timeout_ms: 10_000,
            directory_poll_ms: 250,
            tenant_stale_if_error_ms: 300_000,
            tenant_unknown_per_second: 10,
            tenant_concurrent_loads: 32,
            postgres_connections: 16,
            postgres_waiting: 256,
            postgres_answer_timeout_ms: 10_000,
            sqlite_readers: 8,
            sqlite_mmap_bytes: 0,
            rendered_bytes: 24 << 20,
            remarks: Vec::new(),
        }
    }
}

/// What may be given on the command line of every command; it wins over everything else.
#[derive(Debug, Clone, Default, Serialize, clap::Args)]
pub struct Flags {
    /// A file with settings, instead of rustok.toml in the working directory [env: RUSTOK_CONFIG]
    #[arg(long, global = true, value_name = "FILE")]
    #[serde(skip)]
    pub config: Option<PathBuf>,
    /// `sqlite://path` or `postgres://user@host/database`; a password here shows in the list of processes
    #[arg(long, global = true, value_name = "URL", conflicts_with = "database_url_file")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_url: Option<String>,
    /// A file that holds the database's URL
    #[arg(long, global = true, value_name = "FILE")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub database_url_file: Option<PathBuf>,
    /// The domain below which every tenant has a name of its own
    #[arg(long, global = true, value_name = "DOMAIN")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub base_domain: Option<String>,
    /// What to log: info, debug, rustok=debug,warn
    #[arg(long, global = true, value_name = "FILTER")]
    #[serde(skip_serializing_if = "Option::is_none")]
    pub log: Option<String>,
}

impl Config {
    /// Merges all sources; `extra` holds the flags of one command.
    ///
    /// # Errors
    /// What is wrong, with the name of the setting and where it was set.
    pub fn load(flags: &Flags, extra: impl Serialize) -> Result<Self, ConfigError> {
        sources::gather(flags, extra)
    }

    /// Whether metrics can be requested at all.
    #[must_use]
    pub const fn is_measured(&self) -> bool {
        self.management_listen.0.is_some()
    }

    /// Whether this is the default database, which gets sample data on its first start.
    #[must_use]
    pub fn is_default_database(&self) -> bool {
        self.database_url.is_none()
    }

    /// How to open the database.
    ///
    /// # Errors
    /// When the URL is not one.
    pub fn store(&self) -> Result<StoreConfig, StoreError> {
        let url = DatabaseUrl::parse(self.database_url.as_deref().unwrap_or(DEFAULT_DATABASE))?;
        Ok(StoreConfig {
            url,
            postgres_connections: self.postgres_connections.max(1),
            postgres_waiting: self.postgres_waiting.max(1),
            postgres_answer_timeout: Duration::from_millis(self.postgres_answer_timeout_ms.max(1)),
            sqlite_readers: self.sqlite_readers.max(1),
            sqlite_mmap_bytes: self.sqlite_mmap_bytes.max(0),
            timed: self.is_measured(),
        })
    }

    /// The validator of tenant names. The default database answers on IP literals too, for its sample tenant.
    ///
    /// # Errors
    /// When the base domain is not a domain.
    pub fn validator(&self) -> Result<TenantIdentifierValidator, IdentifierError> {
        Ok(TenantIdentifierValidator::new(&self.base_domain)?.with_ip_literals(self.is_default_database()))
    }

    /// Where traces go; `None`: nowhere.
    ///
    /// # Errors
    /// When a setting of theirs is wrong.
    pub fn traces(&self) -> Result<Option<TraceSettings>, TraceSettingsError> {
        let Some(endpoint) = &self.otlp_endpoint else {
            return Ok(None);
        };
        Ok(Some(TraceSettings {
            endpoint: endpoint.clone(),
            protocol: self.otlp_protocol.parse()?,
            headers: TraceSettings::parse_headers(self.otlp_headers.as_deref().unwrap_or_default())?,
            service_name: self.service_name.clone(),
            service_version: env!("CARGO_PKG_VERSION"),
            sample_ratio: self.trace_sample_ratio,
            slow: Duration::from_millis(self.trace_slow_ms),
        }))
    }

    /// How long an import is its server's without a word from it; at least a second.
    #[must_use]
    pub fn import_lease(&self) -> Duration {
        Duration::from_millis(self.import_lease_ms.max(1_000))
    }

    /// Where files to import wait for their turn.
    #[must_use]
    pub fn import_folder(&self) -> PathBuf {
        if let Some(folder) = self.import_folder.as_deref().filter(|folder| !folder.is_empty()) {
            return PathBuf::from(folder);
        }
        let url = self.database_url.as_deref().unwrap_or(DEFAULT_DATABASE);
        match url.strip_prefix("sqlite://") {
            Some(file) => Path::new(file).with_file_name("imports"),
            None => std::env::temp_dir().join("rustok-imports"),
        }
    }

    /// The settings as `rustok.toml` would have them, with secrets masked.
    ///
    /// # Errors
    /// Those of the TOML writer.
    pub fn printed(&self) -> Result<String, toml::ser::Error> {
        let mut shown = self.clone();
        shown.database_url = match self.database_url_file {
            Some(_) => None,
            None => Some(mask(self.database_url.as_deref().unwrap_or(DEFAULT_DATABASE))),
        };
        shown.otlp_endpoint = self.otlp_endpoint.as_deref().map(mask);
        shown.smtp_url = self.smtp_url.as_deref().map(mask);
        for key in [&mut shown.secret_key, &mut shown.secret_key_old] {
            *key = key.as_ref().map(|_| "***".to_owned());
        }
        shown.otlp_headers = self.otlp_headers.as_ref().map(|_| "***".to_owned());
        toml::to_string(&shown)
    }
}

/// Networks as a list or as text with commas; an address is the network of itself.
fn networks<'de, D: Deserializer<'de>>(from: D) -> Result<Vec<IpNet>, D::Error> {
    #[derive(Deserialize)]
    #[serde(untagged)]
    enum Listed {
        Text(String),
        Each(Vec<String>),
    }
    let each = match Listed::deserialize(from)? {
        Listed::Text(text) => text.split(',').map(str::to_owned).collect(),
        Listed::Each(each) => each,
    };
    let network = |text: &str| {
        text.parse()
            .or_else(|_| text.parse::<IpAddr>().map(IpNet::from))
            .map_err(|_| {
                D::Error::custom(format!(
                    "`{text}` is no network such as 10.0.0.0/8 and no address"
                ))
            })
    };
    let each = each
        .iter()
        .map(|text| text.trim())
        .filter(|text| !text.is_empty());
    each.map(network).collect()
}

/// The empty text is none.
fn base_url<'de, D: Deserializer<'de>>(from: D) -> Result<Option<BaseUrl>, D::Error> {
    let text = Option::<String>::deserialize(from)?.filter(|text| !text.is_empty());
    text.map(|text| text.parse().map_err(D::Error::custom))
        .transpose()
}

/// What [`Config::keep_alive_ms`] may be.
const KEEP_ALIVE_MS: RangeInclusive<u64> = 1_000..=3_600_000;

fn keep_alive<'de, D: Deserializer<'de>>(from: D) -> Result<u64, D::Error> {
    let (least, most) = KEEP_ALIVE_MS.into_inner();
    let ms = u64::deserialize(from)?;
    if KEEP_ALIVE_MS.contains(&ms) {
        return Ok(ms);
    }
    Err(D::Error::custom(format!(
        "{ms} is not between {least} and {most} milliseconds"
    )))
}

/// An address to listen on; none is the empty text.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(try_from = "String", into = "String")]
pub struct ListenAddress(pub Option<SocketAddr>);

impl FromStr for ListenAddress {
    type Err = AddrParseError;

    fn from_str(text: &str) -> Result<Self, AddrParseError> {
        let address = (!text.is_empty()).then(|| text.parse());
        address.transpose().map(Self)
    }
}

impl TryFrom<String> for ListenAddress {
    type Error = AddrParseError;

    fn try_from(text: String) -> Result<Self, AddrParseError> {
        text.parse()
    }
}

impl From<ListenAddress> for String {
    fn from(address: ListenAddress) -> Self {
        address.0.map(|address| address.to_string()).unwrap_or_default()
    }
}

/// The standard variables of OpenTelemetry that have a setting here.
fn otel_environment() -> BTreeMap<String, String> {
    const NAMES: [(&str, &str); 4] = [
        ("OTEL_EXPORTER_OTLP_ENDPOINT", "otlp_endpoint"),
        ("OTEL_EXPORTER_OTLP_PROTOCOL", "otlp_protocol"),
        ("OTEL_EXPORTER_OTLP_HEADERS", "otlp_headers"),
        ("OTEL_SERVICE_NAME", "service_name"),
    ];
    let known = Env::raw().filter_map(|key| {
        let known = NAMES.iter().find(|(name, _)| key == *name);
        known.map(|(_, setting)| (*setting).into())
    });
    // All of them are texts, also one that looks like a number or a list.
    known
        .iter()
        .map(|(setting, text)| (setting.to_string(), text))
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use figment::Figment;
    use figment::providers::Serialized;

    #[test]
    fn files_to_import_lie_beside_the_data() {
        let folder = |url: Option<&str>, folder: Option<&str>| {
            let config = Config {
                database_url: url.map(str::to_owned),
                import_folder: folder.map(str::to_owned),
                ..Config::default()
            };
            config.import_folder()
        };
        assert_eq!(folder(None, None), Path::new("rustok-data/imports"));
        assert_eq!(
            folder(Some("sqlite:///srv/shop.db"), Some("")),
            Path::new("/srv/imports")
        );
        assert_eq!(folder(Some("sqlite://shop.db"), None), Path::new("imports"));
        assert!(folder(Some("postgres://a@b/c"), None).ends_with("rustok-imports"));
        assert_eq!(
            folder(Some("postgres://a@b/c"), Some("/srv/x")),
            Path::new("/srv/x")
        );
    }

    #[test]
    fn networks_are_a_list_or_text_with_commas() {
        let read = |text: &str| {
            let config: Result<Config, _> = Figment::from(Serialized::defaults(Config::default()))
                .merge(("trusted_proxies", text.parse::<figment::value::Value>().unwrap()))
                .extract();
            let networks = config.map_err(|error| error.to_string())?.trusted_proxies;
            Ok::<Vec<String>, String>(networks.iter().map(ToString::to_string).collect())
        };
        for (text, expected) in [
            ("10.0.0.0/8", &["10.0.0.0/8"][..]),
            (
                "10.0.0.0/8, 192.168.1.1,::1",
                &["10.0.0.0/8", "192.168.1.1/32", "::1/128"],
            ),
            ("[10.0.0.0/8, ::1]", &["10.0.0.0/8", "::1/128"]),
            ("", &[]),
        ] {
            assert_eq!(read(text).unwrap(), expected, "{text}");
        }
        let message = read("10.0.0.0/8,proxy.example").unwrap_err();
        assert!(message.contains("`proxy.example` is no network"), "{message}");
    }

    #[test]
    fn a_connection_is_kept_between_a_second_and_an_hour() {
        let read = |ms: u64| {
            let config: Result<Config, _> = Figment::from(Serialized::defaults(Config::default()))
                .merge(("keep_alive_ms", ms))
                .extract();
            config
                .map(|config| config.http().keep_alive)
                .map_err(|error| error.to_string())
        };
        for ms in [1_000, 75_000, 3_600_000] {
            assert_eq!(read(ms), Ok(Duration::from_millis(ms)));
        }
        for ms in [0, 999, 3_600_001] {
            let message = read(ms).unwrap_err();
            assert!(
                message.contains("between 1000 and 3600000") && message.contains("keep_alive_ms"),
                "{message}"
            );
        }
    }

    #[test]
    fn nobody_need_listen_for_metrics() {
        let config = |text: &str| Config {
            management_listen: text.parse().unwrap(),
            ..Config::default()
        };
        let read = |config: &Config| toml::from_str::<Config>(&config.printed().unwrap()).unwrap();
        for (text, measured) in [("", false), ("[::1]:9464", true)] {
            let read = read(&config(text));
            assert_eq!(String::from(read.management_listen), text);
            assert_eq!(read.store().unwrap().timed, measured);
        }
        assert!("localhost".parse::<ListenAddress>().is_err());
    }

    #[test]
    fn passwords_do_not_show() {
        let config = Config {
            database_url: Some("postgres://a:hunter2@db/x".to_owned()),
            otlp_endpoint: Some("http://a:hunter2@collector".to_owned()),
            otlp_headers: Some("authorization=hunter2".to_owned()),
            secret_key: Some("hunter2".to_owned()),
            smtp_url: Some("smtps://a:hunter2@mail.example".to_owned()),
            secret_key_old: Some("hunter2".to_owned()),
            ..Config::default()
        };
        assert!(!config.printed().unwrap().contains("hunter2"));
    }
}
