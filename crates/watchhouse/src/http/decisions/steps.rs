//! What may follow on a decision: a second person, undoing, reversing.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::Deserialize;
use serde_json::json;
use utoipa::ToSchema;

use super::{Decision, LONGEST_REASONS, check_reasons, decided_before, decider};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::decisions;
use crate::http::error::{ApiError, ApiResult, conflict, invalid, not_found};
use crate::http::extract::{Creation, Input, Path, Scoped};
use crate::id::{CaseId, DecisionId, Name as _};
use crate::jobs::escalate_case::EscalateCase;
use crate::store;
use crate::store::Tx;
use crate::store::decisions::{DecisionState, Outcome};

/// What a second person says of a proposed decision.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct SecondOpinion {
    /// True lets the decision take effect; false gives the case back to all.
    agrees: bool,
    /// Why.
    reasons: String,
}

impl Scoped for SecondOpinion {
    const SCOPE: Scope = Scope::CasesDecide;
}

/// Agree with a proposed decision, or refuse it.
///
/// Whoever proposed it cannot agree, and can take it back by refusing.
#[utoipa::path(post, path = "/decisions/{id}/second", tag = "decisions",
    params(("id" = DecisionId, Path)), request_body = SecondOpinion,
    responses((status = 200, body = Decision)))]
pub async fn second_decision(
    State(app): State<App>,
    Path(id): Path<DecisionId>,
    Input {
        caller,
        body: opinion,
    }: Input<SecondOpinion>,
) -> ApiResult<Json<Decision>> {
    check_reasons(&opinion.reasons)?;

    let mut tx = app.store.begin().await?;
    let mut decision = find(&mut tx, &caller, &id).await?;
    if opinion.agrees && decision.decided_by == caller.id {
        return Err(conflict(
            "second_person_needed",
            "the policy asks for a second person: somebody else has to agree",
        ));
    }
    if tx.has_decided_before(&decision.case_id, &caller.id).await? {
        return Err(decided_before());
    }
    let (to, takes_effect_at) = if opinion.agrees {
        let at = decisions::takes_effect_at(&tx, &app);
        (DecisionState::Pending, Some(at))
    } else {
        (DecisionState::Refused, None)
    };
    let by = &caller.id;
    if !tx
        .second_decision(&id, to, by, &opinion.reasons, takes_effect_at)
        .await?
    {
        return Err(not_so(
            &decision,
            "decision_not_proposed",
            "is not waiting for a second person",
        ));
    }
    decision.takes_effect_at = takes_effect_at;
    if opinion.agrees {
        let version = decision.case_version;
        if !tx
            .close_proposed_case(&decision.case_id, &id, version)
            .await?
        {
            return Err(changed_meanwhile(&mut tx, &decision.case_id, version).await?);
        }
        record_opinion(&mut tx, &caller, "decision.seconded", &decision, &opinion).await?;
        decisions::record(&mut tx, &decision.decided_by, "case.decided", &decision).await?;
        decisions::begin(&mut tx, &app, &mut decision).await?;
    } else {
        tx.drop_proposal(&decision.case_id, &id).await?;
        record_opinion(&mut tx, &caller, "decision.refused", &decision, &opinion).await?;
    }
    finish(&app, &caller, tx, &id).await
}

async fn record_opinion(
    tx: &mut Tx,
    caller: &Caller,
    kind: &str,
    decision: &store::decisions::Decision,
    opinion: &SecondOpinion,
) -> store::Result<()> {
    let details = json!({
        "decision": decision.id.as_str(),
        "case": decision.case_id.as_str(),
        "reasons": opinion.reasons,
    });
    tx.record(&caller.actor(), kind, details).await?;
    Ok(())
}

async fn changed_meanwhile(tx: &mut Tx, case: &CaseId, version: u32) -> ApiResult<ApiError> {
    let case = tx
        .case(case)
        .await?
        .ok_or_else(|| not_found("case", case))?;
    Ok(conflict(
        "case_changed",
        format!(
            "the decision is about version {version} of its case, and that is at version {} now: refuse \
             it, so that somebody can look again",
            case.version
        ),
    ))
}

/// Nothing is needed to undo.
#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct UndoRequest {}

impl Scoped for UndoRequest {
    const SCOPE: Scope = Scope::CasesDecide;
}

/// Undo a decision that has not taken effect.
///
/// Whoever decided or agreed can, while the decision is `pending`. The case is open again and theirs; where
/// another case on its subject was opened meanwhile, that one takes in what this one had.
#[utoipa::path(post, path = "/decisions/{id}/undo", tag = "decisions",
    params(("id" = DecisionId, Path)), request_body = UndoRequest,
    responses((status = 200, body = Decision)))]
pub async fn undo_decision(
    State(app): State<App>,
    Path(id): Path<DecisionId>,
    Input { caller, .. }: Input<UndoRequest>,
) -> ApiResult<Json<Decision>> {
    let mut tx = app.store.begin().await?;
    let decision = find(&mut tx, &caller, &id).await?;
    let second = decision.second.as_ref().map(|second| &second.by);
    if decision.decided_by != caller.id && second != Some(&caller.id) {
        return Err(conflict(
            "decided_by_another",
            format!(
                "\"{}\" decided this, and can undo it; anybody who decides can reverse it once it has \
                 taken effect",
                decision.decided_by_name
            ),
        ));
    }
    if !tx
        .move_decision(&id, DecisionState::Pending, DecisionState::Undone)
        .await?
    {
        return Err(not_so(
            &decision,
            "too_late_to_undo",
            "cannot be undone any more, if it ever could; reverse it",
        ));
    }
    let case = tx.case(&decision.case_id).await?;
    let case = case.ok_or_else(|| not_found("case", &decision.case_id))?;
    let lease = std::time::Duration::from_secs(app.config.cases.lease_seconds);
    let merged_into = tx.reopen_case(&case, &caller.id, lease).await?;
    if let (Some(into), Some(due_at)) = (&merged_into, case.due_at)
        && tx.hasten_case(into, due_at).await?
    {
        let shares = &app.config.reports.escalate_at_percent;
        EscalateCase::enqueue(&mut tx, into, due_at, shares).await?;
    }
    let details = json!({
        "decision": id.as_str(),
        "case": case.id.as_str(),
        "merged_into": merged_into.as_ref().map(|id| id.as_str()),
    });
    tx.record(&caller.actor(), "decision.undone", details)
        .await?;
    finish(&app, &caller, tx, &id).await
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewReversal {
    /// What is different from what was found then, in words that the person concerned will read.
    #[serde(default)]
    facts: String,
    /// Why the decision is taken back, in words that the person concerned will read.
    reasons: String,
}

impl Scoped for NewReversal {
    const SCOPE: Scope = Scope::CasesDecide;
}

/// Reverse a decision that took effect.
///
/// Makes a decision that points at it, lifts its actions and its strike, and tells whoever was acted
/// against.
#[utoipa::path(post, path = "/decisions/{id}/reversal", tag = "decisions",
    params(("id" = DecisionId, Path)), request_body = NewReversal,
    responses((status = 201, body = Decision)))]
pub async fn create_reversal(
    State(app): State<App>,
    Path(id): Path<DecisionId>,
    Creation {
        caller,
        body: new,
        once,
    }: Creation<NewReversal>,
) -> ApiResult<Response> {
    check_reasons(&new.reasons)?;
    if new.facts.chars().count() > LONGEST_REASONS {
        let message = format!("expected at most {LONGEST_REASONS} characters");
        return Err(invalid("facts", message));
    }

    let mut tx = app.store.begin().await?;
    if let Some(answer) = once.replayed(&mut tx).await? {
        return Ok(answer);
    }
    let original = find(&mut tx, &caller, &id).await?;
    if original.outcome == Outcome::NoViolation {
        return Err(conflict(
            "nothing_to_reverse",
            "this decision found no violation: to act after all, decide a case on its subject",
        ));
    }
    let by = decider(&caller);
    let reversal =
        decisions::reverse(&mut tx, &app, &original, &by, new.facts, new.reasons).await?;
    let Some(reversal) = reversal else {
        return Err(match &original.reversed_by {
            Some(by) => conflict(
                "decision_reversed",
                format!("the decision \"{by}\" reversed this one already"),
            ),
            None => not_so(&original, "decision_not_effective", "has not taken effect"),
        });
    };
    let answer = Decision::read(&mut tx, reversal).await?;
    let answer = once.answer(&mut tx, StatusCode::CREATED, &answer).await?;
    tx.commit().await?;
    app.wake();
    Ok(answer)
}

/// The decision, if its case is within the caller's reach.
async fn find(
    tx: &mut Tx,
    caller: &Caller,
    id: &DecisionId,
) -> ApiResult<store::decisions::Decision> {
    let decision = tx.decision(id).await?;
    let decision = decision.ok_or_else(|| not_found("decision", id))?;
    caller
        .require_case(tx, Scope::CasesDecide, &decision.case_id)
        .await?;
    Ok(decision)
}

async fn finish(
    app: &App,
    caller: &Caller,
    mut tx: Tx,
    id: &DecisionId,
) -> ApiResult<Json<Decision>> {
    let decision = find(&mut tx, caller, id).await?;
    let decision = Decision::read(&mut tx, decision).await?;
    tx.commit().await?;
    app.wake();
    Ok(Json(decision))
}

fn not_so(decision: &store::decisions::Decision, code: &'static str, what: &str) -> ApiError {
    let state = decision.state.as_str();
    conflict(code, format!("this decision is {state}: it {what}"))
}
