//! Statements of reasons: what somebody was told who is acted against, word for word.

use crate::clock::Timestamp;
use crate::id::{AccountId, DecisionId, EntryId, StatementId};
use crate::statements::Texts;
use crate::store::db::args;
use crate::store::{Result, Row, Tx};

#[derive(Clone, Debug)]
pub struct Statement {
    pub id: StatementId,
    pub decision_id: DecisionId,
    pub account_id: AccountId,
    pub texts: Texts,
    pub issued_at: Timestamp,
    pub entry_id: EntryId,
}

impl Statement {
    fn from_row(row: &Row) -> Result<Statement> {
        Ok(Statement {
            id: row.id("id")?,
            decision_id: row.id("decision_id")?,
            account_id: row.id("account_id")?,
            texts: row.json("texts")?,
            issued_at: row.time("issued_at")?,
            entry_id: row.id("entry_id")?,
        })
    }
}

const INSERT: &str = "
    INSERT INTO statements (id, decision_id, account_id, texts, issued_at, entry_id)
    VALUES ($1, $2, $3, $4, $5, $6)";
const BY_ID: &str = "
    SELECT id, decision_id, account_id, texts, issued_at, entry_id FROM statements WHERE id = $1";
const OF_DECISION: &str = "
    SELECT id, decision_id, account_id, texts, issued_at, entry_id
      FROM statements WHERE decision_id = $1 ORDER BY id";

impl Tx {
    pub async fn insert_statement(&mut self, statement: &Statement) -> Result<()> {
        let texts = serde_json::to_string(&statement.texts).expect("texts are plain data");
        let args = args![
            &statement.id,
            &statement.decision_id,
            &statement.account_id,
            texts,
            statement.issued_at,
            &statement.entry_id
        ];
        self.execute(INSERT, args).await?;
        Ok(())
    }

    pub async fn statement(&mut self, id: &StatementId) -> Result<Option<Statement>> {
        self.optional(BY_ID, args![id], Statement::from_row).await
    }

    pub async fn statements_of_decision(
        &mut self,
        decision: &DecisionId,
    ) -> Result<Vec<Statement>> {
        self.all(OF_DECISION, args![decision], Statement::from_row)
            .await
    }
}
