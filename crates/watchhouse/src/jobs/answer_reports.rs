//! Tells everyone whose report a decision has ended what became of it.

use serde::{Deserialize, Serialize};
use serde_json::json;

use super::{Job, Outcome, enqueue};
use crate::app::App;
use crate::id::{DecisionId, Name as _};
use crate::outbox::{self, Event, subject_json};
use crate::reports::report_json;
use crate::store::ledger::Actor;
use crate::store::reports::StandingReport;
use crate::store::{Result, Tx};

/// Told in one transaction; a flood of reports takes several.
const BATCH: u32 = 200;

#[derive(Serialize, Deserialize)]
pub struct AnswerReports {
    decision: DecisionId,
}

impl AnswerReports {
    pub async fn enqueue(tx: &mut Tx, decision: &DecisionId) -> Result<()> {
        let decision = decision.clone();
        let now = tx.now;
        enqueue(tx, &AnswerReports { decision }, now).await?;
        Ok(())
    }
}

impl Job for AnswerReports {
    const NAME: &'static str = "answer_reports";
    const TRIES: u32 = 50;

    async fn run(&self, app: &App) -> anyhow::Result<Outcome> {
        let mut tx = app.store.begin().await?;
        let untold = tx.untold_reports(&self.decision, BATCH).await?;
        for report in &untold {
            tell(&mut tx, &self.decision, report).await?;
        }
        let now = tx.now;
        Ok(match untold.len() == BATCH as usize {
            true => Outcome::Again(tx, now),
            false => Outcome::Done(tx),
        })
    }
}

async fn tell(tx: &mut Tx, decision: &DecisionId, standing: &StandingReport) -> Result<()> {
    let report = &standing.report;
    let outcome = standing
        .decided
        .as_ref()
        .map(|decided| decided.outcome.as_str());
    let details = json!({
        "report": report.id.as_str(),
        "case": report.case_id.as_str(),
        "decision": decision.as_str(),
        "outcome": outcome,
    });
    let entry = tx.record(&Actor::System, "report.decided", details).await?;
    tx.mark_report_told(&report.id, &entry).await?;
    let (item, account) = subject_json(tx, &standing.subject).await?;
    let data = json!({
        "report": report_json(report),
        "case": report.case_id.as_str(),
        "decision": decision.as_str(),
        "outcome": outcome,
        "item": item,
        "account": account,
    });
    outbox::announce(tx, Event::ReportDecided, data).await
}
