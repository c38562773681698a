//! A database per test, SQLite or PostgreSQL, dropped at the end of the test.
//!
//! It must never skip: without a server, a PostgreSQL test fails and says how to set one up.

use crate::cluster::{self, Owner, Start};
use rustok_storage::{DatabaseUrl, Opener, StoreConfig};
use std::collections::BTreeMap;
use std::fs::OpenOptions;
use std::io::Write as _;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use std::time::Duration;
use tempfile::TempDir;
use tokio::sync::OnceCell;
use tokio_postgres::{Client, NoTls};

/// A migrated SQLite file, made once per process.
static SQLITE_TEMPLATE: OnceCell<Vec<u8>> = OnceCell::const_new();
/// The mode that the server gives a database file.
const SQLITE_MODE: u32 = 0o600;

/// A database that belongs to one test. It is deleted on drop, even with open connections.
#[derive(Debug)]
pub struct TestDatabase {
    url: String,
    place: Place,
}

#[derive(Debug)]
enum Place {
    Sqlite {
        file: PathBuf,
        _folder: TempDir,
    },
    Postgres {
        name: String,
        direct_url: String,
        superuser_url: String,
    },
}

/// A transaction of [`TestDatabase::open_transaction`].
#[derive(Debug)]
pub enum OpenTransaction {
    /// On the file.
    Sqlite(rusqlite::Connection),
    /// As a superuser.
    Postgres(Client),
}

impl OpenTransaction {
    /// Commits the change and releases the lock.
    ///
    /// # Panics
    /// When the database refuses it.
    pub async fn commit(self) {
        match self {
            Self::Sqlite(conn) => conn.execute_batch("COMMIT").unwrap(),
            Self::Postgres(client) => client.batch_execute("COMMIT").await.unwrap(),
        }
    }
}

impl TestDatabase {
    /// A SQLite file that does not exist yet, in its own folder: the first process that opens it creates the schema.
    ///
    /// # Panics
    /// When no temporary folder can be made.
    #[must_use]
    pub fn sqlite() -> Self {
        let folder = tempfile::Builder::new().prefix("rustok-test-").tempdir().unwrap();
        let file = folder.path().join("rustok.db");
        Self {
            url: format!("sqlite://{}", file.display()),
            place: Place::Sqlite {
                file,
                _folder: folder,
            },
        }
    }

    /// A SQLite file with the current schema, in its own folder.
    ///
    /// # Panics
    /// When no temporary folder can be made, or no file in it.
    pub async fn sqlite_migrated() -> Self {
        let made = Self::sqlite();
        let template = SQLITE_TEMPLATE.get_or_init(sqlite_template).await;
        let mut options = OpenOptions::new();
        options.write(true).create_new(true).mode(SQLITE_MODE);
        let mut file = options.open(made.path()).unwrap();
        file.write_all(template).unwrap();
        made
    }

    /// A PostgreSQL database with the current schema; its URL is a superuser's, or a plain owner's where the whole suite runs
    /// as one (`scripts/test-postgres`).
    ///
    /// # Panics
    /// Without `RUSTOK_TEST_POSTGRES_URL`, or when that server returns an error.
    pub async fn postgres() -> Self {
        Self::create(Owner::of_environment(), Start::Migrated).await
    }

    /// A PostgreSQL database with the current schema whose URL is a superuser's in any case.
    ///
    /// # Panics
    /// As [`Self::postgres`].
    pub async fn postgres_as_superuser() -> Self {
        Self::create(Owner::Superuser, Start::Migrated).await
    }

    /// A PostgreSQL database with the current schema, created and owned by a plain role; its URL is that role's.
    ///
    /// # Panics
    /// Without `RUSTOK_TEST_POSTGRES_URL` and `RUSTOK_TEST_POSTGRES_OWNER_URL`.
    pub async fn postgres_as_owner() -> Self {
        Self::create(Owner::Plain, Start::Migrated).await
    }

    /// A PostgreSQL database without any schema, otherwise as [`Self::postgres`].
    ///
    /// # Panics
    /// As [`Self::postgres`].
    pub async fn postgres_empty() -> Self {
        Self::create(Owner::of_environment(), Start::Empty).await
    }

    /// A PostgreSQL database without any schema, owned by a plain role; its URL is that role's.
    ///
    /// # Panics
    /// As [`Self::postgres_as_owner`].
    pub async fn postgres_empty_as_owner() -> Self {
        Self::create(Owner::Plain, Start::Empty).await
    }

    /// A PostgreSQL database without any schema whose encoding is not UTF8; its URL is a superuser's.
    ///
    /// # Panics
    /// As [`Self::postgres`].
    pub async fn postgres_latin1() -> Self {
        Self::create(Owner::Superuser, Start::Latin1).await
    }

    async fn create(owner: Owner, start: Start) -> Self {
        let made = cluster::create(owner, start).await;
        Self {
            url: made.url,
            place: Place::Postgres {
                name: made.name,
                direct_url: made.direct_url,
                superuser_url: made.superuser_url,
            },
        }
    }

    /// The value for `RUSTOK_DATABASE_URL`.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The URL of the same role for what a test does itself with a driver: straight to the server, and in clear, whatever
    /// stands between it and the program under test.
    #[must_use]
    pub fn direct_url(&self) -> &str {
        match &self.place {
            Place::Postgres { direct_url, .. } => direct_url,
            Place::Sqlite { .. } => &self.url,
        }
    }

    /// Whether this is PostgreSQL.
    #[must_use]
    pub fn is_postgres(&self) -> bool {
        matches!(self.place, Place::Postgres { .. })
    }

    /// A superuser's URL of this database, for access that bypasses the server.
    ///
    /// # Panics
    /// On SQLite, which has no users.
    #[must_use]
    pub fn superuser_url(&self) -> &str {
        match &self.place {
            Place::Postgres { superuser_url, .. } => superuser_url,
            Place::Sqlite { .. } => panic!("SQLite has no superuser"),
        }
    }

    /// Runs a query that returns one number, as a superuser on its own connection, bypassing the server.
    ///
    /// # Panics
    /// On SQLite, and when the result is anything else.
    pub async fn superuser_count(&self, sql: &str) -> i64 {
        let client = self.superuser().await;
        client.query_one(sql, &[]).await.unwrap().get(0)
    }

    /// Runs a query that returns one number on either database, bypassing the server.
    ///
    /// # Panics
    /// When the result is anything else.
    pub async fn count(&self, sql: &str) -> i64 {
        if self.is_postgres() {
            return self.superuser_count(sql).await;
        }
        let conn = rusqlite::Connection::open(self.path()).unwrap();
        conn.query_row(sql, [], |row| row.get(0)).unwrap()
    }

    /// Runs statements as a superuser, to break something on purpose.
    ///
    /// # Panics
    /// When the server rejects them, and on SQLite.
    pub async fn superuser_run(&self, sql: &str) {
        self.superuser().await.batch_execute(sql).await.unwrap();
    }

    /// Runs statements for the respective database, bypassing the server.
    ///
    /// # Panics
    /// When the database rejects them.
    pub async fn run_behind(&self, sqlite: &str, postgres: &str) {
        match &self.place {
            Place::Postgres { .. } => self.superuser_run(postgres).await,
            Place::Sqlite { file, .. } => {
                let connection = rusqlite::Connection::open(file).unwrap();
                connection.busy_timeout(Duration::from_secs(10)).unwrap();
                connection.execute_batch(sqlite).unwrap();
            }
        }
    }

    /// Opens a transaction of another client and runs `change` in it: on SQLite it holds the write lock, on
    /// PostgreSQL the locks that the statement `lock` takes. Dropped, it is rolled back.
    ///
    /// # Panics
    /// When the database rejects it.
    pub async fn open_transaction(&self, lock: &str, change: &str) -> OpenTransaction {
        if self.is_postgres() {
            let client = self.superuser().await;
            let begun = format!("BEGIN; {lock}; {change}");
            client.batch_execute(&begun).await.unwrap();
            return OpenTransaction::Postgres(client);
        }
        let conn = rusqlite::Connection::open(self.path()).unwrap();
        conn.busy_timeout(Duration::from_secs(10)).unwrap();
        conn.execute_batch(&format!("BEGIN IMMEDIATE; {change}")).unwrap();
        OpenTransaction::Sqlite(conn)
    }

    /// Every row of every table in PostgreSQL's text form, by table name.
    ///
    /// # Panics
    /// On SQLite.
    pub async fn contents(&self) -> BTreeMap<String, Vec<String>> {
        let tables = "SELECT quote_ident(relname) FROM pg_class \
                      WHERE relkind = 'r' AND relnamespace = 'public'::regnamespace";
        let mut contents = BTreeMap::new();
        for table in self.superuser_texts(tables).await {
            let rows = format!("SELECT t::text FROM {table} t ORDER BY 1");
            contents.insert(table, self.superuser_texts(&rows).await);
        }
        contents
    }

    /// The first column of all rows of a superuser's query.
    ///
    /// # Panics
    /// On SQLite, and when the column is not text.
    pub async fn superuser_texts(&self, sql: &str) -> Vec<String> {
        let rows = self.superuser().await.query(sql, &[]).await.unwrap();
        rows.iter().map(|row| row.get(0)).collect()
    }

    /// A superuser's connection.
    pub(crate) async fn superuser(&self) -> Client {
        let (client, connection) = tokio_postgres::connect(self.superuser_url(), NoTls)
            .await
            .unwrap();
        drop(tokio::spawn(connection));
        client
    }

    /// The SQLite file, for access that bypasses the server.
    ///
    /// # Panics
    /// On PostgreSQL.
    #[must_use]
    pub fn path(&self) -> &Path {
        match &self.place {
            Place::Sqlite { file, .. } => file,
            Place::Postgres { .. } => panic!("PostgreSQL is not a file"),
        }
    }
}

/// The content of a migrated file. Nothing else may be open on it meanwhile.
async fn sqlite_template() -> Vec<u8> {
    let made = TestDatabase::sqlite();
    let config = StoreConfig::new(DatabaseUrl::parse(made.url()).unwrap());
    drop(rustok_storage::open(config, Opener::Server).await.unwrap());
    // A thread of the store may have its connection open a moment longer, and then the log is not yet in the file.
    let connection = rusqlite::Connection::open(made.path()).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    let moved = "PRAGMA wal_checkpoint(TRUNCATE)";
    let busy: i64 = connection.query_row(moved, [], |row| row.get(0)).unwrap();
    assert_eq!(busy, 0, "the log of the template is in use");
    drop(connection);
    std::fs::read(made.path()).unwrap()
}

/// Holds the write lock of a SQLite file, as another process may, until the other end of `until` is dropped.
///
/// # Panics
/// When the file is not a database.
pub fn hold_sqlite_writer(file: &Path, until: std::sync::mpsc::Receiver<()>) -> std::thread::JoinHandle<()> {
    let connection = rusqlite::Connection::open(file).unwrap();
    connection.busy_timeout(Duration::from_secs(10)).unwrap();
    connection.execute_batch("BEGIN IMMEDIATE").unwrap();
    std::thread::spawn(move || {
        until.recv().ok();
        connection.execute_batch("ROLLBACK").unwrap();
    })
}

impl Drop for TestDatabase {
    fn drop(&mut self) {
        if let Place::Postgres { name, .. } = &self.place {
            cluster::drop_database(name);
        }
    }
}

/// Runs each test on both databases, as `name::sqlite` and `name::postgres`. Both have the current schema.
///
/// ```
/// rustok_test_support::both_databases! {
///     /// What it shows.
///     async fn a_database_has_a_url(db) {
///         assert_eq!(db.is_postgres(), db.url().starts_with("postgres://"));
///     }
/// }
/// ```
///
/// `db` is a [`TestDatabase`]. The using crate needs tokio with its macros.
#[macro_export]
macro_rules! both_databases {
    ($($(#[$meta:meta])* async fn $name:ident($db:ident) $body:block)+) => {$(
        $(#[$meta])*
        #[cfg(test)]
        mod $name {
            use super::*;

            async fn case($db: $crate::TestDatabase) $body

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn sqlite() {
                case($crate::TestDatabase::sqlite_migrated().await).await;
            }

            #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
            async fn postgres() {
                case($crate::TestDatabase::postgres().await).await;
            }
        }
    )+};
}

#[cfg(test)]
mod tests {
    use super::*;
    use tokio_postgres::{Client, NoTls};

    async fn client(url: &str) -> Result<Client, tokio_postgres::Error> {
        let (client, connection) = tokio_postgres::connect(url, NoTls).await?;
        drop(tokio::spawn(connection));
        Ok(client)
    }

    both_databases! {
        async fn each_has_its_own_and_it_goes_with_the_test(db) {
            let url = db.direct_url().to_owned();
            if db.is_postgres() {
                let other = TestDatabase::postgres().await;
                assert_ne!(other.direct_url(), url);
                let (one, two) = (client(&url).await.unwrap(), client(other.direct_url()).await.unwrap());
                one.batch_execute("CREATE TABLE mine ()").await.unwrap();
                assert!(two.batch_execute("SELECT FROM mine").await.is_err());
                assert!(two.batch_execute("SELECT FROM schema_migrations").await.is_ok(), "migrated");
                drop(db);
                assert!(client(&url).await.is_err(), "it is still there");
                assert!(one.batch_execute("SELECT 1").await.is_err(), "connections go with it");
            } else {
                let path = db.path().to_owned();
                let other = TestDatabase::sqlite_migrated().await;
                assert_ne!(other.path(), path);
                let migrations = "SELECT count(*) FROM schema_migrations";
                assert!(db.count(migrations).await > 0 && other.count(migrations).await > 0, "migrated");
                assert!(!TestDatabase::sqlite().path().exists());
                drop(db);
                assert!(!path.exists());
            }
        }
    }

    #[tokio::test]
    async fn a_plain_owner_owns_what_it_made() {
        for (db, tables) in [
            (TestDatabase::postgres_as_owner().await, true),
            (TestDatabase::postgres_empty_as_owner().await, false),
        ] {
            let client = client(db.direct_url()).await.unwrap();
            let sql = "SELECT (SELECT rolsuper FROM pg_roles WHERE rolname = current_user), \
                       (SELECT datdba::regrole::text = current_user FROM pg_database WHERE datname = current_database()), \
                       (SELECT count(*) FROM pg_tables WHERE tableowner = current_user) > 0";
            let row = client.query_one(sql, &[]).await.unwrap();
            assert_eq!(
                [row.get::<_, bool>(0), row.get(1), row.get(2)],
                [false, true, tables]
            );
        }
    }
}
