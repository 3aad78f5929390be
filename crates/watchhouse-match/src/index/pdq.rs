//! PDQ hashes: found by how few bits they differ in.
//!
//! New ones lie in two parts that grow, all others in a few that do not. A compaction moves them on,
//! beside the index and without stopping it.

use std::io;

use super::bank::{Banks, Slot};
use super::part::Part;
use super::ring::MAX_ROWS;
use super::stream::{LoadError, Sink, Source};
use super::table::Table;
use super::{EntryId, Hit};
use crate::hash::{HashKind, PdqHash};

pub(crate) struct PdqTable {
    pub(super) parts: Vec<Part>,
    /// New rows whose entries ascend, as most do: finding them again costs no memory and no time.
    ascending: Part,
    /// All other new rows.
    other: Part,
}

impl Default for PdqTable {
    fn default() -> PdqTable {
        PdqTable {
            parts: Vec::new(),
            ascending: Part::ascending(),
            other: Part::hashed(),
        }
    }
}

impl Table<PdqHash> for PdqTable {
    fn len(&self) -> usize {
        self.all_parts().map(Part::len).sum()
    }

    fn insert(&mut self, entry: EntryId, slot: Slot, hash: &PdqHash, banks: &Banks) {
        if self.ascending.n_rows().max(self.other.n_rows()) == MAX_ROWS {
            self.seal();
        }
        let part = if self.ascending.takes(entry) {
            &mut self.ascending
        } else {
            &mut self.other
        };
        part.push(entry, slot, hash, banks);
    }

    fn remove(&mut self, entry: EntryId, banks: &Banks) -> bool {
        self.all_parts_mut().any(|part| part.remove(entry, banks))
    }

    fn remove_slot(&mut self, slot: Slot) -> usize {
        self.all_parts_mut()
            .map(|part| part.remove_slot(slot))
            .sum()
    }

    fn lookup(&self, hash: &PdqHash, _: HashKind, banks: &Banks, hits: &mut Vec<Hit>) {
        self.lookup_many(&[*hash], banks, |_, hit| hits.push(hit));
    }

    fn copied(&self) -> PdqTable {
        let new = [&self.ascending, &self.other].into_iter();
        let new = new.filter(|part| part.n_rows() > 0).map(Part::copied);
        PdqTable {
            parts: self.parts.iter().cloned().chain(new).collect(),
            ..PdqTable::default()
        }
    }

    /// A copy, which has no part that grows.
    fn save(&self, to: &mut Sink<'_>) -> io::Result<()> {
        debug_assert_eq!(self.n_new(), 0, "what is saved is a copy");
        to.put(self.parts.len() as u32)?;
        self.parts.iter().try_for_each(|part| part.save(to))
    }

    fn load(from: &mut Source<'_>, banks: &Banks) -> Result<PdqTable, LoadError> {
        let n_parts: u32 = from.take()?;
        let parts = (0..n_parts).map(|_| Part::load(from, banks));
        let mut table = PdqTable {
            parts: parts.collect::<Result<Vec<Part>, LoadError>>()?,
            ..PdqTable::default()
        };
        table.follow(banks);
        Ok(table)
    }

    fn memory_bytes(&self) -> usize {
        let parts = self.all_parts().map(Part::memory_bytes).sum::<usize>();
        self.parts.capacity() * size_of::<Part>() + parts
    }
}

impl PdqTable {
    /// Makes parts of what is new, which then grow no more.
    pub(super) fn seal(&mut self) {
        let ascending = std::mem::replace(&mut self.ascending, Part::ascending());
        let other = std::mem::replace(&mut self.other, Part::hashed());
        let sealed = [ascending, other].into_iter();
        self.parts.extend(sealed.filter(|part| part.n_rows() > 0));
    }

    /// How many rows are new, removed ones included.
    pub(super) fn n_new(&self) -> usize {
        self.ascending.n_rows() + self.other.n_rows()
    }

    /// Takes changes of the banks into account.
    pub(super) fn follow(&mut self, banks: &Banks) {
        for part in self.all_parts_mut() {
            part.follow(banks);
        }
    }

    /// Calls `found` with the index of the query and its hit, in no particular order.
    pub(super) fn lookup_many(
        &self,
        queries: &[PdqHash],
        banks: &Banks,
        mut found: impl FnMut(usize, Hit),
    ) {
        for part in self.all_parts() {
            let owners = part.body().owners();
            // No bank reaches further than the part, so what the part refuses is refused by all.
            part.search(queries, &mut |query_idx, row, distance| {
                let bank = banks.enabled(owners.slot(row));
                if let Some(bank) = bank.filter(|bank| distance <= bank.settings.threshold) {
                    let hit = Hit {
                        entry: owners.entry(row),
                        bank: bank.id,
                        kind: HashKind::Pdq,
                        distance,
                        threshold: bank.settings.threshold,
                    };
                    found(query_idx, hit);
                }
            });
        }
    }

    fn all_parts(&self) -> impl Iterator<Item = &Part> {
        self.parts.iter().chain([&self.ascending, &self.other])
    }

    fn all_parts_mut(&mut self) -> impl Iterator<Item = &mut Part> {
        let new = [&mut self.ascending, &mut self.other];
        self.parts.iter_mut().chain(new)
    }
}
