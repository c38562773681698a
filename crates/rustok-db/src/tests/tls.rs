//! The connection to PostgreSQL is encrypted as the URL asks for it, and to nobody but whom it asks for.

use super::*;
use crate::params;

/// The server's URL with another host, database as it was, and these options.
fn url(db: &TestDatabase, host: &str, query: &str) -> String {
    let plain = db.url().split('?').next().unwrap();
    format!("{}?{query}", plain.replace("127.0.0.1", host))
}

async fn opened(url: &str) -> Result<Store, StoreError> {
    open_with(StoreConfig::new(DatabaseUrl::parse(url)?), Opener::Server).await
}

/// Whether what a transaction sends and gets is encrypted. The role of a transaction does not see it itself.
async fn is_encrypted(db: &TestDatabase, store: &Store, shop: TenantHandle) -> bool {
    let mut tx = store.read(shop, soon()).await.unwrap();
    let pid = tx
        .db
        .fetch("pid", "SELECT pg_backend_pid()::bigint AS pid", &[], |row| {
            row.get::<i64>("pid")
        });
    let pid = pid.await.unwrap()[0];
    db.superuser_count(&format!(
        "SELECT count(*) FROM pg_stat_ssl WHERE ssl AND pid = {pid}"
    ))
    .await
        == 1
}

#[tokio::test]
async fn a_url_gets_the_encryption_that_it_asks_for() {
    let Ok(authority) = std::env::var("RUSTOK_TEST_POSTGRES_CA") else {
        println!(
            "the server of RUSTOK_TEST_POSTGRES_URL is not one of scripts/with-postgres, or there is no openssl: not checked"
        );
        return;
    };
    let db = TestDatabase::postgres_empty().await;
    let other = tempfile::NamedTempFile::new().unwrap();
    let made = std::process::Command::new("openssl")
        .args([
            "req",
            "-x509",
            "-newkey",
            "rsa:2048",
            "-nodes",
            "-subj",
            "/CN=another",
            "-keyout",
            "/dev/null",
            "-out",
        ])
        .arg(other.path())
        .output()
        .unwrap();
    assert!(made.status.success(), "{made:?}");
    let other = other.path().display().to_string();
    let shop = tenant(&opened(db.url()).await.unwrap(), 1, "shop1").await;
    let mut number = 0;
    for (host, query, encrypted) in [
        ("127.0.0.1", "sslmode=disable".to_owned(), false),
        ("127.0.0.1", String::new(), true),
        ("127.0.0.1", "sslmode=require".to_owned(), true),
        (
            "127.0.0.1",
            format!("sslmode=require&sslrootcert={authority}"),
            true,
        ),
        (
            "127.0.0.1",
            format!("sslmode=verify-ca&sslrootcert={authority}"),
            true,
        ),
        (
            "localhost",
            format!("sslmode=verify-full&sslrootcert={authority}"),
            true,
        ),
    ] {
        let store = opened(&url(&db, host, &query)).await.unwrap();
        assert_eq!(is_encrypted(&db, &store, shop).await, encrypted, "{host} {query}");
        number += 1;
        add_notes(&store, shop, &[&format!("n{number}")]).await;
    }
    for (host, query) in [
        (
            "127.0.0.1",
            format!("sslmode=verify-full&sslrootcert={authority}"),
        ),
        ("127.0.0.1", format!("sslmode=verify-ca&sslrootcert={other}")),
        ("127.0.0.1", format!("sslmode=require&sslrootcert={other}")),
        ("localhost", format!("sslmode=verify-full&sslrootcert={other}")),
        ("localhost", "sslmode=verify-full&sslrootcert=system".to_owned()),
    ] {
        match opened(&url(&db, host, &query)).await {
            Err(StoreError::Unavailable(why) | StoreError::Setup(why)) => {
                assert!(why.contains("ertificate"), "{host} {query}: {why}");
            }
            other => panic!("{host} {query}: {:?}", other.map(drop)),
        }
    }
}

/// What is asked of the server beside a connection, to end what runs on it, is encrypted too.
#[tokio::test]
async fn a_statement_that_nobody_waits_for_is_ended_on_an_encrypted_connection_too() {
    if std::env::var_os("RUSTOK_TEST_POSTGRES_CA").is_none() {
        println!("not checked");
        return;
    }
    let db = TestDatabase::postgres_empty().await;
    let store = opened(&url(&db, "127.0.0.1", "sslmode=require")).await.unwrap();
    let shop = tenant(&store, 1, "shop1").await;
    let mut tx = store.read(shop, soon()).await.unwrap();
    tx.db.set_deadline(Deadline::never());
    let sleep = tx
        .db
        .fetch("x", "SELECT pg_sleep(600)::text AS n", &[], |_| Ok(()));
    assert!(
        tokio::time::timeout(Duration::from_millis(300), sleep)
            .await
            .is_err()
    );
    drop(tx);
    let running = "SELECT count(*) FROM pg_stat_activity WHERE query LIKE '%pg_sleep(600)%' AND state = 'active' \
                   AND pid <> pg_backend_pid()";
    let begun = std::time::Instant::now();
    while db.superuser_count(running).await > 0 {
        assert!(begun.elapsed() < Duration::from_secs(10));
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
    let mut tx = store.read(shop, soon()).await.unwrap();
    tx.db
        .fetch(
            "notes",
            "SELECT 1 AS one FROM notes WHERE tenant_id = $1",
            params![tx.tenant],
            |_| Ok(()),
        )
        .await
        .unwrap();
}
