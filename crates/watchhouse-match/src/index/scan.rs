//! PDQ hashes: found by comparing with every one of them.
//!
//! The first 128 bits lie apart from the others: they alone refuse nearly every row, so a scan
//! reads half the memory.

use super::bank::{Banks, Slot};
use super::rows::{Rows, push_tight};
use super::{EntryId, Hit};
use crate::hash::{HashKind, PdqHash};

/// How many queries are compared with each row while it is in registers.
const QUERIES_PER_PASS: usize = 8;

#[derive(Clone, Default)]
pub(super) struct PdqTable {
    rows: Rows,
    heads: Vec<[u64; 2]>,
    tails: Vec<[u64; 2]>,
}

impl PdqTable {
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// The entry MUST NOT be listed yet.
    pub(super) fn insert(&mut self, entry: EntryId, slot: Slot, hash: &PdqHash) {
        let [a, b, c, d] = hash.words();
        self.rows.push(entry, slot);
        push_tight(&mut self.heads, [a, b]);
        push_tight(&mut self.tails, [c, d]);
    }

    pub(super) fn remove(&mut self, entry: EntryId) -> bool {
        let Some(row) = self.rows.remove(entry) else {
            return false;
        };
        self.heads.swap_remove(row);
        self.tails.swap_remove(row);
        true
    }

    pub(super) fn remove_slot(&mut self, slot: Slot) -> usize {
        let entries = self.rows.entries_of(slot);
        for entry in &entries {
            self.remove(*entry);
        }
        self.rows.shrink();
        self.heads.shrink_to_fit();
        self.tails.shrink_to_fit();
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
            self.scan(queries, widest, |query_idx, row, distance| {
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
            });
        }
    }

    /// Calls `near` with query index, row and distance wherever the distance is `within` or less.
    fn scan(&self, queries: &[PdqHash], within: u32, mut near: impl FnMut(usize, usize, u32)) {
        let queries: Vec<[u64; 4]> = queries.iter().map(PdqHash::words).collect();
        for (row, head) in self.heads.iter().enumerate() {
            for (query_idx, [a, b, c, d]) in queries.iter().enumerate() {
                let head_distance = (head[0] ^ a).count_ones() + (head[1] ^ b).count_ones();
                if head_distance > within {
                    continue;
                }
                let tail = self.tails[row];
                let distance =
                    head_distance + (tail[0] ^ c).count_ones() + (tail[1] ^ d).count_ones();
                if distance <= within {
                    near(query_idx, row, distance);
                }
            }
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let halves = self.heads.capacity() + self.tails.capacity();
        self.rows.memory_bytes() + halves * size_of::<[u64; 2]>()
    }
}
