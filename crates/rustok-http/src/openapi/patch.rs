//! Derives the schema of a JSON merge patch (RFC 7396) from the schema of the patched resource: no member is
//! required, and each may be `null`, which removes it. Members that are objects are patched recursively; lists are
//! replaced.

use utoipa::openapi::path::Operation;
use utoipa::openapi::schema::{Object, OneOfBuilder, SchemaType, Type};
use utoipa::openapi::{Components, Ref, RefOr, Schema};

const MEDIA_TYPE: &str = "application/merge-patch+json";

/// Replaces the body schema of an operation that takes a merge patch.
pub(super) fn complete(operation: &mut Operation, components: &mut Components) {
    let Some(RefOr::T(body)) = &mut operation.request_body else {
        return;
    };
    if let Some(RefOr::T(content)) = body.content.get_mut(MEDIA_TYPE) {
        content.schema = content.schema.take().map(|schema| patch_of(schema, components));
    }
}

/// The schema of a member within a patch: an object becomes a patch of itself, anything else stays as it is.
fn patch_of(schema: RefOr<Schema>, components: &mut Components) -> RefOr<Schema> {
    let RefOr::Ref(reference) = &schema else {
        return schema;
    };
    let name = reference
        .ref_location
        .rsplit('/')
        .next()
        .unwrap_or_default()
        .to_owned();
    let Some(RefOr::T(Schema::Object(object))) = components.schemas.get(&name) else {
        return schema;
    };
    if object.properties.is_empty() {
        return schema;
    }
    let mut patch = object.clone();
    patch.required.clear();
    for property in patch.properties.values_mut() {
        *property = or_null(patch_of(property.clone(), components));
    }
    let name = format!("{name}Patch");
    components
        .schemas
        .insert(name.clone(), RefOr::T(Schema::Object(patch)));
    RefOr::Ref(Ref::from_schema_name(name))
}

fn or_null(schema: RefOr<Schema>) -> RefOr<Schema> {
    let null = || Object::with_type(SchemaType::Type(Type::Null));
    match schema {
        RefOr::T(Schema::OneOf(mut one_of)) => {
            let is_null = |item: &RefOr<Schema>| matches!(item, RefOr::T(Schema::Object(object)) if object.schema_type == SchemaType::Type(Type::Null));
            if !one_of.items.iter().any(is_null) {
                one_of.items.push(null().into());
            }
            RefOr::T(Schema::OneOf(one_of))
        }
        RefOr::T(Schema::Object(mut object)) => {
            object.schema_type = type_or_null(object.schema_type);
            RefOr::T(Schema::Object(object))
        }
        RefOr::T(Schema::Array(mut array)) => {
            array.schema_type = type_or_null(array.schema_type);
            RefOr::T(Schema::Array(array))
        }
        other => OneOfBuilder::new().item(null()).item(other).into(),
    }
}

fn type_or_null(of: SchemaType) -> SchemaType {
    match of {
        SchemaType::Type(one) => SchemaType::Array(vec![one, Type::Null]),
        SchemaType::Array(mut all) => {
            if !all.contains(&Type::Null) {
                all.push(Type::Null);
            }
            SchemaType::Array(all)
        }
        SchemaType::AnyValue => SchemaType::AnyValue,
    }
}
