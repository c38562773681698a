//! Imports as jobs: their lease, with a clock that is moved, and who may see them. What a second import leaves as it is.

use crate::shop::Shop;
use rustok_app::catalog::{self, ProductFilter, UpdateVariant};
use rustok_app::import::jobs::{self, ImportStatus, KEPT, Upload};
use rustok_app::import::{self, ImportFile, ImportOptions, ImportReport, Mode};
use rustok_app::jobs::run_due;
use rustok_app::{Ctx, PlatformCtx};
use rustok_auth::{Actor, Role};
use rustok_commerce::product::Product;
use rustok_commerce::variant::VariantInput;
use rustok_core::page::Limit;
use rustok_events::JobKind;
use rustok_events::ids::ImportId;
use rustok_test_support::both_databases;
use std::ops::ControlFlow;
use std::time::Duration;
use uuid::Uuid;

const LEASE: Duration = Duration::from_secs(60);
const SECOND: Duration = Duration::from_secs(1);

/// Fails what was abandoned; returns how many jobs were due.
async fn fail_abandoned(ctx: &PlatformCtx) -> usize {
    run_due(ctx, &[JobKind::FailImport], 10, || false)
        .await
        .unwrap()
        .due
}

async fn sent(ctx: &Ctx) -> ImportId {
    let upload = Upload {
        id: ctx.id(),
        source: import::shopify_source(ctx, None).unwrap(),
        dry_run: false,
        options: ImportOptions::default(),
        file: "a.csv".to_owned(),
        bytes_total: 100,
    };
    jobs::enqueue(ctx, upload, 3, LEASE).await.unwrap().id
}

async fn status(ctx: &Ctx, id: ImportId) -> ImportStatus {
    jobs::get(ctx, id).await.unwrap().status
}

both_databases! {
    async fn a_lease_that_is_put_off_never_ends_and_another_does(db) {
        let shop = Shop::open(db.url()).await;
        let ctx = shop.ctx();
        let (kept, runs, left) = (sent(&ctx).await, sent(&ctx).await, sent(&ctx).await);
        assert!(jobs::begin(&ctx, runs, LEASE).await.unwrap().is_some());
        for _ in 0..4 {
            shop.clock.advance(LEASE - SECOND);
            assert!(jobs::keep(&ctx, kept, LEASE).await.unwrap());
            assert!(jobs::note_progress(&ctx, runs, 5, LEASE).await.unwrap());
            fail_abandoned(&shop.platform()).await;
        }
        assert_eq!(status(&ctx, kept).await, ImportStatus::Queued);
        assert_eq!(status(&ctx, runs).await, ImportStatus::Running);
        let failed = jobs::get(&ctx, left).await.unwrap();
        assert_eq!(failed.failure.as_deref(), Some("the server stopped while it ran: send the file again"));
        // Who comes back too late is told so, whatever he wants.
        assert!(!jobs::keep(&ctx, left, LEASE).await.unwrap());
        assert!(jobs::begin(&ctx, left, LEASE).await.unwrap().is_none());
        assert!(!jobs::put_back(&ctx, left).await.unwrap());
        assert!(!jobs::finish(&ctx, &failed, &ImportReport::default(), 1).await.unwrap());
        assert_eq!(jobs::get(&ctx, left).await.unwrap(), failed);
        // One that ended by itself has no lease.
        let running = jobs::get(&ctx, runs).await.unwrap();
        assert!(jobs::finish(&ctx, &running, &ImportReport::default(), 1).await.unwrap());
        shop.clock.advance(LEASE * 3);
        assert_eq!(fail_abandoned(&shop.platform()).await, 1);
        assert_eq!(status(&ctx, runs).await, ImportStatus::Succeeded);
        assert_eq!(status(&ctx, kept).await, ImportStatus::Failed);
    }

    async fn places_are_free_again_and_old_reports_forgotten(db) {
        let shop = Shop::open(db.url()).await;
        let ctx = shop.ctx();
        let first = sent(&ctx).await;
        for _ in 0..2 {
            sent(&ctx).await;
        }
        let refused = jobs::check_room(&ctx, 3).await.unwrap_err();
        assert_eq!((refused.status(), refused.code()), (429, "too_many_imports"));
        assert!(jobs::fail(&ctx, first, "why").await.unwrap());
        jobs::check_room(&ctx, 3).await.unwrap();
        shop.clock.advance(KEPT + SECOND);
        sent(&shop.ctx()).await;
        let left = jobs::list(&shop.ctx(), None, Limit::default()).await.unwrap().items;
        assert!(left.len() == 3 && left.iter().all(|import| import.id != first), "{left:?}");
    }

    async fn a_fact_that_a_file_cannot_state_stays(db) {
        let shop = Shop::open(db.url()).await;
        let import = async |row: &str| {
            let csv = format!("Handle,Title,Variant Barcode,Variant Grams,Variant Price\ntea,Tea,{row}\n");
            let file = ImportFile { content: csv.as_bytes(), name: "a.csv" };
            let source = import::shopify_source(&shop.ctx(), None).unwrap();
            import::run(&shop.ctx(), source, &ImportOptions::default(), file, Mode::Commit, &mut |_| ControlFlow::Continue(())).await;
            let page = catalog::list(&shop.ctx(), &ProductFilter::default(), None, Limit::default()).await.unwrap();
            page.items[0].variants[0].clone()
        };
        let made = import("123,100,1").await;
        assert_eq!((made.facts.barcode.as_deref(), made.facts.weight_grams), (Some("123"), Some(100)));
        let edit = |_: &Product, mut input: VariantInput| {
            input.facts.hs_code = Some("090210".to_owned());
            Ok(input)
        };
        catalog::update_variant(&shop.ctx(), UpdateVariant { variant: made.id.into(), edit: &edit }).await.unwrap();
        // What it has a column for is what it says.
        let again = import(",200,1").await;
        assert_eq!((again.id, again.facts.barcode, again.facts.weight_grams), (made.id, None, Some(200)));
        assert_eq!(again.facts.hs_code.as_deref(), Some("090210"));
    }

    async fn whoever_may_not_import_sees_nothing_of_it(db) {
        let shop = Shop::open(db.url()).await;
        let import = sent(&shop.ctx()).await;
        let id = Uuid::from_u128(1).into();
        for actor in [Actor::Anonymous, Actor::Token { id, role: Role::Viewer, scopes: rustok_auth::Scopes::ALL }, Actor::Platform { id }] {
            let ctx = Ctx { actor, ..shop.ctx() };
            let refused = [
                jobs::check_room(&ctx, 9).await.unwrap_err(),
                jobs::get(&ctx, import).await.unwrap_err(),
                jobs::list(&ctx, None, Limit::default()).await.unwrap_err(),
                jobs::begin(&ctx, import, LEASE).await.unwrap_err(),
                jobs::fail(&ctx, import, "x").await.unwrap_err(),
            ];
            assert!(refused.iter().all(|error| matches!(error.status(), 401 | 403)), "{refused:?}");
        }
    }
}
