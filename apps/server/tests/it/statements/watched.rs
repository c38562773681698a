//! A world whose server tells every statement that it sends, with the request that it belongs to.

use crate::isolation::calls::call;
use crate::isolation::document::Operation;
use crate::isolation::world::{Answer, Filled, Wall, World};
use rustok_test_support::TestDatabase;
use serde_json::Value;
use std::collections::BTreeMap;

/// Statements; whose they are, each line tells.
const LOG: &str = "warn,rustok_db::sql=trace";

/// One statement as the log has it.
#[derive(Debug, Clone)]
pub(super) struct Reported {
    /// The number of the call that it belongs to; `None` for a worker's or a command's.
    pub(super) call: Option<u128>,
    pub(super) sql: String,
    /// Whether it was sent without waiting for the answer to the one before.
    pub(super) joins: bool,
}

/// A world, watched.
pub(super) struct Watched {
    pub(super) world: World,
    calls: u128,
    /// What commands told.
    commands: String,
}

impl Watched {
    pub(super) async fn open(db: TestDatabase) -> Self {
        let wall = if db.is_postgres() {
            Wall::Both
        } else {
            Wall::SqliteFilter
        };
        let world = World::open(db, wall).await;
        let world =
            world.restarted(|command| command.env("RUSTOK_LOG", LOG).env("RUSTOK_LOG_FORMAT", "json"));
        Self {
            world: world.await,
            calls: 0,
            commands: String::new(),
        }
    }

    /// An operation's call as it works for our tenant's admin, with what it names.
    pub(super) async fn filled(&self, operation: &Operation) -> Filled {
        self.filled_with(operation, &BTreeMap::new()).await
    }

    /// The same, where some of the things are other ones.
    pub(super) async fn filled_with(
        &self,
        operation: &Operation,
        other: &BTreeMap<String, String>,
    ) -> Filled {
        let call = call(&operation.id)
            .unwrap_or_else(|| panic!("{}: has no call in isolation/calls.rs", operation.id));
        let mut values = self.world.values(&self.world.ours, &call).await;
        for (place, value) in &mut values {
            if let Some(other) = other.get(place) {
                value.clone_from(other);
            }
        }
        self.world.fill(operation, &call, &values)
    }

    /// Makes a call that must work; answers its number too.
    pub(super) async fn send(&mut self, operation: &Operation, mut call: Filled) -> (u128, Answer) {
        self.calls += 1;
        let trace = format!("00-{:032x}-0000000000000001-01", self.calls);
        call.headers.push(("traceparent".to_owned(), trace));
        let ours = &self.world.ours;
        let token = self.world.fitting(ours, operation);
        let answer = self.world.send(ours, token, operation, &call).await;
        assert!(answer.is_ok(), "{} {call:?}: {answer:#?}", operation.id);
        (self.calls, answer)
    }

    /// The things that a call changed are made anew for the next one.
    pub(super) fn spend(&self, operation: &Operation) {
        if let (false, Some(call)) = (operation.is_read(), call(&operation.id)) {
            self.world.spend(&self.world.ours, &call);
        }
    }

    /// A command beside the server, watched too.
    pub(super) async fn run(&mut self, args: &[&str]) {
        let finished = self.world.server.run(args).await;
        assert_eq!(finished.code, Some(0), "{args:?}: {finished:#?}");
        self.commands.push_str(&finished.stderr);
    }

    /// Ends the server; every statement that was told, and the database.
    pub(super) async fn finish(self) -> (Vec<Reported>, TestDatabase) {
        let World { server, db, .. } = self.world;
        let log = server.terminate().await.stderr + &self.commands;
        (log.lines().filter_map(reported).collect(), db)
    }
}

fn reported(line: &str) -> Option<Reported> {
    let line: Value = serde_json::from_str(line).ok()?;
    let trace = line["trace_id"].as_str();
    Some(Reported {
        call: trace.and_then(|trace| u128::from_str_radix(trace, 16).ok()),
        sql: line["sql"].as_str()?.to_owned(),
        joins: line["joins"].as_bool()?,
    })
}
