//! Webhook endpoints: how they are made, changed and ended, and how what they get is signed.

use std::time::Duration;

use axum::http::HeaderMap;
use hmac::{Hmac, KeyInit as _, Mac as _};
use serde_json::{Value, json};
use standardwebhooks::Webhook;

use crate::app::{TestApp, read_bytes, start_of_time};
use crate::client::Client;
use crate::deliveries::{deliveries, endpoint, open_case, try_again};
use crate::receiver::{Received, Receiver};

const ENDPOINTS: &str = "/api/v1/webhook-endpoints";

/// Whether a call carries a signature of this secret, as HMAC alone says; the receiver's library
/// would compare the timestamp with the day on which the test runs.
fn is_signed_by(received: &Received, secret: &str) -> bool {
    use base64::Engine as _;
    use base64::prelude::BASE64_STANDARD;
    let secret = BASE64_STANDARD
        .decode(secret.strip_prefix("whsec_").unwrap())
        .unwrap();
    let mut mac = Hmac::<sha2::Sha256>::new_from_slice(&secret).unwrap();
    let (id, at) = (
        received.header("webhook-id"),
        received.header("webhook-timestamp"),
    );
    mac.update(format!("{id}.{at}.{}", received.body).as_bytes());
    let expected = format!("v1,{}", BASE64_STANDARD.encode(mac.finalize().into_bytes()));
    received
        .header("webhook-signature")
        .split(' ')
        .any(|signature| signature == expected)
}

fn without_secret(mut endpoint: Value) -> Value {
    endpoint.as_object_mut().unwrap().remove("secret").unwrap();
    endpoint
}

async fn entries(admin: &Client, kind: &str) -> Vec<Value> {
    let path = format!("/api/v1/ledger/entries?kind={kind}");
    admin.get(&path).await.expect(200)["data"]
        .as_array()
        .unwrap()
        .clone()
}

#[test]
fn the_signature_is_the_one_of_the_specification() {
    let signer = Webhook::new("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw").unwrap();
    let body = "{\"test\": 2432232314}";

    let signature = signer.sign(
        "msg_p5jXN8AQM9LWM0D4loKWxJek",
        1_614_265_330,
        body.as_bytes(),
    );

    assert_eq!(
        signature.unwrap(),
        "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
    );
    let received = Received {
        headers: HeaderMap::from_iter([
            (
                "webhook-id".parse().unwrap(),
                "msg_p5jXN8AQM9LWM0D4loKWxJek".parse().unwrap(),
            ),
            (
                "webhook-timestamp".parse().unwrap(),
                "1614265330".parse().unwrap(),
            ),
            (
                "webhook-signature".parse().unwrap(),
                "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
                    .parse()
                    .unwrap(),
            ),
        ]),
        body: body.to_owned(),
    };
    assert!(is_signed_by(
        &received,
        "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
    ));
}

#[tokio::test]
async fn what_is_told_is_signed_with_the_endpoints_own_secret() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let (receiver, other) = (Receiver::start().await, Receiver::start().await);
    let (secret, other_secret) = (
        endpoint(&admin, &receiver, &[]).await,
        endpoint(&admin, &other, &[]).await,
    );

    open_case(&app, "post-1").await;

    let got = receiver.wait_for(1).await.remove(0);
    let other_got = other.wait_for(1).await.remove(0);
    assert!(is_signed_by(&got, secret["secret"].as_str().unwrap()));
    assert!(!is_signed_by(
        &got,
        other_secret["secret"].as_str().unwrap()
    ));
    assert!(is_signed_by(
        &other_got,
        other_secret["secret"].as_str().unwrap()
    ));
    assert_eq!(got.header("webhook-id"), other_got.header("webhook-id"));
    assert_eq!(
        got.header("webhook-timestamp"),
        start_of_time().as_second().to_string()
    );
    assert_eq!(got.header("content-type"), "application/json");
}

#[tokio::test]
async fn a_standard_webhooks_library_accepts_what_it_gets_and_nothing_else() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let receiver = Receiver::start().await;
    let made = endpoint(&admin, &receiver, &[]).await;
    #[expect(
        clippy::disallowed_methods,
        reason = "the library compares with the real time"
    )]
    let real = jiff::Timestamp::now();
    app.advance(real.duration_since(start_of_time()).unsigned_abs());

    open_case(&app, "post-1").await;

    let got = receiver.wait_for(1).await.remove(0);
    let library = Webhook::new(made["secret"].as_str().unwrap()).unwrap();
    library.verify(got.body.as_bytes(), &got.headers).unwrap();
    let changed = got.body.replace("case.opened", "case.closed");
    library
        .verify(changed.as_bytes(), &got.headers)
        .unwrap_err();
}

#[tokio::test]
async fn an_endpoint_is_told_only_the_events_it_asked_for() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let (everything, opened) = (Receiver::start().await, Receiver::start().await);
    let decided = Receiver::start().await;
    endpoint(&admin, &everything, &[]).await;
    endpoint(&admin, &opened, &["case.opened"]).await;
    endpoint(&admin, &decided, &["case.decided", "action.requested"]).await;
    let case = open_case(&app, "post-1").await;
    admin
        .post(&format!("/api/v1/cases/{case}/claim"), json!({}))
        .await
        .expect(200);

    let decision = json!({ "case_version": 1, "policy": "p", "outcome": "violation",
        "facts": "it was seen", "reasons": "r",
        "actions": [{ "kind": "remove" }] });
    admin
        .post(&format!("/api/v1/cases/{case}/decisions"), decision)
        .await
        .expect(201);

    app.settle().await;
    let kinds = |receiver: &Receiver| {
        let mut kinds: Vec<String> = receiver
            .received()
            .iter()
            .map(|call| call.json()["type"].as_str().unwrap().to_owned())
            .collect();
        kinds.sort();
        kinds
    };
    assert_eq!(
        kinds(&everything),
        [
            "action.requested",
            "case.decided",
            "case.opened",
            "statement.issued"
        ]
    );
    assert_eq!(kinds(&opened), ["case.opened"]);
    assert_eq!(kinds(&decided), ["action.requested", "case.decided"]);
}

#[tokio::test]
async fn after_a_rotation_both_secrets_sign_until_the_old_one_ends() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let receiver = Receiver::start().await;
    let made = endpoint(&admin, &receiver, &["case.opened"]).await;
    let old = made["secret"].as_str().unwrap();
    let path = format!("{ENDPOINTS}/{}", made["id"].as_str().unwrap());

    let rotated = admin
        .post(&format!("{path}/rotate-secret"), json!({}))
        .await
        .expect(200);

    let new = rotated["secret"].as_str().unwrap();
    assert_ne!(new, old);
    assert_eq!(rotated["old_secret_until"], "2026-01-02T00:00:00Z");
    app.advance(Duration::from_secs(86_399));
    open_case(&app, "post-1").await;
    let got = receiver.wait_for(1).await.remove(0);
    assert!(
        is_signed_by(&got, old) && is_signed_by(&got, new),
        "{:?}",
        got.headers
    );
    app.advance(Duration::from_secs(1));
    open_case(&app, "post-2").await;
    let got = receiver.wait_for(2).await.remove(1);
    assert!(is_signed_by(&got, new));
    assert!(
        !is_signed_by(&got, old),
        "the old secret signs after its end"
    );
    assert_eq!(got.header("webhook-signature").split(' ').count(), 1);
}

#[tokio::test]
async fn a_secret_is_told_once_and_sealed_at_rest() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let new = json!({ "url": "https://forum.example.org/hook" });
    let first = admin
        .post_once("k", ENDPOINTS, new.clone())
        .await
        .expect(201);
    let secret = first["secret"].as_str().unwrap().to_owned();
    let path = format!("{ENDPOINTS}/{}", first["id"].as_str().unwrap());
    let rotated = admin
        .post(&format!("{path}/rotate-secret"), json!({}))
        .await
        .expect(200)["secret"]
        .as_str()
        .unwrap()
        .to_owned();

    let replayed = admin.post_once("k", ENDPOINTS, new).await;

    assert_eq!(replayed.header("idempotency-replayed"), Some("true"));
    assert_eq!(replayed.expect(201), without_secret(first));
    app.settle().await;
    let mut shown = vec![replayed.text()];
    for path in [
        path.as_str(),
        ENDPOINTS,
        "/api/v1/ledger/entries?limit=200",
        "/metrics",
    ] {
        shown.push(admin.get(path).await.text());
    }
    assert!(shown[1].contains("old_secret_until"));
    let shown = shown.concat();
    let mut raw = read_bytes(&app.app, "SELECT secret_sealed FROM webhook_endpoints").await;
    raw.extend(read_bytes(&app.app, "SELECT old_secret_sealed FROM webhook_endpoints").await);
    assert_eq!(raw.len(), 2);
    let raw = raw.concat();
    for secret in [&secret, &rotated] {
        use base64::Engine as _;
        let text = secret.strip_prefix("whsec_").unwrap();
        let bytes = base64::prelude::BASE64_STANDARD.decode(text).unwrap();
        assert!(!shown.contains(text), "a secret is shown again");
        assert!(
            !raw.windows(32).any(|window| window == bytes),
            "a secret lies open in the database"
        );
        assert!(
            !raw.windows(text.len())
                .any(|window| window == text.as_bytes())
        );
    }
}

#[tokio::test]
async fn an_endpoint_can_be_shown_changed_listed_and_deleted() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let new = json!({ "url": "https://forum.example.org/hook", "description": "the forum",
        "events": ["case.opened"] });
    let made = admin.post(ENDPOINTS, new).await.expect(201);
    let made = without_secret(made);
    let path = format!("{ENDPOINTS}/{}", made["id"].as_str().unwrap());
    let mut expected = json!({ "id": made["id"], "url": "https://forum.example.org/hook",
        "description": "the forum", "events": ["case.opened"], "is_enabled": true,
        "disabled_reason": null, "old_secret_until": null, "created_at": "2026-01-01T00:00:00Z" });
    assert_eq!(made, expected);

    let change = json!({ "is_enabled": false, "events": ["case.decided"] });
    let changed = admin.patch(&path, change).await.expect(200);

    expected["is_enabled"] = json!(false);
    expected["events"] = json!(["case.decided"]);
    assert_eq!(changed, expected);
    assert_eq!(admin.get(&path).await.expect(200), expected);
    assert_eq!(
        admin.get(ENDPOINTS).await.expect(200),
        json!({ "data": [expected], "next": null })
    );
    admin.delete(&path).await.expect(204);
    admin.get(&path).await.expect_problem(404, "not_found");
    admin.delete(&path).await.expect_problem(404, "not_found");
    admin
        .patch(&path, json!({}))
        .await
        .expect_problem(404, "not_found");
    let rotate = format!("{path}/rotate-secret");
    admin
        .post(&rotate, json!({}))
        .await
        .expect_problem(404, "not_found");
    assert_eq!(admin.get(ENDPOINTS).await.expect(200)["data"], json!([]));
}

#[tokio::test]
async fn a_switched_off_endpoint_is_told_nothing_new() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let receiver = Receiver::start().await;
    let made = endpoint(&admin, &receiver, &[]).await;
    let path = format!("{ENDPOINTS}/{}", made["id"].as_str().unwrap());
    admin
        .patch(&path, json!({ "is_enabled": false }))
        .await
        .expect(200);

    open_case(&app, "post-1").await;

    app.settle().await;
    assert_eq!(receiver.received().len(), 0);
    assert_eq!(deliveries(&admin, "").await, Vec::<Value>::new());
}

#[tokio::test]
async fn addresses_that_must_not_be_called_are_refused_when_an_endpoint_is_made_or_changed() {
    let app = TestApp::with(|config| config.outbound.allow_networks.clear()).await;
    let admin = app.admin();
    let good = json!({ "url": "https://forum.example.org/hook" });
    let made = admin.post(ENDPOINTS, good).await.expect(201);
    let path = format!("{ENDPOINTS}/{}", made["id"].as_str().unwrap());

    for (url, code) in [
        ("", "invalid"),
        ("forum.example.org/hook", "invalid"),
        ("//forum.example.org/hook", "invalid"),
        ("https://", "invalid"),
        ("file:///etc/passwd", "address_not_web"),
        ("gopher://forum.example.org/", "address_not_web"),
        ("javascript:alert(1)", "address_not_web"),
        (
            "https://ann:secret@forum.example.org/",
            "address_has_password",
        ),
        ("https://ann@forum.example.org/", "address_has_password"),
        ("http://127.0.0.1/", "address_not_public"),
        ("http://2130706433/", "address_not_public"),
        ("http://0x7f.1/", "address_not_public"),
        ("http://0177.0.0.1/", "address_not_public"),
        ("http://127.1/", "address_not_public"),
        ("http://0.0.0.0/", "address_not_public"),
        ("http://10.0.0.1/", "address_not_public"),
        ("http://172.16.0.1/", "address_not_public"),
        ("http://192.168.1.1/", "address_not_public"),
        (
            "http://169.254.169.254/latest/meta-data/",
            "address_not_public",
        ),
        ("http://100.64.0.1/", "address_not_public"),
        ("http://192.0.0.8/", "address_not_public"),
        ("http://198.18.0.1/", "address_not_public"),
        ("http://203.0.113.1/", "address_not_public"),
        ("http://224.0.0.1/", "address_not_public"),
        ("http://255.255.255.255/", "address_not_public"),
        ("http://[::]/", "address_not_public"),
        ("http://[::1]/", "address_not_public"),
        ("http://[::ffff:127.0.0.1]/", "address_not_public"),
        ("http://[::127.0.0.1]/", "address_not_public"),
        ("http://[64:ff9b::7f00:1]/", "address_not_public"),
        ("http://[2002:7f00:1::]/", "address_not_public"),
        ("http://[2001:0:7f00:1::]/", "address_not_public"),
        ("http://[fc00::1]/", "address_not_public"),
        ("http://[fe80::1]/", "address_not_public"),
        ("http://[ff02::1]/", "address_not_public"),
        ("http://[2001:db8::1]/", "address_not_public"),
    ] {
        let body = json!({ "url": url });
        let problem = admin.post(ENDPOINTS, body.clone()).await;
        assert_eq!(problem.json()["code"], code, "{url}: {}", problem.text());
        problem.expect_problem(422, code);
        admin.patch(&path, body).await.expect_problem(422, code);
    }

    assert_eq!(
        admin.get(ENDPOINTS).await.expect(200)["data"]
            .as_array()
            .unwrap()
            .len(),
        1
    );
    assert_eq!(
        admin.get(&path).await.expect(200)["url"],
        "https://forum.example.org/hook"
    );
}

#[tokio::test]
async fn wrong_bodies_and_missing_scopes_change_nothing() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let reader = app.client("reader", &["webhooks:read"]).await;
    let made = admin
        .post(ENDPOINTS, json!({ "url": "https://forum.example.org/" }))
        .await
        .expect(201);
    let path = format!("{ENDPOINTS}/{}", made["id"].as_str().unwrap());
    for body in [
        json!({}),
        json!({ "url": 1 }),
        json!({ "url": "https://forum.example.org/", "events": ["case.exploded"] }),
        json!({ "url": "https://forum.example.org/", "secret": "mine" }),
        json!(null),
    ] {
        admin
            .post(ENDPOINTS, body)
            .await
            .expect_problem(400, "invalid_body");
    }
    let secret = json!({ "secret_sealed": "mine" });
    admin
        .patch(&path, secret)
        .await
        .expect_problem(400, "invalid_body");

    let answers = [
        reader
            .post(ENDPOINTS, json!({ "url": "https://forum.example.org/" }))
            .await,
        reader.patch(&path, json!({ "is_enabled": false })).await,
        reader
            .post(&format!("{path}/rotate-secret"), json!({}))
            .await,
        reader.delete(&path).await,
    ];

    for answer in answers {
        answer.expect_problem(403, "scope_missing");
    }
    app.stranger()
        .get(&path)
        .await
        .expect_problem(401, "key_missing");
    let outsider = app.client("outsider", &["scan"]).await;
    outsider
        .get(&path)
        .await
        .expect_problem(403, "scope_missing");
    assert_eq!(reader.get(&path).await.expect(200), without_secret(made));
    app.settle().await;
    assert_eq!(entries(&admin, "webhook_endpoint.created").await.len(), 1);
}

#[tokio::test]
async fn an_endpoint_that_says_gone_is_switched_off_with_the_reason() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let receiver = Receiver::start().await;
    receiver.answer_with([crate::receiver::Reply::Status(410)]);
    let made = endpoint(&admin, &receiver, &["case.opened"]).await;
    let path = format!("{ENDPOINTS}/{}", made["id"].as_str().unwrap());

    open_case(&app, "post-1").await;

    receiver.wait_for(1).await;
    app.settle().await;
    let shown = admin.get(&path).await.expect(200);
    assert_eq!(shown["is_enabled"], false);
    assert_eq!(shown["disabled_reason"], "the receiver answered 410 Gone");
    let entry = &entries(&admin, "webhook_endpoint.switched_off").await[0];
    assert_eq!(entry["actor"], "system");
    assert!(
        entry["body"]
            .as_str()
            .unwrap()
            .contains(made["id"].as_str().unwrap())
    );
    assert_eq!(deliveries(&admin, "").await[0]["state"], "dead");
    let changed = admin
        .patch(&path, json!({ "is_enabled": true }))
        .await
        .expect(200);
    assert_eq!(changed["is_enabled"], true);
    assert_eq!(changed["disabled_reason"], Value::Null);
}

#[tokio::test]
async fn what_is_on_its_way_to_a_deleted_endpoint_becomes_dead() {
    for way in ["delete", "switch off"] {
        let app = TestApp::new().await;
        let admin = app.admin();
        let receiver = Receiver::start().await;
        receiver.answer_with([crate::receiver::Reply::Status(500)]);
        let made = endpoint(&admin, &receiver, &["case.opened"]).await;
        let path = format!("{ENDPOINTS}/{}", made["id"].as_str().unwrap());
        open_case(&app, "post-1").await;
        receiver.wait_for(1).await;
        app.settle().await;

        match way {
            "delete" => admin.delete(&path).await.expect(204),
            _ => admin
                .patch(&path, json!({ "is_enabled": false }))
                .await
                .expect(200),
        };

        try_again(&app).await;
        let delivery = &deliveries(&admin, "").await[0];
        assert_eq!(delivery["state"], "dead", "{way}");
        let path = format!("/api/v1/deliveries/{}", delivery["id"].as_str().unwrap());
        let shown = admin.get(&path).await.expect(200);
        let tries = shown["tries"].as_array().unwrap();
        assert_eq!(tries.len(), 2, "{way}");
        assert_eq!(
            tries[1]["problem"],
            "the endpoint is switched off or deleted"
        );
        assert_eq!(
            receiver.received().len(),
            1,
            "{way}: it was called after its end"
        );
        let entries = entries(&admin, "delivery.dead").await;
        assert_eq!(entries.len(), 1, "{way}");
    }
}
