//! Sessions: somebody is signed in, from one browser, until one of three ends: theirs, that of being idle, and
//! the last.

use std::time::Duration;

use crate::clock::{Timestamp, earlier, later};
use crate::id::{PersonId, SessionId};
use crate::store::db::args;
use crate::store::{Error, Result, Row, Tx};

/// The time of a session's last use is kept to the minute.
pub const USES_KEPT_EVERY: Duration = Duration::from_mins(1);

/// A session as it is kept: the secret only as its SHA-256, which is enough for 256 random bits.
#[derive(Clone, Debug)]
pub struct Session {
    pub id: SessionId,
    pub person_id: PersonId,
    pub secret_digest: [u8; 32],
    pub method: Method,
    /// Where it began.
    pub address: String,
    /// What the browser called itself.
    pub browser: String,
    pub began_at: Timestamp,
    /// To the minute.
    pub last_used_at: Timestamp,
    /// Whatever is done in it.
    pub ends_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

/// How somebody showed who they are.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[schema(as = SignInMethod)]
pub enum Method {
    Password,
    Oidc,
}

impl Method {
    pub fn as_str(self) -> &'static str {
        match self {
            Method::Password => "password",
            Method::Oidc => "oidc",
        }
    }
}

impl Session {
    /// Until when it holds if nothing more is done in it.
    pub fn holds_until(&self, idle: Duration) -> Timestamp {
        later(self.last_used_at, idle).min(self.ends_at)
    }

    pub fn is_live_at(&self, now: Timestamp, idle: Duration) -> bool {
        self.ended_at.is_none() && now < self.holds_until(idle)
    }

    fn from_row(row: &Row) -> Result<Session> {
        let method = match row.text("method")?.as_str() {
            "password" => Method::Password,
            "oidc" => Method::Oidc,
            other => return Err(Error::Corrupt(format!("a session's method is \"{other}\""))),
        };
        Ok(Session {
            id: row.id("id")?,
            person_id: row.id("person_id")?,
            secret_digest: row.array("secret_digest")?,
            method,
            address: row.text("address")?,
            browser: row.text("browser")?,
            began_at: row.time("began_at")?,
            last_used_at: row.time("last_used_at")?,
            ends_at: row.time("ends_at")?,
            ended_at: row.optional_time("ended_at")?,
        })
    }
}

const INSERT: &str = "
    INSERT INTO sessions (id, person_id, secret_digest, method, address, browser, began_at,
                          last_used_at, ends_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const BY_ID: &str = "
    SELECT id, person_id, secret_digest, method, address, browser, began_at, last_used_at, ends_at,
           ended_at
      FROM sessions WHERE id = $1";
const OF_PERSON: &str = "
    SELECT id, person_id, secret_digest, method, address, browser, began_at, last_used_at, ends_at,
           ended_at
      FROM sessions
     WHERE person_id = $1 AND ended_at IS NULL AND ends_at > $2 AND last_used_at > $3
     ORDER BY id DESC LIMIT 200";
const END: &str = "
    UPDATE sessions SET ended_at = $3 WHERE id = $1 AND person_id = $2 AND ended_at IS NULL";
const END_OTHERS: &str = "
    UPDATE sessions SET ended_at = $3
     WHERE person_id = $1 AND ended_at IS NULL AND (CAST($2 AS TEXT) IS NULL OR id <> $2)";
const TOUCH: &str = "
    UPDATE sessions SET last_used_at = $2 WHERE id = $1 AND last_used_at < $3 AND ended_at IS NULL";
const FORGET: &str = "DELETE FROM sessions WHERE ends_at < $1";

impl Tx {
    pub async fn insert_session(&mut self, session: &Session) -> Result<()> {
        let args = args![
            &session.id,
            &session.person_id,
            session.secret_digest.as_slice(),
            session.method.as_str(),
            &session.address,
            &session.browser,
            session.began_at,
            session.last_used_at,
            session.ends_at
        ];
        self.execute(INSERT, args).await?;
        Ok(())
    }

    pub async fn session(&mut self, id: &SessionId) -> Result<Option<Session>> {
        self.optional(BY_ID, args![id], Session::from_row).await
    }

    /// A person's sessions that hold at this moment, newest first, at most 200.
    pub async fn live_sessions(
        &mut self,
        person: &PersonId,
        idle: Duration,
    ) -> Result<Vec<Session>> {
        let now = self.now;
        let args = args![person, now, earlier(now, idle)];
        self.all(OF_PERSON, args, Session::from_row).await
    }

    /// False if the person has no such session, or it was ended.
    pub async fn end_session(&mut self, id: &SessionId, person: &PersonId) -> Result<bool> {
        let now = self.now;
        Ok(self.execute(END, args![id, person, now]).await? == 1)
    }

    /// Ends all sessions of a person, but for the one that is named.
    pub async fn end_sessions(
        &mut self,
        person: &PersonId,
        except: Option<&SessionId>,
    ) -> Result<u64> {
        let now = self.now;
        self.execute(END_OTHERS, args![person, except, now]).await
    }

    /// Keeps this moment as the session's last use, unless one of the last minute is kept already.
    pub async fn touch_session(&mut self, id: &SessionId) -> Result<()> {
        let now = self.now;
        self.execute(TOUCH, args![id, now, earlier(now, USES_KEPT_EVERY)])
            .await?;
        Ok(())
    }

    /// Forgets sessions that could not hold since this time.
    pub async fn forget_sessions(&mut self, before: Timestamp) -> Result<u64> {
        self.execute(FORGET, args![before]).await
    }
}
