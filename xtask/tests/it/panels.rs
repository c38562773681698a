//! Every panel of every dashboard and every rule has something to show of a server that works.

use crate::prometheus::Prometheus;
use crate::shop::{Shop, rustok};
use reqwest::Method;
use rustok_test_support::TestDatabase;
use serde_json::Value;
use std::path::Path;
use std::sync::atomic::{AtomicU32, Ordering};
use std::time::{Duration, Instant};
use tokio::time::sleep;

/// From a slow machine's first scrape to the last rule of the slowest group.
const TIMEOUT: Duration = Duration::from_secs(90);

/// Every query of the dashboards that are committed: where it stands, and PromQL.
fn panels() -> Vec<(String, String)> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../ops/grafana/dashboards");
    let mut queries = Vec::new();
    for file in std::fs::read_dir(folder).unwrap() {
        let path = file.unwrap().path();
        let dashboard: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                let expr = target["expr"].as_str().unwrap();
                let expr = expr.replace("$job", ".+").replace("$__rate_interval", "10s");
                let place = format!("{} {}", dashboard["uid"], panel["title"]);
                queries.extend(
                    selectors(&expr)
                        .into_iter()
                        .map(|selector| (place.clone(), selector)),
                );
                queries.push((place, expr));
            }
        }
    }
    queries
}

/// What each rule needs: a recorded series, or an alert's expression without what it must be above.
async fn rules(prometheus: &Prometheus) -> Vec<(String, String)> {
    let data = prometheus.ask("rules", &[]).await;
    let groups = data["groups"].as_array().unwrap();
    let mut queries = Vec::new();
    for rule in groups.iter().flat_map(|group| group["rules"].as_array().unwrap()) {
        let (name, expr) = (rule["name"].as_str().unwrap(), rule["query"].as_str().unwrap());
        assert_ne!(rule["health"], "err", "{rule:#}");
        queries.extend(
            selectors(expr)
                .into_iter()
                .map(|selector| (format!("rule {name}"), selector)),
        );
        let expr = match rule["labels"]["slo"].as_str() {
            Some(slo) => format!("{name}{{slo=\"{slo}\"}}"),
            None if expr.starts_with("absent(") => expr
                .trim_start_matches("absent(")
                .trim_end_matches(')')
                .to_owned(),
            None => {
                let sides: Vec<_> = expr
                    .split(" and ")
                    .map(|side| {
                        let compared = side.rsplit_once(" > ").or_else(|| side.rsplit_once(" == "));
                        format!("count({})", compared.unwrap().0)
                    })
                    .collect();
                sides.join(" * ")
            }
        };
        queries.push((format!("rule {name}"), expr));
    }
    queries
}

/// Each selector of an expression by itself: what stands beside an `or` must be there too.
fn selectors(expr: &str) -> Vec<String> {
    let mut found = Vec::new();
    for (open, _) in expr.match_indices('{') {
        let before = &expr[..open];
        // A brace within a string belongs to a route.
        if before.matches('"').count() % 2 == 1 {
            continue;
        }
        let name = before.rfind(|c: char| !c.is_ascii_alphanumeric() && c != '_' && c != ':');
        let name = &before[name.map_or(0, |at| at + 1)..];
        let mut in_string = false;
        let end = expr[open..].find(|c| {
            in_string ^= c == '"';
            c == '}' && !in_string
        });
        found.push(format!("{name}{}", &expr[open..=open + end.unwrap()]));
    }
    found
}

#[test]
fn a_selector_is_found_in_its_expression() {
    let expr = r#"sum(rate(a_total{x="{id}", y=~"5.."}[5m])) or 0 * b{z="1"} > 0"#;
    assert_eq!(selectors(expr), [r#"a_total{x="{id}", y=~"5.."}"#, r#"b{z="1"}"#]);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
#[ignore = "needs prometheus: scripts/prometheus panels"]
async fn every_panel_and_every_rule_has_series() {
    let db = TestDatabase::postgres().await;
    let command = rustok(db.url());
    let shop = Shop::open(&command, &command).await;
    shop.sell_tea(1_000_000).await;
    let prometheus = Prometheus::start(&shop.server, &[]).await;
    let load = shop.again_and_again(Duration::from_millis(100), |shop| async move {
        static NUMBER: AtomicU32 = AtomicU32::new(0);
        let number = NUMBER.fetch_add(1, Ordering::Relaxed);
        shop.read().await.unwrap();
        shop.sell().await;
        shop.publish(number).await;
        shop.admin(Method::GET, "/orders").send().await.unwrap();
        // What is not there, in no shop's name.
        shop.request(Method::GET, "/nothing")
            .header("host", "nobody.localhost")
            .send()
            .await
            .unwrap();
    });
    let rules = rules(&prometheus).await;
    assert!(rules.len() > 60, "{}", rules.len());
    let mut missing = [panels(), rules].concat();
    missing.sort_by(|(_, one), (_, other)| one.cmp(other));
    missing.dedup_by(|(_, one), (_, other)| one == other);
    let (all, begun) = (missing.len(), Instant::now());
    while !missing.is_empty() {
        let waited = begun.elapsed();
        assert!(
            waited < TIMEOUT,
            "{} of {all} without series: {missing:#?}",
            missing.len()
        );
        assert!(!load.is_finished());
        let mut still = Vec::new();
        for (place, expr) in missing {
            if !prometheus.has(&expr).await {
                still.push((place, expr));
            }
        }
        missing = still;
        sleep(Duration::from_millis(500)).await;
    }
    println!("{all} queries have series");
    load.abort();
    let exemplars = [
        ("query", "http_server_request_duration_seconds_bucket"),
        ("start", "0"),
        ("end", "9999999999"),
    ];
    let exemplars = prometheus.ask("query_exemplars", &exemplars).await;
    let trace = &exemplars[0]["exemplars"][0]["labels"]["trace_id"];
    assert_eq!(trace.as_str().map(str::len), Some(32), "{exemplars}");
}
