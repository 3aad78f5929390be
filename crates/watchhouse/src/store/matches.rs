//! Matches: a media's hash met a bank's hash, at a distance.

use serde::{Deserialize, Serialize};

use crate::clock::Timestamp;
use crate::id::{CaseId, ItemId, MatchId, SightingId};
use crate::store::db::args;
use crate::store::hashes::BankedHash;
use crate::store::{Result, Row, Tx};

#[derive(Clone, Debug)]
pub struct Match {
    pub id: MatchId,
    pub sighting_id: SightingId,
    pub item_id: ItemId,
    pub case_id: Option<CaseId>,
    pub hash_number: u64,
    /// In bits; 0 for a digest and a URL; for a term 0 as it is written and 1 in disguise; for a video the
    /// percent of the known one's frames that was not found.
    pub distance: u32,
    /// The bank's threshold when the match was found.
    pub threshold: u32,
    /// How the media had to be turned to match.
    pub transform: String,
    /// Which picture of an animation; None for a digest of the whole file.
    pub frame: Option<u32>,
    /// Which variant of that picture, by its name.
    pub variant: Option<String>,
    /// PDQ's quality of that picture, 0 to 100.
    pub quality: Option<u32>,
    /// Where in what was written. None for media, and for what was found in the past.
    pub place: Option<Place>,
    /// When that picture is shown, in a video.
    pub timestamp_ms: Option<u64>,
    /// Of a video.
    pub shares: Option<SharesOfVideo>,
    /// The rule that judged it, with its version.
    pub rule: Option<(String, u32)>,
    pub found_at: Timestamp,
}

/// Where in what was written a match is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the item's text, in characters from 0, without the last.
    Text { start: u32, end: u32 },
    /// Which of the links, from 0.
    Links { index: u32 },
}

impl Place {
    fn from_row(row: &Row) -> Result<Option<Place>> {
        let start = row.optional_small("place_start")?.unwrap_or_default();
        let end = row.optional_small("place_end")?.unwrap_or_default();
        Ok(row
            .optional_text("place")?
            .map(|place| match place.as_str() {
                "links" => Place::Links { index: start },
                _ => Place::Text { start, end },
            }))
    }

    fn columns(self) -> (&'static str, u32, Option<u32>) {
        match self {
            Place::Text { start, end } => ("text", start, Some(end)),
            Place::Links { index } => ("links", index, None),
        }
    }
}

/// How much of a known video and of an upload was found in the other.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct SharesOfVideo {
    pub of_known: ShareOfVideo,
    pub of_upload: ShareOfVideo,
}

/// Frames that are equal count once, and those of poor quality not at all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct ShareOfVideo {
    pub n_met: u64,
    pub n_frames: u64,
    /// What the bank asked for when the match was found, in percent.
    pub threshold: u32,
}

/// A match with what it met: what is needed to explain it.
#[derive(Clone, Debug)]
pub struct ExplainedMatch {
    pub found: Match,
    pub hash: BankedHash,
    pub bank_name: String,
}

/// A match that has its row: what is needed to make no second one.
#[derive(Clone, Copy, Debug)]
pub struct KnownMatch {
    pub hash_number: u64,
    pub bank_number: u32,
    pub distance: u32,
}

impl ExplainedMatch {
    fn from_row(row: &Row) -> Result<ExplainedMatch> {
        let rule = row
            .optional_text("rule")?
            .zip(row.optional_small("rule_version")?);
        Ok(ExplainedMatch {
            found: Match {
                id: row.id("id")?,
                sighting_id: row.id("sighting_id")?,
                item_id: row.id("item_id")?,
                case_id: row.optional_id("case_id")?,
                hash_number: row.count("number")?,
                distance: row.small("distance")?,
                threshold: row.small("threshold")?,
                transform: row.text("transform")?,
                frame: row.optional_small("frame")?,
                variant: row.optional_text("variant")?,
                quality: row.optional_small("quality")?,
                timestamp_ms: row.optional_count("timestamp_ms")?,
                shares: row.optional_json("shares")?,
                place: Place::from_row(row)?,
                rule,
                found_at: row.time("found_at")?,
            },
            hash: BankedHash::from_row(row)?,
            bank_name: row.text("bank_name")?,
        })
    }
}

const INSERT: &str = "
    INSERT INTO matches (id, sighting_id, item_id, case_id, hash_number, distance, threshold,
                         transform, frame, variant, quality, timestamp_ms, shares, rule, rule_version,
                         found_at, place, place_start, place_end)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17, $18, $19)";
const OF_ITEM: &str = "
    SELECT m.id, m.sighting_id, m.item_id, m.case_id, m.distance, m.threshold, m.transform, m.frame,
           m.variant, m.quality, m.timestamp_ms, m.shares, m.rule, m.rule_version, m.found_at, m.place,
           m.place_start, m.place_end, h.number, h.bank_id, h.kind, COALESCE(h.content, h.value) AS value,
           h.source, h.external_id, h.category, h.added_at, h.removed_at, b.name AS bank_name
      FROM matches m JOIN hashes h ON h.number = m.hash_number JOIN banks b ON b.id = h.bank_id
     WHERE m.item_id = $1 ORDER BY m.id DESC LIMIT 200";
const OF_CASE: &str = "
    SELECT m.id, m.sighting_id, m.item_id, m.case_id, m.distance, m.threshold, m.transform, m.frame,
           m.variant, m.quality, m.timestamp_ms, m.shares, m.rule, m.rule_version, m.found_at, m.place,
           m.place_start, m.place_end, h.number, h.bank_id, h.kind, COALESCE(h.content, h.value) AS value,
           h.source, h.external_id, h.category, h.added_at, h.removed_at, b.name AS bank_name
      FROM matches m JOIN hashes h ON h.number = m.hash_number JOIN banks b ON b.id = h.bank_id
     WHERE m.case_id = $1 ORDER BY m.id DESC LIMIT 200";
const OF_SIGHTING: &str = "
    SELECT m.hash_number, m.distance, b.number AS bank_number
      FROM matches m JOIN hashes h ON h.number = m.hash_number JOIN banks b ON b.id = h.bank_id
     WHERE m.sighting_id = $1";

impl Tx {
    pub async fn insert_match(&mut self, found: &Match) -> Result<()> {
        let place = found.place.map(Place::columns);
        let shares = found.shares.as_ref();
        let shares = shares.map(|shares| serde_json::to_string(shares).expect("numbers are JSON"));
        let args = args![
            &found.id,
            &found.sighting_id,
            &found.item_id,
            found.case_id.as_ref(),
            found.hash_number,
            found.distance,
            found.threshold,
            &found.transform,
            found.frame,
            found.variant.as_ref(),
            found.quality,
            found.timestamp_ms,
            shares,
            found.rule.as_ref().map(|(name, _)| name),
            found.rule.as_ref().map(|(_, version)| *version),
            found.found_at,
            place.map(|(name, _, _)| name),
            place.map(|(_, start, _)| start),
            place.and_then(|(_, _, end)| end)
        ];
        self.execute(INSERT, args).await?;
        Ok(())
    }

    /// Newest first, at most 200.
    pub async fn matches_of_item(&mut self, item: &ItemId) -> Result<Vec<ExplainedMatch>> {
        self.all(OF_ITEM, args![item], ExplainedMatch::from_row)
            .await
    }

    /// Newest first, at most 200.
    pub async fn matches_of_case(&mut self, case: &CaseId) -> Result<Vec<ExplainedMatch>> {
        self.all(OF_CASE, args![case], ExplainedMatch::from_row)
            .await
    }

    /// What this sighting was found to match before.
    pub async fn matches_of_sighting(&mut self, sighting: &SightingId) -> Result<Vec<KnownMatch>> {
        self.all(OF_SIGHTING, args![sighting], |row| {
            Ok(KnownMatch {
                hash_number: row.count("hash_number")?,
                bank_number: row.small("bank_number")?,
                distance: row.small("distance")?,
            })
        })
        .await
    }
}
