//! Deliveries: every attempt to tell, when it is made, what counts, and how it ends.

use std::time::Duration;

use serde_json::{Value, json};
use watchhouse::config::Config;
use watchhouse::jobs::deliver_webhook::DeliverWebhook;
use watchhouse::jobs::{Job as _, Outcome};

use crate::app::TestApp;
use crate::client::Client;
use crate::make;
use crate::receiver::{Receiver, Reply};

/// Makes an endpoint at a receiver. No events: all of them.
pub async fn endpoint(admin: &Client, receiver: &Receiver, events: &[&str]) -> Value {
    endpoint_at(admin, &receiver.url(), events).await
}

async fn endpoint_at(admin: &Client, url: &str, events: &[&str]) -> Value {
    let new = json!({ "url": url, "events": events });
    admin
        .post("/api/v1/webhook-endpoints", new)
        .await
        .expect(201)
}

/// Opens a case by the upload of known media, which tells `case.opened`. Returns the case's id.
pub async fn open_case(app: &TestApp, item: &str) -> String {
    let admin = app.admin();
    let known = make::picture(1);
    let banks = admin.get("/api/v1/banks").await.expect(200);
    if banks["data"].as_array().unwrap().is_empty() {
        let bank = admin.bank("list").await;
        admin.add_pdq(&bank, &make::pdq(&known)).await;
    }
    let scan = admin.scan(item, known).await.expect(200);
    scan["case"].as_str().unwrap().to_owned()
}

/// The deliveries, newest first. `query` is empty or such as `?state=dead`.
pub async fn deliveries(admin: &Client, query: &str) -> Vec<Value> {
    let answer = admin
        .get(&format!("/api/v1/deliveries{query}"))
        .await
        .expect(200);
    answer["data"].as_array().unwrap().clone()
}

async fn delivery(admin: &Client, id: &Value) -> Value {
    let path = format!("/api/v1/deliveries/{}", id.as_str().unwrap());
    admin.get(&path).await.expect(200)
}

/// Moves the clock to the newest delivery's next attempt, and waits for it. Returns the wait.
pub async fn try_again(app: &TestApp) -> Duration {
    let next = deliveries(&app.admin(), "").await[0]["next_attempt_at"].clone();
    let next: jiff::Timestamp = next.as_str().unwrap().parse().unwrap();
    let wait = next.duration_since(app.app.clock.now()).unsigned_abs();
    app.advance(wait);
    app.settle().await;
    wait
}

/// A server with one endpoint at a receiver that answers so, and one message told to it. Settled.
async fn told(replies: impl IntoIterator<Item = Reply>) -> (TestApp, Receiver) {
    let app = TestApp::new().await;
    let receiver = Receiver::start().await;
    receiver.answer_with(replies);
    endpoint(&app.admin(), &receiver, &["case.opened"]).await;
    open_case(&app, "post-1").await;
    receiver.wait_for(1).await;
    app.settle().await;
    (app, receiver)
}

async fn entries(admin: &Client, kind: &str) -> Vec<Value> {
    let path = format!("/api/v1/ledger/entries?kind={kind}");
    admin.get(&path).await.expect(200)["data"]
        .as_array()
        .unwrap()
        .clone()
}

#[tokio::test]
async fn a_delivery_that_is_accepted_is_delivered_and_recorded() {
    let (app, receiver) = told([Reply::Body(200, b"thank you".to_vec())]).await;
    let admin = app.admin();

    let listed = deliveries(&admin, "").await;

    let shown = delivery(&admin, &listed[0]["id"]).await;
    let got = &receiver.received()[0];
    let took = shown["tries"][0]["took_ms"].clone();
    assert_eq!(
        shown,
        json!({
            "id": listed[0]["id"], "endpoint": listed[0]["endpoint"],
            "message": got.header("webhook-id"), "kind": "case.opened", "state": "delivered",
            "attempts": 1, "next_attempt_at": null, "created_at": "2026-01-01T00:00:00Z",
            "ended_at": "2026-01-01T00:00:00Z", "body": got.body,
            "tries": [{ "number": 1, "at": "2026-01-01T00:00:00Z", "took_ms": took, "status": 200,
                "problem": null, "answer": "thank you" }],
        })
    );
    let entries = entries(&admin, "delivery.delivered").await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["actor"], "system");
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn a_receiver_that_is_down_for_an_hour_gets_the_message_with_the_same_id() {
    let (app, receiver) = told([]).await;
    let admin = app.admin();
    let until = app.app.clock.now() + Duration::from_hours(1);
    receiver.answer_with((0..20).map(|_| Reply::Status(500)));
    open_case(&app, "post-2").await;
    receiver.wait_for(2).await;
    app.settle().await;
    let mut n_failed = 1;
    loop {
        let next = deliveries(&admin, "").await[0]["next_attempt_at"].clone();
        let next: jiff::Timestamp = next.as_str().unwrap().parse().unwrap();
        if next >= until {
            break;
        }
        n_failed += 1;
        try_again(&app).await;
    }
    receiver.recover();

    try_again(&app).await;

    let shown = delivery(&admin, &deliveries(&admin, "").await[0]["id"]).await;
    assert_eq!(shown["state"], "delivered");
    assert!(
        (4..=6).contains(&n_failed),
        "{n_failed} attempts in an hour"
    );
    let tries = shown["tries"].as_array().unwrap();
    assert_eq!(tries.len(), n_failed + 1);
    for (number, attempt) in (1..).zip(tries) {
        let (status, problem) = match number == tries.len() {
            true => (204, Value::Null),
            false => (500, json!("the receiver answered 500")),
        };
        assert_eq!(attempt["number"], number);
        assert_eq!(attempt["status"], status);
        assert_eq!(attempt["problem"], problem);
    }
    let calls = &receiver.received()[1..];
    assert_eq!(calls.len(), tries.len());
    for (call, attempt) in calls.iter().zip(tries) {
        let at: jiff::Timestamp = attempt["at"].as_str().unwrap().parse().unwrap();
        assert_eq!(call.header("webhook-id"), shown["message"]);
        assert_eq!(call.header("webhook-timestamp"), at.as_second().to_string());
        assert_eq!(call.body, calls[0].body);
    }
    assert_ne!(
        calls[0].header("webhook-signature"),
        calls[1].header("webhook-signature")
    );
}

#[tokio::test]
async fn the_waits_are_those_of_the_settings_within_a_fifth_and_last_over_a_day() {
    let (app, receiver) = told((0..20).map(|_| Reply::Status(503))).await;
    let admin = app.admin();
    let planned = Config::defaults("".as_ref()).webhooks.retry_seconds;

    let mut waits = Vec::new();
    for _ in &planned {
        waits.push(try_again(&app).await.as_secs_f64());
    }

    let shares: Vec<f64> = waits
        .iter()
        .zip(&planned)
        .map(|(wait, planned)| wait / *planned as f64)
        .collect();
    assert!(
        shares.iter().all(|share| (0.8..=1.2).contains(share)),
        "{shares:?}"
    );
    assert!(
        shares.iter().any(|share| (share - shares[0]).abs() > 0.01),
        "no jitter: {shares:?}"
    );
    let least: f64 = planned.iter().map(|seconds| *seconds as f64 * 0.8).sum();
    assert!(least >= 24.0 * 3600.0, "it may be given up after {least} s");
    let shown = delivery(&admin, &deliveries(&admin, "").await[0]["id"]).await;
    assert_eq!(shown["state"], "dead");
    assert_eq!(shown["attempts"], planned.len() + 1);
    assert_eq!(shown["next_attempt_at"], Value::Null);
    assert_eq!(receiver.received().len(), planned.len() + 1);
}

#[tokio::test]
async fn a_dead_delivery_is_seen_in_the_list_the_ledger_and_the_metrics() {
    let app = TestApp::with(|config| config.webhooks.retry_seconds = vec![5]).await;
    let admin = app.admin();
    let receiver = Receiver::start().await;
    receiver.answer_with([Reply::Status(500), Reply::Status(500)]);
    let made = endpoint(&admin, &receiver, &["case.opened"]).await;
    open_case(&app, "post-1").await;
    receiver.wait_for(1).await;
    app.settle().await;
    let metrics = admin.get("/metrics").await.text();
    assert!(
        metrics.contains("\nwatchhouse_pending_deliveries 1\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("\nwatchhouse_dead_deliveries 0\n"),
        "{metrics}"
    );

    try_again(&app).await;

    let dead = deliveries(&admin, "?state=dead").await;
    assert_eq!(dead.len(), 1);
    assert_eq!(dead[0]["attempts"], 2);
    assert_eq!(
        deliveries(&admin, "?state=pending").await,
        Vec::<Value>::new()
    );
    assert_eq!(
        deliveries(&admin, "?state=delivered").await,
        Vec::<Value>::new()
    );
    let id = made["id"].as_str().unwrap();
    assert_eq!(deliveries(&admin, &format!("?endpoint={id}")).await, dead);
    assert_eq!(
        deliveries(&admin, "?endpoint=whe_0").await,
        Vec::<Value>::new()
    );
    let entries = entries(&admin, "delivery.dead").await;
    assert_eq!(entries.len(), 1);
    assert_eq!(entries[0]["actor"], "system");
    let body: Value = serde_json::from_str(entries[0]["body"].as_str().unwrap()).unwrap();
    assert_eq!(
        body["details"],
        json!({ "delivery": dead[0]["id"], "endpoint": made["id"], "message": dead[0]["message"],
            "attempts": 2, "status": 500 })
    );
    let metrics = admin.get("/metrics").await.text();
    assert!(
        metrics.contains("\nwatchhouse_pending_deliveries 0\n"),
        "{metrics}"
    );
    assert!(
        metrics.contains("\nwatchhouse_dead_deliveries 1\n"),
        "{metrics}"
    );
    let failed = "\nwatchhouse_delivery_attempts_total{outcome=\"failed\"} 2\n";
    assert!(metrics.contains(failed), "{metrics}");
}

#[tokio::test]
async fn a_receiver_that_hangs_has_failed_after_the_timeout() {
    let app = TestApp::with(|config| config.webhooks.timeout_seconds = 1).await;
    let admin = app.admin();
    let receiver = Receiver::start().await;
    receiver.answer_with([Reply::Hang]);
    endpoint(&admin, &receiver, &["case.opened"]).await;
    open_case(&app, "post-1").await;
    receiver.wait_for(1).await;

    app.settle().await;

    let shown = delivery(&admin, &deliveries(&admin, "").await[0]["id"]).await;
    assert_eq!(shown["state"], "pending");
    assert_eq!(shown["tries"][0]["status"], Value::Null);
    assert_eq!(shown["tries"][0]["problem"], "no answer within 1 s");
    try_again(&app).await;
    assert_eq!(deliveries(&admin, "").await[0]["state"], "delivered");
}

#[tokio::test]
async fn while_one_endpoint_hangs_the_others_are_served() {
    let app = TestApp::with(|config| {
        config.webhooks.timeout_seconds = 60;
        config.webhooks.endpoint_concurrency = 4;
    })
    .await;
    let admin = app.admin();
    let (stuck, well) = (Receiver::start().await, Receiver::start().await);
    stuck.answer_with((0..100).map(|_| Reply::Hang));
    let stuck_endpoint = endpoint(&admin, &stuck, &["case.opened"]).await;
    for number in 0..6 {
        open_case(&app, &format!("stuck-{number}")).await;
    }
    stuck.wait_for(4).await;
    endpoint(&admin, &well, &["case.opened"]).await;

    for number in 0..4 {
        open_case(&app, &format!("well-{number}")).await;
        well.wait_for(number + 1).await;
    }

    let id = stuck_endpoint["id"].as_str().unwrap();
    let waiting = deliveries(&admin, &format!("?endpoint={id}&state=pending")).await;
    assert_eq!(waiting.len(), 10);
    assert!(waiting.iter().all(|delivery| delivery["attempts"] == 0));
    assert_eq!(
        stuck.received().len(),
        4,
        "more calls at once than an endpoint may have"
    );
}

#[tokio::test]
async fn a_redirect_is_a_failure_and_is_not_followed() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let (receiver, elsewhere) = (Receiver::start().await, Receiver::start().await);
    receiver.answer_with([Reply::RedirectTo(elsewhere.url())]);
    endpoint(&admin, &receiver, &["case.opened"]).await;

    open_case(&app, "post-1").await;

    receiver.wait_for(1).await;
    app.settle().await;
    let shown = delivery(&admin, &deliveries(&admin, "").await[0]["id"]).await;
    assert_eq!(shown["state"], "pending");
    assert_eq!(shown["tries"][0]["status"], 302);
    assert_eq!(shown["tries"][0]["problem"], "the receiver answered 302");
    assert_eq!(elsewhere.received().len(), 0);
}

#[tokio::test]
async fn every_success_counts_and_nothing_else_does() {
    for (status, state) in [
        (200, "delivered"),
        (202, "delivered"),
        (299, "delivered"),
        (304, "pending"),
        (400, "pending"),
        (404, "pending"),
        (429, "pending"),
        (502, "pending"),
    ] {
        let (app, _receiver) = told([Reply::Status(status)]).await;

        assert_eq!(
            deliveries(&app.admin(), "").await[0]["state"],
            state,
            "{status}"
        );
    }
}

#[tokio::test]
async fn a_pause_that_the_receiver_asks_for_is_kept_up_to_a_day() {
    for (asked, least, most) in [
        (Reply::RetryAfter(503, 3_600), 3_600, 3_600),
        (Reply::RetryAfter(429, 86_400), 86_400, 86_400),
        (Reply::RetryAfter(429, u32::MAX), 86_400, 86_400),
        // Less than our own wait does not hurry us.
        (Reply::RetryAfter(503, 0), 4, 6),
    ] {
        let (app, _receiver) = told([asked.clone()]).await;

        let wait = try_again(&app).await;

        assert!(
            (least..=most).contains(&wait.as_secs()),
            "{asked:?}: {wait:?}"
        );
    }
}

#[tokio::test]
async fn a_receiver_that_is_not_there_is_tried_again() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let closed = std::net::TcpListener::bind("127.0.0.1:0")
        .unwrap()
        .local_addr()
        .unwrap();
    endpoint_at(&admin, &format!("http://{closed}/"), &["case.opened"]).await;

    open_case(&app, "post-1").await;

    app.settle().await;
    let shown = delivery(&admin, &deliveries(&admin, "").await[0]["id"]).await;
    assert_eq!(shown["state"], "pending");
    assert_eq!(shown["attempts"], 1);
    let problem = shown["tries"][0]["problem"].as_str().unwrap();
    assert!(
        problem.starts_with("the host could not be reached: "),
        "{problem}"
    );
}

#[tokio::test]
async fn a_name_that_leads_inside_is_not_called() {
    let app = TestApp::with(|config| config.outbound.allow_networks.clear()).await;
    let admin = app.admin();
    let receiver = Receiver::start().await;
    let url = format!("http://localhost:{}/", receiver.address.port());
    endpoint_at(&admin, &url, &["case.opened"]).await;

    open_case(&app, "post-1").await;

    app.settle().await;
    let shown = delivery(&admin, &deliveries(&admin, "").await[0]["id"]).await;
    let problem = shown["tries"][0]["problem"].as_str().unwrap();
    assert!(problem.contains("is not a public address"), "{problem}");
    assert_eq!(shown["tries"][0]["status"], Value::Null);
    assert_eq!(receiver.received().len(), 0);
}

#[tokio::test]
async fn ended_deliveries_can_be_replayed_with_the_same_id_and_waits_anew() {
    let app = TestApp::with(|config| config.webhooks.retry_seconds = vec![10, 1_000]).await;
    let admin = app.admin();
    let receiver = Receiver::start().await;
    receiver.answer_with((0..4).map(|_| Reply::Status(500)));
    endpoint(&admin, &receiver, &["case.opened"]).await;
    open_case(&app, "post-1").await;
    receiver.wait_for(1).await;
    app.settle().await;
    try_again(&app).await;
    try_again(&app).await;
    let dead = deliveries(&admin, "?state=dead").await.remove(0);
    assert_eq!(dead["attempts"], 3);
    let replay = format!("/api/v1/deliveries/{}/replay", dead["id"].as_str().unwrap());

    let replayed = admin.post(&replay, json!({})).await.expect(200);

    assert_eq!(replayed["state"], "pending");
    assert_eq!(replayed["ended_at"], Value::Null);
    app.settle().await;
    let wait = try_again(&app).await.as_secs();
    assert!(
        (8..=12).contains(&wait),
        "the waits did not begin anew: {wait} s"
    );
    let shown = delivery(&admin, &dead["id"]).await;
    assert_eq!(shown["state"], "delivered");
    let numbers: Vec<_> = shown["tries"]
        .as_array()
        .unwrap()
        .iter()
        .map(|attempt| &attempt["number"])
        .collect();
    assert_eq!(numbers, [1, 2, 3, 4, 5]);
    admin.post(&replay, json!({})).await.expect(200);
    app.settle().await;
    let calls = receiver.received();
    assert_eq!(calls.len(), 6);
    assert!(
        calls
            .iter()
            .all(|call| call.header("webhook-id") == dead["message"])
    );
    assert_eq!(entries(&admin, "delivery.replayed").await.len(), 2);
    assert_eq!(entries(&admin, "delivery.delivered").await.len(), 2);
}

#[tokio::test]
async fn what_is_still_tried_cannot_be_replayed() {
    let (app, receiver) = told([Reply::Status(500)]).await;
    let admin = app.admin();
    let pending = deliveries(&admin, "").await.remove(0);
    let replay = format!(
        "/api/v1/deliveries/{}/replay",
        pending["id"].as_str().unwrap()
    );

    let answer = admin.post(&replay, json!({})).await;

    answer.expect_problem(409, "delivery_pending");
    app.settle().await;
    assert_eq!(receiver.received().len(), 1);
    assert_eq!(entries(&admin, "delivery.replayed").await.len(), 0);
    let nobody = "/api/v1/deliveries/dlv_00000000000000000000000000/replay";
    admin
        .post(nobody, json!({}))
        .await
        .expect_problem(404, "not_found");
    let reader = app.client("reader", &["webhooks:read"]).await;
    reader
        .post(&replay, json!({}))
        .await
        .expect_problem(403, "scope_missing");
}

#[tokio::test]
async fn replays_at_the_same_time_send_once() {
    let (app, receiver) = told([]).await;
    let admin = app.admin();
    let ended = deliveries(&admin, "").await.remove(0);
    let replay = format!(
        "/api/v1/deliveries/{}/replay",
        ended["id"].as_str().unwrap()
    );
    receiver.answer_with((0..10).map(|_| Reply::Status(500)));

    let answers = futures::future::join_all((0..8).map(|_| admin.post(&replay, json!({})))).await;

    app.settle().await;
    let n_done = answers.iter().filter(|answer| answer.status == 200).count();
    assert_eq!(n_done, 1);
    assert_eq!(receiver.received().len(), 2);
    assert_eq!(entries(&admin, "delivery.replayed").await.len(), 1);
}

#[tokio::test]
async fn a_job_that_runs_twice_at_once_records_one_attempt() {
    let app = TestApp::new().await;
    let admin = app.admin();
    let receiver = Receiver::start().await;
    receiver.answer_with([
        Reply::Status(500),
        Reply::OnceCalled(3, 500),
        Reply::OnceCalled(3, 500),
    ]);
    endpoint(&admin, &receiver, &["case.opened"]).await;
    open_case(&app, "post-1").await;
    receiver.wait_for(1).await;
    app.settle().await;
    let id = deliveries(&admin, "").await[0]["id"].clone();
    let run = async || {
        let job = DeliverWebhook {
            delivery: serde_json::from_value(id.clone()).unwrap(),
            attempts_before: 0,
        };
        match job.run(&app.app).await {
            Ok(Outcome::Done(tx)) => tx.commit().await.map(|()| "done").unwrap(),
            Ok(Outcome::Again(tx, _)) => tx.commit().await.map_or("failed", |()| "again"),
            Ok(Outcome::NotYet(_) | Outcome::InLine(_)) => "not yet",
            Err(_) => "failed",
        }
    };

    let (first, second) = tokio::join!(run(), run());

    assert!([first, second].contains(&"again"), "{first}, {second}");
    // A job that is done is deleted, and nobody would try again.
    assert!(![first, second].contains(&"done"), "{first}, {second}");
    assert_eq!(receiver.received().len(), 3);
    let shown = delivery(&admin, &id).await;
    assert_eq!(shown["attempts"], 2);
    assert_eq!(shown["tries"].as_array().unwrap().len(), 2);
}

#[tokio::test]
async fn an_answer_of_any_bytes_is_written_down() {
    let (app, receiver) = told([Reply::Body(500, b"\0\xff<script>\n\0".to_vec())]).await;
    let admin = app.admin();

    let shown = delivery(&admin, &deliveries(&admin, "").await[0]["id"]).await;

    assert_eq!(shown["attempts"], 1);
    assert_eq!(
        shown["tries"][0]["answer"],
        "\u{fffd}\u{fffd}<script>\n\u{fffd}"
    );
    assert_eq!(receiver.received().len(), 1);
}

#[tokio::test]
async fn a_long_answer_is_kept_up_to_a_kibibyte() {
    let (app, _receiver) = told([Reply::Body(500, vec![b'a'; 1_000_000])]).await;
    let admin = app.admin();

    let shown = delivery(&admin, &deliveries(&admin, "").await[0]["id"]).await;

    assert_eq!(shown["tries"][0]["answer"], "a".repeat(1_024));
}

#[tokio::test]
async fn the_status_counts_even_if_the_answers_body_never_ends() {
    let app = TestApp::with(|config| config.webhooks.timeout_seconds = 1).await;
    let admin = app.admin();
    let receiver = Receiver::start().await;
    receiver.answer_with([Reply::EndlessBody(200)]);
    endpoint(&admin, &receiver, &["case.opened"]).await;

    open_case(&app, "post-1").await;

    receiver.wait_for(1).await;
    app.settle().await;
    let shown = delivery(&admin, &deliveries(&admin, "").await[0]["id"]).await;
    assert_eq!(shown["state"], "delivered");
    assert_eq!(shown["tries"][0]["status"], 200);
    assert_eq!(shown["tries"][0]["answer"], "it goes on ");
}
