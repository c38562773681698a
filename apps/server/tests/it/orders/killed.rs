//! The last ten pieces, sixty-four buyers, and the server killed in between: nothing is oversold and nothing that was
//! answered is lost. `RUSTOK_ROUNDS` says how often (`bench/oversell.sh`).

use super::{all_orders, available, order_of, place, product};
use crate::platform::{Shop, rustok};
use futures_util::StreamExt;
use futures_util::future::join_all;
use futures_util::stream::FuturesUnordered;
use reqwest::{Error, RequestBuilder, Response};
use rustok_test_support::{TIMEOUT, both_databases, eventually};
use serde_json::{Value, json};

const BUYERS: usize = 64;
const STOCK: usize = 10;

/// What a buyer knows in the end.
enum Reported {
    Sold(Value),
    Refused,
    /// The connection ended: whether there is an order is not known.
    Nothing,
}

async fn read(sent: Result<Response, Error>) -> Reported {
    let Ok(response) = sent else {
        return Reported::Nothing;
    };
    let status = response.status();
    let Ok(body) = response.json::<Value>().await else {
        return Reported::Nothing;
    };
    match (status.as_u16(), body["code"].as_str()) {
        (201, _) => Reported::Sold(body),
        (409, Some("insufficient_stock")) => {
            assert_eq!((&body["available"], &body["requested"]), (&json!(0), &json!(1)));
            Reported::Refused
        }
        // PostgreSQL has not seen yet that the killed server is gone, and holds the key's lock for it.
        (409, Some("idempotency_in_flight")) => Reported::Nothing,
        _ => panic!("{body:#}"),
    }
}

/// All buyers order at once; the server is killed as soon as `kill_after` of them were answered.
async fn rush(shop: Shop, requests: Vec<RequestBuilder>, kill_after: usize) -> (Shop, Vec<Reported>) {
    let mut answers: FuturesUnordered<_> = requests
        .into_iter()
        .map(|request| tokio::spawn(async move { read(request.send().await).await }))
        .collect();
    let mut reported = Vec::new();
    while reported.len() < kill_after {
        reported.push(answers.next().await.unwrap().unwrap());
    }
    let Shop {
        server,
        client,
        slug,
        token,
    } = shop;
    let shop = Shop {
        server: server.kill_and_restart().await,
        client,
        slug,
        token,
    };
    while let Some(answer) = answers.next().await {
        reported.push(answer.unwrap());
    }
    (shop, reported)
}

fn sold(reported: &[Reported]) -> Vec<&Value> {
    reported
        .iter()
        .filter_map(|reported| {
            if let Reported::Sold(order) = reported {
                Some(order)
            } else {
                None
            }
        })
        .collect()
}

/// What is left of a variant and its orders, as of one moment: what the killed server had sent to PostgreSQL may still
/// be committed between two looks.
async fn stock_and_orders(shop: &Shop, variant: &Value) -> (Value, Vec<Value>) {
    eventually(TIMEOUT, async || {
        let left = available(shop, variant).await;
        let mut orders = all_orders(shop).await;
        let seen = available(shop, variant).await;
        if seen == left {
            orders.retain(|order| order["lines"][0]["variant_id"] == variant["id"]);
            return Ok((left, orders));
        }
        Err(format!("{left} and then {seen}"))
    })
    .await
}

/// Asks until there is an answer.
async fn persist(request: impl Fn() -> RequestBuilder) -> Reported {
    eventually(TIMEOUT, async || match read(request().send().await).await {
        Reported::Nothing => Err("no answer"),
        reported => Ok(reported),
    })
    .await
}

both_databases! {
    async fn a_killed_server_neither_oversells_nor_forgets(db) {
        let rounds: usize = std::env::var("RUSTOK_ROUNDS").map_or(2, |rounds| rounds.parse().unwrap());
        let mut shop = Shop::start(rustok(db.url())).await;
        for round in 0..rounds {
            let tea = product(&shop, json!([{ "available": STOCK }])).await.remove(0);
            let order = order_of(&tea, 1);
            let keyed = |shop: &Shop, n: usize| place(shop, &order).header("idempotency-key", format!("{round}-{n}"));
            let requests = (0..BUYERS).map(|n| keyed(&shop, n)).collect();
            let (restarted, reported) = rush(shop, requests, (4 * round + 3) % STOCK).await;
            shop = restarted;

            // What was answered is there; what is not known is there as a whole or not at all.
            let (left, kept) = stock_and_orders(&shop, &tea).await;
            for order in sold(&reported) {
                assert!(kept.iter().any(|kept| kept["id"] == order["id"]), "round {round}: an answered order is lost");
            }
            let refused = reported.iter().filter(|reported| matches!(reported, Reported::Refused)).count();
            let answered = sold(&reported).len();
            eprintln!("round {round}: {answered} sold and {refused} refused when killed, {} orders kept", kept.len());
            assert!(kept.len() <= STOCK, "round {round}: {} sold", kept.len());
            assert_eq!(left, STOCK - kept.len(), "round {round}");
            assert!(refused == 0 || kept.len() == STOCK, "round {round}: refused while there was stock");

            // Everybody asks again with the key they had: who has an order gets the same, nobody a second one.
            let again = join_all((0..BUYERS).map(|n| persist({
                let (shop, keyed) = (&shop, &keyed);
                move || keyed(shop, n)
            })))
            .await;
            let again = sold(&again);
            let (left, kept) = stock_and_orders(&shop, &tea).await;
            assert_eq!((again.len(), kept.len(), left), (STOCK, STOCK, json!(0)), "round {round}");
            for order in sold(&reported) {
                assert!(again.contains(&order), "round {round}: the answer was not repeated");
            }
        }
    }
}
