//! A JSON document as a tree, with the pointers of duplicate members. Other parsers silently keep the last duplicate,
//! and two parsers that keep different ones can be exploited against each other (RFC 8259, 4).

use rustok_core::error::{ErrorKind, FieldViolation, MAX_VIOLATIONS, RichError};
use serde::de::{DeserializeSeed, Deserializer, MapAccess, SeqAccess, Visitor};
use serde_json::{Map, Number, Value};
use std::fmt;

/// The maximum length of one reported segment of a pointer, in characters: a member's name may be as long as the
/// body.
const MAX_NAME_CHARS: usize = 100;

/// Parses a document and adds its duplicate members to `found`.
///
/// # Errors
/// `malformed_json`.
pub(crate) fn read(body: &[u8], found: &mut Vec<FieldViolation>) -> Result<Value, RichError> {
    let mut reader = serde_json::Deserializer::from_slice(body);
    let mut at = String::from("#");
    let tree = Branch { at: &mut at, found }.deserialize(&mut reader);
    let whole = tree.and_then(|tree| reader.end().map(|()| tree));
    whole.map_err(|fault| {
        RichError::new(ErrorKind::Validation, "body is no JSON")
            .with_status(400)
            .with_code("malformed_json")
            .with_public(format!(
                "The body is not JSON: line {}, column {}.",
                fault.line(),
                fault.column()
            ))
    })
}

/// Appends a member's name to a pointer, escaped (RFC 6901, 3).
pub(super) fn enter_member(at: &mut String, name: &str) {
    at.push('/');
    for c in name.chars().take(MAX_NAME_CHARS) {
        match c {
            '~' => at.push_str("~0"),
            '/' => at.push_str("~1"),
            c => at.push(c),
        }
    }
}

/// Appends an index to a pointer.
pub(super) fn enter_index(at: &mut String, index: usize) {
    at.push('/');
    at.push_str(&index.to_string());
}

/// Adds each string and each name of a member that has the character U+0000.
pub(super) fn find_nul(tree: &Value, at: &mut String, found: &mut Vec<FieldViolation>) {
    if found.len() >= MAX_VIOLATIONS {
        return;
    }
    let here = at.len();
    let has_nul = match tree {
        Value::String(text) => text.contains('\0'),
        Value::Array(items) => {
            for (index, item) in items.iter().enumerate() {
                enter_index(at, index);
                find_nul(item, at, found);
                at.truncate(here);
            }
            false
        }
        Value::Object(members) => {
            for (name, value) in members {
                enter_member(at, name);
                if name.contains('\0') {
                    found.push(nul_character(at));
                }
                find_nul(value, at, found);
                at.truncate(here);
            }
            false
        }
        _ => false,
    };
    if has_nul {
        found.push(nul_character(at));
    }
}

fn nul_character(at: &str) -> FieldViolation {
    FieldViolation::new(at, "nul_character", "must not hold the character U+0000")
}

/// The deserialisation seed for one value of the document, at the pointer `at`.
struct Branch<'a> {
    at: &'a mut String,
    found: &'a mut Vec<FieldViolation>,
}

impl<'de> DeserializeSeed<'de> for Branch<'_> {
    type Value = Value;

    fn deserialize<D: Deserializer<'de>>(self, reader: D) -> Result<Value, D::Error> {
        reader.deserialize_any(self)
    }
}

impl<'de> Visitor<'de> for Branch<'_> {
    type Value = Value;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a JSON value")
    }

    fn visit_unit<E>(self) -> Result<Value, E> {
        Ok(Value::Null)
    }

    fn visit_bool<E>(self, value: bool) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_i64<E>(self, value: i64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_u64<E>(self, value: u64) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_f64<E>(self, value: f64) -> Result<Value, E> {
        Ok(Number::from_f64(value).map_or(Value::Null, Value::Number))
    }

    fn visit_str<E>(self, value: &str) -> Result<Value, E> {
        Ok(value.into())
    }

    fn visit_seq<A: SeqAccess<'de>>(self, mut items: A) -> Result<Value, A::Error> {
        let (mut list, here) = (Vec::new(), self.at.len());
        loop {
            enter_index(self.at, list.len());
            let item = items.next_element_seed(Branch {
                at: self.at,
                found: self.found,
            })?;
            self.at.truncate(here);
            match item {
                Some(item) => list.push(item),
                None => return Ok(Value::Array(list)),
            }
        }
    }

    fn visit_map<A: MapAccess<'de>>(self, mut members: A) -> Result<Value, A::Error> {
        let (mut map, here) = (Map::new(), self.at.len());
        while let Some(name) = members.next_key::<String>()? {
            enter_member(self.at, &name);
            let value = members.next_value_seed(Branch {
                at: self.at,
                found: self.found,
            })?;
            if map.insert(name, value).is_some() && self.found.len() < MAX_VIOLATIONS {
                self.found
                    .push(FieldViolation::new(&*self.at, "duplicate_member", "stands twice"));
            }
            self.at.truncate(here);
        }
        Ok(Value::Object(map))
    }
}
