//! Methods beyond those of the document, at every one of its addresses: HEAD, OPTIONS, and those that are none.

use super::*;
use rustok_test_support::TestDatabase;
use std::collections::BTreeSet;

/// Every path of the document with the methods it has; a parameter is filled in with an id.
fn paths() -> Vec<(String, BTreeSet<String>)> {
    let document = serde_json::to_value(rustok_api::router::document()).unwrap();
    let paths = document["paths"].as_object().unwrap().iter();
    let one = |(path, item): (&String, &Value)| {
        let filled = path.split('/').map(|part| {
            if part.starts_with('{') {
                "018f3b1c-0000-7000-8000-000000000001"
            } else {
                part
            }
        });
        let methods = item
            .as_object()
            .unwrap()
            .keys()
            .map(|name| name.to_ascii_uppercase());
        (filled.collect::<Vec<_>>().join("/"), methods.collect())
    };
    paths.map(one).collect()
}

fn allow(response: &Response) -> BTreeSet<String> {
    header(response, "allow").split(',').map(str::to_owned).collect()
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_address_tells_its_methods_and_refuses_the_others() {
    let db = TestDatabase::sqlite_migrated().await;
    let shop = Shop::open(db.url()).await;
    let others = [
        ("/api/openapi.json", "GET"),
        ("/api/docs", "GET"),
        ("/problems/internal", "GET"),
    ];
    let others = others.map(|(path, method)| (path.to_owned(), BTreeSet::from([method.to_owned()])));
    let all = paths();
    assert!(all.len() > 20);
    for (path, mut methods) in all.into_iter().chain(others) {
        if methods.contains("GET") {
            methods.insert("HEAD".to_owned());
        }
        let options = send(shop.request(Method::OPTIONS, &path)).await;
        assert_eq!(
            (options.status().as_u16(), allow(&options)),
            (204, methods.clone()),
            "{path}"
        );
        assert_eq!(options.text().await.unwrap(), "");
        for method in ["GET", "PUT", "POST", "DELETE", "PATCH", "TRACE", "PROPFIND"] {
            if !methods.contains(method) {
                let refused = send(shop.request(method.parse().unwrap(), &path)).await;
                assert_eq!(allow(&refused), methods, "{method} {path}");
                problem(refused, 405, "method_not_allowed").await;
            }
        }
    }
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn head_is_get_without_the_body() {
    let db = TestDatabase::sqlite_migrated().await;
    let shop = Shop::open(db.url()).await;
    let tea = product(&shop, json!([{ "available": 3 }])).await.remove(0);
    let variant = ok(shop.admin(Method::GET, &format!("/variants/{}", id(&tea))), 200).await;
    let order = ok(place(&shop, &order_of(&tea, 1)), 201).await;
    let node = node(&shop).await;
    let platform = platform_token(&shop).await;
    for (path, methods) in paths() {
        if !methods.contains("GET") {
            continue;
        }
        let real = match path.split('/').nth(4) {
            Some("products") => variant["product_id"].as_str().unwrap(),
            Some("variants") => id(&tea),
            Some("orders") => id(&order),
            _ => id(&node),
        };
        let path = path.replace("018f3b1c-0000-7000-8000-000000000001", real);
        let token = if path.contains("/platform/") {
            &platform
        } else {
            &shop.token
        };
        let ask = |method| send(shop.request(method, &path).bearer_auth(token));
        let (get, head) = (ask(Method::GET).await, ask(Method::HEAD).await);
        assert_eq!(get.status(), head.status(), "{path}");
        for name in [
            "content-type",
            "content-length",
            "etag",
            "vary",
            "content-language",
            "www-authenticate",
        ] {
            // Each problem has its own trace id, of the same length.
            assert_eq!(header(&get, name), header(&head, name), "{name} of {path}");
        }
        assert_eq!(head.text().await.unwrap(), "", "{path}");
    }
}
