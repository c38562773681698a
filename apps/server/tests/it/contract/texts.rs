//! One rule for the texts that people send: every string of every body of the API document is sent with characters that
//! no shop means, and comes back without them or is refused where it stands.

use super::obeyed::Walk;
use crate::isolation::calls::call;
use crate::isolation::document::Operation;
use crate::isolation::world::{Answer, Filled, Wall, World};
use serde_json::{Value, json};

/// Markup is kept as it was written; its HTML is shown safe.
const MARKUP: [&str; 2] = ["body", "description_html"];

/// No text but markup may have as many characters.
const LONG: usize = 1_000_000;

/// What is done to a text, and what must not come back.
type Case = (&'static str, fn(&str) -> String, &'static str);
const CASES: [Case; 6] = [
    ("NUL", |text| inside(text, '\0'), "\0"),
    ("a control character", |text| inside(text, '\u{b}'), "\u{b}"),
    ("a bidi override", |text| inside(text, '\u{202e}'), "\u{202e}"),
    ("a line separator", |text| inside(text, '\u{2028}'), "\u{2028}"),
    (
        "nothing that is seen",
        |_| "\u{200b}\u{feff} \u{2060}".to_owned(),
        "\u{200b}",
    ),
    (
        "spaces around it",
        |text| format!(" \u{a0}{text}\u{3000} "),
        "\u{3000}",
    ),
];

fn inside(text: &str, c: char) -> String {
    let middle = text.chars().count() / 2;
    let (before, after): (Vec<_>, Vec<_>) = text.chars().enumerate().partition(|(at, _)| *at < middle);
    let text = |part: Vec<(usize, char)>| part.into_iter().map(|(_, c)| c).collect::<String>();
    format!("{}{c}{}", text(before), text(after))
}

/// Whether a string of an answer has `unwanted`, and where; markup aside.
fn has(value: &Value, unwanted: &str) -> Option<String> {
    match value {
        Value::String(text) => text.contains(unwanted).then(|| text.clone()),
        Value::Array(items) => items.iter().find_map(|item| has(item, unwanted)),
        Value::Object(members) => members
            .iter()
            .filter(|(name, _)| !MARKUP.contains(&name.as_str()) && *name != "body_html")
            .find_map(|(name, member)| Some(format!("{name}: {}", has(member, unwanted)?))),
        _ => None,
    }
}

/// What cannot be the right credential is refused like each wrong one.
const WRONG_CREDENTIAL: [&str; 2] = ["sign_in_failed", "invitation_not_found"];

/// Whether an answer is a refusal of what stands at `pointer`, or of what it stands in.
fn is_refused_at(answer: &Answer, pointer: &str) -> bool {
    let problem = answer.json();
    if problem["code"]
        .as_str()
        .is_some_and(|code| WRONG_CREDENTIAL.contains(&code))
    {
        return true;
    }
    let at = format!("#{pointer}/");
    let errors = problem["errors"].as_array().into_iter().flatten();
    let mut told = errors.filter_map(|error| error["pointer"].as_str());
    matches!(answer.status, 400 | 422) && told.any(|told| told != "#" && at.starts_with(&format!("{told}/")))
}

/// A text of the kind that the call sends at `pointer`.
fn usual(operation: &Operation, body: &Value, pointer: &str, name: &str) -> String {
    let sent = body.pointer(pointer).and_then(Value::as_str).map(str::to_owned);
    let other = || match super::obeyed::value(&operation.id, name) {
        Some(Value::String(text)) => Some(text),
        Some(Value::Array(items)) => items.first().and_then(Value::as_str).map(str::to_owned),
        _ => None,
    };
    sent.or_else(other).unwrap_or_else(|| "Text".to_owned())
}

fn set(call: &mut Filled, pointer: &str, text: &str) {
    let (above, name) = pointer.rsplit_once('/').unwrap();
    let body = call.body.as_mut().unwrap();
    if name.bytes().all(|b| b.is_ascii_digit()) {
        let (above, name) = above.rsplit_once('/').unwrap();
        body.pointer_mut(above).unwrap()[name] = json!([text]);
    } else {
        body.pointer_mut(above).unwrap()[name] = json!(text);
    }
}

async fn try_text(walk: &Walk<'_>, operation: &Operation, pointer: &str, faults: &mut Vec<String>) {
    let parts: Vec<&str> = pointer.split('/').collect();
    let is_index = |part: &&&str| part.bytes().all(|b| b.is_ascii_digit());
    let name = parts.iter().rev().find(|part| !is_index(part)).unwrap();
    let is_markup = MARKUP.contains(name);
    for (what, change, unwanted) in CASES {
        let answer = walk
            .send(operation, |call| {
                let usual = usual(operation, call.body.as_ref().unwrap(), pointer, name);
                set(call, pointer, &change(&usual));
            })
            .await;
        let fault = match answer.is_ok() {
            true if unwanted == "\0" => Some("was taken".to_owned()),
            true if is_markup => None,
            true => has(&answer.json(), unwanted),
            false if is_refused_at(&answer, pointer) => None,
            false => Some(format!("{} {}", answer.status, answer.body)),
        };
        faults.extend(fault.map(|fault| format!("{} {pointer} with {what}: {fault}", operation.id)));
    }
    let long = walk
        .send(operation, |call| set(call, pointer, &"x".repeat(LONG)))
        .await;
    // What stands before the file of an import is bounded as a whole.
    let is_form = operation.takes_file && long.status == 413;
    let is_stored = is_markup && long.is_ok();
    if !(is_refused_at(&long, pointer) || is_form || is_stored) {
        let told: String = long.body.chars().take(400).collect();
        faults.push(format!(
            "{} {pointer} of {LONG} characters: {} {told}",
            operation.id, long.status
        ));
    }
}

async fn every_text(wall: Wall) {
    let world = World::open(wall.database().await, wall).await;
    let walk = Walk::new(&world);
    let (mut faults, mut tried) = (Vec::new(), 0);
    for operation in &world.document.operations {
        let Some(body) = call(&operation.id).unwrap().body else {
            continue;
        };
        for pointer in world.document.texts(operation, &body) {
            // The file of an import is no text.
            if pointer != "/file" {
                try_text(&walk, operation, &pointer, &mut faults).await;
                tried += 1;
            }
        }
    }
    assert!(tried > 60, "{tried}");
    assert!(
        faults.is_empty(),
        "{} of {tried}:\n{}",
        faults.len(),
        faults.join("\n")
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_text_is_cleaned_or_refused_on_sqlite() {
    every_text(Wall::SqliteFilter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_text_is_cleaned_or_refused_on_postgres() {
    every_text(Wall::Both).await;
}
