//! SIGTERM under load: `/readyz` falls first, nobody who does as he is asked is cut off, and the end comes in time.
//! `RUSTOK_ROUNDS` says how often (`bench/shutdown.sh`).
//!
//! The clients here send one request after the other over a connection, open a new one when an answer says `Connection:
//! close`, and take a refused connection for what it is: the server is gone. Everything else is a failure: a connection
//! that ends or is reset without an answer, half an answer, and any status but the expected.

use crate::limits::{Answer, Raw, open};
use crate::orders;
use crate::platform::{Shop, status};
use futures_util::future::join_all;
use rustok_test_support::{Lateness, TIMEOUT, both_databases, eventually, eventually_is};
use serde_json::json;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;

const CLIENTS: usize = 8;

/// One request after the other until the server is gone; what went wrong.
async fn client(address: String, request: String, answered: Arc<AtomicUsize>) -> Result<(), String> {
    loop {
        let Ok(mut stream) = TcpStream::connect(&address).await else {
            return Ok(());
        };
        loop {
            let failed = |what: &str| Err(format!("{what} after {}", answered.load(Ordering::Relaxed)));
            if let Err(error) = stream.write_all(request.as_bytes()).await {
                return failed(&error.to_string());
            }
            let head = match read_answer(&mut stream).await {
                Ok(head) => head,
                Err(why) => return failed(&why),
            };
            if !head.starts_with("http/1.1 20") {
                return failed(&head);
            }
            answered.fetch_add(1, Ordering::Relaxed);
            if head.contains("connection: close") {
                break;
            }
        }
    }
}

/// Reads one answer; its head.
async fn read_answer(stream: &mut TcpStream) -> Result<String, String> {
    let mut read = Vec::new();
    loop {
        let text = String::from_utf8_lossy(&read).to_ascii_lowercase();
        if let Some((head, body)) = text.split_once("\r\n\r\n") {
            let length = head
                .lines()
                .find_map(|line| line.strip_prefix("content-length: "));
            if body.len() >= length.map_or(0, |length| length.parse().unwrap()) {
                return Ok(head.to_owned());
            }
        }
        match stream.read_buf(&mut read).await {
            Ok(0) => return Err(format!("end after {} bytes", read.len())),
            Ok(_) => {}
            Err(error) => return Err(error.to_string()),
        }
    }
}

/// When `/readyz` said no for the first time.
async fn not_ready(url: String) -> Instant {
    eventually_is(TIMEOUT, "a 503 of /readyz", async || {
        reqwest::get(&url)
            .await
            .is_ok_and(|answer| answer.status() == 503)
    })
    .await;
    Instant::now()
}

/// When the public listener refused a connection for the first time.
async fn refused(address: String) -> Instant {
    eventually_is(TIMEOUT, "a refused connection", async || {
        TcpStream::connect(&address).await.is_err()
    })
    .await;
    Instant::now()
}

/// Load, SIGTERM, and a look at everything that happens.
async fn round(shop: &Shop, variant: &serde_json::Value) -> usize {
    let lateness = Lateness::watch_process(shop.server.pid());
    let address = shop.server.url().strip_prefix("http://").unwrap().to_owned();
    let answered = Arc::new(AtomicUsize::new(0));
    let read = "GET /api/store/v1/products HTTP/1.1\r\nhost: shop1.localhost\r\n\r\n".to_owned();
    let order = orders::order_of(variant, 1).to_string();
    let write = format!(
        "POST /api/store/v1/orders HTTP/1.1\r\nhost: shop1.localhost\r\ncontent-type: application/json\r\n\
         content-length: {}\r\n\r\n{order}",
        order.len()
    );
    let clients = join_all((0..CLIENTS).map(|n| {
        let request = if n % 4 == 0 { &write } else { &read };
        tokio::spawn(client(address.clone(), request.clone(), Arc::clone(&answered)))
    }));
    let watching = not_ready(format!("{}/readyz", shop.server.management_url()));
    let listening = refused(address.clone());
    let term = async {
        eventually(TIMEOUT, async || match answered.load(Ordering::Relaxed) {
            seen if seen >= 10 * CLIENTS => Ok(()),
            seen => Err(seen),
        })
        .await;
        shop.server.signal_terminate().await;
        (Instant::now(), answered.load(Ordering::Relaxed))
    };
    let (ended, (reported, before), not_ready, refused) = tokio::join!(clients, term, watching, listening);
    for client in ended {
        assert_eq!(client.unwrap(), Ok(()));
    }
    assert!(
        not_ready < refused,
        "connections were refused before /readyz said no"
    );
    assert!(reported.elapsed() < Duration::from_secs(10) + lateness.since(reported));
    answered.load(Ordering::Relaxed) - before
}

/// Requests over a used and a fresh connection once nobody is let in any more; how long after SIGTERM they were sent.
async fn on_its_way(shop: &Shop) -> Duration {
    let address = shop.server.url().strip_prefix("http://").unwrap().to_owned();
    let request = "GET /livez HTTP/1.1\r\nhost: a\r\n\r\n";
    let (mut used, mut fresh) = (Raw::connect(shop).await, Raw::connect(shop).await);
    used.send(request).await;
    assert_eq!(used.answer().await.unwrap().status, 200);
    let lateness = Lateness::watch_process(shop.server.pid());
    let start = Instant::now();
    shop.server.signal_terminate().await;
    refused(address).await;
    used.try_send(request).await;
    fresh.try_send(request).await;
    // The server reads them when it gets a core.
    let sent = start.elapsed() + lateness.since(start);
    for mut raw in [used, fresh] {
        let answer = raw.answer().await;
        let answered = |answer: Answer| answer.status == 200 && answer.head.contains("connection: close");
        assert!(
            answer.is_some_and(answered) || sent > Duration::from_millis(400),
            "{sent:?}"
        );
    }
    sent
}

both_databases! {
    async fn a_shutdown_under_load_cuts_nobody_off(db) {
        let rounds: usize = std::env::var("RUSTOK_ROUNDS").map_or(2, |rounds| rounds.parse().unwrap());
        let mut shop = open(db.url(), &[]).await;
        let tea = orders::product(&shop, json!([{}])).await.remove(0);
        for n in 0..rounds {
            let start = Instant::now();
            let after = round(&shop, &tea).await;
            let command = shop.server.command().clone();
            let finished = shop.server.finished().await;
            assert_eq!(finished.code, Some(0), "{finished:#?}");
            eprintln!("round {n}: 0 failed, {after} answered after SIGTERM, ended after {:?}", start.elapsed());
            assert!(after > 0, "the shutdown was not under load");
            shop = Shop { server: command.start().await, ..shop };
        }
    }

    async fn what_is_in_flight_is_finished_when_nobody_is_let_in_any_more(db) {
        let shop = open(db.url(), &[("RUSTOK_SHUTDOWN_DELAY_MS", "0")]).await;
        let address = shop.server.url().strip_prefix("http://").unwrap().to_owned();
        let mut slow = Raw::order(&shop, 2).await;
        let mut idle = Raw::connect(&shop).await;
        idle.send("GET /livez HTTP/1.1\r\nhost: a\r\n\r\n").await;
        assert_eq!(idle.answer().await.unwrap().status, 200);
        // A later request that is answered shows that the slow one has been read as far as it goes.
        assert_eq!(orders::place(&shop, &json!({})).send().await.unwrap().status(), 422);
        shop.server.signal_terminate().await;
        refused(address).await;
        assert!(idle.answer().await.is_none(), "an idle connection is closed");
        slow.send("{}").await;
        let answer = slow.answer().await.unwrap();
        assert_eq!((answer.status, &answer.body["code"]), (422, &json!("validation_failed")));
        assert!(answer.head.contains("connection: close"), "{}", answer.head);
        assert_eq!(shop.server.finished().await.code, Some(0));
    }

    async fn a_request_that_was_on_its_way_is_answered(db) {
        let mut shop = open(db.url(), &[("RUSTOK_SHUTDOWN_DELAY_MS", "0")]).await;
        // A machine that is busy elsewhere may let the moment go by in which the server waits.
        for _ in 0..20 {
            let sent = on_its_way(&shop).await;
            let command = shop.server.command().clone();
            assert_eq!(shop.server.finished().await.code, Some(0));
            if sent <= Duration::from_millis(400) {
                return;
            }
            shop = Shop { server: command.start().await, ..shop };
        }
        eprintln!("this machine is too busy to tell");
    }

    async fn a_terminal_that_is_closed_ends_the_server_as_well(db) {
        let ignored = status(std::process::id(), "SigIgn");
        if ignored.is_some_and(|mask| u64::from_str_radix(&mask, 16).unwrap() & 1 == 1) {
            eprintln!("these tests were started with nohup, and so are their servers: not checked");
            return;
        }
        let shop = open(db.url(), &[("RUSTOK_SHUTDOWN_DELAY_MS", "0")]).await;
        shop.server.signal("HUP").await;
        assert_eq!(shop.server.finished().await.code, Some(0));
    }

    async fn who_never_finishes_does_not_hold_the_shutdown_up(db) {
        let settings = [("RUSTOK_SHUTDOWN_DELAY_MS", "0"), ("RUSTOK_SHUTDOWN_TIMEOUT_MS", "300")];
        let shop = open(db.url(), &settings).await;
        let _slow = Raw::order(&shop, 2).await;
        assert_eq!(orders::place(&shop, &json!({})).send().await.unwrap().status(), 422);
        let lateness = Lateness::watch_process(shop.server.pid());
        let start = Instant::now();
        let finished = shop.server.terminate().await;
        assert!(start.elapsed() < Duration::from_secs(5) + lateness.since(start), "{:?}", start.elapsed());
        assert!(finished.code == Some(1) && finished.stderr.contains("still in flight"), "{finished:#?}");
    }
}
