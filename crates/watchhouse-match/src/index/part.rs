//! A part of the listed PDQ hashes: rows that never change, except that they can be removed. A part
//! that nobody else holds can also grow.

use std::io;
use std::sync::Arc;

use super::EntryId;
use super::bank::{Banks, Class, Slot};
use super::columns::PdqColumns;
use super::members::Members;
use super::removed::Removed;
use super::ring::{MAX_ROWS, Ring};
use super::rows::{Owners, Rows};
use super::stream::{LoadError, Sink, Source};
use super::walk::Walk;
use crate::arch::Kernel;
use crate::hash::PdqHash;

/// How many queries are compared with each row before the next is read.
const QUERIES_PER_SWEEP: usize = 8;

#[derive(Clone)]
pub(super) struct Part {
    body: Arc<Body>,
    removed: Removed,
    /// Rows that are still listed.
    members: Members,
    /// Within how many bits it is searched; None if no bank with rows here is enabled.
    reach: Option<u32>,
}

/// What never changes, so that a compaction can read it while the index goes on.
pub(super) struct Body {
    finder: Finder,
    columns: PdqColumns,
    /// Only where there are so many rows that it is sometimes faster than a sweep.
    ring: Option<Ring>,
}

/// How the row of an entry is found.
#[derive(Clone)]
enum Finder {
    /// Rows in the order of their entries, which costs no memory.
    Ascending(Owners),
    /// Rows as they came.
    Hashed(Rows),
}

impl Part {
    /// An empty one, for entries that ascend.
    pub(super) fn ascending() -> Part {
        Part::of_ascending(Owners::default(), PdqColumns::default(), None)
    }

    /// An empty one, for entries in any order.
    pub(super) fn hashed() -> Part {
        let (columns, removed) = (PdqColumns::default(), Removed::default());
        Part::of(Finder::Hashed(Rows::default()), columns, None, removed)
    }

    /// Rows whose entries ascend. It is searched once it [follows](Part::follow) the banks.
    pub(super) fn of_ascending(owners: Owners, columns: PdqColumns, ring: Option<Ring>) -> Part {
        let finder = Finder::Ascending(owners);
        Part::of(finder, columns, ring, Removed::default())
    }

    fn of(finder: Finder, columns: PdqColumns, ring: Option<Ring>, removed: Removed) -> Part {
        let body = Body {
            finder,
            columns,
            ring,
        };
        let mut members = Members::default();
        let listed = (0..body.columns.len()).filter(|row| !removed.contains(*row));
        for row in listed {
            members.add(body.owners().slot(row));
        }
        Part {
            body: Arc::new(body),
            removed,
            members,
            reach: None,
        }
    }

    /// The same for whoever saves it, while this one goes on growing.
    pub(super) fn copied(&self) -> Part {
        let Body {
            finder, columns, ..
        } = &*self.body;
        let body = Body {
            finder: finder.clone(),
            columns: columns.clone(),
            ring: None,
        };
        Part {
            body: Arc::new(body),
            removed: self.removed.clone(),
            members: self.members.clone(),
            reach: self.reach,
        }
    }

    pub(super) fn save(&self, to: &mut Sink<'_>) -> io::Result<()> {
        let Body { columns, ring, .. } = &*self.body;
        to.put(self.n_rows() as u32)?;
        to.put(u8::from(self.is_ascending()))?;
        to.put(u8::from(ring.is_some()))?;
        self.body.owners().save(to)?;
        columns.save(to)?;
        self.removed.save(to)?;
        ring.as_ref().map_or(Ok(()), |ring| ring.save(to))
    }

    /// It is searched once it [follows](Part::follow) the banks.
    pub(super) fn load(from: &mut Source<'_>, banks: &Banks) -> Result<Part, LoadError> {
        let n_rows = from.take::<u32, 4>()? as usize;
        let (is_ascending, has_ring) = (from.take::<u8, 1>()? != 0, from.take::<u8, 1>()? != 0);
        if n_rows > MAX_ROWS {
            return Err(LoadError::Contradictory("lengths"));
        }
        let owners = Owners::load(from, n_rows, banks)?;
        if is_ascending && !owners.ascend() {
            return Err(LoadError::Contradictory("entries"));
        }
        let columns = PdqColumns::load(from, n_rows)?;
        let removed = Removed::load(from, n_rows)?;
        let ring = has_ring.then(|| Ring::load(from, n_rows)).transpose()?;
        let finder = if is_ascending {
            Finder::Ascending(owners)
        } else {
            let listed = (0..n_rows).filter(|row| !removed.contains(*row));
            Finder::Hashed(Rows::of(owners, listed))
        };
        Ok(Part::of(finder, columns, ring, removed))
    }

    /// Takes changes of the banks into account.
    pub(super) fn follow(&mut self, banks: &Banks) {
        self.reach = self.members.reach(banks);
    }

    #[cfg(test)]
    pub(super) fn reach(&self) -> Option<u32> {
        self.reach
    }

    /// The class of its banks; None if there are several, or no rows.
    pub(super) fn class(&self, classes: &[Class]) -> Option<Class> {
        self.members.class(classes)
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

    /// Whether this entry can be appended here.
    pub(super) fn takes(&self, entry: EntryId) -> bool {
        match &self.body.finder {
            Finder::Ascending(owners) => owners.are_below(entry),
            Finder::Hashed(_) => true,
        }
    }

    /// Appends a row, of an entry that it [takes](Part::takes) and that is not listed. Nobody else may
    /// hold the part, and it MUST NOT have a ring.
    pub(super) fn push(&mut self, entry: EntryId, slot: Slot, hash: &PdqHash, banks: &Banks) {
        let body = Arc::get_mut(&mut self.body).expect("nobody holds a part that grows");
        match &mut body.finder {
            Finder::Ascending(owners) => owners.push(entry, slot),
            Finder::Hashed(rows) => rows.push(entry, slot),
        }
        body.columns.push(hash);
        if self.members.add(slot) {
            self.follow(banks);
        }
    }

    pub(super) fn has_ring(&self) -> bool {
        self.body.ring.is_some()
    }

    /// Removes an entry's row. False if it is not listed here.
    pub(super) fn remove(&mut self, entry: EntryId, banks: &Banks) -> bool {
        let row = self.body.find(entry);
        let Some(row) = row.filter(|row| !self.removed.contains(*row)) else {
            return false;
        };
        self.strike(row);
        if self.members.remove(self.body.owners().slot(row)) {
            self.follow(banks);
        }
        true
    }

    /// Removes the rows of a bank. Answers how many were listed.
    pub(super) fn remove_slot(&mut self, slot: Slot) -> usize {
        let n_removed = self.members.remove_all(slot);
        if n_removed > 0 {
            let rows = self.body.owners().rows_of(slot);
            let listed: Vec<usize> = rows.filter(|row| !self.removed.contains(*row)).collect();
            for row in listed {
                self.strike(row);
            }
        }
        n_removed
    }

    fn strike(&mut self, row: usize) {
        self.removed.insert(row, self.n_rows());
        // Where more may come, the entry may be among it.
        if let Some(body) = Arc::get_mut(&mut self.body)
            && let Finder::Hashed(rows) = &mut body.finder
        {
            rows.forget(rows.owners().entry(row));
        }
    }

    /// The rows that are still listed.
    pub(super) fn listed(&self) -> impl Iterator<Item = usize> {
        (0..self.n_rows()).filter(|row| !self.removed.contains(*row))
    }

    /// Calls `near` with query index, row and distance wherever the distance is within the reach, in no
    /// particular order.
    pub(super) fn search(&self, queries: &[PdqHash], near: &mut dyn FnMut(usize, usize, u32)) {
        let Some(within) = self.reach else {
            return;
        };
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
        size_of::<Body>()
            + finder
            + columns
            + ring
            + self.removed.memory_bytes()
            + self.members.memory_bytes()
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
