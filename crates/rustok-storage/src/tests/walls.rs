//! Row security and roles on PostgreSQL, with the tenant's filter in the SQL left out: under a superuser's URL, which
//! row security alone does not stop, and under the owner's.

use super::*;
use rustok_db::{Db, PlatformTx, params};
use tokio_postgres::{Client, NoTls};

/// Two tenants with a row each in a few tables, foreign keys included.
struct World {
    db: TestDatabase,
    store: Store,
    one: TenantHandle,
    two: TenantHandle,
}

const TABLES: [&str; 5] = ["api_tokens", "authors", "customers", "nodes", "outbox"];

async fn world(db: TestDatabase) -> World {
    let store = open(&db).await;
    let (one, two) = (tenant(&store, 1, "shop1").await, tenant(&store, 2, "shop2").await);
    for tenant in [one, two] {
        let mut tx = store.write(tenant, soon()).await.unwrap();
        let owner = tx.tenant();
        for (table, columns, values) in [
            (
                "api_tokens",
                "tenant_id, id, name, role, hash, created_at",
                "$1, $2, 'x', 'admin', '\\x00', $3",
            ),
            (
                "authors",
                "tenant_id, id, login, display_name, created_at",
                "$1, $2, 'x', 'x', $3",
            ),
            (
                "customers",
                "tenant_id, id, email, created_at",
                "$1, $2, 'a@example.org', $3",
            ),
            (
                "nodes",
                "tenant_id, id, kind, status, author_id, created_at, updated_at, scheduled, working_revision, version",
                "$1, $2, 'post', 'draft', $2, $3, $3, false, 1, 1",
            ),
            (
                "outbox",
                "tenant_id, id, topic, subject_id, payload, occurred_at",
                "$1, $2, 'x', $2, '{}', $3",
            ),
        ] {
            let sql = format!("INSERT INTO {table} ({columns}) VALUES ({values})");
            tx.db
                .execute_one(table, &sql, params![owner, id(7), now()])
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
    }
    World { db, store, one, two }
}

/// A session of the role that the database's URL names.
async fn session(world: &World) -> Client {
    let (client, connection) = tokio_postgres::connect(world.db.direct_url(), NoTls)
        .await
        .unwrap();
    drop(tokio::spawn(connection));
    client
}

async fn superuser_and_owner() -> [World; 2] {
    [
        world(TestDatabase::postgres_as_superuser().await).await,
        world(TestDatabase::postgres_as_owner().await).await,
    ]
}

async fn tenants_in(db: &mut Db, table: &str) -> Result<Vec<TenantId>, StoreError> {
    let sql = format!("SELECT tenant_id FROM {table} ORDER BY tenant_id");
    db.fetch("x", &sql, &[], |row| row.get("tenant_id")).await
}

#[track_caller]
fn assert_denied<T: std::fmt::Debug>(answer: Result<T, StoreError>) {
    match answer {
        Err(StoreError::Refused { reason, .. }) if reason.contains("42501") => {}
        other => panic!("not denied: {other:?}"),
    }
}

#[tokio::test]
async fn a_query_without_a_tenant_sees_its_own_rows_only() {
    for world in superuser_and_owner().await {
        for tenant in [world.one, world.two] {
            for table in TABLES {
                let mut tx = world.store.read(tenant, soon()).await.unwrap();
                assert_eq!(
                    tenants_in(&mut tx.db, table).await.unwrap(),
                    [tenant.tenant_id()],
                    "{table}"
                );
            }
        }
    }
}

/// Why the role is needed: what a superuser sees with a tenant set, but under its own name.
#[tokio::test]
async fn without_the_role_a_superuser_sees_every_tenant() {
    let world = world(TestDatabase::postgres_as_superuser().await).await;
    let client = session(&world).await;
    let sql = format!(
        "BEGIN; SET LOCAL ROLE NONE; SET LOCAL rustok.tenant_id = '{}'",
        world.one
    );
    client.batch_execute(&sql).await.unwrap();
    let rows = client.query("SELECT tenant_id FROM authors", &[]).await.unwrap();
    assert_eq!(rows.len(), 2);
    client.batch_execute("ROLLBACK").await.unwrap();
}

/// The owner is held by the same wall under its own name: row security is forced, and as a member of both roles it
/// has their doors and no other.
#[tokio::test]
async fn without_the_role_the_owner_sees_what_the_roles_see() {
    let world = world(TestDatabase::postgres_as_owner().await).await;
    let client = session(&world).await;
    for (tenant, expected) in [(None, 0), (Some(world.one), 1)] {
        client.batch_execute("BEGIN; SET LOCAL ROLE NONE").await.unwrap();
        if let Some(tenant) = tenant {
            client
                .batch_execute(&format!("SET LOCAL rustok.tenant_id = '{tenant}'"))
                .await
                .unwrap();
        }
        for table in TABLES {
            let rows = client
                .query(&format!("SELECT tenant_id FROM {table}"), &[])
                .await
                .unwrap();
            let expected = if table == "outbox" { 2 } else { expected };
            assert_eq!(rows.len(), expected, "{table}");
        }
        client.batch_execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test]
async fn the_role_without_a_tenant_sees_nothing() {
    let world = world(TestDatabase::postgres().await).await;
    let client = session(&world).await;
    // Never set in this session, and set in an earlier transaction: the setting is then empty, not missing.
    for before in ["", "BEGIN; SET LOCAL rustok.tenant_id = 'x'; COMMIT;"] {
        client
            .batch_execute(&format!("{before} BEGIN; SET LOCAL ROLE rustok_app"))
            .await
            .unwrap();
        for table in TABLES {
            let rows = client
                .query(&format!("SELECT tenant_id FROM {table}"), &[])
                .await
                .unwrap();
            assert!(rows.is_empty(), "{table}");
        }
        client.batch_execute("ROLLBACK").await.unwrap();
    }
}

#[tokio::test]
async fn no_row_of_another_tenant_can_be_written() {
    for world in superuser_and_owner().await {
        let other = params![world.two.tenant_id()];
        let insert = params![world.two.tenant_id(), id(8), "y", now()];
        let mut tx = world.store.write(world.one, soon()).await.unwrap();
        assert_denied(tx.db.execute("authors", INSERT_AUTHOR, insert).await);

        let mut tx = world.store.write(world.one, soon()).await.unwrap();
        let give_away = "UPDATE authors SET tenant_id = $1";
        assert_denied(tx.db.execute("authors", give_away, other).await);

        // Aimed at the other's row, or at all rows: only its own are there.
        let mut tx = world.store.write(world.one, soon()).await.unwrap();
        for (sql, params, changed) in [
            ("UPDATE outbox SET topic = 'mine' WHERE tenant_id = $1", other, 0),
            ("UPDATE outbox SET topic = 'mine'", &[], 1),
            ("DELETE FROM outbox WHERE tenant_id = $1", other, 0),
            ("DELETE FROM outbox", &[], 1),
        ] {
            assert_eq!(
                tx.db.execute("outbox", sql, params).await.unwrap(),
                changed,
                "{sql}"
            );
        }
        tx.commit().await.unwrap();
        let mut tx = world.store.read(world.two, soon()).await.unwrap();
        let topics = tx.db.fetch("outbox", "SELECT topic FROM outbox", &[], |row| {
            row.get::<String>("topic")
        });
        assert_eq!(topics.await.unwrap(), ["x"]);
    }
}

/// A unique key and a foreign key are no windows: what a neighbour has neither clashes nor can be pointed to.
#[tokio::test]
async fn keys_tell_nothing_about_a_neighbour() {
    for world in superuser_and_owner().await {
        add_authors(&world.store, world.one, &["only-one"]).await;
        add_authors(&world.store, world.two, &["only-one", "only-two"]).await;
        let mut tx = world.store.read(world.two, soon()).await.unwrap();
        let sql = "SELECT id FROM authors WHERE login = 'only-two'";
        let theirs: Uuid = tx
            .db
            .fetch_optional("authors", sql, &[], |row| row.get("id"))
            .await
            .unwrap()
            .unwrap();
        drop(tx);
        let mut tx = world.store.write(world.one, soon()).await.unwrap();
        let answer = tx
            .db
            .execute("nodes", "UPDATE nodes SET author_id = $1", params![theirs])
            .await;
        match answer {
            Err(StoreError::Refused { reason, .. }) => assert!(reason.contains("23503"), "{reason}"),
            other => panic!("pointed at a neighbour's row: {other:?}"),
        }
    }
}

#[tokio::test]
async fn a_tenant_cannot_touch_the_platform() {
    for world in superuser_and_owner().await {
        for table in [
            "tenants",
            "tenant_hosts",
            "platform_tokens",
            "users",
            "second_factors",
            "directory_version",
            "platform_idempotency_records",
            "schema_migrations",
        ] {
            for sql in [format!("SELECT * FROM {table}"), format!("DELETE FROM {table}")] {
                let mut tx = world.store.write(world.one, soon()).await.unwrap();
                assert_denied(tx.db.execute("x", &sql, &[]).await);
            }
        }
    }
}

/// Of the directory a tenant sees whether it is served itself, and nothing more.
#[tokio::test]
async fn of_the_directory_a_tenant_sees_its_own_standing_only() {
    for world in superuser_and_owner().await {
        for tenant in [world.one, world.two] {
            let mut tx = world.store.read(tenant, soon()).await.unwrap();
            let seen = tx.db.fetch("x", "SELECT id, status FROM own_tenant", &[], |row| {
                Ok((row.get::<TenantId>("id")?, row.get::<String>("status")?))
            });
            assert_eq!(seen.await.unwrap(), [(tenant.tenant_id(), "active".to_owned())]);
        }
        for sql in [
            "SELECT slug FROM own_tenant",
            "SELECT id FROM tenants",
            "UPDATE own_tenant SET status = 'active'",
        ] {
            let mut tx = world.store.write(world.one, soon()).await.unwrap();
            tx.db.execute("x", sql, &[]).await.unwrap_err();
        }
    }
}

#[tokio::test]
async fn what_is_history_cannot_be_changed() {
    let world = world(TestDatabase::postgres().await).await;
    for table in [
        "node_revisions",
        "node_history",
        "order_history",
        "order_lines",
        "order_adjustments",
        "stock_movements",
        "payments",
        "refunds",
    ] {
        for sql in [
            format!("UPDATE {table} SET tenant_id = tenant_id"),
            format!("DELETE FROM {table}"),
        ] {
            let mut tx = world.store.write(world.one, soon()).await.unwrap();
            assert_denied(tx.db.execute("x", &sql, &[]).await);
        }
    }
}

async fn platform(store: &Store) -> PlatformTx {
    store.platform_write(soon()).await.unwrap()
}

#[tokio::test]
async fn the_platform_cannot_touch_tenant_data() {
    for world in superuser_and_owner().await {
        let client = session(&world).await;
        let sql = "SELECT c.relname::text FROM pg_class c JOIN pg_attribute a ON a.attrelid = c.oid \
                   WHERE c.relkind = 'r' AND c.relnamespace = 'public'::regnamespace AND a.attname = 'tenant_id' \
                   AND c.relname NOT IN ('tenant_hosts', 'outbox', 'jobs', 'deliveries', 'memberships', 'sessions', \
                   'sign_in_links', 'invitations', 'mails', 'mail_proofs', 'known_devices')";
        let tables = client.query(sql, &[]).await.unwrap();
        drop(client);
        assert!(tables.len() > 20);
        for table in tables {
            let table: String = table.get(0);
            for sql in [format!("SELECT * FROM {table}"), format!("DELETE FROM {table}")] {
                assert_denied(platform(&world.store).await.db.execute("x", &sql, &[]).await);
            }
        }
        // What an account has in tenants: it is repeated and ended, never begun.
        for sql in [
            "INSERT INTO memberships SELECT * FROM memberships",
            "DELETE FROM memberships",
            "INSERT INTO sessions SELECT * FROM sessions",
            "UPDATE sessions SET host = host",
            "INSERT INTO sign_in_links SELECT * FROM sign_in_links",
            "UPDATE invitations SET role = role",
            "INSERT INTO mails SELECT * FROM mails",
            "INSERT INTO mail_proofs SELECT * FROM mail_proofs",
            "INSERT INTO known_devices SELECT * FROM known_devices",
            "UPDATE known_devices SET seen_at = seen_at",
        ] {
            assert_denied(platform(&world.store).await.db.execute("x", sql, &[]).await);
        }
        // What workers claim, across tenants; they plan nothing and invent nothing.
        let mut tx = platform(&world.store).await;
        let both = [world.one.tenant_id(), world.two.tenant_id()];
        assert_eq!(tenants_in(&mut tx.db, "outbox").await.unwrap(), both);
        assert_eq!(tenants_in(&mut tx.db, "jobs").await.unwrap(), []);
        for sql in ["INSERT INTO outbox SELECT * FROM outbox", "DELETE FROM jobs"] {
            assert_denied(platform(&world.store).await.db.execute("x", sql, &[]).await);
        }
    }
}

/// Whoever takes it sees the rows of all, and changes none of them.
#[tokio::test]
async fn the_role_of_backups_reads_everything_and_changes_nothing() {
    for world in superuser_and_owner().await {
        let client = session(&world).await;
        let role = "BEGIN; SET LOCAL ROLE rustok_backup";
        client.batch_execute(role).await.unwrap();
        for table in TABLES {
            let rows = client
                .query(&format!("SELECT tenant_id FROM {table}"), &[])
                .await
                .unwrap();
            assert_eq!(rows.len(), 2, "{table}");
        }
        client.batch_execute("ROLLBACK").await.unwrap();
        for sql in [
            "UPDATE authors SET login = login",
            "DELETE FROM outbox",
            "INSERT INTO directory_version VALUES (2, 2)",
            "CREATE TABLE mine (n int)",
        ] {
            client.batch_execute(role).await.unwrap();
            let error = client.batch_execute(sql).await.unwrap_err();
            assert_eq!(error.code().unwrap().code(), "42501", "{sql}: {error:?}");
            client.batch_execute("ROLLBACK").await.unwrap();
        }
    }
}

/// Nobody gets out of a role by SQL that the storage room would have to send itself; the roles cannot log in.
#[tokio::test]
async fn nobody_logs_in_as_a_role_of_ours() {
    let db = TestDatabase::postgres().await;
    for role in ["rustok_app", "rustok_platform", "rustok_backup"] {
        let mut config: tokio_postgres::Config = db.direct_url().parse().unwrap();
        let error = config.user(role).connect(NoTls).await.err().unwrap();
        // 28000, or 28P01 where the server asks for passwords.
        assert!(error.code().unwrap().code().starts_with("28"), "{error:?}");
    }
}
