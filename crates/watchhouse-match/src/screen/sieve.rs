//! Sums over blocks of coefficients, which give the 64x64 values that PDQ looks at.

use super::axis::{Axis, REACH};
use crate::jpeg::Block;
use crate::pdq::{Block64, SIDE};

/// Takes rows of blocks from the top. Of each block, the `N` lowest frequencies of each direction.
pub(super) struct Sieve<const N: usize> {
    across: Axis<N>,
    down: Axis<N>,
    /// Quantisation steps.
    steps: [[f32; N]; N],
    n_rows: usize,
    values: Box<Block64>,
}

impl<const N: usize> Sieve<N> {
    pub(super) fn new(across: Axis<N>, down: Axis<N>, quant: &[u16; 64]) -> Sieve<N> {
        Sieve {
            across,
            down,
            steps: std::array::from_fn(|v| std::array::from_fn(|u| f32::from(quant[8 * v + u]))),
            n_rows: 0,
            values: Box::new([[0.0; SIDE]; SIDE]),
        }
    }

    /// Takes the next row of blocks; what lies below or to the right of the picture is let go.
    /// `last` bounds the places of coefficients in zigzag order.
    pub(super) fn push(&mut self, blocks: &[Block], last: &[u8]) {
        let Some(down) = self.down.blocks.get(self.n_rows) else {
            return;
        };
        self.n_rows += 1;
        let mut sums = [[0.0f32; SIDE]; N];
        for ((block, &last), across) in blocks.iter().zip(last).zip(&self.across.blocks) {
            // Frequencies above this one are zero.
            let n = N.min(1 + diagonal(last));
            for v in 0..n {
                let mut reached = [0.0f32; REACH];
                for u in 0..n {
                    let coefficient = f32::from(block[8 * v + u]) * self.steps[v][u];
                    for (sum, weight) in reached.iter_mut().zip(across.weights[u]) {
                        *sum += coefficient * weight;
                    }
                }
                let sums = sums[v][across.first..].first_chunk_mut::<REACH>();
                let sums = sums.expect("an axis leaves room for its reach");
                for (sum, reached) in sums.iter_mut().zip(reached) {
                    *sum += reached;
                }
            }
        }
        for (sums, weights) in sums.iter().zip(&down.weights) {
            for (values, weight) in self.values[down.first..].iter_mut().zip(weights) {
                for (value, sum) in values.iter_mut().zip(sums) {
                    *value += weight * sum;
                }
            }
        }
    }

    pub(super) fn finish(self) -> Box<Block64> {
        self.values
    }
}

/// On which diagonal of a block a place in zigzag order lies.
fn diagonal(place: u8) -> usize {
    const ENDS: [u8; 7] = [0, 2, 5, 9, 14, 20, 27];
    ENDS.iter().filter(|&&end| place > end).count()
}
