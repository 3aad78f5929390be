//! Work to be done after a commit. Enqueued in the transaction that makes it necessary, deleted in
//! the transaction that did it; in between it may run twice.

use std::time::Duration;

use crate::clock::{Timestamp, later};
use crate::id::JobId;
use crate::store::db::args;
use crate::store::{Dialect, Result, Row, Tx};

/// A job as it is kept.
#[derive(Clone, Debug)]
pub struct QueuedJob {
    pub id: JobId,
    pub name: String,
    /// JSON.
    pub payload: String,
    /// Tries that were begun since it last got on, this one counted.
    pub attempts: u32,
    /// Until when it is ours. Also whose it is: who let a lease lapse has another one than whoever took
    /// the job after that.
    pub lease_until: Timestamp,
}

impl QueuedJob {
    fn from_row(row: &Row) -> Result<QueuedJob> {
        Ok(QueuedJob {
            id: row.id("id")?,
            name: row.text("name")?,
            payload: row.text("payload")?,
            attempts: row.small("attempts")?,
            lease_until: row.time("lease_until")?,
        })
    }
}

const INSERT: &str = "
    INSERT INTO jobs (id, name, payload, run_at, attempts, created_at) VALUES ($1, $2, $3, $4, 0, $5)";
const WITHDRAW: &str = "DELETE FROM jobs WHERE id = $1 AND lease_until IS NULL";
// Dialect: SQLite's writer is alone and knows no row locks.
const CLAIM_SQLITE: &str = "
    UPDATE jobs SET attempts = attempts + 1, lease_until = $2
     WHERE id = (SELECT id FROM jobs
                  WHERE dead_at IS NULL AND run_at <= $1 AND (lease_until IS NULL OR lease_until <= $1)
                  ORDER BY run_at, id LIMIT 1)
    RETURNING id, name, payload, attempts, lease_until";
const CLAIM_POSTGRES: &str = "
    UPDATE jobs SET attempts = attempts + 1, lease_until = $2
     WHERE id = (SELECT id FROM jobs
                  WHERE dead_at IS NULL AND run_at <= $1 AND (lease_until IS NULL OR lease_until <= $1)
                  ORDER BY run_at, id LIMIT 1 FOR UPDATE SKIP LOCKED)
    RETURNING id, name, payload, attempts, lease_until";
const CLAIM_EARLY: &str = "
    UPDATE jobs SET attempts = attempts + 1, lease_until = $2
     WHERE id = $1 AND run_at = $3 AND dead_at IS NULL AND lease_until IS NULL
    RETURNING id, name, payload, attempts, lease_until";
const DELETE: &str = "DELETE FROM jobs WHERE id = $1 AND lease_until = $2";
const RUN_AGAIN: &str = "
    UPDATE jobs SET run_at = $3, lease_until = NULL, attempts = 0, problem = NULL
     WHERE id = $1 AND lease_until = $2";
const PUT_BACK: &str = "
    UPDATE jobs SET run_at = $3, lease_until = NULL, problem = $4 WHERE id = $1 AND lease_until = $2";
const DEFER: &str = "
    UPDATE jobs SET run_at = $3, lease_until = NULL, attempts = attempts - 1
     WHERE id = $1 AND lease_until = $2";
const BURY: &str = "
    UPDATE jobs SET dead_at = $3, lease_until = NULL, problem = $4 WHERE id = $1 AND lease_until = $2";
const RELEASE_ALL: &str = "UPDATE jobs SET lease_until = NULL WHERE lease_until IS NOT NULL";
const NEXT_AT: &str = "
    SELECT MIN(CASE WHEN lease_until IS NULL THEN run_at ELSE lease_until END) AS at
      FROM jobs WHERE dead_at IS NULL";
const AT_WORK: &str =
    "SELECT COUNT(*) AS n FROM jobs WHERE dead_at IS NULL AND lease_until IS NOT NULL";
const COUNT_WAITING: &str = "
    SELECT COUNT(*) AS n FROM jobs
     WHERE dead_at IS NULL AND (run_at <= $1 OR lease_until IS NOT NULL)";
const COUNT_DEAD: &str = "SELECT COUNT(*) AS n FROM jobs WHERE dead_at IS NOT NULL";

impl Tx {
    pub async fn insert_job(
        &mut self,
        name: &str,
        payload: &str,
        run_at: Timestamp,
    ) -> Result<JobId> {
        let id: JobId = self.make();
        let now = self.now;
        self.execute(INSERT, args![&id, name, payload, run_at, now])
            .await?;
        Ok(id)
    }

    /// Takes a job back. False when somebody has begun it.
    pub async fn withdraw_job(&mut self, id: &JobId) -> Result<bool> {
        Ok(self.execute(WITHDRAW, args![id]).await? > 0)
    }

    /// Takes the job that has been due longest, for as long as `lease`.
    pub async fn claim_job(&mut self, lease: Duration) -> Result<Option<QueuedJob>> {
        let now = self.now;
        let sql = match self.dialect {
            Dialect::Sqlite => CLAIM_SQLITE,
            Dialect::Postgres => CLAIM_POSTGRES,
        };
        self.optional(sql, args![now, later(now, lease)], QueuedJob::from_row)
            .await
    }

    /// Takes a job that was put off until `run_at` before that time, unless somebody has had it since.
    pub async fn claim_job_early(
        &mut self,
        id: &JobId,
        run_at: Timestamp,
        lease: Duration,
    ) -> Result<Option<QueuedJob>> {
        let until = later(self.now, lease);
        self.optional(CLAIM_EARLY, args![id, until, run_at], QueuedJob::from_row)
            .await
    }

    /// Deletes a job that is done. This and the other ends change nothing and return false when the job's
    /// lease has lapsed and somebody else has it.
    pub async fn delete_job(&mut self, job: &QueuedJob) -> Result<bool> {
        let args = args![&job.id, job.lease_until];
        Ok(self.execute(DELETE, args).await? == 1)
    }

    /// Sets a job that got on to run again at `run_at`.
    pub async fn run_job_again(&mut self, job: &QueuedJob, run_at: Timestamp) -> Result<bool> {
        let args = args![&job.id, job.lease_until, run_at];
        Ok(self.execute(RUN_AGAIN, args).await? == 1)
    }

    /// Sets a job that failed to run again at `run_at`.
    pub async fn put_back_job(
        &mut self,
        job: &QueuedJob,
        run_at: Timestamp,
        problem: &str,
    ) -> Result<bool> {
        let args = args![&job.id, job.lease_until, run_at, problem];
        Ok(self.execute(PUT_BACK, args).await? == 1)
    }

    /// Sets a job that could not begin to run at `run_at`; this try is not counted.
    pub async fn defer_job(&mut self, job: &QueuedJob, run_at: Timestamp) -> Result<bool> {
        let args = args![&job.id, job.lease_until, run_at];
        Ok(self.execute(DEFER, args).await? == 1)
    }

    /// Gives a job up. The row stays, to be seen.
    pub async fn bury_job(&mut self, job: &QueuedJob, problem: &str) -> Result<bool> {
        let now = self.now;
        let args = args![&job.id, job.lease_until, now, problem];
        Ok(self.execute(BURY, args).await? == 1)
    }

    /// Makes the jobs of a process that was killed due at once. Only for SQLite at start, where no
    /// other process can be at work.
    pub async fn release_jobs(&mut self) -> Result<u64> {
        self.execute(RELEASE_ALL, args![]).await
    }

    /// When the next job is due, if there is one.
    pub async fn next_job_at(&mut self) -> Result<Option<Timestamp>> {
        self.one(NEXT_AT, args![], |row| row.optional_time("at"))
            .await
    }

    /// How many jobs somebody works on.
    pub async fn jobs_at_work(&mut self) -> Result<u64> {
        self.one(AT_WORK, args![], |row| row.count("n")).await
    }

    /// How many jobs are due or at work, and how many were given up.
    pub async fn job_counts(&mut self) -> Result<(u64, u64)> {
        let now = self.now;
        let waiting = self
            .one(COUNT_WAITING, args![now], |row| row.count("n"))
            .await?;
        let dead = self.one(COUNT_DEAD, args![], |row| row.count("n")).await?;
        Ok((waiting, dead))
    }
}
