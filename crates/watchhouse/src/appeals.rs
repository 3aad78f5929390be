//! Appeals: whoever a decision concerns may have it looked at again, by somebody else.
//!
//! An appeal joins the open case on the decision's subject, or opens one; the decision on that case answers
//! it. It MUST NOT be answered by who decided before, or by a machine alone (Digital Services Act,
//! Article 20(6)).

use serde_json::json;

use crate::app::App;
use crate::clock::{Timestamp, later};
use crate::decisions;
use crate::id::{AppealId, Name as _};
use crate::jobs::escalate_case::EscalateCase;
use crate::outbox::{self, Event, subject_json};
use crate::store::actions::Action;
use crate::store::appeals::{Answer, Appeal, AppealOutcome, Appellant};
use crate::store::cases::Case;
use crate::store::decisions::{Decision, DecisionState};
use crate::store::ledger::Actor;
use crate::store::{Result, Tx};

/// Why an appeal cannot be taken.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// This appellant has appealed: their appeal goes on, or has ended.
    Made(AppealId),
    /// The time for it is over.
    Late(Timestamp),
    /// The decision answered an appeal of theirs already.
    Exhausted,
    /// The decision was taken back.
    Reversed,
}

/// Takes an appeal against a decision that its appellant was told of at `told_at`.
pub async fn receive(
    tx: &mut Tx,
    app: &App,
    by: Appellant,
    decision: &Decision,
    told_at: Timestamp,
    explanation: String,
) -> Result<std::result::Result<Appeal, Refusal>> {
    if let Some(made) = tx.appeal_by(&by).await? {
        return Ok(Err(Refusal::Made(made.id)));
    }
    if decision.state != DecisionState::Effective || decision.reversed_by.is_some() {
        return Ok(Err(Refusal::Reversed));
    }
    let until = app.config.appeals.until(told_at);
    if until < tx.now {
        return Ok(Err(Refusal::Late(until)));
    }
    if answered_such(tx, decision, &by).await? {
        return Ok(Err(Refusal::Exhausted));
    }
    let Some(first) = tx.case(&decision.case_id).await? else {
        return Ok(Err(Refusal::Reversed));
    };
    let settings = &app.config.appeals;
    let case = tx
        .ensure_case(&first.subject, &settings.queue, settings.priority)
        .await?;
    if case.is_new {
        let details = json!({
            "case": case.id.as_str(),
            first.subject.kind(): first.subject.id(),
            "queue": case.queue,
            "priority": case.priority,
        });
        tx.record(&Actor::System, "case.opened", details).await?;
    }
    // Who may not see what was decided may not see the appeal.
    tx.add_case_categories_of(&first.id, &case.id).await?;
    let due_at = later(tx.now, settings.answer_within());
    if tx.hasten_case(&case.id, due_at).await? {
        let shares = &app.config.reports.escalate_at_percent;
        EscalateCase::enqueue(tx, &case.id, due_at, shares).await?;
    }
    let id: AppealId = tx.make();
    let details = json!({
        "appeal": id.as_str(),
        "decision": decision.id.as_str(),
        "case": case.id.as_str(),
        "by": by_name(&by),
        "due_at": due_at.to_string(),
    });
    let received_entry = tx
        .record(&Actor::Public, "appeal.received", details)
        .await?;
    let appeal = Appeal {
        id,
        decision_id: decision.id.clone(),
        case_id: case.id,
        by,
        explanation,
        received_at: tx.now,
        due_at: Some(due_at),
        received_entry,
        answer: None,
        dispute: None,
    };
    tx.insert_appeal(&appeal).await?;
    announce(tx, Event::AppealReceived, &appeal, &first).await?;
    Ok(Ok(appeal))
}

/// Whether a decision answered an appeal by the same side.
async fn answered_such(tx: &mut Tx, decision: &Decision, by: &Appellant) -> Result<bool> {
    let appeals = tx.appeals_of_case(&decision.case_id).await?;
    let is_such = |appeal: &Appeal| {
        let is_answered = appeal
            .answer
            .as_ref()
            .is_some_and(|answer| answer.decision_id == decision.id);
        is_answered
            && matches!(
                (&appeal.by, by),
                (Appellant::Account(_), Appellant::Account(_))
                    | (Appellant::Reporter(_), Appellant::Reporter(_))
            )
    };
    Ok(appeals.iter().any(is_such))
}

/// Answers the appeals that a decision was made on, and takes back what they were right about. What that
/// asked of the platform is returned.
pub async fn answer(
    tx: &mut Tx,
    app: &App,
    case: &Case,
    decision: &Decision,
    requested: &[Action],
) -> Result<Vec<Action>> {
    let mut lifted = Vec::new();
    for appeal in tx.open_appeals_of_case(&case.id).await? {
        let Some(original) = tx.decision(&appeal.decision_id).await? else {
            continue;
        };
        if original.outcome != decision.outcome {
            lifted.extend(
                decisions::take_back(tx, &original, decision)
                    .await?
                    .unwrap_or_default(),
            );
        }
        let outcome = outcome(&appeal.by, &original, decision, requested);
        let details = json!({
            "appeal": appeal.id.as_str(),
            "against": original.id.as_str(),
            "decision": decision.id.as_str(),
            "outcome": outcome.as_str(),
        });
        let entry = tx
            .record(&Actor::System, "appeal.answered", details)
            .await?;
        let answer = Answer {
            decision_id: decision.id.clone(),
            outcome,
            entry,
        };
        tx.answer_appeal(&appeal.id, &answer).await?;
        let answered = Appeal {
            answer: Some(answer),
            ..appeal
        };
        announce(tx, Event::AppealAnswered, &answered, case).await?;
    }
    app.wake();
    Ok(lifted)
}

/// What became of the decision, as its appellant sees it.
fn outcome(
    by: &Appellant,
    original: &Decision,
    decision: &Decision,
    requested: &[Action],
) -> AppealOutcome {
    let eases = requested
        .iter()
        .any(|action| ["restore", "enable_account"].contains(&action.kind.as_str()));
    if original.outcome != decision.outcome || original.reversed_by.is_some() {
        return AppealOutcome::Reversed;
    }
    match by {
        Appellant::Account(_) if eases => AppealOutcome::PartlyReversed,
        _ => AppealOutcome::Upheld,
    }
}

fn by_name(by: &Appellant) -> &'static str {
    match by {
        Appellant::Account(_) => "account",
        Appellant::Reporter(_) => "reporter",
    }
}

async fn announce(tx: &mut Tx, event: Event, appeal: &Appeal, case: &Case) -> Result<()> {
    let (item, account) = subject_json(tx, &case.subject).await?;
    let answer = appeal.answer.as_ref();
    let (statement, report) = match &appeal.by {
        Appellant::Account(statement) => (Some(statement.as_str()), None),
        Appellant::Reporter(report) => (None, Some(report.as_str())),
    };
    let data = json!({
        "appeal": {
            "id": appeal.id.as_str(),
            "by": by_name(&appeal.by),
            "statement": statement,
            "report": report,
            "against": appeal.decision_id.as_str(),
            "outcome": answer.map(|answer| answer.outcome.as_str()),
            "decision": answer.map(|answer| answer.decision_id.as_str()),
        },
        "case": appeal.case_id.as_str(),
        "item": item,
        "account": account,
    });
    outbox::announce(tx, event, data).await
}
