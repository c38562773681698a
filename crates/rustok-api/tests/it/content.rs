//! Content over HTTP: the life of nodes, what the public sees of it, addresses, locales, search, preconditions.

mod agreement;
mod filing;
mod import;
mod locales;
mod markup;
mod pages;
mod promises;
mod restored;
mod terms;
mod visibility;

use reqwest::{Method, RequestBuilder, Response, StatusCode};
use rustok_test_app::{Shop, problem, tenant, token};
use rustok_test_support::both_databases;
use serde_json::{Value, json};

/// What a new post needs.
fn post(title: &str) -> Value {
    json!({ "kind": "post", "locale": "en", "title": title, "body": format!("<p>{title}</p>"), "format": "html" })
}

/// A body, after checking the status.
async fn shown(response: Response, status: u16) -> Value {
    let seen = response.status().as_u16();
    let body = response.text().await.unwrap();
    assert_eq!(seen, status, "{body}");
    serde_json::from_str(&body).unwrap()
}

fn etag(response: &Response) -> String {
    response.headers()["etag"].to_str().unwrap().to_owned()
}

fn texts(list: &Value, member: &str) -> Vec<String> {
    let items = list["items"].as_array().unwrap();
    items
        .iter()
        .map(|item| item[member].as_str().unwrap().to_owned())
        .collect()
}

/// Requests about nodes.
trait Nodes {
    async fn create(&self, node: &Value) -> Value;
    /// `POST /nodes/{id}/{verb}`.
    async fn node_post(&self, node: &Value, verb: &str, body: Value) -> Response;
    async fn pass(&self, node: &Value, verb: &str) -> Value;
    async fn published(&self, node: &Value) -> Value;
    fn node(&self, method: Method, node: &Value) -> RequestBuilder;
    async fn patch(&self, node: &Value, patch: Value) -> Value;
    async fn delete(&self, node: &Value);
    async fn list(&self, query: &str) -> Value;
    fn store(&self, path: &str) -> RequestBuilder;
    async fn store_list(&self, query: &str) -> Value;
}

impl Nodes for Shop {
    async fn create(&self, node: &Value) -> Value {
        shown(
            self.admin(Method::POST, "/nodes")
                .json(node)
                .send()
                .await
                .unwrap(),
            201,
        )
        .await
    }

    async fn node_post(&self, node: &Value, verb: &str, body: Value) -> Response {
        let path = format!("/nodes/{}/{verb}", node["id"].as_str().unwrap());
        self.admin(Method::POST, &path).json(&body).send().await.unwrap()
    }

    async fn pass(&self, node: &Value, verb: &str) -> Value {
        let body = if verb == "archive" {
            json!({ "reason": "outdated" })
        } else {
            json!({})
        };
        shown(self.node_post(node, verb, body).await, 200).await
    }

    async fn published(&self, node: &Value) -> Value {
        let node = self.create(node).await;
        self.pass(&node, "publish").await
    }

    fn node(&self, method: Method, node: &Value) -> RequestBuilder {
        self.admin(method, &format!("/nodes/{}", node["id"].as_str().unwrap()))
    }

    async fn patch(&self, node: &Value, patch: Value) -> Value {
        shown(
            self.node(Method::PATCH, node)
                .header("if-match", "*")
                .json(&patch)
                .send()
                .await
                .unwrap(),
            200,
        )
        .await
    }

    async fn delete(&self, node: &Value) {
        let deleted = self.node(Method::DELETE, node).send().await.unwrap();
        assert_eq!(deleted.status(), StatusCode::NO_CONTENT);
    }

    async fn list(&self, query: &str) -> Value {
        shown(
            self.admin(Method::GET, &format!("/nodes?{query}"))
                .send()
                .await
                .unwrap(),
            200,
        )
        .await
    }

    fn store(&self, path: &str) -> RequestBuilder {
        self.request(Method::GET, &format!("/api/store/v1{path}"))
    }

    async fn store_list(&self, query: &str) -> Value {
        shown(self.store(&format!("/nodes?{query}")).send().await.unwrap(), 200).await
    }
}

both_databases! {
    async fn a_node_passes_its_whole_life(db) {
        let shop = Shop::open(db.url()).await;
        let made = shop.admin(Method::POST, "/nodes").json(&post("Hello, World")).send().await.unwrap();
        let location = made.headers()["location"].to_str().unwrap().to_owned();
        let draft = shown(made, 201).await;
        assert_eq!(location, format!("/api/admin/v1/nodes/{}", draft["id"].as_str().unwrap()));
        for (member, value) in [
            ("kind", json!("post")), ("status", json!("draft")), ("locale", json!("en")), ("title", json!("Hello, World")),
            ("slug", json!("hello-world")), ("excerpt", json!("")), ("body", json!("<p>Hello, World</p>")),
            ("format", json!("html")), ("body_html", json!("<p>Hello, World</p>")), ("terms", json!([])),
            ("published_at", json!(null)), ("version", json!(1)), ("working_revision", json!(1)),
            ("published_revision", json!(null)), ("allowed_transitions", json!(["publish"])),
        ] {
            assert_eq!(draft[member], value, "{member}");
        }
        assert_eq!(shown(shop.node(Method::GET, &draft).send().await.unwrap(), 200).await, draft);

        let live = shop.pass(&draft, "publish").await;
        let published_at = live["published_at"].clone();
        assert_eq!((&live["status"], &live["version"]), (&json!("published"), &json!(2)));
        assert_eq!(live["allowed_transitions"], json!(["unpublish", "archive"]));
        let seen = shown(shop.store("/nodes/hello-world").send().await.unwrap(), 200).await;
        assert_eq!((&seen["title"], &seen["published_at"]), (&json!("Hello, World"), &published_at));

        let edited = shop.patch(&draft, json!({ "title": "Hello again", "slug": "again" })).await;
        assert_eq!((&edited["working_revision"], &edited["published_revision"]), (&json!(2), &json!(1)));
        assert_eq!(edited["allowed_transitions"], json!(["publish", "unpublish", "archive"]));
        let still = shown(shop.store("/nodes/hello-world").send().await.unwrap(), 200).await;
        assert_eq!(still, seen);
        problem(shop.store("/nodes/again").send().await.unwrap(), 404, "node_not_found").await;

        let again = shop.pass(&draft, "publish").await;
        assert_eq!((&again["published_at"], &again["published_revision"]), (&published_at, &json!(2)));
        problem(shop.store("/nodes/hello-world").send().await.unwrap(), 404, "node_not_found").await;
        let seen = shown(shop.store("/nodes/again").send().await.unwrap(), 200).await;
        assert_eq!((&seen["title"], &seen["version"]), (&json!("Hello again"), &json!(2)));

        let archived = shop.pass(&draft, "archive").await;
        assert_eq!((&archived["archive_reason"], &archived["published_at"]), (&json!("outdated"), &published_at));
        assert!(archived["archived_at"].is_string());
        problem(shop.store("/nodes/again").send().await.unwrap(), 404, "node_not_found").await;
        let refused = shop.node(Method::PATCH, &draft).header("if-match", "*").json(&json!({ "kind": "page" }));
        let refused = problem(refused.send().await.unwrap(), 409, "node_not_editable").await;
        assert_eq!(refused["allowed_transitions"], json!(["restore"]));
        assert_eq!(shop.pass(&draft, "restore").await["published_at"], published_at);

        shop.delete(&draft).await;
        problem(shop.node(Method::GET, &draft).send().await.unwrap(), 404, "node_not_found").await;
        assert_eq!(shop.list("").await["items"], json!([]));
        let thrown = &shop.list("deleted=true").await["items"][0];
        assert_eq!((&thrown["slug"], &thrown["allowed_transitions"]), (&json!("again"), &json!(["undelete"])));
        assert!(thrown["deleted_at"].is_string());
        let back = shop.pass(&draft, "undelete").await;
        assert_eq!((&back["status"], &back["slug"], &back["version"]), (&json!("draft"), &json!("again"), &json!(8)));
        shop.pass(&draft, "publish").await;
        assert_eq!(shop.pass(&draft, "unpublish").await["published_at"], published_at);

        let history = format!("/nodes/{}/history", draft["id"].as_str().unwrap());
        let history = shown(shop.admin(Method::GET, &history).send().await.unwrap(), 200).await;
        let steps = ["create", "publish", "update", "publish", "archive", "restore", "delete", "undelete", "publish",
            "unpublish"];
        assert_eq!(texts(&history, "transition"), steps);
        let versions: Vec<_> = history["items"].as_array().unwrap().iter().map(|entry| entry["version"].as_i64()).collect();
        assert_eq!(versions, (1..=10).map(Some).collect::<Vec<_>>());
        let archive = &history["items"][4];
        assert_eq!(archive["from_status"], "published");
        assert_eq!((&archive["to_status"], &archive["reason"]), (&json!("archived"), &json!("outdated")));
        assert!(archive["actor"].as_str().unwrap().starts_with("token:"));
    }

    async fn what_the_state_does_not_allow_is_refused(db) {
        let shop = Shop::open(db.url()).await;
        let draft = shop.create(&post("draft")).await;
        let live = shop.published(&post("live")).await;
        let archived = shop.published(&post("archived")).await;
        shop.pass(&archived, "archive").await;
        for (node, state, allowed, verbs) in [
            (&draft, "draft", json!(["publish"]), &["unpublish", "archive", "restore"][..]),
            (&live, "published", json!(["unpublish", "archive"]), &["publish", "restore"]),
            (&archived, "archived", json!(["restore"]), &["publish", "unpublish", "archive"]),
        ] {
            for verb in verbs {
                let refused = shop.node_post(node, verb, if *verb == "archive" { json!({ "reason": "x" }) } else { json!({}) });
                let refused = problem(refused.await, 409, "illegal_transition").await;
                assert_eq!((&refused["current_state"], &refused["allowed_transitions"]), (&json!(state), &allowed), "{verb}");
            }
        }
        let refused = problem(shop.node(Method::DELETE, &live).send().await.unwrap(), 409, "node_still_published").await;
        assert_eq!(refused["current_state"], "published");
        problem(shop.node_post(&live, "undelete", json!({})).await, 404, "node_not_found").await;
        for reason in [json!({}), json!({ "reason": "  " })] {
            let refused = problem(shop.node_post(&live, "archive", reason).await, 422, "validation_failed").await;
            assert_eq!(refused["errors"][0]["pointer"], "#/reason");
        }
        // Nothing of all that left a trace.
        assert_eq!(shown(shop.node(Method::GET, &live).send().await.unwrap(), 200).await, live);
    }

    async fn addresses_are_numbered_or_refused(db) {
        let shop = Shop::open(db.url()).await;
        let mut slugs = Vec::new();
        for _ in 0..11 {
            slugs.push(shop.create(&post("Same title")).await["slug"].as_str().unwrap().to_owned());
        }
        let expected: Vec<_> = (1..=11)
            .map(|n| if n == 1 { "same-title".to_owned() } else { format!("same-title-{n}") }).collect();
        assert_eq!(slugs, expected);

        // What is too long is cut so that the number still fits.
        let long = "ж".repeat(300);
        let (first, second) = (shop.create(&post(&long)).await, shop.create(&post(&long)).await);
        assert_eq!(first["slug"].as_str().unwrap().chars().count(), 200);
        assert!(second["slug"].as_str().unwrap().ends_with("ж-2"));

        let mut asked_for = post("Another");
        asked_for["slug"] = json!("same-title");
        let refused = shop.admin(Method::POST, "/nodes").json(&asked_for).send().await.unwrap();
        let refused = problem(refused, 409, "slug_taken").await;
        assert_eq!(refused["errors"][0]["pointer"], "#/slug");
        asked_for["locale"] = json!("ru");
        assert_eq!(shop.create(&asked_for).await["slug"], "same-title");

        // An address that is still live is taken, though nobody works on it any more.
        let live = shop.published(&post("Live")).await;
        shop.patch(&live, json!({ "slug": "moved" })).await;
        assert_eq!(shop.create(&post("Live")).await["slug"], "live-2");
        // Its own address is free for a node, also the one that is live.
        assert_eq!(shop.patch(&live, json!({ "slug": "live" })).await["slug"], "live");
        // Without a slug it is made from the title again.
        assert_eq!(shop.patch(&live, json!({ "slug": null, "title": "New title" })).await["slug"], "new-title");

        // A deleted node gives its address away, and gets another one when it comes back.
        let gone = shop.create(&post("Gone")).await;
        shop.delete(&gone).await;
        assert_eq!(shop.create(&post("Gone")).await["slug"], "gone");
        assert_eq!(shop.pass(&gone, "undelete").await["slug"], "gone-2");
    }

    async fn many_nodes_with_one_title_at_once_get_an_address_each(db) {
        let shop = Shop::open(db.url()).await;
        let requests: Vec<_> = (0..16)
            .map(|_| tokio::spawn(shop.admin(Method::POST, "/nodes").json(&post("Rush")).send())).collect();
        let mut slugs = std::collections::BTreeSet::new();
        for request in requests {
            slugs.insert(shown(request.await.unwrap().unwrap(), 201).await["slug"].to_string());
        }
        assert_eq!(slugs.len(), 16);
    }

    async fn an_update_says_what_it_is_based_on(db) {
        let shop = Shop::open(db.url()).await;
        let made = shop.admin(Method::POST, "/nodes").json(&post("One")).send().await.unwrap();
        let first = etag(&made);
        let node = shown(made, 201).await;
        let patch = |tag: Option<&str>| {
            let request = shop.node(Method::PATCH, &node).json(&json!({ "title": "Two" }));
            tag.iter().fold(request, |request, tag| request.header("if-match", *tag))
        };
        problem(patch(None).send().await.unwrap(), 428, "precondition_required").await;
        let changed = patch(Some(&first)).send().await.unwrap();
        let second = etag(&changed);
        assert_ne!(first, second);
        shown(changed, 200).await;
        let refused = problem(patch(Some(&first)).send().await.unwrap(), 412, "version_conflict").await;
        assert_eq!(refused["current_version"], 2);
        // What changes nothing makes no version.
        assert_eq!(shown(patch(Some(&second)).send().await.unwrap(), 200).await["version"], 2);

        // Where it is not demanded, it counts when it is sent.
        let publish = format!("/nodes/{}/publish", node["id"].as_str().unwrap());
        let stale = shop.admin(Method::POST, &publish).header("if-match", &first);
        problem(stale.send().await.unwrap(), 412, "version_conflict").await;
        let stale = shop.node(Method::DELETE, &node).header("if-match", &first);
        problem(stale.send().await.unwrap(), 412, "version_conflict").await;

        let read = shop.node(Method::GET, &node).send().await.unwrap();
        let unchanged = shop.node(Method::GET, &node).header("if-none-match", etag(&read)).send().await.unwrap();
        assert_eq!(unchanged.status(), StatusCode::NOT_MODIFIED);
    }

    async fn of_two_updates_at_once_one_wins(db) {
        let shop = Shop::open(db.url()).await;
        let made = shop.admin(Method::POST, "/nodes").json(&post("Race")).send().await.unwrap();
        let tag = etag(&made);
        let node = shown(made, 201).await;
        let requests: Vec<_> = (0..8)
            .map(|n| {
                let patch = shop.node(Method::PATCH, &node).header("if-match", &tag);
                tokio::spawn(patch.json(&json!({ "title": format!("Race {n}") })).send())
            })
            .collect();
        let mut won = 0;
        for request in requests {
            let response = request.await.unwrap().unwrap();
            match response.status().as_u16() {
                200 => won += 1,
                // Seen before the write, or only by the write itself.
                status => drop(problem(response, if status == 412 { 412 } else { 409 }, "version_conflict").await),
            }
        }
        assert_eq!(won, 1);
        let after = shown(shop.node(Method::GET, &node).send().await.unwrap(), 200).await;
        assert_eq!((&after["version"], &after["working_revision"]), (&json!(2), &json!(2)));
    }

    async fn a_repeated_create_is_answered_byte_for_byte(db) {
        let shop = Shop::open(db.url()).await;
        let create = |body: Value| shop.admin(Method::POST, "/nodes").header("idempotency-key", "k1").json(&body).send();
        let first = create(post("Once")).await.unwrap();
        let (first_tag, first_location) = (etag(&first), first.headers()["location"].clone());
        assert!(!first.headers().contains_key("idempotent-replayed"));
        let first_bytes = first.bytes().await.unwrap();
        let again = create(post("Once")).await.unwrap();
        assert_eq!(again.status(), StatusCode::CREATED);
        assert_eq!(again.headers()["idempotent-replayed"], "true");
        assert_eq!((etag(&again), again.headers()["location"].clone()), (first_tag, first_location));
        assert_eq!(again.bytes().await.unwrap(), first_bytes);
        problem(create(post("Other")).await.unwrap(), 422, "idempotency_key_reused").await;
        assert_eq!(shop.list("").await["items"].as_array().unwrap().len(), 1);

        // A refusal is not kept: the same key works once what was wrong is right.
        let publish = |node: &Value| {
            let path = format!("/nodes/{}/unpublish", node["id"].as_str().unwrap());
            shop.admin(Method::POST, &path).header("idempotency-key", "k2").send()
        };
        let node: Value = serde_json::from_slice(&first_bytes).unwrap();
        problem(publish(&node).await.unwrap(), 409, "illegal_transition").await;
        shop.pass(&node, "publish").await;
        assert_eq!(shown(publish(&node).await.unwrap(), 200).await["status"], "draft");
        let replayed = publish(&node).await.unwrap();
        assert_eq!(replayed.headers()["idempotent-replayed"], "true");
    }

    async fn everything_wrong_is_told_at_once(db) {
        let shop = Shop::open(db.url()).await;
        let bad = json!({ "kind": "No Kind", "locale": "english", "title": " ", "slug": "No Slug", "body": "\u{1}" });
        let refused = shop.admin(Method::POST, "/nodes").json(&bad).send().await.unwrap();
        let refused = problem(refused, 422, "validation_failed").await;
        let pointers: Vec<_> = refused["errors"].as_array().unwrap().iter().map(|e| e["pointer"].clone()).collect();
        assert_eq!(pointers, ["#/kind", "#/locale", "#/title", "#/slug", "#/body"]);
        for (body, status, code) in [
            (json!({ "kind": "post", "title": "a", "colour": "red" }), 422, "validation_failed"),
            (json!({ "kind": "post", "title": "a", "format": "rtf" }), 422, "validation_failed"),
            (json!({}), 422, "validation_failed"),
        ] {
            problem(shop.admin(Method::POST, "/nodes").json(&body).send().await.unwrap(), status, code).await;
        }
        let node = shop.create(&post("a")).await;
        for patch in [json!({ "title": null }), json!({ "status": "published" }), json!({ "id": "x" }), json!({ "kind": "" })] {
            let patched = shop.node(Method::PATCH, &node).header("if-match", "*").json(&patch);
            problem(patched.send().await.unwrap(), 422, "validation_failed").await;
        }
        for query in ["status=live", "kind=%20", "updated_after=yesterday", "locale=english", "limit=0", "after=x"] {
            let refused = shop.admin(Method::GET, &format!("/nodes?{query}")).send().await.unwrap();
            problem(refused, 422, "validation_failed").await;
        }
        problem(shop.admin(Method::GET, "/nodes?colour=red").send().await.unwrap(), 400, "invalid_query").await;
        let unknown = "/nodes/0190a0b0-0000-7000-8000-000000000000";
        problem(shop.admin(Method::GET, unknown).send().await.unwrap(), 404, "node_not_found").await;
        problem(shop.admin(Method::GET, &format!("{unknown}/history")).send().await.unwrap(), 404, "node_not_found").await;
    }

    async fn a_body_is_made_safe_when_it_is_written(db) {
        let shop = Shop::open(db.url()).await;
        let html = "<p onclick=\"steal()\">Hi</p><script>steal()</script><a href=\"javascript:steal()\">x</a>\
                    <img src=x onerror=steal()><iframe src=\"//evil\"></iframe>";
        let mut node = post("XSS");
        node["body"] = json!(html);
        let made = shop.published(&node).await;
        assert_eq!(made["body"], html);
        for shown in [&made, &shown(shop.store("/nodes/xss").send().await.unwrap(), 200).await] {
            let safe = shown["body_html"].as_str().unwrap();
            assert!(safe.contains("<p>Hi</p>"), "{safe}");
            for evil in ["steal", "script", "iframe", "onerror", "onclick"] {
                assert!(!safe.contains(evil), "{safe}");
            }
        }
        let markdown = json!({ "body": "**bold** <script>steal()</script>", "format": "markdown" });
        let edited = shop.patch(&made, markdown).await;
        assert_eq!(edited["body_html"], "<p><strong>bold</strong> </p>\n");
    }

    async fn roles_decide_who_writes(db) {
        let shop = Shop::open(db.url()).await;
        let server = &shop.server;
        let (viewer, editor) = (token(server, "shop1", "viewer").await, token(server, "shop1", "editor").await);
        let node = shop.create(&post("One")).await;
        let id = node["id"].as_str().unwrap();
        let writes = [
            (Method::POST, "/nodes".to_owned()), (Method::PATCH, format!("/nodes/{id}")),
            (Method::DELETE, format!("/nodes/{id}")), (Method::PUT, format!("/nodes/{id}/translations/ru")),
            (Method::POST, format!("/nodes/{id}/publish")), (Method::POST, format!("/nodes/{id}/unpublish")),
            (Method::POST, format!("/nodes/{id}/archive")), (Method::POST, format!("/nodes/{id}/restore")),
            (Method::POST, format!("/nodes/{id}/undelete")),
        ];
        for (method, path) in writes {
            let request = || {
                shop.request(method.clone(), &format!("/api/admin/v1{path}")).header("if-match", "*").json(&json!({}))
            };
            problem(request().bearer_auth(&viewer).send().await.unwrap(), 403, "forbidden").await;
            problem(request().send().await.unwrap(), 401, "unauthenticated").await;
        }
        for path in ["/nodes".to_owned(), format!("/nodes/{id}"), format!("/nodes/{id}/history")] {
            let read = shop.request(Method::GET, &format!("/api/admin/v1{path}"));
            assert_eq!(read.bearer_auth(&viewer).send().await.unwrap().status(), StatusCode::OK, "{path}");
        }
        let made = shop.request(Method::POST, "/api/admin/v1/nodes").bearer_auth(&editor).json(&post("Two"));
        assert_eq!(made.send().await.unwrap().status(), StatusCode::CREATED);
    }

    async fn tenants_have_the_same_addresses_side_by_side(db) {
        let shop = Shop::open(db.url()).await;
        let other = tenant(&shop.server, "shop2", "admin").await;
        let theirs = |method: Method, path: &str| {
            shop.request_to("shop2", method, &format!("/api/admin/v1{path}")).bearer_auth(&other)
        };
        let mut mine = post("About");
        mine["terms"] = json!([{ "taxonomy": "tag", "name": "Both" }]);
        mine["author"] = json!({ "login": "jane", "name": "Jane of one" });
        let mine = shop.published(&mine).await;
        let mut node = post("About");
        node["body"] = json!("<p>theirs</p>");
        node["terms"] = json!([{ "taxonomy": "tag", "name": "Both" }]);
        node["author"] = json!({ "login": "jane", "name": "Jane of two" });
        let made = shown(theirs(Method::POST, "/nodes").json(&node).send().await.unwrap(), 201).await;
        assert_eq!((&made["slug"], &made["author"]["name"]), (&json!("about"), &json!("Jane of two")));
        let their_id = made["id"].as_str().unwrap();
        let publish = theirs(Method::POST, &format!("/nodes/{their_id}/publish")).send().await.unwrap();
        assert_eq!(publish.status(), StatusCode::OK);

        assert_eq!(shown(shop.store("/nodes/about").send().await.unwrap(), 200).await["body"], "<p>About</p>");
        let their_store = |path: &str| shop.request_to("shop2", Method::GET, &format!("/api/store/v1{path}"));
        assert_eq!(shown(their_store("/nodes/about").send().await.unwrap(), 200).await["body"], "<p>theirs</p>");
        for list in [shop.list("").await, shop.store_list("tag=both").await] {
            assert_eq!(texts(&list, "id"), [mine["id"].as_str().unwrap()]);
        }
        // By its id it is nobody's but its tenant's, for every method.
        problem(theirs(Method::GET, &format!("/nodes/{}", mine["id"].as_str().unwrap())).send().await.unwrap(), 404,
            "node_not_found").await;
        for (method, path, body) in [
            (Method::PATCH, format!("/nodes/{their_id}"), json!({ "title": "x" })),
            (Method::DELETE, format!("/nodes/{their_id}"), json!({})),
            (Method::PUT, format!("/nodes/{their_id}/translations/ru"), json!({ "title": "x" })),
            (Method::POST, format!("/nodes/{their_id}/unpublish"), json!({})),
            (Method::POST, format!("/nodes/{their_id}/archive"), json!({ "reason": "x" })),
            (Method::POST, format!("/nodes/{their_id}/undelete"), json!({})),
            (Method::GET, format!("/nodes/{their_id}/history"), json!({})),
        ] {
            let mine = shop.admin(method, &path).header("if-match", "*").json(&body);
            problem(mine.send().await.unwrap(), 404, "node_not_found").await;
        }
    }
}
