//! The operations of the running server's OpenAPI document, and the members that a request's body may have.

use serde_json::Value;
use std::collections::BTreeSet;

/// One method of one path.
#[derive(Debug, Clone)]
pub(crate) struct Operation {
    /// Its `operationId`.
    pub(crate) id: String,
    pub(crate) method: reqwest::Method,
    /// With `{name}` where a parameter goes.
    pub(crate) path: String,
    /// Where (`path`, `query`, `header`) and its name.
    pub(crate) parameters: Vec<(String, String)>,
    /// The schema of its body.
    pub(crate) body: Option<Value>,
    /// Whether its body is a form with a file.
    pub(crate) takes_file: bool,
    /// Whether only the session of a member is a credential.
    pub(crate) needs_session: bool,
    /// Whether no credential is looked at.
    pub(crate) is_open: bool,
}

impl Operation {
    /// Whether it is one of the platform's, which is for no tenant.
    pub(crate) fn is_platform(&self) -> bool {
        self.path.starts_with("/api/platform/")
    }

    /// Whether it needs no token.
    pub(crate) fn is_store(&self) -> bool {
        self.path.starts_with("/api/store/")
    }

    pub(crate) fn is_read(&self) -> bool {
        self.method == reqwest::Method::GET
    }

    /// The names of its parameters of a place.
    pub(crate) fn parameters(&self, place: &str) -> impl Iterator<Item = &str> {
        self.parameters
            .iter()
            .filter(move |(at, _)| at == place)
            .map(|(_, name)| name.as_str())
    }
}

/// The whole document.
#[derive(Debug)]
pub(crate) struct Document {
    pub(crate) operations: Vec<Operation>,
    schemas: Value,
}

impl Document {
    pub(crate) fn read(document: &Value) -> Self {
        let mut operations = Vec::new();
        for (path, item) in document["paths"].as_object().unwrap() {
            for (method, operation) in item.as_object().unwrap() {
                operations.push(read_operation(path, method, operation));
            }
        }
        assert!(operations.len() > 30, "{operations:#?}");
        Self {
            operations,
            schemas: document["components"]["schemas"].clone(),
        }
    }

    /// The operation of this id.
    pub(crate) fn operation(&self, id: &str) -> &Operation {
        let found = self.operations.iter().find(|operation| operation.id == id);
        found.unwrap_or_else(|| panic!("the document has no operation {id}"))
    }

    /// The schema itself: references followed, and of alternatives those that are objects or lists.
    fn resolve<'a>(&'a self, schema: &'a Value) -> &'a Value {
        if let Some(name) = schema["$ref"].as_str() {
            return self.resolve(&self.schemas[name.rsplit('/').next().unwrap()]);
        }
        let Some(choices) = schema["oneOf"].as_array() else {
            return schema;
        };
        let composed = choices.iter().map(|choice| self.resolve(choice));
        let mut composed =
            composed.filter(|choice| choice["properties"].is_object() || choice["items"].is_object());
        composed.next().unwrap_or(schema)
    }

    /// Each object of a body by its JSON Pointer, with the members that the document lets it have.
    ///
    /// # Panics
    /// When the body leaves an object out that the document lets it have: nobody would have tried that one.
    pub(crate) fn objects(&self, operation: &Operation, body: &Value) -> Vec<(String, BTreeSet<String>)> {
        let mut found = Vec::new();
        if let Some(schema) = &operation.body {
            self.walk(&operation.id, self.resolve(schema), body, "", &mut found);
        }
        found
    }

    fn walk(
        &self,
        id: &str,
        schema: &Value,
        body: &Value,
        at: &str,
        found: &mut Vec<(String, BTreeSet<String>)>,
    ) {
        if let Some(members) = schema["properties"].as_object() {
            found.push((at.to_owned(), members.keys().cloned().collect()));
            for (name, member) in members {
                let member = self.resolve(member);
                if self.holds_object(member) {
                    let inside = &body[name];
                    assert!(!inside.is_null(), "{id}: the call of calls.rs has no {at}/{name}");
                    self.walk(id, member, inside, &format!("{at}/{name}"), found);
                }
            }
        } else if self.holds_object(schema) {
            let first = body
                .get(0)
                .unwrap_or_else(|| panic!("{id}: the call of calls.rs has an empty {at}"));
            self.walk(
                id,
                self.resolve(&schema["items"]),
                first,
                &format!("{at}/0"),
                found,
            );
        }
    }

    /// Each string of a body by its JSON Pointer, those that the body leaves out too. Of a list, the first item.
    pub(crate) fn texts(&self, operation: &Operation, body: &Value) -> Vec<String> {
        let mut found = Vec::new();
        for (at, members) in self.objects(operation, body) {
            let schema = self.at(operation, &at);
            for name in members {
                let member = self.resolve(&schema["properties"][&name]);
                if is_text(member) {
                    found.push(format!("{at}/{name}"));
                } else if is_text(self.resolve(&member["items"])) {
                    found.push(format!("{at}/{name}/0"));
                }
            }
        }
        found
    }

    /// The schema of what stands at a pointer into an operation's body.
    fn at<'a>(&'a self, operation: &'a Operation, pointer: &str) -> &'a Value {
        let whole = self.resolve(operation.body.as_ref().unwrap());
        pointer.split('/').skip(1).fold(whole, |schema, part| {
            let inside = match part.parse::<usize>() {
                Ok(_) => &schema["items"],
                Err(_) => &schema["properties"][part],
            };
            self.resolve(inside)
        })
    }

    fn holds_object(&self, schema: &Value) -> bool {
        let items = &schema["items"];
        schema["properties"].is_object() || (items.is_object() && self.holds_object(self.resolve(items)))
    }
}

fn read_operation(path: &str, method: &str, operation: &Value) -> Operation {
    let text = |value: &Value| value.as_str().unwrap().to_owned();
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    let content = operation["requestBody"]["content"].as_object();
    Operation {
        id: text(&operation["operationId"]),
        method: method.to_ascii_uppercase().parse().unwrap(),
        path: path.to_owned(),
        parameters: parameters.map(|p| (text(&p["in"]), text(&p["name"]))).collect(),
        takes_file: content.is_some_and(|content| content.contains_key("multipart/form-data")),
        needs_session: operation["security"] == serde_json::json!([{ "session": [] }]),
        is_open: operation["security"].is_null(),
        body: content
            .and_then(|content| content.values().next())
            .map(|content| content["schema"].clone()),
    }
}

fn is_text(schema: &Value) -> bool {
    let kinds = &schema["type"];
    kinds == "string"
        || kinds
            .as_array()
            .is_some_and(|kinds| kinds.contains(&"string".into()))
}
