//! Idempotency keys: a POST that is repeated gets the answer of the first.
//!
//! The row is written in the transaction of the change itself, so there is never a change without
//! its remembered answer, nor an answer without its change.

use std::time::Duration;

use crate::id::CallerId;
use crate::store::db::args;
use crate::store::{Result, Row, Tx};

/// How long an answer is remembered.
pub const REMEMBERED_FOR: Duration = Duration::from_hours(48);

/// A POST that asked to happen at most once.
#[derive(Clone, Debug)]
pub struct Attempt {
    pub caller_id: CallerId,
    /// The caller's own name for it, from the `Idempotency-Key` header.
    pub name: String,
    /// Method and path.
    pub route: String,
    /// SHA-256 of the body.
    pub digest: [u8; 32],
}

/// What is known of an attempt.
#[derive(Clone, Debug)]
pub enum Earlier {
    /// It is the first: go on, and save the answer.
    None,
    /// It happened; this was the answer.
    Answered { status: u16, body: String },
    /// The name was used for something else.
    Differs,
}

struct Saved {
    route: String,
    digest: [u8; 32],
    status: Option<i64>,
    body: Option<String>,
}

impl Saved {
    fn from_row(row: &Row) -> Result<Saved> {
        Ok(Saved {
            route: row.text("route")?,
            digest: row.array("digest")?,
            status: row.optional_int("status")?,
            body: row.optional_text("body")?,
        })
    }
}

const CLAIM: &str = "
    INSERT INTO idempotency_keys (caller_id, name, route, digest, created_at)
    VALUES ($1, $2, $3, $4, $5) ON CONFLICT (caller_id, name) DO NOTHING";
const READ: &str =
    "SELECT route, digest, status, body FROM idempotency_keys WHERE caller_id = $1 AND name = $2";
const SAVE: &str =
    "UPDATE idempotency_keys SET status = $3, body = $4 WHERE caller_id = $1 AND name = $2";
const FORGET: &str = "DELETE FROM idempotency_keys WHERE created_at < $1";

impl Tx {
    /// Takes the name, or says what came of it before. A second caller with the same name waits
    /// here until the first commits or gives up.
    pub async fn claim_attempt(&mut self, attempt: &Attempt) -> Result<Earlier> {
        let now = self.now;
        let inserted = self
            .execute(
                CLAIM,
                args![
                    &attempt.caller_id,
                    &attempt.name,
                    &attempt.route,
                    attempt.digest.as_slice(),
                    now
                ],
            )
            .await?;
        if inserted == 1 {
            return Ok(Earlier::None);
        }
        let saved = self
            .one(
                READ,
                args![&attempt.caller_id, &attempt.name],
                Saved::from_row,
            )
            .await?;
        Ok(match saved {
            Saved { route, digest, .. } if route != attempt.route || digest != attempt.digest => {
                Earlier::Differs
            }
            Saved {
                status: Some(status),
                body: Some(body),
                ..
            } => Earlier::Answered {
                status: u16::try_from(status).unwrap_or(200),
                body,
            },
            Saved { .. } => Earlier::None,
        })
    }

    pub async fn save_answer(&mut self, attempt: &Attempt, status: u16, body: &str) -> Result<()> {
        let args = args![&attempt.caller_id, &attempt.name, i64::from(status), body];
        self.execute(SAVE, args).await?;
        Ok(())
    }

    pub async fn forget_attempts(&mut self) -> Result<u64> {
        let until = self.now.checked_sub(REMEMBERED_FOR).unwrap_or(self.now);
        self.execute(FORGET, args![until]).await
    }
}
