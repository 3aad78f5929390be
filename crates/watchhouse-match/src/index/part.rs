//! A part of the listed PDQ hashes: rows that never change, except that they can be removed.

use std::sync::Arc;

use super::EntryId;
use super::bank::Slot;
use super::columns::PdqColumns;
use super::removed::Removed;
use super::ring::Ring;
use super::rows::{Owners, Rows};
use super::walk::Walk;
use crate::arch::Kernel;
use crate::hash::PdqHash;

/// How many queries are compared with each row before the next is read.
pub(super) const QUERIES_PER_SWEEP: usize = 8;

#[derive(Clone)]
pub(super) struct Part {
    body: Arc<Body>,
    removed: Removed,
}

/// What never changes, so that a compaction can read it while the index goes on.
pub(super) struct Body {
    finder: Finder,
    columns: PdqColumns,
    /// Only where there are so many rows that it is sometimes faster than a sweep.
    ring: Option<Ring>,
}

/// How the row of an entry is found.
enum Finder {
    /// Rows in the order of their entries, which costs no memory.
    Ascending(Owners),
    /// Rows as they came.
    Hashed(Rows),
}

impl Part {
    /// Rows as they came, none of which is removed.
    pub(super) fn of_rows(rows: Rows, columns: PdqColumns) -> Part {
        Part::of(Body {
            finder: Finder::Hashed(rows),
            columns,
            ring: None,
        })
    }

    /// Rows whose entries ascend.
    pub(super) fn of_ascending(owners: Owners, columns: PdqColumns, ring: Option<Ring>) -> Part {
        Part::of(Body {
            finder: Finder::Ascending(owners),
            columns,
            ring,
        })
    }

    fn of(body: Body) -> Part {
        Part {
            body: Arc::new(body),
            removed: Removed::default(),
        }
    }

    pub(super) fn body(&self) -> &Arc<Body> {
        &self.body
    }

    pub(super) fn removed(&self) -> &Removed {
        &self.removed
    }

    /// How many rows are still listed.
    pub(super) fn len(&self) -> usize {
        self.n_rows() - self.removed.len()
    }

    /// How many rows there are, removed ones included.
    pub(super) fn n_rows(&self) -> usize {
        self.body.columns.len()
    }

    pub(super) fn is_ascending(&self) -> bool {
        matches!(self.body.finder, Finder::Ascending(_))
    }

    /// Removes an entry's row. False if it is not listed here.
    pub(super) fn remove(&mut self, entry: EntryId) -> bool {
        let row = self.body.find(entry);
        let Some(row) = row.filter(|row| !self.removed.contains(*row)) else {
            return false;
        };
        self.removed.insert(row, self.n_rows());
        true
    }

    /// Removes the rows of a bank. Answers how many were listed.
    pub(super) fn remove_slot(&mut self, slot: Slot) -> usize {
        let n_before = self.len();
        for row in self.body.owners().rows_of(slot) {
            if !self.removed.contains(row) {
                self.removed.insert(row, self.body.columns.len());
            }
        }
        n_before - self.len()
    }

    /// The rows that are still listed.
    pub(super) fn listed(&self) -> impl Iterator<Item = usize> {
        (0..self.n_rows()).filter(|row| !self.removed.contains(*row))
    }

    /// Calls `near` with query index, row and distance wherever the distance is `within` or less,
    /// in no particular order.
    pub(super) fn search(
        &self,
        queries: &[PdqHash],
        within: u32,
        near: &mut dyn FnMut(usize, usize, u32),
    ) {
        let kernel = Kernel::fastest();
        let columns = &self.body.columns;
        let mut near = |query_idx: usize, row: usize, distance: u32| {
            if !self.removed.contains(row) {
                near(query_idx, row, distance);
            }
        };
        let walked = |query: &PdqHash| {
            let walk = Walk::new(self.body.ring.as_ref()?, columns, *query, within);
            // Whoever gives up on the way pays two sweeps in all, at worst.
            let pays = walk.likely_cost() < columns.len();
            pays.then(|| kernel.walk(&walk, columns.len()))?
        };
        for (chunk_idx, queries) in queries.chunks(QUERIES_PER_SWEEP).enumerate() {
            let start = chunk_idx * QUERIES_PER_SWEEP;
            let mut left = [0; QUERIES_PER_SWEEP];
            let mut n_left = 0;
            for (nth, query) in queries.iter().enumerate() {
                if let Some(found) = walked(query) {
                    for (row, distance) in found {
                        near(start + nth, row, distance);
                    }
                } else {
                    left[n_left] = nth;
                    n_left += 1;
                }
            }
            if n_left > 0 {
                let swept = left.map(|nth| queries[nth]);
                kernel.sweep(
                    columns,
                    &swept[..n_left],
                    within,
                    &mut |nth, row, distance| near(start + left[nth], row, distance),
                );
            }
        }
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let finder = match &self.body.finder {
            Finder::Ascending(owners) => owners.memory_bytes(),
            Finder::Hashed(rows) => rows.memory_bytes(),
        };
        let ring = self.body.ring.as_ref().map_or(0, Ring::memory_bytes);
        let columns = self.body.columns.memory_bytes();
        size_of::<Body>() + finder + columns + ring + self.removed.memory_bytes()
    }
}

impl Body {
    pub(super) fn owners(&self) -> &Owners {
        match &self.finder {
            Finder::Ascending(owners) => owners,
            Finder::Hashed(rows) => rows.owners(),
        }
    }

    pub(super) fn hash(&self, row: usize) -> PdqHash {
        self.columns.hash(row)
    }

    fn find(&self, entry: EntryId) -> Option<usize> {
        match &self.finder {
            Finder::Ascending(owners) => owners.find_ascending(entry),
            Finder::Hashed(rows) => rows.find(entry),
        }
    }
}
