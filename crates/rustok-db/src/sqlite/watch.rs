//! Checks that the open database file is still the one at its path, and that it is not damaged.
//!
//! An open file survives the removal of its name: SQLite would go on writing to a file that cannot be found again.
//! Therefore device and inode of the file and of its log are compared with those at the path, before every write and
//! after every commit, and the server's mark in the file with the one that it gave (`stamp`). These checks must never
//! change anything at the path.

use super::stamp::Stamp;
use crate::error::StoreError;
use crate::fault::Faults;
use crate::files::beside;
use rusqlite::config::DbConfig;
use rusqlite::{Connection, OpenFlags};
use std::fs::{self, Metadata};
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// State of a database as recorded, without a query.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseState {
    /// No fault is known.
    Ok,
    /// It serves reads and refuses writes.
    ReadOnly,
    /// The file, or the log beside it, is no longer at its path.
    Missing,
    /// Another file is at its path, or the file was overwritten.
    Replaced,
    /// The file, or a page of PostgreSQL's, is damaged.
    Corrupt,
    /// A part of the schema is missing.
    SchemaMissing,
    /// The disk is full: reads are answered, writes are refused.
    DiskFull,
}

impl DatabaseState {
    /// All states, as the metric lists them.
    pub const ALL: [Self; 7] = [
        Self::Ok,
        Self::ReadOnly,
        Self::Missing,
        Self::Replaced,
        Self::Corrupt,
        Self::SchemaMissing,
        Self::DiskFull,
    ];

    /// Stable name, used in texts and by machines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ReadOnly => "read_only",
            Self::Missing => "missing",
            Self::Replaced => "replaced",
            Self::Corrupt => "corrupt",
            Self::SchemaMissing => "schema_missing",
            Self::DiskFull => "disk_full",
        }
    }
}

/// Device and inode: they identify a file whatever its name.
type Identity = (u64, u64);

fn identity(found: &Metadata) -> Identity {
    (found.dev(), found.ino())
}

fn find(path: &Path) -> Result<Option<Metadata>, std::io::Error> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some(found)),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[derive(Debug)]
pub(crate) struct FileWatch {
    path: PathBuf,
    file: Identity,
    /// The log and its index. SQLite creates them with the first write and keeps them while a connection is open. A
    /// process that opened other ones would miss the latest writes, or write at the same time.
    beside: [(PathBuf, OnceLock<Identity>); 2],
    place: AtomicU8,
    damaged: AtomicBool,
    faults: Faults,
    /// The mark in the file; `None` in a command, which watches beside a server.
    stamp: Option<Stamp>,
}

const HERE: u8 = 0;
const MISSING: u8 = 1;
const REPLACED: u8 = 2;
/// The file is the one that was opened, with other content. Nothing leads back: what SQLite has in its log and in
/// memory belongs to the former content.
const OVERWRITTEN: u8 = 3;

/// Compares a file's identity at the path with the recorded one.
fn place_of(found: Option<Identity>, known: Option<Identity>) -> u8 {
    match (found, known) {
        (None, Some(_)) => MISSING,
        (Some(found), Some(known)) if found != known => REPLACED,
        _ => HERE,
    }
}

impl FileWatch {
    /// Starts to watch a file that is already open.
    pub(crate) fn of(path: &Path, stamp: Option<Stamp>) -> Result<Self, StoreError> {
        let file = find(path).ok().flatten().as_ref().map(identity);
        let file = file.ok_or_else(|| StoreError::Setup(format!("{} is gone again", path.display())))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            beside: ["-wal", "-shm"].map(|suffix| (beside(path, suffix), OnceLock::new())),
            place: AtomicU8::new(HERE),
            damaged: AtomicBool::new(false),
            faults: Faults::default(),
            stamp,
        })
    }

    /// Compares the path with the open file, and the mark in it. An error of the file system proves nothing and leaves
    /// the state as it is.
    pub(crate) fn look(&self) {
        self.compare(true);
    }

    /// Unless `again`, the mark is read only if the file was written since the last time.
    fn compare(&self, again: bool) {
        if self.is_overwritten() {
            return;
        }
        let Ok(file) = find(&self.path) else { return };
        let mut place = place_of(file.as_ref().map(identity), Some(self.file));
        for (path, known) in &self.beside {
            let Ok(found) = find(path) else { return };
            let found = found.as_ref().map(identity);
            let known = match found {
                Some(found) => Some(*known.get_or_init(|| found)),
                None => known.get().copied(),
            };
            if place == HERE {
                place = place_of(found, known);
            }
        }
        if let (HERE, Some(stamp), Some(file)) = (place, &self.stamp, &file)
            && !stamp.is_of(file, again)
        {
            place = OVERWRITTEN;
        }
        let before = self.place.swap(place, Ordering::Relaxed);
        if before == place {
            return;
        }
        let file = self.path.display();
        match place {
            MISSING => {
                tracing::error!(%file, "the database file, its log or its index was removed: nothing is written any more")
            }
            REPLACED => {
                tracing::error!(%file, "another file is in the place of the database, its log or its index: nothing is written any more");
            }
            OVERWRITTEN => {
                tracing::error!(
                    %file,
                    "the database file was overwritten: nothing is read or written until the server is started again, \
                     and its log belongs to what the file was before"
                );
            }
            _ => tracing::warn!(%file, "the database file is back"),
        }
    }

    /// Compares now; fails if the file was removed, replaced or overwritten.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.compare(false);
        self.known()
    }

    /// Whether the content of the file is another one than that which is open.
    pub(super) fn is_overwritten(&self) -> bool {
        self.place.load(Ordering::Relaxed) == OVERWRITTEN
    }

    /// Keeps `conn`, which is closed next, from moving the log of the former content into a file that was overwritten.
    pub(super) fn before_close(&self, conn: &Connection) {
        self.compare(true);
        if self.is_overwritten()
            && let Err(error) = conn.set_db_config(DbConfig::SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, true)
        {
            tracing::error!(%error, "the log may be moved into another database");
        }
    }

    /// The mark that was read of the file last.
    pub(super) fn last_stamp(&self) -> Option<i32> {
        self.stamp.as_ref().map(Stamp::last_read)
    }

    /// Records a mark that has reached the disk.
    pub(super) fn record_stamp(&self, number: Option<i32>) {
        if let (Some(stamp), Some(number)) = (&self.stamp, number) {
            stamp.record(number);
        }
    }

    /// Gives the file a new mark, in the writer's open transaction.
    pub(super) fn renew_stamp(&self, writer: &Connection) {
        if let Some(stamp) = &self.stamp {
            stamp.renew(writer);
        }
    }

    /// Fails if the last comparison found the file removed, replaced or overwritten.
    pub(crate) fn known(&self) -> Result<(), StoreError> {
        match self.place.load(Ordering::Relaxed) {
            HERE => Ok(()),
            MISSING => Err(StoreError::Unavailable(
                "the database file was removed".to_owned(),
            )),
            OVERWRITTEN => Err(StoreError::Unavailable(
                "the database file was overwritten".to_owned(),
            )),
            _ => Err(StoreError::Unavailable(
                "the database file was replaced".to_owned(),
            )),
        }
    }

    /// Records what an error shows to be wrong with the file.
    pub(crate) fn note(&self, error: &StoreError) {
        match error {
            // Known until the file was read through and found intact.
            StoreError::Damaged(why) => self.damaged(why),
            other => self.faults.note(other),
        }
    }

    /// Records damage reported by SQLite; the first report is logged.
    pub(crate) fn damaged(&self, why: &str) {
        if !self.damaged.swap(true, Ordering::Relaxed) {
            tracing::error!(file = %self.path.display(), why, "the database file is damaged");
        }
    }

    pub(crate) fn state(&self) -> DatabaseState {
        match self.place.load(Ordering::Relaxed) {
            HERE if self.damaged.load(Ordering::Relaxed) => DatabaseState::Corrupt,
            HERE => self.faults.state(),
            MISSING => DatabaseState::Missing,
            _ => DatabaseState::Replaced,
        }
    }

    /// Reads every page of the file on a new connection with an empty page cache. Blocks no other connection.
    pub(crate) fn read_through(&self) {
        if self.known().is_err() {
            return;
        }
        let flags = OpenFlags::SQLITE_OPEN_READ_ONLY | OpenFlags::SQLITE_OPEN_NO_MUTEX;
        let found = Connection::open_with_flags(&self.path, flags)
            .and_then(|conn| conn.query_row("PRAGMA quick_check(1)", [], |row| row.get::<_, String>(0)));
        match found {
            Ok(found) if found == "ok" => {
                if self.damaged.swap(false, Ordering::Relaxed) {
                    tracing::warn!(file = %self.path.display(), "the database file is whole again");
                }
            }
            Ok(found) => self.damaged(&found),
            Err(error) => match StoreError::from_sqlite("", &error) {
                StoreError::Damaged(why) => self.damaged(&why),
                error => tracing::warn!(%error, "the database file cannot be read through now"),
            },
        }
    }
}
