//! The command line. Results go to standard output, everything else to standard error; wrong use ends with 2,
//! failure with 1.

mod backup;
mod doctor;
mod health;
mod import;
mod output;
mod progress;
mod restore;
mod secrets;
mod serve;
mod tenant;
mod token;
mod user;

use crate::config::{Config, Flags};
use clap::{Parser, Subcommand};
use output::Failure;
use rustok_app::secrets::Keyring;
use rustok_app::{PlatformCtx, Services};
use rustok_core::clock::{Clock, SharedClock, SystemClock};
use rustok_core::deadline::Deadline;
use rustok_storage::{Opener, Store};
use rustok_telemetry::{LogFormat, init_log};
use serde::Serialize;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

/// How long a command may wait for the database.
const COMMAND_LIMIT: Duration = Duration::from_secs(30);

/// Runs many shops and sites from one process.
#[derive(Debug, Parser)]
#[command(name = "rustok", version, about, disable_help_subcommand = true)]
struct Cli {
    #[command(flatten)]
    flags: Flags,
    #[command(subcommand)]
    command: Option<Command>,
}

#[derive(Debug, Subcommand)]
enum Command {
    /// Serve the API (this is what happens without a command)
    Serve(serve::Options),
    /// Bring the database's schema up to date
    Migrate(output::Format),
    /// Create, list, suspend and resume tenants; give them hosts, move them, take them away
    #[command(subcommand)]
    Tenant(tenant::Command),
    /// Create, list and revoke bearer tokens
    #[command(subcommand)]
    Token(token::Command),
    /// Create accounts of people, make them members, set passwords, disable, list
    #[command(subcommand)]
    User(user::Command),
    /// Make a secret key, and seal everything again under a new one
    #[command(subcommand)]
    Secrets(secrets::Command),
    /// Import a file from another system
    #[command(subcommand)]
    Import(import::Command),
    /// Copy the database into one file while it is in use
    Backup(backup::Options),
    /// Bring a backup back, into an empty database only
    Restore(restore::Options),
    /// Check settings, database, isolation and clock
    Doctor(output::Format),
    /// Ask the server beside whether it is ready, for a container's health check
    Health,
    /// Print the OpenAPI document
    Openapi,
}

/// Runs what the command line asks for.
#[must_use]
pub fn run() -> ExitCode {
    let cli = Cli::parse();
    let done = tokio::runtime::Builder::new_multi_thread()
        .enable_all()
        .build()
        .map_err(|error| Failure::new(format!("cannot start: {error}")))
        .and_then(|runtime| runtime.block_on(dispatch(cli)));
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            output::complain(&failure);
            failure.exit_code()
        }
    }
}

async fn dispatch(cli: Cli) -> Result<(), Failure> {
    let flags = cli.flags;
    match cli
        .command
        .unwrap_or_else(|| Command::Serve(serve::Options::default()))
    {
        Command::Serve(options) => serve::run(&flags, options).await,
        Command::Migrate(format) => migrate(&flags, format).await,
        Command::Tenant(command) => tenant::run(&flags, command).await,
        Command::Token(command) => token::run(&flags, command).await,
        Command::User(command) => user::run(&flags, command).await,
        Command::Secrets(command) => secrets::run(&flags, command).await,
        Command::Import(command) => import::run(&flags, command).await,
        Command::Backup(options) => backup::run(&flags, options).await,
        Command::Restore(options) => restore::run(&flags, options).await,
        Command::Doctor(format) => doctor::run(&flags, format).await,
        Command::Health => health::run(&flags).await,
        Command::Openapi => output::json(&rustok_api::router::document()),
    }
}

async fn migrate(flags: &Flags, format: output::Format) -> Result<(), Failure> {
    #[derive(Serialize)]
    struct Migrated {
        database: &'static str,
        schema: i64,
    }
    let store = rustok_storage::open(load(flags)?.store()?, Opener::Server).await?;
    let migrated = Migrated {
        database: store.system(),
        schema: rustok_storage::latest_schema(),
    };
    format.print(&migrated, |m| format!("{} has schema {}", m.database, m.schema))
}

/// The settings of a command, with the log started.
fn load(flags: &Flags) -> Result<Config, Failure> {
    load_with(flags, Flags::default())
}

fn load_with(flags: &Flags, extra: impl Serialize) -> Result<Config, Failure> {
    let config = Config::load(flags, extra).map_err(|error| Failure::usage(error.to_string()))?;
    let format = LogFormat::parse(&config.log_format)
        .ok_or_else(|| Failure::usage("log_format is one of: auto, text, json"))?;
    init_log(&config.log, format).map_err(|error| Failure::usage(format!("log filter: {error}")))?;
    for remark in &config.remarks {
        tracing::warn!(remark, "settings");
    }
    Ok(config)
}

/// What a command works with: the use cases over the database beside a running server.
async fn services(flags: &Flags) -> Result<Arc<Services>, Failure> {
    services_with(&load(flags)?).await
}

async fn services_with(config: &Config) -> Result<Arc<Services>, Failure> {
    let store = rustok_storage::open(config.store()?, Opener::Command).await?;
    let validator = config
        .validator()
        .map_err(|error| Failure::usage(format!("base_domain: {error}")))?;
    let clock = clock(&store).await?;
    let secrets = keyring(config, &store, Opener::Command)?;
    Ok(Arc::new(
        Services::new(store, clock, validator).with_secrets(secrets),
    ))
}

/// The keys of sealed records. A command makes none.
fn keyring(config: &Config, store: &Store, opener: Opener) -> Result<Keyring, Failure> {
    let may_create = matches!(opener, Opener::Server);
    config
        .keyring(store.sqlite_path(), may_create)
        .map_err(|error| Failure::usage(error.to_string()))
}

/// The clock by which everything is stamped and falls due: on PostgreSQL, which several servers may share, the
/// database's. A SQLite file is on this machine.
async fn clock(store: &Store) -> Result<Arc<dyn Clock>, Failure> {
    if store.sqlite_path().is_some() {
        return Ok(Arc::new(SystemClock));
    }
    let asked = Instant::now();
    let theirs = store.database_time(Deadline::after(COMMAND_LIMIT)).await?;
    Ok(Arc::new(SharedClock::new(theirs, asked)))
}

fn platform(services: &Arc<Services>) -> PlatformCtx {
    PlatformCtx::system(
        Arc::clone(services),
        "command-line",
        Deadline::after(COMMAND_LIMIT),
    )
}
