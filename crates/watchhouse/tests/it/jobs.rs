//! Jobs: what becomes of those that panic, die, or lose their lease.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use watchhouse::app::App;
use watchhouse::jobs::{Job, Outcome, run_once};

use crate::app::{PROGRAM, TestApp, run_sql, start_of_time};
use crate::client::Client;
use crate::deliveries::{deliveries, endpoint, open_case};
use crate::receiver::{Receiver, Reply};

#[derive(Serialize, Deserialize)]
struct Panic {}

impl Job for Panic {
    const NAME: &'static str = "panic";
    const TRIES: u32 = 1;

    async fn run(&self, app: &App) -> anyhow::Result<Outcome> {
        panic!("there are {} endpoints too few", app.config.banks.threshold);
    }
}

/// Waits until the metrics page has this line.
async fn until_metrics_say(stranger: &Client, line: &str) {
    let line = format!("\n{line}\n");
    for _ in 0..2_000 {
        if stranger.get("/metrics").await.text().contains(&line) {
            return;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    panic!("the metrics do not say {line:?} after 20 s");
}

#[tokio::test]
async fn a_panic_is_a_failed_try() {
    let app = TestApp::new().await;

    let result = run_once(&app.app, &Panic {}).await;

    let error = result.err().unwrap().to_string();
    assert_eq!(error, "it panicked: there are 31 endpoints too few");
}

#[tokio::test]
async fn a_job_whose_every_try_died_is_given_up() {
    let app = TestApp::new().await;
    app.settle().await;
    let before = start_of_time().as_microsecond() - 1;
    // It kills the process whenever it runs: nobody ever put it back.
    for (id, attempts) in [("job_a", 2), ("job_b", 3)] {
        let sql = format!(
            "INSERT INTO jobs (id, name, payload, run_at, attempts, lease_until, created_at)
             VALUES ('{id}', 'forget_attempts', '{{}}', 0, {attempts}, {before}, 0)"
        );
        run_sql(&app.app, &sql).await;
    }
    app.app.wake();

    until_metrics_say(&app.stranger(), "watchhouse_dead_jobs 1").await;

    app.settle().await;
    assert_eq!(app.count("jobs WHERE id = 'job_a'").await, 0);
    let dead =
        "jobs WHERE id = 'job_b' AND dead_at IS NOT NULL AND problem LIKE '%never came to an end%'";
    assert_eq!(app.count(dead).await, 1);
}

#[tokio::test]
async fn a_worker_that_lost_its_lease_cannot_end_the_job() {
    // Nobody else works.
    let app = TestApp::open(PROGRAM, |_| {}).await;
    let store = &app.app.store;
    let claim = async || {
        let mut tx = store.begin().await.unwrap();
        let job = tx.claim_job(Duration::from_mins(1)).await.unwrap();
        tx.commit().await.unwrap();
        job.unwrap()
    };
    let mut tx = store.begin().await.unwrap();
    let now = tx.now;
    tx.insert_job("of_tests", "{}", now).await.unwrap();
    tx.commit().await.unwrap();
    let late = claim().await;
    app.app.clock.advance(Duration::from_secs(61));
    let job = claim().await;
    assert_eq!((late.attempts, job.attempts), (1, 2));

    let mut tx = store.begin().await.unwrap();
    assert!(!tx.delete_job(&late).await.unwrap());
    assert!(!tx.run_job_again(&late, now).await.unwrap());
    assert!(!tx.put_back_job(&late, now, "late").await.unwrap());
    assert!(!tx.defer_job(&late, now).await.unwrap());
    assert!(!tx.bury_job(&late, "late").await.unwrap());

    assert_eq!(tx.jobs_at_work().await.unwrap(), 1);
    assert!(tx.run_job_again(&job, now).await.unwrap());
    tx.commit().await.unwrap();
    // It got on, so that its tries begin anew, and still the first one does not pass for this one.
    app.app.clock.advance(Duration::from_micros(1));
    let again = claim().await;
    assert_eq!(again.attempts, late.attempts);
    let mut tx = store.begin().await.unwrap();
    assert!(!tx.delete_job(&late).await.unwrap());
    assert!(!tx.delete_job(&job).await.unwrap());
    assert!(tx.delete_job(&again).await.unwrap());
    tx.commit().await.unwrap();
}

#[tokio::test]
async fn what_a_worker_did_after_it_lost_its_lease_is_undone() {
    let app = TestApp::with(|config| config.webhooks.timeout_seconds = 4).await;
    let admin = app.admin();
    let receiver = Receiver::start().await;
    receiver.answer_with([Reply::Hang]);
    endpoint(&admin, &receiver, &["case.opened"]).await;
    open_case(&app, "post-1").await;
    receiver.wait_for(1).await;

    // Somebody else takes the job now.
    let sql = "UPDATE jobs SET lease_until = lease_until + 1 WHERE name = 'deliver_webhook'";
    run_sql(&app.app, sql).await;

    let failed = "watchhouse_delivery_attempts_total{outcome=\"failed\"} 1";
    until_metrics_say(&app.stranger(), failed).await;
    app.advance(Duration::from_mins(2));
    receiver.wait_for(2).await;
    app.settle().await;
    let delivery = &deliveries(&admin, "").await[0];
    assert_eq!(delivery["state"], "delivered");
    assert_eq!(delivery["attempts"], 1);
}

#[tokio::test]
async fn who_waits_in_line_for_an_endpoint_is_called_when_a_turn_is_free() {
    let app = TestApp::with(|config| {
        config.webhooks.timeout_seconds = 1;
        config.webhooks.endpoint_concurrency = 1;
    })
    .await;
    let admin = app.admin();
    let receiver = Receiver::start().await;
    receiver.answer_with([Reply::Hang]);
    endpoint(&admin, &receiver, &["case.opened"]).await;

    for n in 0..8 {
        open_case(&app, &format!("post-{n}")).await;
    }

    // The clock stands still: nothing that was put off becomes due by itself.
    receiver.wait_for(8).await;
    for _ in 0..2_000 {
        if deliveries(&admin, "?state=delivered").await.len() == 7 {
            break;
        }
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let waiting = deliveries(&admin, "?state=pending").await;
    assert_eq!(waiting.len(), 1);
    assert_eq!(waiting[0]["attempts"], 1);
    app.settle().await;
    assert_eq!(receiver.received().len(), 8);
}

#[tokio::test]
async fn old_checkpoints_are_forgotten_but_the_last() {
    let app = TestApp::new().await;
    let admin = app.admin();
    for name in ["one", "two", "three"] {
        admin.bank(name).await;
        app.settle().await;
    }
    let newest = admin.get("/api/v1/ledger").await.expect(200)["size"]
        .as_i64()
        .unwrap();
    assert!(app.count("ledger_checkpoints").await > 2);

    app.advance(Duration::from_hours(49));

    for _ in 0..2_000 {
        if app.count("ledger_checkpoints").await == 1 {
            break;
        }
        app.app.wake();
        tokio::time::sleep(Duration::from_millis(10)).await;
    }
    let sizes = app.number("SELECT MAX(size) FROM ledger_checkpoints").await;
    assert_eq!(sizes, newest);
    admin.bank("four").await;
    app.settle().await;
    assert_eq!(
        admin.get("/api/v1/ledger").await.expect(200)["size"],
        newest + 1
    );
}
