//! The whole story of one picture, through the API alone: three who know of it, two who decide, one who
//! objects, one who decides again, and everybody told and everything on record.

use std::collections::BTreeSet;

use serde_json::{Value, json};
use watchhouse::ledger::note::Verifier;

use crate::app::TestApp;
use crate::client::Client;
use crate::deliveries::endpoint;
use crate::make;
use crate::receiver::Receiver;
use crate::reports::check_proof;

async fn get(client: &Client, path: &str) -> Value {
    client.get(path).await.expect(200)
}

#[tokio::test]
async fn one_picture_from_three_who_know_of_it_to_all_being_restored() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let platform = app
        .client("platform", &["scan", "reports:write", "reports:read"])
        .await;
    let decides = ["cases:read", "cases:decide"];
    let first = app.client("first", &decides).await;
    let second = app.client("second", &decides).await;
    let third = app.client("third", &decides).await;
    let receiver = Receiver::start().await;
    endpoint(&admin, &receiver, &[]).await;
    let grave = json!({ "needs_second": true, "strike_weight": 10 });
    admin.policy("terms/grave", grave).await;
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&make::picture(1))).await;
    let hotline = json!({ "name": "A hotline", "kind": "hotline" });
    let hotline = admin
        .post("/api/v1/organisations", hotline)
        .await
        .expect(201);
    let key = json!({ "name": "hotline", "scopes": ["reports:write", "reports:read"],
        "organisation": hotline["id"] });
    let key = admin.post("/api/v1/keys", key).await.expect(201);
    let hotline = app.client_with(key["secret"].as_str().unwrap());

    // Three know of it, and it is one case.
    let about = |explanation: &str| {
        json!({ "item": { "id": "post-1", "account": "ann", "surface": "public" },
            "category": "x_banned", "explanation": explanation, "good_faith": true })
    };
    let scan = platform.scan("post-1", make::picture(1)).await.expect(200);
    let notice = hotline
        .post("/api/v1/reports", about("a notice"))
        .await
        .expect(201);
    let report = platform
        .post("/api/v1/reports", about("a report"))
        .await
        .expect(201);
    assert_eq!(notice["case"], scan["case"]);
    assert_eq!(report["case"], scan["case"]);
    let case = scan["case"].as_str().unwrap();
    let claimed = first.claim(case).await.expect(200);
    assert_eq!(claimed["matches"].as_array().unwrap().len(), 1);
    assert_eq!(claimed["report_count"], 2);

    // Two decide, and three parties are told: the hotline, the reporter, and whoever posted it.
    let decision = json!({ "case_version": claimed["version"], "policy": "terms/grave",
        "outcome": "violation", "facts": "The picture is banned.", "reasons": "It is on the list.",
        "actions": [{ "kind": "remove" }, { "kind": "disable_account" }] });
    let proposed = first.decide(case, decision).await.expect(201);
    let seconded = format!(
        "/api/v1/decisions/{}/second",
        proposed["id"].as_str().unwrap()
    );
    let agrees = json!({ "agrees": true, "reasons": "It is." });
    let decision = second.post(&seconded, agrees).await.expect(200);
    app.settle().await;
    let told = |kind: &str| -> Vec<Value> {
        let calls = receiver.received();
        let calls = calls.iter().map(|call| call.json());
        calls
            .filter(|call| call["type"] == kind)
            .map(|call| call["data"].clone())
            .collect()
    };
    assert_eq!(told("report.decided").len(), 2);
    let receipt = |reported: &Value| {
        format!(
            "/api/v1/receipts/{}",
            reported["receipt"]["token"].as_str().unwrap()
        )
    };
    for reported in [&notice, &report] {
        let receipt = get(&app.stranger(), &receipt(reported)).await;
        assert_eq!(
            (&receipt["state"], &receipt["outcome"]),
            (&json!("decided"), &json!("violation"))
        );
    }
    let statement = told("statement.issued").remove(0);
    let address = statement["address"].as_str().unwrap();
    let (_, token) = address.split_once("/statements/").unwrap();
    let kinds: Vec<Value> = told("action.requested")
        .iter()
        .map(|one| one["action"]["kind"].clone())
        .collect();
    assert_eq!(kinds.len(), 2);
    assert!(kinds.contains(&json!("disable_account")));

    // Whoever posted it objects; neither of the two may decide, and a third does.
    let statement = format!("/api/v1/statements/{token}");
    let why = json!({ "explanation": "It is my own drawing." });
    let appeal = format!("{statement}/appeal");
    app.stranger().post(&appeal, why).await.expect(201);
    for barred in [&first, &second] {
        let next = barred.post("/api/v1/cases/next", json!({})).await;
        assert_eq!(next.status, 204);
    }
    let next = third
        .post("/api/v1/cases/next", json!({}))
        .await
        .expect(200);
    assert_eq!(next["appeals"][0]["against"], decision["id"]);
    let restored = json!({ "case_version": next["version"], "policy": "p", "outcome": "no_violation",
        "facts": "It is a drawing of theirs.", "reasons": "Own drawings are welcome." });
    let restored = third
        .decide(next["id"].as_str().unwrap(), restored)
        .await
        .expect(201);

    // Everything is restored.
    let lifted: BTreeSet<&str> = restored["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| action["lifts"].as_str().unwrap())
        .collect();
    let asked: BTreeSet<&str> = decision["actions"]
        .as_array()
        .unwrap()
        .iter()
        .map(|action| action["id"].as_str().unwrap())
        .collect();
    assert_eq!(lifted, asked);
    let account = decision["actions"][1]["account"].as_str().unwrap();
    let strikes = get(&admin, &format!("/api/v1/accounts/{account}/strikes")).await;
    assert_eq!(strikes[0]["counts"], false);
    app.settle().await;
    let told_of_it = get(&app.stranger(), &statement).await;
    assert_eq!(told_of_it["appeal"]["outcome"], "reversed");

    // Every step is on record, and the record proves it.
    let kinds = [
        "scan.matched",
        "case.opened",
        "report.received",
        "case.claimed",
        "decision.proposed",
        "decision.seconded",
        "case.decided",
        "action.requested",
        "strike.given",
        "statement.issued",
        "report.decided",
        "appeal.received",
        "decision.reversed",
        "appeal.answered",
    ];
    let ledger = get(&app.stranger(), "/api/v1/ledger").await;
    let verifier = Verifier::parse(ledger["verifier_key"].as_str().unwrap()).unwrap();
    let origin = ledger["origin"].as_str().unwrap();
    for kind in kinds {
        let entries = get(&admin, &format!("/api/v1/ledger/entries?kind={kind}")).await;
        let entries = entries["data"].as_array().unwrap().clone();
        assert!(!entries.is_empty(), "{kind} is not on record");
        for entry in entries {
            let proof = format!("/api/v1/ledger/entries/{}/proof", entry["index"]);
            check_proof(&entry, &get(&admin, &proof).await, origin, &verifier);
        }
    }
}
