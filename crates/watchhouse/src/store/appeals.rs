//! Appeals: requests to decide again, by whoever was acted against or by whoever reported.
//!
//! An appeal belongs to a case on the same subject and ends with that case's decision, as reports do.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{AppealId, CallerId, CaseId, DecisionId, EntryId, ReportId, StatementId};
use crate::store::db::args;
use crate::store::page::{Page, PageOf, name_of};
use crate::store::{Error, Result, Row, Tx};

#[derive(Clone, Debug)]
pub struct Appeal {
    pub id: AppealId,
    /// The decision that it is against.
    pub decision_id: DecisionId,
    /// The case on which it is decided.
    pub case_id: CaseId,
    pub by: Appellant,
    /// Why, in the appellant's words.
    pub explanation: String,
    pub received_at: Timestamp,
    pub due_at: Option<Timestamp>,
    pub received_entry: EntryId,
    pub answer: Option<Answer>,
    pub dispute: Option<Dispute>,
}

/// Who appeals: each by what they were told the decision with, so each once.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Appellant {
    /// Whoever was acted against.
    Account(StatementId),
    /// Whoever reported.
    Reporter(ReportId),
}

/// How an appeal ended.
#[derive(Clone, Debug)]
pub struct Answer {
    pub decision_id: DecisionId,
    pub outcome: AppealOutcome,
    pub entry: EntryId,
}

/// What became of the decision that was appealed against.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(rename_all = "snake_case")]
pub enum AppealOutcome {
    Upheld,
    PartlyReversed,
    Reversed,
}

impl AppealOutcome {
    pub fn as_str(self) -> &'static str {
        match self {
            AppealOutcome::Upheld => "upheld",
            AppealOutcome::PartlyReversed => "partly_reversed",
            AppealOutcome::Reversed => "reversed",
        }
    }
}

impl std::str::FromStr for AppealOutcome {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        match text {
            "upheld" => Ok(AppealOutcome::Upheld),
            "partly_reversed" => Ok(AppealOutcome::PartlyReversed),
            "reversed" => Ok(AppealOutcome::Reversed),
            _ => Err(()),
        }
    }
}

/// What an out-of-court body made of it, as Article 21 of the Digital Services Act has it.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, utoipa::ToSchema)]
#[serde(deny_unknown_fields)]
#[schema(as = DisputeOfAppeal)]
pub struct Dispute {
    /// The certified body.
    #[schema(example = "A dispute settlement body")]
    pub body: String,
    /// Its own number for the dispute.
    pub reference: String,
    /// What it concluded; null while it has not.
    pub outcome: Option<AppealOutcome>,
    /// Whether the service does as the body concluded; null while it has not said.
    pub is_implemented: Option<bool>,
}

impl Appeal {
    fn from_row(row: &Row) -> Result<Appeal> {
        let by = match (
            row.optional_id("statement_id")?,
            row.optional_id("report_id")?,
        ) {
            (Some(statement), None) => Appellant::Account(statement),
            (None, Some(report)) => Appellant::Reporter(report),
            _ => return Err(Error::Corrupt("an appeal has no appellant".to_owned())),
        };
        let answer = match row.optional_id("answer_id")? {
            None => None,
            Some(decision_id) => Some(Answer {
                decision_id,
                outcome: row.parsed("outcome")?,
                entry: row.id("answered_entry")?,
            }),
        };
        let dispute = row.optional_text("dispute")?;
        let dispute = dispute.map(|text| serde_json::from_str(&text)).transpose();
        Ok(Appeal {
            id: row.id("id")?,
            decision_id: row.id("decision_id")?,
            case_id: row.id("case_id")?,
            by,
            explanation: row.text("explanation")?,
            received_at: row.time("received_at")?,
            due_at: row.optional_time("due_at")?,
            received_entry: row.id("received_entry")?,
            answer,
            dispute: dispute.map_err(|error| Error::Corrupt(format!("dispute: {error}")))?,
        })
    }
}

/// Which appeals a list asks for.
#[derive(Clone, Debug, Default)]
pub struct AppealFilter {
    pub decision: Option<DecisionId>,
    pub is_answered: Option<bool>,
}

macro_rules! select {
    ($rest:literal) => {
        concat!(
            "SELECT id, decision_id, case_id, statement_id, report_id, explanation, received_at, due_at,
                    received_entry, answer_id, outcome, answered_entry, dispute
               FROM appeals ",
            $rest
        )
    };
}

const INSERT: &str = "
    INSERT INTO appeals (id, decision_id, case_id, statement_id, report_id, explanation, received_at,
                         due_at, received_entry)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9)";
const BY_ID: &str = select!("WHERE id = $1");
const BY_STATEMENT: &str = select!("WHERE statement_id = $1");
const BY_REPORT: &str = select!("WHERE report_id = $1");
const OF_CASE: &str = select!("WHERE case_id = $1 ORDER BY id LIMIT 200");
const OPEN_OF_CASE: &str = select!("WHERE case_id = $1 AND answer_id IS NULL ORDER BY id");
const LIST: &str = select!(
    "WHERE (CAST($1 AS TEXT) IS NULL OR id < $1)
       AND (CAST($3 AS TEXT) IS NULL OR decision_id = $3)
       AND (CAST($4 AS BIGINT) IS NULL OR $4 = CASE WHEN answer_id IS NULL THEN 0 ELSE 1 END)
     ORDER BY id DESC LIMIT $2"
);
const ANSWER: &str = "
    UPDATE appeals SET answer_id = $2, outcome = $3, answered_entry = $4
     WHERE id = $1 AND answer_id IS NULL";
const DISPUTE: &str = "UPDATE appeals SET dispute = $2 WHERE id = $1";
// Who decided or seconded what is appealed against does not decide again.
const DECIDED_BEFORE: &str = "
    SELECT COUNT(*) AS n FROM appeals a JOIN decisions d ON d.id = a.decision_id
     WHERE a.case_id = $1 AND a.answer_id IS NULL AND (d.decided_by = $2 OR d.seconded_by = $2)";

impl Tx {
    /// # Errors
    /// `Error::Conflict` when this appellant has appealed before.
    pub async fn insert_appeal(&mut self, appeal: &Appeal) -> Result<()> {
        let (statement, report) = match &appeal.by {
            Appellant::Account(statement) => (Some(statement), None),
            Appellant::Reporter(report) => (None, Some(report)),
        };
        let args = args![
            &appeal.id,
            &appeal.decision_id,
            &appeal.case_id,
            statement,
            report,
            &appeal.explanation,
            appeal.received_at,
            appeal.due_at,
            &appeal.received_entry
        ];
        self.execute(INSERT, args).await?;
        Ok(())
    }

    pub async fn appeal(&mut self, id: &AppealId) -> Result<Option<Appeal>> {
        self.optional(BY_ID, args![id], Appeal::from_row).await
    }

    /// The appeal that this appellant has made.
    pub async fn appeal_by(&mut self, by: &Appellant) -> Result<Option<Appeal>> {
        let (sql, args) = match by {
            Appellant::Account(statement) => (BY_STATEMENT, args![statement]),
            Appellant::Reporter(report) => (BY_REPORT, args![report]),
        };
        self.optional(sql, args, Appeal::from_row).await
    }

    /// Oldest first, at most 200.
    pub async fn appeals_of_case(&mut self, case: &CaseId) -> Result<Vec<Appeal>> {
        self.all(OF_CASE, args![case], Appeal::from_row).await
    }

    /// Those that the case's decision will answer.
    pub async fn open_appeals_of_case(&mut self, case: &CaseId) -> Result<Vec<Appeal>> {
        self.all(OPEN_OF_CASE, args![case], Appeal::from_row).await
    }

    pub async fn appeals(&mut self, filter: &AppealFilter, page: &Page) -> Result<PageOf<Appeal>> {
        let args = args![
            page.below(),
            page.probe(),
            filter.decision.as_ref(),
            filter.is_answered.map(i64::from)
        ];
        let rows = self.all(LIST, args, Appeal::from_row).await?;
        Ok(page.cut(rows, |appeal| name_of(&appeal.id)))
    }

    /// Whether `by` had a hand in a decision that is appealed against on this case.
    pub async fn has_decided_before(&mut self, case: &CaseId, by: &CallerId) -> Result<bool> {
        let args = args![case, by];
        Ok(self.one(DECIDED_BEFORE, args, |row| row.int("n")).await? > 0)
    }

    /// Ends an appeal. False when it had ended before.
    pub async fn answer_appeal(&mut self, id: &AppealId, answer: &Answer) -> Result<bool> {
        let args = args![
            id,
            &answer.decision_id,
            answer.outcome.as_str(),
            &answer.entry
        ];
        Ok(self.execute(ANSWER, args).await? == 1)
    }

    pub async fn note_dispute(&mut self, id: &AppealId, dispute: &Dispute) -> Result<()> {
        let text = serde_json::to_string(dispute).expect("a dispute is plain data");
        self.execute(DISPUTE, args![id, text]).await?;
        Ok(())
    }
}
