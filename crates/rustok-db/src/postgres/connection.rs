//! A connection without a background task: the future that awaits a reply drives the socket.
//!
//! The driver is designed for one task per connection that carries all messages: two task switches, often between
//! threads, for each exchange. Here the waiting future reads and writes the socket itself. While none waits, incoming
//! data stays unread: the answer to a ROLLBACK, or the end of the connection, is processed by the next exchange.
//! Therefore anything that must be sent without waiting goes through [`Connection::post`].

use super::tls::{Encrypted, Tls};
use super::{IDLE_LIMIT, LOCK_LIMIT};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tokio::task::coop::unconstrained;
use tokio_postgres::{Client, Error, SimpleQueryMessage, Socket, Statement};

/// A connection and its prepared statements.
pub(crate) struct Connection {
    client: Client,
    tls: Tls,
    /// `None` once the connection has ended; pending exchanges then fail.
    wire: Wire,
    statements: Statements,
    /// The error with which the server ended the session unprompted.
    farewell: Option<Error>,
    /// Set if the server reported at session start that it takes no writes: the look (see `Writable`) that found
    /// this.
    read_only: Option<u64>,
}

/// Turns off plans that read more than the requested page.
const PLANS: &str = "SET enable_seqscan = off;SET enable_bitmapscan = off;SET enable_hashjoin = off;SET enable_mergejoin = off;";

/// The SQL that sets up a session: between two transactions it has no rights. What is sent outside of our
/// transactions, because BEGIN was refused or a proxy ended it, runs as a role that sees and writes no row, instead
/// of the role that the URL names. Preparing a statement also waits for locks, outside of any transaction's limit:
/// hence [`LOCK_LIMIT`]. The last statement asks whether the server takes writes.
///
/// Every statement uses a generic plan along keys: planning anew for each set of values costs more than running it,
/// and the server would do so for lists of ids. Keys are used whatever amount of data the planner assumes
/// (docs/adr/0024): reading all matches and sorting them is cheaper only while tables are small.
fn session() -> String {
    format!(
        "SET ROLE rustok_app;SET plan_cache_mode = force_generic_plan;{PLANS}\
         SET idle_in_transaction_session_timeout = {};SET lock_timeout = {};SHOW transaction_read_only",
        IDLE_LIMIT.as_millis(),
        LOCK_LIMIT.as_millis()
    )
}

/// Whether a setting read with SHOW is on.
pub(super) fn is_on(answers: &[SimpleQueryMessage]) -> bool {
    answers.iter().any(|answer| match answer {
        SimpleQueryMessage::Row(row) => row.get(0) == Some("on"),
        _ => false,
    })
}

impl Connection {
    /// Drops the rights of the role that the URL names from the session. `look` is recorded if the server takes no
    /// writes.
    pub(super) async fn begin_session(
        client: Client,
        wire: tokio_postgres::Connection<Socket, Encrypted>,
        tls: Tls,
        look: u64,
    ) -> Result<Self, Error> {
        let mut connection = Self {
            client,
            tls,
            wire: Some(wire),
            statements: Statements::default(),
            farewell: None,
            read_only: None,
        };
        let answers = connection
            .exchange(async |client, _| client.simple_query(&session()).await)
            .await?;
        connection.read_only = is_on(&answers).then_some(look);
        Ok(connection)
    }

    /// The look that connected to a server without writes; `None` if the server takes writes.
    pub(super) const fn read_only(&self) -> Option<u64> {
        self.read_only
    }

    /// Runs `work` with the client and drives the socket until it ends.
    pub(crate) async fn exchange<T>(&mut self, work: impl AsyncFnOnce(&Client, &mut Statements) -> T) -> T {
        let Self {
            client,
            wire,
            statements,
            farewell,
            ..
        } = self;
        let mut work = pin!(work(client, statements));
        poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(done);
            }
            move_on(wire, farewell, context);
            work.as_mut().poll(context)
        })
        .await
    }

    /// Sends `sql` without waiting for its answer, which arrives before all later ones.
    pub(crate) fn post(&mut self, sql: &str) {
        poll_once(self.client.batch_execute(sql));
        self.leave();
    }

    /// Flushes outgoing data, even in a task that has used up its cooperative budget, and detaches the waker: data
    /// that arrives later wakes no task.
    pub(crate) fn leave(&mut self) {
        poll_once(unconstrained(poll_fn(|context| {
            move_on(&mut self.wire, &mut self.farewell, context);
            Poll::Ready(())
        })));
    }

    /// The error with which the server ended the session before the last request: nothing sent since has run.
    pub(super) fn take_farewell(&mut self) -> Option<Error> {
        self.farewell.take_if(|error| error.as_db_error().is_some())
    }

    /// A request that cancels the running statement, over a separate connection.
    pub(crate) fn cancel(&self) -> impl Future<Output = Result<(), Error>> + use<> {
        let (token, connector) = (self.client.cancel_token(), self.tls.connector());
        async move { token.cancel_query(connector).await }
    }

    /// Processes what has arrived since the last use; true if the connection is usable.
    pub(super) fn is_alive(&mut self) -> bool {
        self.leave();
        self.wire.is_some()
    }
}

impl Drop for Connection {
    /// Reads what has arrived: closing a socket with unread data resets it, which PostgreSQL logs.
    fn drop(&mut self) {
        self.leave();
    }
}

type Wire = Option<tokio_postgres::Connection<Socket, Encrypted>>;

/// Polls `work` once and does not wait for its end: a call of the client has queued its message by then.
pub(crate) fn poll_once(work: impl Future) {
    let _ = pin!(work).poll(&mut Context::from_waker(Waker::noop()));
}

/// Flushes outgoing data and dispatches what has arrived to the pending exchanges.
fn move_on(wire: &mut Wire, farewell: &mut Option<Error>, context: &mut Context<'_>) {
    let Some(moving) = wire else { return };
    loop {
        match moving.poll_message(context) {
            Poll::Pending => return,
            // A notice, which no exchange waits for.
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(ended) => {
                *farewell = ended.and_then(Result::err);
                *wire = None;
                return;
            }
        }
    }
}

/// Prepared statements kept per connection: some more than there are. Each uses memory on the server too, and filters
/// produce many texts of one statement.
const MOST_STATEMENTS: usize = 256;

/// Prepared statements by text, each with the number of its last use.
#[derive(Default)]
pub(crate) struct Statements {
    prepared: HashMap<Box<str>, (Statement, u64)>,
    uses: u64,
}

impl Statements {
    /// Prepares it on first use.
    pub(crate) async fn prepared(&mut self, client: &Client, sql: &str) -> Result<Statement, Error> {
        self.uses += 1;
        if let Some((statement, used)) = self.prepared.get_mut(sql) {
            *used = self.uses;
            return Ok(statement.clone());
        }
        let statement = Box::pin(client.prepare(sql)).await?;
        if self.prepared.len() >= MOST_STATEMENTS {
            self.forget_oldest();
        }
        self.prepared.insert(sql.into(), (statement.clone(), self.uses));
        Ok(statement)
    }

    /// Evicts the least recently used statement; it is closed on the server once no exchange uses it.
    fn forget_oldest(&mut self) {
        let oldest = self.prepared.iter().min_by_key(|(_, (_, used))| *used);
        if let Some(sql) = oldest.map(|(sql, _)| sql.clone()) {
            self.prepared.remove(&sql);
        }
    }
}
