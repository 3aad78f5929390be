//! The index: which listed hashes does this hash meet?
//!
//! Exact, always: it answers precisely what comparing with every listed hash would answer. It
//! MUST NOT trade recall for speed, because a miss here is an upload waved through.

mod bank;
mod columns;
mod compaction;
mod exact;
mod members;
mod part;
mod pdq;
mod removed;
mod ring;
mod rows;
mod snapshot;
mod stream;
mod table;
mod terms;
mod url;
mod videos;
mod walk;

pub use bank::{BankId, BankSettings};
pub(crate) use columns::PdqColumns;
pub(crate) use compaction::Bounds;
pub use compaction::{Compacted, Compaction, Superseded};
pub(crate) use exact::DigestTable;
pub(crate) use pdq::PdqTable;
#[cfg(test)]
pub(crate) use ring::Ring;
pub use snapshot::Snapshot;
pub use stream::LoadError;
pub(crate) use table::Indexed;
pub use terms::FoundTerm;
pub(crate) use terms::TermTable;
pub(crate) use url::UrlTable;
pub use videos::ListedVideos;
pub(crate) use videos::VideoTable;
pub(crate) use walk::Walk;

use crate::address::UrlKey;
use crate::hash::{Degenerate, Hash, HashKind, PdqHash};

use bank::Banks;
use table::Tables;

/// The caller's name for one listed hash in one bank.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct EntryId(pub u64);

/// A listed hash that a looked-up hash meets, and how closely.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hit {
    pub entry: EntryId,
    pub bank: BankId,
    pub kind: HashKind,
    /// Bits that differ; 0 for digests and URLs; for terms 0 as they are written and 1 in disguise; for
    /// videos the percent of the listed one's frames that were not found.
    pub distance: u32,
    /// The bank's threshold at the time of the lookup; 0 for digests and URLs, 1 for terms; for videos the
    /// most percent of the listed one's frames that may be missed.
    pub threshold: u32,
}

/// Why the index did not take what it was given.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    #[error("cannot index the hash: {0}")]
    Degenerate(#[from] Degenerate),
    #[error("cannot index into bank {}: set its settings first", .0.0)]
    UnknownBank(BankId),
    #[error(
        "a threshold of {threshold} is too wide: the widest is {}",
        Index::WIDEST_THRESHOLD
    )]
    ThresholdTooWide { threshold: u32 },
    #[error("a share of more than 100 percent of a video's frames")]
    ShareTooLarge,
    #[error("cannot have more than {} banks: remove one first", Banks::MOST)]
    TooManyBanks,
    #[error("the index is full: it holds {} hashes of one kind at most", u32::MAX)]
    Full,
}

/// Hashes of many banks, in memory.
///
/// Lookups take `&self`, changes `&mut self`: the caller decides how readers and writers meet. Changes
/// take microseconds, but for removing a whole bank; what takes longer is a [`Compaction`], which needs
/// neither.
#[derive(Default)]
pub struct Index {
    banks: Banks,
    tables: Tables,
    bounds: Bounds,
}

impl Index {
    /// Beyond this, PDQ hashes of unrelated pictures meet by chance.
    pub const WIDEST_THRESHOLD: u32 = 63;

    pub fn new() -> Index {
        Index::default()
    }

    /// One that compacts what is so small that tests can compare it with a plain list.
    #[cfg(test)]
    pub(crate) fn with_bounds(bounds: Bounds) -> Index {
        Index {
            bounds,
            ..Index::default()
        }
    }

    #[cfg(test)]
    pub(crate) fn n_parts(&self) -> usize {
        self.tables.pdq.parts.len()
    }

    /// Within how many bits each part is searched, and how many hashes it has.
    #[cfg(test)]
    pub(crate) fn reaches(&self) -> Vec<(Option<u32>, usize)> {
        let parts = self.tables.pdq.parts.iter();
        let mut reaches: Vec<_> = parts.map(|part| (part.reach(), part.len())).collect();
        reaches.sort_unstable();
        reaches
    }

    /// Creates a bank or changes its settings, at once for all its hashes.
    ///
    /// # Errors
    /// [`Refused::ThresholdTooWide`], [`Refused::ShareTooLarge`] and [`Refused::TooManyBanks`].
    pub fn set_bank(&mut self, bank: BankId, settings: BankSettings) -> Result<(), Refused> {
        if settings.threshold > Index::WIDEST_THRESHOLD {
            return Err(Refused::ThresholdTooWide {
                threshold: settings.threshold,
            });
        }
        if settings.of_known.max(settings.of_upload) > 100 {
            return Err(Refused::ShareTooLarge);
        }
        if !self.banks.set(bank, settings) {
            return Err(Refused::TooManyBanks);
        }
        self.tables.pdq.follow(&self.banks);
        Ok(())
    }

    pub fn bank(&self, bank: BankId) -> Option<BankSettings> {
        self.banks.settings(bank)
    }

    /// Forgets a bank and its hashes. Answers how many hashes that were.
    pub fn remove_bank(&mut self, bank: BankId) -> usize {
        let Some(slot) = self.banks.slot(bank) else {
            return 0;
        };
        let n_removed = self.tables.remove_slot(slot);
        self.banks.remove(bank);
        self.tables.pdq.follow(&self.banks);
        n_removed
    }

    /// Lists a hash. An entry that is listed already is replaced, so inserting twice is harmless.
    ///
    /// # Errors
    /// [`Refused`], and then nothing has changed.
    pub fn insert(&mut self, entry: EntryId, bank: BankId, hash: &Hash) -> Result<(), Refused> {
        hash.check_indexable()?;
        let slot = self.banks.slot(bank).ok_or(Refused::UnknownBank(bank))?;
        if self.len_of(hash.kind()) >= u32::MAX as usize {
            return Err(Refused::Full);
        }
        self.remove(entry);
        self.tables.insert(entry, slot, hash, &self.banks);
        Ok(())
    }

    /// Takes an entry off the list. False if it was not on it.
    pub fn remove(&mut self, entry: EntryId) -> bool {
        self.tables.remove(entry, &self.banks)
    }

    /// Appends every enabled bank's hashes that `hash` meets: equal digests, PDQ hashes within the
    /// bank's threshold. Nearest first, then by bank and entry.
    pub fn lookup(&self, hash: &Hash, hits: &mut Vec<Hit>) {
        let start = hits.len();
        self.tables.lookup(hash, &self.banks, hits);
        hits[start..].sort_unstable_by_key(|hit| (hit.distance, hit.bank, hit.entry));
    }

    /// Looks up several PDQ hashes, which takes less time than one by one.
    ///
    /// Appends each hit with the index of its query, in the order of the queries and then as
    /// [`Index::lookup`] orders.
    pub fn lookup_many(&self, queries: &[PdqHash], hits: &mut Vec<(usize, Hit)>) {
        let start = hits.len();
        self.tables
            .pdq
            .lookup_many(queries, &self.banks, |query_idx, hit| {
                hits.push((query_idx, hit))
            });
        hits[start..].sort_unstable_by_key(|(query_idx, hit)| {
            (*query_idx, hit.distance, hit.bank, hit.entry)
        });
    }

    /// Appends every enabled bank's URLs that have this key, which an address or a sighting of one gives.
    /// By bank and entry.
    pub fn lookup_url(&self, key: &UrlKey, hits: &mut Vec<Hit>) {
        let start = hits.len();
        self.tables.url.lookup_key(key, &self.banks, hits);
        hits[start..].sort_unstable_by_key(|hit| (hit.bank, hit.entry));
    }

    /// Every enabled bank's terms that a text has, each once: as it is written (distance 0) or in disguise
    /// (distance 1), where it is first. By bank and entry.
    pub fn find_terms(&self, text: &str) -> Vec<FoundTerm> {
        let mut found = Vec::new();
        self.tables.text.find(text, &self.banks, &mut found);
        found.sort_unstable_by_key(|found| (found.hit.distance, found.hit.bank, found.hit.entry));
        found
    }

    /// The listed videos, to be compared with while the index changes.
    pub fn videos(&self) -> ListedVideos {
        self.tables.vpdq.listed(&self.banks)
    }

    /// What should be done to keep lookups fast and memory small; None most of the time.
    ///
    /// Ask after changes, [run](Compaction::run) it while lookups and changes go on, then
    /// [install](Index::install) the result. Taking no advice costs only speed and memory.
    pub fn compaction(&mut self) -> Option<Compaction> {
        self.tables.pdq.compaction(self.bounds, &self.banks)
    }

    /// Takes all the advice there is, for whoever has the index alone.
    pub fn compact(&mut self) {
        while let Some(compaction) = self.compaction() {
            drop(self.install(compaction.run()));
        }
    }

    /// Puts the result of a compaction into effect, in a few microseconds and a third of one for
    /// each hash that was removed since.
    pub fn install(&mut self, compacted: Compacted) -> Superseded {
        self.tables.pdq.install(compacted, &self.banks)
    }

    /// How many hashes are listed, in enabled and disabled banks.
    pub fn len(&self) -> usize {
        HashKind::all()
            .into_iter()
            .map(|kind| self.len_of(kind))
            .sum()
    }

    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    pub fn len_of(&self, kind: HashKind) -> usize {
        self.tables.len_of(kind)
    }

    /// The memory that is allocated, in bytes, spare capacity included.
    pub fn memory_bytes(&self) -> usize {
        size_of::<Index>() + self.banks.memory_bytes() + self.tables.memory_bytes()
    }
}
