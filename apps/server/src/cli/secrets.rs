//! `rustok secrets`: the key that seals what must be read again (docs/adr/0039). A key is printed once and kept nowhere.

use super::output::{Failure, Format, line};
use super::{Flags, platform, services};
use clap::Subcommand;
use rustok_app::secrets::SecretKey;
use rustok_app::{mail, people};
use serde::Serialize;

#[derive(Debug, Subcommand)]
pub(super) enum Command {
    /// Print a new key for RUSTOK_SECRET_KEY
    Generate,
    /// Seal again under RUSTOK_SECRET_KEY what a key of RUSTOK_SECRET_KEY_OLD sealed, while servers run
    Rotate(Format),
}

#[derive(Serialize)]
struct Rotated {
    sealed_again: u64,
}

pub(super) async fn run(flags: &Flags, command: Command) -> Result<(), Failure> {
    match command {
        Command::Generate => line(SecretKey::generate()),
        Command::Rotate(format) => {
            let platform = platform(&services(flags).await?);
            let rotated = Rotated {
                sealed_again: mail::seal_again(&platform).await?
                    + people::seal_seeds_again(&platform).await?,
            };
            format.print(&rotated, |rotated| {
                format!("{} records are sealed under the new key", rotated.sealed_again)
            })
        }
    }
}
