//! Appeals: whoever a decision concerns is heard once more, by somebody else and by a person.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::Client;
use crate::deliveries::endpoint;
use crate::receiver::Receiver;

/// Whether a case opened by a file that cannot be checked was decided as a violation, and by whom.
struct Decided {
    app: TestApp,
    first: Client,
    second: Client,
    receiver: Receiver,
    decision: Value,
    /// The path of the statement, without what comes before the token's noun.
    statement: String,
}

async fn removed() -> Decided {
    let app = TestApp::new().await;
    let admin = app.admin();
    let scopes = [
        "cases:read",
        "cases:decide",
        "reports:write",
        "reports:read",
    ];
    let first = app.client("first", &scopes).await;
    let second = app.client("second", &scopes).await;
    let receiver = Receiver::start().await;
    let events = ["statement.issued", "appeal.received", "appeal.answered"];
    endpoint(&admin, &receiver, &events).await;
    admin
        .policy("terms/spam", json!({ "strike_weight": 2 }))
        .await;
    let case = admin.case("post-1").await;
    first.claim(&case).await.expect(200);
    let decision = violation(1, &[json!({ "kind": "remove" })]);
    let decision = first.decide(&case, decision).await.expect(201);
    app.settle().await;
    let told = told(&receiver, "statement.issued").remove(0);
    let address = told["address"].as_str().unwrap();
    let (_, token) = address.split_once("/statements/").unwrap();
    Decided {
        first,
        second,
        receiver,
        decision,
        statement: format!("/statements/{token}"),
        app,
    }
}

fn violation(version: u32, actions: &[Value]) -> Value {
    json!({ "case_version": version, "policy": "terms/spam", "outcome": "violation",
        "facts": "it sells pills", "reasons": "selling is not allowed", "actions": actions })
}

fn no_violation(version: u32) -> Value {
    json!({ "case_version": version, "policy": "terms/spam", "outcome": "no_violation",
        "facts": "it is a recipe", "reasons": "recipes are allowed" })
}

fn told(receiver: &Receiver, event: &str) -> Vec<Value> {
    let calls = receiver.received();
    let calls = calls.iter().map(|call| call.json());
    let calls = calls.filter(|call| call["type"] == event);
    calls.map(|call| call["data"].clone()).collect()
}

impl Decided {
    fn api(&self) -> String {
        format!("/api/v1{}", self.statement)
    }

    async fn appeal(&self) -> Value {
        let why = json!({ "explanation": "It is a recipe." });
        let path = format!("{}/appeal", self.api());
        self.app.stranger().post(&path, why).await.expect(201)
    }

    /// The case that the appeal is decided on.
    async fn case(&self) -> String {
        let appeals = self.first.get("/api/v1/appeals").await.expect(200);
        appeals["data"][0]["case"].as_str().unwrap().to_owned()
    }
}

#[tokio::test]
async fn another_person_decides_again_and_all_is_restored() {
    let decided = removed().await;
    let appeal = decided.appeal().await;
    assert_eq!(appeal["due_at"], "2026-01-15T00:00:00Z");
    assert_eq!(appeal["outcome"], Value::Null);
    let case = decided.case().await;
    let shown = decided
        .first
        .get(&format!("/api/v1/cases/{case}"))
        .await
        .expect(200);
    assert_eq!(shown["queue"], "appeals");
    assert_eq!(shown["due_at"], "2026-01-15T00:00:00Z");
    assert_eq!(shown["appeals"][0]["explanation"], "It is a recipe.");
    assert_eq!(shown["appeals"][0]["against"], decided.decision["id"]);

    let claim = decided.first.claim(&case).await;
    claim.expect_problem(409, "decided_before");
    let next = decided.first.post("/api/v1/cases/next", json!({})).await;
    assert_eq!(next.status, 204);
    let next = decided.second.post("/api/v1/cases/next", json!({})).await;
    assert_eq!(next.expect(200)["id"], json!(case));
    let mut by_machine = no_violation(1);
    by_machine["is_automated"] = json!(true);
    let by_machine = decided.second.decide(&case, by_machine).await;
    by_machine.expect_problem(422, "invalid");
    let answer = decided
        .second
        .decide(&case, no_violation(1))
        .await
        .expect(201);

    assert_eq!(answer["reverses"], json!([decided.decision["id"]]));
    assert_eq!(answer["actions"][0]["kind"], "restore");
    assert_eq!(
        answer["actions"][0]["lifts"],
        decided.decision["actions"][0]["id"]
    );
    decided.app.settle().await;
    let statement = decided.app.stranger().get(&decided.api()).await.expect(200);
    assert_eq!(statement["appeal"]["outcome"], "reversed");
    assert_eq!(statement["is_reversed"], true);
    let kinds: Vec<&Value> = statement["entries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|one| &one["kind"])
        .collect();
    assert_eq!(
        kinds,
        ["statement.issued", "appeal.received", "appeal.answered"]
    );
    assert_eq!(told(&decided.receiver, "appeal.received").len(), 1);
    let answered = told(&decided.receiver, "appeal.answered");
    assert_eq!(answered[0]["appeal"]["outcome"], "reversed");
    assert_eq!(answered[0]["appeal"]["decision"], answer["id"]);
    // The second statement says that what was done is undone.
    assert_eq!(told(&decided.receiver, "statement.issued").len(), 2);
    let account = decided.decision["actions"][0]["account"].as_str().unwrap();
    let strikes = format!("/api/v1/accounts/{account}/strikes");
    let strikes = decided.first.get(&strikes).await.expect(200);
    assert_eq!(strikes.as_array().unwrap().len(), 1);
    assert_eq!(strikes[0]["counts"], false);
}

#[tokio::test]
async fn what_is_upheld_stays_and_weighs_no_more_than_before() {
    let decided = removed().await;
    decided.appeal().await;
    let case = decided.case().await;
    decided.second.claim(&case).await.expect(200);

    let answer = decided
        .second
        .decide(&case, violation(1, &[]))
        .await
        .expect(201);

    assert_eq!(answer["reverses"], json!([]));
    assert_eq!(answer["actions"], json!([]));
    decided.app.settle().await;
    let statement = decided.app.stranger().get(&decided.api()).await.expect(200);
    assert_eq!(statement["appeal"]["outcome"], "upheld");
    assert_eq!(statement["is_reversed"], false);
    let account = decided.decision["actions"][0]["account"].as_str().unwrap();
    let strikes = format!("/api/v1/accounts/{account}/strikes");
    let strikes = decided.first.get(&strikes).await.expect(200);
    assert_eq!(strikes.as_array().unwrap().len(), 1);
    assert_eq!(strikes[0]["counts"], true);
}

#[tokio::test]
async fn what_is_eased_is_partly_reversed_and_not_appealed_again() {
    let decided = removed().await;
    decided.appeal().await;
    let case = decided.case().await;
    decided.second.claim(&case).await.expect(200);
    let eased = violation(
        1,
        &[json!({ "kind": "restore" }), json!({ "kind": "label" })],
    );

    decided.second.decide(&case, eased).await.expect(201);

    decided.app.settle().await;
    let answered = told(&decided.receiver, "appeal.answered");
    assert_eq!(answered[0]["appeal"]["outcome"], "partly_reversed");
    let second = told(&decided.receiver, "statement.issued").remove(1);
    let address = second["address"].as_str().unwrap();
    let (_, token) = address.split_once("/statements/").unwrap();
    let path = format!("/api/v1/statements/{token}/appeal");
    let again = decided
        .app
        .stranger()
        .post(&path, json!({ "explanation": "Still." }))
        .await;
    again.expect_problem(409, "appeal_exhausted");
}

#[tokio::test]
async fn one_appeals_once_in_time_and_says_why() {
    let decided = removed().await;
    let stranger = decided.app.stranger();
    let path = format!("{}/appeal", decided.api());
    for explanation in ["", "  ", &"x".repeat(10_001)] {
        let empty = stranger
            .post(&path, json!({ "explanation": explanation }))
            .await;
        empty.expect_problem(422, "invalid");
    }
    let wrong = stranger
        .post(&path, json!({ "explanation": "x", "colour": "red" }))
        .await;
    wrong.expect_problem(400, "invalid_body");
    let huge = stranger
        .post(&path, json!({ "explanation": "x".repeat(70_000) }))
        .await;
    huge.expect_problem(413, "body_too_large");
    let nobody = "/api/v1/statements/01KDVDNA00D55FJT0TCK9K063E.AAAAAAAAAAAAAAAAAAAAAA/appeal";
    let nobody = stranger.post(nobody, json!({ "explanation": "x" })).await;
    nobody.expect_problem(404, "not_found");
    decided.appeal().await;
    let again = stranger
        .post(&path, json!({ "explanation": "And again." }))
        .await;
    again.expect_problem(409, "appeal_made");

    let late = removed().await;
    late.app.advance(Duration::from_hours(24 * 184 + 1));
    let path = format!("{}/appeal", late.api());
    let refused = late
        .app
        .stranger()
        .post(&path, json!({ "explanation": "x" }))
        .await;
    refused.expect_problem(409, "appeal_late");
}

#[tokio::test]
async fn what_was_taken_back_is_not_appealed() {
    let decided = removed().await;
    let id = decided.decision["id"].as_str().unwrap();
    let reversal = format!("/api/v1/decisions/{id}/reversal");
    let reversal = decided
        .second
        .post(&reversal, json!({ "reasons": "a mistake" }))
        .await;
    reversal.expect(201);

    let path = format!("{}/appeal", decided.api());
    let refused = decided
        .app
        .stranger()
        .post(&path, json!({ "explanation": "x" }))
        .await;

    refused.expect_problem(409, "decision_not_effective");
    let page = decided.app.stranger().get(&decided.statement).await.text();
    assert!(!page.contains("<form"), "{page}");
}

#[tokio::test]
async fn what_is_taken_back_while_it_is_appealed_is_not_said_to_stay() {
    let decided = removed().await;
    decided.appeal().await;
    let id = decided.decision["id"].as_str().unwrap();
    let path = format!("/api/v1/decisions/{id}/reversal");
    let reversal = json!({ "reasons": "a mistake" });
    decided.second.post(&path, reversal).await.expect(201);
    let case = decided.case().await;
    decided.second.claim(&case).await.expect(200);

    let again = violation(1, &[]);
    decided.second.decide(&case, again).await.expect(201);

    decided.app.settle().await;
    let answered = told(&decided.receiver, "appeal.answered");
    assert_eq!(answered[0]["appeal"]["outcome"], "reversed");
}

#[tokio::test]
async fn who_reported_may_object_to_what_became_of_it() {
    let decided = removed().await;
    let report = json!({ "item": { "id": "post-9", "account": "bob", "surface": "public" },
        "category": "scams_and_fraud", "explanation": "it sells pills" });
    let reported = decided
        .first
        .post("/api/v1/reports", report)
        .await
        .expect(201);
    let token = reported["receipt"]["token"].as_str().unwrap();
    let path = format!("/api/v1/receipts/{token}/appeal");
    let stranger = decided.app.stranger();
    let early = stranger.post(&path, json!({ "explanation": "x" })).await;
    early.expect_problem(409, "not_decided");
    let case = reported["case"].as_str().unwrap();
    decided.first.claim(case).await.expect(200);
    let original = decided
        .first
        .decide(case, no_violation(1))
        .await
        .expect(201);
    decided.app.settle().await;

    let appeal = stranger
        .post(&path, json!({ "explanation": "It does sell pills." }))
        .await;

    let appeal = appeal.expect(201);
    let shown = format!("/api/v1/appeals/{}", appeal["id"].as_str().unwrap());
    let shown = decided.second.get(&shown).await.expect(200);
    assert_eq!(shown["report"], reported["id"]);
    assert_eq!(shown["statement"], Value::Null);
    let case = shown["case"].as_str().unwrap();
    decided.second.claim(case).await.expect(200);
    let decision = violation(1, &[json!({ "kind": "remove" })]);
    let answer = decided.second.decide(case, decision).await.expect(201);
    assert_eq!(answer["reverses"], json!([original["id"]]));
    decided.app.settle().await;
    let receipt = stranger
        .get(&format!("/api/v1/receipts/{token}"))
        .await
        .expect(200);
    assert_eq!(receipt["appeal"]["outcome"], "reversed");
    let account = answer["actions"][0]["account"].as_str().unwrap();
    let strikes = format!("/api/v1/accounts/{account}/strikes");
    let strikes = decided.first.get(&strikes).await.expect(200);
    assert_eq!(strikes[0]["decision"], answer["id"]);
}

#[tokio::test]
async fn an_appeal_joins_the_open_case_on_its_subject() {
    let decided = removed().await;
    let report = json!({ "item": { "id": "post-1", "account": "ann", "surface": "public" },
        "category": "scams_and_fraud", "explanation": "it is back" });
    let reported = decided
        .first
        .post("/api/v1/reports", report)
        .await
        .expect(201);

    decided.appeal().await;

    assert_eq!(decided.case().await, reported["case"].as_str().unwrap());
    let case = reported["case"].as_str().unwrap();
    let shown = decided
        .second
        .get(&format!("/api/v1/cases/{case}"))
        .await
        .expect(200);
    assert_eq!(
        (&shown["version"], &shown["report_count"]),
        (&json!(2), &json!(1))
    );
}

#[tokio::test]
async fn the_page_takes_an_objection_without_a_script() {
    let decided = removed().await;
    let stranger = decided.app.stranger();
    let page = stranger.get(&decided.statement).await.text();
    assert!(page.contains("<form method=\"post\">"), "{page}");
    let send_form = async |explanation: &str| {
        let form = url::form_urlencoded::Serializer::new(String::new())
            .append_pair("explanation", explanation)
            .finish();
        let kind = "application/x-www-form-urlencoded";
        stranger.post_bytes(&decided.statement, kind, form).await
    };

    let empty = send_form("  ").await;
    assert_eq!(empty.status, 422);
    assert!(empty.text().contains("role=\"alert\""), "{}", empty.text());
    // Whoever sends it is led back to the page, which shows it.
    let sent = send_form("<b>It is a recipe.</b>").await;
    assert_eq!(sent.status, 200, "{}", sent.text());
    assert!(
        sent.text().contains("&lt;b&gt;It is a recipe.&lt;/b&gt;"),
        "{}",
        sent.text()
    );
    assert!(sent.text().contains("We have received your objection."));
    let again = send_form("And again.").await;
    assert_eq!(again.status, 409);
    assert!(again.text().contains("We cannot take this objection"));
    let appeals = decided.first.get("/api/v1/appeals").await.expect(200);
    assert_eq!(appeals["data"].as_array().unwrap().len(), 1);
}

#[tokio::test]
async fn what_an_out_of_court_body_makes_of_it_is_noted() {
    let decided = removed().await;
    let appeal = decided.appeal().await;
    let path = format!("/api/v1/appeals/{}", appeal["id"].as_str().unwrap());
    let mut dispute = json!({ "body": "A body", "reference": "B-17", "outcome": null,
        "is_implemented": null });

    let noted = decided
        .second
        .patch(&path, json!({ "dispute": dispute }))
        .await;

    assert_eq!(noted.expect(200)["dispute"], dispute);
    dispute["outcome"] = json!("reversed");
    dispute["is_implemented"] = json!(true);
    let ended = decided
        .second
        .patch(&path, json!({ "dispute": dispute }))
        .await;
    assert_eq!(ended.expect(200)["dispute"], dispute);
    dispute["reference"] = json!("");
    let empty = decided
        .second
        .patch(&path, json!({ "dispute": dispute }))
        .await;
    empty.expect_problem(422, "invalid");
    assert_eq!(decided.app.recorded("appeal.disputed").await.len(), 2);
}

#[tokio::test]
async fn of_two_objections_at_once_one_is_taken() {
    let decided = removed().await;
    let path = format!("{}/appeal", decided.api());
    let stranger = decided.app.stranger();
    let why = json!({ "explanation": "It is a recipe." });
    let sent = (0..8).map(|_| stranger.post(&path, why.clone()));

    let answers = futures::future::join_all(sent).await;

    let taken = answers.iter().filter(|answer| answer.status == 201).count();
    assert_eq!(taken, 1);
    for answer in answers.iter().filter(|answer| answer.status != 201) {
        answer.expect_problem(409, "appeal_made");
    }
    assert_eq!(decided.first.ids("/api/v1/appeals").await.len(), 1);
}
