//! Every member that the API document lets a client write of a product or a variant is stored and shown: each is set,
//! changed and taken away, and read back each time. A member that is accepted but not saved, or saved but not shown, fails
//! here; so does a new one until [`two_values`] has values for it.

use super::*;
use rustok_test_support::both_databases;
use serde_json::Map;
use std::collections::BTreeMap;

const PRODUCTS: &str = "/api/admin/v1/products";
const PRODUCT: &str = "/api/admin/v1/products/{id}";
const VARIANT: &str = "/api/admin/v1/variants/{id}";

/// Members by name, with their schemas.
type Members = BTreeMap<String, Value>;

fn document() -> Value {
    serde_json::to_value(rustok_api::router::document()).unwrap()
}

/// The members of a schema, with those of the schemas that it names or is made of.
fn members(document: &Value, schema: &Value) -> Members {
    let named = schema["$ref"].as_str().map(|name| {
        let found = document.pointer(name.trim_start_matches('#'));
        found.unwrap_or_else(|| panic!("{name} is nowhere"))
    });
    let parts = schema["allOf"].as_array().into_iter().flatten().chain(named);
    let mut all: Members = parts.flat_map(|part| members(document, part)).collect();
    let own = schema["properties"].as_object().into_iter().flatten();
    all.extend(own.map(|(name, schema)| (name.clone(), schema.clone())));
    all
}

/// What a client may write by this operation.
fn written(document: &Value, path: &str, method: &str) -> Members {
    let content = &document["paths"][path][method]["requestBody"]["content"];
    let body = content.as_object().unwrap().values().next().unwrap();
    let mut all = members(document, &body["schema"]);
    all.retain(|_, schema| schema["readOnly"] != true);
    assert!(!all.is_empty(), "{method} {path}");
    all
}

/// What a read of this path shows.
fn shown(document: &Value, path: &str) -> Members {
    let answer = &document["paths"][path]["get"]["responses"]["200"]["content"]["application/json"];
    let all = members(document, &answer["schema"]);
    assert!(!all.is_empty(), "{path}");
    all
}

/// The members of the variants in a product.
fn of_variants(document: &Value, product: &Members) -> Members {
    let mut all = members(document, &product["variants"]["items"]);
    all.retain(|_, schema| schema["readOnly"] != true);
    all
}

fn may_be_null(schema: &Value) -> bool {
    let mut kinds = schema["type"].as_array().into_iter().flatten();
    let mut alternatives = schema["oneOf"].as_array().into_iter().flatten();
    kinds.any(|kind| kind == "null") || alternatives.any(|one| one["type"] == "null")
}

/// Members of a variant that are no values: its id is made by the server, and `deleted` is a thing to do.
const NO_VALUES: [&str; 2] = ["id", "deleted"];

/// Two values for each member, as an answer shows them.
fn two_values(of: &str, member: &str) -> Option<[Value; 2]> {
    let money = |amount: &str| json!({ "amount": amount, "currency": "USD" });
    let image = |name: &str| json!([{ "url": format!("https://x.example/{name}.jpg"), "alt": name }]);
    Some(match (of, member) {
        ("product", "title") => [json!("Tea"), json!("Coffee")],
        ("product", "handle") => [json!("a-tea"), json!("a-coffee")],
        ("product", "status") => [json!("active"), json!("archived")],
        ("product", "description_html") => [json!("<p>a</p>"), json!("<p>b</p>")],
        ("product", "vendor") => [json!("Leaf"), json!("Bean")],
        ("product", "type") => [json!("Drink"), json!("Powder")],
        ("product", "tags") => [json!(["a"]), json!(["b", "c"])],
        ("product", "options") => [json!([{ "name": "Size" }]), json!([{ "name": "Colour" }])],
        ("product", "images") => [image("one"), image("two")],
        ("variant", "sku") => [json!("T-1"), json!("T-2")],
        ("variant", "options") => [json!(["S"]), json!(["Green"])],
        ("variant", "price") => [money("5.00"), money("6.00")],
        ("variant", "compare_at_price") => [money("7.00"), money("8.00")],
        ("variant", "barcode") => [json!("4006381333931"), json!("5901234123457")],
        ("variant", "weight_grams") => [json!(100), json!(250)],
        ("variant", "hs_code") => [json!("090210"), json!("0901210000")],
        // An edit leaves it as it is: it has an endpoint of its own.
        ("variant", "available") => [json!(7), json!(7)],
        ("variant", "allow_backorder") => [json!(true), json!(false)],
        _ => return None,
    })
}

/// An object with the first or the second value of each member, but for those that the test sets itself.
fn filled(of: &str, members: &Members, which: usize, except: &[&str]) -> Map<String, Value> {
    let wanted = members.keys().filter(|name| !except.contains(&name.as_str()));
    let value = |name: &String| {
        let values =
            two_values(of, name).unwrap_or_else(|| panic!("{of} {name}: has no values in this file"));
        (name.clone(), values[which].clone())
    };
    wanted.map(value).collect()
}

/// Fails unless `shown` has what was sent; it may have more.
fn assert_shown(shown: &Value, sent: &Value, at: &str) {
    match (shown, sent) {
        (Value::Object(shown), Value::Object(sent)) => {
            for (name, sent) in sent {
                let shown = shown
                    .get(name)
                    .unwrap_or_else(|| panic!("{at}/{name} is not shown"));
                assert_shown(shown, sent, &format!("{at}/{name}"));
            }
        }
        (Value::Array(shown), Value::Array(sent)) => {
            assert_eq!(shown.len(), sent.len(), "{at}");
            for (place, (shown, sent)) in shown.iter().zip(sent).enumerate() {
                assert_shown(shown, sent, &format!("{at}/{place}"));
            }
        }
        _ => assert_eq!(shown, sent, "{at}: shown, and as it was sent"),
    }
}

async fn read(shop: &Shop, path: &str) -> Value {
    ok(get(shop, path).await, StatusCode::OK).await
}

/// Patches, and fails unless the answer and what is read afterwards have it.
async fn assert_patched(shop: &Shop, path: &str, body: &Value) -> Value {
    assert_shown(
        &patched(shop, path, body).await,
        body,
        &format!("the answer of PATCH {path}"),
    );
    let read = read(shop, path).await;
    assert_shown(&read, body, path);
    read
}

/// Null for each member that may be written and is shown as null when there is none.
fn nothing(written: &Members, shown: &Members) -> Value {
    let absent = written.keys().filter(|name| may_be_null(&shown[*name]));
    absent
        .map(|name| (name.clone(), Value::Null))
        .collect::<Map<_, _>>()
        .into()
}

fn names(members: &Members) -> Vec<&str> {
    members.keys().map(String::as_str).collect()
}

/// Those of the first that the second lacks.
fn without<'a>(all: &'a Members, less: &Members) -> Vec<&'a str> {
    let mut left = names(all);
    left.retain(|name| !less.contains_key(*name));
    left
}

both_databases! {
    async fn each_member_that_is_written_is_stored_and_shown(db) {
        let shop = Shop::open(db.url()).await;
        let document = document();
        let of_product = written(&document, PRODUCTS, "post");
        let of_variant = of_variants(&document, &of_product);
        let product_with = |which: usize, id: Option<&Value>| {
            let mut variant = filled("variant", &of_variant, which, &NO_VALUES);
            variant.extend(id.map(|id| ("id".to_owned(), id.clone())));
            let mut product = filled("product", &of_product, which, &["variants"]);
            product.insert("variants".to_owned(), json!([variant]));
            Value::Object(product)
        };

        let first = product_with(0, None);
        let made = create(&shop, &first).await;
        assert_shown(&made, &first, "the answer of POST /products");
        let product = path("products", &made);
        assert_shown(&read(&shop, &product).await, &first, &product);
        let second = product_with(1, Some(&made["variants"][0]["id"]));
        let changed = assert_patched(&shop, &product, &second).await;

        // A variant by itself, which its product shows too.
        let editable = written(&document, VARIANT, "patch");
        let variant = path("variants", &made["variants"][0]);
        assert_shown(&read(&shop, &variant).await, &second["variants"][0], &variant);
        let back = Value::Object(filled("variant", &editable, 0, &[]));
        assert_patched(&shop, &variant, &back).await;
        let shown_now = read(&shop, &product).await;
        assert_shown(&shown_now["variants"][0], &back, "in the product");
        // What a patch does not name stays.
        let renamed = assert_patched(&shop, &product, &json!({ "title": "Cocoa" })).await;
        assert_eq!(renamed["variants"], shown_now["variants"]);
        assert_eq!(renamed["images"], changed["images"]);

        // And taken away.
        let none = nothing(&editable, &shown(&document, VARIANT));
        assert_patched(&shop, &variant, &none).await;
        assert_shown(&read(&shop, &product).await["variants"][0], &none, "in the product");
        let none = nothing(&of_product, &shown(&document, PRODUCT));
        assert_eq!(none, json!({ "type": null, "vendor": null }));
        assert_patched(&shop, &product, &none).await;
    }
}

/// What is shown but cannot be written is made by the server, and the forms of a variant differ where they are meant to.
#[test]
fn what_is_shown_can_be_written() {
    let document = document();
    let (creation, edit) = (
        written(&document, PRODUCTS, "post"),
        written(&document, PRODUCT, "patch"),
    );
    assert_eq!(names(&creation), names(&edit));
    let made_by_server = ["created_at", "deleted_at", "id", "updated_at", "version"];
    assert_eq!(without(&shown(&document, PRODUCT), &creation), made_by_server);

    let in_products = of_variants(&document, &creation);
    let by_itself = shown(&document, VARIANT);
    assert_eq!(
        without(&by_itself, &in_products),
        ["prices", "product_id", "title", "version"]
    );
    assert_eq!(without(&in_products, &by_itself), ["deleted"]);
    let shown_in_products = members(&document, &shown(&document, PRODUCT)["variants"]["items"]);
    assert_eq!(
        without(&by_itself, &shown_in_products),
        ["prices", "product_id", "version"]
    );
    let editable = written(&document, VARIANT, "patch");
    assert_eq!(
        without(&in_products, &editable),
        ["available", "deleted", "id", "options"]
    );
    assert_eq!(without(&editable, &in_products), [""; 0]);
}
