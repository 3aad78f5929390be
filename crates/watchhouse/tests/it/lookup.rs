//! Looking ready hashes up: what is told, and that nothing is kept.

use expect_test::expect;
use serde_json::{Value, json};
use watchhouse_match::HashKind;

use crate::app::{Left, TestApp};
use crate::client::Client;
use crate::make;
use crate::matcher::{hide_changes, impatient};

const LOOKUP: &str = "/api/v1/lookup";

/// Asks about these hashes. Returns the answers.
async fn ask(client: &Client, hashes: &[(&str, &str)]) -> Vec<Value> {
    let hashes: Vec<Value> = hashes
        .iter()
        .map(|(kind, value)| json!({ "kind": kind, "value": value }))
        .collect();
    let answer = client.post(LOOKUP, json!({ "hashes": hashes })).await;
    answer.expect(200)["answers"].as_array().unwrap().clone()
}

fn distances(answer: &Value) -> Vec<u64> {
    let matches = answer["matches"].as_array().unwrap().iter();
    matches
        .map(|matching| matching["distance"].as_u64().unwrap())
        .collect()
}

#[tokio::test]
async fn every_hash_is_answered_in_its_place_with_what_it_meets() {
    let app = TestApp::new().await;
    let bank = app.admin().bank("list").await;
    let (pdq, sha256) = (HashKind::Pdq.example(), HashKind::Sha256.example());
    let listed = json!({ "hashes": [
        { "kind": "pdq", "value": pdq, "source": "hotline", "external_id": "41", "category": "a" },
        { "kind": "sha256", "value": sha256 },
    ]});
    let path = format!("/api/v1/banks/{bank}/hashes");
    app.admin().post(&path, listed).await.expect(201);
    let client = app.client("a fleet", &["lookup"]).await;

    let answers = ask(
        &client,
        &[
            ("md5", HashKind::Md5.example()),
            ("pdq", &make::pdq_near(pdq, 7)),
            ("sha256", &sha256.to_uppercase()),
            ("pdq", &make::pdq_near(pdq, 32)),
        ],
    )
    .await;

    let shown = serde_json::to_string_pretty(&answers).unwrap();
    let shown = shown.replace(&bank, "(the bank)");
    expect![[r#"
        [
          {
            "matches": [],
            "more_matches": 0
          },
          {
            "matches": [
              {
                "bank": {
                  "id": "(the bank)",
                  "name": "list"
                },
                "distance": 7,
                "hash": {
                  "added_at": "2026-01-01T00:00:00Z",
                  "category": "a",
                  "external_id": "41",
                  "id": "hsh_2",
                  "kind": "pdq",
                  "source": "hotline",
                  "value": "26a0599f3660798ad000a7bf5551658aff2a625f5555555af7706227aeaa6267"
                },
                "threshold": 31
              }
            ],
            "more_matches": 0
          },
          {
            "matches": [
              {
                "bank": {
                  "id": "(the bank)",
                  "name": "list"
                },
                "distance": 0,
                "hash": {
                  "added_at": "2026-01-01T00:00:00Z",
                  "category": null,
                  "external_id": null,
                  "id": "hsh_3",
                  "kind": "sha256",
                  "source": "api",
                  "value": "4f187313847b62e4f7c191abe0ccf4e797c026adcc4332da5a9c5932eae0e306"
                },
                "threshold": 0
              }
            ],
            "more_matches": 0
          },
          {
            "matches": [],
            "more_matches": 0
          }
        ]"#]]
    .assert_eq(&shown);
}

#[tokio::test]
async fn a_question_leaves_nothing_behind() {
    let app = TestApp::new().await;
    let bank = app.admin().bank("list").await;
    let pdq = HashKind::Pdq.example();
    app.admin().add_pdq(&bank, pdq).await;
    app.settle().await;
    let before = app.left().await;
    let client = app.client("a fleet", &["lookup"]).await;

    let answers = ask(&client, &[("pdq", pdq), ("md5", HashKind::Md5.example())]).await;

    app.settle().await;
    assert_eq!(distances(&answers[0]), [0]);
    let after: Left = app.left().await;
    assert_eq!(after, before);
    for kept in ["sightings", "matches", "items", "cases", "idempotency_keys"] {
        assert_eq!(app.count(kept).await, 0, "{kept}");
    }
}

#[tokio::test]
async fn what_is_removed_or_switched_off_is_not_met() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let (bank, other) = (admin.bank("list").await, admin.bank("other").await);
    let pdq = HashKind::Pdq.example();
    let hash = admin.add_pdq(&bank, pdq).await;
    admin.add_pdq(&other, pdq).await;
    assert_eq!(distances(&ask(&admin, &[("pdq", pdq)]).await[0]), [0, 0]);

    let path = format!("/api/v1/banks/{bank}/hashes/{hash}");
    admin.delete(&path).await.expect(204);
    let removed = ask(&admin, &[("pdq", pdq)]).await;
    let path = format!("/api/v1/banks/{other}");
    let off = admin.patch(&path, json!({ "is_enabled": false })).await;
    off.expect(200);
    let switched_off = ask(&admin, &[("pdq", pdq)]).await;

    assert_eq!(removed[0]["matches"][0]["bank"]["id"], other.as_str());
    assert_eq!(distances(&removed[0]), [0]);
    assert_eq!(distances(&switched_off[0]), [0; 0]);
}

#[tokio::test]
async fn of_each_bank_the_closest_are_told_and_the_others_counted() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let (bank, other) = (admin.bank("list").await, admin.bank("other").await);
    let pdq = HashKind::Pdq.example();
    for bits in (0..20).rev() {
        admin.add_pdq(&bank, &make::pdq_near(pdq, bits)).await;
    }
    admin.add_pdq(&other, &make::pdq_near(pdq, 25)).await;

    let answers = ask(&admin, &[("pdq", pdq)]).await;

    let closest: Vec<u64> = (0..16).chain([25]).collect();
    assert_eq!(distances(&answers[0]), closest);
    assert_eq!(answers[0]["more_matches"], 4);
}

#[tokio::test]
async fn a_long_list_is_answered_like_its_hashes_one_by_one() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let (pdq, md5) = (HashKind::Pdq.example(), HashKind::Md5.example());
    admin.add_pdq(&bank, pdq).await;
    admin.add_hash(&bank, "md5", md5).await;
    let values: Vec<String> = (0..1_000)
        .map(|n| match n % 3 {
            0 => make::pdq_near(pdq, n % 48),
            1 => format!("{n:032x}"),
            _ => md5.to_owned(),
        })
        .collect();
    let kind = |value: &str| if value.len() == 64 { "pdq" } else { "md5" };
    let hashes: Vec<(&str, &str)> = values.iter().map(|value| (kind(value), &**value)).collect();

    let answers = ask(&admin, &hashes).await;

    assert_eq!(answers.len(), 1_000);
    let n_matched = answers.iter().filter(|one| !distances(one).is_empty());
    // Of 334 near hashes those within 31 bits, and 333 digests.
    let expected = 333 + (0..1_000).filter(|n| n % 3 == 0 && n % 48 <= 31).count();
    assert_eq!(n_matched.count(), expected);
    for place in (0..1_000).step_by(37) {
        assert_eq!(ask(&admin, &hashes[place..=place]).await[0], answers[place]);
    }
}

#[tokio::test]
async fn what_is_no_hash_is_named_and_nothing_is_looked_up() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let one = json!({ "kind": "md5", "value": HashKind::Md5.example() });
    let wrong =
        json!([one, { "kind": "md5", "value": "0f" }, one, { "kind": "crc", "value": "0f" }]);

    let answer = admin.post(LOOKUP, json!({ "hashes": wrong })).await;

    let problem = answer.expect_problem(422, "invalid");
    let fields: Vec<&Value> = problem["errors"]
        .as_array()
        .unwrap()
        .iter()
        .map(|fault| &fault["field"])
        .collect();
    assert_eq!(fields, ["hashes[1]", "hashes[3]"], "{problem}");
    for hashes in [vec![], vec![one; 1_001]] {
        let answer = admin.post(LOOKUP, json!({ "hashes": hashes })).await;
        let problem = answer.expect_problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], "hashes");
    }
}

#[tokio::test]
async fn a_hash_that_matches_too_much_to_be_listed_can_be_asked_about() {
    let app = TestApp::new().await;

    let answers = ask(&app.admin(), &[("pdq", &"0".repeat(64))]).await;

    assert_eq!(distances(&answers[0]), [0; 0]);
}

#[tokio::test]
async fn nothing_is_answered_before_the_lists_are_loaded() {
    let app = TestApp::open(crate::app::PROGRAM, |_| {}).await;
    let body = json!({ "hashes": [{ "kind": "md5", "value": HashKind::Md5.example() }] });

    let early = app.admin().post(LOOKUP, body.clone()).await;
    app.start().await;
    let later = app.admin().post(LOOKUP, body).await;

    early.expect_problem(503, "index_not_ready");
    assert_eq!(early.header("retry-after"), Some("1"));
    later.expect(200);
}

#[tokio::test]
async fn nothing_is_answered_while_the_lists_are_stale() {
    let app = impatient().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let pdq = HashKind::Pdq.example();
    admin.add_pdq(&bank, pdq).await;
    hide_changes(&app).await;

    let body = json!({ "hashes": [{ "kind": "pdq", "value": pdq }] });
    let answer = admin.post(LOOKUP, body).await;

    let problem = answer.expect_problem(503, "index_not_ready");
    let reason = problem["detail"].as_str().unwrap();
    assert!(reason.starts_with("the lists are stale: "), "{reason}");
}
