//! What becomes of imports when their server ends, in order or not.

use super::*;
use rustok_core::clock::Timestamp;

/// Long enough for a server that lives to renew it on a machine that is busy, short enough to wait for its end.
const LEASE_MS: &str = "6000";

/// Starts an import that takes a while, and comes back once a part of it is done.
async fn half_done(shop: &Shop, products_count: usize) -> Value {
    let import = sent(shop, "shopify", products(products_count), &[]).await;
    eventually_is(TIMEOUT, "a product", async || {
        !listed(shop, "/products?limit=1").await.is_empty()
    })
    .await;
    let import = read(shop, &import["id"]).await;
    assert_eq!(import["status"], "running", "{import:#}");
    import
}

fn moment(value: &Value) -> Timestamp {
    value.as_str().unwrap().parse().unwrap()
}

/// Everything is there once, however often it was begun.
async fn is_whole(shop: &Shop, import: &Value, count: u64) {
    let import = until(shop, &import["id"], has_ended).await;
    assert_eq!(import["status"], "succeeded", "{import:#}");
    let [created, updated, unchanged, _] = counts(&import);
    assert_eq!((created + unchanged, updated), (count, 0), "{import:#}");
    assert!(
        created > 0 && unchanged > 0,
        "it was not in the middle: {import:#}"
    );
    has_files(shop, 0).await;
    let again = imported(shop, "shopify", products(usize::try_from(count).unwrap()), &[]).await;
    assert_eq!(counts(&again), [0, 0, count, 0]);
}

async fn killed(shop: Shop) -> Shop {
    Shop {
        server: shop.server.kill_and_restart().await,
        ..shop
    }
}

both_databases! {
    async fn an_import_goes_on_after_its_server_was_killed(db) {
        let shop = apart(&db, &[]).await;
        let import = half_done(&shop, 600).await;
        let shop = killed(shop).await;
        is_whole(&shop, &import, 600).await;
    }

    async fn an_import_stops_between_two_batches_and_goes_on_at_the_next_start(db) {
        let shop = apart(&db, &[("RUSTOK_SHUTDOWN_DELAY_MS", "0")]).await;
        let import = half_done(&shop, 1_500).await;
        // Another waits behind it.
        let waits = sent(&shop, "shopify", "Handle,Title,Variant Price\nlast,Last,1\n", &[]).await;
        assert_eq!(read(&shop, &waits["id"]).await["status"], "queued", "one at a time of a tenant");
        let command = shop.server.command().clone();
        let finished = shop.server.terminate().await;
        assert_eq!(finished.code, Some(0), "{finished:#?}");
        assert!(!finished.stderr.contains("panicked"), "{}", finished.stderr);
        let shop = Shop { server: command.start().await, slug: shop.slug, token: shop.token, client: shop.client };
        let last = until(&shop, &waits["id"], has_ended).await;
        let first = read(&shop, &import["id"]).await;
        assert!(moment(&last["started_at"]) >= moment(&first["finished_at"]), "{first:#} {last:#}");
        assert_eq!(counts(&last), [1, 0, 0, 0]);
        is_whole(&shop, &import, 1_500).await;
    }

    async fn an_import_whose_file_is_gone_has_failed_and_says_what_to_do(db) {
        let shop = apart(&db, &[("RUSTOK_IMPORT_LEASE_MS", LEASE_MS)]).await;
        let import = half_done(&shop, 600).await;
        let folder = folder_of(&shop);
        let command = shop.server.kill().await;
        std::fs::remove_dir_all(folder).unwrap();
        let shop = Shop { server: command.start().await, slug: shop.slug, token: shop.token, client: shop.client };
        let import = until(&shop, &import["id"], has_ended).await;
        assert_eq!((&import["status"], &import["report"]), (&json!("failed"), &Value::Null));
        assert_eq!(import["failure"], "the server stopped while it ran: send the file again");
    }
}

/// Two processes on one database and one folder: each import is run by one of them, and a dead one's by the other.
#[tokio::test]
async fn processes_do_not_take_each_others_files() {
    let db = TestDatabase::postgres().await;
    let shop = apart(&db, &[("RUSTOK_IMPORT_LEASE_MS", LEASE_MS)]).await;
    let second = shop.server.command().start().await;
    // Long enough for many rounds of the other one.
    let import = half_done(&shop, 2_500).await;
    let import = until(&shop, &import["id"], has_ended).await;
    // Begun once, without anything done twice.
    assert_eq!(counts(&import), [2_500, 0, 0, 0], "{import:#}");
    assert!(
        !second.stderr().contains("an import goes on"),
        "{}",
        second.stderr()
    );

    let more = products(300).replace("item-", "more-").replace(",S", ",M");
    let import = sent(&shop, "shopify", more, &[]).await;
    until(&shop, &import["id"], |import| import["status"] == "running").await;
    drop(shop.server.kill().await);
    let shop = Shop {
        server: second,
        ..shop
    };
    let import = until(&shop, &import["id"], has_ended).await;
    assert_eq!(import["status"], "succeeded", "{import:#}");
    assert!(
        shop.server.stderr().contains("an import goes on"),
        "{}",
        shop.server.stderr()
    );
}

/// A process whose files nobody else can see: its imports have failed once its lease is over.
#[tokio::test]
async fn the_imports_of_a_machine_that_is_gone_have_failed() {
    let db = TestDatabase::postgres().await;
    let shop = apart(&db, &[("RUSTOK_IMPORT_LEASE_MS", LEASE_MS)]).await;
    let elsewhere = shop
        .server
        .command()
        .clone()
        .env("RUSTOK_IMPORT_FOLDER", "elsewhere")
        .start()
        .await;
    let import = half_done(&shop, 600).await;
    drop(shop.server.kill().await);
    let shop = Shop {
        server: elsewhere,
        ..shop
    };
    let import = until(&shop, &import["id"], has_ended).await;
    assert_eq!(
        import["failure"],
        "the server stopped while it ran: send the file again"
    );
}
