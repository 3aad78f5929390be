//! The outbox: messages, their deliveries to endpoints, and every attempt.

use crate::clock::Timestamp;
use crate::id::{DeliveryId, MessageId, WebhookEndpointId};
use crate::store::db::args;
use crate::store::page::{Page, PageOf, name_of};
use crate::store::{Result, Row, Tx};

/// What is told, in the exact bytes that are signed.
#[derive(Clone, Debug)]
pub struct Message {
    pub id: MessageId,
    /// `action.requested`, `case.opened`, …
    pub kind: String,
    pub body: String,
    pub created_at: Timestamp,
}

/// One message on its way to one endpoint.
#[derive(Clone, Debug)]
pub struct Delivery {
    pub id: DeliveryId,
    pub endpoint_id: WebhookEndpointId,
    pub message_id: MessageId,
    pub message_kind: String,
    pub state: DeliveryState,
    pub attempts: u32,
    /// None once it ended.
    pub next_attempt_at: Option<Timestamp>,
    pub created_at: Timestamp,
    pub ended_at: Option<Timestamp>,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum DeliveryState {
    Pending,
    Delivered,
    /// Every attempt failed; it waits for a person to replay it.
    Dead,
}

/// One try, and what came of it.
#[derive(Clone, Debug)]
pub struct Attempt {
    /// From 1.
    pub number: u32,
    pub at: Timestamp,
    pub took_ms: u64,
    /// The receiver's HTTP status, if it answered.
    pub status: Option<u32>,
    /// Why it does not count as delivered.
    pub problem: Option<String>,
    /// The beginning of the receiver's answer.
    pub answer: Option<String>,
}

impl DeliveryState {
    pub fn as_str(self) -> &'static str {
        match self {
            DeliveryState::Pending => "pending",
            DeliveryState::Delivered => "delivered",
            DeliveryState::Dead => "dead",
        }
    }
}

impl std::str::FromStr for DeliveryState {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        match text {
            "pending" => Ok(DeliveryState::Pending),
            "delivered" => Ok(DeliveryState::Delivered),
            "dead" => Ok(DeliveryState::Dead),
            _ => Err(()),
        }
    }
}

impl Delivery {
    fn from_row(row: &Row) -> Result<Delivery> {
        Ok(Delivery {
            id: row.id("id")?,
            endpoint_id: row.id("endpoint_id")?,
            message_id: row.id("message_id")?,
            message_kind: row.text("message_kind")?,
            state: row.parsed("state")?,
            attempts: row.small("attempts")?,
            next_attempt_at: row.optional_time("next_attempt_at")?,
            created_at: row.time("created_at")?,
            ended_at: row.optional_time("ended_at")?,
        })
    }
}

const INSERT_MESSAGE: &str =
    "INSERT INTO messages (id, kind, body, created_at) VALUES ($1, $2, $3, $4)";
const MESSAGE: &str = "SELECT id, kind, body, created_at FROM messages WHERE id = $1";
const INSERT: &str = "
    INSERT INTO deliveries (id, endpoint_id, message_id, state, attempts, next_attempt_at, created_at)
    VALUES ($1, $2, $3, 'pending', 0, $4, $4)";
const BY_ID: &str = "
    SELECT d.id, d.endpoint_id, d.message_id, d.state, d.attempts, d.next_attempt_at, d.created_at,
           d.ended_at, m.kind AS message_kind
      FROM deliveries d JOIN messages m ON m.id = d.message_id WHERE d.id = $1";
const LIST: &str = "
    SELECT d.id, d.endpoint_id, d.message_id, d.state, d.attempts, d.next_attempt_at, d.created_at,
           d.ended_at, m.kind AS message_kind
      FROM deliveries d JOIN messages m ON m.id = d.message_id
     WHERE (CAST($1 AS TEXT) IS NULL OR d.id < $1)
       AND (CAST($3 AS TEXT) IS NULL OR d.endpoint_id = $3)
       AND (CAST($4 AS TEXT) IS NULL OR d.state = $4)
     ORDER BY d.id DESC LIMIT $2";
const INSERT_ATTEMPT: &str = "
    INSERT INTO delivery_attempts (delivery_id, number, at, took_ms, status, problem, answer)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const ATTEMPTS: &str = "
    SELECT number, at, took_ms, status, problem, answer
      FROM delivery_attempts WHERE delivery_id = $1 ORDER BY number";
const RETRY: &str = "
    UPDATE deliveries SET attempts = $2, next_attempt_at = $3 WHERE id = $1 AND state = 'pending'";
const END: &str = "
    UPDATE deliveries SET state = $2, attempts = $3, next_attempt_at = NULL, ended_at = $4
     WHERE id = $1 AND state = 'pending'";
const REPLAY: &str = "
    UPDATE deliveries SET state = 'pending', next_attempt_at = $2, ended_at = NULL
     WHERE id = $1 AND state <> 'pending'";
const COUNT_BY_STATE: &str = "SELECT COUNT(*) AS n FROM deliveries WHERE state = $1";

impl Tx {
    pub async fn insert_message(&mut self, message: &Message) -> Result<()> {
        let args = args![
            &message.id,
            &message.kind,
            &message.body,
            message.created_at
        ];
        self.execute(INSERT_MESSAGE, args).await?;
        Ok(())
    }

    pub async fn message(&mut self, id: &MessageId) -> Result<Option<Message>> {
        self.optional(MESSAGE, args![id], |row| {
            Ok(Message {
                id: row.id("id")?,
                kind: row.text("kind")?,
                body: row.text("body")?,
                created_at: row.time("created_at")?,
            })
        })
        .await
    }

    pub async fn insert_delivery(
        &mut self,
        endpoint: &WebhookEndpointId,
        message: &MessageId,
    ) -> Result<DeliveryId> {
        let id: DeliveryId = self.make();
        let now = self.now;
        self.execute(INSERT, args![&id, endpoint, message, now])
            .await?;
        Ok(id)
    }

    pub async fn delivery(&mut self, id: &DeliveryId) -> Result<Option<Delivery>> {
        self.optional(BY_ID, args![id], Delivery::from_row).await
    }

    pub async fn deliveries(
        &mut self,
        endpoint: Option<&WebhookEndpointId>,
        state: Option<DeliveryState>,
        page: &Page,
    ) -> Result<PageOf<Delivery>> {
        let args = args![
            page.below(),
            page.probe(),
            endpoint,
            state.map(DeliveryState::as_str)
        ];
        let rows = self.all(LIST, args, Delivery::from_row).await?;
        Ok(page.cut(rows, |delivery| name_of(&delivery.id)))
    }

    pub async fn attempts(&mut self, delivery: &DeliveryId) -> Result<Vec<Attempt>> {
        self.all(ATTEMPTS, args![delivery], |row| {
            Ok(Attempt {
                number: row.small("number")?,
                at: row.time("at")?,
                took_ms: row.count("took_ms")?,
                status: row.optional_small("status")?,
                problem: row.optional_text("problem")?,
                answer: row.optional_text("answer")?,
            })
        })
        .await
    }

    pub async fn insert_attempt(&mut self, delivery: &DeliveryId, attempt: &Attempt) -> Result<()> {
        let args = args![
            delivery,
            attempt.number,
            attempt.at,
            attempt.took_ms,
            attempt.status,
            attempt.problem.as_ref(),
            attempt.answer.as_ref()
        ];
        self.execute(INSERT_ATTEMPT, args).await?;
        Ok(())
    }

    pub async fn retry_delivery(
        &mut self,
        id: &DeliveryId,
        attempts: u32,
        next_attempt_at: Timestamp,
    ) -> Result<()> {
        self.execute(RETRY, args![id, attempts, next_attempt_at])
            .await?;
        Ok(())
    }

    /// Ends a delivery. False when it had ended before.
    pub async fn end_delivery(
        &mut self,
        id: &DeliveryId,
        state: DeliveryState,
        attempts: u32,
    ) -> Result<bool> {
        let now = self.now;
        Ok(self
            .execute(END, args![id, state.as_str(), attempts, now])
            .await?
            == 1)
    }

    /// Sets an ended delivery going again. False when it has not ended.
    pub async fn replay_delivery(&mut self, id: &DeliveryId) -> Result<bool> {
        let now = self.now;
        Ok(self.execute(REPLAY, args![id, now]).await? == 1)
    }

    pub async fn delivery_count(&mut self, state: DeliveryState) -> Result<u64> {
        self.one(COUNT_BY_STATE, args![state.as_str()], |row| row.count("n"))
            .await
    }
}
