//! Metrics of this process from the operating system, under the names common to all exporters. On systems without
//! Linux' `/proc` that part is omitted.

use super::Samples;
use rustix::time::{ClockId, clock_gettime};
use std::fmt;

/// Writes the process metrics; `started` is in seconds since 1970.
///
/// # Errors
/// Those of [`Samples::value`].
pub fn process(samples: &mut Samples<'_>, started: f64) -> fmt::Result {
    let used = clock_gettime(ClockId::ProcessCPUTime);
    let used = std::time::Duration::try_from(used).unwrap_or_default();
    samples.value("process_cpu_seconds_total", used.as_secs_f64())?;
    samples.value("process_start_time_seconds", started)?;
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    for (name, field, unit) in [
        ("process_resident_memory_bytes", "VmRSS:", 1_024),
        ("process_virtual_memory_bytes", "VmSize:", 1_024),
        ("process_threads", "Threads:", 1),
    ] {
        if let Some(value) = number_after(&status, field) {
            samples.value(name, value.saturating_mul(unit))?;
        }
    }
    if let Ok(files) = std::fs::read_dir("/proc/self/fd") {
        // One of them is the directory handle of this listing.
        samples.value("process_open_fds", files.count().saturating_sub(1))?;
    }
    let limits = std::fs::read_to_string("/proc/self/limits").unwrap_or_default();
    if let Some(most) = number_after(&limits, "Max open files") {
        samples.value("process_max_fds", most)?;
    }
    Ok(())
}

/// The number after `field` at the start of a line.
fn number_after(text: &str, field: &str) -> Option<u64> {
    let rest = text.lines().find_map(|line| line.strip_prefix(field))?;
    rest.split_whitespace().next()?.parse().ok()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::metrics::{Form, expose};

    #[test]
    fn the_process_has_memory_threads_and_files() {
        let text = expose(Form::Plain, |samples| process(samples, 1.25)).unwrap();
        let value = |name: &str| -> f64 {
            let line = text
                .lines()
                .find(|line| line.starts_with(&format!("{name} ")))
                .unwrap();
            line.rsplit(' ').next().unwrap().parse().unwrap()
        };
        assert!(value("process_cpu_seconds_total") > 0.0);
        assert!(value("process_resident_memory_bytes") > 1e5);
        assert!(value("process_virtual_memory_bytes") >= value("process_resident_memory_bytes"));
        assert!(value("process_threads") >= 1.0);
        assert!(value("process_open_fds") >= 3.0);
        assert!(value("process_max_fds") >= value("process_open_fds"));
        assert!((value("process_start_time_seconds") - 1.25).abs() < 1e-9);
    }
}
