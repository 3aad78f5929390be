//! Strikes: what decisions weigh on an account, until they expire or are lifted.

use crate::clock::Timestamp;
use crate::id::{AccountId, DecisionId, StrikeId};
use crate::store::db::args;
use crate::store::{Result, Row, Tx};

#[derive(Clone, Debug)]
pub struct Strike {
    pub id: StrikeId,
    pub account_id: AccountId,
    pub decision_id: DecisionId,
    /// The name of the policy.
    pub policy: String,
    pub weight: u32,
    pub given_at: Timestamp,
    /// None: it stays.
    pub expires_at: Option<Timestamp>,
    /// When its decision was reversed.
    pub lifted_at: Option<Timestamp>,
}

impl Strike {
    /// Whether it weighs at this time.
    pub fn counts_at(&self, now: Timestamp) -> bool {
        self.lifted_at.is_none() && self.expires_at.is_none_or(|at| at > now)
    }

    fn from_row(row: &Row) -> Result<Strike> {
        Ok(Strike {
            id: row.id("id")?,
            account_id: row.id("account_id")?,
            decision_id: row.id("decision_id")?,
            policy: row.text("policy")?,
            weight: row.small("weight")?,
            given_at: row.time("given_at")?,
            expires_at: row.optional_time("expires_at")?,
            lifted_at: row.optional_time("lifted_at")?,
        })
    }
}

const INSERT: &str = "
    INSERT INTO strikes (id, account_id, decision_id, policy, weight, given_at, expires_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const OF_ACCOUNT: &str = "
    SELECT id, account_id, decision_id, policy, weight, given_at, expires_at, lifted_at
      FROM strikes WHERE account_id = $1 ORDER BY id DESC LIMIT 200";
const LIFT: &str = "
    UPDATE strikes SET lifted_at = $2 WHERE decision_id = $1 AND lifted_at IS NULL";

impl Tx {
    pub async fn insert_strike(&mut self, strike: &Strike) -> Result<()> {
        let args = args![
            &strike.id,
            &strike.account_id,
            &strike.decision_id,
            &strike.policy,
            strike.weight,
            strike.given_at,
            strike.expires_at
        ];
        self.execute(INSERT, args).await?;
        Ok(())
    }

    /// Newest first, at most 200.
    pub async fn strikes_of_account(&mut self, account: &AccountId) -> Result<Vec<Strike>> {
        self.all(OF_ACCOUNT, args![account], Strike::from_row).await
    }

    /// Takes the weight from a decision that is reversed. False when it had none.
    pub async fn lift_strike(&mut self, decision: &DecisionId) -> Result<bool> {
        let now = self.now;
        Ok(self.execute(LIFT, args![decision, now]).await? == 1)
    }
}
