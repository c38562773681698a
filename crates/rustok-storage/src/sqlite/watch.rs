//! Whether the file that a server works on is still the one at its path, and whether it is whole.
//!
//! An open file stays when its name goes: SQLite would go on writing to what nobody finds again. So the device and the
//! number of the file and of its log are compared with those at the path, before anything is written and after it was
//! committed. This must never change anything at the path.

use crate::error::StoreError;
use crate::migrate::beside;
use rusqlite::{Connection, OpenFlags};
use std::fs;
use std::io::ErrorKind;
use std::os::unix::fs::MetadataExt as _;
use std::path::{Path, PathBuf};
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, AtomicU8, Ordering};

/// What is known of a database without asking it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum DatabaseState {
    /// Nothing is wrong with it.
    Ok,
    /// It is read, and takes no writes.
    ReadOnly,
    /// Its file, or the log beside it, is not at its path any more.
    Missing,
    /// Another file is at the path.
    Replaced,
    /// The file is damaged.
    Corrupt,
}

impl DatabaseState {
    /// All of them, as a metric shows them.
    pub const ALL: [Self; 5] = [
        Self::Ok,
        Self::ReadOnly,
        Self::Missing,
        Self::Replaced,
        Self::Corrupt,
    ];

    /// Its name for people and machines.
    #[must_use]
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::Ok => "ok",
            Self::ReadOnly => "read_only",
            Self::Missing => "missing",
            Self::Replaced => "replaced",
            Self::Corrupt => "corrupt",
        }
    }
}

/// Device and number: which file it is, whatever its name.
type Identity = (u64, u64);

fn identity(path: &Path) -> Result<Option<Identity>, std::io::Error> {
    match fs::metadata(path) {
        Ok(found) => Ok(Some((found.dev(), found.ino()))),
        Err(error) if error.kind() == ErrorKind::NotFound => Ok(None),
        Err(error) => Err(error),
    }
}

#[derive(Debug)]
pub(crate) struct FileWatch {
    path: PathBuf,
    file: Identity,
    /// What lies beside it: SQLite makes its log and its index with the first write, and keeps them while somebody has
    /// them open. Whoever found other ones would miss what was written last, or write at the same time.
    beside: [(PathBuf, OnceLock<Identity>); 2],
    place: AtomicU8,
    damaged: AtomicBool,
}

const HERE: u8 = 0;
const MISSING: u8 = 1;
const REPLACED: u8 = 2;

/// What it means to find this where that was known.
fn place_of(found: Option<Identity>, known: Option<Identity>) -> u8 {
    match (found, known) {
        (None, Some(_)) => MISSING,
        (Some(found), Some(known)) if found != known => REPLACED,
        _ => HERE,
    }
}

impl FileWatch {
    /// Of a file that is open by now.
    pub(crate) fn of(path: &Path) -> Result<Self, StoreError> {
        let file = identity(path).ok().flatten();
        let file = file.ok_or_else(|| StoreError::Setup(format!("{} is gone again", path.display())))?;
        Ok(Self {
            path: path.to_owned(),
            file,
            beside: ["-wal", "-shm"].map(|suffix| (beside(path, suffix), OnceLock::new())),
            place: AtomicU8::new(HERE),
            damaged: AtomicBool::new(false),
        })
    }

    /// Looks at the path. An error of the file system tells nothing about the file.
    pub(crate) fn look(&self) {
        let Ok(file) = identity(&self.path) else { return };
        let mut place = place_of(file, Some(self.file));
        for (path, known) in &self.beside {
            let Ok(found) = identity(path) else { return };
            let known = match found {
                Some(found) => Some(*known.get_or_init(|| found)),
                None => known.get().copied(),
            };
            if place == HERE {
                place = place_of(found, known);
            }
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
            _ => tracing::warn!(%file, "the database file is back"),
        }
    }

    /// Looks, and refuses to go on with a file that nobody would find again.
    pub(crate) fn check(&self) -> Result<(), StoreError> {
        self.look();
        self.known()
    }

    /// What the last look found.
    pub(crate) fn known(&self) -> Result<(), StoreError> {
        match self.place.load(Ordering::Relaxed) {
            HERE => Ok(()),
            MISSING => Err(StoreError::Unavailable(
                "the database file was removed".to_owned(),
            )),
            _ => Err(StoreError::Unavailable(
                "the database file was replaced".to_owned(),
            )),
        }
    }

    /// SQLite found damage in it.
    pub(crate) fn damaged(&self, why: &str) {
        if !self.damaged.swap(true, Ordering::Relaxed) {
            tracing::error!(file = %self.path.display(), why, "the database file is damaged");
        }
    }

    pub(crate) fn state(&self) -> DatabaseState {
        match self.place.load(Ordering::Relaxed) {
            HERE if self.damaged.load(Ordering::Relaxed) => DatabaseState::Corrupt,
            HERE => DatabaseState::Ok,
            MISSING => DatabaseState::Missing,
            _ => DatabaseState::Replaced,
        }
    }

    /// Reads every page of the file, on a connection of its own that knows none of them yet. It holds nobody up.
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
