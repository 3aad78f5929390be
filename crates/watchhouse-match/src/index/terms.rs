//! Terms: found in a text by an automaton that knows all of them.
//!
//! An automaton cannot be changed, so there are several, each at least twice as large as the next: a new
//! term makes one of its own and swallows those that are no larger. Built when a text first needs them,
//! so that a list that is imported costs one building and not one a term.

use std::collections::BTreeMap;
use std::io;
use std::ops::Range;
use std::sync::OnceLock;

use aho_corasick::AhoCorasick;

use super::bank::{Banks, Slot};
use super::rows::Owners;
use super::stream::{LoadError, Sink, Source};
use super::table::Table;
use super::{EntryId, Hit};
use crate::hash::{HashKind, Term};
use crate::text::{Skeleton, fold};

/// A term that a text has, and where it is first.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTerm {
    /// Its distance is 0 for a term as it is written, and 1 for one in disguise.
    pub hit: Hit,
    /// In bytes of the text.
    pub place: Range<usize>,
}

/// The distance of a term in disguise, and the threshold of all terms.
const DISGUISED: u32 = 1;

#[derive(Default)]
pub(crate) struct TermTable {
    /// The largest first.
    parts: Vec<Part>,
    rows: BTreeMap<EntryId, Row>,
    /// How many were ever inserted.
    n_inserted: u64,
}

struct Row {
    /// Which insertion it is of: an entry that is removed may come again with another term.
    insertion: u64,
    slot: Slot,
    term: Box<str>,
}

/// Some of the terms. Those that were removed since are found too, and are no row's.
#[derive(Default)]
struct Part {
    entries: Vec<(EntryId, u64)>,
    /// One pattern for each entry. None if none of them can be searched.
    automaton: OnceLock<Option<AhoCorasick>>,
}

impl TermTable {
    /// Appends every enabled bank's terms that the text has, each once: as written, if it is anywhere, and
    /// else in disguise, where it is first. In no particular order.
    pub(super) fn find(&self, text: &str, banks: &Banks, found: &mut Vec<FoundTerm>) {
        if self.rows.is_empty() {
            return;
        }
        let skeleton = Skeleton::of(text);
        let mut closest: BTreeMap<EntryId, FoundTerm> = BTreeMap::new();
        for part in &self.parts {
            let automaton = part.automaton.get_or_init(|| self.build(&part.entries));
            let Some(automaton) = automaton else {
                continue;
            };
            for met in automaton.find_overlapping_iter(&skeleton.letters) {
                let listed = part.entries[met.pattern().as_usize()];
                let entry = listed.0;
                let is_known = closest
                    .get(&entry)
                    .is_some_and(|known| known.hit.distance == 0);
                let row = self.row(listed).filter(|_| !is_known);
                let Some((row, bank)) = row.and_then(|row| Some((row, banks.enabled(row.slot)?)))
                else {
                    continue;
                };
                let Some((start, end)) = skeleton.place(text, met.start(), met.end()) else {
                    continue;
                };
                let is_as_written = fold(&text[start..end]) == *row.term;
                let new = FoundTerm {
                    hit: Hit {
                        entry,
                        bank: bank.id,
                        kind: HashKind::Text,
                        distance: if is_as_written { 0 } else { DISGUISED },
                        threshold: DISGUISED,
                    },
                    place: start..end,
                };
                let known = closest.entry(entry).or_insert_with(|| new.clone());
                if new.hit.distance < known.hit.distance {
                    *known = new;
                }
            }
        }
        found.extend(closest.into_values());
    }

    /// Lists terms in an empty table, all in one part.
    fn list(&mut self, terms: impl Iterator<Item = (EntryId, Slot, Box<str>)>) {
        let mut entries = Vec::new();
        for (entry, slot, term) in terms {
            self.n_inserted += 1;
            let insertion = self.n_inserted;
            entries.push((entry, insertion));
            let row = Row {
                insertion,
                slot,
                term,
            };
            self.rows.insert(entry, row);
        }
        self.parts.push(Part {
            entries,
            automaton: OnceLock::new(),
        });
    }

    fn row(&self, (entry, insertion): (EntryId, u64)) -> Option<&Row> {
        self.rows
            .get(&entry)
            .filter(|row| row.insertion == insertion)
    }

    fn build(&self, entries: &[(EntryId, u64)]) -> Option<AhoCorasick> {
        // A pattern for each, so that their numbers are the entries'. A removed one's finds nothing.
        let patterns = entries.iter().map(|entry| {
            let letters = self.row(*entry).map(|row| Skeleton::of(&row.term).letters);
            letters
                .filter(|letters| !letters.is_empty())
                .unwrap_or_else(|| "\0".to_owned())
        });
        AhoCorasick::new(patterns).ok()
    }
}

impl Table<Term> for TermTable {
    fn len(&self) -> usize {
        self.rows.len()
    }

    fn insert(&mut self, entry: EntryId, slot: Slot, term: &Term, _: &Banks) {
        self.n_inserted += 1;
        let row = Row {
            insertion: self.n_inserted,
            slot,
            term: term.as_str().into(),
        };
        self.rows.insert(entry, row);
        let mut entries = vec![(entry, self.n_inserted)];
        while let Some(part) = self
            .parts
            .pop_if(|part| part.entries.len() <= entries.len())
        {
            entries.extend(part.entries);
        }
        entries.retain(|listed| self.row(*listed).is_some());
        self.parts.push(Part {
            entries,
            automaton: OnceLock::new(),
        });
    }

    fn remove(&mut self, entry: EntryId, _: &Banks) -> bool {
        self.rows.remove(&entry).is_some()
    }

    fn remove_slot(&mut self, slot: Slot) -> usize {
        let n_before = self.rows.len();
        self.rows.retain(|_, row| row.slot != slot);
        let mut parts = std::mem::take(&mut self.parts);
        for part in &mut parts {
            part.entries.retain(|listed| self.row(*listed).is_some());
            part.automaton = OnceLock::new();
        }
        parts.retain(|part| !part.entries.is_empty());
        self.parts = parts;
        n_before - self.rows.len()
    }

    /// Equal terms.
    fn lookup(&self, term: &Term, kind: HashKind, banks: &Banks, hits: &mut Vec<Hit>) {
        for (entry, row) in &self.rows {
            if let Some(bank) = banks
                .enabled(row.slot)
                .filter(|_| *row.term == *term.as_str())
            {
                hits.push(Hit {
                    entry: *entry,
                    bank: bank.id,
                    kind,
                    distance: 0,
                    threshold: DISGUISED,
                });
            }
        }
    }

    fn copied(&self) -> TermTable {
        let mut copy = TermTable::default();
        copy.list(
            self.rows
                .iter()
                .map(|(entry, row)| (*entry, row.slot, row.term.clone())),
        );
        copy
    }

    fn save(&self, to: &mut Sink<'_>) -> io::Result<()> {
        let mut owners = Owners::with_capacity(self.rows.len());
        for (entry, row) in &self.rows {
            owners.push(*entry, row.slot);
        }
        to.put(self.rows.len() as u32)?;
        owners.save(to)?;
        for row in self.rows.values() {
            to.put(row.term.len() as u32)?;
            to.put_all(row.term.as_bytes())?;
        }
        Ok(())
    }

    fn load(from: &mut Source<'_>, banks: &Banks) -> Result<TermTable, LoadError> {
        let n_rows = from.take::<u32, 4>()? as usize;
        let owners = Owners::load(from, n_rows, banks)?;
        let mut terms = Vec::with_capacity(n_rows);
        for row in 0..n_rows {
            let n_bytes = from.take::<u32, 4>()? as usize;
            let bytes: Vec<u8> = from.take_all(n_bytes)?;
            let term = String::from_utf8(bytes).map_err(|_| LoadError::Contradictory("terms"))?;
            terms.push((owners.entry(row), owners.slot(row), term.into_boxed_str()));
        }
        let mut table = TermTable::default();
        table.list(terms.into_iter());
        Ok(table)
    }

    fn memory_bytes(&self) -> usize {
        let terms = self.rows.values().map(|row| row.term.len()).sum::<usize>();
        let parts = self.parts.iter().map(|part| {
            let automaton = part.automaton.get().and_then(Option::as_ref);
            part.entries.capacity() * size_of::<(EntryId, u64)>()
                + automaton.map_or(0, AhoCorasick::memory_usage)
        });
        // A B-tree node is at least half full.
        terms + self.rows.len() * 2 * size_of::<(EntryId, Row)>() + parts.sum::<usize>()
    }
}
