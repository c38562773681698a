//! The engine with a source that fails on demand, on both databases.

use super::engine::{Engine, Fault, Key, Outcome, Source, Written};
use super::{ImportReport, Mode};
use crate::context::{Ctx, PlatformCtx, Services};
use crate::work::IdempotencyKey;
use crate::{content, tenants};
use rustok_auth::{Role, SecretKind, TokenSecret};
use rustok_core::clock::SystemClock;
use rustok_core::deadline::Deadline;
use rustok_core::error::{ErrorKind, RichError};
use rustok_import::RowError;
use rustok_storage::import_references::{ImportReference, Imported};
use rustok_storage::tokens::ApiToken;
use rustok_storage::{DatabaseUrl, Opener, StoreConfig, TenantTx, tokens};
use rustok_tenancy::{NewTenantInput, TenantIdentifierValidator, TenantSettings};
use rustok_test_support::{TestDatabase, both_databases};
use std::collections::{BTreeSet, HashMap};
use std::ops::ControlFlow;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};
use tokio::time::Instant as Moment;

/// What writing an item does besides writing it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Act {
    Succeeds,
    /// Fails this many times, without a word from the database.
    Fails(ErrorKind, u32),
    /// Breaks a unique key in the database, every time.
    BreaksKey,
    /// Keeps the transaction busy.
    Takes(Duration),
}

#[derive(Debug, Clone)]
struct Item {
    line: u64,
    version: u8,
    act: Act,
}

/// Writes an author per item.
#[derive(Default)]
struct Authors {
    attempts: Mutex<HashMap<u64, u32>>,
    /// Each transaction has a deadline of its own.
    transactions: Mutex<BTreeSet<Moment>>,
}

fn login(line: u64) -> String {
    format!("author-{line:03}")
}

impl Source for &Authors {
    type Item = Item;
    type Checked = Item;
    const IMPORTED: Imported = Imported::WordpressNode;

    fn key(&self, item: &Item) -> Option<Key> {
        Some(Key::new(&login(item.line), [item.version; 32], ""))
    }

    fn place(&self, item: &Item) -> (u64, u64) {
        (item.line, 7)
    }

    fn check(&self, item: Item) -> Result<Item, Vec<Fault>> {
        Ok(item)
    }

    async fn write(
        &self,
        tx: &mut TenantTx,
        ctx: &Ctx,
        known: Option<&ImportReference>,
        item: Item,
    ) -> Result<Outcome, RichError> {
        self.transactions.lock().unwrap().extend(ctx.deadline.instant());
        let attempt = {
            let mut attempts = self.attempts.lock().unwrap();
            let attempt = attempts.entry(item.line).or_default();
            *attempt += 1;
            *attempt
        };
        let name = format!("version {}", item.version);
        let author = content::authors::upsert(
            tx,
            ctx,
            &login(item.line),
            Some(&name),
            content::authors::IfNamed::Overwrite,
        )
        .await?;
        match item.act {
            Act::Succeeds => {}
            Act::Fails(kind, times) if attempt <= times => return Err(RichError::new(kind, "on purpose")),
            Act::Fails(..) => {}
            Act::BreaksKey => {
                let secret =
                    TokenSecret::generate(SecretKind::Tenant, &mut rand::make_rng::<rand::rngs::StdRng>());
                for _ in 0..2 {
                    let token = ApiToken::new(ctx.id(), "twice", Role::Viewer, ctx.now());
                    tokens::insert_token(tx, &token, &secret.hash()).await?;
                }
            }
            Act::Takes(time) => {
                let start = Instant::now();
                while start.elapsed() < time {
                    std::hint::spin_loop();
                }
            }
        }
        let id = author.id.as_uuid();
        let written = if known.is_some() {
            Written::Updated(id)
        } else {
            Written::Created(id)
        };
        Ok(written.into())
    }
}

async fn ctx(db: &TestDatabase) -> Ctx {
    let config = StoreConfig::new(DatabaseUrl::parse(db.url()).unwrap());
    let store = rustok_storage::open(config, Opener::Server).await.unwrap();
    let validator = TenantIdentifierValidator::new("localhost").unwrap();
    let services = Arc::new(Services::new(store, Arc::new(SystemClock), validator));
    let platform = PlatformCtx::system(Arc::clone(&services), "test", Deadline::never());
    let input = NewTenantInput {
        slug: "shop1".to_owned(),
        name: "Shop 1".to_owned(),
        hosts: Vec::new(),
        settings: TenantSettings::default(),
    };
    let tenant = tenants::create(&platform, input, IdempotencyKey::none()).await;
    let tenant = tenant.unwrap().made().unwrap();
    Ctx::system(services, Arc::new(tenant), "test", Deadline::never())
}

/// `count` items that succeed, but for those named.
fn items(count: u64, acts: &[(u64, Act)]) -> Vec<Item> {
    let act = |line| {
        acts.iter()
            .find(|(at, _)| *at == line)
            .map_or(Act::Succeeds, |(_, act)| *act)
    };
    (1..=count)
        .map(|line| Item {
            line,
            version: 1,
            act: act(line),
        })
        .collect()
}

async fn run(ctx: &Ctx, source: &Authors, items: &[Item], mode: Mode) -> ImportReport {
    let mut engine = Engine::new(ctx, source, "a.csv", mode, false);
    let mut reader = items.iter().cloned().map(Ok::<_, RowError>);
    let done = engine
        .run(&mut reader, |_| 0, |_| 0, &mut |_| ControlFlow::Continue(()))
        .await;
    engine.finish(done.err())
}

fn counts(report: &ImportReport) -> [u64; 4] {
    [
        report.created,
        report.updated,
        report.unchanged,
        report.error_count,
    ]
}

/// The lines whose authors are in the database.
async fn kept(ctx: &Ctx, up_to: u64) -> Vec<u64> {
    let mut tx = ctx.read().await.unwrap();
    let mut kept = Vec::new();
    for line in 1..=up_to {
        if rustok_storage::authors::find_author(&mut tx, &login(line))
            .await
            .unwrap()
            .is_some()
        {
            kept.push(line);
        }
    }
    kept
}

both_databases! {
    async fn a_refused_item_loses_only_itself(db) {
        let ctx = ctx(&db).await;
        let source = Authors::default();
        let items = items(150, &[(3, Act::BreaksKey), (7, Act::Fails(ErrorKind::Internal, 9)), (120, Act::BreaksKey)]);
        let report = run(&ctx, &source, &items, Mode::Commit).await;
        assert_eq!((counts(&report), report.stopped.is_some()), ([147, 0, 0, 3], false));
        let places: Vec<_> = report.errors.iter().map(|error| (error.line, error.column, &*error.file)).collect();
        assert_eq!(places, [(3, 7, "a.csv"), (7, 7, "a.csv"), (120, 7, "a.csv")]);
        let expected: Vec<_> = (1..=150).filter(|line| ![3, 7, 120].contains(line)).collect();
        assert_eq!(kept(&ctx, 150).await, expected, "what a refused item wrote is gone too");
        // What is inside stays inside.
        assert!(report.errors.iter().all(|error| !error.reason.contains("purpose")), "{:?}", report.errors);
    }

    async fn an_import_stops_between_two_batches_when_it_is_asked_to(db) {
        let ctx = ctx(&db).await;
        let source = Authors::default();
        let mut engine = Engine::new(&ctx, &source, "a.csv", Mode::Commit, false);
        let mut reader = items(250, &[]).into_iter().map(Ok::<_, RowError>);
        engine.run(&mut reader, |_| 0, |_| 0, &mut |_| ControlFlow::Break(())).await.unwrap();
        let report = engine.finish(None);
        assert_eq!((counts(&report), report.is_interrupted), ([100, 0, 0, 0], true));
        let again = run(&ctx, &source, &items(250, &[]), Mode::Commit).await;
        assert_eq!((counts(&again), again.is_interrupted), ([150, 0, 100, 0], false));
        // Nothing was left to do: that is an end like any other.
        let mut engine = Engine::new(&ctx, &source, "a.csv", Mode::Commit, false);
        let mut reader = items(50, &[]).into_iter().map(Ok::<_, RowError>);
        engine.run(&mut reader, |_| 0, |_| 0, &mut |_| ControlFlow::Break(())).await.unwrap();
        assert!(!engine.finish(None).is_interrupted);
    }

    async fn a_refused_item_is_reported_with_its_rules_without_a_second_look(db) {
        let ctx = ctx(&db).await;
        let source = Authors::default();
        let report = run(&ctx, &source, &items(5, &[(2, Act::Fails(ErrorKind::Validation, 1))]), Mode::Commit).await;
        assert_eq!(counts(&report), [4, 0, 0, 1]);
        assert!(source.attempts.lock().unwrap().values().all(|attempts| *attempts == 1));
    }

    async fn a_moment_of_trouble_is_waited_out(db) {
        let ctx = ctx(&db).await;
        let source = Authors::default();
        let acts = [(2, Act::Fails(ErrorKind::Unavailable, 2)), (4, Act::Fails(ErrorKind::Conflict, 2))];
        let report = run(&ctx, &source, &items(6, &acts), Mode::Commit).await;
        assert_eq!(counts(&report), [6, 0, 0, 0]);
        assert_eq!(kept(&ctx, 6).await, [1, 2, 3, 4, 5, 6]);
    }

    async fn what_did_not_change_is_left_alone(db) {
        let ctx = ctx(&db).await;
        let mut items = items(120, &[]);
        run(&ctx, &Authors::default(), &items, Mode::Commit).await;
        for item in items.iter_mut().filter(|item| item.line % 50 == 0) {
            item.version = 2;
        }
        let source = Authors::default();
        let report = run(&ctx, &source, &items, Mode::Commit).await;
        assert_eq!(counts(&report), [0, 2, 118, 0]);
        assert_eq!(source.attempts.lock().unwrap().len(), 2, "only what changed is written");
        let again = run(&ctx, &Authors::default(), &items, Mode::Commit).await;
        assert_eq!(counts(&again), [0, 0, 120, 0]);
    }

    async fn a_rehearsal_is_rolled_back(db) {
        let ctx = ctx(&db).await;
        let items = items(10, &[(5, Act::BreaksKey)]);
        for _ in 0..2 {
            let report = run(&ctx, &Authors::default(), &items, Mode::DryRun).await;
            assert_eq!(counts(&report), [9, 0, 0, 1]);
        }
        assert!(kept(&ctx, 10).await.is_empty());
        assert_eq!(counts(&run(&ctx, &Authors::default(), &items, Mode::Commit).await), [9, 0, 0, 1]);
    }

    async fn two_imports_of_one_file_make_it_once(db) {
        let ctx = ctx(&db).await;
        let items = items(250, &[]);
        let (one, two) = (Authors::default(), Authors::default());
        let (one, two) =
            tokio::join!(run(&ctx, &one, &items, Mode::Commit), run(&ctx, &two, &items, Mode::Commit));
        assert_eq!((one.error_count, two.error_count), (0, 0), "{one:?} {two:?}");
        assert_eq!(one.created + two.created, 250);
        assert_eq!(one.unchanged + two.unchanged, 250);
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn sqlite_is_given_back_after_every_few_milliseconds() {
    let db = TestDatabase::sqlite();
    let ctx = ctx(&db).await;
    let source = Authors::default();
    let slow: Vec<_> = (1..=20)
        .map(|line| (line, Act::Takes(Duration::from_millis(8))))
        .collect();
    let report = run(&ctx, &source, &items(20, &slow), Mode::Commit).await;
    assert_eq!(counts(&report), [20, 0, 0, 0]);
    let transactions = source.transactions.lock().unwrap().len();
    assert!(
        transactions >= 7,
        "{transactions} transactions for 160 ms of work"
    );
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn an_import_stops_when_the_database_stays_away() {
    let db = TestDatabase::sqlite();
    let ctx = ctx(&db).await;
    let source = Authors::default();
    let acts = [(130, Act::Fails(ErrorKind::Unavailable, u32::MAX))];
    let report = run(&ctx, &source, &items(150, &acts), Mode::Commit).await;
    assert_eq!(
        report.stopped.as_ref().map(RichError::kind),
        Some(ErrorKind::Unavailable)
    );
    // What was done before stays; nothing after it is tried.
    assert_eq!((report.created, report.error_count), (129, 0));
    assert_eq!(kept(&ctx, 150).await, (1..=129).collect::<Vec<_>>());
}
