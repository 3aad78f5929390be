//! Reminds of a deadline when a share of its time has passed: the case rises, and the platform is told.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Job, Outcome, enqueue};
use crate::app::App;
use crate::clock::{Timestamp, from_micros};
use crate::id::{CaseId, Name as _};
use crate::outbox::{self, Event};
use crate::store::ledger::Actor;
use crate::store::{Result, Tx};

#[derive(Serialize, Deserialize)]
pub struct EscalateCase {
    case: CaseId,
    /// The deadline that this is about: a case that has another by then has other reminders.
    due_at: Timestamp,
    percent: u32,
}

impl EscalateCase {
    /// Reminders at shares of the time between now and the deadline, in percent.
    pub async fn enqueue(
        tx: &mut Tx,
        case: &CaseId,
        due_at: Timestamp,
        shares: &[u32],
    ) -> Result<()> {
        let (began, end) = (tx.now.as_microsecond(), due_at.as_microsecond());
        for &percent in shares {
            let passed = (end - began) / 100 * i64::from(percent);
            let job = EscalateCase {
                case: case.clone(),
                due_at,
                percent,
            };
            enqueue(tx, &job, from_micros(began + passed)).await?;
        }
        Ok(())
    }
}

impl Job for EscalateCase {
    const NAME: &'static str = "escalate_case";
    const TRIES: u32 = 20;

    async fn run(&self, app: &App) -> anyhow::Result<Outcome> {
        let mut tx = app.store.begin().await?;
        let by = app.config.reports.escalate_by;
        let Some(case) = tx.raise_case(&self.case, by, self.due_at).await? else {
            return Ok(Outcome::Done(tx));
        };
        let due_at = self.due_at.to_string();
        let details = json!({
            "case": case.id.as_str(),
            "percent": self.percent,
            "due_at": due_at,
            "priority": case.priority,
        });
        tx.record(&Actor::System, "case.escalated", details).await?;
        let data = json!({
            "case": case.id.as_str(),
            "version": case.version,
            "queue": case.queue,
            "priority": case.priority,
            "percent": self.percent,
            "due_at": due_at,
        });
        outbox::announce(&mut tx, Event::CaseEscalated, data).await?;
        Ok(Outcome::Done(tx))
    }
}
