//! What the rules are told about a scan. Plain data: whoever scans fills it in.

use std::fmt;
use std::str::FromStr;

use serde::{Deserialize, Deserializer};
use watchhouse_match::{HashKind, Transform};

/// Everything that a rule may look at.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Facts {
    pub item: ItemFacts,
    /// None if the platform named no account.
    pub account: Option<AccountFacts>,
    pub media: MediaFacts,
    #[serde(default, rename = "match")]
    pub matches: Vec<MatchFacts>,
}

/// The item that the media came with.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct ItemFacts {
    /// The platform's own id for it.
    pub external_id: String,
    /// The platform's word for it: `post`, `message`, `profile` …
    pub kind: String,
    pub surface: Surface,
    pub text: Option<String>,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct AccountFacts {
    /// The platform's own id for it.
    pub external_id: String,
}

/// The media that was scanned. What only decoding tells is None where it could not be decoded.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MediaFacts {
    pub format: Option<String>,
    /// In pixels.
    pub width: Option<u32>,
    /// In pixels.
    pub height: Option<u32>,
    pub size_bytes: u64,
    /// Lower-case hex.
    pub sha256: String,
    /// How many frames were hashed; 0 if it could not be decoded.
    pub frames: u32,
    /// The best PDQ quality of all frames, 0 to 100.
    pub quality: Option<u8>,
}

/// A hash of the media met a hash of a bank.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct MatchFacts {
    #[serde(deserialize_with = "hash_kind")]
    pub kind: HashKind,
    /// In bits; 0 for a digest and a URL; for a term 0 as it is written and 1 in disguise; for a video the
    /// percent of the known one's frames that was not found.
    pub distance: u32,
    /// The bank's threshold for this kind, in bits; 0 for a digest and a URL, 1 for a term; for a video the
    /// most percent of the known one's frames that may be missed.
    pub threshold: u32,
    #[serde(deserialize_with = "transform")]
    pub transform: Transform,
    /// PDQ quality of the frame that matched, 0 to 100. None for a digest.
    pub quality: Option<u8>,
    /// Which frame matched, from 0. None for a digest.
    pub frame: Option<u32>,
    pub bank: BankFacts,
    pub hash: HashFacts,
}

#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct BankFacts {
    pub id: String,
    pub name: String,
    pub category: Option<String>,
    pub owner: Option<String>,
}

/// The bank's hash that was met.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct HashFacts {
    /// Who listed it.
    pub source: Option<String>,
    /// The source's own id for it.
    pub external_id: Option<String>,
    pub category: Option<String>,
    /// Whole days since it was added to the bank.
    pub age_days: u64,
}

pub use crate::surface::Surface;

/// The answer to a scan. In order: what comes later is stricter.
#[derive(
    Clone,
    Copy,
    Debug,
    PartialEq,
    Eq,
    PartialOrd,
    Ord,
    Hash,
    Deserialize,
    serde::Serialize,
    utoipa::ToSchema,
)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Allow,
    /// Not shown to anyone until a person has decided.
    Hold,
    Block,
}

impl Verdict {
    pub const ALL: [Verdict; 3] = [Verdict::Allow, Verdict::Hold, Verdict::Block];

    /// The name in the API and in rule files. MUST NOT change.
    pub const fn as_str(self) -> &'static str {
        match self {
            Verdict::Allow => "allow",
            Verdict::Hold => "hold",
            Verdict::Block => "block",
        }
    }
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

fn hash_kind<'de, D: Deserializer<'de>>(deserializer: D) -> Result<HashKind, D::Error> {
    let name = String::deserialize(deserializer)?;
    HashKind::from_str(&name).map_err(serde::de::Error::custom)
}

fn transform<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Transform, D::Error> {
    let name = String::deserialize(deserializer)?;
    Transform::ALL
        .into_iter()
        .find(|transform| transform.as_str() == name)
        .ok_or_else(|| serde::de::Error::custom(format!("\"{name}\" is not a transform")))
}
