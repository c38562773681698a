//! Several processes on one directory: what one changes, the others see within a second, under every name.

use crate::platform::{printed, rustok, tenant};
use reqwest::{Client, Method};
use rustok_test_support::{Lateness, TIMEOUT, TestDatabase, TestServer, both_databases, eventually};
use serde_json::{Value, json};
use std::time::Duration;
use tokio::time::{Instant, timeout};

/// How long a change may take to be seen elsewhere.
const SEEN_WITHIN: Duration = Duration::from_secs(1);
/// How long a whole test may take.
const LIMIT: Duration = Duration::from_secs(180);

/// A server that is asked under every name that a tenant can have; `X-Tenant-ID` is believed from here.
struct Node {
    server: TestServer,
    client: Client,
    lateness: Lateness,
}

impl Node {
    async fn start(database_url: &str) -> Self {
        let command = rustok(database_url).env("RUSTOK_TRUSTED_PROXIES", "[127.0.0.1/32]");
        let server = command.start().await;
        Self {
            lateness: Lateness::watch_process(server.pid()),
            server,
            client: Client::new(),
        }
    }

    async fn status(&self, host: &str, tenant_id: Option<&str>) -> u16 {
        let url = format!("{}/api/store/v1/products", self.server.url());
        let mut request = self.client.get(url).header("host", host);
        if let Some(id) = tenant_id {
            request = request.header("x-tenant-id", id);
        }
        request.send().await.unwrap().status().as_u16()
    }

    /// By slug, by custom host and by id.
    async fn statuses(&self, id: &str) -> [u16; 3] {
        [
            self.status("shop1.localhost", None).await,
            self.status("shop1.example", None).await,
            self.status("localhost", Some(id)).await,
        ]
    }

    /// How long after `since` this node answers so under every name, without what the machine took of it.
    async fn sees(&self, id: &str, statuses: [u16; 3], since: Instant) -> Duration {
        eventually(TIMEOUT, async || match self.statuses(id).await {
            seen if seen == statuses => Ok(()),
            seen => Err(seen),
        })
        .await;
        since.elapsed().saturating_sub(self.lateness.since(since))
    }
}

async fn changed_by_an_api(database: TestDatabase) {
    let command = rustok(database.url());
    tenant(&command, "shop1", "admin").await;
    let platform = printed(command.run(&["token", "create", "--platform", "--json"]).await);
    let platform = platform["token"].as_str().unwrap();
    let listed = printed(command.run(&["tenant", "list", "--json"]).await);
    let id = listed
        .to_string()
        .split('"')
        .find(|text| text.len() == 36)
        .unwrap()
        .to_owned();
    let (a, b) = (
        Node::start(database.url()).await,
        Node::start(database.url()).await,
    );
    let change_of = async |id: &str, method: Method, what: &str, body: Value| {
        let url = format!("{}/api/platform/v1/tenants/{id}/{what}", a.server.url());
        let begun = Instant::now();
        let request = a.client.request(method, url).bearer_auth(platform).json(&body);
        let answer = request.send().await.unwrap();
        assert_eq!(
            answer.status().as_u16(),
            200,
            "{what}: {}",
            answer.text().await.unwrap()
        );
        begun
    };
    assert_eq!(a.statuses(&id).await, [200, 404, 200]);
    assert_eq!(
        b.statuses(&id).await,
        [200, 404, 200],
        "the host is missed just before it is there"
    );
    for (what, body, expected) in [
        ("hosts", json!({ "host": "shop1.example" }), [200; 3]),
        ("suspend", json!({}), [403; 3]),
        ("resume", json!({}), [200; 3]),
    ] {
        let begun = change_of(&id, Method::POST, what, body).await;
        assert_eq!(
            a.statuses(&id).await,
            expected,
            "{what}: the node that was told knows at once"
        );
        let took = b.sees(&id, expected, begun).await;
        assert!(took < SEEN_WITHIN, "{what} took {took:?}");
    }
    // To one that is suspended, so that it shows whose the host is; then it is nobody's.
    let other = printed(
        command
            .run(&["tenant", "create", "shop2", "--name", "Shop 2", "--json"])
            .await,
    );
    let other = other["id"].as_str().unwrap();
    let _ = command.run(&["tenant", "suspend", "shop2"]).await.success();
    let host = "hosts/shop1.example";
    for (of, method, what, body, status) in [
        (
            id.as_str(),
            Method::POST,
            format!("{host}/move"),
            json!({ "to": other }),
            403,
        ),
        (other, Method::DELETE, host.to_owned(), json!({}), 404),
    ] {
        let begun = change_of(of, method, &what, body).await;
        assert_eq!(a.statuses(&id).await, [200, status, 200], "{what}");
        let took = b.sees(&id, [200, status, 200], begun).await;
        assert!(took < SEEN_WITHIN, "{what} took {took:?}");
    }
}

/// SQLite has one server; PostgreSQL has as many as one likes.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn what_one_server_changes_another_sees_within_a_second() {
    timeout(LIMIT, changed_by_an_api(TestDatabase::postgres().await))
        .await
        .unwrap();
}

async fn changed_by_a_command(database: TestDatabase) {
    let node = Node::start(database.url()).await;
    let command = node.server.command().clone();
    let miss = async || assert_eq!(node.status("shop1.localhost", None).await, 404);
    miss().await;
    let created = printed(
        command
            .run(&[
                "tenant",
                "create",
                "shop1",
                "--name",
                "Shop 1",
                "--host",
                "shop1.example",
                "--json",
            ])
            .await,
    );
    let begun = Instant::now();
    let id = created["id"].as_str().unwrap();
    let took = node.sees(id, [200; 3], begun).await;
    assert!(took < SEEN_WITHIN, "created: {took:?}");
    for (what, expected) in [("suspend", 403), ("resume", 200)] {
        let _ = command.run(&["tenant", what, "shop1"]).await.success();
        let took = node.sees(id, [expected; 3], Instant::now()).await;
        assert!(took < SEEN_WITHIN, "{what}: {took:?}");
    }
}

both_databases! {
    async fn what_a_command_changes_a_server_sees_within_a_second(database) {
        timeout(LIMIT, changed_by_a_command(database)).await.unwrap();
    }
}
