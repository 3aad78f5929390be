//! One query's walk round a [`Ring`].
//!
//! Memory is the slow part, so everything is asked for before it is read: while the rows of one
//! batch of places are compared, those of the next arrive, and the bounds of the one after that.

use super::columns::PdqColumns;
use super::ring::{LINE, Ring};
use crate::hash::PdqHash;

/// Parts of a hash; see the ring.
pub(super) const PARTS: usize = 16;

/// Places that are opened together.
const BATCH: usize = 32;

/// Rows that are compared together.
const CROWD: usize = 64;

/// How many of the compared rows are remembered, once as many were compared as a near-duplicate's crowd has.
const REMEMBERED: usize = 1 << 15;
const CROWDED: usize = 1 << 10;

/// What opening a place costs, or comparing a row somewhere in memory, in rows that a sweep compares
/// meanwhile. Measured: 10 to 20 ns against 0.15 (in the caches) to 0.45 ns (10 million rows). A row in
/// an opened place costs about one.
const STEP: usize = 64;

pub(crate) struct Walk<'a> {
    ring: &'a Ring,
    columns: &'a PdqColumns,
    query: PdqHash,
    within: u32,
    parts: [u16; PARTS],
    /// How many bits fewer than this each part may differ in; see the ring.
    allowances: [u32; PARTS],
}

/// Some places of one table: those whose own part differs from the query's by these masks.
#[derive(Clone, Copy)]
struct Batch {
    part: usize,
    masks: &'static [u16],
}

/// From where to where the rows of each place of a batch are.
type Bounds = [(u32, u32); BATCH];

struct Progress {
    /// Rows that are left of the budget.
    left: usize,
    /// Rows that met both conditions, as part and where in its table.
    crowd: [(u8, u32); CROWD],
    n_crowd: usize,
    n_compared: usize,
    /// Rows that were compared, each in the place that its last bits name, or empty. Near-duplicates of
    /// the query meet both conditions at part after part.
    compared: Vec<u32>,
    found: Vec<(usize, u32)>,
}

impl<'a> Walk<'a> {
    pub(crate) fn new(
        ring: &'a Ring,
        columns: &'a PdqColumns,
        query: PdqHash,
        within: u32,
    ) -> Walk<'a> {
        Walk {
            ring,
            columns,
            query,
            within,
            parts: query.parts(),
            allowances: allowances(within),
        }
    }

    /// What the walk would cost if all hashes were random, in rows that a sweep compares meanwhile.
    pub(super) fn likely_cost(&self) -> usize {
        let n_rows = self.columns.len();
        let of_places = self.batches().flat_map(|batch| {
            let both = self.both_allowances(batch.part);
            let passing = move |mask: &u16| N_MASKS[(both - mask.count_ones()) as usize];
            batch.masks.iter().map(passing)
        });
        // Of the rows of a place, as many pass as there are masks that pass among all values.
        of_places
            .map(|n_passing| STEP + (n_rows >> 16) + ((n_rows * n_passing * STEP) >> 32))
            .sum()
    }

    /// Every near row with its distance, once, in no particular order. None if it came to more than
    /// `budget`, in rows that a sweep could have compared meanwhile: many rows are alike.
    ///
    /// Always inlined, so that each kernel in `arch` compiles it for its own CPUs.
    #[inline(always)]
    pub(crate) fn run(&self, budget: usize) -> Option<Vec<(usize, u32)>> {
        let mut progress = Progress {
            left: budget,
            crowd: [(0, 0); CROWD],
            n_crowd: 0,
            n_compared: 0,
            compared: Vec::new(),
            found: Vec::new(),
        };
        let mut asked: Option<Batch> = None;
        let mut opened: Option<(Batch, Bounds)> = None;
        for next in self.batches().map(Some).chain([None, None]) {
            if let Some(batch) = next {
                self.ask(batch);
            }
            let newly_opened = match std::mem::replace(&mut asked, next) {
                Some(batch) => Some((batch, self.open(batch, &mut progress)?)),
                None => None,
            };
            if let Some((batch, bounds)) = std::mem::replace(&mut opened, newly_opened) {
                self.pass(batch, &bounds, &mut progress)?;
            }
        }
        self.compare(&mut progress);
        Some(progress.found)
    }

    #[inline(always)]
    fn batches(&self) -> impl Iterator<Item = Batch> {
        (0..PARTS).flat_map(|part| {
            let masks = &MASKS[..N_MASKS[self.allowances[part] as usize]];
            masks.chunks(BATCH).map(move |masks| Batch { part, masks })
        })
    }

    /// The allowances of a part and the part after.
    #[inline(always)]
    fn both_allowances(&self, part: usize) -> u32 {
        self.allowances[part] + self.allowances[(part + 1) % PARTS]
    }

    #[inline(always)]
    fn ask(&self, batch: Batch) {
        let table = self.ring.table(batch.part);
        for mask in batch.masks {
            table.prefetch_place(self.parts[batch.part] ^ mask);
        }
    }

    #[inline(always)]
    fn open(&self, batch: Batch, progress: &mut Progress) -> Option<Bounds> {
        let table = self.ring.table(batch.part);
        let mut bounds = [(0, 0); BATCH];
        let mut n_rows = 0;
        for (bounds, mask) in bounds.iter_mut().zip(batch.masks) {
            let (start, end) = table.place(self.parts[batch.part] ^ mask);
            *bounds = (start, end);
            n_rows += (end - start) as usize;
            // Most places have a line or more, so the first needs no branch that could be guessed
            // wrongly. Where there are very many the CPU has understood long before the last.
            table.prefetch_line(start);
            let mut at = start + LINE as u32;
            while at < end.min(start + 16 * LINE as u32) + LINE as u32 {
                table.prefetch_line(at);
                at += LINE as u32;
            }
        }
        progress.spend(batch.masks.len() * STEP + n_rows)?;
        Some(bounds)
    }

    /// Lets the rows pass that meet the second condition.
    #[inline(always)]
    fn pass(&self, batch: Batch, bounds: &Bounds, progress: &mut Progress) -> Option<()> {
        let table = self.ring.table(batch.part);
        let both = self.both_allowances(batch.part);
        let after = self.parts[(batch.part + 1) % PARTS];
        for (&(mut start, end), mask) in bounds.iter().zip(batch.masks) {
            let most = (both - 1 - mask.count_ones()) as u16;
            loop {
                let line = table.line(start);
                if nearest(line, after) <= most {
                    // The line may reach beyond the place.
                    let n_rows = (end - start).min(LINE as u32);
                    let within_place = ((1u64 << n_rows) - 1) as u32;
                    let mut passing = passing(line, after, most) & within_place;
                    while passing != 0 {
                        let at = start + passing.trailing_zeros();
                        passing &= passing - 1;
                        table.prefetch_row(at);
                        progress.crowd[progress.n_crowd] = (batch.part as u8, at);
                        progress.n_crowd += 1;
                        if progress.n_crowd == CROWD {
                            let n_compared = self.compare(progress);
                            progress.spend(CROWD + n_compared * STEP)?;
                        }
                    }
                }
                start += LINE as u32;
                if start >= end {
                    break;
                }
            }
        }
        Some(())
    }

    /// Compares the rows of the crowd, but for those that were compared before, and dissolves it. Answers
    /// how many it compared.
    #[inline(always)]
    fn compare(&self, progress: &mut Progress) -> usize {
        let crowd = &progress.crowd[..progress.n_crowd];
        let mut rows = [(0, 0); CROWD];
        let mut n_rows = 0;
        for &(part, at) in crowd {
            let row = self.ring.table(part.into()).row(at);
            rows[n_rows] = (row, part);
            n_rows += 1;
            if !progress.compared.is_empty() {
                // What was compared at an earlier part was found there, if it is near.
                let remembered = &mut progress.compared[row % REMEMBERED];
                let is_new = std::mem::replace(remembered, row as u32) != row as u32;
                n_rows -= usize::from(!is_new);
            }
            self.columns.prefetch_tail(row);
        }
        progress.n_compared += n_rows;
        if progress.n_compared >= CROWDED && progress.compared.is_empty() {
            progress.compared.resize(REMEMBERED, u32::MAX);
        }
        for &(row, part) in &rows[..n_rows] {
            if self.columns.tail_distance(row, &self.query) > self.within {
                continue;
            }
            let distance = self.columns.distance(row, &self.query);
            if distance <= self.within && self.first_part(row) == usize::from(part) {
                progress.found.push((row, distance));
            }
        }
        progress.n_crowd = 0;
        n_rows
    }

    /// The first part at which a near row meets both conditions: it is found there, and only there.
    #[inline(always)]
    fn first_part(&self, row: usize) -> usize {
        let parts = self.columns.hash(row).parts();
        let short: [i16; PARTS] = std::array::from_fn(|part| {
            self.allowances[part] as i16 - (parts[part] ^ self.parts[part]).count_ones() as i16
        });
        // All at once, which takes fewer steps than one after the other.
        let met: [bool; PARTS] = std::array::from_fn(|part| {
            (short[part] > 0) & (short[part] + short[(part + 1) % PARTS] > 0)
        });
        met.iter()
            .position(|met| *met)
            .expect("a near row meets both conditions somewhere")
    }
}

impl Progress {
    #[inline(always)]
    fn spend(&mut self, rows: usize) -> Option<()> {
        self.left = self.left.checked_sub(rows)?;
        Some(())
    }
}

/// The least distance between a part and those of a line.
#[inline(always)]
fn nearest(line: &[u16; LINE], part: u16) -> u16 {
    line.iter().fold(u16::MAX, |nearest, other| {
        nearest.min((other ^ part).count_ones() as u16)
    })
}

/// Which of a line's parts differ in `most` bits or fewer, the first in the lowest bit.
#[inline(always)]
fn passing(line: &[u16; LINE], part: u16, most: u16) -> u32 {
    let bits = line.iter().enumerate().map(|(nth, other)| {
        let passes = (other ^ part).count_ones() as u16 <= most;
        u32::from(passes) << nth
    });
    bits.fold(0, |mask, bit| mask | bit)
}

/// `within + 1`, spread evenly over the parts.
fn allowances(within: u32) -> [u32; PARTS] {
    let before = |part: usize| (within + 1) * part as u32 / PARTS as u32;
    std::array::from_fn(|part| before(part + 1) - before(part))
}

/// How many masks have fewer bits than 0, 1, 2 ...; the allowances of two parts come to 8 at most.
const N_MASKS: [usize; 9] = [0, 1, 17, 137, 697, 2_517, 6_885, 14_893, 26_333];

/// The masks of fewer than four bits, which is the most that one part is allowed, those of fewer
/// bits first.
const MASKS: [u16; N_MASKS[4]] = {
    let mut masks = [0; N_MASKS[4]];
    let (mut n_masks, mut n_ones) = (0, 0);
    while n_ones < 4 {
        let mut mask = 0u32;
        while mask <= u16::MAX as u32 {
            if mask.count_ones() == n_ones {
                masks[n_masks] = mask as u16;
                n_masks += 1;
            }
            mask += 1;
        }
        n_ones += 1;
    }
    masks
};
