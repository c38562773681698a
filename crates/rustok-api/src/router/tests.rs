//! The table of surfaces, and what the toolkit expects of the whole API document.

use super::*;
use serde_json::{Value, json};
use std::collections::BTreeSet;

fn document_json() -> Value {
    serde_json::to_value(document()).unwrap()
}

/// All operations of the document.
fn each_operation(document: &Value) -> impl Iterator<Item = (&str, &str, &Value)> {
    let paths = document["paths"].as_object().unwrap();
    paths.iter().flat_map(|(path, item)| {
        let operations = item.as_object().unwrap();
        operations
            .iter()
            .map(move |(method, operation)| (path.as_str(), method.as_str(), operation))
    })
}

#[test]
fn only_what_is_for_everybody_may_be_kept() {
    let is_public = |path: &str| surfaces().of(&Method::GET, path).is_public();
    for public in [
        "/api/store/v1/nodes",
        "/api/store/v1/nodes/hello",
        "/api/store/v1/products",
        "/api/openapi.json",
        "/api/docs",
        "/api/docs/start.js",
        "/problems/forbidden",
    ] {
        assert!(is_public(public), "{public}");
    }
    for own in [
        "/api/store/v1/orders",
        "/api/store/v1/orders/x",
        "/api/store/v1/nodesx",
        "/api/store/v1",
        "/api/admin/v1/products",
        "/api/platform/v1/tenants",
        "/livez",
        "/",
        "*",
        "//api/store/v1/nodes",
    ] {
        assert!(!is_public(own), "{own}");
    }
}

#[test]
fn files_are_sent_to_one_path_by_one_method() {
    let takes_file = |method: &Method, path: &str| surfaces().of(method, path).takes_file();
    assert!(takes_file(&Method::POST, "/api/admin/v1/imports"));
    assert!(!takes_file(&Method::GET, "/api/admin/v1/imports"));
    assert!(!takes_file(&Method::POST, "/api/admin/v1/imports/x"));
    assert!(!takes_file(&Method::POST, "/api/admin/v1/products"));
}

/// An operation that the table does not cover would have neither the CORS headers nor the problems of its surface.
#[test]
fn every_operation_has_its_surface() {
    let document = document_json();
    let mut operations = 0;
    for (path, method, operation) in each_operation(&document) {
        let method = Method::from_bytes(method.to_uppercase().as_bytes()).unwrap();
        let surface = surfaces().of(&method, path);
        assert_ne!(surface, Surface::Unknown, "{method} {path}");
        assert_eq!(
            surface.has_tenant(),
            !path.contains("/platform/"),
            "{method} {path}"
        );
        let forms = &operation["requestBody"]["content"]["multipart/form-data"];
        assert_eq!(surface.takes_file(), forms.is_object(), "{method} {path}");
        operations += 1;
    }
    assert!(operations > 30);
}

/// The keywords that the comparison with a schema checks (`extract/form/schema.rs` of `rustok-http`), those whose
/// rules the domain checks itself, and annotations without a rule.
const KNOWN: [&str; 20] = [
    "$ref",
    "oneOf",
    "type",
    "enum",
    "format",
    "properties",
    "required",
    "additionalProperties",
    "items",
    "description",
    "example",
    "examples",
    "title",
    "default",
    "readOnly",
    "minimum",
    "maximum",
    "minItems",
    "maxItems",
    "propertyNames",
];

fn keywords(schemas: &Value, schema: &Value, found: &mut BTreeSet<String>, seen: &mut BTreeSet<String>) {
    let Value::Object(members) = schema else { return };
    found.extend(members.keys().cloned());
    if let Some(name) = members.get("$ref").and_then(|r| r.as_str()?.rsplit('/').next())
        && seen.insert(name.to_owned())
    {
        keywords(schemas, &schemas[name], found, seen);
    }
    for property in members
        .get("properties")
        .and_then(Value::as_object)
        .into_iter()
        .flatten()
    {
        keywords(schemas, property.1, found, seen);
    }
    for branch in members
        .get("oneOf")
        .and_then(Value::as_array)
        .into_iter()
        .flatten()
    {
        keywords(schemas, branch, found, seen);
    }
    if let Some(items) = members.get("items") {
        keywords(schemas, items, found, seen);
    }
}

#[test]
fn schemas_of_bodies_have_no_keyword_that_is_passed_over_unseen() {
    let document = document_json();
    let schemas = &document["components"]["schemas"];
    let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
    for (_, _, operation) in each_operation(&document) {
        let contents = operation["requestBody"]["content"].as_object();
        for (_, content) in contents.into_iter().flatten() {
            keywords(schemas, &content["schema"], &mut found, &mut seen);
        }
    }
    assert!(seen.len() > 10, "{seen:?}");
    let unknown: Vec<_> = found
        .iter()
        .filter(|keyword| !KNOWN.contains(&keyword.as_str()))
        .collect();
    assert!(unknown.is_empty(), "{unknown:?}");
}

#[test]
fn parameters_have_no_type_that_is_passed_over_unseen() {
    let document = document_json();
    let mut types = BTreeSet::new();
    for (_, _, operation) in each_operation(&document) {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        for parameter in parameters.filter(|parameter| parameter["in"] == "query") {
            types.insert(parameter["schema"]["type"].to_string());
        }
    }
    let types: Vec<_> = types.iter().map(String::as_str).collect();
    assert_eq!(types, ["\"boolean\"", "\"integer\"", "\"string\""]);
}

fn references(value: &Value, found: &mut BTreeSet<String>) {
    match value {
        Value::Object(members) => {
            for (name, member) in members {
                if let ("$ref", Some(target)) = (name.as_str(), member.as_str()) {
                    found.insert(target.to_owned());
                }
                references(member, found);
            }
        }
        Value::Array(items) => items.iter().for_each(|item| references(item, found)),
        _ => {}
    }
}

#[test]
fn every_reference_of_the_document_leads_somewhere() {
    let document = document_json();
    let mut found = BTreeSet::new();
    references(&document, &mut found);
    assert!(found.contains("#/components/schemas/Violation"));
    for target in found {
        assert!(
            document.pointer(target.trim_start_matches('#')).is_some(),
            "{target}"
        );
    }
}

#[test]
fn every_operation_has_a_name_of_its_own_and_reports_problems() {
    let document = document_json();
    let mut names = BTreeSet::new();
    for (path, method, operation) in each_operation(&document) {
        let name = operation["operationId"]
            .as_str()
            .unwrap_or_else(|| panic!("{method} {path}"));
        assert!(names.insert(name.to_owned()), "{name} stands twice");
        let problems = &operation["responses"]["500"]["content"]["application/problem+json"];
        assert!(problems.is_object(), "{method} {path}");
    }
    assert!(names.len() > 30, "{names:?}");
}

#[test]
fn a_patch_demands_nothing_and_every_member_may_be_null() {
    let document = document_json();
    let schema = |name: &str| document["components"]["schemas"][name].clone();
    let mut patches = 0;
    for (path, item) in document["paths"].as_object().unwrap() {
        let content = &item["patch"]["requestBody"]["content"];
        if content.is_null() {
            continue;
        }
        let name = content["application/merge-patch+json"]["schema"]["$ref"]
            .as_str()
            .unwrap()
            .rsplit('/')
            .next()
            .unwrap();
        let patch = schema(name);
        assert_eq!(
            (&patch["required"], &patch["additionalProperties"]),
            (&Value::Null, &json!(false)),
            "{path}"
        );
        for (member, property) in patch["properties"].as_object().unwrap() {
            let may_be_null = property["type"]
                .as_array()
                .is_some_and(|types| types.contains(&json!("null")))
                || property["oneOf"]
                    .as_array()
                    .is_some_and(|items| items.contains(&json!({ "type": "null" })));
            assert!(may_be_null, "{path}: {member} {property}");
        }
        patches += 1;
    }
    assert_eq!(patches, 5);
    // The schema for creation is unchanged, and an object within a patch is a patch.
    assert_eq!(schema("ProductFields")["properties"]["tags"]["type"], "array");
    let settings = &schema("EditableTenantPatch")["properties"]["settings"]["oneOf"][1]["$ref"];
    assert_eq!(settings, "#/components/schemas/TenantSettingsPatch");
}

#[test]
fn the_document_says_once_where_the_server_is() {
    let document = serde_json::to_string(&document()).unwrap();
    assert_eq!(document.matches(pages::SERVER).count(), 1);
}
