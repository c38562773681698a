//! Files that were sent to be imported, on the disk of the process that received them.
//!
//! Whoever has a file's lock owns it, and the system frees the lock when its process ends, however it ends: so several
//! servers may share a folder, and what one leaves behind is taken up by the next. Nothing here knows what is in a file.

use rustix::fs::OFlags;
use rustok_core::error::{ErrorKind, RichError};
use rustok_core::ids::{ImportId, TenantId};
use std::collections::HashMap;
use std::fs::{DirBuilder, File, Metadata, OpenOptions};
use std::io::{self, Seek as _};
use std::os::unix::fs::{DirBuilderExt as _, MetadataExt as _, OpenOptionsExt as _, PermissionsExt as _};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

/// What the names of our files end with.
const SUFFIX: &str = ".import";
/// What they end with before they are named, for a moment; for longer where a process was killed in it.
const NAMELESS: &str = ".new";
const MOMENT: Duration = Duration::from_secs(60);
/// How many files there may be at once, whatever their size: each is open.
const MAX_FILES: u64 = 512;
/// How long a client should wait when there is no room.
const RETRY_AFTER: Duration = Duration::from_secs(60);

/// The folder, and how much of it is used by this process.
#[derive(Debug)]
pub struct Spool {
    folder: PathBuf,
    max_bytes: u64,
    used: Arc<Used>,
}

/// The part of the folder that one tenant may fill.
const TENANT_PART: u64 = 2;

#[derive(Debug, Default)]
struct Used {
    bytes: AtomicU64,
    files: AtomicU64,
    by_tenant: Mutex<HashMap<TenantId, u64>>,
}

impl Used {
    /// How many bytes a tenant has after so many more.
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
    /// At most `max_bytes` are kept in `folder`, which is made when it is needed.
    #[must_use]
    pub fn new(folder: PathBuf, max_bytes: u64) -> Self {
        Self {
            folder,
            max_bytes,
            used: Arc::default(),
        }
    }

    /// An empty file, which is gone when it is dropped before [`SpoolFile::keep`].
    ///
    /// # Errors
    /// `overloaded` when there are too many, `unavailable` when the disk refuses.
    pub fn create(&self, tenant: TenantId, import: ImportId) -> Result<SpoolFile, RichError> {
        if self.used.files.load(Ordering::Relaxed) >= MAX_FILES {
            return Err(full("too many files"));
        }
        let path = self.folder.join(format!("{tenant}.{import}{SUFFIX}"));
        let create = || {
            self.make_folder()?;
            // Locked before it has its name: whoever looks for orphans would else find one that nobody owns yet.
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

    /// The folder is nobody else's: what lies in it becomes products and pages.
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

    /// Files that nobody owns: their processes are gone. Oldest first.
    ///
    /// # Errors
    /// When the folder cannot be read. That there is none is no error.
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
            // Gone, or another's, in this moment: then it is no orphan.
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

/// Opens a file that this user put there: no link, and nothing that waits for somebody.
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

/// Whether a file was written to last before so long a time.
fn is_older(path: &Path, than: Duration) -> bool {
    let modified = std::fs::symlink_metadata(path).and_then(|found| found.modified());
    let age = modified.ok().and_then(|modified| modified.elapsed().ok());
    age.is_some_and(|age| age >= than)
}

/// Tenant and import of a file of ours.
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
    /// How often its import was begun by this process.
    pub attempts: u32,
}

impl SpoolFile {
    /// Whose it is.
    #[must_use]
    pub fn tenant(&self) -> TenantId {
        self.tenant
    }

    /// What it is imported as.
    #[must_use]
    pub fn import(&self) -> ImportId {
        self.import
    }

    /// Its length.
    #[must_use]
    pub fn bytes(&self) -> u64 {
        self.bytes
    }

    /// How long ago it was written to.
    #[must_use]
    pub fn age(&self) -> Duration {
        let modified = self.file.metadata().and_then(|metadata| metadata.modified());
        modified
            .ok()
            .and_then(|modified| modified.elapsed().ok())
            .unwrap_or_default()
    }

    /// What to write to; each write is counted by [`Self::reserve`] before.
    ///
    /// # Errors
    /// `unavailable` when the process may open nothing more.
    pub fn writer(&self) -> Result<tokio::fs::File, RichError> {
        let file = self.file.try_clone().map_err(|error| refused(&error))?;
        Ok(tokio::fs::File::from_std(file))
    }

    /// Takes room for more bytes.
    ///
    /// # Errors
    /// `overloaded` when there is none, or its tenant has half of it already.
    pub fn reserve(&mut self, bytes: u64) -> Result<(), RichError> {
        let before = self.used.bytes.fetch_add(bytes, Ordering::Relaxed);
        let of_tenant = self.used.add(self.tenant, bytes);
        self.bytes += bytes;
        if before + bytes > self.max_bytes || of_tenant > self.max_bytes / TENANT_PART {
            return Err(full("no room for more bytes"));
        }
        Ok(())
    }

    /// The error for a disk that refused a write.
    pub fn refused(error: &io::Error) -> RichError {
        refused(error)
    }

    /// From here on it stays until [`Self::remove`], also when this process ends.
    pub fn keep(&mut self) {
        self.kept = true;
    }

    /// What to read from, from the start.
    ///
    /// # Errors
    /// Those of the system.
    pub fn reader(&self) -> io::Result<File> {
        let mut file = self.file.try_clone()?;
        file.rewind()?;
        Ok(file)
    }

    /// It is not needed any more.
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

    /// A process may be killed before it has named its file.
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
        // A neighbour has room still.
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
        // Only the superuser can give a folder away.
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
