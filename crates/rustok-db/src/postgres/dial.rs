//! Chooses which server of a URL to connect to, and tracks whether the database takes writes.
//!
//! A server without writes, a standby or one that was made read-only, serves reads as long as no other is available.
//! It must never be used for longer than that: once a second, the next request for a connection looks for a writable
//! server.

use super::connection::{Connection, is_on};
use super::tls::{Encrypted, PostgresUrl, Tls};
use crate::error::StoreError;
use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use std::sync::atomic::{AtomicBool, AtomicU64, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;
use tokio::time::Instant;
use tokio_postgres::config::{Host, TargetSessionAttrs};
use tokio_postgres::error::SqlState;
use tokio_postgres::{Client, Config, Socket};

/// Interval between two looks for a server that takes writes, while none is known.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The servers of a URL, each as a URL of its own, in the order in which they are tried.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    each: Vec<Config>,
    wanted: TargetSessionAttrs,
    tls: Tls,
    /// Time limit for one server, so that trying all takes no longer than the limit for a single one.
    limit: Option<Duration>,
}

impl Hosts {
    pub(crate) fn of(url: &PostgresUrl) -> Self {
        let PostgresUrl { config: url, tls } = url;
        let count = url.get_hosts().len().max(url.get_hostaddrs().len()).max(1);
        let limit = url.get_connect_timeout().copied();
        Self {
            each: (0..count).map(|place| only(url, place, count)).collect(),
            wanted: url.get_target_session_attrs(),
            tls: tls.clone(),
            limit: limit.map(|limit| limit / u32::try_from(count).unwrap_or(u32::MAX)),
        }
    }

    async fn raw(
        &self,
        place: usize,
    ) -> Result<(Client, tokio_postgres::Connection<Socket, Encrypted>), StoreError> {
        let Some(config) = self.each.get(place) else {
            return Err(StoreError::Unavailable("the URL names no server".to_owned()));
        };
        let connecting = Box::pin(config.connect(self.tls.connector()));
        self.in_time(async { connecting.await.map_err(|error| connect_error(&error)) })
            .await
    }

    /// The driver's limit covers only the TCP connect, not a server that accepts and then sends nothing.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        match self.limit {
            Some(limit) => tokio::time::timeout(limit, work)
                .await
                .map_err(|_| StoreError::Unavailable(format!("no answer within {limit:?}")))?,
            None => work.await,
        }
    }

    /// A connection outside the pool, to a server that takes writes if there is one, in a session of the role that
    /// the URL names.
    pub(crate) async fn own_connection(&self) -> Result<Client, StoreError> {
        let mut other = None;
        let mut failed = StoreError::Unavailable("the URL names no server".to_owned());
        for place in 0..self.each.len() {
            let (client, wire) = match self.raw(place).await {
                Ok(connected) => connected,
                Err(error) => {
                    failed = error;
                    continue;
                }
            };
            // The task ends when the client is dropped.
            drop(tokio::spawn(wire));
            // A simple query: a prepared one relies on the session staying the same, which a pooler may not grant.
            let asked = client.simple_query("SHOW transaction_read_only");
            match self
                .in_time(async { asked.await.map_err(|error| connect_error(&error)) })
                .await
            {
                Ok(answers) if !is_on(&answers) => return Ok(client),
                Ok(_) => other = other.or(Some(client)),
                Err(error) => failed = error,
            }
        }
        other.ok_or(failed)
    }
}

/// `url` reduced to one of its hosts.
fn only(url: &Config, place: usize, count: usize) -> Config {
    if count == 1 {
        let mut config = url.clone();
        config.target_session_attrs(TargetSessionAttrs::Any);
        return config;
    }
    let mut config = Config::new();
    match url.get_hosts().get(place) {
        Some(Host::Tcp(name)) => drop(config.host(name.as_str())),
        #[cfg(unix)]
        Some(Host::Unix(path)) => drop(config.host_path(path)),
        None => {}
    }
    if let Some(address) = url.get_hostaddrs().get(place) {
        config.hostaddr(*address);
    }
    let ports = url.get_ports();
    if let Some(port) = ports.get(place).or_else(|| ports.first()) {
        config.port(*port);
    }
    macro_rules! copy {
        ($($get:ident => $set:ident),+) => {$(
            if let Some(value) = url.$get() {
                config.$set(value.to_owned());
            }
        )+};
    }
    copy!(
        get_user => user, get_password => password, get_dbname => dbname, get_options => options,
        get_application_name => application_name, get_connect_timeout => connect_timeout,
        get_tcp_user_timeout => tcp_user_timeout, get_keepalives_interval => keepalives_interval,
        get_keepalives_retries => keepalives_retries
    );
    config
        .keepalives(url.get_keepalives())
        .keepalives_idle(url.get_keepalives_idle())
        .ssl_mode(url.get_ssl_mode())
        .ssl_negotiation(url.get_ssl_negotiation())
        .channel_binding(url.get_channel_binding());
    config
}

/// Whether the database takes writes, as learned from connecting and from refused writes.
#[derive(Debug, Default)]
pub(crate) struct Writable {
    read_only: AtomicBool,
    /// Number of the current look; a connection to a server without writes belongs to one look.
    look: AtomicU64,
    looked: Mutex<Option<Instant>>,
}

impl Writable {
    /// Whether no server that accepts writes is known.
    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only.load(Ordering::Relaxed)
    }

    /// Records that a server refused a write.
    pub(crate) fn was_refused(&self) {
        self.read_only.store(true, Ordering::Relaxed);
    }

    /// Whether a look is due; true for one caller per interval.
    fn is_due(&self) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = looked.is_none_or(|last| last.elapsed() >= LOOK_EVERY);
        if due {
            *looked = Some(Instant::now());
        }
        due
    }

    /// Records the result of trying all servers. Once one takes writes, all connections to others become outdated.
    fn found(&self, writable: bool) {
        if self.read_only.swap(!writable, Ordering::Relaxed) && writable {
            self.look.fetch_add(1, Ordering::Relaxed);
        }
        if !writable {
            *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }
}

/// Creates and checks connections for the pool.
pub(crate) struct Manager {
    hosts: Hosts,
    writable: Arc<Writable>,
    /// Index of the server that took writes last; it is tried first.
    first: AtomicUsize,
}

impl Manager {
    pub(crate) fn new(url: &PostgresUrl, writable: Arc<Writable>) -> Self {
        Self {
            hosts: Hosts::of(url),
            writable,
            first: AtomicUsize::new(0),
        }
    }

    pub(super) async fn own_connection(&self) -> Result<Client, StoreError> {
        self.hosts.own_connection().await
    }

    async fn dial(&self, place: usize) -> Result<Connection, StoreError> {
        let look = self.writable.look.load(Ordering::Relaxed);
        let (client, wire) = self.hosts.raw(place).await?;
        let session = Connection::begin_session(client, wire, self.hosts.tls.clone(), look);
        let begun = async { session.await.map_err(|error| connect_error(&error)) };
        self.hosts.in_time(begun).await
    }
}

/// Whether the server, or a pooler in front of it, has no connection left. PgBouncer says so with the SQLSTATE of every
/// protocol violation and these words: for a new client (`max_client_conn`, `max_user_client_connections`), and for one that
/// waited too long for a session (`query_wait_timeout`).
fn is_full(error: &tokio_postgres::Error) -> bool {
    error.as_db_error().is_some_and(|refusal| {
        *refusal.code() == SqlState::TOO_MANY_CONNECTIONS
            || *refusal.code() == SqlState::PROTOCOL_VIOLATION
                && ["no more connections allowed", "query_wait_timeout"]
                    .iter()
                    .any(|words| refusal.message().starts_with(words))
    })
}

/// Maps an error met while connecting. When all connections of the server are taken the server itself is healthy.
fn connect_error(error: &tokio_postgres::Error) -> StoreError {
    if is_full(error) {
        tracing::warn!(
            "PostgreSQL, or the pooler in front of it, has no connection left: give it more, or this server fewer \
             (RUSTOK_POSTGRES_CONNECTIONS)"
        );
        return StoreError::Overloaded;
    }
    StoreError::Unavailable(StoreError::driver_text(error))
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = StoreError;

    /// Connects to the first server that takes writes, unless the URL wants others; without one, to a server that
    /// serves reads.
    async fn create(&self) -> Result<Connection, StoreError> {
        let count = self.hosts.each.len();
        let first = self.first.load(Ordering::Relaxed);
        let (mut readable, mut failed) = (None, None);
        for place in (0..count).map(|step| (first + step) % count) {
            // Boxed: this future is large, rarely run, and part of every future that may need a connection.
            match Box::pin(self.dial(place)).await {
                Ok(connection) if connection.read_only().is_none() => {
                    if self.hosts.wanted == TargetSessionAttrs::ReadOnly {
                        continue;
                    }
                    self.first.store(place, Ordering::Relaxed);
                    self.writable.found(true);
                    return Ok(connection);
                }
                Ok(connection) => readable = readable.or(Some(connection)),
                Err(error) => failed = Some(error),
            }
        }
        let unfit = || StoreError::Unavailable("no server is as the URL wants it".to_owned());
        let Some(connection) = readable else {
            return Err(failed.unwrap_or_else(unfit));
        };
        self.writable.found(false);
        if self.hosts.wanted == TargetSessionAttrs::ReadWrite {
            return Err(unfit());
        }
        Ok(connection)
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<StoreError> {
        if !connection.is_alive() {
            return Err(RecycleError::message("the connection has ended"));
        }
        let Some(look) = connection.read_only() else {
            return Ok(());
        };
        if look != self.writable.look.load(Ordering::Relaxed) || self.writable.is_due() {
            return Err(RecycleError::message("there may be a server that takes writes"));
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::postgres::with_limits;

    #[test]
    fn each_host_has_all_that_the_url_says_of_it() {
        let url = "postgres://u:p@one:1,two:2/shop?application_name=x&connect_timeout=4&keepalives=0\
                   &target_session_attrs=read-write&sslmode=disable&options=-cx%3D1";
        let hosts = Hosts::of(&url.parse().unwrap());
        assert_eq!(hosts.wanted, TargetSessionAttrs::ReadWrite);
        assert_eq!(hosts.limit, Some(Duration::from_secs(2)));
        for (place, (host, port)) in [("one", 1), ("two", 2)].into_iter().enumerate() {
            let text = format!(
                "postgres://u:p@{host}:{port}/shop?application_name=x&connect_timeout=4&keepalives=0\
                 &sslmode=disable&options=-cx%3D1"
            );
            assert_eq!(hosts.each[place], with_limits(text.parse::<Config>().unwrap()));
        }
        let one: PostgresUrl = "postgres://u@/shop?host=/tmp".parse().unwrap();
        assert_eq!(Hosts::of(&one).each, [one.config]);
    }
}
