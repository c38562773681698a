//! Adds what follows from the features of an operation: its problems, and its request and response headers.
//!
//! Must never refer to a single operation by name: problems of one operation only are declared next to its handler.

use crate::problem::types::{self, ProblemType};
use crate::surface::Surface;
use std::collections::BTreeMap;
use utoipa::openapi::content::ContentBuilder;
use utoipa::openapi::path::{Operation, Parameter, ParameterBuilder, ParameterIn};
use utoipa::openapi::response::ResponseBuilder;
use utoipa::openapi::{HeaderBuilder, Ref, RefOr, Required, Response, Schema, schema};

/// The extension in which a route declares its own problems.
const OWN_PROBLEMS: &str = "x-problems";
/// The problem of every operation that takes `If-Match`.
const VERSION_CONFLICT: &str = "version_conflict";

/// Adds problems and headers to an operation.
pub(super) fn complete(surface: Surface, method: &'static str, operation: &mut Operation) {
    let own = own_problems(operation);
    let sort = Features::of(surface, method, operation, &own);
    let codes = sort.problems().into_iter().map(str::to_owned).chain(own);
    for (status, types) in by_status(codes, &sort) {
        operation
            .responses
            .responses
            .insert(status.to_string(), RefOr::T(problem_response(status, &types)));
    }
    sort.add_headers(operation);
}

/// Whether it changes a single resource that has a version. Only for an operation that is not completed yet.
pub(crate) fn is_of_version(operation: &Operation) -> bool {
    declared(operation).any(|code| code == VERSION_CONFLICT)
}

fn declared(operation: &Operation) -> impl Iterator<Item = &str> {
    let extensions = operation.extensions.as_ref();
    let codes = extensions.and_then(|extensions| extensions.get(OWN_PROBLEMS)?.as_array());
    codes.into_iter().flatten().filter_map(|code| code.as_str())
}

/// Removes the route's own problem codes: the finished document lists them under their statuses.
fn own_problems(operation: &mut Operation) -> Vec<String> {
    let own = declared(operation).map(str::to_owned).collect();
    operation.extensions = None;
    own
}

/// The features of an operation that determine its problems and headers.
struct Features {
    method: &'static str,
    in_tenant: bool,
    with_token: bool,
    /// A session is a credential.
    with_session: bool,
    with_path: bool,
    with_query: bool,
    /// The body is a form with a file, not JSON.
    takes_file: bool,
    /// It changes a single resource that has a version.
    of_version: bool,
    /// It requires `If-Match`, at least in some cases.
    needs_match: bool,
}

impl Features {
    fn of(surface: Surface, method: &'static str, operation: &Operation, own: &[String]) -> Self {
        let has = |place| parameters(operation).any(|parameter| parameter.parameter_in == place);
        let own = |code: &str| own.iter().any(|own| own == code);
        Self {
            method,
            in_tenant: surface.has_tenant(),
            with_token: operation
                .security
                .as_ref()
                .is_some_and(|schemes| !schemes.is_empty()),
            with_session: surface.takes_sessions(),
            with_path: has(ParameterIn::Path),
            with_query: has(ParameterIn::Query),
            takes_file: takes_file(operation),
            of_version: own(VERSION_CONFLICT),
            needs_match: method == "PATCH" || own("precondition_required"),
        }
    }

    fn is_write(&self) -> bool {
        self.method != "GET"
    }

    /// Whether it takes an `Idempotency-Key`. An upload does not: the file's content identifies it.
    fn is_repeatable(&self) -> bool {
        self.method == "POST" && !self.takes_file
    }

    fn problems(&self) -> Vec<&'static str> {
        let mut codes = vec![
            "invalid_query",
            "not_obeyed",
            "ambiguous_length",
            "invalid_forwarded",
            "url_too_long",
            "header_too_large",
            "rate_limited",
            "internal",
            "unavailable",
            "overloaded",
            "database_unavailable",
            "circuit_open",
            "timeout",
            "outcome_unknown",
            "request_timeout",
        ];
        let mut add = |when: bool, more: &[&'static str]| {
            if when {
                codes.extend(more);
            }
        };
        add(
            self.in_tenant,
            &[
                "invalid_tenant_identifier",
                "tenant_identifier_mismatch",
                "tenant_suspended",
                "tenant_not_found",
                "tenant_unavailable",
            ],
        );
        add(self.with_token, &["unauthenticated", "forbidden"]);
        add(self.with_session && self.is_write(), &["cross_site_request"]);
        add(self.with_path, &["not_found"]);
        add(self.with_query, &["validation_failed"]);
        add(
            self.is_write() && !self.takes_file,
            &["malformed_json", "body_too_deep", "too_many_values"],
        );
        add(self.takes_file, &["malformed_multipart"]);
        add(
            self.is_write(),
            &[
                "body_not_received",
                "body_too_slow",
                "body_too_large",
                "unsupported_media_type",
                "validation_failed",
            ],
        );
        add(
            self.is_repeatable(),
            &[
                "invalid_idempotency_key",
                "idempotency_in_flight",
                "idempotency_key_reused",
            ],
        );
        add(self.needs_match, &["precondition_required"]);
        codes
    }

    fn add_headers(&self, operation: &mut Operation) {
        let is_cacheable = operation.responses.responses.contains_key("304");
        let mut takes = Vec::new();
        if self.is_repeatable() {
            takes.push(header_parameter(
                "Idempotency-Key",
                Required::False,
                "The same key and body again get the first answer again, for 24 hours. Take a random one, such as a UUID",
                key_schema(),
            ));
        }
        if self.of_version {
            let required = if self.method == "PATCH" {
                Required::True
            } else {
                Required::False
            };
            takes.push(header_parameter(
                "If-Match",
                required,
                "The `ETag` of what is to be changed",
                text_schema(),
            ));
        }
        if is_cacheable {
            takes.push(header_parameter(
                "If-None-Match",
                Required::False,
                "The `ETag` of what is known already",
                text_schema(),
            ));
        }
        operation.parameters.get_or_insert_default().extend(takes);
        for (status, response) in &mut operation.responses.responses {
            let RefOr::T(response) = response else { continue };
            let mut answer = |name: &str, text: &str| {
                let header = HeaderBuilder::new()
                    .schema(Some(text_schema()))
                    .description(Some(text))
                    .build();
                response.headers.insert(name.to_owned(), RefOr::T(header));
            };
            match status.as_str() {
                "200" | "304" if self.is_write() || is_cacheable => {
                    answer("ETag", "Version and digest of what is shown")
                }
                "201" => {
                    answer("ETag", "Version and digest of what is shown");
                    answer("Location", "Where the new one is");
                }
                "202" => answer("Location", "Where to see how far it is"),
                "401" => answer("WWW-Authenticate", "`Bearer`"),
                "429" | "503" => answer("Retry-After", "Seconds to wait"),
                _ => {}
            }
            if self.is_repeatable() && status.starts_with('2') {
                answer("Idempotent-Replayed", "`true` on an answer that was given before");
            }
        }
    }
}

/// Whether its body is a form with a file.
pub(crate) fn takes_file(operation: &Operation) -> bool {
    match &operation.request_body {
        Some(RefOr::T(body)) => body.content.contains_key("multipart/form-data"),
        _ => false,
    }
}

fn parameters(operation: &Operation) -> impl Iterator<Item = &Parameter> {
    let all = operation.parameters.iter().flatten();
    all.filter_map(|parameter| match parameter {
        RefOr::T(parameter) => Some(parameter),
        RefOr::Ref(_) => None,
    })
}

fn header_parameter(
    name: &str,
    required: Required,
    text: &str,
    schema: impl Into<RefOr<Schema>>,
) -> RefOr<Parameter> {
    let parameter = ParameterBuilder::new()
        .name(name)
        .parameter_in(ParameterIn::Header)
        .required(required)
        .description(Some(text))
        .schema(Some(schema));
    RefOr::T(parameter.build())
}

/// 1 to 255 printable ASCII characters.
fn key_schema() -> RefOr<Schema> {
    let text = schema::ObjectBuilder::new().schema_type(schema::Type::String);
    text.min_length(Some(1))
        .max_length(Some(255))
        .pattern(Some("^[!-~]+$"))
        .into()
}

fn text_schema() -> RefOr<Schema> {
    schema::ObjectBuilder::new()
        .schema_type(schema::Type::String)
        .into()
}

/// Groups the problem types by the statuses that they have here. 412 needs an operation that takes `If-Match`.
fn by_status(
    codes: impl Iterator<Item = String>,
    sort: &Features,
) -> BTreeMap<u16, BTreeMap<&'static str, &'static ProblemType>> {
    let mut found: BTreeMap<u16, BTreeMap<_, _>> = BTreeMap::new();
    for known in codes.filter_map(|code| types::find(&code)) {
        for status in known.statuses {
            if *status != 412 || sort.of_version {
                found.entry(*status).or_default().insert(known.code, known);
            }
        }
    }
    found
}

/// The name of the example for a problem with a status.
pub(super) fn example_name(known: &ProblemType, status: u16) -> String {
    if known.statuses.first() == Some(&status) {
        known.code.to_owned()
    } else {
        format!("{}_{status}", known.code)
    }
}

fn problem_response(status: u16, types: &BTreeMap<&'static str, &'static ProblemType>) -> Response {
    let names: Vec<String> = types.keys().map(|code| format!("`{code}`")).collect();
    let mut content = ContentBuilder::new()
        .schema(Some(Ref::from_schema_name("Problem")))
        .build();
    for known in types.values() {
        let name = example_name(known, status);
        let reference = Ref::new(format!("#/components/examples/{name}"));
        content
            .examples
            .insert(known.code.to_owned(), RefOr::Ref(reference));
    }
    ResponseBuilder::new()
        .description(names.join(", "))
        .content("application/problem+json", content)
        .build()
}
