//! `rustok restore`: a backup brought back, to where there is nothing yet.

use super::output::{Failure, Format};
use super::{Flags, load, progress};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// What `rustok backup` made, of the same kind of database
    file: PathBuf,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Restored {
    file: String,
    bytes: u64,
}

pub(super) async fn run(flags: &Flags, options: Options) -> Result<(), Failure> {
    let config = load(flags)?.store()?;
    let bar = progress::steps(0);
    let shown = bar.clone();
    let restored = rustok_storage::restore(&config.url, &options.file, move |done, total| {
        shown.set_length(total);
        shown.set_position(done);
    });
    let restored = restored.await;
    bar.finish_and_clear();
    let restored = Restored {
        file: options.file.display().to_string(),
        bytes: restored?,
    };
    options.format.print(&restored, |restored| {
        format!(
            "all of {} is in the database ({} bytes)",
            restored.file, restored.bytes
        )
    })
}
