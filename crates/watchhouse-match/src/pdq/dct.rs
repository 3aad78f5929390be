//! The discrete cosine transform of 64x64 samples to their 16x16 lowest frequencies, and the bits.

use std::sync::LazyLock;

use crate::hash::PdqHash;

use super::shrink::{Block64, SIDE};

pub(super) const N_FREQUENCIES: usize = 16;

/// Row = vertical frequency 1 to 16, column = horizontal frequency 1 to 16. There is no constant
/// term, so brightness does not count.
pub(super) type Block16 = [[f32; N_FREQUENCIES]; N_FREQUENCIES];

/// `COSINES[i][j] = sqrt(2/64) cos(pi/128 (i+1)(2j+1))`, the type-II transform.
static COSINES: LazyLock<[[f32; SIDE]; N_FREQUENCIES]> = LazyLock::new(|| {
    let scale = (2.0 / SIDE as f64).sqrt();
    std::array::from_fn(|i| {
        std::array::from_fn(|j| {
            let angle = std::f64::consts::PI / (2 * SIDE) as f64 * ((i + 1) * (2 * j + 1)) as f64;
            (scale * angle.cos()) as f32
        })
    })
});

/// `cosines * block * transposed cosines`, each sum in ascending order.
pub(super) fn transform(block: &Block64) -> Block16 {
    let cosines = &*COSINES;
    let mut half = [[0.0f32; SIDE]; N_FREQUENCIES];
    for (sums, cosines) in half.iter_mut().zip(cosines) {
        for (cosine, row) in cosines.iter().zip(block) {
            for (sum, value) in sums.iter_mut().zip(row) {
                *sum += cosine * value;
            }
        }
    }
    let mut coefficients = [[0.0; N_FREQUENCIES]; N_FREQUENCIES];
    for (row, half) in coefficients.iter_mut().zip(&half) {
        for (coefficient, cosines) in row.iter_mut().zip(cosines) {
            for (value, cosine) in half.iter().zip(cosines) {
                *coefficient += value * cosine;
            }
        }
    }
    coefficients
}

/// Bit `16 i + j` says whether coefficient `i, j` is above the median.
pub(super) fn bits(coefficients: &Block16) -> PdqHash {
    let mut sorted = *coefficients
        .as_flattened()
        .as_array::<256>()
        .expect("16x16 is 256");
    // Of 256 values the reference takes the lower of the two middle ones.
    let (_, &mut median, _) = sorted.select_nth_unstable_by(127, f32::total_cmp);

    let mut hash = PdqHash::default();
    for (k, &coefficient) in coefficients.as_flattened().iter().enumerate() {
        if coefficient > median {
            hash.0[31 - k / 8] |= 1 << (k % 8);
        }
    }
    hash
}
