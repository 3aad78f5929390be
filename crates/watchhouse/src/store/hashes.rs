//! Hashes in banks. A removed hash keeps its row, because matches point at it.

use std::borrow::Cow;
use std::ops::Range;

use futures::TryStreamExt as _;
use futures::stream::{self, BoxStream};
use serde::Deserialize;
use sha2::{Digest as _, Sha256};
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

/// An [`IndexedHash`] as it is first read: without the hash where that is long.
struct Listed {
    number: u64,
    bank_number: u32,
    hash: Option<Result<Hash>>,
}

impl Listed {
    fn from_row(row: &Row) -> Result<Listed> {
        let kind = row.text("kind")?;
        let value = row.optional_bytes("value")?;
        Ok(Listed {
            number: row.count("number")?,
            bank_number: row.small("bank_number")?,
            hash: value.map(|value| hash_of(&kind, &value)),
        })
    }
}

fn read_hash(row: &Row) -> Result<Hash> {
    hash_of(&row.text("kind")?, &row.bytes("value")?)
}

fn hash_of(kind: &str, value: &[u8]) -> Result<Hash> {
    let kind: HashKind = kind.parse().map_err(corrupt)?;
    Hash::from_bytes(kind, value).map_err(corrupt)
}

fn corrupt(error: impl std::fmt::Display) -> Error {
    Error::Corrupt(format!("a hash: {error}"))
}

/// A row of `ADDED_SQLITE` or `ADDED_POSTGRES`: number, the bank's number, kind, value in hex if it is not
/// long.
#[derive(Deserialize)]
struct AddedHash(u64, u32, String, Option<String>);

impl From<AddedHash> for Listed {
    fn from(AddedHash(number, bank_number, kind, value): AddedHash) -> Listed {
        let hash = value.map(|value| {
            let bytes = hex::decode(&value).ok_or_else(|| corrupt("a value that is no hex"))?;
            hash_of(&kind, &bytes)
        });
        Listed {
            number,
            bank_number,
            hash,
        }
    }
}

/// What stands in the index for a hash, and all of it where that is something else.
fn columns(hash: &Hash) -> (Cow<'_, [u8]>, Option<&[u8]>) {
    match hash.as_bytes() {
        short if short.len() <= LONGEST_VALUE => (Cow::Borrowed(short), None),
        long => (Cow::Owned(Sha256::digest(long).to_vec()), Some(long)),
    }
}

const BY_NUMBER: &str = "
    SELECT number, bank_id, kind, COALESCE(content, value) AS value, source, external_id,
           category, added_at, removed_at
      FROM hashes WHERE number = $1";
const NUMBERED: &str = "
    SELECT number, bank_id, kind, COALESCE(content, value) AS value, source, external_id,
           category, added_at, removed_at
      FROM hashes WHERE number >= $1 AND number < $2 ORDER BY number";
const LIST: &str = "
    SELECT number, bank_id, kind, COALESCE(content, value) AS value, source, external_id,
           category, added_at, removed_at
      FROM hashes
     WHERE bank_id = $1 AND removed_at IS NULL AND number < $2 ORDER BY number DESC LIMIT $3";
const CONTENT: &str =
    "SELECT kind, COALESCE(content, value) AS value FROM hashes WHERE number = $1";
const REMOVE: &str = "
    UPDATE hashes SET removed_at = $3, removed_number = $4
     WHERE number = $1 AND bank_id = $2 AND removed_at IS NULL";
// Dialect: how JSON and hex are made. One row for many hashes: a row each costs more than the hashes.
const ADDED_SQLITE: &str = "
    SELECT MAX(number) AS last, json_group_array(
               json_array(number, bank_number, kind, CASE WHEN value IS NOT NULL THEN hex(value) END)) AS hashes
      FROM (SELECT h.number, b.number AS bank_number, h.kind,
                   CASE WHEN h.content IS NULL THEN h.value END AS value
              FROM hashes h JOIN banks b ON b.id = h.bank_id
             WHERE h.number > $1 AND h.number <= $2 AND (h.removed_number IS NULL OR h.removed_number > $2)
             ORDER BY h.number LIMIT $3) AS added";
const ADDED_POSTGRES: &str = "
    SELECT MAX(number) AS last,
           CAST(json_agg(json_build_array(number, bank_number, kind, encode(value, 'hex'))) AS TEXT) AS hashes
      FROM (SELECT h.number, b.number AS bank_number, h.kind,
                   CASE WHEN h.content IS NULL THEN h.value END AS value
              FROM hashes h JOIN banks b ON b.id = h.bank_id
             WHERE h.number > $1 AND h.number <= $2 AND (h.removed_number IS NULL OR h.removed_number > $2)
             ORDER BY h.number LIMIT $3) AS added";
const SOME_ADDED: &str = "
    SELECT h.number, b.number AS bank_number, h.kind,
           CASE WHEN h.content IS NULL THEN h.value END AS value
      FROM hashes h JOIN banks b ON b.id = h.bank_id
     WHERE h.number > $1 AND h.number <= $2 AND h.removed_at IS NULL
     ORDER BY h.number LIMIT $3";
// In the order of the index that knows a bank's hashes: by number, each call would read all of them.
const SOME_OF_BANK: &str = "
    SELECT h.number, b.number AS bank_number, h.kind,
           CASE WHEN h.content IS NULL THEN h.value END AS value
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
    INSERT INTO hashes (number, bank_id, kind, value, source, external_id, category, added_at, content)
    SELECT $1 + key, $2, $3, substr($4, key * $5 + 1, $5), value ->> 0, value ->> 1, value ->> 2, $6,
           substr($8, key * $9 + 1, $9)
      FROM json_each($7) WHERE TRUE
        ON CONFLICT (bank_id, kind, value) WHERE removed_at IS NULL DO NOTHING";
const INSERT_POSTGRES: &str = "
    INSERT INTO hashes (number, bank_id, kind, value, source, external_id, category, added_at, content)
    SELECT $1 + nth - 1, $2, $3,
           substr(CAST($4 AS BYTEA), CAST((nth - 1) * $5 + 1 AS INTEGER), CAST($5 AS INTEGER)),
           texts ->> 0, texts ->> 1, texts ->> 2, $6,
           substr(CAST($8 AS BYTEA), CAST((nth - 1) * $9 + 1 AS INTEGER), CAST($9 AS INTEGER))
      FROM jsonb_array_elements(CAST(CAST($7 AS TEXT) AS JSONB)) WITH ORDINALITY AS rows (texts, nth)
        ON CONFLICT (bank_id, kind, value) WHERE removed_at IS NULL DO NOTHING";

/// Rows a statement, inserted or read: some hundred kilobytes.
const ROWS_A_STATEMENT: usize = 2_048;

/// Fewer, where hashes are long.
const LONG_BYTES_A_STATEMENT: usize = 4 << 20;

/// An index on either database takes no longer values.
const LONGEST_VALUE: usize = 2_048;

/// When enough long hashes have been read at a time.
const LONG_BYTES_A_READ: usize = 32 << 20;

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
            let size = of_one_form[0].hash.as_bytes().len().max(1);
            let n_rows = (LONG_BYTES_A_STATEMENT / size).clamp(1, ROWS_A_STATEMENT);
            for rows in of_one_form.chunks(n_rows) {
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
        let kind = rows[0].hash.kind();
        let (mut values, mut contents) = (Vec::new(), None);
        for new in rows {
            let (value, content) = columns(&new.hash);
            values.extend_from_slice(&value);
            if let Some(content) = content {
                contents.get_or_insert_with(Vec::new).extend(content);
            }
        }
        let size = |bytes: &[u8]| (bytes.len() / rows.len()) as u64;
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
            kind.as_str(),
            values.as_slice(),
            size(&values),
            self.now,
            texts,
            contents.as_deref(),
            contents.as_deref().map_or(0, size)
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
        let mut added: Vec<AddedHash> = self
            .one(sql, args, |row| match row.optional_int("last")? {
                Some(_) => row.json("hashes"),
                None => Ok(Vec::new()),
            })
            .await?;
        added.sort_unstable_by_key(|AddedHash(number, ..)| *number);
        let hashes = self.read_long(added.into_iter().map(Listed::from)).await?;
        let last = hashes.last().map(|hash| hash.number);
        Ok(last.map(|last| (last, hashes.into_iter().map(Ok).collect())))
    }

    /// Reads the hashes that are long one by one. The rest is left out once that is enough at a time.
    async fn read_long(
        &mut self,
        listed: impl IntoIterator<Item = Listed>,
    ) -> Result<Vec<IndexedHash>> {
        let mut hashes = Vec::new();
        let mut n_bytes = 0;
        for Listed {
            number,
            bank_number,
            hash,
        } in listed
        {
            let hash = match hash {
                Some(hash) => hash,
                None if n_bytes >= LONG_BYTES_A_READ => break,
                None => {
                    self.one(CONTENT, args![number], |row| Ok(read_hash(row)))
                        .await?
                }
            };
            n_bytes += hash.as_ref().map_or(0, |hash| hash.as_bytes().len());
            hashes.push(IndexedHash {
                number,
                bank_number,
                hash,
            });
        }
        Ok(hashes)
    }

    /// The first live hashes, at most `limit`, with numbers after `since`, up to and with `until`.
    pub async fn some_hashes_added(
        &mut self,
        since: u64,
        until: u64,
        limit: u32,
    ) -> Result<Vec<IndexedHash>> {
        let args = args![since, until, limit];
        let listed = self.all(SOME_ADDED, args, Listed::from_row).await?;
        self.read_long(listed).await
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
        let listed = self.all(SOME_OF_BANK, args, Listed::from_row).await?;
        self.read_long(listed).await
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
