//! Imports: products and nodes of one tenant from a file of another system.
//!
//! The file is read once, sequentially, and at most one chunk of it is in memory. An import runs beside a server on
//! the same database: slow work is done before a transaction, and transactions on SQLite are short. A refused part is
//! reported with its place and never affects other parts. Items that did not change in the file since the last import
//! are skipped, so that edits made here survive.
//!
//! There is no transaction around the whole import: an interrupted import keeps what it did, and the next run
//! continues.

mod code;
mod embeds;
mod engine;
#[cfg(test)]
mod engine_tests;
pub mod jobs;
mod nodes;
mod paragraphs;
mod products;
mod report;
mod stored;

pub use report::{ImportReport, MAX_KEPT_ERRORS};
pub use rustok_storage::imports::{ImportCounts, ImportOptions, ImportSource};
pub use stored::report_csv;

use crate::content;
use crate::context::Ctx;
use engine::{Engine, Notes};
use nodes::Nodes;
use products::Products;
use rustok_auth::Action;
use rustok_content::ContentError;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::money::Currency;
use rustok_import::{ShopifyReader, WordpressReader};
use rustok_text::Locale;
use rustok_text::body::Removed;
use rustok_text::plain::checked_line;
use std::io::Read;
use std::ops::ControlFlow;

/// What a [`source_name`] must be.
pub const SOURCE_NAME_RULE: &str = "must be one line of 1 to 100 characters without `#`";
const MAX_SOURCE_NAME_CHARS: usize = 100;

/// The stored form of the name of a source, which stands before the `#` of an item's identifier; `None` if it breaks
/// [`SOURCE_NAME_RULE`].
#[must_use]
pub fn source_name(text: &str) -> Option<String> {
    let (name, faults) = checked_line(text, MAX_SOURCE_NAME_CHARS);
    (faults.is_empty() && !name.contains('#')).then_some(name)
}

/// The file to import.
#[derive(Debug, Clone, Copy)]
pub struct ImportFile<'a, R> {
    /// The content; need not be buffered.
    pub content: R,
    /// The name in error messages.
    pub name: &'a str,
}

/// Whether to keep the result.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// Valid items are stored.
    Commit,
    /// Every transaction is rolled back: the report shows what would happen.
    DryRun,
}

/// Called after each batch with the number of bytes read; returns whether to continue.
pub type Progress<'a> = dyn FnMut(u64) -> ControlFlow<()> + Send + 'a;

/// A Shopify CSV with prices in `currency`, or in the tenant's currency if `None`.
///
/// # Errors
/// `internal` if the tenant's currency is invalid, which the validation of settings should have rejected.
pub fn shopify_source(ctx: &Ctx, currency: Option<Currency>) -> Result<ImportSource, RichError> {
    let own = || {
        let own = ctx.tenant.settings.currency();
        own.map_err(|error| RichError::new(ErrorKind::Internal, error.to_string()))
    };
    Ok(ImportSource::Shopify(currency.map_or_else(own, Ok)?))
}

/// A WordPress export with texts in `locale`, or in the tenant's locale if `None`.
///
/// # Errors
/// As [`shopify_source`].
pub fn wordpress_source(ctx: &Ctx, locale: Option<Locale>) -> Result<ImportSource, RichError> {
    let locale = match locale {
        Some(locale) => locale,
        None => content::locales::default_locale(ctx)?,
    };
    check_locale(ctx, locale)?;
    Ok(ImportSource::Wordpress(locale))
}

fn check_locale(ctx: &Ctx, locale: Locale) -> Result<(), RichError> {
    content::locales::check_listed(ctx, "locale", locale).map_err(|error| {
        let public = format!("`{locale}` is not one of the locales of this shop or site.");
        RichError::from(ContentError::ValidationFailed(vec![error])).with_public(public)
    })
}

/// Imports a file of either format. `progress` gets the number of bytes read.
pub async fn run<R: Read>(
    ctx: &Ctx,
    source: ImportSource,
    options: &ImportOptions,
    file: ImportFile<'_, R>,
    mode: Mode,
    progress: &mut Progress<'_>,
) -> ImportReport {
    let options = options.clone();
    match source {
        ImportSource::Shopify(currency) => {
            shopify(ctx, file, Products { currency, options }, mode, progress).await
        }
        ImportSource::Wordpress(locale) => {
            wordpress(ctx, file, Nodes { locale, options }, mode, progress).await
        }
    }
}

/// Imports the products of a Shopify CSV, with prices in `currency`. `progress` gets the number of bytes read.
///
/// The currency is part of each item's hash: the same file with another currency is a change, and adds prices beside
/// the earlier ones.
async fn shopify<R: Read>(
    ctx: &Ctx,
    file: ImportFile<'_, R>,
    products: Products,
    mode: Mode,
    progress: &mut Progress<'_>,
) -> ImportReport {
    let mut reader = ShopifyReader::new(file.content, file.name, products.currency.exponent());
    let overwrite = products.options.overwrite;
    let mut engine = Engine::new(ctx, products, file.name, mode, overwrite);
    if let Err(error) = ctx.authorize(Action::ImportData) {
        return engine.finish(Some(error));
    }
    let (bytes, text) = (ShopifyReader::bytes_read, ShopifyReader::text_bytes);
    let done = engine.run(&mut reader, bytes, text, progress).await;
    let mut report = engine.finish(done.err());
    // A CSV skips rows, never products.
    report.note_skipped(reader.skipped(), |_| false);
    report.is_incomplete = reader.stopped_early();
    report.bytes_read = reader.bytes_read();
    report
}

/// Imports authors, categories, tags, posts and pages of a WordPress export, with texts in `locale`. Only nodes are
/// counted. `progress` gets the number of bytes read.
///
/// The locale is part of each item's hash: the same file with another locale is a change, and its texts become
/// translations.
async fn wordpress<R: Read>(
    ctx: &Ctx,
    file: ImportFile<'_, R>,
    nodes: Nodes,
    mode: Mode,
    progress: &mut Progress<'_>,
) -> ImportReport {
    let mut reader = WordpressReader::new(file.content, file.name);
    let (overwrite, locale) = (nodes.options.overwrite, nodes.locale);
    let mut engine = Engine::new(ctx, nodes, file.name, mode, overwrite);
    // Again, because the list may have changed since the file arrived.
    let allowed = ctx.authorize(Action::ImportData);
    if let Err(error) = allowed.and_then(|()| check_locale(ctx, locale)) {
        return engine.finish(Some(error));
    }
    let (bytes, text) = (WordpressReader::bytes_read, WordpressReader::text_bytes);
    let done = engine.run(&mut reader, bytes, text, progress).await;
    let mut report = engine.finish(done.err());
    report.note_skipped(reader.skipped(), is_item);
    report.is_incomplete = reader.stopped_early();
    report.bytes_read = reader.bytes_read();
    report
}

/// Counts what the sanitiser took out of a body, by kind and name.
fn note_removed(notes: &mut Notes, removed: &Removed) {
    for entry in removed.entries() {
        let count = usize::try_from(entry.count).unwrap_or(usize::MAX);
        notes.count(
            format!("markup taken out: {} {}", entry.what.as_str(), entry.name).trim_end(),
            count,
        );
    }
}

/// Whether a skip reason stands for an item of the export: a type of posts or a status. All others are parts of items or
/// of the channel, and have a space or are comments.
fn is_item(reason: &str) -> bool {
    (reason != "comment" && !reason.contains(' ')) || reason == "status trash" || reason == "status inherit"
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn comments_and_menus_are_no_items() {
        for (reason, item) in [
            ("attachment", true),
            ("nav_menu_item", true),
            ("comment", false),
            ("nav_menu term", false),
        ] {
            assert_eq!(is_item(reason), item, "{reason}");
        }
    }
}
