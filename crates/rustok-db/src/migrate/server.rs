//! Requirements on a PostgreSQL server, checked before anything is done there, and the roles that the schema needs.

use super::pooler::refuse_shared_sessions;
use super::{LOCK_KEY, connect, setup_postgres};
use crate::error::StoreError;
use crate::postgres::PostgresUrl;
use tokio_postgres::Client;
use tokio_postgres::error::SqlState;

/// Creates the roles. They cannot log in and own nothing.
const ROLES: &str = r"
DO $$
DECLARE
    role text;
    kind text := CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END;
BEGIN
    FOREACH role IN ARRAY ARRAY['rustok_app', 'rustok_platform', 'rustok_backup'] LOOP
        IF NOT EXISTS (SELECT FROM pg_roles WHERE rolname = role) THEN
            EXECUTE format('CREATE ROLE %I NOLOGIN NOSUPERUSER NOBYPASSRLS', role);
        END IF;
        IF NOT pg_has_role(current_user, role, kind) THEN
            EXECUTE format('GRANT %I TO CURRENT_USER', role);
        END IF;
    END LOOP;
END $$";

/// The server's version and encoding, whether it has a migration history, how many of the three roles the current
/// user may assume, and how many of them could bypass row security.
const SERVER: &str = "
SELECT current_setting('server_version_num')::int8 AS version,
    current_setting('server_encoding') AS encoding,
    to_regclass('schema_migrations') IS NOT NULL AS history,
    (SELECT count(*) FROM pg_roles WHERE rolname IN ('rustok_app', 'rustok_platform', 'rustok_backup') AND pg_has_role(oid,
        CASE WHEN current_setting('server_version_num')::int >= 160000 THEN 'SET' ELSE 'MEMBER' END)) AS ours,
    (SELECT count(*) FROM pg_roles WHERE rolname IN ('rustok_app', 'rustok_platform', 'rustok_backup')
        AND (rolsuper OR rolbypassrls OR rolcanlogin)) AS mighty";

/// The oldest PostgreSQL version with all features that the schema needs.
const OLDEST_POSTGRES: i64 = 150_000;

/// A server that can hold the schema.
pub(super) struct Server {
    pub(super) has_history: bool,
    pub(super) has_roles: bool,
}

impl Server {
    /// Fails for a server that cannot hold the schema, and for a pooler that shares sessions. Changes nothing.
    pub(super) async fn look(url: &PostgresUrl, client: &Client) -> Result<Self, StoreError> {
        refuse_shared_sessions(url, client).await?;
        let server = client.query_one(SERVER, &[]).await;
        let server = server.map_err(|error| setup_postgres(&error))?;
        let setup = |message: &str| Err(StoreError::Setup(message.to_owned()));
        if server.get::<_, i64>("version") < OLDEST_POSTGRES {
            return setup("PostgreSQL 15 or newer is needed");
        }
        // Other encodings cannot store all characters, and sort and compare differently.
        let encoding: &str = server.get("encoding");
        if encoding != "UTF8" {
            return setup(&format!(
                "the database's encoding is {encoding}, and only UTF8 can hold every text: create the database with \
                 ENCODING 'UTF8' TEMPLATE template0"
            ));
        }
        if server.get::<_, i64>("mighty") > 0 {
            return setup(
                "the roles rustok_app, rustok_platform and rustok_backup must not log in, be superusers or bypass row security",
            );
        }
        Ok(Self {
            has_history: server.get("history"),
            has_roles: server.get::<_, i64>("ours") >= 3,
        })
    }
}

/// Creates the missing roles. Roles are cluster-wide, but advisory locks belong to a database: the lock is taken in
/// the database `postgres`, or in the own database if that cannot be entered.
pub(super) async fn create_roles(config: &PostgresUrl, own: &Client) -> Result<(), StoreError> {
    let mut shared = config.clone();
    shared.config.dbname("postgres");
    let shared = connect(&shared).await.ok();
    let client = shared.as_ref().unwrap_or(own);
    // One message is one transaction: the lock is freed when the roles are visible to others.
    let sql = format!("SELECT pg_advisory_xact_lock({LOCK_KEY}); {ROLES}");
    client.batch_execute(&sql).await.map_err(|error| {
        if error.code() != Some(&SqlState::INSUFFICIENT_PRIVILEGE) {
            return setup_postgres(&error);
        }
        StoreError::Setup(
            "whom the database's URL names may not create or use the roles that are missing: let an administrator create \
             rustok_app, rustok_platform and rustok_backup with CREATE ROLE ... NOLOGIN, and GRANT them to it"
                .to_owned(),
        )
    })
}
