//! PgBouncer between the server and PostgreSQL: refused with what to do, or of no account.

use crate::orders::{all_orders, ok, order_of, place, product};
use crate::platform::{Shop, printed, rustok};
use rustok_test_support::{PgBouncer, TestDatabase};
use serde_json::json;
use tokio::task::JoinSet;

#[tokio::test]
async fn a_pooler_in_transaction_mode_is_refused_by_all_that_begin_with_the_database() {
    for db in [
        TestDatabase::postgres_empty().await,
        TestDatabase::postgres().await,
    ] {
        let Some(pooler) = PgBouncer::start(db.direct_url(), &["pool_mode = transaction"]).await else {
            return;
        };
        let command = rustok(&pooler.database_url(db.direct_url()));
        for args in [["serve"], ["migrate"], ["doctor"]] {
            let finished = command.run(&args).await;
            let reported = format!("{}{}", finished.stdout, finished.stderr);
            assert_eq!(finished.code, Some(1), "{args:?}: {reported}");
            assert!(
                reported.contains("PgBouncer") && reported.contains("set pool_mode=session"),
                "{args:?}: {reported}"
            );
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_server_behind_a_pooler_in_session_mode_loses_nothing() {
    let db = TestDatabase::postgres_empty_as_owner().await;
    let settings = ["pool_mode = session", "default_pool_size = 40"];
    let Some(pooler) = PgBouncer::start(db.direct_url(), &settings).await else {
        return;
    };
    let command = rustok(&pooler.database_url(db.direct_url()));
    let _ = command.run(&["migrate"]).await.success();
    let shop = Shop::start(command).await;
    let tea = product(&shop, json!([{}])).await.remove(0);
    let mut buyers = JoinSet::new();
    for _ in 0..60 {
        buyers.spawn(place(&shop, &order_of(&tea, 1)).send());
    }
    while let Some(placed) = buyers.join_next().await {
        assert_eq!(placed.unwrap().unwrap().status().as_u16(), 201);
    }
    assert_eq!(all_orders(&shop).await.len(), 60);
    let report = printed(shop.server.run(&["doctor", "--json"]).await);
    assert_eq!(report["ok"], true, "{report:#}");
    // The next server gets the sessions of the last one.
    let server = shop.server.kill_and_restart().await;
    let shop = Shop { server, ..shop };
    ok(place(&shop, &order_of(&tea, 1)), 201).await;
    assert_eq!(all_orders(&shop).await.len(), 61);
}
