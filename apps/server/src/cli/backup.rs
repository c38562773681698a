//! `rustok backup`: a copy of the database, made while others use it.

use super::output::{Failure, Format};
use super::{Flags, progress, services};
use serde::Serialize;
use std::path::PathBuf;

#[derive(Debug, clap::Args)]
pub(super) struct Options {
    /// The new file; one that exists is never overwritten
    file: PathBuf,
    #[command(flatten)]
    format: Format,
}

#[derive(Serialize)]
struct Made {
    file: String,
    bytes: u64,
}

pub(super) async fn run(flags: &Flags, options: Options) -> Result<(), Failure> {
    let services = services(flags).await?;
    let bar = progress::steps(0);
    let shown = bar.clone();
    let copied = services.store.backup(&options.file, move |done, total| {
        shown.set_length(total);
        shown.set_position(done);
    });
    let copied = copied.await;
    bar.finish_and_clear();
    let made = Made {
        file: options.file.display().to_string(),
        bytes: copied?,
    };
    options.format.print(&made, |made| {
        format!("{} is a whole, checked copy ({} bytes)", made.file, made.bytes)
    })
}
