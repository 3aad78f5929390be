//! Decisions and the actions they ask for: made once, by whoever has the case, and on record.

use futures::future::join_all;
use serde_json::{Value, json};

use crate::app::TestApp;
use crate::client::Client;
use crate::make;
use crate::receiver::Receiver;

#[tokio::test]
async fn a_decision_is_shown_wherever_it_belongs() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let id = admin.case("post-1").await;
    let claimed = admin.claim(&id).await.expect(200);
    let parameters = json!({ "until": "2026-02-01", "deep": { "list": [1, null, "ü"] } });

    let decision = admin
        .decide(
            &id,
            json!({
                "case_version": 1,
                "policy": "house/rules-1.2",
                "outcome": "violation",
                "facts": "it was seen",
                "reasons": "it was not a picture",
                "actions": [
                    { "kind": "restrict", "parameters": parameters },
                    { "kind": "x_shadow" },
                ],
            }),
        )
        .await
        .expect(201);

    let item = claimed["subject"]["id"].as_str().unwrap();
    let account = claimed["item"]["account"].clone();
    let action = |i: usize, kind: &str, parameters: &Value| {
        json!({
            "id": decision["actions"][i]["id"],
            "decision": decision["id"],
            "kind": kind,
            "parameters": parameters,
            "item": item,
            "account": account,
            "territory": [],
            "until": null,
            "lifts": null,
            "state": "requested",
            "detail": null,
            "requested_at": "2026-01-01T00:00:00Z",
            "answered_at": null,
        })
    };
    let expected = json!({
        "id": decision["id"],
        "case": id,
        "case_version": 1,
        "policy": "house/rules-1.2",
        "policy_version": 1,
        "outcome": "violation",
        "facts": "it was seen",
        "reasons": "it was not a picture",
        "is_automated": false,
        "state": "effective",
        "takes_effect_at": null,
        "second": null,
        "reversed_by": null,
        "reverses": [],
        "planned": [],
        "decided_by": claimed["claim"]["by"],
        "decided_by_name": "administrator",
        "decided_at": "2026-01-01T00:00:00Z",
        "actions": [action(0, "restrict", &parameters), action(1, "x_shadow", &json!({}))],
    });
    assert_eq!(decision, expected);
    let case = admin.get(&format!("/api/v1/cases/{id}")).await.expect(200);
    assert_eq!(case["state"], "decided");
    assert_eq!(case["decided_at"], "2026-01-01T00:00:00Z");
    assert_eq!(case["claim"], Value::Null);
    assert_eq!(case["decisions"], json!([expected]));
    let shown = decision["id"].as_str().unwrap();
    let shown = admin
        .get(&format!("/api/v1/decisions/{shown}"))
        .await
        .expect(200);
    assert_eq!(shown, expected);
    let listed = admin.get("/api/v1/decisions").await.expect(200);
    assert_eq!(listed, json!({ "data": [expected], "next": null }));
    let item = admin
        .get(&format!("/api/v1/items/{item}"))
        .await
        .expect(200);
    let newest_first = json!([expected["actions"][1], expected["actions"][0]]);
    assert_eq!(item["actions"], newest_first);
    assert_eq!(item["cases"], json!([id]));
    let listed = admin
        .get("/api/v1/actions?state=requested")
        .await
        .expect(200);
    assert_eq!(listed["data"], newest_first);
    let account = account.as_str().unwrap();
    let account = admin
        .get(&format!("/api/v1/accounts/{account}"))
        .await
        .expect(200);
    assert_eq!(account["external_id"], "ann");
}

#[tokio::test]
async fn every_step_is_on_record_with_who_took_it() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let platform = app.client("platform", &["scan", "actions:write"]).await;
    let reviewer = app
        .client("reviewer", &["cases:read", "cases:decide"])
        .await;
    let id = platform.case("post-1").await;
    let claimed = reviewer.claim(&id).await.expect(200);
    let reviewer_id = claimed["claim"]["by"].as_str().unwrap();
    let decision = reviewer.decide(&id, removal()).await.expect(201);
    let action = decision["actions"][0]["id"].as_str().unwrap();
    answer(&platform, action, json!({ "outcome": "done" }))
        .await
        .expect(200);

    let entries = admin.get("/api/v1/ledger/entries").await.expect(200);
    let mut entries: Vec<&Value> = entries["data"].as_array().unwrap().iter().collect();
    entries.reverse();
    let mut recorded = Vec::new();
    let mut platform_id = String::new();
    for entry in entries {
        let kind = entry["kind"].as_str().unwrap();
        let body: Value = serde_json::from_str(entry["body"].as_str().unwrap()).unwrap();
        assert_eq!(body["kind"], kind);
        assert_eq!(body["actor"], entry["actor"]);
        if kind == "scan.unmatched" {
            platform_id = entry["actor"].as_str().unwrap().to_owned();
        }
        recorded.push((kind, entry["actor"].as_str().unwrap()));
    }
    assert!(platform_id.starts_with("key_") && platform_id != reviewer_id);
    let expected = [
        ("rules.loaded", "system"),
        ("case.opened", "system"),
        ("scan.unmatched", &platform_id),
        ("case.claimed", reviewer_id),
        ("case.decided", reviewer_id),
        ("action.requested", reviewer_id),
        ("statement.issued", "system"),
        ("action.answered", &platform_id),
    ];
    let recorded: Vec<_> = recorded
        .into_iter()
        .skip_while(|(kind, _)| *kind != "rules.loaded")
        .collect();
    assert_eq!(recorded, expected);
}

#[tokio::test]
async fn who_has_not_the_case_cannot_decide_it() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let id = admin.case("post-1").await;
    let before = app.left().await;

    let unclaimed = admin.decide(&id, removal()).await;
    unclaimed.expect_problem(409, "case_not_claimed");
    let nothing = admin.decide("cas_none", removal()).await;
    nothing.expect_problem(404, "not_found");
    let reader = app.client("reader", &["cases:read", "scan"]).await;
    reader
        .decide(&id, removal())
        .await
        .expect_problem(403, "scope_missing");
    reader.claim(&id).await.expect_problem(403, "scope_missing");

    assert_eq!(app.left().await, before);
    assert!(admin.ids("/api/v1/decisions").await.is_empty());
}

#[tokio::test]
async fn what_joined_a_case_after_the_look_is_not_decided_unseen() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&media)).await;
    let id = admin.case("post-1").await;
    let looked_at = admin.claim(&id).await.expect(200);
    admin.scan("post-1", media).await.expect(200);
    let before = app.left().await;
    let path = format!("/api/v1/cases/{id}/decisions");

    let mut decision = json!({ "case_version": looked_at["version"], "policy": "known-media",
        "outcome": "no_violation", "reasons": "it is no picture" });
    let refused = admin.post_once("d-1", &path, decision.clone()).await;

    let problem = refused.expect_problem(409, "case_changed");
    assert_eq!(
        problem["detail"],
        "the decision is about version 1 of this case, and it is at version 2 now: read it again, \
         then decide again"
    );
    assert_eq!(app.left().await, before, "nothing is half done");
    let case = admin.get(&format!("/api/v1/cases/{id}")).await.expect(200);
    assert_eq!(case["state"], "open");
    assert_eq!(case["claim"], looked_at["claim"]);
    assert_eq!(case["matches"].as_array().unwrap().len(), 1);
    // Read again, decided again: the key of what was refused is still free.
    decision["case_version"] = case["version"].clone();
    decision["outcome"] = json!("violation");
    decision["facts"] = json!("it was seen");
    let decided = admin.post_once("d-1", &path, decision).await.expect(201);
    assert_eq!(decided["case_version"], 2);
    assert_eq!(app.recorded("case.decided").await[0]["case_version"], 2);
}

#[tokio::test]
async fn a_version_that_the_case_never_had_is_refused() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let id = admin.case("post-1").await;
    let mut decision = removal();
    decision["case_version"] = json!(2);
    let unclaimed = admin.decide(&id, decision.clone()).await;
    unclaimed.expect_problem(409, "case_not_claimed");
    admin.claim(&id).await.expect(200);

    for version in [0, 2, u32::MAX] {
        decision["case_version"] = json!(version);
        let refused = admin.decide(&id, decision.clone()).await;
        refused.expect_problem(409, "case_changed");
    }
    assert!(admin.ids("/api/v1/decisions").await.is_empty());
}

#[tokio::test]
async fn a_case_is_decided_once() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let id = admin.case("post-1").await;
    admin.claim(&id).await.expect(200);
    admin.decide(&id, removal()).await.expect(201);

    let again = admin.decide(&id, removal()).await;

    again.expect_problem(409, "case_decided");
    assert_eq!(admin.ids("/api/v1/decisions").await.len(), 1);
    assert_eq!(admin.ids("/api/v1/actions").await.len(), 1);
}

#[tokio::test]
async fn a_decision_that_is_repeated_with_its_key_is_the_same_one() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let id = admin.case("post-1").await;
    admin.claim(&id).await.expect(200);
    let path = &format!("/api/v1/cases/{id}/decisions");

    let answers = join_all((0..5).map(|_| admin.post_once("d-1", path, removal()))).await;

    let first = answers[0].expect(201);
    assert!(answers.iter().all(|answer| answer.expect(201) == first));
    assert_eq!(app.left().await.entries_of("case.decided"), 1);
    assert_eq!(app.left().await.entries_of("action.requested"), 1);
}

#[tokio::test]
async fn of_many_who_decide_at_once_one_does() {
    let app = TestApp::new().await;
    let admin = app.admin();
    for round in 0..20 {
        let id = &admin.case(&format!("post-{round}")).await;
        admin.claim(id).await.expect(200);

        let answers = join_all((0..4).map(|_| admin.decide(id, removal()))).await;

        let (made, refused): (Vec<_>, Vec<_>) =
            answers.into_iter().partition(|answer| answer.status == 201);
        assert_eq!(made.len(), 1, "round {round}");
        for answer in refused {
            answer.expect_problem(409, "case_decided");
        }
        let case = admin.get(&format!("/api/v1/cases/{id}")).await.expect(200);
        assert_eq!(case["decisions"], json!([made[0].json()]), "round {round}");
    }
    assert_eq!(admin.ids("/api/v1/decisions").await.len(), 20);
    assert_eq!(admin.ids("/api/v1/actions?limit=7").await.len(), 20);
}

#[tokio::test]
async fn of_two_reviewers_who_race_for_a_case_one_decides_it() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let ann = app.client("Ann", &["cases:decide"]).await;
    let ben = app.client("Ben", &["cases:decide"]).await;
    for round in 0..20 {
        let id = &admin.case(&format!("post-{round}")).await;
        let claim_and_decide = async |client: &Client| {
            let claim = client.claim(id).await.status;
            (claim, client.decide(id, removal()).await)
        };

        let (one, two) = tokio::join!(claim_and_decide(&ann), claim_and_decide(&ben));

        let made = [&one, &two]
            .iter()
            .filter(|(_, decision)| decision.status == 201)
            .count();
        assert_eq!(made, 1, "round {round}");
        for (claim, decision) in [one, two] {
            if decision.status != 201 {
                let code = decision.json()["code"].clone();
                assert!(claim == 409, "{code}");
                assert!(code == "case_claimed" || code == "case_decided", "{code}");
            }
        }
        let case = admin.get(&format!("/api/v1/cases/{id}")).await.expect(200);
        assert_eq!(case["decisions"].as_array().unwrap().len(), 1);
    }
}

#[tokio::test]
async fn a_decision_that_says_too_little_or_too_much_is_refused() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let id = admin.case("post-1").await;
    admin.claim(&id).await.expect(200);
    let before = app.left().await;
    let with = |field: &str, value: Value| {
        let mut decision = removal();
        decision[field] = value;
        decision
    };
    let long = |n: usize| json!("x".repeat(n));
    let actions = |n: usize| json!(vec![json!({ "kind": "label" }); n]);

    let invalid = [
        (with("policy", json!("")), "policy"),
        (with("policy", json!("two words")), "policy"),
        (with("policy", long(65)), "policy"),
        (with("policy", json!("pölicy")), "policy"),
        (with("reasons", json!("")), "reasons"),
        (with("reasons", json!(" \n\t ")), "reasons"),
        (with("reasons", long(10_001)), "reasons"),
        (with("actions", actions(21)), "actions"),
        (
            with(
                "actions",
                json!([{ "kind": "remove" }, { "kind": "explode" }]),
            ),
            "actions[1].kind",
        ),
        (with("actions", json!([{ "kind": "" }])), "actions[0].kind"),
        (
            with("actions", json!([{ "kind": "Remove" }])),
            "actions[0].kind",
        ),
        (
            with("actions", json!([{ "kind": "x_" }])),
            "actions[0].kind",
        ),
        (
            with("actions", json!([{ "kind": "x_a b" }])),
            "actions[0].kind",
        ),
        (
            with(
                "actions",
                json!([{ "kind": format!("x_{}", "y".repeat(63)) }]),
            ),
            "actions[0].kind",
        ),
    ];
    for (decision, field) in invalid {
        let answer = admin.decide(&id, decision.clone()).await;
        assert_eq!(answer.status, 422, "{decision}: {}", answer.text());
        let problem = answer.expect_problem(422, "invalid");
        assert_eq!(problem["errors"][0]["field"], field);
    }
    let no_body = [
        json!({}),
        json!([]),
        with("case_version", Value::Null),
        with("case_version", json!("1")),
        with("case_version", json!(-1)),
        json!({ "policy": "p", "outcome": "violation", "facts": "it was seen", "reasons": "r" }),
        with("outcome", json!("guilty")),
        with("outcome", Value::Null),
        with("colour", json!("red")),
        with("actions", json!([{ "kind": "remove", "colour": "red" }])),
        with("actions", json!([{ "kind": "remove", "parameters": [1] }])),
        with("actions", json!([{ "parameters": {} }])),
    ];
    for decision in no_body {
        let answer = admin.decide(&id, decision.clone()).await;
        assert_eq!(answer.status, 400, "{decision}: {}", answer.text());
        answer.expect_problem(400, "invalid_body");
    }
    assert_eq!(app.left().await, before);

    let most = json!({ "case_version": 1, "policy": "p", "outcome": "no_violation", "reasons": "ü".repeat(10_000),
        "actions": actions(20) });
    let decision = admin.decide(&id, most).await.expect(201);
    assert_eq!(decision["actions"].as_array().unwrap().len(), 20);
}

#[tokio::test]
async fn parameters_with_anything_in_them_come_back_as_they_were() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let id = admin.case("post-1").await;
    admin.claim(&id).await.expect(200);
    let receiver = Receiver::start().await;
    let endpoint = json!({ "url": receiver.url(), "events": ["action.requested"] });
    admin
        .post("/api/v1/webhook-endpoints", endpoint)
        .await
        .expect(201);
    let parameters = json!({ "a\nb": "c\td", "number": 1.5e300, "large": u64::MAX, "": [[], {}],
        "text": "\u{1F600}\u{202E}</script>" });
    let mut decision = removal();
    decision["actions"][0]["parameters"] = parameters.clone();

    let decision = admin.decide(&id, decision).await.expect(201);

    assert_eq!(decision["actions"][0]["parameters"], parameters);
    let told = receiver.wait_for(1).await[0].json();
    assert_eq!(told["data"]["action"]["parameters"], parameters);
    assert_eq!(told["data"]["decision"]["id"], decision["id"]);
    assert_eq!(told["data"]["case"], id);
    assert_eq!(told["data"]["account"]["external_id"], "ann");
}

#[tokio::test]
async fn the_platform_says_what_became_of_an_action() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let platform = app
        .client("platform", &["actions:read", "actions:write"])
        .await;
    let id = admin.case("post-1").await;
    admin.claim(&id).await.expect(200);
    let decision = admin.decide(&id, removal()).await.expect(201);
    let action = decision["actions"][0]["id"].as_str().unwrap();

    let failed = json!({ "outcome": "failed", "detail": "the store was locked" });
    let failed = answer(&platform, action, failed).await.expect(200);
    assert_eq!(failed["state"], "failed");
    assert_eq!(failed["detail"], "the store was locked");
    assert_eq!(failed["answered_at"], "2026-01-01T00:00:00Z");
    assert_eq!(platform.ids("/api/v1/actions?state=failed").await, [action]);

    let done = answer(&platform, action, json!({ "outcome": "done" }))
        .await
        .expect(200);
    assert_eq!(done["state"], "done");
    assert_eq!(done["detail"], Value::Null);
    let again = answer(&platform, action, json!({ "outcome": "done" })).await;
    assert_eq!(again.expect(200), done);
    let undone = answer(&platform, action, json!({ "outcome": "failed" })).await;
    undone.expect_problem(409, "action_done");

    let shown = platform
        .get(&format!("/api/v1/actions/{action}"))
        .await
        .expect(200);
    assert_eq!(shown, done);
    assert_eq!(app.left().await.entries_of("action.answered"), 2);
    let none = answer(&platform, "act_none", json!({ "outcome": "done" })).await;
    none.expect_problem(404, "not_found");
    let long = json!({ "outcome": "done", "detail": "x".repeat(2_001) });
    answer(&platform, action, long)
        .await
        .expect_problem(422, "invalid");
    let odd = json!({ "outcome": "perhaps" });
    answer(&platform, action, odd)
        .await
        .expect_problem(400, "invalid_body");
}

#[tokio::test]
async fn an_action_that_is_answered_by_many_at_once_is_on_record_once() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let id = admin.case("post-1").await;
    admin.claim(&id).await.expect(200);
    let decision = admin.decide(&id, removal()).await.expect(201);
    let action = decision["actions"][0]["id"].as_str().unwrap();

    let answers =
        join_all((0..10).map(|_| answer(&admin, action, json!({ "outcome": "done" })))).await;

    for answer in answers {
        assert_eq!(answer.expect(200)["state"], "done");
    }
    assert_eq!(app.left().await.entries_of("action.answered"), 1);
}

#[tokio::test]
async fn texts_that_a_database_cannot_hold_are_refused() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let id = admin.case("post-1").await;
    admin.claim(&id).await.expect(200);
    let decision = admin.decide(&id, removal()).await.expect(201);
    let action = decision["actions"][0]["id"].as_str().unwrap();

    let detail = json!({ "outcome": "done", "detail": "a\0b" });
    answer(&admin, action, detail)
        .await
        .expect_problem(422, "invalid");
    for path in [
        "/cases?queue=a%00b",
        "/cases?after=a%00b",
        "/cases/a%00b",
        "/items?external_id=%00",
        "/items?account=%00",
        "/accounts?external_id=%00",
        "/cases?subject=%00",
        "/decisions/%00",
    ] {
        let answer = admin.get(&format!("/api/v1{path}")).await;
        assert!(answer.status < 500, "{path}: {}", answer.text());
    }
}

#[tokio::test]
async fn an_accounts_items_are_listed_by_account() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let media = make::picture(1);
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&media)).await;
    for (item, account) in [("post-1", "ann"), ("post-2", "ben"), ("post-3", "ann")] {
        let path = format!("/api/v1/scan?item={item}&account={account}&surface=public");
        admin
            .post_bytes(&path, "image/jpeg", media.clone())
            .await
            .expect(200);
    }

    let ann = admin
        .get("/api/v1/accounts?external_id=ann")
        .await
        .expect(200);
    assert_eq!(ann["data"].as_array().unwrap().len(), 1);
    let ann = ann["data"][0]["id"].as_str().unwrap();
    let items = admin
        .get(&format!("/api/v1/items?account={ann}"))
        .await
        .expect(200);

    let items: Vec<_> = items["data"]
        .as_array()
        .unwrap()
        .iter()
        .map(|item| item["external_id"].as_str().unwrap())
        .collect();
    assert_eq!(items, ["post-3", "post-1"]);
    admin
        .get("/api/v1/items/itm_none")
        .await
        .expect_problem(404, "not_found");
    admin
        .get("/api/v1/accounts/acc_none")
        .await
        .expect_problem(404, "not_found");
}

fn removal() -> Value {
    json!({ "case_version": 1, "policy": "known-media", "outcome": "violation",
        "facts": "it was seen", "reasons": "it is listed",
        "actions": [{ "kind": "remove" }] })
}

async fn answer(client: &Client, action: &str, body: Value) -> crate::client::Answer {
    client
        .post(&format!("/api/v1/actions/{action}/outcome"), body)
        .await
}
