//! The command line beside a running server: tokens, tenants, backups, the doctor, exit codes.

use crate::platform::{Shop, printed, rustok, tenant, token};
use reqwest::{Client, Method, StatusCode};
use rustok_test_support::{Lateness, TIMEOUT, TestDatabase, both_databases, eventually};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::Instant;

/// How soon a change of the directory is seen by every process.
const SEEN_WITHIN: Duration = Duration::from_secs(1);

/// Asks until the store answers with `status`; how long that took, without what the machine took of it.
async fn until(shop: &Shop, host: &str, status: StatusCode) -> Duration {
    let lateness = Lateness::watch_process(shop.server.pid());
    let url = format!("{}/api/store/v1/products", shop.server.url());
    let start = Instant::now();
    eventually(TIMEOUT, async || {
        let answer = Client::new().get(&url).header("host", host).send().await.unwrap();
        if answer.status() == status {
            Ok(())
        } else {
            Err(answer.status())
        }
    })
    .await;
    start.elapsed().saturating_sub(lateness.since(start))
}

both_databases! {
    async fn what_a_command_does_to_a_tenant_is_seen_by_the_server(db) {
        let shop = Shop::start(rustok(db.url())).await;
        until(&shop, "shop1.localhost", StatusCode::OK).await;
        // The server has been told that there is none.
        until(&shop, "shop2.localhost", StatusCode::NOT_FOUND).await;
        let run = async |args: &[&str]| printed(shop.server.run(&[args, &["--json"]].concat()).await);
        let made = run(&["tenant", "create", "shop2", "--name", "Shop 2", "--host", "two.example"]).await;
        assert_eq!((&made["slug"], &made["hosts"]), (&json!("shop2"), &json!(["two.example"])));
        assert!(until(&shop, "shop2.localhost", StatusCode::OK).await < SEEN_WITHIN);

        assert_eq!(run(&["tenant", "suspend", "shop2"]).await["status"], "suspended");
        assert!(until(&shop, "shop2.localhost", StatusCode::FORBIDDEN).await < SEEN_WITHIN);
        assert_eq!(run(&["tenant", "resume", made["id"].as_str().unwrap()]).await["status"], "active");
        assert!(until(&shop, "shop2.localhost", StatusCode::OK).await < SEEN_WITHIN);

        let added = run(&["tenant", "add-host", "shop2", "Deux.Example."]).await;
        assert_eq!(added["hosts"], json!(["two.example", "deux.example"]));
        assert!(until(&shop, "deux.example", StatusCode::OK).await < SEEN_WITHIN);
        let listed = run(&["tenant", "list"]).await;
        let slugs: Vec<_> = listed.as_array().unwrap().iter().map(|tenant| tenant["slug"].as_str().unwrap()).collect();
        assert_eq!(slugs, ["shop1", "shop2"]);
    }

    async fn commands_move_a_host_and_take_it_away(db) {
        let shop = Shop::start(rustok(db.url())).await;
        tenant(shop.server.command(), "shop2", "admin").await;
        let host = "tea.example";
        let run = async |args: &[&str]| printed(shop.server.run(&[args, &["--json"]].concat()).await);
        run(&["tenant", "add-host", "shop1", host]).await;
        let both = run(&["tenant", "move-host", "shop1", host, "shop2"]).await;
        assert_eq!((&both[0]["slug"], &both[0]["hosts"]), (&json!("shop1"), &json!([])));
        assert_eq!((&both[1]["slug"], &both[1]["hosts"]), (&json!("shop2"), &json!([host])));
        let gone = shop.server.run(&["tenant", "remove-host", "shop1", host]).await;
        assert_ne!(gone.code, Some(0));
        assert!(gone.stderr.contains("does not have this host"), "{}", gone.stderr);
        assert_eq!(run(&["tenant", "remove-host", "shop2", host]).await["hosts"], json!([]));
    }

    async fn tokens_work_from_their_creation_to_their_end(db) {
        let shop = Shop::start(rustok(db.url())).await;
        let made = printed(shop.server.run(&["token", "create", "--tenant", "shop1", "--role", "viewer", "--json"]).await);
        let (id, secret) = (made["id"].as_str().unwrap(), made["token"].as_str().unwrap());
        let read = async || {
            let list = shop.request(Method::GET, "/api/admin/v1/products").bearer_auth(secret);
            list.send().await.unwrap().status()
        };
        let write = shop.request(Method::POST, "/api/admin/v1/products").bearer_auth(secret).json(&json!({ "title": "x" }));
        assert_eq!(read().await, StatusCode::OK);
        assert_eq!(write.send().await.unwrap().status(), StatusCode::FORBIDDEN);

        let list = shop.server.run(&["token", "list", "--tenant", "shop1", "--json"]).await.success();
        assert!(list.contains(id) && !list.contains(secret) && !list.contains(&shop.token), "{list}");
        let roles: Value = serde_json::from_str(&list).unwrap();
        assert_eq!((&roles[0]["role"], &roles[1]["role"]), (&json!("admin"), &json!("viewer")));

        let _ = shop.server.run(&["token", "revoke", id, "--tenant", "shop1"]).await.success();
        assert_eq!(read().await, StatusCode::UNAUTHORIZED);
        assert_eq!(shop.server.run(&["token", "revoke", id, "--tenant", "shop1"]).await.code, Some(1), "twice");
        let list = printed(shop.server.run(&["token", "list", "--tenant", "shop1", "--json"]).await);
        assert!(list[1]["revoked_at"].is_string() && list[0]["revoked_at"].is_null(), "{list}");

        // A platform token is no tenant's, and a tenant's token is not the platform's to list.
        let made = printed(shop.server.run(&["token", "create", "--platform", "--json"]).await);
        let list = shop.server.run(&["token", "list", "--platform", "--json"]).await.success();
        assert!(list.contains(made["id"].as_str().unwrap()) && !list.contains(id), "{list}");
        let tenants = format!("{}/api/platform/v1/tenants", shop.server.url());
        let ask = async || {
            let request = Client::new().get(&tenants).bearer_auth(made["token"].as_str().unwrap());
            request.send().await.unwrap().status()
        };
        assert_eq!(ask().await, StatusCode::OK);
        let _ = shop.server.run(&["token", "revoke", made["id"].as_str().unwrap(), "--platform"]).await.success();
        assert_eq!(ask().await, StatusCode::UNAUTHORIZED);
    }

    async fn the_doctor_finds_a_sound_system_beside_the_server(db) {
        // Few connections: enough for the limit of open files of any machine.
        let shop = Shop::start(rustok(db.url()).env("RUSTOK_MAX_CONNECTIONS", "100")).await;
        let report = printed(shop.server.run(&["doctor", "--json"]).await);
        assert_eq!(report["ok"], true, "{report:#}");
        let checks: Vec<_> =
            report["checks"].as_array().unwrap().iter().map(|check| check["name"].as_str().unwrap()).collect();
        let expected: &[&str] = if db.is_postgres() {
            &["settings", "database", "isolation", "clock", "jobs", "open_files"]
        } else {
            &["settings", "database", "isolation", "clock", "jobs", "file", "open_files"]
        };
        assert_eq!(checks, expected);
        let text = shop.server.run(&["doctor"]).await.success();
        assert!(text.lines().count() == expected.len() && text.lines().all(|line| line.starts_with("ok ")), "{text}");
    }

    async fn the_doctor_counts_dead_jobs(db) {
        let command = rustok(db.url());
        tenant(&command, "shop1", "admin").await;
        let insert = |id: &str, time: &str| format!(
            "INSERT INTO jobs (tenant_id, id, kind, subject_id, due_at, attempts, dead_at) \
             SELECT id, {id}, 'expire_order', {id}, {time}, 12, {time} FROM tenants"
        );
        let (sqlite, postgres) = (insert("x'00000000000000000000000000000001'", "0"), insert("gen_random_uuid()", "now()"));
        db.run_behind(&sqlite, &postgres).await;
        let found = command.run(&["doctor"]).await;
        assert_eq!(found.code, Some(1), "{found:#?}");
        assert!(found.stdout.contains("FAILED  jobs        dead jobs: 1, dead deliveries: 0"), "{found:#?}");
    }

    async fn commands_end_with_two_for_wrong_use_and_one_for_failure(db) {
        let command = rustok(db.url());
        tenant(&command, "shop1", "admin").await;
        for (code, args) in [
            (2, &["dance"] as &[&str]),
            (2, &["tenant"]),
            (2, &["tenant", "create", "shop2"]),
            (2, &["token", "create"]),
            (2, &["token", "create", "--tenant", "shop1"]),
            (2, &["token", "create", "--tenant", "shop1", "--role", "owner"]),
            (2, &["token", "create", "--platform", "--role", "admin"]),
            (2, &["token", "revoke", "not-an-id", "--platform"]),
            (2, &["backup"]),
            (2, &["restore"]),
            (1, &["restore", "no-such-file"]),
            (2, &["doctor", "now"]),
            (2, &["serve", "--listen", "nowhere"]),
            (1, &["tenant", "create", "shop1", "--name", "again"]),
            (1, &["tenant", "create", "www", "--name", "reserved"]),
            (1, &["tenant", "suspend", "nobody"]),
            (1, &["token", "create", "--tenant", "nobody", "--role", "admin"]),
            (1, &["token", "revoke", "01900000-0000-7000-8000-000000000000", "--platform"]),
            (0, &["--help"]),
            (0, &["--version"]),
            (0, &["migrate"]),
            (0, &["migrate", "--json"]),
        ] {
            let finished = command.run(args).await;
            assert_eq!(finished.code, Some(code), "{args:?}: {finished:#?}");
            assert_eq!(finished.stdout.is_empty(), code != 0, "{args:?}: {finished:#?}");
            assert_eq!(finished.stderr.is_empty(), code == 0, "{args:?}: {finished:#?}");
        }
    }
}

#[tokio::test]
async fn a_backup_is_a_working_database() {
    let db = TestDatabase::sqlite();
    let shop = Shop::start(rustok(db.url())).await;
    let tea = json!({ "title": "Tea", "status": "active", "variants": [{ "price": { "amount": "1" } }] });
    let create = async |tea: &Value| {
        shop.admin(Method::POST, "/products")
            .json(tea)
            .send()
            .await
            .unwrap()
            .status()
    };
    assert_eq!(create(&tea).await, StatusCode::CREATED);
    let copy = db.path().with_file_name("copy.db");
    let named = copy.to_str().unwrap();
    let made = printed(shop.server.run(&["backup", named, "--json"]).await);
    assert_eq!(
        made,
        json!({ "file": named, "bytes": std::fs::metadata(&copy).unwrap().len() })
    );
    // What comes after it is not in it.
    assert_eq!(create(&json!({ "title": "Late" })).await, StatusCode::CREATED);
    let again = shop.server.run(&["backup", named]).await;
    assert!(
        again.code == Some(1) && again.stderr.contains("exists already"),
        "{again:#?}"
    );

    let restored = rustok(&format!("sqlite://{named}"));
    let _ = restored.run(&["doctor"]).await.success();
    let restored = Shop {
        server: restored.start().await,
        client: Client::new(),
        ..shop
    };
    let list: Value = restored
        .admin(Method::GET, "/products")
        .send()
        .await
        .unwrap()
        .json()
        .await
        .unwrap();
    let titles: Vec<_> = list["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|product| &product["title"])
        .collect();
    assert_eq!(titles, ["Tea"]);
}

#[tokio::test]
async fn the_doctor_says_what_to_do() {
    let db = TestDatabase::sqlite();
    let command = rustok(db.url());
    let missing = command.run(&["doctor", "--json"]).await;
    assert_eq!(missing.code, Some(1), "{missing:#?}");
    assert!(!db.path().exists(), "looking made a database");
    let report: Value = serde_json::from_str(&missing.stdout).unwrap();
    assert_eq!(
        (&report["ok"], &report["checks"][1]["ok"]),
        (&json!(false), &json!(false))
    );
    assert!(
        report["checks"][1]["advice"]
            .as_str()
            .unwrap()
            .contains("rustok migrate"),
        "{report:#}"
    );

    std::fs::write(db.path(), "no database").unwrap();
    let broken = command.run(&["doctor"]).await;
    assert!(
        broken.code == Some(1) && broken.stdout.contains("FAILED  database"),
        "{broken:#?}"
    );

    let away = rustok("postgres://nobody:secret@127.0.0.1:1/none")
        .run(&["doctor"])
        .await;
    assert!(
        away.code == Some(1) && away.stdout.contains("FAILED  database"),
        "{away:#?}"
    );
    assert!(
        !away.stdout.contains("secret") && !away.stderr.contains("secret"),
        "{away:#?}"
    );

    let wrong = command
        .clone()
        .env("RUSTOK_LISTEN", "nowhere")
        .run(&["doctor"])
        .await;
    assert!(
        wrong.code == Some(1) && wrong.stdout.contains("FAILED  settings"),
        "{wrong:#?}"
    );
}

/// Whoever meets one of these knows what to do before anything was made there.
#[tokio::test]
async fn a_database_of_another_encoding_is_refused_with_what_to_do() {
    let db = TestDatabase::postgres_latin1().await;
    let command = rustok(db.url());
    for (args, failed) in [
        (["migrate"].as_slice(), "error: the database's encoding is LATIN1"),
        (&["serve"], "error: the database's encoding is LATIN1"),
        (
            &["doctor"],
            "FAILED  database    the database's encoding is LATIN1",
        ),
    ] {
        let finished = command.run(args).await;
        let reported = format!("{}{}", finished.stdout, finished.stderr);
        assert_eq!(finished.code, Some(1), "{args:?}: {reported}");
        assert!(
            reported.contains(failed) && reported.contains("ENCODING 'UTF8' TEMPLATE template0"),
            "{args:?}: {reported}"
        );
    }
    let tables = "SELECT count(*) FROM pg_tables WHERE schemaname = 'public'";
    assert_eq!(db.superuser_count(tables).await, 0);
}

#[tokio::test]
async fn the_doctor_passes_over_what_an_extension_brought() {
    let db = TestDatabase::postgres().await;
    db.superuser_run("CREATE TABLE theirs (n int); GRANT SELECT ON theirs TO PUBLIC")
        .await;
    let command = rustok(db.url());
    assert_eq!(command.run(&["doctor"]).await.code, Some(1));
    db.superuser_run("ALTER EXTENSION plpgsql ADD TABLE theirs").await;
    let _ = command.run(&["doctor"]).await.success();
}

/// Passwords come from a file or standard input, and show nowhere.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn accounts_are_created_listed_disabled_and_given_passwords() {
    let db = TestDatabase::sqlite();
    let shop = Shop::start(rustok(db.url()).env("RUSTOK_LOG", "trace")).await;
    let folder = tempfile::tempdir().unwrap();
    let file = |name: &str, password: &str| {
        let path = folder.path().join(name);
        std::fs::write(&path, format!("{password}\n")).unwrap();
        path.to_str().unwrap().to_owned()
    };
    let (first, second) = (file("first", "correct horse"), file("second", "battery staple"));
    let run = async |args: &[&str]| shop.server.run(args).await;
    let email = "jane@example.com";
    let create = [
        "user", "create", email, "--name", "Jane", "--tenant", "shop1", "--role", "owner", "--json",
    ];
    let made = printed(run(&[&create[..], &["--password-file", &first]].concat()).await);
    assert_eq!(
        (&made["email"], &made["has_password"]),
        (&json!(email), &json!(true))
    );
    let sign_in = async |password: &str| {
        let body = json!({ "email": email, "password": password });
        let sign_in = shop.request(Method::PUT, "/api/admin/v1/session").json(&body);
        sign_in.send().await.unwrap().status().as_u16()
    };
    assert_eq!(sign_in("correct horse").await, 200);
    let listed = printed(run(&["user", "list", "--tenant", "shop1", "--json"]).await);
    assert_eq!(listed[0]["role"], "owner");
    assert_eq!(
        printed(run(&["user", "list", "--json"]).await)[0]["id"],
        made["id"]
    );
    let set = run(&["user", "set-password", email, "--password-file", &second]).await;
    assert!(set.success().contains(email));
    assert_eq!(
        (sign_in("correct horse").await, sign_in("battery staple").await),
        (401, 200)
    );
    let _ = run(&["user", "disable", email]).await.success();
    assert_eq!(sign_in("battery staple").await, 401);
    let _ = run(&["user", "enable", email]).await.success();
    assert_eq!(sign_in("battery staple").await, 200);
    // Without a password there is a link; without standard input a password is too short.
    let _ = run(&["user", "create", "joe@example.com", "--name", "Joe"])
        .await
        .success();
    let _ = run(&[
        "user",
        "grant",
        "joe@example.com",
        "--tenant",
        "shop1",
        "--role",
        "viewer",
    ])
    .await
    .success();
    let link = run(&["user", "link", "joe@example.com", "--tenant", "shop1"])
        .await
        .success();
    let exchange = shop
        .request(Method::PUT, "/api/admin/v1/session/link")
        .json(&json!({ "link": link.trim() }));
    assert_eq!(exchange.send().await.unwrap().status(), 200);
    for (wrong, code) in [
        (&["user", "set-password", email][..], 1),
        (&["user", "disable", "nobody@example.com"], 1),
        (&["user", "reset-second-factor", email], 1),
        (&["user", "create", email, "--name", "Jane"], 1),
        (
            &[
                "user",
                "create",
                "x@example.com",
                "--name",
                "X",
                "--role",
                "owner",
            ],
            2,
        ),
        (
            &["user", "grant", email, "--tenant", "shop1", "--role", "boss"],
            2,
        ),
    ] {
        assert_eq!(run(wrong).await.code, Some(code), "{wrong:?}");
    }
    let log = shop.server.stderr();
    for secret in [
        "correct horse",
        "battery staple",
        link.trim(),
        "rts_",
        "$argon2id$",
    ] {
        assert!(!log.contains(secret), "{secret} is in the log");
    }
}

#[tokio::test]
async fn nothing_but_the_result_goes_to_standard_output() {
    let db = TestDatabase::sqlite();
    let command = rustok(db.url()).env("RUSTOK_LOG", "debug");
    let secret = token_of(&command).await;
    let printed = command.run(&["token", "create", "--platform", "--json"]).await;
    serde_json::from_str::<Value>(&printed.stdout).unwrap();
    assert!(!printed.stderr.contains(&secret));
}

async fn token_of(command: &rustok_test_support::ServerCommand) -> String {
    tenant(command, "shop1", "admin").await;
    token(command, "shop1", "viewer").await
}

#[tokio::test]
async fn health_tells_what_readyz_tells() {
    let db = TestDatabase::sqlite();
    let server = rustok(db.url()).start().await;
    let management = server
        .management_url()
        .strip_prefix("http://")
        .unwrap()
        .to_owned();
    let port = management.rsplit_once(':').unwrap().1.to_owned();
    for address in [management.clone(), format!("0.0.0.0:{port}")] {
        let asked = server.command().clone().env("RUSTOK_MANAGEMENT_LISTEN", &address);
        assert!(
            asked
                .run(&["health"])
                .await
                .success()
                .contains("\"status\":\"ok\""),
            "{address}"
        );
    }
    let command = server
        .command()
        .clone()
        .env("RUSTOK_MANAGEMENT_LISTEN", &management);
    assert_eq!(server.terminate().await.code, Some(0));
    let gone = command.run(&["health"]).await;
    assert_eq!(gone.code, Some(1), "{}", gone.stdout);
    assert!(gone.stderr.contains("cannot be asked"), "{}", gone.stderr);
}
