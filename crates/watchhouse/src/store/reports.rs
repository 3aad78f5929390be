//! Reports: what somebody told us about an item or an account.
//!
//! A report belongs to a case and ends with that case's decision. There is no other end: no statement
//! here sets anything that could be taken for one.

use crate::clock::Timestamp;
use crate::id::{CallerId, CaseId, DecisionId, EntryId, FormId, OrganisationId, ReportId};
use crate::store::cases::Subject;
use crate::store::db::args;
use crate::store::decisions::Outcome;
use crate::store::page::{Page, PageOf, name_of};
use crate::store::reach::Reach;
use crate::store::{Error, Result, Row, Tx};

#[derive(Clone, Debug)]
pub struct Report {
    pub id: ReportId,
    pub case_id: CaseId,
    pub source: Source,
    /// Who reported, if an organisation did.
    pub organisation_id: Option<OrganisationId>,
    /// Whether that was suspended when the report came.
    pub is_suspended: bool,
    /// The key with which it was handed in; None if it came by the public form.
    pub caller_id: Option<CallerId>,
    /// The public form that it came by.
    pub form_id: Option<FormId>,
    pub reporter: Reporter,
    pub category: String,
    pub keyword: Option<String>,
    /// Why, in the reporter's words.
    pub explanation: String,
    /// Where exactly.
    pub address: Option<String>,
    /// Whether the reporter declared to be honest and complete, as Article 16 asks.
    pub good_faith: bool,
    pub received_at: Timestamp,
    /// When it has to be answered, if there is a clock for such reports.
    pub due_at: Option<Timestamp>,
    pub received_entry: EntryId,
}

/// Who a report comes from.
#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
#[schema(as = SourceOfReport)]
pub enum Source {
    User,
    TrustedFlagger,
    Hotline,
    Authority,
    /// The platform's own machinery.
    System,
}

impl Source {
    pub const ALL: [Source; 5] = [
        Source::User,
        Source::TrustedFlagger,
        Source::Hotline,
        Source::Authority,
        Source::System,
    ];

    pub fn as_str(self) -> &'static str {
        match self {
            Source::User => "user",
            Source::TrustedFlagger => "trusted_flagger",
            Source::Hotline => "hotline",
            Source::Authority => "authority",
            Source::System => "system",
        }
    }
}

impl std::str::FromStr for Source {
    type Err = ();

    fn from_str(text: &str) -> std::result::Result<Self, ()> {
        Source::ALL
            .into_iter()
            .find(|source| source.as_str() == text)
            .ok_or(())
    }
}

/// What the reporter said of themselves; all of it may be left out.
#[derive(Clone, Debug, Default)]
pub struct Reporter {
    /// The platform's own name for them.
    pub external_id: Option<String>,
    pub name: Option<String>,
    pub email: Option<String>,
    /// In which they are answered.
    pub language: String,
}

/// A report with where it stands.
#[derive(Clone, Debug)]
pub struct StandingReport {
    pub report: Report,
    pub subject: Subject,
    pub state: ReportState,
    /// What was decided, once it is.
    pub decided: Option<Decided>,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum ReportState {
    Received,
    /// Somebody has claimed its case.
    UnderReview,
    Decided,
}

/// How a report ended.
#[derive(Clone, Debug)]
pub struct Decided {
    pub decision_id: DecisionId,
    pub outcome: Outcome,
    pub measures: Measures,
    pub at: Timestamp,
    /// None for the moment until the report's own entry is written.
    pub entry: Option<EntryId>,
}

/// What was done besides deciding.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Measures {
    None,
    /// The platform was asked, and has not said that any is done.
    AskedFor,
    Taken,
}

impl StandingReport {
    fn from_row(row: &Row) -> Result<StandingReport> {
        let subject = match row.text("subject_kind")?.as_str() {
            "item" => Subject::Item(row.id("subject_id")?),
            "account" => Subject::Account(row.id("subject_id")?),
            other => return Err(Error::Corrupt(format!("a case's subject is \"{other}\""))),
        };
        let decided = match row.optional_id("decision_id")? {
            None => None,
            Some(decision_id) => Some(Decided {
                decision_id,
                outcome: row.parsed("outcome")?,
                measures: match (row.count("n_done")?, row.count("n_actions")?) {
                    (1.., _) => Measures::Taken,
                    (0, 1..) => Measures::AskedFor,
                    (0, 0) => Measures::None,
                },
                at: row.time("decided_at")?,
                entry: row.optional_id("decided_entry")?,
            }),
        };
        let state = match (&decided, row.optional_text("claimed_by")?) {
            (Some(_), _) => ReportState::Decided,
            (None, Some(_)) => ReportState::UnderReview,
            (None, None) => ReportState::Received,
        };
        Ok(StandingReport {
            report: Report {
                id: row.id("id")?,
                case_id: row.id("case_id")?,
                source: row.parsed("source")?,
                organisation_id: row.optional_id("organisation_id")?,
                is_suspended: row.bool("is_suspended")?,
                caller_id: row.optional_id("caller_id")?,
                form_id: row.optional_id("form_id")?,
                reporter: Reporter {
                    external_id: row.optional_text("reporter_external_id")?,
                    name: row.optional_text("reporter_name")?,
                    email: row.optional_text("reporter_email")?,
                    language: row.text("language")?,
                },
                category: row.text("category")?,
                keyword: row.optional_text("keyword")?,
                explanation: row.text("explanation")?,
                address: row.optional_text("address")?,
                good_faith: row.bool("good_faith")?,
                received_at: row.time("received_at")?,
                due_at: row.optional_time("due_at")?,
                received_entry: row.id("received_entry")?,
            },
            subject,
            state,
            decided,
        })
    }
}

/// Which reports a list asks for.
#[derive(Clone, Debug, Default)]
pub struct ReportFilter {
    pub case: Option<CaseId>,
    pub organisation: Option<OrganisationId>,
    pub source: Option<Source>,
    pub is_decided: Option<bool>,
}

const INSERT: &str = "
    INSERT INTO reports (id, case_id, source, organisation_id, is_suspended, caller_id,
                         form_id, reporter_external_id, reporter_name, reporter_email, language, category,
                         keyword, explanation, address, good_faith, received_at, due_at,
                         received_entry)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18,
            $19)";
const BY_ID: &str = "
    SELECT r.id, r.case_id, r.source, r.organisation_id, r.is_suspended, r.caller_id,
           r.form_id, r.reporter_external_id, r.reporter_name, r.reporter_email, r.language, r.category,
           r.keyword, r.explanation, r.address, r.good_faith, r.received_at, r.due_at,
           r.received_entry, r.decision_id, r.decided_entry, c.subject_kind, c.subject_id,
           c.claimed_by, d.outcome, d.decided_at,
           (SELECT COUNT(*) FROM actions a WHERE a.decision_id = d.id) AS n_actions,
           (SELECT COUNT(*) FROM actions a WHERE a.decision_id = d.id AND a.state = 'done') AS n_done
      FROM reports r JOIN cases c ON c.id = r.case_id LEFT JOIN decisions d ON d.id = r.decision_id
     WHERE r.id = $1";
const LIST: &str = "
    SELECT r.id, r.case_id, r.source, r.organisation_id, r.is_suspended, r.caller_id,
           r.form_id, r.reporter_external_id, r.reporter_name, r.reporter_email, r.language, r.category,
           r.keyword, r.explanation, r.address, r.good_faith, r.received_at, r.due_at,
           r.received_entry, r.decision_id, r.decided_entry, c.subject_kind, c.subject_id,
           c.claimed_by, d.outcome, d.decided_at,
           (SELECT COUNT(*) FROM actions a WHERE a.decision_id = d.id) AS n_actions,
           (SELECT COUNT(*) FROM actions a WHERE a.decision_id = d.id AND a.state = 'done') AS n_done
      FROM reports r JOIN cases c ON c.id = r.case_id LEFT JOIN decisions d ON d.id = r.decision_id
     WHERE (CAST($1 AS TEXT) IS NULL OR r.id < $1)
       AND (CAST($3 AS TEXT) IS NULL OR r.case_id = $3)
       AND (CAST($4 AS TEXT) IS NULL OR r.organisation_id = $4)
       AND (CAST($5 AS TEXT) IS NULL OR r.source = $5)
       AND (CAST($6 AS BIGINT) IS NULL
            OR $6 = CASE WHEN r.decision_id IS NULL THEN 0 ELSE 1 END)
       AND (r.caller_id = $7 OR ((CAST($8 AS TEXT) IS NULL
                  AND ($10 = 1 OR NOT EXISTS (SELECT 1 FROM child_safety_cases x WHERE x.case_id = c.id)))
                 OR EXISTS (SELECT 1 FROM person_cases w WHERE w.person_id = $8 AND w.case_id = c.id
                               AND w.scope IN ($9, 'admin'))))
     ORDER BY r.id DESC LIMIT $2";
const BY_FORM: &str = "SELECT id FROM reports WHERE form_id = $1";
const COUNT_OF_CASE: &str = "
    SELECT COUNT(*) AS n FROM reports WHERE case_id = $1";
const SAME_OF_CASE: &str = "
    SELECT COUNT(*) AS n FROM (
        SELECT id FROM reports WHERE case_id = $1 AND source = $2 AND category = $3 LIMIT 1
    ) AS first";
const DECIDE: &str =
    "UPDATE reports SET decision_id = $2 WHERE case_id = $1 AND decision_id IS NULL";
const UNTOLD: &str = "
    SELECT r.id, r.case_id, r.source, r.organisation_id, r.is_suspended, r.caller_id,
           r.form_id, r.reporter_external_id, r.reporter_name, r.reporter_email, r.language, r.category,
           r.keyword, r.explanation, r.address, r.good_faith, r.received_at, r.due_at,
           r.received_entry, r.decision_id, r.decided_entry, c.subject_kind, c.subject_id,
           c.claimed_by, d.outcome, d.decided_at,
           (SELECT COUNT(*) FROM actions a WHERE a.decision_id = d.id) AS n_actions,
           (SELECT COUNT(*) FROM actions a WHERE a.decision_id = d.id AND a.state = 'done') AS n_done
      FROM reports r JOIN cases c ON c.id = r.case_id JOIN decisions d ON d.id = r.decision_id
     WHERE r.decision_id = $1 AND r.decided_entry IS NULL ORDER BY r.id LIMIT $2";
const TELL: &str = "
    UPDATE reports SET decided_entry = $2 WHERE id = $1 AND decided_entry IS NULL";

impl Tx {
    pub async fn insert_report(&mut self, report: &Report) -> Result<()> {
        let args = args![
            &report.id,
            &report.case_id,
            report.source.as_str(),
            report.organisation_id.as_ref(),
            report.is_suspended,
            report.caller_id.as_ref(),
            report.form_id.as_ref(),
            report.reporter.external_id.as_ref(),
            report.reporter.name.as_ref(),
            report.reporter.email.as_ref(),
            &report.reporter.language,
            &report.category,
            report.keyword.as_ref(),
            &report.explanation,
            report.address.as_ref(),
            report.good_faith,
            report.received_at,
            report.due_at,
            &report.received_entry
        ];
        self.execute(INSERT, args).await?;
        Ok(())
    }

    pub async fn report(&mut self, id: &ReportId) -> Result<Option<StandingReport>> {
        self.optional(BY_ID, args![id], StandingReport::from_row)
            .await
    }

    /// The report that a public form has become.
    pub async fn report_of_form(&mut self, form: &FormId) -> Result<Option<ReportId>> {
        self.optional(BY_FORM, args![form], |row| row.id("id"))
            .await
    }

    /// The reports that `by` handed in, and those of cases within their reach.
    pub async fn reports(
        &mut self,
        filter: &ReportFilter,
        (by, reach): (&CallerId, &Reach),
        page: &Page,
    ) -> Result<PageOf<StandingReport>> {
        let args = args![
            page.below(),
            page.probe(),
            filter.case.as_ref(),
            filter.organisation.as_ref(),
            filter.source.map(Source::as_str),
            filter.is_decided.map(i64::from),
            by,
            reach.person.as_ref(),
            reach.scope,
            reach.child_safety
        ];
        let rows = self.all(LIST, args, StandingReport::from_row).await?;
        Ok(page.cut(rows, |standing| name_of(&standing.report.id)))
    }

    pub async fn report_count(&mut self, case: &CaseId) -> Result<u64> {
        self.one(COUNT_OF_CASE, args![case], |row| row.count("n"))
            .await
    }

    /// Whether the case has a report from such a source in this category.
    pub async fn has_report_like(
        &mut self,
        case: &CaseId,
        source: Source,
        category: &str,
    ) -> Result<bool> {
        let args = args![case, source.as_str(), category];
        Ok(self.one(SAME_OF_CASE, args, |row| row.int("n")).await? > 0)
    }

    /// Ends all reports of a case with its decision. How many those are.
    pub async fn decide_reports(&mut self, case: &CaseId, decision: &DecisionId) -> Result<u64> {
        self.execute(DECIDE, args![case, decision]).await
    }

    /// Reports that ended with this decision and whose reporters were not told yet, oldest first.
    pub async fn untold_reports(
        &mut self,
        decision: &DecisionId,
        limit: u32,
    ) -> Result<Vec<StandingReport>> {
        self.all(UNTOLD, args![decision, limit], StandingReport::from_row)
            .await
    }

    /// Writes down that the reporter is told. False when that was written before.
    pub async fn mark_report_told(&mut self, id: &ReportId, entry: &EntryId) -> Result<bool> {
        Ok(self.execute(TELL, args![id, entry]).await? == 1)
    }
}
