//! Runs the imports of files that this process has received: one at a time per tenant, and a limited number in all.
//!
//! An import runs on a blocking thread: reading and sanitising would delay other requests. When the server stops,
//! imports stop between two batches and wait for the next start; committed batches stay, and are then found to be
//! unchanged. A file that another process of this machine left behind is taken over as if it had been received here.

use super::round_deadline;
use crate::state::AppState;
use rustok_app::import::jobs::{self, Import};
use rustok_app::import::{self, ImportFile, ImportReport, Mode};
use rustok_app::jobs::run_due;
use rustok_app::{Ctx, PlatformCtx, tenants};
use rustok_auth::{Action, Principal};
use rustok_core::deadline::Deadline;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::ids::TenantId;
use rustok_core::resilience::CircuitState;
use rustok_events::JobKind;
use rustok_http::imports::spool::SpoolFile;
use std::collections::{HashMap, HashSet};
use std::fs::File;
use std::ops::ControlFlow;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Duration;
use tokio::runtime::Handle;
use tokio::task::{self, JoinHandle, JoinSet};
use tokio_util::sync::CancellationToken;

/// The actor in history and events.
const ACTOR: &str = "import";
/// Interval at which the progress of an import is stored.
const NOTE_EVERY: Duration = Duration::from_secs(1);
/// Maximum interval between two rounds.
const ROUND_EVERY: Duration = Duration::from_secs(15);
/// Deadline of one database step.
const STEP_LIMIT: Duration = Duration::from_secs(10);
/// Maximum number of attempts of an import whose database becomes unavailable.
const ATTEMPTS: u32 = 20;
/// How long a file without an import is left alone: its import may be about to be created.
const YOUNG: Duration = Duration::from_secs(60);
/// Maximum number of abandoned imports that one round fails.
const BATCH: i64 = 100;

/// The running imports, and the files to retry.
struct ImportScheduler {
    state: AppState,
    stop: CancellationToken,
    running: JoinSet<Option<SpoolFile>>,
    owners: HashMap<task::Id, TenantId>,
    /// Files to retry in the next round, because the database was unavailable.
    again: Vec<SpoolFile>,
}

/// Runs imports until `stop` is cancelled.
pub(super) async fn run(state: AppState, stop: CancellationToken) {
    let every = (state.config().import_lease() / 4).min(ROUND_EVERY);
    let mut scheduler = ImportScheduler {
        state,
        stop: stop.clone(),
        running: JoinSet::new(),
        owners: HashMap::new(),
        again: Vec::new(),
    };
    let mut rounds = tokio::time::interval(every);
    rounds.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    while !stop.is_cancelled() {
        let state = scheduler.state.clone();
        tokio::select! {
            () = stop.cancelled() => {}
            () = state.imports().came.notified() => {}
            Some(ended) = scheduler.running.join_next_with_id() => scheduler.ended(ended),
            _ = rounds.tick() => scheduler.round().await,
        }
        scheduler.start_what_may();
    }
    while let Some(ended) = scheduler.running.join_next_with_id().await {
        scheduler.ended(ended);
    }
}

impl ImportScheduler {
    fn start_what_may(&mut self) {
        while self.running.len() < self.state.config().max_imports_running.max(1) && !self.stop.is_cancelled()
        {
            let busy: HashSet<TenantId> = self.owners.values().copied().collect();
            let Some(file) = self.state.imports().next(&busy) else {
                return;
            };
            let owner = file.tenant();
            let one = ImportRun {
                state: self.state.clone(),
                stop: self.stop.clone(),
            };
            let handle = self.running.spawn(async move { one.import(file).await });
            self.owners.insert(handle.id(), owner);
        }
    }

    fn ended(&mut self, ended: Result<(task::Id, Option<SpoolFile>), task::JoinError>) {
        let id = match ended {
            Ok((id, file)) => {
                self.again.extend(file);
                id
            }
            Err(error) => {
                tracing::error!(%error, "an import panicked");
                error.id()
            }
        };
        self.owners.remove(&id);
    }

    /// Takes over orphaned files, renews the leases of waiting ones, and only then fails abandoned imports.
    async fn round(&mut self) {
        let breaker = self.state.services().store.breaker();
        if breaker.is_some_and(|breaker| breaker.state() != CircuitState::Closed) {
            return;
        }
        for file in self.again.drain(..) {
            self.state.imports().push(file);
        }
        let looked = self.look_after().await;
        self.state.metrics().count_round("imports", looked.is_ok());
        if let Err(error) = looked {
            tracing::warn!(?error, "a round of imports failed and is tried again");
        }
    }

    async fn look_after(&self) -> Result<(), RichError> {
        self.take_up().await?;
        let lease = self.state.config().import_lease();
        for file in self.state.imports().take_all() {
            let kept = async {
                let ctx = context(&self.state, file.tenant()).await?;
                jobs::keep(&ctx, file.import(), lease).await
            };
            match kept.await {
                Ok(true) => self.state.imports().push(file),
                Ok(false) => file.remove(),
                Err(error) => {
                    tracing::warn!(?error, import_id = %file.import(), "the lease of an import was not renewed");
                    self.state.imports().push(file);
                }
            }
        }
        let platform = PlatformCtx::system(Arc::clone(self.state.services()), ACTOR, round_deadline());
        let is_stopping = || self.stop.is_cancelled();
        run_due(&platform, &[JobKind::FailImport], BATCH, is_stopping)
            .await
            .map(drop)
    }

    async fn take_up(&self) -> Result<(), RichError> {
        let state = self.state.clone();
        let found = task::spawn_blocking(move || state.imports().spool.orphans()).await;
        let found = match found {
            Ok(Ok(found)) => found,
            Ok(Err(error)) => {
                tracing::warn!(%error, "the folder of imports cannot be read");
                return Ok(());
            }
            Err(error) => return Err(RichError::new(ErrorKind::Internal, error.to_string())),
        };
        for file in found {
            self.take_up_one(file).await?;
        }
        Ok(())
    }

    async fn take_up_one(&self, file: SpoolFile) -> Result<(), RichError> {
        let ctx = match context(&self.state, file.tenant()).await {
            Ok(ctx) => ctx,
            // It belongs to another database, whose own server will take it over.
            Err(error) if error.kind() == ErrorKind::NotFound => return Ok(()),
            Err(error) => return Err(error),
        };
        match jobs::get(&ctx, file.import()).await {
            Ok(import) if !import.status.is_final() => {
                tracing::info!(import_id = %import.id, "an import goes on that another process began");
                self.state.imports().push(file);
            }
            Ok(_) => file.remove(),
            // The receiving process died before it created the import, or is about to create it.
            Err(error) if error.kind() == ErrorKind::NotFound => {
                if file.age() >= YOUNG {
                    file.remove();
                }
            }
            Err(error) => return Err(error),
        }
        Ok(())
    }
}

/// The context of one step on the tenant's data.
async fn context(state: &AppState, tenant: TenantId) -> Result<Ctx, RichError> {
    let services = state.services();
    let platform = PlatformCtx::system(Arc::clone(services), ACTOR, Deadline::after(STEP_LIMIT));
    let tenant = tenants::find(&platform, &services.validator.known_id(tenant)).await?;
    let deadline = Deadline::after(STEP_LIMIT);
    Ok(Ctx::system(
        Arc::clone(services),
        Arc::new(tenant),
        ACTOR,
        deadline,
    ))
}

/// The same context with a new deadline.
fn again(ctx: &Ctx) -> Ctx {
    Ctx {
        deadline: Deadline::after(STEP_LIMIT),
        ..ctx.clone()
    }
}

/// How reading a file ended.
enum Read {
    /// It was read this far; the report is to be stored.
    Ended(Box<ImportReport>, u64),
    /// It could not be read; this reason is to be stored.
    Failed(&'static str),
    /// Nothing is left to do: the import was failed in the meantime.
    Lost,
    /// It must be read again, here or after the next start.
    Unfinished,
}

/// Runs one import.
struct ImportRun {
    state: AppState,
    stop: CancellationToken,
}

impl ImportRun {
    /// Returns the file if this process must retry it.
    async fn import(&self, mut file: SpoolFile) -> Option<SpoolFile> {
        file.attempts += 1;
        let (ctx, import) = match self.begin(&file).await {
            Ok((ctx, Some(import))) => (ctx, import),
            Ok((_, None)) => {
                file.remove();
                return None;
            }
            Err(error) => {
                tracing::warn!(?error, import_id = %file.import(), "an import could not be begun and is tried again");
                return Some(file);
            }
        };
        tracing::info!(import_id = %import.id, tenant_id = %ctx.tenant.id, bytes = import.bytes_total, "an import begins");
        let sender = Ctx {
            sender: Principal::of(&import.actor),
            ..ctx.clone()
        };
        let may = async {
            ctx.tenant.ensure_active()?;
            tenants::check_standing(&again(&sender), Action::ImportData).await
        };
        let read = match may.await {
            Ok(()) => self.read(&sender, &import, &file).await,
            Err(error) => match error.kind() {
                _ if is_of_member(&sender) && is_barred(&error) && error.code() != "tenant_suspended" => {
                    Read::Failed("the member who sent it lost the right to import before its turn came")
                }
                ErrorKind::Unauthenticated => {
                    Read::Failed("the token that sent it was revoked before its turn came")
                }
                ErrorKind::Forbidden => Read::Failed("the shop or site was suspended before its turn came"),
                _ => {
                    tracing::warn!(?error, import_id = %import.id, "an import could not be begun and is tried again");
                    Read::Unfinished
                }
            },
        };
        if self.settle(&ctx, &import, read).await {
            file.remove();
            return None;
        }
        (!self.stop.is_cancelled()).then_some(file)
    }

    async fn begin(&self, file: &SpoolFile) -> Result<(Ctx, Option<Import>), RichError> {
        let ctx = context(&self.state, file.tenant()).await?;
        let import = jobs::begin(&ctx, file.import(), self.state.config().import_lease()).await?;
        Ok((ctx, import))
    }

    /// Reads the file on behalf of its sender, and stores the progress. It stops when the sender loses the right to
    /// import: each batch is refused then; a dry run, which commits nothing, is stopped by the check here.
    async fn read(&self, ctx: &Ctx, import: &Import, file: &SpoolFile) -> Read {
        let content = match file.reader() {
            Ok(content) => content,
            Err(error) => {
                tracing::error!(%error, import_id = %import.id, "a file that was sent cannot be read");
                return Read::Failed("its file cannot be read any more: send it again");
            }
        };
        let (bytes, enough) = (Arc::new(AtomicU64::new(0)), self.stop.child_token());
        let mut reading = start_reading(ctx, import, content, &bytes, &enough);
        let lease = self.state.config().import_lease();
        let (mut lost, mut barred) = (false, None);
        let own = Ctx {
            origin: None,
            sender: None,
            ..ctx.clone()
        };
        let report = loop {
            tokio::select! {
                report = &mut reading => break report,
                () = tokio::time::sleep(NOTE_EVERY.min(lease / 4)), if !lost => {
                    if barred.is_none() {
                        barred = tenants::check_standing(&again(ctx), Action::ImportData).await.err().filter(is_barred);
                    }
                    let read = bytes.load(Ordering::Relaxed).min(import.bytes_total);
                    match jobs::note_progress(&again(&own), import.id, read, lease).await {
                        Ok(runs) => lost = !runs,
                        Err(error) => tracing::debug!(?error, import_id = %import.id, "progress was not noted"),
                    }
                    if lost || barred.is_some() {
                        enough.cancel();
                    }
                }
            }
        };
        match report {
            Err(error) => {
                tracing::error!(%error, import_id = %import.id, "an import panicked");
                Read::Failed("a defect of ours stopped it")
            }
            Ok(_) if lost => Read::Lost,
            Ok(mut report) if barred.is_some() || report.stopped.as_ref().is_some_and(is_barred) => {
                let why = report.stopped.take().filter(is_barred).or(barred);
                report.stopped = why.map(|why| ended_for(ctx, why));
                Read::Ended(Box::new(report), bytes.load(Ordering::Relaxed))
            }
            Ok(report) if report.is_interrupted => Read::Unfinished,
            Ok(report)
                if report
                    .stopped
                    .as_ref()
                    .is_some_and(|error| error.kind().is_outage())
                    && file.attempts < ATTEMPTS =>
            {
                tracing::warn!(error = ?report.stopped, import_id = %import.id, "an import lost its database and is tried again");
                Read::Unfinished
            }
            Ok(report) => Read::Ended(Box::new(report), bytes.load(Ordering::Relaxed)),
        }
    }

    /// Stores the result as soon as the database permits. Returns whether the file is no longer needed.
    async fn settle(&self, ctx: &Ctx, import: &Import, mut read: Read) -> bool {
        loop {
            let ctx = again(ctx);
            let settled = match &read {
                Read::Ended(report, bytes) => jobs::finish(&ctx, import, report, *bytes).await,
                Read::Failed(why) => jobs::fail(&ctx, import.id, why).await,
                Read::Lost => return true,
                Read::Unfinished => {
                    if let Err(error) = jobs::put_back(&ctx, import.id).await {
                        tracing::warn!(?error, import_id = %import.id, "an import that waits is still said to run");
                    }
                    return false;
                }
            };
            match settled {
                Ok(_) => {
                    tracing::info!(import_id = %import.id, tenant_id = %ctx.tenant.id, "an import ended");
                    return true;
                }
                Err(error) if error.kind().is_outage() && !self.stop.is_cancelled() => {
                    tracing::debug!(?error, import_id = %import.id, "the end of an import is stored later");
                    tokio::time::sleep(NOTE_EVERY).await;
                }
                Err(error) if self.stop.is_cancelled() => {
                    tracing::warn!(?error, import_id = %import.id, "the end of an import is not stored before the next start");
                    return false;
                }
                // Reading the file again would give the same result.
                Err(error) => {
                    tracing::error!(?error, import_id = %import.id, "the end of an import could not be stored");
                    match read {
                        Read::Ended(..) => {
                            read = Read::Failed("it was read to its end, but its report could not be stored")
                        }
                        // The import ends when its lease expires.
                        _ => return true,
                    }
                }
            }
        }
    }
}

/// Whether the sender of the file has lost the right to import.
fn is_barred(error: &RichError) -> bool {
    matches!(error.kind(), ErrorKind::Unauthenticated | ErrorKind::Forbidden)
}

/// Whether a member sent the file, and not a token.
fn is_of_member(ctx: &Ctx) -> bool {
    matches!(ctx.sender, Some(Principal::User(_)))
}

/// The same refusal, worded for the reader of the report.
fn ended_for(ctx: &Ctx, why: RichError) -> RichError {
    let public = if is_of_member(ctx) && why.code() != "tenant_suspended" {
        "The member who sent the file lost the right to import. What had been imported stays."
    } else if why.kind() == ErrorKind::Unauthenticated {
        "The token that sent the file was revoked. What had been imported stays."
    } else {
        "The shop or site was suspended. What had been imported stays."
    };
    why.with_public(public)
}

/// Reads on a blocking thread. `bytes` reports the progress; cancelling `enough` stops it.
fn start_reading(
    ctx: &Ctx,
    import: &Import,
    content: File,
    bytes: &Arc<AtomicU64>,
    enough: &CancellationToken,
) -> JoinHandle<ImportReport> {
    let (bytes, enough) = (Arc::clone(bytes), enough.clone());
    let mut progress = move |read| {
        bytes.store(read, Ordering::Relaxed);
        if enough.is_cancelled() {
            ControlFlow::Break(())
        } else {
            ControlFlow::Continue(())
        }
    };
    let (name, source, options) = (import.file.clone(), import.source, import.options.clone());
    let mode = if import.dry_run {
        Mode::DryRun
    } else {
        Mode::Commit
    };
    // Each batch has its own deadline.
    let ctx = Ctx {
        deadline: Deadline::never(),
        ..ctx.clone()
    };
    task::spawn_blocking(move || {
        let file = ImportFile { content, name: &name };
        Handle::current().block_on(import::run(&ctx, source, &options, file, mode, &mut progress))
    })
}
