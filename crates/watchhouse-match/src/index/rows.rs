//! Which entry and which bank each row of a table belongs to, and where each entry's row is.
//!
//! A table is columns of equal length. Removing swaps the last row into the gap, in every column.

use std::io;

use hashbrown::HashTable;

use super::EntryId;
use super::bank::{Banks, Slot};
use super::stream::{LoadError, Sink, Source};

/// Which entry and which bank each row belongs to.
#[derive(Clone, Default)]
pub(super) struct Owners {
    entries: Vec<EntryId>,
    slots: Vec<Slot>,
}

#[derive(Clone, Default)]
pub(super) struct Rows {
    owners: Owners,
    /// Row numbers, found by their entry. The entry itself is not kept twice.
    by_entry: HashTable<u32>,
    /// No entry is or was higher.
    highest: Option<EntryId>,
}

impl Owners {
    pub(super) fn with_capacity(n: usize) -> Owners {
        Owners {
            entries: Vec::with_capacity(n),
            slots: Vec::with_capacity(n),
        }
    }

    pub(super) fn len(&self) -> usize {
        self.entries.len()
    }

    pub(super) fn entry(&self, row: usize) -> EntryId {
        self.entries[row]
    }

    pub(super) fn slot(&self, row: usize) -> Slot {
        self.slots[row]
    }

    pub(super) fn push(&mut self, entry: EntryId, slot: Slot) {
        push_tight(&mut self.entries, entry);
        push_tight(&mut self.slots, slot);
    }

    /// Whether entries still ascend when this one is appended.
    pub(super) fn are_below(&self, entry: EntryId) -> bool {
        self.entries.last().is_none_or(|last| *last < entry)
    }

    /// The row of an entry, if entries ascend.
    pub(super) fn find_ascending(&self, entry: EntryId) -> Option<usize> {
        // New entries are higher than all others, so this is the usual answer.
        if self.are_below(entry) {
            return None;
        }
        self.entries.binary_search(&entry).ok()
    }

    pub(super) fn save(&self, to: &mut Sink<'_>) -> io::Result<()> {
        to.put_all(&self.entries)?;
        to.put_all(&self.slots)
    }

    pub(super) fn load(
        from: &mut Source<'_>,
        n_rows: usize,
        banks: &Banks,
    ) -> Result<Owners, LoadError> {
        let owners = Owners {
            entries: from.take_all(n_rows)?,
            slots: from.take_all(n_rows)?,
        };
        if owners.slots.iter().any(|slot| !banks.has(*slot)) {
            return Err(LoadError::Contradictory("banks"));
        }
        Ok(owners)
    }

    /// Whether each entry is higher than the one before.
    pub(super) fn ascend(&self) -> bool {
        self.entries.is_sorted_by(|a, b| a < b)
    }

    /// The rows of one bank.
    pub(super) fn rows_of(&self, slot: Slot) -> impl Iterator<Item = usize> {
        let rows = self.slots.iter().enumerate();
        rows.filter(move |(_, of)| **of == slot).map(|(row, _)| row)
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.entries.capacity() * size_of::<EntryId>() + self.slots.capacity() * size_of::<Slot>()
    }
}

impl Rows {
    pub(super) fn len(&self) -> usize {
        self.owners.len()
    }

    pub(super) fn owners(&self) -> &Owners {
        &self.owners
    }

    /// Each entry of the rows that are still listed MUST be there once; the others are not found.
    pub(super) fn of(owners: Owners, listed: impl Iterator<Item = usize>) -> Rows {
        let entries = &owners.entries;
        let mut by_entry = HashTable::with_capacity(owners.len());
        for row in listed {
            by_entry.insert_unique(spread(entries[row].0), row as u32, |&row| {
                spread(entries[row as usize].0)
            });
        }
        Rows {
            highest: entries.iter().copied().max(),
            by_entry,
            owners,
        }
    }

    /// Appends a row. The entry MUST NOT have one, and there MUST be fewer than `u32::MAX` rows.
    pub(super) fn push(&mut self, entry: EntryId, slot: Slot) {
        let row = self.owners.len() as u32;
        self.highest = self.highest.max(Some(entry));
        self.owners.push(entry, slot);
        let entries = &self.owners.entries;
        self.by_entry
            .insert_unique(spread(entry.0), row, |&row| spread(entries[row as usize].0));
    }

    pub(super) fn find(&self, entry: EntryId) -> Option<usize> {
        if Some(entry) > self.highest {
            return None;
        }
        let entries = &self.owners.entries;
        let row = self
            .by_entry
            .find(spread(entry.0), |&row| entries[row as usize] == entry)?;
        Some(*row as usize)
    }

    /// Forgets where an entry's row is, so that the entry may have another. The row stays.
    pub(super) fn forget(&mut self, entry: EntryId) {
        let entries = &self.owners.entries;
        let found = self
            .by_entry
            .find_entry(spread(entry.0), |&row| entries[row as usize] == entry);
        if let Ok(found) = found {
            found.remove();
        }
    }

    /// Removes an entry's row. Answers its number, so that other columns can do the same swap.
    pub(super) fn remove(&mut self, entry: EntryId) -> Option<usize> {
        if Some(entry) > self.highest {
            return None;
        }
        let Owners { entries, slots } = &mut self.owners;
        let found = self
            .by_entry
            .find_entry(spread(entry.0), |&row| entries[row as usize] == entry);
        let (row, _) = found.ok()?.remove();
        let last = entries.len() as u32 - 1;
        if row != last {
            let moved = entries[last as usize];
            *self
                .by_entry
                .find_mut(spread(moved.0), |&row| row == last)
                .expect("every row is found by its entry") = row;
        }
        entries.swap_remove(row as usize);
        slots.swap_remove(row as usize);
        Some(row as usize)
    }

    /// The entries of one bank.
    pub(super) fn entries_of(&self, slot: Slot) -> Vec<EntryId> {
        let rows = self.owners.rows_of(slot);
        rows.map(|row| self.owners.entry(row)).collect()
    }

    /// Gives back what a large removal left over.
    pub(super) fn shrink(&mut self) {
        let Owners { entries, slots } = &mut self.owners;
        entries.shrink_to_fit();
        slots.shrink_to_fit();
        self.by_entry
            .shrink_to_fit(|&row| spread(entries[row as usize].0));
    }

    pub(super) fn memory_bytes(&self) -> usize {
        self.owners.memory_bytes() + self.by_entry.allocation_size()
    }
}

/// Pushes with a quarter of spare room instead of the usual double: lists are large and grow
/// slowly, and memory is what bounds how many fit.
pub(super) fn push_tight<T>(column: &mut Vec<T>, value: T) {
    if column.len() == column.capacity() {
        column.reserve_exact((column.len() / 4).max(16));
    }
    column.push(value);
}

/// A well-spread 64-bit hash of a number. Not keyed: ids are ours, and digests are already random.
pub(super) fn spread(number: u64) -> u64 {
    // The multipliers are odd numbers with bits all over; the fold brings high bits down.
    let product = u128::from(number ^ 0x9e37_79b9_7f4a_7c15) * 0xd6e8_feb8_6659_fd93;
    (product as u64) ^ ((product >> 64) as u64)
}
