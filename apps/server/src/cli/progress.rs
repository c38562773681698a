//! How far long work is: a bar on a terminal, nothing in a pipe. Standard output is never touched.

use indicatif::{ProgressBar, ProgressStyle};
use std::io::IsTerminal;

/// A bar on standard error over `total` bytes, or an invisible one when that is not a terminal.
pub(super) fn bytes(total: u64) -> ProgressBar {
    bar(total, "{wide_bar} {bytes}/{total_bytes} {eta}")
}

/// As [`bytes`], over steps of work.
pub(super) fn steps(total: u64) -> ProgressBar {
    bar(total, "{wide_bar} {percent} % {eta}")
}

/// Shows on `bar` what work reports: how much of how much is done.
pub(super) fn shown_on(bar: &ProgressBar) -> impl FnMut(u64, u64) + Send + use<> {
    let bar = bar.clone();
    move |done, total| {
        bar.set_length(total);
        bar.set_position(done);
    }
}

fn bar(total: u64, template: &str) -> ProgressBar {
    if !std::io::stderr().is_terminal() {
        return ProgressBar::hidden();
    }
    let style = ProgressStyle::with_template(template).unwrap_or_else(|_| ProgressStyle::default_bar());
    ProgressBar::new(total).with_style(style)
}
