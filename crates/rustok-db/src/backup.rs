//! Online backup and restore.
//!
//! A backup of SQLite is again a SQLite database; a backup of PostgreSQL is a file of our own [`format`]. Either is
//! one consistent snapshot. An existing target is never overwritten, and an incomplete file never gets the requested
//! name. A restore is all or nothing, and only goes where there is nothing to replace.

mod dump;
mod format;
mod load;
mod sqlite;

use crate::config::DatabaseUrl;
use crate::error::StoreError;
use crate::files;
use crate::files::beside;
use crate::schema::Schema;
use crate::store::Store;
use format::{BLOCK, Reader};
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use tokio::io::{BufReader, BufWriter};
use tokio_postgres::Client;

impl Store {
    /// Backs the database up into the new file `target`, verifies the copy and returns its size in bytes. `progress`
    /// gets the number of finished pages (PostgreSQL: tables) and their total.
    ///
    /// # Errors
    /// [`StoreError::Setup`] if `target` exists or cannot be written, if not everything could be read, or if the copy
    /// fails its verification; database errors. Then there is no `target`.
    pub async fn backup(
        &self,
        target: &Path,
        progress: impl FnMut(u64, u64) + Send + 'static,
    ) -> Result<u64, StoreError> {
        if target.symlink_metadata().is_ok() {
            return Err(exists(target));
        }
        let Some(source) = self.sqlite_path() else {
            return write_out(
                &self.own_connection().await?,
                self.schema().tables,
                target,
                progress,
            )
            .await;
        };
        let (source, target) = (source.to_owned(), target.to_owned());
        tokio::task::spawn_blocking(move || sqlite::copy(&source, &target, progress))
            .await
            .map_err(|error| StoreError::Setup(format!("the backup ended early: {error}")))?
    }
}

async fn write_out(
    client: &Client,
    tables: &[&str],
    target: &Path,
    progress: impl FnMut(u64, u64),
) -> Result<u64, StoreError> {
    let partial = Partial::create(target)?;
    let cannot = |error: std::io::Error| {
        StoreError::Setup(format!("cannot write {}: {error}", partial.path.display()))
    };
    let to = tokio::fs::File::from_std(partial.file.try_clone().map_err(cannot)?);
    dump::dump(client, tables, BufWriter::with_capacity(2 * BLOCK, to), progress).await?;
    // Reopens the file: the verification must not depend on the writer's state.
    let copy = tokio::fs::File::open(&partial.path).await.map_err(cannot)?;
    let (reader, _) = Reader::begin(BufReader::with_capacity(BLOCK, copy), &partial.path).await?;
    reader.check().await?;
    partial.finish(target)
}

/// Restores a backup to a path without a SQLite file, or into a PostgreSQL database without rows. A backup with an
/// older schema is migrated to `schema`. Returns the size of `file` in bytes; `progress` gets the amount read and the
/// total.
///
/// # Errors
/// [`StoreError::Setup`] if there is a database or rows already, or if `file` is incomplete, of another kind of
/// database or newer than this binary; database errors. Then nothing was changed.
pub async fn restore(
    url: &DatabaseUrl,
    file: &Path,
    schema: &Schema,
    mut progress: impl FnMut(u64, u64) + Send + 'static,
) -> Result<u64, StoreError> {
    let cannot =
        |error: std::io::Error| StoreError::Setup(format!("cannot read {}: {error}", file.display()));
    let from = tokio::fs::File::open(file).await.map_err(cannot)?;
    let bytes = from.metadata().await.map_err(cannot)?.len();
    match url {
        DatabaseUrl::Sqlite(database) => {
            drop(from);
            sqlite::put_back(file, database, schema, progress).await?;
        }
        DatabaseUrl::Postgres(url) => {
            let from = BufReader::with_capacity(BLOCK, from);
            load::load(url, schema, from, file, move |read| progress(read, bytes)).await?;
        }
    }
    Ok(bytes)
}

fn exists(target: &Path) -> StoreError {
    StoreError::Setup(format!(
        "{} exists already: a backup never overwrites a file",
        target.display()
    ))
}

/// The incomplete copy; deleted on drop.
struct Partial {
    path: PathBuf,
    file: File,
}

impl Partial {
    /// Readable by its owner only: it contains all data. A missing folder is made in the same way.
    fn create(target: &Path) -> Result<Self, StoreError> {
        let path = beside(target, ".partial");
        let create = || {
            files::make_last_folder(&path)?;
            // The real path of the folder: SQLite does not follow links either.
            let folder = files::folder_of(&path).canonicalize()?;
            let path = folder.join(path.file_name().unwrap_or_default());
            // O_EXCL: an existing file belongs to another backup, or was planted to receive this one.
            OpenOptions::new()
                .create_new(true)
                .write(true)
                .mode(files::FILE_MODE)
                .custom_flags(files::no_follow())
                .open(&path)
                .map(|file| Self { path, file })
        };
        create().map_err(|error| match error.kind() {
            ErrorKind::AlreadyExists => StoreError::Setup(format!(
                "{} exists already: another backup runs, or one was cut off; remove it when none runs",
                path.display()
            )),
            _ => StoreError::Setup(format!("cannot write {}: {error}", path.display())),
        })
    }

    /// Gives the copy its final name, unless that exists by now, and syncs file and folder.
    fn finish(self, target: &Path) -> Result<u64, StoreError> {
        let finish = || {
            let copy = File::open(&self.path)?;
            copy.sync_all()?;
            // A hard link fails if the target exists by now; a rename would replace it.
            std::fs::hard_link(&self.path, target)?;
            File::open(files::folder_of(target))?.sync_all()?;
            Ok(copy.metadata()?.len())
        };
        finish().map_err(|error: std::io::Error| match error.kind() {
            ErrorKind::AlreadyExists => exists(target),
            _ => StoreError::Setup(format!("cannot write {}: {error}", target.display())),
        })
    }
}

impl Drop for Partial {
    fn drop(&mut self) {
        for suffix in ["", "-journal"] {
            // Gone already, or it cannot be helped.
            let _ = std::fs::remove_file(beside(&self.path, suffix));
        }
    }
}
