//! `rustok backup`: a copy of the database, made while others use it.

use super::output::{Failure, Format};
use super::{Flags, progress, services};
use rustok_storage::files;
use serde::Serialize;
use std::path::{Path, PathBuf};

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The new file; one that exists is never overwritten
    file: PathBuf,
    #[command(flatten)]
    format: Format,
}

/// A backup that was made or restored.
#[derive(Serialize)]
pub(super) struct Copied {
    pub(super) file: String,
    pub(super) bytes: u64,
}

impl Copied {
    pub(super) fn of(file: &Path, bytes: u64) -> Self {
        Self {
            file: file.display().to_string(),
            bytes,
        }
    }
}

pub(super) async fn run(flags: &Flags, options: Options) -> Result<(), Failure> {
    let services = services(flags).await?;
    if let Some(folder) = files::folder_open_to_others(&options.file) {
        tracing::warn!(
            folder = %folder.display(),
            "others may exchange the backups in this folder: take their rights away (chmod go-w), or use a folder of its own"
        );
    }
    let bar = progress::steps(0);
    let copied = services
        .store
        .backup(&options.file, progress::shown_on(&bar))
        .await;
    bar.finish_and_clear();
    let made = Copied::of(&options.file, copied?);
    options.format.print(&made, |made| {
        format!("{} is a whole, checked copy ({} bytes)", made.file, made.bytes)
    })
}
