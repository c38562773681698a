//! How many statements each operation needs, compared with `statements.txt`, and that a read needs no more of them for
//! many things than for one.

use super::watched::{Reported, Watched};
use crate::isolation::document::Operation;
use reqwest::Method;
use rustok_test_support::both_databases;
use serde_json::{Value, json};
use std::collections::BTreeMap;

/// The decided table, for people to read and change.
const TABLE: &str = include_str!("../../statements.txt");
/// Each call is made so often, and the fewest count: the first may find less prepared than the others.
const TRIES: usize = 3;
/// How many things are many.
const MANY: usize = 20;
both_databases! {
    async fn every_operation_sends_what_its_row_says(db) {
        let mut watched = Watched::open(db).await;
        let many = many_things(&watched).await;
        let mut tries = Vec::new();
        for operation in watched.world.document.operations.clone() {
            let sizes: &[usize] = if operation.is_read() { &[1, MANY] } else { &[1] };
            for size in sizes {
                tries.push(measure(&mut watched, &operation, *size, &many).await);
            }
        }
        let (reported, db) = watched.finish().await;
        compare(&costs(&tries, &reported), db.is_postgres());
    }
}

/// The calls of one operation with results of one size.
struct Tried {
    operation: String,
    calls: Vec<u128>,
}

async fn measure(
    watched: &mut Watched,
    operation: &Operation,
    size: usize,
    many: &BTreeMap<String, String>,
) -> Tried {
    let mut calls = Vec::new();
    for _ in 0..TRIES {
        let mut call = match size {
            1 => watched.filled(operation).await,
            _ => watched.filled_with(operation, many).await,
        };
        let is_list = operation.parameters("query").any(|name| name == "limit");
        if is_list {
            call.query.push(("limit".to_owned(), size.to_string()));
        }
        let (number, answer) = watched.send(operation, call).await;
        if is_list {
            let items = answer.json()["items"].as_array().map(Vec::len);
            assert_eq!(items, Some(size), "{}", operation.id);
        }
        watched.spend(operation);
        calls.push(number);
    }
    Tried {
        operation: operation.id.clone(),
        calls,
    }
}

/// What each operation needs: statements and round trips, the same whatever its size.
fn costs(tries: &[Tried], reported: &[Reported]) -> BTreeMap<String, [usize; 2]> {
    let mut costs: BTreeMap<String, [usize; 2]> = BTreeMap::new();
    let mut growing = Vec::new();
    for Tried { operation, calls } in tries {
        let of = |call: &u128| -> Vec<&Reported> {
            reported
                .iter()
                .filter(|reported| reported.call == Some(*call))
                .collect()
        };
        let fewest = calls.iter().map(of).min_by_key(Vec::len).unwrap();
        let cost = [
            fewest.len(),
            fewest.iter().filter(|reported| !reported.joins).count(),
        ];
        if costs
            .insert(operation.clone(), cost)
            .is_some_and(|of_one| of_one != cost)
        {
            growing.push(format!("{operation} of {MANY}: {fewest:#?}"));
        }
    }
    assert!(
        growing.is_empty(),
        "statements grow with what is read:\n{}",
        growing.join("\n")
    );
    costs
}

/// Compares with the file, both ways; each database has its own columns.
fn compare(costs: &BTreeMap<String, [usize; 2]>, is_postgres: bool) {
    let columns = if is_postgres { 1..3 } else { 0..1 };
    let mut decided: BTreeMap<&str, Vec<usize>> = BTreeMap::new();
    let lines = TABLE
        .lines()
        .filter(|line| !line.starts_with('#') && !line.trim().is_empty());
    for line in lines {
        let mut words = line.split_whitespace();
        let operation = words.next().unwrap();
        let numbers: Vec<usize> = words.map(|word| word.parse().unwrap()).collect();
        assert_eq!(numbers.len(), 3, "statements.txt: {line}");
        let numbers = numbers[columns.clone()].to_vec();
        assert!(
            decided.insert(operation, numbers).is_none(),
            "statements.txt: {operation} stands twice"
        );
    }
    let mut differing = Vec::new();
    for (operation, cost) in costs {
        let seen = &cost[..columns.len()];
        if decided.remove(operation.as_str()).as_deref() != Some(seen) {
            differing.push(format!("{operation:<24}{seen:?}"));
        }
    }
    assert!(
        differing.is_empty() && decided.is_empty(),
        "apps/server/tests/statements.txt is not what the server does. Fewer are a gain: write them down. More need a \
         reason. Seen (columns {columns:?}):\n{}\nRows of operations that the document does not have: {:?}",
        differing.join("\n"),
        decided.keys()
    );
}

/// Twenty of everything that lists show, and of everything that can be read one that has twenty of what it can have;
/// of those, the members that calls name.
async fn many_things(watched: &Watched) -> BTreeMap<String, String> {
    let world = &watched.world;
    for kind in [
        "published",
        "product",
        "pending",
        "tenant",
        "import",
        "term",
        "author",
        "low_stock",
        "customer",
    ] {
        for _ in 0..MANY {
            world.thing(&world.ours, kind).await;
            world.forget(&world.ours, kind);
        }
    }
    let product = product(watched).await;
    let ledger = format!(
        "/variants/{}/stock/adjust",
        product["variants"][7]["id"].as_str().unwrap()
    );
    for _ in 0..MANY {
        let found = json!({ "delta": 1, "reason": "found one" });
        admin(watched, Method::POST, &ledger, &found).await;
    }
    let order = order(watched, &product).await;
    let node = node(watched).await;
    let tenant = tenant(watched).await;
    let members = [
        ("product.id", &product["id"]),
        ("product.handle", &product["handle"]),
        ("product.variant", &product["variants"][7]["id"]),
        ("pending.id", &order["id"]),
        ("pending.secret", &order["secret"]),
        ("published.id", &node["id"]),
        ("published.slug", &node["slug"]),
        ("tenant.id", &tenant["id"]),
    ];
    members
        .map(|(place, value)| (place.to_owned(), value.as_str().unwrap().to_owned()))
        .into()
}

async fn done(watched: &Watched, token: Option<&str>, method: Method, path: &str, body: &Value) -> Value {
    let world = &watched.world;
    let request = world
        .request(&world.ours, token, method, path)
        .json(body)
        .header("if-match", "*");
    let response = request.send().await.unwrap();
    let status = response.status();
    let answer: Value = response.json().await.unwrap();
    assert!(status.is_success(), "{path}: {answer:#}");
    answer
}

async fn admin(watched: &Watched, method: Method, path: &str, body: &Value) -> Value {
    let path = format!("/api/admin/v1{path}");
    done(watched, Some(&watched.world.ours.admin), method, &path, body).await
}

async fn product(watched: &Watched) -> Value {
    let price = json!({ "amount": "5.50", "currency": "USD" });
    let variants: Vec<_> = (0..MANY)
        .map(|n| json!({ "sku": format!("many-{n}"), "options": [n.to_string()], "price": price, "available": 1000 }))
        .collect();
    let images: Vec<_> = (0..MANY)
        .map(|n| json!({ "url": format!("https://ours.example/{n}.jpg") }))
        .collect();
    let product = json!({
        "title": "Many", "handle": "many", "status": "active", "options": ["Size"],
        "images": images, "variants": variants,
    });
    admin(watched, Method::POST, "/products", &product).await
}

/// With twenty lines, and every step behind it.
async fn order(watched: &Watched, product: &Value) -> Value {
    let variants = product["variants"].as_array().unwrap().iter();
    let lines: Vec<_> = variants
        .map(|variant| json!({ "variant_id": variant["id"], "quantity": 1 }))
        .collect();
    let order = json!({ "email": "many@example.com", "currency": "USD", "lines": lines });
    let order = done(watched, None, Method::POST, "/api/store/v1/orders", &order).await;
    for (step, body) in [
        ("confirm", json!({})),
        ("pay", json!({ "payment_id": "pay_1", "method": "card" })),
        ("ship", json!({ "tracking": "T1", "carrier": "FedEx" })),
        ("deliver", json!({})),
    ] {
        let path = format!("/orders/{}/{step}", order["id"].as_str().unwrap());
        admin(watched, Method::POST, &path, &body).await;
    }
    order
}

/// With twenty terms, several translations and a history of twenty steps.
async fn node(watched: &Watched) -> Value {
    let terms: Vec<_> = (0..MANY)
        .map(|n| {
            let taxonomy = if n % 2 == 0 { "category" } else { "tag" };
            json!({ "taxonomy": taxonomy, "slug": format!("many-{n}"), "name": n.to_string() })
        })
        .collect();
    let node = json!({
        "kind": "post", "locale": "en", "title": "Many", "slug": "many", "body": "<p>Many</p>", "format": "html",
        "terms": terms,
    });
    let node = admin(watched, Method::POST, "/nodes", &node).await;
    let id = node["id"].as_str().unwrap();
    for locale in ["ru", "de", "fr", "es"] {
        let text = json!({ "title": locale, "slug": format!("many-{locale}"), "body": "<p>x</p>", "format": "html" });
        admin(
            watched,
            Method::PUT,
            &format!("/nodes/{id}/translations/{locale}"),
            &text,
        )
        .await;
    }
    for step in 0..MANY {
        let step = if step % 2 == 0 { "publish" } else { "unpublish" };
        admin(watched, Method::POST, &format!("/nodes/{id}/{step}"), &json!({})).await;
    }
    admin(watched, Method::POST, &format!("/nodes/{id}/publish"), &json!({})).await
}

/// With twenty hosts.
async fn tenant(watched: &Watched) -> Value {
    let hosts: Vec<_> = (0..MANY).map(|n| format!("many-{n}.example")).collect();
    let tenant = json!({ "slug": "many", "name": "Many", "hosts": hosts });
    done(
        watched,
        Some(&watched.world.platform),
        Method::POST,
        "/api/platform/v1/tenants",
        &tenant,
    )
    .await
}
