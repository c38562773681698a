//! What `/metrics` tells: all that the catalogue names and nothing else, the truth, and never more for a stranger's sake.

mod exposition;
mod strangers;

use crate::orders::{id, ok, order_of, place, product};
use crate::platform::{Shop, problem, rustok};
use exposition::{Exposition, Sample, catalogue};
use reqwest::Method;
use rustok_test_support::{TIMEOUT, both_databases, eventually};
use serde_json::{Value, json};
use std::collections::BTreeSet;

const OPEN_METRICS: &str =
    "application/openmetrics-text;version=1.0.0,text/plain;version=0.0.4;q=0.5,*/*;q=0.1";

/// What `/metrics` answers to this `Accept`: its content type and its body.
async fn scraped(shop: &Shop, accept: Option<&str>) -> (String, String) {
    let mut request = shop
        .client
        .get(format!("{}/metrics", shop.server.management_url()));
    if let Some(accept) = accept {
        request = request.header("accept", accept);
    }
    let response = request.send().await.unwrap();
    assert_eq!(response.status(), 200);
    let kind = response.headers()["content-type"].to_str().unwrap().to_owned();
    (kind, response.text().await.unwrap())
}

pub(crate) async fn metrics(shop: &Shop) -> Exposition {
    Exposition::parse(&scraped(shop, Some(OPEN_METRICS)).await.1)
}

/// The trace ids in the exemplars of a route.
pub(crate) async fn exemplars(shop: &Shop, route: &str) -> BTreeSet<String> {
    let seen = metrics(shop).await;
    let samples = seen.families["http_server_request_duration_seconds"]
        .samples
        .iter();
    let of_route = samples.filter(|sample| sample.labels.get("route").is_some_and(|of| of == route));
    of_route
        .filter_map(|sample| Some(sample.exemplar.clone()?.0))
        .collect()
}

/// Asks until `yes`, since workers take their time.
pub(crate) async fn when(shop: &Shop, yes: impl Fn(&Exposition) -> bool) -> Exposition {
    eventually(TIMEOUT, async || {
        let seen = metrics(shop).await;
        if yes(&seen) { Ok(seen) } else { Err(seen) }
    })
    .await
}

/// Seven orders are placed and two refused for want of stock; one order and one node live their whole lives.
async fn work(shop: &Shop) {
    let tea = &product(shop, json!([{ "sku": "TEA", "available": 7 }])).await[0];
    let mut orders = Vec::new();
    for _ in 0..7 {
        orders.push(ok(place(shop, &order_of(tea, 1)), 201).await);
    }
    for _ in 0..2 {
        let refused = place(shop, &order_of(tea, 1)).send().await.unwrap();
        problem(refused, 409, "insufficient_stock").await;
    }
    let same = place(shop, &order_of(tea, 1))
        .header("idempotency-key", "k")
        .send()
        .await
        .unwrap();
    assert_eq!(same.status(), 409);
    let step = async |order: &Value, name: &str, body: Value| {
        ok(
            shop.admin(Method::POST, &format!("/orders/{}/{name}", id(order)))
                .json(&body),
            200,
        )
        .await
    };
    step(&orders[0], "confirm", json!({})).await;
    step(&orders[0], "pay", json!({ "payment_id": "p", "method": "card" })).await;
    step(&orders[0], "ship", json!({ "tracking": "t", "carrier": "c" })).await;
    step(&orders[0], "deliver", json!({})).await;
    step(&orders[1], "cancel", json!({ "reason": "changed my mind" })).await;
    let post =
        json!({ "kind": "post", "locale": "en", "title": "Hi", "body": "<p>Hi</p>", "format": "html" });
    let node = ok(shop.admin(Method::POST, "/nodes").json(&post), 201).await;
    let path = format!("/nodes/{}", id(&node));
    let edit = shop.admin(Method::PATCH, &path).header("if-match", "*");
    ok(edit.json(&json!({ "title": "Ho" })), 200).await;
    let german = format!("{path}/translations/de");
    let text = json!({ "title": "Hallo", "body": "", "format": "html" });
    ok(shop.admin(Method::PUT, &german).json(&text), 201).await;
    ok(shop.admin(Method::DELETE, &german), 200).await;
    for verb in ["publish", "unpublish", "publish", "archive", "restore"] {
        let body = if verb == "archive" {
            json!({ "reason": "old" })
        } else {
            json!({})
        };
        ok(
            shop.admin(Method::POST, &format!("{path}/{verb}")).json(&body),
            200,
        )
        .await;
    }
    let gone = shop.admin(Method::DELETE, &path).send().await.unwrap();
    assert_eq!(gone.status(), 204);
    ok(
        shop.admin(Method::POST, &format!("{path}/undelete"))
            .json(&json!({})),
        200,
    )
    .await;
}

both_databases! {
    async fn the_catalogue_names_all_metrics_and_all_metrics_are_there(db) {
        let shop = Shop::start(rustok(db.url())).await;
        work(&shop).await;
        let seen = when(&shop, |seen| seen.has("rustok_outbox_depth")).await;
        let catalogue = catalogue();
        let named: BTreeSet<_> = catalogue.keys().collect();
        assert_eq!(seen.families.keys().collect::<BTreeSet<_>>(), named);
        for (name, family) in &seen.families {
            let metric = &catalogue[name];
            assert_eq!((&family.kind, &family.unit), (&metric.kind, &metric.unit), "{name}");
            assert_eq!(family.help, metric.help, "{name}");
            assert!(!family.samples.is_empty(), "{name}");
            for sample in &family.samples {
                metric.check(name, sample);
            }
        }
    }

    async fn counters_tell_what_was_done(db) {
        let shop = Shop::start(rustok(db.url())).await;
        work(&shop).await;
        let seen = when(&shop, |seen| seen.has("rustok_outbox_depth")
            && seen.value("rustok_outbox_delivered_total", &[]) >= 23.0).await;
        for (transition, times) in [("place", 7.0), ("confirm", 1.0), ("pay", 1.0), ("ship", 1.0), ("deliver", 1.0),
            ("cancel", 1.0), ("expire", 0.0)] {
            assert_eq!(seen.value("rustok_order_transitions_total", &[("transition", transition)]), times, "{transition}");
        }
        for (outcome, times) in [("placed", 7.0), ("replayed", 0.0), ("refused", 3.0), ("failed", 0.0), ("abandoned", 0.0)] {
            assert_eq!(seen.value("rustok_order_placements_total", &[("outcome", outcome)]), times, "{outcome}");
        }
        assert_eq!(seen.value("rustok_oversell_refusals_total", &[]), 3.0);
        for (transition, times) in [("create", 1.0), ("update", 2.0), ("remove_translation", 1.0), ("publish", 2.0), ("unpublish", 1.0),
            ("archive", 1.0), ("restore", 1.0), ("delete", 1.0), ("undelete", 1.0)] {
            assert_eq!(seen.value("rustok_node_transitions_total", &[("transition", transition)]), times, "{transition}");
        }
        let orders = [("route", "/api/store/v1/orders"), ("method", "POST")];
        let requests = |status| seen.value("http_server_requests_total", &[orders[0], orders[1], ("status", status)]);
        assert_eq!((requests("201"), requests("409"), requests("503")), (7.0, 3.0, 0.0));
        let taken = |class| seen.value("http_server_request_duration_seconds_count", &[orders[0], orders[1], ("status_class", class)]);
        assert_eq!(taken("below_5xx"), 10.0);
        let cache = |what: &str| seen.value(&format!("rustok_tenant_cache_{what}_total"), &[]);
        assert!(cache("misses") >= 1.0 && cache("loads") >= 1.0 && cache("hits") >= 10.0);
        assert_eq!(cache("load_failures"), 0.0);
        assert!(seen.value("rustok_worker_rounds_total", &[("worker", "outbox"), ("outcome", "ok")]) >= 1.0);
        assert!(seen.value("rustok_worker_rounds_total", &[("worker", "directory"), ("outcome", "ok")]) >= 1.0);
        assert!(seen.value("rustok_log_lines_total", &[("level", "debug")]) >= 21.0);
        assert_eq!(seen.value("rustok_log_lines_total", &[("level", "error")]), 0.0);
        assert_eq!(seen.value("rustok_gate_requests", &[("gate", "requests"), ("state", "in_flight")]), 0.0);
    }

    async fn every_operation_is_counted_under_its_own_name(db) {
        let shop = Shop::start(rustok(db.url())).await;
        let document: Value = ok(shop.request(Method::GET, "/api/openapi.json"), 200).await;
        let mut operations = vec![("GET".to_owned(), "/api/openapi.json".to_owned())];
        for (path, item) in document["paths"].as_object().unwrap() {
            for method in item.as_object().unwrap().keys().filter(|method| *method != "parameters") {
                operations.push((method.to_uppercase(), path.clone()));
            }
        }
        for page in ["/api/docs", "/api/docs/{asset}", "/problems", "/problems/{code}", "/livez", "/readyz"] {
            operations.push(("GET".to_owned(), page.to_owned()));
        }
        for (method, path) in &operations[1..] {
            let filled = path.replace("{id}", "01890a5d-ac96-774b-bcce-b302099a8057").replace("{locale}", "en");
            let filled = filled.replace(['{', '}'], "");
            shop.request(method.parse().unwrap(), &filled).send().await.unwrap();
        }
        let seen = metrics(&shop).await;
        for (method, route) in &operations {
            let counted: f64 = seen.families["http_server_requests_total"].samples.iter()
                .filter(|sample| sample.labels["route"] == *route && sample.labels["method"] == *method)
                .map(|sample| sample.value).sum();
            assert_eq!(counted, 1.0, "{method} {route}");
        }
        let unmatched = seen.families["http_server_requests_total"].samples.iter();
        assert_eq!(unmatched.filter(|sample| sample.labels["route"] == "unmatched").map(|sample| sample.value).sum::<f64>(), 0.0);
    }

    async fn an_exemplar_leads_to_its_trace(db) {
        let shop = Shop::start(rustok(db.url())).await;
        let trace = "4bf92f3577b34da6a3ce929d0e0e4736";
        let missing = shop.request(Method::GET, "/api/store/v1/products/none")
            .header("traceparent", format!("00-{trace}-00f067aa0ba902b7-01"));
        assert_eq!(ok(missing, 404).await["trace_id"], trace);
        let seen = metrics(&shop).await;
        let with = |sample: &&Sample| sample.exemplar.as_ref().is_some_and(|(id, _)| id == trace);
        let samples = &seen.families["http_server_request_duration_seconds"].samples;
        let [sample] = &samples.iter().filter(with).collect::<Vec<_>>()[..] else {
            panic!("{seen:#?}")
        };
        assert_eq!(sample.labels["route"], "/api/store/v1/products/{handle}");
        assert_eq!(sample.labels["status_class"], "below_5xx");
        let bound: f64 = sample.labels["le"].parse().unwrap_or(f64::INFINITY);
        assert!(sample.exemplar.as_ref().is_some_and(|(_, took)| *took > 0.0 && *took <= bound), "{sample:?}");
        assert!(!scraped(&shop, None).await.1.contains(trace), "plain text has no exemplars");
    }

    async fn who_does_not_take_openmetrics_gets_plain_text(db) {
        let shop = Shop::start(rustok(db.url())).await;
        let (kind, open) = scraped(&shop, Some(OPEN_METRICS)).await;
        assert_eq!(kind, "application/openmetrics-text; version=1.0.0; charset=utf-8");
        assert!(open.ends_with("\n# EOF\n") && open.contains("\n# UNIT process_cpu_seconds seconds\n"));
        for accept in [None, Some("*/*"), Some("text/plain"), Some("application/openmetrics-text;q=0.1,text/plain")] {
            let (kind, plain) = scraped(&shop, accept).await;
            assert_eq!(kind, "text/plain; version=0.0.4; charset=utf-8", "{accept:?}");
            assert!(!plain.contains("# EOF") && !plain.contains("# UNIT") && !plain.contains(" # {"));
            assert!(plain.contains("\n# TYPE http_server_requests_total counter\n"));
        }
        let public = shop.request(Method::GET, "/metrics").send().await.unwrap();
        assert_eq!(public.status(), 404);
    }
}
