//! The outbox: what the platform is told, written in the transaction of what it tells of.
//!
//! Delivery is the job `deliver_webhook`. A message is kept as the exact text that is signed, so that
//! every attempt and every replay sends the same.

use serde_json::{Value, json};

use crate::id::Name as _;
use crate::jobs::{self, deliver_webhook::DeliverWebhook};
use crate::store::accounts::Account;
use crate::store::cases::Subject;
use crate::store::deliveries::Message;
use crate::store::items::Item;
use crate::store::{Result, Tx};

/// What can be told. The names are part of the API.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
pub enum Event {
    #[serde(rename = "case.opened")]
    CaseOpened,
    #[serde(rename = "case.changed")]
    CaseChanged,
    /// A share of the time in which it has to be decided has passed.
    #[serde(rename = "case.escalated")]
    CaseEscalated,
    #[serde(rename = "case.decided")]
    CaseDecided,
    /// A second person has to agree with it.
    #[serde(rename = "decision.proposed")]
    DecisionProposed,
    #[serde(rename = "decision.reversed")]
    DecisionReversed,
    #[serde(rename = "statement.issued")]
    StatementIssued,
    #[serde(rename = "appeal.received")]
    AppealReceived,
    #[serde(rename = "appeal.answered")]
    AppealAnswered,
    #[serde(rename = "report.received")]
    ReportReceived,
    #[serde(rename = "report.decided")]
    ReportDecided,
    #[serde(rename = "action.requested")]
    ActionRequested,
}

impl Event {
    pub fn as_str(self) -> &'static str {
        match self {
            Event::CaseOpened => "case.opened",
            Event::CaseChanged => "case.changed",
            Event::CaseEscalated => "case.escalated",
            Event::CaseDecided => "case.decided",
            Event::DecisionProposed => "decision.proposed",
            Event::DecisionReversed => "decision.reversed",
            Event::StatementIssued => "statement.issued",
            Event::AppealReceived => "appeal.received",
            Event::AppealAnswered => "appeal.answered",
            Event::ReportReceived => "report.received",
            Event::ReportDecided => "report.decided",
            Event::ActionRequested => "action.requested",
        }
    }
}

/// Tells every endpoint that wants to know. `data` is the body's `data`.
pub async fn announce(tx: &mut Tx, event: Event, data: Value) -> Result<()> {
    let endpoints = tx.enabled_webhook_endpoints().await?;
    let wanting: Vec<_> = endpoints
        .into_iter()
        .filter(|endpoint| {
            endpoint.events.is_empty() || endpoint.events.iter().any(|name| name == event.as_str())
        })
        .collect();
    if wanting.is_empty() {
        return Ok(());
    }
    let body = json!({ "type": event.as_str(), "timestamp": tx.now.to_string(), "data": data });
    let message = Message {
        id: tx.make(),
        kind: event.as_str().to_owned(),
        body: body.to_string(),
        created_at: tx.now,
    };
    tx.insert_message(&message).await?;
    for endpoint in wanting {
        let delivery = tx.insert_delivery(&endpoint.id, &message.id).await?;
        let now = tx.now;
        jobs::enqueue(
            tx,
            &DeliverWebhook {
                delivery,
                attempts_before: 0,
            },
            now,
        )
        .await?;
    }
    Ok(())
}

/// What a case is about as webhooks name it: an item with its account, or an account. Null where there is
/// none.
pub async fn subject_json(tx: &mut Tx, subject: &Subject) -> Result<(Value, Value)> {
    let (item, account) = match subject {
        Subject::Item(id) => {
            let item = tx.item(id).await?;
            let account = item.as_ref().and_then(|item| item.account_id.clone());
            (item, account)
        }
        Subject::Account(id) => (None, Some(id.clone())),
    };
    let account = match &account {
        Some(id) => tx.account(id).await?,
        None => None,
    };
    let item = item.as_ref().map_or(Value::Null, item_json);
    Ok((item, account.as_ref().map_or(Value::Null, account_json)))
}

/// An item as webhooks name it.
pub fn item_json(item: &Item) -> Value {
    json!({
        "id": item.id.as_str(),
        "external_id": item.external_id,
        "kind": item.kind,
        "surface": item.surface.as_str(),
    })
}

/// An account as webhooks name it.
pub fn account_json(account: &Account) -> Value {
    json!({ "id": account.id.as_str(), "external_id": account.external_id })
}
