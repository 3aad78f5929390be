//! Searches the past: a hash that was added today finds yesterday's upload. So does a bank that was
//! switched on, or given a wider threshold.
//!
//! Neither the past nor a list has to be short: a run compares some hashes with some sightings, and
//! leaves the rest to another job, which the same transaction enqueues.

use std::collections::BTreeMap;
use std::sync::Arc;
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};
use watchhouse_match::{BankId as BankNumber, EntryId, Index, PdqHash};

use super::{Job, Outcome, enqueue};
use crate::app::App;
use crate::clock::{earlier, later};
use crate::id::{Name as _, SightingId};
use crate::matcher::{Closest, Found, set_banks};
use crate::scan;
use crate::store::sightings::{SeenDigests, SeenFrame};
use crate::store::{Result, Tx};

/// Sightings compared at a time.
const STRIDE: u32 = 250;

/// Hashes that sightings are compared with in one run: read and indexed in a fraction of a second.
const HASHES_A_RUN: u32 = 100_000;

/// When a run leaves the rest to the next, and its place to other jobs. Much shorter than a job may take:
/// it finishes the stride or the sighting that it is at.
const RUN: Duration = Duration::from_secs(1);

/// How long after a search begins it is run once more over the newest sightings: longer than an index may
/// lag and a scan may take together (the settings are held to that). A scan that looked up just before the
/// change may write its sighting just after the search had passed.
pub const AFTERTHOUGHT: Duration = Duration::from_mins(5);

/// A search through sightings for some hashes.
#[derive(Clone, Serialize, Deserialize)]
pub struct SearchSightings {
    hashes: Hashes,
    /// The number of the last hash with which all sightings were compared; 0 at first.
    hashes_after: u64,
    /// The search begins after this sighting; empty for all of them.
    from: String,
    /// The last sighting that was compared with the hashes that are compared now.
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
    /// A search through everything.
    pub fn through_all(hashes: Hashes) -> SearchSightings {
        SearchSightings::after(hashes, String::new())
    }

    fn after(hashes: Hashes, from: String) -> SearchSightings {
        SearchSightings {
            hashes,
            hashes_after: 0,
            after: from.clone(),
            from,
        }
    }

    /// Enqueues the search for what this transaction changes.
    pub async fn enqueue(tx: &mut Tx, hashes: Hashes) -> Result<()> {
        let now = tx.now;
        enqueue(tx, &SearchSightings::through_all(hashes), now).await?;
        Ok(())
    }

    /// True of the first run of a search through everything.
    fn is_beginning(&self) -> bool {
        self.hashes_after == 0 && self.after.is_empty()
    }
}

impl Job for SearchSightings {
    const NAME: &'static str = "search_sightings";
    const TRIES: u32 = 20;

    async fn run(&self, app: &App) -> anyhow::Result<Outcome> {
        let began = app.clock.now();
        let rest = self.search(app, Instant::now() + RUN).await?;
        let mut tx = app.store.begin().await?;
        if let Some(rest) = rest {
            let now = tx.now;
            enqueue(&mut tx, &rest, now).await?;
        }
        if self.is_beginning() {
            // From now and not from the change: its transaction may have taken longer than that.
            let from = SightingId::first_at(earlier(began, AFTERTHOUGHT)).to_string();
            let newest = SearchSightings::after(self.hashes.clone(), from);
            let at = later(tx.now, AFTERTHOUGHT);
            enqueue(&mut tx, &newest, at).await?;
        }
        Ok(Outcome::Done(tx))
    }
}

impl SearchSightings {
    /// Searches until that time, and a stride at least. Returns what is left, if anything is.
    pub async fn search(
        &self,
        app: &App,
        until: Instant,
    ) -> anyhow::Result<Option<SearchSightings>> {
        let Some((index, last_hash)) = self.some_hashes(app).await? else {
            return Ok(None);
        };
        let index = Arc::new(index);
        let mut rest = self.clone();
        loop {
            let mut tx = app.store.read().await?;
            let seen = tx.digests_after(&rest.after, STRIDE).await?;
            let Some(last) = seen.last().map(|seen| seen.id.clone()) else {
                rest.hashes_after = last_hash;
                rest.after = rest.from.clone();
                return Ok(Some(rest));
            };
            let frames = tx.frames_between(&rest.after, &last).await?;
            drop(tx);

            let index = Arc::clone(&index);
            let met = tokio::task::spawn_blocking(move || meet(&index, &seen, &frames)).await?;
            for (sighting, found) in met {
                rest.after = sighting.to_string();
                scan::record_past(app, &sighting, found).await?;
                if Instant::now() >= until {
                    return Ok(Some(rest));
                }
            }
            rest.after = last.to_string();
            if Instant::now() >= until {
                return Ok(Some(rest));
            }
        }
    }

    /// An index of the hashes that are compared now, and the number of the last of them. None when all
    /// were.
    async fn some_hashes(&self, app: &App) -> anyhow::Result<Option<(Index, u64)>> {
        let mut tx = app.store.read().await?;
        let after = self.hashes_after;
        let hashes = match self.hashes {
            Hashes::Added { since, until } => {
                tx.some_hashes_added(since.max(after), until, HASHES_A_RUN)
                    .await?
            }
            Hashes::OfBank { number, until } => {
                tx.some_hashes_of_bank(number, until, after, HASHES_A_RUN)
                    .await?
            }
        };
        let Some(last) = hashes.last().map(|hash| hash.number) else {
            return Ok(None);
        };
        let now = tx.last_number().await?;
        let mut index = Index::new();
        set_banks(&mut index, tx.banks_changed(0, now).await?)?;
        for new in hashes {
            // What cannot be indexed is matched nowhere; `matcher` says so.
            if let Ok(hash) = new.hash {
                let _ = index.insert(EntryId(new.number), BankNumber(new.bank_number), &hash);
            }
        }
        Ok(Some((index, last)))
    }
}

/// What each sighting meets, in their order, the closest first.
fn meet(
    index: &Index,
    seen: &[SeenDigests],
    frames: &[(SightingId, SeenFrame)],
) -> BTreeMap<SightingId, Vec<Found>> {
    let mut met: BTreeMap<SightingId, Closest> = BTreeMap::new();
    let mut hits = Vec::new();
    for seen in seen {
        let SeenDigests {
            id,
            digests,
            url_keys,
        } = seen;
        for found in scan::meet_urls(index, url_keys) {
            met.entry(id.clone()).or_default().add(found);
        }
        for (query, digest) in digests.hashes().iter().enumerate() {
            index.lookup(digest, &mut hits);
            for hit in hits.drain(..) {
                let closest = met.entry(id.clone()).or_default();
                closest.add(Found { query, hit });
            }
        }
    }
    let videos = index.videos();
    for frames in frames.chunk_by(|(one, _), (next, _)| one == next) {
        let (id, _) = &frames[0];
        let pictures: Vec<PdqHash> = frames.iter().map(|(_, frame)| PdqHash(frame.pdq)).collect();
        let closest = met.entry(id.clone()).or_default();
        closest.look_up(index, &pictures, scan::DIGESTS);
        if let Some(video) = scan::video_of(frames.iter().map(|(_, frame)| frame)) {
            for found in scan::meet_videos(&videos, &video) {
                closest.add(found);
            }
        }
    }
    let found = met.into_iter().map(|(id, closest)| (id, closest.found()));
    found.filter(|(_, found)| !found.is_empty()).collect()
}
