//! Every fault in front of a server that echoes, and a real PostgreSQL behind a black hole.
//!
//! Real time, so bounds from below are exact and bounds from above leave room for a busy machine.

mod load;

use super::*;
use crate::TestDatabase;
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};
use std::io::{self, ErrorKind};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::time::{Instant, sleep, timeout};

/// What a busy machine may add.
const NOISE: Duration = Duration::from_millis(900);
/// Long enough to say that nothing comes.
const SILENCE: Duration = Duration::from_millis(100);

const fn ms(n: u64) -> Duration {
    Duration::from_millis(n)
}

const fn latency(delay: Duration) -> Fault {
    Fault::Latency {
        delay,
        jitter: Duration::ZERO,
    }
}

const fn bandwidth(bytes_per_second: u64) -> Fault {
    Fault::Bandwidth { bytes_per_second }
}

const fn slice(bytes: usize, pause: Duration) -> Fault {
    Fault::Slice { bytes, pause }
}

/// A server that sends back what it gets, until the test ends.
async fn echo() -> FaultProxy {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = FaultProxy::start(server.local_addr().unwrap());
    tokio::spawn(async move {
        while let Ok((mut client, _)) = server.accept().await {
            tokio::spawn(async move {
                let (mut from, mut to) = client.split();
                tokio::io::copy(&mut from, &mut to).await
            });
        }
    });
    proxy
}

async fn connect(proxy: &FaultProxy) -> TcpStream {
    TcpStream::connect(proxy.address()).await.unwrap()
}

/// How long `n` bytes take there and back.
async fn round(client: &mut TcpStream, n: usize) -> Duration {
    let started = Instant::now();
    client.write_all(&vec![1; n]).await.unwrap();
    answered(client, n).await;
    started.elapsed()
}

async fn answered(client: &mut TcpStream, n: usize) {
    timeout(ms(20_000), client.read_exact(&mut vec![0; n]))
        .await
        .expect("no answer")
        .unwrap();
}

async fn silent(client: &mut TcpStream) -> bool {
    timeout(SILENCE, client.read_u8()).await.is_err()
}

async fn end_of(client: &mut TcpStream) -> io::Result<usize> {
    timeout(ms(20_000), client.read(&mut [0]))
        .await
        .expect("it is still open")
}

async fn is_reset(client: &mut TcpStream) -> bool {
    end_of(client).await.unwrap_err().kind() == ErrorKind::ConnectionReset
}

/// The reset may be faster than the connecting.
async fn resets(proxy: &FaultProxy) -> bool {
    match TcpStream::connect(proxy.address()).await {
        Ok(mut client) => is_reset(&mut client).await,
        Err(error) => error.kind() == ErrorKind::ConnectionReset,
    }
}

async fn refuses(proxy: &FaultProxy) -> bool {
    let refused = TcpStream::connect(proxy.address()).await;
    refused.is_err_and(|error| error.kind() == ErrorKind::ConnectionRefused)
}

async fn until(what: impl Fn() -> bool) {
    let waiting = async {
        while !what() {
            sleep(ms(1)).await;
        }
    };
    timeout(ms(20_000), waiting).await.expect("it never came");
}

#[tokio::test]
async fn without_a_fault_all_passes_and_is_counted() {
    let proxy = echo().await;
    let sent: Vec<u8> = (0..3_000_000_u32).map(|n| n.to_le_bytes()[1]).collect();
    let (mut from, mut to) = connect(&proxy).await.into_split();
    let copy = sent.clone();
    tokio::spawn(async move {
        to.write_all(&copy).await.unwrap();
        to.shutdown().await.unwrap();
    });
    let mut got = Vec::new();
    from.read_to_end(&mut got).await.unwrap();
    assert!(got == sent, "{} of {} bytes", got.len(), sent.len());
    until(|| proxy.traffic().open == 0).await;
    let traffic = proxy.traffic();
    assert_eq!(
        (traffic.bytes_to_server, traffic.bytes_to_client),
        (3_000_000, 3_000_000)
    );
    let mut two = [connect(&proxy).await, connect(&proxy).await];
    let before = proxy.traffic().turns;
    for _ in 0..3 {
        round(&mut two[0], 10).await;
    }
    round(&mut two[1], 10).await;
    let traffic = proxy.traffic();
    assert_eq!(
        (traffic.accepted, traffic.open, traffic.turns - before),
        (3, 2, 4)
    );
}

#[tokio::test]
async fn latency_is_added_once_each_way_and_taken_away_at_once() {
    let proxy = echo().await;
    let mut client = connect(&proxy).await;
    round(&mut client, 1).await;
    let delay = ms(300);
    proxy.set(latency(delay));
    let took = round(&mut client, 1).await;
    assert!(took >= delay * 2 && took < delay * 2 + NOISE, "{took:?}");
    proxy.set_one_way(Direction::ToServer, Fault::None);
    let took = round(&mut client, 1).await;
    assert!(took >= delay && took < delay + NOISE, "{took:?}");
    // What is under way at once does not wait for each other.
    let delay = ms(1000);
    proxy.set_one_way(Direction::ToClient, latency(delay));
    let started = Instant::now();
    for _ in 0..20 {
        client.write_all(b"x").await.unwrap();
        sleep(ms(5)).await;
    }
    answered(&mut client, 20).await;
    let took = started.elapsed();
    assert!(took >= delay && took < delay * 2, "{took:?}");
    proxy.set(latency(ms(60_000)));
    client.write_all(b"x").await.unwrap();
    assert!(silent(&mut client).await);
    proxy.heal();
    answered(&mut client, 1).await;
}

#[tokio::test]
async fn jitter_is_the_same_in_every_run() {
    let proxy = echo().await;
    let (delay, jitter) = (ms(10), ms(200));
    proxy.set_one_way(Direction::ToClient, Fault::Latency { delay, jitter });
    let mut generator = StdRng::seed_from_u64(2 + Direction::ToClient as u64);
    let mut client = connect(&proxy).await;
    for _ in 0..8 {
        let least = delay + generator.random_range(Duration::ZERO..=jitter);
        let took = round(&mut client, 1).await;
        assert!(took >= least && took < least + NOISE, "{took:?}, not {least:?}");
    }
}

#[tokio::test]
async fn bandwidth_is_kept_to_and_given_back() {
    let proxy = echo().await;
    let mut client = connect(&proxy).await;
    proxy.set_one_way(Direction::ToClient, bandwidth(50_000));
    let took = round(&mut client, 40_000).await;
    assert!(took >= ms(800) && took < ms(800) + NOISE, "{took:?}");
    proxy.set(bandwidth(1));
    client.write_all(&[1; 1000]).await.unwrap();
    assert!(silent(&mut client).await);
    proxy.heal();
    answered(&mut client, 1000).await;
}

#[tokio::test]
async fn slices_come_one_by_one() {
    let proxy = echo().await;
    let mut client = connect(&proxy).await;
    proxy.set_one_way(Direction::ToClient, slice(3, ms(200)));
    let started = Instant::now();
    client.write_all(&[1; 10]).await.unwrap();
    let (mut pieces, mut got) = (Vec::new(), 0);
    while got < 10 {
        let n = client.read(&mut [0; 10]).await.unwrap();
        pieces.push((n, started.elapsed()));
        got += n;
    }
    assert!(pieces.len() > 1 && pieces[0].0 <= 9, "{pieces:?}");
    let took = started.elapsed();
    assert!(took >= ms(600) && took < ms(600) + NOISE, "{pieces:?}");
}

#[tokio::test]
async fn a_connection_is_closed_after_so_many_bytes() {
    let proxy = echo().await;
    let mut old = connect(&proxy).await;
    round(&mut old, 5000).await;
    proxy.set_one_way(Direction::ToClient, Fault::CloseAfter { bytes: 1000 });
    for mut client in [old, connect(&proxy).await] {
        round(&mut client, 400).await;
        client.write_all(&[1; 5000]).await.unwrap();
        answered(&mut client, 600).await;
        assert_eq!(end_of(&mut client).await.unwrap(), 0);
    }
    until(|| proxy.traffic().open == 0).await;
    let mut idle = connect(&proxy).await;
    for _ in 0..3 {
        round(&mut idle, 600).await;
        // The same again counts anew.
        proxy.set_one_way(Direction::ToClient, Fault::CloseAfter { bytes: 1000 });
    }
    proxy.set(Fault::CloseAfter { bytes: 0 });
    assert_eq!(end_of(&mut idle).await.unwrap(), 0);
}

#[tokio::test]
async fn in_a_black_hole_no_byte_moves_until_it_is_healed() {
    let proxy = echo().await;
    let mut old = connect(&proxy).await;
    round(&mut old, 7).await;
    proxy.set(Fault::BlackHole);
    let before = proxy.traffic();
    let (mut new, gone) = (connect(&proxy).await, connect(&proxy).await);
    drop(gone);
    old.write_all(b"old").await.unwrap();
    new.write_all(b"new").await.unwrap();
    assert!(silent(&mut old).await && silent(&mut new).await);
    let after = proxy.traffic();
    assert_eq!((after.accepted, after.open), (3, 3));
    assert_eq!(
        (after.bytes_to_server, after.turns),
        (before.bytes_to_server, before.turns)
    );
    let started = Instant::now();
    proxy.heal();
    answered(&mut old, 3).await;
    answered(&mut new, 3).await;
    assert!(started.elapsed() < NOISE);
    until(|| proxy.traffic().open == 2).await;
    // One way: the server hears, and nobody hears the server.
    proxy.set_one_way(Direction::ToClient, Fault::BlackHole);
    let before = proxy.traffic().bytes_to_server;
    old.write_all(b"old").await.unwrap();
    assert!(silent(&mut old).await);
    assert_eq!(proxy.traffic().bytes_to_server, before + 3);
    proxy.set(latency(ms(50)));
    answered(&mut old, 3).await;
}

#[tokio::test]
async fn reset_spares_nobody_however_short() {
    let proxy = echo().await;
    let mut old = connect(&proxy).await;
    round(&mut old, 1).await;
    proxy.set(Fault::Reset);
    assert!(is_reset(&mut old).await);
    assert!(resets(&proxy).await);
    proxy.heal();
    for _ in 0..10 {
        // Faster than the proxy accepts them.
        let clients: Vec<_> = (0..50)
            .map(|_| std::net::TcpStream::connect(proxy.address()).unwrap())
            .collect();
        proxy.set_one_way(Direction::ToServer, Fault::Reset);
        proxy.heal();
        for client in clients {
            client.set_nonblocking(true).unwrap();
            assert!(is_reset(&mut TcpStream::from_std(client).unwrap()).await);
        }
    }
    assert!(round(&mut connect(&proxy).await, 1).await < NOISE);
}

#[tokio::test]
async fn refused_means_that_nobody_listens_and_the_port_stays_ours() {
    let proxy = echo().await;
    for _ in 0..100 {
        let mut client = connect(&proxy).await;
        round(&mut client, 1).await;
        proxy.set(Fault::Refuse);
        assert!(refuses(&proxy).await);
        assert!(is_reset(&mut client).await);
        proxy.heal();
    }
    proxy.set(Fault::Refuse);
    proxy.set(Fault::BlackHole);
    let mut waiting = connect(&proxy).await;
    waiting.write_all(b"x").await.unwrap();
    proxy.heal();
    answered(&mut waiting, 1).await;
    // One without connections, which would keep their port too.
    let proxy = FaultProxy::start("127.0.0.1:1");
    proxy.set(Fault::Refuse);
    let other = TcpSocket::new_v4().unwrap().bind(proxy.address());
    assert_eq!(other.unwrap_err().kind(), ErrorKind::AddrInUse);
}

#[tokio::test]
async fn what_the_server_does_is_passed_on() {
    let server = TcpListener::bind("127.0.0.1:0").await.unwrap();
    let proxy = FaultProxy::start(server.local_addr().unwrap());
    let mut client = connect(&proxy).await;
    server.accept().await.unwrap().0.set_zero_linger().unwrap();
    assert!(is_reset(&mut client).await, "reset");
    let mut client = connect(&proxy).await;
    drop(server.accept().await.unwrap());
    assert_eq!(end_of(&mut client).await.unwrap(), 0, "closed");
    proxy.set(Fault::BlackHole);
    let mut client = connect(&proxy).await;
    assert!(timeout(SILENCE, server.accept()).await.is_err(), "not heard of");
    proxy.heal();
    drop(server.accept().await.unwrap());
    assert_eq!(end_of(&mut client).await.unwrap(), 0);
    drop(server);
    assert!(resets(&proxy).await, "gone");
}

#[tokio::test]
async fn dropped_it_is_gone_with_its_connections_and_its_port() {
    let proxy = echo().await;
    let address = proxy.address();
    let mut clients = [connect(&proxy).await, connect(&proxy).await];
    round(&mut clients[0], 1).await;
    proxy.set(Fault::BlackHole);
    drop(proxy);
    drop(TcpListener::bind(address).await.unwrap());
    for client in &mut clients {
        assert!(end_of(client).await.is_ok_and(|n| n == 0));
    }
}

#[test]
#[should_panic(expected = "bytes_per_second: 0")]
fn a_fault_that_cannot_be_is_refused() {
    let proxy = FaultProxy::start("127.0.0.1:1");
    proxy.set(bandwidth(0));
}

#[test]
fn only_host_and_port_of_a_url_change() {
    let address = "127.0.0.1:9".parse().unwrap();
    for (url, changed) in [
        ("postgres://u@h:1/db", "postgres://u@127.0.0.1:9/db"),
        ("postgres://h", "postgres://127.0.0.1:9"),
        (
            "postgres://u:p%40x@h?sslmode=disable",
            "postgres://u:p%40x@127.0.0.1:9?sslmode=disable",
        ),
        (
            "postgresql://u@[::1]:5/a/b?application_name=x@y",
            "postgresql://u@127.0.0.1:9/a/b?application_name=x@y",
        ),
    ] {
        assert_eq!(rerouted(url, address), changed);
    }
    assert_eq!(server_of("postgres://u@h/db"), ("h".to_owned(), 5432));
    for elsewhere in [
        "postgres:///db?host=/run/pg",
        "postgres://u@h:1/db?port=2",
        "postgres://a:1,b:2/db",
    ] {
        let refused = std::panic::catch_unwind(|| server_of(elsewhere));
        assert!(refused.is_err(), "{elsewhere}");
    }
}

#[tokio::test]
async fn postgresql_comes_back_from_a_black_hole() {
    let db = TestDatabase::postgres_empty().await;
    let proxy = FaultProxy::of_database(db.direct_url());
    let url = proxy.database_url(db.direct_url());
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client.batch_execute("CREATE TABLE t (n int)").await.unwrap();
    let turns = proxy.traffic().turns;
    client.batch_execute("INSERT INTO t VALUES (1)").await.unwrap();
    assert_eq!(proxy.traffic().turns, turns + 1);
    proxy.set(Fault::BlackHole);
    let insert = client.batch_execute("INSERT INTO t VALUES (2)");
    assert!(timeout(SILENCE, insert).await.is_err());
    let late = tokio_postgres::connect(&url, tokio_postgres::NoTls);
    assert!(timeout(SILENCE, late).await.is_err());
    proxy.heal();
    let query = client.query_one("SELECT count(*) FROM t", &[]);
    let row = timeout(ms(20_000), query).await.unwrap().unwrap();
    assert_eq!(
        row.get::<_, i64>(0),
        2,
        "what was sent in the dark has arrived since"
    );
    proxy.set(Fault::Refuse);
    assert!(client.batch_execute("SELECT 1").await.is_err());
    assert!(
        tokio_postgres::connect(&url, tokio_postgres::NoTls)
            .await
            .is_err()
    );
    proxy.heal();
    let (client, connection) = tokio_postgres::connect(&url, tokio_postgres::NoTls)
        .await
        .unwrap();
    tokio::spawn(connection);
    client.batch_execute("SELECT 1").await.unwrap();
}
