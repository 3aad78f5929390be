//! Reports: every one has a case, a clock, a receipt and an answer.

use std::time::Duration;

use serde_json::{Value, json};
use watchhouse::ledger::entry::commitment;
use watchhouse::ledger::note::Verifier;
use watchhouse::ledger::proof::Proof;

use crate::app::TestApp;
use crate::client::Client;
use crate::deliveries::endpoint;
use crate::receiver::Receiver;

/// A user's report of an item.
fn report_of(item: &str) -> Value {
    json!({
        "reporter": { "external_id": "reader-7", "language": "en" },
        "item": { "id": item, "account": "ann", "surface": "public" },
        "address": format!("https://forum.example.org/{item}"),
        "category": "scams_and_fraud",
        "keyword": "phishing",
        "explanation": "It asks for passwords.",
        "good_faith": true,
    })
}

async fn report(client: &Client, report: Value) -> Value {
    client.post("/api/v1/reports", report).await.expect(201)
}

/// An organisation, and a client with its key.
async fn organisation(app: &TestApp, name: &str, kind: &str) -> (String, Client) {
    let admin = app.admin();
    let new = json!({ "name": name, "kind": kind });
    let made = admin.post("/api/v1/organisations", new).await.expect(201);
    let id = made["id"].as_str().unwrap().to_owned();
    let key =
        json!({ "name": name, "scopes": ["reports:write", "reports:read"], "organisation": id });
    let key = admin.post("/api/v1/keys", key).await.expect(201);
    (id, app.client_with(key["secret"].as_str().unwrap()))
}

async fn receipt(app: &TestApp, report: &Value) -> Value {
    let token = report["receipt"]["token"].as_str().unwrap();
    let path = format!("/api/v1/receipts/{token}");
    app.stranger().get(&path).await.expect(200)
}

async fn decide(client: &Client, case: &str, outcome: &str) -> Value {
    let claimed = client.claim(case).await.expect(200);
    let decision = json!({ "case_version": claimed["version"], "policy": "house/scams",
        "outcome": outcome, "facts": "it was seen", "reasons": "it was looked at" });
    client.decide(case, decision).await.expect(201)
}

#[tokio::test]
async fn a_report_is_answered_from_its_receipt_to_its_end() {
    let app = TestApp::with(|config| {
        config.server.public_url = "https://trust.example.org/".to_owned();
    })
    .await;
    let admin = app.admin();

    let reported = report(&admin, report_of("post-1")).await;

    let case = reported["case"].as_str().unwrap();
    let token = reported["receipt"]["token"].as_str().unwrap();
    let expected = json!({
        "id": reported["id"],
        "case": case,
        "source": "user",
        "organisation": null,
        "is_suspended": false,
        "caller": reported["caller"],
        "reporter": { "external_id": "reader-7", "name": null, "email": null, "language": "en" },
        "subject": reported["subject"],
        "address": "https://forum.example.org/post-1",
        "category": "scams_and_fraud",
        "keyword": "phishing",
        "explanation": "It asks for passwords.",
        "good_faith": true,
        "received_at": "2026-01-01T00:00:00Z",
        "due_at": "2026-01-08T00:00:00Z",
        "state": "received",
        "decision": null,
        "outcome": null,
        "decided_at": null,
        "receipt": { "token": token, "address": format!("https://trust.example.org/receipts/{token}") },
    });
    assert_eq!(reported, expected);
    let shown = format!("/api/v1/reports/{}", reported["id"].as_str().unwrap());
    assert_eq!(admin.get(&shown).await.expect(200), expected);
    let of_case = admin
        .get(&format!("/api/v1/cases/{case}"))
        .await
        .expect(200);
    assert_eq!(of_case["report_count"], 1);
    assert_eq!(of_case["due_at"], "2026-01-08T00:00:00Z");
    assert_eq!(of_case["queue"], "reports");
    assert_eq!(of_case["item"]["external_id"], "post-1");

    app.settle().await;
    let received = receipt(&app, &reported).await;
    assert_eq!(received["state"], "received");
    assert_eq!(received["outcome"], Value::Null);
    admin.claim(case).await.expect(200);
    assert_eq!(receipt(&app, &reported).await["state"], "under_review");
    decide(&admin, case, "violation").await;
    app.settle().await;
    let decided = receipt(&app, &reported).await;
    assert_eq!(decided["state"], "decided");
    assert_eq!(decided["outcome"], "violation");
    assert_eq!(decided["decided_at"], "2026-01-01T00:00:00Z");
    let words = decided["outcome_in_words"].as_str().unwrap();
    assert!(words.ends_with("against our rules."), "{words}");
    let kinds: Vec<_> = decided["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["kind"])
        .collect();
    assert_eq!(kinds, ["report.received", "report.decided"]);
}

#[tokio::test]
async fn what_a_receipt_proves_can_be_checked_with_nothing_but_the_ledger_s_key() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let reported = report(&admin, report_of("post-1")).await;
    decide(&admin, reported["case"].as_str().unwrap(), "no_violation").await;
    app.settle().await;
    let ledger = app.stranger().get("/api/v1/ledger").await.expect(200);
    let verifier = Verifier::parse(ledger["verifier_key"].as_str().unwrap()).unwrap();
    let origin = ledger["origin"].as_str().unwrap();

    let receipt = receipt(&app, &reported).await;

    let entries = receipt["entries"].as_array().unwrap();
    assert_eq!(entries.len(), 2);
    for entry in entries {
        check_proof(entry, &entry["proof"], origin, &verifier);
        let body = entry["body"].as_str().unwrap();
        let details = &serde_json::from_str::<Value>(body).unwrap()["details"];
        assert_eq!(details["report"], reported["id"]);
        // What must be forgotten one day is in no entry.
        assert!(
            !body.contains("reader-7") && !body.contains("passwords"),
            "{body}"
        );
    }
    let last: Value = serde_json::from_str(entries[1]["body"].as_str().unwrap()).unwrap();
    assert_eq!(last["details"]["outcome"], "no_violation");
}

/// Checks that a ledger entry is what it says, and is in the tree.
pub fn check_proof(entry: &Value, proof: &Value, origin: &str, verifier: &Verifier) {
    let salt = hex_bytes(entry["salt"].as_str().unwrap());
    let body = entry["body"].as_str().unwrap();
    let committed = commitment(&salt.try_into().unwrap(), body);
    let proof: Proof = proof["tlog_proof"].as_str().unwrap().parse().unwrap();
    proof
        .verify(&committed, origin, std::slice::from_ref(verifier))
        .unwrap();
}

fn hex_bytes(text: &str) -> Vec<u8> {
    (0..text.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
        .collect()
}

#[tokio::test]
async fn a_receipt_that_was_not_given_out_opens_nothing() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let one = report(&admin, report_of("post-1")).await;
    let other = report(&admin, report_of("post-2")).await;
    let token = one["receipt"]["token"].as_str().unwrap();
    let (id, mac) = token.split_once('.').unwrap();
    let (other_id, _) = other["receipt"]["token"]
        .as_str()
        .unwrap()
        .split_once('.')
        .unwrap();
    let shorter = &mac[..mac.len() - 2];

    for wrong in [
        id.to_owned(),
        format!("{id}."),
        format!("{other_id}.{mac}"),
        format!("{id}.{shorter}"),
        format!("{id}.{mac}AA"),
        format!("rep_{id}.{mac}"),
        "x".to_owned(),
    ] {
        for path in ["/api/v1/receipts", "/receipts"] {
            let answer = app.stranger().get(&format!("{path}/{wrong}")).await;
            answer.expect_problem(404, "not_found");
        }
    }
    let page = app.stranger().get(&format!("/receipts/{token}")).await;
    assert_eq!(page.status, 200);
    assert_eq!(page.header("cache-control"), Some("no-store"));
    assert_eq!(page.header("referrer-policy"), Some("no-referrer"));
}

#[tokio::test]
async fn the_receipt_s_page_speaks_the_reporter_s_language_and_shows_text_as_text() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let mut new = report_of("post-1");
    new["reporter"]["language"] = json!("fr-BE");
    new["address"] = json!("https://forum.example.org/<script>alert(1)</script>");
    let reported = report(&admin, new).await;
    decide(&admin, reported["case"].as_str().unwrap(), "violation").await;
    app.settle().await;

    let token = reported["receipt"]["token"].as_str().unwrap();
    let page = app
        .stranger()
        .get(&format!("/receipts/{token}"))
        .await
        .text();

    assert!(page.contains("<html lang=\"fr\">"), "{page}");
    assert!(
        page.contains("contraire à la loi ou à nos règles."),
        "{page}"
    );
    assert!(
        page.contains("&lt;script&gt;alert(1)&lt;/script&gt;"),
        "{page}"
    );
    assert!(!page.contains("<script>"), "{page}");
    assert!(page.contains("Décidé: entrée"), "{page}");
}

#[tokio::test]
async fn reports_of_one_subject_join_one_case_and_each_gets_its_receipt() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let scanned = admin.case("post-1").await;

    let one = report(&admin, report_of("post-1")).await;
    let again = report(&admin, report_of("post-1")).await;
    let mut other = report_of("post-1");
    other["category"] = json!("violence");
    other["keyword"] = Value::Null;
    let other = report(&admin, other).await;

    for reported in [&one, &again, &other] {
        assert_eq!(reported["case"], scanned);
    }
    assert_ne!(one["receipt"]["token"], again["receipt"]["token"]);
    let case = admin
        .get(&format!("/api/v1/cases/{scanned}"))
        .await
        .expect(200);
    assert_eq!(case["report_count"], 3);
    // The scan, the first of a kind, and one of another kind: the second of a kind says nothing new.
    assert_eq!(case["version"], 3);
    let listed = admin.ids(&format!("/api/v1/reports?case={scanned}")).await;
    assert_eq!(listed.len(), 3);
    decide(&admin, &scanned, "violation").await;
    app.settle().await;
    for reported in [&one, &again, &other] {
        assert_eq!(receipt(&app, reported).await["outcome"], "violation");
    }
    // What comes after the decision is not lost in it.
    let late = report(&admin, report_of("post-1")).await;
    assert_ne!(late["case"], scanned);
    assert_eq!(receipt(&app, &late).await["state"], "received");
}

#[tokio::test]
async fn a_flood_of_the_same_keeps_nobody_from_deciding_and_everyone_is_told() {
    const FLOOD: usize = 450;
    let app = TestApp::new().await;
    let admin = app.admin();
    let first = report(&admin, report_of("post-1")).await;
    let case = first["case"].as_str().unwrap();
    let claimed = admin.claim(case).await.expect(200);

    for _ in 1..FLOOD {
        report(&admin, report_of("post-1")).await;
    }
    let decision = json!({ "case_version": claimed["version"], "policy": "house/scams",
        "outcome": "violation", "facts": "it was seen", "reasons": "it was looked at" });
    admin.decide(case, decision).await.expect(201);
    app.settle().await;

    assert_eq!(app.recorded("case.decided").await[0]["reports"], FLOOD);
    let decided = admin.ids("/api/v1/reports?decided=true").await;
    assert_eq!(decided.len(), FLOOD);
    let untold = app.count("reports WHERE decided_entry IS NULL").await;
    assert_eq!(untold, 0);
    let entries = app
        .count("ledger_entries WHERE kind = 'report.decided'")
        .await;
    assert_eq!(entries, FLOOD as i64);
}

#[tokio::test]
async fn the_platform_is_told_of_every_report_and_its_end() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let receiver = Receiver::start().await;
    endpoint(
        &admin,
        &receiver,
        &["report.received", "report.decided", "case.opened"],
    )
    .await;

    let reported = report(&admin, report_of("post-1")).await;
    receiver.wait_for(2).await;
    decide(&admin, reported["case"].as_str().unwrap(), "no_violation").await;
    receiver.wait_for(3).await;

    let mut told: Vec<Value> = receiver.received().iter().map(|one| one.json()).collect();
    told.sort_by_key(|one| one["type"].as_str().unwrap().to_owned());
    let kinds: Vec<_> = told
        .iter()
        .map(|one| one["type"].as_str().unwrap())
        .collect();
    assert_eq!(kinds, ["case.opened", "report.decided", "report.received"]);
    assert_eq!(told[0]["data"]["verdict"], Value::Null);
    for one in &told[1..] {
        assert_eq!(one["data"]["report"]["id"], reported["id"]);
        assert_eq!(one["data"]["report"]["reporter"], "reader-7");
        assert_eq!(one["data"]["item"]["external_id"], "post-1");
        assert_eq!(one["data"]["account"]["external_id"], "ann");
    }
    assert_eq!(told[1]["data"]["outcome"], "no_violation");
}

#[tokio::test]
async fn an_organisation_reports_in_its_lane_and_sees_its_own_reports_alone() {
    let app = TestApp::new().await;
    let (hotline, desk) = organisation(&app, "A hotline", "hotline").await;
    let (_, flagger) = organisation(&app, "A flagger", "trusted_flagger").await;

    let about = json!({ "address": "https://forum.example.org/p/9",
        "category": "protection_of_minors", "explanation": "It is on our list.", "good_faith": true });
    let reported = report(&desk, about.clone()).await;
    let flagged = report(&flagger, about).await;

    assert_eq!(reported["source"], "hotline");
    assert_eq!(reported["organisation"], hotline);
    assert_eq!(reported["due_at"], "2026-01-02T00:00:00Z");
    assert_eq!(flagged["source"], "trusted_flagger");
    assert_eq!(flagged["case"], reported["case"]);
    let case = format!("/api/v1/cases/{}", reported["case"].as_str().unwrap());
    let case = app.admin().get(&case).await.expect(200);
    // The first deadline and the highest priority hold, and each organisation's report is news.
    assert_eq!(case["due_at"], "2026-01-02T00:00:00Z");
    assert_eq!(
        (&case["queue"], &case["priority"]),
        (&json!("hotlines"), &json!(85))
    );
    assert_eq!(case["version"], 2);
    assert_eq!(case["item"]["external_id"], "https://forum.example.org/p/9");
    let own = desk.ids("/api/v1/reports").await;
    assert_eq!(own, [reported["id"].as_str().unwrap()]);
    let others = format!("/api/v1/reports/{}", flagged["id"].as_str().unwrap());
    desk.get(&others).await.expect_problem(404, "not_found");
    let of_others = format!(
        "/api/v1/reports?organisation={}",
        flagged["organisation"].as_str().unwrap()
    );
    assert_eq!(desk.ids(&of_others).await, own);
    let answer = desk
        .post(
            "/api/v1/reports",
            json!({ "source": "authority", "account": "ann",
        "category": "violence", "explanation": "x" }),
        )
        .await;
    answer.expect_problem(422, "invalid");
    desk.get("/api/v1/cases")
        .await
        .expect_problem(403, "scope_missing");
}

#[tokio::test]
async fn an_organisation_s_description_does_not_replace_the_platform_s() {
    let app = TestApp::new().await;
    let admin = app.admin();
    admin.case("post-1").await;
    let (_, desk) = organisation(&app, "A hotline", "hotline").await;

    let mut new = report_of("post-1");
    new["item"] =
        json!({ "id": "post-1", "account": "somebody-else", "surface": "direct", "text": "x" });
    new["reporter"] = Value::Null;
    let reported = report(&desk, new).await;

    let item = format!(
        "/api/v1/items/{}",
        reported["subject"]["id"].as_str().unwrap()
    );
    let item = admin.get(&item).await.expect(200);
    assert_eq!(
        (&item["surface"], &item["text"]),
        (&json!("public"), &Value::Null)
    );
    assert_eq!(app.count("accounts WHERE external_id = 'ann'").await, 1);
}

#[tokio::test]
async fn a_suspended_organisation_loses_its_lane_and_never_its_answer() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let (id, flagger) = organisation(&app, "A flagger", "trusted_flagger").await;
    let path = format!("/api/v1/organisations/{id}");
    let suspend =
        json!({ "suspend": { "until": "2026-02-01T00:00:00Z", "reason": "all unfounded" } });
    let suspended = admin.patch(&path, suspend).await.expect(200);
    assert_eq!(suspended["suspension"]["until"], "2026-02-01T00:00:00Z");

    let meanwhile = report(&flagger, report_of("post-1")).await;
    app.advance(Duration::from_hours(24 * 40));
    let after = report(&flagger, report_of("post-2")).await;

    assert_eq!(meanwhile["is_suspended"], true);
    assert_eq!(meanwhile["source"], "trusted_flagger");
    assert_eq!(meanwhile["due_at"], "2026-01-08T00:00:00Z");
    assert_eq!(after["is_suspended"], false);
    assert_eq!(after["due_at"], "2026-02-12T00:00:00Z");
    decide(&admin, meanwhile["case"].as_str().unwrap(), "no_violation").await;
    app.settle().await;
    assert_eq!(receipt(&app, &meanwhile).await["outcome"], "no_violation");
    assert_eq!(
        admin.get(&path).await.expect(200)["suspension"],
        Value::Null
    );
}

#[tokio::test]
async fn a_suspension_can_be_ended_early() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let (id, flagger) = organisation(&app, "A flagger", "trusted_flagger").await;
    let path = format!("/api/v1/organisations/{id}");
    let suspend = json!({ "suspend": { "until": "2026-02-01T00:00:00Z", "reason": "a mistake" } });
    admin.patch(&path, suspend).await.expect(200);

    let back = admin
        .patch(&path, json!({ "reinstate": true }))
        .await
        .expect(200);

    assert_eq!(back["suspension"], Value::Null);
    let reported = report(&flagger, report_of("post-1")).await;
    assert_eq!(reported["is_suspended"], false);
    let changes = app.recorded("organisation.changed").await;
    assert_eq!(changes[0]["suspended_reason"], "a mistake");
    assert_eq!(changes[1]["suspended_until"], Value::Null);
}

#[tokio::test]
async fn what_nears_its_deadline_climbs_and_what_passed_it_is_counted() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let receiver = Receiver::start().await;
    endpoint(&admin, &receiver, &["case.escalated"]).await;
    // Seven days.
    let reported = report(&admin, report_of("post-1")).await;
    let case = format!("/api/v1/cases/{}", reported["case"].as_str().unwrap());
    let overdue = async || admin.ids("/api/v1/cases?overdue=true").await.len();

    let mut priorities = Vec::new();
    for hours in [83, 2, 50, 33] {
        app.advance(Duration::from_hours(hours));
        app.settle().await;
        let case = admin.get(&case).await.expect(200);
        priorities.push(case["priority"].as_u64().unwrap());
    }

    assert_eq!(priorities, [30, 40, 50, 60]);
    assert_eq!(overdue().await, 1);
    let metrics = app.stranger().get("/metrics").await.text();
    assert!(metrics.contains("watchhouse_overdue_cases 1"), "{metrics}");
    let told = receiver.wait_for(3).await;
    let percents: Vec<_> = told
        .iter()
        .map(|one| one.json()["data"]["percent"].clone())
        .collect();
    assert_eq!(percents, [50, 80, 100]);
    decide(&admin, reported["case"].as_str().unwrap(), "violation").await;
    assert_eq!(overdue().await, 0);
}

#[tokio::test]
async fn a_nearer_deadline_replaces_a_later_one_with_its_reminders() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let (_, desk) = organisation(&app, "A court", "authority").await;
    report(&admin, report_of("post-1")).await;
    let mut order = report_of("post-1");
    order["category"] = json!("risk_for_public_security");
    order["keyword"] = json!("terrorist_content");
    let order = report(&desk, order).await;

    app.advance(Duration::from_mins(61));
    app.settle().await;
    app.advance(Duration::from_hours(24 * 8));
    app.settle().await;

    assert_eq!(order["due_at"], "2026-01-01T01:00:00Z");
    // Three reminders of the one deadline, none of the other.
    let escalated = app.recorded("case.escalated").await;
    let due: Vec<_> = escalated
        .iter()
        .map(|one| one["due_at"].as_str().unwrap())
        .collect();
    assert_eq!(due, ["2026-01-01T01:00:00Z"; 3]);
    assert_eq!(escalated[2]["priority"], 100);
}

#[tokio::test]
async fn a_repeated_report_is_one_report_and_its_receipt_can_be_had_again() {
    let app = TestApp::new().await;
    let platform = app
        .client("platform", &["reports:write", "reports:read"])
        .await;
    let other = app.client("other", &["reports:read"]).await;

    let first = platform
        .post_once("r-1", "/api/v1/reports", report_of("post-1"))
        .await
        .expect(201);
    let second = platform
        .post_once("r-1", "/api/v1/reports", report_of("post-1"))
        .await
        .expect(201);

    assert_eq!(first["id"], second["id"]);
    assert_eq!(second["receipt"], Value::Null);
    assert_eq!(app.count("reports").await, 1);
    let path = format!("/api/v1/reports/{}", first["id"].as_str().unwrap());
    assert_eq!(
        platform.get(&path).await.expect(200)["receipt"],
        first["receipt"]
    );
    assert_eq!(other.get(&path).await.expect(200)["receipt"], Value::Null);
    // The token lies in no table.
    let token = first["receipt"]["token"].as_str().unwrap();
    let kept = app
        .count(&format!("idempotency_keys WHERE body LIKE '%{token}%'"))
        .await;
    assert_eq!(kept, 0);
}

#[tokio::test]
async fn what_is_wrong_with_a_report_is_said() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let with = |field: &str, value: Value| {
        let mut report = report_of("post-1");
        report[field] = value;
        report
    };
    let bare = json!({ "category": "violence", "explanation": "x" });
    let long = "x".repeat(10_001);
    let cases = [
        (
            bare,
            "item",
            "one of item, account and address has to be there",
        ),
        (with("account", json!("ann")), "account", "not both"),
        (
            with("category", json!("cats")),
            "category",
            "\"cats\" is no category",
        ),
        (
            with("category", json!("x_")),
            "category",
            "\"x_\" is no category",
        ),
        (
            with("keyword", json!("suicide")),
            "keyword",
            "is no keyword of \"scams_and_fraud\"",
        ),
        (
            with("explanation", json!(" ")),
            "explanation",
            "expected 1 to 10000 characters",
        ),
        (
            with("explanation", json!(long)),
            "explanation",
            "expected 1 to 10000 characters",
        ),
        (with("address", json!("")), "address", "expected an address"),
        (
            with("source", json!("hotline")),
            "source",
            "an organisation's own key",
        ),
        (
            with("reporter", json!({ "email": "nobody" })),
            "reporter.email",
            "is no e-mail address",
        ),
        (
            with("reporter", json!({ "language": "?" })),
            "reporter.language",
            "is no language",
        ),
    ];
    for (wrong, field, text) in cases {
        let problem = admin
            .post("/api/v1/reports", wrong)
            .await
            .expect_problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
        assert!(
            problem["detail"].as_str().unwrap().contains(text),
            "{problem}"
        );
    }
    for own in ["x_spam", "x_2_cats"] {
        let mut new = with("category", json!(own));
        new["keyword"] = json!("other");
        report(&admin, new).await;
    }
    assert_eq!(app.count("reports").await, 2);
}

#[tokio::test]
async fn an_organisation_s_key_can_report_and_nothing_else() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let (id, _) = organisation(&app, "A hotline", "hotline").await;
    let key = |scopes: &[&str], organisation: &str| json!({ "name": "k", "scopes": scopes, "organisation": organisation });

    let wide = admin
        .post("/api/v1/keys", key(&["reports:write", "cases:read"], &id))
        .await;
    let nobody = admin
        .post("/api/v1/keys", key(&["reports:write"], "org_nobody"))
        .await;

    wide.expect_problem(422, "invalid");
    nobody.expect_problem(422, "invalid");
    let again = admin
        .post(
            "/api/v1/organisations",
            json!({ "name": "A hotline", "kind": "hotline" }),
        )
        .await;
    again.expect_problem(409, "name_taken");
}

#[tokio::test]
async fn a_receipt_says_that_something_was_done_only_once_it_is() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let reported = report(&admin, report_of("post-1")).await;
    let case = reported["case"].as_str().unwrap();
    let claimed = admin.claim(case).await.expect(200);
    let decision = json!({ "case_version": claimed["version"], "policy": "p", "outcome": "violation",
    "facts": "it was seen",
        "reasons": "r", "actions": [{ "kind": "remove" }] });
    let decided = admin.decide(case, decision).await.expect(201);
    let action = decided["actions"][0]["id"].as_str().unwrap();
    let words = async || {
        let receipt = receipt(&app, &reported).await;
        receipt["outcome_in_words"].as_str().unwrap().to_owned()
    };

    let before = words().await;
    let path = format!("/api/v1/actions/{action}/outcome");
    admin
        .post(&path, json!({ "outcome": "done" }))
        .await
        .expect(200);
    let after = words().await;

    assert!(before.ends_with("We are acting on it."), "{before}");
    assert!(after.ends_with("We have acted on it."), "{after}");
}
