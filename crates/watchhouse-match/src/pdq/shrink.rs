//! From a picture of any size to 64x64 samples: blur twice, then take centres.

use super::band::{Band, Column, LANES};
use super::boxes::{ColumnBlur, sums_along_rows};
use super::luma::LumaRows;

pub(super) const SIDE: usize = 64;

/// 64 rows of 64 brightness values.
pub(crate) type Block64 = [[f32; SIDE]; SIDE];

/// Both sides MUST be at least 5 pixels.
///
/// Always inlined, so that each kernel in `arch` compiles it for its own CPUs.
#[inline(always)]
pub(crate) fn shrink(
    luma: &LumaRows<'_>,
    block: &mut Block64,
    transposed: impl Fn(&[Column; LANES]) -> [Column; LANES] + Copy,
) {
    let (width, height) = (luma.width(), luma.height());
    if width == SIDE && height == SIDE {
        for (y, row) in block.iter_mut().enumerate() {
            luma.read(y, row);
        }
        return;
    }

    let mut second = SecondBlur::new(width, height, block, transposed);
    let mut first = ColumnBlur::new(width, height);
    let mut band = Band::new(width);
    let mut sharp = band.new_columns();
    let mut blurred = band.new_columns();
    for start in (0..height).step_by(LANES) {
        let n_rows = LANES.min(height - start);
        for lane in 0..n_rows {
            luma.read(start + lane, band.row_mut(lane));
        }
        band.write_columns(&mut sharp, transposed);
        sums_along_rows(&sharp[..width], |x, sums, n_inside| {
            blurred[x] = sums.map(|sum| sum / n_inside);
        });
        band.read_columns(&blurred, transposed);
        for lane in 0..n_rows {
            if first.push(band.row(lane), second.next_row()) {
                second.take();
            }
        }
    }
    while first.drain(second.next_row()) {
        second.take();
    }
    second.finish();
}

/// The second blur, of which only the samples at the 64x64 centres are wanted: sums must run along
/// whole rows, but down 64 columns only.
struct SecondBlur<'a, T> {
    transposed: T,
    centres: [usize; SIDE],
    width: usize,
    height: usize,
    band: Band,
    centred: Band,
    columns: Vec<Column>,
    n_waiting: usize,
    vertical: ColumnBlur,
    n_seen: usize,
    block: &'a mut Block64,
    n_taken: usize,
}

impl<T: Fn(&[Column; LANES]) -> [Column; LANES]> SecondBlur<'_, T> {
    fn new(width: usize, height: usize, block: &mut Block64, transposed: T) -> SecondBlur<'_, T> {
        let band = Band::new(width);
        SecondBlur {
            transposed,
            centres: std::array::from_fn(|i| centre(i, width)),
            width,
            height,
            columns: band.new_columns(),
            band,
            centred: Band::new(SIDE),
            n_waiting: 0,
            vertical: ColumnBlur::new(SIDE, height),
            n_seen: 0,
            block,
            n_taken: 0,
        }
    }

    /// Where the next row is to be written.
    #[inline(always)]
    fn next_row(&mut self) -> &mut [f32] {
        self.band.row_mut(self.n_waiting)
    }

    /// Takes the row that was written.
    #[inline(always)]
    fn take(&mut self) {
        self.n_waiting += 1;
        if self.n_waiting == LANES {
            self.blur();
        }
    }

    #[inline(always)]
    fn blur(&mut self) {
        self.band.write_columns(&mut self.columns, &self.transposed);
        let mut means = [[0.0; LANES]; SIDE];
        let mut n_found = 0;
        sums_along_rows(&self.columns[..self.width], |x, sums, n_inside| {
            // A picture narrower than 64 columns gives the same column more than once.
            while n_found < SIDE && self.centres[n_found] == x {
                means[n_found] = sums.map(|sum| sum / n_inside);
                n_found += 1;
            }
        });
        self.centred.read_columns(&means, &self.transposed);
        let mut means = [0.0; SIDE];
        for lane in 0..self.n_waiting {
            if self.vertical.push(self.centred.row(lane), &mut means) {
                self.sample(&means);
            }
        }
        self.n_waiting = 0;
    }

    #[inline(always)]
    fn finish(mut self) {
        self.blur();
        let mut means = [0.0; SIDE];
        while self.vertical.drain(&mut means) {
            self.sample(&means);
        }
    }

    /// Keeps a row of means if its y is that of a centre.
    #[inline(always)]
    fn sample(&mut self, means: &[f32; SIDE]) {
        // A picture lower than 64 rows gives the same row more than once.
        while self.n_taken < SIDE && centre(self.n_taken, self.height) == self.n_seen {
            self.block[self.n_taken] = *means;
            self.n_taken += 1;
        }
        self.n_seen += 1;
    }
}

/// floor((i + 1/2) * len / 64)
fn centre(i: usize, len: usize) -> usize {
    (2 * i + 1) * len / (2 * SIDE)
}
