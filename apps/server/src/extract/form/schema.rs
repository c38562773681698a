//! Compares a JSON tree with its schema in the OpenAPI document.
//!
//! Supports only the keywords that the schemas of request bodies use; a test checks that they use no others. It only
//! explains what serde has refused and must never refuse anything by itself.

use super::tree::{enter_index, enter_member};
use jiff::Timestamp;
use rustok_core::error::{FieldViolation, MAX_VIOLATIONS};
use serde_json::{Map, Value};
use std::sync::LazyLock;
use utoipa::ToSchema;
use uuid::Uuid;

/// The schemas that can be the target of a `$ref`, by name.
static SCHEMAS: LazyLock<Value> = LazyLock::new(|| {
    let components = crate::router::document().components.unwrap_or_default();
    // Serialising a schema to JSON cannot fail.
    serde_json::to_value(components.schemas).unwrap_or_default()
});

/// Adds to `found` every place where `tree` differs from the schema of `T`.
pub(super) fn compare<T: ToSchema>(tree: &Value, found: &mut Vec<FieldViolation>) {
    let schema = serde_json::to_value(T::schema()).unwrap_or_default();
    let mut at = String::from("#");
    Comparison { at: &mut at, found }.value(&schema, tree);
}

struct Comparison<'a> {
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
            return self.value(&SCHEMAS[name], value);
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

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::BTreeSet;

    /// The keywords that [`Comparison`] checks, those whose rules the domain checks itself, and annotations without a
    /// rule.
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

    fn keywords(schema: &Value, found: &mut BTreeSet<String>, seen: &mut BTreeSet<String>) {
        let Value::Object(members) = schema else { return };
        found.extend(members.keys().cloned());
        if let Some(name) = members.get("$ref").and_then(|r| r.as_str()?.rsplit('/').next())
            && seen.insert(name.to_owned())
        {
            keywords(&SCHEMAS[name], found, seen);
        }
        for property in members
            .get("properties")
            .and_then(Value::as_object)
            .into_iter()
            .flatten()
        {
            keywords(property.1, found, seen);
        }
        for branch in members
            .get("oneOf")
            .and_then(Value::as_array)
            .into_iter()
            .flatten()
        {
            keywords(branch, found, seen);
        }
        if let Some(items) = members.get("items") {
            keywords(items, found, seen);
        }
    }

    #[test]
    fn schemas_of_bodies_have_no_keyword_that_is_passed_over_unseen() {
        let document = serde_json::to_value(crate::router::document()).unwrap();
        let (mut found, mut seen) = (BTreeSet::new(), BTreeSet::new());
        for (_, item) in document["paths"].as_object().unwrap() {
            for (_, operation) in item.as_object().unwrap() {
                for (_, content) in operation["requestBody"]["content"]
                    .as_object()
                    .into_iter()
                    .flatten()
                {
                    keywords(&content["schema"], &mut found, &mut seen);
                }
            }
        }
        assert!(seen.len() > 10, "{seen:?}");
        let unknown: Vec<_> = found
            .iter()
            .filter(|keyword| !KNOWN.contains(&keyword.as_str()))
            .collect();
        assert!(unknown.is_empty(), "{unknown:?}");
    }
}
