//! Inputs are obeyed in every form and in every company: as `null`, blank, and beside each other input.

use super::*;

/// Values that things of ours have, so that a list still shows some.
fn matching(operation: &str, name: &str) -> Option<Value> {
    Some(match (operation, name) {
        ("list_products", "status") => json!("active"),
        ("list_nodes", "status") => json!("published"),
        ("list_orders", "status") => json!("pending"),
        (_, "kind") => json!("post"),
        (_, "q" | "vendor" | "prefix") => json!("ours"),
        (_, "taxonomy") => json!("tag"),
        (_, "category") => json!("ours-category"),
        (_, "tag") => json!("ours-tag"),
        (_, "email") => json!("ours@example.com"),
        (_, "number") => json!("1001"),
        (_, "updated_after" | "created_after") => json!("2000-01-01"),
        (_, "updated_before" | "created_before") => json!("2999-01-01"),
        _ => return None,
    })
}

/// A blank text of these means that none was sent.
const BLANK_IS_NONE: [&str; 1] = ["q"];

/// Members that a patch cannot take away: `null` gives them their default, or has the meaning of a member that is left
/// out of an object.
const NULL_IS_DEFAULT: &[(&str, &str)] = &[
    // `html`.
    ("update_node", "/format"),
    // Made from the title.
    ("update_node", "/slug"),
    ("update_product", "/handle"),
    // `draft`, whatever it was.
    ("update_product", "/status"),
    // Only compared with the author and the term that have the login and the slug.
    ("update_node", "/author/name"),
    ("update_node", "/terms/0/name"),
    // Known by its address, and by its SKU.
    ("update_product", "/images/0/id"),
    ("update_product", "/variants/0/id"),
    // Made of the options.
    ("update_product", "/variants/0/title"),
    // The tenant's, and that of the price.
    ("update_product", "/variants/0/price/currency"),
    ("update_product", "/variants/0/compare_at_price/currency"),
    ("update_variant", "/price/currency"),
    ("update_variant", "/compare_at_price/currency"),
    // Those of a new tenant.
    ("update_tenant", "/settings/default_currency"),
    ("update_tenant", "/settings/default_locale"),
    ("update_tenant", "/settings/pending_order_ttl_minutes"),
    ("update_tenant", "/settings/confirmed_order_ttl_minutes"),
    ("update_tenant", "/settings/max_pending_pieces"),
    ("update_tenant", "/settings/time_zone"),
    ("update_tenant", "/settings/low_stock_threshold"),
    ("update_tenant", "/settings/require_second_factor"),
    ("update_shop", "/settings/default_currency"),
    ("update_shop", "/settings/default_locale"),
    ("update_shop", "/settings/pending_order_ttl_minutes"),
    ("update_shop", "/settings/confirmed_order_ttl_minutes"),
    ("update_shop", "/settings/max_pending_pieces"),
    ("update_shop", "/settings/time_zone"),
    ("update_shop", "/settings/low_stock_threshold"),
    ("update_shop", "/settings/require_second_factor"),
];

/// An answer whose addresses are made from titles, without the numbers that make them different.
fn unnumbered(answer: &Answer) -> String {
    let mut answer = same_each_time(answer);
    for address in ["a-title", "a-product"] {
        let numbered = format!("\"{address}-");
        let mut parts = answer.split(&numbered);
        let first = parts.next().unwrap_or_default().to_owned();
        let more = parts.map(|part| part.trim_start_matches(|c: char| c.is_ascii_digit()));
        answer = more.fold(first, |joined, part| format!("{joined}\"{address}{part}"));
    }
    answer
}

fn listed(answer: &Answer) -> Option<usize> {
    answer.json()["items"].as_array().map(Vec::len)
}

fn is_refused(operation: &Operation, input: &Input) -> bool {
    REFUSED
        .iter()
        .chain(SEEN_ELSEWHERE)
        .any(|(id, place, _)| *id == operation.id && *place == input.place())
}

/// Whether a value says nothing.
fn is_nothing(value: Option<&Value>) -> bool {
    match value {
        None | Some(Value::Null | Value::Bool(false)) => true,
        Some(Value::String(text)) => text.is_empty(),
        Some(Value::Array(items)) => items.is_empty(),
        _ => false,
    }
}

impl Walk<'_> {
    fn fault(&mut self, operation: &Operation, what: &str, answer: &Answer) {
        let body: String = answer.body.chars().take(300).collect();
        self.faults
            .push(format!("{} {what}: {} {body}", operation.id, answer.status));
    }

    /// A blank query parameter is refused.
    async fn try_blank_query(&mut self, operation: &Operation, name: &str) {
        let input = Input::Query(name.to_owned());
        let answer = self.send(operation, |call| input.set(call, json!(""))).await;
        if answer.is_ok() != BLANK_IS_NONE.contains(&name) || answer.status >= 500 {
            self.fault(operation, &format!("?{name}="), &answer);
        }
    }

    /// Each parameter has its effect beside each other one.
    async fn try_company(&mut self, operation: &Operation) {
        let names: Vec<&str> = operation.parameters("query").collect();
        for beside in &names {
            let Some(fits) = matching(&operation.id, beside) else {
                continue;
            };
            let beside = Input::Query((*beside).to_owned());
            let alone = self.send(operation, |call| beside.set(call, fits.clone())).await;
            if listed(&alone).unwrap_or_default() == 0 {
                self.fault(operation, &format!("{} shows nothing", beside.place()), &alone);
            }
            for name in &names {
                let input = Input::Query((*name).to_owned());
                let needs_more = ["limit", "after"].contains(name) && listed(&alone).unwrap_or_default() < 2;
                if input == beside || needs_more {
                    continue;
                }
                let value = match *name {
                    "after" => self.next_page(operation, &beside, &fits).await,
                    name => value(&operation.id, name).unwrap(),
                };
                let both = self
                    .send(operation, |call| {
                        beside.set(call, fits.clone());
                        input.set(call, value);
                    })
                    .await;
                let is_same = both.is_ok() && same_each_time(&both) == same_each_time(&alone);
                if is_same || both.status >= 500 {
                    let what = format!("{} has no effect beside {}", input.place(), beside.place());
                    self.fault(operation, &what, &both);
                }
            }
        }
    }

    async fn next_page(&self, operation: &Operation, beside: &Input, fits: &Value) -> Value {
        let limit = Input::Query("limit".to_owned());
        let page = self
            .send(operation, |call| {
                beside.set(call, fits.clone());
                limit.set(call, json!(1));
            })
            .await;
        page.json()["next_cursor"].clone()
    }

    /// `null` and a blank text are refused, or are as if nothing was sent; in a patch they take away. A form has no `null`.
    async fn try_nothing(&mut self, operation: &Operation, input: &Input) {
        let Input::Body(pointer) = input else { return };
        let (above, name) = pointer.rsplit_once('/').unwrap();
        let without = self
            .send(operation, |call| {
                let object = call.body.as_mut().unwrap().pointer_mut(above).unwrap();
                object.as_object_mut().unwrap().remove(name);
            })
            .await;
        let forms = [Value::Null, json!("")].into_iter();
        for nothing in forms.skip(usize::from(operation.takes_file)) {
            let answer = self
                .send(operation, |call| input.set(call, nothing.clone()))
                .await;
            let shown = answer.json();
            let is_taken_away = is_nothing(shown.pointer(pointer));
            let is_as_without = match operation.method == reqwest::Method::PATCH {
                true => NULL_IS_DEFAULT.contains(&(operation.id.as_str(), pointer.as_str())),
                false => unnumbered(&answer) == unnumbered(&without),
            };
            // A blank credential is one more wrong credential.
            let is_refused = matches!(answer.status, 400 | 404 | 422) || shown["code"] == "sign_in_failed";
            if !is_refused && !(answer.is_ok() && (is_taken_away || is_as_without)) {
                self.fault(operation, &format!("{pointer} as {nothing}"), &answer);
            }
        }
    }

    /// Two members that are both changed are both obeyed.
    async fn try_pairs(&mut self, operation: &Operation, inputs: &[Input]) {
        let mut alone = Vec::new();
        for input in inputs {
            let value = value(&operation.id, &input.name()).unwrap();
            let answer = self.send(operation, |call| input.set(call, value.clone())).await;
            alone.push((input, value, same_each_time(&answer)));
        }
        for (at, (one, first, of_one)) in alone.iter().enumerate() {
            for (other, second, of_other) in &alone[at + 1..] {
                let both = self
                    .send(operation, |call| {
                        one.set(call, first.clone());
                        other.set(call, second.clone());
                    })
                    .await;
                let same = same_each_time(&both);
                let is_dropped = both.is_ok() && (same == *of_one || same == *of_other);
                if is_dropped || both.status >= 500 {
                    let what = format!("{} with {}", one.place(), other.place());
                    self.fault(operation, &what, &both);
                }
            }
        }
    }
}

async fn every_form(wall: Wall) {
    let world = World::open(wall.database().await, wall).await;
    furnish(&world).await;
    let mut walk = Walk::new(&world);
    let operations = &world.document.operations;
    for operation in operations.iter().filter(|operation| operation.is_read()) {
        for name in operation.parameters("query") {
            walk.try_blank_query(operation, name).await;
        }
        walk.try_company(operation).await;
    }
    for operation in operations.iter().filter(|operation| !operation.is_read()) {
        let call = call(&operation.id).unwrap();
        let inputs = inputs(&world, operation, &call);
        for input in &inputs {
            walk.try_nothing(operation, input).await;
        }
        let paired: Vec<Input> = inputs
            .into_iter()
            .filter(|input| !is_refused(operation, input) && !operation.takes_file)
            .collect();
        // Of the one shop every change stays, so each answer shows all that was set before. Its fields are those of
        // `update_tenant`, which is tried on a new tenant each time.
        if operation.id != "update_shop" {
            walk.try_pairs(operation, &paired).await;
        }
    }
    assert!(walk.faults.is_empty(), "{}", walk.faults.join("\n"));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_form_of_every_input_is_obeyed_or_refused_on_sqlite() {
    every_form(Wall::SqliteFilter).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_form_of_every_input_is_obeyed_or_refused_on_postgres() {
    every_form(Wall::Both).await;
}
