//! From a picture of any size to 64x64 samples: blur twice, then take centres.

use super::boxes::{ColumnBlur, blur_row};
use super::luma::LumaRows;

pub(super) const SIDE: usize = 64;

/// 64 rows of 64 brightness values.
pub(super) type Block64 = [[f32; SIDE]; SIDE];

/// Both sides MUST be at least 5 pixels.
pub(super) fn shrink(luma: &LumaRows<'_>) -> Box<Block64> {
    let mut block = Box::new([[0.0; SIDE]; SIDE]);
    let (width, height) = (luma.width(), luma.height());
    if width == SIDE && height == SIDE {
        for (y, row) in block.iter_mut().enumerate() {
            luma.read(y, row);
        }
        return block;
    }

    let mut sampler = Sampler {
        block: &mut block,
        width,
        height,
        n_seen: 0,
        n_taken: 0,
    };
    let mut first = ColumnBlur::new(width, height);
    let mut second = ColumnBlur::new(width, height);
    let mut sharp = vec![0.0; width];
    let mut blurred = vec![0.0; width];

    let mut blur_again = |row: &mut [f32], blurred: &mut [f32]| {
        blur_row(row, blurred);
        if second.push(blurred, row) {
            sampler.take(row);
        }
    };
    for y in 0..height {
        luma.read(y, &mut sharp);
        blur_row(&sharp, &mut blurred);
        if first.push(&blurred, &mut sharp) {
            blur_again(&mut sharp, &mut blurred);
        }
    }
    while first.drain(&mut sharp) {
        blur_again(&mut sharp, &mut blurred);
    }
    while second.drain(&mut sharp) {
        sampler.take(&sharp);
    }
    block
}

/// Picks the 64x64 centres out of the rows that pass by.
struct Sampler<'a> {
    block: &'a mut Block64,
    width: usize,
    height: usize,
    n_seen: usize,
    n_taken: usize,
}

impl Sampler<'_> {
    fn take(&mut self, row: &[f32]) {
        // A picture lower than 64 rows gives the same row more than once.
        while self.n_taken < SIDE && centre(self.n_taken, self.height) == self.n_seen {
            for (x, value) in self.block[self.n_taken].iter_mut().enumerate() {
                *value = row[centre(x, self.width)];
            }
            self.n_taken += 1;
        }
        self.n_seen += 1;
    }
}

/// floor((i + 1/2) * len / 64)
fn centre(i: usize, len: usize) -> usize {
    (2 * i + 1) * len / (2 * SIDE)
}
