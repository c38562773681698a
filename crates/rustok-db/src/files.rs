//! Access rights of a SQLite database's files: owner only, since they hold all data.
//!
//! SQLite gives its log and its index the mode of the database file, so creating that file with the right mode is
//! enough. Wider modes of existing files are kept, since they may be intended; the server warns at its start.

use crate::error::StoreError;
use rustix::fs::OFlags;
use std::fs::{DirBuilder, File, OpenOptions};
use std::io;
use std::os::unix::fs::{DirBuilderExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};

/// Readable and writable by its owner only.
pub(crate) const FILE_MODE: u32 = 0o600;
const FOLDER_MODE: u32 = 0o700;
/// File name suffixes of a database and of the files beside it.
const SUFFIXES: [&str; 5] = ["", "-wal", "-shm", ".lock", ".migrate.lock"];

/// The open flag that refuses a symbolic link placed at the path.
pub(crate) fn no_follow() -> i32 {
    i32::try_from(OFlags::NOFOLLOW.bits()).unwrap_or(0)
}

/// Appends `suffix` to the file name of `path`.
pub(crate) fn beside(path: &Path, suffix: &str) -> PathBuf {
    let mut name = path.as_os_str().to_owned();
    name.push(suffix);
    PathBuf::from(name)
}

/// The parent folder of `path`; `.` if the path names none.
pub(crate) fn folder_of(path: &Path) -> &Path {
    let parent = path.parent().filter(|parent| !parent.as_os_str().is_empty());
    parent.unwrap_or(Path::new("."))
}

/// Creates the folder of `path` if it alone is missing, accessible by its owner only. A path of which more is missing may
/// be that of a volume that is not mounted.
pub(crate) fn make_last_folder(path: &Path) -> io::Result<()> {
    match DirBuilder::new().mode(FOLDER_MODE).create(folder_of(path)) {
        Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
        made => made,
    }
}

/// Creates missing folders, accessible by their owner only.
fn make_folder(path: &Path) -> io::Result<()> {
    DirBuilder::new()
        .recursive(true)
        .mode(FOLDER_MODE)
        .create(folder_of(path))
}

/// Creates the database file if it is missing, before SQLite would create it readable by all.
pub(crate) fn make_database(path: &Path) -> Result<(), StoreError> {
    let make = || {
        make_folder(path)?;
        let made = OpenOptions::new()
            .create_new(true)
            .write(true)
            .mode(FILE_MODE)
            .open(path);
        match made {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => Ok(()),
            made => made.map(drop),
        }
    };
    make().map_err(|error| cannot_open(path, &error))
}

/// Opens a lock file; creates it if it is missing.
pub(crate) fn open_lock(path: &Path) -> Result<File, StoreError> {
    let open = || {
        make_folder(path)?;
        OpenOptions::new()
            .create(true)
            .truncate(false)
            .write(true)
            .mode(FILE_MODE)
            .custom_flags(no_follow())
            .open(path)
    };
    open().map_err(|error| cannot_open(path, &error))
}

fn cannot_open(path: &Path, error: &io::Error) -> StoreError {
    StoreError::Setup(format!("cannot open {}: {error}", path.display()))
}

/// Files of a database that other users may read or change, and its folder if others may write there.
#[must_use]
pub fn open_to_others(database: &Path) -> Vec<PathBuf> {
    let mode = |path: &Path| std::fs::metadata(path).map(|found| found.permissions().mode());
    let files = SUFFIXES.iter().map(|suffix| beside(database, suffix));
    let mut open: Vec<PathBuf> = files
        .filter(|file| mode(file).is_ok_and(|mode| mode & 0o077 != 0))
        .collect();
    open.extend(folder_open_to_others(database).map(Path::to_owned));
    open
}

/// The folder of `path` if others may write there and so exchange its files, unless the sticky bit keeps each file for its
/// owner.
#[must_use]
pub fn folder_open_to_others(path: &Path) -> Option<&Path> {
    let folder = folder_of(path);
    let mode = std::fs::metadata(folder).ok()?.permissions().mode();
    (mode & 0o022 != 0 && mode & 0o1000 == 0).then_some(folder)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::Opener;
    use crate::tests::{config, open_with, tenant};
    use rustok_test_support::TestDatabase;
    use std::fs::Permissions;

    fn mode(path: &Path) -> u32 {
        std::fs::metadata(path).unwrap().permissions().mode() & 0o7777
    }

    #[tokio::test]
    async fn what_a_database_has_is_its_owners_alone() {
        let db = TestDatabase::sqlite();
        let path = db.path().with_file_name("new").join("data").join("shop.db");
        let mut config = config(&db);
        config.url = crate::DatabaseUrl::Sqlite(path.clone());
        let store = open_with(config, Opener::Server).await.unwrap();
        tenant(&store, 1, "shop1").await;
        for folder in [folder_of(&path), folder_of(folder_of(&path))] {
            assert_eq!(mode(folder), 0o700, "{}", folder.display());
        }
        for suffix in SUFFIXES {
            let file = beside(&path, suffix);
            assert_eq!(mode(&file), 0o600, "{}", file.display());
        }
        assert!(open_to_others(&path).is_empty());

        std::fs::set_permissions(&path, Permissions::from_mode(0o640)).unwrap();
        std::fs::set_permissions(beside(&path, "-wal"), Permissions::from_mode(0o604)).unwrap();
        std::fs::set_permissions(folder_of(&path), Permissions::from_mode(0o770)).unwrap();
        let open = [path.clone(), beside(&path, "-wal"), folder_of(&path).to_owned()];
        assert_eq!(open_to_others(&path), open);
        assert_eq!(folder_open_to_others(&path), Some(folder_of(&path)));
        std::fs::set_permissions(folder_of(&path), Permissions::from_mode(0o1777)).unwrap();
        assert_eq!(folder_open_to_others(&path), None);
        assert_eq!(open_to_others(&path), open[..2]);
    }

    #[test]
    fn a_lock_is_not_taken_through_a_link() {
        let folder = tempfile::tempdir().unwrap();
        let (lock, elsewhere) = (folder.path().join("x.lock"), folder.path().join("elsewhere"));
        std::os::unix::fs::symlink(&elsewhere, &lock).unwrap();
        let error = open_lock(&lock).unwrap_err();
        assert!(error.to_string().contains("cannot open"), "{error}");
        assert!(!elsewhere.exists());
    }
}
