//! Placing an order takes at most four round trips to PostgreSQL, counted by a proxy between the two.

use crate::shop::{Shop, place, services};
use rustok_storage::Opener;
use rustok_test_support::{Direction, Fault, FaultProxy, TestDatabase};
use std::time::Duration;

/// Answers come later than a flight of statements takes to be sent.
const HELD: Fault = Fault::Latency {
    delay: Duration::from_millis(40),
    jitter: Duration::ZERO,
};

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn placing_an_order_takes_at_most_four_round_trips() {
    let db = TestDatabase::postgres().await;
    let shop = Shop::open(db.url()).await;
    let stock: Vec<_> = ["A", "B", "C", "D", "E", "F", "G", "H"]
        .iter()
        .map(|sku| (*sku, Some(100)))
        .collect();
    let variants = shop.product(&stock).await;
    let proxy = FaultProxy::of_database(db.url());
    proxy.set_one_way(Direction::ToClient, HELD);
    let through = services(&proxy.database_url(db.url()), Opener::Command, &shop.clock).await;
    let through = Shop {
        services: through,
        clock: shop.clock.clone(),
        tenant: shop.tenant.clone(),
    };
    let lines: Vec<_> = variants.iter().map(|variant| (*variant, 1)).collect();
    // Statements are prepared once per connection.
    through.place(&lines).await.unwrap();
    through.place(&lines[..1]).await.unwrap();
    for (buyer, lines, round_trips) in [
        ("jane", &lines[..1], 3),
        ("jane", &lines[..], 3),
        ("new", &lines[..1], 4),
        ("new", &lines[..], 4),
    ] {
        let mut fewest = u64::MAX;
        for n in 0..3 {
            let email = if buyer == "new" {
                format!("new-{n}-{}@example.com", lines.len())
            } else {
                format!("{buyer}@example.com")
            };
            let before = proxy.traffic().turns;
            place(&through.visitor(), &email, lines).await.unwrap();
            fewest = fewest.min(proxy.traffic().turns - before);
        }
        assert_eq!(fewest, round_trips, "{buyer}, {} lines", lines.len());
    }
}
