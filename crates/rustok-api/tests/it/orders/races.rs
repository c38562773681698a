//! Pay, cancel and ship at the same time, on each of two hundred orders: every history is a path of the table, every
//! step has one winner, and stock comes back at most once.

use super::*;
use futures_util::future::join_all;
use rustok_commerce::order_machine;
use rustok_test_support::both_databases;
use std::collections::BTreeMap;

const ORDERS: usize = 200;
/// Orders that are fought over at once; with [`CALLS`] each, about a hundred requests are in flight.
const AT_ONCE: usize = 17;
const CALLS: usize = 6;
const STOCK: i64 = 1_000;
const QUANTITY: i64 = 2;

/// The fight for one order: two of each call, in another sequence for each order.
fn fight(shop: &Shop, order: &Value, number: usize) -> Vec<RequestBuilder> {
    let calls = [
        (
            "pay",
            json!({ "payment_id": format!("pay_{number}"), "method": "card" }),
        ),
        ("cancel", json!({ "reason": "not paid yet" })),
        (
            "ship",
            json!({ "tracking": format!("t{number}"), "carrier": "c" }),
        ),
        (
            "cancel",
            json!({ "reason": "paid already", "refund_id": format!("re_{number}") }),
        ),
        (
            "pay",
            json!({ "payment_id": format!("again_{number}"), "method": "card" }),
        ),
        (
            "ship",
            json!({ "tracking": format!("again{number}"), "carrier": "c" }),
        ),
    ];
    let turned = (0..CALLS).map(|at| &calls[(at + number) % CALLS]);
    turned
        .map(|(name, body)| transition(shop, order, name, body))
        .collect()
}

/// The versions that were won, after checking that everybody else was told that they lost.
async fn won(answers: Vec<Response>) -> BTreeMap<i64, Value> {
    let mut won = BTreeMap::new();
    for response in answers {
        let (status, body) = reported(response).await;
        match (status, body["code"].as_str()) {
            (200, _) => {
                let version = body["version"].as_i64().unwrap();
                assert!(
                    won.insert(version, body).is_none(),
                    "version {version} was won twice"
                );
            }
            (409, Some("illegal_transition" | "version_conflict")) => {}
            // A refund of what is not paid, or none of what is: wrong whoever else had come.
            (422, Some("validation_failed")) => assert_eq!(body["errors"][0]["pointer"], "#/refund_id"),
            _ => panic!("{body:#}"),
        }
    }
    won
}

/// Whether the steps lead from one to the next by edges of the table, each to the state that its winner was shown.
fn check_path(order: &Value, history: &[Value], won: &BTreeMap<i64, Value>) {
    let text = |value: &Value| value.as_str().unwrap_or("-").to_owned();
    let mut state = "-".to_owned();
    for (at, step) in history.iter().enumerate() {
        let (from, to, name) = (text(&step["from"]), text(&step["to"]), text(&step["transition"]));
        assert_eq!(from, state, "{history:#?}");
        let edges = order_machine().edges();
        let is_edge = edges
            .iter()
            .any(|edge| (edge.from, edge.to, edge.name) == (&from, &to, &name));
        assert!(is_edge || (at, &*name) == (0, "place"), "{history:#?}");
        let version = i64::try_from(at).unwrap() + 1;
        assert_eq!(step["version"], version, "{history:#?}");
        // The first two steps were made before the fight.
        let winner = won.get(&version).map(|winner| text(&winner["status"]));
        assert_eq!(winner.is_some(), at >= 2, "{history:#?} {won:#?}");
        assert!(winner.is_none_or(|shown| shown == to), "{history:#?} {won:#?}");
        state = to;
    }
    assert_eq!(text(&order["status"]), state);
    assert_eq!(
        won.len() + 2,
        history.len(),
        "a winner whose step is not there: {history:#?}"
    );
}

both_databases! {
    async fn two_hundred_orders_that_many_pay_cancel_and_ship_at_once(db) {
        let shop = Shop::open(db.url()).await;
        let tea = &product(&shop, json!([{ "available": STOCK }])).await[0];
        let mut ends: BTreeMap<String, i64> = BTreeMap::new();
        let numbers: Vec<usize> = (0..ORDERS).collect();
        for wave in numbers.chunks(AT_ONCE) {
            let orders = join_all(wave.iter().map(async |_| {
                let order = ok(place(&shop, &order_of(tea, QUANTITY)), 201).await;
                ok(transition(&shop, &order, "confirm", &json!({})), 200).await
            })).await;
            let sent = orders.iter().zip(wave).map(|(order, number)| {
                let calls = fight(&shop, order, *number).into_iter();
                let calls: Vec<_> = calls.map(|call| tokio::spawn(call.send())).collect();
                async { join_all(calls).await.into_iter().map(|answer| answer.unwrap().unwrap()).collect::<Vec<_>>() }
            });
            let answers = join_all(sent.collect::<Vec<_>>()).await;
            for (order, answers) in orders.iter().zip(answers) {
                let won = won(answers).await;
                assert!(!won.is_empty(), "nobody won");
                let path = format!("/orders/{}", id(order));
                let shown = ok(shop.admin(Method::GET, &path), 200).await;
                let history = ok(shop.admin(Method::GET, &format!("{path}/history")), 200).await;
                check_path(&shown, history["items"].as_array().unwrap(), &won);
                *ends.entry(shown["status"].as_str().unwrap().to_owned()).or_default() += 1;
            }
        }
        // What was not cancelled is sold, once.
        let sold: i64 = ends.iter().filter(|(end, _)| *end != "cancelled").map(|(_, count)| count * QUANTITY).sum();
        assert_eq!(available(&shop, tea).await, STOCK - sold, "{ends:?}");
        assert_eq!(ends.values().sum::<i64>(), i64::try_from(ORDERS).unwrap());
        assert!(ends.len() > 1, "every fight ended the same way: {ends:?}");
    }
}
