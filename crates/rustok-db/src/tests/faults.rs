//! PostgreSQL behind a line that is slow, silent, cut or refused, in real time: nobody waits past his deadline, nothing
//! piles up, and all is well again soon after.

use super::connections::{clean, look};
use super::*;
use crate::params;
use rustok_core::resilience::{CircuitBreakerMetrics, CircuitState};
use rustok_test_support::lateness::preemptions;
use rustok_test_support::{Direction, Fault, FaultProxy, Lateness, TIMEOUT, eventually, eventually_is};
use tokio::task::JoinSet;
use tokio::time::{Instant, interval, sleep};

const DEADLINE: Duration = Duration::from_millis(500);
/// For what has to work first, however busy the machine is, and what times out only then.
const PATIENT: Duration = Duration::from_secs(2);
/// How much later than its deadline an answer may come.
const LATER: Duration = Duration::from_millis(50);
/// How soon after a fault everything is as before.
const RECOVERED: Duration = Duration::from_secs(5);
const CONNECTIONS: usize = 4;

struct World {
    db: TestDatabase,
    proxy: FaultProxy,
    store: Store,
    shop: TenantHandle,
    /// Nobody has all connections.
    neighbour: TenantHandle,
}

impl World {
    /// A store behind the proxy, its pool full.
    async fn new() -> Self {
        let db = TestDatabase::postgres_empty().await;
        let proxy = FaultProxy::of_database(db.url());
        let config = StoreConfig {
            postgres_connections: CONNECTIONS,
            ..StoreConfig::new(DatabaseUrl::parse(&proxy.database_url(db.url())).unwrap())
        };
        let store = open_with(config, Opener::Server).await.unwrap();
        let shop = tenant(&store, 1, "shop1").await;
        let neighbour = tenant(&store, 2, "shop2").await;
        let world = Self {
            db,
            proxy,
            store,
            shop,
            neighbour,
        };
        world.fill(soon()).await.unwrap();
        world
    }

    async fn ask(&self) -> Result<(), StoreError> {
        ask(&self.store, self.shop, soon()).await
    }

    /// Holds as many transactions at once as there are connections, each of them answered.
    async fn fill(&self, deadline: Deadline) -> Result<(), StoreError> {
        let mut all = Vec::new();
        for number in 0..CONNECTIONS {
            let whose = if number % 2 == 0 {
                self.shop
            } else {
                self.neighbour
            };
            let mut tx = self.store.read(whose, deadline).await?;
            tx.db.fetch("x", "SELECT 1 AS n", &[], |_| Ok(())).await?;
            all.push(tx);
        }
        Ok(())
    }

    /// Requests at an even pace, each a task; answers how each ended, how long it took, and how much of the time over
    /// its deadline the machine did not take.
    async fn load(&self, per_second: u32, during: Duration) -> Vec<Asked> {
        let mut pace = interval(Duration::from_secs(1) / per_second);
        let lateness = Lateness::watch();
        let (begun, mut tasks) = (Instant::now(), JoinSet::new());
        while begun.elapsed() < during {
            pace.tick().await;
            let (store, shop) = (self.store.clone(), self.shop);
            tasks.spawn(async move {
                let begun = Instant::now();
                let answer = ask(&store, shop, Deadline::after(DEADLINE)).await;
                (answer, begun, Instant::now())
            });
        }
        let asked = tasks.join_all().await.into_iter().map(|(answer, begun, ended)| {
            let over = (ended - begun).saturating_sub(DEADLINE);
            let over = over.saturating_sub(lateness.between(begun, ended));
            (answer, ended - begun, over)
        });
        asked.collect()
    }

    /// Asks as a server's watch of the directory does, until the pool is full again.
    async fn recover(&self) -> Duration {
        let lateness = Lateness::watch();
        let begun = Instant::now();
        eventually(TIMEOUT, async || {
            let filled = self.fill(Deadline::after(PATIENT)).await;
            sleep(Duration::from_millis(if filled.is_ok() { 0 } else { 250 })).await;
            filled
        })
        .await;
        begun.elapsed().saturating_sub(lateness.since(begun))
    }

    async fn assert_nothing_was_left(&self) {
        let mut clients = Vec::new();
        for _ in 0..CONNECTIONS {
            clients.push(self.store.pooled_client().await);
        }
        for client in &mut clients {
            assert_eq!(look(client).await, clean());
        }
        assert_eq!(self.store.postgres_connections(), Some((CONNECTIONS, 0)));
        let open = "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
        eventually_is(TIMEOUT, "no open transaction", async || {
            self.db.superuser_count(open).await == 0
        })
        .await;
    }
}

/// An answer, how long it took, and how much later than its deadline and the machine it came.
type Asked = (Result<(), StoreError>, Duration, Duration);

async fn ask(store: &Store, shop: TenantHandle, deadline: Deadline) -> Result<(), StoreError> {
    let mut tx = store.read(shop, deadline).await?;
    tx.db.fetch("x", "SELECT 1 AS n", &[], |_| Ok(())).await.map(drop)
}

/// What holds for every fault.
async fn survives(fault: Fault, seconds: u64, fails: bool) {
    let world = World::new().await;
    world.proxy.set(fault);
    let answers = world.load(50, Duration::from_secs(seconds)).await;
    let latest = answers.iter().map(|(_, took, _)| *took).max().unwrap();
    let over = answers.iter().map(|(_, _, over)| *over).max().unwrap();
    let failed = answers.iter().filter(|(answer, _, _)| answer.is_err()).count();
    println!(
        "{fault:?}: {} asked, {failed} failed, latest {latest:?}, {over:?} later than the machine",
        answers.len(),
    );
    assert!(over <= LATER, "{latest:?}, {over:?}");
    assert!(
        answers
            .iter()
            .filter_map(|(answer, _, _)| answer.as_ref().err())
            .all(StoreError::is_outage),
        "{answers:?}"
    );
    if fails {
        let metrics = world.store.breaker().unwrap().metrics();
        assert!(metrics.transitions[CircuitState::Open.index()] > 0, "{metrics:?}");
        assert!(failed > answers.len() / 2, "{failed}");
    }
    world.proxy.heal();
    let took = world.recover().await;
    println!("{fault:?}: recovered after {took:?}");
    assert!(took <= RECOVERED, "{took:?}");
    world.assert_nothing_was_left().await;
}

macro_rules! survives {
    ($($name:ident: $fault:expr, seconds: $seconds:expr, fails: $fails:expr;)+) => {$(
        #[tokio::test(flavor = "multi_thread", worker_threads = 2)]
        async fn $name() {
            survives($fault, $seconds, $fails).await;
        }
    )+};
}

const fn latency(millis: u64) -> Fault {
    Fault::Latency {
        delay: Duration::from_millis(millis),
        jitter: Duration::from_millis(millis / 10),
    }
}

survives! {
    // Each way: a round trip takes nearly as long as the deadline, and a connection cannot be made in that time.
    latency_of_200_ms: latency(200), seconds: 2, fails: true;
    latency_of_2_s: latency(2_000), seconds: 2, fails: true;
    latency_of_30_s: latency(30_000), seconds: 2, fails: true;
    // Long enough for the breaker to stay open as long as it ever does.
    a_black_hole: Fault::BlackHole, seconds: 9, fails: true;
    resets: Fault::Reset, seconds: 2, fails: true;
    refusal: Fault::Refuse, seconds: 2, fails: true;
    // A connection is made of some hundred bytes.
    closing_after_some_bytes: Fault::CloseAfter { bytes: 200 }, seconds: 2, fails: true;
    slices: Fault::Slice { bytes: 7, pause: Duration::from_millis(5) }, seconds: 2, fails: false;
    ten_kilobytes_a_second: Fault::Bandwidth { bytes_per_second: 10_000 }, seconds: 2, fails: false;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_black_hole_under_load_costs_five_failures_and_then_microseconds() {
    let world = World::new().await;
    let breaker = world.store.breaker().unwrap().clone();
    let before = breaker.metrics();
    world.proxy.set(Fault::BlackHole);
    let opening = async {
        eventually_is(TIMEOUT, "an open breaker", async || {
            breaker.state() != CircuitState::Closed
        })
        .await;
        // Who came too late is counted twice, one number after the other: read when none of them changes.
        let numbers = |metrics: &CircuitBreakerMetrics| (metrics.failures, metrics.ignored, metrics.late);
        let mut seen = breaker.metrics();
        loop {
            sleep(Duration::from_millis(3)).await;
            let next = breaker.metrics();
            if numbers(&next) == numbers(&seen) {
                break next;
            }
            seen = next;
        }
    };
    let (_, opened) = tokio::join!(world.load(100, 2 * DEADLINE), opening);
    assert_eq!(opened.state, CircuitState::Open);
    // Whoever ended in the same moment after it had opened came too late to count.
    let counted = |metrics: &CircuitBreakerMetrics| metrics.failures + metrics.ignored - metrics.late;
    assert_eq!(counted(&opened) - counted(&before), 5, "{opened:?}");

    // While it is open nobody dials, and nobody waits. Held open by hand, for there to be time to measure, and after
    // those who try to cancel what timed out.
    breaker.open();
    sleep(DEADLINE).await;
    let dialled = world.proxy.traffic().accepted;
    let mut took = Vec::new();
    for _ in 0..10_000 {
        let before = preemptions();
        let begun = Instant::now();
        let answer = world.ask().await;
        let elapsed = begun.elapsed();
        if preemptions() == before {
            took.push(elapsed);
        }
        assert!(matches!(answer, Err(StoreError::Rejected { .. })), "{answer:?}");
    }
    took.sort_unstable();
    assert!(took.len() > 1_000, "this machine has no time at all");
    let (median, p99) = (took[took.len() / 2], took[took.len() * 99 / 100]);
    println!("{} rejected: median {median:?}, p99 {p99:?}", took.len());
    assert!(median <= Duration::from_micros(100) && p99 <= Duration::from_millis(1));
    assert_eq!(world.proxy.traffic().accepted, dialled);

    // Probes: at most two connections each time it is half-open, however many ask.
    let held = breaker.metrics();
    let tried = || {
        let half_open = CircuitState::HalfOpen.index();
        breaker.metrics().transitions[half_open] - held.transitions[half_open]
    };
    breaker.release();
    eventually_is(TIMEOUT, "two probes", async || {
        world.load(200, Duration::from_millis(250)).await;
        tried() >= 2
    })
    .await;
    breaker.open();
    let probed = breaker.metrics();
    let probes = world.proxy.traffic().accepted - dialled;
    println!("{probes} probes in {} half-open times", tried());
    assert!(probes <= 2 * tried() && probes >= 2, "{probes}");
    let ended = |metrics: &CircuitBreakerMetrics| metrics.failures + metrics.ignored;
    assert_eq!(ended(&probed) - ended(&held), probes, "{held:?} {probed:?}");

    // Healed: exactly two are let through, and they close it.
    world.proxy.set(latency(50));
    breaker.release();
    let mut tasks = JoinSet::new();
    for _ in 0..64 {
        let (store, shop) = (world.store.clone(), world.shop);
        tasks.spawn(async move {
            let mut tx = store.read(shop, soon()).await?;
            tx.db.fetch("x", "SELECT 1 AS n", &[], |_| Ok(())).await
        });
    }
    let passed = tasks
        .join_all()
        .await
        .iter()
        .filter(|answer| answer.is_ok())
        .count();
    assert_eq!((passed, breaker.state()), (2, CircuitState::Closed));
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn connections_that_died_in_the_pool_are_nobodys_failure() {
    let world = World::new().await;
    let counts = |metrics: CircuitBreakerMetrics| (metrics.failures, metrics.ignored);
    let before = counts(world.store.breaker().unwrap().metrics());
    let kill = "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity \
                WHERE datname = current_database() AND pid <> pg_backend_pid() AND client_port IS NOT NULL";
    for round in 0..20 {
        assert!(world.db.superuser_count(kill).await > 0);
        if round % 2 == 0 {
            world.ask().await.unwrap();
        } else {
            let params = params![world.shop.tenant_id(), id(round), round.to_string(), now()].to_vec();
            let mut tx = world.store.write(world.shop, soon()).await.unwrap();
            let insert = crate::statement::Statement::one("notes", INSERT_NOTE, &params);
            tx.db.execute_all(&[insert]).await.unwrap();
            tx.commit().await.unwrap();
        }
        world.fill(soon()).await.unwrap();
        // As after a restart: all at once, and the other end answers with a reset.
        world.proxy.set(Fault::Reset);
        world.proxy.heal();
        world.ask().await.unwrap();
    }
    assert_eq!(counts(world.store.breaker().unwrap().metrics()), before);
    assert_eq!(
        words(&world.store, world.shop).await.len(),
        10,
        "each was written once"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_that_dies_in_the_middle_fails_its_transaction_only() {
    let world = World::new().await;
    let mut tx = world.store.write(world.shop, soon()).await.unwrap();
    let note = |number: u128| params![world.shop.tenant_id(), id(number), number.to_string(), now()].to_vec();
    tx.db.execute_one("notes", INSERT_NOTE, &note(1)).await.unwrap();
    world.proxy.set(Fault::Reset);
    world.proxy.heal();
    let error = tx
        .db
        .execute_one("notes", INSERT_NOTE, &note(2))
        .await
        .unwrap_err();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    assert!(tx.commit().await.is_err());
    assert_eq!(world.store.breaker().unwrap().metrics().failures, 1);
    assert_eq!(
        words(&world.store, world.shop).await,
        [""; 0],
        "nothing is made twice, or by halves"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_commit_without_an_answer_is_in_doubt() {
    let world = World::new().await;
    for (number, fault) in [(1, Fault::BlackHole), (2, Fault::CloseAfter { bytes: 0 })] {
        let mut tx = world
            .store
            .write(world.shop, Deadline::after(PATIENT))
            .await
            .unwrap();
        let note = params![world.shop.tenant_id(), id(number), number.to_string(), now()];
        tx.db.execute_one("notes", INSERT_NOTE, note).await.unwrap();
        // COMMIT gets through, its answer does not.
        world.proxy.set_one_way(Direction::ToClient, fault);
        let error = tx.commit().await.unwrap_err();
        assert!(matches!(error, StoreError::InDoubt(_)), "{error:?}");
        world.proxy.heal();
    }
    assert_eq!(
        words(&world.store, world.shop).await.first().unwrap(),
        "1",
        "it did happen"
    );
}

/// Nobody knows when the answer comes that was not waited for: who got that connection would wait behind it.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_connection_whose_statement_timed_out_is_not_used_again() {
    let world = World::new().await;
    let backend = "SELECT pg_backend_pid()::bigint AS pid";
    let pid = async |tx: &mut crate::TenantTx| {
        let pids = tx.db.fetch("x", backend, &[], |row| row.get::<i64>("pid")).await;
        pids.map(|pids| pids[0])
    };
    let mut tx = world
        .store
        .read(world.shop, Deadline::after(PATIENT))
        .await
        .unwrap();
    let before = pid(&mut tx).await.unwrap();
    world.proxy.set(Fault::BlackHole);
    let error = pid(&mut tx).await.unwrap_err();
    assert!(matches!(error, StoreError::Timeout(_)), "{error:?}");
    drop(tx);
    // Healed at once, it would have been drained and been as good as new.
    world.proxy.heal();
    eventually(TIMEOUT, async || match world.store.postgres_connections() {
        seen if seen == Some((CONNECTIONS - 1, CONNECTIONS - 1)) => Ok(()),
        seen => Err(seen),
    })
    .await;
    let mut held = Vec::new();
    for number in 0..CONNECTIONS {
        let whose = if number % 2 == 0 {
            world.shop
        } else {
            world.neighbour
        };
        let mut tx = world.store.read(whose, soon()).await.unwrap();
        assert_ne!(pid(&mut tx).await.unwrap(), before);
        held.push(tx);
    }
}

/// Whoever leaves before his deadline gives the connection a moment to come back, and no longer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_is_dropped_in_a_black_hole_does_not_hang() {
    let world = World::new().await;
    world.proxy.set(Fault::BlackHole);
    let mut tasks = JoinSet::new();
    for _ in 0..CONNECTIONS {
        let (store, shop) = (world.store.clone(), world.shop);
        tasks.spawn(async move {
            let mut tx = store.read(shop, soon()).await.unwrap();
            let query = tx.db.fetch("x", "SELECT 1 AS n", &[], |_| Ok(()));
            assert!(
                tokio::time::timeout(Duration::from_millis(50), query)
                    .await
                    .is_err()
            );
        });
    }
    tasks.join_all().await;
    let lateness = Lateness::watch();
    let begun = Instant::now();
    eventually(TIMEOUT, async || match world.store.postgres_connections() {
        Some((0, 0)) => Ok(()),
        seen => Err(seen),
    })
    .await;
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(2) + lateness.since(begun), "{took:?}");
    world.proxy.heal();
    world.fill(soon()).await.unwrap();
    world.assert_nothing_was_left().await;
}

#[tokio::test]
async fn a_server_that_accepts_and_says_nothing_does_not_hold_up_a_start() {
    let db = TestDatabase::postgres_empty().await;
    let proxy = FaultProxy::of_database(db.url());
    proxy.set(Fault::BlackHole);
    let url = with_query(&proxy.database_url(db.url()), "connect_timeout=1");
    let lateness = Lateness::watch();
    let begun = Instant::now();
    let config = StoreConfig::new(DatabaseUrl::parse(&url).unwrap());
    let error = open_with(config, Opener::Server).await.err().unwrap();
    assert!(matches!(error, StoreError::Unavailable(_)), "{error:?}");
    let took = begun.elapsed();
    assert!(took < Duration::from_secs(4) + lateness.since(begun), "{took:?}");
}
