//! A shop whose pages are visited: sessions of members with each role, the things that pages show, and forms.

use crate::html::{self, Form};
use crate::routes::{Route, routes};
use reqwest::redirect::Policy;
use reqwest::{Client, Method, RequestBuilder, Response};
use rustok_app::people::{self, Browser};
use rustok_app::{Ctx, PlatformCtx};
use rustok_auth::ids::UserId;
use rustok_auth::{Actor, Role};
use rustok_core::deadline::Deadline;
use rustok_test_app::{Shop, header, ok};
use rustok_test_support::TestDatabase;
use serde_json::{Value, json};
use std::collections::BTreeMap;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicU32, Ordering};

/// The address of the owner who has a password, and the password.
pub(crate) const OWNER: &str = "owner@shop1.example";
pub(crate) const PASSWORD: &str = "correct horse battery";

/// What stands for the names in a path: `id` and others.
pub(crate) type Thing = BTreeMap<&'static str, String>;

/// A shop, as its members see it.
pub(crate) struct Site {
    pub(crate) shop: Shop,
    /// What an operator can do.
    pub(crate) operator: Ctx,
    number: AtomicU32,
    /// What people wrote into every field.
    word: &'static str,
    /// The owner of the first session of one.
    owner: OnceLock<UserId>,
    /// The one import of the shop: only few may wait, and nothing here runs them.
    import: OnceLock<Thing>,
}

impl Site {
    pub(crate) async fn open(db: &TestDatabase) -> Self {
        Self::written(db, "Green tea").await
    }

    /// A shop in whose texts this stands.
    pub(crate) async fn written(db: &TestDatabase, word: &'static str) -> Self {
        let mut shop = Shop::open(db.url()).await;
        // A redirect is an answer here.
        shop.client = Client::builder().redirect(Policy::none()).build().unwrap();
        let operator = rustok_test_app::beside(db.url(), "shop1").await;
        let site = Self {
            shop,
            operator,
            number: AtomicU32::new(0),
            word,
            owner: OnceLock::new(),
            import: OnceLock::new(),
        };
        site.member(OWNER, "owner").await;
        site
    }

    /// The operator of the installation.
    pub(crate) fn platform(&self) -> PlatformCtx {
        PlatformCtx::system(self.operator.services.clone(), "test", Deadline::never())
    }

    /// A member with the password of all.
    pub(crate) async fn member(&self, email: &str, role: &str) {
        let account = people::create_account(&self.platform(), email, self.word, Some(PASSWORD)).await;
        let granted = people::grant(&self.operator, &account.unwrap(), role.parse().unwrap()).await;
        drop(granted.unwrap());
    }

    /// The session of a new member.
    pub(crate) async fn session(&self, role: &str) -> String {
        let email = format!("{role}-{}@shop1.example", self.fresh());
        let user = self.account(&email, role).await;
        if role == "owner" {
            let _ = self.owner.set(user);
        }
        self.open_session(user).await
    }

    /// A new member without a password.
    async fn account(&self, email: &str, role: &str) -> UserId {
        let account = people::create_account(&self.platform(), email, self.word, None).await;
        let granted = people::grant(&self.operator, &account.unwrap(), role.parse().unwrap()).await;
        granted.unwrap().user_id
    }

    async fn open_session(&self, user: UserId) -> String {
        let link = people::issue_link(&self.operator, user).await.unwrap().expose();
        let visitor = Ctx {
            actor: Actor::Anonymous,
            ..self.operator.clone()
        };
        let browser = Browser {
            host: "shop1.localhost".to_owned(),
            ..Browser::default()
        };
        let opened = people::exchange_link(&visitor, &link, browser).await;
        opened.unwrap().opened().unwrap().secret.expose()
    }

    /// A word that was not used before.
    pub(crate) fn fresh(&self) -> String {
        format!("fresh-{}", self.number.fetch_add(1, Ordering::Relaxed))
    }

    /// A request of a browser for a page.
    pub(crate) fn get(&self, session: Option<&str>, path: &str) -> RequestBuilder {
        let request = self.shop.request(Method::GET, path);
        with(request, session).header("sec-fetch-site", "same-origin")
    }

    /// A page in Russian, which must be shown.
    pub(crate) async fn russian(&self, session: Option<&str>, path: &str) -> String {
        let request = self.get(session, path).header("cookie", "language=ru");
        let (status, html) = read(request).await;
        assert_eq!(status, 200, "{path}: {html}");
        html
    }

    /// A form that a browser sends from a page of this shop.
    pub(crate) fn post(
        &self,
        session: Option<&str>,
        path: &str,
        fields: &[(String, String)],
    ) -> RequestBuilder {
        let own = ("sec-fetch-site", "same-origin");
        self.post_from(&[own], session, path, fields)
    }

    /// A form that a browser sends from a page that these headers name.
    pub(crate) fn post_from(
        &self,
        from: &[(&str, &str)],
        session: Option<&str>,
        path: &str,
        fields: &[(String, String)],
    ) -> RequestBuilder {
        let (kind, body) = match path {
            "/admin/imports/new" => ("multipart/form-data; boundary=part", with_file(fields)),
            _ => ("application/x-www-form-urlencoded", encoded(fields)),
        };
        let request = with(self.shop.request(Method::POST, path), session)
            .header("content-type", kind)
            .body(body);
        from.iter()
            .fold(request, |request, (name, value)| request.header(*name, *value))
    }

    /// The page at an address, which must be shown.
    pub(crate) async fn page(&self, session: Option<&str>, path: &str) -> String {
        let (status, html) = read(self.get(session, path)).await;
        assert_eq!(status, 200, "{path}: {html}");
        html
    }

    /// What forms of this session carry.
    pub(crate) async fn form_token(&self, session: &str) -> String {
        let forms = html::forms(&self.page(Some(session), "/admin").await);
        token_in(&forms[0].fields).unwrap()
    }

    /// The address of a route, with a thing of its kind.
    pub(crate) fn address(&self, route: &Route, thing: &Thing) -> String {
        let mut path = route.path.to_owned();
        for (name, value) in thing {
            path = path.replace(&format!("{{{name}}}"), value);
        }
        assert!(
            !path.contains('{'),
            "{}: its thing has no such name",
            route.name()
        );
        path
    }

    /// The form of a route as a member with this session finds it on a page, filled in.
    pub(crate) async fn form(&self, session: &str, route: &Route, thing: &Thing) -> Form {
        let address = self.address(route, thing);
        let pages = routes().into_iter().filter(|page| page.is_page());
        let near = pages.filter(|page| page.kind().is_none() || page.kind() == route.kind());
        for page in near {
            let (status, html) = read(self.get(Some(session), &self.address(&page, thing))).await;
            let form = html::forms(&html).into_iter().find(|form| form.action == address);
            if let (200, Some(mut form)) = (status, form) {
                for (name, value) in &route.typed {
                    form.fields.retain(|(known, _)| known != name);
                    let mut value = value.replace("{fresh}", &self.fresh());
                    for (name, of_thing) in thing {
                        value = value.replace(&format!("{{{name}}}"), of_thing);
                    }
                    form.fields.push(((*name).to_owned(), value));
                }
                return form;
            }
        }
        panic!("{}: no page has a form for it", route.name());
    }

    /// A new thing of this kind. One kind more is one line more here, and in `tests/browser/lib/things.mjs`.
    pub(crate) async fn thing(&self, kind: Option<&str>) -> Thing {
        let Some(kind) = kind else {
            return Thing::new();
        };
        let (name, state) = kind.split_once('.').unwrap_or((kind, ""));
        match name {
            "order" => self.order(state).await,
            "product" => self.product_thing(state).await,
            "node" => self.node(state).await,
            "customer" => self.customer().await,
            "term" => self.pair("/terms", |slug, word| json!({ "taxonomy": "category", "slug": slug, "name": format!("{word} {slug}") })).await,
            "author" => self.pair("/authors", |login, word| json!({ "login": login, "name": word })).await,
            "import" => self.import().await,
            "member" => {
                let id = self.account(&format!("{}@shop1.example", self.fresh()), "viewer").await;
                Thing::from([("id", id.to_string())])
            }
            "invitation" => {
                let body = json!({ "email": format!("{}@example.com", self.fresh()), "role": "viewer" });
                let made = ok(self.shop.admin(Method::POST, "/invitations").json(&body), 200).await;
                let secret = made["secret"].as_str().unwrap().to_owned();
                Thing::from([("id", rustok_test_app::id(&made).to_owned()), ("secret", secret)])
            }
            "token" => {
                let body = json!({ "name": self.word, "role": "viewer" });
                named(&ok(self.shop.admin(Method::POST, "/tokens").json(&body), 200).await)
            }
            "session" => self.other_session().await,
            _ => panic!("no test makes a {kind}: write how into site.rs"),
        }
    }

    async fn customer(&self) -> Thing {
        drop(self.order("pending").await);
        let found = ok(self.shop.admin(Method::GET, "/customers"), 200).await;
        named(&found["items"][0])
    }

    async fn product(&self) -> Value {
        let (sku, word) = (self.fresh(), self.word);
        let price = json!({ "amount": "5.50", "currency": "USD" });
        let body = json!({ "title": word, "description_html": word, "vendor": word, "type": word, "status": "active",
            "options": [{ "name": word }], "variants": [{ "sku": format!("{word}{sku}"), "options": [word], "price": price, "available": 1000 }] });
        ok(self.shop.admin(Method::POST, "/products").json(&body), 201).await
    }

    async fn product_thing(&self, state: &str) -> Thing {
        let thing = named(&self.product().await);
        if state == "deleted" {
            let path = format!("/products/{}", thing["id"]);
            self.delete(&path).await;
        }
        thing
    }

    async fn delete(&self, path: &str) {
        let response = self.shop.admin(Method::DELETE, path).send().await.unwrap();
        assert_eq!(response.status(), 204, "{path}");
    }

    async fn node(&self, state: &str) -> Thing {
        let text = json!({ "title": self.word, "body": self.word, "excerpt": self.word });
        let mut body = json!({ "kind": "post", "locale": "en", "format": "markdown" });
        body.as_object_mut()
            .unwrap()
            .extend(text.as_object().unwrap().clone());
        let node = ok(self.shop.admin(Method::POST, "/nodes").json(&body), 201).await;
        let thing = named(&node);
        let path = format!("/nodes/{}", thing["id"]);
        let steps: &[&str] = match state {
            "published" => &["publish"],
            "archived" => &["publish", "archive"],
            _ => &[],
        };
        for step in steps {
            let reason = if *step == "archive" {
                json!({ "reason": self.word })
            } else {
                json!({})
            };
            let request = self
                .shop
                .admin(Method::POST, &format!("{path}/{step}"))
                .json(&reason);
            drop(ok(request, 200).await);
        }
        match state {
            "two" => {
                let request = self
                    .shop
                    .admin(Method::PUT, &format!("{path}/translations/ru"))
                    .json(&text);
                drop(ok(request, 201).await);
            }
            "deleted" => self.delete(&path).await,
            _ => {}
        }
        thing
    }

    /// Two things of one kind: one that can become the other.
    async fn pair(&self, path: &str, body: impl Fn(&str, &str) -> Value) -> Thing {
        let mut thing = Thing::new();
        for name in ["id", "other"] {
            let body = body(&self.fresh(), self.word);
            let made = ok(self.shop.admin(Method::POST, path).json(&body), 201).await;
            thing.insert(name, rustok_test_app::id(&made).to_owned());
        }
        thing
    }

    async fn import(&self) -> Thing {
        if let Some(import) = self.import.get() {
            return import.clone();
        }
        let fields = [("source", "shopify"), ("dry_run", "true")];
        let fields = fields.map(|(name, value)| (name.to_owned(), value.to_owned()));
        let request = self.shop.admin(Method::POST, "/imports");
        let request = request.header("content-type", "multipart/form-data; boundary=part");
        let import = named(&ok(request.body(with_file(&fields)), 202).await);
        self.import.get_or_init(|| import).clone()
    }

    /// One more session of the owner whose session was opened first.
    async fn other_session(&self) -> Thing {
        let user = *self.owner.get().unwrap();
        let before = self.sessions_of(user).await;
        drop(self.open_session(user).await);
        let now = self.sessions_of(user).await;
        let new = now.into_iter().find(|id| !before.contains(id));
        Thing::from([("id", new.unwrap())])
    }

    async fn sessions_of(&self, user: UserId) -> Vec<String> {
        let session = self.operator.id();
        let ctx = Ctx {
            actor: Actor::User {
                id: user,
                session,
                role: Role::Owner,
            },
            ..self.operator.clone()
        };
        let listed = people::list_sessions(&ctx).await.unwrap();
        listed.iter().map(|session| session.id.to_string()).collect()
    }

    async fn order(&self, state: &str) -> Thing {
        let product = self.product().await;
        let lines = json!([{ "variant_id": product["variants"][0]["id"], "quantity": 2 }]);
        let body = json!({ "email": "buyer@example.com", "currency": "USD", "lines": lines });
        let order = ok(
            self.shop
                .request(Method::POST, "/api/store/v1/orders")
                .json(&body),
            201,
        )
        .await;
        let steps: &[&str] = match state {
            "confirmed" => &["confirm"],
            "paid" => &["confirm", "pay"],
            "shipped" => &["confirm", "pay", "ship"],
            "delivered" => &["confirm", "pay", "ship", "deliver"],
            "cancelled" => &["cancel"],
            _ => &[],
        };
        for step in steps {
            let body = match *step {
                "pay" => {
                    json!({ "method": self.word, "payment_id": format!("{}{}", self.word, self.fresh()) })
                }
                "ship" => json!({ "carrier": self.word, "tracking": self.word }),
                "cancel" => json!({ "reason": self.word }),
                _ => json!({}),
            };
            let path = format!("/orders/{}/{step}", rustok_test_app::id(&order));
            drop(ok(self.shop.admin(Method::POST, &path).json(&body), 200).await);
        }
        named(&order)
    }
}

fn named(shown: &Value) -> Thing {
    Thing::from([("id", rustok_test_app::id(shown).to_owned())])
}

fn with(request: RequestBuilder, session: Option<&str>) -> RequestBuilder {
    let request = request
        .header("accept", "text/html")
        .header("accept-language", "en");
    match session {
        Some(session) => request.header("cookie", format!("session={session}")),
        None => request,
    }
}

/// As browsers encode the fields of a form.
fn encoded(fields: &[(String, String)]) -> String {
    let mut body = form_urlencoded::Serializer::new(String::new());
    body.extend_pairs(fields);
    body.finish()
}

/// As browsers encode a form with a file. The form of the page begins with its token, which is looked at before the file.
fn with_file(fields: &[(String, String)]) -> String {
    let mut body = String::new();
    let (token, others): (Vec<_>, Vec<_>) = fields.iter().partition(|(name, _)| name == "form_token");
    for (name, value) in token.into_iter().chain(others) {
        body.push_str(&format!(
            "--part\r\nContent-Disposition: form-data; name=\"{name}\"\r\n\r\n{value}\r\n"
        ));
    }
    body.push_str("--part\r\nContent-Disposition: form-data; name=\"file\"; filename=\"1.csv\"\r\n\r\nHandle,Title\r\n1,2\r\n--part--\r\n");
    body
}

/// The token that a form carries.
pub(crate) fn token_in(fields: &[(String, String)]) -> Option<String> {
    let mut tokens = fields.iter().filter(|(name, _)| name == "form_token");
    tokens.next().map(|(_, value)| value.clone())
}

/// The same fields with another token.
pub(crate) fn with_token(fields: &[(String, String)], token: Option<&str>) -> Vec<(String, String)> {
    let mut fields: Vec<_> = fields.to_vec();
    fields.retain(|(name, _)| name != "form_token");
    fields.extend(token.map(|token| ("form_token".to_owned(), token.to_owned())));
    fields
}

/// The status and the text of an answer, after checking what every answer of a page has.
pub(crate) async fn read(request: RequestBuilder) -> (u16, String) {
    let response = request.send().await.unwrap();
    is_guarded(&response);
    (response.status().as_u16(), response.text().await.unwrap())
}

/// Fails unless an answer has the headers that protect the person who looks at it: a page or a problem, taken or refused.
pub(crate) fn is_guarded(response: &Response) {
    let what = format!("{} {}", response.status(), response.url());
    let policy = header(response, "content-security-policy");
    for rule in [
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "frame-ancestors 'none'",
        "base-uri 'none'",
        "form-action 'self'",
    ] {
        assert!(policy.split("; ").any(|known| known == rule), "{what}: {policy}");
    }
    assert!(!policy.contains("unsafe"), "{what}: {policy}");
    for (name, value) in [
        ("x-content-type-options", "nosniff"),
        ("cache-control", "no-store"),
        ("cross-origin-opener-policy", "same-origin"),
        ("access-control-allow-origin", ""),
    ] {
        assert_eq!(header(response, name), value, "{what}: {name}");
    }
    let is_file = response.status() == 200 && response.url().path().ends_with(".csv");
    if response.status().as_u16() != 303 && !is_file {
        assert_eq!(
            header(response, "content-type"),
            "text/html; charset=utf-8",
            "{what}"
        );
    }
}
