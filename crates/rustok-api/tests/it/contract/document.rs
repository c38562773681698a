//! The OpenAPI document: checked in, and true of every operation that it has.

use super::*;
use rustok_test_app::{Operator, tenant, token};
use rustok_test_support::both_databases;
use std::collections::BTreeSet;
use std::path::Path;

fn document() -> Value {
    serde_json::to_value(rustok_api::router::document()).unwrap()
}

#[test]
fn the_checked_in_document_is_the_present_one() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../docs/openapi.json");
    let text = serde_json::to_string_pretty(&rustok_api::router::document()).unwrap() + "\n";
    let checked_in = std::fs::read_to_string(path).unwrap();
    let line = checked_in
        .lines()
        .zip(text.lines())
        .position(|(old, new)| old != new);
    assert!(
        checked_in == text,
        "docs/openapi.json differs from line {line:?} on. Look at the difference, then keep it: \
         cargo run --quiet -- openapi > docs/openapi.json"
    );
}

/// One operation of the document.
pub(super) struct Operation {
    pub(super) method: Method,
    pub(super) path: String,
    pub(super) id: String,
    document: Value,
}

pub(super) fn operations() -> Vec<Operation> {
    let document = document();
    let mut all = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            all.push(Operation {
                method: method.to_ascii_uppercase().parse().unwrap(),
                path: path.clone(),
                id: operation["operationId"].as_str().unwrap().to_owned(),
                document: operation.clone(),
            });
        }
    }
    all
}

impl Operation {
    pub(super) fn parameters(&self, place: &str) -> Vec<&str> {
        let all = self.document["parameters"].as_array().into_iter().flatten();
        all.filter(|parameter| parameter["in"] == place)
            .map(|parameter| parameter["name"].as_str().unwrap())
            .collect()
    }

    pub(super) fn takes(&self, header: &str) -> bool {
        self.parameters("header").contains(&header)
    }

    fn wants_token(&self) -> bool {
        self.document["security"].is_array()
    }

    pub(super) fn takes_body(&self) -> bool {
        self.document["requestBody"].is_object()
    }

    fn takes_file(&self) -> bool {
        self.document["requestBody"]["content"]["multipart/form-data"].is_object()
    }

    pub(super) fn is_platform(&self) -> bool {
        self.path.starts_with("/api/platform/")
    }

    /// Its path with `name` for each parameter.
    pub(super) fn path_of(&self, name: &str) -> String {
        let part = |part: &str| match part {
            "{locale}" => "en".to_owned(),
            "{host}" => SPARE_HOST.to_owned(),
            part if part.starts_with('{') => name.to_owned(),
            part => part.to_owned(),
        };
        self.path.split('/').map(part).collect::<Vec<_>>().join("/")
    }

    /// Fails when the answer is not in the document: its status, its media type, its problem, its headers.
    async fn check(&self, response: Response) -> u16 {
        let status = response.status().as_u16();
        let documented = &self.document["responses"][status.to_string()];
        let media = header(&response, "content-type").to_owned();
        let headers: Vec<String> = response
            .headers()
            .keys()
            .map(|name| name.as_str().to_owned())
            .collect();
        let text = response.text().await.unwrap();
        assert!(
            documented.is_object(),
            "{}: {status} is not documented: {text}",
            self.id
        );
        for name in [
            "etag",
            "location",
            "retry-after",
            "www-authenticate",
            "idempotent-replayed",
        ] {
            let reported = documented["headers"]
                .as_object()
                .into_iter()
                .flatten()
                .any(|(known, _)| known.to_ascii_lowercase() == name);
            assert!(
                reported || !headers.iter().any(|header| header == name),
                "{}: {status} has {name}",
                self.id
            );
        }
        if text.is_empty() {
            assert!(
                documented["content"].is_null(),
                "{}: {status} has no body",
                self.id
            );
            return status;
        }
        let content = &documented["content"][&media];
        assert!(content.is_object(), "{}: {status} as {media}", self.id);
        if media == "application/problem+json" {
            let body: Value = serde_json::from_str(&text).unwrap();
            let code = body["code"].as_str().unwrap();
            assert!(
                content["examples"][code].is_object(),
                "{}: {status} {code} is not documented",
                self.id
            );
        }
        status
    }
}

/// A host of the tenant that is there to be changed.
const SPARE_HOST: &str = "spare.example";

/// What a shop has, for requests that find something.
struct Things {
    admin: String,
    viewer: String,
    platform: String,
    product: String,
    variant: String,
    node: String,
    order: String,
    tenant: String,
    member: String,
    invitation: String,
}

impl Things {
    async fn make(shop: &Shop) -> Self {
        let tea = product(shop, json!([{ "available": 3 }])).await.remove(0);
        let variant = ok(shop.admin(Method::GET, &format!("/variants/{}", id(&tea))), 200).await;
        let order = ok(place(shop, &order_of(&tea, 1)), 201).await;
        let node = node(shop).await;
        let platform = platform_token(shop).await;
        // Another one, so that this shop is not suspended by a request that finds it.
        tenant(&shop.server, "spare", "admin").await;
        shop.server.add_host("spare", SPARE_HOST).await;
        let tenants = shop
            .client
            .get(format!("{}/api/platform/v1/tenants", shop.server.url()));
        let tenants = ok(tenants.bearer_auth(&platform), 200).await;
        shop.server.open_session("shop1", "editor").await;
        let members = ok(shop.admin(Method::GET, "/members"), 200).await;
        let invite = json!({ "email": "joe@example.com", "role": "viewer" });
        let invitation = ok(shop.admin(Method::POST, "/invitations").json(&invite), 200).await;
        Self {
            admin: shop.token.clone(),
            viewer: token(&shop.server, "shop1", "viewer").await,
            platform,
            product: variant["product_id"].as_str().unwrap().to_owned(),
            variant: id(&tea).to_owned(),
            node: id(&node).to_owned(),
            order: id(&order).to_owned(),
            tenant: id(&tenants["items"][1]).to_owned(),
            member: id(&members["items"][0]).to_owned(),
            invitation: id(&invitation).to_owned(),
        }
    }

    /// The id that the operation's path is about.
    fn id(&self, operation: &Operation) -> &str {
        match operation.path.split('/').nth(4) {
            Some("products") => &self.product,
            Some("variants") => &self.variant,
            Some("orders") => &self.order,
            Some("tenants") => &self.tenant,
            Some("members") => &self.member,
            Some("invitations") => &self.invitation,
            _ => &self.node,
        }
    }
}

/// Requests that an operation must refuse or answer as the document says, each for another reason.
fn provocations(shop: &Shop, operation: &Operation, things: &Things) -> Vec<RequestBuilder> {
    const JSON: (&str, &str) = ("content-type", "application/json");
    let token = if operation.is_platform() {
        &things.platform
    } else {
        &things.admin
    };
    let bare = |path: &str| shop.request(operation.method.clone(), path);
    let real = operation.path_of(things.id(operation));
    let ask = || bare(&real).bearer_auth(token);
    let mut all = vec![
        // First, as long as there is something to delete.
        ask()
            .header(JSON.0, JSON.1)
            .header("if-match", "\"999.0\"")
            .body(body(operation)),
        bare(&real),
        bare(&real).bearer_auth("nonsense"),
        bare(&operation.path_of("018f3b1c-0000-7000-8000-000000000001"))
            .bearer_auth(token)
            .header("if-match", "*"),
        bare(&operation.path_of("x"))
            .bearer_auth(token)
            .header("if-match", "*"),
        ask().query(&[("nope", "1")]).header("if-match", "*"),
        ask().query(&[("limit", "0"), ("after", "x")]),
        shop.request_to("nobody", operation.method.clone(), &real)
            .bearer_auth(token),
        shop.request_to("a_b", operation.method.clone(), &real)
            .bearer_auth(token),
    ];
    if operation.method == Method::GET {
        all.push(ask());
        all.push(ask().header("if-none-match", "*"));
        return all;
    }
    let viewer = bare(&real).bearer_auth(&things.viewer).header(JSON.0, JSON.1);
    all.push(viewer.header("if-match", "*").body(body(operation)));
    if operation.takes_file() {
        let part = |(name, value): &(&str, &str)| {
            format!("--x\r\nContent-Disposition: form-data; name={name}\r\n\r\n{value}\r\n")
        };
        let file = ("file", "Handle");
        let forms: [&[_]; 4] = [
            &[],
            &[("nope", "1")],
            &[("source", "none"), file],
            &[("source", "shopify"), file],
        ];
        for parts in forms {
            let form: String = parts.iter().map(part).collect();
            let media = "multipart/form-data; boundary=x";
            all.push(ask().header("content-type", media).body(form + "--x--\r\n"));
        }
        all.push(
            ask()
                .header("content-type", "multipart/form-data; boundary=x")
                .body("--y"),
        );
    }
    // Nothing here is a body that an operation would take, but for those that take none.
    for body in ["{", "[]", "{\"nope\":1}", "{\"a\":\"\\u0000\"}"] {
        all.push(ask().header(JSON.0, JSON.1).header("if-match", "*").body(body));
    }
    all.push(
        ask()
            .header(JSON.0, JSON.1)
            .header("if-match", "*")
            .body("[".repeat(99)),
    );
    all.push(
        ask()
            .header("content-type", "text/plain")
            .header("if-match", "*")
            .body("x"),
    );
    all.push(
        ask()
            .header(JSON.0, JSON.1)
            .header("idempotency-key", "")
            .header("if-match", "*")
            .body("{}"),
    );
    all.push(ask().header(JSON.0, JSON.1).body(body(operation)));
    all.push(
        ask()
            .header(JSON.0, JSON.1)
            .header("if-match", "*")
            .body(body(operation)),
    );
    all
}

/// Operations on what is made and ended, and has no version.
const NEVER_CHANGED: [&str; 3] = ["end_session", "revoke_invitation", "revoke_token"];

/// Operations on a thing that has no version: the last change stays.
const WITHOUT_VERSION: [&str; 7] = [
    "change_author",
    "change_term",
    "delete_author",
    "delete_term",
    "merge_author",
    "merge_term",
    "rotate_token",
];

/// Operations on the only thing of its kind, which no parameter names.
const OF_THE_ONLY_ONE: [&str; 1] = ["update_shop"];

/// A body that the operation takes.
fn body(operation: &Operation) -> String {
    let body = match operation.id.as_str() {
        "pay_order" => json!({ "payment_id": "p", "method": "card" }),
        "ship_order" => json!({ "tracking": "t", "carrier": "c" }),
        "cancel_order" | "archive_node" => json!({ "reason": "r" }),
        "set_stock" => json!({ "quantity": 1 }),
        "adjust_stock" => json!({ "delta": 1, "reason": "found one" }),
        "put_node_translation" => json!({ "title": "t" }),
        "update_variant" => json!({ "barcode": "1" }),
        "update_node" | "update_product" => json!({ "title": "Other" }),
        "update_tenant" | "update_shop" => json!({ "name": "Other" }),
        "add_tenant_host" => json!({ "host": "one-more.example" }),
        "move_tenant_host" => json!({ "to": "018f3b1c-0000-7000-8000-000000000001" }),
        "create_tenant" => json!({ "slug": "another", "name": "Another" }),
        "create_product" => json!({ "title": "More tea" }),
        "create_invitation" => json!({ "email": "a@b.c", "role": "viewer" }),
        "rotate_token" => json!({ "overlap_seconds": 60 }),
        "create_token" => json!({ "name": "A program", "role": "viewer" }),
        "set_member_role" => json!({ "role": "viewer" }),
        "change_password" => json!({ "current_password": "x", "new_password": "another password" }),
        "create_author" | "change_author" => json!({ "login": "another-author" }),
        "create_term" => json!({ "taxonomy": "tag", "name": "Another" }),
        "change_term" => json!({ "name": "Another", "slug": "another" }),
        "merge_author" | "merge_term" => json!({ "into": "018f3b1c-0000-7000-8000-000000000001" }),
        "create_node" => json!({ "kind": "post", "title": "More" }),
        "place_order" => {
            json!({ "email": "a@b.c", "currency": "USD", "lines": [{ "sku": "none", "quantity": 1 }] })
        }
        _ => json!({}),
    };
    body.to_string()
}

both_databases! {
    async fn every_operation_answers_what_the_document_says(db) {
        let shop = Shop::open(db.url()).await;
        let things = Things::make(&shop).await;
        // Deletions late, so that the others find something; only what is deleted can come back.
        let mut operations: Vec<_> = operations().into_iter().collect();
        let is_whole = |operation: &Operation| operation.id == "delete_node";
        operations.sort_by_key(|operation| {
            (operation.id == "undelete_product", operation.method == Method::DELETE, is_whole(operation))
        });
        for operation in operations {
            let mut seen = BTreeSet::new();
            for request in provocations(&shop, &operation, &things) {
                seen.insert(operation.check(send(request).await).await);
            }
            let mut expected = BTreeSet::new();
            let mut when = |is_so: bool, statuses: &[u16]| if is_so { expected.extend(statuses) };
            let is_write = operation.method != Method::GET;
            when(!operation.is_platform() || is_write || !operation.parameters("query").is_empty(), &[400]);
            when(operation.wants_token(), &[401]);
            when(operation.wants_token() && !operation.is_platform() && operation.method != Method::GET, &[403]);
            when(!operation.parameters("path").is_empty() || !operation.is_platform(), &[404]);
            when(operation.method != Method::GET, &[415, 422]);
            when(operation.takes("If-Match"), &[412]);
            when(operation.method == Method::PATCH, &[428]);
            assert!(seen.is_superset(&expected), "{}: {seen:?}, not {expected:?}", operation.id);
            assert!(seen.iter().all(|status| *status < 500), "{}: {seen:?}", operation.id);
        }
    }
}

#[test]
fn every_operation_documents_what_its_sort_can_answer() {
    for operation in operations() {
        let documented: BTreeSet<u16> = operation.document["responses"]
            .as_object()
            .unwrap()
            .keys()
            .map(|status| status.parse().unwrap())
            .collect();
        let mut expected = BTreeSet::from([400, 429, 500, 503, 504]);
        let mut when = |is_so: bool, statuses: &[u16]| {
            if is_so {
                expected.extend(statuses)
            }
        };
        let is_write = operation.method != Method::GET;
        when(operation.wants_token(), &[401, 403]);
        when(!operation.is_platform(), &[403, 404]);
        when(!operation.parameters("path").is_empty(), &[404]);
        when(!operation.parameters("query").is_empty(), &[422]);
        when(is_write, &[413, 415, 422]);
        when(
            operation.method == Method::POST && !operation.is_platform() && !operation.takes_file(),
            &[409],
        );
        when(operation.takes("If-Match"), &[409, 412]);
        when(operation.method == Method::PATCH, &[428]);
        assert!(
            documented.is_superset(&expected),
            "{}: {documented:?}, not {expected:?}",
            operation.id
        );
        let names_one = !operation.parameters("path").is_empty() || OF_THE_ONLY_ONE.contains(&&*operation.id);
        assert_eq!(
            operation.takes("If-Match"),
            is_write
                && names_one
                && !NEVER_CHANGED.contains(&&*operation.id)
                && !WITHOUT_VERSION.contains(&&*operation.id),
            "{}",
            operation.id
        );
        for (status, answer) in operation.document["responses"].as_object().unwrap() {
            let examples = &answer["content"]["application/problem+json"]["examples"];
            let is_problem = status.as_str() >= "400";
            assert_eq!(
                examples.as_object().is_some_and(|examples| !examples.is_empty()),
                is_problem,
                "{} {status}",
                operation.id
            );
        }
    }
}

#[test]
fn a_body_that_may_be_empty_may_be_missing() {
    let document = document();
    let needs_nothing = |schema: &str| {
        let schema = &document["components"]["schemas"][schema];
        schema["required"].as_array().is_none_or(Vec::is_empty)
    };
    let mut optional = Vec::new();
    for operation in operations() {
        let body = &operation.document["requestBody"];
        let schema = &body["content"]["application/json"]["schema"];
        let name = [schema, &schema["oneOf"][0]]
            .into_iter()
            .find_map(|schema| schema["$ref"].as_str());
        let Some(name) = name.and_then(|name| name.rsplit('/').next()) else {
            continue;
        };
        let is_required = body["required"] == true;
        assert_eq!(!is_required, needs_nothing(name), "{}", operation.id);
        if !is_required {
            optional.push(operation.id);
        }
    }
    assert!(optional.contains(&"deliver_order".to_owned()), "{optional:?}");
}

#[test]
fn what_a_route_names_as_its_problem_is_one() {
    // A code that is none would be left out silently.
    let api = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let (mut folders, mut named) = (vec![api], 0);
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let source = std::fs::read_to_string(&path).unwrap();
            for list in source.split("\"x-problems\" = json!([").skip(1) {
                for code in list
                    .split(']')
                    .next()
                    .unwrap()
                    .split(',')
                    .map(|code| code.trim().trim_matches('"'))
                {
                    assert!(
                        rustok_http::problem::types::find(code).is_some(),
                        "{}: {code}",
                        path.display()
                    );
                    named += 1;
                }
            }
        }
    }
    assert!(named > 40);
}
