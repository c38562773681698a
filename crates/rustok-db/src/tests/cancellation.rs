//! PostgreSQL: futures dropped at any moment, ten thousand times. No connection may come back with a tenant, a role
//! or a transaction, no read may see another tenant's row, and what was written together is there together.

use super::connections::{clean, look};
use super::*;
use crate::params;
use crate::statement::Statement;
use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};
use std::pin::Pin;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::task::{Context, Poll};
use std::time::Instant;

const CANCELLATIONS: u32 = 10_000;
const TASKS: u32 = 8;
const CONNECTIONS: usize = 4;

/// Polls a future a few times and then drops it: cut at one of its awaits.
struct Polls<F> {
    future: Pin<Box<F>>,
    left: u32,
}

impl<F: Future> Future for Polls<F> {
    /// `None` when it was cut.
    type Output = Option<F::Output>;

    fn poll(mut self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<Self::Output> {
        self.left = self.left.saturating_sub(1);
        match self.future.as_mut().poll(cx) {
            Poll::Ready(done) => Poll::Ready(Some(done)),
            Poll::Pending if self.left == 0 => Poll::Ready(None),
            Poll::Pending => Poll::Pending,
        }
    }
}

#[derive(Clone)]
struct World {
    store: Store,
    /// Each with as many notes as its place in the list, plus one.
    tenants: Arc<Vec<TenantHandle>>,
    numbers: Arc<AtomicU64>,
}

impl World {
    /// A query without the tenant's filter: the database alone keeps tenants apart.
    async fn read(&self, place: usize, commits: bool) -> Result<(), StoreError> {
        let tenant = self.tenants[place];
        let mut tx = self.store.read(tenant, soon()).await?;
        let seen = tx.db.fetch("notes", "SELECT tenant_id FROM notes", &[], |row| {
            row.get::<TenantId>("tenant_id")
        });
        let seen = seen.await?;
        assert_eq!(
            seen,
            vec![tenant.tenant_id(); place + 1],
            "a leak between tenants"
        );
        if commits { tx.commit().await } else { Ok(()) }
    }

    async fn sleep_and_read(&self, place: usize, deadline: Deadline) -> Result<(), StoreError> {
        let mut tx = self.store.read(self.tenants[place], deadline).await?;
        tx.db
            .fetch("x", "SELECT pg_sleep(0.01)::text AS slept", &[], |_| Ok(()))
            .await?;
        let seen = tx.db.fetch("notes", "SELECT tenant_id FROM notes", &[], |row| {
            row.get::<TenantId>("tenant_id")
        });
        assert_eq!(
            seen.await?,
            vec![self.tenants[place].tenant_id(); place + 1],
            "a leak between tenants"
        );
        Ok(())
    }

    /// A left and a right half of one number, in one flight or one by one, kept or not.
    async fn write(&self, place: usize, one_flight: bool, commits: bool) -> Result<(), StoreError> {
        let number = self.numbers.fetch_add(1, Ordering::Relaxed);
        let tenant = self.tenants[place];
        let text = number.to_string();
        let mut tx = self.store.write(tenant, soon()).await?;
        let params = params![tenant.tenant_id(), id(u128::from(number)), &text, now()];
        let left = Statement::one(
            "lefts",
            "INSERT INTO lefts (tenant_id, id, word, created_at) VALUES ($1, $2, $3, $4)",
            params,
        );
        let right = Statement::one(
            "rights",
            "INSERT INTO rights (tenant_id, id, word, created_at) VALUES ($1, $2, $3, $4)",
            params,
        );
        if one_flight {
            tx.db.execute_all(&[left, right]).await?;
        } else {
            tx.db.execute_one(left.table, &left.sql, &left.params).await?;
            tx.db.execute_one(right.table, &right.sql, &right.params).await?;
        }
        if commits { tx.commit().await } else { Ok(()) }
    }

    async fn fail(&self, place: usize) -> Result<(), StoreError> {
        let tenant = self.tenants[place];
        let mut tx = self.store.write(tenant, soon()).await?;
        let params = params![tenant.tenant_id(), id(1), "word-0", now()];
        tx.db.execute("notes", INSERT_NOTE, params).await?;
        panic!("a taken word was taken again: the transaction did not see its tenant's rows");
    }

    async fn platform(&self) -> Result<(), StoreError> {
        let mut tx = self.store.platform_write(soon()).await?;
        counter(&mut tx).await?;
        Ok(())
    }

    async fn work(&self, what: u32, place: usize) -> Result<(), StoreError> {
        match what {
            0..4 => self.read(place, false).await,
            4 => self.read(place, true).await,
            5 => self.write(place, true, true).await,
            6 => self.write(place, false, true).await,
            7 => self.write(place, true, false).await,
            8 => self.sleep_and_read(place, soon()).await,
            // The server ends the statement at about the moment at which it is dropped here.
            9 => {
                self.sleep_and_read(place, Deadline::after(Duration::from_millis(5)))
                    .await
            }
            10 => self.fail(place).await,
            _ => self.platform().await,
        }
    }

    /// Cuts work until `wanted` pieces were cut before their end; answers how many ran to their end.
    async fn cut(self, seed: u64, wanted: u32) -> u32 {
        let mut rng = StdRng::seed_from_u64(seed);
        let (mut cut, mut done) = (0, 0);
        while cut < wanted {
            let (what, place) = (rng.random_range(0..12), rng.random_range(0..self.tenants.len()));
            let work = self.work(what, place);
            let answer = if rng.random_bool(0.7) {
                Polls {
                    future: Box::pin(work),
                    left: rng.random_range(1..=6),
                }
                .await
            } else {
                tokio::time::timeout(Duration::from_millis(rng.random_range(0..4)), work)
                    .await
                    .ok()
            };
            match answer {
                None => cut += 1,
                Some(Ok(())) => done += 1,
                Some(Err(StoreError::Timeout(_) | StoreError::Overloaded)) if what == 9 => done += 1,
                Some(Err(error)) => assert!(what == 10 && error.is_taken("notes(word)"), "{what}: {error:?}"),
            }
            if rng.random_bool(0.1) {
                let mut client = self.store.pooled_client().await;
                assert_eq!(look(&mut client).await, clean(), "a connection came back dirty");
            }
            assert!(done < 100 * wanted, "only {cut} of {done} were cut");
        }
        done
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn ten_thousand_cancellations_leak_nothing() {
    let start = Instant::now();
    let db = TestDatabase::postgres_empty().await;
    let store = open_small(&db, CONNECTIONS).await;
    let mut tenants = Vec::new();
    for (number, words) in (1..).zip([&["word-0"][..], &["word-0", "b"], &["word-0", "b", "c"]]) {
        let tenant = tenant(&store, number, &format!("shop{number}")).await;
        add_notes(&store, tenant, words).await;
        tenants.push(tenant);
    }
    let world = World {
        store: store.clone(),
        tenants: Arc::new(tenants),
        numbers: Arc::new(AtomicU64::new(0)),
    };
    let tasks: Vec<_> = (0..TASKS)
        .map(|task| tokio::spawn(world.clone().cut(u64::from(task), CANCELLATIONS / TASKS)))
        .collect();
    let mut done = 0;
    for task in tasks {
        done += task.await.unwrap();
    }

    // Every connection, all at the same time: each is free again, and clean.
    let mut clients = Vec::new();
    for _ in 0..CONNECTIONS {
        clients.push(store.pooled_client().await);
    }
    for client in &mut clients {
        assert_eq!(look(client).await, clean());
    }
    let halves = "SELECT count(*) FROM (SELECT tenant_id, id FROM lefts) l \
                  FULL JOIN (SELECT tenant_id, id FROM rights) r USING (tenant_id, id) \
                  WHERE l.id IS NULL OR r.id IS NULL";
    assert_eq!(db.superuser_count(halves).await, 0, "half a transaction");
    let kept = db.superuser_count("SELECT count(*) FROM rights").await;
    let idle =
        "SELECT count(*) FROM pg_stat_activity WHERE datname = current_database() AND state LIKE 'idle in%'";
    assert_eq!(db.superuser_count(idle).await, 0, "a transaction was left open");
    assert!(
        kept > 0 && done > 0,
        "nothing ran to its end: the test cuts too much"
    );
    println!(
        "{CANCELLATIONS} cut, {done} done, {kept} kept, {:?}",
        start.elapsed()
    );
}
