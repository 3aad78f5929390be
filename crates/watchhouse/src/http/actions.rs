//! Actions: what the platform was told to do, and what it says became of it.

use axum::Json;
use axum::extract::State;
use serde::{Deserialize, Serialize};
use serde_json::json;
use utoipa::{IntoParams, ToSchema};

use super::error::{ApiResult, conflict, invalid, not_found};
use super::extract::{Input, Listed, Params, Path, Scoped, page};
use crate::app::App;
use crate::auth::{Caller, Scope};
use crate::clock::Timestamp;
use crate::id::{AccountId, ActionId, DecisionId, ItemId, Name as _};
use crate::store;
use crate::store::actions::ActionState;

const LONGEST_DETAIL: usize = 2_000;

#[derive(Serialize, ToSchema)]
pub struct Action {
    pub id: ActionId,
    pub decision: DecisionId,
    #[schema(example = "remove")]
    pub kind: String,
    #[schema(value_type = Object)]
    pub parameters: serde_json::Value,
    pub item: Option<ItemId>,
    pub account: Option<AccountId>,
    /// The countries where it holds, as two letters each. Empty: everywhere.
    pub territory: Vec<String>,
    /// When it ends by itself; null where it does not.
    pub until: Option<Timestamp>,
    /// The action that this one lifts.
    pub lifts: Option<ActionId>,
    pub state: ActionState,
    /// What the platform said of it.
    pub detail: Option<String>,
    pub requested_at: Timestamp,
    /// When the platform said what became of it; null while it has not.
    pub answered_at: Option<Timestamp>,
}

impl From<store::actions::Action> for Action {
    fn from(action: store::actions::Action) -> Action {
        Action {
            id: action.id,
            decision: action.decision_id,
            kind: action.kind,
            parameters: action.parameters,
            item: action.item_id,
            account: action.account_id,
            territory: action.territory,
            until: action.until,
            lifts: action.lifts,
            state: action.state,
            detail: action.detail,
            requested_at: action.requested_at,
            answered_at: action.answered_at,
        }
    }
}

#[derive(Deserialize, IntoParams)]
#[serde(deny_unknown_fields)]
#[into_params(parameter_in = Query)]
pub struct ActionQuery {
    state: Option<ActionState>,
    /// How many at most, 1 to 200. 50 if nothing is said.
    limit: Option<u32>,
    /// The `next` of the page before.
    after: Option<String>,
}

/// List actions.
#[utoipa::path(get, path = "/actions", tag = "actions", params(ActionQuery),
    responses((status = 200, body = Listed<Action>)))]
pub async fn list_actions(
    State(app): State<App>,
    caller: Caller,
    Params(query): Params<ActionQuery>,
) -> ApiResult<Json<Listed<Action>>> {
    caller.require(Scope::ActionsRead)?;
    let page = page(query.limit, query.after)?;
    let mut tx = app.store.read().await?;
    Ok(Listed::from_page(
        tx.actions(query.state, &page).await?,
        Action::from,
    ))
}

/// Show an action.
#[utoipa::path(get, path = "/actions/{id}", tag = "actions", params(("id" = ActionId, Path)),
    responses((status = 200, body = Action)))]
pub async fn show_action(
    State(app): State<App>,
    caller: Caller,
    Path(id): Path<ActionId>,
) -> ApiResult<Json<Action>> {
    caller.require(Scope::ActionsRead)?;
    let mut tx = app.store.read().await?;
    let action = tx
        .action(&id)
        .await?
        .ok_or_else(|| not_found("action", &id))?;
    Ok(Json(action.into()))
}

#[derive(Deserialize, ToSchema)]
#[serde(deny_unknown_fields)]
pub struct ActionOutcome {
    outcome: Outcome,
    /// For people: what was done, or why it could not be.
    detail: Option<String>,
}

impl Scoped for ActionOutcome {
    const SCOPE: Scope = Scope::ActionsWrite;
}

#[derive(Clone, Copy, Deserialize, ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OutcomeOfAction)]
pub enum Outcome {
    Done,
    Failed,
}

/// Say what became of an action.
///
/// The platform calls this. The same answer may be given again; what is done cannot become failed.
#[utoipa::path(post, path = "/actions/{id}/outcome", tag = "actions", params(("id" = ActionId, Path)),
    request_body = ActionOutcome, responses((status = 200, body = Action)))]
pub async fn answer_action(
    State(app): State<App>,
    Path(id): Path<ActionId>,
    Input {
        caller,
        body: answer,
    }: Input<ActionOutcome>,
) -> ApiResult<Json<Action>> {
    if answer
        .detail
        .as_ref()
        .is_some_and(|detail| detail.chars().count() > LONGEST_DETAIL)
    {
        return Err(invalid(
            "detail",
            format!("expected at most {LONGEST_DETAIL} characters"),
        ));
    }
    let state = match answer.outcome {
        Outcome::Done => ActionState::Done,
        Outcome::Failed => ActionState::Failed,
    };

    let mut tx = app.store.begin().await?;
    if !tx
        .answer_action(&id, state, answer.detail.as_deref())
        .await?
    {
        let action = tx
            .action(&id)
            .await?
            .ok_or_else(|| not_found("action", &id))?;
        if state == ActionState::Done {
            return Ok(Json(action.into()));
        }
        return Err(conflict(
            "action_done",
            "the platform said before that this action is done",
        ));
    }
    let details =
        json!({ "action": id.as_str(), "state": state.as_str(), "detail": answer.detail });
    tx.record(&caller.actor(), "action.answered", details)
        .await?;
    let action = tx
        .action(&id)
        .await?
        .ok_or_else(|| not_found("action", &id))?;
    tx.commit().await?;
    app.wake();
    Ok(Json(action.into()))
}
