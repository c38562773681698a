//! The API document of the running server, as the surface makes it from its routes.
//!
//! It is given as a function, since this crate knows no route, and made only when it is needed: a server that gets no
//! malformed body and no request for the document never makes it.

use bytes::Bytes;
use serde_json::Value;
use std::fmt;
use std::sync::{Arc, OnceLock};
use utoipa::openapi::OpenApi;

/// The API document, made on first use. Cheap to clone.
#[derive(Clone)]
pub struct ApiDocument(Arc<Inner>);

struct Inner {
    make: fn() -> OpenApi,
    schemas: OnceLock<Value>,
    json: OnceLock<Bytes>,
}

impl ApiDocument {
    /// The document that `make` returns.
    #[must_use]
    pub fn new(make: fn() -> OpenApi) -> Self {
        Self(Arc::new(Inner {
            make,
            schemas: OnceLock::new(),
            json: OnceLock::new(),
        }))
    }

    /// The whole document as JSON.
    #[must_use]
    pub fn json(&self) -> Bytes {
        // Serialising a document to JSON cannot fail.
        let made = || Bytes::from(serde_json::to_vec(&(self.0.make)()).unwrap_or_default());
        self.0.json.get_or_init(made).clone()
    }

    /// The schema that a `$ref` can name; `null` if there is none.
    pub(crate) fn schema(&self, name: &str) -> &Value {
        let schemas = self.0.schemas.get_or_init(|| {
            let components = (self.0.make)().components.unwrap_or_default();
            // Serialising a schema to JSON cannot fail.
            serde_json::to_value(components.schemas).unwrap_or_default()
        });
        &schemas[name]
    }
}

impl fmt::Debug for ApiDocument {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ApiDocument").finish_non_exhaustive()
    }
}
