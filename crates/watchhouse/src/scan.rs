//! An upload's way: hashes, matches, judgement, and one transaction that writes what came of it.
//!
//! `check` finds out and changes nothing; `record` writes. It fails closed: what could not be decoded
//! or looked up is a problem, and a problem holds the upload whatever the rules say.

mod check;
mod explain;
mod past;
mod record;
mod videos;
mod writing;

pub use check::{UNCHECKED_PRIORITY, UNCHECKED_QUEUE, check};
pub use explain::{Banks, DIGESTS, MATCHES_A_BANK};
pub use past::{look_again, record_past};
pub use record::record;
pub use videos::{meet as meet_videos, video_of};
pub use writing::meet as meet_urls;

use bytes::Bytes;
use watchhouse_match::Transform;

use crate::id::{CaseId, EvidenceId, JobId, MatchId};
use crate::rules::Verdict;
use crate::store::banks::Bank;
use crate::store::cases::CaseReason;
use crate::store::hashes::BankedHash;
use crate::store::items::{Item, NewItem};
use crate::store::matches::{Place, SharesOfVideo};
use crate::store::sightings::Sighting;

/// What the platform sent.
#[derive(Clone, Debug)]
pub struct Upload {
    pub item: NewItem,
    /// None if only what the item says is scanned.
    pub media: Option<Bytes>,
    /// Web addresses that the item leads to, beside those in its text.
    pub links: Vec<String>,
}

/// Why media could not be checked. `code` is part of the API.
#[derive(Clone, Debug)]
pub struct Problem {
    pub code: String,
    pub text: String,
}

/// A match before it has a row.
#[derive(Clone, Debug)]
pub struct NewMatch {
    pub id: MatchId,
    pub bank: Bank,
    pub hash: BankedHash,
    /// In bits; 0 for a digest; for a video the percent of the known one's frames that was not found.
    pub distance: u32,
    pub threshold: u32,
    pub transform: Transform,
    /// None for a digest of the whole file.
    pub frame: Option<u32>,
    /// By its name; None for a digest.
    pub variant: Option<String>,
    pub quality: Option<u32>,
    /// Where in what was written. None for media.
    pub place: Option<Place>,
    /// When the frame of a video is shown.
    pub timestamp_ms: Option<u64>,
    /// Of a video.
    pub shares: Option<SharesOfVideo>,
    /// The first rule that fired on it.
    pub rule: Option<(String, u32)>,
}

/// Everything that is known of an upload, and nothing written yet.
#[derive(Clone, Debug)]
pub struct Checked {
    pub sighting: Sighting,
    pub item: NewItem,
    pub verdict: Verdict,
    /// Matches that are recorded: the closest of each bank.
    pub matches: Vec<NewMatch>,
    /// How many more there were.
    pub more_matches: usize,
    pub reasons: Vec<CaseReason>,
    /// Where a person should look, if one should.
    pub queue: Option<String>,
    pub priority: u32,
    /// The sealed copy, if the rules asked for one.
    pub evidence: Option<SealedCopy>,
}

/// A sealed copy that no row names yet.
#[derive(Clone, Debug)]
pub struct SealedCopy {
    pub id: EvidenceId,
    pub blob: String,
    /// The job that deletes it. Whoever writes the row withdraws the job, in the same transaction.
    pub forget: JobId,
}

impl Checked {
    /// True when its sighting is all that is to be written.
    pub fn found_nothing(&self) -> bool {
        self.matches.is_empty() && self.reasons.is_empty() && self.evidence.is_none()
    }
}

/// What was written.
#[derive(Clone, Debug, Default)]
pub struct Recorded {
    /// None when nothing matched and nothing was wrong: then there is only the sighting.
    pub item: Option<Item>,
    pub case: Option<CaseId>,
}
