//! Whether a connection has a session of its own.
//!
//! Statements are prepared, and rights and limits are set, for a session (docs/adr/0019). A pooler in transaction mode
//! gives each transaction whichever session is free: what one connection prepared or set is then another one's, or
//! nobody's. Such a pooler is refused before anything is done through it.
//!
//! Two connections each leave a mark in their session and look at it again and again. Whichever session is given out,
//! that which was used last, that which was idle for longest or the only one there is, either a mark is not there any
//! more, or one connection finds the mark of the other. Where others keep the pooler busy it is a matter of chance, and
//! so it is looked more than once. A connection with a session of its own never fails.

use super::{connect, setup_postgres};
use crate::error::StoreError;
use crate::postgres::PostgresUrl;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// How often each mark is looked at.
const LOOKS: usize = 4;

/// How long the second connection may take. One that waits longer has to wait for the first one's session: then that is
/// its own. Or there is no connection left, and the first one has to do.
const OTHER_LIMIT: Duration = Duration::from_secs(5);

const SHARED: &str = "a pooler in transaction mode stands before PostgreSQL (in PgBouncer pool_mode=transaction or statement): \
     it gives the session of one connection to others, but prepared statements, rights and limits belong to a session. \
     Connect to PostgreSQL directly, or set pool_mode=session";

const MARK: &str = "SELECT set_config('rustok.session', gen_random_uuid()::text, false), pg_backend_pid()";
const LOOK: &str = "SELECT current_setting('rustok.session', true), pg_backend_pid()";

/// What a session is known by: a word that was left in it, and its process. The word alone tells two apart: processes
/// of two servers may have the same number.
#[derive(Debug, PartialEq, Eq)]
struct Mark {
    word: Option<String>,
    process: Option<String>,
}

/// In one message without parameters, which needs no statement that a session would have to know.
async fn ask(client: &Client, sql: &str) -> Result<Mark, Error> {
    let answers = client.simple_query(sql).await?;
    let row = answers.iter().find_map(|answer| match answer {
        SimpleQueryMessage::Row(row) => Some(row),
        _ => None,
    });
    let column = |place: usize| row.and_then(|row| row.get(place)).map(str::to_owned);
    Ok(Mark {
        word: column(0),
        process: column(1),
    })
}

/// Refuses `one` when it has no session of its own. `url` is where it leads.
pub(super) async fn refuse_shared_sessions(url: &PostgresUrl, one: &Client) -> Result<(), StoreError> {
    match is_shared(url, one).await {
        Ok(false) => Ok(()),
        Ok(true) => Err(StoreError::Setup(SHARED.to_owned())),
        Err(error) => Err(setup_postgres(&error)),
    }
}

async fn is_shared(url: &PostgresUrl, one: &Client) -> Result<bool, Error> {
    let mark = ask(one, MARK).await?;
    // The one that was idle for longest comes next: it is another one, unless there is only one.
    if ask(one, LOOK).await? != mark {
        return Ok(true);
    }
    let meeting = async {
        let other = connect(url).await.ok()?;
        // What was used last, or is the only one, is given to whoever comes next.
        let met = ask(&other, LOOK).await.ok()?;
        let others = ask(&other, MARK).await.ok()?;
        Some((other, met, others))
    };
    let Ok(Some((other, met, others))) = timeout(OTHER_LIMIT, meeting).await else {
        return Ok(ask(one, LOOK).await? != mark);
    };
    if met.word == mark.word {
        return Ok(true);
    }
    for _ in 0..LOOKS {
        if ask(one, LOOK).await? != mark
            || ask(one, LOOK).await? != mark
            || ask(&other, LOOK).await? != others
        {
            return Ok(true);
        }
    }
    Ok(false)
}
