//! The OpenAPI document, generated from the routes and completed here.
//!
//! A route declares its own problems in `x-problems`. What follows from the features of an operation (it takes a
//! token, a body, `If-Match`, ...) is added here by rule, with its headers. The document is also checked in as
//! `docs/openapi.json`; the test that compares the two says how to update it.

mod operation;
mod patch;

use crate::problem::types;
use crate::problem::{Problem, Violation};
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{Components, InfoBuilder, LicenseBuilder, OpenApi, RefOr, ServerBuilder};
use utoipa::{PartialSchema, ToSchema};

/// Completes the document generated from the routes.
#[must_use]
pub fn complete(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("RusToK")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Shops and sites of many tenants. The host of a request says which tenant it is for. Every failure is an \
             RFC 9457 problem; `/problems` lists their types. Every POST inside a tenant but an import takes an `Idempotency-Key`; \
             updates want `If-Match`. Every GET is a HEAD too.",
        ))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()))
        .build();
    document.servers = Some(vec![ServerBuilder::new().url("/").build()]);
    let components = document.components.get_or_insert_default();
    for (path, item) in &mut document.paths.paths {
        for (method, operation) in operations(item) {
            operation::complete(path, method, operation);
            patch::complete(operation, components);
        }
    }
    add_components(components);
    document
}

/// The operations of one path item, with their methods.
pub(crate) fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
    let PathItem {
        get,
        put,
        post,
        delete,
        patch,
        ..
    } = item;
    [
        ("GET", get),
        ("PUT", put),
        ("POST", post),
        ("DELETE", delete),
        ("PATCH", patch),
    ]
    .into_iter()
    .filter_map(|(method, operation)| Some((method, operation.as_mut()?)))
}

fn add_components(components: &mut Components) {
    // Responses refer to the schema of a problem, which does not pull in the schemas that it refers to.
    for (name, schema) in [
        (Problem::name(), Problem::schema()),
        (Violation::name(), Violation::schema()),
    ] {
        components.schemas.insert(name.into_owned(), schema);
    }
    for known in types::ALL {
        for status in known.statuses {
            let example = ExampleBuilder::new()
                .summary(known.meaning)
                .value(Some(known.example(*status)));
            components
                .examples
                .insert(operation::example_name(known, *status), RefOr::T(example.build()));
        }
    }
    for (name, text) in [
        (
            "tenant_token",
            "A token of the tenant: `rustok token create --tenant SLUG --role ROLE`",
        ),
        (
            "platform_token",
            "A platform token: `rustok token create --platform`",
        ),
    ] {
        let scheme = HttpBuilder::new()
            .scheme(HttpAuthScheme::Bearer)
            .description(Some(text))
            .build();
        components.add_security_scheme(name, SecurityScheme::Http(scheme));
    }
}

#[cfg(test)]
mod tests {
    use serde_json::Value;
    use std::collections::BTreeSet;

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
        let document = serde_json::to_value(crate::router::document()).unwrap();
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
    fn every_operation_has_a_name_of_its_own_and_tells_of_problems() {
        let document = serde_json::to_value(crate::router::document()).unwrap();
        let mut names = BTreeSet::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                let name = operation["operationId"]
                    .as_str()
                    .unwrap_or_else(|| panic!("{method} {path}"));
                assert!(names.insert(name.to_owned()), "{name} stands twice");
                let problems = &operation["responses"]["500"]["content"]["application/problem+json"];
                assert!(problems.is_object(), "{method} {path}");
            }
        }
        assert!(names.len() > 30, "{names:?}");
    }
}
