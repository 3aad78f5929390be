//! The bits of many PDQ hashes, laid out for comparing all of them with a few queries.
//!
//! The first 128 bits lie apart from the others, a word to a column: they alone refuse nearly every
//! row, so a sweep reads half the memory, and a register holds the same word of several rows.

use std::io;

use super::rows::push_tight;
use super::stream::{LoadError, Sink, Source};
use crate::arch;
use crate::hash::PdqHash;

/// How many rows are refused together: few enough that they stay in the first cache while every
/// query passes over them, enough that choosing the nearest of them costs little.
const BLOCK: usize = 64;

#[derive(Clone, Default)]
pub(crate) struct PdqColumns {
    heads: [Vec<u64>; 2],
    tails: Vec<[u64; 2]>,
}

impl PdqColumns {
    /// Columns that `n` hashes will fill, and that will be read at random.
    pub(super) fn with_capacity(n: usize) -> PdqColumns {
        PdqColumns {
            heads: std::array::from_fn(|_| arch::column_of(n)),
            tails: arch::column_of(n),
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.tails.len()
    }

    pub(crate) fn push(&mut self, hash: &PdqHash) {
        let [a, b, c, d] = hash.words();
        push_tight(&mut self.heads[0], a);
        push_tight(&mut self.heads[1], b);
        push_tight(&mut self.tails, [c, d]);
    }

    /// Calls `near` with query index, row and distance wherever the distance is `within` or less,
    /// in no particular order.
    ///
    /// Always inlined, so that each kernel in `arch` compiles it for its own CPUs.
    #[inline(always)]
    pub(crate) fn sweep(
        &self,
        queries: &[PdqHash],
        within: u32,
        near: &mut dyn FnMut(usize, usize, u32),
    ) {
        let (a_blocks, a_rest) = self.heads[0].as_chunks::<BLOCK>();
        let (b_blocks, _) = self.heads[1].as_chunks::<BLOCK>();
        for (block_idx, (a, b)) in a_blocks.iter().zip(b_blocks).enumerate() {
            for (query_idx, query) in queries.iter().enumerate() {
                if nearest_head(a, b, query) <= u64::from(within) {
                    let rows = block_idx * BLOCK..(block_idx + 1) * BLOCK;
                    for row in rows {
                        let distance = self.distance(row, query);
                        if distance <= within {
                            near(query_idx, row, distance);
                        }
                    }
                }
            }
        }
        let n_rows = self.tails.len();
        for row in n_rows - a_rest.len()..n_rows {
            for (query_idx, query) in queries.iter().enumerate() {
                let distance = self.distance(row, query);
                if distance <= within {
                    near(query_idx, row, distance);
                }
            }
        }
    }

    /// One part of every row; see [`PdqHash::parts`].
    pub(super) fn part(&self, part: usize) -> Vec<u16> {
        let shift = part % 4 * 16;
        let of = |word: &u64| (word >> shift) as u16;
        match part / 4 {
            head @ (0 | 1) => self.heads[head].iter().map(of).collect(),
            tail => self
                .tails
                .iter()
                .map(|words| of(&words[tail - 2]))
                .collect(),
        }
    }

    pub(super) fn hash(&self, row: usize) -> PdqHash {
        let [c, d] = self.tails[row];
        PdqHash::from_words([self.heads[0][row], self.heads[1][row], c, d])
    }

    #[inline(always)]
    pub(super) fn prefetch_tail(&self, row: usize) {
        arch::prefetch(&self.tails, row);
    }

    /// The distance of the last 128 bits, which lie together.
    #[inline(always)]
    pub(super) fn tail_distance(&self, row: usize, query: &PdqHash) -> u32 {
        let [.., c, d] = query.words();
        (self.tails[row][0] ^ c).count_ones() + (self.tails[row][1] ^ d).count_ones()
    }

    #[inline(always)]
    pub(super) fn distance(&self, row: usize, query: &PdqHash) -> u32 {
        let [a, b, c, d] = query.words();
        (self.heads[0][row] ^ a).count_ones()
            + (self.heads[1][row] ^ b).count_ones()
            + (self.tails[row][0] ^ c).count_ones()
            + (self.tails[row][1] ^ d).count_ones()
    }

    pub(super) fn save(&self, to: &mut Sink<'_>) -> io::Result<()> {
        to.put_all(&self.heads[0])?;
        to.put_all(&self.heads[1])?;
        to.put_all(&self.tails)
    }

    pub(super) fn load(from: &mut Source<'_>, n_rows: usize) -> Result<PdqColumns, LoadError> {
        Ok(PdqColumns {
            heads: [from.take_all(n_rows)?, from.take_all(n_rows)?],
            tails: from.take_all(n_rows)?,
        })
    }

    pub(super) fn memory_bytes(&self) -> usize {
        let heads = self.heads[0].capacity() + self.heads[1].capacity();
        heads * size_of::<u64>() + self.tails.capacity() * size_of::<[u64; 2]>()
    }
}

/// In how few of its first 128 bits any row of a block differs from a query.
#[inline(always)]
fn nearest_head(a: &[u64; BLOCK], b: &[u64; BLOCK], query: &PdqHash) -> u64 {
    let [query_a, query_b, ..] = query.words();
    // Counts stay as wide as the words, so that they need not change registers.
    let count = |word: u64| u64::from(word.count_ones());
    a.iter().zip(b).fold(u64::MAX, |nearest, (a, b)| {
        nearest.min(count(a ^ query_a) + count(b ^ query_b))
    })
}
