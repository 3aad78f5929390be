//! The index: what holds when it does not keep up with the banks, or cannot take what they hold.

use std::time::Duration;

use serde_json::{Value, json};
use watchhouse::hex;
use watchhouse_match::Digests;

use crate::app::{TestApp, is_postgres, run_sql};
use crate::client::Client;
use crate::make;

/// A server whose index counts as stale after two seconds.
pub async fn impatient() -> TestApp {
    TestApp::with(|config| {
        config.banks.max_lag_seconds = 2;
        config.banks.poll_milliseconds = 20;
    })
    .await
}

/// Hides the counter of changes, so that the index cannot follow them.
pub async fn hide_changes(app: &TestApp) {
    run_sql(
        &app.app,
        "UPDATE counters SET name = 'hidden' WHERE name = 'index'",
    )
    .await;
    until_ready_is(app, 503).await;
}

/// Lets the index follow again, and know of so many hashes more.
async fn show_changes(app: &TestApp, more: u32) {
    let sql =
        format!("UPDATE counters SET name = 'index', value = value + {more} WHERE name = 'hidden'");
    run_sql(&app.app, &sql).await;
    until_ready_is(app, 200).await;
}

/// Waits until it is ready, or is not. Returns what it says.
async fn until_ready_is(app: &TestApp, status: u16) -> Value {
    for _ in 0..2_000 {
        let answer = app.stranger().get("/readyz").await;
        if answer.status == status {
            return answer.json();
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("/readyz did not become {status} in 20 s");
}

/// Waits until new hashes were sorted in.
async fn until_compacted(app: &TestApp) {
    for _ in 0..2_000 {
        if app.app.metrics.index_compactions.get() > 0 {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("nothing was sorted in within 20 s");
}

/// Writes a hash into a bank past the API. Its number is the next; the counter is left as it is.
async fn insert_hash(app: &TestApp, kind: &str, value: &str) {
    let value = match is_postgres() {
        false => format!("x'{value}'"),
        true => format!("'\\x{value}'"),
    };
    let sql = format!(
        "INSERT INTO hashes (number, bank_id, kind, value, source, added_at)
         SELECT 1 + MAX(c.value), MAX(b.id), '{kind}', {value}, 'test', 0 FROM counters c, banks b
          WHERE c.name <> 'banks'"
    );
    run_sql(&app.app, &sql).await;
}

async fn case_of(admin: &Client, scan: &Value) -> Value {
    let id = scan["case"].as_str().unwrap();
    admin.get(&format!("/api/v1/cases/{id}")).await.expect(200)
}

#[tokio::test]
async fn an_index_that_cannot_follow_the_banks_is_not_ready_and_everything_is_held() {
    let app = impatient().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&make::picture(1))).await;
    hide_changes(&app).await;

    let answer = app.stranger().get("/readyz").await;
    let scan = admin.scan("post-1", make::picture(2)).await.expect(200);
    let known = admin.scan("post-2", make::picture(1)).await.expect(200);

    let problem = answer.expect_problem(503, "index_not_ready");
    let reason = problem["detail"].as_str().unwrap();
    assert!(reason.starts_with("the lists are stale: "), "{reason}");
    assert_eq!(scan["verdict"], "hold");
    assert_eq!(scan["reasons"][0]["code"], "index_not_ready");
    let text = scan["reasons"][0]["text"].as_str().unwrap();
    assert!(text.starts_with("the lists are stale: "), "{text}");
    assert_eq!(case_of(&admin, &scan).await["queue"], "unchecked");
    // What it does know it still finds.
    assert_eq!(known["verdict"], "block");
    assert_eq!(known["matches"].as_array().unwrap().len(), 1);

    show_changes(&app, 0).await;

    let scan = admin.scan("post-3", make::picture(2)).await.expect(200);
    assert_eq!(scan["verdict"], "allow");
}

#[tokio::test]
async fn what_was_scanned_while_the_index_was_stale_is_looked_up_again() {
    let app = impatient().await;
    let admin = app.admin();
    admin.bank("list").await;
    app.settle().await;
    hide_changes(&app).await;
    // Another node's hash, which was searched for in the past before these came.
    let (picture, file) = (make::picture(1), make::noise(1_000));
    let listed = make::pdq(&picture);
    insert_hash(&app, "pdq", &listed).await;
    let scan = admin.scan("post-1", picture).await.expect(200);
    let undecodable = admin.scan("post-2", file).await.expect(200);
    assert_eq!(scan["verdict"], "hold");
    assert_eq!(scan["matches"], json!([]));
    app.advance(Duration::from_mins(1));
    app.settle().await;
    assert_eq!(app.count("matches").await, 0);
    assert_eq!(app.count("jobs WHERE name = 'look_again'").await, 2);

    show_changes(&app, 1).await;
    app.advance(Duration::from_mins(1));
    app.settle().await;

    let case = case_of(&admin, &scan).await;
    assert_eq!(case["matches"].as_array().unwrap().len(), 1);
    assert_eq!(case["matches"][0]["distance"], 0);
    assert_eq!(case["matches"][0]["hash"]["value"], listed.as_str());
    assert_eq!(case["queue"], "known-media");
    let codes: Vec<_> = case["reasons"]
        .as_array()
        .unwrap()
        .iter()
        .map(|reason| reason["code"].as_str().unwrap())
        .collect();
    assert_eq!(codes, ["index_not_ready", "rule"]);
    let case = case_of(&admin, &undecodable).await;
    assert_eq!(case["matches"], json!([]));
    assert_eq!(app.count("jobs WHERE name = 'look_again'").await, 0);
}

#[tokio::test]
async fn a_hash_that_cannot_be_indexed_does_not_keep_the_others_out() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    // One that matches everything blank, and one of a kind that this version does not know.
    for (kind, value) in [("pdq", "00".repeat(32)), ("tmk", "ab".repeat(8))] {
        insert_hash(&app, kind, &value).await;
        run_sql(
            &app.app,
            "UPDATE counters SET value = value + 1 WHERE name = 'index'",
        )
        .await;
    }
    let file = make::picture(1);
    let passed = admin.scan("post-1", file.clone()).await.expect(200);
    assert_eq!(passed["verdict"], "allow");

    let digest = hex::encode(&Digests::of(&file).sha256);
    admin.add_hash(&bank, "sha256", &digest).await;

    let scan = admin.scan("post-2", file).await.expect(200);
    assert_eq!(scan["verdict"], "block");
    app.stranger().get("/readyz").await.expect(200);
    let metrics = app.stranger().get("/metrics").await.text();
    assert!(
        metrics.contains("\nwatchhouse_unindexed_hashes_total 2\n"),
        "{metrics}"
    );
    // A search of the whole bank takes it in its stride too.
    app.settle().await;
    let bank = format!("/api/v1/banks/{bank}");
    for is_enabled in [false, true] {
        let change = json!({ "is_enabled": is_enabled });
        admin.patch(&bank, change).await.expect(200);
    }
    app.settle().await;
    assert_eq!(app.count("jobs WHERE problem IS NOT NULL").await, 0);
    assert_eq!(app.left().await.entries_of("case.opened"), 2);
}

/// A plain bank file of `n` hashes, none of them near another.
fn long_list(n: usize) -> String {
    make::noise(32 * n)
        .as_chunks::<32>()
        .0
        .iter()
        .map(|hash| format!("pdq {}\n", hex::encode(hash)))
        .collect()
}

#[tokio::test]
async fn a_long_list_is_sorted_in_and_matches_as_before() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let bank = admin.bank("list").await;
    let [listed, removed, unlisted] = [1, 2, 3].map(make::picture);
    admin
        .add_pdq(&bank, &make::pdq_near(&make::pdq(&listed), 30))
        .await;
    let gone = admin.add_pdq(&bank, &make::pdq(&removed)).await;

    // More than are compared one by one, and enough for tables.
    let import = format!("/api/v1/banks/{bank}/import?format=plain");
    admin
        .post_bytes(&import, "text/plain", long_list(70_000))
        .await
        .expect(200);
    until_compacted(&app).await;
    admin
        .delete(&format!("/api/v1/banks/{bank}/hashes/{gone}"))
        .await
        .expect(204);
    let late = make::pdq_near(&make::pdq(&unlisted), 31);

    let before = admin.scan("before", unlisted.clone()).await.expect(200);
    admin.add_pdq(&bank, &late).await;

    assert_eq!(before["matches"], json!([]));
    let found = admin.scan("listed", listed).await.expect(200);
    assert_eq!(found["matches"][0]["distance"], 30);
    let found = admin.scan("late", unlisted).await.expect(200);
    assert_eq!(found["matches"][0]["distance"], 31);
    let found = admin.scan("removed", removed).await.expect(200);
    assert_eq!(found["matches"], json!([]));
}
