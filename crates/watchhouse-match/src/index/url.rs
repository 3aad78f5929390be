//! URLs: found by the digests of what is listed.

use std::io;

use super::bank::{Banks, Slot};
use super::exact::DigestTable;
use super::stream::{LoadError, Sink, Source};
use super::table::Table;
use super::{EntryId, Hit};
use crate::address::UrlKey;
use crate::hash::{HashKind, UrlHash};

/// All listed URLs, by their keys. Their text is the caller's to keep.
#[derive(Default)]
pub(crate) struct UrlTable(DigestTable<16>);

impl UrlTable {
    pub(super) fn lookup_key(&self, key: &UrlKey, banks: &Banks, hits: &mut Vec<Hit>) {
        self.0.lookup(&key.0, HashKind::Url, banks, hits);
    }
}

impl Table<UrlHash> for UrlTable {
    fn len(&self) -> usize {
        self.0.len()
    }

    fn insert(&mut self, entry: EntryId, slot: Slot, url: &UrlHash, banks: &Banks) {
        self.0.insert(entry, slot, &url.key().0, banks);
    }

    fn remove(&mut self, entry: EntryId, banks: &Banks) -> bool {
        self.0.remove(entry, banks)
    }

    fn remove_slot(&mut self, slot: Slot) -> usize {
        self.0.remove_slot(slot)
    }

    fn lookup(&self, url: &UrlHash, _: HashKind, banks: &Banks, hits: &mut Vec<Hit>) {
        self.lookup_key(&url.key(), banks, hits);
    }

    fn copied(&self) -> UrlTable {
        UrlTable(self.0.copied())
    }

    fn save(&self, to: &mut Sink<'_>) -> io::Result<()> {
        self.0.save(to)
    }

    fn load(from: &mut Source<'_>, banks: &Banks) -> Result<UrlTable, LoadError> {
        DigestTable::load(from, banks).map(UrlTable)
    }

    fn memory_bytes(&self) -> usize {
        self.0.memory_bytes()
    }
}
