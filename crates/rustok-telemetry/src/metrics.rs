//! Metrics in Prometheus' text form.

use std::fmt::Write as _;

/// Appends one gauge with its help text. Label values are escaped.
pub fn write_gauge(out: &mut String, name: &str, help: &str, labels: &[(&str, &str)], value: i64) {
    let labels = labels
        .iter()
        .map(|(key, value)| {
            format!(
                "{key}=\"{}\"",
                value
                    .replace('\\', "\\\\")
                    .replace('"', "\\\"")
                    .replace('\n', "\\n")
            )
        })
        .collect::<Vec<_>>()
        .join(",");
    // Writing to a String cannot fail.
    let _ = writeln!(
        out,
        "# HELP {name} {help}\n# TYPE {name} gauge\n{name}{{{labels}}} {value}"
    );
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn labels_are_escaped() {
        let mut out = String::new();
        write_gauge(&mut out, "up", "Up.", &[("a", "x\"y\\")], 1);
        assert!(out.ends_with("up{a=\"x\\\"y\\\\\"} 1\n"), "{out}");
    }
}
