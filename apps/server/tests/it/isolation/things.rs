//! The things of a tenant that operations name: made by its own people, in every state that a call needs.

use super::calls::Call;
use super::world::{Answer, CANARY, Side, Thing, World, as_form};
use crate::platform::printed;
use reqwest::{Method, RequestBuilder};
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::sync::PoisonError;
use uuid::Uuid;

impl World {
    /// The things that a call changed are no longer what they were called.
    pub(crate) fn spend(&self, side: &Side, call: &Call) {
        for place in call.places() {
            self.forget(side, place.split_once('.').unwrap().0);
        }
    }

    /// The next thing of this kind is a new one.
    pub(crate) fn forget(&self, side: &Side, kind: &str) {
        let mut things = self.things.lock().unwrap_or_else(PoisonError::into_inner);
        things.remove(&(side.slug, kind.to_owned()));
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
            "translated" => self.translated(side).await,
            "deleted" => self.deleted_node(side).await,
            "term" | "other_term" => self.term(side).await,
            "author" | "other_author" => self.author(side).await,
            "product" => self.product(side).await,
            "low_stock" => self.stocked(side, 2).await,
            "deleted_product" => self.deleted_product(side).await,
            "pending" => self.order(side, &[]).await,
            "confirmed" => self.order(side, &["confirm"]).await,
            "paid" => self.order(side, &["confirm", "pay"]).await,
            "shipped" => self.order(side, &["confirm", "pay", "ship"]).await,
            "delivered" => self.order(side, &["confirm", "pay", "ship", "deliver"]).await,
            "customer" => self.customer(side).await,
            "cancelled" => self.order(side, &["cancel"]).await,
            "import" => self.import(side).await,
            "token" => self.token(side).await,
            "invitation" => self.invitation(side).await,
            "member" => self.member(side).await,
            "session" => self.session(side).await,
            "link" => self.link(side).await,
            "tenant" | "other_tenant" => self.tenant().await,
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
            // A tag is a version, the time of its save and a digest; the digest is theirs.
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

    /// A draft with a text in a second locale.
    async fn translated(&self, side: &Side) -> Thing {
        let draft = self.node(side, &[]).await;
        let path = format!("/nodes/{}/translations/ru", draft["id"]);
        let text = json!({ "title": format!("{} {}", side.word, self.next_word()) });
        self.done(side, self.admin(side, Method::PUT, &path, &text)).await;
        draft
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

    async fn term(&self, side: &Side) -> Thing {
        let term = json!({ "taxonomy": "tag", "name": format!("{} {}", side.word, self.next_word()) });
        self.done(side, self.admin(side, Method::POST, "/terms", &term))
            .await
            .1
    }

    async fn author(&self, side: &Side) -> Thing {
        let login = format!("{}-{}", side.word, self.next_word());
        let author = json!({ "login": login, "name": side.word });
        self.done(side, self.admin(side, Method::POST, "/authors", &author))
            .await
            .1
    }

    async fn deleted_product(&self, side: &Side) -> Thing {
        let thing = self.product(side).await;
        let path = format!("/products/{}", thing["id"]);
        let delete = self.admin(side, Method::DELETE, &path, &json!({}));
        self.done(side, delete).await;
        thing
    }

    async fn product(&self, side: &Side) -> Thing {
        self.stocked(side, 100_000).await
    }

    async fn stocked(&self, side: &Side, available: i64) -> Thing {
        let (word, number) = (side.word, self.next_word());
        let product = json!({
            "title": format!("{word} {number}"), "handle": format!("{word}-{number}"), "status": "active",
            "description_html": word, "vendor": word, "type": word, "tags": [word], "options": ["Size"],
            "images": [{ "url": format!("https://{word}.example/x.jpg"), "alt": word }],
            "variants": [{
                "sku": format!("{word}-sku-{number}"), "options": ["S"], "available": available,
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
        // Its ledger has a second line.
        let adjusted = json!({ "delta": 1, "reason": word });
        let path = format!("/variants/{}/stock/adjust", thing["variant"]);
        self.done(side, self.admin(side, Method::POST, &path, &adjusted))
            .await;
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
                "pay" => json!({ "payment_id": format!("{word}-pay-{}", self.next_word()), "method": word }),
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

    /// The buyer of an order of their own.
    async fn customer(&self, side: &Side) -> Thing {
        let product = Box::pin(self.thing(side, "product")).await;
        let email = format!("{}-{}@example.com", side.word, self.next_word());
        let order = json!({
            "email": email, "currency": "USD", "lines": [{ "variant_id": product["variant"], "quantity": 1 }],
        });
        let place = self
            .request(side, None, Method::POST, "/api/store/v1/orders")
            .json(&order);
        self.done(side, place).await;
        let find = self.request(
            side,
            Some(&side.admin),
            Method::GET,
            "/api/admin/v1/customers?limit=1",
        );
        let (found, _) = self.done(side, find).await;
        let path = format!(
            "/api/admin/v1/customers/{}",
            found["items"][0]["id"].as_str().unwrap()
        );
        let read = self.request(side, Some(&side.admin), Method::GET, &path);
        let mut thing = self.done(side, read).await.1;
        thing.insert("email".to_owned(), email);
        thing
    }

    async fn import(&self, side: &Side) -> Thing {
        let word = side.word;
        let form = json!({
            "source": "shopify", "dry_run": "true",
            "file": format!("Handle,Title,Variant Price\n{word},{word},x\n"),
        });
        let create = self.request(side, Some(&side.admin), Method::POST, "/api/admin/v1/imports");
        let (_, thing) = self.done(side, as_form(create, &form)).await;
        let place = format!("/api/admin/v1/imports/{}", thing["id"]);
        self.until_done(side, &place).await;
        let look = self.request(side, Some(&side.admin), Method::GET, &place);
        self.done(side, look).await.1
    }

    async fn token(&self, side: &Side) -> Thing {
        let token = json!({ "name": side.word, "role": "viewer" });
        self.done(side, self.admin(side, Method::POST, "/tokens", &token))
            .await
            .1
    }

    async fn invitation(&self, side: &Side) -> Thing {
        let email = format!("{}-{}@example.com", side.word, self.next_word());
        let invite = json!({ "email": email, "role": "editor" });
        let invite = self.admin(side, Method::POST, "/invitations", &invite);
        let mut thing = self.done(side, invite).await.1;
        thing.insert("email".to_owned(), email);
        thing
    }

    /// A member with the password of the calls.
    async fn member(&self, side: &Side) -> Thing {
        let invited = self.invitation(side).await;
        let accept =
            json!({ "invitation": invited["secret"], "name": side.word, "password": "correct horse" });
        let accept = self
            .request(side, None, Method::PUT, "/api/admin/v1/session/invitation")
            .json(&accept);
        let mut thing = self.done(side, accept).await.1;
        thing.insert("email".to_owned(), invited["email"].clone());
        thing
    }

    async fn session(&self, side: &Side) -> Thing {
        let member = self.member(side).await;
        let sign_in = json!({ "email": member["email"], "password": "correct horse" });
        let sign_in = self
            .request(side, None, Method::PUT, "/api/admin/v1/session")
            .json(&sign_in);
        let answer = Answer::read(sign_in.send().await.unwrap()).await;
        assert!(answer.is_ok(), "{answer:#?}");
        let (id, cookie) = (
            answer.json()["id"].clone(),
            answer.header("set-cookie").unwrap().to_owned(),
        );
        let (id, cookie) = (
            id.as_str().unwrap().to_owned(),
            cookie.split(';').next().unwrap().to_owned(),
        );
        if side.word == CANARY {
            let mut canaries = self.canaries.lock().unwrap_or_else(PoisonError::into_inner);
            canaries.extend([id.clone(), cookie.clone()]);
        }
        let mut thing = member;
        thing.extend([("id".to_owned(), id), ("cookie".to_owned(), cookie)]);
        thing
    }

    async fn link(&self, side: &Side) -> Thing {
        let mut thing = self.member(side).await;
        // The operator vouches for the account.
        let command = self.server.command();
        std::fs::write(command.folder().join("password"), "correct horse").unwrap();
        let email = thing["email"].clone();
        let set = ["user", "set-password", &email, "--password-file", "password"];
        assert_eq!(command.run(&set).await.code, Some(0));
        let link = [
            "user",
            "link",
            thing["email"].as_str(),
            "--tenant",
            side.slug,
            "--json",
        ];
        let made = printed(self.server.command().run(&link).await);
        thing.insert("secret".to_owned(), made["link"].as_str().unwrap().to_owned());
        thing
    }

    async fn tenant(&self) -> Thing {
        let word = self.next_word();
        let host = format!("{word}.of-a-tenant.example");
        let tenant = json!({ "slug": format!("tenant-{word}"), "name": "Another", "hosts": [host] });
        let path = "/api/platform/v1/tenants";
        let create = self
            .request(&self.ours, Some(&self.platform), Method::POST, path)
            .json(&tenant);
        let mut thing = self.done(&self.ours, create).await.1;
        thing.insert("host".to_owned(), host);
        thing
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
