//! Heads that nobody sends by mistake, and a directory that is away.

use super::wire::{Answer, get, send};
use super::{Street, rustok};
use rustok_test_support::{
    Fault, FaultProxy, Lateness, TIMEOUT, TestDatabase, TestServer, both_databases, eventually_is,
};
use std::time::Duration;

const PATH: &str = "/api/store/v1/products";

/// Sends a request line and header lines as they are.
async fn raw(server: &TestServer, line: &[u8], headers: &[&[u8]]) -> Answer {
    let mut head = [line, b"\r\n".as_slice()].concat();
    for header in headers {
        head.extend_from_slice(header);
        head.extend_from_slice(b"\r\n");
    }
    head.extend_from_slice(b"Connection: close\r\n\r\n");
    send(server, &head).await
}

fn host(host: impl AsRef<[u8]>) -> Vec<u8> {
    [b"Host: ".as_slice(), host.as_ref()].concat()
}

both_databases! {
    async fn a_malformed_host_is_a_problem(db) {
        let street = Street::open(&rustok(db.url())).await;
        let line = format!("GET {PATH} HTTP/1.1");
        let label = "a".repeat(63);
        let long_label = format!("{label}a.example");
        let long_name = format!("{label}.{label}.{label}.{label}");
        let long_in_ascii = "ü.".repeat(60) + "example";
        let (large, larger) = ("a".repeat(10 << 10), "ä.".repeat(5 << 10));
        for bad in [
            "", ".", "..", ":80", "shop1.localhost..", ".shop1.localhost", "shop1..localhost",
            "shop1.localhost:65536", "shop1.localhost:x", "shop1.localhost:-1", "shop1.localhost:80:80",
            "shop1.localhost:８０", "127.0.0.1", "127.0.0.1:8080", "127.1", "0x7f.1", "2130706433", "１２７.0.0.1",
            "[::1]", "[::1]:80", "[::1", "::1", "[fe80::1%25eth0]", "[]", "a_b.example", "-a.example", "a-.example",
            "user@shop1.localhost", "user:secret@shop1.localhost", "shop1.localhost/x", "shop1.localhost?x",
            "shop1.localhost#x", "shop1%2elocalhost", "shop1.localhost, shop2.localhost", "shop1 .localhost",
            "*.localhost", "xn--a.example", "xn--xn---epa.example", "אa.example", "a\u{200d}b.example",
            "\u{202e}tsohlacol.1pohs", &long_label, &long_name, &long_in_ascii, &large, &larger,
        ] {
            let answer = raw(&street.server, line.as_bytes(), &[&host(bad)]).await;
            let shown: String = bad.chars().take(60).collect();
            assert_eq!((answer.status, answer.problem_code().as_str()), (400, "invalid_tenant_identifier"), "{shown:?}");
        }
        for bad in [b"b\xfccher.example".as_slice(), b"\xff", b"shop1.localhost\xc0\x80"] {
            let answer = raw(&street.server, line.as_bytes(), &[&host(bad)]).await;
            assert_eq!((answer.status, answer.problem_code().as_str()), (400, "invalid_tenant_identifier"), "{bad:?}");
        }
        // On every route, known or not.
        for path in [PATH, "/livez", "/nothing", "/api/platform/v1/tenants", "/api/openapi.json"] {
            let line = format!("GET {path} HTTP/1.1");
            for headers in [&[][..], &[b"Host: shop1.localhost".as_slice(), b"Host: shop1.localhost"]] {
                let answer = raw(&street.server, line.as_bytes(), headers).await;
                assert_eq!((answer.status, answer.problem_code().as_str()), (400, "invalid_tenant_identifier"), "{path}");
            }
        }
        let alive = get(&street.server, PATH, &["Host: shop1.localhost"]).await;
        assert_eq!(alive.status, 200, "{}", alive.body);
    }

    async fn a_malformed_head_is_refused(db) {
        let street = Street::open(&rustok(db.url())).await;
        let line = format!("GET {PATH} HTTP/1.1");
        let absolute = |authority: &str| format!("GET http://{authority}{PATH} HTTP/1.1");
        let large = "a".repeat(10 << 10);
        let one = host("shop1.localhost");
        for (line, headers) in [
            (line.clone(), vec![host("shop1.localhost\0")]),
            (line.clone(), vec![host("\0")]),
            (line.clone(), vec![host("shop1\u{1}.localhost")]),
            (line.clone(), vec![host("shop1.localhost\u{7f}")]),
            (line.clone(), vec![host("shop1.localhost"), b"Host : shop2.localhost".to_vec()]),
            (line.clone(), vec![host("shop1.localhost\r\n shop2.localhost")]),
            (line.clone(), vec![host("shop1.localhost\rshop2.localhost")]),
            (line.clone(), vec![host("a".repeat(100 << 10))]),
            (absolute(""), vec![one.clone()]),
            (absolute(":80"), vec![one.clone()]),
            (absolute("[::1"), vec![one.clone()]),
            (absolute("shop1.localhost:65536"), vec![one.clone()]),
            (absolute("shop1.localhost:x"), vec![one.clone()]),
            (absolute("b\u{fc}cher.example"), vec![one.clone()]),
            (absolute("shop1%2elocalhost"), vec![one.clone()]),
            (absolute("a_b"), vec![one.clone()]),
            (absolute(&large), vec![one.clone()]),
            (format!("GET shop1.localhost{PATH} HTTP/1.1"), vec![one.clone()]),
            ("GET shop1.localhost HTTP/1.1".to_owned(), vec![one.clone()]),
            ("CONNECT shop1.localhost:80 HTTP/1.1".to_owned(), vec![one.clone()]),
            ("OPTIONS * HTTP/1.1".to_owned(), vec![one.clone()]),
        ] {
            let headers: Vec<&[u8]> = headers.iter().map(Vec::as_slice).collect();
            let answer = raw(&street.server, line.as_bytes(), &headers).await;
            let shown: String = line.chars().take(80).collect();
            assert!((400..500).contains(&answer.status), "{shown} {answer:?}");
            if !answer.body.is_empty() {
                answer.problem();
            }
        }
        let log = street.server.stderr();
        assert!(!log.contains("panic") && !log.contains("request failed"), "{log}");
        let alive = get(&street.server, PATH, &["Host: shop1.localhost"]).await;
        assert_eq!(alive.status, 200, "{}", alive.body);
    }
}

/// On PostgreSQL: a file does not go away.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_directory_that_is_away_is_a_503_and_rubbish_costs_no_query() {
    let database = TestDatabase::postgres().await;
    let road = FaultProxy::of_database(database.url());
    let url = road.database_url(database.url());
    let street = Street::open(&rustok(&url).env("RUSTOK_DIRECTORY_POLL_MS", "600000")).await;
    let ask = async |host: &str| get(&street.server, PATH, &[&format!("Host: {host}")]).await;
    // The first poll of the directory puts what is cached before it in doubt: not before it is over.
    let mut turns = None;
    eventually_is(TIMEOUT, "a quiet line", async || {
        tokio::time::sleep(Duration::from_millis(300)).await;
        let seen = road.traffic().turns;
        turns.replace(seen) == Some(seen)
    })
    .await;
    assert_eq!(ask("nobody.localhost").await.status, 404);
    road.set(Fault::Refuse);
    assert_eq!(
        ask("nobody.localhost").await.status,
        404,
        "it was known to be none"
    );
    for number in 0..20 {
        let lateness = Lateness::watch_process(street.server.pid());
        let begun = tokio::time::Instant::now();
        let answer = ask(&format!("unknown{number}.localhost")).await;
        let problem = answer.problem();
        assert_eq!(
            (answer.status, problem["code"].as_str()),
            (503, Some("tenant_unavailable")),
            "{problem:#}"
        );
        assert_eq!(problem["retryable"], true);
        let retry_after = answer
            .head
            .lines()
            .find_map(|line| line.strip_prefix("retry-after: "));
        let seconds: u64 = retry_after.unwrap().parse().unwrap();
        assert!((1..=10).contains(&seconds), "{seconds}");
        let took = begun.elapsed();
        assert!(took < Duration::from_secs(10) + lateness.since(begun), "{took:?}");
        // What would need the directory cannot be told now; what is no name can.
        assert_eq!(
            ask("a_b.localhost").await.problem_code(),
            "invalid_tenant_identifier"
        );
    }
    assert_eq!(get(&street.server, "/livez", &["Host: x"]).await.status, 200);
}
