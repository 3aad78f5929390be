//! What a decision needs before it takes effect, and how it is taken back.

use std::time::Duration;

use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::Client;
use crate::deliveries::endpoint;
use crate::receiver::Receiver;

fn removal(policy: &str) -> Value {
    json!({ "case_version": 1, "policy": policy, "outcome": "violation", "facts": "it was seen",
        "reasons": "it is listed", "actions": [{ "kind": "remove" }] })
}

async fn reviewer(app: &TestApp, name: &str) -> Client {
    app.client(name, &["cases:read", "cases:decide"]).await
}

async fn decided(client: &Client, item: &str, decision: Value) -> (String, Value) {
    let case = client.case(item).await;
    client.claim(&case).await.expect(200);
    let decision = client.decide(&case, decision).await.expect(201);
    (case, decision)
}

fn step(decision: &Value, step: &str) -> String {
    let id = decision["id"].as_str().unwrap();
    format!("/api/v1/decisions/{id}/{step}")
}

async fn show(client: &Client, kind: &str, id: &Value) -> Value {
    let id = id.as_str().unwrap();
    client
        .get(&format!("/api/v1/{kind}/{id}"))
        .await
        .expect(200)
}

#[tokio::test]
async fn a_grave_decision_takes_effect_when_another_agrees() {
    let app = TestApp::new().await;
    let admin = app.admin();
    admin
        .policy("terms/grave", json!({ "needs_second": true }))
        .await;
    let receiver = Receiver::start().await;
    endpoint(
        &admin,
        &receiver,
        &["decision.proposed", "action.requested"],
    )
    .await;

    let (case, proposed) = decided(&admin, "post-1", removal("terms/grave")).await;

    assert_eq!(proposed["state"], "proposed");
    assert_eq!(proposed["actions"], json!([]));
    assert_eq!(proposed["planned"][0]["kind"], "remove");
    let shown = show(&admin, "cases", &json!(case)).await;
    assert_eq!(shown["state"], "open");
    assert_eq!(shown["proposal"], proposed["id"]);
    assert_eq!(shown["claim"], Value::Null);
    let refused = admin.claim(&case).await;
    refused.expect_problem(409, "decision_proposed");
    let none = admin.post("/api/v1/cases/next", json!({})).await;
    assert_eq!(none.status, 204);
    let agrees = json!({ "agrees": true, "reasons": "so it is" });
    let alone = admin.post(&step(&proposed, "second"), agrees.clone()).await;
    alone.expect_problem(409, "second_person_needed");
    let waiting = admin.ids("/api/v1/decisions?state=proposed").await;
    assert_eq!(json!(waiting), json!([proposed["id"]]));

    let other = reviewer(&app, "other").await;
    let seconded = other.post(&step(&proposed, "second"), agrees.clone()).await;

    let seconded = seconded.expect(200);
    assert_eq!(seconded["state"], "effective");
    assert_eq!(seconded["second"]["name"], "other");
    assert_eq!(seconded["second"]["reasons"], "so it is");
    assert_eq!(seconded["actions"][0]["kind"], "remove");
    assert_eq!(
        show(&admin, "cases", &json!(case)).await["state"],
        "decided"
    );
    let again = other.post(&step(&proposed, "second"), agrees).await;
    again.expect_problem(409, "decision_not_proposed");
    app.settle().await;
    let mut told: Vec<Value> = receiver.received().iter().map(|call| call.json()).collect();
    told.sort_by_key(|call| call["type"].as_str().unwrap().to_owned());
    assert_eq!(told.len(), 2);
    assert_eq!(told[0]["type"], "action.requested");
    assert_eq!(told[1]["data"]["decision"]["id"], proposed["id"]);
    assert_eq!(app.recorded("decision.seconded").await.len(), 1);
    assert_eq!(app.recorded("case.decided").await.len(), 1);
}

#[tokio::test]
async fn a_refused_proposal_gives_the_case_back_to_all() {
    let app = TestApp::new().await;
    let admin = app.admin();
    admin
        .policy("terms/grave", json!({ "needs_second": true }))
        .await;
    let (case, proposed) = decided(&admin, "post-1", removal("terms/grave")).await;
    let other = reviewer(&app, "other").await;

    let refuses = json!({ "agrees": false, "reasons": "look again" });
    let refused = other.post(&step(&proposed, "second"), refuses).await;

    assert_eq!(refused.expect(200)["state"], "refused");
    assert!(admin.ids("/api/v1/actions").await.is_empty());
    let next = other
        .post("/api/v1/cases/next", json!({}))
        .await
        .expect(200);
    assert_eq!(next["id"], json!(case));
}

#[tokio::test]
async fn a_proposal_that_something_joined_cannot_be_agreed_with() {
    let app = TestApp::new().await;
    let admin = app.admin();
    admin
        .policy("terms/grave", json!({ "needs_second": true }))
        .await;
    let (case, proposed) = decided(&admin, "post-1", removal("terms/grave")).await;
    admin.scan("post-1", "no picture either").await.expect(200);
    let other = reviewer(&app, "other").await;

    let agrees = json!({ "agrees": true, "reasons": "so it is" });
    let stale = other.post(&step(&proposed, "second"), agrees).await;

    stale.expect_problem(409, "case_changed");
    assert_eq!(show(&admin, "cases", &json!(case)).await["state"], "open");
    assert!(admin.ids("/api/v1/actions").await.is_empty());
}

#[tokio::test]
async fn within_the_grace_time_nobody_is_told_and_all_can_be_undone() {
    let app = TestApp::with(|config| config.decisions.undo_seconds = 10).await;
    let admin = app.admin();
    let receiver = Receiver::start().await;
    endpoint(
        &admin,
        &receiver,
        &["action.requested", "case.decided", "report.decided"],
    )
    .await;
    let (case, decision) = decided(&admin, "post-1", removal("known-media")).await;
    assert_eq!(decision["state"], "pending");
    assert_eq!(decision["takes_effect_at"], "2026-01-01T00:00:10Z");
    let other = reviewer(&app, "other").await;
    let anothers = other.post(&step(&decision, "undo"), json!({})).await;
    anothers.expect_problem(409, "decided_by_another");
    app.advance(Duration::from_secs(9));
    app.settle().await;
    assert!(receiver.received().is_empty());

    let undone = admin.post(&step(&decision, "undo"), json!({})).await;

    assert_eq!(undone.expect(200)["state"], "undone");
    app.advance(Duration::from_secs(60));
    app.settle().await;
    assert!(receiver.received().is_empty());
    let shown = show(&admin, "cases", &json!(case)).await;
    assert_eq!(shown["state"], "open");
    assert_eq!(shown["version"], 2);
    assert_eq!(shown["claim"]["name"], "administrator");
    let mut again = removal("known-media");
    again["case_version"] = json!(2);
    let again = admin.decide(&case, again).await.expect(201);
    app.advance(Duration::from_secs(10));
    app.settle().await;
    assert_eq!(
        show(&admin, "decisions", &again["id"]).await["state"],
        "effective"
    );
    assert_eq!(receiver.received().len(), 2);
    let late = admin.post(&step(&again, "undo"), json!({})).await;
    late.expect_problem(409, "too_late_to_undo");
}

#[tokio::test]
async fn an_undone_case_goes_into_the_one_that_was_opened_meanwhile() {
    let app = TestApp::with(|config| config.decisions.undo_seconds = 60).await;
    let admin = app.admin();
    let report = json!({ "item": { "id": "post-1", "account": "ann", "surface": "public" },
        "category": "violence", "explanation": "look at it" });
    let reported = admin
        .post("/api/v1/reports", report.clone())
        .await
        .expect(201);
    let case = reported["case"].as_str().unwrap();
    admin.claim(case).await.expect(200);
    let decision = admin.decide(case, removal("known-media")).await.expect(201);
    app.advance(Duration::from_secs(5));
    let second = admin.post("/api/v1/reports", report).await.expect(201);
    assert_ne!(second["case"], reported["case"]);

    admin
        .post(&step(&decision, "undo"), json!({}))
        .await
        .expect(200);

    let into = show(&admin, "cases", &second["case"]).await;
    assert_eq!(into["due_at"], reported["due_at"]);
    let merged = show(&admin, "cases", &reported["case"]).await;
    assert_eq!(merged["merged_into"], second["case"]);
    assert_eq!(merged["report_count"], 0);
    assert_eq!(
        show(&admin, "cases", &second["case"]).await["report_count"],
        2
    );
    let moved = show(&admin, "reports", &reported["id"]).await;
    assert_eq!(moved["case"], second["case"]);
    assert_eq!(moved["state"], "received");
}

#[tokio::test]
async fn a_reversal_points_at_what_it_takes_back_and_lifts_all_of_it() {
    let app = TestApp::new().await;
    let admin = app.admin();
    admin
        .policy("terms/spam", json!({ "strike_weight": 3 }))
        .await;
    let mut decision = removal("terms/spam");
    decision["actions"] =
        json!([{ "kind": "remove" }, { "kind": "disable_account" }, { "kind": "warn" }]);
    let (case, decision) = decided(&admin, "post-1", decision).await;
    let account = decision["actions"][0]["account"].clone();
    let strikes = format!("/api/v1/accounts/{}/strikes", account.as_str().unwrap());
    assert_eq!(admin.get(&strikes).await.expect(200)[0]["counts"], true);

    let reasons = json!({ "reasons": "it was somebody else's" });
    let reversal = admin
        .post(&step(&decision, "reversal"), reasons.clone())
        .await;

    let reversal = reversal.expect(201);
    assert_eq!(reversal["outcome"], "no_violation");
    assert_eq!(reversal["case"], json!(case));
    assert_eq!(reversal["reverses"], json!([decision["id"]]));
    let lifted = |i: usize| {
        (
            reversal["actions"][i]["kind"].clone(),
            reversal["actions"][i]["lifts"].clone(),
        )
    };
    assert_eq!(
        lifted(0),
        (json!("restore"), decision["actions"][0]["id"].clone())
    );
    assert_eq!(
        lifted(1),
        (
            json!("enable_account"),
            decision["actions"][1]["id"].clone()
        )
    );
    assert_eq!(reversal["actions"].as_array().unwrap().len(), 2);
    let reversed = show(&admin, "decisions", &decision["id"]).await;
    assert_eq!(reversed["reversed_by"], reversal["id"]);
    let strike = admin.get(&strikes).await.expect(200);
    assert_eq!(strike[0]["counts"], false);
    assert_eq!(strike[0]["lifted_at"], "2026-01-01T00:00:00Z");
    let again = admin
        .post(&step(&decision, "reversal"), reasons.clone())
        .await;
    again.expect_problem(409, "decision_reversed");
    let of_it = admin.post(&step(&reversal, "reversal"), reasons).await;
    of_it.expect_problem(409, "nothing_to_reverse");
}

#[tokio::test]
async fn an_action_with_an_end_is_lifted_at_it_unless_it_was_before() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let mut decision = removal("known-media");
    decision["actions"] = json!([
        { "kind": "suspend", "until": "2026-01-08T00:00:00Z", "territory": ["FR", "BE"] }]);
    let (_, first) = decided(&admin, "post-1", decision.clone()).await;
    let (_, second) = decided(&admin, "post-2", decision).await;
    assert_eq!(first["actions"][0]["territory"], json!(["FR", "BE"]));
    let reasons = json!({ "reasons": "it was somebody else's" });
    admin
        .post(&step(&second, "reversal"), reasons)
        .await
        .expect(201);
    app.settle().await;
    assert_eq!(admin.ids("/api/v1/actions").await.len(), 3);

    app.advance(Duration::from_hours(24 * 8));
    app.settle().await;

    let all = admin.get("/api/v1/actions").await.expect(200);
    assert_eq!(all["data"].as_array().unwrap().len(), 4);
    assert_eq!(all["data"][0]["kind"], "enable_account");
    assert_eq!(all["data"][0]["lifts"], first["actions"][0]["id"]);
    assert_eq!(all["data"][0]["decision"], first["id"]);
}

#[tokio::test]
async fn an_action_may_be_on_something_else_that_is_named() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let related = admin.case("post-2").await;
    let related = show(&admin, "cases", &json!(related)).await["subject"]["id"].clone();
    let case = admin.case("post-1").await;
    admin.claim(&case).await.expect(200);
    let mut decision = removal("known-media");
    for (action, field) in [
        (
            json!({ "kind": "remove", "item": "itm_none" }),
            "actions[0].item",
        ),
        (
            json!({ "kind": "remove", "account": "acc_none" }),
            "actions[0].account",
        ),
        (
            json!({ "kind": "remove", "item": related, "account": "acc_1" }),
            "actions[0].account",
        ),
        (
            json!({ "kind": "remove", "territory": ["France"] }),
            "actions[0].territory",
        ),
        (
            json!({ "kind": "suspend", "until": "2025-12-31T00:00:00Z" }),
            "actions[0].until",
        ),
    ] {
        decision["actions"] = json!([action]);
        let refused = admin.decide(&case, decision.clone()).await;
        let problem = refused.expect_problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }

    decision["actions"] = json!([{ "kind": "remove" }, { "kind": "remove", "item": related }]);
    let decided = admin.decide(&case, decision).await.expect(201);

    assert_ne!(decided["actions"][0]["item"], related);
    assert_eq!(decided["actions"][1]["item"], related);
}

#[tokio::test]
async fn a_preview_tells_all_and_does_nothing() {
    let app = TestApp::with(|config| config.decisions.undo_seconds = 10).await;
    let admin = app.admin();
    admin
        .policy("terms/spam", json!({ "strike_weight": 3 }))
        .await;
    let report = json!({ "item": { "id": "post-1", "account": "ann", "surface": "public" },
        "category": "violence", "explanation": "look at it" });
    let reported = admin.post("/api/v1/reports", report).await.expect(201);
    let case = reported["case"].as_str().unwrap();
    admin.claim(case).await.expect(200);
    app.settle().await;
    let before = app.left().await;
    let path = format!("/api/v1/cases/{case}/decisions/preview");

    let preview = admin.post(&path, removal("terms/spam")).await.expect(200);

    assert_eq!(preview["decision"]["state"], "effective");
    assert_eq!(preview["decision"]["actions"][0]["kind"], "remove");
    let sections = &preview["statements"][0]["texts"]["en"];
    assert_eq!(sections[0]["element"], "restriction");
    assert_eq!(preview["report_count"], 1);
    assert_eq!(
        (&preview["strikes"], &preview["strikes_after"]),
        (&json!(0), &json!(3))
    );
    app.settle().await;
    assert_eq!(app.left().await, before);
    assert!(admin.ids("/api/v1/decisions").await.is_empty());
    let wrong = admin.post(&path, removal("no-policy")).await;
    wrong.expect_problem(422, "policy_unknown");
    admin.decide(case, removal("terms/spam")).await.expect(201);
}

#[tokio::test]
async fn strikes_recommend_until_they_expire() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let spam = json!({ "strike_weight": 3, "strike_days": 30 });
    admin.policy("terms/spam", spam).await;
    let first = admin.case("post-1").await;
    assert_eq!(
        show(&admin, "cases", &json!(first)).await["recommended"],
        Value::Null
    );
    let (_, decision) = decided(&admin, "post-3", removal("terms/spam")).await;

    let second = admin.case("post-2").await;
    let recommended = show(&admin, "cases", &json!(second)).await["recommended"].clone();

    assert_eq!(recommended["action"], "suspend");
    assert_eq!(recommended["days"], 7);
    assert_eq!(recommended["weight"], 3);
    assert_eq!(recommended["strikes"][0]["decision"], decision["id"]);
    assert_eq!(
        recommended["strikes"][0]["expires_at"],
        "2026-01-31T00:00:00Z"
    );
    app.advance(Duration::from_hours(24 * 30));
    let later = show(&admin, "cases", &json!(second)).await;
    assert_eq!(later["recommended"], Value::Null);
}
