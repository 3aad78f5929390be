//! A match as answers show it: what met what, where, and how closely.

use serde::Serialize;
use utoipa::ToSchema;

use super::banks::{KindOfHash, ListedHash};
use crate::id::{BankId, MatchId};
use crate::scan::NewMatch;
use crate::store::matches::{ExplainedMatch, Place};

/// A match that explains itself.
#[derive(Serialize, ToSchema)]
pub struct FoundMatch {
    id: MatchId,
    bank: NamedBank,
    #[schema(value_type = KindOfHash)]
    kind: String,
    /// In bits; 0 for a digest and a URL; for a term 0 as it is written and 1 in disguise.
    distance: u32,
    /// The bank's threshold when the match was found; 0 for a digest and a URL, and 1 for a term.
    threshold: u32,
    /// How the picture had to be turned to match.
    transform: String,
    /// Which frame matched; null for a digest of the whole file.
    frame: Option<u32>,
    quality: Option<u32>,
    /// When the frame is shown, in milliseconds. Only a video's frames have it.
    #[serde(skip_serializing_if = "Option::is_none")]
    timestamp_ms: Option<u64>,
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
            quality: found.quality,
            timestamp_ms: found.timestamp_ms,
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
            quality: new.quality,
            timestamp_ms: new.timestamp_ms,
            place: new.place.map(PlaceOfMatch::from),
            hash: new.hash.into(),
            rule: new.rule.map(named_rule),
        }
    }
}
