//! Whom the program calls: nobody that no one named. The kernel's own record is the witness.

use std::fs;
use std::path::Path;

use serde_json::json;

use crate::app::{PROGRAM, TestApp};
use crate::fetch::{Host, Reply};
use crate::make;
use crate::process::{Place, clean, finish, need, run};
use crate::receiver::Receiver;

/// Every call that opens a connection or sends to an address.
const TRACED: &str = "trace=connect,sendto,sendmsg,sendmmsg";

#[tokio::test]
async fn a_server_contacts_only_whom_it_was_told_to() {
    need("strace", "strace");
    let mut place = Place::new().await;
    // Allowed to the client, so that only the program's own refusals are between it and the network.
    place.set(
        "fetch.allow_hosts",
        "[\"127.0.0.1\", \"169.254.169.254\", \"10.0.0.1\"]",
    );
    place.set("outbound.allow_networks", "[\"127.0.0.0/8\"]");
    let receiver = Receiver::start().await;
    let trace = place.path().join("trace");
    let command = traced(&place, &trace, &["serve"]);
    let server = place.start_as(command).await;
    let admin = server.ready().await;

    let endpoint = json!({ "url": receiver.url() });
    admin
        .post("/api/v1/webhook-endpoints", endpoint)
        .await
        .expect(201);
    admin.policy("known-media", json!({})).await;
    let bank = admin.bank("list").await;
    admin.add_pdq(&bank, &make::pdq(&make::picture(1))).await;
    let scan = admin.scan("item-1", make::picture(1)).await.expect(200);
    let case = scan["case"].as_str().unwrap();
    admin
        .post(&format!("/api/v1/cases/{case}/claim"), json!({}))
        .await
        .expect(200);
    let decision = json!({
        "case_version": 1,
        "policy": "known-media",
        "outcome": "violation",
        "facts": "it was seen",
        "reasons": "it is listed",
        "actions": [{ "kind": "remove" }],
    });
    admin
        .post(&format!("/api/v1/cases/{case}/decisions"), decision)
        .await
        .expect(201);
    receiver.wait_for(3).await;
    for address in [
        "http://unlisted.example/a.jpg",
        "http://169.254.169.254/latest/meta-data",
        "http://10.0.0.1/a.jpg",
        "file:///etc/passwd",
    ] {
        let scan = json!({ "address": address, "item": { "id": "fetched", "surface": "public" } });
        let answer = admin.post("/api/v1/scan", scan).await;
        assert_eq!(answer.status, 422, "{address}: {}", answer.text());
    }
    // A picture that names an address is only a picture.
    admin.scan("item-2", make::picture(2)).await.expect(200);
    for path in [
        "/metrics",
        "/docs/",
        "/api/v1/openapi.json",
        "/api/v1/ledger",
    ] {
        admin.get(path).await;
    }
    server.verify_ledger(&place, None).await.expect(0);
    server.stop().await;

    let mut named = vec![receiver.address.port()];
    if let Some(postgres) = place.setting("database").strip_prefix("postgres://") {
        let port = postgres.split(['@', ':', '/']).nth(2).unwrap();
        named.push(port.parse().unwrap());
    }
    let destinations = destinations(&trace);
    assert!(
        destinations.contains(&format!("127.0.0.1:{}", receiver.address.port())),
        "the trace holds the webhook: {destinations:?}"
    );
    for destination in destinations {
        let is_named = named
            .iter()
            .any(|port| destination == format!("127.0.0.1:{port}"));
        assert!(is_named, "it called {destination}, which nobody named");
    }
}

#[tokio::test]
async fn commands_that_look_at_files_open_no_network_socket() {
    need("strace", "strace");
    let place = Place::bare();
    let picture = place.path().join("picture.jpg");
    fs::write(&picture, make::picture(1)).unwrap();
    let bank = place.path().join("bank.txt");
    fs::write(&bank, format!("pdq {}\n", make::pdq(&make::picture(1)))).unwrap();
    let (picture, bank) = (picture.to_str().unwrap(), bank.to_str().unwrap());
    for (arguments, code) in [
        (vec!["scan", "--bank", bank, picture], 1),
        (vec!["hash", picture], 0),
        (vec!["config", "show"], 0),
        (vec!["rules", "show"], 0),
    ] {
        let trace = place.path().join("trace");
        let file = trace.to_str().unwrap();
        let mut traced = vec!["-f", "-D", "-e", "trace=network", "-o", file, PROGRAM];
        traced.extend(&arguments);

        finish(clean("strace", &traced)).await.expect(code);

        let seen = ended_trace(&trace).await;
        let inet = seen
            .lines()
            .find(|line| line.contains("AF_INET") || line.contains("AF_NETLINK"));
        assert_eq!(inet, None, "{arguments:?}");
    }
}

#[tokio::test]
async fn a_ledger_is_not_looked_for_where_a_redirect_leads() {
    let ledger = TestApp::new().await.stranger().get("/api/v1/ledger").await;
    let ledger = ledger.expect(200);
    let key = ledger["verifier_key"].as_str().unwrap();
    let elsewhere = Host::start("127.0.0.1", []).await;
    let to = Reply::redirect(&elsewhere.url("/log/checkpoint"));
    let named = Host::start("127.0.0.1", [("/log/checkpoint", to)]).await;

    let verified = run(&["ledger", "verify", &named.url("/log"), "--key", key]).await;

    let out = verified.expect(1).out;
    assert!(out.starts_with("NOT verified: "), "{out}");
    assert!(
        out.contains("the host answered 302 Found, and redirects are not followed"),
        "{out}"
    );
    assert_eq!(named.asked(), ["/log/checkpoint"]);
    assert!(elsewhere.asked().is_empty());
}

/// A server under strace. The server is the process that was started, so that signals reach it.
fn traced(place: &Place, trace: &Path, arguments: &[&str]) -> tokio::process::Command {
    let mut traced = vec![
        "-f",
        "-D",
        "-e",
        TRACED,
        "-o",
        trace.to_str().unwrap(),
        PROGRAM,
    ];
    traced.extend(arguments);
    place.command("strace", &traced)
}

/// A trace after its program's end.
async fn ended_trace(trace: &Path) -> String {
    let mut seen = String::new();
    crate::process::until("the trace is complete", async || {
        seen = fs::read_to_string(trace).unwrap_or_default();
        seen.lines()
            .last()
            .is_some_and(|line| line.contains("+++ exited"))
    })
    .await;
    seen
}

/// Every internet address in a trace, as `address:port`.
fn destinations(trace: &Path) -> Vec<String> {
    let mut destinations = Vec::new();
    for line in fs::read_to_string(trace).unwrap().lines() {
        let after = |what: &str| {
            let (_, rest) = line.split_once(what)?;
            let end = rest.find([')', '"', ','])?;
            Some(&rest[..end])
        };
        if line.contains("AF_INET6") {
            let port = after("sin6_port=htons(").unwrap_or("?");
            let address = after("inet_pton(AF_INET6, \"").unwrap_or("?");
            destinations.push(format!("[{address}]:{port}"));
        } else if line.contains("AF_INET") {
            let port = after("sin_port=htons(").unwrap_or("?");
            let address = after("inet_addr(\"").unwrap_or("?");
            destinations.push(format!("{address}:{port}"));
        }
    }
    destinations.sort();
    destinations.dedup();
    destinations
}
