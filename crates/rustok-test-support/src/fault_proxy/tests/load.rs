//! Faults that change a hundred times a second under load: what arrives is a prefix of what was sent.

use super::*;

/// A fault that ends no connection, or rarely one that does.
fn any_fault(generator: &mut StdRng, deadly: bool) -> Fault {
    match generator.random_range(0..if deadly { 40 } else { 30 }) {
        0..5 => Fault::None,
        5..10 => Fault::Latency {
            delay: ms(3),
            jitter: ms(10),
        },
        10..15 => bandwidth(300_000),
        15..20 => slice(7, ms(1)),
        20..30 => Fault::BlackHole,
        30..38 => Fault::CloseAfter { bytes: 500_000 },
        38 => Fault::Reset,
        _ => Fault::Refuse,
    }
}

/// Sends numbered words until told to stop; what comes back must be those words, in order, none missing.
async fn counted(client: TcpStream, mut stop: watch::Receiver<bool>) -> (u64, u64) {
    let (mut from, mut to) = client.into_split();
    let sender = tokio::spawn(async move {
        let mut sent = 0;
        while !*stop.borrow_and_update() {
            let word = u64::to_le_bytes(sent);
            if to.write_all(&word).await.is_err() {
                break;
            }
            sent += 1;
            tokio::task::yield_now().await;
        }
        to.shutdown().await.ok();
        sent
    });
    let mut got = 0;
    while let Ok(word) = from.read_u64_le().await {
        assert_eq!(word, got, "lost, repeated or out of order");
        got += 1;
    }
    (sender.await.unwrap(), got)
}

async fn switched(seed: u64, deadly: bool) -> Vec<(u64, u64)> {
    let proxy = echo().await;
    let (stopper, stop) = watch::channel(false);
    let mut clients = Vec::new();
    for _ in 0..4 {
        clients.push(tokio::spawn(counted(connect(&proxy).await, stop.clone())));
    }
    let mut generator = StdRng::seed_from_u64(seed);
    for _ in 0..200 {
        let fault = any_fault(&mut generator, deadly);
        match generator.random_range(0..3) {
            0 => proxy.set(fault),
            1 => proxy.set_one_way(Direction::ToServer, fault),
            _ => proxy.set_one_way(Direction::ToClient, fault),
        }
        sleep(ms(10)).await;
    }
    proxy.heal();
    stopper.send(true).unwrap();
    let mut counts = Vec::new();
    for client in clients {
        counts.push(timeout(ms(20_000), client).await.expect("it hangs").unwrap());
    }
    until(|| proxy.traffic().open == 0).await;
    counts
}

#[tokio::test]
async fn faults_that_come_and_go_lose_and_reorder_nothing() {
    for (sent, got) in switched(1, false).await {
        assert_eq!(got, sent);
        assert!(got > 1000, "only {got} words: no load");
    }
}

#[tokio::test]
async fn what_arrives_before_an_end_is_what_was_sent_first() {
    for (sent, got) in switched(2, true).await {
        assert!(got <= sent && sent > 0, "{got} of {sent}");
    }
}
