//! The index in memory, and how it keeps up with the banks.
//!
//! Every change of a bank or a hash carries a number from one counter whose row is locked until its
//! transaction commits, so numbers become visible in order. `catch_up` reads everything after the last
//! number that it has seen: after a commit of our own at once, and on a timetable for other nodes'.

use std::collections::HashMap;
use std::sync::RwLock;
use std::sync::atomic::{AtomicBool, Ordering};

use anyhow::Context as _;
use futures::TryStreamExt as _;
use tokio::sync::Mutex;
use watchhouse_match::{BankId as BankNumber, BankSettings, EntryId, Hash, Hit, Index, PdqHash};

use crate::metrics::Metrics;
use crate::store::Store;
use crate::store::hashes::IndexedHash;

/// Hashes put into the index while lookups wait: a fraction of a millisecond.
const STRIDE: usize = 1_024;

/// The index and how far it has come.
#[derive(Default)]
pub struct Matcher {
    index: RwLock<Index>,
    is_ready: AtomicBool,
    /// The last number that the index knows. Whoever catches up holds it.
    seen: Mutex<u64>,
}

/// A hit of one of a media's hashes.
#[derive(Clone, Debug)]
pub struct Found {
    /// Which of the hashes that were asked for.
    pub query: usize,
    pub hit: Hit,
}

impl Matcher {
    /// False until the index was built once; then lookups know every list.
    pub fn is_ready(&self) -> bool {
        self.is_ready.load(Ordering::Acquire)
    }

    /// Follows every change of banks that was committed before this call.
    pub async fn catch_up(&self, store: &Store, metrics: &Metrics) -> anyhow::Result<()> {
        let mut seen = self.seen.lock().await;
        let mut tx = store.read().await?;
        let until = tx.last_number().await?;
        if until > *seen {
            let banks = tx.banks_changed(*seen, until).await?;
            let removed = tx.hashes_removed(*seen, until).await?;
            self.change(|index| {
                for bank in &banks {
                    let settings = BankSettings {
                        threshold: bank.threshold,
                        is_enabled: bank.is_enabled,
                    };
                    index.set_bank(BankNumber(bank.number), settings)?;
                }
                for number in &removed {
                    index.remove(EntryId(*number));
                }
                Ok(())
            })?;
            let mut added = tx.hashes_added(*seen, until).try_chunks(STRIDE);
            while let Some(hashes) = added.try_next().await.context("reading new hashes")? {
                self.insert(&hashes)?;
            }
            drop(added);
            *seen = until;
        }
        self.is_ready.store(true, Ordering::Release);
        let index = self.index.read().expect("no holder of this lock panics");
        metrics.index_hashes.set(index.len() as u64);
        metrics.index_bytes.set(index.memory_bytes() as u64);
        Ok(())
    }

    fn insert(&self, hashes: &[IndexedHash]) -> anyhow::Result<()> {
        self.change(|index| {
            for new in hashes {
                index.insert(EntryId(new.number), BankNumber(new.bank_number), &new.hash)?;
            }
            Ok(())
        })
    }

    fn change(
        &self,
        change: impl FnOnce(&mut Index) -> Result<(), watchhouse_match::Refused>,
    ) -> anyhow::Result<()> {
        let mut index = self.index.write().expect("no holder of this lock panics");
        change(&mut index).context("changing the index")
    }

    /// Every hit of these digests and pictures. Of several hits on one bank's entry by one media, the
    /// closest. Runs on the caller's thread: call it from one that may be kept busy.
    pub fn lookup(&self, digests: &[Hash], pictures: &[PdqHash]) -> Vec<Found> {
        let index = self.index.read().expect("no holder of this lock panics");
        let mut hits = Vec::new();
        let mut found: Vec<Found> = Vec::new();
        for (query, digest) in digests.iter().enumerate() {
            index.lookup(digest, &mut hits);
            found.extend(hits.drain(..).map(|hit| Found { query, hit }));
        }
        let mut many = Vec::new();
        index.lookup_many(pictures, &mut many);
        found.extend(many.into_iter().map(|(query, hit)| Found {
            query: query + digests.len(),
            hit,
        }));

        let mut closest: HashMap<EntryId, Found> = HashMap::new();
        for new in found {
            let known = closest.entry(new.hit.entry).or_insert_with(|| new.clone());
            if (new.hit.distance, new.query) < (known.hit.distance, known.query) {
                *known = new;
            }
        }
        let mut found: Vec<Found> = closest.into_values().collect();
        found.sort_by_key(|found| (found.hit.distance, found.hit.entry));
        found
    }
}
