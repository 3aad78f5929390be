//! The ledger's rows: entries, tiles, checkpoints. What they mean is in `ledger`.

use crate::clock::Timestamp;
use crate::id::{CallerId, EntryId, Name};
use crate::ledger::entry::{canonical_json, commitment};
use crate::store::db::args;
use crate::store::page::Page;
use crate::store::{Error, PageOf, Result, Row, Tx};

/// Who did what is recorded.
#[derive(Clone, Debug)]
pub enum Actor {
    /// By a key or a person.
    Caller(CallerId),
    /// Somebody who is not known, by the public form.
    Public,
    /// Watchhouse itself, by a rule or on a timetable.
    System,
}

impl Actor {
    pub fn as_str(&self) -> &str {
        match self {
            Actor::Caller(id) => id.as_str(),
            Actor::Public => "public",
            Actor::System => "system",
        }
    }
}

/// An entry with what opens its commitment.
#[derive(Clone, Debug)]
pub struct Entry {
    pub id: EntryId,
    /// Its index in the tree; None until the sequencer has placed it.
    pub position: Option<u64>,
    pub at: Timestamp,
    pub kind: String,
    pub actor: String,
    /// Canonical JSON, exactly the text that is committed to.
    pub body: String,
    pub salt: [u8; 32],
    pub commitment: [u8; 32],
}

/// An entry that is not in the tree yet.
#[derive(Clone, Debug)]
pub struct WaitingEntry {
    pub id: EntryId,
    pub commitment: [u8; 32],
}

/// A checkpoint that was signed.
#[derive(Clone, Debug)]
pub struct SignedCheckpoint {
    pub size: u64,
    pub root: [u8; 32],
    pub note: String,
    pub signed_at: Timestamp,
}

impl Entry {
    fn from_row(row: &Row) -> Result<Entry> {
        Ok(Entry {
            id: row.id("id")?,
            position: row.optional_int("position")?.map(i64::unsigned_abs),
            at: row.time("at")?,
            kind: row.text("kind")?,
            actor: row.text("actor")?,
            body: row.text("body")?,
            salt: row.array("salt")?,
            commitment: row.array("commitment")?,
        })
    }
}

impl SignedCheckpoint {
    fn from_row(row: &Row) -> Result<SignedCheckpoint> {
        Ok(SignedCheckpoint {
            size: row.count("size")?,
            root: row.array("root")?,
            note: row.text("note")?,
            signed_at: row.time("signed_at")?,
        })
    }
}

const INSERT: &str = "
    INSERT INTO ledger_entries (id, at, kind, actor, body, salt, commitment)
    VALUES ($1, $2, $3, $4, $5, $6, $7)";
const WAITING: &str = "
    SELECT id, commitment FROM ledger_entries WHERE position IS NULL ORDER BY id LIMIT $1";
const PLACE: &str = "UPDATE ledger_entries SET position = $2 WHERE id = $1 AND position IS NULL";
const LAST: &str = "
    SELECT size, root, note, signed_at FROM ledger_checkpoints ORDER BY size DESC LIMIT 1";
const INSERT_CHECKPOINT: &str = "
    INSERT INTO ledger_checkpoints (size, root, note, signed_at) VALUES ($1, $2, $3, $4)";
const FORGET_CHECKPOINTS: &str = "
    DELETE FROM ledger_checkpoints
     WHERE signed_at < $1 AND size < (SELECT MAX(size) FROM ledger_checkpoints)";
const TILE: &str = "SELECT hashes FROM ledger_tiles WHERE level = $1 AND number = $2";
const PUT_TILE: &str = "
    INSERT INTO ledger_tiles (level, number, hashes) VALUES ($1, $2, $3)
    ON CONFLICT (level, number) DO UPDATE SET hashes = excluded.hashes";
const COMMITMENTS: &str = "
    SELECT commitment FROM ledger_entries WHERE position >= $1 AND position < $2 ORDER BY position";
const AT_POSITION: &str = "
    SELECT id, position, at, kind, actor, body, salt, commitment
      FROM ledger_entries WHERE position = $1";
const BY_ID: &str = "
    SELECT id, position, at, kind, actor, body, salt, commitment FROM ledger_entries WHERE id = $1";
const LIST: &str = "
    SELECT id, position, at, kind, actor, body, salt, commitment
      FROM ledger_entries
     WHERE (CAST($1 AS TEXT) IS NULL OR id < $1) AND (CAST($3 AS TEXT) IS NULL OR kind = $3)
     ORDER BY id DESC LIMIT $2";
const COUNT_WAITING: &str = "SELECT COUNT(*) AS n FROM ledger_entries WHERE position IS NULL";
// Dialect: PostgreSQL needs a lock that two sequencers cannot hold; SQLite's writer is alone.
const LOCK_SEQUENCER_POSTGRES: &str = "SELECT CAST(pg_advisory_xact_lock(8421) AS TEXT)";

impl Tx {
    /// Writes down that something happened, in the transaction in which it happens.
    ///
    /// The kind, the actor and the instant become part of the committed body.
    pub async fn record(
        &mut self,
        actor: &Actor,
        kind: &str,
        details: serde_json::Value,
    ) -> Result<EntryId> {
        let id: EntryId = self.make();
        let now = self.now;
        let body = serde_json::json!({
            "id": id.as_str(),
            "at": now.to_string(),
            "kind": kind,
            "actor": actor.as_str(),
            "details": details,
        });
        let body = canonical_json(&body).map_err(|error| Error::Corrupt(error.to_string()))?;
        let salt: [u8; 32] = self.ids.random_bytes();
        let commitment = commitment(&salt, &body);
        let args = args![
            &id,
            now,
            kind,
            actor.as_str(),
            &body,
            salt.as_slice(),
            commitment.as_slice()
        ];
        self.execute(INSERT, args).await?;
        Ok(id)
    }

    /// Keeps every other sequencer out until this transaction ends.
    pub async fn lock_sequencer(&mut self) -> Result<()> {
        if self.dialect == crate::store::Dialect::Postgres {
            self.execute(LOCK_SEQUENCER_POSTGRES, args![]).await?;
        }
        Ok(())
    }

    /// Entries that are not in the tree yet, oldest first.
    pub async fn waiting_entries(&mut self, limit: u32) -> Result<Vec<WaitingEntry>> {
        self.all(WAITING, args![limit], |row| {
            Ok(WaitingEntry {
                id: row.id("id")?,
                commitment: row.array("commitment")?,
            })
        })
        .await
    }

    pub async fn place_entry(&mut self, id: &EntryId, position: u64) -> Result<()> {
        self.execute(PLACE, args![id, position]).await?;
        Ok(())
    }

    pub async fn last_checkpoint(&mut self) -> Result<Option<SignedCheckpoint>> {
        self.optional(LAST, args![], SignedCheckpoint::from_row)
            .await
    }

    pub async fn insert_checkpoint(&mut self, checkpoint: &SignedCheckpoint) -> Result<()> {
        let args = args![
            checkpoint.size,
            checkpoint.root.as_slice(),
            &checkpoint.note,
            checkpoint.signed_at
        ];
        self.execute(INSERT_CHECKPOINT, args).await?;
        Ok(())
    }

    /// Forgets checkpoints that were signed before, but never the last: the tree goes on from there.
    pub async fn forget_checkpoints(&mut self, before: Timestamp) -> Result<()> {
        self.execute(FORGET_CHECKPOINTS, args![before]).await?;
        Ok(())
    }

    /// A tile's hashes as far as it has grown.
    pub async fn tile(&mut self, level: u8, number: u64) -> Result<Option<Vec<u8>>> {
        self.optional(TILE, args![u32::from(level), number], |row| {
            row.bytes("hashes")
        })
        .await
    }

    pub async fn put_tile(&mut self, level: u8, number: u64, hashes: &[u8]) -> Result<()> {
        self.execute(PUT_TILE, args![u32::from(level), number, hashes])
            .await?;
        Ok(())
    }

    /// The entries of the tree from position `from` up to `until`, which is not among them.
    pub async fn commitments(&mut self, from: u64, until: u64) -> Result<Vec<[u8; 32]>> {
        self.all(COMMITMENTS, args![from, until], |row| {
            row.array("commitment")
        })
        .await
    }

    pub async fn entry_at(&mut self, position: u64) -> Result<Option<Entry>> {
        self.optional(AT_POSITION, args![position], Entry::from_row)
            .await
    }

    pub async fn entry(&mut self, id: &EntryId) -> Result<Option<Entry>> {
        self.optional(BY_ID, args![id], Entry::from_row).await
    }

    pub async fn entries(&mut self, kind: Option<&str>, page: &Page) -> Result<PageOf<Entry>> {
        let rows = self
            .all(
                LIST,
                args![page.below(), page.probe(), kind],
                Entry::from_row,
            )
            .await?;
        Ok(page.cut(rows, |entry| entry.id.as_str().to_owned()))
    }

    pub async fn waiting_entry_count(&mut self) -> Result<u64> {
        self.one(COUNT_WAITING, args![], |row| row.count("n")).await
    }
}
