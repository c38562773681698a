//! One connection, moved by whoever waits for an answer on it.
//!
//! The driver is made to have a task for each connection, to which every message goes and from which every answer comes:
//! two changes of tasks, often of threads, for each exchange. Here the one who waits writes and reads himself. While
//! nobody does, what comes lies where it is: the answer to a ROLLBACK, or the end of the connection, is met by the next
//! one. So whatever must not wait for him has to be sent with [`Connection::post`].

use super::tls::{Encrypted, Tls};
use super::{IDLE_LIMIT, LOCK_LIMIT};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tokio::task::coop::unconstrained;
use tokio_postgres::{Client, Error, SimpleQueryMessage, Socket, Statement};

/// A connection and what is prepared on it.
pub(crate) struct Connection {
    client: Client,
    tls: Tls,
    /// `None` once it has ended; whoever waits for an answer is then told.
    wire: Wire,
    statements: Statements,
    /// What the server said before it ended the session, unasked.
    farewell: Option<Error>,
    /// The server said at the beginning of this session that it takes no writes; which look found this out.
    read_only: Option<u64>,
}

/// Ways to go about a statement that read more than the page that is asked for.
const PLANS: &str = "SET enable_seqscan = off;SET enable_bitmapscan = off;SET enable_hashjoin = off;SET enable_mergejoin = off;";

/// The state that every session is in between two transactions: without rights. Whatever is sent while no transaction
/// of ours is open, since BEGIN was refused or somebody in between ended it, runs as a role that sees no row and may
/// write none, and not as whom the URL names. Preparing a statement waits for locks too, and no transaction bounds that
/// wait: it is [`LOCK_LIMIT`]. Answers whether the server takes writes.
///
/// Every statement goes along keys, whatever its values are: planning it for each of them anew costs more than running it.
/// Left to itself the server does that for lists of ids. And it goes along them however much data the planner believes
/// there is (docs/adr/0024): what reads all that matches and sorts it is cheaper for a while, and then it is not.
fn session() -> String {
    format!(
        "SET ROLE rustok_app;SET plan_cache_mode = force_generic_plan;{PLANS}\
         SET idle_in_transaction_session_timeout = {};SET lock_timeout = {};SHOW transaction_read_only",
        IDLE_LIMIT.as_millis(),
        LOCK_LIMIT.as_millis()
    )
}

/// Whether a setting that was shown is on.
pub(super) fn is_on(answers: &[SimpleQueryMessage]) -> bool {
    answers.iter().any(|answer| match answer {
        SimpleQueryMessage::Row(row) => row.get(0) == Some("on"),
        _ => false,
    })
}

impl Connection {
    /// Takes the rights of whom the URL names away from the session. `look` is kept when the server takes no writes.
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

    /// Which look at the servers made this connection to one that takes no writes; `None` when it takes them.
    pub(super) const fn read_only(&self) -> Option<u64> {
        self.read_only
    }

    /// Does `work` with the client, and moves what it sends and what it waits for.
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

    /// Sends `sql` and does not wait for its answer, which comes before all others.
    pub(crate) fn post(&mut self, sql: &str) {
        poll_once(self.client.batch_execute(sql));
        self.leave();
    }

    /// Writes what is to be sent, even for a task that has used up its turn, and forgets who waited: what comes later wakes
    /// nobody.
    pub(crate) fn leave(&mut self) {
        poll_once(unconstrained(poll_fn(|context| {
            move_on(&mut self.wire, &mut self.farewell, context);
            Poll::Ready(())
        })));
    }

    /// What the server said when it ended the session before it was asked again: nothing that was sent since has run.
    pub(super) fn take_farewell(&mut self) -> Option<Error> {
        self.farewell.take_if(|error| error.as_db_error().is_some())
    }

    /// What ends the statement that runs on it, from outside.
    pub(crate) fn cancel(&self) -> impl Future<Output = Result<(), Error>> + use<> {
        let (token, connector) = (self.client.cancel_token(), self.tls.connector());
        async move { token.cancel_query(connector).await }
    }

    /// Takes what came since it was used last. Whether it can be used.
    pub(super) fn is_alive(&mut self) -> bool {
        self.leave();
        self.wire.is_some()
    }
}

impl Drop for Connection {
    /// Takes what came: a socket that is closed with something unread is reset, and PostgreSQL's log says so.
    fn drop(&mut self) {
        self.leave();
    }
}

type Wire = Option<tokio_postgres::Connection<Socket, Encrypted>>;

/// Goes on with `work` once, for nobody who waits for its end: a call of the client has then put its message where the wire
/// takes it from.
pub(crate) fn poll_once(work: impl Future) {
    let _ = pin!(work).poll(&mut Context::from_waker(Waker::noop()));
}

/// Writes what is to be sent, and hands what has come to whoever waits for it.
fn move_on(wire: &mut Wire, farewell: &mut Option<Error>, context: &mut Context<'_>) {
    let Some(moving) = wire else { return };
    loop {
        match moving.poll_message(context) {
            Poll::Pending => return,
            // A notice: nothing that anybody here asked for.
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(ended) => {
                *farewell = ended.and_then(Result::err);
                *wire = None;
                return;
            }
        }
    }
}

/// How many statements a connection keeps prepared: some more than there are. Each takes memory of the server too, and
/// filters make many texts of one statement.
const MOST_STATEMENTS: usize = 256;

/// The statements that a connection has prepared, by their text, each with the number of its last use.
#[derive(Default)]
pub(crate) struct Statements {
    prepared: HashMap<Box<str>, (Statement, u64)>,
    uses: u64,
}

impl Statements {
    /// Prepares it the first time.
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

    /// Gives up the one that was not used for longest; the server is told when nobody uses it any more.
    fn forget_oldest(&mut self) {
        let oldest = self.prepared.iter().min_by_key(|(_, (_, used))| *used);
        if let Some(sql) = oldest.map(|(sql, _)| sql.clone()) {
            self.prepared.remove(&sql);
        }
    }
}
