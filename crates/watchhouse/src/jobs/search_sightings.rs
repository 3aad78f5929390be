//! Searches the past: a hash that was added today finds yesterday's upload. So does a bank that was
//! switched on, or given a wider threshold.
//!
//! Sightings that meet a new hash become matches and cases, like an upload, but for what needs the
//! media itself: nothing can be preserved, and a picture is compared as it was and not turned.

use std::collections::{BTreeMap, HashMap};
use std::time::Duration;

use futures::TryStreamExt as _;
use serde::{Deserialize, Serialize};
use watchhouse_match::{
    BankId as BankNumber, BankSettings, EntryId, Hash, Hit, Index, PdqHash, Transform,
};

use super::{Job, Outcome, enqueue};
use crate::app::App;
use crate::clock::{earlier, later};
use crate::id::{Name as _, SightingId};
use crate::scan::{self, NewMatch};
use crate::store::ledger::Actor;
use crate::store::{Result, Tx, sightings::SeenFrame};

/// Sightings looked at in one run.
const STRIDE: u32 = 2_000;

/// How long after a change its search is run once more over the newest sightings: longer than any scan
/// may take. A scan that looked up just before the change may write its sighting just after the search
/// had passed.
const AFTERTHOUGHT: Duration = Duration::from_mins(5);

/// A search through sightings for some hashes.
#[derive(Clone, Serialize, Deserialize)]
pub struct SearchSightings {
    hashes: Hashes,
    /// The last sighting that was looked at; empty at first.
    after: String,
}

/// Which hashes the past is searched for.
#[derive(Clone, Serialize, Deserialize)]
pub enum Hashes {
    /// Those with numbers above `since`, up to `until`.
    Added { since: u64, until: u64 },
    /// All of the bank with this number, up to `until`: its threshold or its switch was changed.
    OfBank { number: u32, until: u64 },
}

impl SearchSightings {
    /// Enqueues the search for what this transaction changes.
    pub async fn enqueue(tx: &mut Tx, hashes: Hashes) -> Result<()> {
        let now = tx.now;
        let all = SearchSightings {
            hashes: hashes.clone(),
            after: String::new(),
        };
        enqueue(tx, &all, now).await?;
        let newest = SearchSightings {
            hashes,
            after: SightingId::first_at(earlier(now, AFTERTHOUGHT)).to_string(),
        };
        enqueue(tx, &newest, later(now, AFTERTHOUGHT)).await
    }
}

/// A new hash that a sighting meets.
struct Met {
    hit: Hit,
    frame: Option<SeenFrame>,
}

impl Job for SearchSightings {
    const NAME: &'static str = "search_sightings";
    const TRIES: u32 = 20;

    async fn run(&self, app: &App) -> anyhow::Result<Outcome> {
        let mut tx = app.store.read().await?;
        let index = self.new_hashes(&mut tx).await?;
        let digests = tx.digests_after(&self.after, STRIDE).await?;
        let Some(last) = digests.last().map(|seen| seen.id.clone()) else {
            drop(tx);
            return Ok(Outcome::Done(app.store.begin().await?));
        };
        let frames = tx.frames_between(&self.after, &last).await?;
        drop(tx);

        // In order, so that two searches at once lock in the same one.
        let mut met: BTreeMap<SightingId, Vec<Met>> = BTreeMap::new();
        let mut hits = Vec::new();
        for seen in &digests {
            for hash in [
                Hash::Md5(seen.md5),
                Hash::Sha1(seen.sha1),
                Hash::Sha256(seen.sha256),
            ] {
                index.lookup(&hash, &mut hits);
            }
            if !hits.is_empty() {
                let of_sighting = met.entry(seen.id.clone()).or_default();
                of_sighting.extend(hits.drain(..).map(|hit| Met { hit, frame: None }));
            }
        }
        for (sighting, frame) in frames {
            index.lookup(&Hash::Pdq(PdqHash(frame.pdq)), &mut hits);
            if !hits.is_empty() {
                let of_sighting = met.entry(sighting).or_default();
                of_sighting.extend(hits.drain(..).map(|hit| Met {
                    hit,
                    frame: Some(frame.clone()),
                }));
            }
        }

        let mut tx = app.store.begin().await?;
        for (sighting, met) in met {
            record(app, &mut tx, &sighting, met).await?;
        }
        if digests.len() == STRIDE as usize {
            let rest = SearchSightings {
                hashes: self.hashes.clone(),
                after: last.as_str().to_owned(),
            };
            let now = tx.now;
            enqueue(&mut tx, &rest, now).await?;
        }
        Ok(Outcome::Done(tx))
    }
}

impl SearchSightings {
    /// An index of the new hashes alone.
    async fn new_hashes(&self, tx: &mut Tx) -> anyhow::Result<Index> {
        let mut index = Index::new();
        for bank in tx.banks_changed(0, u64::try_from(i64::MAX)?).await? {
            let settings = BankSettings {
                threshold: bank.threshold,
                is_enabled: bank.is_enabled,
            };
            index.set_bank(BankNumber(bank.number), settings)?;
        }
        let (since, until, only) = match self.hashes {
            Hashes::Added { since, until } => (since, until, None),
            Hashes::OfBank { number, until } => (0, until, Some(number)),
        };
        let mut added = tx.hashes_added(since, until);
        while let Some(new) = added.try_next().await? {
            if only.is_some_and(|bank| bank != new.bank_number) {
                continue;
            }
            // What cannot be indexed is matched nowhere; `matcher` says so.
            if let Ok(hash) = new.hash {
                let _ = index.insert(EntryId(new.number), BankNumber(new.bank_number), &hash);
            }
        }
        Ok(index)
    }
}

async fn record(app: &App, tx: &mut Tx, id: &SightingId, met: Vec<Met>) -> anyhow::Result<()> {
    // The same search may be under way elsewhere: see what it found, or make it wait to see ours.
    tx.lock_sighting(id).await?;
    let Some(sighting) = tx.sighting(id).await? else {
        return Ok(());
    };
    let mut closest: HashMap<u64, Met> = HashMap::new();
    for met in met {
        let known = closest.get(&met.hit.entry.0);
        if known.is_none_or(|known| met.hit.distance < known.hit.distance) {
            closest.insert(met.hit.entry.0, met);
        }
    }
    let mut matches = Vec::new();
    for (number, met) in closest {
        // The upload itself may have met it already, or an earlier run of this job.
        if tx.is_match_known(id, number).await? {
            continue;
        }
        let Some(hash) = tx
            .hash(number)
            .await?
            .filter(|hash| hash.removed_at.is_none())
        else {
            continue;
        };
        let Some(bank) = tx.bank(&hash.bank_id).await? else {
            continue;
        };
        matches.push(NewMatch {
            id: tx.make(),
            bank,
            hash,
            distance: met.hit.distance,
            threshold: met.hit.threshold,
            transform: Transform::Original,
            frame: met.frame.as_ref().map(|frame| frame.frame),
            quality: met.frame.as_ref().map(|frame| frame.quality),
            rule: None,
        });
    }
    if matches.is_empty() {
        return Ok(());
    }
    matches.sort_by_key(|matching| (matching.distance, matching.hash.number));
    let item = sighting.item();
    let facts = scan::match_facts(&item, scan::media_facts(&sighting), &matches, tx.now);
    let judgement = app.rules.judge(&facts);
    let checked = scan::judge(sighting, item, matches, judgement, Vec::new());
    app.metrics.matches.inc_by(checked.matches.len() as u64);
    scan::record(tx, &Actor::System, &checked, true).await?;
    Ok(())
}
