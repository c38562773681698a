//! Lines as they are written.

use super::*;
use crate::{Incoming, RootSpan, Tracer};
use serde_json::Value;
use std::sync::{Arc, Mutex};
use tracing::subscriber::with_default;
use uuid::Uuid;

const NASTY: &str = "a\nb \"c\" \x1b[31m\u{9b}2J\u{202e}";

fn written(filter: &str, format: LogFormat, log: impl FnOnce()) -> Vec<String> {
    let lines = Arc::new(Mutex::new(Vec::new()));
    let kept = Arc::clone(&lines);
    let subscriber = Lines::new(filter.parse().unwrap(), format, move |line: &str| {
        kept.lock().unwrap().push(line.to_owned());
    });
    with_default(subscriber, log);
    lines.lock().unwrap().clone()
}

fn root() -> RootSpan {
    let root = Tracer::off().root(Incoming::default(), Some("edge-1".into()));
    root.set_tenant(Uuid::from_u128(7));
    root
}

#[test]
fn a_line_of_a_request_says_whose_it_is() {
    let root = root();
    let lines = written("info", LogFormat::Json, || {
        root.run_now(|| tracing::warn!(target: "shop", error = %NASTY, count = 3, ok = true, text = NASTY, "it {NASTY}"));
    });
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert!(
        line.ends_with("}\n") && line.trim_end().bytes().all(|b| b >= b' '),
        "{line}"
    );
    let read: Value = serde_json::from_str(line).unwrap();
    for (name, value) in [
        ("level", Value::from("WARN")),
        ("target", "shop".into()),
        ("message", format!("it {NASTY}").into()),
        ("error", NASTY.into()),
        ("text", NASTY.into()),
        ("count", 3.into()),
        ("ok", true.into()),
        ("trace_id", root.context().trace_id().to_string().into()),
        ("span_id", root.context().span_id().to_string().into()),
        ("request_id", "edge-1".into()),
        ("tenant_id", Uuid::from_u128(7).to_string().into()),
    ] {
        assert_eq!(read[name], value, "{name} of {line}");
    }
    assert!(read["timestamp"].as_str().unwrap().ends_with('Z'));
}

#[test]
fn a_line_for_people_is_one_line_without_escapes_for_their_terminal() {
    let lines = written("info", LogFormat::Text, || {
        root().run_now(|| tracing::error!(target: "shop", code = "internal", error = %NASTY, "it {NASTY}"));
    });
    let [line] = &lines[..] else { panic!("{lines:?}") };
    assert!(
        line.ends_with('\n')
            && !line
                .trim_end()
                .contains(|c: char| c.is_control() || c == '\u{202e}'),
        "{line}"
    );
    assert!(
        line.contains(
            "ERROR shop: it a\\nb \\\"c\\\" \\u001b[31m\\u009b2J\\u202e code=internal error=\"a\\nb"
        ),
        "{line}"
    );
    assert!(line.contains(" request_id=edge-1 tenant_id=00000000-"), "{line}");
}

#[test]
fn what_an_event_says_itself_is_said_once() {
    let lines = written("info", LogFormat::Json, || {
        root().run_now(|| tracing::info!(tenant_id = "another", "x"));
    });
    assert_eq!(lines[0].matches("tenant_id").count(), 1);
    assert!(
        lines[0].contains("\"another\"") && lines[0].contains("\"trace_id\""),
        "{}",
        lines[0]
    );
}

#[test]
fn the_filter_decides_what_is_written_and_only_that_is_counted() {
    let before = log_lines();
    let lines = written("warn,shop=debug", LogFormat::Json, || {
        tracing::info!(target: "other", "no");
        tracing::debug!(target: "shop::orders", "yes");
        tracing::trace!(target: "shop", "no");
        // Not a line, whatever the filter says.
        tracing::warn!(target: "rustok.trace", "no");
    });
    assert_eq!(lines.len(), 1, "{lines:?}");
    // Other tests write too.
    let [.., ("debug", debug), _] = log_lines() else {
        panic!("{before:?}")
    };
    assert!(debug > before[3].1);
    assert!(init_log("no such=level", LogFormat::Json).is_err());
}
