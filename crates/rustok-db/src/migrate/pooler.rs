//! Detects poolers that share sessions between connections.
//!
//! Prepared statements, roles and settings belong to a session (docs/adr/0019). A pooler in transaction mode gives
//! each transaction any free session: what one connection prepared or set then applies to another connection, or to
//! none. Such a pooler is refused before anything else is done through it.
//!
//! Two connections each leave a mark in their session and check it repeatedly. Whichever session the pooler gives out
//! (the last used one, the longest idle one or the only one), either a mark is missing, or one connection finds the
//! mark of the other. On a pooler that is busy with other clients detection is a matter of chance, hence the
//! repetition. A connection with its own session always passes.

use super::{connect, setup_postgres};
use crate::error::StoreError;
use crate::postgres::PostgresUrl;
use std::time::Duration;
use tokio::time::timeout;
use tokio_postgres::{Client, Error, SimpleQueryMessage};

/// How often each mark is checked.
const LOOKS: usize = 4;

/// The time limit for the second connection. A longer wait has one of two reasons: it waits for the session of the
/// first connection, which then is not shared between transactions; or no connection is left. Then only the first one
/// is checked.
const OTHER_LIMIT: Duration = Duration::from_secs(5);

const SHARED: &str = "a pooler in transaction mode stands before PostgreSQL (in PgBouncer pool_mode=transaction or statement): \
     it gives the session of one connection to others, but prepared statements, rights and limits belong to a session. \
     Connect to PostgreSQL directly, or set pool_mode=session";

const MARK: &str = "SELECT set_config('rustok.session', gen_random_uuid()::text, false), pg_backend_pid()";
const LOOK: &str = "SELECT current_setting('rustok.session', true), pg_backend_pid()";

/// Identifies a session: a random word stored in it, and its backend process. The word alone is decisive: process ids
/// of two servers may coincide.
#[derive(Debug, PartialEq, Eq)]
struct Mark {
    word: Option<String>,
    process: Option<String>,
}

/// Uses the simple query protocol, which needs no prepared statement.
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

/// Fails if the connection `one`, made to `url`, does not have its own session.
pub(super) async fn refuse_shared_sessions(url: &PostgresUrl, one: &Client) -> Result<(), StoreError> {
    match is_shared(url, one).await {
        Ok(false) => Ok(()),
        Ok(true) => Err(StoreError::Setup(SHARED.to_owned())),
        Err(error) => Err(setup_postgres(&error)),
    }
}

async fn is_shared(url: &PostgresUrl, one: &Client) -> Result<bool, Error> {
    let mark = ask(one, MARK).await?;
    // A pooler that gives out the longest idle session next gives another one here, unless it has only one.
    if ask(one, LOOK).await? != mark {
        return Ok(true);
    }
    let meeting = async {
        let other = connect(url).await.ok()?;
        // A pooler that gives out the last used session, or has only one, gives the marked one here.
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
