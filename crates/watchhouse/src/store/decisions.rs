//! Decisions: what was concluded about a case, under which policy, by whom, and why.
//!
//! A decision goes from `proposed`, where its policy asks for a second person, over `pending`, while it can
//! be undone, to `effective`, and no way back: what was done is undone by another decision.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{AccountId, ActionId, CallerId, CaseId, DecisionId, ItemId};
use crate::store::db::args;
use crate::store::page::{Page, PageOf, name_of};
use crate::store::{Result, Row, Tx};

#[derive(Clone, Debug)]
pub struct Decision {
    pub id: DecisionId,
    pub case_id: CaseId,
    /// The case's version that was decided: what there was to know of it.
    pub case_version: u32,
    /// The policy's name.
    pub policy: String,
    /// The policy's version that was cited. None in decisions of before there were policies.
    pub policy_version: Option<u32>,
    pub outcome: Outcome,
    /// What was found, in words that the person concerned may read.
    pub facts: String,
    /// Why that is or is no violation, in the decider's words.
    pub reasons: String,
    /// Whether no person decided.
    pub is_automated: bool,
    /// What it asks for when it takes effect.
    pub planned: Vec<PlannedAction>,
    pub state: DecisionState,
    pub decided_by: CallerId,
    pub decided_by_name: String,
    pub decided_at: Timestamp,
    /// Until when it can be undone.
    pub takes_effect_at: Option<Timestamp>,
    pub second: Option<Second>,
    /// The decision that took this one back.
    pub reversed_by: Option<DecisionId>,
}

/// What a decision asks of the platform.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub struct PlannedAction {
    pub kind: String,
    pub parameters: serde_json::Value,
    pub territory: Vec<String>,
    pub until: Option<Timestamp>,
    pub item: Option<ItemId>,
    pub account: Option<AccountId>,
    pub lifts: Option<ActionId>,
}

/// Who agreed with a decision, or did not.
#[derive(Clone, Debug)]
pub struct Second {
    pub by: CallerId,
    pub by_name: String,
    pub at: Timestamp,
    pub reasons: String,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
#[schema(as = OutcomeOfDecision)]
pub enum Outcome {
    Violation,
    NoViolation,
}

impl Outcome {
    pub fn as_str(self) -> &'static str {
        match self {
            Outcome::Violation => "violation",
            Outcome::NoViolation => "no_violation",
        }
    }
}

impl std::str::FromStr for Outcome {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        match text {
            "violation" => Ok(Outcome::Violation),
            "no_violation" => Ok(Outcome::NoViolation),
            _ => Err(()),
        }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum DecisionState {
    /// It waits for a second person.
    Proposed,
    /// The second person did not agree, or the first took it back.
    Refused,
    /// It can still be undone, and nobody was told.
    Pending,
    Undone,
    /// Everybody is told, and the platform asked to act.
    Effective,
}

impl DecisionState {
    const ALL: [DecisionState; 5] = [
        DecisionState::Proposed,
        DecisionState::Refused,
        DecisionState::Pending,
        DecisionState::Undone,
        DecisionState::Effective,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            DecisionState::Proposed => "proposed",
            DecisionState::Refused => "refused",
            DecisionState::Pending => "pending",
            DecisionState::Undone => "undone",
            DecisionState::Effective => "effective",
        }
    }
}

impl std::str::FromStr for DecisionState {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        DecisionState::ALL
            .into_iter()
            .find(|state| state.as_str() == text)
            .ok_or(())
    }
}

impl Decision {
    fn from_row(row: &Row) -> Result<Decision> {
        let second = match row.optional_id("seconded_by")? {
            None => None,
            Some(by) => Some(Second {
                by,
                by_name: row.text("seconded_by_name")?,
                at: row.time("seconded_at")?,
                reasons: row.text("seconded_reasons")?,
            }),
        };
        Ok(Decision {
            id: row.id("id")?,
            case_id: row.id("case_id")?,
            case_version: row.small("case_version")?,
            policy: row.text("policy")?,
            policy_version: row.optional_small("policy_version")?,
            outcome: row.parsed("outcome")?,
            facts: row.text("facts")?,
            reasons: row.text("reasons")?,
            is_automated: row.bool("is_automated")?,
            planned: row.json("planned")?,
            state: row.parsed("state")?,
            decided_by: row.id("decided_by")?,
            decided_by_name: row.text("decided_by_name")?,
            decided_at: row.time("decided_at")?,
            takes_effect_at: row.optional_time("takes_effect_at")?,
            second,
            reversed_by: row.optional_id("reversed_by")?,
        })
    }
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT d.id, d.case_id, d.case_version, d.policy, d.policy_version, d.outcome, d.facts,
                    d.reasons, d.is_automated, d.planned, d.state, d.decided_by, d.decided_at,
                    d.takes_effect_at, d.seconded_by, d.seconded_at, d.seconded_reasons, d.reversed_by,
                    k.name AS decided_by_name, s.name AS seconded_by_name
               FROM decisions d JOIN callers k ON k.id = d.decided_by
               LEFT JOIN callers s ON s.id = d.seconded_by ",
            $rest
        )
    };
}

const INSERT: &str = "
    INSERT INTO decisions (id, case_id, case_version, policy, policy_version, outcome, facts, reasons,
                           is_automated, planned, state, decided_by, decided_at, takes_effect_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14)";
const BY_ID: &str = select!("WHERE d.id = $1");
const OF_CASE: &str = select!("WHERE d.case_id = $1 ORDER BY d.id");
const LIST: &str = select!(
    "WHERE (CAST($1 AS TEXT) IS NULL OR d.id < $1) AND (CAST($3 AS TEXT) IS NULL OR d.state = $3)
     ORDER BY d.id DESC LIMIT $2"
);
const REVERSED_BY: &str = select!("WHERE d.reversed_by = $1 ORDER BY d.id");
const MOVE: &str = "UPDATE decisions SET state = $3 WHERE id = $1 AND state = $2";
const SECOND: &str = "
    UPDATE decisions SET state = $2, seconded_by = $3, seconded_at = $4, seconded_reasons = $5,
                         takes_effect_at = $6
     WHERE id = $1 AND state = 'proposed'";
const REVERSE: &str = "
    UPDATE decisions SET reversed_by = $2
     WHERE id = $1 AND state = 'effective' AND reversed_by IS NULL";

impl Tx {
    pub async fn insert_decision(&mut self, decision: &Decision) -> Result<()> {
        let planned = serde_json::to_string(&decision.planned).expect("a plan is plain data");
        let args = args![
            &decision.id,
            &decision.case_id,
            decision.case_version,
            &decision.policy,
            decision.policy_version,
            decision.outcome.as_str(),
            &decision.facts,
            &decision.reasons,
            decision.is_automated,
            planned,
            decision.state.as_str(),
            &decision.decided_by,
            decision.decided_at,
            decision.takes_effect_at
        ];
        self.execute(INSERT, args).await?;
        Ok(())
    }

    pub async fn decision(&mut self, id: &DecisionId) -> Result<Option<Decision>> {
        self.optional(BY_ID, args![id], Decision::from_row).await
    }

    pub async fn decisions_of_case(&mut self, case: &CaseId) -> Result<Vec<Decision>> {
        self.all(OF_CASE, args![case], Decision::from_row).await
    }

    pub async fn decisions(
        &mut self,
        state: Option<DecisionState>,
        page: &Page,
    ) -> Result<PageOf<Decision>> {
        let args = args![page.below(), page.probe(), state.map(DecisionState::as_str)];
        let rows = self.all(LIST, args, Decision::from_row).await?;
        Ok(page.cut(rows, |decision| name_of(&decision.id)))
    }

    /// The decisions that this one took back.
    pub async fn decisions_reversed_by(&mut self, id: &DecisionId) -> Result<Vec<Decision>> {
        self.all(REVERSED_BY, args![id], Decision::from_row).await
    }

    /// Of two who try at once, one gets true.
    pub async fn move_decision(
        &mut self,
        id: &DecisionId,
        from: DecisionState,
        to: DecisionState,
    ) -> Result<bool> {
        let args = args![id, from.as_str(), to.as_str()];
        Ok(self.execute(MOVE, args).await? == 1)
    }

    /// Writes down what the second person said of a proposal. False when it is none any more.
    pub async fn second_decision(
        &mut self,
        id: &DecisionId,
        to: DecisionState,
        by: &CallerId,
        reasons: &str,
        takes_effect_at: Option<Timestamp>,
    ) -> Result<bool> {
        let now = self.now;
        let args = args![id, to.as_str(), by, now, reasons, takes_effect_at];
        Ok(self.execute(SECOND, args).await? == 1)
    }

    /// Writes down that a decision was taken back. False when another did that before.
    pub async fn reverse_decision(&mut self, id: &DecisionId, by: &DecisionId) -> Result<bool> {
        Ok(self.execute(REVERSE, args![id, by]).await? == 1)
    }
}
