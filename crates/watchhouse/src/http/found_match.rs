//! A match as answers show it: what met what, where, and how closely.

use serde::Serialize;
use utoipa::ToSchema;

use super::banks::{KindOfHash, ListedHash};
use crate::id::{BankId, MatchId};
use crate::scan::NewMatch;
use crate::store::matches::{ExplainedMatch, Place, ShareOfVideo, SharesOfVideo};

/// A match that explains itself.
#[derive(Serialize, ToSchema)]
pub struct FoundMatch {
    id: MatchId,
    bank: NamedBank,
    #[schema(value_type = KindOfHash)]
    kind: String,
    /// In bits; 0 for a digest and a URL; for a term 0 as it is written and 1 in disguise; for a video the
    /// percent of the known one's frames that was not found.
    distance: u32,
    /// The bank's threshold when the match was found; 0 for a digest and a URL, and 1 for a term; for a
    /// video 100 less `of_known`.
    threshold: u32,
    /// How the picture had to be turned to match.
    transform: String,
    /// Which frame matched; null for a digest of the whole file.
    frame: Option<u32>,
    /// Which variant of that frame, as in `media.frames`.
    variant: Option<String>,
    quality: Option<u32>,
    /// When the frame is shown, in milliseconds. Only a video's frames have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_ms: Option<u64>,
    /// How much of the known video and of this one was found in the other. Only for kind `vpdq`.
    #[serde(skip_serializing_if = "Option::is_none")]
    shares: Option<SharesOfMatch>,
    /// Where in what was written; null for media, and for what was found in the past.
    place: Option<PlaceOfMatch>,
    /// What was met, from where, and since when it is known.
    hash: ListedHash,
    rule: Option<NamedRule>,
}

/// Where in what was written a match is.
#[derive(Serialize, ToSchema)]
#[serde(tag = "in", rename_all = "snake_case")]
pub enum PlaceOfMatch {
    /// In the item's text, in characters (Unicode scalar values) from 0, without the last.
    Text { start: u32, end: u32 },
    /// Which of the links, from 0.
    Links { index: u32 },
}

/// How much of two videos is in the other.
#[derive(Serialize, ToSchema)]
pub struct SharesOfMatch {
    of_known: ShareOfMatch,
    of_upload: ShareOfMatch,
}

/// Frames that are equal count once, and those below quality 50 not at all.
#[derive(Serialize, ToSchema)]
pub struct ShareOfMatch {
    /// Cut off after the decimal point.
    percent: u64,
    frames_met: u64,
    frames: u64,
    /// What the bank asked for when the match was found, in percent.
    threshold: u32,
}

impl From<SharesOfVideo> for SharesOfMatch {
    fn from(shares: SharesOfVideo) -> SharesOfMatch {
        SharesOfMatch {
            of_known: shares.of_known.into(),
            of_upload: shares.of_upload.into(),
        }
    }
}

impl From<ShareOfVideo> for ShareOfMatch {
    fn from(share: ShareOfVideo) -> ShareOfMatch {
        ShareOfMatch {
            percent: share.n_met * 100 / share.n_frames.max(1),
            frames_met: share.n_met,
            frames: share.n_frames,
            threshold: share.threshold,
        }
    }
}

impl From<Place> for PlaceOfMatch {
    fn from(place: Place) -> PlaceOfMatch {
        match place {
            Place::Text { start, end } => PlaceOfMatch::Text { start, end },
            Place::Links { index } => PlaceOfMatch::Links { index },
        }
    }
}

#[derive(Serialize, ToSchema)]
pub struct NamedBank {
    pub id: BankId,
    pub name: String,
}

/// A rule, as verdicts name it.
#[derive(Serialize, ToSchema)]
pub struct NamedRule {
    name: String,
    version: u32,
}

pub(super) fn named_rule((name, version): (String, u32)) -> NamedRule {
    NamedRule { name, version }
}

impl From<ExplainedMatch> for FoundMatch {
    fn from(explained: ExplainedMatch) -> FoundMatch {
        let ExplainedMatch {
            found,
            hash,
            bank_name,
        } = explained;
        FoundMatch {
            id: found.id,
            bank: NamedBank {
                id: hash.bank_id.clone(),
                name: bank_name,
            },
            kind: hash.hash.kind().as_str().to_owned(),
            distance: found.distance,
            threshold: found.threshold,
            transform: found.transform,
            frame: found.frame,
            variant: found.variant,
            quality: found.quality,
            timestamp_ms: found.timestamp_ms,
            shares: found.shares.map(SharesOfMatch::from),
            place: found.place.map(PlaceOfMatch::from),
            hash: hash.into(),
            rule: found.rule.map(named_rule),
        }
    }
}

impl From<NewMatch> for FoundMatch {
    fn from(new: NewMatch) -> FoundMatch {
        FoundMatch {
            id: new.id,
            bank: NamedBank {
                id: new.bank.id,
                name: new.bank.name,
            },
            kind: new.hash.hash.kind().as_str().to_owned(),
            distance: new.distance,
            threshold: new.threshold,
            transform: new.transform.as_str().to_owned(),
            frame: new.frame,
            variant: new.variant,
            quality: new.quality,
            timestamp_ms: new.timestamp_ms,
            shares: new.shares.map(SharesOfMatch::from),
            place: new.place.map(PlaceOfMatch::from),
            hash: new.hash.into(),
            rule: new.rule.map(named_rule),
        }
    }
}
