//! One connection through the fault proxy: two pumps, one for each direction.
//!
//! A pump must check the setting before it touches a socket: all run on one thread, so nothing can change between
//! that check and the system call.

use super::{Counts, Current, Direction, Fault, Setting};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use tokio::net::tcp::{ReadHalf, WriteHalf};
use tokio::sync::watch;
use tokio::time::{Instant, sleep_until};

/// Maximum number of bytes per read.
const CHUNK: usize = 16 << 10;
/// Maximum number of bytes in flight in a pump before it stops reading.
const UNDER_WAY: usize = 1 << 20;

/// The state shared by both pumps of a connection.
pub(super) struct Connection {
    /// From 1, in the order of acceptance.
    pub(super) number: u64,
    /// The reset count when it was accepted.
    pub(super) resets: u64,
    pub(super) setting: watch::Receiver<Setting>,
    pub(super) counts: Counts,
}

/// Why a connection ends before both sides have closed it.
enum End {
    Close,
    Reset,
}

impl From<io::Error> for End {
    /// Most likely the other side has reset its connection.
    fn from(_: io::Error) -> Self {
        Self::Reset
    }
}

impl Connection {
    pub(super) async fn run(self, client: TcpStream, upstream: SocketAddr) {
        self.carry(client, upstream).await;
        self.counts.lock().unwrap().open -= 1;
    }

    async fn carry(&self, mut client: TcpStream, upstream: SocketAddr) {
        let Ok(mut server) = self.dial(upstream).await else {
            client.set_zero_linger().ok();
            return;
        };
        // Without Nagle's algorithm a piece is one packet, and only the proxy delays it.
        client.set_nodelay(true).ok();
        server.set_nodelay(true).ok();
        let answered = AtomicBool::new(true);
        let ((from_client, to_client), (from_server, to_server)) = (client.split(), server.split());
        let questions = Pump::new(self, Direction::ToServer, from_client, to_server, &answered);
        let answers = Pump::new(self, Direction::ToClient, from_server, to_client, &answered);
        if let Err(End::Reset) = tokio::try_join!(questions.run(), answers.run()) {
            client.set_zero_linger().ok();
            server.set_zero_linger().ok();
        }
    }

    /// Not in a black hole: the server must not see this connection.
    async fn dial(&self, upstream: SocketAddr) -> Result<TcpStream, End> {
        let mut setting = self.setting.clone();
        let silent =
            |setting: &Setting| setting.faults[Direction::ToServer as usize].fault == Fault::BlackHole;
        let allowed = setting.wait_for(|setting| setting.resets != self.resets || !silent(setting));
        if allowed.await.map_err(|_| End::Close)?.resets != self.resets {
            return Err(End::Reset);
        }
        Ok(TcpStream::connect(upstream).await?)
    }
}

/// The data of one read.
struct Chunk {
    bytes: Vec<u8>,
    sent: usize,
    arrived: Instant,
}

struct Pump<'a> {
    connection: &'a Connection,
    direction: Direction,
    from: ReadHalf<'a>,
    to: WriteHalf<'a>,
    /// The client received data since it last sent.
    answered: &'a AtomicBool,
    setting: watch::Receiver<Setting>,
    current: Current,
    /// Bytes forwarded under the current fault.
    passed: u64,
    /// The earliest time of the next transfer under the current fault.
    free: Instant,
    generator: StdRng,
    /// The jitter of the first chunk.
    jitter: Duration,
    queue: VecDeque<Chunk>,
    queued: usize,
    /// The source has no more data.
    ended: bool,
}

impl<'a> Pump<'a> {
    fn new(
        connection: &'a Connection,
        direction: Direction,
        from: ReadHalf<'a>,
        to: WriteHalf<'a>,
        answered: &'a AtomicBool,
    ) -> Self {
        Self {
            connection,
            direction,
            from,
            to,
            answered,
            setting: connection.setting.clone(),
            current: Current::default(),
            passed: 0,
            free: Instant::now(),
            generator: StdRng::seed_from_u64(connection.number * 2 + direction as u64),
            jitter: Duration::ZERO,
            queue: VecDeque::new(),
            queued: 0,
            ended: false,
        }
    }

    async fn run(mut self) -> Result<(), End> {
        loop {
            self.look()?;
            if self.current.fault == Fault::BlackHole {
                self.setting.changed().await.map_err(|_| End::Close)?;
                continue;
            }
            if self.ended && self.queue.is_empty() {
                return Ok(self.to.shutdown().await?);
            }
            let (leaves, n) = self.next_piece();
            let due = n > 0 && leaves <= Instant::now();
            let piece = self
                .queue
                .front()
                .map_or(&[][..], |chunk| &chunk.bytes[chunk.sent..][..n]);
            let mut bytes = Vec::with_capacity(CHUNK);
            tokio::select! {
                biased;
                changed = self.setting.changed() => changed.map_err(|_| End::Close)?,
                written = self.to.write(piece), if due => self.handed_on(written?, leaves),
                () = sleep_until(leaves), if n > 0 && !due => {}
                read = self.from.read_buf(&mut bytes), if !self.ended && self.queued < UNDER_WAY => {
                    read?;
                    self.took(bytes);
                }
            }
        }
    }

    /// Applies the current setting; fails if the connection must end.
    fn look(&mut self) -> Result<(), End> {
        let setting = *self.setting.borrow_and_update();
        if setting.resets != self.connection.resets {
            return Err(End::Reset);
        }
        let current = setting.faults[self.direction as usize];
        if current != self.current {
            self.current = current;
            self.passed = 0;
            self.free = Instant::now();
            self.jitter = self.draw();
        }
        match current.fault {
            Fault::CloseAfter { bytes } if self.passed >= bytes => Err(End::Close),
            _ => Ok(()),
        }
    }

    fn draw(&mut self) -> Duration {
        match self.current.fault {
            Fault::Latency { jitter, .. } => self.generator.random_range(Duration::ZERO..=jitter),
            _ => Duration::ZERO,
        }
    }

    /// When the next bytes may leave, and how many; 0 when there are none.
    fn next_piece(&self) -> (Instant, usize) {
        let Some(chunk) = self.queue.front() else {
            return (self.free, 0);
        };
        let (left, ready) = (chunk.bytes.len() - chunk.sent, chunk.arrived.max(self.free));
        match self.current.fault {
            Fault::Latency { delay, .. } => (chunk.arrived + delay + self.jitter, left),
            Fault::Bandwidth { bytes_per_second } => {
                // Twenty pieces per second; each leaves when its last byte would.
                let n = usize::try_from(bytes_per_second / 20).map_or(left, |n| n.clamp(1, left));
                let nanos = n as u64 * 1_000_000_000 / bytes_per_second;
                (ready + Duration::from_nanos(nanos), n)
            }
            Fault::Slice { bytes, .. } => (ready, left.min(bytes)),
            Fault::CloseAfter { bytes } => {
                let rest = usize::try_from(bytes - self.passed).unwrap_or(usize::MAX);
                (ready, left.min(rest))
            }
            Fault::None | Fault::BlackHole | Fault::Reset | Fault::Refuse => (ready, left),
        }
    }

    fn handed_on(&mut self, n: usize, leaves: Instant) {
        self.free = match self.current.fault {
            // Not from the current time: a late timer must not reduce the bandwidth.
            Fault::Bandwidth { .. } => leaves,
            Fault::Slice { pause, .. } => Instant::now() + pause,
            _ => self.free,
        };
        self.passed += n as u64;
        self.queued -= n;
        if let Some(chunk) = self.queue.front_mut() {
            chunk.sent += n;
            if chunk.sent == chunk.bytes.len() {
                self.queue.pop_front();
                self.jitter = self.draw();
            }
        }
        let mut counts = self.connection.counts.lock().unwrap();
        match self.direction {
            Direction::ToServer => counts.bytes_to_server += n as u64,
            Direction::ToClient => {
                counts.bytes_to_client += n as u64;
                self.answered.store(true, Ordering::Relaxed);
            }
        }
    }

    fn took(&mut self, bytes: Vec<u8>) {
        if bytes.is_empty() {
            self.ended = true;
            return;
        }
        if self.direction == Direction::ToServer && self.answered.swap(false, Ordering::Relaxed) {
            self.connection.counts.lock().unwrap().turns += 1;
        }
        self.queued += bytes.len();
        self.queue.push_back(Chunk {
            bytes,
            sent: 0,
            arrived: Instant::now(),
        });
    }
}
