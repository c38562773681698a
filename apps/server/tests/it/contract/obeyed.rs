//! What a request says is obeyed or refused: every input of every operation of the API document is changed alone, and the
//! answer must change with it. An input that is read and dropped fails here, and so does a new one until [`VALUES`] has a
//! value for it.
//!
//! Three headers have tests of their own in `crates/rustok-api/tests/it/contract`: `If-Match` and `If-None-Match`
//! (`preconditions`), `Idempotency-Key` (`repeats`). Settings that are stored and shown need a reader, too:
//! [`settings`] shows that of each.

mod settings;
mod strict;

use crate::isolation::calls::{Call, call};
use crate::isolation::document::Operation;
use crate::isolation::world::{Answer, Filled, Wall, World};
use serde_json::{Value, json};
use std::collections::BTreeSet;

/// Headers that other tests change.
const ELSEWHERE: [&str; 3] = ["if-match", "if-none-match", "idempotency-key"];

/// A value for each input that is not what the calls of `calls.rs` send: by the name of the input, and before it, where one
/// name means several things, by operation. `None` takes the input away.
pub(super) fn value(operation: &str, name: &str) -> Option<Value> {
    let of_operation = match (operation, name) {
        ("list_orders", "status") => json!("delivered"),
        ("list_nodes", "status") => json!("archived"),
        ("list_products", "status") => json!("archived"),
        ("create_product", "status") => json!("active"),
        ("update_product", "status") => json!("archived"),
        ("update_product", "handle") => json!("a-third-handle"),
        ("update_node", "slug") => json!("a-third-slug"),
        ("add_tenant_host", "host") => json!("a-third.example"),
        ("move_tenant_host", "to") => json!("018f3b1c-0000-7000-8000-000000000001"),
        ("create_product" | "update_product", "title") => json!("Another title"),
        ("create_import", "source") => json!("wordpress"),
        ("create_import", "file") => json!("Handle,Title,Variant Price\ncup,Cup,5.50\npot,Pot,7\n"),
        ("create_import", "dry_run") => json!("false"),
        ("create_import", "overwrite" | "zero_when_missing") => json!("true"),
        ("create_import", "source_name") => json!("another shop"),
        ("place_order", "currency") => json!("EUR"),
        ("place_order", "quantity") => json!(3),
        ("place_order", "email") => json!("other@example.com"),
        ("list_orders", "number") => json!("4711"),
        ("list_orders", "email") => json!("nobody@example.com"),
        ("publish_node", "published_at") => json!("2031-01-02T03:04:05Z"),
        ("set_stock", "quantity") => json!(7),
        ("create_tenant" | "update_tenant" | "update_shop", "name") => json!("Another name"),
        ("create_tenant", "slug") => json!("another-slug"),
        ("create_term", "slug") => json!("a-fourth-slug"),
        ("create_author", "login") => json!("a-second-login"),
        ("change_author", "login") => json!("a-third-login"),
        ("create_token", "role") => json!("editor"),
        ("create_token", "scopes") => json!(["read_orders"]),
        ("create_token", "expires_at") => json!("2031-01-02T03:04:05Z"),
        ("rotate_token", "overlap_seconds") => json!(3_600),
        ("sign_in" | "exchange_sign_in_link", "code") => json!("123456"),
        ("sign_in" | "create_invitation", "email") => json!("other@example.com"),
        _ => return by_name(name),
    };
    Some(of_operation)
}

fn by_name(name: &str) -> Option<Value> {
    Some(match name {
        "limit" => json!(1),
        "include" => json!("body"),
        "kind" => json!("page"),
        "q" => json!("nothing-has-this-title"),
        "updated_after" | "created_after" => json!("2999-01-01"),
        "updated_before" | "created_before" => json!("2000-01-01"),
        "deleted" => json!(true),
        "locale" | "accept-language" => json!("ru"),
        "category" | "tag" | "vendor" | "prefix" => json!("nowhere"),
        "currency" => json!("EUR"),
        "login" => json!("another-login"),
        "parent" => json!("nowhere"),
        "id" | "variant_id" | "into" => json!("018f3b1c-0000-7000-8000-000000000001"),
        "options" => json!(["M"]),
        "name" | "title" => json!("Another name"),
        "body" => json!("<p>Another body</p>"),
        "excerpt" | "reason" | "signature" | "alt" | "description_html" => json!("Another text"),
        "format" => json!("markdown"),
        "slug" | "handle" => json!("another-slug"),
        "taxonomy" => json!("tag"),
        "refund_id" => json!("re_1"),
        "method" => json!("bank"),
        "payment_id" => json!("pay_2"),
        "carrier" => json!("Post"),
        "tracking" => json!("T2"),
        "url" => json!("https://example.com/b.jpg"),
        "values" => json!(["XL"]),
        "tags" => json!(["one", "two"]),
        "type" => json!("Shirt"),
        "allow_backorder" => json!(true),
        "available" => json!(5),
        "barcode" => json!("4006381333931"),
        "amount" => json!("29.99"),
        "sku" => json!("ANOTHER-1"),
        "weight_grams" => json!(250),
        "hs_code" => json!("0901210000"),
        "default_currency" => json!("EUR"),
        "default_locale" => json!("de"),
        "locales" => json!(["en", "ru"]),
        "cors_origins" => json!(["https://other.example"]),
        "pending_order_ttl_minutes" => json!(7),
        "confirmed_order_ttl_minutes" => json!(9),
        "max_pending_pieces" => json!(9),
        "time_zone" => json!("Europe/Stockholm"),
        "low_stock_threshold" => json!(7),
        "require_second_factor" => json!(true),
        "delta" => json!(5),
        "host" => json!("another.example"),
        "hosts" => json!(["another.example"]),
        "role" => json!("author"),
        "password" | "current_password" | "new_password" => json!("a third password"),
        "link" => json!(format!("rsl_{}", "A".repeat(43))),
        "invitation" => json!(format!("rti_{}", "A".repeat(43))),
        "x-order-secret" => json!(format!("rtk_{}", "A".repeat(43))),
        _ => return None,
    })
}

/// Inputs whose other value is refused, by operation and place, and with what: there is no other way to show that they are
/// read. Each line says why.
const REFUSED: &[(&str, &str, &str)] = &[
    // The secret opens one order.
    ("read_own_order", "x-order-secret", "order_not_found"),
    // Nobody is there to get it.
    ("move_tenant_host", "/to", "validation_failed"),
    // The draft that is changed has one text.
    ("update_node", "?locale", "translation_not_found"),
    // A file of products has no language.
    ("create_import", "/locale", "validation_failed"),
    // Made of the options; what is shown may be sent back as it is.
    ("create_product", "/variants/0/title", "validation_failed"),
    ("update_product", "/variants/0/title", "validation_failed"),
    ("create_product", "/options/0/values", "validation_failed"),
    ("update_product", "/options/0/values", "validation_failed"),
    // Prices and totals in another currency than the order's.
    ("place_order", "/currency", "validation_failed"),
    ("place_order", "/expected_total/currency", "validation_failed"),
    ("place_order", "/expected_total/amount", "total_changed"),
    ("place_order", "/lines/0/quantity", "total_changed"),
    (
        "create_product",
        "/variants/0/price/currency",
        "validation_failed",
    ),
    (
        "create_product",
        "/variants/0/compare_at_price/currency",
        "validation_failed",
    ),
    (
        "update_product",
        "/variants/0/price/currency",
        "validation_failed",
    ),
    (
        "update_product",
        "/variants/0/compare_at_price/currency",
        "validation_failed",
    ),
    ("update_variant", "/price/currency", "validation_failed"),
    (
        "update_variant",
        "/compare_at_price/currency",
        "validation_failed",
    ),
    // Ids are made by the server: one that the product does not have names nothing.
    ("create_product", "/images/0/id", "validation_failed"),
    ("create_product", "/variants/0/id", "validation_failed"),
    ("update_product", "/images/0/id", "validation_failed"),
    ("update_product", "/variants/0/id", "validation_failed"),
    // A new variant cannot be deleted, nor the only one of a product.
    ("create_product", "/variants/0/deleted", "validation_failed"),
    ("update_product", "/variants/0/deleted", "validation_failed"),
    // Backorders go with counted stock, and stock has an endpoint of its own.
    (
        "create_product",
        "/variants/0/allow_backorder",
        "validation_failed",
    ),
    ("update_product", "/variants/0/available", "validation_failed"),
    // Each is compared with what the account, the link or the invitation has.
    ("sign_in", "/email", "sign_in_failed"),
    ("sign_in", "/password", "sign_in_failed"),
    ("exchange_sign_in_link", "/link", "sign_in_failed"),
    ("accept_invitation", "/invitation", "invitation_not_found"),
    ("change_password", "/current_password", "validation_failed"),
    // Only what was paid can be refunded.
    ("cancel_order", "/refund_id", "validation_failed"),
    // A line names its variant in one way.
    ("place_order", "/lines/0/sku", "validation_failed"),
    ("place_order", "/lines/0/variant_id", "validation_failed"),
    // A term with a slug is that term: what else is said of it must be true.
    ("create_node", "/terms/0/name", "validation_failed"),
    ("create_node", "/terms/0/parent", "validation_failed"),
    ("create_node", "/terms/0/slug", "validation_failed"),
    ("create_node", "/terms/0/taxonomy", "validation_failed"),
    ("update_node", "/terms/0/name", "validation_failed"),
    ("update_node", "/terms/0/parent", "validation_failed"),
    ("update_node", "/terms/0/slug", "validation_failed"),
    ("update_node", "/terms/0/taxonomy", "validation_failed"),
    // There is no such category above it, and no such term or author to merge into.
    ("create_term", "/parent", "validation_failed"),
    ("change_term", "/parent", "validation_failed"),
    ("merge_term", "/into", "validation_failed"),
    ("merge_author", "/into", "validation_failed"),
    // An author with a login is that author.
    ("create_node", "/author/login", "validation_failed"),
    ("create_node", "/author/name", "validation_failed"),
    ("update_node", "/author/login", "validation_failed"),
    ("update_node", "/author/name", "validation_failed"),
];

/// Inputs whose effect an answer does not show, and the test that shows it.
const SEEN_ELSEWHERE: &[(&str, &str, &str)] = &[
    // It is the replaced token that ends then.
    ("rotate_token", "/overlap_seconds", "tokens"),
    // What a dry run would write is counted only.
    ("create_import", "/currency", "imports::life"),
    // The next sign-in needs it.
    ("accept_invitation", "/password", "people of rustok-api"),
    ("change_password", "/new_password", "people of rustok-api"),
    // An account without a second factor needs none.
    ("sign_in", "/code", "people of rustok-api"),
    ("exchange_sign_in_link", "/code", "people of rustok-api"),
    // It stands in the ledger of the stock.
    ("adjust_stock", "/reason", "catalog::stock of rustok-api"),
];

/// The operation's inputs: name of a query parameter or header, or JSON Pointer into the body.
#[derive(Debug, Clone, PartialEq, Eq, PartialOrd, Ord)]
enum Input {
    Query(String),
    Header(String),
    Body(String),
}

impl Input {
    /// The last part of its place.
    fn name(&self) -> String {
        self.place().rsplit(['/', '?']).next().unwrap().to_owned()
    }

    fn place(&self) -> String {
        match self {
            Self::Query(name) => format!("?{name}"),
            Self::Header(name) => name.to_lowercase(),
            Self::Body(pointer) => pointer.clone(),
        }
    }

    fn set(&self, call: &mut Filled, value: Value) {
        let text = || value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        match self {
            Self::Query(name) => call.query.push((name.clone(), text())),
            Self::Header(name) => {
                call.headers
                    .retain(|(known, _)| !known.eq_ignore_ascii_case(name));
                call.headers.push((name.clone(), text()));
            }
            Self::Body(pointer) => {
                let (above, name) = pointer.rsplit_once('/').unwrap();
                let object = call.body.as_mut().unwrap().pointer_mut(above).unwrap();
                object[name] = value;
            }
        }
    }
}

fn inputs(world: &World, operation: &Operation, call: &Call) -> Vec<Input> {
    let query = operation
        .parameters("query")
        .map(|name| Input::Query(name.to_owned()));
    let headers = operation.parameters("header");
    let headers = headers.filter(|name| !ELSEWHERE.contains(&name.to_lowercase().as_str()));
    let mut found: Vec<Input> = query
        .chain(headers.map(|name| Input::Header(name.to_owned())))
        .collect();
    if let Some(body) = &call.body {
        for (at, members) in world.document.objects(operation, body) {
            for member in members {
                let inside = &body.pointer(&at).unwrap()[&member];
                // Its members are changed one by one.
                let is_object = inside.is_object() || inside[0].is_object();
                if !is_object {
                    found.push(Input::Body(format!("{at}/{member}")));
                }
            }
        }
    }
    found
}

/// An answer without what is new each time.
fn same_each_time(answer: &Answer) -> String {
    fn cleaned(value: &Value) -> Value {
        match value {
            Value::String(text) => Value::String(clean(text)),
            Value::Array(items) => items.iter().map(cleaned).collect(),
            Value::Object(members) => {
                // Each order has a number of its own, and the one shop another version after each change.
                let is_shop = members.contains_key("hosts");
                let members = members.iter().filter(|(name, _)| {
                    let is_new = ["trace_id", "number"].contains(&name.as_str());
                    !is_new && (!is_shop || *name != "version")
                });
                Value::Object(
                    members
                        .map(|(name, value)| (name.clone(), cleaned(value)))
                        .collect(),
                )
            }
            other => other.clone(),
        }
    }
    format!("{} {}", answer.status, cleaned(&answer.json()))
}

/// Words, ids, secrets and times that a run makes anew become one word each.
fn clean(text: &str) -> String {
    let is_fresh = |word: &str| {
        word.strip_prefix('w')
            .is_some_and(|digits| !digits.is_empty() && digits.bytes().all(|b| b.is_ascii_digit()))
    };
    let is_id = uuid::Uuid::parse_str(text).is_ok();
    let is_new = text.parse::<jiff::Timestamp>().is_ok_and(|at| {
        let age =
            rustok_core::clock::Clock::now(&rustok_core::clock::SystemClock).as_second() - at.as_second();
        (-40 * 86_400..86_400).contains(&age)
    });
    if is_id || is_new || (text.starts_with("rt") || text.starts_with("ros_")) && text.len() > 40 {
        return "new".to_owned();
    }
    text.split_inclusive(|c: char| !c.is_ascii_alphanumeric())
        .map(|word| {
            let bare = word.trim_end_matches(|c: char| !c.is_ascii_alphanumeric());
            word.replacen(
                bare,
                if is_fresh(bare) { "new" } else { bare },
                usize::from(!bare.is_empty()),
            )
        })
        .collect()
}

pub(super) struct Walk<'a> {
    world: &'a World,
    faults: Vec<String>,
}

impl<'a> Walk<'a> {
    pub(super) const fn new(world: &'a World) -> Self {
        Self {
            world,
            faults: Vec::new(),
        }
    }

    /// Sends a call that works, with `change` made to it.
    pub(super) async fn send(&self, operation: &Operation, change: impl FnOnce(&mut Filled)) -> Answer {
        let world = self.world;
        let call = call(&operation.id).unwrap();
        let values = world.values(&world.ours, &call).await;
        let mut filled = world.fill(operation, &call, &values);
        change(&mut filled);
        let token = world.fitting(&world.ours, operation);
        let answer = world.send(&world.ours, token, operation, &filled).await;
        if answer.is_ok() && !operation.is_read() {
            world.spend(&world.ours, &call);
        }
        answer
    }

    async fn try_operation(&mut self, operation: &Operation) {
        let call = call(&operation.id).unwrap();
        let usual = self.send(operation, |_| {}).await;
        assert!(usual.is_ok(), "{}: {usual:#?}", operation.id);
        let again = self.send(operation, |_| {}).await;
        assert_eq!(
            same_each_time(&usual),
            same_each_time(&again),
            "{}: what changes by itself shows nothing",
            operation.id
        );
        for input in inputs(self.world, operation, &call) {
            let fault = match self.other_value(operation, &input, &usual).await {
                Some(value) => self.try_input(operation, &input, value, &usual).await,
                None => Some("has no value in this file to be tried with".to_owned()),
            };
            self.faults
                .extend(fault.map(|fault| format!("{} {}: {fault}", operation.id, input.place())));
        }
    }

    async fn other_value(&self, operation: &Operation, input: &Input, usual: &Answer) -> Option<Value> {
        if input.name() != "after" {
            return value(&operation.id, &input.name());
        }
        let one = Input::Query("limit".to_owned());
        let page = self.send(operation, |call| one.set(call, json!(1))).await.json();
        assert!(
            usual.json()["items"].as_array().unwrap().len() > 1,
            "{}: needs two",
            operation.id
        );
        Some(page["next_cursor"].clone())
    }

    async fn try_input(
        &self,
        operation: &Operation,
        input: &Input,
        value: Value,
        usual: &Answer,
    ) -> Option<String> {
        let reported = value.to_string();
        let other = self.send(operation, |call| input.set(call, value)).await;
        let refused = REFUSED
            .iter()
            .find(|(id, place, _)| *id == operation.id && *place == input.place());
        match refused {
            Some((_, _, code)) if other.json()["code"] == *code => None,
            Some((_, _, code)) => Some(format!("with {reported} was not refused with {code}: {other:#?}")),
            None if !other.is_ok() => Some(format!(
                "was refused with {reported}: {} {}",
                other.status, other.body
            )),
            None if SEEN_ELSEWHERE
                .iter()
                .any(|(id, place, _)| *id == operation.id && *place == input.place()) =>
            {
                None
            }
            None if same_each_time(&other) == same_each_time(usual) => {
                Some(format!("has no effect: with {reported} the answer is the same"))
            }
            None => None,
        }
    }
}

/// Things that lists can tell apart, and texts and prices in two languages and currencies.
async fn furnish(world: &World) {
    // Two of each, so that a list has a second page; the newer ones are those that calls name.
    for kind in KINDS.iter().chain(&KINDS) {
        world.forget(&world.ours, kind);
        world.thing(&world.ours, kind).await;
    }
    settings::translate(world).await;
}

/// The kinds of things that stand in lists.
const KINDS: [&str; 14] = [
    "customer",
    "low_stock",
    "term",
    "author",
    "product",
    "archived",
    "published",
    "draft",
    "deleted",
    "deleted_product",
    "import",
    "tenant",
    "cancelled",
    "pending",
];

async fn every_input(wall: Wall) {
    let world = World::open(wall.database().await, wall).await;
    furnish(&world).await;
    let mut walk = Walk::new(&world);
    let (mut reads, writes): (Vec<&Operation>, Vec<&Operation>) = world
        .document
        .operations
        .iter()
        .partition(|operation| operation.is_read());
    // While nothing has changed yet.
    reads.extend(writes);
    for operation in reads {
        walk.try_operation(operation).await;
    }
    let known: BTreeSet<&str> = world
        .document
        .operations
        .iter()
        .map(|operation| operation.id.as_str())
        .collect();
    for (operation, place, _) in REFUSED {
        assert!(
            known.contains(operation),
            "{operation} {place}: no such operation"
        );
    }
    assert!(walk.faults.is_empty(), "{}", walk.faults.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_input_is_obeyed_or_refused_on_sqlite() {
    every_input(Wall::SqliteFilter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_input_is_obeyed_or_refused_on_postgres() {
    every_input(Wall::Both).await;
}
