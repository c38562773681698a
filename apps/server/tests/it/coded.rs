//! Answers that are sent in a coding: what a client gets is what it would have got, its tags go on working, and what has
//! no body or is written stays as it is.

use crate::platform::program;
use bytes::Bytes;
use http_body_util::{BodyExt as _, Full};
use reqwest::{Method, RequestBuilder, Response};
use rustok_test_app::{Shop, header, ok};
use rustok_test_support::{TestDatabase, both_databases};
use serde_json::{Value, json};
use std::convert::Infallible;
use std::future::ready;
use tower::{Layer as _, ServiceExt as _};
use tower_http::decompression::DecompressionLayer;

const CODINGS: [&str; 3] = ["gzip", "br", "zstd"];

/// What was sent, decoded.
async fn decoded(answer: Response) -> Bytes {
    let coding = answer.headers()["content-encoding"].clone();
    let mut coded = http::Response::new(Full::new(answer.bytes().await.unwrap()));
    coded.headers_mut().insert("content-encoding", coding);
    let service = tower::service_fn(|_: http::Request<()>| ready(Ok::<_, Infallible>(coded.clone())));
    let plain = DecompressionLayer::new()
        .layer(service)
        .oneshot(http::Request::new(()));
    let Ok(plain) = plain.await;
    plain.into_body().collect().await.unwrap().to_bytes()
}

fn accepting(request: RequestBuilder, coding: &str) -> RequestBuilder {
    request.header("accept-encoding", coding)
}

/// A product with a long text.
async fn made(shop: &Shop) -> Value {
    let product = json!({ "title": "Tea", "status": "active", "description_html": "<p>Green tea</p>".repeat(400),
        "variants": [{ "price": { "amount": "1" } }] });
    ok(shop.admin(Method::POST, "/products").json(&product), 201).await
}

both_databases! {
    async fn an_answer_is_the_same_in_every_coding(db) {
        let shop = program(db.url(), &[]).await;
        let made = made(&shop).await;
        let one = format!("/api/admin/v1/products/{}", made["id"].as_str().unwrap());
        for path in [one.as_str(), "/api/store/v1/products", "/api/openapi.json", "/problems", "/api/docs"] {
            let ask = |method| shop.request(method, path).bearer_auth(&shop.token);
            let plain = ask(Method::GET).send().await.unwrap();
            assert_eq!(header(&plain, "content-encoding"), "");
            let is_long = plain.content_length().unwrap() >= 1_024;
            assert_eq!(header(&plain, "vary") == "accept-encoding", is_long, "{path}");
            let plain_tag = header(&plain, "etag").to_owned();
            let plain = plain.bytes().await.unwrap();
            for coding in CODINGS.iter().filter(|_| is_long) {
                let coded = accepting(ask(Method::GET), coding).send().await.unwrap();
                assert_eq!((header(&coded, "content-encoding"), header(&coded, "vary")), (*coding, "accept-encoding"), "{path}");
                let length = coded.content_length().unwrap();
                assert!(usize::try_from(length).unwrap() * 2 < plain.len(), "{path}: {length} of {}", plain.len());
                let tag = header(&coded, "etag").to_owned();
                if !plain_tag.is_empty() {
                    assert_eq!(tag, format!("{}-{coding}\"", plain_tag.trim_end_matches('"')));
                }
                // A HEAD says the same of what it leaves out.
                let head = accepting(ask(Method::HEAD), coding).send().await.unwrap();
                assert_eq!((header(&head, "content-encoding"), header(&head, "etag")), (*coding, tag.as_str()), "{path}");
                assert_eq!(header(&head, "content-length"), length.to_string());
                assert_eq!(head.bytes().await.unwrap(), "");
                assert_eq!(decoded(coded).await, plain, "{path}");
            }
        }
    }

    async fn a_tag_of_a_coded_answer_is_as_good_as_a_plain_one(db) {
        let shop = program(db.url(), &[]).await;
        let made = made(&shop).await;
        let path = format!("/products/{}", made["id"].as_str().unwrap());
        let stock = format!("/variants/{}/stock", made["variants"][0]["id"].as_str().unwrap());
        for (coding, (title, quantity)) in CODINGS.iter().zip([("One", 7), ("Two", 8), ("Three", 9)]) {
            let coded = accepting(shop.admin(Method::GET, &path), coding).send().await.unwrap();
            let tag = header(&coded, "etag").to_owned();
            assert!(tag.ends_with(&format!("-{coding}\"")), "{tag}");
            for known in [tag.clone(), format!("W/{tag}"), format!("\"x\", {tag}")] {
                let fresh = accepting(shop.admin(Method::GET, &path), coding).header("if-none-match", &known).send().await.unwrap();
                assert_eq!(fresh.status(), 304, "{known}");
                assert_eq!((header(&fresh, "etag"), header(&fresh, "content-encoding")), (tag.as_str(), ""));
                assert_eq!(header(&fresh, "vary"), "accept-encoding");
                assert_eq!(fresh.bytes().await.unwrap(), "");
            }
            // The whole tag counts for stock, the version for the rest.
            let counted = shop.admin(Method::PUT, &stock).header("if-match", &tag).json(&json!({ "quantity": quantity }));
            assert!(counted.send().await.unwrap().status().is_success());
            let old = shop.admin(Method::PUT, &stock).header("if-match", &tag).json(&json!({ "quantity": 99 }));
            assert_eq!(old.send().await.unwrap().status(), 412);
            let read = accepting(shop.admin(Method::GET, &path), coding).send().await.unwrap();
            let tag = header(&read, "etag").to_owned();
            let change = |title: &str| shop.admin(Method::PATCH, &path).header("if-match", &tag).json(&json!({ "title": title }));
            let changed = accepting(change(title), coding).send().await.unwrap();
            assert_eq!((changed.status().as_u16(), header(&changed, "content-encoding")), (200, ""));
            assert_eq!(change("again").send().await.unwrap().status(), 412);
            let stale = accepting(shop.admin(Method::GET, &path), coding).header("if-none-match", &tag).send().await.unwrap();
            assert_eq!(stale.status(), 200);
        }
    }
}

/// What is answered to a write may hold a secret beside what was sent; what is short or coded gains nothing.
#[tokio::test]
async fn what_is_written_or_short_is_sent_as_it_is() {
    let db = TestDatabase::sqlite_migrated().await;
    let shop = program(db.url(), &[]).await;
    let made = accepting(shop.admin(Method::POST, "/products"), "gzip")
        .json(&json!({ "title": "Tea", "description_html": "<p>tea</p>".repeat(400) }))
        .send()
        .await
        .unwrap();
    assert_eq!(
        (made.status().as_u16(), header(&made, "content-encoding")),
        (201, "")
    );
    let path = header(&made, "location").to_owned();
    let short = accepting(shop.request(Method::GET, "/api/store/v1/products"), "gzip")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (header(&short, "content-encoding"), header(&short, "vary")),
        ("", "")
    );
    let packed = accepting(shop.request(Method::GET, "/api/docs/swagger-ui.css"), "br")
        .send()
        .await
        .unwrap();
    assert_eq!(header(&packed, "content-encoding"), "gzip");
    let gone = shop
        .request(Method::DELETE, &path)
        .bearer_auth(&shop.token)
        .header("if-match", "*");
    let gone = accepting(gone, "gzip").send().await.unwrap();
    assert_eq!(
        (
            gone.status().as_u16(),
            header(&gone, "content-encoding"),
            header(&gone, "vary")
        ),
        (204, "", "")
    );
}

#[tokio::test]
async fn it_can_be_left_to_a_proxy() {
    let db = TestDatabase::sqlite_migrated().await;
    let shop = program(db.url(), &[("RUSTOK_COMPRESSION", "false")]).await;
    let plain = accepting(shop.request(Method::GET, "/api/openapi.json"), "gzip, br")
        .send()
        .await
        .unwrap();
    assert_eq!(
        (header(&plain, "content-encoding"), header(&plain, "vary")),
        ("", "")
    );
}
