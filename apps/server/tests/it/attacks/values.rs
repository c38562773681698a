//! Values that no shop sells for: quantities, amounts, currencies; and states that cannot be reached in one step.

use super::*;
use rustok_commerce::order_machine;
use rustok_content::state_machine::transitions;
use rustok_test_support::both_databases;
use serde_json::json;

/// Not a number of pieces, whatever it is for.
const NO_QUANTITY: [&str; 18] = [
    "-1",
    "-0.0",
    "1.5",
    "1.0",
    "1e0",
    "1e3",
    "1E400",
    "-1e400",
    "NaN",
    "Infinity",
    "\"1\"",
    "\"NaN\"",
    "true",
    "null",
    "[1]",
    "9223372036854775808",
    "-9223372036854775809",
    "1000000001",
];

/// Not an amount of money.
const NO_AMOUNT: [&str; 20] = [
    "\"-1\"",
    "\"-0.01\"",
    "\"1e3\"",
    "\"NaN\"",
    "\"Infinity\"",
    "\"0x10\"",
    "\"1,50\"",
    "\"1_000\"",
    "\"\"",
    "\" \"",
    "\"1.999\"",
    "\"99999999999999999999\"",
    "\"92233720368547758.08\"",
    "\"٣.٠٠\"",
    "\"1.0.0\"",
    "\"$1\"",
    "1.5",
    "1",
    "null",
    "1e400",
];

both_databases! {
    async fn no_number_of_pieces_is_taken_that_is_none(db) {
        let world = world(db).await;
        let before = Digest::of(&world).await;
        let product = world.thing(&world.ours, "product").await;
        for quantity in NO_QUANTITY.into_iter().chain(["0", "10001", "1000000000"]) {
            let line = format!(r#"{{"variant_id":"{}","quantity":{quantity}}}"#, product["variant"]);
            let order = format!(r#"{{"email":"a@example.com","currency":"USD","lines":[{line}]}}"#);
            refused(with_body(&world, "place_order", order).await, &format!("order of {quantity}")).await;
        }
        // Lines of one variant are one: together they must not pass the limit either.
        let line = format!(r#"{{"variant_id":"{}","quantity":10000}}"#, product["variant"]);
        for lines in [vec![line.as_str(); 2], vec![line.as_str(); 101], Vec::new()] {
            let order = format!(r#"{{"email":"a@example.com","currency":"USD","lines":[{}]}}"#, lines.join(","));
            refused(with_body(&world, "place_order", order).await, "many lines").await;
        }
        for quantity in NO_QUANTITY {
            let stock = format!(r#"{{"quantity":{quantity}}}"#);
            refused(with_body(&world, "set_stock", stock).await, &format!("stock of {quantity}")).await;
        }
        assert_eq!(Digest::of(&world).await, before);
    }

    async fn no_price_is_taken_that_is_none(db) {
        let world = world(db).await;
        let before = Digest::of(&world).await;
        for amount in NO_AMOUNT {
            for member in ["price", "compare_at_price"] {
                let money = format!(r#"{{"amount":{amount},"currency":"USD"}}"#);
                let other = if member == "price" { "" } else { r#""price":{"amount":"1"},"# };
                let variant = format!(r#"{{{other}"{member}":{money}}}"#);
                let product = format!(r#"{{"title":"A","variants":[{variant}]}}"#);
                refused(with_body(&world, "create_product", product).await, &variant).await;
                refused(with_body(&world, "update_variant", variant.clone()).await, &variant).await;
            }
        }
        assert_eq!(Digest::of(&world).await, before);
    }

    async fn currencies_are_not_mixed(db) {
        let world = world(db).await;
        let before = Digest::of(&world).await;
        let product = world.thing(&world.ours, "product").await;
        for currency in ["EUR", "usd ", "XXX", "US", "", "USDUSD", "\u{feff}USD"] {
            let order = json!({ "email": "a@example.com", "currency": currency,
                "lines": [{ "variant_id": product["variant"], "quantity": 1 }] });
            refused(with_body(&world, "place_order", order.to_string()).await, currency).await;
            let variant = json!({ "price": { "amount": "5.00", "currency": "USD" },
                "compare_at_price": { "amount": "9.00", "currency": currency } });
            let product = json!({ "title": "A", "variants": [variant] });
            refused(with_body(&world, "create_product", product.to_string()).await, currency).await;
            refused(with_body(&world, "update_variant", variant.to_string()).await, currency).await;
        }
        assert_eq!(Digest::of(&world).await, before);
    }

    async fn no_state_is_skipped(db) {
        let world = world(db).await;
        let before = Digest::of(&world).await;
        let mut refusals = 0;
        for state in ["pending", "confirmed", "paid", "shipped", "delivered", "cancelled"] {
            for name in ["confirm", "pay", "ship", "deliver", "cancel"] {
                if !order_machine().allowed(state).any(|allowed| allowed == name) {
                    skip(&world, &format!("{name}_order"), state).await;
                    refusals += 1;
                }
            }
        }
        assert_eq!(refusals, 6 * 5 - order_machine().edges().len());
        for (kind, state) in [("draft", "draft"), ("published", "published"), ("archived", "archived")] {
            for name in ["publish", "unpublish", "archive", "restore"] {
                if !transitions().allowed(state).any(|allowed| allowed == name) {
                    skip(&world, &format!("{name}_node"), kind).await;
                }
            }
        }
        assert_eq!(Digest::of(&world).await, before);
    }
}

/// Sends a transition to a thing that is in another state.
async fn skip(world: &World, operation: &str, kind: &str) {
    let operation = world.document.operation(operation);
    let thing = world.thing(&world.ours, kind).await;
    let path = operation.path.replace("{id}", &thing["id"]);
    let body = call(&operation.id).unwrap().body.unwrap_or_else(|| json!({}));
    let request = world.request(
        &world.ours,
        Some(&world.ours.admin),
        operation.method.clone(),
        &path,
    );
    let what = format!("{} of what is {kind}", operation.id);
    let problem = refused(request.json(&body), &what).await;
    assert_eq!(problem["code"], "illegal_transition", "{what}: {problem:#}");
}
