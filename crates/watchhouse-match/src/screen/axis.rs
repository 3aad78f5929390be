//! What blocks of a cosine transform weigh in PDQ's 64 values, along one direction.

use std::f64::consts::PI;

use crate::pdq::{SIDE, weights};

/// Into how many of the 64 values a block reaches, at most, along a side of [`LEAST_SIDE`] or more.
pub(crate) const REACH: usize = 4;

/// A shorter side has blocks that reach further.
pub(crate) const LEAST_SIDE: usize = 256;

/// The weights of the `N` lowest frequencies.
pub(crate) struct Axis<const N: usize> {
    pub(crate) blocks: Vec<BlockWeights<N>>,
}

#[derive(Clone)]
pub(crate) struct BlockWeights<const N: usize> {
    /// The first value that the block reaches into; there are [`REACH`] from here on.
    pub(crate) first: usize,
    pub(crate) weights: [[f32; REACH]; N],
}

impl<const N: usize> Axis<N> {
    /// Of a side of `len` samples, at least [`LEAST_SIDE`].
    pub(crate) fn new(len: usize) -> Axis<N> {
        let basis = basis();
        let mut blocks = vec![
            BlockWeights {
                first: SIDE,
                weights: [[0.0; REACH]; N]
            };
            len.div_ceil(8)
        ];
        for value in 0..SIDE {
            let (first, weights) = weights(value, len);
            for (x, weight) in (first..).zip(weights) {
                let block = &mut blocks[x / 8];
                // Values come in order, so the first that reaches here is the lowest.
                block.first = block.first.min(value).min(SIDE - REACH);
                for (sums, basis) in block.weights.iter_mut().zip(&basis) {
                    sums[value - block.first] += weight * basis[x % 8];
                }
            }
        }
        // A block may lie between all windows; then it weighs nothing anywhere.
        for block in &mut blocks {
            block.first = block.first.min(SIDE - REACH);
        }
        Axis { blocks }
    }
}

impl Axis<1> {
    /// Where only the blocks' means are known: between them, brightness is taken to go in straight
    /// lines instead of in steps. As T.81 proposes (section K.8), a block's lowest frequency is had from
    /// the difference of its neighbours' means; here that is all in the weights.
    pub(crate) fn with_straight_lines(len: usize) -> Axis<1> {
        /// How much of the difference: both are what the transform makes of a straight line.
        const OF_DIFFERENCE: f32 = 1.13885 / 8.0;
        let known = Axis::<2>::new(len).blocks;
        let n_blocks = known.len();
        let mut dense = vec![[0.0f32; SIDE]; n_blocks];
        for (at, block) in known.iter().enumerate() {
            let (before, after) = (at.saturating_sub(1), (at + 1).min(n_blocks - 1));
            for i in 0..REACH {
                dense[at][block.first + i] += block.weights[0][i];
                dense[before][block.first + i] += OF_DIFFERENCE * block.weights[1][i];
                dense[after][block.first + i] -= OF_DIFFERENCE * block.weights[1][i];
            }
        }
        let blocks = dense.iter().map(|weights| {
            let first = weights.iter().position(|&weight| weight != 0.0);
            let first = first.unwrap_or(SIDE).min(SIDE - REACH);
            BlockWeights {
                first,
                weights: [std::array::from_fn(|i| weights[first + i])],
            }
        });
        Axis {
            blocks: blocks.collect(),
        }
    }
}

/// Row `u` holds the samples of frequency `u` (T.81, section A.3.3, along one direction).
fn basis() -> [[f32; 8]; 8] {
    std::array::from_fn(|u| {
        std::array::from_fn(|x| {
            let scale = if u == 0 { 0.125f64.sqrt() } else { 0.5 };
            (scale * (((2 * x + 1) * u) as f64 * PI / 16.0).cos()) as f32
        })
    })
}
