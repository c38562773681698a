//! Behind a proxy that ends TLS and serves this server below a path: every address that is answered leads back through it,
//! and what the proxy says must be readable.

use crate::imports;
use crate::platform::{problem, program, rustok, tenant};
use reqwest::{Method, RequestBuilder, Response, Url};
use rustok_test_app::{Directory, header, order_of, product};
use rustok_test_support::{TestDatabase, both_databases};
use serde_json::{Value, json};

const OUTSIDE: &str = "https://shop1.localhost:8443/eu/shops";
const TRUSTED: (&str, &str) = ("RUSTOK_TRUSTED_PROXIES", "127.0.0.1");

/// As a proxy hands a request on that it got at [`OUTSIDE`].
fn handed_on(request: RequestBuilder) -> RequestBuilder {
    request
        .header(
            "forwarded",
            "for=203.0.113.7;proto=https;host=\"shop1.localhost:8443\"",
        )
        .header("x-forwarded-prefix", "/eu/shops")
}

/// All addresses of an answer as a client would go there: fields of the head, members of JSON, links of a page.
async fn addresses(answer: Response, path: &str) -> Vec<Url> {
    let asked = Url::parse(&format!("{OUTSIDE}{path}")).unwrap();
    let heads = ["location", "content-location", "link"].into_iter();
    let mut found: Vec<String> = heads
        .flat_map(|name| answer.headers().get_all(name))
        .map(|value| value.to_str().unwrap().to_owned())
        .collect();
    let kind = header(&answer, "content-type").to_owned();
    let text = answer.text().await.unwrap();
    if kind.contains("json") {
        let mut body: Value = serde_json::from_str(&text).unwrap();
        // Of the description of all operations only where they are.
        if let Some(servers) = body.get_mut("servers") {
            body = servers.take();
        }
        members(&body, &mut found);
    } else if kind.contains("html") {
        for attribute in ["href=\"", "src=\""] {
            let links = text.split(attribute).skip(1);
            found.extend(links.map(|link| link.split('"').next().unwrap().to_owned()));
        }
    }
    let found = found.iter().filter(|address| !address.starts_with("data:"));
    found.map(|address| asked.join(address).unwrap()).collect()
}

fn members(value: &Value, found: &mut Vec<String>) {
    match value {
        Value::String(text) if text.starts_with('/') || text.contains("://") => found.push(text.clone()),
        Value::Array(items) => items.iter().for_each(|item| members(item, found)),
        Value::Object(all) => all.values().for_each(|member| members(member, found)),
        _ => {}
    }
}

/// Sends a request through the proxy; how many addresses its answer has, all of which lead back through it.
async fn lead_back(request: RequestBuilder, path: &str, status: u16) -> usize {
    let answer = handed_on(request).send().await.unwrap();
    assert_eq!(answer.status().as_u16(), status, "{path}");
    let found = addresses(answer, path).await;
    for address in &found {
        assert!(
            address.as_str().starts_with(&format!("{OUTSIDE}/")) || address.as_str() == OUTSIDE,
            "{path}: {address}"
        );
    }
    found.len()
}

both_databases! {
    async fn every_address_leads_back_through_the_proxy(db) {
        let shop = program(db.url(), &[TRUSTED]).await;
        let variant = product(&shop, json!([{ "sku": "a", "available": 9 }])).await.remove(0);
        let directory = Directory::of(&shop).await;

        // What is made says where it is; also when it is answered again.
        let tea = json!({ "title": "Tea" });
        for key in ["one", "one", "two"] {
            let made = shop.admin(Method::POST, "/products").header("idempotency-key", key).json(&tea);
            assert_eq!(lead_back(made, "/api/admin/v1/products", 201).await, 1);
        }
        let made = shop.admin(Method::POST, "/products").header("idempotency-key", "one").json(&tea).send().await.unwrap();
        assert!(header(&made, "location").starts_with("/api/admin/v1/products/"), "{made:?}");
        let node = json!({ "kind": "page", "locale": "en", "title": "Tea" });
        assert_eq!(lead_back(shop.admin(Method::POST, "/nodes").json(&node), "/api/admin/v1/nodes", 201).await, 1);
        let order = shop.request(Method::POST, "/api/store/v1/orders").json(&order_of(&variant, 1));
        assert_eq!(lead_back(order, "/api/store/v1/orders", 201).await, 1);
        let file = b"Handle,Title,Variant Price\na,A,1\n";
        let import = imports::post(&shop, imports::form(&[("source", b"shopify"), ("file", file)]));
        assert_eq!(lead_back(import, "/api/admin/v1/imports", 202).await, 1);
        let tenant = shop.client.post(format!("{}/api/platform/v1/tenants", shop.server.url()))
            .header("authorization", directory.ask(Method::GET, "").build().unwrap().headers()["authorization"].clone())
            .json(&json!({ "slug": "shop2", "name": "Shop 2" }));
        assert_eq!(lead_back(tenant, "/api/platform/v1/tenants", 201).await, 1);

        // Lists and what is read name nothing by its address.
        for path in ["/api/store/v1/products?limit=1", "/api/store/v1/nodes", "/problems/forbidden"] {
            let json = shop.request(Method::GET, path).header("accept", "application/json");
            assert_eq!(lead_back(json, path, 200).await, 0, "{path}");
        }
        // Problems: `type` and `instance`.
        for (method, path, status) in [
            (Method::GET, "/nothing", 404),
            (Method::GET, "/api/admin/v1/products", 401),
            (Method::GET, "/api/store/v1/products?x=1", 400),
            (Method::POST, "/api/store/v1/orders", 422),
            (Method::DELETE, "/api/docs", 405),
        ] {
            assert_eq!(lead_back(shop.request(method, path), path, status).await, 2, "{path}");
        }
        // Documents and pages.
        for (path, least) in [("/api/openapi.json", 1), ("/api/docs", 4), ("/problems", 50), ("/problems/forbidden", 2)] {
            assert!(lead_back(shop.request(Method::GET, path), path, 200).await >= least, "{path}");
        }
        let script = handed_on(shop.request(Method::GET, "/api/docs/start.js")).send().await.unwrap();
        assert!(script.text().await.unwrap().contains("url: \"openapi.json\""));
    }
}

#[tokio::test]
async fn who_is_no_proxy_of_ours_moves_nothing() {
    let db = TestDatabase::sqlite_migrated().await;
    let shop = program(db.url(), &[]).await;
    let request = handed_on(shop.request(Method::GET, "/nothing"));
    let reported = problem(request.send().await.unwrap(), 404, "route_not_found").await;
    assert_eq!(
        reported["type"],
        "http://shop1.localhost/problems/route_not_found"
    );
    assert_eq!(reported["instance"], "/nothing");
    // Not even read.
    let rubbish = shop
        .request(Method::GET, "/api/store/v1/products")
        .header("forwarded", "for=");
    assert_eq!(rubbish.send().await.unwrap().status(), 200);
}

#[tokio::test]
async fn what_a_proxy_says_must_be_readable_and_one_thing() {
    let db = TestDatabase::sqlite_migrated().await;
    let shop = program(db.url(), &[TRUSTED]).await;
    let _other = tenant(&shop.server, "shop2", "admin").await;
    let ask = async |path: &str, fields: &[(&str, &str)]| {
        let request = shop.request(Method::GET, path);
        let request = fields
            .iter()
            .fold(request, |request, (name, value)| request.header(*name, *value));
        request.send().await.unwrap()
    };
    let products = "/api/store/v1/products";
    for fields in [
        &[("forwarded", "for=192.0.2.1:80")][..],
        &[("forwarded", "host=shop1.localhost:80")],
        &[("forwarded", "for=\"[2001:db8::1\"")],
        &[("forwarded", "for=_a;for=_b")],
        &[("x-forwarded-prefix", "//evil.test")],
        &[("x-forwarded-prefix", "/a"), ("x-forwarded-prefix", "/a")],
    ] {
        for path in [products, "/api/openapi.json", "/livez"] {
            problem(ask(path, fields).await, 400, "invalid_forwarded").await;
        }
    }
    // One host by two fields, by one field twice, and by a field and the request itself.
    for fields in [
        &[
            ("forwarded", "host=shop1.localhost"),
            ("x-forwarded-host", "shop2.localhost"),
        ][..],
        &[("forwarded", "host=shop1.localhost, host=shop2.localhost")],
    ] {
        problem(ask(products, fields).await, 400, "invalid_tenant_identifier").await;
    }
    let other = ask(products, &[("forwarded", "host=shop2.localhost")]).await;
    problem(other, 400, "tenant_identifier_mismatch").await;
    for fields in [
        &[
            ("forwarded", "host=\"SHOP1.localhost:443\", for=unknown"),
            ("x-forwarded-host", "shop1.localhost"),
        ][..],
        &[(
            "forwarded",
            "for=\"_gazonk\";proto=https, for=\"[2001:db8::1]:_x\"",
        )],
    ] {
        assert_eq!(ask(products, fields).await.status(), 200, "{fields:?}");
    }
}

#[tokio::test]
async fn a_base_url_is_looked_at_before_anything_starts() {
    let db = TestDatabase::sqlite_migrated().await;
    for (url, reported) in [
        ("shops.example", "absolute URL"),
        ("https://me:hunter2@shops.example", "no user or password"),
        ("https://shops.example/?x=1", "neither a query nor a fragment"),
        ("https://shops.example/a b", "absolute URL"),
        ("https://shops.example/a/../b", "plain segments"),
    ] {
        let refused = rustok(db.url()).env("RUSTOK_BASE_URL", url).run(&["serve"]).await;
        assert_eq!(refused.code, Some(2), "{url}: {}", refused.stderr);
        assert!(refused.stderr.contains(reported), "{url}: {}", refused.stderr);
        assert!(
            refused.stderr.to_lowercase().contains("base_url"),
            "{url}: {}",
            refused.stderr
        );
        assert!(!refused.stderr.contains("hunter2"), "{}", refused.stderr);
    }
    let shop = program(db.url(), &[("RUSTOK_BASE_URL", "https://example.com/shops/")]).await;
    let reported = shop.request(Method::GET, "/nothing").send().await.unwrap();
    let reported = problem(reported, 404, "route_not_found").await;
    assert_eq!(
        reported["type"],
        "https://example.com/shops/problems/route_not_found"
    );
    assert_eq!(reported["instance"], "/shops/nothing");
    let made = shop
        .admin(Method::POST, "/products")
        .json(&json!({ "title": "Tea" }))
        .send()
        .await
        .unwrap();
    assert!(
        header(&made, "location").starts_with("/shops/api/admin/v1/products/"),
        "{made:?}"
    );
}
