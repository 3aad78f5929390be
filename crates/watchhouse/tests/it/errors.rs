//! What a call answers when it cannot do what was asked: always a problem, never a crash.

use std::collections::BTreeMap;

use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};

use crate::app::TestApp;
use crate::client::{Answer, Client, send};
use crate::make;
use crate::operations::{Operation, operations};

async fn post_text(client: &Client, path: &str, body: impl Into<Vec<u8>>) -> Answer {
    client.post_bytes(path, "application/json", body).await
}

#[tokio::test]
async fn a_broken_body_is_named_with_its_place() {
    let app = TestApp::new().await;
    let admin = app.admin();

    for body in [
        "",
        "{",
        "{\"name\":",
        "{\"name\":\"a\"} x",
        "nul",
        "\u{feff}{}",
    ] {
        let answer = post_text(&admin, "/api/v1/banks", body).await;
        let problem = answer.expect_problem(400, "invalid_body");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.contains("line 1 column"), "{body:?}: {detail}");
        let field = problem.pointer("/errors/0/field");
        assert_ne!(field, Some(&json!("?")), "{body:?}: {problem}");
    }
    let answer = post_text(&admin, "/api/v1/banks", b"{\"name\":\"\xff\"}".to_vec()).await;
    answer.expect_problem(400, "invalid_body");
    let deep = format!("{{\"name\":{}", "[".repeat(100_000));
    let answer = post_text(&admin, "/api/v1/banks", deep).await;
    answer.expect_problem(400, "invalid_body");
    assert_eq!(app.count("banks").await, 0);
}

#[tokio::test]
async fn a_wrong_field_is_named() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let banks = "/api/v1/banks".to_owned();
    let hashes = format!("{banks}/{bank}/hashes");
    let wrong: [(&str, Value, &str); 9] = [
        (&banks, json!({ "name": "a", "colour": "red" }), "colour"),
        (&banks, json!({ "name": 7 }), "name"),
        (&banks, json!({ "name": null }), "name"),
        (
            &banks,
            json!({ "name": "a", "threshold": "31" }),
            "threshold",
        ),
        (&banks, json!({ "name": "a", "threshold": -1 }), "threshold"),
        (
            &banks,
            json!({ "name": "a", "threshold": 31.5 }),
            "threshold",
        ),
        (
            &banks,
            json!({ "name": "a", "is_enabled": 1 }),
            "is_enabled",
        ),
        (
            &hashes,
            json!({ "hashes": [{ "kind": "pdq", "value": 1 }] }),
            "hashes[0].value",
        ),
        (
            &hashes,
            json!({ "hashes": [{ "kind": "pdq", "size": 1 }] }),
            "hashes[0].size",
        ),
    ];

    for (path, body, field) in wrong {
        let problem = admin
            .post(path, body.clone())
            .await
            .expect_problem(400, "invalid_body");
        assert_eq!(problem["errors"][0]["field"], field, "{body}: {problem}");
    }
    let problem = admin
        .post(&banks, json!({}))
        .await
        .expect_problem(400, "invalid_body");
    assert_eq!(problem["detail"], "missing field `name` at line 1 column 2");
}

#[tokio::test]
async fn an_object_is_not_taken_from_an_array() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;

    let in_order = json!([null, "changed", null, null, null, null]);
    let answer = admin
        .patch(&format!("/api/v1/banks/{bank}"), in_order)
        .await;

    answer.expect_problem(400, "invalid_body");
}

#[tokio::test]
async fn nothing_is_read_from_whoever_may_not_send_it() {
    let app = TestApp::new().await;
    let nobody = app.client("nobody", &["ledger:read"]).await;
    let operations = operations(&app.stranger()).await.into_iter();

    let mut n_calls = 0;
    for operation in operations.filter(|one| one.body.is_some() && !one.is_public) {
        let path = operation.path_with("0");
        let request = nobody.request(&operation.method, &path);
        let request = request.header("content-type", "application/json");
        let answer = send(request.body("{")).await;
        let is_about_oneself = path.starts_with("/api/v1/session");
        let code = match is_about_oneself {
            true => "not_a_person",
            false => "scope_missing",
        };
        answer.expect_problem(403, code);
        n_calls += 1;
    }
    assert!(n_calls >= 11, "only {n_calls} calls");
}

#[tokio::test]
async fn json_is_asked_for_by_its_name() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let body = json!({ "name": "list" }).to_string();

    for kind in [
        "text/plain",
        "application/x-www-form-urlencoded",
        "application/jsonx",
        "json",
    ] {
        let answer = admin.post_bytes("/api/v1/banks", kind, body.clone()).await;
        answer.expect_problem(415, "not_json");
    }
    let bare = admin.request("POST", "/api/v1/banks").body(body.clone());
    send(bare).await.expect_problem(415, "not_json");
    let answer = admin
        .post_bytes("/api/v1/banks", "Application/JSON; charset=utf-8", body)
        .await;
    answer.expect(201);
}

#[tokio::test]
async fn a_body_that_is_too_large_is_refused() {
    let app = TestApp::with(|config| {
        config.server.max_body_bytes = 1_000;
        config.scan.max_bytes = 2_000;
    })
    .await;
    let admin = app.admin();
    let fits = |n: usize| format!("{{\"name\":\"list\",\"owner\":\"{}\"}}", "x".repeat(n));
    let around = fits(0).len();

    let refused = post_text(&admin, "/api/v1/banks", fits(1_001 - around)).await;
    let accepted = post_text(&admin, "/api/v1/banks", fits(1_000 - around)).await;
    let scan = admin.scan("post-1", vec![0; 2_001]).await;

    refused.expect_problem(413, "body_too_large");
    accepted.expect(201);
    scan.expect_problem(413, "body_too_large");
}

#[tokio::test]
async fn a_form_takes_media_as_large_as_the_settings_say() {
    let app = TestApp::with(|config| config.scan.max_bytes = 5_000_000).await;
    let item = json!({ "id": "post-1", "surface": "public" }).to_string();
    let form = |size: usize| {
        let media = reqwest::multipart::Part::bytes(vec![7; size]);
        reqwest::multipart::Form::new()
            .text("item", item.clone())
            .part("media", media)
    };
    let admin = app.admin();

    let fits = send(
        admin
            .request("POST", "/api/v1/scan")
            .multipart(form(5_000_000)),
    )
    .await;
    let larger = send(
        admin
            .request("POST", "/api/v1/scan")
            .multipart(form(5_000_001)),
    )
    .await;
    let largest = send(
        admin
            .request("POST", "/api/v1/scan")
            .multipart(form(9_000_000)),
    )
    .await;

    assert_eq!(fits.expect(200)["media"]["size_bytes"], 5_000_000);
    larger.expect_problem(413, "body_too_large");
    largest.expect_problem(413, "body_too_large");
}

#[tokio::test]
async fn what_is_not_there_is_a_problem_too() {
    let app = TestApp::new().await;
    let admin = app.admin();

    for path in [
        "/api/v1/nothing",
        "/api/v2/banks",
        "/api/v1/banks/",
        "/x",
        "/api",
    ] {
        admin.get(path).await.expect_problem(404, "no_such_route");
    }
    for path in ["/docs/nothing.js", "/api/v1/ledger/tile/0/000.p/0"] {
        let answer = admin.get(path).await;
        assert_eq!(answer.status, 404, "{path}: {}", answer.text());
    }
    for (method, path) in [
        ("PUT", "/api/v1/banks"),
        ("DELETE", "/api/v1/banks"),
        ("POST", "/healthz"),
        ("POST", "/api/v1/openapi.json"),
        ("BREW", "/api/v1/banks"),
    ] {
        let answer = send(admin.request(method, path)).await;
        answer.expect_problem(405, "no_such_method");
        assert!(answer.header("allow").unwrap().contains("GET"), "{path}");
    }
}

#[tokio::test]
async fn every_list_refuses_parameters_that_it_does_not_know() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let lists = operations(&app.stranger()).await.into_iter();
    let lists = lists.filter(|one| one.queries.contains(&"limit".to_owned()));
    let bank = admin.bank("list").await;

    let mut seen = 0;
    for list in lists {
        let path = list.path_with(&bank);
        for query in [
            "limit=0",
            "limit=201",
            "limit=-1",
            "limit=x",
            "limit=1&limit=2",
            "limit=",
        ] {
            let answer = admin.get(&format!("{path}?{query}")).await;
            answer.expect_problem(422, "invalid");
        }
        let problem = admin
            .get(&format!("{path}?colour=red"))
            .await
            .expect_problem(422, "invalid");
        assert!(
            problem["detail"].as_str().unwrap().contains("`colour`"),
            "{problem}"
        );
        admin.get(&format!("{path}?limit=200")).await.expect(200);
        seen += 1;
    }
    assert!(seen >= 9, "only {seen} lists");
}

#[tokio::test]
async fn a_cursor_that_is_none_is_refused() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;

    let answer = admin
        .get(&format!("/api/v1/banks/{bank}/hashes?after=x"))
        .await;

    let problem = answer.expect_problem(422, "invalid");
    assert_eq!(problem["errors"][0]["field"], "after");
}

#[tokio::test]
async fn paths_that_name_nothing_are_not_found() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let operations = operations(&app.stranger()).await.into_iter();
    let with_place = operations.filter(|one| one.path.contains('{'));
    let places = ["%ff", "%F0%9F%90%9D", "..%2F..", "%27%20OR%201=1", "-1"];
    let long = "x".repeat(8_000);

    for operation in with_place {
        for place in places.into_iter().chain([long.as_str()]) {
            let answer = operation.call(&admin, place).await;
            assert!(
                (400..500).contains(&answer.status),
                "{operation:?} with {place}: {} {}",
                answer.status,
                answer.text()
            );
            if operation.method == "GET" {
                answer.expect_problem(404, "not_found");
            }
        }
    }
}

/// Everything of which there can be one, so that hostile calls come as far as the database.
async fn ids(app: &TestApp) -> BTreeMap<&'static str, String> {
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let media = make::picture(1);
    let hash = admin.add_pdq(&bank, &make::pdq(&media)).await;
    let endpoint = json!({ "url": "http://127.0.0.1:9/" });
    let endpoint = admin.post("/api/v1/webhook-endpoints", endpoint).await;
    let scan = admin.scan("post-1", media).await.expect(200);
    let case = scan["case"].as_str().unwrap().to_owned();
    let claim = format!("/api/v1/cases/{case}/claim");
    admin.post(&claim, json!({})).await.expect(200);
    BTreeMap::from([
        ("banks", bank),
        ("hashes", hash),
        (
            "webhook-endpoints",
            endpoint.expect(201)["id"].as_str().unwrap().to_owned(),
        ),
        ("cases", case),
        ("items", scan["item"]["id"].as_str().unwrap().to_owned()),
        ("entries", "0".to_owned()),
    ])
}

/// The operation's path with ids of things that are there.
fn real_path(operation: &Operation, ids: &BTreeMap<&str, String>) -> String {
    let mut noun = "";
    let parts = operation.path.split('/').map(|part| {
        let known = ids.get(noun).map_or("none", String::as_str);
        noun = part;
        if part.starts_with('{') { known } else { part }
    });
    parts.collect::<Vec<_>>().join("/")
}

/// What a hostile caller puts where a value stands.
fn hostile_values() -> Vec<String> {
    let mut values: Vec<String> = [
        r#""\u0000""#,
        r#""a\u0000b""#,
        r#""\ud800""#,
        "null",
        "-1",
        "0",
        "1e400",
        "1e18",
        "18446744073709551615",
        "9223372036854775808",
        "4294967295",
        "{}",
        "[]",
        "true",
        r#""""#,
        r#"" ""#,
        r#""'; DROP TABLE banks; --""#,
        r#""🐝\u202e""#,
        r#""-999999-01-01T00:00:00Z""#,
        r#""9999-12-30T22:00:00Z""#,
        r#"[["\u0000"]]"#,
        r#"{"a\u0000":1}"#,
        r#"[{"\u0000":"\u0000"}]"#,
    ]
    .map(str::to_owned)
    .to_vec();
    values.push(format!("\"{}\"", "ä".repeat(200_000)));
    values.push(format!("{}1{}", "[".repeat(120), "]".repeat(120)));
    values
}

/// The bodies that come from putting `value` in the place of each field, one after the other.
fn with_each_field(body: &Value, value: &str) -> Vec<String> {
    const PLACE: &str = "the place";
    let put = |changed: Value| changed.to_string().replace(&format!("\"{PLACE}\""), value);
    let mut bodies = Vec::new();
    for (name, field) in body.as_object().into_iter().flatten() {
        let mut changed = body.clone();
        changed[name] = json!(PLACE);
        bodies.push(put(changed));
        if let Some(inner) = field.get(0).and_then(Value::as_object) {
            for name_within in inner.keys() {
                let mut changed = body.clone();
                changed[name][0][name_within] = json!(PLACE);
                bodies.push(put(changed));
            }
        }
    }
    bodies
}

fn is_answered(answer: &Answer, what: &str) {
    assert!(answer.status < 500, "{what}: {}", answer.text());
    if answer.status >= 400 {
        let code = answer.json()["code"]
            .as_str()
            .unwrap_or_default()
            .to_owned();
        answer.expect_problem(answer.status, &code);
    }
}

#[tokio::test]
async fn no_body_makes_the_server_fail() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let ids = ids(&app).await;
    let mut n_calls = 0;

    for value in hostile_values() {
        for operation in operations(&app.stranger()).await {
            let Some((kind, body)) = &operation.body else {
                continue;
            };
            let path = real_path(&operation, &ids);
            let mut bodies = with_each_field(body, &value);
            bodies.push(value.clone());
            for body in bodies {
                let what = format!("{} {path} {:.200}", operation.method, body);
                let request = admin.request(&operation.method, &path);
                let answer = send(request.header("content-type", kind).body(body)).await;
                is_answered(&answer, &what);
                n_calls += 1;
            }
        }
    }
    assert!(n_calls > 500, "only {n_calls} calls");
}

#[tokio::test]
async fn no_query_makes_the_server_fail() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let ids = ids(&app).await;
    let long = "x".repeat(20_000);
    let values = [
        "%00",
        "a%00b",
        "%ff%fe",
        "%F0%9F%90%9D",
        "%27%20OR%201=1--",
        "",
        "%25",
        "%",
        "+",
        "-1",
        "9223372036854775807",
        "9223372036854775808",
        "99999999999999999999",
        "null",
        "true",
        &long,
    ];
    let mut n_calls = 0;

    for operation in operations(&app.stranger()).await {
        let path = real_path(&operation, &ids);
        for name in &operation.queries {
            for value in values {
                let mut query = format!("{name}={value}");
                if operation.path.ends_with("/scan") {
                    let item = if name == "item" { "" } else { "&item=a" };
                    let surface = if name == "surface" {
                        ""
                    } else {
                        "&surface=public"
                    };
                    query = format!("{query}{item}{surface}");
                }
                if operation.path.ends_with("/import") && name != "format" {
                    query = format!("{query}&format=plain");
                }
                let request = admin.request(&operation.method, &format!("{path}?{query}"));
                let request = match operation.method.as_str() {
                    "POST" => request
                        .header("content-type", "text/plain")
                        .body("md5 0123456789abcdef0123456789abcdef"),
                    _ => request,
                };
                let answer = send(request).await;
                let what = format!("{} {path}?{:.200}", operation.method, query);
                is_answered(&answer, &what);
                assert!(
                    !value.contains("%00") || answer.status == 422,
                    "{what}: {}",
                    answer.status
                );
                n_calls += 1;
            }
        }
    }
    assert!(n_calls > 200, "only {n_calls} calls");
}

#[tokio::test]
async fn no_text_holds_a_null_character() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let hash = make::pdq(&make::picture(1));

    let answers = [
        admin.post("/api/v1/banks", json!({ "name": "a\0b" })).await,
        admin
            .patch(&format!("/api/v1/banks/{bank}"), json!({ "owner": "a\0b" }))
            .await,
        admin
            .post(
                &format!("/api/v1/banks/{bank}/hashes"),
                json!({ "hashes": [{ "kind": "pdq", "value": hash, "source": "\0" }] }),
            )
            .await,
        admin
            .post("/api/v1/keys", json!({ "name": "\0", "scopes": ["scan"] }))
            .await,
        admin.scan("post%00", make::picture(1)).await,
        admin.get("/api/v1/items?external_id=%00").await,
    ];
    // Not a null character: a backslash, and then digits.
    let escaped = post_text(&admin, "/api/v1/banks", r#"{"name":"\\u0000"}"#).await;

    for answer in answers {
        answer.expect_problem(422, "invalid");
    }
    assert_eq!(escaped.expect(201)["name"], r"\u0000");
    assert_eq!(app.count("items").await, 0);
}

#[tokio::test]
async fn every_answer_has_an_id_of_its_own() {
    let app = TestApp::new().await;

    let mut seen = std::collections::HashSet::new();
    for path in [
        "/healthz",
        "/api/v1/ledger",
        "/api/v1/banks",
        "/nothing",
        "/docs/",
    ] {
        let answer = app.stranger().get(path).await;
        let id = answer.header("x-request-id").unwrap().to_owned();
        assert!(id.starts_with("req_"), "{id}");
        assert!(seen.insert(id));
        assert_eq!(answer.header("x-content-type-options"), Some("nosniff"));
    }
}

/// Sends bytes as they are and reads what comes until the other side closes or falls silent.
async fn raw(app: &TestApp, bytes: &[u8]) -> String {
    let mut stream = tokio::net::TcpStream::connect(app.address).await.unwrap();
    stream.write_all(bytes).await.unwrap();
    stream.shutdown().await.unwrap();
    let mut answer = Vec::new();
    stream.read_to_end(&mut answer).await.unwrap();
    String::from_utf8_lossy(&answer).into_owned()
}

#[tokio::test]
async fn what_is_no_http_does_not_hurt() {
    let app = TestApp::new().await;
    let long = format!("GET /{} HTTP/1.1\r\nhost: a\r\n\r\n", "x".repeat(200_000));
    let many = format!(
        "GET / HTTP/1.1\r\nhost: a\r\n{}\r\n",
        "a: b\r\n".repeat(200)
    );
    let requests: [&[u8]; 7] = [
        b"\x00\x01\x02\r\n\r\n",
        b"GET /\xff\xfe HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET /api/v1/banks?after=\xff HTTP/1.1\r\nhost: a\r\n\r\n",
        b"GET / HTTP/9.9\r\nhost: a\r\n\r\n",
        b"POST /api/v1/banks HTTP/1.1\r\nhost: a\r\ncontent-length: 5\r\ncontent-length: 6\r\n\r\nabcdef",
        long.as_bytes(),
        many.as_bytes(),
    ];

    for request in requests {
        let answer = raw(&app, request).await;
        let status = answer.split(' ').nth(1).unwrap_or("000");
        assert!(answer.is_empty() || status.starts_with('4'), "{answer}");
    }
    app.stranger().get("/healthz").await.expect(200);
}
