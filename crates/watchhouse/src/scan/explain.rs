//! From hits to matches: which of them are recorded, and what they met.

use std::collections::HashMap;

use watchhouse_match::{BankId as BankNumber, Transform};

use super::NewMatch;
use crate::id::BankId;
use crate::matcher::Found;
use crate::store::banks::Bank;
use crate::store::matches::KnownMatch;
use crate::store::{Result, Tx};

/// Of one bank's hashes that a media meets, the closest are recorded: a list full of near-duplicates
/// would otherwise make thousands of matches of one upload.
const MATCHES_A_BANK: usize = 16;

/// The digests come first among what is looked up; see `Matcher::lookup`.
pub const DIGESTS: usize = 3;

/// One picture that was looked up.
#[derive(Clone, Copy, Debug)]
pub(super) struct Query {
    pub frame: u32,
    /// 0 to 100.
    pub quality: u32,
    pub transform: Transform,
}

/// Of one media's hits, the closest first, those to be recorded: of each bank the closest. And how many
/// more there are. `known` has matches of that media already.
pub(super) fn select(found: Vec<Found>, known: &[KnownMatch]) -> (Vec<Found>, usize) {
    let mut selected = Vec::new();
    let mut n_selected: HashMap<BankNumber, usize> = HashMap::new();
    let mut more = 0;
    for found in found {
        let hit = &found.hit;
        if known.iter().any(|known| known.hash_number == hit.entry.0) {
            continue;
        }
        let is_as_close =
            |known: &&KnownMatch| known.bank_number == hit.bank.0 && known.distance <= hit.distance;
        let n_selected = n_selected.entry(hit.bank).or_default();
        if *n_selected + known.iter().filter(is_as_close).count() < MATCHES_A_BANK {
            *n_selected += 1;
            selected.push(found);
        } else {
            more += 1;
        }
    }
    (selected, more)
}

/// Reads what the hits met. What was removed or switched off since the look-up is no match any more.
pub(super) async fn explain(
    tx: &mut Tx,
    found: &[Found],
    queries: &[Query],
) -> Result<Vec<NewMatch>> {
    let mut matches = Vec::new();
    let mut banks: HashMap<BankId, Option<Bank>> = HashMap::new();
    for Found { query, hit } in found {
        let hash = tx.hash(hit.entry.0).await?;
        let Some(hash) = hash.filter(|hash| hash.removed_at.is_none()) else {
            continue;
        };
        if !banks.contains_key(&hash.bank_id) {
            let bank = tx.bank(&hash.bank_id).await?;
            banks.insert(hash.bank_id.clone(), bank.filter(|bank| bank.is_enabled));
        }
        let Some(bank) = banks[&hash.bank_id].clone() else {
            continue;
        };
        let query = query.checked_sub(DIGESTS).map(|index| queries[index]);
        matches.push(NewMatch {
            id: tx.make(),
            bank,
            hash,
            distance: hit.distance,
            threshold: hit.threshold,
            transform: query.map_or(Transform::Original, |query| query.transform),
            frame: query.map(|query| query.frame),
            quality: query.map(|query| query.quality),
            rule: None,
        });
    }
    Ok(matches)
}
