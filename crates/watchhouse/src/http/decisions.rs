//! Decisions.

use axum::Json;
use axum::extract::State;
use axum::http::StatusCode;
use axum::response::Response;
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};
use utoipa::ToSchema;

use super::actions::Action;
use super::cases::not_decidable;
use super::error::{ApiResult, invalid, not_found};
use super::extract::{Creation, Listed, PageQuery, Params, Path, Scoped, page};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Timestamp;
use crate::id::{CaseId, DecisionId, KeyId, Name as _};
use crate::jobs::answer_reports::AnswerReports;
use crate::outbox::{self, Event, account_json, item_json};
use crate::store;
use crate::store::Tx;
use crate::store::accounts::Account;
use crate::store::actions::ActionState;
use crate::store::cases::{Case, Subject};
use crate::store::decisions::Outcome;
use crate::store::items::Item;

const LONGEST_REASONS: usize = 10_000;
const MOST_ACTIONS: usize = 20;

/// What an action may be: the field's common ones, and the platform's own as `x_…`.
const ACTION_KINDS: [&str; 12] = [
    "remove",
    "restrict",
    "age_gate",
    "stop_recommending",
    "label",
    "warn",
    "suspend",
    "disable_account",
    "interstitial",
    "demonetise",
    "restore",
    "enable_account",
];

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewDecision {
    /// The case's `version` that was looked at. If something has joined the case since, the decision is
    /// refused with `case_changed`: read the case again, then decide again.
    #[schema(example = 1)]
    case_version: u32,
    /// The platform's name of the policy that was applied.
    #[schema(example = "known-media")]
    policy: String,
    outcome: Outcome,
    /// Why, in words that the person concerned may read.
    reasons: String,
    /// What the platform is to do. None for `no_violation`, unless something is to be restored.
    #[serde(default)]
    actions: Vec<NewAction>,
}

impl Scoped for NewDecision {
    const SCOPE: Scope = Scope::CasesDecide;
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct NewAction {
    /// `remove`, `restrict`, `age_gate`, `stop_recommending`, `label`, `warn`, `suspend`,
    /// `disable_account`, `interstitial`, `demonetise`, `restore`, `enable_account`, or the platform's
    /// own as `x_…`.
    #[schema(example = "remove")]
    kind: String,
    /// What else the platform has to know; handed on as it is.
    #[serde(default)]
    #[schema(value_type = Object)]
    parameters: Map<String, Value>,
}

#[derive(Serialize, ToSchema)]
pub struct Decision {
    id: DecisionId,
    case: CaseId,
    /// The case's version that was decided.
    case_version: u32,
    policy: String,
    outcome: Outcome,
    reasons: String,
    decided_by: KeyId,
    decided_by_name: String,
    decided_at: Timestamp,
    actions: Vec<Action>,
}

impl Decision {
    /// Completes a decision with its actions.
    pub async fn read(
        tx: &mut Tx,
        decision: store::decisions::Decision,
    ) -> store::Result<Decision> {
        let actions = tx.actions_of_decision(&decision.id).await?;
        Ok(Decision {
            id: decision.id,
            case: decision.case_id,
            case_version: decision.case_version,
            policy: decision.policy,
            outcome: decision.outcome,
            reasons: decision.reasons,
            decided_by: decision.decided_by,
            decided_by_name: decision.decided_by_name,
            decided_at: decision.decided_at,
            actions: actions.into_iter().map(Action::from).collect(),
        })
    }
}

/// Decide a case.
///
/// Needs the caller's own live claim, and the case's version that the caller looked at. Closes the case
/// and tells the platform what to do.
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
    let case = tx.case(&id).await?.ok_or_else(|| not_found("case", &id))?;
    if !tx.close_case(&id, &caller.key_id, new.case_version).await? {
        let case = tx.case(&id).await?.ok_or_else(|| not_found("case", &id))?;
        return Err(not_decidable(&case, &caller, tx.now, new.case_version));
    }
    let decision = store::decisions::Decision {
        id: tx.make(),
        case_id: id,
        case_version: new.case_version,
        policy: new.policy,
        outcome: new.outcome,
        reasons: new.reasons,
        decided_by: caller.key_id.clone(),
        decided_by_name: caller.name.clone(),
        decided_at: tx.now,
    };
    tx.insert_decision(&decision).await?;
    let n_reports = tx.decide_reports(&decision.case_id, &decision.id).await?;
    if n_reports > 0 {
        AnswerReports::enqueue(&mut tx, &decision.id).await?;
    }
    let details = json!({
        "decision": decision.id.as_str(),
        "case": decision.case_id.as_str(),
        "case_version": decision.case_version,
        "policy": decision.policy,
        "outcome": decision.outcome.as_str(),
        "reasons": decision.reasons,
        "reports": n_reports,
    });
    tx.record(&caller.actor(), "case.decided", details).await?;
    let told = Told::read(&mut tx, &case, &decision).await?;
    for action in new.actions {
        request_action(&mut tx, &caller, &told, action).await?;
    }
    outbox::announce(&mut tx, Event::CaseDecided, told.json(None)).await?;
    let answer = Decision::read(&mut tx, decision).await?;
    let answer = once.answer(&mut tx, StatusCode::CREATED, &answer).await?;
    tx.commit().await?;
    app.wake();
    Ok(answer)
}

/// What webhooks about a decision tell.
struct Told {
    decision: store::decisions::Decision,
    item: Option<Item>,
    account: Option<Account>,
}

impl Told {
    async fn read(
        tx: &mut Tx,
        case: &Case,
        decision: &store::decisions::Decision,
    ) -> store::Result<Told> {
        let (item, account) = match &case.subject {
            Subject::Item(id) => {
                let item = tx.item(id).await?;
                let account = match item.as_ref().and_then(|item| item.account_id.clone()) {
                    Some(account) => tx.account(&account).await?,
                    None => None,
                };
                (item, account)
            }
            Subject::Account(id) => (None, tx.account(id).await?),
        };
        Ok(Told {
            decision: decision.clone(),
            item,
            account,
        })
    }

    fn json(&self, action: Option<&store::actions::Action>) -> Value {
        let mut data = json!({
            "case": self.decision.case_id.as_str(),
            "decision": {
                "id": self.decision.id.as_str(),
                "policy": self.decision.policy,
                "outcome": self.decision.outcome.as_str(),
                "reasons": self.decision.reasons,
            },
            "item": self.item.as_ref().map(item_json),
            "account": self.account.as_ref().map(account_json),
        });
        if let Some(action) = action {
            data["action"] = json!({
                "id": action.id.as_str(),
                "kind": action.kind,
                "parameters": action.parameters,
            });
        }
        data
    }
}

async fn request_action(
    tx: &mut Tx,
    caller: &Caller,
    told: &Told,
    new: NewAction,
) -> ApiResult<()> {
    let action = store::actions::Action {
        id: tx.make(),
        decision_id: told.decision.id.clone(),
        kind: new.kind,
        parameters: Value::Object(new.parameters),
        item_id: told.item.as_ref().map(|item| item.id.clone()),
        account_id: told.account.as_ref().map(|account| account.id.clone()),
        state: ActionState::Requested,
        detail: None,
        requested_at: tx.now,
        answered_at: None,
    };
    tx.insert_action(&action).await?;
    let details = json!({
        "action": action.id.as_str(),
        "decision": action.decision_id.as_str(),
        "kind": action.kind,
        "parameters": action.parameters.to_string(),
    });
    tx.record(&caller.actor(), "action.requested", details)
        .await?;
    outbox::announce(tx, Event::ActionRequested, told.json(Some(&action))).await?;
    Ok(())
}

fn check(new: &NewDecision) -> ApiResult<()> {
    let is_slug = |text: &str| {
        (1..=64).contains(&text.len())
            && text
                .bytes()
                .all(|byte| byte.is_ascii_alphanumeric() || b"-_./".contains(&byte))
    };
    if !is_slug(&new.policy) {
        return Err(invalid(
            "policy",
            "expected 1 to 64 letters, digits, \"-\", \"_\", \".\" or \"/\"",
        ));
    }
    if new.reasons.trim().is_empty() || new.reasons.chars().count() > LONGEST_REASONS {
        let message =
            format!("a decision has its reasons: expected 1 to {LONGEST_REASONS} characters");
        return Err(invalid("reasons", message));
    }
    if new.actions.len() > MOST_ACTIONS {
        return Err(invalid(
            "actions",
            format!("expected at most {MOST_ACTIONS}"),
        ));
    }
    for (i, action) in new.actions.iter().enumerate() {
        let is_own =
            action.kind.len() > 2 && action.kind.starts_with("x_") && is_slug(&action.kind);
        if !ACTION_KINDS.contains(&action.kind.as_str()) && !is_own {
            let message = format!(
                "\"{}\" is no action; expected one of {}, or the platform's own as \"x_…\"",
                action.kind,
                ACTION_KINDS.join(", ")
            );
            return Err(invalid(&format!("actions[{i}].kind"), message));
        }
    }
    Ok(())
}

/// List decisions.
#[utoipa::path(get, path = "/decisions", tag = "decisions", params(PageQuery),
    responses((status = 200, body = Listed<Decision>)))]
pub async fn list_decisions(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<PageQuery>,
) -> ApiResult<Json<Listed<Decision>>> {
    caller.require(Scope::CasesRead)?;
    let page = page(query.limit, query.after)?;
    let mut tx = app.store.read().await?;
    let decisions = tx.decisions(&page).await?;
    let mut data = Vec::new();
    for decision in decisions.rows {
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
    let decision = tx
        .decision(&id)
        .await?
        .ok_or_else(|| not_found("decision", &id))?;
    Ok(Json(Decision::read(&mut tx, decision).await?))
}
