//! Placing an order takes at most four round trips to PostgreSQL, counted by a proxy between the two.

use crate::shop::{Shop, place, services};
use rustok_storage::Opener;
use rustok_test_support::TestDatabase;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::time::Duration;
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::tcp::{OwnedReadHalf, OwnedWriteHalf};
use tokio::net::{TcpListener, TcpStream};

/// How long the proxy keeps an answer: longer than a flight of statements takes to be sent.
const HELD: Duration = Duration::from_millis(40);

/// Counts how often the client waited for an answer before it sent something.
#[derive(Debug, Default)]
struct Counter {
    round_trips: AtomicUsize,
    answered: AtomicBool,
}

impl Counter {
    fn take(&self) -> usize {
        self.answered.store(true, Ordering::SeqCst);
        self.round_trips.swap(0, Ordering::SeqCst)
    }
}

/// A proxy to `target` on a port of its own.
async fn proxy(target: String, counter: Arc<Counter>) -> u16 {
    let listener = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let port = listener.local_addr().unwrap().port();
    tokio::spawn(async move {
        while let Ok((client, _)) = listener.accept().await {
            let server = TcpStream::connect(&target).await.unwrap();
            let (client, server) = (client.into_split(), server.into_split());
            tokio::spawn(questions(client.0, server.1, counter.clone()));
            tokio::spawn(answers(server.0, client.1, counter.clone()));
        }
    });
    port
}

async fn questions(mut client: OwnedReadHalf, mut server: OwnedWriteHalf, counter: Arc<Counter>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(n @ 1..) = client.read(&mut buffer).await {
        if counter.answered.swap(false, Ordering::SeqCst) {
            counter.round_trips.fetch_add(1, Ordering::SeqCst);
        }
        server.write_all(&buffer[..n]).await.unwrap();
    }
}

async fn answers(mut server: OwnedReadHalf, mut client: OwnedWriteHalf, counter: Arc<Counter>) {
    let mut buffer = vec![0; 64 << 10];
    while let Ok(n @ 1..) = server.read(&mut buffer).await {
        tokio::time::sleep(HELD).await;
        counter.answered.store(true, Ordering::SeqCst);
        if client.write_all(&buffer[..n]).await.is_err() {
            break;
        }
    }
}

/// `postgres://user@host:port/db` with the proxy's port, and where the proxy leads to.
fn rerouted(url: &str, port: u16) -> String {
    let target = target(url);
    url.replace(&target, &format!("127.0.0.1:{port}"))
}

fn target(url: &str) -> String {
    let (_, rest) = url.split_once('@').unwrap();
    rest.split(['/', '?']).next().unwrap().to_owned()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn placing_an_order_takes_at_most_four_round_trips() {
    let db = TestDatabase::postgres().await;
    let shop = Shop::open(db.url()).await;
    let stock: Vec<_> = ["A", "B", "C", "D", "E", "F", "G", "H"]
        .iter()
        .map(|sku| (*sku, Some(100)))
        .collect();
    let variants = shop.product(&stock).await;
    let counter = Arc::new(Counter::default());
    let port = proxy(target(db.url()), counter.clone()).await;
    let through = services(&rerouted(db.url(), port), Opener::Command, &shop.clock).await;
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
        let mut fewest = usize::MAX;
        for n in 0..3 {
            let email = if buyer == "new" {
                format!("new-{n}-{}@example.com", lines.len())
            } else {
                format!("{buyer}@example.com")
            };
            counter.take();
            place(&through.visitor(), &email, lines).await.unwrap();
            fewest = fewest.min(counter.take());
        }
        assert_eq!(fewest, round_trips, "{buyer}, {} lines", lines.len());
    }
}
