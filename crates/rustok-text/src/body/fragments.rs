//! The table `fragments.txt`: editors' source, the expected output, and what is reported as removed.

use super::{BodyFormat, render_html, sanitise_html};

/// One row of the table.
pub(super) struct Fragment {
    pub(super) format: BodyFormat,
    pub(super) why: String,
    pub(super) written: String,
    shown: String,
    removed: Vec<String>,
}

/// All rows of the table.
pub(super) fn table() -> Vec<Fragment> {
    let mut rows: Vec<Fragment> = Vec::new();
    for line in include_str!("fragments.txt").lines() {
        if line.starts_with('#') || line.is_empty() {
            continue;
        }
        if let Some((format, why)) = line.strip_prefix('[').and_then(|line| line.split_once("] ")) {
            rows.push(Fragment {
                format: format.parse().unwrap(),
                why: why.to_owned(),
                written: String::new(),
                shown: String::new(),
                removed: Vec::new(),
            });
            continue;
        }
        let (key, text) = line.split_once(": ").unwrap();
        let text = text.replace("\\n", "\n");
        let row = rows.last_mut().unwrap();
        match key {
            "w" => row.written = text,
            "s" if text == "=" => row.shown.clone_from(&row.written),
            "s" => row.shown = text,
            "r" => row.removed.push(text),
            other => panic!("{other} in {}", row.why),
        }
    }
    rows
}

#[test]
fn what_editors_write_survives_and_what_does_not_is_named() {
    let mut wrong = Vec::new();
    for row in table() {
        let rendered = render_html(row.format, &row.written).unwrap();
        let removed: Vec<String> = rendered
            .removed
            .entries()
            .iter()
            .map(ToString::to_string)
            .collect();
        if rendered.html != row.shown || removed != row.removed {
            wrong.push(format!(
                "{}\n  written  {:?}\n  shown    {:?}\n  expected {:?}\n  removed  {removed:?}\n  expected {:?}",
                row.why, row.written, rendered.html, row.shown, row.removed
            ));
        }
    }
    assert!(wrong.is_empty(), "{} rows:\n{}", wrong.len(), wrong.join("\n"));
}

#[test]
fn the_table_is_large_and_says_each_thing_once() {
    let rows = table();
    assert!(rows.len() >= 110, "{} rows", rows.len());
    let mut reasons: Vec<&str> = rows.iter().map(|row| row.why.as_str()).collect();
    reasons.sort_unstable();
    reasons.dedup();
    assert_eq!(reasons.len(), rows.len());
}

#[test]
fn what_was_sanitised_stays_as_it_is_and_loses_nothing_more() {
    for row in table() {
        let once = render_html(row.format, &row.written).unwrap().html;
        let twice = sanitise_html(&once).unwrap();
        assert_eq!(twice.html, once, "{}", row.why);
        assert_eq!(twice.removed.entries(), [], "{}", row.why);
    }
}
