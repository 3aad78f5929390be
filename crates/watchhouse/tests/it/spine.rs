//! The whole way, once: from an upload to a decision that is proven.

use serde_json::json;
use watchhouse::ledger::note::Verifier;
use watchhouse::ledger::proof::Proof;

use crate::app::TestApp;
use crate::make;
use crate::receiver::Receiver;

#[tokio::test]
async fn an_upload_becomes_a_decision_that_is_told_and_proven() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let platform = app.client("platform", &["scan", "actions:write"]).await;
    let reviewer = app
        .client("reviewer", &["cases:read", "cases:decide"])
        .await;
    let receiver = Receiver::start().await;
    let endpoint = json!({ "url": receiver.url(), "events": ["action.requested"] });
    admin
        .post("/api/v1/webhook-endpoints", endpoint)
        .await
        .expect(201);
    let bank = admin.bank("list").await;
    let known = make::picture(1);
    admin
        .add_pdq(&bank, &make::pdq_near(&make::pdq(&known), 20))
        .await;

    let scan = platform.scan("post-1", known).await.expect(200);
    assert_eq!(scan["verdict"], "hold");
    assert_eq!(scan["matches"][0]["distance"], 20);
    let case = scan["case"].as_str().unwrap();

    reviewer
        .post(&format!("/api/v1/cases/{case}/claim"), json!({}))
        .await
        .expect(200);
    let decision = json!({
        "case_version": 1,
        "policy": "known-media",
        "outcome": "violation",
        "facts": "it was seen",
        "reasons": "the same picture as one on the list",
        "actions": [{ "kind": "remove" }],
    });
    let decision = reviewer
        .post(&format!("/api/v1/cases/{case}/decisions"), decision)
        .await
        .expect(201);

    let told = receiver.wait_for(1).await[0].json();
    assert_eq!(told["type"], "action.requested");
    assert_eq!(told["data"]["item"]["external_id"], "post-1");
    assert_eq!(told["data"]["action"]["id"], decision["actions"][0]["id"]);
    let action = decision["actions"][0]["id"].as_str().unwrap();
    let answer = json!({ "outcome": "done" });
    platform
        .post(&format!("/api/v1/actions/{action}/outcome"), answer)
        .await
        .expect(200);

    app.settle().await;
    let entries = admin
        .get("/api/v1/ledger/entries?kind=case.decided")
        .await
        .expect(200);
    let entry = &entries["data"][0];
    assert_eq!(entries["data"].as_array().unwrap().len(), 1);
    let index = entry["index"].as_u64().unwrap();
    let proof = admin
        .get(&format!("/api/v1/ledger/entries/{index}/proof"))
        .await
        .expect(200);
    let ledger = app.stranger().get("/api/v1/ledger").await.expect(200);
    let key = Verifier::parse(ledger["verifier_key"].as_str().unwrap()).unwrap();
    let proof: Proof = proof["tlog_proof"].as_str().unwrap().parse().unwrap();
    let commitment = entry["commitment"].as_str().unwrap();
    let commitment: Vec<u8> = (0..commitment.len() / 2)
        .map(|i| u8::from_str_radix(&commitment[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    proof
        .verify(&commitment, ledger["origin"].as_str().unwrap(), &[key])
        .unwrap();
}
