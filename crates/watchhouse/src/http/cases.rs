//! Cases: looking, claiming, giving back.

use std::time::Duration;

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::{IntoResponse as _, Response};
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::accounts::Strike;
use super::appeals::Appeal;
use super::decisions::{Decision, decided_before};
use super::error::{ApiError, ApiResult, conflict, invalid, not_found};
use super::extract::{Input, Listed, Params, Path, Scoped, page};
use super::found_match::FoundMatch;
use super::items::Item;
use super::scan::Reason;
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Timestamp;
use crate::decisions::account_of;
use crate::hex;
use crate::id::{CallerId, CaseId, DecisionId, EvidenceId, Name as _};
use crate::store;
use crate::store::Tx;
use crate::store::cases::{CaseFilter, CaseState, Claimed, NextCase, Subject};

const MOST_EXCEPT: usize = 50;

/// A case, as a list shows it.
#[derive(Serialize, ToSchema)]
pub struct Case {
    id: CaseId,
    state: CaseState,
    queue: String,
    /// 0 to 100; higher is sooner.
    priority: u32,
    subject: SubjectOfCase,
    opened_at: Timestamp,
    changed_at: Timestamp,
    /// 1 at first, and one more whenever something joins the case: matches, reasons, evidence. Claims
    /// leave it as it is. A decision names the version that it is about.
    version: u32,
    decided_at: Option<Timestamp>,
    /// When the first of its reports has to be answered; null where there is no clock.
    due_at: Option<Timestamp>,
    /// The decision that waits for a second person; nobody can claim the case meanwhile.
    proposal: Option<DecisionId>,
    /// The case on the same subject that took in what this one had, when its decision was undone.
    merged_into: Option<CaseId>,
    /// Who has it now; null when nobody has.
    claim: Option<Claim>,
}

#[derive(Serialize, ToSchema)]
pub struct SubjectOfCase {
    /// `item` or `account`.
    kind: &'static str,
    /// The id of the item or the account.
    id: String,
}

#[derive(Serialize, ToSchema)]
pub struct Claim {
    by: CallerId,
    name: String,
    since: Timestamp,
    /// It lapses then, unless it is renewed.
    until: Timestamp,
}

/// A case with everything that is known about its subject.
#[derive(Serialize, ToSchema)]
pub struct CaseInFull {
    #[serde(flatten)]
    case: Case,
    /// The item, if the case is about one.
    item: Option<Item>,
    /// Why the case exists; newest first, at most 200.
    reasons: Vec<Reason>,
    /// Newest first, at most 200.
    matches: Vec<FoundMatch>,
    /// Newest first, at most 200.
    evidence: Vec<EvidenceOfCase>,
    decisions: Vec<Decision>,
    /// How many reports it has; see `GET /reports?case=…`.
    report_count: u64,
    /// What its decision will answer; oldest first.
    appeals: Vec<Appeal>,
    /// What is recommended for the account, by the weight of its strikes; null where nothing is.
    recommended: Option<Recommendation>,
}

/// What an account's strikes speak for. A person decides.
#[derive(Serialize, ToSchema)]
pub struct Recommendation {
    #[schema(example = "suspend")]
    action: String,
    /// For how long; null: with no end.
    days: Option<u32>,
    /// What the strikes weigh that have neither expired nor been lifted.
    weight: u32,
    /// The strikes, newest first.
    strikes: Vec<Strike>,
}

/// A sealed copy of media.
#[derive(Serialize, ToSchema)]
pub struct EvidenceOfCase {
    id: EvidenceId,
    sha256: String,
    size_bytes: u64,
    sealed_at: Timestamp,
}

impl From<&Subject> for SubjectOfCase {
    fn from(subject: &Subject) -> SubjectOfCase {
        SubjectOfCase {
            kind: subject.kind(),
            id: subject.id().to_owned(),
        }
    }
}

impl Case {
    fn at(case: store::cases::Case, now: Timestamp) -> Case {
        let claim = case.claim_at(now).map(|claim| Claim {
            by: claim.by.clone(),
            name: claim.by_name.clone(),
            since: claim.since,
            until: claim.until,
        });
        Case {
            claim,
            state: case.state,
            queue: case.queue,
            priority: case.priority,
            subject: SubjectOfCase::from(&case.subject),
            opened_at: case.opened_at,
            changed_at: case.changed_at,
            version: case.version,
            decided_at: case.decided_at,
            due_at: case.due_at,
            proposal: case.proposal,
            merged_into: case.merged_into,
            id: case.id,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct CaseQuery {
    state: Option<CaseState>,
    queue: Option<String>,
    /// The id of an item or an account.
    subject: Option<String>,
    /// Whether somebody has it now.
    claimed: Option<bool>,
    /// Whether it should have been decided by now.
    overdue: Option<bool>,
    /// How many at most, 1 to 200. 50 if nothing is said.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// List cases, those within the caller's reach.
#[utoipa::path(get, path = "/cases", tag = "cases", params(CaseQuery),
    responses((status = 200, body = Listed<Case>)))]
pub async fn list_cases(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<CaseQuery>,
) -> ApiResult<Json<Listed<Case>>> {
    caller.require(Scope::CasesRead)?;
    let page = page(query.limit, query.after)?;
    let filter = CaseFilter {
        state: query.state,
        queue: query.queue,
        subject: query.subject,
        is_claimed: query.claimed,
        is_overdue: query.overdue,
    };
    let mut tx = app.store.read().await?;
    let now = tx.now;
    let reach = caller.reach(Scope::CasesRead);
    let cases = tx.cases(&filter, &reach, &page).await?;
    Ok(Listed::from_page(cases, |case| Case::at(case, now)))
}

/// Show a case, with everything that is known about its subject.
#[utoipa::path(get, path = "/cases/{id}", tag = "cases", params(("id" = CaseId, Path)),
    responses((status = 200, body = CaseInFull)))]
pub async fn show_case(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CaseId>,
) -> ApiResult<Json<CaseInFull>> {
    caller.require(Scope::CasesRead)?;
    let mut tx = app.store.read().await?;
    let case = read_in_full(&mut tx, &app, &id).await?;
    caller.require_case(&mut tx, Scope::CasesRead, &id).await?;
    Ok(Json(case))
}

async fn read_in_full(tx: &mut Tx, app: &App, id: &CaseId) -> ApiResult<CaseInFull> {
    let case = tx.case(id).await?.ok_or_else(|| not_found("case", id))?;
    let item = match &case.subject {
        Subject::Item(item) => tx.item(item).await?.map(Item::from),
        Subject::Account(_) => None,
    };
    let mut decisions = Vec::new();
    for decision in tx.decisions_of_case(id).await? {
        decisions.push(Decision::read(tx, decision).await?);
    }
    Ok(CaseInFull {
        item,
        reasons: tx
            .case_reasons(id)
            .await?
            .into_iter()
            .map(Reason::from)
            .collect(),
        matches: tx
            .matches_of_case(id)
            .await?
            .into_iter()
            .map(FoundMatch::from)
            .collect(),
        evidence: tx
            .evidence_of_case(id)
            .await?
            .into_iter()
            .map(|evidence| EvidenceOfCase {
                id: evidence.id,
                sha256: hex::encode(&evidence.sha256),
                size_bytes: evidence.size_bytes,
                sealed_at: evidence.sealed_at,
            })
            .collect(),
        decisions,
        report_count: tx.report_count(id).await?,
        appeals: tx
            .appeals_of_case(id)
            .await?
            .into_iter()
            .map(Appeal::from)
            .collect(),
        recommended: recommend(tx, app, &case.subject).await?,
        case: Case::at(case, tx.now),
    })
}

async fn recommend(tx: &mut Tx, app: &App, subject: &Subject) -> ApiResult<Option<Recommendation>> {
    let Some(account) = account_of(tx, subject).await? else {
        return Ok(None);
    };
    let now = tx.now;
    let mut strikes = tx.strikes_of_account(&account).await?;
    strikes.retain(|strike| strike.counts_at(now));
    let weight = strikes.iter().map(|strike| strike.weight).sum();
    let step = app.config.strikes.step(weight);
    Ok(step.map(|step| Recommendation {
        action: step.action.clone(),
        days: step.days,
        weight,
        strikes: strikes
            .into_iter()
            .map(|strike| Strike::at(strike, now))
            .collect(),
    }))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NextCaseRequest {
    /// In this queue alone. In all, if nothing is said.
    queue: Option<String>,
    /// Not these, at most 50: what the caller has just put back.
    #[serde(default)]
    except: Vec<CaseId>,
    /// How long the claim holds unless it is renewed. The settings' default, if nothing is said.
    lease_seconds: Option<u64>,
}

impl Scoped for NextCaseRequest {
    const SCOPE: Scope = Scope::CasesDecide;
}

/// Claim the case that comes next.
///
/// Of the cases within the caller's reach that nobody has, the one of the highest priority; of these the first that is due, of these
/// the oldest. No two callers get the same.
#[utoipa::path(post, path = "/cases/next", tag = "cases", request_body = NextCaseRequest,
    responses((status = 200, body = CaseInFull),
        (status = 204, description = "There is no case that nobody has")))]
pub async fn claim_next_case(
    State(app): State<App>,
    Input {
        caller,
        body: request,
    }: Input<NextCaseRequest>,
) -> ApiResult<Response> {
    let lease = lease(&app, request.lease_seconds)?;
    if request.except.len() > MOST_EXCEPT {
        return Err(invalid("except", format!("expected at most {MOST_EXCEPT}")));
    }

    let mut tx = app.store.begin().await?;
    let wanted = NextCase {
        queue: request.queue.as_deref(),
        except: &request.except,
        reach: &caller.reach(Scope::CasesDecide),
    };
    let Some(id) = tx.claim_next_case(&wanted, &caller.id, lease).await? else {
        return Ok(StatusCode::NO_CONTENT.into_response());
    };
    record_claim(&mut tx, &caller, &id, lease).await?;
    let case = read_in_full(&mut tx, &app, &id).await?;
    tx.commit().await?;
    app.wake();
    Ok(Json(case).into_response())
}

/// How long a claim holds.
fn lease(app: &App, asked: Option<u64>) -> ApiResult<Duration> {
    let most = app.config.cases.max_lease_seconds;
    let seconds = asked.unwrap_or(app.config.cases.lease_seconds);
    if seconds == 0 || seconds > most {
        return Err(invalid("lease_seconds", format!("expected 1 to {most}")));
    }
    Ok(Duration::from_secs(seconds))
}

async fn record_claim(
    tx: &mut Tx,
    caller: &Caller,
    id: &CaseId,
    lease: Duration,
) -> store::Result<()> {
    let details = json!({ "case": id.as_str(), "lease_seconds": lease.as_secs() });
    tx.record(&caller.actor(), "case.claimed", details).await?;
    Ok(())
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ClaimRequest {
    /// How long the claim holds unless it is renewed. The settings' default, if nothing is said.
    lease_seconds: Option<u64>,
}

impl Scoped for ClaimRequest {
    const SCOPE: Scope = Scope::CasesDecide;
}

/// Claim a case, or renew the claim.
///
/// While it holds nobody else can decide. Whoever has it renews it with the same call.
#[utoipa::path(post, path = "/cases/{id}/claim", tag = "cases", params(("id" = CaseId, Path)),
    request_body = ClaimRequest, responses((status = 200, body = CaseInFull)))]
pub async fn claim_case(
    State(app): State<App>,
    Path(id): Path<CaseId>,
    Input {
        caller,
        body: request,
    }: Input<ClaimRequest>,
) -> ApiResult<Json<CaseInFull>> {
    let lease = lease(&app, request.lease_seconds)?;

    let mut tx = app.store.begin().await?;
    tx.case(&id).await?.ok_or_else(|| not_found("case", &id))?;
    caller
        .require_case(&mut tx, Scope::CasesDecide, &id)
        .await?;
    let Some(claimed) = tx.claim_case(&id, &caller.id, lease).await? else {
        let case = tx.case(&id).await?.ok_or_else(|| not_found("case", &id))?;
        return Err(not_had(&case, &caller, tx.now));
    };
    if tx.has_decided_before(&id, &caller.id).await? {
        return Err(decided_before());
    }
    if claimed == Claimed::Taken {
        record_claim(&mut tx, &caller, &id, lease).await?;
    }
    let case = read_in_full(&mut tx, &app, &id).await?;
    tx.commit().await?;
    app.wake();
    Ok(Json(case))
}

/// Give a case back.
#[utoipa::path(post, path = "/cases/{id}/release", tag = "cases", params(("id" = CaseId, Path)),
    responses((status = 200, body = CaseInFull)))]
pub async fn release_case(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<CaseId>,
) -> ApiResult<Json<CaseInFull>> {
    caller.require(Scope::CasesDecide)?;
    let mut tx = app.store.begin().await?;
    if !tx.release_case(&id, &caller.id).await? {
        let case = tx.case(&id).await?.ok_or_else(|| not_found("case", &id))?;
        return Err(not_had(&case, &caller, tx.now));
    }
    tx.record(
        &caller.actor(),
        "case.released",
        json!({ "case": id.as_str() }),
    )
    .await?;
    let case = read_in_full(&mut tx, &app, &id).await?;
    tx.commit().await?;
    app.wake();
    Ok(Json(case))
}

/// Why the caller cannot decide this case as it was at `version`.
pub fn not_decidable(
    case: &store::cases::Case,
    caller: &Caller,
    now: Timestamp,
    version: u32,
) -> ApiError {
    let has_it = |claim: &store::cases::Claim| claim.by == caller.id;
    if !case.claim_at(now).is_some_and(has_it) {
        return not_had(case, caller, now);
    }
    conflict(
        "case_changed",
        format!(
            "the decision is about version {version} of this case, and it is at version {} now: read \
             it again, then decide again",
            case.version
        ),
    )
}

/// Why the caller does not have this case.
fn not_had(case: &store::cases::Case, caller: &Caller, now: Timestamp) -> ApiError {
    if case.state == CaseState::Decided {
        return conflict("case_decided", "this case is decided already");
    }
    if let Some(proposal) = &case.proposal {
        return conflict(
            "decision_proposed",
            format!("the decision \"{proposal}\" on this case waits for a second person"),
        );
    }
    match &case.claim {
        Some(claim) if claim.until > now && claim.by != caller.id => conflict(
            "case_claimed",
            format!("\"{}\" has this case until {}", claim.by_name, claim.until),
        ),
        Some(claim) if claim.by == caller.id => conflict(
            "lease_expired",
            format!(
                "your claim on this case lapsed at {}; claim it again",
                claim.until
            ),
        ),
        _ => conflict("case_not_claimed", "claim this case first"),
    }
}
