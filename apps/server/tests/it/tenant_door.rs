//! The tenant door through a bare socket: spellings of one name, voices that differ, and heads that no client would
//! send. A refusal is never a 500 and never some other tenant.

mod malformed;
mod wire;

use crate::platform::{printed, rustok, tenant};
use futures_util::future::join_all;
use rustok_test_support::{ServerCommand, TIMEOUT, TestServer, both_databases, eventually_is};
use serde_json::json;
use wire::{Answer, get, http2};

const PRODUCTS: &str = "/api/admin/v1/products";

/// Three tenants with names as alike as the rules allow, and the admin token of each.
struct Street {
    server: TestServer,
    tokens: Vec<(&'static str, String)>,
    shop1_id: String,
}

impl Street {
    async fn open(command: &ServerCommand) -> Self {
        let mut tokens = Vec::new();
        for slug in ["shop1", "shop2", "shop-example"] {
            tokens.push((slug, tenant(command, slug, "admin").await));
        }
        for (slug, host) in [
            ("shop1", "Bücher.Example."),
            ("shop2", "shop.example"),
            ("shop-example", "shop1.example"),
            ("shop-example", "shop1"),
            ("shop2", "b\u{fc}cher.localhost"),
        ] {
            printed(command.run(&["tenant", "add-host", slug, host, "--json"]).await);
        }
        let tenants = printed(command.run(&["tenant", "list", "--json"]).await);
        let shop1 = tenants
            .as_array()
            .unwrap()
            .iter()
            .find(|tenant| tenant["slug"] == "shop1");
        let shop1_id = shop1.unwrap()["id"].as_str().unwrap().to_owned();
        Self {
            server: command.start().await,
            tokens,
            shop1_id,
        }
    }

    /// A head whose first line is `line`, with these header lines.
    async fn send(&self, line: &str, headers: &[&str]) -> Answer {
        let mut head = format!("{line}\r\n");
        for header in headers {
            head.push_str(header);
            head.push_str("\r\n");
        }
        wire::send(
            &self.server,
            format!("{head}Connection: close\r\n\r\n").as_bytes(),
        )
        .await
    }

    /// Who answers: whoever's token is known there. Also checks that it is one tenant only, or none.
    async fn who(&self, line: &str, headers: &[&str]) -> Result<&'static str, (u16, String)> {
        let mut known = Vec::new();
        let mut refused = None;
        for (slug, token) in &self.tokens {
            let bearer = format!("Authorization: Bearer {token}");
            let headers: Vec<&str> = headers.iter().copied().chain([bearer.as_str()]).collect();
            let answer = self.send(line, &headers).await;
            match answer.status {
                200 => known.push(*slug),
                401 => {}
                status => refused = Some((status, answer.problem_code())),
            }
        }
        match (known.as_slice(), refused) {
            ([slug], None) => Ok(slug),
            ([], Some(refused)) => Err(refused),
            other => panic!("{line} {headers:?} is answered by {other:?}"),
        }
    }

    async fn who_is_host(&self, host: &str) -> Result<&'static str, (u16, String)> {
        self.who(&format!("GET {PRODUCTS} HTTP/1.1"), &[&format!("Host: {host}")])
            .await
    }
}

fn refused(status: u16, code: &str) -> Result<&'static str, (u16, String)> {
    Err((status, code.to_owned()))
}

fn believing(database_url: &str, networks: &str) -> ServerCommand {
    rustok(database_url).env("RUSTOK_TRUSTED_PROXIES", networks)
}

both_databases! {
    async fn every_spelling_leads_to_its_own_tenant(db) {
        let street = Street::open(&rustok(db.url())).await;
        for (host, expected) in [
            ("shop1.localhost", "shop1"),
            ("SHOP1.LocalHost", "shop1"),
            ("shop1.localhost.", "shop1"),
            ("shop1.localhost:8080", "shop1"),
            ("shop1.localhost.:65535", "shop1"),
            ("shop1.localhost:", "shop1"),
            ("ｓｈｏｐ１。localhost", "shop1"),
            ("xn--bcher-kva.example", "shop1"),
            ("XN--BCHER-KVA.EXAMPLE.:80", "shop1"),
            ("bücher.example", "shop1"),
            ("BÜCHER。example", "shop1"),
            ("bu\u{308}cher.example", "shop1"),
            ("shop.example", "shop2"),
            ("xn--bcher-kva.localhost", "shop2"),
            ("bücher.localhost", "shop2"),
            // A host that is spelled as a slug is a host, and a slug that looks like a host is a slug.
            ("shop1", "shop-example"),
            ("shop1.example", "shop-example"),
            ("shop-example.localhost", "shop-example"),
        ] {
            assert_eq!(street.who_is_host(host).await, Ok(expected), "{host}");
        }
        let unknown = refused(404, "tenant_not_found");
        for host in [
            "localhost", "www.localhost", "a.shop1.localhost", "shop1localhost", "shop1.localhost.example",
            "shop.example.localhost", "shop2", "bucher.example", "buecher.example",
        ] {
            assert_eq!(street.who_is_host(host).await, unknown, "{host}");
        }
        // The id of a tenant is no slug, in no spelling.
        for id in [street.shop1_id.clone(), street.shop1_id.replace('-', "")] {
            assert_eq!(street.who_is_host(&format!("{id}.localhost")).await, unknown, "{id}");
        }
        for slug in [street.shop1_id.as_str(), "shop.example", "xn--bcher-kva", "www"] {
            let made = street.server.run(&["tenant", "create", slug, "--name", "x", "--json"]).await;
            assert_eq!(made.code, Some(1), "{slug} {made:?}");
        }
    }

    async fn the_authority_of_an_absolute_target_decides(db) {
        let street = Street::open(&rustok(db.url())).await;
        let two = "Host: shop2.localhost";
        for authority in ["shop1.localhost", "SHOP1.localhost.:8080", "xn--bcher-kva.example"] {
            let line = format!("GET http://{authority}{PRODUCTS} HTTP/1.1");
            assert_eq!(street.who(&line, &[two]).await, Ok("shop1"), "{authority}");
        }
        let unknown = format!("GET http://nobody.localhost{PRODUCTS} HTTP/1.1");
        assert_eq!(street.who(&unknown, &[two]).await, refused(404, "tenant_not_found"));
        for authority in ["10.0.0.3", "user@shop1.localhost", "user:secret@shop1.localhost", "[::1]:80"] {
            let line = format!("GET http://{authority}{PRODUCTS} HTTP/1.1");
            assert_eq!(street.who(&line, &[two]).await, refused(400, "invalid_tenant_identifier"), "{authority}");
        }
        // The rules of Host hold all the same.
        let line = format!("GET http://shop1.localhost{PRODUCTS} HTTP/1.1");
        assert_eq!(street.who(&line, &[]).await, refused(400, "invalid_tenant_identifier"));
        assert_eq!(street.who(&line, &[two, two]).await, refused(400, "invalid_tenant_identifier"));
        // Two slashes begin a path, not an authority.
        let path = format!("GET //shop1.localhost{PRODUCTS} HTTP/1.1");
        assert_eq!(street.who(&path, &[two]).await, refused(404, "route_not_found"));
    }

    async fn in_http_2_the_authority_decides(db) {
        let street = Street::open(&rustok(db.url())).await;
        let one = &street.tokens[0].1;
        let ask = |authority: &'static str, hosts: &'static [&'static str]| {
            http2(&street.server, authority, PRODUCTS, one, hosts)
        };
        assert_eq!(ask("Shop1.localhost:80", &[]).await.status, 200);
        assert_eq!(ask("shop1.localhost", &["SHOP1.localhost."]).await.status, 200);
        assert_eq!(ask("shop2.localhost", &[]).await.status, 401);
        for hosts in [&["shop2.localhost"][..], &["shop1.localhost", "shop1.localhost"]] {
            let answer = ask("shop1.localhost", hosts).await;
            assert_eq!((answer.status, answer.problem_code().as_str()), (400, "invalid_tenant_identifier"), "{hosts:?}");
        }
        let nobody = ask("nobody.localhost", &[]).await;
        assert_eq!((nobody.status, nobody.problem_code().as_str()), (404, "tenant_not_found"));
    }

    async fn only_a_trusted_proxy_names_a_tenant_by_a_header(db) {
        let stranger = Street::open(&believing(db.url(), r#"["10.0.0.0/8", "::/0"]"#)).await;
        let line = format!("GET {PRODUCTS} HTTP/1.1");
        let one = "Host: shop1.localhost";
        let headers = [one, "X-Tenant-ID: shop2", "X-Tenant-ID: !", "X-Forwarded-Host: shop2.localhost"];
        assert_eq!(stranger.who(&line, &headers).await, Ok("shop1"));

        let Street { server, tokens, shop1_id } = stranger;
        server.kill().await;
        // The network in IPv6's form means the same peers.
        let server = believing(db.url(), r#"["::ffff:127.0.0.0/104"]"#).start().await;
        let street = Street { server, tokens, shop1_id };
        let id = format!("X-Tenant-ID: {}", street.shop1_id.to_uppercase());
        let address = "Host: 10.0.0.3:8080";
        let mismatch = refused(400, "tenant_identifier_mismatch");
        let invalid = refused(400, "invalid_tenant_identifier");
        for (headers, expected) in [
            (vec![one], Ok("shop1")),
            // A name of its own, the tenant's other name, and what it may not be: another tenant's.
            (vec!["Host: upstream.internal", "X-Forwarded-Host: Shop2.localhost.:443"], Ok("shop2")),
            (vec!["Host: rustok_backend", "X-Forwarded-Host: shop.example, SHOP.example"], Ok("shop2")),
            (vec![address, "X-Forwarded-Host: shop2.localhost"], Ok("shop2")),
            (vec!["Host: shop.example", "X-Forwarded-Host: shop2.localhost"], Ok("shop2")),
            (vec!["Host: shop1.example", "X-Forwarded-Host: shop-example.localhost"], Ok("shop-example")),
            (vec!["Host: shop.example", "X-Forwarded-Host: shop-example.localhost"], mismatch.clone()),
            (vec![one, "X-Forwarded-Host: shop1.localhost:443"], Ok("shop1")),
            (vec![one, "X-Forwarded-Host: shop2.localhost"], mismatch.clone()),
            (vec!["Host: shop.example", "X-Forwarded-Host: shop1.localhost"], mismatch.clone()),
            (vec![one, "X-Forwarded-Host: nobody.localhost"], refused(404, "tenant_not_found")),
            (vec![one, "X-Forwarded-Host: shop.example, shop1.localhost"], invalid.clone()),
            (vec![one, "X-Forwarded-Host: shop.example", "X-Forwarded-Host: shop1.localhost"], invalid.clone()),
            (vec![one, "X-Forwarded-Host: a_b"], invalid.clone()),
            (vec![one, "X-Forwarded-Host:"], invalid.clone()),
            (vec![one, "X-Tenant-ID: Shop1"], Ok("shop1")),
            (vec![one, &id], Ok("shop1")),
            (vec![address, &id], Ok("shop1")),
            (vec!["Host: upstream.internal", "X-Tenant-ID: shop2"], Ok("shop2")),
            (vec!["Host: shop.example", "X-Tenant-ID: shop2"], Ok("shop2")),
            (vec![one, "X-Tenant-ID: shop2"], mismatch.clone()),
            (vec![one, "X-Forwarded-Host: shop.example", &id], mismatch.clone()),
            (vec![one, "X-Tenant-ID: shop1", "X-Tenant-ID: shop1"], invalid.clone()),
            (vec![one, "X-Tenant-ID: shop1, shop1"], invalid.clone()),
            (vec![one, "X-Tenant-ID: shop1.localhost"], invalid.clone()),
            (vec![one, "X-Tenant-ID:"], invalid.clone()),
            (vec![one, "X-Tenant-ID: nobody"], refused(404, "tenant_not_found")),
            (vec!["X-Tenant-ID: shop1"], invalid.clone()),
        ] {
            assert_eq!(street.who(&line, &headers).await, expected, "{headers:?}");
        }
        printed(street.server.run(&["tenant", "suspend", "shop-example", "--json"]).await);
        let headers = [address, "X-Tenant-ID: shop-example"];
        let suspended = refused(403, "tenant_suspended");
        // It was asked for before, and is known for a moment.
        eventually_is(TIMEOUT, "a suspended tenant", async || street.who(&line, &headers).await == suspended).await;
    }

    async fn what_is_for_no_tenant_needs_none(db) {
        let command = rustok(db.url());
        let platform = printed(command.run(&["token", "create", "--platform", "--json"]).await);
        let server = command.start().await;
        let bearer = format!("Authorization: Bearer {}", platform["token"].as_str().unwrap());
        for host in ["nobody.localhost", "127.0.0.1:8080", "[::1]", "a_b", ""] {
            for path in [
                "/livez", "/readyz", "/api/openapi.json", "/api/docs", "/problems/tenant_not_found",
                "/api/platform/v1/tenants",
            ] {
                let answer = get(&server, path, &[&format!("Host: {host}"), &bearer]).await;
                assert_eq!(answer.status, 200, "{host} {path} {}", answer.body);
            }
        }
        // A probe in HTTP/1.0 has no Host; one in HTTP/1.1 must have one.
        for (version, expected) in [("1.0", 200), ("1.1", 400)] {
            let head = format!("GET /livez HTTP/{version}\r\nConnection: close\r\n\r\n");
            assert_eq!(wire::send(&server, head.as_bytes()).await.status, expected);
        }
    }

    async fn a_refusal_says_what_it_is(db) {
        let street = Street::open(&rustok(db.url())).await;
        printed(street.server.run(&["tenant", "suspend", "shop2", "--json"]).await);
        for (host, status, code) in [
            ("a_b", 400, "invalid_tenant_identifier"),
            ("nobody.localhost", 404, "tenant_not_found"),
            ("shop.example", 403, "tenant_suspended"),
        ] {
            let answer = get(&street.server, "/api/store/v1/products", &[&format!("Host: {host}")]).await;
            let problem = answer.problem();
            assert_eq!((answer.status, &problem["code"]), (status, &json!(code)), "{problem:#}");
            let detail = problem["detail"].as_str().unwrap();
            assert!(!detail.contains("nobody") && !detail.contains("a_b"), "{problem:#}");
        }
        for code in [
            "invalid_tenant_identifier", "tenant_identifier_mismatch", "tenant_not_found", "tenant_suspended",
            "tenant_unavailable",
        ] {
            let page = get(&street.server, &format!("/problems/{code}"), &["Host: x"]).await;
            assert_eq!(page.status, 200, "{code}");
        }
    }
}

/// The status of a request for the products of this tenant.
async fn ask(server: &TestServer, client: &reqwest::Client, slug: String) -> u16 {
    let url = format!("{}/api/store/v1/products", server.url());
    let request = client.get(url).header("host", format!("{slug}.localhost"));
    request.send().await.unwrap().status().as_u16()
}

both_databases! {
    /// Behind a proxy that says nothing of its clients, all of them are one address.
    async fn who_asks_for_rubbish_locks_out_nobody(db) {
        let command = rustok(db.url());
        let slugs: Vec<String> = (0..12).map(|n| format!("shop{n}")).collect();
        for slug in &slugs {
            printed(command.run(&["tenant", "create", slug, "--name", slug, "--json"]).await);
        }
        let server = command.start().await;
        let client = reqwest::Client::new();
        // What is under way when the allowance ends still gets its answer, so they come in turns.
        let mut statuses = Vec::new();
        for turn in 0..4 {
            let rubbish = (0..100).map(|n| ask(&server, &client, format!("nobody{turn}-{n}")));
            statuses.extend(join_all(rubbish).await);
        }
        assert!(statuses.iter().filter(|status| **status == 429).count() > 100, "{statuses:?}");
        assert!(statuses.iter().all(|status| [404, 429].contains(status)), "{statuses:?}");
        for slug in &slugs {
            assert_eq!(ask(&server, &client, slug.clone()).await, 200, "{slug}");
        }
    }
}
