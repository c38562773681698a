//! SIGKILL under eight writers: nothing that was answered is lost, and nothing is there twice after everybody has
//! repeated with the key they had. `RUSTOK_ROUNDS` says how often (`bench/durability.sh`).

use super::{kept, marked};
use crate::orders;
use crate::platform::{Shop, rustok};
use reqwest::{Error, Response};
use rustok_test_support::{TIMEOUT, both_databases, eventually};
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use tokio::time::Instant;

const WRITERS: usize = 8;

/// What a writer knows: the orders that were answered, and the one whose answer never came.
#[derive(Default)]
struct Ledger {
    answered: BTreeMap<String, String>,
    open: Option<String>,
}

/// The id of the order, if that was the answer.
async fn made(sent: Result<Response, Error>) -> Option<String> {
    let response = sent.ok()?;
    let status = response.status().as_u16();
    let body: Value = response.json().await.ok()?;
    match (status, body["code"].as_str()) {
        (201, _) => Some(orders::id(&body).to_owned()),
        // PostgreSQL has not seen yet that the killed server is gone.
        (409, Some("idempotency_in_flight")) => None,
        _ => panic!("{body:#}"),
    }
}

/// Writes until an answer does not come.
async fn write(shop: Arc<Shop>, tea: Value, name: String, answered: Arc<AtomicUsize>) -> Ledger {
    let mut ledger = Ledger::default();
    for n in 0.. {
        let mark = format!("{name}-{n}");
        match made(marked(&shop, &tea, &mark).send().await).await {
            Some(id) => ledger.answered.insert(mark, id),
            None => {
                ledger.open = Some(mark);
                break;
            }
        };
        answered.fetch_add(1, Ordering::Relaxed);
    }
    ledger
}

/// One server's life: all write, and it is killed after so many answers.
async fn life(shop: Shop, tea: &Value, round: usize, kill_after: usize) -> (Shop, Vec<Ledger>) {
    let shop = Arc::new(shop);
    let answered = Arc::new(AtomicUsize::new(0));
    let writers: Vec<_> = (0..WRITERS)
        .map(|writer| {
            let name = format!("r{round}-w{writer}");
            tokio::spawn(write(Arc::clone(&shop), tea.clone(), name, Arc::clone(&answered)))
        })
        .collect();
    // Without a pause: the kill has to hit the middle of the writing.
    let begun = Instant::now();
    while answered.load(Ordering::Relaxed) < kill_after {
        assert!(begun.elapsed() < TIMEOUT, "{answered:?} of {kill_after}");
        tokio::task::yield_now().await;
    }
    // SIGKILL by its number: the writers still hold the server.
    let kill = format!("kill -KILL {}", shop.server.pid());
    assert!(
        std::process::Command::new("sh")
            .args(["-c", &kill])
            .status()
            .unwrap()
            .success()
    );
    let mut ledgers = Vec::new();
    for writer in writers {
        ledgers.push(writer.await.unwrap());
    }
    let Ok(shop) = Arc::try_unwrap(shop) else {
        panic!("a writer still has it")
    };
    let server = shop.server.kill_and_restart().await;
    (Shop { server, ..shop }, ledgers)
}

both_databases! {
    async fn a_killed_server_loses_nothing_and_doubles_nothing(db) {
        let rounds: usize = std::env::var("RUSTOK_ROUNDS").map_or(5, |rounds| rounds.parse().unwrap());
        let mut shop = Shop::start(rustok(db.url())).await;
        let tea = orders::product(&shop, json!([{}])).await.remove(0);
        let mut all = BTreeMap::new();
        for round in 0..rounds {
            let (restarted, ledgers) = life(shop, &tea, round, 5 + 7 * round % 40).await;
            shop = restarted;
            let mut repeated = 0;
            for ledger in ledgers {
                all.extend(ledger.answered);
                // Whoever knows nothing asks again with the same key, twice.
                let Some(mark) = ledger.open else { continue };
                let mut ids = Vec::new();
                for _ in 0..2 {
                    let again = async || made(marked(&shop, &tea, &mark).send().await).await.ok_or("no answer");
                    ids.push(eventually(TIMEOUT, again).await);
                }
                assert_eq!(ids[0], ids[1], "round {round}: {mark} was made twice");
                all.insert(mark, ids.remove(0));
                repeated += 1;
            }
            let kept = kept(&shop).await;
            let lost: Vec<_> = all.iter().filter(|(mark, id)| kept.get(*mark).is_none_or(|ids| !ids.contains(id))).collect();
            let doubled: Vec<_> = kept.iter().filter(|(_, ids)| ids.len() > 1).collect();
            eprintln!("round {round}: {} answered in all, {repeated} repeated, {} lost, {} doubled", all.len(), lost.len(), doubled.len());
            assert!(lost.is_empty() && doubled.is_empty(), "round {round}: lost {lost:?}, doubled {doubled:?}");
            assert_eq!(kept.len(), all.len(), "round {round}: there are orders that nobody knows of");
        }
    }
}
