//! `rustok import`: files from other systems, beside a running server.

use super::output::{Failure, Format};
use super::tenant::identifier;
use super::{Flags, load, platform, progress, services_with};
use crate::config::Config;
use crate::worker::{round_deadline, statistics};
use clap::{Args, Subcommand};
use rustok_app::import::jobs::ImportStatus;
use rustok_app::import::{ImportFile, ImportOptions, ImportReport, Mode};
use rustok_app::{Ctx, import, tenants};
use rustok_core::deadline::Deadline;
use rustok_core::money::Currency;
use rustok_import::RowError;
use rustok_storage::Store;
use rustok_text::Locale;
use serde::Serialize;
use std::collections::BTreeMap;
use std::fs::File;
use std::ops::ControlFlow;
use std::path::PathBuf;
use std::sync::Arc;

/// Errors that are shown to people; all that were kept are in the JSON.
const SHOWN_ERRORS: usize = 20;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Import products from a Shopify product CSV
    Shopify {
        /// The currency of the prices, which a CSV does not tell [default: the tenant's]
        #[arg(long, value_name = "CODE", value_parser = currency)]
        currency: Option<Currency>,
        #[command(flatten)]
        options: Options,
    },
    /// Import authors, terms, posts and pages from a WordPress export (WXR)
    Wordpress {
        /// The language of the texts [default: the tenant's]
        #[arg(long, value_parser = locale)]
        locale: Option<Locale>,
        #[command(flatten)]
        options: Options,
    },
}

#[derive(Debug, Args)]
pub(super) struct Options {
    /// The file
    file: PathBuf,
    /// The slug or id of the tenant that gets it
    #[arg(long)]
    tenant: String,
    /// Do everything, then take it back: shows what would happen
    #[arg(long)]
    dry_run: bool,
    /// Take the file's state of what was changed here since the last import, and of what an earlier import had in a newer
    /// state
    #[arg(long)]
    overwrite: bool,
    /// Start a tracked variant without a number of pieces with none, instead of not tracking it
    #[arg(long)]
    zero_when_missing: bool,
    /// The name of the shop or site, which separates its items from those of others [default: a site's address]
    #[arg(long, value_name = "NAME", value_parser = source_name)]
    source_name: Option<String>,
    /// Write the whole report to this file, as CSV
    #[arg(long, value_name = "FILE")]
    report: Option<PathBuf>,
    #[command(flatten)]
    format: Format,
}

fn currency(code: &str) -> Result<Currency, String> {
    Currency::parse(code).map_err(|error| error.to_string())
}

fn locale(tag: &str) -> Result<Locale, String> {
    Locale::parse(tag).map_err(|error| error.to_string())
}

fn source_name(name: &str) -> Result<String, String> {
    import::source_name(name).ok_or_else(|| import::SOURCE_NAME_RULE.to_owned())
}

#[derive(Serialize)]
struct Printed {
    dry_run: bool,
    status: &'static str,
    bytes_read: u64,
    created: u64,
    updated: u64,
    unchanged: u64,
    skipped: u64,
    skipped_by_reason: BTreeMap<String, u64>,
    notes: Vec<RowError>,
    errors: Vec<RowError>,
    error_count: u64,
}

pub(super) async fn run(flags: &Flags, command: Command) -> Result<(), Failure> {
    let (Command::Shopify { options, .. } | Command::Wordpress { options, .. }) = &command;
    let name = options.file.display().to_string();
    let cannot_read = |error: std::io::Error| Failure::new(format!("cannot read {name}: {error}"));
    let content = File::open(&options.file).map_err(cannot_read)?;
    let bar = progress::bytes(content.metadata().map_err(cannot_read)?.len());
    let ctx = ctx(flags, &options.tenant).await?;

    let file = ImportFile { content, name: &name };
    let allowed = ImportOptions {
        overwrite: options.overwrite,
        zero_when_missing: options.zero_when_missing,
        source_name: options.source_name.clone(),
    };
    let mode = if options.dry_run {
        Mode::DryRun
    } else {
        Mode::Commit
    };
    let shown = bar.clone();
    let mut progress = move |bytes| {
        shown.set_position(bytes);
        ControlFlow::Continue(())
    };
    let source = match &command {
        Command::Shopify { currency, .. } => import::shopify_source(&ctx, *currency),
        Command::Wordpress { locale, .. } => import::wordpress_source(&ctx, *locale),
    }?;
    // No server need be there whose worker does this, and an empty database fills faster than PostgreSQL looks at it.
    let looking = look_at_grown_tables(ctx.services.store.clone());
    let looking = (mode == Mode::Commit).then(|| tokio::spawn(looking));
    let report = import::run(&ctx, source, &allowed, file, mode, &mut progress).await;
    if let Some(looking) = looking {
        looking.abort();
    }
    bar.finish_and_clear();
    print_report(options, report)
}

/// For as long as the import takes. Without it that is only longer.
async fn look_at_grown_tables(store: Store) {
    loop {
        tokio::time::sleep(statistics::EVERY).await;
        if let Err(error) = store.analyse_grown_tables(round_deadline()).await {
            tracing::debug!(%error, "tables that grew were not looked at");
        }
    }
}

/// The tenant's context. Every batch of the import has its own deadline.
async fn ctx(flags: &Flags, typed: &str) -> Result<Ctx, Failure> {
    // What is mapped of a database counts as this process' memory, and an import reads little of it.
    let config = Config {
        sqlite_mmap_bytes: 0,
        ..load(flags)?
    };
    let services = services_with(&config).await?;
    let platform = platform(&services);
    let tenant = tenants::find(&platform, &identifier(&platform, typed)?)
        .await
        .map_err(|error| {
            let unknown = error.code() == "tenant_not_found";
            if unknown {
                Failure::new(format!("there is no tenant `{typed}`"))
            } else {
                error.into()
            }
        })?;
    Ok(Ctx::system(
        services,
        Arc::new(tenant),
        "command-line",
        Deadline::never(),
    ))
}

/// Prints the report, whether all went well or not; it fails unless it did.
fn print_report(options: &Options, report: ImportReport) -> Result<(), Failure> {
    if let Some(path) = &options.report {
        let written = std::fs::write(path, report.to_csv());
        written.map_err(|error| Failure::new(format!("cannot write {}: {error}", path.display())))?;
    }
    let (status, stopped) = (report.status(), report.stopped);
    let printed = Printed {
        dry_run: options.dry_run,
        status: status.as_str(),
        bytes_read: report.bytes_read,
        created: report.created,
        updated: report.updated,
        unchanged: report.unchanged,
        skipped: report.skipped,
        skipped_by_reason: report.skipped_by_reason,
        notes: report.notes,
        errors: report.errors,
        error_count: report.error_count,
    };
    options.format.print(&printed, text)?;
    match (stopped, printed.error_count) {
        (Some(error), _) => Err(error.into()),
        (None, count) if status == ImportStatus::Incomplete => Err(Failure::new(format!(
            "{count} parts of the file could not be imported, and it was not read to its end: what could be read, up to byte {}, \
             was imported; export it again and import that, which changes only what is missing",
            printed.bytes_read
        ))),
        (None, 0) => Ok(()),
        (None, 1) => Err(Failure::new("1 part of the file could not be imported")),
        (None, count) => Err(Failure::new(format!(
            "{count} parts of the file could not be imported"
        ))),
    }
}

fn text(printed: &Printed) -> String {
    let Printed {
        created,
        updated,
        unchanged,
        skipped,
        error_count,
        ..
    } = printed;
    let mut lines = vec![format!(
        "{created} created, {updated} updated, {unchanged} unchanged, {skipped} skipped, {error_count} errors{}",
        if printed.dry_run {
            " (a dry run: nothing was changed)"
        } else {
            ""
        }
    )];
    if !printed.skipped_by_reason.is_empty() {
        let reasons: Vec<_> = printed
            .skipped_by_reason
            .iter()
            .map(|(reason, count)| format!("{count} × {reason}"))
            .collect();
        lines.push(format!("left out: {}", reasons.join(", ")));
    }
    lines.extend(printed.notes.iter().take(SHOWN_ERRORS).map(ToString::to_string));
    lines.extend(printed.errors.iter().take(SHOWN_ERRORS).map(ToString::to_string));
    let shown = u64::try_from(printed.errors.len().min(SHOWN_ERRORS)).unwrap_or(0);
    if *error_count > shown {
        lines.push(format!("and {} more", error_count - shown));
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn people_see_the_first_errors_and_how_many_there_are() {
        let error = |line| RowError {
            file: "a.csv".to_owned(),
            line,
            column: 2,
            reason: "no".to_owned(),
        };
        let printed = Printed {
            dry_run: true,
            status: "succeeded",
            bytes_read: 9,
            created: 1,
            updated: 2,
            unchanged: 3,
            skipped: 4,
            skipped_by_reason: BTreeMap::from([("comment".to_owned(), 33)]),
            notes: Vec::new(),
            errors: (1..=25).map(error).collect(),
            error_count: 40,
        };
        let text = text(&printed);
        let lines: Vec<_> = text.lines().collect();
        assert_eq!(
            lines[0],
            "1 created, 2 updated, 3 unchanged, 4 skipped, 40 errors (a dry run: nothing was changed)"
        );
        assert_eq!(
            lines[1..4],
            ["left out: 33 × comment", "a.csv:1:2: no", "a.csv:2:2: no"]
        );
        assert_eq!((lines.len(), lines[22]), (23, "and 20 more"));
    }
}
