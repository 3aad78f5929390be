//! The inverse transform of a JPEG's blocks, a block to each lane of a register.
//!
//! Everything is as in the portable transform, which says what it means. Loops stand where closures
//! would be shorter: a closure is a function of its own, and not compiled for newer CPUs.

use super::words::Words;
use crate::decode::jpeg::idct::{
    BlockRow, FIRST_BIAS, FIRST_SHIFT, OF_0_AND_4, OF_2_AND_6, OF_5_AND_3, OF_7_AND_1, OF_SUMS,
    Pair, SECOND_BIAS, SECOND_SHIFT, fill,
};
use crate::jpeg::Block;

/// See [`crate::decode::jpeg::idct::idct`]. Here rows of samples MUST have room for as many blocks
/// more as make the last register full.
///
/// # Safety
/// The caller is compiled for CPUs that have the instructions of `W`.
#[inline(always)]
pub(super) unsafe fn idct<W: Words>(row: BlockRow<'_>, samples: &mut [u8], stride: usize) {
    let BlockRow {
        blocks,
        last,
        steps,
    } = row;
    let groups = blocks.chunks(W::N_LANES).zip(last.chunks(W::N_LANES));
    for (x, (blocks, last)) in groups.enumerate() {
        let x = x * W::N_LANES;
        if last.iter().all(|&last| last == 0) {
            for (i, block) in blocks.iter().enumerate() {
                fill(block[0], steps, &mut samples[8 * (x + i)..], stride);
            }
        } else {
            // SAFETY: as for this function.
            unsafe { transform::<W>(blocks, steps, &mut samples[8 * x..], stride) }
        }
    }
}

/// # Safety
/// As for [`idct`].
#[inline(always)]
unsafe fn transform<W: Words>(
    blocks: &[Block],
    steps: &[u16; 64],
    samples: &mut [u8],
    stride: usize,
) {
    let (steps, _) = steps.as_chunks::<8>();
    // SAFETY: as for `idct`.
    unsafe {
        let mut rows = [W::all_sums(0); 8];
        for (v, row) in rows.iter_mut().enumerate() {
            let coefficients = W::gather(|lane| {
                // A group that is not full repeats its last block.
                let (rows, _) = blocks[lane.min(blocks.len() - 1)].as_chunks::<8>();
                &rows[v]
            });
            *row = coefficients.multiply_low(W::all_lanes(steps[v].map(u16::cast_signed)));
        }
        let between = transposed(lines::<W, FIRST_SHIFT>(rows, FIRST_BIAS));
        let columns = lines::<W, SECOND_SHIFT>(between, SECOND_BIAS);
        let rows = transposed_bytes(columns);
        for (i, rows) in rows.into_iter().enumerate() {
            let (upper, lower) = samples[2 * i * stride..].split_at_mut(stride);
            rows.store_halves(upper, lower);
        }
    }
}

/// One line of eight in each word: `from` has the first of all lines, then the second.
///
/// # Safety
/// As for [`idct`].
#[inline(always)]
unsafe fn lines<W: Words, const SHIFT: u32>(from: [W; 8], bias: i32) -> [W; 8] {
    // SAFETY: as for `idct`.
    unsafe {
        let bias = W::all_sums(bias);
        let [even_0, even_1] = pairs(from[0], from[4], OF_0_AND_4);
        let (even_0, even_1) = (add(even_0, [bias; 2]), add(even_1, [bias; 2]));
        let [even_3, even_2] = pairs(from[2], from[6], OF_2_AND_6);
        let even = [
            add(even_0, even_3),
            add(even_1, even_2),
            subtract(even_1, even_2),
            subtract(even_0, even_3),
        ];

        let (sum_a, sum_b) = (from[3].add(from[7]), from[1].add(from[5]));
        let [shared_a, shared_b] = pairs(sum_a, sum_b, OF_SUMS);
        let [odd_3, odd_0] = pairs(from[7], from[1], OF_7_AND_1);
        let [odd_2, odd_1] = pairs(from[5], from[3], OF_5_AND_3);
        let odd = [
            add(odd_0, shared_b),
            add(odd_1, shared_a),
            add(odd_2, shared_b),
            add(odd_3, shared_a),
        ];
        let mut to = from;
        for i in 0..4 {
            to[i] = shifted::<W, SHIFT>(add(even[i], odd[i]));
            to[7 - i] = shifted::<W, SHIFT>(subtract(even[i], odd[i]));
        }
        to
    }
}

/// The sums for the lower and for the upper four words of all lanes.
type Sums<W> = [W; 2];

/// # Safety
/// As for [`idct`].
#[inline(always)]
unsafe fn pairs<W: Words>(x: W, y: W, factors: Pair) -> [Sums<W>; 2] {
    // SAFETY: as for `idct`.
    unsafe {
        let (low, high) = (x.zip_low(y), x.zip_high(y));
        let [[a, b], [c, d]] = factors;
        let first = W::all_lanes([a, b, a, b, a, b, a, b]);
        let second = W::all_lanes([c, d, c, d, c, d, c, d]);
        [
            [low.multiply_pairs(first), high.multiply_pairs(first)],
            [low.multiply_pairs(second), high.multiply_pairs(second)],
        ]
    }
}

/// # Safety
/// As for [`idct`].
#[inline(always)]
unsafe fn add<W: Words>(a: Sums<W>, b: Sums<W>) -> Sums<W> {
    // SAFETY: as for `idct`.
    unsafe { [a[0].add_sums(b[0]), a[1].add_sums(b[1])] }
}

/// # Safety
/// As for [`idct`].
#[inline(always)]
unsafe fn subtract<W: Words>(a: Sums<W>, b: Sums<W>) -> Sums<W> {
    // SAFETY: as for `idct`.
    unsafe { [a[0].subtract_sums(b[0]), a[1].subtract_sums(b[1])] }
}

/// # Safety
/// As for [`idct`].
#[inline(always)]
unsafe fn shifted<W: Words, const SHIFT: u32>(sums: Sums<W>) -> W {
    // SAFETY: as for `idct`.
    unsafe {
        let low = sums[0].shift_sums_right::<SHIFT>();
        low.narrow_sums(sums[1].shift_sums_right::<SHIFT>())
    }
}

/// Rows for columns in all lanes. Three rounds of shuffling two halves into each other, as one does
/// with cards, bring every word to where row and column have changed places.
///
/// # Safety
/// As for [`idct`].
#[inline(always)]
unsafe fn transposed<W: Words>(mut rows: [W; 8]) -> [W; 8] {
    for _ in 0..3 {
        let halves = rows;
        for i in 0..4 {
            // SAFETY: as for `idct`.
            unsafe {
                rows[2 * i] = halves[i].zip_low(halves[i + 4]);
                rows[2 * i + 1] = halves[i].zip_high(halves[i + 4]);
            }
        }
    }
    rows
}

/// The same with columns of words that become rows of bytes, two rows to a lane.
///
/// # Safety
/// As for [`idct`].
#[inline(always)]
unsafe fn transposed_bytes<W: Words>(columns: [W; 8]) -> [W; 4] {
    // SAFETY: as for `idct`.
    unsafe {
        let mut rows = [
            columns[0].narrow(columns[1]),
            columns[2].narrow(columns[3]),
            columns[4].narrow(columns[5]),
            columns[6].narrow(columns[7]),
        ];
        for _ in 0..3 {
            let halves = rows;
            for i in 0..2 {
                rows[2 * i] = halves[i].zip_bytes_low(halves[i + 2]);
                rows[2 * i + 1] = halves[i].zip_bytes_high(halves[i + 2]);
            }
        }
        rows
    }
}
