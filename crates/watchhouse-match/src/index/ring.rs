//! Sixteen tables that find the rows near a query without comparing it with all of them.
//!
//! A hash is a ring of sixteen parts of sixteen bits. Give every part an allowance, all together
//! one more than the distance that is asked for. Walk round the ring and add up by how much each
//! part's differing bits fall short of its allowance: for a near row the whole round comes to more
//! than zero, so that a walk which starts right after the last place where the sum was lowest is above
//! zero at every step. Hence every near row has a part that
//!
//! * differs in fewer bits than its own allowance, and
//! * together with the part after it differs in fewer bits than both allowances.
//!
//! The table of a part holds all rows sorted by that part, and beside each row the part after. The
//! first condition says which few places of a table to open (multi-index hashing: Norouzi, Punjani
//! and Fleet 2012); the second refuses 99 of 100 rows there before their hashes are read (the
//! pigeonring principle: Qin and Xiao 2018), so that places may be as full as they are.

use std::io;

use super::columns::PdqColumns;
use super::stream::{LoadError, Plain, Sink, Source};
use super::walk::PARTS;
use crate::arch;

/// Values of a part, and so places of a table.
const PLACES: usize = 1 << 16;

/// Rows of a place are read so many at a time: the parts after of as many fill one cache line.
pub(super) const LINE: usize = 32;

/// The most rows of a ring, for their numbers take three bytes.
pub(super) const MAX_ROWS: usize = 1 << 24;

pub(crate) struct Ring {
    tables: Vec<Table>,
}

pub(super) struct Table {
    /// Where the rows of each place start.
    starts: Box<[u32; PLACES + 1]>,
    /// Each row's part after; then a line of zeros, so that any line can be read whole.
    afters: Vec<u16>,
    rows: Vec<RowNumber>,
}

#[derive(Clone, Copy, Default)]
struct RowNumber([u8; 3]);

/// A row on its way to its place.
#[derive(Clone, Copy, Default)]
struct Moving {
    low_byte: u8,
    row: RowNumber,
    after: u16,
}

impl Ring {
    /// There MUST be [`MAX_ROWS`] rows at most.
    pub(crate) fn of(columns: &PdqColumns) -> Ring {
        let mut scratch = arch::column_of(columns.len());
        scratch.resize(columns.len(), Moving::default());
        let first = columns.part(0);
        let mut own = first.clone();
        let mut tables = Vec::with_capacity(PARTS);
        for part in 1..PARTS {
            let after = columns.part(part);
            tables.push(Table::sorted(&own, &after, &mut scratch));
            own = after;
        }
        tables.push(Table::sorted(&own, &first, &mut scratch));
        Ring { tables }
    }

    #[inline(always)]
    pub(super) fn table(&self, part: usize) -> &Table {
        &self.tables[part]
    }

    pub(super) fn save(&self, to: &mut Sink<'_>) -> io::Result<()> {
        for table in &self.tables {
            to.put_all(&table.starts[..])?;
            to.put_all(&table.afters[..table.rows.len()])?;
            to.put_all(&table.rows)?;
        }
        Ok(())
    }

    pub(super) fn load(from: &mut Source<'_>, n_rows: usize) -> Result<Ring, LoadError> {
        let tables = (0..PARTS).map(|_| Table::load(from, n_rows));
        Ok(Ring {
            tables: tables.collect::<Result<_, _>>()?,
        })
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let tables = self.tables.iter().map(|table| {
            size_of_val(&*table.starts)
                + table.afters.capacity() * size_of::<u16>()
                + table.rows.capacity() * size_of::<RowNumber>()
        });
        self.tables.capacity() * size_of::<Table>() + tables.sum::<usize>()
    }
}

impl Table {
    /// Sorts rows by their own part: by its high byte into `scratch`, from there by its low byte. So
    /// only 256 places are written to at a time, and they stay in the nearest cache.
    fn sorted(own: &[u16], after: &[u16], scratch: &mut [Moving]) -> Table {
        let n_rows = own.len();
        let mut next = starts_by_byte(own.iter().map(|own| (own >> 8) as u8));
        for (row, (&own, &after)) in own.iter().zip(after).enumerate() {
            let next = &mut next[usize::from(own >> 8)];
            scratch[*next as usize] = Moving {
                low_byte: own as u8,
                row: RowNumber::new(row),
                after,
            };
            *next += 1;
        }

        let mut starts: Box<[u32; PLACES + 1]> = vec![0; PLACES + 1]
            .into_boxed_slice()
            .try_into()
            .expect("it was made with this length");
        let mut afters = arch::column_of(n_rows + LINE);
        afters.resize(n_rows + LINE, 0);
        let mut rows = arch::column_of(n_rows);
        rows.resize(n_rows, RowNumber::default());
        let mut start = 0;
        for (high_byte, end) in next.into_iter().enumerate() {
            let moving = &scratch[start as usize..end as usize];
            let mut next = starts_by_byte(moving.iter().map(|row| row.low_byte));
            for (low_byte, next) in next.iter_mut().enumerate() {
                *next += start;
                starts[high_byte << 8 | low_byte] = *next;
            }
            for moving in moving {
                let next = &mut next[usize::from(moving.low_byte)];
                afters[*next as usize] = moving.after;
                rows[*next as usize] = moving.row;
                *next += 1;
            }
            start = end;
        }
        starts[PLACES] = start;
        Table {
            starts,
            afters,
            rows,
        }
    }

    fn load(from: &mut Source<'_>, n_rows: usize) -> Result<Table, LoadError> {
        let starts: Vec<u32> = from.take_all(PLACES + 1)?;
        let mut afters = from.take_all_and(n_rows, LINE)?;
        afters.resize(n_rows + LINE, 0);
        let rows: Vec<RowNumber> = from.take_all(n_rows)?;
        let is_whole = starts[0] == 0 && starts[PLACES] as usize == n_rows;
        if !is_whole || !starts.is_sorted() || rows.iter().any(|row| row.get() >= n_rows) {
            return Err(LoadError::Contradictory("tables"));
        }
        let starts = starts.into_boxed_slice();
        Ok(Table {
            starts: starts.try_into().expect("as many were asked for"),
            afters,
            rows,
        })
    }

    /// From where to where the rows of a place are.
    #[inline(always)]
    pub(super) fn place(&self, own: u16) -> (u32, u32) {
        let own = usize::from(own);
        (self.starts[own], self.starts[own + 1])
    }

    #[inline(always)]
    pub(super) fn row(&self, at: u32) -> usize {
        self.rows[at as usize].get()
    }

    /// The parts after of the rows from here on, beyond the end of the place if need be.
    #[inline(always)]
    pub(super) fn line(&self, at: u32) -> &[u16; LINE] {
        self.afters[at as usize..]
            .first_chunk()
            .expect("a line of zeros follows the last row")
    }

    #[inline(always)]
    pub(super) fn prefetch_place(&self, own: u16) {
        arch::prefetch(&self.starts[..], own.into());
    }

    #[inline(always)]
    pub(super) fn prefetch_line(&self, at: u32) {
        arch::prefetch(&self.afters, at as usize);
    }

    #[inline(always)]
    pub(super) fn prefetch_row(&self, at: u32) {
        arch::prefetch(&self.rows, at as usize);
    }
}

impl RowNumber {
    fn new(row: usize) -> RowNumber {
        let [a, b, c, ..] = row.to_le_bytes();
        RowNumber([a, b, c])
    }

    #[inline(always)]
    fn get(self) -> usize {
        let [a, b, c] = self.0;
        u32::from_le_bytes([a, b, c, 0]) as usize
    }
}

impl Plain<3> for RowNumber {
    #[inline]
    fn to_bytes(self) -> [u8; 3] {
        self.0
    }

    #[inline]
    fn from_bytes(bytes: [u8; 3]) -> RowNumber {
        RowNumber(bytes)
    }
}

/// How many of the bytes are less than each value.
fn starts_by_byte(bytes: impl Iterator<Item = u8>) -> [u32; 256] {
    let mut starts = [0; 256];
    for byte in bytes {
        starts[usize::from(byte)] += 1;
    }
    let mut n_less = 0;
    for start in &mut starts {
        n_less += std::mem::replace(start, n_less);
    }
    starts
}
