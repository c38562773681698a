//! The OpenAPI document, generated from the routes and completed here.
//!
//! A route declares its own problems in `x-problems`. What follows from the features of an operation (it takes a
//! token, a body, `If-Match`, ...) is added here by rule, with its headers. The document is also checked in as
//! `docs/openapi.json`; the test that compares the two says how to update it.

mod document;
mod operation;
mod patch;

pub use document::ApiDocument;
pub(crate) use operation::{is_of_version, takes_file};

use crate::problem::types;
use crate::problem::{Problem, Violation};
use crate::surface::Surfaces;
use http::Method;
use utoipa::openapi::example::ExampleBuilder;
use utoipa::openapi::path::{Operation, PathItem};
use utoipa::openapi::security::{
    ApiKey, ApiKeyValue, HttpAuthScheme, HttpBuilder, SecurityRequirement, SecurityScheme,
};
use utoipa::openapi::{Components, InfoBuilder, LicenseBuilder, OpenApi, RefOr, ServerBuilder};
use utoipa::{PartialSchema, ToSchema};

/// Completes the document generated from the routes. `surfaces` says which surface each operation belongs to.
#[must_use]
pub fn complete(mut document: OpenApi, surfaces: &Surfaces) -> OpenApi {
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
            let surface = surfaces.of(&Method::from_bytes(method.as_bytes()).unwrap_or_default(), path);
            if surface.takes_sessions() {
                take_sessions(operation);
            }
            operation::complete(surface, method, operation);
            patch::complete(operation, components);
        }
    }
    add_components(components);
    document
}

/// Where a token is taken, so is a session.
fn take_sessions(operation: &mut Operation) {
    let token = SecurityRequirement::new("tenant_token", [""; 0]);
    if let Some(security) = operation.security.as_mut().filter(|all| all.contains(&token)) {
        security.push(SecurityRequirement::new("session", [""; 0]));
    }
}

/// The operations of one path item, with their methods.
pub fn operations(item: &mut PathItem) -> impl Iterator<Item = (&'static str, &mut Operation)> {
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
    let text = "The session of a member, as `PUT /api/admin/v1/session` opens it; over plain HTTP on a loopback name the cookie \
                is `session`. A request that changes something needs this host as its `Origin`, or `Sec-Fetch-Site: same-origin`";
    let cookie = ApiKey::Cookie(ApiKeyValue::with_description("__Host-session", text));
    components.add_security_scheme("session", SecurityScheme::ApiKey(cookie));
}
