//! `rustok restore`: a backup brought back, to where there is nothing yet.

use super::backup::Copied;
use super::output::{Failure, Format};
use super::{Flags, load, progress};
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// What `rustok backup` made, of the same kind of database
    file: PathBuf,
    #[command(flatten)]
    format: Format,
}

pub(super) async fn run(flags: &Flags, options: Options) -> Result<(), Failure> {
    let config = load(flags)?.store()?;
    let bar = progress::steps(0);
    let restored = rustok_storage::restore(&config.url, &options.file, progress::shown_on(&bar)).await;
    bar.finish_and_clear();
    let restored = Copied::of(&options.file, restored?);
    options.format.print(&restored, |restored| {
        format!(
            "all of {} is in the database ({} bytes)",
            restored.file, restored.bytes
        )
    })
}
