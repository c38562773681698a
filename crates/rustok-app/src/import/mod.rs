//! Imports: what a file from another system says becomes products and nodes of one tenant.
//!
//! The file is read once, from start to end, and at most one chunk of it is held. It runs beside a server on the same
//! database: what is slow is done before a transaction is opened, and on SQLite no transaction is long. A part that is
//! refused is told with its place and never takes another part with it. What was imported before and did not change
//! in the file since is left alone, so that edits made here survive.
//!
//! There is no transaction around the whole: an import that is cut off keeps what it did, and the next run goes on.

mod engine;
#[cfg(test)]
mod engine_tests;
pub mod jobs;
mod nodes;
mod paragraphs;
mod products;
mod report;

pub use report::{ImportReport, MAX_KEPT_ERRORS};
pub use rustok_storage::imports::ImportSource;

use crate::content;
use crate::context::Ctx;
use engine::Engine;
use nodes::Nodes;
use products::Products;
use rustok_auth::Action;
use rustok_content::ContentError;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::money::Currency;
use rustok_import::{ShopifyReader, WordpressReader};
use rustok_text::Locale;
use std::io::Read;
use std::ops::ControlFlow;

/// Where a file comes from, for the report.
#[derive(Debug, Clone, Copy)]
pub struct ImportFile<'a, R> {
    /// Its content. It need not be buffered.
    pub content: R,
    /// Its name, as errors have it.
    pub name: &'a str,
}

/// Whether anything is kept.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Mode {
    /// What is valid is stored.
    Commit,
    /// Everything is done, and every transaction rolled back: the report tells what would happen.
    DryRun,
}

/// Is told after each batch how many bytes of the file were read, and says whether to go on.
pub type Progress<'a> = dyn FnMut(u64) -> ControlFlow<()> + Send + 'a;

/// A CSV of Shopify with prices in `currency`, or else in the tenant's.
///
/// # Errors
/// `internal` when the tenant's own is none, which the check of settings should have refused.
pub fn shopify_source(ctx: &Ctx, currency: Option<Currency>) -> Result<ImportSource, RichError> {
    let own = || {
        let own = ctx.tenant.settings.currency();
        own.map_err(|error| RichError::new(ErrorKind::Internal, error.to_string()))
    };
    Ok(ImportSource::Shopify(currency.map_or_else(own, Ok)?))
}

/// An export of WordPress with texts in `locale`, or else in the tenant's.
///
/// # Errors
/// As [`shopify_source`].
pub fn wordpress_source(ctx: &Ctx, locale: Option<Locale>) -> Result<ImportSource, RichError> {
    let locale = match locale {
        Some(locale) => locale,
        None => content::locales::default_locale(ctx)?,
    };
    content::locales::check_listed(ctx, "locale", locale)
        .map_err(|error| ContentError::ValidationFailed(vec![error]))?;
    Ok(ImportSource::Wordpress(locale))
}

/// Imports a file of either sort. `progress` is told how many bytes were read.
pub async fn run<R: Read>(
    ctx: &Ctx,
    source: ImportSource,
    file: ImportFile<'_, R>,
    mode: Mode,
    progress: &mut Progress<'_>,
) -> ImportReport {
    match source {
        ImportSource::Shopify(currency) => shopify(ctx, file, currency, mode, progress).await,
        ImportSource::Wordpress(locale) => wordpress(ctx, file, locale, mode, progress).await,
    }
}

/// Imports the products of a Shopify CSV, with prices in `currency`. `progress` is told how many bytes were read.
///
/// The currency belongs to what was imported: the same file with another one is a change, and its prices stand beside
/// the earlier ones.
async fn shopify<R: Read>(
    ctx: &Ctx,
    file: ImportFile<'_, R>,
    currency: Currency,
    mode: Mode,
    progress: &mut Progress<'_>,
) -> ImportReport {
    let mut reader = ShopifyReader::new(file.content, file.name, currency.exponent());
    let mut engine = Engine::new(ctx, Products { currency }, file.name, mode);
    if let Err(error) = ctx.authorize(Action::ImportData) {
        return engine.finish(Some(error));
    }
    let done = engine.run(&mut reader, ShopifyReader::bytes_read, progress).await;
    let mut report = engine.finish(done.err());
    // What a CSV leaves out is rows, never products.
    report.note_skipped(reader.skipped(), |_| false);
    report
}

/// Imports authors, categories, tags, posts and pages of a WordPress export, with texts in `locale`. Nodes are what is
/// counted. `progress` is told how many bytes were read.
///
/// The locale belongs to what was imported: the same file with another one is a change, and its texts become
/// translations.
async fn wordpress<R: Read>(
    ctx: &Ctx,
    file: ImportFile<'_, R>,
    locale: Locale,
    mode: Mode,
    progress: &mut Progress<'_>,
) -> ImportReport {
    let mut reader = WordpressReader::new(file.content, file.name);
    let mut engine = Engine::new(ctx, Nodes { locale }, file.name, mode);
    if let Err(error) = ctx.authorize(Action::ImportData) {
        return engine.finish(Some(error));
    }
    let done = engine
        .run(&mut reader, WordpressReader::bytes_read, progress)
        .await;
    let mut report = engine.finish(done.err());
    report.note_skipped(reader.skipped(), is_item);
    report
}

/// Whether what was skipped for this reason is an item of the export; comments belong to one, terms to none.
fn is_item(reason: &str) -> bool {
    reason != "comment" && !reason.ends_with(" term")
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
