//! Every operation of the API, as its own document tells them: what is asked of all of them holds for
//! the next one too.

use serde_json::{Map, Value, json};

use crate::client::{Answer, Client, send};

/// One method of one path.
#[derive(Clone, Debug)]
pub struct Operation {
    /// In capitals.
    pub method: String,
    /// With its placeholders, such as `/api/v1/banks/{id}`.
    pub path: String,
    pub is_public: bool,
    /// The content type and a body that the document allows. None where there is no body.
    pub body: Option<(String, Value)>,
    /// The names of its parameters in the query.
    pub queries: Vec<String>,
}

impl Operation {
    /// The path, with `value` for each placeholder.
    pub fn path_with(&self, value: &str) -> String {
        let parts = self
            .path
            .split('/')
            .map(|part| match part.starts_with('{') {
                true => value,
                false => part,
            });
        parts.collect::<Vec<_>>().join("/")
    }

    /// Calls it as the document says, with `value` for each placeholder.
    pub async fn call(&self, client: &Client, value: &str) -> Answer {
        let request = client.request(&self.method, &self.path_with(value));
        send(match &self.body {
            Some((kind, body)) => request.header("content-type", kind).body(body.to_string()),
            None => request,
        })
        .await
    }
}

/// All that the server's document names.
pub async fn operations(stranger: &Client) -> Vec<Operation> {
    let document = stranger.get("/api/v1/openapi.json").await.expect(200);
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push(Operation {
                method: method.to_uppercase(),
                path: path.clone(),
                is_public: is_public(&document, operation),
                body: body(&document, operation),
                queries: queries(operation),
            });
        }
    }
    assert!(operations.len() > 40, "{operations:#?}");
    operations
}

/// An empty requirement among those that are enough means that nothing is required.
fn is_public(document: &Value, operation: &Value) -> bool {
    let security = operation.get("security").unwrap_or(&document["security"]);
    let required = security.as_array().unwrap();
    required.is_empty() || required.iter().any(|one| one == &json!({}))
}

fn queries(operation: &Value) -> Vec<String> {
    let parameters = operation["parameters"].as_array().into_iter().flatten();
    parameters
        .filter(|parameter| parameter["in"] == "query")
        .map(|parameter| parameter["name"].as_str().unwrap().to_owned())
        .collect()
}

fn body(document: &Value, operation: &Value) -> Option<(String, Value)> {
    let content = operation["requestBody"]["content"].as_object()?;
    let (kind, of_kind) = match content.get_key_value("application/json") {
        Some(found) => found,
        None => content.iter().next()?,
    };
    Some((kind.clone(), example(document, &of_kind["schema"])))
}

/// The simplest value that a schema allows, with every field that it names.
fn example(document: &Value, schema: &Value) -> Value {
    if let Some(name) = schema["$ref"].as_str() {
        let name = name.rsplit('/').next().unwrap();
        return example(document, &document["components"]["schemas"][name]);
    }
    for choice in ["oneOf", "anyOf", "allOf"] {
        let choices = schema[choice].as_array().into_iter().flatten();
        if let Some(first) = choices.into_iter().find(|one| one["type"] != "null") {
            return example(document, first);
        }
    }
    // The last, for `admin` is the first of the scopes, and nobody else may give it away.
    if let Some(last) = schema["enum"].as_array().and_then(|values| values.last()) {
        return last.clone();
    }
    let kind = match &schema["type"] {
        Value::Array(kinds) => kinds.iter().find(|kind| *kind != "null").unwrap(),
        kind => kind,
    };
    match kind.as_str() {
        Some("object") => {
            let mut object = Map::new();
            for (name, of_field) in schema["properties"].as_object().into_iter().flatten() {
                object.insert(name.clone(), example(document, of_field));
            }
            Value::Object(object)
        }
        Some("array") => json!([example(document, &schema["items"])]),
        Some("integer" | "number") => json!(1),
        Some("boolean") => json!(true),
        Some("string") if schema["format"] == "date-time" => json!("2030-01-01T00:00:00Z"),
        Some("string") => schema.get("example").cloned().unwrap_or(json!("text")),
        _ => panic!("no example of {schema}"),
    }
}
