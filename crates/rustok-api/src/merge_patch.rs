//! JSON merge patches (RFC 7396), applied to the fields of a resource that can be changed.

use rustok_core::error::{ErrorKind, RichError};
use rustok_http::extract::MergePatch;
use serde::Serialize;
use serde::de::DeserializeOwned;
use serde_json::{Map, Value};
use utoipa::ToSchema;

/// The fields as the patch wants them.
///
/// # Errors
/// `validation_failed` with all that is wrong with the form of the result.
pub fn apply<T: Serialize + DeserializeOwned + ToSchema>(
    fields: &T,
    patch: &MergePatch,
) -> Result<T, RichError> {
    let mut document = serde_json::to_value(fields)
        .map_err(|error| RichError::new(ErrorKind::Internal, "fields that are no JSON").with_source(error))?;
    merge_as_sent(&mut document, &patch.members);
    patch.typed(&document)
}

/// Merges as RFC 7396, section 2, says: members replace members, `null` takes them away, lists are replaced as a whole.
/// Unlike there, `null` for a member that is not there stays in the result: it cannot be taken away, and a name
/// that nothing has is still a fault.
pub fn merge_as_sent(target: &mut Value, patch: &Map<String, Value>) {
    merge_and(target, patch, true);
}

fn merge_and(target: &mut Value, patch: &Map<String, Value>, keeps_null: bool) {
    if !target.is_object() {
        *target = Value::Object(Map::new());
    }
    let Value::Object(target) = target else { return };
    for (name, value) in patch {
        match value {
            Value::Null => {
                if target.remove(name).is_none() && keeps_null {
                    target.insert(name.clone(), Value::Null);
                }
            }
            Value::Object(members) => {
                merge_and(target.entry(name).or_insert(Value::Null), members, keeps_null);
            }
            other => {
                target.insert(name.clone(), other.clone());
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use rustok_http::openapi::ApiDocument;
    use serde_json::json;
    use utoipa::openapi::OpenApi;

    #[derive(Debug, PartialEq, Serialize, serde::Deserialize, ToSchema)]
    #[serde(deny_unknown_fields)]
    struct Fields {
        title: String,
        #[serde(skip_serializing_if = "Option::is_none")]
        subtitle: Option<String>,
        #[schema(inline)]
        inner: Inner,
    }

    #[derive(Debug, Default, PartialEq, Serialize, serde::Deserialize, ToSchema)]
    #[serde(deny_unknown_fields, default)]
    struct Inner {
        size: i64,
    }

    #[test]
    fn a_name_that_nothing_has_is_refused_even_with_null() {
        let fields = Fields {
            title: "a".to_owned(),
            subtitle: None,
            inner: Inner { size: 7 },
        };
        let patched = |patch: Value| {
            let Value::Object(members) = patch else {
                unreachable!("an object")
            };
            let patch = MergePatch::new(members, ApiDocument::new(OpenApi::default));
            apply(&fields, &patch).map_err(|error| error.violations()[0].pointer.to_string())
        };
        assert_eq!(patched(json!({ "": null })), Err("#/".to_owned()));
        assert_eq!(patched(json!({ "price": null })), Err("#/price".to_owned()));
        assert_eq!(
            patched(json!({ "inner": { "colour": null } })),
            Err("#/inner/colour".to_owned())
        );
        assert!(patched(json!({ "inner": { "size": null } })).is_ok_and(|fields| fields.inner.size == 0));
        assert!(patched(json!({ "subtitle": null, "title": "b" })).is_ok_and(|fields| fields.title == "b"));
    }

    /// The examples of RFC 7396, appendix A, whose patch is an object: original, patch, result.
    #[test]
    fn the_rfc_s_own_examples() {
        for (original, patch, result) in [
            (json!({"a": "b"}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "b"}), json!({"b": "c"}), json!({"a": "b", "b": "c"})),
            (json!({"a": "b"}), json!({"a": null}), json!({})),
            (json!({"a": "b", "b": "c"}), json!({"a": null}), json!({"b": "c"})),
            (json!({"a": ["b"]}), json!({"a": "c"}), json!({"a": "c"})),
            (json!({"a": "c"}), json!({"a": ["b"]}), json!({"a": ["b"]})),
            (
                json!({"a": {"b": "c"}}),
                json!({"a": {"b": "d", "c": null}}),
                json!({"a": {"b": "d"}}),
            ),
            (json!({"a": [{"b": "c"}]}), json!({"a": [1]}), json!({"a": [1]})),
            (json!(["a", "b"]), json!({"a": "b"}), json!({"a": "b"})),
            (json!({"e": null}), json!({"a": 1}), json!({"e": null, "a": 1})),
            (json!([1, 2]), json!({"a": "b", "c": null}), json!({"a": "b"})),
            (
                json!({}),
                json!({"a": {"bb": {"ccc": null}}}),
                json!({"a": {"bb": {}}}),
            ),
        ] {
            let mut merged = original.clone();
            let Value::Object(members) = &patch else { continue };
            merge_and(&mut merged, members, false);
            assert_eq!(merged, result, "{original} {patch}");
        }
    }
}
