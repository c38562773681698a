//! `rustok doctor`: is everything as it must be? It looks and never changes anything.

use super::output::{Failure, Format};
use super::{COMMAND_LIMIT, Flags};
use crate::config::Config;
use rustok_core::clock::{Clock, SystemClock};
use rustok_core::deadline::Deadline;
use rustok_core::ids::{Ids, TenantId};
use rustok_http::serve::descriptors;
use rustok_storage::inspect::{FoundSchema, find_isolation_faults, find_schema};
use rustok_storage::outbox::{self, Backlog};
use rustok_storage::{Opener, Store, StoreConfig, StoreError, latest_schema};
use rustok_telemetry::{LogFormat, init_log};
use rustok_tenancy::TenantHandle;
use serde::Serialize;
use std::sync::Arc;

/// How far the database's clock may be from ours, in seconds: deadlines, sessions and expiry are counted in minutes.
const CLOCK_TOLERANCE_SECONDS: i64 = 5;

/// Dead jobs and deliveries are counted up to this number.
const DEAD_COUNTED: i64 = 10_000;

#[derive(Debug, Serialize)]
struct Check {
    name: &'static str,
    ok: bool,
    /// What was found.
    detail: String,
    /// What to do about it.
    #[serde(skip_serializing_if = "Option::is_none")]
    advice: Option<&'static str>,
}

impl Check {
    fn ok(name: &'static str, detail: impl Into<String>) -> Self {
        Self {
            name,
            ok: true,
            detail: detail.into(),
            advice: None,
        }
    }

    fn failed(name: &'static str, detail: impl Into<String>, advice: &'static str) -> Self {
        Self {
            name,
            ok: false,
            detail: detail.into(),
            advice: Some(advice),
        }
    }
}

#[derive(Serialize)]
struct Findings {
    ok: bool,
    checks: Vec<Check>,
}

pub(super) async fn run(flags: &Flags, format: Format) -> Result<(), Failure> {
    let checks = examine(flags).await;
    let failed = checks.iter().filter(|check| !check.ok).count();
    let findings = Findings {
        ok: failed == 0,
        checks,
    };
    format.print(&findings, |findings| {
        findings.checks.iter().map(line).collect::<Vec<_>>().join("\n")
    })?;
    match failed {
        0 => Ok(()),
        1 => Err(Failure::new("1 check failed")),
        count => Err(Failure::new(format!("{count} checks failed"))),
    }
}

fn line(check: &Check) -> String {
    let state = if check.ok { "ok    " } else { "FAILED" };
    let advice = check
        .advice
        .map_or_else(String::new, |advice| format!("\n        {advice}"));
    format!("{state}  {:<10}  {}{advice}", check.name, check.detail)
}

/// Each check needs those before it.
async fn examine(flags: &Flags) -> Vec<Check> {
    let mut checks = Vec::new();
    let (config, max_connections) = match settings(flags) {
        Ok((config, max_connections, check)) => {
            checks.push(check);
            (config, max_connections)
        }
        Err(check) => return vec![check],
    };
    let store = match database(config).await {
        Ok((store, check)) => {
            checks.push(check);
            store
        }
        Err(check) => {
            checks.push(check);
            return checks;
        }
    };
    let services_clock: Arc<dyn Clock> = Arc::new(SystemClock);
    checks.push(isolation(&store, &Ids::new(Arc::clone(&services_clock))).await);
    checks.push(clock(&store, services_clock.as_ref()).await);
    checks.push(dead_work(&store).await);
    if store.sqlite_path().is_some() {
        checks.push(file(&store).await);
    }
    let open = std::fs::read_to_string("/proc/sys/fs/file-nr").ok();
    checks.push(open_files(
        descriptors::limits(),
        open.as_deref(),
        max_connections,
    ));
    checks
}

fn settings(flags: &Flags) -> Result<(StoreConfig, usize, Check), Check> {
    let failed = |detail: String| {
        let advice = "correct the flag, the RUSTOK_* variable or the line of rustok.toml; \
                      `rustok serve --print-config` shows what is in force";
        Check::failed("settings", detail, advice)
    };
    let config = Config::load(flags, Flags::default()).map_err(|error| failed(error.to_string()))?;
    config
        .validator()
        .map_err(|error| failed(format!("base_domain: {error}")))?;
    let store = config
        .store()
        .map_err(|error| failed(format!("database_url: {error}")))?;
    let format = LogFormat::parse(&config.log_format)
        .ok_or_else(|| failed("log_format is one of: auto, text, json".to_owned()))?;
    init_log(&config.log, format).map_err(|error| failed(format!("log: {error}")))?;
    let detail = format!("{} on {}", store.url.system(), config.base_domain);
    Ok((store, config.max_connections, Check::ok("settings", detail)))
}

async fn database(config: StoreConfig) -> Result<(Store, Check), Check> {
    let failed = |detail: String, advice| Check::failed("database", detail, advice);
    let refused = |error: &StoreError| {
        let advice = match error {
            StoreError::Setup(_) => {
                "until then this database cannot be used; database_url may name another one"
            }
            _ => "check that it runs, that the address and the password are right, and who may connect",
        };
        Check::failed("database", error.to_string(), advice)
    };
    let number = match find_schema(&config.url).await {
        Ok(FoundSchema::Number(number)) => number,
        Ok(FoundSchema::Missing) => {
            let advice = "check database_url; `rustok serve` or `rustok migrate` makes a new one";
            return Err(failed("there is no such file".to_owned(), advice));
        }
        Ok(FoundSchema::Empty) => return Err(failed("it is empty".to_owned(), "run `rustok migrate`")),
        Ok(FoundSchema::Unreleased) => {
            let advice = "begin with a new, empty database and import the data into it";
            return Err(failed(
                "it was made by a development version of RusToK".to_owned(),
                advice,
            ));
        }
        Err(error) => return Err(refused(&error)),
    };
    let latest = latest_schema();
    if number != latest {
        let advice = if number < latest {
            "run `rustok migrate`"
        } else {
            "use a newer rustok"
        };
        return Err(failed(
            format!("it has schema {number}, this program wants {latest}"),
            advice,
        ));
    }
    let store = rustok_storage::open(config, Opener::Command)
        .await
        .map_err(|error| refused(&error))?;
    let detail = format!("{} can be reached and has schema {number}", store.system());
    Ok((store, Check::ok("database", detail)))
}

fn unanswered(name: &'static str, error: &StoreError) -> Check {
    Check::failed(
        name,
        error.to_string(),
        "the database did not answer; see its own log",
    )
}

async fn isolation(store: &Store, ids: &Ids) -> Check {
    // No tenant has an id that was never given out.
    let nobody = TenantHandle::for_due_work(ids.next::<TenantId>());
    let advice = "tenants may see each other's data: stop the server and restore the roles, grants and policies of the \
                  migrations";
    match find_isolation_faults(store, nobody, Deadline::after(COMMAND_LIMIT)).await {
        Ok(faults) if faults.is_empty() => {
            Check::ok("isolation", "a tenant that does not exist sees nothing")
        }
        Ok(faults) => Check::failed("isolation", faults.join("; "), advice),
        Err(error) => unanswered("isolation", &error),
    }
}

async fn clock(store: &Store, clock: &dyn Clock) -> Check {
    let before = clock.now();
    let theirs = match store.database_time(Deadline::after(COMMAND_LIMIT)).await {
        Ok(time) => time,
        Err(error) => return unanswered("clock", &error),
    };
    // It was read at some moment between the two.
    let ahead = theirs.as_millisecond() - clock.now().as_millisecond();
    let behind = before.as_millisecond() - theirs.as_millisecond();
    let off_ms = ahead.max(behind).max(0);
    if off_ms > CLOCK_TOLERANCE_SECONDS * 1_000 {
        let detail = format!("the database's clock and ours are {off_ms} ms apart");
        return Check::failed("clock", detail, "let both machines follow a time server (NTP)");
    }
    Check::ok(
        "clock",
        format!("within {CLOCK_TOLERANCE_SECONDS} s of the database's"),
    )
}

/// Jobs and deliveries that failed too often.
async fn dead_work(store: &Store) -> Check {
    let backlog = async {
        let mut tx = store.platform_read(Deadline::after(COMMAND_LIMIT)).await?;
        outbox::backlog(&mut tx, DEAD_COUNTED).await
    };
    match backlog.await {
        Ok(Backlog {
            dead_jobs: 0,
            dead_deliveries: 0,
            ..
        }) => Check::ok("jobs", "no job and no delivery is dead"),
        Ok(backlog) => Check::failed(
            "jobs",
            format!(
                "dead jobs: {}, dead deliveries: {}",
                backlog.dead_jobs, backlog.dead_deliveries
            ),
            "their last errors are in the tables jobs and deliveries; see the runbook DeadWork",
        ),
        Err(error) => unanswered("jobs", &error),
    }
}

/// How many files a server started from here may have open, what that means for its connections, and how many are open on
/// this machine (`open`: Linux' /proc/sys/fs/file-nr). A low limit is no failure: `serve` takes fewer connections then.
fn open_files(limits: descriptors::Limits, open: Option<&str>, max_connections: usize) -> Check {
    let number =
        |limit: Option<u64>| limit.map_or_else(|| "any number".to_owned(), |limit| limit.to_string());
    let taken = limits.connections.min(max_connections);
    let mut detail = format!(
        "a server may open {} ({} before it raises that itself): {taken} connections",
        number(limits.hard),
        number(limits.soft)
    );
    let mut open = open.unwrap_or_default().split_whitespace();
    if let (Some(now), Some(_), Some(most)) = (open.next(), open.next(), open.next()) {
        detail.push_str(&format!("; {now} of {most} are open on this machine"));
    }
    let is_low = taken < max_connections;
    Check {
        advice: is_low.then_some(
            "max_connections allows more: raise the limit (ulimit -n, LimitNOFILE=) or lower the setting",
        ),
        ..Check::ok("open_files", detail)
    }
}

async fn file(store: &Store) -> Check {
    let advice = "stop the server, keep the file aside, and restore a backup";
    // Reads the whole file.
    match store.find_damage(Deadline::never()).await {
        Ok(damage) if damage.is_empty() => Check::ok("file", "no damage found"),
        Ok(damage) => Check::failed("file", damage.join("; "), advice),
        Err(error) => Check::failed("file", error.to_string(), advice),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn open_files_are_told_with_what_they_are_enough_for() {
        let limits = |soft, hard, connections| descriptors::Limits {
            soft,
            hard,
            connections,
        };
        let low = open_files(limits(Some(1_024), Some(4_096), 3_328), None, 10_000);
        assert!(low.ok && low.advice.is_some(), "{low:?}");
        assert_eq!(
            low.detail,
            "a server may open 4096 (1024 before it raises that itself): 3328 connections"
        );
        let enough = open_files(
            limits(Some(1_024), None, usize::MAX),
            Some("3235\t0\t2466177\n"),
            10_000,
        );
        assert_eq!(enough.advice, None);
        assert!(
            enough.detail.contains("any number")
                && enough
                    .detail
                    .ends_with("10000 connections; 3235 of 2466177 are open on this machine"),
            "{enough:?}"
        );
    }
}
