//! A TCP proxy that injects faults on command: latency, silence, closed, reset and refused connections, and recovery.
//!
//! Put it in front of PostgreSQL, or of any other server, and control it from the test:
//!
//! ```
//! use rustok_test_support::{Fault, FaultProxy};
//! use std::io::{Read, Write};
//! use std::time::Duration;
//!
//! let server = std::net::TcpListener::bind("127.0.0.1:0")?;
//! let proxy = FaultProxy::start(server.local_addr()?);
//! let mut client = std::net::TcpStream::connect(proxy.address())?;
//!
//! proxy.set(Fault::BlackHole);
//! client.write_all(b"hello")?;
//! client.set_read_timeout(Some(Duration::from_millis(50)))?;
//! assert!(client.read(&mut [0; 5]).is_err());
//! assert_eq!(proxy.traffic().bytes_to_server, 0);
//!
//! proxy.heal();
//! let mut hello = [0; 5];
//! server.accept()?.0.read_exact(&mut hello)?;
//! assert_eq!(&hello, b"hello");
//! # Ok::<(), std::io::Error>(())
//! ```
//!
//! It has its own thread and runtime, and its handle is not async, so it also serves a server in another process, and
//! a test that blocks its only thread. Each call waits for that thread, which takes microseconds.
//!
//! It needs real time. In a test with a paused clock the test's own timers run ahead while the proxy's do not.
//!
//! It must never lose, repeat or reorder a byte: what arrives is always a prefix of what was sent, and after healing
//! everything arrives on every connection that the proxy did not end.

mod connection;
#[cfg(test)]
mod tests;

use connection::Connection;
use std::net::{Ipv4Addr, SocketAddr, ToSocketAddrs};
use std::sync::{Arc, Mutex, mpsc as blocking};
use std::thread::JoinHandle;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::{mpsc, watch};
use tokio_postgres::Config;
use tokio_postgres::config::Host;

/// The longest delay of a fault. For a longer one use [`Fault::BlackHole`].
const LONGEST: Duration = Duration::from_secs(24 * 3600);

/// A fault of the network path through the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Fault {
    /// Nothing.
    #[default]
    None,
    /// Bytes arrive later by `delay` and up to `jitter` more, never reordered. The amount in flight is limited to
    /// 1 MiB per direction of a connection.
    ///
    /// The jitter is drawn from a generator that is seeded with the connection's number, so a repeated test run gets
    /// the same values.
    Latency {
        /// The minimum delay.
        delay: Duration,
        /// The maximum addition to it.
        jitter: Duration,
    },
    /// At most this many bytes pass per second on each connection.
    Bandwidth {
        /// At least 1.
        bytes_per_second: u64,
    },
    /// Bytes are forwarded in pieces of at most `bytes`, with a pause after each.
    Slice {
        /// At least 1.
        bytes: usize,
        /// From the end of a piece to the start of the next.
        pause: Duration,
    },
    /// The connection is closed in both directions with FIN after this many bytes. On an existing connection the
    /// count starts now; 0 closes it at once.
    CloseAfter {
        /// How many more bytes pass.
        bytes: u64,
    },
    /// Connections stay open and new ones are accepted, but neither data nor the end of a connection is forwarded.
    /// After healing each continues where it was.
    BlackHole,
    /// Every connection is reset (RST), existing and new ones. Applies to both directions, whichever is set.
    Reset,
    /// As without a listener: every existing connection is reset, new ones are refused. The port stays reserved, so
    /// no other socket gets it as a free port. Applies to both directions, whichever is set.
    Refuse,
}

/// One of the two directions through the proxy.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Direction {
    /// From the client that connected to the proxy.
    ToServer,
    /// From the server behind it.
    ToClient,
}

/// The traffic through the proxy so far.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Traffic {
    /// Accepted connections, including those that were reset at once.
    pub accepted: u64,
    /// Open connections. One that a client closed in a black hole counts until that is healed.
    pub open: u64,
    /// Bytes forwarded to the server.
    pub bytes_to_server: u64,
    /// Bytes forwarded to the client.
    pub bytes_to_client: u64,
    /// How often a client started to send: first, and again after each reply of the server. The difference of two
    /// readings is the number of round trips between them. To count pipelined statements as one, delay the replies
    /// with a [`Fault::Latency`] to the client.
    pub turns: u64,
}

/// A proxy on its own port. Dropped, it closes all connections and its port.
#[derive(Debug)]
pub struct FaultProxy {
    address: SocketAddr,
    orders: mpsc::UnboundedSender<Order>,
    thread: Option<JoinHandle<()>>,
}

impl FaultProxy {
    /// Starts a proxy without a fault in front of `upstream`: an address, `"127.0.0.1:5432"` or a host and a port.
    ///
    /// # Panics
    /// When `upstream` does not resolve, or no port is available.
    #[must_use]
    pub fn start(upstream: impl ToSocketAddrs) -> Self {
        let upstream = upstream.to_socket_addrs().unwrap().next().unwrap();
        let port = socket((Ipv4Addr::LOCALHOST, 0).into());
        let address = port.local_addr().unwrap();
        let (orders, inbox) = mpsc::unbounded_channel();
        let thread = std::thread::Builder::new()
            .name("fault-proxy".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                // Dropping the proxy when it ends closes every connection.
                runtime.block_on(async { Proxy::new(upstream, port).run(inbox).await });
            })
            .unwrap();
        let proxy = Self {
            address,
            orders,
            thread: Some(thread),
        };
        // The reply shows that it is listening.
        proxy.ask(None);
        proxy
    }

    /// Starts a proxy in front of the server of a `postgres://` URL, such as a `TestDatabase`'s.
    ///
    /// # Panics
    /// When the URL does not name one server and one TCP port, and as [`Self::start`].
    #[must_use]
    pub fn of_database(url: &str) -> Self {
        Self::start(server_of(url))
    }

    /// The address that it listens on.
    #[must_use]
    pub fn address(&self) -> SocketAddr {
        self.address
    }

    /// The same `postgres://` URL, but through this proxy.
    ///
    /// # Panics
    /// When the URL does not name one server and one TCP port as `host:port`.
    #[must_use]
    pub fn database_url(&self, url: &str) -> String {
        rerouted(url, self.address)
    }

    /// Sets a fault for both directions, replacing the current ones.
    ///
    /// When this returns, it applies to every connection: no byte passes under the old setting.
    ///
    /// # Panics
    /// When a number is 0 that must not be, or a duration is longer than a day.
    pub fn set(&self, fault: Fault) {
        self.change(None, fault);
    }

    /// Sets a fault for one direction only. See [`Self::set`].
    ///
    /// # Panics
    /// As [`Self::set`].
    pub fn set_one_way(&self, direction: Direction, fault: Fault) {
        self.change(Some(direction), fault);
    }

    /// Removes the faults of both directions. Held-back data continues at once.
    pub fn heal(&self) {
        self.set(Fault::None);
    }

    /// The traffic so far, exact to the byte at this moment.
    #[must_use]
    pub fn traffic(&self) -> Traffic {
        self.ask(None)
    }

    fn change(&self, direction: Option<Direction>, fault: Fault) {
        let sound = match fault {
            Fault::Latency { delay, jitter } => delay <= LONGEST && jitter <= LONGEST,
            Fault::Bandwidth { bytes_per_second } => bytes_per_second > 0,
            Fault::Slice { bytes, pause } => bytes > 0 && pause <= LONGEST,
            _ => true,
        };
        assert!(sound, "{fault:?}");
        self.ask(Some((direction, fault)));
    }

    fn ask(&self, change: Option<Change>) -> Traffic {
        let (done, answer) = blocking::channel();
        self.orders.send(Order { change, done }).ok();
        answer
            .recv()
            .unwrap_or_else(|_| panic!("the thread of the fault proxy has ended"))
    }
}

impl Drop for FaultProxy {
    fn drop(&mut self) {
        // Without a sender the thread ends, and with its runtime all connections.
        self.orders = mpsc::unbounded_channel().0;
        if let Some(thread) = self.thread.take() {
            thread.join().ok();
        }
    }
}

/// A fault for one way, or for both.
type Change = (Option<Direction>, Fault);

/// A command from the handle to the thread.
#[derive(Debug)]
struct Order {
    change: Option<Change>,
    done: blocking::Sender<Traffic>,
}

/// A fault and its generation, so that the same fault set again counts as a new one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
struct Current {
    fault: Fault,
    number: u64,
}

/// The setting that every connection checks before it forwards a byte.
#[derive(Debug, Clone, Copy, Default)]
struct Setting {
    /// By [`Direction`].
    faults: [Current; 2],
    /// How often all connections were reset: those accepted at a lower count must be closed, even if healed since.
    resets: u64,
}

impl Setting {
    fn has(&self, fault: Fault) -> bool {
        self.faults.iter().any(|current| current.fault == fault)
    }
}

/// Only the proxy's thread changes it, between two system calls, so a reading on that thread is exact.
type Counts = Arc<Mutex<Traffic>>;

/// The state of the proxy's thread.
struct Proxy {
    upstream: SocketAddr,
    /// Bound and never listening: reserves the port while there is no listener.
    port: TcpSocket,
    /// `None` while connections are refused.
    listener: Option<TcpListener>,
    setting: watch::Sender<Setting>,
    counts: Counts,
}

impl Proxy {
    fn new(upstream: SocketAddr, port: TcpSocket) -> Self {
        Self {
            upstream,
            listener: Some(listen(&port)),
            port,
            setting: watch::Sender::default(),
            counts: Arc::default(),
        }
    }

    async fn run(mut self, mut inbox: mpsc::UnboundedReceiver<Order>) {
        loop {
            tokio::select! {
                biased;
                order = inbox.recv() => {
                    let Some(Order { change, done }) = order else { return };
                    if let Some((direction, fault)) = change {
                        self.apply(direction, fault);
                    }
                    done.send(*self.counts.lock().unwrap()).ok();
                }
                client = accept(self.listener.as_ref()) => self.serve(client),
            }
        }
    }

    fn apply(&mut self, direction: Option<Direction>, fault: Fault) {
        let resets = matches!(fault, Fault::Reset | Fault::Refuse);
        self.setting.send_modify(|setting| {
            for way in [Direction::ToServer, Direction::ToClient] {
                if direction.is_none_or(|only| only == way) {
                    let current = &mut setting.faults[way as usize];
                    current.fault = fault;
                    current.number += 1;
                }
            }
            setting.resets += u64::from(resets);
        });
        // Closing a listener resets connections in its backlog.
        if resets || self.listener.is_none() {
            let refused = self.setting.borrow().has(Fault::Refuse);
            self.listener = (!refused).then(|| listen(&self.port));
        }
    }

    fn serve(&self, client: TcpStream) {
        let setting = *self.setting.borrow();
        let mut counts = self.counts.lock().unwrap();
        counts.accepted += 1;
        if setting.has(Fault::Reset) {
            client.set_zero_linger().ok();
            return;
        }
        counts.open += 1;
        let connection = Connection {
            number: counts.accepted,
            resets: setting.resets,
            setting: self.setting.subscribe(),
            counts: Arc::clone(&self.counts),
        };
        drop(tokio::spawn(connection.run(client, self.upstream)));
    }
}

async fn accept(listener: Option<&TcpListener>) -> TcpStream {
    match listener {
        Some(listener) => listener.accept().await.unwrap().0,
        None => std::future::pending().await,
    }
}

/// Several of these sockets can share one address, because all set the option before they are bound.
fn socket(address: SocketAddr) -> TcpSocket {
    let socket = TcpSocket::new_v4().unwrap();
    socket.set_reuseaddr(true).unwrap();
    socket.set_reuseport(true).unwrap();
    socket.bind(address).unwrap();
    socket
}

fn listen(port: &TcpSocket) -> TcpListener {
    socket(port.local_addr().unwrap()).listen(1024).unwrap()
}

/// Host and port of a URL with a single server.
pub(crate) fn server_of(url: &str) -> (String, u16) {
    // Error messages omit the URL, which may contain a password.
    let config: Config = url.parse().unwrap();
    match (config.get_hosts(), config.get_ports()) {
        ([Host::Tcp(host)], []) => (host.clone(), 5432),
        ([Host::Tcp(host)], [port]) => (host.clone(), *port),
        _ => panic!("the URL names no single server that is reached over TCP"),
    }
}

pub(crate) fn rerouted(url: &str, address: SocketAddr) -> String {
    let (scheme, rest) = url.split_once("://").unwrap();
    let (authority, path) = rest.split_at(rest.find(['/', '?']).unwrap_or(rest.len()));
    let user = authority.rfind('@').map_or("", |at| &authority[..=at]);
    let url = format!("{scheme}://{user}{address}{path}");
    let led_to = server_of(&url);
    assert_eq!(
        led_to,
        (address.ip().to_string(), address.port()),
        "its query names another"
    );
    url
}
