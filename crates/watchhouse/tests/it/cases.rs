//! Cases: found, shown, claimed, and given back.

use std::collections::BTreeSet;
use std::time::Duration;

use futures::future::join_all;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::Client;
use crate::make;

#[tokio::test]
async fn a_case_shows_everything_about_its_subject() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let scan = admin.scan("post-1", "no picture").await.expect(200);
    let id = scan["case"].as_str().unwrap();

    let case = admin.get(&format!("/api/v1/cases/{id}")).await.expect(200);

    let item = admin
        .get("/api/v1/items?external_id=post-1")
        .await
        .expect(200);
    let expected = json!({
        "id": id,
        "state": "open",
        "queue": "unchecked",
        "priority": 40,
        "subject": { "kind": "item", "id": scan["item"]["id"] },
        "opened_at": "2026-01-01T00:00:00Z",
        "changed_at": "2026-01-01T00:00:00Z",
        "version": 1,
        "decided_at": null,
        "due_at": null,
        "claim": null,
        "item": item["data"][0],
        "reasons": scan["reasons"],
        "matches": [],
        "evidence": [],
        "decisions": [],
        "report_count": 0,
        "appeals": [],
        "recommended": null,
        "proposal": null,
        "merged_into": null,
    });
    assert_eq!(case, expected);
    assert_eq!(item["data"][0]["external_id"], "post-1");
    admin
        .get("/api/v1/cases/cas_none")
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn lists_of_cases_are_filtered() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&media)).await;
    let known = admin.scan("post-1", media).await.expect(200);
    let item = known["item"]["id"].as_str().unwrap();
    let known = known["case"].as_str().unwrap();
    let claimed = admin.case("post-2").await;
    let decided = admin.case("post-3").await;
    for case in [&claimed, &decided] {
        admin.claim(case).await.expect(200);
    }
    admin.decide(&decided, no_violation()).await.expect(201);

    let lists: [(&str, &[&str]); 10] = [
        ("", &[&decided, &claimed, known]),
        ("?state=open", &[&claimed, known]),
        ("?state=decided", &[&decided]),
        ("?queue=known-media", &[known]),
        ("?queue=unchecked&state=open", &[&claimed]),
        ("?queue=none", &[]),
        ("?claimed=true", &[&claimed]),
        ("?claimed=false", &[&decided, known]),
        ("?claimed=false&state=open", &[known]),
        (&format!("?subject={item}"), &[known]),
    ];
    for (query, expected) in lists {
        let listed = admin.ids(&format!("/api/v1/cases{query}")).await;
        assert_eq!(listed, expected, "{query}");
    }
    app.advance(Duration::from_secs(600));
    let lapsed = admin.ids("/api/v1/cases?claimed=true").await;
    assert!(lapsed.is_empty(), "{lapsed:?}");
    for query in [
        "?state=closed",
        "?claimed=maybe",
        "?limit=0",
        "?limit=201",
        "?limit=x",
        "?colour=red",
    ] {
        let answer = admin.get(&format!("/api/v1/cases{query}")).await;
        answer.expect_problem(422, "invalid");
    }
}

#[tokio::test]
async fn pages_go_through_a_list_once_while_it_grows() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let mut cases = Vec::new();
    for n in 0..7 {
        cases.push(admin.case(&format!("post-{n}")).await);
    }
    cases.reverse();

    let first = admin.get("/api/v1/cases?limit=3").await.expect(200);
    admin.case("post-new").await;
    let next = first["next"].as_str().unwrap();
    let second = admin
        .get(&format!("/api/v1/cases?limit=3&after={next}"))
        .await
        .expect(200);
    let next = second["next"].as_str().unwrap();
    let third = admin
        .get(&format!("/api/v1/cases?limit=3&after={next}"))
        .await
        .expect(200);

    let pages = [first, second, third.clone()];
    let seen: Vec<&str> = pages
        .iter()
        .flat_map(|page| page["data"].as_array().unwrap())
        .map(|case| case["id"].as_str().unwrap())
        .collect();
    assert_eq!(seen, cases);
    assert_eq!(third["next"], Value::Null);
    let exact = admin.get("/api/v1/cases?limit=8").await.expect(200);
    assert_eq!(exact["next"], Value::Null);
    assert_eq!(exact["data"].as_array().unwrap().len(), 8);
}

#[tokio::test]
async fn a_claim_is_taken_renewed_and_given_back() {
    let app = TestApp::new().await;
    let reviewer = app
        .client("reviewer", &["cases:read", "cases:decide"])
        .await;
    let id = app.admin().case("post-1").await;

    let claimed = reviewer.claim(&id).await.expect(200);
    let claim = json!({ "by": claimed["claim"]["by"], "name": "reviewer",
        "since": "2026-01-01T00:00:00Z", "until": "2026-01-01T00:10:00Z" });
    assert_eq!(claimed["claim"], claim);

    app.advance(Duration::from_secs(300));
    let path = format!("/api/v1/cases/{id}/claim");
    let renewed = reviewer
        .post(&path, json!({ "lease_seconds": 60 }))
        .await
        .expect(200);
    assert_eq!(renewed["claim"]["since"], "2026-01-01T00:00:00Z");
    assert_eq!(renewed["claim"]["until"], "2026-01-01T00:06:00Z");

    let released = reviewer
        .post(&format!("/api/v1/cases/{id}/release"), json!({}))
        .await;
    assert_eq!(released.expect(200)["claim"], Value::Null);
    let again = reviewer
        .post(&format!("/api/v1/cases/{id}/release"), json!({}))
        .await;
    again.expect_problem(409, "case_not_claimed");

    let left = app.left().await;
    assert_eq!(left.entries_of("case.claimed"), 1, "a renewal is no news");
    assert_eq!(left.entries_of("case.released"), 1);
    let entries = app
        .admin()
        .get("/api/v1/ledger/entries?kind=case.claimed")
        .await;
    assert_eq!(
        entries.expect(200)["data"][0]["actor"],
        claimed["claim"]["by"]
    );
}

#[tokio::test]
async fn a_lease_lasts_from_one_second_to_what_the_settings_allow() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let id = admin.case("post-1").await;
    let path = format!("/api/v1/cases/{id}/claim");
    for seconds in [json!(0), json!(7_201), json!(u64::MAX)] {
        let answer = admin.post(&path, json!({ "lease_seconds": seconds })).await;
        let problem = answer.expect_problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], "lease_seconds");
    }
    for body in [
        json!({ "lease_seconds": -1 }),
        json!({ "lease_seconds": "1" }),
        json!({ "until": 1 }),
    ] {
        admin
            .post(&path, body)
            .await
            .expect_problem(400, "invalid_body");
    }
    for seconds in [1, 7_200] {
        admin
            .post(&path, json!({ "lease_seconds": seconds }))
            .await
            .expect(200);
    }
    admin
        .post("/api/v1/cases/cas_none/claim", json!({}))
        .await
        .expect_problem(404, "not_found");
}

#[tokio::test]
async fn a_case_that_somebody_has_is_refused_to_others_by_name_and_time() {
    let app = TestApp::new().await;
    let ann = app.client("Ann", &["cases:read", "cases:decide"]).await;
    let ben = app.client("Ben", &["cases:read", "cases:decide"]).await;
    let id = app.admin().case("post-1").await;
    ann.claim(&id).await.expect(200);

    let claim = ben.claim(&id).await;
    let release = ben
        .post(&format!("/api/v1/cases/{id}/release"), json!({}))
        .await;
    let decision = ben.decide(&id, no_violation()).await;

    for answer in [claim, release, decision] {
        let problem = answer.expect_problem(409, "case_claimed");
        let detail = problem["detail"].as_str().unwrap();
        assert_eq!(detail, "\"Ann\" has this case until 2026-01-01T00:10:00Z");
    }
}

#[tokio::test]
async fn a_lease_lapses_by_itself() {
    let app = TestApp::new().await;
    let ann = app.client("Ann", &["cases:read", "cases:decide"]).await;
    let ben = app.client("Ben", &["cases:read", "cases:decide"]).await;
    let id = app.admin().case("post-1").await;
    ann.claim(&id).await.expect(200);

    app.advance(Duration::from_secs(600) - Duration::from_micros(1));
    ben.claim(&id).await.expect_problem(409, "case_claimed");
    app.advance(Duration::from_micros(1));
    let lapsed = ann.get(&format!("/api/v1/cases/{id}")).await.expect(200);
    assert_eq!(lapsed["claim"], Value::Null);
    ann.decide(&id, no_violation())
        .await
        .expect_problem(409, "lease_expired");
    let release = ann
        .post(&format!("/api/v1/cases/{id}/release"), json!({}))
        .await;
    release.expect_problem(409, "lease_expired");

    let claimed = ben.claim(&id).await.expect(200);
    assert_eq!(claimed["claim"]["name"], "Ben");
    assert_eq!(claimed["claim"]["since"], "2026-01-01T00:10:00Z");
    ann.decide(&id, no_violation())
        .await
        .expect_problem(409, "case_claimed");
    ann.claim(&id).await.expect_problem(409, "case_claimed");
    ben.decide(&id, no_violation()).await.expect(201);
    assert_eq!(app.left().await.entries_of("case.claimed"), 2);
}

#[tokio::test]
async fn of_thirty_who_claim_at_once_one_has_the_case() {
    let app = TestApp::new().await;
    let id = &app.admin().case("post-1").await;
    let mut reviewers = Vec::new();
    for n in 0..30 {
        reviewers.push(
            app.client(&format!("reviewer {n}"), &["cases:decide"])
                .await,
        );
    }

    let answers = join_all(reviewers.iter().map(|reviewer| reviewer.claim(id))).await;

    let (won, lost): (Vec<_>, Vec<_>) = answers.iter().partition(|answer| answer.status == 200);
    assert_eq!(won.len(), 1);
    let winner = won[0].json()["claim"].clone();
    for answer in lost {
        let problem = answer.expect_problem(409, "case_claimed");
        let detail = problem["detail"].as_str().unwrap();
        assert!(detail.starts_with(&winner["name"].to_string()), "{detail}");
    }
    let case = app
        .admin()
        .get(&format!("/api/v1/cases/{id}"))
        .await
        .expect(200);
    assert_eq!(case["claim"], winner);
    assert_eq!(app.left().await.entries_of("case.claimed"), 1);
}

#[tokio::test]
async fn a_claim_that_goes_from_hand_to_hand_leaves_an_entry_each_time() {
    let app = TestApp::new().await;
    let id = &app.admin().case("post-1").await;
    let ann = app.client("Ann", &["cases:decide"]).await;
    let ben = app.client("Ben", &["cases:decide"]).await;
    let grab = async |client: &Client| {
        let mut claims = 0;
        while claims < 10 {
            let answer = client.claim(id).await;
            if answer.status == 200 {
                claims += 1;
                let path = format!("/api/v1/cases/{id}/release");
                client.post(&path, json!({})).await.expect(200);
            }
        }
    };

    tokio::join!(grab(&ann), grab(&ben));

    let left = app.left().await;
    assert_eq!(left.entries_of("case.claimed"), 20);
    assert_eq!(left.entries_of("case.released"), 20);
}

#[tokio::test]
async fn a_decided_case_stays_and_the_next_scan_opens_another() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let first = admin.case("post-1").await;
    admin.claim(&first).await.expect(200);
    admin.decide(&first, no_violation()).await.expect(201);

    let second = admin.case("post-1").await;

    assert_ne!(second, first);
    let item = admin
        .get("/api/v1/items?external_id=post-1")
        .await
        .expect(200);
    assert_eq!(item["data"].as_array().unwrap().len(), 1);
    let item = item["data"][0]["id"].as_str().unwrap();
    let item = admin
        .get(&format!("/api/v1/items/{item}"))
        .await
        .expect(200);
    assert_eq!(item["cases"], json!([second, first]));
    for id in [&first, &second] {
        let case = admin.get(&format!("/api/v1/cases/{id}")).await.expect(200);
        assert_eq!(case["reasons"].as_array().unwrap().len(), 1);
    }
    for path in ["claim", "release"] {
        let answer = admin
            .post(&format!("/api/v1/cases/{first}/{path}"), json!({}))
            .await;
        answer.expect_problem(409, "case_decided");
    }
}

#[tokio::test]
async fn a_case_rises_with_a_graver_reason_and_never_falls() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&media)).await;
    let id = admin.case("post-1").await;

    for _ in 0..2 {
        admin.scan("post-1", media.clone()).await.expect(200);
        assert_eq!(admin.case("post-1").await, id);
        let case = admin.get(&format!("/api/v1/cases/{id}")).await.expect(200);
        assert_eq!(case["queue"], "known-media");
        assert_eq!(case["priority"], 80);
    }
}

#[tokio::test]
async fn a_case_has_a_new_version_when_something_joins_it_and_only_then() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let id = admin.case("post-1").await;
    let path = format!("/api/v1/cases/{id}");

    assert_eq!(admin.claim(&id).await.expect(200)["version"], 1);
    app.advance(Duration::from_secs(60));
    assert_eq!(admin.claim(&id).await.expect(200)["version"], 1);
    let released = admin.post(&format!("{path}/release"), json!({})).await;
    assert_eq!(released.expect(200)["version"], 1);
    admin.case("post-2").await;
    assert_eq!(admin.get(&path).await.expect(200)["version"], 1);

    assert_eq!(admin.case("post-1").await, id);

    let case = admin.get(&path).await.expect(200);
    assert_eq!(case["version"], 2);
    assert_eq!(case["changed_at"], "2026-01-01T00:01:00Z");
    assert_eq!(case["reasons"].as_array().unwrap().len(), 2);
    let listed = admin.get("/api/v1/cases").await.expect(200);
    assert_eq!(listed["data"][1]["version"], 2);
    let scans = app.recorded("scan.unmatched").await;
    let versions: Vec<_> = scans.iter().map(|scan| &scan["case_version"]).collect();
    assert_eq!(versions, [1, 1, 2]);
}

#[tokio::test]
async fn scans_that_join_a_case_at_once_are_all_counted() {
    let app = TestApp::new().await;
    let admin = &app.admin();
    let id = admin.case("post-1").await;

    let scans = join_all((0..20).map(|_| admin.scan("post-1", "no picture"))).await;

    for scan in scans {
        assert_eq!(scan.expect(200)["case"], id);
    }
    let case = admin.get(&format!("/api/v1/cases/{id}")).await.expect(200);
    assert_eq!(case["version"], 21);
}

#[tokio::test]
async fn scans_go_on_while_their_case_is_decided() {
    let app = TestApp::new().await;
    let admin = &app.admin();
    let mut decided = BTreeSet::new();
    for _ in 0..10 {
        let id = &admin.case("post-1").await;
        admin.claim(id).await.expect(200);
        let (decision, scans) = tokio::join!(
            decide_what_is_there(admin, id),
            join_all((0..5).map(|_| admin.scan("post-1", "no picture")))
        );
        assert!(decided.insert(id.clone()), "{id} was decided before");
        for scan in scans {
            assert_eq!(scan.expect(200)["verdict"], "hold");
        }
        let case = admin.get(&format!("/api/v1/cases/{id}")).await.expect(200);
        assert_eq!(case["version"], decision["case_version"]);
        assert_eq!(
            case["reasons"].as_array().unwrap().len() as u64,
            decision["case_version"].as_u64().unwrap(),
            "nothing joined it that was not decided"
        );
    }
    let open = admin.ids("/api/v1/cases?state=open").await;
    assert!(open.len() <= 1, "{open:?}");
}

/// Reads and decides, again and again, until nothing has come in between.
async fn decide_what_is_there(reviewer: &Client, id: &str) -> Value {
    loop {
        let case = reviewer
            .get(&format!("/api/v1/cases/{id}"))
            .await
            .expect(200);
        let mut decision = no_violation();
        decision["case_version"] = case["version"].clone();
        let answer = reviewer.decide(id, decision).await;
        if answer.status == 201 {
            return answer.json();
        }
        answer.expect_problem(409, "case_changed");
    }
}

fn no_violation() -> Value {
    json!({ "case_version": 1, "policy": "known-media", "outcome": "no_violation", "reasons": "harmless" })
}

/// Has the next case claimed; its id, None where there is none.
async fn next(client: &Client, request: Value) -> Option<String> {
    let answer = client.post("/api/v1/cases/next", request).await;
    if answer.status == 204 {
        return None;
    }
    let case = answer.expect(200);
    Some(case["id"].as_str().unwrap().to_owned())
}

#[tokio::test]
async fn the_next_case_is_the_most_urgent_then_the_first_that_is_due_then_the_oldest() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let report = async |account: &str, category: &str| {
        let report = json!({ "account": account, "category": category, "explanation": "e" });
        let report = admin.post("/api/v1/reports", report).await.expect(201);
        report["case"].as_str().unwrap().to_owned()
    };
    let unchecked = admin.case("post-1").await;
    let oldest = report("ann", "violence").await;
    app.advance(Duration::from_secs(1));
    let newer = report("bob", "violence").await;
    let urgent = report("cid", "protection_of_minors").await;
    let sooner = report("dan", "violence").await;
    let other = app.client("other", &["cases:decide", "child-safety"]).await;

    assert_eq!(next(&admin, json!({ "queue": "none" })).await, None);
    assert_eq!(next(&admin, json!({})).await.as_ref(), Some(&urgent));
    // What somebody has is nobody else's, and not the same one's again.
    assert_eq!(next(&other, json!({})).await.as_ref(), Some(&unchecked));
    let in_queue = json!({ "queue": "reports", "except": [oldest] });
    assert_eq!(next(&other, in_queue).await.as_ref(), Some(&newer));
    assert_eq!(next(&admin, json!({})).await.as_ref(), Some(&oldest));
    assert_eq!(next(&admin, json!({})).await.as_ref(), Some(&sooner));
    assert_eq!(next(&admin, json!({})).await, None);
    // A claim that lapsed gives the case back to all.
    app.advance(Duration::from_secs(700));
    assert_eq!(next(&other, json!({})).await.as_ref(), Some(&urgent));
}

/// Names how many cases there are: 200 unless it says 10,000.
const CASES: &str = "WATCHHOUSE_TEST_CASES";

#[tokio::test]
async fn of_fifty_who_ask_at_once_no_two_get_the_same_case() {
    const REVIEWERS: usize = 50;
    let n_cases = std::env::var(CASES).map_or(200, |text| text.parse().expect("a number"));
    let app = TestApp::new().await;
    let admin = app.admin();
    for n in 0..n_cases {
        let report =
            json!({ "account": format!("a{n}"), "category": "violence", "explanation": "e" });
        admin.post("/api/v1/reports", report).await.expect(201);
    }
    let mut reviewers = Vec::new();
    for n in 0..REVIEWERS {
        reviewers.push(app.client(&format!("r{n}"), &["cases:decide"]).await);
    }

    let work = reviewers.iter().map(async |reviewer| {
        let mut decided = Vec::new();
        while let Some(case) = next(reviewer, json!({})).await {
            reviewer.decide(&case, no_violation()).await.expect(201);
            decided.push(case);
        }
        decided
    });
    let decided: Vec<String> = join_all(work).await.into_iter().flatten().collect();

    let distinct: std::collections::BTreeSet<&String> = decided.iter().collect();
    assert_eq!((decided.len(), distinct.len()), (n_cases, n_cases));
    assert_eq!(app.count("decisions").await, n_cases as i64);
}
