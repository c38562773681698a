//! Everything of a neighbour that can be sent, in the place where something of one's own would go: the answer must be
//! the one for what does not exist, and nothing of the neighbour may be in it or be changed by it.

use super::calls::{Call, call};
use super::document::Operation;
use super::world::{Answer, CANARY, Filled, Side, World};
use base64::Engine;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use reqwest::Method;
use serde_json::{Value, json};
use uuid::Uuid;

/// Headers that differ between two answers of the same meaning: the time, and the length of an echoed path.
const PASSING: [&str; 2] = ["date", "content-length"];

/// Every leak that is found; each starts with the operation's id.
pub(super) async fn find_leaks(world: &World) -> Vec<String> {
    let mut found = repeated_keys(world).await;
    prepare(world).await;
    let before = snapshot(world, &world.theirs).await;
    for operation in tenant_operations(world) {
        found.extend(probe(world, operation).await);
    }
    if snapshot(world, &world.theirs).await != before {
        found.push("the neighbour's own data was changed".to_owned());
    }
    if let Some(taken_out) = world.filters_taken_out() {
        assert!(taken_out > 50, "{taken_out} statements without their filter");
    }
    found
}

/// The same for the operations that only read, after both walls are down.
pub(super) async fn find_leaks_of_reads(world: World) -> Vec<String> {
    prepare(&world).await;
    let world = world.tear_down().await;
    let mut found = Vec::new();
    for operation in tenant_operations(&world).filter(|operation| operation.is_read()) {
        found.extend(probe(&world, operation).await);
    }
    found
}

fn tenant_operations(world: &World) -> impl Iterator<Item = &Operation> {
    world
        .document
        .operations
        .iter()
        .filter(|operation| !operation.is_platform())
}

/// Both tenants have two of everything that lists show, and one of everything that is named.
pub(crate) async fn prepare(world: &World) {
    for side in [&world.ours, &world.theirs] {
        for kind in [
            "published",
            "product",
            "pending",
            "import",
            "term",
            "author",
            "low_stock",
            // No operation names one, so both are made here.
            "low_stock",
            "customer",
        ] {
            world.thing(side, kind).await;
            world.forget(side, kind);
        }
        for operation in tenant_operations(world) {
            world.values(side, &call(&operation.id).unwrap()).await;
        }
    }
}

/// All that a tenant's own people see.
pub(crate) async fn snapshot(world: &World, side: &Side) -> Vec<String> {
    let mut seen = Vec::new();
    for operation in tenant_operations(world).filter(|operation| operation.is_read()) {
        let call = call(&operation.id).unwrap();
        let values = world.values(side, &call).await;
        let mut filled = world.fill(operation, &call, &values);
        if operation.parameters("query").any(|name| name == "limit") {
            filled.query.push(("limit".to_owned(), "100".to_owned()));
        }
        let answer = world
            .send(side, world.fitting(side, operation), operation, &filled)
            .await;
        assert!(answer.is_ok(), "{} {answer:#?}", operation.id);
        seen.push(answer.body);
    }
    seen
}

async fn probe(world: &World, operation: &Operation) -> Vec<String> {
    let call = call(&operation.id).unwrap();
    let mut found = named(world, operation, &call).await;
    found.extend(asked(world, operation, &call).await);
    for header in ["if-match", "if-none-match"] {
        found.extend(tagged(world, operation, &call, header).await);
    }
    found
}

/// Each thing of the call by itself, and all of them together.
async fn named(world: &World, operation: &Operation, call: &Call) -> Vec<String> {
    let places: Vec<String> = call.places().into_iter().collect();
    let mut choices: Vec<Vec<String>> = places.iter().map(|place| vec![place.clone()]).collect();
    if places.len() > 1 {
        choices.push(places);
    }
    let mut found = Vec::new();
    for choice in choices {
        let (own, theirs) = (
            world.values(&world.ours, call).await,
            world.values(&world.theirs, call).await,
        );
        let mut existing = own.clone();
        let mut missing = own;
        let mut sent = Vec::new();
        for place in &choice {
            existing.insert(place.clone(), theirs[place].clone());
            missing.insert(place.clone(), unlike(&theirs[place]));
            sent.push((theirs[place].clone(), unlike(&theirs[place])));
        }
        let (existing, missing) = (
            world.fill(operation, call, &existing),
            world.fill(operation, call, &missing),
        );
        found.extend(
            compare(
                world,
                operation,
                call,
                [&existing, &missing],
                &sent,
                &format!("{choice:?}"),
            )
            .await,
        );
    }
    found
}

/// Each parameter of the query, with what would find something of the neighbour's.
async fn asked(world: &World, operation: &Operation, call: &Call) -> Vec<String> {
    let mut found = Vec::new();
    for name in operation.parameters("query") {
        let (theirs, missing) = match name {
            // Where a history goes on is a number, which says nothing of anybody.
            "after" if operation.path.ends_with("/history") => continue,
            "after" => match their_cursor(world, operation).await {
                Some(cursor) => (cursor.clone(), unlike_cursor(&cursor)),
                None => continue,
            },
            "email" => (format!("{CANARY}@example.com"), "nobody1@example.com".to_owned()),
            "category" | "tag" => (format!("{CANARY}-{name}"), format!("nobody1-{name}")),
            _ => (CANARY.to_owned(), "nobody1".to_owned()),
        };
        let values = world.values(&world.ours, call).await;
        let mut existing = world.fill(operation, call, &values);
        let mut unknown = existing.clone();
        existing.query.push((name.to_owned(), theirs.clone()));
        unknown.query.push((name.to_owned(), missing.clone()));
        let sent = [(theirs, missing)];
        found.extend(
            compare(
                world,
                operation,
                call,
                [&existing, &unknown],
                &sent,
                &format!("?{name}"),
            )
            .await,
        );
    }
    // What nobody asked for is not shown either.
    if operation.is_read() {
        let values = world.values(&world.ours, call).await;
        let plain = world.fill(operation, call, &values);
        found.extend(compare(world, operation, call, [&plain, &plain], &[], "as it is").await);
    }
    found
}

/// A tag of the neighbour's, and one like it that nobody has.
async fn tagged(world: &World, operation: &Operation, call: &Call, header: &str) -> Vec<String> {
    let Some(thing) = call.places().into_iter().next() else {
        return Vec::new();
    };
    let kind = thing.split_once('.').unwrap().0;
    let tag = world.thing(&world.theirs, kind).await["etag"].clone();
    if tag.is_empty() {
        // A thing without versions, such as a customer.
        return Vec::new();
    }
    let unknown = format!("{}.0123456789abcdef\"", tag.split('.').next().unwrap());
    let mut calls = Vec::new();
    for tag in [&tag, &unknown] {
        let values = world.values(&world.ours, call).await;
        let mut filled = world.fill(operation, call, &values);
        filled.headers.retain(|(name, _)| name != header);
        filled.headers.push((header.to_owned(), tag.clone()));
        calls.push(filled);
    }
    let sent = [(tag, unknown)];
    // A write that is let through spends what it changed, so the second one gets a new thing of its own.
    let first = world
        .send(
            &world.ours,
            world.fitting(&world.ours, operation),
            operation,
            &calls[0],
        )
        .await;
    if first.is_ok() && !operation.is_read() {
        world.spend(&world.ours, call);
        let values = world.values(&world.ours, call).await;
        calls[1] = world.fill(operation, call, &values);
        calls[1].headers.retain(|(name, _)| name != header);
        calls[1].headers.push((header.to_owned(), sent[0].1.clone()));
    }
    let second = world
        .send(
            &world.ours,
            world.fitting(&world.ours, operation),
            operation,
            &calls[1],
        )
        .await;
    if second.is_ok() && !operation.is_read() {
        world.spend(&world.ours, call);
    }
    judge(world, operation, [&first, &second], &sent, header)
}

/// Sends both calls and compares the answers.
async fn compare(
    world: &World,
    operation: &Operation,
    call: &Call,
    [existing, missing]: [&Filled; 2],
    sent: &[(String, String)],
    what: &str,
) -> Vec<String> {
    let token = world.fitting(&world.ours, operation);
    let mut answers = Vec::new();
    for filled in [existing, missing] {
        let answer = world.send(&world.ours, token, operation, filled).await;
        if answer.is_ok() && !operation.is_read() {
            world.spend(&world.ours, call);
        }
        answers.push(answer);
    }
    judge(world, operation, [&answers[0], &answers[1]], sent, what)
}

/// What tells the neighbour's from what does not exist, or shows something of it.
fn judge(
    world: &World,
    operation: &Operation,
    [existing, missing]: [&Answer; 2],
    sent: &[(String, String)],
    what: &str,
) -> Vec<String> {
    let mut found = Vec::new();
    let theirs = reported(operation, existing, sent.iter().map(|(theirs, _)| theirs));
    let unknown = reported(operation, missing, sent.iter().map(|(_, unknown)| unknown));
    if theirs != unknown {
        found.push(format!(
            "{} {what}: the neighbour's gives {theirs}, an unknown one {unknown}",
            operation.id
        ));
    }
    let canaries = world.canaries_in(&theirs);
    if !canaries.is_empty() {
        found.push(format!("{} {what}: {canaries:?} in {theirs}", operation.id));
    }
    found
}

/// What an answer says, without what was sent and what is another each time.
fn reported<'a>(operation: &Operation, answer: &Answer, sent: impl Iterator<Item = &'a String>) -> String {
    let mut body = answer.json();
    if let Some(problem) = body.as_object_mut().filter(|_| !answer.is_ok()) {
        for passing in ["instance", "trace_id"] {
            problem.remove(passing);
        }
    }
    // Two writes that were let through made two things.
    let written = answer.is_ok() && !operation.is_read();
    let passing = |name: &str| {
        PASSING.contains(&name) || (written && matches!(name, "etag" | "location" | "set-cookie"))
    };
    let headers: Vec<_> = answer.headers.iter().filter(|(name, _)| !passing(name)).collect();
    let body = if written { String::new() } else { body.to_string() };
    let mut reported = format!("{} {headers:?} {body}", answer.status);
    for text in sent {
        reported = reported.replace(text.as_str(), "~");
    }
    reported
}

/// A name of the same form that nobody has.
fn unlike(value: &str) -> String {
    if value.parse::<Uuid>().is_ok() {
        let (start, end) = value.split_at(24);
        let other: String = end.chars().map(|c| if c == 'f' { '0' } else { 'f' }).collect();
        return format!("{start}{other}");
    }
    for prefix in ["ros_", "rti_", "rsl_", "session=rts_"] {
        if let Some(secret) = value.strip_prefix(prefix) {
            let other: String = secret.chars().rev().collect();
            // The last character stands for two bits that are zero.
            return format!("{prefix}{}A", &other[..42]);
        }
    }
    assert!(value.contains(CANARY), "{value}");
    value.replace(CANARY, "nobody1")
}

/// The cursor behind the neighbour's first item of a list.
async fn their_cursor(world: &World, operation: &Operation) -> Option<String> {
    let side = &world.theirs;
    let call = call(&operation.id).unwrap();
    let values = world.values(side, &call).await;
    let mut filled = world.fill(operation, &call, &values);
    filled.query.push(("limit".to_owned(), "1".to_owned()));
    let answer = world
        .send(side, world.fitting(side, operation), operation, &filled)
        .await;
    let cursor = answer.json()["next_cursor"].as_str().map(str::to_owned);
    assert!(cursor.is_some(), "{}: one page only: {answer:#?}", operation.id);
    cursor
}

/// The cursor with other ids in it.
fn unlike_cursor(cursor: &str) -> String {
    fn change(value: &mut Value) {
        match value {
            Value::String(text) if text.parse::<Uuid>().is_ok() => *text = unlike(text),
            Value::Array(items) => items.iter_mut().for_each(change),
            Value::Object(members) => members.values_mut().for_each(change),
            _ => {}
        }
    }
    let mut key: Value = serde_json::from_slice(&URL_SAFE_NO_PAD.decode(cursor).unwrap()).unwrap();
    let before = key.clone();
    change(&mut key);
    assert_ne!(key, before, "no id in a cursor");
    URL_SAFE_NO_PAD.encode(key.to_string())
}

/// The neighbour's `Idempotency-Key`s are unknown here: nothing is replayed, nothing is taken for another body.
async fn repeated_keys(world: &World) -> Vec<String> {
    let mut found = Vec::new();
    let takes_key = |operation: &&Operation| {
        operation
            .parameters("header")
            .any(|name| name == "Idempotency-Key")
    };
    for operation in tenant_operations(world).filter(takes_key) {
        let call = call(&operation.id).unwrap();
        let mut statuses = Vec::new();
        for side in [&world.theirs, &world.ours] {
            let values = world.values(side, &call).await;
            let mut filled = world.fill(operation, &call, &values);
            filled
                .headers
                .push(("idempotency-key".to_owned(), format!("{}-key", operation.id)));
            let answer = world
                .send(side, world.fitting(side, operation), operation, &filled)
                .await;
            world.spend(side, &call);
            let replayed = answer
                .headers
                .iter()
                .any(|(name, _)| name == "idempotent-replayed");
            if side.slug == world.ours.slug && (replayed || !world.canaries_in(&answer.body).is_empty()) {
                found.push(format!("{} with the neighbour's key: {answer:?}", operation.id));
            }
            statuses.push(answer.status);
        }
        if statuses[0] != statuses[1] || !matches!(statuses[0], 200..=299) {
            found.push(format!("{} with the neighbour's key: {statuses:?}", operation.id));
        }
    }
    found.extend(same_order(world).await);
    found
}

/// The one write that has the same actor, route, key and body in two tenants: a stranger's order by SKU.
async fn same_order(world: &World) -> Vec<String> {
    let order =
        json!({ "email": "a@example.com", "currency": "USD", "lines": [{ "sku": "SHARED", "quantity": 1 }] });
    let mut ids = Vec::new();
    for side in [&world.theirs, &world.ours, &world.theirs] {
        let product = json!({ "title": "Shared", "status": "active", "variants": [
            { "sku": "SHARED", "price": { "amount": "1.00", "currency": "USD" }, "available": 10 },
        ] });
        if ids.len() < 2 {
            let create = world.request(side, Some(&side.admin), Method::POST, "/api/admin/v1/products");
            assert_eq!(create.json(&product).send().await.unwrap().status(), 201);
        }
        let place = world
            .request(side, None, Method::POST, "/api/store/v1/orders")
            .json(&order);
        let answer = Answer::read(place.header("idempotency-key", "same").send().await.unwrap()).await;
        assert_eq!(answer.status, 201, "{answer:?}");
        ids.push(answer.json()["id"].clone());
    }
    let fine = ids[0] != ids[1] && ids[0] == ids[2];
    (!fine)
        .then(|| format!("place_order with the neighbour's key and body: {ids:?}"))
        .into_iter()
        .collect()
}
