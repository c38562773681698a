//! Internal data must not leak: a canary is planted through every way into a [`RichError`], in every kind, and
//! searched for in everything that leaves the process except the log. The log must contain all of it.

use super::*;
use crate::ids::TenantId;
use serde::Serialize;
use std::borrow::Cow;
use std::error::Error;
use std::fmt;
use std::io;
use uuid::Uuid;

const CANARY: &str = "CANARY-postgres://root:hunter2@db/shop?sslmode=disable";
const TENANT: Uuid = Uuid::from_u128(0x0CA1_1A2B_1D5E_A5ED_0CA1_1A2B_1D5E_A5ED);

/// Strings that no output may contain, in lower case: parts of the canary, the tenant, and the name of a source file.
const INSIDE: [&str; 5] = ["canary", "hunter2", "sslmode", "0ca11a2b", ".rs:"];

/// A driver error with a cause.
#[derive(Debug)]
struct Driver(io::Error);

impl fmt::Display for Driver {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{CANARY} driver")
    }
}

impl Error for Driver {
    fn source(&self) -> Option<&(dyn Error + 'static)> {
        Some(&self.0)
    }
}

fn driver() -> Driver {
    Driver(io::Error::other(format!("{CANARY} below the driver")))
}

/// A module's own error.
#[derive(Debug, thiserror::Error)]
#[error("{CANARY} domain")]
struct Domain(ErrorKind, #[source] Driver);

impl From<Domain> for RichError {
    fn from(error: Domain) -> Self {
        Self::new(error.0, error.to_string()).with_source(error)
    }
}

impl ErrorContext for Domain {
    type Output = RichError;

    fn map_rich(self, add: impl FnOnce(RichError) -> RichError) -> RichError {
        add(self.into())
    }
}

type WayIn = (&'static str, fn(ErrorKind) -> RichError);

/// Every function that takes internal text, one at a time, and then all of them together.
const WAYS_IN: [WayIn; 13] = [
    ("new with a constant", |kind| RichError::new(kind, CANARY)),
    ("new with a made text", |kind| {
        RichError::new(kind, format!("{CANARY} made"))
    }),
    ("context", |kind| RichError::new(kind, "plain").context(CANARY)),
    ("with_context", |kind| {
        RichError::new(kind, "plain").with_context(|| format!("{CANARY} again"))
    }),
    ("context of a result", |kind| {
        let failed: Result<(), _> = Err(RichError::new(kind, "plain"));
        failed.context(CANARY).unwrap_err()
    }),
    ("with_field", |kind| {
        RichError::new(kind, "plain").with_field("dsn", CANARY)
    }),
    ("with_field of a result", |kind| {
        let failed: Result<(), _> = Err(RichError::new(kind, "plain"));
        failed.with_field("dsn", CANARY).unwrap_err()
    }),
    ("with_source", |kind| {
        RichError::new(kind, "plain").with_source(driver())
    }),
    ("with_source, a rich error", |kind| {
        let inner = RichError::new(kind, CANARY).with_public(format!("{CANARY} public"));
        RichError::new(kind, "plain").with_source(inner)
    }),
    ("with_trace", |kind| {
        RichError::new(kind, "plain").with_trace(CANARY)
    }),
    ("a module's error", |kind| Domain(kind, driver()).into()),
    ("a module's error with context", |kind| {
        Domain(kind, driver()).context("plain")
    }),
    ("all at once", |kind| {
        Domain(kind, driver())
            .context(CANARY)
            .with_context(|| format!("{CANARY} again"))
            .with_field("dsn", CANARY)
            .with_trace(CANARY)
            .with_tenant(TENANT)
            .with_source(driver())
    }),
];

fn assert_outside(what: &str, text: &str) {
    let lower = text.to_lowercase();
    for part in INSIDE {
        assert!(!lower.contains(part), "{what} lets `{part}` out: {text}");
    }
}

fn every_error() -> impl Iterator<Item = (String, RichError)> {
    ErrorKind::ALL.into_iter().flat_map(|kind| {
        WAYS_IN
            .iter()
            .map(move |(way, make)| (format!("{kind}, {way}"), make(kind)))
    })
}

#[test]
fn the_inside_is_in_no_response_and_all_of_it_in_the_report() {
    for (what, error) in every_error() {
        let report = format!("{error:?}\n{error:#?}");
        assert!(report.contains(CANARY), "{what}: {report}");

        let by_reference = error.to_response();
        let by_value = ErrorResponse::from(error);
        for response in [&by_reference, &by_value, &by_value.clone()] {
            let json = serde_json::to_string(response).unwrap();
            assert_outside(&what, &json);
            assert!(json.contains(response.kind().public_sentence()), "{what}: {json}");
            assert_outside(&what, &String::from_utf8(response.to_json()).unwrap());
            assert_outside(&what, &format!("{response:?} {response:#?}"));
        }
    }
}

#[test]
fn an_error_made_of_a_response_knows_no_more_than_the_response() {
    for (what, error) in every_error() {
        let again = RichError::from(ErrorResponse::from(error)).with_field("plain", "plain");
        assert_outside(&what, &again.to_string());
        assert_outside(&what, &String::from_utf8(again.to_response().to_json()).unwrap());
    }
}

#[test]
fn what_is_written_for_the_outside_gets_out_and_takes_nothing_along() {
    for (what, error) in every_error() {
        let error = error
            .with_public("Written for you.")
            .with_code("a_code")
            .with_violation("a.b", "required", "is required")
            .with_extension("current_state", "shipped");
        let json = String::from_utf8(error.to_response().to_json()).unwrap();
        assert_outside(&what, &json);
        for part in ["Written for you.", "a_code", "#/a/b", "shipped"] {
            assert!(json.contains(part), "{what}: {part} is missing in {json}");
        }
    }
}

#[cfg(feature = "axum")]
#[tokio::test]
async fn the_inside_is_in_no_body_and_no_header() {
    use axum_core::response::IntoResponse as _;
    use http_body_util::BodyExt as _;

    for (what, error) in every_error() {
        let refused: Result<String, RichError> = Err(error);
        let (parts, body) = refused.into_response().into_parts();
        for (name, value) in &parts.headers {
            let value = String::from_utf8_lossy(value.as_bytes());
            assert_outside(&what, &format!("{name}: {value}"));
        }
        let body = body.collect().await.unwrap().to_bytes();
        assert_outside(&what, std::str::from_utf8(&body).unwrap());
    }
}

/// `RichError` implements none of the traits by which the constructors of public text take their arguments, so it
/// cannot be passed to them by mistake: with any of these traits the call below would be ambiguous and not compile.
#[test]
fn a_rich_error_is_no_public_text() {
    macro_rules! assert_is_not {
        ($($of:path),+) => {$({
            trait Choice<Which> {
                fn only() {}
            }
            impl<T: ?Sized> Choice<()> for T {}
            impl<T: ?Sized + $of> Choice<u8> for T {}
            <RichError as Choice<_>>::only();
        })+};
    }
    assert_is_not!(
        Serialize,
        AsRef<str>,
        std::ops::Deref,
        Into<String>,
        Into<Cow<'static, str>>,
        Into<FieldViolation>,
        Into<TenantId>
    );
}
