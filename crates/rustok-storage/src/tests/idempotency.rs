//! Kept answers: found again byte for byte, in their scope only, and one request at a time.

use super::*;
use crate::idempotency::{self, IdempotencyRecord, IdempotencyScope, KeyState, SealedReply};
use crate::{Owner, Tx};
use rustok_test_support::both_databases;

fn scope(key: u8) -> IdempotencyScope {
    IdempotencyScope {
        actor: "token:1".to_owned(),
        route: "POST /orders".to_owned(),
        key_hash: [key; 32],
    }
}

fn record() -> IdempotencyRecord {
    let headers = vec![(
        "content-type".to_owned(),
        "application/json; charset=\"ütf-8\"".to_owned(),
    )];
    IdempotencyRecord {
        body_hash: [7; 32],
        reply: SealedReply {
            status: 201,
            headers,
            sealed_body: vec![0, 255, b'"', b'\n'],
        },
    }
}

async fn keep(store: &Store, tenant: TenantHandle, scope: &IdempotencyScope, at: Timestamp) {
    let mut tx = store.write(tenant, soon()).await.unwrap();
    idempotency::insert_record(&mut tx, scope, &record(), at)
        .await
        .unwrap();
    tx.commit().await.unwrap();
}

async fn find(
    store: &Store,
    tenant: TenantHandle,
    scope: &IdempotencyScope,
    not_before: Timestamp,
) -> Option<IdempotencyRecord> {
    find_in(store.write(tenant, soon()).await.unwrap(), scope, not_before).await
}

async fn find_in<O: Owner>(
    mut tx: Tx<O>,
    scope: &IdempotencyScope,
    not_before: Timestamp,
) -> Option<IdempotencyRecord> {
    match idempotency::claim(&mut tx, scope, not_before, now())
        .await
        .unwrap()
    {
        KeyState::New => None,
        KeyState::Answered(record) => Some(record),
        KeyState::Running => panic!("another transaction has the scope"),
    }
}

both_databases! {
    async fn an_answer_is_found_in_its_scope_only(db) {
        let store = open(&db).await;
        let (one, two) = (tenant(&store, 1, "shop1").await, tenant(&store, 2, "shop2").await);
        keep(&store, one, &scope(b'a'), now()).await;
        let found = find(&store, one, &scope(b'a'), now()).await.unwrap();
        assert_eq!(found, record());
        assert_eq!(find(&store, two, &scope(b'a'), now()).await, None);
        assert_eq!(find(&store, one, &scope(b'b'), now()).await, None);
        for other in [
            IdempotencyScope { actor: "token:2".to_owned(), ..scope(b'a') },
            IdempotencyScope { route: "POST /nodes".to_owned(), ..scope(b'a') },
        ] {
            assert_eq!(find(&store, one, &other, now()).await, None);
        }
    }

    async fn an_old_answer_is_not_given_and_makes_room(db) {
        let store = open(&db).await;
        let (one, two) = (tenant(&store, 1, "shop1").await, tenant(&store, 2, "shop2").await);
        let later = now() + Duration::from_secs(86_400);
        keep(&store, one, &scope(b'a'), now()).await;
        keep(&store, two, &scope(b'a'), now()).await;
        assert_eq!(find(&store, one, &scope(b'a'), later).await, None);
        keep(&store, one, &scope(b'a'), later).await;
        assert!(find(&store, one, &scope(b'a'), later).await.is_some());

        let mut tx = store.write(one, soon()).await.unwrap();
        assert_eq!(idempotency::delete_records_before(&mut tx, later, 9).await.unwrap(), 0);
        let much_later = later + Duration::from_secs(1);
        assert_eq!(idempotency::delete_records_before(&mut tx, much_later, 9).await.unwrap(), 1);
        tx.commit().await.unwrap();
        assert!(find(&store, two, &scope(b'a'), now()).await.is_some(), "a neighbour's answers stay");
    }

    /// However large they are, SQLite's writer is held for no longer than 20 ms: here, by their bytes.
    async fn large_old_answers_are_deleted_a_few_at_a_time(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        let mut large = record();
        large.reply.sealed_body = vec![7; 1 << 20];
        let mut tx = store.write(shop, soon()).await.unwrap();
        for key in 0..9 {
            idempotency::insert_record(&mut tx, &scope(key), &large, now()).await.unwrap();
        }
        tx.commit().await.unwrap();
        let mut tx = store.platform_write(soon()).await.unwrap();
        for key in 0..5 {
            idempotency::insert_record(&mut tx, &scope(key), &large, now()).await.unwrap();
        }
        tx.commit().await.unwrap();
        let later = now() + Duration::from_secs(1);
        let mut batches = Vec::new();
        loop {
            let mut tx = store.read(shop, soon()).await.unwrap();
            let count = idempotency::count_records_before(&mut tx, later, 250).await.unwrap();
            drop(tx);
            batches.push(count);
            if count == 0 {
                break;
            }
            let mut tx = store.write(shop, soon()).await.unwrap();
            let deleted = idempotency::delete_records_before(&mut tx, later, count).await.unwrap();
            assert_eq!(deleted, u64::from(count));
            tx.commit().await.unwrap();
        }
        assert_eq!(batches, [4, 4, 1, 0]);
        let mut tx = store.platform_read(soon()).await.unwrap();
        assert_eq!(idempotency::count_platform_records_before(&mut tx, later, 250).await.unwrap(), 4);
        assert_eq!(idempotency::count_platform_records_before(&mut tx, later, 3).await.unwrap(), 3);
        assert_eq!(idempotency::count_platform_records_before(&mut tx, now(), 3).await.unwrap(), 0);
    }

    async fn old_answers_are_found_by_their_age(db) {
        let _store = open(&db).await;
        assert_eq!(db.full_scans(idempotency::DELETE_OLD).await, [""; 0]);
    }

    async fn the_platform_has_answers_of_its_own(db) {
        let store = open(&db).await;
        let shop = tenant(&store, 1, "shop1").await;
        let find = async |scope: &IdempotencyScope, not_before| {
            find_in(store.platform_write(soon()).await.unwrap(), scope, not_before).await
        };
        keep(&store, shop, &scope(b'a'), now()).await;
        assert_eq!(find(&scope(b'a'), now()).await, None);
        for at in [now(), now() + Duration::from_secs(1)] {
            let mut tx = store.platform_write(soon()).await.unwrap();
            idempotency::insert_record(&mut tx, &scope(b'a'), &record(), at).await.unwrap();
            tx.commit().await.unwrap();
        }
        assert_eq!(find(&scope(b'a'), now()).await, Some(record()));
        assert_eq!(find(&scope(b'b'), now()).await, None);
        assert_eq!(find(&IdempotencyScope { actor: "platform:2".to_owned(), ..scope(b'a') }, now()).await, None);
        assert_eq!(find(&IdempotencyScope { route: "POST /nodes".to_owned(), ..scope(b'a') }, now()).await, None);
        assert_eq!(find(&scope(b'a'), now() + Duration::from_secs(2)).await, None);

        for (before, deleted) in [(1, 0), (2, 1)] {
            let mut tx = store.platform_write(soon()).await.unwrap();
            let before = now() + Duration::from_secs(before);
            assert_eq!(idempotency::delete_platform_records_before(&mut tx, before, 9).await.unwrap(), deleted);
            tx.commit().await.unwrap();
        }
        assert_eq!(find(&scope(b'a'), now()).await, None);
    }
}

#[tokio::test]
async fn postgres_lets_one_request_at_a_time_claim_a_key() {
    let db = TestDatabase::postgres().await;
    let store = open(&db).await;
    let shop = tenant(&store, 1, "shop1").await;
    let mut first = store.write(shop, soon()).await.unwrap();
    assert_eq!(
        idempotency::claim(&mut first, &scope(b'a'), now(), now())
            .await
            .unwrap(),
        KeyState::New
    );
    let mut second = store.write(shop, soon()).await.unwrap();
    assert_eq!(
        idempotency::claim(&mut second, &scope(b'a'), now(), now())
            .await
            .unwrap(),
        KeyState::Running
    );
    drop(second);
    idempotency::insert_record(&mut first, &scope(b'a'), &record(), now())
        .await
        .unwrap();
    first.commit().await.unwrap();
    let mut third = store.write(shop, soon()).await.unwrap();
    let found = idempotency::claim(&mut third, &scope(b'a'), now(), now())
        .await
        .unwrap();
    assert!(
        matches!(found, KeyState::Answered(_)),
        "free, and the answer is there: {found:?}"
    );
}

/// Two servers, each with a pool of its own, and sixteen requests with one key: whatever becomes of those before, one is
/// answered at last, and all others get its answer.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn of_two_servers_one_answers_a_key() {
    let db = TestDatabase::postgres().await;
    let stores = [open(&db).await, open(&db).await];
    let shop = tenant(&stores[0], 1, "shop1").await;
    for key in 0..8_u8 {
        let requests = (0..16).map(|number| {
            let store = stores[number % 2].clone();
            tokio::spawn(async move {
                let mut tx = store.write(shop, soon()).await.unwrap();
                match idempotency::claim(&mut tx, &scope(key), now(), now())
                    .await
                    .unwrap()
                {
                    KeyState::New if number % 4 == 0 => {
                        idempotency::unclaim(&mut tx, &scope(key)).await.unwrap();
                        tx.commit().await.unwrap();
                        "refused"
                    }
                    // Its transaction is rolled back.
                    KeyState::New if number % 4 == 1 => "failed",
                    KeyState::New => {
                        idempotency::insert_record(&mut tx, &scope(key), &record(), now())
                            .await
                            .unwrap();
                        tx.commit().await.unwrap();
                        "answered"
                    }
                    KeyState::Answered(found) => {
                        assert_eq!(found, record());
                        "repeated"
                    }
                    KeyState::Running => "running",
                }
            })
        });
        let mut ended = Vec::new();
        for request in requests.collect::<Vec<_>>() {
            ended.push(request.await.unwrap());
        }
        let count = |what| ended.iter().filter(|ended| **ended == what).count();
        assert_eq!((count("answered"), count("running")), (1, 0), "{ended:?}");
    }
    assert_eq!(
        db.superuser_count("SELECT count(*) FROM idempotency_records")
            .await,
        8
    );
}

/// A claim that was committed without an answer hinders nobody.
#[tokio::test]
async fn a_claim_that_stayed_behind_is_taken() {
    let db = TestDatabase::postgres().await;
    let store = open(&db).await;
    let shop = tenant(&store, 1, "shop1").await;
    for _ in 0..2 {
        let mut tx = store.write(shop, soon()).await.unwrap();
        let claimed = idempotency::claim(&mut tx, &scope(b'a'), now(), now()).await;
        assert_eq!(claimed.unwrap(), KeyState::New);
        tx.commit().await.unwrap();
    }
}
