//! Evidence: sealed copies of media. The rows; the bytes are in `blobs`, sealed by `vault`.

use crate::clock::Timestamp;
use crate::id::{CaseId, EvidenceId, ItemId, SightingId};
use crate::store::db::args;
use crate::store::{Result, Row, Tx};

#[derive(Clone, Debug)]
pub struct Evidence {
    pub id: EvidenceId,
    pub item_id: ItemId,
    pub sighting_id: SightingId,
    pub case_id: CaseId,
    /// Of the media, not of the sealed form.
    pub sha256: [u8; 32],
    pub size_bytes: u64,
    /// Where the sealed bytes are.
    pub blob: String,
    pub sealed_at: Timestamp,
}

impl Evidence {
    fn from_row(row: &Row) -> Result<Evidence> {
        Ok(Evidence {
            id: row.id("id")?,
            item_id: row.id("item_id")?,
            sighting_id: row.id("sighting_id")?,
            case_id: row.id("case_id")?,
            sha256: row.array("sha256")?,
            size_bytes: row.count("size_bytes")?,
            blob: row.text("blob")?,
            sealed_at: row.time("sealed_at")?,
        })
    }
}

const INSERT: &str = "
    INSERT INTO evidence (id, item_id, sighting_id, case_id, sha256, size_bytes, blob, sealed_at)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8)";
const COUNT: &str = "SELECT COUNT(*) AS n FROM evidence WHERE id = $1";
const OF_CASE: &str = "
    SELECT id, item_id, sighting_id, case_id, sha256, size_bytes, blob, sealed_at
      FROM evidence WHERE case_id = $1 ORDER BY id DESC LIMIT 200";

impl Tx {
    pub async fn insert_evidence(&mut self, evidence: &Evidence) -> Result<()> {
        let args = args![
            &evidence.id,
            &evidence.item_id,
            &evidence.sighting_id,
            &evidence.case_id,
            evidence.sha256.as_slice(),
            evidence.size_bytes,
            &evidence.blob,
            evidence.sealed_at
        ];
        self.execute(INSERT, args).await?;
        Ok(())
    }

    pub async fn has_evidence(&mut self, id: &EvidenceId) -> Result<bool> {
        Ok(self.one(COUNT, args![id], |row| row.int("n")).await? > 0)
    }

    /// Newest first, at most 200.
    pub async fn evidence_of_case(&mut self, case: &CaseId) -> Result<Vec<Evidence>> {
        self.all(OF_CASE, args![case], Evidence::from_row).await
    }
}
