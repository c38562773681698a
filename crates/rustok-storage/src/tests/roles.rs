//! PostgreSQL: who may make the roles that the schema needs.

use super::*;
use crate::inspect::find_isolation_faults;

/// A database owner without the right to create roles gets instructions for an administrator, which suffice.
#[tokio::test]
async fn an_owner_who_may_make_no_roles_is_told_what_to_do() {
    // Ensures that the roles exist.
    drop(TestDatabase::postgres().await);
    let db = TestDatabase::postgres_empty().await;
    let name = db
        .superuser_texts("SELECT current_database()::text")
        .await
        .remove(0);
    db.superuser_run(&format!(
        "CREATE ROLE {name} LOGIN PASSWORD 'rustok'; ALTER DATABASE {name} OWNER TO {name}"
    ))
    .await;
    // Its password is that of the superuser, where scripts/with-postgres gives him one.
    let superuser = db.superuser_texts("SELECT current_user::text").await.remove(0);
    let url = db
        .superuser_url()
        .replace(&format!("//{superuser}"), &format!("//{name}"));
    let open = async || crate::open(StoreConfig::new(DatabaseUrl::parse(&url)?), Opener::Server).await;
    let message = open().await.unwrap_err().to_string();
    db.superuser_run(&format!(
        "GRANT rustok_app, rustok_platform, rustok_backup TO {name}"
    ))
    .await;
    let store = open().await;
    let faults = match &store {
        Ok(store) => {
            tenant(store, 1, "shop1").await;
            let nobody = TenantHandle::for_due_work(TenantId::from_uuid(id(999)));
            find_isolation_faults(store, nobody, soon()).await.ok()
        }
        Err(_) => None,
    };
    drop(store);
    db.superuser_run(&format!(
        "ALTER DATABASE {name} OWNER TO {superuser}; DROP OWNED BY {name} CASCADE; DROP ROLE {name}"
    ))
    .await;
    assert!(
        message.contains("let an administrator create") && message.contains("rustok_backup"),
        "{message}"
    );
    assert_eq!(faults, Some(Vec::new()));
}
