//! Idempotency keys: a POST that is repeated happens once.

use std::path::Path;
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::{Answer, Client, send};
use crate::make;

const BANKS: &str = "/api/v1/banks";
const REPLAYED: &str = "idempotency-replayed";

/// Every table whose rows are made by calls and not by the clock.
const TABLES: [&str; 15] = [
    "banks",
    "hashes",
    "api_keys",
    "webhook_endpoints",
    "accounts",
    "items",
    "sightings",
    "matches",
    "cases",
    "evidence",
    "decisions",
    "actions",
    "messages",
    "ledger_entries",
    "idempotency_keys",
];

/// A call that creates.
struct Creation {
    /// The table that gets a row, or several, and how many.
    table: &'static str,
    rows: i64,
    path: String,
    kind: &'static str,
    body: Vec<u8>,
    /// The same call with another body.
    other: Vec<u8>,
}

impl Creation {
    fn json(table: &'static str, path: impl Into<String>, body: Value, other: Value) -> Creation {
        Creation {
            table,
            rows: 1,
            path: path.into(),
            kind: "application/json",
            body: body.to_string().into_bytes(),
            other: other.to_string().into_bytes(),
        }
    }

    async fn call(&self, client: &Client, name: &str) -> Answer {
        self.call_with(client, name, self.body.clone()).await
    }

    async fn call_with(&self, client: &Client, name: &str, body: Vec<u8>) -> Answer {
        let request = client.request("POST", &self.path);
        let request = request.header("idempotency-key", name);
        send(request.header("content-type", self.kind).body(body)).await
    }
}

/// Every POST that creates, and what it needs.
async fn creations(app: &TestApp) -> Vec<Creation> {
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let known = make::picture(1);
    admin.add_pdq(&bank, &make::pdq(&known)).await;
    let scan = admin.scan("post-1", known.clone()).await.expect(200);
    let case = scan["case"].as_str().unwrap();
    let claim = format!("/api/v1/cases/{case}/claim");
    admin.post(&claim, json!({})).await.expect(200);
    let md5 = |n: u32| format!("{:032x}", 0xabc_0000 + n);
    let decision = |reasons: &str| {
        json!({
            "case_version": 1,
            "policy": "known-media",
            "outcome": "violation",
            "facts": "it was seen",
            "reasons": reasons,
            "actions": [{ "kind": "remove" }],
        })
    };
    let mut creations = vec![
        Creation::json(
            "banks",
            BANKS,
            json!({ "name": "a" }),
            json!({ "name": "b" }),
        ),
        Creation::json(
            "hashes",
            format!("{BANKS}/{bank}/hashes"),
            json!({ "hashes": [{ "kind": "md5", "value": md5(1) }] }),
            json!({ "hashes": [{ "kind": "md5", "value": md5(2) }] }),
        ),
        Creation::json(
            "decisions",
            format!("/api/v1/cases/{case}/decisions"),
            decision("known"),
            decision("well known"),
        ),
        Creation::json(
            "api_keys",
            "/api/v1/keys",
            json!({ "name": "a", "scopes": ["scan"] }),
            json!({ "name": "a", "scopes": ["admin"] }),
        ),
        Creation::json(
            "webhook_endpoints",
            "/api/v1/webhook-endpoints",
            json!({ "url": "http://127.0.0.1:9/a" }),
            json!({ "url": "http://127.0.0.1:9/b" }),
        ),
    ];
    creations.push(Creation {
        table: "sightings",
        rows: 1,
        path: "/api/v1/scan?item=post-2&surface=public".to_owned(),
        kind: "image/jpeg",
        body: known,
        other: make::picture(2),
    });
    creations.push(Creation {
        table: "hashes",
        rows: 2,
        path: format!("{BANKS}/{bank}/import?format=plain"),
        kind: "text/plain",
        body: format!("md5 {}\nmd5 {}\n", md5(3), md5(4)).into_bytes(),
        other: format!("md5 {}\n", md5(5)).into_bytes(),
    });
    creations
}

async fn counts(app: &TestApp) -> Vec<(&'static str, i64)> {
    app.settle().await;
    let mut counts = Vec::new();
    for table in TABLES {
        counts.push((table, app.count(table).await));
    }
    counts
}

/// Sealed copies that lie on the disk.
fn count_blobs(folder: &Path) -> i64 {
    let entries = std::fs::read_dir(folder).unwrap();
    let counts = entries.map(|entry| match entry.unwrap().path() {
        path if path.is_dir() => count_blobs(&path),
        _ => 1,
    });
    counts.sum()
}

/// An answer's body without what is told once.
fn without_secret(answer: &Answer) -> Value {
    let mut body = answer.json();
    body.as_object_mut().unwrap().remove("secret");
    body
}

#[tokio::test]
async fn a_repetition_answers_the_same_and_changes_nothing() {
    let app = TestApp::new().await;
    let admin = app.admin();

    for (i, creation) in creations(&app).await.into_iter().enumerate() {
        let name = format!("once-{i}");
        let first = creation.call(&admin, &name).await;
        assert!(first.status < 300, "{}", first.text());
        assert_eq!(first.header(REPLAYED), None, "{}", creation.path);
        let before = counts(&app).await;

        for _ in 0..2 {
            let again = creation.call(&admin, &name).await;
            assert_eq!(again.status, first.status, "{}", again.text());
            assert_eq!(again.json(), without_secret(&first));
            assert_eq!(again.header(REPLAYED), Some("true"));
            assert_eq!(again.header("content-type"), Some("application/json"));
        }

        assert_eq!(counts(&app).await, before, "{}", creation.path);
    }
}

#[tokio::test]
async fn a_name_stands_for_one_call_alone() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let creations = creations(&app).await;
    for (i, creation) in creations.iter().enumerate() {
        let answer = creation.call(&admin, &format!("once-{i}")).await;
        assert!(answer.status < 300, "{}", answer.text());
    }
    let before = counts(&app).await;

    for (i, creation) in creations.iter().enumerate() {
        let name = format!("once-{i}");
        let answer = creation
            .call_with(&admin, &name, creation.other.clone())
            .await;
        answer.expect_problem(422, "idempotency_key_reused");
        let of_another = format!("once-{}", (i + 1) % creations.len());
        let answer = creation.call(&admin, &of_another).await;
        answer.expect_problem(422, "idempotency_key_reused");
        // Its first answer is remembered all the same.
        let answer = creation.call(&admin, &name).await;
        assert_eq!(answer.header(REPLAYED), Some("true"), "{}", answer.text());
    }

    assert_eq!(counts(&app).await, before);
}

#[tokio::test]
async fn path_and_query_are_part_of_the_call() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let other = admin.bank("other").await;
    let import = async |bank: &str, source: &str| {
        let path = format!("{BANKS}/{bank}/import?format=plain&source={source}");
        let request = admin
            .request("POST", &path)
            .header("idempotency-key", "once");
        send(request.body("md5 0123456789abcdef0123456789abcdef")).await
    };
    import(&bank, "hotline").await.expect(200);

    let elsewhere = import(&other, "hotline").await;
    let otherwise = import(&bank, "desk").await;

    elsewhere.expect_problem(422, "idempotency_key_reused");
    otherwise.expect_problem(422, "idempotency_key_reused");
    assert_eq!(app.count("hashes").await, 1);
}

#[tokio::test]
async fn a_form_that_is_sent_again_is_known_in_spite_of_its_new_boundary() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let scan = async || {
        let item = json!({ "id": "post-1", "surface": "public", "account": "ann" });
        let media = reqwest::multipart::Part::bytes(make::picture(1));
        let form = reqwest::multipart::Form::new()
            .text("item", item.to_string())
            .part("media", media);
        let request = admin.request("POST", "/api/v1/scan");
        send(request.header("idempotency-key", "once").multipart(form)).await
    };

    let first = scan().await;
    let second = scan().await;

    assert_eq!(second.expect(200), first.expect(200));
    assert_eq!(second.header(REPLAYED), Some("true"));
    assert_eq!(app.count("sightings").await, 1);
}

#[tokio::test]
async fn ten_at_once_create_one_thing() {
    let app = TestApp::new().await;
    let admin = app.admin();

    for (i, creation) in creations(&app).await.into_iter().enumerate() {
        let name = format!("once-{i}");
        let before = app.count(creation.table).await;
        let entries_before = app.count("ledger_entries").await;

        let answers = join_all((0..10).map(|_| creation.call(&admin, &name))).await;

        let is_first = |answer: &&Answer| answer.header(REPLAYED).is_none();
        assert_eq!(
            answers.iter().filter(is_first).count(),
            1,
            "{}",
            creation.path
        );
        for answer in &answers {
            assert!(answer.status < 300, "{}", answer.text());
            assert_eq!(without_secret(answer), without_secret(&answers[0]));
        }
        let n_secrets = answers
            .iter()
            .filter(|one| one.json().get("secret").is_some());
        assert!(n_secrets.count() <= 1, "{}", creation.path);
        let after = app.count(creation.table).await;
        assert_eq!(after - before, creation.rows, "{}", creation.path);
        let n_entries = app.count("ledger_entries").await - entries_before;
        // A scan may open a case and seal evidence, a decision requests its action.
        assert!(
            (1..=3).contains(&n_entries),
            "{}: {n_entries}",
            creation.path
        );
    }
    let blobs = app.app.config.data_dir.join("blobs");
    assert_eq!(count_blobs(&blobs), app.count("evidence").await);
    assert_eq!(app.count("evidence").await, 2);
}

#[tokio::test]
async fn a_first_attempt_that_failed_does_not_use_up_the_name() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let other = admin.bank("a").await;

    let refused = admin.post_once("once", BANKS, json!({ "name": "a" })).await;
    refused.expect_problem(409, "name_taken");
    let refused = admin.post_once("once", BANKS, json!({ "name": "" })).await;
    refused.expect_problem(422, "invalid");
    assert_eq!(app.count("idempotency_keys").await, 0);
    let renamed = json!({ "name": "b" });
    admin
        .patch(&format!("{BANKS}/{other}"), renamed)
        .await
        .expect(200);
    let accepted = admin.post_once("once", BANKS, json!({ "name": "a" })).await;

    accepted.expect(201);
    assert_eq!(accepted.header(REPLAYED), None);
}

#[tokio::test]
async fn a_name_that_is_none_is_refused() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let call = async |name: &[u8], bank: &str| {
        let request = admin.request("POST", BANKS).header("idempotency-key", name);
        send(request.json(&json!({ "name": bank }))).await
    };

    for name in [b"".as_slice(), &[b'x'; 256], b"a\xffb", "schön".as_bytes()] {
        let answer = call(name, "refused").await;
        answer.expect_problem(400, "idempotency_key_invalid");
    }
    call(&[b'x'; 255], "long").await.expect(201);

    assert_eq!(app.count("banks").await, 1);
    let again = call(&[b'x'; 255], "long").await;
    assert_eq!(again.header(REPLAYED), Some("true"));
}

#[tokio::test]
async fn names_are_of_one_api_key_each() {
    let app = TestApp::new().await;
    let one = app.client("one", &["banks:write"]).await;
    let other = app.client("other", &["banks:write"]).await;

    one.post_once("once", BANKS, json!({ "name": "a" }))
        .await
        .expect(201);
    let answer = other.post_once("once", BANKS, json!({ "name": "b" })).await;

    assert_eq!(answer.expect(201)["name"], "b");
    assert_eq!(answer.header(REPLAYED), None);
}

#[tokio::test]
async fn a_call_without_a_name_is_done_every_time() {
    let app = TestApp::new().await;
    let body = json!({ "name": "a", "scopes": ["scan"] });

    let first = app
        .admin()
        .post("/api/v1/keys", body.clone())
        .await
        .expect(201);
    let second = app.admin().post("/api/v1/keys", body).await.expect(201);

    assert_ne!(first["id"], second["id"]);
    assert_eq!(app.count("idempotency_keys").await, 0);
}

#[tokio::test]
async fn a_name_is_forgotten_after_two_days() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let call = async || admin.post_once("once", BANKS, json!({ "name": "a" })).await;
    call().await.expect(201);

    app.advance(Duration::from_hours(48));
    app.settle().await;
    let remembered = call().await;
    app.advance(Duration::from_hours(2));
    for _ in 0..500 {
        if app.count("idempotency_keys").await == 0 {
            break;
        }
        app.app.wake();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let forgotten = call().await;

    assert_eq!(remembered.expect(201)["name"], "a");
    assert_eq!(remembered.header(REPLAYED), Some("true"));
    forgotten.expect_problem(409, "name_taken");
}

#[tokio::test]
async fn a_repetition_is_answered_though_its_time_has_passed() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let body = json!({ "name": "a", "scopes": ["scan"], "expires_at": "2026-01-01T01:00:00Z" });
    let first = admin.post_once("once", "/api/v1/keys", body.clone()).await;
    app.advance(Duration::from_hours(2));

    let second = admin.post_once("once", "/api/v1/keys", body).await;

    assert_eq!(second.expect(201), without_secret(&first));
}
