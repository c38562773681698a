//! The PostgreSQL server shared by all tests: one thread with one connection creates and drops their databases.
//!
//! Each process creates a migrated template once; a test's database is a copy of it. The thread is needed because
//! every test has its own runtime, and a connection dies with the runtime that created it.

use rustok_storage::{DatabaseUrl, Opener, StoreConfig};
use std::hash::BuildHasher;
use std::sync::{OnceLock, mpsc as blocking};
use tokio::sync::{mpsc, oneshot};
use tokio_postgres::{Client, Config, NoTls};

const URL: &str = "RUSTOK_TEST_POSTGRES_URL";
const OWNER_URL: &str = "RUSTOK_TEST_POSTGRES_OWNER_URL";
/// How the program under test reaches the server, see `scripts/test-postgres`: as a plain owner where a test does not ask
/// for a role, through a pooler at this `HOST:PORT`, with TLS. The tests themselves connect directly and in clear.
const ROLE: &str = "RUSTOK_TEST_ROLE";
const POOLER: &str = "RUSTOK_TEST_POOLER";
const TLS: &str = "RUSTOK_TEST_TLS";

/// The owner of a database, and the user in its URL.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Owner {
    Superuser,
    Plain,
}

impl Owner {
    /// The one of tests that do not ask for one.
    pub(crate) fn of_environment() -> Self {
        match std::env::var(ROLE).as_deref() {
            Ok("owner") => Self::Plain,
            Ok("superuser") | Err(_) => Self::Superuser,
            Ok(other) => panic!("{ROLE} is superuser or owner, not {other}"),
        }
    }
}

/// The initial content of a database.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Start {
    Empty,
    Migrated,
    /// Empty, with the encoding LATIN1.
    Latin1,
}

/// A created database.
pub(crate) struct Made {
    pub(crate) name: String,
    pub(crate) url: String,
    pub(crate) direct_url: String,
    pub(crate) superuser_url: String,
}

enum Task {
    Create {
        owner: Owner,
        start: Start,
        made: oneshot::Sender<Result<Made, String>>,
    },
    Drop {
        name: String,
        dropped: blocking::Sender<()>,
    },
}

static KEEPER: OnceLock<mpsc::UnboundedSender<Task>> = OnceLock::new();

pub(crate) async fn create(owner: Owner, start: Start) -> Made {
    variable(URL);
    if owner == Owner::Plain {
        variable(OWNER_URL);
    }
    let (made, answer) = oneshot::channel();
    keeper().send(Task::Create { owner, start, made }).ok();
    match answer.await {
        Ok(Ok(made)) => made,
        Ok(Err(error)) => panic!("no test database: {error}"),
        Err(_) => panic!("no test database: the server of {URL} went away"),
    }
}

/// Waits until the database is dropped, so that none is left when the process ends.
pub(crate) fn drop_database(name: &str) {
    let (dropped, answer) = blocking::channel();
    if keeper()
        .send(Task::Drop {
            name: name.to_owned(),
            dropped,
        })
        .is_ok()
    {
        answer.recv().ok();
    }
}

fn variable(name: &str) -> String {
    std::env::var(name).unwrap_or_else(|_| panic!("{name} is not set: run the tests with scripts/test"))
}

fn variable_or_none(name: &str) -> Option<String> {
    std::env::var(name).ok().filter(|value| !value.is_empty())
}

fn keeper() -> &'static mpsc::UnboundedSender<Task> {
    KEEPER.get_or_init(|| {
        let (tasks, inbox) = mpsc::unbounded_channel();
        std::thread::Builder::new()
            .name("test-databases".to_owned())
            .spawn(move || {
                let runtime = tokio::runtime::Builder::new_current_thread()
                    .enable_all()
                    .build()
                    .unwrap();
                runtime.block_on(keep(inbox));
            })
            .unwrap();
        tasks
    })
}

async fn keep(mut inbox: mpsc::UnboundedReceiver<Task>) {
    let mut cluster = match Cluster::connect().await {
        Ok(cluster) => cluster,
        Err(error) => {
            // Every caller gets the same error.
            while let Some(task) = inbox.recv().await {
                if let Task::Create { made, .. } = task {
                    made.send(Err(error.clone())).ok();
                }
            }
            return;
        }
    };
    while let Some(task) = inbox.recv().await {
        match task {
            Task::Create { owner, start, made } => {
                made.send(cluster.create(owner, start).await).ok();
            }
            Task::Drop { name, dropped } => {
                let sql = format!("DROP DATABASE IF EXISTS {name} WITH (FORCE)");
                cluster.client.batch_execute(&sql).await.ok();
                dropped.send(()).ok();
            }
        }
    }
}

struct Cluster {
    client: Client,
    /// `rustok_test_` and an id of this process: the prefix of its databases' names.
    run: String,
    made: u32,
    templates: Vec<(Owner, String)>,
}

impl Cluster {
    async fn connect() -> Result<Self, String> {
        let number = std::hash::RandomState::new().hash_one(std::process::id());
        let run = format!("rustok_test_{number:016x}");
        let mut config: Config = variable(URL).parse().map_err(|error| format!("{URL}: {error}"))?;
        // The connection's application name marks this process as alive, see `sweep`.
        let (client, connection) = config
            .application_name(&run)
            .connect(NoTls)
            .await
            .map_err(|error| format!("cannot connect to the server of {URL}: {error}"))?;
        drop(tokio::spawn(connection));
        let cluster = Self {
            client,
            run,
            made: 0,
            templates: Vec::new(),
        };
        cluster.sweep().await?;
        Ok(cluster)
    }

    /// Drops databases left behind by killed processes.
    async fn sweep(&self) -> Result<(), String> {
        let sql = "SELECT datname FROM pg_database d WHERE datname ~ '^rustok_test_[0-9a-f]{16}_' AND NOT EXISTS \
                   (SELECT FROM pg_stat_activity a WHERE a.application_name = left(d.datname, 28))";
        for row in self.client.query(sql, &[]).await.map_err(message)? {
            let sql = format!("DROP DATABASE IF EXISTS {} WITH (FORCE)", row.get::<_, String>(0));
            // Another process may sweep at the same time.
            self.client.batch_execute(&sql).await.ok();
        }
        Ok(())
    }

    async fn create(&mut self, owner: Owner, start: Start) -> Result<Made, String> {
        let template = match start {
            Start::Empty => "template0".to_owned(),
            Start::Latin1 => "template0 ENCODING 'LATIN1' LC_COLLATE 'C' LC_CTYPE 'C'".to_owned(),
            Start::Migrated => self.template(owner).await?,
        };
        self.copy(&template, owner).await
    }

    async fn copy(&mut self, template: &str, owner: Owner) -> Result<Made, String> {
        self.made += 1;
        let name = format!("{}_{}", self.run, self.made);
        let url = variable(if owner == Owner::Plain { OWNER_URL } else { URL });
        let config: Config = url.parse().map_err(|error| format!("{owner:?}: {error}"))?;
        let user = config.get_user().ok_or("the URL names no user")?;
        // Copies the template's files: several times faster than through the write-ahead log where fsync is off.
        let sql = format!("CREATE DATABASE {name} TEMPLATE {template} OWNER \"{user}\" STRATEGY file_copy");
        self.client.batch_execute(&sql).await.map_err(message)?;
        let direct_url = with_database(&url, &name);
        let made = Made {
            url: on_the_way(
                &direct_url,
                variable_or_none(POOLER),
                variable_or_none(TLS).is_some(),
            ),
            direct_url,
            superuser_url: with_database(&variable(URL), &name),
            name,
        };
        Ok(made)
    }

    /// The migrated template database.
    async fn template(&mut self, owner: Owner) -> Result<String, String> {
        if let Some((_, name)) = self.templates.iter().find(|(whose, _)| *whose == owner) {
            return Ok(name.clone());
        }
        let made = self.copy("template0", owner).await?;
        if owner == Owner::Plain {
            self.lend_roles().await?;
        }
        let url = DatabaseUrl::parse(&made.direct_url).map_err(|error| error.to_string())?;
        let store = rustok_storage::open(StoreConfig::new(url), Opener::Server).await;
        drop(store.map_err(|error| format!("cannot migrate: {error}"))?);
        self.templates.push((owner, made.name.clone()));
        Ok(made.name)
    }

    /// From PostgreSQL 16 on, a role with CREATEROLE may only grant roles that it created itself. On a server that
    /// another user migrated first, the superuser grants them to the plain owner.
    async fn lend_roles(&self) -> Result<(), String> {
        let config: Config = variable(OWNER_URL)
            .parse()
            .map_err(|error| format!("{OWNER_URL}: {error}"))?;
        let user = config.get_user().ok_or("the URL names no user")?;
        let sql = "SELECT rolname FROM pg_roles WHERE rolname IN ('rustok_app', 'rustok_platform', 'rustok_backup') \
                   AND current_setting('server_version_num')::int >= 160000";
        for row in self.client.query(sql, &[]).await.map_err(message)? {
            let sql = format!("GRANT {} TO \"{user}\"", row.get::<_, String>(0));
            self.client.batch_execute(&sql).await.map_err(message)?;
        }
        Ok(())
    }
}

fn message(error: tokio_postgres::Error) -> String {
    error
        .as_db_error()
        .map_or_else(|| error.to_string(), |db| db.message().to_owned())
}

/// `url` through a pooler, or with TLS.
fn on_the_way(url: &str, pooler: Option<String>, tls: bool) -> String {
    let mut url = url.to_owned();
    if let Some(pooler) = pooler {
        let start = url
            .find('@')
            .or_else(|| url.find("//").map(|at| at + 1))
            .map_or(0, |at| at + 1);
        let end = url[start..].find('/').map_or(url.len(), |at| start + at);
        url.replace_range(start..end, &pooler);
    }
    if tls {
        url = url.replace("sslmode=disable", "sslmode=require");
    }
    url
}

/// `url` with another database name.
fn with_database(url: &str, name: &str) -> String {
    let (base, query) = url
        .split_once('?')
        .map_or((url, ""), |(base, query)| (base, query));
    let start = base.find("://").map_or(0, |at| at + 3);
    let base = base[start..].find('/').map_or(base, |at| &base[..start + at]);
    let mark = if query.is_empty() { "" } else { "?" };
    format!("{base}/{name}{mark}{query}")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_the_database_of_a_url_changes() {
        for (url, changed) in [
            ("postgres://u@h:1/postgres", "postgres://u@h:1/x"),
            ("postgres://u@h:1", "postgres://u@h:1/x"),
            (
                "postgres://u:p@h/a?sslmode=disable",
                "postgres://u:p@h/x?sslmode=disable",
            ),
            ("postgres:///a?host=/run/pg", "postgres:///x?host=/run/pg"),
        ] {
            assert_eq!(with_database(url, "x"), changed);
        }
    }

    #[test]
    fn only_the_way_of_a_url_changes() {
        let url = "postgres://u:p@h:1/a?sslmode=disable";
        let pooler = || Some("g:2".to_owned());
        assert_eq!(on_the_way(url, None, false), url);
        assert_eq!(
            on_the_way(url, pooler(), false),
            "postgres://u:p@g:2/a?sslmode=disable"
        );
        assert_eq!(
            on_the_way(url, None, true),
            "postgres://u:p@h:1/a?sslmode=require"
        );
        assert_eq!(on_the_way("postgres://h/a", pooler(), false), "postgres://g:2/a");
    }
}
