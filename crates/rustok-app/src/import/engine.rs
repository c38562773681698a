//! The main loop of all imports: read a chunk, look up its earlier imports, check the changed items, write them in
//! short batches.
//!
//! A batch that fails is rolled back and its items are written one by one, so that only faulty items are lost.
//! SQLite's write lock is never held while reading, sanitising or waiting.

use super::report::ImportReport;
use super::{Mode, Progress};
use crate::context::Ctx;
use rustok_core::clock::Timestamp;
use rustok_core::deadline::Deadline;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::resilience::retry::Backoff;
use rustok_core::resilience::{RetryDecision, RetryPolicy};
use rustok_import::RowError;
use rustok_storage::TenantTx;
use rustok_storage::import_references::{
    ImportReference, Imported, ReferenceChange, list_references, save_references,
};
use sha2::{Digest, Sha256};
use std::collections::hash_map::DefaultHasher;
use std::collections::{HashMap, HashSet};
use std::hash::{Hash as _, Hasher as _};
use std::time::{Duration, Instant};
use uuid::Uuid;

/// Items per lookup, and per transaction on PostgreSQL. At most `rustok_storage::import_references::MAX_LISTED`.
const CHUNK_ITEMS: usize = 100;
/// A chunk ends early after this many bytes of text, unpacked.
const CHUNK_BYTES: u64 = 1 << 20;
/// How long to hold SQLite's only write lock at a time, including the commit. An item is never split.
const LOCK_LIMIT: Duration = Duration::from_millis(20);
/// The minimum time for writing items within [`LOCK_LIMIT`], even if commits are slow.
const LEAST_SLICE: Duration = Duration::from_millis(4);
/// The pause between two batches on SQLite: a server that waits for the lock polls every 2 ms.
const LOCK_PAUSE: Duration = Duration::from_millis(5);
/// The deadline of a batch.
const BATCH_LIMIT: Duration = Duration::from_secs(30);
/// Attempts per item while the database is unavailable, with pauses of [`BACKOFF`].
const ATTEMPTS: u32 = 6;
/// Attempts per item after conflicts with other writers.
const RACES: u32 = 3;
const BACKOFF: Backoff = Backoff::Exponential {
    initial: Duration::from_millis(50),
    factor: 2,
};

/// The identity of an item across imports, and a hash of its current state.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Key {
    pub(super) external_id: String,
    pub(super) hash: [u8; 32],
}

impl Key {
    /// `setting` is an option of the import that affects the result.
    pub(super) fn new(external_id: &str, source_hash: [u8; 32], setting: &str) -> Self {
        let mut hash = Sha256::new();
        hash.update(source_hash);
        hash.update(setting);
        Self {
            external_id: external_id.to_owned(),
            hash: hash.finalize().into(),
        }
    }
}

/// Why an item is refused, with its place in the file.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Fault {
    pub(super) line: u64,
    pub(super) column: u64,
    pub(super) reason: String,
}

/// What happened to a part of an item, for the report.
#[derive(Debug, Clone, Default, PartialEq, Eq)]
pub(super) struct Notes {
    /// How often, by kind.
    pub(super) counts: Vec<(String, u64)>,
    /// Sentences about this item.
    pub(super) texts: Vec<String>,
}

impl Notes {
    pub(super) fn count(&mut self, kind: impl Into<String>, count: usize) {
        if count > 0 {
            self.counts
                .push((kind.into(), u64::try_from(count).unwrap_or(u64::MAX)));
        }
    }

    /// Counts one of this kind and says which.
    pub(super) fn tell(&mut self, kind: impl Into<String>, text: impl Into<String>) {
        self.count(kind, 1);
        self.texts.push(text.into());
    }
}

/// The result of writing an item, and what is remembered of it.
#[derive(Debug)]
pub(super) struct Outcome {
    pub(super) written: Written,
    /// [`ImportReference::fields`].
    pub(super) fields: Vec<u8>,
    /// [`ImportReference::changed_at`].
    pub(super) changed_at: Option<Timestamp>,
    /// [`ImportReference::address`].
    pub(super) address: Option<String>,
    /// The name that the item has now.
    pub(super) name: Option<Name>,
    pub(super) notes: Notes,
}

/// A name that is unique here: a handle, a slug.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Name {
    /// That of the file.
    pub(super) wanted: String,
    /// The free one.
    pub(super) got: String,
}

impl Name {
    fn hash(name: &str) -> u64 {
        let mut hasher = DefaultHasher::new();
        name.hash(&mut hasher);
        hasher.finish()
    }
}

impl From<Written> for Outcome {
    fn from(written: Written) -> Self {
        Self {
            written,
            fields: Vec::new(),
            changed_at: None,
            address: None,
            name: None,
            notes: Notes::default(),
        }
    }
}

/// The result of writing an item.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Written {
    Created(Uuid),
    Updated(Uuid),
    Unchanged(Uuid),
    /// Left as it is, although its source differs; what is remembered of it stays too.
    Kept,
    /// Not counted.
    Aside,
}

/// A file format.
pub(super) trait Source {
    /// What its reader yields.
    type Item;
    /// The validated item, ready to write.
    type Checked: Clone;
    /// The kind of its items in the stored references.
    const IMPORTED: Imported;

    /// The identity of the item; `None` if it is always written.
    fn key(&self, item: &Self::Item) -> Option<Key>;

    /// Whether the item waits for the others of its chunk, so that it does not take a name that one of them has exactly.
    fn comes_last(&self, _item: &Self::Item) -> bool {
        false
    }

    /// Line and column of the item.
    fn place(&self, item: &Self::Item) -> (u64, u64);

    /// All checks that do not need the database.
    fn check(&self, item: Self::Item) -> Result<Self::Checked, Vec<Fault>>;

    /// Writes the item. After an error of kind `Validation` the transaction is still usable, after any other error it
    /// is not.
    async fn write(
        &self,
        tx: &mut TenantTx,
        ctx: &Ctx,
        known: Option<&ImportReference>,
        item: Self::Checked,
    ) -> Result<Outcome, RichError>;

    /// The kind and text of the note about an item that got another name than it wanted.
    fn note_of_name(&self, _name: &Name) -> Option<(&'static str, String)> {
        None
    }

    /// The next free name with a number, after the one that the item got, without those of which `is_given` holds.
    async fn numbered_name(
        &self,
        _tx: &mut TenantTx,
        name: &Name,
        _is_given: &(dyn Fn(&str) -> bool + Sync),
    ) -> Result<String, RichError> {
        Ok(name.got.clone())
    }
}

/// A checked item to write.
struct Entry<C> {
    item: C,
    key: Option<Key>,
    line: u64,
    column: u64,
}

/// The results of a transaction; counted only after its commit.
#[derive(Default)]
struct Tally {
    created: u64,
    updated: u64,
    unchanged: u64,
    refused: Vec<Fault>,
    notes: Vec<(u64, u64, Notes)>,
    references: Vec<ReferenceChange>,
    /// Hashes of the names of new items, in a dry run.
    names: Vec<u64>,
}

impl Tally {
    fn note<C>(&mut self, entry: &Entry<C>, known: Option<&ImportReference>, outcome: Outcome) {
        if outcome.notes != Notes::default() {
            self.notes.push((entry.line, entry.column, outcome.notes));
        }
        let (count, subject_id) = match outcome.written {
            Written::Created(id) => (&mut self.created, id),
            Written::Updated(id) => (&mut self.updated, id),
            Written::Unchanged(id) => (&mut self.unchanged, id),
            Written::Kept => {
                self.unchanged += 1;
                return;
            }
            Written::Aside => return,
        };
        *count += 1;
        if let Some(Key { external_id, hash }) = entry.key.clone() {
            let reference = ImportReference {
                external_id,
                subject_id,
                hash,
                fields: outcome.fields,
                changed_at: outcome.changed_at,
                address: outcome.address,
            };
            self.references.push(ReferenceChange {
                reference,
                before: known.map(|known| known.hash),
            });
        }
    }
}

type Known = HashMap<String, ImportReference>;

pub(super) struct Engine<'a, S> {
    ctx: &'a Ctx,
    source: S,
    file: &'a str,
    mode: Mode,
    /// Whether items are written that did not change in their source.
    overwrite: bool,
    report: ImportReport,
    is_sqlite: bool,
    last_commit: Duration,
    /// In a dry run, hashes of the names that new items would have by now: the database does not know them.
    names: HashSet<u64>,
    /// Whether the log already contains a warning about a refused item.
    has_warned: bool,
}

impl<'a, S: Source> Engine<'a, S> {
    pub(super) fn new(ctx: &'a Ctx, source: S, file: &'a str, mode: Mode, overwrite: bool) -> Self {
        let is_sqlite = ctx.services.store.sqlite_path().is_some();
        let report = ImportReport::default();
        Self {
            ctx,
            source,
            file,
            mode,
            overwrite,
            report,
            is_sqlite,
            last_commit: Duration::ZERO,
            names: HashSet::new(),
            has_warned: false,
        }
    }

    /// Imports everything that `reader` yields, or until `progress` breaks; `bytes_read` returns the reader's
    /// position in the file, `text_bytes` that in its text.
    ///
    /// # Errors
    /// Database errors that persist; errors of the file are in the report.
    pub(super) async fn run<R>(
        &mut self,
        reader: &mut R,
        bytes_read: impl Fn(&R) -> u64,
        text_bytes: impl Fn(&R) -> u64,
        progress: &mut Progress<'_>,
    ) -> Result<(), RichError>
    where
        R: Iterator<Item = Result<S::Item, RowError>>,
    {
        let mut more = true;
        while more {
            let mut chunk = Vec::with_capacity(CHUNK_ITEMS);
            let start = text_bytes(reader);
            while chunk.len() < CHUNK_ITEMS && text_bytes(reader).saturating_sub(start) < CHUNK_BYTES {
                match reader.next() {
                    Some(Ok(item)) => chunk.push(item),
                    Some(Err(error)) => self.report.add_error(error),
                    None => {
                        more = false;
                        break;
                    }
                }
            }
            self.import(chunk).await?;
            if progress(bytes_read(reader)).is_break() && more {
                self.report.is_interrupted = true;
                return Ok(());
            }
        }
        Ok(())
    }

    /// The report, with the reason if the import ended early.
    pub(super) fn finish(&mut self, stopped: Option<RichError>) -> ImportReport {
        let mut report = std::mem::take(&mut self.report);
        report.errors.sort_by_key(|error| (error.line, error.column));
        report.notes.sort_by_key(|note| (note.line, note.column));
        report.note_counted();
        report.stopped = stopped;
        report
    }

    async fn import(&mut self, mut chunk: Vec<S::Item>) -> Result<(), RichError> {
        chunk.sort_by_key(|item| self.source.comes_last(item));
        let mut items: Vec<(S::Item, Option<Key>)> = chunk
            .into_iter()
            .map(|item| (self.source.key(&item), item))
            .map(|(key, item)| (item, key))
            .collect();
        let known = self
            .look_up(items.iter().filter_map(|(_, key)| key.as_ref()))
            .await?;
        let is_same = |key: &Key| {
            known
                .get(&key.external_id)
                .is_some_and(|known| known.hash == key.hash)
        };
        let before = items.len();
        items.retain(|(_, key)| self.overwrite || !key.as_ref().is_some_and(is_same));
        self.report.unchanged += u64::try_from(before - items.len()).unwrap_or(0);

        let mut entries = Vec::with_capacity(items.len());
        for (item, key) in items {
            let (line, column) = self.source.place(&item);
            match self.source.check(item) {
                Ok(item) => entries.push(Entry {
                    item,
                    key,
                    line,
                    column,
                }),
                Err(faults) => self.refuse(faults),
            }
        }
        let mut written = 0;
        while let Some(rest) = entries.get(written..).filter(|rest| !rest.is_empty()) {
            written += self.write(rest, &known).await?;
        }
        Ok(())
    }

    /// Reads the references of these items in one statement. Retried while the database is unavailable.
    async fn look_up(&self, keys: impl Iterator<Item = &Key>) -> Result<Known, RichError> {
        let ids: Vec<&str> = keys.map(|key| key.external_id.as_str()).collect();
        let look = async || {
            let ctx = self.ctx_of_batch();
            find(&mut ctx.read().await?, S::IMPORTED, &ids).await
        };
        let decide = |error: &RichError| {
            if error.kind().is_outage() {
                RetryDecision::Transient(None)
            } else {
                RetryDecision::Stop
            }
        };
        let retry = RetryPolicy::new(BACKOFF).max_attempts(ATTEMPTS).without_jitter();
        let found = retry.run(Deadline::never(), decide, |_| look()).await;
        Ok(found?)
    }

    /// Writes a batch from the front of `entries`; returns its length.
    async fn write(&mut self, entries: &[Entry<S::Checked>], known: &Known) -> Result<usize, RichError> {
        let mut tried = 0;
        match self.try_batch(entries, known, &mut tried).await {
            Ok(tally) => self.keep(tally),
            Err(error) => {
                tracing::debug!(%error, items = tried, "a batch was rolled back; its items follow one by one");
                for entry in entries.iter().take(tried.max(1)) {
                    self.write_alone(entry).await?;
                }
                tried = tried.max(1);
            }
        }
        Ok(tried)
    }

    async fn try_batch(
        &mut self,
        entries: &[Entry<S::Checked>],
        known: &Known,
        tried: &mut usize,
    ) -> Result<Tally, RichError> {
        let ctx = self.ctx_of_batch();
        let mut tx = ctx.write().await?;
        let locked = Instant::now();
        let slice = LOCK_LIMIT.saturating_sub(self.last_commit).max(LEAST_SLICE);
        let mut tally = Tally::default();
        for entry in entries {
            if self.is_sqlite && *tried > 0 && locked.elapsed() >= slice {
                break;
            }
            *tried += 1;
            let known = entry.key.as_ref().and_then(|key| known.get(&key.external_id));
            self.write_entry(&mut tx, &ctx, entry, known, &mut tally).await?;
        }
        self.end(tx, &ctx, &tally, locked).await?;
        Ok(tally)
    }

    async fn write_entry(
        &self,
        tx: &mut TenantTx,
        ctx: &Ctx,
        entry: &Entry<S::Checked>,
        known: Option<&ImportReference>,
        tally: &mut Tally,
    ) -> Result<(), RichError> {
        match self.source.write(tx, ctx, known, entry.item.clone()).await {
            Ok(mut outcome) => {
                self.settle_name(tx, &mut outcome, tally).await?;
                tally.note(entry, known, outcome);
            }
            Err(error) if error.kind() == ErrorKind::Validation => tally.refused.push(fault(entry, &error)),
            Err(error) => return Err(error),
        }
        Ok(())
    }

    /// Notes a name that was changed. In a dry run the names of earlier batches are free again in the database; the item
    /// gets the one that it would have after them.
    async fn settle_name(
        &self,
        tx: &mut TenantTx,
        outcome: &mut Outcome,
        tally: &mut Tally,
    ) -> Result<(), RichError> {
        let Some(name) = &mut outcome.name else {
            return Ok(());
        };
        if self.mode == Mode::DryRun {
            let (earlier, own) = (&self.names, &tally.names);
            let is_given = |name: &str| {
                let hash = Name::hash(name);
                earlier.contains(&hash) || own.contains(&hash)
            };
            if is_given(&name.got) {
                name.got = self.source.numbered_name(tx, name, &is_given).await?;
            }
            if matches!(outcome.written, Written::Created(_)) {
                tally.names.push(Name::hash(&name.got));
            }
        }
        if let Some((kind, text)) = self.source.note_of_name(name) {
            outcome.notes.tell(kind, text);
        }
        Ok(())
    }

    /// Saves the references, and commits unless it is a dry run.
    async fn end(
        &mut self,
        mut tx: TenantTx,
        ctx: &Ctx,
        tally: &Tally,
        begun: Instant,
    ) -> Result<(), RichError> {
        save_references(&mut tx, S::IMPORTED, &tally.references, ctx.now()).await?;
        match self.mode {
            Mode::DryRun => drop(tx),
            Mode::Commit => {
                let start = Instant::now();
                tx.commit().await?;
                self.last_commit = start.elapsed();
            }
        }
        tracing::debug!(kept = tally.references.len(), held = ?begun.elapsed(), "a batch ended");
        if self.is_sqlite {
            tokio::time::sleep(LOCK_PAUSE).await;
        }
        Ok(())
    }

    /// Writes one item in its own transaction. Looks up its reference again: an earlier attempt or another import may
    /// have written it.
    async fn write_alone(&mut self, entry: &Entry<S::Checked>) -> Result<(), RichError> {
        let mut attempt = 0;
        loop {
            attempt += 1;
            let error = match self.try_alone(entry).await {
                Ok(tally) => {
                    self.keep(tally);
                    return Ok(());
                }
                Err(error) => error,
            };
            match error.kind() {
                _ if error.kind().is_outage() && attempt < ATTEMPTS => pause(attempt).await,
                ErrorKind::Conflict if attempt < RACES => {}
                ErrorKind::Validation
                | ErrorKind::NotFound
                | ErrorKind::Conflict
                | ErrorKind::BusinessRule
                | ErrorKind::Internal => {
                    // The report lists all of them; the log must not be flooded by a bad file.
                    if std::mem::replace(&mut self.has_warned, true) {
                        tracing::debug!(error = ?error, line = entry.line, "an item was refused by the database");
                    } else {
                        tracing::warn!(error = ?error, line = entry.line, "an item was refused by the database; further ones are logged at the level debug");
                    }
                    self.refuse(vec![fault(entry, &error)]);
                    return Ok(());
                }
                _ => return Err(error),
            }
        }
    }

    async fn try_alone(&mut self, entry: &Entry<S::Checked>) -> Result<Tally, RichError> {
        let ctx = self.ctx_of_batch();
        let mut tx = ctx.write().await?;
        let begun = Instant::now();
        let mut tally = Tally::default();
        let ids: Vec<&str> = entry.key.iter().map(|key| key.external_id.as_str()).collect();
        let known = find(&mut tx, S::IMPORTED, &ids).await?.into_values().next();
        if !self.overwrite
            && known.is_some()
            && known.as_ref().map(|known| known.hash) == entry.key.as_ref().map(|key| key.hash)
        {
            tally.unchanged += 1;
            return Ok(tally);
        }
        self.write_entry(&mut tx, &ctx, entry, known.as_ref(), &mut tally)
            .await?;
        self.end(tx, &ctx, &tally, begun).await?;
        Ok(tally)
    }

    fn ctx_of_batch(&self) -> Ctx {
        Ctx {
            deadline: Deadline::after(BATCH_LIMIT),
            ..self.ctx.clone()
        }
    }

    fn keep(&mut self, tally: Tally) {
        self.report.created += tally.created;
        self.report.updated += tally.updated;
        self.report.unchanged += tally.unchanged;
        self.refuse(tally.refused);
        self.names.extend(tally.names);
        for (line, column, notes) in tally.notes {
            for (kind, count) in notes.counts {
                self.report.count(&kind, count);
            }
            for reason in notes.texts {
                let file = self.file.to_owned();
                self.report.add_note(RowError {
                    file,
                    line,
                    column,
                    reason,
                });
            }
        }
    }

    fn refuse(&mut self, faults: Vec<Fault>) {
        for Fault { line, column, reason } in faults {
            let file = self.file.to_owned();
            self.report.add_error(RowError {
                file,
                line,
                column,
                reason,
            });
        }
    }
}

async fn find(tx: &mut TenantTx, imported: Imported, ids: &[&str]) -> Result<Known, RichError> {
    let found = list_references(tx, imported, ids).await?;
    Ok(found
        .into_iter()
        .map(|reference| (reference.external_id.clone(), reference))
        .collect())
}

async fn pause(attempt: u32) {
    tokio::time::sleep(BACKOFF.pause_after(attempt)).await;
}

/// The error in the report: only its public part.
fn fault<C>(entry: &Entry<C>, error: &RichError) -> Fault {
    let reported = error.to_response();
    let mut reasons: Vec<String> = reported
        .violations()
        .iter()
        .map(|found| format!("{}: {}", found.pointer.trim_start_matches("#/"), found.detail))
        .collect();
    if reasons.is_empty() {
        reasons.push(reported.detail().to_owned());
    }
    Fault {
        line: entry.line,
        column: entry.column,
        reason: reasons.join("; "),
    }
}
