//! API keys: what they open, what they do not, and that their secrets are nowhere.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Duration;

use expect_test::expect;
use serde_json::{Value, json};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpStream;
use watchhouse::auth::{KnownKeys, Scope};
use watchhouse::hex;
use watchhouse::id::{KeyId, Name as _};

use crate::app::{TestApp, insert_key, is_postgres};
use crate::client::{Answer, Client, send};
use crate::make;
use crate::operations::operations;

const KEYS: &str = "/api/v1/keys";

async fn make_key(client: &Client, body: Value) -> Value {
    client.post(KEYS, body).await.expect(201)
}

fn text<'a>(value: &'a Value, field: &str) -> &'a str {
    value[field].as_str().unwrap()
}

/// Anybody may try to sign in, and the document's example is nobody's password.
fn is_refused_sign_in(answer: &Answer) -> bool {
    answer.status == 401 && answer.json()["code"] == "sign_in_refused"
}

#[tokio::test]
async fn every_call_needs_its_scope_and_no_other() {
    let app = TestApp::new().await;
    let mut clients = BTreeMap::new();
    for scope in Scope::ALL.into_iter().filter(|one| *one != Scope::Admin) {
        let scope = scope.as_str();
        clients.insert(scope, app.client(scope, &[scope]).await);
    }

    let mut opened = String::new();
    for operation in operations(&app.stranger()).await {
        let mut fitting = Vec::new();
        let mut is_for_people = false;
        for (scope, client) in &clients {
            let answer = operation.call(client, "0").await;
            match answer.status {
                403 if answer.json()["code"] == "not_a_person" => {
                    is_for_people = true;
                }
                403 => {
                    answer.expect_problem(403, "scope_missing");
                }
                401 if !is_refused_sign_in(&answer) => {
                    panic!("{operation:?} with {scope}: {}", answer.text())
                }
                _ => fitting.push(*scope),
            }
        }
        let answer = operation.call(&app.admin(), "0").await;
        let is_open =
            is_for_people || is_refused_sign_in(&answer) || ![401, 403].contains(&answer.status);
        assert!(is_open, "{}", answer.text());
        let fitting = match fitting.len() {
            0 if is_for_people => "people alone".to_owned(),
            n if n == clients.len() && operation.is_public => "everybody".to_owned(),
            n if n == clients.len() => "every key".to_owned(),
            _ => fitting.join(", "),
        };
        writeln!(opened, "{} {}: {fitting}", operation.method, operation.path).unwrap();
    }

    expect![[r#"
        GET /api/v1/accounts: items:read
        GET /api/v1/accounts/{id}: items:read
        GET /api/v1/accounts/{id}/strikes: cases:read
        GET /api/v1/actions: actions:read
        GET /api/v1/actions/{id}: actions:read
        POST /api/v1/actions/{id}/outcome: actions:write
        GET /api/v1/appeals: cases:read
        GET /api/v1/appeals/{id}: cases:read
        PATCH /api/v1/appeals/{id}: cases:decide
        GET /api/v1/banks: banks:read
        POST /api/v1/banks: banks:write
        GET /api/v1/banks/{id}: banks:read
        PATCH /api/v1/banks/{id}: banks:write
        GET /api/v1/banks/{id}/hashes: banks:read
        POST /api/v1/banks/{id}/hashes: banks:write
        DELETE /api/v1/banks/{id}/hashes/{hash}: banks:write
        POST /api/v1/banks/{id}/import: banks:write
        GET /api/v1/cases: cases:read
        POST /api/v1/cases/next: cases:decide
        GET /api/v1/cases/{id}: cases:read
        POST /api/v1/cases/{id}/claim: cases:decide
        POST /api/v1/cases/{id}/decisions: cases:decide
        POST /api/v1/cases/{id}/decisions/preview: cases:decide
        POST /api/v1/cases/{id}/release: cases:decide
        GET /api/v1/decisions: cases:read
        GET /api/v1/decisions/{id}: cases:read
        POST /api/v1/decisions/{id}/reversal: cases:decide
        POST /api/v1/decisions/{id}/second: cases:decide
        GET /api/v1/decisions/{id}/statements: cases:read
        POST /api/v1/decisions/{id}/undo: cases:decide
        GET /api/v1/deliveries: webhooks:read
        GET /api/v1/deliveries/{id}: webhooks:read
        POST /api/v1/deliveries/{id}/replay: webhooks:write
        POST /api/v1/invitations/accept: everybody
        GET /api/v1/items: items:read
        GET /api/v1/items/{id}: items:read
        GET /api/v1/keys: keys:write
        POST /api/v1/keys: keys:write
        GET /api/v1/keys/current: every key
        DELETE /api/v1/keys/{id}: keys:write
        GET /api/v1/keys/{id}: keys:write
        GET /api/v1/ledger: everybody
        GET /api/v1/ledger/checkpoint: everybody
        GET /api/v1/ledger/entries: ledger:read
        GET /api/v1/ledger/entries/{index}: ledger:read
        GET /api/v1/ledger/entries/{index}/proof: ledger:read
        GET /api/v1/ledger/tile/{path}: everybody
        POST /api/v1/lookup: lookup
        GET /api/v1/organisations: organisations:read
        POST /api/v1/organisations: organisations:write
        GET /api/v1/organisations/{id}: organisations:read
        PATCH /api/v1/organisations/{id}: organisations:write
        GET /api/v1/people: people:read
        POST /api/v1/people: people:write
        GET /api/v1/people/{id}: people:read
        PATCH /api/v1/people/{id}: people:write
        POST /api/v1/people/{id}/invite: people:write
        GET /api/v1/policies: policies:read
        POST /api/v1/policies: policies:write
        GET /api/v1/policies/{id}: policies:read
        PATCH /api/v1/policies/{id}: policies:write
        GET /api/v1/policies/{id}/versions: policies:read
        POST /api/v1/policies/{id}/versions: policies:write
        GET /api/v1/receipts/{token}: everybody
        POST /api/v1/receipts/{token}/appeal: everybody
        GET /api/v1/reports: reports:read
        POST /api/v1/reports: reports:write
        GET /api/v1/reports/{id}: reports:read
        GET /api/v1/roles: people:read
        POST /api/v1/roles: people:write
        GET /api/v1/roles/{name}: people:read
        PATCH /api/v1/roles/{name}: people:write
        POST /api/v1/scan: scan
        DELETE /api/v1/session: people alone
        GET /api/v1/session: people alone
        POST /api/v1/session: everybody
        POST /api/v1/session/password: people alone
        POST /api/v1/session/second-factor: people alone
        POST /api/v1/session/second-factor/confirm: people alone
        POST /api/v1/session/second-factor/remove: people alone
        GET /api/v1/sessions: people alone
        DELETE /api/v1/sessions/{id}: people alone
        GET /api/v1/statements/{token}: everybody
        POST /api/v1/statements/{token}/appeal: everybody
        GET /api/v1/webhook-endpoints: webhooks:read
        POST /api/v1/webhook-endpoints: webhooks:write
        DELETE /api/v1/webhook-endpoints/{id}: webhooks:write
        GET /api/v1/webhook-endpoints/{id}: webhooks:read
        PATCH /api/v1/webhook-endpoints/{id}: webhooks:write
        POST /api/v1/webhook-endpoints/{id}/rotate-secret: webhooks:write
        GET /healthz: everybody
        GET /metrics: everybody
        GET /readyz: everybody
    "#]]
    .assert_eq(&opened);
}

#[tokio::test]
async fn without_a_key_only_what_is_public_answers() {
    let app = TestApp::new().await;
    let stranger = app.stranger();

    for operation in operations(&stranger).await {
        let answer = operation.call(&stranger, "none").await;
        if operation.is_public {
            let is_open = is_refused_sign_in(&answer) || ![401, 403].contains(&answer.status);
            assert!(is_open, "{operation:?}");
        } else {
            answer.expect_problem(401, "key_missing");
            assert_eq!(answer.header("www-authenticate"), Some("Bearer"));
        }
    }
    assert_eq!(app.count("banks").await, 0);
}

#[tokio::test]
async fn a_header_that_holds_no_known_key_is_refused() {
    let app = TestApp::new().await;
    let key = make_key(&app.admin(), json!({ "name": "a", "scopes": ["scan"] })).await;
    let other = make_key(&app.admin(), json!({ "name": "b", "scopes": ["scan"] })).await;
    let secret = text(&key, "secret");
    let (id, hidden) = secret.split_once('.').unwrap();
    let (other_id, _) = text(&other, "secret").split_once('.').unwrap();
    let call = async |value: &str| {
        let request = app.stranger().request("GET", "/api/v1/keys/current");
        send(request.header("authorization", value)).await
    };

    for value in [
        String::new(),
        "Bearer".to_owned(),
        "Bearer ".to_owned(),
        "Basic YTpi".to_owned(),
        secret.to_owned(),
        format!("Basic {secret}"),
        format!("Bearer {id}"),
        format!("Bearer {id}."),
        format!("Bearer .{hidden}"),
        format!("Bearer {hidden}"),
        format!("Bearer {id}.{}", &hidden[1..]),
        format!("Bearer {id}.{hidden}x"),
        format!("Bearer {id}.{hidden}.{hidden}"),
        format!("Bearer {id}.{}", hidden.to_lowercase()),
        format!("Bearer {other_id}.{hidden}"),
        format!("Bearer {}.{hidden}", id.to_lowercase()),
        format!("Bearer {}.{hidden}", id.replace("whk_", "key_")),
        format!("Bearer {secret},{secret}"),
        format!("Bearer {} {secret}", "x".repeat(5_000)),
        format!("Bearer whk_{}.{hidden}", "é".repeat(13)),
        "Bearer whk_00000000000000000000000000.".to_owned(),
    ] {
        call(&value).await.expect_problem(401, "key_unknown");
    }
    for value in [
        format!("Bearer {secret}"),
        format!("bearer {secret}"),
        format!("BEARER  {secret} "),
    ] {
        assert_eq!(call(&value).await.expect(200)["id"], key["id"], "{value}");
    }
}

#[tokio::test]
async fn a_key_that_is_revoked_during_a_call_makes_no_other() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let key = make_key(
        &admin,
        json!({ "name": "a", "scopes": ["keys:write", "scan"] }),
    )
    .await;
    let path = format!("{KEYS}/{}", text(&key, "id"));
    let body = json!({ "name": "b", "scopes": ["scan"] }).to_string();
    let head = format!(
        "POST {KEYS} HTTP/1.1\r\nhost: a\r\nauthorization: Bearer {}\r\n\
         content-type: application/json\r\ncontent-length: {}\r\nconnection: close\r\n\r\n",
        text(&key, "secret"),
        body.len()
    );
    let mut stream = TcpStream::connect(app.address).await.unwrap();
    stream.write_all(head.as_bytes()).await.unwrap();
    let is_known = async || !admin.get(&path).await.expect(200)["last_used_at"].is_null();
    while !is_known().await {
        tokio::time::sleep(Duration::from_millis(5)).await;
    }

    admin.delete(&path).await.expect(200);
    stream.write_all(body.as_bytes()).await.unwrap();

    let mut answer = String::new();
    stream.read_to_string(&mut answer).await.unwrap();
    assert!(answer.starts_with("HTTP/1.1 401"), "{answer}");
    assert!(answer.contains("key_revoked"), "{answer}");
}

#[tokio::test]
async fn a_revoked_key_opens_nothing_from_that_moment() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let key = make_key(&admin, json!({ "name": "a", "scopes": ["banks:read"] })).await;
    let client = app.client_with(text(&key, "secret"));
    client.get("/api/v1/banks").await.expect(200);
    let path = format!("{KEYS}/{}", text(&key, "id"));

    let revoked = admin.delete(&path).await.expect(200);

    assert_eq!(revoked["revoked_at"], "2026-01-01T00:00:00Z");
    let answer = client.get("/api/v1/banks").await;
    answer.expect_problem(401, "key_revoked");
    app.advance(Duration::from_hours(1));
    let again = admin.delete(&path).await.expect(200);
    assert_eq!(again["revoked_at"], revoked["revoked_at"]);
    assert_eq!(
        app.recorded("key.revoked").await,
        [json!({ "key": key["id"] })]
    );
    let answer = admin.delete(&format!("{KEYS}/key_none")).await;
    answer.expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_key_that_another_node_revokes_is_refused_soon() {
    let app = TestApp::new().await;
    let key = make_key(&app.admin(), json!({ "name": "a", "scopes": ["scan"] })).await;
    let client = app.client_with(text(&key, "secret"));
    let current = "/api/v1/keys/current";
    client.get(current).await.expect(200);
    let id = KeyId::from_text(text(&key, "id").to_owned());
    let other_node = app.store_of_another_node().await;

    let mut tx = other_node.begin().await.unwrap();
    assert!(tx.revoke_key(&id).await.unwrap());
    tx.commit().await.unwrap();

    for _ in 0..500 {
        let answer = client.get(current).await;
        if answer.status != 200 {
            answer.expect_problem(401, "key_revoked");
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the key opens after 5 s what it should not");
}

#[tokio::test]
async fn a_key_that_was_read_before_something_was_revoked_is_not_kept() {
    let app = TestApp::new().await;
    let known = KnownKeys::default();
    let admin = app.admin().get(&format!("{KEYS}/current")).await;
    let id = KeyId::from_text(text(&admin.expect(200), "id").to_owned());
    let mut tx = app.app.store.read().await.unwrap();
    let key = Arc::new(tx.key(&id).await.unwrap().unwrap());

    let reading = known.find(&id).unwrap_err();
    known.forget();
    known.keep(reading, Arc::clone(&key));
    let reading = known.find(&id).unwrap_err();
    known.keep(reading, Arc::clone(&key));

    assert_eq!(known.find(&id).unwrap().id, id);
    known.forget();
    assert!(known.find(&id).is_err());
}

#[tokio::test]
async fn an_expired_key_opens_nothing() {
    let app = TestApp::new().await;
    let body = json!({ "name": "a", "scopes": ["scan"], "expires_at": "2026-01-01T01:00:00Z" });
    let key = make_key(&app.admin(), body).await;
    let client = app.client_with(text(&key, "secret"));
    let current = "/api/v1/keys/current";

    app.advance(Duration::from_secs(3_599));
    client.get(current).await.expect(200);
    app.advance(Duration::from_secs(1));

    client.get(current).await.expect_problem(401, "key_expired");
}

#[tokio::test]
async fn a_key_gives_away_no_more_than_it_has() {
    let app = TestApp::new().await;
    let keeper = app.client("keeper", &["keys:write", "scan"]).await;

    for scopes in [
        json!(["admin"]),
        json!(["scan", "banks:read"]),
        json!(["cases:decide"]),
    ] {
        let body = json!({ "name": "more", "scopes": scopes });
        let answer = keeper.post(KEYS, body).await;
        answer.expect_problem(403, "scope_missing");
    }
    let given = make_key(&keeper, json!({ "name": "less", "scopes": ["scan"] })).await;

    assert_eq!(given["scopes"], json!(["scan"]));
    let given = app.client_with(text(&given, "secret"));
    given
        .get("/api/v1/banks")
        .await
        .expect_problem(403, "scope_missing");
    let answer = given.scan("post-1", make::picture(1)).await;
    assert_eq!(answer.expect(200)["verdict"], "allow");
}

#[tokio::test]
async fn a_key_makes_none_that_outlives_it() {
    let app = TestApp::new().await;
    let end = "2026-01-01T01:00:00Z";
    let keeper = json!({ "name": "keeper", "scopes": ["keys:write", "scan"], "expires_at": end });
    let keeper = make_key(&app.admin(), keeper).await;
    let keeper = app.client_with(text(&keeper, "secret"));
    let ending = |at: Value| json!({ "name": "made", "scopes": ["scan"], "expires_at": at });

    let later = keeper
        .post(KEYS, ending(json!("2026-01-01T01:00:01Z")))
        .await;
    let same = make_key(&keeper, ending(json!(end))).await;
    let sooner = make_key(&keeper, ending(json!("2026-01-01T00:59:59Z"))).await;
    let unsaid = make_key(&keeper, ending(Value::Null)).await;

    later.expect_problem(403, "outlives_caller");
    assert_eq!(same["expires_at"], end);
    assert_eq!(sooner["expires_at"], "2026-01-01T00:59:59Z");
    assert_eq!(unsaid["expires_at"], end);
    let unending = make_key(&app.admin(), ending(Value::Null)).await;
    assert_eq!(unending["expires_at"], Value::Null);
}

#[tokio::test]
async fn a_key_revokes_none_that_may_do_more() {
    let app = TestApp::new().await;
    let keeper = app.client("keeper", &["keys:write", "scan"]).await;
    let admin = app
        .admin()
        .get(&format!("{KEYS}/current"))
        .await
        .expect(200);
    let other = json!({ "name": "other", "scopes": ["scan", "banks:read"] });
    let other = make_key(&app.admin(), other).await;
    let lesser = make_key(
        &app.admin(),
        json!({ "name": "lesser", "scopes": ["scan"] }),
    )
    .await;
    // As a newer version might have made it.
    let unknown = insert_key(&app.app, "unknown", &["scan", "moons:write"]).await;
    let unknown = app
        .client_with(&unknown)
        .get(&format!("{KEYS}/current"))
        .await;

    for key in [&admin, &other, &unknown.expect(200)] {
        let answer = keeper.delete(&format!("{KEYS}/{}", text(key, "id"))).await;
        answer.expect_problem(403, "scope_missing");
    }
    let revoked = keeper
        .delete(&format!("{KEYS}/{}", text(&lesser, "id")))
        .await;

    assert!(revoked.expect(200)["revoked_at"].is_string());
    assert_eq!(app.recorded("key.revoked").await.len(), 1);
    let own = keeper.get(&format!("{KEYS}/current")).await.expect(200);
    let path = format!("{KEYS}/{}", text(&own, "id"));
    keeper.delete(&path).await.expect(200);
}

#[tokio::test]
async fn a_key_that_makes_no_sense_is_refused() {
    let app = TestApp::new().await;
    let before = app.count("api_keys").await;
    let wrong = [
        (
            json!({ "name": " ", "scopes": ["scan"] }),
            422,
            "invalid",
            "name",
        ),
        (
            json!({ "name": "x".repeat(101), "scopes": ["scan"] }),
            422,
            "invalid",
            "name",
        ),
        (
            json!({ "name": "a", "scopes": [] }),
            422,
            "invalid",
            "scopes",
        ),
        (
            json!({ "name": "a", "scopes": ["everything"] }),
            400,
            "invalid_body",
            "scopes[0]",
        ),
        (
            json!({ "name": "a", "scopes": ["scan"], "expires_at": "2026-01-01T00:00:00Z" }),
            422,
            "invalid",
            "expires_at",
        ),
        (
            json!({ "name": "a", "scopes": ["scan"], "expires_at": "tomorrow" }),
            400,
            "invalid_body",
            "expires_at",
        ),
        (
            json!({ "name": "a", "scopes": ["scan"], "rate_per_second": 0 }),
            422,
            "invalid",
            "rate_per_second",
        ),
        (
            json!({ "name": "a", "scopes": ["scan"], "burst": 0 }),
            422,
            "invalid",
            "burst",
        ),
    ];

    for (body, status, code, field) in wrong {
        let answer = app.admin().post(KEYS, body).await;
        let problem = answer.expect_problem(status, code);
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    assert_eq!(app.count("api_keys").await, before);
}

#[tokio::test]
async fn a_keys_last_use_is_shown_to_the_minute() {
    let app = TestApp::new().await;
    let key = make_key(&app.admin(), json!({ "name": "a", "scopes": ["scan"] })).await;
    assert_eq!(key["last_used_at"], Value::Null);
    let client = app.client_with(text(&key, "secret"));
    let shows = async |expected: &str| {
        for _ in 0..500 {
            let shown = app
                .admin()
                .get(&format!("{KEYS}/{}", text(&key, "id")))
                .await;
            if shown.expect(200)["last_used_at"] == expected {
                return;
            }
            tokio::time::sleep(Duration::from_millis(10)).await;
        }
        panic!("the last use is not {expected} after 5 s");
    };

    client.get("/api/v1/keys/current").await.expect(200);
    shows("2026-01-01T00:00:00Z").await;
    app.advance(Duration::from_secs(90));
    client.get("/api/v1/keys/current").await.expect(200);

    shows("2026-01-01T00:01:30Z").await;
}

#[tokio::test]
async fn many_calls_at_once_keep_a_keys_last_use_once() {
    let app = TestApp::new().await;
    let key = make_key(&app.admin(), json!({ "name": "a", "scopes": ["scan"] })).await;
    let id = KeyId::from_text(text(&key, "id").to_owned());
    let client = app.client_with(text(&key, "secret"));
    app.settle().await;
    // Nobody else can write this row, or on SQLite anything at all.
    let mut tx = app.app.store.begin().await.unwrap();
    tx.touch_key(&id).await.unwrap();
    let n_tasks = app.app.tasks.len();

    for _ in 0..20 {
        client.get("/api/v1/keys/current").await.expect(200);
    }

    assert!(app.app.tasks.len() <= n_tasks + 1);
    drop(tx);
}

/// Calls until one is refused, and says how many were not.
async fn call_until_refused(client: &Client) -> (u32, Answer) {
    for n_answered in 0..1_000 {
        let answer = client.get("/api/v1/keys/current").await;
        if answer.status != 200 {
            return (n_answered, answer);
        }
    }
    panic!("a thousand calls were answered");
}

#[tokio::test]
async fn a_key_that_calls_too_often_is_told_when_to_come_back() {
    let app = TestApp::new().await;
    let body = json!({ "name": "eager", "scopes": ["scan"], "rate_per_second": 1, "burst": 3 });
    let key = make_key(&app.admin(), body).await;
    let eager = app.client_with(text(&key, "secret"));

    let (n_answered, refused) = call_until_refused(&eager).await;

    refused.expect_problem(429, "rate_limited");
    assert!(n_answered >= 3, "{n_answered}");
    let wait: u64 = refused.header("retry-after").unwrap().parse().unwrap();
    assert!((1..=2).contains(&wait), "{wait}");
    // Somebody else's calls are not held back.
    app.admin().get("/api/v1/keys/current").await.expect(200);
    for _ in 0..500 {
        if eager.get("/api/v1/keys/current").await.status == 200 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(20)).await;
    }
    panic!("the key is still refused after 10 s");
}

#[tokio::test]
async fn a_key_may_have_the_highest_rate_that_can_be_written() {
    let app = TestApp::new().await;
    let body =
        json!({ "name": "a", "scopes": ["scan"], "rate_per_second": u32::MAX, "burst": u32::MAX });
    let key = make_key(&app.admin(), body).await;
    let client = app.client_with(text(&key, "secret"));

    for _ in 0..5 {
        client.get("/api/v1/keys/current").await.expect(200);
    }
}

#[tokio::test]
async fn the_settings_rate_holds_for_keys_that_say_nothing() {
    let app = TestApp::with(|config| {
        config.keys.rate_per_second = 1;
        config.keys.burst = 2;
    })
    .await;
    let client = app.client("plain", &["scan"]).await;

    let (n_answered, refused) = call_until_refused(&client).await;

    assert!((2..10).contains(&n_answered), "{n_answered}");
    refused.expect_problem(429, "rate_limited");
}

/// Every byte that the server keeps: files, and the rows of the database as text.
pub async fn everything_kept(app: &TestApp) -> Vec<u8> {
    let mut kept = Vec::new();
    let mut folders = vec![app.app.config.data_dir.clone()];
    while let Some(folder) = folders.pop() {
        for entry in std::fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            match path.is_dir() {
                true => folders.push(path),
                false => kept.extend(std::fs::read(path).unwrap()),
            }
        }
    }
    if is_postgres() {
        let url = app.app.config.database_url();
        let mut connection = <sqlx::AnyConnection as sqlx::Connection>::connect(&url)
            .await
            .unwrap();
        let tables = "SELECT CAST(tablename AS TEXT) FROM pg_tables WHERE schemaname = 'public'";
        let tables: Vec<String> = sqlx::query_scalar(tables)
            .fetch_all(&mut connection)
            .await
            .unwrap();
        for table in tables {
            let sql = format!("SELECT CAST(t AS TEXT) FROM {table} AS t");
            let rows: Vec<String> = sqlx::query_scalar(sqlx::AssertSqlSafe(sql))
                .fetch_all(&mut connection)
                .await
                .unwrap();
            kept.extend(rows.join("\n").into_bytes());
        }
    }
    kept
}

pub fn holds(kept: &[u8], needle: &[u8]) -> bool {
    // PostgreSQL shows bytes as hex.
    let as_hex = hex::encode(needle);
    kept.windows(needle.len()).any(|window| window == needle)
        || kept
            .windows(as_hex.len())
            .any(|window| window == as_hex.as_bytes())
}

#[tokio::test]
async fn secrets_are_told_once_and_kept_nowhere() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let new_key = json!({ "name": "the key's name", "scopes": ["scan"] });
    let key = admin
        .post_once("once-1", KEYS, new_key.clone())
        .await
        .expect(201);
    let endpoints = "/api/v1/webhook-endpoints";
    let new_endpoint = json!({ "url": "http://127.0.0.1:9/the-endpoint" });
    let endpoint = admin
        .post_once("once-2", endpoints, new_endpoint.clone())
        .await
        .expect(201);
    let rotate = format!("{endpoints}/{}/rotate-secret", text(&endpoint, "id"));
    let rotated = admin.post(&rotate, Value::Null).await.expect(200);
    let (_, hidden) = text(&key, "secret").split_once('.').unwrap();
    let secrets = [
        hidden,
        text(&endpoint, "secret").strip_prefix("whsec_").unwrap(),
        text(&rotated, "secret").strip_prefix("whsec_").unwrap(),
    ];
    app.settle().await;

    // Repeated, they come without their secrets, and no other call has them.
    let answers = [
        admin.post_once("once-1", KEYS, new_key).await,
        admin.post_once("once-2", endpoints, new_endpoint).await,
        admin.get(KEYS).await,
        admin.get(&format!("{KEYS}/{}", text(&key, "id"))).await,
        app.client_with(text(&key, "secret"))
            .get("/api/v1/keys/current")
            .await,
        admin.delete(&format!("{KEYS}/{}", text(&key, "id"))).await,
        admin.get(endpoints).await,
        admin
            .get(&format!("{endpoints}/{}", text(&endpoint, "id")))
            .await,
        admin.get("/api/v1/ledger/entries?limit=200").await,
    ];
    for answer in answers {
        assert!(answer.status < 300, "{}", answer.text());
        for secret in secrets {
            assert!(!answer.text().contains(secret), "{}", answer.text());
        }
        let json = answer.json();
        assert_eq!(json.get("secret"), None, "{json}");
    }

    let kept = everything_kept(&app).await;
    assert!(holds(&kept, b"the key's name"));
    assert!(holds(&kept, b"/the-endpoint"));
    for secret in secrets {
        assert!(!holds(&kept, secret.as_bytes()), "{secret} is kept");
        let bytes = base64::Engine::decode(&base64::prelude::BASE64_STANDARD, secret);
        let bytes = bytes
            .or_else(|_| base64::Engine::decode(&base64::prelude::BASE64_URL_SAFE_NO_PAD, secret));
        assert!(!holds(&kept, &bytes.unwrap()), "{secret} is kept as bytes");
    }
}

#[tokio::test]
async fn keys_are_listed_newest_first() {
    let app = TestApp::new().await;
    let admin = app.admin();
    for name in ["a", "b", "c"] {
        make_key(&admin, json!({ "name": name, "scopes": ["scan"] })).await;
    }

    let first = admin.get(&format!("{KEYS}?limit=2")).await.expect(200);
    let after = text(&first, "next");
    let second = admin
        .get(&format!("{KEYS}?limit=2&after={after}"))
        .await
        .expect(200);

    let names = |page: &Value| -> Vec<String> {
        let keys = page["data"].as_array().unwrap().iter();
        keys.map(|key| text(key, "name").to_owned()).collect()
    };
    assert_eq!(names(&first), ["c", "b"]);
    assert_eq!(names(&second), ["a", "administrator"]);
    assert_eq!(second["next"], Value::Null);
    let recorded = app.recorded("key.created").await;
    assert_eq!(recorded.len(), 3);
    assert_eq!(recorded[0]["name"], "a");
}
