//! Digests: found by equality.

use std::io;

use hashbrown::HashTable;

use super::bank::{Banks, Slot};
use super::rows::{Owners, Rows, push_tight, spread};
use super::stream::{LoadError, Sink, Source};
use super::table::Table;
use super::{EntryId, Hit};
use crate::hash::HashKind;

/// All listed digests of `N` bytes. The same digest may be in several rows.
#[derive(Clone)]
pub(crate) struct DigestTable<const N: usize> {
    rows: Rows,
    digests: Vec<[u8; N]>,
    /// Row numbers, found by their digest.
    by_digest: HashTable<u32>,
}

impl<const N: usize> Default for DigestTable<N> {
    fn default() -> DigestTable<N> {
        DigestTable {
            rows: Rows::default(),
            digests: Vec::new(),
            by_digest: HashTable::new(),
        }
    }
}

impl<const N: usize> DigestTable<N> {
    fn add(&mut self, entry: EntryId, slot: Slot, digest: &[u8; N]) {
        let row = self.rows.len() as u32;
        self.rows.push(entry, slot);
        push_tight(&mut self.digests, *digest);
        let digests = &self.digests;
        self.by_digest
            .insert_unique(spread_digest(digest), row, |&row| {
                spread_digest(&digests[row as usize])
            });
    }

    fn forget(&mut self, entry: EntryId) -> bool {
        let Some(row) = self.rows.remove(entry) else {
            return false;
        };
        self.by_digest
            .find_entry(spread_digest(&self.digests[row]), |&at| at as usize == row)
            .expect("every row is found by its digest")
            .remove();
        let last = self.digests.len() - 1;
        if row != last {
            *self
                .by_digest
                .find_mut(spread_digest(&self.digests[last]), |&at| {
                    at as usize == last
                })
                .expect("every row is found by its digest") = row as u32;
        }
        self.digests.swap_remove(row);
        true
    }
}

impl<const N: usize> Table<[u8; N]> for DigestTable<N> {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn insert(&mut self, entry: EntryId, slot: Slot, digest: &[u8; N], _: &Banks) {
        self.add(entry, slot, digest);
    }

    fn remove(&mut self, entry: EntryId, _: &Banks) -> bool {
        self.forget(entry)
    }

    fn remove_slot(&mut self, slot: Slot) -> usize {
        let entries = self.rows.entries_of(slot);
        for entry in &entries {
            self.forget(*entry);
        }
        self.rows.shrink();
        self.digests.shrink_to_fit();
        let digests = &self.digests;
        self.by_digest
            .shrink_to_fit(|&row| spread_digest(&digests[row as usize]));
        entries.len()
    }

    fn lookup(&self, digest: &[u8; N], kind: HashKind, banks: &Banks, hits: &mut Vec<Hit>) {
        for &row in self.by_digest.iter_hash(spread_digest(digest)) {
            let row = row as usize;
            if self.digests[row] != *digest {
                continue;
            }
            if let Some(bank) = banks.enabled(self.rows.owners().slot(row)) {
                hits.push(Hit {
                    entry: self.rows.owners().entry(row),
                    bank: bank.id,
                    kind,
                    distance: 0,
                    threshold: 0,
                });
            }
        }
    }

    fn copied(&self) -> DigestTable<N> {
        self.clone()
    }

    fn save(&self, to: &mut Sink<'_>) -> io::Result<()> {
        to.put(self.rows.len() as u32)?;
        self.rows.owners().save(to)?;
        to.put_all(&self.digests)
    }

    fn load(from: &mut Source<'_>, banks: &Banks) -> Result<DigestTable<N>, LoadError> {
        let n_rows = from.take::<u32, 4>()? as usize;
        let owners = Owners::load(from, n_rows, banks)?;
        let digests: Vec<[u8; N]> = from.take_all(n_rows)?;
        let mut table = DigestTable {
            by_digest: HashTable::with_capacity(n_rows),
            ..DigestTable::default()
        };
        for (row, digest) in digests.iter().enumerate() {
            table.add(owners.entry(row), owners.slot(row), digest);
        }
        Ok(table)
    }

    fn memory_bytes(&self) -> usize {
        self.rows.memory_bytes() + self.digests.capacity() * N + self.by_digest.allocation_size()
    }
}

fn spread_digest<const N: usize>(digest: &[u8; N]) -> u64 {
    let (words, _) = digest.as_chunks::<8>();
    words
        .iter()
        .fold(0, |hash, word| spread(hash ^ u64::from_le_bytes(*word)))
}
