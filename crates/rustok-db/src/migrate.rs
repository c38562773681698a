//! Runs schema migrations: forward only, with the same numbers on both databases, under a lock. Each migration and its
//! history row are one transaction. A newer schema is refused. The list of migrations is the caller's.

mod pooler;
mod server;

use crate::config::Opener;
use crate::error::StoreError;
use crate::files::{self, beside};
use crate::postgres::{Hosts, PostgresUrl};
use crate::schema::{Migration, number_of};
use crate::sqlite::open_writer;
use rusqlite::Connection;
use server::Server;
use std::fs::{File, TryLockError};
use std::io::Write as _;
use std::path::Path;
use std::time::{Duration, Instant};
use tokio_postgres::Client;

const HISTORY: &str = "CREATE TABLE IF NOT EXISTS schema_migrations \
                       (number bigint NOT NULL PRIMARY KEY, name text NOT NULL)";

const APPLIED: &str = "SELECT name FROM schema_migrations ORDER BY number";

/// How long to wait for the migration lock while another process holds it.
const LOCK_WAIT: Duration = Duration::from_secs(if cfg!(test) { 6 } else { 120 });
const LOCK_PAUSE: Duration = Duration::from_millis(10);

/// An arbitrary number, the same in every RusToK process.
pub(crate) const LOCK_KEY: i64 = 0x0072_7573_746f_6b01;

/// The message for a database whose migrations are not those of this binary.
pub(crate) const UNRELEASED: &str = "the database was made by a development version of RusToK, whose schema cannot be upgraded: begin with a \
     new, empty database and import the data into it";

/// Whether the names of a database's applied migrations, in order, are those of this binary, as far as both go.
pub(crate) fn is_known(migrations: &[Migration], applied: &[String]) -> bool {
    migrations
        .iter()
        .zip(applied)
        .all(|(ours, theirs)| ours.name == theirs)
}

/// The migrations to apply to a schema on which `applied` have been.
fn pending<'m>(
    migrations: &'m [Migration],
    applied: &[String],
    opener: Opener,
) -> Result<&'m [Migration], StoreError> {
    let (current, latest) = (applied.len(), migrations.len());
    let message = if !is_known(migrations, applied) {
        UNRELEASED.to_owned()
    } else if current > latest {
        format!(
            "the database has schema {current}, this binary knows only up to {latest}: use a newer rustok"
        )
    } else if opener == Opener::Command && current != 0 && current < latest {
        format!("the database has schema {current}, this binary wants {latest}: run `rustok migrate` first")
    } else {
        return Ok(migrations.get(current..).unwrap_or_default());
    };
    Err(StoreError::Setup(message))
}

pub(crate) fn sqlite(path: &Path, opener: Opener, migrations: &[Migration]) -> Result<(), StoreError> {
    let setup =
        |error: rusqlite::Error| StoreError::Setup(format!("cannot migrate {}: {error}", path.display()));
    let lock = files::open_lock(&beside(path, ".migrate.lock"))?;
    take(&lock, path)?;
    let mut marker = Marker::of(lock, path)?;
    files::make_database(path)?;
    let conn = open_writer(path)?;
    conn.busy_timeout(Duration::from_secs(30)).map_err(setup)?;
    // With foreign keys on, a table rebuild would delete child rows; they are checked before the commit instead. The
    // rename at its end must not look at views, which refer to the table that is gone meanwhile.
    conn.pragma_update(None, "foreign_keys", false).map_err(setup)?;
    conn.pragma_update(None, "legacy_alter_table", true)
        .map_err(setup)?;
    conn.execute_batch(HISTORY).map_err(setup)?;
    let applied = applied_sqlite(&conn).map_err(setup)?;
    for (migration, number) in pending(migrations, &applied, opener)?
        .iter()
        .zip(number_of(applied.len()) + 1..)
    {
        let apply = || -> rusqlite::Result<bool> {
            conn.execute_batch("BEGIN IMMEDIATE")?;
            conn.execute_batch(migration.sqlite)?;
            conn.execute(
                "INSERT INTO schema_migrations (number, name) VALUES (?1, ?2)",
                (number, migration.name),
            )?;
            let broken = conn.prepare("PRAGMA foreign_key_check")?.exists([])?;
            conn.execute_batch(if broken { "ROLLBACK" } else { "COMMIT" })?;
            Ok(broken)
        };
        if apply().map_err(setup)? {
            return Err(StoreError::Setup(format!(
                "migration {} left broken foreign keys",
                migration.name
            )));
        }
    }
    marker.set()
}

/// The names of the applied migrations, in order.
pub(crate) fn applied_sqlite(conn: &Connection) -> rusqlite::Result<Vec<String>> {
    let mut names = conn.prepare(APPLIED)?;
    names.query_map([], |row| row.get(0))?.collect()
}

/// Waits for the lock up to [`LOCK_WAIT`]: a suspended process would hold it forever.
pub(crate) fn take(lock: &File, database: &Path) -> Result<(), StoreError> {
    let begun = Instant::now();
    loop {
        let why = match lock.try_lock() {
            Ok(()) => return Ok(()),
            Err(TryLockError::WouldBlock) if begun.elapsed() < LOCK_WAIT => {
                std::thread::park_timeout(LOCK_PAUSE);
                continue;
            }
            Err(TryLockError::WouldBlock) => {
                format!("another process has had it for {} s", LOCK_WAIT.as_secs())
            }
            Err(TryLockError::Error(error)) => error.to_string(),
        };
        let lock = beside(database, ".migrate.lock");
        return Err(StoreError::Setup(format!(
            "cannot lock {}: {why}",
            lock.display()
        )));
    }
}

/// The content of the lock file beside a SQLite database, once that exists.
const THERE_WAS_ONE: &[u8] =
    b"There is a database beside this file. Where it is gone, none is made anew while this stays.\n";

/// The marker beside a SQLite file: prevents a lost database from being replaced by a new, empty one.
struct Marker {
    /// Locked: no other process reads or writes it meanwhile.
    file: File,
    is_set: bool,
}

impl Marker {
    /// Fails if there was a database before and it is gone.
    fn of(file: File, database: &Path) -> Result<Self, StoreError> {
        let failed = |error: std::io::Error| {
            StoreError::Setup(format!("cannot look beside {}: {error}", database.display()))
        };
        let is_set = file.metadata().map_err(failed)?.len() > 0;
        let has_bytes = |path: &Path| path.metadata().is_ok_and(|found| found.len() > 0);
        // A WAL without its database contains the last writes. SQLite would delete it.
        let log = beside(database, "-wal");
        if (is_set || has_bytes(&log)) && !has_bytes(database) {
            let left = if is_set {
                beside(database, ".migrate.lock")
            } else {
                log
            };
            return Err(StoreError::Setup(format!(
                "{} is gone or empty, but {} says that there was a database: put it back, from a backup if need be. To \
                 begin with an empty one, delete {} first",
                database.display(),
                left.display(),
                left.display(),
            )));
        }
        Ok(Self { file, is_set })
    }

    fn set(&mut self) -> Result<(), StoreError> {
        if self.is_set {
            return Ok(());
        }
        let written = self.file.write_all(THERE_WAS_ONE);
        written.map_err(|error| StoreError::Setup(format!("cannot write beside the database: {error}")))
    }
}

pub(crate) async fn postgres(
    config: &PostgresUrl,
    opener: Opener,
    migrations: &[Migration],
) -> Result<(), StoreError> {
    let PostgresSchema { client, has_history } = PostgresSchema::of(config).await?;
    if has_history && pending(migrations, &applied_postgres(&client).await?, opener)?.is_empty() {
        return Ok(());
    }
    // The timeouts free the lock if this process is suspended while it holds it.
    let lock = format!(
        "SET row_security = off; SET idle_session_timeout = '60s'; \
         SET idle_in_transaction_session_timeout = '60s'; SET lock_timeout = '{}s'; SELECT pg_advisory_lock({LOCK_KEY}); {HISTORY}",
        LOCK_WAIT.as_secs()
    );
    client
        .batch_execute(&lock)
        .await
        .map_err(|error| setup_postgres(&error))?;
    let applied = applied_postgres(&client).await?;
    let mut number = number_of(applied.len());
    let pending = pending(migrations, &applied, opener)?;
    // An empty database becomes whole at once: a command that looks at it meanwhile must not find half of a schema.
    let together = if applied.is_empty() { pending.len() } else { 1 };
    for migrations in pending.chunks(together.max(1)) {
        let mut sql = "BEGIN; ".to_owned();
        for migration in migrations {
            number += 1;
            sql.push_str(&step(migration, number));
            sql.push_str("; ");
        }
        sql.push_str("COMMIT");
        client
            .batch_execute(&sql)
            .await
            .map_err(|error| setup_postgres(&error))?;
    }
    let unlock = format!("SELECT pg_advisory_unlock({LOCK_KEY})");
    client
        .batch_execute(&unlock)
        .await
        .map_err(|error| setup_postgres(&error))
}

/// The SQL of a migration and its history row.
fn step(migration: &Migration, number: i64) -> String {
    format!(
        "GRANT USAGE ON SCHEMA public TO rustok_app, rustok_platform, rustok_backup; \
         GRANT SELECT ON schema_migrations TO rustok_platform, rustok_backup; {} \
         INSERT INTO schema_migrations (number, name) VALUES ({number}, '{}')",
        migration.postgres, migration.name
    )
}

/// A connection to a server that can hold the schema and has its roles.
pub(crate) struct PostgresSchema {
    client: Client,
    has_history: bool,
}

impl PostgresSchema {
    pub(crate) async fn of(url: &PostgresUrl) -> Result<Self, StoreError> {
        let client = connect(url).await?;
        let server = Server::look(url, &client).await?;
        // A dump contains no roles: a database that was moved from another cluster lacks them.
        if !server.has_roles {
            server::create_roles(url, &client).await?;
        }
        Ok(Self {
            client,
            has_history: server.has_history,
        })
    }

    pub(crate) const fn client(&self) -> &Client {
        &self.client
    }

    /// Inside a transaction: takes the migration lock until its end; returns the names of the applied migrations.
    pub(crate) async fn enter(&self) -> Result<Vec<String>, StoreError> {
        let lock = format!(
            "SET LOCAL lock_timeout = '{}s'; SELECT pg_advisory_xact_lock({LOCK_KEY}); {HISTORY}",
            LOCK_WAIT.as_secs()
        );
        let locked = self.client.batch_execute(&lock).await;
        locked.map_err(|error| setup_postgres(&error))?;
        applied_postgres(&self.client).await
    }

    /// Inside a transaction: applies `migrations` to a schema with the number `current`.
    pub(crate) async fn apply(&self, migrations: &[Migration], current: usize) -> Result<(), StoreError> {
        for (migration, number) in migrations.iter().zip(number_of(current).saturating_add(1)..) {
            let applied = self.client.batch_execute(&step(migration, number)).await;
            applied.map_err(|error| setup_postgres(&error))?;
        }
        Ok(())
    }
}

/// The names of the applied migrations, in order; none without a migration history. Fails for an unsuitable server.
/// Changes nothing.
pub(crate) async fn find_postgres_schema(config: &PostgresUrl) -> Result<Vec<String>, StoreError> {
    let client = connect(config).await?;
    if Server::look(config, &client).await?.has_history {
        return applied_postgres(&client).await;
    }
    Ok(Vec::new())
}

async fn applied_postgres(client: &Client) -> Result<Vec<String>, StoreError> {
    let rows = client.query(APPLIED, &[]).await;
    let rows = rows.map_err(|error| setup_postgres(&error))?;
    Ok(rows.iter().map(|row| row.get(0)).collect())
}

/// Whether connections to the server are encrypted.
pub(crate) async fn is_encrypted(config: &PostgresUrl) -> Result<bool, StoreError> {
    let client = connect(config).await?;
    let sql = "SELECT ssl FROM pg_stat_ssl WHERE pid = pg_backend_pid()";
    let row = client.query_opt(sql, &[]).await;
    let row = row.map_err(|error| setup_postgres(&error))?;
    Ok(row.is_some_and(|row| row.get(0)))
}

async fn connect(config: &PostgresUrl) -> Result<Client, StoreError> {
    Hosts::of(config)
        .own_connection()
        .await
        .map_err(|error| match error {
            StoreError::Unavailable(why) => {
                StoreError::Unavailable(format!("cannot connect to PostgreSQL: {why}"))
            }
            StoreError::Overloaded => {
                StoreError::Unavailable("cannot connect to PostgreSQL: it has no connection left".to_owned())
            }
            other => other,
        })
}

fn setup_postgres(error: &tokio_postgres::Error) -> StoreError {
    match StoreError::from_postgres("schema_migrations", error) {
        StoreError::Refused { reason, .. }
        | StoreError::Locked(reason)
        | StoreError::SchemaMissing(reason) => {
            StoreError::Setup(format!("cannot migrate PostgreSQL: {reason}"))
        }
        other => other,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_newer_schema_is_refused_an_old_one_by_commands_and_one_of_another_history_by_all() {
        let migration = |name| Migration {
            name,
            sqlite: "",
            postgres: "",
        };
        let migrations = ["0001_one", "0002_two", "0003_three"].map(migration);
        let names = |count: usize| -> Vec<String> {
            let ours = migrations.iter().map(|migration| migration.name.to_owned());
            ours.chain(["later".to_owned()]).take(count).collect()
        };
        let all = migrations.len();
        let refusal = |applied: &[String], opener| match pending(&migrations, applied, opener) {
            Err(StoreError::Setup(message)) => message,
            other => panic!("{other:?}"),
        };
        assert!(refusal(&names(all + 1), Opener::Server).contains("newer rustok"));
        assert_eq!(
            pending(&migrations, &names(0), Opener::Command).unwrap().len(),
            all
        );
        assert!(
            pending(&migrations, &names(all), Opener::Command)
                .unwrap()
                .is_empty()
        );
        assert_eq!(
            pending(&migrations, &names(all - 1), Opener::Server)
                .unwrap()
                .len(),
            1
        );
        assert!(refusal(&names(all - 1), Opener::Command).contains("rustok migrate"));
        let other = ["0001_initial".to_owned()];
        for opener in [Opener::Server, Opener::Command] {
            assert_eq!(refusal(&other, opener), UNRELEASED);
        }
    }
}
