//! Actions: what the platform is told to do, and what it says became of it.

use crate::clock::Timestamp;
use crate::id::{AccountId, ActionId, DecisionId, ItemId};
use crate::store::db::args;
use crate::store::page::{Page, PageOf, name_of};
use crate::store::{Result, Row, Tx};

#[derive(Clone, Debug)]
pub struct Action {
    pub id: ActionId,
    pub decision_id: DecisionId,
    pub kind: String,
    pub parameters: serde_json::Value,
    pub item_id: Option<ItemId>,
    pub account_id: Option<AccountId>,
    /// The countries where it holds, as two letters each. Empty: everywhere.
    pub territory: Vec<String>,
    /// When it ends by itself.
    pub until: Option<Timestamp>,
    /// The action that this one lifts.
    pub lifts: Option<ActionId>,
    pub state: ActionState,
    /// What the platform said of it.
    pub detail: Option<String>,
    pub requested_at: Timestamp,
    pub answered_at: Option<Timestamp>,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ActionState {
    /// The platform was told, or will be; it has not said what became of it.
    Requested,
    Done,
    Failed,
}

impl ActionState {
    pub fn as_str(self) -> &'static str {
        match self {
            ActionState::Requested => "requested",
            ActionState::Done => "done",
            ActionState::Failed => "failed",
        }
    }
}

impl std::str::FromStr for ActionState {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        match text {
            "requested" => Ok(ActionState::Requested),
            "done" => Ok(ActionState::Done),
            "failed" => Ok(ActionState::Failed),
            _ => Err(()),
        }
    }
}

impl Action {
    fn from_row(row: &Row) -> Result<Action> {
        Ok(Action {
            id: row.id("id")?,
            decision_id: row.id("decision_id")?,
            kind: row.text("kind")?,
            parameters: row.json("parameters")?,
            item_id: row.optional_id("item_id")?,
            account_id: row.optional_id("account_id")?,
            territory: row
                .optional_text("territory")?
                .unwrap_or_default()
                .split_whitespace()
                .map(str::to_owned)
                .collect(),
            until: row.optional_time("until")?,
            lifts: row.optional_id("lifts")?,
            state: row.parsed("state")?,
            detail: row.optional_text("detail")?,
            requested_at: row.time("requested_at")?,
            answered_at: row.optional_time("answered_at")?,
        })
    }
}

const INSERT: &str = "
    INSERT INTO actions (id, decision_id, kind, parameters, item_id, account_id, state, requested_at,
                         territory, until, lifts)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11)";
const BY_ID: &str = "
    SELECT id, decision_id, kind, parameters, item_id, account_id, state, detail, requested_at,
           answered_at, territory, until, lifts
      FROM actions WHERE id = $1";
const OF_DECISION: &str = "
    SELECT id, decision_id, kind, parameters, item_id, account_id, state, detail, requested_at,
           answered_at, territory, until, lifts
      FROM actions WHERE decision_id = $1 ORDER BY id";
const OF_ITEM: &str = "
    SELECT id, decision_id, kind, parameters, item_id, account_id, state, detail, requested_at,
           answered_at, territory, until, lifts
      FROM actions WHERE item_id = $1 ORDER BY id DESC LIMIT 200";
const LIST: &str = "
    SELECT id, decision_id, kind, parameters, item_id, account_id, state, detail, requested_at,
           answered_at, territory, until, lifts
      FROM actions
     WHERE (CAST($1 AS TEXT) IS NULL OR id < $1) AND (CAST($3 AS TEXT) IS NULL OR state = $3)
     ORDER BY id DESC LIMIT $2";
const IS_LIFTED: &str = "SELECT COUNT(*) AS n FROM actions WHERE lifts = $1";
// A platform may say "failed" and then "done"; what is done stays done.
const ANSWER: &str = "
    UPDATE actions SET state = $2, detail = $3, answered_at = $4 WHERE id = $1 AND state <> 'done'";

impl Tx {
    pub async fn insert_action(&mut self, action: &Action) -> Result<()> {
        let args = args![
            &action.id,
            &action.decision_id,
            &action.kind,
            action.parameters.to_string(),
            action.item_id.as_ref(),
            action.account_id.as_ref(),
            action.state.as_str(),
            action.requested_at,
            Some(action.territory.join(" ")).filter(|text| !text.is_empty()),
            action.until,
            action.lifts.as_ref()
        ];
        self.execute(INSERT, args).await?;
        Ok(())
    }

    pub async fn action(&mut self, id: &ActionId) -> Result<Option<Action>> {
        self.optional(BY_ID, args![id], Action::from_row).await
    }

    pub async fn actions_of_decision(&mut self, decision: &DecisionId) -> Result<Vec<Action>> {
        self.all(OF_DECISION, args![decision], Action::from_row)
            .await
    }

    /// Whether another action has lifted this one.
    pub async fn is_action_lifted(&mut self, id: &ActionId) -> Result<bool> {
        Ok(self.one(IS_LIFTED, args![id], |row| row.int("n")).await? > 0)
    }

    /// Newest first, at most 200.
    pub async fn actions_of_item(&mut self, item: &ItemId) -> Result<Vec<Action>> {
        self.all(OF_ITEM, args![item], Action::from_row).await
    }

    pub async fn actions(
        &mut self,
        state: Option<ActionState>,
        page: &Page,
    ) -> Result<PageOf<Action>> {
        let args = args![page.below(), page.probe(), state.map(ActionState::as_str)];
        let rows = self.all(LIST, args, Action::from_row).await?;
        Ok(page.cut(rows, |action| name_of(&action.id)))
    }

    /// Records what the platform said. False when it said `done` before.
    pub async fn answer_action(
        &mut self,
        id: &ActionId,
        state: ActionState,
        detail: Option<&str>,
    ) -> Result<bool> {
        let now = self.now;
        Ok(self
            .execute(ANSWER, args![id, state.as_str(), detail, now])
            .await?
            == 1)
    }
}
