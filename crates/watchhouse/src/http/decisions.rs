//! Decisions.

mod planning;
mod steps;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use utoipa::{IntoParams, ToSchema};

use super::actions::Action;
use super::cases::not_decidable;
use super::error::{ApiError, ApiResult, conflict, invalid, not_found};
use super::extract::{Creation, Input, Listed, Params, Path, Scoped, page};
use super::policies::check_name;
use super::statements::StatementOfDecision;
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Timestamp;
use crate::decisions;
use crate::id::{AccountId, ActionId, CallerId, CaseId, DecisionId, ItemId};
use crate::store;
use crate::store::Tx;
use crate::store::cases::Case;
use crate::store::decisions::{DecisionState, Outcome, PlannedAction};
use planning::NewAction;

pub use steps::*;

const LONGEST_REASONS: usize = 10_000;

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDecision {
    /// The case's `version` that was looked at. If something has joined the case since, the decision is
    /// refused with `case_changed`: read the case again, then decide again.
    #[schema(example = 1)]
    case_version: u32,
    /// The name of the policy that was applied: see `GET /policies`. Its newest version is cited.
    #[schema(example = "terms/known-media")]
    policy: String,
    outcome: Outcome,
    /// What was found: the facts, in words that the person concerned will read. A violation has them.
    #[serde(default)]
    #[schema(example = "The picture is one that we do not allow.")]
    facts: String,
    /// Why that is or is no violation, in words that the person concerned will read.
    reasons: String,
    /// True if no person decided. Appeals are not decided so.
    #[serde(default)]
    is_automated: bool,
    /// What the platform is to do. None for `no_violation`, unless something is to be restored.
    #[serde(default)]
    actions: Vec<NewAction>,
}

impl Scoped for NewDecision {
    const SCOPE: Scope = Scope::CasesDecide;
}

#[derive(Serialize, ToSchema)]
pub struct Decision {
    id: DecisionId,
    case: CaseId,
    /// The case's version that was decided.
    case_version: u32,
    policy: String,
    /// The policy's version that is cited.
    policy_version: Option<u32>,
    outcome: Outcome,
    facts: String,
    reasons: String,
    is_automated: bool,
    state: DecisionState,
    decided_by: CallerId,
    decided_by_name: String,
    decided_at: Timestamp,
    /// Until when it can be undone, while it is `pending`.
    takes_effect_at: Option<Timestamp>,
    /// The second person, where the policy asks for one.
    second: Option<Second>,
    /// The decision that took this one back.
    reversed_by: Option<DecisionId>,
    /// The decisions that this one took back.
    reverses: Vec<DecisionId>,
    /// What it will ask for; empty once it is effective.
    planned: Vec<Planned>,
    /// What it asked for.
    actions: Vec<Action>,
}

/// Who agreed with a decision, or did not.
#[derive(Serialize, ToSchema)]
#[schema(as = SecondOfDecision)]
pub struct Second {
    by: CallerId,
    name: String,
    at: Timestamp,
    reasons: String,
}

/// What a decision will ask the platform for.
#[derive(Serialize, ToSchema)]
pub struct Planned {
    #[schema(example = "remove")]
    kind: String,
    #[schema(value_type = Object)]
    parameters: serde_json::Value,
    territory: Vec<String>,
    until: Option<Timestamp>,
    item: Option<ItemId>,
    account: Option<AccountId>,
    lifts: Option<ActionId>,
}

impl From<PlannedAction> for Planned {
    fn from(planned: PlannedAction) -> Planned {
        Planned {
            kind: planned.kind,
            parameters: planned.parameters,
            territory: planned.territory,
            until: planned.until,
            item: planned.item,
            account: planned.account,
            lifts: planned.lifts,
        }
    }
}

impl Decision {
    /// Completes a decision with its actions.
    pub async fn read(
        tx: &mut Tx,
        decision: store::decisions::Decision,
    ) -> store::Result<Decision> {
        let actions = tx.actions_of_decision(&decision.id).await?;
        let reverses = tx.decisions_reversed_by(&decision.id).await?;
        let planned = match decision.state {
            DecisionState::Effective => Vec::new(),
            _ => decision.planned,
        };
        Ok(Decision {
            id: decision.id,
            case: decision.case_id,
            case_version: decision.case_version,
            policy: decision.policy,
            policy_version: decision.policy_version,
            outcome: decision.outcome,
            facts: decision.facts,
            reasons: decision.reasons,
            is_automated: decision.is_automated,
            decided_by: decision.decided_by,
            decided_by_name: decision.decided_by_name,
            decided_at: decision.decided_at,
            takes_effect_at: decision
                .takes_effect_at
                .filter(|_| decision.state == DecisionState::Pending),
            state: decision.state,
            second: decision.second.map(|second| Second {
                by: second.by,
                name: second.by_name,
                at: second.at,
                reasons: second.reasons,
            }),
            reversed_by: decision.reversed_by,
            reverses: reverses.into_iter().map(|one| one.id).collect(),
            planned: planned.into_iter().map(Planned::from).collect(),
            actions: actions.into_iter().map(Action::from).collect(),
        })
    }
}

/// Decide a case.
///
/// Needs the caller's own live claim, and the case's version that the caller looked at. Closes the case;
/// for as long as the settings say the decision can be undone, and then everybody is told. Where the policy
/// asks for a second person, the decision waits for one as a proposal.
#[utoipa::path(post, path = "/cases/{id}/decisions", tag = "decisions",
    params(("id" = CaseId, Path)), request_body = NewDecision,
    responses((status = 201, body = Decision)))]
pub async fn create_decision(
    State(app): State<App>,
    Path(id): Path<CaseId>,
    Creation {
        caller,
        body: new,
        once,
    }: Creation<NewDecision>,
) -> ApiResult<Response> {
    check(&new)?;

    let mut tx = app.store.begin().await?;
    if let Some(answer) = once.replayed(&mut tx).await? {
        return Ok(answer);
    }
    let decision = decide(&mut tx, &app, &caller, &id, new).await?;
    let answer = Decision::read(&mut tx, decision).await?;
    let answer = once.answer(&mut tx, StatusCode::CREATED, &answer).await?;
    tx.commit().await?;
    app.wake();
    Ok(answer)
}

/// What a decision would do.
#[derive(Serialize, ToSchema)]
pub struct Consequences {
    /// As it would be, once it has taken effect or waits for its second person.
    decision: Decision,
    /// What those who are acted against would be told.
    statements: Vec<StatementOfDecision>,
    /// How many reports would be answered.
    report_count: u64,
    /// How many appeals would be answered.
    appeal_count: usize,
    /// What the account's strikes weigh, and would weigh.
    strikes: u32,
    strikes_after: u32,
}

/// Show what a decision would do, without doing it.
///
/// Everything is checked and put together as for the decision itself.
#[utoipa::path(post, path = "/cases/{id}/decisions/preview", tag = "decisions",
    params(("id" = CaseId, Path)), request_body = NewDecision,
    responses((status = 200, body = Consequences)))]
pub async fn preview_decision(
    State(app): State<App>,
    Path(id): Path<CaseId>,
    Input { caller, body: new }: Input<NewDecision>,
) -> ApiResult<Json<Consequences>> {
    check(&new)?;

    // Never committed: what is shown is what was done, and then undone.
    let mut tx = app.store.begin().await?;
    let case = tx.case(&id).await?.ok_or_else(|| not_found("case", &id))?;
    let account = decisions::account_of(&mut tx, &case.subject).await?;
    let strikes = planning::weight(&mut tx, account.as_ref()).await?;
    let report_count = tx.report_count(&id).await?;
    let appeal_count = tx.open_appeals_of_case(&id).await?.len();
    let decision = decide(&mut tx, &app, &caller, &id, new).await?;
    decisions::take_effect(&mut tx, &app, &decision.id).await?;
    let decision = tx.decision(&decision.id).await?.unwrap_or(decision);
    let statements = StatementOfDecision::read(&mut tx, &decision.id).await?;
    Ok(Json(Consequences {
        statements,
        report_count,
        appeal_count,
        strikes,
        strikes_after: planning::weight(&mut tx, account.as_ref()).await?,
        decision: Decision::read(&mut tx, decision).await?,
    }))
}

async fn decide(
    tx: &mut Tx,
    app: &App,
    caller: &Caller,
    id: &CaseId,
    new: NewDecision,
) -> ApiResult<store::decisions::Decision> {
    let case = tx.case(id).await?.ok_or_else(|| not_found("case", id))?;
    caller.require_case(tx, Scope::CasesDecide, id).await?;
    let policy = tx.policy_named(&new.policy).await?;
    let policy = policy.ok_or_else(|| no_such_policy(&new.policy))?;
    if policy.retired_at.is_some() {
        return Err(conflict(
            "policy_retired",
            format!("the policy \"{}\" is retired; cite another", policy.name),
        ));
    }
    check_appeals(tx, &case, caller, new.is_automated).await?;
    let actions = planning::plan(tx, &case, new.actions).await?;
    let version = new.case_version;
    let new = decisions::NewDecision {
        case_version: version,
        policy,
        outcome: new.outcome,
        facts: new.facts,
        reasons: new.reasons,
        is_automated: new.is_automated,
        actions,
    };
    let decision = decisions::decide(tx, app, &case, &decider(caller), new).await?;
    match decision {
        Some(decision) => Ok(decision),
        None => {
            let case = tx.case(id).await?.ok_or_else(|| not_found("case", id))?;
            Err(not_decidable(&case, caller, tx.now, version))
        }
    }
}

fn decider(caller: &Caller) -> decisions::Decider {
    decisions::Decider {
        id: caller.id.clone(),
        name: caller.name.clone(),
    }
}

fn no_such_policy(name: &str) -> ApiError {
    ApiError::new(
        StatusCode::UNPROCESSABLE_ENTITY,
        "policy_unknown",
        format!(
            "there is no policy \"{name}\": `GET /policies` lists them, and `POST /policies` makes one"
        ),
    )
}

/// An appeal is decided by somebody else than what it is against, and by a person.
async fn check_appeals(
    tx: &mut Tx,
    case: &Case,
    caller: &Caller,
    is_automated: bool,
) -> ApiResult<()> {
    if tx.open_appeals_of_case(&case.id).await?.is_empty() {
        return Ok(());
    }
    if is_automated {
        let message = "there is an appeal on this case, and a person decides on it";
        return Err(invalid("is_automated", message));
    }
    if tx.has_decided_before(&case.id, &caller.id).await? {
        return Err(decided_before());
    }
    Ok(())
}

pub fn decided_before() -> ApiError {
    conflict(
        "decided_before",
        "there is an appeal on this case against a decision that you had a hand in: somebody else \
         decides on it",
    )
}

fn check(new: &NewDecision) -> ApiResult<()> {
    check_name("policy", &new.policy)?;
    if new.outcome == Outcome::Violation && new.facts.trim().is_empty() {
        let message =
            "a violation has its facts: say what was found, for the person concerned to read";
        return Err(invalid("facts", message));
    }
    if new.facts.chars().count() > LONGEST_REASONS {
        let message = format!("expected at most {LONGEST_REASONS} characters");
        return Err(invalid("facts", message));
    }
    check_reasons(&new.reasons)?;
    planning::check(&new.actions)
}

fn check_reasons(reasons: &str) -> ApiResult<()> {
    if reasons.trim().is_empty() || reasons.chars().count() > LONGEST_REASONS {
        let message =
            format!("a decision has its reasons: expected 1 to {LONGEST_REASONS} characters");
        return Err(invalid("reasons", message));
    }
    Ok(())
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct DecisionQuery {
    /// Those that wait for a second person are `proposed`.
    state: Option<DecisionState>,
    /// How many at most, 1 to 200. 50 if nothing is said.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// List decisions of cases within the caller's reach. A page may be shorter for the others.
#[utoipa::path(get, path = "/decisions", tag = "decisions", params(DecisionQuery),
    responses((status = 200, body = Listed<Decision>)))]
pub async fn list_decisions(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<DecisionQuery>,
) -> ApiResult<Json<Listed<Decision>>> {
    caller.require(Scope::CasesRead)?;
    let page = page(query.limit, query.after)?;
    let mut tx = app.store.read().await?;
    let decisions = tx.decisions(query.state, &page).await?;
    let reach = caller.reach(Scope::CasesRead);
    let mut data = Vec::new();
    for decision in decisions.rows {
        if !tx.is_within(&reach, &decision.case_id).await? {
            continue;
        }
        data.push(Decision::read(&mut tx, decision).await?);
    }
    Ok(Json(Listed {
        data,
        next: decisions.next,
    }))
}

/// Show a decision.
#[utoipa::path(get, path = "/decisions/{id}", tag = "decisions", params(("id" = DecisionId, Path)),
    responses((status = 200, body = Decision)))]
pub async fn show_decision(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<DecisionId>,
) -> ApiResult<Json<Decision>> {
    caller.require(Scope::CasesRead)?;
    let mut tx = app.store.read().await?;
    let decision = tx.decision(&id).await?;
    let decision = decision.ok_or_else(|| not_found("decision", &id))?;
    caller
        .require_case(&mut tx, Scope::CasesRead, &decision.case_id)
        .await?;
    Ok(Json(Decision::read(&mut tx, decision).await?))
}
