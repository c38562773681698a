//! A tenant at ten times its limit, and what a request of its neighbour costs meanwhile. `RUSTOK_ROUNDS` says how often
//! (`bench/neighbour.sh`).

use super::open;
use crate::platform::{Shop, tenant};
use reqwest::Method;
use rustok_test_support::{TIMEOUT, TestDatabase, eventually};
use serde_json::json;
use std::collections::BTreeMap;
use std::time::Duration;
use tokio::time::{Instant, MissedTickBehavior};

/// Requests a second that each tenant may send.
const LIMIT: u64 = 50;
/// The same as it is set: with what is saved up, it is used up in a moment.
const LIMIT_PER_MINUTE: &str = "3000";
const PHASE: Duration = Duration::from_secs(2);
/// One request of each tenant per tick is exactly its limit.
const TICK: Duration = Duration::from_millis(1_000 / LIMIT);
const ATTACK: usize = 10;

/// CPU time of all threads of the server, in nanoseconds.
fn cpu(shop: &Shop) -> u64 {
    let tasks = std::fs::read_dir(format!("/proc/{}/task", shop.server.pid())).unwrap();
    let of = |task: std::fs::DirEntry| {
        let times = std::fs::read_to_string(task.path().join("schedstat")).unwrap();
        times.split(' ').next().unwrap().parse::<u64>().unwrap()
    };
    tasks.map(|task| of(task.unwrap())).sum()
}

/// Sends as many requests a tick for as long as a phase is; how many got which answer.
async fn send(shop: &Shop, slug: &str, per_tick: usize) -> BTreeMap<u16, u64> {
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let mut sent = Vec::new();
    for _ in 0..PHASE.as_millis() / TICK.as_millis() {
        ticks.tick().await;
        for _ in 0..per_tick {
            let request = shop.request_to(slug, Method::GET, "/api/store/v1/products");
            sent.push(tokio::spawn(async move {
                // The server closes a connection over which nothing came for a while, perhaps just now; and on a busy
                // machine several of those that the client has kept.
                for _ in 0..10 {
                    if let Ok(answer) = request.try_clone().unwrap().send().await {
                        return answer.status().as_u16();
                    }
                }
                request.send().await.unwrap().status().as_u16()
            }));
        }
    }
    let mut answers = BTreeMap::new();
    for answer in sent {
        *answers.entry(answer.await.unwrap()).or_default() += 1;
    }
    answers
}

/// CPU of the server while something goes on.
async fn cost<T>(shop: &Shop, what: impl Future<Output = T>) -> (u64, T) {
    let before = cpu(shop);
    let done = what.await;
    (cpu(shop) - before, done)
}

fn of_one(nanos: u64, requests: u64) -> u64 {
    nanos / requests.max(1) / 1_000
}

#[tokio::test(flavor = "multi_thread")]
async fn a_tenant_at_ten_times_its_limit_costs_its_neighbour_nothing() {
    let rounds: usize = std::env::var("RUSTOK_ROUNDS").map_or(3, |rounds| rounds.parse().unwrap());
    let db = TestDatabase::sqlite();
    let shop = open(
        db.url(),
        &[("RUSTOK_RATE_LIMIT_TENANT_PER_MINUTE", LIMIT_PER_MINUTE)],
    )
    .await;
    tenant(shop.server.command(), "shop2", "admin").await;
    for n in 0..20 {
        let body = json!({ "title": format!("Tea {n}"), "status": "active", "variants": [{ "price": { "amount": "1" } }] });
        let made = shop
            .admin(Method::POST, "/products")
            .json(&body)
            .send()
            .await
            .unwrap();
        assert_eq!(made.status(), 201);
    }
    // What the attacker has saved up goes first.
    eventually(TIMEOUT, async || {
        let begun = Instant::now();
        let answers = send(&shop, "shop2", 2 * ATTACK).await;
        let answered = answers.get(&200).copied().unwrap_or_default();
        // On a busy machine the phase takes longer, and the limit allows more.
        let allowed = LIMIT as f64 * begun.elapsed().as_secs_f64();
        let is_used_up = answers.contains_key(&429) && answered as f64 <= 1.5 * allowed;
        if is_used_up {
            Ok(())
        } else {
            Err((answered, allowed))
        }
    })
    .await;

    let mut percents = Vec::new();
    for round in 0..rounds {
        let (quiet, alone) = cost(&shop, send(&shop, "shop1", 1)).await;
        // Meanwhile the attacker has saved something up again.
        send(&shop, "shop2", ATTACK).await;
        let (attack, refused) = cost(&shop, send(&shop, "shop2", ATTACK)).await;
        let (both, (beside, attacked)) = cost(&shop, async {
            tokio::join!(send(&shop, "shop1", 1), send(&shop, "shop2", ATTACK))
        })
        .await;
        assert_eq!(alone, beside, "round {round}: the neighbour was refused");
        assert!(attacked[&429] > 8 * alone[&200], "round {round}: {attacked:?}");
        let loud = both.saturating_sub(attack);
        percents.push(loud * 100 / quiet);
        eprintln!(
            "round {round}: {} us CPU a request of the neighbour alone, {} us beside the attack; {} us a request of the \
             attack, of which {} were refused",
            of_one(quiet, alone[&200]),
            of_one(loud, beside[&200]),
            of_one(attack, refused.values().sum()),
            refused[&429],
        );
    }
    percents.sort_unstable();
    let median = percents[percents.len() / 2];
    eprintln!("the neighbour's CPU a request beside the attack: {median} % of what it is alone (median)");
    assert!(median <= 125, "{percents:?}");
}
