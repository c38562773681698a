//! Where settings come from, and what is told of them.

use crate::platform::rustok;
use rustok_test_support::{Finished, ServerCommand, TestDatabase};
use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

const PRINT: [&str; 2] = ["serve", "--print-config"];

async fn printed(command: &ServerCommand, more: &[&str]) -> Finished {
    command.run(&[&PRINT, more].concat()).await
}

fn write(path: &Path, text: &str) {
    std::fs::write(path, text).unwrap();
}

#[tokio::test]
async fn a_file_of_settings_is_obeyed_where_it_lies_or_when_it_is_named() {
    let db = TestDatabase::sqlite();
    let command = rustok(db.url());
    let (above, below) = (command.folder(), command.folder().join("below"));
    std::fs::create_dir(&below).unwrap();
    write(&above.join("rustok.toml"), "max_connections = 4711\n");
    let shown = printed(&command, &[]).await.success();
    assert!(shown.contains("max_connections = 4711"), "{shown}");
    // From a folder below it is another's business.
    let inside = std::process::Command::new(env!("CARGO_BIN_EXE_rustok"))
        .args(PRINT)
        .current_dir(&below)
        .output()
        .unwrap();
    let inside = String::from_utf8(inside.stdout).unwrap();
    assert!(inside.contains("max_connections = 10000"), "{inside}");

    let named = below.join("other.toml");
    write(&named, "max_connections = 4712\n");
    let named = named.to_str().unwrap();
    for finished in [
        printed(&command, &["--config", named]).await,
        printed(&command.clone().env("RUSTOK_CONFIG", named), &[]).await,
    ] {
        let shown = finished.success();
        assert!(shown.contains("max_connections = 4712"), "{shown}");
    }
    let missing = printed(&command, &["--config", "missing.toml"]).await;
    assert_eq!(missing.code, Some(2), "{}", missing.stderr);
    assert!(missing.stderr.contains("missing.toml"), "{}", missing.stderr);

    let own = above.join("rustok.toml");
    std::fs::set_permissions(&own, std::fs::Permissions::from_mode(0o646)).unwrap();
    let open = printed(&command, &[]).await;
    assert_eq!(open.code, Some(2));
    assert!(open.stderr.contains("anybody may write it"), "{}", open.stderr);
}

#[tokio::test]
async fn a_password_is_neither_printed_nor_repeated_in_an_error() {
    let db = TestDatabase::sqlite();
    let command = rustok(db.url());
    for url in [
        "postgres://app:hun?ter2@db/shop",
        "postgres://app:hun#ter2@db/shop",
        "postgres://app:hunter2@db/shop?password=ter2",
        "postgres://app:hun@ter2@db:5432/shop",
        "hunter2",
    ] {
        let shown = printed(&command.clone().env("RUSTOK_DATABASE_URL", url), &[]).await;
        let failed = command
            .clone()
            .env("RUSTOK_DATABASE_URL", url)
            .run(&["migrate"])
            .await;
        for reported in [shown.success(), failed.stdout + &failed.stderr] {
            assert!(
                !reported.contains("ter2") && !reported.contains("hun"),
                "{url}: {reported}"
            );
        }
    }
    write(
        &command.folder().join("rustok.toml"),
        "database_url = \"postgres://app:hunter2@db\nlisten = 1",
    );
    let broken = printed(&command, &[]).await;
    assert_eq!(broken.code, Some(2));
    assert!(
        broken.stderr.contains("line 1") && !broken.stderr.contains("hunter2"),
        "{}",
        broken.stderr
    );
    std::fs::remove_file(command.folder().join("rustok.toml")).unwrap();

    let given = printed(&command, &["--database-url", "postgres://app:hunter2@db/shop"]).await;
    assert!(given.stderr.contains("--database-url-file"), "{}", given.stderr);
    assert!(!given.stderr.contains("hunter2") && !given.success().contains("hunter2"));
}

#[tokio::test]
async fn the_database_may_be_named_by_a_file() {
    let db = TestDatabase::sqlite();
    let command = rustok("").env_remove("RUSTOK_DATABASE_URL");
    let file = command.folder().join("url");
    write(&file, &format!("{}\n", db.url()));
    let file = file.to_str().unwrap();
    let migrated = command
        .clone()
        .env("RUSTOK_DATABASE_URL_FILE", file)
        .run(&["migrate"])
        .await;
    assert!(migrated.success().contains("schema"));
    assert!(db.path().exists());
    // A flag is nearer than a variable, whichever of the two it is.
    let by_flag = rustok(db.url());
    let shown = printed(&by_flag, &["--database-url-file", file]).await.success();
    assert!(
        shown.contains("database_url_file") && !shown.contains("database_url ="),
        "{shown}"
    );
    let both = by_flag.env("RUSTOK_DATABASE_URL_FILE", file);
    let refused = printed(&both, &[]).await;
    assert_eq!(refused.code, Some(2));
    assert!(
        refused.stderr.contains("one of them is enough"),
        "{}",
        refused.stderr
    );
    let shown = printed(&both, &["--database-url", "sqlite://x.db"])
        .await
        .success();
    assert!(shown.contains("sqlite://x.db"), "{shown}");
}

#[tokio::test]
async fn a_variable_that_is_no_setting_is_told_and_stops_nothing() {
    let db = TestDatabase::sqlite();
    let finished = printed(&rustok(db.url()).env("RUSTOK_OF_TOMORROW", "secret"), &[]).await;
    assert!(
        finished.stderr.contains("RUSTOK_OF_TOMORROW"),
        "{}",
        finished.stderr
    );
    assert!(!finished.stderr.contains("secret"), "{}", finished.stderr);
    let _ = finished.success();
}

/// What was made wider before is said, and stays as it is.
#[tokio::test]
async fn a_database_that_others_may_read_is_told_at_the_start() {
    let db = TestDatabase::sqlite();
    let server = rustok(db.url()).start().await;
    assert!(
        !server.stderr().contains("others may read"),
        "{}",
        server.stderr()
    );
    let command = server.kill().await;
    std::fs::set_permissions(db.path(), std::fs::Permissions::from_mode(0o644)).unwrap();
    let server = command.start().await;
    assert!(server.stderr().contains("others may read"), "{}", server.stderr());
}

/// Every setting that is text takes any text: what looks like a number, a truth value or a list may be refused by the
/// rule of its setting, never for its type.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn text_may_look_like_anything() {
    let db = TestDatabase::sqlite();
    let command = rustok(db.url());
    let shown = printed(&command, &[]).await.success();
    let texts = shown.lines().filter_map(|line| line.split_once(" = \""));
    let mut names: Vec<String> = texts
        .map(|(name, _)| format!("RUSTOK_{}", name.to_uppercase()))
        .collect();
    assert!(names.len() >= 7, "{shown}");
    // Those that have no value show only when they are set.
    names.extend(
        [
            "DATABASE_URL_FILE",
            "BASE_URL",
            "OTLP_ENDPOINT",
            "OTLP_HEADERS",
            "IMPORT_FOLDER",
        ]
        .map(|name| format!("RUSTOK_{name}")),
    );
    names.extend(["ENDPOINT", "PROTOCOL", "HEADERS"].map(|name| format!("OTEL_EXPORTER_OTLP_{name}")));
    for name in names {
        for text in ["123", "1.5", "true", "[a,b]", "{a=1}"] {
            let finished = printed(&command.clone().env(&name, text), &[]).await;
            assert!(
                !finished.stderr.contains("invalid type"),
                "{name}={text}: {}",
                finished.stderr
            );
        }
    }
    for name in ["RUSTOK_SERVICE_NAME", "OTEL_SERVICE_NAME"] {
        for text in ["123", "1e3", "0007", "true", "[a,b]"] {
            let shown = printed(&command.clone().env(name, text), &[]).await.success();
            assert!(
                shown.contains(&format!("service_name = \"{text}\"")),
                "{name}: {shown}"
            );
        }
    }
}
