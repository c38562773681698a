//! A number in the header of the database file (`user_version`), by which a file that was overwritten in place is noticed.
//!
//! A copy over the file keeps device and inode, and what SQLite has in its log and its caches belongs to the former
//! content: written on, the file would be a mixture of both. The server gives the file a new number at its start and
//! about once per checkpoint. So the number in the file itself, which is that of the last checkpoint, never falls and is
//! never above the last one given; a copy made earlier has a lower one, another database another. A copy made since the
//! last checkpoint looks like the file.
//!
//! Only a server changes the number. Nothing here may lock the file or write to it other than through the writer.

use super::checkpoint;
use crate::error::StoreError;
use crate::files::{self, beside};
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, File, Metadata};
use std::hash::{DefaultHasher, Hash, Hasher};
use std::os::unix::fs::{FileExt as _, MetadataExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicI32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// First numbers are below this, so that they can grow for as long as a database lives.
const FIRST_BELOW: u64 = 1 << 30;
/// By how much the number in the file may be above the recorded one: it is recorded only once it is known to be on the
/// disk, which long reads of the log put off.
const MAY_LEAD: i32 = 1 << 22;
/// Longest wait at the start for another process that writes.
const LONGEST_WAIT: Duration = Duration::from_secs(5);
/// Bytes of a log without a frame.
const EMPTY_LOG: u64 = 32;

/// The numbers of one file.
#[derive(Debug)]
pub(crate) struct Stamp {
    path: PathBuf,
    /// The last number given; it may not be committed.
    given: AtomicI32,
    last: Mutex<Reading>,
    /// The server's lock file, which keeps the number between two runs. Opened on its own, so that it does not hold the lock.
    record: File,
}

/// What was read of the file last.
#[derive(Debug)]
struct Reading {
    number: i32,
    /// Size and time of change of the file then; unchanged, it is not read again.
    size_and_time: (u64, i64, i64),
}

/// What the header of a file says.
struct Header {
    number: i32,
    /// Whether the file is as large as the header says.
    is_whole: bool,
}

impl Stamp {
    /// Gives the file of `writer` a new number and moves it into the file, if no other process reads the log.
    pub(crate) fn begin(path: &Path, writer: &Connection) -> Result<Self, StoreError> {
        let setup = |why: String| StoreError::Setup(format!("cannot mark {}: {why}", path.display()));
        let sql = |error: rusqlite::Error| setup(error.to_string());
        let known: i32 = writer
            .query_row("PRAGMA user_version", [], |row| row.get(0))
            .map_err(sql)?;
        let number = if known > 0 && known < i32::MAX - MAY_LEAD {
            known + 1
        } else {
            first(path)
        };
        // Another process may be writing.
        writer.busy_timeout(LONGEST_WAIT).map_err(sql)?;
        let given = writer
            .pragma_update(None, "user_version", number)
            .and_then(|()| checkpoint::move_all(writer));
        writer.busy_timeout(Duration::ZERO).map_err(sql)?;
        // Not synced while another process reads the log: after a power failure the file would be taken for an older one.
        let is_on_disk = given.unwrap_or_else(|error| {
            // A disk that is full, or a writer that does not end: reads can be served all the same.
            tracing::warn!(%error, "the database file got no new mark: a copy of it may look like it");
            false
        });
        let stamp = Self {
            path: path.to_owned(),
            given: AtomicI32::new(number),
            last: Mutex::new(Reading {
                number: header(path).map_err(sql)?.number,
                size_and_time: (0, 0, 0),
            }),
            record: files::open_lock(&beside(path, ".lock"))?,
        };
        if is_on_disk {
            stamp.record(stamp.last_read());
        }
        Ok(stamp)
    }

    /// Gives a new number within the writer's open transaction. Without it the file is only watched less closely.
    pub(super) fn renew(&self, writer: &Connection) {
        let number = self.given.fetch_add(1, Ordering::Relaxed) + 1;
        if let Err(error) = writer.pragma_update(None, "user_version", number) {
            tracing::warn!(%error, "the database file got no new mark");
        }
    }

    /// Whether the file still has the content that this server works with. Its header is read if the file was written
    /// since the last time, or if it is to be read `again`.
    pub(super) fn is_of(&self, file: &Metadata, again: bool) -> bool {
        let mut last = self.last.lock().unwrap_or_else(PoisonError::into_inner);
        let size_and_time = (file.len(), file.mtime(), file.mtime_nsec());
        if !again && last.size_and_time == size_and_time {
            return true;
        }
        // Whatever was moved into the file by now has been given before.
        let Header { number, is_whole } = match header(&self.path) {
            Ok(header) => header,
            Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::NotADatabase) => {
                return false;
            }
            // An error of the file system proves nothing.
            Err(_) => return true,
        };
        // A checkpoint that makes the file larger writes the header first; it never makes the file smaller than that.
        let is_truncated = !is_whole && file.len() < last.size_and_time.0;
        if is_truncated || number < last.number || number > self.given.load(Ordering::Relaxed) {
            return false;
        }
        *last = Reading {
            number,
            size_and_time,
        };
        true
    }

    /// The number that was read last.
    pub(super) fn last_read(&self) -> i32 {
        self.last.lock().unwrap_or_else(PoisonError::into_inner).number
    }

    /// Records a number that is known to have reached the disk: after a power failure the file must not be taken for
    /// an older one.
    pub(super) fn record(&self, number: i32) {
        if let Err(error) = self.record.write_all_at(format!("{number:010}\n").as_bytes(), 0) {
            tracing::warn!(%error, "the mark of the database file was not recorded");
        }
    }
}

/// The header of the file itself, without its log: `immutable` reads nothing else and takes no lock.
fn header(path: &Path) -> rusqlite::Result<Header> {
    let mut uri = String::from("file:");
    for byte in path.as_os_str().as_encoded_bytes() {
        if byte.is_ascii_alphanumeric() || b"/._-".contains(byte) {
            uri.push(char::from(*byte));
        } else {
            uri.push_str(&format!("%{byte:02x}"));
        }
    }
    uri.push_str("?immutable=1");
    let flags =
        OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX | OpenFlags::SQLITE_OPEN_URI;
    let conn = Connection::open_with_flags(uri, flags)?;
    let number = || conn.query_row("PRAGMA user_version", [], |row| row.get(0));
    match number() {
        // Smaller than the header says: read all the same.
        Err(error) if error.sqlite_error_code() == Some(rusqlite::ErrorCode::DatabaseCorrupt) => {
            conn.pragma_update(None, "writable_schema", true)?;
            let (number, is_whole) = (number()?, false);
            Ok(Header { number, is_whole })
        }
        number => Ok(Header {
            number: number?,
            is_whole: true,
        }),
    }
}

/// A number that other databases hardly begin with.
fn first(path: &Path) -> i32 {
    let mut hasher = DefaultHasher::new();
    if let Ok(found) = fs::metadata(path) {
        (found.dev(), found.ino(), found.mtime(), found.mtime_nsec()).hash(&mut hasher);
    }
    std::process::id().hash(&mut hasher);
    i32::try_from(hasher.finish() % FIRST_BELOW).unwrap_or_default() + 1
}

/// Refuses a file that was overwritten while the log of its former content was left beside it: SQLite would write that log
/// into it.
///
/// # Errors
/// [`StoreError::Setup`], which says what to do.
pub(crate) fn check_log(path: &Path) -> Result<(), StoreError> {
    let log = beside(path, "-wal");
    if !fs::metadata(&log).is_ok_and(|found| found.len() > EMPTY_LOG) {
        return Ok(());
    }
    let record = fs::read_to_string(beside(path, ".lock")).unwrap_or_default();
    let (Ok(recorded), Ok(Header { number, .. })) = (record.trim().parse::<i32>(), header(path)) else {
        return Ok(());
    };
    if (recorded..=recorded.saturating_add(MAY_LEAD)).contains(&number) {
        return Ok(());
    }
    Err(StoreError::Setup(format!(
        "{} was overwritten, and {} belongs to what it was before: nothing was opened. To use the file as it is, put the \
         log and {} aside first",
        path.display(),
        log.display(),
        beside(path, "-shm").display()
    )))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_number_is_read_whatever_the_path_is() {
        let folder = tempfile::tempdir().unwrap();
        for name in ["a.db", "a?b.db", "a#b%41.db", "ä b&c=d.db"] {
            let path = folder.path().join(name);
            let conn = Connection::open(&path).unwrap();
            conn.pragma_update(None, "user_version", 7).unwrap();
            assert_eq!(header(&path).unwrap().number, 7, "{name}");
            conn.pragma_update(None, "journal_mode", "WAL").unwrap();
            conn.pragma_update(None, "user_version", 8).unwrap();
            assert_eq!(
                header(&path).unwrap().number,
                7,
                "{name}: what is in the log only"
            );
            assert!((1..=1 << 30).contains(&first(&path)));
        }
    }
}
