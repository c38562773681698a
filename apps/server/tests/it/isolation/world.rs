//! A server with a tenant of ours and a neighbour, the same kinds of things in both, and all that may never be seen of
//! the neighbour.

use super::calls::{Call, place};
use super::document::{Document, Operation};
use crate::platform::{printed, rustok, token};
use reqwest::{Client, Method, RequestBuilder, Response};
use rustok_test_app::Operator;
use rustok_test_support::{FilterProxy, ServerCommand, TestDatabase, TestServer};
use serde_json::Value;
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

/// The word in every text of the neighbour, and its price: neither may show anywhere else.
pub(crate) const CANARY: &str = "kanarek";
const CANARY_PRICE: &str = "31337.42";

/// What keeps the tenants apart.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Wall {
    /// SQLite: the filter of the queries; there is no other.
    SqliteFilter,
    /// PostgreSQL as it is.
    Both,
    /// PostgreSQL without row security.
    FilterOnly,
    /// PostgreSQL without the filter of the queries.
    RowSecurityOnly,
    /// PostgreSQL without either, from [`World::tear_down`] on.
    None,
}

impl Wall {
    pub(crate) async fn database(self) -> TestDatabase {
        match self {
            Self::SqliteFilter => TestDatabase::sqlite(),
            _ => TestDatabase::postgres().await,
        }
    }
}

/// One of the two tenants.
#[derive(Debug)]
pub(crate) struct Side {
    pub(crate) slug: &'static str,
    /// Stands in each of its texts.
    pub(super) word: &'static str,
    pub(super) price: &'static str,
    pub(crate) admin: String,
    pub(crate) editor: String,
    pub(crate) viewer: String,
    /// The sessions of members who are an owner, a manager, an author and support.
    pub(super) sessions: [String; 4],
}

/// The members of a thing, by name.
pub(crate) type Thing = BTreeMap<String, String>;

/// A call with everything filled in.
#[derive(Debug, Clone)]
pub(crate) struct Filled {
    pub(crate) path: String,
    pub(crate) query: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: Option<Value>,
}

/// An answer, read to its end.
#[derive(Debug, Clone)]
pub(crate) struct Answer {
    pub(crate) status: u16,
    pub(crate) headers: Vec<(String, String)>,
    pub(crate) body: String,
}

impl Answer {
    pub(crate) async fn read(response: Response) -> Self {
        let headers = response.headers().iter();
        let headers = headers.map(|(name, value)| {
            (
                name.to_string(),
                String::from_utf8_lossy(value.as_bytes()).into_owned(),
            )
        });
        Self {
            status: response.status().as_u16(),
            headers: headers.collect(),
            body: response.text().await.unwrap(),
        }
    }

    /// Whether it did what was asked.
    pub(crate) fn is_ok(&self) -> bool {
        matches!(self.status, 200..=299 | 304)
    }

    pub(crate) fn json(&self) -> Value {
        serde_json::from_str(&self.body).unwrap_or(Value::Null)
    }

    pub(super) fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(header, _)| header == name)
            .map(|(_, value)| value.as_str())
    }
}

/// The server and its two tenants.
pub(crate) struct World {
    pub(crate) db: TestDatabase,
    pub(crate) server: TestServer,
    pub(crate) client: Client,
    pub(crate) document: Document,
    pub(crate) ours: Side,
    pub(crate) theirs: Side,
    pub(crate) platform: String,
    pub(super) canaries: Mutex<BTreeSet<String>>,
    pub(super) things: Mutex<BTreeMap<(&'static str, String), Thing>>,
    made: AtomicU32,
    proxy: Option<FilterProxy>,
}

impl World {
    pub(crate) async fn open(db: TestDatabase, wall: Wall) -> Self {
        let command = rustok(db.url()).env("RUSTOK_RATE_LIMIT_SIGN_IN_PER_MINUTE", "0");
        let platform = command.issue_platform_token().await;
        let mut canaries = BTreeSet::from([CANARY.to_owned(), CANARY_PRICE.to_owned()]);
        let mut sides = Vec::new();
        for (slug, word, price) in [("shop1", "ours", "5.50"), ("shop2", CANARY, CANARY_PRICE)] {
            let made = command
                .run(&["tenant", "create", slug, "--name", word, "--json"])
                .await;
            let side = Side {
                slug,
                word,
                price,
                admin: token(&command, slug, "admin").await,
                editor: token(&command, slug, "editor").await,
                viewer: token(&command, slug, "viewer").await,
                sessions: [
                    command.open_session(slug, "owner").await,
                    command.open_session(slug, "manager").await,
                    command.open_session(slug, "author").await,
                    command.open_session(slug, "support").await,
                ],
            };
            if word == CANARY {
                canaries.insert(printed(made)["id"].as_str().unwrap().to_owned());
                canaries.extend([&side.admin, &side.editor, &side.viewer].map(Clone::clone));
            }
            sides.push(side);
        }
        let (Some(theirs), Some(ours)) = (sides.pop(), sides.pop()) else {
            panic!("two sides")
        };
        let (proxy, command) = match wall {
            Wall::RowSecurityOnly => {
                let proxy = FilterProxy::of_database(db.direct_url()).await;
                let command = command.env("RUSTOK_DATABASE_URL", proxy.database_url(db.direct_url()));
                (Some(proxy), command)
            }
            _ => (None, command),
        };
        if wall == Wall::FilterOnly {
            assert!(db.disable_row_security().await > 20);
        }
        let server = command.start().await;
        let client = Client::new();
        let document = client.get(format!("{}/api/openapi.json", server.url())).send();
        let document: Value = document.await.unwrap().json().await.unwrap();
        Self {
            db,
            server,
            client,
            document: Document::read(&document),
            ours,
            theirs,
            platform,
            canaries: Mutex::new(canaries),
            things: Mutex::default(),
            made: AtomicU32::new(0),
            proxy,
        }
    }

    /// The same world with neither wall between its tenants. What the operations that read name is made before.
    pub(crate) async fn tear_down(self) -> Self {
        let filters = FilterProxy::of_database(self.db.direct_url()).await;
        self.db.disable_row_security().await;
        let url = filters.database_url(self.db.direct_url());
        let world = self.restarted(|command| command.env("RUSTOK_DATABASE_URL", url));
        Self {
            proxy: Some(filters),
            ..world.await
        }
    }

    /// The same world with its server started anew, with other settings.
    pub(crate) async fn restarted(self, set: impl FnOnce(ServerCommand) -> ServerCommand) -> Self {
        let command = set(self.server.kill().await);
        Self {
            server: command.start().await,
            ..self
        }
    }

    /// From how many statements the tenant's filter was taken; `None` where it was left in.
    pub(crate) fn filters_taken_out(&self) -> Option<u64> {
        self.proxy.as_ref().map(FilterProxy::taken_out)
    }

    /// What shows of the neighbour in a text that is for somebody else.
    pub(crate) fn canaries_in(&self, text: &str) -> Vec<String> {
        let text = text.to_lowercase();
        let canaries = self.canaries.lock().unwrap_or_else(PoisonError::into_inner);
        canaries
            .iter()
            .filter(|canary| text.contains(&canary.to_lowercase()))
            .cloned()
            .collect()
    }

    /// A request to a tenant's host, as if it came from the holder of `token`, which may be a session.
    pub(crate) fn request(
        &self,
        host: &Side,
        token: Option<&str>,
        method: Method,
        path: &str,
    ) -> RequestBuilder {
        let request = self
            .client
            .request(method, format!("{}{path}", self.server.url()));
        let request = request.header("host", format!("{}.localhost", host.slug));
        match token {
            Some(session) if is_session(session) => request
                .header("cookie", format!("session={session}"))
                .header("sec-fetch-site", "same-origin"),
            Some(token) => request.bearer_auth(token),
            None => request,
        }
    }

    /// Sends an operation's call.
    pub(crate) async fn send(
        &self,
        host: &Side,
        token: Option<&str>,
        operation: &Operation,
        call: &Filled,
    ) -> Answer {
        let mut request = self
            .request(host, token, operation.method.clone(), &call.path)
            .query(&call.query);
        for (name, value) in &call.headers {
            request = request.header(name, value);
        }
        request = match &call.body {
            Some(body) if operation.takes_file => as_form(request, body),
            Some(body) => request.json(body),
            None => request,
        };
        let answer = Answer::read(request.send().await.unwrap()).await;
        if answer.status == 202 {
            self.until_done(host, answer.header("location").unwrap()).await;
        }
        answer
    }

    /// Waits until work that was taken on is done: it must not change what is looked at later.
    pub(super) async fn until_done(&self, host: &Side, place: &str) {
        for _ in 0..3_000 {
            let look = self.request(host, Some(&host.admin), Method::GET, place);
            let seen = Answer::read(look.send().await.unwrap()).await;
            if !seen.json()["finished_at"].is_null() {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("{place} does not end: {}", self.server.stderr());
    }

    /// The token that an operation is for: an admin's of this tenant, the platform's, or none.
    pub(crate) fn fitting<'a>(&'a self, side: &'a Side, operation: &Operation) -> Option<&'a str> {
        match operation {
            operation if operation.is_store() || operation.is_open || operation.needs_session => None,
            operation if operation.is_platform() => Some(&self.platform),
            _ => Some(&side.admin),
        }
    }

    /// The values of a call's places, from the things of a tenant.
    pub(crate) async fn values(&self, side: &Side, call: &Call) -> BTreeMap<String, String> {
        let mut values = BTreeMap::new();
        for place in call.places() {
            let (kind, member) = place.split_once('.').unwrap();
            let thing = self.thing(side, kind).await;
            let value = thing
                .get(member)
                .unwrap_or_else(|| panic!("{place}: only {thing:?}"));
            values.insert(place, value.clone());
        }
        values
    }

    /// A call with its places filled in, words that are new each time included.
    pub(crate) fn fill(
        &self,
        operation: &Operation,
        call: &Call,
        values: &BTreeMap<String, String>,
    ) -> Filled {
        let word = self.next_word();
        let fresh = BTreeMap::from([
            ("fresh.email".to_owned(), format!("{word}@example.com")),
            ("fresh.host".to_owned(), format!("{word}.example")),
            ("fresh.total".to_owned(), price_of_two(values)),
            ("fresh.word".to_owned(), word),
        ]);
        let filled = |text: &str| match place(text) {
            Some(place) => values.get(place).or_else(|| fresh.get(place)).unwrap().clone(),
            None => text.to_owned(),
        };
        let mut path = operation.path.clone();
        for (name, value) in &call.path {
            path = path.replace(&format!("{{{name}}}"), &filled(value));
        }
        assert!(
            !path.contains('{'),
            "{}: the call of calls.rs leaves a part of {path} out",
            operation.id
        );
        Filled {
            path,
            query: Vec::new(),
            headers: call
                .headers
                .iter()
                .map(|(name, value)| ((*name).to_owned(), filled(value)))
                .collect(),
            body: call.body.clone().map(|body| fill_body(body, &filled)),
        }
    }

    pub(super) fn next_word(&self) -> String {
        format!("w{}", self.made.fetch_add(1, Ordering::Relaxed))
    }
}

/// Whether a credential is the secret of a session.
pub(super) fn is_session(credential: &str) -> bool {
    credential.starts_with("rts_")
}

/// The members of `body` as the parts of a form, `file` as the last.
pub(crate) fn as_form(request: RequestBuilder, body: &Value) -> RequestBuilder {
    let mut parts: Vec<_> = body.as_object().unwrap().iter().collect();
    parts.sort_by_key(|(name, _)| *name == "file");
    let mut form = String::new();
    for (name, value) in parts {
        let value = value.as_str().map_or_else(|| value.to_string(), str::to_owned);
        form.push_str(&format!(
            "--x\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    request
        .header("content-type", "multipart/form-data; boundary=x")
        .body(form + "--x--\r\n")
}

/// What two pieces cost of the product that is named.
fn price_of_two(values: &BTreeMap<String, String>) -> String {
    let is_theirs = values.values().any(|value| value.contains(CANARY));
    if is_theirs { "62674.84" } else { "11.00" }.to_owned()
}

fn fill_body(body: Value, filled: &impl Fn(&str) -> String) -> Value {
    match body {
        Value::String(text) => Value::String(filled(&text)),
        Value::Array(items) => items.into_iter().map(|item| fill_body(item, filled)).collect(),
        Value::Object(members) => {
            let members = members.into_iter();
            Value::Object(
                members
                    .map(|(name, member)| (name, fill_body(member, filled)))
                    .collect(),
            )
        }
        other => other,
    }
}
