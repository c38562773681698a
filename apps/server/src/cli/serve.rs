//! `rustok serve`: opens the database, reports where it listens, serves until it gets a stop signal.

use super::output::{Failure, line};
use super::{Flags, load_with};
use crate::config::{Config, ListenAddress};
use crate::state::AppState;
use crate::{demo, health, router};
use clap::Args;
use rustok_app::{Services, tenants};
use rustok_http::serve::{Shutdown, descriptors, serve, serve_on_own_thread};
use rustok_storage::{Opener, files};
use rustok_telemetry::Tracer;
use serde::Serialize;
use std::future::pending;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;
use tokio::net::TcpListener;
use tokio::signal::unix::{Signal, SignalKind, signal};

#[derive(Debug, Default, Args, Serialize)]
pub(super) struct Options {
    /// Where the API listens
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    listen: Option<SocketAddr>,
    /// Where health and metrics listen; empty: nowhere
    #[arg(long, value_name = "ADDRESS")]
    #[serde(skip_serializing_if = "Option::is_none")]
    management_listen: Option<ListenAddress>,
    /// Start without sample data
    #[arg(long)]
    #[serde(skip)]
    no_demo: bool,
    /// Print the merged settings, secrets masked, and stop
    #[arg(long)]
    #[serde(skip)]
    print_config: bool,
}

pub(super) async fn run(flags: &Flags, options: Options) -> Result<(), Failure> {
    let mut config = load_with(flags, &options)?;
    if options.print_config {
        let printed = config
            .printed()
            .map_err(|error| Failure::new(error.to_string()))?;
        return line(printed.trim_end());
    }
    config.max_connections = descriptors::connections(config.max_connections.max(1));
    let store = rustok_storage::open(config.store()?, Opener::Server).await?;
    for path in store.sqlite_path().map(files::open_to_others).unwrap_or_default() {
        tracing::warn!(path = %path.display(), "others may read or change the database: take their rights away (chmod go-rwx)");
    }
    let validator = config
        .validator()
        .map_err(|error| Failure::usage(format!("base_domain: {error}")))?;
    let secrets = super::keyring(&config, &store, Opener::Server)?;
    let services = Services::new(store.clone(), super::clock(&store).await?, validator);
    let mail = config
        .mail(&secrets)
        .map_err(|error| Failure::usage(error.to_string()))?;
    let services = Arc::new(services.with_secrets(secrets).with_mail(mail));
    let tracer = tracer(&config)?;
    let public = bind(config.listen).await?;
    let management = match config.management_listen.0 {
        Some(address) => Some(bind(address).await?),
        None => None,
    };
    // After binding: a first start that cannot listen must not use up the one time that secrets are shown.
    let first = if config.is_default_database() && !options.no_demo {
        demo::create(&services).await?
    } else {
        None
    };
    // Before the address is reported: a process that knows it may send a stop signal at once.
    let stop_signals = StopSignals::listen()?;
    greet(&config, &services, &public, management.as_ref()).await?;
    if let Some(first) = first {
        let shop = demo_shop(&config, public.local_addr()?);
        show_once(&first, &shop)?;
    }
    let state = AppState::with_tracer(config, services, tracer);
    run_until_stopped(state, public, management, stop_signals).await
}

fn tracer(config: &Config) -> Result<Tracer, Failure> {
    let traces = config.traces().and_then(|traces| match traces {
        Some(settings) => Tracer::start(&settings),
        None => Ok(Tracer::off()),
    });
    traces.map_err(|error| Failure::usage(error.to_string()))
}

async fn bind(address: SocketAddr) -> Result<TcpListener, Failure> {
    TcpListener::bind(address)
        .await
        .map_err(|error| Failure::new(format!("cannot listen on {address}: {error}")))
}

async fn greet(
    config: &Config,
    services: &Arc<Services>,
    public: &TcpListener,
    management: Option<&TcpListener>,
) -> Result<(), Failure> {
    let public = public.local_addr()?;
    line(format!("listening on http://{public}"))?;
    if let Some(management) = management {
        line(format!("management on http://{}", management.local_addr()?))?;
    }
    let base = format!("{}:{}", config.base_domain, public.port());
    line(format!("API documentation: http://{base}/api/docs"))?;
    if config.is_default_database() {
        let localhost = services
            .validator
            .host("localhost")
            .map_err(|error| Failure::new(error.to_string()))?;
        let found = tenants::find(&super::platform(services), &localhost).await;
        if found.is_ok_and(|tenant| demo::is_default_shop(&tenant)) {
            let shop = demo_shop(config, public);
            line(format!("demo shop: {shop}/"))?;
            line(format!("administration: {shop}/admin"))?;
            line("demo mode: localhost and 127.0.0.1 are the demo shop too")?;
        }
    }
    Ok(())
}

/// The URL of the demo shop, without a trailing slash.
fn demo_shop(config: &Config, public: SocketAddr) -> String {
    format!("http://{}.{}:{}", demo::SLUG, config.base_domain, public.port())
}

/// The only time that these secrets are to be seen.
fn show_once(first: &demo::FirstStart, shop: &str) -> Result<(), Failure> {
    line("")?;
    line("Open this link to sign in; it works once, within an hour:")?;
    line(format!(
        "  {shop}/admin/sign-in/link?link={}",
        first.link.expose()
    ))?;
    line("")?;
    line("These tokens are shown only now:")?;
    line(format!(
        "  admin token of the demo shop: {}",
        first.admin.secret.expose()
    ))?;
    line(format!(
        "  platform token:               {}",
        first.platform.secret.expose()
    ))
}

/// How long the spans of the last requests may take to be sent.
const FLUSH_LIMIT: Duration = Duration::from_secs(2);

/// Connections of those who watch the server.
const MANAGEMENT_CONNECTIONS: usize = 128;

async fn run_until_stopped(
    state: AppState,
    public: TcpListener,
    management: Option<TcpListener>,
    mut stop_signals: StopSignals,
) -> Result<(), Failure> {
    let shutdown = Shutdown::default();
    let management_shutdown = Shutdown::default();
    let config = state.config().clone();
    let workers = crate::worker::spawn_all(&state, &shutdown.closing);
    let management = management.map(|listener| {
        let router = health::management(state.clone());
        let (http, most) = (state.http(), MANAGEMENT_CONNECTIONS);
        serve_on_own_thread("management", listener, router, http, most, &management_shutdown)
    });
    let management = management.transpose()?;
    let serving = serve(
        public,
        router::public(state.api(), health::router(state.clone())),
        state.http(),
        config.max_connections,
        &shutdown,
    );
    let stopping = async {
        // Load balancers need time to send requests elsewhere; a person at the terminal does not want to wait.
        let delay = tokio::select! {
            _ = stop_signals.terminate.recv() => Duration::from_millis(config.shutdown_delay_ms),
            () = StopSignals::hung_up(&mut stop_signals.hangup) => Duration::from_millis(config.shutdown_delay_ms),
            _ = stop_signals.interrupt.recv() => Duration::ZERO,
        };
        tracing::info!("shutting down: finishing what is in flight");
        state.start_draining();
        shutdown.draining.cancel();
        tokio::time::sleep(delay).await;
        shutdown.closing.cancel();
    };
    let (finished, ()) = tokio::join!(serving, stopping);
    workers.finish().await;
    state.tracer().shut_down(FLUSH_LIMIT).await;
    // Until the end it reports that the server is not ready.
    management_shutdown.draining.cancel();
    management_shutdown.closing.cancel();
    if let Some(management) = management {
        let _ = management.await;
    }
    if finished {
        Ok(())
    } else {
        Err(Failure::new(
            "some requests were still in flight at the end of the shutdown time",
        ))
    }
}

/// The signals that stop the server; from their making on they do not just end it.
struct StopSignals {
    terminate: Signal,
    interrupt: Signal,
    /// The terminal was closed; none if a parent process, such as nohup, has it ignored.
    hangup: Option<Signal>,
}

impl StopSignals {
    fn listen() -> Result<Self, Failure> {
        Ok(Self {
            terminate: signal(SignalKind::terminate())?,
            interrupt: signal(SignalKind::interrupt())?,
            hangup: match is_hangup_ignored() {
                true => None,
                false => Some(signal(SignalKind::hangup())?),
            },
        })
    }

    async fn hung_up(hangup: &mut Option<Signal>) {
        match hangup {
            Some(hangup) => drop(hangup.recv().await),
            None => pending().await,
        }
    }
}

/// Whether SIGHUP was ignored when this process began, as far as the system shows it.
fn is_hangup_ignored() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let ignored = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    ignored.is_some_and(|mask| mask & 1 == 1)
}
