//! A server with a tenant of ours and a neighbour, the same kinds of things in both, and all that may never be seen of
//! the neighbour.

use super::calls::{Call, place};
use super::document::{Document, Operation};
use crate::platform::{printed, rustok, token};
use reqwest::{Client, Method, RequestBuilder, Response};
use rustok_test_support::{FilterProxy, TestDatabase, TestServer};
use serde_json::{Value, json};
use std::collections::{BTreeMap, BTreeSet};
use std::sync::atomic::{AtomicU32, Ordering};
use std::sync::{Mutex, PoisonError};
use uuid::Uuid;

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
    word: &'static str,
    price: &'static str,
    pub(crate) admin: String,
    pub(crate) editor: String,
    pub(crate) viewer: String,
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

    fn header(&self, name: &str) -> Option<&str> {
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
    canaries: Mutex<BTreeSet<String>>,
    things: Mutex<BTreeMap<(&'static str, String), Thing>>,
    made: AtomicU32,
    proxy: Option<FilterProxy>,
}

impl World {
    pub(crate) async fn open(db: TestDatabase, wall: Wall) -> Self {
        let command = rustok(db.url());
        let platform = printed(command.run(&["token", "create", "--platform", "--json"]).await);
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
                let proxy = FilterProxy::of_database(db.url()).await;
                let command = command.env("RUSTOK_DATABASE_URL", proxy.database_url(db.url()));
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
            platform: platform["token"].as_str().unwrap().to_owned(),
            canaries: Mutex::new(canaries),
            things: Mutex::default(),
            made: AtomicU32::new(0),
            proxy,
        }
    }

    /// The same world with neither wall between its tenants. What the operations that read name is made before.
    pub(crate) async fn tear_down(self) -> Self {
        let filters = FilterProxy::of_database(self.db.url()).await;
        self.db.disable_row_security().await;
        let url = filters.database_url(self.db.url());
        let command = self.server.kill().await.env("RUSTOK_DATABASE_URL", url);
        Self {
            server: command.start().await,
            proxy: Some(filters),
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

    /// A request to a tenant's host, as if it came from `token`'s holder.
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
        if let Some(body) = &call.body {
            request = request.json(body);
        }
        Answer::read(request.send().await.unwrap()).await
    }

    /// The token that an operation is for: an admin's of this tenant, the platform's, or none.
    pub(crate) fn fitting<'a>(&'a self, side: &'a Side, operation: &Operation) -> Option<&'a str> {
        match operation {
            operation if operation.is_store() => None,
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
            ("fresh.host".to_owned(), format!("{word}.example")),
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

    fn next_word(&self) -> String {
        format!("w{}", self.made.fetch_add(1, Ordering::Relaxed))
    }

    /// The things that a call changed are no longer what they were called.
    pub(crate) fn spend(&self, side: &Side, call: &Call) {
        let mut things = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        for place in call.places() {
            let kind = place.split_once('.').unwrap().0;
            things.remove(&(side.slug, kind.to_owned()));
        }
    }

    /// A thing of a tenant; always the same one until it is spent.
    pub(crate) async fn thing(&self, side: &Side, kind: &str) -> Thing {
        let key = (side.slug, kind.to_owned());
        let known = self
            .things
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .get(&key)
            .cloned();
        if let Some(thing) = known {
            return thing;
        }
        let thing = match kind {
            "draft" => self.node(side, &[]).await,
            "published" => self.node(side, &["publish"]).await,
            "archived" => self.node(side, &["publish", "archive"]).await,
            "deleted" => self.deleted_node(side).await,
            "product" => self.product(side).await,
            "pending" => self.order(side, &[]).await,
            "confirmed" => self.order(side, &["confirm"]).await,
            "paid" => self.order(side, &["confirm", "pay"]).await,
            "shipped" => self.order(side, &["confirm", "pay", "ship"]).await,
            "delivered" => self.order(side, &["confirm", "pay", "ship", "deliver"]).await,
            "cancelled" => self.order(side, &["cancel"]).await,
            "tenant" => self.tenant().await,
            _ => panic!("nobody makes a {kind}"),
        };
        self.things
            .lock()
            .unwrap_or_else(PoisonError::into_inner)
            .insert(key, thing.clone());
        thing
    }

    /// Something is done for a tenant by its own people; what it answers of the neighbour may not show elsewhere.
    async fn done(&self, side: &Side, request: RequestBuilder) -> (Value, Thing) {
        let answer = Answer::read(request.send().await.unwrap()).await;
        assert!(answer.is_ok(), "{answer:#?}");
        let value = answer.json();
        let tag = answer.header("etag").unwrap_or_default().to_owned();
        if side.word == CANARY {
            let mut canaries = self.canaries.lock().unwrap_or_else(PoisonError::into_inner);
            find_ids(&value, &mut canaries);
            canaries.extend(value["secret"].as_str().map(str::to_owned));
            // A tag is a version and a digest; the digest is theirs.
            canaries.extend(
                tag.trim_matches('"')
                    .split_once('.')
                    .map(|(_, digest)| digest.to_owned()),
            );
        }
        let members = ["id", "slug", "handle", "secret"].into_iter();
        let mut thing: Thing = members
            .filter_map(|name| Some((name.to_owned(), value[name].as_str()?.to_owned())))
            .collect();
        thing.insert("etag".to_owned(), tag);
        (value, thing)
    }

    fn admin(&self, side: &Side, method: Method, path: &str, body: &Value) -> RequestBuilder {
        self.request(side, Some(&side.admin), method, &format!("/api/admin/v1{path}"))
            .json(body)
    }

    async fn node(&self, side: &Side, verbs: &[&str]) -> Thing {
        let (word, number) = (side.word, self.next_word());
        let node = json!({
            "kind": "post", "locale": "en", "title": format!("{word} {number}"), "slug": format!("{word}-{number}"),
            "excerpt": word, "body": format!("<p>{word}</p>"), "format": "html",
            "terms": [
                { "taxonomy": "category", "slug": format!("{word}-category"), "name": word },
                { "taxonomy": "tag", "slug": format!("{word}-tag"), "name": word },
            ],
            "author": { "login": format!("{word}-author"), "name": word },
        });
        let (_, mut thing) = self
            .done(side, self.admin(side, Method::POST, "/nodes", &node))
            .await;
        for verb in verbs {
            let body = if *verb == "archive" {
                json!({ "reason": word })
            } else {
                json!({})
            };
            let path = format!("/nodes/{}/{verb}", thing["id"]);
            thing = self
                .done(side, self.admin(side, Method::POST, &path, &body))
                .await
                .1;
        }
        for name in ["category", "tag", "author"] {
            thing.insert(name.to_owned(), format!("{word}-{name}"));
        }
        thing
    }

    async fn deleted_node(&self, side: &Side) -> Thing {
        let thing = self.node(side, &[]).await;
        let path = format!("/nodes/{}", thing["id"]);
        let delete = self
            .admin(side, Method::DELETE, &path, &json!({}))
            .header("if-match", "*");
        self.done(side, delete).await;
        thing
    }

    async fn product(&self, side: &Side) -> Thing {
        let (word, number) = (side.word, self.next_word());
        let product = json!({
            "title": format!("{word} {number}"), "handle": format!("{word}-{number}"), "status": "active",
            "description_html": word, "vendor": word, "type": word, "tags": [word], "options": ["Size"],
            "images": [{ "url": format!("https://{word}.example/x.jpg"), "alt": word }],
            "variants": [{
                "sku": format!("{word}-sku-{number}"), "options": ["S"], "available": 100_000,
                "price": { "amount": side.price, "currency": "USD" },
            }],
        });
        let (made, mut thing) = self
            .done(side, self.admin(side, Method::POST, "/products", &product))
            .await;
        for (name, at) in [
            ("variant", "/variants/0/id"),
            ("sku", "/variants/0/sku"),
            ("image", "/images/0/id"),
        ] {
            thing.insert(
                name.to_owned(),
                made.pointer(at).unwrap().as_str().unwrap().to_owned(),
            );
        }
        thing
    }

    async fn order(&self, side: &Side, verbs: &[&str]) -> Thing {
        let product = Box::pin(self.thing(side, "product")).await;
        let word = side.word;
        let order = json!({
            "email": format!("{word}@example.com"), "currency": "USD",
            "lines": [{ "variant_id": product["variant"], "quantity": 1 }],
        });
        let place = self
            .request(side, None, Method::POST, "/api/store/v1/orders")
            .json(&order);
        let (_, mut thing) = self.done(side, place).await;
        let secret = thing["secret"].clone();
        for verb in verbs {
            let body = match *verb {
                "pay" => json!({ "payment_id": format!("{word}-pay"), "method": word }),
                "ship" => json!({ "tracking": format!("{word}-tracking"), "carrier": word }),
                "deliver" => json!({ "signature": word }),
                "cancel" => json!({ "reason": word }),
                _ => json!({}),
            };
            let path = format!("/orders/{}/{verb}", thing["id"]);
            thing = self
                .done(side, self.admin(side, Method::POST, &path, &body))
                .await
                .1;
        }
        thing.insert("secret".to_owned(), secret);
        thing.insert("email".to_owned(), format!("{word}@example.com"));
        thing
    }

    async fn tenant(&self) -> Thing {
        let tenant = json!({ "slug": format!("tenant-{}", self.next_word()), "name": "Another" });
        let path = "/api/platform/v1/tenants";
        let create = self
            .request(&self.ours, Some(&self.platform), Method::POST, path)
            .json(&tenant);
        self.done(&self.ours, create).await.1
    }
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

fn find_ids(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) if text.parse::<Uuid>().is_ok() => drop(found.insert(text.clone())),
        Value::Array(items) => items.iter().for_each(|item| find_ids(item, found)),
        Value::Object(members) => members.values().for_each(|member| find_ids(member, found)),
        _ => {}
    }
}
