//! One connection, moved by whoever waits for an answer on it.
//!
//! The driver is made to have a task for each connection, to which every message goes and from which every answer comes:
//! two changes of tasks, often of threads, for each exchange. Here the one who waits writes and reads himself. While
//! nobody does, what comes lies where it is: the answer to a ROLLBACK, or the end of the connection, is met by the next
//! one. So whatever must not wait for him has to be sent with [`Connection::post`].

use deadpool::managed::{self, Metrics, RecycleError, RecycleResult};
use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use tokio::task::coop::unconstrained;
use tokio_postgres::tls::NoTlsStream;
use tokio_postgres::{CancelToken, Client, Config, Error, NoTls, Socket, Statement};

/// A connection and what is prepared on it.
pub(crate) struct Connection {
    client: Client,
    /// `None` once it has ended; whoever waits for an answer is then told.
    wire: Wire,
    statements: Statements,
}

impl Connection {
    /// Does `work` with the client, and moves what it sends and what it waits for.
    pub(crate) async fn exchange<T>(&mut self, work: impl AsyncFnOnce(&Client, &mut Statements) -> T) -> T {
        let Self {
            client,
            wire,
            statements,
        } = self;
        let mut work = pin!(work(client, statements));
        poll_fn(|context| {
            if let Poll::Ready(done) = work.as_mut().poll(context) {
                return Poll::Ready(done);
            }
            move_on(wire, context);
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
            move_on(&mut self.wire, context);
            Poll::Ready(())
        })));
    }

    /// What ends the statement that runs on it, from outside.
    pub(crate) fn cancel_token(&self) -> CancelToken {
        self.client.cancel_token()
    }

    /// Takes what came since it was used last. Whether it can be used.
    fn is_alive(&mut self) -> bool {
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

type Wire = Option<tokio_postgres::Connection<Socket, NoTlsStream>>;

/// Goes on with `work` once, for nobody who waits for its end: a call of the client has then put its message where the wire
/// takes it from.
pub(crate) fn poll_once(work: impl Future) {
    let _ = pin!(work).poll(&mut Context::from_waker(Waker::noop()));
}

/// Writes what is to be sent, and hands what has come to whoever waits for it.
fn move_on(wire: &mut Wire, context: &mut Context<'_>) {
    let Some(moving) = wire else { return };
    loop {
        match moving.poll_message(context) {
            Poll::Pending => return,
            // A notice: nothing that anybody here asked for.
            Poll::Ready(Some(Ok(_))) => {}
            Poll::Ready(Some(Err(_)) | None) => {
                *wire = None;
                return;
            }
        }
    }
}

/// The statements that a connection has prepared, by their text.
#[derive(Default)]
pub(crate) struct Statements(HashMap<Box<str>, Statement>);

impl Statements {
    /// Prepares it the first time.
    pub(crate) async fn prepared(&mut self, client: &Client, sql: &str) -> Result<Statement, Error> {
        if let Some(statement) = self.0.get(sql) {
            return Ok(statement.clone());
        }
        let statement = Box::pin(client.prepare(sql)).await?;
        self.0.insert(sql.into(), statement.clone());
        Ok(statement)
    }
}

/// Makes connections for the pool.
pub(crate) struct Manager(pub(crate) Config);

impl managed::Manager for Manager {
    type Type = Connection;
    type Error = Error;

    async fn create(&self) -> Result<Connection, Error> {
        // In a box: it is large, rarely run, and part of every future that may need a connection.
        let (client, wire) = Box::pin(self.0.connect(NoTls)).await?;
        Ok(Connection {
            client,
            wire: Some(wire),
            statements: Statements::default(),
        })
    }

    async fn recycle(&self, connection: &mut Connection, _: &Metrics) -> RecycleResult<Error> {
        if connection.is_alive() {
            Ok(())
        } else {
            Err(RecycleError::message("the connection has ended"))
        }
    }
}
