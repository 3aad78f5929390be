//! Roles: what they let people do, and with which cases.

use serde_json::{Value, json};
use watchhouse::id::{Name as _, StatementId};

use crate::app::TestApp;
use crate::client::{Answer, Client};
use crate::make;
use crate::people::{self, signed_in, text};

const ROLES: &str = "/api/v1/roles";

/// Has a case opened by a report in this category. Returns its id.
async fn reported(admin: &Client, account: &str, category: &str) -> String {
    let new = json!({ "account": account, "category": category, "explanation": "look" });
    let report = admin.post("/api/v1/reports", new).await.expect(201);
    text(&report, "case")
}

async fn role(admin: &Client, new: Value) {
    admin.post(ROLES, new).await.expect(201);
}

fn ids(list: &Answer) -> Vec<String> {
    let list = list.expect(200);
    let rows = list["data"].as_array().unwrap();
    rows.iter().map(|row| text(row, "id")).collect()
}

/// All the ways to one case: read, listed, claimed, next; and of its report and decisions.
async fn reaches(person: &Client, case: &str) -> bool {
    let read = person.get(&format!("/api/v1/cases/{case}")).await;
    let is_read = read.status == 200;
    if !is_read {
        read.expect_problem(403, "case_out_of_reach");
    }
    let listed = ids(&person.get("/api/v1/cases?limit=200").await);
    assert_eq!(
        listed.contains(&case.to_owned()),
        is_read,
        "the list differs"
    );
    let reports = person
        .get(&format!("/api/v1/reports?case={case}&limit=200"))
        .await;
    for report in ids(&reports) {
        assert!(is_read, "the reports differ");
        let path = format!("/api/v1/reports/{report}");
        person.get(&path).await.expect(200);
    }
    let claimed = person.claim(case).await;
    assert_eq!(claimed.status == 200, is_read, "{}", claimed.text());
    if is_read {
        let path = format!("/api/v1/cases/{case}/release");
        person.post(&path, json!({})).await.expect(200);
    } else {
        claimed.expect_problem(403, "case_out_of_reach");
    }
    is_read
}

/// What comes next until nothing does.
async fn all_next(person: &Client, queue: Option<&str>) -> Vec<String> {
    let mut found = Vec::new();
    loop {
        let body = json!({ "queue": queue });
        let next = person.post("/api/v1/cases/next", body).await;
        if next.status == 204 {
            break;
        }
        found.push(text(&next.expect(200), "id"));
    }
    for case in &found {
        let path = format!("/api/v1/cases/{case}/release");
        person.post(&path, json!({})).await.expect(200);
    }
    found.sort();
    found
}

#[tokio::test]
async fn child_safety_is_a_permission_of_its_own() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let child = reported(&admin, "a", "protection_of_minors").await;
    let scam = reported(&admin, "b", "scams_and_fraud").await;
    let bank = json!({ "name": "list", "category": "protection_of_minors" });
    let bank = text(&admin.post("/api/v1/banks", bank).await.expect(201), "id");
    admin.add_pdq(&bank, &make::pdq(&make::picture(1))).await;
    let scan = admin.scan("post-1", make::picture(1)).await.expect(200);
    let matched = text(&scan, "case");
    let mut all = vec![child.clone(), scam.clone(), matched.clone()];
    all.sort();

    let reviewer = signed_in(&admin, "reviewer", &["reviewer"]).await;
    let boss = signed_in(&admin, "boss", &["administrator"]).await;
    let senior = signed_in(&admin, "senior", &["senior"]).await;
    let scopes = ["cases:read", "cases:decide", "reports:read", "items:read"];
    let key = app.client("desk", &scopes).await;
    let admin_key = app.client("admin alone", &["admin"]).await;

    for without in [&reviewer, &boss, &key, &admin_key] {
        assert!(reaches(without, &scam).await);
        assert!(!reaches(without, &child).await);
        assert!(!reaches(without, &matched).await);
        assert_eq!(all_next(without, None).await, std::slice::from_ref(&scam));
        assert_eq!(all_next(without, Some("hotlines")).await, [""; 0]);
    }
    for with in [&senior, &admin] {
        for case in &all {
            assert!(reaches(with, case).await);
        }
        assert_eq!(all_next(with, None).await, all);
    }
    let item = admin.get("/api/v1/items").await.expect(200)["data"][0]["id"].clone();
    let item = format!("/api/v1/items/{}", item.as_str().unwrap());
    let answer = reviewer.get(&item).await;
    answer.expect_problem(403, "case_out_of_reach");
    senior.get(&item).await.expect(200);
}

#[tokio::test]
async fn what_joins_a_case_can_put_it_out_of_reach() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let case = reported(&admin, "a", "scams_and_fraud").await;
    let reviewer = signed_in(&admin, "reviewer", &["reviewer"]).await;
    reviewer.claim(&case).await.expect(200);

    assert_eq!(reported(&admin, "a", "protection_of_minors").await, case);

    let answer = reviewer.get(&format!("/api/v1/cases/{case}")).await;
    answer.expect_problem(403, "case_out_of_reach");
    let decision =
        json!({ "case_version": 2, "policy": "p", "outcome": "no_violation", "reasons": "r" });
    let answer = reviewer.decide(&case, decision).await;
    answer.expect_problem(403, "case_out_of_reach");
    // Whoever has it may still give it back.
    let path = format!("/api/v1/cases/{case}/release");
    reviewer.post(&path, json!({})).await.expect(200);
}

#[tokio::test]
async fn a_decision_is_within_the_reach_of_its_case() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let case = reported(&admin, "a", "protection_of_minors").await;
    admin.claim(&case).await.expect(200);
    let decision = json!({ "case_version": 1, "policy": "p", "outcome": "violation", "facts": "f",
        "reasons": "r", "actions": [{ "kind": "remove" }] });
    let decision = text(&admin.decide(&case, decision).await.expect(201), "id");
    let path = format!("/api/v1/decisions/{decision}");
    let auditor = signed_in(&admin, "auditor", &["auditor"]).await;
    let senior = signed_in(&admin, "senior", &["senior"]).await;

    let answer = auditor.get(&path).await;

    answer.expect_problem(403, "case_out_of_reach");
    assert_eq!(ids(&auditor.get("/api/v1/decisions").await), [""; 0]);
    senior.get(&path).await.expect(200);
    assert_eq!(ids(&senior.get("/api/v1/decisions").await), [decision]);

    // So is all that follows on it.
    let reviewer = signed_in(&admin, "reviewer", &["reviewer"]).await;
    let statements = reviewer.get(&format!("{path}/statements")).await;
    statements.expect_problem(403, "case_out_of_reach");
    let reasons = json!({ "reasons": "r" });
    let reversal = reviewer.post(&format!("{path}/reversal"), reasons).await;
    reversal.expect_problem(403, "case_out_of_reach");
    let undo = reviewer.post(&format!("{path}/undo"), json!({})).await;
    undo.expect_problem(403, "case_out_of_reach");
    let agrees = json!({ "agrees": true, "reasons": "r" });
    let second = reviewer.post(&format!("{path}/second"), agrees).await;
    second.expect_problem(403, "case_out_of_reach");
    let statements = senior.get(&format!("{path}/statements")).await.expect(200);
    let statement = StatementId::from_text(text(&statements[0], "id"));
    let address = app.app.receipts.statement_address("/api/v1", &statement);
    let appeal = json!({ "explanation": "it is my own" });
    let appeal = app
        .stranger()
        .post(&format!("{address}/appeal"), appeal)
        .await;
    let appeal = format!("/api/v1/appeals/{}", text(&appeal.expect(201), "id"));
    // The case that an appeal opens is of what its decision is of.
    senior.get(&appeal).await.expect(200);
    let answer = reviewer.get(&appeal).await;
    answer.expect_problem(403, "case_out_of_reach");
    assert_eq!(ids(&reviewer.get("/api/v1/appeals").await), [""; 0]);
}

#[tokio::test]
async fn a_role_may_hold_in_some_queues_and_of_some_categories() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let scopes = json!(["cases:read", "cases:decide", "reports:read"]);
    role(
        &admin,
        json!({ "name": "unchecked", "scopes": scopes, "queues": ["unchecked"] }),
    )
    .await;
    role(
        &admin,
        json!({ "name": "scams", "scopes": scopes, "categories": ["scams_and_fraud", "x_spam"] }),
    )
    .await;
    role(
        &admin,
        json!({ "name": "minors", "scopes": ["cases:read", "cases:decide", "child-safety"],
            "categories": ["protection_of_minors"], "queues": ["reports"] }),
    )
    .await;
    let unchecked = admin.case("post-1").await;
    let scam = reported(&admin, "a", "scams_and_fraud").await;
    let both = reported(&admin, "b", "scams_and_fraud").await;
    reported(&admin, "b", "violence").await;
    let own = reported(&admin, "c", "scams_and_fraud").await;
    reported(&admin, "c", "x_spam").await;
    let child = reported(&admin, "d", "protection_of_minors").await;
    let all = [&unchecked, &scam, &both, &own, &child];

    for (roles, expected) in [
        (&["unchecked"][..], &[&unchecked][..]),
        (&["scams"], &[&scam, &own]),
        (&["minors"], &[&child]),
        (&["unchecked", "scams"], &[&unchecked, &scam, &own]),
        (&["reviewer"], &[&unchecked, &scam, &both, &own]),
        // Child safety comes by one role, and the other's cases stay without it.
        (
            &["reviewer", "minors"],
            &[&unchecked, &scam, &both, &own, &child],
        ),
        (&[], &[]),
    ] {
        let login = format!("p-{}", roles.join("-"));
        let person = signed_in(&admin, &login, roles).await;
        if roles.is_empty() {
            let answer = person.get("/api/v1/cases").await;
            answer.expect_problem(403, "scope_missing");
            continue;
        }
        let mut next: Vec<String> = expected.iter().map(|case| (**case).clone()).collect();
        next.sort();
        assert_eq!(all_next(&person, None).await, next, "{roles:?}");
        let in_queue = all_next(&person, Some("unchecked")).await;
        let is_there = expected.contains(&&unchecked);
        assert_eq!(in_queue.len(), usize::from(is_there), "{roles:?}");
        if roles == ["minors"] {
            continue;
        }
        for case in all {
            let is_expected = expected.contains(&case);
            assert_eq!(
                reaches(&person, case).await,
                is_expected,
                "{roles:?} {case}"
            );
        }
    }
}

#[tokio::test]
async fn a_role_that_holds_in_some_queues_alone_is_given_to_nobody_as_more() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let scopes = json!(["cases:read", "cases:decide"]);
    role(
        &admin,
        json!({ "name": "desk", "scopes": scopes, "queues": ["reports"] }),
    )
    .await;
    role(
        &admin,
        json!({ "name": "keeper", "scopes": ["keys:write", "people:write", "people:read"] }),
    )
    .await;
    let keeper = signed_in(&admin, "keeper", &["desk", "keeper"]).await;

    let key = json!({ "name": "k", "scopes": ["cases:read"] });
    let answer = keeper.post("/api/v1/keys", key).await;

    answer.expect_problem(403, "scope_missing");
    let answer = keeper
        .post(
            "/api/v1/people",
            json!({ "name": "b", "login": "b", "roles": ["reviewer"] }),
        )
        .await;
    answer.expect_problem(403, "scope_missing");
    let own = json!({ "name": "k", "scopes": ["keys:write"] });
    keeper.post("/api/v1/keys", own).await.expect(201);
}

#[tokio::test]
async fn roles_come_made_and_can_be_changed() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let names = |list: Value| -> Vec<String> {
        let roles = list["data"].as_array().unwrap().iter();
        roles.map(|role| text(role, "name")).collect()
    };
    let listed = names(admin.get(ROLES).await.expect(200));
    assert_eq!(
        listed,
        [
            "senior",
            "reviewer",
            "legal",
            "lead",
            "auditor",
            "administrator"
        ]
    );
    let page = admin.get(&format!("{ROLES}?limit=2&after=reviewer")).await;
    assert_eq!(names(page.expect(200)), ["legal", "lead"]);
    let reviewer = signed_in(&admin, "ann", &["reviewer"]).await;
    reviewer
        .get("/api/v1/banks")
        .await
        .expect_problem(403, "scope_missing");

    let change = json!({ "scopes": ["cases:read", "banks:read", "cases:read"] });
    let changed = admin
        .patch(&format!("{ROLES}/reviewer"), change)
        .await
        .expect(200);

    assert_eq!(changed["scopes"], json!(["banks:read", "cases:read"]));
    assert_eq!(changed["description"], "Looks at cases and decides them.");
    assert_eq!(
        admin.get(&format!("{ROLES}/reviewer")).await.expect(200),
        changed
    );
    reviewer.get("/api/v1/banks").await.expect(200);
    assert_eq!(
        app.recorded("role.changed").await,
        [
            json!({ "role": "reviewer", "scopes": ["banks:read", "cases:read"], "queues": [],
            "categories": [] })
        ]
    );
    let answer = admin.get(&format!("{ROLES}/king")).await;
    answer.expect_problem(404, "not_found");
}

#[tokio::test]
async fn what_makes_no_sense_of_a_role_is_refused() {
    let app = TestApp::new().await;
    let admin = app.admin();

    for (body, field) in [
        (json!({ "name": "", "scopes": ["scan"] }), "name"),
        (json!({ "name": "With Space", "scopes": ["scan"] }), "name"),
        (json!({ "name": "a", "scopes": [] }), "scopes"),
        (
            json!({ "name": "a", "scopes": ["scan"], "queues": ["q"] }),
            "scopes",
        ),
        (
            json!({ "name": "a", "scopes": ["admin"], "categories": ["violence"] }),
            "scopes",
        ),
        (
            json!({ "name": "a", "scopes": ["cases:read"], "queues": [" "] }),
            "queues[0]",
        ),
        (
            json!({ "name": "a", "scopes": ["cases:read"], "queues": ["q", "q"] }),
            "queues[1]",
        ),
        (
            json!({ "name": "a", "scopes": ["cases:read"], "categories": ["rudeness"] }),
            "categories[0]",
        ),
    ] {
        let problem = admin.post(ROLES, body).await.expect_problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field, "{problem}");
    }
    let taken = json!({ "name": "lead", "scopes": ["scan"] });
    admin
        .post(ROLES, taken)
        .await
        .expect_problem(409, "name_taken");
    people::add(&admin, "ann", &["lead"]).await;
}
