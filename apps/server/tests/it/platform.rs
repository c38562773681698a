//! The program under test, in a process of its own or in the test's; health, documents and shutdown.
//!
//! Most tests need no process: [`program`] serves the same router with the same workers here. What only a process has
//! needs [`rustok`]: its signals and exit code, log, command line, memory and threads.

use figment::Figment;
use figment::providers::Serialized;
use figment::value::Value as Setting;
use reqwest::{Client, StatusCode};
use rustok_core::clock::ManualClock;
use rustok_server::config::Config;
use rustok_server::state::AppState;
use rustok_server::{health, router, worker};
use rustok_test_app::{TestApp, services};
use rustok_test_support::{ServerCommand, TestServer, both_databases};
use serde_json::Value;
use std::sync::Arc;
use tokio_util::sync::CancellationToken;

pub(crate) use rustok_test_app::{errors, printed, problem, tenant, token};

/// A shop whose server is a process of its own.
pub(crate) type Shop = rustok_test_app::Shop<TestServer>;

/// The binary under test, on the given database. Its log tells every event.
pub(crate) fn rustok(database_url: &str) -> ServerCommand {
    ServerCommand::new(env!("CARGO_BIN_EXE_rustok"), database_url)
        .env("RUSTOK_LOG", "info,rustok.events=debug")
}

/// The program in this process, with these settings: all but its management listener.
pub(crate) async fn program(database_url: &str, settings: &[(&str, &str)]) -> rustok_test_app::Shop {
    program_at(None, database_url, settings).await
}

/// As [`program`], with a clock that the test moves.
pub(crate) async fn program_at(
    clock: Option<Arc<ManualClock>>,
    database_url: &str,
    settings: &[(&str, &str)],
) -> rustok_test_app::Shop {
    let folder = tempfile::tempdir().unwrap();
    let mut all = Figment::from(Serialized::defaults(Config::default()))
        .merge(("database_url", database_url))
        .merge(("import_folder", folder.path().join("imports")));
    for (name, value) in settings {
        let name = name.strip_prefix("RUSTOK_").unwrap().to_lowercase();
        all = all.merge((name, value.parse::<Setting>().unwrap()));
    }
    let config: Config = all.extract().unwrap();
    let state = AppState::new(
        config.clone(),
        services(config.store().unwrap(), clock, config.validator().unwrap()).await,
    );
    let workers = worker::spawn_all(&state, &CancellationToken::new());
    let routes = router::public(state.api(), health::router(state.clone()));
    let app = TestApp::serve(routes, state.http(), (workers, folder)).await;
    rustok_test_app::Shop::on(app).await
}

/// What Linux tells of a process under a name.
pub(crate) fn status(pid: u32, member: &str) -> Option<String> {
    let status = std::fs::read_to_string(format!("/proc/{pid}/status")).ok()?;
    let mut lines = status.lines();
    let value = lines.find_map(|line| line.strip_prefix(member)?.strip_prefix(':'))?;
    Some(value.trim().to_owned())
}

/// What it tells of the memory of a process, in kilobytes: `VmRSS` is what it has, `VmHWM` the most it has had.
pub(crate) fn status_kib(pid: u32, member: &str) -> u64 {
    let value = status(pid, member).unwrap();
    value.trim_end_matches(" kB").parse().unwrap()
}

both_databases! {
    async fn health_documents_and_shutdown(db) {
        let shop = Shop::start(rustok(db.url())).await;
        let get = |url: String| async move { Client::new().get(url).send().await.unwrap() };
        for path in ["/livez", "/readyz", "/api/docs", "/api/docs/swagger-ui.css"] {
            assert_eq!(get(format!("{}{path}", shop.server.url())).await.status(), StatusCode::OK, "{path}");
        }
        for path in ["/livez", "/readyz", "/metrics", "/version"] {
            assert_eq!(get(format!("{}{path}", shop.server.management_url())).await.status(), StatusCode::OK, "{path}");
        }
        assert_eq!(get(format!("{}/metrics", shop.server.url())).await.status(), StatusCode::NOT_FOUND);
        let document: Value = get(format!("{}/api/openapi.json", shop.server.url())).await.json().await.unwrap();
        assert_eq!(document["openapi"], "3.1.0");
        let command: Value = serde_json::from_str(&shop.server.run(&["openapi"]).await.success()).unwrap();
        assert_eq!(document, command);
        assert_eq!(shop.server.terminate().await.code, Some(0));
    }
}
