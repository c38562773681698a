//! Who may call what, compared with `role_matrix.txt`.

use super::calls::call;
use super::world::{World, is_session};
use std::collections::BTreeMap;

/// The decided table, for people to read and change.
const MATRIX: &str = include_str!("../../role_matrix.txt");
const CALLERS: [&str; 11] = [
    "none", "wrong", "other", "viewer", "editor", "admin", "platform", "owner", "manager", "author",
    "support",
];

/// The rows of the file: what each caller gets, by operation.
fn decided() -> BTreeMap<&'static str, Vec<&'static str>> {
    let mut rows = BTreeMap::new();
    let lines = MATRIX
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    for line in lines {
        let mut words = line.split_whitespace();
        let operation = words.next().unwrap();
        let answers: Vec<_> = words.collect();
        assert_eq!(answers.len(), CALLERS.len(), "role_matrix.txt: {line}");
        assert!(
            rows.insert(operation, answers).is_none(),
            "role_matrix.txt: {operation} stands twice"
        );
    }
    rows
}

/// A well-formed token that nobody has.
fn unknown_token() -> String {
    format!("rtk_{}", "A".repeat(43))
}

/// Tries every operation as everybody and compares with the file, both ways.
pub(super) async fn check(world: &World) {
    let mut decided = decided();
    let mut differing = Vec::new();
    for operation in &world.document.operations {
        let Some(call) = call(&operation.id) else {
            panic!(
                "{}: write how it is called into tests/it/isolation/calls.rs",
                operation.id
            );
        };
        let (wrong, ours) = (unknown_token(), &world.ours);
        let tokens = [
            None,
            Some(wrong.as_str()),
            Some(&world.theirs.admin),
            Some(&ours.viewer),
            Some(&ours.editor),
            Some(&ours.admin),
            Some(&world.platform),
            Some(&ours.sessions[0]),
            Some(&ours.sessions[1]),
            Some(&ours.sessions[2]),
            Some(&ours.sessions[3]),
        ];
        let mut seen = Vec::new();
        for (caller, token) in CALLERS.into_iter().zip(tokens) {
            // These calls bring the session of a member along, or would end the caller's.
            let token =
                token.filter(|token| !(is_session(token) && (operation.needs_session || operation.is_open)));
            let values = world.values(ours, &call).await;
            let answer = world
                .send(ours, token, operation, &world.fill(operation, &call, &values))
                .await;
            // The platform sees its tenants, and that is all it sees.
            let shown = format!("{:?} {}", answer.headers, answer.body);
            let canaries = world.canaries_in(&shown);
            let lists_tenants = operation.is_platform() && caller == "platform";
            assert!(
                canaries.is_empty() || lists_tenants,
                "{} as {caller}: {canaries:?} in {answer:#?}",
                operation.id
            );
            if answer.is_ok() && !operation.is_read() {
                world.spend(ours, &call);
            }
            seen.push(if answer.is_ok() {
                "ok".to_owned()
            } else {
                answer.status.to_string()
            });
        }
        if decided
            .remove(operation.id.as_str())
            .is_none_or(|row| row != seen)
        {
            differing.push(row(&operation.id, &seen));
        }
    }
    let gone: Vec<_> = decided.keys().collect();
    assert!(
        differing.is_empty() && gone.is_empty(),
        "apps/server/tests/role_matrix.txt is not what the server does. If the server is right, edit the file: put these \
         rows in (they are what was seen)\n{}\nand take the rows of these out, which the document does not have: {gone:?}",
        differing.join("\n")
    );
}

fn row(operation: &str, answers: &[String]) -> String {
    let cells: Vec<_> = answers.iter().map(|answer| format!("{answer:<8}")).collect();
    format!("{operation:<24}{}", cells.concat()).trim_end().to_owned()
}
