//! Sightings: the hashes of every media ever scanned, kept without the media.

use watchhouse_match::{Digests, UrlKey};

use crate::clock::Timestamp;
use crate::id::SightingId;
use crate::store::db::args;
use crate::store::items::NewItem;
use crate::store::{Result, Row, Tx};
use crate::surface::Surface;

#[derive(Clone, Debug)]
pub struct Sighting {
    pub id: SightingId,
    pub scanned_at: Timestamp,
    pub item_external_id: String,
    pub item_kind: String,
    pub account_external_id: Option<String>,
    pub surface: Surface,
    /// The verdict that was given: `allow`, `hold` or `block`.
    pub verdict: String,
    /// Why the media could not be checked, if it could not.
    pub problem: Option<String>,
    /// False if only something written was scanned. Then the digests are those of no bytes, which no bank
    /// can list.
    pub has_media: bool,
    pub sha256: [u8; 32],
    pub sha1: [u8; 20],
    pub md5: [u8; 16],
    pub size_bytes: u64,
    pub format: Option<String>,
    pub width: Option<u32>,
    pub height: Option<u32>,
    /// Empty when the media is no picture or could not be decoded.
    pub frames: Vec<SeenFrame>,
    /// What the web addresses in what was written are found by, in any order. Empty between two people:
    /// nothing is kept of what they say.
    pub url_keys: Vec<UrlKey>,
}

/// One picture of a media: most have one, an animation and a video have many.
#[derive(Clone, Debug)]
pub struct SeenFrame {
    pub frame: u32,
    /// The variant of it that was hashed, by its name.
    pub variant: String,
    pub pdq: [u8; 32],
    /// 0 to 100.
    pub quality: u32,
    /// When it is shown, in a video.
    pub timestamp_ms: Option<u64>,
}

impl Sighting {
    fn from_row(row: &Row) -> Result<Sighting> {
        Ok(Sighting {
            id: row.id("id")?,
            scanned_at: row.time("scanned_at")?,
            item_external_id: row.text("item_external_id")?,
            item_kind: row.text("item_kind")?,
            account_external_id: row.optional_text("account_external_id")?,
            surface: row.parsed("surface")?,
            verdict: row.text("verdict")?,
            problem: row.optional_text("problem")?,
            has_media: row.bool("has_media")?,
            sha256: row.array("sha256")?,
            sha1: row.array("sha1")?,
            md5: row.array("md5")?,
            size_bytes: row.count("size_bytes")?,
            format: row.optional_text("format")?,
            width: row.optional_small("width")?,
            height: row.optional_small("height")?,
            frames: Vec::new(),
            url_keys: read_url_keys(row)?,
        })
    }

    pub fn digests(&self) -> Digests {
        Digests {
            sha256: self.sha256,
            sha1: self.sha1,
            md5: self.md5,
        }
    }

    /// What the platform said of the item, as far as a sighting keeps it.
    pub fn item(&self) -> NewItem {
        NewItem {
            external_id: self.item_external_id.clone(),
            kind: self.item_kind.clone(),
            surface: self.surface,
            account_external_id: self.account_external_id.clone(),
            address: None,
            text: None,
        }
    }
}

const INSERT: &str = "
    INSERT INTO sightings (id, scanned_at, item_external_id, item_kind, account_external_id, surface,
                           verdict, problem, sha256, sha1, md5, size_bytes, format, width, height,
                           has_media, url_keys)
    VALUES ($1, $2, $3, $4, $5, $6, $7, $8, $9, $10, $11, $12, $13, $14, $15, $16, $17)";
const INSERT_FRAME: &str = "
    INSERT INTO sighting_frames (sighting_id, frame, variant, pdq, quality, timestamp_ms)
    VALUES ($1, $2, $3, $4, $5, $6)";
const BY_ID: &str = "
    SELECT id, scanned_at, item_external_id, item_kind, account_external_id, surface, verdict,
           problem, sha256, sha1, md5, size_bytes, format, width, height, has_media, url_keys
      FROM sightings WHERE id = $1";
// Changes nothing, and on PostgreSQL keeps others who say the same waiting until the commit.
const LOCK: &str = "UPDATE sightings SET verdict = verdict WHERE id = $1";
const FRAMES: &str = "
    SELECT frame, variant, pdq, quality, timestamp_ms FROM sighting_frames
     WHERE sighting_id = $1 ORDER BY frame, variant, pdq";
const DIGESTS_AFTER: &str =
    "SELECT id, sha256, sha1, md5, url_keys FROM sightings WHERE id > $1 ORDER BY id LIMIT $2";
const FRAMES_BETWEEN: &str = "
    SELECT sighting_id, frame, variant, pdq, quality, timestamp_ms FROM sighting_frames
     WHERE sighting_id > $1 AND sighting_id <= $2 ORDER BY sighting_id, frame, variant, pdq";

/// The digests of one sighting and what its web addresses are found by, for a search of the past.
#[derive(Clone, Debug)]
pub struct SeenDigests {
    pub id: SightingId,
    pub digests: Digests,
    pub url_keys: Vec<UrlKey>,
}

impl Tx {
    pub async fn insert_sighting(&mut self, sighting: &Sighting) -> Result<()> {
        let url_keys: Vec<u8> = sighting.url_keys.iter().flat_map(|key| key.0).collect();
        let url_keys = Some(url_keys).filter(|keys| !keys.is_empty());
        let args = args![
            &sighting.id,
            sighting.scanned_at,
            &sighting.item_external_id,
            &sighting.item_kind,
            sighting.account_external_id.as_ref(),
            sighting.surface.as_str(),
            &sighting.verdict,
            sighting.problem.as_ref(),
            sighting.sha256.as_slice(),
            sighting.sha1.as_slice(),
            sighting.md5.as_slice(),
            sighting.size_bytes,
            sighting.format.as_ref(),
            sighting.width,
            sighting.height,
            sighting.has_media,
            url_keys.as_deref()
        ];
        self.execute(INSERT, args).await?;
        for frame in &sighting.frames {
            let args = args![
                &sighting.id,
                frame.frame,
                &frame.variant,
                frame.pdq.as_slice(),
                frame.quality,
                frame.timestamp_ms
            ];
            self.execute(INSERT_FRAME, args).await?;
        }
        Ok(())
    }

    pub async fn sighting(&mut self, id: &SightingId) -> Result<Option<Sighting>> {
        let Some(mut sighting) = self.optional(BY_ID, args![id], Sighting::from_row).await? else {
            return Ok(None);
        };
        sighting.frames = self.all(FRAMES, args![id], read_frame).await?;
        Ok(Some(sighting))
    }

    /// Keeps other searches of the past off a sighting until the commit.
    pub async fn lock_sighting(&mut self, id: &SightingId) -> Result<()> {
        self.execute(LOCK, args![id]).await?;
        Ok(())
    }

    /// The digests of sightings after `after`, oldest first, at most `limit`.
    pub async fn digests_after(&mut self, after: &str, limit: u32) -> Result<Vec<SeenDigests>> {
        self.all(DIGESTS_AFTER, args![after, limit], |row| {
            Ok(SeenDigests {
                id: row.id("id")?,
                digests: Digests {
                    sha256: row.array("sha256")?,
                    sha1: row.array("sha1")?,
                    md5: row.array("md5")?,
                },
                url_keys: read_url_keys(row)?,
            })
        })
        .await
    }

    /// The frames of sightings after `after`, up to and with `until`, each sighting's as it has them.
    pub async fn frames_between(
        &mut self,
        after: &str,
        until: &SightingId,
    ) -> Result<Vec<(SightingId, SeenFrame)>> {
        self.all(FRAMES_BETWEEN, args![after, until], |row| {
            Ok((row.id("sighting_id")?, read_frame(row)?))
        })
        .await
    }
}

fn read_url_keys(row: &Row) -> Result<Vec<UrlKey>> {
    let bytes = row.optional_bytes("url_keys")?.unwrap_or_default();
    let (keys, _) = bytes.as_chunks::<16>();
    Ok(keys.iter().copied().map(UrlKey).collect())
}

fn read_frame(row: &Row) -> Result<SeenFrame> {
    Ok(SeenFrame {
        frame: row.small("frame")?,
        variant: row.text("variant")?,
        pdq: row.array("pdq")?,
        quality: row.small("quality")?,
        timestamp_ms: row.optional_count("timestamp_ms")?,
    })
}
