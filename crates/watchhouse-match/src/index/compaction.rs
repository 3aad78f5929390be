//! Compactions: how new hashes become quick to find, and removed ones cost nothing.
//!
//! The heavy part needs no lock: it reads only what never changes. What is removed or replaced
//! meanwhile is marked in the parts that it read, and when its result is put in their place, the same
//! marks are made there.

use std::sync::Arc;

use super::EntryId;
use super::bank::{Banks, Class};
use super::columns::PdqColumns;
use super::part::{Body, Part};
use super::pdq::PdqTable;
use super::ring::{MAX_ROWS, Ring};
use super::rows::Owners;

/// From how many rows on things are done.
#[derive(Clone, Copy)]
pub(crate) struct Bounds {
    /// New rows become a part: each costs every lookup 0.1 ns, and each part some microseconds.
    pub(crate) fresh: usize,
    /// A part gets a ring, which costs 4 MiB and 80 bytes a row: within 31 bits a walk takes 4 us and
    /// a sweep 3 us of 32,768 rows, 8 us of 65,536 and 33 us of 200,000.
    pub(crate) ring: usize,
    /// A part is full, and split.
    pub(crate) part: usize,
}

/// A part that is not larger than this many times all smaller ones together is merged with them. So
/// parts are few, and a hash is moved a few times on its way into the largest. Measured with 10
/// million hashes and then one million in steps of 1000: 0.5 s of compactions in all, and lookups
/// take 34 us at the end, for all lay in one part 20 us; with 2 instead of 4 they take 42 us.
const GROWTH: usize = 4;

/// A part is written anew when more than one in so many of its rows are removed.
const ONE_REMOVED_IN: usize = 4;

/// Work that makes lookups faster or memory less. It changes no answer.
#[must_use = "run it"]
pub struct Compaction {
    parts: Vec<Part>,
    /// Of each slot's bank when it began. A bank that changed meanwhile lies with the wrong ones until
    /// the next compaction, and is searched as far as it must be all the same.
    classes: Vec<Class>,
    bounds: Bounds,
}

/// A compaction's result.
#[must_use = "install it"]
pub struct Compacted {
    from: Vec<Part>,
    to: Vec<Part>,
}

/// What a compaction made superfluous. Freeing its memory takes time: drop it without a lock held.
#[must_use = "drop it after the lock"]
pub struct Superseded {
    _parts: Vec<Part>,
}

impl Default for Bounds {
    fn default() -> Bounds {
        Bounds {
            fresh: 16_384,
            ring: 65_536,
            part: MAX_ROWS,
        }
    }
}

impl PdqTable {
    /// What is worth doing now, if anything.
    pub(super) fn compaction(&mut self, bounds: Bounds, banks: &Banks) -> Option<Compaction> {
        if self.n_new() >= bounds.fresh {
            self.seal();
        }
        self.parts.sort_by_key(Part::len);

        let classes = banks.classes();
        let class_of = |part: &Part| part.class(&classes);
        let mut chosen: Vec<bool> = self
            .parts
            .iter()
            .map(|part| {
                let is_hollow = part.removed().len() > part.n_rows() / ONE_REMOVED_IN;
                let wants_ring = part.len() >= bounds.ring && !part.has_ring();
                // Rows of several classes go to several parts.
                is_hollow || wants_ring || !part.is_ascending() || class_of(part).is_none()
            })
            .collect();
        for class in Class::all() {
            let same = self.parts.iter().enumerate();
            let same = same.filter(|(_, part)| class_of(part) == Some(class));
            let same: Vec<(usize, &Part)> = same.collect();
            let (mut n_smaller, mut n_merged) = (0, 0);
            for (nth, (_, part)) in same.iter().enumerate() {
                let is_full = part.len() > bounds.part / 2;
                if nth > 0 && !is_full && part.len() <= GROWTH * n_smaller {
                    n_merged = nth + 1;
                }
                n_smaller += part.len();
            }
            for (part_idx, _) in &same[..n_merged] {
                chosen[*part_idx] = true;
            }
        }
        let parts = self
            .parts
            .iter()
            .zip(chosen)
            .filter(|(_, is_chosen)| *is_chosen);
        let parts: Vec<Part> = parts.map(|(part, _)| part.clone()).collect();
        (!parts.is_empty()).then_some(Compaction {
            parts,
            classes,
            bounds,
        })
    }

    /// Puts a compaction's result in the place of what it was made from. Does nothing if another one
    /// has done that already.
    pub(super) fn install(&mut self, compacted: Compacted, banks: &Banks) -> Superseded {
        let Compacted { from, mut to } = compacted;
        let position = |body: &Arc<Body>| {
            let same = |part: &Part| Arc::ptr_eq(part.body(), body);
            self.parts.iter().position(same)
        };
        let positions: Option<Vec<usize>> = from.iter().map(|part| position(part.body())).collect();
        let Some(mut positions) = positions else {
            return Superseded { _parts: to };
        };
        for (part, &position) in from.iter().zip(&positions) {
            for row in self.parts[position].removed().since(part.removed()) {
                let entry = part.body().owners().entry(row);
                let was_listed = to.iter_mut().any(|part| part.remove(entry, banks));
                assert!(was_listed, "a compaction takes along every listed row");
            }
        }
        positions.sort_unstable();
        for position in positions.into_iter().rev() {
            self.parts.remove(position);
        }
        for part in &mut to {
            part.follow(banks);
        }
        self.parts.append(&mut to);
        Superseded { _parts: from }
    }
}

impl Compaction {
    /// Does the work: some tenths of a microsecond a hash, on one thread and with no lock held.
    /// Meanwhile, what is compacted takes twice its memory and some 30 bytes a hash.
    pub fn run(self) -> Compacted {
        let to = Class::all()
            .flat_map(|class| self.of_class(class))
            .collect();
        Compacted {
            to,
            from: self.parts,
        }
    }

    fn of_class(&self, class: Class) -> Vec<Part> {
        let mut rows: Vec<(EntryId, u32, u32)> = Vec::new();
        for (part_idx, part) in self.parts.iter().enumerate() {
            let only = part.class(&self.classes);
            if only.is_some_and(|only| only != class) {
                continue;
            }
            let owners = part.body().owners();
            if only.is_some() {
                rows.reserve_exact(part.len());
            }
            let listed = part.listed();
            let listed = listed
                .filter(|row| only.is_some() || self.classes[owners.slot(*row).place()] == class);
            rows.extend(listed.map(|row| (owners.entry(row), part_idx as u32, row as u32)));
        }
        // This sort takes advantage of what is sorted already, and most is.
        rows.sort_by_key(|(entry, ..)| *entry);
        let n_parts = rows.len().div_ceil(self.bounds.part);
        let n_rows_of_part = rows.len().div_ceil(n_parts.max(1)).max(1);
        rows.chunks(n_rows_of_part)
            .map(|rows| self.merged(rows))
            .collect()
    }

    fn merged(&self, rows: &[(EntryId, u32, u32)]) -> Part {
        let mut owners = Owners::with_capacity(rows.len());
        let mut columns = PdqColumns::with_capacity(rows.len());
        for &(entry, part_idx, row) in rows {
            let body = self.parts[part_idx as usize].body();
            owners.push(entry, body.owners().slot(row as usize));
            columns.push(&body.hash(row as usize));
        }
        let ring = (rows.len() >= self.bounds.ring).then(|| Ring::of(&columns));
        Part::of_ascending(owners, columns, ring)
    }
}
