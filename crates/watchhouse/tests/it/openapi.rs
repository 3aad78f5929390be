//! The API's own description: true, whole, and the one that is checked in.

use std::collections::BTreeSet;
use std::path::Path;

use serde_json::Value;
use walkdir::WalkDir;

use crate::app::{PROGRAM, TestApp};

/// The document of a running server.
pub async fn document(app: &TestApp) -> Value {
    app.stranger().get("/api/v1/openapi.json").await.expect(200)
}

/// Every operation: method in capitals, path, description.
pub fn operations(document: &Value) -> Vec<(String, String, Value)> {
    let mut operations = Vec::new();
    for (path, item) in document["paths"].as_object().unwrap() {
        for (method, operation) in item.as_object().unwrap() {
            operations.push((method.to_uppercase(), path.clone(), operation.clone()));
        }
    }
    operations
}

fn root() -> &'static Path {
    Path::new(concat!(env!("CARGO_MANIFEST_DIR"), "/../.."))
}

#[test]
fn the_file_openapi_json_is_what_the_program_prints() {
    let output = std::process::Command::new(PROGRAM)
        .arg("openapi")
        .output()
        .unwrap();
    let printed = String::from_utf8(output.stdout).unwrap();

    let file = std::fs::read_to_string(root().join("openapi.json")).unwrap_or_default();

    assert!(output.status.success());
    // Not assert_eq: nobody reads two documents of thousands of lines.
    let differs = file
        .lines()
        .zip(printed.lines())
        .position(|(file, printed)| file != printed);
    assert!(
        file == printed,
        "openapi.json is not what the program prints (line {:?}); look at the difference, and if it is \
         meant: `target/debug/watchhouse openapi > openapi.json`",
        differs.map(|line| line + 1)
    );
}

#[tokio::test]
async fn the_server_serves_the_document_that_the_program_prints() {
    let app = TestApp::new().await;
    let printed = std::process::Command::new(PROGRAM)
        .arg("openapi")
        .output()
        .unwrap()
        .stdout;

    let served = document(&app).await;

    assert_eq!(served, serde_json::from_slice::<Value>(&printed).unwrap());
    assert!(
        served["openapi"].as_str().unwrap().starts_with("3.1."),
        "{}",
        served["openapi"]
    );
    assert_eq!(served["info"]["title"], "Watchhouse");
}

#[tokio::test]
async fn every_operation_says_what_it_is() {
    let app = TestApp::new().await;
    let document = document(&app).await;
    let tags: Vec<&Value> = document["tags"]
        .as_array()
        .unwrap()
        .iter()
        .map(|tag| &tag["name"])
        .collect();
    let sources = handlers();
    let mut names = BTreeSet::new();

    let operations = operations(&document);

    assert!(operations.len() >= 45, "{} operations", operations.len());
    for (method, path, operation) in &operations {
        let what = format!("{method} {path}");
        let name = operation["operationId"]
            .as_str()
            .unwrap_or_else(|| panic!("{what} has no id"));
        assert!(
            names.insert(name.to_owned()),
            "{what}: \"{name}\" comes twice"
        );
        assert!(
            sources.contains(name),
            "{what}: there is no handler \"{name}\""
        );
        let summary = operation["summary"].as_str().unwrap_or_default();
        assert!(
            summary.ends_with('.') && summary.len() > 8,
            "{what} has the summary \"{summary}\""
        );
        let own = operation["tags"].as_array().unwrap();
        assert_eq!(own.len(), 1, "{what}");
        assert!(
            tags.contains(&&own[0]),
            "{what} has the unknown tag {}",
            own[0]
        );
        let problem = &operation["responses"]["default"]["content"]["application/problem+json"];
        assert_eq!(
            problem["schema"]["$ref"], "#/components/schemas/Problem",
            "{what}"
        );
        let is_success = |status: &String| status.starts_with('2');
        assert!(
            operation["responses"]
                .as_object()
                .unwrap()
                .keys()
                .any(is_success),
            "{what}"
        );
        check_parameters(&what, path, operation);
        if matches!(method.as_str(), "PATCH") {
            assert!(
                operation["requestBody"]["content"].is_object(),
                "{what} has no body"
            );
        }
    }
}

/// Every `{name}` in the path is a parameter, and every path parameter is in the path.
fn check_parameters(what: &str, path: &str, operation: &Value) {
    let in_path: BTreeSet<&str> = path
        .split('{')
        .skip(1)
        .map(|rest| rest.split('}').next().unwrap())
        .collect();
    let mut described = BTreeSet::new();
    for parameter in operation["parameters"].as_array().into_iter().flatten() {
        let name = parameter["name"].as_str().unwrap();
        assert!(
            parameter["schema"].is_object(),
            "{what}: \"{name}\" has no schema"
        );
        if parameter["in"] == "path" {
            let description = parameter["description"].as_str().unwrap_or_default();
            assert!(
                description.ends_with('.'),
                "{what}: {name} is not described"
            );
            assert_eq!(parameter["required"], true, "{what}: {name}");
            described.insert(name);
        }
    }
    assert_eq!(in_path, described, "{what}");
}

/// The texts of the files that hold handlers.
fn sources() -> impl Iterator<Item = String> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/src/http");
    WalkDir::new(directory)
        .into_iter()
        .map(|entry| entry.unwrap().into_path())
        .filter(|path| path.is_file())
        .map(|path| std::fs::read_to_string(path).unwrap())
}

/// The names of the functions below `#[utoipa::path]`.
fn handlers() -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    for text in sources() {
        for rest in text.split("#[utoipa::path(").skip(1) {
            let (_, function) = rest.split_once("pub async fn ").unwrap();
            names.insert(function.split('(').next().unwrap().to_owned());
        }
    }
    names
}

#[tokio::test]
async fn every_post_that_happens_once_says_so() {
    let mut happen_once = BTreeSet::new();
    for text in sources() {
        for rest in text.split("#[utoipa::path(").skip(1) {
            let (_, function) = rest.split_once("pub async fn ").unwrap();
            if rest.contains("once.replayed(") {
                happen_once.insert(function.split('(').next().unwrap().to_owned());
            }
        }
    }
    let app = TestApp::new().await;

    let mut said = BTreeSet::new();
    for (method, path, operation) in operations(&document(&app).await) {
        let parameters = operation["parameters"].as_array().into_iter().flatten();
        let takes_key = parameters
            .filter(|one| one["name"] == "Idempotency-Key" && one["in"] == "header")
            .count();
        let responses = operation["responses"].as_object().unwrap().values();
        let may_replay = responses
            .filter(|one| one["headers"].get("Idempotency-Replayed").is_some())
            .count();
        assert_eq!(takes_key, may_replay, "{method} {path}");
        if takes_key == 1 {
            said.insert(operation["operationId"].as_str().unwrap().to_owned());
        }
    }

    assert_eq!(said, happen_once);
    assert_eq!(said.len(), 14);
}

#[tokio::test]
async fn every_reference_leads_somewhere() {
    fn references<'a>(value: &'a Value, found: &mut Vec<&'a str>) {
        match value {
            Value::Object(fields) => {
                for (name, field) in fields {
                    match field {
                        Value::String(to) if name == "$ref" => found.push(to),
                        field => references(field, found),
                    }
                }
            }
            Value::Array(items) => items.iter().for_each(|item| references(item, found)),
            _ => {}
        }
    }
    let app = TestApp::new().await;
    let document = document(&app).await;

    let mut found = Vec::new();
    references(&document, &mut found);

    assert!(found.len() > 50, "{} references", found.len());
    for reference in found {
        let pointer = reference.strip_prefix('#').unwrap();
        assert!(
            document.pointer(pointer).is_some(),
            "\"{reference}\" leads nowhere"
        );
    }
}

#[tokio::test]
async fn only_what_is_public_is_open_to_strangers() {
    let app = TestApp::new().await;
    let stranger = app.stranger();
    let document = document(&app).await;
    assert_eq!(
        document["security"],
        serde_json::json!([{ "key": [] }, { "session": [] }])
    );
    let mut open = Vec::new();

    for (method, path, operation) in operations(&document) {
        let is_open = operation["security"] == serde_json::json!([{}]);
        let path = path.replace(['{', '}'], "");
        let body = serde_json::json!({});
        let answer = crate::client::send(stranger.request(&method, &path).json(&body)).await;
        if is_open {
            open.push(operation["operationId"].as_str().unwrap().to_owned());
            assert_ne!(answer.status, 401, "{method} {path}");
        } else {
            answer.expect_problem(401, "key_missing");
        }
    }

    open.sort();
    assert_eq!(
        open,
        [
            "accept_invitation",
            "appeal_receipt",
            "appeal_statement",
            "create_session",
            "show_checkpoint",
            "show_health",
            "show_ledger",
            "show_metrics",
            "show_readiness",
            "show_receipt",
            "show_statement",
            "show_tile"
        ]
    );
}
