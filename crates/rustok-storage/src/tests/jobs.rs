//! Jobs are claimed by lease: done once, whoever crashes, is slow or races.

use super::*;
use crate::jobs;
use crate::outbox::{self, Backlog};
use rustok_events::lease::{LEASE, MAX_ATTEMPTS};
use rustok_events::{ClaimedJob, Job, JobKind, Lease};
use rustok_test_support::both_databases;
use std::collections::BTreeSet;
use std::sync::Arc;

const KIND: JobKind = JobKind::ExpireOrder;

/// Jobs with these numbers, all due now.
async fn add(store: &Store, shop: TenantHandle, numbers: impl IntoIterator<Item = u128>) {
    let mut tx = store.write(shop, soon()).await.unwrap();
    let job = |number| Job {
        id: id(number).into(),
        tenant_id: shop.tenant_id(),
        kind: KIND,
        subject_id: id(number),
        due_at: now(),
    };
    let writes: Vec<_> = numbers
        .into_iter()
        .map(|number| jobs::insert_job(shop.tenant_id(), &job(number)))
        .collect();
    tx.db.execute_all(&writes).await.unwrap();
    tx.commit().await.unwrap();
}

async fn claim(store: &Store, lease: u128, at: Timestamp, limit: i64) -> Vec<ClaimedJob> {
    let mut tx = store.platform_write(soon()).await.unwrap();
    let claimed = jobs::claim(&mut tx, JobKind::ALL, Lease::new(id(lease), at), at, limit).await;
    tx.commit().await.unwrap();
    claimed.unwrap()
}

async fn finish(store: &Store, shop: TenantHandle, claimed: &ClaimedJob) -> bool {
    let mut tx = store.write(shop, soon()).await.unwrap();
    let finished = jobs::finish(&mut tx, claimed).await.unwrap();
    tx.commit().await.unwrap();
    finished
}

async fn fail(store: &Store, claimed: &ClaimedJob, at: Timestamp) -> bool {
    let mut tx = store.platform_write(soon()).await.unwrap();
    let is_dead = jobs::fail(&mut tx, claimed, &"x".repeat(10_000), at)
        .await
        .unwrap();
    tx.commit().await.unwrap();
    is_dead
}

async fn dead(store: &Store) -> u64 {
    let mut tx = store.platform_read(soon()).await.unwrap();
    let Backlog { dead_jobs, .. } = outbox::backlog(&mut tx, 10).await.unwrap();
    dead_jobs
}

fn second() -> Duration {
    Duration::from_secs(1)
}

both_databases! {
    async fn a_crashed_workers_job_is_claimed_after_its_lease_and_a_slow_one_has_lost_it(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        add(&store, shop, [11]).await;
        assert!(claim(&store, 1, now() - second(), 10).await.is_empty(), "it is not due");
        let slow = claim(&store, 1, now(), 10).await.remove(0);
        assert_eq!((slow.job.due_at, slow.attempts), (now(), 1));
        assert!(claim(&store, 2, now() + LEASE - second(), 10).await.is_empty());
        let next = claim(&store, 2, now() + LEASE, 10).await.remove(0);
        assert_eq!((next.job.id, next.attempts), (slow.job.id, 2));

        assert!(!finish(&store, shop, &slow).await);
        assert!(!fail(&store, &ClaimedJob { attempts: MAX_ATTEMPTS, ..slow }, now()).await);
        let mut tx = store.write(shop, soon()).await.unwrap();
        assert!(!jobs::reschedule(&mut tx, &slow, now()).await.unwrap());
        tx.commit().await.unwrap();
        let mut tx = store.platform_write(soon()).await.unwrap();
        jobs::give_back(&mut tx, &[slow]).await.unwrap();
        tx.commit().await.unwrap();
        assert!(claim(&store, 3, now() + LEASE, 10).await.is_empty(), "the second claim holds");
        assert!(finish(&store, shop, &next).await);
        assert!(!finish(&store, shop, &next).await);
    }

    async fn eight_workers_do_each_job_once(db) {
        let store = Arc::new(open(&db).await);
        let shop = tenant(&store, 1, "shop1").await;
        add(&store, shop, 1_000..1_200).await;
        let workers = (0..8).map(|worker| {
            let store = Arc::clone(&store);
            tokio::spawn(async move {
                let mut done = Vec::new();
                for round in 0.. {
                    let claimed = claim(&store, 100 * (worker + 1) + round, now(), 7).await;
                    if claimed.is_empty() {
                        return done;
                    }
                    for job in claimed {
                        assert!(finish(&store, shop, &job).await, "{job:?}");
                        done.push(job.job.subject_id);
                    }
                }
                done
            })
        });
        let mut done = Vec::new();
        for worker in workers.collect::<Vec<_>>() {
            done.extend(worker.await.unwrap());
        }
        // A worker that found nothing while the others held the rest has ended; none is left.
        assert_eq!((done.len(), done.iter().collect::<BTreeSet<_>>().len()), (200, 200));
    }

    async fn what_always_fails_is_dead_in_the_end_and_counted(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        add(&store, shop, [11]).await;
        let mut at = now();
        for attempt in 1..=MAX_ATTEMPTS {
            assert_eq!(dead(&store).await, 0);
            let job = claim(&store, attempt.into(), at, 10).await.remove(0);
            assert_eq!(job.attempts, attempt);
            assert_eq!(fail(&store, &job, at).await, attempt == MAX_ATTEMPTS);
            assert!(claim(&store, 99, at, 10).await.is_empty(), "first there is a pause");
            at += Duration::from_secs(3_600);
        }
        assert_eq!(dead(&store).await, 1);
        assert!(claim(&store, 99, at + Duration::from_secs(1_000_000), 10).await.is_empty());
        let mut tx = store.write(shop, soon()).await.unwrap();
        assert!(jobs::postpone_job(&mut tx, KIND, id(11), at).await.unwrap(), "a change of its subject revives it");
        tx.commit().await.unwrap();
        assert_eq!((dead(&store).await, claim(&store, 99, at, 10).await[0].attempts), (0, 1));
    }

    async fn what_is_given_back_is_due_as_before(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        add(&store, shop, [11, 12]).await;
        let claimed = claim(&store, 1, now() + second(), 10).await;
        let mut tx = store.platform_write(soon()).await.unwrap();
        jobs::give_back(&mut tx, &claimed[1..]).await.unwrap();
        tx.commit().await.unwrap();
        let again = claim(&store, 2, now() + second(), 10).await;
        assert_eq!(again, [ClaimedJob { lease: id(2), ..claimed[1] }]);
    }

    async fn a_change_of_the_subject_takes_the_job_from_its_worker(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        add(&store, shop, [11]).await;
        for lease in [1, 2] {
            let claimed = claim(&store, lease, now() + LEASE, 10).await.remove(0);
            let mut tx = store.write(shop, soon()).await.unwrap();
            if lease == 1 {
                let job = Job { id: id(77).into(), ..claimed.job };
                tx.db.execute_all(&[jobs::replace_job(shop.tenant_id(), &job)]).await.unwrap();
            } else {
                assert!(jobs::postpone_job(&mut tx, KIND, id(11), now()).await.unwrap());
            }
            tx.commit().await.unwrap();
            assert!(!finish(&store, shop, &claimed).await);
        }
        assert_eq!(claim(&store, 3, now(), 10).await[0].attempts, 1);
    }
}
