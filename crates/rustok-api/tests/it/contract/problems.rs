//! Each type of problem has its page, and `type` leads there.

use super::*;
use rustok_http::problem::types;
use rustok_test_support::TestDatabase;

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_type_has_its_page() {
    let db = TestDatabase::sqlite_migrated().await;
    let shop = Shop::open(db.url()).await;
    let get = |path: &str| shop.client.get(format!("{}{path}", shop.server.url()));
    let listed = ok(get("/problems").header("accept", "application/json"), 200).await;
    let listed: Vec<_> = listed["items"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["code"].as_str().unwrap())
        .collect();
    assert_eq!(
        listed,
        types::ALL.iter().map(|known| known.code).collect::<Vec<_>>()
    );
    let index = send(get("/problems")).await.text().await.unwrap();
    for code in listed {
        assert!(index.contains(&format!("<a href=\"problems/{code}\">")), "{code}");
        let page = send(get(&format!("/problems/{code}"))).await;
        assert_eq!(
            (page.status().as_u16(), header(&page, "content-type")),
            (200, "text/html; charset=utf-8")
        );
        let page = page.text().await.unwrap();
        assert!(
            page.contains(&format!("<h1><code>{code}</code></h1>")) && page.contains("What to do"),
            "{page}"
        );
    }
    problem(send(get("/problems/nothing")).await, 404, "not_found").await;

    // From a problem to its page, as a client goes.
    let refused = problem(
        send(shop.request(Method::GET, "/nothing")).await,
        404,
        "route_not_found",
    )
    .await;
    let path = refused["type"]
        .as_str()
        .unwrap()
        .split_once(".localhost")
        .unwrap()
        .1
        .to_owned();
    assert_eq!(path, "/problems/route_not_found");
    assert_eq!(send(get(&path)).await.status(), 200);
}
