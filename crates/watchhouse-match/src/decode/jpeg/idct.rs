//! From quantised coefficients to samples: the inverse discrete cosine transform.
//!
//! In whole numbers, after Loeffler, Ligtenberg and Moschytz (1989) with 11 multiplications a line,
//! and with the precision and the rounding of the field's decoder (libjpeg's "islow"), because hash
//! lists are made of the samples that it gives. What it does beyond the range of a real picture's
//! coefficients is as here on the CPUs where its wide registers are used: 16 bits between the passes.

use crate::jpeg::Block;

/// Factors have this many binary places.
pub(crate) const FACTOR_BITS: u32 = 13;

/// Binary places that samples have between the passes.
const BETWEEN_BITS: u32 = 2;

/// Columns come out of the first pass 8 times as large as they went in: sqrt(8) each pass.
pub(crate) const FIRST_SHIFT: u32 = FACTOR_BITS - BETWEEN_BITS;
pub(crate) const SECOND_SHIFT: u32 = FACTOR_BITS + BETWEEN_BITS + 3;

/// Half of what is shifted out, for rounding.
pub(crate) const FIRST_BIAS: i32 = 1 << (FIRST_SHIFT - 1);
/// And the grey that coefficients are relative to.
pub(crate) const SECOND_BIAS: i32 = (1 << (SECOND_SHIFT - 1)) + (128 << SECOND_SHIFT);

/// Products of a pair of inputs with factors for a pair of outputs: `[[a, b], [c, d]]` makes
/// `a x + b y` and `c x + d y` of `x` and `y`. The factors are those of the published flow graph,
/// multiplied out where two follow each other.
pub(crate) type Pair = [[i16; 2]; 2];

/// 1.0
const ONE: i16 = 1 << FACTOR_BITS;
pub(crate) const OF_0_AND_4: Pair = [[ONE, ONE], [ONE, -ONE]];
/// 0.541196100, 1.847759065 and 0.765366865
pub(crate) const OF_2_AND_6: Pair = [[4433 + 6270, 4433], [4433, 4433 - 15137]];
/// 1.175875602, 1.961570560 and 0.390180644; of 3 + 7 and 1 + 5
pub(crate) const OF_SUMS: Pair = [[9633 - 16069, 9633], [9633, 9633 - 3196]];
/// 0.298631336, 0.899976223 and 1.501321110
pub(crate) const OF_7_AND_1: Pair = [[2446 - 7373, -7373], [-7373, 12299 - 7373]];
/// 2.053119869, 2.562915447 and 3.072711026
pub(crate) const OF_5_AND_3: Pair = [[16819 - 20995, -20995], [-20995, 25172 - 20995]];

/// Blocks side by side, and what it takes to make samples of them.
#[derive(Clone, Copy)]
pub(crate) struct BlockRow<'a> {
    pub(crate) blocks: &'a [Block],
    /// For each block a bound: behind that place in zigzag order its coefficients are zero.
    pub(crate) last: &'a [u8],
    /// What to multiply the coefficients by, in natural order.
    pub(crate) steps: &'a [u16; 64],
}

/// Transforms a row of blocks into eight rows of samples, `stride` apart.
pub(crate) fn idct(row: BlockRow<'_>, samples: &mut [u8], stride: usize) {
    for (x, (block, &last)) in row.blocks.iter().zip(row.last).enumerate() {
        let samples = &mut samples[8 * x..];
        if last == 0 {
            fill(block[0], row.steps, samples, stride);
        } else {
            transform(block, row.steps, samples, stride);
        }
    }
}

/// What [`transform`] makes of a block that is all one shade.
#[inline(always)]
pub(crate) fn fill(coefficient: i16, steps: &[u16; 64], samples: &mut [u8], stride: usize) {
    let between = narrow(i32::from(dequantised(coefficient, steps[0])) << BETWEEN_BITS);
    let shade = sample((i32::from(between) << FACTOR_BITS) + SECOND_BIAS);
    for y in 0..8 {
        samples[y * stride..][..8].fill(shade);
    }
}

fn transform(block: &Block, steps: &[u16; 64], samples: &mut [u8], stride: usize) {
    let mut between = [[0; 8]; 8];
    for u in 0..8 {
        let column = std::array::from_fn(|v| dequantised(block[8 * v + u], steps[8 * v + u]));
        for (v, value) in line(column, FIRST_BIAS).into_iter().enumerate() {
            between[v][u] = narrow(value >> FIRST_SHIFT);
        }
    }
    for (y, row) in between.into_iter().enumerate() {
        let row = line(row, SECOND_BIAS).map(sample);
        samples[y * stride..][..8].copy_from_slice(&row);
    }
}

fn dequantised(coefficient: i16, step: u16) -> i16 {
    coefficient.wrapping_mul(step.cast_signed())
}

fn narrow(value: i32) -> i16 {
    value.clamp(i16::MIN.into(), i16::MAX.into()) as i16
}

fn sample(value: i32) -> u8 {
    (value >> SECOND_SHIFT).clamp(0, 255) as u8
}

/// One line of eight.
fn line(from: [i16; 8], bias: i32) -> [i32; 8] {
    let [even_0, even_1] = pair(from[0], from[4], OF_0_AND_4).map(|value| value.wrapping_add(bias));
    let [even_3, even_2] = pair(from[2], from[6], OF_2_AND_6);
    let even = [
        even_0.wrapping_add(even_3),
        even_1.wrapping_add(even_2),
        even_1.wrapping_sub(even_2),
        even_0.wrapping_sub(even_3),
    ];

    let (sum_a, sum_b) = (from[3].wrapping_add(from[7]), from[1].wrapping_add(from[5]));
    let [shared_a, shared_b] = pair(sum_a, sum_b, OF_SUMS);
    let [odd_3, odd_0] = pair(from[7], from[1], OF_7_AND_1);
    let [odd_2, odd_1] = pair(from[5], from[3], OF_5_AND_3);
    let odd = [
        odd_0.wrapping_add(shared_b),
        odd_1.wrapping_add(shared_a),
        odd_2.wrapping_add(shared_b),
        odd_3.wrapping_add(shared_a),
    ];
    std::array::from_fn(|i| match i {
        0..4 => even[i].wrapping_add(odd[i]),
        _ => even[7 - i].wrapping_sub(odd[7 - i]),
    })
}

fn pair(x: i16, y: i16, [[a, b], [c, d]]: Pair) -> [i32; 2] {
    let [a, b, c, d, x, y] = [a, b, c, d, x, y].map(i32::from);
    [a * x + b * y, c * x + d * y]
}
