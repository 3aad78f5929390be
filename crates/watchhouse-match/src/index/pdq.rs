//! PDQ hashes: found by how few bits they differ in.
//!
//! New ones lie in a few rows that change, all others in a few parts that do not. A compaction moves
//! them on, beside the index and without stopping it.

use super::bank::{Banks, Slot};
use super::columns::PdqColumns;
use super::part::{Part, QUERIES_PER_SWEEP};
use super::rows::Rows;
use super::table::Table;
use super::{EntryId, Hit};
use crate::arch::Kernel;
use crate::hash::{HashKind, PdqHash};

#[derive(Clone, Default)]
pub(crate) struct PdqTable {
    pub(super) parts: Vec<Part>,
    pub(super) rows: Rows,
    pub(super) columns: PdqColumns,
}

impl Table<PdqHash> for PdqTable {
    fn len(&self) -> usize {
        self.parts.iter().map(Part::len).sum::<usize>() + self.rows.len()
    }

    fn insert(&mut self, entry: EntryId, slot: Slot, hash: &PdqHash) {
        self.rows.push(entry, slot);
        self.columns.push(hash);
    }

    fn remove(&mut self, entry: EntryId) -> bool {
        let Some(row) = self.rows.remove(entry) else {
            return self.parts.iter_mut().any(|part| part.remove(entry));
        };
        self.columns.swap_remove(row);
        true
    }

    fn remove_slot(&mut self, slot: Slot) -> usize {
        let entries = self.rows.entries_of(slot);
        for entry in &entries {
            self.remove(*entry);
        }
        self.rows.shrink();
        self.columns.shrink();
        let parts = self.parts.iter_mut();
        entries.len() + parts.map(|part| part.remove_slot(slot)).sum::<usize>()
    }

    fn lookup(&self, hash: &PdqHash, _: HashKind, banks: &Banks, hits: &mut Vec<Hit>) {
        self.lookup_many(&[*hash], banks, |_, hit| hits.push(hit));
    }

    fn memory_bytes(&self) -> usize {
        self.rows.memory_bytes()
            + self.columns.memory_bytes()
            + self.parts.capacity() * size_of::<Part>()
            + self.parts.iter().map(Part::memory_bytes).sum::<usize>()
    }
}

impl PdqTable {
    /// Calls `found` with the index of the query and its hit, in no particular order.
    pub(super) fn lookup_many(
        &self,
        queries: &[PdqHash],
        banks: &Banks,
        mut found: impl FnMut(usize, Hit),
    ) {
        // No bank reaches further than the widest, so what it refuses is refused by all.
        let Some(widest) = banks.widest_threshold() else {
            return;
        };
        let mut near = |query_idx: usize, entry: EntryId, slot: Slot, distance: u32| {
            let bank = banks.enabled(slot);
            if let Some(bank) = bank.filter(|bank| distance <= bank.settings.threshold) {
                let hit = Hit {
                    entry,
                    bank: bank.id,
                    kind: HashKind::Pdq,
                    distance,
                    threshold: bank.settings.threshold,
                };
                found(query_idx, hit);
            }
        };
        for part in &self.parts {
            let owners = part.body().owners();
            part.search(queries, widest, &mut |query_idx, row, distance| {
                near(query_idx, owners.entry(row), owners.slot(row), distance);
            });
        }
        let owners = self.rows.owners();
        for (chunk_idx, queries) in queries.chunks(QUERIES_PER_SWEEP).enumerate() {
            let start = chunk_idx * QUERIES_PER_SWEEP;
            let mut near = |nth, row, distance| {
                near(start + nth, owners.entry(row), owners.slot(row), distance);
            };
            Kernel::fastest().sweep(&self.columns, queries, widest, &mut near);
        }
    }
}
