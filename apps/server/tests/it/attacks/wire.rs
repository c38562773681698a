//! Bytes that no client library sends: ambiguous lengths, odd paths and methods, headers that claim to be a proxy's.

use super::cost::Meter;
use super::*;
use rustok_test_support::{TIMEOUT, both_databases};
use tokio::io::{AsyncReadExt, AsyncWriteExt};
use tokio::net::TcpStream;
use tokio::time::timeout;

/// Ends a connection in order: whatever came before, the server answers this one last.
const LAST: &str = "GET /livez HTTP/1.1\r\nHost: shop1.localhost\r\nConnection: close\r\n\r\n";

/// Sends the bytes on a connection of their own; all that comes back until the server ends it.
async fn exchange(world: &World, bytes: &[u8]) -> String {
    let address = world.server.url().trim_start_matches("http://").to_owned();
    let mut stream = TcpStream::connect(address).await.unwrap();
    // A server that refuses may end the connection while the rest is still being sent.
    let _ = stream.write_all(bytes).await;
    let mut answer = Vec::new();
    let read = timeout(TIMEOUT, stream.read_to_end(&mut answer)).await;
    assert!(
        read.is_ok(),
        "no end after {:?}",
        String::from_utf8_lossy(&answer)
    );
    String::from_utf8_lossy(&answer).into_owned()
}

/// The statuses of all answers on a connection.
fn statuses(answers: &str) -> Vec<u16> {
    let lines = answers.split("HTTP/1.1 ").skip(1);
    lines.map(|rest| rest[..3].parse().unwrap()).collect()
}

/// An order that would work, as the whole of a request.
async fn order(world: &World) -> String {
    let product = world.thing(&world.ours, "product").await;
    let body = format!(
        r#"{{"email":"a@example.com","currency":"USD","lines":[{{"variant_id":"{}","quantity":1}}]}}"#,
        product["variant"]
    );
    format!(
        "POST /api/store/v1/orders HTTP/1.1\r\nHost: shop1.localhost\r\nContent-Type: application/json\r\n\
         Content-Length: {}\r\n\r\n{body}",
        body.len()
    )
}

/// Requests whose length two readers could see differently, each with `hidden` where one of them sees a second request.
fn ambiguous(hidden: &str) -> Vec<(&'static str, String)> {
    let head =
        "POST /api/store/v1/orders HTTP/1.1\r\nHost: shop1.localhost\r\nContent-Type: application/json\r\n";
    let chunked = "Transfer-Encoding: chunked\r\n";
    let length = format!("Content-Length: {}\r\n", hidden.len() + 5);
    let after = |headers: &str, body: &str| format!("{head}{headers}\r\n{body}{hidden}");
    vec![
        (
            "length, then chunked",
            after(&format!("{length}{chunked}"), "0\r\n\r\n"),
        ),
        (
            "chunked, then length",
            after(&format!("{chunked}{length}"), "0\r\n\r\n"),
        ),
        (
            "two lengths",
            after(&format!("Content-Length: 0\r\n{length}"), ""),
        ),
        (
            "two lengths in one",
            after(&format!("Content-Length: 0, {}\r\n", hidden.len()), ""),
        ),
        ("a length with a sign", after("Content-Length: +0\r\n", "")),
        ("a negative length", after("Content-Length: -1\r\n", "")),
        ("a length in hex", after("Content-Length: 0x0\r\n", "")),
        ("a space before the colon", after("Content-Length : 0\r\n", "")),
        (
            "a space before chunked's colon",
            after("Transfer-Encoding : chunked\r\n", "0\r\n\r\n"),
        ),
        (
            "a coding nobody has",
            after("Transfer-Encoding: xchunked\r\n", "0\r\n\r\n"),
        ),
        (
            "chunked, but not last",
            after("Transfer-Encoding: chunked, identity\r\n", "0\r\n\r\n"),
        ),
        (
            "two codings",
            after(
                "Transfer-Encoding: identity\r\nTransfer-Encoding: chunked\r\n",
                "0\r\n\r\n",
            ),
        ),
        (
            "chunked behind a tab",
            after("Transfer-Encoding:\x0bchunked\r\n", "0\r\n\r\n"),
        ),
        (
            "a folded header",
            after("Transfer-Encoding:\r\n chunked\r\n", "0\r\n\r\n"),
        ),
        ("a header without a name", after(": chunked\r\n", "0\r\n\r\n")),
        (
            "chunked in HTTP/1.0",
            after(chunked, "0\r\n\r\n").replacen("HTTP/1.1", "HTTP/1.0", 1),
        ),
        (
            "a chunk extension that ends in LF",
            after(chunked, "0;a\nb\r\n\r\n"),
        ),
        ("a chunk that ends in LF", after(chunked, "0\n\n")),
        ("a chunk size in disguise", after(chunked, "0_0\r\n\r\n")),
        (
            "a chunk size beyond all",
            after(chunked, "FFFFFFFFFFFFFFFFF\r\n\r\n"),
        ),
        (
            "a chunk that is longer than it says",
            after(chunked, "1\r\n{}\r\n0\r\n\r\n"),
        ),
        ("a CR alone in a header", after("X: a\rContent-Length: 0\r\n", "")),
        ("a NUL in a header", after("X: a\0b\r\n", "")),
        (
            "a line before the request",
            format!("\r\n \r\n{}", after("Content-Length: 0\r\n", "")),
        ),
    ]
}

both_databases! {
    /// Whichever of two lengths a proxy before the server believes: the server believes none, and hears nothing more
    /// on that connection.
    async fn no_request_is_smuggled_in_another(db) {
        let world = world(db).await;
        let hidden = order(&world).await;
        let fine = exchange(&world, format!("{hidden}{LAST}").as_bytes()).await;
        assert_eq!(statuses(&fine), [201, 200], "the hidden one would work: {fine}");
        let before = Digest::of(&world).await;
        let mut meter = Meter::of(&world);
        for (what, request) in ambiguous(&hidden) {
            meter.measure(what, async || {
                let answer = exchange(&world, format!("{request}{LAST}").as_bytes()).await;
                let reported = statuses(&answer);
                // At most one answer, a refusal, and the connection is over.
                assert!(matches!(reported.as_slice(), [] | [400..=499 | 501]), "{what}: {reported:?} {answer}");
            }).await;
        }
        meter.finish();
        assert_eq!(Digest::of(&world).await, before);
    }

    /// A chunked body is read to its end, and the connection with it.
    async fn a_chunked_request_is_the_last_of_its_connection(db) {
        let world = world(db).await;
        let whole = order(&world).await;
        let (head, body) = whole.split_once("\r\n\r\n").unwrap();
        let head = head.split("Content-Length").next().unwrap();
        let chunked = format!("{head}Transfer-Encoding: chunked\r\n\r\n{:x};a=b\r\n{body}\r\n0\r\n\r\n", body.len());
        let answer = exchange(&world, format!("{chunked}{whole}{LAST}").as_bytes()).await;
        assert_eq!(statuses(&answer), [201], "{answer}");
        assert!(answer.to_ascii_lowercase().contains("connection: close"), "{answer}");
    }

    async fn odd_paths_lead_nowhere(db) {
        let world = world(db).await;
        let before = Digest::of(&world).await;
        let product = world.thing(&world.ours, "product").await;
        let mut meter = Meter::of(&world);
        let id = &product["id"];
        for path in [
            "/api/store/v1/..%2fadmin/v1/products".to_owned(),
            "/api/store/v1/../../admin/v1/products".to_owned(),
            "/api/store/v1/%2e%2e/%2e%2e/admin/v1/products".to_owned(),
            "/api/store/v1/..;/admin/v1/products".to_owned(),
            "/api/store/v1\\..\\admin\\v1\\products".to_owned(),
            "//api/admin/v1/products".to_owned(),
            "/api//admin/v1/products".to_owned(),
            "/api/admin/v1/products/".to_owned(),
            "/api/admin/v1/products/./".to_owned(),
            format!("/api/admin/v1//products/{id}"),
            format!("/api/admin/v1/products//{id}"),
            format!("/api/admin/v1/products/{id}%00"),
            format!("/api/admin/v1/products/{id}%2f"),
            format!("/api/admin/v1/products/{id}/..%2f..%2forders"),
            format!("/api/admin/v1/products/..%2fproducts%2f{id}"),
            format!("/API/admin/v1/products/{id}"),
            "/api/store/v1/products/%c0%af".to_owned(),
            "/api/store/v1/products/%c0%ae%c0%ae%c0%af".to_owned(),
            "/api/store/v1/nodes/%e0%80%af".to_owned(),
            "/api/store/v1/nodes/%ff%fe".to_owned(),
            "/api/store/v1/nodes/%".to_owned(),
            "/api/store/v1/nodes/%zz".to_owned(),
            "/api/store/v1/products?limit=%c0%af".to_owned(),
            "/api/docs/..%2f..%2f..%2f..%2fetc%2fpasswd".to_owned(),
            "/api/docs/....//....//etc/passwd".to_owned(),
            "/problems/..%2f..%2fmetrics".to_owned(),
            "/metrics".to_owned(),
            format!("/{}", "a/".repeat(10_000)),
            format!("/api/store/v1/products/{}", "%41".repeat(2_000)),
        ] {
            let request = format!(
                "GET {path} HTTP/1.1\r\nHost: shop1.localhost\r\nAuthorization: Bearer {}\r\nConnection: close\r\n\r\n",
                world.ours.admin
            );
            meter.measure(&path, async || {
                let answer = exchange(&world, request.as_bytes()).await;
                assert!(matches!(statuses(&answer).as_slice(), [400..=499]), "{path}: {answer}");
                assert!(!answer.contains("root:"), "{path}: {answer}");
            }).await;
        }
        meter.finish();
        assert_eq!(Digest::of(&world).await, before);
    }

    async fn odd_methods_and_versions_do_nothing(db) {
        let world = world(db).await;
        let before = Digest::of(&world).await;
        let mut meter = Meter::of(&world);
        let token = &world.ours.admin;
        let rest = format!("Host: shop1.localhost\r\nAuthorization: Bearer {token}\r\nConnection: close\r\n\r\n");
        for line in [
            "TRACE / HTTP/1.1",
            "TRACE /api/admin/v1/products HTTP/1.1",
            "TRACK /api/admin/v1/products HTTP/1.1",
            "CONNECT shop1.localhost:80 HTTP/1.1",
            "CONNECT 169.254.169.254:80 HTTP/1.1",
            "CONNECT /api/admin/v1/products HTTP/1.1",
            "PROPFIND /api/admin/v1/products HTTP/1.1",
            "DELETE /api/admin/v1/products HTTP/1.1",
            "get /api/admin/v1/products HTTP/1.1",
            "G\0T /api/admin/v1/products HTTP/1.1",
            "GET /api/admin/v1/products",
            "GET /api/admin/v1/products HTTP/0.9",
            "GET /api/admin/v1/products HTTP/3.0",
            "GET  /api/admin/v1/products  HTTP/1.1",
            "GET /api/admin/v1/products HTTP/1.1 HTTP/1.1",
            "* /api/admin/v1/products HTTP/1.1",
            "GET * HTTP/1.1",
            "GET ftp://shop1.localhost/api/admin/v1/products/ HTTP/1.1",
        ] {
            meter.measure(line, async || {
                let answer = exchange(&world, format!("{line}\r\n{rest}").as_bytes()).await;
                assert!(matches!(statuses(&answer).as_slice(), [400..=499 | 501 | 505]), "{line}: {answer}");
                // Nothing of the request comes back: TRACE would show a page the token.
                assert!(!answer.contains(token.as_str()), "{line}: {answer}");
            }).await;
        }
        meter.finish();
        assert_eq!(Digest::of(&world).await, before);
    }

    /// A stranger's headers name no tenant, no address and no other method: the answer is the one without them.
    async fn headers_of_a_proxy_count_for_nothing_from_a_stranger(db) {
        let world = world(db).await;
        let before = Digest::of(&world).await;
        let theirs = world.theirs.slug;
        let path = "/api/admin/v1/products";
        let plain = || world.request(&world.ours, Some(&world.ours.admin), Method::GET, path);
        let expected = Answer::read(plain().send().await.unwrap()).await;
        assert_eq!(expected.status, 200);
        for (name, value) in [
            ("x-tenant-id", theirs.to_owned()),
            ("x-forwarded-host", format!("{theirs}.localhost")),
            ("x-forwarded-server", format!("{theirs}.localhost")),
            ("x-host", format!("{theirs}.localhost")),
            ("forwarded", format!("for=127.0.0.1;host={theirs}.localhost;proto=https")),
            ("x-forwarded-for", "127.0.0.1, 10.0.0.1".to_owned()),
            ("x-real-ip", "127.0.0.1".to_owned()),
            ("x-forwarded-proto", "https".to_owned()),
            ("x-forwarded-port", "443".to_owned()),
            ("x-forwarded-prefix", "/api/platform/v1".to_owned()),
            ("x-original-url", "/api/platform/v1/tenants".to_owned()),
            ("x-rewrite-url", "/api/platform/v1/tenants".to_owned()),
            ("x-http-method-override", "DELETE".to_owned()),
            ("x-method-override", "DELETE".to_owned()),
        ] {
            let answer = Answer::read(plain().header(name, value).send().await.unwrap()).await;
            assert_eq!((answer.status, &answer.body), (200, &expected.body), "{name}");
            // Nor does one open the neighbour's door for our token, or the platform's.
            let there = world.request(&world.theirs, Some(&world.ours.admin), Method::GET, path);
            let there = there.header(name, if name == "x-tenant-id" { world.ours.slug } else { "shop1.localhost" });
            let problem = refused(there, name).await;
            assert_eq!(problem["code"], "unauthenticated", "{name}");
        }
        assert_eq!(Digest::of(&world).await, before);
    }
}
