//! Accounts: someone on the platform, by the platform's own id.

use crate::clock::Timestamp;
use crate::id::AccountId;
use crate::store::db::args;
use crate::store::page::{Page, PageOf, name_of};
use crate::store::{Result, Row, Tx};

#[derive(Clone, Debug)]
pub struct Account {
    pub id: AccountId,
    /// The platform's own name for it; unique.
    pub external_id: String,
    /// When Watchhouse first heard of it.
    pub created_at: Timestamp,
}

impl Account {
    fn from_row(row: &Row) -> Result<Account> {
        Ok(Account {
            id: row.id("id")?,
            external_id: row.text("external_id")?,
            created_at: row.time("created_at")?,
        })
    }
}

const INSERT: &str = "
    INSERT INTO accounts (id, external_id, created_at) VALUES ($1, $2, $3)
    ON CONFLICT (external_id) DO NOTHING";
const BY_EXTERNAL_ID: &str =
    "SELECT id, external_id, created_at FROM accounts WHERE external_id = $1";
const BY_ID: &str = "SELECT id, external_id, created_at FROM accounts WHERE id = $1";
const LIST: &str = "
    SELECT id, external_id, created_at FROM accounts
     WHERE (CAST($1 AS TEXT) IS NULL OR id < $1)
       AND (CAST($3 AS TEXT) IS NULL OR external_id = $3)
     ORDER BY id DESC LIMIT $2";

impl Tx {
    /// The account with this name, made if it is new.
    pub async fn ensure_account(&mut self, external_id: &str) -> Result<Account> {
        let id: AccountId = self.make();
        let now = self.now;
        self.execute(INSERT, args![&id, external_id, now]).await?;
        self.one(BY_EXTERNAL_ID, args![external_id], Account::from_row)
            .await
    }

    pub async fn account(&mut self, id: &AccountId) -> Result<Option<Account>> {
        self.optional(BY_ID, args![id], Account::from_row).await
    }

    pub async fn accounts(
        &mut self,
        external_id: Option<&str>,
        page: &Page,
    ) -> Result<PageOf<Account>> {
        let args = args![page.below(), page.probe(), external_id];
        let rows = self.all(LIST, args, Account::from_row).await?;
        Ok(page.cut(rows, |account| name_of(&account.id)))
    }
}
