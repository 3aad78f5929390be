//! How cases are closed, and opened again when that is undone.

use std::time::Duration;

use crate::clock::later;
use crate::id::{CallerId, CaseId, DecisionId};
use crate::store::cases::Case;
use crate::store::db::args;
use crate::store::{Result, Tx};

const DECIDE: &str = "
    UPDATE cases SET state = 'decided', decided_at = $3, changed_at = $3
     WHERE id = $1 AND state = 'open' AND claimed_by = $2 AND lease_until > $3 AND version = $4
       AND proposal_id IS NULL";
const PROPOSE: &str = "
    UPDATE cases SET proposal_id = $5, claimed_by = NULL, claimed_at = NULL, lease_until = NULL,
                     changed_at = $3
     WHERE id = $1 AND state = 'open' AND claimed_by = $2 AND lease_until > $3 AND version = $4
       AND proposal_id IS NULL";
const DECIDE_PROPOSED: &str = "
    UPDATE cases SET state = 'decided', decided_at = $2, changed_at = $2, proposal_id = NULL
     WHERE id = $1 AND state = 'open' AND proposal_id = $3 AND version = $4";
const DROP_PROPOSAL: &str = "
    UPDATE cases SET proposal_id = NULL, changed_at = $2 WHERE id = $1 AND proposal_id = $3";
const REOPEN: &str = "
    UPDATE cases SET state = 'open', decided_at = NULL, changed_at = $2, version = version + 1,
                     claimed_by = $3, claimed_at = $2, lease_until = $4
     WHERE id = $1 AND state = 'decided'";
const MERGE: &str = "UPDATE cases SET merged_into = $2, changed_at = $3 WHERE id = $1";
const TAKE_IN: &str = "
    UPDATE cases SET version = version + 1, changed_at = $3,
                     priority = CASE WHEN priority < $2 THEN $2 ELSE priority END
     WHERE id = $1";
/// What belongs to a case and goes where it goes.
const MOVES: [&str; 5] = [
    "UPDATE reports SET case_id = $2 WHERE case_id = $1",
    "UPDATE matches SET case_id = $2 WHERE case_id = $1",
    "UPDATE case_reasons SET case_id = $2 WHERE case_id = $1",
    "UPDATE evidence SET case_id = $2 WHERE case_id = $1",
    "UPDATE appeals SET case_id = $2 WHERE case_id = $1",
];

impl Tx {
    /// Closes a case that `by` has at this moment and that nothing has joined since `version`. Of two
    /// who try at once, one gets true.
    pub async fn close_case(&mut self, id: &CaseId, by: &CallerId, version: u32) -> Result<bool> {
        let now = self.now;
        Ok(self.execute(DECIDE, args![id, by, now, version]).await? == 1)
    }

    /// Has a case that `by` has at this moment wait for a second person; nobody has it meanwhile.
    pub async fn propose_on_case(
        &mut self,
        id: &CaseId,
        by: &CallerId,
        version: u32,
        proposal: &DecisionId,
    ) -> Result<bool> {
        let now = self.now;
        let args = args![id, by, now, version, proposal];
        Ok(self.execute(PROPOSE, args).await? == 1)
    }

    /// Closes a case with the decision that was proposed, unless something has joined since `version`.
    pub async fn close_proposed_case(
        &mut self,
        id: &CaseId,
        proposal: &DecisionId,
        version: u32,
    ) -> Result<bool> {
        let now = self.now;
        let args = args![id, now, proposal, version];
        Ok(self.execute(DECIDE_PROPOSED, args).await? == 1)
    }

    /// Gives a case back to all whose proposed decision was refused.
    pub async fn drop_proposal(&mut self, id: &CaseId, proposal: &DecisionId) -> Result<()> {
        let now = self.now;
        self.execute(DROP_PROPOSAL, args![id, now, proposal])
            .await?;
        Ok(())
    }

    /// Opens a case again whose decision was undone, claimed by whoever undid it. Where another case on
    /// the subject was opened meanwhile, that one takes in all that this one had, and is returned; its
    /// deadline is for the caller to hasten.
    pub async fn reopen_case(
        &mut self,
        case: &Case,
        by: &CallerId,
        lease: Duration,
    ) -> Result<Option<CaseId>> {
        let now = self.now;
        if let Some(open) = self.open_case(&case.subject).await? {
            self.merge_case(case, &open).await?;
            return Ok(Some(open));
        }
        let args = args![&case.id, now, by, later(now, lease)];
        self.execute(REOPEN, args).await?;
        Ok(None)
    }

    async fn merge_case(&mut self, from: &Case, into: &CaseId) -> Result<()> {
        let now = self.now;
        for sql in MOVES {
            self.execute(sql, args![&from.id, into]).await?;
        }
        self.add_case_categories_of(&from.id, into).await?;
        self.execute(MERGE, args![&from.id, into, now]).await?;
        self.execute(TAKE_IN, args![into, from.priority, now])
            .await?;
        Ok(())
    }
}
