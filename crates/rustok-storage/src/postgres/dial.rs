//! Which server of a URL is dialled, and what is known of whether the database takes writes.
//!
//! A server that takes no writes, a standby or one that was made read-only, is used for reads while there is no other
//! one. It must never be used for longer than that: a look is taken every second, by whoever needs a connection next.

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

/// How often it is tried whether there is a server that takes writes, while none is known.
const LOOK_EVERY: Duration = Duration::from_secs(1);

/// The servers that a URL names, each as a URL of its own, in the sequence in which they are tried.
#[derive(Debug, Clone)]
pub(crate) struct Hosts {
    each: Vec<Config>,
    wanted: TargetSessionAttrs,
    tls: Tls,
    /// How long one may take, so that all together take no longer than one may without the others.
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
        self.in_time(async { connecting.await.map_err(|error| not_let_in(&error)) })
            .await
    }

    /// The driver bounds only how long TCP may take, not a server that accepts and says nothing.
    async fn in_time<T>(&self, work: impl Future<Output = Result<T, StoreError>>) -> Result<T, StoreError> {
        match self.limit {
            Some(limit) => tokio::time::timeout(limit, work)
                .await
                .map_err(|_| StoreError::Unavailable(format!("no answer within {limit:?}")))?,
            None => work.await,
        }
    }

    /// A connection of its own to a server that takes writes if there is one, in the session of whom the URL names.
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
            // It ends by itself when the client is dropped.
            drop(tokio::spawn(wire));
            // A simple query: what prepares something first has to know that the session is its own.
            let asked = client.simple_query("SHOW transaction_read_only");
            match self
                .in_time(async { asked.await.map_err(|error| not_let_in(&error)) })
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

/// `url` with one of its hosts only.
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

/// What is known of whether the database takes writes, told by whoever dials and by whoever writes.
#[derive(Debug, Default)]
pub(crate) struct Writable {
    read_only: AtomicBool,
    /// Which look it is; one connection to a server without writes belongs to one look.
    look: AtomicU64,
    looked: Mutex<Option<Instant>>,
}

impl Writable {
    /// Whether no server is known that takes writes.
    pub(crate) fn is_read_only(&self) -> bool {
        self.read_only.load(Ordering::Relaxed)
    }

    /// A server that took writes takes none any more.
    pub(crate) fn was_refused(&self) {
        self.read_only.store(true, Ordering::Relaxed);
    }

    /// Whether it is time that somebody looks; for one caller each time.
    fn is_due(&self) -> bool {
        let mut looked = self.looked.lock().unwrap_or_else(PoisonError::into_inner);
        let due = looked.is_none_or(|last| last.elapsed() >= LOOK_EVERY);
        if due {
            *looked = Some(Instant::now());
        }
        due
    }

    /// What dialling all servers came to. Once there is one that takes writes, all connections to others go.
    fn found(&self, writable: bool) {
        if self.read_only.swap(!writable, Ordering::Relaxed) && writable {
            self.look.fetch_add(1, Ordering::Relaxed);
        }
        if !writable {
            *self.looked.lock().unwrap_or_else(PoisonError::into_inner) = Some(Instant::now());
        }
    }
}

/// Makes connections for the pool.
pub(crate) struct Manager {
    hosts: Hosts,
    writable: Arc<Writable>,
    /// Who took writes last is tried first.
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
        let begun = async { session.await.map_err(|error| not_let_in(&error)) };
        self.hosts.in_time(begun).await
    }
}

/// Whatever the server says to somebody who knocks: he is not let in. Where only others have all connections, nothing is
/// wrong with the server.
fn not_let_in(error: &tokio_postgres::Error) -> StoreError {
    if error.code() == Some(&SqlState::TOO_MANY_CONNECTIONS) {
        tracing::warn!(
            "PostgreSQL has no connection left: give it more, or this server fewer (RUSTOK_POSTGRES_CONNECTIONS)"
        );
        return StoreError::Overloaded;
    }
    StoreError::Unavailable(StoreError::driver_text(error))
}

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = StoreError;

    /// To the first server that takes writes, unless the URL wants others; if there is none, to one that can be read.
    async fn create(&self) -> Result<Connection, StoreError> {
        let count = self.hosts.each.len();
        let first = self.first.load(Ordering::Relaxed);
        let (mut readable, mut failed) = (None, None);
        for place in (0..count).map(|step| (first + step) % count) {
            // In a box: it is large, rarely run, and part of every future that may need a connection.
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
