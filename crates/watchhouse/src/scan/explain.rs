//! From hits to matches: which of them are recorded, and what they met.

use std::collections::HashMap;

use watchhouse_match::{BankId as BankNumber, Transform, VideoHash};

use super::{NewMatch, videos};
use crate::id::BankId;
use crate::matcher::Found;
use crate::store::banks::Bank;
use crate::store::hashes::BankedHash;
use crate::store::matches::{KnownMatch, Place};
use crate::store::{Result, Tx};

/// Of one bank's hashes that a media meets, the closest are recorded: a list full of near-duplicates
/// would otherwise make thousands of matches of one upload.
pub const MATCHES_A_BANK: usize = 16;

/// The digests come first among what is looked up; see `Matcher::lookup`.
pub const DIGESTS: usize = 3;

/// One picture, address or term that was looked up.
#[derive(Clone, Debug)]
pub(super) struct Query {
    /// None for what was written.
    pub frame: Option<u32>,
    /// Of the frame, by its name. None for what was written.
    pub variant: Option<String>,
    /// 0 to 100. None for what was written.
    pub quality: Option<u32>,
    /// When the frame of a video is shown.
    pub timestamp_ms: Option<u64>,
    pub transform: Transform,
    /// Where in what was written. None for a picture.
    pub place: Option<Place>,
}

/// Of one media's hits, the closest first, those to be recorded, with what they met: of each bank the
/// closest. And how many more there are. `known` has matches of that media already; `video` is what it is
/// if it is one.
///
/// What was removed or switched off since the look-up is no match any more, and takes no other's place.
pub(super) async fn explain(
    tx: &mut Tx,
    found: &[Found],
    known: &[KnownMatch],
    queries: &[Query],
    video: Option<&VideoHash>,
) -> Result<(Vec<NewMatch>, usize)> {
    let mut matches = Vec::new();
    let mut more = 0;
    let mut n_matches: HashMap<BankNumber, usize> = HashMap::new();
    let mut banks = Banks::default();
    for Found { query, hit } in found {
        if known.iter().any(|known| known.hash_number == hit.entry.0) {
            continue;
        }
        let is_as_close =
            |known: &&KnownMatch| known.bank_number == hit.bank.0 && known.distance <= hit.distance;
        let n_matches = n_matches.entry(hit.bank).or_default();
        if *n_matches + known.iter().filter(is_as_close).count() >= MATCHES_A_BANK {
            more += 1;
            continue;
        }
        let Some((hash, bank)) = banks.listed(tx, hit.entry.0).await? else {
            continue;
        };
        *n_matches += 1;
        let shares = video.and_then(|video| videos::shares(&bank, &hash.hash, video));
        let query = query.checked_sub(DIGESTS).map(|index| &queries[index]);
        matches.push(NewMatch {
            id: tx.make(),
            bank,
            hash,
            distance: hit.distance,
            threshold: hit.threshold,
            transform: query.map_or(Transform::Original, |query| query.transform),
            frame: query.and_then(|query| query.frame),
            variant: query.and_then(|query| query.variant.clone()),
            quality: query.and_then(|query| query.quality),
            place: query.and_then(|query| query.place),
            timestamp_ms: query.and_then(|query| query.timestamp_ms),
            shares,
            rule: None,
        });
    }
    Ok((matches, more))
}

/// Banks whose hashes were met, each read once.
#[derive(Default)]
pub struct Banks(HashMap<BankId, Option<Bank>>);

impl Banks {
    /// The hash with this number and its bank. None where it was removed or switched off by now.
    pub async fn listed(&mut self, tx: &mut Tx, number: u64) -> Result<Option<(BankedHash, Bank)>> {
        let hash = tx.hash(number).await?;
        let Some(hash) = hash.filter(|hash| hash.removed_at.is_none()) else {
            return Ok(None);
        };
        if !self.0.contains_key(&hash.bank_id) {
            let bank = tx.bank(&hash.bank_id).await?;
            let bank = bank.filter(|bank| bank.is_enabled);
            self.0.insert(hash.bank_id.clone(), bank);
        }
        Ok(self.0[&hash.bank_id].clone().map(|bank| (hash, bank)))
    }
}
