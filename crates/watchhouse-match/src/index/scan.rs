//! PDQ hashes: found by comparing with every one of them.

use super::bank::{Banks, Slot};
use super::columns::PdqColumns;
use super::rows::Rows;
use super::{EntryId, Hit};
use crate::arch::Kernel;
use crate::hash::{HashKind, PdqHash};

/// How many queries are compared with each row before the next is read.
const QUERIES_PER_PASS: usize = 8;

#[derive(Clone, Default)]
pub(super) struct PdqTable {
    rows: Rows,
    columns: PdqColumns,
}

impl PdqTable {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The entry MUST NOT be listed yet.
    pub(super) fn insert(&mut self, entry: EntryId, slot: Slot, hash: &PdqHash) {
        self.rows.push(entry, slot);
        self.columns.push(hash);
    }

    pub(super) fn remove(&mut self, entry: EntryId) -> bool {
        let Some(row) = self.rows.remove(entry) else {
            return false;
        };
        self.columns.swap_remove(row);
        true
    }

    pub(super) fn remove_slot(&mut self, slot: Slot) -> usize {
        let entries = self.rows.entries_of(slot);
        for entry in &entries {
            self.remove(*entry);
        }
        self.rows.shrink();
        self.columns.shrink();
        entries.len()
    }

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
        for (pass, queries) in queries.chunks(QUERIES_PER_PASS).enumerate() {
            let start = pass * QUERIES_PER_PASS;
            let mut near = |query_idx: usize, row: usize, distance: u32| {
                let Some(bank) = banks.enabled(self.rows.slot(row)) else {
                    return;
                };
                let threshold = bank.settings.threshold;
                if distance > threshold {
                    return;
                }
                let hit = Hit {
                    entry: self.rows.entry(row),
                    bank: bank.id,
                    kind: HashKind::Pdq,
                    distance,
                    threshold,
                };
                found(start + query_idx, hit);
            };
            Kernel::fastest().sweep(&self.columns, queries, widest, &mut near);
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.rows.memory_bytes() + self.columns.memory_bytes()
    }
}
