//! Uploaded import files, on the disk of the process that received them.
//!
//! The process that holds a file's lock owns the file. The system releases the lock when the process ends, for
//! whatever reason: so several servers may share a folder, and files that one leaves behind are taken over by the
//! next. Nothing here depends on the contents of a file.

use rustix::fs::OFlags;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::ids::TenantId;
use rustok_events::ids::ImportId;
use std::collections::HashMap;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Seek as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// Suffix of the names of spooled files.
const SUFFIX: &str = ".import";
/// Suffix of a file that is being created, for a moment; it stays longer if the process was killed in that moment.
const NAMELESS: &str = ".new";
const MOMENT: Duration = Duration::from_secs(60);
/// Maximum number of files, whatever their size: each takes a file descriptor.
const MAX_FILES: u64 = 512;
/// `Retry-After` when there is no room.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// The folder, and how much of it this process uses.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    max_bytes: u64,
    used: Arc<Used>,
}

/// One tenant may use the folder's limit divided by this.
const TENANT_PART: u64 = 2;

#[derive(Debug, Default)]
struct Used {
    bytes: AtomicU64,
    files: AtomicU64,
    by_tenant: Mutex<HashMap<TenantId, u64>>,
}

impl Used {
    /// Adds to a tenant's bytes. Returns the new total.
    fn add(&self, tenant: TenantId, bytes: u64) -> u64 {
        let mut by_tenant = self.by_tenant.lock().unwrap_or_else(PoisonError::into_inner);
        let of_tenant = by_tenant.entry(tenant).or_default();
        *of_tenant += bytes;
        *of_tenant
    }

    fn take(&self, tenant: TenantId, bytes: u64) {
        let mut by_tenant = self.by_tenant.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(of_tenant) = by_tenant.get_mut(&tenant) {
            *of_tenant = of_tenant.saturating_sub(bytes);
            if *of_tenant == 0 {
                by_tenant.remove(&tenant);
            }
        }
    }
}

impl Spool {
    /// Keeps at most `max_bytes` in `folder`, which is created when it is needed.
    #[must_use]
    pub fn new(folder: PathBuf, max_bytes: u64) -> Self {
        Self {
            folder,
            max_bytes,
            used: Arc::default(),
        }
    }

    /// Creates an empty file. It is deleted on drop unless [`SpoolFile::keep`] was called before.
    ///
    /// # Errors
    /// `overloaded` when there are too many files, `unavailable` when the disk refuses.
    pub fn create(&self, tenant: TenantId, import: ImportId) -> Result<SpoolFile, RichError> {
        if self.used.files.load(Ordering::Relaxed) >= MAX_FILES {
            return Err(full("too many files"));
        }
        let path = self.folder.join(format!("{tenant}.{import}{SUFFIX}"));
        let create = || {
            self.make_folder()?;
            // Locked before it has its name: otherwise another process could find it as an orphan before it is owned.
            let nameless = self.folder.join(format!("{tenant}.{import}{NAMELESS}"));
            let file = OpenOptions::new()
                .create_new(true)
                .read(true)
                .write(true)
                .mode(0o600)
                .open(&nameless)?;
            let named = file
                .try_lock()
                .map_err(io::Error::from)
                .and_then(|()| std::fs::hard_link(&nameless, &path));
            std::fs::remove_file(&nameless)?;
            named?;
            Ok(file)
        };
        let file = create().map_err(|error| refused(&error))?;
        Ok(self.own(path, file, tenant, import, 0, false))
    }

    /// Creates the folder, accessible to the server's user only: its contents become products and pages.
    fn make_folder(&self) -> io::Result<()> {
        let made = DirBuilder::new().recursive(true).mode(0o700).create(&self.folder);
        made.and_then(|()| self.check_folder())
    }

    fn check_folder(&self) -> io::Result<()> {
        let found = std::fs::symlink_metadata(&self.folder)?;
        if found.is_dir() && found.permissions().mode() & 0o077 == 0 && is_ours(&found) {
            return Ok(());
        }
        Err(io::Error::other(format!(
            "{} must be a folder of the server's own user, no link, that nobody else may enter (mode 0700)",
            self.folder.display()
        )))
    }

    /// Takes ownership of files without an owner, whose processes are gone. Oldest first.
    ///
    /// # Errors
    /// When the folder cannot be read. A missing folder is not an error.
    pub fn orphans(&self) -> io::Result<Vec<SpoolFile>> {
        let entries = match std::fs::read_dir(&self.folder) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
            entries => entries?,
        };
        self.check_folder()?;
        let mut found = Vec::new();
        for entry in entries {
            let path = entry?.path();
            let never_named = || ids(&path, NAMELESS).filter(|_| is_older(&path, MOMENT));
            let Some((tenant, import)) = ids(&path, SUFFIX).or_else(never_named) else {
                continue;
            };
            // If it was removed, or locked by another process, in the meantime, it is not an orphan.
            if let Ok(file) = open_own(&path)
                && file.try_lock().is_ok()
                && path.exists()
            {
                let bytes = file.metadata()?.len();
                found.push(self.own(path, file, tenant, import, bytes, true));
            }
        }
        found.sort_by_key(|file| file.import);
        Ok(found)
    }

    fn own(
        &self,
        path: PathBuf,
        file: File,
        tenant: TenantId,
        import: ImportId,
        bytes: u64,
        kept: bool,
    ) -> SpoolFile {
        self.used.files.fetch_add(1, Ordering::Relaxed);
        self.used.bytes.fetch_add(bytes, Ordering::Relaxed);
        self.used.add(tenant, bytes);
        SpoolFile {
            path,
            file,
            tenant,
            import,
            bytes,
            max_bytes: self.max_bytes,
            used: Arc::clone(&self.used),
            kept,
            attempts: 0,
        }
    }
}

/// Opens a regular file of this user: does not follow a symbolic link, and does not block on a FIFO.
fn open_own(path: &Path) -> io::Result<File> {
    let flags = OFlags::NOFOLLOW | OFlags::NONBLOCK;
    let file = OpenOptions::new()
        .read(true)
        .write(true)
        .custom_flags(i32::try_from(flags.bits()).unwrap_or(0))
        .open(path)?;
    let found = file.metadata()?;
    if found.is_file() && is_ours(&found) {
        return Ok(file);
    }
    Err(io::Error::other("it is not the server's own file"))
}

fn is_ours(found: &Metadata) -> bool {
    found.uid() == rustix::process::geteuid().as_raw()
}

/// Whether the file was last modified at least `than` ago.
fn is_older(path: &Path, than: Duration) -> bool {
    let modified = std::fs::symlink_metadata(path).and_then(|found| found.modified());
    let age = modified.ok().and_then(|modified| modified.elapsed().ok());
    age.is_some_and(|age| age >= than)
}

/// The tenant and the import in the name of a spooled file.
fn ids(path: &Path, suffix: &str) -> Option<(TenantId, ImportId)> {
    let name = path.file_name()?.to_str()?.strip_suffix(suffix)?;
    let (tenant, import) = name.split_once('.')?;
    Some((tenant.parse().ok()?, import.parse().ok()?))
}

fn full(why: &'static str) -> RichError {
    RichError::new(ErrorKind::Unavailable, why)
        .with_code("overloaded")
        .with_retry_after(RETRY_AFTER)
        .with_public("There is no room for another file to import. Nothing was kept; send it again later.")
}

fn refused(error: &io::Error) -> RichError {
    RichError::new(ErrorKind::Unavailable, format!("cannot keep a file: {error}"))
        .with_retry_after(RETRY_AFTER)
        .with_public("The file cannot be kept right now. Nothing was changed; send it again later.")
}

/// A file that this process owns.
#[derive(Debug)]
pub struct SpoolFile {
    path: PathBuf,
    file: File,
    tenant: TenantId,
    import: ImportId,
    bytes: u64,
    max_bytes: u64,
    used: Arc<Used>,
    kept: bool,
    /// How often this process has begun its import.
    pub attempts: u32,
}

impl SpoolFile {
    /// The tenant that it belongs to.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// The import that it belongs to.
    #[must_use]
    pub fn import(&self) -> ImportId {
        self.import
    }

    /// Its length, in bytes.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// Time since it was last modified.
    #[must_use]
    pub fn age(&self) -> Duration {
        let modified = self.file.metadata().and_then(|metadata| metadata.modified());
        modified
            .ok()
            .and_then(|modified| modified.elapsed().ok())
            .unwrap_or_default()
    }

    /// A handle to write to. [`Self::reserve`] must count each write before.
    ///
    /// # Errors
    /// `unavailable` when the process cannot open another file.
    pub fn writer(&self) -> Result<tokio::fs::File, RichError> {
        let file = self.file.try_clone().map_err(|error| refused(&error))?;
        Ok(tokio::fs::File::from_std(file))
    }

    /// Reserves room for more bytes.
    ///
    /// # Errors
    /// `overloaded` when there is none, or when the tenant would use more than half of the room.
    pub fn reserve(&mut self, bytes: u64) -> Result<(), RichError> {
        let before = self.used.bytes.fetch_add(bytes, Ordering::Relaxed);
        let of_tenant = self.used.add(self.tenant, bytes);
        self.bytes += bytes;
        if before + bytes > self.max_bytes || of_tenant > self.max_bytes / TENANT_PART {
            return Err(full("no room for more bytes"));
        }
        Ok(())
    }

    /// The error for a write that the disk refused.
    pub fn refused(error: &io::Error) -> RichError {
        refused(error)
    }

    /// Keeps the file until [`Self::remove`], also after this process ends.
    pub fn keep(&mut self) {
        self.kept = true;
    }

    /// A handle to read from, positioned at the start.
    ///
    /// # Errors
    /// Those of the system.
    pub fn reader(&self) -> io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Ok(file)
    }

    /// Deletes the file.
    pub fn remove(mut self) {
        self.kept = false;
    }
}

impl Drop for SpoolFile {
    fn drop(&mut self) {
        self.used.files.fetch_sub(1, Ordering::Relaxed);
        self.used.bytes.fetch_sub(self.bytes, Ordering::Relaxed);
        self.used.take(self.tenant, self.bytes);
        if !self.kept
            && let Err(error) = std::fs::remove_file(&self.path)
        {
            tracing::warn!(%error, path = %self.path.display(), "a file that was imported cannot be removed");
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::atomic::AtomicBool;
    use uuid::Uuid;

    fn named(number: u128) -> (TenantId, ImportId) {
        (Uuid::from_u128(1).into(), Uuid::from_u128(number).into())
    }

    fn spool(folder: &tempfile::TempDir, max_bytes: u64) -> Spool {
        Spool::new(folder.path().join("imports"), max_bytes)
    }

    fn names(folder: &tempfile::TempDir) -> usize {
        std::fs::read_dir(folder.path().join("imports")).map_or(0, Iterator::count)
    }

    #[test]
    fn nobody_finds_a_file_before_it_is_owned() {
        let folder = tempfile::tempdir().unwrap();
        let (mine, others) = (spool(&folder, 1 << 20), spool(&folder, 1 << 20));
        let made = AtomicBool::new(false);
        std::thread::scope(|scope| {
            let looking = scope.spawn(|| {
                let mut found = 0;
                while !made.load(Ordering::Relaxed) {
                    found += others.orphans().unwrap().len();
                }
                found
            });
            let files: Vec<_> = (0..400)
                .map(|number| {
                    let (tenant, import) = named(number);
                    mine.create(tenant, import)
                })
                .collect();
            made.store(true, Ordering::Relaxed);
            assert_eq!(looking.join().unwrap(), 0);
            assert_eq!(files.iter().filter(|file| file.is_err()).count(), 0);
        });
    }

    #[test]
    fn what_is_dropped_before_it_is_kept_is_gone_and_what_is_owned_is_no_orphan() {
        let folder = tempfile::tempdir().unwrap();
        let one = spool(&folder, 100);
        let (tenant, import) = named(2);
        drop(one.create(tenant, import).unwrap());
        assert_eq!(names(&folder), 0);

        let mut file = one.create(tenant, import).unwrap();
        assert!(one.create(tenant, import).is_err(), "it is there");
        file.keep();
        let another = spool(&folder, 100);
        assert!(another.orphans().unwrap().is_empty());
        drop(file);
        let orphans = another.orphans().unwrap();
        assert_eq!(
            orphans
                .iter()
                .map(|file| (file.tenant(), file.import()))
                .collect::<Vec<_>>(),
            [(tenant, import)]
        );
        assert!(one.orphans().unwrap().is_empty(), "taken");
        for orphan in orphans {
            orphan.remove();
        }
        assert_eq!(names(&folder), 0);
    }

    /// A process may be killed before it names its file.
    #[test]
    fn what_was_never_named_is_an_orphan_once_it_is_old() {
        let folder = tempfile::tempdir().unwrap();
        let spool = spool(&folder, 100);
        let (tenant, import) = named(2);
        drop(spool.create(tenant, import).unwrap());
        let left = folder.path().join(format!("imports/{tenant}.{import}.new"));
        std::fs::write(&left, "").unwrap();
        assert!(
            spool.orphans().unwrap().is_empty(),
            "somebody may be about to name it"
        );
        let long_ago = std::time::UNIX_EPOCH + Duration::from_secs(3_600);
        let file = File::options().write(true).open(&left).unwrap();
        file.set_modified(long_ago).unwrap();
        drop(file);
        let orphans = spool.orphans().unwrap();
        assert_eq!(orphans.len(), 1);
        orphans.into_iter().for_each(SpoolFile::remove);
        assert_eq!(names(&folder), 0);
    }

    #[test]
    fn room_is_counted_in_bytes_and_files_and_comes_back() {
        let folder = tempfile::tempdir().unwrap();
        let spool = spool(&folder, 200);
        let (tenant, import) = named(2);
        let mut file = spool.create(tenant, import).unwrap();
        file.reserve(100).unwrap();
        let refused = file.reserve(1).unwrap_err();
        assert_eq!((refused.code(), refused.status()), ("overloaded", 503));
        // Another tenant still has room.
        let neighbour = Uuid::from_u128(99).into();
        spool.create(neighbour, import).unwrap().reserve(99).unwrap();
        drop(file);
        spool.create(tenant, import).unwrap().reserve(100).unwrap();
        assert!(spool.used.by_tenant.lock().unwrap().is_empty());
        let all: Vec<_> = (0..u128::from(MAX_FILES))
            .map(|number| spool.create(tenant, named(number).1).unwrap())
            .collect();
        assert_eq!(
            spool.create(tenant, named(9_999).1).unwrap_err().code(),
            "overloaded"
        );
        drop(all);
        spool.create(tenant, import).unwrap();
    }

    #[test]
    fn a_folder_that_others_may_enter_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let spool = spool(&folder, 100);
        let open = std::fs::Permissions::from_mode(0o755);
        std::fs::create_dir(folder.path().join("imports")).unwrap();
        std::fs::set_permissions(folder.path().join("imports"), open).unwrap();
        let (tenant, import) = named(2);
        assert_eq!(spool.create(tenant, import).unwrap_err().status(), 503);
        assert!(spool.orphans().is_err());
    }

    #[test]
    fn a_folder_that_is_a_link_or_somebody_elses_is_not_used() {
        let folder = tempfile::tempdir().unwrap();
        let spool = spool(&folder, 100);
        let (tenant, import) = named(2);
        let elsewhere = folder.path().join("elsewhere");
        DirBuilder::new().mode(0o700).create(&elsewhere).unwrap();
        std::os::unix::fs::symlink(&elsewhere, folder.path().join("imports")).unwrap();
        assert_eq!(spool.create(tenant, import).unwrap_err().status(), 503);
        assert!(spool.orphans().is_err());
        std::fs::remove_file(folder.path().join("imports")).unwrap();
        // Only root can change the owner of a folder.
        std::fs::rename(&elsewhere, folder.path().join("imports")).unwrap();
        spool.orphans().unwrap();
        if std::os::unix::fs::chown(folder.path().join("imports"), Some(12_345), None).is_ok() {
            assert_eq!(spool.create(tenant, import).unwrap_err().status(), 503);
            assert!(spool.orphans().is_err());
        }
    }

    #[test]
    fn a_file_that_is_a_link_or_somebody_elses_is_not_taken_up() {
        let folder = tempfile::tempdir().unwrap();
        let spool = spool(&folder, 100);
        let (tenant, import) = named(2);
        drop(spool.create(tenant, import).unwrap());
        let victim = folder.path().join("victim");
        std::fs::write(&victim, "precious").unwrap();
        let path = |number| {
            let (tenant, import) = named(number);
            folder
                .path()
                .join("imports")
                .join(format!("{tenant}.{import}{SUFFIX}"))
        };
        std::os::unix::fs::symlink(&victim, path(3)).unwrap();
        std::fs::create_dir(path(5)).unwrap();
        std::fs::write(path(6), "x").unwrap();
        let given = std::os::unix::fs::chown(path(6), Some(12_345), None).is_ok();
        let found = spool.orphans().unwrap();
        assert_eq!(found.len(), usize::from(!given));
        drop(found);
        assert_eq!(std::fs::read_to_string(&victim).unwrap(), "precious");
    }

    #[test]
    fn what_is_none_of_ours_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let spool = spool(&folder, 100);
        drop(spool.create(named(2).0, named(2).1).unwrap());
        for name in ["notes.txt", "x.y.import", ".import"] {
            std::fs::write(folder.path().join("imports").join(name), "x").unwrap();
        }
        assert!(spool.orphans().unwrap().is_empty());
        assert_eq!(names(&folder), 3);
    }
}
