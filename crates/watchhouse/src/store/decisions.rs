//! Decisions: what was concluded about a case, under which policy, by whom, and why.

use crate::clock::Timestamp;
use crate::id::{CaseId, DecisionId, KeyId};
use crate::store::db::args;
use crate::store::page::{Page, PageOf, name_of};
use crate::store::{Result, Row, Tx};

#[derive(Clone, Debug)]
pub struct Decision {
    pub id: DecisionId,
    pub case_id: CaseId,
    /// The case's version that was decided: what there was to know of it.
    pub case_version: u32,
    /// The platform's name of the policy.
    pub policy: String,
    pub outcome: Outcome,
    /// In the decider's words.
    pub reasons: String,
    pub decided_by: KeyId,
    pub decided_by_name: String,
    pub decided_at: Timestamp,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
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

impl Decision {
    fn from_row(row: &Row) -> Result<Decision> {
        Ok(Decision {
            id: row.id("id")?,
            case_id: row.id("case_id")?,
            case_version: row.small("case_version")?,
            policy: row.text("policy")?,
            outcome: row.parsed("outcome")?,
            reasons: row.text("reasons")?,
            decided_by: row.id("decided_by")?,
            decided_by_name: row.text("decided_by_name")?,
            decided_at: row.time("decided_at")?,
        })
    }
}

const INSERT: &str = "
    INSERT INTO decisions (id, case_id, case_version, policy, outcome, reasons, decided_by,
                           decided_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const BY_ID: &str = "
    SELECT d.id, d.case_id, d.case_version, d.policy, d.outcome, d.reasons, d.decided_by,
           d.decided_at, k.name AS decided_by_name
      FROM decisions d JOIN api_keys k ON k.id = d.decided_by WHERE d.id = $1";
const OF_CASE: &str = "
    SELECT d.id, d.case_id, d.case_version, d.policy, d.outcome, d.reasons, d.decided_by,
           d.decided_at, k.name AS decided_by_name
      FROM decisions d JOIN api_keys k ON k.id = d.decided_by WHERE d.case_id = $1 ORDER BY d.id";
const LIST: &str = "
    SELECT d.id, d.case_id, d.case_version, d.policy, d.outcome, d.reasons, d.decided_by,
           d.decided_at, k.name AS decided_by_name
      FROM decisions d JOIN api_keys k ON k.id = d.decided_by
     WHERE CAST($1 AS TEXT) IS NULL OR d.id < $1 ORDER BY d.id DESC LIMIT $2";

impl Tx {
    pub async fn insert_decision(&mut self, decision: &Decision) -> Result<()> {
        let args = args![
            &decision.id,
            &decision.case_id,
            decision.case_version,
            &decision.policy,
            decision.outcome.as_str(),
            &decision.reasons,
            &decision.decided_by,
            decision.decided_at
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

    pub async fn decisions(&mut self, page: &Page) -> Result<PageOf<Decision>> {
        let rows = self
            .all(LIST, args![page.below(), page.probe()], Decision::from_row)
            .await?;
        Ok(page.cut(rows, |decision| name_of(&decision.id)))
    }
}
