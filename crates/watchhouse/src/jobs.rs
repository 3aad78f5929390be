//! Work after a commit: the worker, the list of jobs, and the timetable.
//!
//! A job is enqueued in the transaction that makes it necessary and deleted in the one that did it.
//! In between the process may die, so every job may run twice without harm. To add one: its file, and
//! its line in `run`.
//!
//! A worker has a job for as long as its lease; then another may take it, and what the first one did is
//! undone when it comes to its end.

pub mod answer_reports;
pub mod deliver_webhook;
pub mod end_action;
mod endpoint_turns;
pub mod escalate_case;
pub mod forget_attempts;
pub mod forget_blob;
pub mod forget_checkpoints;
pub mod forget_sessions;
pub mod look_again;
pub mod search_sightings;
pub mod take_effect;

use std::any::Any;
use std::panic::AssertUnwindSafe;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use futures::FutureExt as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::Semaphore;

use crate::app::App;
use crate::clock::{Timestamp, later};
use crate::id::{JobId, WebhookEndpointId};
use crate::store::jobs::QueuedJob;
use crate::store::{Result, Tx};

pub use endpoint_turns::EndpointTurns;

use answer_reports::AnswerReports;
use deliver_webhook::DeliverWebhook;
use end_action::EndAction;
use endpoint_turns::Called;
use escalate_case::EscalateCase;
use forget_attempts::ForgetAttempts;
use forget_blob::ForgetBlob;
use forget_checkpoints::ForgetCheckpoints;
use forget_sessions::ForgetSessions;
use look_again::LookAgain;
use search_sightings::SearchSightings;
use take_effect::TakeEffect;

/// A job that has not ended by then is taken to have died, and runs again.
const LEASE: Duration = Duration::from_mins(1);

/// So much of the lease is kept for writing down what came of the job.
const LONGEST_RUN: Duration = Duration::from_secs(50);

/// A job in line for a turn becomes due after so long even if nobody calls it.
const LONGEST_IN_LINE: Duration = Duration::from_secs(30);

/// Other nodes' jobs, and jobs that become due, are looked for at least so often.
const POLL: Duration = Duration::from_secs(1);

/// Something to be done.
pub trait Job: Serialize + DeserializeOwned + Send + Sync + 'static {
    /// MUST NOT change while rows with it may exist.
    const NAME: &'static str;
    /// After so many tries that failed it is given up, and seen in the metrics and the log.
    const TRIES: u32;

    /// Does it. An error is tried again later.
    fn run(&self, app: &App) -> impl Future<Output = anyhow::Result<Outcome>> + Send;
}

/// What came of a try.
pub enum Outcome {
    /// Done; what it changed is in the transaction, which is committed with the job's end.
    Done(Tx),
    /// To be run again at that time; what it changed is in the transaction. Not a failure: as often as
    /// the job itself says.
    Again(Tx, Timestamp),
    /// It could not begin.
    NotYet(Timestamp),
    /// It could not begin, because the endpoint has all the calls that it may have.
    InLine(WebhookEndpointId),
}

/// Enqueues a job in the transaction that makes it necessary.
pub async fn enqueue<J: Job>(tx: &mut Tx, job: &J, run_at: Timestamp) -> Result<JobId> {
    let payload = serde_json::to_string(job).expect("a job is plain data");
    tx.insert_job(J::NAME, &payload, run_at).await
}

/// Works until the stop. What is under way then is waited for.
pub async fn work(app: App) {
    let turns = Arc::new(Semaphore::new(app.config.jobs.concurrency));
    let mut next_sweep = app.clock.now();
    loop {
        if app.clock.now() >= next_sweep {
            next_sweep = later(app.clock.now(), Duration::from_hours(1));
            sweep(&app).await;
        }
        let turn = tokio::select! {
            () = app.stop.cancelled() => break,
            turn = Arc::clone(&turns).acquire_owned() => turn.expect("nobody closes it"),
        };
        match claim(&app).await {
            Ok(Some(job)) => {
                let app = app.clone();
                app.clone().spawn(async move {
                    try_job(&app, job).await;
                    drop(turn);
                });
            }
            Ok(None) => {
                drop(turn);
                wait(&app).await;
            }
            Err(error) => {
                drop(turn);
                tracing::error!("jobs cannot be claimed: {error:#}");
                tokio::select! {
                    () = app.stop.cancelled() => break,
                    () = tokio::time::sleep(POLL) => {}
                }
            }
        }
        if app.stop.is_cancelled() {
            break;
        }
    }
}

/// What is done by the clock and not by an event.
async fn sweep(app: &App) {
    let enqueued = async {
        let mut tx = app.store.begin().await?;
        let now = tx.now;
        enqueue(&mut tx, &ForgetAttempts {}, now).await?;
        enqueue(&mut tx, &ForgetSessions {}, now).await?;
        enqueue(&mut tx, &ForgetCheckpoints {}, now).await?;
        tx.commit().await
    };
    if let Err(error) = enqueued.await {
        tracing::error!("the hourly work cannot be enqueued: {error:#}");
    }
}

async fn claim(app: &App) -> Result<Option<QueuedJob>> {
    let mut tx = app.store.begin().await?;
    let mut job = None;
    while job.is_none()
        && let Some(called) = app.endpoint_turns.next_called()
    {
        let Called {
            endpoint,
            job: id,
            run_at,
        } = called;
        job = tx.claim_job_early(&id, run_at, LEASE).await?;
        if job.is_none() {
            app.endpoint_turns.call(&endpoint);
        }
    }
    if job.is_none() {
        job = tx.claim_job(LEASE).await?;
    }
    if job.is_some() {
        tx.commit().await?;
    }
    Ok(job)
}

async fn wait(app: &App) {
    tokio::select! {
        () = app.stop.cancelled() => {}
        () = app.jobs_wake.notified() => {}
        () = tokio::time::sleep(POLL) => {}
    }
}

async fn try_job(app: &App, job: QueuedJob) {
    let ended = match run(app, &job).await {
        Ok(outcome) => end(app, &job, outcome).await,
        Err((error, tries)) => {
            app.metrics.jobs_failed.inc();
            put_back(app, &job, &error, tries).await
        }
    };
    match ended {
        Ok(true) => {}
        Ok(false) => {
            tracing::warn!(job.id = %job.id, "job `{}` {} outlived its lease; it is left to whoever took it", job.name, job.id);
        }
        Err(error) => {
            // Its lease lapses, and it runs again.
            tracing::error!(job.id = %job.id, "job `{}` {} could not be ended: {error:#}", job.name, job.id);
        }
    }
    app.wake();
}

/// The list of jobs. The error comes with how many tries the job has.
async fn run(app: &App, job: &QueuedJob) -> Result<Outcome, (anyhow::Error, u32)> {
    async fn run_as<J: Job>(app: &App, job: &QueuedJob) -> Result<Outcome, (anyhow::Error, u32)> {
        let parsed = serde_json::from_str::<J>(&job.payload).context("reading the job's payload");
        let parsed = parsed.map_err(|error| (error, 1))?;
        if job.attempts > J::TRIES {
            let error = anyhow::anyhow!("its last try never came to an end");
            return Err((error, J::TRIES));
        }
        let result = run_once(app, &parsed).await;
        result.map_err(|error| (error, J::TRIES))
    }
    match job.name.as_str() {
        AnswerReports::NAME => run_as::<AnswerReports>(app, job).await,
        DeliverWebhook::NAME => run_as::<DeliverWebhook>(app, job).await,
        EndAction::NAME => run_as::<EndAction>(app, job).await,
        EscalateCase::NAME => run_as::<EscalateCase>(app, job).await,
        ForgetAttempts::NAME => run_as::<ForgetAttempts>(app, job).await,
        ForgetSessions::NAME => run_as::<ForgetSessions>(app, job).await,
        ForgetBlob::NAME => run_as::<ForgetBlob>(app, job).await,
        ForgetCheckpoints::NAME => run_as::<ForgetCheckpoints>(app, job).await,
        LookAgain::NAME => run_as::<LookAgain>(app, job).await,
        SearchSightings::NAME => run_as::<SearchSightings>(app, job).await,
        TakeEffect::NAME => run_as::<TakeEffect>(app, job).await,
        // A newer version's job: leave it for a node that knows it.
        _ => Ok(Outcome::NotYet(later(
            app.clock.now(),
            Duration::from_mins(1),
        ))),
    }
}

/// Runs a job. A panic is an error like others, and so is what takes longer than the lease allows.
pub async fn run_once<J: Job>(app: &App, job: &J) -> anyhow::Result<Outcome> {
    let run = AssertUnwindSafe(job.run(app)).catch_unwind();
    match tokio::time::timeout(LONGEST_RUN, run).await {
        Ok(Ok(result)) => result,
        Ok(Err(panic)) => anyhow::bail!("it panicked: {}", said(&*panic)),
        Err(_) => anyhow::bail!("it took longer than {} s", LONGEST_RUN.as_secs()),
    }
}

fn said(panic: &(dyn Any + Send)) -> &str {
    let text = panic.downcast_ref::<&str>().copied();
    text.or_else(|| panic.downcast_ref::<String>().map(String::as_str))
        .unwrap_or("it did not say why")
}

/// Commits what the job did together with its end. False when it is somebody else's by now: then what it
/// did is undone.
async fn end(app: &App, job: &QueuedJob, outcome: Outcome) -> Result<bool> {
    let mut line = None;
    let (tx, is_ours) = match outcome {
        Outcome::Done(mut tx) => {
            let is_ours = tx.delete_job(job).await?;
            (tx, is_ours)
        }
        Outcome::Again(mut tx, at) => {
            let is_ours = tx.run_job_again(job, at).await?;
            (tx, is_ours)
        }
        Outcome::NotYet(at) => {
            let mut tx = app.store.begin().await?;
            let is_ours = tx.defer_job(job, at).await?;
            (tx, is_ours)
        }
        Outcome::InLine(endpoint) => {
            let mut tx = app.store.begin().await?;
            let at = later(tx.now, LONGEST_IN_LINE);
            let is_ours = tx.defer_job(job, at).await?;
            line = Some((endpoint, at));
            (tx, is_ours)
        }
    };
    if is_ours {
        tx.commit().await?;
        if let Some((endpoint, at)) = line {
            app.endpoint_turns.line_up(&endpoint, job.id.clone(), at);
        }
    }
    Ok(is_ours)
}

/// Sets a failed job to be tried again later, or gives it up. False when it is somebody else's by now.
async fn put_back(app: &App, job: &QueuedJob, error: &anyhow::Error, tries: u32) -> Result<bool> {
    let QueuedJob {
        id, name, attempts, ..
    } = job;
    let problem = format!("{error:#}");
    let mut tx = app.store.begin().await?;
    let is_last = *attempts >= tries;
    let is_ours = if is_last {
        tx.bury_job(job, &problem).await?
    } else {
        let wait = Duration::from_secs(1 << (*attempts).min(12));
        let at = later(tx.now, wait);
        tx.put_back_job(job, at, &problem).await?
    };
    tx.commit().await?;
    if is_ours && is_last {
        tracing::error!(job.id = %id, "job `{name}` {id} was given up after {tries} tries: {problem}");
    } else if is_ours {
        tracing::warn!(job.id = %id, "job `{name}` {id} failed on try {attempts}: {problem}");
    }
    Ok(is_ours)
}
