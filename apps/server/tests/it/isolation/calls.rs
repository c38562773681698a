//! How each operation is called so that it works: the one place to extend for a new operation.
//!
//! A value `{thing.member}` stands for a member of a thing of the tenant that is called: its own, a neighbour's or one
//! that does not exist. [`world::World::thing`](super::world::World::thing) makes the things.

use serde_json::{Value, json};
use std::collections::BTreeSet;

/// A request, with places for the things that it names.
#[derive(Debug, Clone, Default)]
pub(crate) struct Call {
    pub(crate) path: Vec<(&'static str, &'static str)>,
    pub(crate) headers: Vec<(&'static str, &'static str)>,
    pub(crate) body: Option<Value>,
}

impl Call {
    fn plain() -> Self {
        Self::default()
    }

    fn of(thing: &'static str) -> Self {
        Self::plain().at("id", thing)
    }

    fn at(mut self, name: &'static str, value: &'static str) -> Self {
        self.path.push((name, value));
        self
    }

    fn header(mut self, name: &'static str, value: &'static str) -> Self {
        self.headers.push((name, value));
        self
    }

    /// Whatever version is there.
    fn any_version(self) -> Self {
        self.header("if-match", "*")
    }

    fn body(mut self, body: Value) -> Self {
        self.body = Some(body);
        self
    }

    /// The places of things, without those of words that are new each time.
    pub(crate) fn places(&self) -> BTreeSet<String> {
        let mut found = BTreeSet::new();
        let fixed = self.path.iter().chain(&self.headers).map(|(_, value)| *value);
        found.extend(fixed.filter_map(place).map(str::to_owned));
        if let Some(body) = &self.body {
            collect(body, &mut found);
        }
        found.retain(|place| !place.starts_with("fresh."));
        found
    }
}

/// `thing.member` of `{thing.member}`.
pub(crate) fn place(value: &str) -> Option<&str> {
    value.strip_prefix('{')?.strip_suffix('}')
}

fn collect(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::String(text) => found.extend(place(text).map(str::to_owned)),
        Value::Array(items) => items.iter().for_each(|item| collect(item, found)),
        Value::Object(members) => members.values().for_each(|member| collect(member, found)),
        _ => {}
    }
}

/// The call of an operation; `None` for one that nobody has written yet.
pub(crate) fn call(operation: &str) -> Option<Call> {
    store(operation)
        .or_else(|| content(operation))
        .or_else(|| filing(operation))
        .or_else(|| shop(operation))
        .or_else(|| imports(operation))
        .or_else(|| people(operation))
        .or_else(|| platform(operation))
}

fn store(operation: &str) -> Option<Call> {
    Some(match operation {
        "list_published_nodes" | "list_store_products" => Call::plain(),
        "read_published_node" => Call::plain().at("slug", "{published.slug}"),
        "read_store_product" => Call::plain().at("handle", "{product.handle}"),
        "read_own_order" => Call::of("{pending.id}").header("x-order-secret", "{pending.secret}"),
        "place_order" => Call::plain().body(json!({
            "email": "buyer@example.com",
            "currency": "USD",
            "lines": [
                { "variant_id": "{product.variant}", "quantity": 1 },
                { "sku": "{product.sku}", "quantity": 1 },
            ],
            "expected_total": { "amount": "{fresh.total}", "currency": "USD" },
        })),
        _ => return None,
    })
}

fn content(operation: &str) -> Option<Call> {
    let text = json!({
        "title": "A title",
        "slug": "{fresh.word}",
        "excerpt": "An excerpt",
        "body": "<p>A body</p>",
        "format": "html",
    });
    let filed = json!({
        "terms": [
            { "taxonomy": "category", "slug": "{published.category}" },
            { "taxonomy": "tag", "slug": "{published.tag}" },
            { "taxonomy": "category", "slug": "{fresh.word}", "name": "Below", "parent": "{published.category}" },
        ],
        "author": { "login": "{published.author}" },
    });
    Some(match operation {
        "list_nodes" => Call::plain(),
        "read_node" | "read_node_history" => Call::of("{published.id}"),
        "create_node" => Call::plain().body(joined([
            &json!({ "kind": "post", "locale": "en" }),
            &text,
            &filed,
        ])),
        "update_node" => Call::of("{draft.id}").any_version().body(joined([&text, &filed])),
        "delete_node" => Call::of("{draft.id}").any_version(),
        "undelete_node" => Call::of("{deleted.id}"),
        "put_node_translation" => Call::of("{draft.id}").at("locale", "ru").any_version().body(text),
        "delete_node_translation" => Call::of("{translated.id}").at("locale", "ru").any_version(),
        "publish_node" => Call::of("{draft.id}").body(json!({ "published_at": "2026-01-02T03:04:05Z" })),
        "unpublish_node" => Call::of("{published.id}"),
        "archive_node" => Call::of("{published.id}").body(json!({ "reason": "outdated" })),
        "restore_node" => Call::of("{archived.id}"),
        _ => return None,
    })
}

fn filing(operation: &str) -> Option<Call> {
    Some(match operation {
        "list_terms" | "list_authors" => Call::plain(),
        "read_term" | "delete_term" => Call::of("{term.id}"),
        "create_term" => Call::plain().body(json!({ "taxonomy": "category", "name": "{fresh.word}" })),
        "change_term" => {
            Call::of("{term.id}").body(json!({ "name": "{fresh.word}", "slug": "{fresh.word}" }))
        }
        "merge_term" => Call::of("{term.id}").body(json!({ "into": "{other_term.id}" })),
        "read_author" | "delete_author" => Call::of("{author.id}"),
        "create_author" => Call::plain().body(json!({ "login": "{fresh.word}", "name": "An author" })),
        "change_author" => {
            Call::of("{author.id}").body(json!({ "login": "{fresh.word}", "name": "An author" }))
        }
        "merge_author" => Call::of("{author.id}").body(json!({ "into": "{other_author.id}" })),
        _ => return None,
    })
}

fn shop(operation: &str) -> Option<Call> {
    let price = json!({ "amount": "19.99", "currency": "USD" });
    let before = json!({ "amount": "25.00", "currency": "USD" });
    let mut variant = json!({ "sku": "{fresh.word}", "price": price, "compare_at_price": before });
    let changed_variant = variant.clone();
    variant["options"] = json!(["S"]);
    let product = json!({
        "title": "A product",
        "handle": "{fresh.word}",
        "options": [{ "name": "Size" }],
        "images": [{ "url": "https://example.com/a.jpg" }],
        "variants": [variant],
    });
    let mut patch = product.clone();
    patch["images"][0]["id"] = json!("{product.image}");
    patch["variants"][0]["id"] = json!("{product.variant}");
    Some(match operation {
        "list_products" | "list_orders" | "read_home" | "list_low_stock" | "list_customers"
        | "search_orders" => Call::plain(),
        "read_customer" => Call::of("{customer.id}"),
        "list_stock_movements" => Call::of("{product.variant}"),

        "read_product" => Call::of("{product.id}"),
        "create_product" => Call::plain().body(product),
        "update_product" => Call::of("{product.id}").any_version().body(patch),
        "delete_product" => Call::of("{product.id}"),
        "undelete_product" => Call::of("{deleted_product.id}"),
        "read_variant" => Call::of("{product.variant}"),
        "update_variant" => Call::of("{product.variant}").any_version().body(changed_variant),
        "set_stock" => Call::of("{product.variant}").body(json!({ "quantity": 100 })),
        "adjust_stock" => Call::of("{product.variant}").body(json!({ "delta": 1, "reason": "found one" })),
        "read_order" | "read_order_history" => Call::of("{pending.id}"),
        "confirm_order" => Call::of("{pending.id}"),
        "pay_order" => {
            Call::of("{confirmed.id}").body(json!({ "payment_id": "{confirmed.id}", "method": "card" }))
        }
        "ship_order" => Call::of("{paid.id}").body(json!({ "tracking": "T1", "carrier": "FedEx" })),
        "deliver_order" => Call::of("{shipped.id}").body(json!({ "signature": "Jane Roe" })),
        "cancel_order" => Call::of("{pending.id}").body(json!({ "reason": "changed my mind" })),
        _ => return None,
    })
}

fn imports(operation: &str) -> Option<Call> {
    let file = "Handle,Title,Variant Price\nmug,Mug,5.50\n";
    Some(match operation {
        "list_imports" => Call::plain(),
        "read_import" => Call::of("{import.id}"),
        "create_import" => {
            Call::plain().body(json!({ "source": "shopify", "dry_run": "true", "file": file }))
        }
        _ => return None,
    })
}

fn people(operation: &str) -> Option<Call> {
    let in_session = |call: Call| {
        call.header("cookie", "{session.cookie}")
            .header("sec-fetch-site", "same-origin")
    };
    let password = "correct horse";
    Some(match operation {
        "sign_in" => Call::plain().body(json!({ "email": "{member.email}", "password": password })),
        "exchange_sign_in_link" => Call::plain().body(json!({ "link": "{link.secret}" })),
        "accept_invitation" => Call::plain()
            .body(json!({ "invitation": "{invitation.secret}", "name": "Joe", "password": password })),
        "read_session" | "list_sessions" | "sign_out" | "end_all_sessions" => in_session(Call::plain()),
        "end_session" => in_session(Call::of("{session.id}")),
        "change_password" => in_session(Call::plain())
            .body(json!({ "current_password": password, "new_password": "another password" })),
        "list_members" | "list_invitations" | "list_tokens" | "read_shop" => Call::plain(),
        "update_shop" => Call::plain()
            .any_version()
            .body(json!({ "name": "{fresh.word}", "settings": { "default_currency": "USD" } })),
        "create_token" => Call::plain().body(json!({ "name": "A program", "role": "viewer" })),
        "revoke_token" => Call::of("{token.id}"),
        "rotate_token" => Call::of("{token.id}").body(json!({ "overlap_seconds": 60 })),
        "set_member_role" => Call::of("{member.id}").body(json!({ "role": "viewer" })),
        "remove_member" => Call::of("{member.id}"),
        "create_invitation" => Call::plain().body(json!({ "email": "{fresh.email}", "role": "viewer" })),
        "revoke_invitation" => Call::of("{invitation.id}"),
        _ => return None,
    })
}

fn platform(operation: &str) -> Option<Call> {
    Some(match operation {
        "list_tenants" => Call::plain(),
        "create_tenant" => {
            let settings = json!({ "default_currency": "USD" });
            let new = json!({ "slug": "{fresh.word}", "name": "New", "hosts": ["{fresh.host}"], "settings": settings });
            Call::plain().body(new)
        }
        "read_tenant" | "suspend_tenant" | "resume_tenant" => Call::of("{tenant.id}"),
        "update_tenant" => Call::of("{tenant.id}")
            .any_version()
            .body(json!({ "name": "Renamed", "settings": { "default_currency": "USD" } })),
        "add_tenant_host" => Call::of("{tenant.id}").body(json!({ "host": "{fresh.host}" })),
        "remove_tenant_host" => Call::of("{tenant.id}").at("host", "{tenant.host}"),
        "move_tenant_host" => Call::of("{tenant.id}")
            .at("host", "{tenant.host}")
            .body(json!({ "to": "{other_tenant.id}" })),
        _ => return None,
    })
}

/// One object with the members of all.
fn joined<const N: usize>(objects: [&Value; N]) -> Value {
    let members = objects
        .iter()
        .flat_map(|object| object.as_object().unwrap().clone());
    Value::Object(members.collect())
}
