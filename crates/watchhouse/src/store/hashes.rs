//! Hashes in banks. A removed hash keeps its row, because matches point at it.

use std::ops::Range;

use futures::TryStreamExt as _;
use futures::stream::{self, BoxStream};
use serde::Deserialize;
use watchhouse_match::hash::{Hash, HashKind};

use crate::clock::Timestamp;
use crate::hex;
use crate::id::BankId;
use crate::store::db::args;
use crate::store::page::{Page, PageOf};
use crate::store::{Dialect, Error, Result, Row, Tx};

/// A hash as it lies in a bank.
#[derive(Clone, Debug)]
pub struct BankedHash {
    /// Given out in order of commit, over all banks; never used again.
    pub number: u64,
    pub bank_id: BankId,
    pub hash: Hash,
    /// Where it came from: an exchange's or a file's name.
    pub source: String,
    /// The source's own name for it.
    pub external_id: Option<String>,
    pub category: Option<String>,
    pub added_at: Timestamp,
    pub removed_at: Option<Timestamp>,
}

/// A hash on its way into a bank.
#[derive(Clone, Debug)]
pub struct NewHash {
    pub hash: Hash,
    pub source: String,
    pub external_id: Option<String>,
    pub category: Option<String>,
}

/// A step that an index has to follow.
#[derive(Debug)]
pub struct IndexedHash {
    pub number: u64,
    pub bank_number: u32,
    /// An error where this version cannot read it. The rows after it can be read all the same.
    pub hash: Result<Hash>,
}

impl BankedHash {
    pub(super) fn from_row(row: &Row) -> Result<BankedHash> {
        Ok(BankedHash {
            number: row.count("number")?,
            bank_id: row.id("bank_id")?,
            hash: read_hash(row)?,
            source: row.text("source")?,
            external_id: row.optional_text("external_id")?,
            category: row.optional_text("category")?,
            added_at: row.time("added_at")?,
            removed_at: row.optional_time("removed_at")?,
        })
    }
}

impl IndexedHash {
    fn from_row(row: &Row) -> Result<IndexedHash> {
        Ok(IndexedHash {
            number: row.count("number")?,
            bank_number: row.small("bank_number")?,
            hash: read_hash(row),
        })
    }
}

fn read_hash(row: &Row) -> Result<Hash> {
    let kind: HashKind = row.parsed("kind")?;
    Hash::from_bytes(kind, &row.bytes("value")?).map_err(corrupt)
}

fn corrupt(error: impl std::fmt::Display) -> Error {
    Error::Corrupt(format!("a hash: {error}"))
}

/// A row of `ADDED_SQLITE` or `ADDED_POSTGRES`: number, the bank's number, kind, value in hex.
#[derive(Deserialize)]
struct AddedHash(u64, u32, String, String);

impl From<AddedHash> for IndexedHash {
    fn from(AddedHash(number, bank_number, kind, value): AddedHash) -> IndexedHash {
        let hash = kind.parse().map_err(corrupt).and_then(|kind: HashKind| {
            let bytes = hex::decode(&value).ok_or_else(|| corrupt("a value that is no hex"))?;
            Hash::from_bytes(kind, &bytes).map_err(corrupt)
        });
        IndexedHash {
            number,
            bank_number,
            hash,
        }
    }
}

const BY_NUMBER: &str = "
    SELECT number, bank_id, kind, value, source, external_id, category, added_at, removed_at
      FROM hashes WHERE number = $1";
const NUMBERED: &str = "
    SELECT number, bank_id, kind, value, source, external_id, category, added_at, removed_at
      FROM hashes WHERE number >= $1 AND number < $2 ORDER BY number";
const LIST: &str = "
    SELECT number, bank_id, kind, value, source, external_id, category, added_at, removed_at
      FROM hashes
     WHERE bank_id = $1 AND removed_at IS NULL AND number < $2 ORDER BY number DESC LIMIT $3";
const REMOVE: &str = "
    UPDATE hashes SET removed_at = $3, removed_number = $4
     WHERE number = $1 AND bank_id = $2 AND removed_at IS NULL";
// Dialect: how JSON and hex are made. One row for many hashes: a row each costs more than the hashes.
const ADDED_SQLITE: &str = "
    SELECT MAX(number) AS last, json_group_array(json_array(number, bank_number, kind, hex(value))) AS hashes
      FROM (SELECT h.number, b.number AS bank_number, h.kind, h.value
              FROM hashes h JOIN banks b ON b.id = h.bank_id
             WHERE h.number > $1 AND h.number <= $2 AND (h.removed_number IS NULL OR h.removed_number > $2)
             ORDER BY h.number LIMIT $3) AS added";
const ADDED_POSTGRES: &str = "
    SELECT MAX(number) AS last,
           CAST(json_agg(json_build_array(number, bank_number, kind, encode(value, 'hex'))) AS TEXT) AS hashes
      FROM (SELECT h.number, b.number AS bank_number, h.kind, h.value
              FROM hashes h JOIN banks b ON b.id = h.bank_id
             WHERE h.number > $1 AND h.number <= $2 AND (h.removed_number IS NULL OR h.removed_number > $2)
             ORDER BY h.number LIMIT $3) AS added";
const SOME_ADDED: &str = "
    SELECT h.number, b.number AS bank_number, h.kind, h.value
      FROM hashes h JOIN banks b ON b.id = h.bank_id
     WHERE h.number > $1 AND h.number <= $2 AND h.removed_at IS NULL
     ORDER BY h.number LIMIT $3";
// In the order of the index that knows a bank's hashes: by number, each call would read all of them.
const SOME_OF_BANK: &str = "
    SELECT h.number, b.number AS bank_number, h.kind, h.value
      FROM hashes h JOIN banks b ON b.id = h.bank_id
     WHERE h.bank_id = (SELECT id FROM banks WHERE number = $1) AND h.removed_at IS NULL
       AND h.number <= $2
       AND (h.kind, h.value) > (COALESCE((SELECT kind FROM hashes WHERE number = $3), ''),
                                COALESCE((SELECT value FROM hashes WHERE number = $3), $4))
     ORDER BY h.kind, h.value LIMIT $5";
const REMOVED: &str = "
    SELECT number FROM hashes WHERE removed_number > $1 AND removed_number <= $2";

// Dialect: how a list's elements become rows. The values, of one size, come as bytes one behind the other, and
// only their texts as JSON: binding each field of each row would cost more than inserting it.
const INSERT_SQLITE: &str = "
    INSERT INTO hashes (number, bank_id, kind, value, source, external_id, category, added_at)
    SELECT $1 + key, $2, $3, substr($4, key * $5 + 1, $5), value ->> 0, value ->> 1, value ->> 2, $6
      FROM json_each($7) WHERE TRUE
        ON CONFLICT (bank_id, kind, value) WHERE removed_at IS NULL DO NOTHING";
const INSERT_POSTGRES: &str = "
    INSERT INTO hashes (number, bank_id, kind, value, source, external_id, category, added_at)
    SELECT $1 + nth - 1, $2, $3,
           substr(CAST($4 AS BYTEA), CAST((nth - 1) * $5 + 1 AS INTEGER), CAST($5 AS INTEGER)),
           texts ->> 0, texts ->> 1, texts ->> 2, $6
      FROM jsonb_array_elements(CAST(CAST($7 AS TEXT) AS JSONB)) WITH ORDINALITY AS rows (texts, nth)
        ON CONFLICT (bank_id, kind, value) WHERE removed_at IS NULL DO NOTHING";

/// Rows a statement, inserted or read: some hundred kilobytes.
const ROWS_A_STATEMENT: usize = 2_048;

impl Tx {
    /// Adds hashes to a bank. Those that are there already stay as they are. Returns the first of the
    /// numbers given out, one for each hash in order, and how many were new.
    ///
    /// The caller counts what it added with `bank_grew`.
    pub async fn insert_hashes(&mut self, bank: &BankId, hashes: &[NewHash]) -> Result<Inserted> {
        let last = self.take_numbers(hashes.len() as u64).await?;
        let first_number = last + 1 - hashes.len() as u64;
        let mut added = 0;
        let mut first = first_number;
        let form = |new: &NewHash| (new.hash.kind(), new.hash.as_bytes().len());
        for of_one_form in hashes.chunk_by(|one, next| form(one) == form(next)) {
            for rows in of_one_form.chunks(ROWS_A_STATEMENT) {
                added += self.insert_rows(bank, first, rows).await?;
                first += rows.len() as u64;
            }
        }
        Ok(Inserted {
            first_number,
            added,
        })
    }

    /// Adds rows whose hashes are of one kind and size, with numbers from `first` on.
    async fn insert_rows(&mut self, bank: &BankId, first: u64, rows: &[NewHash]) -> Result<u64> {
        let hash = &rows[0].hash;
        let values: Vec<u8> = rows
            .iter()
            .flat_map(|new| new.hash.as_bytes())
            .copied()
            .collect();
        let texts: Vec<_> = rows
            .iter()
            .map(|new| (&new.source, &new.external_id, &new.category))
            .collect();
        let texts = serde_json::to_string(&texts).expect("texts are JSON");
        let sql = match self.dialect {
            Dialect::Sqlite => INSERT_SQLITE,
            Dialect::Postgres => INSERT_POSTGRES,
        };
        let args = args![
            first,
            bank,
            hash.kind().as_str(),
            values.as_slice(),
            hash.as_bytes().len() as u64,
            self.now,
            texts
        ];
        self.execute(sql, args).await
    }

    /// Keeps a bank's count of its hashes.
    pub async fn bank_grew(&mut self, bank: &BankId, added: u64) -> Result<()> {
        let added = i64::try_from(added).expect("no bank grows by 2^63");
        self.count_bank_hashes(bank, added).await
    }

    pub async fn hash(&mut self, number: u64) -> Result<Option<BankedHash>> {
        self.optional(BY_NUMBER, args![number], BankedHash::from_row)
            .await
    }

    /// The hashes with these numbers, as far as they are there.
    pub async fn hashes_numbered(&mut self, numbers: Range<u64>) -> Result<Vec<BankedHash>> {
        let args = args![numbers.start, numbers.end];
        self.all(NUMBERED, args, BankedHash::from_row).await
    }

    pub async fn hashes(&mut self, bank: &BankId, page: &Page) -> Result<PageOf<BankedHash>> {
        let below = page
            .after
            .as_deref()
            .and_then(|text| text.parse().ok())
            .unwrap_or(i64::MAX);
        let rows = self
            .all(LIST, args![bank, below, page.probe()], BankedHash::from_row)
            .await?;
        Ok(page.cut(rows, |hash| hash.number.to_string()))
    }

    /// False if the bank has no such hash, or no longer.
    pub async fn remove_hash(&mut self, bank: &BankId, number: u64) -> Result<bool> {
        let removed_number = self.take_numbers(1).await?;
        let now = self.now;
        if self
            .execute(REMOVE, args![number, bank, now, removed_number])
            .await?
            == 0
        {
            return Ok(false);
        }
        self.count_bank_hashes(bank, -1).await?;
        Ok(true)
    }

    /// Hashes added after the number `since`, up to and with `until`, and still there then.
    pub fn hashes_added(&mut self, since: u64, until: u64) -> BoxStream<'_, Result<IndexedHash>> {
        let blocks = stream::try_unfold((self, since), move |(tx, since)| async move {
            let block = tx.block_added(since, until).await?;
            Ok::<_, Error>(block.map(|(last, hashes)| (stream::iter(hashes), (tx, last))))
        });
        Box::pin(blocks.try_flatten())
    }

    /// Some of the hashes added after `since`, and the last of their numbers. None if there are none.
    async fn block_added(
        &mut self,
        since: u64,
        until: u64,
    ) -> Result<Option<(u64, Vec<Result<IndexedHash>>)>> {
        let sql = match self.dialect {
            Dialect::Sqlite => ADDED_SQLITE,
            Dialect::Postgres => ADDED_POSTGRES,
        };
        let args = args![since, until, ROWS_A_STATEMENT as u64];
        self.one(sql, args, |row| {
            let Some(last) = row.optional_int("last")? else {
                return Ok(None);
            };
            let last = u64::try_from(last)
                .map_err(|_| Error::Corrupt("a number is negative".to_owned()))?;
            let hashes: Vec<AddedHash> = row.json("hashes")?;
            Ok(Some((
                last,
                hashes.into_iter().map(|added| Ok(added.into())).collect(),
            )))
        })
        .await
    }

    /// The first `limit` live hashes with numbers after `since`, up to and with `until`.
    pub async fn some_hashes_added(
        &mut self,
        since: u64,
        until: u64,
        limit: u32,
    ) -> Result<Vec<IndexedHash>> {
        let args = args![since, until, limit];
        self.all(SOME_ADDED, args, IndexedHash::from_row).await
    }

    /// At most `limit` live hashes of one bank, with numbers up to `until`, in an order of their own.
    /// `after` is the number of the last one that is known, or 0.
    pub async fn some_hashes_of_bank(
        &mut self,
        bank_number: u32,
        until: u64,
        after: u64,
        limit: u32,
    ) -> Result<Vec<IndexedHash>> {
        let nothing: &[u8] = &[];
        let args = args![bank_number, until, after, nothing, limit];
        self.all(SOME_OF_BANK, args, IndexedHash::from_row).await
    }

    /// Numbers of hashes that were removed after the number `since`, up to and with `until`. Some may have
    /// been added after it too: whoever was cut off while it followed may know them.
    pub async fn hashes_removed(&mut self, since: u64, until: u64) -> Result<Vec<u64>> {
        self.all(REMOVED, args![since, until], |row| row.count("number"))
            .await
    }
}

/// What became of an insertion.
#[derive(Clone, Copy, Debug)]
pub struct Inserted {
    pub first_number: u64,
    pub added: u64,
}
