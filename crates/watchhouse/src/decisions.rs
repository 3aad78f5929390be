//! Deciding: what a decision needs before it takes effect, what it does then, and how it is taken back.
//!
//! Everybody is answered when it takes effect and not before: whoever reported, whoever is acted against,
//! whoever appealed, and the platform.
//!
//! MUST NOT change a decision that took effect: taking it back is another decision that says so.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::{Value, json};

use crate::app::App;
use crate::clock::{Timestamp, later};
use crate::id::{AccountId, ActionId, CallerId, DecisionId, ItemId, Name as _, StatementId};
use crate::jobs::answer_reports::AnswerReports;
use crate::jobs::end_action::EndAction;
use crate::jobs::take_effect::TakeEffect;
use crate::outbox::{self, Event, account_json, item_json, subject_json};
use crate::statements::{self, About};
use crate::store::actions::{Action, ActionState};
use crate::store::cases::{Case, Subject};
use crate::store::decisions::{Decision, DecisionState, Outcome, PlannedAction};
use crate::store::ledger::Actor;
use crate::store::policies::Policy;
use crate::store::statements::Statement;
use crate::store::strikes::Strike;
use crate::store::{Result, Tx};

const DAY: Duration = Duration::from_hours(24);

/// What somebody concluded about a case that is theirs.
pub struct NewDecision {
    pub case_version: u32,
    pub policy: Policy,
    pub outcome: Outcome,
    pub facts: String,
    pub reasons: String,
    pub is_automated: bool,
    pub actions: Vec<PlannedAction>,
}

/// Who decides.
pub struct Decider {
    pub id: CallerId,
    pub name: String,
}

/// Writes a decision down and closes its case, or has both wait for a second person. None if the case is
/// not the decider's at this moment, or is not as it was at the version that was looked at.
pub async fn decide(
    tx: &mut Tx,
    app: &App,
    case: &Case,
    by: &Decider,
    new: NewDecision,
) -> Result<Option<Decision>> {
    let needs_second = new.policy.terms.needs_second;
    let mut decision = Decision {
        id: tx.make(),
        case_id: case.id.clone(),
        case_version: new.case_version,
        policy: new.policy.name,
        policy_version: Some(new.policy.version),
        outcome: new.outcome,
        facts: new.facts,
        reasons: new.reasons,
        is_automated: new.is_automated,
        planned: new.actions,
        state: DecisionState::Proposed,
        decided_by: by.id.clone(),
        decided_by_name: by.name.clone(),
        decided_at: tx.now,
        takes_effect_at: None,
        second: None,
        reversed_by: None,
    };
    if !needs_second {
        decision.state = DecisionState::Pending;
        decision.takes_effect_at = Some(takes_effect_at(tx, app));
    }
    tx.insert_decision(&decision).await?;
    let version = decision.case_version;
    let is_theirs = if needs_second {
        tx.propose_on_case(&case.id, &by.id, version, &decision.id)
            .await?
    } else {
        tx.close_case(&case.id, &by.id, version).await?
    };
    if !is_theirs {
        return Ok(None);
    }
    let kind = if needs_second {
        "decision.proposed"
    } else {
        "case.decided"
    };
    record(tx, &by.id, kind, &decision).await?;
    if needs_second {
        let (item, account) = subject_json(tx, &case.subject).await?;
        let data = json!({
            "case": decision.case_id.as_str(),
            "decision": decision_json(&decision),
            "item": item,
            "account": account,
        });
        outbox::announce(tx, Event::DecisionProposed, data).await?;
    } else {
        begin(tx, app, &mut decision).await?;
    }
    Ok(Some(decision))
}

/// Has a decision whose case is closed take effect: when it can no longer be undone.
pub async fn begin(tx: &mut Tx, app: &App, decision: &mut Decision) -> Result<()> {
    let at = decision.takes_effect_at.unwrap_or(tx.now);
    if at > tx.now {
        return TakeEffect::enqueue(tx, &decision.id, at).await;
    }
    take_effect(tx, app, &decision.id).await?;
    decision.state = DecisionState::Effective;
    Ok(())
}

/// When a decision that is made now takes effect.
pub fn takes_effect_at(tx: &Tx, app: &App) -> Timestamp {
    later(
        tx.now,
        Duration::from_secs(app.config.decisions.undo_seconds),
    )
}

/// Does what a decision says, once. Nothing, if it was undone or has taken effect before.
pub async fn take_effect(tx: &mut Tx, app: &App, id: &DecisionId) -> Result<()> {
    if !tx
        .move_decision(id, DecisionState::Pending, DecisionState::Effective)
        .await?
    {
        return Ok(());
    }
    let Some(decision) = tx.decision(id).await? else {
        return Ok(());
    };
    let Some(case) = tx.case(&decision.case_id).await? else {
        return Ok(());
    };
    if tx.decide_reports(&case.id, id).await? > 0 {
        AnswerReports::enqueue(tx, id).await?;
    }
    let actor = Actor::Caller(decision.decided_by.clone());
    let mut requested = Vec::new();
    for planned in decision.planned.clone() {
        requested.push(request(tx, &actor, &decision, planned).await?);
    }
    // Upholding what has its strike gives no second one.
    if !looks_again_at_a_violation(tx, &case).await? {
        give_strike(tx, &decision, &case).await?;
    }
    requested.extend(crate::appeals::answer(tx, app, &case, &decision, &requested).await?);
    tell_those_acted_against(tx, app, &decision, &case, &requested).await?;
    let (item, account) = subject_json(tx, &case.subject).await?;
    let data = json!({
        "case": decision.case_id.as_str(),
        "decision": decision_json(&decision),
        "item": item,
        "account": account,
    });
    outbox::announce(tx, Event::CaseDecided, data).await
}

/// Asks the platform to act.
pub async fn request(
    tx: &mut Tx,
    actor: &Actor,
    decision: &Decision,
    planned: PlannedAction,
) -> Result<Action> {
    let action = Action {
        id: tx.make(),
        decision_id: decision.id.clone(),
        kind: planned.kind,
        parameters: planned.parameters,
        item_id: planned.item,
        account_id: planned.account,
        territory: planned.territory,
        until: planned.until,
        lifts: planned.lifts,
        state: ActionState::Requested,
        detail: None,
        requested_at: tx.now,
        answered_at: None,
    };
    tx.insert_action(&action).await?;
    let lifts = action.lifts.as_ref().map(ActionId::as_str);
    let details = json!({
        "action": action.id.as_str(),
        "decision": action.decision_id.as_str(),
        "kind": action.kind,
        "parameters": action.parameters.to_string(),
        "territory": action.territory,
        "until": action.until.map(|at| at.to_string()),
        "lifts": lifts,
    });
    tx.record(actor, "action.requested", details).await?;
    let item = match &action.item_id {
        Some(id) => tx.item(id).await?,
        None => None,
    };
    let account = match &action.account_id {
        Some(id) => tx.account(id).await?,
        None => None,
    };
    let data = json!({
        "case": decision.case_id.as_str(),
        "decision": decision_json(decision),
        "item": item.as_ref().map(item_json),
        "account": account.as_ref().map(account_json),
        "action": {
            "id": action.id.as_str(),
            "kind": action.kind,
            "parameters": action.parameters,
            "territory": action.territory,
            "until": action.until.map(|at| at.to_string()),
            "lifts": lifts,
        },
    });
    outbox::announce(tx, Event::ActionRequested, data).await?;
    if let Some(until) = action.until {
        EndAction::enqueue(tx, &action.id, until).await?;
    }
    Ok(action)
}

/// What lifts an action; None for what leaves nothing to lift.
pub fn lifting(action: &Action) -> Option<PlannedAction> {
    let kind = match action.kind.as_str() {
        "warn" | "restore" | "enable_account" => return None,
        "suspend" | "disable_account" => "enable_account",
        _ => "restore",
    };
    Some(PlannedAction {
        kind: kind.to_owned(),
        parameters: json!({}),
        territory: action.territory.clone(),
        until: None,
        item: action.item_id.clone(),
        account: action.account_id.clone(),
        lifts: Some(action.id.clone()),
    })
}

/// Takes back what a decision asked for: its actions and its strike. What was asked for now is returned.
/// None if another decision took it back before.
pub async fn take_back(
    tx: &mut Tx,
    original: &Decision,
    by: &Decision,
) -> Result<Option<Vec<Action>>> {
    if !tx.reverse_decision(&original.id, &by.id).await? {
        return Ok(None);
    }
    let actor = Actor::Caller(by.decided_by.clone());
    let mut requested = Vec::new();
    for action in tx.actions_of_decision(&original.id).await? {
        let Some(lifting) = lifting(&action) else {
            continue;
        };
        if !tx.is_action_lifted(&action.id).await? {
            requested.push(request(tx, &actor, by, lifting).await?);
        }
    }
    tx.lift_strike(&original.id).await?;
    let details = json!({
        "decision": by.id.as_str(),
        "reverses": original.id.as_str(),
        "case": original.case_id.as_str(),
        "reasons": by.reasons,
    });
    tx.record(&actor, "decision.reversed", details).await?;
    let data = json!({
        "case": original.case_id.as_str(),
        "decision": decision_json(by),
        "reverses": original.id.as_str(),
    });
    outbox::announce(tx, Event::DecisionReversed, data).await?;
    Ok(Some(requested))
}

/// Reverses a decision that took effect, by one that points at it. None if another did that before.
pub async fn reverse(
    tx: &mut Tx,
    app: &App,
    original: &Decision,
    by: &Decider,
    facts: String,
    reasons: String,
) -> Result<Option<Decision>> {
    let decision = Decision {
        id: tx.make(),
        outcome: Outcome::NoViolation,
        facts,
        reasons,
        is_automated: false,
        planned: Vec::new(),
        state: DecisionState::Effective,
        decided_by: by.id.clone(),
        decided_by_name: by.name.clone(),
        decided_at: tx.now,
        takes_effect_at: None,
        second: None,
        reversed_by: None,
        ..original.clone()
    };
    tx.insert_decision(&decision).await?;
    let Some(requested) = take_back(tx, original, &decision).await? else {
        return Ok(None);
    };
    if let Some(case) = tx.case(&decision.case_id).await? {
        tell_those_acted_against(tx, app, &decision, &case, &requested).await?;
    }
    Ok(Some(decision))
}

async fn looks_again_at_a_violation(tx: &mut Tx, case: &Case) -> Result<bool> {
    for appeal in tx.open_appeals_of_case(&case.id).await? {
        let original = tx.decision(&appeal.decision_id).await?;
        if original.is_some_and(|original| original.outcome == Outcome::Violation) {
            return Ok(true);
        }
    }
    Ok(false)
}

async fn give_strike(tx: &mut Tx, decision: &Decision, case: &Case) -> Result<()> {
    if decision.outcome != Outcome::Violation {
        return Ok(());
    }
    let Some(policy) = cited(tx, decision).await? else {
        return Ok(());
    };
    let Some(account) = account_of(tx, &case.subject).await? else {
        return Ok(());
    };
    if policy.terms.strike_weight == 0 {
        return Ok(());
    }
    let days = policy.terms.strike_days;
    let strike = Strike {
        id: tx.make(),
        account_id: account,
        decision_id: decision.id.clone(),
        policy: policy.name,
        weight: policy.terms.strike_weight,
        given_at: tx.now,
        expires_at: days.map(|days| later(tx.now, DAY * days)),
        lifted_at: None,
    };
    tx.insert_strike(&strike).await?;
    let details = json!({
        "strike": strike.id.as_str(),
        "account": strike.account_id.as_str(),
        "decision": strike.decision_id.as_str(),
        "weight": strike.weight,
        "expires_at": strike.expires_at.map(|at| at.to_string()),
    });
    let actor = Actor::Caller(decision.decided_by.clone());
    tx.record(&actor, "strike.given", details).await?;
    Ok(())
}

/// The version of the policy that a decision cites.
pub async fn cited(tx: &mut Tx, decision: &Decision) -> Result<Option<Policy>> {
    match decision.policy_version {
        Some(version) => tx.cited_policy(&decision.policy, version).await,
        None => Ok(None),
    }
}

/// Whose a case's subject is.
pub async fn account_of(tx: &mut Tx, subject: &Subject) -> Result<Option<AccountId>> {
    Ok(match subject {
        Subject::Account(id) => Some(id.clone()),
        Subject::Item(id) => tx.item(id).await?.and_then(|item| item.account_id),
    })
}

/// Gives each account that is acted against its statement of reasons.
async fn tell_those_acted_against(
    tx: &mut Tx,
    app: &App,
    decision: &Decision,
    case: &Case,
    requested: &[Action],
) -> Result<()> {
    let mut of_account: BTreeMap<AccountId, Vec<Action>> = BTreeMap::new();
    for action in requested {
        if let Some(account) = &action.account_id {
            let actions = of_account.entry(account.clone()).or_default();
            actions.push(action.clone());
        }
    }
    let policy = cited(tx, decision).await?;
    let is_reported = tx.report_count(&case.id).await? > 0;
    let is_found_by_machine = !tx.case_reasons(&case.id).await?.is_empty();
    for (account, actions) in of_account {
        let id: StatementId = tx.make();
        let address = app
            .receipts
            .statement_address(&app.config.server.public_url, &id);
        let items = actions.iter().filter_map(|action| action.item_id.as_ref());
        let about = About {
            decision,
            policy: policy.as_ref(),
            actions: &actions,
            subject: &shown(tx, items.collect(), &account).await?,
            is_reported,
            is_found_by_machine,
            appeal_until: app.config.appeals.until(tx.now),
            address: &address,
        };
        let texts = statements::compose(&about);
        // Nothing of what was told: an entry outlives what must be forgotten.
        let details = json!({
            "statement": id.as_str(),
            "decision": decision.id.as_str(),
            "account": account.as_str(),
        });
        let entry_id = tx
            .record(&Actor::System, "statement.issued", details)
            .await?;
        let statement = Statement {
            id,
            decision_id: decision.id.clone(),
            account_id: account,
            texts,
            issued_at: tx.now,
            entry_id,
        };
        tx.insert_statement(&statement).await?;
        let account = tx.account(&statement.account_id).await?;
        let texts = statement.texts.iter();
        let data = json!({
            "statement": statement.id.as_str(),
            "decision": decision.id.as_str(),
            "account": account.as_ref().map(account_json),
            "address": address,
            "texts": texts
                .map(|(language, sections)| (language.clone(), statements::plain(sections).into()))
                .collect::<serde_json::Map<String, Value>>(),
        });
        outbox::announce(tx, Event::StatementIssued, data).await?;
    }
    Ok(())
}

/// How the person concerned knows what it is about.
async fn shown(tx: &mut Tx, items: Vec<&ItemId>, account: &AccountId) -> Result<String> {
    let mut names: Vec<String> = Vec::new();
    for id in items {
        if let Some(item) = tx.item(id).await? {
            let name = item.address.unwrap_or(item.external_id);
            if !names.contains(&name) {
                names.push(name);
            }
        }
    }
    if names.is_empty()
        && let Some(account) = tx.account(account).await?
    {
        names.push(account.external_id);
    }
    Ok(names.join(", "))
}

/// Writes down a step of a decision.
pub async fn record(tx: &mut Tx, by: &CallerId, kind: &str, decision: &Decision) -> Result<()> {
    let n_reports = tx.report_count(&decision.case_id).await?;
    let details = json!({
        "decision": decision.id.as_str(),
        "case": decision.case_id.as_str(),
        "case_version": decision.case_version,
        "policy": decision.policy,
        "policy_version": decision.policy_version,
        "outcome": decision.outcome.as_str(),
        "facts": decision.facts,
        "reasons": decision.reasons,
        "is_automated": decision.is_automated,
        "reports": n_reports,
    });
    tx.record(&Actor::Caller(by.clone()), kind, details).await?;
    Ok(())
}

/// A decision as webhooks name it.
pub fn decision_json(decision: &Decision) -> Value {
    json!({
        "id": decision.id.as_str(),
        "policy": decision.policy,
        "policy_version": decision.policy_version,
        "outcome": decision.outcome.as_str(),
        "reasons": decision.reasons,
    })
}
