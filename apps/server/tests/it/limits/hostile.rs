//! What a neighbour notices of hostile connections, beside what it notices of as many honest ones that ask for the same:
//! how many of its requests are answered well, how long they take, and how much memory the server has. How many
//! connections says `RUSTOK_HOSTILE` (`bench/hostile.sh` takes 1,000). Both databases take turns: side by side each would
//! measure the other's load.

use super::hoarding::{Hoarder, fill};
use super::{Raw, memory, open};
use crate::imports::{form, post};
use crate::orders::{order_of, place, product};
use crate::platform::{Shop, tenant};
use http_body_util::BodyExt as _;
use reqwest::{Method, RequestBuilder};
use rustok_test_support::{Lateness, TestDatabase};
use serde_json::{Value, json};
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;
use tokio::task::JoinSet;
use tokio::time::{Instant, MissedTickBehavior};

/// Connections of a usual test run.
const FEW: usize = 100;
const PHASE: Duration = Duration::from_secs(6);
/// On PostgreSQL, of a usual test run.
const SHORT_PHASE: Duration = Duration::from_secs(3);
/// What 99 of 100 requests of the neighbour may take beside hostile connections: so many tenths of what they take beside
/// honest ones, and this much more.
const TENTHS: u32 = 15;
const MORE: Duration = Duration::from_millis(2);
/// How often the neighbour asks.
const TICK: Duration = Duration::from_millis(20);
/// Requests of one connection.
const ASKS: usize = 30;
/// The most memory that the server may have, in kilobytes.
const MOST_MEMORY: u64 = 300 << 10;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Attack {
    UnreadAnswers,
    SlowBodies,
    IdleConnections,
    LargePages,
    UnknownNames,
    DeepMarkup,
    Hoarding,
    Imports,
}

impl Attack {
    const ALL: [Self; 8] = [
        Self::UnreadAnswers,
        Self::SlowBodies,
        Self::IdleConnections,
        Self::LargePages,
        Self::UnknownNames,
        Self::DeepMarkup,
        Self::Hoarding,
        Self::Imports,
    ];

    /// What one connection does, and the same as an honest client would do it.
    async fn connection(self, site: &Site, number: usize, hostile: bool) {
        let Site { shop, tea, .. } = site;
        match self {
            Self::UnreadAnswers => {
                let mut client = Hoarder::connect(shop, if hostile { 0 } else { 1 << 20 }).await;
                let mut kept = Vec::new();
                for _ in 0..ASKS {
                    let answer = client.ask().await;
                    if hostile {
                        kept.extend(answer);
                    } else if let Some(answer) = answer {
                        answer.into_body().collect().await.ok();
                    }
                }
                if hostile {
                    client.ended().await;
                }
            }
            Self::SlowBodies => {
                let mut raw = Raw::order(shop, 20_000).await;
                if !hostile {
                    raw.try_send(&" ".repeat(20_000)).await;
                } else {
                    for _ in 0..10 {
                        raw.try_send(" ").await;
                        tokio::time::sleep(Duration::from_secs(1)).await;
                    }
                }
                raw.answer().await;
            }
            Self::IdleConnections => {
                let mut client = Hoarder::connect(shop, 65_535).await;
                client.ask().await;
                if hostile {
                    client.ended().await;
                }
            }
            // Honest clients ask for a page of the usual size.
            Self::LargePages => {
                let limit = if hostile { 100 } else { 4 };
                let path = format!("/api/store/v1/nodes?include=body&limit={limit}");
                if let Ok(answer) = shop.request(Method::GET, &path).send().await {
                    answer.bytes().await.ok();
                }
            }
            // The same number of bytes, nested in each other or one after the other.
            Self::DeepMarkup => {
                let list = format!("{}{}", "<ul><li>".repeat(120), "</li></ul>".repeat(120));
                let body = if hostile {
                    list.repeat(8)
                } else {
                    "<p>a</p>".repeat(list.len())
                };
                let node =
                    json!({ "kind": "post", "locale": "en", "title": "x", "format": "html", "body": body });
                site.send(shop.admin(Method::POST, "/nodes").json(&node)).await;
            }
            Self::Hoarding => {
                for ask in 0..ASKS / 3 {
                    let mut order = order_of(tea, if hostile { 900 } else { 1 });
                    order["email"] = json!(format!("{number}-{ask}@example.com"));
                    site.send(place(shop, &order)).await;
                }
            }
            Self::Imports => {
                let rows = (0..if hostile { 2_000 } else { 1 }).map(|n| format!("tea-{number}-{n},Tea,1\n"));
                let file = format!("Handle,Title,Variant Price\n{}", rows.collect::<String>());
                let sent = form(&[("source", b"shopify"), ("file", file.as_bytes())]);
                site.send(post(shop, sent)).await;
            }
            Self::UnknownNames => {
                for ask in 0..ASKS {
                    let slug = if hostile {
                        format!("nobody-{number}-{ask}")
                    } else {
                        "shop1".to_owned()
                    };
                    shop.request_to(&slug, Method::GET, "/api/store/v1/products?limit=1")
                        .send()
                        .await
                        .ok();
                }
            }
        }
    }
}

/// The server, and a variant that is sold there.
struct Site {
    shop: Shop,
    tea: Value,
    /// Requests that were accepted, of those attacks that want to be.
    accepted: AtomicUsize,
}

impl Site {
    async fn send(&self, request: RequestBuilder) {
        if request
            .send()
            .await
            .is_ok_and(|answer| answer.status().is_success())
        {
            self.accepted.fetch_add(1, Ordering::Relaxed);
        }
    }
}

/// What the neighbour saw.
#[derive(Debug)]
struct Seen {
    asked: usize,
    good: usize,
    p99: Duration,
    /// The same without what the machine kept each request waiting.
    p99_of_server: Duration,
    memory: u64,
}

fn p99(mut times: Vec<Duration>) -> Duration {
    times.sort_unstable();
    times.get(times.len() * 99 / 100).copied().unwrap_or_default()
}

/// The neighbour's phase, while so many connections do what they do, one after the other over the phase.
async fn beside(
    site: &Arc<Site>,
    (connections, phase): (usize, Duration),
    attack: Attack,
    hostile: bool,
) -> Seen {
    let lateness = Lateness::watch_process(site.shop.server.pid());
    let mut all = JoinSet::new();
    for number in 0..connections {
        let site = Arc::clone(site);
        let after = phase / 2 * u32::try_from(number).unwrap() / u32::try_from(connections).unwrap();
        all.spawn(async move {
            tokio::time::sleep(after).await;
            attack.connection(&site, number, hostile).await;
        });
    }
    let shop = &site.shop;
    let mut ticks = tokio::time::interval(TICK);
    ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
    let (mut sent, mut most) = (JoinSet::new(), 0);
    let begun = Instant::now();
    while begun.elapsed() < phase {
        ticks.tick().await;
        let request = shop.request_to("shop2", Method::GET, "/api/store/v1/products?limit=5");
        sent.spawn(async move {
            let begun = Instant::now();
            let good = request.send().await.is_ok_and(|answer| answer.status() == 200);
            (good, begun, Instant::now())
        });
        most = most.max(memory(shop));
    }
    let answers = sent.join_all().await;
    all.shutdown().await;
    let times = answers.iter().map(|(_, begun, ended)| *ended - *begun);
    let of_server = answers.iter().map(|(_, begun, ended)| {
        let granted = lateness.between(*begun, *ended);
        (*ended - *begun).saturating_sub(granted)
    });
    Seen {
        asked: answers.len(),
        good: answers.iter().filter(|(good, ..)| *good).count(),
        p99: p99(times.collect()),
        p99_of_server: p99(of_server.collect()),
        memory: most,
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_neighbour_hardly_notices_hostile_connections() {
    let connections: usize = std::env::var("RUSTOK_HOSTILE").map_or(FEW, |count| count.parse().unwrap());
    for db in [TestDatabase::sqlite(), TestDatabase::postgres().await] {
        attacked(&db, connections).await;
    }
}

/// A server with what the attacks ask for.
async fn site(db: &TestDatabase) -> Arc<Site> {
    let shop = open(db.url(), &[]).await;
    tenant(shop.server.command(), "shop2", "admin").await;
    fill(&shop).await;
    for n in 0..8 {
        let node = json!({
            "kind": "post", "locale": "en", "title": format!("{n}"), "format": "html",
            "body": format!("<p>{}</p>", "x".repeat(900_000)),
        });
        let made = shop
            .admin(Method::POST, "/nodes")
            .json(&node)
            .send()
            .await
            .unwrap();
        let made: serde_json::Value = made.json().await.unwrap();
        let publish = format!("/nodes/{}/publish", made["id"].as_str().unwrap());
        shop.admin(Method::POST, &publish)
            .json(&json!({}))
            .send()
            .await
            .unwrap();
    }
    let tea = product(&shop, json!([{ "available": 1_000_000 }]))
        .await
        .remove(0);
    let accepted = AtomicUsize::new(0);
    Arc::new(Site { shop, tea, accepted })
}

async fn attacked(db: &TestDatabase, connections: usize) {
    let database = if db.is_postgres() { "PostgreSQL" } else { "SQLite" };
    let phase = match connections {
        0..=FEW if db.is_postgres() => SHORT_PHASE,
        _ => PHASE,
    };
    let site = site(db).await;
    for attack in Attack::ALL {
        let honest = beside(&site, (connections, phase), attack, false).await;
        let before = site.accepted.load(Ordering::Relaxed);
        let hostile = beside(&site, (connections, phase), attack, true).await;
        if matches!(attack, Attack::DeepMarkup | Attack::Hoarding | Attack::Imports) {
            let accepted = site.accepted.load(Ordering::Relaxed) - before;
            assert!(accepted > 0, "{attack:?}: all of it was refused");
        }
        eprintln!(
            "{database}, {attack:?}, {connections} connections: good {} of {} (honest {} of {}), p99 {:?}, {:?} without the \
             machine's delays (honest {:?}), memory {} MB (honest {} MB)",
            hostile.good,
            hostile.asked,
            honest.good,
            honest.asked,
            hostile.p99,
            hostile.p99_of_server,
            honest.p99,
            hostile.memory >> 10,
            honest.memory >> 10,
        );
        assert!(
            hostile.good * 100 >= hostile.asked * 99,
            "{database}, {attack:?}: {hostile:?}"
        );
        assert!(
            hostile.memory <= MOST_MEMORY,
            "{database}, {attack:?}: {hostile:?}"
        );
        assert!(
            hostile.p99_of_server <= honest.p99 * TENTHS / 10 + MORE,
            "{database}, {attack:?}: {hostile:?}, honest {honest:?}"
        );
    }
}
