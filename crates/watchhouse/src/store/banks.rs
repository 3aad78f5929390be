//! Banks: named lists of hashes with one meaning, one threshold and one owner.

use crate::clock::Timestamp;
use crate::id::BankId;
use crate::store::db::args;
use crate::store::page::{Page, PageOf, name_of};
use crate::store::{Result, Row, Tx};

#[derive(Clone, Debug)]
pub struct Bank {
    pub id: BankId,
    /// What the index calls it: small, and never used again.
    pub number: u32,
    /// Unique.
    pub name: String,
    pub description: String,
    /// Who answers for what is in it.
    pub owner: String,
    /// What its hashes are of, in the operator's words.
    pub category: String,
    /// The greatest PDQ distance that is a match, 0 to 63 of 256 bits.
    pub threshold: u32,
    /// How much of a known video an upload must have, in percent; 0 is any frame at all.
    pub of_known: u32,
    /// How much of an upload a known video must have, likewise.
    pub of_upload: u32,
    /// A bank that is switched off matches nothing and keeps its hashes.
    pub is_enabled: bool,
    pub hash_count: u64,
    pub created_at: Timestamp,
    pub changed_at: Timestamp,
}

impl Bank {
    fn from_row(row: &Row) -> Result<Bank> {
        Ok(Bank {
            id: row.id("id")?,
            number: row.small("number")?,
            name: row.text("name")?,
            description: row.text("description")?,
            owner: row.text("owner")?,
            category: row.text("category")?,
            threshold: row.small("threshold")?,
            of_known: row.small("of_known")?,
            of_upload: row.small("of_upload")?,
            is_enabled: row.bool("is_enabled")?,
            hash_count: row.count("hash_count")?,
            created_at: row.time("created_at")?,
            changed_at: row.time("changed_at")?,
        })
    }
}

const TAKE_NUMBERS: &str =
    "UPDATE counters SET value = value + $1 WHERE name = 'index' RETURNING value";
const NUMBER_BANK: &str =
    "UPDATE counters SET value = value + 1 WHERE name = 'banks' RETURNING value";
const LAST_NUMBER: &str = "SELECT value FROM counters WHERE name = 'index'";
const INSERT: &str = "
    INSERT INTO banks (id, number, name, description, owner, category, threshold, of_known, of_upload,
                       is_enabled, created_at, changed_at, changed_number)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $11, $12)";
const UPDATE: &str = "
    UPDATE banks SET name = $2, description = $3, owner = $4, category = $5, threshold = $6,
                     of_known = $7, of_upload = $8, is_enabled = $9, changed_at = $10,
                     changed_number = $11
     WHERE id = $1";
const COUNT_HASHES: &str = "UPDATE banks SET hash_count = hash_count + $2 WHERE id = $1";
const BY_ID: &str = "
    SELECT id, number, name, description, owner, category, threshold, of_known, of_upload,
           is_enabled, hash_count, created_at, changed_at
      FROM banks WHERE id = $1";
const LIST: &str = "
    SELECT id, number, name, description, owner, category, threshold, of_known, of_upload,
           is_enabled, hash_count, created_at, changed_at
      FROM banks WHERE CAST($1 AS TEXT) IS NULL OR id < $1 ORDER BY id DESC LIMIT $2";
const CHANGED: &str = "
    SELECT id, number, name, description, owner, category, threshold, of_known, of_upload,
           is_enabled, hash_count, created_at, changed_at
      FROM banks WHERE changed_number > $1 AND changed_number <= $2";

impl Tx {
    /// Gives out `count` numbers and returns the last of them. Whoever else wants numbers waits
    /// until this transaction ends: that is what keeps them in order of commit. The transaction MUST be
    /// one of `begin_for_banks`, so that those who wait do not hold all the connections.
    pub(super) async fn take_numbers(&mut self, count: u64) -> Result<u64> {
        debug_assert!(self.has_turn(), "it began with `begin_for_banks`");
        self.one(TAKE_NUMBERS, args![count], |row| row.count("value"))
            .await
    }

    /// The last number given out: how far an index can have come.
    pub async fn last_number(&mut self) -> Result<u64> {
        self.one(LAST_NUMBER, args![], |row| row.count("value"))
            .await
    }

    /// Numbers the bank and inserts it.
    pub async fn insert_bank(&mut self, bank: &mut Bank) -> Result<()> {
        bank.number = self
            .one(NUMBER_BANK, args![], |row| row.small("value"))
            .await?;
        let changed_number = self.take_numbers(1).await?;
        let args = args![
            &bank.id,
            bank.number,
            &bank.name,
            &bank.description,
            &bank.owner,
            &bank.category,
            bank.threshold,
            bank.of_known,
            bank.of_upload,
            bank.is_enabled,
            bank.created_at,
            changed_number
        ];
        self.execute(INSERT, args).await?;
        Ok(())
    }

    pub async fn update_bank(&mut self, bank: &Bank) -> Result<()> {
        let number = self.take_numbers(1).await?;
        let args = args![
            &bank.id,
            &bank.name,
            &bank.description,
            &bank.owner,
            &bank.category,
            bank.threshold,
            bank.of_known,
            bank.of_upload,
            bank.is_enabled,
            bank.changed_at,
            number
        ];
        self.execute(UPDATE, args).await?;
        Ok(())
    }

    pub(super) async fn count_bank_hashes(&mut self, id: &BankId, change: i64) -> Result<()> {
        self.execute(COUNT_HASHES, args![id, change]).await?;
        Ok(())
    }

    pub async fn bank(&mut self, id: &BankId) -> Result<Option<Bank>> {
        self.optional(BY_ID, args![id], Bank::from_row).await
    }

    /// A bank as it stays until this transaction ends, but for what this transaction does to it.
    pub async fn bank_to_change(&mut self, id: &BankId) -> Result<Option<Bank>> {
        // Whoever changes a bank takes numbers: while they are held, what is read cannot grow old.
        self.take_numbers(0).await?;
        self.bank(id).await
    }

    pub async fn banks(&mut self, page: &Page) -> Result<PageOf<Bank>> {
        let rows = self
            .all(LIST, args![page.below(), page.probe()], Bank::from_row)
            .await?;
        Ok(page.cut(rows, |bank| name_of(&bank.id)))
    }

    /// Banks made or changed after the number `since`, up to and with `until`.
    pub async fn banks_changed(&mut self, since: u64, until: u64) -> Result<Vec<Bank>> {
        self.all(CHANGED, args![since, until], Bank::from_row).await
    }
}
