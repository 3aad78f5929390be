//! Work after a commit: the worker, the list of jobs, and the timetable.
//!
//! A job is enqueued in the transaction that makes it necessary and deleted in the one that did it.
//! In between the process may die, so every job may run twice without harm. To add one: its file, and
//! its line in `run`.

pub mod deliver_webhook;
pub mod forget_attempts;
pub mod forget_checkpoints;
pub mod search_sightings;

use std::collections::HashMap;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use anyhow::Context as _;
use serde::Serialize;
use serde::de::DeserializeOwned;
use tokio::sync::{OwnedSemaphorePermit, Semaphore};

use crate::app::App;
use crate::clock::{Timestamp, later};
use crate::id::WebhookEndpointId;
use crate::store::jobs::QueuedJob;
use crate::store::{Result, Tx};

use deliver_webhook::DeliverWebhook;
use forget_attempts::ForgetAttempts;
use forget_checkpoints::ForgetCheckpoints;
use search_sightings::SearchSightings;

/// A job that has not ended by then is taken to have died, and runs again.
const LEASE: Duration = Duration::from_mins(1);

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
}

/// Enqueues a job in the transaction that makes it necessary.
pub async fn enqueue<J: Job>(tx: &mut Tx, job: &J, run_at: Timestamp) -> Result<()> {
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
        enqueue(&mut tx, &ForgetCheckpoints {}, now).await?;
        tx.commit().await
    };
    if let Err(error) = enqueued.await {
        tracing::error!("the hourly work cannot be enqueued: {error:#}");
    }
}

async fn claim(app: &App) -> Result<Option<QueuedJob>> {
    let mut tx = app.store.begin().await?;
    let job = tx.claim_job(LEASE).await?;
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
    let result = match tokio::time::timeout(LEASE - Duration::from_secs(10), run(app, &job)).await {
        Ok(result) => result,
        Err(_) => Err((anyhow::anyhow!("it took too long"), 20)),
    };
    let ended = match result {
        Ok(outcome) => end(app, &job, outcome).await,
        Err((error, tries)) => {
            app.metrics.jobs_failed.inc();
            put_back(app, &job, &error, tries).await
        }
    };
    if let Err(error) = ended {
        // Its lease lapses, and it runs again.
        tracing::error!(job.id = %job.id, "job `{}` {} could not be ended: {error:#}", job.name, job.id);
    }
}

/// The list of jobs. The error comes with how many tries the job has.
async fn run(app: &App, job: &QueuedJob) -> Result<Outcome, (anyhow::Error, u32)> {
    async fn run_as<J: Job>(app: &App, payload: &str) -> Result<Outcome, (anyhow::Error, u32)> {
        let parsed = serde_json::from_str::<J>(payload).context("reading the job's payload");
        let job = parsed.map_err(|error| (error, 1))?;
        job.run(app).await.map_err(|error| (error, J::TRIES))
    }
    match job.name.as_str() {
        DeliverWebhook::NAME => run_as::<DeliverWebhook>(app, &job.payload).await,
        ForgetAttempts::NAME => run_as::<ForgetAttempts>(app, &job.payload).await,
        ForgetCheckpoints::NAME => run_as::<ForgetCheckpoints>(app, &job.payload).await,
        SearchSightings::NAME => run_as::<SearchSightings>(app, &job.payload).await,
        // A newer version's job: leave it for a node that knows it.
        _ => Ok(Outcome::NotYet(later(
            app.clock.now(),
            Duration::from_mins(1),
        ))),
    }
}

async fn end(app: &App, job: &QueuedJob, outcome: Outcome) -> Result<()> {
    match outcome {
        Outcome::Done(mut tx) => {
            tx.delete_job(&job.id).await?;
            tx.commit().await?;
        }
        Outcome::Again(mut tx, at) => {
            tx.put_back_job(&job.id, at, "").await?;
            tx.commit().await?;
        }
        Outcome::NotYet(at) => {
            let mut tx = app.store.begin().await?;
            tx.defer_job(&job.id, at).await?;
            tx.commit().await?;
        }
    }
    app.wake();
    Ok(())
}

async fn put_back(app: &App, job: &QueuedJob, error: &anyhow::Error, tries: u32) -> Result<()> {
    let QueuedJob {
        id, name, attempts, ..
    } = job;
    let problem = format!("{error:#}");
    let mut tx = app.store.begin().await?;
    if *attempts >= tries {
        tracing::error!(job.id = %id, "job `{name}` {id} was given up after {attempts} tries: {problem}");
        tx.bury_job(id, &problem).await?;
    } else {
        tracing::warn!(job.id = %id, "job `{name}` {id} failed on try {attempts}: {problem}");
        let wait = Duration::from_secs(1 << (*attempts).min(12));
        let now = tx.now;
        tx.put_back_job(id, later(now, wait), &problem).await?;
    }
    tx.commit().await
}

/// Turns for calls to one endpoint, so that one that hangs does not take all the workers.
pub struct EndpointTurns {
    each: usize,
    turns: Mutex<HashMap<WebhookEndpointId, Arc<Semaphore>>>,
}

impl EndpointTurns {
    pub fn new(each: usize) -> EndpointTurns {
        EndpointTurns {
            each,
            turns: Mutex::default(),
        }
    }

    /// None when the endpoint has all the calls that it may have.
    pub fn take(&self, endpoint: &WebhookEndpointId) -> Option<OwnedSemaphorePermit> {
        let mut turns = self.turns.lock().expect("no holder of this lock panics");
        let turns = turns
            .entry(endpoint.clone())
            .or_insert_with(|| Arc::new(Semaphore::new(self.each)));
        Arc::clone(turns).try_acquire_owned().ok()
    }
}
