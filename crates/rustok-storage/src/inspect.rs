//! Inspects a database from the outside: which schema it has, and whether tenants are isolated.
//!
//! Nothing here makes changes: a missing database is not created, an old one not migrated.

use crate::schema::SCHEMA;
use crate::tokens;
use rustok_core::deadline::Deadline;
pub use rustok_db::FoundSchema;
use rustok_db::{DatabaseUrl, Store, StoreError, TenantTx, params};
use rustok_tenancy::TenantHandle;

/// Finds the schema number of a database.
///
/// # Errors
/// [`StoreError::Unavailable`] and [`StoreError::Setup`] when it cannot be reached or is not a database.
pub async fn find_schema(url: &DatabaseUrl) -> Result<FoundSchema, StoreError> {
    rustok_db::find_schema(url, &SCHEMA).await
}

/// Faults in the isolation of tenants; empty if there are none. `nobody` is the handle of a tenant that does not exist:
/// it must see no row.
///
/// # Errors
/// Those of the database.
pub async fn find_isolation_faults(
    store: &Store,
    nobody: TenantHandle,
    deadline: Deadline,
) -> Result<Vec<String>, StoreError> {
    let mut tx = store.read(nobody, deadline).await?;
    let mut faults = Vec::new();
    if !tokens::list_tokens(&mut tx).await?.is_empty() {
        faults.push("a tenant that does not exist has tokens".to_owned());
    }
    if tx.db.is_postgres() {
        faults.extend(role_faults(&mut tx).await?);
        faults.extend(table_faults(&mut tx).await?);
    }
    Ok(faults)
}

/// Privileges of the three roles that they must not have.
async fn role_faults(tx: &mut TenantTx) -> Result<Vec<String>, StoreError> {
    let mut faults = Vec::new();
    let current = "SELECT current_user::text AS role";
    let role = tx
        .db
        .fetch_optional("pg_roles", current, &[], |row| row.get::<String>("role"))
        .await?;
    if role.as_deref() != Some("rustok_app") {
        faults.push(format!(
            "tenant data is read as {}, not as rustok_app",
            role.unwrap_or_default()
        ));
    }
    let sql = "SELECT r.rolname::text AS role, r.rolsuper AS superuser, r.rolbypassrls AS bypasses, \
               r.rolcanlogin AS logs_in, \
               EXISTS (SELECT FROM pg_auth_members m WHERE m.member = r.oid) AS is_member, \
               EXISTS (SELECT FROM pg_shdepend d WHERE d.refclassid = 'pg_authid'::regclass \
                       AND d.refobjid = r.oid AND d.deptype = 'o') AS owns \
               FROM pg_roles r WHERE r.rolname IN ('rustok_app', 'rustok_backup', 'rustok_platform') ORDER BY r.rolname";
    let roles = tx
        .db
        .fetch("pg_roles", sql, &[], |row| {
            let role: String = row.get("role")?;
            let mut found = Vec::new();
            for (column, does) in [
                ("superuser", "is a superuser"),
                ("bypasses", "bypasses row security"),
                ("logs_in", "can log in"),
                ("is_member", "is a member of another role"),
                ("owns", "owns something"),
            ] {
                if row.get(column)? {
                    found.push(format!("the role {role} {does}"));
                }
            }
            Ok(found)
        })
        .await?;
    if roles.len() < 3 {
        faults.push("the roles rustok_app, rustok_platform and rustok_backup are not all there".to_owned());
    }
    faults.extend(roles.into_iter().flatten());
    Ok(faults)
}

/// Tables that the application may access and that row security does not protect, and rows that a tenant that does
/// not exist can see. Objects of extensions are left out: their rights are the extension's concern, and they hold no
/// tenant data.
async fn table_faults(tx: &mut TenantTx) -> Result<Vec<String>, StoreError> {
    // A view is protected when it reads with the rights of the caller. `own_tenant` is protected by its definition;
    // like the others it is read as a tenant that does not exist.
    let sql = "SELECT quote_ident(c.relname) AS name, has_table_privilege(c.oid, 'SELECT') AS readable, \
               c.relrowsecurity OR coalesce(c.reloptions @> ARRAY['security_invoker=true'], false) \
               OR (c.relname = 'own_tenant' AND c.relkind = 'v') AS enabled, \
               c.relforcerowsecurity OR c.relkind = 'v' AS forced \
               FROM pg_class c WHERE c.relkind IN ('r', 'p', 'v', 'm', 'f') \
               AND c.relnamespace = 'public'::regnamespace \
               AND has_table_privilege(c.oid, 'SELECT, INSERT, UPDATE, DELETE') \
               AND NOT EXISTS (SELECT FROM pg_depend d WHERE d.classid = 'pg_class'::regclass AND d.objid = c.oid \
               AND d.deptype = 'e') ORDER BY c.relname";
    let tables = tx
        .db
        .fetch("pg_class", sql, params![], |row| {
            let name: String = row.get("name")?;
            Ok((
                name,
                row.get::<bool>("enabled")?,
                row.get::<bool>("forced")?,
                row.get::<bool>("readable")?,
            ))
        })
        .await?;
    let mut faults = Vec::new();
    if tables.is_empty() {
        faults.push("rustok_app may read no table at all".to_owned());
    }
    for (name, enabled, forced, readable) in tables {
        if !enabled {
            faults.push(format!("row security is off on {name}"));
        } else if !forced {
            faults.push(format!("row security is not forced on {name}"));
        }
        if readable {
            let any = format!("SELECT true AS found FROM {name} LIMIT 1");
            if tx
                .db
                .fetch_optional("pg_class", &any, &[], |row| row.get::<bool>("found"))
                .await?
                .is_some()
            {
                faults.push(format!("a tenant that does not exist sees rows of {name}"));
            }
        }
    }
    Ok(faults)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::tests::{config, id, now, open, soon, tenant};
    use rusqlite::Connection;
    use rustok_core::ids::TenantId;
    use rustok_test_support::{TestDatabase, both_databases};
    use tokio_postgres::NoTls;

    fn nobody() -> TenantHandle {
        TenantHandle::for_due_work(TenantId::from_uuid(id(999)))
    }

    both_databases! {
        async fn a_sound_database_has_no_faults(db) {
            let store = open(&db).await;
            let shop = tenant(&store, 1, "shop1").await;
            let mut tx = store.write(shop, soon()).await.unwrap();
            let author = params![shop.tenant_id(), id(1), "a", "a", now()];
            let sql = "INSERT INTO authors (tenant_id, id, login, display_name, created_at) VALUES ($1, $2, $3, $4, $5)";
            tx.db.execute_one("authors", sql, author).await.unwrap();
            tx.commit().await.unwrap();

            assert_eq!(find_schema(&config(&db).url).await.unwrap(), FoundSchema::Number(crate::latest_schema()));
            assert_eq!(find_isolation_faults(&store, nobody(), soon()).await.unwrap(), [""; 0]);
            assert_eq!(store.find_damage(soon()).await.unwrap(), [""; 0]);
            let year = 60 * 60 * 24 * 365;
            let time = store.database_time(soon()).await.unwrap().as_second();
            assert!(time > now().as_second() - 3 * year && time < now().as_second() + 50 * year, "{time}");
        }
    }

    #[tokio::test]
    async fn looking_makes_nothing() {
        let db = TestDatabase::sqlite();
        assert_eq!(find_schema(&config(&db).url).await.unwrap(), FoundSchema::Missing);
        assert!(!db.path().exists());
        std::fs::write(db.path(), "").unwrap();
        assert_eq!(find_schema(&config(&db).url).await.unwrap(), FoundSchema::Empty);
        std::fs::write(
            db.path(),
            "this is no database, only some text that is long enough",
        )
        .unwrap();
        find_schema(&config(&db).url).await.unwrap_err();
        let db = TestDatabase::postgres_empty().await;
        assert_eq!(find_schema(&config(&db).url).await.unwrap(), FoundSchema::Empty);
        assert_eq!(find_schema(&config(&db).url).await.unwrap(), FoundSchema::Empty);
    }

    #[tokio::test]
    async fn every_breach_of_the_walls_is_told() {
        let db = TestDatabase::postgres().await;
        let store = open(&db).await;
        tenant(&store, 1, "shop1").await;
        let (root, connection) = tokio_postgres::connect(db.superuser_url(), NoTls).await.unwrap();
        tokio::spawn(connection);
        for (breach, repair, message) in [
            (
                "ALTER TABLE authors NO FORCE ROW LEVEL SECURITY",
                "ALTER TABLE authors FORCE ROW LEVEL SECURITY",
                "row security is not forced on authors",
            ),
            (
                "ALTER TABLE orders DISABLE ROW LEVEL SECURITY",
                "ALTER TABLE orders ENABLE ROW LEVEL SECURITY",
                "row security is off on orders",
            ),
            (
                "CREATE TABLE leak (n int); INSERT INTO leak VALUES (1); GRANT SELECT ON leak TO rustok_app",
                "DROP TABLE leak",
                "row security is off on leak, a tenant that does not exist sees rows of leak",
            ),
            (
                "CREATE TABLE owned (n int); ALTER TABLE owned OWNER TO rustok_platform",
                "DROP TABLE owned",
                "the role rustok_platform owns something",
            ),
            (
                "CREATE VIEW window AS SELECT slug FROM tenants; GRANT SELECT ON window TO rustok_app",
                "DROP VIEW window",
                "row security is off on window, a tenant that does not exist sees rows of window",
            ),
            (
                "CREATE OR REPLACE VIEW own_tenant WITH (security_barrier) AS SELECT id, status FROM tenants",
                "CREATE OR REPLACE VIEW own_tenant WITH (security_barrier) AS SELECT id, status FROM tenants \
                 WHERE id = nullif(current_setting('rustok.tenant_id', true), '')::uuid",
                "a tenant that does not exist sees rows of own_tenant",
            ),
        ] {
            let breach = breach.replace("window", "shop_window");
            root.batch_execute(&breach).await.unwrap();
            let faults = find_isolation_faults(&store, nobody(), soon())
                .await
                .unwrap()
                .join(", ");
            root.batch_execute(&repair.replace("window", "shop_window"))
                .await
                .unwrap();
            assert_eq!(faults, message.replace("window", "shop_window"));
        }
        assert_eq!(
            find_isolation_faults(&store, nobody(), soon()).await.unwrap(),
            [""; 0]
        );
    }

    /// plpgsql is in every database, and can be given a table.
    #[tokio::test]
    async fn what_an_extension_brought_is_passed_over() {
        let db = TestDatabase::postgres().await;
        let store = open(&db).await;
        let faults = async || {
            find_isolation_faults(&store, nobody(), soon())
                .await
                .unwrap()
                .join(", ")
        };
        db.superuser_run(
            "CREATE TABLE theirs (n int); INSERT INTO theirs VALUES (1); GRANT SELECT ON theirs TO rustok_app",
        )
        .await;
        assert!(faults().await.contains("row security is off on theirs"));
        db.superuser_run("ALTER EXTENSION plpgsql ADD TABLE theirs").await;
        assert_eq!(faults().await, "");

        // One that many servers have: every role may read its views, which fail where it is not loaded.
        let known = "SELECT count(*) FROM pg_available_extensions WHERE name = 'pg_stat_statements'";
        if db.superuser_count(known).await == 0 {
            eprintln!("this PostgreSQL does not have pg_stat_statements: not checked");
            return;
        }
        db.superuser_run("CREATE EXTENSION pg_stat_statements").await;
        assert_eq!(faults().await, "");
    }

    #[tokio::test]
    async fn damage_is_told() {
        let db = TestDatabase::sqlite();
        let store = open(&db).await;
        let raw = Connection::open(db.path()).unwrap();
        raw.execute_batch(
            "PRAGMA foreign_keys = OFF; \
             INSERT INTO authors (tenant_id, id, login, display_name, created_at) VALUES (x'00000000000000000000000000000001', x'00', 'x', 'x', 0)",
        )
        .unwrap();
        let damage = store.find_damage(soon()).await.unwrap();
        assert_eq!(damage, ["rows of authors point to rows that are not there"]);
    }
}
