//! What an attacker sends: each is refused with a problem (or by HTTP itself with a bare 400), writes nothing, holds no
//! memory and costs little time of the processor.
//!
//! Two hosts and other tricks at the tenant's door have tests of their own.

mod bodies;
mod cost;
mod files;
mod shapes;
mod values;
mod wire;

use crate::isolation::calls::call;
use crate::isolation::neighbour::{prepare, snapshot};
use crate::isolation::world::{Answer, Wall, World, as_form};
use reqwest::{Method, RequestBuilder};
use rustok_test_support::TestDatabase;
use serde_json::Value;
use std::collections::BTreeMap;

/// A world with one of everything in it.
async fn world(db: TestDatabase) -> World {
    let wall = if db.is_postgres() {
        Wall::Both
    } else {
        Wall::SqliteFilter
    };
    let world = World::open(db, wall).await;
    prepare(&world).await;
    for side in [&world.ours, &world.theirs] {
        for kind in ["delivered", "cancelled", "tenant", "other_tenant"] {
            world.thing(side, kind).await;
        }
    }
    world
}

/// Everything that is stored: what both tenants show, versions and stock included, and how many rows each table has
/// (on PostgreSQL, where it can be asked beside the server).
#[derive(Debug, PartialEq, Eq)]
struct Digest {
    shown: Vec<String>,
    rows: BTreeMap<String, i64>,
}

impl Digest {
    async fn of(world: &World) -> Self {
        let mut shown = snapshot(world, &world.ours).await;
        shown.extend(snapshot(world, &world.theirs).await);
        let tenants = world.request(
            &world.ours,
            Some(&world.platform),
            Method::GET,
            "/api/platform/v1/tenants?limit=100",
        );
        shown.push(tenants.send().await.unwrap().text().await.unwrap());
        let rows = if world.db.is_postgres() {
            world.db.row_counts().await
        } else {
            BTreeMap::new()
        };
        Self { shown, rows }
    }
}

/// Sends what must be refused; the problem.
async fn refused(request: RequestBuilder, what: &str) -> Value {
    let answer = Answer::read(request.send().await.unwrap()).await;
    assert!((400..500).contains(&answer.status), "{what}: {answer:#?}");
    let problem = answer.json();
    let complete = problem["code"].is_string() && problem["status"] == answer.status;
    assert!(complete, "{what}: no problem: {answer:#?}");
    problem
}

/// An operation's request as it would work, for ours, with another body.
async fn with_body(world: &World, operation: &str, body: String) -> RequestBuilder {
    let operation = world.document.operation(operation);
    let call = call(&operation.id).unwrap();
    let filled = world.fill(operation, &call, &world.values(&world.ours, &call).await);
    let token = world.fitting(&world.ours, operation);
    let mut request = world.request(&world.ours, token, operation.method.clone(), &filled.path);
    for (name, value) in &filled.headers {
        request = request.header(name, value);
    }
    if operation.takes_file {
        return as_form(request, &serde_json::from_str(&body).unwrap());
    }
    request.header("content-type", "application/json").body(body)
}
