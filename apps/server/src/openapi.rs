//! The OpenAPI document: generated from the routes, with what no single route knows.

use utoipa::openapi::security::{HttpAuthScheme, HttpBuilder, SecurityScheme};
use utoipa::openapi::{InfoBuilder, LicenseBuilder, OpenApi, ServerBuilder};

/// Completes what the routes say of themselves.
#[must_use]
pub fn complete(mut document: OpenApi) -> OpenApi {
    document.info = InfoBuilder::new()
        .title("RusToK")
        .version(env!("CARGO_PKG_VERSION"))
        .description(Some(
            "Shops and sites of many tenants. The host of a request says which tenant it is for. Every failure is an \
             RFC 9457 problem. Every POST takes an `Idempotency-Key`; updates want `If-Match`.",
        ))
        .license(Some(LicenseBuilder::new().name("MIT OR Apache-2.0").identifier(Some("MIT OR Apache-2.0")).build()))
        .build();
    document.servers = Some(vec![ServerBuilder::new().url("/").build()]);
    let components = document.components.get_or_insert_default();
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
    document
}
