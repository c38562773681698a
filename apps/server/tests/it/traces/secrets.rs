//! What a client or the operator keeps secret is in no log line, no span, no metric and no answer.

use super::traced;
use crate::canary::with_password;
use crate::orders::{ok, order_of, place, product};
use crate::platform::Shop;
use reqwest::{Method, RequestBuilder};
use rustok_test_support::{OtlpReceiver, both_databases};
use serde_json::{Value, json};

const PASSWORD: &str = "Correct-Horse-9";
const TOKEN: &str = "rtk_canarycanarycanarycanary";
const CARD: &str = "4111111111111111";
const DSN: &str = "postgres://root:swordfish@db.internal/shop";
/// As `with_password` has it.
const DATABASE_PASSWORD: &str = "hunter2";
const COLLECTOR_KEY: &str = "open-sesame";

/// Every header that a client may put something into.
fn planted(request: RequestBuilder) -> RequestBuilder {
    let value = format!("{PASSWORD} {CARD} {DSN}");
    let names = [
        "cookie",
        "x-api-key",
        "user-agent",
        "referer",
        "x-request-id",
        "x-forwarded-for",
        "x-forwarded-host",
        "x-forwarded-proto",
        "x-forwarded-prefix",
        "x-tenant-id",
        "forwarded",
        "traceparent",
        "tracestate",
        "baggage",
        "x-order-secret",
        "origin",
        "accept",
        "proxy-authorization",
        "x-password",
    ];
    names
        .into_iter()
        .fold(request, |request, name| request.header(name, &value))
}

fn bodies() -> [Value; 4] {
    [
        json!({ "email": PASSWORD, "currency": CARD, "lines": DSN }),
        json!({ "email": "jane@example.com", "currency": "USD", "lines": [], "card": CARD, "password": PASSWORD }),
        json!({ "email": "jane@example.com", "currency": "USD", "lines": [{ "sku": CARD, "quantity": 1 }] }),
        json!([PASSWORD, { "dsn": DSN }]),
    ]
}

/// Sends everything; all answers, without the `instance`, which is what the client asked for.
async fn answers(shop: &Shop) -> String {
    let mut requests = vec![
        shop.request(
            Method::GET,
            &format!("/api/store/v1/products?token={TOKEN}&q={CARD}"),
        ),
        shop.request(Method::GET, &format!("/api/store/v1/products/{CARD}")),
        shop.request(Method::GET, &format!("/{PASSWORD}/{TOKEN}?dsn={DSN}")),
        shop.request(Method::GET, &format!("/api/store/v1/orders/{CARD}")),
        shop.request(Method::GET, "/api/admin/v1/orders")
            .bearer_auth(TOKEN),
        shop.request(Method::GET, "/api/admin/v1/orders")
            .basic_auth("root", Some(PASSWORD)),
        shop.request(Method::GET, "/api/platform/v1/tenants")
            .bearer_auth(TOKEN),
        shop.admin(Method::GET, "/products"),
    ];
    for body in bodies() {
        requests.push(place(shop, &body));
        requests.push(shop.admin(Method::POST, "/products").json(&body));
        let raw = format!("{{\"card\": {CARD}, \"password\": \"{PASSWORD}\"");
        requests.push(
            shop.admin(Method::POST, "/nodes")
                .header("content-type", "application/json")
                .body(raw),
        );
    }
    let mut all = String::new();
    for request in requests {
        let answer = planted(request).send().await.unwrap();
        let status = answer.status().as_u16();
        assert!(status < 500, "{status}: {:?}", answer.text().await);
        all += &format!("{:?}", answer.headers());
        let body = answer.text().await.unwrap();
        match serde_json::from_str::<Value>(&body) {
            Ok(Value::Object(mut problem)) => {
                problem.remove("instance");
                all += &Value::Object(problem).to_string();
            }
            _ => all += &body,
        }
    }
    all
}

both_databases! {
    async fn secrets_are_in_no_log_line_no_span_no_metric_and_no_answer(db) {
        let receiver = OtlpReceiver::start().await;
        let command = traced(&with_password(db.url()), &receiver, "1")
            .env("RUSTOK_OTLP_HEADERS", format!("authorization={COLLECTOR_KEY}"))
            .env("RUSTOK_LOG", "trace");
        let shop = Shop::start(command).await;
        let tea = product(&shop, json!([{ "available": 1 }])).await.remove(0);
        let placed = ok(place(&shop, &order_of(&tea, 1)), 201).await;
        let order_secret = placed["secret"].as_str().unwrap();

        let answers = answers(&shop).await;
        let metrics = reqwest::get(format!("{}/metrics", shop.server.management_url())).await.unwrap();
        let metrics = metrics.text().await.unwrap();
        let printed = shop.server.run(&["serve", "--print-config"]).await.success();
        let finished = shop.server.terminate().await;
        let spans = format!("{:?}", receiver.spans());
        assert!(spans.contains("place_order") && finished.stderr.contains("trace_id"), "{spans} {}", finished.stderr);
        let secrets = [PASSWORD, TOKEN, CARD, DSN, "swordfish", DATABASE_PASSWORD, COLLECTOR_KEY, &shop.token, order_secret, "jane@"];
        let mut leaks = Vec::new();
        for (place, text) in [
            ("the log", &finished.stderr),
            ("standard output", &finished.stdout),
            ("the spans", &spans),
            ("the metrics", &metrics),
            ("an answer", &answers),
            ("the printed settings", &printed),
        ] {
            for secret in secrets {
                let found = text.find(secret).map(|at| text[at.saturating_sub(200)..].chars().take(400).collect::<String>());
                leaks.extend(found.map(|found| format!("{secret} is in {place}: {found}")));
            }
        }
        assert!(leaks.is_empty(), "{leaks:#?}");
    }
}
