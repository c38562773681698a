//! Imports over HTTP: uploaded files that wait in this process to be imported.
//!
//! A request only receives the file and creates its import (`upload.rs`); a worker of the program runs it. The two
//! share nothing but the file and its database row.

pub mod spool;
pub mod upload;

use rustok_core::error::{ErrorKind, RichError};
use rustok_core::ids::TenantId;
use spool::{Spool, SpoolFile};
use std::collections::{HashMap, HashSet, VecDeque};
use std::path::PathBuf;
use std::sync::{Mutex, MutexGuard, PoisonError};
use std::time::Duration;
use tokio::sync::Notify;

/// Maximum number of concurrent uploads per tenant.
const UPLOADS_OF_A_TENANT: usize = 2;

/// The settings of imports over HTTP.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct ImportSettings {
    /// The folder for received files; created when it is needed.
    pub folder: PathBuf,
    /// The maximum total size of the files in the folder, in bytes.
    pub max_folder_bytes: u64,
    /// The maximum size of one file, in bytes.
    pub max_bytes: u64,
    /// The maximum number of imports of one tenant that wait or run.
    pub max_per_tenant: u64,
    /// After which time without a sign of its server an import has failed.
    pub lease: Duration,
}

impl ImportSettings {
    /// The default limits, with files in this folder.
    #[must_use]
    pub const fn in_folder(folder: PathBuf) -> Self {
        Self {
            folder,
            max_folder_bytes: 4 << 30,
            max_bytes: 256 << 20,
            max_per_tenant: 10,
            lease: Duration::from_secs(300),
        }
    }
}

/// The files of this process: waiting, and being received.
#[derive(Debug)]
pub struct Imports {
    /// The settings.
    pub settings: ImportSettings,
    /// The folder that holds them.
    pub spool: Spool,
    /// Notified whenever a file is queued.
    pub came: Notify,
    waiting: Mutex<VecDeque<SpoolFile>>,
    /// Tenants with waiting files that have had a turn, the most recent one last.
    served: Mutex<Vec<TenantId>>,
    receiving: Mutex<HashMap<TenantId, usize>>,
}

fn locked<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Imports {
    /// Creates an empty queue.
    #[must_use]
    pub fn new(settings: ImportSettings) -> Self {
        Self {
            spool: Spool::new(settings.folder.clone(), settings.max_folder_bytes),
            settings,
            came: Notify::new(),
            waiting: Mutex::default(),
            served: Mutex::default(),
            receiving: Mutex::default(),
        }
    }

    /// Queues a file.
    pub fn push(&self, file: SpoolFile) {
        locked(&self.waiting).push_back(file);
        self.came.notify_one();
    }

    /// Removes and returns the next file of a tenant that is not `busy`. Tenants take turns: after each of its files,
    /// a tenant goes behind all other tenants.
    #[must_use]
    pub fn next(&self, busy: &HashSet<TenantId>) -> Option<SpoolFile> {
        let mut waiting = locked(&self.waiting);
        let mut served = locked(&self.served);
        served.retain(|tenant| waiting.iter().any(|file| file.tenant() == *tenant));
        let turn = |file: &SpoolFile| served.iter().position(|tenant| *tenant == file.tenant());
        let (at, tenant) = waiting
            .iter()
            .enumerate()
            .filter(|(_, file)| !busy.contains(&file.tenant()))
            .min_by_key(|(at, file)| (turn(file), *at))
            .map(|(at, file)| (at, file.tenant()))?;
        served.retain(|served| *served != tenant);
        served.push(tenant);
        waiting.remove(at)
    }

    /// Removes and returns all waiting files. The caller puts those that still wait back with [`Imports::push`].
    #[must_use]
    pub fn take_all(&self) -> VecDeque<SpoolFile> {
        std::mem::take(&mut *locked(&self.waiting))
    }

    /// Counts an upload of a tenant until the returned value is dropped.
    ///
    /// # Errors
    /// `too_many_imports` when the tenant already has the maximum number of uploads in progress.
    pub fn receive(&self, tenant: TenantId) -> Result<Receiving<'_>, RichError> {
        let mut receiving = locked(&self.receiving);
        let count = receiving.entry(tenant).or_default();
        if *count >= UPLOADS_OF_A_TENANT {
            return Err(RichError::new(ErrorKind::RateLimited, "too many uploads at once")
                .with_code("too_many_imports")
                .with_retry_after(Duration::from_secs(30))
                .with_public(format!(
                    "{UPLOADS_OF_A_TENANT} files to import are being received already. Send this one after them."
                )));
        }
        *count += 1;
        drop(receiving);
        Ok(Receiving {
            imports: self,
            tenant,
        })
    }
}

/// An upload in progress.
#[derive(Debug)]
#[must_use]
pub struct Receiving<'a> {
    imports: &'a Imports,
    tenant: TenantId,
}

impl Drop for Receiving<'_> {
    fn drop(&mut self) {
        let mut receiving = locked(&self.imports.receiving);
        if let Some(count) = receiving.get_mut(&self.tenant) {
            *count -= 1;
            if *count == 0 {
                receiving.remove(&self.tenant);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use uuid::Uuid;

    fn imports(folder: &tempfile::TempDir) -> Imports {
        Imports::new(ImportSettings {
            folder: folder.path().join("imports"),
            max_folder_bytes: 1 << 20,
            max_bytes: 1 << 20,
            max_per_tenant: 10,
            lease: Duration::from_secs(300),
        })
    }

    fn tenant(number: u128) -> TenantId {
        Uuid::from_u128(number).into()
    }

    #[test]
    fn a_tenant_that_is_busy_does_not_hold_up_the_others() {
        let folder = tempfile::tempdir().unwrap();
        let imports = imports(&folder);
        for (owner, number) in [(1, 11), (1, 12), (2, 13)] {
            let file = imports
                .spool
                .create(tenant(owner), Uuid::from_u128(number).into());
            imports.push(file.unwrap());
        }
        let next = |busy: &[u128]| {
            let busy = busy.iter().map(|number| tenant(*number)).collect();
            imports.next(&busy).map(|file| file.import().as_uuid().as_u128())
        };
        assert_eq!(next(&[1]), Some(13));
        assert_eq!(next(&[]), Some(11));
        assert_eq!(next(&[1]), None);
        assert_eq!(next(&[2]), Some(12));
    }

    #[test]
    fn tenants_take_turns() {
        let folder = tempfile::tempdir().unwrap();
        let imports = imports(&folder);
        for (owner, number) in [(1, 11), (1, 12), (1, 13), (2, 21), (2, 22), (3, 31)] {
            let file = imports
                .spool
                .create(tenant(owner), Uuid::from_u128(number).into());
            imports.push(file.unwrap());
        }
        let next = || {
            let file = imports.next(&HashSet::new())?;
            Some(file.import().as_uuid().as_u128())
        };
        let order: Vec<_> = std::iter::from_fn(next).collect();
        assert_eq!(order, [11, 21, 31, 12, 22, 13]);
    }

    #[test]
    fn so_many_files_of_a_tenant_are_received_at_once() {
        let folder = tempfile::tempdir().unwrap();
        let imports = imports(&folder);
        let first = imports.receive(tenant(1)).unwrap();
        let _second = imports.receive(tenant(1)).unwrap();
        let refused = imports.receive(tenant(1)).unwrap_err();
        assert_eq!((refused.status(), refused.code()), (429, "too_many_imports"));
        let _other = imports.receive(tenant(2)).unwrap();
        drop(first);
        let _third = imports.receive(tenant(1)).unwrap();
    }
}
