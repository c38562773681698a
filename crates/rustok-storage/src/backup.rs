//! A copy of a database that servers and commands go on using meanwhile, and the way back.
//!
//! Of SQLite it is a database like the one it was made of, of PostgreSQL a file of our own ([`format`]): one snapshot in
//! either case. A target that exists is never touched, and one that is not whole never has the name that was asked for.
//! What is restored is restored as a whole, where there is nothing that it could replace.

mod dump;
mod format;
mod load;
mod sqlite;

use crate::error::StoreError;
use crate::files;
use crate::migrate::{self, Migration, beside};
use crate::store::{DatabaseUrl, Store};
use format::{BLOCK, Reader};
use std::fs::{File, OpenOptions};
use std::io::ErrorKind;
use std::os::unix::fs::OpenOptionsExt as _;
use std::path::{Path, PathBuf};
use tokio::io::{BufReader, BufWriter};
use tokio_postgres::Client;

impl Store {
    /// Copies the database into the new file `target`, checks the copy and answers its size in bytes. `progress` is told
    /// how many pages, or on PostgreSQL tables, of how many are done.
    ///
    /// # Errors
    /// [`StoreError::Setup`] when `target` exists or cannot be written, when not all could be read, and when the copy does
    /// not pass its check; those of the database. Then there is no `target`.
    pub async fn backup(
        &self,
        target: &Path,
        progress: impl FnMut(u64, u64) + Send + 'static,
    ) -> Result<u64, StoreError> {
        if target.symlink_metadata().is_ok() {
            return Err(exists(target));
        }
        let Some(source) = self.sqlite_path() else {
            return write_out(&self.own_connection().await?, target, progress).await;
        };
        let (source, target) = (source.to_owned(), target.to_owned());
        tokio::task::spawn_blocking(move || sqlite::copy(&source, &target, progress))
            .await
            .map_err(|error| StoreError::Setup(format!("the backup ended early: {error}")))?
    }
}

async fn write_out(
    client: &Client,
    target: &Path,
    progress: impl FnMut(u64, u64),
) -> Result<u64, StoreError> {
    let partial = Partial::create(target)?;
    let cannot = |error: std::io::Error| {
        StoreError::Setup(format!("cannot write {}: {error}", partial.path.display()))
    };
    let to = tokio::fs::File::from_std(partial.file.try_clone().map_err(cannot)?);
    dump::dump(client, BufWriter::with_capacity(2 * BLOCK, to), progress).await?;
    // As a stranger would read it.
    let copy = tokio::fs::File::open(&partial.path).await.map_err(cannot)?;
    let (reader, _) = Reader::begin(BufReader::with_capacity(BLOCK, copy), &partial.path).await?;
    reader.check().await?;
    partial.finish(target)
}

/// Brings a backup back: to where no SQLite file is, or into a PostgreSQL database without rows. One of an older schema
/// is brought up to date. Answers the size of `file` in bytes; `progress` is told how much of how much is read.
///
/// # Errors
/// [`StoreError::Setup`] when there is something already, and when `file` is not whole, not of this kind of database or
/// newer than this binary; those of the database. Then nothing was changed.
pub async fn restore(
    url: &DatabaseUrl,
    file: &Path,
    progress: impl FnMut(u64, u64) + Send + 'static,
) -> Result<u64, StoreError> {
    restore_with(url, file, migrate::MIGRATIONS, progress).await
}

pub(crate) async fn restore_with(
    url: &DatabaseUrl,
    file: &Path,
    migrations: &[Migration],
    mut progress: impl FnMut(u64, u64) + Send + 'static,
) -> Result<u64, StoreError> {
    let cannot =
        |error: std::io::Error| StoreError::Setup(format!("cannot read {}: {error}", file.display()));
    let from = tokio::fs::File::open(file).await.map_err(cannot)?;
    let bytes = from.metadata().await.map_err(cannot)?.len();
    match url {
        DatabaseUrl::Sqlite(database) => {
            drop(from);
            sqlite::put_back(file, database, progress).await?;
        }
        DatabaseUrl::Postgres(url) => {
            let from = BufReader::with_capacity(BLOCK, from);
            load::load(url, migrations, from, file, move |read| progress(read, bytes)).await?;
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

/// The copy while it is not whole. Dropped, it is deleted.
struct Partial {
    path: PathBuf,
    file: File,
}

impl Partial {
    /// Readable by its owner only: it holds everything.
    fn create(target: &Path) -> Result<Self, StoreError> {
        let path = beside(target, ".partial");
        let create = || {
            // SQLite follows no link either, and so wants the real names of folders.
            let folder = files::folder_of(&path).canonicalize()?;
            let path = folder.join(path.file_name().unwrap_or_default());
            // O_EXCL: what is there is another backup's, or somebody put it there for this one to fill.
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

    /// Gives it its name, unless somebody else took it meanwhile, and makes both durable.
    fn finish(self, target: &Path) -> Result<u64, StoreError> {
        let finish = || {
            let copy = File::open(&self.path)?;
            copy.sync_all()?;
            // A rename would replace a file that has come meanwhile; a second name cannot.
            std::fs::hard_link(&self.path, target)?;
            let folder = target.parent().filter(|parent| !parent.as_os_str().is_empty());
            File::open(folder.unwrap_or(Path::new(".")))?.sync_all()?;
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
            // Gone already, or nobody can do anything about it.
            let _ = std::fs::remove_file(beside(&self.path, suffix));
        }
    }
}
