//! How a command answers: a line for people, JSON with `--json`, and why it failed.

use rustok_core::error::RichError;
use rustok_storage::StoreError;
use serde::Serialize;
use std::io::Write;
use std::process::ExitCode;

/// Why a command did not do what it was asked for.
#[derive(Debug)]
pub(super) struct Failure {
    message: String,
    code: u8,
}

impl Failure {
    /// It was asked well, but it did not work: exit code 1.
    pub(super) fn new(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: 1,
        }
    }

    /// It was asked wrongly: exit code 2.
    pub(super) fn usage(message: impl Into<String>) -> Self {
        Self {
            message: message.into(),
            code: 2,
        }
    }

    pub(super) fn exit_code(&self) -> ExitCode {
        ExitCode::from(self.code)
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        Self::new(error.to_string())
    }
}

impl From<RichError> for Failure {
    fn from(error: RichError) -> Self {
        let response = error.to_response();
        if response.code() == "tenant_not_found" {
            // The public sentence speaks of an address; on the command line nobody went to one.
            return Self::new("there is no such tenant; `rustok tenant list` shows all");
        }
        let mut message = response.detail().to_owned();
        for violation in response.violations() {
            message.push_str(&format!("\n  {}: {}", violation.pointer, violation.detail));
        }
        // People who run commands run the server: they may see internal details.
        if response.status() >= 500 {
            let mut source = std::error::Error::source(&error);
            while let Some(inner) = source {
                message.push_str(&format!("\n  because: {inner}"));
                source = inner.source();
            }
        }
        Self::new(message)
    }
}

impl From<std::io::Error> for Failure {
    fn from(error: std::io::Error) -> Self {
        Self::new(error.to_string())
    }
}

/// Writes to standard error what went wrong.
pub(super) fn complain(failure: &Failure) {
    // Nobody is left to tell when standard error is closed.
    let _ = writeln!(std::io::stderr(), "error: {}", failure.message);
}

/// One line on standard output. A reader that went away is no failure.
pub(super) fn line(text: impl AsRef<str>) -> Result<(), Failure> {
    match writeln!(std::io::stdout().lock(), "{}", text.as_ref()) {
        Err(error) if error.kind() != std::io::ErrorKind::BrokenPipe => Err(error.into()),
        _ => Ok(()),
    }
}

/// A value as JSON on standard output.
pub(super) fn json<T: Serialize>(value: &T) -> Result<(), Failure> {
    line(serde_json::to_string_pretty(value).map_err(|error| Failure::new(error.to_string()))?)
}

/// `--json` on a command that prints a result.
#[derive(Debug, Clone, Copy, Default, clap::Args)]
pub(super) struct Format {
    /// Print the result as JSON
    #[arg(long)]
    json: bool,
}

impl Format {
    /// Prints `value` as JSON or as `text` has it.
    pub(super) fn print<T: Serialize>(
        self,
        value: &T,
        text: impl FnOnce(&T) -> String,
    ) -> Result<(), Failure> {
        if self.json { json(value) } else { line(text(value)) }
    }
}
