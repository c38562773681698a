//! The life of an import's row, on both databases.

use super::*;
use crate::Store;
use crate::tests::{id, now, open, soon, tenant};
use rustok_events::{ClaimedJob, Lease};
use rustok_tenancy::TenantHandle;
use rustok_test_support::{TestDatabase, both_databases};
use std::time::Duration;

const ONE: u128 = 11;

fn new(number: u128) -> NewImport {
    NewImport {
        id: id(number).into(),
        source: ImportSource::Shopify(Currency::parse("USD").unwrap()),
        dry_run: true,
        options: ImportOptions {
            source_name: Some("old shop".to_owned()),
            ..ImportOptions::default()
        },
        file: "a.csv".to_owned(),
        actor: "token:1".to_owned(),
        bytes_total: 100,
    }
}

fn later(seconds: u64) -> Timestamp {
    now() + Duration::from_secs(seconds)
}

fn end(failure: Option<&str>) -> ImportEnd {
    let error = ImportError {
        line: 3,
        column: 9,
        reason: "no".to_owned(),
    };
    ImportEnd {
        bytes_read: 77,
        counts: ImportCounts {
            created: 2,
            skipped_by_reason: BTreeMap::from([("comment".to_owned(), 4)]),
            error_count: 7,
            ..ImportCounts::default()
        },
        errors: vec![error],
        failure: failure.map(str::to_owned),
        is_incomplete: false,
    }
}

struct Shop {
    _db: TestDatabase,
    store: Store,
    shop: TenantHandle,
}

impl Shop {
    /// A shop with imports that are due after a minute.
    async fn with(db: TestDatabase, imports: &[u128]) -> Self {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        let this = Self { _db: db, store, shop };
        for number in imports {
            let mut tx = this.write().await;
            let (job, lease) = (id(number + 1_000).into(), later(60));
            insert_import(&mut tx, &new(*number), job, lease, now())
                .await
                .unwrap();
            tx.commit().await.unwrap();
        }
        this
    }

    async fn write(&self) -> TenantTx {
        self.store.write(self.shop, soon()).await.unwrap()
    }

    async fn find(&self, number: u128) -> Import {
        let mut tx = self.store.read(self.shop, soon()).await.unwrap();
        find_import(&mut tx, id(number).into()).await.unwrap().unwrap()
    }

    /// Runs a write of this page and commits it.
    async fn done(
        &self,
        write: impl AsyncFnOnce(&mut TenantTx, ImportId) -> Result<bool, StoreError>,
    ) -> bool {
        let mut tx = self.write().await;
        let done = write(&mut tx, id(ONE).into()).await.unwrap();
        tx.commit().await.unwrap();
        done
    }

    async fn postponed(&self, to: Timestamp) -> bool {
        self.done(async |tx, id| jobs::postpone_job(tx, JobKind::FailImport, id.as_uuid(), to).await)
            .await
    }

    /// What a worker does to an import that is due.
    async fn abandoned(&self, at: Timestamp) -> bool {
        let claimed = self.claimed(at).await;
        match claimed.iter().find(|claimed| claimed.job.subject_id == id(ONE)) {
            Some(job) => self.failed(job, at).await,
            None => false,
        }
    }

    async fn failed(&self, job: &ClaimedJob, at: Timestamp) -> bool {
        self.done(async |tx, id| Ok(jobs::finish(tx, job).await? && fail_import(tx, id, "gone", at).await?))
            .await
    }

    async fn due(&self, at: Timestamp) -> Vec<Uuid> {
        let mut tx = self.store.platform_write(soon()).await.unwrap();
        let lease = Lease::new(id(99), at);
        let claimed = jobs::claim(&mut tx, &[JobKind::FailImport], lease, at, 10)
            .await
            .unwrap();
        claimed
            .into_iter()
            .map(|claimed| claimed.job.subject_id)
            .collect()
    }

    async fn claimed(&self, at: Timestamp) -> Vec<ClaimedJob> {
        let mut tx = self.store.platform_write(soon()).await.unwrap();
        let lease = Lease::new(id(98), at);
        let claimed = jobs::claim(&mut tx, &[JobKind::FailImport], lease, at, 10)
            .await
            .unwrap();
        tx.commit().await.unwrap();
        claimed
    }
}

both_databases! {
    async fn an_import_waits_runs_and_ends_with_its_report(db) {
        let shop = Shop::with(db, &[ONE]).await;
        let import = shop.find(ONE).await;
        assert_eq!((import.status, import.bytes_read, import.bytes_total), (ImportStatus::Queued, 0, 100));
        assert_eq!((import.source, import.dry_run, import.created_at), (new(ONE).source, true, now()));
        assert!(!shop.done(async |tx, id| save_progress(tx, id, 5).await).await, "it does not run yet");
        assert!(shop.done(async |tx, id| begin_import(tx, id, later(1)).await).await);
        assert!(shop.done(async |tx, id| save_progress(tx, id, 40).await).await);
        let import = shop.find(ONE).await;
        assert_eq!((import.status, import.bytes_read, import.started_at), (ImportStatus::Running, 40, Some(later(1))));
        assert!(shop.done(async |tx, id| put_back(tx, id).await).await);
        assert!(!shop.done(async |tx, id| finish_import(tx, id, &end(None), later(2)).await).await, "it waits");
        assert_eq!(shop.find(ONE).await.status, ImportStatus::Queued);
    }

    async fn what_ended_stays_as_it_is(db) {
        for failure in [None, Some("why")] {
            let db = if db.is_postgres() { TestDatabase::postgres().await } else { TestDatabase::sqlite() };
            let shop = Shop::with(db, &[ONE]).await;
            shop.done(async |tx, id| begin_import(tx, id, now()).await).await;
            assert!(shop.done(async |tx, id| finish_import(tx, id, &end(failure), later(2)).await).await);
            let ended = shop.find(ONE).await;
            assert!(ended.status.is_final() && ended.finished_at == Some(later(2)), "{ended:?}");
            assert_eq!((&ended.failure.as_deref(), ended.bytes_read), (&failure, 77));
            assert_eq!((ended.counts.clone(), &ended.errors), (Some(end(None).counts), &end(None).errors));
            assert!(shop.due(later(999)).await.is_empty());
            for done in [
                shop.done(async |tx, id| begin_import(tx, id, now()).await).await,
                shop.done(async |tx, id| put_back(tx, id).await).await,
                shop.postponed(now()).await,
                shop.done(async |tx, id| finish_import(tx, id, &end(None), now()).await).await,
                shop.done(async |tx, id| fail_import(tx, id, "x", later(9)).await).await,
            ] {
                assert!(!done);
            }
            assert_eq!(shop.find(ONE).await, ended);
        }
    }

    async fn who_is_not_heard_of_has_failed_and_who_is_has_not(db) {
        let shop = Shop::with(db, &[ONE, 12]).await;
        assert!(shop.due(later(59)).await.is_empty());
        assert!(shop.postponed(later(120)).await);
        assert_eq!(shop.due(later(60)).await, [id(12)]);
        // Renewed between the claim and the deed.
        let claimed = shop.claimed(later(120)).await;
        assert!(shop.postponed(later(180)).await);
        let one = claimed.iter().find(|claimed| claimed.job.subject_id == id(ONE)).unwrap();
        assert!(!shop.failed(one, later(120)).await);
        assert_eq!(shop.find(ONE).await.status, ImportStatus::Queued);
        assert!(shop.abandoned(later(180)).await);
        let failed = shop.find(ONE).await;
        assert_eq!((failed.status, failed.failure.as_deref(), failed.counts), (ImportStatus::Failed, Some("gone"), None));
    }

    async fn lists_are_newest_first_and_old_reports_are_forgotten(db) {
        let shop = Shop::with(db, &[ONE, 12, 13]).await;
        shop.done(async |tx, id| begin_import(tx, id, now()).await).await;
        shop.done(async |tx, id| finish_import(tx, id, &end(None), later(5)).await).await;
        let mut tx = shop.write().await;
        assert_eq!(count_open(&mut tx).await.unwrap(), 2);
        let first = list_imports(&mut tx, None, Limit::new(2).unwrap()).await.unwrap();
        let ids: Vec<_> = first.items.iter().map(|import| import.id.as_uuid()).collect();
        assert_eq!((ids, first.next_cursor.is_some()), (vec![id(13), id(12)], true));
        let rest = list_imports(&mut tx, Some(id(12).into()), Limit::default()).await.unwrap();
        assert_eq!((rest.items.len(), rest.items[0].errors.len(), rest.items[0].counts.is_some()), (1, 0, true));
        assert_eq!(delete_imports_before(&mut tx, later(5)).await.unwrap(), 0);
        assert_eq!(delete_imports_before(&mut tx, later(6)).await.unwrap(), 1);
        assert_eq!(list_imports(&mut tx, None, Limit::default()).await.unwrap().items.len(), 2);
    }
}
