//! Compares a JSON tree with its schema in the OpenAPI document.
//!
//! Supports only the keywords that the schemas of request bodies use; a test of the surface checks that they use no
//! others. It only explains what serde has refused and must never refuse anything by itself.

use super::tree::{enter_index, enter_member};
use crate::openapi::ApiDocument;
use jiff::Timestamp;
use rustok_core::error::{FieldViolation, MAX_VIOLATIONS};
use serde_json::{Map, Value};
use utoipa::ToSchema;
use uuid::Uuid;

/// Adds to `found` every place where `tree` differs from the schema of `T`. `document` has the schemas that `$ref`
/// names.
pub(super) fn compare<T: ToSchema>(tree: &Value, document: &ApiDocument, found: &mut Vec<FieldViolation>) {
    let schema = serde_json::to_value(T::schema()).unwrap_or_default();
    let mut at = String::from("#");
    let mut comparison = Comparison {
        document,
        at: &mut at,
        found,
    };
    comparison.value(&schema, tree);
}

struct Comparison<'a> {
    document: &'a ApiDocument,
    at: &'a mut String,
    found: &'a mut Vec<FieldViolation>,
}

impl Comparison<'_> {
    fn refuse(&mut self, code: &'static str, detail: impl Into<String>) {
        self.found
            .push(FieldViolation::new(&*self.at, code, detail.into()));
    }

    fn value(&mut self, schema: &Value, value: &Value) {
        if self.found.len() >= MAX_VIOLATIONS {
            return;
        }
        if let Some(reference) = schema["$ref"].as_str() {
            let name = reference.rsplit('/').next().unwrap_or_default();
            let document = self.document;
            return self.value(document.schema(name), value);
        }
        if let Some(branches) = schema["oneOf"].as_array() {
            return self.one_of(branches, value);
        }
        if !is_of_type(&schema["type"], value) {
            return self.refuse("invalid", format!("must be {}", named(&schema["type"])));
        }
        if schema["enum"]
            .as_array()
            .is_some_and(|known| !known.contains(value))
        {
            return self.refuse("invalid", format!("must be one of {}", listed(&schema["enum"])));
        }
        match value {
            Value::Object(members) => self.object(schema, members),
            Value::Array(items) => self.array(&schema["items"], items),
            Value::String(text) => self.text(&schema["format"], text),
            _ => {}
        }
    }

    /// The value must match one of the branches. If it matches none and exactly one has its type, that branch's
    /// violations are reported.
    fn one_of(&mut self, branches: &[Value], value: &Value) {
        let mut closest = Vec::new();
        for branch in branches {
            let mut found = Vec::new();
            let mut inner = Comparison {
                document: self.document,
                at: self.at,
                found: &mut found,
            };
            inner.value(branch, value);
            if found.is_empty() {
                return;
            }
            if found.iter().all(|violation| violation.pointer != *self.at) {
                closest.push(found);
            }
        }
        match <[_; 1]>::try_from(closest) {
            Ok([found]) => self.found.extend(found),
            Err(_) => self.refuse("invalid", "has none of the documented forms"),
        }
    }

    fn object(&mut self, schema: &Value, members: &Map<String, Value>) {
        let here = self.at.len();
        let required = schema["required"].as_array().into_iter().flatten();
        for name in required
            .filter_map(Value::as_str)
            .filter(|name| !members.contains_key(*name))
        {
            enter_member(self.at, name);
            self.refuse("required", "is required");
            self.at.truncate(here);
        }
        for (name, value) in members {
            enter_member(self.at, name);
            match schema["properties"].get(name) {
                Some(property) => self.value(property, value),
                None if schema["additionalProperties"] == false => {
                    self.refuse("unknown_member", "is not known here");
                }
                None => {}
            }
            self.at.truncate(here);
            if self.found.len() >= MAX_VIOLATIONS {
                return;
            }
        }
    }

    fn array(&mut self, schema: &Value, items: &[Value]) {
        let here = self.at.len();
        for (index, item) in items.iter().enumerate() {
            enter_index(self.at, index);
            self.value(schema, item);
            self.at.truncate(here);
        }
    }

    fn text(&mut self, format: &Value, text: &str) {
        match format.as_str() {
            Some("uuid") if Uuid::parse_str(text).is_err() => self.refuse("invalid", "must be a UUID"),
            Some("date-time") if text.parse::<Timestamp>().is_err() => {
                self.refuse("invalid", "must be a time such as 2026-01-31T12:00:00Z");
            }
            _ => {}
        }
    }
}

/// Whether the value has the type or one of the types. A schema without a type accepts every type.
fn is_of_type(wanted: &Value, value: &Value) -> bool {
    match wanted {
        Value::Array(types) => types.iter().any(|wanted| is_of_type(wanted, value)),
        Value::String(name) => match name.as_str() {
            "null" => value.is_null(),
            "boolean" => value.is_boolean(),
            "integer" => value.is_i64(),
            "number" => value.is_number(),
            "string" => value.is_string(),
            "array" => value.is_array(),
            "object" => value.is_object(),
            _ => true,
        },
        _ => true,
    }
}

/// The types as text for a violation.
fn named(wanted: &Value) -> String {
    match wanted {
        Value::Array(types) => types.iter().map(named).collect::<Vec<_>>().join(" or "),
        Value::String(name) => match name.as_str() {
            "null" => "null",
            "integer" => "a whole number of 64 bits",
            "array" => "a list",
            "object" => "an object",
            "boolean" => "true or false",
            "number" => "a number",
            _ => "a string",
        }
        .to_owned(),
        _ => "something else".to_owned(),
    }
}

fn listed(known: &Value) -> String {
    let names = known.as_array().into_iter().flatten();
    names.filter_map(Value::as_str).collect::<Vec<_>>().join(", ")
}
