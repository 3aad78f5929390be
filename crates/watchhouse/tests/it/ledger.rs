//! The ledger of a running server: everything that happens gets its entry, and outsiders can check it.

use std::collections::{BTreeMap, BTreeSet};
use std::path::Path;
use std::process::Stdio;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_STANDARD;
use serde_json::{Value, json};
use tokio::process::Command;
use watchhouse::app::{App, Outside};
use watchhouse::id::{Ids, Name as _, StatementId};
use watchhouse::ledger::checkpoint::Checkpoint;
use watchhouse::ledger::edge::Edge;
use watchhouse::ledger::entry::commitment;
use watchhouse::ledger::merkle::leaf_hash;
use watchhouse::ledger::note::Verifier;
use watchhouse::ledger::proof::Proof;
use watchhouse::store::ledger::Actor;

use crate::app::{PROGRAM, TestApp, read_bytes, run_sql};
use crate::client::{Client, send};
use crate::deliveries::{deliveries, endpoint, open_case};
use crate::make;
use crate::openapi::{document, operations};
use crate::people;
use crate::receiver::{Receiver, Reply};
use crate::second_factor::Device;

const ENTRIES: &str = "/api/v1/ledger/entries";

/// Every entry, oldest first.
async fn all_entries(client: &Client) -> Vec<Value> {
    let mut entries = Vec::new();
    let mut path = format!("{ENTRIES}?limit=200");
    loop {
        let page = client.get(&path).await.expect(200);
        entries.extend(page["data"].as_array().unwrap().clone());
        match page["next"].as_str() {
            Some(next) => path = format!("{ENTRIES}?limit=200&after={next}"),
            None => break,
        }
    }
    entries.reverse();
    entries
}

fn bytes_of(hex: &Value) -> [u8; 32] {
    let hex = hex.as_str().unwrap();
    let bytes: Vec<u8> = (0..hex.len() / 2)
        .map(|i| u8::from_str_radix(&hex[2 * i..2 * i + 2], 16).unwrap())
        .collect();
    bytes.try_into().unwrap()
}

/// Records so many entries, a hundred in a transaction.
async fn record(app: &App, n_entries: usize) {
    for from in (0..n_entries).step_by(100) {
        let mut tx = app.store.begin().await.unwrap();
        for number in from..n_entries.min(from + 100) {
            let details = json!({ "number": number });
            tx.record(&Actor::System, "test.recorded", details)
                .await
                .unwrap();
        }
        tx.commit().await.unwrap();
    }
    app.wake();
}

/// What `watchhouse ledger verify` said: its exit code and its output.
async fn verify(arguments: &[&str]) -> (i32, String) {
    let output = Command::new(PROGRAM)
        .args(["ledger", "verify"])
        .args(arguments)
        .env("NO_PROXY", "127.0.0.1")
        .stdin(Stdio::null())
        .output()
        .await
        .unwrap();
    let text = String::from_utf8(output.stdout).unwrap() + &String::from_utf8_lossy(&output.stderr);
    (output.status.code().unwrap(), text)
}

async fn key_and_url(app: &TestApp) -> (String, String) {
    let ledger = app.stranger().get("/api/v1/ledger").await.expect(200);
    let key = ledger["verifier_key"].as_str().unwrap().to_owned();
    (key, app.stranger().url("/api/v1/ledger"))
}

/// Copies everything public of the log into a directory, as a mirror does.
async fn mirror(app: &TestApp, directory: &Path) {
    let stranger = app.stranger();
    let size = stranger.get("/api/v1/ledger").await.expect(200)["size"]
        .as_u64()
        .unwrap();
    let mut paths = vec!["checkpoint".to_owned()];
    let mut level_size = size;
    for level in 0.. {
        if level_size == 0 {
            break;
        }
        for index in 0..level_size.div_ceil(256) {
            let width = (level_size - index * 256).min(256);
            let part = if width < 256 {
                format!(".p/{width}")
            } else {
                String::new()
            };
            paths.push(format!("tile/{level}/{index:03}{part}"));
            if level == 0 {
                paths.push(format!("tile/entries/{index:03}{part}"));
            }
        }
        level_size /= 256;
    }
    for path in paths {
        let answer = stranger.get(&format!("/api/v1/ledger/{path}")).await;
        assert_eq!(answer.status, 200, "{path}: {}", answer.text());
        let file = directory.join(path);
        std::fs::create_dir_all(file.parent().unwrap()).unwrap();
        std::fs::write(file, answer.body).unwrap();
    }
}

#[tokio::test]
async fn everything_that_happens_has_an_entry_with_who_did_it() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let me = admin.get("/api/v1/keys/current").await.expect(200)["id"]
        .as_str()
        .unwrap()
        .to_owned();
    let receiver = Receiver::start().await;
    let endpoint = endpoint(&admin, &receiver, &["case.opened"]).await;
    let key = json!({ "name": "short", "scopes": ["scan"] });
    let key = admin.post("/api/v1/keys", key).await.expect(201);
    let bank = admin.bank("list").await;
    let hash = admin.add_pdq(&bank, &make::pdq(&make::picture(1))).await;
    let import = format!("/api/v1/banks/{bank}/import?format=plain");
    let file = format!("pdq {}\n", make::pdq(&make::picture(5)));
    admin
        .post_bytes(&import, "text/plain", file)
        .await
        .expect(200);
    let scan = admin.scan("post-1", make::picture(1)).await.expect(200);
    let case = format!("/api/v1/cases/{}", scan["case"].as_str().unwrap());
    admin.scan("post-2", broken_picture()).await.expect(200);
    admin
        .post(&format!("{case}/claim"), json!({}))
        .await
        .expect(200);
    admin
        .post(&format!("{case}/release"), json!({}))
        .await
        .expect(200);
    admin
        .post(&format!("{case}/claim"), json!({}))
        .await
        .expect(200);
    let decision = json!({ "case_version": 1, "policy": "p", "outcome": "violation",
        "facts": "it was seen", "reasons": "r",
        "actions": [{ "kind": "remove" }] });
    let decision = admin
        .post(&format!("{case}/decisions"), decision)
        .await
        .expect(201);
    let action = decision["actions"][0]["id"].as_str().unwrap();
    let outcome = json!({ "outcome": "done" });
    admin
        .post(&format!("/api/v1/actions/{action}/outcome"), outcome)
        .await
        .expect(200);
    admin
        .delete(&format!("/api/v1/banks/{bank}/hashes/{hash}"))
        .await
        .expect(204);
    admin
        .patch(&format!("/api/v1/banks/{bank}"), json!({ "threshold": 20 }))
        .await
        .expect(200);
    app.settle().await;
    let delivered = deliveries(&admin, "?state=delivered").await.remove(0);
    let delivered = delivered["id"].as_str().unwrap();
    receiver.answer_with([Reply::Status(410)]);
    admin
        .post(&format!("/api/v1/deliveries/{delivered}/replay"), json!({}))
        .await
        .expect(200);
    app.settle().await;
    let endpoint = format!(
        "/api/v1/webhook-endpoints/{}",
        endpoint["id"].as_str().unwrap()
    );
    admin
        .patch(&endpoint, json!({ "is_enabled": true }))
        .await
        .expect(200);
    admin
        .post(&format!("{endpoint}/rotate-secret"), json!({}))
        .await
        .expect(200);
    admin.delete(&endpoint).await.expect(204);
    let key = format!("/api/v1/keys/{}", key["id"].as_str().unwrap());
    admin.delete(&key).await.expect(200);

    app.settle().await;
    let entries = all_entries(&admin).await;

    let mut actors: BTreeMap<&str, BTreeSet<&str>> = BTreeMap::new();
    for entry in &entries {
        let actor = match entry["actor"].as_str().unwrap() {
            actor if actor == me => "me",
            actor => actor,
        };
        actors
            .entry(entry["kind"].as_str().unwrap())
            .or_default()
            .insert(actor);
        let body: Value = serde_json::from_str(entry["body"].as_str().unwrap()).unwrap();
        for field in ["id", "at", "kind", "actor"] {
            assert_eq!(body[field], entry[field]);
        }
        assert!(body["details"].is_object());
    }
    let by = |actor, kinds: &[&'static str]| {
        kinds
            .iter()
            .map(|kind| (*kind, BTreeSet::from([actor])))
            .collect::<Vec<_>>()
    };
    let mine = by(
        "me",
        &[
            "action.answered",
            "action.requested",
            "bank.changed",
            "bank.created",
            "bank.imported",
            "case.claimed",
            "case.decided",
            "case.released",
            "delivery.replayed",
            "hash.added",
            "hash.removed",
            "key.created",
            "key.revoked",
            "scan.matched",
            "scan.unmatched",
            "webhook_endpoint.changed",
            "webhook_endpoint.created",
            "webhook_endpoint.deleted",
            "webhook_endpoint.secret_rotated",
        ],
    );
    let its_own = by(
        "system",
        &[
            "case.opened",
            "delivery.dead",
            "delivery.delivered",
            "evidence.sealed",
            "rules.loaded",
            "statement.issued",
            "webhook_endpoint.switched_off",
        ],
    );
    let expected: BTreeMap<&str, BTreeSet<&str>> = mine.into_iter().chain(its_own).collect();
    assert_eq!(actors, expected);
}

/// Something that says it is a picture and is none: it cannot be checked.
fn broken_picture() -> Vec<u8> {
    let mut media = make::picture(3);
    media.truncate(400);
    media
}

/// Lets the time pass in which a decision can be undone.
async fn pass(app: &TestApp) {
    app.advance(Duration::from_secs(2));
    app.settle().await;
}

/// How to call an operation that changes something, after arranging what it needs.
async fn call(app: &TestApp, client: &Client, operation: &str) -> reqwest::RequestBuilder {
    let post = |path: &str, body: Value| client.request("POST", path).json(&body);
    let patch = |path: &str, body: Value| client.request("PATCH", path).json(&body);
    let bank = async || format!("/api/v1/banks/{}", client.bank(operation).await);
    let case = async || format!("/api/v1/cases/{}", open_case(app, operation).await);
    let claimed = async || {
        let case = case().await;
        client
            .post(&format!("{case}/claim"), json!({}))
            .await
            .expect(200);
        case
    };
    let decision = json!({ "case_version": 1, "policy": "p", "outcome": "violation",
        "facts": "it was seen", "reasons": "r",
        "actions": [{ "kind": "remove" }] });
    let effective = async || {
        let path = format!("{}/decisions", claimed().await);
        let decided = client.post(&path, decision.clone()).await.expect(201);
        pass(app).await;
        let path = format!("/api/v1/decisions/{}", decided["id"].as_str().unwrap());
        client.get(&path).await.expect(200)
    };
    let statement = async || {
        let decision = effective().await;
        let path = format!(
            "/api/v1/decisions/{}/statements",
            decision["id"].as_str().unwrap()
        );
        let statements = client.get(&path).await.expect(200);
        let id = StatementId::from_text(statements[0]["id"].as_str().unwrap().to_owned());
        app.app.receipts.statement_address("/api/v1", &id)
    };
    let terms = json!({
        "ground": "law",
        "reference": "Article 1",
        "category": "violence",
        "texts": { "fr": { "title": "Violence", "text": "La violence est interdite." } },
    });
    let new_endpoint =
        json!({ "url": "https://forum.example.org/hook", "events": ["case.decided"] });
    let endpoint = async || {
        let made = client
            .post("/api/v1/webhook-endpoints", new_endpoint.clone())
            .await
            .expect(201);
        format!("/api/v1/webhook-endpoints/{}", made["id"].as_str().unwrap())
    };
    let new_key = json!({ "name": operation, "scopes": ["scan"] });
    let new_report = json!({ "account": "ann", "category": "violence", "explanation": "e" });
    match operation {
        "create_bank" => post("/api/v1/banks", json!({ "name": operation })),
        "change_bank" => patch(&bank().await, json!({ "threshold": 20 })),
        "add_hashes" => {
            let value = make::pdq(&make::picture(4));
            let body = json!({ "hashes": [{ "kind": "pdq", "value": value }] });
            post(&format!("{}/hashes", bank().await), body)
        }
        "remove_hash" => {
            let bank = client.bank(operation).await;
            let hash = client.add_pdq(&bank, &make::pdq(&make::picture(4))).await;
            client.request("DELETE", &format!("/api/v1/banks/{bank}/hashes/{hash}"))
        }
        "import_bank_file" => {
            let path = format!("{}/import?format=plain", bank().await);
            let request = client
                .request("POST", &path)
                .header("content-type", "text/plain");
            request.body(format!("pdq {}\n", make::pdq(&make::picture(4))))
        }
        "scan_media" => {
            open_case(app, "so that there is a list").await;
            let path = "/api/v1/scan?item=scanned&account=ann&surface=public";
            let request = client.request("POST", path);
            request
                .header("content-type", "image/jpeg")
                .body(make::picture(1))
        }
        "claim_case" => post(&format!("{}/claim", case().await), json!({})),
        "claim_next_case" => {
            case().await;
            post("/api/v1/cases/next", json!({}))
        }
        "release_case" => post(&format!("{}/release", claimed().await), json!({})),
        "create_decision" => post(&format!("{}/decisions", claimed().await), decision),
        "undo_decision" => {
            let path = format!("{}/decisions", claimed().await);
            let decision = client.post(&path, decision).await.expect(201);
            let decision = decision["id"].as_str().unwrap();
            post(&format!("/api/v1/decisions/{decision}/undo"), json!({}))
        }
        "second_decision" => {
            client
                .policy("terms/grave", json!({ "needs_second": true }))
                .await;
            let path = format!("{}/decisions", claimed().await);
            let mut decision = decision;
            decision["policy"] = json!("terms/grave");
            let decision = client.post(&path, decision).await.expect(201);
            let path = format!(
                "/api/v1/decisions/{}/second",
                decision["id"].as_str().unwrap()
            );
            post(&path, json!({ "agrees": false, "reasons": "not so" }))
        }
        "create_reversal" => {
            let decision = effective().await;
            let path = format!(
                "/api/v1/decisions/{}/reversal",
                decision["id"].as_str().unwrap()
            );
            post(&path, json!({ "reasons": "it was a mistake" }))
        }
        "appeal_statement" => {
            let path = format!("{}/appeal", statement().await);
            post(&path, json!({ "explanation": "it was not I" }))
        }
        "appeal_receipt" => {
            let reported = client.post("/api/v1/reports", new_report).await.expect(201);
            let case = format!("/api/v1/cases/{}", reported["case"].as_str().unwrap());
            client
                .post(&format!("{case}/claim"), json!({}))
                .await
                .expect(200);
            client
                .post(&format!("{case}/decisions"), decision)
                .await
                .expect(201);
            pass(app).await;
            let token = reported["receipt"]["token"].as_str().unwrap();
            let path = format!("/api/v1/receipts/{token}/appeal");
            post(&path, json!({ "explanation": "look again" }))
        }
        "change_appeal" => {
            let path = format!("{}/appeal", statement().await);
            let explanation = json!({ "explanation": "it was not I" });
            let appeal = client.post(&path, explanation).await.expect(201);
            let dispute = json!({ "body": "a body", "reference": "1" });
            let path = format!("/api/v1/appeals/{}", appeal["id"].as_str().unwrap());
            patch(&path, json!({ "dispute": dispute }))
        }
        "create_policy" => post(
            "/api/v1/policies",
            json!({ "name": "terms/new", "terms": terms }),
        ),
        "create_policy_version" => {
            let id = client.policy("terms/old", json!({})).await;
            post(&format!("/api/v1/policies/{id}/versions"), terms)
        }
        "change_policy" => {
            let id = client.policy("terms/older", json!({})).await;
            patch(
                &format!("/api/v1/policies/{id}"),
                json!({ "is_retired": true }),
            )
        }
        "answer_action" => {
            let decision = effective().await;
            let action = decision["actions"][0]["id"].as_str().unwrap();
            let path = format!("/api/v1/actions/{action}/outcome");
            post(&path, json!({ "outcome": "done" }))
        }
        "create_report" => post("/api/v1/reports", new_report),
        "create_organisation" => post(
            "/api/v1/organisations",
            json!({ "name": operation, "kind": "hotline" }),
        ),
        "change_organisation" => {
            let new = json!({ "name": operation, "kind": "hotline" });
            let made = client.post("/api/v1/organisations", new).await.expect(201);
            let path = format!("/api/v1/organisations/{}", made["id"].as_str().unwrap());
            patch(&path, json!({ "contact": "desk@hotline.example" }))
        }
        "create_webhook_endpoint" => post("/api/v1/webhook-endpoints", new_endpoint),
        "change_webhook_endpoint" => patch(&endpoint().await, json!({ "description": "new" })),
        "rotate_webhook_secret" => post(&format!("{}/rotate-secret", endpoint().await), json!({})),
        "delete_webhook_endpoint" => client.request("DELETE", &endpoint().await),
        "replay_delivery" => {
            let receiver = Receiver::start().await;
            crate::deliveries::endpoint(client, &receiver, &["case.opened"]).await;
            open_case(app, operation).await;
            receiver.wait_for(1).await;
            app.settle().await;
            let ended = deliveries(client, "?state=delivered").await.remove(0);
            let path = format!(
                "/api/v1/deliveries/{}/replay",
                ended["id"].as_str().unwrap()
            );
            post(&path, json!({}))
        }
        "create_person" => {
            let new = json!({ "name": "Ann", "login": "ann", "roles": ["reviewer"] });
            post("/api/v1/people", new)
        }
        "change_person" => {
            let (id, _) = people::invited(client, operation, &[]).await;
            patch(
                &format!("/api/v1/people/{id}"),
                json!({ "roles": ["auditor"] }),
            )
        }
        "invite_person" => {
            let (id, _) = people::invited(client, operation, &[]).await;
            post(&format!("/api/v1/people/{id}/invite"), json!({}))
        }
        "create_role" => post(
            "/api/v1/roles",
            json!({ "name": "desk", "scopes": ["scan"] }),
        ),
        "change_role" => patch("/api/v1/roles/lead", json!({ "description": "new" })),
        "accept_invitation" => {
            let (_, invitation) = people::invited(client, operation, &[]).await;
            let body = json!({ "invitation": invitation, "password": people::PASSWORD });
            post("/api/v1/invitations/accept", body)
        }
        "create_session" => {
            people::add(client, operation, &[]).await;
            let body = json!({ "login": operation, "password": people::PASSWORD });
            post("/api/v1/session", body)
        }
        "end_session" => {
            let person = people::signed_in(client, operation, &[]).await;
            person.request("DELETE", "/api/v1/session")
        }
        "end_own_session" => {
            let person = people::signed_in(client, operation, &[]).await;
            let session = person.get("/api/v1/session").await.expect(200);
            let id = session["session"]["id"].as_str().unwrap();
            person.request("DELETE", &format!("/api/v1/sessions/{id}"))
        }
        "change_password" => {
            let person = people::signed_in(client, operation, &[]).await;
            let body = json!({ "password": people::PASSWORD, "new_password": "another good one" });
            person
                .request("POST", "/api/v1/session/password")
                .json(&body)
        }
        "add_second_factor" | "remove_second_factor" => {
            let person = people::signed_in(client, operation, &[]).await;
            let path = match operation {
                "add_second_factor" => "/api/v1/session/second-factor",
                _ => "/api/v1/session/second-factor/remove",
            };
            person
                .request("POST", path)
                .json(&json!({ "password": people::PASSWORD }))
        }
        "confirm_second_factor" => {
            let person = people::signed_in(client, operation, &[]).await;
            let device = Device::add(&person).await;
            let body = json!({ "code": device.code(app) });
            person
                .request("POST", "/api/v1/session/second-factor/confirm")
                .json(&body)
        }
        "create_key" => post("/api/v1/keys", new_key),
        "revoke_key" => {
            let made = client.post("/api/v1/keys", new_key).await.expect(201);
            client.request(
                "DELETE",
                &format!("/api/v1/keys/{}", made["id"].as_str().unwrap()),
            )
        }
        _ => panic!(
            "\"{operation}\" is new and changes something: say here how it is called, so that its ledger \
             entry is tested"
        ),
    }
}

#[tokio::test]
async fn every_operation_that_changes_something_leaves_an_entry() {
    let app = TestApp::with(|config| config.decisions.undo_seconds = 1).await;
    let admin = app.admin();
    let me = admin.get("/api/v1/keys/current").await.expect(200)["id"].clone();
    let mut n_tried = 0;
    for (method, path, operation) in operations(&document(&app).await) {
        let name = operation["operationId"].as_str().unwrap();
        // Questions, though they have bodies; their own tests show that they leave nothing.
        if method == "GET" || ["look_up_hashes", "preview_decision"].contains(&name) {
            continue;
        }
        n_tried += 1;
        let request = call(&app, &admin, name).await;
        app.settle().await;
        let before = all_entries(&admin).await;

        let answer = send(request).await;

        assert!(
            (200..300).contains(&answer.status),
            "{method} {path}: {}",
            answer.text()
        );
        app.settle().await;
        let after = all_entries(&admin).await;
        assert_eq!(
            after[..before.len()],
            before,
            "{method} {path} changed what was recorded"
        );
        let new = &after[before.len()..];
        let who = match operation["security"] == json!([{}]) {
            true => json!("public"),
            false => me.clone(),
        };
        let is_persons = |entry: &Value| entry["actor"].as_str().unwrap().starts_with("per_");
        assert!(
            new.iter()
                .any(|entry| entry["actor"] == who || is_persons(entry)),
            "{method} {path} changed something and left no entry of who did: {new:?}"
        );
    }
    assert!(n_tried >= 17, "{n_tried} operations were tried");
}

#[tokio::test]
async fn what_is_refused_or_changes_nothing_leaves_no_entry() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let reader = app.client("reader", &["banks:read", "webhooks:read"]).await;
    let case = open_case(&app, "post-1").await;
    let bank = admin.get("/api/v1/banks").await.expect(200)["data"][0]["id"].clone();
    let bank = bank.as_str().unwrap();
    admin
        .post(&format!("/api/v1/cases/{case}/claim"), json!({}))
        .await
        .expect(200);
    app.settle().await;
    let before = all_entries(&admin).await;

    reader
        .post("/api/v1/banks", json!({ "name": "mine" }))
        .await
        .expect_problem(403, "scope_missing");
    admin
        .post("/api/v1/banks", json!({ "name": "list" }))
        .await
        .expect_problem(409, "name_taken");
    let hash = format!("/api/v1/banks/{bank}/hashes/hsh_1000");
    admin.delete(&hash).await.expect_problem(404, "not_found");
    let renewal = admin
        .post(&format!("/api/v1/cases/{case}/claim"), json!({}))
        .await;
    admin.scan("post-2", make::picture(2)).await.expect(200);

    renewal.expect(200);
    app.settle().await;
    assert_eq!(all_entries(&admin).await, before);
}

#[tokio::test]
async fn every_entry_of_a_log_opens_its_commitment_and_is_proven_to_be_in_it() {
    let app = TestApp::new().await;
    let admin = app.admin();
    record(&app.app, 300).await;
    app.settle().await;
    let ledger = admin.get("/api/v1/ledger").await.expect(200);
    let key = Verifier::parse(ledger["verifier_key"].as_str().unwrap()).unwrap();
    let origin = ledger["origin"].as_str().unwrap();

    let entries = all_entries(&admin).await;

    assert_eq!(entries.len() as u64, ledger["size"].as_u64().unwrap());
    for (index, entry) in entries.iter().enumerate() {
        assert_eq!(entry["index"], index);
        let body = entry["body"].as_str().unwrap();
        let committed = commitment(&bytes_of(&entry["salt"]), body);
        assert_eq!(committed, bytes_of(&entry["commitment"]), "entry {index}");
        if index % 7 != 0 && index < 250 {
            continue;
        }
        assert_eq!(
            admin.get(&format!("{ENTRIES}/{index}")).await.expect(200),
            *entry
        );
        let proven = admin
            .get(&format!("{ENTRIES}/{index}/proof"))
            .await
            .expect(200);
        assert_eq!(proven["index"], index);
        assert_eq!(proven["size"], ledger["size"]);
        let proof: Proof = proven["tlog_proof"].as_str().unwrap().parse().unwrap();
        let keys = std::slice::from_ref(&key);
        proof.verify(&committed, origin, keys).unwrap();
        proof.verify(&[7; 32], origin, keys).unwrap_err();
        let hashes: Vec<String> = proof
            .hashes
            .iter()
            .map(|hash| BASE64_STANDARD.encode(hash))
            .collect();
        assert_eq!(proven["hashes"], json!(hashes));
    }
    for beyond in [entries.len() as u64, u64::MAX] {
        admin
            .get(&format!("{ENTRIES}/{beyond}"))
            .await
            .expect_problem(404, "not_found");
        admin
            .get(&format!("{ENTRIES}/{beyond}/proof"))
            .await
            .expect_problem(404, "not_found");
    }
    let outsider = app.client("outsider", &["scan"]).await;
    for path in [
        ENTRIES.to_owned(),
        format!("{ENTRIES}/0"),
        format!("{ENTRIES}/0/proof"),
    ] {
        outsider
            .get(&path)
            .await
            .expect_problem(403, "scope_missing");
        app.stranger()
            .get(&path)
            .await
            .expect_problem(401, "key_missing");
    }
}

#[tokio::test]
async fn an_index_that_is_no_number_is_refused_as_a_problem() {
    let app = TestApp::new().await;
    let admin = app.admin();

    for index in ["-1", "x", "18446744073709551616", "0x0", "1.0"] {
        for path in [
            format!("{ENTRIES}/{index}"),
            format!("{ENTRIES}/{index}/proof"),
        ] {
            let answer = admin.get(&path).await;
            assert!(
                (400..500).contains(&answer.status),
                "{path}: {}",
                answer.text()
            );
            assert_eq!(
                answer.header("content-type"),
                Some("application/problem+json"),
                "{path}"
            );
        }
    }
}

#[tokio::test]
async fn the_command_verifies_a_served_log_as_it_grows() {
    let app = TestApp::new().await;
    record(&app.app, 600).await;
    app.settle().await;
    let (key, url) = key_and_url(&app).await;
    let directory = tempfile::tempdir().unwrap();
    let kept = directory.path().join("kept");
    let checkpoint = app.stranger().get("/api/v1/ledger/checkpoint").await;
    std::fs::write(&kept, &checkpoint.body).unwrap();

    let (code, text) = verify(&[&url, "--key", &key, "--json"]).await;

    assert_eq!(code, 0, "{text}");
    let ledger = app.stranger().get("/api/v1/ledger").await.expect(200);
    let report: Value = serde_json::from_str(&text).unwrap();
    let size = ledger["size"].as_u64().unwrap();
    assert!(size >= 600);
    assert_eq!(
        report,
        json!({ "verified": true, "origin": ledger["origin"], "size": size, "root": ledger["root"],
            "entries_checked": size, "tiles_checked": 4 })
    );
    assert_eq!(ledger["checkpoint"], checkpoint.text());
    record(&app.app, 200).await;
    app.settle().await;
    let since = kept.to_str().unwrap();
    let (code, text) = verify(&[&url, "--key", &key, "--since", since]).await;
    assert_eq!(code, 0, "{text}");
    assert!(
        text.contains("it has grown from the earlier checkpoint"),
        "{text}"
    );
}

#[tokio::test]
async fn a_checkpoint_that_this_log_never_had_is_found_out() {
    let app = TestApp::new().await;
    record(&app.app, 5).await;
    app.settle().await;
    let (key, url) = key_and_url(&app).await;
    let directory = tempfile::tempdir().unwrap();
    // The same key signs what this log never was: a shorter and a longer one with other entries.
    for (size, word) in [(3, "rewritten"), (4_000, "earlier checkpoint had 4000")] {
        let head = watchhouse::ledger::merkle::TreeHead {
            size,
            root: [9; 32],
        };
        let origin = app.app.ledger.origin();
        let sealed = read_bytes(&app.app, "SELECT value FROM meta WHERE name = 'ledger_key'").await;
        let secret = String::from_utf8(app.app.secrets.unseal(&sealed[0]).unwrap()).unwrap();
        let signer = watchhouse::ledger::note::Signer::parse(&secret).unwrap();
        let note = Checkpoint::new(origin, head).sign(&signer).unwrap();
        let file = directory.path().join(size.to_string());
        std::fs::write(&file, note.to_string()).unwrap();

        let (code, text) = verify(&[&url, "--key", &key, "--since", file.to_str().unwrap()]).await;

        assert_eq!(code, 1, "{text}");
        assert!(text.contains(word), "{text}");
    }
}

#[tokio::test]
async fn a_mirror_verifies_and_a_flipped_byte_in_it_is_named() {
    let app = TestApp::new().await;
    record(&app.app, 300).await;
    app.settle().await;
    let (key, _) = key_and_url(&app).await;
    let directory = tempfile::tempdir().unwrap();
    mirror(&app, directory.path()).await;
    let place = directory.path().to_str().unwrap();
    let (code, text) = verify(&[place, "--key", &key]).await;
    assert_eq!(code, 0, "{text}");
    assert!(text.starts_with("verified: "), "{text}");

    for path in [
        "tile/entries/000",
        "tile/0/000",
        "tile/1/000.p/1",
        "checkpoint",
    ] {
        let file = directory.path().join(path);
        let good = std::fs::read(&file).unwrap();
        let mut bad = good.clone();
        bad[good.len() - 2] ^= 1;
        std::fs::write(&file, bad).unwrap();
        let (code, text) = verify(&[place, "--key", &key, "--json"]).await;
        std::fs::write(&file, good).unwrap();

        assert_eq!(code, 1, "{path}: {text}");
        let report: Value = serde_json::from_str(&text).unwrap();
        assert_eq!(report["verified"], false);
        let problem = report["problem"].as_str().unwrap();
        assert!(
            problem.contains(&format!("\"{path}\"")),
            "{path}: {problem}"
        );
    }

    std::fs::remove_file(directory.path().join("tile/0/000")).unwrap();
    let (code, text) = verify(&[place, "--key", &key]).await;
    assert_eq!(code, 1, "{text}");
    assert_eq!(text, "NOT verified: \"tile/0/000\" is not there\n");
}

#[tokio::test]
async fn what_the_command_is_told_wrong_is_told_apart_from_a_wrong_log() {
    let app = TestApp::new().await;
    let other =
        TestApp::with(|config| config.server.public_url = "https://a.example.org".into()).await;
    let (key, url) = key_and_url(&app).await;
    let (other_key, other_url) = key_and_url(&other).await;
    let directory = tempfile::tempdir().unwrap();
    let empty = directory.path().to_str().unwrap();
    assert_eq!(verify(&[&url, "--key", &key]).await.0, 0);
    assert_eq!(verify(&[&other_url, "--key", &other_key]).await.0, 0);
    assert!(
        other_key.starts_with("a.example.org/api/v1/ledger+"),
        "{other_key}"
    );

    for (arguments, code, words) in [
        (
            vec![url.as_str(), "--key", other_key.as_str()],
            1,
            "NOT verified: ",
        ),
        (
            vec![empty, "--key", key.as_str()],
            1,
            "\"checkpoint\" is not there",
        ),
        (
            vec!["/nowhere/at/all", "--key", key.as_str()],
            2,
            "neither a directory nor an address",
        ),
        (
            vec![url.as_str(), "--key", "no key"],
            2,
            "reading the key \"no key\"",
        ),
        (vec![url.as_str()], 2, "--key"),
        (
            vec![url.as_str(), "--key", key.as_str(), "--since", "/nowhere"],
            2,
            "reading the checkpoint",
        ),
        (
            vec!["http://127.0.0.1:1/", "--key", key.as_str()],
            1,
            "\"checkpoint\" cannot be read",
        ),
    ] {
        let (found, text) = verify(&arguments).await;
        assert_eq!(found, code, "{arguments:?}: {text}");
        assert!(text.contains(words), "{arguments:?}: {text}");
    }
}

#[tokio::test]
async fn an_exchanged_entry_in_the_database_is_found_from_outside() {
    let app = TestApp::new().await;
    record(&app.app, 20).await;
    app.settle().await;
    let (key, url) = key_and_url(&app).await;
    let other = "(SELECT commitment FROM ledger_entries WHERE position = 6)";
    let sql = format!("UPDATE ledger_entries SET commitment = {other} WHERE position = 5");

    assert_eq!(run_sql(&app.app, &sql).await, 1);

    let (code, text) = verify(&[&url, "--key", &key]).await;
    assert_eq!(code, 1, "{text}");
    assert!(text.contains("tile/entries/000.p/"), "{text}");
    assert!(text.contains("entry 5 "), "{text}");
}

#[tokio::test]
async fn checkpoint_and_tiles_are_served_as_tlog_tiles_says() {
    let app = TestApp::new().await;
    record(&app.app, 300).await;
    app.settle().await;
    let stranger = app.stranger();
    let size = stranger.get("/api/v1/ledger").await.expect(200)["size"]
        .as_u64()
        .unwrap();
    let width = size - 256;

    let checkpoint = stranger.get("/api/v1/ledger/checkpoint").await;

    assert_eq!(
        checkpoint.header("content-type"),
        Some("text/plain; charset=utf-8")
    );
    assert_eq!(
        checkpoint.header("cache-control"),
        Some("public, max-age=1")
    );
    assert_eq!(checkpoint.text().lines().nth(1).unwrap(), size.to_string());
    for (path, n_bytes) in [
        ("0/000".to_owned(), 256 * 32),
        (format!("0/001.p/{width}"), width * 32),
        ("0/001.p/1".to_owned(), 32),
        ("0/000.p/255".to_owned(), 255 * 32),
        ("1/000.p/1".to_owned(), 32),
        ("entries/000".to_owned(), 256 * 34),
        ("entries/000.p/3".to_owned(), 3 * 34),
        (format!("entries/001.p/{width}"), width * 34),
    ] {
        let tile = stranger.get(&format!("/api/v1/ledger/tile/{path}")).await;
        assert_eq!(tile.status, 200, "{path}: {}", tile.text());
        assert_eq!(tile.body.len() as u64, n_bytes, "{path}");
        assert_eq!(
            tile.header("content-type"),
            Some("application/octet-stream")
        );
        assert_eq!(
            tile.header("cache-control"),
            Some("public, max-age=31536000, immutable")
        );
    }
    let wider = width + 1;
    for path in [
        "0/001".to_owned(),
        format!("0/001.p/{wider}"),
        "0/002.p/1".to_owned(),
        "0/000.p/0".to_owned(),
        "0/000.p/256".to_owned(),
        "0/000.p/+1".to_owned(),
        "0/000.p/01".to_owned(),
        "0/0".to_owned(),
        "00/000".to_owned(),
        "0/x000/000".to_owned(),
        "1/000".to_owned(),
        "1/000.p/2".to_owned(),
        "2/000.p/1".to_owned(),
        "64/000".to_owned(),
        "0/x999/x999/x999/x999/x999/x999/999".to_owned(),
        "entries/001".to_owned(),
        format!("entries/001.p/{wider}"),
        "entries/x072/x057/x594/x037/x927/935".to_owned(),
        "entries/".to_owned(),
        "0/000/".to_owned(),
    ] {
        let tile = stranger.get(&format!("/api/v1/ledger/tile/{path}")).await;
        assert_eq!(tile.status, 404, "{path}");
        assert_eq!(tile.header("cache-control"), Some("no-store"), "{path}");
    }
}

#[tokio::test]
async fn two_sequencers_make_one_log_and_lose_nothing() {
    let first = TestApp::with(|config| {
        config.ledger.interval_milliseconds = 1;
        config.ledger.batch = 7;
    })
    .await;
    let outside = Outside {
        clock: first.app.clock.clone(),
        ids: Ids::seeded(2),
        program: PROGRAM.into(),
    };
    // Another node: the same database and the same key file, in a directory of its own.
    let directory = crate::app::private_directory();
    let mut config = first.app.config.clone();
    let key = config.data_dir.join("secrets.key");
    std::fs::copy(key, directory.path().join("secrets.key")).unwrap();
    config.data_dir = directory.path().to_owned();
    let second = App::open(config, outside).await.unwrap();
    assert_eq!(
        second.ledger.verifier_key(),
        first.app.ledger.verifier_key()
    );
    second.start().await.unwrap();
    let n_before = all_entries(&first.admin()).await.len();
    let write = async |app: &App| {
        for number in 0..60 {
            let mut tx = app.store.begin().await.unwrap();
            let details = json!({ "number": number });
            tx.record(&Actor::System, "test.recorded", details)
                .await
                .unwrap();
            tx.commit().await.unwrap();
            app.wake();
        }
    };

    tokio::join!(
        write(&first.app),
        write(&second),
        write(&first.app),
        write(&second)
    );

    first.settle().await;
    let entries = all_entries(&first.admin()).await;
    assert_eq!(entries.len(), n_before + 240);
    let ids: BTreeSet<&str> = entries
        .iter()
        .map(|entry| entry["id"].as_str().unwrap())
        .collect();
    assert_eq!(ids.len(), entries.len());
    let mut leaves = vec![[0; 32]; entries.len()];
    let mut taken = BTreeSet::new();
    for entry in &entries {
        let index = entry["index"].as_u64().unwrap() as usize;
        assert!(taken.insert(index), "two entries have the index {index}");
        leaves[index] = leaf_hash(&bytes_of(&entry["commitment"]));
    }
    // Every tree that was ever signed is a beginning of this one.
    let key = Verifier::parse(&second.ledger.verifier_key()).unwrap();
    let notes = "SELECT CAST(note AS BLOB) FROM ledger_checkpoints ORDER BY size";
    let notes = match crate::app::is_postgres() {
        false => notes.to_owned(),
        true => notes.replace("CAST(note AS BLOB)", "convert_to(note, 'UTF8')"),
    };
    let notes = read_bytes(&first.app, &notes).await;
    assert!(notes.len() > 240 / 7, "{} checkpoints", notes.len());
    let mut edge = Edge::empty();
    for note in notes {
        let keys = std::slice::from_ref(&key);
        let head = Checkpoint::open(&note, second.ledger.origin(), keys)
            .unwrap()
            .head;
        edge.append(&leaves[edge.size() as usize..head.size as usize]);
        assert_eq!(
            edge.root(),
            head.root,
            "the tree of size {} is another",
            head.size
        );
    }
    assert_eq!(edge.size(), entries.len() as u64);
    let (key, url) = key_and_url(&first).await;
    let (code, text) = verify(&[&url, "--key", &key]).await;
    assert_eq!(code, 0, "{text}");
    second.close().await;
}

#[tokio::test]
async fn a_changed_tile_in_the_database_stops_the_sequencer_before_it_signs() {
    let app = TestApp::new().await;
    record(&app.app, 20).await;
    app.settle().await;
    let before = app.stranger().get("/api/v1/ledger").await.expect(200);
    let rows = if crate::app::is_postgres() {
        "'\\x"
    } else {
        "x'"
    };
    let zeros = "00".repeat(32 * before["size"].as_u64().unwrap() as usize);
    let sql = format!("UPDATE ledger_tiles SET hashes = {rows}{zeros}' WHERE level = 0");
    assert_eq!(run_sql(&app.app, &sql).await, 1);
    record(&app.app, 1).await;

    let error = app
        .app
        .ledger
        .integrate(&app.app.store, 100)
        .await
        .unwrap_err();

    let error = format!("{error:#}");
    assert!(
        error.contains("do not give the root that was signed at size"),
        "{error}"
    );
    assert_eq!(
        app.stranger().get("/api/v1/ledger").await.expect(200),
        before
    );
    let metrics = app.stranger().get("/metrics").await.text();
    assert!(
        metrics.contains("\nwatchhouse_ledger_waiting 1\n"),
        "{metrics}"
    );
}
