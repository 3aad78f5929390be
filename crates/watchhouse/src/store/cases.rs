//! Cases: what one reviewer decides. Everything known about one subject, in one queue.
//!
//! There is at most one open case for a subject; the unique index `cases_open` says so. A claim is
//! a lease: it lapses by itself, and nobody else can decide while it holds.

mod closing;

use std::time::Duration;

use crate::clock::{Timestamp, later};
use crate::id::{AccountId, CallerId, CaseId, DecisionId, ItemId, MatchId, Name, SightingId};
use crate::store::db::args;
use crate::store::page::{Page, PageOf, name_of};
use crate::store::reach::Reach;
use crate::store::{Dialect, Error, Result, Row, Tx};

#[derive(Clone, Debug)]
pub struct Case {
    pub id: CaseId,
    pub state: CaseState,
    pub subject: Subject,
    pub queue: String,
    /// 0 to 100; higher is sooner.
    pub priority: u32,
    pub opened_at: Timestamp,
    pub changed_at: Timestamp,
    /// 1 when it is opened, and one more whenever something joins it.
    pub version: u32,
    /// The last claim; it may have lapsed. See `claim_at`.
    pub claim: Option<Claim>,
    pub decided_at: Option<Timestamp>,
    /// When the first of its reports has to be answered.
    pub due_at: Option<Timestamp>,
    /// The decision that waits for a second person.
    pub proposal: Option<DecisionId>,
    /// The case on the same subject that took in what this one had.
    pub merged_into: Option<CaseId>,
}

#[derive(
    Clone, Copy, Debug, PartialEq, Eq, serde::Serialize, serde::Deserialize, utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum CaseState {
    Open,
    Decided,
}

/// What a case is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Subject {
    Item(ItemId),
    Account(AccountId),
}

/// Who has a case, and until when.
#[derive(Clone, Debug)]
pub struct Claim {
    pub by: CallerId,
    pub by_name: String,
    pub since: Timestamp,
    pub until: Timestamp,
}

/// A case that something has just opened or joined, as it is now.
#[derive(Clone, Debug)]
pub struct Joined {
    pub id: CaseId,
    pub queue: String,
    pub priority: u32,
    pub version: u32,
    /// True when it was opened, false when it was open.
    pub is_new: bool,
}

impl Joined {
    fn from_row(row: &Row) -> Result<Joined> {
        Ok(Joined {
            id: row.id("id")?,
            queue: row.text("queue")?,
            priority: row.small("priority")?,
            version: row.small("version")?,
            is_new: false,
        })
    }
}

/// How a claim came about.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Claimed {
    Taken,
    /// It was the caller's already.
    Renewed,
}

/// Why a case exists, from one scan.
#[derive(Clone, Debug)]
pub struct CaseReason {
    pub sighting_id: SightingId,
    pub code: String,
    pub text: String,
    pub rule: Option<(String, u32)>,
    pub match_id: Option<MatchId>,
}

impl CaseState {
    pub fn as_str(self) -> &'static str {
        match self {
            CaseState::Open => "open",
            CaseState::Decided => "decided",
        }
    }
}

impl Subject {
    pub fn kind(&self) -> &'static str {
        match self {
            Subject::Item(_) => "item",
            Subject::Account(_) => "account",
        }
    }

    pub fn id(&self) -> &str {
        match self {
            Subject::Item(id) => id.as_str(),
            Subject::Account(id) => id.as_str(),
        }
    }
}

impl Case {
    /// The claim that holds at this moment.
    pub fn claim_at(&self, now: Timestamp) -> Option<&Claim> {
        self.claim
            .as_ref()
            .filter(|claim| self.state == CaseState::Open && claim.until > now)
    }

    fn from_row(row: &Row) -> Result<Case> {
        let state = match row.text("state")?.as_str() {
            "open" => CaseState::Open,
            "decided" => CaseState::Decided,
            other => return Err(Error::Corrupt(format!("a case's state is \"{other}\""))),
        };
        let subject = match row.text("subject_kind")?.as_str() {
            "item" => Subject::Item(row.id("subject_id")?),
            "account" => Subject::Account(row.id("subject_id")?),
            other => return Err(Error::Corrupt(format!("a case's subject is \"{other}\""))),
        };
        let claim = match row.optional_id("claimed_by")? {
            None => None,
            Some(by) => Some(Claim {
                by,
                by_name: row.text("claimed_by_name")?,
                since: row.time("claimed_at")?,
                until: row.time("lease_until")?,
            }),
        };
        Ok(Case {
            id: row.id("id")?,
            state,
            subject,
            queue: row.text("queue")?,
            priority: row.small("priority")?,
            opened_at: row.time("opened_at")?,
            changed_at: row.time("changed_at")?,
            version: row.small("version")?,
            claim,
            decided_at: row.optional_time("decided_at")?,
            due_at: row.optional_time("due_at")?,
            proposal: row.optional_id("proposal_id")?,
            merged_into: row.optional_id("merged_into")?,
        })
    }
}

const OPEN: &str = "
    INSERT INTO cases (id, state, subject_kind, subject_id, queue, priority, opened_at, changed_at,
                       version)
    VALUES ($1, 'open', $2, $3, $4, $5, $6, $6, 1)
    ON CONFLICT (subject_kind, subject_id) WHERE state = 'open' DO NOTHING";
// A case only ever rises: a second, weaker reason does not push it down.
const JOIN: &str = "
    UPDATE cases SET queue = CASE WHEN $4 > priority THEN $3 ELSE queue END,
                     priority = CASE WHEN $4 > priority THEN $4 ELSE priority END,
                     changed_at = $5,
                     version = version + 1
     WHERE subject_kind = $1 AND subject_id = $2 AND state = 'open'
    RETURNING id, queue, priority, version";
// What joins without saying anything new leaves the version, so that a flood of the same keeps nobody from
// deciding.
const JOIN_QUIETLY: &str = "
    UPDATE cases SET queue = CASE WHEN $4 > priority THEN $3 ELSE queue END,
                     priority = CASE WHEN $4 > priority THEN $4 ELSE priority END,
                     changed_at = $5
     WHERE subject_kind = $1 AND subject_id = $2 AND state = 'open'
    RETURNING id, queue, priority, version";
const OPEN_CASE: &str = "
    SELECT id FROM cases WHERE subject_kind = $1 AND subject_id = $2 AND state = 'open'";
const HASTEN: &str = "
    UPDATE cases SET due_at = $2
     WHERE id = $1 AND state = 'open' AND (due_at IS NULL OR due_at > $2)";
const RAISE: &str = "
    UPDATE cases SET priority = CASE WHEN priority + $2 > 100 THEN 100 ELSE priority + $2 END,
                     changed_at = $3
     WHERE id = $1 AND state = 'open' AND due_at = $4
    RETURNING id, queue, priority, version";
const COUNT_OVERDUE: &str = "
    SELECT COUNT(*) AS n FROM cases WHERE state = 'open' AND due_at IS NOT NULL AND due_at <= $1";
const BY_ID: &str = "
    SELECT c.id, c.state, c.subject_kind, c.subject_id, c.queue, c.priority, c.opened_at,
           c.changed_at, c.version, c.claimed_by, c.claimed_at, c.lease_until,
           c.decided_at, c.due_at, c.proposal_id, c.merged_into, k.name AS claimed_by_name
      FROM cases c LEFT JOIN callers k ON k.id = c.claimed_by WHERE c.id = $1";
const LIST: &str = "
    SELECT c.id, c.state, c.subject_kind, c.subject_id, c.queue, c.priority, c.opened_at,
           c.changed_at, c.version, c.claimed_by, c.claimed_at, c.lease_until,
           c.decided_at, c.due_at, c.proposal_id, c.merged_into, k.name AS claimed_by_name
      FROM cases c LEFT JOIN callers k ON k.id = c.claimed_by
     WHERE (CAST($1 AS TEXT) IS NULL OR c.id < $1)
       AND (CAST($3 AS TEXT) IS NULL OR c.state = $3)
       AND (CAST($4 AS TEXT) IS NULL OR c.queue = $4)
       AND (CAST($5 AS TEXT) IS NULL OR c.subject_id = $5)
       AND (CAST($6 AS BIGINT) IS NULL
            OR $6 = CASE WHEN c.state = 'open' AND c.lease_until > $7 THEN 1 ELSE 0 END)
       AND (CAST($8 AS BIGINT) IS NULL
            OR $8 = CASE WHEN c.state = 'open' AND c.due_at <= $7 THEN 1 ELSE 0 END)
       AND ((CAST($9 AS TEXT) IS NULL
             AND ($11 = 1 OR NOT EXISTS (SELECT 1 FROM child_safety_cases x WHERE x.case_id = c.id)))
            OR EXISTS (SELECT 1 FROM person_cases w WHERE w.person_id = $9 AND w.case_id = c.id
                          AND w.scope IN ($10, 'admin')))
     ORDER BY c.id DESC LIMIT $2";
const INSERT_REASON: &str = "
    INSERT INTO case_reasons (case_id, sighting_id, position, code, text, rule, rule_version, match_id)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const NEXT_POSITION: &str = "
    SELECT COUNT(*) AS n FROM case_reasons WHERE case_id = $1 AND sighting_id = $2";
const REASONS: &str = "
    SELECT sighting_id, code, text, rule, rule_version, match_id
      FROM case_reasons WHERE case_id = $1 ORDER BY sighting_id DESC, position LIMIT 200";
// Take, then renew: whoever waited for another's row lock in between sees what that one did.
const TAKE: &str = "
    UPDATE cases SET claimed_by = $2, claimed_at = $3, lease_until = $4
     WHERE id = $1 AND state = 'open' AND (claimed_by IS NULL OR lease_until <= $3)
       AND proposal_id IS NULL";
macro_rules! next {
    ($queue:literal, $lock:literal) => {
        concat!(
            "SELECT c.id FROM cases c
              WHERE c.state = 'open' AND (c.claimed_by IS NULL OR c.lease_until <= $1)
                AND c.proposal_id IS NULL ",
            $queue,
            " AND ((CAST($3 AS TEXT) IS NULL
                    AND ($5 = 1
                         OR NOT EXISTS (SELECT 1 FROM child_safety_cases x WHERE x.case_id = c.id)))
                   OR EXISTS (SELECT 1 FROM person_cases w WHERE w.person_id = $3 AND w.case_id = c.id
                                 AND w.scope IN ($4, 'admin')))",
            // Who decided what is appealed against does not decide again.
            " AND NOT EXISTS (SELECT 1 FROM appeals a JOIN decisions d ON d.id = a.decision_id
                               WHERE a.case_id = c.id AND a.answer_id IS NULL
                                 AND (d.decided_by = $6 OR d.seconded_by = $6))
              ORDER BY c.priority DESC, COALESCE(c.due_at, 9223372036854775807), c.id LIMIT $2 ",
            $lock
        )
    };
}

// Dialect: PostgreSQL steps over what others are claiming at this moment; SQLite's writer is alone.
const NEXT: &str = next!("", "");
const NEXT_POSTGRES: &str = next!("", "FOR UPDATE OF c SKIP LOCKED");
const NEXT_IN_QUEUE: &str = next!("AND c.queue = $7", "");
const NEXT_IN_QUEUE_POSTGRES: &str = next!("AND c.queue = $7", "FOR UPDATE OF c SKIP LOCKED");
const RENEW: &str = "
    UPDATE cases SET lease_until = $4
     WHERE id = $1 AND state = 'open' AND claimed_by = $2 AND lease_until > $3";
const RELEASE: &str = "
    UPDATE cases SET claimed_by = NULL, claimed_at = NULL, lease_until = NULL
     WHERE id = $1 AND state = 'open' AND claimed_by = $2 AND lease_until > $3";
const COUNT_OPEN: &str = "SELECT COUNT(*) AS n FROM cases WHERE state = 'open'";

/// Each one fails only if somebody opens a case in one moment and decides it in the next.
const ENSURE_TRIES: usize = 5;

/// Which cases a list asks for.
#[derive(Clone, Debug, Default)]
pub struct CaseFilter {
    pub state: Option<CaseState>,
    pub queue: Option<String>,
    /// The id of an item or an account.
    pub subject: Option<String>,
    /// Whether somebody has it now.
    pub is_claimed: Option<bool>,
    /// Whether it should have been decided by now.
    pub is_overdue: Option<bool>,
}

/// What the case that comes next has to be.
pub struct NextCase<'a> {
    /// None: in every queue.
    pub queue: Option<&'a str>,
    pub except: &'a [CaseId],
    pub reach: &'a Reach,
}

impl Tx {
    /// Opens a case on a subject, or joins the one that is open.
    pub async fn ensure_case(
        &mut self,
        subject: &Subject,
        queue: &str,
        priority: u32,
    ) -> Result<Joined> {
        self.open_or_join(subject, queue, priority, JOIN).await
    }

    /// The same for what says nothing new: a case that was open keeps its version.
    pub async fn ensure_case_quietly(
        &mut self,
        subject: &Subject,
        queue: &str,
        priority: u32,
    ) -> Result<Joined> {
        self.open_or_join(subject, queue, priority, JOIN_QUIETLY)
            .await
    }

    async fn open_or_join(
        &mut self,
        subject: &Subject,
        queue: &str,
        priority: u32,
        join: &'static str,
    ) -> Result<Joined> {
        let id: CaseId = self.make();
        let now = self.now;
        for _ in 0..ENSURE_TRIES {
            let args = args![&id, subject.kind(), subject.id(), queue, priority, now];
            if self.execute(OPEN, args).await? == 1 {
                return Ok(Joined {
                    id,
                    queue: queue.to_owned(),
                    priority,
                    version: 1,
                    is_new: true,
                });
            }
            let args = args![subject.kind(), subject.id(), queue, priority, now];
            if let Some(joined) = self.optional(join, args, Joined::from_row).await? {
                return Ok(joined);
            }
            // It was decided between the two statements: open a new one.
        }
        Err(Error::Unavailable(
            "the case was decided again and again at this moment".to_owned(),
        ))
    }

    pub async fn add_case_reasons(&mut self, case: &CaseId, reasons: &[CaseReason]) -> Result<()> {
        for reason in reasons {
            let position = self
                .one(NEXT_POSITION, args![case, &reason.sighting_id], |row| {
                    row.int("n")
                })
                .await?;
            let args = args![
                case,
                &reason.sighting_id,
                position,
                &reason.code,
                &reason.text,
                reason.rule.as_ref().map(|(name, _)| name),
                reason.rule.as_ref().map(|(_, version)| *version),
                reason.match_id.as_ref()
            ];
            self.execute(INSERT_REASON, args).await?;
        }
        Ok(())
    }

    /// Newest scan first, at most 200.
    pub async fn case_reasons(&mut self, case: &CaseId) -> Result<Vec<CaseReason>> {
        self.all(REASONS, args![case], |row| {
            Ok(CaseReason {
                sighting_id: row.id("sighting_id")?,
                code: row.text("code")?,
                text: row.text("text")?,
                rule: row
                    .optional_text("rule")?
                    .zip(row.optional_small("rule_version")?),
                match_id: row.optional_id("match_id")?,
            })
        })
        .await
    }

    pub async fn case(&mut self, id: &CaseId) -> Result<Option<Case>> {
        self.optional(BY_ID, args![id], Case::from_row).await
    }

    /// The cases within the caller's reach.
    pub async fn cases(
        &mut self,
        filter: &CaseFilter,
        reach: &Reach,
        page: &Page,
    ) -> Result<PageOf<Case>> {
        let now = self.now;
        let args = args![
            page.below(),
            page.probe(),
            filter.state.map(CaseState::as_str),
            filter.queue.as_ref(),
            filter.subject.as_ref(),
            filter.is_claimed.map(i64::from),
            now,
            filter.is_overdue.map(i64::from),
            reach.person.as_ref(),
            reach.scope,
            reach.child_safety
        ];
        let rows = self.all(LIST, args, Case::from_row).await?;
        Ok(page.cut(rows, |case| name_of(&case.id)))
    }

    /// Claims a case, or renews the claim. None when somebody else has it, or it is not open.
    pub async fn claim_case(
        &mut self,
        id: &CaseId,
        by: &CallerId,
        lease: Duration,
    ) -> Result<Option<Claimed>> {
        let now = self.now;
        let until = later(now, lease);
        if self.execute(TAKE, args![id, by, now, until]).await? == 1 {
            return Ok(Some(Claimed::Taken));
        }
        let is_renewed = self.execute(RENEW, args![id, by, now, until]).await? == 1;
        Ok(is_renewed.then_some(Claimed::Renewed))
    }

    /// Claims the case that comes next: of the highest priority, of these the first that is due, of these the
    /// oldest. None when there is none that nobody has.
    pub async fn claim_next_case(
        &mut self,
        wanted: &NextCase<'_>,
        by: &CallerId,
        lease: Duration,
    ) -> Result<Option<CaseId>> {
        let NextCase {
            queue,
            except,
            reach,
        } = wanted;
        let now = self.now;
        let n_most = u32::try_from(except.len() + 1).expect("a call names a few cases");
        let is_postgres = self.dialect == Dialect::Postgres;
        let mut args = args![
            now,
            n_most,
            reach.person.as_ref(),
            reach.scope,
            reach.child_safety,
            by
        ];
        let sql = match (queue, is_postgres) {
            (None, false) => NEXT,
            (None, true) => NEXT_POSTGRES,
            (Some(_), false) => NEXT_IN_QUEUE,
            (Some(_), true) => NEXT_IN_QUEUE_POSTGRES,
        };
        if let Some(queue) = queue {
            args.push(*queue);
        }
        let found = self.all(sql, args, |row| row.id::<CaseId>("id")).await?;
        let Some(next) = found.into_iter().find(|id| !except.contains(id)) else {
            return Ok(None);
        };
        let until = later(now, lease);
        let is_taken = self.execute(TAKE, args![&next, by, now, until]).await? == 1;
        Ok(is_taken.then_some(next))
    }

    /// False when `by` does not have it.
    pub async fn release_case(&mut self, id: &CaseId, by: &CallerId) -> Result<bool> {
        let now = self.now;
        Ok(self.execute(RELEASE, args![id, by, now]).await? == 1)
    }

    /// The case on this subject that is open.
    pub async fn open_case(&mut self, subject: &Subject) -> Result<Option<CaseId>> {
        let args = args![subject.kind(), subject.id()];
        self.optional(OPEN_CASE, args, |row| row.id("id")).await
    }

    /// Has an open case due at this time, unless it is due earlier. False when it is.
    pub async fn hasten_case(&mut self, id: &CaseId, due_at: Timestamp) -> Result<bool> {
        Ok(self.execute(HASTEN, args![id, due_at]).await? == 1)
    }

    /// Raises the priority of a case, if it is still open and due at this time.
    pub async fn raise_case(
        &mut self,
        id: &CaseId,
        by: u32,
        due_at: Timestamp,
    ) -> Result<Option<Joined>> {
        let now = self.now;
        self.optional(RAISE, args![id, by, now, due_at], Joined::from_row)
            .await
    }

    /// How many open cases should have been decided by now.
    pub async fn overdue_case_count(&mut self) -> Result<u64> {
        let now = self.now;
        self.one(COUNT_OVERDUE, args![now], |row| row.count("n"))
            .await
    }

    pub async fn open_case_count(&mut self) -> Result<u64> {
        self.one(COUNT_OPEN, args![], |row| row.count("n")).await
    }
}
