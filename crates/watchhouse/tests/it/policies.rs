//! Policies: a tree of versions that decisions cite, never changed and never deleted.

use serde_json::{Value, json};

use crate::app::TestApp;

fn terms(reference: &str) -> Value {
    json!({
        "ground": "law",
        "reference": reference,
        "category": "scams_and_fraud",
        "keyword": "phishing",
        "severity": 60,
        "strike_weight": 2,
        "strike_days": 90,
        "needs_second": false,
        "texts": {
            "en": { "title": "Phishing", "text": "Do not ask for passwords.", "help": "Call us." },
            "fr": { "title": "Hameçonnage", "text": "Ne demandez pas de mots de passe." },
        },
    })
}

#[tokio::test]
async fn a_new_version_leaves_what_cited_the_old_one() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let new = json!({ "name": "law/fraud", "terms": terms("Article 1") });
    let made = admin.post("/api/v1/policies", new).await.expect(201);
    let id = made["id"].as_str().unwrap();
    assert_eq!(made["version"], 1);
    assert_eq!(made["terms"], terms("Article 1"));
    let case = admin.case("post-1").await;
    admin.claim(&case).await.expect(200);
    let decision = json!({ "case_version": 1, "policy": "law/fraud", "outcome": "no_violation",
        "reasons": "it asks for none" });
    let decided = admin.decide(&case, decision.clone()).await.expect(201);

    app.advance(std::time::Duration::from_secs(60));
    let path = format!("/api/v1/policies/{id}/versions");
    let changed = admin.post(&path, terms("Article 2")).await.expect(201);

    assert_eq!(changed["version"], 2);
    assert_eq!(changed["created_at"], "2026-01-01T00:00:00Z");
    assert_eq!(changed["changed_at"], "2026-01-01T00:01:00Z");
    let shown = admin.get(&format!("/api/v1/policies/{id}")).await;
    assert_eq!(shown.expect(200), changed);
    let versions = admin.get(&path).await.expect(200);
    assert_eq!(versions, json!([changed, made]));
    let cited = decided["id"].as_str().unwrap();
    let cited = admin.get(&format!("/api/v1/decisions/{cited}")).await;
    assert_eq!(cited.expect(200)["policy_version"], 1);
    let case = admin.case("post-2").await;
    admin.claim(&case).await.expect(200);
    let decided = admin.decide(&case, decision).await.expect(201);
    assert_eq!(decided["policy_version"], 2);
    let recorded = app.recorded("policy.changed").await;
    assert_eq!(recorded[0]["reference"], "Article 2");
}

#[tokio::test]
async fn what_is_retired_is_cited_no_more_and_stays() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let id = admin.policy("terms/spam", json!({})).await;
    let path = format!("/api/v1/policies/{id}");

    let retired = admin.patch(&path, json!({ "is_retired": true })).await;

    assert_eq!(retired.expect(200)["is_retired"], true);
    let case = admin.case("post-1").await;
    admin.claim(&case).await.expect(200);
    let mut decision = json!({ "case_version": 1, "policy": "terms/spam", "outcome": "no_violation",
        "reasons": "it is none" });
    let refused = admin.decide(&case, decision.clone()).await;
    refused.expect_problem(409, "policy_retired");
    decision["policy"] = json!("terms/ham");
    let unknown = admin.decide(&case, decision.clone()).await;
    unknown.expect_problem(422, "policy_unknown");
    assert_eq!(admin.ids("/api/v1/policies?retired=true").await, [id]);
    let again = admin.patch(&path, json!({ "is_retired": false })).await;
    again.expect(200);
    decision["policy"] = json!("terms/spam");
    admin.decide(&case, decision).await.expect(201);
}

#[tokio::test]
async fn names_are_paths_of_a_tree() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let top = admin.policy("terms", json!({})).await;
    let below = admin.policy("terms/spam", json!({})).await;
    let deep = admin.policy("terms/spam/links", json!({})).await;
    admin.policy("terms-of-others", json!({})).await;

    let under = admin.ids("/api/v1/policies?under=terms").await;
    assert_eq!(under, [deep.clone(), below.clone(), top]);
    let under = admin.ids("/api/v1/policies?under=terms/spam").await;
    assert_eq!(under, [deep, below]);
    assert!(admin.ids("/api/v1/policies?under=term").await.is_empty());
    let taken = json!({ "name": "terms", "terms": terms("Article 1") });
    let taken = admin.post("/api/v1/policies", taken).await;
    taken.expect_problem(409, "name_taken");
}

#[tokio::test]
async fn what_a_policy_must_not_say_is_refused_by_name() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let with = |field: &str, value: Value| {
        let mut terms = terms("Article 1");
        terms[field] = value;
        terms
    };
    let text = |code: &str, title: &str| json!({ code: { "title": title, "text": "t" } });
    for (terms, field) in [
        (with("reference", json!(" ")), "terms.reference"),
        (with("category", json!("evil")), "terms.category"),
        (with("keyword", json!("evil")), "terms.keyword"),
        (with("severity", json!(101)), "terms.severity"),
        (with("strike_weight", json!(101)), "terms.strike_weight"),
        (with("strike_days", json!(0)), "terms.strike_days"),
        (with("texts", json!({})), "terms.texts"),
        (with("texts", text("tlh", "t")), "terms.texts"),
        (with("texts", text("en", "")), "terms.texts.en.title"),
    ] {
        let new = json!({ "name": "terms", "terms": terms });
        let refused = admin.post("/api/v1/policies", new).await;
        let problem = refused.expect_problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let long = "x".repeat(65);
    for name in [
        "",
        "/",
        "terms/",
        "/terms",
        "a//b",
        "two words",
        "pölicy",
        &long,
    ] {
        let new = json!({ "name": name, "terms": terms("Article 1") });
        let refused = admin.post("/api/v1/policies", new).await;
        let problem = refused.expect_problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], "name", "{name}");
    }
}
